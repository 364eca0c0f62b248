//! A recursive function holds its next activations in itself.
//!
//! A call from a function to one that comes back to it is replaced by the callee's body, a few deep, if that is short:
//!
//! ```text
//! f(x, n) = if n == 0 { 1 } else { x · f(x, n − 1) }
//!   → if n == 0 { 1 } else { x · (if n − 1 == 0 { 1 } else { x · (… x · f(x, n − 5) …) }) }
//! ```
//!
//! So several activations share one frame, one look at the stack and at the number of activations that are left, and one status. What a
//! user sees stays: each activation counts for the limit on depth, and a trap passes the place of each call on its way out. That is why it
//! is done here and not on the IR, where an activation without a call could not be counted. Close to the limit the function runs as it is
//! written, one activation at a time, and each looks for itself.

use super::room::{Next, next_uses};
use super::*;
use dprog_ir::analysis::CallGraph;
use dprog_ir::walk;

/// How deep activations stand in one another, and how many instructions the copies in one function may have together. Found by
/// trying, on recursions with one, two and five calls: more is hardly faster.
const DEEPEST: u32 = 6;
const MOST_INSTS: usize = 400;
/// How many instructions copies may add to a module: about as many as are compiled in ten milliseconds. Functions come in their
/// order, and derivatives of a higher order have greater numbers, so these are what goes without.
const MOST_IN_ALL: usize = 3000;

/// What the functions of a module have to do with cycles of calls.
pub struct Cycles {
    component: Vec<u32>,
    /// How deep activations stand in one of each function.
    depths: FxHashMap<FuncId, u32>,
}

/// Of each function in a cycle: its instructions, and its calls in the cycle.
type Members = FxHashMap<FuncId, (usize, Vec<FuncId>)>;

impl Cycles {
    pub fn of(module: &Module, calls: &CallGraph, reachable: impl Fn(FuncId) -> bool) -> Cycles {
        let component: Vec<u32> = module.funcs.keys().map(|id| calls.component[id]).collect();
        let recursive = || module.funcs.iter().filter(|(id, _)| calls.recursive[*id] && reachable(*id));
        let inside = |id: FuncId| {
            let own = component[id.index()];
            calls.callees[id].iter().copied().filter(|callee| component[callee.index()] == own).collect()
        };
        let members: Members = recursive().map(|(id, func)| (id, (walk::insts(func).len(), inside(id)))).collect();
        let (light, heavy): (Vec<_>, Vec<_>) = recursive().partition(|(_, func)| is_light(func));
        let (mut room, mut depths) = (MOST_IN_ALL, FxHashMap::default());
        for (id, _) in light.into_iter().chain(heavy) {
            let (depth, more) = depth(&members, id, room);
            room -= more;
            depths.insert(id, depth);
        }
        Cycles { component, depths }
    }
}

/// Whether calls are much of what a function does: it has no loops, makes no objects and does nothing with whole arrays.
fn is_light(func: &Function) -> bool {
    let is_scalar = |op: &Op| match op {
        Op::Const(_) | Op::Undef | Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select => true,
        Op::Convert(_) | Op::StopGrad | Op::Dim(_) | Op::Get(_) | Op::Push | Op::NodeTag | Op::NodeGet { .. } => true,
        Op::If | Op::Switch | Op::Call(_) | Op::Check(_) | Op::Retain => true,
        Op::Fill | Op::Elements | Op::Set(_) | Op::Take(_) | Op::Put | Op::AddAt(_) | Op::Slice(_) => false,
        Op::SetSlice(_) | Op::AddSlice(_) | Op::Pop | Op::Reshape | Op::Map | Op::Build | Op::Reduce(_) => false,
        Op::Dot | Op::MatMul { .. } | Op::MatVec { .. } | Op::Outer | Op::SortPermutation => false,
        Op::NodeNew { .. } | Op::ZerosLike | Op::AddTangent | Op::Concat | Op::Format(_) => false,
        Op::For | Op::While | Op::Trap | Op::Host(_) | Op::Release | Op::Unshare => false,
    };
    walk::insts(func).into_iter().all(|inst| is_scalar(&func.insts[inst].op))
}

