//! Reverse mode: from a primal to its augmented primal and its reverse sweep.
//!
//! Three forms, from one plan each ([`plan`]): *in one* ([`vjp`]: the sweep follows the primal in one body, and what the
//! outer region computes needs no tape), *apart* ([`reverse_of`]: `f.aug` and `f.rev`, for calls; results beside the
//! primal's are the tape), and apart with a tape on stacks that go through the calls, for functions that reach themselves. Of these
//! some need no tape ([`joint`]).

pub mod arrays;
pub mod augment;
pub mod control;
pub mod fused;
pub mod item;
pub mod joint;
pub mod last;
pub mod nest;
pub mod nodes;
pub mod pack;
pub mod plan;
pub mod restore;
pub mod stacks;
pub mod sweep;
pub mod tail;
pub mod told;
mod whole;

use crate::context::{Active, Context, Instance};
use crate::error::Reason;
use crate::request::conform;
use crate::reverse::augment::Augment;
use crate::reverse::item::Item;
use crate::reverse::plan::{Given, Plan, Recorder, Setting};
use crate::reverse::stacks::{Activation, Activations};
use crate::reverse::sweep::{Stage, Sweep};
use dprog_ir::{Body, Builder, CaseDef, FieldDef, FuncId, Function, Inst, NodeId, Op, Region, SrcLoc, Type, Value};
use std::rc::Rc;
use std::sync::Arc;

/// The two halves of a function's derivative.
#[derive(Clone, Debug)]
pub struct Reverse {
    /// `(p…, stack…) -> (r…, tape…)`; the primal itself if nothing is kept.
    pub aug: FuncId,
    /// `(tape…, height…, given…, seed…, acc…) -> (adjoint…, height…)`
    pub rev: FuncId,
    /// The marked parameters for which `rev` is handed an accumulator; see [`accumulated`].
    pub accumulated: Vec<bool>,
    pub tape: Vec<Type>,
    /// Of a recursion: the types of its stacks, which are its tape.
    pub stacks: Vec<Type>,
    /// The parameters of the primal that `rev` wants to see again.
    pub given: Vec<usize>,
}

impl Reverse {
    /// A complete tape as `rev` takes it.
    pub fn with_heights(&self, b: &mut Builder, mut tape: Vec<Value>) -> Vec<Value> {
        let heights = stacks::heights(b, &tape[..self.stacks.len()]);
        tape.extend(heights);
        tape
    }
}

/// The halves for `instance`, made at the first call.
pub fn reverse_of(cx: &mut Context, instance: Instance) -> Rc<Reverse> {
    if let Some(known) = cx.reverses.get(&instance) {
        return known.clone();
    }
    let active = Rc::new(cx.activate(instance.clone()));
    if cx.calls.is_recursive(instance.primal) {
        return recursive(cx, active);
    }
    let accumulated = accumulated(&active, false);
    let plan = make_plan(cx, &active, Setting::Apart { given: Given::All }, accumulated.clone());
    let entry = plan.root;
    let tape: Vec<Type> = plan.layout(entry).iter().map(|slot| slot.ty).collect();
    let given = plan.given(active.primal.params());
    let aug = if tape.is_empty() {
        instance.primal
    } else {
        let name = cx.derived_name(&instance, "aug");
        let function = augmented(&active, &plan, name, &tape);
        cx.module.add_function(function)
    };
    let name = cx.derived_name(&instance, "rev");
    let mut reverse = Reverse { aug, rev: aug, accumulated, tape, stacks: Vec::new(), given };
    let function = sweep_apart(cx, &active, &plan, name, &reverse, Rc::default());
    reverse.rev = cx.module.add_function(function);
    cx.plans.push((if reverse.tape.is_empty() { reverse.rev } else { reverse.aug }, active, plan));
    let reverse = Rc::new(reverse);
    cx.reverses.insert(instance, reverse.clone());
    reverse
}

