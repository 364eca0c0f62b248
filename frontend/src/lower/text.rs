//! Text: interpolation, and values written as in source.

use super::Generated;
use super::body::{Flat, FnLower};
use crate::check::tangent;
use crate::typed::{AdtId, TextPart, Ty};
use dprog_ir::{CompareOp, FormatSpec, FuncId, HostFn, Type, Value};

impl<'p> FnLower<'_, 'p> {
    pub fn text(&mut self, parts: &'p [TextPart]) -> Value {
        let mut pieces = Vec::new();
        for part in parts {
            match part {
                TextPart::Text(text) => pieces.push(self.b.str(text)),
                TextPart::Value(e, spec) => {
                    let flat = self.expr(e);
                    let ty = self.ty(&e.ty).into_owned();
                    let flat = if flat.is_empty() { self.undefined(&ty) } else { flat };
                    pieces.push(self.text_of(&flat, &ty, *spec));
                }
            }
        }
        self.joined(&pieces)
    }

    fn joined(&mut self, pieces: &[Value]) -> Value {
        match pieces {
            [] => self.b.str(""),
            [one] => *one,
            _ => self.b.concat(pieces),
        }
    }

    /// The text of a value. A string stands for itself.
    fn text_of(&mut self, flat: &[Value], ty: &Ty, spec: FormatSpec) -> Value {
        match ty {
            Ty::Str if spec == FormatSpec::default() => flat[0],
            Ty::Str | Ty::Scalar(_) => self.b.format(flat[0], spec),
            _ => self.inner_text(flat, ty, spec),
        }
    }

    /// The text of a part of a value: a string has quotes there.
    fn inner_text(&mut self, flat: &[Value], ty: &Ty, spec: FormatSpec) -> Value {
        match ty {
            Ty::Scalar(_) => self.b.format(flat[0], spec),
            Ty::Str => self.b.host(HostFn::StrQuote, &[flat[0]])[0],
            Ty::Array(element, _) | Ty::List(element) if matches!(**element, Ty::Scalar(_)) => {
                self.b.format(flat[0], spec)
            }
            Ty::Array(element, _) | Ty::List(element) => self.elements_text(flat, element, spec),
            Ty::Tuple(parts) => self.tuple_text(flat, parts, spec),
            Ty::Adt(..) if self.cx.is_enum(ty) => self.enum_text(flat[0], ty, spec),
            Ty::Adt(id, _) => {
                let name = self.cx.program.adts[*id].name.to_string();
                self.fields_text(&name, flat, ty, spec)
            }
            Ty::Tangent(of) if self.cx.is_enum(of) => self.enum_text(flat[0], ty, spec),
            Ty::Tangent(of) if matches!(&**of, Ty::Adt(..)) => {
                let name = super::layout::type_name(of, self.cx);
                self.fields_text(&name, flat, ty, spec)
            }
            Ty::Tangent(_) | Ty::Fn(..) | Ty::Never => {
                let name = super::layout::type_name(ty, self.cx);
                self.b.str(&format!("<{name}>"))
            }
            Ty::Param(_) | Ty::Infer(_) | Ty::Error => panic!("type {ty:?} reached lowering"),
        }
    }

    /// `(1, 2.0)`, `()`, `(x,)`.
    fn tuple_text(&mut self, flat: &[Value], parts: &[Ty], spec: FormatSpec) -> Value {
        let close = if parts.len() == 1 { ",)" } else { ")" };
        let named: Vec<(String, Ty)> = parts.iter().map(|t| (String::new(), t.clone())).collect();
        self.sequence_text("(", close, flat, &named, spec)
    }

    /// `Point { x: 1.0, y: 2.0 }`. Of a tangent only the fields that it has.
    fn fields_text(&mut self, name: &str, flat: &[Value], ty: &Ty, spec: FormatSpec) -> Value {
        let mut parts = self.cx.components(ty);
        if matches!(ty, Ty::Tangent(_)) {
            parts.retain(|c| !c.ty.is_unit());
        }
        let named: Vec<(String, Ty)> = parts.into_iter().map(|c| (format!("{}: ", c.name), c.ty)).collect();
        if named.is_empty() {
            return self.b.str(&format!("{name} {{}}"));
        }
        self.sequence_text(&format!("{name} {{ "), " }", flat, &named, spec)
    }

    /// Parts with what stands before each, separated by commas.
    fn sequence_text(
        &mut self,
        open: &str,
        close: &str,
        flat: &[Value],
        parts: &[(String, Ty)],
        spec: FormatSpec,
    ) -> Value {
        let mut pieces = Vec::new();
        let (mut at, mut before) = (0, open.to_string());
        for (label, ty) in parts {
            let end = at + self.cx.leaf_count(ty);
            pieces.push(self.b.str(&format!("{before}{label}")));
            pieces.push(self.inner_text(&flat[at..end], ty, spec));
            (at, before) = (end, ", ".to_string());
        }
        pieces.push(self.b.str(if parts.is_empty() { "()" } else { close }));
        self.joined(&pieces)
    }

    /// `[a, b]`, nested by rank.
    fn elements_text(&mut self, flat: &[Value], element: &Ty, spec: FormatSpec) -> Value {
        let count = self.b.dim(flat[0], 0);
        let (open, zero) = (self.b.str("["), self.b.i64(0));
        let comma = self.b.str(", ");
        let nothing = self.b.str("");
        let rank = self.b.ty(flat[0]).rank();
        let text = self.repeat(count, &[open], |s, k, carried| {
            let first = s.b.compare(CompareOp::Eq, k, zero);
            let before = s.if_else(first, |_| vec![nothing], |_| vec![comma])[0];
            let text = if rank > 1 {
                let row: Flat = flat.iter().map(|x| s.at_index(*x, &[k])).collect();
                s.elements_text(&row, element, spec)
            } else if s.cx.leaf_count(element) == 0 {
                s.inner_text(&[], element, spec)
            } else {
                let item: Flat = flat.iter().map(|x| s.at_index(*x, &[k])).collect();
                s.inner_text(&item, element, spec)
            };
            vec![s.b.concat(&[carried[0], before, text])]
        });
        let close = self.b.str("]");
        self.b.concat(&[text[0], close])
    }

    fn enum_text(&mut self, value: Value, ty: &Ty, spec: FormatSpec) -> Value {
        let func = self.enum_text_function(ty, spec);
        self.b.call(func, &[value], &[Type::STR])[0]
    }

    fn enum_text_function(&mut self, ty: &Ty, spec: FormatSpec) -> FuncId {
        let key = Generated::Text(ty.clone(), spec);
        if let Some(func) = self.cx.generated.get(&key) {
            return *func;
        }
        let (of, is_tangent) = match ty {
            Ty::Tangent(of) => (&**of, true),
            of => (of, false),
        };
        let Ty::Adt(id, args) = of else { panic!("{ty:?} is no enum") };
        let name = format!("{}.text", super::layout::type_name(ty, self.cx));
        let params = self.cx.types(ty);
        let func = self.cx.declare(&name, params, vec![Type::STR], self.b.loc);
        self.cx.generated.insert(key, func);
        self.generate(func, |s, params| {
            let tag = s.tag(params[0]);
            let cases = s.cx.program.adts[*id].cases().len();
            s.switch_cases(tag, cases, &[Type::STR], |s, case| {
                let mut types = s.cx.case_fields(*id, args, case as u32);
                if is_tangent {
                    types.iter_mut().for_each(|ty| *ty = tangent(s.cx.program, ty));
                }
                vec![s.case_text(params[0], *id, case, types, spec)]
            })
        });
        func
    }

    /// `Shape::Circle(1.0)`, `Shape::Rect { w: 1.0, h: 2.0 }`, `Shape::Empty`, `Some(1.0)`. In a tangent, `()` stands where there is none.
    fn case_text(&mut self, value: Value, id: AdtId, case: usize, types: Vec<Ty>, spec: FormatSpec) -> Value {
        let def = &self.cx.program.adts[id].cases()[case];
        let name = self.case_name(id, &def.name);
        if types.is_empty() {
            return self.b.str(&name);
        }
        let leaf_types: Vec<Type> = types.iter().flat_map(|t| self.cx.types(t)).collect();
        let flat = self.case_leaves(value, case as u32, 0, &leaf_types);
        let label = |name: &str| if def.named { format!("{name}: ") } else { String::new() };
        let parts: Vec<(String, Ty)> = def.fields.iter().map(|f| label(&f.name)).zip(types).collect();
        let (open, close) = if def.named { (" { ", " }") } else { ("(", ")") };
        self.sequence_text(&format!("{name}{open}"), close, &flat, &parts, spec)
    }

    /// A case as an expression writes it: those of the prelude stand bare.
    fn case_name(&self, id: AdtId, case: &str) -> String {
        let lang = &self.cx.program.lang;
        let bare = lang.option == Some(id) || lang.result == Some(id);
        if bare { case.to_string() } else { format!("{}::{case}", self.cx.program.adts[id].name) }
    }
}
