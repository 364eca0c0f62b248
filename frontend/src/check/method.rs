//! `receiver.method(…)`: methods of types, of traits, of lists and models.

use super::body::FnCx;
use super::path::Value;
use super::place::Use;
use crate::ast::{self, GenericArgs};
use crate::errors::{calls, names, types};
use crate::resolve::suggest::nearest;
use crate::source::Span;
use crate::typed::{AdtId, AdtKind, Arg, Builtin, CallArg, Expr, ExprKind, FnId, FnRef, Ty};
use dprog_ir::entity::Entity;

/// What a method call leads to.
enum Method {
    Fn { id: FnId, callee: FnRef, args: Vec<Arg> },
    Builtin(Builtin),
    Save,
    Load,
    None,
}

impl<'a> FnCx<'_, 'a> {
    pub fn method_call(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a ast::Name,
        generics: Option<&'a GenericArgs>,
        args: &'a [ast::Arg],
        span: Span,
    ) -> Expr {
        let outer = std::mem::take(&mut self.hoisted);
        let made = self.method_inside(receiver, name, generics, args, span);
        let before = std::mem::replace(&mut self.hoisted, outer);
        self.after(before, made)
    }

    fn method_inside(
        &mut self,
        receiver: &'a ast::Expr,
        name: &'a ast::Name,
        generics: Option<&'a GenericArgs>,
        args: &'a [ast::Arg],
        span: Span,
    ) -> Expr {
        if self.path_with_dot(receiver, name) {
            return self.args_anyway(args, span);
        }
        // The receiver is read first to know its type; if the method changes it, it is read again as a place.
        let before = self.mark();
        let value = self.expr(receiver, None);
        let ty = self.structure(&value.ty);
        match self.find_method(&ty, name, generics, span) {
            Method::Fn { id, callee, args: generic } => {
                let Some(first) = self.cx.program.fns[id].params.first().filter(|_| self.cx.program.fns[id].is_method)
                else {
                    let shown = self.show(&ty);
                    let at = self.cx.program.fns[id].span;
                    self.report(calls::not_a_method(name, &shown, at));
                    return self.args_anyway(args, span);
                };
                let (inout, param_ty) = (first.inout, first.ty.clone());
                let subst = super::subst::Subst::new(&self.cx.program.fns[id].generics, &generic);
                let param_ty = subst.ty(&self.cx.program, &param_ty);
                let receiver = if inout {
                    self.rewind(before);
                    match self.place(receiver, Use::Receive) {
                        Some(place) => {
                            let _ = self.unify(&param_ty, &place.ty);
                            CallArg::Inout(place)
                        }
                        None => return self.args_anyway(args, span),
                    }
                } else {
                    CallArg::Value(self.coerce(value, &param_ty, None))
                };
                self.call_fn(id, callee, &generic, Some(receiver), args, None, span)
            }
            Method::Builtin(builtin) => self.list_method(builtin, receiver, value, (name, args), before, span),
            Method::Save => self.save_model(value, args, span),
            Method::Load => {
                self.rewind(before);
                self.load_model(receiver, args, span)
            }
            Method::None => {
                self.no_method(&ty, name, receiver.span);
                self.args_anyway(args, span)
            }
        }
    }

    /// State to return to when an expression is checked a second time, as a place.
    fn mark(&self) -> usize {
        self.literals.len()
    }

    fn rewind(&mut self, literals: usize) {
        self.literals.truncate(literals);
    }

    fn find_method(&mut self, ty: &Ty, name: &'a ast::Name, generics: Option<&'a GenericArgs>, span: Span) -> Method {
        match (ty, name.as_str()) {
            (Ty::Adt(id, _), _) => {
                if let Some((fn_id, mut args)) = self.find_inherent(*id, ty, &name.text) {
                    self.cx.enqueue(fn_id);
                    let all = self.cx.program.fns[fn_id].generics.clone();
                    let own = all[args.len()..].to_vec();
                    let at = self.cx.program.fns[fn_id].span;
                    let own_args = self.generic_args(&own, generics, span, (&name.text, at));
                    args.extend(own_args);
                    self.require_bounds(&all, &args, span);
                    return Method::Fn { id: fn_id, callee: FnRef::Fn(fn_id, args.clone()), args };
                }
                if matches!(self.cx.program.adts[*id].kind, AdtKind::Model(_)) {
                    match name.as_str() {
                        "save" => return Method::Save,
                        "load" => return Method::Load,
                        _ => {}
                    }
                }
            }
            (Ty::List(_), "push") => return Method::Builtin(Builtin::ListPush),
            (Ty::List(_), "pop") => return Method::Builtin(Builtin::ListPop),
            (Ty::List(_), "clear") => return Method::Builtin(Builtin::ListClear),
            (Ty::List(_) | Ty::Array(..) | Ty::Str, "len") => return Method::Builtin(Builtin::Len),
            _ => {}
        }
        let Some((of_trait, number, trait_args)) = self.find_trait_method(ty, &name.text) else { return Method::None };
        match self.trait_method_value(of_trait, number, ty.clone(), trait_args, generics, span) {
            Value::Method(of_trait, method, args) => {
                let id = self.cx.program.traits[of_trait].methods[method as usize];
                Method::Fn { id, callee: FnRef::Trait { of_trait, method, args: args.clone() }, args }
            }
            _ => Method::None,
        }
    }

    fn list_method(
        &mut self,
        builtin: Builtin,
        receiver: &'a ast::Expr,
        value: Expr,
        (name, args): (&'a ast::Name, &'a [ast::Arg]),
        before: usize,
        span: Span,
    ) -> Expr {
        let count = usize::from(builtin == Builtin::ListPush);
        if args.len() != count {
            self.report(calls::builtin_count(span, name.as_str(), &count.to_string(), args.len()));
            return self.args_anyway(args, span);
        }
        if builtin == Builtin::Len {
            let args = vec![CallArg::Value(value)];
            return self.make(ExprKind::Call { callee: FnRef::Builtin(builtin), args }, Ty::I64, span);
        }
        self.rewind(before);
        let Some(place) = self.place(receiver, Use::Receive) else { return self.args_anyway(args, span) };
        let Ty::List(element) = self.structure(&place.ty) else { return self.args_anyway(args, span) };
        let mut typed = vec![CallArg::Inout(place)];
        for arg in args {
            typed.push(self.arg(arg, false, &element, None));
        }
        let ty = if builtin == Builtin::ListPop { *element } else { Ty::UNIT };
        self.make(ExprKind::Call { callee: FnRef::Builtin(builtin), args: typed }, ty, span)
    }

    fn no_method(&mut self, ty: &Ty, name: &ast::Name, base: Span) {
        match ty {
            Ty::Error => return,
            Ty::Infer(v) if matches!(self.infer.var(*v), super::infer::TyVar::Free) => {
                self.report(types::must_be_known(base));
                return;
            }
            _ => {}
        }
        let shown = self.show(ty);
        let mut known: Vec<String> = match ty {
            Ty::Adt(id, _) => {
                self.cx.inherent.keys().filter(|(adt, _)| adt == id).map(|(_, n)| n.to_string()).collect()
            }
            Ty::List(_) => ["push", "pop", "len", "clear"].map(String::from).to_vec(),
            _ => Vec::new(),
        };
        known.sort();
        let near = nearest(&name.text, known.iter().map(String::as_str)).map(str::to_string);
        let mut diagnostic = names::no_method(name, &shown, near.as_deref());
        if let Ty::Adt(id, _) = ty {
            let field = self.cx.program.adts[*id].fields().iter().find(|f| f.name == name.text);
            if field.is_some_and(|f| matches!(f.ty, Ty::Fn(..))) {
                diagnostic = diagnostic.help(format!("to call the function in the field, write `(….{name})(…)`"));
            }
        }
        if let Ty::Param(_) = ty {
            let mut traits = self.cx.program.traits.values();
            let has = |t: &&crate::typed::TraitDef| t.methods.iter().any(|m| self.cx.program.fns[*m].name == name.text);
            if let Some(found) = traits.find(has) {
                let of = found.name.clone();
                diagnostic.helps = vec![format!("the trait `{of}` has it: write the bound, `<{shown}: {of}>`")];
            }
        }
        let is_free =
            self.cx.scopes.lookup(self.scope, &name.text).is_some() || super::known::known(&name.text).is_some();
        if is_free && near.is_none() {
            diagnostic = diagnostic.help(format!("`{name}` is a function: write `{name}(…)`"));
        }
        self.report(diagnostic);
    }

    /// An inherent function of a type whose `impl` fits the arguments, and the arguments of the `impl`'s generics.
    pub fn find_inherent(&mut self, id: AdtId, ty: &Ty, name: &str) -> Option<(FnId, Vec<Arg>)> {
        let candidates = self.cx.inherent.get(&(id, name.into()))?.clone();
        let single = candidates.len() == 1;
        for fn_id in candidates {
            let env = self.cx.fns[fn_id.index()].env.clone();
            let Some(target) = env.self_ty.clone() else { continue };
            let own = self.cx.fns[fn_id.index()].item().generics.len();
            let generics = env.generics[..env.generics.len() - own].to_vec();
            let args: Vec<Arg> = generics.iter().map(|g| self.fresh_arg(g)).collect();
            let target = super::subst::Subst::new(&generics, &args).ty(&self.cx.program, &target);
            if !single && !self.could_unify(&target, ty) {
                continue;
            }
            self.unify(&target, ty).ok()?;
            return Some((fn_id, args));
        }
        None
    }

    /// Whether two types could be equal; nothing is kept.
    pub fn could_unify(&mut self, a: &Ty, b: &Ty) -> bool {
        let (infer, pending) = (self.infer.snapshot(), self.pending.len());
        let result = self.unify(a, b).is_ok();
        self.infer.restore(infer);
        self.pending.truncate(pending);
        result
    }
}
