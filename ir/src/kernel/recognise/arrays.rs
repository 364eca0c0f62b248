//! Accesses to memory: places, guards, and whether two trips may meet at one element.

use super::*;

impl Recogniser<'_> {
    /// The array that a value is, or a version of it.
    pub(super) fn array(&mut self, v: Value) -> Step1<ArrayId> {
        if let Some(array) = self.versions.get(&v) {
            return Ok(*array);
        }
        let ty = self.func.value_type(v);
        let Some(element) = ty.element().as_scalar().filter(|_| ty.is_array()) else {
            return self.refuse(Reason::MakesArray);
        };
        let array = self.kernel.arrays.push(ArrayData { value: v, element, updated: false });
        self.versions.insert(v, array);
        Ok(array)
    }

    pub(super) fn dim(&mut self, array: ArrayId, axis: u8) -> Num {
        if let Some(known) = self.dims.get(&(array, axis)) {
            return *known;
        }
        let num = self.input(Input::Dim(array, axis), Scalar::I64);
        self.dims.insert((array, axis), num);
        num
    }

    pub(super) fn load(&mut self, array: ArrayId, place: Place) -> Num {
        let shape = match self.kernel.shape(place.number) {
            Shape::Uniform => Shape::Uniform,
            _ => Shape::Varying,
        };
        let scalar = self.kernel.arrays[array].element;
        let result = self.kernel.numbers.push(NumData { scalar, shape, affine: None });
        self.steps.push(Step::Load { result, array, place });
        result
    }

    pub(super) fn get(&mut self, access: Access, inst: Inst) -> Step1<()> {
        let data = &self.func.insts[inst];
        let array = self.array(data.args[0])?;
        let place = self.place(access, array, &data.args[1..])?;
        if self.kernel.shape(place.number) != Shape::Uniform {
            self.vector_element(self.kernel.arrays[array].element)?;
        }
        self.see(array, &data.args[1..], false, false);
        let result = self.load(array, place);
        self.nums.insert(data.results[0], result);
        Ok(())
    }

    pub(super) fn set(&mut self, access: Access, inst: Inst, add: bool) -> Step1<()> {
        let data = &self.func.insts[inst];
        let array = self.array(data.args[0])?;
        if !self.kernel.arrays[array].updated {
            return self.refuse(Reason::MakesArray);
        }
        let last = data.args.len() - 1;
        let indices = &data.args[1..last];
        let place = self.place(access, array, indices)?;
        self.vector_element(self.kernel.arrays[array].element)?;
        let value = self.num(data.args[last])?;
        let late = self.kernel.shape(value) == Shape::Ordered;
        self.see(array, indices, true, late);
        let store = Store { array, place, value, add };
        match late {
            true if self.depth > 0 => return self.refuse(Reason::OrderedInner),
            true => self.kernel.late.push(store),
            false => self.steps.push(Step::Store(store)),
        }
        self.versions.insert(data.results[0], array);
        Ok(())
    }

    /// The row-major number of an element. What is tested in the loop becomes a guard.
    pub(super) fn place(&mut self, access: Access, array: ArrayId, indices: &[Value]) -> Step1<Place> {
        let rank = self.func.value_type(self.kernel.arrays[array].value).rank();
        if indices.len() < rank {
            return self.refuse(Reason::MakesArray);
        }
        let mut number: Option<Num> = None;
        let mut stride = Some(0);
        for (axis, index) in indices.iter().enumerate() {
            let index = self.num(*index)?;
            if self.kernel.shape(index) == Shape::Ordered {
                return self.refuse(Reason::OrderedIndex);
            }
            if access == Access::Checked {
                self.guard(array, axis, index)?;
            }
            let step = match self.kernel.shape(index) {
                Shape::Uniform => Some(0),
                _ => self.kernel.numbers[index].affine.as_ref().map(|a| a.axis),
            };
            // Only the last axis has elements next to each other.
            let is_last = axis + 1 == rank;
            stride = if is_last && stride == Some(0) { step } else { stride.filter(|s| *s == 0 && step == Some(0)) };
            number = Some(match number {
                None => index,
                Some(outer) => {
                    let size = self.dim(array, axis as u8);
                    let rows = self.op(NumOp::Binary(BinaryOp::Mul), &[outer, size], Scalar::I64)?;
                    self.op(NumOp::Binary(BinaryOp::Add), &[rows, index], Scalar::I64)?
                }
            });
        }
        let number = number.expect("an access has an index");
        Ok(Place { number, stride })
    }

    pub(super) fn guard(&mut self, array: ArrayId, axis: usize, index: Num) -> Step1<()> {
        let Some(index) = self.kernel.numbers[index].affine.clone() else { return self.refuse(Reason::Bounds) };
        let counts = |n: &Num| self.is_input(*n) || self.kernel.counters.iter().any(|(c, ..)| c == n);
        if !index.terms.iter().all(|(n, _)| counts(n)) {
            return self.refuse(Reason::Bounds);
        }
        let guard = Guard { index, size: self.dim(array, axis as u8) };
        if !self.kernel.guards.contains(&guard) {
            self.kernel.guards.push(guard);
        }
        Ok(())
    }

    pub(super) fn see(&mut self, array: ArrayId, indices: &[Value], stores: bool, late: bool) {
        let affine = |v: &Value| self.nums.get(v).and_then(|n| self.kernel.numbers[*n].affine.clone());
        let indices = indices.iter().map(affine).collect();
        self.seen.push(Seen { array, indices, loc: self.loc, stores, late });
    }

    /// No two trips touch the same element of an array that is updated.
    pub(super) fn no_conflicts(&mut self) -> Step1<()> {
        for (array, data) in self.kernel.arrays.iter().filter(|(_, data)| data.updated) {
            let mut accesses = self.seen.iter().filter(|s| s.array == array);
            let Some(first) = accesses.next() else { continue };
            let rest: Vec<&Seen> = accesses.collect();
            if (first.late || rest.iter().any(|s| s.late)) && !rest.is_empty() {
                return Err(Refusal { reason: Reason::Dependence, loc: first.loc });
            }
            let own = |axis: usize| {
                let index = first.indices[axis].as_ref().filter(|a| self.is_own(a));
                index.is_some() && rest.iter().all(|s| s.indices[axis].as_ref() == index)
            };
            if !(0..first.indices.len()).any(own) {
                let reads = rest.iter().copied().chain([first]).find(|s| !s.stores);
                let reason = if reads.is_some() { Reason::ReadsElsewhere } else { Reason::Dependence };
                return Err(Refusal { reason, loc: reads.unwrap_or(first).loc });
            }
            let _ = data;
        }
        Ok(())
    }

    /// Whether an index is another one in each trip, and the same throughout a trip.
    pub(super) fn is_own(&self, index: &Affine) -> bool {
        index.axis != 0 && index.terms.iter().all(|(n, _)| self.is_input(*n))
    }
}
