//! Generic parameters and arguments, and whether a `<` opens them.
//!
//! "After a name that is generic, `<` opens generic arguments." A name is generic if the file declares it so. Of an
//! imported or qualified name the file does not know; there what follows decides: `a::b<n>(x)` is a call, since a
//! comparison of a comparison with `(x)` would be an error anyhow. A name that is bound as a variable is not generic.

use super::{Parsed, Parser};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::{Token, TokenKind};
use crate::source::Span;
use rustc_hash::FxHashSet;

/// How far to look for the closing `>`, in tokens. Longer lists of arguments have not been seen.
const LOOK_AHEAD: usize = 256;

/// Generic names that are in scope everywhere.
const PRELUDE: &[&str] = &["List", "Option", "Result", "Tangent"];

/// What the declarations of a file say about names, wherever in the file they stand.
pub(super) struct Known<'a> {
    /// Declared with generic parameters.
    generic: FxHashSet<&'a str>,
    /// Named in a `use`.
    imported: FxHashSet<&'a str>,
    /// Declared as a variable or a parameter somewhere.
    bound: FxHashSet<&'a str>,
    /// Declared as a type.
    types: FxHashSet<&'a str>,
}

impl<'a> Known<'a> {
    /// Reads the declarations off the tokens.
    pub(super) fn of(text: &'a str, tokens: &[Token]) -> Known<'a> {
        let empty = FxHashSet::default;
        let mut known =
            Known { generic: PRELUDE.iter().copied().collect(), imported: empty(), bound: empty(), types: empty() };
        let mut in_use = false;
        for (i, token) in tokens.iter().enumerate() {
            match token.kind {
                TokenKind::Use => in_use = true,
                TokenKind::Semi => in_use = false,
                TokenKind::Ident => {
                    let word = &text[token.lo as usize..token.hi as usize];
                    if in_use {
                        known.imported.insert(word);
                    }
                    known.declaration(text, word, i.checked_sub(1).map(|p| tokens[p]), tokens[i + 1]);
                }
                _ => {}
            }
        }
        known
    }

    fn declaration(&mut self, text: &str, word: &'a str, before: Option<Token>, after: Token) {
        use TokenKind::*;
        let Some(before) = before else { return };
        let is_type = match before.kind {
            Struct | Enum | Type | Trait => true,
            Ident => &text[before.lo as usize..before.hi as usize] == "model",
            _ => false,
        };
        if is_type {
            self.types.insert(word);
        }
        if (is_type || before.kind == Fn) && after.kind == Lt {
            self.generic.insert(word);
        }
        if matches!(before.kind, Let | Var | For) || after.kind == Colon {
            self.bound.insert(word);
        }
    }

    /// Whether the file may have a type of this name of its own.
    pub(super) fn is_type(&self, name: &str) -> bool {
        self.types.contains(name) || self.imported.contains(name)
    }
}

impl<'a> Parser<'a> {
    /// Whether the `<` here, after `name`, opens generic arguments. `qualified` says that the name follows `::`.
    pub(super) fn opens_generics(&self, name: &str, qualified: bool) -> bool {
        use TokenKind::*;
        let Some(end) = self.scan_generic_args() else { return false };
        let next = self.tokens[end];
        if matches!(next.kind, Ident | Int | Float | StrOpen) {
            return false;
        }
        if self.known.generic.contains(name) {
            return true;
        }
        let body = next.kind == LBrace && !self.in_head;
        let called = matches!(next.kind, LParen | ColonColon) || body;
        if qualified || self.known.imported.contains(name) {
            return called || matches!(next.kind, RParen | RBracket | RBrace | Comma | Semi);
        }
        let capital = name.starts_with(char::is_uppercase);
        // Of a name that nothing is known about, such as a function of the prelude, the spacing tells.
        let tight = self.previous().is_some_and(|t| t.hi == self.lo()) && self.tokens[end - 1].hi == next.lo;
        called && (capital || tight && !self.known.bound.contains(name))
    }

