//! Types as written become types.

use super::body::FnCx;
use super::body::MAX_TYPE;
use super::infer::Infer;
use super::subst::Subst;
use super::{AliasState, Cx, Env};
use crate::ast::{self, GenericArg, TypeKind};
use crate::errors::{items, names, types};
use crate::resolve::scope::Def;
use crate::resolve::suggest::nearest;
use crate::source::Span;
use crate::typed::{Arg, FnParamTy, Generic, GenericKind, Size, SizeAtom, Ty};
use dprog_ir::Scalar;
use dprog_ir::entity::Entity;
use std::rc::Rc;

/// Names of types that the language itself has.
const BUILT_IN: &[&str] = &["f64", "f32", "i64", "i32", "u8", "bool", "str", "List", "Tangent", "Self"];

/// The scalar type of this name.
pub(super) fn scalar_named(name: &str) -> Option<Scalar> {
    Scalar::ALL.into_iter().find(|s| s.name() == name)
}

impl<'a> FnCx<'_, 'a> {
    /// The type that is written here. In a head nothing stays open: what could not be read is an error.
    pub fn ty(&mut self, te: &'a ast::TypeExpr) -> Ty {
        let ty = self.written_type(te);
        if self.frames.is_empty() && super::size::has_open_size(&ty) { Ty::Error } else { ty }
    }

    fn written_type(&mut self, te: &'a ast::TypeExpr) -> Ty {
        match &te.kind {
            TypeKind::Path(path) => self.path_type(path),
            TypeKind::Array { element, sizes } => {
                let element = self.ty(element);
                let sizes = sizes.iter().map(|s| self.written_size(s)).collect();
                Ty::array(element, sizes)
            }
            TypeKind::Tuple(parts) => Ty::Tuple(parts.iter().map(|t| self.ty(t)).collect()),
            TypeKind::Fn { params, result } => {
                let params = params.iter().map(|p| FnParamTy { inout: p.inout, ty: self.ty(&p.ty) }).collect();
                let result = result.as_ref().map_or(Ty::UNIT, |t| self.ty(t));
                Ty::Fn(params, Box::new(result))
            }
            TypeKind::Error => Ty::Error,
        }
    }

    fn written_size(&mut self, size: &'a ast::Size) -> Size {
        match size {
            ast::Size::Expr(e) => self.size_expr(e),
            ast::Size::Some(_, name) => self.computed_size(name),
        }
    }

    /// `some k`: a new size if a result type is being read; a second `some k` is the same one.
    fn computed_size(&mut self, name: &ast::Name) -> Size {
        let Some(known) = &self.computed else {
            self.report(types::some_outside_result(name));
            return self.infer.size();
        };
        if let Some(old) = known.iter().find(|g| g.name == name.text) {
            return Size::atom(SizeAtom::Param(old.id));
        }
        let id = self.cx.fresh_generic(&name.text);
        let generic = Generic { id, name: name.text.clone(), kind: GenericKind::Size, span: name.span };
        self.computed.get_or_insert_with(Vec::new).push(generic);
        Size::atom(SizeAtom::Param(id))
    }

    /// The type that a path names.
    pub fn path_type(&mut self, path: &'a ast::Path) -> Ty {
        let first = &path.segments[0];
        if path.segments.len() == 1
            && let Some(ty) = self.own_type(&first.name, first.args.as_ref(), path.span)
        {
            return ty;
        }
        let Some((def, used)) = self.cx.resolve_item(self.scope, path) else {
            return self.unknown_type(first);
        };
        if used < path.segments.len() && def != Def::Error {
            let segment = &path.segments[used];
            self.report(names::not_a_type(segment.name.span, &segment.name.text));
            return Ty::Error;
        }
        let segment = &path.segments[used - 1];
        self.type_of_def(def, segment.args.as_ref(), path.span, &segment.name)
    }

    /// Types that are no items: generic parameters, `Self`, the built-in ones.
    fn own_type(&mut self, name: &ast::Name, args: Option<&'a ast::GenericArgs>, span: Span) -> Option<Ty> {
        if let Some(generic) = self.env.generic(&name.text) {
            let (id, at) = (generic.id, generic.span);
            if matches!(generic.kind, GenericKind::Size) {
                self.report(names::size_as_type(name, at));
                return Some(Ty::Error);
            }
            return Some(Ty::Param(id));
        }
        if name.as_str() == "Self" {
            let ty = self.env.self_ty.clone();
            if ty.is_none() {
                self.report(names::self_outside(name.span));
            }
            return Some(ty.unwrap_or(Ty::Error));
        }
        // A function may be called as a type is, `f32`, but is none.
        let known = self.cx.scopes.lookup(self.scope, &name.text);
        if known.is_some_and(|entry| !matches!(entry.def, Def::Fn(_) | Def::Const(_))) {
            return None;
        }
        if let Some(scalar) = scalar_named(name.as_str()) {
            return Some(Ty::Scalar(scalar));
        }
        match name.as_str() {
            "str" => Some(Ty::Str),
            "List" => Some(Ty::List(Box::new(self.only_arg(args, span, "List")))),
            "Tangent" => {
                let of = self.only_arg(args, span, "Tangent");
                Some(if self.cx.fields_open { Ty::Tangent(Box::new(of)) } else { self.tangent(&of) })
            }
            _ => None,
        }
    }

    /// The argument of `List<…>` and `Tangent<…>`.
    fn only_arg(&mut self, args: Option<&'a ast::GenericArgs>, span: Span, of: &str) -> Ty {
        match args.map(|a| a.args.as_slice()) {
            Some([arg]) => self.type_arg(arg),
            None | Some([]) if !self.frames.is_empty() => self.infer.fresh(),
            given => {
                let count = given.map_or(0, <[GenericArg]>::len);
                self.report(items::generic_count(span, of, 1, count, None));
                Ty::Error
            }
        }
    }

    fn type_arg(&mut self, arg: &'a GenericArg) -> Ty {
        match arg {
            GenericArg::Type(te) => self.ty(te),
            GenericArg::Name(_, path) => self.path_type(path),
            GenericArg::Size(e) => {
                self.report(types::size_for_type(e.span));
                Ty::Error
            }
        }
    }

    fn unknown_type(&mut self, segment: &ast::PathSegment) -> Ty {
        let generics = self.env.generics.iter().map(|g| g.name.as_str());
        let visible = self.cx.scopes.visible(self.scope).filter(|n| n.starts_with(char::is_uppercase));
        let known = visible.chain(generics).chain(BUILT_IN.iter().copied());
        let diagnostic = names::unknown_type(&segment.name, nearest(&segment.name.text, known));
        self.report(diagnostic);
        Ty::Error
    }

    fn type_of_def(&mut self, def: Def, args: Option<&'a ast::GenericArgs>, span: Span, name: &ast::Name) -> Ty {
        match def {
            Def::Adt(id) => {
                let generics = self.cx.program.adts[id].generics.clone();
                let at = self.cx.program.adts[id].span;
                let args = self.generic_args(&generics, args, span, (&name.text, at));
                Ty::Adt(id, args)
            }
            Def::Alias(index) => {
                let (generics, ty) = self.cx.alias(index, span);
                let ty = if self.cx.fields_open { ty } else { self.resolve(&ty) };
                let at = self.cx.aliases[index].item.name.span;
                let args = self.generic_args(&generics, args, span, (&name.text, at));
                Subst::new(&generics, &args).ty(&self.cx.program, &ty)
            }
            Def::Error => Ty::Error,
            Def::Trait(_) => {
                self.report(names::trait_as_type(span, &name.text));
                Ty::Error
            }
            Def::Fn(_) | Def::Case(..) | Def::Const(_) | Def::Module(_) => {
                self.report(names::not_a_type(span, &name.text));
                Ty::Error
            }
        }
    }

    /// Arguments for parameters: those given, then inferred ones in bodies. In heads all must be given.
    pub fn generic_args(
        &mut self,
        generics: &[Generic],
        given: Option<&'a ast::GenericArgs>,
        span: Span,
        (name, at): (&str, Span),
    ) -> Vec<Arg> {
        let list = given.map_or(&[][..], |g| &g.args);
        let in_head = self.frames.is_empty();
        if list.len() > generics.len() || (in_head && list.len() < generics.len()) {
            let place = given.map_or(span, |g| g.span);
            self.report(items::generic_count(place, name, generics.len(), list.len(), Some(at)));
        }
        let mut args = Vec::with_capacity(generics.len());
        for (index, generic) in generics.iter().enumerate() {
            args.push(match list.get(index) {
                Some(arg) => self.generic_arg(generic, arg),
                None if in_head => match generic.kind {
                    GenericKind::Size => Arg::Size(self.infer.size()),
                    GenericKind::Type(_) => Arg::Ty(Ty::Error),
                },
                None => self.fresh_arg(generic),
            });
        }
        args
    }

    pub fn fresh_arg(&mut self, generic: &Generic) -> Arg {
        match generic.kind {
            GenericKind::Size => Arg::Size(self.infer.size()),
            GenericKind::Type(_) => Arg::Ty(self.infer.fresh()),
        }
    }

    fn generic_arg(&mut self, generic: &Generic, arg: &'a GenericArg) -> Arg {
        match generic.kind {
            GenericKind::Type(_) => Arg::Ty(self.type_arg(arg)),
            GenericKind::Size => Arg::Size(match arg {
                GenericArg::Size(e) => self.size_expr(e),
                GenericArg::Name(_, path) => self.size_path(path),
                GenericArg::Type(te) => {
                    self.report(types::type_for_size(te.span, &generic.name));
                    self.infer.size()
                }
            }),
        }
    }

    /// A name in the place of a size.
    fn size_path(&mut self, path: &'a ast::Path) -> Size {
        if self.is_no_size(path) {
            return self.infer.size();
        }
        let value = self.path_value(path, None, path.span);
        let value = self.coerce(value, &Ty::I64, None);
        if value.ty == Ty::Error {
            return self.infer.size();
        }
        match self.size_form(&value) {
            Some(size) => size,
            None => {
                self.report(types::not_a_size(path.span, None));
                self.infer.size()
            }
        }
    }
}

