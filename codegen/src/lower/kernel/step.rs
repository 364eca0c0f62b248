//! What a trip does, for all lanes of a block.

use super::lanes::{Stride, table_offset};
use super::scalar::{float_condition, signed_condition};
use super::*;
use crate::math::{Formula, Pool, emit_with};
use cranelift_codegen::ir::ConstantData;
use cranelift_codegen::ir::condcodes::{CondCode, FloatCC};
use dprog_ir::fmath::elementary::Rare;
use dprog_ir::kernel::{Inner, NumOp, Place, Shape, Step, Store};
use dprog_ir::{BinaryOp, CompareOp, Scalar, UnaryOp};
use dprog_runtime::layout::data_offset;
use dprog_runtime::math::unary_symbols;
use std::collections::VecDeque;

impl<M: ClifModule> Lower<'_, '_, M> {
    /// The trips from counter `i` on; gives the ordered numbers that the last one leaves.
    pub(super) fn kernel_block(&mut self, k: &mut Lanes, i: V, carried: &[V]) -> Vec<V> {
        k.hold(k.kernel.axis, Held::Line(i, Stride::Known(1)));
        let kernel = k.kernel;
        let (ordered, accumulators) = carried.split_at(kernel.handed_on().count());
        k.before = kernel.handed_on().map(|(param, _)| param).zip(ordered.iter().copied()).collect();
        self.steps(k, &kernel.body);
        let mut left = self.ordered(k, ordered);
        for store in &kernel.late {
            self.store_lanes(k, store);
        }
        left.extend(self.accumulate(k, accumulators));
        left
    }

    /// The accumulators after this block. Those of a sum turn, so that the first is always that of the next trips.
    fn accumulate(&mut self, k: &mut Lanes, accumulators: &[V]) -> Vec<V> {
        let (kernel, count) = (k.kernel, k.count());
        let (mut all, mut rest) = (Vec::new(), accumulators);
        for carried in &kernel.carried {
            let (Carried::Extreme { op, value } | Carried::Sum { op, value }) = carried else { continue };
            let (mine, after) = rest.split_at(count);
            rest = after;
            let values = self.vectors(k, *value);
            let scalar = kernel.scalar(*value);
            for (best, v) in mine.iter().zip(values) {
                let next = self.binary_vector(k, *op, *best, v);
                all.push(self.rounded(k, scalar, next));
            }
        }
        if let Some(sum) = kernel.sum {
            let mut sums: VecDeque<V> = rest.iter().copied().collect();
            for v in self.vectors(k, sum) {
                let first = sums.pop_front().expect("a sum has lanes");
                let next = self.b.ins().fadd(first, v);
                sums.push_back(self.rounded(k, kernel.scalar(sum), next));
            }
            all.extend(sums);
        }
        all
    }

