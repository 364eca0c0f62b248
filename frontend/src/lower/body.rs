//! Writing one function: its locals as IR values, its sizes, its source locations.
//!
//! The environment maps each local to its leaves *now*; an assignment replaces the entry. A trail remembers the replaced
//! entries, so that leaving a branch restores what was before and tells what the branch has changed: that is all there
//! is to SSA construction on structured control flow (`control.rs`). Loops need to know beforehand (`scan.rs`).
//!
//! Results of the function, and whether it has returned, are locals too (*hidden* ones), so `return` is an assignment.

use super::Cx;
use super::callable::{Callable, Shape};
use super::control::{Dead, Join};
use super::layout::{map_sizes, size_param};
use super::variant::VariantKey;
use crate::ast::Symbol;
use crate::check::Subst;
use crate::source::Span;
use crate::typed::{Arg, Expr, GenericId, Local, LocalId, Pattern, Size, SizeAtom, SizeOp, Ty};
use dprog_ir::entity::Entity;
use dprog_ir::{Arena, BinaryOp, Builder, FuncId, Function, LocData, SrcLoc, Type, Value};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

/// The leaves of a value.
pub(super) type Flat = Vec<Value>;

/// What a parameter binds.
#[derive(Clone, Copy)]
pub(super) enum Binder<'p> {
    Local(LocalId),
    Pattern(&'p Pattern),
}

/// A parameter of a body, or a capture.
pub(super) struct BodyParam<'p> {
    pub binder: Binder<'p>,
    pub ty: Ty,
    pub inout: bool,
    /// Which of its leaves are known functions.
    pub shape: Shape,
}

/// A function whose signature is declared and whose body waits. Its parameters are the captures, the sizes, the others.
pub(super) struct BodyJob<'p> {
    pub func: FuncId,
    /// As call chains name it.
    pub display: Symbol,
    pub subst: Rc<Subst>,
    /// The type arguments around it, sizes numbered.
    pub args: Rc<[Arg]>,
    /// The generics that each size parameter is the value of.
    pub sizes: Vec<Vec<GenericId>>,
    pub captures: Vec<BodyParam<'p>>,
    pub params: Vec<BodyParam<'p>>,
    pub locals: Option<&'p Arena<LocalId, Local>>,
    pub value: &'p Expr,
    pub result: Ty,
}

/// Writes the body of one function.
pub(super) struct FnLower<'a, 'p> {
    pub cx: &'a mut Cx<'p>,
    pub b: Builder<'a>,
    pub display: Symbol,
    function: Arc<str>,
    pub subst: Rc<Subst>,
    pub args: Rc<[Arg]>,
    pub sizes: FxHashMap<GenericId, Value>,
    pub locals: Option<&'p Arena<LocalId, Local>>,
    env: Vec<Option<Flat>>,
    hidden: usize,
    pub trail: Vec<(LocalId, Option<Flat>)>,
    /// Branches that wait for the end of the region that they are written in; see `control.rs`.
    pub joins: Vec<Join>,
    /// The point being written cannot be reached.
    pub dead: Option<Dead>,
    /// A bool that is true if the point being written has been left already, in another branch.
    pub exit: Option<Value>,
    /// The flag that `break` sets, for each loop around.
    pub loops: Vec<LocalId>,
    /// Hidden: leaves of the results, and of the `inout` parameters.
    pub returned: LocalId,
    /// Hidden: set by a `return` in a loop.
    pub has_returned: LocalId,
    pub result: Ty,
    pub inouts: Vec<LocalId>,
    /// Function values whose code is known, by what stands for them; see `callable.rs`.
    pub known: FxHashMap<Value, Rc<Callable>>,
    locations: FxHashMap<u64, SrcLoc>,
    pub span: Span,
}

/// Writes the body of a declared function, an instance if functions may be given as what they capture. Says which.
pub(super) fn lower_body<'p>(cx: &mut Cx<'p>, job: BodyJob<'p>, key: Option<&VariantKey>) -> Shape {
    let mut function = cx.module.funcs[job.func].clone();
    let mut lower = FnLower::new(cx, &mut function, job.display.clone(), job.value.span);
    lower.subst = job.subst.clone();
    lower.args = job.args.clone();
    lower.locals = job.locals;
    lower.hidden = job.locals.map_or(0, |l| l.len());
    lower.returned = lower.fresh_hidden();
    lower.has_returned = lower.fresh_hidden();
    lower.result = job.result.clone();
    lower.bind_params(&job);
    let shape = lower.write(job.value, key);
    cx.module.funcs[job.func] = function;
    shape
}

