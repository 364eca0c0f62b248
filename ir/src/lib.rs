//! The intermediate representation that every part of dprogc speaks.
//!
//! Structured, typed SSA in which arrays are values. A [`Module`] holds functions and node types; a [`Function`] holds
//! values, instructions and regions in arenas. Control flow is nested: `if`, `switch`, `for` and `while` own regions,
//! and a region is a list of instructions that ends in a yield. There are no references: `set` gives a new array, and
//! the ownership pass at the end of the pipeline turns chains of updates into stores.
//!
//! Reading order: [`types`], [`opcode`], [`function`], [`module`], [`builder`]; then [`print`](mod@print) and [`parse`] (the text form, see
//! docs/ir.md), [`verify`] (what is legal), [`interp`] (what it means), [`walk`] and [`rewrite`] (for passes).
//!
//! *Absent on purpose:* source text (only opaque [`SrcLoc`]s), machines, calculus (that is `ad-pass`; here stands only
//! the *request* for a derivative, [`Derivative`], and the interpreter's independent answer to it by dual numbers).

#[cfg(feature = "compiler")]
pub mod analysis;
#[cfg(feature = "compiler")]
pub mod builder;
pub mod entity;
pub mod fmath;
pub mod format;
pub mod function;
pub mod host;
#[cfg(feature = "compiler")]
pub mod interp;
#[cfg(feature = "compiler")]
pub mod kernel;
pub mod location;
pub mod module;
pub mod opcode;
#[cfg(feature = "compiler")]
pub mod parse;
#[cfg(feature = "compiler")]
pub mod print;
#[cfg(feature = "compiler")]
pub mod rewrite;
pub mod text;
#[cfg(feature = "compiler")]
pub mod transform;
pub mod trap;
pub mod types;
#[cfg(feature = "compiler")]
pub mod typing;
#[cfg(feature = "compiler")]
pub mod verify;
#[cfg(feature = "compiler")]
pub mod walk;

#[cfg(feature = "compiler")]
pub use builder::Builder;
pub use entity::Arena;
pub use function::{
    AxisSize, Body, Derivative, DerivativeMode, Function, Inst, InstData, Region, RegionData, Value, ValueData,
};
pub use host::HostFn;
pub use location::{LocData, Locations, SrcLoc};
pub use module::{CaseDef, FieldDef, Foreign, FuncId, Module, NodeDef, NodeId};
pub use opcode::{Access, BinaryOp, CompareOp, Const, FormatSpec, Op, ReduceOp, UnaryOp};
pub use trap::TrapCode;
pub use types::{Leaf, Scalar, Type};
