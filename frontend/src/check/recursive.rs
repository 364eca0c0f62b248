//! Structs that contain themselves have no size. Enums may: the compiler boxes them, and so do lists.

use super::Cx;
use crate::errors::items;
use crate::typed::{AdtId, AdtKind, Field, Ty};

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
            for inner in by_value(&field.ty) {
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
}

/// Structs and models that a type contains without a list or an enum between. The tangent of a struct contains those of its fields.
fn by_value(ty: &Ty) -> Vec<AdtId> {
    match ty {
        Ty::Adt(id, _) => vec![*id],
        Ty::Tuple(parts) => parts.iter().flat_map(by_value).collect(),
        Ty::Array(of, _) | Ty::Tangent(of) => by_value(of),
        Ty::List(_) | Ty::Fn(..) | Ty::Scalar(_) | Ty::Str | Ty::Param(_) | Ty::Never | Ty::Infer(_) | Ty::Error => {
            vec![]
        }
    }
}
