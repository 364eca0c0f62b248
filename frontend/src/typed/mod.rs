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
pub use ty::{Arg, FnParamTy, GenericId, Ty};
