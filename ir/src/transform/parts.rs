//! Rows and slices that are only looked at are not copied: what reads an element of a part reads it where the part is from.
//!
//! ```text
//! %r = get.inbounds %m[%i]                             %d = dim.1 %m
//! %s = slice.inbounds %v[%lo..%hi]                     %z = build (%k < %d) {
//! %z = map (%a = %r, %b = %s) {                          %a = get.inbounds %m[%i, %k]
//!   %c = mul %a, %b                              ->       %l = add %lo, %k
//!   yield %c                                             %b = get.inbounds %v[%l]
//! }                                                      %c = mul %a, %b
//!                                                        yield %c
//!                                                      }
//! ```
//!
//! It runs before the derivative is taken too: the adjoint of an element of `%m` is one addition to the adjoint of `%m`, that
//! of a row a row of its own, made, filled, and added.
//!
//! A part that nobody reads any more goes; if it was checked, its check stays, as an instruction of its own, in its place. An element
//! that is checked against the size of a slice stays, for the report names that size. The array must cost nothing by being
//! read later ([`Lasting`]).
//!
//! *Not here:* parts handed to calls, products and sums as a whole. *Cost:* linear, but for the looks of [`Lasting`].

use super::Stage;
use super::replacement::Replacements;
use crate::analysis::definitions::count_uses;
use crate::analysis::lasting::Lasting;
use crate::analysis::{Def, Definitions, Table};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::{Access, BinaryOp, CompareOp, Const, Op};
use crate::trap::TrapCode;
use crate::types::Type;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Rewrites reads of parts in a function. Gives their number.
pub fn run(func: &mut Function, stage: Stage) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let definitions = Definitions::of_function(func);
    let lasting = Lasting::of_function(func, stage);
    let (replaced, views, path) = (Replacements::default(), FxHashMap::default(), Vec::new());
    let mut reading =
        Reading { func, definitions, lasting, replaced, views, parts: Vec::new(), path, loc: None, changed: 0 };
    reading.region(entry);
    let Reading { parts, changed, .. } = reading;
    if changed > 0 {
        Checks::of(func, parts).region(entry);
    }
    changed
}

/// What part of which array a value is: element `j, k…` is that of `array` at `prefix…, lo + j, k…`.
#[derive(Clone)]
struct View {
    array: Value,
    prefix: Vec<Value>,
    /// Of a slice: its first row, and the one behind its last.
    rows: Option<(Value, Value)>,
}

struct Reading<'f> {
    func: &'f mut Function,
    definitions: Definitions,
    lasting: Lasting,
    replaced: Replacements,
    views: FxHashMap<Value, View>,
    /// The instructions that make parts, in order; of a slice of a part what it is a part of.
    parts: Vec<(Inst, Option<View>)>,
    /// The regions around the instruction at hand, each with what is done of it.
    path: Vec<(Region, Vec<Inst>)>,
    /// The instruction that is being replaced.
    loc: Option<Inst>,
    changed: usize,
}

