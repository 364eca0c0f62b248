//! Types of the language.

use super::item::{AdtId, TraitId};
use super::size::Size;
use dprog_ir::Scalar;

/// A generic parameter, unique in the program: of a function, a method, an `impl`, a struct, …; `Self` of a trait too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct GenericId(pub u32);

/// A type.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Ty {
    Scalar(Scalar),
    Str,
    /// `()` is the empty one.
    Tuple(Vec<Ty>),
    /// The element type is never an array: `[[T; m]; n]` is `[T; n, m]`. At least one size.
    Array(Box<Ty>, Vec<Size>),
    List(Box<Ty>),
    /// A struct, enum or model with its generic arguments.
    Adt(AdtId, Vec<Arg>),
    Fn(Vec<FnParamTy>, Box<Ty>),
    /// A generic type parameter.
    Param(GenericId),
    /// The tangent type of a struct, enum, model, function type or type parameter that is not its own tangent type. Other
    /// tangent types are written out: of a float itself, of integers `()`, of arrays, lists and tuples by parts.
    Tangent(Box<Ty>),
    /// Of an expression that does not return: `return`, `break`, `trap(…)`.
    Never,
    /// To be inferred; only while checking.
    Infer(u32),
    /// Reported already; only while checking.
    Error,
}

/// A parameter of a function type.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct FnParamTy {
    pub inout: bool,
    pub ty: Ty,
}

/// A generic argument.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Arg {
    Ty(Ty),
    Size(Size),
}

/// A bound `T: Trait<args>` of a type parameter.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Bound {
    pub of_trait: TraitId,
    pub args: Vec<Arg>,
}

impl Ty {
    pub const F64: Ty = Ty::Scalar(Scalar::F64);
    pub const F32: Ty = Ty::Scalar(Scalar::F32);
    pub const I64: Ty = Ty::Scalar(Scalar::I64);
    pub const I32: Ty = Ty::Scalar(Scalar::I32);
    pub const U8: Ty = Ty::Scalar(Scalar::U8);
    pub const BOOL: Ty = Ty::Scalar(Scalar::Bool);
    pub const UNIT: Ty = Ty::Tuple(Vec::new());

    /// An array; sizes of an array element are appended, so that no array has arrays as elements.
    pub fn array(element: Ty, mut sizes: Vec<Size>) -> Ty {
        match element {
            Ty::Array(inner, more) => {
                sizes.extend(more);
                Ty::Array(inner, sizes)
            }
            element => Ty::Array(Box::new(element), sizes),
        }
    }

    pub fn is_unit(&self) -> bool {
        matches!(self, Ty::Tuple(parts) if parts.is_empty())
    }

    pub fn as_scalar(&self) -> Option<Scalar> {
        match self {
            Ty::Scalar(s) => Some(*s),
            _ => None,
        }
    }

    pub fn is_float(&self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_float)
    }
}
