//! Items with members: structs, enums, models, traits, implementations, derivatives.

use super::{Parsed, Parser, Reported};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::TokenKind;

impl Parser<'_> {
    pub(super) fn struct_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        let name = self.name("the name of a struct")?;
        let generics = self.generic_params()?;
        let fields = match self.kind() {
            TokenKind::LBrace => self.list("fields", Self::struct_field),
            TokenKind::LParen => {
                let at = self.here();
                let help = format!("write `struct {name} {{ x: f64 }}`, or `type {name} = (f64, f64);`");
                return self.fail(syntax::field(at, "the fields of a struct have names", &help));
            }
            TokenKind::Semi => {
                self.bump();
                Vec::new()
            }
            _ => return self.expected("`{` and the fields"),
        };
        Ok(ItemKind::Struct(StructItem { name, generics, fields }))
    }

    /// A field of a struct or of a case.
    fn struct_field(&mut self) -> Parsed<FieldDef> {
        let field = self.field()?;
        if let Some(default) = &field.default {
            let help = "a literal sets every field; write a function that makes the value";
            self.report_at(syntax::field(default.span, "a field of a struct has no default", help));
        }
        Ok(field)
    }

    /// `name: T = default`
    fn field(&mut self) -> Parsed<FieldDef> {
        let docs = self.docs();
        if self.at(TokenKind::Pub) {
            let (at, help) = (self.here(), "the fields of a `pub struct` are public");
            self.report(syntax::field(at, "a field has no `pub`", help));
            self.bump();
        }
        let lo = self.lo();
        let name = self.name("a field")?;
        self.expect(TokenKind::Colon)?;
        let ty = self.ty()?;
        let default = if self.eat(TokenKind::Eq) { Some(self.expr()?) } else { None };
        Ok(FieldDef { id: self.id(), docs, name, ty, default, span: self.since(lo) })
    }

    pub(super) fn enum_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        let name = self.name("the name of an enum")?;
        let generics = self.generic_params()?;
        if !self.at(TokenKind::LBrace) {
            return self.expected("`{` and the cases");
        }
        let cases = self.list("cases", Self::case);
        Ok(ItemKind::Enum(EnumItem { name, generics, cases }))
    }

    fn case(&mut self) -> Parsed<Case> {
        let docs = self.docs();
        let lo = self.lo();
        let name = self.name("a case")?;
        if !name.is_capitalised() {
            let help = "in a pattern a name in lower case would bind a variable";
            self.report_at(syntax::field(name.span, "a case begins with a capital letter", help));
        }
        let payload = match self.kind() {
            TokenKind::LParen => Payload::Tuple(self.list("types", Self::ty)),
            TokenKind::LBrace => Payload::Struct(self.list("fields", Self::struct_field)),
            TokenKind::Eq => {
                let at = self.here();
                return self.fail(syntax::field(at, "a case has no number", "write a function that gives the number"));
            }
            _ => Payload::None,
        };
        Ok(Case { id: self.id(), docs, name, payload, span: self.since(lo) })
    }

    pub(super) fn model_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        let name = self.name("the name of a model")?;
        let generics = self.generic_params()?;
        if !self.at(TokenKind::LBrace) {
            return self.expected("`{` and the fields");
        }
        let (mut fields, mut methods) = (Vec::new(), Vec::new());
        self.members(|p| {
            match p.at_method() {
                true => methods.push(p.method("a model", false)?),
                false => fields.push(p.model_field()?),
            }
            Ok(())
        });
        Ok(ItemKind::Model(ModelItem { name, generics, fields, methods }))
    }

    /// `{ … }` of members that end by themselves.
    fn members(&mut self, mut each: impl FnMut(&mut Self) -> Parsed<()>) {
        self.bump();
        while !self.kind().is_closer() && !self.at(TokenKind::Eof) {
            let start = self.pos;
            if let Err(Reported) = each(self) {
                self.skip_member(start);
            }
        }
        self.eat(TokenKind::RBrace);
    }

    /// Goes to where the next member probably begins.
    fn skip_member(&mut self, start: usize) {
        if self.pos == start && self.bump().kind.closer().is_some() {
            self.skip_until(|_| false);
            self.bump();
        }
        let after_body = |p: &Self| p.previous().is_some_and(|t| t.kind == TokenKind::RBrace);
        self.skip_until(|p| p.at(TokenKind::Comma) || p.token().first && (p.at_method() || after_body(p)));
        self.eat(TokenKind::Comma);
    }

    fn at_method(&self) -> bool {
        match self.kind() {
            TokenKind::Fn | TokenKind::At => true,
            TokenKind::Pub => self.next_is(TokenKind::Fn),
            _ => false,
        }
    }

    /// A function among members.
    fn method(&mut self, place: &str, in_trait: bool) -> Parsed<Item> {
        if !self.at_method() {
            let at = self.here();
            return self.fail(syntax::only_methods(at, place));
        }
        let docs = self.docs();
        let lo = self.lo();
        let attrs = self.attrs()?;
        if !in_trait {
            return self.item_with(lo, docs, attrs);
        }
        let public = self.eat(TokenKind::Pub);
        let function = self.trait_function()?;
        Ok(Item { id: self.id(), span: self.since(lo), docs, attrs, public, kind: ItemKind::Fn(function) })
    }

    /// `param w: T = init,`
    fn model_field(&mut self) -> Parsed<ModelField> {
        let docs = self.docs();
        let role = match self.next_is(TokenKind::Ident) {
            true if self.at_word("param") => FieldRole::Param,
            true if self.at_word("state") => FieldRole::State,
            _ => FieldRole::Plain,
        };
        if role != FieldRole::Plain {
            self.bump();
        }
        let mut field = self.field()?;
        field.docs = docs;
        if !self.eat(TokenKind::Comma) && !self.at(TokenKind::RBrace) && !self.at_method() {
            let next_line = self.token().first;
            self.missing_comma(TokenKind::RBrace, "fields");
            if !next_line && !self.eat(TokenKind::Semi) {
                return Err(Reported);
            }
        }
        Ok(ModelField { role, field })
    }

    pub(super) fn trait_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        let name = self.name("the name of a trait")?;
        let generics = self.generic_params()?;
        let bounds = self.bounds()?;
        if !self.at(TokenKind::LBrace) {
            return self.expected("`{` and the methods");
        }
        let mut methods = Vec::new();
        self.members(|p| {
            methods.push(p.method("a trait", true)?);
            Ok(())
        });
        Ok(ItemKind::Trait(TraitItem { name, generics, bounds, methods }))
    }

    pub(super) fn impl_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        let generics = self.generic_params()?;
        let first = self.ty()?;
        let (of_trait, target) = match self.eat(TokenKind::For) {
            false => (None, first),
            true => match first.kind {
                TypeKind::Path(path) => (Some(path), self.ty()?),
                _ => return self.expected("a trait before `for`"),
            },
        };
        if !self.at(TokenKind::LBrace) {
            return self.expected("`{` and the methods");
        }
        let mut methods = Vec::new();
        self.members(|p| {
            methods.push(p.method("an `impl`", false)?);
            Ok(())
        });
        Ok(ItemKind::Impl(ImplItem { generics, of_trait, target, methods }))
    }

    pub(super) fn derivative_item(&mut self) -> Parsed<ItemKind> {
        self.bump();
        let target = self.type_path()?;
        if !self.at(TokenKind::LBrace) {
            return self.expected("`{` and the rules");
        }
        let mut rules: Vec<Rule> = Vec::new();
        self.members(|p| {
            let rule = p.rule()?;
            if rules.iter().any(|r| r.kind == rule.kind) {
                p.report_at(syntax::derivative_rule(rule.kind_span, "this rule is given twice"));
            }
            rules.push(rule);
            Ok(())
        });
        Ok(ItemKind::Derivative(DerivativeItem { target, rules }))
    }

    /// `vjp(x, y, seed) { … }`
    fn rule(&mut self) -> Parsed<Rule> {
        let (lo, kind_span) = (self.lo(), self.here());
        let kind = match self.text_of(self.token()) {
            "primal" => RuleKind::Primal,
            "jvp" => RuleKind::Jvp,
            "vjp" => RuleKind::Vjp,
            _ => return self.fail(syntax::derivative_rule(kind_span, "this is no rule of a derivative")),
        };
        self.bump();
        if !self.at(TokenKind::LParen) {
            return self.expected("`(` and the names of the parameters");
        }
        let params = self.list("parameters", Self::single_pattern);
        let body = self.body("the rule")?;
        Ok(Rule { id: self.id(), kind, kind_span, params, body, span: self.since(lo) })
    }
}
