//! Kernels in vectors of 128 bits: several trips of a loop at once; see `dprog_ir::kernel`.
//!
//! ```text
//!    guards hold, trips enough? ──no──────────────────┐
//!         │ yes                                       │
//!    blocks of W trips, in vectors                    │
//!         │ less than W trips are left                │
//!         └──────────────> the loop as it stands <────┘
//! ```
//!
//! The scalar loop behind does what is left, and everything where a guard does not hold: so a trap happens where it would, after
//! what would have happened before it. Numbers that are the same in all lanes stay scalars; indices that grow by a stride
//! are the index of the first lane; the others are `W / 2` vectors of two, or `W / 4` of four if all of them are f32.
//!
//! The files: here the loop and its guards, [`outline`] kernels as functions of their own, [`lanes`] numbers in vectors, [`step`] what a
//! trip does, [`rounds`] kernels that leave out some trips in the middle, [`scan`] indices from memory, [`tile`] memory for packed elements, [`wide`] the call of code with wider vectors.

mod lanes;
mod outline;
mod rounds;
mod scan;
mod step;
mod tile;
mod wide;

use super::control::Trips;
use super::*;
use cranelift_codegen::ir::condcodes::FloatCC;
use dprog_ir::kernel::{Affine, ArrayId, Carried, Fold, Guard, Input, Kernel, Loop, Num, recognise};
use dprog_ir::{BinaryOp, Const, Scalar};
use dprog_runtime::layout::data_offset;
use lanes::{Held, Lanes};
use smallvec::SmallVec;
use tile::MOST_ROWS;

pub use outline::Outlined;
pub use wide::{Target, Widest};

/// Kernels run for fewer trips than this, so that no index overflows between its first and its last value.
const MOST_TRIPS: i64 = 1 << 40;

/// The bounds of a loop, and the values that it carries.
pub(super) struct Bounds<'v> {
    pub lo: V,
    pub hi: V,
    pub carried: &'v [V],
    /// Of a `build`: the number of the element that counter 0 makes.
    pub first: Option<V>,
    /// Of a sum: where its lanes are in memory.
    pub lanes: Option<V>,
    /// Where the tiles of the kernel are.
    pub tiles: &'v [V],
}

impl<M: ClifModule> Lower<'_, '_, M> {
    /// The loop as a kernel, if it is one and vectors are wanted.
    pub(super) fn kernel(&self, inst: Inst) -> Option<Kernel> {
        self.folding_kernel(inst, None)
    }

    /// The same of a `map` or `build` of which the elements are only wanted reduced.
    pub(super) fn folding_kernel(&self, inst: Inst, fold: Option<Fold>) -> Option<Kernel> {
        if !self.program.simd {
            return None;
        }
        let definition = |v: Value| self.definition(v);
        let any_order = self.program.any_order;
        // A bare function says beforehand how much memory it takes.
        let packs = !self.is_bare();
        recognise(&Loop { func: self.func, inst, definition: &definition, fold, any_order, packs }).ok()
    }

    /// Runs the kernel for as many trips as it can; gives the counter and the carried values with which the loop goes on.
    pub(super) fn run_kernel(&mut self, kernel: &Kernel, at: &Bounds, long: bool) -> (V, Vec<V>) {
        let width = kernel.cost.lanes();
        let kinds: Vec<ClifType> = at.carried.iter().map(|v| self.b.func.dfg.value_type(*v)).collect();
        let (run, after) = (self.b.create_block(), self.block(&[&[types::I64][..], &kinds].concat()));
        let mut k = Lanes::new(kernel, width);
        self.kernel_inputs(&mut k, at);
        let trips = self.b.ins().isub(at.hi, at.lo);
        let wide = self.wide_forms(kernel, trips);
        // Where it is known that there are wider vectors, what is heavy is not worth those of 128 bits.
        let alone = !wide.is_empty() && kernel.cost.heavy && self.knows_machine();
        let least = if alone { wide::least(kernel) } else { width as i64 };
        let ok = self.guards_hold(&k, at, trips, least);
        let ok = self.scans_hold(&k, at, ok);
        let otherwise = [&[at.lo][..], at.carried].concat();
        self.brif(ok, run, &[], after, &otherwise);

        self.b.switch_to_block(run);
        let made = self.make_tiles(&k, width.max(wide.iter().map(|form| form.block).max().unwrap_or(0)));
        let tiles: Vec<V> = made.iter().map(|array| self.b.ins().iadd_imm_s(*array, data_offset(1) as i64)).collect();
        let at = &Bounds { tiles: &tiles, ..*at };
        let blocks = if alone {
            let block = self.b.create_block();
            self.jump(block, &[]);
            vec![(block, Some(&wide[0]))]
        } else {
            self.choose_form(kernel, &wide, trips)
        };
        for (block, form) in blocks {
            self.b.switch_to_block(block);
            let go_on = match form {
                Some(form) => self.run_wide(kernel, form, at, trips),
                None => self.run_narrow(kernel, width, at, (trips, long)),
            };
            self.drop_tiles(&made);
            self.jump(after, &go_on);
        }
        self.b.switch_to_block(after);
        let params = self.params(after);
        (params[0], params[1..].to_vec())
    }

