//! From syntax trees to the typed tree: names, types and sizes.
//!
//! ```text
//! resolve::load            modules in order of their imports
//! collect   items          names, then types, then heads of functions and impls
//! body      one function   FnCx: locals, inference variables, what must still be decided
//!   stmt, expr, ops, path, call, method, closure, control, index, literal, text, cast, place, pattern, builtin, differential, model
//!   unify, pending         equations between types, and those that wait until more is known
//!   finish                 puts in what was inferred; what is still open is an error
//! exhaustive, assigned     questions about a finished body
//! ```
//!
//! Types are inferred inside bodies only, by unification; heads are written out. An error gives [`Ty::Error`], which fits
//! everywhere, so that one mistake is reported once.

mod assigned;
mod body;
mod builtin;
mod call;
mod cast;
mod closure;
mod collect;
mod control;
mod differential;
mod exhaustive;
mod export;
mod expr;
mod finish;
mod generic;
mod heads;
mod implement;
mod index;
mod infer;
mod known;
mod method;
mod model;
mod names;
mod ops;
mod path;
mod pattern;
mod pending;
mod place;
mod recursive;
mod show;
mod size;
mod stmt;
mod subst;
mod tangent;
mod text;
mod traits;
mod typeexpr;
mod unify;

pub use body::Origin;
pub use differential::{Asked, ask};
pub use export::is_reserved_in_c;
pub use place::Use as PlaceUse;
pub(crate) use subst::Subst;
pub(crate) use tangent::{holds_models, tangent};

use crate::ast::{self, FnItem, Symbol};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::errors::lex;
use crate::resolve::scope::{Def, ScopeId, Scopes};
use crate::resolve::{Graph, Loader, load};
use crate::source::{FileId, SourceMap, Span};
use crate::typed::{AdtId, ConstId, FnDef, FnId, Generic, GenericId, ImplId, Local, LocalId, Program, TraitId, Ty};
use dprog_ir::Arena;
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// A type in the head of a function, as text.
pub fn type_text(program: &Program, def: &FnDef, ty: &Ty) -> String {
    let none = Arena::new();
    let locals = def.body.as_ref().map_or(&none, |body| &body.locals);
    show::Show { program, locals, infer: None }.ty(ty)
}

/// Checks the program whose root is a file of `sources`. The typed tree is complete only if no diagnostic is an error.
pub fn check_program(root: FileId, sources: &mut SourceMap, loader: &dyn Loader) -> (Program, Vec<Diagnostic>) {
    let mut diagnostics = Diagnostics::new();
    let graph = load(root, sources, loader, &mut diagnostics);
    let misread = Misread::new(&diagnostics, sources);
    let mut cx = Cx::new(diagnostics);
    cx.check_modules(&graph);
    let mut problems = cx.diagnostics.into_sorted();
    forget_consequences(&mut problems, &misread, sources);
    (cx.program, problems)
}

/// Where the text could not be read properly.
struct Misread {
    places: FxHashSet<Span>,
    lines: FxHashSet<(FileId, u32)>,
    /// Brackets do not match: where a block ends is a guess.
    brackets: bool,
}

impl Misread {
    fn new(diagnostics: &Diagnostics, sources: &SourceMap) -> Misread {
        let errors = || diagnostics.iter().filter(|d| d.is_error());
        Misread {
            places: errors().map(|d| d.primary.span).collect(),
            lines: errors().map(|d| (d.primary.span.file, sources.line_of(d.primary.span))).collect(),
            brackets: errors().any(|d| lex::BRACKETS.contains(&d.code)),
        }
    }
}

/// What the checker says about a line that was misread is a consequence, and where brackets do not match anything may be.
fn forget_consequences(problems: &mut Vec<Diagnostic>, misread: &Misread, sources: &SourceMap) {
    let follows = |span: Span| misread.brackets || misread.lines.contains(&(span.file, sources.line_of(span)));
    problems.retain(|d| misread.places.contains(&d.primary.span) || !follows(d.primary.span));
}

/// Nobody reads more problems than that, so no more are collected.
const MAX_PROBLEMS: usize = 1000;

