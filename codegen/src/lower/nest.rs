//! A recursive function holds its next activations in itself.
//!
//! A call from a function to one that comes back to it is replaced by the callee's body, a few deep, if that is short:
//!
//! ```text
//! f(x, n) = if n == 0 { 1 } else { x · f(x, n − 1) }
//!   → if n == 0 { 1 } else { x · (if n − 1 == 0 { 1 } else { x · (… x · f(x, n − 5) …) }) }
//! ```
//!
//! So several activations share one frame, one look at the stack and one status. What a user sees stays: each activation
//! counts for the limit on depth, and a trap passes the place of each call on its way out. That is why it is done here and
//! not on the IR, where an activation without a call could not be counted.

use super::*;
use dprog_ir::analysis::CallGraph;
use dprog_ir::walk;

/// How deep activations stand in one another, and how many instructions all copies together may have. Found by trying, on
/// recursions with one, two and five calls: more is not faster.
const DEEPEST: u32 = 6;
const MOST_INSTS: usize = 400;

/// What the functions of a module have to do with cycles of calls.
pub struct Cycles {
    component: Vec<u32>,
    /// Of each function in a cycle: its instructions, and its calls in the cycle.
    members: FxHashMap<FuncId, (usize, Vec<FuncId>)>,
}

impl Cycles {
    pub fn of(module: &Module, calls: &CallGraph) -> Cycles {
        let component: Vec<u32> = module.funcs.keys().map(|id| calls.component[id]).collect();
        let recursive = module.funcs.iter().filter(|(id, _)| calls.recursive[*id]);
        let inside = |id: FuncId| {
            let own = component[id.index()];
            calls.callees[id].iter().copied().filter(|callee| component[callee.index()] == own).collect()
        };
        let members = recursive.map(|(id, func)| (id, (walk::insts(func).len(), inside(id)))).collect();
        Cycles { component, members }
    }

    /// How deep activations may stand in one of `id`.
    fn depth(&self, id: FuncId) -> u32 {
        let fits = |depth: &u32| self.insts_left(id, *depth, MOST_INSTS).is_some();
        (1..=DEEPEST).take_while(fits).last().unwrap_or(0)
    }

    /// What is left of the room for instructions behind `id` with activations so deep in it.
    fn insts_left(&self, id: FuncId, depth: u32, room: usize) -> Option<usize> {
        let (insts, calls) = self.members.get(&id)?;
        let room = room.checked_sub(*insts)?;
        if depth == 0 {
            return Some(room);
        }
        calls.iter().try_fold(room, |room, callee| self.insts_left(*callee, depth - 1, room))
    }
}

/// What is set aside of a function while one that it calls is lowered in its place.
struct Outer<'p> {
    func: &'p Function,
    values: Vec<Option<V>>,
    definitions: Vec<Option<Inst>>,
    pushes: FxHashMap<Value, usize>,
    bases: FxHashMap<Value, V>,
    failed: Option<Block>,
    exit: Option<(Block, &'p [Value])>,
    growing: FxHashSet<Value>,
    sizes: FxHashMap<Value, V>,
    left: Option<V>,
    loc: SrcLoc,
}

impl<'p, M: ClifModule> Lower<'_, 'p, M> {
    /// How many activations are still to stand in one of `id`, which is being lowered.
    pub(super) fn activations_in(&self, id: FuncId) -> u32 {
        self.program.cycles.depth(id)
    }

    /// Whether a call of `callee` gives way to its body.
    pub(super) fn nests(&self, callee: FuncId) -> bool {
        let component = &self.program.cycles.component;
        self.nested > 0 && component[callee.index()] == component[self.id.index()]
    }

    /// The body of `callee` in the place of a call, whose operands are `data`'s.
    pub(super) fn nest(&mut self, callee: FuncId, data: &InstData) {
        let args: Vec<(V, V)> = data.args.iter().map(|v| (self.get(*v), self.base(*v))).collect();
        let outer = self.step_in(callee);
        let entry = self.func.entry().expect("a function that is called has a body");
        let yields = &self.func.regions[entry].yields;
        let (join, with_size) = (self.block(&self.kinds(yields)), self.with_size(yields));
        self.exit = Some((join, yields));
        let borrowed = self.program.borrowed.get(&callee).cloned().unwrap_or_default();
        for (k, (param, (v, base))) in self.func.regions[entry].params.iter().zip(args).enumerate() {
            self.values[param.index()] = Some(v);
            if borrowed.get(k) == Some(&true) {
                self.bases.insert(*param, base);
            }
        }
        self.count_activation();
        self.region_and_return(entry);
        let failed = self.step_out(outer);
        if let Some(failed) = failed {
            self.note_place(failed);
        }
        self.b.switch_to_block(join);
        let params = self.params(join);
        self.set_all(&data.results, &params);
        let sizes = with_size.into_iter().zip(&params[data.results.len()..]);
        sizes.for_each(|(k, size)| {
            self.sizes.insert(data.results[k], *size);
        });
    }

    fn step_in(&mut self, callee: FuncId) -> Outer<'p> {
        let func = &self.program.module.funcs[callee];
        self.nested -= 1;
        Outer {
            func: std::mem::replace(&mut self.func, func),
            values: std::mem::replace(&mut self.values, vec![None; func.values.len()]),
            definitions: std::mem::replace(&mut self.definitions, vec![None; func.values.len()]),
            pushes: std::mem::replace(&mut self.pushes, array::pushes_per_trip(func)),
            bases: std::mem::take(&mut self.bases),
            failed: self.failed.take(),
            exit: self.exit,
            growing: std::mem::replace(&mut self.growing, sizes::growing(func)),
            sizes: std::mem::take(&mut self.sizes),
            left: self.left,
            loc: self.loc,
        }
    }

    /// Goes on with the outer function. Gives the block to which traps of the inner one lead.
    fn step_out(&mut self, outer: Outer<'p>) -> Option<Block> {
        self.nested += 1;
        self.func = outer.func;
        self.values = outer.values;
        self.definitions = outer.definitions;
        self.pushes = outer.pushes;
        self.bases = outer.bases;
        self.exit = outer.exit;
        self.growing = outer.growing;
        self.sizes = outer.sizes;
        self.left = outer.left;
        self.loc = outer.loc;
        std::mem::replace(&mut self.failed, outer.failed)
    }
}
