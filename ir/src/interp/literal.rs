//! Values as text and back, for tests and tools: `1.5`, `[1.0, 2.0]`, `"text"`, `Node(Leaf(1.0), Empty)`.
//!
//! The type says how a text is read: a matrix is written as rows in brackets, and so is a list of lists.

use super::value::{Dims, Val};
use crate::fmath;
use crate::format;
use crate::module::Module;
use crate::opcode::{Const, FormatSpec};
use crate::types::{Leaf, Scalar, Type};

/// Deeper structure is not written out, and not read.
const MAX_NESTING: usize = 100;

/// The text of a value. A number that carries derivatives is written without them.
pub fn text(module: &Module, v: &Val) -> String {
    let mut out = String::new();
    write(module, v, &mut out, 0);
    out
}

fn write(module: &Module, v: &Val, out: &mut String, depth: usize) {
    let spec = FormatSpec::default();
    match v {
        _ if depth > MAX_NESTING => out.push('…'),
        Val::F64(x) => format::write_f64(out, *x, &spec),
        Val::F32(x) => format::write_f32(out, *x, &spec),
        Val::Dual64(d) => format::write_f64(out, d.primal(), &spec),
        Val::Dual32(d) => format::write_f32(out, d.primal() as f32, &spec),
        Val::I64(n) => format::write_int(out, *n, &spec),
        Val::I32(n) => format::write_int(out, *n as i64, &spec),
        Val::U8(n) => format::write_int(out, *n as i64, &spec),
        Val::Bool(b) => format::write_bool(out, *b, &spec),
        Val::Str(text) => format::write_quoted(out, text, &spec),
        Val::Array(array) => {
            format::write_array(out, &array.dims, |out, k| write(module, &array.items()[k], out, depth + 1));
        }
        Val::Node(node) => {
            let case = module.nodes[node.node].cases.get(node.case as usize);
            out.push_str(case.map_or("tape", |case| &*case.name));
            for (k, field) in node.fields().iter().enumerate() {
                out.push_str(if k == 0 { "(" } else { ", " });
                write(module, field, out, depth + 1);
            }
            out.push_str(if node.fields().is_empty() { "" } else { ")" });
        }
        Val::Null => out.push_str("null"),
    }
}

/// Reads values of these types, between commas; nothing may follow.
pub fn read_all(module: &Module, types: &[Type], text: &str) -> Result<Vec<Val>, String> {
    let mut reader = Reader { module, rest: text, depth: 0 };
    let mut values = Vec::new();
    for (k, ty) in types.iter().enumerate() {
        if k > 0 {
            reader.expect(",")?;
        }
        values.push(reader.value(*ty)?);
    }
    reader.skip_blank();
    if reader.rest.is_empty() { Ok(values) } else { Err(format!("unexpected `{}`", reader.rest)) }
}

struct Reader<'t> {
    module: &'t Module,
    rest: &'t str,
    depth: usize,
}

impl Reader<'_> {
    fn skip_blank(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, p: &str) -> bool {
        self.skip_blank();
        self.rest.strip_prefix(p).map(|rest| self.rest = rest).is_some()
    }

    fn expect(&mut self, p: &str) -> Result<(), String> {
        if self.eat(p) { Ok(()) } else { Err(format!("expected `{p}` at `{}`", self.rest)) }
    }

    fn word(&mut self) -> &str {
        self.skip_blank();
        let end = self.rest.find([',', ')', ']', '(', '[']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word.trim_end()
    }

    fn value(&mut self, ty: Type) -> Result<Val, String> {
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err("this value nests too deep".to_string());
        }
        let v = match ty.leaf {
            _ if ty.is_array() => self.array(ty),
            Leaf::Scalar(s) => self.scalar(s),
            Leaf::Str => self.text(),
            Leaf::Node(_) => self.node(ty),
        };
        self.depth -= 1;
        v
    }

    fn array(&mut self, ty: Type) -> Result<Val, String> {
        let (mut sizes, mut items) = (vec![None; ty.rank()], Vec::new());
        self.axis(ty.element(), &mut sizes, &mut items)?;
        let dims: Dims = sizes.into_iter().map(|size| size.unwrap_or(0)).collect();
        Ok(Val::array(&dims, items))
    }

    /// One bracket; every bracket of an axis has as many entries as the first.
    fn axis(&mut self, element: Type, sizes: &mut [Option<usize>], items: &mut Vec<Val>) -> Result<(), String> {
        let Some((size, inner)) = sizes.split_first_mut() else {
            items.push(self.value(element)?);
            return Ok(());
        };
        self.expect("[")?;
        let mut count = 0;
        while !self.eat("]") {
            if count > 0 {
                self.expect(",")?;
            }
            self.axis(element, inner, items)?;
            count += 1;
        }
        if *size.get_or_insert(count) == count { Ok(()) } else { Err("rows of different lengths".to_string()) }
    }

    fn scalar(&mut self, scalar: Scalar) -> Result<Val, String> {
        let word = self.word();
        let wrong = || format!("`{word}` is no {}", scalar.name());
        match scalar {
            Scalar::F64 => word.parse().map(Val::F64).map_err(|_| wrong()),
            Scalar::F32 => word.parse().map(Val::F32).map_err(|_| wrong()),
            Scalar::Bool => word.parse().map(Val::Bool).map_err(|_| wrong()),
            Scalar::I64 | Scalar::I32 | Scalar::U8 => {
                let wide: i64 = word.parse().map_err(|_| wrong())?;
                let constant = fmath::fold_convert(&Const::I64(wide), scalar).ok_or_else(wrong)?;
                Ok(super::eval::constant(&constant))
            }
        }
    }

    fn text(&mut self) -> Result<Val, String> {
        self.expect("\"")?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(Val::str(&text));
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, '0')) => text.push('\0'),
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    other => return Err(format!("unknown escape {other:?}")),
                },
                c => text.push(c),
            }
        }
        Err("a text without end".to_string())
    }

    fn node(&mut self, ty: Type) -> Result<Val, String> {
        let id = ty.as_node().ok_or("this is no node")?;
        let name = self.word().to_string();
        let module = self.module;
        let cases = &module.nodes[id].cases;
        let case = cases.iter().position(|c| *c.name == *name).ok_or_else(|| format!("there is no case `{name}`"))?;
        let mut fields = Vec::new();
        for (k, field) in cases[case].fields.iter().enumerate() {
            self.expect(if k == 0 { "(" } else { "," })?;
            fields.push(self.value(field.ty)?);
        }
        if !fields.is_empty() {
            self.expect(")")?;
        }
        Ok(Val::node(id, case as u32, fields))
    }
}
