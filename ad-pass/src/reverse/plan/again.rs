//! What of a body must run again within its sweep, and what that takes from outside.

use crate::analysis::structure::free_values;
use crate::context::Active;
use crate::reverse::item::Item;
use crate::reverse::plan::Plan;
use dprog_ir::Value;
use rustc_hash::FxHashSet;

/// The instructions of a region that is to be run again within a sweep: those that what is needed comes from.
pub fn slice(active: &Active, plan: &mut Plan) {
    let primal = active.primal.clone();
    let (func, structure, root) = (&primal.func, &primal.structure, plan.root);
    let mut needed: FxHashSet<Value> = plan.fetch.keys().map(|item| item.base(&primal)).collect();
    for &inst in func.regions[root].insts.iter().rev() {
        let data = &func.insts[inst];
        if !plan.bundles.contains_key(&inst) && !data.results.iter().any(|r| needed.contains(r)) {
            continue;
        }
        plan.slice.insert(inst);
        needed.extend(data.args.iter().copied());
        for region in &data.regions {
            needed.extend(free_values(func, structure, *region));
        }
    }
    let mut outside: Vec<Value> = needed.iter().copied().filter(|v| !structure.inside(*v, root)).collect();
    outside.sort_by_key(|v| structure.order(*v));
    plan.outside.extend(outside.into_iter().map(Item::Value));
    let params = func.regions[root].params.iter().copied();
    plan.params = params.filter(|v| needed.contains(v)).collect();
}
