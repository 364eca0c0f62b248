//! `grad(f)` and the like: a wrapper around a request for a derivative of the function that `f` is.
//!
//! The request marks leaves: of the parameters in `wrt` those that have a tangent, of the results the objective, or all that
//! have a tangent. Its tangents and adjoints come in the order of the parameters; the language's in the order of `wrt`. A
//! wrapper takes what `f` captures in front, never differentiated by `wrt` (but by a derivative around it). Since wrappers
//! are functions like others, `grad(grad(f))` is a request for a derivative of a wrapper.

use super::Cx;
use super::Generated;
use super::body::{Flat, FnLower, generate_variant};
use super::callable::{Callable, Code, CodeData, CodeId, Shape};
use super::variant::{Variant, VariantKey};
use crate::typed::{DiffOp, Differential, FnParamTy, Ty};
use dprog_ir::module::NodeKind;
use dprog_ir::{Derivative, DerivativeMode, FuncId, SrcLoc, Type, Value};

/// A function to be differentiated, by some of its parameters.
#[derive(Clone)]
pub(super) struct Objective {
    pub func: FuncId,
    pub name: String,
    /// Leaves in front of those of the first parameter.
    pub prefix: usize,
    /// For each parameter its type and for each of its leaves whether it has a tangent.
    params: Vec<(Ty, Vec<bool>)>,
    wrt: Vec<usize>,
    /// For each leaf of the results whether it has a tangent.
    active_results: Vec<bool>,
}

impl<'p> Cx<'p> {
    /// The wrapper for arguments of a shape.
    pub fn derivative_variant(&mut self, key: VariantKey, op: DiffOp, inner: CodeId, wrt: &[usize]) -> Variant {
        let of = self.objective(inner, &key.args, wrt);
        let (params, result) = (self.codes[key.code].params.clone(), self.codes[key.code].result.clone());
        let mut types = self.codes[inner].prefix.clone();
        let mut leaves = Vec::new();
        let mut results = self.types(&result);
        for param in &params {
            let own = self.types(&param.ty);
            results.extend(own.iter().filter(|_| param.inout));
            leaves.extend(own);
        }
        types.extend(self.shaped(&leaves, &key.args));
        let name = format!("{}.{}", of.name, operator_name(op));
        let func = self.declare(&name, types, results, SrcLoc::NONE);
        let count = self.leaf_count(&result);
        self.opened(&key, func);
        let span = self.span;
        let body = |s: &mut FnLower<'_, 'p>, values: &[Value]| s.wrapper_body(op, &of, values, &result);
        let results = generate_variant(self, func, count, Some(&key), body);
        self.span = span;
        self.closed(key, func, results)
    }

    /// The instance of a code for arguments of a shape, to be differentiated.
    fn objective(&mut self, code: CodeId, args: &Shape, wrt: &[usize]) -> Objective {
        let func = self.for_args(code, args);
        let data = &self.codes[code];
        let (own, result, prefix) = (data.params.clone(), data.result.clone(), data.prefix.len());
        let mut rest = args.iter().copied().chain(std::iter::repeat(None));
        let mut params = Vec::new();
        let mut active_results = self.active_leaves(&result);
        for param in &own {
            let leaves = self.active_leaves(&param.ty);
            active_results.extend(leaves.iter().filter(|_| param.inout));
            let mut expanded = Vec::new();
            for active in leaves {
                match rest.next().flatten() {
                    Some(known) => expanded.extend(vec![false; self.codes[known].prefix.len()]),
                    None => expanded.push(active),
                }
            }
            params.push((param.ty.clone(), expanded));
        }
        let name = self.module.funcs[func].name.to_string();
        Objective { func, name, prefix, params, wrt: wrt.to_vec(), active_results }
    }

    fn active_leaves(&mut self, ty: &Ty) -> Vec<bool> {
        self.tangent_leaves(ty).iter().map(Option::is_some).collect()
    }
}