    /// Whether the `<` here, after `.name`, opens generic arguments.
    pub(super) fn opens_method_generics(&self, name: &str) -> bool {
        let called = |end: usize| self.tokens[end].kind == TokenKind::LParen;
        self.known.generic.contains(name) && self.scan_generic_args().is_some_and(called)
    }

    /// The token after `<…>` if that looks like generic arguments.
    fn scan_generic_args(&self) -> Option<usize> {
        use TokenKind::*;
        if !self.at(Lt) || matches!(self.ahead(1).kind, Gt | Eof) {
            return None;
        }
        let (mut angles, mut rounds) = (0i32, 0i32);
        for (i, token) in self.tokens.iter().enumerate().skip(self.pos).take(LOOK_AHEAD) {
            match token.kind {
                Lt => angles += 1,
                Gt => angles -= 1,
                Shr => angles -= 2,
                LParen | LBracket => rounds += 1,
                RParen | RBracket => rounds -= 1,
                Semi if rounds == 0 => return None,
                Ident | Int | Comma | Semi | ColonColon | Plus | Minus | Star | Slash | Percent | Fn | Arrow => {}
                _ => return None,
            }
            if angles < 0 || rounds < 0 {
                return None;
            }
            if angles == 0 {
                return (rounds == 0).then_some(i + 1);
            }
        }
        None
    }

    /// `<T, n + 1>`, from the `<` on.
    pub(super) fn generic_args(&mut self) -> Parsed<GenericArgs> {
        let outer = std::mem::replace(&mut self.after_as, false);
        let args = self.generic_args_inside();
        self.after_as = outer;
        args
    }

    fn generic_args_inside(&mut self) -> Parsed<GenericArgs> {
        let lo = self.lo();
        self.expect(TokenKind::Lt)?;
        let mut args = Vec::new();
        while !self.at_closing_angle() {
            args.push(self.with_head(false, Self::generic_arg)?);
            if !self.eat(TokenKind::Comma) && !self.at_closing_angle() {
                return self.expected("`,` or `>` after a generic argument");
            }
        }
        self.close_angle()?;
        Ok(GenericArgs { args, span: self.since(lo) })
    }

    fn at_closing_angle(&self) -> bool {
        use TokenKind::*;
        matches!(self.kind(), Gt | Ge | Shr | ShrEq)
    }

    /// A `>`, also if it is the first half of `>>` or `>=`.
    fn close_angle(&mut self) -> Parsed<()> {
        use TokenKind::*;
        let rest = match self.kind() {
            Shr => Gt,
            Ge => Eq,
            ShrEq => Ge,
            _ => return self.expect(Gt).map(drop),
        };
        let token = &mut self.tokens[self.pos];
        token.kind = rest;
        token.lo += 1;
        token.first = false;
        Ok(())
    }

    fn generic_arg(&mut self) -> Parsed<GenericArg> {
        use TokenKind::*;
        match self.kind() {
            Int | Minus => Ok(GenericArg::Size(self.size_expr()?)),
            LParen if self.begins_size(1) => Ok(GenericArg::Size(self.size_expr()?)),
            Ident => self.generic_path(),
            _ => Ok(GenericArg::Type(self.ty()?)),
        }
    }

    /// Whether the token `n` ahead begins a size rather than a type.
    fn begins_size(&self, n: usize) -> bool {
        let token = self.ahead(n);
        let lower =
            || self.text_of(token).starts_with(char::is_lowercase) && !super::types::is_scalar(self.text_of(token));
        token.kind == TokenKind::Int || token.kind == TokenKind::Ident && lower()
    }

    /// A path is a type, a size, or the beginning of an expression of a size.
    fn generic_path(&mut self) -> Parsed<GenericArg> {
        use TokenKind::*;
        let start = self.pos;
        let ty = self.ty()?;
        let TypeKind::Path(path) = ty.kind else { return Ok(GenericArg::Type(ty)) };
        if path.segments.iter().any(|s| s.args.is_some()) {
            return Ok(GenericArg::Type(TypeExpr { kind: TypeKind::Path(path), ..ty }));
        }
        if matches!(self.kind(), Plus | Minus | Star | Slash | Percent) {
            self.pos = start;
            return Ok(GenericArg::Size(self.size_expr()?));
        }
        Ok(GenericArg::Name(ty.id, path))
    }

