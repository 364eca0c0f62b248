//! The same operation on the same operands is computed once.
//!
//! A walk in order of execution with a table of what has been computed; what a region adds to the table is forgotten when the
//! region ends, so whatever is found stands in a region around the present one, or earlier in it: dominance by nesting.
//!
//! ```text
//! %a = mul %x, %y                      %a = mul %x, %y
//! %b = mul %y, %x            ->        %r = add %a, %a
//! %r = add %a, %b
//! ```
//!
//! An operation that may trap counts too: where the first one has not trapped, the second will not. An access in
//! bounds and a checked one of the same element are the same, and so is the second of two equal checks. Calls of functions
//! that do nothing to the world are compared like operations.
//!
//! What one side of a branch has computed is known on the same side of a later branch on the same condition ([`siblings`]).
//!
//! *Deliberately not shared:* arrays that are made only to be written (`fill`, `undef`, `zeros_like`, `elements`): two
//! updates of one of them cost a copy, as much as making it anew. Instructions with regions. Before the derivative is
//! taken ([`Stage::Primal`]) floats are shared within a region only: see there.
//! *Cost:* linear. *Source:* Briggs, Cooper, Simpson, Value Numbering, SPE 27(6) 1997, §4 (dominator-tree form).

mod siblings;

use self::siblings::{Side, Sides};
use super::Stage;
use super::replacement::Replacements;
use crate::analysis::FunctionEffects;
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::{Access, BinaryOp, CompareOp, Effect, Op};
use crate::types::Type;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Shares equal instructions of a function. Gives the number of instructions removed.
pub fn run(func: &mut Function, effects: &FunctionEffects, stage: Stage) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let mut numbering = Numbering {
        func,
        effects,
        stage,
        replaced: Replacements::default(),
        table: FxHashMap::default(),
        sides: Sides::default(),
        on: Vec::new(),
        removed: 0,
    };
    numbering.region(entry, 0);
    numbering.removed
}

/// What makes two instructions equal. The type tells apart what operands do not: empty lists, fields.
#[derive(PartialEq, Eq, Hash, Clone)]
struct Key {
    op: Op,
    args: SmallVec<[Value; 4]>,
    ty: Option<Type>,
}

struct Numbering<'f> {
    func: &'f mut Function,
    effects: &'f FunctionEffects,
    stage: Stage,
    replaced: Replacements,
    /// What has been computed, with the depth of its region.
    table: FxHashMap<Key, (Inst, u32)>,
    /// What has been computed on the sides of conditions, and on which sides the walk is.
    sides: Sides,
    on: Vec<(Value, usize, Inst)>,
    removed: usize,
}

