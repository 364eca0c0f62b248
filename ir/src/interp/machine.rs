//! The machine: runs regions on a stack of frames.
//!
//! There is a frame for each call and for each region that is being run inside it. A frame of a call owns a range of
//! slots, one per value of its function; the regions of that call use the same slots.

use super::eval::{self, Args, Results};
use super::plan::Plan;
use super::value::{Array, Dims, Val};
use super::{Fault, Host, Limits, Trap, array};
use crate::analysis::{CallGraph, Table};
use crate::entity::Entity;
use crate::function::{Body, Function, Inst, InstData, Region, Value};
use crate::location::SrcLoc;
use crate::module::{FuncId, Module};
use crate::opcode::Op;
use crate::trap::TrapCode;
use crate::types::Type;
use smallvec::SmallVec;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Instructions between two looks at whether the program is to stop.
const LOOK: u64 = 1 << 10;

pub(super) struct Machine<'m> {
    pub module: &'m Module,
    pub limits: Limits,
    pub host: &'m mut dyn Host,
    /// While a derivative runs its primal again, nothing is written a second time.
    pub silent: bool,
    pub steps: u64,
    /// Rounds of `for` and `while`.
    rounds: u64,
    /// The level of the latest request for a derivative; see [`super::number`].
    pub level: u32,
    /// Requests running inside one another.
    pub nesting: usize,
    /// One for each function. Shared, so that they can be read while the machine changes.
    plans: Rc<[Plan]>,
    slots: Vec<Val>,
    frames: Vec<Frame>,
    /// Nested calls of functions that can call themselves.
    depth: usize,
    recursive: Table<FuncId, bool>,
    /// Set by another thread to stop the program.
    pub cancel: Option<Arc<AtomicBool>>,
}

struct Frame {
    func: FuncId,
    /// Where the slots of this call begin.
    base: usize,
    region: Region,
    /// Instructions of the region done.
    next: usize,
    kind: Kind,
}

/// What a frame runs, and what it does at the end of its region.
enum Kind {
    /// A call, by this instruction of the frame below; none: by the host, or by a derivative.
    Call(Option<Inst>),
    /// A branch of `if` or `switch`.
    Branch(Inst),
    For {
        inst: Inst,
        at: i64,
        end: i64,
    },
    WhileCondition(Inst),
    WhileBody(Inst),
    Map {
        inst: Inst,
        arrays: Vec<Rc<Array>>,
        results: Collected,
    },
    Build {
        inst: Inst,
        results: Collected,
    },
}

/// The arrays that `map` or `build` fill.
struct Collected {
    dims: Dims,
    count: usize,
    done: usize,
    items: Vec<Vec<Val>>,
}

