//! Loops with trips that their kernel cannot do: where a condition on the counter is not what it mostly is.
//!
//! ```text
//!          ┌────────────────────────────────────────────────┐
//!          v                                                │ more
//!    i: the kernel up to the next such trip  ─>  the loop as it stands, up to that trip and through it ──> done
//! ```
//!
//! So a stencil with other rules at the ends runs as one trip, the kernel, one trip; and there is one copy of the loop.

use super::*;
use dprog_ir::kernel::Limit;

/// What limits are compared with stays below this, so that adding to it does not overflow.
const SMALL: i64 = 1 << 61;

impl<M: ClifModule> Lower<'_, '_, M> {
    /// A loop by its kernel, if it has one, and by `body`, which is that of [`Self::counted`].
    pub(in crate::lower) fn loop_with_kernel(
        &mut self,
        kernel: Option<&Kernel>,
        at: &Bounds,
        long: bool,
        body: impl FnOnce(&mut Self, V, &[V]) -> Vec<V>,
    ) -> Vec<V> {
        let trips = self.trips(at.lo, at.hi, long);
        let Some(kernel) = kernel else { return self.counted_by(1, (at.lo, at.hi), at.carried, trips, body) };
        if kernel.limits.is_empty() {
            let (lo, carried) = self.run_kernel(kernel, at, long);
            return self.counted_by(1, (lo, at.hi), &carried, trips, body);
        }
        let kinds: Vec<ClifType> = at.carried.iter().map(|v| self.b.func.dfg.value_type(*v)).collect();
        let (round, exit) = (self.block(&[&[types::I64][..], &kinds].concat()), self.block(&kinds));
        let points = self.points(kernel, at);
        self.jump(round, &[&[at.lo][..], at.carried].concat());

        self.b.switch_to_block(round);
        let params = self.params(round);
        let (i, carried) = (params[0], &params[1..]);
        let (end, stop) = self.stretch(kernel, &points, i, at.hi);
        let stretch = Bounds { lo: i, hi: end, carried, first: at.first, lanes: None, tiles: &[] };
        let (from, carried) = self.run_kernel(kernel, &stretch, long);
        let results = self.counted_by(1, (from, stop), &carried, trips, body);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, stop, at.hi);
        self.brif(more, round, &[&[stop][..], &results].concat(), exit, &results);
        self.b.switch_to_block(exit);
        self.params(exit)
    }

    /// The counters that the limits name. If they are not small, the last is one that no trip is before: see [`Self::stretch`].
    fn points(&mut self, kernel: &Kernel, at: &Bounds) -> Vec<V> {
        let mut k = Lanes::new(kernel, kernel.cost.lanes());
        self.kernel_inputs(&mut k, at);
        let mut fine = self.is_small(at.lo);
        for side in &kernel.small {
            let side = self.affine(&k, side);
            let small = self.is_small(side);
            fine = self.b.ins().band(fine, small);
        }
        let (hi, all) = (at.hi, &kernel.limits);
        let mut points: Vec<V> = all
            .iter()
            .map(|limit| match limit {
                Limit::Except(point) | Limit::From(point) | Limit::Until(point) => self.affine(&k, point),
            })
            .collect();
        let lo = self.b.ins().select(fine, at.lo, hi);
        points.push(lo);
        points
    }

    fn is_small(&mut self, v: V) -> V {
        let above = self.b.ins().iadd_imm_s(v, SMALL);
        self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, above, 2 * SMALL)
    }

    /// Where a kernel that begins at `i` must end, and up to where the loop runs then, before the kernel may begin again.
    fn stretch(&mut self, kernel: &Kernel, points: &[V], i: V, hi: V) -> (V, V) {
        let (mut from, mut until, mut except) = (points[kernel.limits.len()], hi, hi);
        for (limit, point) in kernel.limits.iter().zip(points) {
            match limit {
                Limit::From(_) => from = self.b.ins().smax(from, *point),
                Limit::Until(_) => until = self.b.ins().smin(until, *point),
                Limit::Except(_) => {
                    let ahead = self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, *point, i);
                    let nearer = self.b.ins().smin(except, *point);
                    except = self.b.ins().select(ahead, nearer, except);
                }
            }
        }
        let end = self.b.ins().smin(until, except);
        let behind = self.b.ins().iadd_imm_s(except, 1);
        let at_last = self.b.ins().icmp(IntCC::SignedLessThan, except, hi);
        let stop = self.b.ins().select(at_last, behind, hi);
        let early = self.b.ins().icmp(IntCC::SignedLessThan, i, from);
        let begin = self.b.ins().smin(from, hi);
        (self.b.ins().select(early, i, end), self.b.ins().select(early, begin, stop))
    }
}
