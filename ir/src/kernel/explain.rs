//! Which loops of a module become kernels: for `check --explain-loops`.

use super::{Kernel, Loop, Reason, Refusal, recognise};
use crate::analysis::definitions::Definitions;
use crate::function::{Function, Inst, Region, Value};
use crate::location::SrcLoc;
use crate::module::{FuncId, Module};
use crate::opcode::Op;

/// What became of a loop.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopReport {
    pub func: FuncId,
    pub loc: SrcLoc,
    /// What runs several trips at once, or why there is one at a time.
    pub verdict: Result<Box<Kernel>, Refusal>,
    /// It is a kernel around loops, which are part of it.
    pub outer: bool,
}

/// The loops of a function that are kernels, and the innermost ones that are not, in the order of the text. The function is as
/// the ownership pass left it.
pub fn explain_loops(module: &Module, id: FuncId) -> Vec<LoopReport> {
    let func = &module.funcs[id];
    let Some(entry) = func.entry() else { return Vec::new() };
    let mut explainer = Explainer { id, func, definitions: Definitions::of_function(func), reports: Vec::new() };
    explainer.region(entry);
    explainer.reports
}

struct Explainer<'a> {
    id: FuncId,
    func: &'a Function,
    definitions: Definitions,
    reports: Vec<LoopReport>,
}

impl Explainer<'_> {
    fn region(&mut self, region: Region) {
        for inst in &self.func.regions[region].insts {
            self.inst(*inst);
        }
    }

    fn inst(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        let verdict = if matches!(data.op, Op::For | Op::Map | Op::Build) {
            self.verdict(inst)
        } else if data.op == Op::While {
            Err(Refusal { reason: Reason::While, loc: data.loc })
        } else {
            return data.regions.iter().for_each(|r| self.region(*r));
        };
        let outer = data.regions.iter().any(|r| has_loop(self.func, *r));
        if verdict.is_ok() || !outer {
            self.reports.push(LoopReport { func: self.id, loc: data.loc, verdict, outer });
        } else {
            data.regions.iter().for_each(|r| self.region(*r));
        }
    }

    fn verdict(&self, inst: Inst) -> Result<Box<Kernel>, Refusal> {
        let definition = |v: Value| self.definitions.inst(self.func, v);
        recognise(&Loop { func: self.func, inst, definition: &definition, fold: None, any_order: false, packs: true })
            .map(Box::new)
    }
}

fn has_loop(func: &Function, region: Region) -> bool {
    func.regions[region].insts.iter().any(|inst| {
        let data = &func.insts[*inst];
        matches!(data.op, Op::For | Op::Map | Op::Build | Op::While) || data.regions.iter().any(|r| has_loop(func, *r))
    })
}
