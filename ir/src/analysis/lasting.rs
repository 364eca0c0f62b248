//! Whether an array may be read later than it is, at no cost.
//!
//! An array that is updated in place after its last use would have to be copied if it were read once more behind the
//! update. So before a pass moves a read down, it asks here. Three answers are yes: the array is only read in the whole
//! function; it comes from outside of the innermost loop around the read, and so has to outlive every trip anyway; or
//! nothing between the two places does more than read it.
//!
//! *Cost:* linear to make; a question looks at most at [`GAP`] instructions.

use super::definitions::only_read;
use super::{Def, Definitions, Table};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::Op;

/// Instructions between two places that are looked at (gut feeling).
const GAP: usize = 100;

/// See the module's description. Stale like [`Definitions`].
#[derive(Clone, Debug)]
pub struct Lasting {
    only_read: Table<Value, bool>,
    /// The number of loops around the instructions of a region.
    loops: Table<Region, u32>,
}

impl Lasting {
    pub fn of_function(func: &Function, definitions: &Definitions) -> Lasting {
        let mut loops = Table::with_default(0);
        if let Some(entry) = func.entry() {
            count_loops(func, entry, 0, &mut loops);
        }
        let _ = definitions;
        Lasting { only_read: only_read(func), loops }
    }

    /// Whether `x`, which `reader` reads, may be read at the end of `done` in `region`; `done` are the instructions of that region so far.
    pub fn until(
        &self,
        func: &Function,
        definitions: &Definitions,
        x: Value,
        reader: Inst,
        region: Region,
        done: &[Inst],
    ) -> bool {
        let Some(home) = definitions.home(reader) else { return false };
        self.only_read[x]
            || self.is_from_outside(definitions, x, home)
            || (home == region && is_left_alone(func, x, reader, done))
    }

    /// Whether `x` is defined outside of the innermost loop around `home`.
    fn is_from_outside(&self, definitions: &Definitions, x: Value, home: Region) -> bool {
        let defined = match definitions.of(x) {
            Def::Result(inst, _) => definitions.home(inst),
            Def::Param(region, _) => Some(region),
            Def::Nowhere => None,
        };
        defined.is_some_and(|region| self.loops[region] < self.loops[home])
    }
}

fn count_loops(func: &Function, region: Region, depth: u32, loops: &mut Table<Region, u32>) {
    loops[region] = depth;
    for inst in &func.regions[region].insts {
        let data = &func.insts[*inst];
        let inner = depth + !matches!(data.op, Op::If | Op::Switch) as u32;
        data.regions.iter().for_each(|nested| count_loops(func, *nested, inner, loops));
    }
}

/// Whether nothing behind `reader` does more than read `x`.
fn is_left_alone(func: &Function, x: Value, reader: Inst, done: &[Inst]) -> bool {
    let Some(between) = done.iter().rev().take(GAP).position(|inst| *inst == reader) else { return false };
    done[done.len() - between..].iter().all(|inst| {
        let data = &func.insts[*inst];
        data.regions.is_empty() && (!data.args.contains(&x) || only_reads(data)) || reads_elements(data)
    })
}

/// Instructions that never change what they read.
fn only_reads(data: &InstData) -> bool {
    matches!(
        data.op,
        Op::Get(_) | Op::Slice(_) | Op::Dim(_) | Op::Reduce(_) | Op::Dot | Op::MatVec { .. } | Op::MatMul { .. }
    )
}

/// Bodies of these update nothing that comes from outside in place.
fn reads_elements(data: &InstData) -> bool {
    matches!(data.op, Op::Map | Op::Build)
}
