//! The polygamma functions.
//!
//! For large arguments the asymptotic series, [Abramowitz, Stegun: Handbook of Mathematical Functions, 6.3.18 and
//! 6.4.11]; smaller ones are first shifted up by the recurrences 6.3.5 and 6.4.6, negative ones reflected by 6.3.7 and
//! 6.4.7. For positive arguments and order 1 or more all terms have one sign, so the relative error is a few units of
//! 1e-16; of digamma, next to its zeros, the absolute error is.

use super::elementary;
use std::f64::consts::PI;

/// From here on, plus the order, the series below are exact to double precision: the first term left out is below
/// 1e-18. Found by comparing orders of terms.
const LARGE: f64 = 12.0;

/// B₂ₖ for k = 1…10.
const BERNOULLI: [f64; 10] = [
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

/// Beyond this order, factorials overflow.
const MAX_ORDER: f64 = 170.0;

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
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return -1.0 / x;
    }
    if x < 0.0 {
        // ψ(x) = ψ(1 − x) − π cot(πx)
        return digamma(1.0 - x) - PI * cotangent(x);
    }
    let d = (x - ZERO[0]) - ZERO[1];
    if d.abs() < 0.02 {
        return AT_ZERO.iter().rev().fold(0.0, |sum, c| (sum + c) * d);
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < LARGE {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let w = 1.0 / (x * x);
    let coefficients = BERNOULLI.iter().enumerate().map(|(k, b)| b / (2 * k + 2) as f64);
    let series = coefficients.rev().fold(0.0, |sum, c| (sum + c) * w);
    sum + (elementary::log(x) - 0.5 / x - series)
}

/// ψ′(x), the derivative of `digamma`. Infinite at 0 and the negative integers.
pub fn trigamma(x: f64) -> f64 {
    polygamma(1.0, x)
}

/// The derivative of `digamma` of an order, which is a whole number; NaN for others. At the poles, 0 and the negative
/// integers, infinite for odd orders, and NaN for even ones, which change sign there.
pub fn polygamma(order: f64, x: f64) -> f64 {
    if order == 0.0 {
        return digamma(x);
    }
    if !(order > 0.0 && order <= MAX_ORDER && order == elementary::trunc(order)) {
        return f64::NAN;
    }
    let n = order as usize;
    let odd = n % 2 == 1;
    if x <= 0.0 {
        if x == elementary::trunc(x) {
            return if odd { f64::INFINITY } else { f64::NAN };
        }
        // ψⁿ(x) = (−1)ⁿ ψⁿ(1 − x) − π dⁿ/dxⁿ cot(πx)
        let mirrored = polygamma(order, 1.0 - x);
        return (if odd { -mirrored } else { mirrored }) - PI * derivative_of_cotangent(n, x);
    }
    let factorial = (1..=n).fold(1.0, |product, k| product * k as f64);
    let magnitude = factorial * hurwitz_zeta(n + 1, x);
    if odd { magnitude } else { -magnitude }
}

/// ζ(s, x) = Σ (x + k)⁻ˢ for k from 0, x > 0 and s > 1, by the formula of Euler and Maclaurin.
fn hurwitz_zeta(s: usize, x: f64) -> f64 {
    let power = |x: f64| (0..s).fold(1.0, |p, _| p / x);
    let steps = elementary::ceil(LARGE + s as f64 - x).max(0.0) as usize;
    let y = x + steps as f64;
    let w = 1.0 / (y * y);
    // s(s + 1)…(s + 2k − 2) / (2k)!, times y⁻²ᵏ, each from the one before.
    let mut factor = 0.5 * s as f64 * w;
    let mut tail = 0.0;
    for (k, b) in BERNOULLI.iter().enumerate() {
        tail += b * factor;
        let (first, below) = ((s + 2 * k + 1) as f64, (2 * k + 3) as f64);
        factor *= first * (first + 1.0) / (below * (below + 1.0)) * w;
    }
    let rest = power(y) * y * (1.0 / (s - 1) as f64 + 0.5 / y + tail);
    (0..steps).rev().fold(rest, |sum, k| sum + power(x + k as f64))
}

/// cot(πx), from the distance to the nearest integer, or to the nearest half of one, which are exact: so next to its zeros, too, all
/// digits are right.
fn cotangent(x: f64) -> f64 {
    let rest = x - elementary::round(x);
    if rest == 0.0 {
        return f64::NAN;
    }
    let (near, far) = (rest.abs(), 0.5 - rest.abs());
    let magnitude = if near > 0.25 { elementary::tan(PI * far) } else { 1.0 / elementary::tan(PI * near) };
    magnitude.copysign(rest)
}

/// dⁿ/dxⁿ cot(πx) = πⁿ Pₙ(cot(πx)), with P₀(t) = t and Pₙ₊₁(t) = −(1 + t²) Pₙ′(t): the coefficients of each have one sign.
fn derivative_of_cotangent(n: usize, x: f64) -> f64 {
    let t = cotangent(x);
    let mut p = vec![0.0; n + 2];
    p[1] = 1.0;
    let mut scale = 1.0;
    for _ in 0..n {
        let slope: Vec<f64> = (1..p.len()).map(|k| k as f64 * p[k]).chain([0.0]).collect();
        p = (0..p.len()).map(|k| -slope[k] - if k >= 2 { slope[k - 2] } else { 0.0 }).collect();
        scale *= PI;
    }
    scale * p.iter().rev().fold(0.0, |sum, c| sum * t + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 4e-15 * b.abs(), "{a} is not {b}");
    }

    #[test]
    fn digamma_at_known_points() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        close(digamma(1.0), -EULER);
        close(digamma(0.5), -EULER - 2.0 * std::f64::consts::LN_2);
        close(digamma(10.0), 2.251_752_589_066_721);
        close(digamma(-0.5), 0.036_489_973_978_576_52);
        close(digamma(-1e-20), 1e20);
        assert!(digamma(-2.0).is_nan());
        assert_eq!(digamma(f64::INFINITY), f64::INFINITY);
    }

    #[test]
    fn digamma_next_to_its_zero_and_on_both_sides_of_the_series() {
        close(digamma(1.461_632_144_968_362_3), -9.241_265_521_729_427e-17);
        close(digamma(1.48), 0.017_626_268_388_849_453);
        // Not by the series: a few units of the terms that cancel.
        assert!((digamma(1.49) - 0.027_100_275_835_486_194).abs() < 5e-16);
    }

    #[test]
    fn polygamma_at_known_points() {
        const ZETA_3: f64 = 1.202_056_903_159_594_2;
        close(trigamma(1.0), PI * PI / 6.0);
        close(trigamma(0.5), PI * PI / 2.0);
        close(trigamma(-0.5), PI * PI / 2.0 + 4.0);
        assert_eq!(trigamma(0.0), f64::INFINITY);
        assert!(polygamma(2.0, -1.0).is_nan() && polygamma(1.5, 1.0).is_nan());
        close(polygamma(2.0, 1.0), -2.0 * ZETA_3);
        close(polygamma(2.0, 0.5), -14.0 * ZETA_3);
        close(polygamma(2.0, -0.5), -14.0 * ZETA_3 + 16.0);
        close(polygamma(3.0, 1.0), PI.powi(4) / 15.0);
        close(polygamma(3.0, -0.5), PI.powi(4) + 96.0);
    }
}
