//! Instances of a code for the known functions that it is given.
//!
//! A function with parameters of function type has an instance for each shape of its arguments: the known functions among
//! them are called directly, and their captures are parameters. Where it gives functions that are known at the end of its
//! body, the caller gets their captures and knows the code: `compose(f, g)` makes nothing. To learn that, the body
//! is written before the call is; a call of a body that is still being written gets nodes.
//!
//! The *general* instance takes and gives nodes only; it is what a case of a node type calls.

use super::Cx;
use super::body::{BodyJob, BodyParam, Flat, FnLower, lower_body};
use super::callable::{Callable, Code, CodeId, Shape};
use dprog_ir::module::NodeKind;
use dprog_ir::{FuncId, Type, Value};
use std::rc::Rc;

/// Instances of one code, by feeling: more than programs need, few enough to be compiled.
const MAX_VARIANTS: usize = 64;

/// Bodies being written within each other.
const MAX_OPEN: usize = 16;

/// Which instance.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct VariantKey {
    pub code: CodeId,
    /// Of the leaves of the arguments. Empty if nothing is known.
    pub args: Shape,
    /// Functions may be given as what they have captured.
    gives_known: bool,
}

/// An instance.
#[derive(Clone)]
pub(super) struct Variant {
    pub func: FuncId,
    /// Of the leaves of the result; empty if nothing is known.
    pub results: Rc<Shape>,
    /// The body is being written, and somebody has called it meanwhile.
    open: bool,
    called: bool,
}

impl<'p> Cx<'p> {
    /// The instance that takes and gives nodes only.
    pub fn general(&mut self, code: CodeId) -> FuncId {
        self.variant(VariantKey { code, args: Shape::new(), gives_known: false }).func
    }

    /// The instance for arguments of a shape; gives functions as nodes.
    pub fn for_args(&mut self, code: CodeId, args: &Shape) -> FuncId {
        let args = self.usable(code, args);
        self.variant(VariantKey { code, args, gives_known: false }).func
    }

    /// The part of a shape of arguments that a code has an instance for: nothing of `inout` parameters, which come back,
    /// and of those that a derivative is taken by.
    pub fn usable(&mut self, code: CodeId, args: &Shape) -> Shape {
        if args.iter().all(Option::is_none) {
            return Shape::new();
        }
        let allowed = self.specialised_leaves(code);
        let mut allowed = allowed.into_iter().chain(std::iter::repeat(false));
        let usable: Shape = args.iter().map(|known| known.filter(|_| allowed.next() == Some(true))).collect();
        if usable.iter().all(Option::is_none) { Shape::new() } else { usable }
    }

    /// For each leaf of the parameters whether a known function there makes an instance.
    fn specialised_leaves(&mut self, code: CodeId) -> Vec<bool> {
        match self.codes[code].code.clone() {
            Code::Made(_) | Code::Default(..) | Code::Const(_) => Vec::new(),
            Code::Fn(..) | Code::Closure(..) => self.leaves_where(code, |_| true),
            Code::Derivative(_, inner, wrt) => {
                let own = self.leaves_where(inner, |i| !wrt.contains(&i));
                let inner = self.specialised_leaves(inner);
                own.into_iter().zip(inner).map(|(a, b)| a && b).collect()
            }
        }
    }

    fn leaves_where(&mut self, code: CodeId, wanted: impl Fn(usize) -> bool) -> Vec<bool> {
        let params = self.codes[code].params.clone();
        let each = params.iter().enumerate();
        each.flat_map(|(i, p)| vec![!p.inout && wanted(i); self.leaf_count(&p.ty)]).collect()
    }

    /// The instance for a call.
    fn for_call(&mut self, code: CodeId, args: &Shape) -> (Shape, Variant) {
        let args = self.usable(code, args);
        let result = self.codes[code].result.clone();
        let gives_known = self.types(&result).into_iter().any(|ty| self.is_function(ty));
        let key = VariantKey { code, args, gives_known };
        if let Some(variant) = self.variants.get_mut(&key) {
            variant.called |= variant.open;
            return (key.args, variant.clone());
        }
        let many = self.codes[code].variants > MAX_VARIANTS;
        let args = if many { Shape::new() } else { key.args };
        let key = VariantKey { code, args, gives_known: gives_known && !many && self.open_bodies < MAX_OPEN };
        let variant = self.variant(key.clone());
        (key.args, variant)
    }

