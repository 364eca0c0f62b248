//! sin, cos and tan.
//!
//! x = k π/2 + y with |y| ≤ π/4, as an unevaluated sum of two. Below [`LARGE`], π/2 in three parts whose products with k
//! are exact or far below what matters [Cody, Waite 1980]: after the worst cancellation of such arguments (2^-58) the
//! sum is exact to 2^-57 of itself. Beyond, the bits of 2/π that matter are multiplied as integers
//! [Payne, Hanek: Radian reduction for trigonometric functions, SIGNUM 18(1) 1983].

use super::lanes::{Lanes, OneLane, Rare, SIGN, copy_sign, fast_two_sum, polynomial, two_product};

/// Relative error of the sine 2^-57.9, …
const SIN: [f64; 6] = [
    -0.1666666666666663,
    0.00833333333332184,
    -0.00019841269829358514,
    2.7557313538501406e-06,
    -2.5050734385537288e-08,
    1.5895432952912763e-10,
];
/// … of the cosine 2^-63.9, for |y| ≤ π/4.
const COS: [f64; 6] = [
    0.041666666666666595,
    -0.0013888888888873342,
    2.480158728900206e-05,
    -2.755731421697976e-07,
    2.0875705375685625e-09,
    -1.1358747385627077e-11,
];
const TWO_OVER_PI: f64 = std::f64::consts::FRAC_2_PI;
/// π/2 in parts of 38, 38 and 53 bits.
const PART_1: f64 = f64::from_bits(0x3FF9_21FB_5444_0000);
const PART_2: f64 = f64::from_bits(0x3D86_8C23_4C4C_0000);
const PART_3: f64 = f64::from_bits(0x3B29_8A2E_0370_7345);
/// Adding this rounds to an integer and leaves it in the lowest bits.
const SHIFT: f64 = 6755399441055744.0;
/// From here on k might have more than 14 bits.
const LARGE: f64 = 25000.0;

#[inline(always)]
pub fn sin<L: Lanes>(x: L) -> L {
    x.rarely(!x.abs().lt(x.constant(LARGE)), Rare::Sin, reduce(x).sin())
}

#[inline(always)]
pub fn cos<L: Lanes>(x: L) -> L {
    x.rarely(!x.abs().lt(x.constant(LARGE)), Rare::Cos, reduce(x).cos())
}

#[inline(always)]
pub fn tan<L: Lanes>(x: L) -> L {
    x.rarely(!x.abs().lt(x.constant(LARGE)), Rare::Tan, reduce(x).tan())
}

/// The sine, where it is known that the argument is below [`LARGE`]: without the way for others.
#[inline(always)]
pub(super) fn sin_of_small<L: Lanes>(x: L) -> L {
    reduce(x).sin()
}

/// The same for the tangent.
#[inline(always)]
pub(super) fn tan_of_small<L: Lanes>(x: L) -> L {
    reduce(x).tan()
}

/// An angle: `quadrant` (its lowest two bits) times π/2, plus `high + low`.
struct Angle<L: Lanes> {
    quadrant: L::Int,
    high: L,
    low: L,
}

#[inline(always)]
fn reduce<L: Lanes>(x: L) -> Angle<L> {
    let shifted = x * TWO_OVER_PI + SHIFT;
    let k = shifted - SHIFT;
    let first = x - k * PART_1;
    let step = k * PART_2;
    // Where `first` is smaller than `step`, their difference is exact.
    let second = first - step;
    let lost = (first - second) - step;
    let correction = k * PART_3 - lost;
    // Differences instead of sums keep the sign of zero.
    let high = second - correction;
    Angle { quadrant: shifted.bits(), high, low: (second - high) - correction }
}

impl<L: Lanes> Angle<L> {
    #[inline(always)]
    fn sin(self) -> L {
        let (sin, cos) = self.kernels();
        turned(self.quadrant, sin.0 - sin.1, cos.0 + cos.1)
    }

