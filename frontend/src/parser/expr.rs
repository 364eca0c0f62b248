//! Operators: assignment, ranges, infix operators by precedence, `as`, prefix operators.
//!
//! Infix operators are read with a stack of our own, so a chain of any length, in any mix of precedences, takes no
//! recursion.

use super::{Parsed, Parser};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::TokenKind;
use crate::source::Span;

/// A left operand that waits for its right one.
struct Pending {
    left: Expr,
    height: u32,
    op: BinaryOp,
    op_span: Span,
}

/// The loosest operator that may stand in a size between `<` and `>`.
const SIZE_PRECEDENCE: u8 = 8;

impl Parser<'_> {
    /// An expression, ranges included.
    pub(super) fn expr(&mut self) -> Parsed<Expr> {
        self.nested(|p| p.measured(Self::range)).map(|(expr, _)| expr)
    }

    /// An expression that may not be a range: what stands in an index.
    pub(super) fn expr_without_range(&mut self) -> Parsed<Expr> {
        self.nested(|p| p.measured(|p| p.binary(1))).map(|(expr, _)| expr)
    }

    /// A size between `<` and `>`: no comparisons, no shifts.
    pub(super) fn size_expr(&mut self) -> Parsed<Expr> {
        self.nested(|p| p.measured(|p| p.binary(SIZE_PRECEDENCE))).map(|(expr, _)| expr)
    }

    /// An expression or an assignment: what a statement, an arm, the body of a closure may be.
    pub(super) fn expr_or_assignment(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        // Measured as a whole: the statements of a block are beside each other, not on top.
        let (whole, _) = self.measured(|p| {
            let place = p.expr()?;
            p.assignment(lo, place)
        })?;
        Ok(whole)
    }

    /// The rest of an assignment to `place`, if it is one.
    pub(super) fn assignment(&mut self, lo: u32, place: Expr) -> Parsed<Expr> {
        let Some(op) = assignment_op(self.kind()) else { return Ok(place) };
        let op_span = self.here();
        self.bump();
        let value = Box::new(self.expr()?);
        if self.at(TokenKind::Eq) {
            let at = self.here();
            return self.fail(syntax::assignment_as_value(at));
        }
        Ok(self.expr_node(lo, ExprKind::Assign { op, op_span, place: Box::new(place), value }))
    }

    fn range(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        if matches!(self.kind(), TokenKind::DotDot | TokenKind::DotDotEq) {
            let at = self.here();
            return self.fail(syntax::open_range(at));
        }
        let start = self.binary(1)?;
        self.range_end(lo, start)
    }

    /// The rest of a range that begins with `start`, if it is one.
    pub(super) fn range_end(&mut self, lo: u32, start: Expr) -> Parsed<Expr> {
        let inclusive = self.at(TokenKind::DotDotEq);
        if !inclusive && !self.at(TokenKind::DotDot) {
            return Ok(start);
        }
        let op_span = self.here();
        if inclusive {
            self.report(syntax::inclusive_range(op_span));
        }
        self.bump();
        if !self.begins_expr() {
            return self.fail(syntax::open_range(op_span));
        }
        let (end, _) = self.measured(|p| p.binary(1))?;
        if matches!(self.kind(), TokenKind::DotDot | TokenKind::DotDotEq) {
            return self.expected("the end of the range");
        }
        Ok(self.expr_node(lo, ExprKind::Range { start: Box::new(start), end: Box::new(end) }))
    }

    /// Infix operators that bind at least as tightly as `loosest`.
    pub(super) fn binary(&mut self, loosest: u8) -> Parsed<Expr> {
        let operand = self.measured(Self::cast)?;
        self.binary_after(loosest, operand)
    }

    /// The rest of an infix expression whose first operand has been read.
    pub(super) fn binary_after(&mut self, loosest: u8, first: (Expr, u32)) -> Parsed<Expr> {
        let outer = std::mem::take(&mut self.height);
        let mut pending: Vec<Pending> = Vec::new();
        let (mut right, mut height) = first;
        while let Some((op, op_span)) = self.infix_op(loosest)? {
            while let Some(left) = pending.pop_if(|left| left.op.precedence() >= op.precedence()) {
                let chained = self.check_chain(&left, op, op_span);
                (right, height) = self.join(left, right, height);
                if chained {
                    right.kind = ExprKind::Error;
                }
            }
            pending.push(Pending { left: right, height, op, op_span });
            (right, height) = self.measured(Self::cast)?;
        }
        while let Some(left) = pending.pop() {
            (right, height) = self.join(left, right, height);
        }
        self.height = outer.max(height);
        Ok(right)
    }

    fn join(&mut self, left: Pending, right: Expr, height: u32) -> (Expr, u32) {
        let Pending { left, height: left_height, op, op_span } = left;
        self.height = left_height.max(height);
        let span = left.span.to(right.span);
        let kind = ExprKind::Binary { op, op_span, left: Box::new(left), right: Box::new(right) };
        let mut expr = self.expr_node(span.lo, kind);
        expr.span = span;
        (expr, self.height)
    }

    /// Whether `op` makes a chain `a < b < c` of what is on its left; it is reported once.
    fn check_chain(&mut self, left: &Pending, op: BinaryOp, op_span: Span) -> bool {
        let chained = left.op.is_comparison() && op.is_comparison();
        if chained && !matches!(left.left.kind, ExprKind::Error) {
            self.report(syntax::chained_comparison(op_span, left.op_span));
        }
        chained
    }

    /// The infix operator here, if it is tight enough; it is read.
    fn infix_op(&mut self, loosest: u8) -> Parsed<Option<(BinaryOp, Span)>> {
        let lo = self.lo();
        let Some((op, tokens)) = self.peek_infix_op() else { return Ok(None) };
        if op.precedence() < loosest {
            return Ok(None);
        }
        self.foreign_infix_op(op)?;
        self.bump_many(tokens);
        Ok(Some((op, self.since(lo))))
    }

    fn peek_infix_op(&self) -> Option<(BinaryOp, usize)> {
        match binary_op(self.kind()) {
            Some(op) => Some((op, self.foreign_op_length())),
            // A word on a new line is the next statement.
            None if !self.at(TokenKind::Ident) || self.token().first => None,
            None => match self.text_of(self.token()) {
                "and" => Some((BinaryOp::And, 1)),
                "or" => Some((BinaryOp::Or, 1)),
                _ => None,
            },
        }
    }

    pub(super) fn cast(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        let value = self.unary()?;
        self.casts_after(lo, value)
    }

    /// `as T` behind `value`, any number of times.
    pub(super) fn casts_after(&mut self, lo: u32, mut value: Expr) -> Parsed<Expr> {
        while self.eat(TokenKind::As) {
            let outer = std::mem::replace(&mut self.after_as, true);
            let ty = self.measured(Self::ty);
            self.after_as = outer;
            value = self.expr_node(lo, ExprKind::Cast { value: Box::new(value), ty: ty?.0 });
        }
        Ok(value)
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        let op = match self.kind() {
            TokenKind::Minus => UnaryOp::Neg,
            TokenKind::Not => UnaryOp::Not,
            TokenKind::Ident if self.at_word_not() => {
                let at = self.here();
                self.report(syntax::word_operator(at, "not", "!"));
                UnaryOp::Not
            }
            TokenKind::Amp | TokenKind::AmpAmp | TokenKind::Star => return self.foreign_prefix(),
            _ => return self.postfix(),
        };
        self.bump();
        let operand = Box::new(self.nested(Self::unary)?);
        Ok(self.expr_node(lo, ExprKind::Unary { op, operand }))
    }

    /// Whether an expression can begin here.
    pub(super) fn begins_expr(&self) -> bool {
        use TokenKind::*;
        match self.kind() {
            LBrace => !self.in_head,
            Ident | Int | Float | StrOpen | True | False | LParen | LBracket | Minus | Not | Pipe | PipePipe | If
            | Match | Loop | While | For | Return | Break | Continue | Amp | Star | At => true,
            _ => false,
        }
    }
}