/// Functions that reach themselves: the tape is on stacks; see [`stacks`].
fn recursive(cx: &mut Context, active: Rc<Active>) -> Rc<Reverse> {
    let instance = active.instance.clone();
    let aug_name = cx.derived_name(&instance, "aug");
    let rev_name = cx.derived_name(&instance, "rev");
    let tape = stacks::types(cx, &format!("{aug_name}.tape"));
    let loc = active.func().loc;
    let aug = cx.module.add_function(Function::new(aug_name.clone(), vec![], vec![], loc));
    let rev = cx.module.add_function(Function::new(rev_name.clone(), vec![], vec![], loc));
    let (plan, reverse) = {
        let accumulated = accumulated(&active, true);
        plan_recursion(cx, &active, Reverse { aug, rev, accumulated, stacks: tape.clone(), tape, given: vec![] })
    };
    let activations = Rc::new(activations(cx, &plan, &aug_name));
    let function = augmented_recursion(&active, &plan, aug_name, &reverse.stacks, activations.clone());
    cx.module.funcs[aug] = pack::in_branches(&function).unwrap_or(function);
    let function = sweep_apart(cx, &active, &plan, rev_name, &reverse, activations);
    cx.module.funcs[rev] = tail::as_loop(&function, rev).unwrap_or(function);
    cx.plans.push((aug, active, plan));
    reverse
}

/// What the regions of a recursion put on its stacks.
fn activations(cx: &mut Context, plan: &Plan, name: &str) -> Activations {
    let slots = |region: &Region| plan.layout(*region).iter().map(|slot| slot.ty).collect();
    plan.pushed.iter().map(|region| (*region, Activation::new(cx, name, slots(region)))).collect()
}

/// The plan of a function that calls itself depends on what the sweep of the inner call is to be given, which is what this
/// one's is given: begun with nothing, repeated until nothing is added. Where a cycle goes through other functions or other
/// instances, these have been made for a sweep that is given nothing; then it stays at that. Nodes are among what is given if
/// that spares keeping any.
fn plan_recursion(cx: &mut Context, active: &Rc<Active>, begin: Reverse) -> (Rc<Plan>, Rc<Reverse>) {
    if may_give_nodes(cx, active) {
        let (plan, reverse) = plan_with(cx, active, &begin, Given::ScalarsAndNodes);
        if !plan.keeps_nodes(active.func()) {
            return (plan, reverse);
        }
    }
    plan_with(cx, active, &begin, Given::Scalars)
}

/// Whether the function has parameters that are nodes, and no node has arrays in it, which somebody might update.
fn may_give_nodes(cx: &Context, active: &Active) -> bool {
    let nodes: Vec<NodeId> = active.func().params.iter().filter_map(|ty| ty.as_node()).collect();
    let is_plain = |node: &NodeId| {
        let mut fields = cx.module.nodes[*node].cases.iter().flat_map(|case| &case.fields);
        fields.all(|field| field.ty.as_scalar().is_some() || field.ty.as_node() == Some(*node))
    };
    !nodes.is_empty() && nodes.iter().all(is_plain)
}

fn plan_with(cx: &mut Context, active: &Rc<Active>, begin: &Reverse, most: Given) -> (Rc<Plan>, Rc<Reverse>) {
    let rev = begin.rev;
    let mut given = Vec::new();
    loop {
        let reverse = Rc::new(Reverse { given: given.clone(), ..begin.clone() });
        cx.reverses.insert(active.instance.clone(), reverse.clone());
        let plan = make_plan(cx, active, Setting::Apart { given: most }, begin.accumulated.clone());
        if given.is_empty() && !calls_only_itself(cx, active, &plan, rev) {
            let plan = make_plan(cx, active, Setting::Apart { given: Given::None }, begin.accumulated.clone());
            return (plan, reverse);
        }
        let wanted = plan.given(active.primal.params());
        if wanted == given {
            return (plan, reverse);
        }
        given = wanted;
    }
}

