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
//! - *restored*: a version of an array that loops update, of which the sweep puts back what was replaced;
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
//! The files: [`settle`], [`cost`] and [`restored`] decide how each item is had, [`layout`] where what is kept lies, [`again`] what runs twice.
//!
//! *Not here:* a minimum cut over what can be had from what, as Enzyme makes it [MC20]; the greedy choice in program
//! order keeps a little more. Cost: linear in the primal.

mod again;
mod cost;
mod layout;
mod restored;
mod settle;

pub use again::slice;

use crate::context::Active;
use crate::reverse::Reverse;
use crate::reverse::item::Item;
use crate::reverse::plan::restored::Chains;
use crate::reverse::stacks::{Activations, types_of_nest};
use dprog_ir::{FuncId, Function, Inst, Region, SrcLoc, Type, Value};
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
    /// An inner activation of a recursion has its nodes, and arrays that are not passed on as they are, from nowhere but its tape.
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
    /// A version of an array that loops update: the sweep has it at the time; see [`restored`].
    Restored,
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
    /// The loops and branches through which arrays are restored: by the number of the result, with the version that goes in.
    pub through: FxHashMap<Inst, Vec<(usize, Value)>>,
    /// The updates whose replaced elements the sweep puts back.
    pub put_back: FxHashSet<Inst>,
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
            through: FxHashMap::default(),
            put_back: FxHashSet::default(),
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
        let (kept, chains) = (FxHashMap::default(), Chains::default());
        let mut decider = Decider { active, plan, needed, swept, chains, kept, loops: 0, in_nest: false };
        decider.find_chains();
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
    chains: Chains,
    kept: FxHashMap<Region, Vec<Item>>,
    /// How many loops are around what is being laid out.
    loops: u32,
    /// Whether a nest on stacks is.
    in_nest: bool,
}

/// The callee of a call that the sweep goes through, for the augmented primal, and the types of the stacks that it takes.
pub fn augmented_callee(plan: &Plan, inst: Inst) -> Option<(FuncId, &[Type])> {
    plan.calls.get(&inst).filter(|call| !call.tape.is_empty()).map(|call| (call.aug, &call.stacks[..]))
}
