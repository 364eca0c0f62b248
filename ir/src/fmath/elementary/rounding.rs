//! Rounding to integers, and remainders: exact, for processors without such instructions and for those who want the same
//! code everywhere.

use super::exponential::scale;
use super::lanes::{Lanes, OneLane, copy_sign};

/// From here on every float is an integer.
const TWO_52: f64 = 4503599627370496.0;

/// The nearest integer of a magnitude below 2⁵², with the sign of `x`; a greater one itself.
#[inline(always)]
fn nearest<L: Lanes>(x: L) -> L {
    let size = x.abs();
    let rounded = (size + TWO_52) - TWO_52;
    copy_sign(L::select(size.lt(x.constant(TWO_52)), rounded, x), x)
}

#[inline(always)]
pub fn floor<L: Lanes>(x: L) -> L {
    let r = nearest(x);
    L::select(x.lt(r), r - 1.0, r)
}

#[inline(always)]
pub fn ceil<L: Lanes>(x: L) -> L {
    let r = nearest(x);
    copy_sign(L::select(r.lt(x), r + 1.0, r), x)
}

#[inline(always)]
pub fn trunc<L: Lanes>(x: L) -> L {
    let r = nearest(x);
    let toward_zero = r - copy_sign(x.constant(1.0), x);
    copy_sign(L::select(x.abs().lt(r.abs()), toward_zero, r), x)
}

/// Half away from zero.
#[inline(always)]
pub fn round<L: Lanes>(x: L) -> L {
    let whole = trunc(x);
    let away = whole + copy_sign(x.constant(1.0), x);
    let rest = (x - whole).abs();
    copy_sign(L::select(x.constant(0.5).le(rest), away, whole), x)
}

/// x − n y for the integer n nearest to x / y toward zero; exact. The fraction of x is shifted up, eleven bits at a time, and
/// reduced by that of y.
pub fn rem<L: OneLane>(x: L, y: L) -> L {
    let (a, b) = (Parts::of(x), Parts::of(y));
    let (zero, one, step) = (x.integer(0), x.integer(1), x.integer(11));
    let divisor = L::int_select(y.eq(y.constant(0.0)), one, b.fraction);
    let distance = L::int_select(L::int_lt(a.exponent, b.exponent), zero, a.exponent - b.exponent);
    let first = L::int_rem(a.fraction, divisor);
    let [_, rest] = x.repeat(
        [distance, first],
        |[left, _]| L::int_lt(zero, left),
        |[left, rest]| {
            let count = L::int_select(L::int_lt(left, step), left, step);
            [left - count, L::int_rem(L::shift_left(rest, count), divisor)]
        },
    );
    // The fraction has the exponent of y, less 1075.
    let value = copy_sign(scale(L::from_int(rest), b.exponent + (2046 - 1075)), x);
    let infinity = x.constant(f64::INFINITY);
    let smaller = L::select(x.abs().lt(y.abs()), x, value);
    let defined = x.abs().lt(infinity) & x.constant(0.0).lt(y.abs());
    L::select(defined, smaller, x.constant(f64::NAN))
}

/// A number as fraction times 2 to the exponent, which has the bias 1075.
struct Parts<L: OneLane> {
    fraction: L::Int,
    exponent: L::Int,
}

impl<L: OneLane> Parts<L> {
    fn of(x: L) -> Parts<L> {
        let bits = x.abs().bits();
        let biased = bits >> 52;
        let fraction = bits & 0x000F_FFFF_FFFF_FFFF;
        let subnormal = L::int_lt(biased, x.integer(1));
        Parts {
            fraction: L::int_select(subnormal, fraction, fraction | 0x0010_0000_0000_0000),
            exponent: L::int_select(subnormal, x.integer(1), biased),
        }
    }
}
