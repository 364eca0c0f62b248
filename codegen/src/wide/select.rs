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
use super::machine::Level;
use super::words::Words;
use dprog_ir::kernel::{Carried, Inner, Input, Kernel, Num, Shape, Step};
use dprog_ir::{BinaryOp, CompareOp, Const, Scalar};
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
    /// What is carried in order when a block begins, in first lanes.
    pub before: Vec<V>,
    pub held: Vec<Option<Held>>,
    /// Vectors of a block.
    pub count: usize,
    /// The lanes that there are, in the loop for what is left.
    pub tail: Option<V>,
    /// How many, in all lanes.
    pub left: Option<V>,
    /// Where vectors are from which single lanes are read, in this block.
    pub lanes_of: FxHashMap<V, u32>,
    /// General registers that are another plus a constant.
    pub sums: FxHashMap<V, (V, i64)>,
    pub flag: Option<V>,
    /// What is folded, how, and the accumulators of a block.
    pub folds: Vec<(BinaryOp, Num, Vec<V>)>,
    pub sum: Vec<V>,
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
        before: Vec::new(),
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
pub(super) fn is_exact(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::Min | BinaryOp::Max)
}

/// How many vectors a block has. Where nothing is heavy several hide how long operations take; an inner loop keeps
/// what it carries in registers, of which AVX2 has half.
pub(super) fn vectors_of_block(kernel: &Kernel, level: Level) -> usize {
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
        let ordered = self.kernel.handed_on().map(|(param, _)| self.kernel.scalar(param));
        let words = |scalar| matches!(scalar, Scalar::F64 | Scalar::F32 | Scalar::I64);
        if numbers.into_iter().all(fine) && arrays.chain(ordered).all(words) { Ok(()) } else { Err(Refused) }
    }

    /// Whether the trips that fill no block are done with a mask.
    fn masks_rest(&self) -> bool {
        let fine = !self.single || self.has_plain_places(&self.kernel.body);
        self.level.has_masks() && fine && self.kernel.late.is_empty() && self.kernel.handed_on().next().is_none()
    }

    /// Whether all that is read and written lies next to each other, or is the same in all lanes: then a mask costs nothing.
    fn has_plain_places(&self, steps: &[Step]) -> bool {
        let plain = |num: Num, stride| self.kernel.shape(num) == Shape::Uniform || matches!(stride, Some(1 | -1));
        steps.iter().all(|step| match step {
            Step::Op { .. } | Step::Pack { .. } | Step::Packed { .. } | Step::Before { .. } => true,
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
        for n in 0..self.kernel.arrays.len() + self.kernel.tiles.len() {
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
        let pairs: Vec<(Num, Num)> = self.kernel.handed_on().collect();
        self.code.kind.narrow = true;
        let load = |s: &mut Self, k: usize, scalar: Scalar| {
            let first = s.load_one(scalar, Self::word(block, words.ordered + k));
            s.code.carried(Class::Vector, first)
        };
        let inits = pairs.iter().enumerate().map(|(k, (num, _))| load(self, k, self.kernel.scalar(*num))).collect();
        self.code.kind.narrow = false;
        Ok(inits)
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
        for (k, (v, (num, _))) in ordered.iter().zip(self.kernel.handed_on()).enumerate() {
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
        self.before = ordered.to_vec();
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

    pub(super) fn steps(&mut self, steps: &[Step]) -> Result<(), Refused> {
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
                Step::Pack { tile, row, value } => self.pack(*tile, *row, *value)?,
                Step::Packed { result, tile, row } => {
                    let held = self.packed(*tile, *row)?;
                    self.hold(*result, held);
                }
                Step::Before { result, value } => {
                    let held = self.from_lane_before(*result, *value)?;
                    self.hold(*result, held);
                }
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
    pub(super) fn registers(&mut self, num: Num, general: bool) -> Result<SmallVec<[V; 4]>, Refused> {
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
}
