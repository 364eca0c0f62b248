//! Rules about the body of one function: who defines what, what is visible where.

use super::VerifyError;
use super::op;
use crate::entity::Entity;
use crate::function::{Function, Inst, Region, Value};
use crate::module::{FuncId, Module};
use crate::types::Type;

/// V010 to V032 for one function.
pub(super) fn verify(module: &Module, id: FuncId, errors: &mut Vec<VerifyError>) {
    let func = &module.funcs[id];
    let Some(entry) = func.entry() else { return };
    let mut verifier = Verifier {
        module,
        func,
        id,
        defined: vec![false; func.values.len()],
        visible: vec![false; func.values.len()],
        placed: vec![false; func.insts.len()],
        owned: vec![false; func.regions.len()],
        errors,
    };
    verifier.entry(entry);
}

pub(super) struct Verifier<'a> {
    pub module: &'a Module,
    pub func: &'a Function,
    pub id: FuncId,
    defined: Vec<bool>,
    visible: Vec<bool>,
    placed: Vec<bool>,
    owned: Vec<bool>,
    errors: &'a mut Vec<VerifyError>,
}

impl Verifier<'_> {
    pub fn error(&mut self, rule: u16, inst: Option<Inst>, message: String) {
        let func_name = self.func.name.clone();
        self.errors.push(VerifyError { rule, func: Some(self.id), func_name, inst, message });
    }

    fn entry(&mut self, entry: Region) {
        if !self.region(entry, None) {
            return;
        }
        let data = &self.func.regions[entry];
        if self.types(&data.params) != self.func.params {
            self.error(10, None, "the parameters are not those of the signature".to_string());
        }
        if self.types(&data.yields) != self.func.results {
            self.error(11, None, "what is yielded is not what the signature says".to_string());
        }
    }

    pub fn types(&self, values: &[Value]) -> Vec<Type> {
        values.iter().map(|v| self.func.value_type(*v)).collect()
    }

    /// Checks a region that belongs to `owner`; false if it cannot be looked at at all.
    fn region(&mut self, region: Region, owner: Option<Inst>) -> bool {
        let func = self.func;
        let Some(data) = func.regions.get(region) else {
            self.error(13, owner, format!("{region:?} does not exist"));
            return false;
        };
        if std::mem::replace(&mut self.owned[region.index()], true) {
            self.error(13, owner, format!("{region:?} belongs to two instructions"));
            return false;
        }
        let mut leaving = Vec::new();
        self.define(&data.params, owner, &mut leaving);
        for inst in &data.insts {
            self.inst(*inst, &mut leaving);
        }
        self.use_all(&data.yields, owner);
        leaving.into_iter().for_each(|v: Value| self.visible[v.index()] = false);
        data.yields.iter().chain(&data.params).all(|v| v.index() < func.values.len())
    }

    fn inst(&mut self, inst: Inst, leaving: &mut Vec<Value>) {
        let func = self.func;
        let Some(data) = func.insts.get(inst) else {
            return self.error(13, None, format!("{inst:?} does not exist"));
        };
        if std::mem::replace(&mut self.placed[inst.index()], true) {
            return self.error(13, Some(inst), "this instruction stands in two places".to_string());
        }
        let mut sound = self.use_all(&data.args, Some(inst));
        for region in &data.regions {
            sound &= self.region(*region, Some(inst));
        }
        sound &= self.define(&data.results, Some(inst), leaving);
        if sound {
            op::check(self, inst, data);
        }
    }

    /// V013 for values; false if one does not exist.
    fn define(&mut self, values: &[Value], inst: Option<Inst>, leaving: &mut Vec<Value>) -> bool {
        for v in values {
            match self.defined.get_mut(v.index()) {
                None => {
                    self.error(13, inst, format!("{v:?} does not exist"));
                    return false;
                }
                Some(defined) => {
                    if std::mem::replace(defined, true) {
                        self.error(13, inst, format!("{v:?} is defined twice"));
                    }
                }
            }
            self.visible[v.index()] = true;
            leaving.push(*v);
        }
        true
    }

    /// V012; false if a value does not exist.
    fn use_all(&mut self, values: &[Value], inst: Option<Inst>) -> bool {
        let mut exist = true;
        for v in values {
            match self.visible.get(v.index()) {
                Some(true) => {}
                Some(false) => {
                    let name = self.func.values[*v].name.as_deref().unwrap_or("of no name");
                    self.error(12, inst, format!("value {name} is not visible here"));
                }
                None => {
                    self.error(12, inst, format!("{v:?} does not exist"));
                    exist = false;
                }
            }
        }
        exist
    }
}
