//! What all parts of the pass share: the module, what is known about its functions, the derivatives made so far, and
//! what there is to report.

use crate::analysis::activity::Activity;
use crate::analysis::depends::{Calls, Depends};
use crate::analysis::stable::Stability;
use crate::analysis::structure::{Def, Structure, walk};
use crate::error::{AdError, Reason, Warning};
use crate::reverse::Reverse;
use crate::reverse::told::Planned;
use crate::rules::{float_constant, flow, foreign};
use crate::sequence::{Worldly, sequence};
use crate::unfold::unfold;
use dprog_ir::analysis::effects::{EffectContext, Size};
use dprog_ir::analysis::{Definitions, FunctionEffects, Shapes};
use dprog_ir::entity::Entity;
use dprog_ir::{
    BinaryOp, Const, FuncId, Function, HostFn, Inst, Module, NodeId, Op, ReduceOp, Region, SrcLoc, Type, UnaryOp, Value,
};
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What counts as a few elements of an axis: coordinates, the ends of a stencil. By gut feeling.
const FEW: i64 = 4;

/// A function that is differentiated, with the facts about it that do not depend on what by what.
#[derive(Debug)]
pub struct Primal {
    pub id: FuncId,
    pub func: Function,
    pub structure: Structure,
    pub depends: Depends,
    pub stable: Vec<bool>,
    /// Sines, cosines and their like, by what they are of and where they stand.
    beside: FxHashMap<(Region, UnaryOp, Value), Value>,
    /// How many uses of each array look at more than its size or the places of its extrema.
    uses: Vec<u32>,
    /// Loops beside uncounted ones in one nest, the slots of which may lie on stacks.
    beside_uncounted: FxHashSet<Inst>,
    definitions: Definitions,
    shapes: Shapes,
}

impl Primal {
    /// Whether a loop with these bounds runs over an axis of `x`, but for a few elements at its ends, as far as can be seen.
    pub fn runs_over_axis(&self, (lo, hi): (Value, Value), x: Value, axis: usize) -> bool {
        let functions = FunctionEffects::unknown();
        let context = self.sizes(&functions);
        let begins = self.definitions.int(&self.func, lo).is_some_and(|lo| (0..=FEW).contains(&lo));
        begins
            && match (context.size(x, axis as u8), context.size_of(hi)) {
                (Size::Const(size), Size::Const(hi)) => hi >= size - FEW,
                (size, hi_size) => {
                    size == hi_size || self.little_less(hi).is_some_and(|hi| size == context.size_of(hi))
                }
            }
    }

    /// Whether an axis of `x` is known to have a few elements.
    pub fn is_short_axis(&self, x: Value, axis: usize) -> bool {
        matches!(self.sizes(&FunctionEffects::unknown()).size(x, axis as u8), Size::Const(..=FEW))
    }

    fn sizes<'p>(&'p self, functions: &'p FunctionEffects) -> EffectContext<'p> {
        EffectContext { func: &self.func, definitions: &self.definitions, shapes: &self.shapes, functions }
    }

    /// `n`, if `v` is `n - 1` or a few less.
    fn little_less(&self, v: Value) -> Option<Value> {
        let data = &self.func.insts[self.producer(v)?];
        let by = self.definitions.int(&self.func, *data.args.get(1)?)?;
        let few = match data.op {
            Op::Binary(BinaryOp::Sub) => (0..=FEW).contains(&by),
            Op::Binary(BinaryOp::Add) => (-FEW..=0).contains(&by),
            _ => false,
        };
        few.then(|| data.args[0])
    }

    /// The instruction that gives `v`; `None` for parameters.
    pub fn producer(&self, v: Value) -> Option<Inst> {
        match self.structure.def(v) {
            Def::Result { inst, .. } => Some(inst),
            Def::Param { .. } => None,
        }
    }

    /// The number of uses of an array through which it can have an adjoint.
    pub fn active_uses(&self, v: Value) -> u32 {
        self.uses[v.index()]
    }

