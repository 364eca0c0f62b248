//! What cannot be decided yet because a type is not known: tried again whenever something more must be known.

use super::body::FnCx;
use super::infer::TyVar;
use super::unify::has_free;
use crate::errors::{items, types};
use crate::source::Span;
use crate::typed::{Arithmetic, Bound, Size, Ty};

/// Something that waits.
#[derive(Clone, Debug)]
pub(super) enum Pending {
    /// Types of which one is the tangent type of an unknown type.
    Equal(Ty, Ty, Span),
    /// Sizes with several unknowns.
    SameSize(Size, Size, Span),
    /// `left op right = result` with broadcasting.
    Broadcast(Broadcast),
    /// A scalar or an array of scalars of some kind.
    Leaf { ty: Ty, kind: LeafKind, what: &'static str, span: Span },
    /// A type argument must implement a trait.
    Bound { ty: Ty, bound: Bound, span: Span },
    /// Operands of a comparison.
    Comparable { ty: Ty, ordered: bool, span: Span },
}

/// An elementwise operation of two operands.
#[derive(Clone, Debug)]
pub(super) struct Broadcast {
    /// `None` for a function of two arguments.
    pub op: Option<Arithmetic>,
    pub what: &'static str,
    pub left: Ty,
    pub right: Ty,
    pub result: Ty,
    pub span: Span,
    pub left_span: Span,
    pub right_span: Span,
}

/// What scalars something is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LeafKind {
    Float,
    Number,
    Integer,
    /// Integers and `bool`.
    Bits,
    Scalar,
}

/// Whether a constraint needs to wait any longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    Done,
    Waits,
}

impl FnCx<'_, '_> {
    /// Tries everything that waits, until nothing moves.
    pub fn settle(&mut self) {
        loop {
            let waiting = std::mem::take(&mut self.pending);
            let before = waiting.len();
            let mut moved = false;
            for item in waiting {
                if self.attempt(&item) == Progress::Done {
                    moved = true;
                } else {
                    self.pending.push(item);
                }
            }
            if !moved || self.pending.is_empty() || (self.pending.len() > before && before > 1000) {
                return;
            }
        }
    }

    /// Says what an open type is, guessing if it must: operands of one operation have one type.
    pub fn structure(&mut self, ty: &Ty) -> Ty {
        if self.is_free(ty) {
            self.settle();
        }
        if self.is_free(ty) {
            self.guess();
        }
        self.resolve(ty)
    }

    /// Where one operand is known and the other is not, takes them for equal.
    pub fn guess(&mut self) {
        for index in 0..self.pending.len() {
            let Some(Pending::Broadcast(b)) = self.pending.get(index).cloned() else { continue };
            if self.is_free(&b.left) != self.is_free(&b.right) {
                let _ = self.unify(&b.left, &b.right);
            }
        }
        self.settle();
    }

    /// The end of a body: nothing may stay open.
    pub fn settle_finally(&mut self) {
        self.settle();
        self.guess();
        for index in 0..self.pending.len() {
            if let Some(Pending::Broadcast(b)) = self.pending.get(index).cloned() {
                let _ = self.unify(&b.left, &b.right);
            }
        }
        self.settle();
        self.infer.default_literals();
        self.settle();
        let left = std::mem::take(&mut self.pending);
        // What another error has left open is no error of its own.
        if !self.cx.diagnostics.has_errors() {
            left.iter().for_each(|item| self.report_open(item));
        }
    }

    fn report_open(&mut self, item: &Pending) {
        match item {
            Pending::Equal(a, b, span) => {
                let (a, b) = (self.show(a), self.show(b));
                self.report(types::mismatch(*span, &a, &b).help("write the type with an annotation"));
            }
            Pending::SameSize(_, _, span) => self.report(types::cannot_infer_size(*span)),
            Pending::Broadcast(Broadcast { span, result, .. }) => {
                let _ = self.unify(result, &Ty::Error);
                self.report(types::cannot_infer(*span, "_"));
            }
            // An open variable is reported where it was made.
            Pending::Leaf { .. } | Pending::Bound { .. } | Pending::Comparable { .. } => {}
        }
    }

