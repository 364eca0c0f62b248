//! Loops: carried locals, and flags for the ways out.
//!
//! A `for` that nothing leaves stays a `for`. One with `break` or `return` becomes a `while` that carries the counter and a
//! flag for each way out; its condition looks at the flags first. `continue` needs no flag here: it ends the turn, which
//! the branches of the body see to.

use super::body::{Flat, FnLower};
use super::control::{End, Leave, Selector};
use super::scan::Scan;
use crate::typed::{Expr, ExprKind, Iterable, Literal, LocalId, Pattern, RangeAdapter, Ty};
use dprog_ir::{BinaryOp, CompareOp, Op, Region, TrapCode, Type, UnaryOp, Value};

/// What a loop carries from turn to turn.
struct Carried {
    locals: Vec<LocalId>,
    /// Hidden ones among them that end the loop when true.
    flags: Vec<LocalId>,
    breaks: LocalId,
    returns: bool,
}

/// What a loop runs over, evaluated.
pub(super) enum Sequence {
    Range {
        lo: Value,
        hi: Value,
        from_zero: bool,
    },
    /// `start + k * stride` for `k` in `0..count`.
    Strided {
        start: Value,
        stride: Value,
        count: Value,
    },
    /// The first axis of each leaf.
    Values {
        leaves: Flat,
        element: Ty,
        count: Value,
    },
}

