//! Function values.
//!
//! All functions of one lowered signature that occur as values are the cases of one node type; the fields of a case are
//! what the function captures (sizes too). A call goes through `apply`, one function for each signature, which looks at
//! the case: defunctionalisation [Reynolds 1972]. Where the code behind a value is known when the call is written,
//! `apply` is left out.

use super::body::{Binder, BodyJob, Flat, FnLower};
use super::instance::Target;
use super::{Cx, Generated, body};
use crate::ast::Symbol;
use crate::check::Subst;
use crate::source::Span;
use crate::typed::{
    Arg, Builtin, CallArg, Closure, Expr, ExprKind, FnId, FnParamTy, FnRef, GenericId, Local, LocalId, Ty,
};
use dprog_ir::module::NodeKind;
use dprog_ir::{Arena, CaseDef, FieldDef, FuncId, NodeId, Type, Value};
use std::rc::Rc;

/// A lowered signature: leaves of the parameters with whether they are `inout`, and of the result.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Signature {
    params: Vec<(Vec<Type>, bool)>,
    result: Vec<Type>,
}

/// An index of a signature.
pub(super) type SignatureId = usize;

/// The functions of a signature.
pub(super) struct SignatureData {
    node: NodeId,
    apply: FuncId,
    /// The code of each case: takes the fields, then the parameters.
    cases: Vec<FuncId>,
}

/// A function that can be called: code, and what goes in front of the arguments.
#[derive(Clone)]
pub(super) struct Callable<'p> {
    pub func: FuncId,
    pub prefix: Flat,
    pub params: Vec<FnParamTy>,
    pub result: Ty,
    /// Where defaults of parameters are found.
    pub origin: Option<(FnId, Vec<Arg>)>,
    pub code: Code<'p>,
}

/// Where the text of a function is, if it has one that could be written in place of a call.
#[derive(Clone)]
pub(super) enum Code<'p> {
    None,
    Fn(FnId, Vec<Arg>),
    Closure(Rc<ClosureCode<'p>>),
}

/// A closure with the surroundings in which it was made.
pub(super) struct ClosureCode<'p> {
    pub closure: &'p Closure,
    pub captures: Vec<(LocalId, Ty, Flat)>,
    pub sizes: Vec<(GenericId, Value)>,
    pub subst: Rc<Subst>,
    pub args: Rc<[Arg]>,
    pub locals: Option<&'p Arena<LocalId, Local>>,
    pub display: Symbol,
}

/// A captured function whose code is known: instead of the value, what it has captured is captured.
#[derive(Clone)]
pub(super) struct KnownCapture {
    func: FuncId,
    pub prefix: Vec<Type>,
    params: Vec<FnParamTy>,
    result: Ty,
    origin: Option<(FnId, Vec<Arg>)>,
}

impl KnownCapture {
    fn of(callable: &Callable, prefix: Vec<Type>) -> KnownCapture {
        let Callable { func, params, result, origin, .. } = callable.clone();
        KnownCapture { func, prefix, params, result, origin }
    }

    /// The function again, from what it had captured.
    pub fn callable<'p>(&self, prefix: Flat) -> Callable<'p> {
        let KnownCapture { func, params, result, origin, .. } = self.clone();
        Callable { func, prefix, params, result, origin, code: Code::None }
    }
}

impl<'p> Cx<'p> {
    /// The type of function values.
    pub fn closure_type(&mut self, params: &[FnParamTy], result: &Ty) -> Type {
        let id = self.signature(params, result);
        Type::node(self.closures[id].node)
    }

    fn signature(&mut self, params: &[FnParamTy], result: &Ty) -> SignatureId {
        let params = params.iter().map(|p| (self.types(&p.ty), p.inout)).collect();
        let signature = Signature { params, result: self.types(result) };
        if let Some(id) = self.signatures.get(&signature) {
            return *id;
        }
        let id = self.closures.len();
        let node = self.module.add_node(format!("fn.{id}"), NodeKind::Closure, Vec::new());
        let own: Vec<Type> = signature.params.iter().flat_map(|(types, _)| types.clone()).collect();
        let inouts = signature.params.iter().filter(|(_, inout)| *inout).flat_map(|(types, _)| types.clone());
        let results = signature.result.iter().copied().chain(inouts).collect();
        let apply_params = [vec![Type::node(node)], own].concat();
        let apply = self.declare(&format!("fn.{id}.apply"), apply_params, results, dprog_ir::SrcLoc::NONE);
        self.closures.push(SignatureData { node, apply, cases: Vec::new() });
        self.signatures.insert(signature, id);
        id
    }

    /// The case of a function among those of its signature.
    fn case_of(&mut self, id: SignatureId, func: FuncId, captured: usize) -> u32 {
        if let Some(case) = self.closures[id].cases.iter().position(|f| *f == func) {
            return case as u32;
        }
        let code = &self.module.funcs[func];
        let fields = code.params[..captured].iter().enumerate();
        let fields = fields.map(|(i, ty)| FieldDef { name: i.to_string().into(), ty: *ty }).collect();
        let case = CaseDef { name: code.name.clone(), fields };
        let data = &mut self.closures[id];
        data.cases.push(func);
        self.module.nodes[data.node].cases.push(case);
        data.cases.len() as u32 - 1
    }

