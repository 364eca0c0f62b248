//! Reverse mode: from a primal to its augmented primal and its reverse sweep.
//!
//! Three forms, from one plan each ([`plan`]): *in one* ([`vjp`]: the sweep follows the primal in one body, and what the
//! outer region computes needs no tape), *apart* ([`reverse_of`]: `f.aug` and `f.rev`, for calls; results beside the
//! primal's are the tape), and apart with a tape in a node, for functions that call themselves.

pub mod arrays;
pub mod augment;
pub mod control;
pub mod item;
pub mod nest;
pub mod nodes;
pub mod pack;
pub mod plan;
pub mod sweep;
pub mod tail;

use crate::context::{Active, Context, Instance};
use crate::error::Reason;
use crate::request::conform;
use crate::reverse::augment::Augment;
use crate::reverse::item::Item;
use crate::reverse::plan::{Given, Plan, Recorder, Setting};
use crate::reverse::sweep::{Stage, Sweep};
use dprog_ir::module::NodeKind;
use dprog_ir::{Body, Builder, CaseDef, FieldDef, FuncId, Function, Inst, NodeId, Op, SrcLoc, Type, Value};
use std::rc::Rc;
use std::sync::Arc;

/// The two halves of a function's derivative.
#[derive(Clone, Debug)]
pub struct Reverse {
    /// `(p…) -> (r…, tape…)`; the primal itself if nothing is kept.
    pub aug: FuncId,
    /// `(tape…, given…, seed…, acc…) -> (adjoint…)`
    pub rev: FuncId,
    /// The marked parameters for which `rev` is handed an accumulator; see [`accumulated`].
    pub accumulated: Vec<bool>,
    pub tape: Vec<Type>,
    /// The parameters of the primal that `rev` wants to see again.
    pub given: Vec<usize>,
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
    let function = sweep_apart(cx, &active, &plan, name, &tape, &given, &accumulated, None);
    let rev = cx.module.add_function(function);
    let reverse = Rc::new(Reverse { aug, rev, accumulated, tape, given });
    cx.reverses.insert(instance, reverse.clone());
    reverse
}

/// Functions that reach themselves: the tape of an activation is a node, whose fields are the slots; that of an inner
/// activation is in a field of the outer one's.
fn recursive(cx: &mut Context, active: Rc<Active>) -> Rc<Reverse> {
    let instance = active.instance.clone();
    let aug_name = cx.derived_name(&instance, "aug");
    let rev_name = cx.derived_name(&instance, "rev");
    let node = cx.module.add_node(format!("{aug_name}.tape"), NodeKind::Tape, Vec::new());
    let tape = vec![Type::node(node)];
    let loc = active.func().loc;
    let aug = cx.module.add_function(Function::new(aug_name.clone(), vec![], vec![], loc));
    let rev = cx.module.add_function(Function::new(rev_name.clone(), vec![], vec![], loc));
    let (plan, reverse) = {
        let accumulated = accumulated(&active, true);
        plan_recursion(cx, &active, Reverse { aug, rev, accumulated, tape: tape.clone(), given: vec![] })
    };
    let slots: Vec<Type> = plan.layout(plan.root).iter().map(|slot| slot.ty).collect();
    define_tape(cx, node, &slots);
    let mut function = Function::new(aug_name, active.func().params.clone(), active.func().results.clone(), loc);
    function.results.extend(&tape);
    write_augmented(&active, &plan, &mut function, Some(node));
    cx.module.funcs[aug] = pack::in_branches(&function).unwrap_or(function);
    let Reverse { given, accumulated, .. } = &*reverse;
    let function = sweep_apart(cx, &active, &plan, rev_name, &tape, given, accumulated, Some(node));
    cx.module.funcs[rev] = tail::as_loop(&function, rev).unwrap_or(function);
    reverse
}

