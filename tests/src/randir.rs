//! Random modules of IR, well-typed by construction: what the properties of the optimizer are tested on.
//!
//! Functions take and give numbers, arrays of one and two axes, and a node; bodies are nested branches and loops with few
//! passes, over a pool of values in scope. They trap now and then, print, call each other, and hold much that is dead,
//! constant, equal, invariant or known, so that passes find work. Every instruction has a place of its own. Accesses in
//! bounds are written only where they are, under a loop over the size.

use crate::generate::random::Random;
use dprog_ir::module::NodeKind;
use dprog_ir::{
    Access, BinaryOp, Builder, CaseDef, CompareOp, FieldDef, FormatSpec, FuncId, Function, HostFn, LocData, Locations,
    Module, NodeId, Op, ReduceOp, Region, Scalar, SrcLoc, TrapCode, Type, UnaryOp, Value,
};

/// A module of three functions; the last one is to be called from outside. The first calls itself.
pub fn module(seed: u64) -> (Module, FuncId) {
    module_of_size(seed, 60)
}

/// The same with so many statements in the last function.
pub fn module_of_size(seed: u64, statements: usize) -> (Module, FuncId) {
    let mut random = Random::new(seed);
    let mut module = Module::new();
    let field = |name: &str, ty| FieldDef { name: name.into(), ty };
    let cases = vec![
        CaseDef { name: "scale".into(), fields: vec![field("k", Type::F64)] },
        CaseDef { name: "pick".into(), fields: vec![field("v", Type::F64.array(1)), field("i", Type::I64)] },
    ];
    let node = module.add_node("Rule", NodeKind::Enum, cases);
    let mut locations = Locations::default();
    let mut entry = None;
    for (k, budget) in [12, 25, statements].into_iter().enumerate() {
        let name = format!("f{k}");
        let loc = place(&mut locations, &name, 0);
        let function = Function::new(name.as_str(), params(node), results(), loc);
        let id = module.add_function(function);
        let mut function = module.funcs[id].clone();
        let callees: Vec<FuncId> = module.funcs.keys().take(if k == 0 { 1 } else { k }).collect();
        let builder = Builder::new(&mut function);
        let writer = Writer {
            b: builder,
            random: &mut random,
            locations: &mut locations,
            name,
            position: 0,
            scope: Vec::new(),
            node,
            callees,
            recursive: k == 0,
            budget,
            depth: 0,
        };
        writer.body();
        module.funcs[id] = function;
        entry = Some(id);
    }
    module.locations = locations;
    (module, entry.expect("three functions"))
}

/// What every function takes: numbers, a list, a matrix and a node.
fn params(node: NodeId) -> Vec<Type> {
    let (v, m) = (Type::F64.array(1), Type::F64.array(2));
    vec![Type::F64, Type::F64, Type::I64, Type::I64, Type::BOOL, v, m, Type::node(node)]
}

fn results() -> Vec<Type> {
    vec![Type::F64, Type::I64, Type::F64.array(1), Type::BOOL]
}

fn place(locations: &mut Locations, function: &str, position: u64) -> SrcLoc {
    locations.intern(LocData { position, function: function.into(), inlined_at: SrcLoc::NONE })
}

struct Writer<'a> {
    b: Builder<'a>,
    random: &'a mut Random,
    locations: &'a mut Locations,
    name: String,
    position: u64,
    /// Values that may be used here.
    scope: Vec<Value>,
    node: NodeId,
    callees: Vec<FuncId>,
    /// Whether the first callee is the function itself: it is called under a decreasing counter only.
    recursive: bool,
    /// Statements still to be written.
    budget: usize,
    depth: usize,
}