    /// Runs the kernel in vectors of 128 bits; gives the counter and what is carried, with which the loop goes on.
    fn run_narrow(&mut self, kernel: &Kernel, width: usize, at: &Bounds, (trips, long): (V, bool)) -> Vec<V> {
        let whole = self.b.ins().band_imm_s(trips, -(width as i64));
        let end = self.b.ins().iadd(at.lo, whole);
        let trips = self.trips(at.lo, at.hi, long);
        let mut k = Lanes::new(kernel, width);
        self.kernel_inputs(&mut k, at);
        self.place_tiles(&mut k, at, width);
        let before = self.before_trips(&k, at);
        let finals = self.run_blocks(&mut k, (at.lo, end), &before, trips);
        let (handed_on, vectors) = finals.split_at(before.len());
        let ordered = self.store_cells(&k, end, handed_on);
        let folds = Accumulated { vectors, each: k.count(), next: end };
        self.carried_after(kernel, at, (whole, end), ordered, folds)
    }

    /// Runs a kernel for the trips from `lo` to `end`; gives what it leaves.
    fn run_blocks(&mut self, k: &mut Lanes, (lo, end): (V, V), ordered: &[V], trips: Trips) -> Vec<V> {
        if self.stands_apart(k.kernel) {
            return self.call_kernel(k, (lo, end), ordered, trips);
        }
        let inits = [ordered, &self.accumulators(k)].concat();
        self.counted_by(k.width as i64, (lo, end), &inits, trips, |this, i, carried| this.kernel_block(k, i, carried))
    }

    fn kernel_inputs(&mut self, k: &mut Lanes, at: &Bounds) {
        for (id, array) in k.kernel.arrays.iter() {
            k.bases.push(self.base(array.value));
            debug_assert_eq!(k.bases.len() - 1, id.index());
        }
        for (num, input) in &k.kernel.inputs {
            let v = match input {
                Input::Value(v) => self.get(*v),
                Input::Const(c) => self.constant(c),
                Input::Dim(array, axis) => {
                    let header = self.get(k.kernel.arrays[*array].value);
                    self.dim(header, *axis as usize)
                }
                Input::First => at.first.expect("a build says where it begins"),
            };
            k.hold(*num, Held::Scalar(v));
        }
    }

    /// What folds begin with, in vectors: for each extreme as many as a block has, for a sum its eight lanes.
    fn accumulators(&mut self, k: &Lanes) -> Vec<V> {
        let mut all = Vec::new();
        for carried in &k.kernel.carried {
            let (begin, value) = match carried {
                Carried::Extreme { op, value } => (worst(*op), value),
                Carried::Sum { value, .. } => (0.0, value),
                Carried::Array(_) | Carried::Same(_) | Carried::Steady { .. } | Carried::Ordered { .. } => continue,
            };
            let ty = k.vector_type(k.kernel.scalar(*value));
            let scalar = if ty == types::F32X4 { Scalar::F32 } else { Scalar::F64 };
            let begin = self.float(scalar, begin);
            let vector = self.b.ins().splat(ty, begin);
            all.extend(std::iter::repeat_n(vector, k.count()));
        }
        if let Some(sum) = k.kernel.sum {
            let zero = self.zero_vector(k.vector_type(k.kernel.scalar(sum)));
            all.extend(std::iter::repeat_n(zero, 8 / k.per_vector()));
        }
        all
    }

