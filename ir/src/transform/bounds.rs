//! Accesses that are certainly in bounds lose their check, comparisons that are certain become constants, and `max` and `min` of which the outcome is
//! certain (`max n, 0` of a size) their operand.
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
use crate::function::{Function, Inst, Value};
use crate::opcode::{Access, Const, Op};
use crate::transform::replacement::Replacements;

/// Removes bounds checks and decided comparisons. Gives the number of changes.
pub fn run(func: &mut Function) -> usize {
    let ranges = Ranges::of_function(func);
    ranges.in_bounds.iter().for_each(|inst| drop_check(func, *inst));
    for (inst, holds) in &ranges.decided {
        let data = &mut func.insts[*inst];
        data.op = Op::Const(Const::Bool(*holds));
        data.args.clear();
    }
    choose(func, &ranges.chosen);
    ranges.in_bounds.len() + ranges.decided.len() + ranges.chosen.len()
}

/// Uses the operand in the place of the greatest or the least.
fn choose(func: &mut Function, chosen: &[(Inst, Value)]) {
    let Some(entry) = func.entry().filter(|_| !chosen.is_empty()) else { return };
    let mut replaced = Replacements::default();
    for (inst, v) in chosen {
        replaced.replace(func.insts[*inst].results[0], *v);
    }
    replaced.resolve_region(func, entry);
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
