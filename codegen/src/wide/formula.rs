//! Registers without end as the machine on which the elementary functions are written; see `dprog_ir::fmath::elementary::lanes`.
//!
//! What computes with `f64` and writes Cranelift's code with `crate::math`, writes wide code here: the same operations in the same
//! order, so the same bits.

use super::code::{Class, Code, Op, Operand, V, commutes};
use super::encode::{Row, rows};
use dprog_ir::fmath::elementary::{Lanes, Rare};
use std::cell::RefCell;
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Neg, Not, Shl, Shr, Sub};

const SIGN: u64 = 1 << 63;

/// Where the code goes.
pub struct Emitter<'c> {
    code: RefCell<&'c mut Code>,
}

impl<'c> Emitter<'c> {
    pub fn new(code: &'c mut Code) -> Emitter<'c> {
        Emitter { code: RefCell::new(code) }
    }

    pub fn lane(&self, v: V) -> Lane<'_, 'c> {
        Lane { value: Operand::Reg(v), at: self }
    }

    fn emit<T>(&self, f: impl FnOnce(&mut Code) -> T) -> T {
        f(&mut self.code.borrow_mut())
    }

    fn binary(&self, row: Row, a: Operand, b: Operand) -> Operand {
        self.emit(|code| {
            let (a, b) = if matches!(a, Operand::Const(_)) && commutes(row) { (b, a) } else { (a, b) };
            let a = code.in_register(a);
            let b = zero_or(code, b);
            Operand::Reg(code.binary(row, a, b))
        })
    }

    fn shift(&self, left: bool, count: u32, x: Operand) -> Operand {
        self.emit(|code| {
            let x = Operand::Reg(code.in_register(x));
            Operand::Reg(code.make(Class::Vector, Op::Shift { left, count: count as u8 }, None, x, None))
        })
    }
}

/// A zero comes out of a register: it costs nothing to make.
fn zero_or(code: &mut Code, operand: Operand) -> Operand {
    if operand == Operand::Const(0) { Operand::Reg(code.zero()) } else { operand }
}

/// Floats.
#[derive(Clone, Copy)]
pub struct Lane<'a, 'c> {
    value: Operand,
    at: &'a Emitter<'c>,
}

/// Integers.
#[derive(Clone, Copy)]
pub struct IntLane<'a, 'c> {
    value: Operand,
    at: &'a Emitter<'c>,
}

/// The answer to a comparison.
#[derive(Clone, Copy)]
pub struct MaskLane<'a, 'c> {
    value: V,
    at: &'a Emitter<'c>,
}

impl Lane<'_, '_> {
    /// The register in which the number is.
    pub fn register(self) -> V {
        self.at.emit(|code| code.in_register(self.value))
    }
}

macro_rules! operators {
    ($ty:ident, $other:ident, $bits:expr; $($operator:ident::$method:ident = $row:ident;)*) => {
        $(impl $operator for $ty<'_, '_> {
            type Output = Self;
            fn $method(self, other: Self) -> Self {
                $ty { value: self.at.binary(rows::$row, self.value, other.value), at: self.at }
            }
        }
        impl $operator<$other> for $ty<'_, '_> {
            type Output = Self;
            fn $method(self, other: $other) -> Self {
                let bits: fn($other) -> u64 = $bits;
                $ty { value: self.at.binary(rows::$row, self.value, Operand::Const(bits(other))), at: self.at }
            }
        })*
    };
}

operators! { Lane, f64, |x| x.to_bits(); Add::add = ADD; Sub::sub = SUB; Mul::mul = MUL; Div::div = DIV; }
operators! {
    IntLane, u64, |x| x;
    Add::add = INT_ADD; Sub::sub = INT_SUB; BitAnd::bitand = AND; BitOr::bitor = OR; BitXor::bitxor = XOR;
}

impl Neg for Lane<'_, '_> {
    type Output = Self;
    fn neg(self) -> Self {
        Lane { value: self.at.binary(rows::XOR, self.value, Operand::Const(SIGN)), at: self.at }
    }
}

impl Shl<u32> for IntLane<'_, '_> {
    type Output = Self;
    fn shl(self, count: u32) -> Self {
        IntLane { value: self.at.shift(true, count, self.value), at: self.at }
    }
}

impl Shr<u32> for IntLane<'_, '_> {
    type Output = Self;
    fn shr(self, count: u32) -> Self {
        IntLane { value: self.at.shift(false, count, self.value), at: self.at }
    }
}

impl BitAnd for MaskLane<'_, '_> {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        self.binary(rows::MASK_AND, other)
    }
}

