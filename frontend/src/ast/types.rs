//! Types and paths as they are written, and generic parameters and arguments.

use super::{Expr, Name, NodeId};
use crate::source::Span;

/// A type as written.
#[derive(Clone, Debug)]
pub struct TypeExpr {
    pub id: NodeId,
    pub span: Span,
    pub kind: TypeKind,
}

/// The forms of a type.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// `f64`, `Point`, `List<T>`, `Tangent<T>`, `Self`, `nn::Mlp<64, 32, 10>`.
    Path(Path),
    /// `[T; n, m]`. At least one size.
    Array { element: Box<TypeExpr>, sizes: Vec<Size> },
    /// `(A, B)`; `()` is the empty one.
    Tuple(Vec<TypeExpr>),
    /// `fn(A, inout B) -> C`.
    Fn { params: Vec<FnTypeParam>, result: Option<Box<TypeExpr>> },
    /// Reported already.
    Error,
}

/// A parameter of a function type; it has no name.
#[derive(Clone, Debug)]
pub struct FnTypeParam {
    pub inout: bool,
    pub ty: TypeExpr,
}

/// A size in an array type.
#[derive(Clone, Debug)]
pub enum Size {
    /// An `i64` expression; after `as`, a lone name that is not in scope is bound by it.
    Expr(Expr),
    /// `some k`: a size that the function computes.
    Some(NodeId, Name),
}

impl Size {
    /// Where it is written.
    pub fn span(&self) -> Span {
        match self {
            Size::Expr(e) => e.span,
            Size::Some(_, name) => name.span,
        }
    }
}

/// `a::b<T>::c`: at least one segment.
#[derive(Clone, Debug)]
pub struct Path {
    pub segments: Vec<PathSegment>,
    pub span: Span,
}

impl Path {
    /// The last segment.
    pub fn last(&self) -> &PathSegment {
        &self.segments[self.segments.len() - 1]
    }

    /// The name, if the path is a lone name without generic arguments.
    pub fn as_name(&self) -> Option<&Name> {
        match self.segments.as_slice() {
            [PathSegment { name, args: None }] => Some(name),
            _ => None,
        }
    }
}

/// A name in a path, with its generic arguments.
#[derive(Clone, Debug)]
pub struct PathSegment {
    pub name: Name,
    pub args: Option<GenericArgs>,
}

/// `<T, n + 1>`; trailing arguments may be left out.
#[derive(Clone, Debug)]
pub struct GenericArgs {
    pub args: Vec<GenericArg>,
    pub span: Span,
}

/// One argument between `<` and `>`.
#[derive(Clone, Debug)]
pub enum GenericArg {
    /// Surely a type: `[f64; n]`, `(A, B)`, `fn(A) -> B`, `List<T>`.
    Type(TypeExpr),
    /// Surely a size: `64`, `n + 1`.
    Size(Expr),
    /// A path without generic arguments, `n`, `N`, `Log`, `a::N`: the parameter it stands for says which.
    Name(NodeId, Path),
}

impl GenericArg {
    /// Where it is written.
    pub fn span(&self) -> Span {
        match self {
            GenericArg::Type(t) => t.span,
            GenericArg::Size(e) => e.span,
            GenericArg::Name(_, p) => p.span,
        }
    }
}

/// A parameter between `<` and `>` of a declaration.
#[derive(Clone, Debug)]
pub struct GenericParam {
    pub id: NodeId,
    pub name: Name,
    pub span: Span,
    pub kind: GenericParamKind,
}

/// Lower case is a size, upper case a type.
#[derive(Clone, Debug)]
pub enum GenericParamKind {
    Size,
    /// `T`, `S: Semiring`, `S: A + B`.
    Type {
        bounds: Vec<Path>,
    },
}
