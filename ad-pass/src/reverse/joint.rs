//! Recursions whose sweep goes with the primal, activation for activation.
//!
//! What an activation does behind its inner calls often is linear in what they give: `x · f(x, n − 1)`, `f(a) + f(b)`, a call at the end. Then the
//! adjoints of what inner calls give are known before these, and each can be swept at once:
//!
//! ```text
//! func @f.joint(%x, %n, %z.adj, %x.acc) -> (%z, %x.adj) {            with z = x · f(x, n − 1)
//!   %r.adj = mul %z.adj, %x
//!   %r, %x.adj.1 = call @f.joint(%x, %n.1, %r.adj, %x.acc)
//!   %z = mul %x, %r
//!   %c = mul %z.adj, %r                                            what else the sweep wants of the primal is at hand by now
//!   …
//! }
//! ```
//!
//! No tape, and one recursion instead of two: what C programmers write who know that trick. The adjoints of the inner calls' results are had
//! by a sweep of what comes behind the first call with everything unknown that depends on the calls; on paper it shows whether any of that
//! reaches these adjoints. What else that sweep writes is dead code.
//!
//! Needed: the calls stand in regions with which the function ends, active values are floats, and what a loop or branch keeps is scalar.

use crate::context::{Active, Context, Instance};
use crate::copy::{copy_name, copy_param};
use crate::reverse::augment::Augment;
use crate::reverse::item::Item;
use crate::reverse::plan::{Plan, Recorder, Setting};
use crate::reverse::sweep::{Stage, Sweep};
use crate::reverse::{adjoint_types, marked_of, seed_types};
use dprog_ir::opcode::Effect;
use dprog_ir::{Builder, FuncId, Function, Inst, InstData, Op, Region, Scalar, SrcLoc, Type, Value};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// What such a sweep knows besides.
#[derive(Default)]
pub struct Joint {
    /// The instances of recursions that are called.
    inner: Vec<Instance>,
    /// While the adjoints of the results of calls are looked for: what is not known yet, and on paper what stands for it.
    unknown: Option<FxHashSet<Value>>,
    stand_ins: FxHashSet<Value>,
    /// What is to be bound when a value has been written.
    items: FxHashMap<Value, Vec<Item>>,
}

/// `f.joint: (p…, seed…, acc…) -> (r…, adjoint…)` for a recursive `instance`, if it and all that it calls can be swept so.
pub fn joint_of(cx: &mut Context, instance: &Instance) -> Option<FuncId> {
    if let Some(known) = cx.joints.get(instance) {
        return *known;
    }
    let mut planned: Vec<(Rc<Active>, Rc<Plan>)> = Vec::new();
    let mut work = vec![instance.clone()];
    while let Some(next) = work.pop() {
        let known = matches!(cx.joints.get(&next), Some(Some(_)));
        if known || planned.iter().any(|(active, _)| active.instance == next) {
            continue;
        }
        let Some((active, plan, inner)) = plan_joint(cx, next) else {
            cx.joints.insert(instance.clone(), None);
            return None;
        };
        planned.push((active, plan));
        work.extend(inner);
    }
    for (active, _) in &planned {
        let name = cx.derived_name(&active.instance, "joint");
        let id = cx.module.add_function(Function::new(name, vec![], vec![], active.func().loc));
        cx.joints.insert(active.instance.clone(), Some(id));
    }
    for (active, plan) in planned {
        let id = cx.joints[&active.instance].expect("declared just now");
        let name = cx.module.funcs[id].name.clone();
        let mut function = write(cx, &active, &plan, name.to_string());
        function.name = name;
        cx.module.funcs[id] = function;
        cx.plans.push((id, active, plan));
    }
    cx.joints[instance]
}

