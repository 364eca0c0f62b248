//! Which primal values a reverse sweep needs, and how it gets each: data, made before anything is written.
//!
//! The sweep is run once on paper: the code that emits it runs on a scratch function and records what it asks the primal
//! for ([`Recorder`]). So what is *to be recorded* (TBR, [HNP05]) is by construction what the rules read. Then
//! [`Plan::decide`] settles for each item, in the order of the primal:
//!
//! - *direct*: the sweep follows in the same region, the value is in scope;
//! - *given*: a parameter, which the caller hands to the sweep once more;
//! - *forwards*: what a loop carries beside its sums, where the sweep of the loop goes forwards and does the same again;
//! - *backwards*: a number that a loop counts up, which the sweep counts down;
//! - *recompute*: had by a few cheap operations from what the sweep has anyway;
//! - *keep*: a slot on the tape.
//!
//! and lays out the tape: every region has a list of slots, its own kept items first and then the bundles of the
//! instructions in it. A branch hands its slots out as extra results (shared with the other branches by type), a loop as
//! arrays indexed by the trip, a call as extra results of `f.aug`. Where loops stand in an uncounted loop, or uncounted ones in a
//! counted one, arrays in arrays would be an allocation for each run of the inner loop; such a *nest* has its slots, if all
//! are scalars, on stacks that go through its loops, like those of a recursion ([`super::stacks`]).
//!
//! Before, in a loop: `%s1 = mul %s, %x`, the adjoint of which reads `%s`. After: `%s` in slot 0 of the body, and the
//! loop carries one more array into which the body sets it.
//!
//! *Not here:* a minimum cut over what can be had from what, as Enzyme makes it [MC20]; the greedy choice in program
//! order keeps a little more. Cost: linear in the primal.

use crate::analysis::accumulated::is_forward;
use crate::analysis::structure::Def;
use crate::context::Active;
use crate::reverse::Reverse;
use crate::reverse::control::body_of;
use crate::reverse::item::Item;
use crate::reverse::stacks::{Activation, Activations, types_of_nest};
use dprog_ir::{
    BinaryOp, Const, FuncId, Function, Inst, InstData, Op, Region, Scalar, SrcLoc, Type, UnaryOp, Value, walk,
};
use indexmap::IndexSet;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::fmt::Write;
use std::hash::BuildHasherDefault;
use std::rc::Rc;

type Ordered<T> = IndexSet<T, BuildHasherDefault<FxHasher>>;

/// What a sweep on paper has asked for.
#[derive(Debug)]
pub struct Recorder {
    pub needs: Ordered<Item>,
    /// Plans of the bodies of `map` and `build`, which are run again within the sweep.
    pub inline: FxHashMap<Inst, Rc<Plan>>,
    /// Instructions with regions that the sweep goes through.
    pub swept: FxHashSet<Inst>,
    /// Calls that the sweep goes through.
    pub calls: FxHashMap<Inst, Rc<Reverse>>,
    pub fused: Option<Rc<Fused>>,
    /// Loops of which only the last trip is swept ([`super::last`]).
    pub last: FxHashSet<Inst>,
}

/// A loop or a call of the root region whose sweep goes with the primal ([`super::fused`]).
#[derive(Debug)]
pub struct Fused {
    pub inst: Inst,
    /// Of the loop's body; none if it is a call of a recursion that is swept with its primal.
    pub plan: Option<Rc<Plan>>,
    /// It, and what of the primal comes after it.
    pub late: FxHashSet<Inst>,
}

impl Recorder {
    pub fn new() -> Recorder {
        Recorder {
            needs: Ordered::default(),
            inline: FxHashMap::default(),
            swept: FxHashSet::default(),
            calls: FxHashMap::default(),
            fused: None,
            last: FxHashSet::default(),
        }
    }
}

/// Where the sweep of a root region stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setting {
    /// After the primal, in the same region: values of the root region are in scope.
    Direct,
    /// The same for the body of a loop, the sweep of which goes with the primal.
    Trip,
    /// The same in the regions with which a recursion ends ([`super::joint`]).
    Joint,
    /// In a function of its own, that is handed the tape and such parameters as it needs.
    Apart { given: Given },
}

/// Which parameters a caller hands to a sweep apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    None,
    /// An inner activation of a recursion has its arrays and nodes from nowhere but its tape.
    Scalars,
    /// Where it finds the nodes for the next one in its own, it has these too: a recursion over a tree.
    ScalarsAndNodes,
    All,
}

/// How the sweep gets an item.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fetch {
    Direct,
    Given,
    /// The counter of a `for`: the sweep counts too.
    Counter,
    /// A value that an inactive computation carries through a loop that is swept forwards: the sweep carries it too.
    Forwards,
    /// An integer to which each trip of a `for` adds the same: the sweep begins with the last one, and subtracts.
    Backwards,
    Recompute,
    Keep,
}

/// What a slot of the tape holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    Item(Item),
    /// Part `k` of the bundle of an instruction.
    Bundle(Inst, usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    pub source: Source,
    pub ty: Type,
}

/// The slots of one type that a trip of a loop leaves: they lie side by side in one array.
#[derive(Debug)]
pub struct Frame {
    pub ty: Type,
    /// Their numbers in the layout of the body.
    pub slots: Vec<usize>,
}