    /// The counter and what the loop carries after the kernel, which ran `done` trips and came to `end`.
    fn carried_after(
        &mut self,
        kernel: &Kernel,
        at: &Bounds,
        (done, end): (V, V),
        ordered: &[V],
        folds: Accumulated,
    ) -> Vec<V> {
        let mut ordered = ordered.iter();
        let mut accumulators = folds.vectors;
        let mut after = vec![end];
        // Where it is the order that decides, the loop begins again.
        let mut again = None;
        for (carried, before) in kernel.carried.iter().zip(at.carried) {
            after.push(match carried {
                Carried::Array(_) | Carried::Same(_) => *before,
                Carried::Steady { step, .. } => {
                    let grown = self.b.ins().imul_imm_s(done, *step);
                    self.b.ins().iadd(*before, grown)
                }
                Carried::Extreme { op, .. } => {
                    let (mine, rest) = accumulators.split_at(folds.each);
                    accumulators = rest;
                    let best = self.folded_lanes(*op, *before, mine);
                    let unclear = self.is_unclear(best);
                    again = Some(again.map_or(unclear, |other| self.b.ins().bor(other, unclear)));
                    best
                }
                Carried::Sum { .. } => {
                    let (mine, rest) = accumulators.split_at(folds.each);
                    accumulators = rest;
                    // A difference is a sum of what was subtracted, each with its sign.
                    self.folded_lanes(BinaryOp::Add, *before, mine)
                }
                Carried::Ordered { .. } => *ordered.next().expect("one for each"),
            });
        }
        if let (Some(lanes), Some(sum)) = (at.lanes, kernel.sum) {
            self.store_sum(kernel.scalar(sum), lanes, folds.next, accumulators);
        }
        let Some(again) = again else { return after };
        let begin = [&[at.lo][..], at.carried].concat();
        begin.iter().zip(&after).map(|(old, new)| self.b.ins().select(again, *old, *new)).collect()
    }

    /// `op` of `best` and the lanes of the vectors.
    fn folded_lanes(&mut self, op: BinaryOp, best: V, vectors: &[V]) -> V {
        let mut best = best;
        let of_type = |this: &Self, v: V| this.b.func.dfg.value_type(v);
        let is_single = of_type(self, best) == types::F32;
        let scalar = if is_single { Scalar::F32 } else { Scalar::F64 };
        for vector in vectors {
            let lanes = of_type(self, *vector).lane_count() as u8;
            for lane in 0..lanes {
                let mut x = self.b.ins().extractlane(*vector, lane);
                if is_single && lanes == 2 {
                    x = self.b.ins().fdemote(types::F32, x);
                }
                best = self.binary_of(op, scalar, best, x);
            }
        }
        best
    }

    /// Whether an extreme is zero or not a number: there are several such, and the first one counts.
    fn is_unclear(&mut self, best: V) -> V {
        let zero = self.zero(self.b.func.dfg.value_type(best));
        let (is_zero, is_nan) =
            (self.b.ins().fcmp(FloatCC::Equal, best, zero), self.b.ins().fcmp(FloatCC::Unordered, best, best));
        self.b.ins().bor(is_zero, is_nan)
    }

    /// Puts the lanes of a sum into memory. The first vector is that of the lanes which the trip `end` would add to.
    fn store_sum(&mut self, scalar: Scalar, lanes: V, end: V, vectors: &[V]) {
        for (k, vector) in vectors.iter().enumerate() {
            let count = self.b.func.dfg.value_type(*vector).lane_count() as i64;
            let lane = self.b.ins().iadd_imm_s(end, count * k as i64);
            let lane = self.b.ins().band_imm_u(lane, 8 - count);
            let power = if scalar == Scalar::F32 { 2 } else { 3 };
            let offset = self.b.ins().ishl_imm_u(lane, power);
            let at = self.b.ins().iadd(lanes, offset);
            let region = self.flags(Memory::Stack).alias_region();
            let flags = MemFlagsData::new().with_notrap().with_alias_region(region);
            let vector = if scalar == Scalar::F32 && count == 2 { self.two_floats(*vector) } else { *vector };
            self.b.ins().store(flags, vector, at, 0);
        }
    }

    // ---- what trips hand on ----

    /// What the first trip takes over: of the carried values those, then elements.
    fn before_trips(&mut self, k: &Lanes, at: &Bounds) -> Vec<V> {
        let carried = k.kernel.carried.iter().zip(at.carried);
        let mut all: Vec<V> = carried.filter(|(c, _)| matches!(c, Carried::Ordered { .. })).map(|(_, v)| *v).collect();
        for cell in &k.kernel.cells {
            let (base, ty) = self.array_of(k, cell.array);
            let number = self.number_at(k, cell.array, &cell.indices, at.lo);
            all.push(self.load_element(base, ty, number));
        }
        all
    }

