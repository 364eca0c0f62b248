//! Function values behind nodes.
//!
//! All functions of one lowered signature that are used as values at run time are the cases of one node type; the fields of
//! a case are what the function captures (sizes too). A call goes through `apply`, one function for each signature, which
//! looks at the case: defunctionalisation [Reynolds 1972]. Most functions are known where they are called, and come to no
//! node: see `callable.rs`.

use super::body::{BodyJob, BodyParam, Flat, FnLower};
use super::callable::{Callable, ClosureText, Code, CodeData, CodeId, Shape};
use super::instance::Target;
use super::{Cx, Generated, body};
use crate::source::Span;
use crate::typed::{Builtin, CallArg, Closure, Expr, ExprKind, FnParamTy, FnRef, LocalId, Ty};
use dprog_ir::entity::Entity;
use dprog_ir::module::NodeKind;
use dprog_ir::{CaseDef, FieldDef, FuncId, NodeId, Type, Value};
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

    /// Where a known function belongs as a node.
    pub fn node_case(&mut self, callable: &Callable) -> (NodeId, u32) {
        let func = self.general(callable.code);
        let data = &self.codes[callable.code];
        let (params, result) = (data.params.clone(), data.result.clone());
        let id = self.signature(&params, &result);
        let case = self.case_of(id, func, callable.prefix.len());
        (self.closures[id].node, case)
    }

    /// Whether a code is the `apply` of the functions of type `ty`.
    pub fn applies(&self, code: CodeId, ty: Type) -> bool {
        let of_node =
            |data: &SignatureData| Type::node(data.node) == ty && self.codes[code].code == Code::Made(data.apply);
        self.closures.iter().any(of_node)
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

    /// What an expression of function type calls.
    pub fn callable(&mut self, e: &'p Expr) -> Callable {
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

    fn value_callable(&mut self, value: Value, params: &[FnParamTy], result: &Ty) -> Callable {
        match self.known.get(&value) {
            Some(known) => (**known).clone(),
            None => self.dynamic(value, params, result),
        }
    }

    /// Calls whatever the node says.
    pub fn dynamic(&mut self, value: Value, params: &[FnParamTy], result: &Ty) -> Callable {
        let id = self.cx.signature(params, result);
        let apply = self.cx.closures[id].apply;
        Callable { code: self.cx.made(apply, 1, params, result), prefix: vec![value] }
    }

    fn named_callable(&mut self, reference: &FnRef, params: &[FnParamTy], result: &Ty) -> Callable {
        let func = match self.resolve(reference) {
            Target::Fn(id, args) => return self.fn_callable(id, &args),
            Target::Builtin(which) => self.builtin_function(which, params, result),
            Target::Case { adt, args, case } => {
                self.wrapper(&format!("case {adt:?} {case}"), params, result, |s, flat, result| {
                    let fields = flat.concat();
                    s.case_value(adt, &args, case, result, &fields)
                })
            }
        };
        Callable { code: self.cx.made(func, 0, params, result), prefix: Vec::new() }
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

    /// A closure with the captures and sizes of the moment.
    fn closure_callable(&mut self, closure: &'p Closure, span: Span, params: &[FnParamTy], result: &Ty) -> Callable {
        let captures: Vec<LocalId> = closure.captures.iter().filter(|l| self.lookup(**l).is_some()).copied().collect();
        let mut sizes: Vec<_> = closure.size_params.iter().filter(|id| self.sizes.contains_key(id)).copied().collect();
        sizes.extend(self.numbered_sizes().into_iter().filter(|id| !closure.size_params.contains(id)));
        let flat: Flat = captures.iter().flat_map(|local| self.local(*local)).collect();
        let shape = self.shape(&flat);
        let mut prefix = self.take_apart(&flat, &shape);
        prefix.extend(sizes.iter().map(|id| self.sizes[id]));
        let types = prefix.iter().map(|v| self.b.ty(*v)).collect();
        let code = Code::Closure(std::ptr::from_ref(closure) as usize, self.args.clone(), shape.clone());
        let locals = self.locals;
        let local_type = |local: LocalId| (local, self.ty(&locals.expect("a closure has one")[local].ty).into_owned());
        let text = ClosureText {
            closure,
            span,
            captures: captures.into_iter().map(local_type).collect(),
            sizes,
            subst: self.subst.clone(),
            args: self.args.clone(),
            locals,
            display: self.display.clone(),
        };
        let code = self.cx.code(code, |cx, code| CodeData {
            depth: cx.depth(&shape) + 1,
            closure: Some(Rc::new(text)),
            ..CodeData::new(code, types, params.to_vec(), result.clone())
        });
        Callable { code, prefix }
    }

    /// `callee(args)` of a function value.
    pub fn call_value(&mut self, callee: &'p Expr, args: &'p [CallArg]) -> Flat {
        let callable = self.callable(callee);
        self.call_args(&callable, args)
    }
}

impl<'p> Cx<'p> {
    /// The lifted function of a closure: captures, sizes, parameters.
    pub fn closure_job(&mut self, code: CodeId, captured: &Shape, args: &Shape) -> BodyJob<'p> {
        let data = &self.codes[code];
        let (params, result) = (data.params.clone(), data.result.clone());
        let text = data.closure.clone().expect("the code of a closure");
        let captures = text.captures.iter().map(|(local, ty)| BodyParam::local(*local, ty.clone(), false));
        let captures = self.with_shapes(captures.collect(), captured);
        let own = text.closure.params.iter().zip(params);
        let own = own.map(|(p, ty)| BodyParam::pattern(&p.pattern, ty.ty, ty.inout)).collect();
        let params = self.with_shapes(own, args);
        self.declare_job(
            BodyJob {
                func: FuncId::from_index(0),
                display: text.display.clone(),
                subst: text.subst.clone(),
                args: text.args.clone(),
                sizes: text.sizes.iter().map(|id| vec![*id]).collect(),
                captures,
                params,
                locals: text.locals,
                value: &text.closure.body,
                result,
            },
            &format!("{}.closure", text.display.as_str()),
            text.span,
        )
    }
}
