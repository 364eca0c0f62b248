//! Names and paths as values and as callees.

use super::body::FnCx;
use super::known::{self, Known};
use super::subst::Subst;
use crate::ast::{self, GenericArgs, Path};
use crate::errors::{calls, names, types};
use crate::resolve::scope::Def;
use crate::resolve::suggest::nearest;
use crate::source::Span;
use crate::typed::{
    AdtId, AdtKind, Arg, Bound, Builtin, Expr, ExprKind, FnId, FnParamTy, FnRef, GenericKind, Literal, LocalId, Size,
    SizeAtom, TraitId, Ty,
};
use dprog_ir::BinaryOp;

/// What a path in an expression means.
pub(super) enum Value {
    Local(LocalId),
    Size(Size),
    Const(crate::typed::ConstId),
    Fn(FnId, Vec<Arg>),
    /// A method of a trait: `args` begin with the type that stands for `Self`.
    Method(TraitId, u32, Vec<Arg>),
    Case(AdtId, u32, Vec<Arg>),
    /// `Net::init` of a model.
    Init(AdtId, Vec<Arg>),
    /// A struct without fields, named alone.
    Unit(AdtId, Vec<Arg>),
    Known(Known),
    ListNew(Ty),
    ListFrom(Ty),
    /// Reported.
    Error,
}

