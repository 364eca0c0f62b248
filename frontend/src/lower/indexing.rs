//! `base[…]`: elements, rows, slices, and any mixture; reading and replacing.

use super::body::{Flat, FnLower};
use crate::typed::{Expr, ExprKind, IndexArg, Ty};
use dprog_ir::{Access, BinaryOp, CompareOp, TrapCode, Type, Value};

/// An evaluated index.
#[derive(Clone, Copy)]
pub(super) enum Pick {
    At(Value),
    All,
    Range(Option<Value>, Option<Value>),
}

/// What an index picks from an array, by the cheapest operation that can do it.
enum Shape {
    /// Leading indices; the axes behind them are whole.
    Part,
    /// Rows of the first axis; the axes behind it are whole.
    Rows,
    Any,
}

impl<'p> FnLower<'_, 'p> {
    /// `base[args]`. An element of a row, `x[i][j]`, is read from the matrix.
    pub fn index(&mut self, base: &'p Expr, args: &'p [IndexArg]) -> Flat {
        let (base, before) = match &base.kind {
            ExprKind::Index { base: matrix, args: row } if is_row(matrix, row, args.len()) => (&**matrix, &row[..]),
            _ => (base, &[][..]),
        };
        let flat = self.expr(base);
        let ty = self.ty(&base.ty).into_owned();
        let mut picks = self.picks(before);
        picks.extend(self.picks(args));
        self.read_index(&flat, &ty, &picks)
    }

    pub fn picks(&mut self, args: &'p [IndexArg]) -> Vec<Pick> {
        let bound = |s: &mut Self, e: &'p Option<Expr>| e.as_ref().map(|e| s.scalar(e));
        args.iter()
            .map(|arg| match arg {
                IndexArg::At(e) => Pick::At(self.scalar(e)),
                IndexArg::All => Pick::All,
                IndexArg::Range(a, b) => Pick::Range(bound(self, a), bound(self, b)),
            })
            .collect()
    }

    /// The picked part of each leaf of an array or list of type `ty`.
    pub fn read_index(&mut self, flat: &[Value], ty: &Ty, picks: &[Pick]) -> Flat {
        let parts = flat.iter().map(|x| self.read_leaf(*x, picks)).collect();
        // The mark of elements without leaves is read for its bounds only.
        if picks.iter().all(|p| matches!(p, Pick::At(_))) && self.has_no_element_leaves(ty, picks.len()) {
            return Vec::new();
        }
        parts
    }

    fn has_no_element_leaves(&mut self, ty: &Ty, indices: usize) -> bool {
        match ty {
            Ty::List(element) => self.cx.leaf_count(element) == 0,
            Ty::Array(element, sizes) => sizes.len() == indices && self.cx.leaf_count(element) == 0,
            _ => false,
        }
    }

    pub fn read_leaf(&mut self, x: Value, picks: &[Pick]) -> Value {
        match shape(picks) {
            Shape::Part => {
                let indices = leading(picks);
                if indices.is_empty() { x } else { self.b.get(Access::Checked, x, &indices) }
            }
            Shape::Rows => {
                let (lo, hi) = self.range_of(x, 0, picks[0]);
                self.b.slice(Access::Checked, x, lo, hi)
            }
            Shape::Any => self.read_any(x, picks),
        }
    }

    fn read_any(&mut self, x: Value, picks: &[Pick]) -> Value {
        let axes = self.checked_axes(x, picks);
        let dims: Vec<Value> = axes.iter().filter_map(|a| a.length).collect();
        self.build(&dims, |s, indices| {
            let full = s.full_indices(&axes, indices);
            vec![s.at_index(x, &full)]
        })[0]
    }

    /// The array with the picked part replaced.
    pub fn write_leaf(&mut self, x: Value, picks: &[Pick], part: Value) -> Value {
        match shape(picks) {
            Shape::Part => {
                let indices = leading(picks);
                if indices.is_empty() { part } else { self.b.set(Access::Checked, x, &indices, part) }
            }
            Shape::Rows => {
                let (lo, hi) = self.range_of(x, 0, picks[0]);
                self.check_slice(x, 0, lo, hi);
                self.b.set_slice(Access::Checked, x, lo, part)
            }
            Shape::Any => {
                let axes = self.checked_axes(x, picks);
                self.write_any(x, &axes, part, &mut Vec::new())
            }
        }
    }

    fn write_any(&mut self, x: Value, axes: &[Axis], part: Value, indices: &mut Flat) -> Value {
        let lengths: Vec<Value> = axes.iter().filter_map(|a| a.length).collect();
        match lengths.get(indices.len()) {
            None => {
                let full = self.full_indices(axes, indices);
                let element = self.at_index(part, indices);
                self.b.set(Access::InBounds, x, &full, element)
            }
            Some(length) => {
                let filled = self.repeat(*length, &[x], |s, k, carried| {
                    indices.push(k);
                    let x = s.write_any(carried[0], axes, part, indices);
                    indices.pop();
                    vec![x]
                });
                filled[0]
            }
        }
    }

    /// The bounds of a range on an axis.
    fn range_of(&mut self, x: Value, axis: usize, pick: Pick) -> (Value, Value) {
        match pick {
            Pick::Range(lo, hi) => {
                let lo = lo.unwrap_or_else(|| self.b.i64(0));
                (lo, hi.unwrap_or_else(|| self.b.dim(x, axis)))
            }
            Pick::At(_) | Pick::All => (self.b.i64(0), self.b.dim(x, axis)),
        }
    }

    fn check_slice(&mut self, x: Value, axis: usize, lo: Value, hi: Value) {
        let (zero, dim) = (self.b.i64(0), self.b.dim(x, axis));
        let a = self.b.compare(CompareOp::Le, zero, lo);
        let b = self.b.compare(CompareOp::Le, lo, hi);
        let c = self.b.compare(CompareOp::Le, hi, dim);
        let ab = self.b.binary(BinaryOp::And, a, b);
        let all = self.b.binary(BinaryOp::And, ab, c);
        self.b.check(TrapCode::SliceBounds, all, lo, hi);
    }

    /// Checks every index once, before anything is read.
    fn checked_axes(&mut self, x: Value, picks: &[Pick]) -> Vec<Axis> {
        let rank = self.b.ty(x).rank();
        let all = picks.iter().copied().chain(std::iter::repeat(Pick::All)).take(rank).enumerate();
        all.map(|(axis, pick)| self.checked_axis(x, axis, pick)).collect()
    }

    fn checked_axis(&mut self, x: Value, axis: usize, pick: Pick) -> Axis {
        match pick {
            Pick::At(index) => {
                let (zero, dim) = (self.b.i64(0), self.b.dim(x, axis));
                let low = self.b.compare(CompareOp::Le, zero, index);
                let high = self.b.compare(CompareOp::Lt, index, dim);
                let inside = self.b.binary(BinaryOp::And, low, high);
                self.b.check(TrapCode::Bounds, inside, index, dim);
                Axis { start: Some(index), length: None }
            }
            Pick::All => Axis { start: None, length: Some(self.b.dim(x, axis)) },
            Pick::Range(..) => {
                let (lo, hi) = self.range_of(x, axis, pick);
                self.check_slice(x, axis, lo, hi);
                Axis { start: Some(lo), length: Some(self.b.sub(hi, lo)) }
            }
        }
    }

    fn full_indices(&mut self, axes: &[Axis], indices: &[Value]) -> Flat {
        let mut next = indices.iter();
        axes.iter()
            .map(|axis| match (axis.start, axis.length) {
                (Some(start), None) => start,
                (Some(start), Some(_)) => {
                    let k = *next.next().expect("an index for each range");
                    self.b.add(start, k)
                }
                (None, _) => *next.next().expect("an index for each whole axis"),
            })
            .collect()
    }

    /// Whether two picks of one axis certainly share nothing; `None` if they share everything or it cannot be.
    pub fn apart(&mut self, a: Pick, b: Pick) -> Option<Value> {
        let before = |s: &mut Self, hi: Value, lo: Value| s.b.compare(CompareOp::Le, hi, lo);
        match (a, b) {
            (Pick::All, _) | (_, Pick::All) => None,
            (Pick::At(i), Pick::At(j)) => Some(self.b.compare(CompareOp::Ne, i, j)),
            (Pick::At(i), Pick::Range(lo, hi)) | (Pick::Range(lo, hi), Pick::At(i)) => {
                let below = lo.map(|lo| self.b.compare(CompareOp::Lt, i, lo));
                let above = hi.map(|hi| before(self, hi, i));
                self.either(below, above)
            }
            (Pick::Range(a_lo, a_hi), Pick::Range(b_lo, b_hi)) => {
                let first = a_hi.zip(b_lo).map(|(hi, lo)| before(self, hi, lo));
                let second = b_hi.zip(a_lo).map(|(hi, lo)| before(self, hi, lo));
                self.either(first, second)
            }
        }
    }

    pub fn either(&mut self, a: Option<Value>, b: Option<Value>) -> Option<Value> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.b.binary(BinaryOp::Or, a, b)),
            (a, b) => a.or(b),
        }
    }
}