/// The slots of a loop's body by type, in the order in which types first occur.
pub fn frames(slots: &[Type]) -> Vec<Frame> {
    let mut frames: Vec<Frame> = Vec::new();
    for (k, ty) in slots.iter().enumerate() {
        match frames.iter_mut().find(|frame| frame.ty == *ty) {
            Some(frame) => frame.slots.push(k),
            None => frames.push(Frame { ty: *ty, slots: vec![k] }),
        }
    }
    frames
}

/// What each trip does to a number that a loop counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    pub by: Value,
    /// It is subtracted.
    pub down: bool,
}

/// How the sweep has what the next trip carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Again {
    /// It recomputes it.
    Computed,
    /// The sweep of an inner loop ends with it.
    Inner,
}

/// See the module's description.
#[derive(Debug)]
pub struct Plan {
    pub root: Region,
    /// The regions of which values are in scope where their sweep is.
    pub direct: FxHashSet<Region>,
    pub setting: Setting,
    pub fetch: FxHashMap<Item, Fetch>,
    /// Items to be recomputed when the sweep of a region begins, in order.
    pub recompute: FxHashMap<Region, Vec<Item>>,
    /// For the body of a loop: what is counted, by the number of the result.
    pub backwards: FxHashMap<Region, Vec<(usize, Step)>>,
    /// For the body of a loop that is swept forwards: what the sweep carries, by the number of the result.
    pub forwards: FxHashMap<Region, Vec<(usize, Again)>>,
    /// Sizes and winners to be noted in the primal when the value is defined.
    pub notes: FxHashMap<Value, Vec<Item>>,
    pub layouts: FxHashMap<Region, Vec<Slot>>,
    pub bundles: FxHashMap<Inst, Vec<Type>>,
    /// For each slot of a branch the part of the bundle that it shares.
    pub shares: FxHashMap<Region, Vec<usize>>,
    pub inline: FxHashMap<Inst, Rc<Plan>>,
    pub calls: FxHashMap<Inst, Rc<Reverse>>,
    /// In a recursion: the calls whose tape goes on the stacks, and the control around them. In a nest of loops on stacks:
    /// the control through which these go.
    pub threaded: FxHashSet<Inst>,
    /// In a recursion: the regions whose slots go on the stacks, the root, branches and trips of loops, but for those in loops that
    /// leave arrays.
    pub pushed: Ordered<Region>,
    /// The outermost loops of nests whose slots go on stacks. The last parts of the bundle of such a loop are these.
    pub nests: FxHashSet<Inst>,
    /// The root is the body of a loop that carries stacks, on which all that is kept in a trip goes.
    pub carries_stacks: bool,
    pub fused: Option<Rc<Fused>>,
    /// Loops of which only the last trip is swept ([`super::last`]). Their bundles are its slots.
    pub last: FxHashSet<Inst>,
    /// What regions in such nests put on the stacks.
    pub activations: Activations,
    /// Values from outside the root that the sweep, or the primal run again before it, uses.
    pub outside: Ordered<Item>,
    /// For a root that is run again: the instructions of the root region that must be.
    pub slice: FxHashSet<Inst>,
    /// For such a root: the parameters that these or the sweep read.
    pub params: FxHashSet<Value>,
    /// Some tape does not fit the types of the IR; here.
    pub too_deep: Option<SrcLoc>,
}

impl Plan {
    pub fn decide(active: &Active, root: Region, setting: Setting, recorder: Recorder) -> Plan {
        let direct = matches!(setting, Setting::Direct | Setting::Trip).then_some(root);
        Plan::decide_in(active, root, setting, recorder, direct.into_iter().collect())
    }

    /// The plan of a sweep in the scope of all these regions.
    pub fn decide_in(
        active: &Active,
        root: Region,
        setting: Setting,
        recorder: Recorder,
        direct: FxHashSet<Region>,
    ) -> Plan {
        let Recorder { needs, inline, swept, calls, fused, last } = recorder;
        let plan = Plan {
            root,
            direct,
            setting,
            fetch: FxHashMap::default(),
            recompute: FxHashMap::default(),
            backwards: FxHashMap::default(),
            forwards: FxHashMap::default(),
            notes: FxHashMap::default(),
            layouts: FxHashMap::default(),
            bundles: FxHashMap::default(),
            shares: FxHashMap::default(),
            inline,
            calls,
            threaded: FxHashSet::default(),
            pushed: Ordered::default(),
            nests: FxHashSet::default(),
            carries_stacks: false,
            fused,
            last,
            activations: Activations::default(),
            outside: Ordered::default(),
            slice: FxHashSet::default(),
            params: FxHashSet::default(),
            too_deep: None,
        };
        let needed = needs.iter().copied().collect();
        let mut decider = Decider { active, plan, needed, swept, kept: FxHashMap::default(), loops: 0, in_nest: false };
        decider.settle(needs);
        decider.list_recomputed();
        if setting == Setting::Trip && decider.fits_stacks(root) {
            (decider.in_nest, decider.plan.carries_stacks) = (true, true);
        }
        decider.layout(root);
        let mut inner: Vec<Region> = decider.plan.direct.iter().copied().filter(|region| *region != root).collect();
        inner.sort_unstable();
        inner.into_iter().for_each(|region| {
            decider.layout(region);
        });
        if decider.plan.is_recursion() {
            decider.plan.pushed.insert(root);
        }
        decider.plan
    }

