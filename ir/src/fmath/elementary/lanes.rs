//! What an elementary function may use of a machine: the vocabulary in which each of them is written, once.
//!
//! A function is a generic `fn(x: L) -> L` over [`Lanes`], in final tagless style [Carette, Kiselyov, Shan: Finally
//! Tagless, Partially Evaluated, JFP 19(5) 2009]: with `f64` it computes, with Cranelift's values it writes code, for one
//! lane or for several. So all engines give the same bits because they have the same operations in the same order: IEEE
//! additions, multiplications, divisions, square roots and comparisons, each rounded once, and integer operations on the
//! bits. There is no fused multiply-add, no call and, in what all lanes share, no branch.
//!
//! Some operations exist for one lane only ([`OneLane`]). What needs them is either a function that is never vectorized,
//! or the rare case of one that is ([`Lanes::rarely`]).

use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Shl, Shr, Sub};

/// Floats, one or several.
pub trait Lanes:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
{
    /// 64 bits in each lane; arithmetic wraps, `>>` shifts zeros in.
    type Int: Copy
        + Add<Output = Self::Int>
        + Sub<Output = Self::Int>
        + BitAnd<Output = Self::Int>
        + BitOr<Output = Self::Int>
        + BitXor<Output = Self::Int>
        + Add<u64, Output = Self::Int>
        + Sub<u64, Output = Self::Int>
        + BitAnd<u64, Output = Self::Int>
        + BitOr<u64, Output = Self::Int>
        + Shl<u32, Output = Self::Int>
        + Shr<u32, Output = Self::Int>;
    /// The answer to a comparison in each lane.
    type Mask: Copy + BitAnd<Output = Self::Mask> + BitOr<Output = Self::Mask> + Not<Output = Self::Mask>;

    /// This number in every lane. (`self` says in which code.)
    fn constant(self, x: f64) -> Self;
    fn integer(self, x: u64) -> Self::Int;
    fn abs(self) -> Self;
    fn sqrt(self) -> Self;
    fn lt(self, other: Self) -> Self::Mask;
    fn le(self, other: Self) -> Self::Mask;
    fn eq(self, other: Self) -> Self::Mask;
    fn select(mask: Self::Mask, then: Self, otherwise: Self) -> Self;
    fn bits(self) -> Self::Int;
    fn from_bits(bits: Self::Int) -> Self;

    /// `usual`, but in lanes where `when` holds, what `rare` gives for that lane of `self`.
    fn rarely(self, when: Self::Mask, rare: Rare, usual: Self) -> Self;

    /// `full`; but one lane alone may take the short way, which gives the same where `when` holds.
    fn shortcut(self, when: Self::Mask, short: impl FnOnce(Self) -> Self, full: impl FnOnce(Self) -> Self) -> Self {
        let _ = (when, short);
        full(self)
    }

    /// One of two values, for functions with pieces so long that one lane should not compute both.
    fn either(self, when: Self::Mask, then: impl FnOnce(Self) -> Self, otherwise: impl FnOnce(Self) -> Self) -> Self {
        Self::select(when, then(self), otherwise(self))
    }
}

/// One float, with integer operations that vector units do not have.
pub trait OneLane: Lanes {
    fn int_mul(a: Self::Int, b: Self::Int) -> Self::Int;
    /// The upper 64 bits of the unsigned product.
    fn int_mul_high(a: Self::Int, b: Self::Int) -> Self::Int;
    /// Unsigned; the divisor is not zero.
    fn int_rem(a: Self::Int, b: Self::Int) -> Self::Int;
    /// Unsigned.
    fn int_lt(a: Self::Int, b: Self::Int) -> Self::Mask;
    fn int_select(mask: Self::Mask, then: Self::Int, otherwise: Self::Int) -> Self::Int;
    /// Counts from 0 to 63.
    fn shift_left(a: Self::Int, count: Self::Int) -> Self::Int;
    fn shift_right(a: Self::Int, count: Self::Int) -> Self::Int;
    /// Of a number that is not zero.
    fn leading_zeros(a: Self::Int) -> Self::Int;
    /// A signed integer as a float, rounded to nearest.
    fn from_int(a: Self::Int) -> Self;
    /// `table[index]`, the index being in range.
    fn look_up(self, table: &'static [u64], index: Self::Int) -> Self::Int;
    /// As long as `more` holds of the state: `step`.
    fn repeat<const N: usize>(
        self,
        state: [Self::Int; N],
        more: impl Fn([Self::Int; N]) -> Self::Mask,
        step: impl Fn([Self::Int; N]) -> [Self::Int; N],
    ) -> [Self::Int; N];
}

/// Parts of functions for arguments that hardly occur, computed lane by lane and out of line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Rare {
    /// The sine of a number that is large, infinite or NaN.
    Sin,
    Cos,
    Tan,
}

