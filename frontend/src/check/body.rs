//! The state of checking one body, and what every form of expression needs: locals, expectations, reports.

use super::infer::Infer;
use super::names::Names;
use super::pending::Pending;
use super::show::Show;
use super::{Cx, Env, size};
use crate::ast::{self, Symbol};
use crate::diagnostic::Diagnostic;
use crate::errors::{calls, types};
use crate::resolve::scope::ScopeId;
use crate::source::{FileId, Span};
use crate::typed::{Body, Expr, ExprKind, FnId, Generic, Local, LocalId, Size, SizeAtom, Stmt, Ty};
use dprog_ir::Arena;
use dprog_ir::entity::Entity;
use std::rc::Rc;

/// Checks one body: of a function, a constant, a default.
pub(super) struct FnCx<'c, 'a> {
    pub cx: &'c mut Cx<'a>,
    pub env: Rc<Env>,
    /// Where names of items are looked up: the module's scope, or that of a block with items.
    pub scope: ScopeId,
    pub locals: Arena<LocalId, Local>,
    /// More about each local.
    pub infos: Vec<LocalInfo>,
    /// Names in scope, the innermost last.
    pub names: Names,
    pub infer: Infer,
    pub pending: Vec<Pending>,
    /// The function and the closures around the current place.
    pub frames: Vec<Frame>,
    /// The parent of each region: a branch, an arm, a loop body, a closure.
    pub regions: Vec<Option<u32>>,
    pub region: u32,
    /// While a result type is read: the sizes after `some`.
    pub computed: Option<Vec<Generic>>,
    /// Literals whose type decides whether they fit.
    pub literals: Vec<(i128, Ty, Span)>,
    /// A `let` without value has occurred.
    pub has_unassigned: bool,
    /// The expression is what the function returns: a missing value there is a missing `return`.
    pub tail: Option<Span>,
    /// Where an equation that has to wait comes from.
    pub at: Span,
    /// Statements that must run before the statement or call whose places are being read: they name sizes of slices.
    pub hoisted: Vec<Stmt>,
}

/// So many parts may a type have when it is written out. Types are trees here: a program could make their size exponential
/// in its own.
pub(super) const MAX_TYPE: usize = 20_000;

/// What the typed tree does not say about a local.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalInfo {
    pub region: u32,
    /// What an immutable `i64` is as a size, if it was bound to an expression of sizes.
    pub size: Option<Size>,
    /// Of a local that is a function: the names of its parameters, for `wrt`.
    pub param_names: Option<Vec<Option<Symbol>>>,
    /// How to make it assignable.
    pub origin: Origin,
}

/// How a local came to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    #[default]
    Let,
    /// A `let` that gets its value later.
    LateLet,
    Param,
    Receiver,
    Pattern,
    Loop,
}

/// A function or closure whose body is being checked.
pub(super) struct Frame {
    /// Number of locals when it began: smaller ones are captured.
    pub first_local: usize,
    pub result: Ty,
    /// Where the result type is written.
    pub result_span: Span,
    pub is_closure: bool,
    /// The loops around; whether each has a `break`.
    pub loops: Vec<bool>,
}

