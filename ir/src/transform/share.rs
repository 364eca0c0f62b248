//! What one `map` or `build` has computed at some cost for each element, a later one, or a loop, does not compute again.
//!
//! ```text
//! %e = map (%a = %x) {                           %e, %k = map (%a = %x) {
//!   %b = exp %a                                    %b = exp %a
//!   %c = mul %b, %a                                %c = mul %b, %a
//!   yield %c                                       yield %c, %b
//! }                                        ->    }
//! %f = map (%d = %x, %w = %e.adj) {              %f = map (%d = %x, %w = %e.adj, %g = %k) {
//!   %g = exp %d                                    …
//!   …                                            }
//! }
//! ```
//!
//! Sweeps run the bodies of `map` and `build` once more, and so ask for the elementary functions that the primal has just computed. Two
//! elements are the same if they come by the same operations from the same elements of the same arrays, or from the same numbers
//! outside. Only what costs far more than a store and a load is kept in an array ([`is_costly`]).
//!
//! *Not here:* what stands in branches or loops of a body; loops in loops. *Cost:* linear.

use super::replacement::Replacements;
use crate::analysis::effects::{EffectContext, Size};
use crate::analysis::{Def, Definitions, FunctionEffects, Shapes};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::opcode::{Access, BinaryOp, Const, Op, UnaryOp};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Shares what is computed for the elements of arrays in a function. Gives the number of computations that are gone.
pub fn run(func: &mut Function, effects: &FunctionEffects) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let (definitions, shapes) = (Definitions::of_function(func), Shapes::of_function(func));
    let mut sharing = Sharing {
        func,
        definitions,
        shapes,
        effects,
        forms: FxHashMap::default(),
        made: FxHashMap::default(),
        exported: FxHashMap::default(),
        replaced: Replacements::default(),
        shared: 0,
    };
    sharing.region(entry);
    let Sharing { replaced, shared, .. } = sharing;
    if shared > 0 {
        replaced.resolve_region(func, entry);
    }
    shared
}

/// A number that goes with a form: equal numbers, equal elements.
type Form = u32;

/// How an element comes about.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum How {
    Const(Const),
    /// The same for all elements.
    Outside(Value),
    Index(usize),
    /// The element of this array at all indices.
    Element(Value),
    Op(Op, SmallVec<[Form; 3]>),
}

/// The index space of a loop, and what is computed in it.
type Made = (SmallVec<[Size; 4]>, Form);

struct Sharing<'f> {
    func: &'f mut Function,
    definitions: Definitions,
    shapes: Shapes,
    effects: &'f FunctionEffects,
    forms: FxHashMap<How, Form>,
    /// What is there: who makes it, and as which value of its body.
    made: FxHashMap<Made, (Inst, Value)>,
    /// The arrays of values of bodies.
    exported: FxHashMap<Value, Value>,
    replaced: Replacements,
    shared: usize,
}

