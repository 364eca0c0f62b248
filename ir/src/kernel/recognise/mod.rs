//! From a loop of the IR to a kernel, or to the reason why there is none.
//!
//! One walk over the body. Each value gets a number with its shape, from the shapes of the operands; each access a place; and
//! what depends on a carried scalar goes to the ordered part. Then the accesses to arrays that the loop changes are
//! compared: all must be, in some axis, at one and the same multiple of the counter plus something fixed, so that no two
//! trips touch the same element.
//!
//! The files: here the walk over instructions, [`loops`] the loop itself and what it carries, [`neighbours`] what lanes have from the lane before, [`numbers`] scalars and their shapes,
//! [`arrays`] accesses to memory, [`conflicts`] whether two trips meet at an element, [`cells`] sums that trips hand on, [`apart`] how far apart its indices are, [`pairs`] whether two accesses may meet, [`branch`] branches, [`inner`] loops in a trip, [`winners`] reductions in one.
//!
//! Expects what the ownership pass leaves: a carried array is the only reference to its object.

mod apart;
mod arrays;
mod branch;
mod cells;
mod conflicts;
mod inner;
mod loops;
mod neighbours;
mod numbers;
mod pairs;
mod winners;

use super::*;
use super::{guarded, packing};
use crate::function::{Function, Inst, InstData, Region};
use crate::opcode::{Access, Op, ReduceOp};
use crate::walk;
use rustc_hash::{FxHashMap, FxHashSet};

/// A loop, where it stands, and what is known around it.
#[derive(Clone, Copy)]
pub struct Loop<'a> {
    pub func: &'a Function,
    pub inst: Inst,
    /// The instruction that a value is a result of.
    pub definition: &'a dyn Fn(Value) -> Option<&'a InstData>,
    /// What a `map` or `build` makes is wanted reduced.
    pub fold: Option<Fold>,
    /// Sums that the loop carries may be added up in any order.
    pub any_order: bool,
    /// A kernel may have tiles.
    pub packs: bool,
}

impl<'a> Loop<'a> {
    /// The constant that a value is.
    fn constant(&self, v: Value) -> Option<&'a Const> {
        match (self.definition)(v).map(|data| &data.op) {
            Some(Op::Const(c)) => Some(c),
            Some(_) | None => None,
        }
    }
}

/// A reduction of a result of a `map` or `build` where its elements are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fold {
    pub op: ReduceOp,
    /// The number of the result.
    pub result: usize,
    /// The array is wanted too.
    pub stored: bool,
}

/// The kernel of a `for`, a `map`, or the last axis of a `build`; or of a `reduce` to the least or greatest element.
pub fn recognise(at: &Loop) -> Result<Kernel, Refusal> {
    let data = &at.func.insts[at.inst];
    let mut r = Recogniser::new(*at, data.loc);
    if data.op == Op::For {
        r.counted_loop()?;
    } else if data.op == Op::Map {
        r.map()?;
    } else if let Op::Reduce(op) = data.op {
        r.reduction(op)?;
    } else {
        assert_eq!(data.op, Op::Build, "no loop that could be a kernel");
        r.build()?;
    }
    let kernel = r.finish()?;
    if kernel.cost.inner && gain_inside(at, data.regions[0]) > kernel.cost.scalar - kernel.cost.vector {
        return Err(Refusal { reason: Reason::Inside, loc: data.loc });
    }
    Ok(kernel)
}

/// What vectors save in a trip, if it is the inner loops that become kernels.
fn gain_inside(at: &Loop, body: Region) -> f32 {
    at.func.regions[body].insts.iter().map(|inst| gain_of(at, *inst)).sum()
}

fn gain_of(at: &Loop, inst: Inst) -> f32 {
    let data = &at.func.insts[inst];
    let bound = |k: usize| match at.constant(data.args[k]) {
        Some(Const::I64(x)) => Some(*x),
        _ => None,
    };
    // What is built in a trip of a kernel is for its winner.
    let (lo, hi, fold) = match data.op {
        Op::For => (bound(0), bound(1), None),
        Op::Build => (Some(0), bound(0), Some(Fold { op: ReduceOp::Min, result: 0, stored: false })),
        Op::If => return data.regions.iter().map(|r| gain_inside(at, *r)).fold(0.0, f32::max),
        _ => return 0.0,
    };
    let trips = Cost::trips(lo, hi);
    match recognise(&Loop { inst, fold, ..*at }) {
        Ok(kernel) => (trips * (kernel.cost.scalar - kernel.cost.vector) - START).max(0.0),
        Err(_) => trips * gain_inside(at, data.regions[0]),
    }
}

