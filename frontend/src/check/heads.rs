//! What items say: fields, bounds, heads of functions. Runs when all names are known.

use super::body::{FnCx, Origin};
use super::collect::Declared;
use super::{Cx, Env, FnSource, subst};
use crate::ast::{self, FnItem, Item, ItemKind, Linkage, Payload};
use crate::errors::{items, unsupported};
use crate::resolve::scope::Def;
use crate::typed::{
    AdtId, AdtKind, Bound, CaseDef, Field, FieldRole, FnDef, FnId, Generic, GenericKind, Param, TraitId, Ty,
};
use dprog_ir::entity::Entity;
use std::rc::Rc;

/// Where a function stands, apart from its own text.
#[derive(Clone)]
pub(super) struct Owner {
    pub env: Rc<Env>,
    /// The type or trait in front of the name in messages.
    pub prefix: Option<String>,
}

impl<'a> Cx<'a> {
    /// Completes what [`Cx::declare`] has declared, and queues the bodies.
    pub(super) fn complete(&mut self, mut declared: Declared<'a>) {
        let Some(scope) = declared.scope else { return };
        for (id, item) in &declared.traits {
            self.trait_generics(*id, item, scope);
        }
        for id in &declared.adts {
            self.adt_bounds(*id);
        }
        // Functions have names before types are read: a size in a type may be a constant, never a function.
        let module = Owner { env: Rc::new(Env::of_scope(scope)), prefix: None };
        let free: Vec<FnId> = declared.free.iter().map(|(item, f)| self.reserve_fn(item, f, &module)).collect();
        for ((item, f), id) in declared.free.iter().zip(&free) {
            self.define(scope, &f.name, Def::Fn(*id), item.public);
        }
        let outer = std::mem::replace(&mut self.fields_open, true);
        for alias in std::mem::take(&mut declared.aliases) {
            let at = self.aliases[alias].item.name.span;
            self.alias(alias, at);
        }
        for id in &declared.adts {
            self.adt_fields(*id);
        }
        self.check_recursion(&declared.adts);
        self.fields_open = outer;
        self.normalise_fields(&declared.adts);
        for id in &declared.consts {
            self.const_type(*id);
        }
        for ((item, f), id) in declared.free.iter().zip(&free) {
            self.fn_head(*id, item, f, &module);
        }
        for (id, item) in &declared.traits {
            self.trait_methods(*id, item, &module);
        }
        for (id, item) in &declared.models {
            self.model_methods(*id, item);
        }
        for (id, item) in &declared.impls {
            self.impl_head(*id, item, &module);
        }
        for (id, _) in &declared.impls {
            self.check_impl(*id);
        }
        for id in free {
            // Functions of the library are checked when they are used.
            if !self.lazy {
                self.enqueue(id);
            }
        }
        for id in &declared.consts {
            self.check_const(*id);
        }
        for (id, item) in &declared.models {
            self.check_defaults(*id, item);
        }
    }

    fn trait_generics(&mut self, id: TraitId, item: &'a ast::TraitItem, scope: crate::resolve::scope::ScopeId) {
        let mut env = Env::of_scope(scope);
        let name = "Self".into();
        let self_id = self.fresh_generic(&name);
        env.generics.push(Generic { id: self_id, name, kind: GenericKind::Type(vec![]), span: item.name.span });
        self.declare_generics(&mut env, &item.generics);
        self.program.traits[id].generics = env.generics;
    }

    /// Puts the bounds into generic parameters that were declared without.
    pub(super) fn resolve_bounds(&mut self, env: &mut Env, params: &'a [ast::GenericParam]) {
        let shared = Rc::new(env.clone());
        for param in params {
            let ast::GenericParamKind::Type { bounds } = &param.kind else { continue };
            let found: Vec<Bound> = bounds
                .iter()
                .filter_map(|path| self.trait_ref(path, &shared))
                .map(|(of_trait, args)| Bound { of_trait, args })
                .collect();
            if let Some(generic) = env.generics.iter_mut().find(|g| g.span == param.name.span) {
                generic.kind = GenericKind::Type(found);
            }
        }
    }

