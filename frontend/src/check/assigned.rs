//! `let x;` has a value before it is read, and an immutable one gets it once.
//!
//! A forward walk over the finished body with the set of locals that may still be without value. Branches join by union;
//! a branch that does not come back adds nothing; a loop body may run never, so what it assigns does not count behind it.

use super::body::{FnCx, Origin};
use crate::errors::places;
use crate::typed::{
    CallArg, Expr, ExprKind, IndexArg, Iterable, LocalId, PatternKind, Place, Projection, RangeAdapter, Stmt, TextPart,
    Ty,
};
use dprog_ir::entity::Entity;
use std::collections::BTreeSet;

/// Locals that may have no value (`open`) and immutable ones that may have one already (`done`).
#[derive(Clone, Default)]
struct State {
    open: BTreeSet<LocalId>,
    done: BTreeSet<LocalId>,
    /// Behind a `return`, `break` or `continue`.
    dead: bool,
}

impl State {
    fn join(self, other: State) -> State {
        match (self.dead, other.dead) {
            (true, _) => other,
            (_, true) => self,
            _ => State { open: &self.open | &other.open, done: &self.done | &other.done, dead: false },
        }
    }
}

impl FnCx<'_, '_> {
    pub fn check_assigned(&mut self, body: &Expr) {
        let mut walk = Walk { cx: self, state: State::default(), breaks: Vec::new(), reported: BTreeSet::new() };
        walk.expr(body);
    }
}

struct Walk<'f, 'c, 'a> {
    cx: &'f mut FnCx<'c, 'a>,
    state: State,
    /// The state at the breaks of each loop around.
    breaks: Vec<Option<State>>,
    reported: BTreeSet<LocalId>,
}

