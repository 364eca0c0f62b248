//! Arrays that are kept whole: counted loops read all elements of an array that each trip of a loop around them has anew.
//!
//! ```text
//! for %s in 0..%steps carry (%u = …) {             the tape, for each %s: %u, one reference
//!   for %i in 0..%n { %x = get %u[%i]; … }         and not, for each %s and %i: %x, a slot
//!   …
//! }
//! ```
//!
//! The elements would take as much memory, and a store each. An element is read once for each trip of the loops around it, whatever its index
//! is, so it takes a loop for each axis that runs over all of it, but for a few elements at the ends; an axis with a few elements
//! takes none. Whether loops do is a question of sizes, which are compared as the values that they come from; where that does not show, the
//! elements are kept: a loop over a few elements of a large array must not keep the array.
//!
//! An array that is updated later in the trip is kept as a copy, which takes less than its elements one by one.

use crate::context::Active;
use dprog_ir::{InstData, Op, Region, Type, Value};

/// Whether `data` reads such an array in such loops, in a sweep of `root`.
pub fn reads_all_of(active: &Active, root: Region, data: &InstData) -> bool {
    let Some(x) = data.args.first().filter(|_| matches!(data.op, Op::Get(_))) else { return false };
    let primal = &active.primal;
    let ty = primal.func.value_type(*x);
    if !ty.is_array() || !ty.element().is_float() || data.args.len() != ty.rank() + 1 {
        return false;
    }
    let levels = counted_loops_around(active, root, primal.structure.home(*x));
    let fits = levels.is_some_and(|levels| ty.level_count() + levels <= Type::MAX_LEVELS);
    fits && loops_between(active, *x, data.results[0]).is_some_and(|loops| run_over(active, *x, ty.rank(), loops))
}

/// Whether there is a loop for each axis of `x`, and one at all.
fn run_over(active: &Active, x: Value, rank: usize, mut loops: Vec<(Value, Value)>) -> bool {
    let primal = &active.primal;
    let some = !loops.is_empty();
    let mut has_loop = |axis: usize| {
        let at = loops.iter().position(|bounds| primal.runs_over_axis(*bounds, x, axis));
        at.map(|at| loops.remove(at)).is_some() || primal.is_short_axis(x, axis)
    };
    some && (0..rank).all(&mut has_loop)
}

/// The bounds of the loops in which `element` is read that begin where `x` is there. None if a branch decides whether there are such.
fn loops_between(active: &Active, x: Value, element: Value) -> Option<Vec<(Value, Value)>> {
    let (func, structure) = (&active.primal.func, &active.primal.structure);
    let (mut at, mut loops) = (structure.home(element), Vec::new());
    while at != structure.home(x) {
        let owner = structure.owner(at)?;
        let data = &func.insts[owner];
        match data.op {
            Op::For => loops.push((data.args[0], data.args[1])),
            Op::If | Op::Switch if loops.is_empty() => {}
            _ => return None,
        }
        at = structure.home_of_inst(owner);
    }
    Some(loops)
}

/// How many loops of the root stand around a region, if all are counted.
pub fn counted_loops_around(active: &Active, root: Region, region: Region) -> Option<usize> {
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