/// The plan of a function that calls itself depends on what the sweep of the inner call is to be given, which is what this
/// one's is given: begun with nothing, repeated until nothing is added. Where a cycle goes through other functions or other
/// instances, these have been made for a sweep that is given nothing; then it stays at that.
fn plan_recursion(cx: &mut Context, active: &Rc<Active>, begin: Reverse) -> (Rc<Plan>, Rc<Reverse>) {
    let rev = begin.rev;
    let mut given = Vec::new();
    loop {
        let reverse = Rc::new(Reverse { given: given.clone(), ..begin.clone() });
        cx.reverses.insert(active.instance.clone(), reverse.clone());
        let plan = make_plan(cx, active, Setting::Apart { given: Given::Scalars }, begin.accumulated.clone());
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

/// For each marked parameter whether the sweep gets an accumulator for it: arrays, so that reading one element costs one
/// addition; in a recursion scalars too, so that the sweep of an inner call can be the last thing that the outer one does.
fn accumulated(active: &Active, recursive: bool) -> Vec<bool> {
    let marked = active.func().params.iter().zip(&active.instance.wrt).filter(|(_, wrt)| **wrt);
    marked.map(|(ty, _)| ty.is_array() || (recursive && ty.is_float())).collect()
}

/// Runs the sweep on paper, and decides.
pub fn make_plan(cx: &mut Context, active: &Rc<Active>, setting: Setting, accumulators: Vec<bool>) -> Rc<Plan> {
    let mut scratch = Function::new("scratch", vec![], vec![], SrcLoc::NONE);
    let seeds = seed_types(cx, active);
    let adjoints = adjoint_types(cx, active);
    let b = Builder::new(&mut scratch);
    let mut sweep = Sweep::new(cx, b, active.clone(), Stage::Record(vec![Recorder::new()]));
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
    write_augmented(active, plan, &mut function, None);
    function
}

/// The body of `f.aug`; the tape packed in a node, if it is one.
fn write_augmented(active: &Active, plan: &Plan, function: &mut Function, node: Option<NodeId>) {
    let mut b = Builder::new(function);
    let (mut results, tape) = primal_part(&mut b, active, plan, |augment| augment.tape(plan.root));
    match node {
        Some(node) => results.push(b.node_new(node, 0, &tape)),
        None => results.extend(tape),
    }
    b.finish(&results);
}

/// Writes the augmented primal at the beginning of a function whose first parameters are those of the primal. Gives the
/// primal's results, and what `then` finds in the augmented primal.
pub fn primal_part<T>(
    b: &mut Builder,
    active: &Active,
    plan: &Plan,
    then: impl FnOnce(&Augment) -> T,
) -> (Vec<Value>, T) {
    let mut augment = Augment::new(b, active, plan);
    for (k, param) in active.primal.params().iter().enumerate() {
        let copy = augment.b.param(k);
        augment.copies.set(*param, copy);
        crate::copy::copy_name(augment.b, active.func(), *param, copy);
    }
    augment.region(plan.root);
    let results = augment.copies.all(active.primal.results());
    let more = then(&augment);
    (results, more)
}

/// `f.rev`.
fn sweep_apart(
    cx: &mut Context,
    active: &Rc<Active>,
    plan: &Rc<Plan>,
    name: Arc<str>,
    tape: &[Type],
    given: &[usize],
    accumulated: &[bool],
    node: Option<NodeId>,
) -> Function {
    let (seeds, adjoints) = (seed_types(cx, active), adjoint_types(cx, active));
    let given_types = given.iter().map(|k| active.func().params[*k]);
    let mut params = tape.to_vec();
    params.extend(given_types);
    params.extend(&seeds);
    params.extend(marked_of(&adjoints, accumulated));
    let mut function = Function::new(name, params, adjoints, active.func().loc);
    let mut b = Builder::new(&mut function);
    let slots: Vec<Value> = match node {
        None => (0..tape.len()).map(|k| b.param(k)).collect(),
        Some(_) => {
            let tape = b.param(0);
            let layout = plan.layout(plan.root).iter().enumerate();
            layout.map(|(k, slot)| b.node_get(tape, 0, k as u32, slot.ty)).collect()
        }
    };
    let mut sweep = Sweep::new(cx, b, active.clone(), Stage::Emit(vec![plan.clone()]));
    for (at, k) in given.iter().enumerate() {
        let value = sweep.b.param(tape.len() + at);
        sweep.bind(Item::Value(active.primal.params()[*k]), value);
    }
    sweep.enter(plan.root, slots);
    let first = tape.len() + given.len();
    let seed_values: Vec<Value> = (0..seeds.len()).map(|k| sweep.b.param(first + k)).collect();
    let mut next = first + seeds.len();
    let accumulators: Vec<Option<Value>> = accumulated
        .iter()
        .map(|wanted| {
            wanted.then(|| {
                next += 1;
                sweep.b.param(next - 1)
            })
        })
        .collect();
    let results = sweep.function(&seed_values, &accumulators);
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
    let loc = function.loc;
    let mut b = Builder::new(function);
    b.loc = loc;
    let (mut results, (items, bundles)) = primal_part(&mut b, &active, &plan, |augment| {
        let items: Vec<(Item, Value)> = plan.direct_items().map(|item| (item, augment.item(item))).collect();
        (items, augment.bundles.clone())
    });
    let first = active.func().params.len();
    let mut sweep = Sweep::new(cx, b, active.clone(), Stage::Emit(vec![plan.clone()]));
    items.into_iter().for_each(|(item, value)| sweep.bind(item, value));
    bundles.into_iter().for_each(|(inst, bundle)| sweep.bind_bundle(inst, bundle));
    let outs = marked_of(&results, &active.instance.outs);
    let params: Vec<Value> = (0..first).map(|k| sweep.b.param(k)).collect();
    let params = marked_of(&params, &active.instance.wrt);
    // A seed of a wrong shape is the caller's.
    sweep.b.loc = SrcLoc::NONE;
    let mut handed_in = |k: usize, like: Value| {
        let t = sweep.b.param(first + k);
        conform(&mut sweep.b, like, t)
    };
    let seeds: Vec<Value> = outs.iter().enumerate().map(|(k, out)| handed_in(k, *out)).collect();
    let accumulators: Vec<Option<Value>> =
        params.iter().enumerate().map(|(k, x)| into.then(|| handed_in(outs.len() + k, *x))).collect();
    let adjoints = sweep.function(&seeds, &accumulators);
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
