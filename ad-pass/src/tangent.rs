//! Forward mode: the primal once more, with a tangent beside each active value.
//!
//! Before: `%z = mul %x, %y`. After: `%z = mul %x, %y`, `%1 = mul %x.tan, %y`, `%2 = mul %y.tan, %x`, `%z.tan = add %1, %2`.
//! A value without an entry has tangent zero, and none is written until one is needed. Branches yield, loops carry and
//! calls (of `f.tan`) return the tangents of what is active behind the values themselves. Cost: linear in the primal.

use crate::context::{Active, Context, Instance};
use crate::copy::{Copies, copy_inst, copy_name, copy_param, open_copy};
use crate::request::conform;
use crate::rules::{Partial, Point, foreign, partial};
use dprog_ir::{
    Access, BinaryOp, Builder, FuncId, Function, HostFn, Inst, InstData, Op, ReduceOp, Region, Type, Value,
};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// Writes the body of a request for a Jacobian-vector product: `(p…, dp…) -> (r…, dr…)`.
pub fn jvp(cx: &mut Context, instance: Instance, function: &mut Function) {
    let active = Rc::new(cx.activate(instance));
    write(cx, active, function, true);
}

/// `f.tan` for `instance`, made at the first call.
fn tangent_of(cx: &mut Context, instance: Instance) -> FuncId {
    if let Some(known) = cx.tangents.get(&instance) {
        return *known;
    }
    let active = Rc::new(cx.activate(instance.clone()));
    let name = cx.derived_name(&instance, "tan");
    let func = active.func();
    let tangents_in = crate::reverse::adjoint_types(cx, &active);
    let tangents_out = crate::reverse::seed_types(cx, &active);
    let params = [func.params.clone(), tangents_in].concat();
    let results = [func.results.clone(), tangents_out].concat();
    let mut function = Function::new(name, params, results, func.loc);
    let id = cx.module.add_function(function.clone());
    cx.tangents.insert(instance, id);
    write(cx, active, &mut function, false);
    cx.module.funcs[id] = function;
    id
}

/// `from_outside`: the tangents may have any shape.
fn write(cx: &mut Context, active: Rc<Active>, function: &mut Function, from_outside: bool) {
    let primal = active.primal.clone();
    let b = Builder::new(function);
    let mut forward =
        Forward { cx, b, active: active.clone(), copies: Copies::of(&primal.func), tangents: FxHashMap::default() };
    let mut next = primal.params().len();
    for (k, param) in primal.params().iter().enumerate() {
        let copy = forward.b.param(k);
        forward.copies.set(*param, copy);
        copy_param(&mut forward.b, &primal.func, *param, copy);
        if active.instance.wrt[k] {
            let tangent = forward.b.param(next);
            let tangent = if from_outside { conform(&mut forward.b, copy, tangent) } else { tangent };
            next += 1;
            forward.put(*param, tangent);
        }
    }
    forward.region(primal.func.entry().expect("a primal has a body"));
    let mut results = forward.copies.all(primal.results());
    let outs = primal.results().iter().zip(&active.instance.outs).filter(|(_, out)| **out);
    results.extend(outs.map(|(v, _)| forward.tangent_or_zero(*v)).collect::<Vec<_>>());
    forward.b.finish(&results);
}

struct Forward<'c, 'm, 'f> {
    cx: &'c mut Context<'m>,
    b: Builder<'f>,
    active: Rc<Active>,
    copies: Copies,
    /// Tangents that are not zero.
    tangents: FxHashMap<Value, Value>,
}

