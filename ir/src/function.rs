//! Functions: arenas of values, instructions and regions.
//!
//! A region is a list of instructions that ends in a yield of some values. Values defined in a region may be used
//! there and in the regions nested in it (below the definition), nowhere else. Instructions that have been dropped
//! from their region stay in the arena, unreachable: walk regions, not arenas.

use crate::entity;
use crate::entity::Arena;
use crate::location::SrcLoc;
use crate::module::{FuncId, NodeId};
use crate::opcode::Op;
use crate::types::Type;
use smallvec::SmallVec;
use std::sync::Arc;

entity!(
    /// An SSA value of a function.
    Value, "v"
);
entity!(
    /// An instruction of a function.
    Inst, "i"
);
entity!(
    /// A region of a function.
    Region, "r"
);

/// What the program promises of the size of an axis of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AxisSize {
    #[default]
    Open,
    Number(i64),
    /// It is the parameter of this number, an i64.
    Param(u32),
}

/// A value: its type, and the name that the user or a pass gave it (`x`, `x.adj`), which need not be unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueData {
    pub ty: Type,
    pub name: Option<Arc<str>>,
    /// Of a parameter of a function that is an array: the sizes of its axes, where the program fixes them. Whoever calls
    /// promises them.
    pub sizes: Option<Arc<[AxisSize]>>,
}

/// An instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstData {
    pub op: Op,
    pub args: SmallVec<[Value; 4]>,
    pub regions: SmallVec<[Region; 2]>,
    pub results: SmallVec<[Value; 2]>,
    pub loc: SrcLoc,
}

/// A region: parameters, instructions in order, and what it yields.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct RegionData {
    pub params: Vec<Value>,
    pub insts: Vec<Inst>,
    pub yields: Vec<Value>,
}

/// Which derivative of a function is asked for.
///
/// Notation: `p` the parameters of the primal, `r` its results; `dp` one tangent for each parameter marked in `wrt`, `dr`
/// one for each result marked in `outs`, in order (marked ones have a tangent type; see [`crate::Module::tangent`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DerivativeMode {
    /// `(p…, dp…) -> (r…, dr…)`: forward.
    Jvp,
    /// `(p…, seed…) -> (r…, adjoint…)`: a seed for each marked result, an adjoint for each marked parameter.
    Vjp,
    /// `(p…, seed…, acc…) -> (r…, acc + adjoint…)`: adds to the accumulators, touching only what it must.
    VjpInto,
    /// `(p…) -> (r…, tape)`: the augmented primal; the tape is a node that the AD pass defines.
    Augmented { tape: NodeId },
    /// `(tape, seed…) -> (adjoint…)`: the reverse sweep for that tape. May be called many times with one tape.
    Reverse { tape: NodeId },
}

/// A request for a derivative: the AD pass replaces it by a body. `wrt` and `outs` are parallel to the parameters and
/// results of the primal.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Derivative {
    pub mode: DerivativeMode,
    pub primal: FuncId,
    pub wrt: Vec<bool>,
    pub outs: Vec<bool>,
}

/// What a function is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Its region; the parameters of the region are those of the function, its yields the results.
    Defined(Region),
    Derivative(Derivative),
    /// Declared, body to come (mutual recursion). No verified module contains one.
    Pending,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Unique in its module.
    pub name: Arc<str>,
    pub params: Vec<Type>,
    pub results: Vec<Type>,
    pub body: Body,
    pub values: Arena<Value, ValueData>,
    pub insts: Arena<Inst, InstData>,
    pub regions: Arena<Region, RegionData>,
    /// Where the user defined it.
    pub loc: SrcLoc,
}

impl Function {
    /// A function whose body is still to come.
    pub fn new(name: impl Into<Arc<str>>, params: Vec<Type>, results: Vec<Type>, loc: SrcLoc) -> Function {
        Function {
            name: name.into(),
            params,
            results,
            body: Body::Pending,
            values: Arena::new(),
            insts: Arena::new(),
            regions: Arena::new(),
            loc,
        }
    }

    pub fn value_type(&self, v: Value) -> Type {
        self.values[v].ty
    }

    /// The region of a defined function.
    pub fn entry(&self) -> Option<Region> {
        match self.body {
            Body::Defined(region) => Some(region),
            Body::Derivative(_) | Body::Pending => None,
        }
    }

    pub fn new_value(&mut self, ty: Type, name: Option<Arc<str>>) -> Value {
        self.values.push(ValueData { ty, name, sizes: None })
    }
}
