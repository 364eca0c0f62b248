//! From a kernel to instructions.
//!
//! ```text
//! words of the caller -> registers
//! while a block fits:      `count` vectors for each number that differs between lanes
//! while there are trips:   one vector, in which a mask says which lanes there are        (with AVX-512, if nothing is done in order)
//! registers -> words of the caller
//! ```
//!
//! Lanes have 64 bits, or 32 if all that differs between them is f32. Among lanes of 64 bits an f32 is an f64, and rounded where the result
//! of an operation may be none; sums of them are added up as what they are.
//!
//! Floats that are the same in all lanes are vectors with equal lanes; integers stay in general registers, where they are places. What
//! is done in order is done in the first lanes of narrow vectors, one trip after the other.

use super::code::{Address, Class, Code, Kind, LoopId, Op, Operand, V};
use super::encode::rows;
use super::formula::{GREATER_OR_EQUAL, LESS_OR_EQUAL};
use super::machine::Level;
use super::words::Words;
use dprog_ir::entity::Entity;
use dprog_ir::kernel::{Carried, Inner, Input, Kernel, Num, NumOp, Shape, Step};
use dprog_ir::{BinaryOp, CompareOp, Const, Scalar, UnaryOp};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// There is no wide code for something in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// How much an index grows from lane to lane.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stride {
    Known(i64),
    Value(V),
}

/// A number as code has it.
#[derive(Clone, Debug)]
pub(super) enum Held {
    Const(u64),
    /// An i64 that is the same in all lanes.
    General(V),
    /// The same in all lanes of a vector or mask.
    Uniform(V),
    /// An i64: that of the first lane, and by how much it grows.
    Line(V, Stride),
    Vectors(SmallVec<[V; 4]>),
    /// Of the ordered part: for each lane, in the first lane of a vector.
    Each(Vec<V>),
}

/// What is selected, and what it needs to know.
pub(super) struct Select<'k> {
    pub kernel: &'k Kernel,
    pub level: Level,
    pub code: Code,
    /// Lanes have 32 bits.
    pub single: bool,
    /// Products that are added are not rounded.
    pub contract: bool,
    /// The factors of products that may be added so.
    pub products: FxHashMap<V, (V, Operand)>,
    /// What has been widened to f64.
    pub promoted: FxHashMap<V, V>,
    /// Where the elements of each array begin, from its base.
    pub offsets: &'k [i32],
    pub bases: Vec<V>,
    held: Vec<Option<Held>>,
    /// Vectors of a block.
    pub count: usize,
    /// The lanes that there are, in the loop for what is left.
    pub tail: Option<V>,
    /// How many, in all lanes.
    left: Option<V>,
    /// Where vectors are from which single lanes are read, in this block.
    pub lanes_of: FxHashMap<V, u32>,
    /// General registers that are another plus a constant.
    pub sums: FxHashMap<V, (V, i64)>,
    flag: Option<V>,
    /// What is folded, how, and the accumulators of a block.
    folds: Vec<(BinaryOp, Num, Vec<V>)>,
    sum: Vec<V>,
}

/// See the module's description.
pub struct Selected {
    pub code: Code,
    /// The register that has the address of the caller's words when the code begins.
    pub block: V,
    /// It runs a multiple of so many trips.
    pub width: usize,
    /// So many at once.
    pub block_width: usize,
}

pub fn select(kernel: &Kernel, offsets: &[i32], level: Level, how: How) -> Result<Selected, Refused> {
    let mut code = Code::new();
    let block = code.register(Class::General);
    let mut s = Select {
        kernel,
        level,
        code,
        single: kernel.cost.single,
        contract: how.contract,
        products: FxHashMap::default(),
        promoted: FxHashMap::default(),
        offsets,
        bases: Vec::new(),
        held: vec![None; kernel.numbers.len()],
        count: 1,
        tail: None,
        left: None,
        lanes_of: FxHashMap::default(),
        sums: FxHashMap::default(),
        flag: None,
        folds: Vec::new(),
        sum: Vec::new(),
    };
    s.function(block, how.polls)?;
    s.code.drop_unused();
    let block_width = vectors_of_block(kernel, level) * s.lanes();
    let width = if s.masks_rest() { 1 } else { block_width };
    Ok(Selected { code: s.code, block, width, block_width })
}

