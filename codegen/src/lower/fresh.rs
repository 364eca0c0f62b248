//! Floats from in front of a call, in a loop behind it.
//!
//! No register for floats outlives a call, so such a value is in memory when a loop begins that uses it. The register allocator
//! then splits its life at each use: trip for trip it is loaded, and stored again at the end, which makes a chain through memory,
//! longer than what most loops compute. A value of its own for the loop, defined behind the call, has a register.

use super::*;
use dprog_ir::walk;

impl<M: ClifModule> Lower<'_, '_, M> {
    /// Notes that a call stands here.
    pub(super) fn note_call(&mut self) {
        self.values_at_call = self.b.func.dfg.num_values();
    }

    /// Lowers a loop, in which floats from in front of the last call have values of their own.
    pub(super) fn fresh_in_loop(&mut self, data: &InstData, lower: impl FnOnce(&mut Self)) {
        let stale = self.stale_floats(data);
        for (v, old) in &stale {
            self.values[v.index()] = Some(self.fresh(*old));
        }
        lower(self);
        stale.iter().for_each(|(v, old)| self.values[v.index()] = Some(*old));
    }

    fn stale_floats(&self, data: &InstData) -> Vec<(Value, V)> {
        let (mut stale, mut seen) = (Vec::new(), FxHashSet::default());
        let mut visit = |v: Value| {
            if let Some(known) = self.values[v.index()]
                && seen.insert(v)
                && self.is_stale(v, known)
            {
                stale.push((v, known));
            }
        };
        data.regions.iter().for_each(|region| walk::for_each_use(self.func, *region, &mut visit));
        stale
    }

    fn is_stale(&self, v: Value, known: V) -> bool {
        let is_float = matches!(self.b.func.dfg.value_type(known), types::F64 | types::F32);
        let is_constant = self.definition(v).is_some_and(|data| matches!(data.op, Op::Const(_)));
        is_float && !is_constant && known.index() < self.values_at_call
    }

    /// The same float as a value that begins here: through memory, in which Cranelift does not follow it from type to type.
    fn fresh(&mut self, v: V) -> V {
        let ty = self.b.func.dfg.value_type(v);
        let bits = self.b.ins().bitcast(ty.as_int(), MemFlagsData::new(), v);
        let address = self.row(&[bits]);
        self.load(ty, Memory::Stack, address, 0)
    }
}
