//! Floats that may carry derivatives: dual numbers, nested.
//!
//! A [`Num`] is a plain number, or `re + eps·ε` with `ε² = 0` for the ε of one request for a derivative, its *level*. A
//! later request has a greater level, and the parts of a dual number are numbers of lesser levels: so the ε of nested
//! derivatives are never confused [Siskind, Pearlmutter: Nesting Forward-Mode AD in a Functional Framework, 2008].
//!
//! The innermost `re` goes through exactly the operations of the plain program, so carrying derivatives changes no bit
//! of the values. Derivatives of f32 values are computed in f64 and rounded when they are read out.
//!
//! Nothing here is shared with `ad-pass`: this is the second opinion on it.

use super::value::Val;
use crate::fmath;
use crate::opcode::{BinaryOp, UnaryOp};
use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LN_10};
use std::rc::Rc;

/// See the module's description.
#[derive(Clone, Debug)]
pub enum Num {
    Plain(f64),
    Dual(Rc<DualNum>),
}

/// `re + eps·ε` for the ε of `level`, which is at least 1; both parts have lesser levels.
#[derive(Debug)]
pub struct DualNum {
    pub level: u32,
    pub re: Num,
    pub eps: Num,
}

/// In which precision the plain program computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Width {
    F64,
    F32,
}

const ZERO: Num = Num::Plain(0.0);

impl DualNum {
    /// The number without any derivative.
    pub fn primal(&self) -> f64 {
        self.re.primal()
    }
}

impl Num {
    /// `re + eps·ε`; without ε if `eps` is zero and carries nothing.
    pub fn dual(level: u32, re: Num, eps: Num) -> Num {
        match eps {
            Num::Plain(0.0) => re,
            eps => Num::Dual(Rc::new(DualNum { level, re, eps })),
        }
    }

    /// The level of the outermost ε; 0 for a plain number.
    pub fn level(&self) -> u32 {
        match self {
            Num::Plain(_) => 0,
            Num::Dual(d) => d.level,
        }
    }

    pub fn primal(&self) -> f64 {
        let mut x = self;
        while let Num::Dual(d) = x {
            x = &d.re;
        }
        match x {
            Num::Plain(x) => *x,
            Num::Dual(_) => unreachable!("the loop ends at a plain number"),
        }
    }

    /// The parts by the ε of `level`, which no part of `self` exceeds.
    pub fn split(&self, level: u32) -> (Num, Num) {
        match self {
            Num::Dual(d) if d.level == level => (d.re.clone(), d.eps.clone()),
            _ => (self.clone(), ZERO),
        }
    }

    /// A number read out as a value of this width.
    pub fn into_val(self, width: Width) -> Val {
        match (self, width) {
            (Num::Plain(x), Width::F64) => Val::F64(x),
            (Num::Plain(x), Width::F32) => Val::F32(x as f32),
            (Num::Dual(d), Width::F64) => Val::Dual64(d),
            (num @ Num::Dual(_), Width::F32) => match num.rounded() {
                Num::Dual(d) => Val::Dual32(d),
                Num::Plain(x) => Val::F32(x as f32),
            },
        }
    }

    /// The primal rounded to f32; the derivatives as they are.
    fn rounded(&self) -> Num {
        match self {
            Num::Plain(x) => Num::Plain(*x as f32 as f64),
            Num::Dual(d) => Num::dual(d.level, d.re.rounded(), d.eps.clone()),
        }
    }

    fn is_plain_zero(&self) -> bool {
        matches!(self, Num::Plain(0.0))
    }
}

impl Val {
    /// A float as a number, and its width; `None` for what is no float.
    pub fn number(&self) -> Option<(Num, Width)> {
        match self {
            Val::F64(x) => Some((Num::Plain(*x), Width::F64)),
            Val::F32(x) => Some((Num::Plain(*x as f64), Width::F32)),
            Val::Dual64(d) => Some((Num::Dual(d.clone()), Width::F64)),
            Val::Dual32(d) => Some((Num::Dual(d.clone()), Width::F32)),
            Val::I64(_) | Val::I32(_) | Val::U8(_) | Val::Bool(_) | Val::Str(_) => None,
            Val::Array(_) | Val::Node(_) | Val::Null => None,
        }
    }
}

fn plain_unary(op: UnaryOp, x: f64, width: Width) -> f64 {
    match width {
        Width::F64 => fmath::unary_f64(op, x),
        Width::F32 => fmath::unary_f32(op, x as f32) as f64,
    }
}

fn plain_binary(op: BinaryOp, x: f64, y: f64, width: Width) -> f64 {
    match width {
        Width::F64 => fmath::binary_f64(op, x, y),
        Width::F32 => fmath::binary_f32(op, x as f32, y as f32) as f64,
    }
}

