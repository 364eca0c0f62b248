//! How values are written in strings: the text of scalars, texts and arrays by a [`FormatSpec`].
//!
//! Without a format a float is the shortest decimal that reads back, with `.0` if it is whole. Width alone pads that
//! text. A format of an array is applied to each of its elements. Interpreter and runtime both write with these
//! functions, so that they write the same.

use crate::opcode::FormatSpec;
use std::fmt::{Debug, Display, LowerExp};

/// Appends an f64.
pub fn write_f64(out: &mut String, x: f64, spec: &FormatSpec) {
    write_float(out, x, x.is_sign_positive() && !x.is_nan(), spec);
}

/// Appends an f32: its own shortest decimal, not that of the f64 of its value.
pub fn write_f32(out: &mut String, x: f32, spec: &FormatSpec) {
    write_float(out, x, x.is_sign_positive() && !x.is_nan(), spec);
}

fn write_float<T: Debug + Display + LowerExp>(out: &mut String, x: T, positive: bool, spec: &FormatSpec) {
    let digits = match (spec.precision, spec.exponent) {
        (None, false) => format!("{x:?}"),
        (Some(p), false) => format!("{x:.*}", p as usize),
        (None, true) => format!("{x:e}"),
        (Some(p), true) => format!("{x:.*e}", p as usize),
    };
    write_number(out, digits, positive, spec);
}

/// Appends an integer of any type of the language. A precision means nothing for integers, except with an exponent.
pub fn write_int(out: &mut String, x: i64, spec: &FormatSpec) {
    let digits = match (spec.precision, spec.exponent) {
        (_, false) => x.to_string(),
        (None, true) => format!("{x:e}"),
        (Some(p), true) => format!("{x:.*e}", p as usize),
    };
    write_number(out, digits, x >= 0, spec);
}

/// Appends `digits`, which may begin with a minus, with sign and padding.
fn write_number(out: &mut String, digits: String, positive: bool, spec: &FormatSpec) {
    let text = if spec.plus && positive { format!("+{digits}") } else { digits };
    if !spec.zero {
        return pad(out, &text, '>', spec);
    }
    let sign = if text.starts_with(['+', '-']) { 1 } else { 0 };
    out.push_str(&text[..sign]);
    let missing = (spec.width.unwrap_or(0) as usize).saturating_sub(text.chars().count());
    out.extend(std::iter::repeat_n('0', missing));
    out.push_str(&text[sign..]);
}

/// Appends `true` or `false`.
pub fn write_bool(out: &mut String, x: bool, spec: &FormatSpec) {
    pad(out, if x { "true" } else { "false" }, '<', spec);
}

/// Appends a text; a precision cuts it to so many characters.
pub fn write_str(out: &mut String, text: &str, spec: &FormatSpec) {
    match spec.precision {
        Some(p) => pad(out, &text.chars().take(p as usize).collect::<String>(), '<', spec),
        None => pad(out, text, '<', spec),
    }
}

/// Appends a text as it stands in source, in quotes: so texts are written inside arrays, structs and enum cases.
pub fn write_quoted(out: &mut String, text: &str, spec: &FormatSpec) {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            '\r' => quoted += "\\r",
            '\0' => quoted += "\\0",
            c if c.is_control() => quoted += &format!("\\u{{{:x}}}", c as u32),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    pad(out, &quoted, '<', spec);
}

/// Appends an array of these sizes, `[[…], […]]`; `item` appends the element with a given row-major index.
pub fn write_array(out: &mut String, dims: &[usize], mut item: impl FnMut(&mut String, usize)) {
    let mut next = 0;
    write_axis(out, dims, &mut |out| {
        item(out, next);
        next += 1;
    });
}

fn write_axis(out: &mut String, dims: &[usize], item: &mut impl FnMut(&mut String)) {
    let Some((size, inner)) = dims.split_first() else { return item(out) };
    out.push('[');
    for k in 0..*size {
        if k > 0 {
            out.push_str(", ");
        }
        write_axis(out, inner, item);
    }
    out.push(']');
}

fn pad(out: &mut String, text: &str, default_align: char, spec: &FormatSpec) {
    let missing = (spec.width.unwrap_or(0) as usize).saturating_sub(text.chars().count());
    let before = match spec.align.unwrap_or(default_align) {
        '<' => 0,
        '^' => missing / 2,
        _ => missing,
    };
    let fill = spec.fill.unwrap_or(' ');
    out.extend(std::iter::repeat_n(fill, before));
    out.push_str(text);
    out.extend(std::iter::repeat_n(fill, missing - before));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn float(x: f64, spec: &str) -> String {
        let mut out = String::new();
        write_f64(&mut out, x, &FormatSpec::parse(spec).unwrap());
        out
    }

    #[test]
    fn floats_without_format_are_shortest() {
        let texts = [2.0, 1e-12, 0.1, f64::INFINITY, f64::NAN, -0.0, 1e300].map(|x| float(x, ""));
        assert_eq!(texts, ["2.0", "1e-12", "0.1", "inf", "NaN", "-0.0", "1e300"]);
    }

    #[test]
    fn formats_are_those_of_rust() {
        assert_eq!(float(1.41421356, ".3"), format!("{:.3}", 1.41421356));
        assert_eq!(float(-1.5, "08.2"), format!("{:08.2}", -1.5));
        assert_eq!(float(1.5, "*^+9.1"), format!("{:*^+9.1}", 1.5));
        assert_eq!(float(12345.678, ".2e"), format!("{:.2e}", 12345.678));
        assert_eq!(float(f64::INFINITY, "06"), format!("{:06}", f64::INFINITY));
        let mut out = String::new();
        write_int(&mut out, -42, &FormatSpec::parse("+06").unwrap());
        write_str(&mut out, "abc", &FormatSpec::parse(">5.2").unwrap());
        assert_eq!(out, format!("{:+06}{:>5.2}", -42, "abc"));
    }

    #[test]
    fn arrays_nest_by_rank() {
        let mut out = String::new();
        write_array(&mut out, &[2, 2], |out, k| write_int(out, k as i64, &FormatSpec::default()));
        write_array(&mut out, &[0], |_, _| {});
        assert_eq!(out, "[[0, 1], [2, 3]][]");
    }
}
