//! Items: the file as a list of them, what may stand before one, `use`, `const`, `type`, functions.

use super::{Parsed, Parser, Reported};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::TokenKind;
use crate::resolve::suggest::nearest;

/// What begins a definition elsewhere, and what to write here.
const FOREIGN: &[(&str, &str)] = &[
    ("def", "a function is `fn name(x: f64) -> f64 { … }`"),
    ("func", "a function is `fn name(x: f64) -> f64 { … }`"),
    ("fun", "a function is `fn name(x: f64) -> f64 { … }`"),
    ("function", "a function is `fn name(x: f64) -> f64 { … }`"),
    ("proc", "a function is `fn name(x: f64) -> f64 { … }`"),
    ("async", "a function is `fn name(x: f64) -> f64 { … }`"),
    ("unsafe", "a function is `fn name(x: f64) -> f64 { … }`"),
    ("class", "write a `struct` with an `impl`, or a `model` if it has parameters to train"),
    ("interface", "write a `trait`"),
    ("protocol", "write a `trait`"),
    ("union", "write an `enum`"),
    ("import", "write `use path::name;`"),
    ("from", "write `use path::name;`"),
    ("include", "write `use path::name;`"),
    ("mod", "every file is a module: write `use path::name;`"),
    ("module", "every file is a module: write `use path::name;`"),
    ("package", "every file is a module: remove this"),
    ("namespace", "every file is a module: remove this"),
    ("static", "write `const NAME: T = value;`"),
    ("typedef", "write `type Name = T;`"),
    ("public", "write `pub`"),
    ("private", "what is not `pub` is private: remove this"),
];

/// A parameter or the receiver.
enum Parameter {
    Receiver(Receiver),
    Param(Box<Param>),
}

