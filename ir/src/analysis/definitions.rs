//! Where each value of a function is defined.
//!
//! Stale for a value when the instruction that defines it is replaced; a pass that creates instructions records them with
//! [`Definitions::record`]. The instruction behind a definition is read from the function, so changed operands are seen.

use super::Table;
use crate::function::{AxisSize, Function, Inst, InstData, Region, Value};
use crate::opcode::{Const, Op};
use crate::walk::for_each_use;

/// The definition of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Def {
    /// Not reachable from the body.
    #[default]
    Nowhere,
    /// Result number so and so of an instruction.
    Result(Inst, u32),
    /// Parameter number so and so of a region.
    Param(Region, u32),
}

/// How many operands, from the first on, an instruction may update in place or hand on under another name.
pub fn handed_on(data: &InstData) -> usize {
    match data.op {
        Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::Push | Op::Pop => 1,
        Op::Take(_) | Op::Put | Op::Reshape | Op::Unshare | Op::AddTangent => 1,
        Op::For | Op::While | Op::Call(_) => data.args.len(),
        _ => 0,
    }
}

/// What the program promises of a size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promised {
    Number(i64),
    /// This parameter.
    Param(Value),
}

/// How often each value is an operand or yielded, in the whole body; 0 for values that are made later.
pub fn count_uses(func: &Function) -> Table<Value, u32> {
    let mut uses = Table::new();
    if let Some(entry) = func.entry() {
        for_each_use(func, entry, &mut |v| uses[v] += 1);
    }
    uses
}

/// Which values are only looked at: no instruction updates them, no loop carries them on, nothing yields or passes them.
/// A longer life of such an array costs no copy.
pub fn only_read(func: &Function) -> Table<Value, bool> {
    let mut table = Table::with_default(true);
    if let Some(entry) = func.entry() {
        mark_handed_on(func, entry, &mut table);
    }
    table
}

fn mark_handed_on(func: &Function, region: Region, only_read: &mut Table<Value, bool>) {
    for inst in &func.regions[region].insts {
        let data = &func.insts[*inst];
        data.args[..handed_on(data)].iter().for_each(|v| only_read[*v] = false);
        data.regions.iter().for_each(|inner| mark_handed_on(func, *inner, only_read));
    }
    func.regions[region].yields.iter().for_each(|v| only_read[*v] = false);
}

/// The definition of every value.
#[derive(Clone, Debug, Default)]
pub struct Definitions {
    of: Table<Value, Def>,
    /// The instruction that owns a region; `None` for the body.
    owner: Table<Region, Option<Inst>>,
    /// The region that an instruction stands in.
    home: Table<Inst, Option<Region>>,
}

impl Definitions {
    /// Walks the body once.
    pub fn of_function(func: &Function) -> Definitions {
        let mut definitions = Definitions::default();
        if let Some(entry) = func.entry() {
            definitions.record_region(func, entry, None);
        }
        definitions
    }

    /// Records the parameters of a region and everything in it.
    pub fn record_region(&mut self, func: &Function, region: Region, owner: Option<Inst>) {
        self.owner[region] = owner;
        for (k, param) in func.regions[region].params.iter().enumerate() {
            self.of[*param] = Def::Param(region, k as u32);
        }
        for inst in &func.regions[region].insts {
            self.home[*inst] = Some(region);
            self.record(func, *inst);
        }
    }

    /// Records the results of an instruction, and everything in its regions.
    pub fn record(&mut self, func: &Function, inst: Inst) {
        for (k, result) in func.insts[inst].results.iter().enumerate() {
            self.of[*result] = Def::Result(inst, k as u32);
        }
        for region in &func.insts[inst].regions {
            self.record_region(func, *region, Some(inst));
        }
    }

    pub fn of(&self, v: Value) -> Def {
        self.of[v]
    }

    pub fn owner(&self, region: Region) -> Option<Inst> {
        self.owner[region]
    }

    /// The region that `inst` stands in, as it was when the region was recorded.
    pub fn home(&self, inst: Inst) -> Option<Region> {
        self.home[inst]
    }

    /// Whether `v` is defined in `body` or in a region in it, by anything but a constant.
    pub fn is_inside(&self, func: &Function, v: Value, body: Region) -> bool {
        let mut home = match self.of(v) {
            Def::Result(inst, _) if matches!(func.insts[inst].op, Op::Const(_)) => None,
            Def::Result(inst, _) => self.home(inst),
            Def::Param(region, _) => Some(region),
            Def::Nowhere => Some(body),
        };
        while let Some(region) = home {
            if region == body {
                return true;
            }
            home = self.owner(region).and_then(|inst| self.home(inst));
        }
        false
    }

    /// What the program promises of the size of an axis of `x`, if that is a parameter of the function.
    pub fn promised(&self, func: &Function, x: Value, axis: u8) -> Option<Promised> {
        match *func.values[x].sizes.as_ref()?.get(axis as usize)? {
            AxisSize::Open => None,
            AxisSize::Number(n) => Some(Promised::Number(n)),
            AxisSize::Param(k) => Some(Promised::Param(func.regions[func.entry()?].params[k as usize])),
        }
    }

    /// The parameters of the function that are sizes of others.
    pub fn promised_sizes(&self, func: &Function, entry: Region) -> Vec<Value> {
        let params = &func.regions[entry].params;
        let sizes = params.iter().filter_map(|v| func.values[*v].sizes.as_ref()).flat_map(|sizes| sizes.iter());
        let mut values: Vec<Value> = sizes
            .filter_map(|size| match size {
                AxisSize::Param(k) => Some(params[*k as usize]),
                AxisSize::Open | AxisSize::Number(_) => None,
            })
            .collect();
        values.sort();
        values.dedup();
        values
    }

    /// Whether `v` is a parameter of the function that is the size of another one.
    pub fn is_promised_size(&self, func: &Function, v: Value) -> bool {
        match (self.of[v], func.entry()) {
            (Def::Param(region, k), Some(entry)) if region == entry => {
                let is_size = |size: &AxisSize| *size == AxisSize::Param(k);
                func.regions[entry]
                    .params
                    .iter()
                    .any(|v| func.values[*v].sizes.as_ref().is_some_and(|sizes| sizes.iter().any(is_size)))
            }
            (Def::Result(..) | Def::Param(..) | Def::Nowhere, _) => false,
        }
    }

    /// The instruction that `v` is a result of.
    pub fn inst<'f>(&self, func: &'f Function, v: Value) -> Option<&'f InstData> {
        match self.of[v] {
            Def::Result(inst, _) => Some(&func.insts[inst]),
            Def::Param(..) | Def::Nowhere => None,
        }
    }

    /// The constant that `v` is.
    pub fn constant<'f>(&self, func: &'f Function, v: Value) -> Option<&'f Const> {
        match self.inst(func, v).map(|data| &data.op) {
            Some(Op::Const(c)) => Some(c),
            Some(_) | None => None,
        }
    }

    /// The i64 constant that `v` is.
    pub fn int(&self, func: &Function, v: Value) -> Option<i64> {
        match self.constant(func, v) {
            Some(Const::I64(n)) => Some(*n),
            Some(_) | None => None,
        }
    }
}
