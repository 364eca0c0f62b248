//! The elementary functions: each is one algorithm, see [`lanes`].
//!
//! Accuracy, and how it is measured, is in `docs/math.md`; where the coefficients come from, in `ir/math/minimax.py`.

mod exponential;
pub mod lanes;
mod logarithm;
mod native;
mod trigonometric;

use crate::opcode::{BinaryOp, UnaryOp};

pub use exponential::{exp, exp_of_sum, exp2, expm1, tanh};
pub use lanes::{Lanes, OneLane, Rare};
pub use logarithm::log;
pub use native::Bits;
pub use trigonometric::{cos, sin, tan};

/// `op(x)`; `None` if it is not an elementary function.
pub fn unary<L: Lanes>(op: UnaryOp, x: L) -> Option<L> {
    Some(match op {
        UnaryOp::Exp => exp(x),
        UnaryOp::Exp2 => exp2(x),
        UnaryOp::Expm1 => expm1(x),
        UnaryOp::Log => log(x),
        UnaryOp::Sin => sin(x),
        UnaryOp::Cos => cos(x),
        UnaryOp::Tan => tan(x),
        UnaryOp::Tanh => tanh(x),
        UnaryOp::Cbrt
        | UnaryOp::Log2
        | UnaryOp::Log10
        | UnaryOp::Log1p
        | UnaryOp::Asin
        | UnaryOp::Acos
        | UnaryOp::Atan
        | UnaryOp::Sinh
        | UnaryOp::Cosh
        | UnaryOp::Asinh
        | UnaryOp::Acosh
        | UnaryOp::Atanh
        | UnaryOp::Erf
        | UnaryOp::Round
        | UnaryOp::Floor
        | UnaryOp::Ceil
        | UnaryOp::Trunc => return None,
        UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs | UnaryOp::Sign | UnaryOp::Sqrt => return None,
        UnaryOp::Lgamma | UnaryOp::Digamma | UnaryOp::Trigamma => return None,
    })
}

/// `op(x, y)`, if it is an elementary function that is computed in several lanes.
pub fn binary<L: Lanes>(op: BinaryOp, _x: L, _y: L) -> Option<L> {
    match op {
        BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::Rem => None,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div => None,
        BinaryOp::Min | BinaryOp::Max | BinaryOp::CopySign => None,
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => None,
    }
}

/// `op(x, y)`, if it is an elementary function.
pub fn binary_of_one<L: OneLane>(op: BinaryOp, x: L, y: L) -> Option<L> {
    binary(op, x, y)
}
