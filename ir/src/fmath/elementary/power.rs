//! pow, cbrt and hypot.

use super::exponential::exp_of_sum;
use super::lanes::{Lanes, SIGN, clamp, copy_sign, halves, polynomial};
use super::logarithm::{is_normal, log_sum, log_sum_of_normal, split};

/// x to the y: e^(y log |x|), where the logarithm and the product are sums of two floats. The cases are those of IEEE 754
/// §9.2.1; a power of an ordinary positive number has none.
#[inline(always)]
pub fn pow<L: Lanes>(x: L, y: L) -> L {
    let ordinary = is_normal(x) & y.abs().lt(y.constant(GREAT));
    x.shortcut(
        ordinary,
        |x| {
            let (log, log_low) = log_sum_of_normal(x);
            let (high, rest) = halves(y);
            power_of_e(high * log, rest * log + y * log_low)
        },
        |x| pow_of_any(x, y),
    )
}

/// Greater exponents give 0, 1 or infinity, as this one does; and products with it do not overflow.
const GREAT: f64 = 73786976294838206464.0;

#[inline(always)]
fn pow_of_any<L: Lanes>(x: L, y: L) -> L {
    let (one, size) = (x.constant(1.0), x.abs());
    let (log, log_low) = log_sum(size);
    let exponent = clamp(y, -GREAT, GREAT);
    let (high, rest) = halves(exponent);
    // Where the logarithm is infinite, so is the product, if only for the whole exponent.
    let finite = log.abs().lt(x.constant(f64::INFINITY));
    let magnitude = power_of_e(L::select(finite, high, exponent) * log, rest * log + exponent * log_low);
    let parity = parity(y);
    let sign = parity.odd_sign & x.bits();
    let signed = L::from_bits(magnitude.bits() ^ sign);
    let negative = x.lt(x.constant(0.0)) & x.constant(f64::NEG_INFINITY).lt(x);
    let real = L::select(negative & !parity.integral, x.constant(f64::NAN), signed);
    L::select(y.eq(y.constant(0.0)) | x.eq(one), one, real)
}

/// e^(product + low), where the second is small if the first is not far outside of the range of floats.
#[inline(always)]
fn power_of_e<L: Lanes>(product: L, low: L) -> L {
    let inside = product.abs().lt(product.constant(800.0));
    exp_of_sum(product, Some(L::select(inside, low, product.constant(0.0))))
}

struct Parity<L: Lanes> {
    integral: L::Mask,
    /// The bit of the sign if the number is an odd integer, else nothing.
    odd_sign: L::Int,
}

#[inline(always)]
fn parity<L: Lanes>(y: L) -> Parity<L> {
    const TWO_52: f64 = 4503599627370496.0;
    let size = y.abs();
    // From 2⁵² on all numbers are integers, from 2⁵³ on even; below, adding 2⁵² leaves the integer in the lowest bits.
    let great = y.constant(TWO_52).le(size);
    let shifted = size + TWO_52;
    let integral = great | (shifted - TWO_52).eq(size);
    let lowest = L::select(great, size, shifted).bits() << 63;
    let may_be_odd = integral & size.lt(y.constant(2.0 * TWO_52));
    let odd_sign = L::select(may_be_odd, L::from_bits(lowest), y.constant(0.0)).bits();
    Parity { integral, odd_sign: odd_sign & SIGN }
}

/// Relative error of the cube root of 1 + f 2^-22.5.
const CBRT: [f64; 7] = [
    0.9999998765646659,
    0.33333567946237996,
    -0.11108612763592571,
    0.06156229135404465,
    -0.041816537552250975,
    0.03346040939920253,
    -0.02038157437606096,
];
/// Adding this rounds to an integer and leaves it, plus 1023, in the lowest bits.
const SHIFT: f64 = 6755399441055744.0 + 1023.0;

/// |x| = 2³ᵠ⁺ʳ m with r = −1, 0 or 1; a polynomial for the root of m, and one step of Halley's method, for which the
/// square of the estimate is made exact.
#[inline(always)]
pub fn cbrt<L: Lanes>(x: L) -> L {
    let size = x.abs();
    let (k, m) = split(size);
    let shifted = k * (1.0 / 3.0) + SHIFT;
    let r = k - (shifted - SHIFT) * 3.0;
    let (up, down) = (x.constant(0.5).lt(r), r.lt(x.constant(-0.5)));
    let choose =
        |below: f64, above: f64| L::select(up, x.constant(above), L::select(down, x.constant(below), x.constant(1.0)));
    let a = m * choose(0.5, 2.0);
    let estimate = polynomial(m - 1.0, &CBRT) * choose(0.7937005259840998, 1.2599210498948732);
    let t = L::from_bits(estimate.bits() & 0xFFFF_FFFF_F800_0000);
    let quotient = a / (t * t);
    let root = t + t * ((quotient - t) / (t + t + quotient));
    let y = root * L::from_bits(shifted.bits() << 52);
    let ordinary = x.constant(0.0).lt(size) & size.lt(x.constant(f64::INFINITY));
    copy_sign(L::select(ordinary, y, x), x)
}

/// √(x² + y²), scaled where the squares might overflow or vanish.
#[inline(always)]
pub fn hypot<L: Lanes>(x: L, y: L) -> L {
    let (x, y) = (x.abs(), y.abs());
    let most = L::select(x.lt(y), y, x);
    let least = L::select(x.lt(y), x, y);
    let (great, small) = (x.constant(TWO_500).lt(most), most.lt(x.constant(1.0 / TWO_500)));
    let choose = |if_great: f64, if_small: f64| {
        L::select(great, x.constant(if_great), L::select(small, x.constant(if_small), x.constant(1.0)))
    };
    let factor = choose(1.0 / TWO_600, TWO_600);
    let (a, b) = (most * factor, least * factor);
    let root = (a * a + b * b).sqrt() * choose(TWO_600, 1.0 / TWO_600);
    let infinity = x.constant(f64::INFINITY);
    L::select(x.eq(infinity) | y.eq(infinity), infinity, root)
}

const TWO_500: f64 = f64::from_bits((1023 + 500) << 52);
const TWO_600: f64 = f64::from_bits((1023 + 600) << 52);
