//! What a reverse sweep can need from the primal.

use crate::analysis::structure::Def;
use crate::context::Primal;
use dprog_ir::{AxisSize, Inst, Op, Region, Type, Value};

/// A thing known when the primal has run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Item {
    /// The value itself.
    Value(Value),
    /// The size of one axis of an array: what a zero adjoint needs, and much less than keeping the array.
    Dim(Value, u8),
    /// The index of the first winner of a reduction to the maximum or minimum.
    Winner(Inst),
    /// What a `set` or `set_slice` replaces: where elements have shapes of their own, the zero left in the adjoint has the
    /// shape of the old element.
    Replaced(Inst),
    /// One size of the array that a `set` replaces, where that is enough.
    ReplacedDim(Inst, u8),
}

impl Item {
    /// The value with whose definition the item becomes known.
    pub fn base(self, primal: &Primal) -> Value {
        match self {
            Item::Value(v) | Item::Dim(v, _) => v,
            Item::Winner(inst) | Item::Replaced(inst) | Item::ReplacedDim(inst, _) => {
                primal.func.insts[inst].results[0]
            }
        }
    }

    pub fn ty(self, primal: &Primal) -> Type {
        match self {
            Item::Value(v) => primal.func.value_type(v),
            Item::Dim(..) | Item::Winner(_) | Item::ReplacedDim(..) => Type::I64,
            Item::Replaced(inst) => {
                let data = &primal.func.insts[inst];
                primal.func.value_type(data.args[data.args.len() - 1])
            }
        }
    }
}

/// The array from which `v` has its sizes, followed through updates and through what loops carry unchanged in shape.
pub fn shape_source(primal: &Primal, v: Value) -> Value {
    let mut at = v;
    for _ in 0..FAR {
        match step(primal, at) {
            Some(next) => at = next,
            None => break,
        }
    }
    at
}

/// Where a size can be had from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SizeSource {
    Number(i64),
    /// The array was made with it, or the program promises that it is this parameter.
    Value(Value),
    Axis(Value, u8),
}

/// Where the size of an axis of `v` can be had from: mostly a number that is at hand anyway.
pub fn size_source(primal: &Primal, v: Value, axis: usize) -> SizeSource {
    let source = shape_source(primal, v);
    let there = SizeSource::Axis(source, axis as u8);
    let Def::Result { inst, .. } = primal.structure.def(source) else {
        let sizes = primal.func.values[source].sizes.as_ref();
        return match sizes.and_then(|sizes| sizes.get(axis)) {
            Some(AxisSize::Number(n)) => SizeSource::Number(*n),
            Some(AxisSize::Param(k)) => SizeSource::Value(primal.params()[*k as usize]),
            Some(AxisSize::Open) | None => there,
        };
    };
    let data = &primal.func.insts[inst];
    match data.op {
        Op::Fill | Op::Reshape => SizeSource::Value(data.args[axis + 1]),
        Op::Build => SizeSource::Value(data.args[axis]),
        Op::Elements => SizeSource::Number(data.args.len() as i64),
        Op::Get(_) if primal.func.value_type(data.args[0]).rank() >= data.args.len() => {
            size_source(primal, data.args[0], axis + data.args.len() - 1)
        }
        _ => there,
    }
}

/// How far [`shape_source`] looks; a guess, long enough for straight-line chains of updates in one function.
const FAR: usize = 64;

fn step(primal: &Primal, v: Value) -> Option<Value> {
    match primal.structure.def(v) {
        Def::Result { inst, index } => {
            let data = &primal.func.insts[inst];
            match data.op {
                Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::StopGrad => Some(data.args[0]),
                Op::Put => Some(data.args[0]),
                Op::Take(_) if v == data.results[0] => Some(data.args[0]),
                Op::ZerosLike | Op::AddTangent | Op::Map => Some(data.args[0]),
                Op::For => unchanged(primal, data.regions[0], index + 1, index).then(|| data.args[index + 2]),
                Op::While => unchanged(primal, data.regions[1], index, index).then(|| data.args[index]),
                _ => None,
            }
        }
        Def::Param { region, index } => {
            let data = &primal.func.insts[primal.structure.owner(region)?];
            match data.op {
                Op::For if index > 0 => unchanged(primal, region, index, index - 1).then(|| data.args[index + 1]),
                Op::While => unchanged(primal, region, index, index).then(|| data.args[index]),
                _ => None,
            }
        }
    }
}

/// Whether a loop body yields in place `yielded` an array of the shape of its parameter `param`: by updates only.
fn unchanged(primal: &Primal, body: Region, param: usize, yielded: usize) -> bool {
    let region = &primal.func.regions[body];
    let (Some(param), Some(mut at)) = (region.params.get(param), region.yields.get(yielded).copied()) else {
        return false;
    };
    for _ in 0..FAR {
        if at == *param {
            return true;
        }
        match primal.structure.def(at) {
            Def::Result { .. } if primal.structure.inside(at, body) => match step(primal, at) {
                Some(next) => at = next,
                None => return false,
            },
            Def::Result { .. } | Def::Param { .. } => return false,
        }
    }
    false
}