/// Whether `rev` is the only sweep of a recursive function that the plan calls.
fn calls_only_itself(cx: &Context, active: &Active, plan: &Plan, rev: FuncId) -> bool {
    let is_fine = |(inst, call): (&Inst, &Rc<Reverse>)| match active.func().insts[*inst].op {
        Op::Call(callee) => call.rev == rev || !cx.calls.is_recursive(callee),
        _ => true,
    };
    plan.calls.iter().all(is_fine) && plan.inline.values().all(|inner| calls_only_itself(cx, active, inner, rev))
}

/// Gives a tape its one case.
pub fn define_tape(cx: &mut Context, node: NodeId, slots: &[Type]) {
    let field = |(k, ty): (usize, &Type)| FieldDef { name: k.to_string().into(), ty: *ty };
    let fields = slots.iter().enumerate().map(field).collect();
    cx.module.nodes[node].cases = vec![CaseDef { name: "Tape".into(), fields }];
    cx.module.tangent_node(node);
    cx.module.complete_tangents();
}

/// For each marked parameter whether the sweep gets an accumulator for it: arrays that are only read, so that reading one
/// element costs one addition (the adjoint of one that is updated comes from that of its last version, and nothing is to be
/// added to it); in a recursion scalars too, so that the sweep of an inner call can be the last thing that the outer one does.
fn accumulated(active: &Active, recursive: bool) -> Vec<bool> {
    let params = active.primal.params();
    let wanted = |v: &Value| {
        let ty = active.func().value_type(*v);
        (ty.is_array() && active.primal.is_stable(*v)) || (recursive && ty.is_float())
    };
    params.iter().zip(&active.instance.wrt).filter(|(_, wrt)| **wrt).map(|(v, _)| wanted(v)).collect()
}

/// Runs the sweep on paper, and decides.
pub fn make_plan(cx: &mut Context, active: &Rc<Active>, setting: Setting, accumulators: Vec<bool>) -> Rc<Plan> {
    let mut scratch = Function::new("scratch", vec![], vec![], SrcLoc::NONE);
    let seeds = seed_types(cx, active);
    let adjoints = adjoint_types(cx, active);
    let b = Builder::new(&mut scratch);
    let mut sweep = Sweep::new(cx, b, active.clone(), Stage::Record(vec![Recorder::new()]));
    sweep.may_fuse = setting == Setting::Direct;
    let seeds: Vec<Value> = seeds.iter().map(|ty| sweep.b.undef(*ty)).collect();
    let accumulators: Vec<Option<Value>> =
        adjoints.iter().zip(accumulators).map(|(ty, wanted)| wanted.then(|| sweep.b.undef(*ty))).collect();
    sweep.function(&seeds, &accumulators);
    let Stage::Record(mut recorders) = sweep.stage else { panic!("still on paper") };
    let recorder = recorders.pop().expect("the recorder of the function");
    let root = active.func().entry().expect("a primal has a body");
    let plan = Plan::decide(active, root, setting, recorder);
    if let Some(loc) = plan.too_deep {
        cx.error(loc, Reason::TooDeep);
    }
    Rc::new(plan)
}

/// Those that the mask marks.
pub fn marked_of<T: Copy>(all: &[T], mask: &[bool]) -> Vec<T> {
    all.iter().zip(mask).filter(|(_, marked)| **marked).map(|(one, _)| *one).collect()
}

/// Tangent types of the marked results.
pub fn seed_types(cx: &mut Context, active: &Active) -> Vec<Type> {
    let types = marked_of(&active.func().results, &active.instance.outs);
    types.into_iter().map(|ty| cx.tangent(ty)).collect()
}

/// Tangent types of the marked parameters.
pub fn adjoint_types(cx: &mut Context, active: &Active) -> Vec<Type> {
    let types = marked_of(&active.func().params, &active.instance.wrt);
    types.into_iter().map(|ty| cx.tangent(ty)).collect()
}

