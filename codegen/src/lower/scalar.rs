//! Scalar operations, exactly as `opcode.rs` and `dprog_ir::fmath` define them.

use super::*;
use crate::math::Formula;
use cranelift_codegen::ir::condcodes::FloatCC;
use dprog_ir::{BinaryOp, CompareOp, Const, Leaf, Scalar, UnaryOp};
use dprog_runtime::math::{binary_symbols, unary_symbols};

impl<M: ClifModule> Lower<'_, '_, M> {
    fn scalar(&self, v: Value) -> Scalar {
        self.ty(v).as_scalar().expect("a scalar")
    }

    pub(super) fn constant(&mut self, c: &Const) -> V {
        match c {
            Const::F64(bits) => self.b.ins().f64const(f64::from_bits(*bits)),
            Const::F32(bits) => self.b.ins().f32const(f32::from_bits(*bits)),
            Const::I64(x) => self.word(*x),
            Const::I32(x) => self.int(types::I32, *x as i64),
            Const::U8(x) => self.int(types::I8, *x as i64),
            Const::Bool(x) => self.int(types::I8, *x as i64),
            Const::Str(text) => self.text_constant(text),
        }
    }

    // ---- one argument ----

    pub(super) fn unary(&mut self, op: UnaryOp, x: Value) -> V {
        self.unary_of(op, self.scalar(x), self.get(x))
    }

    pub(super) fn unary_of(&mut self, op: UnaryOp, scalar: Scalar, v: V) -> V {
        if scalar.is_float() { self.unary_float(op, scalar, v) } else { self.unary_int(op, scalar, v) }
    }

    fn unary_int(&mut self, op: UnaryOp, scalar: Scalar, v: V) -> V {
        match (op, scalar) {
            (UnaryOp::Not, Scalar::Bool) => self.b.ins().bxor_imm_u(v, 1),
            (UnaryOp::Not, _) => self.b.ins().bnot(v),
            (UnaryOp::Neg, _) => self.b.ins().ineg(v),
            (UnaryOp::Abs, Scalar::U8) => v,
            (UnaryOp::Abs, _) => self.b.ins().iabs(v),
            (op, _) => unreachable!("{op:?} of an integer"),
        }
    }

    fn unary_float(&mut self, op: UnaryOp, scalar: Scalar, v: V) -> V {
        match op {
            UnaryOp::Neg => self.b.ins().fneg(v),
            UnaryOp::Abs => self.b.ins().fabs(v),
            UnaryOp::Sqrt => self.b.ins().sqrt(v),
            UnaryOp::Floor if self.has_rounding() => self.b.ins().floor(v),
            UnaryOp::Ceil if self.has_rounding() => self.b.ins().ceil(v),
            UnaryOp::Trunc if self.has_rounding() => self.b.ins().trunc(v),
            UnaryOp::Sign => self.sign(scalar, v),
            UnaryOp::Not => unreachable!("`not` of a float"),
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
            | UnaryOp::Lgamma
            | UnaryOp::Digamma
            | UnaryOp::Trigamma
            | UnaryOp::Round
            | UnaryOp::Floor
            | UnaryOp::Ceil
            | UnaryOp::Trunc => {
                if let Some(result) = self.elementary(Formula::Unary(op), &[v]) {
                    return result;
                }
                let symbols = unary_symbols(op).expect("a function of the runtime");
                self.runtime(symbols[(scalar == Scalar::F32) as usize], &[v]).expect("gives a float")
            }
        }
    }

    /// A bare function has its elementary functions beside it.
    fn elementary(&mut self, formula: Formula, args: &[V]) -> Option<V> {
        let ty = self.b.func.dfg.value_type(args[0]);
        let bare = self.program.bare.as_mut()?;
        let id = bare.math.get(self.clif, formula, ty).expect("a local function")?;
        let callee = self.clif.declare_func_in_func(id, self.b.func);
        let call = self.b.ins().call(callee, args);
        self.b.inst_results(call).first().copied()
    }

