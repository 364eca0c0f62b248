//! Strings: joining, comparing, and writing values as text.

use crate::context::Context;
use crate::object::{Object, data, dims, text};
use crate::types::{DescId, Shape};
use dprog_ir::{FormatSpec, Scalar, format};
use std::cmp::Ordering;
use std::ptr::null_mut;

/// The concatenation of `count` strings.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_concat(ctx: &mut Context, pieces: *const Object, count: u64) -> Object {
    unsafe {
        let pieces = std::slice::from_raw_parts(pieces, count as usize);
        let joined: String = pieces.iter().map(|p| text(*p)).collect();
        ctx.new_text(&joined).unwrap_or(null_mut())
    }
}

/// -1, 0 or 1, by bytes.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_compare_text(a: Object, b: Object) -> i64 {
    match unsafe { text(a).cmp(text(b)) } {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }
}

/// The text of a value of type `desc`, given as bits; `spec` is packed by [`pack`].
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_format(ctx: &mut Context, desc: u32, bits: u64, spec: u64) -> Object {
    let mut out = String::new();
    // The text of a string is itself; inside an array it is written as in source.
    unsafe {
        match ctx.types().get(desc).shape {
            Shape::Text => format::write_str(&mut out, text(bits as Object), &unpack(spec)),
            _ => write(ctx, &mut out, desc, bits, &unpack(spec)),
        }
    }
    ctx.new_text(&out).unwrap_or(null_mut())
}

unsafe fn write(ctx: &Context, out: &mut String, desc: DescId, bits: u64, spec: &FormatSpec) {
    match ctx.types().get(desc).shape {
        Shape::Scalar(scalar) => write_scalar(out, scalar, bits, spec),
        Shape::Text => format::write_quoted(out, unsafe { text(bits as Object) }, spec),
        Shape::Array { rank, element } => unsafe {
            let array = bits as Object;
            let (size, first) = (ctx.types().element_bytes(element), data(array, rank));
            let sizes: Vec<usize> = dims(array, rank).iter().map(|d| *d as usize).collect();
            format::write_array(out, &sizes, |out, k| {
                write(ctx, out, element, element_bits(first.add(k * size), size), spec);
            });
        },
        Shape::Node { .. } => unreachable!("nodes are written by functions of the program"),
    }
}

/// The bits of an element.
pub unsafe fn element_bits(at: *const u8, size: usize) -> u64 {
    unsafe {
        match size {
            1 => at.read() as u64,
            4 => at.cast::<u32>().read() as u64,
            _ => at.cast::<u64>().read(),
        }
    }
}

fn write_scalar(out: &mut String, scalar: Scalar, bits: u64, spec: &FormatSpec) {
    match scalar {
        Scalar::F64 => format::write_f64(out, f64::from_bits(bits), spec),
        Scalar::F32 => format::write_f32(out, f32::from_bits(bits as u32), spec),
        Scalar::I64 => format::write_int(out, bits as i64, spec),
        Scalar::I32 => format::write_int(out, bits as i32 as i64, spec),
        Scalar::U8 => format::write_int(out, bits as u8 as i64, spec),
        Scalar::Bool => format::write_bool(out, bits as u8 != 0, spec),
    }
}

/// A format in 64 bits: three flags, alignment (2 bits), width (15 and a flag), precision (14 and a flag), fill (21 and a flag).
/// Greater widths and precisions are cut.
pub fn pack(spec: &FormatSpec) -> u64 {
    let align = match spec.align {
        None => 0,
        Some('<') => 1,
        Some('^') => 2,
        Some(_) => 3,
    };
    let option = |x: Option<u16>, bits: u32| x.map_or(0, |x| 1 | (x.min((1 << bits) - 1) as u64) << 1);
    let flags = spec.plus as u64 | (spec.zero as u64) << 1 | (spec.exponent as u64) << 2;
    let fill = spec.fill.map_or(0, |c| 1 | (c as u64) << 1);
    let width = option(spec.width, 15);
    flags | align << 3 | width << 5 | option(spec.precision, 14) << 21 | fill << 36
}

fn unpack(bits: u64) -> FormatSpec {
    let option = |field: u64| (field & 1 != 0).then_some((field >> 1) as u16);
    let fill = bits >> 36;
    FormatSpec {
        plus: bits & 1 != 0,
        zero: bits & 2 != 0,
        exponent: bits & 4 != 0,
        align: [None, Some('<'), Some('^'), Some('>')][(bits >> 3 & 3) as usize],
        width: option(bits >> 5 & 0xffff),
        precision: option(bits >> 21 & 0x7fff),
        fill: (fill & 1 != 0).then(|| char::from_u32((fill >> 1) as u32)).flatten(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_survive_packing() {
        for spec in ["", "08.3", "*^+9.1e", "é>300", "<", "+.0"] {
            let spec = FormatSpec::parse(spec).unwrap();
            assert_eq!(unpack(pack(&spec)), spec);
        }
    }
}
