//! The tape of a recursion: stacks, one for each kind of slot, that go through its calls.
//!
//! ```text
//! func @f.aug(%x: f64, %n: i64, %floats: [f64], …) -> (f64, [f64], …)
//! func @f.rev(%floats: [f64], …, %height: i64, …, %x: f64, %n: i64, %seed: f64, …) -> (f64, i64, …)
//! ```
//!
//! `f.aug` pushes the slots of a region (the whole body, or a branch) at its end. `f.rev` reads them below the heights that
//! it is given, at the beginning of that region's sweep, goes back through the inner calls, and gives the heights at which its activation began. It takes nothing
//! off, so a sweep can run again: the tape of a pullback is its stacks. Who calls from outside the recursion
//! begins with empty ones. Stacks to which nobody pushes are dead code.
//!
//! Loops in uncounted loops do the same, on stacks that begin in front of the outermost one ([`super::plan`]).
//!
//! Floats and discrete scalars have a stack each. All other slots of an activation are fields of a node on the third; its type
//! is that of the whole module, with a case for each region.

use crate::context::Context;
use crate::reverse::augment::plus;
use dprog_ir::module::NodeKind;
use dprog_ir::{Access, Builder, CaseDef, FieldDef, NodeId, Region, Scalar, Type, Value};
use rustc_hash::FxHashMap;

/// For each region of a recursion that puts slots on the stacks where they lie.
pub type Activations = FxHashMap<Region, Activation>;

/// Where the slots of a region in one activation lie.
#[derive(Clone, Debug)]
pub struct Activation {
    slots: Vec<Type>,
    /// Those that are no scalars.
    node: Option<(NodeId, u32)>,
}

/// The stack for slots of a type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Float,
    Discrete,
    Other,
}

fn kind(ty: Type) -> Kind {
    match ty.as_scalar() {
        Some(scalar) if scalar.is_float() => Kind::Float,
        Some(_) => Kind::Discrete,
        None => Kind::Other,
    }
}

/// The types of the stacks. `name` is that of the node's type, if there is none yet.
pub fn types(cx: &mut Context, name: &str) -> Vec<Type> {
    let node = match cx.tape {
        Some(node) => node,
        None => {
            let node = cx.module.add_node(name.to_string(), NodeKind::Tape, Vec::new());
            cx.module.tangent_node(node);
            cx.tape = Some(node);
            node
        }
    };
    vec![Type::F64.array(1), Type::I64.array(1), Type::node(node).array(1)]
}

/// The types of the stacks of a nest of loops, which has scalars only.
pub fn types_of_nest() -> [Type; 2] {
    [Type::F64.array(1), Type::I64.array(1)]
}

/// Empty stacks.
pub fn begin(b: &mut Builder, types: &[Type]) -> Vec<Value> {
    types.iter().map(|ty| b.elements(&[], ty.element())).collect()
}

/// The heights of complete stacks.
pub fn heights(b: &mut Builder, stacks: &[Value]) -> Vec<Value> {
    stacks.iter().map(|stack| b.dim(*stack, 0)).collect()
}

impl Activation {
    /// Makes the case for the slots of a function named `name`.
    pub fn new(cx: &mut Context, name: &str, slots: Vec<Type>) -> Activation {
        let node = cx.tape.expect("the stacks have types");
        let others = slots.iter().filter(|ty| kind(**ty) == Kind::Other);
        let field = |(k, ty): (usize, &Type)| FieldDef { name: k.to_string().into(), ty: *ty };
        let fields: Vec<FieldDef> = others.enumerate().map(field).collect();
        let case = cx.module.nodes[node].cases.len() as u32;
        if !fields.is_empty() {
            cx.module.nodes[node].cases.push(CaseDef { name: name.into(), fields });
            cx.module.complete_tangents();
        }
        Activation { slots, node: Some((node, case)) }
    }

    /// For slots that are scalars.
    pub fn of_scalars(slots: Vec<Type>) -> Activation {
        Activation { slots, node: None }
    }

    fn of_kind(&self, wanted: Kind) -> Vec<usize> {
        (0..self.slots.len()).filter(|k| kind(self.slots[*k]) == wanted).collect()
    }

    /// Puts the slots on the stacks.
    pub fn push(&self, b: &mut Builder, stacks: &mut [Value], slots: &[Value]) {
        for (stack, kind, scalar) in [(0, Kind::Float, Scalar::F64), (1, Kind::Discrete, Scalar::I64)] {
            let values: Vec<Value> = self.of_kind(kind).iter().map(|k| convert(b, slots[*k], scalar)).collect();
            stacks[stack] = values.iter().fold(stacks[stack], |stack, v| b.push(stack, *v));
        }
        let fields: Vec<Value> = self.of_kind(Kind::Other).iter().map(|k| slots[*k]).collect();
        if let (Some((node, case)), false) = (self.node, fields.is_empty()) {
            let node = b.node_new(node, case, &fields);
            stacks[2] = b.push(stacks[2], node);
        }
    }

    /// Takes the slots, which are scalars, off the stacks.
    pub fn pop(&self, b: &mut Builder, stacks: &mut [Value]) -> Vec<Value> {
        let mut slots: Vec<Option<Value>> = vec![None; self.slots.len()];
        for (stack, kind) in [(0, Kind::Float), (1, Kind::Discrete)] {
            for k in self.of_kind(kind).into_iter().rev() {
                let (rest, v) = b.pop(stacks[stack]);
                stacks[stack] = rest;
                slots[k] = Some(convert(b, v, self.slots[k].as_scalar().expect("a slot of this kind is a scalar")));
            }
        }
        slots.into_iter().map(|slot| slot.expect("every slot is a scalar")).collect()
    }

    /// Reads the slots below these heights, which become those at which the activation began.
    pub fn read(&self, b: &mut Builder, stacks: &[Value], heights: &mut [Value]) -> Vec<Value> {
        let mut slots: Vec<Option<Value>> = vec![None; self.slots.len()];
        for (stack, kind) in [(0, Kind::Float), (1, Kind::Discrete)] {
            let numbers = self.of_kind(kind);
            heights[stack] = less(b, heights[stack], numbers.len());
            for (j, k) in numbers.into_iter().enumerate() {
                let place = plus(b, heights[stack], j);
                let v = b.get(Access::InBounds, stacks[stack], &[place]);
                slots[k] = Some(convert(b, v, self.slots[k].as_scalar().expect("a slot of this kind is a scalar")));
            }
        }
        let others = self.of_kind(Kind::Other);
        if let (Some((_, case)), false) = (self.node, others.is_empty()) {
            heights[2] = less(b, heights[2], 1);
            let node = b.get(Access::InBounds, stacks[2], &[heights[2]]);
            for (field, k) in others.into_iter().enumerate() {
                slots[k] = Some(b.node_get(node, case, field as u32, self.slots[k]));
            }
        }
        slots.into_iter().map(|slot| slot.expect("every slot is of some kind")).collect()
    }
}

fn convert(b: &mut Builder, v: Value, to: Scalar) -> Value {
    if b.ty(v).as_scalar() == Some(to) { v } else { b.convert(v, to) }
}

fn less(b: &mut Builder, height: Value, by: usize) -> Value {
    if by == 0 {
        return height;
    }
    let by = b.i64(by as i64);
    b.sub(height, by)
}
