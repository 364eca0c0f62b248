//! Which values are the only reference to their object, and where an update needs an `unshare`.
//!
//! A forward walk that keeps for each value a number of *levels*: 0, nothing is known; 1, the object has no other reference; 2,
//! nor have its elements; and so on. Fresh objects are unique at all levels if what goes into them is; so is what an
//! update gives. An element that is read and kept, or an array that is copied with its elements, takes the deeper levels
//! from the container. A result of a branch has the least of its yields, a result of a function what it returns, and a parameter
//! the least of what its callers give.
//!
//! A loop-carried value is assumed to have the levels with which it starts, or one if it can be made so by an `unshare` before
//! the loop that some update in the loop asks for; the assumption is lowered when the body yields less, and the body is walked
//! again. What was lowered stays so, so the walks are few. Parameters and results of functions likewise start as
//! unique and fall.

use super::lifetimes::Lifetimes;
use super::modes::{Use, use_of};
use super::{each_inst, reads_part};
use crate::entity::Entity;
use crate::{FuncId, Function, Inst, Leaf, Module, Op, Region, Value};
use rustc_hash::FxHashSet;

/// How many levels are unique.
type Levels = u8;

const ALL: Levels = Levels::MAX;

/// One level more.
fn above(levels: Levels) -> Levels {
    levels.saturating_add(1)
}

/// Those below the first.
fn below(levels: Levels) -> Levels {
    if levels == ALL { ALL } else { levels.saturating_sub(1) }
}

/// The decisions for one function.
#[derive(Debug, Default)]
pub(super) struct Uniqueness {
    /// Operands (instruction, number) that go through an `unshare` first.
    pub unshares: FxHashSet<(Inst, usize)>,
}

/// What callers and callees know of each other.
struct Known<'a> {
    owned_params: &'a [Vec<bool>],
    params: Vec<Vec<Levels>>,
    results: Vec<Vec<Levels>>,
    /// What a function leaves of the levels of an object that it only borrows.
    left: Vec<Vec<Levels>>,
    changed: bool,
}

/// Decides for all functions.
pub(super) fn analyse(
    module: &Module,
    entries: &[FuncId],
    owned_params: &[Vec<bool>],
    lifetimes: &[Lifetimes],
) -> Vec<Uniqueness> {
    let params: Vec<Vec<Levels>> = module.funcs.values().map(|f| vec![ALL; f.params.len()]).collect();
    let results = module.funcs.values().map(|f| vec![ALL; f.results.len()]).collect();
    let mut known = Known { owned_params, left: params.clone(), params, results, changed: true };
    entries.iter().for_each(|entry| known.params[entry.index()].fill(0));
    let mut walks: Vec<Walk> = module.funcs.values().zip(lifetimes).map(|(f, l)| Walk::new(f, l)).collect();
    while std::mem::take(&mut known.changed) {
        for (i, walk) in walks.iter_mut().enumerate() {
            walk.function(i, &mut known);
        }
    }
    walks.into_iter().map(|walk| Uniqueness { unshares: walk.unshares }).collect()
}

impl Known<'_> {
    fn lower(table: &mut [Levels], at: usize, to: Levels, changed: &mut bool) {
        if to < table[at] {
            table[at] = to;
            *changed = true;
        }
    }
}

struct Walk<'a> {
    func: &'a Function,
    lifetimes: &'a Lifetimes,
    unique: Vec<Levels>,
    /// The most that a loop parameter may be assumed to have.
    most: Vec<Levels>,
    /// Values that become, by loops and branches, the operand of an update.
    updated: Vec<bool>,
    unshares: FxHashSet<(Inst, usize)>,
}

impl<'a> Walk<'a> {
    fn new(func: &'a Function, lifetimes: &'a Lifetimes) -> Self {
        let count = func.values.len();
        let (unique, most) = (vec![0; count], vec![ALL; count]);
        Walk { func, lifetimes, unique, most, updated: updated_values(func), unshares: FxHashSet::default() }
    }

