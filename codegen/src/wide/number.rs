//! Numbers as code has them: in how long lanes, and in which registers.

use super::code::{Class, Op, Operand, V};
use super::encode::rows;
use super::select::{Held, Refused, Select, Stride};
use dprog_ir::Scalar;
use dprog_ir::entity::Entity;
use dprog_ir::kernel::{Num, Shape};
use smallvec::SmallVec;

impl Select<'_> {
    /// Lanes of a vector.
    pub(super) fn lanes(&self) -> usize {
        self.level.bytes() as usize / self.lane_bytes()
    }

    pub(super) fn lane_bytes(&self) -> usize {
        if self.single { 4 } else { 8 }
    }

    /// Whether numbers of this type are in wider lanes than theirs.
    pub(super) fn is_widened(&self, scalar: Scalar) -> bool {
        scalar == Scalar::F32 && !self.single
    }

    /// Floats of 32 bits, half a vector, as f64.
    pub(super) fn promote(&mut self, v: V) -> V {
        let wide = self.code.make(Class::Vector, Op::Promote, None, Operand::Reg(v), None);
        self.promoted.insert(wide, v);
        wide
    }

    pub(super) fn demote(&mut self, v: V) -> V {
        match self.promoted.get(&v) {
            Some(narrow) => *narrow,
            None => self.code.make(Class::Vector, Op::Demote, None, Operand::Reg(v), None),
        }
    }

    /// What an operation gave, as a number of this type.
    pub(super) fn rounded(&mut self, scalar: Scalar, v: V) -> V {
        if !self.is_widened(scalar) {
            return v;
        }
        let narrow = self.demote(v);
        self.promote(narrow)
    }

    /// Numbers as memory has them.
    pub(super) fn as_element(&mut self, scalar: Scalar, v: V) -> V {
        if self.is_widened(scalar) { self.demote(v) } else { v }
    }

    /// Numbers of memory as lanes have them.
    pub(super) fn as_lanes(&mut self, scalar: Scalar, v: V) -> V {
        if self.is_widened(scalar) { self.promote(v) } else { v }
    }

    /// The last half of a vector.
    pub(super) fn high(&mut self, v: V) -> V {
        let kind = std::mem::take(&mut self.code.kind);
        let high = self.code.make(Class::Vector, Op::High, None, Operand::Reg(v), None);
        self.code.kind = kind;
        high
    }

    /// Two vectors of half the length as one.
    pub(super) fn join(&mut self, low: V, high: V) -> V {
        let op = if self.level.has_masks() { Op::InsertHalf } else { Op::Insert(1) };
        self.code.make(Class::Vector, op, Some(low), Operand::Reg(high), None)
    }

    /// An f32 of memory in all lanes.
    pub(super) fn broadcast_single(&mut self, from: Operand) -> V {
        self.code.kind.single = true;
        let all = self.code.make(Class::Vector, Op::Broadcast, None, from, None);
        self.code.kind.single = false;
        self.as_lanes(Scalar::F32, all)
    }

    /// A number of memory, for narrow operations.
    pub(super) fn load_one(&mut self, scalar: Scalar, from: Operand) -> V {
        self.code.kind.single = scalar == Scalar::F32;
        let one = self.code.make(Class::Vector, Op::LoadOne, None, from, None);
        self.code.kind.single = false;
        self.as_lanes(scalar, one)
    }

    // ---- numbers ----

    pub(super) fn hold(&mut self, num: Num, held: Held) {
        self.held[num.index()] = Some(held);
    }

    pub(super) fn held(&self, num: Num) -> Result<&Held, Refused> {
        self.held[num.index()].as_ref().ok_or(Refused)
    }

    pub(super) fn is_mask(&self, v: V) -> bool {
        self.code.classes[v.0 as usize] == Class::Mask
    }

    /// A number as operands, for each vector of a block.
    pub(super) fn operands(&mut self, num: Num) -> Result<SmallVec<[Operand; 4]>, Refused> {
        let all = |operand| SmallVec::from_elem(operand, self.count);
        Ok(match self.held(num)?.clone() {
            Held::Const(bits) => all(Operand::Const(bits)),
            Held::Uniform(v) => all(Operand::Reg(v)),
            Held::Vectors(vectors) if vectors.len() == self.count => vectors.into_iter().map(Operand::Reg).collect(),
            Held::Vectors(_) | Held::Each(_) => return Err(Refused),
            Held::General(v) => {
                let v = self.spread(v);
                SmallVec::from_elem(Operand::Reg(v), self.count)
            }
            Held::Line(..) if self.single => return Err(Refused),
            Held::Line(base, stride) => {
                let base = self.spread(base);
                (0..self.count).map(|n| Operand::Reg(self.line_vector(base, stride, n))).collect()
            }
        })
    }

    pub(super) fn spread(&mut self, v: V) -> V {
        self.code.make(Class::Vector, Op::FromGeneral, Some(v), Operand::None, None)
    }

    pub(super) fn line_vector(&mut self, base: V, stride: Stride, n: usize) -> V {
        let first = (n * self.level.lanes()) as u64;
        let steps = |stride: i64| std::array::from_fn(|k| (first + k as u64).wrapping_mul(stride as u64));
        let table = |s: &mut Self, stride| s.code.table(steps(stride));
        let more = match stride {
            Stride::Known(stride) => table(self, stride),
            Stride::Value(stride) => {
                let (numbers, stride) = (table(self, 1), self.spread(stride));
                let numbers = Operand::Reg(self.code.in_register(numbers));
                Operand::Reg(self.product_of_ints(Operand::Reg(stride), numbers))
            }
        };
        self.code.binary(rows::INT_ADD, base, more)
    }

    /// An i64 that is the same in all lanes.
    pub(super) fn general(&mut self, num: Num) -> Result<V, Refused> {
        Ok(match self.held(num)?.clone() {
            Held::Const(bits) => self.code.integer(bits as i64),
            Held::General(v) => v,
            Held::Uniform(v) => self.code.make(Class::General, Op::ToGeneral, None, Operand::Reg(v), None),
            Held::Vectors(vectors) if self.kernel.shape(num) == Shape::Uniform => {
                self.code.make(Class::General, Op::ToGeneral, None, Operand::Reg(vectors[0]), None)
            }
            Held::Line(..) | Held::Vectors(_) | Held::Each(_) => return Err(Refused),
        })
    }

    /// The index in a lane.
    pub(super) fn line_lane(&mut self, base: V, stride: Stride, lane: i64) -> V {
        match stride {
            Stride::Known(stride) => self.plus(base, stride.wrapping_mul(lane)),
            Stride::Value(stride) => {
                let more = self.code.times_constant(stride, lane);
                if lane == 0 { base } else { self.code.plus(base, more) }
            }
        }
    }

    /// A general register and a constant; what is added is remembered, for addresses.
    pub(super) fn plus(&mut self, v: V, x: i64) -> V {
        let (from, before) = self.sums.get(&v).copied().unwrap_or((v, 0));
        let Some(all) = before.checked_add(x).filter(|all| i32::try_from(*all).is_ok()) else {
            return self.code.plus_constant(v, x);
        };
        let sum = self.code.plus_constant(from, all);
        if all != 0 {
            self.sums.insert(sum, (from, all));
        }
        sum
    }
}
