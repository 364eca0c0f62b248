//! What a kernel costs against its loop: whether vectors pay.
//!
//! The unit is about an addition. The weights are rounded measurements on x86_64: a vector has two lanes, memory at a stride is
//! read and written lane by lane, and numbers of the ordered part are taken out of vectors one by one.

use super::{Carried, Kernel, Num, NumOp, Place, Shape, Step};
use crate::opcode::{BinaryOp, UnaryOp};
use smallvec::SmallVec;

/// What a trip costs.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Cost {
    /// In the loop.
    pub scalar: f32,
    /// In the kernel, by lane.
    pub vector: f32,
    /// Of that, the ordered part.
    pub ordered: f32,
    /// It has elementary functions, of which a vector fills the machine.
    pub heavy: bool,
    /// It has inner loops.
    pub inner: bool,
    /// It sums or looks for an extreme, which is a chain in each lane.
    pub folds: bool,
    /// Numbers that differ between lanes and are alive throughout an inner loop.
    pub live: usize,
    /// The most operations of lanes in a body.
    pub wide: usize,
    /// Lanes may have 32 bits: see [`super::single`].
    pub single: bool,
}

/// Longer bodies have more numbers alive at a time than there are registers for eight lanes. By gut feeling.
const MOST_FOR_EIGHT: usize = 16;
/// Below this part of the loop's cost a kernel is worth its code. By measurement of short chains.
const WORTH: f32 = 0.8;

/// What of the work in vectors twice as many lanes save, at least; by gut feeling.
const HALF: f32 = 0.4;

impl Cost {
    /// Whether the kernel is worth its code.
    pub fn is_worth(&self) -> bool {
        self.vector < WORTH * self.scalar
    }

    /// How many lanes a block of vectors of 128 bits has: an elementary function fills the machine with one vector; what else there is, with two;
    /// and an inner loop may have chains of dependent operations, of which as many run side by side as there are registers
    /// (sixteen, less some to work with).
    pub fn lanes(&self) -> usize {
        if self.single { 2 * self.doubles() } else { self.doubles() }
    }

    /// The same if the lanes have 64 bits.
    fn doubles(&self) -> usize {
        if self.wide > MOST_FOR_EIGHT {
            return if self.heavy { 2 } else { 4 };
        }
        match (self.heavy, self.inner, self.live) {
            (true, ..) => 2,
            (false, true, 0..=3) => 8,
            (false, false, _) if self.folds => 8,
            (false, ..) => 4,
        }
    }

    /// The cost of a trip of the kernel, which is whole but for this.
    pub fn of(kernel: &Kernel) -> Cost {
        let single = super::single::is_single(kernel);
        let mut cost = Cost { scalar: 1.0, vector: 0.4, single, ..Cost::default() };
        cost.steps(kernel, &kernel.body, 1.0);
        let before = cost.vector;
        for step in &kernel.ordered {
            cost.ordered_step(kernel, step);
        }
        for store in &kernel.late {
            cost.scalar += 1.0;
            cost.vector += place(&store.place).1;
        }
        cost.ordered = cost.vector - before;
        let is_fold = |c: &&Carried| matches!(c, Carried::Extreme { .. } | Carried::Sum { .. });
        let folds = kernel.carried.iter().filter(is_fold).count() + kernel.sum.is_some() as usize;
        cost.folds = folds > 0;
        cost.add((4.0, 1.5), folds as f32);
        if single && !cost.heavy {
            cost.vector -= HALF * (cost.vector - cost.ordered);
        }
        cost
    }

    /// What steps cost in a loop.
    pub(super) fn of_loop(kernel: &Kernel, steps: &[Step]) -> f32 {
        let mut cost = Cost::default();
        cost.steps(kernel, steps, 1.0);
        cost.scalar
    }

    /// How often an inner loop goes round, at a guess.
    pub(super) const TRIPS: f32 = 16.0;

    /// How often a loop goes round, at a guess if its bounds are no constants.
    pub(super) fn trips(lo: Option<i64>, hi: Option<i64>) -> f32 {
        lo.zip(hi).map_or(Cost::TRIPS, |(lo, hi)| hi.saturating_sub(lo).clamp(0, 64) as f32)
    }

    fn steps(&mut self, kernel: &Kernel, steps: &[Step], times: f32) {
        let is_of_lanes = |s: &&Step| matches!(s, Step::Op { result, .. } if kernel.shape(*result) == Shape::Varying);
        self.wide = self.wide.max(steps.iter().filter(is_of_lanes).count());
        for step in steps {
            match step {
                Step::Op { result, op, args, .. } => self.op(kernel, *result, *op, args, times),
                Step::Load { place: at, .. } => self.add(place(at), times),
                Step::Store(store) => {
                    let (scalar, vector) = place(&store.place);
                    let of_store = match (store.add, store.place.stride) {
                        (true, Some(0)) => FOLD,
                        (true, _) => (2.0 * scalar, 2.0 * vector),
                        (false, _) => (scalar, vector),
                    };
                    self.add(of_store, times);
                }
                // The loop as it stands packs nothing.
                Step::Pack { .. } => self.add((0.0, 0.5), times),
                Step::Packed { .. } => self.add((1.0, 0.5), times),
                Step::Before { .. } => self.add((0.5, 0.75), times),
                Step::Inner(inner) if matches!(inner.body.last(), Some(Step::Pack { .. })) => {
                    let scalar = self.scalar;
                    self.add((0.0, 0.4), times * trips(kernel, inner.lo, inner.hi));
                    self.steps(kernel, &inner.body, times * trips(kernel, inner.lo, inner.hi));
                    self.scalar = scalar;
                }
                Step::Inner(inner) => {
                    let trips = trips(kernel, inner.lo, inner.hi);
                    self.inner = true;
                    self.add((1.0, 0.4), times * trips);
                    let varies = |n: &Num| kernel.shape(*n) == Shape::Varying;
                    let carried = inner.carried.iter().filter(|c| varies(&c.param)).count();
                    let params = inner.carried.iter().map(|c| c.param);
                    let outside = from_outside(kernel, &inner.body, params.collect());
                    self.live = self.live.max(carried + outside);
                    self.steps(kernel, &inner.body, times * trips);
                }
            }
        }
    }