    /// `<n, T: Bound>` of a declaration; nothing if there is no `<`.
    pub(super) fn generic_params(&mut self) -> Parsed<Vec<GenericParam>> {
        let mut params = Vec::new();
        if !self.eat(TokenKind::Lt) {
            return Ok(params);
        }
        while !self.at_closing_angle() {
            params.push(self.generic_param()?);
            if !self.eat(TokenKind::Comma) && !self.at_closing_angle() {
                return self.expected("`,` or `>` after a generic parameter");
            }
        }
        self.close_angle()?;
        Ok(params)
    }

    fn generic_param(&mut self) -> Parsed<GenericParam> {
        let lo = self.lo();
        if self.at(TokenKind::Const) {
            return self.const_generic(lo);
        }
        let name = self.name("a generic parameter")?;
        if self.at(TokenKind::Colon) && self.function_follows() {
            return self.function_bound(lo, name);
        }
        let bounds = self.bounds()?;
        let span = self.since(lo);
        let kind = match name.is_capitalised() {
            true => GenericParamKind::Type { bounds },
            false if bounds.is_empty() => GenericParamKind::Size,
            false => return self.bound_on_size(name, span),
        };
        Ok(GenericParam { id: self.id(), name, span, kind })
    }

    /// `: A + B`, or nothing.
    pub(super) fn bounds(&mut self) -> Parsed<Vec<Path>> {
        let mut bounds = Vec::new();
        if self.eat(TokenKind::Colon) {
            bounds.push(self.type_path()?);
            while self.eat(TokenKind::Plus) {
                bounds.push(self.type_path()?);
            }
        }
        Ok(bounds)
    }

    /// Whether `: fn(…)` or `: Fn(…)` stands here.
    fn function_follows(&self) -> bool {
        let word = self.text_of(self.ahead(1));
        matches!(word, "fn" | "Fn" | "FnMut" | "FnOnce") && self.ahead(2).kind == TokenKind::LParen
    }

    /// `F: Fn(A) -> B`, as in Rust: reported, and `F` is not looked at any more.
    fn function_bound(&mut self, lo: u32, name: Name) -> Parsed<GenericParam> {
        self.bump();
        let at = self.lo();
        let kind = self.fn_type()?;
        let span = self.since(at);
        let TypeKind::Fn { .. } = kind else { unreachable!("it is a function's type") };
        let of = self.text[span.lo as usize..span.hi as usize].split_once('(').map_or("", |(_, of)| of);
        let help = format!("give the parameter itself the type of a function: `f: fn({of}`");
        self.report(syntax::generic_parameter(span, "a function is no bound of a type parameter", &help));
        self.of_functions.push(name.text.clone());
        let kind = GenericParamKind::Type { bounds: Vec::new() };
        Ok(GenericParam { id: self.id(), name, span: self.since(lo), kind })
    }

    fn bound_on_size<T>(&mut self, name: Name, span: Span) -> Parsed<T> {
        let message = format!("`{name}` in lower case is a size, and a size has no bounds");
        self.fail(syntax::generic_parameter(span, &message, "a type parameter begins with a capital letter"))
    }

    /// `const N: i64`, as in Rust.
    fn const_generic(&mut self, lo: u32) -> Parsed<GenericParam> {
        let (help, at) = ("a size parameter is a name in lower case: `<n>`", self.here());
        self.report(syntax::generic_parameter(at, "no `const` stands before a size parameter", help));
        self.bump();
        let name = self.name("a generic parameter")?;
        if self.eat(TokenKind::Colon) {
            self.ty()?;
        }
        Ok(GenericParam { id: self.id(), name, span: self.since(lo), kind: GenericParamKind::Size })
    }
}
