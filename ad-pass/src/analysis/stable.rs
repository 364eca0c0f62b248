//! Which arrays stay as they are: nothing updates them, so a sweep may read them again without forcing a copy.
//!
//! Arrays are values, so reading an old one is always *right*; but an array that is updated in place as long as nobody
//! else holds it would be copied if the sweep held it. An array is *stable* if it is only read: never the operand of an
//! update, never carried by a loop, never yielded, never handed to a callee that does such things with it.

use crate::analysis::structure::walk;
use dprog_ir::entity::Entity;
use dprog_ir::{FuncId, Function, Inst, Module, Op, Value};
use rustc_hash::FxHashMap;

/// Per function: which of its parameters are stable in it. Functions still being looked at count as stable.
#[derive(Default)]
pub struct Stability {
    params: FxHashMap<FuncId, Vec<bool>>,
}

impl Stability {
    /// For every value of `func` whether it is stable.
    pub fn of(&mut self, module: &Module, func: &Function) -> Vec<bool> {
        let mut stable = vec![true; func.values.len()];
        let entry = func.entry().expect("a primal has a body");
        func.regions[entry].yields.iter().for_each(|v| stable[v.index()] = false);
        let mut calls = Vec::new();
        walk(func, entry, &mut |_, inst| {
            let data = &func.insts[inst];
            if let Op::Call(callee) = data.op {
                calls.push((inst, callee));
            }
            for k in consumed(func, inst) {
                stable[data.args[k].index()] = false;
            }
            data.regions.iter().flat_map(|r| &func.regions[*r].yields).for_each(|v| stable[v.index()] = false);
        });
        for (inst, callee) in calls {
            let kept = self.params_of(module, callee);
            for (arg, kept) in func.insts[inst].args.iter().zip(kept) {
                stable[arg.index()] &= kept;
            }
        }
        stable
    }

    fn params_of(&mut self, module: &Module, f: FuncId) -> Vec<bool> {
        if let Some(known) = self.params.get(&f) {
            return known.clone();
        }
        let func = &module.funcs[f];
        let Some(entry) = func.entry() else { return vec![false; func.params.len()] };
        self.params.insert(f, vec![true; func.params.len()]);
        let stable = self.of(module, func);
        let kept: Vec<bool> = func.regions[entry].params.iter().map(|v: &Value| stable[v.index()]).collect();
        self.params.insert(f, kept.clone());
        kept
    }
}

/// The operands that `inst` may update in place or hand on under another name.
fn consumed(func: &Function, inst: Inst) -> std::ops::Range<usize> {
    let data = &func.insts[inst];
    let update = matches!(data.op, Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::Push | Op::Pop);
    let update = update || matches!(data.op, Op::Take(_) | Op::Put);
    let rename = matches!(data.op, Op::AddTangent | Op::Unshare | Op::Reshape | Op::StopGrad);
    match (update || rename, data.op == Op::For || data.op == Op::While) {
        (true, _) => 0..1,
        (false, true) => 0..data.args.len(),
        (false, false) => 0..0,
    }
}
