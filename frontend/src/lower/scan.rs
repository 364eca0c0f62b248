//! What a loop needs to know before its body is written: which locals the body assigns to, and whether it can leave.

use crate::typed::*;
use rustc_hash::FxHashSet;

/// What a piece of a body does to the outside.
#[derive(Default)]
pub(super) struct Scan {
    /// Each once, in order of occurrence.
    pub assigned: Vec<LocalId>,
    pub breaks: bool,
    /// `continue` or `break` of the loop around.
    pub skips: bool,
    pub returns: bool,
    seen: FxHashSet<LocalId>,
    /// Loops around the point that are inside the piece.
    depth: usize,
}

impl Scan {
    /// Runs as it stands, in order, any number of times: no assignment, no way out.
    pub fn is_plain(&self) -> bool {
        self.assigned.is_empty() && !self.skips && !self.returns
    }

    pub fn of(expr: &Expr) -> Scan {
        let mut scan = Scan::default();
        scan.expr(expr);
        scan
    }

    fn assign(&mut self, local: LocalId) {
        if self.seen.insert(local) {
            self.assigned.push(local);
        }
    }

    fn place(&mut self, place: &Place) {
        self.assign(place.local);
        for step in &place.path {
            if let Projection::Index(args, _) = step {
                self.index_args(args);
            }
        }
    }

    fn index_args(&mut self, args: &[IndexArg]) {
        for arg in args {
            match arg {
                IndexArg::At(e) => self.expr(e),
                IndexArg::All => {}
                IndexArg::Range(a, b) => self.exprs(a.iter().chain(b)),
            }
        }
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        exprs.into_iter().for_each(|e| self.expr(e));
    }

    fn args(&mut self, args: &[CallArg]) {
        for arg in args {
            match arg {
                CallArg::Value(e) => self.expr(e),
                CallArg::Inout(place) => self.place(place),
                CallArg::Default => {}
            }
        }
    }

    pub fn iterable(&mut self, iter: &Iterable) {
        match iter {
            Iterable::Values(e) => self.expr(e),
            Iterable::Range { start, end, adapters } => {
                self.exprs([start, end]);
                for adapter in adapters {
                    if let RangeAdapter::Step(e) = adapter {
                        self.expr(e);
                    }
                }
            }
        }
    }

    fn inner_loop(&mut self, parts: &[&Expr]) {
        self.depth += 1;
        parts.iter().for_each(|e| self.expr(e));
        self.depth -= 1;
    }

    /// Closures are not looked into: they cannot assign to what they capture, and what they return is their own.
    pub fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Local(_) | ExprKind::Size(_) | ExprKind::Const(_) => {}
            ExprKind::FnRef(_) | ExprKind::Closure(_) | ExprKind::Error => {}
            ExprKind::Text(parts) => {
                for part in parts {
                    if let TextPart::Value(e, _) = part {
                        self.expr(e);
                    }
                }
            }
            ExprKind::Differential(d) => self.expr(&d.of),
            ExprKind::Call { args, .. } => self.args(args),
            ExprKind::CallValue { callee, args } => {
                self.expr(callee);
                self.args(args);
            }
            ExprKind::ModelInit { rng, fields, .. } => {
                self.place(rng);
                self.exprs(fields.iter().flatten());
            }
            ExprKind::Tuple(parts) | ExprKind::ArrayLiteral(parts) => self.exprs(parts),
            ExprKind::Struct { fields, .. } | ExprKind::Case { fields, .. } => self.exprs(fields),
            ExprKind::Comprehension { body, clauses } => {
                clauses.iter().for_each(|(_, iter)| self.iterable(iter));
                self.expr(body);
            }
            ExprKind::Binary(_, a, b) | ExprKind::MatMul(a, b) | ExprKind::Compare(_, a, b) => {
                self.exprs([&**a, &**b]);
            }
            ExprKind::And(a, b) | ExprKind::Or(a, b) => self.exprs([&**a, &**b]),
            ExprKind::Fill(e) | ExprKind::Neg(e) | ExprKind::Not(e) | ExprKind::Convert(e) => self.expr(e),
            ExprKind::Reshaped { value: e, .. } | ExprKind::Field { base: e, .. } => self.expr(e),
            ExprKind::Index { base, args } => {
                self.expr(base);
                self.index_args(args);
            }
            ExprKind::Try(e) => {
                self.returns = true;
                self.expr(e);
            }
            ExprKind::If { cond, then, otherwise } => {
                self.exprs([&**cond, &**then]);
                self.exprs(otherwise.as_deref());
            }
            ExprKind::Match { scrutinee, arms } => {
                self.expr(scrutinee);
                for arm in arms {
                    self.exprs(&arm.guard);
                    self.expr(&arm.body);
                }
            }
            ExprKind::Block { stmts, value } => {
                for stmt in stmts {
                    match stmt {
                        Stmt::Let { init, .. } => self.exprs(init),
                        Stmt::Expr(e) => self.expr(e),
                    }
                }
                self.exprs(value.as_deref());
            }
            ExprKind::For { iter, body, .. } => {
                self.iterable(iter);
                self.inner_loop(&[body]);
            }
            ExprKind::While { cond, body } => self.inner_loop(&[cond, body]),
            ExprKind::Loop { body } => self.inner_loop(&[body]),
            ExprKind::Break => {
                self.breaks |= self.depth == 0;
                self.skips |= self.depth == 0;
            }
            ExprKind::Continue => self.skips |= self.depth == 0,
            ExprKind::Return(e) => {
                self.returns = true;
                self.exprs(e.as_deref());
            }
            ExprKind::Assign { place, value, .. } => {
                self.expr(value);
                self.place(place);
            }
        }
    }
}
