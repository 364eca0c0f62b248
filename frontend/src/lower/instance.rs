//! Instances: a function of the IR for each function of the tree and list of type arguments.
//!
//! Sizes in the arguments are numbered (`layout.rs`), whether they are arguments themselves (`axpy<n>`) or stand in a
//! type argument (`score<Spring<n>>`): each is an `i64` parameter. So the list of arguments says nothing about sizes,
//! and one instance serves all.

use super::body::{BodyJob, BodyParam, Flat, FnLower};
use super::callable::{Callable, Code, CodeData, CodeId, Shape};
use super::form::Form;
use super::layout::{numbered, size_param, type_arguments};
use super::{Cx, LeafLayout, Root, RootParam, encode_position};
use crate::ast::Symbol;
use crate::check::{Asked, Subst};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::typed::*;
use dprog_ir::entity::Entity;
use dprog_ir::{Arena, FuncId, LocData, SrcLoc, Type};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// What a named function turns out to be.
pub(super) enum Target {
    Fn(FnId, Vec<Arg>),
    Builtin(Builtin),
    Case { adt: AdtId, args: Vec<Arg>, case: u32 },
}

impl<'p> Cx<'p> {
    /// The instance of a function without type parameters, and how to call it.
    pub fn root(&mut self, id: FnId) -> Root {
        let def = &self.program.fns[id];
        self.span = def.span;
        let Some(sizes) = self.root_sizes(id) else { return self.no_root(id) };
        let args: Vec<Arg> = sizes.iter().map(|g| Arg::Size(Size::atom(SizeAtom::Param(g.id)))).collect();
        let func = self.instance(id, numbered(&args).0);
        let param = |p: &Param| self.root_param(def, &p.name, &p.ty, p.inout);
        let params = def.params.iter().map(param).collect();
        let results = self.leaf_layouts("", &def.result);
        let sizes = sizes.iter().map(|g| g.name.clone()).collect();
        let result_form = self.form(def, &def.result);
        Root { of: id, func, sizes, params, result: def.result.clone(), results, result_form }
    }

    /// The wrapper around a derivative, with the sizes of the function that is differentiated.
    pub fn asked_root(&mut self, asked: &Asked) -> Root {
        self.span = self.program.fns[asked.of].span;
        let Some(sizes) = self.root_sizes(asked.of) else { return self.no_root(asked.of) };
        let args: Vec<Arg> = sizes.iter().map(|g| Arg::Size(Size::atom(SizeAtom::Param(g.id)))).collect();
        let inner = self.fn_code(asked.of, numbered(&args).0);
        let code = self.code(Code::Derivative(asked.op, inner, asked.wrt.clone()), |cx, code| {
            let prefix = cx.codes[inner].prefix.clone();
            CodeData { depth: 1, ..CodeData::new(code, prefix, asked.params.clone(), asked.result.clone()) }
        });
        let func = self.general(code);
        let def = &self.program.fns[asked.of];
        let named = asked.params.iter().zip(&asked.names);
        let params = named.map(|(p, name)| self.root_param(def, &name.as_str().into(), &p.ty, p.inout)).collect();
        let results = self.leaf_layouts("", &asked.result);
        let sizes = sizes.iter().map(|g| g.name.clone()).collect();
        let result_form = self.form(def, &asked.result);
        Root { of: asked.of, func, sizes, params, result: asked.result.clone(), results, result_form }
    }

    fn root_param(&mut self, def: &'p FnDef, name: &Symbol, ty: &Ty, inout: bool) -> RootParam {
        let (leaves, form, shown) = (self.leaf_layouts(name, ty), self.form(def, ty), self.shown(def, ty));
        RootParam { name: name.clone(), ty: ty.clone(), inout, leaves, form, shown }
    }

