//! Which results of functions that are called from outside are made where the caller wants them.
//!
//! The mirror image of [`crate::borrow`]. The caller knows the sizes of most results, and has memory for them. So it passes a header with
//! the sizes that it expects, and the place of the elements (less the bytes that a header would have); where the function makes the
//! array that it will give, it looks whether the sizes are these, and takes that place instead of one in its heap. What it gives then is the
//! caller's header, by which the caller sees that the elements are there already. So this is an offer: sizes that differ, a branch that gives
//! another array, or a caller who has no place, are right too.
//!
//! The array that a function gives is followed back through what changes it in place (`set`, additions, loops and branches that carry it) to
//! where it was made:
//!
//! ```text
//! %a0 = fill %zero, %n                          ; the root
//! %a = for %i in 0..%n carry (%x = %a0) {       ; %x, %y and %a are the same object: the chain
//!   %y = add_at %x[%i], %v
//!   yield %y
//! }
//! yield %a
//! ```
//!
//! *Needed:* the root stands outside of all loops, so only one such array is alive; nobody else keeps an array of the chain; and who
//! only reads one can do so where header and elements are apart. *Not here:* arrays that a callee makes; roots in a loop, whose last
//! array is what the function gives. *Cost:* linear.

use crate::borrow::reads;
use dprog_ir::analysis::{CallGraph, Def, Definitions};
use dprog_ir::entity::Entity;
use dprog_ir::{FuncId, Function, Module, Op, Region, Value, walk};
use rustc_hash::{FxHashMap, FxHashSet};

/// An array that may be made in the caller's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Number of the result.
    pub result: usize,
    /// Every value that is this array; some occur more than once.
    pub chain: Vec<Value>,
}

/// What of a function is made in the caller's places.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// For each result whether the caller passes a place for it.
    pub results: Vec<bool>,
    /// By the value that is made.
    pub roots: FxHashMap<Value, Root>,
}

impl Places {
    /// Words that the function takes behind its parameters: two for each place.
    pub fn words(&self) -> usize {
        2 * self.results.iter().filter(|placed| **placed).count()
    }
}

/// Of each function that has any.
pub type Placed = FxHashMap<FuncId, Places>;

/// Decides for the entries that nothing in the program calls.
pub fn placed(module: &Module, calls: &CallGraph, entries: &[FuncId]) -> Placed {
    let free = entries.iter().filter(|id| calls.uses[**id] == 0);
    free.map(|id| (*id, places(&module.funcs[*id]))).filter(|(_, places)| !places.roots.is_empty()).collect()
}

fn places(func: &Function) -> Places {
    let mut places = Places { results: vec![false; func.results.len()], roots: FxHashMap::default() };
    let is_candidate = |v: &Value| {
        let ty = func.value_type(*v);
        ty.is_array() && ty.element().as_scalar().is_some()
    };
    let Some(entry) = func.entry().filter(|entry| func.regions[*entry].yields.iter().any(is_candidate)) else {
        return Places::default();
    };
    let search = Search { func, definitions: Definitions::of_function(func), uses: walk::use_counts(func) };
    for (result, v) in func.regions[entry].yields.iter().enumerate().filter(|(_, v)| is_candidate(v)) {
        for (root, chain) in search.roots(entry, result, *v) {
            places.results[result] = true;
            places.roots.insert(root, Root { result, chain });
        }
    }
    places
}

struct Search<'f> {
    func: &'f Function,
    definitions: Definitions,
    uses: Vec<u32>,
}

