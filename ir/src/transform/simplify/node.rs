//! Nodes whose construction is in sight, and tangents that are plain numbers.

use super::{Simpler, Simplifier, scalar};
use crate::function::Value;
use crate::opcode::{BinaryOp, Const, Op};
use crate::types::{Leaf, Type};
use smallvec::smallvec;

impl Simplifier<'_> {
    /// The tag of a node that was made in sight: the call of a known closure goes straight to its case.
    pub(super) fn node_tag(&self, n: Value) -> Option<Simpler> {
        let (Op::NodeNew { case, .. }, _) = self.made_by(n)? else { return None };
        Some(Simpler::Const(Const::I64(i64::from(*case))))
    }

    pub(super) fn node_get(&self, n: Value, case: u32, field: u32) -> Option<Simpler> {
        let (Op::NodeNew { case: made, .. }, fields) = self.made_by(n)? else { return None };
        (*made == case).then(|| Simpler::Value(fields[field as usize]))
    }

    /// A zero number, or an array of zeros that does not keep the array alive from which it takes its shape.
    pub(super) fn zeros_like(&mut self, x: Value, ty: Type) -> Option<Simpler> {
        if ty.is_float() {
            return Some(Simpler::Const(scalar::zero(ty)));
        }
        let plain = ty.level_count() == 1 && matches!(ty.leaf, Leaf::Scalar(_));
        if !plain {
            return None;
        }
        let zero = self.constant(scalar::zero(ty.element()), ty.element());
        let sizes = (0..ty.rank()).map(|axis| self.emit(Op::Dim(axis as u8), &[x], Type::I64));
        let args = std::iter::once(zero).chain(sizes).collect();
        Some(Simpler::Op(Op::Fill, args))
    }

    pub(super) fn add_tangent(&self, a: Value, b: Value, ty: Type) -> Option<Simpler> {
        ty.is_float().then(|| Simpler::Op(Op::Binary(BinaryOp::Add), smallvec![a, b]))
    }
}
