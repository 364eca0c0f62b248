//! Bodies of `map` and `build` that talk to the world become loops.
//!
//! The reverse sweep runs such bodies again ([`crate::reverse::nest`]), which must not print twice, nor ask the clock
//! twice. So the copy of a primal that is differentiated has loops instead, whose values are kept.
//!
//! Before: `%z = build (%i < %n) { … host print(%t) … yield %v }`. After:
//!
//! ```text
//! %b = fill 0.0, %n
//! %z = for %i in 0..%n carry (%c = %b) { … host print(%t) … %d = set %c[%i], %v; yield %d }
//! ```
//!
//! Order and traps stay the same. Everything else stays as it is.

use dprog_ir::{Access, Const, FuncId, Function, Inst, InstData, Module, Op, Region, RegionData, Type, Value};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Which functions talk to the world, through calls too.
#[derive(Default)]
pub struct Worldly(FxHashMap<FuncId, bool>);

impl Worldly {
    fn function(&mut self, module: &Module, f: FuncId) -> bool {
        if let Some(known) = self.0.get(&f) {
            return *known;
        }
        // For a cycle of calls: what the others do decides.
        self.0.insert(f, false);
        let func = &module.funcs[f];
        let worldly = func.entry().is_none_or(|entry| self.region(module, func, entry));
        self.0.insert(f, worldly);
        worldly
    }

    fn region(&mut self, module: &Module, func: &Function, region: Region) -> bool {
        func.regions[region].insts.iter().any(|inst| {
            let data = &func.insts[*inst];
            let itself = match data.op {
                Op::Host(host) => !host.is_pure(),
                Op::Call(callee) => self.function(module, callee),
                _ => false,
            };
            itself || data.regions.iter().any(|inner| self.region(module, func, *inner))
        })
    }
}

/// Rewrites the bodies of `func` that need it.
pub fn sequence(module: &Module, worldly: &mut Worldly, func: &mut Function) {
    if let Some(entry) = func.entry().filter(|entry| worldly.region(module, func, *entry)) {
        visit(module, worldly, func, entry);
    }
}

fn visit(module: &Module, worldly: &mut Worldly, func: &mut Function, region: Region) {
    let mut at = 0;
    while at < func.regions[region].insts.len() {
        let inst = func.regions[region].insts[at];
        let data = func.insts[inst].clone();
        data.regions.iter().for_each(|inner| visit(module, worldly, func, *inner));
        let elementwise = matches!(data.op, Op::Map | Op::Build);
        if elementwise && worldly.region(module, func, data.regions[0]) {
            let new = as_loops(func, &data);
            let count = new.len();
            func.regions[region].insts.splice(at..=at, new);
            at += count;
        } else {
            at += 1;
        }
    }
}

/// The instructions that do what `data` does, the results last.
fn as_loops(func: &mut Function, data: &InstData) -> Vec<Inst> {
    let mut writer = Writer { func, data, insts: Vec::new() };
    let rank = writer.func.value_type(data.results[0]).rank();
    let dims: Vec<Value> = match data.op {
        Op::Map => (0..rank).map(|axis| writer.value(Op::Dim(axis as u8), &[data.args[0]], Type::I64)).collect(),
        _ => data.args.to_vec(),
    };
    let arrays: Vec<Type> = data.results.iter().map(|r| writer.func.value_type(*r)).collect();
    let mut start = Vec::new();
    for ty in &arrays {
        let blank = writer.value(Op::Undef, &[], ty.element());
        start.push(writer.value(Op::Fill, &[&[blank], dims.as_slice()].concat(), *ty));
    }
    let indices: Vec<Value> = match data.op {
        Op::Build => writer.func.regions[data.regions[0]].params.clone(),
        _ => dims.iter().map(|_| writer.func.new_value(Type::I64, None)).collect(),
    };
    let zero = writer.value(Op::Const(Const::I64(0)), &[], Type::I64);
    let before = std::mem::take(&mut writer.insts);
    writer.axis(zero, &dims, &indices, 0, &start, &arrays, Some(data.results.to_vec()));
    [before, writer.insts].concat()
}

struct Writer<'a> {
    func: &'a mut Function,
    data: &'a InstData,
    /// Where instructions are written now.
    insts: Vec<Inst>,
}

impl Writer<'_> {
    fn value(&mut self, op: Op, args: &[Value], ty: Type) -> Value {
        let result = self.func.new_value(ty, None);
        self.inst(op, args, &[], &[result]);
        result
    }

    fn inst(&mut self, op: Op, args: &[Value], regions: &[Region], results: &[Value]) {
        let inst = self.func.insts.push(InstData {
            op,
            args: SmallVec::from_slice(args),
            regions: SmallVec::from_slice(regions),
            results: SmallVec::from_slice(results),
            loc: self.data.loc,
        });
        self.insts.push(inst);
    }

    /// Writes the loop over one axis, with those of the further ones in it; gives its results.
    #[expect(clippy::too_many_arguments, reason = "one recursion, all of which is needed at the bottom")]
    fn axis(
        &mut self,
        zero: Value,
        dims: &[Value],
        indices: &[Value],
        axis: usize,
        start: &[Value],
        types: &[Type],
        results: Option<Vec<Value>>,
    ) -> Vec<Value> {
        let Some(dim) = dims.get(axis) else { return self.element(indices, start) };
        let carried: Vec<Value> = types.iter().map(|ty| self.func.new_value(*ty, None)).collect();
        let outer = std::mem::take(&mut self.insts);
        let yields = self.axis(zero, dims, indices, axis + 1, &carried, types, None);
        let insts = std::mem::replace(&mut self.insts, outer);
        let params = [&[indices[axis]], carried.as_slice()].concat();
        let body = self.func.regions.push(RegionData { params, insts, yields });
        let results = results.unwrap_or_else(|| types.iter().map(|ty| self.func.new_value(*ty, None)).collect());
        self.inst(Op::For, &[&[zero, *dim], start].concat(), &[body], &results);
        results
    }

    /// The body itself, and its values set at their place.
    fn element(&mut self, indices: &[Value], arrays: &[Value]) -> Vec<Value> {
        let body = self.func.regions[self.data.regions[0]].clone();
        if self.data.op == Op::Map {
            for (param, array) in body.params.iter().zip(&self.data.args) {
                let args = [&[*array], indices].concat();
                self.inst(Op::Get(Access::InBounds), &args, &[], &[*param]);
            }
        }
        self.insts.extend(&body.insts);
        let set = |writer: &mut Self, (array, v): (&Value, &Value)| {
            let args = [&[*array], indices, &[*v]].concat();
            writer.value(Op::Set(Access::InBounds), &args, writer.func.value_type(*array))
        };
        arrays.iter().zip(&body.yields).map(|pair| set(self, pair)).collect()
    }
}
