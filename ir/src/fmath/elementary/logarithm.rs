//! log, log1p, log2, log10, and what is made of log1p: asinh, acosh, atanh.
//!
//! x = 2ᵏ (1 + f) with 1 + f between √½ and √2; with s = f / (2 + f), log(1 + f) = 2 artanh s = 2s + s R(s²), which is
//! f − (f²/2 − s (f²/2 + R)), so that the greatest term is exact [Tang: Table-driven implementation of the logarithm
//! function, ACM TOMS 16(4) 1990; the form is that of FDLIBM]. Where the logarithm is only a step ([`log_sum`]), the same
//! series is added as a sum of two floats [Dekker 1971].

use super::exponential::{LN2_HIGH, LN2_LOW};
use super::lanes::{Lanes, copy_sign, fast_two_sum, polynomial, two_product, two_sum};

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

/// log(1 + x).
#[inline(always)]
pub fn log1p<L: Lanes>(x: L) -> L {
    let (one_more, lost) = two_sum(x.constant(1.0), x);
    let y = log_near(one_more, lost / one_more, x.constant(0.0));
    // What is so small is its own result, with its sign.
    L::select(x.abs().lt(x.constant(1e-300)), x, y)
}

/// log x + low + more ln 2, for a small `low` that matters.
#[inline(always)]
fn log_near<L: Lanes>(x: L, low: L, more: L) -> L {
    let (k, m) = split(x);
    with_limits(x, near_one(m - 1.0, k + more, Some(low)))
}

/// log(|x| + √(x² + 1)) = log1p(|x| + x² / (1 + √(x² + 1))), and log 2|x| where the square would overflow.
#[inline(always)]
pub fn asinh<L: Lanes>(x: L) -> L {
    let size = x.abs();
    let great = x.constant(1e9).lt(size);
    let square = size * size;
    let t = size + square / ((square + 1.0).sqrt() + 1.0);
    let y = log1p_or_log_of_double(great, size, t);
    copy_sign(L::select(size.lt(x.constant(1e-9)), x, y), x)
}

/// log(x + √(x² − 1)) = log1p(t + √(t² + 2t)) with t = x − 1.
#[inline(always)]
pub fn acosh<L: Lanes>(x: L) -> L {
    let great = x.constant(1e9).lt(x);
    let t = x - 1.0;
    let y = log1p_or_log_of_double(great, x, t + (t * (t + 2.0)).sqrt());
    L::select(x.lt(x.constant(1.0)), x.constant(f64::NAN), y)
}

/// log1p(2|x| / (1 − |x|)) / 2.
#[inline(always)]
pub fn atanh<L: Lanes>(x: L) -> L {
    let size = x.abs();
    let y = log1p((size + size) / (-size + 1.0)) * 0.5;
    copy_sign(L::select(size.lt(x.constant(1e-9)), x, y), x)
}

/// log(2 x) where `great`, else log1p(t).
#[inline(always)]
fn log1p_or_log_of_double<L: Lanes>(great: L::Mask, x: L, t: L) -> L {
    let (one_more, lost) = two_sum(x.constant(1.0), t);
    let zero = x.constant(0.0);
    let low = L::select(great, zero, lost / one_more);
    log_near(L::select(great, x, one_more), low, L::select(great, x.constant(1.0), zero))
}

// ---- as a sum of two floats ----

/// Relative error of the sum 2^-73.5: (artanh s / s − 1 − z/3) / z².
const LOG_FAR: [f64; 8] = [
    0.1999999999999999,
    0.14285714285721923,
    0.11111111108893765,
    0.09090909422168927,
    0.07692279200610454,
    0.06668132832594172,
    0.05837877560075536,
    0.05990990014096272,
];
const THIRD: f64 = 1.0 / 3.0;
/// 1/3 − THIRD.
const THIRD_REST: f64 = 1.850371707708594e-17;

/// log m for m between √½ and √2, as a sum whose relative error is below 2^-63.
#[inline(always)]
fn log_of_fraction<L: Lanes>(m: L) -> (L, L) {
    let f = m - 1.0;
    let (down, down_low) = fast_two_sum(f.constant(2.0), f);
    // s = f / (2 + f) and what is missing from it, with one division.
    let inverse = f.constant(1.0) / down;
    let s = f * inverse;
    let (back, back_low) = two_product(s, down);
    let s_low = (((f - back) - back_low) - s * down_low) * inverse;
    // z = s²
    let (z, z_low) = two_product(s, s);
    let z_low = z_low + (s + s) * s_low;
    // p = z/3 + z² (…)
    let (third, third_low) = two_product(z, z.constant(THIRD));
    let third_low = third_low + (z * THIRD_REST + z_low * THIRD);
    let (p, p_low) = fast_two_sum(third, z * z * polynomial(z, &LOG_FAR));
    let p_low = p_low + third_low;
    // 2 (s + s p)
    let (product, product_low) = two_product(s, p);
    let (sum, sum_low) = fast_two_sum(s, product);
    let low = sum_low + (product_low + (s_low + (s * p_low + s_low * p)));
    let (sum, low) = fast_two_sum(sum, low);
    (sum + sum, low + low)
}

/// log x as a sum; an infinity or NaN where the logarithm is one.
#[inline(always)]
pub fn log_sum<L: Lanes>(x: L) -> (L, L) {
    let (k, m) = split(x);
    let (high, low) = log_of_fraction(m);
    let (sum, rest) = fast_two_sum(k * LN2_HIGH, high);
    let (sum, low) = fast_two_sum(sum, rest + (k * LN2_LOW + low));
    (with_limits(x, sum), low)
}

const INV_LN2: f64 = std::f64::consts::LOG2_E;
/// 1 / ln 2 − INV_LN2.
const INV_LN2_REST: f64 = 2.0355273740931033e-17;
const INV_LN10: f64 = std::f64::consts::LOG10_E;
/// 1 / ln 10 − INV_LN10.
const INV_LN10_REST: f64 = 1.098319650216765e-17;
/// log10 2 in two parts; the first has 38 bits.
const LOG10_2_HIGH: f64 = f64::from_bits(0x3FD3_4413_509F_0000);
const LOG10_2_LOW: f64 = f64::from_bits(0x3D7E_7FBC_C47C_4ACD);

/// The logarithm to base 2.
#[inline(always)]
pub fn log2<L: Lanes>(x: L) -> L {
    let (k, m) = split(x);
    let (high, low) = log_of_fraction(m);
    let (product, rest) = two_product(high, x.constant(INV_LN2));
    let (sum, sum_low) = fast_two_sum(k, product);
    with_limits(x, sum + (sum_low + (rest + (low * INV_LN2 + high * INV_LN2_REST))))
}

/// The logarithm to base 10.
#[inline(always)]
pub fn log10<L: Lanes>(x: L) -> L {
    let (k, m) = split(x);
    let (high, low) = log_of_fraction(m);
    let (product, rest) = two_product(high, x.constant(INV_LN10));
    let (sum, sum_low) = fast_two_sum(k * LOG10_2_HIGH, product);
    let rest = rest + (low * INV_LN10 + high * INV_LN10_REST);
    with_limits(x, sum + (sum_low + (rest + k * LOG10_2_LOW)))
}
