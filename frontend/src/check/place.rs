//! Places: what can be assigned or handed over with `&`, and which of them overlap.

use super::body::{FnCx, Origin};
use super::ops;
use crate::ast;
use crate::errors::{calls, places, types};
use crate::source::Span;
use crate::typed::{Expr, ExprKind, IndexArg, Literal, LocalId, Place, Projection, Stmt, Ty};
use dprog_ir::entity::Entity;

/// What happens to a place, for messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Assign,
    /// `&x`
    Lend,
    /// The receiver of an `inout self` method.
    Receive,
}

impl<'a> FnCx<'_, 'a> {
    /// A place that may change, or a report why it may not.
    pub fn place(&mut self, e: &'a ast::Expr, what: Use) -> Option<Place> {
        let place = self.path_of_place(e, what)?;
        self.may_change(&place, what).then_some(place)
    }

    fn path_of_place(&mut self, e: &'a ast::Expr, what: Use) -> Option<Place> {
        match &e.kind {
            ast::ExprKind::Path(path) => match self.resolve_value(path) {
                super::path::Value::Local(local) => {
                    let ty = self.locals[local].ty.clone();
                    Some(Place { local, path: Vec::new(), ty, span: e.span })
                }
                super::path::Value::Error => None,
                _ => {
                    self.report(places::not_a_variable(e.span, path.last().name.as_str()));
                    None
                }
            },
            ast::ExprKind::Field { base, name } => {
                let place = self.path_of_place(base, what)?;
                let ty = self.structure(&place.ty);
                let (index, ty) = self.field_of(&ty, name, base.span)?;
                Some(extend(place, Projection::Field(index), ty, e.span))
            }
            ast::ExprKind::TupleField { base, index, index_span } => {
                let place = self.path_of_place(base, what)?;
                let ty = self.structure(&place.ty);
                let ty = self.tuple_field_of(&ty, *index, *index_span)?;
                Some(extend(place, Projection::Field(*index), ty, e.span))
            }
            ast::ExprKind::Index { base, args } => {
                let place = self.path_of_place(base, what)?;
                let base_ty = self.structure(&place.ty);
                let mut before = Vec::new();
                let (args, ty) = self.index_args(&base_ty, base.span, args, e.span, &mut before)?;
                self.hoisted.append(&mut before);
                Some(extend(place, Projection::Index(args, e.span), ty, e.span))
            }
            ast::ExprKind::Error => None,
            _ => {
                // A receiver has been checked as a value already.
                if what != Use::Receive {
                    self.expr(e, None);
                }
                self.report(places::not_a_place(e.span, what));
                None
            }
        }
    }

    fn may_change(&mut self, place: &Place, what: Use) -> bool {
        let local = &self.locals[place.local];
        let (name, declared) = (local.name.clone(), local.span);
        let origin = self.infos[place.local.index()].origin;
        if self.is_captured(place.local) {
            self.report(places::captured(place.span, &name, declared, what));
            return false;
        }
        // A `let` without a value is assigned later, once: the check of assignments looks at that.
        let late = origin == Origin::LateLet && what == Use::Assign && place.path.is_empty();
        if local.mutable || late {
            return true;
        }
        self.report(places::immutable(place.span, &name, declared, origin, what));
        false
    }

    /// Whether a local belongs to a body around the closure that is being checked.
    fn is_captured(&self, local: LocalId) -> bool {
        self.frames.last().is_some_and(|f| f.is_closure && local.index() < f.first_local)
    }

    /// `place = value`, `place op= value`
    pub fn assign(
        &mut self,
        op: Option<ast::BinaryOp>,
        op_span: Span,
        place: &'a ast::Expr,
        value: &'a ast::Expr,
        span: Span,
    ) -> Expr {
        if let (None, ast::ExprKind::Tuple(parts)) = (op, &place.kind) {
            return self.assign_tuple(parts, value, span);
        }
        let outer = std::mem::take(&mut self.hoisted);
        let place = self.place(place, Use::Assign);
        let before = std::mem::replace(&mut self.hoisted, outer);
        let made = self.assign_to(place, op, op_span, value, span);
        self.after(before, made)
    }

    /// `(a, b) = value`: the whole value is taken first, then its parts go to their places from left to right.
    fn assign_tuple(&mut self, parts: &'a [ast::Expr], value: &'a ast::Expr, span: Span) -> Expr {
        let value = self.expr(value, None);
        let mut stmts = Vec::new();
        let value = self.hide(value, &mut stmts);
        self.store_parts(parts, value, &mut stmts);
        Expr { kind: ExprKind::Block { stmts, value: None }, ty: Ty::UNIT, span }
    }

    fn store_parts(&mut self, parts: &'a [ast::Expr], value: Expr, stmts: &mut Vec<Stmt>) {
        let types = match self.structure(&value.ty) {
            Ty::Tuple(types) if types.len() == parts.len() => types,
            Ty::Error | Ty::Never => vec![Ty::Error; parts.len()],
            other => {
                let shown = self.show(&other);
                let wanted = format!("({})", vec!["_"; parts.len()].join(", "));
                self.report(types::mismatch(value.span, &wanted, &shown));
                vec![Ty::Error; parts.len()]
            }
        };
        for (index, (part, ty)) in parts.iter().zip(types).enumerate() {
            let base = Box::new(value.clone());
            let value = Expr { kind: ExprKind::Field { base, field: index as u32 }, ty, span: value.span };
            match &part.kind {
                ast::ExprKind::Tuple(inner) => self.store_parts(inner, value, stmts),
                _ => self.store_part(part, value, stmts),
            }
        }
    }

    fn store_part(&mut self, part: &'a ast::Expr, value: Expr, stmts: &mut Vec<Stmt>) {
        let outer = std::mem::take(&mut self.hoisted);
        let place = self.place(part, Use::Assign);
        stmts.append(&mut std::mem::replace(&mut self.hoisted, outer));
        let Some(place) = place else { return };
        self.at = part.span;
        if self.unify(&place.ty, &value.ty).is_err() {
            let (want, have) = (self.show(&place.ty), self.show(&value.ty));
            self.report(types::mismatch(part.span, &have, &want));
            return;
        }
        let kind = ExprKind::Assign { op: None, place, value: Box::new(value) };
        stmts.push(Stmt::Expr(Expr { kind, ty: Ty::UNIT, span: part.span }));
    }

    fn assign_to(
        &mut self,
        place: Option<Place>,
        op: Option<ast::BinaryOp>,
        op_span: Span,
        value: &'a ast::Expr,
        span: Span,
    ) -> Expr {
        let Some(place) = place else {
            self.expr(value, None);
            return self.make(ExprKind::Error, Ty::UNIT, span);
        };
        let Some(op) = op else {
            let declared = self.locals[place.local].span;
            let reason = place.path.is_empty().then_some((declared, "the variable is declared here"));
            let value = self.check(value, &place.ty.clone(), reason);
            return self.make(ExprKind::Assign { op: None, place, value: Box::new(value) }, Ty::UNIT, span);
        };
        let Some(op) = ops::arithmetic(op) else { return self.error(span) };
        let hint = self.infer.shallow(&place.ty);
        let value = self.expr(value, Some(&hint));
        let target = Expr { kind: ExprKind::Local(place.local), ty: place.ty.clone(), span: place.span };
        let (ok, ty) = self.broadcast(Some(op), ops::symbol(op), &target, &value, span);
        if ok && ty != Ty::Never {
            self.at = span;
            if self.unify(&place.ty, &ty).is_err() {
                let (want, have) = (self.show(&place.ty), self.show(&ty));
                self.report(places::does_not_fit(span, op_span, &want, &have));
            }
        }
        self.make(ExprKind::Assign { op: Some(op), place, value: Box::new(value) }, Ty::UNIT, span)
    }

    /// Reports places of one call that surely overlap. Indices known only at run time are compared there.
    pub fn check_overlap(&mut self, places: &[&Place]) {
        for (index, b) in places.iter().enumerate() {
            for a in &places[..index] {
                if overlap(a, b) {
                    let name = self.locals[a.local].name.clone();
                    self.report(calls::overlap(b.span, a.span, &name));
                    return;
                }
            }
        }
    }
}