impl Forward<'_, '_, '_> {
    fn region(&mut self, region: Region) {
        let active = self.active.clone();
        for &inst in &active.func().regions[region].insts {
            let data = &active.func().insts[inst];
            if data.results.iter().any(|r| active.is_active(*r)) {
                self.b.loc = data.loc;
                self.inst(inst, data);
            } else {
                copy_inst(&mut self.b, active.func(), inst, &mut self.copies);
            }
        }
    }

    fn inst(&mut self, inst: Inst, data: &InstData) {
        match &data.op {
            Op::If | Op::Switch => return self.branches(inst, data),
            Op::For => return self.counted(inst, data),
            Op::While => return self.uncounted(inst, data),
            Op::Map | Op::Build => return self.elementwise(inst, data),
            Op::Call(callee) => return self.call(inst, *callee, data),
            _ => copy_inst(&mut self.b, self.active.clone().func(), inst, &mut self.copies),
        }
        match &data.op {
            Op::Unary(_) | Op::Binary(_) | Op::Select => self.scalar(inst, data),
            Op::Convert(to) => {
                if let Some(x) = self.tangent(data.args[0]) {
                    let z = self.b.convert(x, *to);
                    self.put(data.results[0], z);
                }
            }
            Op::Fill | Op::Get(_) | Op::Take(_) | Op::Slice(_) | Op::Reshape => self.linear(data, &[0]),
            Op::Put | Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) => {
                self.linear(data, &[0, data.args.len() - 1]);
            }
            Op::Push | Op::Pop | Op::AddTangent => self.linear(data, &(0..data.args.len()).collect::<Vec<_>>()),
            Op::Elements => self.linear(data, &(0..data.args.len()).collect::<Vec<_>>()),
            Op::Reduce(op) => self.reduce(*op, data),
            Op::Dot | Op::MatMul { .. } | Op::MatVec { .. } | Op::Outer => self.bilinear(data),
            Op::NodeNew { node, case } => self.node_new(*node, *case, data),
            Op::NodeGet { case, field } => self.node_get(*case, *field, data),
            Op::Host(HostFn::Foreign) => self.foreign(data),
            Op::Retain | Op::Release | Op::Unshare => panic!("ownership comes after differentiation"),
            // Written above.
            Op::If | Op::Switch | Op::For | Op::While | Op::Map | Op::Build | Op::Call(_) => {}
            // Nothing passes through these: no result is active.
            Op::Const(_) | Op::Undef | Op::Compare(_) | Op::StopGrad | Op::Dim(_) | Op::SortPermutation => {}
            Op::NodeTag | Op::ZerosLike | Op::Concat | Op::Format(_) | Op::Check(_) | Op::Trap | Op::Host(_) => {}
        }
    }

    // ---- tangents ----

    fn tangent(&self, v: Value) -> Option<Value> {
        self.tangents.get(&v).copied()
    }

    fn put(&mut self, v: Value, tangent: Value) {
        if let Some(name) = self.active.func().values[v].name.clone() {
            self.b.name(tangent, &format!("{name}.tan"));
        }
        self.tangents.insert(v, tangent);
    }

    fn tangent_or_zero(&mut self, v: Value) -> Value {
        if let Some(tangent) = self.tangent(v) {
            return tangent;
        }
        let ty = self.active.func().value_type(v);
        let tangent = self.cx.tangent(ty);
        if ty.is_float() {
            return self.b.float(0.0, ty);
        }
        let copy = self.copies.get(v);
        self.b.zeros_like(copy, tangent)
    }

    fn tangent_types(&mut self, values: &[Value]) -> Vec<Type> {
        values.iter().map(|v| self.cx.tangent(self.active.func().value_type(*v))).collect()
    }

    fn active_of(&self, values: &[Value]) -> Vec<Value> {
        values.iter().copied().filter(|v| self.active.is_active(*v)).collect()
    }

    // ---- scalars ----

    fn scalar(&mut self, inst: Inst, data: &InstData) {
        let mut sum = None;
        for (k, x) in data.args.iter().enumerate() {
            let Some(tangent) = self.tangent(*x) else { continue };
            let Some(p) = partial(&data.op, k, &mut At { forward: self, inst }) else { continue };
            let c = Partial::apply(p, &mut self.b, tangent);
            sum = Some(match sum {
                None => c,
                Some(sum) => self.b.add(sum, c),
            });
        }
        if let Some(sum) = sum {
            self.put(data.results[0], sum);
        }
    }

    // ---- arrays: what they say in `reverse::arrays` ----

    /// The operation itself, on the tangents of these operands; indices and sizes are those of the primal.
    fn linear(&mut self, data: &InstData, through: &[usize]) {
        if through.iter().all(|k| self.tangent(data.args[*k]).is_none()) {
            return;
        }
        let mut args = self.copies.all(&data.args);
        for &k in through {
            args[k] = self.tangent_or_zero(data.args[k]);
        }
        let types = self.tangent_types(&data.results);
        let op = unchecked(&data.op);
        let tangent = self.b.inst(op, &args, &[], &types);
        for (r, tangent) in data.results.iter().zip(self.b.results(tangent)) {
            self.put(*r, tangent);
        }
    }

    /// The sum of the operation on one tangent and the other operand's primal.
    fn bilinear(&mut self, data: &InstData) {
        let (result, mut sum) = (data.results[0], None);
        let ty = self.active.func().value_type(result);
        for k in 0..2 {
            let Some(tangent) = self.tangent(data.args[k]) else { continue };
            let mut args = self.copies.all(&data.args);
            args[k] = tangent;
            let c = self.b.value(data.op.clone(), &args, ty);
            sum = Some(match sum {
                None => c,
                Some(sum) if ty.is_float() => self.b.add(sum, c),
                Some(sum) => self.b.add_tangent(sum, c),
            });
        }
        if let Some(sum) = sum {
            self.put(result, sum);
        }
    }

    fn reduce(&mut self, op: ReduceOp, data: &InstData) {
        let Some(tangent) = self.tangent(data.args[0]) else { return };
        let x = self.copies.get(data.args[0]);
        let arg = match op {
            ReduceOp::Sum => {
                let sum = self.b.reduce(ReduceOp::Sum, tangent);
                return self.put(data.results[0], sum);
            }
            ReduceOp::Max => ReduceOp::ArgMax,
            ReduceOp::Min => ReduceOp::ArgMin,
            ReduceOp::ArgMax | ReduceOp::ArgMin => return,
        };
        let mut rest = self.b.reduce(arg, x);
        let mut indices = Vec::new();
        for axis in (1..self.b.ty(x).rank()).rev() {
            let dim = self.b.dim(x, axis);
            indices.push(self.b.binary(BinaryOp::Rem, rest, dim));
            rest = self.b.div(rest, dim);
        }
        indices.push(rest);
        indices.reverse();
        let part = self.b.get(Access::InBounds, tangent, &indices);
        self.put(data.results[0], part);
    }

    /// What it says in `rules::foreign`.
    fn foreign(&mut self, data: &InstData) {
        let (x, y) = (data.args[3], data.results[0]);
        let Some(tangent) = self.tangent(x) else { return };
        let Some(jvp) = foreign::of(self.cx.module, &self.active.primal, data).and_then(|f| f.jvp) else { return };
        let (x, y_copy) = (self.copies.get(x), self.copies.get(y));
        let tangent = foreign::call(&mut self.b, jvp, x, y_copy, tangent);
        self.put(y, tangent);
    }

    // ---- nodes ----

    fn node_new(&mut self, node: dprog_ir::NodeId, case: u32, data: &InstData) {
        let Some(tangent) = self.cx.module.tangent_node(node) else { return };
        let fields: Vec<Value> = data
            .args
            .iter()
            .enumerate()
            .filter(|(k, _)| self.cx.module.tangent_field(node, case, *k as u32).is_some())
            .map(|(_, v)| *v)
            .collect();
        let fields: Vec<Value> = fields.into_iter().map(|v| self.tangent_or_zero(v)).collect();
        let tangent = self.b.node_new(tangent, case, &fields);
        self.put(data.results[0], tangent);
    }

    fn node_get(&mut self, case: u32, field: u32, data: &InstData) {
        let Some(tangent) = self.tangent(data.args[0]) else { return };
        let node = self.active.func().value_type(data.args[0]).as_node().expect("a node");
        let Some(field) = self.cx.module.tangent_field(node, case, field) else { return };
        let ty = self.tangent_types(&data.results)[0];
        let part = self.b.node_get(tangent, case, field, ty);
        self.put(data.results[0], part);
    }

    // ---- control ----

    fn branches(&mut self, inst: Inst, data: &InstData) {
        let active = self.active.clone();
        let outs = self.active_of(&data.results);
        let mut regions = Vec::new();
        for &branch in &data.regions {
            open_copy(&mut self.b, active.func(), branch, &mut self.copies);
            regions.push(self.close(branch, data, &outs));
        }
        let args = self.copies.all(&data.args);
        self.finish(inst, data, &args, &regions, &outs);
    }

    /// Writes the body of an open region, and closes it with the tangents behind what it yields.
    fn close(&mut self, region: Region, data: &InstData, outs: &[Value]) -> Region {
        let active = self.active.clone();
        self.region(region);
        self.b.loc = data.loc;
        let yields = &active.func().regions[region].yields;
        let mut values = self.copies.all(yields);
        let through = data.results.iter().zip(yields).filter(|(r, _)| outs.contains(r)).map(|(_, v)| *v);
        values.extend(through.map(|v| self.tangent_or_zero(v)).collect::<Vec<_>>());
        self.b.close_region(&values)
    }

    /// Appends the instruction with the tangents of `outs` behind its results.
    fn finish(&mut self, inst: Inst, data: &InstData, args: &[Value], regions: &[Region], outs: &[Value]) {
        let active = self.active.clone();
        self.b.loc = data.loc;
        let mut types: Vec<Type> = data.results.iter().map(|r| active.func().value_type(*r)).collect();
        types.extend(self.tangent_types(outs));
        let op = active.func().insts[inst].op.clone();
        let new = self.b.inst(op, args, regions, &types);
        let results = self.b.results(new);
        for (r, copy) in data.results.iter().zip(&results) {
            self.copies.set(*r, *copy);
            copy_name(&mut self.b, active.func(), *r, *copy);
        }
        for (r, tangent) in outs.iter().zip(&results[data.results.len()..]) {
            self.put(*r, *tangent);
        }
    }

    /// Opens a copy of a region with tangents for these of its parameters behind the parameters.
    fn open_with(&mut self, region: Region, params: &[Value]) {
        let active = self.active.clone();
        open_copy(&mut self.b, active.func(), region, &mut self.copies);
        let open = self.b.current();
        for (param, ty) in params.iter().zip(self.tangent_types(params)) {
            let tangent = self.b.func.new_value(ty, None);
            self.b.func.regions[open].params.push(tangent);
            self.put(*param, tangent);
        }
    }

    /// The parameters of a loop's region that carry the active ones of its results.
    fn carried_params(&self, data: &InstData, region: Region, first: usize) -> Vec<Value> {
        let params = &self.active.func().regions[region].params[first..];
        params.iter().zip(&data.results).filter(|(_, r)| self.active.is_active(**r)).map(|(p, _)| *p).collect()
    }

    /// The operands of a loop, with the tangents of the active initial values behind them.
    fn loop_args(&mut self, data: &InstData) -> Vec<Value> {
        let mut args = self.copies.all(&data.args);
        let inits = &data.args[data.args.len() - data.results.len()..];
        for (init, r) in inits.iter().zip(&data.results) {
            if self.active.is_active(*r) {
                args.push(self.tangent_or_zero(*init));
            }
        }
        args
    }

    fn counted(&mut self, inst: Inst, data: &InstData) {
        let outs = self.active_of(&data.results);
        let args = self.loop_args(data);
        let params = self.carried_params(data, data.regions[0], 1);
        self.open_with(data.regions[0], &params);
        let body = self.close(data.regions[0], data, &outs);
        self.finish(inst, data, &args, &[body], &outs);
    }

    fn uncounted(&mut self, inst: Inst, data: &InstData) {
        let outs = self.active_of(&data.results);
        let args = self.loop_args(data);
        let params = self.carried_params(data, data.regions[0], 0);
        self.open_with(data.regions[0], &params);
        let condition = self.close(data.regions[0], data, &[]);
        let params = self.carried_params(data, data.regions[1], 0);
        self.open_with(data.regions[1], &params);
        let body = self.close(data.regions[1], data, &outs);
        self.finish(inst, data, &args, &[condition, body], &outs);
    }

    /// `map` and `build`: elements of tangents behind the elements.
    fn elementwise(&mut self, inst: Inst, data: &InstData) {
        let active = self.active.clone();
        let outs = self.active_of(&data.results);
        let mut args = self.copies.all(&data.args);
        let body = data.regions[0];
        let mut params = Vec::new();
        if data.op == Op::Map {
            for (array, param) in data.args.iter().zip(&active.func().regions[body].params) {
                if let Some(tangent) = self.tangent(*array) {
                    args.push(tangent);
                    params.push(*param);
                }
            }
        }
        self.open_with(body, &params);
        let body = self.close(body, data, &outs);
        self.finish(inst, data, &args, &[body], &outs);
    }

    fn call(&mut self, inst: Inst, callee: FuncId, data: &InstData) {
        let outs: Vec<bool> = data.results.iter().map(|r| self.active.is_active(*r)).collect();
        let wrt: Vec<bool> = data.args.iter().map(|v| self.tangent(*v).is_some()).collect();
        self.cx.path.push(data.loc);
        let instance = Instance { primal: callee, wrt, outs, held: Vec::new() };
        let callee = tangent_of(self.cx, instance);
        self.cx.path.pop();
        let mut args = self.copies.all(&data.args);
        args.extend(data.args.iter().filter_map(|v| self.tangent(*v)).collect::<Vec<_>>());
        let outs = self.active_of(&data.results);
        let active = self.active.clone();
        let mut types: Vec<Type> = data.results.iter().map(|r| active.func().value_type(*r)).collect();
        types.extend(self.tangent_types(&outs));
        let results = self.b.call(callee, &args, &types);
        for (r, copy) in data.results.iter().zip(&results) {
            self.copies.set(*r, *copy);
            copy_name(&mut self.b, active.func(), *r, *copy);
        }
        outs.iter().zip(&results[data.results.len()..]).for_each(|(r, tangent)| self.put(*r, *tangent));
        let _ = inst;
    }
}