/// What a kernel costs before its first trip, and the loop behind it; by gut feeling.
const START: f32 = 15.0;

/// What it costs to look at an index from memory beforehand, for each trip: a load and a comparison.
const SCAN: f32 = 2.0;

/// An access to an array that the kernel may update.
struct Seen {
    array: ArrayId,
    indices: SmallVec<[Option<Affine>; 2]>,
    loc: SrcLoc,
    stores: bool,
    adds: bool,
    late: bool,
    /// Those of the inner loops around.
    counters: SmallVec<[Num; 2]>,
    /// Of a store outside of inner loops: which step it is.
    step: usize,
}

struct Recogniser<'a> {
    at: Loop<'a>,
    func: &'a Function,
    loc: SrcLoc,
    kernel: Kernel,
    nums: FxHashMap<Value, Num>,
    versions: FxHashMap<Value, ArrayId>,
    consts: FxHashMap<Const, Num>,
    dims: FxHashMap<(ArrayId, u8), Num>,
    made: guarded::Made,
    /// Indices that are elements of arrays which the loop does not change: of which, and where.
    read: FxHashMap<Num, (ArrayId, SmallVec<[Affine; 2]>)>,
    /// Reductions of what a trip makes for nothing else.
    won: FxHashMap<(Value, ReduceOp), Num>,
    /// What may be anything.
    undefined: Vec<Num>,
    /// What the next trip's extremes are.
    extremes: Vec<Value>,
    /// Instructions of the loop that have been gone over before their time.
    taken: FxHashSet<Inst>,
    /// The steps of the innermost open loop.
    steps: Vec<Step>,
    seen: Vec<Seen>,
    /// The counters of the open inner loops.
    open: SmallVec<[Num; 2]>,
    /// The branches around, each with the side.
    masks: Vec<(Num, bool)>,
    /// How often a step here is done in a trip, at a guess.
    times: f32,
    /// What the loop does not do of a trip, because it takes one side of a branch.
    skipped: f32,
}

type Step1<T> = Result<T, Refusal>;