impl<'a> FnCx<'_, 'a> {
    /// Finds out what a path means.
    pub fn resolve_value(&mut self, path: &'a Path) -> Value {
        let first = &path.segments[0];
        if path.segments.len() == 1
            && first.args.is_none()
            && let Some(value) = self.own_value(&first.name)
        {
            return value;
        }
        if path.segments.len() == 2
            && let Some(ty) = self.type_parameter(&first.name.text)
        {
            return self.associated(&ty, &path.segments[1], path.span);
        }
        let Some((def, used)) = self.cx.resolve_item(self.scope, path) else {
            return self.built_in_value(path);
        };
        let rest = &path.segments[used..];
        let segment = &path.segments[used - 1];
        match (def, rest) {
            (Def::Error, _) => Value::Error,
            (Def::Fn(id), []) => self.function(id, segment.args.as_ref(), path.span),
            (Def::Const(id), []) => Value::Const(id),
            (Def::Case(adt, case), []) => {
                let args = self.adt_args(adt, None, path.span);
                Value::Case(adt, case, args)
            }
            (Def::Adt(id), []) if self.is_unit_struct(id) => {
                let args = self.adt_args(id, segment.args.as_ref(), path.span);
                Value::Unit(id, args)
            }
            (Def::Adt(_) | Def::Alias(_), [member]) => {
                let ty = self.type_before(path, used);
                self.associated(&ty, member, path.span)
            }
            (Def::Trait(id), [member]) => self.trait_function(id, segment.args.as_ref(), member, path.span),
            (_, [extra, ..]) => {
                self.report(names::nothing_inside(&extra.name, &segment.name.text));
                Value::Error
            }
            (Def::Adt(id), []) if !matches!(self.cx.program.adts[id].kind, AdtKind::Enum(_)) => {
                let (fields, is_model) = self.literal_of(id);
                self.report(names::struct_called(path.span, &segment.name.text, &fields, is_model));
                Value::Error
            }
            (_, []) => {
                self.report(names::not_a_value(path.span, &segment.name.text));
                Value::Error
            }
        }
    }

    /// A local or a size parameter.
    fn own_value(&mut self, name: &ast::Name) -> Option<Value> {
        if let Some(local) = self.lookup(&name.text) {
            return Some(Value::Local(local));
        }
        let generic = self.env.generic(&name.text)?;
        if matches!(generic.kind, GenericKind::Size) {
            return Some(Value::Size(Size::atom(SizeAtom::Param(generic.id))));
        }
        self.report(names::not_a_value(name.span, &name.text));
        Some(Value::Error)
    }

    /// `Self`, or a generic type parameter.
    fn type_parameter(&self, name: &str) -> Option<Ty> {
        if name == "Self" {
            return self.env.self_ty.clone();
        }
        let generic = self.env.generic(name)?;
        matches!(generic.kind, GenericKind::Type(_)).then_some(Ty::Param(generic.id))
    }

    /// The type in front of the last `::`.
    fn type_before(&mut self, path: &'a Path, used: usize) -> Ty {
        let segment = &path.segments[used - 1];
        let Some((def, _)) = self.cx.resolve_item(self.scope, path) else { return Ty::Error };
        match def {
            Def::Adt(id) => Ty::Adt(id, self.adt_args(id, segment.args.as_ref(), path.span)),
            Def::Alias(index) => {
                let (generics, ty) = self.cx.alias(index, path.span);
                let args =
                    self.generic_args(&generics, segment.args.as_ref(), path.span, (&segment.name.text, path.span));
                Subst::new(&generics, &args).ty(&self.cx.program, &ty)
            }
            _ => Ty::Error,
        }
    }

    pub fn adt_args(&mut self, id: AdtId, given: Option<&'a GenericArgs>, span: Span) -> Vec<Arg> {
        let (generics, name) = (self.cx.program.adts[id].generics.clone(), self.cx.program.adts[id].name.clone());
        let at = self.cx.program.adts[id].span;
        self.generic_args(&generics, given, span, (&name, at))
    }

    fn is_unit_struct(&self, id: AdtId) -> bool {
        matches!(&self.cx.program.adts[id].kind, AdtKind::Struct(fields) if fields.is_empty())
    }

    /// A name that no item has: built in, or unknown.
    fn built_in_value(&mut self, path: &'a Path) -> Value {
        let first = &path.segments[0];
        let name = first.name.as_str();
        if let [_, member] = path.segments.as_slice() {
            return self.built_in_type_member(path, first, member);
        }
        if path.segments.len() == 1 {
            if let Some(known) = known::known(name) {
                return Value::Known(known);
            }
            if let Some(host) = known::host(name) {
                if !self.cx.scopes.get(self.env.scope).is_std {
                    self.report(names::host_outside_std(first.name.span));
                }
                return Value::Known(Known::Fn(Builtin::Host(host)));
            }
        }
        if first.name.is_capitalised() && path.segments.len() == 1 {
            self.unknown_capitalised(&first.name);
        } else {
            self.unknown_value(&first.name);
        }
        Value::Error
    }

    /// `List::new`, `f64::zero` of a trait for `f64`.
    fn built_in_type_member(
        &mut self,
        path: &'a Path,
        first: &'a ast::PathSegment,
        member: &'a ast::PathSegment,
    ) -> Value {
        if super::typeexpr::scalar_named(first.name.as_str()).is_none()
            && !matches!(first.name.as_str(), "List" | "str" | "Tangent")
        {
            let known = self.cx.scopes.visible(self.scope).filter(|n| n.starts_with(char::is_uppercase));
            let diagnostic = names::unknown_type(&first.name, nearest(&first.name.text, known.chain(["List", "Self"])));
            self.report(diagnostic);
            return Value::Error;
        }
        let Some(ty) = self.head_of_path(first, path.span) else { return Value::Error };
        self.associated(&ty, member, path.span)
    }

    fn head_of_path(&mut self, segment: &'a ast::PathSegment, span: Span) -> Option<Ty> {
        if segment.name.as_str() == "List" {
            let element = match segment.args.as_ref().map(|a| a.args.as_slice()) {
                Some([ast::GenericArg::Type(te)]) => self.ty(te),
                Some([ast::GenericArg::Name(_, path)]) => self.path_type(path),
                None => self.infer.fresh(),
                Some(given) => {
                    self.report(crate::errors::items::generic_count(span, "List", 1, given.len(), None));
                    Ty::Error
                }
            };
            return Some(Ty::List(Box::new(element)));
        }
        if segment.name.as_str() == "str" {
            return Some(Ty::Str);
        }
        super::typeexpr::scalar_named(segment.name.as_str()).map(Ty::Scalar)
    }

    pub fn unknown_value(&mut self, name: &ast::Name) {
        if let Some(diagnostic) = self.unknown_member_name(name) {
            return self.report(diagnostic);
        }
        if !self.cx.suggests() {
            return self.report(names::unknown_name(name, None));
        }
        let locals = self.names.iter().map(|(n, _)| n.as_str());
        let sizes = self.env.generics.iter().map(|g| g.name.as_str());
        let items = self.cx.scopes.visible(self.scope);
        let all = locals.chain(sizes).chain(items).chain(known::NAMES.iter().copied());
        let diagnostic = names::unknown_name(name, nearest(&name.text, all));
        self.report(diagnostic);
    }

    /// A name that a type has as a field or a method, used without a value in front of it.
    fn unknown_member_name(&mut self, name: &ast::Name) -> Option<crate::diagnostic::Diagnostic> {
        if self.lookup("self").is_some()
            && let Some(Ty::Adt(id, _)) = &self.env.self_ty
        {
            let def = &self.cx.program.adts[*id];
            let is_field = def.fields().iter().any(|f| f.name == name.text);
            if is_field || self.cx.inherent.contains_key(&(*id, name.text.clone())) {
                let what = if is_field { "field" } else { "method" };
                return Some(names::member_without_self(name, what, &def.name));
            }
        }
        let mut owners = self.cx.inherent.iter().filter(|((_, n), _)| *n == name.text);
        let ((id, _), fns) = owners.next()?;
        let is_method = fns.iter().any(|f| self.cx.program.fns[*f].is_method);
        (is_method && owners.next().is_none()).then(|| names::method_as_function(name, &self.cx.program.adts[*id].name))
    }

    /// `Type.f` and `module.f`: what is inside of a type or module is named with `::`.
    pub fn path_with_dot(&mut self, base: &ast::Expr, member: &ast::Name) -> bool {
        let ast::ExprKind::Path(path) = &base.kind else { return false };
        let Some(name) = path.as_name() else { return false };
        if self.lookup(&name.text).is_some() || self.env.generic(&name.text).is_some() {
            return false;
        }
        let found = match self.cx.scopes.lookup(self.scope, &name.text).map(|entry| entry.def) {
            Some(Def::Adt(id)) => !self.is_unit_struct(id),
            Some(Def::Alias(_) | Def::Module(_) | Def::Trait(_)) => true,
            Some(_) => false,
            None => matches!(name.as_str(), "List"),
        };
        if found {
            self.report(names::path_with_dot(base.span, &name.text, member));
        }
        found
    }

    /// Names of fields for a literal of a type, and whether it is a model.
    fn literal_of(&self, id: AdtId) -> (Vec<String>, bool) {
        let def = &self.cx.program.adts[id];
        let is_model = matches!(def.kind, AdtKind::Model(_));
        (def.fields().iter().map(|f| f.name.to_string()).collect(), is_model)
    }

    /// Perhaps a case that needs its enum's name in front.
    fn unknown_capitalised(&mut self, name: &ast::Name) {
        let holder = self.cx.program.adts.values().find(|def| def.cases().iter().any(|c| c.name == name.text));
        match holder {
            Some(def) => {
                let diagnostic = names::bare_case(name, &def.name);
                self.report(diagnostic);
            }
            None => self.unknown_value(name),
        }
    }

    /// A function with arguments for its generics: those given, others open.
    pub fn function(&mut self, id: FnId, given: Option<&'a GenericArgs>, span: Span) -> Value {
        self.cx.enqueue(id);
        let generics = self.cx.program.fns[id].generics.clone();
        let (name, at) = (self.cx.program.fns[id].name.clone(), self.cx.program.fns[id].span);
        let args = self.generic_args(&generics, given, span, (&name, at));
        self.require_bounds(&generics, &args, span);
        Value::Fn(id, args)
    }

    /// `Type::member`.
    fn associated(&mut self, ty: &Ty, member: &'a ast::PathSegment, span: Span) -> Value {
        let ty = self.resolve(ty);
        let name = &member.name;
        match &ty {
            Ty::Error => return Value::Error,
            Ty::Adt(id, args) => {
                if let Some(case) = self.cx.case_number(*id, &name.text) {
                    return Value::Case(*id, case, args.clone());
                }
                if let Some(value) = self.inherent_function(*id, &ty, member, span) {
                    return value;
                }
                if name.as_str() == "init" && matches!(self.cx.program.adts[*id].kind, AdtKind::Model(_)) {
                    return Value::Init(*id, args.clone());
                }
            }
            Ty::List(element) => match name.as_str() {
                "new" => return Value::ListNew((**element).clone()),
                "from" => return Value::ListFrom((**element).clone()),
                _ => {}
            },
            _ => {}
        }
        if let Some((of_trait, number, trait_args)) = self.find_trait_method(&ty, &name.text) {
            return self.trait_method_value(of_trait, number, ty, trait_args, member.args.as_ref(), span);
        }
        self.unknown_member(&ty, name);
        Value::Error
    }

    fn unknown_member(&mut self, ty: &Ty, name: &ast::Name) {
        let shown = self.show(ty);
        let mut known: Vec<String> = Vec::new();
        if let Ty::Adt(id, _) = ty {
            let def = &self.cx.program.adts[*id];
            known.extend(def.cases().iter().map(|c| c.name.to_string()));
            known.extend(self.cx.inherent.keys().filter(|(adt, _)| adt == id).map(|(_, n)| n.to_string()));
            known.sort();
        }
        let nearest = nearest(&name.text, known.iter().map(String::as_str)).map(str::to_string);
        if let Ty::Adt(id, _) = ty
            && nearest.is_none()
            && matches!(name.as_str(), "new" | "create" | "make" | "default" | "init")
            && !matches!(self.cx.program.adts[*id].kind, AdtKind::Enum(_))
        {
            let (fields, is_model) = self.literal_of(*id);
            return self.report(names::no_constructor(name, &shown, &fields, is_model));
        }
        let is_enum = matches!(ty, Ty::Adt(id, _) if matches!(self.cx.program.adts[*id].kind, AdtKind::Enum(_)));
        let diagnostic = if is_enum && name.is_capitalised() {
            names::no_such_case(name, &shown, nearest.as_deref())
        } else {
            names::no_associated(name, &shown, nearest.as_deref())
        };
        self.report(diagnostic);
    }

    /// An associated function or method of the type itself, named by `Type::name`.
    fn inherent_function(&mut self, id: AdtId, ty: &Ty, member: &'a ast::PathSegment, span: Span) -> Option<Value> {
        let (fn_id, mut args) = self.find_inherent(id, ty, &member.name.text)?;
        self.cx.enqueue(fn_id);
        let generics = self.cx.program.fns[fn_id].generics.clone();
        let own = generics[args.len()..].to_vec();
        let (name, at) = (self.cx.program.fns[fn_id].name.clone(), self.cx.program.fns[fn_id].span);
        let own_args = self.generic_args(&own, member.args.as_ref(), span, (&name, at));
        args.extend(own_args);
        self.require_bounds(&generics, &args, span);
        Some(Value::Fn(fn_id, args))
    }

    /// `Trait::method`, on a type that the arguments decide.
    fn trait_function(
        &mut self,
        id: TraitId,
        given: Option<&'a GenericArgs>,
        member: &'a ast::PathSegment,
        span: Span,
    ) -> Value {
        let methods = self.cx.program.traits[id].methods.clone();
        let Some(number) = methods.iter().position(|m| self.cx.program.fns[*m].name == member.name.text) else {
            let shown = self.cx.program.traits[id].name.to_string();
            self.report(names::no_associated(&member.name, &shown, None));
            return Value::Error;
        };
        let generics = self.cx.program.traits[id].generics[1..].to_vec();
        let (name, at) = (self.cx.program.traits[id].name.clone(), self.cx.program.traits[id].span);
        let args = self.generic_args(&generics, given, span, (&name, at));
        let self_ty = self.infer.fresh();
        self.require_bound(&self_ty, Bound { of_trait: id, args: args.clone() }, span);
        self.trait_method_value(id, number as u32, self_ty, args, member.args.as_ref(), span)
    }

    pub fn trait_method_value(
        &mut self,
        of_trait: TraitId,
        number: u32,
        self_ty: Ty,
        trait_args: Vec<Arg>,
        given: Option<&'a GenericArgs>,
        span: Span,
    ) -> Value {
        let method = self.cx.program.traits[of_trait].methods[number as usize];
        let mut args = vec![Arg::Ty(self_ty)];
        args.extend(trait_args);
        let generics = self.cx.program.fns[method].generics.clone();
        let own = generics[args.len()..].to_vec();
        let (name, at) = (self.cx.program.fns[method].name.clone(), self.cx.program.fns[method].span);
        let own_args = self.generic_args(&own, given, span, (&name, at));
        args.extend(own_args);
        // The bounds of the trait itself hold because the type implements it.
        self.require_bounds(&own, &args[args.len() - own.len()..].to_vec(), span);
        Value::Method(of_trait, number, args)
    }

    /// A path as an expression.
    pub fn path_value(&mut self, path: &'a Path, want: Option<&Ty>, span: Span) -> Expr {
        match self.resolve_value(path) {
            Value::Error => self.error(span),
            Value::Local(local) => {
                let ty = self.locals[local].ty.clone();
                self.make(ExprKind::Local(local), ty, span)
            }
            Value::Size(size) => self.make(ExprKind::Size(size), Ty::I64, span),
            Value::Const(id) => {
                let ty = self.cx.program.consts[id].ty.clone();
                self.make(ExprKind::Const(id), ty, span)
            }
            Value::Fn(id, args) => self.fn_value(id, FnRef::Fn(id, args.clone()), &args, span),
            Value::Method(of_trait, method, args) => {
                let id = self.cx.program.traits[of_trait].methods[method as usize];
                self.fn_value(id, FnRef::Trait { of_trait, method, args: args.clone() }, &args, span)
            }
            Value::Case(adt, case, args) => self.case_value(adt, case, args, span),
            Value::Unit(adt, args) => {
                let kind = ExprKind::Struct { adt, args: args.clone(), fields: vec![], order: vec![] };
                self.make(kind, Ty::Adt(adt, args), span)
            }
            Value::Known(known) => self.known_value(known, want, span),
            Value::Init(..) | Value::ListNew(_) | Value::ListFrom(_) => {
                self.report(calls::must_be_called(span));
                self.error(span)
            }
        }
    }

    /// A function that is not called: its type.
    fn fn_value(&mut self, id: FnId, reference: FnRef, args: &[Arg], span: Span) -> Expr {
        let def = &self.cx.program.fns[id];
        if super::call::depends_on_params(def) {
            self.report(calls::dependent_value(span, &def.name.clone(), def.span));
            return self.error(span);
        }
        let subst = Subst::new(&def.generics, args);
        let program = &self.cx.program;
        let param = |p: &crate::typed::Param| FnParamTy { inout: p.inout, ty: subst.ty(program, &p.ty) };
        let ty = Ty::Fn(def.params.iter().map(param).collect(), Box::new(subst.ty(program, &def.result)));
        self.make(ExprKind::FnRef(reference), ty, span)
    }

    /// A case without arguments: a value if it has no payload, else a function.
    fn case_value(&mut self, adt: AdtId, case: u32, args: Vec<Arg>, span: Span) -> Expr {
        let def = &self.cx.program.adts[adt];
        let (ty, subst) = (Ty::Adt(adt, args.clone()), Subst::new(&def.generics, &args));
        let case_def = &def.cases()[case as usize];
        if case_def.fields.is_empty() {
            let kind = ExprKind::Case { adt, args, case, fields: vec![], order: vec![] };
            return self.make(kind, ty, span);
        }
        if case_def.named {
            let inside: Vec<String> = case_def.fields.iter().map(|f| format!("{}: …", f.name)).collect();
            let diagnostic = types::case_needs_braces(span, &case_def.name, case_def.span, &inside.join(", "));
            self.report(diagnostic);
            return self.error(span);
        }
        let params =
            case_def.fields.iter().map(|f| FnParamTy { inout: false, ty: subst.ty(&self.cx.program, &f.ty) }).collect();
        self.make(ExprKind::FnRef(FnRef::Case { adt, args, case }), Ty::Fn(params, Box::new(ty)), span)
    }

    fn known_value(&mut self, known: Known, want: Option<&Ty>, span: Span) -> Expr {
        match known {
            Known::Float(value) => {
                let ty = self.infer.float();
                self.make(ExprKind::Literal(Literal::Float(value)), ty, span)
            }
            Known::Later(name) => {
                self.report(crate::errors::unsupported::fixed_point(span, name));
                self.error(span)
            }
            Known::Diff(op) => {
                self.report(calls::operator_needs_function(span, known::operator_name(op)));
                self.error(span)
            }
            Known::Fn(builtin) => self.builtin_value(builtin, want, span),
            Known::MinMax { reduce, binary } => {
                let two = match want.map(|t| self.resolve(t)) {
                    Some(Ty::Fn(params, _)) => params.len() == 2,
                    _ => true,
                };
                self.builtin_value(if two { Builtin::Binary(binary) } else { reduce }, want, span)
            }
        }
    }

    /// A built-in function as a value: of the type that is wanted, else of `f64`.
    fn builtin_value(&mut self, builtin: Builtin, want: Option<&Ty>, span: Span) -> Expr {
        let wanted = match want.map(|t| self.resolve(t)) {
            Some(ty @ Ty::Fn(..)) => Some(ty),
            _ => None,
        };
        let plain = |ty: Ty| FnParamTy { inout: false, ty };
        let scalar = self.infer.float();
        let arity = match builtin {
            Builtin::Unary(_) | Builtin::Relu | Builtin::Sigmoid | Builtin::Softplus => Some(1),
            Builtin::Binary(
                BinaryOp::Pow
                | BinaryOp::Atan2
                | BinaryOp::Hypot
                | BinaryOp::CopySign
                | BinaryOp::Polygamma
                | BinaryOp::Min
                | BinaryOp::Max,
            ) => Some(2),
            Builtin::Clamp => Some(3),
            _ => None,
        };
        let ty = match (wanted, arity) {
            (Some(Ty::Fn(params, result)), Some(arity)) if params.len() == arity && params.iter().all(|p| !p.inout) => {
                let mut all = result.clone();
                for p in &params {
                    if self.is_free(&all) {
                        all = Box::new(p.ty.clone());
                    }
                }
                self.elementwise_type(&all, arity, scalar, span)
            }
            (_, Some(arity)) => Ty::Fn(vec![plain(scalar.clone()); arity], Box::new(scalar)),
            (None, None) if builtin == Builtin::StopGrad => Ty::Fn(vec![plain(scalar.clone())], Box::new(scalar)),
            (wanted, None) => match self.reduction_type(builtin, wanted.as_ref()) {
                Some(ty) => ty,
                None => {
                    self.report(calls::builtin_as_value(span, &known::builtin_name(builtin)));
                    return self.error(span);
                }
            },
        };
        self.make(ExprKind::FnRef(FnRef::Builtin(builtin)), ty, span)
    }

    fn elementwise_type(&mut self, of: &Ty, arity: usize, scalar: Ty, span: Span) -> Ty {
        let of = if self.is_free(of) { scalar } else { of.clone() };
        let _ = self.require_leaf(&of, super::pending::LeafKind::Number, "this function", span);
        Ty::Fn(vec![FnParamTy { inout: false, ty: of.clone() }; arity], Box::new(of))
    }

    /// Functions of a whole array, as values: only of a type that is wanted and right.
    fn reduction_type(&mut self, builtin: Builtin, wanted: Option<&Ty>) -> Option<Ty> {
        if builtin == Builtin::Print {
            return Some(Ty::Fn(vec![FnParamTy { inout: false, ty: Ty::Str }], Box::new(Ty::UNIT)));
        }
        let Some(Ty::Fn(params, _)) = wanted else { return None };
        let types: Vec<Ty> = params.iter().map(|p| self.resolve(&p.ty)).collect();
        let result = match (builtin, types.as_slice()) {
            (
                Builtin::Sum
                | Builtin::Prod
                | Builtin::Mean
                | Builtin::Max
                | Builtin::Min
                | Builtin::Norm
                | Builtin::LogSumExp,
                [Ty::Array(element, _)],
            ) => (**element).clone(),
            (Builtin::ArgMax | Builtin::ArgMin, [Ty::Array(..)]) => Ty::I64,
            (Builtin::Softmax | Builtin::Sort | Builtin::Cumsum | Builtin::StopGrad, [ty @ Ty::Array(..)]) => {
                ty.clone()
            }
            (Builtin::StopGrad, [ty]) => ty.clone(),
            (Builtin::Dot, [Ty::Array(element, _), Ty::Array(..)]) => (**element).clone(),
            _ => return None,
        };
        Some(Ty::Fn(params.clone(), Box::new(result)))
    }
}
