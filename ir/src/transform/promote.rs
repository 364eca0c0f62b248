//! An array cell that a loop updates again and again becomes a number that the loop carries.
//!
//! ```text
//! %r = for %k in 0..%n carry (%c = %z) {                      %0 = get.inbounds %z[%i]
//!   %t = …                                                     %1 = for %k in 0..%n carry (%2 = %0) {
//!   %d = add_at.inbounds %c[%i], %t                     ->        %t = …
//!   yield %d                                                      %3 = add %2, %t
//! }                                                               yield %3
//!                                                             }
//!                                                             %r = set.inbounds %z[%i], %1
//! ```
//!
//! A carried array qualifies if in the body, and in branches there, it is only read, set or added to at cells whose indices
//! do not change in the loop, and if the cells are in bounds before the loop as well ([`Ranges::safe_depth`]): the loop may run
//! zero times, and then a cell is set to what it was. There may be a few cells, if constants among the indices tell them apart. The order
//! of additions stays. Loops are visited inside out, so a cell that does not change in several loops ends outside of all of them.
//!
//! Elements that do change from trip to trip stay where they are, if they are certainly none of these cells: the branch of a comparison says so,
//! as in `if i != j { a[i] += u; a[j] -= u; }`, where `a[i]` becomes a number and `a[j]` does not. Then the loop carries both.
//!
//! *Not here:* `while`. *Cost:* linear in the code times the depth of loops.

use crate::analysis::ranges::Ranges;
use crate::analysis::{Definitions, Table};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::{Access, BinaryOp, CompareOp, Op};
use crate::transform::replacement::Replacements;
use crate::types::Type;
use smallvec::SmallVec;

/// Promotes cells in a function. Gives their number.
pub fn run(func: &mut Function) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let safe_depth = Ranges::of_function(func).safe_depth;
    let definitions = Definitions::of_function(func);
    let replaced = Replacements::default();
    let mut promotion = Promotion { func, definitions, safe_depth, depth: Table::new(), replaced, promoted: 0 };
    promotion.region(entry, 0);
    let Promotion { replaced, promoted, .. } = promotion;
    if promoted > 0 {
        replaced.resolve_region(func, entry);
    }
    promoted
}

struct Promotion<'f> {
    func: &'f mut Function,
    definitions: Definitions,
    safe_depth: Table<Inst, u32>,
    /// The number of loops around the definition of a value.
    depth: Table<Value, u32>,
    replaced: Replacements,
    promoted: usize,
}

/// A loop has at most so many cells of an array in registers. By gut feeling: coordinates, and a colour with its opacity.
const MOST_CELLS: usize = 6;

/// And so many accesses to other elements are compared with these (it bounds the time).
const MOST_OTHERS: usize = 32;

/// A cell of a carried array that a loop touches.
struct Cell {
    indices: Vec<Value>,
    /// How far out it is in bounds.
    safe_depth: u32,
}

/// An access to another element in each trip.
struct Other {
    indices: Vec<Value>,
    /// Pairs of numbers that differ there.
    unequal: Vec<(Value, Value)>,
}

/// All that it touches, in a loop in which what is at most `depth` deep does not change.
struct Cells {
    depth: u32,
    all: Vec<Cell>,
    updated: bool,
    others: Vec<Other>,
    /// Pairs of numbers that differ in the branch that is being looked at.
    unequal: Vec<(Value, Value)>,
}

impl Cells {
    fn keeps_array(&self) -> bool {
        !self.others.is_empty()
    }
}

