//! Whether two trips may meet at one element of an array that is updated.
//!
//! They do not if an index is the trip's own: it grows from trip to trip by more than it varies in one.
//!
//! Additions may meet, in the order of the trips:
//!
//! ```text
//! for %i { add_at %a[%i - 1], u; add_at %a[%i], v; add_at %a[%i + 1], w }
//!    first all trips add w to a[i + 1], then all add v to a[i], then all add u to a[i - 1]
//! ```
//!
//! for it is the earlier trip that comes to an element with the greater offset. So the adjoint of a stencil is one kernel for each
//! of its points.
//!
//! And all trips may add to one element, lane after lane, if each does so once: the adjoint of what a loop in a trip reads. Other reasons are in
//! [`pairs`](super::pairs).

use super::*;

/// Of a step that adds: where among those that may meet it stands. The greatest comes first.
pub(super) type Shift = (usize, i64);

impl Recogniser<'_> {
    /// Refuses if trips may meet at an element, other than by additions; of these gives the order.
    pub(super) fn no_conflicts(&mut self) -> Step1<Vec<Shift>> {
        let mut shifts = Vec::new();
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
            let Some(order) = axes.clone().find_map(|axis| self.shifts(&all, axis)) else {
                let reads = all.iter().find(|s| !s.stores);
                let reason = if reads.is_some() { Reason::ReadsElsewhere } else { Reason::Dependence };
                return Err(Refusal { reason, loc: reads.unwrap_or(first).loc });
            };
            shifts.extend(order);
        }
        Ok(shifts)
    }

    /// The constants of the indices on an axis, if they are the same but for these, and all grow.
    fn offsets(&self, all: &[&Seen], axis: usize) -> Option<(i64, Vec<i64>)> {
        let first = all[0].indices[axis].as_ref().filter(|a| a.axis != 0)?;
        let alike = |a: &&Affine| a.axis == first.axis && a.terms == first.terms;
        let constant = |s: &&Seen| s.indices[axis].as_ref().filter(alike).map(|a| a.constant);
        Some((first.axis, all.iter().map(constant).collect::<Option<_>>()?))
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

    fn shifts(&self, all: &[&Seen], axis: usize) -> Option<Vec<Shift>> {
        let (stride, offsets) = self.offsets(all, axis)?;
        let fixed = all[0].indices[axis].as_ref()?.terms.iter().all(|(n, _)| self.is_input(*n));
        let adds = all.iter().all(|s| s.adds && s.counters.is_empty());
        let order = |(s, offset): (&&Seen, i64)| Some((s.step, offset.checked_mul(stride.signum())?));
        if !fixed || !adds { None } else { all.iter().zip(offsets).map(order).collect() }
    }

    /// Makes a kernel for each of several shifts.
    pub(super) fn divide(&mut self, shifts: &[Shift]) -> Step1<()> {
        let mut order: Vec<i64> = shifts.iter().map(|(_, shift)| *shift).collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        order.dedup();
        let last = order.pop().expect("there is one");
        if self.kernel.body.iter().any(|step| matches!(step, Step::Inner(_) | Step::Before { .. })) && !order.is_empty()
        {
            return self.refuse(Reason::Dependence);
        }
        for shift in order {
            let pass = self.pass(shifts, shift, false);
            if pass.body.iter().any(|step| self.sees_changes(step)) {
                return self.refuse(Reason::ReadsElsewhere);
            }
            self.kernel.earlier.push(pass);
        }
        let earlier = std::mem::take(&mut self.kernel.earlier);
        self.kernel = Kernel { earlier, ..self.pass(shifts, last, true) };
        Ok(())
    }

    /// Whether a step loads from an element that its trip may have changed by then. If not, all is as it was before the loop, for
    /// the elements of other trips it does not load.
    fn sees_changes(&self, step: &Step) -> bool {
        let Step::Load { result: mine, array: from, .. } = step else { return false };
        let until = self.kernel.body.iter().position(|s| matches!(s, Step::Load { result, .. } if result == mine));
        let before = &self.kernel.body[..until.expect("it is a step of the loop")];
        before.iter().any(|s| matches!(s, Step::Store(store) if store.array == *from))
    }

    /// The kernel with the additions of one shift; with `rest`, also what is none of them.
    fn pass(&self, shifts: &[Shift], shift: i64, rest: bool) -> Kernel {
        let mut pass = self.kernel.clone();
        if !rest {
            pass.late.clear();
            pass.ordered.clear();
            pass.carried.clear();
            pass.sum = None;
        }
        let belongs = |step: usize| match shifts.iter().find(|(s, _)| *s == step) {
            Some((_, other)) => *other == shift,
            None => rest,
        };
        let mut step = 0;
        pass.body.retain(|s| {
            step += 1;
            !matches!(s, Step::Store(_)) || belongs(step - 1)
        });
        guarded::remove_unused(&mut pass);
        pass.cost = Cost::of(&pass);
        pass
    }
}
