//! Operations over whole arrays: those with a body become loops here, the others are kernels of the runtime.

use super::kernel::Bounds;
use super::*;
use crate::bare::sum_of;
use crate::types::element_bytes;
use cranelift_codegen::ir::condcodes::FloatCC;
use dprog_ir::{ReduceOp, Scalar};
use dprog_runtime::layout::{DIMS, MAX_SMALL, class_bytes, class_of, data_offset};

/// Bytes of elements that an empty array has room for.
const ROOM_TO_GROW: usize = 96;
/// Lists to which a trip of a loop pushes several elements begin with room for as many trips, up to here.
const MOST_PUSHES: usize = 32;

impl<M: ClifModule> Lower<'_, '_, M> {
    // ---- making ----

    /// A new array of type `ty` with unset elements.
    pub(super) fn new_array(&mut self, ty: Type, sizes: &[V]) -> V {
        let (desc, row, rank) = (self.desc(ty), self.row(sizes), self.word(sizes.len() as i64));
        self.runtime_object("dprog_rt_new_array", &[self.ctx, desc, row, rank])
    }

    pub(super) fn fill(&mut self, result: Value, args: &[Value]) -> V {
        let sizes: Vec<V> = args[1..].iter().map(|v| self.get(*v)).collect();
        if self.is_bare() {
            return self.bare_fill(result, self.get(args[0]), &sizes);
        }
        if self.offer(result).is_some() {
            let bits = self.bits(args[0]);
            return self.placed_fill(result, bits, &sizes);
        }
        let (desc, row, rank) = (self.desc(self.ty(result)), self.row(&sizes), self.word(sizes.len() as i64));
        let bits = self.bits(args[0]);
        self.runtime_object("dprog_rt_fill", &[self.ctx, desc, row, rank, bits])
    }

    fn placed_fill(&mut self, result: Value, bits: V, sizes: &[V]) -> V {
        let array = self.make(result, sizes);
        let count = self.product_of(sizes);
        self.set_elements(result, count, bits);
        array
    }

    pub(super) fn elements(&mut self, result: Value, args: &[Value]) -> V {
        let ty = self.ty(result);
        let size = element_bytes(ty.element()) as usize;
        let head = data_offset(1) as usize;
        // An empty array mostly is one that will grow.
        let pushes = self.pushes.get(&result).copied().unwrap_or(1);
        let wanted = if args.is_empty() { ROOM_TO_GROW * pushes.min(MOST_PUSHES) } else { args.len() * size };
        let count = self.word(args.len() as i64);
        let array = if self.offer(result).is_some() {
            self.make(result, &[count])
        } else if head + wanted <= MAX_SMALL {
            let room = (class_bytes(class_of(head + wanted)) - head) / size;
            let array = self.small_list(ty, count, room, class_of(head + wanted));
            self.store(Memory::Sizes, count, array, DIMS);
            array
        } else {
            self.new_array(ty, &[count])
        };
        let base = self.bases.get(&result).copied().unwrap_or(array);
        for (i, arg) in args.iter().enumerate() {
            let (number, v) = (self.word(i as i64), self.get(*arg));
            self.store_element(base, ty, number, v);
        }
        array
    }

    pub(super) fn reshape(&mut self, result: Value, args: &[Value]) -> V {
        let sizes: Vec<V> = args[1..].iter().map(|v| self.get(*v)).collect();
        if self.is_bare() || self.lies_apart(args[0]) {
            return self.bare_reshape(self.ty(result), args[0], &sizes);
        }
        let (desc, row, rank) = (self.desc(self.ty(result)), self.row(&sizes), self.word(sizes.len() as i64));
        let old_rank = self.word(self.ty(args[0]).rank() as i64);
        self.runtime_object("dprog_rt_reshape", &[self.ctx, desc, self.get(args[0]), old_rank, row, rank])
    }

    // ---- bodies ----

    /// A loop over `0..count`; `body` gets the number. See [`Self::counted`].
    pub(super) fn count_up(
        &mut self,
        count: V,
        carried: &[V],
        long: bool,
        body: impl FnOnce(&mut Self, V, &[V]) -> Vec<V>,
    ) -> Vec<V> {
        let zero = self.word(0);
        self.counted((zero, count), carried, long, body)
    }

