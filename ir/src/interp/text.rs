//! The text of values, as programs write it.

use super::value::Val;
use crate::format;
use crate::opcode::FormatSpec;

/// The text of a scalar, a string, or an array of these, by a format.
pub fn formatted(v: &Val, spec: &FormatSpec) -> String {
    let mut out = String::new();
    match v {
        Val::Str(text) => format::write_str(&mut out, text, spec),
        v => write(&mut out, v, spec),
    }
    out
}

fn write(out: &mut String, v: &Val, spec: &FormatSpec) {
    match v {
        Val::F64(x) => format::write_f64(out, *x, spec),
        Val::F32(x) => format::write_f32(out, *x, spec),
        Val::Dual64(d) => format::write_f64(out, d.primal(), spec),
        Val::Dual32(d) => format::write_f32(out, d.primal() as f32, spec),
        Val::I64(n) => format::write_int(out, *n, spec),
        Val::I32(n) => format::write_int(out, *n as i64, spec),
        Val::U8(n) => format::write_int(out, *n as i64, spec),
        Val::Bool(b) => format::write_bool(out, *b, spec),
        Val::Str(text) => format::write_quoted(out, text, spec),
        Val::Array(array) => format::write_array(out, &array.dims, |out, k| write(out, &array.items()[k], spec)),
        Val::Node(_) | Val::Null => panic!("nodes have no format; the verifier lets none through"),
    }
}
