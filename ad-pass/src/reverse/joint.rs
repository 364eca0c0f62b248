//! Recursions whose sweep goes with the primal, activation for activation.
//!
//! What an activation does behind its inner calls often is linear in what they give: `x · f(x, n − 1)`, `f(a) + f(b)`, a call at the end, a sum of
//! calls in a loop. Then the adjoints of what inner calls give are known before these, and each can be swept at once:
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
//! No tape, and one recursion instead of two: what C programmers write who know that trick. A function falls into *parts*, which are inner calls,
//! and branches and loops around these, and what stands beside them. The adjoints of what parts give are had by a sweep of what
//! leads from there to the end of the region; on paper it shows whether any of that waits for a part. Then the parts are written one after the
//! other, each with its sweep, branches and loops the same way from the inside, and at last the sweep of what stands beside them.
//!
//! Between parts may stand what traps, so it must not be moved before the first of them. If an adjoint takes it, it is computed early besides,
//! an element of an array after a look at its indices ([`Sweep::early`]).
//!
//! Needed: active results are floats, active parameters floats or arrays that are only read, loops around calls only add to what is active,
//! and what other loops and branches keep is scalar.

use crate::analysis::accumulated::only_adds;
use crate::context::{Active, Context, Instance};
use crate::copy::{copy_name, copy_param};
use crate::request::conform;
use crate::reverse::augment::Augment;
use crate::reverse::control::body_of;
use crate::reverse::item::Item;
use crate::reverse::plan::{Plan, Recorder, Setting};
use crate::reverse::sweep::{Stage, Sweep};
use crate::reverse::{adjoint_types, marked_of, seed_types};
use dprog_ir::opcode::Effect;
use dprog_ir::{
    Access, BinaryOp, Builder, CompareOp, FuncId, Function, Inst, InstData, Op, Region, Scalar, SrcLoc, Type, Value,
    walk,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// What such a sweep knows besides.
#[derive(Default)]
pub struct Joint {
    /// The instances of recursions that are called.
    inner: Vec<Instance>,
    /// Regions that are gone through part by part.
    regions: FxHashSet<Region>,
    /// While the adjoints of what parts give are looked for: what is written later, and on paper what stands for what is not known.
    later: Option<FxHashSet<Value>>,
    stand_ins: FxHashSet<Value>,
    /// What of it has been computed early.
    early: FxHashMap<Value, Value>,
    /// What is to be bound when a value has been written.
    items: FxHashMap<Value, Vec<Item>>,
}

/// Operations that are done early one upon the other (a guess; it bounds the time).
const FAR: u32 = 8;

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
    let params = marked_of(active.primal.params(), &active.instance.wrt);
    let added_to = |v: &Value| active.func().value_type(*v).is_float() || active.primal.is_stable(*v);
    if !seeds.iter().all(|ty| ty.is_float()) || !adjoints.iter().all(is_float_or_array) || !params.iter().all(added_to)
    {
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
    let Joint { inner, regions, .. } = sweep.joint.take()?;
    let Stage::Record(mut recorders) = sweep.stage else { panic!("still on paper") };
    let recorder = recorders.pop().expect("the recorder of the function");
    let root = active.func().entry().expect("a primal has a body");
    let plan = Plan::decide_in(&active, root, Setting::Joint, recorder, regions);
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

fn is_float_or_array(ty: &Type) -> bool {
    ty.is_float() || (ty.is_array() && ty.element().is_float())
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
pub fn vjp(cx: &mut Context, active: &Active, joint: FuncId, function: &mut Function, into: bool) {
    let func = active.func();
    let adjoints = adjoint_types(cx, active);
    let seeds = active.instance.outs.iter().filter(|out| **out).count();
    let results = [&func.results[..], &adjoints].concat();
    let mut b = Builder::new(function);
    b.loc = SrcLoc::NONE;
    let primal: Vec<Value> = (0..func.params.len()).map(|k| b.param(k)).collect();
    let mut args = primal.clone();
    args.extend((0..seeds).map(|k| b.param(primal.len() + k)));
    for (k, (x, ty)) in marked_of(&primal, &active.instance.wrt).into_iter().zip(&adjoints).enumerate() {
        args.push(match into {
            true => {
                let accumulator = b.param(primal.len() + seeds + k);
                conform(&mut b, x, accumulator)
            }
            false if ty.is_float() => b.float(0.0, *ty),
            false => b.zeros_like(x, *ty),
        });
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

    /// Primal and sweep of a region, part by part. Gives what it yields.
    fn joint_region(&mut self, region: Region, seeds: &[Option<Value>]) -> Vec<Value> {
        let active = self.active.clone();
        let func = active.func();
        let data = &func.regions[region];
        self.joint.as_mut().expect("a joint sweep").regions.insert(region);
        let last = last_branch(func, region);
        let insts = data.insts.iter().copied();
        let parts: Vec<Inst> = insts.filter(|inst| Some(*inst) == last || self.is_part(*inst)).collect();
        let late = late(&active, &data.insts, &parts);
        let (behind, before): (Vec<Inst>, Vec<Inst>) = data.insts.iter().partition(|inst| late.contains(inst));
        self.write_insts(&before);
        let adjoints = self.adjoints_of_parts(&data.yields, seeds, &parts, &behind);
        if !self.is_joint {
            return Vec::new();
        }
        self.joint_parts(&adjoints, &parts, &behind);
        for (v, seed) in data.yields.iter().zip(seeds) {
            seed.iter().for_each(|seed| self.contribute(*v, *seed));
        }
        let yields = if self.is_paper() { Vec::new() } else { self.copies.all(&data.yields) };
        for inst in data.insts.iter().rev() {
            let data = &func.insts[*inst];
            if parts.contains(inst) {
                data.results.iter().for_each(|r| self.put(*r, None));
            } else {
                self.b.loc = data.loc;
                self.inst(region, *inst);
            }
        }
        yields
    }

    /// Whether an instruction is an inner call, or has some in it.
    fn is_part(&mut self, inst: Inst) -> bool {
        let active = self.active.clone();
        let data = &active.func().insts[inst];
        if !matches!(data.op, Op::If | Op::Switch | Op::For | Op::While) {
            return self.is_inner_call(inst);
        }
        let mut inner = Vec::new();
        let regions = data.regions.iter();
        regions.for_each(|region| walk::for_each_inst(active.func(), *region, &mut |inst| inner.push(inst)));
        inner.into_iter().any(|inst| self.is_inner_call(inst))
    }

    /// The parts of a region, each with its sweep, and what is written between them.
    fn joint_parts(&mut self, adjoints: &FxHashMap<Value, Value>, parts: &[Inst], behind: &[Inst]) {
        let active = self.active.clone();
        let mut written = 0;
        for (at, inst) in behind.iter().enumerate().filter(|(_, inst)| parts.contains(inst)) {
            self.write_insts(&behind[written..at]);
            written = at + 1;
            let data = &active.func().insts[*inst];
            let seeds: Vec<Option<Value>> = data.results.iter().map(|r| adjoints.get(r).copied()).collect();
            match data.op {
                Op::Call(callee) => {
                    let instance = self.call_instance(callee, data);
                    if self.is_paper() {
                        self.joint.as_mut().expect("a joint sweep").inner.push(instance.clone());
                    }
                    self.joint_call(&instance, data, &seeds);
                }
                Op::If | Op::Switch => self.joint_branch(data, &seeds),
                _ => self.joint_loop(*inst, data, &seeds),
            }
        }
        self.write_insts(&behind[written..]);
    }

    /// A branch, the sides of which are swept with their primals.
    fn joint_branch(&mut self, data: &InstData, seeds: &[Option<Value>]) {
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
        let adjoints = self.end_part(data, data.op.clone(), &[cond], &regions, &free);
        free.iter().zip(adjoints).for_each(|(v, adjoint)| self.replace(*v, adjoint));
    }

    /// A loop that only adds to what is active: the adjoints of its sums are the same in every trip, which is swept with its primal.
    fn joint_loop(&mut self, inst: Inst, data: &InstData, seeds: &[Option<Value>]) {
        let active = self.active.clone();
        let func = active.func();
        let body = body_of(data);
        let mut sums = data.results.iter().filter(|r| active.is_active(**r));
        self.is_joint &= only_adds(&active, inst) && sums.all(|r| func.value_type(*r).is_float());
        if !self.is_joint {
            return;
        }
        let free = self.free_values(&[body]);
        let start: Vec<Value> = free.iter().map(|v| self.materialize(*v)).collect();
        let (mut args, mut regions) = (Vec::new(), Vec::new());
        if !self.is_paper() {
            args = [self.copies.all(&data.args), start.clone()].concat();
            regions.extend((data.op == Op::While).then(|| self.condition(data, &start)));
            let first = self.open_part(body, &start);
            for (k, v) in free.iter().enumerate() {
                let accumulator = self.b.region_param(first + k);
                self.replace(*v, accumulator);
            }
            let params = &func.regions[body].params;
            self.go_on_writing(|augment| params.iter().for_each(|v| augment.note(*v)), params);
        } else {
            free.iter().zip(&start).for_each(|(v, adjoint)| self.replace(*v, *adjoint));
        }
        let mut yields = self.joint_region(body, seeds);
        func.regions[body].params.iter().for_each(|v| self.put(*v, None));
        self.b.loc = data.loc;
        yields.extend(free.iter().map(|v| self.materialize(*v)).collect::<Vec<_>>());
        if !self.is_paper() {
            regions.push(self.b.close_region(&yields));
        }
        let adjoints = self.end_part(data, data.op.clone(), &args, &regions, &free);
        free.iter().zip(adjoints).for_each(|(v, adjoint)| self.replace(*v, adjoint));
        let inits = &data.args[data.args.len() - data.results.len()..];
        for (init, seed) in inits.iter().zip(seeds) {
            seed.iter().for_each(|seed| self.contribute(*init, *seed));
        }
    }

    /// Appends a part that gives the adjoints of `wrt` besides its results. Gives these adjoints.
    fn end_part(&mut self, data: &InstData, op: Op, args: &[Value], regions: &[Region], wrt: &[Value]) -> Vec<Value> {
        let active = self.active.clone();
        let func = active.func();
        let tangents: Vec<Type> = wrt.iter().map(|v| self.tangent_type(*v)).collect();
        self.b.loc = data.loc;
        if self.is_paper() {
            return tangents.iter().map(|ty| self.b.undef(*ty)).collect();
        }
        let types: Vec<Type> = data.results.iter().map(|v| func.value_type(*v)).chain(tangents).collect();
        let part = self.b.inst(op, args, regions, &types);
        let mut own = self.b.results(part);
        let adjoints = own.split_off(data.results.len());
        for (v, copy) in data.results.iter().zip(own) {
            self.copies.set(*v, copy);
            copy_name(&mut self.b, func, *v, copy);
        }
        if self.joint.is_some() {
            self.go_on_writing(|augment| data.results.iter().for_each(|v| augment.note(*v)), &data.results);
        }
        adjoints
    }

    /// The adjoints of what parts give, from the sweep of what leads from there to what the region yields.
    fn adjoints_of_parts(
        &mut self,
        yields: &[Value],
        seeds: &[Option<Value>],
        parts: &[Inst],
        behind: &[Inst],
    ) -> FxHashMap<Value, Value> {
        if parts.is_empty() {
            return FxHashMap::default();
        }
        let active = self.active.clone();
        let func = active.func();
        let leading = self.leading(parts, behind);
        if !self.is_joint {
            return FxHashMap::default();
        }
        let around = std::mem::take(&mut self.adj);
        let written = self.b.func.insts.len();
        let joint = self.joint.as_mut().expect("a joint sweep");
        joint.later = Some(behind.iter().flat_map(|inst| &func.insts[*inst].results).copied().collect());
        for (v, seed) in yields.iter().zip(seeds) {
            seed.iter().for_each(|seed| self.contribute(*v, *seed));
        }
        for inst in leading.iter().rev() {
            let data = &func.insts[*inst];
            self.b.loc = data.loc;
            self.inst(active.primal.structure.home(data.results[0]), *inst);
        }
        let joint = self.joint.as_mut().expect("a joint sweep");
        (joint.later, joint.early) = (None, FxHashMap::default());
        let found = std::mem::replace(&mut self.adj, around);
        let results = parts.iter().flat_map(|inst| &func.insts[*inst].results);
        let adjoints: FxHashMap<Value, Value> = results.filter_map(|r| Some((*r, *found.get(r)?))).collect();
        if self.is_paper() {
            self.is_joint = !self.reach_unknown(adjoints.values().copied().collect(), written);
        }
        adjoints
    }

    /// The instructions beside the parts through which derivatives go from what these give: they must be simple. And no part must get
    /// from another one what is active, or its adjoint would come from there.
    fn leading(&mut self, parts: &[Inst], behind: &[Inst]) -> Vec<Inst> {
        let active = self.active.clone();
        let func = active.func();
        let mut given: FxHashSet<Value> = FxHashSet::default();
        let mut leading = Vec::new();
        for inst in behind {
            let data = &func.insts[*inst];
            let results = data.results.iter().copied().filter(|v| active.is_active(*v));
            let inner = self.free_values(&data.regions);
            let gets = data.args.iter().chain(&inner).any(|v| given.contains(v));
            if parts.contains(inst) {
                self.is_joint &= !gets;
                given.extend(results);
            } else if gets && results.clone().next().is_some() {
                self.is_joint &= is_simple(&data.op);
                given.extend(results);
                leading.push(*inst);
            }
        }
        leading
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

    /// What stands for an item that is written later, while the adjoints of what parts give are looked for.
    pub(super) fn unknown_yet(&mut self, item: Item) -> Option<Value> {
        let later = self.joint.as_ref()?.later.as_ref()?;
        if !later.contains(&item.base(&self.active.primal)) {
            return None;
        }
        if let Item::Value(v) = item
            && self.is_had_early(v, FAR)
        {
            return Some(self.early(v));
        }
        let ty = item.ty(&self.active.primal);
        if !self.is_paper() {
            return Some(self.zero(ty));
        }
        let stand_in = self.b.undef(ty);
        self.joint.as_mut()?.stand_ins.insert(stand_in);
        Some(stand_in)
    }

    fn is_later(&self, v: Value) -> bool {
        self.joint.as_ref().and_then(|joint| joint.later.as_ref()).is_some_and(|later| later.contains(&v))
    }

    /// Whether a value that is written later does not wait for a part: few operations on numbers and elements of arrays.
    fn is_had_early(&self, v: Value, far: u32) -> bool {
        let Some(inst) = self.active.primal.producer(v) else { return false };
        let data = &self.active.func().insts[inst];
        let first = self.active.func().value_type(data.args[0]).as_scalar();
        let is_scalar = self.active.func().value_type(v).as_scalar().is_some();
        let simple = is_simple(&data.op) && data.op.effect(first) == Effect::Pure;
        let fits = far > 0 && is_scalar && (simple || matches!(data.op, Op::Get(_) | Op::Compare(_)));
        fits && data.args.iter().all(|arg| !self.is_later(*arg) || self.is_had_early(*arg, far - 1))
    }

    /// Computes it early, besides: it may trap, which must keep its order.
    fn early(&mut self, v: Value) -> Value {
        let active = self.active.clone();
        let func = active.func();
        if self.is_paper() {
            return self.b.undef(func.value_type(v));
        }
        if let Some(known) = self.joint.as_ref().and_then(|joint| joint.early.get(&v)) {
            return *known;
        }
        let inst = active.primal.producer(v).expect("found to be computed");
        let data = &func.insts[inst];
        let later = |s: &Self, arg: &Value| s.is_later(*arg);
        let args: Vec<Value> = data
            .args
            .iter()
            .map(|arg| if later(self, arg) { self.early(*arg) } else { self.copies.get(*arg) })
            .collect();
        let early = match data.op {
            Op::Get(Access::Checked) => self.element_if_any(&args, func.value_type(v)),
            _ => self.b.value(data.op.clone(), &args, func.value_type(v)),
        };
        self.joint.as_mut().expect("a joint sweep").early.insert(v, early);
        early
    }

    /// An element of an array, or something else if the indices are not in range.
    fn element_if_any(&mut self, args: &[Value], ty: Type) -> Value {
        let zero = self.b.i64(0);
        let mut inside = None;
        for (axis, index) in args[1..].iter().enumerate() {
            let size = self.b.dim(args[0], axis);
            let from = self.b.compare(CompareOp::Ge, *index, zero);
            let below = self.b.compare(CompareOp::Lt, *index, size);
            let here = self.b.binary(BinaryOp::And, from, below);
            inside = Some(inside.map_or(here, |inside| self.b.binary(BinaryOp::And, inside, here)));
        }
        let inside = inside.expect("an array has an axis");
        self.b.open_region(&[]);
        let element = self.b.get(Access::InBounds, args[0], &args[1..]);
        let there = self.b.close_region(&[element]);
        self.b.open_region(&[]);
        let nothing = self.zero(ty);
        let nowhere = self.b.close_region(&[nothing]);
        let branch = self.b.inst(Op::If, &[inside], &[there, nowhere], &[ty]);
        self.b.results(branch)[0]
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
        if !wrt.iter().all(|v| is_float_or_array(&func.value_type(*v))) {
            self.is_joint = false;
            return;
        }
        let mut handed = FxHashSet::default();
        for v in &wrt {
            args.push(if handed.insert(*v) { self.materialize(*v) } else { self.zeros(*v) });
            self.put(*v, None);
        }
        let op = match self.cx.joints.get(instance) {
            Some(Some(joint)) => Op::Call(*joint),
            Some(None) | None if self.is_paper() => data.op.clone(),
            Some(None) | None => panic!("planned with this one"),
        };
        let adjoints = self.end_part(data, op, &args, &[], &wrt);
        wrt.iter().zip(adjoints).for_each(|(v, adjoint)| self.contribute(*v, adjoint));
    }
}

/// Operations on numbers that are had early and through which a derivative may go to what a part gives.
fn is_simple(op: &Op) -> bool {
    matches!(op, Op::Unary(_) | Op::Binary(_) | Op::Select | Op::Convert(_))
}

/// Of the instructions of a region the parts, what uses what they give, and what must keep its order with them.
fn late(active: &Active, insts: &[Inst], parts: &[Inst]) -> FxHashSet<Inst> {
    let (func, structure) = (active.func(), &active.primal.structure);
    let mut late: FxHashSet<Inst> = FxHashSet::default();
    for inst in insts.iter().skip_while(|inst| parts.first() != Some(inst)) {
        let data = &func.insts[*inst];
        let first = data.args.first().and_then(|v| func.value_type(*v).as_scalar());
        let is_late = |v: &Value| active.primal.producer(*v).is_some_and(|inst| late.contains(&inst));
        let inner = data.regions.iter().flat_map(|r| crate::analysis::structure::free_values(func, structure, *r));
        let uses = data.args.iter().copied().chain(inner).any(|v| is_late(&v));
        if uses || parts.contains(inst) || data.op.effect(first) != Effect::Pure {
            late.insert(*inst);
        }
    }
    late
}
