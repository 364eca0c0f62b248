//! What the test targets under `harness/` share: the generator of random programs.

pub mod generate;
pub mod gradcheck;