    #[inline(always)]
    fn cos(self) -> L {
        let (sin, cos) = self.kernels();
        turned(self.quadrant + 1, sin.0 - sin.1, cos.0 + cos.1)
    }

    /// The quotient of sine and cosine, or the other way round. What is missing from the quotient q of their first parts
    /// is divided by the lower one d, which is multiplied by d (1 + q²).
    #[inline(always)]
    fn tan(self) -> L {
        let (sin, cos) = self.kernels();
        let (sin, sin_low) = fast_two_sum(sin.0, -sin.1);
        let (cos, cos_low) = fast_two_sum(cos.0, cos.1);
        let odd = odd_mask::<L>(self.quadrant);
        let (up, up_low) = (blend(odd, cos, sin), blend(odd, cos_low, sin_low));
        let (down, down_low) = (blend(odd, sin, cos), blend(odd, sin_low, cos_low));
        let quotient = up / down;
        let missing = (up_low - quotient * down_low) * (down * (quotient * quotient + 1.0));
        // A sum would lose the sign of zero.
        let sum = copy_sign(quotient + missing, quotient);
        L::from_bits(sum.bits() ^ (odd << 63))
    }

    /// Sine, as a difference, and cosine, as a sum, of `high + low`.
    #[inline(always)]
    fn kernels(&self) -> ((L, L), (L, L)) {
        let (y, low) = (self.high, self.low);
        let z = y * y;
        let half = z * 0.5;
        let sin = (half * low - low) - z * y * polynomial(z, &SIN);
        let one = y.constant(1.0);
        let top = one - half;
        let cos = ((one - top) - half) + (z * z * polynomial(z, &COS) - y * low);
        ((y, sin), (top, cos))
    }
}

/// The sine of an angle of which sine and cosine in its quadrant are given.
#[inline(always)]
fn turned<L: Lanes>(quadrant: L::Int, sin: L, cos: L) -> L {
    let value = blend(odd_mask::<L>(quadrant), cos, sin);
    L::from_bits(value.bits() ^ ((quadrant << 62) & sin.integer(SIGN)))
}

/// All ones where the integer is odd, else zeros.
#[inline(always)]
fn odd_mask<L: Lanes>(quadrant: L::Int) -> L::Int {
    let odd = quadrant & 1;
    (odd - odd) - odd
}

/// By bits, for masks that did not come out of a comparison: no branch, and no way to another register.
#[inline(always)]
fn blend<L: Lanes>(mask: L::Int, then: L, otherwise: L) -> L {
    L::from_bits(otherwise.bits() ^ (mask & (then.bits() ^ otherwise.bits())))
}

// ---- large arguments ----

pub fn sin_of_large<L: OneLane>(x: L) -> L {
    if_finite(x, reduce_large(x).sin())
}

pub fn cos_of_large<L: OneLane>(x: L) -> L {
    if_finite(x, reduce_large(x).cos())
}

pub fn tan_of_large<L: OneLane>(x: L) -> L {
    if_finite(x, reduce_large(x).tan())
}

#[inline(always)]
fn if_finite<L: Lanes>(x: L, y: L) -> L {
    L::select(x.abs().lt(x.constant(f64::INFINITY)), y, x.constant(f64::NAN))
}

/// 64 zeros, then the bits of 2/π.
static TWO_OVER_PI_BITS: [u64; 20] = [
    0,
    0xA2F9836E4E441529,
    0xFC2757D1F534DDC0,
    0xDB6295993C439041,
    0xFE5163ABDEBBC561,
    0xB7246E3A424DD2E0,
    0x06492EEA09D1921C,
    0xFE1DEB1CB129A73E,
    0xE88235F52EBB4484,
    0xE99C7026B45F7E41,
    0x3991D639835339F4,
    0x9C845F8BBDF9283B,
    0x1FF897FFDE05980F,
    0xEF2F118B5A0A6D1F,
    0x6D367ECF27CB09B7,
    0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B,
    0x3D0739F78A5292EA,
    0x6BFB5FB11F8D5D08,
    0x56033046FC7B6BAB,
];

