//! Loops whose sweep goes with the primal, trip for trip.
//!
//! Where a loop only adds to what is active, the adjoint of the sum is the same in every trip. If it is known before the loop, too
//! (what comes behind the loop is linear in the sum, say), nothing has to wait for the last trip:
//!
//! ```text
//! %t, %stack = while/for … { …; push …; %t1 = add %t, %v }         %t, %x.adj = for … {
//! %x.adj = for … { …; get from %stack …; reverse of the body }  →    …; %t1 = add %t, %v
//!                                                                    reverse of the body, all of it at hand
//!                                                                  }
//! ```
//!
//! So nothing is kept of a trip but what its own loops keep. They push it on stacks that the loop carries, empty between the trips,
//! so that there is one buffer for all of them; the sweep takes it off again.
//!
//! Needed: the loop stands in the root region of a sweep that follows its primal. What of the primal comes behind it, and may trap or uses what
//! it gives, is written after the loop; of this the sweep must want nothing. It is done where much would be kept else:
//! for uncounted loops, loops beside these, and loops that call recursions.

use crate::analysis::accumulated::only_adds;
use crate::analysis::structure::free_values;
use crate::context::{Active, Instance, callee};
use crate::copy::{copy_inst, copy_name, open_copy};
use crate::reverse::augment::Augment;
use crate::reverse::control::body_of;
use crate::reverse::item::Item;
use crate::reverse::joint::joint_of;
use crate::reverse::plan::{Fused, Plan, Recorder, Setting};
use crate::reverse::stacks::{begin, types_of_nest};
use crate::reverse::sweep::{Stage, Sweep};
use dprog_ir::opcode::Effect;
use dprog_ir::{Inst, InstData, Op, Region, Type, Value, walk};
use rustc_hash::FxHashSet;
use std::rc::Rc;