impl Search<'_> {
    /// The roots of `v`, which is yield number `index` of a region whose yields leave the function.
    fn roots(&self, region: Region, index: usize, v: Value) -> Vec<(Value, Vec<Value>)> {
        let mut chain = Vec::new();
        let root = self.back(v, &mut chain).filter(|root| self.is_made_in(*root, region));
        if let Some(root) = root {
            let alone = self.is_kept_by_nobody(&chain.iter().copied().collect(), (region, index));
            return if alone { vec![(root, chain)] } else { Vec::new() };
        }
        // Each side of a branch has a root of its own, and only the header that it gives says which.
        match self.result_of_branch(v) {
            Some((sides, k)) if self.uses[v.index()] == 1 => {
                let yielded = |side: &Region| self.roots(*side, k, self.func.regions[*side].yields[k]);
                sides.iter().flat_map(yielded).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    fn result_of_branch(&self, v: Value) -> Option<(&[Region], usize)> {
        let Def::Result(inst, k) = self.definitions.of(v) else { return None };
        let data = &self.func.insts[inst];
        matches!(data.op, Op::If | Op::Switch).then_some((&data.regions[..], k as usize))
    }

    /// Goes back through whatever gives the array that it is given, to where the array comes from. `None` if that is not one place.
    fn back(&self, mut v: Value, chain: &mut Vec<Value>) -> Option<Value> {
        loop {
            chain.push(v);
            let Def::Result(inst, k) = self.definitions.of(v) else { return Some(v) };
            let (data, k) = (&self.func.insts[inst], k as usize);
            v = if matches!(data.op, Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::Unshare) {
                data.args[0]
            } else if data.op == Op::For {
                self.is_carried_on(data.regions[0], 1 + k, k, chain)?;
                data.args[2 + k]
            } else if data.op == Op::While {
                chain.push(self.func.regions[data.regions[0]].params[k]);
                self.is_carried_on(data.regions[1], k, k, chain)?;
                data.args[k]
            } else if matches!(data.op, Op::If | Op::Switch) {
                let mut sides = data.regions.iter().map(|side| self.func.regions[*side].yields[k]);
                let first = self.back(sides.next()?, chain)?;
                if sides.any(|other| self.back(other, chain) != Some(first)) {
                    return None;
                }
                first
            } else {
                return Some(v);
            };
        }
    }

    /// Whether yield `k` of a loop's body is the array that parameter `param` is.
    fn is_carried_on(&self, body: Region, param: usize, k: usize, chain: &mut Vec<Value>) -> Option<()> {
        let data = &self.func.regions[body];
        (self.back(data.yields[k], chain)? == data.params[param]).then_some(())
    }

    fn is_made_in(&self, root: Value, region: Region) -> bool {
        let Def::Result(inst, _) = self.definitions.of(root) else { return false };
        self.definitions.home(inst) == Some(region) && is_root(&self.func.insts[inst].op)
    }

    /// Whether the arrays of a chain are only read, changed in place, or handed on in the chain, of which `end` is the end.
    fn is_kept_by_nobody(&self, chain: &FxHashSet<Value>, end: (Region, usize)) -> bool {
        let func = self.func;
        let mut alone = true;
        walk::for_each_inst(func, func.entry().expect("there is a body"), &mut |inst| {
            let data = &func.insts[inst];
            let goes_on = |k: usize| data.results.get(k).is_some_and(|result| chain.contains(result));
            for (position, _) in data.args.iter().enumerate().filter(|(_, arg)| chain.contains(arg)) {
                alone &= match data.op {
                    Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::Unshare if position == 0 => {
                        goes_on(0)
                    }
                    Op::For => position >= 2 && goes_on(position - 2),
                    Op::While => goes_on(position),
                    Op::Retain | Op::Release => false,
                    Op::AddTangent => position == 1,
                    ref op => reads(op, position),
                };
            }
        });
        walk::for_each_region(func, func.entry().expect("there is a body"), &mut |region| {
            let owner = self.definitions.owner(region).map(|inst| &func.insts[inst]);
            for (k, _) in func.regions[region].yields.iter().enumerate().filter(|(_, v)| chain.contains(v)) {
                let handed_on = owner.is_some_and(|data| {
                    let carries = matches!(data.op, Op::For | Op::While | Op::If | Op::Switch);
                    carries && data.results.get(k).is_some_and(|result| chain.contains(result))
                });
                alone &= handed_on || (region, k) == end;
            }
        });
        alone
    }
}

/// What makes an array whose place can be chosen.
fn is_root(op: &Op) -> bool {
    matches!(
        op,
        Op::Fill
            | Op::ZerosLike
            | Op::Elements
            | Op::Map
            | Op::Build
            | Op::MatMul { .. }
            | Op::MatVec { .. }
            | Op::Outer
    )
}
