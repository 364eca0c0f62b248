//! Numbers with a tangent: the simplest way to differentiate, and one that shares nothing with the compiler.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// Value and tangent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual(pub f64, pub f64);

impl Dual {
    pub fn exp(self) -> Dual {
        Dual(self.0.exp(), self.1 * self.0.exp())
    }

    pub fn ln(self) -> Dual {
        Dual(self.0.ln(), self.1 / self.0)
    }

    pub fn sqrt(self) -> Dual {
        Dual(self.0.sqrt(), 0.5 * self.1 / self.0.sqrt())
    }

    pub fn sin(self) -> Dual {
        Dual(self.0.sin(), self.1 * self.0.cos())
    }

    pub fn cos(self) -> Dual {
        Dual(self.0.cos(), -self.1 * self.0.sin())
    }

    pub fn tanh(self) -> Dual {
        Dual(self.0.tanh(), self.1 / self.0.cosh().powi(2))
    }

    pub fn sigmoid(self) -> Dual {
        Dual::from(1.0) / (Dual::from(1.0) + (-self).exp())
    }
}

impl From<f64> for Dual {
    fn from(x: f64) -> Dual {
        Dual(x, 0.0)
    }
}

impl Add for Dual {
    type Output = Dual;
    fn add(self, y: Dual) -> Dual {
        Dual(self.0 + y.0, self.1 + y.1)
    }
}

impl Sub for Dual {
    type Output = Dual;
    fn sub(self, y: Dual) -> Dual {
        Dual(self.0 - y.0, self.1 - y.1)
    }
}

impl Neg for Dual {
    type Output = Dual;
    fn neg(self) -> Dual {
        Dual(-self.0, -self.1)
    }
}

impl Mul for Dual {
    type Output = Dual;
    fn mul(self, y: Dual) -> Dual {
        Dual(self.0 * y.0, self.1 * y.0 + self.0 * y.1)
    }
}

impl Div for Dual {
    type Output = Dual;
    fn div(self, y: Dual) -> Dual {
        Dual(self.0 / y.0, (self.1 - self.0 / y.0 * y.1) / y.0)
    }
}

impl std::iter::Sum for Dual {
    fn sum<I: Iterator<Item = Dual>>(all: I) -> Dual {
        all.fold(Dual::from(0.0), Add::add)
    }
}
