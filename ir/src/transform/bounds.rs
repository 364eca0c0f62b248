//! Accesses that are certainly in bounds lose their check, and comparisons that are certain become constants.
//!
//! ```text
//! %n = dim.0 %x                                  %n = dim.0 %x
//! %r = for %i in 0..%n carry (%s = %z) {         %r = for %i in 0..%n carry (%s = %z) {
//!   %a = get %x[%i]                       ->       %a = get.inbounds %x[%i]
//!   %t = add %s, %a                                %t = add %s, %a
//! ```
//!
//! The proofs are in [`crate::analysis::ranges`]; here they are acted upon. A `check` on a condition that is now constant is
//! removed by `simplify`. *Cost:* that of the analysis.

use crate::analysis::ranges::Ranges;
use crate::function::{Function, Inst};
use crate::opcode::{Access, Const, Op};

/// Removes bounds checks and decided comparisons. Gives the number of changes.
pub fn run(func: &mut Function) -> usize {
    let ranges = Ranges::of_function(func);
    ranges.in_bounds.iter().for_each(|inst| drop_check(func, *inst));
    for (inst, holds) in &ranges.decided {
        let data = &mut func.insts[*inst];
        data.op = Op::Const(Const::Bool(*holds));
        data.args.clear();
    }
    ranges.in_bounds.len() + ranges.decided.len()
}

fn drop_check(func: &mut Function, inst: Inst) {
    let (Op::Get(access)
    | Op::Set(access)
    | Op::Take(access)
    | Op::AddAt(access)
    | Op::Slice(access)
    | Op::SetSlice(access)
    | Op::AddSlice(access)) = &mut func.insts[inst].op
    else {
        return;
    };
    *access = Access::InBounds;
}
