//! Values of the interpreter.
//!
//! Arrays and nodes are reference counted; an operation that "changes" an array does so in place when its operand is
//! the only reference, so a loop that fills an array takes constant time per element. How much memory arrays and nodes
//! hold is counted per thread, for the memory limit.

use super::number::DualNum;
use crate::module::NodeId;
use smallvec::SmallVec;
use std::cell::Cell;
use std::rc::Rc;

/// A value. The text of one comes from [`super::literal::text`].
#[derive(Clone, Debug)]
pub enum Val {
    F64(f64),
    F32(f32),
    I64(i64),
    I32(i32),
    U8(u8),
    Bool(bool),
    Str(Rc<String>),
    Array(Rc<Array>),
    Node(Rc<Node>),
    /// What an undefined node reads as; also what is left in a slot whose value has been moved away.
    Null,
    /// An f64 that carries derivatives.
    Dual64(Rc<DualNum>),
    /// An f32 that carries derivatives; these are held in f64.
    Dual32(Rc<DualNum>),
}

/// Sizes of the axes of an array.
pub type Dims = SmallVec<[usize; 2]>;

/// An array: sizes, and the elements in row-major order.
#[derive(Debug)]
pub struct Array {
    pub dims: Dims,
    items: Vec<Val>,
}

/// A node: its type, its case, its fields.
#[derive(Debug)]
pub struct Node {
    pub node: NodeId,
    pub case: u32,
    fields: Vec<Val>,
}

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

/// Bytes that arrays and nodes of this thread hold now: an estimate, by the size of a [`Val`].
pub fn live_bytes() -> usize {
    LIVE.get()
}

fn charge(items: usize) {
    LIVE.set(LIVE.get() + items * size_of::<Val>());
}

fn discharge(items: usize) {
    LIVE.set(LIVE.get().saturating_sub(items * size_of::<Val>()));
}

impl Array {
    /// The product of `dims` is the number of items.
    pub fn new(dims: Dims, items: Vec<Val>) -> Array {
        debug_assert_eq!(dims.iter().product::<usize>(), items.len());
        charge(items.len());
        Array { dims, items }
    }

    pub fn items(&self) -> &[Val] {
        &self.items
    }

    pub fn items_mut(&mut self) -> &mut [Val] {
        &mut self.items
    }

    pub fn push(&mut self, v: Val) {
        charge(1);
        self.items.push(v);
        self.dims[0] += 1;
    }

    pub fn pop(&mut self) -> Option<Val> {
        let last = self.items.pop()?;
        discharge(1);
        self.dims[0] -= 1;
        Some(last)
    }
}

impl Clone for Array {
    fn clone(&self) -> Array {
        Array::new(self.dims.clone(), self.items.clone())
    }
}

impl Drop for Array {
    fn drop(&mut self) {
        discharge(self.items.len());
    }
}

impl Node {
    pub fn new(node: NodeId, case: u32, fields: Vec<Val>) -> Node {
        charge(fields.len() + 2);
        Node { node, case, fields }
    }

    pub fn fields(&self) -> &[Val] {
        &self.fields
    }
}

impl Drop for Node {
    /// Without recursion: a list of a million nodes is freed with a small stack.
    fn drop(&mut self) {
        discharge(self.fields.len() + 2);
        let mut work = std::mem::take(&mut self.fields);
        while let Some(v) = work.pop() {
            match v {
                Val::Node(node) => {
                    if let Some(mut node) = Rc::into_inner(node) {
                        // Its own drop will count two items, and no fields any more.
                        discharge(node.fields.len());
                        work.append(&mut node.fields);
                    }
                }
                Val::Array(array) if matches!(array.items.first(), Some(Val::Node(_) | Val::Array(_))) => {
                    if let Some(mut array) = Rc::into_inner(array) {
                        discharge(array.items.len());
                        work.append(&mut array.items);
                    }
                }
                _ => {}
            }
        }
    }
}

impl Val {
    pub fn str(text: &str) -> Val {
        Val::Str(Rc::new(text.to_string()))
    }

    pub fn array(dims: &[usize], items: Vec<Val>) -> Val {
        Val::Array(Rc::new(Array::new(Dims::from_slice(dims), items)))
    }

    /// A rank-1 array.
    pub fn list(items: Vec<Val>) -> Val {
        Val::array(&[items.len()], items)
    }

    pub fn node(node: NodeId, case: u32, fields: Vec<Val>) -> Val {
        Val::Node(Rc::new(Node::new(node, case, fields)))
    }

    /// The text of a string. Like the other accessors it panics on another kind of value: the verifier has seen to
    /// that.
    pub fn as_str(&self) -> &str {
        match self {
            Val::Str(text) => text,
            other => panic!("expected a text, found {other:?}"),
        }
    }

    pub fn as_i64(&self) -> i64 {
        match self {
            Val::I64(n) => *n,
            other => panic!("expected an i64, found {other:?}"),
        }
    }

    pub fn as_bool(&self) -> bool {
        match self {
            Val::Bool(b) => *b,
            other => panic!("expected a bool, found {other:?}"),
        }
    }

    pub fn as_array(&self) -> &Array {
        match self {
            Val::Array(array) => array,
            other => panic!("expected an array, found {other:?}"),
        }
    }

    /// The number of a float without its derivatives, f32 too.
    pub fn as_float(&self) -> f64 {
        match self {
            Val::F64(x) => *x,
            Val::F32(x) => *x as f64,
            Val::Dual64(d) | Val::Dual32(d) => d.primal(),
            other => panic!("expected a float, found {other:?}"),
        }
    }

    /// Equal to the bit, but that every NaN is like every other; without recursion.
    pub fn same(&self, other: &Val) -> bool {
        let mut work = vec![(self, other)];
        while let Some((a, b)) = work.pop() {
            let equal = match (a, b) {
                (Val::Array(a), Val::Array(b)) => {
                    work.extend(a.items.iter().zip(&b.items));
                    a.dims == b.dims
                }
                (Val::Node(a), Val::Node(b)) => {
                    work.extend(a.fields.iter().zip(&b.fields));
                    (a.node, a.case, a.fields.len()) == (b.node, b.case, b.fields.len())
                }
                (Val::F64(a), Val::F64(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
                (Val::F32(a), Val::F32(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
                (Val::I64(a), Val::I64(b)) => a == b,
                (Val::I32(a), Val::I32(b)) => a == b,
                (Val::U8(a), Val::U8(b)) => a == b,
                (Val::Bool(a), Val::Bool(b)) => a == b,
                (Val::Str(a), Val::Str(b)) => a == b,
                (Val::Null, Val::Null) => true,
                _ => false,
            };
            if !equal {
                return false;
            }
        }
        true
    }
}