    /// The slots of a region's tape.
    pub fn layout(&self, region: Region) -> &[Slot] {
        self.layouts.get(&region).map_or(&[], |slots| slots)
    }

    /// Whether values of a region are in scope where the sweep is.
    fn has_direct(&self, home: Region) -> bool {
        self.direct.contains(&home)
    }

    /// Whether what is kept goes on the stacks of a recursion.
    pub fn is_recursion(&self) -> bool {
        matches!(self.setting, Setting::Apart { given: Given::None | Given::Scalars | Given::ScalarsAndNodes })
    }

    /// The frames of a loop's body; none if its slots go on stacks.
    pub fn frames(&self, body: Region) -> Vec<Frame> {
        if self.activations.contains_key(&body) || self.pushed.contains(&body) {
            return Vec::new();
        }
        let types: Vec<Type> = self.layout(body).iter().map(|slot| slot.ty).collect();
        frames(&types)
    }

    pub fn bundle(&self, inst: Inst) -> &[Type] {
        self.bundles.get(&inst).map_or(&[], |types| types)
    }

    /// The bundle without the stacks that begin with the instruction.
    pub fn bundle_beside_stacks(&self, inst: Inst) -> &[Type] {
        let bundle = self.bundle(inst);
        let stacks = if self.nests.contains(&inst) { types_of_nest().len() } else { 0 };
        &bundle[..bundle.len() - stacks]
    }

    /// The items that are in scope where the sweep of the root begins.
    pub fn direct_items(&self) -> impl Iterator<Item = Item> + '_ {
        self.fetch.iter().filter(|(_, fetch)| **fetch == Fetch::Direct).map(|(item, _)| *item)
    }

    /// Whether a node is kept.
    pub fn keeps_nodes(&self, func: &Function) -> bool {
        let is_node = |item: &Item| matches!(item, Item::Value(v) if func.value_type(*v).as_node().is_some());
        self.fetch.iter().any(|(item, fetch)| *fetch == Fetch::Keep && is_node(item))
    }

    /// The parameters of the primal that the caller of an apart sweep hands over.
    pub fn given(&self, params: &[Value]) -> Vec<usize> {
        let is_given = |v: &Value| self.fetch.get(&Item::Value(*v)) == Some(&Fetch::Given);
        params.iter().enumerate().filter(|(_, v)| is_given(v)).map(|(k, _)| k).collect()
    }

    /// The plan as text: a line for each item, in the order of the primal.
    pub fn describe(&self, active: &Active) -> String {
        let primal = &active.primal;
        let mut items: Vec<(&Item, &Fetch)> = self.fetch.iter().collect();
        items.sort_by_key(|(item, _)| sort_key(active, **item));
        let mut text = String::new();
        for (item, fetch) in items {
            let v = item.base(primal);
            let name = primal.func.values[v].name.clone().unwrap_or_else(|| format!("{v:?}").into());
            let what = match item {
                Item::Value(_) => format!("%{name}"),
                Item::Dim(_, axis) => format!("dim {axis} of %{name}"),
                Item::Winner(_) => format!("winner of %{name}"),
                Item::Replaced(_) => format!("replaced by %{name}"),
                Item::ReplacedDim(_, axis) => format!("dim {axis} of replaced by %{name}"),
            };
            let how = format!("{fetch:?}").to_lowercase();
            writeln!(text, "{how} {what}").expect("writing to a string");
        }
        text
    }
}

fn sort_key(active: &Active, item: Item) -> (u32, u8) {
    let kind = match item {
        Item::Value(_) => 0,
        Item::Dim(_, axis) => axis + 1,
        Item::Winner(_) | Item::Replaced(_) => u8::MAX,
        Item::ReplacedDim(_, axis) => u8::MAX - 1 - axis,
    };
    (active.primal.structure.order(item.base(&active.primal)), kind)
}

struct Decider<'a> {
    active: &'a Active,
    plan: Plan,
    needed: FxHashSet<Item>,
    swept: FxHashSet<Inst>,
    kept: FxHashMap<Region, Vec<Item>>,
    /// How many loops are around what is being laid out.
    loops: u32,
    /// Whether a nest on stacks is.
    in_nest: bool,
}

/// A value is recomputed if that takes at most so many operations. Chosen by feeling: a slot costs a store and a load.
const BUDGET: u32 = 8;

/// What an elementary function counts where it may be computed twice: so much that there is one of them in what is recomputed for a value.
const ELEMENTARY: u32 = 4;

/// A counted loop with no more trips is cheaper with its slots on a stack than with an array of its own. A guess: an array
/// costs some ten nanoseconds, a look at the room of a stack less than one.
const FEW_TRIPS: i64 = 16;

