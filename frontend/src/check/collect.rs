//! Items of a module or of a block: first all names, so that order does not matter, then what they say.

use super::{AdtSource, Alias, AliasState, ConstSource, Cx, Env};
use crate::ast::{self, Item, ItemKind, Name};
use crate::errors::{names, unsupported};
use crate::resolve::Loaded;
use crate::resolve::scope::{Def, Entry, ScopeId};
use crate::typed::{AdtDef, AdtId, AdtKind, ConstDef, ConstId, Generic, GenericKind, ImplId, TraitDef, TraitId, Ty};
use std::rc::Rc;

/// What a list of items has declared: to be completed once all names around are known.
#[derive(Default)]
pub(super) struct Declared<'a> {
    pub adts: Vec<AdtId>,
    pub aliases: Vec<usize>,
    pub traits: Vec<(TraitId, &'a ast::TraitItem)>,
    pub impls: Vec<(ImplId, &'a ast::ImplItem)>,
    pub consts: Vec<ConstId>,
    pub models: Vec<(AdtId, &'a ast::ModelItem)>,
    pub free: Vec<(&'a Item, &'a ast::FnItem)>,
    pub scope: Option<ScopeId>,
}

impl<'a> Declared<'a> {
    /// Adds what other items have declared.
    pub fn append(&mut self, mut other: Declared<'a>) {
        self.adts.append(&mut other.adts);
        self.aliases.append(&mut other.aliases);
        self.traits.append(&mut other.traits);
        self.impls.append(&mut other.impls);
        self.consts.append(&mut other.consts);
        self.models.append(&mut other.models);
        self.free.append(&mut other.free);
    }
}

impl<'a> Cx<'a> {
    /// Enters the names of items into a scope.
    pub(super) fn declare(&mut self, scope: ScopeId, list: &'a [Item]) -> Declared<'a> {
        let mut declared = Declared { scope: Some(scope), ..Declared::default() };
        for item in list {
            self.declare_item(scope, item, &mut declared);
        }
        declared
    }

    fn declare_item(&mut self, scope: ScopeId, item: &'a Item, declared: &mut Declared<'a>) {
        for attr in &item.attrs {
            self.check_attr(attr);
        }
        match &item.kind {
            // Imports are entered when the modules are known; in blocks the parser refuses them.
            ItemKind::Use(_) => {}
            ItemKind::Const(c) => {
                let value =
                    crate::typed::Expr { kind: crate::typed::ExprKind::Error, ty: Ty::Error, span: c.value.span };
                let def = ConstDef {
                    name: c.name.text.clone(),
                    ty: Ty::Error,
                    value,
                    locals: Default::default(),
                    span: c.name.span,
                };
                let id = self.program.consts.push(def);
                self.consts.push(ConstSource { item: c, scope, open: false, number: None });
                declared.consts.push(id);
                self.define(scope, &c.name, Def::Const(id), item.public);
            }
            ItemKind::Type(t) => {
                self.aliases.push(Alias { item: t, scope, state: AliasState::New });
                declared.aliases.push(self.aliases.len() - 1);
                self.define(scope, &t.name, Def::Alias(self.aliases.len() - 1), item.public);
            }
            ItemKind::Struct(s) => drop(self.declare_adt(scope, item, &s.name, &s.generics, declared)),
            ItemKind::Enum(e) => {
                let id = self.declare_adt(scope, item, &e.name, &e.generics, declared);
                // The cases of `Option` and `Result` may be used bare.
                if self.scopes.get(scope).is_std && self.scopes.get(scope).parent.is_none() {
                    for (number, case) in e.cases.iter().enumerate() {
                        self.define(scope, &case.name, Def::Case(id, number as u32), true);
                    }
                }
            }
            ItemKind::Model(m) => {
                let id = self.declare_adt(scope, item, &m.name, &m.generics, declared);
                declared.models.push((id, m));
            }
            ItemKind::Trait(t) => {
                let def = TraitDef { name: t.name.text.clone(), generics: vec![], methods: vec![], span: t.name.span };
                let id = self.program.traits.push(def);
                declared.traits.push((id, t));
                self.define(scope, &t.name, Def::Trait(id), item.public);
            }
            ItemKind::Impl(i) => {
                let def = crate::typed::ImplDef {
                    generics: vec![],
                    of_trait: None,
                    target: Ty::Error,
                    methods: vec![],
                    span: i.target.span,
                };
                declared.impls.push((self.program.impls.push(def), i));
            }
            ItemKind::Fn(f) => declared.free.push((item, f)),
            ItemKind::Derivative(_) => self.report(unsupported::derivative(item.span)),
            ItemKind::Export(_) if self.modules.last() != Some(&scope) => {
                self.report(crate::errors::exports::inside(item.span));
            }
            // They are looked at when all names are known.
            ItemKind::Export(_) => {}
        }
    }

    fn check_attr(&mut self, attr: &ast::Attr) {
        // The parser has refused attributes that mean nothing.
        if attr.name.as_str() == "checkpoint" {
            self.report(unsupported::checkpoint(attr.span));
        }
    }

    fn declare_adt(
        &mut self,
        scope: ScopeId,
        item: &'a Item,
        name: &Name,
        params: &'a [ast::GenericParam],
        declared: &mut Declared<'a>,
    ) -> AdtId {
        let mut env = Env::of_scope(scope);
        self.declare_generics(&mut env, params);
        let id = self.program.adts.push(AdtDef {
            name: name.text.clone(),
            generics: env.generics.clone(),
            kind: match item.kind {
                ItemKind::Enum(_) => AdtKind::Enum(vec![]),
                ItemKind::Model(_) => AdtKind::Model(vec![]),
                _ => AdtKind::Struct(vec![]),
            },
            public: item.public,
            docs: item.docs.clone(),
            span: name.span,
        });
        env.self_ty = Some(Ty::Adt(id, super::subst::identity(&env.generics)));
        self.adts.push(AdtSource { item: &item.kind, env: Rc::new(env) });
        declared.adts.push(id);
        self.define(scope, name, Def::Adt(id), item.public);
        id
    }

    /// Adds generic parameters without their bounds, which may name what is not declared yet.
    pub(super) fn declare_generics(&mut self, env: &mut Env, params: &[ast::GenericParam]) {
        for param in params {
            if let Some(old) = env.generic(&param.name.text) {
                let old = old.span;
                self.report(names::duplicate(&param.name, old));
                continue;
            }
            let kind = match param.kind {
                ast::GenericParamKind::Size => GenericKind::Size,
                ast::GenericParamKind::Type { .. } => GenericKind::Type(vec![]),
            };
            let id = self.fresh_generic(&param.name.text);
            env.generics.push(Generic { id, name: param.name.text.clone(), kind, span: param.name.span });
        }
    }

    /// Enters a name, or reports both places that define it.
    pub(super) fn define(&mut self, scope: ScopeId, name: &Name, def: Def, public: bool) {
        let entry = Entry { def, span: name.span, public };
        if let Some(old) = self.scopes.define(scope, &name.text, entry) {
            self.report(names::duplicate(name, old.span));
        }
    }

    /// Enters what a module imports.
    pub(super) fn import(&mut self, scope: ScopeId, module: &Loaded) {
        for import in &module.imports {
            let def = match import.module {
                None => Def::Error,
                Some(from) if import.rest.is_empty() => Def::Module(from),
                Some(from) => self.find_import(self.modules[from], module.is_std, &import.rest),
            };
            let entry = Entry { def, span: import.local.span, public: import.public };
            if let Some(old) = self.scopes.define(scope, &import.local.text, entry) {
                self.report(names::duplicate(&import.local, old.span));
            }
        }
    }

    fn find_import(&mut self, from: ScopeId, importer_is_std: bool, rest: &[Name]) -> Def {
        let Some(entry) = self.scopes.get(from).names.get(&rest[0].text).copied() else {
            let known = self.scopes.get(from).names.iter().filter(|(_, e)| e.public).map(|(n, _)| n.as_str());
            let diagnostic = names::not_in_module(&rest[0], crate::resolve::suggest::nearest(&rest[0].text, known));
            self.report(diagnostic);
            return Def::Error;
        };
        if !entry.public && !importer_is_std {
            self.report(names::private(&rest[0], entry.span));
        }
        match (entry.def, rest) {
            (def, [_]) => def,
            (Def::Adt(id), [_, case]) => match self.case_number(id, &case.text) {
                Some(number) => Def::Case(id, number),
                None => {
                    self.report(names::no_such_case(case, &self.program.adts[id].name.clone(), None));
                    Def::Error
                }
            },
            (_, [_, second, ..]) => {
                self.report(names::not_in_module(second, None));
                Def::Error
            }
            (_, []) => Def::Error,
        }
    }

    /// The number of a case, from the syntax: usable before types are known.
    pub(super) fn case_number(&self, id: AdtId, name: &str) -> Option<u32> {
        use dprog_ir::entity::Entity;
        match self.adts[id.index()].item {
            ItemKind::Enum(e) => e.cases.iter().position(|c| c.name.text == *name).map(|n| n as u32),
            _ => None,
        }
    }

    /// What a path of items means, and how many of its segments are used up: for `nn::Net::init` that is two.
    /// Private items are reported; unknown names are not.
    pub(super) fn resolve_item(&mut self, scope: ScopeId, path: &ast::Path) -> Option<(Def, usize)> {
        let mut entry = self.scopes.lookup(scope, &path.segments[0].name.text)?;
        let mut used = 1;
        while let (Def::Module(module), Some(segment)) = (entry.def, path.segments.get(used)) {
            let Some(next) = self.scopes.get(self.modules[module]).names.get(&segment.name.text).copied() else {
                let known = self.scopes.get(self.modules[module]).names.iter().filter(|(_, e)| e.public);
                let nearest = crate::resolve::suggest::nearest(&segment.name.text, known.map(|(n, _)| n.as_str()));
                let diagnostic = names::not_in_module(&segment.name, nearest);
                self.report(diagnostic);
                return Some((Def::Error, path.segments.len()));
            };
            if !next.public && !self.scopes.get(scope).is_std {
                self.report(names::private(&segment.name, next.span));
            }
            entry = next;
            used += 1;
        }
        Some((entry.def, used))
    }
}
