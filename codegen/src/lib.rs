//! IR to machine code, through Cranelift. The only crate that names it.
//!
//! Takes modules after the ownership pass. Reading order: [`types`] (what values are to the machine), [`abi`] (how
//! functions call each other and the runtime), [`lower`] (one function), [`jit`] (a module in memory).
//!
//! *Absent on purpose:* optimization of loops and arrays, which belongs to `ir/transform`; Cranelift does what is local.

mod abi;
mod jit;
mod lower;
mod types;

pub use dprog_runtime::{Context, Limits, Output, Stop, TrapInfo};
pub use jit::{Compiled, Error, Jit};

/// How much effort goes into the machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OptLevel {
    /// As fast as possible to compile.
    None,
    #[default]
    Speed,
}

/// Options of code generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Options {
    pub opt_level: OptLevel,
    /// Let Cranelift check what it is given: for tests.
    pub verify: bool,
}
