//! Where references are retained and released: one backward walk over the regions of a function.
//!
//! The walk knows at each point which owned values are *live*: have a use below. A consuming use of a live value retains it
//! first; any other consuming use is the end of the value's own reference. A borrowing use of a value that is not live
//! is its last: it is released after it. Branches meet by union, and a value that lives in one branch only is released
//! at the start of the others. Values from outside a loop are live throughout its body.

use super::modes::{Use, use_of};
use super::moves::Moves;
use super::{each_inst, reads_part};
use crate::entity::Entity;
use crate::{FuncId, Function, Inst, Module, Op, Region, Value};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

/// Who holds the reference that keeps a value alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holder {
    /// The value itself; also said of scalars.
    Own,
    /// Another value of the function.
    Value(Value),
    /// The caller, or a construct around.
    Outside,
}

/// The decisions for one function. Lists are in reverse order of the text.
#[derive(Debug, Default)]
pub(super) struct Lifetimes {
    pub retain_before: FxHashMap<Inst, Vec<Value>>,
    pub release_after: FxHashMap<Inst, Vec<Value>>,
    /// Parts that become owned: retained after they are read.
    pub retain_after: FxHashSet<Inst>,
    pub retain_before_yield: FxHashMap<Region, Vec<Value>>,
    pub release_before_yield: FxHashMap<Region, Vec<Value>>,
    pub release_at_start: FxHashMap<Region, Vec<Value>>,
    holders: Vec<Holder>,
    /// For each part that was read: the container.
    pub containers: FxHashMap<Value, Value>,
    /// Values whose object gets a second reference somewhere.
    shared: Vec<bool>,
}

impl Lifetimes {
    /// Whether the value has a reference of its own.
    pub fn owns(&self, v: Value) -> bool {
        self.holders[v.index()] == Holder::Own
    }

    /// Whether the object of an owned value gets a second reference while the value lives.
    pub fn shared(&self, v: Value) -> bool {
        self.shared[v.index()]
    }
}

/// Decides for one function.
pub(super) fn analyse(module: &Module, owned_params: &[Vec<bool>], id: FuncId) -> Lifetimes {
    let func = &module.funcs[id];
    let count = func.values.len();
    let out = Lifetimes { holders: vec![Holder::Own; count], shared: vec![false; count], ..Lifetimes::default() };
    let mut walk = Walk { func, owned_params, out, live: vec![false; count], trail: Vec::new() };
    if let Some(entry) = func.entry() {
        walk.find_holders(entry, &owned_params[id.index()]);
        walk.region(entry);
    }
    walk.out
}

/// A place where a value is used.
#[derive(Clone, Copy)]
enum Site {
    Inst(Inst),
    Yield(Region),
}

struct Walk<'a> {
    func: &'a Function,
    owned_params: &'a [Vec<bool>],
    out: Lifetimes,
    live: Vec<bool>,
    /// Values in the order in which they became live.
    trail: Vec<Value>,
}