impl BitOr for MaskLane<'_, '_> {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.binary(rows::MASK_OR, other)
    }
}

impl Not for MaskLane<'_, '_> {
    type Output = Self;
    fn not(self) -> Self {
        let make = |code: &mut Code| code.make(Class::Mask, Op::MaskNot, Some(self.value), Operand::None, None);
        MaskLane { value: self.at.emit(make), at: self.at }
    }
}

impl<'a, 'c> MaskLane<'a, 'c> {
    fn binary(self, row: Row, other: Self) -> Self {
        let (a, b) = (Some(self.value), Operand::Reg(other.value));
        MaskLane { value: self.at.emit(|code| code.make(Class::Mask, Op::MaskBinary(row), a, b, None)), at: self.at }
    }
}

/// Predicates of comparisons: ordered, and not signalling.
pub const EQUAL: u8 = 0;
pub const LESS: u8 = 17;
pub const LESS_OR_EQUAL: u8 = 18;
pub const UNORDERED: u8 = 3;
pub const NOT_EQUAL: u8 = 4;
pub const GREATER_OR_EQUAL: u8 = 29;
pub const GREATER: u8 = 30;

impl<'a, 'c> Lane<'a, 'c> {
    fn compare(self, predicate: u8, other: Self) -> MaskLane<'a, 'c> {
        let value = self.at.emit(|code| {
            let a = code.in_register(self.value);
            let rm = zero_or(code, other.value);
            code.make(Class::Mask, Op::Compare(rows::COMPARE, predicate), Some(a), rm, None)
        });
        MaskLane { value, at: self.at }
    }
}

impl<'a, 'c> Lanes for Lane<'a, 'c> {
    type Int = IntLane<'a, 'c>;
    type Mask = MaskLane<'a, 'c>;

    fn constant(self, x: f64) -> Self {
        Lane { value: Operand::Const(x.to_bits()), at: self.at }
    }

    fn integer(self, x: u64) -> Self::Int {
        IntLane { value: Operand::Const(x), at: self.at }
    }

    fn abs(self) -> Self {
        Lane { value: self.at.binary(rows::AND, self.value, Operand::Const(!SIGN)), at: self.at }
    }

    fn sqrt(self) -> Self {
        let make = |code: &mut Code| code.make(Class::Vector, Op::Unary(rows::SQRT), None, self.value, None);
        Lane { value: Operand::Reg(self.at.emit(make)), at: self.at }
    }

    fn lt(self, other: Self) -> Self::Mask {
        self.compare(LESS, other)
    }

    fn le(self, other: Self) -> Self::Mask {
        self.compare(LESS_OR_EQUAL, other)
    }

    fn eq(self, other: Self) -> Self::Mask {
        self.compare(EQUAL, other)
    }

    fn select(mask: Self::Mask, then: Self, otherwise: Self) -> Self {
        let at = mask.at;
        let value = at.emit(|code| {
            let a = code.in_register(otherwise.value);
            let then = zero_or(code, then.value);
            Operand::Reg(code.make(Class::Vector, Op::Blend, Some(a), then, Some(mask.value)))
        });
        Lane { value, at }
    }

    fn bits(self) -> Self::Int {
        IntLane { value: self.value, at: self.at }
    }

    fn from_bits(bits: Self::Int) -> Self {
        Lane { value: bits.value, at: bits.at }
    }

    fn rarely(self, when: Self::Mask, rare: Rare, usual: Self) -> Self {
        let at = Rare::ALL.iter().position(|r| *r == rare).expect("it is one of them") as u8;
        let value = self.at.emit(|code| {
            let (usual, x) = (code.in_register(usual.value), code.in_register(self.value));
            code.make(Class::Vector, Op::Rare(at), Some(usual), Operand::Reg(x), Some(when.value))
        });
        Lane { value: Operand::Reg(value), at: self.at }
    }
}