impl<'a> Cx<'a> {
    /// A type that is written in the head of something.
    pub(super) fn head_type(&mut self, te: &'a ast::TypeExpr, env: &Rc<Env>) -> Ty {
        FnCx::new(self, env.clone()).ty(te)
    }

    /// The parameters and the meaning of a `type`.
    pub(super) fn alias(&mut self, index: usize, at: Span) -> (Vec<Generic>, Ty) {
        let (item, scope) = (self.aliases[index].item, self.aliases[index].scope);
        match &self.aliases[index].state {
            AliasState::Done(generics, ty) => return (generics.clone(), ty.clone()),
            AliasState::Open => {
                self.report(items::cyclic_alias(item, at));
                return (Vec::new(), Ty::Error);
            }
            AliasState::New => {}
        }
        self.aliases[index].state = AliasState::Open;
        let mut env = Env::of_scope(scope);
        self.declare_generics(&mut env, &item.generics);
        let generics = env.generics.clone();
        let mut ty = self.head_type(&item.ty, &Rc::new(env));
        if !Infer::default().fits(&ty, &mut { MAX_TYPE }) {
            self.report(types::too_large(item.name.span, MAX_TYPE));
            ty = Ty::Error;
        }
        self.aliases[index].state = AliasState::Done(generics.clone(), ty.clone());
        (generics, ty)
    }