impl Parser<'_> {
    /// All items of the file.
    pub(super) fn items(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        while !self.at(TokenKind::Eof) {
            let start = self.pos;
            self.lost = false;
            match self.item() {
                Ok(item) => items.push(item),
                Err(Reported) => self.skip_item(start),
            }
        }
        items
    }

    /// Goes to where the next item probably begins.
    fn skip_item(&mut self, start: usize) {
        if self.pos == start {
            self.skip_token();
        }
        while !(self.at(TokenKind::Eof) || self.token().first && self.at_item()) {
            self.skip_token();
        }
    }

    /// Skips a token, or a bracket as a whole.
    fn skip_token(&mut self) {
        if self.bump().kind.closer().is_some() {
            self.skip_until(|_| false);
            self.bump();
        }
    }

    /// Whether an item begins here.
    fn at_item(&self) -> bool {
        use TokenKind::*;
        match self.kind() {
            Use | Const | Type | Struct | Enum | Trait | Impl | Fn | Extern | Pub | At => true,
            Ident if self.at_any_word(&["model", "derivative", "export"]) => self.ahead(1).kind != LParen,
            // Of another language, but the beginning of something.
            Ident => self.next_is(Ident) && FOREIGN.iter().any(|(word, _)| self.at_word(word)),
            _ => false,
        }
    }

    /// An item with everything before it.
    pub(super) fn item(&mut self) -> Parsed<Item> {
        let docs = self.docs();
        let lo = self.lo();
        let attrs = self.attrs()?;
        self.item_with(lo, docs, attrs)
    }

    /// An item behind its attributes.
    pub(super) fn item_with(&mut self, lo: u32, docs: Option<String>, attrs: Vec<Attr>) -> Parsed<Item> {
        let docs = docs.or_else(|| self.docs());
        let public = self.eat(TokenKind::Pub);
        let kind = self.item_kind()?;
        if let (Some(attr), false) = (attrs.first(), matches!(kind, ItemKind::Fn(_))) {
            self.report_at(syntax::misplaced_attribute(attr.span));
        }
        let item = Item { id: self.id(), span: self.since(lo), docs, attrs, public, kind };
        self.stray_semicolon(&item.kind);
        Ok(item)
    }

    /// `};` as after a struct in C.
    fn stray_semicolon(&mut self, kind: &ItemKind) {
        let braces = self.previous().is_some_and(|t| t.kind == TokenKind::RBrace);
        if braces && self.at(TokenKind::Semi) && !matches!(kind, ItemKind::Use(_)) {
            let at = self.here();
            self.report(syntax::semicolon_after_item(at));
            self.bump();
        }
    }

    fn item_kind(&mut self) -> Parsed<ItemKind> {
        match self.kind() {
            TokenKind::Use => self.use_item(),
            TokenKind::Const => self.const_item(),
            TokenKind::Type => self.type_item(),
            TokenKind::Struct => self.struct_item(),
            TokenKind::Enum => self.enum_item(),
            TokenKind::Trait => self.trait_item(),
            TokenKind::Impl => self.impl_item(),
            TokenKind::Fn => Ok(ItemKind::Fn(self.function(Linkage::Plain)?)),
            TokenKind::Extern => self.extern_item(),
            TokenKind::Ident if self.at_word("model") => self.model_item(),
            TokenKind::Ident if self.at_word("derivative") => self.derivative_item(),
            TokenKind::Ident if self.at_word("export") => self.export_item(),
            _ => self.not_an_item(),
        }
    }

    /// Something else where an item should be.
    fn not_an_item<T>(&mut self) -> Parsed<T> {
        let (at, text) = (self.here(), self.text_of(self.token()));
        let word = self.at(TokenKind::Ident);
        if let Some((_, right)) = FOREIGN.iter().find(|(found, _)| word && *found == text) {
            return self.fail(syntax::foreign_keyword(at, text, right));
        }
        if word && self.next_is(TokenKind::Ident) {
            const KEYWORDS: [&str; 12] =
                ["fn", "struct", "enum", "trait", "impl", "model", "const", "type", "use", "pub", "extern", "export"];
            if let Some(right) = nearest(text, KEYWORDS) {
                return self.fail(syntax::misspelt_keyword(at, text, right));
            }
            if super::types::is_foreign(text) && self.ahead(2).kind == TokenKind::LParen {
                let help = "a function is `fn name(x: f64) -> f64 { … }`: the result type stands behind the parameters";
                return self.fail(syntax::foreign_keyword(at, text, help));
            }
        }
        let found = self.found();
        self.fail(syntax::statement_outside(at, &found))
    }

    /// `@test @checkpoint(snapshots: 10)`
    pub(super) fn attrs(&mut self) -> Parsed<Vec<Attr>> {
        let mut attrs = Vec::new();
        while self.at(TokenKind::At) {
            let lo = self.lo();
            self.bump();
            let name = self.name("the name of an attribute")?;
            if !matches!(name.as_str(), "test" | "bench" | "checkpoint") {
                self.report_at(syntax::unknown_attribute(name.span, name.as_str()));
            }
            let args = if self.at(TokenKind::LParen) { self.args() } else { Vec::new() };
            attrs.push(Attr { name, args, span: self.since(lo) });
        }
        Ok(attrs)
    }

    /// The `;` that ends an item.
    pub(super) fn item_end(&mut self, after: &str) -> Parsed<()> {
        match self.eat(TokenKind::Semi) {
            true => Ok(()),
            false => self.missing_semicolon(after),
        }
    }

    fn use_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        let mut imports = Vec::new();
        self.use_tree(&mut Vec::new(), &mut imports)?;
        self.item_end("this `use`")?;
        Ok(ItemKind::Use(UseItem { imports }))
    }

    /// `a::b`, `a::b as c`, `a::{…}`, with `prefix` before it.
    fn use_tree(&mut self, prefix: &mut Vec<Name>, imports: &mut Vec<Import>) -> Parsed<()> {
        let (lo, depth) = (self.lo(), prefix.len());
        loop {
            prefix.push(self.use_name()?);
            if !self.eat(TokenKind::ColonColon) {
                break;
            }
            if self.at(TokenKind::LBrace) {
                let result = self.nested(|p| {
                    p.list("names", |p| p.use_tree(prefix, imports));
                    Ok(())
                });
                prefix.truncate(depth);
                return result;
            }
        }
        self.foreign_use()?;
        let alias = if self.eat(TokenKind::As) { Some(self.name("a name")?) } else { None };
        let import = Import { id: self.id(), path: prefix.clone(), alias, span: self.since(lo) };
        imports.push(import);
        prefix.truncate(depth);
        Ok(())
    }

    fn use_name(&mut self) -> Parsed<Name> {
        let at = self.here();
        match self.kind() {
            TokenKind::Star => self.fail(syntax::use_form(at, "there is no `use` of everything", "write the names")),
            TokenKind::StrOpen => {
                self.fail(syntax::use_form(at, "a module is not named by a string", "write `use a::b::name;`"))
            }
            _ => self.name("a name"),
        }
    }

    /// `use a.b`, `use a/b`
    fn foreign_use(&mut self) -> Parsed<()> {
        let at = self.here();
        match self.kind() {
            TokenKind::Dot | TokenKind::Slash | TokenKind::Colon => {
                self.fail(syntax::use_form(at, "the names of a path are separated by `::`", "write `use a::b::name;`"))
            }
            _ => Ok(()),
        }
    }

    fn const_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        let name = self.name("the name of a constant")?;
        let ty = if self.eat(TokenKind::Colon) {
            self.ty()?
        } else {
            let diagnostic = syntax::constant_type(name.span, name.as_str());
            self.report(diagnostic);
            TypeExpr { id: self.id(), span: name.span, kind: TypeKind::Error }
        };
        self.expect(TokenKind::Eq)?;
        let value = self.expr()?;
        self.item_end("this constant")?;
        Ok(ItemKind::Const(ConstItem { name, ty, value }))
    }

    fn type_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        let name = self.name("the name of a type")?;
        let generics = self.generic_params()?;
        self.expect(TokenKind::Eq)?;
        let ty = self.ty()?;
        self.item_end("this type")?;
        Ok(ItemKind::Type(TypeItem { name, generics, ty }))
    }

    /// `extern fn f(x: f64) -> f64;`, also with Rust's `"C"`.
    fn extern_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        if !self.at(TokenKind::Fn) {
            return self.expected("`fn`");
        }
        Ok(ItemKind::Fn(self.function(Linkage::Extern)?))
    }

    /// `export fn …` or `export name = value;`
    fn export_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        if self.at(TokenKind::Fn) {
            return Ok(ItemKind::Fn(self.function(Linkage::Export)?));
        }
        let name = self.name("`fn` or a name")?;
        self.expect(TokenKind::Eq)?;
        let value = self.expr()?;
        self.item_end("this `export`")?;
        Ok(ItemKind::Export(ExportItem { name, value }))
    }

    /// A function with a body, or an `extern` one.
    fn function(&mut self, linkage: Linkage) -> Parsed<FnItem> {
        let mut function = self.function_head(linkage)?;
        if linkage == Linkage::Extern {
            self.extern_end()?;
        } else {
            function.body = self.function_body(&function)?;
        }
        Ok(function)
    }

    /// A function in a trait: the body may be missing.
    pub(super) fn trait_function(&mut self) -> Parsed<FnItem> {
        let mut function = self.function_head(Linkage::Plain)?;
        if !self.eat(TokenKind::Semi) {
            function.body = self.function_body(&function)?;
        }
        Ok(function)
    }

    /// Up to the result type.
    fn function_head(&mut self, linkage: Linkage) -> Parsed<FnItem> {
        let lo = self.lo();
        self.expect(TokenKind::Fn)?;
        let name = self.name("the name of a function")?;
        let generics = self.generic_params()?;
        if !self.at(TokenKind::LParen) {
            return self.expected("`(` and the parameters");
        }
        let (receiver, params) = self.params();
        let result = self.result_type()?;
        self.where_clause()?;
        let head = self.since(lo);
        Ok(FnItem { name, linkage, generics, receiver, params, result, body: None, head })
    }

    /// `-> T`; `=> T` and `: T` are reported.
    fn result_type(&mut self) -> Parsed<Option<TypeExpr>> {
        if self.at(TokenKind::Colon) && self.ahead(1).first {
            // `def f():` of Python, and the body behind it.
            let at = self.here();
            return self.fail(syntax::missing_braces(at, "the function", "`:`"));
        }
        let a_type = matches!(self.kind(), TokenKind::Ident | TokenKind::LBracket) && !self.token().first;
        if a_type && !self.at_word("where") {
            let at = self.behind();
            self.report(syntax::missing_arrow(at));
            return self.ty().map(Some);
        }
        if matches!(self.kind(), TokenKind::FatArrow | TokenKind::Colon) {
            let at = self.here();
            self.report(syntax::result_arrow(at));
        } else if !self.at(TokenKind::Arrow) {
            return Ok(None);
        }
        self.bump();
        self.ty().map(Some)
    }

    fn where_clause(&mut self) -> Parsed<()> {
        if !self.at_word("where") {
            return Ok(());
        }
        let (at, help) = (self.here(), "write the bounds with the parameters: `fn f<T: Trait>(x: T)`");
        self.report(syntax::generic_parameter(at, "there is no `where`", help));
        self.skip_until(|p| p.at(TokenKind::LBrace) || p.at(TokenKind::Semi));
        Ok(())
    }

    fn function_body(&mut self, function: &FnItem) -> Parsed<Option<Block>> {
        if self.at(TokenKind::LBrace) {
            // A function in a function begins at height zero: no pass goes from one into the other.
            return self.measured(Self::block).map(|(block, _)| Some(block));
        }
        let at = if self.at(TokenKind::Semi) { self.here() } else { self.blame() };
        self.fail(syntax::missing_body(at, function.name.as_str()))
    }

    fn extern_end(&mut self) -> Parsed<()> {
        if self.at(TokenKind::LBrace) {
            let at = self.here();
            self.report(syntax::extern_body(at));
            return self.block().map(drop);
        }
        self.item_end("this `extern fn`")
    }

    fn params(&mut self) -> (Option<Receiver>, Vec<Param>) {
        let mut first = true;
        let list = self.list("parameters", |p| {
            let parameter = p.parameter()?;
            if let Parameter::Receiver(receiver) = &parameter
                && !first
            {
                p.report_at(syntax::receiver(receiver.span));
            }
            first = false;
            Ok(parameter)
        });
        let (mut receiver, mut params) = (None, Vec::new());
        for parameter in list {
            match parameter {
                Parameter::Receiver(r) => receiver = receiver.or(Some(r)),
                Parameter::Param(p) => params.push(*p),
            }
        }
        (receiver, params)
    }

    fn parameter(&mut self) -> Parsed<Parameter> {
        if let Some(receiver) = self.receiver() {
            return Ok(Parameter::Receiver(receiver));
        }
        let lo = self.lo();
        let prefix = self.foreign_parameter_prefix();
        if self.at(TokenKind::LParen) {
            return self.expected("the name of a parameter (take the tuple apart with `let` in the body)");
        }
        let name = self.name("a parameter")?;
        if !self.eat(TokenKind::Colon) {
            let ty = self.parameter_without_type(&name)?;
            return Ok(self.param(lo, name, false, ty));
        }
        let inout = self.eat(TokenKind::Inout) || prefix == Some(TokenKind::Inout);
        let ty = self.ty()?;
        Ok(self.param(lo, name, inout, ty))
    }

    /// The parameter, with its default if there is one.
    fn param(&mut self, lo: u32, name: Name, inout: bool, ty: TypeExpr) -> Parameter {
        let default = if self.eat(TokenKind::Eq) { self.expr().ok() } else { None };
        Parameter::Param(Box::new(Param { id: self.id(), name, inout, ty, default, span: self.since(lo) }))
    }

    /// `inout x: T`, `mut x: T`: reported and skipped.
    fn foreign_parameter_prefix(&mut self) -> Option<TokenKind> {
        let (at, kind) = (self.here(), self.kind());
        if self.at(TokenKind::Inout) || self.at(TokenKind::Var) || self.at(TokenKind::Let) {
            self.report(syntax::parameter_form(at, if self.at(TokenKind::Inout) { "x: inout T" } else { "x: T" }));
            self.bump();
        } else if self.at_word("mut") && self.next_is(TokenKind::Ident) {
            self.report(syntax::stray_mut(at, "mut"));
            self.bump();
        } else {
            return None;
        }
        Some(kind)
    }

    /// `x`, or `f64 x` as in C: reported.
    fn parameter_without_type(&mut self, name: &Name) -> Parsed<TypeExpr> {
        if self.at(TokenKind::Ident) {
            let right = format!("{}: {}", self.text_of(self.token()), name);
            self.report_at(syntax::parameter_form(name.span.to(self.here()), &right));
            self.bump();
        } else {
            self.report_at(syntax::parameter_type(name.span, name.as_str()));
        }
        Ok(TypeExpr { id: self.id(), span: name.span, kind: TypeKind::Error })
    }

    /// `self`, `inout self`; `&self`, `&mut self`, `mut self`, `self: T` are reported.
    fn receiver(&mut self) -> Option<Receiver> {
        let lo = self.lo();
        let is_self = |n: usize| self.ahead(n).kind == TokenKind::Ident && self.text_of(self.ahead(n)) == "self";
        let before = (0..=2).find(|n| is_self(*n))?;
        let prefix: Vec<&str> = (0..before).map(|n| self.text_of(self.ahead(n))).collect();
        let inout = match prefix.as_slice() {
            [] => false,
            ["inout"] => true,
            ["&"] | ["var"] | ["mut"] | ["&", "mut"] => {
                let at = self.here().to(self.span_of(self.ahead(before)));
                self.report(syntax::receiver(at));
                prefix.len() == 2 || prefix[0] != "&"
            }
            _ => return None,
        };
        self.bump_many(before + 1);
        let span = self.since(lo);
        if self.eat(TokenKind::Colon) {
            self.report_at(syntax::receiver(span));
            self.eat(TokenKind::Inout);
            let _ = self.ty();
        }
        Some(Receiver { id: self.id(), inout, span })
    }
}