    pub fn attempt(&mut self, item: &Pending) -> Progress {
        match item {
            Pending::Equal(a, b, span) => self.attempt_equal(a, b, *span),
            Pending::SameSize(a, b, span) => self.attempt_size(a, b, *span),
            Pending::Broadcast(b) => self.attempt_broadcast(b),
            Pending::Leaf { ty, kind, what, span } => self.attempt_leaf(ty, *kind, what, *span),
            Pending::Bound { ty, bound, span } => self.attempt_bound(ty, bound, *span),
            Pending::Comparable { ty, ordered, span } => self.attempt_comparable(ty, *ordered, *span),
        }
    }

    fn attempt_equal(&mut self, a: &Ty, b: &Ty, span: Span) -> Progress {
        let (a, b) = (self.resolve(a), self.resolve(b));
        let waits = |t: &Ty| matches!(t, Ty::Tangent(of) if has_free(of));
        if (waits(&a) || waits(&b)) && a != b {
            return Progress::Waits;
        }
        self.at = span;
        if self.unify(&a, &b).is_err() {
            let (a, b) = (self.show(&a), self.show(&b));
            self.report(types::mismatch(span, &a, &b));
        }
        Progress::Done
    }

    fn attempt_size(&mut self, a: &Size, b: &Size, span: Span) -> Progress {
        let before = self.pending.len();
        self.at = span;
        let result = self.unify_sizes(a, b);
        if self.pending.len() > before {
            // It has put itself back.
            self.pending.pop();
            return Progress::Waits;
        }
        if result.is_err() {
            let (a, b) = (self.infer.size_of(a), self.infer.size_of(b));
            let (a, b) = (self.shower().size(&a), self.shower().size(&b));
            self.report(types::sizes_differ(span, &a, &b));
        }
        Progress::Done
    }

    /// Demands that a type is a scalar of some kind, or an array of such. False if it was reported that it is not.
    pub fn require_leaf(&mut self, ty: &Ty, kind: LeafKind, what: &'static str, span: Span) -> bool {
        let item = Pending::Leaf { ty: ty.clone(), kind, what, span };
        let reported = self.cx.diagnostics.len();
        if self.attempt(&item) == Progress::Waits {
            self.pending.push(item);
        }
        self.cx.diagnostics.len() == reported
    }

    fn attempt_leaf(&mut self, ty: &Ty, kind: LeafKind, what: &'static str, span: Span) -> Progress {
        let leaf = self.leaf(ty);
        let fits = match &leaf {
            Ty::Error | Ty::Never => true,
            Ty::Infer(var) => match (self.infer.var(*var), kind) {
                (TyVar::Free | TyVar::Is(_), _) => return Progress::Waits,
                (TyVar::Int, kind) => kind != LeafKind::Float,
                (TyVar::Float, kind) => !matches!(kind, LeafKind::Integer | LeafKind::Bits),
            },
            Ty::Scalar(s) => match kind {
                LeafKind::Float => s.is_float(),
                LeafKind::Number => s.is_float() || s.is_int(),
                LeafKind::Integer => s.is_int(),
                LeafKind::Bits => !s.is_float(),
                LeafKind::Scalar => true,
            },
            _ => false,
        };
        if !fits {
            let shown = self.show(ty);
            let literal = matches!(&leaf, Ty::Infer(_));
            self.report(types::wrong_leaf(span, what, kind_text(kind), &shown, literal && kind == LeafKind::Float));
        }
        Progress::Done
    }

    /// Demands an implementation.
    pub fn require_bound(&mut self, ty: &Ty, bound: Bound, span: Span) {
        let item = Pending::Bound { ty: ty.clone(), bound, span };
        if self.attempt(&item) == Progress::Waits {
            self.pending.push(item);
        }
    }

    fn attempt_bound(&mut self, ty: &Ty, bound: &Bound, span: Span) -> Progress {
        let ty = self.resolve(ty);
        if self.is_free(&ty) {
            return Progress::Waits;
        }
        if ty != Ty::Error && !self.implements(&ty, bound) {
            let shown = self.show(&ty);
            let (name, at) =
                (self.cx.program.traits[bound.of_trait].name.clone(), self.cx.program.traits[bound.of_trait].span);
            self.report(items::bound_not_met(span, &shown, &name, at));
        }
        Progress::Done
    }
}

fn kind_text(kind: LeafKind) -> &'static str {
    match kind {
        LeafKind::Float => "floats",
        LeafKind::Number => "numbers",
        LeafKind::Integer => "integers",
        LeafKind::Bits => "integers and `bool`",
        LeafKind::Scalar => "numbers and `bool`",
    }
}