    /// Which trait a path names, with arguments for its parameters after `Self`.
    pub(super) fn trait_ref(
        &mut self,
        path: &'a ast::Path,
        env: &Rc<Env>,
    ) -> Option<(crate::typed::TraitId, Vec<Arg>)> {
        let name = &path.last().name;
        let (def, used) = match self.resolve_item(env.scope, path) {
            Some(found) => found,
            None => {
                let known = self.scopes.visible(env.scope).filter(|n| n.starts_with(char::is_uppercase));
                let diagnostic = names::unknown_trait(name, nearest(&name.text, known));
                self.report(diagnostic);
                return None;
            }
        };
        let Def::Trait(id) = def else {
            if def != Def::Error {
                self.report(names::not_a_trait(name));
            }
            return None;
        };
        let generics: Vec<Generic> = self.program.traits[id].generics.iter().skip(1).cloned().collect();
        let at = self.program.traits[id].span;
        let given = path.segments[used - 1].args.as_ref();
        let mut args = FnCx::new(self, env.clone()).generic_args(&generics, given, path.span, (&name.text, at));
        for arg in &mut args {
            if matches!(arg, Arg::Size(s) if super::infer::mentions_infer(s)) {
                *arg = Arg::Size(Size::default());
            }
        }
        Some((id, args))
    }

    /// The enum, struct or model behind an id, as syntax.
    pub(super) fn adt_item(&self, id: crate::typed::AdtId) -> &'a ast::ItemKind {
        self.adts[id.index()].item
    }
}
