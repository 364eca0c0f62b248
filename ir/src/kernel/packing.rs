//! What the lanes of a kernel read at a stride again and again is put next to each other first.
//!
//! ```text
//! for c {                                       for j { pack t[j] = load x[axis · d + j] }
//!   for j {                                     for c {
//!     k1 = load x[axis · d + j]         ->        for j {
//!     …                                             k1 = packed t[j]
//!   }                                               …
//! }
//! ```
//!
//! Lanes are trips of the outer loop, so where the row of a matrix goes with that, they read a column: an element of each of as many
//! lines of memory. If a loop inside, here that over `c`, does not change what is read, the elements are read once and stored into a *tile*, the
//! lanes side by side, from where each trip of that loop has them by one load of a vector. This is the packing of matrix products [Goto, van de
//! Geijn: Anatomy of high-performance matrix multiplication, ACM TOMS 34(3) 2008], for whatever is done with the elements. A tile belongs to
//! a block of trips, so it is as large as a few rows of the array, and mostly stays in the first cache.
//!
//! The elements are those that the loop reads, if it goes round at all: that the loops do is asked before the kernel runs.
//!
//! *Not here:* what goes with two inner loops; arrays that the kernel changes.

use super::{Affine, Inner, Kernel, Num, NumData, NumOp, Place, Shape, Step, Tile, cost};
use crate::location::SrcLoc;
use crate::types::Scalar;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Each has a register for its address.
const MOST_TILES: usize = 4;
/// An element must be read so often, at least, that reading it once and storing it pays.
const LEAST_READS: f32 = 4.0;

/// Gives the kernel its tiles.
pub(super) fn pack(kernel: &mut Kernel) {
    let body = std::mem::take(&mut kernel.body);
    kernel.body = Packer { kernel }.steps(body);
}

struct Packer<'k> {
    kernel: &'k mut Kernel,
}

/// Numbers that are made in a loop, by which operation; others, as what is loaded and carried, have none.
type Made = FxHashMap<Num, Option<(NumOp, SmallVec<[Num; 3]>, SrcLoc)>>;

/// The loops from the one in front of which is packed to the one that reads.
#[derive(Clone)]
struct Way {
    counters: SmallVec<[Num; 4]>,
    /// How often an element is read.
    reads: f32,
}

impl Packer<'_> {
    fn steps(&mut self, steps: Vec<Step>) -> Vec<Step> {
        let mut all = Vec::new();
        for mut step in steps {
            if let Step::Inner(around) = &mut step {
                let mut made = Made::default();
                note_loop(around, &mut made);
                self.loops(around, &made, &Way { counters: SmallVec::new(), reads: 1.0 }, &mut all);
                around.body = self.steps(std::mem::take(&mut around.body));
            }
            all.push(step);
        }
        all
    }

    /// Packs what loops in `inner` read, in front of the outermost one; the loops that pack go to `before`.
    fn loops(&mut self, inner: &mut Inner, made: &Made, way: &Way, before: &mut Vec<Step>) {
        if self.bounds(inner.counter).is_none() {
            return;
        }
        let mut way = way.clone();
        way.counters.push(inner.counter);
        way.reads *= cost::trips(self.kernel, inner.lo, inner.hi);
        for step in &mut inner.body {
            let Step::Inner(reader) = step else { continue };
            if way.reads >= LEAST_READS {
                self.reader(reader, made, &way, before);
            }
            self.loops(reader, made, &way, before);
        }
    }

    /// Packs what this loop reads itself.
    fn reader(&mut self, reader: &mut Inner, made: &Made, way: &Way, before: &mut Vec<Step>) {
        let Some((lo, hi)) = self.bounds(reader.counter) else { return };
        if made.contains_key(&reader.lo) || made.contains_key(&reader.hi) {
            return;
        }
        let row = self.number(NumData { scalar: Scalar::I64, shape: Shape::Uniform, affine: None });
        let mut copies: FxHashMap<Num, Num> = FxHashMap::from_iter([(reader.counter, row)]);
        let mut body = Vec::new();
        for step in &mut reader.body {
            let Step::Load { result, array, place } = step.clone() else { continue };
            let strided = self.kernel.shape(place.number) != Shape::Uniform && !matches!(place.stride, Some(-1..=1));
            let fixed = !self.kernel.arrays[array].updated && self.kernel.tiles.len() < MOST_TILES;
            if !strided || !fixed || goes_with(place.number, reader.counter, made) != Some(true) {
                continue;
            }
            let number = self.copy(place.number, made, &mut copies, &mut body);
            let value = self.number(NumData { affine: None, ..self.kernel.numbers[result].clone() });
            let tile = self.kernel.tiles.push(Tile { lo: lo.clone(), hi: hi.clone() });
            body.push(Step::Load { result: value, array, place: Place { number, ..place } });
            body.push(Step::Pack { tile, row, value });
            *step = Step::Packed { result, tile, row: reader.counter };
        }
        if body.is_empty() {
            return;
        }
        before.push(Step::Inner(Box::new(Inner {
            counter: row,
            lo: reader.lo,
            hi: reader.hi,
            carried: Vec::new(),
            body,
        })));
        self.kernel.rounds.extend(way.counters.iter().copied());
    }

    /// A number from the loop, computed once more in the one that packs.
    fn copy(&mut self, num: Num, made: &Made, copies: &mut FxHashMap<Num, Num>, body: &mut Vec<Step>) -> Num {
        if let Some(known) = copies.get(&num) {
            return *known;
        }
        let Some(Some((op, args, loc))) = made.get(&num) else { return num };
        let args = args.iter().map(|a| self.copy(*a, made, copies, body)).collect();
        let result = self.number(NumData { affine: None, ..self.kernel.numbers[num].clone() });
        body.push(Step::Op { result, op: *op, args, loc: *loc });
        copies.insert(num, result);
        result
    }

    fn number(&mut self, data: NumData) -> Num {
        self.kernel.numbers.push(data)
    }

    /// The bounds of a loop, if they are known before the kernel.
    fn bounds(&self, counter: Num) -> Option<(Affine, Affine)> {
        let known = self.kernel.counters.iter().find(|(c, ..)| *c == counter);
        known.map(|(_, lo, hi)| (lo.clone(), hi.clone()))
    }
}

/// What steps make.
fn note_made(steps: &[Step], made: &mut Made) {
    for step in steps {
        match step {
            Step::Op { result, op, args, loc } => {
                made.insert(*result, Some((*op, args.clone(), *loc)));
            }
            Step::Load { result, .. } | Step::Packed { result, .. } | Step::Before { result, .. } => {
                made.insert(*result, None);
            }
            Step::Store(_) | Step::Pack { .. } => {}
            Step::Inner(inner) => note_loop(inner, made),
        }
    }
}

fn note_loop(inner: &Inner, made: &mut Made) {
    made.insert(inner.counter, None);
    made.extend(inner.carried.iter().flat_map(|c| [(c.param, None), (c.result, None)]));
    note_made(&inner.body, made);
}

/// Whether a number depends on a counter; `None` if on something else, too, that is made in the loop.
fn goes_with(num: Num, counter: Num, made: &Made) -> Option<bool> {
    match made.get(&num) {
        _ if num == counter => Some(true),
        None => Some(false),
        Some(None) => None,
        Some(Some((_, args, _))) => args.iter().try_fold(false, |goes, a| Some(goes_with(*a, counter, made)? || goes)),
    }
}