    /// The size parameters of a function that has no others; `None` after reporting that it has.
    fn root_sizes(&mut self, id: FnId) -> Option<Vec<&'p Generic>> {
        let def = &self.program.fns[id];
        let sizes: Vec<&Generic> = def.generics.iter().filter(|g| matches!(g.kind, GenericKind::Size)).collect();
        if sizes.len() < def.generics.len() {
            let text =
                format!("`{}` has type parameters, so there is nothing to call from outside", def.display.as_str());
            self.errors.push(Diagnostic::error("E0601", def.span, text).label("generic over types"));
            return None;
        }
        Some(sizes)
    }

    fn no_root(&mut self, id: FnId) -> Root {
        let func = self.declare(&self.program.fns[id].display, Vec::new(), Vec::new(), SrcLoc::NONE);
        let (sizes, params, results) = (Vec::new(), Vec::new(), Vec::new());
        let result_form = Form::Tuple(Vec::new());
        Root { of: id, func, sizes, params, result: Ty::UNIT, results, result_form }
    }

    fn leaf_layouts(&mut self, name: &str, ty: &Ty) -> Vec<LeafLayout> {
        let names = self.leaf_names(name, ty);
        let (tangents, levels) = (self.tangent_leaves(ty), self.leaf_levels(ty));
        let leaves = self.types(ty).into_iter().zip(tangents).zip(names).zip(levels);
        let layout = |(((ty, tangent), name), levels): (((_, Option<Type>), _), _)| LeafLayout {
            name,
            ty,
            active: tangent.is_some(),
            levels,
        };
        leaves.map(layout).collect()
    }

    /// A function for arguments with numbered sizes.
    pub fn fn_code(&mut self, id: FnId, args: Vec<Arg>) -> CodeId {
        self.code(Code::Fn(id, args.clone()), |cx, code| {
            let def = &cx.program.fns[id];
            let subst = type_subst(&def.generics, &args);
            let param = |p: &Param| FnParamTy { ty: subst.ty(cx.program, &p.ty), inout: p.inout };
            let params = def.params.iter().map(param).collect();
            let sizes = numbered(&args).1.len();
            CodeData::new(code, vec![Type::I64; sizes], params, subst.ty(cx.program, &def.result))
        })
    }

    /// The instance of a function that takes and gives no known functions.
    pub fn instance(&mut self, id: FnId, args: Vec<Arg>) -> FuncId {
        let code = self.fn_code(id, args);
        self.general(code)
    }

    pub fn fn_job(&mut self, id: FnId, args: &[Arg], shape: &Shape) -> BodyJob<'p> {
        let def = &self.program.fns[id];
        self.refuse_endless(def, args);
        let body = def.body.as_ref().unwrap_or_else(|| panic!("`{}` has no body", def.display.as_str()));
        let subst = Rc::new(type_subst(&def.generics, args));
        let param = |p: &Param| BodyParam::local(p.local, subst.ty(self.program, &p.ty), p.inout);
        let params = self.with_shapes(def.params.iter().map(param).collect(), shape);
        let result = subst.ty(self.program, &def.result);
        let name = format!("{}{}", def.display.as_str(), type_arguments(args, self));
        let scheme = Scheme { generics: &def.generics, args, subst };
        self.declare_body(&name, &def.display, def.span, scheme, params, result, Some(&body.locals), &body.value)
    }

    /// The default of parameter `index`: a function of the sizes.
    pub fn default_code(&mut self, id: FnId, args: Vec<Arg>, index: usize) -> CodeId {
        self.code(Code::Default(id, args.clone(), index), |cx, code| {
            let def = &cx.program.fns[id];
            let result = type_subst(&def.generics, &args).ty(cx.program, &def.params[index].ty);
            CodeData::new(code, vec![Type::I64; numbered(&args).1.len()], Vec::new(), result)
        })
    }

    pub fn default_job(&mut self, id: FnId, args: &[Arg], index: usize) -> BodyJob<'p> {
        let def = &self.program.fns[id];
        let body = def.params[index].default.as_ref().expect("the parameter has a default");
        let subst = Rc::new(type_subst(&def.generics, args));
        let result = subst.ty(self.program, &def.params[index].ty);
        let name = format!("{}.{}.default", def.display.as_str(), def.params[index].name.as_str());
        let (scheme, span) = (Scheme { generics: &def.generics, args, subst }, body.value.span);
        self.declare_body(&name, &def.display, span, scheme, Vec::new(), result, Some(&body.locals), &body.value)
    }

    /// The default of a field of a model: a function of the sizes of the model, and of the generator if it names one.
    pub fn field_default(&mut self, adt: AdtId, args: &[Arg], index: usize, body: &'p Body) -> FuncId {
        let key = (std::ptr::from_ref(body) as usize, args.to_vec());
        if let Some(func) = self.bodies.get(&key) {
            return *func;
        }
        let def = &self.program.adts[adt];
        let subst = Rc::new(type_subst(&def.generics, args));
        let result = subst.ty(self.program, &def.fields()[index].ty);
        let rng = self.rng_local(body).map(|local| BodyParam::local(local, body.locals[local].ty.clone(), true));
        let name = format!("{}.{}.default", def.name.as_str(), def.fields()[index].name.as_str());
        let job = self.declare_body(
            &name,
            &def.name,
            body.value.span,
            Scheme { generics: &def.generics, args, subst },
            rng.into_iter().collect(),
            result,
            Some(&body.locals),
            &body.value,
        );
        let func = job.func;
        self.queue.push_back(job);
        self.bodies.insert(key, func);
        func
    }

    /// The local by which the default of a field names the generator.
    pub fn rng_local(&self, body: &Body) -> Option<LocalId> {
        let is_rng = |local: &Local| matches!(&local.ty, Ty::Adt(id, _) if Some(*id) == self.program.lang.rng);
        body.locals.iter().find(|(_, local)| &*local.name == "rng" && is_rng(local)).map(|(id, _)| id)
    }

    /// A constant: a function without parameters.
    pub fn const_code(&mut self, id: ConstId) -> CodeId {
        let ty = self.program.consts[id].ty.clone();
        self.code(Code::Const(id), |_, code| CodeData::new(code, Vec::new(), Vec::new(), ty))
    }

    pub fn const_job(&mut self, id: ConstId) -> BodyJob<'p> {
        let def = &self.program.consts[id];
        let scheme = Scheme { generics: &[], args: &[], subst: Rc::new(Subst::default()) };
        let (name, locals) = (&def.name, Some(&def.locals));
        self.declare_body(name, name, def.span, scheme, Vec::new(), def.ty.clone(), locals, &def.value)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a function, each of another kind")]
    fn declare_body(
        &mut self,
        name: &str,
        display: &Symbol,
        span: Span,
        scheme: Scheme,
        params: Vec<BodyParam<'p>>,
        result: Ty,
        locals: Option<&'p Arena<LocalId, Local>>,
        value: &'p Expr,
    ) -> BodyJob<'p> {
        let job = BodyJob {
            func: FuncId::from_index(0),
            display: display.clone(),
            subst: scheme.subst,
            args: scheme.args.into(),
            sizes: size_params(scheme.generics, scheme.args),
            captures: Vec::new(),
            params,
            locals,
            value,
            result,
        };
        self.declare_job(job, name, span)
    }

    /// Declares the function of a job.
    pub fn declare_job(&mut self, job: BodyJob<'p>, name: &str, span: Span) -> BodyJob<'p> {
        let mut types = self.param_leaves(&job.captures);
        types.extend(job.sizes.iter().map(|_| Type::I64));
        types.extend(self.param_leaves(&job.params));
        let mut results = self.types(&job.result);
        for param in job.params.iter().filter(|p| p.inout) {
            results.extend(self.types(&param.ty));
        }
        let loc = self.location(span, &job.display);
        let func = self.declare(name, types, results, loc);
        BodyJob { func, ..job }
    }

    /// Distributes a shape of leaves to parameters.
    pub fn with_shapes(&mut self, params: Vec<BodyParam<'p>>, shape: &Shape) -> Vec<BodyParam<'p>> {
        let mut rest = &shape[..];
        let take = |param: BodyParam<'p>| {
            let count = self.leaf_count(&param.ty).min(rest.len());
            let (own, others) = rest.split_at(count);
            rest = others;
            BodyParam { shape: own.to_vec(), ..param }
        };
        params.into_iter().map(take).collect()
    }

    pub fn location(&mut self, span: Span, display: &Symbol) -> SrcLoc {
        let data =
            LocData { position: encode_position(span), function: display.as_str().into(), inlined_at: SrcLoc::NONE };
        self.module.locations.intern(data)
    }
}