    /// Whether a loop is in a nest with one that nobody has counted.
    pub fn is_beside_uncounted(&self, inst: Inst) -> bool {
        self.beside_uncounted.contains(&inst)
    }

    pub fn is_integer_constant(&self, v: Value) -> bool {
        self.producer(v).is_some_and(|inst| matches!(self.func.insts[inst].op, Op::Const(Const::I64(_))))
    }

    pub fn constant(&self, v: Value) -> Option<f64> {
        float_constant(&self.func, self.producer(v))
    }

    /// What `op` gives of `x` in `region`, if that stands there.
    pub fn beside(&self, region: Region, op: UnaryOp, x: Value) -> Option<Value> {
        self.beside.get(&(region, op, x)).copied()
    }

    pub fn is_stable(&self, v: Value) -> bool {
        self.stable[v.index()]
    }

    pub fn params(&self) -> &[Value] {
        &self.func.regions[self.func.entry().expect("a primal has a body")].params
    }

    pub fn results(&self) -> &[Value] {
        &self.func.regions[self.func.entry().expect("a primal has a body")].yields
    }
}

/// What is differentiated by what.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Instance {
    pub primal: FuncId,
    pub wrt: Vec<bool>,
    pub outs: Vec<bool>,
    /// Parameters that the caller can hand to the sweep once more at no cost: scalars, and arrays that nobody updates.
    pub held: Vec<bool>,
}

/// A primal with its activity.
#[derive(Debug)]
pub struct Active {
    pub instance: Instance,
    pub primal: Rc<Primal>,
    pub activity: Activity,
    /// The primal reaches itself.
    pub recursive: bool,
    free: RefCell<FxHashMap<Region, Rc<[Value]>>>,
}

impl Active {
    pub fn func(&self) -> &Function {
        &self.primal.func
    }

    pub fn is_active(&self, v: Value) -> bool {
        self.activity.is_active(v)
    }

    /// [`Activity::active_free`], found once for each region.
    pub fn active_free(&self, region: Region) -> Rc<[Value]> {
        let known = self.free.borrow().get(&region).cloned();
        known.unwrap_or_else(|| {
            let free: Rc<[Value]> = self.activity.active_free(self.func(), &self.primal.structure, region).into();
            self.free.borrow_mut().insert(region, free.clone());
            free
        })
    }
}

/// See the module's description.
pub struct Context<'m> {
    pub module: &'m mut Module,
    pub calls: Calls,
    stability: Stability,
    worldly: Worldly,
    primals: FxHashMap<FuncId, Rc<Primal>>,
    pub reverses: FxHashMap<Instance, Rc<Reverse>>,
    /// Recursions swept with the primal; `None` for those that cannot be.
    pub joints: FxHashMap<Instance, Option<FuncId>>,
    pub tangents: FxHashMap<Instance, FuncId>,
    /// The type of the nodes on the stacks of recursions, once there is one.
    pub tape: Option<NodeId>,
    names: FxHashSet<Arc<str>>,
    /// All that has been planned, for people.
    pub plans: Vec<Planned>,
    /// The request being served, and the calls on the way from its primal to the function being looked at.
    pub request: FuncId,
    pub path: Vec<SrcLoc>,
    pub errors: Vec<AdError>,
    pub warnings: Vec<Warning>,
    reported: FxHashSet<(SrcLoc, &'static str)>,
}

