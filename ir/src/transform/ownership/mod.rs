//! Ownership: makes every reference to a heap value explicit, so that updates happen in place and memory is freed at once.
//!
//! In the IR arrays are values: `set x, i, v` gives a new array. Machines have memory. This pass, the last one before code
//! generation, decides where one object may serve for `x` and for the result, where a reference is counted, and where a
//! copy cannot be avoided. It inserts three operations:
//!
//! ```text
//! retain x            one more reference
//! release x           one reference less; the last one frees
//! y = unshare x       x if this is the only reference, else a copy
//! ```
//!
//! The idea is that of Perceus (Reinking, Xie, de Moura, Leijen, PLDI 2021), on structured regions: every value that is
//! *owned* carries one reference, which its last use consumes or which is released where it dies; a use that consumes
//! while the value lives on retains first. Uses are borrowing, taking or updating. Parameters of
//! functions are owned or borrowed, decided over the whole module ([`modes`]); an element read from an array or node is
//! borrowed from it where the container outlives it.
//!
//! ```text
//! x1 = for i in 0..n carry (x = x0) {          x0u = unshare x0
//!   x2 = set x, i, v                    →      x1 = for i in 0..n carry (x = x0u) {
//!   yield x2                                     x2 = set x, i, v          ; in place: x is unique
//! }                                              yield x2 }
//! ```
//!
//! Whether an object has a single reference is known statically for most values ([`uniqueness`]); loop-carried values are
//! assumed unique until the body shows otherwise, with one `unshare` before the loop. So a loop that fills an array does
//! nothing but its stores.
//!
//! *Deciding* is in [`modes`], [`lifetimes`] (with [`moves`]) and [`uniqueness`], which give tables; *emitting* in [`emit`]. Invariants needed:
//! verified IR without derivative requests, no ownership operations yet. Kept: the meaning (the three operations are the identity for
//! the interpreter), so it runs at every optimization level. Cost: linear, times the nesting depth of loops.

mod emit;
mod lifetimes;
mod modes;
mod moves;
mod uniqueness;

use crate::{FuncId, Function, Inst, Module, Op, SrcLoc, Value};
use lifetimes::Lifetimes;
use std::sync::Arc;
use uniqueness::Uniqueness;

/// What callers of a function must know. Calls inside the module already follow it; entries from outside must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// For each function and parameter: whether the callee takes the reference over. Meaningful for heap types.
    owned_params: Vec<Vec<bool>>,
}

impl Ownership {
    /// Whether the callee consumes the reference that is passed for this parameter.
    pub fn takes(&self, func: FuncId, param: usize) -> bool {
        use crate::entity::Entity;
        self.owned_params[func.index()][param]
    }
}

/// Why a copy may be made at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyReason {
    /// The old version is used again after the update: always copied.
    StillNeeded,
    /// The value came in as a parameter: copied if the caller still has it.
    Parameter,
    /// Another value may hold a reference to it: copied if so.
    MaybeShared,
}

/// A copy that remains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyReport {
    pub loc: SrcLoc,
    pub function: Arc<str>,
    /// The name of the value, where it has one.
    pub value: Option<Arc<str>>,
    pub reason: CopyReason,
}

/// Makes references explicit in every function of the module. `entries` are the functions that are called from outside.
pub fn run(module: &mut Module, entries: &[FuncId]) -> Ownership {
    let plan = plan(module, entries);
    let ids: Vec<FuncId> = module.funcs.keys().collect();
    for ((id, lifetimes), unique) in ids.into_iter().zip(&plan.lifetimes).zip(&plan.unique) {
        emit::rewrite(&mut module.funcs[id], lifetimes, unique);
    }
    Ownership { owned_params: plan.owned_params }
}

/// The copies that the updates of a module may make, in source order of the functions. The module is as before [`run`].
pub fn explain_copies(module: &Module, entries: &[FuncId]) -> Vec<CopyReport> {
    let plan = plan(module, entries);
    let mut reports = Vec::new();
    for ((func, lifetimes), unique) in module.funcs.values().zip(&plan.lifetimes).zip(&plan.unique) {
        let mut sites: Vec<(Inst, usize)> = unique.unshares.iter().copied().collect();
        sites.sort_unstable();
        reports.extend(sites.into_iter().map(|(inst, arg)| report(func, lifetimes, inst, arg)));
    }
    reports
}

fn report(func: &Function, lifetimes: &Lifetimes, inst: Inst, arg: usize) -> CopyReport {
    let data = &func.insts[inst];
    let value = data.args[arg];
    let is_param = func.entry().is_some_and(|entry| func.regions[entry].params.contains(&value));
    let reason = match () {
        () if lifetimes.shared(value) => CopyReason::StillNeeded,
        () if is_param => CopyReason::Parameter,
        () => CopyReason::MaybeShared,
    };
    CopyReport { loc: data.loc, function: func.name.clone(), value: func.values[value].name.clone(), reason }
}

/// All decisions, in the order of the functions.
struct Plan {
    owned_params: Vec<Vec<bool>>,
    lifetimes: Vec<Lifetimes>,
    unique: Vec<Uniqueness>,
}

fn plan(module: &Module, entries: &[FuncId]) -> Plan {
    let owned_params = modes::owned_params(module);
    let lifetimes: Vec<Lifetimes> =
        module.funcs.keys().map(|id| lifetimes::analyse(module, &owned_params, id)).collect();
    let unique = uniqueness::analyse(module, entries, &owned_params, &lifetimes);
    Plan { owned_params, lifetimes, unique }
}

/// Calls `f` for every instruction of the region and of the regions in it.
fn each_inst(func: &Function, region: crate::Region, f: &mut impl FnMut(Inst)) {
    for inst in &func.regions[region].insts {
        f(*inst);
        func.insts[*inst].regions.iter().for_each(|inner| each_inst(func, *inner, f));
    }
}

/// Whether the instruction reads a part of its operand that the operand keeps: an element or field of heap type.
fn reads_part(func: &Function, inst: Inst) -> Option<Value> {
    let data = &func.insts[inst];
    let heap = data.results.first().is_some_and(|r| func.value_type(*r).is_heap());
    let reads = match data.op {
        Op::Get(_) => data.args.len() - 1 == func.value_type(data.args[0]).rank(),
        ref op => matches!(op, Op::NodeGet { .. }),
    };
    (heap && reads).then(|| data.args[0])
}
