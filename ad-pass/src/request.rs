//! Serving requests: in which order, and what body each mode gets.
//!
//! Innermost first: before a request is served, all requests that its primal reaches are, so that a primal is ordinary IR
//! when it is differentiated. That is all that derivatives of derivatives take. A primal that reaches its own request
//! would need derivatives without end, and is an error.

use crate::context::{Active, Context, Instance};
use crate::error::{AdError, Reason, Report};
use crate::reverse::stacks::begin;
use crate::reverse::told::Planned;
use crate::reverse::{self, Reverse, blank_like, define_tape, marked_of, reverse_of};
use crate::tangent;
use dprog_ir::{
    Body, Builder, CompareOp, Derivative, DerivativeMode, FuncId, Function, Module, NodeId, Op, SrcLoc, TrapCode, Type,
    Value,
};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// Replaces every request of the module by a body.
///
/// Gives besides what has been planned.
pub fn serve(module: &mut Module) -> Result<(Report, Vec<Planned>), Vec<AdError>> {
    declare_tangents(module);
    let all: Vec<FuncId> = module.funcs.keys().collect();
    let Some(first) = all.first() else { return Ok(Default::default()) };
    let cx = Context::new(module, *first);
    let mut server = Server { cx, states: FxHashMap::default(), stack: Vec::new() };
    all.into_iter().for_each(|f| server.visit(f, SrcLoc::NONE));
    let Context { errors, warnings, module, plans, .. } = server.cx;
    module.complete_tangents();
    if errors.is_empty() { Ok((Report { warnings }, plans)) } else { Err(errors) }
}

/// Gives every node type that may grow its tangent type, with the cases it has: while functions are written, the
/// tangent of every case must be known.
fn declare_tangents(module: &mut Module) {
    let nodes: Vec<NodeId> = module.nodes.keys().collect();
    for node in nodes {
        module.tangent_node(node);
    }
    module.complete_tangents();
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Done,
}

struct Server<'m> {
    cx: Context<'m>,
    states: FxHashMap<FuncId, State>,
    /// The functions on the way to the one being visited, each with the place of the call that led there.
    stack: Vec<(FuncId, SrcLoc)>,
}

impl Server<'_> {
    fn visit(&mut self, f: FuncId, from: SrcLoc) {
        match self.states.get(&f) {
            Some(State::Done) => return,
            Some(State::Open) => return self.reached_again(f, from),
            None => {}
        }
        self.states.insert(f, State::Open);
        self.stack.push((f, from));
        match self.cx.module.funcs[f].body.clone() {
            Body::Defined(_) => {
                calls(&self.cx.module.funcs[f]).into_iter().for_each(|(callee, loc)| self.visit(callee, loc));
            }
            Body::Derivative(derivative) => {
                self.visit(derivative.primal, self.cx.module.funcs[f].loc);
                // One request after another, for all errors at once; but none is served whose primal has no body.
                if !self.cx.errors.iter().any(|e| e.reason == Reason::OwnDerivative) {
                    self.serve_one(f, &derivative);
                }
            }
            Body::Pending => {}
        }
        self.stack.pop();
        self.states.insert(f, State::Done);
    }

    /// A cycle of calls is recursion; a cycle with a request in it never ends.
    fn reached_again(&mut self, f: FuncId, from: SrcLoc) {
        let start = self.stack.iter().position(|(g, _)| *g == f).expect("an open function is on the stack");
        let cycle = &self.stack[start..];
        let request = cycle.iter().find(|(g, _)| matches!(self.cx.module.funcs[*g].body, Body::Derivative(_)));
        if let Some((request, called)) = request {
            // The place that shows it is where the request is called, within the cycle.
            let (first, _) = cycle[0];
            self.cx.request = *request;
            let best = if *request == first { from } else { *called };
            let placed = [best, from].into_iter().chain(cycle.iter().rev().map(|(_, loc)| *loc));
            let loc = placed.into_iter().find(|loc| *loc != SrcLoc::NONE).unwrap_or(best);
            self.cx.error(loc, Reason::OwnDerivative);
        }
    }

    fn serve_one(&mut self, request: FuncId, derivative: &Derivative) {
        let cx = &mut self.cx;
        cx.request = request;
        let mut function = blank_like(&cx.module.funcs[request]);
        let Derivative { primal, wrt, outs, .. } = derivative.clone();
        let held = vec![true; wrt.len()];
        let instance = Instance { primal, wrt, outs, held };
        match derivative.mode {
            DerivativeMode::Jvp => tangent::jvp(cx, instance, &mut function),
            DerivativeMode::Vjp => reverse::vjp(cx, instance, &mut function, false),
            DerivativeMode::VjpInto => reverse::vjp(cx, instance, &mut function, true),
            DerivativeMode::Augmented { tape } => augmented(cx, instance, &mut function, tape),
            DerivativeMode::Reverse { tape } => reverse_request(cx, instance, &mut function, tape),
        }
        cx.module.funcs[request] = function;
    }
}

