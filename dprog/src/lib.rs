//! The compiler as a library: dProg inside Rust programs.
//!
//! A program is text; [`Compiler::compile`] checks it, [`Module::function`] gives its functions as Rust functions, and
//! [`Module::gradient`] and its relatives give their derivatives, all compiled to machine code in memory.
//!
//! ```
//! let text = "
//!     /// Sum of squares of the residuals of y = a exp(-k t).
//!     fn misfit<n>(a: f64, k: f64, t: [f64; n], y: [f64; n]) -> f64 {
//!         var s = 0.0;
//!         for i in 0..n { let r = y[i] - a * exp(-k * t[i]); s += r * r; }
//!         s
//!     }
//! ";
//! let module = dprog::Compiler::new().compile("decay.dp", text)?;
//! type Misfit = fn(f64, f64, &[f64], &[f64]) -> (f64, (f64, f64));
//! let misfit = module.value_and_grad("misfit", &["a", "k"])?.typed::<Misfit>()?;
//! let (value, (by_a, by_k)) = misfit.call((2.0, 0.5, &[0.0, 1.0], &[2.0, 1.5]))?;
//! assert!(value > 0.0 && by_a < 0.0 && by_k > 0.0);
//! # Ok::<(), dprog::Error>(())
//! ```
//!
//! Everything that can go wrong is an [`Error`]: what is wrong with a program as data, a type that does not fit, sizes that
//! differ, and traps, which never bring the process down.
//!
//! The rest of this crate is what the command `dprogc` is made of, the one place where the stages meet:
//!
//! ```text
//! embed      the compiler inside other programs
//! loader     where modules come from          check      text to a typed program, and what is wrong with it
//! pipeline   typed program to optimized IR    problem    what later stages found, as diagnostics
//! engine     IR or machine code, running      trap       how a run ended that did not end well
//! emit       files for the linker and for people
//! loops      which loops compute several numbers at once
//! draw       a diagnostic with its source     gradcheck  every way to differentiate a function, against the others
//! ```
//!
//! Nothing here prints or exits; the only files read are those of modules.

mod check;
mod draw;
mod embed;
pub mod emit;
mod engine;
mod export;
pub mod gradcheck;
mod listing;
mod loader;
mod loops;
mod pipeline;
mod problem;
mod tape;
mod trap;

pub use check::{Checked, FunctionInfo, check, check_fully};
pub use dprog_codegen::{Fp, Simd};
pub use dprog_frontend::diagnostic;
pub use dprog_frontend::resolve::Loader;
pub use dprog_frontend::source;
pub use dprog_frontend::typed::FnId;
pub use dprog_ir::TrapCode;
pub use dprog_ir::transform::pipeline::OptLevel;
pub use dprog_runtime::Limits;
pub use draw::draw;
pub use embed::compiler::Compiler;
pub use embed::diagnostic::{Diagnostic, Label, Position, Range, Severity, Suggestion};
pub use embed::dynamic::Value;
pub use embed::error::{Error, ErrorKind};
pub use embed::function::Function;
pub use embed::host::{HostDerivative, HostFunction};
pub use embed::interface::{Parameter, Signature};
pub use embed::module::{Callable, Module};
pub use embed::native::{ByValue, Elements, Number, Output};
#[doc(hidden)]
pub use embed::raw;
pub use embed::signature::FnType;
pub use embed::watch::CancelToken;
pub use engine::{Compiled, Ending, Engine, Memory, World, compile, compile_for};
pub use listing::{Listing, listings};
pub use loader::{FileLoader, MemoryLoader};
pub use loops::{LoopNote, Width, explain_loops};
pub use pipeline::{Event, Observer, Options, Silent, Stages, Until, stage_names};
pub use problem::Copy;
pub use trap::{Frame, Trap};

/// The Rust programs of the chapter are tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/embedding.md")]
struct Chapter;