impl Walk<'_> {
    // ---- who holds what ----

    fn find_holders(&mut self, entry: Region, owned: &[bool]) {
        for (param, owned) in self.func.regions[entry].params.iter().zip(owned) {
            if !owned {
                self.out.holders[param.index()] = Holder::Outside;
            }
        }
        let moves = Moves::of(self.func, self.owned_params, entry);
        let func = self.func;
        each_inst(func, entry, &mut |inst| {
            let data = &func.insts[inst];
            // Elements that `map` looks at stay in the array; the condition of a `while` looks at what the body owns.
            if matches!(data.op, Op::Map | Op::While) {
                for param in &func.regions[data.regions[0]].params {
                    self.out.holders[param.index()] = Holder::Outside;
                }
            }
            if let Some(container) = reads_part(func, inst) {
                let holder = match self.out.holders[container.index()] {
                    Holder::Own => Holder::Value(container),
                    further => further,
                };
                let lasts = !matches!(holder, Holder::Value(root) if moves.outlived(data.results[0], root));
                self.out.holders[data.results[0].index()] = if lasts { holder } else { Holder::Own };
                self.out.containers.insert(data.results[0], container);
            }
        });
    }

    /// The owned value that keeps `v` alive, if it is one of this function.
    fn root(&self, v: Value) -> Option<Value> {
        match self.out.holders[v.index()] {
            Holder::Own => Some(v),
            Holder::Value(root) => Some(root),
            Holder::Outside => None,
        }
    }

    // ---- the walk ----

    fn region(&mut self, region: Region) {
        let func = self.func;
        let data = &func.regions[region];
        for v in data.yields.iter().filter(|v| func.value_type(**v).is_heap()) {
            self.take(*v, Site::Yield(region));
        }
        for inst in data.insts.iter().rev() {
            self.inst(*inst);
        }
        for param in data.params.iter().filter(|p| func.value_type(**p).is_heap()) {
            let lives = std::mem::replace(&mut self.live[param.index()], false);
            if !lives && self.out.owns(*param) {
                self.out.release_at_start.entry(region).or_default().push(*param);
            }
        }
    }

    fn inst(&mut self, inst: Inst) {
        let func = self.func;
        let data = &func.insts[inst];
        for result in data.results.iter().filter(|r| func.value_type(**r).is_heap()) {
            self.define(inst, *result);
        }
        if matches!(data.op, Op::If | Op::Switch) {
            self.branches(&data.regions);
        } else if !data.regions.is_empty() {
            self.repeated(inst, &data.regions);
        }
        let heap_args = (0..data.args.len()).filter(|arg| func.value_type(data.args[*arg]).is_heap());
        let uses: SmallVec<[(Value, Use); 4]> =
            heap_args.map(|arg| (data.args[arg], use_of(func, self.owned_params, inst, arg))).collect();
        // What is borrowed must survive the instruction, also if the same value is consumed by it: so borrowed first.
        for (v, _) in uses.iter().filter(|(_, u)| *u == Use::Borrow) {
            self.borrow(*v, Site::Inst(inst));
        }
        for (v, _) in uses.iter().filter(|(_, u)| *u != Use::Borrow) {
            self.take(*v, Site::Inst(inst));
        }
    }

    fn define(&mut self, inst: Inst, result: Value) {
        let lives = std::mem::replace(&mut self.live[result.index()], false);
        if !self.out.owns(result) {
            return;
        }
        let part = reads_part(self.func, inst).is_some();
        if lives && part {
            self.out.retain_after.insert(inst);
        } else if !lives && !part {
            self.out.release_after.entry(inst).or_default().push(result);
        }
    }

    fn set_live(&mut self, v: Value) {
        self.live[v.index()] = true;
        self.trail.push(v);
    }

    fn take(&mut self, v: Value, site: Site) {
        if self.out.owns(v) && !self.live[v.index()] {
            return self.set_live(v);
        }
        match site {
            Site::Inst(inst) => self.out.retain_before.entry(inst).or_default().push(v),
            Site::Yield(region) => self.out.retain_before_yield.entry(region).or_default().push(v),
        }
        self.out.shared[v.index()] = true;
        if !self.out.owns(v) {
            self.borrow(v, site);
        }
    }

    fn borrow(&mut self, v: Value, site: Site) {
        let Some(root) = self.root(v).filter(|root| !self.live[root.index()]) else { return };
        self.set_live(root);
        match site {
            Site::Inst(inst) => self.out.release_after.entry(inst).or_default().push(root),
            Site::Yield(region) => self.out.release_before_yield.entry(region).or_default().push(root),
        }
    }

    fn branches(&mut self, regions: &[Region]) {
        let mark = self.trail.len();
        let mut live_in: Vec<Vec<Value>> = Vec::new();
        for region in regions {
            self.region(*region);
            let here: Vec<Value> = self.trail.drain(mark..).filter(|v| self.live[v.index()]).collect();
            here.iter().for_each(|v| self.live[v.index()] = false);
            live_in.push(here);
        }
        let mut union: Vec<Value> = live_in.iter().flatten().copied().collect();
        union.sort_unstable();
        union.dedup();
        for (region, here) in regions.iter().zip(&live_in) {
            let here: FxHashSet<Value> = here.iter().copied().collect();
            let dead: Vec<Value> = union.iter().filter(|v| !here.contains(v)).copied().collect();
            if !dead.is_empty() {
                self.out.release_at_start.entry(*region).or_default().extend(dead);
            }
        }
        union.into_iter().for_each(|v| self.set_live(v));
    }

    /// Regions that run any number of times: what they use from outside lives until after the last.
    fn repeated(&mut self, inst: Inst, regions: &[Region]) {
        for v in self.used_from_outside(regions) {
            self.borrow(v, Site::Inst(inst));
        }
        regions.iter().rev().for_each(|region| self.region(*region));
    }

    fn used_from_outside(&self, regions: &[Region]) -> Vec<Value> {
        let func = self.func;
        let (mut defined, mut used) = (FxHashSet::default(), Vec::new());
        for region in regions {
            let mut outermost = |r: &Region| {
                defined.extend(func.regions[*r].params.iter().copied());
                used.extend(func.regions[*r].yields.iter().copied());
            };
            outermost(region);
            each_inst(func, *region, &mut |inst| func.insts[inst].regions.iter().for_each(&mut outermost));
            each_inst(func, *region, &mut |inst| {
                defined.extend(func.insts[inst].results.iter().copied());
                used.extend(func.insts[inst].args.iter().copied());
            });
        }
        let heap = used.into_iter().filter(|v| func.value_type(*v).is_heap());
        // A part that was read inside counts as a use of its holder, which may stand outside.
        let roots = heap.filter_map(|v| self.root(v));
        roots.filter(|v| !defined.contains(v)).collect()
    }
}
