//! Loops whose trips do not see what earlier ones have computed, but for sums: what is active in them is only added to.
//!
//! ```text
//! %t = for %i in 0..%n carry (%s = %z) {       s̄ is the same in every trip, so the sweep may go through the trips in the order
//!   %v = …                                     of the primal. What the primal counts or multiplies up beside it (%k) is had
//!   %s1 = add %s, %v                           in the sweep as in the primal, by doing the same once more: no tape.
//!   yield %s1
//! }
//! ```
//!
//! A carried value qualifies if it goes from the parameter to what is yielded through nothing but additions to it (`add`, the first
//! operand of `sub`, `add_at`, `add_slice`, `add_tangent`) and such loops, and has no other use on the way.

use crate::analysis::structure::Def;
use crate::context::{Active, Primal};
use dprog_ir::{BinaryOp, Inst, InstData, Op, Region, Value};

/// Links of a chain of additions that are looked at (a guess; it bounds the time).
const FAR: u32 = 64;

/// Whether the sweep of a counted loop may go forwards.
pub fn is_forward(active: &Active, inst: Inst) -> bool {
    let counted = active.func().insts[inst].op == Op::For;
    counted && !active.recursive && !active.primal.is_beside_uncounted(inst) && only_adds(active, inst)
}

/// Whether all that is active of what a loop carries is only added to.
pub fn only_adds(active: &Active, inst: Inst) -> bool {
    let data = &active.func().insts[inst];
    let mut carried = (0..data.results.len()).filter(|k| active.is_active(data.results[*k]));
    carried.all(|k| is_accumulated(active, data, k))
}

fn is_accumulated(active: &Active, data: &InstData, k: usize) -> bool {
    let body = data.regions[data.regions.len() - 1];
    let region = &active.func().regions[body];
    let counters = region.params.len() - data.results.len();
    let mut chain = Chain { active, body, param: region.params[counters + k], left: FAR };
    let only_use = active.primal.active_uses(chain.param) == 1;
    only_use && chain.leads_from(region.yields[k])
}

struct Chain<'a> {
    active: &'a Active,
    body: Region,
    param: Value,
    left: u32,
}

impl Chain<'_> {
    /// Whether additions lead from the parameter to `v`, which has one use.
    fn leads_from(&mut self, v: Value) -> bool {
        if v == self.param {
            return true;
        }
        let primal: &Primal = &self.active.primal;
        let Def::Result { inst, index } = primal.structure.def(v) else { return false };
        if self.left == 0 || primal.structure.home(v) != self.body || primal.active_uses(v) != 1 {
            return false;
        }
        self.left -= 1;
        let data = &primal.func.insts[inst];
        match data.op {
            Op::Binary(BinaryOp::Add) | Op::AddTangent => {
                self.leads_from(data.args[0]) || self.leads_from(data.args[1])
            }
            Op::Binary(BinaryOp::Sub) | Op::AddAt(_) | Op::AddSlice(_) => self.leads_from(data.args[0]),
            Op::For | Op::While => {
                let first = data.args.len() - data.results.len();
                only_adds(self.active, inst) && self.leads_from(data.args[first + index])
            }
            _ => false,
        }
    }
}
