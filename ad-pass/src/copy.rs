//! Copies of primal instructions in derivative functions.

use dprog_ir::entity::Entity;
use dprog_ir::{Access, Builder, Function, Inst, Op, Region, Value};

/// From the values of a primal to those of a copy.
#[derive(Clone, Default, Debug)]
pub struct Copies(Vec<Option<Value>>);

impl Copies {
    pub fn of(func: &Function) -> Copies {
        Copies(vec![None; func.values.len()])
    }

    pub fn get(&self, v: Value) -> Value {
        self.0[v.index()].expect("a value is copied before it is used")
    }

    pub fn find(&self, v: Value) -> Option<Value> {
        self.0[v.index()]
    }

    pub fn set(&mut self, v: Value, copy: Value) {
        self.0[v.index()] = Some(copy);
    }

    pub fn all(&self, values: &[Value]) -> Vec<Value> {
        values.iter().map(|v| self.get(*v)).collect()
    }
}

/// Appends a copy of an instruction with all that it owns.
pub fn copy_inst(b: &mut Builder, from: &Function, inst: Inst, copies: &mut Copies) {
    let data = &from.insts[inst];
    let regions: Vec<Region> = data.regions.iter().map(|r| copy_region(b, from, *r, copies)).collect();
    let args = copies.all(&data.args);
    append(b, from, inst, data.op.clone(), &args, &regions, copies);
}

fn copy_region(b: &mut Builder, from: &Function, region: Region, copies: &mut Copies) -> Region {
    open_copy(b, from, region, copies);
    for inst in &from.regions[region].insts {
        copy_inst(b, from, *inst, copies);
    }
    let yields = copies.all(&from.regions[region].yields);
    b.close_region(&yields)
}

/// Opens a copy of a region, its parameters copied.
pub fn open_copy(b: &mut Builder, from: &Function, region: Region, copies: &mut Copies) {
    let params = &from.regions[region].params;
    let types: Vec<_> = params.iter().map(|v| from.value_type(*v)).collect();
    b.open_region(&types);
    for (k, v) in params.iter().enumerate() {
        let copy = b.region_param(k);
        copies.set(*v, copy);
        copy_name(b, from, *v, copy);
    }
}

/// Appends an instruction like `inst` with other operands and regions, and notes its results as copies.
pub fn append(
    b: &mut Builder,
    from: &Function,
    inst: Inst,
    op: Op,
    args: &[Value],
    regions: &[Region],
    copies: &mut Copies,
) -> Inst {
    let data = &from.insts[inst];
    b.loc = data.loc;
    let types: Vec<_> = data.results.iter().map(|v| from.value_type(*v)).collect();
    let new = b.inst(op, args, regions, &types);
    for (v, copy) in data.results.iter().zip(b.results(new)) {
        copies.set(*v, copy);
        copy_name(b, from, *v, copy);
    }
    new
}

/// Gives a parameter of a derivative function, which has those of the primal in front, what is known of the primal's.
pub fn copy_param(b: &mut Builder, from: &Function, v: Value, copy: Value) {
    copy_name(b, from, v, copy);
    b.func.values[copy].sizes = from.values[v].sizes.clone();
}

pub fn copy_name(b: &mut Builder, from: &Function, v: Value, copy: Value) {
    if let Some(name) = &from.values[v].name {
        b.name(copy, name);
    }
}

/// `op` as it may be repeated where it is known to have succeeded.
pub fn in_bounds(op: &Op) -> Op {
    match op {
        Op::Get(Access::Checked) => Op::Get(Access::InBounds),
        op => op.clone(),
    }
}
