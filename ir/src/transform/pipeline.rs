//! The order of the passes: a fixed, short list for each purpose.
//!
//! [`clean_up`] runs before derivatives are taken, at *every* optimization level: sharing an expression changes the order in
//! which its adjoint is summed, so leaving it out at -O0 would change the bits of gradients. It does only what is right
//! for a function that will be differentiated ([`Stage::Primal`]) and keeps every signature. [`optimize`] runs when no request
//! for a derivative is left; from there on all levels give the same bits.
//!
//! Small arrays become numbers before the derivative, so that adjoints and tapes are numbers too.
//!
//! The order: inlining first, so that the local passes see whole computations; `simplify` before `gvn`, which sees equal
//! forms then; `licm` after both; `bounds` when every size is
//! one value, and what it decided is worked in by another round, in which loads leave loops and cells become numbers; `dce` last, and after inlining,
//! so that nobody works on what is dead. No fixed point is sought: the list is linear in the program, and what it
//! misses is small. Builds of the compiler with debug assertions verify the module after each pass.

use super::{
    Stage, bounds, dce, dead_stores, extrema, fuse, gvn, if_conversion, inline, licm, parts, products, promote,
    scalarize, share, simplify, small_arrays, unroll,
};
use crate::analysis::{CallGraph, FunctionEffects};
use crate::function::{Body, Function};
use crate::module::{FuncId, Module};
use crate::rewrite::compacted;
use crate::verify::verify_or_panic;
use std::time::{Duration, Instant};

/// How much is done for speed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum OptLevel {
    O0,
    O1,
    #[default]
    O2,
}

/// A pass by its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pass {
    Simplify,
    Gvn,
    Dce,
    Inline,
    Licm,
    Bounds,
    Fuse,
    IfConversion,
    Unroll,
    SmallArrays,
    Scalarize,
    Promote,
    Parts,
    Extrema,
    DeadStores,
    Share,
    Products,
    /// Drops from the arenas what no region holds any more.
    Compact,
}

impl Pass {
    /// Every pass with its name on the command line and in tests.
    pub const TABLE: &[(Pass, &str)] = &[
        (Pass::Simplify, "simplify"),
        (Pass::Gvn, "gvn"),
        (Pass::Dce, "dce"),
        (Pass::Inline, "inline"),
        (Pass::Licm, "licm"),
        (Pass::Bounds, "bounds"),
        (Pass::Fuse, "fuse"),
        (Pass::IfConversion, "if-conversion"),
        (Pass::Unroll, "unroll"),
        (Pass::SmallArrays, "small-arrays"),
        (Pass::Scalarize, "scalarize"),
        (Pass::Promote, "promote"),
        (Pass::Parts, "parts"),
        (Pass::Extrema, "extrema"),
        (Pass::DeadStores, "dead-stores"),
        (Pass::Share, "share"),
        (Pass::Products, "products"),
        (Pass::Compact, "compact"),
    ];

    pub fn name(self) -> &'static str {
        Pass::TABLE.iter().find(|(pass, _)| *pass == self).map_or("", |(_, name)| name)
    }

    pub fn from_name(name: &str) -> Option<Pass> {
        Pass::TABLE.iter().find(|(_, known)| *known == name).map(|(pass, _)| *pass)
    }
}

/// What a pass did, for `--time-passes` and `--print-after`.
#[derive(Clone, Copy, Debug)]
pub struct PassReport {
    pub pass: Pass,
    pub duration: Duration,
    /// How many changes it made, in its own way of counting.
    pub changes: usize,
}

/// Called after each pass.
pub type Observer<'a> = &'a mut dyn FnMut(&PassReport, &Module);

/// Before derivatives are taken; at every level.
const CLEAN_UP: &[Pass] = &[
    Pass::Simplify,
    Pass::Inline,
    Pass::Simplify,
    Pass::SmallArrays,
    Pass::Unroll,
    Pass::Simplify,
    Pass::Scalarize,
    Pass::Simplify,
    Pass::Bounds,
    Pass::Parts,
    Pass::Extrema,
    Pass::Simplify,
    Pass::Gvn,
    Pass::Bounds,
    Pass::IfConversion,
    Pass::Dce,
    Pass::Products,
    Pass::Fuse,
    Pass::Simplify,
    Pass::Gvn,
    Pass::Licm,
    Pass::Dce,
    Pass::Compact,
];

const LIGHT: &[Pass] = &[Pass::Dce, Pass::Simplify, Pass::Gvn, Pass::Dce, Pass::Compact];