impl<'c, 'a> FnCx<'c, 'a> {
    pub fn new(cx: &'c mut Cx<'a>, env: Rc<Env>) -> FnCx<'c, 'a> {
        FnCx {
            scope: env.scope,
            cx,
            env,
            locals: Arena::new(),
            infos: Vec::new(),
            names: Names::default(),
            infer: Infer::default(),
            pending: Vec::new(),
            frames: Vec::new(),
            regions: vec![None],
            region: 0,
            computed: None,
            literals: Vec::new(),
            has_unassigned: false,
            tail: None,
            at: Span::new(FileId(0), 0, 0),
            hoisted: Vec::new(),
        }
    }

    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.cx.report(diagnostic);
    }

    /// Adds a local that has no name in the source, or none yet.
    pub fn local(&mut self, name: &Symbol, ty: Ty, mutable: bool, span: Span, origin: Origin) -> LocalId {
        let id = self.locals.push(Local { name: name.clone(), ty, mutable, span });
        self.infos.push(LocalInfo { region: self.region, origin, ..LocalInfo::default() });
        id
    }

    /// Adds a local and makes its name mean it. Types can double with each binding, so there is a limit to them.
    pub fn bind(&mut self, name: &ast::Name, ty: Ty, mutable: bool, origin: Origin) -> LocalId {
        let fits = self.infer.fits(&ty, &mut { MAX_TYPE });
        let ty = if fits { ty } else { self.refused_type(name.span) };
        let id = self.local(&name.text, ty, mutable, name.span, origin);
        self.names.push((name.text.clone(), id));
        id
    }

    fn refused_type(&mut self, at: Span) -> Ty {
        self.report(types::too_large(at, MAX_TYPE));
        Ty::Error
    }

    pub fn lookup(&self, name: &str) -> Option<LocalId> {
        self.names.lookup(name)
    }

    /// Runs `f` with the names that it adds forgotten afterwards.
    pub fn scoped<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let (names, scope) = (self.names.len(), self.scope);
        let result = f(self);
        self.names.truncate(names);
        self.scope = scope;
        result
    }

    /// Like [`FnCx::scoped`], for code that may run never or many times: no size that it names may leave it.
    pub fn in_region<T>(&mut self, f: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.region;
        self.regions.push(Some(outer));
        self.region = self.regions.len() as u32 - 1;
        let result = self.scoped(f);
        self.region = outer;
        result
    }

    /// Whether what is defined in region `inner` can be read in `outer`.
    fn is_around(&self, around: u32, mut inner: u32) -> bool {
        while let Some(parent) = self.regions[inner as usize] {
            if inner == around {
                return true;
            }
            inner = parent;
        }
        inner == around
    }

    /// A local in the sizes of a type that cannot be read in a region.
    pub fn escaping(&self, ty: &Ty, region: u32) -> Option<LocalId> {
        size::locals_of(ty)
            .into_iter()
            .find(|l| self.infos.get(l.index()).is_some_and(|info| !self.is_around(info.region, region)))
    }

    /// Reports a type that mentions a size which is gone outside the current region.
    pub fn check_escape(&mut self, ty: &Ty, span: Span) {
        let ty = self.resolve(ty);
        if let Some(local) = self.escaping(&ty, self.region) {
            let (name, at) = (self.locals[local].name.clone(), self.locals[local].span);
            let shown = self.show(&ty);
            self.report(types::size_escapes(span, &shown, &name, at));
        }
    }

    /// A type as text, with what is known by now.
    pub fn show(&self, ty: &Ty) -> String {
        let ty = self.resolve(ty);
        self.shower().ty(&ty)
    }

    pub fn shower(&self) -> Show<'_> {
        Show { program: &self.cx.program, locals: &self.locals, infer: Some(&self.infer) }
    }

    /// An expression that must have a type, because of `reason`: a place and what it says.
    pub fn check(&mut self, e: &'a ast::Expr, ty: &Ty, reason: Option<(Span, &str)>) -> Expr {
        let value = self.expr(e, Some(ty));
        self.coerce(value, ty, reason)
    }

    /// Makes an expression fit a type or reports that it does not.
    pub fn coerce(&mut self, value: Expr, ty: &Ty, reason: Option<(Span, &str)>) -> Expr {
        if value.ty == Ty::Never {
            return value;
        }
        self.at = value.span;
        if self.unify(ty, &value.ty).is_ok() {
            return value;
        }
        self.mismatch(ty, &value, reason);
        Expr { kind: ExprKind::Error, ty: Ty::Error, span: value.span }
    }

    /// Reports that an expression has another type than is wanted.
    pub fn mismatch(&mut self, wanted: &Ty, value: &Expr, reason: Option<(Span, &str)>) {
        let (want, have) = (self.resolve(wanted), self.resolve(&value.ty));
        let value = last_value(value);
        let (shown_want, shown_have) = (self.show(&want), self.show(&have));
        let diagnostic = if let Some(digits) = self.int_for_float(&want, value) {
            types::int_for_float(value.span, &shown_want, digits)
        } else if same_but_sizes(&want, &have) && self.leaves_agree(&want, &have) {
            types::shapes_differ(value.span, &shown_want, &shown_have, self.compare_shapes(&want, &have))
        } else {
            types::mismatch(value.span, &shown_want, &shown_have)
        };
        let diagnostic = match reason {
            Some((span, text)) if span.file == value.span.file => diagnostic.also(span, text),
            _ => diagnostic,
        };
        self.report(diagnostic);
    }

    /// Whether the elements of two arrays are not what differs.
    fn leaves_agree(&mut self, want: &Ty, have: &Ty) -> bool {
        let (want, have) = (self.leaf(want), self.leaf(have));
        self.could_unify(&want, &have)
    }

    /// The number, if an integer literal stands where a float is wanted.
    fn int_for_float(&self, want: &Ty, value: &Expr) -> Option<i64> {
        let float = match want {
            Ty::Scalar(s) => s.is_float(),
            Ty::Infer(var) => matches!(self.infer.var(*var), super::infer::TyVar::Float),
            _ => false,
        };
        match &value.kind {
            ExprKind::Literal(crate::typed::Literal::Int(n)) if float => Some(*n),
            _ => None,
        }
    }

    /// An expression that stands for one with a reported error.
    pub fn error(&self, span: Span) -> Expr {
        Expr { kind: ExprKind::Error, ty: Ty::Error, span }
    }

    pub fn make(&self, kind: ExprKind, ty: Ty, span: Span) -> Expr {
        Expr { kind, ty, span }
    }

    /// Opens a frame for a function or closure with this result.
    pub fn push_frame(&mut self, result: Ty, result_span: Span, is_closure: bool) {
        let first_local = self.locals.len();
        self.frames.push(Frame { first_local, result, result_span, is_closure, loops: Vec::new() });
    }

    /// Adds the receiver and parameters of a function whose head is known.
    pub fn adopt_params(&mut self, id: FnId, params: &[crate::typed::Param]) {
        self.locals = self.cx.fns[id.index()].locals.clone();
        for local in self.locals.keys() {
            let name = self.locals[local].name.clone();
            let receiver = name == "self";
            let origin = if receiver { Origin::Receiver } else { Origin::Param };
            self.infos.push(LocalInfo { region: 0, origin, ..LocalInfo::default() });
            self.names.push((name, local));
        }
        debug_assert_eq!(params.len(), self.locals.len());
    }

    /// The locals and value, with everything that was inferred put in.
    pub fn into_body(mut self, value: Expr) -> Body {
        let value = self.finish(value);
        Body { locals: self.locals, value }
    }

    /// A fresh size with a name for messages only.
    pub fn hidden_size(&mut self, span: Span) -> (LocalId, Size) {
        let local = self.local(&"_".into(), Ty::I64, false, span, Origin::Let);
        (local, Size::atom(SizeAtom::Local(local)))
    }
}

