//! The polygamma functions of any order.
//!
//! Orders 0 and 1 are [`elementary::digamma`] and [`elementary::trigamma`]. The others are by the formula of Euler and Maclaurin for
//! the zeta function of Hurwitz, negative arguments reflected [Abramowitz, Stegun: Handbook of Mathematical Functions, 6.4.7]. For
//! positive arguments all terms have one sign, so the relative error is a few units of 1e-16.

use super::elementary;
use super::elementary::gamma::{BERNOULLI, LARGE, cotangent};
use std::f64::consts::PI;

/// Beyond this order, factorials overflow.
const MAX_ORDER: f64 = 170.0;

/// The derivative of `digamma` of an order, which is a whole number; NaN for others. At the poles, 0 and the negative
/// integers, infinite for odd orders, and NaN for even ones, which change sign there.
pub fn polygamma(order: f64, x: f64) -> f64 {
    if order == 0.0 {
        return elementary::digamma(x);
    }
    if order == 1.0 {
        return elementary::trigamma(x);
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
    use crate::fmath::elementary::{digamma, lgamma, trigamma};

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

    #[test]
    fn lgamma_at_known_points() {
        close(lgamma(0.5), 0.5 * PI.ln());
        close(lgamma(-0.5), 2f64.ln() + 0.5 * PI.ln());
        close(lgamma(3.0), 2f64.ln());
        close(lgamma(7.5), 7.534_364_236_758_733);
        close(lgamma(10.0), 362_880f64.ln());
        close(lgamma(0.3), 1.095_797_994_818_075_5);
        close(lgamma(1.3), -0.108_174_809_507_860_46);
        close(lgamma(1.461_632_144_968_362_2), -0.121_486_290_535_849_61);
        close(lgamma(1e300), 1e300 * (1e300f64.ln() - 1.0));
        close(lgamma(-1e-30), 1e30f64.ln());
        assert_eq!([lgamma(1.0), lgamma(2.0)], [0.0, 0.0]);
        for pole in [0.0, -0.0, -1.0, -7.0, -1e300, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(lgamma(pole), f64::INFINITY, "{pole}");
        }
        assert!(lgamma(f64::NAN).is_nan());
    }
}
