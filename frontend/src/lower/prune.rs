//! Leaves out functions that no root reaches: the general form of a closure that was always written in place, or a
//! derivative that only such a function asks for. Asking for it might even be an error that the program does not have.

use dprog_ir::analysis::call_graph::CallGraph;
use dprog_ir::entity::Entity;
use dprog_ir::{Arena, Body, FuncId, Module, Op};

/// Removes what is not reachable; gives the new name of each old function.
pub(super) fn prune(module: &mut Module, roots: &[FuncId]) -> Vec<Option<FuncId>> {
    let reachable = CallGraph::of_module(module).reachable(roots);
    let mut next = 0;
    let names: Vec<Option<FuncId>> = module
        .funcs
        .keys()
        .map(|id| {
            let kept = reachable[id].then(|| FuncId::from_index(next));
            next += kept.is_some() as usize;
            kept
        })
        .collect();
    let renamed = |id: FuncId| names[id.index()].expect("what is called is reachable");
    let mut kept = Arena::new();
    let old = std::mem::take(&mut module.funcs);
    for mut func in old.into_values().zip(&names).filter_map(|(func, name)| name.and(Some(func))) {
        for inst in func.insts.keys() {
            if let Op::Call(callee) = func.insts[inst].op {
                // A call in a region that was thrown away may reach nothing.
                func.insts[inst].op = names[callee.index()].map_or(Op::Undef, Op::Call);
            }
        }
        if let Body::Derivative(request) = &mut func.body {
            request.primal = renamed(request.primal);
        }
        kept.push(func);
    }
    module.funcs = kept;
    names
}
