//! Values of Cranelift as the machine on which the elementary functions are written: what computes with `f64`, emits code
//! with [`Lane`]; see `dprog_ir::fmath::elementary::lanes`.
//!
//! In one lane a comparison is a byte and a choice a conditional move; in two, a mask of bits and a blend.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    BlockArg, ConstantData, Endianness, FuncRef, Function, InstBuilder, MemFlagsData, Type, Value, types,
};
use cranelift_frontend::FunctionBuilder;
use dprog_ir::fmath::elementary::{Lanes, OneLane, Rare};
use std::cell::RefCell;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Shl, Shr, Sub};

/// Finds the function for a rare case, `fn(f64) -> f64`, for use in the function at hand.
pub type FindRare<'a> = dyn FnMut(&mut Function, Rare) -> FuncRef + 'a;

/// A table of constant vectors in memory. Cranelift takes constants out of loops, where they push numbers out of the registers;
/// what is loaded stays where it is used.
pub struct Pool<'a> {
    pub base: Value,
    pub flags: MemFlagsData,
    /// Where the vector stands that has these bits in each lane.
    pub offset: &'a mut dyn FnMut(u64) -> i32,
}

/// Where the code goes.
pub struct Emitter<'m, 'f> {
    builder: RefCell<&'m mut FunctionBuilder<'f>>,
    find_rare: RefCell<&'m mut FindRare<'m>>,
    pool: Option<RefCell<Pool<'m>>>,
    wide: bool,
}

impl<'m, 'f> Emitter<'m, 'f> {
    /// For `f64x2` if `wide`, else for `f64`.
    pub fn new(
        builder: &'m mut FunctionBuilder<'f>,
        wide: bool,
        find_rare: &'m mut FindRare<'m>,
        pool: Option<Pool<'m>>,
    ) -> Emitter<'m, 'f> {
        let pool = pool.map(RefCell::new);
        Emitter { builder: RefCell::new(builder), find_rare: RefCell::new(find_rare), pool, wide }
    }

    /// A value of floats.
    pub fn lane(&self, value: Value) -> Lane<'_, 'm, 'f> {
        Lane { value, at: self }
    }

    fn emit<T>(&self, f: impl FnOnce(&mut FunctionBuilder<'f>) -> T) -> T {
        f(&mut self.builder.borrow_mut())
    }

    fn float_type(&self) -> Type {
        if self.wide { types::F64X2 } else { types::F64 }
    }

    fn int_type(&self) -> Type {
        if self.wide { types::I64X2 } else { types::I64 }
    }

    fn float_constant(&self, x: f64) -> Value {
        if self.wide { self.vector(types::F64X2, x.to_bits()) } else { self.emit(|b| b.ins().f64const(x)) }
    }

    fn int_constant(&self, x: u64) -> Value {
        if self.wide { self.vector(types::I64X2, x) } else { self.emit(|b| b.ins().iconst(types::I64, x as i64)) }
    }

    fn vector(&self, ty: Type, lane: u64) -> Value {
        if let Some(pool) = &self.pool {
            let (base, flags, offset) = {
                let mut pool = pool.borrow_mut();
                (pool.base, pool.flags, (pool.offset)(lane))
            };
            return self.emit(|b| b.ins().load(ty, flags, base, offset));
        }
        let bytes = [lane.to_le_bytes(), lane.to_le_bytes()].concat();
        self.emit(|b| {
            let constant = b.func.dfg.constants.insert(ConstantData::from(&bytes[..]));
            b.ins().vconst(ty, constant)
        })
    }

    fn reinterpret(&self, ty: Type, value: Value) -> Value {
        let flags = MemFlagsData::new().with_endianness(Endianness::Little);
        self.emit(|b| b.ins().bitcast(ty, flags, value))
    }

    /// One value out of two blocks; the builder stays behind them.
    fn branch<'a>(
        &'a self,
        when: Value,
        cold: bool,
        then: impl FnOnce() -> Value,
        otherwise: impl FnOnce() -> Value,
        ty: Type,
    ) -> Lane<'a, 'm, 'f> {
        let (second, next) = self.emit(|b| {
            let blocks = (b.create_block(), b.create_block(), b.create_block());
            if cold {
                b.set_cold_block(blocks.0);
            }
            b.ins().brif(when, blocks.0, &[], blocks.1, &[]);
            b.append_block_param(blocks.2, ty);
            b.switch_to_block(blocks.0);
            (blocks.1, blocks.2)
        });
        let value = then();
        self.emit(|b| {
            b.ins().jump(next, &[BlockArg::Value(value)]);
            b.switch_to_block(second);
        });
        let value = otherwise();
        self.emit(|b| {
            b.ins().jump(next, &[BlockArg::Value(value)]);
            b.switch_to_block(next);
            Lane { value: b.block_params(next)[0], at: self }
        })
    }

    /// The rare function of every lane.
    fn call_rare(&self, rare: Rare, x: Value) -> Value {
        let callee = self.emit(|b| (self.find_rare.borrow_mut())(b.func, rare));
        self.emit(|b| {
            if !self.wide {
                let call = b.ins().call(callee, &[x]);
                return b.inst_results(call)[0];
            }
            let lanes = [0, 1].map(|i| b.ins().extractlane(x, i as u8));
            let results = lanes.map(|lane| {
                let call = b.ins().call(callee, &[lane]);
                b.inst_results(call)[0]
            });
            let first = b.ins().splat(types::F64X2, results[0]);
            b.ins().insertlane(first, results[1], 1u8)
        })
    }
}

