//! Values that stand for others while a pass walks a function.
//!
//! A pass that finds `%b` equal to `%a` records that and goes on; operands are resolved when the walk reaches them. This
//! is right because uses come after definitions in a walk of the regions in order, but for yields of loop bodies, which
//! are resolved when the body ends.

use crate::analysis::Table;
use crate::function::{Function, Inst, Region, Value};

/// The value that replaces each value.
#[derive(Clone, Debug, Default)]
pub struct Replacements {
    by: Table<Value, Option<Value>>,
}

impl Replacements {
    /// What stands for `v` now.
    pub fn resolve(&self, v: Value) -> Value {
        let mut v = v;
        while let Some(by) = self.by[v] {
            v = by;
        }
        v
    }

    /// From now on `by` stands for `v`.
    pub fn replace(&mut self, v: Value, by: Value) {
        let by = self.resolve(by);
        if by != v {
            self.by[v] = Some(by);
        }
    }

    /// Ends what `replace` began for `v`.
    pub fn restore(&mut self, v: Value) {
        self.by[v] = None;
    }

    pub fn resolve_args(&self, func: &mut Function, inst: Inst) {
        func.insts[inst].args.iter_mut().for_each(|arg| *arg = self.resolve(*arg));
    }

    pub fn resolve_yields(&self, func: &mut Function, region: Region) {
        func.regions[region].yields.iter_mut().for_each(|value| *value = self.resolve(*value));
    }

    /// Resolves every operand and yield in a region and the regions nested in it.
    pub fn resolve_region(&self, func: &mut Function, region: Region) {
        for k in 0..func.regions[region].insts.len() {
            let inst = func.regions[region].insts[k];
            self.resolve_args(func, inst);
            for inner in func.insts[inst].regions.clone() {
                self.resolve_region(func, inner);
            }
        }
        self.resolve_yields(func, region);
    }
}
