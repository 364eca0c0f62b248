//! The error function and its complement.

use super::exponential::{exp, exp_of_sum};
use super::lanes::{Lanes, clamp, copy_sign, fast_two_sum, halves, polynomial, two_product, two_sum};

/// (erf x / x − 2/√π) / x² over x², for |x| ≤ 1; relative error of the error function 2^-56.8.
const ERF: [f64; 11] = [
    -0.37612638903183615,
    0.112837916709471,
    -0.026866170643502666,
    0.005223977608953735,
    -0.000854832605260572,
    0.00012055296976944612,
    -1.4924773201973803e-05,
    1.6447837837405408e-06,
    -1.6211428964874326e-07,
    1.3732007173483699e-08,
    -7.816918017730223e-10,
];
/// exp(x²) erfc x over (x − 2) / (x + 2), for x from 1 to 6; absolute error of the error function 2^-56.1.
const ERFC: [f64; 13] = [
    0.25539567631050575,
    -0.42718584741395216,
    0.2416581942425274,
    -0.07897858101744716,
    0.00373289238065308,
    0.006997461765438243,
    -0.0008471417396294901,
    -0.0009819721273147848,
    4.3534247046875775e-05,
    0.00017422514753214947,
    2.7468206865418748e-05,
    -2.6700302345807826e-05,
    -1.2583059344541122e-05,
];
/// 2/√π − 1.
const SLOPE: f64 = 0.12837916709551256;

/// A series up to 1, 1 − erfc beyond; 1 from 6 on.
#[inline(always)]
pub fn erf<L: Lanes>(x: L) -> L {
    let y = x.abs().either(x.abs().lt(x.constant(1.0)), near_zero, beyond_one);
    copy_sign(y, x)
}

#[inline(always)]
fn near_zero<L: Lanes>(x: L) -> L {
    x + series(x)
}

/// erf x − x, for |x| ≤ 1.
#[inline(always)]
fn series<L: Lanes>(x: L) -> L {
    let z = x * x;
    x * (z * polynomial(z, &ERF) + SLOPE)
}

#[inline(always)]
fn beyond_one<L: Lanes>(x: L) -> L {
    let x = clamp(x, 1.0, 6.0);
    let t = (x - 2.0) / (x + 2.0);
    -(exp(-(x * x)) * polynomial(t, &ERFC)) + 1.0
}

/// exp(x²) erfc x (x + 1) over (x − 15/4) / (x + 15/4), for x from ½ to 27.3, less FAR_REST; relative error of erfc 2^-55.5.
const ERFC_FAR: [f64; 22] = [
    0.691551176056433,
    -0.20683126504048674,
    0.11479674120104343,
    -0.04064757851688645,
    -0.003099809054814794,
    0.018750997232616206,
    -0.017275087307418127,
    0.010070828133452154,
    -0.003971808588214473,
    0.0008650452543943636,
    7.062565073055007e-05,
    -0.00012112763018450698,
    2.7615614365205017e-05,
    8.100399403317982e-06,
    -5.345133732194717e-06,
    -1.572176055857484e-07,
    7.783618748864166e-07,
    -6.435997990165947e-08,
    -1.0582338585493317e-07,
    1.5333664995418828e-08,
    1.0819066779002087e-08,
    -1.8168852950975028e-09,
];
/// The polynomial without its first coefficient.
const FAR_TAIL: [f64; 22] = {
    let mut tail = ERFC_FAR;
    tail[0] = 0.0;
    tail
};
/// What f64 leaves out of the first coefficient.
const FAR_REST: f64 = 4.3871936465341507e-17;

/// 1 − erf x, with all digits where it is small.
#[inline(always)]
pub fn erfc<L: Lanes>(x: L) -> L {
    x.either(
        x.lt(x.constant(0.5)),
        |x| x.either(x.constant(-1.0).lt(x), |x| (-x + 1.0) - series(x), |x| beyond_one(-x) + 1.0),
        |x| far(x),
    )
}

/// e^(−x²) P(t) / (x + 1). What rounding took from x² and from the quotient goes into the exponent.
#[inline(always)]
fn far<L: Lanes>(x: L) -> L {
    let x = clamp(x, 0.5, 28.0);
    let t = (x - 3.75) / (x + 3.75);
    let tail = polynomial(t, &FAR_TAIL);
    let (p, p_low) = fast_two_sum(t.constant(ERFC_FAR[0]), tail);
    let (down, down_low) = two_sum(x, x.constant(1.0));
    let short = halves(x).0;
    let square_low = (x - short) * (x + short);
    let quotient = p / down;
    let (back, back_low) = two_product(quotient, down);
    let lost = (((p - back) - back_low) + (p_low + FAR_REST) - quotient * down_low) / p;
    exp_of_sum(-(short * short), Some(lost - square_low)) * quotient
}
