//! What it costs the sweep to compute a value again, from what it has anyway.
//!
//! Constants, indices, cheap arithmetic and reads of arrays that nobody changes are had so; elementary functions and what may fail are kept.

use crate::analysis::structure::Def;
use crate::reverse::item::Item;
use crate::reverse::plan::Decider;
use crate::reverse::whole::reads_all_of;
use dprog_ir::{BinaryOp, Const, InstData, Op, Region, Scalar, Type, UnaryOp, Value};

/// A value is recomputed if that takes at most so many operations. Chosen by feeling: a slot costs a store and a load.
pub(super) const BUDGET: u32 = 8;

/// Less than a slot costs, where several divisions are on their way at once; of integers it may trap.
const DIVISION: u32 = 4;

/// What an elementary function counts where it may be computed twice: so much that there is one of them in what is recomputed for a value.
const ELEMENTARY: u32 = 4;

impl Decider<'_> {
    /// Operations that it takes to have `v` in the sweep without a new slot, if that is possible within `budget`.
    pub(super) fn cost(&self, v: Value, budget: u32) -> Option<u32> {
        let primal = &self.active.primal;
        let (structure, func) = (&primal.structure, &primal.func);
        let home = structure.home(v);
        if self.plan.fetch.contains_key(&Item::Value(v)) || !structure.inside(v, self.plan.root) {
            return Some(0);
        }
        if self.plan.has_direct(home) {
            return Some(0);
        }
        match structure.def(v) {
            Def::Param { region, index } => {
                let counter = index == 0 && structure.owner(region).is_some_and(|inst| func.insts[inst].op == Op::For);
                let had = counter || (self.is_given(Item::Value(v)) && self.is_held(v, index));
                had.then_some(0).or_else(|| self.step(v).map(|_| 1))
            }
            Def::Result { inst, .. } => {
                let data = &func.insts[inst];
                let first = data.args.first().map(|a| func.value_type(*a));
                let rereads_stable = match data.op {
                    // A row is mostly read by elements, where it comes from.
                    Op::Get(_) => {
                        let whole = data.args.len() == first?.rank() + 1;
                        let stable = self.may_reread(data.args[0]) && (whole || first?.element().is_float());
                        stable || self.reads_restored(inst) || self.reads_kept_array(data)
                    }
                    _ => true,
                };
                let cost = operation_cost(&data.op, first.and_then(Type::as_scalar)).filter(|_| rereads_stable);
                let cost = cost.or_else(|| self.cost_of_division(data));
                let mut cost = cost.or_else(|| self.cost_in_element(home, data))?;
                for (k, arg) in data.args.iter().enumerate() {
                    let left = budget.checked_sub(cost)?;
                    if k == 0 && self.reads_restored(inst) {
                        continue;
                    }
                    let apart = || (k == 0 && self.reads_kept_array(data)) || self.is_of_outer_loop(*arg, home);
                    cost += self.cost(*arg, left).or_else(|| apart().then_some(1))?;
                }
                (cost <= budget).then_some(cost)
            }
        }
    }

    /// Whether `v` is a number of a trip of a loop around the one in which it is used, in the region `home`: to have it, kept or computed
    /// again, costs once what keeping something in the inner loop would cost in each of its trips.
    fn is_of_outer_loop(&self, v: Value, home: Region) -> bool {
        let primal = &self.active.primal;
        let (structure, func) = (&primal.structure, &primal.func);
        let is_result = matches!(structure.def(v), Def::Result { .. });
        if !is_result || func.value_type(v).as_scalar().is_none() || self.plan.is_recursion() {
            return false;
        }
        let (mut region, mut in_loop) = (home, false);
        while region != structure.home(v) {
            let Some(owner) = structure.owner(region) else { return false };
            in_loop |= func.insts[owner].op == Op::For;
            region = structure.home_of_inst(owner);
        }
        in_loop
    }

    /// Whether an element is had from its array, which is kept whole.
    pub(super) fn reads_kept_array(&self, data: &InstData) -> bool {
        !self.plan.is_recursion() && reads_all_of(self.active, self.plan.root, data)
    }

    /// Of an elementary function in a loop for one element of a comprehension. Kept, it would be in an array of its own for each element,
    /// and then neighbouring elements could not be computed several at a time, which makes up for computing it twice.
    fn cost_in_element(&self, home: Region, data: &InstData) -> Option<u32> {
        let primal = &self.active.primal;
        let owner = primal.structure.owner(self.plan.root)?;
        let in_element = matches!(primal.func.insts[owner].op, Op::Build | Op::Map) && home != self.plan.root;
        let is_elementary =
            matches!(data.op, Op::Unary(op) if !matches!(op, UnaryOp::Lgamma | UnaryOp::Digamma | UnaryOp::Trigamma));
        (in_element && is_elementary && primal.func.value_type(data.results[0]) == Type::F64).then_some(ELEMENTARY)
    }

    /// Of integers, by a constant that is not zero.
    fn cost_of_division(&self, data: &InstData) -> Option<u32> {
        let divides = matches!(data.op, Op::Binary(BinaryOp::Div | BinaryOp::Rem));
        let by = divides.then(|| self.active.primal.producer(data.args[1])).flatten()?;
        let Op::Const(by) = &self.active.func().insts[by].op else { return None };
        let succeeds = matches!(by, Const::I64(1.. | ..=-1) | Const::I32(1.. | ..=-1) | Const::U8(1..));
        succeeds.then_some(2)
    }

    /// Whether reading the array `v` in the sweep costs the primal nothing.
    fn may_reread(&self, v: Value) -> bool {
        let primal = &self.active.primal;
        let held = match primal.structure.def(v) {
            Def::Param { region, index } if primal.structure.owner(region).is_none() => self.is_held(v, index),
            Def::Param { .. } | Def::Result { .. } => true,
        };
        held && primal.is_stable(v)
    }

    pub(super) fn is_held(&self, v: Value, index: usize) -> bool {
        !self.active.primal.func.value_type(v).is_heap() || self.active.instance.held[index]
    }
}

