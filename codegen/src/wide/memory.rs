//! Elements of arrays: next to each other, at a stride, or anywhere.

use super::code::{Address, Class, Op, Operand, V};
use super::encode::rows;
use super::select::{Held, Refused, Select, Stride};
use dprog_ir::Scalar;
use dprog_ir::entity::Entity;
use dprog_ir::kernel::{ArrayId, Num, Place, Shape, Store};
use smallvec::SmallVec;

/// Bytes of an element, as a power of two.
const POWER: u8 = 3;

/// The lanes from the last to the first.
pub(super) const BACKWARDS: [u64; 8] = [7, 6, 5, 4, 3, 2, 1, 0];

/// Where the elements of a block are.
enum Spots {
    /// From here on.
    Row(Address),
    /// From here back.
    Back(Address),
    /// One for each lane of this number.
    Apart,
}

impl Select<'_> {
    pub(super) fn load(&mut self, array: ArrayId, place: &Place) -> Result<Held, Refused> {
        if self.kernel.shape(place.number) == Shape::Uniform {
            return self.load_uniform(array, place.number);
        }
        match self.spots(array, place.number)? {
            Spots::Row(at) => {
                let load = |s: &mut Self, n| {
                    let from = Operand::Mem(s.vector_at(at, n));
                    s.code.make(Class::Vector, Op::Load, None, from, s.tail)
                };
                Ok(Held::Vectors((0..self.count).map(|n| load(self, n)).collect()))
            }
            Spots::Back(at) => {
                let load = |s: &mut Self, n| {
                    let (from, mask) = (Operand::Mem(s.vector_back(at, n)), s.tail_backwards());
                    let v = s.code.make(Class::Vector, Op::Load, None, from, mask);
                    s.reversed(v)
                };
                Ok(Held::Vectors((0..self.count).map(|n| load(self, n)).collect()))
            }
            Spots::Apart if self.tail.is_some() => {
                let at = self.scattered(array, place.number)?;
                Ok(Held::Vectors(SmallVec::from_slice(&[self.gather(at)])))
            }
            Spots::Apart => {
                let lanes = self.lane_addresses(array, place.number)?;
                Ok(Held::Vectors(lanes.chunks(self.level.lanes()).map(|of| self.load_lanes(of)).collect()))
            }
        }
    }

    fn load_uniform(&mut self, array: ArrayId, number: Num) -> Result<Held, Refused> {
        let from = Operand::Mem(self.element(array, number)?);
        Ok(match self.kernel.arrays[array].element {
            Scalar::I64 => Held::General(self.code.make(Class::General, Op::LoadWord, None, from, None)),
            _ => Held::Uniform(self.code.make(Class::Vector, Op::Broadcast, None, from, None)),
        })
    }

    pub(super) fn store(&mut self, store: &Store) -> Result<(), Refused> {
        let values = self.operands(store.value)?;
        let values: SmallVec<[V; 4]> = values.into_iter().map(|v| self.code.in_register(v)).collect();
        match self.spots(store.array, store.place.number)? {
            Spots::Row(at) => {
                for (n, value) in values.into_iter().enumerate() {
                    let to = self.vector_at(at, n);
                    self.store_vector(to, value, store.add, self.tail);
                }
            }
            Spots::Back(at) => {
                for (n, value) in values.into_iter().enumerate() {
                    let (to, mask) = (self.vector_back(at, n), self.tail_backwards());
                    let value = self.reversed(value);
                    self.store_vector(to, value, store.add, mask);
                }
            }
            Spots::Apart if self.tail.is_some() => {
                let at = self.scattered(store.array, store.place.number)?;
                let mut value = values[0];
                if store.add {
                    let old = self.gather(at);
                    value = self.code.binary(rows::ADD, old, Operand::Reg(value));
                }
                self.code.act(Op::Scatter, Some(value), Operand::Mem(at), self.tail);
            }
            Spots::Apart => {
                let lanes = self.lane_addresses(store.array, store.place.number)?;
                for (of, value) in lanes.chunks(self.level.lanes()).zip(values) {
                    self.store_lanes(of, value, store.add);
                }
            }
        }
        Ok(())
    }

    fn store_vector(&mut self, to: Address, value: V, add: bool, mask: Option<V>) {
        let to = Operand::Mem(to);
        let value = if add {
            let old = self.code.make(Class::Vector, Op::Load, None, to, mask);
            self.code.binary(rows::ADD, old, Operand::Reg(value))
        } else {
            value
        };
        self.code.act(Op::Store, Some(value), to, mask);
    }

    /// What the ordered part made.
    pub(super) fn store_late(&mut self, store: &Store) -> Result<(), Refused> {
        let lanes = self.lane_addresses(store.array, store.place.number)?;
        for (lane, at) in lanes.into_iter().enumerate() {
            let value = self.lane(store.value, lane)?;
            self.code.narrow = true;
            let value = self.code.in_register(value);
            self.store_one(at, value, store.add);
            self.code.narrow = false;
        }
        Ok(())
    }

    // ---- addresses ----

    /// An element that is the same in all lanes, or that of the first lane.
    fn element(&mut self, array: ArrayId, number: Num) -> Result<Address, Refused> {
        let number = match self.held(number)?.clone() {
            Held::Const(bits) => {
                let offset = (bits as i64).checked_mul(8).and_then(|x| i32::try_from(x).ok());
                let base = self.bases[array.index()];
                if let Some(disp) = offset.and_then(|x| x.checked_add(self.offsets[array.index()])) {
                    return Ok(Address { base, index: None, disp });
                }
                self.code.integer(bits as i64)
            }
            Held::Line(base, _) => base,
            Held::General(_) | Held::Uniform(_) | Held::Vectors(_) | Held::Each(_) => self.general(number)?,
        };
        Ok(self.place_of(array, number))
    }

    /// The element with the number in a register; a constant that was added to that goes into the displacement.
    fn place_of(&mut self, array: ArrayId, number: V) -> Address {
        let (base, offset) = (self.bases[array.index()], self.offsets[array.index()]);
        let (from, more) = self.sums.get(&number).copied().unwrap_or((number, 0));
        let disp = more.checked_mul(8).and_then(|x| x.checked_add(offset as i64)).and_then(|x| i32::try_from(x).ok());
        match disp {
            Some(disp) => Address { base, index: Some((from, POWER)), disp },
            None => Address { base, index: Some((number, POWER)), disp: offset },
        }
    }

    fn vector_at(&self, first: Address, n: usize) -> Address {
        Address { disp: first.disp + (n * self.level.bytes() as usize) as i32, ..first }
    }

    /// The vector of which the last lane is first in memory.
    fn vector_back(&self, first: Address, n: usize) -> Address {
        let lanes = (n + 1) * self.level.lanes() - 1;
        Address { disp: first.disp - 8 * lanes as i32, ..first }
    }

    fn spots(&mut self, array: ArrayId, number: Num) -> Result<Spots, Refused> {
        match self.held(number)? {
            Held::Line(_, Stride::Known(1)) => Ok(Spots::Row(self.element(array, number)?)),
            Held::Line(_, Stride::Known(-1)) => Ok(Spots::Back(self.element(array, number)?)),
            Held::Line(..) | Held::Const(_) | Held::General(_) | Held::Uniform(_) => Ok(Spots::Apart),
            Held::Vectors(_) | Held::Each(_) => Ok(Spots::Apart),
        }
    }

    /// The lanes the other way round.
    fn reversed(&mut self, v: V) -> V {
        if !self.level.has_masks() {
            return self.code.make(Class::Vector, Op::Reverse, None, Operand::Reg(v), None);
        }
        let places = self.code.table(BACKWARDS);
        let places = self.code.in_register(places);
        self.code.binary(rows::PERMUTE, places, Operand::Reg(v))
    }

    /// The element of each lane of a block.
    fn lane_addresses(&mut self, array: ArrayId, number: Num) -> Result<Vec<Address>, Refused> {
        let lanes = self.count * self.level.lanes();
        match self.held(number)?.clone() {
            Held::Line(base, Stride::Known(stride)) => {
                let first = self.place_of(array, base);
                let offset = |lane: i64| stride.checked_mul(8 * lane).and_then(|x| x.checked_add(first.disp as i64));
                let all = (0..lanes as i64).map(|lane| offset(lane).and_then(|x| i32::try_from(x).ok()));
                let all = all.map(|disp| Some(Address { disp: disp?, ..first })).collect::<Option<Vec<_>>>();
                all.ok_or(Refused)
            }
            Held::Line(base, Stride::Value(stride)) => {
                let first = self.place_of(array, base);
                let first = self.code.lea(first.base, first.index, first.disp);
                Ok(self.strided(first, stride, lanes))
            }
            Held::Vectors(vectors) => {
                let mut all = Vec::new();
                for lane in 0..lanes {
                    let of = vectors[lane / self.level.lanes()];
                    let from = self.lane_of(of, lane % self.level.lanes());
                    let index = self.code.make(Class::General, Op::LoadWord, None, from, None);
                    all.push(self.place_of(array, index));
                }
                Ok(all)
            }
            Held::Const(_) | Held::General(_) | Held::Uniform(_) | Held::Each(_) => Err(Refused),
        }
    }

    /// Four lanes from each address: by the stride once, twice, and three times.
    fn strided(&mut self, first: V, stride: V, lanes: usize) -> Vec<Address> {
        let one = self.code.times_constant(stride, 1 << POWER);
        let three = self.code.lea(one, Some((one, 1)), 0);
        let mut all = Vec::new();
        let mut at = first;
        for lane in 0..lanes {
            if lane > 0 && lane % 4 == 0 {
                at = self.code.lea(at, Some((one, 2)), 0);
            }
            let index = [None, Some((one, 0)), Some((one, 1)), Some((three, 0))][lane % 4];
            all.push(Address { base: at, index, disp: 0 });
        }
        all
    }

    /// The elements of the lanes by a vector of numbers.
    fn scattered(&mut self, array: ArrayId, number: Num) -> Result<Address, Refused> {
        let numbers = self.operands(number)?[0];
        let numbers = self.code.in_register(numbers);
        Ok(Address {
            base: self.bases[array.index()],
            index: Some((numbers, POWER)),
            disp: self.offsets[array.index()],
        })
    }

    // ---- lanes ----

    fn gather(&mut self, at: Address) -> V {
        self.code.make(Class::Vector, Op::Gather, None, Operand::Mem(at), self.tail)
    }

    fn load_lanes(&mut self, lanes: &[Address]) -> V {
        let pairs: SmallVec<[V; 4]> = lanes.chunks(2).map(|pair| self.load_pair(pair)).collect();
        let quads: SmallVec<[V; 2]> = pairs.chunks(2).map(|two| self.insert(Op::Insert(1), two[0], two[1])).collect();
        match quads[..] {
            [one] => one,
            _ => self.insert(Op::InsertHalf, quads[0], quads[1]),
        }
    }

    fn load_pair(&mut self, pair: &[Address]) -> V {
        let first = self.code.make(Class::Vector, Op::LoadOne, None, Operand::Mem(pair[0]), None);
        self.code.make(Class::Vector, Op::LoadHigh, Some(first), Operand::Mem(pair[1]), None)
    }

    fn insert(&mut self, op: Op, a: V, b: V) -> V {
        self.code.make(Class::Vector, op, Some(a), Operand::Reg(b), None)
    }

    fn store_lanes(&mut self, lanes: &[Address], value: V, add: bool) {
        for (n, pair) in lanes.chunks(2).enumerate() {
            let extract =
                |s: &mut Self| s.code.make(Class::Vector, Op::Extract(n as u8), None, Operand::Reg(value), None);
            let mut two = if n == 0 { value } else { extract(self) };
            if add {
                let old = self.load_pair(pair);
                self.code.narrow = true;
                two = self.code.binary(rows::ADD, old, Operand::Reg(two));
                self.code.narrow = false;
            }
            self.code.act(Op::StoreLow, Some(two), Operand::Mem(pair[0]), None);
            self.code.act(Op::StoreHigh, Some(two), Operand::Mem(pair[1]), None);
        }
    }

    fn store_one(&mut self, at: Address, value: V, add: bool) {
        let at = Operand::Mem(at);
        let mut value = value;
        if add {
            let old = self.code.make(Class::Vector, Op::LoadOne, None, at, None);
            value = self.code.binary(rows::ADD, old, Operand::Reg(value));
        }
        self.code.act(Op::StoreLow, Some(value), at, None);
    }
}
