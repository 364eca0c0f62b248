//! log and its relatives.
//!
//! x = 2ᵏ (1 + f) with 1 + f between √½ and √2; with s = f / (2 + f), log(1 + f) = 2 artanh s = 2s + s R(s²), which is
//! f − (f²/2 − s (f²/2 + R)), so that the greatest term is exact [Tang: Table-driven implementation of the logarithm
//! function, ACM TOMS 16(4) 1990; the form is that of FDLIBM].

use super::exponential::{LN2_HIGH, LN2_LOW};
use super::lanes::{Lanes, polynomial};

/// Relative error of the logarithm 2^-59.5.
const LOG: [f64; 7] = [
    0.6666666666666734,
    0.39999999999416413,
    0.2857142874212593,
    0.22222198590750034,
    0.18183563793079274,
    0.15314056126242084,
    0.14795963495269854,
];
const ONE: u64 = 0x3FF0_0000_0000_0000;
const FRACTION: u64 = 0x000F_FFFF_FFFF_FFFF;
/// √½, rounded down so that 1 is never taken for 2 · ½.
const ROOT_HALF: u64 = 0x3FE6_A09E_0000_0000;
/// 2⁵²: an integer below it, put into its fraction, is that integer more.
const INTEGERS: f64 = 4503599627370496.0;
const SMALLEST_NORMAL: f64 = f64::MIN_POSITIVE;
const TWO_54: f64 = 18014398509481984.0;

/// The logarithm to base e.
#[inline(always)]
pub fn log<L: Lanes>(x: L) -> L {
    let (k, m) = split(x);
    let f = m - 1.0;
    with_limits(x, near_one(f, k, None))
}

/// The exponent and the fraction, between √½ and √2, of a positive number.
#[inline(always)]
pub fn split<L: Lanes>(x: L) -> (L, L) {
    let tiny = x.lt(x.constant(SMALLEST_NORMAL));
    let bits = L::select(tiny, x * TWO_54, x).bits() + (ONE - ROOT_HALF);
    let bias = L::select(tiny, x.constant(INTEGERS + 1077.0), x.constant(INTEGERS + 1023.0));
    let k = L::from_bits((bits >> 52) | INTEGERS.to_bits()) - bias;
    (k, L::from_bits((bits & FRACTION) + ROOT_HALF))
}

/// log(1 + f) + k ln 2 + low.
#[inline(always)]
fn near_one<L: Lanes>(f: L, k: L, low: Option<L>) -> L {
    let s = f / (f + 2.0);
    let z = s * s;
    let half_square = f * f * 0.5;
    let rest = k * LN2_LOW;
    let rest = low.map_or(rest, |low| rest + low);
    let inner = s * (half_square + z * polynomial(z, &LOG)) + rest;
    k * LN2_HIGH - ((half_square - inner) - f)
}

/// `y` where `x` is positive and finite, else what logarithms are.
#[inline(always)]
pub fn with_limits<L: Lanes>(x: L, y: L) -> L {
    let (zero, infinity) = (x.constant(0.0), x.constant(f64::INFINITY));
    let below = L::select(x.eq(zero), x.constant(f64::NEG_INFINITY), x.constant(f64::NAN));
    let outside = L::select(zero.lt(x), infinity, below);
    L::select(zero.lt(x) & x.lt(infinity), y, outside)
}