    /// Stores the elements that the trip before `end` hands on; gives what is no element.
    fn store_cells<'v>(&mut self, k: &Lanes, end: V, handed_on: &'v [V]) -> &'v [V] {
        let (carried, cells) = handed_on.split_at(handed_on.len() - k.kernel.cells.len());
        for (cell, v) in k.kernel.cells.iter().zip(cells) {
            let (base, ty) = self.array_of(k, cell.array);
            let number = self.number_at(k, cell.array, &cell.indices, end);
            self.store_element(base, ty, number, *v);
        }
        carried
    }

    /// The row-major number of the element at these indices in the trip `i`.
    fn number_at(&mut self, k: &Lanes, array: ArrayId, indices: &[Affine], i: V) -> V {
        let header = self.get(k.kernel.arrays[array].value);
        let mut number = None;
        for (axis, index) in indices.iter().enumerate() {
            let fixed = self.affine(k, index);
            let grown = self.b.ins().imul_imm_s(i, index.axis);
            let index = self.b.ins().iadd(fixed, grown);
            number = Some(match number {
                None => index,
                Some(rows) => {
                    let size = self.dim(header, axis);
                    let first = self.b.ins().imul(rows, size);
                    self.b.ins().iadd(first, index)
                }
            });
        }
        number.expect("an access has an index")
    }

    // ---- guards ----

    /// Whether there are enough trips, not too many, conditions are as expected, and no access would trap.
    fn guards_hold(&mut self, k: &Lanes, at: &Bounds, trips: V, least: i64) -> V {
        let mut ok = self.is_between(trips, least, MOST_TRIPS);
        for (counter, lo, hi) in &k.kernel.counters {
            let is_named = |g: &Guard| g.index.terms.iter().any(|(n, _)| n == counter);
            if k.kernel.rounds.contains(counter) || k.kernel.guards.iter().any(is_named) {
                let (lo, hi) = (self.affine(k, lo), self.affine(k, hi));
                let trips = self.b.ins().isub(hi, lo);
                let fine = self.is_between(trips, 1, MOST_TRIPS);
                ok = self.b.ins().band(ok, fine);
            }
        }
        for distance in &k.kernel.apart {
            let distance = self.affine(k, distance);
            let fine = self.b.ins().icmp_imm_s(IntCC::NotEqual, distance, 0);
            ok = self.b.ins().band(ok, fine);
        }
        for (cond, wanted) in &k.kernel.conditions {
            let holds = self.b.ins().icmp_imm_s(IntCC::Equal, k.scalar(*cond), *wanted as i64);
            ok = self.b.ins().band(ok, holds);
        }
        for tile in k.kernel.tiles.values() {
            let rows = self.rows(k, tile);
            let fine = self.is_between(rows, 1, MOST_ROWS);
            ok = self.b.ins().band(ok, fine);
        }
        for guard in &k.kernel.guards {
            let size = k.scalar(guard.size);
            for last in [false, true] {
                let index = self.corner(k, &guard.index, at, last);
                let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, index, size);
                ok = self.b.ins().band(ok, inside);
            }
        }
        ok
    }

    /// `least <= trips < most`
    fn is_between(&mut self, trips: V, least: i64, most: i64) -> V {
        let more = self.b.ins().iadd_imm_s(trips, -least);
        self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, more, most - least)
    }

    /// The constant and the inputs of an index.
    fn affine(&mut self, k: &Lanes, index: &Affine) -> V {
        let mut sum = self.word(index.constant);
        for (num, factor) in index.terms.iter().filter(|(n, _)| k.has(*n)) {
            let term = self.b.ins().imul_imm_s(k.scalar(*num), *factor);
            sum = self.b.ins().iadd(sum, term);
        }
        sum
    }

    /// The least value of an index over all trips, or the greatest.
    fn corner(&mut self, k: &Lanes, index: &Affine, at: &Bounds, greatest: bool) -> V {
        let mut sum = self.affine(k, index);
        let add = |this: &mut Self, sum: V, factor: i64, lo: V, hi: V| {
            let at = if (factor > 0) == greatest { this.b.ins().iadd_imm_s(hi, -1) } else { lo };
            let term = this.b.ins().imul_imm_s(at, factor);
            this.b.ins().iadd(sum, term)
        };
        if index.axis != 0 {
            sum = add(self, sum, index.axis, at.lo, at.hi);
        }
        for (num, factor) in &index.terms {
            if let Some((_, lo, hi)) = k.kernel.counters.iter().find(|(c, ..)| c == num) {
                let (lo, hi) = (self.affine(k, lo), self.affine(k, hi));
                sum = add(self, sum, *factor, lo, hi);
            }
        }
        sum
    }
}

/// What folds leave: for each extreme so many vectors, for a sum its eight lanes, of which the first is that of a trip `next`.
struct Accumulated<'v> {
    vectors: &'v [V],
    each: usize,
    next: V,
}

/// What every float is better than, or equal to.
pub(super) fn worst(op: BinaryOp) -> f64 {
    if op == BinaryOp::Min { f64::INFINITY } else { f64::NEG_INFINITY }
}