impl Reading<'_> {
    fn region(&mut self, region: Region) {
        self.path.push((region, Vec::new()));
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            self.replaced.resolve_args(self.func, inst);
            self.loc = Some(inst);
            self.inst(inst);
            for inner in self.func.insts[inst].regions.clone() {
                self.region(inner);
            }
            self.done(inst);
        }
        let (_, done) = self.path.pop().expect("the region is on the path");
        self.func.regions[region].insts = done;
        self.replaced.resolve_yields(self.func, region);
    }

    fn done(&mut self, inst: Inst) {
        self.path.last_mut().expect("a region is being walked").1.push(inst);
    }

    fn inst(&mut self, inst: Inst) {
        match self.func.insts[inst].op {
            Op::Get(access) => self.get(inst, access),
            Op::Slice(_) => self.slice(inst),
            Op::Map => self.map(inst),
            Op::Dim(axis) => self.dim(inst, axis as usize),
            _ => {}
        }
    }

    /// The part that `x` is, if reading the array where `x` is read costs nothing.
    fn view(&self, x: Value) -> Option<View> {
        let view = self.views.get(&x)?;
        let Def::Result(part, _) = self.definitions.of(x) else { return None };
        self.lasting.until(self.func, &self.definitions, view.array, part, &self.path).then(|| view.clone())
    }

    // ---- reading ----

    fn get(&mut self, inst: Inst, access: Access) {
        let args = self.func.insts[inst].args.clone();
        if let Some(view) = self.view(args[0]).filter(|view| access == Access::InBounds || view.rows.is_none()) {
            let args = self.place(&view, &args[1..]);
            self.func.insts[inst].args = args;
            self.changed += 1;
        }
        let args = self.func.insts[inst].args.clone();
        let ty = self.func.value_type(args[0]);
        if is_plain(ty) && ty.rank() >= args.len() {
            let view = View { array: args[0], prefix: args[1..].to_vec(), rows: None };
            self.views.insert(self.func.insts[inst].results[0], view);
            self.parts.push((inst, None));
        }
    }

    /// The operands of a `get` of an element of a part.
    fn place(&mut self, view: &View, indices: &[Value]) -> SmallVec<[Value; 4]> {
        let mut place: SmallVec<[Value; 4]> = SmallVec::from_slice(&[view.array]);
        place.extend(view.prefix.iter().copied());
        match view.rows {
            Some((lo, _)) => {
                place.push(self.sum(lo, indices[0]));
                place.extend(indices[1..].iter().copied());
            }
            None => place.extend(indices.iter().copied()),
        }
        place
    }

    fn slice(&mut self, inst: Inst) {
        let args = self.func.insts[inst].args.clone();
        if !is_plain(self.func.value_type(args[0])) {
            return;
        }
        let (lo, hi) = (args[1], args[2]);
        let whole = self.view(args[0]);
        let view = match whole.clone() {
            Some(View { array, prefix, rows: None }) => View { array, prefix, rows: Some((lo, hi)) },
            Some(View { array, prefix, rows: Some((first, _)) }) => {
                let rows = (self.sum(first, lo), self.sum(first, hi));
                View { array, prefix, rows: Some(rows) }
            }
            None => View { array: args[0], prefix: Vec::new(), rows: Some((lo, hi)) },
        };
        self.views.insert(self.func.insts[inst].results[0], view);
        self.parts.push((inst, whole));
    }

    fn dim(&mut self, inst: Inst, axis: usize) {
        let x = self.func.insts[inst].args[0];
        let Some(view) = self.views.get(&x) else { return };
        let (op, args) = size_of(view, axis);
        (self.func.insts[inst].op, self.func.insts[inst].args) = (op, args);
        self.changed += 1;
    }

    /// A map over parts becomes a build that reads their elements.
    fn map(&mut self, inst: Inst) {
        let data = self.func.insts[inst].clone();
        let views: Vec<Option<View>> = data.args.iter().map(|x| self.view(*x)).collect();
        let Some(first) = views.iter().flatten().next() else { return };
        if !data.results.iter().all(|v| is_plain(self.func.value_type(*v))) {
            return;
        }
        let rank = self.func.value_type(data.args[0]).rank();
        let sizes: Vec<(Op, SmallVec<[Value; 4]>)> = (0..rank).map(|axis| size_of(first, axis)).collect();
        let sizes: SmallVec<[Value; 4]> = sizes.into_iter().map(|(op, args)| self.emit(op, &args, Type::I64)).collect();
        let indices: Vec<Value> = (0..rank).map(|_| self.func.new_value(Type::I64, None)).collect();
        let body = data.regions[0];
        self.path.push((body, Vec::new()));
        for ((x, view), param) in data.args.iter().zip(&views).zip(self.func.regions[body].params.clone()) {
            let args = match view {
                Some(view) => self.place(view, &indices),
                None => std::iter::once(*x).chain(indices.iter().copied()).collect(),
            };
            self.emit_into(Op::Get(Access::InBounds), &args, param);
        }
        let (_, reads) = self.path.pop().expect("the body is on the path");
        self.func.regions[body].insts.splice(0..0, reads);
        self.func.regions[body].params = indices;
        (self.func.insts[inst].op, self.func.insts[inst].args) = (Op::Build, sizes);
        self.changed += 1;
    }

    // ---- writing ----

    fn sum(&mut self, a: Value, b: Value) -> Value {
        if self.definitions.int(self.func, a) == Some(0) {
            return b;
        }
        self.emit(Op::Binary(BinaryOp::Add), &[a, b], Type::I64)
    }

    fn emit(&mut self, op: Op, args: &[Value], ty: Type) -> Value {
        let result = self.func.new_value(ty, None);
        self.emit_into(op, args, result);
        result
    }

    fn emit_into(&mut self, op: Op, args: &[Value], result: Value) {
        let loc = self.func.insts[self.loc.expect("something is being replaced")].loc;
        let inst = instruction(self.func, op, args, &[result], loc);
        self.definitions.record(self.func, inst);
        self.done(inst);
    }
}

fn instruction(func: &mut Function, op: Op, args: &[Value], results: &[Value], loc: crate::SrcLoc) -> Inst {
    let (args, results) = (SmallVec::from_slice(args), SmallVec::from_slice(results));
    func.insts.push(InstData { op, args, regions: SmallVec::new(), results, loc })
}