/// The last expression of a block rather than the whole block: that is what has the type.
pub(super) fn last_value(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Block { value: Some(value), .. } => last_value(value),
        _ => e,
    }
}

/// Whether two types differ in nothing but sizes, the number of axes of the outermost array included.
fn same_but_sizes(a: &Ty, b: &Ty) -> bool {
    match (a, b) {
        (Ty::Array(x, _), Ty::Array(y, _)) => x == y || matches!((&**x, &**y), (Ty::Infer(_), _) | (_, Ty::Infer(_))),
        (Ty::Tuple(xs), Ty::Tuple(ys)) => {
            xs.len() == ys.len() && xs.iter().zip(ys).all(|(x, y)| x == y || same_but_sizes(x, y))
        }
        (Ty::Adt(x, _), Ty::Adt(y, _)) => x == y && a != b,
        _ => false,
    }
}

impl<'a> Cx<'a> {
    /// Checks the body of a function, if it has one.
    pub(super) fn check_fn(&mut self, id: FnId) {
        let source = &self.fns[id.index()];
        let (Some(item), env) = (source.item, source.env.clone()) else { return };
        let Some(block) = &item.body else { return };
        let (params, result) = (self.program.fns[id].params.clone(), self.program.fns[id].result.clone());
        let result_span = item.result.as_ref().map_or(item.head, |t| t.span);
        let mut fcx = FnCx::new(self, env);
        fcx.adopt_params(id, &params);
        fcx.push_frame(result.clone(), result_span, false);
        fcx.frames[0].first_local = 0;
        let value = fcx.fn_block(block, &result, result_span);
        let body = fcx.into_body(value);
        self.program.fns[id].body = Some(body);
    }
}

impl<'a> FnCx<'_, 'a> {
    /// The block of a function: what it gives is the result.
    fn fn_block(&mut self, block: &'a ast::Block, result: &Ty, result_span: Span) -> Expr {
        self.tail = (!result.is_unit()).then_some(result_span);
        let value = self.block(block, Some(result));
        self.tail = None;
        if value.ty == Ty::Never {
            return value;
        }
        // The result may contain computed sizes: they stand for whatever the body gives.
        let wanted = self.open_computed(result);
        let empty = block.value.is_none();
        if empty && !result.is_unit() && value.ty.is_unit() {
            let shown = self.show(result);
            self.missing_value(&value, result_span, &shown, block.span);
            return self.error(value.span);
        }
        self.coerce(value, &wanted, Some((result_span, "the result type is here")))
    }

    /// Reports that a block gives nothing where the function must give something.
    pub fn missing_value(&mut self, block: &Expr, result: Span, shown: &str, at: Span) {
        match dropped_value(block) {
            Some(dropped) => {
                self.cx.diagnostics.retract("E0418", dropped);
                self.report(calls::value_dropped(result, shown, dropped));
            }
            None => self.report(calls::missing_return(result, shown, at)),
        }
    }

    /// The result type as the body must give it: each computed size is a variable.
    pub fn open_computed(&mut self, result: &Ty) -> Ty {
        let mut subst = super::subst::Subst::default();
        for id in size::params_of(result) {
            if self.env.generics.iter().all(|g| g.id != id) {
                subst.insert(id, crate::typed::Arg::Size(self.infer.size()));
            }
        }
        subst.ty(&self.cx.program, result)
    }
}

/// The last statement of a block, if it has a value that its `;` drops.
fn dropped_value(block: &Expr) -> Option<Span> {
    let ExprKind::Block { stmts, value: None } = &block.kind else { return None };
    match stmts.last()? {
        Stmt::Expr(e) if !e.ty.is_unit() && !matches!(e.ty, Ty::Never | Ty::Error) => Some(e.span),
        _ => None,
    }
}