impl Writer<'_> {
    fn body(mut self) {
        let count = self.b.func.params.len();
        self.scope = (0..count).map(|k| self.b.param(k)).collect();
        while self.budget > 0 {
            self.statement();
        }
        let results: Vec<Value> = results().into_iter().map(|ty| self.pick(ty)).collect();
        self.b.finish(&results);
    }

    // ---- values ----

    fn here(&mut self) {
        self.position += 1;
        self.b.loc = place(self.locations, &self.name, self.position);
    }

    fn put(&mut self, v: Value) {
        self.scope.push(v);
    }

    /// A value in scope of this type, later ones more often; or a new one.
    fn pick(&mut self, ty: Type) -> Value {
        let fitting: Vec<Value> = self.scope.iter().copied().filter(|v| self.b.ty(*v) == ty).collect();
        if fitting.is_empty() || self.random.percent(12) {
            return self.fresh(ty);
        }
        let back = self.random.below(fitting.len()).min(self.random.below(fitting.len()));
        fitting[fitting.len() - 1 - back]
    }

    fn fresh(&mut self, ty: Type) -> Value {
        self.here();
        if ty == Type::F64 {
            let numbers = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 4.0, 3.0, f64::INFINITY, 1e-310];
            return self.b.f64(*self.random.pick(&numbers));
        }
        if ty == Type::I64 {
            let n = self.random.between(-1, 4);
            return self.b.i64(n);
        }
        if ty == Type::BOOL {
            let c = self.random.percent(50);
            return self.b.bool(c);
        }
        if ty == Type::F64.array(1) {
            return self.fresh_vector();
        }
        if ty == Type::F64.array(2) {
            let (n, m, x) = (self.size(), self.size(), self.pick(Type::F64));
            return self.b.fill(x, &[n, m]);
        }
        self.fresh_node()
    }

    fn fresh_vector(&mut self) -> Value {
        let x = self.pick(Type::F64);
        if self.random.percent(50) {
            let n = self.size();
            return self.b.fill(x, &[n]);
        }
        let items: Vec<Value> = (0..self.random.below(4)).map(|_| self.pick(Type::F64)).collect();
        self.b.elements(&items, Type::F64)
    }

    fn fresh_node(&mut self) -> Value {
        if self.random.percent(50) {
            let k = self.pick(Type::F64);
            return self.b.node_new(self.node, 0, &[k]);
        }
        let (v, i) = (self.pick(Type::F64.array(1)), self.pick(Type::I64));
        self.b.node_new(self.node, 1, &[v, i])
    }

    /// A size from 0 to 7.
    fn size(&mut self) -> Value {
        if self.random.percent(50) {
            let n = self.random.between(0, 4);
            return self.b.i64(n);
        }
        let (n, mask) = (self.pick(Type::I64), self.b.i64(7));
        self.b.binary(BinaryOp::And, n, mask)
    }

    /// An index that is mostly inside axis `axis` of `x`.
    fn index(&mut self, x: Value, axis: usize) -> Value {
        let i = self.pick(Type::I64);
        if self.random.percent(25) {
            return i;
        }
        let (n, one, mask) = (self.b.dim(x, axis), self.b.i64(1), self.b.i64(i64::MAX));
        let (n, i) = (self.b.binary(BinaryOp::Max, n, one), self.b.binary(BinaryOp::And, i, mask));
        self.b.binary(BinaryOp::Rem, i, n)
    }

    fn indices(&mut self, x: Value) -> Vec<Value> {
        (0..self.b.ty(x).rank()).map(|axis| self.index(x, axis)).collect()
    }

    fn array(&mut self) -> Value {
        let rank = if self.random.percent(70) { 1 } else { 2 };
        self.pick(Type::F64.array(rank))
    }

    // ---- statements ----

    fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        self.here();
        let deep = self.depth >= 4 || self.budget < 3;
        let plain: &[(usize, fn(&mut Self))] = &[
            (18, Self::float),
            (12, Self::integer),
            (8, Self::comparison),
            (5, Self::choice),
            (8, Self::read),
            (8, Self::write),
            (3, Self::rows),
            (4, Self::size_of),
            (4, Self::reduction),
            (3, Self::list),
            (3, Self::construction),
            (2, Self::again),
            (1, Self::print),
            (1, Self::check),
            (3, Self::call),
        ];
        let nested: &[(usize, fn(&mut Self))] = &[
            (6, Self::branch),
            (3, Self::switch),
            (7, Self::counted),
            (4, Self::sweep),
            (3, Self::open),
            (4, Self::accumulate),
            (4, Self::map),
            (4, Self::build),
        ];
        let write =
            if deep || self.random.percent(65) { self.random.weighted(plain) } else { self.random.weighted(nested) };
        write(self);
    }

    fn float(&mut self) {
        let (x, y) = (self.pick(Type::F64), self.pick(Type::F64));
        let v = if self.random.percent(30) {
            let ops =
                [UnaryOp::Neg, UnaryOp::Abs, UnaryOp::Sqrt, UnaryOp::Exp, UnaryOp::Sin, UnaryOp::Floor, UnaryOp::Sign];
            let op = *self.random.pick(&ops);
            self.b.unary(op, x)
        } else {
            let ops = [
                (6, BinaryOp::Add),
                (5, BinaryOp::Sub),
                (6, BinaryOp::Mul),
                (2, BinaryOp::Div),
                (1, BinaryOp::Min),
                (1, BinaryOp::Max),
                (1, BinaryOp::Pow),
                (1, BinaryOp::CopySign),
            ];
            let op = self.random.weighted(&ops);
            self.b.binary(op, x, y)
        };
        self.put(v);
    }

    fn integer(&mut self) {
        let (x, y) = (self.pick(Type::I64), self.pick(Type::I64));
        let ops = [
            (8, BinaryOp::Add),
            (8, BinaryOp::Sub),
            (3, BinaryOp::Mul),
            (1, BinaryOp::Div),
            (1, BinaryOp::Rem),
            (2, BinaryOp::Min),
            (2, BinaryOp::Max),
            (2, BinaryOp::And),
            (1, BinaryOp::Or),
            (1, BinaryOp::Xor),
            (1, BinaryOp::Shl),
            (1, BinaryOp::Shr),
            (1, BinaryOp::Pow),
        ];
        let op = self.random.weighted(&ops);
        let v = self.b.binary(op, x, y);
        self.put(v);
    }

    fn comparison(&mut self) {
        let ty = if self.random.percent(60) { Type::I64 } else { Type::F64 };
        let (x, y) = (self.pick(ty), self.pick(ty));
        let op = self.random.pick(CompareOp::TABLE).0;
        let mut c = self.b.compare(op, x, y);
        if self.random.percent(30) {
            let d = self.pick(Type::BOOL);
            let op = *self.random.pick(&[BinaryOp::And, BinaryOp::Or, BinaryOp::Xor]);
            c = self.b.binary(op, c, d);
        } else if self.random.percent(20) {
            c = self.b.unary(UnaryOp::Not, c);
        }
        self.put(c);
    }

    fn choice(&mut self) {
        let ty = if self.random.percent(50) { Type::I64 } else { Type::F64 };
        let (c, x, y) = (self.pick(Type::BOOL), self.pick(ty), self.pick(ty));
        let v = self.b.select(c, x, y);
        self.put(v);
        let to = *self.random.pick(&[Scalar::F64, Scalar::I64, Scalar::I32, Scalar::F32, Scalar::Bool]);
        let there = self.b.convert(v, to);
        let back = self.b.convert(there, Scalar::F64);
        self.put(back);
    }

    fn read(&mut self) {
        let x = self.array();
        let indices = self.indices(x);
        let count = if self.random.percent(20) { 1 } else { indices.len() };
        let v = self.b.get(Access::Checked, x, &indices[..count]);
        self.put(v);
    }

    fn write(&mut self) {
        let (x, v) = (self.array(), self.pick(Type::F64));
        let indices = self.indices(x);
        let y = if self.random.percent(60) {
            self.b.set(Access::Checked, x, &indices, v)
        } else {
            self.b.add_at(Access::Checked, x, &indices, v)
        };
        self.put(y);
    }

    fn rows(&mut self) {
        let x = self.array();
        let (lo, hi) = (self.index(x, 0), self.index(x, 0));
        let hi = self.b.binary(BinaryOp::Max, lo, hi);
        let part = self.b.slice(Access::Checked, x, lo, hi);
        self.put(part);
        if self.random.percent(50) && self.b.ty(x).rank() == 1 {
            let y = self.b.set_slice(Access::Checked, x, lo, part);
            self.put(y);
        }
    }

    fn size_of(&mut self) {
        let x = self.array();
        let axis = self.random.below(self.b.ty(x).rank());
        let n = self.b.dim(x, axis);
        self.put(n);
        if self.random.percent(50) {
            let z = self.b.zeros_like(x, self.b.ty(x));
            self.put(z);
        }
    }

    fn reduction(&mut self) {
        let x = self.array();
        let (op, _) =
            *self.random.pick(&[(ReduceOp::Sum, 0), (ReduceOp::Sum, 0), (ReduceOp::Max, 0), (ReduceOp::ArgMin, 0)]);
        let v = self.b.reduce(op, x);
        self.put(v);
        let d = self.b.dot(x, x);
        self.put(d);
    }

    fn list(&mut self) {
        let (x, v) = (self.pick(Type::F64.array(1)), self.pick(Type::F64));
        let longer = self.b.push(x, v);
        self.put(longer);
        if self.random.percent(50) {
            let from = self.pick(Type::F64.array(1));
            let (shorter, last) = self.b.pop(from);
            self.put(shorter);
            self.put(last);
        }
    }

    fn construction(&mut self) {
        let types = [Type::F64.array(1), Type::F64.array(2), Type::node(self.node), Type::F64, Type::I64];
        let ty = *self.random.pick(&types);
        let v = self.fresh(ty);
        self.put(v);
    }

    /// The instruction before, once more, and once with its operands turned round.
    fn again(&mut self) {
        let region = self.b.current();
        let Some(last) = self.b.func.regions[region].insts.last().copied() else { return };
        let data = self.b.func.insts[last].clone();
        if let (Op::Binary(op), &[x, y]) = (&data.op, &data.args[..]) {
            let (v, w) = (self.b.binary(*op, x, y), self.b.binary(*op, y, x));
            self.put(v);
            self.put(w);
        } else if let (Op::Get(Access::Checked), [x, indices @ ..]) = (&data.op, &data.args[..]) {
            let v = self.b.get(Access::Checked, *x, indices);
            self.put(v);
        }
    }

    fn print(&mut self) {
        let x = self.pick(Type::F64);
        let text = self.b.format(x, FormatSpec::default());
        self.b.host(HostFn::Print, &[text]);
    }

    fn check(&mut self) {
        let (x, y) = (self.pick(Type::I64), self.pick(Type::I64));
        let far = self.b.i64(1000);
        let z = self.b.add(y, far);
        let c = self.b.compare(CompareOp::Lt, x, z);
        self.b.check(TrapCode::Shape, c, x, y);
    }

    fn call(&mut self) {
        let callee = *self.random.pick(&self.callees);
        let types = params(self.node);
        let mut args: Vec<Value> = types.iter().map(|ty| self.pick(*ty)).collect();
        if !self.recursive {
            let results = self.b.call(callee, &args, &results());
            return results.into_iter().for_each(|v| self.put(v));
        }
        // Parameter 2 counts down from at most 3.
        let (n, three, one, zero) = (self.b.param(2), self.b.i64(3), self.b.i64(1), self.b.i64(0));
        let n = self.b.binary(BinaryOp::Min, n, three);
        args[2] = self.b.sub(n, one);
        let cond = self.b.compare(CompareOp::Gt, n, zero);
        let region = self.b.open_region(&[]);
        let called = self.b.call(callee, &args, &results());
        self.b.close_region(&called);
        let other = self.block(&[], &results(), |_, _| {});
        let inst = self.b.inst(Op::If, &[cond], &[region, other], &results());
        self.b.results(inst).into_iter().for_each(|v| self.put(v));
    }

    // ---- nested ----

    /// A region with a few statements that yields values of these types.
    fn block(&mut self, params: &[Type], yields: &[Type], before: impl FnOnce(&mut Self, &[Value])) -> Region {
        let mark = self.scope.len();
        self.depth += 1;
        let region = self.b.open_region(params);
        let params = self.b.func.regions[region].params.clone();
        self.scope.extend(&params);
        before(self, &params);
        for _ in 0..self.random.below(5) {
            if self.budget > 0 {
                self.statement();
            }
        }
        let yields: Vec<Value> = yields.iter().map(|ty| self.pick(*ty)).collect();
        self.depth -= 1;
        self.scope.truncate(mark);
        self.b.close_region(&yields)
    }

    /// Some types of results.
    fn types(&mut self) -> Vec<Type> {
        let all = [Type::F64, Type::I64, Type::F64.array(1), Type::F64, Type::BOOL, Type::F64.array(2)];
        (0..1 + self.random.below(3)).map(|_| *self.random.pick(&all)).collect()
    }

    fn put_results(&mut self, op: Op, args: &[Value], regions: &[Region], types: &[Type]) {
        let inst = self.b.inst(op, args, regions, types);
        self.b.results(inst).into_iter().for_each(|v| self.put(v));
    }

    fn branch(&mut self) {
        let (cond, types) = (self.pick(Type::BOOL), self.types());
        let regions = [self.block(&[], &types, |_, _| {}), self.block(&[], &types, |_, _| {})];
        self.put_results(Op::If, &[cond], &regions, &types);
    }

    /// On a number, or on the tag of a node whose fields are then read.
    fn switch(&mut self) {
        let types = self.types();
        if self.random.percent(40) {
            let tag = self.pick(Type::I64);
            let regions: Vec<Region> = (0..3).map(|_| self.block(&[], &types, |_, _| {})).collect();
            return self.put_results(Op::Switch, &[tag], &regions, &types);
        }
        let n = self.pick(Type::node(self.node));
        let tag = self.b.node_tag(n);
        let scale = self.block(&[], &types, |w, _| {
            let k = w.b.node_get(n, 0, 0, Type::F64);
            w.put(k);
        });
        let pick = self.block(&[], &types, |w, _| {
            let (v, i) = (w.b.node_get(n, 1, 0, Type::F64.array(1)), w.b.node_get(n, 1, 1, Type::I64));
            w.put(v);
            w.put(i);
        });
        self.put_results(Op::Switch, &[tag], &[scale, pick], &types);
    }

    fn inits(&mut self, types: &[Type]) -> Vec<Value> {
        types.iter().map(|ty| self.pick(*ty)).collect()
    }

    fn counted(&mut self) {
        let (hi, types) = (self.size(), self.types());
        let lo = self.random.between(0, 2);
        let lo = self.b.i64(lo);
        let args = [vec![lo, hi], self.inits(&types)].concat();
        let params = [vec![Type::I64], types.clone()].concat();
        let body = self.block(&params, &types, |_, _| {});
        self.put_results(Op::For, &args, &[body], &types);
    }

    /// Over the elements of an array that is updated.
    fn sweep(&mut self) {
        let x = self.pick(Type::F64.array(1));
        let (lo, hi) = (self.b.i64(0), self.b.dim(x, 0));
        let types = [x].map(|x| self.b.ty(x));
        let mut next = None;
        let region = self.block(&[Type::I64, types[0]], &[], |w, params| {
            let read = w.b.get(Access::InBounds, x, &params[..1]);
            let old = w.b.get(Access::Checked, params[1], &params[..1]);
            w.put(read);
            let v = w.b.mul(old, read);
            next = Some(w.b.set(Access::Checked, params[1], &params[..1], v));
        });
        self.b.func.regions[region].yields = next.into_iter().collect();
        self.put_results(Op::For, &[lo, hi, x], &[region], &types);
    }

    /// One cell of a small array, added to or set in every pass, or in some.
    fn accumulate(&mut self) {
        let (x, three) = (self.pick(Type::F64), self.b.i64(3));
        let (z, lo, hi) = (self.b.fill(x, &[three]), self.b.i64(0), self.size());
        let at = self.random.between(0, 2);
        let at = self.b.i64(at);
        let ty = self.b.ty(z);
        let add = self.random.percent(60);
        let body = self.b.open_region(&[Type::I64, ty]);
        let (i, a) = (self.b.region_param(0), self.b.region_param(1));
        let mark = self.scope.len();
        self.put(i);
        let old = self.b.get(Access::Checked, a, &[at]);
        self.put(old);
        let (cond, v) = (self.pick(Type::BOOL), self.pick(Type::F64));
        let v = self.b.mul(v, old);
        let then = self.b.open_region(&[]);
        let op = if add { Op::AddAt(Access::Checked) } else { Op::Set(Access::Checked) };
        let b = self.b.value(op, &[a, at, v], ty);
        self.b.close_region(&[b]);
        let otherwise = self.b.open_region(&[]);
        self.b.close_region(&[a]);
        let chosen = self.b.inst(Op::If, &[cond], &[then, otherwise], &[ty]);
        let last = self.b.results(chosen)[0];
        let last = self.b.add_at(Access::Checked, last, &[at], old);
        self.scope.truncate(mark);
        self.b.close_region(&[last]);
        self.put_results(Op::For, &[lo, hi, z], &[body], &[ty]);
    }

    /// A `while` that counts to a small size, and may end before.
    fn open(&mut self) {
        let (hi, zero) = (self.size(), self.b.i64(0));
        let mut types = self.types();
        types.insert(0, Type::I64);
        let mut args = self.inits(&types);
        args[0] = zero;
        let condition = self.b.open_region(&types);
        let i = self.b.func.regions[condition].params[0];
        let mut cond = self.b.compare(CompareOp::Lt, i, hi);
        if self.random.percent(40) {
            let also = self.pick(Type::BOOL);
            cond = self.b.binary(BinaryOp::And, cond, also);
        }
        self.b.close_region(&[cond]);
        let mut next = None;
        let body = self.block(&types, &types, |w, params| {
            let one = w.b.i64(1);
            next = Some(w.b.add(params[0], one));
        });
        self.b.func.regions[body].yields[0] = next.expect("the counter's next value");
        self.put_results(Op::While, &args, &[condition, body], &types);
    }

    fn map(&mut self) {
        let x = self.array();
        let y = self.b.zeros_like(x, self.b.ty(x));
        let types = [Type::F64];
        let body = self.block(&[Type::F64, Type::F64], &types, |_, _| {});
        let ty = self.b.ty(x);
        self.put_results(Op::Map, &[x, y], &[body], &[ty]);
        if self.random.percent(50) {
            let made = *self.scope.last().expect("just put");
            let body = self.block(&[Type::F64, Type::F64], &types, |_, _| {});
            self.put_results(Op::Map, &[made, x], &[body], &[ty]);
        }
    }

    fn build(&mut self) {
        let rank = if self.random.percent(70) { 1 } else { 2 };
        let dims: Vec<Value> = (0..rank).map(|_| self.size()).collect();
        let body = self.block(&vec![Type::I64; rank], &[Type::F64], |_, _| {});
        self.put_results(Op::Build, &dims, &[body], &[Type::F64.array(rank)]);
    }
}
