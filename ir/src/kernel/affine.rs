//! Indices as sums: a constant, multiples of counters, and multiples of numbers that are there before the loop.

use super::Num;
use smallvec::SmallVec;

/// `constant + axis · (the kernel's counter) + Σ factor · number`, computed as i64s wrap. The numbers are inputs and counters of
/// inner loops, in the order of their names, each once.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Affine {
    pub constant: i64,
    pub axis: i64,
    pub terms: SmallVec<[(Num, i64); 2]>,
}

/// Greater factors are not followed: so the span of an index cannot overflow in loops of less than 2⁴⁰ trips.
const GREATEST_FACTOR: i64 = 1 << 20;
/// Nor are longer sums.
const MOST_TERMS: usize = 4;

impl Affine {
    pub fn constant(constant: i64) -> Affine {
        Affine { constant, ..Affine::default() }
    }

    pub fn axis() -> Affine {
        Affine { axis: 1, ..Affine::default() }
    }

    pub fn number(num: Num) -> Affine {
        Affine { terms: SmallVec::from_slice(&[(num, 1)]), ..Affine::default() }
    }

    pub fn is_constant(&self) -> bool {
        self.axis == 0 && self.terms.is_empty()
    }

    /// `self + factor · other`; `None` if it gets too long.
    pub fn plus(&self, other: &Affine, factor: i64) -> Option<Affine> {
        let mut sum = self.clone();
        sum.constant = sum.constant.wrapping_add(other.constant.wrapping_mul(factor));
        sum.axis = sum.axis.checked_add(other.axis.checked_mul(factor)?)?;
        for (num, k) in &other.terms {
            let k = k.checked_mul(factor)?;
            match sum.terms.binary_search_by_key(num, |(n, _)| *n) {
                Ok(at) => sum.terms[at].1 = sum.terms[at].1.checked_add(k)?,
                Err(at) => sum.terms.insert(at, (*num, k)),
            }
        }
        sum.terms.retain(|(_, k)| *k != 0);
        sum.is_small().then_some(sum)
    }

    pub fn times(&self, factor: i64) -> Option<Affine> {
        Affine::default().plus(self, factor)
    }

    fn is_small(&self) -> bool {
        let factors = self.terms.iter().map(|(_, k)| *k).chain([self.axis]);
        self.terms.len() <= MOST_TERMS && factors.into_iter().all(|k| k.unsigned_abs() <= GREATEST_FACTOR as u64)
    }
}
