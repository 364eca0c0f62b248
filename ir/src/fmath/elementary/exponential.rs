//! exp, exp2, expm1, and what is made of expm1: sinh, cosh, tanh.
//!
//! x = k ln 2 + r with |r| ≤ ln 2 / 2, ln 2 in two parts [Cody, Waite: Software Manual for the Elementary Functions,
//! 1980]; eʳ = 1 + r + r²/2 + r³ p(r), added from the smallest; and 2ᵏ in two factors, so that results may be
//! subnormal and are rounded once more only then.

use super::lanes::{Lanes, clamp, copy_sign, fast_two_sum, polynomial, two_sum};

/// (eʳ − 1 − r) / r²; relative error of expm1 2^-59.1.
const EXP: [f64; 11] = [
    0.5,
    0.16666666666666677,
    0.04166666666666658,
    0.008333333333322205,
    0.0013888888888942488,
    0.00019841269884839625,
    2.4801587198541207e-05,
    2.7557245388104517e-06,
    2.755738679135776e-07,
    2.5108656482232466e-08,
    2.087898587235174e-09,
];
/// (2ʳ − 1 − r ln 2) / r²; relative error of 2ʳ 2^-58.7.
const EXP2: [f64; 11] = [
    0.24022650695910072,
    0.05550410866482164,
    0.009618129107628347,
    0.0013333558146402381,
    0.00015403530393630956,
    1.5252733846412308e-05,
    1.3215486591810524e-06,
    1.017805485728937e-07,
    7.054978381724822e-09,
    4.456171711434361e-10,
    2.5617360874261635e-11,
];
const INV_LN2: f64 = std::f64::consts::LOG2_E;
/// ln 2 in two parts; the first has 42 bits, so its product with an exponent is exact.
pub const LN2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEFA_3800);
pub const LN2_LOW: f64 = f64::from_bits(0x3D2E_F357_93C7_6730);
const LN2: f64 = std::f64::consts::LN_2;
/// ln 2 − LN2.
const LN2_REST: f64 = f64::from_bits(0x3C7A_BC9E_3B39_803F);
/// Adding this rounds to an integer and leaves it, plus 2046, in the lowest bits.
const SHIFT: f64 = 6755399441055744.0 + 2046.0;

/// Whoever exceeds these bounds exceeds those of f64, above and below.
const HIGHEST: f64 = 710.0;
const LOWEST: f64 = -746.0;

/// eˣ.
#[inline(always)]
pub fn exp<L: Lanes>(x: L) -> L {
    exp_of_sum(x, None)
}

/// e^(x + low), for a `low` that is small against 1.
#[inline(always)]
pub fn exp_of_sum<L: Lanes>(x: L, low: Option<L>) -> L {
    let one_more = |part: &Reduced<L>| part.high.constant(1.0) + (part.high + part.rest);
    x.shortcut(
        x.abs().lt(x.constant(ORDINARY)),
        |x| {
            let part = reduce(x, low);
            one_more(&part) * L::from_bits((part.exponent - 1023) << 52)
        },
        |x| {
            let part = reduce(clamp(x, LOWEST, HIGHEST), low);
            scale(one_more(&part), part.exponent)
        },
    )
}

/// Below, neither the exponential nor its power of two leaves the normal numbers.
const ORDINARY: f64 = 700.0;

/// A number x as k ln 2 + r: eʳ − 1 as a sum, of which the first is exact; and k, see [`scale`].
struct Reduced<L: Lanes> {
    high: L,
    rest: L,
    exponent: L::Int,
}

#[inline(always)]
fn reduce<L: Lanes>(x: L, low: Option<L>) -> Reduced<L> {
    let shifted = x * INV_LN2 + SHIFT;
    let k = shifted - SHIFT;
    let high = x - k * LN2_HIGH;
    let lower = k * LN2_LOW;
    let lower = low.map_or(lower, |low| lower - low);
    let r = high - lower;
    Reduced { high, rest: r * r * polynomial(r, &EXP) - lower, exponent: shifted.bits() }
}

