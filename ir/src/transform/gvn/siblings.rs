//! What a branch has computed, for later branches on the same condition.
//!
//! ```text
//! %t = if %c { %a = sqrt %x; …; yield %u }             %t, %a1 = if %c { %a = sqrt %x; …; yield %u, %a }
//! …                                             ->     …
//! %v = if %c { %b = sqrt %x; … }                       %v = if %c { … %a1 for %b … }
//! ```
//!
//! The primal and each of its sweeps branch on the same conditions. The side taken is the same one, so what it has computed is known on
//! that side later on; it leaves as one more result if it is costly, while cheap operations are done again, for a result more costs
//! as much as these.

use super::Key;
use crate::function::{Function, Inst, InstData, Value};
use crate::opcode::{BinaryOp, Op, UnaryOp};
use crate::types::Type;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// What is known on one side of a condition.
#[derive(Clone, Default)]
pub(super) struct Side {
    /// What has been computed there: the value, and the branch.
    computed: FxHashMap<Key, (Value, Inst)>,
    /// For values seen from outside (results of branches, or the same computed again) which one they are inside.
    inside: FxHashMap<Value, Value>,
}

/// The sides of the conditions that have been branched on, by condition and number of the side.
pub(super) type Sides = FxHashMap<(Value, usize), Side>;

impl Side {
    /// A value as the first branch knows it.
    pub(super) fn inside(&self, v: Value) -> Value {
        self.inside.get(&v).copied().unwrap_or(v)
    }

    /// The value that an equal instruction on this side has given, with the branch that it stands in.
    pub(super) fn find(&self, key: &Key) -> Option<(Value, Inst)> {
        self.computed.get(key).copied()
    }

    pub(super) fn note(&mut self, key: Key, v: Value, branch: Inst) {
        self.computed.entry(key).or_insert((v, branch));
    }

    /// From now on `v` is known to be what is `inside` there.
    pub(super) fn same(&mut self, v: Value, inside: Value) {
        let inside = self.inside(inside);
        self.inside.insert(v, inside);
    }
}

/// Whether an operation costs more than a result of a branch.
pub(super) fn is_costly(op: &Op) -> bool {
    match op {
        Op::Unary(op) => !matches!(op, UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs | UnaryOp::Sign),
        Op::Binary(op) => matches!(
            op,
            BinaryOp::Div | BinaryOp::Rem | BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::Polygamma
        ),
        _ => false,
    }
}

/// The result of `branch` that is `v` on the side of this number; a new one if there is none.
pub(super) fn export(func: &mut Function, branch: Inst, side: usize, v: Value) -> Value {
    let regions = func.insts[branch].regions.clone();
    if let Some(k) = func.regions[regions[side]].yields.iter().position(|yielded| *yielded == v) {
        return func.insts[branch].results[k];
    }
    let ty = func.value_type(v);
    for (k, region) in regions.iter().enumerate() {
        let yielded = if k == side { v } else { nothing(func, branch, *region, ty) };
        func.regions[*region].yields.push(yielded);
    }
    let name = func.values[v].name.clone();
    let result = func.new_value(ty, name);
    func.insts[branch].results.push(result);
    result
}

fn nothing(func: &mut Function, branch: Inst, region: crate::function::Region, ty: Type) -> Value {
    let v = func.new_value(ty, None);
    let results = SmallVec::from_slice(&[v]);
    let loc = func.insts[branch].loc;
    let undef =
        func.insts.push(InstData { op: Op::Undef, args: SmallVec::new(), regions: SmallVec::new(), results, loc });
    func.regions[region].insts.push(undef);
    v
}
