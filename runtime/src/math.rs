//! Elementary functions for compiled code: those of `dprog_ir::fmath`, called directly. A test compares the two.

use dprog_ir::fmath::{binary_i32, binary_i64, binary_u8, elementary, polygamma};
use dprog_ir::{BinaryOp, UnaryOp};

macro_rules! float_functions {
    (unary { $($op:ident: $name64:ident = $f64:expr, $name32:ident = $f32:expr;)* }
     binary { $($bop:ident: $bname64:ident = $bf64:expr, $bname32:ident = $bf32:expr;)* }) => {
        $(#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
          pub extern "C" fn $name64(x: f64) -> f64 { $f64(x) }
          #[cfg_attr(feature = "standalone", unsafe(no_mangle))]
          pub extern "C" fn $name32(x: f32) -> f32 { $f32(x) })*
        $(#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
          pub extern "C" fn $bname64(x: f64, y: f64) -> f64 { $bf64(x, y) }
          #[cfg_attr(feature = "standalone", unsafe(no_mangle))]
          pub extern "C" fn $bname32(x: f32, y: f32) -> f32 { $bf32(x, y) })*

        /// The symbols for f64 and f32 of an operation that compiled code calls.
        pub fn unary_symbols(op: UnaryOp) -> Option<[&'static str; 2]> {
            $(if op == UnaryOp::$op { return Some([stringify!($name64), stringify!($name32)]); })*
            None
        }

        /// The same for two arguments.
        pub fn binary_symbols(op: BinaryOp) -> Option<[&'static str; 2]> {
            $(if op == BinaryOp::$bop { return Some([stringify!($bname64), stringify!($bname32)]); })*
            None
        }

        pub(crate) fn table() -> Vec<(&'static str, *const u8)> {
            vec![
                $((stringify!($name64), $name64 as *const u8), (stringify!($name32), $name32 as *const u8),)*
                $((stringify!($bname64), $bname64 as *const u8), (stringify!($bname32), $bname32 as *const u8),)*
                ("dprog_rt_pow_i64", dprog_rt_pow_i64 as *const u8),
                ("dprog_rt_pow_i32", dprog_rt_pow_i32 as *const u8),
                ("dprog_rt_pow_u8", dprog_rt_pow_u8 as *const u8),
            ]
        }
    };
}

