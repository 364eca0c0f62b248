//! Sums and extremes of elements where these are made. Of elements that nobody else wants no array is made.
//!
//! ```text
//! %y = map (%a = %x) { … yield %b }        for each element: %b; added to its lane of the sum
//! %s = reduce sum %y                  →    %s is the sum of the lanes
//! release %y
//! ```
//!
//! Where others want the array too, it is made in the same loop, and so are other results of the `map`.
//!
//! The loop stands where the `map` or `build` stood, so traps keep their order. A sum has its eight lanes in memory, where what the
//! kernel leaves goes on, trip after trip; see `ReduceOp::Sum`. The least or greatest element is carried.

use super::kernel::{Bounds, worst};
use super::*;
use dprog_ir::kernel::Fold;
use dprog_ir::{BinaryOp, ReduceOp, walk};

/// A result of a `map` or `build` on its way to [`foldable`].
struct Candidate {
    producer: Inst,
    result: usize,
    home: Region,
    fold: Option<ReduceOp>,
    /// The fold stands in the region of the producer, so that it happens whenever the array is made.
    near: bool,
    /// Somebody else wants the array.
    wanted: bool,
}

/// The `map` and `build` of which a result is read by a reduction, with that reduction: of one result of each.
pub(super) fn foldable(func: &Function) -> FxHashMap<Inst, Fold> {
    let mut found: FxHashMap<Value, Candidate> = FxHashMap::default();
    let Some(entry) = func.entry() else { return FxHashMap::default() };
    walk::for_each_region(func, entry, &mut |region| {
        for inst in &func.regions[region].insts {
            let data = &func.insts[*inst];
            if data.op == Op::Map || (data.op == Op::Build && data.args.len() == 1) {
                let floats = data.results.iter().enumerate().filter(|(_, v)| func.value_type(**v).element().is_float());
                found.extend(floats.map(|(result, v)| {
                    let candidate =
                        Candidate { producer: *inst, result, home: region, fold: None, near: false, wanted: false };
                    (*v, candidate)
                }));
            }
        }
    });
    walk::for_each_region(func, entry, &mut |region| note_uses(func, region, &mut found));
    let mut folds: FxHashMap<Inst, Fold> = FxHashMap::default();
    let mut candidates: Vec<Candidate> = found.into_values().filter(|c| c.near || !c.wanted).collect();
    // What need not be stored gains most.
    candidates.sort_by_key(|c| (c.wanted, c.result));
    for c in candidates {
        if let Some(op) = c.fold {
            folds.entry(c.producer).or_insert(Fold { op, result: c.result, stored: c.wanted });
        }
    }
    folds
}

fn note_uses(func: &Function, region: Region, found: &mut FxHashMap<Value, Candidate>) {
    for inst in &func.regions[region].insts {
        let data = &func.insts[*inst];
        for arg in &data.args {
            let Some(c) = found.get_mut(arg) else { continue };
            if let (Op::Reduce(op @ (ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min)), None) = (&data.op, c.fold) {
                (c.fold, c.near) = (Some(*op), c.home == region);
            } else if data.op != Op::Release {
                c.wanted = true;
            }
        }
    }
    for v in &func.regions[region].yields {
        if let Some(c) = found.get_mut(v) {
            c.wanted = true;
        }
    }
}

