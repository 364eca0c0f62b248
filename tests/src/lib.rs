//! What the test targets under `harness/` share: the generators of random programs and of random IR, and the opinions on a
//! gradient.

pub mod generate;
pub mod gradcheck;
pub mod randir;
pub mod smooth_ir;
