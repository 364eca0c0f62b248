//! Rules of the functions of one argument.
//!
//! For all of them, with the local partial p:
//!   tangent: ż = p·ẋ
//!   adjoint: x̄ += p·z̄
//! Each reads one primal value, its argument or its result, whichever makes the partial cheaper and no less accurate.
//! "Guarded" means the convention of the module above for partials that are not finite.

use crate::rules::{Partial, Point};
use dprog_ir::{BinaryOp, Builder, CompareOp, Type, UnaryOp, Value};
use std::f64::consts::{LN_2, LN_10, PI};

/// The partial of `op`; `None` where nothing passes (by convention) or no rule exists.
pub fn partial<'f>(op: UnaryOp, at: &mut impl Point<'f>) -> Option<Partial> {
    let rule = match op {
        UnaryOp::Neg => return Some(Partial::MinusOne),
        UnaryOp::Abs => Rule::of_argument(abs).finite(),
        UnaryOp::Sqrt => Rule::of_result(sqrt),
        UnaryOp::Cbrt => Rule::of_result(cbrt),
        UnaryOp::Exp => Rule::of_result(exp),
        UnaryOp::Exp2 => Rule::of_result(exp2),
        UnaryOp::Expm1 => Rule::of_argument(expm1),
        UnaryOp::Log => Rule::of_argument(log),
        UnaryOp::Log2 => Rule::of_argument(log2),
        UnaryOp::Log10 => Rule::of_argument(log10),
        UnaryOp::Log1p => Rule::of_argument(log1p),
        UnaryOp::Sin => Rule::of_argument(sin).finite(),
        UnaryOp::Cos => Rule::of_argument(cos).finite(),
        UnaryOp::Tan => Rule::of_result(tan),
        UnaryOp::Asin => Rule::of_argument(asin),
        UnaryOp::Acos => Rule::of_argument(acos),
        UnaryOp::Atan => Rule::of_argument(atan).finite(),
        UnaryOp::Sinh => Rule::of_argument(sinh),
        UnaryOp::Cosh => Rule::of_argument(cosh),
        UnaryOp::Tanh => Rule::of_argument(tanh).finite(),
        UnaryOp::Asinh => Rule::of_argument(asinh).finite(),
        UnaryOp::Acosh => Rule::of_argument(acosh),
        UnaryOp::Atanh => Rule::of_argument(atanh),
        UnaryOp::Erf => Rule::of_argument(erf).finite(),
        UnaryOp::Erfc => Rule::of_argument(erfc).finite(),
        UnaryOp::Sigmoid => Rule::of_argument(sigmoid).finite(),
        UnaryOp::Softplus => Rule::of_argument(softplus).finite(),
        UnaryOp::Lgamma => Rule::of_argument(lgamma),
        UnaryOp::Digamma => Rule::of_argument(digamma),
        UnaryOp::Trigamma => Rule::of_argument(trigamma),
        UnaryOp::Not | UnaryOp::Sign | UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round | UnaryOp::Trunc => return None,
    };
    let p = match beside(op, at) {
        Some(p) => p,
        None => {
            let read = if rule.reads_result { at.result() } else { at.operand(0) };
            (rule.partial)(at.builder(), read)
        }
    };
    Some(if rule.guarded { Partial::Guarded(p) } else { Partial::Scale(p) })
}

/// Functions with their derivatives, as far as the primal may have computed both; and whether the sign changes.
const CIRCULAR: [(UnaryOp, UnaryOp, bool); 4] = [
    (UnaryOp::Sin, UnaryOp::Cos, false),
    (UnaryOp::Cos, UnaryOp::Sin, true),
    (UnaryOp::Sinh, UnaryOp::Cosh, false),
    (UnaryOp::Cosh, UnaryOp::Sinh, false),
];

/// The partial, if the primal has computed it beside the function.
fn beside<'f>(op: UnaryOp, at: &mut impl Point<'f>) -> Option<Value> {
    let (_, derivative, negated) = CIRCULAR.into_iter().find(|(function, ..)| *function == op)?;
    let p = at.beside(derivative)?;
    Some(if negated { at.builder().unary(UnaryOp::Neg, p) } else { p })
}

/// How a partial is had.
struct Rule {
    reads_result: bool,
    guarded: bool,
    partial: fn(&mut Builder, Value) -> Value,
}

impl Rule {
    fn of_argument(partial: fn(&mut Builder, Value) -> Value) -> Rule {
        Rule { reads_result: false, guarded: true, partial }
    }

    fn of_result(partial: fn(&mut Builder, Value) -> Value) -> Rule {
        Rule { reads_result: true, guarded: true, partial }
    }

