//! The tape as people read it: what of each loop, branch and recursion is kept, in how many bytes, and what is computed again.
//!
//! ```text
//! tape of f (line 1)
//!   line 2: for: arrays, one place for each trip
//!     line 2: keeps s, f64: 8 bytes
//!     line 3: computes again mul, sub
//!     line 2: a trip: 8 bytes
//!   line 1: in all: 40 bytes, and what grows with sizes and trips
//! ```
//!
//! It tells what the plan says, so before the optimizer drops what turns out to be needed by nobody. Bytes are those that elements
//! take in arrays of the tape: a `bool` one, on stacks eight.

use crate::analysis::accumulated::is_forward;
use crate::analysis::structure::Def;
use crate::context::Active;
use crate::reverse::control::body_of;
use crate::reverse::item::{Item, SizeSource, shape_source, size_source};
use crate::reverse::plan::{Plan, Setting, Slot, Source};
use dprog_ir::print::{base_name, type_text};
use dprog_ir::{Const, FuncId, Inst, InstData, Module, Op, Region, SrcLoc, Type, Value};
use std::rc::Rc;

/// A function that was differentiated, with its plan.
pub type Planned = (FuncId, Rc<Active>, Rc<Plan>);

/// What the derivative of one function keeps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tape {
    /// The function that writes the tape: a request, an augmented primal, or a recursion swept with its primal.
    pub made: FuncId,
    pub primal: FuncId,
    pub lines: Vec<Line>,
}

/// A line about a place in the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub depth: usize,
    pub at: SrcLoc,
    pub text: String,
    /// It names something that is computed again. Such lines of one line of the source may be put together.
    pub again: bool,
}

/// Bytes that are known, and whether there are others, whose number the program decides when it runs.
#[derive(Clone, Copy, Default)]
struct Bytes {
    known: u64,
    more: bool,
}

impl Bytes {
    fn of(known: u64) -> Bytes {
        Bytes { known, more: false }
    }

    fn and(self, other: Bytes) -> Bytes {
        Bytes { known: self.known.saturating_add(other.known), more: self.more || other.more }
    }

    /// So many times, or who knows how many times.
    fn times(self, count: Option<u64>) -> Bytes {
        match count {
            Some(count) => Bytes { known: self.known.saturating_mul(count), more: self.more && count > 0 },
            None => Bytes { known: 0, more: self.more || self.known > 0 },
        }
    }

    fn text(self) -> String {
        let known = if self.known == 1 { "1 byte".to_string() } else { format!("{} bytes", self.known) };
        if self.more { format!("{known}, and what grows with sizes and trips") } else { known }
    }
}

/// How many loops are looked through for a size.
const FAR: u32 = 3;
/// Bytes in front of the elements of an array, and of a reference to one.
const HEADER: u64 = 32;
const REFERENCE: u64 = 8;

/// Tells of a tape.
pub fn tell(module: &Module, (made, active, plan): &Planned) -> Tape {
    let mut teller = Teller { module, active, plan, lines: Vec::new(), depth: 0, stacked: false };
    let loc = active.func().loc;
    if plan.setting == Setting::Joint {
        teller.line(loc, "a recursion that is swept with its primal: no tape outlives an activation".to_string());
    }
    let arrays = teller.arrays_in_scope();
    teller.stacked = plan.pushed.contains(&plan.root);
    let own = teller.region(plan.root);
    let what = if plan.is_recursion() { "an activation, on the stacks of the recursion" } else { "in all" };
    let inner: Vec<Region> = plan.direct.iter().copied().filter(|region| *region != plan.root).collect();
    let all = inner.into_iter().fold(own.and(arrays), |all, region| all.and(teller.slots(region)));
    teller.line(loc, format!("{what}: {}", all.text()));
    Tape { made: *made, primal: active.instance.primal, lines: teller.lines }
}

struct Teller<'a> {
    module: &'a Module,
    active: &'a Active,
    plan: &'a Plan,
    lines: Vec<Line>,
    depth: usize,
    /// Whether what is being told of lies on stacks, where every scalar takes eight bytes.
    stacked: bool,
}

