//! The digamma and trigamma functions, which `libm` does not have.
//!
//! For large arguments the asymptotic series, [Abramowitz, Stegun: Handbook of Mathematical Functions, 6.3.18 and
//! 6.4.12]; smaller ones are first shifted up by the recurrences 6.3.5 and 6.4.6, negative ones reflected by 6.3.7 and
//! 6.4.7. Absolute error a few units of 1e-16 times the greatest term; next to the zeros of digamma (1.4616… and those
//! on the negative axis) the relative error is accordingly larger.

use std::f64::consts::PI;

/// From here on the series below are exact to double precision: the first term left out is below 1e-18. Found by
/// comparing orders of terms.
const LARGE: f64 = 12.0;

/// B₂ₙ / 2n for n = 1…8.
const DIGAMMA: [f64; 8] =
    [1.0 / 12.0, -1.0 / 120.0, 1.0 / 252.0, -1.0 / 240.0, 1.0 / 132.0, -691.0 / 32760.0, 1.0 / 12.0, -3617.0 / 8160.0];

/// B₂ₙ for n = 1…8.
const TRIGAMMA: [f64; 8] =
    [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0, -3617.0 / 510.0];

/// ψ(x), the derivative of `lgamma`. Infinite at 0, NaN at the negative integers.
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return -1.0 / x;
    }
    if x < 0.0 {
        // ψ(x) = ψ(1 − x) − π / tan(πx); the tangent has period 1 in x.
        let rest = x - libm::floor(x);
        return if rest == 0.0 { f64::NAN } else { digamma(1.0 - x) - PI / libm::tan(PI * rest) };
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < LARGE {
        sum -= 1.0 / x;
        x += 1.0;
    }
    sum + (libm::log(x) - 0.5 / x - series(&DIGAMMA, x))
}

/// ψ′(x), the derivative of `digamma`. Infinite at 0 and the negative integers.
pub fn trigamma(x: f64) -> f64 {
    if x <= 0.0 {
        // ψ′(x) = (π / sin πx)² − ψ′(1 − x)
        let rest = x - libm::floor(x);
        let ratio = PI / libm::sin(PI * rest);
        return if rest == 0.0 { f64::INFINITY } else { ratio * ratio - trigamma(1.0 - x) };
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < LARGE {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    sum + (1.0 / x + 0.5 / (x * x) + series(&TRIGAMMA, x) / x)
}

/// Σ cₙ x⁻²ⁿ for n from 1, by Horner's rule.
fn series(coefficients: &[f64], x: f64) -> f64 {
    let w = 1.0 / (x * x);
    coefficients.iter().rev().fold(0.0, |sum, c| (sum + c) * w)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-14 * b.abs().max(1.0), "{a} is not {b}");
    }

    #[test]
    fn digamma_at_known_points() {
        const EULER: f64 = 0.577_215_664_901_532_9;
        close(digamma(1.0), -EULER);
        close(digamma(0.5), -EULER - 2.0 * std::f64::consts::LN_2);
        close(digamma(10.0), 2.251_752_589_066_721);
        close(digamma(-0.5), 0.036_489_973_978_576_52);
        assert!(digamma(-2.0).is_nan());
        assert_eq!(digamma(f64::INFINITY), f64::INFINITY);
    }

    #[test]
    fn trigamma_at_known_points() {
        close(trigamma(1.0), PI * PI / 6.0);
        close(trigamma(0.5), PI * PI / 2.0);
        close(trigamma(-0.5), PI * PI / 2.0 + 4.0);
        assert_eq!(trigamma(0.0), f64::INFINITY);
    }
}
