//! Operations on whole small arrays become operations on their elements.
//!
//! ```text
//! func @f(%r: [f64](3)) {                              func @f(%r: [f64](3)) {
//!   %s = map (%a = %r) {                                 %a.0 = get.inbounds %r[0]
//!     %b = mul %a, %a                                    %b.0 = mul %a.0, %a.0
//!     yield %b                                  ->       …
//!   }                                                    %s = elements %b.0, %b.1, %b.2
//!   %t = reduce sum %s                                   %t.0 = add 0.0, %b.0
//!   …                                                    …
//! ```
//!
//! So the points and vectors of geometry, states of small systems and rows of narrow tables are numbers, in registers, and on
//! the tape: `simplify` reads elements straight from `elements`, and `scalarize` takes apart what goes through branches and
//! loops. It runs before the derivative is taken as well, so that adjoints are numbers too.
//!
//! Every element is computed by the same operations in the same order; sums keep their lanes ([`ReduceOp::Sum`]).
//!
//! *Not here:* loops over elements (`unroll`); results with several axes. *Cost:* linear in the code produced.

use super::replacement::Replacements;
use crate::analysis::{Definitions, FixedSizes, Shapes};
use crate::function::{Function, Inst, InstData, Region, RegionData, Value};
use crate::opcode::{Access, BinaryOp, Const, Op, ReduceOp};
use crate::rewrite::Copier;
use crate::types::{Scalar, Type};
use crate::walk;
use smallvec::SmallVec;

/// Elements of an array that is small, and instructions of all copies of a body together (gut feeling: a camera of 11
/// numbers is small, a hidden layer of 32 is not).
const ELEMENTS: usize = 16;
const LIMIT: usize = 160;

/// Rewrites a function. Gives the number of operations on arrays that are gone.
pub fn run(func: &mut Function) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let (definitions, shapes) = (Definitions::of_function(func), Shapes::of_function(func));
    let (replaced, out) = (Replacements::default(), Vec::new());
    let mut spelling = Spelling { func, definitions, shapes, replaced, out, at: None, spelled: 0 };
    spelling.region(entry);
    spelling.spelled
}

/// What an operation becomes.
enum Plan {
    /// A `map` over arrays of so many elements.
    Map(usize),
    /// A `get` of a row, a `slice`, or `stop_grad`: so many elements of the first operand, from the indices on.
    Part(usize),
    /// A `set` or `add_at` of a row of so many elements.
    SetPart(usize),
    /// A `set_slice` or `add_slice` of so many elements behind this one.
    SetSlice(i64, usize),
    Reduce(ReduceOp, usize),
    Dot(usize),
    MatVec {
        rows: usize,
        columns: usize,
        transpose: bool,
    },
}

struct Spelling<'f> {
    func: &'f mut Function,
    definitions: Definitions,
    shapes: Shapes,
    replaced: Replacements,
    /// The instructions of the region that is being walked, as far as they are done.
    out: Vec<Inst>,
    /// The operation that is being replaced.
    at: Option<Inst>,
    spelled: usize,
}

// ---- deciding ----

