//! String literals: their texts, the expressions in them, and how those are formatted.

use super::{Parsed, Parser};
use crate::ast::*;
use crate::errors::{lex, syntax};
use crate::lexer::{TokenKind, text};

/// More than this is no width or precision of text; 65535 is Rust's limit too.
const MAX_WIDTH: u32 = 65535;

impl Parser<'_> {
    /// A string literal.
    pub(super) fn string(&mut self) -> Parsed<Expr> {
        let lo = self.lo();
        self.bump();
        let mut parts = Vec::new();
        loop {
            match self.kind() {
                TokenKind::StrText => {
                    let token = self.bump();
                    parts.push(StrPart::Text(Symbol::new(&text::resolve(self.text_of(token)).0)));
                }
                TokenKind::InterpOpen => parts.push(self.interpolation()),
                TokenKind::StrClose => break,
                // Only where brackets in the string were repaired.
                _ => break,
            }
        }
        self.eat(TokenKind::StrClose);
        Ok(self.expr_node(lo, ExprKind::Str(parts)))
    }

    /// `{expr}` or `{expr:format}`; in it a mistake costs no more than the rest of it.
    fn interpolation(&mut self) -> StrPart {
        let abandoned = self.bump().repaired;
        let reported = self.diagnostics.len();
        let lo = self.lo();
        let parsed = self.with_head(false, |p| {
            let value = p.expr()?;
            let format = if p.at(TokenKind::StrFormat) { p.format() } else { None };
            if !p.at(TokenKind::InterpClose) {
                let help = match p.kind() {
                    TokenKind::Eq => "to show the name as well, write it into the text: `x = {x}`",
                    TokenKind::Comma => "one expression stands between the braces: `{x}, {y}`",
                    _ => "a brace in the text itself is written `{{`",
                };
                let what = "`}` or `:` and a format after the expression";
                return p.fail(syntax::expected(p.blame(), what, &p.found()).help(help));
            }
            Ok((value, format))
        });
        self.skip_until(|_| false);
        if abandoned {
            self.diagnostics.truncate(reported);
        }
        let (value, format) = parsed.unwrap_or_else(|_| (self.expr_node(lo, ExprKind::Error), None));
        self.eat(TokenKind::InterpClose);
        StrPart::Expr { value: Box::new(value), format }
    }

    fn format(&mut self) -> Option<FormatSpec> {
        let at = self.here();
        let text = self.text_of(self.token());
        match format_spec(text, at) {
            Ok(spec) => {
                self.bump();
                Some(spec)
            }
            Err(reason) => {
                self.report(lex::bad_format(at, &reason));
                self.bump();
                None
            }
        }
    }

    /// The text of a string that stands where no expression can be in it.
    pub(super) fn plain_string(&mut self) -> Parsed<Literal> {
        let at = self.here();
        let expr = self.string()?;
        match expr.kind {
            ExprKind::Str(parts) => match parts.as_slice() {
                [] => Ok(Literal::Str(Symbol::new(""))),
                [StrPart::Text(text)] => Ok(Literal::Str(text.clone())),
                _ => {
                    let help = "compare with `==` in a guard instead";
                    self.fail(syntax::pattern(at, "a string in a pattern has no expressions in it", help))
                }
            },
            _ => self.expected("a string"),
        }
    }
}

/// Reads `[[fill]<^>][+][0][width][.precision][e]`.
fn format_spec(text: &str, span: crate::source::Span) -> Result<FormatSpec, String> {
    let mut rest = text;
    let mut spec = FormatSpec {
        fill: ' ',
        align: None,
        plus: false,
        zero: false,
        width: None,
        precision: None,
        exponent: false,
        span,
    };
    (spec.fill, spec.align, rest) = fill_and_align(rest);
    spec.plus = eat(&mut rest, '+');
    spec.zero = eat(&mut rest, '0');
    spec.width = number(&mut rest)?;
    if eat(&mut rest, '.') {
        spec.precision = number(&mut rest)?;
        if spec.precision.is_none() {
            return Err("a number is missing after `.`".into());
        }
    }
    spec.exponent = eat(&mut rest, 'e');
    match rest.chars().next() {
        None if text.is_empty() => Err("nothing follows the `:`".into()),
        None => Ok(spec),
        Some(c) => Err(format!("`{c}` has no meaning in it")),
    }
}

fn fill_and_align(text: &str) -> (char, Option<Align>, &str) {
    let align = |c| match c {
        '<' => Some(Align::Left),
        '^' => Some(Align::Center),
        '>' => Some(Align::Right),
        _ => None,
    };
    let mut chars = text.chars();
    let first = chars.next();
    let after_first = chars.as_str();
    if let (Some(fill), Some(found)) = (first, chars.next().and_then(align)) {
        return (fill, Some(found), chars.as_str());
    }
    match first.and_then(align) {
        Some(found) => (' ', Some(found), after_first),
        None => (' ', None, text),
    }
}

fn eat(rest: &mut &str, c: char) -> bool {
    let stripped = rest.strip_prefix(c);
    *rest = stripped.unwrap_or(rest);
    stripped.is_some()
}

fn number(rest: &mut &str) -> Result<Option<u32>, String> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (number, after) = rest.split_at(digits);
    *rest = after;
    match number.parse() {
        _ if number.is_empty() => Ok(None),
        Ok(n) if n <= MAX_WIDTH => Ok(Some(n)),
        _ => Err(format!("{number} is more than {MAX_WIDTH}")),
    }
}
