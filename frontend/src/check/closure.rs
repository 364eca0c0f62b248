//! Closures: their parameters take types from where they are used.

use super::body::{FnCx, Origin};
use crate::ast;
use crate::source::Span;
use crate::typed::{Closure, ClosureParam, Expr, ExprKind, FnParamTy, Ty};

impl<'a> FnCx<'_, 'a> {
    pub fn closure(
        &mut self,
        params: &'a [ast::ClosureParam],
        result: Option<&'a ast::TypeExpr>,
        body: &'a ast::Expr,
        want: Option<&Ty>,
        span: Span,
    ) -> Expr {
        let (wanted_params, wanted_result) = match want.map(|t| self.infer.shallow(t)) {
            Some(Ty::Fn(wanted, result)) if wanted.len() == params.len() => (wanted, Some(*result)),
            _ => (Vec::new(), None),
        };
        let result_ty = match result {
            Some(te) => self.ty(te),
            None => self.infer.fresh(),
        };
        let result_span = result.map_or(body.span, |te| te.span);
        self.push_frame(result_ty.clone(), result_span, true);
        let (typed, value) = self.in_region(|cx| {
            let typed: Vec<ClosureParam> =
                params.iter().enumerate().map(|(i, p)| cx.closure_param(p, wanted_params.get(i))).collect();
            // The hint may still be open; what is written decides.
            let hint = if result.is_some() { Some(result_ty.clone()) } else { wanted_result.clone() };
            let hint = hint.filter(|t| !cx.is_free(t));
            let value = cx.expr(body, hint.as_ref());
            let reason = result.map(|te| (te.span, "the result type is here"));
            let value = cx.coerce(value, &result_ty, reason);
            (typed, value)
        });
        self.frames.pop();
        if value.ty == Ty::Never && self.is_free(&result_ty) && wanted_result.is_none() {
            // `|x| return …` has given the type; `|x| trap(…)` gives any.
            let _ = self.unify(&result_ty, &Ty::UNIT);
        }
        self.check_escape(&result_ty, value.span);
        let ty =
            Ty::Fn(typed.iter().map(|p| FnParamTy { inout: p.inout, ty: p.ty.clone() }).collect(), Box::new(result_ty));
        let closure = Closure { params: typed, body: Box::new(value), captures: vec![], size_params: vec![] };
        self.make(ExprKind::Closure(closure), ty, span)
    }

    fn closure_param(&mut self, param: &'a ast::ClosureParam, wanted: Option<&FnParamTy>) -> ClosureParam {
        let ty = match (&param.ty, wanted) {
            (Some(te), _) => self.ty(te),
            (None, Some(wanted)) => wanted.ty.clone(),
            (None, None) => self.infer.fresh(),
        };
        let inout = param.inout || (param.ty.is_none() && wanted.is_some_and(|w| w.inout));
        let pattern = self.bind_pattern(&param.pattern, &ty, inout, Origin::Param);
        self.must_match_all(&pattern);
        ClosureParam { pattern, inout, ty }
    }
}
