//! Structs that contain themselves have no size. Enums may: the compiler boxes them, and so do lists.

use super::Cx;
use crate::errors::items;
use crate::typed::{AdtId, AdtKind, Arg, Field, GenericId, Ty};

impl Cx<'_> {
    pub(super) fn check_recursion(&mut self, ids: &[AdtId]) {
        let mut reported: Vec<AdtId> = Vec::new();
        for id in ids {
            let mut path = Vec::new();
            if !reported.contains(id) && self.reaches(*id, *id, &mut path, &mut Vec::new()) {
                reported.extend(path.iter().map(|(adt, _)| *adt));
                let steps: Vec<_> = path
                    .iter()
                    .map(|(adt, field)| (self.program.adts[*adt].name.clone(), field.name.clone(), field.span))
                    .collect();
                let def = &self.program.adts[*id];
                let diagnostic = items::recursive_struct(def.span, &def.name, &steps);
                self.report(diagnostic);
                self.break_cycle(*id);
            }
        }
    }

    /// Whether a value of `from` contains one of `target` by value; `path` are the fields that lead there.
    fn reaches(&self, from: AdtId, target: AdtId, path: &mut Vec<(AdtId, Field)>, seen: &mut Vec<AdtId>) -> bool {
        if seen.contains(&from) {
            return false;
        }
        seen.push(from);
        for field in self.program.adts[from].fields() {
            path.push((from, field.clone()));
            for inner in self.by_value(&field.ty) {
                if inner == target || self.reaches(inner, target, path, seen) {
                    return true;
                }
            }
            path.pop();
        }
        false
    }

    /// Later stages must not follow the cycle.
    fn break_cycle(&mut self, id: AdtId) {
        if let AdtKind::Struct(fields) | AdtKind::Model(fields) = &mut self.program.adts[id].kind {
            fields.iter_mut().for_each(|f| f.ty = Ty::Error);
        }
    }

    /// Structs and models that a type contains without a list or an enum between. The tangent of a struct contains those of its
    /// fields.
    fn by_value(&self, ty: &Ty) -> Vec<AdtId> {
        match ty {
            Ty::Adt(id, args) => {
                let types = args.iter().enumerate().filter_map(|(k, arg)| match arg {
                    Arg::Ty(ty) if self.holds_parameter(*id, k, &mut Vec::new()) => Some(ty),
                    Arg::Ty(_) | Arg::Size(_) => None,
                });
                std::iter::once(*id).chain(types.flat_map(|ty| self.by_value(ty))).collect()
            }
            Ty::Tuple(parts) => parts.iter().flat_map(|part| self.by_value(part)).collect(),
            Ty::Array(of, _) | Ty::Tangent(of) => self.by_value(of),
            Ty::List(_) | Ty::Fn(..) | Ty::Scalar(_) | Ty::Str | Ty::Param(_) | Ty::Never | Ty::Infer(_) => vec![],
            Ty::Error => vec![],
        }
    }

    /// Whether a struct has its generic parameter number `k` in it by value: `struct Box<T> { it: T }`.
    fn holds_parameter(&self, id: AdtId, k: usize, seen: &mut Vec<(AdtId, usize)>) -> bool {
        if seen.contains(&(id, k)) {
            return false;
        }
        seen.push((id, k));
        let def = &self.program.adts[id];
        def.generics.get(k).is_some_and(|parameter| def.fields().iter().any(|f| self.holds(&f.ty, parameter.id, seen)))
    }

    fn holds(&self, ty: &Ty, parameter: GenericId, seen: &mut Vec<(AdtId, usize)>) -> bool {
        match ty {
            Ty::Param(id) => *id == parameter,
            Ty::Adt(id, args) => args.iter().enumerate().any(|(k, arg)| match arg {
                Arg::Ty(ty) => self.holds(ty, parameter, &mut Vec::new()) && self.holds_parameter(*id, k, seen),
                Arg::Size(_) => false,
            }),
            Ty::Tuple(parts) => parts.iter().any(|part| self.holds(part, parameter, seen)),
            Ty::Array(of, _) | Ty::Tangent(of) => self.holds(of, parameter, seen),
            Ty::List(_) | Ty::Fn(..) | Ty::Scalar(_) | Ty::Str | Ty::Never | Ty::Infer(_) | Ty::Error => false,
        }
    }
}
