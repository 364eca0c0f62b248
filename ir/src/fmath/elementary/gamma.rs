//! lgamma and its first two derivatives, for one lane: they have loops and long pieces.
//!
//! `lgamma` is in pieces as in Sun's `e_lgamma_r.c` [Ng: FDLIBM 5.3, 1995]: polynomials about 1, 2 and the minimum, a product that
//! leads down to them, Stirling's series from 8 on. The polygamma functions have asymptotic series for large arguments
//! [Abramowitz, Stegun: Handbook of Mathematical Functions, 6.3.18, 6.4.12]; smaller ones are first shifted up by the recurrences
//! 6.3.5 and 6.4.6. Negative arguments are reflected.

use super::lanes::{Lanes, OneLane, copy_sign};
use super::logarithm::log;
use super::rounding::{ceil, round, trunc};
use super::trigonometric::{sin_of_small, tan_of_small};
use std::f64::consts::PI;

/// From here on, plus the order, the series of the polygamma functions are exact to double precision: the first term left out is
/// below 1e-18. Found by comparing orders of terms.
pub(crate) const LARGE: f64 = 12.0;

/// B₂ₖ for k = 1…10.
pub(crate) const BERNOULLI: [f64; 10] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174611.0 / 330.0,
];

/// The positive zero of ψ, with the digits that its nearest float lacks.
const ZERO: [f64; 2] = [1.461_632_144_968_362_3, 9.549_995_429_965_697e-17];

/// Coefficients of Taylor's series of ψ about its positive zero, from the first order on.
const AT_ZERO: [f64; 10] = [
    0.967_672_245_447_621_2,
    -0.442_763_168_983_592_1,
    0.258_499_760_955_651,
    -0.163_942_705_442_406_52,
    0.107_824_050_691_262_37,
    -0.072_199_561_256_454_71,
    0.048_804_288_164_143_11,
    -0.033_161_126_474_847_36,
    0.022_597_648_232_218_104,
    -0.015_424_765_904_948_96,
];

/// ψ(x), the derivative of `lgamma`. Infinite at 0, NaN at the negative integers.
pub fn digamma<L: OneLane>(x: L) -> L {
    let (zero, one) = (x.constant(0.0), x.constant(1.0));
    let negative = x.lt(zero);
    let value = digamma_of_positive(L::select(negative, one - x, x));
    // ψ(x) = ψ(1 − x) − π cot(πx)
    let value = x.either(negative, |x| value - cotangent(x) * PI, |_| value);
    L::select(x.eq(zero), -(one / x), value)
}

fn digamma_of_positive<L: OneLane>(x: L) -> L {
    let from_zero = (x - ZERO[0]) - ZERO[1];
    let near = from_zero.abs().lt(x.constant(0.02));
    let taylor = |x: L| AT_ZERO.iter().rev().fold(x.constant(0.0), |sum, c| (sum + *c) * from_zero);
    x.either(near, taylor, |x| {
        let one = x.constant(1.0);
        let [y, sum] = x.repeat(
            [x.bits(), x.constant(0.0).bits()],
            |[y, _]| L::from_bits(y).lt(x.constant(LARGE)),
            |[y, sum]| {
                let (y, sum) = (L::from_bits(y), L::from_bits(sum));
                [(y + 1.0).bits(), (sum - one / y).bits()]
            },
        );
        let (y, sum) = (L::from_bits(y), L::from_bits(sum));
        let w = one / (y * y);
        let coefficients = BERNOULLI.iter().enumerate().map(|(k, b)| b / (2 * k + 2) as f64);
        let series = coefficients.rev().fold(x.constant(0.0), |sum, c| (sum + c) * w);
        sum + (log(y) - x.constant(0.5) / y - series)
    })
}

/// ψ′(x), the derivative of `digamma`. Infinite at 0 and the negative integers.
pub fn trigamma<L: OneLane>(x: L) -> L {
    let (zero, one) = (x.constant(0.0), x.constant(1.0));
    let turned = x.le(zero);
    let value = trigamma_of_positive(L::select(turned, one - x, x));
    // ψ′(x) = π² (1 + cot²(πx)) − ψ′(1 − x)
    let mirrored = |x: L| {
        let t = cotangent(x);
        (t * t + 1.0) * PI * PI - value
    };
    let value = x.either(turned, mirrored, |_| value);
    L::select(turned & x.eq(trunc(x)), x.constant(f64::INFINITY), value)
}

