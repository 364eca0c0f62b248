//! Small arrays whose elements are only touched one by one, at constant indices, become as many numbers.
//!
//! ```text
//! %v = elements %x, %y                                  %r.0, %r.1 = for %i in 0..%n carry (%a.0 = %x, %a.1 = %y) {
//! %r = for %i in 0..%n carry (%a = %v) {                  %t = mul %a.0, %a.1
//!   %p = get %a[0]                                         yield %t, %a.1
//!   %q = get %a[1]                               ->      }
//!   %t = mul %p, %q
//!   %b = set %a[0], %t
//!   yield %b
//! }
//! ```
//!
//! Arrays that flow into each other (by `set`, branches, loops) form a family, found by union-find. A family is taken apart
//! if all its members are arrays of scalars with one axis or two, of one known size up to [`GREATEST`], made by `elements`, `undef` or
//! `fill`, and every use is a `get`, `set` or `add_at` of one element at constant indices inside, a `dim`, or passes it on within the
//! family. What loops carry must be smaller, [`GREATEST_CARRIED`].
//! The second walk gives every member its list of scalars; no array operation of the family is left.
//!
//! *Not here:* arrays that come from or go to calls; rows of matrices. *Cost:* linear.

use super::replacement::Replacements;
use crate::analysis::{Definitions, Table};
use crate::entity::Entity;
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::{BinaryOp, Const, Op};
use crate::types::Type;
use crate::walk;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Elements of an array that is taken apart: a block of a Jacobian, two numbers by fifteen, is (gut feeling).
const GREATEST: usize = 32;
/// The same where it goes through loops, which carry its elements (gut feeling: about half of the vector registers).
const GREATEST_CARRIED: usize = 9;

/// Takes small arrays apart. Gives the number of array values that are gone.
pub fn run(func: &mut Function) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let definitions = Definitions::of_function(func);
    let lengths = Families::of_function(func, &definitions).lengths();
    if lengths.is_empty() {
        return 0;
    }
    let count = lengths.len();
    let replaced = Replacements::default();
    let mut apart = TakingApart { func, definitions, lengths, scalars: FxHashMap::default(), replaced };
    apart.region(entry);
    count
}

// ---- deciding ----

/// What is known of a family of arrays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Length {
    /// No member has been seen that says it.
    Open,
    Known(Size),
    /// Not to be taken apart.
    Refused,
}

/// Rows and columns; an array with one axis has columns of one element.
type Size = (usize, usize);

struct Families<'f> {
    func: &'f Function,
    definitions: &'f Definitions,
    parent: Table<Value, Option<Value>>,
    length: FxHashMap<Value, Length>,
    /// One more than the greatest indices that a member of the family is accessed at, by its root.
    reach: FxHashMap<Value, Size>,
    /// Values that loops carry.
    carried: Vec<Value>,
    members: Vec<Value>,
}

