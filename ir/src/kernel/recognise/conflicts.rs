//! Whether two trips may meet at one element of an array that is updated.
//!
//! They do not if an index is the trip's own: it grows from trip to trip by more than it varies in one.
//!
//! Additions may meet at neighbouring elements: see [`cells`](super::cells).
//!
//! And all trips may add to one element, lane after lane, if each does so once: the adjoint of what a loop in a trip reads. Other reasons are in
//! [`pairs`](super::pairs).

use super::cells::Chain;
use super::*;

impl Recogniser<'_> {
    /// Refuses if trips may meet at an element, other than by additions; gives those of which the sums are handed on.
    pub(super) fn no_conflicts(&mut self) -> Step1<Vec<Chain>> {
        let (mut chains, mut apart) = (Vec::new(), Vec::new());
        for (array, _) in self.kernel.arrays.iter().filter(|(_, data)| data.updated) {
            let all: Vec<&Seen> = self.seen.iter().filter(|s| s.array == array).collect();
            let Some(first) = all.first() else { continue };
            if all.iter().any(|s| s.late) && all.len() > 1 {
                return Err(Refusal { reason: Reason::Dependence, loc: first.loc });
            }
            let axes = 0..first.indices.len();
            if axes.clone().any(|axis| self.is_own(&all, axis)) || self.is_fold(&all) || self.meet_in_no_pair(&all) {
                continue;
            }
            let Some(found) = axes.clone().find_map(|axis| self.chains(&all, axis)) else {
                let reads = all.iter().find(|s| !s.stores);
                let reason = if reads.is_some() { Reason::ReadsElsewhere } else { Reason::Dependence };
                return Err(Refusal { reason, loc: reads.unwrap_or(first).loc });
            };
            chains.extend(found.chains);
            apart.extend(found.apart);
        }
        self.kernel.apart = apart;
        Ok(chains)
    }

    /// Whether an index is another one in each trip.
    pub(super) fn is_own(&self, all: &[&Seen], axis: usize) -> bool {
        let Some((stride, offsets)) = self.apart(all, axis) else { return false };
        let (least, greatest) = (offsets.iter().min(), offsets.iter().max());
        let among = greatest.zip(least).and_then(|(a, b)| a.checked_sub(*b));
        let terms = &all[0].indices[axis].as_ref().expect("it has an offset").terms;
        let within = terms.iter().try_fold(0i64, |sum, (n, factor)| {
            let span = if self.is_input(*n) { 0 } else { self.span(*n)? };
            sum.checked_add(span.checked_mul(factor.abs())?)
        });
        among.zip(within).and_then(|(a, b)| a.checked_add(b)).is_some_and(|width| width < stride.abs())
    }

    /// Whether every trip adds to the same elements, each once: then each element takes the lanes in their order.
    ///
    /// A trip comes to an element once if each counter of the loops in it can be told from an index.
    pub(super) fn is_fold(&self, all: &[&Seen]) -> bool {
        let [only] = all else { return false };
        let is_counter = |n: &Num| only.counters.contains(n);
        let Some(indices) = only.indices.iter().map(Option::as_ref).collect::<Option<Vec<&Affine>>>() else {
            return false;
        };
        let is_fixed =
            |index: &&Affine| index.axis == 0 && index.terms.iter().all(|(n, _)| self.is_input(*n) || is_counter(n));
        let tells = |index: &&Affine, counter: Num| {
            let mut counters = index.terms.iter().map(|(n, _)| *n).filter(is_counter);
            counters.next() == Some(counter) && counters.next().is_none()
        };
        only.adds
            && indices.iter().all(is_fixed)
            && only.counters.iter().all(|counter| indices.iter().any(|index| tells(index, *counter)))
    }

    /// By how much a counter of an inner loop varies.
    fn span(&self, counter: Num) -> Option<i64> {
        let (_, lo, hi) = self.kernel.counters.iter().find(|(c, ..)| *c == counter)?;
        let range = hi.plus(lo, -1).filter(Affine::is_constant)?.constant;
        (range < 1 << 40).then_some((range - 1).max(0))
    }
}
