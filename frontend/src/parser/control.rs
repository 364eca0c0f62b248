//! Control flow: `if`, `match`, loops, jumps.

use super::{Parsed, Parser};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::TokenKind;

impl Parser<'_> {
    /// What begins with a keyword; an error if nothing does.
    pub(super) fn control(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        match self.kind() {
            TokenKind::If => self.if_expr(),
            TokenKind::Match => self.match_expr(),
            TokenKind::For | TokenKind::While | TokenKind::Loop if !self.in_head => self.loop_expr(Vec::new()),
            TokenKind::At => self.attributed_loop(),
            TokenKind::Break => self.break_expr(lo),
            TokenKind::Continue => {
                self.bump();
                Ok(self.expr_node(lo, ExprKind::Continue))
            }
            TokenKind::Return => self.return_expr(lo),
            TokenKind::Else => {
                let at = self.here();
                self.fail(syntax::stray_else(at))
            }
            TokenKind::InterpClose | TokenKind::StrFormat if self.previous_is(TokenKind::InterpOpen) => {
                let at = self.behind().to(self.here());
                self.fail(syntax::empty_interpolation(at))
            }
            _ => self.no_expression(),
        }
    }

    fn previous_is(&self, kind: TokenKind) -> bool {
        self.previous().is_some_and(|t| t.kind == kind)
    }

    fn break_expr(&mut self, lo: u32) -> Parsed<Expr> {
        self.bump();
        if self.begins_expr() && !self.token().first && !self.at(TokenKind::LBrace) {
            let at = self.here();
            self.report(syntax::break_value(at));
            self.expr()?;
        }
        Ok(self.expr_node(lo, ExprKind::Break))
    }

    fn return_expr(&mut self, lo: u32) -> Parsed<Expr> {
        self.bump();
        let value = if self.begins_expr() { Some(Box::new(self.expr()?)) } else { None };
        Ok(self.expr_node(lo, ExprKind::Return(value)))
    }

    /// What stands before the `{` of a body.
    fn head(&mut self) -> Parsed<Expr> {
        self.with_head(true, Self::expr)
    }

    #[inline(never)]
    fn condition(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        self.with_head(true, |p| {
            let (expr, _) = p.measured(|p| {
                let left = p.expr()?;
                p.condition_assignment(lo, left)
            })?;
            Ok(expr)
        })
    }

    /// The block of `what`; if there is none, it says that there has to be.
    pub(super) fn body(&mut self, what: &str) -> Parsed<Block> {
        if self.at(TokenKind::LBrace) {
            return self.block();
        }
        let diagnostic = syntax::missing_braces(self.blame(), what, &self.found());
        self.fail(diagnostic)
    }

    fn if_expr(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        self.bump();
        if self.eat(TokenKind::Let) {
            return self.if_let(lo);
        }
        let cond = Box::new(self.condition()?);
        let then = self.body("the `if`")?;
        let otherwise = self.otherwise()?.map(Box::new);
        Ok(self.expr_node(lo, ExprKind::If { cond, then, otherwise }))
    }

    /// `else { … }`, `else if …`, or nothing.
    #[inline(never)]
    fn otherwise(&mut self) -> Parsed<Option<Expr>> {
        if self.at_any_word(&["elif", "elseif", "elsif"]) {
            let diagnostic = syntax::elif(self.here(), self.text_of(self.token()));
            self.report(diagnostic);
            return self.nested(|p| p.measured(Self::if_expr)).map(|(expr, _)| Some(expr));
        }
        if !self.eat(TokenKind::Else) {
            return Ok(None);
        }
        if self.at(TokenKind::If) {
            return self.nested(|p| p.measured(Self::if_expr)).map(|(expr, _)| Some(expr));
        }
        let lo = self.lo();
        let (block, _) = self.measured(|p| p.body("the `else`"))?;
        Ok(Some(self.expr_node(lo, ExprKind::Block(block))))
    }

    /// `if let P = x { a } else { b }`, as a match.
    #[inline(never)]
    fn if_let(&mut self, lo: u32) -> Parsed<Expr> {
        let (pattern, scrutinee) = self.let_condition()?;
        let then = self.body_expr("the `if`")?;
        let otherwise = match self.otherwise()? {
            Some(expr) => expr,
            None => self.unit(),
        };
        let arms = vec![self.arm_of(pattern, then), self.fallback_arm(otherwise)];
        Ok(self.expr_node(lo, ExprKind::Match { scrutinee: Box::new(scrutinee), arms, source: MatchSource::IfLet }))
    }

    /// `P = x`, behind `let`.
    fn let_condition(&mut self) -> Parsed<(Pattern, Expr)> {
        let pattern = self.pattern()?;
        self.expect(TokenKind::Eq)?;
        Ok((pattern, self.head()?))
    }

    fn body_expr(&mut self, what: &str) -> Parsed<Expr> {
        let lo = self.lo();
        let block = self.body(what)?;
        Ok(self.expr_node(lo, ExprKind::Block(block)))
    }

    /// A `()` that is not written.
    fn unit(&mut self) -> Expr {
        let lo = self.previous().map_or(self.lo(), |t| t.hi);
        self.expr_node(lo, ExprKind::Tuple(Vec::new()))
    }

    fn arm_of(&mut self, pattern: Pattern, body: Expr) -> Arm {
        let span = pattern.span.to(body.span);
        Arm { id: self.id(), pattern, guard: None, body, span }
    }

    /// `_ => body`
    fn fallback_arm(&mut self, body: Expr) -> Arm {
        let pattern = Pattern { id: self.id(), span: body.span, kind: PatternKind::Wildcard };
        self.arm_of(pattern, body)
    }

    #[inline(never)]
    fn match_expr(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        self.bump();
        let scrutinee = Box::new(self.head()?);
        if !self.at(TokenKind::LBrace) {
            return self.expected("`{` and the arms of the `match`");
        }
        self.bump();
        let arms = self.with_head(false, Self::arms);
        self.eat(TokenKind::RBrace);
        Ok(self.expr_node(lo, ExprKind::Match { scrutinee, arms, source: MatchSource::Match }))
    }

    fn arms(&mut self) -> Vec<Arm> {
        let mut arms = Vec::new();
        while !self.at(TokenKind::RBrace) && !self.at(TokenKind::Eof) {
            let start = self.pos;
            match self.arm() {
                Ok(arm) => arms.push(arm),
                Err(_) => self.skip_until(|p| p.at(TokenKind::Comma)),
            }
            let separated = self.eat(TokenKind::Comma);
            if self.pos == start || !separated && self.kind().is_closer() {
                break;
            }
        }
        self.skip_until(|_| false);
        arms
    }

    fn arm(&mut self) -> Parsed<Arm> {
        let lo = self.lo();
        let pattern = self.pattern()?;
        let guard = if self.eat(TokenKind::If) { Some(self.condition()?) } else { None };
        if self.at(TokenKind::Arrow) || self.at(TokenKind::Colon) {
            let at = self.here();
            self.report(syntax::arm_arrow(at));
            self.bump();
        } else {
            self.expect(TokenKind::FatArrow)?;
        }
        let (body, complete) = self.statement_expr()?;
        if !complete && !self.at(TokenKind::Comma) && !self.at(TokenKind::RBrace) {
            let semi = self.at(TokenKind::Semi);
            let _: Parsed<()> = self.expected("`,` after the expression of an arm");
            if semi {
                self.bump();
            } else if !self.token().first {
                self.skip_until(|p| p.at(TokenKind::Comma));
            }
        }
        Ok(Arm { id: self.id(), pattern, guard, body, span: self.since(lo) })
    }

    /// A loop, behind its attributes.
    pub(super) fn loop_expr(&mut self, attrs: Vec<Attr>) -> Parsed<Expr> {
        let lo = self.lo();
        match self.kind() {
            TokenKind::While => self.while_loop(lo, attrs),
            TokenKind::Loop => {
                self.bump();
                let body = self.body("the `loop`")?;
                Ok(self.expr_node(lo, ExprKind::Loop { body, attrs }))
            }
            _ => self.for_loop(attrs),
        }
    }

    /// `@checkpoint for …`
    fn attributed_loop(&mut self) -> Parsed<Expr> {
        let attrs = self.attrs()?;
        if matches!(self.kind(), TokenKind::For | TokenKind::While | TokenKind::Loop) || self.at_word("par") {
            return self.loop_expr(attrs);
        }
        let at = attrs.first().map_or(self.here(), |a| a.span);
        self.fail(syntax::misplaced_attribute(at))
    }

    #[inline(never)]
    fn while_loop(&mut self, lo: u32, attrs: Vec<Attr>) -> Parsed<Expr> {
        self.bump();
        if self.eat(TokenKind::Let) {
            return self.while_let(lo, attrs);
        }
        let cond = Box::new(self.condition()?);
        let body = self.body("the `while`")?;
        Ok(self.expr_node(lo, ExprKind::While { cond, body, attrs }))
    }

    /// `while let P = x { a }`, as a loop around a match.
    #[inline(never)]
    fn while_let(&mut self, lo: u32, attrs: Vec<Attr>) -> Parsed<Expr> {
        let start = self.lo();
        let (pattern, scrutinee) = self.let_condition()?;
        let then = self.body_expr("the `while`")?;
        let end = self.previous().map_or(lo, |t| t.hi);
        let leave = self.expr_node(end, ExprKind::Break);
        let arms = vec![self.arm_of(pattern, then), self.fallback_arm(leave)];
        let source = MatchSource::WhileLet;
        let choice = self.expr_node(start, ExprKind::Match { scrutinee: Box::new(scrutinee), arms, source });
        let body = Block { id: self.id(), span: choice.span, stmts: Vec::new(), value: Some(Box::new(choice)) };
        Ok(self.expr_node(lo, ExprKind::Loop { body, attrs }))
    }

    /// `for` or `par for`.
    #[inline(never)]
    pub(super) fn for_loop(&mut self, attrs: Vec<Attr>) -> Parsed<Expr> {
        let lo = self.lo();
        let par = (!self.at(TokenKind::For)).then(|| self.here());
        if par.is_some() {
            self.bump();
        }
        self.expect(TokenKind::For)?;
        if self.at_c_style_for() {
            return self.c_style_for(lo);
        }
        if self.at(TokenKind::LParen) && self.next_is(TokenKind::Ident) && self.ahead(2).kind == TokenKind::In {
            let at = self.here();
            return self.fail(syntax::for_parentheses(at));
        }
        let pattern = self.single_pattern()?;
        self.expect(TokenKind::In)?;
        let iter = self.head()?;
        let reductions = self.reductions(par.is_some());
        let body = self.body("the `for`")?;
        let inside = ForLoop { par, pattern, iter, reductions, body, attrs };
        Ok(self.expr_node(lo, ExprKind::For(Box::new(inside))))
    }

    /// `for (int i = 0; i < n; i++) { … }`: the body is read all the same.
    #[inline(never)]
    fn c_style_for(&mut self, lo: u32) -> Parsed<Expr> {
        let at = self.here();
        self.report(syntax::c_style_for(at));
        self.bump();
        self.skip_until(|_| false);
        self.bump();
        self.body("the `for`")?;
        Ok(self.expr_node(lo, ExprKind::Error))
    }

    /// `reduce(+: s, max: m)`, or nothing.
    #[inline(never)]
    fn reductions(&mut self, parallel: bool) -> Vec<Reduction> {
        if !self.at_word("reduce") || !self.next_is(TokenKind::LParen) {
            return Vec::new();
        }
        if !parallel {
            let at = self.here();
            self.report(syntax::reduce_clause(at, "only a `par for` has `reduce`"));
        }
        self.bump();
        self.list("reductions", Self::reduction)
    }

    fn reduction(&mut self) -> Parsed<Reduction> {
        let op_span = self.here();
        let op = match self.text_of(self.token()) {
            "+" => ReductionOp::Add,
            "*" => ReductionOp::Mul,
            "max" => ReductionOp::Max,
            "min" => ReductionOp::Min,
            _ => return self.fail(syntax::reduce_clause(op_span, "a reduction is by `+`, `*`, `max` or `min`")),
        };
        self.bump();
        self.expect(TokenKind::Colon)?;
        let variable = self.name("the variable that is reduced")?;
        Ok(Reduction { op, op_span, variable, id: self.id() })
    }
}