/// What is asked of the code besides what the kernel says.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// It looks whether it is to stop.
    pub polls: bool,
    /// Products that are added are not rounded.
    pub contract: bool,
}

/// A number of 32 bits in both halves of one of 64.
pub(super) fn twice(bits: u32) -> u64 {
    bits as u64 | (bits as u64) << 32
}

/// Whether the result of an operation on f32 is one, though it is done with f64.
fn is_exact(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Min | BinaryOp::Max)
}

/// How many vectors a block has. Where nothing is heavy several hide how long operations take; an inner loop keeps
/// what it carries in registers, of which AVX2 has half.
fn vectors_of_block(kernel: &Kernel, level: Level) -> usize {
    let cost = &kernel.cost;
    let few = level == Level::Bits256;
    let by_sum = if few && kernel.sum.is_some() { 2 } else { 1 };
    let wanted = match (cost.heavy, cost.inner, cost.live) {
        (true, ..) => 1,
        (false, true, 0..=1) => 4,
        (false, true, 2..=3) if !few => 4,
        (false, true, _) => 2,
        (false, false, _) if cost.folds => 4,
        (false, false, _) => 2,
    };
    let longest = if few { 16 } else { 32 };
    let wanted = if cost.wide > longest && !cost.inner { 1 } else { wanted };
    wanted.max(by_sum)
}

