//! The reverse sweep: walks a primal backwards and writes the adjoint of each instruction.
//!
//! Adjoints are symbolic until needed: a value without an entry has adjoint zero, the first contribution becomes the
//! entry, later ones are added [Swift's AdjointValue gives the reasons]. Only active values get entries.
//!
//! The same code runs twice: on paper, to learn what it needs ([`Stage::Record`], on a scratch function, with `undef` for
//! everything primal), and for good ([`Stage::Emit`]). Both take the same decisions, since these depend only on the
//! primal and on which adjoints are zero.

use crate::context::{Active, Context};
use crate::copy::Copies;
use crate::reverse::augment::{Augment, repeat};
use crate::reverse::item::{Item, SizeSource, size_source};
use crate::reverse::joint::Joint;
use crate::reverse::plan::{Plan, Recorder, Setting, Source, slice};
use crate::reverse::stacks::Activations;
use crate::rules::{Partial, Point, partial};
use dprog_ir::{Builder, HostFn, Inst, InstData, Op, Region, Scalar, Type, UnaryOp, Value};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// On paper or for good; a stack, the innermost root region last.
pub enum Stage {
    Record(Vec<Recorder>),
    Emit(Vec<Rc<Plan>>),
}

/// See the module's description.
pub struct Sweep<'c, 'm, 'f> {
    pub cx: &'c mut Context<'m>,
    pub b: Builder<'f>,
    pub active: Rc<Active>,
    pub stage: Stage,
    /// Adjoints that are not zero.
    pub(super) adj: FxHashMap<Value, Value>,
    /// What is at hand of the primal.
    pub(super) env: FxHashMap<Item, Value>,
    /// The tape's part of each instruction in the regions that the sweep is in.
    pub(super) bundles: FxHashMap<Inst, Vec<Value>>,
    /// In a recursion: the stacks, and the heights to which the sweep has come down.
    pub(super) stacks: Vec<Value>,
    pub(super) heights: Vec<Value>,
    pub(super) activations: Rc<Activations>,
    /// The primal of a root in the scope of which the sweep is.
    pub(super) copies: Copies,
    /// Whether the sweep of a loop may go with the primal.
    pub(super) may_fuse: bool,
    /// Of a recursion that is swept with its primal; see [`super::joint`].
    pub(super) joint: Option<Joint>,
    /// Nothing has been met that stands against that.
    pub(super) is_joint: bool,
    /// What loops that have been swept forwards ended with, by the results of the primal.
    pub(super) ended: FxHashMap<Value, Value>,
    /// Adjoints of arrays that are zero but for one element: its indices, and its adjoint.
    pub(super) single: FxHashMap<Value, (Vec<Value>, Value)>,
    /// Adjoints of the fields of a node that is taken apart, until all are known; see `nodes`.
    pub(super) fields: FxHashMap<(Region, Value, u32), Vec<Option<Value>>>,
}

