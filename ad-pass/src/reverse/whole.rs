//! Arrays that are kept whole: counted loops read all elements of an array that each trip of a loop around them has anew.
//!
//! ```text
//! for %s in 0..%steps carry (%u = …) {             the tape, for each %s: %u, one reference
//!   for %i in 0..%n { %x = get %u[%i]; … }         and not, for each %s and %i: %x, a slot
//!   …
//! }
//! ```
//!
//! The elements would take as much memory, and a store each. Whether loops run over all elements is a question of sizes, which are
//! compared as the values that they come from; where that does not show, the elements are kept: a loop over a few elements of a
//! large array must not keep the array.

use crate::analysis::structure::Def;
use crate::context::Active;
use dprog_ir::{InstData, Op, Region, Type, Value};

/// Whether `data` reads such an array at the counters of such loops, in a sweep of `root`.
pub fn reads_all_of(active: &Active, root: Region, data: &InstData) -> bool {
    let Some(x) = data.args.first().filter(|_| matches!(data.op, Op::Get(_))) else { return false };
    let primal = &active.primal;
    let ty = primal.func.value_type(*x);
    if !ty.is_array() || !ty.element().is_float() || data.args.len() != ty.rank() + 1 {
        return false;
    }
    let levels = counted_loops_around(active, root, primal.structure.home(*x));
    let fits = levels.is_some_and(|levels| ty.level_count() + levels <= Type::MAX_LEVELS);
    let own =
        |(axis, index): (usize, &Value)| runs_over(active, *x, axis, *index) && !data.args[axis + 2..].contains(index);
    fits && data.args[1..].iter().enumerate().all(own)
}

/// Whether `index` counts from 0 to the size of an axis of `x`, in a loop that begins where `x` is there.
fn runs_over(active: &Active, x: Value, axis: usize, index: Value) -> bool {
    let (primal, structure) = (&active.primal, &active.primal.structure);
    let Def::Param { region, index: 0 } = structure.def(index) else { return false };
    let Some(owner) = structure.owner(region) else { return false };
    let data = &primal.func.insts[owner];
    let later = structure.inside(index, structure.home(x)) && structure.home(x) != region;
    data.op == Op::For && later && primal.runs_over_axis((data.args[0], data.args[1]), x, axis)
}

/// How many loops of the root stand around a region, if all are counted.
fn counted_loops_around(active: &Active, root: Region, region: Region) -> Option<usize> {
    let primal = &active.primal;
    let (mut at, mut loops) = (region, 0);
    while at != root {
        let owner = primal.structure.owner(at)?;
        let op = &primal.func.insts[owner].op;
        if !matches!(op, Op::For | Op::If | Op::Switch) {
            return None;
        }
        loops += (*op == Op::For) as usize;
        at = primal.structure.home_of_inst(owner);
    }
    Some(loops)
}