    /// Whether the processor rounds to integers in one instruction; else Cranelift would call a library.
    pub(super) fn has_rounding(&self) -> bool {
        let isa = self.clif.isa();
        isa.name() != "x64" || isa.isa_flags().iter().any(|f| f.name == "has_sse41" && f.as_bool() == Some(true))
    }

    fn sign(&mut self, scalar: Scalar, v: V) -> V {
        let zero = self.zero(register(Type::scalar(scalar)));
        let one = self.float(scalar, 1.0);
        let (less, greater) =
            (self.b.ins().fcmp(FloatCC::LessThan, v, zero), self.b.ins().fcmp(FloatCC::GreaterThan, v, zero));
        let minus = self.float(scalar, -1.0);
        let negative = self.b.ins().select(less, minus, v);
        self.b.ins().select(greater, one, negative)
    }

    pub(super) fn float(&mut self, scalar: Scalar, x: f64) -> V {
        if scalar == Scalar::F32 { self.b.ins().f32const(x as f32) } else { self.b.ins().f64const(x) }
    }

    // ---- two arguments ----

    pub(super) fn binary(&mut self, op: BinaryOp, x: Value, y: Value) -> V {
        let scalar = self.scalar(x);
        if op == BinaryOp::Mul
            && scalar.is_float()
            && let Some(product) = self.guarded_product(x, y)
        {
            return product;
        }
        let (a, b) = (self.get(x), self.get(y));
        let divides = scalar.is_int() && matches!(op, BinaryOp::Div | BinaryOp::Rem);
        match divides {
            false => self.binary_of(op, scalar, a, b),
            true if matches!(scalar, Scalar::I64 | Scalar::I32) => self.divide(op, a, b, y),
            true => self.divide_bytes(op, a, b),
        }
    }

    /// The same of values, except divisions of integers, which may trap.
    pub(super) fn binary_of(&mut self, op: BinaryOp, scalar: Scalar, a: V, b: V) -> V {
        if scalar.is_float() { self.binary_float(op, scalar, a, b) } else { self.binary_int(op, scalar, a, b) }
    }

    fn binary_float(&mut self, op: BinaryOp, scalar: Scalar, a: V, b: V) -> V {
        match op {
            BinaryOp::Add => self.float_sum(a, b),
            BinaryOp::Sub => self.float_difference(a, b),
            BinaryOp::Mul => self.b.ins().fmul(a, b),
            BinaryOp::Div => self.b.ins().fdiv(a, b),
            BinaryOp::Min => self.first_if(FloatCC::LessThanOrEqual, a, b),
            BinaryOp::Max => self.first_if(FloatCC::GreaterThanOrEqual, a, b),
            BinaryOp::CopySign => self.b.ins().fcopysign(a, b),
            BinaryOp::Rem | BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::Polygamma => {
                if let Some(result) = self.elementary(Formula::Binary(op), &[a, b]) {
                    return result;
                }
                let symbols = binary_symbols(op).expect("a function of the runtime");
                self.runtime(symbols[(scalar == Scalar::F32) as usize], &[a, b]).expect("gives a float")
            }
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => {
                unreachable!("{op:?} of floats")
            }
        }
    }

    /// `a` if the comparison holds or `a` is NaN; else `b`.
    fn first_if(&mut self, cc: FloatCC, a: V, b: V) -> V {
        let (wins, nan) = (self.b.ins().fcmp(cc, a, b), self.b.ins().fcmp(FloatCC::Unordered, a, a));
        let winner = self.b.ins().select(wins, a, b);
        self.b.ins().select(nan, a, winner)
    }