/// Floats.
#[derive(Clone, Copy)]
pub struct Lane<'a, 'm, 'f> {
    pub value: Value,
    at: &'a Emitter<'m, 'f>,
}

/// Integers.
#[derive(Clone, Copy)]
pub struct IntLane<'a, 'm, 'f> {
    value: Value,
    at: &'a Emitter<'m, 'f>,
}

/// The result of a comparison.
#[derive(Clone, Copy)]
pub struct MaskLane<'a, 'm, 'f> {
    value: Value,
    at: &'a Emitter<'m, 'f>,
}

macro_rules! operators {
    ($ty:ident, $other:ident, $constant:ident: $($operator:ident::$method:ident = $inst:ident;)*) => {
        $(impl<'a, 'm, 'f> $operator for $ty<'a, 'm, 'f> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                $ty { value: self.at.emit(|b| b.ins().$inst(self.value, other.value)), at: self.at }
            }
        }
        impl<'a, 'm, 'f> $operator<$other> for $ty<'a, 'm, 'f> {
            type Output = Self;
            fn $method(self, other: $other) -> Self {
                let other = self.at.$constant(other);
                $ty { value: self.at.emit(|b| b.ins().$inst(self.value, other)), at: self.at }
            }
        })*
    };
}

operators! { Lane, f64, float_constant: Add::add = fadd; Sub::sub = fsub; Mul::mul = fmul; Div::div = fdiv; }
operators! {
    IntLane, u64, int_constant:
    Add::add = iadd; Sub::sub = isub; BitAnd::bitand = band; BitOr::bitor = bor; BitXor::bitxor = bxor;
}

impl Neg for Lane<'_, '_, '_> {
    type Output = Self;
    fn neg(self) -> Self {
        self.one(|b, x| b.ins().fneg(x))
    }
}

impl Shl<u32> for IntLane<'_, '_, '_> {
    type Output = Self;
    fn shl(self, count: u32) -> Self {
        self.with(self.at.emit(|b| b.ins().ishl_imm_u(self.value, count as i64)))
    }
}

impl Shr<u32> for IntLane<'_, '_, '_> {
    type Output = Self;
    fn shr(self, count: u32) -> Self {
        self.with(self.at.emit(|b| b.ins().ushr_imm_u(self.value, count as i64)))
    }
}

impl BitAnd for MaskLane<'_, '_, '_> {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        self.with(self.at.emit(|b| b.ins().band(self.value, other.value)))
    }
}

