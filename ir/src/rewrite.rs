//! Copying code and replacing values: what inlining, differentiation and the optimizer have in common.
//!
//! A [`Copier`] copies instructions and regions of one function into another (or into the same) and remembers which
//! value became which. Values that were bound beforehand are replaced by what they were bound to: to inline a call,
//! bind the callee's parameters to the arguments and copy the instructions of its entry region.

use crate::entity::Entity;
use crate::function::{Body, Function, Inst, Region, RegionData, Value};
use crate::location::SrcLoc;

/// See the module's description.
pub struct Copier<'s> {
    /// `None`: the target itself.
    source: Option<&'s Function>,
    values: Vec<Option<Value>>,
    loc: Box<dyn FnMut(SrcLoc) -> SrcLoc + 's>,
}

impl<'s> Copier<'s> {
    /// Copies out of `source`. Every value that the copied code uses must be bound or copied before its use.
    pub fn from(source: &'s Function) -> Copier<'s> {
        Copier { source: Some(source), values: vec![None; source.values.len()], loc: Box::new(|loc| loc) }
    }

    /// Copies inside one function. Values that are neither bound nor copied stand for themselves.
    pub fn within() -> Copier<'s> {
        Copier { source: None, values: Vec::new(), loc: Box::new(|loc| loc) }
    }

    /// Gives the copies the locations `loc(original)`: an inliner chains them to the call.
    pub fn with_locations(self, loc: impl FnMut(SrcLoc) -> SrcLoc + 's) -> Copier<'s> {
        Copier { loc: Box::new(loc), ..self }
    }

    /// From now on `to` stands for `from`.
    pub fn bind(&mut self, from: Value, to: Value) {
        if self.values.len() <= from.index() {
            self.values.resize(from.index() + 1, None);
        }
        self.values[from.index()] = Some(to);
    }

    pub fn bind_all(&mut self, from: &[Value], to: &[Value]) {
        assert_eq!(from.len(), to.len(), "as many replacements as values");
        from.iter().zip(to).for_each(|(from, to)| self.bind(*from, *to));
    }

    /// What stands for `v` in the target.
    pub fn value(&self, v: Value) -> Value {
        match self.values.get(v.index()).copied().flatten() {
            Some(copy) => copy,
            None if self.source.is_none() => v,
            None => panic!("{v:?} is used in copied code, but neither bound nor copied"),
        }
    }

    pub fn values(&self, values: &[Value]) -> Vec<Value> {
        values.iter().map(|v| self.value(*v)).collect()
    }

    /// Appends copies of all instructions of `region` to `dest`, and tells what the region yields in terms of the
    /// target. Its parameters must be bound. `dest` is not `region` itself.
    pub fn append_insts(&mut self, target: &mut Function, dest: Region, region: Region) -> Vec<Value> {
        for k in 0..self.source.unwrap_or(target).regions[region].insts.len() {
            let inst = self.source.unwrap_or(target).regions[region].insts[k];
            let copy = self.inst(target, inst);
            target.regions[dest].insts.push(copy);
        }
        self.values(&self.source.unwrap_or(target).regions[region].yields)
    }

    /// A copy of a region: with fresh parameters of its own, the instructions, and the yields.
    pub fn region(&mut self, target: &mut Function, region: Region) -> Region {
        let params = self.source.unwrap_or(target).regions[region].params.clone();
        let params = params.into_iter().map(|v| self.define(target, v)).collect();
        let copy = target.regions.push(RegionData { params, ..RegionData::default() });
        let yields = self.append_insts(target, copy, region);
        target.regions[copy].yields = yields;
        copy
    }

    /// A copy of one instruction with its regions; it stands in no region yet.
    pub fn inst(&mut self, target: &mut Function, inst: Inst) -> Inst {
        let mut data = self.source.unwrap_or(target).insts[inst].clone();
        data.args.iter_mut().for_each(|v| *v = self.value(*v));
        for region in &mut data.regions {
            *region = self.region(target, *region);
        }
        for result in &mut data.results {
            *result = self.define(target, *result);
        }
        data.loc = (self.loc)(data.loc);
        target.insts.push(data)
    }

    /// A fresh value with the type and name of `v`, which stands for it from now on.
    fn define(&mut self, target: &mut Function, v: Value) -> Value {
        let data = self.source.unwrap_or(target).values[v].clone();
        let copy = target.values.push(data);
        self.bind(v, copy);
        copy
    }
}

/// Replaces values by others wherever `region` and the regions nested in it use them.
pub fn replace_uses(func: &mut Function, region: Region, replacement: &impl Fn(Value) -> Value) {
    let insts = std::mem::take(&mut func.regions[region].insts);
    for inst in &insts {
        func.insts[*inst].args.iter_mut().for_each(|v| *v = replacement(*v));
        for nested in func.insts[*inst].regions.clone() {
            replace_uses(func, nested, replacement);
        }
    }
    func.regions[region].insts = insts;
    func.regions[region].yields.iter_mut().for_each(|v| *v = replacement(*v));
}

/// The same function without what nobody can reach any more in its arenas, numbered in the order of the text.
pub fn compacted(func: &Function) -> Function {
    let mut compact = Function::new(func.name.clone(), func.params.clone(), func.results.clone(), func.loc);
    compact.body = match &func.body {
        Body::Defined(entry) => Body::Defined(Copier::from(func).region(&mut compact, *entry)),
        Body::Derivative(_) | Body::Pending => func.body.clone(),
    };
    compact
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::Builder;
    use crate::module::Module;
    use crate::parse::parse;
    use crate::print::function_text;

    const CALLEE: &str = "
func @f(%x: f64, %n: i64) -> f64 {
  %zero = const 0 : i64
  %r = for %i in %zero..%n carry (%s = %x) {
    %s.1 = mul %s, %x
    yield %s.1
  }
  yield %r
}
func @g(%y: f64, %k: i64) -> f64 {
  %z = neg %y
  yield %z
}";

    fn text(module: &Module, name: &str) -> String {
        let func = &module.funcs[module.find_function(name).unwrap()];
        function_text(module, func, Default::default())
    }

    #[test]
    fn a_call_is_inlined_by_binding_parameters() {
        let mut module = parse(CALLEE).unwrap();
        let (f, g) = (module.find_function("f").unwrap(), module.find_function("g").unwrap());
        let callee = module.funcs[f].clone();
        let target = &mut module.funcs[g];
        let entry = target.entry().unwrap();
        let mut copier = Copier::from(&callee);
        let (z, k) = (target.regions[entry].yields[0], target.regions[entry].params[1]);
        copier.bind_all(&callee.regions[callee.entry().unwrap()].params, &[z, k]);
        target.regions[entry].yields = copier.append_insts(target, entry, callee.entry().unwrap());
        let wanted = "\
func @g(%y: f64, %k: i64) -> f64 {
  %z = neg %y
  %zero = const 0 : i64
  %r = for %i in %zero..%k carry (%s = %z) {
    %s.1 = mul %s, %z
    yield %s.1
  }
  yield %r
}
";
        assert_eq!(text(&module, "g"), wanted);
    }

