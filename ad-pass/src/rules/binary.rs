//! Rules of the functions of two arguments; p and q are the local partials by x (the first) and y.
//!   tangent: ż = p·ẋ + q·ẏ
//!   adjoint: x̄ += p·z̄;  ȳ += q·z̄

use crate::rules::unary::sign;
use crate::rules::{Partial, Point, guarded_product};
use dprog_ir::{BinaryOp, CompareOp, UnaryOp, Value};

/// The partial by operand `k`; `None` where nothing passes.
pub fn partial<'f>(op: BinaryOp, k: usize, at: &mut impl Point<'f>) -> Option<Partial> {
    Some(match (op, k) {
        (BinaryOp::Add, _) | (BinaryOp::Sub, 0) => Partial::One,
        (BinaryOp::Sub, _) => Partial::MinusOne,
        // A factor that is written as zero passes nothing on: see docs/decisions/0009.
        (BinaryOp::Mul, k) if at.constant(1 - k) == Some(0.0) => return None,
        // A square contributes once: one link where x̄ gathers in a chain. Not 2x·z̄, in which 2x may overflow and z̄ be zero.
        (BinaryOp::Mul, 0) if at.is_of_one() => Partial::Twice(at.operand(0)),
        (BinaryOp::Mul, _) if at.is_of_one() => return None,
        (BinaryOp::Mul, k) => Partial::Scale(at.operand(1 - k)),
        (BinaryOp::Div, k) => div(k, at),
        (BinaryOp::Rem, k) => rem(k, at),
        (BinaryOp::Pow, 0) => pow_base(at),
        (BinaryOp::Pow, _) => pow_exponent(at),
        (BinaryOp::Atan2, k) => atan2(k, at),
        (BinaryOp::Hypot, k) => hypot(k, at),
        (BinaryOp::Min, k) => first_wins(CompareOp::Le, k, at),
        (BinaryOp::Max, k) => first_wins(CompareOp::Ge, k, at),
        (BinaryOp::CopySign, 0) => copysign(at),
        (BinaryOp::CopySign, _) => return None,
        (BinaryOp::Polygamma, 0) => return None,
        (BinaryOp::Polygamma, _) => polygamma(at),
        (BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr, _) => return None,
    })
}

/// Division.
///   primal:  z = x / y
///   tangent: ż = r·ẋ − (z·r)·ẏ, r = 1/y
///   adjoint: x̄ += r·z̄;  ȳ += −(z·r)·z̄
///   needs:   y, and z if y is active
///   kink:    y = 0 follows IEEE, guarded where z̄ (the tangent) is 0
///
/// r does not wait for z̄, as z̄/y would: one division for both operands, and none in a chain of adjoints. A constant y
/// divides, which rounds once. The price: for |y| < 5.6e-309, among the subnormal numbers, r is infinite, where z̄/y need not be.
fn div<'f>(k: usize, at: &mut impl Point<'f>) -> Partial {
    let (constant, ty) = (at.constant(1), at.ty());
    let y = at.operand(1);
    if constant.is_some() && k == 0 {
        return Partial::Over { y, guard: !constant.is_some_and(f64::is_normal) };
    }
    let z = (k == 1).then(|| at.result());
    let b = at.builder();
    let one = b.float(1.0, ty);
    let r = b.div(one, y);
    let Some(z) = z else { return Partial::Guarded(r) };
    let ratio = b.mul(z, r);
    Partial::Guarded(b.unary(UnaryOp::Neg, ratio))
}

/// Remainder.
///   primal:  z = x − trunc(x/y)·y
///   tangent: ż = ẋ − trunc(x/y)·ẏ
///   adjoint: x̄ += z̄;  ȳ += −trunc(x/y)·z̄
///   needs:   x, y if y is active
///   kink:    the jumps are not seen; the quotient is a constant
fn rem<'f>(k: usize, at: &mut impl Point<'f>) -> Partial {
    if k == 0 {
        return Partial::One;
    }
    let (x, y) = (at.operand(0), at.operand(1));
    let b = at.builder();
    let quotient = b.div(x, y);
    let quotient = b.stop_grad(quotient);
    let whole = b.unary(UnaryOp::Trunc, quotient);
    Partial::Guarded(b.unary(UnaryOp::Neg, whole))
}

/// Power, by the base.
///   primal:  z = xʸ
///   tangent: ż = y·xʸ⁻¹·ẋ
///   adjoint: x̄ += y·xʸ⁻¹·z̄
///   needs:   x, y
///   kink:    0 where y is 0 and xʸ⁻¹ is not finite; guarded as a whole
fn pow_base<'f>(at: &mut impl Point<'f>) -> Partial {
    let (constant, ty) = (at.constant(1), at.ty());
    let x = at.operand(0);
    if let Some(y) = constant {
        return pow_constant(at, x, y);
    }
    let y = at.operand(1);
    let b = at.builder();
    let one = b.float(1.0, ty);
    let lower = b.sub(y, one);
    let power = b.binary(BinaryOp::Pow, x, lower);
    Partial::Guarded(guarded_product(b, y, power))
}

/// The same for a constant exponent: small ones, which are the common ones, need no power at all.
fn pow_constant<'f>(at: &mut impl Point<'f>, x: Value, y: f64) -> Partial {
    let ty = at.ty();
    let b = at.builder();
    let factor = b.float(y, ty);
    if y == 0.0 || y == 1.0 {
        return Partial::Scale(factor);
    }
    if y == 2.0 {
        return Partial::Twice(x);
    }
    let lower = b.float(y - 1.0, ty);
    let power = b.binary(BinaryOp::Pow, x, lower);
    Partial::Guarded(b.mul(factor, power))
}