    fn is_function(&self, ty: Type) -> bool {
        ty.as_node().is_some_and(|node| self.module.nodes[node].kind == NodeKind::Closure)
    }

    fn variant(&mut self, key: VariantKey) -> Variant {
        if let Some(variant) = self.variants.get_mut(&key) {
            variant.called |= variant.open;
            return variant.clone();
        }
        self.codes[key.code].variants += 1;
        match self.codes[key.code].code.clone() {
            Code::Made(func) => self.finished(key, func, Shape::new()),
            Code::Derivative(op, inner, wrt) => self.derivative_variant(key, op, inner, &wrt),
            Code::Fn(id, args) => {
                let job = self.fn_job(id, &args, &key.args);
                self.written(key, job)
            }
            Code::Closure(_, _, captured) => {
                let job = self.closure_job(key.code, &captured, &key.args);
                self.written(key, job)
            }
            Code::Default(id, args, index) => {
                let job = self.default_job(id, &args, index);
                self.written(key, job)
            }
            Code::Const(id) => {
                let job = self.const_job(id);
                self.written(key, job)
            }
        }
    }

    pub fn finished(&mut self, key: VariantKey, func: FuncId, results: Shape) -> Variant {
        let variant = Variant { func, results: Rc::new(results), open: false, called: false };
        self.variants.insert(key, variant.clone());
        variant
    }

    /// Writes the body, now if that says more about the result.
    fn written(&mut self, key: VariantKey, job: BodyJob<'p>) -> Variant {
        let func = job.func;
        if !key.gives_known {
            self.queue.push_back(job);
            return self.finished(key, func, Shape::new());
        }
        self.opened(&key, func);
        let span = self.span;
        let results = lower_body(self, job, Some(&key));
        self.span = span;
        self.closed(key, func, results)
    }

    /// From now on the body of an instance is being written.
    pub fn opened(&mut self, key: &VariantKey, func: FuncId) {
        self.open_bodies += 1;
        let variant = Variant { func, results: Rc::default(), open: true, called: false };
        self.variants.insert(key.clone(), variant);
    }

    pub fn closed(&mut self, key: VariantKey, func: FuncId, results: Shape) -> Variant {
        self.open_bodies -= 1;
        self.finished(key, func, results)
    }

    /// Whether the results may still be given in another way than declared.
    fn may_reshape(&self, key: &VariantKey) -> bool {
        key.gives_known && self.variants.get(key).is_none_or(|v| !v.called)
    }

    /// Types of the leaves of parameters.
    pub fn param_leaves(&mut self, params: &[BodyParam<'p>]) -> Vec<Type> {
        let mut all = Vec::new();
        for param in params {
            let leaves = self.types(&param.ty);
            all.extend(self.shaped(&leaves, &param.shape));
        }
        all
    }
}

impl<'p> FnLower<'_, 'p> {
    /// Calls with leaves.
    pub fn call_flat(&mut self, callable: &Callable, args: &[Value]) -> Flat {
        let (shape, variant) = self.cx.for_call(callable.code, &self.shape(args));
        let args = self.take_apart(args, &shape);
        let results = self.call_func(variant.func, &[&callable.prefix[..], &args].concat());
        if variant.results.is_empty() {
            return results;
        }
        let (mut flat, ends) = self.put_together(variant.results.len(), &variant.results, &results);
        flat.extend(ends);
        flat
    }

    /// Ends the body with its results: `count` leaves of the value, then the ends of `inout` parameters.
    pub fn finish(mut self, results: &[Value], count: usize, key: Option<&VariantKey>) -> Shape {
        let shape = self.shape(&results[..count.min(results.len())]);
        if shape.iter().all(Option::is_none) || !key.is_some_and(|key| self.cx.may_reshape(key)) {
            self.close_body(results);
            return Shape::new();
        }
        let results = self.take_apart(results, &shape);
        self.b.func.results = results.iter().map(|v| self.b.ty(*v)).collect();
        self.close_body(&results);
        shape
    }
}