    /// The partial is finite for every argument at which the function is.
    fn finite(self) -> Rule {
        Rule { guarded: false, ..self }
    }
}

/// Absolute value.
///   primal:  z = |x|
///   tangent: ż = sign(x)·ẋ
///   adjoint: x̄ += sign(x)·z̄
///   needs:   x
///   kink:    0 at 0. The sign is a constant (its own derivative is no news to anyone: `stop_grad`)
fn abs(b: &mut Builder, x: Value) -> Value {
    sign(b, x)
}

/// The sign of `x`, cut off from derivatives.
pub(super) fn sign(b: &mut Builder, x: Value) -> Value {
    let x = b.stop_grad(x);
    b.unary(UnaryOp::Sign, x)
}

/// Square root.
///   primal:  z = √x
///   tangent: ż = ẋ / 2z
///   adjoint: x̄ += z̄ / 2z
///   needs:   z
///   kink:    guarded at 0 (p = ∞)
fn sqrt(b: &mut Builder, z: Value) -> Value {
    ratio(b, 0.5, z)
}

/// Cube root.
///   primal:  z = ∛x
///   tangent: ż = ẋ / 3z²
///   adjoint: x̄ += z̄ / 3z²
///   needs:   z
///   kink:    guarded at 0 (p = ∞)
fn cbrt(b: &mut Builder, z: Value) -> Value {
    let square = b.mul(z, z);
    ratio(b, 1.0 / 3.0, square)
}

/// Exponential.
///   primal:  z = eˣ
///   tangent: ż = z·ẋ
///   adjoint: x̄ += z·z̄
///   needs:   z
///   kink:    guarded where it overflows
fn exp(_: &mut Builder, z: Value) -> Value {
    z
}

/// Power of two.
///   primal:  z = 2ˣ
///   tangent: ż = ln 2·z·ẋ
///   adjoint: x̄ += ln 2·z·z̄
///   needs:   z
///   kink:    guarded where it overflows
fn exp2(b: &mut Builder, z: Value) -> Value {
    scale(b, LN_2, z)
}

/// Exponential minus one.
///   primal:  z = eˣ − 1
///   tangent: ż = eˣ·ẋ
///   adjoint: x̄ += eˣ·z̄
///   needs:   x (z + 1 would lose everything for x ≪ 0)
///   kink:    guarded where it overflows
fn expm1(b: &mut Builder, x: Value) -> Value {
    b.unary(UnaryOp::Exp, x)
}

/// Natural logarithm.
///   primal:  z = ln x
///   tangent: ż = ẋ / x
///   adjoint: x̄ += z̄ / x
///   needs:   x
///   kink:    guarded at 0 (p = ∞)
fn log(b: &mut Builder, x: Value) -> Value {
    ratio(b, 1.0, x)
}

/// Binary logarithm.
///   primal:  z = log₂ x
///   tangent: ż = ẋ / (x ln 2)
///   adjoint: x̄ += z̄ / (x ln 2)
///   needs:   x
///   kink:    guarded at 0 (p = ∞)
fn log2(b: &mut Builder, x: Value) -> Value {
    ratio(b, 1.0 / LN_2, x)
}

/// Decimal logarithm.
///   primal:  z = log₁₀ x
///   tangent: ż = ẋ / (x ln 10)
///   adjoint: x̄ += z̄ / (x ln 10)
///   needs:   x
///   kink:    guarded at 0 (p = ∞)
fn log10(b: &mut Builder, x: Value) -> Value {
    ratio(b, 1.0 / LN_10, x)
}

/// Logarithm of one plus x.
///   primal:  z = ln(1 + x)
///   tangent: ż = ẋ / (1 + x)
///   adjoint: x̄ += z̄ / (1 + x)
///   needs:   x
///   kink:    guarded at −1 (p = ∞)
fn log1p(b: &mut Builder, x: Value) -> Value {
    let shifted = plus(b, x, 1.0);
    ratio(b, 1.0, shifted)
}

/// Sine.
///   primal:  z = sin x
///   tangent: ż = cos x·ẋ
///   adjoint: x̄ += cos x·z̄
///   needs:   x
///   kink:    none
fn sin(b: &mut Builder, x: Value) -> Value {
    b.unary(UnaryOp::Cos, x)
}

/// Cosine.
///   primal:  z = cos x
///   tangent: ż = −sin x·ẋ
///   adjoint: x̄ += −sin x·z̄
///   needs:   x
///   kink:    none
fn cos(b: &mut Builder, x: Value) -> Value {
    let sine = b.unary(UnaryOp::Sin, x);
    b.unary(UnaryOp::Neg, sine)
}