/// Generic parameters with what they stand for.
struct Scheme<'g> {
    generics: &'g [Generic],
    args: &'g [Arg],
    subst: Rc<Subst>,
}

/// The type parameters' arguments; sizes stay, as names of values.
fn type_subst(generics: &[Generic], args: &[Arg]) -> Subst {
    let mut subst = Subst::default();
    for (generic, arg) in generics.iter().zip(args) {
        if let Arg::Ty(_) = arg {
            subst.insert(generic.id, arg.clone());
        }
    }
    subst
}

/// For each size parameter of an instance the generics whose value it is.
fn size_params(generics: &[Generic], args: &[Arg]) -> Vec<Vec<GenericId>> {
    let count = numbered(args).1.len();
    let mut params: Vec<Vec<GenericId>> = (0..count).map(|k| vec![size_param(k)]).collect();
    for (generic, arg) in generics.iter().zip(args) {
        if let Arg::Size(size) = arg
            && let Some(SizeAtom::Param(id)) = size.as_atom()
        {
            params[(u32::MAX - id.0) as usize].push(generic.id);
        }
    }
    params
}

impl<'p> FnLower<'_, 'p> {
    /// What a reference to a function means for the type arguments of this instance.
    pub fn resolve(&mut self, reference: &FnRef) -> Target {
        match reference {
            FnRef::Fn(id, args) => Target::Fn(*id, args.clone()),
            FnRef::Builtin(which) => Target::Builtin(*which),
            FnRef::Case { adt, args, case } => Target::Case { adt: *adt, args: args.clone(), case: *case },
            FnRef::Trait { of_trait, method, args } => {
                let args: Vec<Arg> = args.iter().map(|a| self.arg(a)).collect();
                let (id, args) = find_method(self.cx.program, *of_trait, *method, &args);
                Target::Fn(id, args)
            }
        }
    }

    /// A function with arguments, and the sizes that go in front.
    pub fn fn_callable(&mut self, id: FnId, args: &[Arg]) -> Callable {
        let (args, prefix) = self.instance_args(args);
        Callable { code: self.cx.fn_code(id, args), prefix }
    }

    /// The instance that a function with arguments is, and the sizes that go in front of its arguments.
    pub fn instance_of(&mut self, id: FnId, args: &[Arg]) -> (FuncId, Flat, Vec<Arg>) {
        let (args, sizes) = self.instance_args(args);
        (self.cx.instance(id, args.clone()), sizes, args)
    }
}