/// Everything that is known about the program while it is checked.
struct Cx<'a> {
    program: Program,
    diagnostics: Diagnostics,
    scopes: Scopes,
    /// The scope of each module of the graph.
    modules: Vec<ScopeId>,
    fns: Vec<FnSource<'a>>,
    adts: Vec<AdtSource<'a>>,
    aliases: Vec<Alias<'a>>,
    consts: Vec<ConstSource<'a>>,
    /// Methods and associated functions by type and name; several if the `impl`s are for different arguments.
    inherent: FxHashMap<(AdtId, Symbol), Vec<FnId>>,
    trait_impls: FxHashMap<TraitId, Vec<ImplId>>,
    /// Traits that have a method of this name.
    trait_methods: FxHashMap<Symbol, Vec<(TraitId, u32)>>,
    /// Functions whose bodies are still to be checked.
    queue: Vec<FnId>,
    /// While a module of the library that was only imported is read: its functions are checked when they are used.
    lazy: bool,
    /// While fields are read: tangent types cannot be computed yet.
    fields_open: bool,
}

/// What stands behind a function.
struct FnSource<'a> {
    /// `None` for what stands for an exported expression: its body is finished already.
    item: Option<&'a FnItem>,
    env: Rc<Env>,
    /// The parameters as locals, made with the head.
    locals: Arena<LocalId, Local>,
    queued: bool,
}

impl<'a> FnSource<'a> {
    /// The text of a function that has one, as methods do.
    fn item(&self) -> &'a FnItem {
        self.item.expect("the function was written out")
    }
}

/// What stands behind a struct, enum or model.
struct AdtSource<'a> {
    item: &'a ast::ItemKind,
    env: Rc<Env>,
}

/// A `type`.
struct Alias<'a> {
    item: &'a ast::TypeItem,
    scope: ScopeId,
    state: AliasState,
}

enum AliasState {
    New,
    Open,
    Done(Vec<Generic>, Ty),
}

/// A `const`.
struct ConstSource<'a> {
    item: &'a ast::ConstItem,
    scope: ScopeId,
    /// Its number while it is computed as a size: `Some(None)` while that is under way.
    open: bool,
    number: Option<Option<i64>>,
}

/// Where a piece of text stands: what its names mean.
#[derive(Clone, Debug)]
struct Env {
    scope: ScopeId,
    generics: Vec<Generic>,
    /// What `Self` means.
    self_ty: Option<Ty>,
}

impl Env {
    fn of_scope(scope: ScopeId) -> Env {
        Env { scope, generics: Vec::new(), self_ty: None }
    }

    fn generic(&self, name: &str) -> Option<&Generic> {
        // The innermost wins, though shadowing is reported.
        self.generics.iter().rev().find(|g| g.name == *name)
    }
}