impl Numbering<'_> {
    fn region(&mut self, region: Region, depth: u32) {
        let mut added = Vec::new();
        let mut branched = Vec::new();
        let insts = std::mem::take(&mut self.func.regions[region].insts);
        let mut kept = Vec::with_capacity(insts.len());
        for inst in insts {
            self.replaced.resolve_args(self.func, inst);
            if self.is_known(inst, depth, &mut added) || self.is_known_on_this_side(inst, region) {
                continue;
            }
            kept.push(inst);
            if self.stage == Stage::Full && self.func.insts[inst].op == Op::If {
                self.branches(inst, depth, &mut branched);
                continue;
            }
            for inner in self.func.insts[inst].regions.clone() {
                self.region(inner, depth + 1);
            }
        }
        self.func.regions[region].insts = kept;
        self.replaced.resolve_yields(self.func, region);
        for (side, old) in branched.into_iter().rev() {
            match old {
                None => self.sides.remove(&side),
                Some(old) => self.sides.insert(side, old),
            };
        }
        for (key, old) in added.into_iter().rev() {
            match old {
                None => self.table.remove(&key),
                Some(old) => self.table.insert(key, old),
            };
        }
    }

    /// Both sides of an `if`. `branched` gets what was known of them before the first one in the region at hand.
    fn branches(&mut self, inst: Inst, depth: u32, branched: &mut Vec<((Value, usize), Option<Side>)>) {
        let condition = self.func.insts[inst].args[0];
        for (k, region) in self.func.insts[inst].regions.clone().into_iter().enumerate() {
            if !branched.iter().any(|(side, _)| *side == (condition, k)) {
                branched.push(((condition, k), self.sides.get(&(condition, k)).cloned()));
            }
            self.on.push((condition, k, inst));
            self.region(region, depth + 1);
            self.on.pop();
        }
        for (k, region) in self.func.insts[inst].regions.clone().into_iter().enumerate() {
            let yields = self.func.regions[region].yields.clone();
            let side = self.sides.entry((condition, k)).or_default();
            self.func.insts[inst].results.iter().zip(yields).for_each(|(result, v)| side.same(*result, v));
        }
    }

    /// Looks whether an earlier branch on the condition at hand has computed the same, and notes it else.
    fn is_known_on_this_side(&mut self, inst: Inst, region: Region) -> bool {
        let Some((condition, k, branch)) = self.on.last().copied() else { return false };
        let data = &self.func.insts[inst];
        let plain = data.results.len() == 1 && self.func.value_type(data.results[0]).as_scalar().is_some();
        if !plain || !data.regions.is_empty() || self.func.insts[branch].regions[k] != region {
            return false;
        }
        let result = data.results[0];
        let side = self.sides.entry((condition, k)).or_default();
        let mut args: SmallVec<[Value; 4]> = data.args.iter().map(|v| side.inside(*v)).collect();
        let Some(key) = self.key_with(inst, &mut args) else { return false };
        let side = self.sides.entry((condition, k)).or_default();
        let Some((known, earlier)) =
            side.find(&key).filter(|(_, earlier)| !self.on.iter().any(|(_, _, around)| around == earlier))
        else {
            side.note(key, result, branch);
            return false;
        };
        if !siblings::is_costly(&self.func.insts[inst].op) {
            side.same(result, known);
            return false;
        }
        let exported = siblings::export(self.func, earlier, k, known);
        self.sides.entry((condition, k)).or_default().same(exported, known);
        self.replaced.replace(result, exported);
        self.removed += 1;
        true
    }

    /// Replaces an instruction by an earlier equal one, or enters it in the table.
    fn is_known(&mut self, inst: Inst, depth: u32, added: &mut Vec<(Key, Option<(Inst, u32)>)>) -> bool {
        let Some(key) = self.key(inst) else { return false };
        let found = self.table.get(&key).copied();
        if let Some((earlier, at)) = found
            && (at == depth || self.stage == Stage::Full || !self.has_float_result(inst))
        {
            let results = self.func.insts[inst].results.clone();
            for (k, result) in results.iter().enumerate() {
                self.replaced.replace(*result, self.func.insts[earlier].results[k]);
            }
            self.removed += 1;
            return true;
        }
        added.push((key.clone(), found));
        self.table.insert(key, (inst, depth));
        false
    }

    fn has_float_result(&self, inst: Inst) -> bool {
        let discrete = |ty: Type| ty.as_scalar().is_some_and(|s| !s.is_float());
        !self.func.insts[inst].results.iter().all(|v| discrete(self.func.value_type(*v)))
    }

    fn key(&self, inst: Inst) -> Option<Key> {
        let mut args = self.func.insts[inst].args.clone();
        self.key_with(inst, &mut args)
    }

    /// The key of an instruction, had it these operands.
    fn key_with(&self, inst: Inst, args: &mut SmallVec<[Value; 4]>) -> Option<Key> {
        let data = &self.func.insts[inst];
        let op = self.shared_form(data, args)?;
        let args = args.clone();
        Some(Key { op, args, ty: data.results.first().map(|v| self.func.value_type(*v)) })
    }

    /// The form of an instruction that all equal ones have; `None` if it is not to be shared.
    fn shared_form(&self, data: &InstData, args: &mut [Value]) -> Option<Op> {
        Some(match &data.op {
            Op::Get(_) => Op::Get(Access::InBounds),
            Op::Set(_) => Op::Set(Access::InBounds),
            Op::AddAt(_) => Op::AddAt(Access::InBounds),
            // Sharing one would keep what has moved out alive twice.
            Op::Take(_) | Op::Put => return None,
            Op::Slice(_) => Op::Slice(Access::InBounds),
            Op::SetSlice(_) => Op::SetSlice(Access::InBounds),
            Op::AddSlice(_) => Op::AddSlice(Access::InBounds),
            Op::Binary(op) => Op::Binary(sorted_operands(*op, args)),
            Op::Compare(op) => Op::Compare(turned(*op, args)),
            Op::Call(callee) if self.effects.of(*callee) == Effect::World => return None,
            Op::Host(host) if !host.is_pure() => return None,
            Op::Fill | Op::Undef | Op::ZerosLike | Op::Elements | Op::Build | Op::Map => return None,
            Op::If | Op::Switch | Op::For | Op::While | Op::Retain | Op::Release | Op::Unshare | Op::Trap => {
                return None;
            }
            Op::Const(_) | Op::Unary(_) | Op::Select | Op::Convert(_) | Op::StopGrad | Op::Dim(_) => data.op.clone(),
            Op::Push | Op::Pop | Op::Reshape | Op::Reduce(_) | Op::Dot | Op::MatMul { .. } => data.op.clone(),
            Op::MatVec { .. } | Op::Outer | Op::SortPermutation | Op::NodeNew { .. } | Op::NodeTag => data.op.clone(),
            Op::NodeGet { .. } | Op::AddTangent | Op::Concat | Op::Format(_) | Op::Call(_) => data.op.clone(),
            Op::Check(_) | Op::Host(_) => data.op.clone(),
        })
    }
}

/// Sorts the operands of what is commutative: `min` and `max` are not, for a tie of zeros gives the first.
fn sorted_operands(op: BinaryOp, args: &mut [Value]) -> BinaryOp {
    if matches!(op, BinaryOp::Add | BinaryOp::Mul | BinaryOp::And | BinaryOp::Or | BinaryOp::Xor) {
        args.sort();
    }
    op
}

/// The comparison as `eq`, `ne`, `lt` or `le`, operands turned around where need be.
fn turned(op: CompareOp, args: &mut [Value]) -> CompareOp {
    match op {
        CompareOp::Eq | CompareOp::Ne => args.sort(),
        CompareOp::Gt | CompareOp::Ge => args.swap(0, 1),
        CompareOp::Lt | CompareOp::Le => {}
    }
    match op {
        CompareOp::Gt => CompareOp::Lt,
        CompareOp::Ge => CompareOp::Le,
        CompareOp::Eq | CompareOp::Ne | CompareOp::Lt | CompareOp::Le => op,
    }
}
