//! The augmented primal: the primal once more, leaving behind what the plan wants kept.
//!
//! Before: `%r = for %i in 0..%n carry (%s = %x) { %s1 = mul %s, %x; yield %s1 }`, with `%s` to be kept. After: the
//! loop carries `%t: f64[]` too, begun as `fill 0.0, %n`, and its body does `%t1 = set %t, %i, %s` at its end.
//!
//! Nothing else changes: the same operations in the same order, so the same bits, traps and prints.

use crate::context::Active;
use crate::copy::{Copies, copy_inst, copy_name, in_bounds, open_copy};
use crate::reverse::item::Item;
use crate::reverse::plan::{Fused, Plan, Source, augmented_callee};
use crate::reverse::stacks::{Activations, begin, types_of_nest};
use dprog_ir::{Access, BinaryOp, Builder, Inst, Op, ReduceOp, Region, Type, Value};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// The copy of a primal being written.
pub struct Augment<'a, 'f> {
    pub b: &'a mut Builder<'f>,
    pub active: &'a Active,
    pub plan: &'a Plan,
    pub copies: Copies,
    pub notes: FxHashMap<Item, Value>,
    pub bundles: FxHashMap<Inst, Vec<Value>>,
    /// In a recursion or a nest of loops: the stacks as they are by now; what each region of a recursion puts on them.
    pub stacks: Vec<Value>,
    pub activations: Rc<Activations>,
}

impl<'a, 'f> Augment<'a, 'f> {
    pub fn new(b: &'a mut Builder<'f>, active: &'a Active, plan: &'a Plan) -> Augment<'a, 'f> {
        Augment::going_on(b, active, plan, Copies::of(active.func()))
    }

    /// Where some has been written.
    pub fn going_on(b: &'a mut Builder<'f>, active: &'a Active, plan: &'a Plan, copies: Copies) -> Augment<'a, 'f> {
        Augment {
            b,
            active,
            plan,
            copies,
            notes: FxHashMap::default(),
            bundles: FxHashMap::default(),
            stacks: Vec::new(),
            activations: Rc::default(),
        }
    }

    /// Writes the instructions of `region`, whose parameters have copies already.
    pub fn region(&mut self, region: Region) {
        let active = self.active;
        active.func().regions[region].params.iter().for_each(|v| self.note(*v));
        let late = |inst: &Inst| self.plan.fused.as_ref().is_some_and(|fused| fused.late.contains(inst));
        let (now, _): (Vec<Inst>, Vec<Inst>) = active.func().regions[region].insts.iter().partition(|inst| !late(inst));
        now.into_iter().for_each(|inst| self.inst(inst));
    }

    /// Writes what comes after the loop whose sweep goes with the primal.
    pub fn late(&mut self, fused: &Fused) {
        let active = self.active;
        let insts = active.func().regions[self.plan.root].insts.iter();
        let late = insts.filter(|inst| fused.late.contains(inst) && **inst != fused.inst);
        late.for_each(|inst| self.inst(*inst));
    }

    /// Writes those instructions of the root region that are in the plan's slice.
    pub fn slice(&mut self) {
        let (active, plan) = (self.active, self.plan);
        active.func().regions[plan.root].params.iter().for_each(|v| self.note_if_known(*v));
        for &inst in active.func().regions[plan.root].insts.iter().filter(|inst| plan.slice.contains(inst)) {
            self.inst(inst);
        }
    }

    /// The item in the augmented primal, after the region of its value.
    pub fn item(&self, item: Item) -> Value {
        match item {
            Item::Value(v) => self.copies.get(v),
            Item::Dim(..) | Item::Winner(_) | Item::Replaced(_) | Item::ReplacedDim(..) => self.notes[&item],
        }
    }

    /// What the slots of a region hold at its end.
    pub fn tape(&self, region: Region) -> Vec<Value> {
        let slot = |source| match source {
            Source::Item(item) => self.item(item),
            Source::Bundle(inst, k) => self.bundles[&inst][k],
        };
        self.plan.layout(region).iter().map(|s| slot(s.source)).collect()
    }

    fn note_if_known(&mut self, v: Value) {
        if self.copies.find(v).is_some() {
            self.note(v);
        }
    }

    pub fn note(&mut self, v: Value) {
        let Some(items) = self.plan.notes.get(&v) else { return };
        let copy = self.copies.get(v);
        for &item in items {
            let noted = match item {
                Item::Value(_) => copy,
                Item::Dim(_, axis) => self.b.dim(copy, axis as usize),
                Item::Winner(inst) => self.winner(inst),
                // Noted before the instruction.
                Item::Replaced(_) | Item::ReplacedDim(..) => continue,
            };
            self.notes.insert(item, noted);
        }
    }

