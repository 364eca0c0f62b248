//! Random modules in IR, for the AD pass: what source programs rarely say. Values overwritten in nested loops, old
//! versions of arrays read after updates, branches that leave a slot undefined, bodies that capture, calls, recursion.
//!
//! Every float is folded back into a moderate range before it is carried or yielded, indices are constants or counters
//! below [`LENGTH`], loops are short: so every module is total, and differentiable but for ties.

use crate::generate::Random;
use dprog_ir::{
    Access, BinaryOp, Builder, CompareOp, FuncId, Function, Module, ReduceOp, SrcLoc, Type, UnaryOp, Value,
};

/// Length of every array.
const LENGTH: i64 = 3;

/// A module whose last function, `(f64, f64, [f64], i64) -> (f64, [f64])`, is to be differentiated.
pub fn module(seed: u64) -> (Module, FuncId) {
    let mut module = Module::new();
    let mut random = Random::new(seed);
    let mut callees = Vec::new();
    for k in 0..3 {
        let name = format!("f{k}");
        let mut function = Function::new(name, parameters(), vec![Type::F64, Type::F64.array(1)], SrcLoc::NONE);
        let id = module.add_function(function.clone());
        let b = Builder::new(&mut function);
        let recursive = random.percent(33);
        let writer = Writer { b, random: &mut random, callees: &callees, itself: recursive.then_some(id), depth: 0 };
        writer.function();
        module.funcs[id] = function;
        callees.push(id);
    }
    (module, callees[2])
}

fn parameters() -> Vec<Type> {
    vec![Type::F64, Type::F64, Type::F64.array(1), Type::I64]
}

/// What can be used at a place.
#[derive(Clone)]
struct Scope {
    floats: Vec<Value>,
    arrays: Vec<Value>,
    /// Integers within `0..LENGTH`.
    indices: Vec<Value>,
    /// How often the function may still call itself.
    fuel: Value,
}

struct Writer<'a, 'f> {
    b: Builder<'f>,
    random: &'a mut Random,
    callees: &'a [FuncId],
    itself: Option<FuncId>,
    depth: u32,
}

impl Writer<'_, '_> {
    fn function(mut self) {
        let params: Vec<Value> = (0..4).map(|k| self.b.param(k)).collect();
        let indices: Vec<Value> = (0..LENGTH).map(|k| self.b.i64(k)).collect();
        let half = self.b.f64(0.5);
        let mut scope =
            Scope { floats: vec![params[0], params[1], half], arrays: vec![params[2]], indices, fuel: params[3] };
        self.statements(&mut scope, 6);
        let (x, a) = (self.folded(&scope), self.array(&scope));
        self.b.finish(&[x, a]);
    }

    fn statements(&mut self, scope: &mut Scope, count: usize) {
        for _ in 0..count {
            match self.random.below(if self.depth < 3 { 14 } else { 9 }) {
                0..=2 => self.scalar(scope),
                3 => self.update(scope),
                4 | 5 => self.read(scope),
                6 => self.map(scope),
                7 => self.whole(scope),
                8 => self.list(scope),
                9 => self.branch(scope),
                10 => self.counted(scope),
                11 => self.uncounted(scope),
                12 => self.build(scope),
                _ => self.call(scope),
            }
        }
    }

    fn float(&mut self, scope: &Scope) -> Value {
        *self.random.pick(&scope.floats)
    }

    /// A float within moderate bounds.
    fn folded(&mut self, scope: &Scope) -> Value {
        let x = self.float(scope);
        self.b.unary(if self.random.percent(50) { UnaryOp::Sin } else { UnaryOp::Tanh }, x)
    }

    fn array(&mut self, scope: &Scope) -> Value {
        *self.random.pick(&scope.arrays)
    }

    fn index(&mut self, scope: &Scope) -> Value {
        *self.random.pick(&scope.indices)
    }

    fn scalar(&mut self, scope: &mut Scope) {
        let (x, y) = (self.folded(scope), self.float(scope));
        let one = self.b.f64(1.25);
        let v = match self.random.below(8) {
            0 => self.b.add(x, y),
            1 | 2 => self.b.mul(x, y),
            3 => {
                let y = self.b.add(x, one);
                self.b.div(one, y)
            }
            4 => self.b.unary(UnaryOp::Exp, x),
            5 => {
                let y = self.b.add(x, one);
                self.b.unary(UnaryOp::Log, y)
            }
            6 => self.b.binary(BinaryOp::Max, x, y),
            _ => {
                let y = self.b.add(x, one);
                self.b.binary(BinaryOp::Pow, y, x)
            }
        };
        scope.floats.push(v);
    }

