//! The typed tree: what checking makes of the syntax, and the only thing that lowering reads.
//!
//! Names are resolved, types and sizes are inferred, default arguments and implicit conversions of literals are filled
//! in, methods and traits are looked up as far as generics allow. Functions are still generic: lowering makes one
//! instance for each list of type arguments that is used (sizes stay run-time values).
//!
//! ```text
//! Program
//!   AdtDef    struct, enum, model           item.rs      Ty, Arg, GenericId     ty.rs
//!   TraitDef, ImplDef                       item.rs      Size: linear forms     size.rs
//!   FnDef     functions and methods         item.rs      Builtin                builtin.rs
//!     Body    locals and an expression      expr.rs
//! ```
//!
//! A size that has no name in the source gets a local of its own, bound by a `let` in a block around the expression, or by
//! [`ExprKind::Reshaped`] around a call; such a local is in scope for the rest of the region (arm, loop body, closure)
//! around it, beyond that block. So a local of a block stays readable after the block's end.
//!
//! The tree of a program with errors is never lowered, so lowering may rely on what is written here: a violation is a
//! defect of the checker.

pub mod builtin;
pub mod expr;
pub mod item;
pub mod size;
pub mod ty;

pub use builtin::{Builtin, Initializer};
pub use expr::*;
pub use item::*;
pub use size::{Size, SizeAtom, SizeOp};
pub use ty::{Arg, Bound, FnParamTy, GenericId, Ty};
