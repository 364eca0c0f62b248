//! The table of rules: for each scalar operation its linearization.
//!
//! The derivative of `z = f(x, y)` is a linear map from (ẋ, ẏ) to ż, given by one local partial per operand. A rule gives
//! these as [`Partial`]s; [`Partial::apply`] is used on ẋ by the forward mode and on z̄ by the reverse sweep, so tangent
//! and adjoint cannot disagree. A rule asks its [`Point`] for the primal values that it reads; asking *is* the
//! declaration: the planner runs the sweep once on paper and records what was asked for (see `reverse::plan`).
//!
//! *Kinks.* Where the tangent or adjoint is 0 **and** the partial is not finite, the contribution is 0 ([`Partial::Guarded`]).
//! Testing the adjoint alone would break second derivatives: `x · sqrt(x)` has adjoint 0 at the root for x = 0, and yet a
//! derivative of the contribution. The partial is replaced, not the product, so that differentiating the guard
//! does not meet `0 · inf` either.

pub mod binary;
pub mod flow;
pub mod foreign;
pub mod unary;

use dprog_ir::{BinaryOp, Builder, CompareOp, Const, Function, Inst, Op, Type, UnaryOp, Value};

/// Primal values at the point of linearization, and where to write.
pub trait Point<'f> {
    fn builder(&mut self) -> &mut Builder<'f>;
    /// The primal value of operand `k`.
    fn operand(&mut self, k: usize) -> Value;
    /// The primal value of the (first) result.
    fn result(&mut self) -> Value;
    /// Operand `k`, if it is a constant.
    fn constant(&self, k: usize) -> Option<f64>;
    /// Whether both operands are one value.
    fn is_of_one(&self) -> bool;
    /// The type of the result.
    fn ty(&self) -> Type;
    /// What the primal computes by `op` from operand 0 beside this, if that is cheaper to have than to compute.
    fn beside(&mut self, _op: UnaryOp) -> Option<Value> {
        None
    }
}

/// One local partial, as what it does to a tangent or an adjoint `t`.
#[derive(Clone, Copy, Debug)]
pub enum Partial {
    /// `t`
    One,
    /// `-t`
    MinusOne,
    /// `p · t`
    Scale(Value),
    /// `p · t + p · t`
    Twice(Value),
    /// `p · t`, but 0 where `t` is 0 and `p` is not finite.
    Guarded(Value),
    /// `t / y`; where `guard`, 0 where `t` is 0 and `y` is 0 or NaN.
    Over { y: Value, guard: bool },
    /// `t` where the condition is `when`, else 0.
    Pick { cond: Value, when: bool },
}

impl Partial {
    /// The contribution of `t`.
    pub fn apply(self, b: &mut Builder, t: Value) -> Value {
        match self {
            Partial::One => t,
            Partial::MinusOne => b.unary(UnaryOp::Neg, t),
            Partial::Scale(p) => b.mul(t, p),
            Partial::Twice(p) => {
                let product = b.mul(t, p);
                b.add(product, product)
            }
            Partial::Guarded(p) => {
                let finite = is_finite(b, p);
                let zero = b.float(0.0, b.ty(t));
                let moving = b.compare(CompareOp::Ne, t, zero);
                let keep = b.binary(BinaryOp::Or, finite, moving);
                let p = b.select(keep, p, zero);
                b.mul(t, p)
            }
            Partial::Over { y, guard: false } => b.div(t, y),
            Partial::Over { y, guard: true } => {
                let zero = b.float(0.0, b.ty(t));
                let moving = b.compare(CompareOp::Ne, t, zero);
                let magnitude = b.unary(UnaryOp::Abs, y);
                let nonzero = b.compare(CompareOp::Gt, magnitude, zero);
                let keep = b.binary(BinaryOp::Or, moving, nonzero);
                let quotient = b.div(t, y);
                b.select(keep, quotient, zero)
            }
            Partial::Pick { cond, when } => {
                let zero = b.float(0.0, b.ty(t));
                if when { b.select(cond, t, zero) } else { b.select(cond, zero, t) }
            }
        }
    }
}

/// Whether `p` is neither infinite nor NaN. The test has no derivative, and should give no warning about that.
fn is_finite(b: &mut Builder, p: Value) -> Value {
    let magnitude = b.unary(UnaryOp::Abs, p);
    let infinity = b.float(f64::INFINITY, b.ty(p));
    b.compare(CompareOp::Lt, magnitude, infinity)
}

/// `a · p`, but 0 where `a` is 0 and `p` is not finite.
pub(crate) fn guarded_product(b: &mut Builder, a: Value, p: Value) -> Value {
    Partial::Guarded(p).apply(b, a)
}

/// The partial by operand `k` of a scalar operation; `None` if `op` is not one or passes nothing on from `k`. Conversion
/// between floats is not here: it is its own tangent, and its adjoint converts the other way.
pub fn partial<'f>(op: &Op, k: usize, at: &mut impl Point<'f>) -> Option<Partial> {
    match op {
        Op::Unary(op) => unary::partial(*op, at),
        Op::Binary(op) => binary::partial(*op, k, at),
        // Select: ż = c ? ẋ : ẏ;  x̄ += c ? z̄ : 0, ȳ += c ? 0 : z̄;  needs c.
        Op::Select => (k > 0).then(|| Partial::Pick { cond: at.operand(0), when: k == 1 }),
        op => panic!("{op:?} has no rule of its own among the scalars"),
    }
}

/// The float that an instruction gives, if it is a constant.
pub fn float_constant(func: &Function, def: Option<Inst>) -> Option<f64> {
    match func.insts[def?].op {
        Op::Const(Const::F64(bits)) => Some(f64::from_bits(bits)),
        Op::Const(Const::F32(bits)) => Some(f32::from_bits(bits) as f64),
        _ => None,
    }
}
