//! log, log1p, log2, log10, and what is made of log1p: asinh, acosh, atanh.
//!
//! x = 2ᵏ (1 + f) with 1 + f between √½ and √2; with s = f / (2 + f), log(1 + f) = 2 artanh s = 2s + s R(s²), which is
//! f − (f²/2 − s (f²/2 + R)), so that the greatest term is exact [Tang: Table-driven implementation of the logarithm
//! function, ACM TOMS 16(4) 1990; the form is that of FDLIBM]. Where the logarithm is only a step ([`log_sum`]), the same
//! series is added as a sum of two floats [Dekker 1971].

use super::exponential::{LN2_HIGH, LN2_LOW};
use super::lanes::{Lanes, copy_sign, fast_two_sum, halves, polynomial, two_sum};

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
    x.shortcut(
        is_normal(x),
        |x| {
            let (k, m) = split_normal(x);
            near_one(m - 1.0, k, None)
        },
        |x| {
            let (k, m) = split(x);
            with_limits(x, near_one(m - 1.0, k, None))
        },
    )
}

/// Whether x is positive, finite and not subnormal.
#[inline(always)]
pub fn is_normal<L: Lanes>(x: L) -> L::Mask {
    x.constant(SMALLEST_NORMAL).le(x) & x.lt(x.constant(f64::INFINITY))
}

/// [`split`] of such a number.
#[inline(always)]
fn split_normal<L: Lanes>(x: L) -> (L, L) {
    parts(x.bits(), x.constant(INTEGERS + 1023.0))
}

/// The exponent and the fraction, between √½ and √2, of a positive number.
#[inline(always)]
pub fn split<L: Lanes>(x: L) -> (L, L) {
    let tiny = x.lt(x.constant(SMALLEST_NORMAL));
    let bias = L::select(tiny, x.constant(INTEGERS + 1077.0), x.constant(INTEGERS + 1023.0));
    parts(L::select(tiny, x * TWO_54, x).bits(), bias)
}

#[inline(always)]
fn parts<L: Lanes>(bits: L::Int, bias: L) -> (L, L) {
    let bits = bits + (ONE - ROOT_HALF);
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

/// log(x + √(x² − 1)), the root, of t² + 2t for t = x − 1, as a sum; log 2x where the square would overflow.
#[inline(always)]
pub fn acosh<L: Lanes>(x: L) -> L {
    let great = x.constant(1e9).lt(x);
    let t = x - 1.0;
    let root = (t * (t + 2.0)).sqrt();
    let short = halves(root).0;
    // √w − short = (w − short²) / (√w + short), the square being exact; this and what the sum lost, against the sum.
    let both = root + short;
    let (sum, lost) = fast_two_sum(x, short);
    let low = (((t + t) - short * short) + t * t + lost * both) / (both * sum);
    let zero = x.constant(0.0);
    let low = L::select(great | t.eq(zero), zero, low);
    let y = log_near(L::select(great, x, sum), low, L::select(great, x.constant(1.0), zero));
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

/// Three times (artanh s / s − 1 − z/3) / z²; relative error of the sum 2^-73.5.
const LOG_FAR: [f64; 8] = [
    0.5999999999999996,
    0.428571428571688,
    0.3333333332602945,
    0.27272728339205377,
    0.23076833007830763,
    0.20004564460074872,
    0.1751043679622572,
    0.17998417921703552,
];

/// A factor: as a float, and as a sum of which the first has 26 bits.
struct Factor {
    whole: f64,
    high: f64,
    low: f64,
}

/// 2/3, and the same divided by ln 2 and by ln 10.
const TO_BASE_E: Factor = Factor { whole: 0.6666666666666666, high: 0.6666666567325592, low: 9.934107462565104e-09 };
const TO_BASE_2: Factor = Factor { whole: 0.9617966939259756, high: 0.9617966860532761, low: 7.872699542894897e-09 };
const TO_BASE_10: Factor = Factor { whole: 0.2895296546021679, high: 0.2895296514034271, low: 3.198740761077315e-09 };

/// The logarithm of m, between √½ and √2, to the base of the factor: a sum of which the first is exact. Its relative error
/// is below 2^-64. Numbers are cut to 26 bits so that products are exact [as FDLIBM's pow does].
#[inline(always)]
fn log_of_fraction<L: Lanes>(m: L, base: &Factor) -> (L, L) {
    let f = m - 1.0;
    let (down, down_low) = fast_two_sum(f.constant(2.0), f);
    let inverse = f.constant(1.0) / down;
    let s = f * inverse;
    let (s_high, (down_high, down_rest)) = (halves(s).0, halves(down));
    let s_low = (((f - s_high * down_high) - s_high * down_rest) - s_high * down_low) * inverse;
    // 3 artanh s = s (3 + z + z² …)
    let (z, z_high) = (s * s, s_high * s_high);
    let tail = z * z * polynomial(z, &LOG_FAR) + s_low * (s_high + s);
    let sum = halves(z_high + 3.0 + tail).0;
    let sum_low = tail - ((sum - 3.0) - z_high);
    let (product, product_low) = (s_high * sum, s_low * sum + sum_low * s);
    let high = halves(product + product_low).0;
    let low = product_low - (high - product);
    (high * base.high, high * base.low + low * base.whole)
}

/// log x as a sum, for a positive normal number. The first has 26 bits.
#[inline(always)]
pub fn log_sum_of_normal<L: Lanes>(x: L) -> (L, L) {
    let (sum, low) = sum_of_parts(split_normal(x));
    let (sum, cut) = halves(sum);
    (sum, cut + low)
}

/// The same for any x; an infinity or NaN where the logarithm is one.
#[inline(always)]
pub fn log_sum<L: Lanes>(x: L) -> (L, L) {
    let (sum, low) = sum_of_parts(split(x));
    let (sum, cut) = halves(with_limits(x, sum));
    (sum, cut + low)
}

#[inline(always)]
fn sum_of_parts<L: Lanes>((k, m): (L, L)) -> (L, L) {
    let (high, low) = log_of_fraction(m, &TO_BASE_E);
    let (sum, rest) = fast_two_sum(k * LN2_HIGH, high);
    (sum, rest + (k * LN2_LOW + low))
}

/// log10 2 in two parts; the first has 38 bits.
const LOG10_2_HIGH: f64 = f64::from_bits(0x3FD3_4413_509F_0000);
const LOG10_2_LOW: f64 = f64::from_bits(0x3D7E_7FBC_C47C_4ACD);

/// The logarithm to base 2.
#[inline(always)]
pub fn log2<L: Lanes>(x: L) -> L {
    let of_parts = |(k, m): (L, L)| {
        let (high, low) = log_of_fraction(m, &TO_BASE_2);
        let (sum, rest) = fast_two_sum(k, high);
        sum + (rest + low)
    };
    x.shortcut(is_normal(x), |x| of_parts(split_normal(x)), |x| with_limits(x, of_parts(split(x))))
}

/// The logarithm to base 10.
#[inline(always)]
pub fn log10<L: Lanes>(x: L) -> L {
    let of_parts = |(k, m): (L, L)| {
        let (high, low) = log_of_fraction(m, &TO_BASE_10);
        let (sum, rest) = fast_two_sum(k * LOG10_2_HIGH, high);
        sum + (rest + (low + k * LOG10_2_LOW))
    };
    x.shortcut(is_normal(x), |x| of_parts(split_normal(x)), |x| with_limits(x, of_parts(split(x))))
}