/// The plan, and the recursions that are called; `None` if it cannot be.
fn plan_joint(cx: &mut Context, instance: Instance) -> Option<(Rc<Active>, Rc<Plan>, Vec<Instance>)> {
    let active = Rc::new(cx.activate(instance));
    let (seeds, adjoints) = (seed_types(cx, &active), adjoint_types(cx, &active));
    if !seeds.iter().chain(&adjoints).all(|ty| ty.is_float()) {
        return None;
    }
    let mut scratch = Function::new("scratch", vec![], vec![], SrcLoc::NONE);
    let b = Builder::new(&mut scratch);
    let mut sweep = Sweep::new(cx, b, active.clone(), Stage::Record(vec![Recorder::new()]));
    sweep.joint = Some(Joint::default());
    let seeds: Vec<Value> = seeds.iter().map(|ty| sweep.b.undef(*ty)).collect();
    let accumulators: Vec<Value> = adjoints.iter().map(|ty| sweep.b.undef(*ty)).collect();
    sweep.joint_function(&seeds, &accumulators);
    if !sweep.is_joint {
        return None;
    }
    let inner = sweep.joint.take()?.inner;
    let Stage::Record(mut recorders) = sweep.stage else { panic!("still on paper") };
    let recorder = recorders.pop().expect("the recorder of the function");
    let root = active.func().entry().expect("a primal has a body");
    let mut direct = FxHashSet::default();
    ends(active.func(), root, &mut direct);
    let plan = Plan::decide_in(&active, root, Setting::Joint, recorder, direct);
    let scalar = plan.bundles.values().flatten().all(|ty| ty.as_scalar().is_some());
    (scalar && plan.too_deep.is_none()).then(|| (active, Rc::new(plan), inner))
}

/// The branch with which a region ends, if it gives the function's results.
fn last_branch(func: &Function, region: Region) -> Option<Inst> {
    let data = &func.regions[region];
    let last = *data.insts.last()?;
    let branch = &func.insts[last];
    (matches!(branch.op, Op::If | Op::Switch) && branch.results[..] == data.yields[..]).then_some(last)
}

/// The regions with which a function ends.
fn ends(func: &Function, region: Region, found: &mut FxHashSet<Region>) {
    found.insert(region);
    let inner = last_branch(func, region).into_iter().flat_map(|branch| &func.insts[branch].regions);
    inner.for_each(|side| ends(func, *side, found));
}

fn write(cx: &mut Context, active: &Rc<Active>, plan: &Rc<Plan>, name: String) -> Function {
    let func = active.func();
    let (seeds, adjoints) = (seed_types(cx, active), adjoint_types(cx, active));
    let params = [&func.params[..], &seeds, &adjoints].concat();
    let mut function = Function::new(name, params, [&func.results[..], &adjoints].concat(), func.loc);
    let b = Builder::new(&mut function);
    let mut sweep = Sweep::new(cx, b, active.clone(), Stage::Emit(vec![plan.clone()]));
    let mut joint = Joint::default();
    for item in plan.direct_items() {
        joint.items.entry(item.base(&active.primal)).or_default().push(item);
    }
    sweep.joint = Some(joint);
    let first = func.params.len();
    let seeds: Vec<Value> = (0..seeds.len()).map(|k| sweep.b.param(first + k)).collect();
    let accumulators: Vec<Value> = (0..adjoints.len()).map(|k| sweep.b.param(first + seeds.len() + k)).collect();
    let results = sweep.joint_function(&seeds, &accumulators);
    sweep.b.finish(&results);
    function
}

/// The body of a request for the vector-Jacobian product of such a recursion.
pub fn vjp(active: &Active, joint: FuncId, function: &mut Function, into: bool) {
    let func = active.func();
    let marked = marked_of(&func.params, &active.instance.wrt);
    let seeds = active.instance.outs.iter().filter(|out| **out).count();
    let results = [&func.results[..], &marked].concat();
    let mut b = Builder::new(function);
    b.loc = SrcLoc::NONE;
    let given = func.params.len() + seeds + if into { marked.len() } else { 0 };
    let mut args: Vec<Value> = (0..given).map(|k| b.param(k)).collect();
    if !into {
        args.extend(marked.iter().map(|ty| b.float(0.0, *ty)).collect::<Vec<_>>());
    }
    let results = b.call(joint, &args, &results);
    b.finish(&results);
}