    fn binary_int(&mut self, op: BinaryOp, scalar: Scalar, a: V, b: V) -> V {
        let signed = matches!(scalar, Scalar::I64 | Scalar::I32);
        match op {
            BinaryOp::Add => self.b.ins().iadd(a, b),
            BinaryOp::Sub => self.b.ins().isub(a, b),
            BinaryOp::Mul => self.b.ins().imul(a, b),
            BinaryOp::Div | BinaryOp::Rem => unreachable!("{op:?} may trap"),
            BinaryOp::Pow if self.is_bare() => self.bare_power(signed, a, b),
            BinaryOp::Pow => {
                let name = match scalar {
                    Scalar::I64 => "dprog_rt_pow_i64",
                    Scalar::I32 => "dprog_rt_pow_i32",
                    _ => "dprog_rt_pow_u8",
                };
                self.runtime(name, &[a, b]).expect("gives an integer")
            }
            BinaryOp::Min if signed => self.b.ins().smin(a, b),
            BinaryOp::Max if signed => self.b.ins().smax(a, b),
            BinaryOp::Min => self.b.ins().umin(a, b),
            BinaryOp::Max => self.b.ins().umax(a, b),
            BinaryOp::And => self.b.ins().band(a, b),
            BinaryOp::Or => self.b.ins().bor(a, b),
            BinaryOp::Xor => self.b.ins().bxor(a, b),
            BinaryOp::Shl => self.b.ins().ishl(a, b),
            BinaryOp::Shr if signed => self.b.ins().sshr(a, b),
            BinaryOp::Shr => self.b.ins().ushr(a, b),
            BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::CopySign | BinaryOp::Polygamma => {
                unreachable!("{op:?} of integers")
            }
        }
    }

    fn bare_power(&mut self, signed: bool, a: V, b: V) -> V {
        let ty = self.b.func.dfg.value_type(a);
        if ty == types::I64 {
            return self.support(Support::Power, &[a, b]).expect("gives an integer");
        }
        let wide = |this: &mut Self, v: V| match signed {
            true => this.b.ins().sextend(types::I64, v),
            false => this.b.ins().uextend(types::I64, v),
        };
        let (a, b) = (wide(self, a), wide(self, b));
        let power = self.support(Support::Power, &[a, b]).expect("gives an integer");
        self.b.ins().ireduce(ty, power)
    }

    /// A divisor of -1 is the case in which the machine's instruction faults on the least integer.
    fn divide(&mut self, op: BinaryOp, a: V, b: V, divisor: Value) -> V {
        let known = self.known_int(divisor);
        if known.is_some_and(|d| d != 0 && d != -1) {
            return if op == BinaryOp::Div { self.b.ins().sdiv(a, b) } else { self.b.ins().srem(a, b) };
        }
        let zero = self.word(0);
        self.trap_unless(b, TrapCode::DivisionByZero, zero, zero);
        let ty = self.b.func.dfg.value_type(b);
        let is_minus_one = self.b.ins().icmp_imm_s(IntCC::Equal, b, -1);
        let one = self.int(ty, 1);
        let safe = self.b.ins().select(is_minus_one, one, b);
        if op == BinaryOp::Rem {
            return self.b.ins().srem(a, safe);
        }
        let (quotient, negated) = (self.b.ins().sdiv(a, safe), self.b.ins().ineg(a));
        self.b.ins().select(is_minus_one, negated, quotient)
    }

    fn divide_bytes(&mut self, op: BinaryOp, a: V, b: V) -> V {
        let zero = self.word(0);
        self.trap_unless(b, TrapCode::DivisionByZero, zero, zero);
        let (a, b) = (self.b.ins().uextend(types::I32, a), self.b.ins().uextend(types::I32, b));
        let wide = if op == BinaryOp::Div { self.b.ins().udiv(a, b) } else { self.b.ins().urem(a, b) };
        self.b.ins().ireduce(types::I8, wide)
    }

    /// The value of an integer that is a constant of the IR.
    fn known_int(&self, v: Value) -> Option<i64> {
        let inst = self.b.func.dfg.value_def(self.get(v)).inst()?;
        match self.b.func.dfg.insts[inst] {
            cranelift_codegen::ir::InstructionData::UnaryImm { imm, .. } => Some(imm.bits()),
            _ => None,
        }
    }

    // ---- comparing, choosing, converting ----

    pub(super) fn compare(&mut self, op: CompareOp, x: Value, y: Value) -> V {
        let (a, b) = (self.get(x), self.get(y));
        match self.ty(x).leaf {
            Leaf::Str => {
                let order = self.runtime("dprog_rt_compare_text", &[a, b]).expect("gives an order");
                self.b.ins().icmp_imm_s(signed_condition(op), order, 0)
            }
            Leaf::Scalar(scalar) => self.compare_of(op, scalar, a, b),
            Leaf::Node(_) => self.b.ins().icmp(signed_condition(op), a, b),
        }
    }

