//! What instructions and functions do besides giving results: nothing, perhaps trap, or talk to the world.
//!
//! [`Op::effect`] knows the operation only; here its operands and regions are looked at too: an integer division by a
//! constant other than zero cannot trap, nor can a `fill` or `build` whose sizes are sizes of arrays. Functions are summed up
//! callees first; one that can reach itself may trap because recursion has a limit. A `while` that is not known to end
//! counts as one that may trap, since a program that hangs is not one that goes on: so it stays, and nothing moves in front of it.

use super::definitions::Promised;
use super::{CallGraph, Def, Definitions, Shapes, Table};
use crate::function::{Body, DerivativeMode, Function, Inst, InstData, Region, Value};
use crate::module::{FuncId, Module};
use crate::opcode::{Access, BinaryOp, CompareOp, Const, Effect, Op};
use crate::types::Leaf;

/// The effect of calling each function: `Pure`, `MayTrap` or `World`.
#[derive(Clone, Debug)]
pub struct FunctionEffects {
    of: Table<FuncId, Effect>,
}

impl FunctionEffects {
    pub fn of_module(module: &Module, graph: &CallGraph) -> FunctionEffects {
        let mut effects = FunctionEffects { of: Table::with_default(Effect::World) };
        for id in &graph.bottom_up {
            effects.of[*id] = match &module.funcs[*id].body {
                Body::Defined(entry) => effects.of_body(&module.funcs[*id], *entry),
                Body::Derivative(request) => effects.of_derivative(request.mode, request.primal),
                Body::Pending => Effect::World,
            };
            if graph.recursive[*id] {
                effects.of[*id] = effects.of[*id].max(Effect::MayTrap);
            }
        }
        effects
    }

    /// Nothing is known about any function: every call talks to the world.
    pub fn unknown() -> FunctionEffects {
        FunctionEffects { of: Table::with_default(Effect::World) }
    }

    pub fn of(&self, id: FuncId) -> Effect {
        self.of[id]
    }

    fn of_body(&self, func: &Function, entry: Region) -> Effect {
        let definitions = Definitions::of_function(func);
        let shapes = Shapes::of_function(func);
        let context = EffectContext { func, definitions: &definitions, shapes: &shapes, functions: self };
        context.of_region(entry)
    }

    /// Derivative code may trap where adjoints are added; a reverse sweep does not repeat what its primal said to the world.
    fn of_derivative(&self, mode: DerivativeMode, primal: FuncId) -> Effect {
        match mode {
            DerivativeMode::Reverse { .. } => Effect::MayTrap,
            DerivativeMode::Jvp | DerivativeMode::Vjp | DerivativeMode::VjpInto | DerivativeMode::Augmented { .. } => {
                self.of[primal].max(Effect::MayTrap)
            }
        }
    }
}

/// What is looked at to find the effect of an instruction.
#[derive(Clone, Copy)]
pub struct EffectContext<'a> {
    pub func: &'a Function,
    pub definitions: &'a Definitions,
    pub shapes: &'a Shapes,
    pub functions: &'a FunctionEffects,
}