impl<'c, 'm, 'f> Sweep<'c, 'm, 'f> {
    pub fn new(cx: &'c mut Context<'m>, b: Builder<'f>, active: Rc<Active>, stage: Stage) -> Sweep<'c, 'm, 'f> {
        let copies = Copies::of(active.func());
        Sweep {
            cx,
            b,
            active,
            copies,
            may_fuse: false,
            joint: None,
            is_joint: true,
            stage,
            adj: FxHashMap::default(),
            env: FxHashMap::default(),
            bundles: FxHashMap::default(),
            stacks: Vec::new(),
            heights: Vec::new(),
            activations: Rc::default(),
            single: FxHashMap::default(),
            ended: FxHashMap::default(),
            fields: FxHashMap::default(),
        }
    }

    /// The sweep of a whole function: from a seed for each marked result to the adjoint of each marked parameter, added
    /// to its accumulator where there is one.
    pub fn function(&mut self, seeds: &[Value], accumulators: &[Option<Value>]) -> Vec<Value> {
        let primal = self.active.primal.clone();
        let instance = self.active.instance.clone();
        let marked = |values: &[Value], mask: &[bool]| -> Vec<Value> {
            values.iter().zip(mask).filter(|(_, marked)| **marked).map(|(v, _)| *v).collect()
        };
        let params = marked(primal.params(), &instance.wrt);
        for (param, accumulator) in params.iter().zip(accumulators) {
            if let Some(accumulator) = accumulator {
                self.adj.insert(*param, *accumulator);
            }
        }
        for (result, seed) in marked(primal.results(), &instance.outs).into_iter().zip(seeds) {
            self.contribute(result, *seed);
        }
        self.region(primal.func.entry().expect("a primal has a body"));
        params.into_iter().map(|param| self.materialize(param)).collect()
    }

    /// Sweeps the instructions of a region, last to first.
    pub fn region(&mut self, region: Region) {
        let active = self.active.clone();
        let firsts = self.first_field_reads(region);
        for &inst in active.func().regions[region].insts.iter().rev() {
            self.b.loc = active.func().insts[inst].loc;
            self.inst(region, inst);
            if let Some(taken_apart) = firsts.get(&inst) {
                self.flush_fields(region, *taken_apart);
            }
        }
    }

    pub(super) fn inst(&mut self, region: Region, inst: Inst) {
        let active = self.active.clone();
        let data = &active.func().insts[inst];
        self.put_back_replaced(inst);
        if let Some((indices, adjoint)) = data.results.first().and_then(|r| self.single.remove(r)) {
            return self.one_element(inst, data, &indices, adjoint);
        }
        if !data.results.iter().any(|r| self.adj.contains_key(r)) {
            return;
        }
        match &data.op {
            Op::Unary(_) | Op::Binary(_) | Op::Select => self.scalar(inst, data),
            Op::Convert(_) => self.convert(data),
            Op::Fill => self.fill(data),
            Op::Elements => self.elements(data),
            Op::Get(_) => self.get(data),
            Op::Set(_) => self.set(inst, data),
            Op::Take(_) => self.take_out(data),
            Op::Put => self.put_back(data),
            Op::AddAt(_) => self.add_at(data),
            Op::Slice(_) => self.slice(data),
            Op::SetSlice(_) => self.set_slice(inst, data),
            Op::AddSlice(_) => self.add_slice(data),
            Op::Push => self.push(data),
            Op::Pop => self.pop(data),
            Op::Reshape => self.reshape(data),
            Op::Reduce(op) => self.reduce(inst, *op, data),
            Op::Dot => self.dot(data),
            Op::MatMul { transpose_a, transpose_b } => self.matmul(*transpose_a, *transpose_b, data),
            Op::MatVec { transpose } => self.matvec(*transpose, data),
            Op::Outer => self.outer(data),
            Op::Map => self.map(inst, data),
            Op::Build => self.build(inst, data),
            Op::NodeNew { node, case } => self.node_new(*node, *case, data),
            Op::NodeGet { case, field } => self.node_get(region, *case, *field, data),
            Op::AddTangent => self.add_tangent(data),
            Op::If | Op::Switch => self.branches(inst, data),
            Op::For => self.counted(inst, data),
            Op::While => self.uncounted(inst, data),
            Op::Call(callee) => self.call(inst, *callee, data),
            Op::Host(HostFn::Foreign) => self.foreign(data),
            Op::Retain | Op::Release | Op::Unshare => panic!("ownership comes after differentiation"),
            // Nothing passes through these, so their results are not varied and have no adjoint.
            Op::Const(_) | Op::Undef | Op::Compare(_) | Op::StopGrad | Op::Dim(_) | Op::SortPermutation => {}
            Op::NodeTag | Op::ZerosLike | Op::Concat | Op::Format(_) | Op::Check(_) | Op::Trap | Op::Host(_) => {}
        }
    }

    // ---- adjoints ----

    pub fn is_active(&self, v: Value) -> bool {
        self.active.is_active(v)
    }

    pub fn adjoint(&self, v: Value) -> Option<Value> {
        self.adj.get(&v).copied()
    }

    /// Takes the adjoint of the result of an instruction: it is complete, and nobody else will want it.
    pub fn take(&mut self, v: Value) -> Option<Value> {
        self.adj.remove(&v)
    }

    pub fn put(&mut self, v: Value, adjoint: Option<Value>) {
        match adjoint {
            Some(adjoint) => self.adj.insert(v, adjoint),
            None => self.adj.remove(&v),
        };
    }

    /// Replaces the adjoint of `v`, and names it.
    pub fn replace(&mut self, v: Value, adjoint: Value) {
        if let Some(name) = self.active.func().values[v].name.clone() {
            self.b.name(adjoint, &format!("{name}.adj"));
        }
        self.adj.insert(v, adjoint);
    }

    /// v̄ += c
    pub fn contribute(&mut self, v: Value, c: Value) {
        if !self.is_active(v) {
            return;
        }
        let sum = match self.adjoint(v) {
            Some(sum) => self.sum(sum, c),
            None => c,
        };
        self.replace(v, sum);
    }

    pub fn sum(&mut self, a: Value, c: Value) -> Value {
        if self.b.ty(a).is_float() { self.b.add(a, c) } else { self.b.add_tangent(a, c) }
    }

    /// The adjoint of `v`, a zero if there is none yet.
    pub fn materialize(&mut self, v: Value) -> Value {
        match self.adjoint(v) {
            Some(adjoint) => adjoint,
            None => self.zeros(v),
        }
    }

    /// A zero tangent of the shape of `v`.
    pub fn zeros(&mut self, v: Value) -> Value {
        let ty = self.active.func().value_type(v);
        if ty.is_float() {
            return self.b.float(0.0, ty);
        }
        if ty.is_array() && ty.element().is_float() {
            let zero = self.b.float(0.0, ty.element());
            let dims = self.dims(v);
            return self.b.fill(zero, &dims);
        }
        let tangent = self.cx.tangent(ty);
        let v = self.value(v);
        self.b.zeros_like(v, tangent)
    }

    pub fn tangent_type(&mut self, v: Value) -> Type {
        self.cx.tangent(self.active.func().value_type(v))
    }

    // ---- the primal ----

    /// An item of the primal; on paper this is what records the need for it.
    pub fn item(&mut self, item: Item) -> Value {
        if let Some(unknown) = self.unknown_yet(item) {
            return unknown;
        }
        if let Stage::Record(recorders) = &mut self.stage {
            let recorder = recorders.last_mut().expect("a root region");
            recorder.needs.insert(item);
            return self.b.undef(item.ty(&self.active.primal));
        }
        *self.env.get(&item).unwrap_or_else(|| panic!("{item:?} was not planned for"))
    }

    pub fn value(&mut self, v: Value) -> Value {
        self.item(Item::Value(v))
    }

    pub fn values(&mut self, values: &[Value]) -> Vec<Value> {
        values.iter().map(|v| self.value(*v)).collect()
    }

    /// The size of one axis of the primal array `v`.
    pub fn dim(&mut self, v: Value, axis: usize) -> Value {
        match size_source(&self.active.primal, v, axis) {
            SizeSource::Number(n) => self.b.i64(n),
            SizeSource::Value(size) => self.value(size),
            SizeSource::Axis(source, axis) => self.item(Item::Dim(source, axis)),
        }
    }

    pub fn dims(&mut self, v: Value) -> Vec<Value> {
        (0..self.active.func().value_type(v).rank()).map(|axis| self.dim(v, axis)).collect()
    }

    pub fn bind(&mut self, item: Item, value: Value) {
        self.env.insert(item, value);
    }

    pub fn bind_bundle(&mut self, inst: Inst, bundle: Vec<Value>) {
        self.bundles.insert(inst, bundle);
    }

    pub fn bundle(&self, inst: Inst) -> &[Value] {
        self.bundles.get(&inst).map_or(&[], |values| values)
    }

    /// The heights of the stacks, where these go through the instruction.
    pub(super) fn heights_through(&self, inst: Inst) -> Vec<Value> {
        match &self.stage {
            Stage::Emit(plans) if plans.last().is_some_and(|plan| plan.threaded.contains(&inst)) => {
                self.heights.clone()
            }
            Stage::Emit(_) | Stage::Record(_) => Vec::new(),
        }
    }

    pub fn is_paper(&self) -> bool {
        matches!(self.stage, Stage::Record(_))
    }

    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        match &mut self.stage {
            Stage::Record(recorders) => recorders.last_mut(),
            Stage::Emit(_) => None,
        }
    }