impl Promotion<'_> {
    fn region(&mut self, region: Region, depth: u32) {
        self.define(&self.func.regions[region].params.clone(), depth);
        let mut out = Vec::new();
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            let inner = depth + !matches!(self.func.insts[inst].op, Op::If | Op::Switch) as u32;
            for nested in self.func.insts[inst].regions.clone() {
                self.region(nested, inner);
            }
            if self.func.insts[inst].op == Op::For {
                self.promote_cells(inst, depth, &mut out);
            } else {
                out.push(inst);
            }
            self.define(&self.func.insts[inst].results.clone(), depth);
        }
        self.func.regions[region].insts = out;
    }

    fn define(&mut self, values: &[Value], depth: u32) {
        values.iter().for_each(|v| self.depth[*v] = depth);
    }

    fn promote_cells(&mut self, inst: Inst, depth: u32, out: &mut Vec<Inst>) {
        let mut after = Vec::new();
        for k in 0..self.func.insts[inst].results.len() {
            if let Some(cells) = self.cells(inst, k, depth) {
                self.promote((inst, k), &cells, depth, out, &mut after);
                self.promoted += 1;
            }
        }
        out.push(inst);
        out.extend(after);
    }

    // ---- deciding ----

    fn cells(&self, inst: Inst, k: usize, depth: u32) -> Option<Cells> {
        let data = &self.func.insts[inst];
        let body = data.regions[0];
        let param = self.func.regions[body].params[k + 1];
        let ty = self.func.value_type(param);
        if ty.level_count() != 1 || ty.element().as_scalar().is_none() {
            return None;
        }
        let mut cells = Cells { depth, all: Vec::new(), updated: false, others: Vec::new(), unequal: Vec::new() };
        let mut versions = vec![param];
        self.follow(body, &mut versions, &mut cells)?;
        let yields = &self.func.regions[body].yields;
        let only_here = yields.iter().enumerate().all(|(j, v)| j == k || !versions.contains(v));
        let last = versions[versions.len() - 1];
        let fixed = cells.all.iter().all(|cell| cell.safe_depth <= depth);
        let is_no_cell = |other: &Other| {
            let apart = |cell: &Cell| self.certainly_different(&cell.indices, &other.indices, &other.unequal);
            cells.all.iter().all(apart)
        };
        let apart = cells.others.iter().all(is_no_cell);
        (only_here && yields[k] == last && cells.updated && fixed && apart).then_some(cells)
    }

    /// Follows the array through a region. `versions` are all that it has been, the present one last. `None` if it is
    /// used in another way.
    fn follow(&self, region: Region, versions: &mut Vec<Value>, cells: &mut Cells) -> Option<()> {
        for inst in &self.func.regions[region].insts {
            let data = &self.func.insts[*inst];
            if matches!(data.op, Op::If | Op::Switch) {
                self.follow_branches(data, versions, cells)?;
            } else if data.regions.iter().any(|region| self.mentions(*region, versions)) {
                return None;
            }
            if data.args.iter().any(|v| versions.contains(v)) {
                self.follow_access(*inst, data, versions, cells)?;
            }
        }
        Some(())
    }

    fn follow_access(&self, inst: Inst, data: &InstData, versions: &mut Vec<Value>, cells: &mut Cells) -> Option<()> {
        let updates = matches!(data.op, Op::Set(Access::InBounds) | Op::AddAt(Access::InBounds));
        let reads = data.op == Op::Get(Access::InBounds);
        let indices = if updates { &data.args[1..data.args.len() - 1] } else { &data.args[1..] };
        let whole = indices.len() == self.func.value_type(data.args[0]).rank();
        if !(updates || reads) || !whole || data.args[0] != versions[versions.len() - 1] {
            return None;
        }
        if updates {
            versions.push(data.results[0]);
        }
        if indices.iter().any(|v| self.depth[*v] > cells.depth) {
            cells.others.push(Other { indices: indices.to_vec(), unequal: cells.unequal.clone() });
            return (cells.others.len() <= MOST_OTHERS).then_some(());
        }
        cells.updated |= updates;
        let safe_depth = self.safe_depth[inst];
        if let Some(at) = self.cell_at(&cells.all, indices) {
            let cell = &mut cells.all[at];
            cell.safe_depth = cell.safe_depth.min(safe_depth);
            return Some(());
        }
        let apart = cells.all.iter().all(|cell| self.certainly_different(&cell.indices, indices, &[]));
        cells.all.push(Cell { indices: indices.to_vec(), safe_depth });
        (apart && cells.all.len() <= MOST_CELLS).then_some(())
    }

    fn cell_at(&self, cells: &[Cell], indices: &[Value]) -> Option<usize> {
        cells.iter().position(|cell| self.same_indices(&cell.indices, indices))
    }

    fn certainly_different(&self, a: &[Value], b: &[Value], unequal: &[(Value, Value)]) -> bool {
        let int = |v: Value| self.definitions.int(self.func, v);
        let known = |a: Value, b: Value| unequal.contains(&(a, b)) || unequal.contains(&(b, a));
        a.iter().zip(b).any(|(a, b)| int(*a).zip(int(*b)).is_some_and(|(a, b)| a != b) || known(*a, *b))
    }

    /// The numbers that differ in branch `k`.
    fn unequal_in(&self, data: &InstData, k: usize) -> Option<(Value, Value)> {
        let condition = self.definitions.inst(self.func, data.args[0]).filter(|_| data.op == Op::If)?;
        let branch = match condition.op {
            Op::Compare(CompareOp::Ne) => 0,
            Op::Compare(CompareOp::Eq) => 1,
            _ => return None,
        };
        (k == branch).then(|| (condition.args[0], condition.args[1]))
    }

    fn same_indices(&self, a: &[Value], b: &[Value]) -> bool {
        let int = |v: Value| self.definitions.int(self.func, v);
        a.iter().zip(b).all(|(a, b)| a == b || (int(*a).is_some() && int(*a) == int(*b)))
    }

    /// Each branch may only read the array, or all hand on their last version as the same result.
    fn follow_branches(&self, data: &InstData, versions: &mut Vec<Value>, cells: &mut Cells) -> Option<()> {
        let mut ends = Vec::new();
        let mark = versions.len();
        let mut inner = Vec::new();
        for (k, region) in data.regions.iter().enumerate() {
            let mut here = versions[..mark].to_vec();
            let known = cells.unequal.len();
            cells.unequal.extend(self.unequal_in(data, k));
            self.follow(*region, &mut here, cells)?;
            cells.unequal.truncate(known);
            let yields = &self.func.regions[*region].yields;
            let handed: Vec<usize> = (0..yields.len()).filter(|j| here.contains(&yields[*j])).collect();
            let end = here[here.len() - 1];
            match handed[..] {
                [] if here.len() == mark => ends.push(None),
                [j] if yields[j] == end => ends.push(Some(j)),
                _ => return None,
            }
            inner.extend_from_slice(&here[mark..]);
        }
        let first = ends[0];
        if ends.iter().any(|end| *end != first) {
            return None;
        }
        versions.extend(inner);
        match first {
            Some(j) => versions.push(data.results[j]),
            // Nothing was updated: the present version is still the last one.
            None => {}
        }
        Some(())
    }

    fn mentions(&self, region: Region, versions: &[Value]) -> bool {
        let mut found = false;
        crate::walk::for_each_use(self.func, region, &mut |v| found |= versions.contains(&v));
        found
    }

    // ---- changing ----

    /// Number `k` of what the loop carries becomes its first cell; the other cells are carried last. With other elements the array
    /// stays number `k`, and all cells are carried last.
    fn promote(
        &mut self,
        (inst, k): (Inst, usize),
        cells: &Cells,
        depth: u32,
        out: &mut Vec<Inst>,
        after: &mut Vec<Inst>,
    ) {
        let data = self.func.insts[inst].clone();
        let (array, result, body) = (self.replaced.resolve(data.args[k + 2]), data.results[k], data.regions[0]);
        let ty = self.func.value_type(result);
        let param = self.func.regions[body].params[k + 1];
        let name = self.func.values[param].name.clone();
        let (mut carried, mut changed) = (Vec::new(), array);
        if cells.keeps_array() {
            changed = self.func.new_value(ty, None);
            self.define(&[changed], depth);
            self.func.insts[inst].results[k] = changed;
        }
        for (n, cell) in cells.all.iter().enumerate() {
            let [before, number] = [(); 2].map(|()| self.func.new_value(ty.element(), None));
            let number_in = self.func.new_value(ty.element(), name.clone());
            self.define(&[before, number], depth);
            self.define(&[number_in], depth + 1);
            carried.push(number_in);
            let read = [&[array], &cell.indices[..]].concat();
            out.push(self.access(Op::Get(Access::InBounds), &read, before, &data, cell));
            let next = if n + 1 == cells.all.len() { result } else { self.func.new_value(ty, None) };
            let written = [&[changed], &cell.indices[..], &[number]].concat();
            after.push(self.access(Op::Set(Access::InBounds), &written, next, &data, cell));
            changed = next;
            let (at, region) = (&mut self.func.insts[inst], &mut self.func.regions[body]);
            if n == 0 && !cells.keeps_array() {
                (at.args[k + 2], at.results[k], region.params[k + 1]) = (before, number, number_in);
            } else {
                at.args.push(before);
                at.results.push(number);
                region.params.push(number_in);
            }
        }
        let (_, last) = self.rewrite(body, param, carried, cells, depth + 1);
        self.hand_on(body, k, cells, &last);
    }

    /// What yields the array yields its cells: the first in its place, or, where the array is there too, all of them last.
    fn hand_on(&mut self, region: Region, k: usize, cells: &Cells, numbers: &[Value]) {
        let yields = &mut self.func.regions[region].yields;
        if cells.keeps_array() {
            return yields.extend_from_slice(numbers);
        }
        yields[k] = numbers[0];
        yields.extend_from_slice(&numbers[1..]);
    }

    fn access(&mut self, op: Op, args: &[Value], result: Value, at: &InstData, cell: &Cell) -> Inst {
        let inst = self.instruction(op, args, result, at);
        self.safe_depth[inst] = cell.safe_depth;
        inst
    }

    fn instruction(&mut self, op: Op, args: &[Value], result: Value, at: &InstData) -> Inst {
        let results = SmallVec::from_slice(&[result]);
        let data = InstData { op, args: args.into(), regions: SmallVec::new(), results, loc: at.loc };
        self.func.insts.push(data)
    }

    /// Replaces the accesses in a region. `array` is the present version and `numbers` its cells; gives both at the end.
    fn rewrite(
        &mut self,
        region: Region,
        array: Value,
        numbers: Vec<Value>,
        cells: &Cells,
        depth: u32,
    ) -> (Value, Vec<Value>) {
        let (mut array, mut numbers) = (array, numbers);
        let mut out = Vec::new();
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            let data = self.func.insts[inst].clone();
            if matches!(data.op, Op::If | Op::Switch) {
                (array, numbers) = self.rewrite_branches(inst, (array, numbers), cells, depth);
                out.push(inst);
            } else if data.args.first() != Some(&array) {
                out.push(inst);
            } else if data.op == Op::Get(Access::InBounds) {
                match self.cell_at(&cells.all, &data.args[1..]) {
                    Some(at) => self.replaced.replace(data.results[0], numbers[at]),
                    None => out.push(inst),
                }
            } else {
                let (v, indices) = data.args[1..].split_last().expect("it has a value");
                array = data.results[0];
                let Some(at) = self.cell_at(&cells.all, indices) else {
                    out.push(inst);
                    continue;
                };
                self.replaced.replace(array, data.args[0]);
                numbers[at] = if matches!(data.op, Op::AddAt(_)) {
                    let sum = self.func.new_value(self.func.value_type(*v), None);
                    self.define(&[sum], depth);
                    out.push(self.instruction(Op::Binary(BinaryOp::Add), &[numbers[at], *v], sum, &data));
                    sum
                } else {
                    self.replaced.resolve(*v)
                };
            }
        }
        self.func.regions[region].insts = out;
        (array, numbers)
    }

    /// A branch that hands on the array hands on its cells: the first in its place, the others last.
    fn rewrite_branches(
        &mut self,
        inst: Inst,
        (array, numbers): (Value, Vec<Value>),
        cells: &Cells,
        depth: u32,
    ) -> (Value, Vec<Value>) {
        let data = self.func.insts[inst].clone();
        let mut handed_on = None;
        for region in &data.regions {
            let (last, ends) = self.rewrite(*region, array, numbers.clone(), cells, depth);
            if let Some(j) = self.func.regions[*region].yields.iter().position(|v| *v == last) {
                self.hand_on(*region, j, cells, &ends);
                handed_on = Some(j);
            }
        }
        let Some(j) = handed_on else { return (array, numbers) };
        let kinds: Vec<Type> = numbers.iter().map(|v| self.func.value_type(*v)).collect();
        let chosen: Vec<Value> = kinds.into_iter().map(|ty| self.func.new_value(ty, None)).collect();
        self.define(&chosen, depth);
        let results = &mut self.func.insts[inst].results;
        if cells.keeps_array() {
            results.extend(chosen.iter().copied());
        } else {
            results[j] = chosen[0];
            results.extend(chosen[1..].iter().copied());
        }
        (data.results[j], chosen)
    }
}