    fn sizes(&mut self, array: V, rank: usize) -> Vec<V> {
        (0..rank).map(|axis| self.dim(array, axis)).collect()
    }

    pub(super) fn product_of(&mut self, sizes: &[V]) -> V {
        let mut product = sizes[0];
        for size in &sizes[1..] {
            product = self.b.ins().imul(product, *size);
        }
        product
    }

    /// How many elements the operands of a `map` have, which must be of one shape.
    pub(super) fn common_count(&mut self, data: &InstData) -> V {
        let arrays: Vec<V> = data.args.iter().map(|v| self.get(*v)).collect();
        let rank = self.ty(data.args[0]).rank();
        arrays[1..].iter().for_each(|other| self.same_shape(arrays[0], *other, rank));
        let sizes = self.sizes(arrays[0], rank);
        self.product_of(&sizes)
    }

    pub(super) fn map(&mut self, inst: Inst) {
        let func = self.func;
        let data = &func.insts[inst];
        if let Some(fold) = self.folds.get(&inst).copied() {
            return self.fold(inst, fold);
        }
        let arrays: Vec<V> = data.args.iter().map(|v| self.get(*v)).collect();
        let bases: Vec<V> = data.args.iter().map(|v| self.base(*v)).collect();
        let rank = self.ty(data.args[0]).rank();
        for other in &arrays[1..] {
            self.same_shape(arrays[0], *other, rank);
        }
        let sizes = self.sizes(arrays[0], rank);
        let results: Vec<V> = data.results.iter().map(|r| self.make(*r, &sizes)).collect();
        let count = self.product_of(&sizes);
        let body = data.regions[0];
        let long = self.is_long(body);
        self.set_all(&data.results, &results);
        let lo = self.word(0);
        let from = self.kernel(inst).map(|kernel| {
            let bounds = Bounds { lo, hi: count, carried: &[], first: None, lanes: None, tiles: &[] };
            self.run_kernel(&kernel, &bounds, long).0
        });
        let trips = self.trips(lo, count, long);
        self.counted_by(1, (from.unwrap_or(lo), count), &[], trips, |this, number, _| {
            for ((param, arg), array) in func.regions[body].params.iter().zip(&data.args).zip(&bases) {
                let v = this.load_element(*array, this.ty(*arg), number);
                this.values[param.index()] = Some(v);
            }
            this.fill_in(body, &data.results, number);
            Vec::new()
        });
    }

    /// Runs the body and puts what it yields into the arrays at `number`.
    fn fill_in(&mut self, body: Region, results: &[Value], number: V) {
        let yields = self.region(body);
        for (result, v) in results.iter().zip(yields) {
            self.store_element(self.base(*result), self.ty(*result), number, v);
        }
    }

    pub(super) fn build(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        if let Some(fold) = self.folds.get(&inst).copied() {
            return self.fold(inst, fold);
        }
        let sizes: Vec<V> = data.args.iter().map(|v| self.get(*v)).collect();
        let results: Vec<V> = data.results.iter().map(|r| self.make(*r, &sizes)).collect();
        let zero = self.word(0);
        self.set_all(&data.results, &results);
        self.build_axis(inst, &sizes, 0, zero);
    }

    /// The loop over one axis; `number` is that of the first element; gives the number behind the last.
    fn build_axis(&mut self, inst: Inst, sizes: &[V], axis: usize, number: V) -> V {
        let data = &self.func.insts[inst];
        let param = self.func.regions[data.regions[0]].params[axis];
        let last = axis + 1 == sizes.len();
        let long = !last || self.is_long(data.regions[0]);
        let (zero, size) = (self.word(0), sizes[axis]);
        if last {
            let kernel = self.kernel(inst);
            let bounds = Bounds { lo: zero, hi: size, carried: &[], first: Some(number), lanes: None, tiles: &[] };
            self.loop_with_kernel(kernel.as_ref(), &bounds, long, |this, i, _| {
                this.values[param.index()] = Some(i);
                let number = this.b.ins().iadd(number, i);
                this.fill_in(data.regions[0], &data.results, number);
                Vec::new()
            });
            return self.b.ins().iadd(number, size);
        }
        let trips = self.trips(zero, size, long);
        self.counted_by(1, (zero, size), &[number], trips, |this, i, carried| {
            this.values[param.index()] = Some(i);
            vec![this.build_axis(inst, sizes, axis + 1, carried[0])]
        })[0]
    }

