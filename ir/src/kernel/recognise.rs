//! From a loop of the IR to a kernel, or to the reason why there is none.
//!
//! One walk over the body. Each value gets a number with its shape, from the shapes of the operands; each access a place; and
//! what depends on a carried scalar goes to the ordered part. Then the accesses to arrays that the loop changes are
//! compared: all must be, in some axis, at one and the same multiple of the counter plus something fixed, so that no two
//! trips touch the same element.
//!
//! Expects what the ownership pass leaves: a carried array is the only reference to its object.

use super::guarded;
use super::*;
use crate::function::{Function, Inst, Region};
use crate::opcode::{Access, Op, ReduceOp};
use crate::walk;
use rustc_hash::FxHashMap;

/// A loop, where it stands, and what is known around it.
pub struct Loop<'a> {
    pub func: &'a Function,
    pub inst: Inst,
    /// The constant that a value is.
    pub constant: &'a dyn Fn(Value) -> Option<Const>,
    /// What a `map` or `build` makes is wanted only reduced like this.
    pub fold: Option<ReduceOp>,
}

/// The kernel of a `for`, a `map`, or the last axis of a `build`; or of a `reduce` to the least or greatest element.
pub fn recognise(at: &Loop) -> Result<Kernel, Refusal> {
    let data = &at.func.insts[at.inst];
    let mut r = Recogniser::new(at, data.loc);
    if data.op == Op::For {
        r.counted_loop()?;
    } else if data.op == Op::Map {
        r.map()?;
    } else if let Op::Reduce(op) = data.op {
        r.reduction(op)?;
    } else {
        assert_eq!(data.op, Op::Build, "no loop that could be a kernel");
        r.build()?;
    }
    r.finish()
}

/// An access to an array that the kernel may update.
struct Seen {
    array: ArrayId,
    indices: SmallVec<[Option<Affine>; 2]>,
    loc: SrcLoc,
    stores: bool,
    late: bool,
}

struct Recogniser<'a> {
    at: &'a Loop<'a>,
    func: &'a Function,
    loc: SrcLoc,
    kernel: Kernel,
    nums: FxHashMap<Value, Num>,
    versions: FxHashMap<Value, ArrayId>,
    consts: FxHashMap<Const, Num>,
    dims: FxHashMap<(ArrayId, u8), Num>,
    made: guarded::Made,
    /// What the next trip's extremes are.
    extremes: Vec<Value>,
    /// The steps of the innermost open loop.
    steps: Vec<Step>,
    seen: Vec<Seen>,
    depth: usize,
}

type Step1<T> = Result<T, Refusal>;