impl BitOr for MaskLane<'_, '_, '_> {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.with(self.at.emit(|b| b.ins().bor(self.value, other.value)))
    }
}

impl Not for MaskLane<'_, '_, '_> {
    type Output = Self;
    fn not(self) -> Self {
        let wide = self.at.wide;
        self.with(self.at.emit(|b| if wide { b.ins().bnot(self.value) } else { b.ins().bxor_imm_u(self.value, 1) }))
    }
}

impl<'a, 'm, 'f> Lane<'a, 'm, 'f> {
    fn one(self, f: impl FnOnce(&mut FunctionBuilder<'f>, Value) -> Value) -> Self {
        Lane { value: self.at.emit(|b| f(b, self.value)), at: self.at }
    }

    fn compare(self, cc: FloatCC, other: Self) -> MaskLane<'a, 'm, 'f> {
        MaskLane { value: self.at.emit(|b| b.ins().fcmp(cc, self.value, other.value)), at: self.at }
    }
}

impl<'a, 'm, 'f> IntLane<'a, 'm, 'f> {
    fn with(self, value: Value) -> Self {
        IntLane { value, ..self }
    }

    fn two(self, other: Self, f: impl FnOnce(&mut FunctionBuilder<'f>, Value, Value) -> Value) -> Self {
        self.with(self.at.emit(|b| f(b, self.value, other.value)))
    }
}

impl<'a, 'm, 'f> MaskLane<'a, 'm, 'f> {
    fn with(self, value: Value) -> Self {
        MaskLane { value, ..self }
    }

    /// A byte: whether it holds in any lane.
    fn any(self) -> Value {
        if self.at.wide { self.at.emit(|b| b.ins().vany_true(self.value)) } else { self.value }
    }
}

impl<'a, 'm, 'f> Lanes for Lane<'a, 'm, 'f> {
    type Int = IntLane<'a, 'm, 'f>;
    type Mask = MaskLane<'a, 'm, 'f>;

    fn constant(self, x: f64) -> Self {
        self.at.lane(self.at.float_constant(x))
    }

    fn integer(self, x: u64) -> Self::Int {
        IntLane { value: self.at.int_constant(x), at: self.at }
    }

    fn abs(self) -> Self {
        self.one(|b, x| b.ins().fabs(x))
    }

    fn sqrt(self) -> Self {
        self.one(|b, x| b.ins().sqrt(x))
    }

    fn lt(self, other: Self) -> Self::Mask {
        self.compare(FloatCC::LessThan, other)
    }

    fn le(self, other: Self) -> Self::Mask {
        self.compare(FloatCC::LessThanOrEqual, other)
    }

    fn eq(self, other: Self) -> Self::Mask {
        self.compare(FloatCC::Equal, other)
    }

    fn select(mask: Self::Mask, then: Self, otherwise: Self) -> Self {
        let at = then.at;
        if !at.wide {
            return at.lane(at.emit(|b| b.ins().select(mask.value, then.value, otherwise.value)));
        }
        let mask = at.reinterpret(types::F64X2, mask.value);
        at.lane(at.emit(|b| b.ins().bitselect(mask, then.value, otherwise.value)))
    }

    fn bits(self) -> Self::Int {
        IntLane { value: self.at.reinterpret(self.at.int_type(), self.value), at: self.at }
    }

    fn from_bits(bits: Self::Int) -> Self {
        bits.at.lane(bits.at.reinterpret(bits.at.float_type(), bits.value))
    }

    fn rarely(self, when: Self::Mask, rare: Rare, usual: Self) -> Self {
        let at = self.at;
        let call = || {
            let value = at.lane(at.call_rare(rare, self.value));
            if at.wide { Self::select(when, value, usual).value } else { value.value }
        };
        at.branch(when.any(), true, call, || usual.value, at.float_type())
    }

    fn shortcut(self, when: Self::Mask, short: impl FnOnce(Self) -> Self, full: impl FnOnce(Self) -> Self) -> Self {
        if self.at.wide {
            return full(self);
        }
        let unusual = !when;
        self.at.branch(unusual.value, true, || full(self).value, || short(self).value, types::F64)
    }

