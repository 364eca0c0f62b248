//! The three kinds of loops, and what a trip hands to the next.

use super::*;

impl Recogniser<'_> {
    pub(super) fn counted_loop(&mut self) -> Step1<()> {
        let data = &self.func.insts[self.at.inst];
        let body = data.regions[0];
        let region = &self.func.regions[body];
        self.nums.insert(region.params[0], self.kernel.axis);
        let few =
            |lo: &Const, hi: &Const| matches!((lo, hi), (Const::I64(lo), Const::I64(hi)) if hi.saturating_sub(*lo) < 2);
        if let (Some(lo), Some(hi)) = (self.at.constant(data.args[0]), self.at.constant(data.args[1]))
            && few(lo, hi)
        {
            return self.refuse(Reason::Few);
        }
        let lo = self.num(data.args[0])?;
        let extremes = self.only_extremes(body);
        for (k, init) in data.args[2..].iter().enumerate() {
            let carried = self.carry(body, k + 1, *init, lo, extremes)?;
            self.kernel.carried.push(carried);
        }
        self.neighbours(body)?;
        self.region(body)?;
        for (k, y) in region.yields.iter().enumerate() {
            self.check_carried(k, *y)?;
        }
        Ok(())
    }

    /// Says what the parameter number `k` of the body is.
    pub(super) fn carry(&mut self, body: Region, k: usize, init: Value, lo: Num, extremes: bool) -> Step1<Carried> {
        let region = &self.func.regions[body];
        let (param, y) = (region.params[k], region.yields[k - 1]);
        if self.func.value_type(param).is_array() {
            let array = self.array(init)?;
            if self.kernel.arrays[array].updated {
                return self.refuse(Reason::MakesArray);
            }
            self.kernel.arrays[array].updated = true;
            self.versions.insert(param, array);
            return Ok(Carried::Array(array));
        }
        let start = self.num(init)?;
        if y == param {
            self.nums.insert(param, start);
            return Ok(Carried::Same(start));
        }
        if let Some(step) = self.steady(body, param, y) {
            let scale = self.constant(Const::I64(step));
            let round = self.op(NumOp::Binary(BinaryOp::Sub), &[self.kernel.axis, lo], Scalar::I64)?;
            let grown = self.op(NumOp::Binary(BinaryOp::Mul), &[round, scale], Scalar::I64)?;
            let value = self.op(NumOp::Binary(BinaryOp::Add), &[start, grown], Scalar::I64)?;
            self.nums.insert(param, value);
            return Ok(Carried::Steady { start, step });
        }
        if let (true, Some((op, _))) = (extremes, self.extreme(body, param, y)) {
            self.extremes.push(y);
            // The value has its number only when the body is done.
            return Ok(Carried::Extreme { op, value: start });
        }
        if let (true, Some((op, _))) = (self.at.any_order, self.folded(body, param, y, &[BinaryOp::Add, BinaryOp::Sub]))
        {
            self.extremes.push(y);
            return Ok(Carried::Sum { op, value: start });
        }
        let scalar = self.kernel.scalar(start);
        let num = self.kernel.numbers.push(NumData { scalar, shape: Shape::Ordered, affine: None });
        self.nums.insert(param, num);
        Ok(Carried::Ordered { init: start, param: num, next: num })
    }

    /// Whether all that a loop carries, but for integers that grow, are extremes: so it may run once more from the beginning.
    pub(super) fn only_extremes(&self, body: Region) -> bool {
        let region = &self.func.regions[body];
        region.params[1..].iter().zip(&region.yields).all(|(param, y)| {
            y == param || self.steady(body, *param, *y).is_some() || self.extreme(body, *param, *y).is_some()
        })
    }

    /// The operation, and the other operand, if `y` is the least or greatest of `param` and something else.
    pub(super) fn extreme(&self, body: Region, param: Value, y: Value) -> Option<(BinaryOp, Value)> {
        self.folded(body, param, y, &[BinaryOp::Min, BinaryOp::Max])
    }

    /// The same if the operation is one of `ops`; of a difference, `param` is what is subtracted from.
    fn folded(&self, body: Region, param: Value, y: Value, ops: &[BinaryOp]) -> Option<(BinaryOp, Value)> {
        if !self.func.value_type(param).as_scalar().is_some_and(Scalar::is_float) {
            return None;
        }
        let insts = &self.func.regions[body].insts;
        let last = insts.iter().rev().find(|i| self.func.insts[**i].results.first() == Some(&y))?;
        let data = &self.func.insts[*last];
        let Op::Binary(op) = data.op else { return None };
        if !ops.contains(&op) || op == BinaryOp::Sub && data.args[0] != param {
            return None;
        }
        let (mut uses, mut yields) = (0, 0);
        walk::for_each_use(self.func, body, &mut |v| {
            uses += (v == param) as usize;
            yields += (v == y) as usize;
        });
        let other = if data.args[0] == param { data.args[1] } else { data.args[0] };
        (data.args.contains(&param) && other != param && uses == 1 && yields == 1).then_some((op, other))
    }

    /// By which constant a carried i64 grows every trip.
    pub(super) fn steady(&self, body: Region, param: Value, y: Value) -> Option<i64> {
        if self.func.value_type(param).as_scalar() != Some(Scalar::I64) {
            return None;
        }
        let insts = &self.func.regions[body].insts;
        let inst = insts.iter().rev().map(|i| &self.func.insts[*i]).find(|data| data.results.first() == Some(&y))?;
        let constant = |v: Value| {
            let inside = insts.iter().map(|i| &self.func.insts[*i]).find(|data| data.results.first() == Some(&v));
            let known = match inside {
                Some(data) => {
                    if let Op::Const(c) = &data.op {
                        Some(c.clone())
                    } else {
                        None
                    }
                }
                None => self.at.constant(v).cloned(),
            };
            if let Some(Const::I64(x)) = known { Some(x) } else { None }
        };
        let (add, subtract) = (Op::Binary(BinaryOp::Add), Op::Binary(BinaryOp::Sub));
        let step = if inst.op == add && inst.args[0] == param {
            constant(inst.args[1])
        } else if inst.op == add && inst.args[1] == param {
            constant(inst.args[0])
        } else if inst.op == subtract && inst.args[0] == param {
            constant(inst.args[1])?.checked_neg()
        } else {
            None
        };
        step.filter(|step| step.unsigned_abs() < 1 << 20)
    }

    pub(super) fn check_carried(&mut self, k: usize, y: Value) -> Step1<()> {
        match self.kernel.carried[k].clone() {
            Carried::Array(array) if self.versions.get(&y) == Some(&array) => Ok(()),
            Carried::Array(_) => self.refuse(Reason::MakesArray),
            Carried::Same(_) | Carried::Steady { .. } => Ok(()),
            Carried::Extreme { op, .. } => {
                let body = self.func.insts[self.at.inst].regions[0];
                let param = self.func.regions[body].params[k + 1];
                let (_, value) = self.extreme(body, param, y).expect("it is one");
                let value = self.num(value)?;
                self.kernel.carried[k] = Carried::Extreme { op, value };
                Ok(())
            }
            Carried::Sum { op, .. } => {
                let body = self.func.insts[self.at.inst].regions[0];
                let param = self.func.regions[body].params[k + 1];
                let (_, value) = self.folded(body, param, y, &[op]).expect("it is one");
                let value = self.num(value)?;
                self.kernel.carried[k] = Carried::Sum { op, value };
                Ok(())
            }
            Carried::Ordered { init, param, .. } => {
                let next = self.num(y)?;
                self.kernel.carried[k] = Carried::Ordered { init, param, next };
                Ok(())
            }
        }
    }

    pub(super) fn map(&mut self) -> Step1<()> {
        let data = &self.func.insts[self.at.inst];
        let body = data.regions[0];
        let place = Place { number: self.kernel.axis, stride: Some(1) };
        for (param, arg) in self.func.regions[body].params.iter().zip(&data.args) {
            let array = self.array(*arg)?;
            let result = self.load(array, place);
            self.nums.insert(*param, result);
        }
        self.region(body)?;
        self.fill(body, place)
    }

    /// The counter is that of the last axis; the others are inputs.
    pub(super) fn build(&mut self) -> Step1<()> {
        let data = &self.func.insts[self.at.inst];
        let body = data.regions[0];
        let counter = self.func.regions[body].params.last().expect("a build has an axis");
        self.nums.insert(*counter, self.kernel.axis);
        let first = self.input(Input::First, Scalar::I64);
        let number = self.op(NumOp::Binary(BinaryOp::Add), &[first, self.kernel.axis], Scalar::I64)?;
        self.region(body)?;
        self.fill(body, Place { number, stride: Some(1) })
    }

    pub(super) fn reduction(&mut self, op: ReduceOp) -> Step1<()> {
        let data = &self.func.insts[self.at.inst];
        let array = self.array(data.args[0])?;
        self.vector_element(self.kernel.arrays[array].element)?;
        let value = self.load(array, Place { number: self.kernel.axis, stride: Some(1) });
        // The position of the winner is looked for when it is known.
        let op = match op {
            ReduceOp::Max | ReduceOp::ArgMax => ReduceOp::Max,
            ReduceOp::Min | ReduceOp::ArgMin => ReduceOp::Min,
            ReduceOp::Sum => ReduceOp::Sum,
        };
        self.fold(op, value)
    }

    pub(super) fn fold(&mut self, op: ReduceOp, value: Num) -> Step1<()> {
        if !self.kernel.scalar(value).is_float() {
            return self.refuse(Reason::Elements);
        }
        match op {
            ReduceOp::Sum => self.kernel.sum = Some(value),
            ReduceOp::Max => self.kernel.carried.push(Carried::Extreme { op: BinaryOp::Max, value }),
            ReduceOp::Min => self.kernel.carried.push(Carried::Extreme { op: BinaryOp::Min, value }),
            ReduceOp::ArgMax => return self.refuse(Reason::Operation("argmax")),
            ReduceOp::ArgMin => return self.refuse(Reason::Operation("argmin")),
        }
        Ok(())
    }

    /// What the body yields goes into the results, or is folded.
    pub(super) fn fill(&mut self, body: Region, place: Place) -> Step1<()> {
        let data = &self.func.insts[self.at.inst];
        for (k, (result, y)) in data.results.iter().zip(&self.func.regions[body].yields).enumerate() {
            let Some(element) = self.func.value_type(*y).as_scalar() else { return self.refuse(Reason::MakesArray) };
            let value = self.num(*y)?;
            if let Some(fold) = self.at.fold.filter(|fold| fold.result == k) {
                self.fold(fold.op, value)?;
                if !fold.stored {
                    continue;
                }
            }
            self.vector_element(element)?;
            let array = self.kernel.arrays.push(ArrayData { value: *result, element, updated: true });
            self.steps.push(Step::Store(Store { array, place, value, add: false }));
        }
        Ok(())
    }
}
