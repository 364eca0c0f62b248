//! Loops in a trip: all lanes go round together.

use super::*;

impl Recogniser<'_> {
    pub(super) fn inner(&mut self, inst: Inst) -> Step1<()> {
        let data = &self.func.insts[inst];
        let (lo, hi) = (self.num(data.args[0])?, self.num(data.args[1])?);
        if self.kernel.shape(lo) != Shape::Uniform || self.kernel.shape(hi) != Shape::Uniform {
            return self.refuse(Reason::UnevenInner);
        }
        let counter = self.counter(lo, hi);
        // Numbers that may be the same in all lanes are thought to be, until one of them proves not to be.
        let mut uniform: Vec<bool> = data.args[2..].iter().map(|v| self.may_be_uniform(*v)).collect();
        let (times, skipped) = (self.times, self.skipped);
        loop {
            let marks = (self.seen.len(), self.kernel.guards.len(), self.kernel.late.len());
            (self.times, self.skipped) = (times * cost::trips(&self.kernel, lo, hi), skipped);
            match self.inner_body(inst, counter, &uniform)? {
                Ok(inner) => {
                    self.times = times;
                    self.steps.push(Step::Inner(Box::new(Inner { lo, hi, ..inner })));
                    return Ok(());
                }
                Err(varies) => uniform[varies] = false,
            }
            self.seen.truncate(marks.0);
            self.kernel.guards.truncate(marks.1);
            self.kernel.late.truncate(marks.2);
        }
    }

    pub(super) fn counter(&mut self, lo: Num, hi: Num) -> Num {
        let next: Num = self.kernel.numbers.next_key();
        let affine = Some(Affine::number(next));
        let counter = self.kernel.numbers.push(NumData { scalar: Scalar::I64, shape: Shape::Uniform, affine });
        let bound =
            |n: Num| self.kernel.numbers[n].affine.clone().filter(|a| a.terms.iter().all(|(n, _)| self.is_input(*n)));
        if let (Some(lo), Some(hi)) = (bound(lo), bound(hi)) {
            self.kernel.counters.push((counter, lo, hi));
        }
        counter
    }

    pub(super) fn may_be_uniform(&mut self, init: Value) -> bool {
        let ty = self.func.value_type(init);
        !ty.is_array() && !ty.is_float() && self.num(init).is_ok_and(|n| self.kernel.shape(n) == Shape::Uniform)
    }

    /// The loop, or the number of a carried value that is not uniform after all.
    pub(super) fn inner_body(&mut self, inst: Inst, counter: Num, uniform: &[bool]) -> Step1<Result<Inner, usize>> {
        let data = &self.func.insts[inst];
        let region = &self.func.regions[data.regions[0]];
        self.nums.insert(region.params[0], counter);
        let mut carried: Vec<Option<(Num, Num)>> = Vec::new();
        for ((init, param), uniform) in data.args[2..].iter().zip(&region.params[1..]).zip(uniform) {
            if self.func.value_type(*init).is_array() {
                let array = self.array(*init)?;
                self.versions.insert(*param, array);
                carried.push(None);
                continue;
            }
            let init = self.num(*init)?;
            carried.push(Some((init, self.inner_number(init, *uniform)?)));
            self.nums.insert(*param, carried.last().copied().flatten().expect("pushed just now").1);
        }
        let outside = std::mem::take(&mut self.steps);
        self.open.push(counter);
        let walked = self.region(data.regions[0]);
        self.open.pop();
        let body = std::mem::replace(&mut self.steps, outside);
        walked?;
        let mut numbers = Vec::new();
        for (k, (carried, y)) in carried.into_iter().zip(&region.yields).enumerate() {
            let Some((init, param)) = carried else {
                let array = self.array(data.args[2 + k])?;
                if self.versions.get(y) != Some(&array) {
                    return self.refuse(Reason::MakesArray);
                }
                self.versions.insert(data.results[k], array);
                continue;
            };
            let next = self.num(*y)?;
            if uniform[k] && self.kernel.shape(next) != Shape::Uniform {
                return Ok(Err(k));
            }
            if self.kernel.shape(next) == Shape::Ordered {
                return self.refuse(Reason::OrderedInner);
            }
            let result = self.inner_number(init, uniform[k])?;
            self.nums.insert(data.results[k], result);
            numbers.push(InnerCarried { init, param, next, result });
        }
        Ok(Ok(Inner { counter, lo: counter, hi: counter, carried: numbers, body }))
    }

    pub(super) fn inner_number(&mut self, init: Num, uniform: bool) -> Step1<Num> {
        let scalar = self.kernel.scalar(init);
        if self.kernel.shape(init) == Shape::Ordered {
            return self.refuse(Reason::OrderedInner);
        }
        if !uniform {
            self.vector_number(scalar)?;
        }
        let shape = if uniform { Shape::Uniform } else { Shape::Varying };
        Ok(self.kernel.numbers.push(NumData { scalar, shape, affine: None }))
    }
}
