//! Where everything of a function stands: the definition of each value, the region of each instruction, the nesting of
//! regions. Tables keyed by entity, computed once per primal.

use dprog_ir::entity::Entity;
use dprog_ir::{Function, Inst, Region, Value};

/// What defines a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Def {
    Param { region: Region, index: usize },
    Result { inst: Inst, index: usize },
}

/// See the module's description.
#[derive(Debug)]
pub struct Structure {
    defs: Vec<Option<(Def, Region)>>,
    /// Position of the definition in a walk of the whole function.
    order: Vec<u32>,
    inst_order: Vec<u32>,
    /// First and last position inside each region: nesting is containment of intervals.
    spans: Vec<(u32, u32)>,
    owners: Vec<Option<Inst>>,
    /// The region that an instruction stands in.
    homes: Vec<Option<Region>>,
}

impl Structure {
    pub fn of(func: &Function) -> Structure {
        let mut structure = Structure {
            defs: vec![None; func.values.len()],
            order: vec![0; func.values.len()],
            inst_order: vec![0; func.insts.len()],
            spans: vec![(u32::MAX, 0); func.regions.len()],
            owners: vec![None; func.regions.len()],
            homes: vec![None; func.insts.len()],
        };
        let entry = func.entry().expect("a primal has a body");
        structure.visit(func, entry, &mut 0);
        structure
    }

    fn visit(&mut self, func: &Function, region: Region, clock: &mut u32) {
        *clock += 1;
        let start = *clock;
        for (index, v) in func.regions[region].params.iter().enumerate() {
            self.define(*v, Def::Param { region, index }, region, clock);
        }
        for &inst in &func.regions[region].insts {
            let data = &func.insts[inst];
            for &inner in &data.regions {
                self.owners[inner.index()] = Some(inst);
                self.visit(func, inner, clock);
            }
            *clock += 1;
            self.homes[inst.index()] = Some(region);
            self.inst_order[inst.index()] = *clock;
            for (index, v) in data.results.iter().enumerate() {
                self.define(*v, Def::Result { inst, index }, region, clock);
            }
        }
        *clock += 1;
        self.spans[region.index()] = (start, *clock);
    }

    fn define(&mut self, v: Value, def: Def, region: Region, clock: &mut u32) {
        *clock += 1;
        self.defs[v.index()] = Some((def, region));
        self.order[v.index()] = *clock;
    }

    pub fn def(&self, v: Value) -> Def {
        self.defs[v.index()].expect("a value in use is defined").0
    }

    /// The region in which `v` is defined.
    pub fn home(&self, v: Value) -> Region {
        self.defs[v.index()].expect("a value in use is defined").1
    }

    pub fn order(&self, v: Value) -> u32 {
        self.order[v.index()]
    }

    pub fn inst_order(&self, inst: Inst) -> u32 {
        self.inst_order[inst.index()]
    }

    /// Whether `v` is defined in `region` or in a region nested in it.
    pub fn inside(&self, v: Value, region: Region) -> bool {
        let (start, end) = self.spans[region.index()];
        (start..=end).contains(&self.order(v))
    }

    /// The region in which an instruction stands.
    pub fn home_of_inst(&self, inst: Inst) -> Region {
        self.homes[inst.index()].expect("an instruction in use stands somewhere")
    }

    /// The instruction that owns a region; `None` for the entry.
    pub fn owner(&self, region: Region) -> Option<Inst> {
        self.owners[region.index()]
    }
}

/// Calls `see` for every instruction of a region and of those nested in it, owners before what they own.
pub fn walk(func: &Function, region: Region, see: &mut impl FnMut(Region, Inst)) {
    for &inst in &func.regions[region].insts {
        see(region, inst);
        for &inner in &func.insts[inst].regions {
            walk(func, inner, see);
        }
    }
}

/// The values from outside that a region uses, each once, in order of first use.
pub fn free_values(func: &Function, structure: &Structure, region: Region) -> Vec<Value> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut free = Vec::new();
    let mut add = |v: Value| {
        if !structure.inside(v, region) && seen.insert(v) {
            free.push(v);
        }
    };
    walk(func, region, &mut |_, inst| {
        let data = &func.insts[inst];
        data.args.iter().for_each(|v| add(*v));
        data.regions.iter().flat_map(|r| &func.regions[*r].yields).for_each(|v| add(*v));
    });
    func.regions[region].yields.iter().for_each(|v| add(*v));
    free
}
