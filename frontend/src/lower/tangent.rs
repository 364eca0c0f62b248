//! Operations on tangents: leaf by leaf, through arrays of arrays and nodes.
//!
//! What happens to the scalars at the bottom is a [`LeafOp`]; the way down is the same for all. For a node type the way is
//! a function of its own, so recursive enums and closures need nothing special.

use super::Generated;
use super::body::{Flat, FnLower};
use super::indexing::is_flat_array;
use crate::typed::{Arithmetic, Ty};
use dprog_ir::{BinaryOp, CompareOp, FuncId, NodeId, TrapCode, Type, Value};

/// What is done with corresponding scalars of some tangents of one shape.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum LeafOp {
    /// By the number that is the first extra operand.
    Scale,
    Divide,
    Add,
    Subtract,
    /// By a function of f64; the extra operands are its captures.
    Apply(FuncId),
}

impl<'p> FnLower<'_, 'p> {
    /// `+` and `-` of tangents, `*` and `/` with a number.
    pub fn tangent_arithmetic(&mut self, op: Arithmetic, a: (&[Value], &Ty), b: (&[Value], &Ty)) -> Flat {
        let (leaf_op, number, leaves) = match op {
            Arithmetic::Mul if is_number(a.1) => (LeafOp::Scale, a.0[0], b.0),
            Arithmetic::Mul => (LeafOp::Scale, b.0[0], a.0),
            Arithmetic::Div => (LeafOp::Divide, b.0[0], a.0),
            Arithmetic::Add | Arithmetic::Sub => {
                let op = if op == Arithmetic::Add { LeafOp::Add } else { LeafOp::Subtract };
                return a.0.iter().zip(b.0).map(|(x, y)| self.leafwise(op, &[*x, *y], &[])).collect();
            }
            _ => panic!("{op:?} of tangents"),
        };
        leaves.iter().map(|x| self.leafwise(leaf_op, &[*x], &[number])).collect()
    }

    pub fn scaled(&mut self, flat: &[Value], factor: Value) -> Flat {
        flat.iter().map(|x| self.leafwise(LeafOp::Scale, &[*x], &[factor])).collect()
    }

    /// Applies `op` to the scalars in corresponding leaves of one type.
    pub fn leafwise(&mut self, op: LeafOp, xs: &[Value], extra: &[Value]) -> Value {
        let ty = self.b.ty(xs[0]);
        if ty.is_float() {
            return self.apply_leaf(op, xs, extra);
        }
        if let Some(node) = ty.as_node() {
            if op == LeafOp::Add {
                return self.b.add_tangent(xs[0], xs[1]);
            }
            let func = self.leafwise_function(op, node, xs.len(), extra);
            return self.b.call(func, &[xs, extra].concat(), &[ty])[0];
        }
        if !is_float_leaf(ty) {
            return xs[0];
        }
        self.check_same_shape(xs);
        if is_flat_array(ty) {
            return self.map(xs, |s, e| vec![s.apply_leaf(op, e, extra)])[0];
        }
        let dims = self.b.dims(xs[0]);
        self.build(&dims, |s, i| {
            let elements: Flat = xs.iter().map(|x| s.at_index(*x, i)).collect();
            vec![s.leafwise(op, &elements, extra)]
        })[0]
    }

    /// Lists may differ in length, which is an error at run time.
    fn check_same_shape(&mut self, xs: &[Value]) {
        for y in &xs[1..] {
            for axis in 0..self.b.ty(*y).rank() {
                let (a, b) = (self.b.dim(xs[0], axis), self.b.dim(*y, axis));
                let same = self.b.compare(CompareOp::Eq, a, b);
                self.b.check(TrapCode::TangentMismatch, same, a, b);
            }
        }
    }

    fn apply_leaf(&mut self, op: LeafOp, xs: &[Value], extra: &[Value]) -> Value {
        let ty = self.b.ty(xs[0]);
        match op {
            LeafOp::Add => self.b.add(xs[0], xs[1]),
            LeafOp::Subtract => self.b.sub(xs[0], xs[1]),
            LeafOp::Scale | LeafOp::Divide => {
                let number = self.converted(extra[0], ty);
                let op = if op == LeafOp::Scale { BinaryOp::Mul } else { BinaryOp::Div };
                self.b.binary(op, xs[0], number)
            }
            LeafOp::Apply(func) => {
                let wide: Flat = xs.iter().map(|x| self.converted(*x, Type::F64)).collect();
                let result = self.b.call(func, &[extra, &wide].concat(), &[Type::F64])[0];
                self.converted(result, ty)
            }
        }
    }

    fn leafwise_function(&mut self, op: LeafOp, node: NodeId, count: usize, extra: &[Value]) -> FuncId {
        // The type of a number does not change what the function is called for, but its signature.
        let ty = Type::node(node);
        let extra_types: Vec<Type> = extra.iter().map(|v| self.b.ty(*v)).collect();
        let key = Generated::Leafwise(op, ty, count, extra_types.clone());
        if let Some(func) = self.cx.generated.get(&key) {
            return *func;
        }
        let name = format!("{}.leafwise", self.cx.module.nodes[node].name);
        let params = [vec![ty; count], extra_types].concat();
        let func = self.cx.declare(&name, params, vec![ty], self.b.loc);
        self.cx.generated.insert(key, func);
        // The cases of closures are not known yet.
        self.cx.later.push((func, Later::Leafwise { op, node, count }));
        func
    }

    /// The body of a function that applies `op` to the fields of nodes of equal cases.
    pub fn leafwise_node(&mut self, op: LeafOp, node: NodeId, count: usize, params: &[Value]) -> Flat {
        let (xs, extra) = params.split_at(count);
        let tag = self.b.node_tag(xs[0]);
        for y in &xs[1..] {
            let other = self.b.node_tag(*y);
            let same = self.b.compare(CompareOp::Eq, tag, other);
            self.b.check(TrapCode::TangentMismatch, same, tag, other);
        }
        let cases = self.cx.module.nodes[node].cases.clone();
        self.switch_cases(tag, cases.len(), &[Type::node(node)], |s, case| {
            let types: Vec<Type> = cases[case].fields.iter().map(|f| f.ty).collect();
            let of_each: Vec<Flat> = xs.iter().map(|x| s.case_leaves(*x, case as u32, 0, &types)).collect();
            let fields: Flat = (0..types.len())
                .map(|field| {
                    let corresponding: Flat = of_each.iter().map(|f| f[field]).collect();
                    s.leafwise(op, &corresponding, extra)
                })
                .collect();
            vec![s.b.node_new(node, case as u32, &fields)]
        })
    }

    // ---- inner products ----

    /// The inner product of two tangents, as a number of type `to`.
    pub fn tangent_dot(&mut self, x: &[Value], y: &[Value], to: Type) -> Value {
        let mut sum: Option<Value> = None;
        for (a, b) in x.iter().zip(y) {
            let product = self.dot_leaf(*a, *b);
            let product = self.converted(product, to);
            sum = Some(sum.map_or(product, |sum| self.b.add(sum, product)));
        }
        sum.unwrap_or_else(|| self.b.float(0.0, to))
    }

    fn dot_leaf(&mut self, x: Value, y: Value) -> Value {
        let ty = self.b.ty(x);
        if ty.is_float() {
            return self.b.mul(x, y);
        }
        if let Some(node) = ty.as_node() {
            let func = self.dot_function(node);
            return self.b.call(func, &[x, y], &[Type::F64])[0];
        }
        if !is_float_leaf(ty) {
            return self.b.f64(0.0);
        }
        self.check_same_shape(&[x, y]);
        if is_flat_array(ty) {
            return self.b.dot(x, y);
        }
        let dims = self.b.dims(x);
        let count = self.product(&dims);
        let (x, y) = (self.b.reshape(x, &[count]), self.b.reshape(y, &[count]));
        let zero = self.b.f64(0.0);
        self.repeat(count, &[zero], |s, k, carried| {
            let (a, b) = (s.at_index(x, &[k]), s.at_index(y, &[k]));
            let product = s.dot_leaf(a, b);
            let product = s.converted(product, Type::F64);
            vec![s.b.add(carried[0], product)]
        })[0]
    }

    fn dot_function(&mut self, node: NodeId) -> FuncId {
        let ty = Type::node(node);
        if let Some(func) = self.cx.generated.get(&Generated::Dot(ty)) {
            return *func;
        }
        let name = format!("{}.dot", self.cx.module.nodes[node].name);
        let func = self.cx.declare(&name, vec![ty, ty], vec![Type::F64], self.b.loc);
        self.cx.generated.insert(Generated::Dot(ty), func);
        self.cx.later.push((func, Later::Dot { node }));
        func
    }

    pub fn dot_node(&mut self, node: NodeId, x: Value, y: Value) -> Flat {
        let (tag, other) = (self.b.node_tag(x), self.b.node_tag(y));
        let same = self.b.compare(CompareOp::Eq, tag, other);
        self.b.check(TrapCode::TangentMismatch, same, tag, other);
        let cases = self.cx.module.nodes[node].cases.clone();
        self.switch_cases(tag, cases.len(), &[Type::F64], |s, case| {
            let types: Vec<Type> = cases[case].fields.iter().map(|f| f.ty).collect();
            let a = s.case_leaves(x, case as u32, 0, &types);
            let b = s.case_leaves(y, case as u32, 0, &types);
            vec![s.tangent_dot(&a, &b, Type::F64)]
        })
    }

    /// The Euclidean norm of any tangent.
    pub fn tangent_norm(&mut self, x: &[Value], to: Type) -> Value {
        let squares = self.tangent_dot(x, x, to);
        self.root_of_squares(squares)
    }

    // ---- zeros, and moving along a tangent ----

    pub fn zero_tangent(&mut self, flat: &[Value], ty: &Ty) -> Flat {
        let tangents = self.cx.tangent_leaves(ty);
        let active = flat.iter().zip(tangents).filter_map(|(x, t)| t.map(|t| (*x, t)));
        active.collect::<Vec<_>>().into_iter().map(|(x, t)| self.b.zeros_like(x, t)).collect()
    }

    /// The value at `x + delta`.
    pub fn moved(&mut self, x: &[Value], ty: &Ty, delta: &[Value]) -> Flat {
        let tangents = self.cx.tangent_leaves(ty);
        let mut deltas = delta.iter();
        x.iter()
            .zip(tangents)
            .map(|(x, tangent)| match tangent {
                Some(_) => self.moved_leaf(*x, *deltas.next().expect("a tangent for each active leaf")),
                None => *x,
            })
            .collect()
    }

    fn moved_leaf(&mut self, x: Value, delta: Value) -> Value {
        let (ty, tangent) = (self.b.ty(x), self.b.ty(delta));
        if ty == tangent {
            return self.leafwise(LeafOp::Add, &[x, delta], &[]);
        }
        let Some(node) = ty.as_node() else {
            let dims = self.b.dims(x);
            return self.build(&dims, |s, i| {
                let (x, delta) = (s.at_index(x, i), s.at_index(delta, i));
                vec![s.moved_leaf(x, delta)]
            })[0];
        };
        let func = self.moved_function(node, tangent);
        self.b.call(func, &[x, delta], &[ty])[0]
    }

    fn moved_function(&mut self, node: NodeId, tangent: Type) -> FuncId {
        let ty = Type::node(node);
        if let Some(func) = self.cx.generated.get(&Generated::Moved(ty)) {
            return *func;
        }
        let name = format!("{}.moved", self.cx.module.nodes[node].name);
        let func = self.cx.declare(&name, vec![ty, tangent], vec![ty], self.b.loc);
        self.cx.generated.insert(Generated::Moved(ty), func);
        self.cx.later.push((func, Later::Moved { node }));
        func
    }

    pub fn moved_node(&mut self, node: NodeId, x: Value, delta: Value) -> Flat {
        let (tag, other) = (self.b.node_tag(x), self.b.node_tag(delta));
        let same = self.b.compare(CompareOp::Eq, tag, other);
        self.b.check(TrapCode::TangentMismatch, same, tag, other);
        let cases = self.cx.module.nodes[node].cases.clone();
        self.switch_cases(tag, cases.len(), &[Type::node(node)], |s, case| {
            let mut next = 0;
            let mut fields = Flat::new();
            for (index, field) in cases[case].fields.iter().enumerate() {
                let value = s.b.node_get(x, case as u32, index as u32, field.ty);
                fields.push(match s.cx.module.tangent(field.ty) {
                    Some(tangent) => {
                        let step = s.b.node_get(delta, case as u32, next, tangent);
                        next += 1;
                        s.moved_leaf(value, step)
                    }
                    None => value,
                });
            }
            vec![s.b.node_new(node, case as u32, &fields)]
        })
    }
}

/// Functions on nodes whose bodies wait until all cases of closures are known.
#[derive(Clone, Copy, Debug)]
pub(super) enum Later {
    Leafwise { op: LeafOp, node: NodeId, count: usize },
    Dot { node: NodeId },
    Moved { node: NodeId },
}

impl Later {
    pub fn write(self, s: &mut FnLower, params: &[Value]) -> Flat {
        match self {
            Later::Leafwise { op, node, count } => s.leafwise_node(op, node, count, params),
            Later::Dot { node } => s.dot_node(node, params[0], params[1]),
            Later::Moved { node } => s.moved_node(node, params[0], params[1]),
        }
    }
}

fn is_number(ty: &Ty) -> bool {
    matches!(ty, Ty::Scalar(_))
}

/// Floats or nodes at the bottom.
fn is_float_leaf(ty: Type) -> bool {
    match ty.leaf {
        dprog_ir::Leaf::Scalar(s) => s.is_float(),
        dprog_ir::Leaf::Node(_) => true,
        dprog_ir::Leaf::Str => false,
    }
}