fn calls(func: &Function) -> Vec<(FuncId, SrcLoc)> {
    let entry = func.entry().expect("a defined function");
    let mut found = Vec::new();
    crate::analysis::structure::walk(func, entry, &mut |_, inst| {
        if let Op::Call(callee) = func.insts[inst].op {
            found.push((callee, func.insts[inst].loc));
        }
    });
    found
}

/// Primal and sweep in one body, by calls of the two halves.
pub fn vjp_by_halves(cx: &mut Context, active: &Rc<Active>, function: &mut Function, into: bool) {
    if let Some(joint) = reverse::joint::joint_of(cx, &active.instance) {
        return reverse::joint::vjp(cx, active, joint, function, into);
    }
    let halves = reverse_of(cx, active.instance.clone());
    let func = active.func();
    let (params, count) = (func.params.len(), active.instance.wrt.iter().filter(|wrt| **wrt).count());
    let adjoints = reverse::adjoint_types(cx, active);
    let seeds = active.instance.outs.iter().filter(|out| **out).count();
    let mut b = Builder::new(function);
    // The place of all this is that of the call.
    b.loc = SrcLoc::NONE;
    let primal: Vec<Value> = (0..params).map(|k| b.param(k)).collect();
    let (mut results, tape) = call_augmented(&mut b, active, &halves, &primal);
    let marked = marked_of(&primal, &active.instance.wrt);
    let outs = marked_of(&results, &active.instance.outs);
    let mut args = halves.with_heights(&mut b, tape);
    args.extend(halves.given.iter().map(|k| primal[*k]));
    for (k, out) in outs.iter().enumerate() {
        let seed = b.param(params + k);
        args.push(conform(&mut b, *out, seed));
    }
    let accumulators: Vec<Option<Value>> = (0..count).map(|k| into.then(|| b.param(params + seeds + k))).collect();
    for (k, x) in marked.iter().enumerate().filter(|(k, _)| halves.accumulated[*k]) {
        args.push(match accumulators[k] {
            Some(accumulator) => conform(&mut b, *x, accumulator),
            None if adjoints[k].is_float() => b.float(0.0, adjoints[k]),
            None => b.zeros_like(*x, adjoints[k]),
        });
    }
    let found = call_reverse(&mut b, &halves, &args, &adjoints);
    for (k, adjoint) in found.into_iter().enumerate() {
        let whole = match accumulators[k] {
            Some(accumulator) if !halves.accumulated[k] => add(&mut b, accumulator, adjoint),
            _ => adjoint,
        };
        results.push(whole);
    }
    b.finish(&results);
}

fn add(b: &mut Builder, x: Value, y: Value) -> Value {
    if b.ty(x).is_float() { b.add(x, y) } else { b.add_tangent(x, y) }
}

/// Results and tape.
fn call_augmented(b: &mut Builder, active: &Active, halves: &Reverse, params: &[Value]) -> (Vec<Value>, Vec<Value>) {
    let types = [active.func().results.as_slice(), halves.tape.as_slice()].concat();
    let stacks = begin(b, &halves.stacks);
    let mut results = b.call(halves.aug, &[params, &stacks].concat(), &types);
    let tape = results.split_off(active.func().results.len());
    (results, tape)
}

/// The adjoints.
fn call_reverse(b: &mut Builder, halves: &Reverse, args: &[Value], adjoints: &[Type]) -> Vec<Value> {
    let types = [adjoints, &vec![Type::I64; halves.stacks.len()]].concat();
    let mut results = b.call(halves.rev, args, &types);
    results.truncate(adjoints.len());
    results
}

/// A tangent or adjoint that was handed in from outside, made sure to have the shape of `x`: derivative code does not
/// test indices.
pub fn conform(b: &mut Builder, x: Value, t: Value) -> Value {
    let ty = b.ty(x);
    if ty.is_float() {
        return t;
    }
    if !(ty.is_array() && ty.element().is_float()) {
        let tangent = b.ty(t);
        let zero = b.zeros_like(x, tangent);
        return b.add_tangent(zero, t);
    }
    for axis in 0..ty.rank() {
        let (have, want) = (b.dim(t, axis), b.dim(x, axis));
        let equal = b.compare(CompareOp::Eq, have, want);
        b.check(TrapCode::Shape, equal, have, want);
    }
    t
}