impl Spelling<'_> {
    fn plan(&self, inst: Inst) -> Option<Plan> {
        let data = &self.func.insts[inst];
        let args = &data.args;
        match data.op {
            Op::Map => self.plan_map(data),
            Op::Get(_) if self.func.value_type(args[0]).rank() == args.len() => {
                let row = self.sizes(args[0], args.len() - 1)?;
                self.has_numbers(args[0]).then_some(Plan::Part(row))
            }
            Op::Slice(access) => self.plan_slice(args, access),
            Op::StopGrad if self.is_row(args[0]) => Some(Plan::Part(self.sizes(args[0], 0)?)),
            Op::Set(_) | Op::AddAt(_) if self.func.value_type(args[0]).rank() == args.len() - 1 => {
                let row = self.sizes(args[0], args.len() - 2)?;
                (self.has_numbers(args[0]) && self.sizes(args[args.len() - 1], 0) == Some(row))
                    .then_some(Plan::SetPart(row))
            }
            Op::SetSlice(_) | Op::AddSlice(_) if self.is_row(args[0]) => self.plan_set_slice(args),
            Op::Reduce(op) if self.is_row(args[0]) => self.plan_reduce(op, args[0]),
            Op::Dot if self.is_row(args[0]) => Some(Plan::Dot(self.sizes(args[0], 0).or(self.sizes(args[1], 0))?)),
            Op::MatVec { transpose } => {
                let (rows, columns) = (self.sizes(args[0], 0)?, self.sizes(args[0], 1)?);
                let inner = if transpose { rows } else { columns };
                let fits = rows * columns <= ELEMENTS && self.sizes(args[1], 0) == Some(inner);
                fits.then_some(Plan::MatVec { rows, columns, transpose })
            }
            _ => None,
        }
    }

    /// The size of an axis, if it is known and small.
    fn sizes(&self, x: Value, axis: usize) -> Option<usize> {
        let sizes = FixedSizes { func: self.func, definitions: &self.definitions, shapes: &self.shapes };
        sizes.axis(x, axis).filter(|n| (1..=ELEMENTS).contains(n))
    }

    fn has_numbers(&self, x: Value) -> bool {
        self.func.value_type(x).element().as_scalar().is_some()
    }

    /// Whether `x` is an array of numbers of one axis.
    fn is_row(&self, x: Value) -> bool {
        self.func.value_type(x).rank() == 1 && self.has_numbers(x)
    }

    fn plan_map(&self, data: &InstData) -> Option<Plan> {
        let all_rows = data.args.iter().chain(&data.results).all(|v| self.is_row(*v));
        let count = data.args.iter().find_map(|v| self.sizes(*v, 0)).filter(|_| all_rows)?;
        let mut size = 0;
        walk::for_each_inst(self.func, data.regions[0], &mut |_| size += 1);
        (size * count <= LIMIT).then_some(Plan::Map(count))
    }

    /// A slice that is certainly inside.
    fn plan_slice(&self, args: &[Value], access: Access) -> Option<Plan> {
        let int = |v: Value| self.definitions.int(self.func, v).and_then(|n| usize::try_from(n).ok());
        let (lo, hi) = (int(args[1])?, int(args[2])?);
        let inside = access == Access::InBounds || self.known_size(args[0]).is_some_and(|n| hi <= n);
        let count = hi.checked_sub(lo).filter(|n| (1..=ELEMENTS).contains(n))?;
        (self.is_row(args[0]) && inside).then_some(Plan::Part(count))
    }

    /// The size of the first axis, small or not.
    fn known_size(&self, x: Value) -> Option<usize> {
        FixedSizes { func: self.func, definitions: &self.definitions, shapes: &self.shapes }.axis(x, 0)
    }

    fn plan_set_slice(&self, args: &[Value]) -> Option<Plan> {
        let lo = self.definitions.int(self.func, args[1])?;
        let count = self.sizes(args[2], 0)?;
        let end = usize::try_from(lo).ok()?.checked_add(count)?;
        (end <= self.known_size(args[0])?).then_some(Plan::SetSlice(lo, count))
    }

    fn plan_reduce(&self, op: ReduceOp, x: Value) -> Option<Plan> {
        let count = self.sizes(x, 0)?;
        match op {
            ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min => Some(Plan::Reduce(op, count)),
            ReduceOp::ArgMax | ReduceOp::ArgMin => None,
        }
    }
}

// ---- changing ----