    fn steps(&mut self, k: &mut Lanes, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Op { result, op, args, loc } => {
                    self.place_of(*loc);
                    let held = self.lane_op(k, *result, *op, args);
                    k.hold(*result, held);
                }
                Step::Load { result, array, place } => {
                    let held = self.load_lanes(k, *array, place);
                    k.hold(*result, held);
                }
                Step::Store(store) => self.store_vectors(k, store),
                Step::Pack { tile, row, value } => self.pack(k, *tile, *row, *value),
                Step::Packed { result, tile, row } => {
                    let held = self.packed(k, *result, *tile, *row);
                    k.hold(*result, held);
                }
                Step::Before { result, value } => self.from_lane_before(k, *result, *value),
                Step::Inner(inner) => self.inner_loop(k, inner),
            }
        }
    }

    fn place_of(&mut self, loc: SrcLoc) {
        self.loc = loc;
        self.b.set_srcloc(SourceLoc::new(loc.0));
    }

    /// Lane after lane, each with what the one before it made.
    fn ordered(&mut self, k: &mut Lanes, carried: &[V]) -> Vec<V> {
        let kernel = k.kernel;
        let pairs: Vec<(Num, Num)> = kernel.handed_on().collect();
        let is_ordered = |num: Num| kernel.shape(num) == Shape::Ordered;
        let mut current = carried.to_vec();
        let results = kernel.ordered.iter().filter_map(|step| match step {
            Step::Op { result, .. } => Some(*result),
            _ => None,
        });
        let made = results.chain(pairs.iter().map(|(param, _)| *param).filter(|param| is_ordered(*param)));
        made.for_each(|num| k.hold(num, Held::Each(SmallVec::new())));
        for lane in 0..k.width {
            for ((param, _), v) in pairs.iter().zip(&current).filter(|((param, _), _)| is_ordered(*param)) {
                k.add_lane(*param, *v);
            }
            for step in &kernel.ordered {
                let Step::Op { result, op, args, loc } = step else { continue };
                self.place_of(*loc);
                let operands: SmallVec<[V; 3]> = args.iter().map(|a| self.lane(k, *a, lane)).collect();
                let v = self.scalar_op(*op, kernel.scalar(args[0]), &operands);
                k.add_lane(*result, v);
            }
            for (v, (param, next)) in current.iter_mut().zip(&pairs) {
                if is_ordered(*param) || lane + 1 == k.width {
                    *v = self.lane(k, *next, lane);
                }
            }
        }
        current
    }

    /// The lanes of `value` one further; the first has what is carried.
    fn from_lane_before(&mut self, k: &mut Lanes, result: Num, value: Num) {
        let scalar = k.kernel.scalar(result);
        let carried = k.before.iter().find(|(param, _)| *param == result).expect("it is carried").1;
        let mut before = self.splat(k, scalar, carried);
        let bytes = (16 / k.per_vector()) as u8;
        let order: [u8; 16] = std::array::from_fn(|n| 16 - bytes + n as u8);
        let mut vectors = SmallVec::new();
        for v in self.vectors(k, value) {
            let order = self.b.func.dfg.immediates.push(ConstantData::from(&order[..]));
            let halves = [before, v].map(|half| self.as_vector(types::I8X16, half));
            let moved = self.b.ins().shuffle(halves[0], halves[1], order);
            vectors.push(self.as_vector(k.vector_type(scalar), moved));
            before = v;
        }
        k.hold(result, Held::Vectors(vectors));
    }

    fn inner_loop(&mut self, k: &mut Lanes, inner: &Inner) {
        let (lo, hi) = (k.scalar(inner.lo), k.scalar(inner.hi));
        let is_uniform = |k: &Lanes, num: Num| k.kernel.shape(num) == Shape::Uniform;
        let mut inits = Vec::new();
        for carried in &inner.carried {
            match is_uniform(k, carried.param) {
                true => inits.push(k.scalar(carried.init)),
                false => inits.extend(self.vectors(k, carried.init)),
            }
        }
        let results = self.counted((lo, hi), &inits, false, |this, i, values| {
            k.hold(inner.counter, Held::Scalar(i));
            hold_carried(k, inner, values, |c| c.param);
            this.steps(k, &inner.body);
            let mut next = Vec::new();
            for carried in &inner.carried {
                match is_uniform(k, carried.param) {
                    true => next.push(k.scalar(carried.next)),
                    false => next.extend(this.vectors(k, carried.next)),
                }
            }
            next
        });
        hold_carried(k, inner, &results, |c| c.result);
    }

    // ---- memory ----

    fn number_in_lane(&mut self, k: &Lanes, place: &Place, lane: usize) -> V {
        self.lane(k, place.number, lane)
    }

    pub(super) fn array_of(&self, k: &Lanes, array: ArrayId) -> (V, Type) {
        (k.bases[array.index()], self.ty(k.kernel.arrays[array].value))
    }

    fn load_lanes(&mut self, k: &mut Lanes, array: ArrayId, place: &Place) -> Held {
        let (base, ty) = self.array_of(k, array);
        if k.kernel.shape(place.number) == Shape::Uniform {
            return Held::Scalar(self.load_element(base, ty, k.scalar(place.number)));
        }
        let scalar = k.kernel.arrays[array].element;
        let mut vectors = SmallVec::new();
        for first in (0..k.width).step_by(k.per_vector()) {
            vectors.push(if is_dense(place) {
                let (at, offset) = self.vector_place(k, base, ty, place, first);
                let v = self.load_vector(k, scalar, ty, (at, offset));
                self.in_lane_order(place, v)
            } else {
                let lanes = first..first + k.per_vector();
                let numbers: SmallVec<[V; 4]> = lanes.map(|lane| self.number_in_lane(k, place, lane)).collect();
                let lanes: SmallVec<[V; 4]> = numbers.iter().map(|n| self.load_element(base, ty, *n)).collect();
                self.vector_of(k, scalar, &lanes)
            });
        }
        Held::Vectors(vectors)
    }

    /// Elements that are next to each other.
    fn load_vector(&mut self, k: &Lanes, scalar: Scalar, ty: Type, (at, offset): (V, i32)) -> V {
        let flags = self.vector_flags(ty);
        if !k.is_widened(scalar) {
            return self.b.ins().load(k.vector_type(scalar), flags, at, offset);
        }
        let two = self.b.ins().load(types::F64, flags, at, offset);
        let two = self.b.ins().scalar_to_vector(types::F64X2, two);
        let two = self.as_vector(types::F32X4, two);
        self.b.ins().fvpromote_low(two)
    }

    fn store_vector(&mut self, k: &Lanes, scalar: Scalar, ty: Type, v: V, (at, offset): (V, i32)) {
        let flags = self.vector_flags(ty);
        let v = if k.is_widened(scalar) { self.two_floats(v) } else { v };
        self.b.ins().store(flags, v, at, offset);
    }

    /// Both lanes as f32, in eight bytes.
    pub(super) fn two_floats(&mut self, v: V) -> V {
        let narrow = self.b.ins().fvdemote(v);
        let narrow = self.as_vector(types::F64X2, narrow);
        self.b.ins().extractlane(narrow, 0)
    }

    /// What an operation gave, as a number of this type: lanes may be wider.
    fn rounded(&mut self, k: &Lanes, scalar: Scalar, v: V) -> V {
        if !k.is_widened(scalar) {
            return v;
        }
        let narrow = self.b.ins().fvdemote(v);
        self.b.ins().fvpromote_low(narrow)
    }

    /// Address and offset of the vector of the lanes from `first` on.
    fn vector_place(&mut self, k: &Lanes, base: V, ty: Type, place: &Place, first: usize) -> (V, i32) {
        let number = self.lane(k, place.number, 0);
        let at = self.element_base(base, ty.element(), number);
        let elements = if place.stride == Some(-1) { 1 - (first + k.per_vector()) as i32 } else { first as i32 };
        (at, data_offset(ty.rank()) + elements * element_bytes(ty.element()) as i32)
    }

    /// Between the order of lanes and that of memory, which is the other way round where numbers fall.
    fn in_lane_order(&mut self, place: &Place, v: V) -> V {
        if place.stride != Some(-1) {
            return v;
        }
        let ty = self.b.func.dfg.value_type(v);
        let order = if ty.lane_count() == 4 { &REVERSED } else { &SWAPPED };
        let halves = self.b.func.dfg.immediates.push(ConstantData::from(&order[..]));
        let bytes = self.as_vector(types::I8X16, v);
        let swapped = self.b.ins().shuffle(bytes, bytes, halves);
        self.as_vector(ty, swapped)
    }

    /// Elements are aligned as elements, not as vectors.
    fn vector_flags(&mut self, ty: Type) -> MemFlagsData {
        let region = self.flags(element_memory(ty.element())).alias_region();
        MemFlagsData::new().with_notrap().with_alias_region(region)
    }

    fn store_vectors(&mut self, k: &mut Lanes, store: &Store) {
        if !is_dense(&store.place) {
            return self.store_lanes(k, store);
        }
        let (base, ty) = self.array_of(k, store.array);
        let scalar = k.kernel.arrays[store.array].element;
        let values = self.vectors(k, store.value);
        for (n, v) in values.into_iter().enumerate() {
            let v = self.in_lane_order(&store.place, v);
            let place = self.vector_place(k, base, ty, &store.place, k.per_vector() * n);
            let v = if store.add {
                let old = self.load_vector(k, scalar, ty, place);
                self.b.ins().fadd(old, v)
            } else {
                v
            };
            self.store_vector(k, scalar, ty, v, place);
        }
    }

    fn store_lanes(&mut self, k: &mut Lanes, store: &Store) {
        if store.add && k.kernel.shape(store.place.number) == Shape::Uniform {
            return self.add_lanes(k, store);
        }
        let (base, ty) = self.array_of(k, store.array);
        for lane in 0..k.width {
            let number = self.number_in_lane(k, &store.place, lane);
            let mut v = self.lane(k, store.value, lane);
            if store.add {
                let old = self.load_element(base, ty, number);
                v = self.b.ins().fadd(old, v);
            }
            self.store_element(base, ty, number, v);
        }
    }

    /// Adds all lanes to one element, in their order.
    fn add_lanes(&mut self, k: &mut Lanes, store: &Store) {
        let (base, ty) = self.array_of(k, store.array);
        let number = k.scalar(store.place.number);
        let mut total = self.load_element(base, ty, number);
        for lane in 0..k.width {
            let v = self.lane(k, store.value, lane);
            total = self.b.ins().fadd(total, v);
        }
        self.store_element(base, ty, number, total);
    }

    // ---- operations ----

    fn lane_op(&mut self, k: &mut Lanes, result: Num, op: NumOp, args: &[Num]) -> Held {
        match k.kernel.shape(result) {
            Shape::Uniform => {
                let operands: SmallVec<[V; 3]> = args.iter().map(|a| k.scalar(*a)).collect();
                Held::Scalar(self.scalar_op(op, k.kernel.scalar(args[0]), &operands))
            }
            Shape::Linear => self.line_op(k, op, args),
            Shape::Varying => Held::Vectors(self.vector_op(k, op, args)),
            Shape::Ordered => unreachable!("ordered numbers are made lane by lane"),
        }
    }

    fn scalar_op(&mut self, op: NumOp, scalar: Scalar, args: &[V]) -> V {
        match op {
            NumOp::Unary(op) => self.unary_of(op, scalar, args[0]),
            NumOp::Binary(op) => self.binary_of(op, scalar, args[0], args[1]),
            NumOp::Compare(op) => self.compare_of(op, scalar, args[0], args[1]),
            NumOp::Select => self.b.ins().select(args[0], args[1], args[2]),
            NumOp::Convert(to) => self.convert_of(scalar, to, args[0]),
            NumOp::Guarded => self.guarded(args[0], args[1]),
            NumOp::Added => self.b.ins().fadd(args[0], args[1]),
        }
    }

    /// An index that grows by a stride.
    fn line_op(&mut self, k: &mut Lanes, op: NumOp, args: &[Num]) -> Held {
        let line = |k: &Lanes, num: Num| match k.held(num) {
            Held::Scalar(v) => (*v, Stride::Known(0)),
            Held::Line(base, stride) => (*base, *stride),
            Held::Vectors(_) | Held::Each(_) => unreachable!("{num:?} is linear"),
        };
        let (a, stride) = line(k, args[0]);
        match op {
            NumOp::Unary(UnaryOp::Neg) => {
                let minus = self.stride_times(stride, None, -1);
                Held::Line(self.b.ins().ineg(a), minus)
            }
            NumOp::Binary(BinaryOp::Mul) => {
                let (b, other) = line(k, args[1]);
                let product = self.b.ins().imul(a, b);
                let (stride, factor, by) = match stride {
                    Stride::Known(0) => (other, args[0], a),
                    _ => (stride, args[1], b),
                };
                let stride = match k.kernel.constant(factor) {
                    Some(Const::I64(x)) => self.stride_times(stride, None, *x),
                    _ => self.stride_times(stride, Some(by), 1),
                };
                Held::Line(product, stride)
            }
            NumOp::Binary(op) => {
                let (b, other) = line(k, args[1]);
                let subtract = op == BinaryOp::Sub;
                let base = if subtract { self.b.ins().isub(a, b) } else { self.b.ins().iadd(a, b) };
                let other = if subtract { self.stride_times(other, None, -1) } else { other };
                Held::Line(base, self.stride_sum(stride, other))
            }
            NumOp::Convert(_) => Held::Line(a, stride),
            NumOp::Unary(_) | NumOp::Compare(_) | NumOp::Select | NumOp::Guarded | NumOp::Added => {
                unreachable!("{op:?} is not linear")
            }
        }
    }

    fn stride_times(&mut self, stride: Stride, by: Option<V>, factor: i64) -> Stride {
        match (stride, by) {
            (Stride::Known(s), None) => Stride::Known(s.wrapping_mul(factor)),
            (Stride::Known(1), Some(by)) => Stride::Value(by),
            (Stride::Known(s), Some(by)) => Stride::Value(self.b.ins().imul_imm_s(by, s)),
            (Stride::Value(s), None) => Stride::Value(self.b.ins().imul_imm_s(s, factor)),
            (Stride::Value(s), Some(by)) => Stride::Value(self.b.ins().imul(s, by)),
        }
    }

    fn stride_sum(&mut self, a: Stride, b: Stride) -> Stride {
        match (a, b) {
            (Stride::Known(0), s) | (s, Stride::Known(0)) => s,
            (Stride::Known(a), Stride::Known(b)) => Stride::Known(a.wrapping_add(b)),
            (Stride::Value(a), Stride::Value(b)) => Stride::Value(self.b.ins().iadd(a, b)),
            (Stride::Value(a), Stride::Known(b)) | (Stride::Known(b), Stride::Value(a)) => {
                Stride::Value(self.b.ins().iadd_imm_s(a, b))
            }
        }
    }

    fn vector_op(&mut self, k: &mut Lanes, op: NumOp, args: &[Num]) -> SmallVec<[V; 4]> {
        let scalar = k.kernel.scalar(args[0]);
        if let NumOp::Convert(to) = op {
            return self.convert_lanes(k, scalar, to, args[0]);
        }
        let operands: SmallVec<[SmallVec<[V; 4]>; 3]> = args.iter().map(|a| self.vectors(k, *a)).collect();
        let mut results = SmallVec::new();
        for n in 0..k.count() {
            let of: SmallVec<[V; 3]> = operands.iter().map(|o| o[n]).collect();
            let v = match op {
                NumOp::Unary(op) => self.unary_vector(k, op, scalar, of[0]),
                NumOp::Binary(op) if scalar.is_float() => self.binary_vector(k, op, of[0], of[1]),
                NumOp::Binary(op) => self.binary_integers(op, of[0], of[1]),
                NumOp::Compare(op) => self.compare_vector(op, scalar, of[0], of[1]),
                NumOp::Select => self.choose(of[0], of[1], of[2]),
                NumOp::Guarded => self.guarded(of[0], of[1]),
                NumOp::Added => self.b.ins().fadd(of[0], of[1]),
                NumOp::Convert(_) => unreachable!("done above"),
            };
            results.push(if op.is_inexact() { self.rounded(k, scalar, v) } else { v });
        }
        results
    }

    /// See `dprog_ir::kernel::NumOp`; of scalars and of vectors.
    fn guarded(&mut self, t: V, p: V) -> V {
        let product = self.b.ins().fmul(t, p);
        let ty = self.b.func.dfg.value_type(product);
        let zero = if ty.is_vector() { self.zero_vector(ty) } else { self.zero(ty) };
        let is_nan = self.b.ins().fcmp(FloatCC::Unordered, product, product);
        let still = self.b.ins().fcmp(FloatCC::Equal, t, zero);
        let held = self.b.ins().band(is_nan, still);
        if ty.is_vector() { self.choose(held, t, product) } else { self.b.ins().select(held, t, product) }
    }

    /// `a` where the mask is set, else `b`.
    fn choose(&mut self, mask: V, a: V, b: V) -> V {
        let ty = self.b.func.dfg.value_type(a);
        let mask = if ty.lane_type().is_int() { mask } else { self.as_vector(ty, mask) };
        self.b.ins().bitselect(mask, a, b)
    }

    pub(super) fn as_vector(&mut self, ty: ClifType, v: V) -> V {
        let flags = MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little);
        self.b.ins().bitcast(ty, flags, v)
    }

    fn unary_vector(&mut self, k: &mut Lanes, op: UnaryOp, scalar: Scalar, v: V) -> V {
        match op {
            UnaryOp::Not => self.b.ins().bnot(v),
            UnaryOp::Neg if scalar == Scalar::I64 => self.b.ins().ineg(v),
            UnaryOp::Neg => self.b.ins().fneg(v),
            UnaryOp::Abs => self.b.ins().fabs(v),
            UnaryOp::Sqrt => self.b.ins().sqrt(v),
            UnaryOp::Floor if self.has_rounding() => self.b.ins().floor(v),
            UnaryOp::Ceil if self.has_rounding() => self.b.ins().ceil(v),
            UnaryOp::Trunc if self.has_rounding() => self.b.ins().trunc(v),
            UnaryOp::Sign => {
                let ty = self.b.func.dfg.value_type(v);
                let zero = self.zero_vector(ty);
                let ones = [1.0, -1.0].map(|x| self.table_float(k, ty, x));
                let less = self.b.ins().fcmp(FloatCC::LessThan, v, zero);
                let greater = self.b.ins().fcmp(FloatCC::GreaterThan, v, zero);
                let negative = self.choose(less, ones[1], v);
                self.choose(greater, ones[0], negative)
            }
            UnaryOp::Cbrt
            | UnaryOp::Exp
            | UnaryOp::Exp2
            | UnaryOp::Expm1
            | UnaryOp::Log
            | UnaryOp::Log2
            | UnaryOp::Log10
            | UnaryOp::Log1p
            | UnaryOp::Sin
            | UnaryOp::Cos
            | UnaryOp::Tan
            | UnaryOp::Asin
            | UnaryOp::Acos
            | UnaryOp::Atan
            | UnaryOp::Sinh
            | UnaryOp::Cosh
            | UnaryOp::Tanh
            | UnaryOp::Asinh
            | UnaryOp::Acosh
            | UnaryOp::Atanh
            | UnaryOp::Erf
            | UnaryOp::Erfc
            | UnaryOp::Sigmoid
            | UnaryOp::Softplus
            | UnaryOp::Round
            | UnaryOp::Floor
            | UnaryOp::Ceil
            | UnaryOp::Trunc => self.elementary_lanes(k, Formula::Unary(op), &[v]),
            UnaryOp::Lgamma | UnaryOp::Digamma | UnaryOp::Trigamma => unreachable!("{op:?} has no vector code"),
        }
    }

    fn binary_vector(&mut self, k: &mut Lanes, op: BinaryOp, a: V, b: V) -> V {
        match op {
            BinaryOp::Add => self.float_sum(a, b),
            BinaryOp::Sub => self.float_difference(a, b),
            BinaryOp::Mul => self.b.ins().fmul(a, b),
            BinaryOp::Div => self.b.ins().fdiv(a, b),
            BinaryOp::Min => self.first_vector_if(FloatCC::LessThanOrEqual, a, b),
            BinaryOp::Max => self.first_vector_if(FloatCC::GreaterThanOrEqual, a, b),
            BinaryOp::CopySign => {
                let ty = self.b.func.dfg.value_type(a);
                let sign = self.table_float(k, ty, -0.0);
                self.b.ins().bitselect(sign, b, a)
            }
            BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Hypot => self.elementary_lanes(k, Formula::Binary(op), &[a, b]),
            BinaryOp::Rem
            | BinaryOp::Polygamma
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Xor
            | BinaryOp::Shl
            | BinaryOp::Shr => unreachable!("{op:?} of vectors of floats"),
        }
    }

    /// `a` if the comparison holds or `a` is NaN; else `b`.
    fn first_vector_if(&mut self, cc: FloatCC, a: V, b: V) -> V {
        let (wins, nan) = (self.b.ins().fcmp(cc, a, b), self.b.ins().fcmp(FloatCC::Unordered, a, a));
        let winner = self.choose(wins, a, b);
        self.choose(nan, a, winner)
    }

    /// Integers, and bools as masks.
    fn binary_integers(&mut self, op: BinaryOp, a: V, b: V) -> V {
        match op {
            BinaryOp::Add => self.b.ins().iadd(a, b),
            BinaryOp::Sub => self.b.ins().isub(a, b),
            BinaryOp::Mul => self.b.ins().imul(a, b),
            BinaryOp::And => self.b.ins().band(a, b),
            BinaryOp::Or => self.b.ins().bor(a, b),
            BinaryOp::Xor => self.b.ins().bxor(a, b),
            BinaryOp::Min | BinaryOp::Max => {
                let cc = if op == BinaryOp::Min { IntCC::SignedLessThan } else { IntCC::SignedGreaterThan };
                let first = self.b.ins().icmp(cc, a, b);
                self.b.ins().bitselect(first, a, b)
            }
            BinaryOp::Div
            | BinaryOp::Rem
            | BinaryOp::Pow
            | BinaryOp::Atan2
            | BinaryOp::Hypot
            | BinaryOp::CopySign
            | BinaryOp::Polygamma
            | BinaryOp::Shl
            | BinaryOp::Shr => unreachable!("{op:?} of vectors of integers"),
        }
    }

    fn compare_vector(&mut self, op: CompareOp, scalar: Scalar, a: V, b: V) -> V {
        match scalar {
            Scalar::F64 | Scalar::F32 => self.b.ins().fcmp(float_condition(op), a, b),
            Scalar::I64 => self.b.ins().icmp(signed_condition(op), a, b),
            // True is all ones, which is less than none as a signed number.
            _ => self.b.ins().icmp(signed_condition(op).swap_args(), a, b),
        }
    }

    fn convert_lanes(&mut self, k: &mut Lanes, from: Scalar, to: Scalar, num: Num) -> SmallVec<[V; 4]> {
        if (from == Scalar::I64 && to.is_float()) || (from.is_float() && to == Scalar::I64) {
            let lanes: Vec<V> = (0..k.width).map(|lane| self.lane(k, num, lane)).collect();
            let converted: Vec<V> = lanes.into_iter().map(|v| self.convert_of(from, to, v)).collect();
            return converted.chunks(k.per_vector()).map(|of| self.vector_of(k, to, of)).collect();
        }
        let vectors = self.vectors(k, num);
        vectors.into_iter().map(|v| self.convert_vector(k, from, to, v)).collect()
    }

    fn convert_vector(&mut self, k: &mut Lanes, from: Scalar, to: Scalar, v: V) -> V {
        match (from, to) {
            (Scalar::F64 | Scalar::F32, Scalar::Bool) => {
                let zero = self.zero_vector(k.vector_type(from));
                self.b.ins().fcmp(FloatCC::NotEqual, v, zero)
            }
            (Scalar::I64, Scalar::Bool) => {
                let zero = self.table_vector(k, types::I64X2, [0; 2]);
                self.b.ins().icmp(IntCC::NotEqual, v, zero)
            }
            (Scalar::Bool, Scalar::F64 | Scalar::F32) => {
                let one = self.table_float(k, k.vector_type(to), 1.0);
                let one = self.as_vector(k.vector_type(from), one);
                let bits = self.b.ins().band(v, one);
                self.as_vector(k.vector_type(to), bits)
            }
            (Scalar::F64, Scalar::F32) => self.rounded(k, to, v),
            (Scalar::Bool, Scalar::I64) => {
                let one = self.table_vector(k, types::I64X2, [1; 2]);
                self.b.ins().band(v, one)
            }
            (_, _) => v,
        }
    }

    /// An elementary function of a vector: of f32 in two halves as f64.
    fn elementary_lanes(&mut self, k: &mut Lanes, formula: Formula, args: &[V]) -> V {
        if self.b.func.dfg.value_type(args[0]) != types::F32X4 {
            return self.formula(k, formula, args);
        }
        let low: SmallVec<[V; 2]> = args.iter().map(|v| self.b.ins().fvpromote_low(*v)).collect();
        let high: SmallVec<[V; 2]> = args.iter().map(|v| self.high_half(*v)).collect();
        let [low, high] = [low, high].map(|half| self.formula(k, formula, &half)).map(|half| self.two_floats(half));
        let both = self.b.ins().scalar_to_vector(types::F64X2, low);
        let both = self.b.ins().insertlane(both, high, 1);
        self.as_vector(types::F32X4, both)
    }

    /// The last two of four floats, as f64.
    fn high_half(&mut self, v: V) -> V {
        let halves = self.as_vector(types::F64X2, v);
        let high = self.b.ins().extractlane(halves, 1);
        let high = self.b.ins().scalar_to_vector(types::F64X2, high);
        let high = self.as_vector(types::F32X4, high);
        self.b.ins().fvpromote_low(high)
    }

    /// An elementary function of a vector of f64.
    fn formula(&mut self, k: &mut Lanes, formula: Formula, args: &[V]) -> V {
        let (base, flags) = (k.table.unwrap_or_else(|| self.table_base()), self.table_flags());
        let Lower { b, clif, program, table, .. } = self;
        let bytes = &mut table.as_mut().expect("there is one now").1;
        let mut offset = |bits: u64| table_offset(&mut k.constants, bytes, [bits; 2]);
        let mut find_rare = |func: &mut cranelift_codegen::ir::Function, rare: Rare| {
            let id = function_for(*clif, program, rare);
            clif.declare_func_in_func(id, func)
        };
        let pool = Pool { base, flags, offset: &mut offset };
        emit_with(b, formula, args, &mut find_rare, Some(pool)).expect("a function of vectors")
    }
}

