//! Calls: of functions, methods, cases, function values.

use super::body::FnCx;
use super::path::Value;
use super::place::Use;
use super::subst::Subst;
use crate::ast;
use crate::errors::{calls, types};
use crate::source::Span;
use crate::typed::{AdtId, Arg, CallArg, Expr, ExprKind, FnDef, FnId, FnParamTy, FnRef, Param, Place, Stmt, Ty};

/// Whether types in a signature name earlier parameters.
pub(super) fn depends_on_params(def: &FnDef) -> bool {
    let depends = |ty: &Ty| !super::size::locals_of(ty).is_empty();
    def.params.iter().any(|p| depends(&p.ty)) || depends(&def.result)
}

impl<'a> FnCx<'_, 'a> {
    pub fn call(&mut self, callee: &'a ast::Expr, args: &'a [ast::Arg], want: Option<&Ty>, span: Span) -> Expr {
        let outer = std::mem::take(&mut self.hoisted);
        let made = self.call_inside(callee, args, want, span);
        let before = std::mem::replace(&mut self.hoisted, outer);
        self.after(before, made)
    }

    fn call_inside(&mut self, callee: &'a ast::Expr, args: &'a [ast::Arg], want: Option<&Ty>, span: Span) -> Expr {
        let ast::ExprKind::Path(path) = &callee.kind else {
            return self.call_value(callee, args, span);
        };
        match self.resolve_value(path) {
            Value::Error => self.args_anyway(args, span),
            Value::Fn(id, generic) => {
                self.call_fn(id, FnRef::Fn(id, generic.clone()), &generic, None, args, want, span)
            }
            Value::Method(of_trait, method, generic) => {
                let id = self.cx.program.traits[of_trait].methods[method as usize];
                let callee = FnRef::Trait { of_trait, method, args: generic.clone() };
                self.call_fn(id, callee, &generic, None, args, want, span)
            }
            Value::Case(adt, case, generic) => self.call_case(adt, case, generic, args, want, span),
            Value::Known(known) => self.call_known(known, path, args, want, span),
            Value::Init(adt, generic) => self.model_init(adt, generic, args, span),
            Value::ListNew(element) => self.list_new(element, args, want, span),
            Value::ListFrom(element) => self.list_from(element, args, span),
            Value::Local(_) | Value::Size(_) | Value::Const(_) | Value::Unit(..) => self.call_value(callee, args, span),
        }
    }

    /// Checks arguments of a call that is wrong anyway.
    pub fn args_anyway(&mut self, args: &'a [ast::Arg], span: Span) -> Expr {
        for arg in args {
            self.expr(&arg.value, None);
        }
        self.error(span)
    }

    /// A call of a function value.
    fn call_value(&mut self, callee: &'a ast::Expr, args: &'a [ast::Arg], span: Span) -> Expr {
        let callee = match self.closure_of_differential(callee, args) {
            Some(callee) => callee,
            None => self.expr(callee, None),
        };
        let ty = self.structure(&callee.ty);
        let (params, result) = match ty {
            Ty::Fn(params, result) => (params, *result),
            Ty::Error => return self.args_anyway(args, span),
            Ty::Infer(_) if self.is_free(&ty) => {
                let params: Vec<FnParamTy> =
                    args.iter().map(|a| FnParamTy { inout: a.inout.is_some(), ty: self.infer.fresh() }).collect();
                let result = self.infer.fresh();
                let _ = self.unify(&ty, &Ty::Fn(params.clone(), Box::new(result.clone())));
                (params, result)
            }
            other => {
                let shown = self.show(&other);
                self.report(calls::not_a_function(callee.span, &shown));
                return self.args_anyway(args, span);
            }
        };
        if let Some(named) = args.iter().find_map(|a| a.name.as_ref()) {
            self.report(calls::named_of_value(named));
        }
        if params.len() != args.len() {
            let shown = self.show(&callee.ty);
            self.report(calls::count_of_value(
                span,
                params.len(),
                args.len(),
                &shown,
                super::differential::wanted_arguments(&callee),
            ));
            return self.args_anyway(args, span);
        }
        let mut places = Vec::new();
        let values = self.value_args(&params, args);
        for arg in &values {
            if let CallArg::Inout(place) = arg {
                places.push(place.clone());
            }
        }
        self.check_overlap(&places.iter().collect::<Vec<_>>());
        self.make(ExprKind::CallValue { callee: Box::new(callee), args: values }, result, span)
    }

    /// Arguments by position; closures last, when the others have said what types are.
    fn value_args(&mut self, params: &[FnParamTy], args: &'a [ast::Arg]) -> Vec<CallArg> {
        let mut typed: Vec<Option<CallArg>> = args.iter().map(|_| None).collect();
        for late in [false, true] {
            for (index, arg) in args.iter().enumerate() {
                if is_closure(&arg.value) == late {
                    typed[index] = Some(self.arg(arg, params[index].inout, &params[index].ty, None));
                }
            }
        }
        typed.into_iter().flatten().collect()
    }

    /// One argument for one parameter.
    pub fn arg(&mut self, arg: &'a ast::Arg, inout: bool, ty: &Ty, param: Option<(Span, &str)>) -> CallArg {
        match (inout, arg.inout) {
            (true, None) => {
                self.report(calls::needs_ampersand(arg.span, param));
                self.expr(&arg.value, None);
                CallArg::Value(self.error(arg.span))
            }
            (false, Some(ampersand)) => {
                self.report(calls::unwanted_ampersand(ampersand, arg.value.span, param));
                self.expr(&arg.value, None);
                CallArg::Value(self.error(arg.span))
            }
            (false, None) => CallArg::Value(self.check(&arg.value, ty, param)),
            (true, Some(_)) => match self.place(&arg.value, Use::Lend) {
                Some(place) => {
                    self.at = place.span;
                    if self.unify(ty, &place.ty).is_err() {
                        let kind = ExprKind::Local(place.local);
                        let value = Expr { kind, ty: place.ty.clone(), span: place.span };
                        self.mismatch(ty, &value, param);
                    }
                    CallArg::Inout(place)
                }
                None => CallArg::Value(self.error(arg.span)),
            },
        }
    }

    /// A call of a function that is named. `receiver` is the first argument of a method call.
    #[expect(clippy::too_many_arguments, reason = "what a call consists of")]
    pub fn call_fn(
        &mut self,
        id: FnId,
        callee: FnRef,
        generic: &[Arg],
        receiver: Option<CallArg>,
        args: &'a [ast::Arg],
        want: Option<&Ty>,
        span: Span,
    ) -> Expr {
        let def = &self.cx.program.fns[id];
        let (params, name, at) = (def.params.clone(), def.display.clone(), def.span);
        let (generics, result, computed) = (def.generics.clone(), def.result.clone(), def.computed_sizes.clone());
        let mut subst = Subst::new(&generics, generic);
        for size in &computed {
            subst.insert(size.id, Arg::Size(self.infer.size()));
        }
        let depends = depends_on_params(def);
        if let (Some(want), false) = (want, depends) {
            self.hint_result(&subst.ty(&self.cx.program, &result), want);
        }
        let first = usize::from(receiver.is_some());
        let slots = self.slots(&params[first..], args, (&name, at), span);
        let Some(slots) = slots else {
            args.iter().for_each(|a| drop(self.expr(&a.value, None)));
            let ty = subst.ty(&self.cx.program, &result);
            return Expr { kind: ExprKind::Error, ty: if super::unify::has_free(&ty) { Ty::Error } else { ty }, span };
        };
        let mut before = Vec::new();
        let mut typed: Vec<Option<CallArg>> = receiver.into_iter().map(Some).collect();
        typed.resize_with(params.len(), || None);
        for late in [false, true] {
            for (index, slot) in slots.iter().enumerate() {
                let Some(arg) = slot else { continue };
                if is_closure(&arg.value) != late {
                    continue;
                }
                let param = &params[first + index];
                let ty = subst.ty(&self.cx.program, &param.ty);
                let value = self.arg(arg, param.inout, &ty, Some((param.span, "the parameter is declared here")));
                let value = if depends { self.bind_param(param, value, &mut subst, &mut before) } else { value };
                typed[first + index] = Some(value);
            }
        }
        let typed: Vec<CallArg> = typed.into_iter().map(|a| a.unwrap_or(CallArg::Default)).collect();
        let places: Vec<&Place> = typed.iter().filter_map(place_of).collect();
        self.check_overlap(&places);
        let ty = subst.ty(&self.cx.program, &result);
        let call = self.make(ExprKind::Call { callee, args: typed }, ty, span);
        let call = if computed.is_empty() { call } else { self.bind_computed(call) };
        self.after(before, call)
    }

    /// What is wanted of the result may say what generic arguments are. It is a hint: nothing is reported, and nothing that
    /// could be wrong is kept.
    fn hint_result(&mut self, result: &Ty, want: &Ty) {
        let (result, want) = (self.resolve(result), self.resolve(want));
        if let (Ty::Adt(a, _), Ty::Adt(b, _)) = (&result, &want)
            && a == b
            && !super::unify::has_free(&want)
        {
            let _ = self.unify(&result, &want);
        }
    }

    /// A parameter that later types name as a size stands for the argument.
    fn bind_param(&mut self, param: &Param, value: CallArg, subst: &mut Subst, before: &mut Vec<Stmt>) -> CallArg {
        let CallArg::Value(value) = value else { return value };
        if param.ty != Ty::I64 || param.inout || value.ty == Ty::Error {
            return CallArg::Value(value);
        }
        let (value, size) = self.force_size(value, before);
        subst.insert_local(param.local, size);
        CallArg::Value(value)
    }

    /// The argument for each parameter; `None` where the default holds. Reports what does not fit.
    fn slots(
        &mut self,
        params: &[Param],
        args: &'a [ast::Arg],
        (name, at): (&str, Span),
        span: Span,
    ) -> Option<Vec<Option<&'a ast::Arg>>> {
        let mut slots: Vec<Option<&'a ast::Arg>> = vec![None; params.len()];
        let positional = args.iter().filter(|a| a.name.is_none()).count();
        if positional > params.len() {
            self.report(calls::too_many(args[params.len()].span, name, params.len(), args.len(), at));
            return None;
        }
        for (index, arg) in args.iter().enumerate() {
            let slot = match &arg.name {
                // Behind a named argument, which is a mistake that has been reported.
                None if index >= params.len() => return None,
                None => index,
                Some(n) => match params.iter().position(|p| p.name == n.text) {
                    Some(slot) => slot,
                    None => {
                        let near = crate::resolve::suggest::nearest(&n.text, params.iter().map(|p| p.name.as_str()));
                        self.report(calls::no_such_parameter(n, name, near, at));
                        return None;
                    }
                },
            };
            if slots[slot].is_some() {
                self.report(calls::given_twice(arg.span, &params[slot].name));
                return None;
            }
            slots[slot] = Some(arg);
        }
        let missing: Vec<&Param> =
            params.iter().zip(&slots).filter(|(p, s)| s.is_none() && p.default.is_none()).map(|(p, _)| p).collect();
        if !missing.is_empty() {
            let names: Vec<&str> = missing.iter().map(|p| p.name.as_str()).collect();
            self.report(calls::missing(span, name, &names, params.len(), args.len(), at));
            return None;
        }
        Some(slots)
    }

    /// `Shape::Circle(1.0)`
    fn call_case(
        &mut self,
        adt: AdtId,
        case: u32,
        generic: Vec<Arg>,
        args: &'a [ast::Arg],
        want: Option<&Ty>,
        span: Span,
    ) -> Expr {
        let def = &self.cx.program.adts[adt];
        let (subst, ty) = (Subst::new(&def.generics, &generic), Ty::Adt(adt, generic.clone()));
        let case_def = def.cases()[case as usize].clone();
        if let Some(want) = want {
            self.hint_result(&ty, want);
        }
        if case_def.named && !case_def.fields.is_empty() {
            let inside: Vec<String> = case_def.fields.iter().map(|f| format!("{}: …", f.name)).collect();
            self.report(types::case_needs_braces(span, &case_def.name, case_def.span, &inside.join(", ")));
            return self.args_anyway(args, span);
        }
        if case_def.fields.len() != args.len() {
            let at = case_def.span;
            self.report(crate::errors::patterns::payload_count(
                span,
                &case_def.name,
                case_def.fields.len(),
                args.len(),
                at,
            ));
            return self.args_anyway(args, span);
        }
        if let Some(named) = args.iter().find_map(|a| a.name.as_ref()) {
            self.report(calls::named_of_value(named));
        }
        let mut fields = Vec::new();
        for (field, arg) in case_def.fields.iter().zip(args) {
            let field_ty = subst.ty(&self.cx.program, &field.ty);
            match self.arg(arg, false, &field_ty, Some((field.span, "the case is declared here"))) {
                CallArg::Value(value) => fields.push(value),
                CallArg::Inout(_) | CallArg::Default => fields.push(self.error(arg.span)),
            }
        }
        let order = (0..fields.len() as u32).collect();
        self.make(ExprKind::Case { adt, args: generic, case, fields, order }, ty, span)
    }
}

fn is_closure(e: &ast::Expr) -> bool {
    matches!(e.kind, ast::ExprKind::Closure { .. })
}

fn place_of(arg: &CallArg) -> Option<&Place> {
    match arg {
        CallArg::Inout(place) => Some(place),
        CallArg::Value(_) | CallArg::Default => None,
    }
}
