//! What a recursion leaves on its stacks is pushed in the branches that know what it is.
//!
//! Before and after, `%p` being known on one side only:
//!
//! ```text
//! %r, %t = if %c { …; yield %x, %u } else { …; yield %y, %p }      %r, %n = if %c { …; %n0 = push %s, %u; yield %x, %n0 }
//! %n = push %s, %t                                           →              else { …; %n1 = push %s, %p; yield %y, %n1 }
//! yield %r, %n                                                     yield %r, %n
//! ```
//!
//! So results do not come together in the middle of the function, where calls are still to be made.

use crate::copy::{Copies, copy_inst, copy_name};
use dprog_ir::{Builder, Function, Inst, Op, Value};

/// `func` with what it does behind the branch at its end moved into the branch; `None` if it does not look so.
pub fn in_branches(func: &Function) -> Option<Function> {
    let entry = &func.regions[func.entry()?];
    let packs = |inst: &&Inst| matches!(func.insts[**inst].op, Op::NodeNew { .. } | Op::Push | Op::Convert(_));
    let behind = entry.insts.iter().rev().take_while(packs).count();
    let (before, behind) = entry.insts.split_at(entry.insts.len() - behind);
    let (branch, before) = before.split_last()?;
    if func.insts[*branch].op != Op::If || behind.is_empty() {
        return None;
    }
    let mut moved = Function::new(func.name.clone(), func.params.clone(), func.results.clone(), func.loc);
    let mut b = Builder::new(&mut moved);
    let mut copies = Copies::of(func);
    for (k, param) in entry.params.iter().enumerate() {
        let copy = b.param(k);
        copies.set(*param, copy);
        copy_name(&mut b, func, *param, copy);
    }
    before.iter().for_each(|inst| copy_inst(&mut b, func, *inst, &mut copies));
    let results = copy_branch(&mut b, func, *branch, behind, &entry.yields, &mut copies);
    b.finish(&results);
    Some(moved)
}

/// The branch with what comes behind it in each of its sides, which yield the function's results.
fn copy_branch(
    b: &mut Builder,
    func: &Function,
    branch: Inst,
    behind: &[Inst],
    yields: &[Value],
    copies: &mut Copies,
) -> Vec<Value> {
    let data = &func.insts[branch];
    let mut regions = Vec::new();
    for side in &data.regions {
        b.open_region(&[]);
        let region = &func.regions[*side];
        region.insts.iter().for_each(|inst| copy_inst(b, func, *inst, copies));
        data.results.iter().zip(&region.yields).for_each(|(v, to)| {
            let copy = copies.get(*to);
            copies.set(*v, copy);
        });
        behind.iter().for_each(|inst| copy_inst(b, func, *inst, copies));
        let yields = copies.all(yields);
        regions.push(b.close_region(&yields));
    }
    b.loc = data.loc;
    let new = b.inst(Op::If, &[copies.get(data.args[0])], &regions, &func.results);
    b.results(new)
}
