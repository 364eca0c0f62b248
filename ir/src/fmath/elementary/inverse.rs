//! asin, acos, atan and atan2.

use super::lanes::{Lanes, SIGN, copy_sign, fast_two_sum, polynomial};

/// (atan t − t) / t³ over t², for t up to 0.3126; relative error of the arctangent 2^-62.9.
const ATAN: [f64; 10] = [
    -0.33333333333333315,
    0.19999999999990853,
    -0.14285714284147719,
    0.11111110978126816,
    -0.09090902592887068,
    0.07692110721279538,
    -0.06662830318438294,
    0.05834044278657735,
    -0.04878905119111294,
    0.02953847408172468,
];
/// (asin t − t) / t³ over t², for t up to ½; relative error of the arcsine 2^-59.8.
const ASIN: [f64; 13] = [
    0.16666666666666763,
    0.07499999999970129,
    0.04464285717525455,
    0.030381942676890233,
    0.022372215857979987,
    0.017351596403517248,
    0.013981007226899657,
    0.01139738926327086,
    0.010788762331015124,
    0.0036743660907921126,
    0.021785177029267827,
    -0.02110875540159841,
    0.03269704680353095,
];
/// Constants and what f64 leaves out of them.
const PI: (f64, f64) = (std::f64::consts::PI, 1.2246467991473532e-16);
const PI_2: (f64, f64) = (std::f64::consts::FRAC_PI_2, 6.123233995736766e-17);
const PI_4: (f64, f64) = (std::f64::consts::FRAC_PI_4, 3.061616997868383e-17);
const ATAN_HALF: (f64, f64) = (0.4636476090008061, 2.2698777452961687e-17);

/// The angle of the point (1, x).
#[inline(always)]
pub fn atan<L: Lanes>(x: L) -> L {
    copy_sign(first_quadrant(x.abs(), x.constant(1.0)), x)
}

/// The angle of the point (x, y). The cases are those of IEEE 754 §9.2.1.
#[inline(always)]
pub fn atan2<L: Lanes>(y: L, x: L) -> L {
    let (zero, infinity) = (x.constant(0.0), x.constant(f64::INFINITY));
    // Two infinities make the diagonal, two zeros the axis.
    let both = x.abs().eq(infinity) & y.abs().eq(infinity);
    let neither = x.eq(zero) & y.eq(zero);
    let one = x.constant(1.0);
    let up = L::select(both, one, L::select(neither, zero, y.abs()));
    let along = L::select(both | neither, one, x.abs());
    // So that nothing overflows, and quotients of subnormal numbers are exact.
    let small = up.lt(x.constant(1e270)) & along.lt(x.constant(1e270));
    let factor = L::select(small, x.constant(TWO_60), x.constant(1.0 / TWO_60));
    let angle = first_quadrant(up * factor, along * factor);
    let left = (-angle + PI.1) + PI.0;
    let negative = copy_sign(one, x).lt(zero);
    copy_sign(L::select(negative, left, angle), y)
}

/// The angle of a point between the axes: that of the smaller coordinate against the greater, a/b, is turned by the
/// angle whose tangent is c = 0, ½ or 1, to (a − cb) / (b + ca), where subtraction is exact.
#[inline(always)]
fn first_quadrant<L: Lanes>(y: L, x: L) -> L {
    let steep = x.lt(y);
    let (a, b) = (L::select(steep, x, y), L::select(steep, y, x));
    let (middle, last) = ((b * 0.3125).le(a), (b * 0.75).le(a));
    let choose = |near: f64, half: f64, whole: f64| {
        L::select(last, a.constant(whole), L::select(middle, a.constant(half), a.constant(near)))
    };
    let c = choose(0.0, 0.5, 1.0);
    // An infinite b has c = 0, and infinity times 0 is none.
    let turned = L::select(middle, a - c * b, a);
    let t = turned / (b + c * a);
    let z = t * t;
    let (high, low) = (choose(0.0, ATAN_HALF.0, PI_4.0), choose(0.0, ATAN_HALF.1, PI_4.1));
    let tail = t * z * polynomial(z, &ATAN) + low;
    let (sum, sum_low) = fast_two_sum(high, t);
    let sum = L::select(middle, sum, t);
    let sum_low = L::select(middle, sum_low + tail, tail);
    // The other way round: π/2 less the angle.
    let (turned, turned_low) = fast_two_sum(a.constant(PI_2.0), -sum);
    let other = turned + ((turned_low + PI_2.1) - sum_low);
    L::select(steep, other, sum + sum_low)
}

const TWO_60: f64 = 1152921504606846976.0;

/// For |x| ≤ ½ a series; else π/2 − 2 asin √((1 − |x|) / 2).
#[inline(always)]
pub fn asin<L: Lanes>(x: L) -> L {
    let part = Arcsine::of(x);
    let beyond = (part.root * -2.0 + PI_2.0) - ((part.root_low + part.tail) * 2.0 - PI_2.1);
    let y = L::select(part.small, part.root + part.tail, beyond);
    inside(x, copy_sign(y, x))
}

/// `y` where the sine of something is x, else NaN.
#[inline(always)]
fn inside<L: Lanes>(x: L, y: L) -> L {
    L::select(x.abs().le(x.constant(1.0)), y, x.constant(f64::NAN))
}

/// π/2 − asin x, or 2 asin √((1 − x) / 2), or π less that of −x.
#[inline(always)]
pub fn acos<L: Lanes>(x: L) -> L {
    let part = Arcsine::of(x);
    let sign = x.bits() & SIGN;
    let signed = |v: L| L::from_bits(v.bits() ^ sign);
    let near = (-signed(part.root) + PI_2.0) + (-signed(part.tail) + PI_2.1);
    let low = part.root_low + part.tail;
    let right = (part.root + low) * 2.0;
    let left = (part.root * -2.0 + PI.0) - (low * 2.0 - PI.1);
    let beyond = L::select(x.lt(x.constant(0.0)), left, right);
    inside(x, L::select(part.small, near, beyond))
}

/// asin(root + root_low) = root + (root_low + tail), of |x| or of what it is traced back to.
struct Arcsine<L: Lanes> {
    small: L::Mask,
    root: L,
    root_low: L,
    tail: L,
}

impl<L: Lanes> Arcsine<L> {
    #[inline(always)]
    fn of(x: L) -> Arcsine<L> {
        let size = x.abs();
        let small = size.lt(x.constant(0.5));
        let z = L::select(small, size * size, (-size + 1.0) * 0.5);
        let zero = x.constant(0.0);
        let square_root = z.sqrt();
        let root = L::select(small, size, square_root);
        // √z − root = (z − root²) / (root + √z), the square being exact for a root of 26 bits.
        let short = L::from_bits(square_root.bits() & 0xFFFF_FFFF_F800_0000);
        let missing = (z - short * short) / (square_root + short);
        let missing = L::select(small | z.eq(zero), zero, missing);
        let root = L::select(small, root, short);
        Arcsine { small, root, root_low: missing, tail: L::select(small, size, square_root) * z * polynomial(z, &ASIN) }
    }
}
