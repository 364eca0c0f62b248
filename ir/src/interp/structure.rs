//! The float leaves of a value, in order; and values rebuilt with other leaves.
//!
//! Everything that treats a whole value as a vector goes through these few walks: attaching tangents, reading them
//! out, zeros, sums, `stop_grad`. They use no recursion, since nodes may form lists of any length.
//!
//! The tangent of a node keeps the case and, of its fields, those that have a tangent type; so the leaves of a value
//! and of its tangent are the same in number and order.

use super::Fault;
use super::number::Width;
use super::value::{Array, Node, Val};
use crate::module::{Module, NodeId, NodeKind};
use crate::trap::TrapCode;
use crate::types::Type;
use std::rc::Rc;

/// The type of the tangent of `node`, and those of its fields that belong to it. The fields of a tape that the AD pass
/// has not defined are known to the interpreter only: they all stay, since a field without floats has no leaf.
fn project<'v>(module: &Module, node: &'v Node) -> (NodeId, Vec<&'v Val>) {
    let tangent = module.known_tangent(Type::node(node.node)).and_then(Type::as_node).unwrap_or(node.node);
    let def = &module.nodes[node.node];
    let fields = match def.cases.get(node.case as usize) {
        Some(case) if !matches!(def.kind, NodeKind::Tangent(_)) => {
            let fields = node.fields().iter().zip(&case.fields);
            fields.filter(|(_, def)| module.known_tangent(def.ty).is_some()).map(|(v, _)| v).collect()
        }
        _ => node.fields().iter().collect(),
    };
    (tangent, fields)
}

/// All floats in `v`, in order.
pub fn leaves(v: &Val) -> Vec<&Val> {
    let (mut found, mut work) = (Vec::new(), vec![v]);
    while let Some(v) = work.pop() {
        match v {
            Val::F64(_) | Val::F32(_) | Val::Dual64(_) | Val::Dual32(_) => found.push(v),
            Val::Array(array) if !holds_discrete(array) => work.extend(array.items().iter().rev()),
            Val::Node(node) => work.extend(node.fields().iter().rev()),
            Val::Array(_) | Val::I64(_) | Val::I32(_) | Val::U8(_) | Val::Bool(_) | Val::Str(_) | Val::Null => {}
        }
    }
    found
}

fn holds_discrete(array: &Array) -> bool {
    matches!(array.items().first(), Some(Val::I64(_) | Val::I32(_) | Val::U8(_) | Val::Bool(_) | Val::Str(_)))
}

/// `v` with its floats replaced, in order.
pub fn with_leaves(v: &Val, mut leaf: impl FnMut(&Val) -> Val) -> Val {
    rebuild(v, &|node| (node.node, node.fields().iter().collect()), &mut leaf)
}

/// The tangent of `v` whose floats are given, in order.
pub fn tangent_with(v: &Val, module: &Module, mut leaf: impl FnMut(&Val) -> Val) -> Val {
    rebuild(v, &|node| project(module, node), &mut leaf)
}

enum Task<'v> {
    Visit(&'v Val),
    /// The items are on the stack of results.
    Array(&'v Array),
    Node(NodeId, u32, usize),
}

fn rebuild(v: &Val, project: &impl Fn(&Node) -> (NodeId, Vec<&Val>), leaf: &mut impl FnMut(&Val) -> Val) -> Val {
    let (mut tasks, mut done) = (vec![Task::Visit(v)], Vec::new());
    while let Some(task) = tasks.pop() {
        match task {
            Task::Visit(v @ (Val::F64(_) | Val::F32(_) | Val::Dual64(_) | Val::Dual32(_))) => done.push(leaf(v)),
            Task::Visit(Val::Array(array)) if !holds_discrete(array) => {
                tasks.push(Task::Array(array));
                tasks.extend(array.items().iter().rev().map(Task::Visit));
            }
            Task::Visit(Val::Node(node)) => {
                let (id, fields) = project(node);
                tasks.push(Task::Node(id, node.case, fields.len()));
                tasks.extend(fields.into_iter().rev().map(Task::Visit));
            }
            Task::Visit(v) => done.push(v.clone()),
            Task::Array(array) => {
                let items = done.split_off(done.len() - array.items().len());
                done.push(Val::Array(Rc::new(Array::new(array.dims.clone(), items))));
            }
            Task::Node(id, case, count) => {
                let fields = done.split_off(done.len() - count);
                done.push(Val::node(id, case, fields));
            }
        }
    }
    done.pop().expect("the value itself was rebuilt last")
}

/// Zero of the width of a float.
pub fn zero(leaf: &Val) -> Val {
    match leaf.number() {
        Some((_, Width::F32)) => Val::F32(0.0),
        _ => Val::F64(0.0),
    }
}

/// The zero tangent of `v`.
pub fn zeros_like(v: &Val, module: &Module) -> Val {
    tangent_with(v, module, zero)
}

/// The sum of two tangents.
pub fn add_tangents(a: Val, b: &Val, add: impl Fn(&Val, &Val) -> Val) -> Result<Val, Fault> {
    if a.number().is_some() && b.number().is_some() {
        return Ok(add(&a, b));
    }
    if !same_shape(&a, b) {
        return Err(Fault::new(TrapCode::TangentMismatch, 0, 0));
    }
    let addends = leaves(b);
    let mut addends = addends.into_iter();
    Ok(with_leaves(&a, |leaf| add(leaf, addends.next().expect("values of one shape have as many leaves"))))
}

/// Whether cases and sizes agree everywhere.
fn same_shape(a: &Val, b: &Val) -> bool {
    let mut work = vec![(a, b)];
    while let Some((a, b)) = work.pop() {
        let same = match (a, b) {
            (Val::Array(a), Val::Array(b)) => {
                if a.dims == b.dims {
                    work.extend(a.items().iter().zip(b.items()));
                }
                a.dims == b.dims
            }
            (Val::Node(a), Val::Node(b)) => {
                work.extend(a.fields().iter().zip(b.fields()));
                (a.node, a.case, a.fields().len()) == (b.node, b.case, b.fields().len())
            }
            (Val::Array(_) | Val::Node(_) | Val::Null, other) | (other, Val::Array(_) | Val::Node(_) | Val::Null) => {
                matches!((a, other), (Val::Null, Val::Null))
            }
            _ => true,
        };
        if !same {
            return false;
        }
    }
    true
}