impl<'p> FnLower<'_, 'p> {
    /// `grad(f)` of a function that is known or not.
    pub fn differential_callable(&mut self, d: &'p Differential, params: &[FnParamTy], result: &Ty) -> Callable {
        let inner = self.callable(&d.of);
        let inner = self.shallow(inner);
        let code = Code::Derivative(d.op, inner.code, d.wrt.clone());
        let code = self.cx.code(code, |cx, code| {
            let CodeData { prefix, depth, .. } = &cx.codes[inner.code];
            let (prefix, depth) = (prefix.clone(), depth + 1);
            CodeData { depth, ..CodeData::new(code, prefix, params.to_vec(), result.clone()) }
        });
        Callable { code, prefix: inner.prefix }
    }

    fn wrapper_body(&mut self, op: DiffOp, of: &Objective, values: &[Value], result: &Ty) -> Flat {
        let (primal, extra) = values.split_at(of.leaf_count());
        match op {
            DiffOp::Grad => {
                let (value, gradient) = self.gradient(of, primal);
                let mut all = [gradient, value[1..].to_vec()].concat();
                all.truncate(self.cx.leaf_count(result));
                all
            }
            DiffOp::ValueAndGrad => {
                let (value, gradient) = self.gradient(of, primal);
                [value, gradient].concat()
            }
            DiffOp::Vjp => {
                let (value, gradient) = self.vjp(of, primal, extra, &of.active_results);
                [value, gradient].concat()
            }
            DiffOp::Jvp => {
                let (value, tangent) = self.jvp(of, primal, extra, &of.active_results);
                [value, tangent].concat()
            }
            DiffOp::Pullback => self.pullback(of, primal, result),
            DiffOp::GradInto => self.gradient_into(of, primal, extra),
            DiffOp::Hvp => {
                let gradient = self.gradient_objective(of);
                let outs = gradient.first_results(of.tangent_count());
                self.jvp(&gradient, primal, extra, &outs).1
            }
            DiffOp::Jacobian => self.jacobian(of, primal, result),
            DiffOp::Hessian => self.hessian(of, primal),
            DiffOp::HessianDiag => self.hessian_diag(of, primal),
        }
    }

    // ---- requests ----

    fn request(&mut self, mode: DerivativeMode, of: &Objective, outs: &[bool]) -> FuncId {
        let wrt = of.mask();
        let key = Generated::Wrapper(format!("{mode:?} {:?} {wrt:?} {outs:?}", of.func));
        if let Some(func) = self.cx.generated.get(&key) {
            return *func;
        }
        let suffix = match mode {
            DerivativeMode::Jvp => "jvp",
            DerivativeMode::Vjp => "vjp",
            DerivativeMode::VjpInto => "vjp_into",
            DerivativeMode::Augmented { .. } => "aug",
            DerivativeMode::Reverse { .. } => "rev",
        };
        let name = self.cx.unique_name(&format!("{}.{suffix}", of.name));
        let request = Derivative { mode, primal: of.func, wrt, outs: outs.to_vec() };
        let func = self.cx.module.add_derivative(name, request);
        self.cx.generated.insert(key, func);
        func
    }

    /// The first result and nothing else.
    fn objective_only(&self, of: &Objective) -> Vec<bool> {
        of.first_results(1)
    }

    /// The value, and the gradient of its first leaf in the order of `wrt`.
    pub fn gradient(&mut self, of: &Objective, primal: &[Value]) -> (Flat, Flat) {
        let outs = self.objective_only(of);
        let seed = self.one_for(of);
        self.vjp(of, primal, &[seed], &outs)
    }

    /// The seed of a scalar objective.
    fn one_for(&mut self, of: &Objective) -> Value {
        let ty = self.cx.result_types(of.func)[0];
        self.b.float(1.0, ty)
    }

    pub fn vjp(&mut self, of: &Objective, primal: &[Value], seeds: &[Value], outs: &[bool]) -> (Flat, Flat) {
        let func = self.request(DerivativeMode::Vjp, of, outs);
        let mut value = self.call_func(func, &[primal, seeds].concat());
        let adjoints = value.split_off(outs.len());
        (value, of.in_order_of_wrt(&adjoints))
    }

    /// `tangents` in the order of `wrt`.
    pub fn jvp(&mut self, of: &Objective, primal: &[Value], tangents: &[Value], outs: &[bool]) -> (Flat, Flat) {
        let func = self.request(DerivativeMode::Jvp, of, outs);
        let tangents = of.in_order_of_params(tangents);
        let mut value = self.call_func(func, &[primal, &tangents].concat());
        let tangent = value.split_off(outs.len());
        (value, tangent)
    }

    fn gradient_into(&mut self, of: &Objective, primal: &[Value], accumulators: &[Value]) -> Flat {
        let outs = self.objective_only(of);
        let func = self.request(DerivativeMode::VjpInto, of, &outs);
        let seed = self.one_for(of);
        let accumulators = of.in_order_of_params(accumulators);
        let mut value = self.call_func(func, &[primal, &[seed], &accumulators].concat());
        let sums = value.split_off(outs.len());
        [value, of.in_order_of_wrt(&sums)].concat()
    }

    /// The value, and a closure over the tape.
    fn pullback(&mut self, of: &Objective, primal: &[Value], result: &Ty) -> Flat {
        let Some(Ty::Fn(params, gradient)) = (if let Ty::Tuple(parts) = result { parts.last() } else { None }) else {
            panic!("a pullback gives {result:?}")
        };
        let outs = of.active_results.clone();
        let tape = self.tape(of);
        let augmented = self.request(DerivativeMode::Augmented { tape }, of, &outs);
        let reverse = self.request(DerivativeMode::Reverse { tape }, of, &outs);
        let code = self.reordered_reverse(of, reverse);
        let mut value = self.call_func(augmented, primal);
        let tape = value.pop().expect("the tape is the last result");
        let result = (**gradient).clone();
        let back = Callable { code: self.cx.made(code, 1, params, &result), prefix: vec![tape] };
        let back = self.value_of(back);
        value.push(back);
        value
    }

    fn tape(&mut self, of: &Objective) -> dprog_ir::NodeId {
        let name = self.cx.unique_name(&format!("{}.tape", of.name));
        self.cx.module.add_node(name, NodeKind::Tape, Vec::new())
    }

    /// The reverse sweep with adjoints in the order of `wrt`.
    fn reordered_reverse(&mut self, of: &Objective, reverse: FuncId) -> FuncId {
        if of.wrt.is_sorted() {
            return reverse;
        }
        let (params, results) = (self.cx.param_types(reverse), self.cx.result_types(reverse));
        let positions: Vec<usize> = (0..results.len()).collect();
        let types = of.in_order_of_wrt(&positions).into_iter().map(|i| results[i]).collect();
        let func = self.cx.declare(&format!("{}.back", of.name), params, types, SrcLoc::NONE);
        let of = of.clone();
        self.generate(func, |s, values| {
            let adjoints = s.call_func(reverse, values);
            of.in_order_of_wrt(&adjoints)
        });
        func
    }

    /// The gradient as a function to be differentiated once more, by the same parameters.
    pub fn gradient_objective(&mut self, of: &Objective) -> Objective {
        let tangents = self.tangent_types(of);
        let key = Generated::Wrapper(format!("gradient of {:?} {:?}", of.func, of.wrt));
        let func = match self.cx.generated.get(&key) {
            Some(func) => *func,
            None => {
                let params = self.cx.param_types(of.func);
                let func = self.cx.declare(&format!("{}.gradient", of.name), params, tangents.clone(), SrcLoc::NONE);
                self.cx.generated.insert(key, func);
                let of = of.clone();
                self.generate(func, |s, values| s.gradient(&of, values).1);
                func
            }
        };
        let name = self.cx.module.funcs[func].name.to_string();
        Objective { func, name, active_results: vec![true; tangents.len()], ..of.clone() }
    }

    /// Types of the gradient's leaves, in the order of `wrt`.
    fn tangent_types(&mut self, of: &Objective) -> Vec<Type> {
        of.wrt.iter().flat_map(|i| self.cx.tangent_leaves(&of.params[*i].0).into_iter().flatten()).collect()
    }
}

