//! `-C fp=contract`: a product that is added is multiplied and added with one rounding, where the processor can.
//!
//! What was rounded twice is rounded once, so bits differ from those of other levels and of the interpreter. Elementary functions and
//! reductions stay what they are.

use super::*;
use cranelift_codegen::ir::{Opcode, ValueDef};
use cranelift_codegen::isa::TargetIsa;

/// Whether a fused multiplication is an instruction there; else Cranelift would call a function.
pub(crate) fn has_fma(isa: &dyn TargetIsa) -> bool {
    let has = |name: &str| isa.isa_flags().iter().any(|flag| flag.name == name && flag.as_bool() == Some(true));
    if isa.name() == "x64" { has("has_fma") } else { true }
}

impl<M: ClifModule> Lower<'_, '_, M> {
    /// `a + b` of floats or of vectors of floats.
    pub(super) fn float_sum(&mut self, a: V, b: V) -> V {
        if let Some((x, y)) = self.factors(a) {
            return self.b.ins().fma(x, y, b);
        }
        match self.factors(b) {
            Some((x, y)) => self.b.ins().fma(x, y, a),
            None => self.b.ins().fadd(a, b),
        }
    }

    /// `a - b` of floats or of vectors of floats.
    pub(super) fn float_difference(&mut self, a: V, b: V) -> V {
        if let Some((x, y)) = self.factors(a) {
            let minus = self.b.ins().fneg(b);
            return self.b.ins().fma(x, y, minus);
        }
        match self.factors(b) {
            Some((x, y)) => {
                let minus = self.b.ins().fneg(x);
                self.b.ins().fma(minus, y, a)
            }
            None => self.b.ins().fsub(a, b),
        }
    }

    /// The factors of a product that may be added without being rounded.
    fn factors(&self, v: V) -> Option<(V, V)> {
        if !self.program.contract {
            return None;
        }
        let dfg = &self.b.func.dfg;
        let ValueDef::Result(inst, _) = dfg.value_def(v) else { return None };
        let [x, y] = *dfg.inst_args(inst) else { return None };
        (dfg.insts[inst].opcode() == Opcode::Fmul).then_some((x, y))
    }
}
