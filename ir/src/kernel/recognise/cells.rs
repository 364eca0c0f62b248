//! Additions of neighbouring trips to one element, as in the adjoint of a stencil.
//!
//! ```text
//! for %i { add_at %a[%i - 1], u           carried: %p, which is %a[%i] as the trip before leaves it, and %q, %a[%i - 1]
//!          add_at %a[%i], v        ->     %r = %a[%i + 1] + w;  %s = %p + v;  %a[%i - 1] = %q + u
//!          add_at %a[%i + 1], w }         next %p is %r, next %q is %s
//! ```
//!
//! An element is loaded in the first trip that comes to it, handed on from trip to trip as a number, a [`Cell`], and stored in the last: so
//! it takes what is added in the order of the loop, and memory sees one load and one store. This is the scalar replacement across
//! iterations of Callahan, Carr and Kennedy (Improving register allocation for subscripted variables, PLDI 1990). In lanes what a trip has
//! from the one before it comes from the lane before, for no sum needs itself.
//!
//! The additions to one array make *chains*: those of a chain differ in one index only, by what it grows in some trips. Other chains come to
//! other elements: there is an index that differs. Where that is not known, it is looked at before the loop.

use super::*;

/// So many trips apart are the first and the last addition to an element, at most, for all chains of an array: five points in each of five
/// rows are 20, and half as fast again in vectors as one after the other.
const MOST_CELLS: usize = 24;

/// More accesses to an array are not looked at.
const MOST_ADDITIONS: usize = 32;

/// Additions that meet.
pub(super) struct Chain {
    array: ArrayId,
    axis: usize,
    /// Where the first addition to an element is.
    first: SmallVec<[Affine; 2]>,
    /// The steps that add so many trips after the first one.
    after: Vec<Vec<usize>>,
}

/// All chains of an array, and numbers that must not be zero for them to be apart.
pub(super) struct Chains {
    pub chains: Vec<Chain>,
    pub apart: Vec<Affine>,
}

struct Addition {
    indices: SmallVec<[Affine; 2]>,
    step: usize,
}

impl Recogniser<'_> {
    /// The chains, if all accesses to an array are additions, and the index on this axis is the only one that goes with the counter.
    pub(super) fn chains(&self, all: &[&Seen], axis: usize) -> Option<Chains> {
        let array = all[0].array;
        let is_addition = |s: &&Seen| s.adds && s.counters.is_empty();
        if all.len() > MOST_ADDITIONS || !all.iter().all(is_addition) || !self.kernel.arrays[array].element.is_float() {
            return None;
        }
        let stride = all[0].indices[axis].as_ref()?.axis;
        let mut groups: Vec<Vec<Addition>> = Vec::new();
        for seen in all {
            let addition = self.addition(seen, axis, stride)?;
            let found = groups.iter_mut().find(|group| are_alike(&group[0].indices, &addition.indices, axis, stride));
            match found {
                Some(group) => group.push(addition),
                None => groups.push(vec![addition]),
            }
        }
        let mut found = Chains { chains: Vec::new(), apart: Vec::new() };
        for (k, a) in groups.iter().enumerate() {
            for b in &groups[..k] {
                found.apart.extend(distance(a, b, axis, stride)?);
            }
        }
        for group in &groups {
            found.chains.extend(chain(array, group, axis, stride)?);
        }
        let cells: usize = found.chains.iter().map(|chain| chain.after.len() - 1).sum();
        (cells <= MOST_CELLS).then_some(found)
    }

    fn addition(&self, seen: &Seen, axis: usize, stride: i64) -> Option<Addition> {
        let indices = seen.indices.iter().cloned().collect::<Option<SmallVec<[Affine; 2]>>>()?;
        let goes = |n: usize| if n == axis { stride } else { 0 };
        let is_plain = |(n, index): (usize, &Affine)| {
            index.axis == goes(n) && index.terms.iter().all(|(num, _)| self.is_input(*num))
        };
        let fine = stride != 0 && indices.iter().enumerate().all(is_plain);
        fine.then_some(Addition { indices, step: seen.step })
    }

    /// Makes numbers of the sums of these chains: the additions of a trip come last in it.
    pub(super) fn hand_on(&mut self, chains: &[Chain]) {
        let mut moved = FxHashSet::default();
        let mut last = Vec::new();
        for chain in chains {
            moved.extend(chain.after.iter().flatten().copied());
            self.hand_on_sums(chain, &mut last);
        }
        let mut step = 0..;
        self.kernel.body.retain(|_| !moved.contains(&step.next().expect("there is no end")));
        self.kernel.body.extend(last);
    }

    fn hand_on_sums(&mut self, chain: &Chain, last: &mut Vec<Step>) {
        let array = chain.array;
        let scalar = self.kernel.arrays[array].element;
        let store = |kernel: &Kernel, step: usize| match &kernel.body[step] {
            Step::Store(store) => store.clone(),
            other => unreachable!("{other:?} adds to no element"),
        };
        let new = |kernel: &mut Kernel| kernel.numbers.push(NumData { scalar, shape: Shape::Varying, affine: None });
        let mut sum = new(&mut self.kernel);
        let mut place = store(&self.kernel, chain.after[0][0]).place;
        last.push(Step::Load { result: sum, array, place });
        for (after, steps) in chain.after.iter().enumerate() {
            if after > 0 {
                let (param, mut indices) = (new(&mut self.kernel), chain.first.clone());
                let index = &mut indices[chain.axis];
                index.constant = index.constant.wrapping_sub(index.axis.wrapping_mul(after as i64));
                last.push(Step::Before { result: param, value: sum });
                self.kernel.cells.push(Cell { array, indices, param, next: sum });
                sum = param;
            }
            for step in steps {
                let addition = store(&self.kernel, *step);
                let args = SmallVec::from_slice(&[sum, addition.value]);
                (sum, place) = (new(&mut self.kernel), addition.place);
                last.push(Step::Op { result: sum, op: NumOp::Added, args, loc: self.loc });
            }
        }
        last.push(Step::Store(Store { array, place, value: sum, add: false }));
    }
}

