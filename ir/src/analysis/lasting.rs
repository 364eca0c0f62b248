//! Whether an array may be read later than it is, at no cost.
//!
//! An array that is updated in place after its last use would have to be copied if it were read once more behind the
//! update. So before a pass moves a read down, it asks here. Three answers are yes: the array is only read in the whole
//! function; it comes from outside of the innermost loop around the read, and so has to outlive every trip anyway; or
//! nothing between the two places does more than read it.
//!
//! Before the derivative is taken ([`Stage::Primal`]) an array that is updated anywhere does not last: the sweep would keep the
//! whole of it for what it reads of it.
//!
//! *Cost:* linear to make; a question looks at most at [`GAP`] instructions.

use super::definitions::{handed_on, only_read};
use super::{Def, Definitions, Table};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::Op;
use crate::transform::Stage;

/// Instructions between two places that are looked at (gut feeling).
const GAP: usize = 100;

/// Where a walk stands: the regions around it, outermost first, each with the instructions that are done.
pub type Path = [(Region, Vec<Inst>)];

/// See the module's description. Stale like [`Definitions`].
#[derive(Clone, Debug)]
pub struct Lasting {
    stage: Stage,
    only_read: Table<Value, bool>,
    /// Arrays that are updated, carried or yielded. Those that are only handed to calls are not among them.
    updated: Table<Value, bool>,
    /// The number of loops around the instructions of a region.
    loops: Table<Region, u32>,
}

impl Lasting {
    pub fn of_function(func: &Function, stage: Stage) -> Lasting {
        let (mut loops, mut updated) = (Table::with_default(0), Table::with_default(false));
        if let Some(entry) = func.entry() {
            count_loops(func, entry, 0, &mut loops);
            mark_updated(func, entry, &mut updated);
        }
        Lasting { stage, only_read: only_read(func), updated, loops }
    }

    /// Whether `x`, which `reader` reads, may be read at the end of this path.
    pub fn until(&self, func: &Function, definitions: &Definitions, x: Value, reader: Inst, path: &Path) -> bool {
        if self.stage == Stage::Primal && self.updated[x] {
            return false;
        }
        let Some(home) = definitions.home(reader) else { return false };
        self.only_read[x] || self.is_from_outside(definitions, x, home) || {
            let from = path.iter().rposition(|(region, _)| *region == home);
            from.is_some_and(|from| is_left_alone(func, definitions, x, reader, &path[from..]))
        }
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

fn mark_updated(func: &Function, region: Region, updated: &mut Table<Value, bool>) {
    for inst in &func.regions[region].insts {
        let data = &func.insts[*inst];
        let consumed = if matches!(data.op, Op::Call(_)) { 0 } else { handed_on(data) };
        data.args[..consumed].iter().for_each(|v| updated[*v] = true);
        data.regions.iter().for_each(|inner| mark_updated(func, *inner, updated));
    }
    func.regions[region].yields.iter().for_each(|v| updated[*v] = true);
}

/// Whether nothing behind `reader`, which stands in the first region of the path, does more than read `x`.
fn is_left_alone(func: &Function, definitions: &Definitions, x: Value, reader: Inst, path: &Path) -> bool {
    let leaves_alone = |inst: &Inst| {
        let data = &func.insts[*inst];
        !data.args[..handed_on(data)].contains(&x) && (data.regions.is_empty() || reads_elements(data))
    };
    let [(_, first), inner @ ..] = path else { return false };
    let Some(between) = first.iter().rev().take(GAP).position(|inst| *inst == reader) else { return false };
    let entered = |region: Region| {
        definitions.owner(region).is_some_and(|inst| {
            let data = &func.insts[inst];
            !data.args[..handed_on(data)].contains(&x)
        })
    };
    first[first.len() - between..].iter().all(leaves_alone)
        && inner.iter().all(|(region, done)| entered(*region) && done.len() <= GAP && done.iter().all(leaves_alone))
}

/// Bodies of these update nothing that comes from outside in place.
fn reads_elements(data: &InstData) -> bool {
    matches!(data.op, Op::Map | Op::Build)
}