/// Writes the body of a declared function that has no body in the source.
pub(super) fn generate<'p>(cx: &mut Cx<'p>, func: FuncId, body: impl FnOnce(&mut FnLower<'_, 'p>, &[Value]) -> Flat) {
    generate_variant(cx, func, 0, None, body);
}

/// As [`generate`], of an instance; of the results `count` are leaves of the value.
pub(super) fn generate_variant<'p>(
    cx: &mut Cx<'p>,
    func: FuncId,
    count: usize,
    key: Option<&VariantKey>,
    body: impl FnOnce(&mut FnLower<'_, 'p>, &[Value]) -> Flat,
) -> Shape {
    let mut function = cx.module.funcs[func].clone();
    let loc = function.loc;
    let display: Symbol = Symbol::new(&cx.module.locations.get(loc).function.clone());
    let span = cx.span;
    let mut lower = FnLower::new(cx, &mut function, display, span);
    let params: Flat = (0..lower.b.func.params.len()).map(|i| lower.b.param(i)).collect();
    let results = body(&mut lower, &params);
    let shape = lower.finish(&results, count, key);
    cx.module.funcs[func] = function;
    shape
}

impl<'a, 'p> FnLower<'a, 'p> {
    /// Writes another function in between.
    pub fn generate(&mut self, func: FuncId, body: impl FnOnce(&mut FnLower<'_, 'p>, &[Value]) -> Flat) {
        let span = self.cx.span;
        generate(self.cx, func, body);
        self.cx.span = span;
    }

    /// A writer for a function without type or size parameters of its own.
    pub fn new(cx: &'a mut Cx<'p>, function: &'a mut Function, display: Symbol, span: Span) -> FnLower<'a, 'p> {
        let arc: Arc<str> = display.as_str().into();
        cx.span = span;
        FnLower {
            cx,
            b: Builder::new(function),
            display,
            function: arc,
            subst: Rc::new(Subst::default()),
            args: Rc::from([]),
            sizes: FxHashMap::default(),
            locals: None,
            env: Vec::new(),
            hidden: 2,
            trail: Vec::new(),
            joins: Vec::new(),
            dead: None,
            exit: None,
            loops: Vec::new(),
            returned: LocalId::from_index(0),
            has_returned: LocalId::from_index(1),
            result: Ty::UNIT,
            inouts: Vec::new(),
            known: FxHashMap::default(),
            locations: FxHashMap::default(),
            span,
        }
    }

    fn bind_params(&mut self, job: &BodyJob<'p>) {
        let params: Flat = (0..self.b.func.params.len()).map(|i| self.b.param(i)).collect();
        let mut rest = &params[..];
        // Sizes stand behind the captures, whose types may mention them.
        let first: usize = job.captures.iter().map(|param| self.width(param)).sum();
        for (k, ids) in job.sizes.iter().enumerate() {
            self.sizes.extend(ids.iter().map(|id| (*id, params[first + k])));
        }
        for param in &job.captures {
            rest = self.bind_param(param, rest);
        }
        rest = &rest[job.sizes.len()..];
        for param in &job.params {
            rest = self.bind_param(param, rest);
            self.inouts.extend(param.inout.then(|| param.binder.local()));
        }
    }

    /// How many parameters of the IR function a parameter is.
    fn width(&mut self, param: &BodyParam) -> usize {
        let count = self.cx.leaf_count(&param.ty);
        let code_at = |i: usize| param.shape.get(i).copied().flatten();
        (0..count).map(|i| code_at(i).map_or(1, |code| self.cx.codes[code].prefix.len())).sum()
    }

    fn bind_param<'v>(&mut self, param: &BodyParam<'p>, values: &'v [Value]) -> &'v [Value] {
        let count = self.cx.leaf_count(&param.ty);
        let (flat, rest) = self.put_together(count, &param.shape, values);
        self.fix_sizes(&param.ty, &flat, &values[..values.len() - rest.len()]);
        match param.binder {
            Binder::Local(local) => self.bind_local(local, &param.ty, flat),
            Binder::Pattern(pattern) => self.bind(pattern, &flat),
        }
        rest
    }

