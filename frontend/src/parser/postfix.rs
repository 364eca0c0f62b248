//! What follows an operand: calls, methods, fields, indices, `?`.

use super::{Parsed, Parser};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::TokenKind;

impl Parser<'_> {
    pub(super) fn postfix(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        let base = self.primary()?;
        self.postfix_after(lo, base)
    }

    /// Everything that follows `base`.
    pub(super) fn postfix_after(&mut self, lo: u32, mut base: Expr) -> Parsed<Expr> {
        loop {
            base = match self.kind() {
                TokenKind::LParen => {
                    let args = self.args();
                    self.expr_node(lo, ExprKind::Call { callee: Box::new(base), args })
                }
                TokenKind::LBracket => self.index(lo, base),
                TokenKind::Dot => self.member(lo, base)?,
                TokenKind::Question => {
                    self.bump();
                    if self.at_ternary() {
                        return self.ternary();
                    }
                    self.expr_node(lo, ExprKind::Try(Box::new(base)))
                }
                _ => return Ok(base),
            };
        }
    }

    /// `.name`, `.name(…)`, `.name<n>(…)`, `.0`
    fn member(&mut self, lo: u32, base: Expr) -> Parsed<Expr> {
        self.bump();
        let base = Box::new(base);
        if self.at(TokenKind::Int) {
            let token = self.bump();
            let index = self.text_of(token).parse().unwrap_or(u32::MAX);
            return Ok(self.expr_node(lo, ExprKind::TupleField { base, index, index_span: self.span_of(token) }));
        }
        let name = self.name("a field or a method")?;
        self.turbofish();
        let generics = if self.opens_method_generics(name.as_str()) { Some(self.generic_args()?) } else { None };
        if generics.is_some() || self.at(TokenKind::LParen) {
            let args = self.args();
            return Ok(self.expr_node(lo, ExprKind::MethodCall { receiver: base, method: name, generics, args }));
        }
        Ok(self.expr_node(lo, ExprKind::Field { base, name }))
    }

    /// `::` before `<`, as in Rust: reported and left out.
    pub(super) fn turbofish(&mut self) {
        if self.at(TokenKind::ColonColon) && self.next_is(TokenKind::Lt) {
            let at = self.here();
            self.report(syntax::turbofish(at));
            self.bump();
        }
    }

    /// `(x, &y, tol: 1e-9)`
    pub(super) fn args(&mut self) -> Vec<Arg> {
        let mut named = None;
        self.list("arguments", |p| {
            let reported = p.diagnostics.len();
            let arg = p.arg()?;
            match (&arg.name, named) {
                (Some(_), _) if p.diagnostics.len() > reported => {}
                (Some(_), _) => named = Some(arg.span),
                (None, Some(named)) => p.report_at(syntax::positional_after_named(arg.span, named)),
                (None, None) => {}
            }
            Ok(arg)
        })
    }

    fn arg(&mut self) -> Parsed<Arg> {
        let lo = self.lo();
        let name = self.arg_name();
        let amp = self.here();
        let inout = self.eat(TokenKind::Amp).then_some(amp);
        if inout.is_some() && self.at_word("mut") && self.next_is(TokenKind::Ident) {
            let at = self.here();
            self.report(syntax::reference(at, "&mut x", "write `&x` for the argument of an `inout` parameter"));
            self.eat_word_mut();
        }
        let value = self.expr()?;
        if self.at(TokenKind::For) {
            return self.expected("`,` or `)` (a comprehension stands in brackets, `[… for i in 0..n]`)");
        }
        Ok(Arg { name, inout, value, span: self.since(lo) })
    }

    /// `name:`; also `name =`, reported.
    fn arg_name(&mut self) -> Option<Name> {
        if !self.at(TokenKind::Ident) {
            return None;
        }
        match self.ahead(1).kind {
            TokenKind::Colon => {}
            TokenKind::Eq => {
                let at = self.span_of(self.ahead(1));
                self.report(syntax::equals_for_colon(at));
            }
            _ => return None,
        }
        let token = self.bump();
        self.bump();
        Some(self.name_of(token))
    }

    /// `[i, :, a..b]`
    fn index(&mut self, lo: u32, base: Expr) -> Expr {
        let empty = self.next_is(TokenKind::RBracket);
        if empty {
            self.bump();
            let _: Parsed<()> = self.expected("an index");
            self.bump();
            return self.expr_node(lo, ExprKind::Error);
        }
        let args = self.list("indices", Self::index_arg);
        if args.is_empty() {
            return self.expr_node(lo, ExprKind::Error);
        }
        self.expr_node(lo, ExprKind::Index { base: Box::new(base), args })
    }

    fn index_arg(&mut self) -> Parsed<IndexArg> {
        let lo = self.lo();
        let at = self.here();
        if self.eat(TokenKind::Colon) {
            return match self.kind() {
                TokenKind::Comma | TokenKind::RBracket => Ok(IndexArg::All(at)),
                _ => self.fail(syntax::colon_slice(at)),
            };
        }
        if self.at(TokenKind::ColonColon) {
            return self.fail(syntax::colon_slice(at));
        }
        let start = if self.at(TokenKind::DotDot) { None } else { Some(self.expr_without_range()?) };
        let at = self.here();
        match self.kind() {
            TokenKind::Colon | TokenKind::ColonColon => return self.fail(syntax::colon_slice(at)),
            TokenKind::DotDot => self.bump_many(1),
            TokenKind::DotDotEq => return self.fail(syntax::inclusive_range(at)),
            _ => return start.map_or_else(|| self.expected("an index"), |e| Ok(IndexArg::At(e))),
        }
        let open = matches!(self.kind(), TokenKind::Comma | TokenKind::RBracket);
        let end = if open { None } else { Some(self.expr_without_range()?) };
        Ok(IndexArg::Range { start, end, span: self.since(lo) })
    }
}
