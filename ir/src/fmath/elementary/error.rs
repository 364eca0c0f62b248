//! The error function.

use super::exponential::exp;
use super::lanes::{Lanes, clamp, copy_sign, polynomial};

/// (erf x / x − 2/√π) / x² over x², for |x| ≤ 1; relative error of the error function 2^-56.8.
const ERF: [f64; 11] = [
    -0.37612638903183615,
    0.112837916709471,
    -0.026866170643502666,
    0.005223977608953735,
    -0.000854832605260572,
    0.00012055296976944612,
    -1.4924773201973803e-05,
    1.6447837837405408e-06,
    -1.6211428964874326e-07,
    1.3732007173483699e-08,
    -7.816918017730223e-10,
];
/// exp(x²) erfc x over (x − 2) / (x + 2), for x from 1 to 6; absolute error of the error function 2^-56.1.
const ERFC: [f64; 13] = [
    0.25539567631050575,
    -0.42718584741395216,
    0.2416581942425274,
    -0.07897858101744716,
    0.00373289238065308,
    0.006997461765438243,
    -0.0008471141396294901,
    -0.0009819721273147848,
    4.3534247046875775e-05,
    0.00017422514753214947,
    2.7468206865418748e-05,
    -2.6700302345807826e-05,
    -1.2583059344541122e-05,
];
/// 2/√π − 1.
const SLOPE: f64 = 0.12837916709551256;

/// A series up to 1, 1 − erfc beyond; 1 from 6 on.
#[inline(always)]
pub fn erf<L: Lanes>(x: L) -> L {
    let y = x.abs().either(x.abs().lt(x.constant(1.0)), near_zero, beyond_one);
    copy_sign(y, x)
}

#[inline(always)]
fn near_zero<L: Lanes>(x: L) -> L {
    let z = x * x;
    x + x * (z * polynomial(z, &ERF) + SLOPE)
}

#[inline(always)]
fn beyond_one<L: Lanes>(x: L) -> L {
    let x = clamp(x, 1.0, 6.0);
    let t = (x - 2.0) / (x + 2.0);
    -(exp(-(x * x)) * polynomial(t, &ERFC)) + 1.0
}