/// `op(x)`, with derivatives.
pub fn unary(op: UnaryOp, x: &Num, width: Width) -> Num {
    match x {
        Num::Plain(x) => Num::Plain(plain_unary(op, *x, width)),
        Num::Dual(d) => {
            let z = unary(op, &d.re, width);
            let eps = match unary_partial(op, &d.re) {
                Some(partial) => contribution(&partial, &d.eps),
                None => ZERO,
            };
            Num::dual(d.level, z, eps)
        }
    }
}

/// `op(x, y)`, with derivatives.
pub fn binary(op: BinaryOp, x: &Num, y: &Num, width: Width) -> Num {
    if let (Num::Plain(x), Num::Plain(y)) = (x, y) {
        return Num::Plain(plain_binary(op, *x, *y, width));
    }
    if matches!(op, BinaryOp::Min | BinaryOp::Max) {
        return chosen(op, x, y).clone();
    }
    let level = x.level().max(y.level());
    let ((x, dx), (y, dy)) = (x.split(level), y.split(level));
    let z = binary(op, &x, &y, width);
    let by_x = if dx.is_plain_zero() { ZERO } else { contribution(&partial_by_first(op, &x, &y), &dx) };
    let by_y = if dy.is_plain_zero() { ZERO } else { contribution(&partial_by_second(op, &x, &y), &dy) };
    Num::dual(level, z, add(&by_x, &by_y))
}

/// The operand that `min` or `max` gives: at a tie the first, and any NaN.
fn chosen<'n>(op: BinaryOp, x: &'n Num, y: &'n Num) -> &'n Num {
    let (a, b) = (x.primal(), y.primal());
    let first = a.is_nan() || if op == BinaryOp::Min { a <= b } else { a >= b };
    if first { x } else { y }
}

/// What a tangent contributes through a local partial derivative: their product; but nothing if one is zero and the other not
/// finite, so that `sqrt` at 0 does not spoil what does not depend on it. Compiled code can afford one half of this: see
/// docs/decisions/0009.
pub fn contribution(partial: &Num, tangent: &Num) -> Num {
    let (p, t) = (partial.primal(), tangent.primal());
    if t == 0.0 && !p.is_finite() || p == 0.0 && !t.is_finite() {
        return ZERO;
    }
    mul(partial, tangent)
}

pub fn add(x: &Num, y: &Num) -> Num {
    match (x, y) {
        (Num::Plain(0.0), other) | (other, Num::Plain(0.0)) if other.level() > 0 => other.clone(),
        (Num::Plain(x), Num::Plain(y)) => Num::Plain(x + y),
        _ => binary(BinaryOp::Add, x, y, Width::F64),
    }
}

fn sub(x: &Num, y: &Num) -> Num {
    binary(BinaryOp::Sub, x, y, Width::F64)
}

fn mul(x: &Num, y: &Num) -> Num {
    binary(BinaryOp::Mul, x, y, Width::F64)
}

fn div(x: &Num, y: &Num) -> Num {
    binary(BinaryOp::Div, x, y, Width::F64)
}

fn f(op: UnaryOp, x: &Num) -> Num {
    unary(op, x, Width::F64)
}

fn neg(x: &Num) -> Num {
    f(UnaryOp::Neg, x)
}

fn one() -> Num {
    Num::Plain(1.0)
}