/// What it costs to do an operation again; `None` for what is better kept, or must not be done twice.
fn operation_cost(op: &Op, first: Option<Scalar>) -> Option<u32> {
    match op {
        Op::Const(_) | Op::Undef => Some(0),
        Op::Unary(op) => unary_cost(*op),
        Op::Binary(op) => binary_cost(*op, first?),
        Op::Compare(_) if first.is_some() => Some(1),
        Op::Compare(_) => None,
        Op::Select | Op::Convert(_) | Op::Dim(_) | Op::Get(_) | Op::NodeTag | Op::NodeGet { .. } => Some(1),
        Op::StopGrad if first.is_some() => Some(0),
        Op::StopGrad | Op::Fill | Op::Elements | Op::Set(_) | Op::AddAt(_) | Op::Slice(_) | Op::SetSlice(_) => None,
        Op::AddSlice(_) | Op::Push | Op::Pop | Op::Reshape | Op::Map | Op::Build | Op::Reduce(_) | Op::Dot => None,
        Op::Take(_) | Op::Put => None,
        Op::MatMul { .. } | Op::MatVec { .. } | Op::Outer | Op::SortPermutation | Op::NodeNew { .. } => None,
        Op::ZerosLike | Op::AddTangent | Op::Concat | Op::Format(_) | Op::If | Op::Switch | Op::For => None,
        Op::While | Op::Call(_) | Op::Check(_) | Op::Trap | Op::Host(_) => None,
        Op::Retain | Op::Release | Op::Unshare => None,
    }
}

fn unary_cost(op: UnaryOp) -> Option<u32> {
    let cheap = [UnaryOp::Neg, UnaryOp::Not, UnaryOp::Abs, UnaryOp::Sign, UnaryOp::Trunc];
    // A root takes as long as a division.
    cheap.contains(&op).then_some(1).or((op == UnaryOp::Sqrt).then_some(DIVISION))
}

fn binary_cost(op: BinaryOp, scalar: Scalar) -> Option<u32> {
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Min | BinaryOp::Max | BinaryOp::CopySign => Some(1),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => Some(1),
        BinaryOp::Div if scalar.is_float() => Some(DIVISION),
        BinaryOp::Div | BinaryOp::Rem | BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Hypot => None,
        BinaryOp::Polygamma => None,
    }
}