/// ζ(2, x) = Σ (x + k)⁻² for k from 0, by the formula of Euler and Maclaurin.
fn trigamma_of_positive<L: OneLane>(x: L) -> L {
    let (zero, one) = (x.constant(0.0), x.constant(1.0));
    let steps = ceil(x.constant(LARGE + 2.0) - x);
    let steps = L::select(zero.lt(steps), steps, zero);
    let y = x + steps;
    let w = one / (y * y);
    let tail = BERNOULLI.iter().rev().fold(zero, |sum, b| (sum + *b) * w);
    let rest = one / y + w * 0.5 + tail / y;
    let [_, sum] = x.repeat(
        [steps.bits(), rest.bits()],
        |[k, _]| zero.lt(L::from_bits(k)),
        |[k, sum]| {
            let (k, sum) = (L::from_bits(k) - 1.0, L::from_bits(sum));
            let at = x + k;
            [k.bits(), (sum + one / at / at).bits()]
        },
    );
    L::from_bits(sum)
}

/// cot(πx), from the distance to the nearest integer, or to the nearest half of one, which are exact: so next to its zeros, too, all
/// digits are right.
pub(crate) fn cotangent<L: Lanes>(x: L) -> L {
    let rest = x - round(x);
    let (near, far) = (rest.abs(), x.constant(0.5) - rest.abs());
    let turned = x.constant(0.25).lt(near);
    let tangent = tan_of_small(L::select(turned, far, near) * PI);
    let magnitude = L::select(turned, tangent, x.constant(1.0) / tangent);
    L::select(rest.eq(x.constant(0.0)), x.constant(f64::NAN), copy_sign(magnitude, rest))
}

// ---- lgamma ----

/// About 2, in powers of 2 − x squared.
const A: [f64; 12] = [
    7.72156649015328655494e-02,
    3.22467033424113591611e-01,
    6.73523010531292681824e-02,
    2.05808084325167332806e-02,
    7.38555086081402883957e-03,
    2.89051383673415629091e-03,
    1.19270763183362067845e-03,
    5.10069792153511336608e-04,
    2.20862790713908385557e-04,
    1.08011567247583939954e-04,
    2.52144565451257326939e-05,
    4.48640949618915160150e-05,
];
/// Where the minimum is, its value, and what that lacks.
const MINIMUM: f64 = 1.46163214496836224576e+00;
const AT_MINIMUM: f64 = -1.21486290535849611461e-01;
const AT_MINIMUM_LOW: f64 = 3.63867699703950536541e-18;
/// About the minimum.
const T: [f64; 15] = [
    4.83836122723810047042e-01,
    -1.47587722994593911752e-01,
    6.46249402391333854778e-02,
    -3.27885410759859649565e-02,
    1.79706750811820387126e-02,
    -1.03142241298341437450e-02,
    6.10053870246291332635e-03,
    -3.68452016781138256760e-03,
    2.25964780900612472250e-03,
    -1.40346469989232843813e-03,
    8.81081882437654011382e-04,
    -5.38595305356740546715e-04,
    3.15632070903625950361e-04,
    -3.12754168375120860518e-04,
    3.35529192635519073543e-04,
];
/// About 1: a quotient.
const U: [f64; 6] = [
    -7.72156649015328655494e-02,
    6.32827064025093366517e-01,
    1.45492250137234768737e+00,
    9.77717527963372745603e-01,
    2.28963728064692451092e-01,
    1.33810918536787660377e-02,
];
const V: [f64; 6] = [
    1.0,
    2.45597793713041134822e+00,
    2.12848976379893395361e+00,
    7.69285150456672783825e-01,
    1.04222645593369134254e-01,
    3.21709242282423911810e-03,
];
/// From 2 to 3: a quotient.
const S: [f64; 7] = [
    -7.72156649015328655494e-02,
    2.14982415960608852501e-01,
    3.25778796408930981787e-01,
    1.46350472652464452805e-01,
    2.66422703033638609560e-02,
    1.84028451407337715652e-03,
    3.19475326584100867617e-05,
];
const R: [f64; 7] = [
    1.0,
    1.39200533467621045958e+00,
    7.21935547567138069525e-01,
    1.71933865632803078993e-01,
    1.86459191715652901344e-02,
    7.77942496381893596434e-04,
    7.32668430744625636189e-06,
];
/// Stirling's series, in odd powers of 1/x.
const W: [f64; 7] = [
    4.18938533204672725052e-01,
    8.33333333333329678849e-02,
    -2.77777777728775536470e-03,
    7.93650558643019558500e-04,
    -5.95187557450339963135e-04,
    8.36339918996282139126e-04,
    -1.63092934096575273989e-03,
];