impl<M: ClifModule> Lower<'_, '_, M> {
    /// Reduces what a `map` or `build` computes, and makes the arrays that are wanted.
    pub(super) fn fold(&mut self, inst: Inst, fold: Fold) {
        let (func, op) = (self.func, fold.op);
        let data = &func.insts[inst];
        let body = data.regions[0];
        let count = self.trips_of(data);
        let zero = self.word(0);
        let arrays = self.wanted_arrays(data, fold, count);
        let scalar = self.ty(data.results[fold.result]).element().as_scalar().expect("floats are folded");
        let (lanes, carried) = match op {
            ReduceOp::Sum => {
                let nothing = self.zero(types::F64);
                (Some(self.row(&[nothing; 8])), Vec::new())
            }
            ReduceOp::Max | ReduceOp::Min | ReduceOp::ArgMax | ReduceOp::ArgMin => {
                (None, vec![self.float(scalar, worst(extreme_op(op)))])
            }
        };
        let long = self.is_long(body);
        let trips = self.trips(zero, count, long);
        let (mut from, mut begin) = (zero, carried);
        if let Some(kernel) = self.folding_kernel(inst, Some(fold)) {
            let bounds = Bounds { lo: zero, hi: count, carried: &begin, first: Some(zero), lanes, tiles: &[] };
            (from, begin) = self.run_kernel(&kernel, &bounds, long);
        }
        let best = self.counted_by(1, (from, count), &begin, trips, |this, i, carried| {
            this.begin_trip(data, i);
            let yields = this.region(body);
            for k in &arrays {
                let array = data.results[*k];
                this.store_element(this.base(array), this.ty(array), i, yields[*k]);
            }
            let v = yields[fold.result];
            match lanes {
                Some(lanes) => {
                    this.add_to_lane(lanes, i, v);
                    Vec::new()
                }
                None => vec![this.binary_of(extreme_op(op), scalar, carried[0], v)],
            }
        });
        let value = lanes.map_or_else(|| best[0], |lanes| self.sum_of_lanes(register(Type::scalar(scalar)), lanes));
        self.folded.insert(data.results[fold.result], (op, value, count));
    }

    /// Makes new arrays for the results, but for the one that is only folded; gives the numbers of the results.
    fn wanted_arrays(&mut self, data: &InstData, fold: Fold, count: V) -> Vec<usize> {
        let wanted: Vec<usize> = (0..data.results.len()).filter(|k| fold.stored || *k != fold.result).collect();
        let sizes: Vec<V> = if data.op == Op::Map {
            let (array, rank) = (self.get(data.args[0]), self.ty(data.args[0]).rank());
            (0..rank).map(|axis| self.dim(array, axis)).collect()
        } else {
            vec![count]
        };
        for k in &wanted {
            let array = self.make(data.results[*k], &sizes);
            self.values[data.results[*k].index()] = Some(array);
        }
        wanted
    }

    /// Whether `x` is folded where it is made, and not made.
    pub(super) fn is_only_folded(&self, x: Value) -> bool {
        self.folded.contains_key(&x) && self.values[x.index()].is_none()
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
        let ty = self.b.func.dfg.value_type(v);
        let lane = self.b.ins().band_imm_u(i, 7);
        let offset = self.b.ins().ishl_imm_u(lane, ty.bytes().trailing_zeros() as i64);
        let at = self.b.ins().iadd(lanes, offset);
        let old = self.load(ty, Memory::Stack, at, 0);
        let sum = self.b.ins().fadd(old, v);
        self.store(Memory::Stack, sum, at, 0);
    }

    /// `((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))`
    fn sum_of_lanes(&mut self, ty: ClifType, lanes: V) -> V {
        let bytes = ty.bytes() as i32;
        let l: Vec<V> = (0..8).map(|k| self.load(ty, Memory::Stack, lanes, bytes * k)).collect();
        let mut add = |a: V, b: V| self.b.ins().fadd(a, b);
        let (a, b, c, d) = (add(l[0], l[4]), add(l[2], l[6]), add(l[1], l[5]), add(l[3], l[7]));
        let (left, right) = (add(a, b), add(c, d));
        add(left, right)
    }

    /// What a reduction gives whose elements were reduced where they were made.
    pub(super) fn folded(&mut self, op: ReduceOp, x: Value) -> Option<V> {
        let (fold, value, count) = *self.folded.get(&x)?;
        if fold != op {
            return None;
        }
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
        let scalar = self.ty(x).element().as_scalar().expect("a kernel has numbers");
        let begin = [self.float(scalar, worst(op))];
        let bounds = Bounds { lo: zero, hi: count, carried: &begin, first: None, lanes: None, tiles: &[] };
        let (from, begin) = self.run_kernel(&kernel, &bounds, false);
        let trips = self.trips(zero, count, false);
        let best = self.counted_by(1, (from, count), &begin, trips, |this, i, best| {
            let v = this.load_element(this.base(x), this.ty(x), i);
            vec![this.binary_of(op, scalar, best[0], v)]
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
