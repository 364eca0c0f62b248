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
//! are the index of the first lane; the others are `W / 2` vectors of two.
//!
//! The files: here the loop and its guards, [`lanes`] numbers in vectors, [`step`] what a trip does.

mod lanes;
mod step;

use super::*;
use dprog_ir::Const;
use dprog_ir::kernel::{Affine, ArrayId, Carried, Input, Kernel, Loop, Num, recognise};
use lanes::{Held, Lanes};
use smallvec::SmallVec;

/// Kernels run for fewer trips than this, so that no index overflows between its first and its last value.
const MOST_TRIPS: i64 = 1 << 40;

/// The bounds of a loop, and the values that it carries.
pub(super) struct Bounds<'v> {
    pub lo: V,
    pub hi: V,
    pub carried: &'v [V],
    /// Of a `build`: the number of the element that counter 0 makes.
    pub first: Option<V>,
}

impl<M: ClifModule> Lower<'_, '_, M> {
    /// The loop as a kernel, if it is one and vectors are wanted.
    pub(super) fn kernel(&self, inst: Inst) -> Option<Kernel> {
        if !self.program.simd {
            return None;
        }
        let constant = |v: Value| match self.definition(v).map(|data| &data.op) {
            Some(Op::Const(c)) => Some(c.clone()),
            _ => None,
        };
        recognise(&Loop { func: self.func, inst, constant: &constant }).ok()
    }

    /// Runs the kernel for as many trips as it can; gives the counter and the carried values with which the loop goes on.
    pub(super) fn run_kernel(&mut self, kernel: &Kernel, at: &Bounds, long: bool) -> (V, Vec<V>) {
        let width = kernel.cost.lanes();
        let kinds: Vec<ClifType> = at.carried.iter().map(|v| self.b.func.dfg.value_type(*v)).collect();
        let (run, after) = (self.b.create_block(), self.block(&[&[types::I64][..], &kinds].concat()));
        let mut k = Lanes::new(kernel, width);
        self.kernel_inputs(&mut k, at);
        let trips = self.b.ins().isub(at.hi, at.lo);
        let ok = self.guards_hold(&k, at, trips);
        let otherwise = [&[at.lo][..], at.carried].concat();
        self.brif(ok, run, &[], after, &otherwise);

        self.b.switch_to_block(run);
        let whole = self.b.ins().band_imm_s(trips, -(width as i64));
        let end = self.b.ins().iadd(at.lo, whole);
        let ordered = ordered_inits(kernel, at.carried);
        let trips = self.trips(at.lo, at.hi, long);
        let finals = self.counted_by(width as i64, (at.lo, end), &ordered, trips, |this, i, carried| {
            this.kernel_block(&mut k, i, carried)
        });
        let carried = self.carried_after(kernel, at, whole, &finals);
        self.jump(after, &[&[end][..], &carried].concat());
        self.b.switch_to_block(after);
        let params = self.params(after);
        (params[0], params[1..].to_vec())
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

    /// What the loop carries after the kernel, which ran `done` trips.
    fn carried_after(&mut self, kernel: &Kernel, at: &Bounds, done: V, ordered: &[V]) -> Vec<V> {
        let mut ordered = ordered.iter();
        let mut after = Vec::new();
        for (carried, before) in kernel.carried.iter().zip(at.carried) {
            after.push(match carried {
                Carried::Array(_) | Carried::Same(_) => *before,
                Carried::Steady { step, .. } => {
                    let grown = self.b.ins().imul_imm_s(done, *step);
                    self.b.ins().iadd(*before, grown)
                }
                Carried::Ordered { .. } => *ordered.next().expect("one for each"),
            });
        }
        after
    }

    // ---- guards ----

    /// Whether there are enough trips for a block, not too many, and no access would trap.
    fn guards_hold(&mut self, k: &Lanes, at: &Bounds, trips: V) -> V {
        let mut ok = self.is_between(trips, k.width as i64);
        for (counter, lo, hi) in &k.kernel.counters {
            if k.kernel.guards.iter().any(|g| g.index.terms.iter().any(|(n, _)| n == counter)) {
                let (lo, hi) = (self.affine(k, lo), self.affine(k, hi));
                let trips = self.b.ins().isub(hi, lo);
                let fine = self.is_between(trips, 1);
                ok = self.b.ins().band(ok, fine);
            }
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

    /// `least <= trips < MOST_TRIPS`
    fn is_between(&mut self, trips: V, least: i64) -> V {
        let more = self.b.ins().iadd_imm_s(trips, -least);
        self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, more, MOST_TRIPS - least)
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

/// The ordered ones of the carried values.
fn ordered_inits(kernel: &Kernel, carried: &[V]) -> Vec<V> {
    let is_ordered = |c: &&Carried| matches!(c, Carried::Ordered { .. });
    kernel.carried.iter().zip(carried).filter(|(c, _)| is_ordered(c)).map(|(_, v)| *v).collect()
}
