//! On which parameters does each value depend differentiably? The forward half of activity [HP13 §4], for all masks of
//! independents at once: a value is *varied* for a mask if its set meets the mask.
//!
//! A set of parameters is kept for every value; one walk over the function moves sets forward through the operands that
//! pass a derivative on ([`passes`]), and joins what loops carry. Walks repeat until nothing grows, which takes as many
//! rounds as the longest chain of carried values, two or three in practice. Calls use the sets of the callee's results;
//! for functions that call each other the rounds run over all of them (`Calls` gives the groups, callees first).

use crate::analysis::structure::walk;
use crate::rules::flow::passes;
use dprog_ir::entity::Entity;
use dprog_ir::{Body, FuncId, Function, Inst, InstData, Module, Op, Region, Value};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// A set of parameter numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ParamSet(SmallVec<[u64; 1]>);

impl ParamSet {
    fn insert(&mut self, index: usize) {
        let word = index / 64;
        self.0.resize(self.0.len().max(word + 1), 0);
        self.0[word] |= 1 << (index % 64);
    }

    /// Adds all of `other`; whether anything was new.
    fn join(&mut self, other: &ParamSet) -> bool {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        let mut grown = false;
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            grown |= *theirs & !*mine != 0;
            *mine |= theirs;
        }
        grown
    }

    pub fn contains(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 != 0)
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.0.len() * 64).filter(|index| self.contains(*index))
    }

    /// Whether it has one of the parameters marked in `mask`.
    pub fn meets(&self, mask: &[bool]) -> bool {
        self.iter().any(|index| mask[index])
    }
}

/// The sets of all values of a function.
#[derive(Debug)]
pub struct Depends {
    sets: Vec<ParamSet>,
}

impl Depends {
    pub fn of(&self, v: Value) -> &ParamSet {
        &self.sets[v.index()]
    }
}

/// What is known about the call graph: for each function its group (functions that reach each other have the same), and
/// the sets of its results.
#[derive(Default)]
pub struct Calls {
    groups: FxHashMap<FuncId, u32>,
    cyclic: FxHashMap<FuncId, bool>,
    summaries: FxHashMap<FuncId, Vec<ParamSet>>,
    next_group: u32,
}

impl Calls {
    /// Whether `f` can call itself, through others too.
    pub fn is_recursive(&self, f: FuncId) -> bool {
        self.cyclic[&f]
    }

    /// For each result of `f` the parameters that it depends on.
    pub fn summary(&self, f: FuncId) -> &[ParamSet] {
        &self.summaries[&f]
    }

    /// Makes `f` and everything that it calls known.
    pub fn learn(&mut self, module: &mut Module, f: FuncId) {
        if !self.groups.contains_key(&f) {
            let mut search = Search::default();
            self.connect(module, f, &mut search);
        }
    }

    /// Tarjan's algorithm: groups come out callees first.
    fn connect(&mut self, module: &mut Module, f: FuncId, search: &mut Search) -> u32 {
        let mine = search.low.len() as u32;
        search.low.insert(f, mine);
        search.stack.push(f);
        let callees = callees(module, f);
        let mut low = mine;
        for callee in &callees {
            if self.groups.contains_key(callee) {
                continue;
            }
            low = low.min(match search.low.get(callee) {
                Some(seen) => *seen,
                None => self.connect(module, *callee, search),
            });
        }
        search.low.insert(f, low);
        if low == mine {
            let at = search.stack.iter().position(|g| *g == f).expect("f was pushed");
            let group = search.stack.split_off(at);
            let cyclic = group.len() > 1 || callees.contains(&f);
            self.close_group(module, &group, cyclic);
        }
        low
    }

    fn close_group(&mut self, module: &mut Module, group: &[FuncId], cyclic: bool) {
        for f in group {
            self.groups.insert(*f, self.next_group);
            self.cyclic.insert(*f, cyclic);
            self.summaries.insert(*f, vec![ParamSet::default(); module.funcs[*f].results.len()]);
        }
        self.next_group += 1;
        loop {
            let mut grown = false;
            for f in group {
                let func = module.funcs[*f].clone();
                let sets = self.depends(module, &func);
                let results = &func.regions[func.entry().expect("a callee has a body")].yields;
                let summary: Vec<ParamSet> = results.iter().map(|v| sets.of(*v).clone()).collect();
                grown |= summary != self.summaries[f];
                self.summaries.insert(*f, summary);
            }
            if !grown || !cyclic {
                return;
            }
        }
    }