    /// Walks the function with what is known of the others, and makes known what it does.
    fn function(&mut self, number: usize, known: &mut Known) {
        let func = self.func;
        let Some(entry) = func.entry() else {
            known.results[number].fill(0);
            return;
        };
        for (k, param) in func.regions[entry].params.iter().enumerate() {
            let borrowed = !known.owned_params[number][k];
            self.unique[param.index()] = if borrowed { ALL } else { known.params[number][k] };
        }
        self.region(entry, known);
        for (k, v) in func.regions[entry].yields.iter().enumerate() {
            let levels = if func.value_type(*v).is_heap() { self.available(*v) } else { ALL };
            Known::lower(&mut known.results[number], k, levels, &mut known.changed);
        }
        for (k, param) in func.regions[entry].params.iter().enumerate() {
            let shared = self.lifetimes.shared(*param);
            let left = if shared { 0 } else { self.unique[param.index()] };
            Known::lower(&mut known.left[number], k, left, &mut known.changed);
        }
    }

    /// The levels of the object whose reference a consuming use of `v` hands on.
    fn available(&self, v: Value) -> Levels {
        let kept = self.lifetimes.owns(v) && !self.lifetimes.shared(v);
        if kept { self.unique[v.index()] } else { 0 }
    }

    /// The same of an element that goes into an array; what is no array, or a number, can stand in many.
    fn element(&self, v: Value) -> Levels {
        if self.func.value_type(v).is_array() { self.available(v) } else { ALL }
    }

    /// Somebody else has references to what is `levels` below `v`; and so below what holds `v`.
    fn keep(&mut self, v: Value, levels: Levels) {
        let (mut v, mut levels) = (v, levels);
        loop {
            let known = &mut self.unique[v.index()];
            *known = levels.min(*known);
            match self.lifetimes.containers.get(&v) {
                Some(container) if levels < ALL => (v, levels) = (*container, above(levels)),
                Some(_) | None => return,
            }
        }
    }

    fn region(&mut self, region: Region, known: &mut Known) {
        let func = self.func;
        for inst in &func.regions[region].insts {
            self.inst(*inst, known);
        }
    }

    fn set(&mut self, inst: Inst, levels: Levels) {
        for result in &self.func.insts[inst].results {
            self.unique[result.index()] = levels;
        }
    }

    /// The levels of a copy of `x` with the same elements, which `x` then shares.
    fn copied(&mut self, inst: Inst, x: Value) {
        let shares = self.func.value_type(x).element().is_array();
        if shares {
            self.keep(x, 1);
        }
        self.set(inst, if shares { 1 } else { ALL });
    }