impl Rare {
    pub const ALL: [Rare; 3] = [Rare::Sin, Rare::Cos, Rare::Tan];

    /// The name that the part has as a function of its own.
    pub fn name(self) -> &'static str {
        match self {
            Rare::Sin => "sin_of_large",
            Rare::Cos => "cos_of_large",
            Rare::Tan => "tan_of_large",
        }
    }

    /// Its value.
    #[inline]
    pub fn apply<L: OneLane>(self, x: L) -> L {
        match self {
            Rare::Sin => super::trigonometric::sin_of_large(x),
            Rare::Cos => super::trigonometric::cos_of_large(x),
            Rare::Tan => super::trigonometric::tan_of_large(x),
        }
    }
}

/// `c₀ + c₁ z + c₂ z² + …`, neighbours first, then pairs of neighbours: half the latency of Horner's rule
/// [Estrin: Organization of computer systems, 1960].
#[inline(always)]
pub fn polynomial<L: Lanes, const N: usize>(z: L, coefficients: &[f64; N]) -> L {
    let mut level = [z; N];
    let mut count = N.div_ceil(2);
    for i in 0..count {
        let first = z.constant(coefficients[2 * i]);
        level[i] = if 2 * i + 1 < N { z * coefficients[2 * i + 1] + first } else { first };
    }
    let mut power = z;
    while count > 1 {
        power = power * power;
        let half = count.div_ceil(2);
        for i in 0..half {
            level[i] = if 2 * i + 1 < count { level[2 * i + 1] * power + level[2 * i] } else { level[2 * i] };
        }
        count = half;
    }
    level[0]
}

/// The sum of two numbers and what rounding took from it; the first is not smaller in magnitude, or the sum is exact
/// [Dekker: A floating-point technique for extending the available precision, 1971].
#[inline(always)]
pub fn fast_two_sum<L: Lanes>(a: L, b: L) -> (L, L) {
    let sum = a + b;
    (sum, (a - sum) + b)
}

/// The same without a condition [Knuth: The Art of Computer Programming 2, §4.2.2].
#[inline(always)]
pub fn two_sum<L: Lanes>(a: L, b: L) -> (L, L) {
    let sum = a + b;
    let part = sum - a;
    (sum, (a - (sum - part)) + (b - part))
}

/// The upper 26 bits of a number, and the rest, which has 27.
#[inline(always)]
pub fn halves<L: Lanes>(x: L) -> (L, L) {
    let high = L::from_bits(x.bits() & 0xFFFF_FFFF_F800_0000);
    (high, x - high)
}

/// The product of two numbers and what rounding took from it, by halves [Dekker 1971]; as 27 · 27 bits may round, the
/// second is exact to its last two bits only.
#[inline(always)]
pub fn two_product<L: Lanes>(a: L, b: L) -> (L, L) {
    let product = a * b;
    let ((ah, al), (bh, bl)) = (halves(a), halves(b));
    (product, ((ah * bh - product) + (ah * bl + al * bh)) + al * bl)
}

/// The magnitude of `x` with the sign of `y`.
#[inline(always)]
pub fn copy_sign<L: Lanes>(x: L, y: L) -> L {
    L::from_bits((x.bits() & !SIGN) | (y.bits() & SIGN))
}

/// The bit of the sign.
pub const SIGN: u64 = 1 << 63;

/// `x` within bounds; NaN stays.
#[inline(always)]
pub fn clamp<L: Lanes>(x: L, low: f64, high: f64) -> L {
    let (low, high) = (x.constant(low), x.constant(high));
    let x = L::select(x.lt(low), low, x);
    L::select(high.lt(x), high, x)
}
