//! Functions that call each other in a cycle: what another one does is written into the one that is differentiated, if that then calls nobody
//! in the cycle but itself.
//!
//! ```text
//! func @minor { … call @expand … }                       func @expand {
//! func @expand { … call @minor … call @expand … }    →     … { … call @expand … } … call @expand …
//!                                                        }
//! ```
//!
//! The sweep of a function that calls itself is given its parameters again, and keeps less; see [`crate::reverse`]. This is done to the copy that is
//! differentiated only: the primal, and how deep its recursion is, stay as they are. Location of each copy: that of the call's chain, as when
//! the optimizer inlines.
//!
//! *Not here:* functions that call themselves, large ones, and those whose cycles go through others yet.

use crate::analysis::depends::{Calls, callees};
use dprog_ir::rewrite::{Copier, replace_uses};
use dprog_ir::{Body, FuncId, Function, Inst, Module, Op, Region, RegionData, Value, walk};
use rustc_hash::FxHashMap;

/// Instructions of a function that is written in, and how often. Chosen by feeling.
const SMALL: usize = 60;
const CALLS: usize = 3;

/// Writes into `func`, the copy of `f`, what it calls and what calls it in turn.
pub fn unfold(module: &mut Module, calls: &Calls, f: FuncId, func: &mut Function) {
    if !calls.is_recursive(f) {
        return;
    }
    let sites: Vec<FuncId> = walk::insts(func).iter().filter_map(|inst| called(func, *inst)).collect();
    let fits = |g: &FuncId| sites.iter().filter(|site| *site == g).count() <= CALLS && ends_in(module, calls, f, *g);
    let mut chosen: Vec<FuncId> = sites.iter().copied().filter(fits).collect();
    chosen.dedup();
    if let (Some(entry), false) = (func.entry(), chosen.is_empty()) {
        let mut results = FxHashMap::default();
        region(module, func, entry, &chosen, &mut results);
        // A result may be that of a call which was the result of another one.
        let last = |v: Value| std::iter::successors(Some(v), |v| results.get(v).copied()).last().unwrap_or(v);
        replace_uses(func, entry, &last);
    }
}

fn called(func: &Function, inst: Inst) -> Option<FuncId> {
    match func.insts[inst].op {
        Op::Call(callee) => Some(callee),
        _ => None,
    }
}

/// Whether `g` is small, and calls of all that call it back only `f`.
fn ends_in(module: &Module, calls: &Calls, f: FuncId, g: FuncId) -> bool {
    let body = &module.funcs[g];
    let is_small = || matches!(body.body, Body::Defined(_)) && walk::insts(body).len() <= SMALL;
    let called = callees(module, g);
    g != f && is_small() && called.contains(&f) && called.iter().all(|h| *h == f || !calls.is_recursive(*h))
}

fn region(
    module: &mut Module,
    func: &mut Function,
    at: Region,
    chosen: &[FuncId],
    results: &mut FxHashMap<Value, Value>,
) {
    let mut out = Vec::new();
    for inst in std::mem::take(&mut func.regions[at].insts) {
        for inner in func.insts[inst].regions.clone() {
            region(module, func, inner, chosen, results);
        }
        match called(func, inst).filter(|callee| chosen.contains(callee)) {
            Some(callee) => out.extend(written_in(module, func, inst, callee, results)),
            None => out.push(inst),
        }
    }
    func.regions[at].insts = out;
}

fn written_in(
    module: &mut Module,
    func: &mut Function,
    call: Inst,
    callee: FuncId,
    results: &mut FxHashMap<Value, Value>,
) -> Vec<Inst> {
    let data = func.insts[call].clone();
    let Module { funcs, locations, .. } = module;
    let body = &funcs[callee];
    let entry = body.entry().expect("only defined functions are chosen");
    let mut copier = Copier::from(body).with_locations(|loc| locations.inline(loc, data.loc));
    copier.bind_all(&body.regions[entry].params, &data.args);
    let place = func.regions.push(RegionData::default());
    let yields = copier.append_insts(func, place, entry);
    drop(copier);
    for (result, by) in data.results.iter().zip(yields) {
        if func.values[by].name.is_none() {
            func.values[by].name = func.values[*result].name.clone();
        }
        results.insert(*result, by);
    }
    std::mem::take(&mut func.regions[place].insts)
}
