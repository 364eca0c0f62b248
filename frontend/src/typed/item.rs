//! Items: types, traits, functions.

use super::expr::{Body, Expr, Local, LocalId};
use super::ty::{Arg, Bound, GenericId, Ty};
use crate::ast::Symbol;
use crate::source::Span;
use dprog_ir::{Arena, entity};

entity!(
    /// A struct, enum or model.
    AdtId, "adt"
);
entity!(
    /// A trait.
    TraitId, "trait"
);
entity!(
    /// An `impl` block.
    ImplId, "impl"
);
entity!(
    /// A function or method, also the declaration of one in a trait.
    FnId, "fn"
);
entity!(
    /// A `const`.
    ConstId, "const"
);

/// A whole program: the module named on the command line, what it imports, and the parts of `std` that they use.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub adts: Arena<AdtId, AdtDef>,
    pub traits: Arena<TraitId, TraitDef>,
    pub impls: Arena<ImplId, ImplDef>,
    pub fns: Arena<FnId, FnDef>,
    pub consts: Arena<ConstId, ConstDef>,
    /// Names for messages, indexed by [`GenericId`].
    pub generic_names: Vec<Symbol>,
    /// Functions of the root module in the order of the text: `main`, tests, candidates for `gradcheck`.
    pub root_fns: Vec<FnId>,
    /// What C may call: the exports of the root module, in the order of the text.
    pub exports: Vec<Export>,
    /// `Rng` and its method `normal`/`uniform`, `Option`, `Result`: items of `std` that lowering itself refers to.
    pub lang: LangItems,
}

/// Items of `std` with a meaning to the compiler.
#[derive(Clone, Debug, Default)]
pub struct LangItems {
    pub rng: Option<AdtId>,
    /// `fn(inout self) -> f64`
    pub rng_uniform: Option<FnId>,
    pub rng_normal: Option<FnId>,
    /// `Option<T>`: cases `None`, `Some`.
    pub option: Option<AdtId>,
    /// `Result<T, E>`: cases `Ok`, `Err`.
    pub result: Option<AdtId>,
}

/// A generic parameter.
#[derive(Clone, Debug)]
pub struct Generic {
    pub id: GenericId,
    pub name: Symbol,
    pub kind: GenericKind,
    pub span: Span,
}

/// Lower case is a size, upper case a type.
#[derive(Clone, Debug)]
pub enum GenericKind {
    Size,
    Type(Vec<Bound>),
}

/// A struct, enum or model.
#[derive(Clone, Debug)]
pub struct AdtDef {
    pub name: Symbol,
    pub generics: Vec<Generic>,
    pub kind: AdtKind,
    pub public: bool,
    pub docs: Option<String>,
    pub span: Span,
}

/// Which of the three.
#[derive(Clone, Debug)]
pub enum AdtKind {
    Struct(Vec<Field>),
    Enum(Vec<CaseDef>),
    Model(Vec<Field>),
}

/// A field of a struct, model or case. Those of a tuple case are named `0`, `1`, ….
#[derive(Clone, Debug)]
pub struct Field {
    pub name: Symbol,
    pub ty: Ty,
    pub role: FieldRole,
    /// Of a model: what the field starts with.
    pub default: Option<FieldDefault>,
    pub docs: Option<String>,
    pub span: Span,
}

/// What training does with a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldRole {
    /// A field of a struct or case, or a plain field of a model (which has no tangent unless it is a nested model).
    Plain,
    Param,
    State,
}

/// The default of a model's field: evaluated by `init`, in order, with the sizes of the model in scope.
#[derive(Clone, Debug)]
pub enum FieldDefault {
    Value(Body),
    /// Arguments, if any, are `f64`.
    Initializer(super::Initializer, Body),
}

/// A case of an enum.
#[derive(Clone, Debug)]
pub struct CaseDef {
    pub name: Symbol,
    pub fields: Vec<Field>,
    /// Written `Rect { w, h }` rather than `Circle(r)`.
    pub named: bool,
    pub span: Span,
}

/// A trait.
#[derive(Clone, Debug)]
pub struct TraitDef {
    pub name: Symbol,
    /// `Self` first.
    pub generics: Vec<Generic>,
    /// In order; a method with a body is the default. Generic over the trait's generics, then its own.
    pub methods: Vec<FnId>,
    pub span: Span,
}

/// An `impl` block.
#[derive(Clone, Debug)]
pub struct ImplDef {
    pub generics: Vec<Generic>,
    pub of_trait: Option<(super::item::TraitId, Vec<Arg>)>,
    pub target: Ty,
    /// For a trait: in the order of its methods, `None` where the default is used. Otherwise all methods.
    pub methods: Vec<Option<FnId>>,
    pub span: Span,
}

/// A function or method. Types of later parameters and of the result may name an earlier `i64` parameter as a size:
/// [`super::SizeAtom::Local`] of its local.
#[derive(Clone, Debug)]
pub struct FnDef {
    pub name: Symbol,
    /// As messages and call chains name it: `f`, `Point::len`.
    pub display: Symbol,
    /// Those of the `impl`, model or trait first, then its own.
    pub generics: Vec<Generic>,
    /// The receiver, if any, is the first, named `self`.
    pub params: Vec<Param>,
    pub result: Ty,
    /// `some k` in the result type, in order: the result's sizes that the function computes. In `result` each is a
    /// [`super::SizeAtom::Param`] of this id, which is in no `generics` list.
    pub computed_sizes: Vec<Generic>,
    /// `None` for the declaration of a trait's method without default.
    pub body: Option<Body>,
    pub is_method: bool,
    pub is_test: bool,
    pub is_bench: bool,
    pub public: bool,
    /// The head, for messages.
    pub span: Span,
}

/// A function that C may call.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its name in C.
    pub name: Symbol,
    /// Without type parameters. For `export name = value;` one that was made for it.
    pub func: FnId,
    pub results: ResultNames,
    /// The text of its `///` comments.
    pub docs: Option<String>,
    pub span: Span,
}

/// Names for the parts of a result, as they are passed back through pointers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ResultNames {
    One(Symbol),
    Tuple(Vec<ResultNames>),
}

/// A parameter.
#[derive(Clone, Debug)]
pub struct Param {
    pub name: Symbol,
    pub ty: Ty,
    pub inout: bool,
    /// The parameter as a local of the body.
    pub local: LocalId,
    /// Default value, in the scope of the function's generics.
    pub default: Option<Body>,
    pub span: Span,
}

/// A constant. Its value may be any expression that needs no run-time input; lowering evaluates it in place.
#[derive(Clone, Debug)]
pub struct ConstDef {
    pub name: Symbol,
    pub ty: Ty,
    pub value: Expr,
    /// Locals that occur in `value`.
    pub locals: Arena<LocalId, Local>,
    pub span: Span,
}

impl AdtDef {
    /// Fields of a struct or model.
    pub fn fields(&self) -> &[Field] {
        match &self.kind {
            AdtKind::Struct(fields) | AdtKind::Model(fields) => fields,
            AdtKind::Enum(_) => &[],
        }
    }

    /// Cases of an enum.
    pub fn cases(&self) -> &[CaseDef] {
        match &self.kind {
            AdtKind::Enum(cases) => cases,
            AdtKind::Struct(_) | AdtKind::Model(_) => &[],
        }
    }
}
