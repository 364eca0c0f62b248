//! Writes the decisions of the other files into a function.

use super::lifetimes::Lifetimes;
use super::uniqueness::Uniqueness;
use crate::{Function, Inst, InstData, Op, Region, SrcLoc, Value};
use rustc_hash::FxHashMap;
use smallvec::smallvec;

/// Inserts `retain`, `release` and `unshare`.
pub(super) fn rewrite(func: &mut Function, lifetimes: &Lifetimes, unique: &Uniqueness) {
    let Some(entry) = func.entry() else { return };
    let mut unshares: FxHashMap<Inst, Vec<usize>> = FxHashMap::default();
    for (inst, arg) in &unique.unshares {
        unshares.entry(*inst).or_default().push(*arg);
    }
    unshares.values_mut().for_each(|args| args.sort_unstable());
    Emit { func, lifetimes, unshares }.region(entry);
}

struct Emit<'a> {
    func: &'a mut Function,
    lifetimes: &'a Lifetimes,
    unshares: FxHashMap<Inst, Vec<usize>>,
}

impl Emit<'_> {
    fn region(&mut self, region: Region) {
        let old = std::mem::take(&mut self.func.regions[region].insts);
        let loc = old.first().map_or(SrcLoc::NONE, |i| self.func.insts[*i].loc);
        let mut new = Vec::with_capacity(old.len() + 4);
        let lifetimes = self.lifetimes;
        self.count(&mut new, Op::Release, lifetimes.release_at_start.get(&region), loc);
        let mut last = loc;
        for inst in old {
            last = self.func.insts[inst].loc;
            self.inst(inst, &mut new);
        }
        self.count(&mut new, Op::Retain, lifetimes.retain_before_yield.get(&region), last);
        self.count(&mut new, Op::Release, lifetimes.release_before_yield.get(&region), last);
        self.func.regions[region].insts = new;
    }

    fn inst(&mut self, inst: Inst, new: &mut Vec<Inst>) {
        let lifetimes = self.lifetimes;
        let loc = self.func.insts[inst].loc;
        self.count(new, Op::Retain, lifetimes.retain_before.get(&inst), loc);
        for arg in self.unshares.remove(&inst).unwrap_or_default() {
            let unshared = self.unshare(new, self.func.insts[inst].args[arg], loc);
            self.func.insts[inst].args[arg] = unshared;
        }
        for region in self.func.insts[inst].regions.clone() {
            self.region(region);
        }
        new.push(inst);
        if lifetimes.retain_after.contains(&inst) {
            let part = vec![self.func.insts[inst].results[0]];
            self.count(new, Op::Retain, Some(&part), loc);
        }
        self.count(new, Op::Release, lifetimes.release_after.get(&inst), loc);
    }

    fn unshare(&mut self, new: &mut Vec<Inst>, v: Value, loc: SrcLoc) -> Value {
        let data = self.func.values[v].clone();
        let result = self.func.values.push(data);
        let args = smallvec![v];
        let results = smallvec![result];
        new.push(self.func.insts.push(InstData { op: Op::Unshare, args, regions: smallvec![], results, loc }));
        result
    }

    fn count(&mut self, new: &mut Vec<Inst>, op: Op, values: Option<&Vec<Value>>, loc: SrcLoc) {
        for v in values.into_iter().flatten() {
            let data =
                InstData { op: op.clone(), args: smallvec![*v], regions: smallvec![], results: smallvec![], loc };
            new.push(self.func.insts.push(data));
        }
    }
}