impl<'m> Machine<'m> {
    pub fn new(module: &'m Module, limits: Limits, host: &'m mut dyn Host) -> Machine<'m> {
        Machine {
            module,
            limits,
            host,
            silent: false,
            steps: 0,
            rounds: 0,
            level: 0,
            nesting: 0,
            plans: module.funcs.values().map(Plan::new).collect(),
            slots: Vec::new(),
            frames: Vec::new(),
            depth: 0,
            recursive: CallGraph::of_module(module).recursive,
            cancel: None,
        }
    }

    /// A call by the host. Leaves nothing behind after a trap.
    pub fn call(&mut self, func: FuncId, args: Args) -> Result<Vec<Val>, Trap> {
        let outcome = self.run(func, args).map_err(|fault| self.trap(fault));
        self.frames.clear();
        self.slots.clear();
        (self.depth, self.nesting, self.silent) = (0, 0, false);
        outcome
    }

    /// Runs `func` to its end, on top of what is running.
    pub fn run(&mut self, func: FuncId, args: Args) -> Result<Vec<Val>, Fault> {
        let floor = self.frames.len();
        if let Some(results) = self.enter(func, args, None)? {
            return Ok(results);
        }
        let plans = self.plans.clone();
        loop {
            let frame = self.frames.last_mut().expect("the call's frame is on the stack until it ends");
            let (function, plan) = (&self.module.funcs[frame.func], &plans[frame.func.index()]);
            match function.regions[frame.region].insts.get(frame.next) {
                Some(inst) => {
                    frame.next += 1;
                    self.inst(function, plan, *inst)?;
                }
                None => {
                    if let Some(results) = self.end_of_region(function, plan, floor)? {
                        return Ok(results);
                    }
                }
            }
        }
    }

    /// The places of a trap: of the current instruction, and of the calls on the stack. A derivative that runs its
    /// primal is one call: the primal's frame lies on that of the caller of the derivative.
    fn trap(&self, fault: Fault) -> Trap {
        let mut chain = vec![self.frames.last().map_or(SrcLoc::NONE, |frame| self.place(frame))];
        for pair in self.frames.windows(2).rev() {
            if matches!(pair[1].kind, Kind::Call(_)) {
                chain.push(self.place(&pair[0]));
            }
        }
        chain.retain(|loc| *loc != SrcLoc::NONE);
        Trap { code: fault.code, a: fault.a, b: fault.b, text: fault.text, chain }
    }

    /// Where the instruction that a frame is at stands.
    fn place(&self, frame: &Frame) -> SrcLoc {
        let function = &self.module.funcs[frame.func];
        let inst = frame.next.checked_sub(1).map(|k| function.regions[frame.region].insts[k]);
        inst.map_or(SrcLoc::NONE, |inst| function.insts[inst].loc)
    }

    /// Begins a call. What is no region, a derivative, is done at once and gives its results.
    fn enter(&mut self, id: FuncId, args: Args, inst: Option<Inst>) -> Result<Option<Vec<Val>>, Fault> {
        let counts = self.recursive[id];
        if counts && self.depth >= self.limits.depth {
            return Err(Fault::new(TrapCode::Depth, self.limits.depth as i64, 0));
        }
        let function = &self.module.funcs[id];
        match &function.body {
            Body::Defined(entry) => {
                self.depth += counts as usize;
                let base = self.slots.len();
                self.slots.resize(base + function.values.len(), Val::Null);
                self.frames.push(Frame { func: id, base, region: *entry, next: 0, kind: Kind::Call(inst) });
                self.assign(&function.regions[*entry].params, args);
                Ok(None)
            }
            Body::Derivative(request) => self.derivative(request, args).map(Some),
            Body::Pending => Err(Fault::defect(format!("`{}` has no body", function.name))),
        }
    }

    fn frame(&self) -> &Frame {
        self.frames.last().expect("an instruction runs in a frame")
    }

    fn assign(&mut self, values: &[Value], items: impl IntoIterator<Item = Val>) {
        let base = self.frame().base;
        for (v, item) in values.iter().zip(items) {
            self.slots[base + v.index()] = item;
        }
    }

    /// Reads values, moving those out of which this is the last use.
    fn read(&mut self, values: &[Value], is_last: impl Fn(usize) -> bool) -> Args {
        let base = self.frame().base;
        let read = |(k, v): (usize, &Value)| {
            let slot = &mut self.slots[base + v.index()];
            if is_last(k) { std::mem::replace(slot, Val::Null) } else { slot.clone() }
        };
        values.iter().enumerate().map(read).collect()
    }

    fn inst(&mut self, function: &'m Function, plan: &Plan, inst: Inst) -> Result<(), Fault> {
        self.steps += 1;
        if self.steps > self.limits.steps || (self.steps % LOOK == 0 && self.is_cancelled()) {
            return Err(Fault::new(TrapCode::Cancelled, 0, 0));
        }
        let data = &function.insts[inst];
        let args = self.read(&data.args, |k| plan.moves_arg(inst, k));
        match &data.op {
            Op::If => self.push(data.regions[if args[0].as_bool() { 0 } else { 1 }], Kind::Branch(inst)),
            Op::Switch => self.push(data.regions[chosen_case(data, args[0].as_i64())], Kind::Branch(inst)),
            Op::For => self.begin_for(function, inst, args),
            Op::While => {
                self.push(data.regions[0], Kind::WhileCondition(inst));
                self.assign(&function.regions[data.regions[0]].params, args);
            }
            Op::Map => self.begin_map(function, inst, args)?,
            Op::Build => self.begin_build(function, inst, args)?,
            Op::Call(callee) => {
                if let Some(results) = self.enter(*callee, args, Some(inst))? {
                    self.assign(&data.results, results);
                }
            }
            Op::Host(f) => {
                let results = if self.silent && f.is_output() { Vec::new() } else { self.host.call(*f, &args)? };
                self.assign(&data.results, results);
            }
            op => {
                let types: SmallVec<[Type; 2]> = data.results.iter().map(|v| function.value_type(*v)).collect();
                let results: Results = eval::compute(op, args, &types, self.module)?;
                self.assign(&data.results, results);
            }
        }
        Ok(())
    }

    /// One more round of a loop, which may have no instructions.
    fn round(&mut self) -> Result<(), Fault> {
        self.rounds += 1;
        if self.rounds > self.limits.steps || (self.rounds.is_multiple_of(LOOK) && self.is_cancelled()) {
            return Err(Fault::new(TrapCode::Cancelled, 0, 0));
        }
        Ok(())
    }

    fn is_cancelled(&self) -> bool {
        self.cancel.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// Begins a region of the current call.
    fn push(&mut self, region: Region, kind: Kind) {
        let Frame { func, base, .. } = *self.frame();
        self.frames.push(Frame { func, base, region, next: 0, kind });
    }

    /// Ends the topmost region: the values are the results of its instruction.
    fn pop(&mut self, function: &'m Function, inst: Inst, results: impl IntoIterator<Item = Val>) {
        self.frames.pop();
        self.assign(&function.insts[inst].results, results);
    }

    /// Runs the region of the topmost frame once more, or for the first time.
    fn repeat(&mut self, region: Region) {
        let frame = self.frames.last_mut().expect("a region runs in a frame");
        (frame.region, frame.next) = (region, 0);
    }

    fn begin_for(&mut self, function: &'m Function, inst: Inst, mut args: Args) {
        let data = &function.insts[inst];
        let (at, end) = (args[0].as_i64(), args[1].as_i64());
        args.drain(..2);
        if at >= end {
            return self.assign(&data.results, args);
        }
        self.push(data.regions[0], Kind::For { inst, at, end });
        let params = &function.regions[data.regions[0]].params;
        self.assign(params, std::iter::once(Val::I64(at)).chain(args));
    }

    fn begin_map(&mut self, function: &'m Function, inst: Inst, args: Args) -> Result<(), Fault> {
        let arrays: Vec<Rc<Array>> = args.into_iter().map(shared_array).collect();
        let dims = arrays[0].dims.clone();
        for other in &arrays[1..] {
            if let Some((found, needed)) = other.dims.iter().zip(&dims).find(|(f, n)| f != n) {
                return Err(Fault::new(TrapCode::Shape, *found as i64, *needed as i64));
            }
        }
        let count = arrays[0].items().len();
        let results = self.collect_into(function, inst, dims, count)?;
        self.push(function.insts[inst].regions[0], Kind::Map { inst, arrays, results });
        self.next_element(function);
        Ok(())
    }

    fn begin_build(&mut self, function: &'m Function, inst: Inst, args: Args) -> Result<(), Fault> {
        let (dims, count) = array::sizes(&args)?;
        let results = self.collect_into(function, inst, dims, count)?;
        self.push(function.insts[inst].regions[0], Kind::Build { inst, results });
        self.next_element(function);
        Ok(())
    }

    fn collect_into(&self, function: &Function, inst: Inst, dims: Dims, count: usize) -> Result<Collected, Fault> {
        let arrays = function.insts[inst].results.len();
        super::admit(count.saturating_mul(arrays))?;
        Ok(Collected { dims, count, done: 0, items: (0..arrays).map(|_| Vec::with_capacity(count)).collect() })
    }

    /// Goes on with the next element of a `map` or `build`, or ends it.
    fn next_element(&mut self, function: &'m Function) {
        let frame = self.frames.last_mut().expect("a region runs in a frame");
        let (inst, results, arrays) = match &mut frame.kind {
            Kind::Map { inst, results, arrays } => (*inst, results, Some(&*arrays)),
            Kind::Build { inst, results } => (*inst, results, None),
            Kind::Call(_) | Kind::Branch(_) | Kind::For { .. } => unreachable!("this is no map or build"),
            Kind::WhileCondition(_) | Kind::WhileBody(_) => unreachable!("this is no map or build"),
        };
        let at = results.done;
        if at == results.count {
            let arrays = std::mem::take(&mut results.items).into_iter();
            let dims = results.dims.clone();
            return self.pop(function, inst, arrays.map(|items| Val::Array(Rc::new(Array::new(dims.clone(), items)))));
        }
        let params: Args = match arrays {
            Some(arrays) => arrays.iter().map(|array| array.items()[at].clone()).collect(),
            None => indices(&results.dims, at),
        };
        let region = function.insts[inst].regions[0];
        self.repeat(region);
        self.assign(&function.regions[region].params, params);
    }

    /// The region of the topmost frame is done. Gives the results of the call that is the `floor` of this run.
    fn end_of_region(&mut self, function: &'m Function, plan: &Plan, floor: usize) -> Result<Option<Vec<Val>>, Fault> {
        let region = self.frame().region;
        if matches!(self.frame().kind, Kind::For { .. } | Kind::WhileBody(_)) {
            self.round()?;
        }
        let yields = self.read(&function.regions[region].yields, |k| plan.moves_yield(region, k));
        let frame = self.frames.last_mut().expect("a region runs in a frame");
        match &mut frame.kind {
            Kind::Call(inst) => {
                let (inst, base) = (*inst, frame.base);
                return Ok(self.end_of_call(inst, base, floor, yields));
            }
            Kind::Branch(inst) => {
                let inst = *inst;
                self.pop(function, inst, yields);
            }
            Kind::For { inst, at, end } => {
                *at += 1;
                let (inst, at, end) = (*inst, *at, *end);
                if at == end {
                    self.pop(function, inst, yields);
                } else {
                    self.repeat(region);
                    let params = &function.regions[region].params;
                    self.assign(params, std::iter::once(Val::I64(at)).chain(yields));
                }
            }
            Kind::WhileCondition(inst) => {
                let inst = *inst;
                let carried = self.read(&function.regions[region].params, |_| true);
                if yields[0].as_bool() {
                    let body = function.insts[inst].regions[1];
                    self.frames.last_mut().expect("a region runs in a frame").kind = Kind::WhileBody(inst);
                    self.repeat(body);
                    self.assign(&function.regions[body].params, carried);
                } else {
                    self.pop(function, inst, carried);
                }
            }
            Kind::WhileBody(inst) => {
                let inst = *inst;
                frame.kind = Kind::WhileCondition(inst);
                let condition = function.insts[inst].regions[0];
                self.repeat(condition);
                self.assign(&function.regions[condition].params, yields);
            }
            Kind::Map { results, .. } | Kind::Build { results, .. } => {
                results.items.iter_mut().zip(yields).for_each(|(items, v)| items.push(v));
                results.done += 1;
                self.next_element(function);
            }
        }
        Ok(None)
    }

    fn end_of_call(&mut self, inst: Option<Inst>, base: usize, floor: usize, results: Args) -> Option<Vec<Val>> {
        self.slots.truncate(base);
        let ended = self.frames.pop().expect("the frame of the call");
        self.depth -= self.recursive[ended.func] as usize;
        if self.frames.len() == floor {
            return Some(results.into_vec());
        }
        let caller = &self.module.funcs[self.frame().func];
        let inst = inst.expect("a call above the floor was made by an instruction");
        self.assign(&caller.insts[inst].results, results);
        None
    }
}

/// The region that `switch` takes.
fn chosen_case(data: &InstData, tag: i64) -> usize {
    let default = data.regions.len() - 1;
    usize::try_from(tag).map_or(default, |tag| tag.min(default))
}

fn shared_array(v: Val) -> Rc<Array> {
    match v {
        Val::Array(array) => array,
        other => panic!("expected an array, found {other:?}"),
    }
}

/// The indices of the element at a row-major position.
fn indices(dims: &[usize], mut at: usize) -> Args {
    let mut indices: Args = dims.iter().map(|_| Val::I64(0)).collect();
    for (index, dim) in indices.iter_mut().zip(dims).rev() {
        *index = Val::I64((at % dim) as i64);
        at /= dim;
    }
    indices
}