impl Objective {
    /// All parameters of the function.
    fn leaf_count(&self) -> usize {
        self.prefix + self.params.iter().map(|(_, leaves)| leaves.len()).sum::<usize>()
    }

    /// Leaves of the gradient.
    pub fn tangent_count(&self) -> usize {
        self.wrt.iter().map(|i| self.width(*i)).sum()
    }

    fn width(&self, param: usize) -> usize {
        self.params[param].1.iter().filter(|active| **active).count()
    }

    /// The marks of a request.
    fn mask(&self) -> Vec<bool> {
        let mut mask = vec![false; self.prefix];
        for (index, (_, leaves)) in self.params.iter().enumerate() {
            let wanted = self.wrt.contains(&index);
            mask.extend(leaves.iter().map(|active| *active && wanted));
        }
        mask
    }

    pub fn first_results(&self, count: usize) -> Vec<bool> {
        (0..self.active_results.len()).map(|i| i < count).collect()
    }

    /// Positions of the leaves of the parameters in `wrt` that are differentiated, in the order of `wrt`.
    pub fn positions(&self) -> Vec<usize> {
        let starts: Vec<usize> = self
            .params
            .iter()
            .scan(self.prefix, |at, (_, leaves)| {
                *at += leaves.len();
                Some(*at - leaves.len())
            })
            .collect();
        let of_param = |i: &usize| {
            let start = starts[*i];
            let leaves = self.params[*i].1.iter().enumerate();
            leaves.filter(|(_, active)| **active).map(move |(k, _)| start + k).collect::<Vec<_>>()
        };
        self.wrt.iter().flat_map(of_param).collect()
    }

