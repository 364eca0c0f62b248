//! Identities of scalar arithmetic that hold for every bit pattern.
//!
//! Two facts about IEEE numbers carry most rules: `-0.0` is the neutral element of addition (0.0 is not: it turns -0.0 into
//! itself), and negation commutes with everything that rounds to nearest.

use super::{Args, Simpler, Simplifier};
use crate::function::Value;
use crate::opcode::{BinaryOp, CompareOp, Const, Op, ReduceOp, UnaryOp};
use crate::types::{Scalar, Type};
use smallvec::smallvec;

/// How deep [`Simplifier::never_negative_zero`] looks: enough for sums of a few terms (a guess).
const SIGN_DEPTH: usize = 6;

impl Simplifier<'_> {
    pub(super) fn unary(&self, op: UnaryOp, x: Value, ty: Type) -> Option<Simpler> {
        let (made, args) = self.made_by(x)?;
        let inner = *args.first()?;
        match (op, made) {
            (UnaryOp::Neg, Op::Unary(UnaryOp::Neg)) | (UnaryOp::Not, Op::Unary(UnaryOp::Not)) => {
                Some(Simpler::Value(inner))
            }
            (UnaryOp::Abs, Op::Unary(UnaryOp::Abs)) => Some(Simpler::Value(x)),
            (UnaryOp::Abs, Op::Unary(UnaryOp::Neg)) => Some(Simpler::Op(Op::Unary(UnaryOp::Abs), smallvec![inner])),
            (UnaryOp::Neg, Op::Binary(BinaryOp::Sub)) if !ty.is_float() => {
                Some(binary(BinaryOp::Sub, args[1], args[0]))
            }
            (UnaryOp::Not, Op::Compare(compare)) => {
                let inverse = self.inverse(*compare, args[0])?;
                Some(Simpler::Op(Op::Compare(inverse), args.into()))
            }
            (outer, Op::Unary(inner)) if is_rounding(outer) && is_rounding(*inner) => Some(Simpler::Value(x)),
            _ => None,
        }
    }

    /// The comparison that holds where `op` does not; for floats, where NaN decides, only of equality.
    fn inverse(&self, op: CompareOp, operand: Value) -> Option<CompareOp> {
        let ordered = !self.func.value_type(operand).is_float();
        match op {
            CompareOp::Eq => Some(CompareOp::Ne),
            CompareOp::Ne => Some(CompareOp::Eq),
            CompareOp::Lt if ordered => Some(CompareOp::Ge),
            CompareOp::Le if ordered => Some(CompareOp::Gt),
            CompareOp::Gt if ordered => Some(CompareOp::Le),
            CompareOp::Ge if ordered => Some(CompareOp::Lt),
            CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge => None,
        }
    }

    pub(super) fn binary(&mut self, op: BinaryOp, x: Value, y: Value, ty: Type) -> Option<Simpler> {
        match op {
            BinaryOp::Add => self.add(x, y, ty),
            BinaryOp::Sub => self.sub(x, y, ty),
            BinaryOp::Mul => self.mul(x, y, ty),
            BinaryOp::Div => self.div(x, y, ty),
            BinaryOp::Rem if !ty.is_float() && self.is_number(y, 1.0) => Some(Simpler::Const(zero(ty))),
            BinaryOp::Pow => self.pow(x, y, ty),
            BinaryOp::Min | BinaryOp::Max if x == y => Some(Simpler::Value(x)),
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => self.bitwise(op, x, y, ty),
            BinaryOp::Shl | BinaryOp::Shr if self.is_number(y, 0.0) => Some(Simpler::Value(x)),
            BinaryOp::Rem | BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::Min | BinaryOp::Max => None,
            BinaryOp::CopySign | BinaryOp::Polygamma | BinaryOp::Shl | BinaryOp::Shr => None,
        }
    }

    fn add(&self, x: Value, y: Value, ty: Type) -> Option<Simpler> {
        if self.is_neutral_in_sum(y, x, ty) {
            return Some(Simpler::Value(x));
        }
        if self.is_neutral_in_sum(x, y, ty) {
            return Some(Simpler::Value(y));
        }
        if let Some(y) = self.negated(y) {
            return Some(binary(BinaryOp::Sub, x, y));
        }
        self.negated(x).map(|x| binary(BinaryOp::Sub, y, x))
    }

    /// `3·x - 2·x`: sizes of slices are such differences.
    fn difference_of_multiples(&mut self, x: Value, y: Value) -> Option<Simpler> {
        let ((a, j), (b, k)) = (self.multiple(x), self.multiple(y));
        if a != b || (j, k) == (1, 1) {
            return None;
        }
        let factor = j.wrapping_sub(k);
        if factor == 1 {
            return Some(Simpler::Value(a));
        }
        let factor = self.constant(Const::I64(factor), Type::I64);
        Some(binary(BinaryOp::Mul, factor, a))
    }

    /// An i64 as a multiple of another one.
    fn multiple(&self, v: Value) -> (Value, i64) {
        match self.made_by(v) {
            Some((Op::Binary(BinaryOp::Mul), &[a, b])) => match (self.known_int(a), self.known_int(b)) {
                (Some(k), _) => (b, k),
                (None, Some(k)) => (a, k),
                (None, None) => (v, 1),
            },
            Some(_) | None => (v, 1),
        }
    }

    fn sub(&mut self, x: Value, y: Value, ty: Type) -> Option<Simpler> {
        if ty == Type::I64
            && let Some(simpler) = self.difference_of_multiples(x, y)
        {
            return Some(simpler);
        }
        if self.is_number(y, 0.0) {
            return Some(Simpler::Value(x));
        }
        if !ty.is_float() && x == y {
            return Some(Simpler::Const(zero(ty)));
        }
        if self.is_number(x, if ty.is_float() { -0.0 } else { 0.0 }) {
            return Some(Simpler::Op(Op::Unary(UnaryOp::Neg), smallvec![y]));
        }
        if let Some(y) = self.negated(y) {
            return Some(binary(BinaryOp::Add, x, y));
        }
        self.cancelled(x, y, ty).map(Simpler::Value)
    }

    /// `(a + b) - b` and `(a + b) - a` of integers.
    fn cancelled(&self, x: Value, y: Value, ty: Type) -> Option<Value> {
        let (Op::Binary(BinaryOp::Add), &[a, b]) = self.made_by(x)? else { return None };
        let other = if b == y { a } else { b };
        (!ty.is_float() && (a == y || b == y)).then_some(other)
    }

    /// Whether `zero + x` is `x`.
    fn is_neutral_in_sum(&self, zero: Value, x: Value, ty: Type) -> bool {
        if !ty.is_float() {
            return self.is_number(zero, 0.0);
        }
        self.is_number(zero, -0.0) || (self.is_number(zero, 0.0) && self.never_negative_zero(x, SIGN_DEPTH))
    }

    fn mul(&self, x: Value, y: Value, ty: Type) -> Option<Simpler> {
        for (x, y) in [(x, y), (y, x)] {
            if self.is_number(y, 1.0) {
                return Some(Simpler::Value(x));
            }
            if self.is_number(y, -1.0) {
                return Some(Simpler::Op(Op::Unary(UnaryOp::Neg), smallvec![x]));
            }
            if !ty.is_float() && self.is_number(y, 0.0) {
                return Some(Simpler::Const(zero(ty)));
            }
        }
        let (x, y) = (self.negated(x)?, self.negated(y)?);
        Some(binary(BinaryOp::Mul, x, y))
    }

    fn div(&mut self, x: Value, y: Value, ty: Type) -> Option<Simpler> {
        if self.is_number(y, 1.0) {
            return Some(Simpler::Value(x));
        }
        if self.is_number(y, -1.0) {
            return Some(Simpler::Op(Op::Unary(UnaryOp::Neg), smallvec![x]));
        }
        let reciprocal = self.exact_reciprocal(y)?;
        let factor = self.constant(reciprocal, ty);
        Some(binary(BinaryOp::Mul, x, factor))
    }

    /// The reciprocal of a power of two, if neither is subnormal: multiplying by it rounds as the division does.
    fn exact_reciprocal(&self, y: Value) -> Option<Const> {
        match self.known(y)? {
            Const::F64(bits) => {
                let y = f64::from_bits(*bits);
                let exact = bits & ((1 << 52) - 1) == 0 && y.is_normal() && (1.0 / y).is_normal();
                exact.then(|| Const::f64(1.0 / y))
            }
            Const::F32(bits) => {
                let y = f32::from_bits(*bits);
                let exact = bits & ((1 << 23) - 1) == 0 && y.is_normal() && (1.0 / y).is_normal();
                exact.then(|| Const::f32(1.0 / y))
            }
            Const::I64(_) | Const::I32(_) | Const::U8(_) | Const::Bool(_) | Const::Str(_) => None,
        }
    }

    fn pow(&self, x: Value, y: Value, ty: Type) -> Option<Simpler> {
        let integral = !ty.is_float();
        if integral && self.is_number(y, 1.0) {
            return Some(Simpler::Value(x));
        }
        (integral && self.is_number(y, 2.0)).then(|| binary(BinaryOp::Mul, x, x))
    }

    fn bitwise(&self, op: BinaryOp, x: Value, y: Value, ty: Type) -> Option<Simpler> {
        if x == y {
            return Some(if op == BinaryOp::Xor { Simpler::Const(zero(ty)) } else { Simpler::Value(x) });
        }
        for (x, y) in [(x, y), (y, x)] {
            let (none, all) = (self.has_no_bits(y), self.has_all_bits(y));
            match op {
                BinaryOp::And if none => return Some(Simpler::Value(y)),
                BinaryOp::And if all => return Some(Simpler::Value(x)),
                BinaryOp::Or if none => return Some(Simpler::Value(x)),
                BinaryOp::Or if all => return Some(Simpler::Value(y)),
                BinaryOp::Xor if none => return Some(Simpler::Value(x)),
                BinaryOp::Xor if all => return Some(Simpler::Op(Op::Unary(UnaryOp::Not), smallvec![x])),
                _ => {}
            }
        }
        None
    }

    fn has_no_bits(&self, v: Value) -> bool {
        self.known_bool(v) == Some(false) || self.is_number(v, 0.0)
    }

    fn has_all_bits(&self, v: Value) -> bool {
        self.known_bool(v) == Some(true) || self.is_number(v, -1.0) || self.known(v) == Some(&Const::U8(255))
    }

    /// `x` where `v` is `neg x`.
    fn negated(&self, v: Value) -> Option<Value> {
        match self.made_by(v)? {
            (Op::Unary(UnaryOp::Neg), args) => Some(args[0]),
            _ => None,
        }
    }

    /// Whether `v` is this constant, with this sign of zero if it is a float.
    fn is_number(&self, v: Value, number: f64) -> bool {
        match self.known(v) {
            Some(Const::F64(bits)) => *bits == number.to_bits(),
            Some(Const::F32(bits)) => *bits == (number as f32).to_bits(),
            Some(Const::I64(n)) => *n as f64 == number,
            Some(Const::I32(n)) => f64::from(*n) == number,
            Some(Const::U8(n)) => f64::from(*n) == number,
            Some(Const::Bool(_) | Const::Str(_)) | None => false,
        }
    }

    /// Whether a float is certainly not -0.0. A sum is -0.0 only if both terms are.
    fn never_negative_zero(&self, v: Value, depth: usize) -> bool {
        let Some((op, args)) = self.made_by(v) else { return false };
        let Some(depth) = depth.checked_sub(1) else { return false };
        match op {
            Op::Const(_) => !self.is_number(v, -0.0),
            Op::Binary(BinaryOp::Add) => args.iter().any(|x| self.never_negative_zero(*x, depth)),
            Op::Binary(BinaryOp::Sub) => self.never_negative_zero(args[0], depth),
            Op::Binary(BinaryOp::Mul) => args[0] == args[1],
            Op::Unary(UnaryOp::Abs | UnaryOp::Exp | UnaryOp::Exp2 | UnaryOp::Cosh | UnaryOp::Cos) => true,
            Op::Select => args[1..].iter().all(|x| self.never_negative_zero(*x, depth)),
            Op::Convert(_) => !self.func.value_type(args[0]).is_float(),
            Op::Reduce(ReduceOp::Sum) | Op::Dot => true,
            _ => false,
        }
    }

    // ---- comparisons and choices ----

    pub(super) fn compare(&self, op: CompareOp, x: Value, y: Value) -> Option<Simpler> {
        let ty = self.func.value_type(x);
        if x == y && !ty.is_float() {
            return Some(Simpler::Const(Const::Bool(matches!(op, CompareOp::Eq | CompareOp::Le | CompareOp::Ge))));
        }
        if ty != Type::BOOL {
            return None;
        }
        let (x, known) = self.known_bool(y).map(|known| (x, known)).or(self.known_bool(x).map(|known| (y, known)))?;
        match op {
            CompareOp::Eq | CompareOp::Ne if known == (op == CompareOp::Eq) => Some(Simpler::Value(x)),
            CompareOp::Eq | CompareOp::Ne => Some(Simpler::Op(Op::Unary(UnaryOp::Not), smallvec![x])),
            CompareOp::Lt | CompareOp::Le | CompareOp::Gt | CompareOp::Ge => None,
        }
    }

    pub(super) fn select(&self, cond: Value, a: Value, b: Value) -> Option<Simpler> {
        if let Some(known) = self.known_bool(cond) {
            return Some(Simpler::Value(if known { a } else { b }));
        }
        if a == b {
            return Some(Simpler::Value(a));
        }
        match (self.known_bool(a), self.known_bool(b)) {
            (Some(true), Some(false)) => return Some(Simpler::Value(cond)),
            (Some(false), Some(true)) => return Some(Simpler::Op(Op::Unary(UnaryOp::Not), smallvec![cond])),
            _ => {}
        }
        match self.made_by(cond)? {
            (Op::Unary(UnaryOp::Not), args) => Some(Simpler::Op(Op::Select, smallvec![args[0], b, a])),
            _ => None,
        }
    }

    /// A conversion to its own type, and one there and back that loses nothing on the way.
    pub(super) fn convert(&self, x: Value, ty: Type) -> Option<Simpler> {
        if self.func.value_type(x) == ty {
            return Some(Simpler::Value(x));
        }
        let (Op::Convert(_), args) = self.made_by(x)? else { return None };
        let from = self.func.value_type(args[0]).as_scalar()?;
        let through = self.func.value_type(x).as_scalar()?;
        (self.func.value_type(args[0]) == ty && holds_all(through, from)).then(|| Simpler::Value(args[0]))
    }
}

/// Whether every value of `small` survives a conversion to `large` and back.
fn holds_all(large: Scalar, small: Scalar) -> bool {
    match small {
        Scalar::Bool => true,
        Scalar::U8 => large != Scalar::Bool,
        Scalar::I32 => matches!(large, Scalar::I64 | Scalar::F64),
        Scalar::F32 => large == Scalar::F64,
        Scalar::I64 | Scalar::F64 => false,
    }
}

fn binary(op: BinaryOp, x: Value, y: Value) -> Simpler {
    let args: Args = smallvec![x, y];
    Simpler::Op(Op::Binary(op), args)
}

/// The zero of a scalar type.
pub(super) fn zero(ty: Type) -> Const {
    match ty.as_scalar() {
        Some(Scalar::F64) => Const::f64(0.0),
        Some(Scalar::F32) => Const::f32(0.0),
        Some(Scalar::I64) => Const::I64(0),
        Some(Scalar::I32) => Const::I32(0),
        Some(Scalar::U8) => Const::U8(0),
        Some(Scalar::Bool) | None => Const::Bool(false),
    }
}

fn is_rounding(op: UnaryOp) -> bool {
    matches!(op, UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round | UnaryOp::Trunc)
}
