//! The vocabulary for f64 itself: here the functions compute.

use super::lanes::{Lanes, OneLane, Rare};
use std::ops::{Add, BitAnd, BitOr, BitXor, Shl, Shr, Sub};

/// 64 bits; arithmetic wraps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bits(pub u64);

macro_rules! operators {
    ($($operator:ident::$method:ident($a:ident, $b:ident) = $value:expr;)*) => {
        $(impl $operator for Bits {
            type Output = Bits;
            #[inline(always)]
            fn $method(self, other: Bits) -> Bits {
                let ($a, $b) = (self.0, other.0);
                Bits($value)
            }
        }
        impl $operator<u64> for Bits {
            type Output = Bits;
            #[inline(always)]
            fn $method(self, $b: u64) -> Bits {
                let $a = self.0;
                Bits($value)
            }
        })*
    };
}

operators! {
    Add::add(a, b) = a.wrapping_add(b);
    Sub::sub(a, b) = a.wrapping_sub(b);
    BitAnd::bitand(a, b) = a & b;
    BitOr::bitor(a, b) = a | b;
    BitXor::bitxor(a, b) = a ^ b;
}

impl Shl<u32> for Bits {
    type Output = Bits;
    #[inline(always)]
    fn shl(self, count: u32) -> Bits {
        Bits(self.0 << count)
    }
}

impl Shr<u32> for Bits {
    type Output = Bits;
    #[inline(always)]
    fn shr(self, count: u32) -> Bits {
        Bits(self.0 >> count)
    }
}

impl Lanes for f64 {
    type Int = Bits;
    type Mask = bool;

    #[inline(always)]
    fn constant(self, x: f64) -> f64 {
        x
    }

    #[inline(always)]
    fn integer(self, x: u64) -> Bits {
        Bits(x)
    }

    #[inline(always)]
    fn abs(self) -> f64 {
        f64::abs(self)
    }

    #[inline(always)]
    fn sqrt(self) -> f64 {
        f64::sqrt(self)
    }

    #[inline(always)]
    fn lt(self, other: f64) -> bool {
        self < other
    }

    #[inline(always)]
    fn le(self, other: f64) -> bool {
        self <= other
    }

    #[inline(always)]
    fn eq(self, other: f64) -> bool {
        self == other
    }

    #[inline(always)]
    fn select(mask: bool, then: f64, otherwise: f64) -> f64 {
        if mask { then } else { otherwise }
    }

    #[inline(always)]
    fn bits(self) -> Bits {
        Bits(self.to_bits())
    }

    #[inline(always)]
    fn from_bits(bits: Bits) -> f64 {
        f64::from_bits(bits.0)
    }

    #[inline(always)]
    fn rarely(self, when: bool, rare: Rare, usual: f64) -> f64 {
        if when { out_of_line(rare, self) } else { usual }
    }

    #[inline(always)]
    fn shortcut(self, when: bool, short: impl FnOnce(f64) -> f64, full: impl FnOnce(f64) -> f64) -> f64 {
        if when { short(self) } else { unlikely(|| full(self)) }
    }

    #[inline(always)]
    fn either(self, when: bool, then: impl FnOnce(f64) -> f64, otherwise: impl FnOnce(f64) -> f64) -> f64 {
        if when { then(self) } else { otherwise(self) }
    }
}

#[cold]
#[inline(never)]
fn unlikely(f: impl FnOnce() -> f64) -> f64 {
    f()
}

#[cold]
#[inline(never)]
fn out_of_line(rare: Rare, x: f64) -> f64 {
    rare.apply(x)
}

impl OneLane for f64 {
    #[inline(always)]
    fn int_mul(a: Bits, b: Bits) -> Bits {
        Bits(a.0.wrapping_mul(b.0))
    }

    #[inline(always)]
    fn int_mul_high(a: Bits, b: Bits) -> Bits {
        Bits(((a.0 as u128 * b.0 as u128) >> 64) as u64)
    }

    #[inline(always)]
    fn int_rem(a: Bits, b: Bits) -> Bits {
        Bits(a.0 % b.0)
    }

    #[inline(always)]
    fn int_lt(a: Bits, b: Bits) -> bool {
        a.0 < b.0
    }

    #[inline(always)]
    fn int_select(mask: bool, then: Bits, otherwise: Bits) -> Bits {
        if mask { then } else { otherwise }
    }

    #[inline(always)]
    fn shift_left(a: Bits, count: Bits) -> Bits {
        Bits(a.0 << count.0)
    }

    #[inline(always)]
    fn shift_right(a: Bits, count: Bits) -> Bits {
        Bits(a.0 >> count.0)
    }

    #[inline(always)]
    fn leading_zeros(a: Bits) -> Bits {
        Bits(a.0.leading_zeros() as u64)
    }

    #[inline(always)]
    fn from_int(a: Bits) -> f64 {
        a.0 as i64 as f64
    }

    #[inline(always)]
    fn look_up(self, table: &'static [u64], index: Bits) -> Bits {
        Bits(table[index.0 as usize])
    }

    #[inline(always)]
    fn repeat<const N: usize>(
        self,
        mut state: [Bits; N],
        more: impl Fn([Bits; N]) -> bool,
        step: impl Fn([Bits; N]) -> [Bits; N],
    ) -> [Bits; N] {
        while more(state) {
            state = step(state);
        }
        state
    }
}
