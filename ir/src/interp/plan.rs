//! Which use of a value is its last: there the interpreter moves the value out of its slot instead of sharing it, so
//! that updates of arrays happen in place.
//!
//! A use is the last one if nothing after it in the text uses the value, and if it stands in the same loop body as the
//! definition: what comes from outside a loop is needed again by the next iteration.

use crate::entity::Entity;
use crate::function::{Function, Inst, Region, Value};
use crate::opcode::Op;
use crate::walk::FreeValues;

/// Bit `k` of an entry: operand `k` is moved. Operands beyond the 64th are shared.
pub struct Plan {
    args: Vec<u64>,
    yields: Vec<u64>,
}

impl Plan {
    pub fn new(func: &Function) -> Plan {
        let mut planner = Planner {
            func,
            plan: Plan { args: vec![0; func.insts.len()], yields: vec![0; func.regions.len()] },
            used_later: vec![false; func.values.len()],
            home: vec![None; func.values.len()],
            free: FreeValues::new(func),
        };
        if let Some(entry) = func.entry() {
            planner.settle(entry, entry);
            planner.region(entry, entry);
        }
        planner.plan
    }

    pub fn moves_arg(&self, inst: Inst, k: usize) -> bool {
        k < 64 && self.args[inst.index()] >> k & 1 == 1
    }

    pub fn moves_yield(&self, region: Region, k: usize) -> bool {
        k < 64 && self.yields[region.index()] >> k & 1 == 1
    }
}

struct Planner<'f> {
    func: &'f Function,
    plan: Plan,
    used_later: Vec<bool>,
    /// The loop body (or entry region) that a value is defined in.
    home: Vec<Option<Region>>,
    free: FreeValues,
}

impl Planner<'_> {
    /// Finds the home of all values that `region` defines, being part of the loop body `body`.
    fn settle(&mut self, region: Region, body: Region) {
        let func = self.func;
        let data = &func.regions[region];
        data.params.iter().for_each(|v| self.home[v.index()] = Some(body));
        for inst in &data.insts {
            let data = &func.insts[*inst];
            data.results.iter().for_each(|v| self.home[v.index()] = Some(body));
            for nested in &data.regions {
                self.settle(*nested, if repeats(&data.op) { *nested } else { body });
            }
        }
    }

    /// Walks backwards, so that later uses have been seen.
    fn region(&mut self, region: Region, body: Region) {
        let func = self.func;
        self.plan.yields[region.index()] = self.uses(&func.regions[region].yields, body);
        for inst in func.regions[region].insts.iter().rev() {
            let data = &func.insts[*inst];
            if data.op == Op::While {
                self.keep_condition_params(&data.regions);
            }
            if repeats(&data.op) {
                data.regions.iter().for_each(|nested| self.region(*nested, *nested));
            } else {
                self.branches(&data.regions, body);
            }
            self.plan.args[inst.index()] = self.uses(&data.args, body);
        }
    }

    /// Only one of the branches runs: a last use in each.
    fn branches(&mut self, regions: &[Region], body: Region) {
        let mut used = Vec::new();
        for nested in regions {
            let mut last_here = self.free.of(self.func, *nested);
            last_here.retain(|v| !self.used_later[v.index()]);
            self.region(*nested, body);
            last_here.iter().for_each(|v| self.used_later[v.index()] = false);
            used.extend(last_here);
        }
        used.into_iter().for_each(|v| self.used_later[v.index()] = true);
    }

    /// The machine hands the parameters of the condition of a `while` on to the body, or to the results: they stay
    /// where they are.
    fn keep_condition_params(&mut self, regions: &[Region]) {
        for v in regions.iter().take(1).flat_map(|r| &self.func.regions[*r].params) {
            self.used_later[v.index()] = true;
        }
    }

    /// The uses of one instruction, the last operand first: its bits.
    fn uses(&mut self, values: &[Value], body: Region) -> u64 {
        let mut bits = 0;
        for (k, v) in values.iter().enumerate().rev() {
            let seen = std::mem::replace(&mut self.used_later[v.index()], true);
            if !seen && k < 64 && self.home[v.index()] == Some(body) {
                bits |= 1 << k;
            }
        }
        bits
    }
}

/// Whether the regions of `op` run more than once.
fn repeats(op: &Op) -> bool {
    matches!(op, Op::For | Op::While | Op::Map | Op::Build)
}