float_functions! {
    unary {
    Cbrt: dprog_rt_cbrt_f64 = elementary::cbrt, dprog_rt_cbrt_f32 = (|x| elementary::cbrt(x as f64) as f32);
    Exp: dprog_rt_exp_f64 = elementary::exp, dprog_rt_exp_f32 = (|x| elementary::exp(x as f64) as f32);
    Exp2: dprog_rt_exp2_f64 = elementary::exp2, dprog_rt_exp2_f32 = (|x| elementary::exp2(x as f64) as f32);
    Expm1: dprog_rt_expm1_f64 = elementary::expm1, dprog_rt_expm1_f32 = (|x| elementary::expm1(x as f64) as f32);
    Log: dprog_rt_log_f64 = elementary::log, dprog_rt_log_f32 = (|x| elementary::log(x as f64) as f32);
    Log2: dprog_rt_log2_f64 = elementary::log2, dprog_rt_log2_f32 = (|x| elementary::log2(x as f64) as f32);
    Log10: dprog_rt_log10_f64 = elementary::log10, dprog_rt_log10_f32 = (|x| elementary::log10(x as f64) as f32);
    Log1p: dprog_rt_log1p_f64 = elementary::log1p, dprog_rt_log1p_f32 = (|x| elementary::log1p(x as f64) as f32);
    Sin: dprog_rt_sin_f64 = elementary::sin, dprog_rt_sin_f32 = (|x| elementary::sin(x as f64) as f32);
    Cos: dprog_rt_cos_f64 = elementary::cos, dprog_rt_cos_f32 = (|x| elementary::cos(x as f64) as f32);
    Tan: dprog_rt_tan_f64 = elementary::tan, dprog_rt_tan_f32 = (|x| elementary::tan(x as f64) as f32);
    Asin: dprog_rt_asin_f64 = elementary::asin, dprog_rt_asin_f32 = (|x| elementary::asin(x as f64) as f32);
    Acos: dprog_rt_acos_f64 = elementary::acos, dprog_rt_acos_f32 = (|x| elementary::acos(x as f64) as f32);
    Atan: dprog_rt_atan_f64 = elementary::atan, dprog_rt_atan_f32 = (|x| elementary::atan(x as f64) as f32);
    Sinh: dprog_rt_sinh_f64 = elementary::sinh, dprog_rt_sinh_f32 = (|x| elementary::sinh(x as f64) as f32);
    Cosh: dprog_rt_cosh_f64 = elementary::cosh, dprog_rt_cosh_f32 = (|x| elementary::cosh(x as f64) as f32);
    Tanh: dprog_rt_tanh_f64 = elementary::tanh, dprog_rt_tanh_f32 = (|x| elementary::tanh(x as f64) as f32);
    Asinh: dprog_rt_asinh_f64 = elementary::asinh, dprog_rt_asinh_f32 = (|x| elementary::asinh(x as f64) as f32);
    Acosh: dprog_rt_acosh_f64 = elementary::acosh, dprog_rt_acosh_f32 = (|x| elementary::acosh(x as f64) as f32);
    Atanh: dprog_rt_atanh_f64 = elementary::atanh, dprog_rt_atanh_f32 = (|x| elementary::atanh(x as f64) as f32);
    Erf: dprog_rt_erf_f64 = elementary::erf, dprog_rt_erf_f32 = (|x| elementary::erf(x as f64) as f32);
    Erfc: dprog_rt_erfc_f64 = elementary::erfc, dprog_rt_erfc_f32 = (|x| elementary::erfc(x as f64) as f32);
    Sigmoid: dprog_rt_sigmoid_f64 = elementary::sigmoid, dprog_rt_sigmoid_f32 = (|x| elementary::sigmoid(x as f64) as f32);
    Softplus: dprog_rt_softplus_f64 = elementary::softplus, dprog_rt_softplus_f32 = (|x| elementary::softplus(x as f64) as f32);
    Lgamma: dprog_rt_lgamma_f64 = elementary::lgamma, dprog_rt_lgamma_f32 = (|x| elementary::lgamma(x as f64) as f32);
    Digamma: dprog_rt_digamma_f64 = elementary::digamma, dprog_rt_digamma_f32 = (|x| elementary::digamma(x as f64) as f32);
    Trigamma: dprog_rt_trigamma_f64 = elementary::trigamma, dprog_rt_trigamma_f32 = (|x| elementary::trigamma(x as f64) as f32);
    Floor: dprog_rt_floor_f64 = elementary::floor, dprog_rt_floor_f32 = (|x| elementary::floor(x as f64) as f32);
    Ceil: dprog_rt_ceil_f64 = elementary::ceil, dprog_rt_ceil_f32 = (|x| elementary::ceil(x as f64) as f32);
    Round: dprog_rt_round_f64 = elementary::round, dprog_rt_round_f32 = (|x| elementary::round(x as f64) as f32);
    Trunc: dprog_rt_trunc_f64 = elementary::trunc, dprog_rt_trunc_f32 = (|x| elementary::trunc(x as f64) as f32);
    }
    binary {
    Rem: dprog_rt_rem_f64 = elementary::rem, dprog_rt_rem_f32 = (|x, y| elementary::rem(x as f64, y as f64) as f32);
    Pow: dprog_rt_pow_f64 = elementary::pow, dprog_rt_pow_f32 = (|x, y| elementary::pow(x as f64, y as f64) as f32);
    Atan2: dprog_rt_atan2_f64 = elementary::atan2, dprog_rt_atan2_f32 = (|x, y| elementary::atan2(x as f64, y as f64) as f32);
    Hypot: dprog_rt_hypot_f64 = elementary::hypot, dprog_rt_hypot_f32 = (|x, y| elementary::hypot(x as f64, y as f64) as f32);
    Polygamma: dprog_rt_polygamma_f64 = polygamma,
        dprog_rt_polygamma_f32 = (|n, x| polygamma(n as f64, x as f64) as f32);
    }
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub extern "C" fn dprog_rt_pow_i64(x: i64, y: i64) -> i64 {
    binary_i64(BinaryOp::Pow, x, y).expect("a power does not trap")
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub extern "C" fn dprog_rt_pow_i32(x: i32, y: i32) -> i32 {
    binary_i32(BinaryOp::Pow, x, y).expect("a power does not trap")
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub extern "C" fn dprog_rt_pow_u8(x: u8, y: u8) -> u8 {
    binary_u8(BinaryOp::Pow, x, y).expect("a power does not trap")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dprog_ir::fmath::{binary_f32, binary_f64, unary_f32, unary_f64};

    /// Some functions of the table, found by their symbols.
    fn address(name: &str) -> *const u8 {
        table().into_iter().find(|(n, _)| *n == name).unwrap().1
    }

    #[test]
    fn functions_are_those_of_the_interpreter() {
        for x in [-2.5, -0.0, 0.3, 1.0, 7.25, f64::INFINITY, f64::NAN] {
            for (op, _) in UnaryOp::TABLE {
                let Some([wide, narrow]) = unary_symbols(*op) else { continue };
                // SAFETY: the table gives functions of these types.
                let (f, g): (extern "C" fn(f64) -> f64, extern "C" fn(f32) -> f32) =
                    unsafe { (std::mem::transmute(address(wide)), std::mem::transmute(address(narrow))) };
                assert_eq!(f(x).to_bits(), unary_f64(*op, x).to_bits(), "{wide} {x}");
                assert_eq!(g(x as f32).to_bits(), unary_f32(*op, x as f32).to_bits(), "{narrow} {x}");
            }
            for (op, _) in BinaryOp::TABLE {
                let Some([wide, narrow]) = binary_symbols(*op) else { continue };
                // SAFETY: the table gives functions of these types.
                let (f, g): (extern "C" fn(f64, f64) -> f64, extern "C" fn(f32, f32) -> f32) =
                    unsafe { (std::mem::transmute(address(wide)), std::mem::transmute(address(narrow))) };
                assert_eq!(f(x, 1.5).to_bits(), binary_f64(*op, x, 1.5).to_bits(), "{wide} {x}");
                assert_eq!(g(x as f32, 1.5).to_bits(), binary_f32(*op, x as f32, 1.5).to_bits(), "{narrow} {x}");
            }
        }
    }
}
