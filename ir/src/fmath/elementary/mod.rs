//! The elementary functions: each is one algorithm, see [`lanes`].

mod exponential;
pub mod lanes;
mod logarithm;
mod native;
mod trigonometric;

pub use exponential::{exp, exp2, expm1, tanh};
pub use lanes::{Lanes, OneLane, Rare};
pub use logarithm::log;
pub use native::Bits;
pub use trigonometric::{cos, sin, tan};
