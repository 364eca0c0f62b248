//! How much stack an entry may need: functions that need little run on the stack of whoever calls.

use dprog_ir::analysis::{CallGraph, Table};
use dprog_ir::{FuncId, Module};

/// Frames of compiled code that are small beside the smallest stack that threads have (256 KiB, by feeling).
const SMALL: u64 = 64 << 10;

/// What the frames of a function and of those that it calls may come to; nothing is known about cycles.
pub(crate) struct StackNeeds(Table<FuncId, Option<u64>>);

impl StackNeeds {
    pub fn new(module: &Module, calls: &CallGraph) -> StackNeeds {
        let mut needs = StackNeeds(Table::new());
        for id in &calls.bottom_up {
            let deepest = calls.callees[*id].iter().try_fold(0, |deepest, callee| Some(needs.0[*callee]?.max(deepest)));
            // Every value may be spilled, and have a stack slot besides.
            let own = 256 + 16 * module.funcs[*id].values.len() as u64;
            needs.0[*id] = deepest.filter(|_| !calls.recursive[*id]).map(|deepest| deepest + own);
        }
        needs
    }

    /// Whether any stack is enough.
    pub fn is_small(&self, id: FuncId) -> bool {
        self.0[id].is_some_and(|bytes| bytes <= SMALL)
    }
}
