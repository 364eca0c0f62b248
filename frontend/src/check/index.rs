//! `base[…]`: elements, rows and slices.

use super::body::FnCx;
use crate::ast::{self, IndexArg as Ast};
use crate::errors::types;
use crate::source::Span;
use crate::typed::{Expr, ExprKind, IndexArg, Literal, Size, Stmt, Ty};

impl<'a> FnCx<'_, 'a> {
    pub fn index(&mut self, base: &'a ast::Expr, args: &'a [ast::IndexArg], span: Span) -> Expr {
        let base = self.expr(base, None);
        let ty = self.structure(&base.ty);
        let mut before = Vec::new();
        let Some((args, ty)) = self.index_args(&ty, base.span, args, span, &mut before) else {
            return self.error(span);
        };
        let made = self.make(ExprKind::Index { base: Box::new(base), args }, ty, span);
        self.after(before, made)
    }

    /// Checks indices and gives the type of what they select. Bounds that are no sizes get names in `before`.
    pub fn index_args(
        &mut self,
        base: &Ty,
        base_span: Span,
        args: &'a [ast::IndexArg],
        span: Span,
        before: &mut Vec<Stmt>,
    ) -> Option<(Vec<IndexArg>, Ty)> {
        match base {
            Ty::Array(element, sizes) if args.len() <= sizes.len() => {
                let mut typed = Vec::with_capacity(args.len());
                let mut left = Vec::new();
                for (arg, size) in args.iter().zip(sizes) {
                    let (arg, kept) = self.index_arg(arg, size, before);
                    typed.push(arg);
                    left.extend(kept);
                }
                left.extend_from_slice(&sizes[args.len()..]);
                let ty = if left.is_empty() { (**element).clone() } else { Ty::Array(element.clone(), left) };
                Some((typed, ty))
            }
            Ty::List(element) => self.list_index(element, args, span),
            Ty::Error => {
                args.iter().for_each(|a| self.index_anyway(a));
                None
            }
            Ty::Infer(_) => {
                self.report(types::must_be_known(base_span));
                None
            }
            other => {
                let shown = self.show(other);
                self.report(match other {
                    Ty::Array(_, sizes) => types::too_many_indices(span, args.len(), sizes.len(), &shown),
                    _ => types::cannot_index(base_span, &shown),
                });
                None
            }
        }
    }

    fn index_anyway(&mut self, arg: &'a ast::IndexArg) {
        match arg {
            Ast::At(e) => drop(self.expr(e, None)),
            Ast::All(_) => {}
            Ast::Range { start, end, .. } => {
                start.iter().chain(end).for_each(|e| drop(self.expr(e, None)));
            }
        }
    }

    fn list_index(&mut self, element: &Ty, args: &'a [ast::IndexArg], span: Span) -> Option<(Vec<IndexArg>, Ty)> {
        match args {
            [Ast::At(e)] => {
                let index = self.index_value(e);
                self.warn_out_of_bounds(&index, None);
                Some((vec![IndexArg::At(index)], element.clone()))
            }
            [Ast::At(first), rest @ ..] if !rest.is_empty() => {
                // `xs[i, j]` of a list of arrays: an index each.
                self.expr(first, None);
                let shown = self.show(&Ty::List(Box::new(element.clone())));
                self.report(types::too_many_indices(span, args.len(), 1, &shown));
                None
            }
            _ => {
                self.report(types::list_slice(span));
                None
            }
        }
    }

    fn index_value(&mut self, e: &'a ast::Expr) -> Expr {
        self.check(e, &Ty::I64, Some((e.span, "an index is an `i64`")))
    }

    /// An index that is written out and is never within the bounds. It traps when the program comes there, so this is a
    /// warning.
    fn warn_out_of_bounds(&mut self, index: &Expr, size: Option<i64>) {
        if let ExprKind::Literal(Literal::Int(k)) = index.kind
            && (k < 0 || size.is_some_and(|n| k >= n))
        {
            self.report(types::out_of_bounds(index.span, k, size));
        }
    }

    /// An index, and the size of the axis if it stays.
    fn index_arg(&mut self, arg: &'a ast::IndexArg, size: &Size, before: &mut Vec<Stmt>) -> (IndexArg, Option<Size>) {
        match arg {
            Ast::At(e) => {
                let index = self.index_value(e);
                let size = self.infer.size_of(size).as_constant();
                self.warn_out_of_bounds(&index, size);
                (IndexArg::At(index), None)
            }
            Ast::All(_) => (IndexArg::All, Some(size.clone())),
            Ast::Range { start, end, .. } => {
                let start = start.as_ref().map(|e| self.index_value(e));
                let end = end.as_ref().map(|e| self.index_value(e));
                let (start, end, kept) = self.slice_size(start, end, size, before);
                (IndexArg::Range(start, end), Some(kept))
            }
        }
    }

    /// `b - a`; a missing bound is that of the axis.
    fn slice_size(
        &mut self,
        start: Option<Expr>,
        end: Option<Expr>,
        size: &Size,
        before: &mut Vec<Stmt>,
    ) -> (Option<Expr>, Option<Expr>, Size) {
        if let (Some(a), Some(b)) = (&start, &end)
            && let Some(kept) = self.difference(a, b)
        {
            return (start, end, kept);
        }
        let (start, a) = self.bound(start, Size::constant(0), before);
        let (end, b) = self.bound(end, size.clone(), before);
        (start, end, b.sub(&a))
    }

    fn bound(&mut self, e: Option<Expr>, missing: Size, before: &mut Vec<Stmt>) -> (Option<Expr>, Size) {
        match e {
            None => (None, missing),
            Some(e) if e.ty == Ty::Error => (Some(e), self.infer.size()),
            Some(e) => {
                let (e, size) = self.force_size(e, before);
                (Some(e), size)
            }
        }
    }
}