    fn either(self, when: Self::Mask, then: impl FnOnce(Self) -> Self, otherwise: impl FnOnce(Self) -> Self) -> Self {
        if self.at.wide {
            return Self::select(when, then(self), otherwise(self));
        }
        self.at.branch(when.value, false, || then(self).value, || otherwise(self).value, types::F64)
    }
}

/// Only of one lane; with two the verifier of Cranelift would reject what comes out.
impl<'a, 'm, 'f> OneLane for Lane<'a, 'm, 'f> {
    fn int_mul(a: Self::Int, b: Self::Int) -> Self::Int {
        a.two(b, |f, a, b| f.ins().imul(a, b))
    }

    fn int_mul_high(a: Self::Int, b: Self::Int) -> Self::Int {
        a.two(b, |f, a, b| f.ins().umulhi(a, b))
    }

    fn int_rem(a: Self::Int, b: Self::Int) -> Self::Int {
        a.two(b, |f, a, b| f.ins().urem(a, b))
    }

    fn int_lt(a: Self::Int, b: Self::Int) -> Self::Mask {
        MaskLane { value: a.at.emit(|f| f.ins().icmp(IntCC::UnsignedLessThan, a.value, b.value)), at: a.at }
    }

    fn int_select(mask: Self::Mask, then: Self::Int, otherwise: Self::Int) -> Self::Int {
        then.two(otherwise, |b, then, otherwise| b.ins().select(mask.value, then, otherwise))
    }

    fn shift_left(a: Self::Int, count: Self::Int) -> Self::Int {
        a.two(count, |b, a, count| b.ins().ishl(a, count))
    }

    fn shift_right(a: Self::Int, count: Self::Int) -> Self::Int {
        a.two(count, |b, a, count| b.ins().ushr(a, count))
    }

    fn leading_zeros(a: Self::Int) -> Self::Int {
        a.with(a.at.emit(|b| b.ins().clz(a.value)))
    }

    fn from_int(a: Self::Int) -> Self {
        a.at.lane(a.at.emit(|b| b.ins().fcvt_from_sint(types::F64, a.value)))
    }

    /// By comparisons: an object needs no data for a case that is rare.
    fn look_up(self, table: &'static [u64], index: Self::Int) -> Self::Int {
        let (first, rest) = table.split_first().expect("a table is not empty");
        let first = self.integer(*first);
        rest.iter().zip(1u64..).fold(first, |found, (word, i)| {
            let here = self.at.emit(|b| b.ins().icmp_imm_u(IntCC::Equal, index.value, i as i64));
            self.integer(*word).two(found, |b, word, found| b.ins().select(here, word, found))
        })
    }

    fn repeat<const N: usize>(
        self,
        state: [Self::Int; N],
        more: impl Fn([Self::Int; N]) -> Self::Mask,
        step: impl Fn([Self::Int; N]) -> [Self::Int; N],
    ) -> [Self::Int; N] {
        let at = self.at;
        let args = |state: [Self::Int; N]| state.map(|x| BlockArg::Value(x.value));
        let (test, body, end) = at.emit(|b| {
            let blocks = (b.create_block(), b.create_block(), b.create_block());
            state.iter().for_each(|_| {
                b.append_block_param(blocks.0, types::I64);
            });
            b.ins().jump(blocks.0, &args(state));
            b.switch_to_block(blocks.0);
            blocks
        });
        let params = at.emit(|b| b.block_params(test).to_vec());
        let current: [Self::Int; N] = std::array::from_fn(|i| IntLane { value: params[i], at });
        let again = more(current);
        at.emit(|b| {
            b.ins().brif(again.value, body, &[], end, &[]);
            b.switch_to_block(body);
        });
        let next = step(current);
        at.emit(|b| {
            b.ins().jump(test, &args(next));
            b.switch_to_block(end);
        });
        current
    }
}