/// Below this magnitude lgamma(x) is −log|x|: 2⁻⁷⁰.
const TINY: f64 = f64::from_bits(0x3B90_0000_0000_0000);
/// From here on it is x (log x − 1): 2⁵⁸.
const HUGE: f64 = (1u64 << 58) as f64;

/// log |Γ(x)|. Infinite at 0 and the negative integers.
pub fn lgamma<L: OneLane>(x: L) -> L {
    let (zero, size) = (x.constant(0.0), x.abs());
    let value = size.either(
        size.lt(x.constant(2.0)),
        |x| x.either(x.lt(x.constant(TINY)), |x| -log(x), below_two),
        |x| x.either(x.lt(x.constant(8.0)), below_eight, stirling),
    );
    // log |Γ(x)| = log(π / |x sin(πx)|) − log Γ(−x)
    let reflected = |x: L| {
        let sine = sin_of_small((x - round(x)).abs() * PI);
        log(x.constant(PI) / (sine * x.abs())) - value
    };
    let value = x.either(x.lt(zero) & x.constant(TINY).le(size), reflected, |_| value);
    let infinity = x.constant(f64::INFINITY);
    let pole = x.lt(zero) & x.eq(trunc(x));
    L::select(pole | size.eq(infinity), infinity, value)
}

/// From [`TINY`] to 2. Up to 0.9 by lgamma(x) = lgamma(x + 1) − log x, the argument still exact.
fn below_two<L: OneLane>(x: L) -> L {
    let low = x.le(x.constant(0.9));
    let base = x.either(low, |x| -log(x), |x| x.constant(0.0));
    let pick = |below: f64, above: f64| L::select(low, x.constant(below), x.constant(above));
    let (high, middle) = (pick(0.7316, 1.7316).le(x), pick(0.2316, 1.2316).le(x));
    let about_two = |x: L| {
        let y = pick(1.0, 2.0) - x;
        let z = y * y;
        let even = horner(z, [A[0], A[2], A[4], A[6], A[8], A[10]]);
        let odd = z * horner(z, [A[1], A[3], A[5], A[7], A[9], A[11]]);
        base + ((y * even + odd) - y * 0.5)
    };
    let about_minimum = |x: L| {
        let y = x - pick(MINIMUM - 1.0, MINIMUM);
        let z = y * y;
        let w = z * y;
        let p1 = horner(w, [T[0], T[3], T[6], T[9], T[12]]);
        let p2 = horner(w, [T[1], T[4], T[7], T[10], T[13]]);
        let p3 = horner(w, [T[2], T[5], T[8], T[11], T[14]]);
        base + ((z * p1 + (w * (p2 + y * p3) + AT_MINIMUM_LOW)) + AT_MINIMUM)
    };
    let about_one = |x: L| {
        let y = x - pick(0.0, 1.0);
        base + (y * horner(y, U) / horner(y, V) - y * 0.5)
    };
    x.either(high, about_two, |x| x.either(middle, about_minimum, about_one))
}

/// From 2 to 8: down to between 2 and 3 by the recurrence.
fn below_eight<L: OneLane>(x: L) -> L {
    let whole = trunc(x);
    let y = x - whole;
    let value = y * 0.5 + y * horner(y, S) / horner(y, R);
    let mut product = x.constant(1.0);
    for k in [6.0, 5.0, 4.0, 3.0, 2.0] {
        product = L::select(x.constant(k + 1.0).le(whole), product * (y + k), product);
    }
    value + log(product)
}

fn stirling<L: OneLane>(x: L) -> L {
    let t = log(x) - 1.0;
    let z = x.constant(1.0) / x;
    let y = z * z;
    let series = z * horner(y, [W[1], W[2], W[3], W[4], W[5], W[6]]) + W[0];
    L::select(x.lt(x.constant(HUGE)), (x - 0.5) * t + series, x * t)
}

/// `c₀ + z (c₁ + z (c₂ + …))`
fn horner<L: Lanes, const N: usize>(z: L, coefficients: [f64; N]) -> L {
    let (last, rest) = coefficients.split_last().expect("there are coefficients");
    rest.iter().rev().fold(z.constant(*last), |sum, c| z * sum + *c)
}
