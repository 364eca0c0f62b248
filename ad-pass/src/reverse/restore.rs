//! How the sweep restores arrays that the primal updates element by element; which, and why, is decided in `plan::restored`.
//!
//! The version of such an array that is right where the sweep stands is bound like any value of the primal. Loops of the sweep
//! carry it from trip to trip, branches yield it, and each update of the primal puts back what it replaced.

use crate::reverse::item::Item;
use crate::reverse::plan::Fetch;
use crate::reverse::sweep::Sweep;
use dprog_ir::{Access, Inst, Value};

impl Sweep<'_, '_, '_> {
    /// Puts back what an update has replaced: after it in the sweep, the array is what it was before it in the primal.
    pub(super) fn put_back_replaced(&mut self, inst: Inst) {
        if self.is_paper() || !self.plan().put_back.contains(&inst) {
            return;
        }
        let active = self.active.clone();
        let data = &active.func().insts[inst];
        let newer = self.value(data.results[0]);
        let indices = self.values(&data.args[1..data.args.len() - 1]);
        let replaced = self.item(Item::Replaced(inst));
        let older = self.b.set(Access::InBounds, newer, &indices, replaced);
        self.bind(Item::Value(data.args[0]), older);
    }

    /// The arrays that are restored through a loop or a branch: the number of the result, and the version that goes in.
    pub(super) fn restored_through(&self, inst: Inst) -> Vec<(usize, Value)> {
        if self.is_paper() { Vec::new() } else { self.plan().through.get(&inst).cloned().unwrap_or_default() }
    }

    /// The versions with which the sweep of a loop or a branch begins.
    pub(super) fn last_versions(&mut self, inst: Inst) -> Vec<Value> {
        let active = self.active.clone();
        let results = &active.func().insts[inst].results;
        self.restored_through(inst).iter().map(|(k, _)| self.value(results[*k])).collect()
    }

    /// Goes on with the versions that were there before the loop or the branch. Before the outermost loop the array is no version: it may
    /// come from further out.
    pub(super) fn bind_first_versions(&mut self, inst: Inst, versions: &[Value]) {
        for ((_, first), version) in self.restored_through(inst).into_iter().zip(versions) {
            let item = Item::Value(first);
            if self.plan().fetch.get(&item) == Some(&Fetch::Restored) {
                self.bind(item, *version);
            }
        }
    }
}
