//! The optimizer: passes over the IR, each a file with one idea, and the [`pipeline`] that runs them.
//!
//! Every pass keeps the bits: the same results by IEEE arithmetic, the same traps with the same places, the same output
//! in the same order, at every level. So `x * 0` stays, and an instruction that may trap stays even if nobody reads its
//! result. The payload of a NaN is not observable; memory and the end of an endless loop without effect are not either.
//!
//! A pass is a function from a program to the same program with less to do, and says how many changes it made. Passes never
//! call passes; facts come from [`crate::analysis`].

pub mod bounds;
pub mod dce;
pub mod dead_stores;
pub mod extrema;
pub mod fuse;
pub mod gvn;
pub mod if_conversion;
pub mod inline;
pub mod licm;
pub mod ownership;
pub mod parts;
pub mod pipeline;
pub mod products;
pub mod promote;
pub mod replacement;
pub mod scalarize;
pub mod share;
pub mod simplify;
pub mod small_arrays;
pub mod unroll;

/// Where in the pipeline a pass runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Before the derivative is taken: nothing may be computed that the source does not compute at that point, because its
    /// adjoint would be computed too, and a zero times an infinite slope is NaN.
    Primal,
    /// No derivative is taken any more.
    Full,
}