fn binary_op(kind: TokenKind) -> Option<BinaryOp> {
    Some(match kind {
        TokenKind::Star => BinaryOp::Mul,
        TokenKind::Slash => BinaryOp::Div,
        TokenKind::Percent => BinaryOp::Rem,
        TokenKind::At => BinaryOp::MatMul,
        TokenKind::Plus => BinaryOp::Add,
        TokenKind::Minus => BinaryOp::Sub,
        TokenKind::Shl => BinaryOp::Shl,
        TokenKind::Shr => BinaryOp::Shr,
        TokenKind::Amp => BinaryOp::BitAnd,
        TokenKind::Caret => BinaryOp::BitXor,
        TokenKind::Pipe => BinaryOp::BitOr,
        TokenKind::EqEq => BinaryOp::Eq,
        TokenKind::Ne => BinaryOp::Ne,
        TokenKind::Lt => BinaryOp::Lt,
        TokenKind::Le => BinaryOp::Le,
        TokenKind::Gt => BinaryOp::Gt,
        TokenKind::Ge => BinaryOp::Ge,
        TokenKind::AmpAmp => BinaryOp::And,
        TokenKind::PipePipe => BinaryOp::Or,
        _ => return None,
    })
}

/// The operator of an assignment: `Some(None)` for `=`.
fn assignment_op(kind: TokenKind) -> Option<Option<BinaryOp>> {
    Some(Some(match kind {
        TokenKind::Eq => return Some(None),
        TokenKind::PlusEq => BinaryOp::Add,
        TokenKind::MinusEq => BinaryOp::Sub,
        TokenKind::StarEq => BinaryOp::Mul,
        TokenKind::SlashEq => BinaryOp::Div,
        TokenKind::PercentEq => BinaryOp::Rem,
        TokenKind::AtEq => BinaryOp::MatMul,
        TokenKind::AmpEq => BinaryOp::BitAnd,
        TokenKind::PipeEq => BinaryOp::BitOr,
        TokenKind::CaretEq => BinaryOp::BitXor,
        TokenKind::ShlEq => BinaryOp::Shl,
        TokenKind::ShrEq => BinaryOp::Shr,
        _ => return None,
    }))
}
