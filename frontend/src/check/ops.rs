//! Operators: arithmetic with broadcasting, `@`, comparisons, logic.

use super::body::FnCx;
use super::pending::{Broadcast, LeafKind, Pending, Progress};
use super::tangent;
use crate::ast::{self, BinaryOp};
use crate::errors::types;
use crate::source::Span;
use crate::typed::{AdtKind, Arithmetic, Expr, ExprKind, Literal, Size, Ty};
use dprog_ir::CompareOp;

/// What an infix operator is.
enum Kind {
    Arithmetic(Arithmetic),
    Compare(CompareOp),
    MatMul,
    And,
    Or,
}

fn kind(op: BinaryOp) -> Kind {
    match op {
        BinaryOp::Mul => Kind::Arithmetic(Arithmetic::Mul),
        BinaryOp::Div => Kind::Arithmetic(Arithmetic::Div),
        BinaryOp::Rem => Kind::Arithmetic(Arithmetic::Rem),
        BinaryOp::MatMul => Kind::MatMul,
        BinaryOp::Add => Kind::Arithmetic(Arithmetic::Add),
        BinaryOp::Sub => Kind::Arithmetic(Arithmetic::Sub),
        BinaryOp::Shl => Kind::Arithmetic(Arithmetic::Shl),
        BinaryOp::Shr => Kind::Arithmetic(Arithmetic::Shr),
        BinaryOp::BitAnd => Kind::Arithmetic(Arithmetic::BitAnd),
        BinaryOp::BitXor => Kind::Arithmetic(Arithmetic::BitXor),
        BinaryOp::BitOr => Kind::Arithmetic(Arithmetic::BitOr),
        BinaryOp::Eq => Kind::Compare(CompareOp::Eq),
        BinaryOp::Ne => Kind::Compare(CompareOp::Ne),
        BinaryOp::Lt => Kind::Compare(CompareOp::Lt),
        BinaryOp::Le => Kind::Compare(CompareOp::Le),
        BinaryOp::Gt => Kind::Compare(CompareOp::Gt),
        BinaryOp::Ge => Kind::Compare(CompareOp::Ge),
        BinaryOp::And => Kind::And,
        BinaryOp::Or => Kind::Or,
    }
}

/// The operation of `op=`.
pub(super) fn arithmetic(op: BinaryOp) -> Option<Arithmetic> {
    match kind(op) {
        Kind::Arithmetic(op) => Some(op),
        _ => None,
    }
}

/// The operator as it is written.
pub(super) fn symbol(op: Arithmetic) -> &'static str {
    match op {
        Arithmetic::Add => "+",
        Arithmetic::Sub => "-",
        Arithmetic::Mul => "*",
        Arithmetic::Div => "/",
        Arithmetic::Rem => "%",
        Arithmetic::BitAnd => "&",
        Arithmetic::BitOr => "|",
        Arithmetic::BitXor => "^",
        Arithmetic::Shl => "<<",
        Arithmetic::Shr => ">>",
    }
}

