//! What a wide kernel and the function around it tell each other: words in the caller's frame.

use dprog_ir::kernel::{Carried, Input, Kernel};

/// Where what stands, in words of eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// What trips hand on, before and after.
    pub ordered: usize,
    /// Where the elements of arrays are, and row 0 of tiles.
    pub bases: usize,
    /// Inputs that are no constants.
    pub inputs: usize,
    /// Afterwards: eight lanes of each fold, and of the sum.
    pub folds: usize,
    pub count: usize,
}

impl Words {
    /// The address of the byte that says whether to stop.
    pub const FLAG: usize = 0;
    /// The first trip.
    pub const COUNTER: usize = 1;
    pub const END: usize = 2;
    /// The others begin here.
    pub const FIRST: usize = 3;

    pub fn of(kernel: &Kernel) -> Words {
        let ordered = Words::FIRST;
        let bases = ordered + kernel.handed_on().count();
        let inputs = bases + kernel.arrays.len() + kernel.tiles.len();
        let folds = inputs + kernel.inputs.iter().filter(|(_, input)| !matches!(input, Input::Const(_))).count();
        let carried = count(kernel, |c| matches!(c, Carried::Extreme { .. } | Carried::Sum { .. }));
        let sums = kernel.sum.is_some() as usize;
        Words { ordered, bases, inputs, folds, count: folds + 8 * (carried + sums) }
    }
}

fn count(kernel: &Kernel, is: impl Fn(&Carried) -> bool) -> usize {
    kernel.carried.iter().filter(|c| is(c)).count()
}
