//! Arrays that are made element by element only to be read element by element are not made.
//!
//! A `map` or `build` whose results one other `map` reads is merged with it; one that is read by a single `get` at the
//! counters of the loops around it is computed right there.
//!
//! ```text
//! %y = map (%a = %x) { %b = mul %a, %a; yield %b }             %z = map (%a = %x, %d = %w) {
//! %z = map (%c = %y, %d = %w) {                         ->        %b = mul %a, %a
//!   %e = add %c, %d                                               %e = add %b, %d
//!   yield %e                                                      yield %e
//! }                                                            }
//! ```
//!
//! Each element is computed once, as before, by the same operations; or as often as it is read, if that is but a few
//! additions and products ([`CHEAP`]) and each reader reads it once. The producer has to be pure, since its work is done
//! later and mixed with the consumer's. Its own inputs now live until the consumer: reading them there must cost nothing
//! ([`Lasting`]).
//!
//! Before the derivative is taken this makes adjoints of elements of adjoints of whole arrays.
//!
//! *Not here:* reductions of a `map`: the lowering of `reduce` reads an array. *Cost:* linear, but for the looks of [`Lasting`].

use super::Stage;
use super::replacement::Replacements;
use crate::analysis::definitions::count_uses;
use crate::analysis::effects::EffectContext;
use crate::analysis::lasting::Lasting;
use crate::analysis::{Def, Definitions, FunctionEffects, Shapes, Table};
use crate::function::{Function, Inst, InstData, Region, RegionData, Value};
use crate::opcode::{Access, BinaryOp, Effect, Op, UnaryOp};
use crate::rewrite::Copier;
use crate::walk;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

/// Instructions of a body that is computed more than once, and how often (gut feeling: less than a store and a load of each
/// element and the taking of memory).
const CHEAP: usize = 6;
const COPIES: u32 = 4;

/// Sums between a counter and an index (that of a sweep is one of three; a guess).
const FAR: u32 = 4;

/// Fuses producers of arrays with their only reader. Gives the number of producers that are gone.
pub fn run(func: &mut Function, effects: &FunctionEffects, stage: Stage) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let definitions = Definitions::of_function(func);
    let mut around = FxHashSet::default();
    find_loops(func, entry, &mut around);
    let (pure, sums) = pure_producers(func, &definitions, effects, &around);
    if pure.is_empty() && sums.is_empty() {
        return 0;
    }
    let (uses, lasting) = (count_uses(func), Lasting::of_function(func, stage));
    let (cheap, replaced) = (FxHashSet::default(), Replacements::default());
    let path = Vec::new();
    let mut fusion =
        Fusion { func, stage, definitions, pure, sums, cheap, around, uses, lasting, path, replaced, fused: 0 };
    fusion.find_cheap(entry);
    fusion.region(entry, &mut Vec::new());
    let Fusion { replaced, fused, .. } = fusion;
    replaced.resolve_region(func, entry);
    fused
}

/// `map` and `build` without effect, and the heap values from outside that they read; and sums of arrays without effect.
fn pure_producers(
    func: &Function,
    definitions: &Definitions,
    effects: &FunctionEffects,
    around: &FxHashSet<Region>,
) -> (FxHashMap<Inst, Vec<Value>>, FxHashSet<Inst>) {
    let shapes = Shapes::of_function(func);
    let context = EffectContext { func, definitions, shapes: &shapes, functions: effects };
    let mut free = walk::FreeValues::new(func);
    let (mut pure, mut sums) = (FxHashMap::default(), FxHashSet::default());
    for inst in walk::insts(func) {
        let data = &func.insts[inst];
        let is_maker = matches!(data.op, Op::Map | Op::Build) && !is_search(func, data, around);
        if is_maker && context.of_inst(inst) == Effect::Pure {
            let inputs = free.of(func, data.regions[0]).into_iter().chain(data.args.iter().copied());
            pure.insert(inst, inputs.filter(|v| func.value_type(*v).is_heap()).collect());
        }
        let array = data.op == Op::AddTangent && func.value_type(data.results[0]).is_array();
        if array && context.of_inst(inst) == Effect::Pure {
            sums.insert(inst);
        }
    }
    (pure, sums)
}

/// Whether a loop finds each element, and all are positions or the like. They are to stay as an array: in its reader the sweep of that would look for
/// each once more, and the loop over the elements, which has what to do in vectors, would be part of a longer one.
fn is_search(func: &Function, data: &InstData, around: &FxHashSet<Region>) -> bool {
    let is_discrete = |v: &Value| func.value_type(*v).element().as_scalar().is_some_and(|scalar| !scalar.is_float());
    data.regions.iter().any(|region| around.contains(region)) && data.results.iter().all(is_discrete)
}

