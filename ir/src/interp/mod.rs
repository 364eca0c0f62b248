//! The interpreter: the reference semantics of the IR, at any stage of the pipeline.
//!
//! Before `ad-pass` has run it answers requests for derivatives itself, by dual numbers over the *primal* code (see
//! [`number`] and [`derivative`]); after it, it runs what the pass made of them. The two share nothing, so each checks
//! the other.
//!
//! ```
//! use dprog_ir::interp::{CapturedHost, Interp, Limits, Val};
//! let module = dprog_ir::parse::parse("func @double(%x: f64) -> f64 { %y = add %x, %x  yield %y }").unwrap();
//! let mut host = CapturedHost::default();
//! let mut interp = Interp::new(&module, Limits::default(), &mut host);
//! let results = interp.call(module.find_function("double").unwrap(), &[Val::F64(1.5)]).unwrap();
//! assert!(results[0].same(&Val::F64(3.0)));
//! ```
//!
//! The interpreted program's calls live on a stack of its own, and no walk over a value recurses: deep recursion of the
//! program costs memory, not the stack of the host. Only requests for derivatives that run inside one another nest on
//! the host's stack, at most [`Limits::nesting`] deep.
//!
//! *Absent on purpose:* speed. Values are tagged, instructions are looked up as they come.

mod array;
pub mod derivative;
mod eval;
pub mod host;
pub mod literal;
mod machine;
pub mod number;
mod plan;
mod structure;
mod text;
pub mod value;

pub use host::{CapturedHost, Host};
pub use value::{Array, Dims, Node, Val};

use crate::location::{Locations, SrcLoc};
use crate::module::{FuncId, Module};
use crate::trap::TrapCode;
use machine::Machine;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// When a program is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Nested calls of functions that can call themselves; beyond it the program traps with `Depth`.
    pub depth: usize,
    /// Bytes of arrays and nodes, counted as the interpreter stores them; beyond it traps with `Memory`.
    pub memory: usize,
    /// Instructions; beyond it the program is `Cancelled`.
    pub steps: u64,
    /// Requests for derivatives running inside one another; beyond it traps with `Depth`. Bounded by the host's stack.
    pub nesting: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 1_000_000, memory: 4 << 30, steps: u64::MAX, nesting: 64 }
    }
}

/// Why an operation trapped; without the place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    pub code: TrapCode,
    pub a: i64,
    pub b: i64,
    pub text: String,
}

impl Fault {
    pub fn new(code: TrapCode, a: i64, b: i64) -> Fault {
        Fault { code, a, b, text: String::new() }
    }
}

/// A trap: why, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trap {
    pub code: TrapCode,
    pub a: i64,
    pub b: i64,
    /// The program's own message.
    pub text: String,
    /// The place of the trap, then those of the calls that led there, innermost first.
    pub chain: Vec<SrcLoc>,
}

impl Trap {
    /// What went wrong, in words.
    pub fn describe(&self) -> String {
        self.code.describe(self.a, self.b, &self.text)
    }

    /// All places, innermost first, with the calls that were inlined.
    pub fn places<'l>(&'l self, locations: &'l Locations) -> impl Iterator<Item = &'l crate::location::LocData> {
        self.chain.iter().flat_map(|loc| locations.chain(*loc))
    }
}

thread_local! {
    static MEMORY_LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Traps if so many items more would exceed the memory limit.
fn admit(items: usize) -> Result<(), Fault> {
    let limit = MEMORY_LIMIT.get();
    let needed = items.saturating_mul(size_of::<Val>()).saturating_add(value::live_bytes());
    if needed > limit { Err(Fault::new(TrapCode::Memory, limit as i64, 0)) } else { Ok(()) }
}

/// Runs functions of a module.
pub struct Interp<'m> {
    machine: Machine<'m>,
    limits: Limits,
}

impl<'m> Interp<'m> {
    /// The module must be verified.
    pub fn new(module: &'m Module, limits: Limits, host: &'m mut dyn Host) -> Interp<'m> {
        Interp { machine: Machine::new(module, limits, host), limits }
    }

    /// Traps soon after another thread has set the flag.
    pub fn stop_on(&mut self, flag: Arc<AtomicBool>) {
        self.machine.cancel = Some(flag);
    }

    /// Calls a function. The interpreter may be used again after a trap; steps count on.
    pub fn call(&mut self, func: FuncId, args: &[Val]) -> Result<Vec<Val>, Trap> {
        let before = MEMORY_LIMIT.replace(self.limits.memory);
        let outcome = self.machine.call(func, args.iter().cloned().collect());
        MEMORY_LIMIT.set(before);
        outcome
    }

    /// Instructions executed so far.
    pub fn steps(&self) -> u64 {
        self.machine.steps
    }
}