    fn same_shape(&mut self, a: V, b: V, rank: usize) {
        for axis in 0..rank {
            let (x, y) = (self.dim(a, axis), self.dim(b, axis));
            let same = self.b.ins().icmp(IntCC::Equal, x, y);
            self.trap_unless(same, TrapCode::Shape, y, x);
        }
    }

    // ---- reductions ----

    pub(super) fn reduce(&mut self, inst: Inst, op: ReduceOp, x: Value) -> V {
        if let Some(value) = self.folded(op, x) {
            return value;
        }
        let scalar = self.ty(x).element().as_scalar().expect("an array of scalars");
        match op {
            ReduceOp::Sum if scalar.is_float() => {
                if let (true, Some(which)) = (self.is_bare() || self.lies_apart(x), sum_of(op, scalar == Scalar::F32)) {
                    return self.bare_sum(which, x);
                }
                let name = if scalar == Scalar::F64 { "dprog_rt_sum_f64" } else { "dprog_rt_sum_f32" };
                let rank = self.word(self.ty(x).rank() as i64);
                self.runtime(name, &[self.get(x), rank]).expect("gives a float")
            }
            ReduceOp::Sum => self.integer_sum(x),
            ReduceOp::Max | ReduceOp::Min => self.extreme(inst, op, x).unwrap_or_else(|| self.winner(op, scalar, x)[1]),
            ReduceOp::ArgMax | ReduceOp::ArgMin => match self.extreme(inst, op, x) {
                Some(best) => self.position_of(best, x),
                None => self.winner(op, scalar, x)[0],
            },
        }
    }

    pub(super) fn count_elements(&mut self, x: Value) -> V {
        let sizes = self.sizes(self.get(x), self.ty(x).rank());
        self.product_of(&sizes)
    }

    fn integer_sum(&mut self, x: Value) -> V {
        let (array, ty) = (self.base(x), self.ty(x));
        let count = self.count_elements(x);
        let zero = self.zero(register(ty.element()));
        self.count_up(count, &[zero], false, |this, i, sum| {
            let v = this.load_element(array, ty, i);
            vec![this.b.ins().iadd(sum[0], v)]
        })[0]
    }

    /// Number and value of the winner: the first of equals, the first NaN of all.
    fn winner(&mut self, op: ReduceOp, scalar: Scalar, x: Value) -> Vec<V> {
        let (array, ty) = (self.base(x), self.ty(x));
        let count = self.count_elements(x);
        let zero = self.word(0);
        self.trap_unless(count, TrapCode::EmptyReduce, zero, zero);
        let first = self.load_element(array, ty, zero);
        let max = matches!(op, ReduceOp::Max | ReduceOp::ArgMax);
        self.count_up(count, &[zero, first], false, |this, i, best| {
            let v = this.load_element(array, ty, i);
            let wins = this.wins(max, scalar, v, best[1]);
            vec![this.b.ins().select(wins, i, best[0]), this.b.ins().select(wins, v, best[1])]
        })
    }

    /// The number of the first element that is `best`, or not a number: there is one.
    fn position_of(&mut self, best: V, x: Value) -> V {
        let (array, ty, zero) = (self.base(x), self.ty(x), self.word(0));
        let (look, found) = (self.block(&[types::I64]), self.block(&[types::I64]));
        self.jump(look, &[zero]);
        self.b.switch_to_block(look);
        let i = self.params(look)[0];
        let v = self.load_element(array, ty, i);
        let (same, nan) = (self.b.ins().fcmp(FloatCC::Equal, v, best), self.b.ins().fcmp(FloatCC::Unordered, v, v));
        let here = self.b.ins().bor(same, nan);
        let next = self.b.ins().iadd_imm_s(i, 1);
        self.brif(here, found, &[i], look, &[next]);
        self.b.switch_to_block(found);
        self.params(found)[0]
    }

