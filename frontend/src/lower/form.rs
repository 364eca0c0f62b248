//! The form of the values that cross the border of a root function: for those who pass them in and out.
//!
//! A form follows the type down to its leaves, in the order in which [`super::layout`] puts them, and says what a caller in
//! another language must know: names of fields, cases of enums, and sizes in terms of the function's parameters.

use super::Cx;
use crate::check::type_text;
use crate::typed::{AdtKind, Arg, FnDef, GenericKind, Size, SizeAtom, SizeOp, Ty};
use dprog_ir::Scalar;

/// How a value is built. Its leaves are those of its parts, in order; under an array each leaf is an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    Scalar(Scalar),
    Text,
    /// An enum without payload: the number of the case.
    Enum {
        name: String,
        cases: Vec<String>,
        docs: Option<String>,
    },
    Array {
        element: Box<Form>,
        sizes: Vec<FormSize>,
    },
    List(Box<Form>),
    Struct {
        /// With its type arguments: `Pair_f32`, and `_tangent` behind that of a tangent.
        name: String,
        docs: Option<String>,
        fields: Vec<FormField>,
    },
    Tuple(Vec<Form>),
    /// One leaf that only the program itself can read.
    Opaque,
}

/// A part of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct FormField {
    pub name: String,
    pub docs: Option<String>,
    /// The type as text.
    pub shown: String,
    pub form: Form,
}

/// A size in terms of the function's parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormSize {
    Constant(i64),
    /// A size parameter, by its number.
    Size(usize),
    /// A parameter of type `i64`, by its number.
    Param(usize),
    /// `None` is a sum.
    Binary(Option<SizeOp>, Box<FormSize>, Box<FormSize>),
    /// Known when the function has run.
    Computed,
}

impl FormSize {
    pub fn is_computed(&self) -> bool {
        match self {
            FormSize::Computed => true,
            FormSize::Binary(_, a, b) => a.is_computed() || b.is_computed(),
            FormSize::Constant(_) | FormSize::Size(_) | FormSize::Param(_) => false,
        }
    }
}

impl<'p> Cx<'p> {
    /// The form of a type in the head of a function.
    pub fn form(&mut self, def: &'p FnDef, ty: &Ty) -> Form {
        match ty {
            Ty::Scalar(s) => Form::Scalar(*s),
            Ty::Str => Form::Text,
            Ty::Array(element, sizes) => {
                let sizes = sizes.iter().map(|size| form_size(def, size)).collect();
                Form::Array { element: Box::new(self.form(def, element)), sizes }
            }
            Ty::List(element) => Form::List(Box::new(self.form(def, element))),
            Ty::Tuple(parts) => Form::Tuple(parts.iter().map(|part| self.form(def, part)).collect()),
            Ty::Adt(id, _) => {
                let adt = &self.program.adts[*id];
                match &adt.kind {
                    AdtKind::Enum(cases) if cases.iter().all(|c| c.fields.is_empty()) => Form::Enum {
                        name: self.adt_name(ty),
                        cases: cases.iter().map(|c| c.name.to_string()).collect(),
                        docs: adt.docs.clone(),
                    },
                    AdtKind::Enum(_) => Form::Opaque,
                    AdtKind::Struct(_) | AdtKind::Model(_) => {
                        let docs = adt.docs.clone();
                        Form::Struct { name: self.adt_name(ty), docs, fields: self.form_fields(def, ty) }
                    }
                }
            }
            Ty::Tangent(of) if !self.is_enum(of) && matches!(**of, Ty::Adt(..)) => {
                let name = format!("{}_tangent", self.adt_name(of));
                Form::Struct { name, docs: None, fields: self.form_fields(def, ty) }
            }
            Ty::Fn(..) | Ty::Tangent(_) => Form::Opaque,
            Ty::Param(_) | Ty::Never | Ty::Infer(_) | Ty::Error => Form::Tuple(Vec::new()),
        }
    }

    fn form_fields(&mut self, def: &'p FnDef, ty: &Ty) -> Vec<FormField> {
        let docs = self.field_docs(ty);
        let parts = self.components(ty);
        let mut fields = Vec::new();
        for part in parts {
            let form = self.form(def, &part.ty);
            // What has no leaves is not there.
            if form != Form::Tuple(Vec::new()) {
                let docs = docs.iter().find(|(name, _)| *name == part.name).and_then(|(_, docs)| docs.clone());
                fields.push(FormField { name: part.name, docs, shown: self.shown(def, &part.ty), form });
            }
        }
        fields
    }

    fn field_docs(&self, ty: &Ty) -> Vec<(String, Option<String>)> {
        match ty {
            Ty::Adt(id, _) => {
                self.program.adts[*id].fields().iter().map(|f| (f.name.to_string(), f.docs.clone())).collect()
            }
            Ty::Tangent(of) => self.field_docs(of),
            _ => Vec::new(),
        }
    }

    /// A type as text, with the names that the function gives to sizes.
    pub fn shown(&self, def: &FnDef, ty: &Ty) -> String {
        type_text(self.program, def, ty)
    }

    /// A name for a type with its type arguments; sizes do not matter.
    pub(super) fn adt_name(&self, ty: &Ty) -> String {
        let Ty::Adt(id, args) = ty else { return plain_name(ty) };
        let mut name = self.program.adts[*id].name.to_string();
        for arg in args {
            if let Arg::Ty(ty) = arg {
                name = format!("{name}_{}", self.adt_name(ty));
            }
        }
        name
    }
}

fn plain_name(ty: &Ty) -> String {
    match ty {
        Ty::Scalar(s) => s.name().to_string(),
        Ty::Str => "str".to_string(),
        Ty::Array(element, sizes) => format!("{}_{}d", plain_name(element), sizes.len()),
        Ty::List(element) => format!("{}_list", plain_name(element)),
        _ => "t".to_string(),
    }
}

fn form_size(def: &FnDef, size: &Size) -> FormSize {
    let mut sum = (size.constant != 0 || size.terms.is_empty()).then_some(FormSize::Constant(size.constant));
    // Names before numbers, as one writes it.
    for (atom, factor) in size.terms.iter().rev() {
        let atom = form_atom(def, atom);
        let term = match factor {
            1 => atom,
            factor => FormSize::Binary(Some(SizeOp::Mul), Box::new(FormSize::Constant(*factor)), Box::new(atom)),
        };
        sum = Some(match sum {
            None => term,
            Some(rest) => FormSize::Binary(None, Box::new(term), Box::new(rest)),
        });
    }
    sum.unwrap_or(FormSize::Constant(0))
}

fn form_atom(def: &FnDef, atom: &SizeAtom) -> FormSize {
    match atom {
        SizeAtom::Param(id) => {
            let mut sizes = def.generics.iter().filter(|g| matches!(g.kind, GenericKind::Size));
            sizes.position(|g| g.id == *id).map_or(FormSize::Computed, FormSize::Size)
        }
        SizeAtom::Local(local) => {
            def.params.iter().position(|p| p.local == *local).map_or(FormSize::Computed, FormSize::Param)
        }
        SizeAtom::Op(op, a, b) => FormSize::Binary(Some(*op), Box::new(form_size(def, a)), Box::new(form_size(def, b))),
        SizeAtom::Infer(_) => FormSize::Computed,
    }
}