/// What a pullback's tape holds, in order.
struct Packing {
    /// Types of the inner tape.
    inner: usize,
    given: Vec<usize>,
    /// For each marked array parameter how the sweep finds the shape of its accumulator.
    shapes: Vec<(usize, Shape)>,
}

enum Shape {
    /// It is given, at this place among the fields.
    Given(usize),
    /// Its sizes are in fields; those of a scalar are none.
    Dims,
    /// It is kept for this.
    Kept,
}

impl Packing {
    fn of(active: &Active, halves: &Reverse) -> Packing {
        let (inner, given) = (halves.tape.len(), halves.given.clone());
        let shape = |k: usize| {
            let ty = active.func().params[k];
            match given.iter().position(|g| *g == k) {
                Some(at) => Shape::Given(inner + at),
                None if ty.element().is_float() => Shape::Dims,
                None => Shape::Kept,
            }
        };
        let marked = (0..active.func().params.len()).filter(|k| active.instance.wrt[*k]);
        let handed_in = marked.zip(&halves.accumulated).filter(|(_, accumulated)| **accumulated);
        let shapes = handed_in.map(|(k, _)| (k, shape(k))).collect();
        Packing { inner, given, shapes }
    }

    fn types(&self, active: &Active, halves: &Reverse) -> Vec<Type> {
        let params = &active.func().params;
        let mut types = halves.tape.clone();
        types.extend(self.given.iter().map(|k| params[*k]));
        for (k, shape) in &self.shapes {
            match shape {
                Shape::Given(_) => {}
                Shape::Dims => types.extend(vec![Type::I64; params[*k].rank()]),
                Shape::Kept => types.push(params[*k]),
            }
        }
        types
    }
}

/// `(p…) -> (r…, tape)`
fn augmented(cx: &mut Context, instance: Instance, function: &mut Function, tape: NodeId) {
    let halves = reverse_of(cx, instance.clone());
    let active = cx.activate(instance);
    let packing = Packing::of(&active, &halves);
    if cx.module.nodes[tape].cases.is_empty() {
        let types = packing.types(&active, &halves);
        define_tape(cx, tape, &types);
    }
    let mut b = Builder::new(function);
    b.loc = SrcLoc::NONE;
    let params: Vec<Value> = (0..active.func().params.len()).map(|k| b.param(k)).collect();
    let (mut results, mut fields) = call_augmented(&mut b, &active, &halves, &params);
    fields.extend(packing.given.iter().map(|k| params[*k]));
    for (k, shape) in &packing.shapes {
        match shape {
            Shape::Given(_) => {}
            Shape::Dims => fields.extend(b.dims(params[*k])),
            Shape::Kept => fields.push(params[*k]),
        }
    }
    results.push(b.node_new(tape, 0, &fields));
    b.finish(&results);
}

/// `(tape, seed…) -> (adjoint…)`. The shapes of seeds cannot be compared with results that are gone; the front end hands
/// in seeds of the right sizes, or checks them.
fn reverse_request(cx: &mut Context, instance: Instance, function: &mut Function, tape: NodeId) {
    let halves = reverse_of(cx, instance.clone());
    let active = cx.activate(instance);
    let packing = Packing::of(&active, &halves);
    let types = packing.types(&active, &halves);
    if cx.module.nodes[tape].cases.is_empty() {
        define_tape(cx, tape, &types);
    }
    let adjoints = reverse::adjoint_types(cx, &active);
    let seeds = active.instance.outs.iter().filter(|out| **out).count();
    let mut b = Builder::new(function);
    b.loc = SrcLoc::NONE;
    let node = b.param(0);
    let fields: Vec<Value> = types.iter().enumerate().map(|(k, ty)| b.node_get(node, 0, k as u32, *ty)).collect();
    let mut args = halves.with_heights(&mut b, fields[..packing.inner].to_vec());
    args.extend(&fields[packing.inner..packing.inner + packing.given.len()]);
    args.extend((0..seeds).map(|k| b.param(1 + k)));
    let mut next = packing.inner + packing.given.len();
    for (k, shape) in &packing.shapes {
        let ty = active.func().params[*k];
        let tangent = cx.tangent(ty);
        args.push(match shape {
            _ if ty.is_float() => b.float(0.0, ty),
            Shape::Given(at) => b.zeros_like(fields[*at], tangent),
            Shape::Kept => {
                next += 1;
                b.zeros_like(fields[next - 1], tangent)
            }
            Shape::Dims => {
                let zero = b.float(0.0, ty.element());
                next += ty.rank();
                b.fill(zero, &fields[next - ty.rank()..next])
            }
        });
    }
    let results = call_reverse(&mut b, &halves, &args, &adjoints);
    b.finish(&results);
}
