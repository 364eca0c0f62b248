//! Which integers are certainly smaller than which: what array accesses and comparisons can be decided from.
//!
//! A walk in order of execution collects facts ([`facts`]): what arithmetic says about its result (`arithmetic`), that
//! a loop counter is between its limits, which branch was taken, that an access or check before this one did not
//! trap, and that a carried value only grows (`induction`). Each access and comparison is tried with the facts of its place.
//!
//! ```text
//! %n = dim.0 %x
//! %r = for %i in 1..%n carry (%s = %z) {      ; 1 <= %i <= size - 1
//!   %j = sub %i, 1                            ; %j = %i - 1, and so 0 <= %j <= size - 2
//!   %a = get %x[%j]                           ; in bounds
//! ```
//!
//! The result is a table to be acted upon; see `transform/bounds.rs`. For loads that do not change in a loop the table also says how
//! far out they would still be in bounds. *Not known:* products of variables, contents of arrays (but for permutations).
//! *Cost:* linear, with a bounded search for each access and comparison.

mod arithmetic;
pub mod facts;
mod induction;

use super::definitions::Promised;
use super::{Definitions, Shapes, Table};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::{Access, BinaryOp, CompareOp, Const, Op, UnaryOp};
use crate::types::Type;
use facts::{Facts, Node, Term};

/// What follows from the ranges of integers.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    /// Checked accesses that are in bounds.
    pub in_bounds: Vec<Inst>,
    /// Comparisons whose result is certain.
    pub decided: Vec<(Inst, bool)>,
    /// `max` and `min` of i64 that are certainly this operand.
    pub chosen: Vec<(Inst, Value)>,
    /// For accesses with indices from outside the loops around them: at how many loops around it the access is in bounds
    /// already (0: outside of all). `u32::MAX` if only where it stands.
    pub safe_depth: Table<Inst, u32>,
}

impl Ranges {
    pub fn of_function(func: &Function) -> Ranges {
        let ranges = Ranges { safe_depth: Table::with_default(u32::MAX), ..Ranges::default() };
        let Some(entry) = func.entry() else { return ranges };
        let definitions = Definitions::of_function(func);
        let shapes = Shapes::of_function(func);
        let mut walk = Walk {
            func,
            definitions,
            shapes,
            facts: Facts::default(),
            depth: Table::with_default(u32::MAX),
            loops: 0,
            ranges,
        };
        walk.define(&func.regions[entry].params);
        walk.promises(entry);
        walk.region(entry);
        walk.ranges
    }
}

struct Walk<'f> {
    func: &'f Function,
    definitions: Definitions,
    shapes: Shapes,
    facts: Facts,
    /// The number of loops around the definition of each value seen so far; `u32::MAX` for the others.
    depth: Table<Value, u32>,
    loops: u32,
    ranges: Ranges,
}