    /// Writes `apply` of every signature, now that all cases are known.
    pub fn write_applies(&mut self) {
        for id in 0..self.closures.len() {
            let SignatureData { node, apply, ref cases } = self.closures[id];
            let cases = cases.clone();
            body::generate(self, apply, |s, params| s.apply_body(node, &cases, params));
        }
    }
}

impl<'p> FnLower<'_, 'p> {
    fn apply_body(&mut self, node: NodeId, cases: &[FuncId], params: &[Value]) -> Flat {
        let results = self.b.func.results.clone();
        if cases.is_empty() {
            return self.undefs(&results);
        }
        let (closure, args) = (params[0], &params[1..]);
        let call = |s: &mut Self, case: usize| {
            let fields: Vec<Type> = s.cx.module.nodes[node].cases[case].fields.iter().map(|f| f.ty).collect();
            let captured = s.case_leaves(closure, case as u32, 0, &fields);
            s.b.call(cases[case], &[&captured[..], args].concat(), &results)
        };
        if cases.len() == 1 {
            return call(self, 0);
        }
        let tag = self.b.node_tag(closure);
        self.switch_cases(tag, cases.len(), &results, call)
    }

    /// A function as a value.
    pub fn function_value(&mut self, e: &'p Expr) -> Flat {
        let callable = self.callable(e);
        vec![self.value_of(callable)]
    }

    pub fn value_of(&mut self, callable: Callable<'p>) -> Value {
        let id = self.cx.signature(&callable.params, &callable.result);
        let case = self.cx.case_of(id, callable.func, callable.prefix.len());
        let node = self.cx.closures[id].node;
        let value = self.b.node_new(node, case, &callable.prefix);
        self.known.insert(value, Rc::new(callable));
        value
    }

    /// What an expression of function type calls.
    pub fn callable(&mut self, e: &'p Expr) -> Callable<'p> {
        let ty = self.ty(&e.ty).into_owned();
        let Ty::Fn(params, result) = &ty else { panic!("{ty:?} is no function type") };
        match &e.kind {
            ExprKind::FnRef(reference) => self.named_callable(reference, params, result),
            ExprKind::Closure(closure) => self.closure_callable(closure, e.span, params, result),
            ExprKind::Differential(d) => self.differential_callable(d, params, result),
            _ => {
                let value = self.expr(e)[0];
                self.value_callable(value, params, result)
            }
        }
    }

    pub fn value_callable(&mut self, value: Value, params: &[FnParamTy], result: &Ty) -> Callable<'p> {
        if let Some(known) = self.known.get(&value) {
            return (**known).clone();
        }
        let id = self.cx.signature(params, result);
        let func = self.cx.closures[id].apply;
        Callable {
            func,
            prefix: vec![value],
            params: params.to_vec(),
            result: result.clone(),
            origin: None,
            code: Code::None,
        }
    }

    fn named_callable(&mut self, reference: &FnRef, params: &[FnParamTy], result: &Ty) -> Callable<'p> {
        let (params, result) = (params.to_vec(), result.clone());
        match self.resolve(reference) {
            Target::Fn(id, args) => {
                let (func, prefix, args) = self.instance_of(id, &args);
                Callable { func, prefix, params, result, origin: Some((id, args.clone())), code: Code::Fn(id, args) }
            }
            Target::Builtin(which) => {
                let func = self.builtin_function(which, &params, &result);
                Callable { func, prefix: Vec::new(), params, result, origin: None, code: Code::None }
            }
            Target::Case { adt, args, case } => {
                let func = self.wrapper(&format!("case {adt:?} {case}"), &params, &result, |s, flat, result| {
                    let fields = flat.concat();
                    s.case_value(adt, &args, case, result, &fields)
                });
                Callable { func, prefix: Vec::new(), params, result, origin: None, code: Code::None }
            }
        }
    }

    fn builtin_function(&mut self, which: Builtin, params: &[FnParamTy], result: &Ty) -> FuncId {
        let types: Vec<Ty> = params.iter().map(|p| p.ty.clone()).collect();
        self.wrapper(&format!("{which:?}"), params, result, |s, flat, result| {
            let args: Vec<(Flat, Ty)> = flat.into_iter().zip(types).collect();
            s.builtin(which, &args, None, result)
        })
    }

    /// A function for what is none in the tree.
    fn wrapper(
        &mut self,
        what: &str,
        params: &[FnParamTy],
        result: &Ty,
        body: impl FnOnce(&mut FnLower<'_, 'p>, Vec<Flat>, &Ty) -> Flat,
    ) -> FuncId {
        let leaves: Vec<Vec<Type>> = params.iter().map(|p| self.cx.types(&p.ty)).collect();
        let results = self.cx.types(result);
        let key = Generated::Wrapper(format!("{what} {leaves:?} {results:?}"));
        if let Some(func) = self.cx.generated.get(&key) {
            return *func;
        }
        let name = what.to_lowercase().replace(['(', ')', ' '], ".");
        let func = self.cx.declare(name.trim_end_matches('.'), leaves.concat(), results, self.b.loc);
        self.cx.generated.insert(key, func);
        self.generate(func, |s, values| {
            let mut rest = values;
            let mut split = |types: &Vec<Type>| {
                let (flat, others) = rest.split_at(types.len());
                rest = others;
                flat.to_vec()
            };
            let flats = leaves.iter().map(&mut split).collect();
            body(s, flats, result)
        });
        func
    }

    /// The lifted function of a closure: captures, sizes, parameters.
    fn closure_callable(
        &mut self,
        closure: &'p Closure,
        span: Span,
        params: &[FnParamTy],
        result: &Ty,
    ) -> Callable<'p> {
        let bound: Vec<LocalId> = closure.captures.iter().filter(|l| self.lookup(**l).is_some()).copied().collect();
        let locals = self.locals;
        let captures: Vec<(LocalId, Ty, Flat)> = bound
            .into_iter()
            .map(|local| {
                let ty = &locals.expect("a closure stands in a body")[local].ty;
                (local, self.ty(ty).into_owned(), self.local(local))
            })
            .collect();
        let mut ids: Vec<_> = closure.size_params.iter().filter(|id| self.sizes.contains_key(id)).copied().collect();
        ids.extend(self.placeholders().into_iter().filter(|id| !closure.size_params.contains(id)));
        let sizes: Vec<(GenericId, Value)> = ids.into_iter().map(|id| (id, self.sizes[&id])).collect();
        let known: Vec<Option<KnownCapture>> = captures.iter().map(|(_, _, flat)| self.known_capture(flat)).collect();
        let mut prefix = Flat::new();
        for ((_, _, flat), known) in captures.iter().zip(&known) {
            match known {
                Some(_) => prefix.extend(&self.known[&flat[0]].prefix),
                None => prefix.extend(flat),
            }
        }
        prefix.extend(sizes.iter().map(|(_, value)| *value));
        let code = Rc::new(ClosureCode {
            closure,
            captures,
            sizes,
            subst: self.subst.clone(),
            args: self.args.clone(),
            locals,
            display: self.display.clone(),
        });
        let func = self.closure_function(&code, span, known, params, result);
        let (params, result) = (params.to_vec(), result.clone());
        Callable { func, prefix, params, result, origin: None, code: Code::Closure(code) }
    }

    fn known_capture(&self, flat: &[Value]) -> Option<KnownCapture> {
        let [value] = flat else { return None };
        let callable = self.known.get(value)?;
        let prefix = callable.prefix.iter().map(|v| self.b.ty(*v)).collect();
        Some(KnownCapture::of(callable, prefix))
    }

    fn closure_function(
        &mut self,
        code: &ClosureCode<'p>,
        span: Span,
        known: Vec<Option<KnownCapture>>,
        params: &[FnParamTy],
        result: &Ty,
    ) -> FuncId {
        let funcs: Vec<Option<FuncId>> = known.iter().map(|k| k.as_ref().map(|k| k.func)).collect();
        let key = (std::ptr::from_ref(code.closure) as usize, code.args.to_vec(), funcs);
        if let Some(func) = self.cx.closure_bodies.get(&key) {
            return *func;
        }
        let mut types: Vec<Type> = Vec::new();
        for ((_, ty, _), known) in code.captures.iter().zip(&known) {
            match known {
                Some(known) => types.extend(&known.prefix),
                None => types.extend(self.cx.types(ty)),
            }
        }
        types.extend(code.sizes.iter().map(|_| Type::I64));
        let mut results = self.cx.types(result);
        for param in params {
            let leaves = self.cx.types(&param.ty);
            types.extend(&leaves);
            results.extend(leaves.iter().filter(|_| param.inout));
        }
        let loc = self.cx.location(span, &code.display);
        let func = self.cx.declare(&format!("{}.closure", code.display.as_str()), types, results, loc);
        self.cx.closure_bodies.insert(key, func);
        let captures = code.captures.iter().zip(known).map(|((local, ty, _), known)| (*local, ty.clone(), known));
        self.cx.queue.push_back(BodyJob {
            func,
            display: code.display.clone(),
            subst: code.subst.clone(),
            args: code.args.clone(),
            sizes: code.sizes.iter().map(|(id, _)| vec![*id]).collect(),
            captures: captures.collect(),
            params: closure_params(code.closure, params),
            locals: code.locals,
            value: &code.closure.body,
            result: result.clone(),
        });
        func
    }

    /// `callee(args)` of a function value.
    pub fn call_value(&mut self, callee: &'p Expr, args: &'p [CallArg]) -> Flat {
        let callable = self.callable(callee);
        self.call_args(&callable, args)
    }
}

pub(super) fn closure_params<'p>(closure: &'p Closure, params: &[FnParamTy]) -> Vec<(Binder<'p>, Ty, bool)> {
    let each = closure.params.iter().zip(params);
    each.map(|(p, ty)| (Binder::Pattern(&p.pattern), ty.ty.clone(), ty.inout)).collect()
}