fn extend(mut place: Place, step: Projection, ty: Ty, span: Span) -> Place {
    place.path.push(step);
    Place { ty, span, ..place }
}

/// Whether two places certainly share something.
fn overlap(a: &Place, b: &Place) -> bool {
    if a.local != b.local {
        return false;
    }
    for (x, y) in a.path.iter().zip(&b.path) {
        match (x, y) {
            (Projection::Field(i), Projection::Field(j)) if i == j => {}
            (Projection::Index(xs, _), Projection::Index(ys, _)) if xs.len() == ys.len() => {
                if !xs.iter().zip(ys).all(|(x, y)| surely_meet(x, y)) {
                    return false;
                }
            }
            // A row and an element of a matrix: the first indices decide.
            (Projection::Index(xs, _), Projection::Index(ys, _)) => {
                return xs.iter().zip(ys).all(|(x, y)| surely_meet(x, y));
            }
            _ => return false,
        }
    }
    true
}

/// Whether two indices have an element in common whatever the values of variables.
fn surely_meet(a: &IndexArg, b: &IndexArg) -> bool {
    match (a, b) {
        (IndexArg::All, _) | (_, IndexArg::All) => true,
        (IndexArg::At(x), IndexArg::At(y)) => match (number(x), number(y)) {
            (Some(x), Some(y)) => x == y,
            _ => same(x, y),
        },
        (IndexArg::Range(a, b), IndexArg::Range(c, d)) => {
            let (a, c) = (lower(a.as_ref()), lower(c.as_ref()));
            let (b, d) = (upper(b.as_ref()), upper(d.as_ref()));
            matches!((a, b, c, d), (Some(a), Some(b), Some(c), Some(d)) if a.max(c) < b.min(d))
        }
        (IndexArg::At(x), IndexArg::Range(lo, hi)) | (IndexArg::Range(lo, hi), IndexArg::At(x)) => {
            let (lo, hi) = (lower(lo.as_ref()), upper(hi.as_ref()));
            matches!((number(x), lo, hi), (Some(x), Some(lo), Some(hi)) if lo <= x && x < hi)
        }
    }
}

fn lower(bound: Option<&Expr>) -> Option<i64> {
    bound.map_or(Some(0), number)
}

fn upper(bound: Option<&Expr>) -> Option<i64> {
    bound.map_or(Some(i64::MAX), number)
}

fn number(e: &Expr) -> Option<i64> {
    match e.kind {
        ExprKind::Literal(Literal::Int(n)) => Some(n),
        _ => None,
    }
}

/// The same variable twice.
fn same(a: &Expr, b: &Expr) -> bool {
    matches!((&a.kind, &b.kind), (ExprKind::Local(x), ExprKind::Local(y)) if x == y)
}
