//! Operands: literals, names, struct literals, tuples, arrays, comprehensions, closures.

use super::{Parsed, Parser};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::{TokenKind, number};

impl Parser<'_> {
    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        match self.kind() {
            TokenKind::Int | TokenKind::Float | TokenKind::True | TokenKind::False => {
                // Of a number that the lexer has reported nothing more is said.
                if self.token().repaired {
                    self.bump();
                    return Ok(self.expr_node(lo, ExprKind::Error));
                }
                let literal = self.literal();
                Ok(self.expr_node(lo, ExprKind::Literal(literal)))
            }
            TokenKind::StrOpen => self.string(),
            TokenKind::Ident if self.at_word("par") && self.next_is(TokenKind::For) => self.for_loop(Vec::new()),
            TokenKind::Ident => self.path_expr(),
            TokenKind::LParen => self.parens(),
            TokenKind::LBracket => self.array(),
            TokenKind::Pipe | TokenKind::PipePipe => self.closure(),
            TokenKind::LBrace if !self.in_head => self.block_expr(),
            TokenKind::Fn => self.anonymous_fn(),
            _ => self.control(),
        }
    }

    /// The number or truth value here. One that is out of range was reported by the lexer.
    pub(super) fn literal(&mut self) -> Literal {
        let token = self.bump();
        match token.kind {
            TokenKind::True => Literal::Bool(true),
            TokenKind::False => Literal::Bool(false),
            kind => {
                let float = kind == TokenKind::Float;
                let instead = if float { Literal::Float { f64: 0.0, f32: 0.0 } } else { Literal::Int(0) };
                number::value(self.text_of(token), float).unwrap_or(instead)
            }
        }
    }

    /// A path, and what it can begin: a struct literal, a macro of Rust.
    fn path_expr(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        let path = self.expr_path()?;
        if self.at_macro() {
            let name = path.last().name.text.clone();
            return Ok(self.macro_call(lo, &name));
        }
        if self.at(TokenKind::LBrace) && self.begins_struct(&path) {
            return self.struct_literal(lo, path);
        }
        Ok(self.expr_node(lo, ExprKind::Path(path)))
    }

    /// `a::b<T>::c`, where `<` may also compare.
    fn expr_path(&mut self) -> Parsed<Path> {
        let lo = self.lo();
        let mut segments: Vec<PathSegment> = Vec::new();
        loop {
            let name = self.name("a name")?;
            self.turbofish();
            let opens = self.opens_generics(name.as_str(), !segments.is_empty());
            let args = if opens { Some(self.generic_args()?) } else { None };
            segments.push(PathSegment { name, args });
            if !self.eat(TokenKind::ColonColon) {
                return Ok(Path { segments, span: self.since(lo) });
            }
        }
    }

    /// Whether the `{` here, after `path`, opens a struct literal.
    fn begins_struct(&self, path: &Path) -> bool {
        let capital = path.segments.iter().any(|s| s.name.is_capitalised());
        let field = self.next_is(TokenKind::Ident) && self.ahead(2).kind == TokenKind::Colon;
        // No block begins with `name:`, so even in a head that is a struct literal, if one without its parentheses.
        if self.in_head { capital && field } else { capital || field }
    }

    fn struct_literal(&mut self, lo: u32, path: Path) -> Parsed<Expr> {
        if self.in_head {
            let at = self.here();
            self.report(syntax::struct_in_head(at));
        }
        let fields = self.list("fields", Self::field_init);
        Ok(self.expr_node(lo, ExprKind::Struct { path, fields }))
    }

    fn field_init(&mut self) -> Parsed<FieldInit> {
        let lo = self.lo();
        if self.at(TokenKind::DotDot) {
            let at = self.here();
            let help = "copy the other value into a `var`, and assign to its fields";
            return self.fail(syntax::field(at, "a struct literal sets every field by name", help));
        }
        let name = self.name("a field")?;
        if self.at(TokenKind::Eq) {
            let at = self.here();
            self.report(syntax::equals_for_colon(at));
        }
        let value = match self.eat(TokenKind::Colon) || self.eat(TokenKind::Eq) {
            true => self.expr()?,
            false => {
                let path = Path { segments: vec![PathSegment { name: name.clone(), args: None }], span: name.span };
                self.expr_node(lo, ExprKind::Path(path))
            }
        };
        Ok(FieldInit { name, value, span: self.since(lo) })
    }

    /// `()`, `(a)`, `(a,)`, `(a, b)`
    fn parens(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        let errors = self.diagnostics.len();
        let mut parts = self.list("values", Self::expr);
        let comma = self.pos >= 2 && self.tokens[self.pos - 2].kind == TokenKind::Comma;
        if parts.len() == 1 && !comma {
            let mut only = parts.remove(0);
            only.span = self.since(lo);
            return Ok(only);
        }
        let failed = parts.is_empty() && self.pos >= 2 && self.tokens[self.pos - 2].kind != TokenKind::LParen;
        let kind = if failed || self.diagnostics.len() > errors { ExprKind::Error } else { ExprKind::Tuple(parts) };
        Ok(self.expr_node(lo, kind))
    }

    /// `[…]`: a list, a fill or a comprehension.
    fn array(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        let (open, reported) = (self.bump(), self.diagnostics.len());
        let kind = self.with_head(false, Self::array_inside);
        self.forgive(open, reported);
        self.skip_until(|_| false);
        self.eat(TokenKind::RBracket);
        Ok(self.expr_node(lo, kind.unwrap_or(ExprKind::Error)))
    }

    fn array_inside(&mut self) -> Parsed<ExprKind> {
        if self.at(TokenKind::RBracket) {
            return Ok(ExprKind::Array(Vec::new()));
        }
        let first = self.expr()?;
        match self.kind() {
            TokenKind::For => {
                self.bump();
                let clauses = self.list_until(TokenKind::RBracket, "clauses", Self::clause);
                Ok(ExprKind::Comprehension { body: Box::new(first), clauses })
            }
            TokenKind::Semi => {
                self.bump();
                let sizes = self.list_until(TokenKind::RBracket, "sizes", Self::expr);
                if sizes.is_empty() {
                    return self.expected("a size");
                }
                Ok(ExprKind::Fill { value: Box::new(first), sizes })
            }
            TokenKind::Comma | TokenKind::RBracket => {
                self.eat(TokenKind::Comma);
                let rest = self.list_until(TokenKind::RBracket, "elements", Self::expr);
                Ok(ExprKind::Array(std::iter::once(first).chain(rest).collect()))
            }
            _ => self.expected("`,`, `;`, `for` or `]` after an element"),
        }
    }

    /// `i in 0..n`; a second `for` instead of the comma is reported.
    fn clause(&mut self) -> Parsed<Clause> {
        let lo = self.lo();
        let pattern = self.single_pattern()?;
        self.expect(TokenKind::In)?;
        let iter = self.expr()?;
        match self.kind() {
            TokenKind::For => self.expected("`,` before the next clause: `[… for i in a, j in b]`"),
            TokenKind::If => {
                self.expected("`]`: a comprehension has no `if`; push what is wanted to a `List` in a loop")
            }
            _ => Ok(Clause { pattern, iter, span: self.since(lo) }),
        }
    }

    /// `|x, y: f64| -> f64 { … }`
    fn closure(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        let params = match self.bump().kind {
            TokenKind::Pipe => self.closure_params()?,
            _ => Vec::new(),
        };
        let result = if self.eat(TokenKind::Arrow) { Some(self.ty()?) } else { None };
        if result.is_some() && !self.at(TokenKind::LBrace) {
            return self.expected("`{`: a closure with a result type has a block");
        }
        if self.at(TokenKind::FatArrow) {
            return self.expected("the body of the closure, without `=>`");
        }
        let body = match self.at(TokenKind::LBrace) {
            true => self.nested(|p| p.with_head(false, Self::block_expr))?,
            false => self.expr_or_assignment()?,
        };
        Ok(self.expr_node(lo, ExprKind::Closure { params, result, body: Box::new(body) }))
    }

    fn closure_params(&mut self) -> Parsed<Vec<ClosureParam>> {
        let mut params = Vec::new();
        while !self.at(TokenKind::Pipe) {
            params.push(self.closure_param()?);
            if !self.eat(TokenKind::Comma) && !self.at(TokenKind::Pipe) {
                return self.expected("`,` or `|` after a parameter");
            }
        }
        self.bump();
        Ok(params)
    }

    fn closure_param(&mut self) -> Parsed<ClosureParam> {
        let lo = self.lo();
        let pattern = self.single_pattern()?;
        let typed = self.eat(TokenKind::Colon);
        let inout = typed && self.eat(TokenKind::Inout);
        let ty = if typed { Some(self.ty()?) } else { None };
        Ok(ClosureParam { pattern, inout, ty, span: self.since(lo) })
    }

    /// `fn(x) { … }` as a value.
    fn anonymous_fn(&mut self) -> Parsed<Expr> {
        let at = self.here();
        self.fail(syntax::foreign_keyword(at, "fn` as an expression` or `lambda", "write a closure, `|x| x + 1.0`"))
    }
}
