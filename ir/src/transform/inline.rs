//! A call is replaced by the body of the callee.
//!
//! Worth it where the body is hardly more than the call, where it is the only call, or where the body will shrink because an
//! argument is a node made in sight: the call of a closure that is known here, whose `apply` function switches on the
//! tag. Calls in loops may cost more, and so may those that pass small arrays of fixed sizes, which then need not be made. Functions have one exit, so a call becomes the callee's instructions, with
//! parameters bound to arguments and results replaced by what the body yields.
//!
//! ```text
//! func @square(%x: f64) -> f64 {                      func @f(%y: f64) -> f64 {
//!   %s = mul %x, %x                                     %s = mul %y, %y
//!   yield %s                                    ->      yield %s
//! }                                                   }
//! func @f(%y: f64) -> f64 { %r = call @square(%y); yield %r }
//! ```
//!
//! Functions are visited callees first, so a body is copied when it is finished itself, and copied calls are not looked at
//! again: growth is bounded by the limits below. A function that can reach itself is never inlined, so the depth of recursion
//! that a trap reports does not change. The location of each copy is chained to that of the call ([`Locations::inline`]):
//! the call chain in a trap's report stays the same.
//!
//! *Not here:* removal of functions that have no call left (`dce`). *Cost:* linear in the code produced.

use super::replacement::Replacements;
use crate::analysis::{CallGraph, Definitions, Table};
use crate::function::{AxisSize, Body, Function, Inst, Region, RegionData, Value};
use crate::location::{Locations, SrcLoc};
use crate::module::{FuncId, Module};
use crate::opcode::{Const, Op};
use crate::rewrite::Copier;
use crate::walk;
use std::sync::Arc;

/// Sizes in instructions. `SMALL` is about what a call costs in code; the others were chosen by gut feeling.
const SMALL: usize = 24;
const SMALL_IN_LOOP: usize = 80;
const WITH_SMALL_ARRAYS: usize = 300;
/// The same in a loop, of what has no loops in it: a derivative for each of many points. Several of one function (the rows of a
/// Jacobian) have one primal between them, and with the arrays gone the loop may become a kernel.
const OF_EACH_POINT: usize = 600;
const WITH_KNOWN_NODE: usize = 300;
const ONLY_CALL: usize = 1500;
/// Caller and callee together, where the call is the only one and there is a loop in the callee: next to that a call is nothing, and
/// in a large function registers are scarce.
const ONLY_CALL_WITH_LOOPS: usize = 150;
/// Elements of an array that is worth being taken apart, as in `small_arrays`.
const SMALL_ARRAY: i64 = 16;
/// A caller does not grow beyond this: register allocation is superlinear.
const CALLER_LIMIT: usize = 4000;
/// Bodies in bodies in bodies, up to so many: each level copies again what is below it, and lengthens the call chains of its
/// locations. So a tower of calls costs no more than its height.
const DEEPEST: u32 = 24;

/// Inlines calls all over the module. `entries` keep their bodies for callers from outside. Gives the number of calls
/// inlined.
pub fn run(module: &mut Module, graph: &CallGraph, entries: &[FuncId]) -> usize {
    let mut entry = Table::new();
    entries.iter().for_each(|id| entry[*id] = true);
    let (mut sizes, mut heights, mut loud, mut loops) = (Table::new(), Table::new(), Table::new(), Table::new());
    let mut inlined = 0;
    for id in &graph.bottom_up {
        loud[*id] = talks(&module.funcs[*id]) || graph.callees[*id].iter().any(|callee| loud[*callee]);
        if !graph.callees[*id].is_empty() && matches!(module.funcs[*id].body, Body::Defined(_)) {
            let decision =
                Decision { graph, entry: &entry, sizes: &sizes, heights: &heights, loud: &loud, loops: &loops };
            let (count, height) = inline_into(module, *id, decision);
            heights[*id] = height;
            inlined += count;
        }
        sizes[*id] = walk::insts(&module.funcs[*id]).len();
        loops[*id] = has_loop(&module.funcs[*id]);
    }
    inlined
}