    /// Notes which sizes of the arrays of a parameter its type fixes.
    fn fix_sizes(&mut self, ty: &Ty, flat: &[Value], params: &[Value]) {
        let sizes = &self.sizes;
        let all: Flat = (0..self.b.func.params.len()).map(|i| self.b.param(i)).collect();
        let number = |id: GenericId| all.iter().position(|v| sizes.get(&id) == Some(v)).map(|k| k as u32);
        let fixed = self.cx.fixed_sizes(ty, &number);
        for (v, sizes) in flat.iter().zip(fixed) {
            if sizes.is_some() && params.contains(v) {
                self.b.func.values[*v].sizes = sizes;
            }
        }
    }

    /// The whole body: results come from `return`s and from the last value.
    fn write(mut self, value: &'p Expr, key: Option<&VariantKey>) -> Shape {
        let scope = self.enter_here();
        let result = self.result.clone();
        let flat = self.expr_as(value, &result);
        if self.dead.is_none() {
            self.set_results(flat);
        }
        self.finish_scope(scope);
        let results = match self.lookup(self.returned) {
            Some(flat) => flat.clone(),
            // Every path ends in an endless loop.
            None => {
                let types = self.cx_result_types();
                self.undefs(&types)
            }
        };
        let count = self.cx.leaf_count(&result);
        self.finish(&results, count, key)
    }

    fn cx_result_types(&self) -> Vec<Type> {
        self.b.func.results.clone()
    }

    /// What the function returns: the value, and the `inout` parameters as they are now.
    pub fn set_results(&mut self, value: Flat) {
        let mut flat = value;
        for local in self.inouts.clone() {
            flat.extend(self.local(local));
        }
        self.set(self.returned, flat);
    }

    // ---- locals ----

    /// A local that is not in the source.
    pub fn fresh_hidden(&mut self) -> LocalId {
        self.hidden += 1;
        LocalId::from_index(self.hidden - 1)
    }

    pub fn lookup(&self, local: LocalId) -> Option<&Flat> {
        self.env.get(local.index())?.as_ref()
    }

    /// The leaves of a local that has been bound.
    pub fn local(&self, local: LocalId) -> Flat {
        self.lookup(local).unwrap_or_else(|| panic!("{local:?} is bound")).clone()
    }

    /// Changes the entry of a local.
    pub fn set(&mut self, local: LocalId, flat: Flat) {
        let index = local.index();
        if index >= self.env.len() {
            self.env.resize(index + 1, None);
        }
        let old = self.env[index].replace(flat);
        self.trail.push((local, old));
    }

    /// Restores the environment to what it was when the trail was `mark` long.
    pub fn undo_to(&mut self, mark: usize) {
        while self.trail.len() > mark {
            let (local, old) = self.trail.pop().expect("the trail is longer than the mark");
            self.env[local.index()] = old;
        }
    }

    /// Gives a local its first value, and the value the local's name.
    pub fn bind_local(&mut self, local: LocalId, ty: &Ty, flat: Flat) {
        if let Some(name) = self.locals.and_then(|l| l.get(local)).map(|l| l.name.clone()) {
            self.name_leaves(&name, ty, &flat);
        }
        self.set(local, flat);
    }

    fn name_leaves(&mut self, name: &str, ty: &Ty, flat: &[Value]) {
        if let [value] = flat {
            return self.b.name(*value, name);
        }
        let names = self.cx.leaf_names(name, ty);
        for (value, name) in flat.iter().zip(names) {
            self.b.name(*value, &name);
        }
    }

    // ---- types and sizes ----