    /// What an update is about to replace: read before it, so that the update can be in place.
    fn note_replaced(&mut self, inst: Inst) {
        let data = &self.active.func().insts[inst];
        let Some(items) = data.results.first().and_then(|v| self.plan.notes.get(v)) else { return };
        for &item in items {
            let noted = match item {
                Item::Replaced(_) => self.replaced(inst),
                Item::ReplacedDim(_, axis) => {
                    let old = self.replaced(inst);
                    self.b.dim(old, axis as usize)
                }
                Item::Value(_) | Item::Dim(..) | Item::Winner(_) => continue,
            };
            self.notes.insert(item, noted);
        }
    }

    fn replaced(&mut self, inst: Inst) -> Value {
        let data = &self.active.func().insts[inst];
        let args = self.copies.all(&data.args);
        match data.op {
            Op::Set(access) | Op::AddAt(access) => self.b.get(access, args[0], &args[1..args.len() - 1]),
            Op::SetSlice(access) => {
                let len = self.b.dim(args[2], 0);
                let hi = self.b.add(args[1], len);
                self.b.slice(access, args[0], args[1], hi)
            }
            _ => panic!("only updates replace something"),
        }
    }

    fn winner(&mut self, inst: Inst) -> Value {
        let data = &self.active.func().insts[inst];
        let x = self.copies.get(data.args[0]);
        let op = if data.op == Op::Reduce(ReduceOp::Min) { ReduceOp::ArgMin } else { ReduceOp::ArgMax };
        self.b.reduce(op, x)
    }

    pub fn inst(&mut self, inst: Inst) {
        let active = self.active;
        let data = &active.func().insts[inst];
        self.b.loc = data.loc;
        self.note_replaced(inst);
        let threaded = self.plan.threaded.contains(&inst);
        if self.plan.bundle(inst).is_empty() && !threaded {
            copy_inst(self.b, active.func(), inst, &mut self.copies);
        } else if let Some((callee, stacks)) = augmented_callee(self.plan, inst) {
            let mut args = self.copies.all(&data.args);
            args.extend(if threaded { self.stacks.clone() } else { begin(self.b, stacks) });
            self.finish(inst, Op::Call(callee), &args, &[]);
        } else {
            match data.op {
                Op::If | Op::Switch => self.branches(inst),
                Op::For | Op::While if self.plan.nests.contains(&inst) => self.nest(inst),
                Op::For | Op::While if self.plan.last.contains(&inst) => self.keeping_last(inst),
                Op::For => self.counted(inst),
                Op::While => self.uncounted(inst),
                _ => panic!("only control leaves a bundle"),
            }
        }
        self.b.loc = data.loc;
        data.results.iter().for_each(|v| self.note(*v));
    }

    /// Puts the slots of a region on the stacks, if that is where they go.
    pub fn push_slots(&mut self, region: Region) {
        let (activations, plan) = (self.activations.clone(), self.plan);
        if let Some(activation) = activations.get(&region).or(plan.activations.get(&region)) {
            let tape = self.tape(region);
            activation.push(self.b, &mut self.stacks, &tape);
        }
    }

    /// The stacks, where they go through the instruction.
    fn stacks_through(&self, inst: Inst) -> Vec<Value> {
        if self.plan.threaded.contains(&inst) { self.stacks.clone() } else { Vec::new() }
    }

    /// Appends the instruction, whose results after those of the primal are its bundle, and the stacks that go through it.
    fn finish(&mut self, inst: Inst, op: Op, args: &[Value], regions: &[Region]) {
        let data = &self.active.func().insts[inst];
        let bundle = self.plan.bundle_beside_stacks(inst);
        let types: Vec<Type> = data.results.iter().map(|v| self.active.func().value_type(*v)).collect();
        let stacks: Vec<Type> = self.stacks_through(inst).iter().map(|v| self.b.ty(*v)).collect();
        self.b.loc = data.loc;
        let new = self.b.inst(op, args, regions, &[&types, bundle, &stacks].concat());
        let results = self.b.results(new);
        for (v, copy) in data.results.iter().zip(&results) {
            self.copies.set(*v, *copy);
            copy_name(self.b, self.active.func(), *v, *copy);
        }
        let (bundle, stacks) = results[types.len()..].split_at(bundle.len());
        self.bundles.insert(inst, bundle.to_vec());
        if !stacks.is_empty() {
            self.stacks = stacks.to_vec();
        }
    }