const FULL: &[Pass] = &[
    Pass::Dce,
    Pass::Simplify,
    Pass::Inline,
    Pass::Dce,
    Pass::Compact,
    Pass::Simplify,
    Pass::SmallArrays,
    Pass::Unroll,
    Pass::Simplify,
    Pass::Scalarize,
    Pass::Gvn,
    Pass::DeadStores,
    Pass::Licm,
    Pass::Bounds,
    Pass::Parts,
    Pass::Simplify,
    Pass::Gvn,
    Pass::Dce,
    Pass::Fuse,
    Pass::Promote,
    Pass::IfConversion,
    Pass::Licm,
    Pass::Simplify,
    Pass::Gvn,
    Pass::Share,
    Pass::Dce,
    Pass::Compact,
];

/// Makes a module smaller and simpler before derivatives are taken of it.
pub fn clean_up(module: &mut Module) {
    clean_up_observed(module, &mut |_, _| {});
}

/// [`clean_up`], with a look at the module after each pass.
pub fn clean_up_observed(module: &mut Module, observer: Observer) {
    let entries: Vec<FuncId> = module.funcs.keys().collect();
    run_list(module, CLEAN_UP, &entries, Stage::Primal, observer);
}

/// Optimizes a module in which no derivative is asked for any more. `entries` are the functions that are called from outside:
/// they keep their signatures; others may lose parameters and results, or their whole body if nothing calls them.
pub fn optimize(module: &mut Module, level: OptLevel, entries: &[FuncId]) {
    optimize_observed(module, level, entries, &mut |_, _| {});
}

/// [`optimize`], with a look at the module after each pass.
pub fn optimize_observed(module: &mut Module, level: OptLevel, entries: &[FuncId], observer: Observer) {
    let list = match level {
        OptLevel::O0 => &[],
        OptLevel::O1 => LIGHT,
        OptLevel::O2 => FULL,
    };
    run_list(module, list, entries, Stage::Full, observer);
}

fn run_list(module: &mut Module, list: &[Pass], entries: &[FuncId], stage: Stage, observer: Observer) {
    for pass in list {
        let start = Instant::now();
        let changes = run_pass(module, *pass, entries, stage);
        let report = PassReport { pass: *pass, duration: start.elapsed(), changes };
        if cfg!(debug_assertions) {
            verify_or_panic(module, pass.name());
        }
        observer(&report, module);
    }
}

/// Runs one pass over a module. Gives the number of changes.
pub fn run_pass(module: &mut Module, pass: Pass, entries: &[FuncId], stage: Stage) -> usize {
    match pass {
        Pass::Simplify => each(module, |func| simplify::run(func, stage)),
        Pass::Gvn => {
            let effects = effects_of(module);
            each(module, |func| gvn::run(func, &effects, stage))
        }
        Pass::Dce => {
            let effects = effects_of(module);
            dce::run(module, &effects, entries)
        }
        Pass::Inline => inline::run(module, &CallGraph::of_module(module), entries),
        Pass::Licm => {
            let effects = effects_of(module);
            each(module, |func| licm::run(func, &effects, stage))
        }
        Pass::Bounds => each(module, bounds::run),
        Pass::Fuse => {
            let effects = effects_of(module);
            each(module, |func| fuse::run(func, &effects, stage))
        }
        Pass::IfConversion => each(module, |func| if_conversion::run(func, stage)),
        Pass::Unroll => each(module, unroll::run),
        Pass::SmallArrays => each(module, small_arrays::run),
        Pass::Scalarize => each(module, scalarize::run),
        Pass::Promote => each(module, promote::run),
        Pass::Parts => each(module, |func| parts::run(func, stage)),
        Pass::Extrema => {
            let effects = effects_of(module);
            each(module, |func| extrema::run(func, &effects))
        }
        Pass::Share => {
            let effects = effects_of(module);
            each(module, |func| share::run(func, &effects))
        }
        Pass::DeadStores => each(module, dead_stores::run),
        Pass::Products => each(module, products::run),
        Pass::Compact => each(module, compact),
    }
}

fn effects_of(module: &Module) -> FunctionEffects {
    FunctionEffects::of_module(module, &CallGraph::of_module(module))
}

/// Runs `change` on every function that has a body.
fn each(module: &mut Module, mut change: impl FnMut(&mut Function) -> usize) -> usize {
    let ids: Vec<FuncId> = module.funcs.keys().collect();
    let defined = ids.into_iter().filter(|id| matches!(module.funcs[*id].body, Body::Defined(_)));
    defined.collect::<Vec<_>>().into_iter().map(|id| change(&mut module.funcs[id])).sum()
}

fn compact(func: &mut Function) -> usize {
    let before = func.insts.len();
    *func = compacted(func);
    before - func.insts.len()
}
