//! Expressions as sizes, and the sizes that occur in types.
//!
//! A size is made of immutable `i64`: literals, constants, size parameters, parameters, `let`s, loop variables and
//! arithmetic on them. A `let` that is bound to such an expression *is* that expression, so `let h = n / 2` and `n / 2` agree.

use super::body::{FnCx, Origin};
use super::infer::operation;
use crate::ast;
use crate::errors::types;
use crate::typed::{
    Arg, Arithmetic, Builtin, CallArg, Expr, ExprKind, FnRef, GenericId, Literal, LocalId, Pattern, PatternKind, Size,
    SizeAtom, SizeOp, Stmt, Ty,
};
use dprog_ir::BinaryOp;
use dprog_ir::entity::Entity;

impl<'a> FnCx<'_, 'a> {
    /// An expression as a size, if it is one.
    pub fn size_form(&mut self, e: &Expr) -> Option<Size> {
        self.linear(e, false)
    }

    /// As [`FnCx::size_form`]; with `snapshot`, a variable counts as what it is at this moment.
    fn linear(&mut self, e: &Expr, snapshot: bool) -> Option<Size> {
        if self.resolve(&e.ty) != Ty::I64 && !self.is_int_literal(&e.ty) {
            return None;
        }
        match &e.kind {
            ExprKind::Literal(Literal::Int(n)) => Some(Size::constant(*n)),
            ExprKind::Size(size) => Some(self.infer.size_of(size)),
            ExprKind::Local(local) => self.size_of_local(*local, snapshot),
            ExprKind::Const(id) => self.cx.const_number(*id, e.span).map(Size::constant),
            ExprKind::Neg(x) => Some(self.linear(x, snapshot)?.scale(-1)),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.linear(a, snapshot)?, self.linear(b, snapshot)?);
                match op {
                    Arithmetic::Add => Some(a.add(&b)),
                    Arithmetic::Sub => Some(a.sub(&b)),
                    Arithmetic::Mul => Some(a.mul(&b)),
                    Arithmetic::Div => Some(operation(SizeOp::Div, &a, &b)),
                    Arithmetic::Rem => Some(operation(SizeOp::Rem, &a, &b)),
                    Arithmetic::Shl => Some(operation(SizeOp::Shl, &a, &b)),
                    Arithmetic::Shr => Some(operation(SizeOp::Shr, &a, &b)),
                    Arithmetic::BitAnd | Arithmetic::BitOr | Arithmetic::BitXor => None,
                }
            }
            ExprKind::Call { callee: FnRef::Builtin(builtin), args } => self.size_of_call(*builtin, args, snapshot),
            _ => None,
        }
    }

    fn is_int_literal(&self, ty: &Ty) -> bool {
        matches!(self.infer.shallow(ty), Ty::Infer(v) if matches!(self.infer.var(v), super::infer::TyVar::Int))
    }

    fn size_of_local(&mut self, local: LocalId, snapshot: bool) -> Option<Size> {
        if self.locals[local].mutable && !snapshot {
            return None;
        }
        let known = self.infos[local.index()].size.clone();
        Some(known.unwrap_or_else(|| Size::atom(SizeAtom::Local(local))))
    }

    fn size_of_call(&mut self, builtin: Builtin, args: &[CallArg], snapshot: bool) -> Option<Size> {
        let op = match (builtin, args) {
            (Builtin::Binary(BinaryOp::Min), _) => SizeOp::Min,
            (Builtin::Binary(BinaryOp::Max), _) => SizeOp::Max,
            (Builtin::Len, [CallArg::Value(x)]) => match self.resolve(&x.ty) {
                Ty::Array(_, sizes) => return Some(sizes[0].clone()),
                _ => return None,
            },
            _ => return None,
        };
        let [CallArg::Value(a), CallArg::Value(b)] = args else { return None };
        Some(operation(op, &self.linear(a, snapshot)?, &self.linear(b, snapshot)?))
    }

    /// `to - from`, if that is a size: variables that cancel may be in it.
    pub fn difference(&mut self, from: &Expr, to: &Expr) -> Option<Size> {
        let difference = self.linear(to, true)?.sub(&self.linear(from, true)?);
        let mut found = Vec::new();
        locals_of_size(&difference, &mut found);
        found.iter().all(|l| !self.locals[*l].mutable).then_some(difference)
    }

    /// A size written in a type.
    pub fn size_expr(&mut self, e: &'a ast::Expr) -> Size {
        if let ast::ExprKind::Path(path) = &e.kind
            && self.is_no_size(path)
        {
            return self.infer.size();
        }
        let value = self.check(e, &Ty::I64, Some((e.span, "a size is an `i64`")));
        if matches!(value.ty, Ty::Error) {
            return self.infer.size();
        }
        let before = self.cx.diagnostics.len();
        let form = self.size_form(&value);
        if form.is_none() && self.cx.diagnostics.len() > before {
            return self.infer.size();
        }
        if let Some(size) = form {
            self.refuse_negative(&value, &size);
            return size;
        }
        let variable = self.variable_in(&value);
        self.report(types::not_a_size(e.span, variable.map(|l| (self.locals[l].name.clone(), self.locals[l].span))));
        self.infer.size()
    }

    /// A negative number as a size is a mistake; what is computed by way of a variable traps when the program gets there.
    pub fn refuse_negative(&mut self, value: &Expr, size: &Size) {
        if let Some(c) = size.as_constant().filter(|c| *c < 0 && is_number(value)) {
            self.report(types::negative_size(value.span, c));
        }
    }

    /// Reports a name that nobody has given a size, or that is one of a type.
    pub fn is_no_size(&mut self, path: &ast::Path) -> bool {
        let Some(name) = path.as_name() else { return false };
        if self.lookup(&name.text).is_some() {
            return false;
        }
        if let Some(generic) = self.env.generic(&name.text) {
            let is_type = matches!(generic.kind, crate::typed::GenericKind::Type(_));
            if is_type {
                self.report(crate::errors::names::type_as_size(name.span, &name.text));
            }
            return is_type;
        }
        if self.cx.scopes.lookup(self.scope, &name.text).is_some() || super::known::known(&name.text).is_some() {
            return false;
        }
        if super::typeexpr::scalar_named(name.as_str()).is_some() || matches!(name.as_str(), "str" | "List") {
            self.report(types::type_as_size(name.span, &name.text));
            return true;
        }
        let locals = self.names.iter().map(|(n, _)| n.as_str());
        let sizes = self.env.generics.iter().map(|g| g.name.as_str());
        let near = crate::resolve::suggest::nearest(&name.text, locals.chain(sizes)).map(str::to_string);
        self.report(crate::errors::names::unknown_size(name, near.as_deref()));
        true
    }

    /// A `var` that keeps an expression from being a size.
    fn variable_in(&self, e: &Expr) -> Option<LocalId> {
        match &e.kind {
            ExprKind::Local(l) if self.locals[*l].mutable => Some(*l),
            ExprKind::Neg(x) => self.variable_in(x),
            ExprKind::Binary(_, a, b) => self.variable_in(a).or_else(|| self.variable_in(b)),
            _ => None,
        }
    }

    /// An `i64` as a size, in any case: what is no size by itself gets a hidden local, bound by a statement that must run
    /// before the expression in which the size occurs.
    pub fn force_size(&mut self, value: Expr, before: &mut Vec<Stmt>) -> (Expr, Size) {
        if let Some(size) = self.size_form(&value) {
            return (value, size);
        }
        let span = value.span;
        let (local, size) = self.hidden_size(span);
        before.push(let_hidden(local, value));
        (Expr { kind: ExprKind::Local(local), ty: Ty::I64, span }, size)
    }

    /// A value in a hidden local, so that it can be used several times.
    pub fn hide(&mut self, value: Expr, before: &mut Vec<Stmt>) -> Expr {
        let (span, ty) = (value.span, value.ty.clone());
        let local = self.local(&"_".into(), ty.clone(), false, span, Origin::Let);
        before.push(let_hidden(local, value));
        Expr { kind: ExprKind::Local(local), ty, span }
    }

    /// An expression after statements.
    pub fn after(&self, before: Vec<Stmt>, value: Expr) -> Expr {
        if before.is_empty() {
            return value;
        }
        let (ty, span) = (value.ty.clone(), value.span);
        Expr { kind: ExprKind::Block { stmts: before, value: Some(Box::new(value)) }, ty, span }
    }

    /// Gives computed sizes of a call's result names: each axis whose size is in `opened` is bound to a hidden local.
    pub fn bind_computed(&mut self, call: Expr) -> Expr {
        let Ty::Array(element, sizes) = self.resolve(&call.ty) else { return call };
        let mut binds = Vec::new();
        let mut named = Vec::new();
        for (axis, size) in sizes.iter().enumerate() {
            match size.as_atom() {
                Some(SizeAtom::Infer(var)) => {
                    let (local, size) = self.hidden_size(call.span);
                    self.infer.solve_size(*var, size.clone());
                    binds.push((axis, local));
                    named.push(size);
                }
                _ => named.push(self.infer.size_of(size)),
            }
        }
        let (ty, span) = (Ty::Array(element, named), call.span);
        Expr { kind: ExprKind::Reshaped { value: Box::new(call), binds }, ty, span }
    }
}