impl Decider<'_> {
    fn settle(&mut self, needs: Ordered<Item>) {
        let mut items: Vec<Item> = needs.into_iter().collect();
        items.sort_by_key(|item| sort_key(self.active, *item));
        // What the caller must hand over anyway is there for recomputing other things from.
        let given: Vec<Item> = items.iter().copied().filter(|item| self.is_given(*item)).collect();
        given.into_iter().for_each(|item| self.fetch(item, Fetch::Given));
        for item in items {
            self.settle_one(item);
        }
    }

    fn settle_one(&mut self, item: Item) {
        let active = self.active;
        let primal = &active.primal;
        let v = item.base(primal);
        let home = primal.structure.home(v);
        if self.plan.fetch.contains_key(&item) || (item == Item::Value(v) && self.goes_forwards(v)) {
            return;
        }
        if !primal.structure.inside(v, self.plan.root) {
            self.plan.outside.insert(item);
            return;
        }
        if self.plan.has_direct(home) {
            self.fetch(item, Fetch::Direct);
            return self.note(item, v);
        }
        let fetch = match item {
            Item::Winner(_) | Item::Replaced(_) | Item::ReplacedDim(..) => Fetch::Keep,
            Item::Dim(v, _) if self.plan.fetch.contains_key(&Item::Value(v)) => Fetch::Recompute,
            Item::Dim(..) => Fetch::Keep,
            Item::Value(v) => match self.cost(v, BUDGET) {
                Some(_) => return self.use_freely(v),
                None => Fetch::Keep,
            },
        };
        self.fetch(item, fetch);
        if fetch == Fetch::Keep {
            self.note(item, v);
            self.kept.entry(home).or_default().push(item);
        }
    }

    fn fetch(&mut self, item: Item, fetch: Fetch) {
        self.plan.fetch.insert(item, fetch);
    }

    fn note(&mut self, item: Item, v: Value) {
        if !matches!(item, Item::Value(_)) {
            self.plan.notes.entry(v).or_default().push(item);
        }
    }

    /// Whether the item is a parameter of the primal that the caller hands over.
    fn is_given(&self, item: Item) -> bool {
        let Item::Value(v) = item else { return false };
        let Def::Param { index, .. } = self.active.primal.structure.def(v) else { return false };
        let ty = self.active.func().value_type(v);
        let is_held_node = || ty.as_node().is_some() && self.is_held(v, index) && self.active.primal.is_stable(v);
        let allowed = match self.plan.setting {
            Setting::Direct | Setting::Trip | Setting::Joint | Setting::Apart { given: Given::None } => false,
            Setting::Apart { given: Given::Scalars } => !ty.is_heap(),
            Setting::Apart { given: Given::ScalarsAndNodes } => !ty.is_heap() || is_held_node(),
            Setting::Apart { given: Given::All } => true,
        };
        allowed && self.active.primal.structure.home(v) == self.plan.root
    }

    /// Operations that it takes to have `v` in the sweep without a new slot, if that is possible within `budget`.
    fn cost(&self, v: Value, budget: u32) -> Option<u32> {
        let primal = &self.active.primal;
        let (structure, func) = (&primal.structure, &primal.func);
        let home = structure.home(v);
        if self.plan.fetch.contains_key(&Item::Value(v)) || !structure.inside(v, self.plan.root) {
            return Some(0);
        }
        if self.plan.has_direct(home) {
            return Some(0);
        }
        match structure.def(v) {
            Def::Param { region, index } => {
                let counter = index == 0 && structure.owner(region).is_some_and(|inst| func.insts[inst].op == Op::For);
                let had = counter || (self.is_given(Item::Value(v)) && self.is_held(v, index));
                had.then_some(0).or_else(|| self.step(v).map(|_| 1))
            }
            Def::Result { inst, .. } => {
                let data = &func.insts[inst];
                let first = data.args.first().map(|a| func.value_type(*a));
                let rereads_stable = match data.op {
                    // A row is mostly read by elements, where it comes from.
                    Op::Get(_) => {
                        let whole = data.args.len() == first?.rank() + 1;
                        self.may_reread(data.args[0]) && (whole || first?.element().is_float())
                    }
                    _ => true,
                };
                let cost = operation_cost(&data.op, first.and_then(Type::as_scalar)).filter(|_| rereads_stable);
                let cost = cost.or_else(|| self.cost_of_division(data));
                let mut cost = cost.or_else(|| self.cost_in_element(home, data))?;
                for (k, arg) in data.args.iter().enumerate() {
                    let left = budget.checked_sub(cost)?;
                    cost += self.cost(*arg, left).or_else(|| (k == 0 && self.reads_all_of(data)).then_some(1))?;
                }
                (cost <= budget).then_some(cost)
            }
        }
    }

    /// Whether counted loops run over all elements of an array that each trip of a loop around them has anew, and this reads
    /// them one by one. Keeping the array, to which nothing happens, is one reference; the elements would be as many slots.
    fn reads_all_of(&self, data: &InstData) -> bool {
        let Some(x) = data.args.first().filter(|_| matches!(data.op, Op::Get(_))) else { return false };
        let primal = &self.active.primal;
        let levels = self.counted_loops_around(primal.structure.home(*x));
        let ty = primal.func.value_type(*x);
        let fits = levels.is_some_and(|levels| ty.level_count() + levels as usize <= Type::MAX_LEVELS);
        let is_float = ty.is_array() && ty.element().is_float() && data.args.len() == ty.rank() + 1;
        let own = |(k, index): (usize, &Value)| self.runs_over(*x, *index) && !data.args[k + 2..].contains(index);
        fits && is_float
            && !self.plan.is_recursion()
            && self.may_reread(*x)
            && data.args[1..].iter().enumerate().all(own)
    }

    /// Whether `index` counts from 0, to no constant, in a loop that begins where `x` is there.
    fn runs_over(&self, x: Value, index: Value) -> bool {
        let (primal, structure) = (&self.active.primal, &self.active.primal.structure);
        let Def::Param { region, index: 0 } = structure.def(index) else { return false };
        let Some(owner) = structure.owner(region) else { return false };
        let data = &primal.func.insts[owner];
        let constant = |v: Value| match primal.producer(v).map(|inst| &primal.func.insts[inst].op) {
            Some(Op::Const(Const::I64(n))) => Some(*n),
            Some(_) | None => None,
        };
        let whole = data.op == Op::For && constant(data.args[0]) == Some(0) && constant(data.args[1]).is_none();
        whole && structure.inside(index, structure.home(x)) && structure.home(x) != region
    }

    /// How many loops of the root stand around a region, if all are counted.
    fn counted_loops_around(&self, region: Region) -> Option<u32> {
        let primal = &self.active.primal;
        let (mut at, mut loops) = (region, 0);
        while at != self.plan.root {
            let owner = primal.structure.owner(at)?;
            match primal.func.insts[owner].op {
                Op::For => loops += 1,
                Op::If | Op::Switch => {}
                _ => return None,
            }
            at = primal.structure.home_of_inst(owner);
        }
        Some(loops)
    }

    /// Of an elementary function in a loop for one element of a comprehension. Kept, it would be in an array of its own for each element,
    /// and then neighbouring elements could not be computed several at a time, which makes up for computing it twice.
    fn cost_in_element(&self, home: Region, data: &InstData) -> Option<u32> {
        let primal = &self.active.primal;
        let owner = primal.structure.owner(self.plan.root)?;
        let in_element = matches!(primal.func.insts[owner].op, Op::Build | Op::Map) && home != self.plan.root;
        let is_elementary =
            matches!(data.op, Op::Unary(op) if !matches!(op, UnaryOp::Lgamma | UnaryOp::Digamma | UnaryOp::Trigamma));
        (in_element && is_elementary && primal.func.value_type(data.results[0]) == Type::F64).then_some(ELEMENTARY)
    }

    /// Of integers, by a constant that is not zero.
    fn cost_of_division(&self, data: &InstData) -> Option<u32> {
        let divides = matches!(data.op, Op::Binary(BinaryOp::Div | BinaryOp::Rem));
        let by = divides.then(|| self.active.primal.producer(data.args[1])).flatten()?;
        let Op::Const(by) = &self.active.func().insts[by].op else { return None };
        let succeeds = matches!(by, Const::I64(1.. | ..=-1) | Const::I32(1.. | ..=-1) | Const::U8(1..));
        succeeds.then_some(2)
    }

    /// What each trip of a counted loop does to the integer `v` that it carries, if that is always the same.
    fn step(&self, v: Value) -> Option<Step> {
        let primal = &self.active.primal;
        let (structure, func) = (&primal.structure, &primal.func);
        let Def::Param { region, index } = structure.def(v) else { return None };
        let counted = structure.owner(region).is_some_and(|inst| func.insts[inst].op == Op::For);
        let forward = || structure.owner(region).is_some_and(|inst| is_forward(self.active, inst));
        if !counted || index == 0 || func.value_type(v) != Type::I64 || forward() {
            return None;
        }
        let Def::Result { inst, .. } = structure.def(func.regions[region].yields[index - 1]) else { return None };
        let data = &func.insts[inst];
        let step = match (&data.op, &data.args[..]) {
            (Op::Binary(BinaryOp::Add), [x, by]) | (Op::Binary(BinaryOp::Add), [by, x]) if *x == v => {
                Step { by: *by, down: false }
            }
            (Op::Binary(BinaryOp::Sub), [x, by]) if *x == v => Step { by: *by, down: true },
            _ => return None,
        };
        (primal.is_integer_constant(step.by) || !structure.inside(step.by, region)).then_some(step)
    }

    /// Plans that the sweep carries `v` as the primal does, if it is carried by a loop that is swept forwards, and what the next
    /// trip is given is cheap. Gives whether it is so.
    fn goes_forwards(&mut self, v: Value) -> bool {
        let active = self.active;
        let primal = &active.primal;
        let (structure, func) = (&primal.structure, &primal.func);
        let Def::Param { region, index } = structure.def(v) else { return false };
        let Some(owner) = structure.owner(region).filter(|_| index > 0) else { return false };
        let carried = func.value_type(v).as_scalar().is_some() && !active.is_active(v);
        if !carried
            || !structure.inside(v, self.plan.root)
            || !self.swept.contains(&owner)
            || !is_forward(active, owner)
        {
            return false;
        }
        // What it is recomputed from may be itself.
        self.fetch(Item::Value(v), Fetch::Forwards);
        let next = func.regions[region].yields[index - 1];
        let again = match self.cost(next, BUDGET) {
            Some(_) => {
                self.use_freely(next);
                Again::Computed
            }
            None if self.ends_inner_loop(v, next) => Again::Inner,
            None => {
                self.plan.fetch.remove(&Item::Value(v));
                return false;
            }
        };
        self.plan.forwards.entry(region).or_default().push((index - 1, again));
        self.settle_one(Item::Value(func.insts[owner].args[index + 1]));
        true
    }

    /// Whether `next` is what an inner loop, which is swept forwards too, makes of `v`, and nobody else wants it.
    fn ends_inner_loop(&mut self, v: Value, next: Value) -> bool {
        let active = self.active;
        let primal = &active.primal;
        let Def::Result { inst, index } = primal.structure.def(next) else { return false };
        let data = &primal.func.insts[inst];
        let begins = data.op == Op::For && data.args[2 + index] == v && self.swept.contains(&inst);
        if !begins || self.needed.contains(&Item::Value(next)) {
            return false;
        }
        let inner = primal.func.regions[data.regions[0]].params[1 + index];
        match self.plan.fetch.get(&Item::Value(inner)) {
            Some(fetch) => *fetch == Fetch::Forwards,
            None => self.goes_forwards(inner),
        }
    }

    fn is_held(&self, v: Value, index: usize) -> bool {
        !self.active.primal.func.value_type(v).is_heap() || self.active.instance.held[index]
    }

    /// Whether reading the array `v` in the sweep costs the primal nothing.
    fn may_reread(&self, v: Value) -> bool {
        let primal = &self.active.primal;
        let held = match primal.structure.def(v) {
            Def::Param { region, index } if primal.structure.owner(region).is_none() => self.is_held(v, index),
            Def::Param { .. } | Def::Result { .. } => true,
        };
        held && primal.is_stable(v)
    }

    /// Marks `v` and what it is recomputed from.
    fn use_freely(&mut self, v: Value) {
        let primal = self.active.primal.clone();
        let item = Item::Value(v);
        if self.plan.fetch.contains_key(&item) {
            return;
        }
        if !primal.structure.inside(v, self.plan.root) {
            self.plan.outside.insert(item);
            return;
        }
        if self.plan.has_direct(primal.structure.home(v)) {
            return self.fetch(item, Fetch::Direct);
        }
        if primal.func.value_type(v).is_array() && self.cost(v, BUDGET).is_none() {
            self.fetch(item, Fetch::Keep);
            self.kept.entry(primal.structure.home(v)).or_default().push(item);
            return;
        }
        match primal.structure.def(v) {
            Def::Param { .. } if self.is_given(item) => self.fetch(item, Fetch::Given),
            Def::Param { region, index } => match self.step(v) {
                Some(step) => {
                    self.fetch(item, Fetch::Backwards);
                    self.count_backwards(region, index - 1, step);
                }
                None => self.fetch(item, Fetch::Counter),
            },
            Def::Result { inst, .. } => {
                primal.func.insts[inst].args.iter().for_each(|arg| self.use_freely(*arg));
                self.fetch(item, Fetch::Recompute);
            }
        }
    }

    /// The sweep needs what the loop ends with.
    fn count_backwards(&mut self, body: Region, result: usize, step: Step) {
        let primal = self.active.primal.clone();
        let owner = primal.structure.owner(body).expect("a loop has this body");
        self.plan.backwards.entry(body).or_default().push((result, step));
        self.settle_one(Item::Value(primal.func.insts[owner].results[result]));
        if !primal.is_integer_constant(step.by) {
            self.settle_one(Item::Value(step.by));
        }
    }

    fn list_recomputed(&mut self) {
        let active = self.active;
        let recomputed = self.plan.fetch.iter().filter(|(_, fetch)| **fetch == Fetch::Recompute);
        let mut items: Vec<Item> = recomputed.map(|(item, _)| *item).collect();
        items.sort_by_key(|item| sort_key(active, *item));
        for item in items {
            let home = active.primal.structure.home(item.base(&active.primal));
            self.plan.recompute.entry(home).or_default().push(item);
        }
    }

    /// The slots of `region`; those of the regions in it on the way.
    fn layout(&mut self, region: Region) -> Vec<Type> {
        let primal = self.active.primal.clone();
        let kept = self.kept.remove(&region).unwrap_or_default();
        let item_slot = |item: Item| Slot { source: Source::Item(item), ty: item.ty(&primal) };
        let mut slots: Vec<Slot> = kept.into_iter().map(item_slot).collect();
        for &inst in &primal.func.regions[region].insts {
            let bundle = self.bundle(inst);
            let parts = bundle.iter().enumerate().map(|(k, ty)| Slot { source: Source::Bundle(inst, k), ty: *ty });
            slots.extend(parts);
            if !bundle.is_empty() {
                self.plan.bundles.insert(inst, bundle);
            }
        }
        let types = slots.iter().map(|slot| slot.ty).collect();
        self.plan.layouts.insert(region, slots);
        types
    }

    /// What an instruction leaves for the sweep besides its results.
    fn bundle(&mut self, inst: Inst) -> Vec<Type> {
        if let Some(call) = self.plan.calls.get(&inst) {
            if call.stacks.is_empty() || !self.plan.is_recursion() {
                return call.tape.clone();
            }
            self.plan.threaded.insert(inst);
            return Vec::new();
        }
        if !self.swept.contains(&inst) {
            return Vec::new();
        }
        let primal = self.active.primal.clone();
        let data = &primal.func.insts[inst];
        let bundle = self.bundle_of_control(inst, data);
        let mut inner = data.regions.iter().flat_map(|region| &primal.func.regions[*region].insts);
        let on_stacks = |r: &Region| self.plan.pushed.contains(r) || self.plan.activations.contains_key(r);
        let pushes = data.regions.iter().any(|r| on_stacks(r) && !self.plan.layout(*r).is_empty());
        if pushes || inner.any(|inst| self.plan.threaded.contains(inst)) {
            self.plan.threaded.insert(inst);
        }
        bundle
    }

    fn bundle_of_control(&mut self, inst: Inst, data: &InstData) -> Vec<Type> {
        let count = if data.op == Op::While { &[Type::I64][..] } else { &[] };
        if self.plan.last.contains(&inst) {
            return [count, &self.layout_beside_stacks(body_of(data))].concat();
        }
        if self.in_nest {
            let first = if data.op == Op::While { 1 } else { 0 };
            data.regions[first..].iter().for_each(|region| self.layout_on_stacks(*region));
            return count.to_vec();
        }
        match data.op {
            Op::For | Op::While if self.is_nest(inst) => self.nest(inst, data),
            Op::For | Op::While if self.goes_on_stacks(data) => {
                self.push(&[body_of(data)]);
                count.to_vec()
            }
            Op::If | Op::Switch if self.plan.is_recursion() && self.loops == 0 => self.push(&data.regions),
            Op::If | Op::Switch => self.share(&data.regions),
            Op::For => self.stacked(data.regions[0], data.loc),
            Op::While => [count, &self.stacked(data.regions[1], data.loc)].concat(),
            _ => Vec::new(),
        }
    }

    /// Whether a loop has loops in it, of which one is uncounted or it is itself, and nothing to keep but scalars.
    ///
    /// Counted loops in it that run long are better off with arrays, which they fill without a test.
    fn is_nest(&self, inst: Inst) -> bool {
        let func = &self.active.primal.func;
        let data = &func.insts[inst];
        let (mut loops, mut uncounted) = (0, data.op == Op::While);
        walk::for_each_inst(func, body_of(data), &mut |inner| {
            loops += matches!(func.insts[inner].op, Op::For | Op::While) as u32;
            uncounted |= func.insts[inner].op == Op::While;
        });
        loops > 0 && uncounted && self.fits_stacks(body_of(data))
    }

    /// Whether nothing but scalars is kept in a region, and no counted loop in it that runs long by itself.
    fn fits_stacks(&self, region: Region) -> bool {
        let func = &self.active.primal.func;
        let mut fits = !self.plan.is_recursion();
        walk::for_each_inst(func, region, &mut |inner| {
            let data = &func.insts[inner];
            fits &= data.op != Op::For || self.runs_short(data) || has_uncounted(func, data);
            fits &= self.plan.calls.get(&inner).is_none_or(|call| call.tape.iter().all(|ty| ty.as_scalar().is_some()));
        });
        walk::for_each_region(func, region, &mut |region| {
            let kept = self.kept.get(&region).into_iter().flatten();
            fits &= kept.into_iter().all(|item| item.ty(&self.active.primal).as_scalar().is_some());
        });
        fits
    }

    /// Whether a counted loop is known to make a few trips only.
    fn runs_short(&self, data: &InstData) -> bool {
        let bound = |v: Value| match self.active.primal.producer(v).map(|inst| &self.active.func().insts[inst].op) {
            Some(Op::Const(Const::I64(n))) => Some(*n),
            Some(_) | None => None,
        };
        bound(data.args[0]).zip(bound(data.args[1])).is_some_and(|(lo, hi)| hi.saturating_sub(lo) <= FEW_TRIPS)
    }

    /// The outermost loop of a nest on stacks.
    fn nest(&mut self, inst: Inst, data: &InstData) -> Vec<Type> {
        self.in_nest = true;
        self.layout_on_stacks(body_of(data));
        self.in_nest = false;
        self.plan.nests.insert(inst);
        self.plan.threaded.insert(inst);
        let count = if data.op == Op::While { &[Type::I64][..] } else { &[] };
        [count, &types_of_nest()].concat()
    }

    fn layout_on_stacks(&mut self, region: Region) {
        let slots = self.layout(region);
        self.plan.activations.insert(region, Activation::of_scalars(slots));
    }

    /// The slots of one trip of a loop, which go from region to region outwards.
    fn layout_beside_stacks(&mut self, body: Region) -> Vec<Type> {
        let in_nest = std::mem::take(&mut self.in_nest);
        self.loops += 1;
        let slots = self.layout(body);
        self.loops -= 1;
        self.in_nest = in_nest;
        slots
    }

    /// The slots of all trips of a loop.
    fn stacked(&mut self, body: Region, loc: SrcLoc) -> Vec<Type> {
        let slots = self.layout_beside_stacks(body);
        if slots.iter().any(|ty| ty.try_array(1).is_none()) {
            self.plan.too_deep = Some(loc);
            return Vec::new();
        }
        frames(&slots).into_iter().map(|frame| frame.ty.array(1)).collect()
    }

    /// Whether the trips of a loop in a recursion go on its stacks: those with calls of it in them, and those that would leave small arrays.
    fn goes_on_stacks(&self, data: &InstData) -> bool {
        let mut calls = false;
        walk::for_each_inst(self.active.func(), body_of(data), &mut |inst| {
            calls |= self.plan.calls.get(&inst).is_some_and(|call| !call.stacks.is_empty());
        });
        let small = data.op == Op::While || self.runs_short(data) || has_uncounted(self.active.func(), data);
        self.plan.is_recursion() && self.loops == 0 && (calls || small)
    }

    /// Slots of branches or trips that are put on the stacks where they arise.
    fn push(&mut self, regions: &[Region]) -> Vec<Type> {
        for region in regions {
            self.layout(*region);
            self.plan.pushed.insert(*region);
        }
        Vec::new()
    }

    /// Slots of branches, of which one runs: each part of the bundle serves one slot of that type in every branch.
    fn share(&mut self, branches: &[Region]) -> Vec<Type> {
        let mut parts: Vec<Type> = Vec::new();
        for branch in branches {
            let mut taken = vec![false; parts.len()];
            let mut shares = Vec::new();
            for ty in self.layout(*branch) {
                let free = (0..parts.len()).find(|k| parts[*k] == ty && !taken[*k]);
                let part = free.unwrap_or_else(|| {
                    parts.push(ty);
                    taken.push(false);
                    parts.len() - 1
                });
                taken[part] = true;
                shares.push(part);
            }
            self.plan.shares.insert(*branch, shares);
        }
        parts
    }
}