fn augmented(active: &Active, plan: &Plan, name: Arc<str>, tape: &[Type]) -> Function {
    let func = active.func();
    let results = [func.results.as_slice(), tape].concat();
    let mut function = Function::new(name, func.params.clone(), results, func.loc);
    let mut b = Builder::new(&mut function);
    let results = primal_part(&mut b, active, plan, Default::default(), |augment| {
        [augment.copies.all(active.primal.results()), augment.tape(plan.root)].concat()
    });
    b.finish(&results);
    function
}

/// `f.aug` of a recursion.
fn augmented_recursion(
    active: &Active,
    plan: &Plan,
    name: Arc<str>,
    stacks: &[Type],
    activations: Rc<Activations>,
) -> Function {
    let func = active.func();
    let (params, results) = ([&func.params, stacks].concat(), [&func.results, stacks].concat());
    let mut function = Function::new(name, params, results, func.loc);
    let mut b = Builder::new(&mut function);
    let stacks = (0..stacks.len()).map(|k| b.param(func.params.len() + k)).collect();
    let results = primal_part(&mut b, active, plan, (stacks, activations), |augment| {
        augment.push_slots(plan.root);
        [augment.copies.all(active.primal.results()), augment.stacks.clone()].concat()
    });
    b.finish(&results);
    function
}

/// Writes the augmented primal at the beginning of a function whose first parameters are those of the primal, with the stacks
/// of a recursion. Gives what `then` finds in the augmented primal.
pub fn primal_part<T>(
    b: &mut Builder,
    active: &Active,
    plan: &Plan,
    (stacks, activations): (Vec<Value>, Rc<Activations>),
    then: impl FnOnce(&mut Augment) -> T,
) -> T {
    let mut augment = Augment::new(b, active, plan);
    (augment.stacks, augment.activations) = (stacks, activations);
    for (k, param) in active.primal.params().iter().enumerate() {
        let copy = augment.b.param(k);
        augment.copies.set(*param, copy);
        crate::copy::copy_param(augment.b, active.func(), *param, copy);
    }
    augment.region(plan.root);
    then(&mut augment)
}

/// `f.rev`.
fn sweep_apart(
    cx: &mut Context,
    active: &Rc<Active>,
    plan: &Rc<Plan>,
    name: Arc<str>,
    reverse: &Reverse,
    activations: Rc<Activations>,
) -> Function {
    let (seeds, adjoints) = (seed_types(cx, active), adjoint_types(cx, active));
    let heights = vec![Type::I64; reverse.stacks.len()];
    let given: Vec<Type> = reverse.given.iter().map(|k| active.func().params[*k]).collect();
    let accumulators = marked_of(&adjoints, &reverse.accumulated);
    let params = [&reverse.tape, &heights, &given, &seeds, &accumulators].map(|types| &types[..]).concat();
    let results = [&adjoints[..], &heights].concat();
    let mut function = Function::new(name, params, results, active.func().loc);
    let mut b = Builder::new(&mut function);
    let mut next = 0;
    let mut params = |b: &Builder, types: &[Type]| -> Vec<Value> {
        next += types.len();
        (next - types.len()..next).map(|k| b.param(k)).collect()
    };
    let (tape, mut heights) = (params(&b, &reverse.tape), params(&b, &heights));
    let slots = match activations.get(&plan.root) {
        Some(activation) => activation.read(&mut b, &tape, &mut heights),
        None => tape.clone(),
    };
    let mut sweep = Sweep::new(cx, b, active.clone(), Stage::Emit(vec![plan.clone()]));
    (sweep.stacks, sweep.heights, sweep.activations) = (tape, heights, activations);
    for (k, value) in reverse.given.iter().zip(params(&sweep.b, &given)) {
        sweep.bind(Item::Value(active.primal.params()[*k]), value);
    }
    sweep.enter(plan.root, slots);
    let seeds = params(&sweep.b, &seeds);
    let mut handed_in = params(&sweep.b, &accumulators).into_iter();
    let accumulators: Vec<Option<Value>> =
        reverse.accumulated.iter().map(|wanted| if *wanted { handed_in.next() } else { None }).collect();
    let mut results = sweep.function(&seeds, &accumulators);
    results.extend(&sweep.heights);
    sweep.b.finish(&results);
    function
}