impl<'a> FnCx<'_, 'a> {
    pub fn binary(
        &mut self,
        (op, op_span): (BinaryOp, Span),
        left: &'a ast::Expr,
        right: &'a ast::Expr,
        want: Option<&Ty>,
        span: Span,
    ) -> Expr {
        match kind(op) {
            Kind::Arithmetic(op) => {
                // A scalar that is wanted is what both sides are.
                let hint = want.filter(|t| self.infer.shallow(t).as_scalar().is_some()).cloned();
                let l = self.expr(left, hint.as_ref());
                let hint = hint.or_else(|| self.scalar(&l.ty).map(Ty::Scalar));
                let r = self.expr(right, hint.as_ref());
                self.arithmetic_of(op, l, r, span)
            }
            Kind::Compare(op) => {
                let l = self.expr(left, None);
                let ty = l.ty.clone();
                let r = self.expr(right, Some(&ty));
                self.compare(op, l, r, span, op_span)
            }
            Kind::MatMul => {
                let l = self.expr(left, None);
                let r = self.expr(right, None);
                self.matmul(l, r, span)
            }
            Kind::And | Kind::Or => {
                let reason = Some((op_span, "this operator is for `bool`"));
                let l = self.check(left, &Ty::BOOL, reason);
                let r = self.in_region(|cx| cx.check(right, &Ty::BOOL, reason));
                let (l, r) = (Box::new(l), Box::new(r));
                let kind = if op == BinaryOp::And { ExprKind::And(l, r) } else { ExprKind::Or(l, r) };
                self.make(kind, Ty::BOOL, span)
            }
        }
    }

    /// `left op right`.
    pub fn arithmetic_of(&mut self, op: Arithmetic, left: Expr, right: Expr, span: Span) -> Expr {
        let (ok, ty) = self.broadcast(Some(op), symbol(op), &left, &right, span);
        if !ok {
            return self.error(span);
        }
        self.make(ExprKind::Binary(op, Box::new(left), Box::new(right)), ty, span)
    }

    /// The type of an elementwise operation; whether it is possible at all.
    pub fn broadcast(
        &mut self,
        op: Option<Arithmetic>,
        what: &'static str,
        left: &Expr,
        right: &Expr,
        span: Span,
    ) -> (bool, Ty) {
        for side in [left, right] {
            if side.ty == Ty::Never {
                return (true, Ty::Never);
            }
        }
        if let Some(bad) =
            self.bits_of_float(op, what, left, right).or_else(|| self.int_beside_float(left, right, what))
        {
            self.report(bad);
            return (false, Ty::Error);
        }
        let result = self.infer.fresh();
        let item = Pending::Broadcast(Broadcast {
            op,
            what,
            left: left.ty.clone(),
            right: right.ty.clone(),
            result: result.clone(),
            span,
            left_span: left.span,
            right_span: right.span,
        });
        if self.attempt(&item) == Progress::Waits {
            self.pending.push(item);
        }
        let ty = self.infer.shallow(&result);
        (ty != Ty::Error, ty)
    }

    /// `x ^ 2`, `x << 1` with a float `x`.
    fn bits_of_float(
        &mut self,
        op: Option<Arithmetic>,
        what: &str,
        left: &Expr,
        right: &Expr,
    ) -> Option<crate::diagnostic::Diagnostic> {
        use Arithmetic::{BitAnd, BitOr, BitXor, Shl, Shr};
        let kind = match op? {
            BitAnd | BitOr | BitXor => "integers and `bool`",
            Shl | Shr => "integers",
            Arithmetic::Add | Arithmetic::Sub | Arithmetic::Mul | Arithmetic::Div | Arithmetic::Rem => return None,
        };
        let side = [left, right].into_iter().find(|e| self.is_floating(&self.leaf(&e.ty)))?;
        let shown = self.show(&side.ty);
        Some(types::wrong_leaf(side.span, what, kind, &shown, false))
    }

    /// `2 * x` with a float `x`.
    fn int_beside_float(&mut self, left: &Expr, right: &Expr, what: &str) -> Option<crate::diagnostic::Diagnostic> {
        let (l, r) = (self.leaf(&left.ty), self.leaf(&right.ty));
        let pairs = [(left, &r, right), (right, &l, left)];
        pairs.into_iter().find_map(|(literal, other, place)| {
            let ExprKind::Literal(Literal::Int(n)) = literal.kind else { return None };
            if !self.is_floating(other) {
                return None;
            }
            let shown = self.show(&place.ty);
            Some(types::int_beside_float(literal.span, n, what, place.span, &shown))
        })
    }

    pub fn is_floating(&self, ty: &Ty) -> bool {
        match self.infer.shallow(ty) {
            Ty::Scalar(s) => s.is_float(),
            Ty::Infer(v) => matches!(self.infer.var(v), super::infer::TyVar::Float),
            _ => false,
        }
    }

    pub fn attempt_broadcast(&mut self, b: &Broadcast) -> Progress {
        let (left, right) = (self.resolve(&b.left), self.resolve(&b.right));
        if left == Ty::Error || right == Ty::Error {
            let _ = self.unify(&b.result, &Ty::Error);
            return Progress::Done;
        }
        if self.is_free(&left) || self.is_free(&right) {
            // If the result is known to be a scalar, so are the operands.
            match self.resolve(&b.result) {
                Ty::Scalar(_) if !matches!(left, Ty::Tangent(_)) && !matches!(right, Ty::Tangent(_)) => {
                    let result = b.result.clone();
                    let _ = self.unify(&left, &result).and_then(|()| self.unify(&right, &result));
                    if self.is_free(&left) || self.is_free(&right) {
                        return Progress::Waits;
                    }
                    return self.attempt_broadcast(b);
                }
                _ => return Progress::Waits,
            }
        }
        if let (Ty::Tangent(of), _) | (_, Ty::Tangent(of)) = (&left, &right)
            && super::unify::has_free(of)
        {
            return Progress::Waits;
        }
        let Some(ty) = self.combine(b, &left, &right) else {
            let _ = self.unify(&b.result, &Ty::Error);
            return Progress::Done;
        };
        self.at = b.span;
        if self.unify(&b.result, &ty).is_err() {
            let (want, have) = (self.show(&b.result), self.show(&ty));
            self.report(types::mismatch(b.span, &want, &have));
        }
        Progress::Done
    }

    /// The result type of an operation on operands that are known.
    fn combine(&mut self, b: &Broadcast, left: &Ty, right: &Ty) -> Option<Ty> {
        let elementwise = |t: &Ty| matches!(t, Ty::Scalar(_) | Ty::Infer(_) | Ty::Array(..));
        let scalars = |cx: &Self, t: &Ty| matches!(cx.leaf(t), Ty::Scalar(_) | Ty::Infer(_));
        if elementwise(left) && elementwise(right) && scalars(self, left) && scalars(self, right) {
            return self.combine_elements(b, left, right);
        }
        if let Some(ty) = self.combine_tangents(b, left, right) {
            return Some(ty);
        }
        let (l, r) = (self.show(left), self.show(right));
        let generic = [left, right].iter().any(|t| matches!(self.leaf(t), Ty::Param(_)));
        self.report(types::no_operator(b.span, b.what, (b.left_span, &l), (b.right_span, &r), generic));
        None
    }

    fn combine_elements(&mut self, b: &Broadcast, left: &Ty, right: &Ty) -> Option<Ty> {
        let (l, r) = (self.leaf(left), self.leaf(right));
        if self.unify(&l, &r).is_err() {
            let (l, r) = (self.show(left), self.show(right));
            self.report(types::operands_differ(b.span, b.what, (b.left_span, &l), (b.right_span, &r)));
            return None;
        }
        if let Some(op) = b.op {
            let kind = match op {
                Arithmetic::BitAnd | Arithmetic::BitOr | Arithmetic::BitXor => LeafKind::Bits,
                Arithmetic::Shl | Arithmetic::Shr => LeafKind::Integer,
                _ => LeafKind::Number,
            };
            if !self.require_leaf(&l, kind, b.what, b.span) {
                return None;
            }
        }
        let result = match (left, right) {
            (Ty::Array(_, xs), Ty::Array(_, ys)) => {
                let (long, short) = if xs.len() >= ys.len() { (xs, ys) } else { (ys, xs) };
                self.match_trailing(b, (left, right), long, short)?;
                if xs.len() >= ys.len() { left } else { right }
            }
            (Ty::Array(..), _) => left,
            _ => right,
        };
        Some(self.resolve(result))
    }

    /// The sizes of the shorter shape are the last ones of the longer.
    fn match_trailing(&mut self, b: &Broadcast, shown: (&Ty, &Ty), long: &[Size], short: &[Size]) -> Option<()> {
        self.at = b.span;
        let trailing = &long[long.len() - short.len()..];
        if trailing.iter().zip(short).try_for_each(|(x, y)| self.unify_sizes(x, y)).is_err() {
            let (l, r) = (self.show(shown.0), self.show(shown.1));
            let shapes = self.compare_shapes(shown.0, shown.1);
            self.report(types::operand_shapes(b.span, b.what, (b.left_span, &l), (b.right_span, &r), shapes));
            return None;
        }
        Some(())
    }

    /// `+` and `-` of two tangents, `*` and `/` of a tangent and a number.
    fn combine_tangents(&mut self, b: &Broadcast, left: &Ty, right: &Ty) -> Option<Ty> {
        let is_tangent = |cx: &Self, t: &Ty| !t.is_unit() && tangent::tangent(&cx.cx.program, t) == *t;
        let number = |cx: &Self, t: &Ty| cx.is_floating(t);
        match b.op? {
            Arithmetic::Add | Arithmetic::Sub if is_tangent(self, left) && is_tangent(self, right) => {
                self.unify(left, right).ok()?;
                Some(left.clone())
            }
            Arithmetic::Mul if number(self, left) && is_tangent(self, right) => Some(right.clone()),
            Arithmetic::Mul | Arithmetic::Div if number(self, right) && is_tangent(self, left) => Some(left.clone()),
            _ => None,
        }
    }

    pub fn unary(&mut self, op: ast::UnaryOp, operand: &'a ast::Expr, want: Option<&Ty>, span: Span) -> Expr {
        if let (ast::UnaryOp::Neg, ast::ExprKind::Literal(literal)) = (op, &operand.kind)
            && let Some(value) = self.negative_literal(literal, span)
        {
            return value;
        }
        let value = self.expr(operand, want);
        match op {
            ast::UnaryOp::Neg => self.negate(value, span),
            ast::UnaryOp::Not => {
                if value.ty == Ty::Never {
                    return value;
                }
                if !self.require_leaf(&value.ty, LeafKind::Bits, "!", span) {
                    return self.error(span);
                }
                let ty = value.ty.clone();
                self.make(ExprKind::Not(Box::new(value)), ty, span)
            }
        }
    }

    fn negate(&mut self, value: Expr, span: Span) -> Expr {
        let ty = self.structure(&value.ty);
        if matches!(ty, Ty::Scalar(_) | Ty::Array(..) | Ty::Infer(_) | Ty::Error | Ty::Never) {
            if !self.require_leaf(&ty, LeafKind::Number, "-", span) {
                return self.error(span);
            }
            return self.make(ExprKind::Neg(Box::new(value)), ty, span);
        }
        // A tangent: minus one times it.
        let minus_one = self.make(ExprKind::Literal(Literal::Float(-1.0)), Ty::F64, span);
        self.arithmetic_of(Arithmetic::Mul, minus_one, value, span)
    }

    fn compare(&mut self, op: CompareOp, left: Expr, right: Expr, span: Span, _op_span: Span) -> Expr {
        let symbol = match op {
            CompareOp::Eq => "==",
            CompareOp::Ne => "!=",
            CompareOp::Lt => "<",
            CompareOp::Le => "<=",
            CompareOp::Gt => ">",
            CompareOp::Ge => ">=",
        };
        if let Some(bad) = self.int_beside_float(&left, &right, symbol) {
            self.report(bad);
            return self.make(ExprKind::Error, Ty::BOOL, span);
        }
        if left.ty != Ty::Never && right.ty != Ty::Never {
            self.at = span;
            if self.unify(&left.ty, &right.ty).is_err() {
                let (l, r) = (self.show(&left.ty), self.show(&right.ty));
                self.report(types::operands_differ(span, symbol, (left.span, &l), (right.span, &r)));
                return self.make(ExprKind::Error, Ty::BOOL, span);
            }
            let ordered = !matches!(op, CompareOp::Eq | CompareOp::Ne);
            let item = Pending::Comparable { ty: left.ty.clone(), ordered, span };
            if self.attempt(&item) == Progress::Waits {
                self.pending.push(item);
            }
        }
        self.make(ExprKind::Compare(op, Box::new(left), Box::new(right)), Ty::BOOL, span)
    }

    pub fn attempt_comparable(&mut self, ty: &Ty, ordered: bool, span: Span) -> Progress {
        let ty = self.resolve(ty);
        if self.is_free(&ty) {
            return Progress::Waits;
        }
        let fits = match (&ty, ordered) {
            (Ty::Error, _) => true,
            (Ty::Scalar(_) | Ty::Str | Ty::Infer(_), true) => ty != Ty::BOOL,
            (_, true) => false,
            (_, false) => self.has_equality(&ty, &mut Vec::new()),
        };
        if !fits {
            let shown = self.show(&ty);
            self.report(types::not_comparable(span, &shown, ordered, matches!(ty, Ty::Param(_))));
        }
        Progress::Done
    }

    fn has_equality(&self, ty: &Ty, open: &mut Vec<Ty>) -> bool {
        match ty {
            Ty::Scalar(_) | Ty::Str | Ty::Infer(_) | Ty::Error | Ty::Never => true,
            Ty::Tuple(parts) => parts.iter().all(|t| self.has_equality(t, open)),
            Ty::Array(of, _) | Ty::List(of) => self.has_equality(of, open),
            Ty::Adt(id, args) => {
                if open.contains(ty) || open.len() > 50 {
                    return true;
                }
                open.push(ty.clone());
                let program = &self.cx.program;
                let def = &program.adts[*id];
                let subst = super::subst::Subst::new(&def.generics, args);
                let fields: Vec<Ty> = match &def.kind {
                    AdtKind::Struct(fields) | AdtKind::Model(fields) => fields.iter().map(|f| f.ty.clone()).collect(),
                    AdtKind::Enum(cases) => cases.iter().flat_map(|c| &c.fields).map(|f| f.ty.clone()).collect(),
                };
                fields.iter().all(|f| self.has_equality(&subst.ty(program, f), open))
            }
            Ty::Fn(..) | Ty::Param(_) | Ty::Tangent(_) => false,
        }
    }

    fn matmul(&mut self, left: Expr, right: Expr, span: Span) -> Expr {
        let (l, r) = (self.structure(&left.ty), self.structure(&right.ty));
        if l == Ty::Error || r == Ty::Error {
            return self.error(span);
        }
        let (shown_l, shown_r) = (self.show(&l), self.show(&r));
        let (Ty::Array(x, xs), Ty::Array(y, ys)) = (&l, &r) else {
            self.report(types::no_operator(span, "@", (left.span, &shown_l), (right.span, &shown_r), false));
            return self.error(span);
        };
        if self.unify(x, y).is_err() {
            self.report(types::operands_differ(span, "@", (left.span, &shown_l), (right.span, &shown_r)));
            return self.error(span);
        }
        let (inner, sizes) = match (xs.as_slice(), ys.as_slice()) {
            ([n, k], [k2, m]) => ((k, k2), vec![n.clone(), m.clone()]),
            ([n, k], [k2]) => ((k, k2), vec![n.clone()]),
            ([k], [k2, m]) => ((k, k2), vec![m.clone()]),
            _ => {
                self.report(types::no_operator(span, "@", (left.span, &shown_l), (right.span, &shown_r), false));
                return self.error(span);
            }
        };
        self.at = span;
        if self.unify_sizes(inner.0, inner.1).is_err() {
            let transposed = self.fits_transposed(xs, ys);
            let inner = (self.shower().size(inner.0), self.shower().size(inner.1));
            self.report(types::inner_sizes(
                span,
                (left.span, &shown_l),
                (right.span, &shown_r),
                (&inner.0, &inner.1),
                transposed,
            ));
            return self.error(span);
        }
        if !self.require_leaf(x, LeafKind::Float, "@", span) {
            return self.error(span);
        }
        let ty = Ty::array((**x).clone(), sizes);
        self.make(ExprKind::MatMul(Box::new(left), Box::new(right)), ty, span)
    }

    /// Which operand of a matrix product must be transposed so that the inner sizes are equal.
    fn fits_transposed(&self, xs: &[Size], ys: &[Size]) -> Option<&'static str> {
        let equal = |a: &Size, b: &Size| self.infer.size_of(a) == self.infer.size_of(b);
        match (xs, ys) {
            ([n, _], [k, ..]) if equal(n, k) => Some("first"),
            ([.., k], [_, m]) if equal(k, m) => Some("second"),
            _ => None,
        }
    }

    /// Whether two arrays whose shapes differ could have the same one when the program runs.
    pub fn compare_shapes(&self, a: &Ty, b: &Ty) -> types::Shapes {
        match (self.resolve(a), self.resolve(b)) {
            (Ty::Array(x, xs), Ty::Array(y, ys)) => {
                if xs.len() != ys.len() {
                    return types::Shapes::OtherRank;
                }
                let never = |(a, b): (&Size, &Size)| a.sub(b).as_constant().is_some_and(|d| d != 0);
                match xs.iter().zip(&ys).any(never) {
                    true => types::Shapes::NeverAgree,
                    false => self.compare_shapes(&x, &y),
                }
            }
            _ => types::Shapes::MayAgree,
        }
    }
}