    pub fn plan(&self) -> Rc<Plan> {
        match &self.stage {
            Stage::Emit(plans) => plans.last().expect("a root region").clone(),
            Stage::Record(_) => panic!("the plan is being made"),
        }
    }

    /// At the beginning of the sweep of a region: takes the slots of its tape, and recomputes what is to be recomputed.
    pub fn enter(&mut self, region: Region, slots: Vec<Value>) {
        let plan = self.plan();
        for (slot, value) in plan.layout(region).iter().zip(slots) {
            match slot.source {
                Source::Item(item) => self.bind(item, value),
                Source::Bundle(inst, _) => self.bundles.entry(inst).or_default().push(value),
            }
        }
        let active = self.active.clone();
        for &item in plan.recompute.get(&region).into_iter().flatten() {
            self.recompute(&active, item);
        }
    }

    fn recompute(&mut self, active: &Active, item: Item) {
        let v = item.base(&active.primal);
        match item {
            Item::Dim(_, axis) => {
                let array = self.value(v);
                let dim = self.b.dim(array, axis as usize);
                self.bind(item, dim);
            }
            Item::Value(_) | Item::Winner(_) | Item::Replaced(_) | Item::ReplacedDim(..) => {
                let inst = active.primal.producer(v).expect("parameters are not recomputed");
                let args = self.values(&active.func().insts[inst].args);
                let copy = repeat(&mut self.b, active, inst, &args);
                self.bind(item, copy);
            }
        }
    }

    /// Forgets the tape of the regions of an instruction, before another run of them.
    pub fn forget_bundles(&mut self, region: Region) {
        let active = self.active.clone();
        for inst in &active.func().regions[region].insts {
            self.bundles.remove(inst);
        }
    }

    // ---- roots within roots ----