/// Finds the regions with loops in them. Gives whether this is one.
fn find_loops(func: &Function, region: Region, around: &mut FxHashSet<Region>) -> bool {
    let mut found = false;
    for inst in &func.regions[region].insts {
        let data = &func.insts[*inst];
        found |= matches!(data.op, Op::For | Op::While | Op::Map | Op::Build);
        data.regions.iter().for_each(|inner| found |= find_loops(func, *inner, around));
    }
    if found {
        around.insert(region);
    }
    found
}

struct Fusion<'f> {
    func: &'f mut Function,
    stage: Stage,
    definitions: Definitions,
    /// Producers that are still there, with their inputs.
    pure: FxHashMap<Inst, Vec<Value>>,
    /// Sums of two arrays of floats, of one shape.
    sums: FxHashSet<Inst>,
    /// Those of which each reader computes what it reads.
    cheap: FxHashSet<Inst>,
    /// Regions with loops in them.
    around: FxHashSet<Region>,
    uses: Table<Value, u32>,
    lasting: Lasting,
    /// The regions around the instruction at hand, each with what is done of it.
    path: Vec<(Region, Vec<Inst>)>,
    replaced: Replacements,
    fused: usize,
}

impl Fusion<'_> {
    /// Fuses in a region. `loops` are the loops around it, innermost last, each with its region.
    fn region(&mut self, region: Region, loops: &mut Vec<Region>) {
        self.path.push((region, Vec::new()));
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            self.replaced.resolve_args(self.func, inst);
            if self.sums.contains(&inst) {
                self.sum_to_map(inst, region);
            }
            if self.func.insts[inst].op == Op::Map {
                self.merge_producers(inst, region);
            }
            if let Some((producer, yielded)) = self.producer_of_element(inst, loops) {
                self.compute_element(inst, producer, yielded);
                continue;
            }
            self.inner_regions(inst, loops);
            self.done(inst);
        }
        let (_, mut done) = self.path.pop().expect("the region is on the path");
        done.retain(|inst| !self.is_gone(*inst));
        self.func.regions[region].insts = done;
    }

    fn done(&mut self, inst: Inst) {
        self.path.last_mut().expect("a region is being walked").1.push(inst);
    }

    fn inner_regions(&mut self, inst: Inst, loops: &mut Vec<Region>) {
        let branches = matches!(self.func.insts[inst].op, Op::If | Op::Switch);
        for inner in self.func.insts[inst].regions.clone() {
            if !branches {
                loops.push(inner);
            }
            self.region(inner, loops);
            if !branches {
                loops.pop();
            }
        }
    }

    /// A producer that has been fused has no results any more.
    fn is_gone(&self, inst: Inst) -> bool {
        let data = &self.func.insts[inst];
        matches!(data.op, Op::Map | Op::Build) && data.results.is_empty() && data.regions.is_empty()
    }

    /// A producer for one of its readers: itself for the only one, else a copy.
    fn part_with(&mut self, producer: Inst) -> InstData {
        if !self.cheap.contains(&producer) {
            return self.remove(producer);
        }
        self.fused += 1;
        let mut data = self.func.insts[producer].clone();
        let body = data.regions[0];
        self.replaced.resolve_region(self.func, body);
        data.args.iter_mut().for_each(|v| *v = self.replaced.resolve(*v));
        let copy = Copier::within().region(self.func, body);
        self.definitions.record_region(self.func, copy, None);
        walk::for_each_use(self.func, copy, &mut |v| self.uses[v] += 1);
        data.args.iter().for_each(|v| self.uses[*v] += 1);
        data.regions = SmallVec::from_slice(&[copy]);
        data
    }

    fn remove(&mut self, producer: Inst) -> InstData {
        self.fused += 1;
        self.pure.remove(&producer);
        let data = self.func.insts[producer].clone();
        let gone = &mut self.func.insts[producer];
        gone.results.clear();
        gone.regions.clear();
        gone.args.clear();
        data
    }

    // ---- a map of a map ----

    /// A sum of adjoints of which one is a producer that nobody else reads becomes a map. So does one that is what the function gives,
    /// which is made where the caller wants it; and one that would begin with a copy, since the caller has what it adds to.
    fn sum_to_map(&mut self, inst: Inst, region: Region) {
        let data = self.func.insts[inst].clone();
        let made_here = |v: &Value| {
            let producer = self.producer(*v).filter(|producer| self.definitions.home(*producer) == Some(region));
            producer.is_some_and(|producer| self.is_read_only_by(producer, &data.args) && self.inputs_last(producer))
        };
        if !data.args.iter().any(made_here) && !self.is_better_new(&data) {
            return;
        }
        let ty = self.func.value_type(data.results[0]).element();
        let params: Vec<Value> = (0..2).map(|_| self.func.new_value(ty, None)).collect();
        let sum = self.func.new_value(ty, None);
        let (args, results) = (SmallVec::from_slice(&params), SmallVec::from_slice(&[sum]));
        let op = Op::Binary(BinaryOp::Add);
        let add = self.func.insts.push(InstData { op, args, regions: SmallVec::new(), results, loc: data.loc });
        let body = self.func.regions.push(RegionData { params, insts: vec![add], yields: vec![sum] });
        self.func.insts[inst].op = Op::Map;
        self.func.insts[inst].regions = SmallVec::from_slice(&[body]);
        self.definitions.record(self.func, inst);
        self.pure.insert(inst, data.args.to_vec());
    }

    fn is_better_new(&self, sum: &InstData) -> bool {
        let entry = self.func.entry().map(|entry| &self.func.regions[entry]);
        let new = |entry: &RegionData| entry.params.contains(&sum.args[0]) || entry.yields.contains(&sum.results[0]);
        self.stage == Stage::Full && entry.is_some_and(new)
    }

    fn merge_producers(&mut self, consumer: Inst, region: Region) {
        while let Some(producer) = self.producer_to_merge(consumer, region) {
            let data = self.part_with(producer);
            let inputs = self.pure.get(&consumer).cloned();
            if data.op == Op::Map {
                self.merge_map(consumer, &data);
            } else {
                self.merge_build(consumer, &data);
            }
            if inputs.is_some() {
                self.refresh_inputs(consumer);
            }
            if data.op == Op::Build {
                return;
            }
        }
    }

    fn refresh_inputs(&mut self, inst: Inst) {
        let region = self.func.insts[inst].regions[0];
        self.replaced.resolve_region(self.func, region);
        let free = walk::free_values(self.func, region);
        let inputs = free.into_iter().chain(self.func.insts[inst].args.iter().copied());
        self.pure.insert(inst, inputs.filter(|v| self.func.value_type(*v).is_heap()).collect());
    }

    fn producer_to_merge(&self, consumer: Inst, region: Region) -> Option<Inst> {
        let args = &self.func.insts[consumer].args;
        args.iter().find_map(|array| {
            let Def::Result(producer, _) = self.definitions.of(*array) else { return None };
            let here = self.definitions.home(producer) == Some(region);
            let fits = self.cheap.contains(&producer) || self.is_read_only_by(producer, args);
            (here && fits && self.inputs_last(producer)).then_some(producer)
        })
    }

    /// Whether all uses of all results of a pure producer are among these operands.
    fn is_read_only_by(&self, producer: Inst, args: &[Value]) -> bool {
        let results = &self.func.insts[producer].results;
        let read_here = |v: &Value| args.iter().filter(|arg| *arg == v).count() as u32 == self.uses[*v];
        self.pure.contains_key(&producer) && results.iter().all(read_here)
    }

    /// Whether what the producer reads may be read by the instruction at hand as well.
    fn inputs_last(&self, producer: Inst) -> bool {
        let lasts = |v: &Value| self.lasting.until(self.func, &self.definitions, *v, producer, &self.path);
        self.pure.get(&producer).is_some_and(|inputs| inputs.iter().all(lasts))
    }

    // ---- what is cheap ----

    /// Finds the producers that all readers may have a copy of.
    fn find_cheap(&mut self, entry: Region) {
        let mut reads = Table::new();
        self.count_reads(entry, &mut Vec::new(), &mut reads);
        let all_elements = |v: &Value| reads[*v] == self.uses[*v];
        let is_cheap = |inst: &Inst| {
            let results = &self.func.insts[*inst].results;
            let copies: u32 = results.iter().map(|v| self.uses[*v]).sum();
            (2..=COPIES).contains(&copies) && results.iter().all(all_elements) && self.has_cheap_body(*inst)
        };
        self.cheap = self.pure.keys().copied().filter(is_cheap).collect();
    }

    /// Counts the uses of each value that read its elements, each once.
    fn count_reads(&self, region: Region, loops: &mut Vec<Region>, reads: &mut Table<Value, u32>) {
        for inst in &self.func.regions[region].insts {
            let data = &self.func.insts[*inst];
            if data.op == Op::Map {
                for x in &data.args {
                    let here =
                        self.producer(*x).is_some_and(|producer| self.definitions.home(producer) == Some(region));
                    reads[*x] += here as u32;
                }
            } else if let Some(producer) = self.element_read(data) {
                reads[data.args[0]] += self.is_read_once(producer, &data.args[1..], loops) as u32;
            }
            let branches = matches!(data.op, Op::If | Op::Switch);
            for inner in &data.regions {
                loops.extend((!branches).then_some(*inner));
                self.count_reads(*inner, loops, reads);
                loops.truncate(loops.len() - !branches as usize);
            }
        }
    }

    fn producer(&self, x: Value) -> Option<Inst> {
        match self.definitions.of(x) {
            Def::Result(inst, _) if self.pure.contains_key(&inst) => Some(inst),
            Def::Result(..) | Def::Param(..) | Def::Nowhere => None,
        }
    }

    /// The producer of the array of which an instruction reads an element that is certainly inside.
    fn element_read(&self, data: &InstData) -> Option<Inst> {
        let reads = data.op == Op::Get(Access::InBounds);
        let whole = reads && data.args.len() == self.func.value_type(data.args[0]).rank() + 1;
        if whole { self.producer(data.args[0]) } else { None }
    }

    fn has_cheap_body(&self, inst: Inst) -> bool {
        let body = &self.func.regions[self.func.insts[inst].regions[0]];
        let counts = |inst: &&Inst| !matches!(self.func.insts[**inst].op, Op::Const(_));
        let cheap = |inst: &Inst| is_cheap(&self.func.insts[*inst]);
        body.insts.iter().filter(counts).count() <= CHEAP && body.insts.iter().all(cheap)
    }

    /// Puts the body of a map before that of the map that reads it.
    fn merge_map(&mut self, consumer: Inst, producer: &InstData) {
        let data = self.func.insts[consumer].clone();
        let (first, second) = (producer.regions[0], data.regions[0]);
        let mut arrays: Vec<Value> = producer.args.to_vec();
        let mut params = self.func.regions[first].params.clone();
        let second_params = self.func.regions[second].params.clone();
        for (array, param) in data.args.iter().zip(second_params) {
            if let Some(k) = producer.results.iter().position(|v| v == array) {
                self.replaced.replace(param, self.func.regions[first].yields[k]);
            } else if let Some(k) = arrays.iter().position(|known| known == array) {
                self.uses[*array] -= 1;
                self.replaced.replace(param, params[k]);
            } else {
                arrays.push(*array);
                params.push(param);
            }
        }
        let insts = [&self.func.regions[first].insts[..], &self.func.regions[second].insts].concat();
        let merged = &mut self.func.regions[second];
        (merged.params, merged.insts) = (params, insts);
        self.func.insts[consumer].args = arrays.into();
    }

    /// Makes the map that reads a build the build itself; its other arrays are read at the indices.
    fn merge_build(&mut self, consumer: Inst, producer: &InstData) {
        let data = self.func.insts[consumer].clone();
        let (first, second) = (producer.regions[0], data.regions[0]);
        let indices = self.func.regions[first].params.clone();
        let mut insts = self.func.regions[first].insts.clone();
        for (array, param) in data.args.iter().zip(self.func.regions[second].params.clone()) {
            match producer.results.iter().position(|v| v == array) {
                Some(k) => self.replaced.replace(param, self.func.regions[first].yields[k]),
                None => insts.push(self.element(*array, &indices, param, &data)),
            }
        }
        insts.extend(&self.func.regions[second].insts);
        let merged = &mut self.func.regions[second];
        (merged.params, merged.insts) = (indices, insts);
        let changed = &mut self.func.insts[consumer];
        (changed.op, changed.args) = (Op::Build, producer.args.clone());
    }

    /// An instruction that reads the element for `param`.
    fn element(&mut self, array: Value, indices: &[Value], param: Value, at: &InstData) -> Inst {
        let args = std::iter::once(array).chain(indices.iter().copied()).collect();
        let results = SmallVec::from_slice(&[param]);
        let data = InstData { op: Op::Get(Access::InBounds), args, regions: SmallVec::new(), results, loc: at.loc };
        let inst = self.func.insts.push(data);
        self.definitions.record(self.func, inst);
        inst
    }

    // ---- a get from a map or build ----

    /// For the only read of a producer, at the counters of all loops that stand between: the producer, and which of its
    /// results is read.
    fn producer_of_element(&self, inst: Inst, loops: &[Region]) -> Option<(Inst, usize)> {
        let data = &self.func.insts[inst];
        let producer = self.element_read(data)?;
        let Def::Result(_, k) = self.definitions.of(data.args[0]) else { return None };
        let results = &self.func.insts[producer].results;
        let only_use = results.iter().map(|v| self.uses[*v]).sum::<u32>() == 1;
        let apart = self.stage == Stage::Full && self.is_better_apart(producer, loops);
        let fits = (only_use || self.cheap.contains(&producer)) && self.inputs_last(producer) && !apart;
        (fits && self.is_read_once(producer, &data.args[1..], loops)).then_some((producer, k as usize))
    }

    /// Whether a producer does work that runs in vectors by itself, and hardly in a loop around loops.
    fn is_better_apart(&self, producer: Inst, loops: &[Region]) -> bool {
        loops.last().is_some_and(|body| self.around.contains(body)) && !self.has_cheap_body(producer)
    }

    /// Whether the loops between a producer and a read of it run over its elements, each once.
    fn is_read_once(&self, producer: Inst, indices: &[Value], loops: &[Region]) -> bool {
        let home = self.definitions.home(producer);
        let around = self.loops_around(home);
        loops[around.min(loops.len())..].iter().all(|body| {
            self.counters(*body).is_some_and(|counters| {
                !counters.is_empty()
                    && counters.iter().all(|v| indices.iter().any(|i| self.goes_with(*i, *v, *body, FAR)))
            })
        })
    }

    /// Whether an index is a counter, or that and what stays the same in its loop, added or subtracted: a sweep counts backwards.
    fn goes_with(&self, index: Value, counter: Value, body: Region, far: u32) -> bool {
        if index == counter {
            return true;
        }
        let Some(data) = self.definitions.inst(self.func, index) else { return false };
        let sum = matches!(data.op, Op::Binary(BinaryOp::Add | BinaryOp::Sub));
        let (Some(less), true) = (far.checked_sub(1), sum) else { return false };
        let goes = |k: usize| {
            self.goes_with(data.args[k], counter, body, less)
                && !self.definitions.is_inside(self.func, data.args[1 - k], body)
        };
        goes(0) || goes(1)
    }

    /// The number of loops around a region.
    fn loops_around(&self, region: Option<Region>) -> usize {
        let owner = region.and_then(|region| self.definitions.owner(region));
        let Some(owner) = owner else { return 0 };
        let is_loop = !matches!(self.func.insts[owner].op, Op::If | Op::Switch);
        self.loops_around(self.definitions.home(owner)) + is_loop as usize
    }

    /// The counters of the loop with this body, if it has any.
    fn counters(&self, body: Region) -> Option<&[Value]> {
        let owner = &self.func.insts[self.definitions.owner(body)?];
        let params = &self.func.regions[body].params;
        if owner.op == Op::Build {
            return Some(params);
        }
        (owner.op == Op::For).then(|| &params[..1])
    }

    fn compute_element(&mut self, get: Inst, producer: Inst, yielded: usize) {
        let producer = self.part_with(producer);
        let read = self.func.insts[get].clone();
        let body = producer.regions[0];
        let params = self.func.regions[body].params.clone();
        if producer.op == Op::Build {
            params.iter().zip(&read.args[1..]).for_each(|(param, index)| self.replaced.replace(*param, *index));
        } else {
            for (param, array) in params.iter().zip(&producer.args) {
                let element = self.element(*array, &read.args[1..], *param, &read);
                self.done(element);
            }
        }
        for inst in self.func.regions[body].insts.clone() {
            self.replaced.resolve_args(self.func, inst);
            self.done(inst);
        }
        let by = self.func.regions[body].yields[yielded];
        self.replaced.replace(read.results[0], by);
    }
}

/// Pure, and a few cycles.
fn is_cheap(data: &InstData) -> bool {
    use BinaryOp::{Add, Max, Min, Mul, Sub};
    match data.op {
        Op::Unary(op) => matches!(op, UnaryOp::Neg | UnaryOp::Abs),
        Op::Binary(op) => matches!(op, Add | Sub | Mul | Min | Max),
        Op::Get(access) => access == Access::InBounds,
        _ => matches!(data.op, Op::Const(_) | Op::Compare(_) | Op::Select | Op::Convert(_) | Op::Dim(_)),
    }
}