    fn adt_bounds(&mut self, id: AdtId) {
        let params: &'a [ast::GenericParam] = match self.adt_item(id) {
            ItemKind::Struct(s) => &s.generics,
            ItemKind::Enum(e) => &e.generics,
            ItemKind::Model(m) => &m.generics,
            _ => &[],
        };
        let mut env = (*self.adts[id.index()].env).clone();
        self.resolve_bounds(&mut env, params);
        self.program.adts[id].generics = env.generics.clone();
        self.adts[id.index()].env = Rc::new(env);
    }

    fn adt_fields(&mut self, id: AdtId) {
        let env = self.adts[id.index()].env.clone();
        let kind = match self.adt_item(id) {
            ItemKind::Struct(s) => AdtKind::Struct(self.fields(s.fields.iter().map(|f| (f, FieldRole::Plain)), &env)),
            ItemKind::Model(m) => AdtKind::Model(self.fields(m.fields.iter().map(|f| (&f.field, role(f.role))), &env)),
            ItemKind::Enum(e) => AdtKind::Enum(e.cases.iter().map(|c| self.case(c, e, &env)).collect()),
            _ => return,
        };
        self.program.adts[id].kind = kind;
    }

    fn case(&mut self, case: &'a ast::Case, of: &'a ast::EnumItem, env: &Rc<Env>) -> CaseDef {
        if let Some(first) = of.cases.iter().find(|c| c.name.text == case.name.text && c.id != case.id) {
            if first.span.lo < case.span.lo {
                self.report(crate::errors::names::duplicate(&case.name, first.name.span));
            }
        }
        let (fields, named) = match &case.payload {
            Payload::None => (vec![], false),
            Payload::Tuple(types) => {
                let field = |(index, te): (usize, &'a ast::TypeExpr)| Field {
                    name: index.to_string().as_str().into(),
                    ty: self.head_type(te, env),
                    role: FieldRole::Plain,
                    default: None,
                    docs: None,
                    span: te.span,
                };
                (types.iter().enumerate().map(field).collect(), false)
            }
            Payload::Struct(fields) => (self.fields(fields.iter().map(|f| (f, FieldRole::Plain)), env), true),
        };
        CaseDef { name: case.name.text.clone(), fields, named, span: case.name.span }
    }

    fn fields(&mut self, list: impl Iterator<Item = (&'a ast::FieldDef, FieldRole)>, env: &Rc<Env>) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for (field, role) in list {
            if let Some(old) = fields.iter().find(|f| f.name == field.name.text) {
                let at = old.span;
                self.report(crate::errors::names::duplicate(&field.name, at));
            }
            let ty = self.head_type(&field.ty, env);
            fields.push(Field {
                name: field.name.text.clone(),
                ty,
                role,
                default: None,
                docs: field.docs.clone(),
                span: field.name.span,
            });
        }
        fields
    }

    /// `Tangent<T>` in fields was read before all fields were known.
    fn normalise_fields(&mut self, ids: &[AdtId]) {
        for id in ids {
            let mut kind = self.program.adts[*id].kind.clone();
            let fix = |cx: &Self, field: &mut Field| {
                field.ty = FnTypes { cx }.normal(&field.ty);
            };
            match &mut kind {
                AdtKind::Struct(fields) | AdtKind::Model(fields) => fields.iter_mut().for_each(|f| fix(self, f)),
                AdtKind::Enum(cases) => cases.iter_mut().flat_map(|c| &mut c.fields).for_each(|f| fix(self, f)),
            }
            self.program.adts[*id].kind = kind;
        }
    }

    fn trait_methods(&mut self, id: TraitId, item: &'a ast::TraitItem, module: &Owner) {
        let mut env = (*module.env).clone();
        env.generics = self.program.traits[id].generics.clone();
        env.self_ty = Some(Ty::Param(env.generics[0].id));
        self.resolve_bounds(&mut env, &item.generics);
        // Inside the trait, `Self` implements it.
        let args = subst::identity(&env.generics)[1..].to_vec();
        let shared = Rc::new(env.clone());
        let mut bounds = vec![Bound { of_trait: id, args }];
        bounds.extend(
            item.bounds
                .iter()
                .filter_map(|p| self.trait_ref(p, &shared))
                .map(|(of_trait, args)| Bound { of_trait, args }),
        );
        env.generics[0].kind = GenericKind::Type(bounds);
        self.program.traits[id].generics = env.generics.clone();
        let owner = Owner { env: Rc::new(env), prefix: Some(item.name.to_string()) };
        for method in &item.methods {
            let ItemKind::Fn(f) = &method.kind else { continue };
            let fn_id = self.reserve_fn(method, f, &owner);
            self.fn_head(fn_id, method, f, &owner);
            let number = self.program.traits[id].methods.len() as u32;
            if let Some(old) = self.method_named(id, &f.name.text) {
                let at = self.program.fns[old].span;
                self.report(crate::errors::names::duplicate(&f.name, at));
            }
            self.program.traits[id].methods.push(fn_id);
            self.trait_methods.entry(f.name.text.clone()).or_default().push((id, number));
            self.enqueue(fn_id);
        }
    }

    fn method_named(&self, id: TraitId, name: &str) -> Option<FnId> {
        self.program.traits[id].methods.iter().copied().find(|m| self.program.fns[*m].name == *name)
    }

    fn model_methods(&mut self, id: AdtId, item: &'a ast::ModelItem) {
        let env = self.adts[id.index()].env.clone();
        let owner = Owner { env, prefix: Some(item.name.to_string()) };
        for method in &item.methods {
            let ItemKind::Fn(f) = &method.kind else { continue };
            let fn_id = self.reserve_fn(method, f, &owner);
            self.fn_head(fn_id, method, f, &owner);
            self.add_inherent(id, f, fn_id);
        }
    }

    /// Makes a method findable on its type.
    pub(super) fn add_inherent(&mut self, id: AdtId, f: &FnItem, fn_id: FnId) {
        self.inherent.entry((id, f.name.text.clone())).or_default().push(fn_id);
        if !self.lazy {
            self.enqueue(fn_id);
        }
    }

    /// Makes an entry for a function whose head is read later.
    pub(super) fn reserve_fn(&mut self, item: &'a Item, f: &'a FnItem, owner: &Owner) -> FnId {
        let has = |name: &str| item.attrs.iter().any(|a| a.name.as_str() == name);
        let display = match &owner.prefix {
            Some(prefix) => format!("{prefix}::{}", f.name).as_str().into(),
            None => f.name.text.clone(),
        };
        self.fns.push(FnSource { item: Some(f), env: owner.env.clone(), locals: Default::default(), queued: false });
        self.program.fns.push(FnDef {
            name: f.name.text.clone(),
            display,
            generics: vec![],
            params: vec![],
            result: Ty::Error,
            computed_sizes: vec![],
            body: None,
            is_method: f.receiver.is_some(),
            is_test: has("test"),
            is_bench: has("bench"),
            public: item.public,
            span: f.head,
        })
    }

    /// Reads generics, parameters and result.
    pub(super) fn fn_head(&mut self, id: FnId, item: &'a Item, f: &'a FnItem, owner: &Owner) {
        match f.linkage {
            Linkage::Plain => {}
            Linkage::Extern => self.report(unsupported::extern_fn(f.head)),
            Linkage::Export if self.modules.last() != Some(&owner.env.scope) => {
                self.report(crate::errors::exports::inside(f.head));
            }
            Linkage::Export => {}
        }
        for attr in &item.attrs {
            if owner.prefix.is_some() && attr.name.as_str() == "checkpoint" {
                self.report(unsupported::checkpoint(attr.span));
            }
        }
        let mut env = (*owner.env).clone();
        self.declare_generics(&mut env, &f.generics);
        self.resolve_bounds(&mut env, &f.generics);
        let env = Rc::new(env);
        let mut fcx = FnCx::new(self, env.clone());
        let params = fcx.head_params(f);
        fcx.computed = Some(Vec::new());
        let result = f.result.as_ref().map_or(Ty::UNIT, |te| fcx.ty(te));
        let computed = fcx.computed.take().unwrap_or_default();
        let locals = std::mem::take(&mut fcx.locals);
        self.fns[id.index()].env = env.clone();
        self.fns[id.index()].locals = locals;
        let def = &mut self.program.fns[id];
        def.generics = env.generics.clone();
        def.params = params;
        def.result = result;
        def.computed_sizes = computed;
        if def.name == "main" && owner.prefix.is_none() && !def.params.is_empty() {
            self.report(items::main_with_parameters(f));
        }
        let def = &self.program.fns[id];
        let runs_alone = def.params.is_empty() && def.generics.is_empty() && def.result.is_unit();
        if (def.is_test || def.is_bench) && !runs_alone {
            let attribute = if def.is_test { "@test" } else { "@bench" };
            self.report(items::attributed_with_parameters(f, attribute));
        }
    }
}