    pub(super) fn compare_of(&mut self, op: CompareOp, scalar: Scalar, a: V, b: V) -> V {
        match scalar {
            Scalar::F64 | Scalar::F32 => self.b.ins().fcmp(float_condition(op), a, b),
            Scalar::U8 | Scalar::Bool => self.b.ins().icmp(signed_condition(op).unsigned(), a, b),
            Scalar::I64 | Scalar::I32 => self.b.ins().icmp(signed_condition(op), a, b),
        }
    }

    pub(super) fn select(&mut self, args: &[Value]) -> V {
        let (cond, a, b) = (self.get(args[0]), self.get(args[1]), self.get(args[2]));
        self.b.ins().select(cond, a, b)
    }

    pub(super) fn convert(&mut self, x: Value, to: Scalar) -> V {
        self.convert_of(self.scalar(x), to, self.get(x))
    }

    pub(super) fn convert_of(&mut self, from: Scalar, to: Scalar, v: V) -> V {
        let ty = register(Type::scalar(to));
        match (from, to) {
            _ if from == to => v,
            (Scalar::F32, Scalar::F64) => self.b.ins().fpromote(ty, v),
            (Scalar::F64, Scalar::F32) => self.b.ins().fdemote(ty, v),
            (Scalar::F64 | Scalar::F32, Scalar::Bool) => {
                let zero = self.zero(register(Type::scalar(from)));
                self.b.ins().fcmp(FloatCC::NotEqual, v, zero)
            }
            (Scalar::F64 | Scalar::F32, Scalar::U8) => {
                let wide = self.b.ins().fcvt_to_sint_sat(types::I32, v);
                let (zero, top) = (self.int(types::I32, 0), self.int(types::I32, 255));
                let floored = self.b.ins().smax(wide, zero);
                let cut = self.b.ins().smin(floored, top);
                self.b.ins().ireduce(types::I8, cut)
            }
            (Scalar::F64 | Scalar::F32, _) => self.b.ins().fcvt_to_sint_sat(ty, v),
            (_, Scalar::Bool) => self.b.ins().icmp_imm_s(IntCC::NotEqual, v, 0),
            (Scalar::U8 | Scalar::Bool, Scalar::F64 | Scalar::F32) => {
                let wide = self.b.ins().uextend(types::I32, v);
                self.b.ins().fcvt_from_sint(ty, wide)
            }
            (_, Scalar::F64 | Scalar::F32) => self.b.ins().fcvt_from_sint(ty, v),
            (Scalar::Bool, Scalar::U8) => v,
            (Scalar::U8 | Scalar::Bool, _) => self.b.ins().uextend(ty, v),
            (Scalar::I32, Scalar::I64) => self.b.ins().sextend(ty, v),
            (_, _) => self.b.ins().ireduce(ty, v),
        }
    }
}

pub(super) fn signed_condition(op: CompareOp) -> IntCC {
    match op {
        CompareOp::Eq => IntCC::Equal,
        CompareOp::Ne => IntCC::NotEqual,
        CompareOp::Lt => IntCC::SignedLessThan,
        CompareOp::Le => IntCC::SignedLessThanOrEqual,
        CompareOp::Gt => IntCC::SignedGreaterThan,
        CompareOp::Ge => IntCC::SignedGreaterThanOrEqual,
    }
}

pub(super) fn float_condition(op: CompareOp) -> FloatCC {
    match op {
        CompareOp::Eq => FloatCC::Equal,
        CompareOp::Ne => FloatCC::NotEqual,
        CompareOp::Lt => FloatCC::LessThan,
        CompareOp::Le => FloatCC::LessThanOrEqual,
        CompareOp::Gt => FloatCC::GreaterThan,
        CompareOp::Ge => FloatCC::GreaterThanOrEqual,
    }
}