impl<'f> Families<'f> {
    fn of_function(func: &'f Function, definitions: &'f Definitions) -> Families<'f> {
        let mut families = Families {
            func,
            definitions,
            parent: Table::new(),
            length: FxHashMap::default(),
            reach: FxHashMap::default(),
            carried: vec![],
            members: vec![],
        };
        let Some(entry) = func.entry() else { return families };
        for param in &func.regions[entry].params {
            families.refuse(*param);
        }
        walk::for_each_region(func, entry, &mut |region| {
            let insts = &func.regions[region].insts;
            insts.iter().for_each(|inst| families.inst(&func.insts[*inst]));
        });
        func.regions[entry].yields.iter().for_each(|v| families.refuse(*v));
        families
    }

    /// The members of families that can be taken apart, with their lengths.
    fn lengths(mut self) -> FxHashMap<Value, Size> {
        let members = std::mem::take(&mut self.members);
        for v in std::mem::take(&mut self.carried) {
            let large = |size: &Length| matches!(size, Length::Known((n, m)) if n * m > GREATEST_CARRIED);
            if self.length.get(&self.root(v)).is_some_and(large) {
                self.refuse(v);
            }
        }
        let is_inside = |reach: Size, size: &Size| reach.0 <= size.0 && reach.1 <= size.1;
        let known = members.into_iter().filter_map(|v| match self.length.get(&self.root(v)) {
            Some(Length::Known(size)) if is_inside(self.reach_of(self.root(v)), size) => Some((v, *size)),
            Some(Length::Known(_) | Length::Open | Length::Refused) | None => None,
        });
        known.collect()
    }

    fn is_candidate(&self, v: Value) -> bool {
        let ty = self.func.value_type(v);
        (1..=2).contains(&ty.rank()) && ty.element().as_scalar().is_some()
    }

    fn root(&self, v: Value) -> Value {
        let mut v = v;
        while let Some(parent) = self.parent[v] {
            v = parent;
        }
        v
    }

    fn say(&mut self, v: Value, length: Length) {
        if !self.is_candidate(v) {
            return;
        }
        let root = self.root(v);
        let old = self.length.get(&root).copied().unwrap_or(Length::Open);
        self.length.insert(root, both(old, length));
    }

    fn refuse(&mut self, v: Value) {
        self.say(v, Length::Refused);
    }

    fn join(&mut self, a: Value, b: Value) {
        if !self.is_candidate(a) {
            return;
        }
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        let length_of = |v: &Value| self.length.get(v).copied().unwrap_or(Length::Open);
        let joined = both(length_of(&a), length_of(&b));
        // The later value goes under the earlier one: chains of updates stay flat.
        let (root, child) = if a.index() < b.index() { (a, b) } else { (b, a) };
        self.parent[child] = Some(root);
        self.length.insert(root, joined);
        self.extend_reach(root, self.reach_of(child));
    }

    fn reach_of(&self, root: Value) -> Size {
        self.reach.get(&root).copied().unwrap_or((0, 0))
    }

    fn extend_reach(&mut self, root: Value, to: Size) {
        let (rows, columns) = self.reach_of(root);
        self.reach.insert(root, (rows.max(to.0), columns.max(to.1)));
    }

    fn inst(&mut self, data: &InstData) {
        let args = &data.args;
        let candidates: Vec<Value> = data.results.iter().copied().filter(|v| self.is_candidate(*v)).collect();
        self.members.extend(candidates);
        match data.op {
            Op::Elements => {
                self.say(data.results[0], small((args.len(), 1)));
                args.iter().for_each(|v| self.refuse(*v));
            }
            Op::Fill if args.len() <= 3 => {
                let axis = |v: &Value| usize::try_from(self.definitions.int(self.func, *v)?).ok();
                let columns = args.get(2).map_or(Some(1), axis);
                let size = args.get(1).and_then(axis).zip(columns);
                self.say(data.results[0], size.map_or(Length::Refused, small));
                self.refuse(args[0]);
            }
            Op::Undef | Op::Dim(_) => {}
            Op::Get(_) => {
                self.access(args[0], &args[1..]);
                self.refuse(data.results[0]);
            }
            Op::Set(_) | Op::AddAt(_) => {
                self.access(args[0], &args[1..args.len() - 1]);
                self.join(args[0], data.results[0]);
                self.refuse(args[args.len() - 1]);
            }
            Op::If | Op::Switch => self.pass_on(data, &[], 0),
            Op::For | Op::While => {
                self.carried.extend(&data.results);
                let skip = (data.op == Op::For) as usize;
                self.pass_on(data, &args[2 * skip..], skip)
            }
            _ => {
                args.iter().chain(&data.results).for_each(|v| self.refuse(*v));
                for region in &data.regions {
                    self.func.regions[*region].yields.iter().for_each(|v| self.refuse(*v));
                    self.func.regions[*region].params.iter().for_each(|v| self.refuse(*v));
                }
            }
        }
    }

    /// An access to one element at constant indices inside.
    fn access(&mut self, x: Value, indices: &[Value]) {
        if !self.is_candidate(x) {
            return;
        }
        let behind = |v: &Value| {
            let index = usize::try_from(self.definitions.int(self.func, *v)?).ok()?;
            (index < GREATEST).then_some(index + 1)
        };
        let reach = indices.first().and_then(behind).zip(indices.get(1).map_or(Some(1), behind));
        match reach.filter(|_| indices.len() == self.func.value_type(x).rank()) {
            Some(reach) => self.extend_reach(self.root(x), reach),
            None => self.refuse(x),
        }
    }

    /// Results, yields, initial values and parameters of branches and loops are one family.
    fn pass_on(&mut self, data: &InstData, inits: &[Value], skip: usize) {
        let condition = (data.op == Op::While).then(|| data.regions[0]);
        for (k, result) in data.results.iter().enumerate() {
            if let Some(init) = inits.get(k) {
                self.join(*init, *result);
            }
            for region in &data.regions {
                let region_data = &self.func.regions[*region];
                if !inits.is_empty() {
                    self.members.extend(self.is_candidate(*result).then_some(region_data.params[skip + k]));
                    self.join(*result, region_data.params[skip + k]);
                }
                if Some(*region) != condition {
                    self.join(*result, region_data.yields[k]);
                }
            }
        }
    }
}

fn small(size: Size) -> Length {
    let count = size.0.checked_mul(size.1);
    if count.is_some_and(|n| (1..=GREATEST).contains(&n)) { Length::Known(size) } else { Length::Refused }
}

fn both(a: Length, b: Length) -> Length {
    match (a, b) {
        (Length::Open, other) | (other, Length::Open) => other,
        (Length::Known(a), Length::Known(b)) if a == b => Length::Known(a),
        (Length::Known(_) | Length::Refused, Length::Known(_) | Length::Refused) => Length::Refused,
    }
}

// ---- changing ----