impl<'a> Recogniser<'a> {
    fn new(at: &'a Loop<'a>, loc: SrcLoc) -> Recogniser<'a> {
        let mut numbers = Arena::new();
        let axis = numbers.push(NumData { scalar: Scalar::I64, shape: Shape::Linear, affine: Some(Affine::axis()) });
        let kernel = Kernel {
            numbers,
            inputs: Vec::new(),
            arrays: Arena::new(),
            axis,
            body: Vec::new(),
            carried: Vec::new(),
            ordered: Vec::new(),
            late: Vec::new(),
            sum: None,
            guards: Vec::new(),
            counters: Vec::new(),
            cost: Cost::default(),
        };
        Recogniser {
            at,
            func: at.func,
            loc,
            kernel,
            nums: FxHashMap::default(),
            versions: FxHashMap::default(),
            consts: FxHashMap::default(),
            dims: FxHashMap::default(),
            made: guarded::Made::default(),
            extremes: Vec::new(),
            steps: Vec::new(),
            seen: Vec::new(),
            depth: 0,
        }
    }

    fn refuse<T>(&self, reason: Reason) -> Step1<T> {
        Err(Refusal { reason, loc: self.loc })
    }

    // ---- the three loops ----

    fn counted_loop(&mut self) -> Step1<()> {
        let data = &self.func.insts[self.at.inst];
        let body = data.regions[0];
        let region = &self.func.regions[body];
        self.nums.insert(region.params[0], self.kernel.axis);
        let few =
            |lo: Const, hi: Const| matches!((lo, hi), (Const::I64(lo), Const::I64(hi)) if hi.saturating_sub(lo) < 2);
        if let (Some(lo), Some(hi)) = ((self.at.constant)(data.args[0]), (self.at.constant)(data.args[1]))
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
        self.region(body)?;
        for (k, y) in region.yields.iter().enumerate() {
            self.check_carried(k, *y)?;
        }
        Ok(())
    }

    /// Says what the parameter number `k` of the body is.
    fn carry(&mut self, body: Region, k: usize, init: Value, lo: Num, extremes: bool) -> Step1<Carried> {
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
        let scalar = self.kernel.scalar(start);
        let num = self.kernel.numbers.push(NumData { scalar, shape: Shape::Ordered, affine: None });
        self.nums.insert(param, num);
        Ok(Carried::Ordered { init: start, param: num, next: num })
    }

    /// Whether all that a loop carries, but for integers that grow, are extremes: so it may run once more from the beginning.
    fn only_extremes(&self, body: Region) -> bool {
        let region = &self.func.regions[body];
        region.params[1..].iter().zip(&region.yields).all(|(param, y)| {
            y == param || self.steady(body, *param, *y).is_some() || self.extreme(body, *param, *y).is_some()
        })
    }

    /// The operation, and the other operand, if `y` is the least or greatest of `param` and something else.
    fn extreme(&self, body: Region, param: Value, y: Value) -> Option<(BinaryOp, Value)> {
        if self.func.value_type(param) != crate::Type::F64 {
            return None;
        }
        let insts = &self.func.regions[body].insts;
        let last = insts.iter().rev().find(|i| self.func.insts[**i].results.first() == Some(&y))?;
        let data = &self.func.insts[*last];
        let Op::Binary(op @ (BinaryOp::Min | BinaryOp::Max)) = data.op else { return None };
        let (mut uses, mut yields) = (0, 0);
        walk::for_each_use(self.func, body, &mut |v| {
            uses += (v == param) as usize;
            yields += (v == y) as usize;
        });
        let other = if data.args[0] == param { data.args[1] } else { data.args[0] };
        (data.args.contains(&param) && other != param && uses == 1 && yields == 1).then_some((op, other))
    }

    /// By which constant a carried i64 grows every trip.
    fn steady(&self, body: Region, param: Value, y: Value) -> Option<i64> {
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
                None => (self.at.constant)(v),
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

    fn check_carried(&mut self, k: usize, y: Value) -> Step1<()> {
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
            Carried::Ordered { init, param, .. } => {
                let next = self.num(y)?;
                self.kernel.carried[k] = Carried::Ordered { init, param, next };
                Ok(())
            }
        }
    }

    fn map(&mut self) -> Step1<()> {
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
    fn build(&mut self) -> Step1<()> {
        let data = &self.func.insts[self.at.inst];
        let body = data.regions[0];
        let counter = self.func.regions[body].params.last().expect("a build has an axis");
        self.nums.insert(*counter, self.kernel.axis);
        let first = self.input(Input::First, Scalar::I64);
        let number = self.op(NumOp::Binary(BinaryOp::Add), &[first, self.kernel.axis], Scalar::I64)?;
        self.region(body)?;
        self.fill(body, Place { number, stride: Some(1) })
    }

    fn reduction(&mut self, op: ReduceOp) -> Step1<()> {
        let data = &self.func.insts[self.at.inst];
        let array = self.array(data.args[0])?;
        self.vector_element(self.kernel.arrays[array].element)?;
        let value = self.load(array, Place { number: self.kernel.axis, stride: Some(1) });
        self.fold(op, value)
    }

    fn fold(&mut self, op: ReduceOp, value: Num) -> Step1<()> {
        if self.kernel.scalar(value) != Scalar::F64 {
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
    fn fill(&mut self, body: Region, place: Place) -> Step1<()> {
        let data = &self.func.insts[self.at.inst];
        if let Some(op) = self.at.fold {
            let value = self.num(self.func.regions[body].yields[0])?;
            return self.fold(op, value);
        }
        for (result, y) in data.results.iter().zip(&self.func.regions[body].yields) {
            let Some(element) = self.func.value_type(*y).as_scalar() else { return self.refuse(Reason::MakesArray) };
            let value = self.num(*y)?;
            self.vector_element(element)?;
            let array = self.kernel.arrays.push(ArrayData { value: *result, element, updated: true });
            self.steps.push(Step::Store(Store { array, place, value, add: false }));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Kernel, Refusal> {
        self.no_conflicts()?;
        self.kernel.body = std::mem::take(&mut self.steps);
        guarded::remove_unused(&mut self.kernel);
        self.kernel.cost = Cost::of(&self.kernel);
        if !self.kernel.cost.is_worth() {
            self.loc = self.func.insts[self.at.inst].loc;
            let cost = &self.kernel.cost;
            let ordered = cost.ordered > 0.5 * cost.vector;
            return self.refuse(if ordered { Reason::OrderedOnly } else { Reason::NotWorth });
        }
        Ok(self.kernel)
    }

    // ---- numbers ----

    /// The number of a scalar; new ones come from outside.
    fn num(&mut self, v: Value) -> Step1<Num> {
        if let Some(num) = self.nums.get(&v) {
            return Ok(*num);
        }
        let Some(scalar) = self.func.value_type(v).as_scalar() else { return self.refuse(Reason::MakesArray) };
        let num = match (self.at.constant)(v) {
            Some(c) => self.constant(c),
            None => self.input(Input::Value(v), scalar),
        };
        self.nums.insert(v, num);
        Ok(num)
    }

    fn constant(&mut self, c: Const) -> Num {
        if let Some(known) = self.consts.get(&c) {
            return *known;
        }
        let scalar = match &c {
            Const::F64(_) => Scalar::F64,
            Const::F32(_) => Scalar::F32,
            Const::I64(_) => Scalar::I64,
            Const::I32(_) => Scalar::I32,
            Const::U8(_) => Scalar::U8,
            Const::Bool(_) | Const::Str(_) => Scalar::Bool,
        };
        let num = self.input(Input::Const(c.clone()), scalar);
        self.consts.insert(c, num);
        num
    }

    fn input(&mut self, input: Input, scalar: Scalar) -> Num {
        let next: Num = self.kernel.numbers.next_key();
        let affine = match &input {
            Input::Const(Const::I64(x)) => Some(Affine::constant(*x)),
            _ => (scalar == Scalar::I64).then(|| Affine::number(next)),
        };
        let num = self.kernel.numbers.push(NumData { scalar, shape: Shape::Uniform, affine });
        self.kernel.inputs.push((num, input));
        num
    }

    fn is_input(&self, num: Num) -> bool {
        self.kernel.inputs.binary_search_by_key(&num, |(n, _)| *n).is_ok()
    }

    /// The number that an operation gives.
    fn op(&mut self, op: NumOp, args: &[Num], scalar: Scalar) -> Step1<Num> {
        if let (NumOp::Binary(BinaryOp::Mul), Scalar::F64) = (op, scalar) {
            for (t, q) in [(args[0], args[1]), (args[1], args[0])] {
                if let Some(p) = guarded::partial(&self.kernel, &self.made, t, q) {
                    return self.op(NumOp::Guarded, &[t, p], scalar);
                }
            }
        }
        let shape = self.shape_of(op, args, scalar);
        let affine = if scalar == Scalar::I64 { self.affine_of(op, args) } else { None };
        if let Some(constant) = affine.as_ref().filter(|a| a.is_constant()) {
            return Ok(self.constant(Const::I64(constant.constant)));
        }
        self.allow(op, args, shape)?;
        let result = self.kernel.numbers.push(NumData { scalar, shape, affine });
        self.made.insert(result, (op, SmallVec::from_slice(args)));
        let step = Step::Op { result, op, args: SmallVec::from_slice(args), loc: self.loc };
        if shape != Shape::Ordered {
            self.steps.push(step);
        } else if self.depth == 0 {
            self.kernel.ordered.push(step);
        } else {
            return self.refuse(Reason::OrderedInner);
        }
        Ok(result)
    }

    fn shape_of(&self, op: NumOp, args: &[Num], scalar: Scalar) -> Shape {
        let shapes = || args.iter().map(|a| self.kernel.shape(*a));
        let greatest = shapes().max().unwrap_or(Shape::Uniform);
        if greatest != Shape::Linear {
            return greatest;
        }
        let lines = shapes().filter(|s| *s == Shape::Linear).count();
        match op {
            NumOp::Binary(BinaryOp::Add | BinaryOp::Sub) => Shape::Linear,
            NumOp::Binary(BinaryOp::Mul) if lines == 1 => Shape::Linear,
            NumOp::Unary(UnaryOp::Neg) => Shape::Linear,
            NumOp::Convert(Scalar::I64) if scalar == Scalar::I64 => Shape::Linear,
            NumOp::Unary(_) | NumOp::Binary(_) | NumOp::Compare(_) => Shape::Varying,
            NumOp::Select | NumOp::Convert(_) | NumOp::Guarded => Shape::Varying,
        }
    }

    fn affine_of(&self, op: NumOp, args: &[Num]) -> Option<Affine> {
        let of = |k: usize| self.kernel.numbers[args[k]].affine.as_ref();
        match op {
            NumOp::Binary(BinaryOp::Add) => of(0)?.plus(of(1)?, 1),
            NumOp::Binary(BinaryOp::Sub) => of(0)?.plus(of(1)?, -1),
            NumOp::Binary(BinaryOp::Mul) if of(1)?.is_constant() => of(0)?.times(of(1)?.constant),
            NumOp::Binary(BinaryOp::Mul) if of(0)?.is_constant() => of(1)?.times(of(0)?.constant),
            NumOp::Unary(UnaryOp::Neg) => of(0)?.times(-1),
            NumOp::Convert(Scalar::I64) if self.kernel.scalar(args[0]) == Scalar::I64 => of(0).cloned(),
            NumOp::Unary(_) | NumOp::Binary(_) | NumOp::Compare(_) => None,
            NumOp::Select | NumOp::Convert(_) | NumOp::Guarded => None,
        }
    }

    /// Refuses what cannot be done, or not in vectors.
    fn allow(&self, op: NumOp, args: &[Num], shape: Shape) -> Step1<()> {
        let scalar = self.kernel.scalar(args[0]);
        if scalar.is_int() && matches!(op, NumOp::Binary(BinaryOp::Div | BinaryOp::Rem)) {
            return self.refuse(Reason::Division);
        }
        if scalar.is_int() && op == NumOp::Binary(BinaryOp::Pow) {
            return self.refuse(Reason::Operation("pow"));
        }
        if shape != Shape::Varying {
            return Ok(());
        }
        for arg in args {
            self.vector_number(self.kernel.scalar(*arg))?;
        }
        match op {
            NumOp::Unary(f @ (UnaryOp::Lgamma | UnaryOp::Digamma | UnaryOp::Trigamma)) => {
                self.refuse(Reason::Operation(f.name()))
            }
            NumOp::Unary(UnaryOp::Abs) if scalar.is_int() => self.refuse(Reason::Operation("abs")),
            NumOp::Unary(_) => Ok(()),
            NumOp::Binary(f @ (BinaryOp::Rem | BinaryOp::Polygamma | BinaryOp::Shl | BinaryOp::Shr)) => {
                self.refuse(Reason::Operation(f.name()))
            }
            NumOp::Binary(_) | NumOp::Compare(_) | NumOp::Select | NumOp::Guarded => Ok(()),
            NumOp::Convert(to) => self.vector_number(to),
        }
    }

    /// Numbers that vectors can hold.
    fn vector_number(&self, scalar: Scalar) -> Step1<()> {
        match scalar {
            Scalar::F64 | Scalar::I64 | Scalar::Bool => Ok(()),
            Scalar::F32 | Scalar::I32 | Scalar::U8 => self.refuse(Reason::Elements),
        }
    }

    /// Elements that can be read into vectors, and written from them.
    fn vector_element(&self, scalar: Scalar) -> Step1<()> {
        match scalar {
            Scalar::F64 | Scalar::I64 => Ok(()),
            Scalar::F32 | Scalar::I32 | Scalar::U8 | Scalar::Bool => self.refuse(Reason::Elements),
        }
    }

    // ---- instructions ----

    fn region(&mut self, region: Region) -> Step1<()> {
        let func = self.func;
        func.regions[region].insts.iter().try_for_each(|inst| self.inst(*inst))
    }

    fn inst(&mut self, inst: Inst) -> Step1<()> {
        let func = self.func;
        let data = &func.insts[inst];
        self.loc = data.loc;
        match &data.op {
            Op::Const(Const::Str(_)) => self.refuse(Reason::MakesArray),
            Op::Const(c) => self.define(data.results[0], |this| Ok(this.constant(c.clone()))),
            Op::StopGrad => self.define(data.results[0], |this| this.num(data.args[0])),
            Op::Unary(op) => self.scalar_op(NumOp::Unary(*op), inst),
            Op::Binary(_) if self.is_extreme(data) => Ok(()),
            Op::Binary(op) => self.scalar_op(NumOp::Binary(*op), inst),
            Op::Compare(op) => self.scalar_op(NumOp::Compare(*op), inst),
            Op::Select => self.scalar_op(NumOp::Select, inst),
            Op::Convert(to) => self.scalar_op(NumOp::Convert(*to), inst),
            Op::Dim(axis) => self.define(data.results[0], |this| {
                let array = this.array(data.args[0])?;
                Ok(this.dim(array, *axis))
            }),
            Op::Get(access) => self.get(*access, inst),
            Op::Set(access) => self.set(*access, inst, false),
            Op::AddAt(access) => self.set(*access, inst, true),
            Op::For => self.inner(inst),
            Op::If | Op::Switch => self.refuse(Reason::Branch),
            Op::While => self.refuse(Reason::While),
            Op::Call(_) => self.refuse(Reason::Call),
            Op::Host(_) => self.refuse(Reason::World),
            Op::Check(_) | Op::Trap => self.refuse(Reason::Trap),
            Op::Undef
            | Op::Fill
            | Op::Elements
            | Op::Take(_)
            | Op::Put
            | Op::Slice(_)
            | Op::SetSlice(_)
            | Op::AddSlice(_)
            | Op::Push
            | Op::Pop
            | Op::Reshape
            | Op::Map
            | Op::Build
            | Op::Reduce(_)
            | Op::Dot
            | Op::MatMul { .. }
            | Op::MatVec { .. }
            | Op::Outer
            | Op::SortPermutation
            | Op::NodeNew { .. }
            | Op::NodeTag
            | Op::NodeGet { .. }
            | Op::ZerosLike
            | Op::AddTangent
            | Op::Concat
            | Op::Format(_)
            | Op::Retain
            | Op::Release
            | Op::Unshare => self.refuse(Reason::MakesArray),
        }
    }

    /// Whether an operation gives a carried extreme, of which there is one accumulator for each lane.
    fn is_extreme(&self, data: &crate::InstData) -> bool {
        self.extremes.contains(&data.results[0])
    }

    fn define(&mut self, result: Value, f: impl FnOnce(&mut Self) -> Step1<Num>) -> Step1<()> {
        let num = f(self)?;
        self.nums.insert(result, num);
        Ok(())
    }

    fn scalar_op(&mut self, op: NumOp, inst: Inst) -> Step1<()> {
        let data = &self.func.insts[inst];
        let args: SmallVec<[Num; 3]> = data.args.iter().map(|v| self.num(*v)).collect::<Step1<_>>()?;
        let Some(scalar) = self.func.value_type(data.results[0]).as_scalar() else {
            return self.refuse(Reason::MakesArray);
        };
        self.define(data.results[0], |this| this.op(op, &args, scalar))
    }

    // ---- arrays ----

    /// The array that a value is, or a version of it.
    fn array(&mut self, v: Value) -> Step1<ArrayId> {
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

    fn dim(&mut self, array: ArrayId, axis: u8) -> Num {
        if let Some(known) = self.dims.get(&(array, axis)) {
            return *known;
        }
        let num = self.input(Input::Dim(array, axis), Scalar::I64);
        self.dims.insert((array, axis), num);
        num
    }

    fn load(&mut self, array: ArrayId, place: Place) -> Num {
        let shape = match self.kernel.shape(place.number) {
            Shape::Uniform => Shape::Uniform,
            _ => Shape::Varying,
        };
        let scalar = self.kernel.arrays[array].element;
        let result = self.kernel.numbers.push(NumData { scalar, shape, affine: None });
        self.steps.push(Step::Load { result, array, place });
        result
    }

    fn get(&mut self, access: Access, inst: Inst) -> Step1<()> {
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

    fn set(&mut self, access: Access, inst: Inst, add: bool) -> Step1<()> {
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
    fn place(&mut self, access: Access, array: ArrayId, indices: &[Value]) -> Step1<Place> {
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

    fn guard(&mut self, array: ArrayId, axis: usize, index: Num) -> Step1<()> {
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

    fn see(&mut self, array: ArrayId, indices: &[Value], stores: bool, late: bool) {
        let affine = |v: &Value| self.nums.get(v).and_then(|n| self.kernel.numbers[*n].affine.clone());
        let indices = indices.iter().map(affine).collect();
        self.seen.push(Seen { array, indices, loc: self.loc, stores, late });
    }

    /// No two trips touch the same element of an array that is updated.
    fn no_conflicts(&mut self) -> Step1<()> {
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
    fn is_own(&self, index: &Affine) -> bool {
        index.axis != 0 && index.terms.iter().all(|(n, _)| self.is_input(*n))
    }

    // ---- inner loops ----

    fn inner(&mut self, inst: Inst) -> Step1<()> {
        let data = &self.func.insts[inst];
        let (lo, hi) = (self.num(data.args[0])?, self.num(data.args[1])?);
        if self.kernel.shape(lo) != Shape::Uniform || self.kernel.shape(hi) != Shape::Uniform {
            return self.refuse(Reason::UnevenInner);
        }
        let counter = self.counter(lo, hi);
        // Numbers that may be the same in all lanes are thought to be, until one of them proves not to be.
        let mut uniform: Vec<bool> = data.args[2..].iter().map(|v| self.may_be_uniform(*v)).collect();
        loop {
            let marks = (self.seen.len(), self.kernel.guards.len(), self.kernel.late.len());
            match self.inner_body(inst, counter, &uniform)? {
                Ok(inner) => {
                    self.steps.push(Step::Inner(Box::new(Inner { lo, hi, ..inner })));
                    return Ok(());
                }
                Err(varies) => uniform[varies] = false,
            }
            self.seen.truncate(marks.0);
            self.kernel.guards.truncate(marks.1);
            self.kernel.late.truncate(marks.2);
        }
    }

    fn counter(&mut self, lo: Num, hi: Num) -> Num {
        let next: Num = self.kernel.numbers.next_key();
        let affine = Some(Affine::number(next));
        let counter = self.kernel.numbers.push(NumData { scalar: Scalar::I64, shape: Shape::Uniform, affine });
        let bound =
            |n: Num| self.kernel.numbers[n].affine.clone().filter(|a| a.terms.iter().all(|(n, _)| self.is_input(*n)));
        if let (Some(lo), Some(hi)) = (bound(lo), bound(hi)) {
            self.kernel.counters.push((counter, lo, hi));
        }
        counter
    }

    fn may_be_uniform(&mut self, init: Value) -> bool {
        let ty = self.func.value_type(init);
        !ty.is_array() && !ty.is_float() && self.num(init).is_ok_and(|n| self.kernel.shape(n) == Shape::Uniform)
    }

    /// The loop, or the number of a carried value that is not uniform after all.
    fn inner_body(&mut self, inst: Inst, counter: Num, uniform: &[bool]) -> Step1<Result<Inner, usize>> {
        let data = &self.func.insts[inst];
        let region = &self.func.regions[data.regions[0]];
        self.nums.insert(region.params[0], counter);
        let mut carried: Vec<Option<(Num, Num)>> = Vec::new();
        for ((init, param), uniform) in data.args[2..].iter().zip(&region.params[1..]).zip(uniform) {
            if self.func.value_type(*init).is_array() {
                let array = self.array(*init)?;
                self.versions.insert(*param, array);
                carried.push(None);
                continue;
            }
            let init = self.num(*init)?;
            carried.push(Some((init, self.inner_number(init, *uniform)?)));
            self.nums.insert(*param, carried.last().copied().flatten().expect("pushed just now").1);
        }
        let outside = std::mem::take(&mut self.steps);
        self.depth += 1;
        let walked = self.region(data.regions[0]);
        self.depth -= 1;
        let body = std::mem::replace(&mut self.steps, outside);
        walked?;
        let mut numbers = Vec::new();
        for (k, (carried, y)) in carried.into_iter().zip(&region.yields).enumerate() {
            let Some((init, param)) = carried else {
                let array = self.array(data.args[2 + k])?;
                if self.versions.get(y) != Some(&array) {
                    return self.refuse(Reason::MakesArray);
                }
                self.versions.insert(data.results[k], array);
                continue;
            };
            let next = self.num(*y)?;
            if uniform[k] && self.kernel.shape(next) != Shape::Uniform {
                return Ok(Err(k));
            }
            if self.kernel.shape(next) == Shape::Ordered {
                return self.refuse(Reason::OrderedInner);
            }
            let result = self.inner_number(init, uniform[k])?;
            self.nums.insert(data.results[k], result);
            numbers.push(InnerCarried { init, param, next, result });
        }
        Ok(Ok(Inner { counter, lo: counter, hi: counter, carried: numbers, body }))
    }

    fn inner_number(&mut self, init: Num, uniform: bool) -> Step1<Num> {
        let scalar = self.kernel.scalar(init);
        if self.kernel.shape(init) == Shape::Ordered {
            return self.refuse(Reason::OrderedInner);
        }
        if !uniform {
            self.vector_number(scalar)?;
        }
        let shape = if uniform { Shape::Uniform } else { Shape::Varying };
        Ok(self.kernel.numbers.push(NumData { scalar, shape, affine: None }))
    }
}
