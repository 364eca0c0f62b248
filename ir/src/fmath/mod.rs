//! What the scalar operations compute: the one place where interpreter, constant folder, runtime and tests look it up.
//!
//! Elementary functions are our own ([`elementary`]), whose results are the same bits on every platform; std's `f64::sin`
//! would be whatever the system has. Functions whose result is exact (`floor`, `abs`, `sqrt`, …) are the
//! same anywhere. Operations that do not exist for a type (`not` of a float) are rejected by the verifier; asked for
//! here, they panic.

pub mod elementary;
mod gamma;

pub use gamma::polygamma;

use crate::opcode::{BinaryOp, CompareOp, Const, ReduceOp, UnaryOp};
use crate::trap::TrapCode;
use crate::types::Scalar;

/// `op(x)` for f64.
pub fn unary_f64(op: UnaryOp, x: f64) -> f64 {
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Not => no_such(op.name(), "f64"),
        UnaryOp::Abs => x.abs(),
        UnaryOp::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Cbrt => elementary::cbrt(x),
        UnaryOp::Exp => elementary::exp(x),
        UnaryOp::Exp2 => elementary::exp2(x),
        UnaryOp::Expm1 => elementary::expm1(x),
        UnaryOp::Log => elementary::log(x),
        UnaryOp::Log2 => elementary::log2(x),
        UnaryOp::Log10 => elementary::log10(x),
        UnaryOp::Log1p => elementary::log1p(x),
        UnaryOp::Sin => elementary::sin(x),
        UnaryOp::Cos => elementary::cos(x),
        UnaryOp::Tan => elementary::tan(x),
        UnaryOp::Asin => elementary::asin(x),
        UnaryOp::Acos => elementary::acos(x),
        UnaryOp::Atan => elementary::atan(x),
        UnaryOp::Sinh => elementary::sinh(x),
        UnaryOp::Cosh => elementary::cosh(x),
        UnaryOp::Tanh => elementary::tanh(x),
        UnaryOp::Asinh => elementary::asinh(x),
        UnaryOp::Acosh => elementary::acosh(x),
        UnaryOp::Atanh => elementary::atanh(x),
        UnaryOp::Erf => elementary::erf(x),
        UnaryOp::Erfc => elementary::erfc(x),
        UnaryOp::Sigmoid => elementary::sigmoid(x),
        UnaryOp::Softplus => elementary::softplus(x),
        UnaryOp::Lgamma => elementary::lgamma(x),
        UnaryOp::Digamma => elementary::digamma(x),
        UnaryOp::Trigamma => elementary::trigamma(x),
        UnaryOp::Floor => elementary::floor(x),
        UnaryOp::Ceil => elementary::ceil(x),
        UnaryOp::Round => elementary::round(x),
        UnaryOp::Trunc => elementary::trunc(x),
    }
}

/// `op(x)` for f32. The polygamma functions are computed in f64 and rounded.
pub fn unary_f32(op: UnaryOp, x: f32) -> f32 {
    match op {
        UnaryOp::Neg => -x,
        UnaryOp::Not => no_such(op.name(), "f32"),
        UnaryOp::Abs => x.abs(),
        UnaryOp::Sign => {
            if x > 0.0 {
                1.0
            } else if x < 0.0 {
                -1.0
            } else {
                x
            }
        }
        UnaryOp::Sqrt => x.sqrt(),
        UnaryOp::Cbrt => elementary::cbrt(x as f64) as f32,
        UnaryOp::Exp => elementary::exp(x as f64) as f32,
        UnaryOp::Exp2 => elementary::exp2(x as f64) as f32,
        UnaryOp::Expm1 => elementary::expm1(x as f64) as f32,
        UnaryOp::Log => elementary::log(x as f64) as f32,
        UnaryOp::Log2 => elementary::log2(x as f64) as f32,
        UnaryOp::Log10 => elementary::log10(x as f64) as f32,
        UnaryOp::Log1p => elementary::log1p(x as f64) as f32,
        UnaryOp::Sin => elementary::sin(x as f64) as f32,
        UnaryOp::Cos => elementary::cos(x as f64) as f32,
        UnaryOp::Tan => elementary::tan(x as f64) as f32,
        UnaryOp::Asin => elementary::asin(x as f64) as f32,
        UnaryOp::Acos => elementary::acos(x as f64) as f32,
        UnaryOp::Atan => elementary::atan(x as f64) as f32,
        UnaryOp::Sinh => elementary::sinh(x as f64) as f32,
        UnaryOp::Cosh => elementary::cosh(x as f64) as f32,
        UnaryOp::Tanh => elementary::tanh(x as f64) as f32,
        UnaryOp::Asinh => elementary::asinh(x as f64) as f32,
        UnaryOp::Acosh => elementary::acosh(x as f64) as f32,
        UnaryOp::Atanh => elementary::atanh(x as f64) as f32,
        UnaryOp::Erf => elementary::erf(x as f64) as f32,
        UnaryOp::Erfc => elementary::erfc(x as f64) as f32,
        UnaryOp::Sigmoid => elementary::sigmoid(x as f64) as f32,
        UnaryOp::Softplus => elementary::softplus(x as f64) as f32,
        UnaryOp::Lgamma => elementary::lgamma(x as f64) as f32,
        UnaryOp::Digamma => elementary::digamma(x as f64) as f32,
        UnaryOp::Trigamma => elementary::trigamma(x as f64) as f32,
        UnaryOp::Floor => elementary::floor(x as f64) as f32,
        UnaryOp::Ceil => elementary::ceil(x as f64) as f32,
        UnaryOp::Round => elementary::round(x as f64) as f32,
        UnaryOp::Trunc => elementary::trunc(x as f64) as f32,
    }
}

