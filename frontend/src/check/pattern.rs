//! Patterns: what they match, and what they bind.

use super::body::{FnCx, Origin};
use super::expr::field_names;
use super::subst::Subst;
use super::tangent;
use crate::ast::{self, PatternKind as Ast};
use crate::errors::patterns;
use crate::resolve::scope::Def;
use crate::resolve::suggest::nearest;
use crate::source::Span;
use crate::typed::{AdtId, AdtKind, Field, Literal, LocalId, Pattern, PatternKind, Ty};

/// How the names of a pattern are bound.
#[derive(Clone, Copy)]
struct Binding {
    mutable: bool,
    origin: Origin,
}

impl<'a> FnCx<'_, 'a> {
    /// Checks a pattern against a type; its names are in scope afterwards.
    pub fn bind_pattern(&mut self, p: &'a ast::Pattern, ty: &Ty, mutable: bool, origin: Origin) -> Pattern {
        let first = self.names.len();
        let pattern = self.pattern(p, ty, Binding { mutable, origin });
        self.report_doubles(first);
        pattern
    }

    /// Two bindings of one name in one pattern.
    fn report_doubles(&mut self, first: usize) {
        for index in first..self.names.len() {
            let (name, local) = self.names.since(index)[0].clone();
            if let Some((_, old)) =
                self.names.since(first)[..index - first].iter().find(|(n, l)| *n == name && *l != local)
            {
                let (at, old) = (self.locals[local].span, self.locals[*old].span);
                self.report(patterns::bound_twice(at, &name, old));
            }
        }
    }

    fn pattern(&mut self, p: &'a ast::Pattern, ty: &Ty, how: Binding) -> Pattern {
        let kind = match &p.kind {
            Ast::Wildcard | Ast::Error => PatternKind::Wildcard,
            Ast::Binding(name) => PatternKind::Binding(self.bind(name, ty.clone(), how.mutable, how.origin)),
            Ast::Literal { negative, literal } => self.literal_pattern(*negative, literal, ty, p.span),
            Ast::Tuple(parts) => self.tuple_pattern(parts, ty, how, p.span),
            Ast::Case(path) => self.case_pattern(path, ty, p.span, |_, _, _| Some(Vec::new())),
            Ast::TupleCase { path, args } => {
                let span = p.span;
                self.case_pattern(path, ty, span, |cx, fields, (name, at)| {
                    cx.case_arguments(args, fields, name, at, how, span)
                })
            }
            Ast::StructCase { path, fields, rest } => self.struct_pattern(path, fields, *rest, ty, how, p.span),
            Ast::Or(parts) => self.or_pattern(parts, ty, how),
        };
        Pattern { kind, ty: ty.clone(), span: p.span }
    }

    fn literal_pattern(&mut self, negative: bool, literal: &ast::Literal, ty: &Ty, span: Span) -> PatternKind {
        let (value, literal_ty) = match literal {
            ast::Literal::Int(n) => {
                let value = if negative { -i128::from(*n) } else { i128::from(*n) };
                let literal_ty = self.infer.int();
                self.literals.push((value, literal_ty.clone(), span));
                (Literal::Int(value as i64), literal_ty)
            }
            ast::Literal::Float { f64, .. } => (Literal::Float(if negative { -f64 } else { *f64 }), self.infer.float()),
            ast::Literal::Bool(b) => (Literal::Bool(*b), Ty::BOOL),
            ast::Literal::Str(s) => (Literal::Str(s.clone()), Ty::Str),
        };
        if self.unify(ty, &literal_ty).is_err() {
            let (have, want) = (self.show(&literal_ty), self.show(ty));
            self.report(patterns::wrong_type(span, &have, &want));
            return PatternKind::Wildcard;
        }
        PatternKind::Literal(value)
    }

    fn tuple_pattern(&mut self, parts: &'a [ast::Pattern], ty: &Ty, how: Binding, span: Span) -> PatternKind {
        let known = self.structure(ty);
        let types = match &known {
            Ty::Tuple(types) if types.len() == parts.len() => types.clone(),
            Ty::Infer(_) if self.is_free(&known) => {
                let types: Vec<Ty> = parts.iter().map(|_| self.infer.fresh()).collect();
                let _ = self.unify(&known, &Ty::Tuple(types.clone()));
                types
            }
            other => {
                if *other != Ty::Error {
                    let shown = self.show(other);
                    self.report(patterns::tuple_mismatch(span, parts.len(), &shown));
                }
                parts.iter().for_each(|p| drop(self.pattern(p, &Ty::Error, how)));
                return PatternKind::Wildcard;
            }
        };
        PatternKind::Tuple(parts.iter().zip(&types).map(|(p, t)| self.pattern(p, t, how)).collect())
    }

    /// The case that a path in a pattern means, of the type that is matched.
    fn find_case(&mut self, path: &'a ast::Path, ty: &Ty) -> Option<(AdtId, u32)> {
        let known = self.structure(ty);
        let name = &path.last().name;
        match of_tangent(&known) {
            Ty::Error => return None,
            Ty::Adt(id, _) if matches!(self.cx.program.adts[*id].kind, AdtKind::Enum(_)) => {
                if let Some(number) = self.cx.case_number(*id, &name.text) {
                    if path.segments.len() > 1 {
                        self.check_case_owner(path, *id);
                    }
                    return Some((*id, number));
                }
                let def = &self.cx.program.adts[*id];
                let near = nearest(&name.text, def.cases().iter().map(|c| c.name.as_str()));
                let diagnostic = patterns::unknown_case(name, Some((&def.name, def.span)), near);
                self.report(diagnostic);
                None
            }
            Ty::Infer(_) => self.case_of_unknown(path, ty),
            other => {
                let shown = self.show(other);
                self.report(patterns::case_of_other(name, &shown));
                None
            }
        }
    }

    /// `Other::Case` on a value that is no `Other`.
    fn check_case_owner(&mut self, path: &'a ast::Path, id: AdtId) {
        let Some((def, used)) = self.cx.resolve_item(self.scope, path) else {
            if path.segments[0].name.as_str() != "Self" {
                self.unknown_value(&path.segments[0].name);
            }
            return;
        };
        let other = matches!(def, Def::Adt(other) if other != id && used + 1 == path.segments.len());
        if other {
            let shown = self.cx.program.adts[id].name.clone();
            self.report(patterns::case_of_other(&path.last().name, &shown));
        }
    }

    /// The type is not known: the path decides.
    fn case_of_unknown(&mut self, path: &'a ast::Path, ty: &Ty) -> Option<(AdtId, u32)> {
        match self.resolve_value(path) {
            super::path::Value::Case(id, case, args) => {
                let _ = self.unify(ty, &Ty::Adt(id, args));
                Some((id, case))
            }
            _ => None,
        }
    }

    /// Fields of a case with the arguments of the type put in.
    fn case_fields(&mut self, id: AdtId, case: u32, ty: &Ty) -> Vec<Field> {
        let ty = self.resolve(ty);
        let Ty::Adt(_, args) = of_tangent(&ty) else { return Vec::new() };
        let is_tangent = matches!(ty, Ty::Tangent(_));
        let def = &self.cx.program.adts[id];
        let subst = Subst::new(&def.generics, args);
        let program = &self.cx.program;
        let part = |f: &Field| {
            let ty = subst.ty(program, &f.ty);
            Field { ty: if is_tangent { tangent::tangent(program, &ty) } else { ty }, ..f.clone() }
        };
        def.cases()[case as usize].fields.iter().map(part).collect()
    }

    fn case_pattern(
        &mut self,
        path: &'a ast::Path,
        ty: &Ty,
        span: Span,
        fields: impl FnOnce(&mut Self, &[Field], (&str, Span)) -> Option<Vec<(u32, Pattern)>>,
    ) -> PatternKind {
        if let Some(kind) = self.unit_struct_pattern(path, ty) {
            return kind;
        }
        let Some((adt, case)) = self.find_case(path, ty) else {
            // Names inside must be known, or every use of them would be reported.
            fields(self, &[], ("", span));
            return PatternKind::Wildcard;
        };
        let declared = self.case_fields(adt, case, ty);
        let def = &self.cx.program.adts[adt].cases()[case as usize];
        let (name, at, named) = (def.name.clone(), def.span, def.named);
        match fields(self, &declared, (&name, at)) {
            Some(patterns) => {
                if patterns.is_empty() && !declared.is_empty() {
                    self.report(patterns::payload_missing(span, &name, named, at));
                }
                PatternKind::Case { adt, case, fields: patterns }
            }
            None => PatternKind::Wildcard,
        }
    }

    /// A struct without fields as a pattern.
    fn unit_struct_pattern(&mut self, path: &'a ast::Path, ty: &Ty) -> Option<PatternKind> {
        let Ty::Adt(id, _) = self.structure(ty) else { return None };
        let def = &self.cx.program.adts[id];
        let is_unit = matches!(&def.kind, AdtKind::Struct(fields) if fields.is_empty());
        (is_unit && path.last().name.text == def.name).then_some(PatternKind::Struct(Vec::new()))
    }

    fn case_arguments(
        &mut self,
        args: &'a [ast::Pattern],
        fields: &[Field],
        name: &str,
        at: Span,
        how: Binding,
        span: Span,
    ) -> Option<Vec<(u32, Pattern)>> {
        // The fields of a case with a list are named by their positions.
        let named = fields.first().is_some_and(|f| f.name.as_str() != "0");
        let fits = args.len() == fields.len() && !named;
        if named {
            let names: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
            self.report(crate::errors::types::case_needs_braces(span, name, at, &names.join(", ")));
        } else if !fits && !name.is_empty() {
            self.report(patterns::payload_count(span, name, fields.len(), args.len(), at));
        }
        let mut patterns = Vec::new();
        for (index, arg) in args.iter().enumerate() {
            let ty = fields.get(index).map_or(Ty::Error, |f| f.ty.clone());
            patterns.push((index as u32, self.pattern(arg, &ty, how)));
        }
        (fits && !name.is_empty()).then_some(patterns)
    }

    fn struct_pattern(
        &mut self,
        path: &'a ast::Path,
        given: &'a [ast::FieldPattern],
        rest: bool,
        ty: &Ty,
        how: Binding,
        span: Span,
    ) -> PatternKind {
        let known = self.structure(ty);
        let (adt, case, fields, name, at) = match of_tangent(&known).clone() {
            Ty::Adt(id, args) if !matches!(self.cx.program.adts[id].kind, AdtKind::Enum(_)) => {
                let def = &self.cx.program.adts[id];
                let (name, at) = (def.name.clone(), def.span);
                if path.last().name.text != name && path.last().name.as_str() != "Self" {
                    self.report(patterns::case_of_other(&path.last().name, &name));
                }
                let def = &self.cx.program.adts[id];
                let subst = Subst::new(&def.generics, &args);
                let program = &self.cx.program;
                let part = |(index, f): (usize, &Field)| {
                    let ty = match &known {
                        Ty::Tangent(_) => tangent::field(program, id, &subst, index).unwrap_or(Ty::UNIT),
                        _ => subst.ty(program, &f.ty),
                    };
                    Field { ty, ..f.clone() }
                };
                let fields: Vec<Field> = def.fields().iter().enumerate().map(part).collect();
                (id, None, fields, name, at)
            }
            _ => match self.find_case(path, ty) {
                Some((id, case)) => {
                    let fields = self.case_fields(id, case, ty);
                    let def = &self.cx.program.adts[id].cases()[case as usize];
                    (id, Some(case), fields, def.name.clone(), def.span)
                }
                None => {
                    given.iter().for_each(|f| drop(self.pattern(&f.pattern, &Ty::Error, how)));
                    return PatternKind::Wildcard;
                }
            },
        };
        let patterns = self.field_patterns(given, rest, &fields, (&name, at), how, span);
        match case {
            Some(case) => PatternKind::Case { adt, case, fields: patterns },
            None => PatternKind::Struct(patterns),
        }
    }

    fn field_patterns(
        &mut self,
        given: &'a [ast::FieldPattern],
        rest: bool,
        fields: &[Field],
        (name, at): (&str, Span),
        how: Binding,
        span: Span,
    ) -> Vec<(u32, Pattern)> {
        let mut patterns: Vec<(u32, Pattern)> = Vec::new();
        for field in given {
            let Some(index) = fields.iter().position(|f| f.name == field.name.text) else {
                let near = nearest(&field.name.text, fields.iter().map(|f| f.name.as_str()));
                self.report(crate::errors::names::no_field(&field.name, name, near, Some(at), &field_names(fields)));
                self.pattern(&field.pattern, &Ty::Error, how);
                continue;
            };
            let pattern = self.pattern(&field.pattern, &fields[index].ty, how);
            patterns.push((index as u32, pattern));
        }
        let missing: Vec<&str> = (0..fields.len())
            .filter(|i| patterns.iter().all(|(n, _)| *n as usize != *i))
            .map(|i| fields[i].name.as_str())
            .collect();
        let unknown = given.len() > patterns.len();
        if !rest && !missing.is_empty() && !unknown {
            self.report(patterns::fields_missing(span, name, &missing, at));
        }
        patterns
    }

    /// All alternatives bind the same names with the same types; they are the same locals.
    fn or_pattern(&mut self, parts: &'a [ast::Pattern], ty: &Ty, how: Binding) -> PatternKind {
        let start = self.names.len();
        let first = self.pattern(&parts[0], ty, how);
        let bound: Vec<(ast::Symbol, LocalId)> = self.names.since(start).to_vec();
        let mut patterns = vec![first];
        for part in &parts[1..] {
            self.names.truncate(start);
            let mut pattern = self.pattern(part, ty, how);
            let own: Vec<(ast::Symbol, LocalId)> = self.names.since(start).to_vec();
            let missing = bound.iter().find(|(n, _)| own.iter().all(|(m, _)| m != n));
            let extra = own.iter().find(|(n, _)| bound.iter().all(|(m, _)| m != n));
            if let Some((name, local)) = missing.or(extra) {
                let at = self.locals[*local].span;
                self.report(patterns::or_names(part.span, name, at));
            }
            for (name, local) in &own {
                let Some((_, target)) = bound.iter().find(|(n, _)| n == name) else { continue };
                let (a, b) = (self.locals[*target].ty.clone(), self.locals[*local].ty.clone());
                if self.unify(&a, &b).is_err() {
                    let (a, b, at) = (self.show(&a), self.show(&b), self.locals[*local].span);
                    self.report(patterns::or_types(at, name, &b, &a, self.locals[*target].span));
                }
                rename(&mut pattern, *local, *target);
            }
            patterns.push(pattern);
        }
        self.names.truncate(start);
        bound.into_iter().for_each(|entry| self.names.push(entry));
        PatternKind::Or(patterns)
    }

    /// For `let`, loops and parameters: the pattern must match every value.
    pub fn must_match_all(&mut self, pattern: &Pattern) {
        let ty = self.resolve(&pattern.ty);
        if let Some(missing) = self.unmatched(&ty, &[pattern]) {
            self.report(patterns::refutable(pattern.span, &missing[0]));
        }
    }
}

/// The type whose tangent a type is: patterns on tangents are those on the type itself.
pub(super) fn of_tangent(ty: &Ty) -> &Ty {
    match ty {
        Ty::Tangent(of) => of,
        other => other,
    }
}

fn rename(pattern: &mut Pattern, from: LocalId, to: LocalId) {
    match &mut pattern.kind {
        PatternKind::Binding(local) if *local == from => *local = to,
        PatternKind::Binding(_) | PatternKind::Wildcard | PatternKind::Literal(_) => {}
        PatternKind::Tuple(parts) | PatternKind::Or(parts) => parts.iter_mut().for_each(|p| rename(p, from, to)),
        PatternKind::Struct(fields) | PatternKind::Case { fields, .. } => {
            fields.iter_mut().for_each(|(_, p)| rename(p, from, to));
        }
    }
}