/// x = m 2ᵉ, and m times the 192 bits of 2/π that begin where the product is below 8: its top two bits are the quadrant,
/// the others the fraction of it, which is exact to 2^-137.
#[inline(always)]
fn reduce_large<L: OneLane>(x: L) -> Angle<L> {
    let bits = x.abs().bits();
    let biased = clamp_exponent::<L>(bits >> 52);
    let m = (bits & 0x000F_FFFF_FFFF_FFFF) | 0x0010_0000_0000_0000;
    // e = biased − 1075; the window begins at bit e − 2 of 2/π, and so at bit e + 62 of the table.
    let start = biased - (1075 - 62);
    let (word, shift) = (start >> 6, start & 63);
    let table: [L::Int; 4] = [0, 1, 2, 3].map(|i| x.look_up(&TWO_OVER_PI_BITS, word + i));
    let window = |i: usize| {
        let below = L::shift_right(table[i + 1] >> 1, x.integer(63) - shift);
        L::shift_left(table[i], shift) | below
    };
    let (w0, w1, w2) = (window(0), window(1), window(2));
    let low = L::int_mul_high(m, w2);
    let middle = L::int_mul(m, w1) + low;
    let carry = L::int_select(L::int_lt(middle, low), x.integer(1), x.integer(0));
    let top = L::int_mul(m, w0) + L::int_mul_high(m, w1) + carry;
    let rest = L::int_mul(m, w2);
    // The fraction as a signed number of 128 bits.
    let (high, low) = ((top << 2) | (middle >> 62), (middle << 2) | (rest >> 62));
    let quadrant = (top >> 62) + (high >> 63);
    from_fraction(x, quadrant, high, low)
}

/// Exponents of infinities and NaN have no window.
#[inline(always)]
fn clamp_exponent<L: OneLane>(biased: L::Int) -> L::Int {
    let most = (biased - biased) + 2046;
    L::int_select(L::int_lt(most, biased), most, biased)
}

/// The angle of which the fraction is `high:low` / 2¹²⁸, signed, for the sign of `x`.
#[inline(always)]
fn from_fraction<L: OneLane>(x: L, quadrant: L::Int, high: L::Int, low: L::Int) -> Angle<L> {
    let zero = x.integer(0);
    let negative = zero - (high >> 63);
    // Magnitude: the complement, whose distance from the negation is 2^-128.
    let (high, low) = (high ^ negative, low ^ negative);
    let zeros = L::leading_zeros(high | 1);
    let shifted = L::shift_left(high, zeros) | L::shift_right(low >> 1, x.integer(63) - zeros);
    let next = L::shift_left(low, zeros);
    let unit = L::from_bits((x.integer(1023) - zeros) << 52);
    let a = L::from_int(shifted >> 11) * unit * TWO_M53;
    let b = L::from_int(((shifted << 53) | (next >> 11)) >> 11) * unit * (TWO_M53 * TWO_M53);
    let (product, lost) = two_product(a, x.constant(std::f64::consts::FRAC_PI_2));
    let (y, y_low) = fast_two_sum(product, lost + (a * FRAC_PI_2_REST + b * std::f64::consts::FRAC_PI_2));
    let sign = (negative & x.integer(SIGN)) ^ (x.bits() & SIGN);
    let flip = zero - (x.bits() >> 63);
    let quadrant = (quadrant ^ flip) - flip;
    Angle { quadrant, high: L::from_bits(y.bits() ^ sign), low: L::from_bits(y_low.bits() ^ sign) }
}

const TWO_M53: f64 = 1.1102230246251565e-16;
const FRAC_PI_2_REST: f64 = 6.123233995736766e-17;