    fn add(&mut self, (scalar, vector): (f32, f32), times: f32) {
        self.scalar += scalar * times;
        self.vector += vector * times;
    }

    fn op(&mut self, kernel: &Kernel, result: Num, op: NumOp, args: &[Num], times: f32) {
        let weight = weight(op);
        let is_function = weight >= FUNCTION;
        match kernel.shape(result) {
            Shape::Uniform | Shape::Linear if is_function => self.add((weight, 0.5 * weight), times),
            Shape::Uniform | Shape::Linear => self.add((0.5, 0.25), times),
            Shape::Varying => {
                self.heavy |= is_function;
                let makes_lanes =
                    matches!(op, NumOp::Convert(_)) || args.iter().any(|a| kernel.shape(*a) == Shape::Linear);
                let extra = if makes_lanes { 1.0 } else { 0.0 };
                self.add((weight, 0.5 * weight + extra), times);
            }
            Shape::Ordered => self.add((weight, weight + 0.5), times),
        }
    }

    fn ordered_step(&mut self, kernel: &Kernel, step: &Step) {
        let Step::Op { op, args, .. } = step else { return };
        let weight = weight(*op);
        let taken_out = args.iter().filter(|a| kernel.shape(**a) == Shape::Varying).count();
        self.add((weight, weight + 0.5 * taken_out as f32), 1.0);
    }
}

/// Scalar and vector cost of an access.
fn place(place: &Place) -> (f32, f32) {
    match place.stride {
        Some(0) => (1.0, 0.5),
        Some(1) => (1.0, 0.5),
        Some(-1) => (1.0, 0.75),
        _ => (1.0, 1.25),
    }
}

/// An addition of each lane to one element: it is read and written once for all of them.
const FOLD: (f32, f32) = (2.0, 1.5);

/// An elementary function costs at least so much.
const FUNCTION: f32 = 20.0;

fn weight(op: NumOp) -> f32 {
    match op {
        NumOp::Unary(UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs | UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Trunc) => {
            1.0
        }
        NumOp::Unary(UnaryOp::Sign) => 4.0,
        NumOp::Unary(UnaryOp::Sqrt) | NumOp::Binary(BinaryOp::Div) => 5.0,
        NumOp::Unary(UnaryOp::Exp | UnaryOp::Log | UnaryOp::Exp2 | UnaryOp::Expm1) => 30.0,
        NumOp::Unary(_) | NumOp::Binary(BinaryOp::Atan2) => 40.0,
        NumOp::Binary(BinaryOp::Pow) => 100.0,
        NumOp::Binary(BinaryOp::Hypot | BinaryOp::Rem) => 20.0,
        NumOp::Binary(BinaryOp::Min | BinaryOp::Max | BinaryOp::CopySign) => 2.0,
        NumOp::Guarded => 3.0,
        NumOp::Binary(_) | NumOp::Compare(_) | NumOp::Select | NumOp::Convert(_) | NumOp::Added => 1.0,
    }
}

/// How often an inner loop goes round.
pub(super) fn trips(kernel: &Kernel, lo: Num, hi: Num) -> f32 {
    let known = |n: Num| kernel.numbers[n].affine.as_ref().filter(|a| a.is_constant()).map(|a| a.constant);
    Cost::trips(known(lo), known(hi))
}

/// How many numbers that differ between lanes a body uses and does not make; its parameters are `made`.
fn from_outside(kernel: &Kernel, body: &[Step], mut made: Vec<Num>) -> usize {
    let mut used: Vec<Num> = Vec::new();
    for step in body {
        let mut add = |nums: &[Num]| used.extend(nums.iter().filter(|n| kernel.shape(**n) == Shape::Varying));
        match step {
            Step::Op { result, args, .. } => {
                add(args);
                made.push(*result);
            }
            Step::Load { result, .. } | Step::Packed { result, .. } => made.push(*result),
            Step::Before { result, value } => {
                add(&[*value]);
                made.push(*result);
            }
            Step::Pack { value, .. } => add(&[*value]),
            Step::Store(store) => add(&[store.value]),
            Step::Inner(inner) => {
                let inits: SmallVec<[Num; 4]> = inner.carried.iter().map(|c| c.init).collect();
                add(&inits);
                made.extend(inner.carried.iter().map(|c| c.result));
            }
        }
    }
    made.sort_unstable();
    used.sort_unstable();
    used.dedup();
    used.iter().filter(|n| made.binary_search(n).is_err()).count()
}
