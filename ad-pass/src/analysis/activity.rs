//! Which values are active: *varied* (they depend on an independent) and *useful* (a dependent depends on them)
//! [HP13 §4]. Varied is read off [`Depends`]; useful is found here, by walks against the flow of values that repeat
//! until nothing is new.

use crate::analysis::depends::{Calls, Depends};
use crate::analysis::structure::{Structure, walk};
use crate::rules::flow::passes;
use dprog_ir::entity::Entity;
use dprog_ir::{Function, Inst, InstData, Op, Region, Value};
use rustc_hash::FxHashSet;

/// The active values of one function for one choice of independents and dependents.
#[derive(Debug)]
pub struct Activity {
    varied: Vec<bool>,
    useful: Vec<bool>,
}

impl Activity {
    pub fn of(func: &Function, depends: &Depends, calls: &Calls, wrt: &[bool], outs: &[bool]) -> Activity {
        let varied: Vec<bool> = func.values.keys().map(|v| depends.of(v).meets(wrt)).collect();
        let mut flow = Flow { func, calls, useful: vec![false; varied.len()], grown: true };
        let entry = func.entry().expect("a primal has a body");
        let results = &func.regions[entry].yields;
        results.iter().zip(outs).filter(|(_, out)| **out).for_each(|(v, _)| flow.mark(*v));
        while flow.grown {
            flow.grown = false;
            flow.region(entry);
        }
        Activity { varied, useful: flow.useful }
    }

    pub fn is_varied(&self, v: Value) -> bool {
        self.varied[v.index()]
    }

    pub fn is_useful(&self, v: Value) -> bool {
        self.useful[v.index()]
    }

    pub fn is_active(&self, v: Value) -> bool {
        self.varied[v.index()] && self.useful[v.index()]
    }

    /// The active values from outside `region` to which its reverse sweep may contribute, in order of first use.
    pub fn active_free(&self, func: &Function, structure: &Structure, region: Region) -> Vec<Value> {
        let (mut seen, mut free) = (FxHashSet::default(), Vec::new());
        let mut add = |v: Value| {
            if self.is_active(v) && !structure.inside(v, region) && seen.insert(v) {
                free.push(v);
            }
        };
        walk(func, region, &mut |_, inst| {
            let data = &func.insts[inst];
            let n = data.args.len();
            if data.results.iter().any(|r| self.is_active(*r)) {
                data.args.iter().enumerate().filter(|(k, _)| passes(&data.op, *k, n)).for_each(|(_, v)| add(*v));
            }
            data.regions.iter().flat_map(|r| &func.regions[*r].yields).for_each(|v| add(*v));
        });
        func.regions[region].yields.iter().for_each(|v| add(*v));
        free
    }
}

struct Flow<'a> {
    func: &'a Function,
    calls: &'a Calls,
    useful: Vec<bool>,
    grown: bool,
}

impl Flow<'_> {
    fn mark(&mut self, v: Value) {
        self.grown |= !self.useful[v.index()];
        self.useful[v.index()] = true;
    }

    /// Marks `to[k]` where `from[k]` is useful.
    fn pairs(&mut self, from: &[Value], to: &[Value]) {
        for (from, to) in from.iter().zip(to) {
            if self.useful[from.index()] {
                self.mark(*to);
            }
        }
    }

    fn region(&mut self, region: Region) {
        let func = self.func;
        for inst in func.regions[region].insts.iter().rev() {
            self.inst(*inst);
        }
    }

    fn inst(&mut self, inst: Inst) {
        let func = self.func;
        let data: &InstData = &func.insts[inst];
        match &data.op {
            Op::If | Op::Switch => {
                for region in &data.regions {
                    self.pairs(&data.results, &func.regions[*region].yields);
                    self.region(*region);
                }
            }
            Op::For => self.carried(data, &data.args[2..], data.regions[0], 1),
            Op::While => self.carried(data, &data.args, data.regions[1], 0),
            Op::Map | Op::Build => {
                self.pairs(&data.results, &func.regions[data.regions[0]].yields);
                self.region(data.regions[0]);
                if data.op == Op::Map {
                    self.pairs(&func.regions[data.regions[0]].params, &data.args);
                }
            }
            Op::Call(callee) => {
                for (summary, r) in self.calls.summary(*callee).iter().zip(&data.results) {
                    if self.useful[r.index()] {
                        summary.iter().for_each(|k| self.mark(data.args[k]));
                    }
                }
            }
            op => {
                let n = data.args.len();
                if data.results.iter().any(|r| self.useful[r.index()]) {
                    let through = data.args.iter().enumerate().filter(|(k, _)| passes(op, *k, n));
                    through.for_each(|(_, arg)| self.mark(*arg));
                }
            }
        }
    }

    /// Result, parameter, yield and initial value of a carried variable are useful together.
    fn carried(&mut self, data: &InstData, init: &[Value], body: Region, first: usize) {
        let params = &self.func.regions[body].params[first..];
        let yields = &self.func.regions[body].yields;
        self.pairs(&data.results, params);
        self.pairs(params, yields);
        self.region(body);
        self.pairs(params, &data.results);
        self.pairs(params, yields);
        self.pairs(params, init);
    }
}