/// The body of a request for a vector-Jacobian product: primal and sweep in one.
///
/// `accumulators` says whether one is handed in for each marked parameter, behind the seeds.
pub fn vjp(cx: &mut Context, instance: Instance, function: &mut Function, into: bool) {
    let active = Rc::new(cx.activate(instance));
    if cx.calls.is_recursive(active.instance.primal) {
        return crate::request::vjp_by_halves(cx, &active, function, into);
    }
    let marked = active.instance.wrt.iter().filter(|wrt| **wrt).count();
    let plan = make_plan(cx, &active, Setting::Direct, vec![into; marked]);
    cx.plans.push((cx.request, active.clone(), plan.clone()));
    let loc = function.loc;
    let mut b = Builder::new(function);
    b.loc = loc;
    let (items, bundles, copies) = primal_part(&mut b, &active, &plan, Default::default(), |augment| {
        let items: Vec<(Item, Value)> = plan.direct_items().map(|item| (item, augment.item(item))).collect();
        (items, augment.bundles.clone(), augment.copies.clone())
    });
    let first = active.func().params.len();
    let mut sweep = Sweep::new(cx, b, active.clone(), Stage::Emit(vec![plan.clone()]));
    items.into_iter().for_each(|(item, value)| sweep.bind(item, value));
    bundles.into_iter().for_each(|(inst, bundle)| sweep.bind_bundle(inst, bundle));
    sweep.copies = copies;
    let outs = marked_of(active.primal.results(), &active.instance.outs);
    let params: Vec<Value> = (0..first).map(|k| sweep.b.param(k)).collect();
    let params = marked_of(&params, &active.instance.wrt);
    // A seed of a wrong shape is the caller's.
    sweep.b.loc = SrcLoc::NONE;
    let mut handed_in = |k: usize, like: Option<Value>| {
        let t = sweep.b.param(first + k);
        like.map_or(t, |like| conform(&mut sweep.b, like, t))
    };
    let copies = outs.iter().map(|out| sweep.copies.find(*out)).collect::<Vec<_>>();
    let seeds: Vec<Value> = copies.into_iter().enumerate().map(|(k, out)| handed_in(k, out)).collect();
    let accumulators: Vec<Option<Value>> =
        params.iter().enumerate().map(|(k, x)| into.then(|| handed_in(outs.len() + k, Some(*x)))).collect();
    let adjoints = sweep.function(&seeds, &accumulators);
    let mut results = sweep.copies.all(active.primal.results());
    results.extend(adjoints);
    sweep.b.finish(&results);
}

/// A function whose body was a request, ready to be given one.
pub fn blank_like(function: &Function) -> Function {
    let mut blank =
        Function::new(function.name.clone(), function.params.clone(), function.results.clone(), function.loc);
    blank.body = Body::Pending;
    blank
}

/// See [`crate::plan_text`].
pub fn plan_text(module: &mut dprog_ir::Module, primal: FuncId, wrt: &[bool], outs: &[bool]) -> String {
    let mut cx = Context::new(module, primal);
    let held = vec![true; wrt.len()];
    let active = Rc::new(cx.activate(Instance { primal, wrt: wrt.to_vec(), outs: outs.to_vec(), held }));
    let accumulators = vec![false; wrt.iter().filter(|wrt| **wrt).count()];
    make_plan(&mut cx, &active, Setting::Direct, accumulators).describe(&active)
}