    fn inst(&mut self, inst: Inst, known: &mut Known) {
        let func = self.func;
        let data = &func.insts[inst];
        let last = || data.args[data.args.len() - 1];
        match &data.op {
            Op::AddAt(_) | Op::AddSlice(_) => {
                let levels = self.need(inst, 0);
                self.set(inst, levels);
            }
            Op::Set(_) | Op::Put | Op::Push | Op::SetSlice(_) => {
                let levels = self.need(inst, 0);
                let element = func.value_type(last()) == func.value_type(data.args[0]).element();
                let levels = if element {
                    levels.min(above(self.element(last())))
                } else if func.value_type(last()).element().is_array() {
                    self.keep(last(), 1);
                    levels.min(1)
                } else {
                    levels
                };
                self.set(inst, levels);
            }
            Op::Take(_) | Op::Pop => {
                let levels = self.need(inst, 0);
                self.unique[data.results[0].index()] = levels;
                self.unique[data.results[1].index()] = below(levels);
            }
            Op::Get(_) if reads_part(func, inst).is_some() => {
                let part = data.results[0];
                let kept = self.lifetimes.owns(part) || self.lifetimes.shared(part);
                self.set(inst, if kept { 0 } else { ALL });
                if kept {
                    self.keep(data.args[0], 1);
                }
            }
            Op::Get(_) | Op::Slice(_) | Op::Reshape => self.copied(inst, data.args[0]),
            Op::StopGrad => self.set(inst, self.available(data.args[0])),
            Op::If | Op::Switch => self.branches(inst, known),
            Op::For => self.repeat(inst, 2, data.regions[0], 1, known),
            Op::While => {
                self.region(data.regions[0], known);
                self.repeat(inst, 0, data.regions[1], 0, known);
            }
            Op::Map | Op::Build => self.made_of_yields(inst, known),
            Op::Call(callee) => self.call(inst, callee.index(), known),
            Op::AddTangent => {
                let numbers = matches!(func.value_type(data.args[0]).leaf, Leaf::Scalar(_));
                let array = func.value_type(data.args[0]).is_array();
                self.set(inst, if numbers { ALL } else { array as Levels });
            }
            Op::Fill => {
                let v = data.args[0];
                if func.value_type(v).is_array() {
                    self.keep(v, 0);
                }
                self.set(inst, if func.value_type(v).is_array() { 1 } else { ALL });
            }
            Op::Elements => {
                let least = data.args.iter().map(|v| self.element(*v)).min();
                self.set(inst, above(least.unwrap_or(ALL)));
            }
            Op::Unshare => self.set(inst, 1),
            Op::MatMul { .. } | Op::MatVec { .. } | Op::Outer | Op::SortPermutation | Op::NodeNew { .. } => {
                self.set(inst, ALL)
            }
            Op::ZerosLike | Op::Concat | Op::Format(_) | Op::Host(_) => self.set(inst, ALL),
            Op::NodeGet { .. } => self.set(inst, 0),
            Op::Const(_) | Op::Undef | Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select => {}
            Op::Convert(_) | Op::Dim(_) | Op::Reduce(_) | Op::Dot | Op::NodeTag => {}
            Op::Check(_) | Op::Trap | Op::Retain | Op::Release => {}
        }
    }

    /// Operand `arg` must be unique: notes an `unshare` if it is not known to be. Gives the levels that it has then.
    fn need(&mut self, inst: Inst, arg: usize) -> Levels {
        let levels = self.available(self.func.insts[inst].args[arg]);
        if levels > 0 {
            self.unshares.remove(&(inst, arg));
        } else {
            self.unshares.insert((inst, arg));
        }
        levels.max(1)
    }

    fn made_of_yields(&mut self, inst: Inst, known: &mut Known) {
        let func = self.func;
        let data = &func.insts[inst];
        let body = data.regions[0];
        if data.op == Op::Map {
            func.regions[body].params.iter().for_each(|param| self.unique[param.index()] = ALL);
        }
        self.region(body, known);
        for (result, v) in data.results.iter().zip(&func.regions[body].yields) {
            self.unique[result.index()] = above(self.element(*v));
        }
        if data.op == Op::Map {
            for (param, array) in func.regions[body].params.iter().zip(&data.args) {
                let left = if self.lifetimes.shared(*param) { 0 } else { self.unique[param.index()] };
                self.keep(*array, above(left));
            }
        }
    }

    fn call(&mut self, inst: Inst, callee: usize, known: &mut Known) {
        let data = &self.func.insts[inst];
        for (k, v) in data.args.iter().enumerate() {
            if known.owned_params[callee][k] {
                let levels = self.available(*v);
                Known::lower(&mut known.params[callee], k, levels, &mut known.changed);
            } else if self.func.value_type(*v).is_heap() {
                self.keep(*v, known.left[callee][k]);
            }
        }
        for (result, levels) in data.results.iter().zip(&known.results[callee]) {
            self.unique[result.index()] = *levels;
        }
    }

    fn branches(&mut self, inst: Inst, known: &mut Known) {
        let func = self.func;
        let data = &func.insts[inst];
        data.regions.iter().for_each(|region| self.region(*region, known));
        for (k, result) in data.results.iter().enumerate() {
            let least = data.regions.iter().map(|r| self.available(func.regions[*r].yields[k])).min();
            self.unique[result.index()] = least.unwrap_or(0);
        }
    }