/// Whether an uncounted loop stands in a loop.
fn has_uncounted(func: &Function, data: &InstData) -> bool {
    let mut found = false;
    walk::for_each_inst(func, body_of(data), &mut |inst| found |= func.insts[inst].op == Op::While);
    found
}

/// What it costs to do an operation again; `None` for what is better kept, or must not be done twice.
fn operation_cost(op: &Op, first: Option<Scalar>) -> Option<u32> {
    match op {
        Op::Const(_) | Op::Undef => Some(0),
        Op::Unary(op) => unary_cost(*op),
        Op::Binary(op) => binary_cost(*op, first?),
        Op::Compare(_) if first.is_some() => Some(1),
        Op::Compare(_) => None,
        Op::Select | Op::Convert(_) | Op::Dim(_) | Op::Get(_) | Op::NodeTag | Op::NodeGet { .. } => Some(1),
        Op::StopGrad if first.is_some() => Some(0),
        Op::StopGrad | Op::Fill | Op::Elements | Op::Set(_) | Op::AddAt(_) | Op::Slice(_) | Op::SetSlice(_) => None,
        Op::AddSlice(_) | Op::Push | Op::Pop | Op::Reshape | Op::Map | Op::Build | Op::Reduce(_) | Op::Dot => None,
        Op::Take(_) | Op::Put => None,
        Op::MatMul { .. } | Op::MatVec { .. } | Op::Outer | Op::SortPermutation | Op::NodeNew { .. } => None,
        Op::ZerosLike | Op::AddTangent | Op::Concat | Op::Format(_) | Op::If | Op::Switch | Op::For => None,
        Op::While | Op::Call(_) | Op::Check(_) | Op::Trap | Op::Host(_) => None,
        Op::Retain | Op::Release | Op::Unshare => None,
    }
}

