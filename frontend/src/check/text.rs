//! String literals with `{…}` in them.

use super::body::FnCx;
use crate::ast::{self, StrPart};
use crate::errors::types;
use crate::source::Span;
use crate::typed::{Expr, ExprKind, Literal, TextPart, Ty};
use dprog_ir::FormatSpec;

impl<'a> FnCx<'_, 'a> {
    pub fn text(&mut self, parts: &'a [StrPart], span: Span) -> Expr {
        match parts {
            [] => return self.make(ExprKind::Literal(Literal::Str("".into())), Ty::Str, span),
            [StrPart::Text(text)] => return self.make(ExprKind::Literal(Literal::Str(text.clone())), Ty::Str, span),
            _ => {}
        }
        let mut typed = Vec::with_capacity(parts.len());
        for part in parts {
            typed.push(match part {
                StrPart::Text(text) => TextPart::Text(text.clone()),
                StrPart::Expr { value, format } => {
                    let value = self.expr(value, None);
                    if matches!(self.infer.shallow(&value.ty), Ty::Fn(..)) {
                        let shown = self.show(&value.ty);
                        self.report(types::cannot_print(value.span, &shown));
                    }
                    TextPart::Value(value, format.as_ref().map(spec).unwrap_or_default())
                }
            });
        }
        self.make(ExprKind::Text(typed), Ty::Str, span)
    }
}

fn spec(format: &ast::FormatSpec) -> FormatSpec {
    let narrow = |n: Option<u32>| n.map(|n| u16::try_from(n).unwrap_or(u16::MAX));
    let align = format.align.map(|a| match a {
        ast::Align::Left => '<',
        ast::Align::Center => '^',
        ast::Align::Right => '>',
    });
    FormatSpec {
        fill: (format.fill != ' ').then_some(format.fill),
        align,
        plus: format.plus,
        zero: format.zero,
        width: narrow(format.width),
        precision: narrow(format.precision),
        exponent: format.exponent,
    }
}