/// Power, by the exponent.
///   primal:  z = xʸ
///   tangent: ż = z·ln x·ẏ
///   adjoint: ȳ += z·ln x·z̄
///   needs:   x, z
///   kink:    0 where z is 0 and ln x is not finite (x = 0 and y > 0); guarded as a whole
fn pow_exponent<'f>(at: &mut impl Point<'f>) -> Partial {
    let (x, z) = (at.operand(0), at.result());
    let b = at.builder();
    let log = b.unary(UnaryOp::Log, x);
    Partial::Guarded(guarded_product(b, z, log))
}

/// Angle of a point.
///   primal:  z = atan2(x, y), x the ordinate, y the abscissa; r = hypot(x, y)
///   tangent: ż = (y/r)/r·ẋ − (x/r)/r·ẏ
///   adjoint: x̄ += (y/r)/r·z̄;  ȳ += −(x/r)/r·z̄
///   needs:   x, y
///   kink:    guarded at the origin (p, q = NaN)
fn atan2<'f>(k: usize, at: &mut impl Point<'f>) -> Partial {
    let (x, y) = (at.operand(0), at.operand(1));
    let b = at.builder();
    let r = b.binary(BinaryOp::Hypot, x, y);
    let other = if k == 0 { y } else { b.unary(UnaryOp::Neg, x) };
    let unit = b.div(other, r);
    Partial::Guarded(b.div(unit, r))
}

/// Length of a vector of two.
///   primal:  z = √(x² + y²)
///   tangent: ż = x/z·ẋ + y/z·ẏ
///   adjoint: x̄ += x/z·z̄;  ȳ += y/z·z̄
///   needs:   x, y
///   kink:    0 at the origin
///
/// The cosine x/z is had from the ratio r of the smaller to the greater side, as ±1/√(1 + r²) or ±r/√(1 + r²): as a quotient,
/// its derivative y²/z³ would be the difference of two numbers near 1/z where |x| ≫ |y|.
fn hypot<'f>(k: usize, at: &mut impl Point<'f>) -> Partial {
    let (x, y) = (at.operand(k), at.operand(1 - k));
    let b = at.builder();
    let (zero, one) = (b.float(0.0, b.ty(x)), b.float(1.0, b.ty(x)));
    let (length_x, length_y) = (b.unary(UnaryOp::Abs, x), b.unary(UnaryOp::Abs, y));
    let mine_is_greater = b.compare(CompareOp::Ge, length_x, length_y);
    let greater = b.select(mine_is_greater, x, y);
    let smaller = b.select(mine_is_greater, y, x);
    let origin = b.compare(CompareOp::Eq, greater, zero);
    let greater = b.select(origin, one, greater);
    let r = b.div(smaller, greater);
    let square = b.mul(r, r);
    let sum = b.add(square, one);
    let root = b.unary(UnaryOp::Sqrt, sum);
    let above = b.select(mine_is_greater, one, r);
    let ratio = b.div(above, root);
    let sign = b.binary(BinaryOp::CopySign, one, greater);
    let cosine = b.mul(sign, ratio);
    Partial::Guarded(b.select(origin, zero, cosine))
}

/// Minimum and maximum.
///   primal:  z = the first if it is not beaten, or is NaN; else the second
///   tangent: ż = that one's
///   adjoint: all of z̄ to that one
///   needs:   x, y
///   kink:    a tie goes to the first
fn first_wins<'f>(unbeaten: CompareOp, k: usize, at: &mut impl Point<'f>) -> Partial {
    let (x, y) = (at.operand(0), at.operand(1));
    let b = at.builder();
    let unbeaten = b.compare(unbeaten, x, y);
    let nan = b.compare(CompareOp::Ne, x, x);
    Partial::Pick { cond: b.binary(BinaryOp::Or, unbeaten, nan), when: k == 0 }
}

/// Derivative of digamma.
///   primal:  z = ψ⁽ⁿ⁾(y), n the first operand
///   tangent: ż = ψ⁽ⁿ⁺¹⁾(y)·ẏ
///   adjoint: ȳ += ψ⁽ⁿ⁺¹⁾(y)·z̄;  none by the order
///   needs:   n, y
///   kink:    guarded at the poles
fn polygamma<'f>(at: &mut impl Point<'f>) -> Partial {
    let (order, y) = (at.operand(0), at.operand(1));
    let b = at.builder();
    let one = b.float(1.0, b.ty(order));
    let next = b.add(order, one);
    Partial::Guarded(b.binary(BinaryOp::Polygamma, next, y))
}

/// Magnitude with another's sign.
///   primal:  z = |x|·sign of y
///   tangent: ż = sign(x)·(sign of y)·ẋ
///   adjoint: x̄ += sign(x)·(sign of y)·z̄;  nothing to y, of which z is piecewise constant
///   needs:   x, y
///   kink:    0 at x = 0, as for `abs`
fn copysign<'f>(at: &mut impl Point<'f>) -> Partial {
    let (x, y) = (at.operand(0), at.operand(1));
    let b = at.builder();
    let mine = sign(b, x);
    let one = b.float(1.0, b.ty(y));
    let theirs = b.binary(BinaryOp::CopySign, one, y);
    Partial::Scale(b.mul(mine, theirs))
}