    /// A loop whose carried values begin at operand `first_arg` and at parameter `first_param` of `body`.
    fn repeat(&mut self, inst: Inst, first_arg: usize, body: Region, first_param: usize, known: &mut Known) {
        let func = self.func;
        let data = &func.insts[inst];
        let params = &func.regions[body].params[first_param..];
        let starts: Vec<Levels> = data.args[first_arg..].iter().map(|v| self.available(*v)).collect();
        let mut assumed;
        loop {
            let assume = |(param, start): (&Value, &Levels)| {
                let wanted = if self.updated[param.index()] { (*start).max(1) } else { *start };
                wanted.min(self.most[param.index()])
            };
            assumed = params.iter().zip(&starts).map(assume).collect::<Vec<Levels>>();
            for (param, levels) in params.iter().zip(&assumed) {
                self.unique[param.index()] = *levels;
            }
            self.region(body, known);
            if !self.lower_assumptions(params, &assumed, &func.regions[body].yields) {
                break;
            }
        }
        for (k, (levels, start)) in assumed.iter().zip(&starts).enumerate() {
            if *levels > 0 && *start == 0 {
                self.unshares.insert((inst, first_arg + k));
            } else {
                self.unshares.remove(&(inst, first_arg + k));
            }
            self.unique[data.results[k].index()] = *levels;
        }
    }

    /// Lowers the assumption for each parameter of which the body does not yield as much; whether there was one.
    fn lower_assumptions(&mut self, params: &[Value], assumed: &[Levels], yields: &[Value]) -> bool {
        let mut any = false;
        for ((param, assumed), next) in params.iter().zip(assumed).zip(yields) {
            let levels = self.available(*next);
            if levels < *assumed && self.func.value_type(*param).is_heap() {
                self.most[param.index()] = levels;
                any = true;
            }
        }
        any
    }
}

/// Values that are joined, through loops, branches and `stop_grad`, with the operand of an update: classes of a
/// union-find structure.
fn updated_values(func: &Function) -> Vec<bool> {
    let mut parents: Vec<u32> = (0..func.values.len() as u32).collect();
    let mut operands = Vec::new();
    let Some(entry) = func.entry() else { return Vec::new() };
    each_inst(func, entry, &mut |inst| {
        let data = &func.insts[inst];
        let mut join = |a: &[Value], b: &[Value]| {
            for (a, b) in a.iter().zip(b) {
                let (a, b) = (find(&mut parents, a.index() as u32), find(&mut parents, b.index() as u32));
                parents[a as usize] = b;
            }
        };
        if matches!(data.op, Op::If | Op::Switch) {
            data.regions.iter().for_each(|r| join(&data.results, &func.regions[*r].yields));
        } else if matches!(data.op, Op::For | Op::While) {
            let skip = data.args.len() - data.results.len();
            let body = &func.regions[*data.regions.last().expect("a loop has a body")];
            join(&data.results, &data.args[skip..]);
            join(&data.results, &body.params[body.params.len() - data.results.len()..]);
            join(&data.results, &body.yields);
        } else if data.op == Op::StopGrad {
            join(&data.results, &data.args);
        }
        if !data.args.is_empty() && !matches!(data.op, Op::Call(_)) && use_of(func, &[], inst, 0) == Use::Update {
            operands.push(data.args[0]);
        }
    });
    let mut marked = vec![false; func.values.len()];
    for v in operands {
        marked[find(&mut parents, v.index() as u32) as usize] = true;
    }
    (0..marked.len() as u32).map(|v| marked[find(&mut parents, v) as usize]).collect()
}

fn find(parents: &mut [u32], v: u32) -> u32 {
    let mut root = v;
    while parents[root as usize] != root {
        let up = parents[root as usize];
        parents[root as usize] = parents[up as usize];
        root = up;
    }
    root
}
