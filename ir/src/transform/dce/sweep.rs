//! Removes what is not marked as needed.

use super::mark::{FunctionNeeds, Needs};
use crate::function::{AxisSize, Body, Function, Inst, InstData, Region, RegionData, Value};
use crate::module::{FuncId, Module};
use crate::opcode::Op;

pub(super) fn sweep(module: &mut Module, needs: &Needs) -> usize {
    let ids: Vec<FuncId> = module.funcs.keys().collect();
    ids.into_iter().map(|id| sweep_function(&mut module.funcs[id], id, needs)).sum()
}

fn sweep_function(func: &mut Function, id: FuncId, needs: &Needs) -> usize {
    if !needs[id].reached {
        return empty(func);
    }
    let Some(entry) = func.entry() else { return 0 };
    let mut sweeping = Sweep { func, needs: &needs[id], all: needs, removed: 0 };
    sweeping.region(entry);
    sweeping.signature(entry);
    sweeping.removed
}

/// Makes a function that nobody calls `() -> ()`, with nothing in it.
fn empty(func: &mut Function) -> usize {
    let idle = func.entry().is_some_and(|entry| func.regions[entry] == RegionData::default());
    if idle {
        return 0;
    }
    let mut rest = Function::new(func.name.clone(), Vec::new(), Vec::new(), func.loc);
    rest.body = Body::Defined(rest.regions.push(RegionData::default()));
    *func = rest;
    1
}

struct Sweep<'a> {
    func: &'a mut Function,
    needs: &'a FunctionNeeds,
    all: &'a Needs,
    removed: usize,
}

impl Sweep<'_> {
    fn region(&mut self, region: Region) {
        let mut insts = std::mem::take(&mut self.func.regions[region].insts);
        let before = insts.len();
        insts.retain(|inst| self.needs.insts[*inst]);
        self.removed += before - insts.len();
        insts.iter().for_each(|inst| self.inst(*inst));
        self.func.regions[region].insts = insts;
    }

    fn signature(&mut self, entry: Region) {
        self.promises(entry);
        let (params, results) = (&self.needs.params, &self.needs.results);
        keep(&mut self.func.params, |k| params[k]);
        keep(&mut self.func.results, |k| results[k]);
        keep(&mut self.func.regions[entry].params, |k| params[k]);
        keep(&mut self.func.regions[entry].yields, |k| results[k]);
    }

    /// Sizes that are parameters go by the numbers that these will have.
    fn promises(&mut self, entry: Region) {
        let params = &self.needs.params;
        let number = |k: u32| params[..k as usize].iter().filter(|needed| **needed).count() as u32;
        let renumbered = |size: &AxisSize| match size {
            AxisSize::Param(k) if params[*k as usize] => AxisSize::Param(number(*k)),
            AxisSize::Param(_) | AxisSize::Open => AxisSize::Open,
            AxisSize::Number(n) => AxisSize::Number(*n),
        };
        for v in &self.func.regions[entry].params {
            let sizes = &mut self.func.values[*v].sizes;
            *sizes = sizes.take().map(|sizes| sizes.iter().map(renumbered).collect());
        }
    }

    fn inst(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        let regions = data.regions.clone();
        if let Op::Call(callee) = data.op {
            self.call(inst, callee);
        } else if matches!(data.op, Op::For | Op::While) {
            self.carried(inst);
        } else if !regions.is_empty() {
            self.yielded(inst);
        }
        regions.into_iter().for_each(|region| self.region(region));
    }

    fn call(&mut self, inst: Inst, callee: FuncId) {
        let callee = &self.all[callee];
        let data = &mut self.func.insts[inst];
        data.args = kept(&data.args, |k| callee.params[k]).collect();
        data.results = kept(&data.results, |k| callee.results[k]).collect();
    }

    /// Drops carried values that neither a pass through the loop nor anything after it reads.
    fn carried(&mut self, inst: Inst) {
        let data = self.func.insts[inst].clone();
        let skip = if data.op == Op::For { 1 } else { 0 };
        let needed: Vec<bool> = (0..data.results.len()).map(|k| self.is_carried(&data, skip, k)).collect();
        let fixed = skip * 2;
        let changed = &mut self.func.insts[inst];
        changed.args = kept(&data.args, |k| k < fixed || needed[k - fixed]).collect();
        changed.results = kept(&data.results, |k| needed[k]).collect();
        for region in &data.regions {
            keep(&mut self.func.regions[*region].params, |k| k < skip || needed[k - skip]);
        }
        let body = *data.regions.last().expect("a loop has a body");
        keep(&mut self.func.regions[body].yields, |k| needed[k]);
    }

    fn is_carried(&self, data: &InstData, skip: usize, k: usize) -> bool {
        let read_inside = |region: &Region| self.needs.values[self.func.regions[*region].params[skip + k]];
        self.needs.values[data.results[k]] || data.regions.iter().any(read_inside)
    }

    /// Drops results of branches, maps and builds, and arrays that a map does not look at. The first array of a map
    /// gives the shape.
    fn yielded(&mut self, inst: Inst) {
        let data = self.func.insts[inst].clone();
        let needed: Vec<bool> = data.results.iter().map(|v| self.needs.values[*v]).collect();
        self.func.insts[inst].results = kept(&data.results, |k| needed[k]).collect();
        for region in &data.regions {
            keep(&mut self.func.regions[*region].yields, |k| needed[k]);
        }
        if data.op == Op::Map {
            let params = self.func.regions[data.regions[0]].params.clone();
            let read = |k: usize| k == 0 || self.needs.values[params[k]];
            self.func.insts[inst].args = kept(&data.args, read).collect();
            self.func.regions[data.regions[0]].params = kept(&params, read).collect();
        }
    }
}

fn keep<T>(items: &mut Vec<T>, mut needed: impl FnMut(usize) -> bool) {
    let mut k = 0;
    items.retain(|_| {
        k += 1;
        needed(k - 1)
    });
}

fn kept(items: &[Value], needed: impl Fn(usize) -> bool) -> impl Iterator<Item = Value> {
    items.iter().enumerate().filter(move |(k, _)| needed(*k)).map(|(_, v)| *v)
}
