//! Indices that are elements of an array: all are looked at before the kernel runs.
//!
//! ```text
//! for %i { %k = get %of[%i]; %x = get %table[%k]; … }        guards hold ──> of[lo], …, of[hi - 1] < size of table ──> the kernel
//! ```
//!
//! That is a load and a comparison for each trip, next to which a trip does much. Where an index is outside, the loop as it stands runs, and
//! traps in the trip in which it would.

use super::*;
use dprog_ir::kernel::Scan;

impl<M: ClifModule> Lower<'_, '_, M> {
    /// Whether, if it is so that `ok`, no index is outside.
    pub(super) fn scans_hold(&mut self, k: &Lanes, at: &Bounds, ok: V) -> V {
        if k.kernel.scans.is_empty() {
            return ok;
        }
        let (scan, after) = (self.b.create_block(), self.block(&[types::I8]));
        self.brif(ok, scan, &[], after, &[ok]);
        self.b.switch_to_block(scan);
        let inside = self.counted_by(1, (at.lo, at.hi), &[ok], Trips::Many, |this, i, carried| {
            let all = k.kernel.scans.iter().fold(carried[0], |all, scan| {
                let index = this.scanned(k, scan, i);
                let inside = this.b.ins().icmp(IntCC::UnsignedLessThan, index, k.scalar(scan.size));
                this.b.ins().band(all, inside)
            });
            vec![all]
        });
        self.jump(after, &inside);
        self.b.switch_to_block(after);
        self.params(after)[0]
    }

    /// The element of the trip `i`.
    fn scanned(&mut self, k: &Lanes, scan: &Scan, i: V) -> V {
        let (base, ty) = self.array_of(k, scan.array);
        let number = self.number_at(k, scan.array, &scan.indices, i);
        self.load_element(base, ty, number)
    }
}