/// y 2ᵏ, where the lowest 12 bits of `exponent` are k + 2046.
#[inline(always)]
pub fn scale<L: Lanes>(y: L, exponent: L::Int) -> L {
    let first = exponent >> 1;
    let second = exponent - first;
    y * L::from_bits(first << 52) * L::from_bits(second << 52)
}

/// 2ˣ.
#[inline(always)]
pub fn exp2<L: Lanes>(x: L) -> L {
    let x = clamp(x, -1076.0, 1025.0);
    let shifted = x + SHIFT;
    let r = x - (shifted - SHIFT);
    let tail = r * r * polynomial(r, &EXP2) + r * LN2_REST;
    let y = r * LN2 + tail;
    scale(y + 1.0, shifted.bits())
}

/// eˣ − 1.
#[inline(always)]
pub fn expm1<L: Lanes>(x: L) -> L {
    let (sum, low) = expm1_part(clamp(x, -60.0, HIGHEST), 1);
    let y = (sum + low) * 2.0;
    // What is so small is its own result, and half of it might not exist.
    L::select(x.abs().lt(x.constant(TINY)), x, y)
}

/// Functions like sinh are the identity below; halves and quarters of what is above exist exactly.
const TINY: f64 = 1e-300;

/// (eˣ − 1) / 2ⁿ as a sum, for n = 1 or 2, so that it does not overflow before the result does.
#[inline(always)]
fn expm1_part<L: Lanes>(x: L, n: u64) -> (L, L) {
    let part = reduce(x, None);
    // 2ᵏ⁻ⁿ: k is at least −87 here and at most 1025.
    let power = L::from_bits((part.exponent - (1023 + n)) << 52);
    let (sum, low) = fast_two_sum(power - 1.0 / (1 << n) as f64, power * part.high);
    (sum, low + power * part.rest)
}

/// N / D with N = (e²ˣ − 1) / 2 and D = N + 1, both as sums. What is missing from the quotient of their first parts is
/// divided by D, which is multiplied by 1 − N / D.
#[inline(always)]
pub fn tanh<L: Lanes>(x: L) -> L {
    let size = clamp(x.abs(), 0.0, 22.0);
    let (sum, low) = expm1_part(size + size, 1);
    let (up, up_low) = fast_two_sum(sum, low);
    let (down, down_low) = two_sum(sum.constant(1.0), up);
    let quotient = up / down;
    let missing = (up_low - quotient * (down_low + up_low)) * (-quotient + 1.0);
    odd(x, quotient + missing)
}

/// Half of its exponential is infinite, a quarter of it finite, and it has k = 1025.
const HIGHEST_HALF: f64 = 710.5;

/// With E = eˣ − 1: (E + E / (E + 1)) / 2.
#[inline(always)]
pub fn sinh<L: Lanes>(x: L) -> L {
    let (sum, low) = expm1_part(clamp(x.abs(), 0.0, HIGHEST_HALF), 2);
    let quarter = sum + low;
    let second = quarter / (quarter * 4.0 + 1.0);
    odd(x, (sum + (low + second)) * 2.0)
}

/// (eˣ + 1 / eˣ) / 2.
#[inline(always)]
pub fn cosh<L: Lanes>(x: L) -> L {
    let (sum, low) = expm1_part(clamp(x.abs(), 0.0, HIGHEST_HALF), 2);
    let (quarter, rest) = two_sum(sum.constant(0.25), sum);
    let low = low + rest;
    let second = quarter.constant(0.0625) / (quarter + low);
    (quarter + (low + second)) * 2.0
}

/// An odd function that begins like the identity, from its values for positive arguments.
#[inline(always)]
fn odd<L: Lanes>(x: L, y: L) -> L {
    copy_sign(L::select(x.abs().lt(x.constant(TINY)), x, y), x)
}
