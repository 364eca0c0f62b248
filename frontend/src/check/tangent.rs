//! `Tangent<T>`: what a derivative with respect to a `T` is made of.
//!
//! A type all of whose leaves are floats is its own tangent type; a type without any has `()`. Between these, arrays, lists
//! and tuples are taken by parts, and a struct, enum or model stands as [`Ty::Tangent`] of itself.

use super::subst::Subst;
use crate::typed::{AdtId, AdtKind, FieldRole, Program, Ty};

/// The tangent type of a type. Of an unknown type it is [`Ty::Tangent`], until more is known.
pub(crate) fn tangent(program: &Program, ty: &Ty) -> Ty {
    let parts = |of: &Ty| tangent(program, of);
    match ty {
        Ty::Scalar(s) if s.is_float() => ty.clone(),
        Ty::Scalar(_) | Ty::Str | Ty::Never => Ty::UNIT,
        Ty::Tuple(types) => {
            let types: Vec<Ty> = types.iter().map(parts).collect();
            if types.iter().all(Ty::is_unit) { Ty::UNIT } else { Ty::Tuple(types) }
        }
        Ty::Array(element, sizes) => match parts(element) {
            unit if unit.is_unit() => Ty::UNIT,
            element => Ty::array(element, sizes.clone()),
        },
        Ty::List(element) => match parts(element) {
            unit if unit.is_unit() => Ty::UNIT,
            element => Ty::List(Box::new(element)),
        },
        Ty::Adt(..) => match leaves(program, ty, &mut Vec::new()) {
            Leaves::None | Leaves::Discrete => Ty::UNIT,
            Leaves::Floats => ty.clone(),
            Leaves::Mixed => Ty::Tangent(Box::new(ty.clone())),
        },
        Ty::Fn(..) | Ty::Param(_) | Ty::Infer(_) => Ty::Tangent(Box::new(ty.clone())),
        Ty::Tangent(_) | Ty::Error => ty.clone(),
    }
}

/// What the leaves of a type are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Leaves {
    None,
    Discrete,
    Floats,
    Mixed,
}

impl Leaves {
    fn and(self, other: Leaves) -> Leaves {
        match (self, other) {
            (Leaves::None, x) | (x, Leaves::None) => x,
            (a, b) if a == b => a,
            _ => Leaves::Mixed,
        }
    }
}

/// `open` holds the types that are being looked at: a recursive occurrence adds nothing new.
fn leaves(program: &Program, ty: &Ty, open: &mut Vec<AdtId>) -> Leaves {
    match ty {
        Ty::Scalar(s) if s.is_float() => Leaves::Floats,
        Ty::Scalar(_) | Ty::Str => Leaves::Discrete,
        Ty::Tuple(types) => types.iter().fold(Leaves::None, |all, t| all.and(leaves(program, t, open))),
        Ty::Array(element, _) | Ty::List(element) => leaves(program, element, open),
        Ty::Adt(id, _) if open.contains(id) => Leaves::None,
        Ty::Adt(id, args) => {
            let def = &program.adts[*id];
            let subst = Subst::new(&def.generics, args);
            open.push(*id);
            let mut field = |ty: &Ty| leaves(program, &subst.ty(program, ty), open);
            let all = match &def.kind {
                AdtKind::Struct(fields) => fields.iter().fold(Leaves::None, |all, f| all.and(field(&f.ty))),
                // A number.
                AdtKind::Enum(cases) if cases.iter().all(|c| c.fields.is_empty()) => Leaves::Discrete,
                AdtKind::Enum(cases) => {
                    cases.iter().flat_map(|c| &c.fields).fold(Leaves::None, |all, f| all.and(field(&f.ty)))
                }
                AdtKind::Model(fields) => fields.iter().fold(Leaves::None, |all, f| {
                    let ty = subst.ty(program, &f.ty);
                    let trained = f.role == FieldRole::Param || holds_models(program, &ty);
                    all.and(if trained { field(&f.ty) } else { Leaves::Discrete })
                }),
            };
            open.pop();
            all
        }
        Ty::Tangent(_) => Leaves::Floats,
        Ty::Fn(..) | Ty::Param(_) | Ty::Infer(_) => Leaves::Mixed,
        Ty::Never | Ty::Error => Leaves::None,
    }
}

/// Whether a type is a model, or an array or list of models: as a field of a model it is trained whatever its role.
pub(crate) fn holds_models(program: &Program, ty: &Ty) -> bool {
    match ty {
        Ty::Array(element, _) | Ty::List(element) => holds_models(program, element),
        other => is_model(program, other),
    }
}

/// Whether a type is a model.
pub(super) fn is_model(program: &Program, ty: &Ty) -> bool {
    matches!(ty, Ty::Adt(id, _) if matches!(program.adts[*id].kind, AdtKind::Model(_)))
}

/// Whether values of a type can change a result smoothly at all.
pub(super) fn has_tangent(program: &Program, ty: &Ty) -> bool {
    !tangent(program, ty).is_unit()
}

/// The type of a field of the tangent of a struct or model: `None` if the field has no tangent.
pub(super) fn field(program: &Program, adt: AdtId, subst: &Subst, index: usize) -> Option<Ty> {
    let def = &program.adts[adt];
    let field = &def.fields()[index];
    let of_model = matches!(def.kind, AdtKind::Model(_));
    let ty = subst.ty(program, &field.ty);
    if of_model && field.role != FieldRole::Param && !holds_models(program, &ty) {
        return None;
    }
    Some(tangent(program, &ty)).filter(|t| !t.is_unit())
}