    /// What stands in the order of the parameters, in that of `wrt`.
    fn in_order_of_wrt<T: Copy>(&self, adjoints: &[T]) -> Vec<T> {
        let mut sorted = self.positions();
        sorted.sort_unstable();
        let rank = |at: &usize| sorted.binary_search(at).expect("a position");
        self.positions().iter().map(|at| adjoints[rank(at)]).collect()
    }

    fn in_order_of_params(&self, tangents: &[Value]) -> Flat {
        let mut pairs: Vec<(usize, Value)> = self.positions().into_iter().zip(tangents.iter().copied()).collect();
        pairs.sort_unstable_by_key(|(at, _)| *at);
        pairs.into_iter().map(|(_, v)| v).collect()
    }

    /// The same function, by one of the parameters.
    pub fn by_one(&self, index: usize) -> Objective {
        Objective { wrt: vec![self.wrt[index]], ..self.clone() }
    }

    /// An element of the first result, which `func` gives, in the place of all results.
    pub fn element(&self, func: FuncId) -> Objective {
        Objective { func, active_results: vec![true], ..self.clone() }
    }

    pub fn wrt_count(&self) -> usize {
        self.wrt.len()
    }
}

fn operator_name(op: DiffOp) -> &'static str {
    match op {
        DiffOp::Grad => "grad",
        DiffOp::ValueAndGrad => "value_and_grad",
        DiffOp::Vjp => "vjp_of",
        DiffOp::Jvp => "jvp_of",
        DiffOp::Pullback => "pullback",
        DiffOp::GradInto => "grad_into",
        DiffOp::Hvp => "hvp",
        DiffOp::Jacobian => "jacobian",
        DiffOp::Hessian => "hessian",
        DiffOp::HessianDiag => "hessian_diag",
    }
}
