//! Arrays that are restored: loops update their elements, and loops or whole-array operations between the updates read many.
//!
//! ```text
//! for %j in 0..%n carry (%l = …) {           the tape, for each %j: what `set` replaces, one slot
//!   for %k in 0..%j { %x = get %l[%k]; … }    and not, for each %j and %k: %x, a slot
//!   %l1 = set %l[%j], %s
//! }
//! ```
//!
//! The sweep begins with the array as the outermost loop leaves it. Where it comes to an update it puts back the element that was
//! replaced; so at every point of the sweep the array is what it was there in the primal, and what was read is read again. That is
//! the reversal of an overwrite by what it overwrites, as in Tapenade [HP13 §4.2] and [GW08 §4.1].
//!
//! The versions of such an array are a *chain*: from the parameter of the outermost loop through updates of single elements, loops
//! and branches to what it yields. Nothing may use a version when the next one is there: the sweep has them one at a time. It has
//! one at the right time for a read in a region in which the array is only read, since such a region lies between two
//! updates, and for an operation on the whole array, which reads it where the sweep passes.
//!
//! It pays where reads stand in more loops than updates: then memory is that of the updates. (A version that would be kept whole counts a
//! loop for each long axis; the positions of each step of a simulation are as much as their updates, and are kept.) Cost: linear in the primal for each loop
//! around the chain.

use crate::analysis::accumulated::is_forward;
use crate::analysis::structure::{Def, Structure, walk};
use crate::reverse::control::body_of;
use crate::reverse::item::Item;
use crate::reverse::plan::{Decider, Fetch, Given, Setting};
use crate::reverse::whole::counted_loops_around;
use dprog_ir::{Function, Inst, Op, Region, Type, Value};
use rustc_hash::{FxHashMap, FxHashSet};

/// The versions of an array that an outermost loop carries; see the module's description.
#[derive(Debug)]
struct Chain {
    /// What the loop ends with.
    end: Value,
    /// The sets and additions of one element.
    updates: Vec<Inst>,
    /// The loops and branches that the array goes through: the number of the result, and the version that goes in.
    through: Vec<(Inst, usize, Value)>,
    /// Their regions: between the instructions there, the version changes.
    regions: FxHashSet<Region>,
    links: Vec<Link>,
}

/// A version, in a region in which it is the newest up to an instruction, or to the end.
#[derive(Clone, Copy, Debug)]
struct Link {
    version: Value,
    region: Region,
    next: Option<Inst>,
}

/// Where a value is used.
#[derive(Clone, Copy, Debug)]
enum Use {
    By(Inst),
    Yielded(Region),
}

/// The chains that the sweep can restore.
#[derive(Default)]
pub(super) struct Chains {
    chains: Vec<Chain>,
    /// The chain of each version.
    of: FxHashMap<Value, usize>,
}