struct TakingApart<'f> {
    func: &'f mut Function,
    definitions: Definitions,
    lengths: FxHashMap<Value, Size>,
    /// The numbers that stand for each array that has been reached.
    scalars: FxHashMap<Value, Vec<Value>>,
    replaced: Replacements,
}

impl TakingApart<'_> {
    fn region(&mut self, region: Region) {
        let mut out = Vec::new();
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            self.replaced.resolve_args(self.func, inst);
            self.inst(inst, &mut out);
        }
        self.func.regions[region].insts = out;
        self.replaced.resolve_yields(self.func, region);
        self.func.regions[region].yields = self.spread(&self.func.regions[region].yields);
    }

    /// A list of values with each array that is taken apart replaced by its numbers.
    fn spread(&self, values: &[Value]) -> Vec<Value> {
        values.iter().flat_map(|v| self.scalars.get(v).cloned().unwrap_or_else(|| vec![*v])).collect()
    }

    /// Fresh values in the place of arrays that are taken apart.
    fn split(&mut self, values: &[Value]) -> Vec<Value> {
        for v in values {
            if let Some((rows, columns)) = self.lengths.get(v) {
                let data = self.func.values[*v].clone();
                let fresh =
                    (0..rows * columns).map(|_| self.func.new_value(data.ty.element(), data.name.clone())).collect();
                self.scalars.insert(*v, fresh);
            }
        }
        self.spread(values)
    }

    fn inst(&mut self, inst: Inst, out: &mut Vec<Inst>) {
        let data = self.func.insts[inst].clone();
        if !data.regions.is_empty() {
            return self.structured(inst, &data, out);
        }
        let array = data.args.first().and_then(|v| self.scalars.get(v)).cloned();
        let made = data.results.first().and_then(|v| self.lengths.get(v)).copied();
        match (array, made) {
            (Some(array), None) => self.read(inst, &data, &array, out),
            (Some(array), Some(_)) => self.update(&data, array, out),
            (None, Some((rows, columns))) => {
                let scalars = self.made(&data, rows * columns, out);
                self.scalars.insert(data.results[0], scalars);
            }
            (None, None) => out.push(inst),
        }
    }

    /// The elements of `elements`, `fill` or `undef`.
    fn made(&mut self, data: &InstData, length: usize, out: &mut Vec<Inst>) -> Vec<Value> {
        if data.op != Op::Undef {
            return if data.op == Op::Fill { vec![data.args[0]; length] } else { data.args.to_vec() };
        }
        let ty = self.func.value_type(data.results[0]).element();
        let nothing = self.func.new_value(ty, None);
        let undef = InstData { results: SmallVec::from_slice(&[nothing]), ..data.clone() };
        out.push(self.func.insts.push(undef));
        vec![nothing; length]
    }

    /// `get` or `dim`.
    fn read(&mut self, inst: Inst, data: &InstData, array: &[Value], out: &mut Vec<Inst>) {
        if let Op::Dim(axis) = data.op {
            let (rows, columns) = self.lengths[&data.args[0]];
            let size = if axis == 0 { rows } else { columns };
            self.func.insts[inst].op = Op::Const(Const::I64(size as i64));
            self.func.insts[inst].args.clear();
            out.push(inst);
        } else {
            self.replaced.replace(data.results[0], array[self.index(data)]);
        }
    }

    /// The row-major number of an element.
    fn index(&self, data: &InstData) -> usize {
        let index = |k: usize| {
            let known = self.definitions.int(self.func, data.args[k]);
            known.expect("a family is accessed at constant indices") as usize
        };
        match self.func.value_type(data.args[0]).rank() {
            1 => index(1),
            _ => index(1) * self.lengths[&data.args[0]].1 + index(2),
        }
    }

    /// `set` or `add_at`.
    fn update(&mut self, data: &InstData, mut array: Vec<Value>, out: &mut Vec<Inst>) {
        let (index, v) = (self.index(data), data.args[data.args.len() - 1]);
        array[index] = match data.op {
            Op::AddAt(_) => {
                let ty: Type = self.func.value_type(v);
                let sum = self.func.new_value(ty, None);
                let (args, results) = (SmallVec::from_slice(&[array[index], v]), SmallVec::from_slice(&[sum]));
                let op = Op::Binary(BinaryOp::Add);
                out.push(self.func.insts.push(InstData { op, args, regions: SmallVec::new(), results, loc: data.loc }));
                sum
            }
            _ => v,
        };
        self.scalars.insert(data.results[0], array);
    }

    fn structured(&mut self, inst: Inst, data: &InstData, out: &mut Vec<Inst>) {
        self.func.insts[inst].args = self.spread(&data.args).into();
        for region in &data.regions {
            let params = self.func.regions[*region].params.clone();
            self.func.regions[*region].params = self.split(&params);
            self.region(*region);
        }
        self.func.insts[inst].results = self.split(&data.results).into();
        out.push(inst);
    }
}