/// Whether an expression is made of literals and constants.
fn is_number(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Literal(_) | ExprKind::Const(_) => true,
        ExprKind::Neg(x) => is_number(x),
        ExprKind::Binary(_, a, b) => is_number(a) && is_number(b),
        _ => false,
    }
}

fn let_hidden(local: LocalId, value: Expr) -> Stmt {
    let pattern = Pattern { kind: PatternKind::Binding(local), ty: value.ty.clone(), span: value.span };
    Stmt::Let { pattern, init: Some(value) }
}

/// The locals in the sizes of a type.
pub(super) fn locals_of(ty: &Ty) -> Vec<LocalId> {
    let mut found = Vec::new();
    each_size(ty, &mut |size| locals_of_size(size, &mut found));
    found
}

fn locals_of_size(size: &Size, found: &mut Vec<LocalId>) {
    each_atom(size, &mut |atom| {
        if let SizeAtom::Local(local) = atom {
            found.push(*local);
        }
    });
}

/// The size parameters in a type.
pub(super) fn params_of(ty: &Ty) -> Vec<GenericId> {
    let mut found = Vec::new();
    each_size(ty, &mut |size| {
        each_atom(size, &mut |atom| {
            if let SizeAtom::Param(id) = atom {
                found.push(*id);
            }
        });
    });
    found
}

