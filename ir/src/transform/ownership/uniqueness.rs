//! Which values are the only reference to their object, and where an update needs an `unshare`.
//!
//! A forward walk. Fresh objects are unique; so is what an update gives; so is a result of a branch if all its yields are,
//! and a result of a function if what it returns is. A loop-carried value is assumed unique if it starts so, or can
//! be made so by one `unshare` before the loop that some update in the loop asks for; the assumption is dropped when the
//! body does not yield a unique value, and the body is walked again. Dropped assumptions stay dropped, so the walks
//! are few. Results of functions likewise start as unique and fall.

use super::lifetimes::Lifetimes;
use super::modes::{Use, use_of};
use super::{each_inst, reads_part};
use crate::entity::Entity;
use crate::{Function, Inst, Module, Op, Region, Value};
use rustc_hash::FxHashSet;

/// The decisions for one function.
#[derive(Debug, Default)]
pub(super) struct Uniqueness {
    /// Operands (instruction, number) that go through an `unshare` first.
    pub unshares: FxHashSet<(Inst, usize)>,
}

/// Decides for all functions.
pub(super) fn analyse(module: &Module, lifetimes: &[Lifetimes]) -> Vec<Uniqueness> {
    let mut results: Vec<Vec<bool>> = module.funcs.values().map(|f| vec![true; f.results.len()]).collect();
    let mut walks: Vec<Walk> = module.funcs.values().zip(lifetimes).map(|(f, l)| Walk::new(f, l)).collect();
    let mut again = true;
    while again {
        again = false;
        for (i, walk) in walks.iter_mut().enumerate() {
            let new = walk.function(&results);
            again |= new != results[i];
            results[i] = new;
        }
    }
    walks.into_iter().map(|walk| Uniqueness { unshares: walk.unshares }).collect()
}

struct Walk<'a> {
    func: &'a Function,
    lifetimes: &'a Lifetimes,
    unique: Vec<bool>,
    /// Loop parameters that turned out not to be unique.
    dropped: Vec<bool>,
    /// Values that become, by loops and branches, the operand of an update.
    updated: Vec<bool>,
    unshares: FxHashSet<(Inst, usize)>,
}

impl<'a> Walk<'a> {
    fn new(func: &'a Function, lifetimes: &'a Lifetimes) -> Self {
        let count = func.values.len();
        let (unique, dropped) = (vec![false; count], vec![false; count]);
        Walk { func, lifetimes, unique, dropped, updated: updated_values(func), unshares: FxHashSet::default() }
    }

    /// Whether each result is unique, given which results of other functions are.
    fn function(&mut self, results: &[Vec<bool>]) -> Vec<bool> {
        let func = self.func;
        let Some(entry) = func.entry() else { return vec![false; func.results.len()] };
        self.region(entry, results);
        let yields = &func.regions[entry].yields;
        yields.iter().map(|v| !func.value_type(*v).is_heap() || self.available(*v)).collect()
    }

    /// Whether consuming `v` gives the only reference to its object.
    fn available(&self, v: Value) -> bool {
        self.unique[v.index()] && self.lifetimes.owns(v) && !self.lifetimes.shared(v)
    }

    fn region(&mut self, region: Region, results: &[Vec<bool>]) {
        let func = self.func;
        for inst in &func.regions[region].insts {
            self.inst(*inst, results);
        }
    }

    fn set(&mut self, inst: Inst, unique: bool) {
        for result in &self.func.insts[inst].results {
            self.unique[result.index()] = unique;
        }
    }

    fn inst(&mut self, inst: Inst, results: &[Vec<bool>]) {
        let func = self.func;
        let data = &func.insts[inst];
        match &data.op {
            Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::Push | Op::Pop => {
                self.need(inst, 0);
                // The element that was popped may be shared; the array is not.
                self.set(inst, false);
                self.unique[data.results[0].index()] = true;
            }
            Op::Get(_) => self.set(inst, reads_part(func, inst).is_none()),
            Op::StopGrad => self.set(inst, self.available(data.args[0])),
            Op::If | Op::Switch => self.branches(inst, results),
            Op::For => self.repeat(inst, 2, data.regions[0], 1, results),
            Op::While => {
                self.region(data.regions[0], results);
                self.repeat(inst, 0, data.regions[1], 0, results);
            }
            Op::Map | Op::Build => {
                self.region(data.regions[0], results);
                self.set(inst, true);
            }
            Op::Call(callee) => {
                for (result, unique) in data.results.iter().zip(&results[callee.index()]) {
                    self.unique[result.index()] = *unique;
                }
            }
            Op::AddTangent => self.set(inst, func.value_type(data.results[0]).is_array()),
            Op::Fill | Op::Elements | Op::Slice(_) | Op::Reshape | Op::MatMul { .. } | Op::MatVec { .. } => {
                self.set(inst, true)
            }
            Op::Outer | Op::SortPermutation | Op::NodeNew { .. } | Op::ZerosLike | Op::Unshare => self.set(inst, true),
            Op::Concat | Op::Format(_) | Op::Host(_) => self.set(inst, true),
            Op::Const(_) | Op::Undef | Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select => {}
            Op::Convert(_) | Op::Dim(_) | Op::Reduce(_) | Op::Dot | Op::NodeTag | Op::NodeGet { .. } => {}
            Op::Check(_) | Op::Trap | Op::Retain | Op::Release => {}
        }
    }

    /// Operand `arg` must be unique: notes an `unshare` if it is not known to be.
    fn need(&mut self, inst: Inst, arg: usize) {
        if self.available(self.func.insts[inst].args[arg]) {
            self.unshares.remove(&(inst, arg));
        } else {
            self.unshares.insert((inst, arg));
        }
    }

    fn branches(&mut self, inst: Inst, results: &[Vec<bool>]) {
        let func = self.func;
        let data = &func.insts[inst];
        data.regions.iter().for_each(|region| self.region(*region, results));
        for (k, result) in data.results.iter().enumerate() {
            let unique = data.regions.iter().all(|r| self.available(func.regions[*r].yields[k]));
            self.unique[result.index()] = unique;
        }
    }

    /// A loop whose carried values begin at operand `first_arg` and at parameter `first_param` of `body`.
    fn repeat(&mut self, inst: Inst, first_arg: usize, body: Region, first_param: usize, results: &[Vec<bool>]) {
        let func = self.func;
        let data = &func.insts[inst];
        let params = &func.regions[body].params[first_param..];
        let starts: Vec<bool> = data.args[first_arg..].iter().map(|v| self.available(*v)).collect();
        loop {
            for (param, start) in params.iter().zip(&starts) {
                let assumed = !self.dropped[param.index()] && (*start || self.updated[param.index()]);
                self.unique[param.index()] = assumed;
            }
            self.region(body, results);
            if !self.drop_assumptions(params, &func.regions[body].yields) {
                break;
            }
        }
        for (k, (param, start)) in params.iter().zip(&starts).enumerate() {
            let unique = self.unique[param.index()];
            if unique && !start {
                self.unshares.insert((inst, first_arg + k));
            } else {
                self.unshares.remove(&(inst, first_arg + k));
            }
            self.unique[data.results[k].index()] = unique;
        }
    }

    /// Drops the assumption for each parameter that the body does not keep unique; whether there was one.
    fn drop_assumptions(&mut self, params: &[Value], yields: &[Value]) -> bool {
        let mut any = false;
        for (param, next) in params.iter().zip(yields) {
            if self.unique[param.index()] && !self.available(*next) && self.func.value_type(*param).is_heap() {
                self.dropped[param.index()] = true;
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