impl<'a> Recogniser<'a> {
    fn new(at: Loop<'a>, loc: SrcLoc) -> Recogniser<'a> {
        let mut numbers = Arena::new();
        let axis = numbers.push(NumData { scalar: Scalar::I64, shape: Shape::Linear, affine: Some(Affine::axis()) });
        let kernel = Kernel {
            numbers,
            inputs: Vec::new(),
            arrays: Arena::new(),
            axis,
            body: Vec::new(),
            carried: Vec::new(),
            ordered: Vec::new(),
            late: Vec::new(),
            sum: None,
            guards: Vec::new(),
            scans: Vec::new(),
            limits: Vec::new(),
            small: Vec::new(),
            cells: Vec::new(),
            apart: Vec::new(),
            counters: Vec::new(),
            conditions: Vec::new(),
            rounds: Vec::new(),
            tiles: Arena::new(),
            cost: Cost::default(),
        };
        Recogniser {
            at,
            func: at.func,
            loc,
            kernel,
            nums: FxHashMap::default(),
            versions: FxHashMap::default(),
            consts: FxHashMap::default(),
            dims: FxHashMap::default(),
            made: guarded::Made::default(),
            read: FxHashMap::default(),
            won: FxHashMap::default(),
            undefined: Vec::new(),
            extremes: Vec::new(),
            taken: FxHashSet::default(),
            steps: Vec::new(),
            seen: Vec::new(),
            open: SmallVec::new(),
            masks: Vec::new(),
            times: 1.0,
            skipped: 0.0,
        }
    }

    fn refuse<T>(&self, reason: Reason) -> Step1<T> {
        Err(Refusal { reason, loc: self.loc })
    }

    fn finish(mut self) -> Result<Kernel, Refusal> {
        let chains = self.no_conflicts()?;
        if self.at.fold.is_some() && !self.kernel.limits.is_empty() {
            return self.refuse(Reason::Branch);
        }
        self.kernel.body = std::mem::take(&mut self.steps);
        let mut whole = self.kernel.clone();
        guarded::remove_unused(&mut whole);
        if self.at.packs && chains.is_empty() {
            packing::pack(&mut whole);
        }
        let mut cost = Cost::of(&whole);
        if chains.is_empty() {
            self.kernel = whole;
        } else {
            self.hand_on(&chains);
            guarded::remove_unused(&mut self.kernel);
            cost = Cost { scalar: cost.scalar, ..Cost::of(&self.kernel) };
        }
        cost.scalar -= self.skipped;
        cost.vector += SCAN * self.kernel.scans.len() as f32;
        self.kernel.cost = cost;
        if !cost.is_worth() {
            self.loc = self.func.insts[self.at.inst].loc;
            let ordered = cost.ordered > 0.5 * cost.vector;
            return self.refuse(if ordered { Reason::OrderedOnly } else { Reason::NotWorth });
        }
        Ok(self.kernel)
    }

    // ---- instructions ----

    fn region(&mut self, region: Region) -> Step1<()> {
        let func = self.func;
        func.regions[region].insts.iter().try_for_each(|inst| self.inst(*inst))
    }

    fn inst(&mut self, inst: Inst) -> Step1<()> {
        let func = self.func;
        if self.taken.contains(&inst) {
            return Ok(());
        }
        let data = &func.insts[inst];
        self.loc = data.loc;
        match &data.op {
            Op::Const(Const::Str(_)) => self.refuse(Reason::MakesArray),
            Op::Const(c) => self.define(data.results[0], |this| Ok(this.constant(c.clone()))),
            Op::StopGrad => self.define(data.results[0], |this| this.num(data.args[0])),
            Op::Unary(op) => self.scalar_op(NumOp::Unary(*op), inst),
            Op::Binary(_) if self.is_extreme(data) => Ok(()),
            Op::Binary(op) => self.scalar_op(NumOp::Binary(*op), inst),
            Op::Compare(op) => self.scalar_op(NumOp::Compare(*op), inst),
            Op::Select => self.scalar_op(NumOp::Select, inst),
            Op::Convert(to) => self.scalar_op(NumOp::Convert(*to), inst),
            Op::Dim(axis) => self.define(data.results[0], |this| {
                let array = this.array(data.args[0])?;
                Ok(this.dim(array, *axis))
            }),
            Op::Get(access) => self.get(*access, inst),
            Op::Set(access) => self.set(*access, inst, false),
            Op::AddAt(access) => self.set(*access, inst, true),
            Op::For => self.inner(inst),
            Op::Build => self.winners(inst),
            Op::Reduce(op) => self.define(data.results[0], |this| this.winner(*op, data.args[0])),
            Op::Release if self.won.keys().any(|(array, _)| *array == data.args[0]) => Ok(()),
            Op::If => self.branch(inst),
            Op::Switch => self.refuse(Reason::Branch),
            Op::While => self.refuse(Reason::While),
            Op::Call(_) => self.refuse(Reason::Call),
            Op::Host(_) => self.refuse(Reason::World),
            Op::Check(_) | Op::Trap => self.refuse(Reason::Trap),
            Op::Undef => self.undefined(data.results[0]),
            Op::Fill
            | Op::Elements
            | Op::Take(_)
            | Op::Put
            | Op::Slice(_)
            | Op::SetSlice(_)
            | Op::AddSlice(_)
            | Op::Push
            | Op::Pop
            | Op::Reshape
            | Op::Map
            | Op::Dot
            | Op::MatMul { .. }
            | Op::MatVec { .. }
            | Op::Outer
            | Op::SortPermutation
            | Op::NodeNew { .. }
            | Op::NodeTag
            | Op::NodeGet { .. }
            | Op::ZerosLike
            | Op::AddTangent
            | Op::Concat
            | Op::Format(_)
            | Op::Retain
            | Op::Release
            | Op::Unshare => self.refuse(Reason::MakesArray),
        }
    }

    /// Whether an operation gives a carried extreme, of which there is one accumulator for each lane.
    fn is_extreme(&self, data: &InstData) -> bool {
        self.extremes.contains(&data.results[0])
    }

    fn define(&mut self, result: Value, f: impl FnOnce(&mut Self) -> Step1<Num>) -> Step1<()> {
        let num = f(self)?;
        self.nums.insert(result, num);
        Ok(())
    }

    fn scalar_op(&mut self, op: NumOp, inst: Inst) -> Step1<()> {
        let data = &self.func.insts[inst];
        let args: SmallVec<[Num; 3]> = data.args.iter().map(|v| self.num(*v)).collect::<Step1<_>>()?;
        let Some(scalar) = self.func.value_type(data.results[0]).as_scalar() else {
            return self.refuse(Reason::MakesArray);
        };
        self.define(data.results[0], |this| this.op(op, &args, scalar))
    }
}
