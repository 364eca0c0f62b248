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
        self.see(array, &data.args[1..], Kind::Load);
        let result = self.load(array, place);
        self.nums.insert(data.results[0], result);
        self.note_index(array, &data.args[1..], result);
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
        if late && (!self.open.is_empty() || !self.masks.is_empty()) {
            return self.refuse(if self.open.is_empty() { Reason::Branch } else { Reason::OrderedInner });
        }
        let value = self.if_taken(value, add, |this| {
            this.see(array, indices, Kind::Load);
            this.load(array, place)
        })?;
        let store = Store { array, place, value, add };
        if late {
            self.see(array, indices, Kind::Late);
            self.kernel.late.push(store);
        } else {
            self.see(array, indices, if add { Kind::Add } else { Kind::Store });
            self.steps.push(Step::Store(store));
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
            let mut index = self.num(*index)?;
            if self.kernel.shape(index) == Shape::Ordered {
                return self.refuse(Reason::OrderedIndex);
            }
            if access == Access::InBounds && !self.masks.is_empty() {
                index = self.on_both_sides(array, axis, index)?;
            } else if access == Access::Checked {
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

    /// Remembers an element that may be an index, if it is known before the loop.
    fn note_index(&mut self, array: ArrayId, indices: &[Value], element: Num) {
        if self.kernel.scalar(element) != Scalar::I64 || self.kernel.arrays[array].updated {
            return;
        }
        let known = |v: &Value| {
            let index = self.kernel.numbers[*self.nums.get(v)?].affine.clone()?;
            index.terms.iter().all(|(n, _)| self.is_input(*n)).then_some(index)
        };
        if let Some(indices) = indices.iter().map(known).collect() {
            self.read.insert(element, (array, indices));
        }
    }

    fn guard(&mut self, array: ArrayId, axis: usize, index: Num) -> Step1<()> {
        if !self.has_known_range(index) {
            let Some((from, indices)) = self.read.get(&index).cloned() else { return self.refuse(Reason::Bounds) };
            let scan = Scan { array: from, indices, size: self.dim(array, axis as u8) };
            if !self.kernel.scans.contains(&scan) {
                self.kernel.scans.push(scan);
            }
            return Ok(());
        }
        let index = self.kernel.numbers[index].affine.clone().expect("its range is known");
        self.add_guard(array, axis, index);
        Ok(())
    }

    fn has_known_range(&self, index: Num) -> bool {
        let counts = |n: &Num| self.is_input(*n) || self.kernel.counters.iter().any(|(c, ..)| c == n);
        self.kernel.numbers[index].affine.as_ref().is_some_and(|index| index.terms.iter().all(|(n, _)| counts(n)))
    }

    fn add_guard(&mut self, array: ArrayId, axis: usize, index: Affine) {
        let guard = Guard { index, size: self.dim(array, axis as u8) };
        if !self.kernel.guards.contains(&guard) {
            self.kernel.guards.push(guard);
        }
    }

    /// An index that is inside on one side of a branch, for an access that is made on both: it is inside of both, or the kernel does not
    /// run; or on the other side it is that of the first element.
    fn on_both_sides(&mut self, array: ArrayId, axis: usize, index: Num) -> Step1<Num> {
        if self.has_known_range(index) {
            self.guard(array, axis, index)?;
            return Ok(index);
        }
        let (mask, first) = (self.mask()?, self.constant(Const::I64(0)));
        self.add_guard(array, axis, Affine::constant(0));
        self.op(NumOp::Select, &[mask, index, first], Scalar::I64)
    }

    fn see(&mut self, array: ArrayId, indices: &[Value], kind: Kind) {
        let affine = |v: &Value| self.nums.get(v).and_then(|n| self.kernel.numbers[*n].affine.clone());
        let indices = indices.iter().map(affine).collect();
        let (stores, adds, late) = (kind != Kind::Load, kind == Kind::Add, kind == Kind::Late);
        let (loc, counters, step) = (self.loc, self.open.clone(), self.steps.len());
        self.seen.push(Seen { array, indices, loc, stores, adds, late, counters, step });
    }
}

/// What an access does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Load,
    Store,
    Add,
    /// Stores a number of the ordered part.
    Late,
}
