//! Operations on numbers, of vectors or of their first lanes.

use super::code::{Class, Code, Kind, Op, Operand, V, commutes};
use super::encode::{Row, rows};
use super::formula::{EQUAL, Emitter, GREATER, GREATER_OR_EQUAL, LESS, LESS_OR_EQUAL, NOT_EQUAL, UNORDERED};
use super::select::{Refused, Select, twice};
use dprog_ir::fmath::elementary;
use dprog_ir::kernel::NumOp;
use dprog_ir::{BinaryOp, CompareOp, Scalar, UnaryOp};
use smallvec::SmallVec;

const SIGN: u64 = 1 << 63;
/// Rounding without exceptions.
const FLOOR: u8 = 9;
const CEIL: u8 = 10;
const TRUNC: u8 = 11;

impl Select<'_> {
    /// The operation on numbers of type `scalar`; of a choice, that of what is chosen.
    pub(super) fn operation(&mut self, op: NumOp, scalar: Scalar, args: &[Operand]) -> Result<V, Refused> {
        self.code.kind.single = self.single && matches!(scalar, Scalar::F32 | Scalar::Bool);
        let v = self.operation_on(op, scalar, args);
        self.code.kind.single = false;
        if op.is_inexact() { Ok(self.rounded(scalar, v?)) } else { v }
    }

    /// An f32 is a float of as many bits as lanes have.
    fn operation_on(&mut self, op: NumOp, scalar: Scalar, args: &[Operand]) -> Result<V, Refused> {
        let from = scalar;
        let scalar = if scalar == Scalar::F32 { Scalar::F64 } else { scalar };
        match (op, scalar) {
            (NumOp::Unary(op), Scalar::F64) => self.unary_float(op, args[0]),
            (NumOp::Unary(UnaryOp::Neg), Scalar::I64) => {
                let zero = self.code.zero();
                Ok(self.code.binary(rows::INT_SUB, zero, args[0]))
            }
            (NumOp::Unary(UnaryOp::Not), Scalar::I64) => Ok(self.binary(rows::XOR, args[0], Operand::Const(!0))),
            (NumOp::Unary(UnaryOp::Not), Scalar::Bool) => {
                let mask = self.code.in_register(args[0]);
                Ok(self.not(mask))
            }
            (NumOp::Unary(_), _) => Err(Refused),
            (NumOp::Binary(op), Scalar::F64) => self.binary_float(op, args[0], args[1]),
            (NumOp::Binary(op), Scalar::I64) => self.binary_int(op, args[0], args[1]),
            (NumOp::Binary(op), Scalar::Bool) => self.binary_bool(op, args[0], args[1]),
            (NumOp::Compare(op), Scalar::F64) => Ok(self.compare(float_predicate(op), args[0], args[1])),
            (NumOp::Compare(op), Scalar::I64) => Ok(self.compare_ints(op, args[0], args[1])),
            (NumOp::Compare(op), Scalar::Bool) => Ok(self.compare_bools(op, args[0], args[1])),
            (NumOp::Select, _) => Ok(self.choice(args[0], args[1], args[2])),
            (NumOp::Convert(to), _) => self.conversion(from, to, args[0]),
            (NumOp::Guarded, Scalar::F64) => Ok(self.guarded(args[0], args[1])),
            (NumOp::Added, Scalar::F64) => Ok(self.binary(rows::ADD, args[0], args[1])),
            (NumOp::Binary(_) | NumOp::Compare(_) | NumOp::Guarded | NumOp::Added, _) => Err(Refused),
        }
    }

    /// `a row b`, whichever of them is in memory.
    pub(super) fn binary(&mut self, row: Row, a: Operand, b: Operand) -> V {
        let (a, b) = match (a, b) {
            // A constant costs nothing as the second one.
            (Operand::Const(_), Operand::Reg(_)) if commutes(row) => (b, a),
            _ => (a, b),
        };
        let a = self.code.in_register(a);
        self.code.binary(row, a, b)
    }

    fn round(&mut self, how: u8, x: Operand) -> V {
        self.code.make(Class::Vector, Op::UnaryImm(rows::ROUND, how), None, x, None)
    }

    fn unary_float(&mut self, op: UnaryOp, x: Operand) -> Result<V, Refused> {
        Ok(match op {
            UnaryOp::Neg => self.binary(rows::XOR, x, self.float(-0.0)),
            UnaryOp::Abs => self.binary(rows::AND, x, self.all_but_sign()),
            UnaryOp::Sqrt => self.code.make(Class::Vector, Op::Unary(rows::SQRT), None, x, None),
            UnaryOp::Floor => self.round(FLOOR, x),
            UnaryOp::Ceil => self.round(CEIL, x),
            UnaryOp::Trunc => self.round(TRUNC, x),
            UnaryOp::Sign => {
                let zero = Operand::Reg(self.code.zero());
                let less = self.compare(LESS, x, zero);
                let greater = self.compare(GREATER, x, zero);
                let negative = self.blend(less, self.float(-1.0), x);
                self.blend(greater, self.float(1.0), Operand::Reg(negative))
            }
            UnaryOp::Not | UnaryOp::Lgamma | UnaryOp::Digamma | UnaryOp::Trigamma => return Err(Refused),
            UnaryOp::Cbrt
            | UnaryOp::Exp
            | UnaryOp::Exp2
            | UnaryOp::Expm1
            | UnaryOp::Log
            | UnaryOp::Log2
            | UnaryOp::Log10
            | UnaryOp::Log1p
            | UnaryOp::Sin
            | UnaryOp::Cos
            | UnaryOp::Tan
            | UnaryOp::Asin
            | UnaryOp::Acos
            | UnaryOp::Atan
            | UnaryOp::Sinh
            | UnaryOp::Cosh
            | UnaryOp::Tanh
            | UnaryOp::Asinh
            | UnaryOp::Acosh
            | UnaryOp::Atanh
            | UnaryOp::Erf
            | UnaryOp::Erfc
            | UnaryOp::Sigmoid
            | UnaryOp::Softplus
            | UnaryOp::Round => {
                let x = self.code.in_register(x);
                self.elementary(&[x], |code, of| {
                    let at = Emitter::new(code);
                    elementary::unary(op, at.lane(of[0])).map(|lane| lane.register())
                })?
            }
        })
    }

    /// An elementary function: of f32 that are a whole vector, in two halves as f64.
    fn elementary(&mut self, args: &[V], f: impl Fn(&mut Code, &[V]) -> Option<V>) -> Result<V, Refused> {
        if !self.code.kind.single {
            return f(&mut self.code, args).ok_or(Refused);
        }
        self.code.kind.single = false;
        let low: SmallVec<[V; 2]> = args.iter().map(|v| self.promote(*v)).collect();
        let low = f(&mut self.code, &low).ok_or(Refused)?;
        let low = self.demote(low);
        if self.code.kind.narrow {
            return Ok(low);
        }
        let high = args.iter().map(|v| {
            let high = self.high(*v);
            self.promote(high)
        });
        let high: SmallVec<[V; 2]> = high.collect();
        let high = f(&mut self.code, &high).ok_or(Refused)?;
        let high = self.demote(high);
        Ok(self.join(low, high))
    }

    /// A constant of the numbers that are computed with.
    fn float(&self, x: f64) -> Operand {
        Operand::Const(if self.code.kind.single { twice((x as f32).to_bits()) } else { x.to_bits() })
    }

    fn all_but_sign(&self) -> Operand {
        Operand::Const(if self.code.kind.single { twice(i32::MAX as u32) } else { !SIGN })
    }

    fn binary_float(&mut self, op: BinaryOp, a: Operand, b: Operand) -> Result<V, Refused> {
        Ok(match op {
            BinaryOp::Add => self.sum(a, b),
            BinaryOp::Sub => self.difference(a, b),
            BinaryOp::Mul => self.product(a, b),
            BinaryOp::Div => self.binary(rows::DIV, a, b),
            BinaryOp::Min => self.first_if(LESS_OR_EQUAL, a, b),
            BinaryOp::Max => self.first_if(GREATER_OR_EQUAL, a, b),
            BinaryOp::CopySign => {
                let magnitude = self.binary(rows::AND, a, self.all_but_sign());
                let sign = self.binary(rows::AND, b, self.float(-0.0));
                self.code.binary(rows::OR, magnitude, Operand::Reg(sign))
            }
            BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Hypot => {
                let (a, b) = (self.code.in_register(a), self.code.in_register(b));
                self.elementary(&[a, b], |code, of| {
                    let at = Emitter::new(code);
                    elementary::binary(op, at.lane(of[0]), at.lane(of[1])).map(|lane| lane.register())
                })?
            }
            BinaryOp::Rem
            | BinaryOp::Polygamma
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Shl
            | BinaryOp::Shr => return Err(Refused),
        })
    }

    // ---- products that are added ----

    /// With `-C fp=contract` as `crate::lower` does it: a product of the loop, not one in an elementary function.
    fn product(&mut self, a: Operand, b: Operand) -> V {
        let (a, b) = if matches!(a, Operand::Const(_)) { (b, a) } else { (a, b) };
        let a = self.code.in_register(a);
        let product = self.code.binary(rows::MUL, a, b);
        if self.contract {
            self.products.insert(product, (a, b));
        }
        product
    }

    fn factors(&self, x: Operand) -> Option<(V, Operand)> {
        if let Operand::Reg(v) = x { self.products.get(&v).copied() } else { None }
    }

    fn fused(&mut self, row: Row, (x, y): (V, Operand), z: Operand) -> V {
        let z = self.code.in_register(z);
        self.code.make(Class::Vector, Op::Fused(row), Some(z), y, Some(x))
    }

    fn sum(&mut self, a: Operand, b: Operand) -> V {
        match (self.factors(a), self.factors(b)) {
            (Some(factors), _) => self.fused(rows::FUSED, factors, b),
            (None, Some(factors)) => self.fused(rows::FUSED, factors, a),
            (None, None) => self.binary(rows::ADD, a, b),
        }
    }

    fn difference(&mut self, a: Operand, b: Operand) -> V {
        match (self.factors(a), self.factors(b)) {
            (Some(factors), _) => self.fused(rows::FUSED_MINUS, factors, b),
            (None, Some(factors)) => self.fused(rows::FUSED_FROM, factors, a),
            (None, None) => self.binary(rows::SUB, a, b),
        }
    }

    /// `a` if the comparison holds or `a` is NaN; else `b`.
    pub(super) fn first_if(&mut self, predicate: u8, a: Operand, b: Operand) -> V {
        let a = self.code.in_register(a);
        let wins = self.compare(predicate, Operand::Reg(a), b);
        let nan = self.compare(UNORDERED, Operand::Reg(a), Operand::Reg(a));
        let mine = self.mask_binary(rows::MASK_OR, wins, nan);
        self.blend(mine, Operand::Reg(a), b)
    }

    fn binary_int(&mut self, op: BinaryOp, a: Operand, b: Operand) -> Result<V, Refused> {
        Ok(match op {
            BinaryOp::Add => self.binary(rows::INT_ADD, a, b),
            BinaryOp::Sub => self.binary(rows::INT_SUB, a, b),
            BinaryOp::Mul => self.product_of_ints(a, b),
            BinaryOp::And => self.binary(rows::AND, a, b),
            BinaryOp::Or => self.binary(rows::OR, a, b),
            BinaryOp::Xor => self.binary(rows::XOR, a, b),
            BinaryOp::Min | BinaryOp::Max => {
                let op = if op == BinaryOp::Min { CompareOp::Lt } else { CompareOp::Gt };
                let first = self.compare_ints(op, a, b);
                self.blend(first, a, b)
            }
            BinaryOp::Div
            | BinaryOp::Rem
            | BinaryOp::Pow
            | BinaryOp::Atan2
            | BinaryOp::Hypot
            | BinaryOp::CopySign
            | BinaryOp::Polygamma
            | BinaryOp::Shl
            | BinaryOp::Shr => return Err(Refused),
        })
    }

    /// Without an instruction for it: the product of the lower halves, and the mixed ones 32 bits higher.
    pub(super) fn product_of_ints(&mut self, a: Operand, b: Operand) -> V {
        if self.level.has_masks() {
            return self.binary(rows::INT_MUL, a, b);
        }
        let (a, b) = (self.code.in_register(a), self.code.in_register(b));
        let (high_a, high_b) = (self.shift(false, 32, a), self.shift(false, 32, b));
        let low = self.code.binary(rows::HALF_MUL, a, Operand::Reg(b));
        let first = self.code.binary(rows::HALF_MUL, high_a, Operand::Reg(b));
        let second = self.code.binary(rows::HALF_MUL, a, Operand::Reg(high_b));
        let mixed = self.code.binary(rows::INT_ADD, first, Operand::Reg(second));
        let mixed = self.shift(true, 32, mixed);
        self.code.binary(rows::INT_ADD, low, Operand::Reg(mixed))
    }

    fn shift(&mut self, left: bool, count: u8, x: V) -> V {
        self.code.make(Class::Vector, Op::Shift { left, count }, None, Operand::Reg(x), None)
    }

    // ---- masks ----

    pub(super) fn compare(&mut self, predicate: u8, a: Operand, b: Operand) -> V {
        let a = Some(self.code.in_register(a));
        self.code.make(Class::Mask, Op::Compare(rows::COMPARE, predicate), a, b, None)
    }

    pub(super) fn compare_ints(&mut self, op: CompareOp, a: Operand, b: Operand) -> V {
        let a = self.code.in_register(a);
        if self.level.has_masks() {
            let predicate = match op {
                CompareOp::Eq => 0,
                CompareOp::Lt => 1,
                CompareOp::Le => 2,
                CompareOp::Ne => 4,
                CompareOp::Ge => 5,
                CompareOp::Gt => 6,
            };
            return self.code.make(Class::Mask, Op::Compare(rows::INT_COMPARE, predicate), Some(a), b, None);
        }
        let b = self.code.in_register(b);
        let mut by = |row, a, b| self.code.make(Class::Mask, Op::CompareVex(row), Some(a), Operand::Reg(b), None);
        let (made, negated) = match op {
            CompareOp::Eq => (by(rows::INT_EQUAL, a, b), false),
            CompareOp::Ne => (by(rows::INT_EQUAL, a, b), true),
            CompareOp::Gt => (by(rows::INT_GREATER, a, b), false),
            CompareOp::Le => (by(rows::INT_GREATER, a, b), true),
            CompareOp::Lt => (by(rows::INT_GREATER, b, a), false),
            CompareOp::Ge => (by(rows::INT_GREATER, b, a), true),
        };
        if negated { self.not(made) } else { made }
    }

    fn compare_bools(&mut self, op: CompareOp, a: Operand, b: Operand) -> V {
        let (a, b) = (self.code.in_register(a), self.code.in_register(b));
        match op {
            CompareOp::Ne => self.mask_binary(rows::MASK_XOR, a, b),
            CompareOp::Eq => {
                let differ = self.mask_binary(rows::MASK_XOR, a, b);
                self.not(differ)
            }
            CompareOp::Lt => self.and_not(b, a),
            CompareOp::Gt => self.and_not(a, b),
            CompareOp::Le => {
                let greater = self.and_not(a, b);
                self.not(greater)
            }
            CompareOp::Ge => {
                let less = self.and_not(b, a);
                self.not(less)
            }
        }
    }

    /// `a & !b`
    fn and_not(&mut self, a: V, b: V) -> V {
        let b = self.not(b);
        self.mask_binary(rows::MASK_AND, a, b)
    }

    pub(super) fn not(&mut self, mask: V) -> V {
        self.code.make(Class::Mask, Op::MaskNot, Some(mask), Operand::None, None)
    }

    pub(super) fn mask_binary(&mut self, row: Row, a: V, b: V) -> V {
        self.code.make(Class::Mask, Op::MaskBinary(row), Some(a), Operand::Reg(b), None)
    }

    fn binary_bool(&mut self, op: BinaryOp, a: Operand, b: Operand) -> Result<V, Refused> {
        let row = match op {
            BinaryOp::And => rows::MASK_AND,
            BinaryOp::Or => rows::MASK_OR,
            BinaryOp::Xor => rows::MASK_XOR,
            BinaryOp::Add
            | BinaryOp::Sub
            | BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem
            | BinaryOp::Pow
            | BinaryOp::Min
            | BinaryOp::Max
            | BinaryOp::Atan2
            | BinaryOp::Hypot
            | BinaryOp::CopySign
            | BinaryOp::Polygamma
            | BinaryOp::Shl
            | BinaryOp::Shr => return Err(Refused),
        };
        let (a, b) = (self.code.in_register(a), self.code.in_register(b));
        Ok(self.mask_binary(row, a, b))
    }

    /// `then` where the mask is set.
    pub(super) fn blend(&mut self, mask: V, then: Operand, otherwise: Operand) -> V {
        let otherwise = self.code.in_register(otherwise);
        self.code.make(Class::Vector, Op::Blend, Some(otherwise), then, Some(mask))
    }

    /// Of numbers, or of bools.
    fn choice(&mut self, cond: Operand, a: Operand, b: Operand) -> V {
        let mask = self.code.in_register(cond);
        let is_mask = |operand| matches!(operand, Operand::Reg(v) if self.is_mask(v));
        if !is_mask(a) && !is_mask(b) {
            return self.blend(mask, a, b);
        }
        let (a, b) = (self.code.in_register(a), self.code.in_register(b));
        let first = self.mask_binary(rows::MASK_AND, mask, a);
        let second = self.and_not(b, mask);
        self.mask_binary(rows::MASK_OR, first, second)
    }

    // ---- the others ----

    fn conversion(&mut self, from: Scalar, to: Scalar, x: Operand) -> Result<V, Refused> {
        let one = match to {
            Scalar::F32 if self.single => Operand::Const(twice(1.0f32.to_bits())),
            Scalar::F64 | Scalar::F32 => Operand::Const(1.0f64.to_bits()),
            _ => Operand::Const(1),
        };
        let narrow_lanes = self.single && to == Scalar::F32;
        match (from, to) {
            _ if from == to => Ok(self.code.in_register(x)),
            (Scalar::F64 | Scalar::F32, Scalar::Bool) => {
                let zero = Operand::Reg(self.code.zero());
                Ok(self.compare(NOT_EQUAL, x, zero))
            }
            (Scalar::I64, Scalar::Bool) => {
                let zero = Operand::Reg(self.code.zero());
                Ok(self.compare_ints(CompareOp::Ne, x, zero))
            }
            (Scalar::Bool, Scalar::F64 | Scalar::F32 | Scalar::I64) => {
                let (mask, zero) = (self.code.in_register(x), self.code.zero());
                self.code.kind.single = narrow_lanes;
                Ok(self.blend(mask, one, Operand::Reg(zero)))
            }
            (Scalar::I64, Scalar::F64) => Ok(self.float_of_int(x)),
            (Scalar::F32, Scalar::F64) => {
                let x = self.code.in_register(x);
                self.code.kind.single = false;
                Ok(if self.single { self.promote(x) } else { x })
            }
            (Scalar::F64, Scalar::F32) => {
                let x = self.code.in_register(x);
                if !self.single {
                    return Ok(self.rounded(to, x));
                }
                let narrow = self.demote(x);
                Ok(self.spread_first(narrow))
            }
            (Scalar::I64, Scalar::F32) if self.level.has_masks() => {
                let x = Operand::Reg(self.code.in_register(x));
                let v = self.code.make(Class::Vector, Op::Unary(rows::SINGLE_OF_INT), None, x, None);
                Ok(if self.single { self.spread_first(v) } else { self.promote(v) })
            }
            (Scalar::F64, Scalar::I64) if self.level.has_masks() => Ok(self.int_of_float(x)),
            (Scalar::F32, Scalar::I64) if self.level.has_masks() => {
                let x = self.code.in_register(x);
                self.code.kind.single = false;
                let x = if self.single { self.promote(x) } else { x };
                Ok(self.int_of_float(Operand::Reg(x)))
            }
            (_, _) => Err(Refused),
        }
    }

    /// The first of f32 in all lanes.
    fn spread_first(&mut self, v: V) -> V {
        let kind = self.code.kind;
        self.code.kind = Kind { single: true, ..kind };
        let all = self.code.make(Class::Vector, Op::Spread, None, Operand::Reg(v), None);
        self.code.kind = kind;
        all
    }

    /// Without an instruction for it: both halves in the fractions of floats, of which the sum is rounded once.
    fn float_of_int(&mut self, x: Operand) -> V {
        const LOW: f64 = (1u64 << 52) as f64;
        const HIGH: f64 = LOW * (1u64 << 32) as f64;
        if self.level.has_masks() {
            return self.code.make(Class::Vector, Op::Unary(rows::FLOAT_OF_INT), None, x, None);
        }
        let biased = self.binary(rows::XOR, x, Operand::Const(SIGN));
        let high = self.shift(false, 32, biased);
        let high = self.code.binary(rows::OR, high, Operand::Const(HIGH.to_bits()));
        let low = self.code.binary(rows::AND, biased, Operand::Const(0xFFFF_FFFF));
        let low = self.code.binary(rows::OR, low, Operand::Const(LOW.to_bits()));
        let offset = HIGH + (1u64 << 63) as f64 + LOW;
        let high = self.code.binary(rows::SUB, high, Operand::Const(offset.to_bits()));
        self.code.binary(rows::ADD, high, Operand::Reg(low))
    }

    /// Toward zero; what is too large becomes the greatest or least, NaN zero.
    fn int_of_float(&mut self, x: Operand) -> V {
        const TOO_LARGE: f64 = (1u64 << 63) as f64;
        let x = Operand::Reg(self.code.in_register(x));
        let plain = self.code.make(Class::Vector, Op::Unary(rows::INT_OF_FLOAT), None, x, None);
        let large = self.compare(GREATER_OR_EQUAL, x, Operand::Const(TOO_LARGE.to_bits()));
        let cut = self.blend(large, Operand::Const(i64::MAX as u64), Operand::Reg(plain));
        let nan = self.compare(UNORDERED, x, x);
        let zero = Operand::Reg(self.code.zero());
        self.blend(nan, zero, Operand::Reg(cut))
    }

    /// See `dprog_ir::kernel::NumOp`.
    fn guarded(&mut self, t: Operand, p: Operand) -> V {
        let t = self.code.in_register(t);
        let product = self.code.binary(rows::MUL, t, p);
        let zero = Operand::Reg(self.code.zero());
        let nan = self.compare(UNORDERED, Operand::Reg(product), Operand::Reg(product));
        let still = self.compare(EQUAL, Operand::Reg(t), zero);
        let held = self.mask_binary(rows::MASK_AND, nan, still);
        self.blend(held, Operand::Reg(t), Operand::Reg(product))
    }
}

fn float_predicate(op: CompareOp) -> u8 {
    match op {
        CompareOp::Eq => EQUAL,
        CompareOp::Ne => NOT_EQUAL,
        CompareOp::Lt => LESS,
        CompareOp::Le => LESS_OR_EQUAL,
        CompareOp::Gt => GREATER,
        CompareOp::Ge => GREATER_OR_EQUAL,
    }
}