impl Decider<'_> {
    /// Finds the chains that are worth restoring, if something wants to read their arrays.
    pub(super) fn find_chains(&mut self) {
        if !self.may_restore() {
            return;
        }
        let active = self.active;
        let func = active.func();
        let mut carried = Vec::new();
        walk(func, self.plan.root, &mut |_, inst| {
            let data = &func.insts[inst];
            if matches!(data.op, Op::For | Op::While) {
                let arrays = data.results.iter().enumerate().filter(|(_, r)| is_plain_array(func.value_type(**r)));
                carried.extend(arrays.map(|(k, _)| (inst, k)));
            }
        });
        if carried.is_empty() {
            return;
        }
        let uses = uses_of_arrays(func, self.plan.root);
        let mut known = FxHashSet::default();
        for (inst, k) in carried {
            if known.contains(&(inst, k)) {
                continue;
            }
            let Some(chain) = Tracer::trace(func, &active.primal.structure, inst, k) else { continue };
            if self.can_restore(&chain, &uses) && self.can_hold(&chain) && self.pays(&chain, &uses) {
                known.extend(chain.through.iter().map(|(inst, k, _)| (*inst, *k)));
                self.chains.of.extend(chain.links.iter().map(|link| (link.version, self.chains.chains.len())));
                self.chains.chains.push(chain);
            }
        }
    }

    /// The sweep must follow its primal, and go through the loops one after the other.
    fn may_restore(&self) -> bool {
        let setting = matches!(self.plan.setting, Setting::Direct | Setting::Apart { given: Given::All });
        let owner = self.active.primal.structure.owner(self.plan.root);
        setting && owner.is_none() && self.plan.fused.is_none()
    }

    fn can_restore(&self, chain: &Chain, uses: &FxHashMap<Value, Vec<Use>>) -> bool {
        let (structure, func) = (&self.active.primal.structure, self.active.func());
        let goes_back = |(inst, ..): &(Inst, usize, Value)| {
            let is_loop = matches!(func.insts[*inst].op, Op::For | Op::While);
            let other_ways = is_loop && (self.plan.last.contains(inst) || is_forward(self.active, *inst));
            self.swept.contains(inst) && !other_ways
        };
        let is_linear = |link: &Link| {
            let uses = uses.get(&link.version).map_or(&[][..], |uses| uses);
            uses.iter().all(|at| link.allows(func, structure, *at))
        };
        chain.through.iter().all(goes_back) && chain.links.iter().all(is_linear)
    }

    /// Whether what would be kept of the array otherwise, elements or whole versions, is kept in more loops than what updates replace.
    fn pays(&self, chain: &Chain, uses: &FxHashMap<Value, Vec<Use>>) -> bool {
        let (structure, func) = (&self.active.primal.structure, self.active.func());
        let depth = |region: Region| loops_around(func, structure, region, chain.through[0].0);
        let updates = chain.updates.iter().map(|inst| depth(structure.home_of_inst(*inst))).max().unwrap_or(0);
        let is_deeper = |v: Value, at: &Use| {
            let Use::By(inst) = *at else { return false };
            let home = structure.home_of_inst(inst);
            // All elements, as often as the version arises.
            let long = |axis: &usize| !self.active.primal.is_short_axis(v, *axis);
            let axes = || (0..func.value_type(v).rank()).filter(long).count();
            let whole = || depth(structure.home(v)) + axes() > updates;
            match func.insts[inst].op {
                Op::Get(_) if !reads_element(func, inst) => false,
                Op::Get(_) if self.reads_kept_array(&func.insts[inst]) => whole(),
                Op::Get(_) => depth(home) > updates && !chain.regions.contains(&home),
                Op::Dim(_) | Op::Set(_) | Op::AddAt(_) | Op::For | Op::While => false,
                _ => whole(),
            }
        };
        let mut versions = chain.links.iter().map(|link| link.version);
        versions.any(|v| uses.get(&v).into_iter().flatten().any(|at| is_deeper(v, at)))
    }

    /// Whether the last version can be held until the sweep begins, at no more cost than the updates.
    fn can_hold(&self, chain: &Chain) -> bool {
        let primal = &self.active.primal;
        let home = primal.structure.home_of_inst(chain.through[0].0);
        let loops = counted_loops_around(self.active, self.plan.root, home);
        let levels = primal.func.value_type(chain.end).level_count();
        loops.is_some_and(|loops| levels + loops <= Type::MAX_LEVELS)
            && (home == self.plan.root || self.runs_over(chain))
    }

    /// Whether a counted loop of the chain has as many trips as its array is long along some axis: then a copy of the array costs no more
    /// than the loops themselves.
    fn runs_over(&self, chain: &Chain) -> bool {
        let primal = &self.active.primal;
        let rank = primal.func.value_type(chain.end).rank();
        chain.through.iter().any(|(inst, ..)| {
            let data = &primal.func.insts[*inst];
            let over = |axis| primal.runs_over_axis((data.args[0], data.args[1]), chain.end, axis);
            data.op == Op::For && (0..rank).any(over)
        })
    }

    /// Whether the sweep can have the version `v` by restoring it.
    pub(super) fn is_restorable(&self, v: Value) -> bool {
        self.chains.of.contains_key(&v)
    }

    /// Whether the sweep of the region in which `inst` reads an element finds the array as it was.
    pub(super) fn reads_restored(&self, inst: Inst) -> bool {
        let func = self.active.func();
        let chain = func.insts[inst].args.first().and_then(|v| self.chains.of.get(v));
        let home = self.active.primal.structure.home_of_inst(inst);
        reads_element(func, inst) && chain.is_some_and(|k| !self.chains.chains[*k].regions.contains(&home))
    }

    /// Plans that the sweep restores the array of which `v` is a version.
    pub(super) fn restore(&mut self, v: Value) {
        let chain = &self.chains.chains[self.chains.of[&v]];
        let versions: Vec<Value> = chain.links.iter().map(|link| link.version).collect();
        let (end, updates) = (chain.end, chain.updates.clone());
        for (inst, k, first) in &chain.through {
            self.plan.through.entry(*inst).or_default().push((*k, *first));
        }
        versions.into_iter().for_each(|v| {
            self.plan.fetch.insert(Item::Value(v), Fetch::Restored);
        });
        self.settle_one(Item::Value(end));
        for inst in updates {
            self.plan.put_back.insert(inst);
            self.settle_one(Item::Replaced(inst));
            let data = &self.active.func().insts[inst];
            data.args[1..data.args.len() - 1].iter().for_each(|index| self.settle_one(Item::Value(*index)));
        }
    }
}

/// Follows an array backwards through the body of a loop.
struct Tracer<'a> {
    func: &'a Function,
    structure: &'a Structure,
    chain: Chain,
}