    /// A loop with which stacks begin. They end as the last parts of its bundle.
    fn nest(&mut self, inst: Inst) {
        let stacks = begin(self.b, &types_of_nest());
        let around = std::mem::replace(&mut self.stacks, stacks);
        match self.active.func().insts[inst].op {
            Op::For => self.counted(inst),
            _ => self.uncounted(inst),
        }
        let stacks = std::mem::replace(&mut self.stacks, around);
        self.bundles.entry(inst).or_default().extend(stacks);
    }

    /// Each branch yields its slots in the parts of the bundle that it shares, and nothing in the others.
    fn branches(&mut self, inst: Inst) {
        let active = self.active;
        let data = &active.func().insts[inst];
        let bundle = self.plan.bundle(inst).to_vec();
        let before = self.stacks.clone();
        let mut regions = Vec::new();
        for &branch in &data.regions {
            self.stacks = before.clone();
            self.b.open_region(&[]);
            self.region(branch);
            self.push_slots(branch);
            let mut parts: Vec<Option<Value>> = vec![None; bundle.len()];
            for (part, value) in self.plan.shares.get(&branch).into_iter().flatten().zip(self.tape(branch)) {
                parts[*part] = Some(value);
            }
            let mut yields = self.copies.all(&active.func().regions[branch].yields);
            yields.extend(parts.iter().zip(&bundle).map(|(part, ty)| part.unwrap_or_else(|| self.b.undef(*ty))));
            yields.extend(self.stacks_through(inst));
            regions.push(self.b.close_region(&yields));
        }
        let args = self.copies.all(&data.args);
        self.finish(inst, data.op.clone(), &args, &regions);
    }

    /// Opens a region of a loop, with parameters for the bundle and the stacks behind those that it has. Gives the number of
    /// the first of these.
    fn open_body(&mut self, region: Region, bundle: &[Type], stacks: &[Value]) -> usize {
        open_copy(self.b, self.active.func(), region, &mut self.copies);
        let (open, first) = (self.b.current(), self.active.func().regions[region].params.len());
        let types: Vec<Type> = stacks.iter().map(|v| self.b.ty(*v)).collect();
        for ty in bundle.iter().chain(&types) {
            let v = self.b.func.new_value(*ty, None);
            self.b.func.regions[open].params.push(v);
        }
        if !stacks.is_empty() {
            self.stacks = self.b.func.regions[open].params[first + bundle.len()..].to_vec();
        }
        first
    }

    /// Arrays with room for the slots of all trips, set at the trip's own place.
    fn counted(&mut self, inst: Inst) {
        let active = self.active;
        let data = &active.func().insts[inst];
        let bundle = self.plan.bundle_beside_stacks(inst).to_vec();
        let args = self.copies.all(&data.args);
        let body = data.regions[0];
        let frames = self.plan.frames(body);
        let trips = trip_count(self.b, args[0], args[1]);
        let blanks: Vec<Value> = frames.iter().map(|frame| blank(self.b, frame.ty)).collect();
        let sizes: Vec<Value> = frames.iter().map(|frame| times(self.b, trips, frame.slots.len())).collect();
        let arrays: Vec<Value> = blanks.iter().zip(&sizes).map(|(v, size)| self.b.fill(*v, &[*size])).collect();
        let stacks = self.stacks_through(inst);
        let first = self.open_body(body, &bundle, &stacks);
        self.region(body);
        self.b.loc = data.loc;
        let trip = self.b.region_param(0);
        let index = self.b.sub(trip, args[0]);
        let mut yields = self.copies.all(&active.func().regions[body].yields);
        let tape = self.tape(body);
        for (k, frame) in frames.iter().enumerate() {
            let mut array = self.b.region_param(first + k);
            let base = times(self.b, index, frame.slots.len());
            for (j, slot) in frame.slots.iter().enumerate() {
                let place = plus(self.b, base, j);
                array = self.b.set(Access::InBounds, array, &[place], tape[*slot]);
            }
            yields.push(array);
        }
        self.push_slots(body);
        yields.extend(self.stacks_through(inst));
        let region = self.b.close_region(&yields);
        self.finish(inst, Op::For, &[args, arrays, stacks].concat(), &[region]);
    }

