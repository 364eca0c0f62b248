//! Sizes of arrays in linear normal form: a constant plus multiples of atoms.
//!
//! Two sizes are the same when their normal forms are: `n + n` and `2 * n`, `(a + 4) - a` and `4`. What is not linear
//! (a product of two sizes, a quotient, a minimum) becomes an atom of its own, with its operands in normal form, so that
//! equal expressions still compare equal.

use super::expr::LocalId;
use super::ty::GenericId;
use std::collections::BTreeMap;

/// What cannot be taken apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum SizeAtom {
    /// A generic size parameter.
    Param(GenericId),
    /// An immutable `i64` of the function: parameter, `let`, loop variable, a size bound by `as`.
    Local(LocalId),
    /// A non-linear operation.
    Op(SizeOp, Box<Size>, Box<Size>),
    /// To be inferred; only while checking.
    Infer(u32),
}

/// Operations that are no linear form. The truncating ones are those of `i64`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum SizeOp {
    Mul,
    Div,
    Rem,
    Min,
    Max,
    Shl,
    Shr,
}

/// `constant + Σ coefficient · atom`; no coefficient is zero. Arithmetic wraps, as that of `i64`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord, Default)]
pub struct Size {
    pub constant: i64,
    pub terms: BTreeMap<SizeAtom, i64>,
}

impl Size {
    pub fn constant(constant: i64) -> Size {
        Size { constant, terms: BTreeMap::new() }
    }

    pub fn atom(atom: SizeAtom) -> Size {
        Size { constant: 0, terms: BTreeMap::from([(atom, 1)]) }
    }

    /// The number, if there is no atom.
    pub fn as_constant(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.constant)
    }

    /// The atom, if the form is nothing but that.
    pub fn as_atom(&self) -> Option<&SizeAtom> {
        match self.terms.first_key_value() {
            Some((atom, 1)) if self.terms.len() == 1 && self.constant == 0 => Some(atom),
            _ => None,
        }
    }

    pub fn add(&self, other: &Size) -> Size {
        self.combine(other, 1)
    }

    pub fn sub(&self, other: &Size) -> Size {
        self.combine(other, -1)
    }

    pub fn scale(&self, factor: i64) -> Size {
        Size::constant(0).combine(self, factor)
    }

    /// The product: linear if one side is constant, else an atom.
    pub fn mul(&self, other: &Size) -> Size {
        match (self.as_constant(), other.as_constant()) {
            (Some(c), _) => other.scale(c),
            (_, Some(c)) => self.scale(c),
            (None, None) => {
                let (a, b) = if self <= other { (self, other) } else { (other, self) };
                Size::atom(SizeAtom::Op(SizeOp::Mul, Box::new(a.clone()), Box::new(b.clone())))
            }
        }
    }

    fn combine(&self, other: &Size, factor: i64) -> Size {
        let mut sum = self.clone();
        sum.constant = sum.constant.wrapping_add(other.constant.wrapping_mul(factor));
        for (atom, coefficient) in &other.terms {
            let entry = sum.terms.entry(atom.clone()).or_insert(0);
            *entry = entry.wrapping_add(coefficient.wrapping_mul(factor));
        }
        sum.terms.retain(|_, coefficient| *coefficient != 0);
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n() -> Size {
        Size::atom(SizeAtom::Param(GenericId(0)))
    }

    #[test]
    fn linear_forms_cancel() {
        assert_eq!(n().add(&n()), n().scale(2));
        assert_eq!(n().add(&Size::constant(4)).sub(&n()).as_constant(), Some(4));
        assert_eq!(n().mul(&n().add(&Size::constant(1))), n().add(&Size::constant(1)).mul(&n()));
    }
}