impl Tracer<'_> {
    /// The chain of what `inst` carries in place `k`, if there are only updates of single elements, loops and branches in it.
    fn trace(func: &Function, structure: &Structure, inst: Inst, k: usize) -> Option<Chain> {
        let chain = Chain {
            end: func.insts[inst].results[k],
            updates: Vec::new(),
            through: Vec::new(),
            regions: FxHashSet::default(),
            links: Vec::new(),
        };
        let mut tracer = Tracer { func, structure, chain };
        tracer.through_loop(inst, k)?;
        Some(tracer.chain)
    }

    /// Gives the version with which the loop begins.
    fn through_loop(&mut self, inst: Inst, k: usize) -> Option<Value> {
        let data = &self.func.insts[inst];
        let body = body_of(data);
        let region = &self.func.regions[body];
        let carried = data.results.len();
        let (first, init) =
            (region.params[region.params.len() - carried + k], data.args[data.args.len() - carried + k]);
        self.chain.through.push((inst, k, init));
        self.back(body, region.yields[k], first)?;
        Some(init)
    }

    /// Gives the version that both branches begin with.
    fn through_branches(&mut self, inst: Inst, k: usize) -> Option<Value> {
        let regions = &self.func.insts[inst].regions;
        let first = self.begins_with(regions[0], self.func.regions[regions[0]].yields[k])?;
        for region in regions {
            self.back(*region, self.func.regions[*region].yields[k], first)?;
        }
        self.chain.through.push((inst, k, first));
        Some(first)
    }

    /// Goes from the version `last` in `region` back to `first`.
    fn back(&mut self, region: Region, last: Value, first: Value) -> Option<()> {
        self.chain.regions.insert(region);
        let (mut version, mut next) = (last, None);
        loop {
            self.chain.links.push(Link { version, region, next });
            if version == first {
                return Some(());
            }
            let Def::Result { inst, index } = self.structure.def(version) else { return None };
            if self.structure.home_of_inst(inst) != region {
                return None;
            }
            version = match self.func.insts[inst].op {
                Op::Set(_) | Op::AddAt(_) if is_update_of_element(self.func, inst) => {
                    self.chain.updates.push(inst);
                    self.func.insts[inst].args[0]
                }
                Op::For | Op::While => self.through_loop(inst, index)?,
                Op::If | Op::Switch => self.through_branches(inst, index)?,
                _ => return None,
            };
            next = Some(inst);
        }
    }

    /// The version from outside of `region` from which `v` has come.
    fn begins_with(&self, region: Region, v: Value) -> Option<Value> {
        let mut at = v;
        while self.structure.inside(at, region) {
            let Def::Result { inst, index } = self.structure.def(at) else { return None };
            let data = &self.func.insts[inst];
            at = match data.op {
                Op::Set(_) | Op::AddAt(_) => data.args[0],
                Op::For | Op::While => data.args[data.args.len() - data.results.len() + index],
                Op::If | Op::Switch => {
                    self.begins_with(data.regions[0], self.func.regions[data.regions[0]].yields[index])?
                }
                _ => return None,
            };
        }
        Some(at)
    }
}

impl Link {
    /// Whether the version is the newest where it is used.
    fn allows(&self, func: &Function, structure: &Structure, at: Use) -> bool {
        let (mut region, mut by) = match at {
            Use::By(inst) => (structure.home_of_inst(inst), Some(inst)),
            Use::Yielded(region) => (region, None),
        };
        let direct = region == self.region;
        while region != self.region {
            // In a region outside of this one: another link of the version is asked.
            let Some(owner) = structure.owner(region) else { return true };
            (region, by) = (structure.home_of_inst(owner), Some(owner));
        }
        match (self.next, by) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(next), Some(by)) if by == next => match func.insts[next].op {
                Op::If | Op::Switch => true,
                _ => direct && func.insts[next].args.iter().filter(|arg| **arg == self.version).count() == 1,
            },
            (Some(next), Some(by)) => structure.inst_order(by) < structure.inst_order(next),
        }
    }
}

/// Where arrays are used in the region and those in it.
fn uses_of_arrays(func: &Function, root: Region) -> FxHashMap<Value, Vec<Use>> {
    let mut uses: FxHashMap<Value, Vec<Use>> = FxHashMap::default();
    let mut note = |v: Value, at: Use| {
        if is_plain_array(func.value_type(v)) {
            uses.entry(v).or_default().push(at);
        }
    };
    walk(func, root, &mut |_, inst| {
        let data = &func.insts[inst];
        data.args.iter().for_each(|v| note(*v, Use::By(inst)));
        for region in &data.regions {
            func.regions[*region].yields.iter().for_each(|v| note(*v, Use::Yielded(*region)));
        }
    });
    uses
}

fn is_plain_array(ty: Type) -> bool {
    ty.is_array() && ty.element().is_float()
}

/// Whether an instruction reads one element, not a row.
fn reads_element(func: &Function, inst: Inst) -> bool {
    let data = &func.insts[inst];
    matches!(data.op, Op::Get(_)) && func.value_type(data.results[0]).as_scalar().is_some()
}

fn is_update_of_element(func: &Function, inst: Inst) -> bool {
    let data = &func.insts[inst];
    func.value_type(data.args[data.args.len() - 1]).as_scalar().is_some()
}

/// How many loops stand around a region, `outermost` included.
fn loops_around(func: &Function, structure: &Structure, region: Region, outermost: Inst) -> usize {
    let (mut at, mut loops) = (region, 0);
    while let Some(owner) = structure.owner(at) {
        loops += matches!(func.insts[owner].op, Op::For | Op::While | Op::Map | Op::Build) as usize;
        if owner == outermost {
            break;
        }
        at = structure.home_of_inst(owner);
    }
    loops
}
