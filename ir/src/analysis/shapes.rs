//! Which values have the same shape as another one.
//!
//! Most arrays are made once and then updated, added to, mapped over, or carried around loops. This table gives for
//! each array the *origin* of its shape: an earlier array, in scope wherever the first one is, whose outermost level
//! has the same sizes. So `dim` of both is one value, and a bounds proof for one holds for the other.
//!
//! ```text
//! %z = fill 0.0, %n
//! %r = for %i in 0..%n carry (%a = %z) { %b = set %a, %i, %x; yield %b }      ; origin of %a, %b, %r: %z
//! ```
//!
//! A carried array starts as its own origin; if after the body the yielded array's origin is that parameter, the loop
//! keeps the shape, and the parameter is linked to the initial array; so it is if both were made with the same sizes. So one
//! walk suffices. Swapped carried arrays are not recognized. Stale when an array-typed instruction is replaced by one of another origin (removing is harmless).

use super::Table;
use crate::function::{AxisSize, Function, Inst, InstData, Region, Value};
use crate::opcode::{Const, Op};
use smallvec::SmallVec;

/// The origin of the shape of every array.
#[derive(Clone, Debug, Default)]
pub struct Shapes {
    parent: Table<Value, Option<Value>>,
    /// The instructions that give constants, and arrays whose sizes are operands.
    made: Table<Value, Option<Inst>>,
}

/// A size that an array was made with, or that the program promises of a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    Number(i64),
    Value(Value),
}

impl Shapes {
    pub fn of_function(func: &Function) -> Shapes {
        let mut shapes = Shapes::default();
        if let Some(entry) = func.entry() {
            shapes.region(func, entry);
        }
        shapes
    }

    /// The origin of the shape of `x`.
    pub fn origin(&self, x: Value) -> Value {
        let mut origin = x;
        while let Some(parent) = self.parent[origin] {
            origin = parent;
        }
        origin
    }

    fn region(&mut self, func: &Function, region: Region) {
        for inst in &func.regions[region].insts {
            self.inst(func, *inst);
        }
    }

    fn link(&mut self, x: Value, to: Value) {
        let to = self.origin(to);
        if to != x {
            self.parent[x] = Some(to);
        }
    }

    fn inst(&mut self, func: &Function, inst: Inst) {
        let data = &func.insts[inst];
        data.regions.iter().for_each(|region| self.region(func, *region));
        if matches!(data.op, Op::If | Op::Switch) && data.regions.len() > 1 {
            self.branches(func, data);
        } else if data.op == Op::For {
            self.carried(func, data, &data.args[2..], 1, data.regions[0]);
        } else if data.op == Op::While {
            self.carried(func, data, &data.args, 0, data.regions[1]);
        } else if data.op == Op::Map {
            self.map_results(data);
        } else if matches!(data.op, Op::Fill | Op::Build | Op::Reshape | Op::Const(_)) {
            data.results.iter().for_each(|result| self.made[*result] = Some(inst));
        } else if keeps_shape(&data.op) && func.value_type(data.results[0]).is_array() {
            self.link(data.results[0], data.args[0]);
        }
    }

    fn map_results(&mut self, data: &InstData) {
        for result in &data.results {
            self.link(*result, data.args[0]);
        }
    }

    /// A result has the origin that all branches agree on.
    fn branches(&mut self, func: &Function, data: &InstData) {
        for (k, result) in data.results.iter().enumerate() {
            let mut origins = data.regions.iter().map(|region| self.origin(func.regions[*region].yields[k]));
            let first = origins.next().expect("a branching instruction has regions");
            let agreed = origins.all(|origin| origin == first);
            if agreed && func.value_type(*result).is_array() {
                self.link(*result, first);
            }
        }
    }

    /// Links carried arrays whose shape the loop keeps. `skip` parameters of the body come before the carried ones.
    fn carried(&mut self, func: &Function, data: &InstData, inits: &[Value], skip: usize, body: Region) {
        let body = &func.regions[body];
        for (k, result) in data.results.iter().enumerate() {
            let (param, yielded) = (body.params[skip + k], body.yields[k]);
            if func.value_type(param).is_array()
                && (self.origin(yielded) == param || self.made_alike(func, yielded, inits[k]))
            {
                self.link(param, inits[k]);
                if data.op == Op::While {
                    self.link(func.regions[data.regions[0]].params[k], inits[k]);
                }
                self.link(*result, inits[k]);
            }
        }
    }

    /// Whether two arrays were made with the same sizes.
    fn made_alike(&self, func: &Function, a: Value, b: Value) -> bool {
        let sizes = self.sizes(func, a);
        sizes.is_some() && sizes == self.sizes(func, b)
    }

    fn sizes(&self, func: &Function, x: Value) -> Option<SmallVec<[Made; 4]>> {
        let origin = self.origin(x);
        let Some(inst) = self.made[origin] else {
            let promised = func.values[origin].sizes.as_ref()?;
            return promised.iter().map(|size| self.promised(func, size)).collect();
        };
        let data = &func.insts[inst];
        let first = if data.op == Op::Build { 0 } else { 1 };
        Some(data.args[first..].iter().map(|v| self.number_or_value(func, *v)).collect())
    }

    fn promised(&self, func: &Function, size: &AxisSize) -> Option<Made> {
        match size {
            AxisSize::Open => None,
            AxisSize::Number(n) => Some(Made::Number(*n)),
            AxisSize::Param(k) => Some(Made::Value(func.regions[func.entry()?].params[*k as usize])),
        }
    }

    fn number_or_value(&self, func: &Function, v: Value) -> Made {
        match self.made[v].map(|inst| &func.insts[inst].op) {
            Some(Op::Const(Const::I64(n))) => Made::Number(*n),
            Some(_) | None => Made::Value(v),
        }
    }
}

/// Whether the first result has the outermost sizes of the first operand.
fn keeps_shape(op: &Op) -> bool {
    matches!(
        op,
        Op::Set(_)
            | Op::Take(_)
            | Op::Put
            | Op::AddAt(_)
            | Op::SetSlice(_)
            | Op::AddSlice(_)
            | Op::StopGrad
            | Op::ZerosLike
            | Op::AddTangent
            | Op::SortPermutation
            | Op::Unshare
    )
}