/// Whether a size in a type is still to be inferred.
pub(super) fn has_open_size(ty: &Ty) -> bool {
    let mut open = false;
    each_size(ty, &mut |size| open |= super::infer::mentions_infer(size));
    open
}

/// Calls `f` with every size in a type.
pub(super) fn each_size(ty: &Ty, f: &mut dyn FnMut(&Size)) {
    match ty {
        Ty::Array(element, sizes) => {
            each_size(element, f);
            sizes.iter().for_each(f);
        }
        Ty::Tuple(parts) => parts.iter().for_each(|t| each_size(t, f)),
        Ty::List(of) | Ty::Tangent(of) => each_size(of, f),
        Ty::Adt(_, args) => args.iter().for_each(|a| match a {
            Arg::Ty(ty) => each_size(ty, f),
            Arg::Size(size) => f(size),
        }),
        Ty::Fn(params, result) => {
            params.iter().for_each(|p| each_size(&p.ty, f));
            each_size(result, f);
        }
        Ty::Scalar(_) | Ty::Str | Ty::Param(_) | Ty::Never | Ty::Infer(_) | Ty::Error => {}
    }
}

/// Calls `f` with every atom of a size, those inside operations too.
pub(super) fn each_atom(size: &Size, f: &mut dyn FnMut(&SizeAtom)) {
    for atom in size.terms.keys() {
        f(atom);
        if let SizeAtom::Op(_, a, b) = atom {
            each_atom(a, f);
            each_atom(b, f);
        }
    }
}