impl Sharing<'_> {
    fn region(&mut self, region: Region) {
        let mut added = Vec::new();
        for inst in self.func.regions[region].insts.clone() {
            let new = self.space(inst).map(|space| self.elements(inst, &space)).unwrap_or_default();
            for inner in self.func.insts[inst].regions.clone() {
                self.region(inner);
            }
            // Behind the instruction, not yet in its own body.
            for (made, v) in new {
                if !self.made.contains_key(&made) {
                    added.push(made.clone());
                    self.made.insert(made, (inst, v));
                }
            }
        }
        added.iter().for_each(|made| {
            self.made.remove(made);
        });
    }

    /// The sizes over which the instruction runs, if its trips are those of one `map`, `build` or loop from 0.
    fn space(&self, inst: Inst) -> Option<SmallVec<[Size; 4]>> {
        let data = &self.func.insts[inst];
        let context = self.context();
        if data.op == Op::Map {
            let rank = self.func.value_type(data.args[0]).rank();
            Some((0..rank).map(|axis| context.size(data.args[0], axis as u8)).collect())
        } else if data.op == Op::Build {
            Some(data.args.iter().map(|v| context.size_of(*v)).collect())
        } else {
            let from_zero = data.op == Op::For && self.definitions.int(self.func, data.args[0]) == Some(0);
            from_zero.then(|| SmallVec::from_slice(&[context.size_of(data.args[1])]))
        }
    }

    fn context(&self) -> EffectContext<'_> {
        EffectContext { func: self.func, definitions: &self.definitions, shapes: &self.shapes, functions: self.effects }
    }

    fn form(&mut self, how: How) -> Form {
        let next = self.forms.len() as Form;
        *self.forms.entry(how).or_insert(next)
    }

    /// Looks over a body: takes what is there already, and gives what is new.
    fn elements(&mut self, inst: Inst, space: &SmallVec<[Size; 4]>) -> Vec<(Made, Value)> {
        let mut new = Vec::new();
        let data = self.func.insts[inst].clone();
        let body = data.regions[0];
        let mut known = self.forms_of_params(&data, body);
        for at in self.func.regions[body].insts.clone() {
            let Some(form) = self.form_of(at, &data, body, &known) else { continue };
            let result = self.func.insts[at].results[0];
            known.insert(result, form);
            if !is_costly(&self.func.insts[at].op) {
                continue;
            }
            let made = (space.clone(), form);
            if let Some((producer, v)) = self.made.get(&made).copied() {
                let array = self.export(producer, v);
                self.read_instead(inst, at, array);
            } else if data.op != Op::For {
                new.push((made, result));
            }
        }
        new
    }

    fn forms_of_params(&mut self, data: &InstData, body: Region) -> FxHashMap<Value, Form> {
        let params = self.func.regions[body].params.clone();
        let indexed = if data.op == Op::For { 1 } else { params.len() };
        let hows = params[..indexed].iter().enumerate().map(|(k, param)| match data.op {
            Op::Map => (*param, How::Element(data.args[k])),
            _ => (*param, How::Index(k)),
        });
        hows.collect::<Vec<_>>().into_iter().map(|(param, how)| (param, self.form(how))).collect()
    }

    /// The form of an instruction of a body, if it is a scalar that comes from elements and numbers outside alone.
    fn form_of(&mut self, at: Inst, owner: &InstData, body: Region, known: &FxHashMap<Value, Form>) -> Option<Form> {
        let data = self.func.insts[at].clone();
        let how = match &data.op {
            Op::Const(c) => How::Const(c.clone()),
            Op::Get(Access::InBounds | Access::Checked) => self.element(&data, owner, body, known)?,
            Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select | Op::Convert(_) => {
                let args: Option<SmallVec<[Form; 3]>> =
                    data.args.iter().map(|v| self.operand(*v, body, known)).collect();
                How::Op(data.op.clone(), args?)
            }
            _ => return None,
        };
        Some(self.form(how))
    }

    /// A read at all indices of the loop.
    fn element(&self, data: &InstData, owner: &InstData, body: Region, known: &FxHashMap<Value, Form>) -> Option<How> {
        let params = &self.func.regions[body].params;
        let indices = match owner.op {
            Op::Build => &params[..],
            Op::For => &params[..1],
            _ => return None,
        };
        let outside = !known.contains_key(&data.args[0]) && !self.is_inside(data.args[0], body);
        (outside && data.args[1..] == *indices).then(|| How::Element(data.args[0]))
    }

    fn operand(&mut self, v: Value, body: Region, known: &FxHashMap<Value, Form>) -> Option<Form> {
        if let Some(form) = known.get(&v) {
            return Some(*form);
        }
        if self.is_inside(v, body) {
            return None;
        }
        Some(match self.definitions.constant(self.func, v) {
            Some(c) => self.form(How::Const(c.clone())),
            None => self.form(How::Outside(v)),
        })
    }

    /// Whether `v` is defined in this body, of which no deeper region is looked at.
    fn is_inside(&self, v: Value, body: Region) -> bool {
        match self.definitions.of(v) {
            Def::Result(inst, _) => self.definitions.home(inst) == Some(body),
            Def::Param(region, _) => region == body,
            Def::Nowhere => true,
        }
    }

    /// The array of what is `v` in the body of `producer`: a result of its own, which nobody updates.
    fn export(&mut self, producer: Inst, v: Value) -> Value {
        if let Some(array) = self.exported.get(&v) {
            return *array;
        }
        let body = self.func.insts[producer].regions[0];
        let args = &self.func.insts[producer].args;
        let rank =
            if self.func.insts[producer].op == Op::Map { self.func.value_type(args[0]).rank() } else { args.len() };
        let ty = self.func.value_type(v).array(rank);
        let result = self.func.new_value(ty, None);
        self.func.regions[body].yields.push(v);
        self.func.insts[producer].results.push(result);
        self.exported.insert(v, result);
        result
    }

    /// Reads an element of `array` in the place of an instruction of a body.
    fn read_instead(&mut self, inst: Inst, at: Inst, array: Value) {
        let body = self.func.insts[inst].regions[0];
        let result = self.func.insts[at].results[0];
        self.shared += 1;
        if self.func.insts[inst].op == Op::Map {
            let param = self.func.new_value(self.func.value_type(result), None);
            self.func.insts[inst].args.push(array);
            self.func.regions[body].params.push(param);
            self.func.regions[body].insts.retain(|other| *other != at);
            return self.replaced.replace(result, param);
        }
        let count = if self.func.insts[inst].op == Op::For { 1 } else { self.func.insts[inst].args.len() };
        let indices = self.func.regions[body].params[..count].iter().copied();
        let args = std::iter::once(array).chain(indices).collect();
        let data = &mut self.func.insts[at];
        (data.op, data.args) = (Op::Get(Access::InBounds), args);
    }
}

/// Whether computing costs several times what an element more in memory does.
fn is_costly(op: &Op) -> bool {
    use UnaryOp::{Abs, Ceil, Floor, Neg, Not, Round, Sign, Sqrt, Trunc};
    match op {
        Op::Unary(op) => !matches!(op, Neg | Not | Abs | Sign | Sqrt | Floor | Ceil | Round | Trunc),
        Op::Binary(op) => matches!(op, BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::Polygamma),
        _ => false,
    }
}