/// The method of the `impl` for the type that is the first argument, or the default.
fn find_method(program: &Program, of_trait: TraitId, method: u32, args: &[Arg]) -> (FnId, Vec<Arg>) {
    let count = program.traits[of_trait].generics.len();
    let (of_the_trait, own) = args.split_at(count);
    let Arg::Ty(target) = &of_the_trait[0] else { panic!("`Self` is a type") };
    for (_, candidate) in program.impls.iter() {
        let Some((id, trait_args)) = &candidate.of_trait else { continue };
        let mut found = FxHashMap::default();
        if *id != of_trait || !unify(&candidate.target, target, &mut found) {
            continue;
        }
        // `trait_args` may or may not begin with `Self`.
        let others = &of_the_trait[count - trait_args.len().min(count)..];
        if !trait_args.iter().zip(others).all(|(pattern, arg)| unify_arg(pattern, arg, &mut found)) {
            continue;
        }
        return match candidate.methods[method as usize] {
            Some(id) => {
                let generics = candidate.generics.iter().map(|g| found.remove(&g.id).unwrap_or(Arg::Ty(Ty::UNIT)));
                let args = generics.collect::<Vec<_>>();
                (id, [args, own.to_vec()].concat())
            }
            None => (program.traits[of_trait].methods[method as usize], args.to_vec()),
        };
    }
    (program.traits[of_trait].methods[method as usize], args.to_vec())
}

/// Whether `ty` is an instance of `pattern`, and what the generics in the pattern then are.
fn unify(pattern: &Ty, ty: &Ty, found: &mut FxHashMap<GenericId, Arg>) -> bool {
    match (pattern, ty) {
        (Ty::Param(id), ty) => match found.get(id) {
            Some(Arg::Ty(known)) => known == ty,
            Some(Arg::Size(_)) => false,
            None => found.insert(*id, Arg::Ty(ty.clone())).is_none(),
        },
        (Ty::Tuple(a), Ty::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| unify(a, b, found)),
        (Ty::Array(a, m), Ty::Array(b, n)) => {
            let sizes = m.len() == n.len() && m.iter().zip(n).all(|(m, n)| unify_size(m, n, found));
            sizes && unify(a, b, found)
        }
        (Ty::List(a), Ty::List(b)) | (Ty::Tangent(a), Ty::Tangent(b)) => unify(a, b, found),
        (Ty::Adt(a, p), Ty::Adt(b, q)) => a == b && p.iter().zip(q).all(|(p, q)| unify_arg(p, q, found)),
        (Ty::Fn(p, r), Ty::Fn(q, s)) => {
            let params = p.len() == q.len() && p.iter().zip(q).all(|(p, q)| unify(&p.ty, &q.ty, found));
            params && unify(r, s, found)
        }
        (a, b) => a == b,
    }
}

fn unify_arg(pattern: &Arg, arg: &Arg, found: &mut FxHashMap<GenericId, Arg>) -> bool {
    match (pattern, arg) {
        (Arg::Ty(a), Arg::Ty(b)) => unify(a, b, found),
        (Arg::Size(a), Arg::Size(b)) => unify_size(a, b, found),
        _ => false,
    }
}

/// Sizes are known at run time only: a name takes any, and the checker has compared the others.
fn unify_size(pattern: &Size, size: &Size, found: &mut FxHashMap<GenericId, Arg>) -> bool {
    if let Some(SizeAtom::Param(id)) = pattern.as_atom() {
        found.entry(*id).or_insert_with(|| Arg::Size(size.clone()));
    }
    true
}