    fn update(&mut self, scope: &mut Scope) {
        let (a, i, v) = (self.array(scope), self.index(scope), self.folded(scope));
        let new = match self.random.below(3) {
            0 => self.b.add_at(Access::Checked, a, &[i], v),
            _ => self.b.set(Access::Checked, a, &[i], v),
        };
        scope.arrays.push(new);
    }

    fn read(&mut self, scope: &mut Scope) {
        let (a, i) = (self.array(scope), self.index(scope));
        scope.floats.push(self.b.get(Access::Checked, a, &[i]));
    }

    fn map(&mut self, scope: &mut Scope) {
        let (x, y, c) = (self.array(scope), self.array(scope), self.folded(scope));
        let captured = self.random.percent(33).then(|| (self.array(scope), self.index(scope)));
        let new = self.b.map(&[x, y], |b, e| {
            let p = b.mul(e[0], c);
            let q = b.unary(UnaryOp::Sin, e[1]);
            let r = b.add(p, q);
            let r = match captured {
                None => r,
                Some((a, i)) => {
                    let v = b.get(Access::Checked, a, &[i]);
                    b.mul(r, v)
                }
            };
            vec![b.unary(UnaryOp::Tanh, r)]
        });
        scope.arrays.extend(new);
    }

    /// Operations on whole arrays.
    fn whole(&mut self, scope: &mut Scope) {
        let (x, y) = (self.array(scope), self.array(scope));
        match self.random.below(5) {
            0 => scope.floats.push(self.b.reduce(ReduceOp::Sum, x)),
            1 => scope.floats.push(self.b.reduce(ReduceOp::Max, x)),
            2 => scope.floats.push(self.b.dot(x, y)),
            3 => {
                let (one, two) = (self.b.i64(1), self.b.i64(2));
                let part = self.b.slice(Access::Checked, y, one, two);
                scope.arrays.push(self.b.set_slice(Access::Checked, x, two, part));
            }
            _ => {
                let m = self.b.outer(x, y);
                scope.arrays.push(self.b.matvec(m, true, y));
            }
        }
        if let Some(last) = scope.arrays.pop() {
            let folded = self.b.map(&[last], |b, e| vec![b.unary(UnaryOp::Tanh, e[0])]);
            scope.arrays.extend(folded);
        }
    }

    /// A list of arrays that is pushed to, changed and read.
    fn list(&mut self, scope: &mut Scope) {
        let (x, y, z) = (self.array(scope), self.array(scope), self.folded(scope));
        let zero = self.b.i64(0);
        let list = self.b.elements(&[x, y], Type::F64.array(1));
        let longer = self.b.push(y, z);
        let list = self.b.push(list, longer);
        let list = self.b.set(Access::Checked, list, &[zero], longer);
        let (list, last) = self.b.pop(list);
        let first = self.b.get(Access::Checked, list, &[zero]);
        let dot = self.b.dot(first, last);
        let folded = self.b.unary(UnaryOp::Sin, dot);
        scope.floats.push(folded);
    }

    fn branch(&mut self, scope: &mut Scope) {
        let (x, y) = (self.float(scope), self.float(scope));
        let cond = self.b.compare(CompareOp::Lt, x, y);
        let undefined = self.random.percent(33);
        self.depth += 1;
        let mut regions = Vec::new();
        for side in 0..2 {
            self.b.open_region(&[]);
            let mut inner = scope.clone();
            self.statements(&mut inner, 3);
            let (v, a) = (self.folded(&inner), self.array(&inner));
            let third = if undefined && side == 0 { self.b.undef(Type::F64) } else { self.folded(&inner) };
            regions.push(self.b.close_region(&[v, a, third]));
        }
        self.depth -= 1;
        let types = [Type::F64, Type::F64.array(1), Type::F64];
        let inst = self.b.inst(dprog_ir::Op::If, &[cond], &regions, &types);
        let results = self.b.results(inst);
        // The third may be undefined: only looked at where it is not.
        let zero = self.b.f64(0.0);
        scope.floats.push(results[0]);
        scope.arrays.push(results[1]);
        let looked = if undefined { self.b.select(cond, zero, results[2]) } else { results[2] };
        scope.floats.push(looked);
    }

