//! What a loop computes anew in every pass although nothing in it changes is computed once, before the loop.
//!
//! ```text
//! %r = for %i in %lo..%hi carry (%s = %x) {         %e = exp %x
//!   %e = exp %x                                      %r = for %i in %lo..%hi carry (%s = %x) {
//!   %s1 = add %s, %e                         ->        %s1 = add %s, %e
//!   yield %s1                                          yield %s1
//! }                                                  }
//! ```
//!
//! Moved are pure instructions without regions whose operands stand outside the loop. The loop may run zero times, and a
//! branch in it may not be taken: so nothing moves that may trap, an access that is known to be in bounds moves only as far as
//! it is known there too ([`Ranges::safe_depth`]), a `node_get` does not leave its `switch`, and out of
//! branches only cheap scalar instructions move. Arrays that are made to be written ([`is_cheap_to_make`]) stay, for a loop
//! that updates one would have to copy it.
//!
//! Before the derivative is taken ([`Stage::Primal`]) only discrete values move; see there.
//!
//! An instruction moves out of several loops in one walk: loops are visited inside out, and what lands before an inner loop
//! is looked at again with the outer one. *Cost:* linear in the code times the depth of loops.

use super::Stage;
use crate::analysis::effects::EffectContext;
use crate::analysis::ranges::Ranges;
use crate::analysis::{Definitions, FunctionEffects, Shapes, Table};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::{Access, BinaryOp, Effect, Op, UnaryOp};
use crate::types::Type;

/// Moves loop-invariant instructions out of loops. Gives the number moved.
pub fn run(func: &mut Function, effects: &FunctionEffects, stage: Stage) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let definitions = Definitions::of_function(func);
    let shapes = Shapes::of_function(func);
    let movable =
        movable_insts(&EffectContext { func, definitions: &definitions, shapes: &shapes, functions: effects }, stage);
    let ranges = Ranges::of_function(func);
    let mut motion = Motion { func, movable, safe_depth: ranges.safe_depth, depth: Table::with_default(0), moved: 0 };
    motion.define_params(entry, 0);
    motion.region(entry, 0, &mut Vec::new());
    motion.moved
}

/// How freely an instruction may move.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum Movable {
    #[default]
    No,
    /// To where it certainly would be executed if the loop runs.
    FromLoop,
    /// Out of branches as well.
    FromBranch,
}

fn movable_insts(context: &EffectContext, stage: Stage) -> Table<Inst, Movable> {
    let mut movable = Table::new();
    for inst in crate::walk::insts(context.func) {
        movable[inst] = movability(context, &context.func.insts[inst], stage);
    }
    movable
}

fn movability(context: &EffectContext, data: &InstData, stage: Stage) -> Movable {
    let plain = data.regions.is_empty() && context.of_operation(data) == Effect::Pure;
    let types = data.results.iter().map(|v| context.func.value_type(*v));
    let discrete = types.clone().all(|ty| ty.as_scalar().is_some_and(|s| !s.is_float()));
    if !plain || data.results.is_empty() || is_cheap_to_make(&data.op) {
        return Movable::No;
    }
    if stage == Stage::Primal && !discrete {
        return Movable::No;
    }
    let scalar = types.clone().all(|ty: Type| ty.as_scalar().is_some());
    if matches!(data.op, Op::NodeGet { .. }) {
        return Movable::FromLoop;
    }
    if scalar && is_cheap(&data.op) { Movable::FromBranch } else { Movable::FromLoop }
}

/// Arrays that are made to be written.
fn is_cheap_to_make(op: &Op) -> bool {
    matches!(op, Op::Fill | Op::Undef | Op::ZerosLike | Op::Elements | Op::Push | Op::Set(_) | Op::AddAt(_))
        || matches!(op, Op::Take(_) | Op::Put)
}

/// Known to be in bounds where it stands, perhaps not before the loop.
fn depends_on_place(op: &Op) -> bool {
    matches!(
        op,
        Op::Get(Access::InBounds)
            | Op::Slice(Access::InBounds)
            | Op::SetSlice(Access::InBounds)
            | Op::AddSlice(Access::InBounds)
    )
}

/// A few cycles.
fn is_cheap(op: &Op) -> bool {
    match op {
        Op::Unary(op) => matches!(op, UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs),
        Op::Binary(op) => matches!(
            op,
            BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Min
                | BinaryOp::Max
                | BinaryOp::And
                | BinaryOp::Or
                | BinaryOp::Xor
                | BinaryOp::Shl
                | BinaryOp::Shr
        ),
        _ => matches!(op, Op::Const(_) | Op::Compare(_) | Op::Select | Op::Convert(_) | Op::Dim(_) | Op::Get(_)),
    }
}

struct Motion<'f> {
    func: &'f mut Function,
    movable: Table<Inst, Movable>,
    /// The least number of loops around a place at which an access is in bounds.
    safe_depth: Table<Inst, u32>,
    /// The number of loops around the definition of a value.
    depth: Table<Value, u32>,
    moved: usize,
}

impl Motion<'_> {
    fn define_params(&mut self, region: Region, depth: u32) {
        for param in &self.func.regions[region].params {
            self.depth[*param] = depth;
        }
    }

    /// Walks a region inside `depth` loops. What can leave the innermost of them goes to `before`.
    fn region(&mut self, region: Region, depth: u32, before: &mut Vec<Inst>) {
        self.walk(region, depth, Movable::FromLoop, before);
    }

    /// `least`: how movable an instruction must be to leave the loop from here.
    fn walk(&mut self, region: Region, depth: u32, least: Movable, before: &mut Vec<Inst>) {
        let mut kept = Vec::new();
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            if is_loop(&self.func.insts[inst].op) {
                let mut landing = self.loop_regions(inst, depth);
                landing.push(inst);
                landing.into_iter().for_each(|inst| self.place(inst, depth, least, &mut kept, before));
            } else {
                for inner in self.func.insts[inst].regions.clone() {
                    self.walk(inner, depth, Movable::FromBranch, before);
                }
                self.place(inst, depth, least, &mut kept, before);
            }
        }
        self.func.regions[region].insts = kept;
    }

    /// Walks the regions of a loop; gives what left it.
    fn loop_regions(&mut self, inst: Inst, depth: u32) -> Vec<Inst> {
        let mut landing = Vec::new();
        for inner in self.func.insts[inst].regions.clone() {
            self.define_params(inner, depth + 1);
            self.region(inner, depth + 1, &mut landing);
        }
        landing
    }

    /// Keeps an instruction, or sends it before the innermost loop.
    fn place(&mut self, inst: Inst, depth: u32, least: Movable, kept: &mut Vec<Inst>, before: &mut Vec<Inst>) {
        let data = &self.func.insts[inst];
        let invariant = depth > 0 && data.args.iter().all(|v| self.depth[*v] < depth);
        let safe = !depends_on_place(&data.op) || self.safe_depth[inst] < depth;
        let leaves = invariant && safe && self.movable[inst] >= least && self.movable[inst] != Movable::No;
        let depth = if leaves { depth - 1 } else { depth };
        for result in &data.results {
            self.depth[*result] = depth;
        }
        if leaves {
            self.moved += 1;
            before.push(inst);
        } else {
            kept.push(inst);
        }
    }
}

fn is_loop(op: &Op) -> bool {
    matches!(op, Op::For | Op::While | Op::Map | Op::Build)
}
