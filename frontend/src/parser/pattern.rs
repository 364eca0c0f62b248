//! Patterns.

use super::{Parsed, Parser};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::TokenKind;

impl Parser<'_> {
    fn pattern_node(&mut self, lo: u32, kind: PatternKind) -> Pattern {
        Pattern { id: self.id(), span: self.since(lo), kind }
    }

    /// A pattern, with alternatives `a | b`.
    pub(super) fn pattern(&mut self) -> Parsed<Pattern> {
        let lo = self.lo();
        self.eat(TokenKind::Pipe);
        let first = self.single_pattern()?;
        if !self.at(TokenKind::Pipe) && !self.at(TokenKind::PipePipe) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.at(TokenKind::Pipe) || self.at(TokenKind::PipePipe) {
            if self.at(TokenKind::PipePipe) {
                let at = self.here();
                self.report(syntax::pattern(at, "alternatives are separated by `|`", "write `|`"));
            }
            self.bump();
            parts.push(self.single_pattern()?);
        }
        Ok(self.pattern_node(lo, PatternKind::Or(parts)))
    }

    /// A pattern without alternatives outside of parentheses.
    pub(super) fn single_pattern(&mut self) -> Parsed<Pattern> {
        self.nested(|p| {
            let lo = p.lo();
            let kind = match p.kind() {
                TokenKind::Int | TokenKind::Float | TokenKind::True | TokenKind::False => p.literal_pattern(false)?,
                TokenKind::Minus => {
                    p.bump();
                    p.literal_pattern(true)?
                }
                TokenKind::StrOpen => PatternKind::Literal { negative: false, literal: p.plain_string()? },
                TokenKind::LParen => return p.tuple_pattern(),
                TokenKind::Ident => p.name_pattern()?,
                TokenKind::In | TokenKind::If => return p.expected("a pattern"),
                kind if kind.is_keyword() && !p.token().first => PatternKind::Binding(p.name("a pattern")?),
                _ => return p.foreign_pattern(),
            };
            p.foreign_pattern_suffix()?;
            Ok(p.pattern_node(lo, kind))
        })
    }

    fn literal_pattern(&mut self, negative: bool) -> Parsed<PatternKind> {
        match self.kind() {
            TokenKind::Int | TokenKind::Float => {}
            TokenKind::True | TokenKind::False if !negative => {}
            _ => return self.expected("a number"),
        }
        Ok(PatternKind::Literal { negative, literal: self.literal() })
    }

    fn tuple_pattern(&mut self) -> Parsed<Pattern> {
        let lo = self.lo();
        let mut parts = self.list("patterns", Self::pattern);
        let comma = self.pos >= 2 && self.tokens[self.pos - 2].kind == TokenKind::Comma;
        match parts.pop() {
            Some(only) if parts.is_empty() && !comma => Ok(only),
            last => {
                parts.extend(last);
                Ok(self.pattern_node(lo, PatternKind::Tuple(parts)))
            }
        }
    }

    fn name_pattern(&mut self) -> Parsed<PatternKind> {
        if self.at_any_word(&["mut", "ref"]) && self.next_is(TokenKind::Ident) {
            let at = self.here();
            self.report(syntax::stray_mut(at, self.text_of(self.token())));
            self.bump();
        }
        let path = self.pattern_path()?;
        match self.kind() {
            TokenKind::LParen => Ok(PatternKind::TupleCase { path, args: self.list("patterns", Self::pattern) }),
            TokenKind::LBrace if path.last().name.is_capitalised() => Ok(self.struct_pattern(path)),
            _ => Ok(match path.as_name() {
                Some(name) if name.as_str() == "_" => PatternKind::Wildcard,
                Some(name) if !name.is_capitalised() => PatternKind::Binding(name.clone()),
                _ => PatternKind::Case(path),
            }),
        }
    }

    /// A path in a pattern. Type arguments say nothing there, and are read all the same.
    fn pattern_path(&mut self) -> Parsed<Path> {
        let lo = self.lo();
        let mut segments = Vec::new();
        loop {
            let name = self.name("a pattern")?;
            let args = if self.at(TokenKind::Lt) { Some(self.generic_args()?) } else { None };
            segments.push(PathSegment { name, args });
            if !self.eat(TokenKind::ColonColon) {
                return Ok(Path { segments, span: self.since(lo) });
            }
        }
    }

    fn struct_pattern(&mut self, path: Path) -> PatternKind {
        let mut rest = false;
        let fields = self.list("fields", |p| {
            if p.eat(TokenKind::DotDot) {
                rest = true;
                return Ok(None);
            }
            p.field_pattern().map(Some)
        });
        PatternKind::StructCase { path, fields: fields.into_iter().flatten().collect(), rest }
    }

    fn field_pattern(&mut self) -> Parsed<FieldPattern> {
        let lo = self.lo();
        let name = self.name("a field")?;
        let pattern = match self.eat(TokenKind::Colon) {
            true => self.pattern()?,
            false if name.as_str() == "_" => self.pattern_node(lo, PatternKind::Wildcard),
            false => self.pattern_node(lo, PatternKind::Binding(name.clone())),
        };
        Ok(FieldPattern { name, pattern, span: self.since(lo) })
    }

    /// What is a pattern elsewhere and not here.
    fn foreign_pattern<T>(&mut self) -> Parsed<T> {
        let at = self.here();
        match self.kind() {
            TokenKind::DotDot => {
                let help = "write a `_` for each value; between braces `..` stands for the other fields";
                self.fail(syntax::pattern(at, "`..` stands only between braces", help))
            }
            TokenKind::Amp | TokenKind::Star => {
                let what = self.text_of(self.token());
                self.fail(syntax::reference(at, what, "write the pattern without it"))
            }
            TokenKind::LBracket => {
                let at = self.here();
                let help = "match on the length, `match x.len() { 0 => …, _ => … }`, and take elements by index";
                self.fail(syntax::pattern(at, "there are no patterns of arrays and lists", help))
            }
            _ => self.expected("a pattern"),
        }
    }

    /// `1..5`, `x @ 1`
    fn foreign_pattern_suffix(&mut self) -> Parsed<()> {
        let at = self.here();
        match self.kind() {
            TokenKind::DotDot | TokenKind::DotDotEq => {
                self.fail(syntax::pattern(at, "there are no patterns of ranges", "write `x if a <= x && x < b => …`"))
            }
            TokenKind::At => {
                self.fail(syntax::pattern(at, "there is no `@` in patterns", "bind the name, and test it with `if`"))
            }
            _ => Ok(()),
        }
    }
}