/// dz/dx for z = op(x); `None` where it is zero everywhere, by convention also at the jumps.
fn unary_partial(op: UnaryOp, x: &Num) -> Option<Num> {
    let scaled = |c: f64, x: &Num| mul(&Num::Plain(c), x);
    let inverse = |x: &Num| div(&one(), x);
    Some(match op {
        UnaryOp::Neg => Num::Plain(-1.0),
        UnaryOp::Abs => Num::Plain(fmath::unary_f64(UnaryOp::Sign, x.primal())),
        UnaryOp::Sign | UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round | UnaryOp::Trunc => return None,
        UnaryOp::Not => return None,
        UnaryOp::Sqrt => div(&Num::Plain(0.5), &f(UnaryOp::Sqrt, x)),
        UnaryOp::Cbrt => {
            let z = f(UnaryOp::Cbrt, x);
            inverse(&scaled(3.0, &mul(&z, &z)))
        }
        UnaryOp::Exp | UnaryOp::Expm1 => f(UnaryOp::Exp, x),
        UnaryOp::Exp2 => scaled(LN_2, &f(UnaryOp::Exp2, x)),
        UnaryOp::Log => inverse(x),
        UnaryOp::Log2 => inverse(&scaled(LN_2, x)),
        UnaryOp::Log10 => inverse(&scaled(LN_10, x)),
        UnaryOp::Log1p => inverse(&add(&one(), x)),
        UnaryOp::Sin => f(UnaryOp::Cos, x),
        UnaryOp::Cos => neg(&f(UnaryOp::Sin, x)),
        UnaryOp::Tan => {
            let z = f(UnaryOp::Tan, x);
            add(&one(), &mul(&z, &z))
        }
        UnaryOp::Asin => inverse(&f(UnaryOp::Sqrt, &one_minus_square(x))),
        UnaryOp::Acos => neg(&inverse(&f(UnaryOp::Sqrt, &one_minus_square(x)))),
        UnaryOp::Atan => inverse(&add(&one(), &mul(x, x))),
        UnaryOp::Sinh => f(UnaryOp::Cosh, x),
        UnaryOp::Cosh => f(UnaryOp::Sinh, x),
        // Not 1 − z², which loses all digits where z is near 1.
        UnaryOp::Tanh => {
            let c = inverse(&f(UnaryOp::Cosh, x));
            mul(&c, &c)
        }
        UnaryOp::Asinh => inverse(&binary(BinaryOp::Hypot, x, &one(), Width::F64)),
        UnaryOp::Acosh => inverse(&mul(&f(UnaryOp::Sqrt, &sub(x, &one())), &f(UnaryOp::Sqrt, &add(x, &one())))),
        UnaryOp::Atanh => inverse(&one_minus_square(x)),
        UnaryOp::Erf => scaled(FRAC_2_SQRT_PI, &f(UnaryOp::Exp, &neg(&mul(x, x)))),
        UnaryOp::Erfc => scaled(-FRAC_2_SQRT_PI, &f(UnaryOp::Exp, &neg(&mul(x, x)))),
        // Not z(1 − z), which loses digits on the right, and those of its derivative next to 0.
        UnaryOp::Sigmoid => {
            let c = div(&Num::Plain(0.5), &f(UnaryOp::Cosh, &scaled(0.5, x)));
            mul(&c, &c)
        }
        UnaryOp::Softplus => f(UnaryOp::Sigmoid, x),
        UnaryOp::Lgamma => f(UnaryOp::Digamma, x),
        UnaryOp::Digamma => f(UnaryOp::Trigamma, x),
        UnaryOp::Trigamma => binary(BinaryOp::Polygamma, &Num::Plain(2.0), x, Width::F64),
    })
}

/// 1 − x² without cancellation, its derivative neither.
fn one_minus_square(x: &Num) -> Num {
    if x.primal().abs() < 0.7 { sub(&one(), &mul(x, x)) } else { mul(&sub(&one(), x), &add(&one(), x)) }
}

/// ∂z/∂x for z = op(x, y).
fn partial_by_first(op: BinaryOp, x: &Num, y: &Num) -> Num {
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Rem => one(),
        BinaryOp::Mul => y.clone(),
        BinaryOp::Div => div(&one(), y),
        // y·x^(y−1), and 0 where that would be 0·∞.
        BinaryOp::Pow if x.primal() == 0.0 && y.primal() == 0.0 => ZERO,
        BinaryOp::Pow => mul(y, &binary(BinaryOp::Pow, x, &sub(y, &one()), Width::F64)),
        // The angle of the point (y, x): "first" is the ordinate.
        BinaryOp::Atan2 => div(y, &add(&mul(x, x), &mul(y, y))),
        BinaryOp::Hypot => hypot_partial(x, y),
        // As `abs`, zero at zero.
        BinaryOp::CopySign => {
            let sign_of = |x: f64| fmath::unary_f64(UnaryOp::Sign, x);
            Num::Plain(sign_of(x.primal()) * fmath::binary_f64(BinaryOp::CopySign, 1.0, y.primal()))
        }
        // It has none: such programs are refused. Never a silent zero.
        BinaryOp::Polygamma => Num::Plain(f64::NAN),
        BinaryOp::Min | BinaryOp::Max => unreachable!("min and max choose one of their operands"),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => ZERO,
    }
}

/// ∂z/∂y for z = op(x, y).
fn partial_by_second(op: BinaryOp, x: &Num, y: &Num) -> Num {
    match op {
        BinaryOp::Add => one(),
        BinaryOp::Sub => Num::Plain(-1.0),
        BinaryOp::Mul => x.clone(),
        BinaryOp::Div => neg(&div(&div(x, y), y)),
        // z = x − y·trunc(x / y); the quotient is piecewise constant.
        BinaryOp::Rem => Num::Plain(-fmath::elementary::trunc(x.primal() / y.primal())),
        // z·log x, and 0 at x = 0 for y > 0.
        BinaryOp::Pow if x.primal() == 0.0 && y.primal() > 0.0 => ZERO,
        BinaryOp::Pow => mul(&binary(BinaryOp::Pow, x, y, Width::F64), &f(UnaryOp::Log, x)),
        BinaryOp::Atan2 => neg(&div(x, &add(&mul(x, x), &mul(y, y)))),
        BinaryOp::Hypot => hypot_partial(y, x),
        BinaryOp::CopySign => ZERO,
        BinaryOp::Polygamma => binary(BinaryOp::Polygamma, &add(x, &one()), y, Width::F64),
        BinaryOp::Min | BinaryOp::Max => unreachable!("min and max choose one of their operands"),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => ZERO,
    }
}

