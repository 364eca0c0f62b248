//! The logistic function and its integral: without overflow, and with all digits where they are small.

use super::{Lanes, exp, log1p};

/// 1 / (1 + e⁻ˣ); for negative x as eˣ / (1 + eˣ).
#[inline(always)]
pub fn sigmoid<L: Lanes>(x: L) -> L {
    let e = exp(-x.abs());
    let above = L::select(x.lt(x.constant(0.0)), e, x.constant(1.0));
    above / (e + 1.0)
}

/// log(1 + eˣ); for positive x as x + log(1 + e⁻ˣ).
#[inline(always)]
pub fn softplus<L: Lanes>(x: L) -> L {
    let zero = x.constant(0.0);
    let log = log1p(exp(-x.abs()));
    log + L::select(zero.lt(x), x, zero)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_from_zero() {
        assert_eq!((sigmoid(-1e4), sigmoid(1e4)), (0.0, 1.0));
        assert_eq!((softplus(-1e4), softplus(1e4)), (0.0, 1e4));
        assert_eq!((sigmoid(-700.0), softplus(-700.0)), (exp(-700.0), exp(-700.0)));
        assert!(sigmoid(f64::NAN).is_nan() && softplus(f64::NAN).is_nan());
    }
}
