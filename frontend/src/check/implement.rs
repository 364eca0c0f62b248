//! `impl` blocks, constants and defaults of models.

use super::body::FnCx;
use super::generic::heads_agree;
use super::heads::Owner;
use super::subst::Subst;
use super::{Cx, Env};
use crate::ast::{self, ItemKind};
use crate::errors::{items, names};
use crate::resolve::suggest::nearest;
use crate::typed::{AdtId, AdtKind, Arg, ConstId, FieldDefault, FieldRole, FnId, GenericKind, ImplId, TraitId, Ty};
use dprog_ir::entity::Entity;
use std::rc::Rc;

impl<'a> Cx<'a> {
    pub(super) fn impl_head(&mut self, id: ImplId, item: &'a ast::ImplItem, module: &Owner) {
        let mut env: Env = (*module.env).clone();
        self.declare_generics(&mut env, &item.generics);
        self.resolve_bounds(&mut env, &item.generics);
        let shared = Rc::new(env.clone());
        let target = self.head_type(&item.target, &shared);
        env.self_ty = Some(target.clone());
        let shared = Rc::new(env.clone());
        let of_trait = item.of_trait.as_ref().map(|path| self.trait_ref(path, &shared));
        let prefix = match (&target, &of_trait) {
            (Ty::Adt(adt, _), _) => self.program.adts[*adt].name.to_string(),
            (other, _) => self.show(other),
        };
        let owner = Owner { env: shared, prefix: Some(prefix) };
        let methods: Vec<(FnId, &'a ast::FnItem)> = item
            .methods
            .iter()
            .filter_map(|m| match &m.kind {
                ItemKind::Fn(f) => {
                    let fn_id = self.reserve_fn(m, f, &owner);
                    self.fn_head(fn_id, m, f, &owner);
                    Some((fn_id, f))
                }
                _ => None,
            })
            .collect();
        let def = &mut self.program.impls[id];
        def.generics = env.generics.clone();
        def.target = target.clone();
        match of_trait {
            None => self.inherent_impl(id, &target, &methods, item),
            Some(None) => {}
            Some(Some((of_trait, args))) => self.trait_impl(id, of_trait, args, &methods, item),
        }
    }

    fn inherent_impl(&mut self, id: ImplId, target: &Ty, methods: &[(FnId, &'a ast::FnItem)], item: &'a ast::ImplItem) {
        self.program.impls[id].methods = methods.iter().map(|(m, _)| Some(*m)).collect();
        let Ty::Adt(adt, _) = target else {
            if *target != Ty::Error {
                let shown = self.show(target);
                self.report(items::inherent_impl_of(item.target.span, &shown));
            }
            return;
        };
        for (fn_id, f) in methods {
            self.check_double_method(*adt, f, *fn_id);
            self.add_inherent(*adt, f, *fn_id);
        }
    }

    /// Two methods of one name, or one of the name of a case.
    fn check_double_method(&mut self, adt: AdtId, f: &ast::FnItem, fn_id: FnId) {
        if let Some(old) = self.inherent.get(&(adt, f.name.text.clone())) {
            let old = old[0];
            let same = self.fns[old.index()].env.self_ty.clone() == self.fns[fn_id.index()].env.self_ty.clone()
                || self.fns[old.index()].env.generics.len() == self.program.fns[old].generics.len();
            let at = self.fns[old.index()].item().name.span;
            if same && self.same_target(old, fn_id) {
                self.report(names::duplicate(&f.name, at));
            }
        }
    }

    /// Whether two methods belong to `impl`s of types with a value in common, as far as the arguments show.
    fn same_target(&self, a: FnId, b: FnId) -> bool {
        let args = |id: FnId| match &self.fns[id.index()].env.self_ty {
            Some(Ty::Adt(_, args)) => args.clone(),
            _ => Vec::new(),
        };
        args(a).iter().zip(&args(b)).all(|(x, y)| match (x, y) {
            (Arg::Ty(Ty::Param(_)), Arg::Ty(_)) | (Arg::Ty(_), Arg::Ty(Ty::Param(_))) => true,
            (Arg::Ty(x), Arg::Ty(y)) => x == y,
            (Arg::Size(x), Arg::Size(y)) => x == y || x.as_constant().is_none() || y.as_constant().is_none(),
            _ => true,
        })
    }

    fn trait_impl(
        &mut self,
        id: ImplId,
        of_trait: TraitId,
        args: Vec<Arg>,
        methods: &[(FnId, &'a ast::FnItem)],
        item: &'a ast::ImplItem,
    ) {
        let wanted = self.program.traits[of_trait].methods.clone();
        let trait_name = self.program.traits[of_trait].name.clone();
        let mut found: Vec<Option<FnId>> = vec![None; wanted.len()];
        for (fn_id, f) in methods {
            match wanted.iter().position(|m| self.program.fns[*m].name == f.name.text) {
                Some(number) if found[number].is_none() => found[number] = Some(*fn_id),
                Some(number) => {
                    let at = found[number].map_or(f.name.span, |old| self.fns[old.index()].item().name.span);
                    self.report(names::duplicate(&f.name, at));
                }
                None => {
                    let near = nearest(&f.name.text, wanted.iter().map(|m| self.program.fns[*m].name.as_str()));
                    let at = self.program.traits[of_trait].span;
                    let diagnostic = items::not_in_trait(&f.name, &trait_name, near, at);
                    self.report(diagnostic);
                }
            }
            self.enqueue(*fn_id);
        }
        let def = &mut self.program.impls[id];
        def.methods = found;
        def.of_trait = Some((of_trait, args));
        if let Some(other) = self.overlapping_impl(id, of_trait) {
            let (shown, at) = (self.show(&self.program.impls[id].target), self.program.impls[other].span);
            self.report(items::conflicting_impls(item.target.span, &trait_name, &shown, at));
            return;
        }
        self.trait_impls.entry(of_trait).or_default().push(id);
    }

    fn overlapping_impl(&mut self, id: ImplId, of_trait: TraitId) -> Option<ImplId> {
        let others = self.trait_impls.get(&of_trait).cloned().unwrap_or_default();
        let target = self.program.impls[id].target.clone();
        others
            .into_iter()
            .find(|other| heads_agree(&target, &self.program.impls[*other].target) && self.impls_overlap(id, *other))
    }

    fn impls_overlap(&mut self, a: ImplId, b: ImplId) -> bool {
        let env = Rc::new(Env::of_scope(self.modules[0]));
        let mut fcx = FnCx::new(self, env);
        let mut types = Vec::new();
        for id in [a, b] {
            let def = fcx.cx.program.impls[id].clone();
            let args: Vec<Arg> = def.generics.iter().map(|g| fcx.fresh_arg(g)).collect();
            let subst = Subst::new(&def.generics, &args);
            let mut parts = vec![subst.ty(&fcx.cx.program, &def.target)];
            if let Some((_, list)) = &def.of_trait {
                parts.extend(list.iter().filter_map(|a| match a {
                    Arg::Ty(ty) => Some(subst.ty(&fcx.cx.program, ty)),
                    Arg::Size(_) => None,
                }));
            }
            types.push(parts);
        }
        types[0].iter().zip(&types[1]).all(|(x, y)| *x != Ty::Error && *y != Ty::Error && fcx.could_unify(x, y))
    }

    /// An `impl` of a trait has all methods without a default, with the heads that the trait gives.
    pub(super) fn check_impl(&mut self, id: ImplId) {
        let def = self.program.impls[id].clone();
        let Some((of_trait, args)) = def.of_trait else { return };
        let trait_def = self.program.traits[of_trait].clone();
        let missing: Vec<String> = trait_def
            .methods
            .iter()
            .zip(&def.methods)
            .filter(|(m, given)| given.is_none() && self.fns[m.index()].item().body.is_none())
            .map(|(m, _)| self.program.fns[*m].name.to_string())
            .collect();
        if !missing.is_empty() {
            let shown = self.show(&def.target);
            self.report(items::missing_methods(def.span, &trait_def.name, &shown, &missing, trait_def.span));
        }
        let mut all = vec![Arg::Ty(def.target.clone())];
        all.extend(args);
        for (wanted, given) in trait_def.methods.iter().zip(&def.methods) {
            if let Some(given) = given {
                self.compare_heads(*wanted, *given, &trait_def.generics, &all);
            }
        }
        self.check_super_traits(&trait_def, &def.target, &all, &def.generics, def.span);
    }

    /// `trait A: B`: who implements `A` implements `B`.
    fn check_super_traits(
        &mut self,
        of: &crate::typed::TraitDef,
        target: &Ty,
        all: &[Arg],
        generics: &[crate::typed::Generic],
        span: crate::source::Span,
    ) {
        let GenericKind::Type(bounds) = &of.generics[0].kind else { return };
        let subst = Subst::new(&of.generics, all);
        let own = of.name.clone();
        let mut env = Env::of_scope(self.modules[0]);
        env.generics = generics.to_vec();
        let env = Rc::new(env);
        for bound in bounds {
            if self.program.traits[bound.of_trait].name == own {
                continue;
            }
            let args = bound.args.iter().map(|a| subst.arg(&self.program, a)).collect();
            let bound = crate::typed::Bound { of_trait: bound.of_trait, args };
            let met = FnCx::new(self, env.clone()).implements(target, &bound);
            if !met {
                let (shown, at) = (self.show(target), self.program.traits[bound.of_trait].span);
                let name = self.program.traits[bound.of_trait].name.clone();
                self.report(items::bound_not_met(span, &shown, &name, at));
            }
        }
    }

    fn compare_heads(&mut self, wanted: FnId, given: FnId, trait_generics: &[crate::typed::Generic], all: &[Arg]) {
        let (w, g) = (self.program.fns[wanted].clone(), self.program.fns[given].clone());
        let own = self.fns[given.index()].item().generics.len();
        let given_own = g.generics[g.generics.len() - own..].to_vec();
        let wanted_own = w.generics[trait_generics.len()..].to_vec();
        let mut subst = Subst::new(trait_generics, all);
        let kinds = |list: &[crate::typed::Generic]| {
            list.iter().map(|p| matches!(p.kind, GenericKind::Size)).collect::<Vec<_>>()
        };
        let mut fits =
            kinds(&given_own) == kinds(&wanted_own) && w.params.len() == g.params.len() && w.is_method == g.is_method;
        if fits {
            for (a, b) in wanted_own.iter().zip(super::subst::identity(&given_own)) {
                subst.insert(a.id, b);
            }
            for (a, b) in w.computed_sizes.iter().zip(super::subst::identity(&g.computed_sizes)) {
                subst.insert(a.id, b);
            }
            let same = |cx: &Self, a: &Ty, b: &Ty| {
                let a = subst.ty(&cx.program, a);
                a == *b || a == Ty::Error || *b == Ty::Error
            };
            fits = w.params.iter().zip(&g.params).all(|(a, b)| a.inout == b.inout && same(self, &a.ty, &b.ty))
                && same(self, &w.result, &g.result);
        }
        if !fits {
            let wanted_head = self.head_text(&w, &subst);
            self.report(items::other_head(g.span, &g.name, &wanted_head, w.span));
        }
    }

    /// A head as text, as a trait demands it.
    fn head_text(&self, def: &crate::typed::FnDef, subst: &Subst) -> String {
        let params: Vec<String> = def
            .params
            .iter()
            .map(|p| {
                let inout = if p.inout { "inout " } else { "" };
                match p.name.as_str() {
                    "self" => format!("{inout}self"),
                    name => format!("{name}: {inout}{}", self.show(&subst.ty(&self.program, &p.ty))),
                }
            })
            .collect();
        let result = subst.ty(&self.program, &def.result);
        let result = if result.is_unit() { String::new() } else { format!(" -> {}", self.show(&result)) };
        format!("fn {}({}){result}", def.name, params.join(", "))
    }

    /// The declared types of constants: known before any body is read.
    pub(super) fn const_type(&mut self, id: ConstId) {
        let (item, scope) = (self.consts[id.index()].item, self.consts[id.index()].scope);
        if self.consts[id.index()].number == Some(None) && self.consts[id.index()].open {
            return;
        }
        self.program.consts[id].ty = self.head_type(&item.ty, &Rc::new(Env::of_scope(scope)));
    }

    pub(super) fn check_const(&mut self, id: ConstId) {
        let (item, scope) = (self.consts[id.index()].item, self.consts[id.index()].scope);
        let ty = self.program.consts[id].ty.clone();
        let mut fcx = FnCx::new(self, Rc::new(Env::of_scope(scope)));
        fcx.push_frame(ty.clone(), item.ty.span, false);
        let value = fcx.check(&item.value, &ty, Some((item.ty.span, "the type is declared here")));
        let body = fcx.into_body(value);
        self.program.consts[id].value = body.value;
        self.program.consts[id].locals = body.locals;
    }

    /// Values and initialisers of a model's fields.
    pub(super) fn check_defaults(&mut self, id: AdtId, item: &'a ast::ModelItem) {
        let env = self.adts[id.index()].env.clone();
        for (index, model_field) in item.fields.iter().enumerate() {
            let Some(default) = &model_field.field.default else { continue };
            let Some(field) = self.program.adts[id].fields().get(index).cloned() else { continue };
            let mut fcx = FnCx::new(self, env.clone());
            fcx.push_frame(field.ty.clone(), model_field.field.ty.span, false);
            let (initializer, value) = fcx.field_default(default, &field.ty, model_field.field.ty.span);
            let body = fcx.into_body(value);
            let made = match initializer {
                Some(initializer) => FieldDefault::Initializer(initializer, body),
                None => FieldDefault::Value(body),
            };
            if let AdtKind::Model(fields) = &mut self.program.adts[id].kind {
                fields[index].default = Some(made);
            }
        }
        for (index, model_field) in item.fields.iter().enumerate() {
            let field = self.program.adts[id].fields()[index].clone();
            let discrete = field.role == FieldRole::Param && !super::tangent::has_tangent(&self.program, &field.ty);
            if discrete && field.ty != Ty::Error {
                let shown = self.show(&field.ty);
                self.report(items::param_without_tangent(model_field.field.ty.span, &field.name, &shown));
            }
        }
    }
}