impl EffectContext<'_> {
    /// The greatest effect in a region.
    pub fn of_region(&self, region: Region) -> Effect {
        let insts = self.func.regions[region].insts.iter();
        insts.map(|inst| self.of_inst(*inst)).max().unwrap_or(Effect::Pure)
    }

    /// The effect of an instruction with all that is in its regions.
    pub fn of_inst(&self, inst: Inst) -> Effect {
        let data = &self.func.insts[inst];
        let inner = data.regions.iter().map(|region| self.of_region(*region)).max().unwrap_or(Effect::Pure);
        inner.max(self.of_operation(data))
    }

    /// The effect of an instruction itself, apart from its regions.
    pub fn of_operation(&self, data: &InstData) -> Effect {
        let first = data.args.first().and_then(|x| self.func.value_type(*x).as_scalar());
        match data.op.effect(first) {
            Effect::Nested => self.of_nested(data),
            Effect::MayTrap if self.cannot_trap(data) => Effect::Pure,
            Effect::Pure if self.adds_heap_tangents(data) => Effect::MayTrap,
            effect @ (Effect::Pure | Effect::MayTrap | Effect::World) => effect,
        }
    }

    fn of_nested(&self, data: &InstData) -> Effect {
        if let Op::Call(callee) = data.op {
            return self.functions.of(callee);
        }
        let traps = data.op == Op::Build && !data.args.iter().all(|dim| self.is_size(*dim));
        let hangs = data.op == Op::While && !self.ends(data);
        if traps || hangs { Effect::MayTrap } else { Effect::Pure }
    }

    /// Whether a `while` certainly ends: a carried integer goes by one towards a bound that stays, until it is reached.
    fn ends(&self, data: &InstData) -> bool {
        let (condition, body) = (&self.func.regions[data.regions[0]], &self.func.regions[data.regions[1]]);
        let Some(InstData { op: Op::Compare(op), args, .. }) = self.definitions.inst(self.func, condition.yields[0])
        else {
            return false;
        };
        let carried = |v: Value| condition.params.iter().position(|param| *param == v);
        let stays = |v: Value| match self.definitions.of(v) {
            Def::Param(region, k) if region == data.regions[0] => body.yields[k as usize] == body.params[k as usize],
            _ => !self.is_inside(v, data.regions[0]),
        };
        let towards = |v: Value, bound: Value, by: i64| {
            carried(v).is_some_and(|k| self.steps_by(body.yields[k], body.params[k]) == Some(by)) && stays(bound)
        };
        match op {
            CompareOp::Lt => towards(args[0], args[1], 1) || towards(args[1], args[0], -1),
            CompareOp::Gt => towards(args[0], args[1], -1) || towards(args[1], args[0], 1),
            CompareOp::Eq | CompareOp::Ne | CompareOp::Le | CompareOp::Ge => false,
        }
    }

    /// Whether `v` is computed in this region, by anything but constants.
    fn is_inside(&self, v: Value, region: Region) -> bool {
        match self.definitions.of(v) {
            Def::Result(inst, _) => {
                self.definitions.home(inst) == Some(region) && self.definitions.constant(self.func, v).is_none()
            }
            Def::Param(home, _) => home == region,
            Def::Nowhere => true,
        }
    }

    /// The constant, if `next` is `v` and a constant integer.
    fn steps_by(&self, next: Value, v: Value) -> Option<i64> {
        let InstData { op: Op::Binary(op), args, .. } = self.definitions.inst(self.func, next)? else { return None };
        let number = |v: Value| match self.definitions.constant(self.func, v)? {
            Const::I64(n) => Some(*n),
            Const::I32(n) => Some(*n as i64),
            Const::U8(_) | Const::F64(_) | Const::F32(_) | Const::Bool(_) | Const::Str(_) => None,
        };
        match op {
            BinaryOp::Add if args[0] == v => number(args[1]),
            BinaryOp::Add if args[1] == v => number(args[0]),
            BinaryOp::Sub if args[0] == v => number(args[1])?.checked_neg(),
            _ => None,
        }
    }

    /// An adjoint added to an element that is an array or a node: their shapes and cases may differ.
    fn adds_heap_tangents(&self, data: &InstData) -> bool {
        let adds = matches!(data.op, Op::AddAt(Access::InBounds) | Op::AddSlice(Access::InBounds));
        adds && {
            let ty = self.func.value_type(data.args[0]);
            ty.level_count() > 1 || matches!(ty.leaf, Leaf::Node(_))
        }
    }

    fn cannot_trap(&self, data: &InstData) -> bool {
        let args = &data.args;
        if let Op::Binary(BinaryOp::Div | BinaryOp::Rem) = data.op {
            self.is_nonzero(args[1])
        } else if let Op::MatMul { transpose_a, transpose_b } = data.op {
            self.size(args[0], !transpose_a as u8) == self.size(args[1], transpose_b as u8)
        } else if let Op::MatVec { transpose } = data.op {
            self.size(args[0], !transpose as u8) == self.size(args[1], 0)
        } else if let Op::Check(_) = data.op {
            self.definitions.constant(self.func, args[0]) == Some(&Const::Bool(true))
        } else if data.op == Op::AddTangent {
            self.func.value_type(args[0]).is_float() || self.same_plain_shape(data)
        } else {
            data.op == Op::Fill && args[1..].iter().all(|dim| self.is_size(*dim))
        }
    }

    /// Two arrays of floats of one shape.
    fn same_plain_shape(&self, data: &InstData) -> bool {
        let ty = self.func.value_type(data.args[0]);
        let plain = ty.level_count() == 1 && matches!(ty.leaf, Leaf::Scalar(_));
        let same_size = |axis: usize| self.size(data.args[0], axis as u8) == self.size(data.args[1], axis as u8);
        plain && (self.shapes.origin(data.args[0]) == self.shapes.origin(data.args[1]) || (0..ty.rank()).all(same_size))
    }

    fn is_nonzero(&self, v: Value) -> bool {
        match self.definitions.constant(self.func, v) {
            Some(Const::I64(n)) => *n != 0,
            Some(Const::I32(n)) => *n != 0,
            Some(Const::U8(n)) => *n != 0,
            Some(Const::F64(_) | Const::F32(_) | Const::Bool(_) | Const::Str(_)) | None => false,
        }
    }

    /// Whether a number is certainly not negative, because it is the size of something or a constant.
    fn is_size(&self, v: Value) -> bool {
        match self.definitions.inst(self.func, v).map(|data| &data.op) {
            Some(Op::Dim(_)) => true,
            Some(Op::Const(Const::I64(n))) => *n >= 0,
            Some(_) => false,
            None => self.definitions.is_promised_size(self.func, v),
        }
    }

    /// The size of an axis, as the value that it was made from where that can be seen.
    pub fn size(&self, x: Value, axis: u8) -> Size {
        let origin = self.shapes.origin(x);
        let size = self.definitions.inst(self.func, origin).and_then(|data| {
            (data.op == Op::Fill)
                .then(|| data.args[axis as usize + 1])
                .or((data.op == Op::Build).then(|| data.args[axis as usize]))
        });
        let promised = || {
            self.definitions.promised(self.func, origin, axis).map(|size| match size {
                Promised::Number(n) => Size::Const(n),
                Promised::Param(v) => Size::Value(v),
            })
        };
        match size {
            Some(size) => self.size_of(size),
            None => promised().unwrap_or(Size::Dim(origin, axis)),
        }
    }

    /// A number that is the size of an axis, if so as such.
    pub fn size_of(&self, size: Value) -> Size {
        match self.definitions.inst(self.func, size).map(|data| (&data.op, &data.args)) {
            Some((Op::Dim(axis), args)) => Size::Dim(self.shapes.origin(args[0]), *axis),
            Some((Op::Const(Const::I64(n)), _)) => Size::Const(*n),
            Some(_) | None => Size::Value(size),
        }
    }
}

/// The size of an axis: equal ones are equal numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Size {
    Dim(Value, u8),
    Const(i64),
    Value(Value),
}