/// The operation on a tangent: the primal has passed the test of indices just before.
fn unchecked(op: &Op) -> Op {
    match op {
        Op::Get(_) => Op::Get(Access::InBounds),
        Op::Set(_) => Op::Set(Access::InBounds),
        Op::Take(_) => Op::Take(Access::InBounds),
        Op::AddAt(_) => Op::AddAt(Access::InBounds),
        Op::Slice(_) => Op::Slice(Access::InBounds),
        Op::SetSlice(_) => Op::SetSlice(Access::InBounds),
        Op::AddSlice(_) => Op::AddSlice(Access::InBounds),
        op => op.clone(),
    }
}

/// An instruction as the point at which a rule linearizes it.
struct At<'s, 'c, 'm, 'f> {
    forward: &'s mut Forward<'c, 'm, 'f>,
    inst: Inst,
}

impl At<'_, '_, '_, '_> {
    fn arg(&self, k: usize) -> Value {
        self.forward.active.func().insts[self.inst].args[k]
    }
}

impl<'f> Point<'f> for At<'_, '_, '_, 'f> {
    fn builder(&mut self) -> &mut Builder<'f> {
        &mut self.forward.b
    }

    fn operand(&mut self, k: usize) -> Value {
        self.forward.copies.get(self.arg(k))
    }

    fn result(&mut self) -> Value {
        self.forward.copies.get(self.forward.active.func().insts[self.inst].results[0])
    }

    fn constant(&self, k: usize) -> Option<f64> {
        self.forward.active.primal.constant(self.arg(k))
    }

    fn is_of_one(&self) -> bool {
        self.arg(0) == self.arg(1)
    }

    fn ty(&self) -> Type {
        let func = self.forward.active.func();
        func.value_type(func.insts[self.inst].results[0])
    }
}