    /// A type of the tree with the type arguments of this instance.
    pub fn ty<'t>(&self, ty: &'t Ty) -> Cow<'t, Ty> {
        match ty {
            Ty::Scalar(_) | Ty::Str => Cow::Borrowed(ty),
            _ if self.subst.is_empty() => Cow::Borrowed(ty),
            _ => Cow::Owned(self.subst.ty(self.cx.program, ty)),
        }
    }

    pub fn arg(&self, arg: &Arg) -> Arg {
        self.subst.arg(self.cx.program, arg)
    }

    pub fn types(&mut self, ty: &Ty) -> Vec<Type> {
        let ty = self.ty(ty).into_owned();
        self.cx.types(&ty)
    }

    /// A size as a value.
    pub fn size(&mut self, size: &Size) -> Value {
        let mut sum: Option<Value> = None;
        for (atom, factor) in &size.terms {
            let value = self.size_atom(atom);
            sum = Some(self.add_term(sum, value, *factor));
        }
        match (sum, size.constant) {
            (None, constant) => self.b.i64(constant),
            (Some(sum), 0) => sum,
            (Some(sum), constant) => {
                let constant = self.b.i64(constant);
                self.b.add(sum, constant)
            }
        }
    }

    fn add_term(&mut self, sum: Option<Value>, value: Value, factor: i64) -> Value {
        match (sum, factor) {
            (None, 1) => value,
            (Some(sum), 1) => self.b.add(sum, value),
            (Some(sum), -1) => self.b.sub(sum, value),
            (sum, factor) => {
                let factor = self.b.i64(factor);
                let term = self.b.mul(value, factor);
                sum.map_or(term, |sum| self.b.add(sum, term))
            }
        }
    }

    fn size_atom(&mut self, atom: &SizeAtom) -> Value {
        match atom {
            SizeAtom::Param(id) => match self.sizes.get(id) {
                Some(value) => *value,
                None => self.b.undef(Type::I64),
            },
            SizeAtom::Local(local) => match self.lookup(*local) {
                Some(flat) => flat[0],
                None => self.b.undef(Type::I64),
            },
            SizeAtom::Op(op, x, y) => {
                let (x, y) = (self.size(x), self.size(y));
                let op = match op {
                    SizeOp::Mul => BinaryOp::Mul,
                    SizeOp::Div => BinaryOp::Div,
                    SizeOp::Rem => BinaryOp::Rem,
                    SizeOp::Min => BinaryOp::Min,
                    SizeOp::Max => BinaryOp::Max,
                    SizeOp::Shl => BinaryOp::Shl,
                    SizeOp::Shr => BinaryOp::Shr,
                };
                self.b.binary(op, x, y)
            }
            SizeAtom::Infer(_) => panic!("an unknown size reached lowering"),
        }
    }

    /// Generic arguments for an instance, sizes numbered, and the values of those sizes.
    pub fn instance_args(&mut self, args: &[Arg]) -> (Vec<Arg>, Flat) {
        let args: Vec<Arg> = args.iter().map(|a| self.arg(a)).collect();
        let (args, sizes) = super::layout::numbered(&args);
        let values = sizes.iter().map(|s| self.size(s)).collect();
        (args, values)
    }

    /// The sizes that were numbered for this instance and occur in its type arguments.
    pub fn numbered_sizes(&self) -> Vec<GenericId> {
        let mut count = 0;
        for arg in self.args.iter() {
            map_sizes(arg, &mut |size| {
                count += 1;
                size.clone()
            });
        }
        (0..count).map(size_param).collect()
    }

    // ---- values ----

    pub fn undefs(&mut self, types: &[Type]) -> Flat {
        types.iter().map(|ty| self.b.undef(*ty)).collect()
    }

    // ---- places in the source ----

    /// Instructions from now on come from `span`. Gives what was before.
    pub fn at(&mut self, span: Span) -> (SrcLoc, Span) {
        let before = (self.b.loc, self.span);
        let position = super::encode_position(span);
        let function = &self.function;
        let locations = &mut self.cx.module.locations;
        let loc = *self.locations.entry(position).or_insert_with(|| {
            locations.intern(LocData { position, function: function.clone(), inlined_at: SrcLoc::NONE })
        });
        (self.b.loc, self.span) = (loc, span);
        self.cx.span = span;
        before
    }

    pub fn back_to(&mut self, before: (SrcLoc, Span)) {
        (self.b.loc, self.span) = before;
    }
}

impl<'p> BodyParam<'p> {
    pub fn local(local: LocalId, ty: Ty, inout: bool) -> BodyParam<'p> {
        BodyParam { binder: Binder::Local(local), ty, inout, shape: Shape::new() }
    }

    pub fn pattern(pattern: &'p Pattern, ty: Ty, inout: bool) -> BodyParam<'p> {
        BodyParam { binder: Binder::Pattern(pattern), ty, inout, shape: Shape::new() }
    }
}

impl Binder<'_> {
    /// The local of an `inout` parameter, which is always a plain name.
    fn local(&self) -> LocalId {
        match self {
            Binder::Local(local) => *local,
            Binder::Pattern(pattern) => match pattern.kind {
                crate::typed::PatternKind::Binding(local) => local,
                _ => panic!("an inout parameter is a name"),
            },
        }
    }
}