impl Select<'_> {
    fn function(&mut self, block: V, polls: bool) -> Result<(), Refused> {
        self.refuse_types()?;
        let words = Words::of(self.kernel);
        if polls {
            self.flag = Some(self.load_word(block, Words::FLAG));
        }
        let (lo, hi) = (self.load_word(block, Words::COUNTER), self.load_word(block, Words::END));
        self.inputs(block, &words)?;
        let ordered = self.ordered_inits(block, &words)?;
        self.count = vectors_of_block(self.kernel, self.level);
        self.accumulators();
        let i = self.code.carried(Class::General, lo);
        let masks_rest = self.masks_rest();
        if !(masks_rest && self.count == 1 && self.has_plain_places(&self.kernel.body)) {
            self.blocks(i, hi, &ordered)?;
        }
        if masks_rest {
            self.rest(i, hi)?;
        }
        self.results(block, &words, &ordered)?;
        self.code.act(Op::Return, None, Operand::None, None);
        Ok(())
    }

    /// Nothing but floats, i64 and bools of vectors.
    fn refuse_types(&self) -> Result<(), Refused> {
        let fine = |scalar| matches!(scalar, Scalar::F64 | Scalar::F32 | Scalar::I64 | Scalar::Bool);
        let numbers = self.kernel.inputs.iter().map(|(num, _)| self.kernel.scalar(*num));
        let arrays = self.kernel.arrays.values().map(|a| a.element);
        let ordered = self.kernel.carried.iter().filter_map(|c| match c {
            Carried::Ordered { param, .. } => Some(self.kernel.scalar(*param)),
            Carried::Array(_)
            | Carried::Same(_)
            | Carried::Steady { .. }
            | Carried::Extreme { .. }
            | Carried::Sum { .. } => None,
        });
        let words = |scalar| matches!(scalar, Scalar::F64 | Scalar::F32 | Scalar::I64);
        if numbers.into_iter().all(fine) && arrays.chain(ordered).all(words) { Ok(()) } else { Err(Refused) }
    }

    /// Whether the trips that fill no block are done with a mask.
    fn masks_rest(&self) -> bool {
        let in_order = |c: &Carried| matches!(c, Carried::Ordered { .. });
        let fine = !self.single || self.has_plain_places(&self.kernel.body);
        self.level.has_masks() && fine && self.kernel.late.is_empty() && !self.kernel.carried.iter().any(in_order)
    }

    /// Whether all that is read and written lies next to each other, or is the same in all lanes: then a mask costs nothing.
    fn has_plain_places(&self, steps: &[Step]) -> bool {
        let plain = |num: Num, stride| self.kernel.shape(num) == Shape::Uniform || matches!(stride, Some(1 | -1));
        steps.iter().all(|step| match step {
            Step::Op { .. } => true,
            Step::Load { place, .. } => plain(place.number, place.stride),
            Step::Store(store) => plain(store.place.number, store.place.stride),
            Step::Inner(inner) => self.has_plain_places(&inner.body),
        })
    }

    // ---- words of the caller ----

    fn word(block: V, at: usize) -> Operand {
        Operand::Mem(Address { base: block, index: None, disp: 8 * at as i32 })
    }

    fn load_word(&mut self, block: V, at: usize) -> V {
        self.code.make(Class::General, Op::LoadWord, None, Self::word(block, at), None)
    }

    fn inputs(&mut self, block: V, words: &Words) -> Result<(), Refused> {
        for n in 0..self.kernel.arrays.len() {
            let base = self.load_word(block, words.bases + n);
            self.bases.push(base);
        }
        let mut at = words.inputs;
        for (num, input) in &self.kernel.inputs {
            if let Input::Const(c) = input {
                let held = self.constant(c)?;
                self.hold(*num, held);
                continue;
            }
            let held = match self.kernel.scalar(*num) {
                Scalar::F64 => {
                    let word = Self::word(block, at);
                    Held::Uniform(self.code.make(Class::Vector, Op::Broadcast, None, word, None))
                }
                Scalar::F32 => Held::Uniform(self.broadcast_single(Self::word(block, at))),
                Scalar::I64 => Held::General(self.load_word(block, at)),
                _ => {
                    let word = Self::word(block, at);
                    self.code.kind.single = self.single;
                    let all = self.code.make(Class::Vector, Op::Broadcast, None, word, None);
                    let zero = Operand::Reg(self.code.zero());
                    let mask = self.compare_ints(CompareOp::Ne, Operand::Reg(all), zero);
                    self.code.kind.single = false;
                    Held::Uniform(mask)
                }
            };
            self.hold(*num, held);
            at += 1;
        }
        Ok(())
    }

    fn constant(&mut self, c: &Const) -> Result<Held, Refused> {
        match c {
            Const::F64(bits) => Ok(Held::Const(*bits)),
            Const::I64(x) => Ok(Held::Const(*x as u64)),
            Const::Bool(x) => {
                let zero = self.code.zero();
                let op = if *x { CompareOp::Eq } else { CompareOp::Ne };
                self.code.kind.single = self.single;
                let mask = self.compare_ints(op, Operand::Reg(zero), Operand::Reg(zero));
                self.code.kind.single = false;
                Ok(Held::Uniform(mask))
            }
            Const::F32(bits) if self.single => Ok(Held::Const(twice(*bits))),
            Const::F32(bits) => Ok(Held::Const((f32::from_bits(*bits) as f64).to_bits())),
            Const::I32(_) | Const::U8(_) | Const::Str(_) => Err(Refused),
        }
    }

    fn ordered_inits(&mut self, block: V, words: &Words) -> Result<Vec<V>, Refused> {
        let pairs = self.ordered_pairs();
        self.code.kind.narrow = true;
        let load = |s: &mut Self, k: usize, scalar: Scalar| {
            let first = s.load_one(scalar, Self::word(block, words.ordered + k));
            s.code.carried(Class::Vector, first)
        };
        let inits = pairs.iter().enumerate().map(|(k, (num, _))| load(self, k, self.kernel.scalar(*num))).collect();
        self.code.kind.narrow = false;
        Ok(inits)
    }

    /// Of what is carried in order, the number before a trip and that after it.
    fn ordered_pairs(&self) -> Vec<(Num, Num)> {
        let carried = self.kernel.carried.iter();
        let pairs = carried.filter_map(|c| match c {
            Carried::Ordered { param, next, .. } => Some((*param, *next)),
            Carried::Array(_)
            | Carried::Same(_)
            | Carried::Steady { .. }
            | Carried::Extreme { .. }
            | Carried::Sum { .. } => None,
        });
        pairs.collect()
    }

    fn accumulators(&mut self) {
        for carried in &self.kernel.carried {
            let (Carried::Extreme { op, value } | Carried::Sum { op, value }) = carried else { continue };
            let begin = self.beginning(*op);
            let all = (0..self.count).map(|_| self.code.carried(Class::Vector, begin)).collect();
            self.folds.push((*op, *value, all));
        }
        if self.kernel.sum.is_some() {
            let zero = self.code.zero();
            let lanes = if self.single { 1 } else { 8 / self.level.lanes() };
            self.sum = (0..lanes).map(|_| self.code.carried(Class::Vector, zero)).collect();
        }
    }

    /// What a fold begins with, in all lanes.
    fn beginning(&mut self, op: BinaryOp) -> V {
        let x = super::begin(op);
        self.code.constant(if self.single { twice((x as f32).to_bits()) } else { x.to_bits() })
    }

    fn results(&mut self, block: V, words: &Words, ordered: &[V]) -> Result<(), Refused> {
        for (k, (v, (num, _))) in ordered.iter().zip(self.ordered_pairs()).enumerate() {
            self.code.kind.narrow = true;
            let scalar = self.kernel.scalar(num);
            let v = self.as_element(scalar, *v);
            self.code.kind = Kind { narrow: true, half: false, single: scalar == Scalar::F32 };
            self.code.act(Op::StoreLow, Some(v), Self::word(block, words.ordered + k), None);
            self.code.kind = Kind::default();
        }
        let mut at = words.folds;
        for (op, _, all) in std::mem::take(&mut self.folds) {
            // Eight lanes in all.
            let count = if self.single { 1 } else { 8 / self.level.lanes() };
            let begin = self.beginning(op);
            self.code.kind.single = self.single;
            let mut eight = vec![begin; count];
            for (k, v) in all.iter().enumerate() {
                let other = eight[k % count];
                eight[k % count] = if other == begin { *v } else { self.merged(op, other, *v)? };
            }
            if self.single {
                eight = vec![self.eight_singles(op, eight[0])?];
            }
            self.code.kind = Kind::default();
            let eight = if self.single { self.as_doubles(eight[0]) } else { eight };
            at = self.store_words(block, at, &eight);
        }
        let is_float = self.kernel.sum.is_some_and(|num| self.kernel.scalar(num) == Scalar::F32);
        let mut sums = std::mem::take(&mut self.sum);
        if self.single && !sums.is_empty() {
            sums = self.as_doubles(sums[0]);
        } else if is_float {
            sums = sums.into_iter().map(|v| self.promote(v)).collect();
        }
        self.store_words(block, at, &sums);
        Ok(())
    }

    fn store_words(&mut self, block: V, at: usize, vectors: &[V]) -> usize {
        for (n, v) in vectors.iter().enumerate() {
            self.code.act(Op::Store, Some(*v), Self::word(block, at + n * self.level.lanes()), None);
        }
        at + vectors.len() * self.level.lanes()
    }

    /// Accumulators of lanes of 32 bits in eight of them, the first ones.
    fn eight_singles(&mut self, op: BinaryOp, v: V) -> Result<V, Refused> {
        if self.lanes() == 8 {
            return Ok(v);
        }
        let high = self.high(v);
        self.code.kind.half = true;
        self.merged(op, v, high)
    }

    /// The first eight floats of 32 bits as f64.
    fn as_doubles(&mut self, v: V) -> Vec<V> {
        let mut all = vec![self.promote(v)];
        if self.level.lanes() < 8 {
            let high = self.high(v);
            all.push(self.promote(high));
        }
        all
    }

    // ---- the loops ----

    fn blocks(&mut self, i: V, hi: V, ordered: &[V]) -> Result<(), Refused> {
        let width = (self.count * self.lanes()) as i64;
        // The first counter from where no block fits.
        let limit = self.code.plus_constant(hi, 1 - width);
        let id = self.enter(i, limit);
        self.steps_at(i)?;
        self.ordered_part(ordered)?;
        self.fold()?;
        self.next_block(i, width, id, limit);
        Ok(())
    }

    fn rest(&mut self, i: V, hi: V) -> Result<(), Refused> {
        let id = self.enter(i, hi);
        self.count = 1;
        let left = self.code.minus(hi, i);
        let left = self.code.make(Class::Vector, Op::FromGeneral, Some(left), Operand::None, None);
        self.left = Some(left);
        self.tail = Some(self.first_lanes(left, |lane| lane));
        self.steps_at(i)?;
        self.fold()?;
        self.next_block(i, self.lanes() as i64, id, hi);
        Ok(())
    }

    /// The mask of the rest for elements that lie the other way round.
    pub(super) fn tail_backwards(&mut self) -> Option<V> {
        let left = self.left?;
        let last = self.lanes() as u64 - 1;
        Some(self.first_lanes(left, |lane| last - lane))
    }

    /// The lanes of which the number, as `of` gives it, is less than `left`.
    fn first_lanes(&mut self, left: V, of: impl Fn(u64) -> u64) -> V {
        let less = |s: &mut Self, first: u64| {
            let numbers = s.code.table(std::array::from_fn(|lane| of(first + lane as u64)));
            s.compare_ints(CompareOp::Gt, Operand::Reg(left), numbers)
        };
        let low = less(self, 0);
        if !self.single {
            return low;
        }
        let high = less(self, 8);
        self.code.make(Class::Mask, Op::MaskJoin, Some(high), Operand::Reg(low), None)
    }

    fn enter(&mut self, i: V, limit: V) -> LoopId {
        let id = self.code.enter(i, limit);
        if let Some(flag) = self.flag {
            let at = Address { base: flag, index: None, disp: 0 };
            self.code.act(Op::Poll, None, Operand::Mem(at), None);
        }
        id
    }

    fn next_block(&mut self, i: V, width: i64, id: LoopId, limit: V) {
        let next = self.code.plus_constant(i, width);
        self.code.assign(i, next);
        self.code.back(id, i, limit);
        self.lanes_of.clear();
    }

    fn steps_at(&mut self, i: V) -> Result<(), Refused> {
        self.hold(self.kernel.axis, Held::Line(i, Stride::Known(1)));
        let kernel = self.kernel;
        self.steps(&kernel.body)
    }

    fn steps(&mut self, steps: &[Step]) -> Result<(), Refused> {
        for step in steps {
            match step {
                Step::Op { result, op, args, .. } => {
                    let held = self.lane_op(*result, *op, args)?;
                    self.hold(*result, held);
                }
                Step::Load { result, array, place } => {
                    let held = self.load(*array, place)?;
                    self.hold(*result, held);
                }
                Step::Store(store) => self.store(store)?,
                Step::Inner(inner) => self.inner(inner)?,
            }
        }
        Ok(())
    }

    fn inner(&mut self, inner: &Inner) -> Result<(), Refused> {
        let (lo, hi) = (self.general(inner.lo)?, self.general(inner.hi)?);
        let counter = self.code.carried(Class::General, lo);
        let mut params: Vec<SmallVec<[V; 4]>> = Vec::new();
        for carried in &inner.carried {
            let inits = self.registers(carried.init, self.is_general(carried.param))?;
            let class = |s: &Self, v: V| s.code.classes[v.0 as usize];
            params.push(inits.iter().map(|v| self.code.carried(class(self, *v), *v)).collect());
        }
        let id = self.enter(counter, hi);
        self.hold(inner.counter, Held::General(counter));
        for (carried, registers) in inner.carried.iter().zip(&params) {
            self.hold_carried(carried.param, registers);
        }
        self.steps(&inner.body)?;
        let mut pairs: Vec<(V, V)> = Vec::new();
        for (carried, registers) in inner.carried.iter().zip(&params) {
            let next = self.registers(carried.next, self.is_general(carried.param))?;
            pairs.extend(registers.iter().copied().zip(next));
        }
        let next = self.code.plus_constant(counter, 1);
        pairs.push((counter, next));
        self.code.assign_all(&pairs);
        self.code.back(id, counter, hi);
        self.lanes_of.clear();
        for (carried, registers) in inner.carried.iter().zip(&params) {
            self.hold_carried(carried.result, registers);
        }
        Ok(())
    }

    fn is_general(&self, num: Num) -> bool {
        self.kernel.shape(num) == Shape::Uniform && self.kernel.scalar(num) == Scalar::I64
    }

    /// A number in a general register, or in as many others as a block has.
    fn registers(&mut self, num: Num, general: bool) -> Result<SmallVec<[V; 4]>, Refused> {
        if general {
            return Ok(SmallVec::from_slice(&[self.general(num)?]));
        }
        let operands = self.operands(num)?;
        Ok(operands.into_iter().map(|operand| self.code.in_register(operand)).collect())
    }

    fn hold_carried(&mut self, num: Num, registers: &[V]) {
        let held = match self.is_general(num) {
            true => Held::General(registers[0]),
            false => Held::Vectors(SmallVec::from_slice(registers)),
        };
        self.hold(num, held);
    }

    // ---- folds ----

    fn fold(&mut self) -> Result<(), Refused> {
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
    fn merged(&mut self, op: BinaryOp, a: V, b: V) -> Result<V, Refused> {
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

    fn ordered_part(&mut self, carried: &[V]) -> Result<(), Refused> {
        let (kernel, pairs) = (self.kernel, self.ordered_pairs());
        if pairs.is_empty() {
            return Ok(());
        }
        let made = kernel.ordered.iter().filter_map(|step| match step {
            Step::Op { result, .. } => Some(*result),
            Step::Load { .. } | Step::Store(_) | Step::Inner(_) => None,
        });
        let each: Vec<Num> = made.chain(pairs.iter().map(|(param, _)| *param)).collect();
        each.iter().for_each(|num| self.hold(*num, Held::Each(Vec::new())));
        let mut current = carried.to_vec();
        for lane in 0..self.count * self.lanes() {
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
            for (v, (_, next)) in current.iter_mut().zip(&pairs) {
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

    // ---- lengths of numbers ----

    /// Lanes of a vector.
    pub(super) fn lanes(&self) -> usize {
        self.level.bytes() as usize / self.lane_bytes()
    }

    fn lane_bytes(&self) -> usize {
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

    fn spread(&mut self, v: V) -> V {
        self.code.make(Class::Vector, Op::FromGeneral, Some(v), Operand::None, None)
    }

    fn line_vector(&mut self, base: V, stride: Stride, n: usize) -> V {
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

    // ---- operations ----

    fn lane_op(&mut self, result: Num, op: NumOp, args: &[Num]) -> Result<Held, Refused> {
        match self.kernel.shape(result) {
            Shape::Uniform => self.uniform_op(op, args),
            Shape::Linear => self.line_op(op, args),
            Shape::Varying if self.single && op == NumOp::Convert(Scalar::F32) => self.line_as_float(args[0]),
            Shape::Varying => {
                let operands = args.iter().map(|a| self.operands(*a)).collect::<Result<SmallVec<[_; 3]>, _>>()?;
                let scalar = self.operand_type(op, args);
                let results = (0..self.count).map(|n| {
                    let of: SmallVec<[Operand; 3]> = operands.iter().map(|o| o[n]).collect();
                    self.operation(op, scalar, &of)
                });
                Ok(Held::Vectors(results.collect::<Result<_, _>>()?))
            }
            Shape::Ordered => Err(Refused),
        }
    }

    /// A float of 32 bits or a truth value, or a counter as such a float.
    fn line_as_float(&mut self, num: Num) -> Result<Held, Refused> {
        let Held::Line(base, stride) = self.held(num)?.clone() else {
            let operands = self.operands(num)?;
            let of = self.kernel.scalar(num);
            let results = operands.into_iter().map(|x| self.operation(NumOp::Convert(Scalar::F32), of, &[x]));
            return Ok(Held::Vectors(results.collect::<Result<_, _>>()?));
        };
        if !self.level.has_masks() {
            return Err(Refused);
        }
        let base = self.spread(base);
        let vectors = (0..self.count).map(|n| {
            let [low, high] = [2 * n, 2 * n + 1].map(|half| {
                let half = Operand::Reg(self.line_vector(base, stride, half));
                self.code.make(Class::Vector, Op::Unary(rows::SINGLE_OF_INT), None, half, None)
            });
            self.join(low, high)
        });
        Ok(Held::Vectors(vectors.collect()))
    }

    /// The type on whose numbers an operation works: of a choice, that of what is chosen.
    fn operand_type(&self, op: NumOp, args: &[Num]) -> Scalar {
        self.kernel.scalar(args[if op == NumOp::Select { 1 } else { 0 }])
    }

    fn uniform_op(&mut self, op: NumOp, args: &[Num]) -> Result<Held, Refused> {
        let scalar = self.kernel.scalar(args[0]);
        let stays =
            matches!(op, NumOp::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul) | NumOp::Unary(UnaryOp::Neg));
        if scalar == Scalar::I64 && stays {
            let held = self.line_op(op, args)?;
            return Ok(if let Held::Line(v, _) = held { Held::General(v) } else { held });
        }
        let firsts = args.iter().map(|a| self.operands(*a).map(|all| all[0]));
        let firsts = firsts.collect::<Result<SmallVec<[Operand; 3]>, _>>()?;
        let of = self.operand_type(op, args);
        let v = self.operation(op, of, &firsts)?;
        let is_wide = self.single && matches!(scalar, Scalar::F64 | Scalar::I64);
        if is_wide && self.is_mask(v) && self.level.has_masks() && op != NumOp::Select {
            return Ok(Held::Uniform(self.code.make(Class::Mask, Op::MaskJoin, Some(v), Operand::Reg(v), None)));
        }
        Ok(Held::Uniform(v))
    }

    fn line(&mut self, num: Num) -> Result<(V, Stride), Refused> {
        match self.held(num)?.clone() {
            Held::Line(base, stride) => Ok((base, stride)),
            Held::Const(_) | Held::General(_) | Held::Uniform(_) | Held::Vectors(_) | Held::Each(_) => {
                Ok((self.general(num)?, Stride::Known(0)))
            }
        }
    }

    fn known(&self, num: Num) -> Option<i64> {
        match self.held(num) {
            Ok(Held::Const(bits)) => Some(*bits as i64),
            _ => None,
        }
    }

    /// An index that grows by a stride, which may be zero.
    fn line_op(&mut self, op: NumOp, args: &[Num]) -> Result<Held, Refused> {
        match op {
            NumOp::Unary(UnaryOp::Neg) => {
                let (a, stride) = self.line(args[0])?;
                let minus = self.code.times_constant(a, -1);
                Ok(Held::Line(minus, self.stride_times(stride, -1)))
            }
            NumOp::Binary(BinaryOp::Mul) => self.line_product(args[0], args[1]),
            NumOp::Binary(BinaryOp::Add) => match (self.known(args[0]), self.known(args[1])) {
                (None, Some(x)) => {
                    let (a, stride) = self.line(args[0])?;
                    Ok(Held::Line(self.plus(a, x), stride))
                }
                (Some(x), None) => {
                    let (b, stride) = self.line(args[1])?;
                    Ok(Held::Line(self.plus(b, x), stride))
                }
                _ => {
                    let ((a, first), (b, second)) = (self.line(args[0])?, self.line(args[1])?);
                    let sum = self.code.plus(a, b);
                    Ok(Held::Line(sum, self.stride_sum(first, second)))
                }
            },
            NumOp::Binary(BinaryOp::Sub) => {
                let (a, first) = self.line(args[0])?;
                if let Some(x) = self.known(args[1]).and_then(i64::checked_neg) {
                    return Ok(Held::Line(self.plus(a, x), first));
                }
                let (b, second) = self.line(args[1])?;
                let minus = self.stride_times(second, -1);
                let difference = self.code.minus(a, b);
                Ok(Held::Line(difference, self.stride_sum(first, minus)))
            }
            NumOp::Convert(_) => self.line(args[0]).map(|(a, stride)| Held::Line(a, stride)),
            NumOp::Unary(_) | NumOp::Binary(_) | NumOp::Compare(_) | NumOp::Select | NumOp::Guarded => Err(Refused),
        }
    }

    fn line_product(&mut self, a: Num, b: Num) -> Result<Held, Refused> {
        let (line, factor) = if let Stride::Known(0) = self.line(a)?.1 { (b, a) } else { (a, b) };
        let (base, stride) = self.line(line)?;
        if let Some(x) = self.known(factor) {
            let product = self.code.times_constant(base, x);
            return Ok(Held::Line(product, self.stride_times(stride, x)));
        }
        let by = self.general(factor)?;
        let product = self.code.times(base, by);
        let stride = match stride {
            Stride::Known(0) => Stride::Known(0),
            Stride::Known(s) => Stride::Value(self.code.times_constant(by, s)),
            Stride::Value(s) => Stride::Value(self.code.times(s, by)),
        };
        Ok(Held::Line(product, stride))
    }

    fn stride_times(&mut self, stride: Stride, factor: i64) -> Stride {
        match stride {
            Stride::Known(s) => Stride::Known(s.wrapping_mul(factor)),
            Stride::Value(s) => Stride::Value(self.code.times_constant(s, factor)),
        }
    }

    fn stride_sum(&mut self, a: Stride, b: Stride) -> Stride {
        match (a, b) {
            (Stride::Known(0), s) | (s, Stride::Known(0)) => s,
            (Stride::Known(a), Stride::Known(b)) => Stride::Known(a.wrapping_add(b)),
            (Stride::Value(a), Stride::Value(b)) => Stride::Value(self.code.plus(a, b)),
            (Stride::Value(a), Stride::Known(b)) | (Stride::Known(b), Stride::Value(a)) => {
                Stride::Value(self.code.plus_constant(a, b))
            }
        }
    }
}