impl<'a> FnCx<'_, 'a> {
    fn head_params(&mut self, f: &'a FnItem) -> Vec<Param> {
        let mut params = Vec::new();
        if let Some(receiver) = &f.receiver {
            let ty = self.env.self_ty.clone().unwrap_or(Ty::Error);
            if ty == Ty::Error {
                self.report(crate::errors::names::self_outside(receiver.span));
            }
            let name: ast::Symbol = "self".into();
            let local = self.local(&name, ty.clone(), receiver.inout, receiver.span, Origin::Receiver);
            self.names.push((name.clone(), local));
            params.push(Param { name, ty, inout: receiver.inout, local, default: None, span: receiver.span });
        }
        for param in &f.params {
            if let Some(old) = params.iter().find(|p| p.name == param.name.text && p.name != "_") {
                let at = old.span;
                self.report(crate::errors::names::duplicate(&param.name, at));
            }
            let ty = self.ty(&param.ty);
            let local = self.bind(&param.name, ty.clone(), param.inout, Origin::Param);
            let default = param.default.as_ref().map(|e| self.default_value(e, &ty, param));
            params.push(Param {
                name: param.name.text.clone(),
                ty,
                inout: param.inout,
                local,
                default,
                span: param.name.span,
            });
        }
        params
    }

    /// A default sees the generics of the function, not its parameters.
    fn default_value(&mut self, e: &'a ast::Expr, ty: &Ty, param: &ast::Param) -> crate::typed::Body {
        let mut fcx = FnCx::new(self.cx, self.env.clone());
        fcx.push_frame(ty.clone(), param.ty.span, false);
        let value = fcx.check(e, ty, Some((param.ty.span, "the type of the parameter")));
        fcx.into_body(value)
    }
}

/// Types outside of bodies.
struct FnTypes<'c, 'a> {
    cx: &'c Cx<'a>,
}

impl FnTypes<'_, '_> {
    /// Any substitution rebuilds a type and computes the tangent types in it.
    fn normal(&self, ty: &Ty) -> Ty {
        let mut subst = subst::Subst::default();
        subst.insert_local(crate::typed::LocalId::from_index(u32::MAX as usize), Default::default());
        subst.ty(&self.cx.program, ty)
    }
}

fn role(role: ast::FieldRole) -> FieldRole {
    match role {
        ast::FieldRole::Param => FieldRole::Param,
        ast::FieldRole::State => FieldRole::State,
        ast::FieldRole::Plain => FieldRole::Plain,
    }
}