    /// Begins the sweep of a body that runs again first: `bindings` are its parameters.
    pub fn begin_inline(&mut self, inst: Inst, bindings: &[(Value, Value)]) {
        match &mut self.stage {
            Stage::Record(recorders) => recorders.push(Recorder::new()),
            Stage::Emit(plans) => {
                let plan = plans.last().expect("a root region").inline[&inst].clone();
                plans.push(plan.clone());
                self.run_again(&plan, bindings);
            }
        }
    }

    pub fn end_inline(&mut self, inst: Inst) {
        match &mut self.stage {
            Stage::Record(recorders) => {
                let recorder = recorders.pop().expect("a root region");
                let root = self.active.func().insts[inst].regions[0];
                let mut plan = Plan::decide(&self.active, root, Setting::Direct, recorder);
                slice(&self.active, &mut plan);
                self.need_for_inline(inst, &plan);
                self.recorder().expect("on paper").inline.insert(inst, Rc::new(plan));
            }
            Stage::Emit(plans) => {
                plans.pop();
            }
        }
    }

    /// What the inner root needs from outside is a need of the outer one; elements come from their arrays.
    fn need_for_inline(&mut self, inst: Inst, plan: &Plan) {
        let active = self.active.clone();
        let data = &active.func().insts[inst];
        plan.outside.iter().for_each(|item| {
            self.item(*item);
        });
        if data.op == Op::Map {
            let params = &active.func().regions[plan.root].params;
            let read = params.iter().zip(&data.args).filter(|(param, _)| plan.params.contains(param));
            read.for_each(|(_, array)| {
                self.value(*array);
            });
        }
    }

    fn run_again(&mut self, plan: &Plan, bindings: &[(Value, Value)]) {
        let active = self.active.clone();
        let mut copies = Copies::of(active.func());
        for item in &plan.outside {
            if let Item::Value(v) = item {
                copies.set(*v, self.env[item]);
            }
        }
        for (v, copy) in bindings {
            copies.set(*v, *copy);
            self.bind(Item::Value(*v), *copy);
        }
        let mut augment = Augment::new(&mut self.b, &active, plan);
        augment.copies = copies;
        augment.slice();
        let direct: Vec<(Item, Value)> = plan.direct_items().map(|item| (item, augment.item(item))).collect();
        let bundles = augment.bundles;
        self.env.extend(direct);
        self.bundles.extend(bundles);
    }

    // ---- scalars ----

    fn scalar(&mut self, inst: Inst, data: &InstData) {
        let z = data.results[0];
        let Some(z_adj) = self.take(z) else { return };
        for (k, x) in data.args.iter().enumerate() {
            if self.is_active(*x)
                && let Some(p) = partial(&data.op, k, &mut At { sweep: self, inst })
            {
                let c = Partial::apply(p, &mut self.b, z_adj);
                self.contribute(*x, c);
            }
        }
    }

    /// Conversion between floats.
    ///   primal:  z = x as f32
    ///   tangent: ż = ẋ as f32
    ///   adjoint: x̄ += z̄ as f64
    ///   needs:   nothing
    ///   kink:    the rounding is not seen
    fn convert(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let from = self.active.func().value_type(data.args[0]).as_scalar().unwrap_or(Scalar::F64);
        let c = self.b.convert(z_adj, from);
        self.contribute(data.args[0], c);
    }
}

/// An instruction as the point at which a rule linearizes it.
struct At<'s, 'c, 'm, 'f> {
    sweep: &'s mut Sweep<'c, 'm, 'f>,
    inst: Inst,
}

impl At<'_, '_, '_, '_> {
    fn arg(&self, k: usize) -> Value {
        self.sweep.active.func().insts[self.inst].args[k]
    }
}

impl<'f> Point<'f> for At<'_, '_, '_, 'f> {
    fn builder(&mut self) -> &mut Builder<'f> {
        &mut self.sweep.b
    }

    fn operand(&mut self, k: usize) -> Value {
        let arg = self.arg(k);
        self.sweep.value(arg)
    }

    fn result(&mut self) -> Value {
        let result = self.sweep.active.func().insts[self.inst].results[0];
        self.sweep.value(result)
    }

    fn constant(&self, k: usize) -> Option<f64> {
        self.sweep.active.primal.constant(self.arg(k))
    }

    fn is_of_one(&self) -> bool {
        self.arg(0) == self.arg(1)
    }

    fn ty(&self) -> Type {
        let func = self.sweep.active.func();
        func.value_type(func.insts[self.inst].results[0])
    }

    /// Keeping a number costs less than a function of it.
    fn beside(&mut self, op: UnaryOp) -> Option<Value> {
        let primal = self.sweep.active.primal.clone();
        let here = primal.structure.home(primal.func.insts[self.inst].results[0]);
        let v = primal.beside(here, op, self.arg(0))?;
        Some(self.sweep.value(v))
    }
}
