//! Looking over functions: every instruction of a region, uses, free values.
//!
//! Everything here walks regions, so instructions that were dropped from theirs are not seen. Cost: linear in what is
//! walked.

use crate::entity::Entity;
use crate::function::{Function, Inst, Region, Value};

/// Calls `visit` for each instruction of `region` and of the regions nested in it, in the order of the text: an
/// instruction before what its regions hold.
pub fn for_each_inst(func: &Function, region: Region, visit: &mut impl FnMut(Inst)) {
    for inst in &func.regions[region].insts {
        visit(*inst);
        for nested in &func.insts[*inst].regions {
            for_each_inst(func, *nested, visit);
        }
    }
}

/// Calls `visit` for `region` and each region nested in it, outer ones first.
pub fn for_each_region(func: &Function, region: Region, visit: &mut impl FnMut(Region)) {
    visit(region);
    for inst in &func.regions[region].insts {
        for nested in &func.insts[*inst].regions {
            for_each_region(func, *nested, visit);
        }
    }
}

/// All instructions of a function, in the order of the text; none if it has no region.
pub fn insts(func: &Function) -> Vec<Inst> {
    let mut all = Vec::new();
    if let Some(entry) = func.entry() {
        for_each_inst(func, entry, &mut |inst| all.push(inst));
    }
    all
}

/// Calls `visit` for each operand and each yielded value in `region` and the regions nested in it.
pub fn for_each_use(func: &Function, region: Region, visit: &mut impl FnMut(Value)) {
    for_each_region(func, region, &mut |region| {
        let data = &func.regions[region];
        data.insts.iter().flat_map(|inst| &func.insts[*inst].args).chain(&data.yields).for_each(|v| visit(*v));
    });
}

/// How often each value is used, as an operand or in a yield; indexed by value.
pub fn use_counts(func: &Function) -> Vec<u32> {
    let mut counts = vec![0; func.values.len()];
    if let Some(entry) = func.entry() {
        for_each_use(func, entry, &mut |v| counts[v.index()] += 1);
    }
    counts
}

/// Calls `visit` for each value that `region` and the regions nested in it define: parameters and results.
pub fn for_each_definition(func: &Function, region: Region, visit: &mut impl FnMut(Value)) {
    for_each_region(func, region, &mut |region| {
        let data = &func.regions[region];
        data.params.iter().chain(data.insts.iter().flat_map(|i| &func.insts[*i].results)).for_each(|v| visit(*v));
    });
}

/// The values that are used in `region` (or in the regions nested in it) and defined outside, each once, in the order
/// of their first use.
///
/// The cost is that of the region, but for a table as large as the function has values: for many small regions use
/// [`FreeValues`], which keeps the table.
pub fn free_values(func: &Function, region: Region) -> Vec<Value> {
    FreeValues::new(func).of(func, region)
}

/// Finds the free values of one region after another without clearing its table in between.
pub struct FreeValues {
    /// For each value the last round in which it was defined inside, or taken as free.
    seen: Vec<u32>,
    round: u32,
}

impl FreeValues {
    pub fn new(func: &Function) -> FreeValues {
        FreeValues { seen: vec![0; func.values.len()], round: 0 }
    }

    /// See [`free_values`].
    pub fn of(&mut self, func: &Function, region: Region) -> Vec<Value> {
        self.round += 1;
        self.seen.resize(func.values.len(), 0);
        for_each_definition(func, region, &mut |v| self.seen[v.index()] = self.round);
        let mut free = Vec::new();
        for_each_use(func, region, &mut |v| {
            if std::mem::replace(&mut self.seen[v.index()], self.round) != self.round {
                free.push(v);
            }
        });
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    const LOOP: &str = "
func @f(%x: f64, %n: i64) -> f64 {
  %zero = const 0 : i64
  %r = for %i in %zero..%n carry (%s = %x) {
    %a = mul %s, %x
    %b = for %j in %i..%n carry (%t = %a) { yield %t }
    yield %b
  }
  yield %r
}";

    fn name(func: &Function, v: Value) -> &str {
        func.values[v].name.as_deref().unwrap_or("")
    }

    #[test]
    fn free_values_are_those_defined_outside() {
        let module = parse(LOOP).unwrap();
        let func = &module.funcs[module.find_function("f").unwrap()];
        let body = func.insts[insts(func)[1]].regions[0];
        let free: Vec<&str> = free_values(func, body).into_iter().map(|v| name(func, v)).collect();
        assert_eq!(free, ["x", "n"]);
        assert_eq!(free_values(func, func.entry().unwrap()), []);
    }

    #[test]
    fn uses_are_counted_in_operands_and_yields() {
        let module = parse(LOOP).unwrap();
        let func = &module.funcs[module.find_function("f").unwrap()];
        let counts = use_counts(func);
        let count = |wanted: &str| func.values.keys().find(|v| name(func, *v) == wanted).map(|v| counts[v.index()]);
        assert_eq!((count("x"), count("n"), count("s"), count("j")), (Some(2), Some(2), Some(1), Some(0)));
    }
}