impl<'m> Context<'m> {
    pub fn new(module: &'m mut Module, request: FuncId) -> Context<'m> {
        let names = module.funcs.values().map(|f| f.name.clone()).collect();
        Context {
            module,
            calls: Calls::default(),
            stability: Stability::default(),
            worldly: Worldly::default(),
            primals: FxHashMap::default(),
            reverses: FxHashMap::default(),
            joints: FxHashMap::default(),
            tangents: FxHashMap::default(),
            tape: None,
            names,
            plans: Vec::new(),
            request,
            path: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            reported: FxHashSet::default(),
        }
    }

    /// The primal `f` with its facts; its callees are known from then on.
    pub fn primal(&mut self, f: FuncId) -> Rc<Primal> {
        if let Some(known) = self.primals.get(&f) {
            return known.clone();
        }
        self.calls.learn(self.module, f);
        let mut func = self.module.funcs[f].clone();
        unfold(self.module, &self.calls, f, &mut func);
        sequence(self.module, &mut self.worldly, &mut func);
        let depends = self.calls.depends(self.module, &func);
        let stable = self.stability.of(self.module, &func);
        let (beside, uses) = (circular(&func), active_uses(&func));
        let mut beside_uncounted = FxHashSet::default();
        mark_uncounted(&func, func.entry().expect("a primal has a body"), &mut beside_uncounted);
        let structure = Structure::of(&func);
        let (definitions, shapes) = (Definitions::of_function(&func), Shapes::of_function(&func));
        let primal =
            Primal { id: f, structure, func, depends, stable, beside, uses, beside_uncounted, definitions, shapes };
        let primal = Rc::new(primal);
        self.primals.insert(f, primal.clone());
        primal
    }

    /// The activity of `instance`; reports what stands in its active paths.
    pub fn activate(&mut self, instance: Instance) -> Active {
        let primal = self.primal(instance.primal);
        let activity = Activity::of(&primal.func, &primal.depends, &self.calls, &instance.wrt, &instance.outs);
        let recursive = self.calls.is_recursive(instance.primal);
        let active = Active { instance, primal, activity, recursive, free: RefCell::default() };
        self.report(&active);
        active
    }

    fn report(&mut self, active: &Active) {
        let func = active.func();
        let entry = func.entry().expect("a primal has a body");
        let mut outcomes = FxHashSet::default();
        walk(func, entry, &mut |_, inst| {
            self.report_inst(active, inst);
            self.report_outcome(active, inst, &mut outcomes);
        });
    }

    /// Warns where the outcome of a comparison becomes a number: that decides nothing, and its derivative is zero.
    fn report_outcome(&mut self, active: &Active, inst: Inst, outcomes: &mut FxHashSet<Value>) {
        let (func, data) = (active.func(), &active.func().insts[inst]);
        let is_outcome = match &data.op {
            Op::Compare(_) => data.args.iter().any(|a| active.activity.is_varied(*a)),
            op => flow::is_logic(op) && data.args.iter().any(|a| outcomes.contains(a)),
        };
        match &data.results[..] {
            [result] if is_outcome && func.value_type(*result) == Type::BOOL => drop(outcomes.insert(*result)),
            [_] if is_outcome && matches!(data.op, Op::Convert(_)) => {
                self.warn(data.loc, "comparison that becomes a number")
            }
            _ => {}
        }
    }

    fn report_inst(&mut self, active: &Active, inst: Inst) {
        let (func, activity) = (active.func(), &active.activity);
        let data = &func.insts[inst];
        let Some(&first) = data.args.first() else { return };
        if data.op == Op::Host(HostFn::Foreign) && activity.is_active(data.results[0]) {
            let foreign = foreign::of(self.module, &active.primal, data);
            if let Some(name) = foreign.filter(|f| f.vjp.is_none()).map(|f| f.name.clone()) {
                self.error(data.loc, Reason::Foreign(name));
            }
        }
        if !activity.is_varied(first) {
            return;
        }
        let used = data
            .results
            .iter()
            .any(|r| activity.is_useful(*r) || func.value_type(*r).as_scalar().is_some_and(|s| s.is_int()));
        if let Some(op) = flow::without_derivative(&data.op).filter(|_| used) {
            self.error(data.loc, Reason::NoRule(op));
        }
        let from = func.value_type(first).as_scalar();
        if let Some(operation) = flow::silent_zero(&data.op, from).filter(|_| used) {
            self.warn(data.loc, operation);
        }
    }

    pub fn error(&mut self, loc: SrcLoc, reason: Reason) {
        let known = self.errors.iter().any(|e| e.loc == loc && e.reason == reason);
        if !known {
            self.errors.push(AdError { request: self.request, calls: self.path.clone(), loc, reason });
        }
    }

    fn warn(&mut self, loc: SrcLoc, operation: &'static str) {
        if self.reported.insert((loc, operation)) {
            self.warnings.push(Warning { request: self.request, calls: self.path.clone(), loc, operation });
        }
    }

    pub fn tangent(&mut self, ty: Type) -> Type {
        self.module.tangent(ty).expect("an active value has a tangent type")
    }

    /// `f.aug` for the primal `f`, with the masks behind it where that is taken.
    pub fn derived_name(&mut self, instance: &Instance, suffix: &str) -> Arc<str> {
        let base = format!("{}.{suffix}", self.module.funcs[instance.primal].name);
        let masked = format!("{base}.{}.{}", bits(&instance.wrt), bits(&instance.outs));
        let numbered = (2..).map(|n| format!("{masked}.{n}"));
        let mut candidates = [base.clone(), masked.clone()].into_iter().chain(numbered);
        let free = candidates.find(|name| !self.names.contains(name.as_str())).expect("numbers do not end");
        let name: Arc<str> = free.into();
        self.names.insert(name.clone());
        name
    }
}

/// The functions each of which is the derivative of another, but for the sign.
fn circular(func: &Function) -> FxHashMap<(Region, UnaryOp, Value), Value> {
    let mut found = FxHashMap::default();
    let Some(entry) = func.entry() else { return found };
    walk(func, entry, &mut |region, inst| {
        let data = &func.insts[inst];
        if let Op::Unary(op @ (UnaryOp::Sin | UnaryOp::Cos | UnaryOp::Sinh | UnaryOp::Cosh)) = data.op {
            found.entry((region, op, data.args[0])).or_insert(data.results[0]);
        }
    });
    found
}

fn bits(mask: &[bool]) -> String {
    mask.iter().map(|bit| if *bit { '1' } else { '0' }).collect()
}

/// Whether `op` is a call, and of whom.
pub fn callee(op: &Op) -> Option<FuncId> {
    match op {
        Op::Call(callee) => Some(*callee),
        _ => None,
    }
}

fn active_uses(func: &Function) -> Vec<u32> {
    let mut uses = vec![0; func.values.len()];
    let entry = func.entry().expect("a primal has a body");
    func.regions[entry].yields.iter().for_each(|v| uses[v.index()] += 1);
    walk(func, entry, &mut |_, inst| {
        let data = &func.insts[inst];
        let discrete = matches!(data.op, Op::Dim(_) | Op::Reduce(ReduceOp::ArgMax | ReduceOp::ArgMin));
        let yields = data.regions.iter().flat_map(|region| &func.regions[*region].yields);
        yields.for_each(|v| uses[v.index()] += 1);
        data.args.iter().filter(|_| !discrete).for_each(|v| uses[v.index()] += 1);
    });
    uses
}

/// Marks the loops of each nest in which there is a `while`.
fn mark_uncounted(func: &Function, region: Region, beside: &mut FxHashSet<Inst>) {
    for &inst in &func.regions[region].insts {
        let is_loop = |inst: Inst| matches!(func.insts[inst].op, Op::For | Op::While);
        if !is_loop(inst) {
            func.insts[inst].regions.iter().for_each(|inner| mark_uncounted(func, *inner, beside));
            continue;
        }
        let mut loops = vec![inst];
        for inner in &func.insts[inst].regions {
            walk(func, *inner, &mut |_, inst| loops.extend(is_loop(inst).then_some(inst)));
        }
        if loops.iter().any(|inst| func.insts[*inst].op == Op::While) {
            beside.extend(loops);
        }
    }
}
