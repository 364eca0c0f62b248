//! Indices that are whole rounds of the loop apart.
//!
//! The gates of a recurrent cell lie behind each other in one array, and a trip changes an element of each:
//!
//! ```text
//! for %j in 0..%b { add_at %a[%j], u; add_at %a[%b + %j], v; add_at %a[3 * %b + %j], w }
//! ```
//!
//! For a loop of T trips and indices that grow by s, `s · T` is a *round*. Let two indices be m rounds and less than s apart. For
//! trips j and j' to meet, `s (j - j') + m s T + c` would have to be 0, with |c| < s. As |j - j'| < T, only m = 0 leaves that
//! possible: so such indices are like those that differ by c.
//!
//! What is computed before the loop, as `3 * %b`, is followed to where it comes from.

use super::*;

/// With these limits, and fewer than 2⁴⁰ trips, nothing above comes near 2⁶⁴: so it holds for i64s that wrap.
const GREATEST: i64 = 1 << 10;
/// Longer expressions are not followed.
pub(super) const MOST_VALUES: usize = 12;

/// `constant + Σ factor · value`, as i64s wrap; values in no order, each once.
#[derive(Clone, Default)]
pub(super) struct Sum {
    constant: i64,
    terms: SmallVec<[(Value, i64); 4]>,
}

impl Sum {
    fn factor(&self, v: Value) -> i64 {
        self.terms.iter().find(|(known, _)| *known == v).map_or(0, |(_, factor)| *factor)
    }

    fn add_term(&mut self, v: Value, factor: i64) -> Option<()> {
        let sum = self.factor(v).checked_add(factor)?;
        self.terms.retain(|(known, _)| *known != v);
        if sum != 0 {
            self.terms.push((v, sum));
        }
        Some(())
    }

    pub(super) fn plus(mut self, other: &Sum, factor: i64) -> Option<Sum> {
        self.constant = self.constant.wrapping_add(other.constant.wrapping_mul(factor));
        other.terms.iter().try_for_each(|(v, k)| self.add_term(*v, k.checked_mul(factor)?))?;
        Some(self)
    }

    /// The number that it is, if that is known.
    pub(super) fn known(&self) -> Option<i64> {
        self.terms.is_empty().then_some(self.constant)
    }

    /// What is left of `self` without whole rounds, if that is a constant: of a constant round the least.
    fn without(self, round: &Sum) -> Option<i64> {
        let times = match round.terms.first() {
            Some((v, factor)) => self.factor(*v).checked_div(*factor)?,
            None => self.constant.wrapping_add(round.constant / 2).checked_div_euclid(round.constant).unwrap_or(0),
        };
        let rest = if times.unsigned_abs() <= GREATEST.unsigned_abs() { self.plus(round, -times)? } else { self };
        rest.terms.is_empty().then_some(rest.constant)
    }
}

impl Recogniser<'_> {
    /// By how much the indices on an axis grow from trip to trip, and for each how far it is from the first, but for whole rounds.
    pub(super) fn apart(&self, all: &[&Seen], axis: usize) -> Option<(i64, Vec<i64>)> {
        let first = all[0].indices[axis].as_ref().filter(|a| a.axis != 0)?;
        let round = self.round(first.axis);
        let distance = |s: &&Seen| {
            let distance = s.indices[axis].as_ref()?.plus(first, -1)?;
            let Some(round) = &round else { return distance.is_constant().then_some(distance.constant) };
            self.outside(&distance)?.without(round)
        };
        Some((first.axis, all.iter().map(distance).collect::<Option<_>>()?))
    }

    /// By how much an index grows in all trips of a `for`.
    fn round(&self, stride: i64) -> Option<Sum> {
        let data = &self.func.insts[self.at.inst];
        if data.op != Op::For || stride.unsigned_abs() > GREATEST.unsigned_abs() {
            return None;
        }
        let mut round = Sum::default();
        let mut fuel = MOST_VALUES;
        self.follow(data.args[1], stride, &mut fuel, &mut round)?;
        self.follow(data.args[0], -stride, &mut fuel, &mut round)?;
        Some(round)
    }

    /// An index that is the same in all trips, from what is there before the loop.
    pub(super) fn outside(&self, index: &Affine) -> Option<Sum> {
        let mut sum = Sum { constant: index.constant, ..Sum::default() };
        let mut fuel = MOST_VALUES;
        for (num, factor) in &index.terms {
            let at = self.kernel.inputs.binary_search_by_key(num, |(n, _)| *n).ok()?;
            let Input::Value(v) = self.kernel.inputs[at].1 else { return None };
            self.follow(v, *factor, &mut fuel, &mut sum)?;
        }
        (index.axis == 0).then_some(sum)
    }

    /// Adds `factor · v` to a sum. `fuel` is how many more values may be looked at.
    pub(super) fn follow(&self, v: Value, factor: i64, fuel: &mut usize, sum: &mut Sum) -> Option<()> {
        *fuel = fuel.checked_sub(1)?;
        if let Some(Const::I64(x)) = self.at.constant(v) {
            sum.constant = sum.constant.wrapping_add(x.wrapping_mul(factor));
            return Some(());
        }
        let Some(data) = (self.at.definition)(v) else { return sum.add_term(v, factor) };
        let int = |k: usize| match self.at.constant(data.args[k]) {
            Some(Const::I64(x)) => Some(*x),
            Some(_) | None => None,
        };
        if data.op == Op::Binary(BinaryOp::Add) || data.op == Op::Binary(BinaryOp::Sub) {
            let second = if data.op == Op::Binary(BinaryOp::Add) { factor } else { factor.checked_neg()? };
            self.follow(data.args[0], factor, fuel, sum)?;
            return self.follow(data.args[1], second, fuel, sum);
        }
        if data.op == Op::Binary(BinaryOp::Mul)
            && let Some((x, other)) = int(1).map(|x| (x, 0)).or_else(|| int(0).map(|x| (x, 1)))
        {
            return self.follow(data.args[other], factor.checked_mul(x)?, fuel, sum);
        }
        sum.add_term(v, factor)
    }
}
