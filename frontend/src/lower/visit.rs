//! Leaves by name, shape and data: `visit_leaves` and `load_leaves`.
//!
//! Names are the way to the leaf, `layers.0.w`; an index in an array is only known at run time, so a name is a text that
//! is put together on the way down. Of a model, plain fields are left out.

use super::body::{Flat, FnLower};
use super::callable::Callable;
use super::give_up;
use super::layout::Component;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::typed::{FieldRole, Ty};
use dprog_ir::{Access, CompareOp, FormatSpec, Leaf, Scalar, TrapCode, Type, Value};

/// The name of a leaf so far: a text of run time, then one that is known.
#[derive(Clone)]
struct Name {
    found: Option<Value>,
    known: String,
}

impl Name {
    fn field(&self, field: &str) -> Name {
        let nothing = self.found.is_none() && self.known.is_empty();
        let known = if nothing { field.to_string() } else { format!("{}.{field}", self.known) };
        Name { found: self.found, known }
    }
}

impl<'p> FnLower<'_, 'p> {
    /// Calls `f(name, shape, data)` for each leaf. What saves models takes the kind of number too.
    pub fn visit_leaves(&mut self, flat: &[Value], ty: &Ty, f: &Callable) {
        let with_kind = self.cx.codes[f.code].params.len() == 4;
        let mut visit = |s: &mut Self, name: Value, shape: Value, x: Value| {
            let data = s.as_data(x);
            let mut args = vec![name, shape, data];
            if with_kind {
                args.push(s.b.str(kind_of(s.b.ty(x))));
            }
            s.call_flat(f, &args);
            x
        };
        self.walk_leaves(flat, ty, &Name { found: None, known: String::new() }, &mut visit);
    }

    /// Each leaf becomes what `f(name, shape)` gives.
    pub fn load_leaves(&mut self, flat: &[Value], ty: &Ty, f: &Callable) -> Flat {
        let mut load = |s: &mut Self, name: Value, shape: Value, x: Value| {
            let data = s.call_flat(f, &[name, shape])[0];
            s.shaped_data(data, x)
        };
        self.walk_leaves(flat, ty, &Name { found: None, known: String::new() }, &mut load)
    }

    fn walk_leaves(&mut self, flat: &[Value], ty: &Ty, name: &Name, f: &mut LeafVisitor<Self>) -> Flat {
        match ty {
            Ty::Scalar(_) => vec![self.visit_leaf(flat[0], name, f)],
            Ty::Array(element, _) | Ty::List(element) if matches!(**element, Ty::Scalar(_)) => {
                vec![self.visit_leaf(flat[0], name, f)]
            }
            Ty::Array(element, _) | Ty::List(element) => self.walk_elements(flat, element, name, f),
            Ty::Tuple(_) => self.walk_components(flat, ty, name, f),
            Ty::Adt(..) if !self.cx.is_enum(ty) => self.walk_components(flat, ty, name, f),
            Ty::Tangent(of) if matches!(**of, Ty::Adt(..)) && !self.cx.is_enum(of) => {
                self.walk_components(flat, ty, name, f)
            }
            // Texts, functions and enums without payload are not data; the others were refused.
            _ => flat.to_vec(),
        }
    }

    /// Ends lowering where numbers would be left out without a word: those in an enum's payload have no name, since which
    /// there are is only known at run time.
    pub fn refuse_payloads(&mut self, ty: &Ty, at: Span) {
        match ty {
            Ty::Array(element, _) | Ty::List(element) => self.refuse_payloads(element, at),
            Ty::Tangent(of) if self.cx.is_enum(of) => self.refuse_payloads(of, at),
            Ty::Adt(id, args) if self.cx.is_enum(ty) => {
                if self.cx.enum_node(*id, args).is_some() {
                    give_up(payload_unnamed(at, &self.cx.adt_name(ty)));
                }
            }
            Ty::Tuple(_) | Ty::Adt(..) | Ty::Tangent(_) => {
                let of_model = self.cx.is_model(ty);
                for part in self.cx.components(ty).into_iter().filter(|part| is_visited(of_model, part)) {
                    self.refuse_payloads(&part.ty, at);
                }
            }
            _ => {}
        }
    }

    fn walk_components(&mut self, flat: &[Value], ty: &Ty, name: &Name, f: &mut LeafVisitor<Self>) -> Flat {
        let of_model = self.cx.is_model(ty);
        let (mut at, mut all) = (0, Flat::new());
        for part in self.cx.components(ty) {
            let end = at + self.cx.leaf_count(&part.ty);
            if is_visited(of_model, &part) {
                all.extend(self.walk_leaves(&flat[at..end], &part.ty, &name.field(&part.name), f));
            } else {
                all.extend(&flat[at..end]);
            }
            at = end;
        }
        all
    }

    fn walk_elements(&mut self, flat: &[Value], element: &Ty, name: &Name, f: &mut LeafVisitor<Self>) -> Flat {
        if self.cx.leaf_count(element) == 0 {
            return flat.to_vec();
        }
        let dims = self.b.dims(flat[0]);
        let count = self.product(&dims);
        let rows: Flat = flat.iter().map(|x| self.b.reshape(*x, &[count])).collect();
        let before = self.name_text(&name.field(""));
        let changed = self.repeat(count, &rows, |s, k, carried| {
            let number = s.b.format(k, FormatSpec::default());
            let found = s.b.concat(&[before, number]);
            let item: Flat = carried.iter().map(|x| s.at_index(*x, &[k])).collect();
            let name = Name { found: Some(found), known: String::new() };
            let new = s.walk_leaves(&item, element, &name, f);
            carried.iter().zip(new).map(|(x, v)| s.b.set(Access::InBounds, *x, &[k], v)).collect()
        });
        changed.iter().map(|x| self.b.reshape(*x, &dims)).collect()
    }

    fn visit_leaf(&mut self, x: Value, name: &Name, f: &mut LeafVisitor<Self>) -> Value {
        let name = self.name_text(name);
        let dims = self.b.dims(x);
        let shape = self.b.elements(&dims, Type::I64);
        f(self, name, shape, x)
    }

    fn name_text(&mut self, name: &Name) -> Value {
        let known = self.b.str(&name.known);
        match name.found {
            None => known,
            Some(found) if name.known.is_empty() => found,
            Some(found) => self.b.concat(&[found, known]),
        }
    }

    /// A leaf as a list of f64.
    fn as_data(&mut self, x: Value) -> Value {
        let ty = self.b.ty(x);
        if !ty.is_array() {
            let x = self.converted(x, Type::F64);
            return self.b.elements(&[x], Type::F64);
        }
        let dims = self.b.dims(x);
        let count = self.product(&dims);
        let flat = if dims.len() == 1 { x } else { self.b.reshape(x, &[count]) };
        self.converted(flat, Type::F64.array(1))
    }

    /// A list of f64 in the shape of `x`; a list takes any length.
    fn shaped_data(&mut self, data: Value, x: Value) -> Value {
        let ty = self.b.ty(x);
        let scalar: Scalar = match ty.leaf {
            Leaf::Scalar(s) => s,
            Leaf::Str | Leaf::Node(_) => return x,
        };
        let numbers = self.converted(data, Type::scalar(scalar).array(1));
        let dims = self.b.dims(x);
        let (found, wanted) = (self.b.dim(data, 0), self.product(&dims));
        let same = self.b.compare(CompareOp::Eq, found, wanted);
        self.b.check(TrapCode::Shape, same, found, wanted);
        match dims.len() {
            0 => {
                let zero = self.b.i64(0);
                self.at_index(numbers, &[zero])
            }
            1 => numbers,
            _ => self.b.reshape(numbers, &dims),
        }
    }
}

/// Of a model, the plain fields are not.
fn is_visited(of_model: bool, part: &Component) -> bool {
    !of_model || part.role != FieldRole::Plain || part.trained
}

fn payload_unnamed(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0603", at, format!("the numbers inside of `{name}` have no names"))
        .label(format!("`{name}` is an enum with payload: which numbers it has is only known at run time"))
        .help("keep what is to be visited or saved in structs, arrays and lists, or write a function that matches on the enum")
}

/// What is done with a leaf: name, shape, value; gives its new value.
type LeafVisitor<'v, S> = dyn FnMut(&mut S, Value, Value, Value) -> Value + 'v;

/// As safetensors files call it.
fn kind_of(ty: Type) -> &'static str {
    match ty.leaf {
        Leaf::Scalar(Scalar::F64) | Leaf::Str | Leaf::Node(_) => "F64",
        Leaf::Scalar(Scalar::F32) => "F32",
        Leaf::Scalar(Scalar::I64) => "I64",
        Leaf::Scalar(Scalar::I32) => "I32",
        Leaf::Scalar(Scalar::U8) => "U8",
        Leaf::Scalar(Scalar::Bool) => "BOOL",
    }
}
