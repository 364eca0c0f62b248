//! `as`: conversions of scalars, and shapes that are checked when the program runs.

use super::body::{FnCx, Origin};
use super::pending::LeafKind;
use crate::ast::{self, TypeKind};
use crate::errors::types;
use crate::source::Span;
use crate::typed::{Expr, ExprKind, Literal, LocalId, Size, SizeAtom, Ty};

impl<'a> FnCx<'_, 'a> {
    pub fn cast(&mut self, value: &'a ast::Expr, te: &'a ast::TypeExpr, span: Span) -> Expr {
        let value = self.expr(value, None);
        if let TypeKind::Array { element, sizes } = &te.kind {
            return self.cast_shape(value, element, sizes, span);
        }
        let target = self.ty(te);
        let source = self.structure(&value.ty);
        if source == Ty::Error || target == Ty::Error {
            return Expr { kind: ExprKind::Error, ty: target, span };
        }
        match (&source, &target) {
            (Ty::Scalar(_) | Ty::Infer(_) | Ty::Array(..), Ty::Scalar(to)) => {
                // `1 as f64` is the number itself.
                if let (ExprKind::Literal(Literal::Int(n)), true) = (&value.kind, to.is_float()) {
                    let _ = self.require_leaf(&source, LeafKind::Scalar, "as", span);
                    let n = *n as f64;
                    return self.make(ExprKind::Literal(Literal::Float(n)), target, span);
                }
                let _ = self.require_leaf(&source, LeafKind::Scalar, "as", span);
                if *to == dprog_ir::Scalar::Bool && source != Ty::BOOL {
                    let shown = self.show(&source);
                    self.report(types::cannot_cast(span, &shown, "bool").help("compare with zero: `x != 0`"));
                    return Expr { kind: ExprKind::Error, ty: target, span };
                }
                if source == target {
                    return Expr { span, ..value };
                }
                let ty = match &source {
                    Ty::Array(_, sizes) => Ty::Array(Box::new(target), sizes.clone()),
                    _ => target,
                };
                self.make(ExprKind::Convert(Box::new(value)), ty, span)
            }
            _ => {
                if self.unify(&target, &source).is_ok() {
                    return Expr { span, ..value };
                }
                let (have, want) = (self.show(&source), self.show(&target));
                self.report(types::cannot_cast(span, &have, &want));
                Expr { kind: ExprKind::Error, ty: target, span }
            }
        }
    }

    /// `x as [f64; n, 64]`: a lone name that is not in scope is bound to the size found.
    fn cast_shape(&mut self, value: Expr, element: &'a ast::TypeExpr, sizes: &'a [ast::Size], span: Span) -> Expr {
        let source = self.structure(&value.ty);
        let mut binds: Vec<(usize, LocalId)> = Vec::new();
        let mut shape = Vec::new();
        for (axis, size) in sizes.iter().enumerate() {
            let new = match size {
                ast::Size::Expr(e) => self.new_size_name(e),
                ast::Size::Some(_, name) => {
                    self.report(types::some_outside_result(name));
                    None
                }
            };
            shape.push(match (new, size) {
                (Some(name), _) => {
                    let local = self.bind(name, Ty::I64, false, Origin::Let);
                    binds.push((axis, local));
                    Size::atom(SizeAtom::Local(local))
                }
                (None, ast::Size::Expr(e)) => self.size_expr(e),
                (None, ast::Size::Some(..)) => self.infer.size(),
            });
        }
        let element = self.ty(element);
        let target = Ty::array(element.clone(), shape);
        match (&source, &target) {
            (Ty::Error, _) => return Expr { kind: ExprKind::Error, ty: target, span },
            (Ty::Array(from, have), Ty::Array(to, want))
                if have.len() == want.len() && self.unify(from, to).is_ok() =>
            {
                self.name_unknown_sizes(have, want);
                return self.reshaped(value, target, binds, span);
            }
            // The same shape in another element type: converted, then checked.
            (Ty::Array(from, have), Ty::Array(to, want))
                if have.len() == want.len() && from.as_scalar().is_some() && to.as_scalar().is_some() =>
            {
                let (have, ty) = (have.clone(), Ty::Array(to.clone(), have.clone()));
                self.name_unknown_sizes(&have, want);
                let converted = self.make(ExprKind::Convert(Box::new(value)), ty, span);
                return self.reshaped(converted, target, binds, span);
            }
            (Ty::List(from), Ty::Array(..)) => {
                let rows = match &target {
                    Ty::Array(of, sizes) if sizes.len() > 1 => Ty::Array(of.clone(), sizes[1..].to_vec()),
                    _ => element,
                };
                if self.unify(from, &rows).is_ok() {
                    return self.reshaped(value, target, binds, span);
                }
            }
            _ => {}
        }
        let (have, want) = (self.show(&source), self.show(&target));
        self.report(types::cannot_cast(span, &have, &want));
        Expr { kind: ExprKind::Error, ty: target, span }
    }

    /// Sizes that only this `as` decides.
    fn name_unknown_sizes(&mut self, have: &[Size], want: &[Size]) {
        for (have, want) in have.iter().zip(want) {
            let have = self.infer.size_of(have);
            if super::infer::mentions_infer(&have) {
                let _ = self.unify_sizes(&have, want);
            }
        }
    }

    fn reshaped(&self, value: Expr, target: Ty, binds: Vec<(usize, LocalId)>, span: Span) -> Expr {
        self.make(ExprKind::Reshaped { value: Box::new(value), binds }, target, span)
    }

    /// The name, if an expression is a lone name that means nothing yet.
    fn new_size_name(&self, e: &'a ast::Expr) -> Option<&'a ast::Name> {
        let ast::ExprKind::Path(path) = &e.kind else { return None };
        let name = path.as_name()?;
        let known = self.lookup(&name.text).is_some()
            || self.env.generic(&name.text).is_some()
            || self.cx.scopes.lookup(self.scope, &name.text).is_some()
            || name.is_capitalised();
        (!known).then_some(name)
    }
}