impl Walk<'_, '_, '_> {
    fn read(&mut self, local: LocalId, span: crate::source::Span) {
        if !self.state.dead && self.state.open.contains(&local) && self.reported.insert(local) {
            let (name, at) = (self.cx.locals[local].name.clone(), self.cx.locals[local].span);
            self.cx.report(places::read_before_assigned(span, &name, at));
        }
    }

    fn assigned(&mut self, place: &Place, compound: bool) {
        let late = self.cx.infos[place.local.index()].origin == Origin::LateLet;
        if compound || !place.path.is_empty() {
            self.read(place.local, place.span);
        }
        if late && !self.state.dead {
            if self.state.done.contains(&place.local) && self.reported.insert(place.local) {
                let (name, at) = (self.cx.locals[place.local].name.clone(), self.cx.locals[place.local].span);
                self.cx.report(places::assigned_twice(place.span, &name, at));
            }
            self.state.done.insert(place.local);
        }
        self.state.open.remove(&place.local);
    }

    fn branches(&mut self, run: &mut [&mut dyn FnMut(&mut Self)]) {
        let before = self.state.clone();
        let mut joined: Option<State> = None;
        for branch in run {
            self.state = before.clone();
            branch(self);
            let after = std::mem::take(&mut self.state);
            joined = Some(match joined {
                Some(state) => state.join(after),
                None => after,
            });
        }
        self.state = joined.unwrap_or(before);
    }

    /// A body that may run any number of times. What it assigns may be assigned when it begins again.
    fn looped(&mut self, at_least_once: bool, body: &mut dyn FnMut(&mut Self)) {
        let before = self.state.clone();
        self.breaks.push(None);
        body(self);
        let again = self.state.clone();
        if !again.dead {
            self.state.open.clone_from(&before.open);
            body(self);
        }
        let broken = self.breaks.pop().flatten();
        self.state = match (at_least_once, broken) {
            (true, Some(state)) => state,
            (true, None) => State { dead: true, ..before },
            (false, Some(state)) => before.join(state),
            (false, None) => State { done: &before.done | &again.done, ..before },
        };
    }

    fn exprs<'e>(&mut self, list: impl IntoIterator<Item = &'e Expr>) {
        list.into_iter().for_each(|e| self.expr(e));
    }

    /// Long because it is exhaustive.
    fn expr(&mut self, e: &Expr) {
        match &e.kind {
            ExprKind::Literal(_) | ExprKind::Size(_) | ExprKind::Const(_) | ExprKind::FnRef(_) | ExprKind::Error => {}
            ExprKind::Local(local) => self.read(*local, e.span),
            ExprKind::Text(parts) => {
                for part in parts {
                    if let TextPart::Value(value, _) = part {
                        self.expr(value);
                    }
                }
            }
            ExprKind::Differential(d) => self.expr(&d.of),
            ExprKind::Closure(closure) => {
                closure.captures.iter().for_each(|local| self.read(*local, e.span));
                let (outer, breaks) = (self.state.clone(), std::mem::take(&mut self.breaks));
                self.expr(&closure.body);
                (self.state, self.breaks) = (outer, breaks);
            }
            ExprKind::Call { args, .. } => self.args(args),
            ExprKind::CallValue { callee, args } => {
                self.expr(callee);
                self.args(args);
            }
            ExprKind::ModelInit { rng, fields, .. } => {
                self.exprs(fields.iter().flatten());
                self.lent(rng);
            }
            ExprKind::Tuple(parts) | ExprKind::ArrayLiteral(parts) => self.exprs(parts),
            ExprKind::Struct { fields, .. } | ExprKind::Case { fields, .. } => self.exprs(fields),
            ExprKind::Fill(x) | ExprKind::Neg(x) | ExprKind::Not(x) | ExprKind::Convert(x) | ExprKind::Try(x) => {
                self.expr(x)
            }
            ExprKind::Comprehension { body, clauses } => {
                clauses.iter().for_each(|(_, iter)| self.iterable(iter));
                self.looped(false, &mut |w| w.expr(body));
            }
            ExprKind::Binary(_, a, b) | ExprKind::MatMul(a, b) | ExprKind::Compare(_, a, b) => self.exprs([&**a, b]),
            ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                self.expr(a);
                self.branches(&mut [&mut |w| w.expr(b), &mut |_| {}]);
            }
            ExprKind::Reshaped { value, .. } => self.expr(value),
            ExprKind::Index { base, args } => {
                self.expr(base);
                self.index(args);
            }
            ExprKind::Field { base, .. } => self.expr(base),
            ExprKind::If { cond, then, otherwise } => {
                self.expr(cond);
                self.branches(&mut [&mut |w| w.expr(then), &mut |w| w.exprs(otherwise.as_deref())]);
            }
            ExprKind::Match { scrutinee, arms } => {
                self.expr(scrutinee);
                let before = self.state.clone();
                let mut joined: Option<State> = None;
                for arm in arms {
                    self.state = before.clone();
                    self.exprs(&arm.guard);
                    self.expr(&arm.body);
                    let after = std::mem::take(&mut self.state);
                    joined = Some(joined.map_or_else(|| after.clone(), |state| state.join(after.clone())));
                }
                self.state = joined.unwrap_or(before);
            }
            ExprKind::Block { stmts, value } => {
                stmts.iter().for_each(|s| self.stmt(s));
                self.exprs(value.as_deref());
            }
            ExprKind::For { iter, body, .. } => {
                self.iterable(iter);
                self.looped(false, &mut |w| w.expr(body));
            }
            ExprKind::While { cond, body } => {
                self.expr(cond);
                self.looped(false, &mut |w| {
                    w.expr(body);
                    w.expr(cond);
                });
            }
            ExprKind::Loop { body } => self.looped(true, &mut |w| w.expr(body)),
            ExprKind::Break => {
                let state = self.state.clone();
                if let Some(at) = self.breaks.last_mut() {
                    *at = Some(match at.take() {
                        Some(other) => other.join(state),
                        None => state,
                    });
                }
                self.state.dead = true;
            }
            ExprKind::Continue => self.state.dead = true,
            ExprKind::Return(value) => {
                self.exprs(value.as_deref());
                self.state.dead = true;
            }
            ExprKind::Assign { op, place, value } => {
                self.expr(value);
                self.indices(place);
                self.assigned(place, op.is_some());
            }
        }
        if e.ty == Ty::Never {
            self.state.dead = true;
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match stmt {
            Stmt::Expr(e) => self.expr(e),
            Stmt::Let { init: Some(e), .. } => self.expr(e),
            Stmt::Let { pattern, init: None } => {
                if let PatternKind::Binding(local) = pattern.kind {
                    self.state.open.insert(local);
                    self.state.done.remove(&local);
                }
            }
        }
    }

    fn args(&mut self, args: &[CallArg]) {
        for arg in args {
            match arg {
                CallArg::Value(e) => self.expr(e),
                CallArg::Inout(place) => self.lent(place),
                CallArg::Default => {}
            }
        }
    }

    fn lent(&mut self, place: &Place) {
        self.indices(place);
        self.read(place.local, place.span);
    }

    fn indices(&mut self, place: &Place) {
        for step in &place.path {
            if let Projection::Index(args, _) = step {
                self.index(args);
            }
        }
    }

    fn index(&mut self, args: &[IndexArg]) {
        for arg in args {
            match arg {
                IndexArg::At(e) => self.expr(e),
                IndexArg::All => {}
                IndexArg::Range(a, b) => self.exprs(a.iter().chain(b)),
            }
        }
    }

    fn iterable(&mut self, iterable: &Iterable) {
        match iterable {
            Iterable::Range { start, end, adapters } => {
                self.exprs([start, end]);
                for adapter in adapters {
                    if let RangeAdapter::Step(e) = adapter {
                        self.expr(e);
                    }
                }
            }
            Iterable::Values(e) => self.expr(e),
        }
    }
}