/// What is looked at to decide about a call.
struct Decision<'a> {
    graph: &'a CallGraph,
    entry: &'a Table<FuncId, bool>,
    /// Of functions that have been visited.
    sizes: &'a Table<FuncId, usize>,
    /// How many bodies stand in one another in them.
    heights: &'a Table<FuncId, u32>,
    /// Functions that talk to the world: next to that a call is nothing, and each is best compiled by itself.
    loud: &'a Table<FuncId, bool>,
    /// Functions with a loop in them, of those that have been visited.
    loops: &'a Table<FuncId, bool>,
}

impl Decision<'_> {
    /// Whether a call is worth being replaced, given what the callee takes, whether the call is in a loop, and whether it has
    /// an argument that is a node made in sight.
    fn is_worth_it(
        &self,
        caller: usize,
        callee: FuncId,
        takes_small_arrays: bool,
        in_loop: bool,
        known_node: bool,
    ) -> bool {
        let size = self.sizes[callee];
        let only_call = self.graph.uses[callee] == 1 && !self.entry[callee];
        size <= SMALL
            || (takes_small_arrays && size <= WITH_SMALL_ARRAYS)
            || (takes_small_arrays && in_loop && size <= OF_EACH_POINT && !self.loops[callee])
            || (in_loop && size <= SMALL_IN_LOOP)
            || (known_node && size <= WITH_KNOWN_NODE)
            || (only_call
                && size <= ONLY_CALL
                && !self.loud[callee]
                && (caller + size <= ONLY_CALL_WITH_LOOPS || !self.loops[callee]))
    }
}

fn talks(func: &Function) -> bool {
    walk::insts(func).into_iter().any(|inst| matches!(func.insts[inst].op, Op::Host(f) if !f.is_pure()))
}

fn has_loop(func: &Function) -> bool {
    walk::insts(func).into_iter().any(|inst| matches!(func.insts[inst].op, Op::For | Op::While | Op::Map | Op::Build))
}

fn takes_small_arrays(func: &Function) -> bool {
    let params = func.entry().map_or(&[][..], |entry| &func.regions[entry].params);
    params.iter().any(|v| func.values[*v].sizes.as_ref().is_some_and(|sizes| is_small(sizes)))
}

fn is_small(sizes: &[AxisSize]) -> bool {
    let number = |size: &AxisSize| match size {
        AxisSize::Number(n) => Some(*n),
        AxisSize::Open | AxisSize::Param(_) => None,
    };
    sizes.iter().try_fold(1, |count: i64, n| count.checked_mul(number(n)?)).is_some_and(|count| count <= SMALL_ARRAY)
}

fn inline_into(module: &mut Module, id: FuncId, decision: Decision) -> (usize, u32) {
    let dummy = Function::new("", Vec::new(), Vec::new(), SrcLoc::NONE);
    let func = std::mem::replace(&mut module.funcs[id], dummy);
    let size = walk::insts(&func).len();
    let definitions = Definitions::of_function(&func);
    let mut inlining = Inlining {
        module,
        decision,
        func,
        definitions,
        replaced: Replacements::default(),
        size,
        inlined: 0,
        height: 0,
    };
    let entry = inlining.func.entry().expect("a defined function");
    inlining.region(entry, false);
    let Inlining { func, inlined, height, .. } = inlining;
    module.funcs[id] = func;
    (inlined, height)
}

struct Inlining<'a> {
    module: &'a mut Module,
    decision: Decision<'a>,
    /// The caller, taken out of the module.
    func: Function,
    definitions: Definitions,
    replaced: Replacements,
    size: usize,
    inlined: usize,
    height: u32,
}

