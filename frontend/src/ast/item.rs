//! Items: what a file declares.

use super::{Attr, Block, Expr, GenericParam, Name, NodeId, Path, Pattern, TypeExpr};
use crate::source::Span;

/// A declaration.
#[derive(Clone, Debug)]
pub struct Item {
    pub id: NodeId,
    pub span: Span,
    /// The text of its `///` comments.
    pub docs: Option<String>,
    pub attrs: Vec<Attr>,
    pub public: bool,
    pub kind: ItemKind,
}

/// The kinds of items.
#[derive(Clone, Debug)]
pub enum ItemKind {
    Use(UseItem),
    Const(ConstItem),
    Type(TypeItem),
    Struct(StructItem),
    Enum(EnumItem),
    Model(ModelItem),
    Trait(TraitItem),
    Impl(ImplItem),
    /// `fn`, `extern fn`, `export fn`.
    Fn(FnItem),
    Derivative(DerivativeItem),
    Export(ExportItem),
}

/// `use a::{b, c as d};`: one import for each name.
#[derive(Clone, Debug)]
pub struct UseItem {
    pub imports: Vec<Import>,
}

/// `a::b::name as alias`
#[derive(Clone, Debug)]
pub struct Import {
    pub id: NodeId,
    /// At least one name; the last is what is imported.
    pub path: Vec<Name>,
    pub alias: Option<Name>,
    pub span: Span,
}

impl Import {
    /// The name that it has here.
    pub fn local_name(&self) -> &Name {
        self.alias.as_ref().unwrap_or(&self.path[self.path.len() - 1])
    }
}

/// `const NAME: T = value;`
#[derive(Clone, Debug)]
pub struct ConstItem {
    pub name: Name,
    pub ty: TypeExpr,
    pub value: Expr,
}

/// `type Vec<n> = [f64; n];`
#[derive(Clone, Debug)]
pub struct TypeItem {
    pub name: Name,
    pub generics: Vec<GenericParam>,
    pub ty: TypeExpr,
}

/// `struct Point { x: f64, y: f64 }`; `struct Log;` has no fields.
#[derive(Clone, Debug)]
pub struct StructItem {
    pub name: Name,
    pub generics: Vec<GenericParam>,
    pub fields: Vec<FieldDef>,
}

/// A field of a struct, of a case or of a model.
#[derive(Clone, Debug)]
pub struct FieldDef {
    pub id: NodeId,
    pub docs: Option<String>,
    pub name: Name,
    pub ty: TypeExpr,
    /// Only in models: what `init` gives it.
    pub default: Option<Expr>,
    pub span: Span,
}

/// `enum Shape { … }`
#[derive(Clone, Debug)]
pub struct EnumItem {
    pub name: Name,
    pub generics: Vec<GenericParam>,
    pub cases: Vec<Case>,
}

/// A case of an enum.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: NodeId,
    pub docs: Option<String>,
    pub name: Name,
    pub payload: Payload,
    pub span: Span,
}

/// What a case carries.
#[derive(Clone, Debug)]
pub enum Payload {
    None,
    Tuple(Vec<TypeExpr>),
    Struct(Vec<FieldDef>),
}

/// `model Mlp<i, h, o> { … }`
#[derive(Clone, Debug)]
pub struct ModelItem {
    pub name: Name,
    pub generics: Vec<GenericParam>,
    pub fields: Vec<ModelField>,
    /// Items whose kind is `Fn`.
    pub methods: Vec<Item>,
}

/// A field of a model and its role.
#[derive(Clone, Debug)]
pub struct ModelField {
    pub role: FieldRole,
    pub field: FieldDef,
}

/// What happens to a field of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldRole {
    /// Trained.
    Param,
    /// Saved, not trained.
    State,
    Plain,
}

/// `trait Semiring { … }`
#[derive(Clone, Debug)]
pub struct TraitItem {
    pub name: Name,
    pub generics: Vec<GenericParam>,
    /// `trait A: B + C`
    pub bounds: Vec<Path>,
    /// Items whose kind is `Fn`; one without a body must be given by the `impl`.
    pub methods: Vec<Item>,
}

/// `impl<n> Trait for Spring<n> { … }`
#[derive(Clone, Debug)]
pub struct ImplItem {
    pub generics: Vec<GenericParam>,
    pub of_trait: Option<Path>,
    pub target: TypeExpr,
    /// Items whose kind is `Fn`.
    pub methods: Vec<Item>,
}

/// A function, a method, or the declaration of one.
#[derive(Clone, Debug)]
pub struct FnItem {
    pub name: Name,
    pub linkage: Linkage,
    pub generics: Vec<GenericParam>,
    pub receiver: Option<Receiver>,
    pub params: Vec<Param>,
    /// Missing means `()`.
    pub result: Option<TypeExpr>,
    /// Missing for `extern fn`, and in a trait for methods without a default.
    pub body: Option<Block>,
    /// From `fn` to the end of the result type.
    pub head: Span,
}

/// Where a function comes from and who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Linkage {
    Plain,
    /// A C function.
    Extern,
    /// Callable from C.
    Export,
}

/// `self` or `inout self`.
#[derive(Clone, Debug)]
pub struct Receiver {
    pub id: NodeId,
    pub inout: bool,
    pub span: Span,
}

/// `name: inout T = default`. The name may be `_`.
#[derive(Clone, Debug)]
pub struct Param {
    pub id: NodeId,
    pub name: Name,
    pub inout: bool,
    pub ty: TypeExpr,
    pub default: Option<Expr>,
    pub span: Span,
}

/// `derivative f { primal(x) { … } jvp(x, y, dx) { … } vjp(x, y, seed) { … } }`
#[derive(Clone, Debug)]
pub struct DerivativeItem {
    /// The function: `f`, `Type::method`.
    pub target: Path,
    pub rules: Vec<Rule>,
}

/// One part of a `derivative`.
#[derive(Clone, Debug)]
pub struct Rule {
    pub id: NodeId,
    pub kind: RuleKind,
    pub kind_span: Span,
    pub params: Vec<Pattern>,
    pub body: Block,
    pub span: Span,
}

/// Which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleKind {
    Primal,
    Jvp,
    Vjp,
}

/// `export name = value;`
#[derive(Clone, Debug)]
pub struct ExportItem {
    pub name: Name,
    pub value: Expr,
}
