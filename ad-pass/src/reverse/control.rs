//! Adjoints of control: branches, loops, calls. The reverse of a branch is a branch, of a loop a counted loop.
//!
//! A region contributes to active values from outside (its *free* values). A branch goes on adding to their adjoints, and
//! yields them; a loop carries them as accumulators, along with the adjoints of what the primal loop carries.

use crate::analysis::accumulated::is_forward;
use crate::context::Instance;
use crate::reverse::augment::{plus, repeat, times, trip_count};
use crate::reverse::item::Item;
use crate::reverse::plan::{Again, Step};
use crate::reverse::stacks::heights;
use crate::reverse::sweep::Sweep;
use crate::reverse::{Reverse, reverse_of};
use dprog_ir::{Access, FuncId, Inst, InstData, Op, Region, Type, Value};
use rustc_hash::FxHashSet;

impl Sweep<'_, '_, '_> {
    /// Branches.
    ///   primal:  z… = if c { … yield u… } else { … yield v… }
    ///   adjoint: x̄… = if c { ū… += z̄…; reverse of then } else { v̄… += z̄…; reverse of else }, x the free values
    ///   needs:   c (the tag of a `switch`)
    pub(super) fn branches(&mut self, inst: Inst, data: &InstData) {
        let free = self.free_values(&data.regions);
        let seeds: Vec<Option<Value>> = data.results.iter().map(|r| self.take(*r)).collect();
        if free.is_empty() {
            return;
        }
        self.note_swept(inst);
        let cond = self.value(data.args[0]);
        let before: Vec<Option<Value>> = free.iter().map(|v| self.adjoint(*v)).collect();
        let restored = self.restored_through(inst);
        let versions = self.last_versions(inst);
        let heights = self.heights_through(inst);
        let mut regions = Vec::new();
        for &branch in &data.regions {
            self.b.open_region(&[]);
            let yields = self.active.func().regions[branch].yields.clone();
            for ((k, _), version) in restored.iter().zip(&versions) {
                self.bind(Item::Value(yields[*k]), *version);
            }
            if !self.is_paper() {
                let slots = self.slots_of_branch(inst, branch);
                self.forget_bundles(branch);
                self.enter(branch, slots);
            }
            for (v, seed) in yields.iter().zip(&seeds) {
                seed.iter().for_each(|seed| self.contribute(*v, *seed));
            }
            self.region(branch);
            self.b.loc = data.loc;
            let mut after: Vec<Value> = free.iter().map(|v| self.materialize(*v)).collect();
            after.extend(restored.iter().map(|(_, first)| self.value(*first)).collect::<Vec<_>>());
            after.extend(self.heights_through(inst));
            regions.push(self.b.close_region(&after));
            self.come_down(&heights);
            free.iter().zip(&before).for_each(|(v, adjoint)| self.put(*v, *adjoint));
        }
        let mut types: Vec<Type> = free.iter().map(|v| self.tangent_type(*v)).collect();
        types.extend(versions.iter().chain(&heights).map(|v| self.b.ty(*v)));
        let reverse = self.b.inst(data.op.clone(), &[cond], &regions, &types);
        let results = self.b.results(reverse);
        self.bind_first_versions(inst, &results[free.len()..]);
        self.come_down(&results[free.len() + versions.len()..]);
        free.iter().zip(results).for_each(|(v, adjoint)| self.replace(*v, adjoint));
    }

    fn slots_of_branch(&mut self, inst: Inst, branch: Region) -> Vec<Value> {
        if let Some(slots) = self.slots_on_stacks(branch) {
            return slots;
        }
        let plan = self.plan();
        let bundle = self.bundle(inst);
        plan.shares.get(&branch).into_iter().flatten().map(|part| bundle[*part]).collect()
    }

    /// The slots of a region that has put them on the stacks.
    fn slots_on_stacks(&mut self, region: Region) -> Option<Vec<Value>> {
        let (activations, plan) = (self.activations.clone(), self.plan());
        let activation = activations.get(&region).or(plan.activations.get(&region))?;
        if plan.carries_stacks {
            return Some(activation.pop(&mut self.b, &mut self.heights));
        }
        Some(activation.read(&mut self.b, &self.stacks, &mut self.heights))
    }

    /// Goes on with these heights of the stacks, if they go through what has been swept.
    fn come_down(&mut self, heights: &[Value]) {
        if !heights.is_empty() {
            self.heights = heights.to_vec();
        }
    }

    /// Counted loops.
    ///   primal:  z… = for i in lo..hi carry c… = u… { … yield d… }
    ///   adjoint: ū…, x̄… = for the same i backwards carry c̄… = z̄…, x̄… { d̄… += c̄…; reverse of the body }
    ///   needs:   lo, hi
    pub(super) fn counted(&mut self, inst: Inst, data: &InstData) {
        if self.sweeps_nothing(data, data.regions[0], 2) {
            return;
        }
        self.note_swept(inst);
        if self.goes_with_primal(inst) {
            return self.with_primal(inst, data);
        }
        let (lo, hi) = (self.value(data.args[0]), self.value(data.args[1]));
        if is_forward(&self.active, inst) {
            return self.forwards(inst, data, (lo, hi));
        }
        let trips = trip_count(&mut self.b, lo, hi);
        if self.is_last_only(inst) {
            let slots = self.bundle(inst).to_vec();
            return self.last_trip(data, trips, &slots, Some(lo));
        }
        let mut arrays = if self.is_paper() { Vec::new() } else { self.bundle(inst).to_vec() };
        let around = self.begin_nest(inst, &mut arrays);
        self.backwards(inst, data.regions[0], 1, trips, &arrays, Some(lo));
        self.end_nest(around);
    }

    /// Uncounted loops: the augmented primal has counted.
    ///   primal:  z… = while carry c… = u… { condition } { … yield d… }
    ///   adjoint: as for a counted loop
    ///   needs:   the number of trips
    ///   kink:    the condition is not differentiated; the derivative is that of the path that ran
    pub(super) fn uncounted(&mut self, inst: Inst, data: &InstData) {
        if self.sweeps_nothing(data, data.regions[1], 0) {
            return;
        }
        self.note_swept(inst);
        if self.goes_with_primal(inst) {
            return self.with_primal(inst, data);
        }
        let mut bundle = if self.is_paper() { vec![self.b.i64(0)] } else { self.bundle(inst).to_vec() };
        if self.is_last_only(inst) {
            return self.last_trip(data, bundle[0], &bundle[1..], None);
        }
        let around = self.begin_nest(inst, &mut bundle);
        self.backwards(inst, data.regions[1], 0, bundle[0], &bundle[1..], None);
        self.end_nest(around);
    }

    /// If the bundle of the loop ends with stacks, these take the place of others. Gives those with their heights.
    fn begin_nest(&mut self, inst: Inst, bundle: &mut Vec<Value>) -> Option<(Vec<Value>, Vec<Value>)> {
        if self.is_paper() || !self.plan().nests.contains(&inst) {
            return None;
        }
        let stacks = bundle.split_off(self.plan().bundle_beside_stacks(inst).len());
        let heights = heights(&mut self.b, &stacks);
        Some((std::mem::replace(&mut self.stacks, stacks), std::mem::replace(&mut self.heights, heights)))
    }

    fn end_nest(&mut self, around: Option<(Vec<Value>, Vec<Value>)>) {
        if let Some((stacks, heights)) = around {
            (self.stacks, self.heights) = (stacks, heights);
        }
    }

    /// Whether nothing active comes from outside into the loop; then its adjoints end with it.
    fn sweeps_nothing(&mut self, data: &InstData, body: Region, first_init: usize) -> bool {
        let nothing =
            !data.args[first_init..].iter().any(|v| self.is_active(*v)) && self.free_values(&[body]).is_empty();
        if nothing {
            data.results.iter().for_each(|r| {
                self.take(*r);
            });
        }
        nothing
    }

    /// The loop over the trips, last to first. The first `counters` parameters of the body are not carried.
    fn backwards(
        &mut self,
        inst: Inst,
        body: Region,
        counters: usize,
        trips: Value,
        arrays: &[Value],
        lo: Option<Value>,
    ) {
        let active = self.active.clone();
        let (data, region) = (&active.func().insts[inst], &active.func().regions[body]);
        let carried: Vec<usize> = (0..data.results.len()).filter(|k| self.is_active(data.results[*k])).collect();
        let free = self.free_values(&[body]);
        let mut start: Vec<Value> = carried.iter().map(|k| self.materialize(data.results[*k])).collect();
        start.extend(free.iter().map(|v| self.materialize(*v)));
        data.results.iter().for_each(|r| {
            self.take(*r);
        });
        let steps = self.steps_of(body);
        for (k, _) in &steps {
            start.push(self.value(data.results[*k]));
        }
        let restored = self.restored_through(inst);
        start.extend(self.last_versions(inst));
        // Where the versions, and behind them the heights, stand among the parameters.
        let versions = 1 + carried.len() + free.len() + steps.len();
        start.extend(self.heights_through(inst));
        let types: Vec<Type> = start.iter().map(|v| self.b.ty(*v)).collect();
        let zero = self.b.i64(0);
        let one = self.b.i64(1);
        let last = self.b.sub(trips, one);

        self.b.open_region(&[&[Type::I64], types.as_slice()].concat());
        let back = self.b.region_param(0);
        let index = self.b.sub(last, back);
        if !self.heights_through(inst).is_empty() {
            let open = self.b.current();
            let heights = self.b.func.regions[open].params[versions + restored.len()..].to_vec();
            self.come_down(&heights);
        }
        if !self.is_paper() {
            if let Some(lo) = lo {
                let counter = self.b.add(lo, index);
                self.bind(Item::Value(region.params[0]), counter);
            }
            for (position, (k, step)) in steps.iter().enumerate() {
                let after = self.b.region_param(1 + carried.len() + free.len() + position);
                let before = self.before_step(after, *step);
                self.bind(Item::Value(region.params[counters + k]), before);
            }
            for (position, (k, _)) in restored.iter().enumerate() {
                let version = self.b.region_param(versions + position);
                self.bind(Item::Value(region.yields[*k]), version);
            }
            let slots = self.slots_of_trip(body, arrays, index);
            self.forget_bundles(body);
            self.enter(body, slots);
        }
        for (k, v) in free.iter().enumerate() {
            let accumulator = self.b.region_param(1 + carried.len() + k);
            self.replace(*v, accumulator);
        }
        region.params.iter().for_each(|v| self.put(*v, None));
        for (position, k) in carried.iter().enumerate() {
            let seed = self.b.region_param(1 + position);
            self.contribute(region.yields[*k], seed);
        }
        self.region(body);
        self.b.loc = data.loc;
        self.note_if_last_only(inst, body);
        let mut yields: Vec<Value> = carried.iter().map(|k| self.materialize(region.params[counters + k])).collect();
        yields.extend(free.iter().map(|v| self.materialize(*v)));
        for (k, _) in &steps {
            yields.push(self.value(region.params[counters + k]));
        }
        for (k, _) in &restored {
            yields.push(self.value(region.params[counters + k]));
        }
        yields.extend(self.heights_through(inst));
        let reverse = self.b.close_region(&yields);

        let reverse = self.b.inst(Op::For, &[&[zero, trips], start.as_slice()].concat(), &[reverse], &types);
        let results = self.b.results(reverse);
        for (v, adjoint) in free.iter().zip(&results[carried.len()..]) {
            self.replace(*v, *adjoint);
        }
        self.bind_first_versions(inst, &results[versions - 1..]);
        self.come_down(&results[versions - 1 + restored.len()..]);
        let inits = &data.args[data.args.len() - data.results.len()..];
        for (k, adjoint) in carried.iter().zip(&results) {
            self.contribute(inits[*k], *adjoint);
        }
    }

    /// What the sweep of a loop counts backwards, by the number of the result.
    pub(super) fn steps_of(&self, body: Region) -> Vec<(usize, Step)> {
        if self.is_paper() { Vec::new() } else { self.plan().backwards.get(&body).cloned().unwrap_or_default() }
    }

    /// What a number was before a trip, given what it was after it.
    pub(super) fn before_step(&mut self, after: Value, step: Step) -> Value {
        let active = self.active.clone();
        let by = match active.primal.producer(step.by) {
            Some(inst) if active.primal.is_integer_constant(step.by) => repeat(&mut self.b, &active, inst, &[]),
            Some(_) | None => self.value(step.by),
        };
        if step.down { self.b.add(after, by) } else { self.b.sub(after, by) }
    }

    /// The sweep of a loop in which what is active is only added to: in the order of the primal.
    ///   primal:  z… = for i in lo..hi carry c… = u… { … yield c + d… }
    ///   adjoint: x̄… = for i in lo..hi carry x̄… { d̄… += z̄…; reverse of the body };  ū… += z̄…
    ///   needs:   lo, hi
    fn forwards(&mut self, inst: Inst, data: &InstData, (lo, hi): (Value, Value)) {
        let active = self.active.clone();
        let body = data.regions[0];
        let region = &active.func().regions[body];
        let seeds: Vec<Option<Value>> = data.results.iter().map(|r| self.take(*r)).collect();
        let free = self.free_values(&[body]);
        let again = self.again_in(body);
        let mut start: Vec<Value> = free.iter().map(|v| self.materialize(*v)).collect();
        start.extend(again.iter().map(|(k, _)| self.value(data.args[2 + k])).collect::<Vec<_>>());
        let types: Vec<Type> = start.iter().map(|v| self.b.ty(*v)).collect();
        self.b.open_region(&[&[Type::I64], types.as_slice()].concat());
        if !self.is_paper() {
            self.begin_trip_forwards(inst, body, lo, 1 + free.len());
        }
        for (k, v) in free.iter().enumerate() {
            let accumulator = self.b.region_param(1 + k);
            self.replace(*v, accumulator);
        }
        region.params.iter().for_each(|v| self.put(*v, None));
        for (v, seed) in region.yields.iter().zip(&seeds) {
            seed.iter().for_each(|seed| self.contribute(*v, *seed));
        }
        self.region(body);
        self.b.loc = data.loc;
        region.params.iter().for_each(|v| self.put(*v, None));
        let mut yields: Vec<Value> = free.iter().map(|v| self.materialize(*v)).collect();
        yields.extend(again.iter().map(|(k, how)| self.next_forwards(region.yields[*k], *how)).collect::<Vec<_>>());
        let reverse = self.b.close_region(&yields);
        let reverse = self.b.inst(Op::For, &[&[lo, hi], start.as_slice()].concat(), &[reverse], &types);
        let results = self.b.results(reverse);
        free.iter().zip(&results).for_each(|(v, adjoint)| self.replace(*v, *adjoint));
        for ((k, _), end) in again.iter().zip(&results[free.len()..]) {
            self.ended.insert(data.results[*k], *end);
        }
        for (init, seed) in data.args[2..].iter().zip(&seeds) {
            seed.iter().for_each(|seed| self.contribute(*init, *seed));
        }
    }

    /// Has what the sweep of a trip needs; what it carries of the primal stands in the parameters from `first` on.
    fn begin_trip_forwards(&mut self, inst: Inst, body: Region, lo: Value, first: usize) {
        let active = self.active.clone();
        let params = &active.func().regions[body].params;
        let counter = self.b.region_param(0);
        self.bind(Item::Value(params[0]), counter);
        for (position, (k, _)) in self.again_in(body).iter().enumerate() {
            let carried = self.b.region_param(first + position);
            self.bind(Item::Value(params[1 + k]), carried);
        }
        let arrays = self.bundle(inst).to_vec();
        let slots = match arrays.is_empty() {
            true => Vec::new(),
            false => {
                let trip = self.b.sub(counter, lo);
                self.slots_of_trip(body, &arrays, trip)
            }
        };
        self.forget_bundles(body);
        self.enter(body, slots);
    }

    fn again_in(&self, body: Region) -> Vec<(usize, Again)> {
        if self.is_paper() { Vec::new() } else { self.plan().forwards.get(&body).cloned().unwrap_or_default() }
    }

    /// What the next trip carries of the primal.
    fn next_forwards(&mut self, next: Value, how: Again) -> Value {
        match how {
            Again::Computed => self.value(next),
            Again::Inner => self.ended[&next],
        }
    }

    fn slots_of_trip(&mut self, body: Region, arrays: &[Value], trip: Value) -> Vec<Value> {
        if let Some(slots) = self.slots_on_stacks(body) {
            return slots;
        }
        let plan = self.plan();
        let mut slots: Vec<(usize, Value)> = Vec::new();
        for (frame, array) in plan.frames(body).iter().zip(arrays) {
            let base = times(&mut self.b, trip, frame.slots.len());
            for (j, slot) in frame.slots.iter().enumerate() {
                let place = plus(&mut self.b, base, j);
                slots.push((*slot, self.b.get(Access::InBounds, *array, &[place])));
            }
        }
        slots.sort_unstable_by_key(|(slot, _)| *slot);
        slots.into_iter().map(|(_, value)| value).collect()
    }

    /// Calls.
    ///   primal:  z… = f(x…)
    ///   adjoint: x̄… += f.rev(tape of f.aug(x…), z̄…)
    ///   needs:   of x… what `f.rev` reads; the tape
    ///
    /// Adjoints of arrays (in a recursion of scalars too) are handed in and come back added to, so that a callee that reads
    /// one element costs no more; others come back as contributions.
    pub(super) fn call(&mut self, inst: Inst, callee: FuncId, data: &InstData) {
        let instance = self.call_instance(callee, data);
        if self.call_goes_with_primal(inst, &instance) {
            return self.call_with_primal(inst, &instance, data);
        }
        // Where a recursion is swept with its primal, its calls do not come here.
        self.is_joint &= self.joint.is_none() || !self.cx.calls.is_recursive(callee);
        if !instance.wrt.contains(&true) {
            data.results.iter().for_each(|r| {
                self.take(*r);
            });
            return;
        }
        self.cx.path.push(data.loc);
        let reverse = reverse_of(self.cx, instance.clone());
        self.cx.path.pop();
        if let Some(recorder) = self.recorder() {
            recorder.calls.insert(inst, reverse.clone());
        }
        let mut args = if self.is_paper() { Vec::new() } else { self.tape_of_call(inst, &reverse) };
        for k in &reverse.given {
            args.push(self.value(data.args[*k]));
        }
        for (r, out) in data.results.iter().zip(&instance.outs) {
            if *out {
                args.push(self.materialize(*r));
            }
            self.take(*r);
        }
        let wrt: Vec<Value> = data.args.iter().zip(&instance.wrt).filter(|(_, w)| **w).map(|(v, _)| *v).collect();
        let mut handed = FxHashSet::default();
        for (v, _) in wrt.iter().zip(&reverse.accumulated).filter(|(_, accumulated)| **accumulated) {
            args.push(if handed.insert(*v) { self.materialize(*v) } else { self.zeros(*v) });
            self.take(*v);
        }
        let mut types: Vec<Type> = wrt.iter().map(|v| self.tangent_type(*v)).collect();
        types.extend(reverse.stacks.iter().map(|_| Type::I64));
        let results = self.b.call(reverse.rev, &args, &types);
        wrt.iter().zip(&results).for_each(|(v, c)| self.contribute(*v, *c));
        if !self.heights_through(inst).is_empty() {
            self.come_down(&results[wrt.len()..]);
        }
    }

    /// What the augmented callee has left, as its sweep takes it: stacks with the heights from which it goes down.
    fn tape_of_call(&mut self, inst: Inst, reverse: &Reverse) -> Vec<Value> {
        let heights = self.heights_through(inst);
        if !heights.is_empty() {
            return [self.stacks.clone(), heights].concat();
        }
        let bundle = self.bundle(inst).to_vec();
        reverse.with_heights(&mut self.b, bundle)
    }

    pub(super) fn call_instance(&mut self, callee: FuncId, data: &InstData) -> Instance {
        let outs: Vec<bool> = data.results.iter().map(|r| self.is_active(*r)).collect();
        let summary = self.cx.calls.summary(callee);
        let reaches = |k: usize| summary.iter().zip(&outs).any(|(set, out)| *out && set.contains(k));
        let wrt = data.args.iter().enumerate().map(|(k, v)| self.is_active(*v) && reaches(k)).collect();
        let held = data.args.iter().map(|v| self.is_held(*v)).collect();
        Instance { primal: callee, wrt, outs, held }
    }

    /// Whether the sweep can hand `v` to a callee's sweep without a cost to the primal.
    fn is_held(&self, v: Value) -> bool {
        let primal = &self.active.primal;
        let is_param = primal.params().iter().position(|p| *p == v);
        let held = is_param.is_none_or(|k| self.active.instance.held[k]);
        !primal.func.value_type(v).is_heap() || (held && primal.is_stable(v))
    }

    pub(super) fn free_values(&self, regions: &[Region]) -> Vec<Value> {
        let mut seen = FxHashSet::default();
        let each = regions.iter().map(|region| self.active.active_free(*region));
        each.flat_map(|free| free.to_vec()).filter(|v| seen.insert(*v)).collect()
    }

    fn note_swept(&mut self, inst: Inst) {
        if let Some(recorder) = self.recorder() {
            recorder.swept.insert(inst);
        }
    }
}

/// The body of a loop.
pub fn body_of(data: &InstData) -> Region {
    data.regions[data.regions.len() - 1]
}