impl Inlining<'_> {
    fn region(&mut self, region: Region, in_loop: bool) {
        let insts = std::mem::take(&mut self.func.regions[region].insts);
        let mut out = Vec::with_capacity(insts.len());
        for inst in insts {
            self.replaced.resolve_args(&mut self.func, inst);
            match self.callee_to_inline(inst, in_loop) {
                Some(callee) => {
                    if self.func.entry() == Some(region) {
                        self.learn_sizes(inst, callee);
                    }
                    self.inline(inst, callee, &mut out);
                }
                None => out.push(inst),
            }
            let in_loop = in_loop || !matches!(self.func.insts[inst].op, Op::If | Op::Switch);
            for inner in self.func.insts[inst].regions.clone() {
                self.region(inner, in_loop);
            }
        }
        self.func.regions[region].insts = out;
        self.replaced.resolve_yields(&mut self.func, region);
    }

    fn callee_to_inline(&self, inst: Inst, in_loop: bool) -> Option<FuncId> {
        let data = &self.func.insts[inst];
        let Op::Call(callee) = data.op else { return None };
        let defined = matches!(self.module.funcs[callee].body, Body::Defined(_));
        if !defined || self.decision.graph.recursive[callee] {
            return None;
        }
        let is_made_here =
            |v| matches!(self.definitions.inst(&self.func, v), Some(made) if matches!(made.op, Op::NodeNew { .. }));
        let known_node = data.args.iter().any(|v| is_made_here(*v));
        let fits = self.size + self.decision.sizes[callee] <= CALLER_LIMIT && self.decision.heights[callee] < DEEPEST;
        let small_arrays = takes_small_arrays(&self.module.funcs[callee]);
        (fits && self.decision.is_worth_it(self.size, callee, small_arrays, in_loop, known_node)).then_some(callee)
    }

    /// What the callee was promised about the sizes of an argument, whoever calls the caller has promised of its parameter.
    fn learn_sizes(&mut self, call: Inst, callee: FuncId) {
        let (args, callee) = (&self.func.insts[call].args, &self.module.funcs[callee]);
        let (Some(own), Some(entry)) = (self.func.entry(), callee.entry()) else { return };
        let params = &self.func.regions[own].params;
        let place = |v: Value| params.iter().position(|p| *p == v);
        let constant = |v: Value| match self.definitions.inst(&self.func, v).map(|data| &data.op) {
            Some(Op::Const(Const::I64(n))) => Some(*n),
            Some(_) | None => None,
        };
        let here = |size: &AxisSize| match size {
            AxisSize::Param(k) => {
                let size = args[*k as usize];
                let known = constant(size).map(AxisSize::Number);
                known.or_else(|| place(size).map(|k| AxisSize::Param(k as u32))).unwrap_or(AxisSize::Open)
            }
            AxisSize::Number(_) | AxisSize::Open => *size,
        };
        let promised = args.iter().zip(&callee.regions[entry].params).filter(|(arg, _)| place(**arg).is_some());
        let learnt: Vec<(Value, Arc<[AxisSize]>)> = promised
            .filter(|(arg, _)| self.func.values[**arg].sizes.is_none())
            .filter_map(|(arg, param)| Some((*arg, callee.values[*param].sizes.as_ref()?.iter().map(here).collect())))
            .collect();
        for (param, sizes) in learnt {
            if sizes.iter().any(|size| *size != AxisSize::Open) {
                self.func.values[param].sizes = Some(sizes);
            }
        }
    }

    fn inline(&mut self, call: Inst, callee: FuncId, out: &mut Vec<Inst>) {
        let data = self.func.insts[call].clone();
        let body = &self.module.funcs[callee];
        let entry = body.entry().expect("only defined functions are inlined");
        let locations: &mut Locations = &mut self.module.locations;
        let mut copier = Copier::from(body).with_locations(|loc| locations.inline(loc, data.loc));
        copier.bind_all(&body.regions[entry].params, &data.args);
        let place = self.func.regions.push(RegionData::default());
        let yields = copier.append_insts(&mut self.func, place, entry);
        drop(copier);
        for inst in std::mem::take(&mut self.func.regions[place].insts) {
            self.definitions.record(&self.func, inst);
            out.push(inst);
        }
        for (result, v) in data.results.iter().zip(yields) {
            self.replaced.replace(*result, v);
        }
        self.size += self.decision.sizes[callee];
        self.height = self.height.max(self.decision.heights[callee] + 1);
        self.inlined += 1;
    }
}