/// Tangent of an angle.
///   primal:  z = tan x
///   tangent: ż = (1 + z²)·ẋ
///   adjoint: x̄ += (1 + z²)·z̄
///   needs:   z
///   kink:    guarded where it overflows
fn tan(b: &mut Builder, z: Value) -> Value {
    let square = b.mul(z, z);
    plus(b, square, 1.0)
}

/// Inverse sine.
///   primal:  z = asin x
///   tangent: ż = ẋ / √(1 − x²)
///   adjoint: x̄ += z̄ / √(1 − x²)
///   needs:   x
///   kink:    guarded at ±1 (p = ∞)
fn asin(b: &mut Builder, x: Value) -> Value {
    let product = one_minus_square(b, x);
    let root = b.unary(UnaryOp::Sqrt, product);
    ratio(b, 1.0, root)
}

/// Inverse cosine.
///   primal:  z = acos x
///   tangent: ż = −ẋ / √(1 − x²)
///   adjoint: x̄ += −z̄ / √(1 − x²)
///   needs:   x
///   kink:    guarded at ±1 (p = −∞)
fn acos(b: &mut Builder, x: Value) -> Value {
    let product = one_minus_square(b, x);
    let root = b.unary(UnaryOp::Sqrt, product);
    ratio(b, -1.0, root)
}

/// Inverse tangent.
///   primal:  z = atan x
///   tangent: ż = ẋ / (1 + x²)
///   adjoint: x̄ += z̄ / (1 + x²)
///   needs:   x
///   kink:    none
fn atan(b: &mut Builder, x: Value) -> Value {
    let square = b.mul(x, x);
    let sum = plus(b, square, 1.0);
    ratio(b, 1.0, sum)
}

/// Hyperbolic sine.
///   primal:  z = sinh x
///   tangent: ż = cosh x·ẋ
///   adjoint: x̄ += cosh x·z̄
///   needs:   x
///   kink:    guarded where it overflows
fn sinh(b: &mut Builder, x: Value) -> Value {
    b.unary(UnaryOp::Cosh, x)
}

/// Hyperbolic cosine.
///   primal:  z = cosh x
///   tangent: ż = sinh x·ẋ
///   adjoint: x̄ += sinh x·z̄
///   needs:   x
///   kink:    guarded where it overflows
fn cosh(b: &mut Builder, x: Value) -> Value {
    b.unary(UnaryOp::Sinh, x)
}

/// Hyperbolic tangent.
///   primal:  z = tanh x
///   tangent: ż = ẋ / cosh² x
///   adjoint: x̄ += z̄ / cosh² x
///   needs:   x (1 − z² would lose three digits at x = 5 and all at x = 19)
///   kink:    none; beyond |x| = 350 (f32: 40) the partial is held at its value there, below 1e-300, so that neither it nor
///            its derivatives meet an overflow
fn tanh(b: &mut Builder, x: Value) -> Value {
    square_over_cosh(b, 1.0, x)
}

/// (a / cosh x)², held beyond |x| = 350 (f32: 40).
fn square_over_cosh(b: &mut Builder, a: f64, x: Value) -> Value {
    let ty = b.ty(x);
    let far = if ty == Type::F32 { 40.0 } else { 350.0 };
    let (low, high) = (b.float(-far, ty), b.float(far, ty));
    let clamped = b.binary(BinaryOp::Min, x, high);
    let clamped = b.binary(BinaryOp::Max, clamped, low);
    let cosh = b.unary(UnaryOp::Cosh, clamped);
    let sech = ratio(b, a, cosh);
    b.mul(sech, sech)
}

/// Logistic function.
///   primal:  z = 1 / (1 + e⁻ˣ)
///   tangent: ż = (½ / cosh(x/2))²·ẋ
///   adjoint: x̄ += (½ / cosh(x/2))²·z̄
///   needs:   x (z·(1 − z) would lose all digits for x ≫ 0, and its derivative those next to 0)
///   kink:    none; held beyond |x| = 700 (f32: 80), as for `tanh`
fn sigmoid(b: &mut Builder, x: Value) -> Value {
    let half = scale(b, 0.5, x);
    square_over_cosh(b, 0.5, half)
}

/// Integral of the logistic function.
///   primal:  z = ln(1 + eˣ)
///   tangent: ż = sigmoid(x)·ẋ
///   adjoint: x̄ += sigmoid(x)·z̄
///   needs:   x
///   kink:    none
fn softplus(b: &mut Builder, x: Value) -> Value {
    b.unary(UnaryOp::Sigmoid, x)
}

