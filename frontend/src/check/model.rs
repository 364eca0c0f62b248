//! Models: `Net::init(&rng, …)`, defaults of fields, `save` and `load`.

use super::body::{FnCx, Origin};
use super::expr::field_names;
use super::known;
use super::place::Use;
use super::subst::Subst;
use super::tangent;
use crate::ast;
use crate::errors::{calls, items, models};
use crate::source::Span;
use crate::typed::{AdtId, Arg, Expr, ExprKind, Field, FnId, FnRef, Initializer, Place, Ty};
use crate::typed::{CallArg, FnParamTy};

impl<'a> FnCx<'_, 'a> {
    /// `Net::init(&rng, rate: 0.1)`: fields that are named are given, the others drawn or their defaults.
    pub fn model_init(&mut self, adt: AdtId, generic: Vec<Arg>, args: &'a [ast::Arg], span: Span) -> Expr {
        let ty = Ty::Adt(adt, generic.clone());
        let failed = Expr { kind: ExprKind::Error, ty: ty.clone(), span };
        let def = &self.cx.program.adts[adt];
        let (fields, name, at) = (def.fields().to_vec(), def.name.clone(), def.span);
        let subst = Subst::new(&def.generics, &generic);
        let Some((rng, rest)) = args.split_first().filter(|(first, _)| first.name.is_none()) else {
            self.report(models::needs_rng(span, &name));
            self.args_anyway(args, span);
            return failed;
        };
        let rng = self.rng_place(rng);
        let mut given: Vec<Option<Expr>> = fields.iter().map(|_| None).collect();
        for arg in rest {
            self.init_field(arg, &fields, &subst, &mut given, (&name, at));
        }
        let missing: Vec<&str> = (0..fields.len())
            .filter(|i| given[*i].is_none() && !self.starts_by_itself(adt, *i, &fields[*i]))
            .map(|i| fields[i].name.as_str())
            .collect();
        if !missing.is_empty() {
            self.report(models::init_missing(span, &name, &missing, at));
            return failed;
        }
        match rng {
            Some(rng) => self.make(ExprKind::ModelInit { adt, args: generic, rng, fields: given }, ty, span),
            None => failed,
        }
    }

    fn rng_place(&mut self, arg: &'a ast::Arg) -> Option<Place> {
        let Some(rng) = self.cx.program.lang.rng else {
            self.expr(&arg.value, None);
            self.report(models::rng_not_imported(arg.span));
            return None;
        };
        match self.arg(arg, true, &Ty::Adt(rng, vec![]), None) {
            CallArg::Inout(place) => Some(place),
            CallArg::Value(_) | CallArg::Default => None,
        }
    }

    fn init_field(
        &mut self,
        arg: &'a ast::Arg,
        fields: &[Field],
        subst: &Subst,
        given: &mut [Option<Expr>],
        (name, at): (&str, Span),
    ) {
        let Some(field_name) = &arg.name else {
            self.expr(&arg.value, None);
            self.report(models::init_positional(arg.span));
            return;
        };
        let Some(index) = fields.iter().position(|f| f.name == field_name.text) else {
            let near = crate::resolve::suggest::nearest(&field_name.text, fields.iter().map(|f| f.name.as_str()));
            self.report(crate::errors::names::no_field(field_name, name, near, Some(at), &field_names(fields)));
            self.expr(&arg.value, None);
            return;
        };
        if given[index].is_some() {
            self.report(items::field_twice(field_name));
        }
        let ty = subst.ty(&self.cx.program, &fields[index].ty);
        if let CallArg::Value(value) =
            self.arg(arg, false, &ty, Some((fields[index].span, "the field is declared here")))
        {
            given[index] = Some(value);
        }
    }

    /// Whether a field needs no value from the caller. The defaults themselves may not have been checked yet.
    fn starts_by_itself(&self, adt: AdtId, index: usize, field: &Field) -> bool {
        let has_default = match self.cx.adt_item(adt) {
            ast::ItemKind::Model(m) => m.fields[index].field.default.is_some(),
            _ => false,
        };
        has_default || tangent::is_model(&self.cx.program, &field.ty)
    }

    /// What stands behind `=` of a model's field: an initialiser, or a value that may draw from `rng`.
    pub fn field_default(&mut self, e: &'a ast::Expr, ty: &Ty, at: Span) -> (Option<Initializer>, Expr) {
        if let Some((initializer, count, args)) = self.initializer_call(e) {
            return (Some(initializer), self.initializer_args(e, initializer, count, args, ty, at));
        }
        if let Some(rng) = self.cx.program.lang.rng {
            let name: ast::Symbol = "rng".into();
            let local = self.local(&name, Ty::Adt(rng, vec![]), true, e.span, Origin::Param);
            self.names.push((name, local));
        }
        (None, self.check(e, ty, Some((at, "the type of the field"))))
    }

    /// `he_normal()`, unless the program has a function of that name.
    fn initializer_call(&self, e: &'a ast::Expr) -> Option<(Initializer, usize, &'a [ast::Arg])> {
        let ast::ExprKind::Call { callee, args } = &e.kind else { return None };
        let ast::ExprKind::Path(path) = &callee.kind else { return None };
        let name = path.as_name()?;
        if self.cx.scopes.lookup(self.scope, &name.text).is_some() {
            return None;
        }
        known::initializer(&name.text).map(|(initializer, count)| (initializer, count, args.as_slice()))
    }

    fn initializer_args(
        &mut self,
        e: &'a ast::Expr,
        initializer: Initializer,
        count: usize,
        args: &'a [ast::Arg],
        ty: &Ty,
        at: Span,
    ) -> Expr {
        let leaf = self.leaf(ty);
        if !matches!(leaf, Ty::Error) && !leaf.is_float() {
            let shown = self.show(ty);
            self.report(models::initializer_of(e.span, &shown, at));
        }
        if args.len() != count {
            self.report(calls::builtin_count(e.span, initializer_name(initializer), &count.to_string(), args.len()));
        }
        let values: Vec<Expr> = args.iter().map(|a| self.check(&a.value, &Ty::F64, None)).collect();
        let ty = Ty::Tuple(values.iter().map(|_| Ty::F64).collect());
        self.make(ExprKind::Tuple(values), ty, e.span)
    }

    /// `net.save("file.safetensors")`: a function of `std` that visits the leaves.
    pub fn save_model(&mut self, model: Expr, args: &'a [ast::Arg], span: Span) -> Expr {
        let Some(path) = self.path_arg(args, "save", span) else { return self.error(span) };
        let Some(id) = self.prelude_fn("__save_tensors") else { return self.error(span) };
        let leaves = self.leaves_of(model);
        let made = self.std_call(id, vec![], vec![CallArg::Value(path)], span);
        let begin = self.prelude_fn("__begin_tensors").map(|id| self.std_call(id, vec![], vec![], span));
        let mut stmts: Vec<crate::typed::Stmt> = begin.into_iter().map(crate::typed::Stmt::Expr).collect();
        stmts.extend(leaves.into_iter().map(crate::typed::Stmt::Expr));
        self.after(stmts, made)
    }

    /// The call that hands all leaves to the set that is being saved.
    fn leaves_of(&mut self, model: Expr) -> Option<Expr> {
        let span = model.span;
        let id = self.prelude_fn("__add_tensor")?;
        let f = self.std_fn(id, span);
        let args = vec![CallArg::Value(model), CallArg::Value(f)];
        let callee = FnRef::Builtin(crate::typed::Builtin::VisitLeaves);
        Some(self.make(ExprKind::Call { callee, args }, Ty::UNIT, span))
    }

    /// `net.load("file.safetensors")`: every leaf becomes what the file has under its name.
    pub fn load_model(&mut self, receiver: &'a ast::Expr, args: &'a [ast::Arg], span: Span) -> Expr {
        let Some(path) = self.path_arg(args, "load", span) else { return self.error(span) };
        let Some(place) = self.place(receiver, Use::Receive) else { return self.error(span) };
        let (Some(open), Some(get)) = (self.prelude_fn("__open_tensors"), self.prelude_fn("__get_tensor")) else {
            return self.error(span);
        };
        let open = self.std_call(open, vec![], vec![CallArg::Value(path)], span);
        let f = self.std_fn(get, span);
        let args = vec![CallArg::Inout(place), CallArg::Value(f)];
        let callee = FnRef::Builtin(crate::typed::Builtin::LoadLeaves);
        let load = self.make(ExprKind::Call { callee, args }, Ty::UNIT, span);
        self.after(vec![crate::typed::Stmt::Expr(open)], load)
    }

    fn path_arg(&mut self, args: &'a [ast::Arg], name: &str, span: Span) -> Option<Expr> {
        let [arg] = args else {
            self.report(calls::builtin_count(span, name, "1", args.len()));
            self.args_anyway(args, span);
            return None;
        };
        match self.arg(arg, false, &Ty::Str, None) {
            CallArg::Value(path) => Some(path),
            CallArg::Inout(_) | CallArg::Default => None,
        }
    }

    /// A function of the prelude that programs cannot name.
    fn prelude_fn(&mut self, name: &str) -> Option<FnId> {
        let prelude = self.cx.modules[0];
        match self.cx.scopes.get(prelude).names.get(name)?.def {
            crate::resolve::scope::Def::Fn(id) => {
                self.cx.enqueue(id);
                Some(id)
            }
            _ => None,
        }
    }

    fn std_call(&mut self, id: FnId, generic: Vec<Arg>, args: Vec<CallArg>, span: Span) -> Expr {
        let ty = self.cx.program.fns[id].result.clone();
        self.make(ExprKind::Call { callee: FnRef::Fn(id, generic), args }, ty, span)
    }

    fn std_fn(&mut self, id: FnId, span: Span) -> Expr {
        let def = &self.cx.program.fns[id];
        let params = def.params.iter().map(|p| FnParamTy { inout: p.inout, ty: p.ty.clone() }).collect();
        let ty = Ty::Fn(params, Box::new(def.result.clone()));
        self.make(ExprKind::FnRef(FnRef::Fn(id, vec![])), ty, span)
    }
}

fn initializer_name(initializer: Initializer) -> &'static str {
    match initializer {
        Initializer::Zeros => "zeros",
        Initializer::Ones => "ones",
        Initializer::HeNormal => "he_normal",
        Initializer::Glorot => "glorot",
        Initializer::Normal => "normal",
        Initializer::Uniform => "uniform",
    }
}
