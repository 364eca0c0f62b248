//! Places: what can be assigned. A place is read and written functionally: take the part, change it, put it back, from the
//! inside out. The indices of a place are evaluated once.

use super::body::{Flat, FnLower};
use super::indexing::{Pick, picked_type};
use crate::source::Span;
use crate::typed::{Arithmetic, Expr, LocalId, Place, Projection, Ty};
use dprog_ir::{TrapCode, Value};

/// A place with evaluated indices.
pub(super) struct Spot {
    pub local: LocalId,
    ty: Ty,
    steps: Vec<Step>,
    span: Span,
}

enum Step {
    /// Leaves `start..start + count`, of type `ty`; which field it is.
    Field {
        index: u32,
        start: usize,
        count: usize,
        ty: Ty,
    },
    Index {
        picks: Vec<Pick>,
        span: Span,
    },
}

impl<'p> FnLower<'_, 'p> {
    /// Evaluates the indices of a place.
    pub fn spot(&mut self, place: &'p Place) -> Spot {
        let mut ty = self.place_type(place);
        let whole = ty.clone();
        let mut steps = Vec::new();
        for projection in &place.path {
            match projection {
                Projection::Field(index) => {
                    let (start, count, field) = self.cx.component(&ty, *index as usize);
                    ty = field.clone();
                    steps.push(Step::Field { index: *index, start, count, ty: field });
                }
                Projection::Index(args, span) => {
                    let picks = self.picks(args);
                    ty = picked_type(&ty, &picks);
                    steps.push(Step::Index { picks, span: *span });
                }
            }
        }
        Spot { local: place.local, ty: whole, steps, span: place.span }
    }

    /// The type of the local that a place is in.
    fn place_type(&mut self, place: &Place) -> Ty {
        if place.path.is_empty() {
            return self.ty(&place.ty).into_owned();
        }
        let locals = self.locals.expect("a place stands in a body");
        self.ty(&locals[place.local].ty).into_owned()
    }

    pub fn read(&mut self, spot: &Spot) -> Flat {
        let mut flat = self.local(spot.local);
        let mut ty = spot.ty.clone();
        for step in &spot.steps {
            (flat, ty) = self.read_step(step, &flat, &ty);
        }
        flat
    }

    fn read_step(&mut self, step: &Step, flat: &[Value], ty: &Ty) -> (Flat, Ty) {
        match step {
            Step::Field { start, count, ty, .. } => (flat[*start..start + count].to_vec(), ty.clone()),
            Step::Index { picks, span } => {
                let before = self.at(*span);
                let part = self.read_index(flat, ty, picks);
                self.back_to(before);
                (part, picked_type(ty, picks))
            }
        }
    }

    pub fn write_spot(&mut self, spot: &Spot, value: Flat) {
        let flat = self.local(spot.local);
        let changed = self.replaced(&flat, &spot.ty, &spot.steps, value);
        let name = self.locals.and_then(|l| l.get(spot.local)).map(|l| l.name.clone());
        if let (Some(name), [value]) = (name, &changed[..]) {
            self.b.name(*value, &name);
        }
        self.set(spot.local, changed);
    }

    fn replaced(&mut self, flat: &[Value], ty: &Ty, steps: &[Step], value: Flat) -> Flat {
        let Some((step, rest)) = steps.split_first() else { return value };
        let inner = if rest.is_empty() {
            value
        } else {
            let (part, part_ty) = self.read_step(step, flat, ty);
            self.replaced(&part, &part_ty, rest, value)
        };
        match step {
            Step::Field { start, count, .. } => {
                let mut all = flat.to_vec();
                all.splice(*start..start + count, inner);
                all
            }
            Step::Index { picks, span } => {
                let before = self.at(*span);
                let inner = self.or_mark_like(flat, inner);
                let all = flat.iter().zip(inner).map(|(x, part)| self.write_leaf(*x, picks, part)).collect();
                self.back_to(before);
                all
            }
        }
    }

    /// The element of an array of things without leaves is its mark.
    fn or_mark_like(&mut self, arrays: &[Value], part: Flat) -> Flat {
        if part.is_empty() && !arrays.is_empty() { self.or_mark(part) } else { part }
    }

    pub fn assign(&mut self, op: Option<Arithmetic>, place: &'p Place, value: &'p Expr) {
        let new = self.expr_as(value, &place.ty);
        let spot = self.spot(place);
        let new = match op {
            None => new,
            Some(op) => {
                let old = self.read(&spot);
                let (place_ty, value_ty) = (self.ty(&place.ty).into_owned(), self.ty(&value.ty).into_owned());
                self.arithmetic(op, (&old, &place_ty), (&new, &value_ty))
            }
        };
        self.write_spot(&spot, new);
    }

    /// Traps unless two places that the caller writes `&` for are apart.
    pub fn check_apart(&mut self, a: &Spot, b: &Spot) {
        if a.local != b.local {
            return;
        }
        let mut apart: Option<Value> = None;
        let mut index = None;
        for (x, y) in a.steps.iter().zip(&b.steps) {
            match (x, y) {
                (Step::Field { index: i, .. }, Step::Field { index: j, .. }) if i != j => return,
                (Step::Field { .. }, _) | (_, Step::Field { .. }) => {}
                (Step::Index { picks: p, .. }, Step::Index { picks: q, .. }) => {
                    for (p, q) in p.iter().zip(q) {
                        let here = self.apart(*p, *q);
                        apart = self.either(apart, here);
                        if let (None, Pick::At(i)) = (index, *p) {
                            index = Some(i);
                        }
                    }
                }
            }
        }
        let before = self.at(b.span);
        let apart = apart.unwrap_or_else(|| self.b.bool(false));
        let zero = self.b.i64(0);
        self.b.check(TrapCode::Aliased, apart, index.unwrap_or(zero), zero);
        self.back_to(before);
    }
}
