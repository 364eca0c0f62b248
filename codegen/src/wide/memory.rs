//! Elements of arrays: next to each other, at a stride, or anywhere.

use super::code::{Address, Class, Kind, Op, Operand, V};
use super::encode::rows;
use super::select::{Held, Refused, Select, Stride, vectors_of_block};
use dprog_ir::Scalar;
use dprog_ir::entity::Entity;
use dprog_ir::kernel::{ArrayId, Num, Place, Shape, Store, TileId};
use smallvec::SmallVec;

/// The lanes from the last to the first.
const BACKWARDS: [u64; 8] = [7, 6, 5, 4, 3, 2, 1, 0];

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
        let scalar = self.kernel.arrays[array].element;
        match self.spots(array, place.number)? {
            Spots::Row(at) => {
                let load = |s: &mut Self, n| {
                    let from = s.vector_at(array, at, n);
                    s.load_vector(scalar, from, s.tail)
                };
                Ok(Held::Vectors((0..self.count).map(|n| load(self, n)).collect()))
            }
            Spots::Back(at) => {
                let load = |s: &mut Self, n| {
                    let (from, mask) = (s.vector_back(array, at, n), s.tail_backwards());
                    let v = s.load_vector(scalar, from, mask);
                    s.reversed(v)
                };
                Ok(Held::Vectors((0..self.count).map(|n| load(self, n)).collect()))
            }
            Spots::Apart if self.tail.is_some() => {
                let at = self.scattered(array, place.number)?;
                Ok(Held::Vectors(SmallVec::from_slice(&[self.gather(scalar, at)])))
            }
            Spots::Apart => {
                let lanes = self.lane_addresses(array, place.number)?;
                Ok(Held::Vectors(lanes.chunks(self.lanes()).map(|of| self.load_lanes(scalar, of)).collect()))
            }
        }
    }

    fn load_uniform(&mut self, array: ArrayId, number: Num) -> Result<Held, Refused> {
        let from = Operand::Mem(self.element(array, number)?);
        Ok(match self.kernel.arrays[array].element {
            Scalar::I64 => Held::General(self.code.make(Class::General, Op::LoadWord, None, from, None)),
            Scalar::F32 => Held::Uniform(self.broadcast_single(from)),
            _ => Held::Uniform(self.code.make(Class::Vector, Op::Broadcast, None, from, None)),
        })
    }

    /// Elements that are next to each other, in the lanes of the mask.
    fn load_vector(&mut self, scalar: Scalar, from: Address, mask: Option<V>) -> V {
        self.code.kind = self.kind_of(scalar);
        let v = self.code.make(Class::Vector, Op::Load, None, Operand::Mem(from), mask);
        self.code.kind = Kind::default();
        self.as_lanes(scalar, v)
    }

    /// Of vectors of elements as memory has them.
    fn kind_of(&self, scalar: Scalar) -> Kind {
        Kind { single: scalar == Scalar::F32, half: self.is_widened(scalar), narrow: false }
    }

    pub(super) fn store(&mut self, store: &Store) -> Result<(), Refused> {
        if store.add && self.kernel.shape(store.place.number) == Shape::Uniform {
            return self.add_lanes(store);
        }
        let values = self.operands(store.value)?;
        let values: SmallVec<[V; 4]> = values.into_iter().map(|v| self.code.in_register(v)).collect();
        let (array, scalar) = (store.array, self.kernel.arrays[store.array].element);
        match self.spots(store.array, store.place.number)? {
            Spots::Row(at) => {
                for (n, value) in values.into_iter().enumerate() {
                    let to = self.vector_at(array, at, n);
                    self.store_vector(scalar, to, value, store.add, self.tail);
                }
            }
            Spots::Back(at) => {
                for (n, value) in values.into_iter().enumerate() {
                    let (to, mask) = (self.vector_back(array, at, n), self.tail_backwards());
                    let value = self.reversed(value);
                    self.store_vector(scalar, to, value, store.add, mask);
                }
            }
            Spots::Apart if self.tail.is_some() => {
                let at = self.scattered(store.array, store.place.number)?;
                let mut value = values[0];
                if store.add {
                    let old = self.gather(scalar, at);
                    value = self.code.binary(rows::ADD, old, Operand::Reg(value));
                }
                let value = self.as_element(scalar, value);
                self.code.kind.single = scalar == Scalar::F32;
                self.code.act(Op::Scatter, Some(value), Operand::Mem(at), self.tail);
                self.code.kind.single = false;
            }
            Spots::Apart => {
                let lanes = self.lane_addresses(store.array, store.place.number)?;
                for (of, value) in lanes.chunks(self.lanes()).zip(values) {
                    self.store_lanes(scalar, of, value, store.add);
                }
            }
        }
        Ok(())
    }

    fn store_vector(&mut self, scalar: Scalar, to: Address, value: V, add: bool, mask: Option<V>) {
        let to = Operand::Mem(to);
        let value = self.as_element(scalar, value);
        self.code.kind = self.kind_of(scalar);
        let value = if add {
            let old = self.code.make(Class::Vector, Op::Load, None, to, mask);
            self.code.binary(rows::ADD, old, Operand::Reg(value))
        } else {
            value
        };
        self.code.act(Op::Store, Some(value), to, mask);
        self.code.kind = Kind::default();
    }

    /// Adds all lanes to one element, in their order. Lanes that are no trips add a negative zero, which changes nothing.
    fn add_lanes(&mut self, store: &Store) -> Result<(), Refused> {
        let scalar = self.kernel.arrays[store.array].element;
        if self.is_widened(scalar) {
            return Err(Refused);
        }
        let at = Operand::Mem(self.element(store.array, store.place.number)?);
        let lanes = self.lanes_to_add(store.value)?;
        self.code.kind = Kind { single: self.single, half: false, narrow: true };
        let mut total = self.code.make(Class::Vector, Op::LoadOne, None, at, None);
        for lane in lanes {
            total = self.code.binary(rows::ADD, total, lane);
        }
        self.code.act(Op::StoreLow, Some(total), at, None);
        self.code.kind = Kind::default();
        Ok(())
    }

    fn lanes_to_add(&mut self, value: Num) -> Result<Vec<Operand>, Refused> {
        let values = self.operands(value)?;
        let Some(tail) = self.tail else {
            return Ok(values.into_iter().flat_map(|v| self.single_lanes(v)).collect());
        };
        self.code.kind.single = self.single;
        let nothing = Operand::Const(if self.single { 0x8000_0000_8000_0000 } else { (-0.0f64).to_bits() });
        let values = self.blend(tail, values[0], nothing);
        self.code.kind.single = false;
        Ok(self.single_lanes(Operand::Reg(values)))
    }

    /// Each lane of a vector, as the first of another.
    fn single_lanes(&mut self, vector: Operand) -> Vec<Operand> {
        let v = self.code.in_register(vector);
        if self.single {
            return (0..self.lanes()).map(|lane| self.lane_of(v, lane)).collect();
        }
        let mut all = Vec::new();
        for n in 0..self.lanes() / 2 {
            let extract = |s: &mut Self| s.code.make(Class::Vector, Op::Extract(n as u8), None, Operand::Reg(v), None);
            let two = if n == 0 { v } else { extract(self) };
            self.code.kind.narrow = true;
            let high = self.code.binary(rows::HIGH, two, Operand::Reg(two));
            self.code.kind.narrow = false;
            all.extend([Operand::Reg(two), Operand::Reg(high)]);
        }
        all
    }

    /// What the ordered part made.
    pub(super) fn store_late(&mut self, store: &Store) -> Result<(), Refused> {
        let lanes = self.lane_addresses(store.array, store.place.number)?;
        for (lane, at) in lanes.into_iter().enumerate() {
            let value = self.lane(store.value, lane)?;
            self.code.kind.narrow = true;
            let value = self.code.in_register(value);
            self.store_one(self.kernel.arrays[store.array].element, at, value, store.add);
            self.code.kind = Kind::default();
        }
        Ok(())
    }

    // ---- tiles ----

    /// The lanes of a number into a row of a tile.
    pub(super) fn pack(&mut self, tile: TileId, row: Num, value: Num) -> Result<(), Refused> {
        let at = self.row(tile, row)?;
        for (n, value) in self.operands(value)?.into_iter().enumerate() {
            let value = self.code.in_register(value);
            self.code.act(Op::Store, Some(value), self.vector_of_row(at, n), None);
        }
        Ok(())
    }

    /// Also in the rest a row is whole: it was when it was stored.
    pub(super) fn packed(&mut self, tile: TileId, row: Num) -> Result<Held, Refused> {
        let at = self.row(tile, row)?;
        let load = |s: &mut Self, n| s.code.make(Class::Vector, Op::Load, None, s.vector_of_row(at, n), None);
        Ok(Held::Vectors((0..self.count).map(|n| load(self, n)).collect()))
    }

    /// The rows of the rest are as long as those of blocks.
    fn row(&mut self, tile: TileId, row: Num) -> Result<Address, Refused> {
        let row = self.general(row)?;
        let lanes = (vectors_of_block(self.kernel, self.level) * self.lanes()) as i64;
        let first = self.code.times_constant(row, lanes);
        let power = if self.single { 2 } else { 3 };
        Ok(Address { base: self.bases[self.kernel.arrays.len() + tile.index()], index: Some((first, power)), disp: 0 })
    }

    fn vector_of_row(&self, row: Address, n: usize) -> Operand {
        Operand::Mem(Address { disp: (n * self.lanes() * self.lane_bytes()) as i32, ..row })
    }

    // ---- addresses ----

    /// An element that is the same in all lanes, or that of the first lane.
    fn element(&mut self, array: ArrayId, number: Num) -> Result<Address, Refused> {
        let number = match self.held(number)?.clone() {
            Held::Const(bits) => {
                let offset = (bits as i64).checked_mul(1 << self.power(array)).and_then(|x| i32::try_from(x).ok());
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
        let power = self.power(array);
        let disp =
            more.checked_mul(1 << power).and_then(|x| x.checked_add(offset as i64)).and_then(|x| i32::try_from(x).ok());
        match disp {
            Some(disp) => Address { base, index: Some((from, power)), disp },
            None => Address { base, index: Some((number, power)), disp: offset },
        }
    }

    /// Bytes of an element, as a power of two.
    fn power(&self, array: ArrayId) -> u8 {
        if self.kernel.arrays[array].element == Scalar::F32 { 2 } else { 3 }
    }

    fn vector_at(&self, array: ArrayId, first: Address, n: usize) -> Address {
        Address { disp: first.disp + ((n * self.lanes()) << self.power(array)) as i32, ..first }
    }

    /// The vector of which the last lane is first in memory.
    fn vector_back(&self, array: ArrayId, first: Address, n: usize) -> Address {
        let lanes = (n + 1) * self.lanes() - 1;
        Address { disp: first.disp - (lanes << self.power(array)) as i32, ..first }
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
        if self.single {
            let last = self.lanes() as u32 - 1;
            let number = |lane: usize| (last.wrapping_sub(lane as u32) & 15) as u64;
            let places = self.code.table(std::array::from_fn(|k| number(2 * k) | number(2 * k + 1) << 32));
            self.code.kind.single = true;
            let places = self.code.in_register(places);
            let reversed = self.code.binary(rows::PERMUTE, places, Operand::Reg(v));
            self.code.kind.single = false;
            return reversed;
        }
        if !self.level.has_masks() {
            return self.code.make(Class::Vector, Op::Reverse, None, Operand::Reg(v), None);
        }
        let places = self.code.table(BACKWARDS);
        let places = self.code.in_register(places);
        self.code.binary(rows::PERMUTE, places, Operand::Reg(v))
    }

    /// The element of each lane of a block.
    fn lane_addresses(&mut self, array: ArrayId, number: Num) -> Result<Vec<Address>, Refused> {
        let lanes = self.count * self.lanes();
        match self.held(number)?.clone() {
            Held::Line(base, Stride::Known(stride)) => {
                let first = self.place_of(array, base);
                let offset = |lane: i64| {
                    stride.checked_mul(lane << self.power(array)).and_then(|x| x.checked_add(first.disp as i64))
                };
                let all = (0..lanes as i64).map(|lane| offset(lane).and_then(|x| i32::try_from(x).ok()));
                let all = all.map(|disp| Some(Address { disp: disp?, ..first })).collect::<Option<Vec<_>>>();
                all.ok_or(Refused)
            }
            Held::Line(base, Stride::Value(stride)) => {
                let first = self.place_of(array, base);
                let first = self.code.lea(first.base, first.index, first.disp);
                Ok(self.strided(first, (stride, self.power(array)), lanes))
            }
            Held::Vectors(vectors) => {
                let mut all = Vec::new();
                for lane in 0..lanes {
                    let of = vectors[lane / self.lanes()];
                    let from = self.lane_in_memory(of, lane % self.lanes());
                    let index = self.code.make(Class::General, Op::LoadWord, None, from, None);
                    all.push(self.place_of(array, index));
                }
                Ok(all)
            }
            Held::Const(_) | Held::General(_) | Held::Uniform(_) | Held::Each(_) => Err(Refused),
        }
    }

    /// Four lanes from each address: by the stride once, twice, and three times.
    fn strided(&mut self, first: V, (stride, power): (V, u8), lanes: usize) -> Vec<Address> {
        let one = self.code.times_constant(stride, 1 << power);
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
            index: Some((numbers, self.power(array))),
            disp: self.offsets[array.index()],
        })
    }

    // ---- lanes ----

    fn gather(&mut self, scalar: Scalar, at: Address) -> V {
        self.code.kind.single = scalar == Scalar::F32;
        let v = self.code.make(Class::Vector, Op::Gather, None, Operand::Mem(at), self.tail);
        self.code.kind.single = false;
        self.as_lanes(scalar, v)
    }

    fn load_lanes(&mut self, scalar: Scalar, lanes: &[Address]) -> V {
        let short: SmallVec<[V; 4]> = lanes.chunks(per_short(scalar)).map(|of| self.load_short(scalar, of)).collect();
        let of_two = |s: &mut Self, two: &[V]| match two {
            [one] => *one,
            _ => s.insert(Op::Insert(1), two[0], two[1]),
        };
        let longer: SmallVec<[V; 2]> = short.chunks(2).map(|two| of_two(self, two)).collect();
        let all = match longer[..] {
            [one] => one,
            _ => self.insert(Op::InsertHalf, longer[0], longer[1]),
        };
        self.as_lanes(scalar, all)
    }

    /// As many elements as 128 bits have.
    fn load_short(&mut self, scalar: Scalar, lanes: &[Address]) -> V {
        if scalar != Scalar::F32 {
            return self.load_pair(lanes);
        }
        self.code.kind.single = true;
        let mut all = self.code.make(Class::Vector, Op::LoadOne, None, Operand::Mem(lanes[0]), None);
        self.code.kind.single = false;
        for (lane, at) in lanes.iter().enumerate().skip(1) {
            all = self.code.make(Class::Vector, Op::InsertOne(lane as u8), Some(all), Operand::Mem(*at), None);
        }
        all
    }

    fn load_pair(&mut self, pair: &[Address]) -> V {
        let first = self.code.make(Class::Vector, Op::LoadOne, None, Operand::Mem(pair[0]), None);
        self.code.make(Class::Vector, Op::LoadHigh, Some(first), Operand::Mem(pair[1]), None)
    }

    fn insert(&mut self, op: Op, a: V, b: V) -> V {
        self.code.make(Class::Vector, op, Some(a), Operand::Reg(b), None)
    }

    fn store_lanes(&mut self, scalar: Scalar, lanes: &[Address], value: V, add: bool) {
        let value = self.as_element(scalar, value);
        for (n, pair) in lanes.chunks(per_short(scalar)).enumerate() {
            let extract =
                |s: &mut Self| s.code.make(Class::Vector, Op::Extract(n as u8), None, Operand::Reg(value), None);
            let mut two = if n == 0 { value } else { extract(self) };
            if add {
                let old = self.load_short(scalar, pair);
                self.code.kind = Kind { narrow: true, half: false, single: scalar == Scalar::F32 };
                two = self.code.binary(rows::ADD, old, Operand::Reg(two));
                self.code.kind = Kind::default();
            }
            if scalar == Scalar::F32 {
                self.store_four(pair, two);
                continue;
            }
            self.code.act(Op::StoreLow, Some(two), Operand::Mem(pair[0]), None);
            self.code.act(Op::StoreHigh, Some(two), Operand::Mem(pair[1]), None);
        }
    }

    fn store_four(&mut self, lanes: &[Address], value: V) {
        self.code.kind.single = true;
        self.code.act(Op::StoreLow, Some(value), Operand::Mem(lanes[0]), None);
        self.code.kind.single = false;
        for (lane, at) in lanes.iter().enumerate().skip(1) {
            self.code.act(Op::ExtractOne(lane as u8), Some(value), Operand::Mem(*at), None);
        }
    }

    fn store_one(&mut self, scalar: Scalar, at: Address, value: V, add: bool) {
        let at = Operand::Mem(at);
        let mut value = self.as_element(scalar, value);
        self.code.kind.single = scalar == Scalar::F32;
        if add {
            let old = self.code.make(Class::Vector, Op::LoadOne, None, at, None);
            value = self.code.binary(rows::ADD, old, Operand::Reg(value));
        }
        self.code.act(Op::StoreLow, Some(value), at, None);
    }
}

/// Elements in 128 bits.
fn per_short(scalar: Scalar) -> usize {
    if scalar == Scalar::F32 { 4 } else { 2 }
}
