//! The elementary functions: each is one algorithm, see [`lanes`].
//!
//! Accuracy, and how it is measured, is in `docs/math.md`; where the coefficients come from, in `ir/math/minimax.py`.

mod error;
mod exponential;
pub(crate) mod gamma;
mod inverse;
pub mod lanes;
mod logarithm;
mod logistic;
mod native;
mod power;
mod rounding;
mod trigonometric;

use crate::opcode::{BinaryOp, UnaryOp};

pub use error::{erf, erfc};
pub use exponential::{cosh, exp, exp2, expm1, sinh, tanh};
pub use gamma::{digamma, lgamma, trigamma};
pub use inverse::{acos, asin, atan, atan2};
pub use lanes::{Lanes, OneLane, Rare};
pub use logarithm::{acosh, asinh, atanh, log, log1p, log2, log10};
pub use logistic::{sigmoid, softplus};
pub use native::Bits;
pub use power::{cbrt, hypot, pow};
pub use rounding::{ceil, floor, rem, round, trunc};
pub use trigonometric::{cos, sin, tan};

/// `op(x)`; `None` if it is not an elementary function.
pub fn unary_of_one<L: OneLane>(op: UnaryOp, x: L) -> Option<L> {
    if op == UnaryOp::Lgamma {
        Some(lgamma(x))
    } else if op == UnaryOp::Digamma {
        Some(digamma(x))
    } else if op == UnaryOp::Trigamma {
        Some(trigamma(x))
    } else {
        unary(op, x)
    }
}

/// `op(x)`, if it is an elementary function that is computed in several lanes.
pub fn unary<L: Lanes>(op: UnaryOp, x: L) -> Option<L> {
    Some(match op {
        UnaryOp::Cbrt => cbrt(x),
        UnaryOp::Exp => exp(x),
        UnaryOp::Exp2 => exp2(x),
        UnaryOp::Expm1 => expm1(x),
        UnaryOp::Log => log(x),
        UnaryOp::Log2 => log2(x),
        UnaryOp::Log10 => log10(x),
        UnaryOp::Log1p => log1p(x),
        UnaryOp::Sin => sin(x),
        UnaryOp::Cos => cos(x),
        UnaryOp::Tan => tan(x),
        UnaryOp::Asin => asin(x),
        UnaryOp::Acos => acos(x),
        UnaryOp::Atan => atan(x),
        UnaryOp::Sinh => sinh(x),
        UnaryOp::Cosh => cosh(x),
        UnaryOp::Tanh => tanh(x),
        UnaryOp::Asinh => asinh(x),
        UnaryOp::Acosh => acosh(x),
        UnaryOp::Atanh => atanh(x),
        UnaryOp::Erf => erf(x),
        UnaryOp::Erfc => erfc(x),
        UnaryOp::Sigmoid => sigmoid(x),
        UnaryOp::Softplus => softplus(x),
        UnaryOp::Floor => floor(x),
        UnaryOp::Ceil => ceil(x),
        UnaryOp::Round => round(x),
        UnaryOp::Trunc => trunc(x),
        UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs | UnaryOp::Sign | UnaryOp::Sqrt => return None,
        UnaryOp::Lgamma | UnaryOp::Digamma | UnaryOp::Trigamma => return None,
    })
}

/// `op(x, y)`, if it is an elementary function that is computed in several lanes.
pub fn binary<L: Lanes>(op: BinaryOp, x: L, y: L) -> Option<L> {
    Some(match op {
        BinaryOp::Pow => pow(x, y),
        BinaryOp::Atan2 => atan2(x, y),
        BinaryOp::Hypot => hypot(x, y),
        BinaryOp::Rem => return None,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div => return None,
        BinaryOp::Min | BinaryOp::Max | BinaryOp::CopySign | BinaryOp::Polygamma => return None,
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => return None,
    })
}

/// `op(x, y)`, if it is an elementary function.
pub fn binary_of_one<L: OneLane>(op: BinaryOp, x: L, y: L) -> Option<L> {
    if op == BinaryOp::Rem { Some(rem(x, y)) } else { binary(op, x, y) }
}