    #[test]
    fn a_region_is_copied_within_its_function() {
        let mut module = parse(CALLEE).unwrap();
        let f = module.find_function("f").unwrap();
        let func = &mut module.funcs[f];
        let entry = func.entry().unwrap();
        let body = func.insts[func.regions[entry].insts[1]].regions[0];
        let x = func.regions[entry].params[0];
        let mut b = Builder::append(func, entry);
        let one = b.f64(1.0);
        let mut copier = Copier::within();
        copier.bind(x, one);
        let copy = copier.region(func, body);
        let inner = &func.insts[func.regions[copy].insts[0]];
        assert_eq!(inner.args.as_slice(), [func.regions[copy].params[1], one]);
        assert_ne!(func.regions[copy].params, func.regions[body].params);
    }

    #[test]
    fn compacting_keeps_the_text_and_drops_the_rest() {
        let mut module = parse(CALLEE).unwrap();
        let f = module.find_function("f").unwrap();
        let before = text(&module, "f");
        let entry = module.funcs[f].entry().unwrap();
        Builder::append(&mut module.funcs[f], entry).f64(7.0);
        module.funcs[f].regions[entry].insts.pop();
        module.funcs[f] = compacted(&module.funcs[f]);
        assert_eq!((text(&module, "f"), module.funcs[f].insts.len()), (before, 3));
    }

    #[test]
    fn uses_are_replaced_in_nested_regions_and_yields() {
        let mut module = parse(CALLEE).unwrap();
        let f = module.find_function("f").unwrap();
        let func = &mut module.funcs[f];
        let entry = func.entry().unwrap();
        let (x, r) = (func.regions[entry].params[0], func.regions[entry].yields[0]);
        replace_uses(func, entry, &|v| if v == r { x } else { v });
        assert_eq!(func.regions[entry].yields, [x]);
        let body = func.insts[func.regions[entry].insts[1]].regions[0];
        let s = func.regions[body].params[1];
        replace_uses(func, entry, &|v| if v == x { s } else { v });
        assert_eq!(func.insts[func.regions[body].insts[0]].args.as_slice(), [s, s]);
    }
}
