//! Sums and extremes of elements that nobody else wants: no array is made.
//!
//! ```text
//! %y = map (%a = %x) { … yield %b }        for each element: %b; added to its lane of the sum
//! %s = reduce sum %y                  →    %s is the sum of the lanes
//! release %y
//! ```
//!
//! The loop stands where the `map` or `build` stood, so traps keep their order. A sum has its eight lanes in memory, where what the
//! kernel leaves goes on, trip after trip; see `ReduceOp::Sum`. The least or greatest element is carried.

use super::kernel::{Bounds, worst};
use super::*;
use dprog_ir::{BinaryOp, ReduceOp, Scalar, walk};

/// The results of `map` and `build` that are only read by one reduction, with that reduction.
pub(super) fn foldable(func: &Function) -> FxHashMap<Value, ReduceOp> {
    let mut found: FxHashMap<Value, Option<ReduceOp>> = FxHashMap::default();
    let Some(entry) = func.entry() else { return FxHashMap::default() };
    walk::for_each_inst(func, entry, &mut |inst| {
        let data = &func.insts[inst];
        let is_producer = data.op == Op::Map || (data.op == Op::Build && data.args.len() == 1);
        if let ([result], true) = (&data.results[..], is_producer)
            && func.value_type(*result).element() == Type::F64
        {
            found.insert(*result, None);
        }
        for arg in &data.args {
            let Some(fold) = found.get_mut(arg) else { continue };
            if let (Op::Reduce(op @ (ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min)), None) = (&data.op, *fold) {
                *fold = Some(*op);
            } else if data.op != Op::Release {
                found.remove(arg);
            }
        }
    });
    walk::for_each_region(func, entry, &mut |region| {
        func.regions[region].yields.iter().for_each(|v| {
            found.remove(v);
        });
    });
    found.into_iter().filter_map(|(v, op)| Some((v, op?))).collect()
}

impl<M: ClifModule> Lower<'_, '_, M> {
    /// Reduces what a `map` or `build` computes.
    pub(super) fn fold(&mut self, inst: Inst, op: ReduceOp) {
        let func = self.func;
        let data = &func.insts[inst];
        let body = data.regions[0];
        let count = self.trips_of(data);
        let zero = self.word(0);
        let (lanes, carried) = match op {
            ReduceOp::Sum => {
                let nothing = self.zero(types::F64);
                (Some(self.row(&[nothing; 8])), Vec::new())
            }
            ReduceOp::Max | ReduceOp::Min | ReduceOp::ArgMax | ReduceOp::ArgMin => {
                (None, vec![self.b.ins().f64const(worst(extreme_op(op)))])
            }
        };
        let long = self.is_long(body);
        let trips = self.trips(zero, count, long);
        let (mut from, mut begin) = (zero, carried);
        if let Some(kernel) = self.folding_kernel(inst, Some(op)) {
            let bounds = Bounds { lo: zero, hi: count, carried: &begin, first: Some(zero), lanes };
            (from, begin) = self.run_kernel(&kernel, &bounds, long);
        }
        let best = self.counted_by(1, (from, count), &begin, trips, |this, i, carried| {
            this.begin_trip(data, i);
            let v = this.region(body)[0];
            match lanes {
                Some(lanes) => {
                    this.add_to_lane(lanes, i, v);
                    Vec::new()
                }
                None => vec![this.binary_of(extreme_op(op), Scalar::F64, carried[0], v)],
            }
        });
        let value = lanes.map_or_else(|| best[0], |lanes| self.sum_of_lanes(lanes));
        self.folded.insert(data.results[0], (value, count));
    }

    /// How many elements a `map` or `build` has; traps where it would.
    fn trips_of(&mut self, data: &InstData) -> V {
        if data.op == Op::Map {
            return self.common_count(data);
        }
        let (size, zero) = (self.get(data.args[0]), self.word(0));
        let fine = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, size, 0);
        self.trap_unless(fine, TrapCode::NegativeSize, size, zero);
        size
    }

    /// The body's parameters in trip `i`.
    fn begin_trip(&mut self, data: &InstData, i: V) {
        let func = self.func;
        let params = &func.regions[data.regions[0]].params;
        if data.op == Op::Build {
            self.values[params[0].index()] = Some(i);
            return;
        }
        for (param, arg) in params.iter().zip(&data.args) {
            let v = self.load_element(self.base(*arg), self.ty(*arg), i);
            self.values[param.index()] = Some(v);
        }
    }

    fn add_to_lane(&mut self, lanes: V, i: V, v: V) {
        let lane = self.b.ins().band_imm_u(i, 7);
        let offset = self.b.ins().ishl_imm_u(lane, 3);
        let at = self.b.ins().iadd(lanes, offset);
        let old = self.load(types::F64, Memory::Stack, at, 0);
        let sum = self.b.ins().fadd(old, v);
        self.store(Memory::Stack, sum, at, 0);
    }

    /// `((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))`
    fn sum_of_lanes(&mut self, lanes: V) -> V {
        let l: Vec<V> = (0..8).map(|k| self.load(types::F64, Memory::Stack, lanes, 8 * k)).collect();
        let mut add = |a: V, b: V| self.b.ins().fadd(a, b);
        let (a, b, c, d) = (add(l[0], l[4]), add(l[2], l[6]), add(l[1], l[5]), add(l[3], l[7]));
        let (left, right) = (add(a, b), add(c, d));
        add(left, right)
    }

    /// What a reduction gives whose elements were reduced where they were made.
    pub(super) fn folded(&mut self, op: ReduceOp, x: Value) -> Option<V> {
        let (value, count) = *self.folded.get(&x)?;
        if op != ReduceOp::Sum {
            let zero = self.word(0);
            self.trap_unless(count, TrapCode::EmptyReduce, zero, zero);
        }
        Some(value)
    }

    /// The least or greatest element of an array, by a kernel.
    pub(super) fn extreme(&mut self, inst: Inst, op: ReduceOp, x: Value) -> Option<V> {
        let kernel = self.kernel(inst)?;
        let (count, zero) = (self.count_elements(x), self.word(0));
        self.trap_unless(count, TrapCode::EmptyReduce, zero, zero);
        let op = extreme_op(op);
        let begin = [self.b.ins().f64const(worst(op))];
        let bounds = Bounds { lo: zero, hi: count, carried: &begin, first: None, lanes: None };
        let (from, begin) = self.run_kernel(&kernel, &bounds, false);
        let trips = self.trips(zero, count, false);
        let best = self.counted_by(1, (from, count), &begin, trips, |this, i, best| {
            let v = this.load_element(this.base(x), this.ty(x), i);
            vec![this.binary_of(op, Scalar::F64, best[0], v)]
        });
        Some(best[0])
    }
}

fn extreme_op(op: ReduceOp) -> BinaryOp {
    match op {
        ReduceOp::Max | ReduceOp::ArgMax => BinaryOp::Max,
        ReduceOp::Min | ReduceOp::ArgMin => BinaryOp::Min,
        ReduceOp::Sum => unreachable!("a sum is no extreme"),
    }
}