impl Spelling<'_> {
    fn region(&mut self, region: Region) {
        let outer = std::mem::take(&mut self.out);
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            self.replaced.resolve_args(self.func, inst);
            for inner in self.func.insts[inst].regions.clone() {
                self.region(inner);
            }
            match self.plan(inst) {
                Some(plan) => self.spell(inst, plan),
                None => self.out.push(inst),
            }
        }
        self.func.regions[region].insts = std::mem::replace(&mut self.out, outer);
        self.replaced.resolve_yields(self.func, region);
    }

    fn spell(&mut self, inst: Inst, plan: Plan) {
        let data = self.func.insts[inst].clone();
        self.at = Some(inst);
        self.spelled += 1;
        match plan {
            Plan::Map(count) => self.map(&data, count),
            Plan::Part(count) => self.part(&data, count),
            Plan::SetPart(count) => self.set_part(&data, count),
            Plan::SetSlice(lo, count) => self.set_slice(&data, lo, count),
            Plan::Reduce(op, count) => self.reduce(&data, op, count),
            Plan::Dot(count) => self.dot(&data, count),
            Plan::MatVec { rows, columns, transpose } => self.matvec(&data, rows, columns, transpose),
        }
    }

    fn emit(&mut self, op: Op, args: &[Value], ty: Type) -> Value {
        let result = self.func.new_value(ty, None);
        self.emit_into(op, args, result);
        result
    }

    /// An instruction in the place of the one that is being replaced.
    fn emit_into(&mut self, op: Op, args: &[Value], result: Value) {
        let loc = self.func.insts[self.at.expect("something is being replaced")].loc;
        let (args, results) = (SmallVec::from_slice(args), SmallVec::from_slice(&[result]));
        let inst = self.func.insts.push(InstData { op, args, regions: SmallVec::new(), results, loc });
        self.definitions.record(self.func, inst);
        self.out.push(inst);
    }

    fn index(&mut self, k: usize) -> Value {
        self.emit(Op::Const(Const::I64(k as i64)), &[], Type::I64)
    }

    /// Element `k` of a row.
    fn element(&mut self, x: Value, k: usize) -> Value {
        let (index, ty) = (self.index(k), self.func.value_type(x).element());
        self.emit(Op::Get(Access::InBounds), &[x, index], ty)
    }

    fn elements(&mut self, x: Value, count: usize) -> Vec<Value> {
        (0..count).map(|k| self.element(x, k)).collect()
    }

    fn map(&mut self, data: &InstData, count: usize) {
        let rows: Vec<Vec<Value>> = (0..count).map(|k| self.copy_body(data, k)).collect();
        for (j, result) in data.results.iter().enumerate() {
            let column: Vec<Value> = rows.iter().map(|row| row[j]).collect();
            self.emit_into(Op::Elements, &column, *result);
        }
    }

    /// The body of a `map` for element `k`; gives what it yields.
    fn copy_body(&mut self, data: &InstData, k: usize) -> Vec<Value> {
        let elements: Vec<Value> = data.args.iter().map(|x| self.element(*x, k)).collect();
        let body = data.regions[0];
        let params = self.func.regions[body].params.clone();
        let mut copier = Copier::within();
        copier.bind_all(&params, &elements);
        let place = self.func.regions.push(RegionData::default());
        let yields = copier.append_insts(self.func, place, body);
        for inst in std::mem::take(&mut self.func.regions[place].insts) {
            self.definitions.record(self.func, inst);
            self.out.push(inst);
        }
        yields
    }

    fn part(&mut self, data: &InstData, count: usize) {
        let x = data.args[0];
        let ty = self.func.value_type(x).element();
        let parts: Vec<Value> = match data.op {
            Op::Get(access) => (0..count).map(|k| self.element_of_row(data, k, access, ty)).collect(),
            Op::Slice(_) => {
                let lo = self.definitions.int(self.func, data.args[1]).expect("the plan looked at it") as usize;
                (lo..lo + count).map(|k| self.element(x, k)).collect()
            }
            _ => {
                let elements = self.elements(x, count);
                elements.into_iter().map(|v| self.emit(data.op.clone(), &[v], ty)).collect()
            }
        };
        self.emit_into(Op::Elements, &parts, data.results[0]);
    }

    /// The row's indices are tested with its first element.
    fn element_of_row(&mut self, data: &InstData, k: usize, access: Access, ty: Type) -> Value {
        let index = self.index(k);
        let args: Vec<Value> = data.args.iter().copied().chain([index]).collect();
        self.emit(Op::Get(if k == 0 { access } else { Access::InBounds }), &args, ty)
    }

    fn set_part(&mut self, data: &InstData, count: usize) {
        let last = data.args.len() - 1;
        let (mut x, row) = (data.args[0], data.args[last]);
        for k in 0..count {
            let v = self.element(row, k);
            let index = self.index(k);
            let args: Vec<Value> = [&[x], &data.args[1..last], &[index, v]].concat();
            let op = if k == 0 { data.op.clone() } else { in_bounds(&data.op) };
            x = self.step(data, op, &args, k + 1 == count);
        }
    }

    fn set_slice(&mut self, data: &InstData, lo: i64, count: usize) {
        let mut x = data.args[0];
        let op = if matches!(data.op, Op::SetSlice(_)) { Op::Set } else { Op::AddAt };
        for k in 0..count {
            let v = self.element(data.args[2], k);
            let index = self.index(lo as usize + k);
            x = self.step(data, op(Access::InBounds), &[x, index, v], k + 1 == count);
        }
    }

    /// One of a chain of updates; the last one is the result.
    fn step(&mut self, data: &InstData, op: Op, args: &[Value], last: bool) -> Value {
        let result = data.results[0];
        if last {
            self.emit_into(op, args, result);
            return result;
        }
        self.emit(op, args, self.func.value_type(result))
    }

    fn reduce(&mut self, data: &InstData, op: ReduceOp, count: usize) {
        let elements = self.elements(data.args[0], count);
        let total = match op {
            ReduceOp::Max => self.fold(BinaryOp::Max, &elements),
            ReduceOp::Min => self.fold(BinaryOp::Min, &elements),
            ReduceOp::Sum | ReduceOp::ArgMax | ReduceOp::ArgMin => self.sum(&elements),
        };
        self.replaced.replace(data.results[0], total);
    }

    fn fold(&mut self, op: BinaryOp, values: &[Value]) -> Value {
        let ty = self.func.value_type(values[0]);
        let (first, rest) = values.split_first().expect("a plan is for at least one element");
        rest.iter().fold(*first, |so_far, v| self.emit(Op::Binary(op), &[so_far, *v], ty))
    }

    /// The sum in lane order. A lane starts at 0.0, which shows in the sum of nothing but -0.0; lanes without an element
    /// are left out, since no lane is -0.0.
    fn sum(&mut self, values: &[Value]) -> Value {
        let ty = self.func.value_type(values[0]);
        let lanes: Vec<Option<Value>> = (0..8)
            .map(|lane| {
                let of_lane: Vec<Value> = values.iter().skip(lane).step_by(8).copied().collect();
                (!of_lane.is_empty()).then(|| self.lane(&of_lane, ty))
            })
            .collect();
        let halves: Vec<Option<Value>> = (0..4).map(|k| self.both(lanes[k], lanes[k + 4], ty)).collect();
        let (even, odd) = (self.both(halves[0], halves[2], ty), self.both(halves[1], halves[3], ty));
        self.both(even, odd, ty).expect("a plan is for at least one element")
    }

    fn lane(&mut self, values: &[Value], ty: Type) -> Value {
        let zero = self.emit(Op::Const(zero(ty)), &[], ty);
        values.iter().fold(zero, |sum, v| self.emit(Op::Binary(BinaryOp::Add), &[sum, *v], ty))
    }

    fn both(&mut self, a: Option<Value>, b: Option<Value>, ty: Type) -> Option<Value> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.emit(Op::Binary(BinaryOp::Add), &[a, b], ty)),
            (one, None) | (None, one) => one,
        }
    }

    fn dot(&mut self, data: &InstData, count: usize) {
        let total = self.dot_of(|s, k| (s.element(data.args[0], k), s.element(data.args[1], k)), count);
        self.replaced.replace(data.results[0], total);
    }

    fn dot_of(&mut self, pair: impl Fn(&mut Self, usize) -> (Value, Value), count: usize) -> Value {
        let products: Vec<Value> = (0..count).map(|k| self.product(&pair, k)).collect();
        self.sum(&products)
    }

    fn product(&mut self, pair: &impl Fn(&mut Self, usize) -> (Value, Value), k: usize) -> Value {
        let (a, b) = pair(self, k);
        let ty = self.func.value_type(a);
        self.emit(Op::Binary(BinaryOp::Mul), &[a, b], ty)
    }

    fn matvec(&mut self, data: &InstData, rows: usize, columns: usize, transpose: bool) {
        let (matrix, x) = (data.args[0], data.args[1]);
        let cell = |s: &mut Self, row: usize, column: usize| {
            let (row, column) = (s.index(row), s.index(column));
            let ty = s.func.value_type(x).element();
            s.emit(Op::Get(Access::InBounds), &[matrix, row, column], ty)
        };
        let results: Vec<Value> = if transpose {
            let ty = self.func.value_type(x).element();
            let column = |s: &mut Self, j: usize| {
                let products: Vec<Value> =
                    (0..rows).map(|i| s.product(&|s, i| (cell(s, i, j), s.element(x, i)), i)).collect();
                s.lane(&products, ty)
            };
            (0..columns).map(|j| column(self, j)).collect()
        } else {
            (0..rows).map(|i| self.dot_of(|s, j| (cell(s, i, j), s.element(x, j)), columns)).collect()
        };
        self.emit_into(Op::Elements, &results, data.results[0]);
    }
}

fn in_bounds(op: &Op) -> Op {
    match op {
        Op::AddAt(_) => Op::AddAt(Access::InBounds),
        _ => Op::Set(Access::InBounds),
    }
}

fn zero(ty: Type) -> Const {
    match ty.as_scalar() {
        Some(Scalar::F32) => Const::f32(0.0),
        Some(Scalar::I64) => Const::I64(0),
        Some(Scalar::I32) => Const::I32(0),
        Some(Scalar::U8) => Const::U8(0),
        Some(Scalar::F64 | Scalar::Bool) | None => Const::f64(0.0),
    }
}