macro_rules! binary_float {
    ($(#[$doc:meta])* $name:ident, $ty:ident) => {
        $(#[$doc])*
        pub fn $name(op: BinaryOp, x: $ty, y: $ty) -> $ty {
            match op {
                BinaryOp::Add => x + y,
                BinaryOp::Sub => x - y,
                BinaryOp::Mul => x * y,
                BinaryOp::Div => x / y,
                BinaryOp::Rem => elementary::rem(x as f64, y as f64) as $ty,
                BinaryOp::Pow => elementary::pow(x as f64, y as f64) as $ty,
                BinaryOp::Atan2 => elementary::atan2(x as f64, y as f64) as $ty,
                BinaryOp::Hypot => elementary::hypot(x as f64, y as f64) as $ty,
                BinaryOp::Min => if x <= y || x.is_nan() { x } else { y },
                BinaryOp::Max => if x >= y || x.is_nan() { x } else { y },
                BinaryOp::CopySign => x.copysign(y),
                BinaryOp::Polygamma => polygamma(x as f64, y as f64) as $ty,
                BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => {
                    no_such(op.name(), stringify!($ty))
                }
            }
        }
    };
}

binary_float!(
    /// `op(x, y)` for f64.
    binary_f64, f64
);
binary_float!(
    /// `op(x, y)` for f32.
    binary_f32, f32
);

macro_rules! integer {
    ($unary:ident, $binary:ident, $pow:ident, $ty:ident) => {
        /// `op(x)` for this integer type; wraps.
        pub fn $unary(op: UnaryOp, x: $ty) -> $ty {
            match op {
                UnaryOp::Neg => x.wrapping_neg(),
                UnaryOp::Not => !x,
                UnaryOp::Abs => integer!(@abs $ty, x),
                UnaryOp::Sign | UnaryOp::Sqrt | UnaryOp::Cbrt | UnaryOp::Exp | UnaryOp::Exp2 | UnaryOp::Expm1
                | UnaryOp::Log | UnaryOp::Log2 | UnaryOp::Log10 | UnaryOp::Log1p | UnaryOp::Sin | UnaryOp::Cos
                | UnaryOp::Tan | UnaryOp::Asin | UnaryOp::Acos | UnaryOp::Atan | UnaryOp::Sinh | UnaryOp::Cosh
                | UnaryOp::Tanh | UnaryOp::Asinh | UnaryOp::Acosh | UnaryOp::Atanh | UnaryOp::Erf | UnaryOp::Erfc | UnaryOp::Sigmoid | UnaryOp::Softplus | UnaryOp::Lgamma
                | UnaryOp::Digamma | UnaryOp::Trigamma | UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round
                | UnaryOp::Trunc => no_such(op.name(), stringify!($ty)),
            }
        }

        /// `op(x, y)` for this integer type; wraps, traps on a zero divisor.
        pub fn $binary(op: BinaryOp, x: $ty, y: $ty) -> Result<$ty, TrapCode> {
            let shift = (y as u32) & ($ty::BITS - 1);
            Ok(match op {
                BinaryOp::Add => x.wrapping_add(y),
                BinaryOp::Sub => x.wrapping_sub(y),
                BinaryOp::Mul => x.wrapping_mul(y),
                BinaryOp::Div | BinaryOp::Rem if y == 0 => return Err(TrapCode::DivisionByZero),
                BinaryOp::Div => x.wrapping_div(y),
                BinaryOp::Rem => x.wrapping_rem(y),
                BinaryOp::Pow => $pow(x, y),
                BinaryOp::Min => x.min(y),
                BinaryOp::Max => x.max(y),
                BinaryOp::And => x & y,
                BinaryOp::Or => x | y,
                BinaryOp::Xor => x ^ y,
                BinaryOp::Shl => x << shift,
                BinaryOp::Shr => x >> shift,
                BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::CopySign | BinaryOp::Polygamma => {
                    no_such(op.name(), stringify!($ty))
                }
            })
        }

        fn $pow(x: $ty, y: $ty) -> $ty {
            // By squaring. A negative exponent: the reciprocal, truncated; that of 0 is taken as 0.
            #[allow(unused_comparisons)]
            if y < 0 {
                let odd = y & 1 == 1;
                return if x == 1 { 1 } else if x == (0 as $ty).wrapping_sub(1) { if odd { x } else { 1 } } else { 0 };
            }
            let (mut result, mut base, mut rest): ($ty, $ty, $ty) = (1, x, y);
            while rest > 0 {
                if rest & 1 == 1 {
                    result = result.wrapping_mul(base);
                }
                base = base.wrapping_mul(base);
                rest >>= 1;
            }
            result
        }
    };
    (@abs u8, $x:ident) => { $x };
    (@abs $ty:ident, $x:ident) => { $x.wrapping_abs() };
}

integer!(unary_i64, binary_i64, pow_i64, i64);
integer!(unary_i32, binary_i32, pow_i32, i32);
integer!(unary_u8, binary_u8, pow_u8, u8);

/// `op(x, y)` for bool: `and`, `or`, `xor`.
pub fn binary_bool(op: BinaryOp, x: bool, y: bool) -> bool {
    match op {
        BinaryOp::And => x & y,
        BinaryOp::Or => x | y,
        BinaryOp::Xor => x ^ y,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem | BinaryOp::Pow => {
            no_such(op.name(), "bool")
        }
        BinaryOp::Atan2
        | BinaryOp::Hypot
        | BinaryOp::Min
        | BinaryOp::Max
        | BinaryOp::CopySign
        | BinaryOp::Polygamma => no_such(op.name(), "bool"),
        BinaryOp::Shl | BinaryOp::Shr => no_such(op.name(), "bool"),
    }
}

/// A comparison of two scalars or texts; of floats by IEEE.
pub fn compare<T: PartialOrd + ?Sized>(op: CompareOp, x: &T, y: &T) -> bool {
    match op {
        CompareOp::Eq => x == y,
        CompareOp::Ne => x != y,
        CompareOp::Lt => x < y,
        CompareOp::Le => x <= y,
        CompareOp::Gt => x > y,
        CompareOp::Ge => x >= y,
    }
}

/// Whether `x` takes the place of the winner so far in a reduction by `op`, one of max, min and their positions.
pub fn wins<T: PartialOrd>(op: ReduceOp, x: &T, winner: &T) -> bool {
    let (x_is_nan, winner_is_nan) = (x.partial_cmp(x).is_none(), winner.partial_cmp(winner).is_none());
    match op {
        _ if winner_is_nan => false,
        _ if x_is_nan => true,
        ReduceOp::Max | ReduceOp::ArgMax => x > winner,
        ReduceOp::Min | ReduceOp::ArgMin => x < winner,
        ReduceOp::Sum => unreachable!("a sum has no winner"),
    }
}

/// The sum in lane order, see [`ReduceOp::Sum`].
pub fn lane_sum<T: Clone>(items: impl Iterator<Item = T>, zero: T, add: impl Fn(&T, &T) -> T) -> T {
    let mut lanes: [T; 8] = std::array::from_fn(|_| zero.clone());
    for (k, item) in items.enumerate() {
        lanes[k % 8] = add(&lanes[k % 8], &item);
    }
    let [l0, l1, l2, l3, l4, l5, l6, l7] = &lanes;
    let even = add(&add(l0, l4), &add(l2, l6));
    let odd = add(&add(l1, l5), &add(l3, l7));
    add(&even, &odd)
}

/// `op` on a constant; `None` where the type has no such operation.
pub fn fold_unary(op: UnaryOp, x: &Const) -> Option<Const> {
    let int_op = matches!(op, UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs);
    match x {
        Const::F64(_) | Const::F32(_) if op == UnaryOp::Not => None,
        Const::F64(bits) => Some(Const::f64(unary_f64(op, f64::from_bits(*bits)))),
        Const::F32(bits) => Some(Const::f32(unary_f32(op, f32::from_bits(*bits)))),
        Const::I64(x) if int_op => Some(Const::I64(unary_i64(op, *x))),
        Const::I32(x) if int_op => Some(Const::I32(unary_i32(op, *x))),
        Const::U8(x) if int_op => Some(Const::U8(unary_u8(op, *x))),
        Const::Bool(x) if op == UnaryOp::Not => Some(Const::Bool(!x)),
        Const::I64(_) | Const::I32(_) | Const::U8(_) | Const::Bool(_) | Const::Str(_) => None,
    }
}

/// `op` on two constants; `None` where it traps, or where the type has no such operation.
pub fn fold_binary(op: BinaryOp, x: &Const, y: &Const) -> Option<Const> {
    let for_bool = matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor);
    let for_float = !for_bool && !matches!(op, BinaryOp::Shl | BinaryOp::Shr);
    let for_int = !matches!(op, BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::CopySign | BinaryOp::Polygamma);
    match (x, y) {
        (Const::F64(x), Const::F64(y)) if for_float => {
            Some(Const::f64(binary_f64(op, f64::from_bits(*x), f64::from_bits(*y))))
        }
        (Const::F32(x), Const::F32(y)) if for_float => {
            Some(Const::f32(binary_f32(op, f32::from_bits(*x), f32::from_bits(*y))))
        }
        (Const::I64(x), Const::I64(y)) if for_int => binary_i64(op, *x, *y).ok().map(Const::I64),
        (Const::I32(x), Const::I32(y)) if for_int => binary_i32(op, *x, *y).ok().map(Const::I32),
        (Const::U8(x), Const::U8(y)) if for_int => binary_u8(op, *x, *y).ok().map(Const::U8),
        (Const::Bool(x), Const::Bool(y)) if for_bool => Some(Const::Bool(binary_bool(op, *x, *y))),
        _ => None,
    }
}

/// A comparison of two constants of one type.
pub fn fold_compare(op: CompareOp, x: &Const, y: &Const) -> Option<bool> {
    match (x, y) {
        (Const::F64(x), Const::F64(y)) => Some(compare(op, &f64::from_bits(*x), &f64::from_bits(*y))),
        (Const::F32(x), Const::F32(y)) => Some(compare(op, &f32::from_bits(*x), &f32::from_bits(*y))),
        (Const::I64(x), Const::I64(y)) => Some(compare(op, x, y)),
        (Const::I32(x), Const::I32(y)) => Some(compare(op, x, y)),
        (Const::U8(x), Const::U8(y)) => Some(compare(op, x, y)),
        (Const::Bool(x), Const::Bool(y)) => Some(compare(op, x, y)),
        (Const::Str(x), Const::Str(y)) => Some(compare(op, &**x, &**y)),
        _ => None,
    }
}

/// Conversion of a scalar constant; `None` for a text.
pub fn fold_convert(x: &Const, to: Scalar) -> Option<Const> {
    Some(match x {
        Const::F64(bits) => convert_f64(f64::from_bits(*bits), to),
        Const::F32(bits) => convert_f32(f32::from_bits(*bits), to),
        Const::I64(x) => convert_i64(*x, to),
        // An i32 or u8 becomes a float, and wraps, exactly as the i64 of its value does.
        Const::I32(x) => convert_i64(*x as i64, to),
        Const::U8(x) => convert_i64(*x as i64, to),
        Const::Bool(x) => convert_i64(*x as i64, to),
        Const::Str(_) => return None,
    })
}

// Rust's `as` is the language's: it truncates, saturates, and gives 0 for NaN.

fn convert_f64(x: f64, to: Scalar) -> Const {
    match to {
        Scalar::F64 => Const::f64(x),
        Scalar::F32 => Const::f32(x as f32),
        Scalar::I64 => Const::I64(x as i64),
        Scalar::I32 => Const::I32(x as i32),
        Scalar::U8 => Const::U8(x as u8),
        Scalar::Bool => Const::Bool(x != 0.0),
    }
}

fn convert_f32(x: f32, to: Scalar) -> Const {
    match to {
        Scalar::F32 => Const::f32(x),
        // Exact: every f32 is an f64.
        Scalar::F64 | Scalar::I64 | Scalar::I32 | Scalar::U8 | Scalar::Bool => convert_f64(x as f64, to),
    }
}

fn convert_i64(x: i64, to: Scalar) -> Const {
    match to {
        Scalar::F64 => Const::f64(x as f64),
        Scalar::F32 => Const::f32(x as f32),
        Scalar::I64 => Const::I64(x),
        Scalar::I32 => Const::I32(x as i32),
        Scalar::U8 => Const::U8(x as u8),
        Scalar::Bool => Const::Bool(x != 0),
    }
}

fn no_such(op: &str, ty: &str) -> ! {
    panic!("there is no `{op}` of {ty}; the verifier lets none through")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn min_and_max_give_the_first_of_a_tie_and_any_nan() {
        assert!(binary_f64(BinaryOp::Min, -0.0, 0.0).is_sign_negative());
        assert!(binary_f64(BinaryOp::Max, -0.0, 0.0).is_sign_negative());
        for op in [BinaryOp::Min, BinaryOp::Max] {
            assert!(binary_f64(op, 1.0, f64::NAN).is_nan());
            assert!(binary_f64(op, f64::NAN, 1.0).is_nan());
        }
    }

    #[test]
    fn integers_wrap_and_trap_only_on_zero_divisors() {
        assert_eq!(binary_i64(BinaryOp::Div, i64::MIN, -1), Ok(i64::MIN));
        assert_eq!(binary_i64(BinaryOp::Rem, i64::MIN, -1), Ok(0));
        assert_eq!(binary_i32(BinaryOp::Rem, -7, 2), Ok(-1));
        assert_eq!(binary_u8(BinaryOp::Div, 1, 0), Err(TrapCode::DivisionByZero));
        assert_eq!(binary_u8(BinaryOp::Shl, 1, 9), Ok(2));
        assert_eq!(binary_i64(BinaryOp::Shr, -8, 65), Ok(-4));
    }

    #[test]
    fn integer_powers() {
        assert_eq!(binary_i64(BinaryOp::Pow, 3, 4), Ok(81));
        assert_eq!(binary_i64(BinaryOp::Pow, -1, -3), Ok(-1));
        assert_eq!(binary_i64(BinaryOp::Pow, 2, -1), Ok(0));
        assert_eq!(binary_u8(BinaryOp::Pow, 2, 9), Ok(0));
        assert_eq!(binary_u8(BinaryOp::Pow, 255, 2), Ok(1));
    }

    #[test]
    fn conversions_saturate_and_wrap() {
        assert_eq!(fold_convert(&Const::f64(1e30), Scalar::I32), Some(Const::I32(i32::MAX)));
        assert_eq!(fold_convert(&Const::f64(f64::NAN), Scalar::I64), Some(Const::I64(0)));
        assert_eq!(fold_convert(&Const::f64(-1.5), Scalar::U8), Some(Const::U8(0)));
        assert_eq!(fold_convert(&Const::I64(257), Scalar::U8), Some(Const::U8(1)));
        assert_eq!(fold_convert(&Const::I32(-1), Scalar::U8), Some(Const::U8(255)));
    }

    #[test]
    fn lanes_combine_as_the_table_of_operations_says() {
        // 2^53 absorbs single ones; with eight lanes, the ones of a lane of their own survive.
        let big = 9007199254740992.0;
        let items = [big, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        let sum = lane_sum(items.into_iter(), 0.0, |a, b| a + b);
        assert_eq!(sum, ((big + 1.0) + 0.0 + (1.0 + 0.0)) + ((1.0 + 0.0) + 0.0));
    }

    #[test]
    fn the_first_nan_wins_a_reduction() {
        assert!(wins(ReduceOp::Max, &f64::NAN, &1.0));
        assert!(!wins(ReduceOp::Max, &f64::NAN, &f64::NAN));
        assert!(!wins(ReduceOp::Min, &1.0, &1.0));
    }
}