fn unary_cost(op: UnaryOp) -> Option<u32> {
    let cheap = [UnaryOp::Neg, UnaryOp::Not, UnaryOp::Abs, UnaryOp::Sign, UnaryOp::Trunc];
    cheap.contains(&op).then_some(1)
}

fn binary_cost(op: BinaryOp, scalar: Scalar) -> Option<u32> {
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Min | BinaryOp::Max | BinaryOp::CopySign => Some(1),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => Some(1),
        // Less than a slot costs, where several divisions are on their way at once; of integers it may trap.
        BinaryOp::Div if scalar.is_float() => Some(4),
        BinaryOp::Div | BinaryOp::Rem | BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Hypot => None,
        BinaryOp::Polygamma => None,
    }
}

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
            needed.extend(crate::analysis::structure::free_values(func, structure, *region));
        }
    }
    let mut outside: Vec<Value> = needed.iter().copied().filter(|v| !structure.inside(*v, root)).collect();
    outside.sort_by_key(|v| structure.order(*v));
    plan.outside.extend(outside.into_iter().map(Item::Value));
    let params = func.regions[root].params.iter().copied();
    plan.params = params.filter(|v| needed.contains(v)).collect();
}

/// The callee of a call that the sweep goes through, for the augmented primal, and the types of the stacks that it takes.
pub fn augmented_callee(plan: &Plan, inst: Inst) -> Option<(FuncId, &[Type])> {
    plan.calls.get(&inst).filter(|call| !call.tape.is_empty()).map(|call| (call.aug, &call.stacks[..]))
}