    /// The sets of all values of `func`, whose callees are known (as far as they are by now, in a group).
    pub fn depends(&self, module: &mut Module, func: &Function) -> Depends {
        let tangible = func.values.values().map(|v| module.tangent(v.ty).is_some()).collect();
        let mut flow =
            Flow { calls: self, func, tangible, sets: vec![ParamSet::default(); func.values.len()], grown: true };
        let entry = func.entry().expect("a callee has a body");
        for (index, v) in func.regions[entry].params.iter().enumerate() {
            flow.sets[v.index()].insert(index);
        }
        while flow.grown {
            flow.grown = false;
            flow.region(entry);
        }
        Depends { sets: flow.sets }
    }
}

#[derive(Default)]
struct Search {
    low: FxHashMap<FuncId, u32>,
    stack: Vec<FuncId>,
}

/// The functions that `f` calls, each once.
pub fn callees(module: &Module, f: FuncId) -> Vec<FuncId> {
    let func = &module.funcs[f];
    let Body::Defined(entry) = func.body else { return Vec::new() };
    let mut found = indexmap::IndexSet::new();
    walk(func, entry, &mut |_, inst| {
        if let Op::Call(callee) = func.insts[inst].op {
            found.insert(callee);
        }
    });
    found.into_iter().collect()
}

/// One function on its way to the fixed point.
struct Flow<'a> {
    calls: &'a Calls,
    func: &'a Function,
    tangible: Vec<bool>,
    sets: Vec<ParamSet>,
    grown: bool,
}

impl Flow<'_> {
    fn region(&mut self, region: Region) {
        let func = self.func;
        for inst in &func.regions[region].insts {
            self.inst(*inst);
        }
    }

    fn inst(&mut self, inst: Inst) {
        let data: &InstData = &self.func.insts[inst];
        match &data.op {
            Op::If | Op::Switch => {
                for region in &data.regions {
                    self.region(*region);
                    self.yields(*region, &data.results);
                }
            }
            Op::For => self.carried(data, &data.args[2..], data.regions[0], 1),
            Op::While => {
                self.carried(data, &data.args, data.regions[1], 0);
                self.pairs(&data.args, &self.func.regions[data.regions[0]].params);
                self.region(data.regions[0]);
            }
            Op::Map | Op::Build => {
                let params = &self.func.regions[data.regions[0]].params;
                if data.op == Op::Map {
                    self.pairs(&data.args, params);
                }
                self.region(data.regions[0]);
                self.yields(data.regions[0], &data.results);
            }
            Op::Call(callee) => self.call(*callee, data),
            op => {
                let n = data.args.len();
                let through = data.args.iter().enumerate().filter(|(k, _)| passes(op, *k, n));
                through.for_each(|(_, arg)| data.results.iter().for_each(|r| self.join(*arg, *r)));
            }
        }
    }

    fn carried(&mut self, data: &InstData, init: &[Value], body: Region, first: usize) {
        let params = &self.func.regions[body].params[first..];
        self.pairs(init, params);
        self.region(body);
        self.pairs(&self.func.regions[body].yields, params);
        self.pairs(params, &data.results);
    }

    fn call(&mut self, callee: FuncId, data: &InstData) {
        for (summary, r) in self.calls.summary(callee).iter().zip(&data.results) {
            summary.iter().for_each(|k| self.join(data.args[k], *r));
        }
    }

    fn yields(&mut self, region: Region, results: &[Value]) {
        self.pairs(&self.func.regions[region].yields, results);
    }

    fn pairs(&mut self, from: &[Value], to: &[Value]) {
        from.iter().zip(to).for_each(|(from, to)| self.join(*from, *to));
    }

    fn join(&mut self, from: Value, to: Value) {
        if self.tangible[to.index()] && from != to {
            let set = std::mem::take(&mut self.sets[from.index()]);
            self.grown |= self.sets[to.index()].join(&set);
            self.sets[from.index()] = set;
        }
    }
}
