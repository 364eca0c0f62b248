//! Types and the paths in them.

use super::{Parsed, Parser};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::TokenKind;

/// Whether a name is a scalar type of the language.
pub(super) fn is_scalar(name: &str) -> bool {
    matches!(name, "f64" | "f32" | "i64" | "i32" | "u8" | "bool" | "str")
}

/// Whether a name is that of a type, here or elsewhere.
pub(super) fn is_foreign(name: &str) -> bool {
    is_scalar(name) || name == "void" || FOREIGN.iter().any(|(foreign, _)| *foreign == name)
}

/// What types are called elsewhere, and here.
const FOREIGN: &[(&str, &str)] = &[
    ("int", "i64"),
    ("integer", "i64"),
    ("Int", "i64"),
    ("long", "i64"),
    ("usize", "i64"),
    ("isize", "i64"),
    ("u64", "i64"),
    ("u32", "i64"),
    ("i16", "i32"),
    ("u16", "i32"),
    ("i8", "i32"),
    ("uint", "i64"),
    ("size_t", "i64"),
    ("short", "i32"),
    ("byte", "u8"),
    ("float", "f64"),
    ("Float", "f64"),
    ("double", "f64"),
    ("Double", "f64"),
    ("float64", "f64"),
    ("float32", "f32"),
    ("int64", "i64"),
    ("int32", "i32"),
    ("number", "f64"),
    ("real", "f64"),
    ("string", "str"),
    ("String", "str"),
    ("char", "str"),
    ("boolean", "bool"),
    ("Bool", "bool"),
    ("void", "()"),
];

