//! The small pieces of the text form: words, names, types, constants, formats.

use crate::format::write_quoted;
use crate::module::{Module, NodeId};
use crate::opcode::{Const, FormatSpec};
use crate::types::{Leaf, Type};

/// Whether `text` can stand bare: letters, digits, `_`, `$`, single dots.
fn is_plain(text: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
    !text.is_empty()
        && text.chars().all(inner)
        && !text.starts_with('.')
        && !text.ends_with('.')
        && !text.contains("..")
}

/// `text` bare if possible, else in quotes.
pub(super) fn word(text: &str) -> String {
    if is_plain(text) { text.to_string() } else { quoted(text) }
}

/// `text` in quotes, with the escapes of the language.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::new();
    write_quoted(&mut out, text, &FormatSpec::default());
    out
}

/// `@f`, or `@"f<f64>"`.
pub fn func_name(name: &str) -> String {
    format!("@{}", word(name))
}

/// `%Tree`.
pub(super) fn node_name(module: &Module, id: NodeId) -> String {
    module.nodes.get(id).map_or_else(|| format!("%?{id:?}"), |node| format!("%{}", word(&node.name)))
}

/// A type: `f64`, `[f64]`, `[f64^2]` (rank 2), `[[f64]]`, `%Tree`.
pub fn type_text(module: &Module, ty: Type) -> String {
    if ty.is_array() {
        let axes = if ty.rank() == 1 { String::new() } else { format!("^{}", ty.rank()) };
        return format!("[{}{axes}]", type_text(module, ty.element()));
    }
    match ty.leaf {
        Leaf::Scalar(s) => s.name().to_string(),
        Leaf::Str => "str".to_string(),
        Leaf::Node(id) => node_name(module, id),
    }
}

/// The literal of a constant. Floats are the shortest decimal that reads back; other NaNs than the usual one show
/// their bits.
pub(super) fn const_text(c: &Const) -> String {
    match c {
        Const::F64(bits) if f64::from_bits(*bits).is_nan() && *bits != f64::NAN.to_bits() => format!("nan({bits:#x})"),
        Const::F64(bits) => float_text(&format!("{:?}", f64::from_bits(*bits))),
        Const::F32(bits) if f32::from_bits(*bits).is_nan() && *bits != f32::NAN.to_bits() => format!("nan({bits:#x})"),
        Const::F32(bits) => float_text(&format!("{:?}", f32::from_bits(*bits))),
        Const::I64(n) => n.to_string(),
        Const::I32(n) => n.to_string(),
        Const::U8(n) => n.to_string(),
        Const::Bool(b) => b.to_string(),
        Const::Str(text) => quoted(text),
    }
}

fn float_text(text: &str) -> String {
    if text == "NaN" { "nan".to_string() } else { text.to_string() }
}

/// A format as the user writes it after the colon: `>8.3`.
pub fn format_spec_text(spec: &FormatSpec) -> String {
    let mut text = String::new();
    if spec.align.is_some() {
        text.extend(spec.fill);
    }
    text.extend(spec.align);
    text += if spec.plus { "+" } else { "" };
    text += if spec.zero { "0" } else { "" };
    text += &spec.width.map_or(String::new(), |w| w.to_string());
    text += &spec.precision.map_or(String::new(), |p| format!(".{p}"));
    text += if spec.exponent { "e" } else { "" };
    text
}
