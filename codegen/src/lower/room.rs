//! Room in lists to which one push follows another.
//!
//! A push looks whether there is room, and writes the new size back. Where it is certain that more pushes to the list follow, in the same
//! region or in the activations around that stand in the same function ([`super::nest`]), the first one looks for all, and the last
//! one writes the size for all:
//!
//! ```text
//! f(n, s) = if n == 0 { s } else { %s1 = call f(n − 1, s); %s2 = push %s1, …; %s2 }
//! ```
//!
//! With activations in one another, the side that pushes nothing makes sure that there is room for all around it. In the
//! list's header the size is old in between; who makes it larger writes it first.

use super::array::MOST_AT_ONCE;
use super::*;
use dprog_ir::walk;

/// The only use of a list, if it comes for certain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// A push that gives this.
    Push(Value),
    /// It is the function's result of this number.
    Result(usize),
}

/// What happens next to the lists of a function.
pub(super) fn next_uses(func: &Function) -> FxHashMap<Value, Next> {
    let mut found = FxHashMap::default();
    let Some(entry) = func.entry() else { return found };
    if !func.insts.values().any(|data| data.op == Op::Push) {
        return found;
    }
    let mut uses = vec![0u32; func.values.len()];
    walk::for_each_use(func, entry, &mut |v| uses[v.index()] += 1);
    let once = |v: &Value| uses[v.index()] == 1;
    walk::for_each_region(func, entry, &mut |region| {
        let region = &func.regions[region];
        let own: FxHashSet<Value> = region.insts.iter().flat_map(|inst| &func.insts[*inst].results).copied().collect();
        let pushes = region.insts.iter().map(|inst| &func.insts[*inst]).filter(|data| data.op == Op::Push);
        let certain = pushes.filter(|data| once(&data.args[0]) && own.contains(&data.args[0]));
        found.extend(certain.map(|data| (data.args[0], Next::Push(data.results[0]))));
    });
    mark_results(func, entry, &once, &mut found);
    found
}

/// Marks what regions with which the function ends yield.
fn mark_results(func: &Function, region: Region, once: &impl Fn(&Value) -> bool, found: &mut FxHashMap<Value, Next>) {
    let data = &func.regions[region];
    let last = data.insts.last().map(|inst| &func.insts[*inst]);
    if let Some(branch) = last.filter(|last| last.op == Op::If && last.results[..] == data.yields[..]) {
        return branch.regions.iter().for_each(|side| mark_results(func, *side, once, found));
    }
    let own: FxHashSet<Value> = data.insts.iter().flat_map(|inst| &func.insts[*inst].results).copied().collect();
    let yields = data.yields.iter().enumerate().filter(|(_, v)| once(v) && own.contains(v));
    found.extend(yields.map(|(k, v)| (*v, Next::Result(k))));
}

impl<M: ClifModule> Lower<'_, '_, M> {
    /// How many pushes are certain to follow on a list.
    pub(super) fn pushes_after(&self, list: Value) -> usize {
        let (mut count, mut at) = (0, list);
        while let Some(Next::Push(next)) = self.next_uses.get(&at) {
            (count, at) = (count + 1, *next);
        }
        let around = match self.next_uses.get(&at) {
            Some(Next::Result(k)) => self.pushes_around.get(*k).copied().unwrap_or(0),
            Some(Next::Push(_)) | None => 0,
        };
        (count + around).min(MOST_AT_ONCE)
    }

    /// The values with which an inner activation ends, with room in those that go on being pushed to.
    pub(super) fn with_room(&mut self, region: Region, values: &mut [V]) {
        let func = self.func;
        let yields = &func.regions[region].yields;
        for (k, list) in yields.iter().enumerate() {
            let wanted = self.pushes_around.get(k).copied().unwrap_or(0);
            if wanted > self.room.get(list).copied().unwrap_or(0) {
                let size = self.size_of(*list);
                values[k] = self.make_room(values[k], self.ty(*list), size, wanted);
            }
        }
    }
}
