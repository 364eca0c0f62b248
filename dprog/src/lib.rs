//! The compiler as a library: the one place where the stages meet.
//!
//! ```text
//! loader     where modules come from          check      text to a typed program, and what is wrong with it
//! pipeline   typed program to optimized IR    problem    what later stages found, as diagnostics
//! engine     IR or machine code, running      trap       how a run ended that did not end well
//! gradcheck  every way to differentiate a function, against the others
//! ```
//!
//! Nothing here prints or exits; the only files read are those of modules.

mod check;
pub mod emit;
mod engine;
mod export;
pub mod gradcheck;
mod listing;
mod loader;
mod pipeline;
mod problem;
mod trap;

pub use check::{Checked, FunctionInfo, check, check_fully};
pub use dprog_frontend::diagnostic;
pub use dprog_frontend::resolve::Loader;
pub use dprog_frontend::source;
pub use dprog_frontend::typed::FnId;
pub use dprog_ir::transform::pipeline::OptLevel;
pub use dprog_runtime::Limits;
pub use engine::{Compiled, Ending, Engine, Memory, World, compile, compile_for};
pub use listing::{Listing, listings};
pub use loader::{FileLoader, MemoryLoader};
pub use pipeline::{Event, Observer, Options, Silent, Stages, Until};
pub use problem::Copy;
pub use trap::{Frame, Trap};
