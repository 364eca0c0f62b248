//! Writes instructions into the regions of one function.
//!
//! The builder keeps a stack of open regions and a current source location. It computes result types from operand types
//! by the rule of each operation ([`Op`]); where a type does not follow from the operands, the method asks for it.
//!
//! ```
//! use dprog_ir::{BinaryOp, Builder, Function, SrcLoc, Type};
//! // func @cube_sum(%x: f64, %n: i64): adds x³ n times.
//! let mut f = Function::new("cube_sum", vec![Type::F64, Type::I64], vec![Type::F64], SrcLoc::NONE);
//! let mut b = Builder::new(&mut f);
//! let (x, n) = (b.param(0), b.param(1));
//! let (zero, start) = (b.i64(0), b.f64(0.0));
//! let sum = b.for_loop(zero, n, &[start], |b, _i, carried| {
//!     let square = b.binary(BinaryOp::Mul, x, x);
//!     let cube = b.binary(BinaryOp::Mul, square, x);
//!     vec![b.binary(BinaryOp::Add, carried[0], cube)]
//! });
//! b.finish(&sum);
//! ```

use crate::function::{Body, Function, Inst, InstData, Region, RegionData, Value};
use crate::host::HostFn;
use crate::location::SrcLoc;
use crate::module::{FuncId, NodeId};
use crate::opcode::{Access, BinaryOp, CompareOp, Const, FormatSpec, Op, ReduceOp, UnaryOp};
use crate::trap::TrapCode;
use crate::types::{Scalar, Type};
use smallvec::SmallVec;
use std::sync::Arc;

/// See the module's description.
pub struct Builder<'f> {
    pub func: &'f mut Function,
    open: Vec<Region>,
    /// The location given to instructions from now on.
    pub loc: SrcLoc,
}

