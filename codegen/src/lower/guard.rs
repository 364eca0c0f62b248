//! Products with a guard, as the rules of differentiation write them: `p · t`, but 0 where `t` is 0 and `p` is not finite.
//!
//! ```text
//! %finite = lt (abs %p), inf          %c = %t · %p
//! %moving = ne %t, 0.0                branch if %c is NaN, to a cold block
//! %keep = or %finite, %moving    →
//! %q = select %keep, %p, 0.0          cold: %c is %t where %t is 0
//! %c = mul %t, %q
//! ```
//!
//! Where `t` is 0 and `p` is not finite, the plain product is NaN, so one test that is never true in practice serves; and the
//! product by the zero in the place of `p` has the sign of `t`.

use super::*;
use cranelift_codegen::ir::condcodes::FloatCC;
use dprog_ir::{BinaryOp, CompareOp, Const, UnaryOp};

impl<M: ClifModule> Lower<'_, '_, M> {
    /// The product of `x` and `y`, if one of them is the guarded partial for the other.
    pub(super) fn guarded_product(&mut self, x: Value, y: Value) -> Option<V> {
        let (t, p) = match (self.partial_for(x, y), self.partial_for(y, x)) {
            (Some(p), _) => (x, p),
            (None, Some(p)) => (y, p),
            (None, None) => return None,
        };
        let (t, p) = (self.get(t), self.get(p));
        let product = self.b.ins().fmul(t, p);
        let ty = self.b.func.dfg.value_type(product);
        let (cold, next) = (self.cold_block(), self.block(&[ty]));
        let is_nan = self.b.ins().fcmp(FloatCC::Unordered, product, product);
        self.brif(is_nan, cold, &[], next, &[product]);
        self.b.switch_to_block(cold);
        let zero = self.zero(ty);
        let still = self.b.ins().fcmp(FloatCC::Equal, t, zero);
        let guarded = self.b.ins().select(still, t, product);
        self.jump(next, &[guarded]);
        self.b.switch_to_block(next);
        Some(self.params(next)[0])
    }

    /// `p`, if `guarded` is `p` or 0 as above.
    fn partial_for(&self, t: Value, guarded: Value) -> Option<Value> {
        let [keep, p, zero] = self.made_by(guarded, &Op::Select)? else { return None };
        let [a, b] = self.made_by(*keep, &Op::Binary(BinaryOp::Or))? else { return None };
        let ordered =
            (self.is_finite(*a, *p) && self.is_moving(*b, t)) || (self.is_finite(*b, *p) && self.is_moving(*a, t));
        (ordered && self.is_float(*zero, 0.0)).then_some(*p)
    }

    fn is_finite(&self, cond: Value, p: Value) -> bool {
        let Some([magnitude, bound]) = self.made_by(cond, &Op::Compare(CompareOp::Lt)) else { return false };
        let Some([inner]) = self.made_by(*magnitude, &Op::Unary(UnaryOp::Abs)) else { return false };
        let is_negated = |x: Value, y: Value| self.made_by(x, &Op::Unary(UnaryOp::Neg)) == Some(&[y][..]);
        let same = *inner == p || is_negated(p, *inner) || is_negated(*inner, p);
        same && self.is_float(*bound, f64::INFINITY)
    }

    fn is_moving(&self, cond: Value, t: Value) -> bool {
        let Some([x, zero]) = self.made_by(cond, &Op::Compare(CompareOp::Ne)) else { return false };
        *x == t && self.is_float(*zero, 0.0)
    }

    fn is_float(&self, v: Value, x: f64) -> bool {
        let is = |op: &Op| *op == Op::Const(Const::f64(x)) || *op == Op::Const(Const::f32(x as f32));
        self.definition(v).is_some_and(|data| is(&data.op))
    }

    /// The operands of the instruction that gives `v`, if its operation is `op`.
    fn made_by(&self, v: Value, op: &Op) -> Option<&[Value]> {
        let data = self.definition(v)?;
        (data.op == *op).then_some(&data.args[..])
    }
}
