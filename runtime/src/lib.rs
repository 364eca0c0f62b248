//! What compiled programs call: memory, arrays, kernels, text, files. C ABI, prefix `dprog_rt_`.
//!
//! Reading order: [`layout`] (how values look), [`context`] (what a running program has), [`heap`], [`object`], then the
//! operations by subject. [`symbols`] lists every entry; compiled code can reach nothing else. What is in an object file
//! uses besides: [`program`] (what it says about itself), [`exported`] (calls from C) and [`start`] (executables).
//!
//! *Invariants.* A runtime function never unwinds and never prints except through [`host`]. A failure is a trap in the
//! context and a status (or a null pointer); the place is added by the compiled code that called. Whoever calls with an
//! object either lends it (most functions) or gives it away ("consumed").

// The safety of every entry is the same contract: the context is the running one, and objects are live and of the type that
// the compiled code knows. It stands here once instead of at each function.
#![allow(clippy::missing_safety_doc)]

pub mod array;
pub mod context;
pub mod exported;
pub mod heap;
pub mod host;
mod kept;
pub mod kernels;
pub mod layout;
pub mod linear;
pub mod math;
pub mod matmul;
pub mod object;
pub mod program;
pub mod report;
pub mod stack;
#[cfg(feature = "standalone")]
mod standalone;
pub mod start;
pub mod symbols;
mod system;
pub mod tangent;
pub mod text;
pub mod types;

pub use context::{Context, Limits, Stop, TrapInfo};
pub use host::{ForeignFn, Foreigns, Host, Output, Sink};
pub use object::Object;
pub use types::{DescId, Shape, TypeDesc, TypeTable};