impl<M: ClifModule> Lower<'_, '_, M> {
    /// The function of the rare case with this number.
    pub(super) fn rare_function(&mut self, number: u8) -> ClifFuncId {
        function_for(self.clif, self.program, Rare::ALL[number as usize])
    }
}

/// The two numbers of a vector the other way round, in bytes.
const SWAPPED: [u8; 16] = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7];
/// The same of four.
const REVERSED: [u8; 16] = [12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3];

/// Whether the lanes are next to each other in memory.
fn is_dense(place: &Place) -> bool {
    matches!(place.stride, Some(1 | -1))
}

impl Lanes<'_> {
    /// One more lane of a number of the ordered part.
    fn add_lane(&mut self, num: Num, v: V) {
        let mut lanes = match self.held(num) {
            Held::Each(lanes) => lanes.clone(),
            Held::Scalar(_) | Held::Line(..) | Held::Vectors(_) => unreachable!("{num:?} is ordered"),
        };
        lanes.push(v);
        self.hold(num, Held::Each(lanes));
    }
}

/// Numbers that an inner loop carries, from the values of a block's parameters.
fn hold_carried(k: &mut Lanes, inner: &Inner, values: &[V], which: impl Fn(&dprog_ir::kernel::InnerCarried) -> Num) {
    let mut rest = values;
    for carried in &inner.carried {
        let count = if k.kernel.shape(carried.param) == Shape::Uniform { 1 } else { k.count() };
        let (mine, after) = rest.split_at(count);
        let held = if k.kernel.shape(carried.param) == Shape::Uniform {
            Held::Scalar(mine[0])
        } else {
            Held::Vectors(SmallVec::from_slice(mine))
        };
        k.hold(which(carried), held);
        rest = after;
    }
}

/// The function that does a rare case: the whole one, which gives the same there.
fn function_for<M: ClifModule>(clif: &mut M, program: &mut Program, rare: Rare) -> ClifFuncId {
    let op = match rare {
        Rare::Sin => UnaryOp::Sin,
        Rare::Cos => UnaryOp::Cos,
        Rare::Tan => UnaryOp::Tan,
    };
    if let Some(bare) = &mut program.bare {
        let id = bare.math.get(clif, Formula::Unary(op), types::F64).expect("a local function");
        return id.expect("there is such a function");
    }
    let name = unary_symbols(op).expect("a function of the runtime")[0];
    let convention = clif.isa().default_call_conv();
    *program.runtime.entry(name).or_insert_with(|| {
        let signature = crate::abi::runtime_signature(name, convention);
        clif.declare_function(name, cranelift_module::Linkage::Import, &signature).expect("one signature per name")
    })
}