    fn wins(&mut self, max: bool, scalar: Scalar, v: V, best: V) -> V {
        if scalar.is_float() {
            let cc = if max { FloatCC::GreaterThan } else { FloatCC::LessThan };
            let (better, nan) = (self.b.ins().fcmp(cc, v, best), self.b.ins().fcmp(FloatCC::Unordered, v, v));
            let best_is_number = self.b.ins().fcmp(FloatCC::Ordered, best, best);
            let first_nan = self.b.ins().band(nan, best_is_number);
            return self.b.ins().bor(better, first_nan);
        }
        let cc = if max { IntCC::SignedGreaterThan } else { IntCC::SignedLessThan };
        let narrow = matches!(scalar, Scalar::U8 | Scalar::Bool);
        self.b.ins().icmp(if narrow { cc.unsigned() } else { cc }, v, best)
    }

    // ---- kernels ----

    fn is_narrow(&self, x: Value) -> bool {
        self.ty(x).element() == Type::F32
    }

    pub(super) fn dot(&mut self, args: &[Value]) -> V {
        let (x, y, rank) = (self.get(args[0]), self.get(args[1]), self.ty(args[0]).rank());
        self.same_shape(x, y, rank);
        if self.is_bare() || self.lies_apart(args[0]) || self.lies_apart(args[1]) {
            let which = if self.is_narrow(args[0]) { Support::DotF32 } else { Support::DotF64 };
            return self.bare_dot(which, args[0], args[1]);
        }
        let name = if self.is_narrow(args[0]) { "dprog_rt_dot_f32" } else { "dprog_rt_dot_f64" };
        let rank = self.word(rank as i64);
        self.runtime(name, &[x, y, rank]).expect("gives a float")
    }

    /// A matrix product, `matmul` or `matvec`.
    pub(super) fn product(&mut self, kind: &str, result: Value, args: &[Value], flags: i64) -> V {
        let name = match (kind, self.is_narrow(args[0])) {
            ("matmul", false) => "dprog_rt_matmul_f64",
            ("matmul", true) => "dprog_rt_matmul_f32",
            (_, false) => "dprog_rt_matvec_f64",
            (_, true) => "dprog_rt_matvec_f32",
        };
        let (desc, flags) = (self.desc(self.ty(result)), self.int(types::I32, flags));
        let [a, b] = [args[0], args[1]].map(|v| (self.get(v), self.base(v)));
        self.product_into(name, result, &[self.ctx, desc, a.0, a.1, b.0, b.1, flags])
    }

    /// The runtime takes the place that the caller offers, or makes an array.
    fn product_into(&mut self, name: &'static str, result: Value, args: &[V]) -> V {
        let (header, place) = match self.offer(result) {
            Some(offer) => offer,
            None => (self.word(0), self.word(0)),
        };
        let array = self.runtime_object(name, &[args, &[header, place]].concat());
        self.lies_where_offered(result, array);
        array
    }

    pub(super) fn outer(&mut self, result: Value, args: &[Value]) -> V {
        let name = if self.is_narrow(args[0]) { "dprog_rt_outer_f32" } else { "dprog_rt_outer_f64" };
        let desc = self.desc(self.ty(result));
        let [x, y] = [args[0], args[1]].map(|v| (self.get(v), self.base(v)));
        let none = self.int(types::I32, 0);
        self.product_into(name, result, &[self.ctx, desc, x.0, x.1, y.0, y.1, none])
    }

    pub(super) fn sort_permutation(&mut self, result: Value, x: Value) -> V {
        let scalar = self.ty(x).element().as_scalar().expect("an array of scalars");
        let number = Scalar::ALL.iter().position(|s| *s == scalar).expect("a scalar of the table");
        let (desc, number) = (self.desc(self.ty(result)), self.int(types::I32, number as i64));
        self.runtime_object("dprog_rt_sort_permutation", &[self.ctx, desc, self.get(x), number])
    }
}