/// An axis of a mixed index: where it starts, and how long the result is there.
struct Axis {
    start: Option<Value>,
    length: Option<Value>,
}

/// Whether `row` picks single indices of an array that has so many further axes.
fn is_row(matrix: &Expr, row: &[IndexArg], further: usize) -> bool {
    let axes = if let Ty::Array(_, sizes) = &matrix.ty { sizes.len() } else { 1 };
    row.len() + further <= axes && row.iter().all(|arg| matches!(arg, IndexArg::At(_)))
}

fn shape(picks: &[Pick]) -> Shape {
    let indices = leading(picks).len();
    let rest_whole = |from: usize| picks[from..].iter().all(|p| matches!(p, Pick::All));
    match picks.get(indices) {
        None => Shape::Part,
        _ if rest_whole(indices) => Shape::Part,
        Some(Pick::Range(..)) if indices == 0 && rest_whole(1) => Shape::Rows,
        Some(_) => Shape::Any,
    }
}

pub(super) fn leading(picks: &[Pick]) -> Flat {
    let at = |p: &Pick| match p {
        Pick::At(v) => Some(*v),
        Pick::All | Pick::Range(..) => None,
    };
    picks.iter().map_while(at).collect()
}

/// What an index leaves of an array type of the IR; used where only the type matters.
pub(super) fn picked_type(ty: &Ty, picks: &[Pick]) -> Ty {
    match ty {
        Ty::List(element) => (**element).clone(),
        Ty::Array(element, sizes) => {
            let kept = |(axis, size): (usize, &crate::typed::Size)| match picks.get(axis) {
                Some(Pick::At(_)) => None,
                _ => Some(size.clone()),
            };
            let sizes: Vec<_> = sizes.iter().enumerate().filter_map(kept).collect();
            if sizes.is_empty() { (**element).clone() } else { Ty::Array(element.clone(), sizes) }
        }
        _ => panic!("{ty:?} has no elements"),
    }
}

/// Whether a type of the IR holds floats or numbers directly, in one array level.
pub(super) fn is_flat_array(ty: Type) -> bool {
    ty.level_count() == 1 && ty.element().as_scalar().is_some()
}