impl Parser<'_> {
    fn type_node(&mut self, lo: u32, kind: TypeKind) -> TypeExpr {
        TypeExpr { id: self.id(), span: self.since(lo), kind }
    }

    /// `impl Trait` and `dyn Trait`: reported.
    fn trait_object(&mut self) -> Parsed<TypeExpr> {
        let (lo, at) = (self.lo(), self.here());
        let word = self.text_of(self.token());
        self.report(syntax::foreign_type_form(
            at,
            &format!("there is no `{word}` type"),
            "take any type that implements the trait: `fn f<T: Trait>(x: T)`",
        ));
        self.bump();
        self.ty()?;
        Ok(TypeExpr { id: self.id(), span: self.since(lo), kind: TypeKind::Error })
    }

    /// A type.
    pub(super) fn ty(&mut self) -> Parsed<TypeExpr> {
        self.nested(|p| {
            let lo = p.lo();
            let kind = match p.kind() {
                TokenKind::Impl => return p.trait_object(),
                TokenKind::Ident if p.at_word("dyn") && p.next_is(TokenKind::Ident) => return p.trait_object(),
                TokenKind::LBracket => p.array_type()?,
                TokenKind::LParen => return p.tuple_type(),
                TokenKind::Fn => p.fn_type()?,
                TokenKind::Ident => p.path_type()?,
                TokenKind::Amp | TokenKind::Star => return p.reference_type(),
                _ => return p.expected("a type"),
            };
            p.foreign_suffix()?;
            Ok(p.type_node(lo, kind))
        })
    }

    /// `[T; n, m]`
    fn array_type(&mut self) -> Parsed<TypeKind> {
        let open = self.bump();
        let reported = self.diagnostics.len();
        let result = self.with_head(false, |p| {
            let element = Box::new(p.ty()?);
            if !p.at(TokenKind::RBracket) {
                p.expect(TokenKind::Semi)?;
            }
            if p.at(TokenKind::RBracket) {
                let help = "write `[f64; n]`; a list that grows is `List<f64>`";
                let at = p.span_of(open).to(p.here());
                return p.fail(syntax::foreign_type_form(at, "the size of the array is missing", help));
            }
            let sizes = p.list_until(TokenKind::RBracket, "sizes", Self::size);
            Ok(TypeKind::Array { element, sizes })
        });
        self.forgive(open, reported);
        self.skip_until(|_| false);
        self.eat(TokenKind::RBracket);
        match result {
            Ok(TypeKind::Array { sizes, .. }) if sizes.is_empty() => Ok(TypeKind::Error),
            Ok(kind) => Ok(kind),
            Err(_) => Ok(TypeKind::Error),
        }
    }

    fn size(&mut self) -> Parsed<Size> {
        if self.at_word("some") && self.next_is(TokenKind::Ident) {
            self.bump();
            let name = self.name("the name of a size")?;
            return Ok(Size::Some(self.id(), name));
        }
        Ok(Size::Expr(self.expr()?))
    }

    /// `(A, B)`, `()`, or a type in parentheses.
    fn tuple_type(&mut self) -> Parsed<TypeExpr> {
        let lo = self.lo();
        let mut types = self.list("types", Self::ty);
        let comma = self.pos >= 2 && self.tokens[self.pos - 2].kind == TokenKind::Comma;
        match types.pop() {
            Some(only) if types.is_empty() && !comma => Ok(only),
            last => {
                types.extend(last);
                Ok(self.type_node(lo, TypeKind::Tuple(types)))
            }
        }
    }

    /// `fn(A, inout B) -> C`
    pub(super) fn fn_type(&mut self) -> Parsed<TypeKind> {
        self.bump();
        if !self.at(TokenKind::LParen) {
            return self.expected("`(` and the types of the parameters");
        }
        let params = self.list("parameters", |p| {
            let inout = p.eat(TokenKind::Inout);
            // A name before the type says something to the reader, and nothing to the compiler.
            if p.at(TokenKind::Ident) && p.next_is(TokenKind::Colon) {
                p.bump();
                p.bump();
            }
            Ok(FnTypeParam { inout: inout || p.eat(TokenKind::Inout), ty: p.ty()? })
        });
        let result = if self.eat(TokenKind::Arrow) { Some(Box::new(self.ty()?)) } else { None };
        Ok(TypeKind::Fn { params, result })
    }

    fn path_type(&mut self) -> Parsed<TypeKind> {
        let at = self.here();
        let path = self.type_path()?;
        if path.as_name().is_some_and(|name| self.of_functions.contains(&name.text)) {
            return Ok(TypeKind::Error);
        }
        if let Some(name) = path.as_name()
            && let Some((_, right)) = FOREIGN.iter().find(|(found, _)| *found == name.as_str())
            && !self.known.is_type(name.as_str())
        {
            self.report_at(syntax::foreign_type(at, name.as_str(), right));
            return Ok(self.right_type(name.span, right));
        }
        Ok(TypeKind::Path(path))
    }

    /// The type that was meant, so that nothing else is said about it.
    fn right_type(&mut self, span: crate::source::Span, right: &str) -> TypeKind {
        if right == "()" {
            return TypeKind::Tuple(Vec::new());
        }
        let name = Name { text: Symbol::new(right), span };
        TypeKind::Path(Path { segments: vec![PathSegment { name, args: None }], span })
    }

    /// `a::b<T>`, where `<` always opens generic arguments, unless the type follows `as`.
    pub(super) fn type_path(&mut self) -> Parsed<Path> {
        let lo = self.lo();
        let mut segments = Vec::new();
        loop {
            let name = self.name("a type")?;
            let opens =
                self.at(TokenKind::Lt) && (!self.after_as || self.opens_generics(name.as_str(), !segments.is_empty()));
            let args = if opens { Some(self.generic_args()?) } else { None };
            segments.push(PathSegment { name, args });
            if !self.eat(TokenKind::ColonColon) {
                return Ok(Path { segments, span: self.since(lo) });
            }
        }
    }

    /// `&T`, `&mut T`, `*T`: reported, and `T` taken.
    fn reference_type(&mut self) -> Parsed<TypeExpr> {
        let (at, help) = (self.here(), "values are copied or moved; a parameter that is changed is `x: inout T`");
        self.report(syntax::reference(at, self.text_of(self.token()), help));
        self.bump();
        if self.at_any_word(&["mut", "const"]) || self.at(TokenKind::Const) {
            self.bump();
        }
        self.ty()
    }

    /// `f64[3]`, `f64?`
    fn foreign_suffix(&mut self) -> Parsed<()> {
        let at = self.here();
        let tight = self.previous().is_some_and(|t| t.hi == self.lo());
        match self.kind() {
            TokenKind::LBracket if tight => {
                self.report(syntax::foreign_type_form(at, "an array type is written in brackets", "write `[f64; n]`"));
                self.list("sizes", Self::expr);
            }
            TokenKind::Question if tight => {
                self.report(syntax::foreign_type_form(at, "there is no `T?`", "write `Option<T>`"));
                self.bump();
            }
            _ => {}
        }
        Ok(())
    }
}
