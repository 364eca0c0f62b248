//! Elements that a loop replaces and nobody reads any more are not replaced.
//!
//! ```text
//! %_ = for %i in 0..%n carry (%d = %y.adj) {             for %i in 0..%n {
//!   %v = get.inbounds %d[%i]                                %v = get.inbounds %y.adj[%i]
//!   %e = set.inbounds %d[%i], 0.0                  ->       …
//!   …                                                    }
//!   yield %e
//! }
//! ```
//!
//! The adjoint of `y[i] = v` reads the adjoint of the element and sets it to zero, for what was there before. Where the loop
//! makes all of `y`, nobody asks for that zero. It is dead if the loop's result is not used, and if all accesses to the
//! array are, in some axis, at one index that goes with the counter: then no trip sees what another one has stored. In loops in loops each has
//! an axis of its own. What is left carries the array on unchanged, which `simplify` removes; the array is only read then, so it need
//! not be copied, and may be computed where it is read.
//!
//! *Not here:* `while`; accesses in branches; elements that are added to. *Cost:* linear in the code times the depth of loops.

use super::replacement::Replacements;
use crate::analysis::definitions::count_uses;
use crate::analysis::{Definitions, Table};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::{Access, BinaryOp, Op};
use crate::walk;
use rustc_hash::{FxHashMap, FxHashSet};

/// Removes dead stores in a function. Gives their number.
pub fn run(func: &mut Function) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let loops: Vec<Inst> = walk::insts(func).into_iter().filter(|inst| carries_unread_arrays(func, *inst)).collect();
    if loops.is_empty() {
        return 0;
    }
    let dead = {
        let (definitions, users) = (Definitions::of_function(func), users_of_arrays(func, entry));
        let finder = Finder { func, definitions, users, uses: count_uses(func) };
        loops.iter().flat_map(|inst| finder.dead_stores(*inst)).collect::<FxHashSet<Inst>>()
    };
    let mut replaced = Replacements::default();
    for inst in walk::insts(func).into_iter().filter(|inst| dead.contains(inst)) {
        replaced.replace(func.insts[inst].results[0], func.insts[inst].args[0]);
    }
    let mut regions = Vec::new();
    walk::for_each_region(func, entry, &mut |region| regions.push(region));
    regions.into_iter().for_each(|region| func.regions[region].insts.retain(|inst| !dead.contains(inst)));
    replaced.resolve_region(func, entry);
    dead.len()
}

fn carries_unread_arrays(func: &Function, inst: Inst) -> bool {
    let data = &func.insts[inst];
    data.op == Op::For && data.results.iter().any(|v| func.value_type(*v).is_array())
}

/// The instructions that have an array as operand.
fn users_of_arrays(func: &Function, entry: Region) -> FxHashMap<Value, Vec<Inst>> {
    let mut users: FxHashMap<Value, Vec<Inst>> = FxHashMap::default();
    walk::for_each_inst(func, entry, &mut |inst| {
        for v in func.insts[inst].args.iter().filter(|v| func.value_type(**v).is_array()) {
            users.entry(*v).or_default().push(inst);
        }
    });
    users
}

struct Finder<'f> {
    func: &'f Function,
    definitions: Definitions,
    users: FxHashMap<Value, Vec<Inst>>,
    /// As operands and in yields.
    uses: Table<Value, u32>,
}

/// What happens to an array in a loop.
#[derive(Default)]
struct Accesses<'f> {
    /// The indices of each.
    indices: Vec<&'f [Value]>,
    stores: Vec<Inst>,
}

impl<'f> Finder<'f> {
    /// The stores into arrays that a loop carries to nowhere.
    fn dead_stores(&self, inst: Inst) -> Vec<Inst> {
        let data = &self.func.insts[inst];
        let unread = |k: &usize| self.uses[data.results[*k]] == 0 && self.func.value_type(data.results[*k]).is_array();
        let carried = (0..data.results.len()).filter(unread);
        carried.filter_map(|k| self.trips_apart(data, k)).flat_map(|accesses| accesses.stores).collect()
    }

    /// The accesses to what a loop carries as number `k`, if no trip sees what another one stores, and none what itself has stored.
    fn trips_apart(&self, data: &'f InstData, k: usize) -> Option<Accesses<'f>> {
        let body = data.regions[0];
        let accesses = self.accesses(body, self.func.regions[body].params[k + 1], self.func.regions[body].yields[k])?;
        let first = accesses.indices.first()?;
        let own = (0..first.len()).any(|axis| {
            let same = accesses.indices.iter().all(|indices| indices[axis] == first[axis]);
            same && self.goes_with_counter(first[axis], body)
        });
        own.then_some(accesses)
    }

    /// The accesses to an array from the beginning of a body to its end, if they are but reads and stores of elements.
    fn accesses(&self, body: Region, begin: Value, end: Value) -> Option<Accesses<'f>> {
        let mut accesses = Accesses::default();
        let mut version = begin;
        loop {
            let (mut next, users) = (None, self.users.get(&version).map_or(&[][..], |users| users));
            if self.uses[version] as usize != users.len() + (version == end) as usize {
                return None;
            }
            for user in users {
                let data = &self.func.insts[*user];
                let changed = self.access(*user, data, version, &mut accesses)?;
                // What has been stored must not be read in the same trip.
                let reads_stored = changed.is_none() && version != begin;
                if reads_stored || (changed.is_some() && self.definitions.home(*user) != Some(body)) {
                    return None;
                }
                if let Some(changed) = changed {
                    if next.replace(changed).is_some() {
                        return None;
                    }
                }
            }
            match next {
                Some(next) => version = next,
                None => return (version == end).then_some(accesses),
            }
        }
    }

    /// Notes an access. Gives the array as it is afterwards, if it changes.
    fn access(
        &self,
        user: Inst,
        data: &'f InstData,
        array: Value,
        accesses: &mut Accesses<'f>,
    ) -> Option<Option<Value>> {
        let rank = self.func.value_type(array).rank();
        match data.op {
            Op::Get(_) if data.args.len() == rank + 1 => {
                accesses.indices.push(&data.args[1..]);
                Some(None)
            }
            Op::Set(Access::InBounds) if data.args[0] == array && data.args.len() == rank + 2 => {
                accesses.indices.push(&data.args[1..rank + 1]);
                accesses.stores.push(user);
                Some(Some(data.results[0]))
            }
            Op::For => {
                let mut carried = (0..data.results.len()).filter(|k| data.args[k + 2] == array);
                let (k, None) = (carried.next()?, carried.next()) else { return None };
                let inner = self.trips_apart(data, k)?;
                accesses.indices.extend(inner.indices);
                accesses.stores.extend(inner.stores);
                Some(Some(data.results[k]))
            }
            _ => None,
        }
    }

    /// Whether an index is the counter of the loop with this body, or that and what comes from outside, added or subtracted.
    fn goes_with_counter(&self, index: Value, body: Region) -> bool {
        let counter = self.func.regions[body].params[0];
        if index == counter {
            return true;
        }
        let Some(data) = self.definitions.inst(self.func, index) else { return false };
        let sum = matches!(data.op, Op::Binary(BinaryOp::Add | BinaryOp::Sub));
        let other =
            |k: usize| data.args[k] == counter && !self.definitions.is_inside(self.func, data.args[1 - k], body);
        sum && (other(0) || other(1))
    }
}
