//! Pairs of accesses of which no two trips come to one element, for reasons that are not the same for all accesses to an array.
//!
//! ```text
//! for %i in %j + 1..%n { … get %l[%i, %k] … get %l[%j, %k] … set %l[%i, %j], t }
//! ```
//!
//! The row `%j` is not among the rows from `%j + 1` on: it lies *beyond* what the trips go through. Elimination, triangular factors and pairs
//! of bodies are of this kind.
//!
//! ```text
//! for %j in 0..%i { set %k[%i, %j], v; set %k[%j, %i], v }
//! ```
//!
//! The two meet only where a trip has `%j = %i` in both, and that is one and the same: they *mirror* each other.

use super::apart::MOST_VALUES;
use super::*;

/// More accesses to an array are not compared one by one.
const MOST_ACCESSES: usize = 24;

impl Recogniser<'_> {
    /// Whether trips meet at no element, but for additions of all trips to the same.
    pub(super) fn meet_in_no_pair(&self, all: &[&Seen]) -> bool {
        let axes = 0..all[0].indices.len();
        let own = |some: &[&Seen]| axes.clone().any(|axis| self.is_own(some, axis));
        let fine = |s: &&Seen| !s.stores || own(&[s]) || self.is_fold(&[s]);
        let pair = |a: &Seen, b: &Seen| {
            let beyond = |axis| self.is_beyond(a, b, axis) || self.is_beyond(b, a, axis);
            let changes = a.stores || b.stores;
            !changes || axes.clone().any(beyond) || own(&[a, b]) || self.mirror(a, b)
        };
        all.len() <= MOST_ACCESSES
            && all.iter().all(fine)
            && all.iter().enumerate().all(|(k, a)| all[..k].iter().all(|b| pair(a, b)))
    }

    /// Whether on an axis `fixed`, which is the same in all trips, is less or greater than all that `moving` comes to.
    fn is_beyond(&self, moving: &Seen, fixed: &Seen, axis: usize) -> bool {
        let data = &self.func.insts[self.at.inst];
        let (Some(moving), Some(fixed)) = (&moving.indices[axis], &fixed.indices[axis]) else { return false };
        if data.op != Op::For || moving.axis.abs() != 1 || fixed.axis != 0 {
            return false;
        }
        let start = Affine { axis: 0, ..moving.clone() };
        // What it would be in the trip `bound`, less an index that is fixed.
        let less = |bound: Value, index: Option<Affine>| {
            let mut distance = self.outside(&start.plus(&index?, -1)?)?;
            self.follow(bound, moving.axis, &mut { MOST_VALUES }, &mut distance)?;
            distance.known()
        };
        let (greatest, least) = (self.extent(fixed, true), self.extent(fixed, false));
        let (lo, hi) = (data.args[0], data.args[1]);
        if moving.axis == 1 {
            less(lo, greatest).is_some_and(|first| first > 0) || less(hi, least).is_some_and(|behind| behind <= 0)
        } else {
            less(hi, greatest).is_some_and(|behind| behind >= 0) || less(lo, least).is_some_and(|first| first < 0)
        }
    }

    /// The greatest or least that an index comes to in a trip.
    fn extent(&self, index: &Affine, greatest: bool) -> Option<Affine> {
        let mut sum = Affine { terms: SmallVec::new(), ..index.clone() };
        for (num, factor) in &index.terms {
            let of = match self.kernel.counters.iter().find(|(counter, ..)| counter == num) {
                Some((_, _, hi)) if (*factor > 0) == greatest => hi.plus(&Affine::constant(-1), 1)?,
                Some((_, lo, _)) => lo.clone(),
                None => Affine::number(*num),
            };
            sum = sum.plus(&of, *factor)?;
        }
        Some(sum)
    }

    /// Whether of two accesses each moves on an axis on which the other one is fixed, and they come to each other's place in the same trip.
    fn mirror(&self, a: &Seen, b: &Seen) -> bool {
        let trip = |moving: &Seen, fixed: &Seen| {
            let pairs = moving.indices.iter().zip(&fixed.indices);
            pairs.filter_map(|(m, f)| Some((m.as_ref()?, f.as_ref()?))).find_map(|(m, f)| {
                let start = Affine { axis: 0, ..m.clone() };
                (m.axis == 1 && f.axis == 0).then(|| self.outside(&f.plus(&start, -1)?))?
            })
        };
        let difference = || trip(a, b)?.plus(&trip(b, a)?, -1)?.known();
        difference() == Some(0)
    }
}