/// `side / hypot(side, other)`, and 0 at the origin, as for `norm`. From the ratio of the smaller to the greater one, so that its
/// derivative is no small difference.
fn hypot_partial(side: &Num, other: &Num) -> Num {
    let length = |r: &Num| f(UnaryOp::Sqrt, &add(&one(), &mul(r, r)));
    let (a, b) = (side.primal(), other.primal());
    if a == 0.0 && b == 0.0 {
        return ZERO;
    }
    let (r, above) = if a.abs() >= b.abs() { (div(other, side), one()) } else { (div(side, other), div(side, other)) };
    let sign = Num::Plain(if a.abs() >= b.abs() { a } else { b }.signum());
    mul(&sign, &div(&above, &length(&r)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All derivatives of `g` at `x` up to the third, by nesting.
    fn derivatives(g: impl Fn(&Num) -> Num, x: f64) -> [f64; 4] {
        let variable = (1..=3).fold(Num::Plain(x), |x, level| Num::dual(level, x, one()));
        let z = g(&variable);
        let part = |inner_eps: u32| {
            let levels = (1..=3).rev();
            levels.fold(z.clone(), |z, level| if level <= inner_eps { z.split(level).1 } else { z.split(level).0 })
        };
        [0, 1, 2, 3].map(|k| part(k).primal())
    }

    #[test]
    fn derivatives_of_every_order_of_a_polynomial() {
        let cube = |x: &Num| mul(x, &mul(x, x));
        assert_eq!(derivatives(cube, 2.0), [8.0, 12.0, 12.0, 6.0]);
        let power = |x: &Num| binary(BinaryOp::Pow, x, &Num::Plain(2.0), Width::F64);
        assert_eq!(derivatives(power, 0.0), [0.0, 0.0, 2.0, 0.0]);
    }

    #[test]
    fn every_elementary_function_agrees_with_differences() {
        for (op, name) in UnaryOp::TABLE {
            if *op == UnaryOp::Not {
                continue;
            }
            // 1.3 for acosh, which begins at 1; 0.3 for the others.
            let x = if *op == UnaryOp::Acosh { 1.3 } else { 0.3 };
            let z = unary(*op, &Num::dual(1, Num::Plain(x), one()), Width::F64);
            let h = 1e-6;
            let difference = (fmath::unary_f64(*op, x + h) - fmath::unary_f64(*op, x - h)) / (2.0 * h);
            let derivative = z.split(1).1.primal();
            assert!((derivative - difference).abs() < 1e-7 * difference.abs().max(1.0), "{name}: {derivative}");
        }
    }

    #[test]
    fn every_float_operation_of_two_operands_agrees_with_differences() {
        let (x, y, h) = (1.7, 0.6, 1e-6);
        for (op, name) in BinaryOp::TABLE {
            // Of whole orders, without a derivative by them.
            if *op == BinaryOp::Polygamma {
                continue;
            }
            if matches!(op, BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr) {
                continue;
            }
            let value = |x: f64, y: f64| fmath::binary_f64(*op, x, y);
            let by_x = (value(x + h, y) - value(x - h, y)) / (2.0 * h);
            let by_y = (value(x, y + h) - value(x, y - h)) / (2.0 * h);
            let active = |x: f64| Num::dual(1, Num::Plain(x), one());
            let dx = binary(*op, &active(x), &Num::Plain(y), Width::F64).split(1).1.primal();
            let dy = binary(*op, &Num::Plain(x), &active(y), Width::F64).split(1).1.primal();
            assert!((dx - by_x).abs() < 1e-7 && (dy - by_y).abs() < 1e-7, "{name}: {dx} {by_x}, {dy} {by_y}");
        }
    }

    #[test]
    fn a_zero_tangent_silences_an_infinite_partial() {
        let zero = Num::dual(1, Num::Plain(0.0), one());
        let square = mul(&zero, &zero);
        assert_eq!(derivatives(|_| f(UnaryOp::Sqrt, &square), 0.0)[1], 0.0);
        assert_eq!(f(UnaryOp::Sqrt, &zero).split(1).1.primal(), f64::INFINITY);
    }
}
