//! Branches, matches and loops.

use super::body::{FnCx, Origin, last_value};
use super::pending::LeafKind;
use crate::ast::{self, MatchSource};
use crate::errors::{calls, patterns, types, unsupported};
use crate::source::Span;
use crate::typed::{Arm, Expr, ExprKind, Iterable, RangeAdapter, Ty};

impl<'a> FnCx<'_, 'a> {
    pub fn if_expr(
        &mut self,
        cond: &'a ast::Expr,
        then: &'a ast::Block,
        otherwise: Option<&'a ast::Expr>,
        want: Option<&Ty>,
        tail: Option<Span>,
        span: Span,
    ) -> Expr {
        let cond = self.check(cond, &Ty::BOOL, None);
        // Without `else` the value is `()`, whatever is wanted.
        let branch_want = if otherwise.is_some() { want } else { None };
        let then = self.branch(then, branch_want, tail.filter(|_| otherwise.is_some()));
        let Some(otherwise) = otherwise else {
            if !matches!(self.infer.shallow(&then.ty), Ty::Never | Ty::Error)
                && self.unify(&Ty::UNIT, &then.ty).is_err()
            {
                let shown = self.show(&then.ty);
                self.report(types::if_without_else(then.span, &shown));
                return self.error(span);
            }
            let kind = ExprKind::If { cond: Box::new(cond), then: Box::new(then), otherwise: None };
            return self.make(kind, Ty::UNIT, span);
        };
        let hint = self.first_known(want, &then.ty);
        let otherwise = self.in_region(|cx| {
            cx.tail = tail;
            cx.expr(otherwise, hint.as_ref())
        });
        let ty = self.join(want, [&then, &otherwise].into_iter(), "if", tail);
        let otherwise = Some(Box::new(otherwise));
        self.make(ExprKind::If { cond: Box::new(cond), then: Box::new(then), otherwise }, ty, span)
    }

    fn branch(&mut self, block: &'a ast::Block, want: Option<&Ty>, tail: Option<Span>) -> Expr {
        self.in_region(|cx| {
            cx.tail = tail;
            cx.block(block, want)
        })
    }

    /// What later branches should be: what is wanted, or what the first is.
    fn first_known(&self, want: Option<&Ty>, first: &Ty) -> Option<Ty> {
        want.cloned().or_else(|| (*first != Ty::Never).then(|| first.clone()))
    }

    /// The common type of branches. A mismatch is reported at the branch.
    fn join<'e>(
        &mut self,
        want: Option<&Ty>,
        branches: impl Iterator<Item = &'e Expr>,
        what: &str,
        tail: Option<Span>,
    ) -> Ty {
        let mut joined: Option<(Ty, Span)> = None;
        for branch in branches {
            if branch.ty == Ty::Never {
                continue;
            }
            let span = last_value(branch).span;
            let Some((ty, first)) = joined.clone() else {
                self.check_escape(&branch.ty, span);
                joined = Some((branch.ty.clone(), span));
                continue;
            };
            self.at = span;
            if self.unify(&ty, &branch.ty).is_ok() {
                self.check_escape(&branch.ty, span);
                continue;
            }
            // A branch without a value where the function must give one lacks a `return`.
            let unit_at = [(&ty, first), (&branch.ty, span)].into_iter().find(|(t, _)| self.resolve(t).is_unit());
            if let (Some(result_span), Some((_, at)), Some(want)) = (tail, unit_at, want) {
                let shown = self.show(want);
                self.missing_value(last_value(branch), result_span, &shown, at);
            } else {
                let (a, b) = (self.show(&ty), self.show(&branch.ty));
                self.report(types::branches_differ(span, &b, first, &a, what));
            }
            joined = Some((Ty::Error, first));
        }
        joined.map_or(Ty::Never, |(ty, _)| self.infer.shallow(&ty))
    }

    pub fn match_expr(
        &mut self,
        scrutinee: &'a ast::Expr,
        arms: &'a [ast::Arm],
        source: MatchSource,
        want: Option<&Ty>,
        tail: Option<Span>,
        span: Span,
    ) -> Expr {
        let value = self.expr(scrutinee, None);
        let ty = self.structure(&value.ty);
        let (arms, sound) = self.arms(arms, &ty, want, tail);
        if sound {
            self.check_exhaustive(&ty, &arms, scrutinee.span, span, source);
        }
        let result = self.join(want, arms.iter().map(|a| &a.body), "match", tail);
        let result = if arms.is_empty() { Ty::Never } else { result };
        self.make(ExprKind::Match { scrutinee: Box::new(value), arms }, result, span)
    }

    /// The arms; whether their patterns are all right.
    fn arms(&mut self, arms: &'a [ast::Arm], ty: &Ty, want: Option<&Ty>, tail: Option<Span>) -> (Vec<Arm>, bool) {
        let mut sound = true;
        let mut hint = want.cloned();
        let mut typed = Vec::with_capacity(arms.len());
        for arm in arms {
            let arm = self.in_region(|cx| {
                let before = cx.cx.diagnostics.len();
                let pattern = cx.bind_pattern(&arm.pattern, ty, false, Origin::Pattern);
                sound &= cx.cx.diagnostics.len() == before;
                let guard = arm.guard.as_ref().map(|g| cx.check(g, &Ty::BOOL, None));
                cx.tail = tail;
                let body = cx.expr(&arm.body, hint.as_ref());
                Arm { pattern, guard, body }
            });
            if hint.is_none() && arm.body.ty != Ty::Never {
                hint = Some(arm.body.ty.clone());
            }
            typed.push(arm);
        }
        (typed, sound)
    }

    /// Runs `f` as the body of a loop; whether there was a `break`.
    fn in_loop<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> (T, bool) {
        if let Some(frame) = self.frames.last_mut() {
            frame.loops.push(false);
        }
        let result = self.in_region(f);
        let broken = self.frames.last_mut().and_then(|frame| frame.loops.pop()).unwrap_or(false);
        (result, broken)
    }

    fn loop_body(&mut self, block: &'a ast::Block) -> Expr {
        let body = self.block(block, None);
        if body.ty != Ty::Never && self.unify(&Ty::UNIT, &body.ty).is_err() {
            let shown = self.show(&body.ty);
            let at = block.value.as_ref().map_or(block.span, |v| v.span);
            self.report(types::loop_value(at, &shown));
        }
        body
    }

    fn attrs(&mut self, attrs: &[ast::Attr]) {
        for attr in attrs {
            self.report(unsupported::checkpoint(attr.span));
        }
    }

    pub fn for_loop(&mut self, f: &'a ast::ForLoop, span: Span) -> Expr {
        self.attrs(&f.attrs);
        if let Some(par) = f.par {
            self.report(unsupported::par_for(par));
        }
        let (iter, item) = self.iterable(&f.iter);
        let ((pattern, body), _) = self.in_loop(|cx| {
            let pattern = cx.bind_pattern(&f.pattern, &item, false, Origin::Loop);
            cx.must_match_all(&pattern);
            let body = cx.loop_body(&f.body);
            (pattern, body)
        });
        self.make(ExprKind::For { pattern, iter: Box::new(iter), body: Box::new(body) }, Ty::UNIT, span)
    }

    pub fn while_loop(
        &mut self,
        cond: &'a ast::Expr,
        body: &'a ast::Block,
        attrs: &'a [ast::Attr],
        span: Span,
    ) -> Expr {
        self.attrs(attrs);
        let ((cond, body), _) = self.in_loop(|cx| (cx.check(cond, &Ty::BOOL, None), cx.loop_body(body)));
        self.make(ExprKind::While { cond: Box::new(cond), body: Box::new(body) }, Ty::UNIT, span)
    }

    pub fn loop_loop(&mut self, body: &'a ast::Block, attrs: &'a [ast::Attr], span: Span) -> Expr {
        self.attrs(attrs);
        let (body, broken) = self.in_loop(|cx| cx.loop_body(body));
        let ty = if broken { Ty::UNIT } else { Ty::Never };
        self.make(ExprKind::Loop { body: Box::new(body) }, ty, span)
    }

    pub fn leave_loop(&mut self, kind: ExprKind, word: &str, span: Span) -> Expr {
        let is_break = matches!(kind, ExprKind::Break);
        match self.frames.last_mut().and_then(|f| f.loops.last_mut()) {
            Some(broken) => *broken |= is_break,
            None => self.report(calls::outside_loop(span, word)),
        }
        self.make(kind, Ty::Never, span)
    }

    /// What a loop or a comprehension runs over, and the type of its variable.
    pub fn iterable(&mut self, e: &'a ast::Expr) -> (Iterable, Ty) {
        if let Some((range, ty)) = self.range(e) {
            return (range, ty);
        }
        let values = self.expr(e, None);
        let item = match self.structure(&values.ty) {
            Ty::Array(element, sizes) if sizes.len() > 1 => Ty::Array(element, sizes[1..].to_vec()),
            Ty::Array(element, _) | Ty::List(element) => *element,
            Ty::Error => Ty::Error,
            other => {
                let shown = self.show(&other);
                self.report(types::cannot_iterate(values.span, &shown));
                Ty::Error
            }
        };
        (Iterable::Values(values), item)
    }

    /// `a..b`, with `.step(k)` and `.rev()` after it.
    fn range(&mut self, e: &'a ast::Expr) -> Option<(Iterable, Ty)> {
        match &e.kind {
            ast::ExprKind::Range { start, end } => {
                let start = self.expr(start, Some(&Ty::I64));
                let hint = start.ty.clone();
                let end = self.expr(end, Some(&hint));
                self.at = e.span;
                if self.unify(&start.ty, &end.ty).is_err() {
                    let (a, b) = (self.show(&start.ty), self.show(&end.ty));
                    self.report(types::operands_differ(e.span, "..", (start.span, &a), (end.span, &b)));
                }
                let ty = start.ty.clone();
                let _ = self.require_leaf(&ty, LeafKind::Integer, "a range", e.span);
                Some((Iterable::Range { start, end, adapters: Vec::new() }, ty))
            }
            ast::ExprKind::MethodCall { receiver, method, args, .. } if is_range(receiver) => {
                let (Iterable::Range { start, end, mut adapters }, ty) = self.range(receiver)? else { return None };
                match (method.as_str(), args.as_slice()) {
                    ("rev", []) => adapters.push(RangeAdapter::Rev),
                    ("step", [step]) => {
                        let step = self.check(&step.value, &ty, None);
                        adapters.push(RangeAdapter::Step(step));
                    }
                    _ => self.report(patterns::range_method(method)),
                }
                Some((Iterable::Range { start, end, adapters }, ty))
            }
            _ => None,
        }
    }
}

fn is_range(e: &ast::Expr) -> bool {
    match &e.kind {
        ast::ExprKind::Range { .. } => true,
        ast::ExprKind::MethodCall { receiver, .. } => is_range(receiver),
        _ => false,
    }
}