/// An array of scalars without arrays in it.
fn is_plain(ty: Type) -> bool {
    ty.level_count() == 1 && ty.element().as_scalar().is_some()
}

/// The instruction that gives the size of an axis of a part.
fn size_of(view: &View, axis: usize) -> (Op, SmallVec<[Value; 4]>) {
    match view.rows {
        Some((lo, hi)) if axis == 0 => (Op::Binary(BinaryOp::Sub), SmallVec::from_slice(&[hi, lo])),
        _ => (Op::Dim((view.prefix.len() + axis) as u8), SmallVec::from_slice(&[view.array])),
    }
}

// ---- parts that are gone ----

/// Puts the checks of parts that nobody reads in their place.
struct Checks<'f> {
    func: &'f mut Function,
    unread: Table<Inst, bool>,
    /// What an unread slice is a part of, if that is a part itself.
    wholes: FxHashMap<Inst, View>,
    out: Vec<Inst>,
}

impl<'f> Checks<'f> {
    fn of(func: &'f mut Function, parts: Vec<(Inst, Option<View>)>) -> Checks<'f> {
        let mut uses = count_uses(func);
        let mut unread = Table::with_default(false);
        for (inst, whole) in parts.iter().rev() {
            let data = &func.insts[*inst];
            if uses[data.results[0]] == 0 {
                unread[*inst] = true;
                // A check reads a size: of the whole, or of the array itself.
                let checked = matches!(data.op, Op::Get(Access::Checked) | Op::Slice(Access::Checked));
                uses[data.args[0]] -= (whole.is_some() || !checked) as u32;
            }
        }
        let wholes = parts.into_iter().filter_map(|(inst, whole)| Some((inst, whole?))).collect();
        Checks { func, unread, wholes, out: Vec::new() }
    }

    fn region(&mut self, region: Region) {
        let outer = std::mem::take(&mut self.out);
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            if self.unread[inst] {
                self.check(inst);
                continue;
            }
            for inner in self.func.insts[inst].regions.clone() {
                self.region(inner);
            }
            self.out.push(inst);
        }
        self.func.regions[region].insts = std::mem::replace(&mut self.out, outer);
    }

    fn check(&mut self, inst: Inst) {
        let data = self.func.insts[inst].clone();
        match data.op {
            Op::Get(Access::Checked) => {
                for (axis, index) in data.args[1..].iter().enumerate() {
                    let zero = self.emit(&data, Op::Const(Const::I64(0)), &[], Type::I64);
                    let size = self.emit(&data, Op::Dim(axis as u8), &[data.args[0]], Type::I64);
                    self.order(
                        &data,
                        TrapCode::Bounds,
                        &[(zero, *index, CompareOp::Le), (*index, size, CompareOp::Lt)],
                        (*index, size),
                    );
                }
            }
            Op::Slice(Access::Checked) => {
                let (lo, hi) = (data.args[1], data.args[2]);
                let zero = self.emit(&data, Op::Const(Const::I64(0)), &[], Type::I64);
                let size = match self.wholes.get(&inst) {
                    Some(whole) => size_of(whole, 0),
                    None => (Op::Dim(0), SmallVec::from_slice(&data.args[..1])),
                };
                let size = self.emit(&data, size.0, &size.1, Type::I64);
                let tests = [(zero, lo, CompareOp::Le), (lo, hi, CompareOp::Le), (hi, size, CompareOp::Le)];
                self.order(&data, TrapCode::SliceBounds, &tests, (lo, hi));
            }
            _ => {}
        }
    }

    /// Traps unless all these comparisons hold.
    fn order(&mut self, at: &InstData, code: TrapCode, tests: &[(Value, Value, CompareOp)], report: (Value, Value)) {
        let mut all = None;
        for (a, b, op) in tests {
            let holds = self.emit(at, Op::Compare(*op), &[*a, *b], Type::BOOL);
            all = Some(match all {
                None => holds,
                Some(before) => self.emit(at, Op::Binary(BinaryOp::And), &[before, holds], Type::BOOL),
            });
        }
        let all = all.expect("there is a test");
        let check = instruction(self.func, Op::Check(code), &[all, report.0, report.1], &[], at.loc);
        self.out.push(check);
    }

    fn emit(&mut self, at: &InstData, op: Op, args: &[Value], ty: Type) -> Value {
        let result = self.func.new_value(ty, None);
        let inst = instruction(self.func, op, args, &[result], at.loc);
        self.out.push(inst);
        result
    }
}