impl Sweep<'_, '_, '_> {
    pub(super) fn goes_with_primal(&self, inst: Inst) -> bool {
        match &self.stage {
            Stage::Emit(plans) => plans.len() == 1 && plans[0].fused.as_ref().is_some_and(|fused| fused.inst == inst),
            Stage::Record(recorders) => match &recorders[..] {
                [recorder] => self.loop_may_go_with_primal(inst, recorder),
                _ => false,
            },
        }
    }

    fn loop_may_go_with_primal(&self, inst: Inst, recorder: &Recorder) -> bool {
        let worth_it = self.may_fuse && recorder.fused.is_none() && self.keeps_much(inst);
        worth_it && only_adds(&self.active, inst) && self.may_go_with_primal(inst, recorder)
    }

    /// The same for a call of a recursion.
    pub(super) fn call_goes_with_primal(&mut self, inst: Inst, instance: &Instance) -> bool {
        match &self.stage {
            Stage::Emit(_) => self.goes_with_primal(inst),
            Stage::Record(recorders) => match &recorders[..] {
                [recorder] if self.may_fuse && recorder.fused.is_none() => {
                    let recursive = self.cx.calls.is_recursive(instance.primal);
                    recursive && self.may_go_with_primal(inst, recorder) && joint_of(self.cx, instance).is_some()
                }
                _ => false,
            },
        }
    }

    /// A call of a recursion that is swept with its primal.
    pub(super) fn call_with_primal(&mut self, inst: Inst, instance: &Instance, data: &InstData) {
        let seeds: Vec<Option<Value>> = data.results.iter().map(|r| self.take(*r)).collect();
        self.joint_call(instance, data, &seeds);
        if self.is_paper() {
            let late = late(&self.active, inst);
            self.recorder().expect("on paper").fused = Some(Rc::new(Fused { inst, plan: None, late }));
        } else {
            let fused = self.plan().fused.clone().expect("as planned");
            self.write_late(&fused);
        }
    }

    /// Writes what of the primal comes behind the loop or the call.
    fn write_late(&mut self, fused: &Fused) {
        let (active, plan) = (self.active.clone(), self.plan());
        let mut augment = Augment::going_on(&mut self.b, &active, &plan, std::mem::take(&mut self.copies));
        augment.late(fused);
        self.copies = augment.copies;
    }

    fn may_go_with_primal(&self, inst: Inst, recorder: &Recorder) -> bool {
        let active = &self.active;
        let (func, structure) = (active.func(), &active.primal.structure);
        let root = func.entry().expect("a primal has a body");
        let marked = active.primal.results().iter().zip(&active.instance.outs).filter(|(_, out)| **out);
        let scalar = marked.into_iter().all(|(v, _)| func.value_type(*v).is_float());
        let at_root = structure.home(func.insts[inst].results[0]) == root;
        if !scalar || !at_root {
            return false;
        }
        let late = late(&self.active, inst);
        let is_late = |v: Value| active.primal.producer(v).is_some_and(|inst| late.contains(&inst));
        let swept = |other: &Inst| {
            let known = recorder.swept.contains(other) || recorder.calls.contains_key(other);
            *other != inst && (known || recorder.inline.contains_key(other))
        };
        !late.iter().any(swept) && !recorder.needs.iter().any(|item| is_late(item.base(&active.primal)))
    }

    fn keeps_much(&self, inst: Inst) -> bool {
        let func = self.active.func();
        let data = &func.insts[inst];
        let mut recursive = false;
        walk::for_each_inst(func, body_of(data), &mut |inner| {
            recursive |= callee(&func.insts[inner].op).is_some_and(|f| self.cx.calls.is_recursive(f));
        });
        recursive || self.active.primal.is_beside_uncounted(inst)
    }

    /// Loops, as described above.
    ///   primal:  z… = for/while … carry c… = u… { … yield c + d… }
    ///   adjoint: z…, x̄… = for/while … carry c… = u…, x̄… { …; d̄… += z̄…; reverse of the body; yield c + d…, x̄… };  ū… += z̄…
    ///   needs:   nothing from behind the loop
    pub(super) fn with_primal(&mut self, inst: Inst, data: &InstData) {
        let active = self.active.clone();
        let body = body_of(data);
        let region = &active.func().regions[body];
        let seeds: Vec<Option<Value>> = data.results.iter().map(|r| self.take(*r)).collect();
        let free = self.free_values(&[body]);
        let mut adjoints: Vec<Value> = free.iter().map(|v| self.materialize(*v)).collect();
        let around = (self.stacks.clone(), self.heights.clone());
        let fused = if self.is_paper() { None } else { self.plan().fused.clone() };
        let begun = fused.as_ref().map(|fused| self.begin_trip(fused, data, &mut adjoints));
        if begun.is_none() {
            self.begin_inline(inst, &[]);
        }
        free.iter().zip(&adjoints).for_each(|(v, adjoint)| self.replace(*v, *adjoint));
        region.params.iter().for_each(|v| self.put(*v, None));
        for (v, seed) in region.yields.iter().zip(&seeds) {
            seed.iter().for_each(|seed| self.contribute(*v, *seed));
        }
        self.region(body);
        self.b.loc = data.loc;
        region.params.iter().for_each(|v| self.put(*v, None));
        adjoints = free.iter().map(|v| self.materialize(*v)).collect();
        match fused.zip(begun) {
            Some((fused, begun)) => self.end_trip(&fused, data, begun, &mut adjoints),
            None => self.end_trip_on_paper(inst, body),
        }
        (self.stacks, self.heights) = around;
        free.iter().zip(&adjoints).for_each(|(v, adjoint)| self.replace(*v, *adjoint));
        let inits = &data.args[data.args.len() - data.results.len()..];
        for (init, seed) in inits.iter().zip(&seeds) {
            seed.iter().for_each(|seed| self.contribute(*init, *seed));
        }
    }

    fn end_trip_on_paper(&mut self, inst: Inst, body: Region) {
        let Stage::Record(recorders) = &mut self.stage else { panic!("on paper") };
        let recorder = recorders.pop().expect("the recorder of the trip");
        let plan = Rc::new(Plan::decide(&self.active, body, Setting::Trip, recorder));
        plan.outside.iter().for_each(|item| {
            self.item(*item);
        });
        let late = late(&self.active, inst);
        self.recorder().expect("on paper").fused = Some(Rc::new(Fused { inst, plan: Some(plan), late }));
    }

    /// Opens the loop, and writes the primal of a trip. `adjoints` become those that the loop carries.
    fn begin_trip(&mut self, fused: &Fused, data: &InstData, adjoints: &mut [Value]) -> Begun {
        let active = self.active.clone();
        let plan = fused.plan.as_ref().expect("the plan of a loop");
        let args = self.copies.all(&data.args);
        let stacks = if plan.carries_stacks { begin(&mut self.b, &types_of_nest()) } else { Vec::new() };
        let more = [&*adjoints, &stacks].concat();
        let condition = (data.op == Op::While).then(|| self.condition(data, &more));
        let first = self.open_part(data.regions[data.regions.len() - 1], &more);
        let carried: Vec<Value> = (first..first + more.len()).map(|k| self.b.region_param(k)).collect();
        let (accumulators, carried) = carried.split_at(adjoints.len());
        adjoints.copy_from_slice(accumulators);
        let mut augment = Augment::going_on(&mut self.b, &active, plan, std::mem::take(&mut self.copies));
        augment.stacks = carried.to_vec();
        augment.region(plan.root);
        let direct: Vec<(Item, Value)> = plan.direct_items().map(|item| (item, augment.item(item))).collect();
        let Augment { copies, bundles, stacks, .. } = augment;
        (self.copies, self.stacks, self.heights) = (copies, Vec::new(), stacks);
        self.env.extend(direct);
        self.bundles.extend(bundles);
        let Stage::Emit(plans) = &mut self.stage else { panic!("for good") };
        plans.push(plan.clone());
        Begun { args: [args, more].concat(), condition }
    }

    /// The condition of an uncounted loop, which carries `more` than in the primal.
    pub(super) fn condition(&mut self, data: &InstData, more: &[Value]) -> Region {
        let active = self.active.clone();
        self.open_part(data.regions[0], more);
        let region = &active.func().regions[data.regions[0]];
        region.insts.iter().for_each(|inst| copy_inst(&mut self.b, active.func(), *inst, &mut self.copies));
        let go_on = self.copies.all(&region.yields);
        self.b.close_region(&go_on)
    }

    /// Opens a region of a loop, with parameters for `more` behind those of the primal. Gives the number of the first of these.
    pub(super) fn open_part(&mut self, region: Region, more: &[Value]) -> usize {
        let active = self.active.clone();
        open_copy(&mut self.b, active.func(), region, &mut self.copies);
        let open = self.b.current();
        let types: Vec<Type> = more.iter().map(|v| self.b.ty(*v)).collect();
        let params: Vec<Value> = types.into_iter().map(|ty| self.b.func.new_value(ty, None)).collect();
        self.b.func.regions[open].params.extend(params);
        active.func().regions[region].params.len()
    }

    /// Closes the loop, and writes what of the primal comes after it. `adjoints` become what it ends with.
    fn end_trip(&mut self, fused: &Fused, data: &InstData, begun: Begun, adjoints: &mut [Value]) {
        let active = self.active.clone();
        let Stage::Emit(plans) = &mut self.stage else { panic!("for good") };
        plans.pop();
        let plan = fused.plan.as_ref().expect("the plan of a loop");
        let stacks = if plan.carries_stacks { self.heights.clone() } else { Vec::new() };
        let yields = self.copies.all(&active.func().regions[plan.root].yields);
        let body = self.b.close_region(&[&yields, &*adjoints, &stacks].concat());
        let regions: Vec<Region> = begun.condition.into_iter().chain([body]).collect();
        let carried = &begun.args[data.args.len() - data.results.len()..];
        let types: Vec<Type> = carried.iter().map(|v| self.b.ty(*v)).collect();
        let looping = self.b.inst(data.op.clone(), &begun.args, &regions, &types);
        let results = self.b.results(looping);
        for (v, copy) in data.results.iter().zip(&results) {
            self.copies.set(*v, *copy);
            copy_name(&mut self.b, active.func(), *v, *copy);
        }
        adjoints.copy_from_slice(&results[data.results.len()..][..adjoints.len()]);
        self.write_late(fused);
    }
}

/// A loop that has been opened.
struct Begun {
    args: Vec<Value>,
    condition: Option<Region>,
}

/// The loop, and what comes after it: what uses what it gives, and what must keep its order.
fn late(active: &Active, inst: Inst) -> FxHashSet<Inst> {
    let (func, structure) = (active.func(), &active.primal.structure);
    let root = func.entry().expect("a primal has a body");
    let mut late: FxHashSet<Inst> = FxHashSet::default();
    late.insert(inst);
    let behind = func.regions[root].insts.iter().skip_while(|other| **other != inst).skip(1);
    for other in behind {
        let data = &func.insts[*other];
        let first = data.args.first().and_then(|v| func.value_type(*v).as_scalar());
        let is_late = |v: &Value| active.primal.producer(*v).is_some_and(|inst| late.contains(&inst));
        let inner = data.regions.iter().flat_map(|region| free_values(func, structure, *region));
        let uses = data.args.iter().copied().chain(inner).any(|v| is_late(&v));
        if uses || data.op.effect(first) != Effect::Pure {
            late.insert(*other);
        }
    }
    late
}
