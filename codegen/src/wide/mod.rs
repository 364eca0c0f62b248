//! Kernels in vectors of 256 and 512 bits: AVX2 and AVX-512, which Cranelift does not have.
//!
//! ```text
//! Kernel ──select──> instructions over registers without end ──allocate──> registers and homes ──emit──> bytes
//! ```
//!
//! A wide kernel is a C function: it takes the address of words in the caller's frame ([`words`]), runs as many trips as it can, writes
//! what it leaves into the words, and returns 0, or 1 if it was stopped. What differs from `crate::lower::kernel`, which does the
//! same in 128 bits, is how much goes on at once; the operations on each number are the same, in the same order, so the bits are too.
//!
//! The files: [`select`] kernels as instructions, with [`line`] and [`operation`], [`number`], [`fold`], [`memory`] and [`formula`] (elementary functions); [`code`] the
//! instructions; [`allocate`] their registers; [`emit`] and [`encode`] the bytes; [`machine`] what there is of all that.
//!
//! *Absent on purpose:* what is shorter than f32; other architectures, of which Cranelift's vectors are as wide as the machine's.

mod allocate;
mod code;
mod emit;
mod encode;
mod fold;
mod formula;
mod line;
mod machine;
mod memory;
mod number;
mod operation;
mod select;
mod words;

use dprog_ir::BinaryOp;
use dprog_ir::kernel::Kernel;

pub use emit::{Bytes, Frame, Reach};
pub use encode::POOL_ALIGNMENT;
pub use machine::{DETECT, Level};
pub use select::How;
pub use words::Words;

/// A frame may be so large; an engine knows the stack that functions need only roughly.
const LARGEST_FRAME: usize = 16 << 10;

/// The kernel as a function; `None` if it has something in it that there is no wide code for. `offsets` say for each array where elements begin,
/// from its base.
pub fn compile(kernel: &Kernel, offsets: &[i32], level: Level, how: How, reach: Reach) -> Option<Bytes> {
    let select::Selected { code, block, width, block_width } = select::select(kernel, offsets, level, how).ok()?;
    let allocation = allocate::allocate(&code, level, block, encode::RDI);
    if allocation.frame as usize > LARGEST_FRAME {
        return None;
    }
    Some(emit::emit(&code, &allocation, level, reach, (width, block_width)))
}

/// How many trips a block of the kernel has; `None` as above.
pub fn trips(kernel: &Kernel, level: Level) -> Option<usize> {
    let offsets = vec![0; kernel.arrays.len()];
    select::select(kernel, &offsets, level, How::default()).ok().map(|selected| selected.block_width)
}

/// What a fold begins with: what every float is better than, or equal to; or nothing.
fn begin(op: BinaryOp) -> f64 {
    match op {
        BinaryOp::Min => f64::INFINITY,
        BinaryOp::Max => f64::NEG_INFINITY,
        _ => 0.0,
    }
}
