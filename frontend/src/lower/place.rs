//! Places: what can be assigned. An element that changes is taken out of its array, changed, and put back, from the inside
//! out; so `xs[i][j] = v` and `xs[i].push(v)` change lists in a list where they stand. The indices of a place are evaluated once.
//!
//! A field behind an index has arrays of its own, so only these are touched.

use super::body::{Flat, FnLower};
use super::indexing::{Pick, picked_type};
use crate::source::Span;
use crate::typed::{Arithmetic, Expr, LocalId, Place, Projection, Ty};
use dprog_ir::{Access, TrapCode, Value};
use std::ops::Range;

/// A place with evaluated indices.
pub(super) struct Spot {
    pub local: LocalId,
    steps: Vec<Step>,
    /// The leaves of the local in which the place lies.
    leaves: Range<usize>,
    /// It has no leaves of its own, but its indices must be inside.
    is_empty: bool,
    span: Span,
}

enum Step {
    /// Which field it is.
    Field(u32),
    Index(Index),
}

#[derive(Clone)]
struct Index {
    picks: Vec<Pick>,
    /// The type of what is indexed.
    of: Ty,
    span: Span,
}

impl<'p> FnLower<'_, 'p> {
    /// Evaluates the indices of a place.
    pub fn spot(&mut self, place: &'p Place) -> Spot {
        let mut ty = self.place_type(place);
        let mut spot = Spot {
            local: place.local,
            steps: Vec::new(),
            leaves: 0..self.local(place.local).len(),
            is_empty: false,
            span: place.span,
        };
        for projection in &place.path {
            ty = match projection {
                Projection::Field(index) => self.field_step(&mut spot, &ty, *index),
                Projection::Index(args, span) => {
                    let picks = self.picks(args);
                    index_step(&mut spot, ty, picks, *span)
                }
            };
        }
        spot
    }

    fn field_step(&mut self, spot: &mut Spot, ty: &Ty, index: u32) -> Ty {
        let (start, count, field) = self.cx.component(ty, index as usize);
        spot.steps.push(Step::Field(index));
        spot.is_empty |= count == 0;
        if !spot.is_empty {
            let start = spot.leaves.start + start;
            spot.leaves = start..start + count;
        }
        field
    }

    /// The type of the local that a place is in.
    fn place_type(&mut self, place: &Place) -> Ty {
        if place.path.is_empty() {
            return self.ty(&place.ty).into_owned();
        }
        let locals = self.locals.expect("a place stands in a body");
        self.ty(&locals[place.local].ty).into_owned()
    }

    /// What stands in the place, which stays there.
    pub fn read(&mut self, spot: &Spot) -> Flat {
        let mut flat = self.leaves_of(spot);
        for index in spot.indices() {
            let before = self.at(index.span);
            flat = self.read_index(&flat, &index.of, &index.picks);
            self.back_to(before);
        }
        if spot.is_empty { Vec::new() } else { flat }
    }

    pub fn write_spot(&mut self, spot: &Spot, value: Flat) {
        self.store(spot, value, false);
    }

    /// What stands in the place. Arrays and the like move out, until [`put_back`](Self::put_back).
    pub fn take_out(&mut self, spot: &Spot) -> Flat {
        let indices: Vec<&Index> = spot.indices().collect();
        if indices.is_empty() || spot.is_empty {
            return self.read(spot);
        }
        let flat = self.leaves_of(spot);
        let (rest, part) = self.taken(flat, &indices);
        self.set_leaves(spot, rest);
        part
    }

    /// Ends what `take_out` has begun.
    pub fn put_back(&mut self, spot: &Spot, value: Flat) {
        self.store(spot, value, true);
    }

    fn store(&mut self, spot: &Spot, value: Flat, moved: bool) {
        if spot.is_empty {
            self.read(spot);
            return;
        }
        let indices: Vec<&Index> = spot.indices().collect();
        let flat = self.leaves_of(spot);
        let changed = self.replaced(flat, &indices, value, moved);
        self.set_leaves(spot, changed);
    }

    fn leaves_of(&mut self, spot: &Spot) -> Flat {
        self.local(spot.local)[spot.leaves.clone()].to_vec()
    }

    fn set_leaves(&mut self, spot: &Spot, leaves: Flat) {
        let mut all = self.local(spot.local);
        all.splice(spot.leaves.clone(), leaves);
        let name = self.locals.and_then(|l| l.get(spot.local)).map(|l| l.name.clone());
        if let (Some(name), [value]) = (name, &all[..]) {
            self.b.name(*value, &name);
        }
        self.set(spot.local, all);
    }

    /// The arrays with holes, and what has stood there.
    fn taken(&mut self, flat: Flat, indices: &[&Index]) -> (Flat, Flat) {
        let (index, inner) = indices.split_first().expect("an index");
        let (rest, part) = self.open(&flat, index);
        if inner.is_empty() {
            return (rest, part);
        }
        let (part, innermost) = self.taken(part, inner);
        (self.close(rest, index, part, true), innermost)
    }

    fn replaced(&mut self, flat: Flat, indices: &[&Index], value: Flat, moved: bool) -> Flat {
        let Some((index, inner)) = indices.split_first() else { return value };
        if inner.is_empty() {
            return self.close(flat, index, value, moved);
        }
        let (rest, part) = self.open(&flat, index);
        let part = self.replaced(part, inner, value, moved);
        self.close(rest, index, part, true)
    }

    /// Takes out what `index` picks from each of the arrays.
    fn open(&mut self, flat: &[Value], index: &Index) -> (Flat, Flat) {
        let before = self.at(index.span);
        let mut opened = (flat.to_vec(), Vec::new());
        if flat.iter().any(|x| self.moves_out(*x, &index.picks)) {
            opened = flat.iter().map(|x| self.open_leaf(*x, &index.picks)).unzip();
        } else {
            opened.1 = self.read_index(flat, &index.of, &index.picks);
        }
        self.back_to(before);
        opened
    }

    fn open_leaf(&mut self, x: Value, picks: &[Pick]) -> (Value, Value) {
        if self.moves_out(x, picks) {
            self.b.take(Access::Checked, x, &super::indexing::leading(picks))
        } else {
            (x, self.read_leaf(x, picks))
        }
    }

    /// Puts a part into each of the arrays; `moved`: into the holes that `open` has left.
    fn close(&mut self, flat: Flat, index: &Index, part: Flat, moved: bool) -> Flat {
        let before = self.at(index.span);
        let part = self.or_mark_like(&flat, part);
        let all = flat.iter().zip(part).map(|(x, part)| {
            if moved && self.moves_out(*x, &index.picks) {
                self.b.put(*x, &super::indexing::leading(&index.picks), part)
            } else {
                self.write_leaf(*x, &index.picks, part)
            }
        });
        let all = all.collect();
        self.back_to(before);
        all
    }

    /// Whether an element of heap type is picked, rather than a number or some part of an array.
    fn moves_out(&self, x: Value, picks: &[Pick]) -> bool {
        let ty = self.b.ty(x);
        ty.element().is_heap() && super::indexing::leading(picks).len() == ty.rank()
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
                (Step::Field(i), Step::Field(j)) if i != j => return,
                (Step::Field(_), _) | (_, Step::Field(_)) => {}
                (Step::Index(p), Step::Index(q)) => {
                    for (p, q) in p.picks.iter().zip(&q.picks) {
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

impl Spot {
    fn indices(&self) -> impl Iterator<Item = &Index> {
        self.steps.iter().filter_map(|step| if let Step::Index(index) = step { Some(index) } else { None })
    }
}

/// Adds an index to a spot of type `ty`; gives the type of what is picked. An index into a row that has just been picked joins the
/// index of the row.
fn index_step(spot: &mut Spot, ty: Ty, picks: Vec<Pick>, span: Span) -> Ty {
    let picked = picked_type(&ty, &picks);
    match spot.steps.last_mut() {
        Some(Step::Index(row)) if is_row(row, picks.len()) => row.picks.extend(picks),
        _ => spot.steps.push(Step::Index(Index { picks, of: ty, span })),
    }
    picked
}

/// Whether single indices have been picked of an array that has so many further axes.
fn is_row(index: &Index, further: usize) -> bool {
    let axes = if let Ty::Array(_, sizes) = &index.of { sizes.len() } else { 1 };
    index.picks.iter().all(|p| matches!(p, Pick::At(_))) && index.picks.len() + further <= axes
}