impl<'f> Builder<'f> {
    /// Opens the body of a function that has none yet: its parameters become values.
    pub fn new(func: &'f mut Function) -> Builder<'f> {
        let loc = func.loc;
        let params = func.params.clone();
        let mut builder = Builder { func, open: Vec::new(), loc };
        let entry = builder.open_region(&params);
        builder.func.body = Body::Defined(entry);
        builder
    }

    /// Goes on writing at the end of a region that exists.
    pub fn append(func: &'f mut Function, region: Region) -> Builder<'f> {
        Builder { func, open: vec![region], loc: SrcLoc::NONE }
    }

    /// Parameter `index` of the function.
    pub fn param(&self, index: usize) -> Value {
        self.func.regions[self.open[0]].params[index]
    }

    /// Parameter `index` of the innermost open region.
    pub fn region_param(&self, index: usize) -> Value {
        self.func.regions[self.current()].params[index]
    }

    /// The innermost open region.
    pub fn current(&self) -> Region {
        *self.open.last().expect("a region is open")
    }

    /// Ends the body: the function's results.
    pub fn finish(mut self, results: &[Value]) {
        self.close_region(results);
    }

    pub fn ty(&self, v: Value) -> Type {
        self.func.value_type(v)
    }

    /// Names a value, if it has no name yet.
    pub fn name(&mut self, v: Value, name: &str) {
        self.func.values[v].name.get_or_insert_with(|| name.into());
    }

    // ---- regions ----

    /// Opens a region with parameters of these types; instructions go there until it is closed.
    pub fn open_region(&mut self, params: &[Type]) -> Region {
        let params = params.iter().map(|ty| self.func.new_value(*ty, None)).collect();
        let region = self.func.regions.push(RegionData { params, ..RegionData::default() });
        self.open.push(region);
        region
    }

    /// Closes the innermost region with what it yields.
    pub fn close_region(&mut self, yields: &[Value]) -> Region {
        let region = self.open.pop().expect("a region is open");
        self.func.regions[region].yields = yields.to_vec();
        region
    }

    /// Opens a closed region again, to go on writing at its end. Close it once more before anything owns it.
    pub fn reopen_region(&mut self, region: Region) {
        self.open.push(region);
    }

    // ---- any instruction ----

    /// Appends an instruction with given result types.
    pub fn inst(&mut self, op: Op, args: &[Value], regions: &[Region], results: &[Type]) -> Inst {
        let results = results.iter().map(|ty| self.func.new_value(*ty, None)).collect();
        let (args, regions) = (SmallVec::from_slice(args), SmallVec::from_slice(regions));
        let inst = self.func.insts.push(InstData { op, args, regions, results, loc: self.loc });
        let region = self.current();
        self.func.regions[region].insts.push(inst);
        inst
    }

    /// Appends an instruction with one result.
    pub fn value(&mut self, op: Op, args: &[Value], ty: Type) -> Value {
        let inst = self.inst(op, args, &[], &[ty]);
        self.func.insts[inst].results[0]
    }

    pub fn results(&self, inst: Inst) -> Vec<Value> {
        self.func.insts[inst].results.to_vec()
    }

    fn yield_types(&self, region: Region) -> Vec<Type> {
        self.func.regions[region].yields.iter().map(|v| self.ty(*v)).collect()
    }

    // ---- scalars ----

    pub fn constant(&mut self, c: Const) -> Value {
        let ty = match &c {
            Const::F64(_) => Type::F64,
            Const::F32(_) => Type::F32,
            Const::I64(_) => Type::I64,
            Const::I32(_) => Type::I32,
            Const::U8(_) => Type::U8,
            Const::Bool(_) => Type::BOOL,
            Const::Str(_) => Type::STR,
        };
        self.value(Op::Const(c), &[], ty)
    }

    pub fn f64(&mut self, x: f64) -> Value {
        self.constant(Const::f64(x))
    }

    pub fn i64(&mut self, x: i64) -> Value {
        self.constant(Const::I64(x))
    }

    pub fn bool(&mut self, x: bool) -> Value {
        self.constant(Const::Bool(x))
    }

    pub fn str(&mut self, text: &str) -> Value {
        self.constant(Const::Str(Arc::from(text)))
    }

    /// The float constant `x` of type `ty`, `f64` or `f32`.
    pub fn float(&mut self, x: f64, ty: Type) -> Value {
        if ty == Type::F32 { self.constant(Const::f32(x as f32)) } else { self.f64(x) }
    }

    pub fn undef(&mut self, ty: Type) -> Value {
        self.value(Op::Undef, &[], ty)
    }

    pub fn unary(&mut self, op: UnaryOp, x: Value) -> Value {
        self.value(Op::Unary(op), &[x], self.ty(x))
    }

    pub fn binary(&mut self, op: BinaryOp, x: Value, y: Value) -> Value {
        self.value(Op::Binary(op), &[x, y], self.ty(x))
    }

    pub fn add(&mut self, x: Value, y: Value) -> Value {
        self.binary(BinaryOp::Add, x, y)
    }

    pub fn sub(&mut self, x: Value, y: Value) -> Value {
        self.binary(BinaryOp::Sub, x, y)
    }

    pub fn mul(&mut self, x: Value, y: Value) -> Value {
        self.binary(BinaryOp::Mul, x, y)
    }

    pub fn div(&mut self, x: Value, y: Value) -> Value {
        self.binary(BinaryOp::Div, x, y)
    }

    pub fn compare(&mut self, op: CompareOp, x: Value, y: Value) -> Value {
        self.value(Op::Compare(op), &[x, y], Type::BOOL)
    }

    pub fn select(&mut self, cond: Value, a: Value, b: Value) -> Value {
        self.value(Op::Select, &[cond, a, b], self.ty(a))
    }

    pub fn convert(&mut self, x: Value, to: Scalar) -> Value {
        self.value(Op::Convert(to), &[x], Type::scalar(to))
    }

    pub fn stop_grad(&mut self, x: Value) -> Value {
        self.value(Op::StopGrad, &[x], self.ty(x))
    }

    // ---- arrays ----

    pub fn fill(&mut self, v: Value, dims: &[Value]) -> Value {
        let ty = self.ty(v).array(dims.len());
        self.value(Op::Fill, &with_first(v, dims), ty)
    }

    pub fn elements(&mut self, items: &[Value], element: Type) -> Value {
        self.value(Op::Elements, items, element.array(1))
    }

    pub fn dim(&mut self, x: Value, axis: usize) -> Value {
        self.value(Op::Dim(axis as u8), &[x], Type::I64)
    }

    /// All sizes of `x`, outermost first.
    pub fn dims(&mut self, x: Value) -> Vec<Value> {
        (0..self.ty(x).rank()).map(|axis| self.dim(x, axis)).collect()
    }

    pub fn get(&mut self, access: Access, x: Value, indices: &[Value]) -> Value {
        let ty = self.ty(x);
        let part = match ty.rank() - indices.len() {
            0 => ty.element(),
            rest => ty.element().array(rest),
        };
        self.value(Op::Get(access), &with_first(x, indices), part)
    }

    pub fn set(&mut self, access: Access, x: Value, indices: &[Value], v: Value) -> Value {
        self.value(Op::Set(access), &with_both(x, indices, v), self.ty(x))
    }

    pub fn add_at(&mut self, access: Access, x: Value, indices: &[Value], v: Value) -> Value {
        self.value(Op::AddAt(access), &with_both(x, indices, v), self.ty(x))
    }

    pub fn slice(&mut self, access: Access, x: Value, lo: Value, hi: Value) -> Value {
        self.value(Op::Slice(access), &[x, lo, hi], self.ty(x))
    }

    pub fn set_slice(&mut self, access: Access, x: Value, lo: Value, v: Value) -> Value {
        self.value(Op::SetSlice(access), &[x, lo, v], self.ty(x))
    }

    pub fn add_slice(&mut self, access: Access, x: Value, lo: Value, v: Value) -> Value {
        self.value(Op::AddSlice(access), &[x, lo, v], self.ty(x))
    }

    /// `x` without the element, and the element.
    pub fn take(&mut self, access: Access, x: Value, indices: &[Value]) -> (Value, Value) {
        let ty = self.ty(x);
        let inst = self.inst(Op::Take(access), &with_first(x, indices), &[], &[ty, ty.element()]);
        let results = &self.func.insts[inst].results;
        (results[0], results[1])
    }

    /// Where `take` has left a hole.
    pub fn put(&mut self, x: Value, indices: &[Value], v: Value) -> Value {
        self.value(Op::Put, &with_both(x, indices, v), self.ty(x))
    }

    pub fn push(&mut self, x: Value, v: Value) -> Value {
        self.value(Op::Push, &[x, v], self.ty(x))
    }

    /// The shorter array and the element that was last.
    pub fn pop(&mut self, x: Value) -> (Value, Value) {
        let ty = self.ty(x);
        let inst = self.inst(Op::Pop, &[x], &[], &[ty, ty.element()]);
        let results = &self.func.insts[inst].results;
        (results[0], results[1])
    }

    pub fn reshape(&mut self, x: Value, dims: &[Value]) -> Value {
        let ty = self.ty(x).element().array(dims.len());
        self.value(Op::Reshape, &with_first(x, dims), ty)
    }

    pub fn reduce(&mut self, op: ReduceOp, x: Value) -> Value {
        let ty = match op {
            ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min => self.ty(x).element(),
            ReduceOp::ArgMax | ReduceOp::ArgMin => Type::I64,
        };
        self.value(Op::Reduce(op), &[x], ty)
    }

    pub fn dot(&mut self, x: Value, y: Value) -> Value {
        self.value(Op::Dot, &[x, y], self.ty(x).element())
    }

    pub fn matmul(&mut self, a: Value, transpose_a: bool, b: Value, transpose_b: bool) -> Value {
        self.value(Op::MatMul { transpose_a, transpose_b }, &[a, b], self.ty(a))
    }

    pub fn matvec(&mut self, a: Value, transpose: bool, x: Value) -> Value {
        self.value(Op::MatVec { transpose }, &[a, x], self.ty(x))
    }

    pub fn outer(&mut self, x: Value, y: Value) -> Value {
        let ty = self.ty(x).element().array(2);
        self.value(Op::Outer, &[x, y], ty)
    }

    /// `map` over arrays of one shape; `body` gets an element of each and gives k scalars.
    pub fn map(&mut self, arrays: &[Value], body: impl FnOnce(&mut Self, &[Value]) -> Vec<Value>) -> Vec<Value> {
        let elements: Vec<Type> = arrays.iter().map(|x| self.ty(*x).element()).collect();
        let rank = self.ty(arrays[0]).rank();
        let region = self.region_with(&elements, |b, params| body(b, params));
        let types: Vec<Type> = self.yield_types(region).into_iter().map(|ty| ty.array(rank)).collect();
        let inst = self.inst(Op::Map, arrays, &[region], &types);
        self.results(inst)
    }

    /// `build` over the index space of `dims`; `body` gets the indices and gives k values.
    pub fn build(&mut self, dims: &[Value], body: impl FnOnce(&mut Self, &[Value]) -> Vec<Value>) -> Vec<Value> {
        let region = self.region_with(&vec![Type::I64; dims.len()], |b, params| body(b, params));
        let types: Vec<Type> = self.yield_types(region).into_iter().map(|ty| ty.array(dims.len())).collect();
        let inst = self.inst(Op::Build, dims, &[region], &types);
        self.results(inst)
    }

    // ---- nodes, tangents, text ----

    pub fn node_new(&mut self, node: NodeId, case: u32, fields: &[Value]) -> Value {
        self.value(Op::NodeNew { node, case }, fields, Type::node(node))
    }

    pub fn node_tag(&mut self, n: Value) -> Value {
        self.value(Op::NodeTag, &[n], Type::I64)
    }

    /// `ty` is the type of the field.
    pub fn node_get(&mut self, n: Value, case: u32, field: u32, ty: Type) -> Value {
        self.value(Op::NodeGet { case, field }, &[n], ty)
    }

    /// `tangent` is the tangent type of `x`'s type.
    pub fn zeros_like(&mut self, x: Value, tangent: Type) -> Value {
        self.value(Op::ZerosLike, &[x], tangent)
    }

    pub fn add_tangent(&mut self, a: Value, b: Value) -> Value {
        self.value(Op::AddTangent, &[a, b], self.ty(a))
    }

    pub fn concat(&mut self, pieces: &[Value]) -> Value {
        self.value(Op::Concat, pieces, Type::STR)
    }

    pub fn format(&mut self, x: Value, spec: FormatSpec) -> Value {
        self.value(Op::Format(spec), &[x], Type::STR)
    }

    // ---- control ----

    fn region_with(&mut self, params: &[Type], body: impl FnOnce(&mut Self, &[Value]) -> Vec<Value>) -> Region {
        let region = self.open_region(params);
        let params = self.func.regions[region].params.clone();
        let yields = body(self, &params);
        self.close_region(&yields)
    }

    pub fn if_else(
        &mut self,
        cond: Value,
        then: impl FnOnce(&mut Self) -> Vec<Value>,
        otherwise: impl FnOnce(&mut Self) -> Vec<Value>,
    ) -> Vec<Value> {
        let then = self.region_with(&[], |b, _| then(b));
        let otherwise = self.region_with(&[], |b, _| otherwise(b));
        let types = self.yield_types(then);
        let inst = self.inst(Op::If, &[cond], &[then, otherwise], &types);
        self.results(inst)
    }

    /// `body` writes region `k` of `cases`; the last one is the default.
    pub fn switch(
        &mut self,
        tag: Value,
        cases: usize,
        mut body: impl FnMut(&mut Self, usize) -> Vec<Value>,
    ) -> Vec<Value> {
        let regions: Vec<Region> = (0..cases).map(|k| self.region_with(&[], |b, _| body(b, k))).collect();
        let types = self.yield_types(regions[0]);
        let inst = self.inst(Op::Switch, &[tag], &regions, &types);
        self.results(inst)
    }

    /// `body` gets the counter and the carried values, and gives the next carried values.
    pub fn for_loop(
        &mut self,
        lo: Value,
        hi: Value,
        init: &[Value],
        body: impl FnOnce(&mut Self, Value, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let types: Vec<Type> = init.iter().map(|v| self.ty(*v)).collect();
        let region = self.region_with(&with_first(Type::I64, &types), |b, params| body(b, params[0], &params[1..]));
        let inst = self.inst(Op::For, &[&[lo, hi], init].concat(), &[region], &types);
        self.results(inst)
    }

    pub fn while_loop(
        &mut self,
        init: &[Value],
        condition: impl FnOnce(&mut Self, &[Value]) -> Value,
        body: impl FnOnce(&mut Self, &[Value]) -> Vec<Value>,
    ) -> Vec<Value> {
        let types: Vec<Type> = init.iter().map(|v| self.ty(*v)).collect();
        let condition = self.region_with(&types, |b, params| vec![condition(b, params)]);
        let body = self.region_with(&types, |b, params| body(b, params));
        let inst = self.inst(Op::While, init, &[condition, body], &types);
        self.results(inst)
    }

    /// `results` are those of the callee's signature.
    pub fn call(&mut self, callee: FuncId, args: &[Value], results: &[Type]) -> Vec<Value> {
        let inst = self.inst(Op::Call(callee), args, &[], results);
        self.results(inst)
    }

    // ---- the world ----

    pub fn check(&mut self, code: TrapCode, cond: Value, a: Value, b: Value) {
        self.inst(Op::Check(code), &[cond, a, b], &[], &[]);
    }

    pub fn trap(&mut self, text: Value) {
        self.inst(Op::Trap, &[text], &[], &[]);
    }

    pub fn host(&mut self, f: HostFn, args: &[Value]) -> Vec<Value> {
        let inst = self.inst(Op::Host(f), args, &[], &f.signature().1);
        self.results(inst)
    }
}

fn with_first<T: Copy>(first: T, rest: &[T]) -> Vec<T> {
    std::iter::once(first).chain(rest.iter().copied()).collect()
}

fn with_both<T: Copy>(first: T, middle: &[T], last: T) -> Vec<T> {
    [&[first], middle, &[last]].concat()
}