impl<'a> Cx<'a> {
    fn new(diagnostics: Diagnostics) -> Cx<'a> {
        Cx {
            program: Program::default(),
            diagnostics,
            scopes: Scopes::default(),
            modules: Vec::new(),
            fns: Vec::new(),
            adts: Vec::new(),
            aliases: Vec::new(),
            consts: Vec::new(),
            inherent: FxHashMap::default(),
            trait_impls: FxHashMap::default(),
            trait_methods: FxHashMap::default(),
            queue: Vec::new(),
            lazy: false,
            fields_open: false,
        }
    }

    fn check_modules(&mut self, graph: &'a Graph) {
        let last = graph.modules.len() - 1;
        for (index, module) in graph.modules.iter().enumerate() {
            let prelude = self.modules.first().copied();
            let scope = self.scopes.push(prelude, module.is_std);
            self.modules.push(scope);
            self.lazy = module.is_std && index != last;
            let names = self.declare(scope, &module.ast.items);
            self.import(scope, module);
            self.complete(names);
            self.exports(&module.ast.items, scope, index == last);
            if index == 0 {
                self.find_prelude_items(scope);
            }
            if module.is_std && self.program.lang.rng.is_none() {
                self.find_random_items(scope);
            }
            if index == last {
                self.program.root_fns = self.functions_of(&module.ast.items, scope);
            }
        }
        self.lazy = false;
        self.check_bodies();
    }

    fn check_bodies(&mut self) {
        while let Some(id) = self.queue.pop() {
            self.check_fn(id);
        }
    }

    /// Has the body of a function checked, once.
    fn enqueue(&mut self, id: FnId) {
        use dprog_ir::entity::Entity;
        let source = &mut self.fns[id.index()];
        if !source.queued {
            source.queued = true;
            self.queue.push(id);
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_PROBLEMS {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether there are so few problems that searching for suggestions is worth while.
    fn suggests(&self) -> bool {
        self.diagnostics.len() < MAX_PROBLEMS / 10
    }

    fn fresh_generic(&mut self, name: &Symbol) -> GenericId {
        self.program.generic_names.push(name.clone());
        GenericId(self.program.generic_names.len() as u32 - 1)
    }

    /// Types without locals, for messages about items.
    fn show(&self, ty: &Ty) -> String {
        show::Show { program: &self.program, locals: &Arena::new(), infer: None }.ty(ty)
    }

    fn find_prelude_items(&mut self, scope: ScopeId) {
        self.program.lang.option = self.adt_named(scope, "Option");
        self.program.lang.result = self.adt_named(scope, "Result");
    }

    /// `Rng` of `std::random`, which models draw from.
    fn find_random_items(&mut self, scope: ScopeId) {
        if !self.scopes.get(scope).names.get("Rng").is_some_and(|e| matches!(e.def, Def::Adt(_))) {
            return;
        }
        let Some(rng) = self.adt_named(scope, "Rng") else { return };
        self.program.lang.rng = Some(rng);
        let method = |cx: &Self, name: &str| cx.inherent.get(&(rng, name.into())).map(|ids| ids[0]);
        self.program.lang.rng_uniform = method(self, "uniform");
        self.program.lang.rng_normal = method(self, "normal");
        for id in [self.program.lang.rng_uniform, self.program.lang.rng_normal].into_iter().flatten() {
            self.enqueue(id);
        }
    }

    fn adt_named(&self, scope: ScopeId, name: &str) -> Option<AdtId> {
        match self.scopes.lookup(scope, name)?.def {
            Def::Adt(id) => Some(id),
            _ => None,
        }
    }

    /// Free functions of a module in the order of the text.
    fn functions_of(&self, items: &[ast::Item], scope: ScopeId) -> Vec<FnId> {
        let name = |item: &ast::Item| match &item.kind {
            ast::ItemKind::Fn(f) => Some(f.name.text.clone()),
            _ => None,
        };
        let def = |name: Symbol| match self.scopes.get(scope).names.get(&name)?.def {
            Def::Fn(id) => Some(id),
            _ => None,
        };
        items.iter().filter_map(name).filter_map(def).collect()
    }

    fn const_number(&mut self, id: ConstId, at: Span) -> Option<i64> {
        use dprog_ir::entity::Entity;
        let source = &self.consts[id.index()];
        if let Some(known) = source.number {
            return known;
        }
        if source.open {
            self.report(crate::errors::items::cyclic_const(source.item, at));
            self.consts[id.index()].number = Some(None);
            self.program.consts[id].ty = Ty::Error;
            return None;
        }
        let (item, scope) = (source.item, source.scope);
        self.consts[id.index()].open = true;
        let number = self.const_value(&item.value, scope);
        self.consts[id.index()].number = Some(number);
        number
    }

    /// The number that a constant expression is, if it is an integer made of literals and constants.
    fn const_value(&mut self, e: &ast::Expr, scope: ScopeId) -> Option<i64> {
        use ast::BinaryOp::*;
        match &e.kind {
            ast::ExprKind::Literal(ast::Literal::Int(n)) => i64::try_from(*n).ok(),
            ast::ExprKind::Unary { op: ast::UnaryOp::Neg, operand } => {
                Some(self.const_value(operand, scope)?.wrapping_neg())
            }
            ast::ExprKind::Binary { op, left, right, .. } => {
                let (a, b) = (self.const_value(left, scope)?, self.const_value(right, scope)?);
                match op {
                    Add => Some(a.wrapping_add(b)),
                    Sub => Some(a.wrapping_sub(b)),
                    Mul => Some(a.wrapping_mul(b)),
                    Div if b != 0 => Some(a.wrapping_div(b)),
                    Rem if b != 0 => Some(a.wrapping_rem(b)),
                    Shl => Some(a.wrapping_shl(b as u32)),
                    Shr => Some(a.wrapping_shr(b as u32)),
                    _ => None,
                }
            }
            ast::ExprKind::Path(path) => match self.resolve_item(scope, path)?.0 {
                Def::Const(id) => self.const_number(id, e.span),
                _ => None,
            },
            _ => None,
        }
    }
}
