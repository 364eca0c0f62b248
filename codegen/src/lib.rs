//! IR to machine code, through Cranelift. The only crate that names it.
//!
//! Takes modules after the ownership pass. Reading order: [`types`] (what values are to the machine), [`abi`] (how
//! functions call each other and the runtime), [`lower`] (one function), [`define`] (all of a module, wherever it goes),
//! [`jit`] (a module in memory), [`object`] (a module as an object file), [`value`] (the interpreter's values in and out).
//!
//! *Absent on purpose:* optimization of loops and arrays, which belongs to `ir/transform`; Cranelift does what is local.

mod abi;
mod bare;
mod borrow;
pub mod c_abi;
mod companion;
pub mod debug;
mod define;
pub mod elf;
mod entry;
pub mod executable;
mod jit;
mod lower;
pub mod math;
pub mod object;
mod place;
mod stack;
mod target;
pub mod thunk;
mod types;
mod value;
mod wide;
mod workspace;
mod writing;

use dprog_ir::kernel::Kernel;
pub use dprog_runtime::{Context, Limits, Output, Stop, TrapInfo};
pub use jit::{Compiled, Error, Jit, NO_PLACE, Numbers, listing};
use std::fmt;
pub use target::{Architecture, Machine};
use wide::Level;

/// How much effort goes into the machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OptLevel {
    /// As fast as possible to compile.
    None,
    #[default]
    Speed,
}

/// In how many bits loops compute at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Simd {
    /// One number at a time.
    Off,
    Bits128,
    /// At most so many, if the machine has them.
    Bits256,
    Bits512,
    /// As many as the machine has.
    #[default]
    Widest,
}

/// Whether results may differ from those of the interpreter in their last bits, to be had sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Fp {
    /// Every operation rounds as IEEE 754 says, in the order in which it is written.
    #[default]
    Exact,
    /// A product that is added may be left without being rounded, if the processor has an instruction for that.
    Contract,
    /// The same, and sums that a loop writes down may be added up in another order.
    Fast,
}

/// Options of code generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Options {
    pub opt_level: OptLevel,
    pub machine: Machine,
    /// Describe how the stack is unwound, for debuggers.
    pub unwind: bool,
    /// Let Cranelift check what it is given: for tests.
    pub verify: bool,
    /// In memory: for a program around that calls often. Array parameters of entries that are only read are borrowed, and entries
    /// of numbers alone are C functions besides.
    pub embedded: bool,
    /// Vectors.
    pub simd: Simd,
    pub fp: Fp,
}

impl Options {
    /// Whether loops become kernels; Cranelift's vectors of riscv64 would need an extension that processors lack.
    fn has_vectors(&self, isa: &str) -> bool {
        self.simd != Simd::Off && self.opt_level == OptLevel::Speed && isa != "riscv64"
    }

    /// Whether vectors so wide are wanted where there are such.
    fn allows(&self, level: Level) -> bool {
        match self.simd {
            Simd::Off | Simd::Bits128 => false,
            Simd::Bits256 => level == Level::Bits256,
            Simd::Bits512 | Simd::Widest => true,
        }
    }

    /// The widest that are wanted and that this processor has, beyond 128 bits.
    fn widest_here(&self) -> Option<Level> {
        let here = Level::here()?;
        Level::ALL.into_iter().find(|level| *level <= here && self.allows(*level))
    }

    /// Whether products are added with one rounding.
    fn contracts(&self, isa: &dyn cranelift_codegen::isa::TargetIsa) -> bool {
        self.fp != Fp::Exact && self.opt_level == OptLevel::Speed && lower::contract::has_fma(isa)
    }
}

/// How wide a kernel runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Width {
    pub trips: usize,
    pub bits: u16,
}

impl fmt::Display for Width {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} trips at once ({} bits)", self.trips, self.bits)
    }
}

/// How wide a kernel with enough trips runs in memory, on this machine.
pub fn width_here(kernel: &Kernel, simd: Simd) -> Width {
    let options = Options { simd, ..Options::default() };
    let wide =
        options.widest_here().and_then(|level| Some(Width { trips: wide::trips(kernel, level)?, bits: level.bits() }));
    wide.unwrap_or(Width { trips: kernel.cost.lanes(), bits: 128 })
}

/// Texts for people; see [`listing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// What Cranelift is given.
    Clif,
    /// The instructions of the machine.
    Asm,
}
