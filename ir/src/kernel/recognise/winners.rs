//! The least or greatest of what a `build` in a trip makes, and its place: a loop that carries the winner so far.
//!
//! ```text
//! %d = build (%c < %k) { … yield %x }           for c in 0..k carry (best = inf, who = 0) {
//! %m = reduce min %d                     ->       wins = x < best, or x is not a number and best is one
//! %w = reduce argmin %d                           best = min best, x;  who = select wins, c, who
//!                                               }
//! ```
//!
//! So each lane looks for its own winner, and no array is made. Of nothing there is no winner, and the loop as it stands traps.

use super::branch::float;
use super::*;

/// What is looked for: the least or the greatest, and perhaps its place.
struct Race {
    best: BinaryOp,
    has_place: bool,
}

impl Recogniser<'_> {
    pub(super) fn winners(&mut self, inst: Inst) -> Step1<()> {
        let data = &self.func.insts[inst];
        let ([array], body) = (&data.results[..], data.regions[0]) else { return self.refuse(Reason::MakesArray) };
        let array = *array;
        let element = self.func.value_type(array).element().as_scalar().filter(|s| s.is_float());
        let (Some(_), Some(races), [size]) = (element, self.races(array), &data.args[..]) else {
            return self.refuse(Reason::MakesArray);
        };
        let (lo, hi) = (self.constant(Const::I64(0)), self.num(*size)?);
        if self.kernel.shape(hi) != Shape::Uniform {
            return self.refuse(Reason::UnevenInner);
        }
        let counter = self.counter(lo, hi);
        if self.kernel.counters.last().is_none_or(|(known, ..)| *known != counter) {
            return self.refuse(Reason::MakesArray);
        }
        self.kernel.rounds.push(counter);
        self.nums.insert(self.func.regions[body].params[0], counter);
        let times = self.times;
        self.times *= cost::trips(&self.kernel, lo, hi);
        let outside = std::mem::take(&mut self.steps);
        self.open.push(counter);
        let carried = self.run_races(body, counter, array, &races);
        self.open.pop();
        let body = std::mem::replace(&mut self.steps, outside);
        self.times = times;
        self.steps.push(Step::Inner(Box::new(Inner { counter, lo, hi, carried: carried?, body })));
        Ok(())
    }

    /// What reductions want of an array, if nobody else wants it.
    fn races(&self, array: Value) -> Option<Vec<Race>> {
        let body = *self.func.insts[self.at.inst].regions.first()?;
        let (mut others, mut all) = (0, Vec::new());
        walk::for_each_use(self.func, body, &mut |v| others += (v == array) as isize);
        walk::for_each_inst(self.func, body, &mut |inst| {
            let data = &self.func.insts[inst];
            if data.args.first() == Some(&array) && matches!(data.op, Op::Reduce(_) | Op::Release) {
                others -= 1;
                all.push(data.op.clone());
            }
        });
        let wants = |op: ReduceOp| all.contains(&Op::Reduce(op));
        let race = |best, op, place| (wants(op) || wants(place)).then(|| Race { best, has_place: wants(place) });
        let least = race(BinaryOp::Min, ReduceOp::Min, ReduceOp::ArgMin);
        let greatest = race(BinaryOp::Max, ReduceOp::Max, ReduceOp::ArgMax);
        let races = least.into_iter().chain(greatest).collect();
        (others == 0 && !wants(ReduceOp::Sum)).then_some(races)
    }

    fn run_races(&mut self, body: Region, counter: Num, array: Value, races: &[Race]) -> Step1<Vec<InnerCarried>> {
        self.region(body)?;
        let x = self.num(self.func.regions[body].yields[0])?;
        if self.kernel.shape(x) == Shape::Ordered {
            return self.refuse(Reason::OrderedInner);
        }
        let mut all = Vec::new();
        for Race { best, has_place } in races {
            let (of_value, of_place, beats, worst) = match best {
                BinaryOp::Min => (ReduceOp::Min, ReduceOp::ArgMin, CompareOp::Lt, f64::INFINITY),
                _ => (ReduceOp::Max, ReduceOp::ArgMax, CompareOp::Gt, f64::NEG_INFINITY),
            };
            let scalar = self.kernel.scalar(x);
            let init = self.constant(float(scalar, worst));
            let param = self.inner_number(init, false)?;
            let next = self.op(NumOp::Binary(*best), &[param, x], scalar)?;
            let result = self.inner_number(init, false)?;
            self.won.insert((array, of_value), result);
            all.push(InnerCarried { init, param, next, result });
            if *has_place {
                let place = self.place_of_winner(counter, x, param, beats)?;
                self.won.insert((array, of_place), place.result);
                all.push(place);
            }
        }
        Ok(all)
    }

    /// The place of the first that wins against the best so far; the first that is not a number wins for good.
    fn place_of_winner(&mut self, counter: Num, x: Num, best: Num, beats: CompareOp) -> Step1<InnerCarried> {
        let init = self.constant(Const::I64(0));
        let param = self.inner_number(init, false)?;
        let beats = self.op(NumOp::Compare(beats), &[x, best], Scalar::Bool)?;
        let is_nan = self.op(NumOp::Compare(CompareOp::Ne), &[x, x], Scalar::Bool)?;
        let was_none = self.op(NumOp::Compare(CompareOp::Eq), &[best, best], Scalar::Bool)?;
        let first_nan = self.op(NumOp::Binary(BinaryOp::And), &[is_nan, was_none], Scalar::Bool)?;
        let wins = self.op(NumOp::Binary(BinaryOp::Or), &[beats, first_nan], Scalar::Bool)?;
        let next = self.op(NumOp::Select, &[wins, counter, param], Scalar::I64)?;
        let result = self.inner_number(init, false)?;
        Ok(InnerCarried { init, param, next, result })
    }

    /// The winner among what a `build` would make, or its place.
    pub(super) fn winner(&mut self, op: ReduceOp, array: Value) -> Step1<Num> {
        match self.won.get(&(array, op)) {
            Some(known) => Ok(*known),
            None => self.refuse(Reason::MakesArray),
        }
    }
}