impl Sweep<'_, '_, '_> {
    /// Primal and sweep of the whole function. Gives results and adjoints.
    fn joint_function(&mut self, seeds: &[Value], accumulators: &[Value]) -> Vec<Value> {
        let primal = self.active.primal.clone();
        let instance = self.active.instance.clone();
        let params = marked_of(primal.params(), &instance.wrt);
        if !self.is_paper() {
            for (k, param) in primal.params().iter().enumerate() {
                let copy = self.b.param(k);
                self.copies.set(*param, copy);
                copy_param(&mut self.b, &primal.func, *param, copy);
            }
            self.go_on_writing(|augment| primal.params().iter().for_each(|v| augment.note(*v)), primal.params());
        }
        params.iter().zip(accumulators).for_each(|(v, accumulator)| self.put(*v, Some(*accumulator)));
        let mut rest = seeds.iter().copied();
        let seeds: Vec<Option<Value>> = instance.outs.iter().map(|out| if *out { rest.next() } else { None }).collect();
        let mut results = self.joint_region(primal.func.entry().expect("a primal has a body"), &seeds);
        results.extend(params.iter().map(|v| self.materialize(*v)).collect::<Vec<_>>());
        results
    }

    /// Writes part of the primal, and binds what the sweep wants of these values.
    fn go_on_writing(&mut self, write: impl FnOnce(&mut Augment), values: &[Value]) {
        let (active, plan) = (self.active.clone(), self.plan());
        let mut augment = Augment::going_on(&mut self.b, &active, &plan, std::mem::take(&mut self.copies));
        write(&mut augment);
        let joint = self.joint.as_ref().expect("a joint sweep");
        let items = values.iter().filter_map(|v| joint.items.get(v)).flatten();
        let bound: Vec<(Item, Value)> = items.map(|item| (*item, augment.item(*item))).collect();
        let Augment { copies, bundles, .. } = augment;
        self.copies = copies;
        self.env.extend(bound);
        self.bundles.extend(bundles);
    }

    fn write_insts(&mut self, insts: &[Inst]) {
        if self.is_paper() || insts.is_empty() {
            return;
        }
        let active = self.active.clone();
        let values: Vec<Value> = insts.iter().flat_map(|inst| &active.func().insts[*inst].results).copied().collect();
        self.go_on_writing(|augment| insts.iter().for_each(|inst| augment.inst(*inst)), &values);
    }

    /// Primal and sweep of a region with which the function ends. Gives what it yields.
    fn joint_region(&mut self, region: Region, seeds: &[Option<Value>]) -> Vec<Value> {
        let active = self.active.clone();
        let func = active.func();
        let data = &func.regions[region];
        let branch = last_branch(func, region);
        let insts = &data.insts[..data.insts.len() - branch.is_some() as usize];
        let calls: Vec<Inst> = insts.iter().copied().filter(|inst| self.is_inner_call(*inst)).collect();
        let late = late(&active, insts, &calls);
        let (behind, before): (Vec<Inst>, Vec<Inst>) = insts.iter().partition(|inst| late.contains(inst));
        self.write_insts(&before);
        let yields = match branch {
            Some(branch) => {
                self.is_joint &= calls.is_empty();
                self.joint_branch(branch, seeds)
            }
            None => {
                self.joint_calls(data.yields.as_slice(), seeds, &calls, &behind);
                for (v, seed) in data.yields.iter().zip(seeds) {
                    seed.iter().for_each(|seed| self.contribute(*v, *seed));
                }
                if self.is_paper() { Vec::new() } else { self.copies.all(&data.yields) }
            }
        };
        for inst in insts.iter().rev() {
            let data = &func.insts[*inst];
            if calls.contains(inst) {
                data.results.iter().for_each(|r| self.put(*r, None));
            } else {
                self.b.loc = data.loc;
                self.inst(region, *inst);
            }
        }
        yields
    }

    /// The branch at the end of a region.
    fn joint_branch(&mut self, inst: Inst, seeds: &[Option<Value>]) -> Vec<Value> {
        let active = self.active.clone();
        let data = &active.func().insts[inst];
        let free = self.free_values(&data.regions);
        let cond = if self.is_paper() { self.b.undef(Type::I64) } else { self.copies.get(data.args[0]) };
        let before: Vec<Option<Value>> = free.iter().map(|v| self.adjoint(*v)).collect();
        let mut regions = Vec::new();
        for side in &data.regions {
            if !self.is_paper() {
                self.b.open_region(&[]);
            }
            let mut yields = self.joint_region(*side, seeds);
            self.b.loc = data.loc;
            yields.extend(free.iter().map(|v| self.materialize(*v)).collect::<Vec<_>>());
            if !self.is_paper() {
                regions.push(self.b.close_region(&yields));
            }
            free.iter().zip(&before).for_each(|(v, adjoint)| self.put(*v, *adjoint));
        }
        let own = data.results.iter().map(|v| active.func().value_type(*v));
        let types: Vec<Type> = own.chain(free.iter().map(|v| active.func().value_type(*v))).collect();
        let results = if self.is_paper() {
            types.iter().map(|ty| self.b.undef(*ty)).collect()
        } else {
            let branch = self.b.inst(data.op.clone(), &[cond], &regions, &types);
            self.b.results(branch)
        };
        let (own, adjoints) = results.split_at(data.results.len());
        free.iter().zip(adjoints).for_each(|(v, adjoint)| self.replace(*v, *adjoint));
        for (v, copy) in data.results.iter().zip(own) {
            copy_name(&mut self.b, active.func(), *v, *copy);
        }
        own.to_vec()
    }

    /// The inner calls of a region, with what is written behind the first of them.
    fn joint_calls(&mut self, yields: &[Value], seeds: &[Option<Value>], calls: &[Inst], behind: &[Inst]) {
        if calls.is_empty() {
            return;
        }
        let active = self.active.clone();
        let results = self.adjoints_of_calls(yields, seeds, calls, behind);
        let mut written = 0;
        for (at, inst) in behind.iter().enumerate() {
            let data = &active.func().insts[*inst];
            if let (true, Op::Call(callee)) = (calls.contains(inst), &data.op) {
                self.write_insts(&behind[written..at]);
                written = at + 1;
                let instance = self.call_instance(*callee, data);
                if self.is_paper() {
                    self.joint.as_mut().expect("a joint sweep").inner.push(instance.clone());
                }
                let adjoints: Vec<Option<Value>> = data.results.iter().map(|r| results.get(r).copied()).collect();
                self.joint_call(&instance, data, &adjoints);
            }
        }
        self.write_insts(&behind[written..]);
    }

    /// The adjoints of what inner calls give, from the sweep of what is behind them with everything unknown that depends on them.
    fn adjoints_of_calls(
        &mut self,
        yields: &[Value],
        seeds: &[Option<Value>],
        calls: &[Inst],
        behind: &[Inst],
    ) -> FxHashMap<Value, Value> {
        let active = self.active.clone();
        let func = active.func();
        let late: FxHashSet<Value> = behind.iter().flat_map(|inst| &func.insts[*inst].results).copied().collect();
        let is_simple = |op: &Op| matches!(op, Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Convert(_));
        for inst in behind {
            let data = &func.insts[*inst];
            self.is_joint &= match calls.contains(inst) {
                // The adjoint of what an earlier call gives would come from a later one's.
                true => !data.args.iter().any(|v| self.is_active(*v) && late.contains(v)),
                false => !data.results.iter().any(|v| self.is_active(*v)) || is_simple(&data.op),
            };
        }
        if !self.is_joint {
            return FxHashMap::default();
        }
        let around = std::mem::take(&mut self.adj);
        let written = self.b.func.insts.len();
        self.joint.as_mut().expect("a joint sweep").unknown = Some(late);
        for (v, seed) in yields.iter().zip(seeds) {
            seed.iter().for_each(|seed| self.contribute(*v, *seed));
        }
        for inst in behind.iter().rev().filter(|inst| !calls.contains(inst)) {
            let data = &func.insts[*inst];
            self.b.loc = data.loc;
            let home = active.primal.structure.home(data.results.first().copied().unwrap_or(yields[0]));
            self.inst(home, *inst);
        }
        self.joint.as_mut().expect("a joint sweep").unknown = None;
        let found = std::mem::replace(&mut self.adj, around);
        let results = calls.iter().flat_map(|inst| &func.insts[*inst].results);
        let adjoints: FxHashMap<Value, Value> = results.filter_map(|r| Some((*r, *found.get(r)?))).collect();
        if self.is_paper() {
            self.is_joint = !self.reach_unknown(adjoints.values().copied().collect(), written);
        }
        adjoints
    }

    /// On paper: whether one of these values is computed from something unknown, by instructions from `first` on.
    fn reach_unknown(&self, mut work: Vec<Value>, first: usize) -> bool {
        let stand_ins = &self.joint.as_ref().expect("a joint sweep").stand_ins;
        let insts = &self.b.func.insts;
        let written = insts.iter().skip(first);
        let makers: FxHashMap<Value, Inst> =
            written.flat_map(|(inst, data)| data.results.iter().map(move |r| (*r, inst))).collect();
        let mut seen = FxHashSet::default();
        while let Some(v) = work.pop() {
            if stand_ins.contains(&v) {
                return true;
            }
            if let Some(inst) = makers.get(&v).filter(|inst| seen.insert(**inst)) {
                work.extend(&insts[*inst].args);
            }
        }
        false
    }

    /// What stands for an item that is not known yet.
    pub(super) fn unknown_yet(&mut self, item: Item) -> Option<Value> {
        let unknown = self.joint.as_ref()?.unknown.as_ref()?;
        if !unknown.contains(&item.base(&self.active.primal)) {
            return None;
        }
        let ty = item.ty(&self.active.primal);
        if !self.is_paper() {
            return Some(self.zero(ty));
        }
        let stand_in = self.b.undef(ty);
        self.joint.as_mut()?.stand_ins.insert(stand_in);
        Some(stand_in)
    }

    /// Something to compute with, where that is dead code.
    fn zero(&mut self, ty: Type) -> Value {
        let zero = self.b.i64(0);
        match ty.as_scalar() {
            Some(Scalar::I64) => zero,
            Some(scalar) => self.b.convert(zero, scalar),
            None => self.b.undef(ty),
        }
    }

    /// Whether an instruction calls a recursion through which derivatives go.
    fn is_inner_call(&mut self, inst: Inst) -> bool {
        let active = self.active.clone();
        let data = &active.func().insts[inst];
        let Op::Call(callee) = data.op else { return false };
        let active_result = data.results.iter().any(|r| self.is_active(*r));
        active_result && self.cx.calls.is_recursive(callee) && self.call_instance(callee, data).wrt.contains(&true)
    }

    /// Calls of recursions that are swept with their primals.
    ///   primal:  z… = f(x…)
    ///   adjoint: z…, x̄… = f.joint(x…, z̄…, x̄…)
    ///   needs:   nothing
    pub(super) fn joint_call(&mut self, instance: &Instance, data: &InstData, seeds: &[Option<Value>]) {
        let active = self.active.clone();
        let func = active.func();
        let mut args = if self.is_paper() { Vec::new() } else { self.copies.all(&data.args) };
        for ((r, seed), _) in data.results.iter().zip(seeds).zip(&instance.outs).filter(|(_, out)| **out) {
            args.push(seed.unwrap_or_else(|| self.zeros(*r)));
        }
        let wrt = marked_of(&data.args, &instance.wrt);
        if !wrt.iter().all(|v| func.value_type(*v).is_float()) {
            self.is_joint = false;
            return;
        }
        let mut handed = FxHashSet::default();
        for v in &wrt {
            args.push(if handed.insert(*v) { self.materialize(*v) } else { self.zeros(*v) });
            self.put(*v, None);
        }
        let types: Vec<Type> = data.results.iter().chain(&wrt).map(|v| func.value_type(*v)).collect();
        self.b.loc = data.loc;
        let results: Vec<Value> = if self.is_paper() {
            types.iter().map(|ty| self.b.undef(*ty)).collect()
        } else {
            let joint = self.cx.joints[instance].expect("planned with this one");
            self.b.call(joint, &args, &types)
        };
        let (own, adjoints) = results.split_at(data.results.len());
        if !self.is_paper() {
            for (v, copy) in data.results.iter().zip(own) {
                self.copies.set(*v, *copy);
                copy_name(&mut self.b, func, *v, *copy);
            }
            if self.joint.is_some() {
                self.go_on_writing(|augment| data.results.iter().for_each(|v| augment.note(*v)), &data.results);
            }
        }
        wrt.iter().zip(adjoints).for_each(|(v, adjoint)| self.contribute(*v, *adjoint));
    }
}

/// Of the instructions of a region the calls, what uses what they give, and what must keep its order with them.
fn late(active: &Active, insts: &[Inst], calls: &[Inst]) -> FxHashSet<Inst> {
    let (func, structure) = (active.func(), &active.primal.structure);
    let mut late: FxHashSet<Inst> = FxHashSet::default();
    for inst in insts.iter().skip_while(|inst| calls.first() != Some(inst)) {
        let data = &func.insts[*inst];
        let first = data.args.first().and_then(|v| func.value_type(*v).as_scalar());
        let is_late = |v: &Value| active.primal.producer(*v).is_some_and(|inst| late.contains(&inst));
        let inner = data.regions.iter().flat_map(|r| crate::analysis::structure::free_values(func, structure, *r));
        let uses = data.args.iter().copied().chain(inner).any(|v| is_late(&v));
        if uses || calls.contains(inst) || data.op.effect(first) != Effect::Pure {
            late.insert(*inst);
        }
    }
    late
}
