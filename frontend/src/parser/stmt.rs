//! Blocks and statements, and how to go on after a mistake in one.

use super::{Parsed, Parser, Reported};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::{Token, TokenKind};

/// What a statement turned out to be.
enum Statement {
    Stmt(Stmt),
    /// The last expression, without `;`.
    Value(Expr),
    /// A `;` alone.
    Nothing,
}

impl Parser<'_> {
    /// `{ … }`
    pub(super) fn block(&mut self) -> Parsed<Block> {
        let lo = self.lo();
        self.expect(TokenKind::LBrace)?;
        let (stmts, value) = self.with_head(false, Self::statements);
        self.eat(TokenKind::RBrace);
        Ok(Block { id: self.id(), span: self.since(lo), stmts, value: value.map(Box::new) })
    }

    pub(super) fn block_expr(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        let (block, _) = self.measured(Self::block)?;
        Ok(self.expr_node(lo, ExprKind::Block(block)))
    }

    fn statements(&mut self) -> (Vec<Stmt>, Option<Expr>) {
        let (mut stmts, mut value) = (Vec::new(), None);
        while !self.kind().is_closer() && !self.at(TokenKind::Eof) {
            let start = self.pos;
            match self.statement() {
                Ok(Statement::Stmt(stmt)) => stmts.push(stmt),
                Ok(Statement::Value(expr)) => value = Some(expr),
                Ok(Statement::Nothing) => {}
                Err(Reported) => {
                    self.skip_statement(start);
                    // The block has a value of which nothing is known, rather than none.
                    value = self.kind().is_closer().then(|| self.expr_node(self.lo(), ExprKind::Error));
                }
            }
        }
        (stmts, value)
    }

    /// Goes to where the next statement probably begins.
    #[inline(never)]
    fn skip_statement(&mut self, start: usize) {
        if self.pos == start {
            self.skip_one();
        }
        let from = self.pos;
        self.skip_until(|p| p.at(TokenKind::Semi) || p.begins_next_statement(from));
        self.eat(TokenKind::Semi);
    }

    /// Skips a token, or a bracket as a whole.
    fn skip_one(&mut self) {
        let bracket = self.bump().kind.closer().is_some();
        if bracket {
            self.skip_until(|_| false);
            self.bump();
        }
    }

    /// Whether a line begins here with a keyword of a statement, or behind the end of a block.
    fn begins_next_statement(&self, from: usize) -> bool {
        use TokenKind::*;
        let after_block = self.pos > from && self.previous().is_some_and(|t| t.kind == RBrace) && !self.at(Else);
        let keyword = matches!(self.kind(), Let | Var | For | While | Loop | If | Match | Return | Break | Continue);
        self.token().first && (after_block || keyword || self.begins_item(self.token(), self.ahead(1)))
    }

    /// Whether `token`, followed by `next`, begins an item inside of a block.
    fn begins_item(&self, token: Token, next: Token) -> bool {
        use TokenKind::*;
        match token.kind {
            Struct | Enum | Const | Type | Trait | Use | Impl | Extern | Pub => true,
            Fn => next.kind == Ident,
            Ident if self.text_of(token) == "export" => matches!(next.kind, Ident | Fn) && !next.first,
            Ident => matches!(self.text_of(token), "model" | "derivative") && next.kind == Ident && !next.first,
            _ => false,
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        let lo = self.lo();
        match self.kind() {
            TokenKind::Semi => {
                self.bump();
                return Ok(Statement::Nothing);
            }
            TokenKind::Let | TokenKind::Var => return self.declaration(lo),
            TokenKind::At => return self.attributed_statement(lo),
            _ if self.begins_item(self.token(), self.ahead(1)) => {
                let item = self.nested(Self::item)?;
                return Ok(self.stmt(lo, StmtKind::Item(Box::new(item))));
            }
            _ => {}
        }
        if let Some(name) = self.foreign_declaration() {
            return self.foreign_declaration_statement(lo, name);
        }
        self.expr_statement(lo)
    }

    fn stmt(&mut self, lo: u32, kind: StmtKind) -> Statement {
        Statement::Stmt(Stmt { id: self.id(), span: self.since(lo), kind })
    }

    fn expr_statement(&mut self, lo: u32) -> Parsed<Statement> {
        let (expr, complete) = self.statement_expr()?;
        if self.eat(TokenKind::Semi) {
            return Ok(self.stmt(lo, StmtKind::Expr(expr)));
        }
        if self.kind().is_closer() {
            return Ok(Statement::Value(expr));
        }
        if !complete {
            self.missing_semicolon("this statement")?;
        }
        Ok(self.stmt(lo, StmtKind::Expr(expr)))
    }

    /// An expression or assignment that begins a statement or is that of an arm, and whether it ends with a block,
    /// so that neither `;` nor `,` need follow.
    pub(super) fn statement_expr(&mut self) -> Parsed<(Expr, bool)> {
        use TokenKind::*;
        let lo = self.lo();
        let block =
            matches!(self.kind(), LBrace | If | Match | For | While | Loop) || self.at_word("par") && self.next_is(For);
        if !block {
            return Ok((self.expr_or_assignment()?, false));
        }
        let (expr, height) = self.nested(|p| p.measured(Self::primary))?;
        if !matches!(self.kind(), Dot | Question) {
            return Ok((expr, true));
        }
        Ok((self.continue_block_expr(lo, expr, height)?, false))
    }

    /// What follows a block-like expression at the beginning of a statement: `match x { … }.f() + 1`.
    #[inline(never)]
    fn continue_block_expr(&mut self, lo: u32, expr: Expr, height: u32) -> Parsed<Expr> {
        let (whole, height) = self.measured(|p| {
            let operand = p.measured(|p| {
                p.height = height;
                let base = p.postfix_after(lo, expr)?;
                p.casts_after(lo, base)
            })?;
            let left = p.binary_after(1, operand)?;
            p.range_end(lo, left)
        })?;
        let (assigned, _) = self.measured(|p| {
            p.height = height;
            p.assignment(lo, whole)
        })?;
        Ok(assigned)
    }

    /// Says that a `;` is missing, if that is what is wrong: if a line ends here.
    #[inline(never)]
    pub(super) fn missing_semicolon(&mut self, after: &str) -> Parsed<()> {
        let behind = self.behind();
        let ends = self.token().first || self.kind().is_closer() || self.at(TokenKind::Eof);
        if ends || matches!(self.kind(), TokenKind::Let | TokenKind::Var | TokenKind::Return) {
            let first = self.comments.partition_point(|c| c.lo < behind.lo);
            let comment = self.comments.get(first).filter(|c| c.hi <= self.lo());
            let divides = comment.is_some_and(|c| self.text[c.lo as usize..c.hi as usize].contains(';'));
            let diagnostic = syntax::missing_semicolon(behind, after);
            self.report(match divides {
                true => {
                    diagnostic.note("`//` begins a comment; the quotient of integers is `a / b`, rounded toward zero")
                }
                false => diagnostic,
            });
            return Ok(());
        }
        match self.kind() {
            TokenKind::Else => {
                let at = self.here();
                self.fail(syntax::stray_else(at))
            }
            TokenKind::Eq => {
                let at = self.here();
                self.fail(syntax::assignment_as_value(at))
            }
            _ => self.foreign_statement(after),
        }
    }

    /// `let` or `var`
    #[inline(never)]
    fn declaration(&mut self, lo: u32) -> Parsed<Statement> {
        let let_span = self.here();
        let mut mutable = self.bump().kind == TokenKind::Var;
        if self.at_word("mut") && matches!(self.ahead(1).kind, TokenKind::Ident | TokenKind::LParen) {
            let at = let_span.to(self.here());
            self.report(syntax::let_mut(at));
            self.bump();
            mutable = true;
        }
        self.declaration_after(lo, mutable)
    }

    /// What follows `let` or `var`. The names are declared even if the rest fails, so that nobody misses them later.
    fn declaration_after(&mut self, lo: u32, mutable: bool) -> Parsed<Statement> {
        let start = self.pos;
        let pattern = self.pattern()?;
        let (ty, init) = match self.declared_value() {
            Ok(parts) => parts,
            Err(Reported) => {
                let error = self.expr_node(self.lo(), ExprKind::Error);
                self.skip_statement(start);
                (None, Some(error))
            }
        };
        Ok(self.stmt(lo, StmtKind::Let { mutable, pattern, ty, init }))
    }

    /// `: T = value;`
    fn declared_value(&mut self) -> Parsed<(Option<TypeExpr>, Option<Expr>)> {
        if self.at(TokenKind::Colon) && self.next_is(TokenKind::Eq) && self.adjacent(0) {
            // Unless it was reported with the name before it that has no `let`.
            if self.last_error.is_none_or(|last| last + 1 != self.pos) {
                let diagnostic = syntax::expected(self.here(), "`=`", "`:=`");
                self.report(diagnostic);
            }
            self.bump();
        }
        let ty = if self.eat(TokenKind::Colon) { Some(self.ty()?) } else { None };
        let init = if self.eat(TokenKind::Eq) { Some(self.expr()?) } else { None };
        if init.is_none() && !self.at(TokenKind::Semi) {
            return self.expected("`=` and a value");
        }
        if !self.eat(TokenKind::Semi) {
            self.missing_semicolon("this statement")?;
        }
        Ok((ty, init))
    }

    /// `int x = 5;`, `x := 5;`, `x: f64 = 5.0;`: reported, and read as a `var`.
    #[inline(never)]
    fn foreign_declaration_statement(&mut self, lo: u32, name: usize) -> Parsed<Statement> {
        let name_token = self.ahead(name);
        if name == 1
            && let Some(right) = super::slips::misspelt(self.text_of(self.token()))
        {
            let diagnostic = syntax::misspelt_keyword(self.here(), self.text_of(self.token()), right);
            if !matches!(right, "let" | "var") {
                return self.fail(diagnostic);
            }
            self.report(diagnostic);
            self.bump();
            return self.declaration_after(lo, right == "var");
        }
        let at = self.here().to(self.span_of(name_token));
        self.report(syntax::foreign_declaration(at, self.text_of(name_token)));
        self.bump_many(name);
        self.declaration_after(lo, true)
    }

    /// `@checkpoint` before a loop, or any attribute before a function.
    #[inline(never)]
    fn attributed_statement(&mut self, lo: u32) -> Parsed<Statement> {
        let attrs = self.attrs()?;
        if matches!(self.kind(), TokenKind::For | TokenKind::While | TokenKind::Loop) || self.at_word("par") {
            let (expr, _) = self.nested(|p| p.measured(|p| p.loop_expr(attrs)))?;
            return Ok(match !self.eat(TokenKind::Semi) && self.kind().is_closer() {
                true => Statement::Value(expr),
                false => self.stmt(lo, StmtKind::Expr(expr)),
            });
        }
        let item = self.nested(|p| p.item_with(lo, None, attrs))?;
        Ok(self.stmt(lo, StmtKind::Item(Box::new(item))))
    }
}