/// Whether two additions come to the same elements, though in other trips.
fn are_alike(a: &[Affine], b: &[Affine], axis: usize, stride: i64) -> bool {
    a.iter().zip(b).enumerate().all(|(n, (a, b))| match n == axis {
        true => a.terms == b.terms && a.constant.wrapping_sub(b.constant).wrapping_rem(stride) == 0,
        false => a == b,
    })
}

/// What must not be zero for two groups to come to different elements, or to the same only in one trip; `None` if that cannot be told.
fn distance(a: &[Addition], b: &[Addition], axis: usize, stride: i64) -> Option<Option<Affine>> {
    let along = |a: &Addition, b: &Addition| a.indices[axis].plus(&b.indices[axis], -1).filter(Affine::is_constant);
    if along(&a[0], &b[0]).is_some_and(|distance| distance.constant.wrapping_rem(stride) != 0) {
        return Some(None);
    }
    let meets_late = |x: &Addition| b.iter().any(|y| along(x, y).is_none_or(|distance| distance.constant != 0));
    if !a.iter().any(meets_late) {
        return Some(None);
    }
    let others = (0..a[0].indices.len()).filter(|n| *n != axis);
    let distances = others.map(|n| a[0].indices[n].plus(&b[0].indices[n], -1)).collect::<Option<Vec<_>>>()?;
    if distances.iter().any(|distance| distance.is_constant() && distance.constant != 0) {
        return Some(None);
    }
    distances.into_iter().find(|distance| !distance.is_constant()).map(Some)
}

/// The chain of additions that are alike, if they are not all in one trip; `None` if it is too long.
fn chain(array: ArrayId, group: &[Addition], axis: usize, stride: i64) -> Option<Option<Chain>> {
    // The one that is furthest in the direction of the trips comes to an element first.
    let ahead = |a: &&Addition| i128::from(a.indices[axis].constant) * i128::from(stride.signum());
    let first = group.iter().max_by_key(ahead).expect("no group is empty");
    let after = |a: &Addition| {
        let distance = first.indices[axis].constant.checked_sub(a.indices[axis].constant)?.checked_div(stride)?;
        usize::try_from(distance).ok().filter(|after| *after <= MOST_CELLS)
    };
    let mut steps = Vec::new();
    for addition in group {
        let after = after(addition)?;
        steps.resize_with(steps.len().max(after + 1), Vec::new);
        steps[after].push(addition.step);
    }
    let chain = Chain { array, axis, first: first.indices.clone(), after: steps };
    Some((chain.after.len() > 1).then_some(chain))
}
