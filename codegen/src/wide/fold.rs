//! What is more than a trip: folds over the lanes, and the ordered part, which runs lane after lane.

use super::code::{Class, Kind, Op, Operand, V};
use super::encode::rows;
use super::formula::{GREATER_OR_EQUAL, LESS_OR_EQUAL};
use super::select::{Held, Refused, Select, is_exact};
use dprog_ir::entity::Entity;
use dprog_ir::kernel::{Num, Shape, Step};
use dprog_ir::{BinaryOp, CompareOp, Scalar};
use smallvec::SmallVec;

impl Select<'_> {
    pub(super) fn fold(&mut self) -> Result<(), Refused> {
        let mut pairs = Vec::new();
        for (op, value, all) in self.folds.clone() {
            for (best, v) in all.iter().zip(self.operands(value)?) {
                self.code.kind.single = self.single;
                let v = self.code.in_register(v);
                let folded = self.folded(op, *best, v)?;
                let folded = if is_exact(op) { folded } else { self.rounded(self.kernel.scalar(value), folded) };
                pairs.push((*best, self.where_there_is(folded, *best)));
                self.code.kind.single = false;
            }
        }
        if let Some(value) = self.kernel.sum {
            let mut sums = self.sum.clone();
            let lanes = sums.len();
            for (k, v) in self.operands(value)?.into_iter().enumerate() {
                self.code.kind.single = self.single;
                let v = self.code.in_register(v);
                let zero = self.code.zero();
                let v = self.where_there_is(v, zero);
                if self.single {
                    sums[0] = self.sum_of_singles(sums[0], v);
                    self.code.kind = Kind::default();
                    continue;
                }
                let v = self.as_element(self.kernel.scalar(value), v);
                let single = self.kernel.scalar(value) == Scalar::F32;
                self.code.kind = Kind { half: single, single, narrow: false };
                sums[k % lanes] = self.code.binary(rows::ADD, sums[k % lanes], Operand::Reg(v));
                self.code.kind = Kind::default();
            }
            pairs.extend(self.sum.iter().copied().zip(sums));
        }
        self.code.assign_all(&pairs);
        Ok(())
    }

    /// The eight lanes of a sum with those of a vector of f32, or of both its halves.
    fn sum_of_singles(&mut self, sum: V, v: V) -> V {
        if self.lanes() == 8 {
            return self.code.binary(rows::ADD, sum, Operand::Reg(v));
        }
        self.code.kind = Kind { half: true, single: true, narrow: false };
        let low = self.code.binary(rows::ADD, sum, Operand::Reg(v));
        let high = self.high(v);
        self.code.binary(rows::ADD, low, Operand::Reg(high))
    }

    /// An accumulator with one more number in each lane.
    fn folded(&mut self, op: BinaryOp, before: V, v: V) -> Result<V, Refused> {
        let (before, v) = (Operand::Reg(before), Operand::Reg(v));
        match op {
            BinaryOp::Min => Ok(self.first_if(LESS_OR_EQUAL, before, v)),
            BinaryOp::Max => Ok(self.first_if(GREATER_OR_EQUAL, before, v)),
            BinaryOp::Add => Ok(self.binary(rows::ADD, before, v)),
            BinaryOp::Sub => Ok(self.binary(rows::SUB, before, v)),
            BinaryOp::Mul
            | BinaryOp::Div
            | BinaryOp::Rem
            | BinaryOp::Pow
            | BinaryOp::Atan2
            | BinaryOp::Hypot
            | BinaryOp::CopySign
            | BinaryOp::Polygamma
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Shl
            | BinaryOp::Shr => Err(Refused),
        }
    }

    /// Two accumulators as one. What was subtracted has its sign.
    pub(super) fn merged(&mut self, op: BinaryOp, a: V, b: V) -> Result<V, Refused> {
        self.folded(if op == BinaryOp::Sub { BinaryOp::Add } else { op }, a, b)
    }

    /// `v`, but `otherwise` in lanes that are no trips.
    fn where_there_is(&mut self, v: V, otherwise: V) -> V {
        match self.tail {
            Some(mask) => self.blend(mask, Operand::Reg(v), Operand::Reg(otherwise)),
            None => v,
        }
    }

    // ---- in order ----

    pub(super) fn ordered_part(&mut self, carried: &[V]) -> Result<(), Refused> {
        let kernel = self.kernel;
        let pairs: Vec<(Num, Num)> = kernel.handed_on().collect();
        if pairs.is_empty() {
            return Ok(());
        }
        let made = kernel.ordered.iter().filter_map(|step| match step {
            Step::Op { result, .. } => Some(*result),
            Step::Load { .. } | Step::Store(_) | Step::Inner(_) => None,
            Step::Pack { .. } | Step::Packed { .. } | Step::Before { .. } => None,
        });
        let is_ordered = |num: Num| kernel.shape(num) == Shape::Ordered;
        let each: Vec<Num> = made.chain(pairs.iter().map(|(param, _)| *param).filter(|p| is_ordered(*p))).collect();
        each.iter().for_each(|num| self.hold(*num, Held::Each(Vec::new())));
        let mut current = carried.to_vec();
        let lanes = self.count * self.lanes();
        for lane in 0..lanes {
            for ((param, _), v) in pairs.iter().zip(&current) {
                self.add_lane(*param, *v);
            }
            for step in &kernel.ordered {
                let Step::Op { result, op, args, .. } = step else { return Err(Refused) };
                let operands =
                    args.iter().map(|a| self.lane(*a, lane)).collect::<Result<SmallVec<[Operand; 3]>, _>>()?;
                self.code.kind.narrow = true;
                let v = self.operation(*op, self.operand_type(*op, args), &operands);
                self.code.kind = Kind::default();
                self.add_lane(*result, v?);
            }
            let last = lane + 1 == lanes;
            for (v, (_, next)) in current.iter_mut().zip(&pairs).filter(|(_, (param, _))| last || is_ordered(*param)) {
                let operand = self.lane(*next, lane)?;
                self.code.kind.narrow = true;
                *v = self.code.in_register(operand);
                self.code.kind.narrow = false;
            }
        }
        for store in &kernel.late {
            self.store_late(store)?;
        }
        let pairs: Vec<(V, V)> = carried.iter().copied().zip(current).collect();
        self.code.assign_all(&pairs);
        Ok(())
    }

    /// The lanes of `value` one further; the first has what is carried.
    pub(super) fn from_lane_before(&mut self, result: Num, value: Num) -> Result<Held, Refused> {
        let at = self.kernel.handed_on().position(|(param, _)| param == result).ok_or(Refused)?;
        let vectors = self.registers(value, false)?;
        self.code.kind.single = self.single;
        let mut before = self.code.make(Class::Vector, Op::Spread, None, Operand::Reg(self.before[at]), None);
        let mut moved = SmallVec::new();
        for v in vectors {
            moved.push(self.code.make(Class::Vector, Op::Behind, Some(v), Operand::Reg(before), None));
            before = v;
        }
        self.code.kind.single = false;
        Ok(Held::Vectors(moved))
    }

    fn add_lane(&mut self, num: Num, v: V) {
        if let Some(Held::Each(lanes)) = &mut self.held[num.index()] {
            lanes.push(v);
        }
    }

    /// A number in one lane, for narrow operations.
    pub(super) fn lane(&mut self, num: Num, lane: usize) -> Result<Operand, Refused> {
        Ok(match self.held(num)?.clone() {
            Held::Const(bits) => Operand::Const(bits),
            Held::Uniform(v) => Operand::Reg(v),
            Held::Each(lanes) => Operand::Reg(*lanes.get(lane).ok_or(Refused)?),
            Held::General(v) => self.narrow_of(v),
            Held::Line(base, stride) => {
                let v = self.line_lane(base, stride, lane as i64);
                self.narrow_of(v)
            }
            Held::Vectors(vectors) => {
                let (v, lane) = (vectors[lane / self.lanes()], lane % self.lanes());
                if self.is_mask(v) { self.lane_of_mask(v, lane) } else { self.lane_of(v, lane) }
            }
        })
    }

    fn narrow_of(&mut self, v: V) -> Operand {
        self.code.kind.narrow = true;
        let narrow = self.code.make(Class::Vector, Op::FromGeneral, Some(v), Operand::None, None);
        self.code.kind.narrow = false;
        Operand::Reg(narrow)
    }

    /// A single lane is read where the vector has been stored: by itself, for what goes over the end of a store waits for it to reach memory.
    pub(super) fn lane_of(&mut self, v: V, lane: usize) -> Operand {
        let from = self.lane_in_memory(v, lane);
        let kind = std::mem::replace(&mut self.code.kind, Kind { single: self.single, half: false, narrow: true });
        let one = self.code.make(Class::Vector, Op::LoadOne, None, from, None);
        self.code.kind = kind;
        Operand::Reg(one)
    }

    pub(super) fn lane_in_memory(&mut self, v: V, lane: usize) -> Operand {
        let at = match self.lanes_of.get(&v) {
            Some(known) => *known,
            None => {
                let at = self.code.scratch();
                self.code.act(Op::Store, Some(v), Operand::Scratch(at, 0), None);
                self.lanes_of.insert(v, at);
                at
            }
        };
        Operand::Scratch(at, (self.lane_bytes() * lane) as i32)
    }

    fn lane_of_mask(&mut self, mask: V, lane: usize) -> Operand {
        let zero = Operand::Reg(self.code.zero());
        self.code.kind.single = self.single;
        let ones = self.blend(mask, Operand::Const(!0), zero);
        let bits = self.lane_of(ones, lane);
        self.code.kind.narrow = true;
        let zero = Operand::Reg(self.code.zero());
        let is_set = self.compare_ints(CompareOp::Ne, bits, zero);
        self.code.kind = Kind::default();
        Operand::Reg(is_set)
    }
}