impl Teller<'_> {
    fn line(&mut self, at: SrcLoc, text: String) {
        self.lines.push(Line { depth: self.depth, at, text, again: false });
    }

    /// Arrays and nodes that stay where they are until the sweep, since it follows in the same scope.
    fn arrays_in_scope(&mut self) -> Bytes {
        let primal = &self.active.primal;
        let is_made = |v: &Value| {
            let by_whom = primal.producer(*v).map(|inst| &primal.func.insts[inst].op);
            by_whom.is_some_and(|op| !matches!(op, Op::Const(_) | Op::Undef)) && primal.func.value_type(*v).is_heap()
        };
        let items = self.plan.direct_items().filter_map(|item| match item {
            Item::Value(v) => Some(v).filter(is_made),
            Item::Dim(..) | Item::Winner(_) | Item::Replaced(_) | Item::ReplacedDim(..) => None,
        });
        let mut arrays: Vec<Value> = items.collect();
        arrays.sort_by_key(|v| primal.structure.order(*v));
        let bytes = arrays.iter().map(|v| {
            let bytes = self.bytes_of_value(*v);
            let what = self.name(Item::Value(*v));
            let ty = type_text(self.module, self.active.func().value_type(*v));
            self.line(self.place(*v), format!("keeps {what}, {ty}, whole: {}", self.size_text(bytes, *v)));
            bytes
        });
        bytes.collect::<Vec<_>>().into_iter().fold(Bytes::default(), Bytes::and)
    }

    /// A region with all that is in it. Gives what a run of it leaves.
    fn region(&mut self, region: Region) -> Bytes {
        let mut bytes = self.slots(region);
        self.again(region);
        let active = self.active;
        for &inst in &active.func().regions[region].insts {
            bytes = bytes.and(self.inst(inst));
        }
        bytes
    }

    /// The slots of a region.
    fn slots(&mut self, region: Region) -> Bytes {
        let slots: Vec<Slot> = self.plan.layout(region).to_vec();
        let mut all = Bytes::default();
        for slot in slots {
            let bytes = match slot.source {
                Source::Item(item) => {
                    let bytes = self.bytes_of_item(item, slot.ty);
                    let (name, ty) = (self.name(item), type_text(self.module, slot.ty));
                    let text = match item {
                        Item::Value(v) if slot.ty.is_heap() => {
                            format!("keeps {name}, {ty}, whole: {}", self.size_text(bytes, v))
                        }
                        _ => format!("keeps {name}, {ty}: {}", bytes.text()),
                    };
                    self.line(self.place(item.base(&self.active.primal)), text);
                    bytes
                }
                Source::Bundle(inst, k) => self.bytes_of_part(inst, k, slot.ty),
            };
            all = all.and(bytes);
        }
        all
    }

    fn again(&mut self, region: Region) {
        let items: Vec<Item> = self.plan.recompute.get(&region).cloned().unwrap_or_default();
        for item in items {
            let v = item.base(&self.active.primal);
            let is_constant = self.active.primal.producer(v).is_some_and(|inst| {
                let op = &self.active.func().insts[inst].op;
                matches!(op, Op::Const(_) | Op::Undef)
            });
            if !is_constant {
                let (at, text) = (self.place(v), self.name(item));
                self.lines.push(Line { depth: self.depth, at, text, again: true });
            }
        }
        for (result, _) in self.plan.backwards.get(&region).into_iter().flatten() {
            let v = self.active.func().regions[region].params[result + 1];
            let text = format!("{} by counting back", self.name_of(v));
            self.lines.push(Line { depth: self.depth, at: self.place(v), text, again: true });
        }
    }

    fn inst(&mut self, inst: Inst) -> Bytes {
        let (active, plan) = (self.active, self.plan);
        let data = &active.func().insts[inst];
        if let Some(fused) = plan.fused.as_ref().filter(|fused| fused.inst == inst) {
            let what = if fused.plan.is_some() { "a loop" } else { "a call" };
            self.line(data.loc, format!("{what} that is swept with its primal: nothing outlives a trip of it"));
            if let Some(trip) = &fused.plan {
                self.within(trip, |teller| {
                    teller.stacked = trip.carries_stacks;
                    let bytes = teller.region(trip.root);
                    teller.line(data.loc, format!("a trip, in memory that each uses again: {}", bytes.text()));
                });
            }
            return Bytes::default();
        }
        if let Some(element) = plan.inline.get(&inst) {
            self.element(element, data);
            return Bytes::default();
        }
        let is_swept = |region: &Region| plan.layouts.contains_key(region);
        match data.op {
            Op::Call(callee) => self.call(inst, callee, data),
            Op::For | Op::While if is_swept(&body_of(data)) => self.looping(inst, data),
            _ if data.regions.iter().any(is_swept) => self.branches(data),
            _ => Bytes::default(),
        }
    }

    /// Tells of another plan, one step further in.
    fn within(&mut self, plan: &Plan, tell: impl FnOnce(&mut Teller)) {
        let Teller { module, active, .. } = *self;
        let mut inner = Teller { module, active, plan, lines: Vec::new(), depth: self.depth + 1, stacked: false };
        tell(&mut inner);
        self.lines.extend(inner.lines);
    }

    /// The body of a comprehension.
    fn element(&mut self, plan: &Plan, data: &InstData) {
        let place = self.lines.len();
        self.within(plan, |teller| {
            let bytes = teller.region(plan.root);
            if bytes.known > 0 || bytes.more {
                teller.line(data.loc, format!("while one element is swept: {}", bytes.text()));
            }
        });
        if self.lines.len() > place {
            let text = "elements, each of which is computed again where it is swept".to_string();
            self.lines.insert(place, Line { depth: self.depth, at: data.loc, text, again: false });
        }
    }

    fn looping(&mut self, inst: Inst, data: &InstData) -> Bytes {
        let (active, plan, body) = (self.active, self.plan, body_of(data));
        let around = self.stacked;
        let on_stacks = plan.activations.contains_key(&body) || plan.pushed.contains(&body);
        let only_last = plan.last.contains(&inst);
        self.stacked = on_stacks;
        let kind = if data.op == Op::For { "for" } else { "while" };
        let how = match () {
            _ if only_last => "only the last trip is kept",
            _ if on_stacks => "on stacks, which grow",
            _ if plan.layout(body).is_empty() && is_forward(active, inst) => "swept forwards, with nothing kept",
            _ if plan.layout(body).is_empty() => "nothing is kept",
            _ if data.op == Op::For => "arrays with places for each trip",
            _ => "arrays that grow with each trip",
        };
        self.line(data.loc, format!("{kind}: {how}"));
        self.depth += 1;
        let trip = self.region(body);
        let trips = self.trips(data);
        // What only the last trip leaves stands beside the slots around the loop.
        let bytes = if only_last { Bytes::default() } else { trip.times(trips) };
        if trip.known > 0 || trip.more {
            self.line(data.loc, format!("a trip: {}", trip.text()));
            if let Some(trips) = trips.filter(|_| !only_last) {
                self.line(data.loc, format!("all {trips} trips: {}", bytes.text()));
            }
        }
        self.depth -= 1;
        self.stacked = around;
        bytes
    }

    /// The number of trips, if the program says it.
    fn trips(&self, data: &InstData) -> Option<u64> {
        let (lo, hi) = (self.number(*data.args.first()?)?, self.number(*data.args.get(1)?)?);
        (data.op == Op::For).then(|| hi.saturating_sub(lo).max(0) as u64)
    }

    fn number(&self, v: Value) -> Option<i64> {
        match self.active.func().insts[self.active.primal.producer(v)?].op {
            Op::Const(Const::I64(n)) => Some(n),
            _ => None,
        }
    }

    /// One of the branches runs. Where their slots go to the region around, these are counted there.
    fn branches(&mut self, data: &InstData) -> Bytes {
        let plan = self.plan;
        let mut most = Bytes::default();
        let place = self.lines.len();
        self.depth += 1;
        for region in &data.regions {
            let shared = plan.shares.contains_key(region);
            let (slots, whole) = (self.slots_quietly(*region), self.region(*region));
            let bytes = Bytes { known: whole.known - if shared { slots.known } else { 0 }, more: whole.more };
            most = Bytes { known: most.known.max(bytes.known), more: most.more || bytes.more };
        }
        self.depth -= 1;
        if self.lines.len() > place {
            let text = "branches, of which one has run".to_string();
            self.lines.insert(place, Line { depth: self.depth, at: data.loc, text, again: false });
        }
        most
    }

    fn slots_quietly(&mut self, region: Region) -> Bytes {
        let lines = self.lines.len();
        let bytes = self.slots(region);
        self.lines.truncate(lines);
        bytes
    }

    fn call(&mut self, inst: Inst, callee: FuncId, data: &InstData) -> Bytes {
        let Some(call) = self.plan.calls.get(&inst) else { return Bytes::default() };
        let name = &self.module.funcs[callee].name;
        if self.plan.threaded.contains(&inst) {
            self.line(data.loc, format!("calls {name}, which goes on with the stacks"));
        } else if !call.tape.is_empty() {
            self.line(data.loc, format!("calls {name}, which leaves its tape"));
            let more = call.tape.iter().any(|ty| ty.is_heap());
            return Bytes { known: 0, more };
        }
        Bytes::default()
    }

    // ---- sizes ----

    fn bytes_of_scalar(&self, ty: Type) -> Option<u64> {
        ty.as_scalar().map(|scalar| if self.stacked { 8 } else { scalar.bytes() as u64 })
    }

    fn bytes_of_item(&self, item: Item, ty: Type) -> Bytes {
        match (self.bytes_of_scalar(ty), item) {
            (Some(bytes), _) => Bytes::of(bytes),
            (None, Item::Value(v)) => self.bytes_of_value(v),
            (None, _) => Bytes { known: REFERENCE + HEADER, more: true },
        }
    }

    /// Of an array or a node, with the reference to it.
    fn bytes_of_value(&self, v: Value) -> Bytes {
        let primal = &self.active.primal;
        let ty = primal.func.value_type(v);
        let of_array = || {
            let element = ty.element().as_scalar()?.bytes() as u64;
            let count = (0..ty.rank())
                .try_fold(1u64, |count, axis| Some(count.saturating_mul(self.size(v, axis, FAR)?.max(0) as u64)))?;
            Some(REFERENCE + HEADER + count.saturating_mul(element))
        };
        let known = if ty.is_array() { of_array() } else { None };
        known.map_or(Bytes { known: REFERENCE, more: true }, Bytes::of)
    }

    /// The size of an axis, if the program says it; `left` bounds how many loops are looked through.
    fn size(&self, v: Value, axis: usize, left: u32) -> Option<i64> {
        let primal = &self.active.primal;
        let source = match size_source(primal, v, axis) {
            SizeSource::Number(n) => return Some(n),
            SizeSource::Value(size) => return self.number(size),
            SizeSource::Axis(source, _) => source,
        };
        // What a loop carries has a size if it begins with it, and each trip gives one of that size.
        let (inst, carried) = match primal.structure.def(source) {
            Def::Param { region, index } => {
                let inst = primal.structure.owner(region)?;
                (inst, index.checked_sub((primal.func.insts[inst].op == Op::For) as usize)?)
            }
            Def::Result { inst, index } => (inst, index),
        };
        let data = &primal.func.insts[inst];
        let is_loop = matches!(data.op, Op::For | Op::While);
        let left = left.checked_sub(1).filter(|_| is_loop)?;
        let init = data.args[data.args.len() - data.results.len() + carried];
        let next = primal.func.regions[body_of(data)].yields[carried];
        let begins = self.size(init, axis, left)?;
        let same = shape_source(primal, next) == source || self.size(next, axis, left) == Some(begins);
        same.then_some(begins)
    }

    fn size_text(&self, bytes: Bytes, v: Value) -> String {
        let ty = self.active.func().value_type(v);
        match ty.element().as_scalar() {
            Some(scalar) if bytes.more && ty.is_array() => format!("{} bytes an element", scalar.bytes()),
            Some(_) | None => bytes.text(),
        }
    }

    /// What an instruction leaves in the region around it: parts of branches, counts of trips, references to arrays of inner loops, tapes of calls.
    fn bytes_of_part(&self, inst: Inst, k: usize, ty: Type) -> Bytes {
        let data = &self.active.func().insts[inst];
        let is_loop = matches!(data.op, Op::For | Op::While);
        match self.bytes_of_scalar(ty) {
            Some(bytes) => Bytes::of(bytes),
            // The elements are counted with the loop.
            None if is_loop && (k > 0 || data.op == Op::For) => Bytes::of(REFERENCE + HEADER),
            None => Bytes { known: REFERENCE, more: true },
        }
    }

    // ---- names ----

    fn place(&self, v: Value) -> SrcLoc {
        let primal = &self.active.primal;
        match primal.structure.def(v) {
            Def::Result { inst, .. } => primal.func.insts[inst].loc,
            Def::Param { region, .. } => {
                primal.structure.owner(region).map_or(primal.func.loc, |owner| primal.func.insts[owner].loc)
            }
        }
    }

    fn name(&self, item: Item) -> String {
        let v = item.base(&self.active.primal);
        let name = self.name_of(v);
        match item {
            Item::Value(_) => name,
            Item::Dim(_, axis) => format!("size {axis} of {name}"),
            Item::Winner(_) => "the place of the extreme".to_string(),
            Item::Replaced(_) => format!("what is replaced in {name}"),
            Item::ReplacedDim(_, axis) => format!("size {axis} of what is replaced in {name}"),
        }
    }

    /// Its name in the source, or the operation.
    fn name_of(&self, v: Value) -> String {
        let primal = &self.active.primal;
        if let Some(name) = &primal.func.values[v].name {
            return base_name(name).to_string();
        }
        let Some(inst) = primal.producer(v) else {
            let is_of_function = primal.structure.home(v) == primal.func.entry().expect("a primal has a body");
            return if is_of_function { "a parameter" } else { "what is carried" }.to_string();
        };
        let data = &primal.func.insts[inst];
        let other = || "an intermediate value".to_string();
        let operand = || data.args.first().map_or(String::new(), |v| self.name_of(*v));
        match &data.op {
            Op::Unary(op) => op.name().to_string(),
            Op::Binary(op) => op.name().to_string(),
            Op::Get(_) | Op::Take(_) => format!("an element of {}", operand()),
            Op::Dim(axis) => format!("size {axis} of {}", operand()),
            Op::NodeGet { .. } => format!("a field of {}", operand()),
            Op::NodeTag => format!("the case of {}", operand()),
            Op::Compare(_) => "a comparison".to_string(),
            Op::Select => "a choice".to_string(),
            Op::Convert(_) => "a conversion".to_string(),
            Op::Call(_) | Op::Host(_) => "the result of a call".to_string(),
            Op::Reduce(_) | Op::Dot => "a reduction".to_string(),
            Op::If | Op::Switch => "the result of a branch".to_string(),
            Op::For | Op::While => "the result of a loop".to_string(),
            Op::Map | Op::Build => "elements".to_string(),
            Op::MatMul { .. } | Op::MatVec { .. } | Op::Outer => "a product".to_string(),
            Op::Const(_) | Op::Undef | Op::StopGrad | Op::Fill | Op::Elements | Op::Set(_) | Op::AddAt(_) => other(),
            Op::Slice(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::Push | Op::Pop | Op::Reshape | Op::Put => other(),
            Op::SortPermutation | Op::NodeNew { .. } | Op::ZerosLike | Op::AddTangent | Op::Concat => other(),
            Op::Format(_) | Op::Check(_) | Op::Trap | Op::Retain | Op::Release | Op::Unshare => other(),
        }
    }
}