    /// A loop of which only the last trip is swept: it carries the slots of a trip, and a count if it is uncounted.
    fn keeping_last(&mut self, inst: Inst) {
        let active = self.active;
        let data = &active.func().insts[inst];
        let (bundle, body) = (self.plan.bundle(inst).to_vec(), data.regions[data.regions.len() - 1]);
        let uncounted = data.op == Op::While;
        let mut args = self.copies.all(&data.args);
        args.extend(uncounted.then(|| self.b.i64(0)));
        args.extend(bundle[uncounted as usize..].iter().map(|ty| blank(self.b, *ty)));
        let condition = uncounted.then(|| self.condition(data.regions[0], &bundle, &[]));
        let first = self.open_body(body, &bundle, &[]);
        self.region(body);
        self.b.loc = data.loc;
        let mut yields = self.copies.all(&active.func().regions[body].yields);
        if uncounted {
            let (count, one) = (self.b.region_param(first), self.b.i64(1));
            yields.push(self.b.add(count, one));
        }
        yields.extend(self.tape(body));
        let body = self.b.close_region(&yields);
        let regions: Vec<Region> = condition.into_iter().chain([body]).collect();
        self.finish(inst, data.op.clone(), &args, &regions);
    }

    /// The condition of an uncounted loop, which carries a bundle and stacks too.
    fn condition(&mut self, condition: Region, bundle: &[Type], stacks: &[Value]) -> Region {
        let active = self.active;
        self.open_body(condition, bundle, stacks);
        let insts = &active.func().regions[condition].insts;
        insts.iter().for_each(|inst| copy_inst(self.b, active.func(), *inst, &mut self.copies));
        let go_on = self.copies.all(&active.func().regions[condition].yields);
        self.b.close_region(&go_on)
    }

    /// A count of the trips, and arrays that grow by the slots of each.
    fn uncounted(&mut self, inst: Inst) {
        let active = self.active;
        let data = &active.func().insts[inst];
        let bundle = self.plan.bundle_beside_stacks(inst).to_vec();
        let mut args = self.copies.all(&data.args);
        args.push(self.b.i64(0));
        args.extend(bundle[1..].iter().map(|ty| self.b.elements(&[], ty.element())));
        let (condition, body) = (data.regions[0], data.regions[1]);
        let stacks = self.stacks_through(inst);
        args.extend(&stacks);
        let condition = self.condition(condition, &bundle, &stacks);
        let first = self.open_body(body, &bundle, &stacks);
        self.region(body);
        self.b.loc = data.loc;
        let (count, one) = (self.b.region_param(first), self.b.i64(1));
        let mut yields = self.copies.all(&active.func().regions[body].yields);
        yields.push(self.b.add(count, one));
        let tape = self.tape(body);
        for (k, frame) in self.plan.frames(body).iter().enumerate() {
            let array = self.b.region_param(first + 1 + k);
            yields.push(frame.slots.iter().fold(array, |array, slot| self.b.push(array, tape[*slot])));
        }
        self.push_slots(body);
        yields.extend(self.stacks_through(inst));
        let body = self.b.close_region(&yields);
        self.finish(inst, Op::While, &args, &[condition, body]);
    }
}

/// max(0, hi − lo)
pub fn trip_count(b: &mut Builder, lo: Value, hi: Value) -> Value {
    let zero = b.i64(0);
    let distance = b.sub(hi, lo);
    b.binary(BinaryOp::Max, distance, zero)
}

/// The first place of a trip's slots, where each trip has `count` of them.
pub fn times(b: &mut Builder, trip: Value, count: usize) -> Value {
    if count == 1 {
        return trip;
    }
    let count = b.i64(count as i64);
    b.mul(trip, count)
}

/// The place of slot `k` of those that begin at `base`.
pub fn plus(b: &mut Builder, base: Value, k: usize) -> Value {
    if k == 0 {
        return base;
    }
    let k = b.i64(k as i64);
    b.add(base, k)
}

/// What an array of the tape holds before it is written.
fn blank(b: &mut Builder, ty: Type) -> Value {
    if ty.is_float() { b.float(0.0, ty) } else { b.undef(ty) }
}

/// Repeats an instruction with one result in the sweep, where it is known to succeed.
pub fn repeat(b: &mut Builder, active: &Active, inst: Inst, args: &[Value]) -> Value {
    let data = &active.func().insts[inst];
    let result = data.results[0];
    let loc = std::mem::replace(&mut b.loc, data.loc);
    let copy = b.value(in_bounds(&data.op), args, active.func().value_type(result));
    copy_name(b, active.func(), result, copy);
    b.loc = loc;
    copy
}