/// How deep activations stand in one of `id`, and how many instructions that adds.
fn depth(members: &Members, id: FuncId, room: usize) -> (u32, usize) {
    let own = members[&id].0;
    let most = MOST_INSTS.min(own + room);
    let more = |depth: u32| Some((depth, most - insts_left(members, id, depth, most)? - own));
    (1..=DEEPEST).map_while(more).last().unwrap_or((0, 0))
}

/// What is left of the room for instructions behind `id` with activations so deep in it.
fn insts_left(members: &Members, id: FuncId, depth: u32, room: usize) -> Option<usize> {
    let (insts, calls) = members.get(&id)?;
    let room = room.checked_sub(*insts)?;
    if depth == 0 {
        return Some(room);
    }
    calls.iter().try_fold(room, |room, callee| insts_left(members, *callee, depth - 1, room))
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
    next_uses: FxHashMap<Value, Next>,
    room: FxHashMap<Value, usize>,
    pushes_around: Vec<usize>,
    left: Option<V>,
    loc: SrcLoc,
}

impl<'p, M: ClifModule> Lower<'_, 'p, M> {
    /// The function without inner activations, for when there might be too many.
    pub(super) fn one_by_one(&mut self, block: Block, params: &[V]) {
        self.b.switch_to_block(block);
        let func = self.func;
        self.values = vec![None; func.values.len()];
        self.definitions = vec![None; func.values.len()];
        (self.bases, self.sizes, self.room) = Default::default();
        self.folded = FxHashMap::default();
        (self.nested, self.values_at_call) = (0, 0);
        let entry = func.entry().expect("a function that is called has a body");
        self.bind(entry, params);
        self.count_depth();
        self.region_and_return(entry);
    }

    /// How many activations are still to stand in one of `id`, which is being lowered.
    pub(super) fn activations_in(&self, id: FuncId) -> u32 {
        self.program.cycles.depths.get(&id).copied().unwrap_or(0)
    }

    /// Whether a call of `callee` gives way to its body.
    pub(super) fn nests(&self, callee: FuncId) -> bool {
        let component = &self.program.cycles.component;
        self.nested > 0 && component[callee.index()] == component[self.id.index()]
    }

    /// The body of `callee` in the place of a call, whose operands are `data`'s.
    pub(super) fn nest(&mut self, callee: FuncId, data: &InstData) {
        let args: Vec<(V, V)> = data.args.iter().map(|v| (self.get(*v), self.base(*v))).collect();
        let pushes_after: Vec<usize> = data.results.iter().map(|v| self.pushes_after(*v)).collect();
        let outer = self.step_in(callee);
        let entry = self.func.entry().expect("a function that is called has a body");
        let yields = &self.func.regions[entry].yields;
        let (join, with_size) = (self.block(&self.kinds(yields)), self.with_size(yields));
        self.exit = Some((join, yields));
        // The size of a list that goes on being pushed to is in a register only.
        let around = |k: usize| if with_size.contains(&k) { pushes_after[k] } else { 0 };
        self.pushes_around = (0..yields.len()).map(around).collect();
        let room = self.pushes_around.clone();
        let borrowed = self.program.borrowed.get(&callee).cloned().unwrap_or_default();
        for (k, (param, (v, base))) in self.func.regions[entry].params.iter().zip(args).enumerate() {
            self.values[param.index()] = Some(v);
            if borrowed.get(k) == Some(&true) {
                self.bases.insert(*param, base);
            }
        }
        let left = self.left.expect("a function that counts is given the number");
        self.left = Some(self.b.ins().iadd_imm_s(left, -1));
        self.region_and_return(entry);
        let failed = self.step_out(outer);
        if let Some(failed) = failed {
            self.note_place(failed);
        }
        self.b.switch_to_block(join);
        let params = self.params(join);
        self.set_all(&data.results, &params);
        self.room.extend(data.results.iter().copied().zip(room));
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
            next_uses: std::mem::replace(&mut self.next_uses, next_uses(func)),
            room: std::mem::take(&mut self.room),
            pushes_around: std::mem::take(&mut self.pushes_around),
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
        self.next_uses = outer.next_uses;
        self.room = outer.room;
        self.pushes_around = outer.pushes_around;
        self.left = outer.left;
        self.loc = outer.loc;
        std::mem::replace(&mut self.failed, outer.failed)
    }
}
