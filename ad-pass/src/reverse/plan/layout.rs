//! Where what is kept lies: the slots of each region, and what each instruction leaves for the sweep besides its results.
//!
//! Branches share slots, loops leave arrays of them, nests of loops and recursions put them on stacks; see [`super`].

use crate::reverse::control::body_of;
use crate::reverse::item::Item;
use crate::reverse::plan::{Decider, Slot, Source, frames};
use crate::reverse::stacks::{Activation, types_of_nest};
use dprog_ir::{Const, Function, Inst, InstData, Op, Region, SrcLoc, Type, Value, walk};

/// A counted loop with no more trips is cheaper with its slots on a stack than with an array of its own. A guess: an array
/// costs some ten nanoseconds, a look at the room of a stack less than one.
const FEW_TRIPS: i64 = 16;

impl Decider<'_> {
    /// The slots of `region`; those of the regions in it on the way.
    pub(super) fn layout(&mut self, region: Region) -> Vec<Type> {
        let primal = self.active.primal.clone();
        let kept = self.kept.remove(&region).unwrap_or_default();
        let item_slot = |item: Item| Slot { source: Source::Item(item), ty: item.ty(&primal) };
        let mut slots: Vec<Slot> = kept.into_iter().map(item_slot).collect();
        for &inst in &primal.func.regions[region].insts {
            let bundle = self.bundle(inst);
            let parts = bundle.iter().enumerate().map(|(k, ty)| Slot { source: Source::Bundle(inst, k), ty: *ty });
            slots.extend(parts);
            if !bundle.is_empty() {
                self.plan.bundles.insert(inst, bundle);
            }
        }
        let types = slots.iter().map(|slot| slot.ty).collect();
        self.plan.layouts.insert(region, slots);
        types
    }

    /// What an instruction leaves for the sweep besides its results.
    fn bundle(&mut self, inst: Inst) -> Vec<Type> {
        if let Some(call) = self.plan.calls.get(&inst) {
            if call.stacks.is_empty() || !self.plan.is_recursion() {
                return call.tape.clone();
            }
            self.plan.threaded.insert(inst);
            return Vec::new();
        }
        if !self.swept.contains(&inst) {
            return Vec::new();
        }
        let primal = self.active.primal.clone();
        let data = &primal.func.insts[inst];
        let bundle = self.bundle_of_control(inst, data);
        let mut inner = data.regions.iter().flat_map(|region| &primal.func.regions[*region].insts);
        let on_stacks = |r: &Region| self.plan.pushed.contains(r) || self.plan.activations.contains_key(r);
        let pushes = data.regions.iter().any(|r| on_stacks(r) && !self.plan.layout(*r).is_empty());
        if pushes || inner.any(|inst| self.plan.threaded.contains(inst)) {
            self.plan.threaded.insert(inst);
        }
        bundle
    }

    fn bundle_of_control(&mut self, inst: Inst, data: &InstData) -> Vec<Type> {
        let count = if data.op == Op::While { &[Type::I64][..] } else { &[] };
        if self.plan.last.contains(&inst) {
            return [count, &self.layout_beside_stacks(body_of(data))].concat();
        }
        if self.in_nest {
            let first = if data.op == Op::While { 1 } else { 0 };
            data.regions[first..].iter().for_each(|region| self.layout_on_stacks(*region));
            return count.to_vec();
        }
        match data.op {
            Op::For | Op::While if self.is_nest(inst) => self.nest(inst, data),
            Op::For | Op::While if self.goes_on_stacks(data) => {
                self.push(&[body_of(data)]);
                count.to_vec()
            }
            Op::If | Op::Switch if self.plan.is_recursion() && self.loops == 0 => self.push(&data.regions),
            Op::If | Op::Switch => self.share(&data.regions),
            Op::For => self.stacked(data.regions[0], data.loc),
            Op::While => [count, &self.stacked(data.regions[1], data.loc)].concat(),
            _ => Vec::new(),
        }
    }

    /// Whether a loop has loops in it, of which one is uncounted or it is itself, and nothing to keep but scalars.
    ///
    /// Counted loops in it that run long are better off with arrays, which they fill without a test.
    fn is_nest(&self, inst: Inst) -> bool {
        let func = &self.active.primal.func;
        let data = &func.insts[inst];
        let (mut loops, mut uncounted) = (0, data.op == Op::While);
        walk::for_each_inst(func, body_of(data), &mut |inner| {
            loops += matches!(func.insts[inner].op, Op::For | Op::While) as u32;
            uncounted |= func.insts[inner].op == Op::While;
        });
        loops > 0 && uncounted && self.fits_stacks(body_of(data))
    }

    /// Whether nothing but scalars is kept in a region, and no counted loop in it that runs long by itself.
    pub(super) fn fits_stacks(&self, region: Region) -> bool {
        let func = &self.active.primal.func;
        let mut fits = !self.plan.is_recursion();
        walk::for_each_inst(func, region, &mut |inner| {
            let data = &func.insts[inner];
            fits &= data.op != Op::For || self.runs_short(data) || has_uncounted(func, data);
            fits &= self.plan.calls.get(&inner).is_none_or(|call| call.tape.iter().all(|ty| ty.as_scalar().is_some()));
        });
        walk::for_each_region(func, region, &mut |region| {
            let kept = self.kept.get(&region).into_iter().flatten();
            fits &= kept.into_iter().all(|item| item.ty(&self.active.primal).as_scalar().is_some());
        });
        fits
    }

    /// Whether a counted loop is known to make a few trips only.
    fn runs_short(&self, data: &InstData) -> bool {
        let bound = |v: Value| match self.active.primal.producer(v).map(|inst| &self.active.func().insts[inst].op) {
            Some(Op::Const(Const::I64(n))) => Some(*n),
            Some(_) | None => None,
        };
        bound(data.args[0]).zip(bound(data.args[1])).is_some_and(|(lo, hi)| hi.saturating_sub(lo) <= FEW_TRIPS)
    }

    /// The outermost loop of a nest on stacks.
    fn nest(&mut self, inst: Inst, data: &InstData) -> Vec<Type> {
        self.in_nest = true;
        self.layout_on_stacks(body_of(data));
        self.in_nest = false;
        self.plan.nests.insert(inst);
        self.plan.threaded.insert(inst);
        let count = if data.op == Op::While { &[Type::I64][..] } else { &[] };
        [count, &types_of_nest()].concat()
    }

    fn layout_on_stacks(&mut self, region: Region) {
        let slots = self.layout(region);
        self.plan.activations.insert(region, Activation::of_scalars(slots));
    }

    /// The slots of one trip of a loop, which go from region to region outwards.
    fn layout_beside_stacks(&mut self, body: Region) -> Vec<Type> {
        let in_nest = std::mem::take(&mut self.in_nest);
        self.loops += 1;
        let slots = self.layout(body);
        self.loops -= 1;
        self.in_nest = in_nest;
        slots
    }

    /// The slots of all trips of a loop.
    fn stacked(&mut self, body: Region, loc: SrcLoc) -> Vec<Type> {
        let slots = self.layout_beside_stacks(body);
        if slots.iter().any(|ty| ty.try_array(1).is_none()) {
            self.plan.too_deep = Some(loc);
            return Vec::new();
        }
        frames(&slots).into_iter().map(|frame| frame.ty.array(1)).collect()
    }

    /// Whether the trips of a loop in a recursion go on its stacks: those with calls of it in them, and those that would leave small arrays.
    fn goes_on_stacks(&self, data: &InstData) -> bool {
        let mut calls = false;
        walk::for_each_inst(self.active.func(), body_of(data), &mut |inst| {
            calls |= self.plan.calls.get(&inst).is_some_and(|call| !call.stacks.is_empty());
        });
        let small = data.op == Op::While || self.runs_short(data) || has_uncounted(self.active.func(), data);
        self.plan.is_recursion() && self.loops == 0 && (calls || small)
    }

    /// Slots of branches or trips that are put on the stacks where they arise.
    fn push(&mut self, regions: &[Region]) -> Vec<Type> {
        for region in regions {
            self.layout(*region);
            self.plan.pushed.insert(*region);
        }
        Vec::new()
    }

    /// Slots of branches, of which one runs: each part of the bundle serves one slot of that type in every branch.
    fn share(&mut self, branches: &[Region]) -> Vec<Type> {
        let mut parts: Vec<Type> = Vec::new();
        for branch in branches {
            let mut taken = vec![false; parts.len()];
            let mut shares = Vec::new();
            for ty in self.layout(*branch) {
                let free = (0..parts.len()).find(|k| parts[*k] == ty && !taken[*k]);
                let part = free.unwrap_or_else(|| {
                    parts.push(ty);
                    taken.push(false);
                    parts.len() - 1
                });
                taken[part] = true;
                shares.push(part);
            }
            self.plan.shares.insert(*branch, shares);
        }
        parts
    }
}

/// Whether an uncounted loop stands in a loop.
fn has_uncounted(func: &Function, data: &InstData) -> bool {
    let mut found = false;
    walk::for_each_inst(func, body_of(data), &mut |inst| found |= func.insts[inst].op == Op::While);
    found
}