impl Walk<'_> {
    fn define(&mut self, values: &[Value]) {
        values.iter().for_each(|v| self.depth[*v] = self.loops);
    }

    /// A parameter that is the size of another one is not negative.
    fn promises(&mut self, entry: Region) {
        for v in self.definitions.promised_sizes(self.func, entry) {
            self.learn(Term::constant(0), self.term(v));
        }
    }

    fn region(&mut self, region: Region) {
        let func = self.func;
        for inst in &func.regions[region].insts {
            self.inst(*inst);
            self.define(&func.insts[*inst].results);
        }
    }

    /// Walks a region whose facts hold in it only.
    fn scope(&mut self, region: Region, assume: impl FnOnce(&mut Self)) {
        let mark = self.facts.mark();
        assume(self);
        self.region(region);
        self.facts.forget(mark);
    }

    fn inst(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        if data.op == Op::If {
            let cond = data.args[0];
            self.scope(data.regions[0], |walk| walk.assume(cond, true));
            self.scope(data.regions[1], |walk| walk.assume(cond, false));
            self.join_results(data);
        } else if data.op == Op::Switch {
            data.regions.iter().for_each(|region| self.scope(*region, |_| {}));
            self.join_results(data);
        } else if !data.regions.is_empty() {
            self.in_loop(inst, data);
        } else if let Op::Compare(op) = data.op {
            self.decide(inst, op, data.args[0], data.args[1]);
        } else if let Op::Check(_) = data.op {
            self.assume(data.args[0], true);
        } else {
            self.access(inst, data);
            self.choose_greater(inst, data);
            self.define_arithmetic(data);
        }
    }

    fn in_loop(&mut self, inst: Inst, data: &InstData) {
        if data.op == Op::Build {
            data.args.iter().for_each(|n| self.learn(Term::constant(0), self.term(*n)));
        }
        self.find_safe_accesses(inst);
        self.loops += 1;
        for region in &data.regions {
            let func = self.func;
            self.define(&func.regions[*region].params);
        }
        let mark = self.facts.mark();
        if data.op == Op::For {
            self.counted(data);
        } else if data.op == Op::While {
            self.open(data);
        } else {
            self.over_elements(data);
        }
        self.facts.forget(mark);
        self.loops -= 1;
        self.learn_after_loop(data);
    }

    /// The body of `build` or `map`.
    fn over_elements(&mut self, data: &InstData) {
        let region = data.regions[0];
        if data.op == Op::Build {
            for (index, size) in self.func.regions[region].params.iter().zip(&data.args) {
                self.learn_inside(*index, Term::constant(0), self.term(*size));
            }
        }
        self.region(region);
    }

    // ---- terms ----

    fn int_type(&self, v: Value) -> bool {
        self.func.value_type(v) == Type::I64
    }

    /// An i64 as constant, size, or itself.
    fn term(&self, v: Value) -> Term {
        match self.definitions.inst(self.func, v).map(|data| (&data.op, &data.args)) {
            Some((Op::Const(Const::I64(n)), _)) => Term::constant(*n),
            Some((Op::Dim(axis), args)) => self.size(args[0], *axis),
            Some(_) | None => Term { node: Node::Value(v), plus: 0 },
        }
    }

    /// The size of an axis: what the array was made with, where that is in sight.
    fn size(&self, x: Value, axis: u8) -> Term {
        let origin = self.shapes.origin(x);
        let unknown = Term { node: Node::Size(origin, axis), plus: 0 };
        if let Some(size) = self.definitions.promised(self.func, origin, axis) {
            return match size {
                Promised::Number(n) => Term::constant(n),
                Promised::Param(v) => self.term(v),
            };
        }
        let Some(data) = self.definitions.inst(self.func, origin) else { return unknown };
        if matches!(data.op, Op::Fill | Op::Reshape) {
            self.term(data.args[axis as usize + 1])
        } else if data.op == Op::Build {
            self.term(data.args[axis as usize])
        } else if data.op == Op::Elements {
            Term::constant(data.args.len() as i64)
        } else {
            unknown
        }
    }

    // ---- facts ----

    fn learn(&mut self, a: Term, b: Term) {
        self.facts.learn(a, b);
    }

    /// `lo <= v < hi`.
    fn learn_inside(&mut self, v: Value, lo: Term, hi: Term) {
        let v = self.term(v);
        self.facts.learn(lo, v);
        self.facts.learn(v, hi.plus(-1));
    }

    /// Learns what follows from a condition being so.
    pub(super) fn assume(&mut self, cond: Value, holds: bool) {
        let Some(data) = self.definitions.inst(self.func, cond) else { return };
        if let Op::Compare(op) = data.op
            && self.int_type(data.args[0])
        {
            let (a, b) = (self.term(data.args[0]), self.term(data.args[1]));
            self.assume_order(if holds { op } else { opposite(op) }, a, b);
        } else if data.op == Op::Unary(UnaryOp::Not) {
            self.assume(data.args[0], !holds);
        } else if data.op == Op::Binary(if holds { BinaryOp::And } else { BinaryOp::Or }) {
            data.args.iter().for_each(|part| self.assume(*part, holds));
        }
    }

    fn assume_order(&mut self, op: CompareOp, a: Term, b: Term) {
        match op {
            CompareOp::Eq => self.facts.learn_equal(a, b),
            // Not at the end at which it might be.
            CompareOp::Ne if self.facts.proves(a, b) => self.learn(a, b.plus(-1)),
            CompareOp::Ne if self.facts.proves(b, a) => self.learn(b, a.plus(-1)),
            CompareOp::Ne => {}
            CompareOp::Lt => self.learn(a, b.plus(-1)),
            CompareOp::Le => self.learn(a, b),
            CompareOp::Gt => self.learn(b, a.plus(-1)),
            CompareOp::Ge => self.learn(b, a),
        }
    }

    fn decide(&mut self, inst: Inst, op: CompareOp, a: Value, b: Value) {
        if !self.int_type(a) {
            return;
        }
        let (a, b) = (self.term(a), self.term(b));
        if self.holds(op, a, b) {
            self.ranges.decided.push((inst, true));
        } else if self.holds(opposite(op), a, b) {
            self.ranges.decided.push((inst, false));
        }
    }

    fn choose_greater(&mut self, inst: Inst, data: &InstData) {
        let (Op::Binary(op @ (BinaryOp::Max | BinaryOp::Min)), &[a, b]) = (&data.op, &data.args[..]) else { return };
        if !self.int_type(a) {
            return;
        }
        let (greater, less) = if *op == BinaryOp::Max { (a, b) } else { (b, a) };
        let (greater_term, less_term) = (self.term(greater), self.term(less));
        if self.facts.proves(less_term, greater_term) {
            self.ranges.chosen.push((inst, a));
        } else if self.facts.proves(greater_term, less_term) {
            self.ranges.chosen.push((inst, b));
        }
    }

    fn holds(&self, op: CompareOp, a: Term, b: Term) -> bool {
        match op {
            CompareOp::Eq => self.facts.proves(a, b) && self.facts.proves(b, a),
            CompareOp::Ne => self.facts.proves(a, b.plus(-1)) || self.facts.proves(b, a.plus(-1)),
            CompareOp::Lt => self.facts.proves(a, b.plus(-1)),
            CompareOp::Le => self.facts.proves(a, b),
            CompareOp::Gt => self.facts.proves(b, a.plus(-1)),
            CompareOp::Ge => self.facts.proves(b, a),
        }
    }

    // ---- accesses ----

    /// Tries an access, and learns that it is in bounds from here on: it has not trapped.
    fn access(&mut self, inst: Inst, data: &InstData) {
        let bounds = self.bounds(data);
        if is_checked(&data.op) && self.is_inside(&bounds) {
            self.ranges.in_bounds.push(inst);
        }
        bounds.into_iter().for_each(|(a, b)| self.learn(a, b));
        if data.op == Op::Fill {
            data.args[1..].iter().for_each(|n| self.learn(Term::constant(0), self.term(*n)));
        }
    }

    fn is_inside(&self, bounds: &[(Term, Term)]) -> bool {
        bounds.iter().all(|(a, b)| self.facts.proves(*a, *b))
    }

    /// The inequalities that an access needs in order not to trap.
    fn bounds(&self, data: &InstData) -> Vec<(Term, Term)> {
        let (zero, args) = (Term::constant(0), &data.args);
        match data.op {
            Op::Get(_) | Op::Take(_) => self.index_bounds(args[0], &args[1..]),
            Op::Set(_) | Op::AddAt(_) | Op::Put => self.index_bounds(args[0], &args[1..args.len() - 1]),
            Op::Slice(_) => {
                let (lo, hi) = (self.term(args[1]), self.term(args[2]));
                vec![(zero, lo), (lo, hi), (hi, self.size(args[0], 0))]
            }
            Op::SetSlice(_) | Op::AddSlice(_) => self.rows_bounds(args[0], args[1], args[2]),
            _ => Vec::new(),
        }
    }

    fn index_bounds(&self, x: Value, indices: &[Value]) -> Vec<(Term, Term)> {
        let bounds_of = |(axis, i): (usize, &Value)| {
            let i = self.term(*i);
            [(Term::constant(0), i), (i, self.size(x, axis as u8).plus(-1))]
        };
        indices.iter().enumerate().flat_map(bounds_of).collect()
    }

    /// Rows from `lo` on replaced by those of `v`: seen through where `lo` is a constant and `v` a slice or of known size.
    fn rows_bounds(&self, x: Value, lo: Value, v: Value) -> Vec<(Term, Term)> {
        let (lo, size) = (self.term(lo), self.size(v, 0));
        let end = match (lo.node, size.node) {
            (Node::Zero, _) => size.plus(lo.plus),
            (_, Node::Zero) => lo.plus(size.plus),
            _ => return vec![(Term::constant(1), Term::constant(0))],
        };
        vec![(Term::constant(0), lo), (end, self.size(x, 0))]
    }

    /// Whether the indices of an access, and the array that gave the accessed one its shape, are defined outside of the
    /// loop at hand.
    fn is_addressed_from_outside(&self, data: &InstData) -> bool {
        let outside = |v: &Value| self.depth[*v] <= self.loops;
        indices(data).is_some_and(|i| i.iter().all(outside)) && outside(&self.shapes.origin(data.args[0]))
    }

    /// Accesses in a loop that would be in bounds before it as well.
    fn find_safe_accesses(&mut self, inst: Inst) {
        let mut found = Vec::new();
        for region in &self.func.insts[inst].regions {
            crate::walk::for_each_inst(self.func, *region, &mut |inner| {
                let data = &self.func.insts[inner];
                let new = self.ranges.safe_depth[inner] == u32::MAX;
                if new && self.is_addressed_from_outside(data) && self.is_inside(&self.bounds(data)) {
                    found.push(inner);
                }
            });
        }
        found.into_iter().for_each(|inner| self.ranges.safe_depth[inner] = self.loops);
    }
}

/// The indices of an access to one place.
fn indices(data: &InstData) -> Option<&[Value]> {
    match data.op {
        Op::Get(_) | Op::Take(_) => Some(&data.args[1..]),
        Op::Set(_) | Op::AddAt(_) | Op::Put => Some(&data.args[1..data.args.len() - 1]),
        _ => None,
    }
}

fn is_checked(op: &Op) -> bool {
    matches!(
        op,
        Op::Get(Access::Checked)
            | Op::Set(Access::Checked)
            | Op::Take(Access::Checked)
            | Op::AddAt(Access::Checked)
            | Op::Slice(Access::Checked)
            | Op::SetSlice(Access::Checked)
            | Op::AddSlice(Access::Checked)
    )
}

/// The comparison that holds where `op` does not.
fn opposite(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Eq => CompareOp::Ne,
        CompareOp::Ne => CompareOp::Eq,
        CompareOp::Lt => CompareOp::Ge,
        CompareOp::Le => CompareOp::Gt,
        CompareOp::Gt => CompareOp::Le,
        CompareOp::Ge => CompareOp::Lt,
    }
}