impl<'p> FnLower<'_, 'p> {
    pub fn for_expr(&mut self, pattern: &'p Pattern, iter: &'p Iterable, body: &'p Expr) {
        let sequence = self.sequence(iter);
        let (lo, hi) = self.bounds(&sequence);
        let scan = Scan::of(body);
        self.counted(lo, hi, &scan, &[], |s, k| {
            let element = s.element(&sequence, k);
            s.bind(pattern, &element);
            s.statement(body);
        });
    }

    /// Runs `body` for `lo <= k < hi`. `extra` are hidden locals that the body sets.
    pub fn counted(
        &mut self,
        lo: Value,
        hi: Value,
        scan: &Scan,
        extra: &[LocalId],
        body: impl FnOnce(&mut Self, Value),
    ) {
        let carried = self.carried(scan, extra);
        let init = self.carried_values(&carried);
        let types: Vec<Type> = init.iter().map(|v| self.b.ty(*v)).collect();
        let params = [&[Type::I64][..], &types].concat();
        if carried.flags.is_empty() {
            let end = self.turn(&carried, &params, 1, |s, p| body(s, p[0]));
            self.close_turn(&carried, &end, &[]);
            let inst = self.b.inst(Op::For, &[&[lo, hi], &init[..]].concat(), &[end.region()], &types);
            let results = self.b.results(inst);
            return self.after_loop(&carried, &results);
        }
        let condition = self.open_condition(&carried, &params, 1);
        let counter = self.b.func.regions[condition].params[0];
        let inside = self.b.compare(CompareOp::Lt, counter, hi);
        let go_on = self.none_set(&carried);
        let go_on = self.b.binary(BinaryOp::And, go_on, inside);
        self.b.close_region(&[go_on]);
        self.undo_condition(&carried);
        let mut next = None;
        let end = self.turn(&carried, &params, 1, |s, p| {
            let one = s.b.i64(1);
            next = Some(s.b.add(p[0], one));
            body(s, p[0]);
        });
        self.close_turn(&carried, &end, &[next.expect("the body has been written")]);
        let inst = self.b.inst(Op::While, &[&[lo], &init[..]].concat(), &[condition, end.region()], &params);
        let results = self.b.results(inst);
        self.after_loop(&carried, &results[1..]);
    }

    pub fn while_expr(&mut self, cond: &'p Expr, body: &'p Expr) {
        let mut scan = Scan::of(cond);
        if !scan.is_plain() {
            scan.expr(body);
            scan.breaks = true;
            return self.endless(&scan, |s| s.turn_with_condition(cond, body));
        }
        scan.expr(body);
        let carried = self.carried(&scan, &[]);
        let init = self.carried_values(&carried);
        let types: Vec<Type> = init.iter().map(|v| self.b.ty(*v)).collect();
        let condition = self.condition(&carried, &types, cond);
        let end = self.turn(&carried, &types, 0, |s, _| s.statement(body));
        self.close_turn(&carried, &end, &[]);
        let inst = self.b.inst(Op::While, &init, &[condition, end.region()], &types);
        let results = self.b.results(inst);
        self.after_loop(&carried, &results);
    }

    pub fn loop_expr(&mut self, body: &'p Expr) {
        let scan = Scan::of(body);
        self.endless(&scan, |s| s.statement(body));
        if !scan.breaks {
            self.exit = None;
            self.die(Leave::Function);
        }
    }

    /// Runs until something leaves.
    fn endless(&mut self, scan: &Scan, body: impl FnOnce(&mut Self)) {
        let carried = self.carried(scan, &[]);
        let init = self.carried_values(&carried);
        let types: Vec<Type> = init.iter().map(|v| self.b.ty(*v)).collect();
        let condition = self.open_condition(&carried, &types, 0);
        let go_on = self.none_set(&carried);
        self.b.close_region(&[go_on]);
        self.undo_condition(&carried);
        let end = self.turn(&carried, &types, 0, |s, _| body(s));
        self.close_turn(&carried, &end, &[]);
        let inst = self.b.inst(Op::While, &init, &[condition, end.region()], &types);
        let results = self.b.results(inst);
        self.after_loop(&carried, &results);
    }

    /// A condition that assigns or leaves is part of the turn.
    fn turn_with_condition(&mut self, cond: &'p Expr, body: &'p Expr) {
        let cond = self.scalar(cond);
        self.branch_if(cond, |_| {}, |s| s.break_loop());
        self.statement(body);
    }

    pub fn break_loop(&mut self) {
        let flag = *self.loops.last().expect("break stands in a loop");
        let yes = self.b.bool(true);
        self.set(flag, vec![yes]);
        self.die(Leave::Loop);
    }

    // ---- parts ----

    fn carried(&mut self, scan: &Scan, extra: &[LocalId]) -> Carried {
        let breaks = self.fresh_hidden();
        let (mut locals, mut flags) = (Vec::new(), Vec::new());
        if scan.breaks {
            let no = self.b.bool(false);
            self.set(breaks, vec![no]);
            flags.push(breaks);
        }
        if scan.returns {
            self.prepare_return();
            flags.push(self.has_returned);
            locals.push(self.returned);
        }
        let all = flags.iter().chain(&locals).chain(extra).chain(&scan.assigned);
        let locals = all.copied().filter(|l| self.lookup(*l).is_some_and(|flat| !flat.is_empty())).collect();
        Carried { locals, flags, breaks, returns: scan.returns }
    }

    /// A `return` in a loop needs the flag and the results to be there from before.
    fn prepare_return(&mut self) {
        if self.lookup(self.has_returned).is_none() {
            let no = self.b.bool(false);
            self.set(self.has_returned, vec![no]);
        }
        if self.lookup(self.returned).is_none() {
            let result = self.result.clone();
            let mut types = self.cx.types(&result);
            for local in &self.inouts {
                types.extend(self.local(*local).iter().map(|v| self.b.ty(*v)));
            }
            let undefs = self.undefs(&types);
            self.set(self.returned, undefs);
        }
    }

    fn carried_values(&self, carried: &Carried) -> Flat {
        carried.locals.iter().flat_map(|l| self.local(*l)).collect()
    }

    fn bind_carried(&mut self, carried: &Carried, params: &[Value]) {
        let mut next = 0;
        for local in &carried.locals {
            let before = self.local(*local);
            let flat = params[next..next + before.len()].to_vec();
            let own = self.locals.and_then(|l| l.get(*local)).map(|l| l.name.clone());
            if let ([new], Some(name)) = (&flat[..], own) {
                self.b.name(*new, &name);
            } else {
                for (new, old) in flat.iter().zip(&before) {
                    if let Some(name) = self.b.func.values[*old].name.clone() {
                        self.b.name(*new, &name);
                    }
                }
            }
            next += flat.len();
            self.set(*local, flat);
        }
    }

    /// Opens the region of a condition; the first `skip` parameters are not carried locals.
    fn open_condition(&mut self, carried: &Carried, params: &[Type], skip: usize) -> Region {
        let region = self.b.open_region(params);
        let params = self.b.func.regions[region].params.clone();
        self.bind_carried(carried, &params[skip..]);
        region
    }

    fn undo_condition(&mut self, carried: &Carried) {
        self.undo_to(self.trail.len() - carried.locals.len());
    }

    /// True while no flag has been set.
    fn none_set(&mut self, carried: &Carried) -> Value {
        let flags: Vec<Value> = carried.flags.iter().map(|f| self.local(*f)[0]).collect();
        match flags[..] {
            [] => self.b.bool(true),
            [flag] => self.b.unary(UnaryOp::Not, flag),
            ref flags => {
                let any = flags[1..].iter().fold(flags[0], |any, f| self.b.binary(BinaryOp::Or, any, *f));
                self.b.unary(UnaryOp::Not, any)
            }
        }
    }

    /// The region of a condition of the user's.
    fn condition(&mut self, carried: &Carried, types: &[Type], cond: &'p Expr) -> Region {
        let scope = self.enter(types);
        let region = self.b.current();
        let params = self.b.func.regions[region].params.clone();
        self.bind_carried(carried, &params);
        let value = if carried.flags.is_empty() {
            self.scalar(cond)
        } else {
            let go_on = self.none_set(carried);
            let values = self.branch(Selector::If(go_on), 2, &[Type::BOOL], |s, k| {
                vec![if k == 0 { s.scalar(cond) } else { s.b.bool(false) }]
            });
            values[0]
        };
        let end = self.leave(scope, vec![value], &[Type::BOOL], false);
        self.b.func.regions[region].yields = end.values().to_vec();
        region
    }

    /// Writes the region of the body.
    fn turn(&mut self, carried: &Carried, params: &[Type], skip: usize, body: impl FnOnce(&mut Self, &[Value])) -> End {
        let scope = self.enter(params);
        let params = self.b.func.regions[self.b.current()].params.clone();
        self.bind_carried(carried, &params[skip..]);
        self.loops.push(carried.breaks);
        body(self, &params);
        self.loops.pop();
        self.leave(scope, Vec::new(), &[], false)
    }

    fn close_turn(&mut self, carried: &Carried, end: &End, first: &[Value]) {
        let mut yields = first.to_vec();
        for local in &carried.locals {
            match end.change(*local) {
                Some(flat) => yields.extend(flat),
                None => yields.extend(self.local(*local)),
            }
        }
        self.b.func.regions[end.region()].yields = yields;
    }

    fn after_loop(&mut self, carried: &Carried, results: &[Value]) {
        self.bind_carried(carried, results);
        if carried.returns {
            self.exit = Some(self.local(self.has_returned)[0]);
        }
    }

    // ---- what a loop runs over ----

    pub fn sequence(&mut self, iter: &'p Iterable) -> Sequence {
        match iter {
            Iterable::Values(e) => {
                let leaves = self.expr(e);
                let ty = self.ty(&e.ty).into_owned();
                let count = self.b.dim(leaves[0], 0);
                Sequence::Values { leaves, element: row_type(&ty), count }
            }
            Iterable::Range { start, end, adapters } => {
                let (lo, hi) = (self.scalar(start), self.scalar(end));
                let from_zero = matches!(start.kind, ExprKind::Literal(Literal::Int(0)));
                let range = Sequence::Range { lo, hi, from_zero };
                adapters.iter().fold(range, |sequence, adapter| match adapter {
                    RangeAdapter::Step(step) => self.stepped(sequence, step),
                    RangeAdapter::Rev => self.reversed(sequence),
                })
            }
        }
    }

    /// The loop's bounds; the counter is the element itself in a plain range.
    fn bounds(&mut self, sequence: &Sequence) -> (Value, Value) {
        match sequence {
            Sequence::Range { lo, hi, .. } => (*lo, *hi),
            Sequence::Strided { count, .. } | Sequence::Values { count, .. } => (self.b.i64(0), *count),
        }
    }

    /// The number of elements, as the size of an axis: negative for a reversed range.
    pub fn size_of(&mut self, sequence: &Sequence) -> Value {
        match sequence {
            Sequence::Range { hi, from_zero: true, .. } => *hi,
            Sequence::Range { lo, hi, .. } => self.b.sub(*hi, *lo),
            Sequence::Strided { count, .. } | Sequence::Values { count, .. } => *count,
        }
    }

    /// The element at the counter.
    pub fn element(&mut self, sequence: &Sequence, k: Value) -> Flat {
        match sequence {
            Sequence::Range { .. } => vec![k],
            Sequence::Strided { start, stride, .. } => {
                let way = self.b.mul(k, *stride);
                vec![self.b.add(*start, way)]
            }
            Sequence::Values { leaves, element, .. } => {
                if self.cx.leaf_count(element) == 0 {
                    Vec::new()
                } else {
                    leaves.iter().map(|x| self.at_index(*x, &[k])).collect()
                }
            }
        }
    }

    /// The element at position `k`, counted from 0.
    pub fn element_at(&mut self, sequence: &Sequence, k: Value) -> Flat {
        match sequence {
            Sequence::Range { lo, from_zero: false, .. } => vec![self.b.add(*lo, k)],
            _ => self.element(sequence, k),
        }
    }

    fn strided(&mut self, sequence: Sequence) -> (Value, Value, Value) {
        match sequence {
            Sequence::Strided { start, stride, count } => (start, stride, count),
            Sequence::Range { lo, hi, .. } => {
                let (length, zero) = (self.b.sub(hi, lo), self.b.i64(0));
                (lo, self.b.i64(1), self.b.binary(BinaryOp::Max, length, zero))
            }
            Sequence::Values { .. } => panic!("only ranges have adapters"),
        }
    }

    /// Every `step`th; a negative step leaves nothing.
    fn stepped(&mut self, sequence: Sequence, step: &'p Expr) -> Sequence {
        let (start, stride, count) = self.strided(sequence);
        let step = self.scalar(step);
        let (zero, one) = (self.b.i64(0), self.b.i64(1));
        let not_zero = self.b.compare(CompareOp::Ne, step, zero);
        self.b.check(TrapCode::ZeroStep, not_zero, zero, zero);
        // ceil(count / step) without overflow for count >= 0.
        let last = self.b.sub(count, one);
        let whole = self.b.div(last, step);
        let steps = self.b.add(whole, one);
        let some = self.b.compare(CompareOp::Gt, count, zero);
        let forward = self.b.compare(CompareOp::Gt, step, zero);
        let some = self.b.binary(BinaryOp::And, some, forward);
        let count = self.b.select(some, steps, zero);
        Sequence::Strided { start, stride: self.b.mul(stride, step), count }
    }

    fn reversed(&mut self, sequence: Sequence) -> Sequence {
        let (start, stride, count) = self.strided(sequence);
        let one = self.b.i64(1);
        let last = self.b.sub(count, one);
        let way = self.b.mul(last, stride);
        Sequence::Strided { start: self.b.add(start, way), stride: self.b.unary(UnaryOp::Neg, stride), count }
    }
}

/// The type of the elements that a loop over values of type `ty` sees.
pub(super) fn row_type(ty: &Ty) -> Ty {
    match ty {
        Ty::List(element) => (**element).clone(),
        Ty::Array(element, sizes) if sizes.len() == 1 => (**element).clone(),
        Ty::Array(element, sizes) => Ty::Array(element.clone(), sizes[1..].to_vec()),
        _ => panic!("{ty:?} has no elements"),
    }
}