    fn counted(&mut self, scope: &mut Scope) {
        let (lo, hi) = (self.index(scope), self.b.i64(LENGTH));
        let init = [self.folded(scope), self.float(scope), self.array(scope)];
        self.depth += 1;
        let types = [Type::I64, Type::F64, Type::F64, Type::F64.array(1)];
        let region = self.b.open_region(&types);
        let params = self.b.func.regions[region].params.clone();
        let mut inner = scope.clone();
        inner.indices = vec![params[0], *self.random.pick(&scope.indices)];
        inner.floats.extend(&params[1..3]);
        inner.arrays = vec![params[3], params[3], self.array(scope)];
        self.statements(&mut inner, 4);
        let yields = [self.folded(&inner), params[1], *inner.arrays.last().unwrap_or(&params[3])];
        let region = self.b.close_region(&yields);
        self.depth -= 1;
        let inst = self.b.inst(dprog_ir::Op::For, &[&[lo, hi], init.as_slice()].concat(), &[region], &types[1..]);
        let results = self.b.results(inst);
        scope.floats.extend(&results[..2]);
        scope.arrays.push(results[2]);
    }

    /// At most four trips; how many depends on the data.
    fn uncounted(&mut self, scope: &mut Scope) {
        let init = [self.b.i64(0), self.folded(scope), self.array(scope)];
        let bound = self.float(scope);
        self.depth += 1;
        let types = [Type::I64, Type::F64, Type::F64.array(1)];
        let condition = self.b.open_region(&types);
        let params = self.b.func.regions[condition].params.clone();
        let four = self.b.i64(4);
        let few = self.b.compare(CompareOp::Lt, params[0], four);
        let below = self.b.compare(CompareOp::Le, params[1], bound);
        let go = self.b.binary(BinaryOp::And, few, below);
        let condition = self.b.close_region(&[go]);
        let body = self.b.open_region(&types);
        let params = self.b.func.regions[body].params.clone();
        let mut inner = scope.clone();
        inner.floats.push(params[1]);
        inner.arrays.push(params[2]);
        self.statements(&mut inner, 3);
        let one = self.b.i64(1);
        let next = self.b.add(params[0], one);
        let yields = [next, self.folded(&inner), self.array(&inner)];
        let body = self.b.close_region(&yields);
        self.depth -= 1;
        let inst = self.b.inst(dprog_ir::Op::While, &init, &[condition, body], &types);
        let results = self.b.results(inst);
        scope.floats.push(results[1]);
        scope.arrays.push(results[2]);
    }

    fn build(&mut self, scope: &mut Scope) {
        let n = self.b.i64(LENGTH);
        self.depth += 1;
        self.b.open_region(&[Type::I64]);
        let mut inner = scope.clone();
        inner.indices.push(self.b.region_param(0));
        inner.indices.push(self.b.region_param(0));
        self.statements(&mut inner, 3);
        let v = self.folded(&inner);
        let region = self.b.close_region(&[v]);
        self.depth -= 1;
        let inst = self.b.inst(dprog_ir::Op::Build, &[n], &[region], &[Type::F64.array(1)]);
        scope.arrays.extend(self.b.results(inst));
    }

    /// A call of an earlier function, or of this one as long as there is fuel.
    fn call(&mut self, scope: &mut Scope) {
        let one = self.b.i64(1);
        let args = [self.folded(scope), self.folded(scope), self.array(scope)];
        let types = [Type::F64, Type::F64.array(1)];
        let fuel = self.b.sub(scope.fuel, one);
        let results = match self.itself {
            Some(itself) if self.depth == 0 || self.callees.is_empty() => {
                let zero = self.b.i64(0);
                let more = self.b.compare(CompareOp::Gt, scope.fuel, zero);
                let all = [args[0], args[1], args[2], fuel];
                self.b.if_else(more, |b| b.call(itself, &all, &types), |_| vec![args[1], args[2]])
            }
            _ if self.callees.is_empty() => return,
            _ => {
                let callee = *self.random.pick(self.callees);
                self.b.call(callee, &[args[0], args[1], args[2], one], &types)
            }
        };
        scope.floats.push(results[0]);
        scope.arrays.push(results[1]);
    }
}