/// Inverse hyperbolic sine.
///   primal:  z = asinh x
///   tangent: ż = ẋ / √(1 + x²)
///   adjoint: x̄ += z̄ / √(1 + x²)
///   needs:   x
///   kink:    none
fn asinh(b: &mut Builder, x: Value) -> Value {
    let one = b.float(1.0, b.ty(x));
    let root = b.binary(BinaryOp::Hypot, x, one);
    ratio(b, 1.0, root)
}

/// Inverse hyperbolic cosine.
///   primal:  z = acosh x
///   tangent: ż = ẋ / √((x − 1)(x + 1))
///   adjoint: x̄ += z̄ / √((x − 1)(x + 1))
///   needs:   x
///   kink:    guarded at 1 (p = ∞)
fn acosh(b: &mut Builder, x: Value) -> Value {
    let (below, above) = (plus(b, x, -1.0), plus(b, x, 1.0));
    let product = b.mul(below, above);
    let root = b.unary(UnaryOp::Sqrt, product);
    ratio(b, 1.0, root)
}

/// Inverse hyperbolic tangent.
///   primal:  z = atanh x
///   tangent: ż = ẋ / (1 − x²)
///   adjoint: x̄ += z̄ / (1 − x²)
///   needs:   x
///   kink:    guarded at ±1 (p = ∞)
fn atanh(b: &mut Builder, x: Value) -> Value {
    let product = one_minus_square(b, x);
    ratio(b, 1.0, product)
}

/// Error function.
///   primal:  z = erf x
///   tangent: ż = 2/√π·exp(−x²)·ẋ
///   adjoint: x̄ += 2/√π·exp(−x²)·z̄
///   needs:   x
///   kink:    none
fn erf(b: &mut Builder, x: Value) -> Value {
    bell(b, 2.0 / PI.sqrt(), x)
}

/// One minus the error function.
///   primal:  z = 1 − erf x
///   tangent: ż = −2/√π·exp(−x²)·ẋ
///   adjoint: x̄ += −2/√π·exp(−x²)·z̄
///   needs:   x
///   kink:    none
fn erfc(b: &mut Builder, x: Value) -> Value {
    bell(b, -2.0 / PI.sqrt(), x)
}

/// a·exp(−x²)
fn bell(b: &mut Builder, a: f64, x: Value) -> Value {
    let square = b.mul(x, x);
    let minus = b.unary(UnaryOp::Neg, square);
    let bell = b.unary(UnaryOp::Exp, minus);
    scale(b, a, bell)
}

/// Logarithm of the gamma function.
///   primal:  z = ln |Γ(x)|
///   tangent: ż = ψ(x)·ẋ
///   adjoint: x̄ += ψ(x)·z̄
///   needs:   x
///   kink:    guarded at the poles
fn lgamma(b: &mut Builder, x: Value) -> Value {
    b.unary(UnaryOp::Digamma, x)
}

/// Digamma function.
///   primal:  z = ψ(x)
///   tangent: ż = ψ′(x)·ẋ
///   adjoint: x̄ += ψ′(x)·z̄
///   needs:   x
///   kink:    guarded at the poles
fn digamma(b: &mut Builder, x: Value) -> Value {
    b.unary(UnaryOp::Trigamma, x)
}

/// Trigamma function.
///   primal:  z = ψ′(x)
///   tangent: ż = ψ″(x)·ẋ
///   adjoint: x̄ += ψ″(x)·z̄
///   needs:   x
///   kink:    guarded at the poles
fn trigamma(b: &mut Builder, x: Value) -> Value {
    let order = b.float(2.0, b.ty(x));
    b.binary(BinaryOp::Polygamma, order, x)
}

fn ratio(b: &mut Builder, numerator: f64, x: Value) -> Value {
    let numerator = b.float(numerator, b.ty(x));
    b.div(numerator, x)
}

fn scale(b: &mut Builder, factor: f64, x: Value) -> Value {
    let factor = b.float(factor, b.ty(x));
    b.mul(factor, x)
}

fn plus(b: &mut Builder, x: Value, c: f64) -> Value {
    let c = b.float(c, b.ty(x));
    b.add(x, c)
}

/// 1 − x² as (1 − x)(1 + x) where that keeps more digits, near ±1; and as it stands near 0, where its derivative does.
fn one_minus_square(b: &mut Builder, x: Value) -> Value {
    let (one, half) = (b.float(1.0, b.ty(x)), b.float(0.5, b.ty(x)));
    let (minus, plus) = (b.sub(one, x), b.add(one, x));
    let product = b.mul(minus, plus);
    let square = b.mul(x, x);
    let difference = b.sub(one, square);
    let is_small = b.compare(CompareOp::Lt, square, half);
    b.select(is_small, difference, product)
}
