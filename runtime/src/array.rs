//! Operations on arrays that compiled code does not do inline.
//!
//! Functions that give an object give null after a trap; those that give a status give 0 when all is well. "Consumed"
//! arrays are the only reference to their object: they are changed in place.

use crate::context::Context;
use crate::layout::{CAPACITY, DIMS, META, data_offset};
use crate::object::{Object, count_elements, data, dim, dims, elements, set_word, word};
use crate::tangent::{add_elements, add_floats};
use crate::types::{DescId, Shape};
use dprog_ir::{Scalar, TrapCode};
use std::ptr::null_mut;

/// An array filled with one element, given as bits. Borrows an element of heap type.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_fill(
    ctx: &mut Context,
    desc: u32,
    sizes: *const i64,
    rank: u64,
    bits: u64,
) -> Object {
    unsafe {
        let array = crate::object::dprog_rt_new_array(ctx, desc, sizes, rank);
        if array.is_null() {
            return array;
        }
        let (element, rank) = ctx.types().array(desc);
        match element.map_or(1, |e| ctx.types().element_bytes(e)) {
            1 => elements::<u8>(array, rank).fill(bits as u8),
            4 => elements::<u32>(array, rank).fill(bits as u32),
            _ => elements::<u64>(array, rank).fill(bits),
        }
        ctx.retain_elements(element, data(array, rank), count_elements(array, rank));
        array
    }
}

/// Copies bytes.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_copy(to: *mut u8, from: *const u8, bytes: usize) -> *mut u8 {
    unsafe { to.copy_from_nonoverlapping(from, bytes) };
    to
}

/// Sets elements that lie apart from their header to one, given as bits.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_set_apart(to: *mut u8, count: usize, bytes: u64, bits: u64) {
    unsafe {
        match bytes {
            1 => std::slice::from_raw_parts_mut(to, count).fill(bits as u8),
            4 => std::slice::from_raw_parts_mut(to.cast::<u32>(), count).fill(bits as u32),
            _ => std::slice::from_raw_parts_mut(to.cast::<u64>(), count).fill(bits),
        }
    }
}

/// The capacity after this one, for elements of so many bytes: room for at least eight more. Short lists grow fast, since growing costs more than filling;
/// long ones slowly, since these grow without being copied.
fn greater(capacity: usize, size: usize) -> usize {
    match capacity.saturating_mul(size) {
        _ if capacity < 256 => (4 * capacity).max(16),
        0..COPIED => 2 * capacity,
        COPIED..LONG => capacity + capacity / 2,
        _ => capacity + capacity / 8,
    }
}

/// A list of so many bytes is copied when it grows; a longer one mostly is not.
const COPIED: usize = 1 << 20;
const LONG: usize = 8 << 20;

/// A full rank-1 array, consumed, with room for more.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_grow(ctx: &mut Context, desc: u32, array: Object) -> Object {
    unsafe {
        let (element, _) = ctx.types().array(desc);
        let size = element.map_or(1, |e| ctx.types().element_bytes(e));
        let (n, capacity) = (dim(array, 0), word(array, CAPACITY) as usize);
        let (room, head) = (greater(capacity, size), data_offset(1) as usize);
        let bytes = room.saturating_mul(size).saturating_add(head);
        if let Some((grown, bytes)) = ctx.heap.lengthen(array, word(array, META) as u64, bytes) {
            set_word(grown, CAPACITY, ((bytes - head) / size) as i64);
            return grown;
        }
        let Some(grown) = ctx.new_list(desc, n as i64, room) else { return null_mut() };
        data(grown, 1).copy_from_nonoverlapping(data(array, 1), n * size);
        // The elements have moved: the old object goes as if it were empty.
        set_word(array, DIMS, 0);
        ctx.release(array);
        grown
    }
}

/// Rows `lo..hi`, which have been checked.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_slice(ctx: &mut Context, desc: u32, array: Object, lo: u64, hi: u64) -> Object {
    unsafe {
        let (_, rank) = ctx.types().array(desc);
        let mut sizes = dims(array, rank).to_vec();
        let row: i64 = sizes[1..].iter().product();
        sizes[0] = (hi - lo) as i64;
        part(ctx, desc, array, rank, &sizes, lo as usize * row as usize)
    }
}

/// The sub-array of the trailing axes that begins at element `offset`.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_get_part(
    ctx: &mut Context,
    desc: u32,
    array: Object,
    rank: u64,
    offset: u64,
) -> Object {
    unsafe {
        let (_, part_rank) = ctx.types().array(desc);
        let rank = rank as usize;
        let sizes = dims(array, rank)[rank - part_rank..].to_vec();
        part(ctx, desc, array, rank, &sizes, offset as usize)
    }
}

/// A new array of type `desc`: the elements of `array`, of rank `rank`, from `offset` on.
unsafe fn part(ctx: &mut Context, desc: u32, array: Object, rank: usize, sizes: &[i64], offset: usize) -> Object {
    let Some(copy) = ctx.new_array(desc, sizes) else { return null_mut() };
    let (element, copy_rank) = ctx.types().array(desc);
    let size = element.map_or(1, |e| ctx.types().element_bytes(e));
    unsafe {
        let count = count_elements(copy, copy_rank);
        data(copy, copy_rank).copy_from_nonoverlapping(data(array, rank).add(offset * size), count * size);
        ctx.retain_elements(element, data(copy, copy_rank), count);
    }
    copy
}

/// Puts (or adds) the elements of `v`, of type `desc`, into `array` (consumed) of rank `rank` at element `offset`. The shape of
/// `v` must be that of the trailing axes.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_put_part(
    ctx: &mut Context,
    desc: u32,
    array: Object,
    rank: u64,
    offset: u64,
    v: Object,
    add: u32,
) -> i32 {
    unsafe {
        let (_, part_rank) = ctx.types().array(desc);
        let wanted = &dims(array, rank as usize)[rank as usize - part_rank..];
        if let Some((a, b)) = dims(v, part_rank).iter().zip(wanted).find(|(a, b)| a != b) {
            ctx.raise(TrapCode::Shape, *a, *b);
            return 1;
        }
        put(ctx, desc, array, rank as usize, offset as usize, v, add != 0)
    }
}

/// Puts (or adds) the rows of `v` into `array` (consumed) from row `lo` on.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_put_slice(
    ctx: &mut Context,
    desc: u32,
    array: Object,
    lo: i64,
    v: Object,
    add: u32,
) -> i32 {
    unsafe {
        let (_, rank) = ctx.types().array(desc);
        let (sizes, rows) = (dims(array, rank), dims(v, rank));
        if lo < 0 || lo > sizes[0] || rows[0] > sizes[0] - lo {
            ctx.raise(TrapCode::SliceBounds, lo, lo.saturating_add(rows[0]));
            return 1;
        }
        if let Some((a, b)) = rows[1..].iter().zip(&sizes[1..]).find(|(a, b)| a != b) {
            ctx.raise(TrapCode::Shape, *a, *b);
            return 1;
        }
        let row: i64 = sizes[1..].iter().product();
        put(ctx, desc, array, rank, (lo * row) as usize, v, add != 0)
    }
}

/// `v` of type `desc`; `array` has elements of the same type.
unsafe fn put(ctx: &mut Context, desc: u32, array: Object, rank: usize, offset: usize, v: Object, add: bool) -> i32 {
    let (element, part_rank) = ctx.types().array(desc);
    let element = element.expect("an array, not a string");
    let size = ctx.types().element_bytes(element);
    unsafe {
        let count = count_elements(v, part_rank);
        let (from, to) = (data(v, part_rank), data(array, rank).add(offset * size));
        if add {
            return add_elements(ctx, element, to, from, count);
        }
        if !ctx.types().get(element).is_heap() {
            to.copy_from(from, count * size);
            return 0;
        }
        ctx.retain_elements(Some(element), from, count);
        for i in 0..count {
            ctx.release(to.cast::<Object>().add(i).read());
            to.cast::<Object>().add(i).write(from.cast::<Object>().add(i).read());
        }
        0
    }
}

/// The same elements with other sizes.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_reshape(
    ctx: &mut Context,
    desc: u32,
    array: Object,
    old_rank: u64,
    sizes: *const i64,
    rank: u64,
) -> Object {
    unsafe {
        let sizes = std::slice::from_raw_parts(sizes, rank as usize).to_vec();
        if let Some(negative) = sizes.iter().find(|d| **d < 0) {
            ctx.raise(TrapCode::NegativeSize, *negative, 0);
            return null_mut();
        }
        let have = count_elements(array, old_rank as usize) as i64;
        let want = if sizes.contains(&0) { 0 } else { sizes.iter().fold(1i64, |n, d| n.saturating_mul(*d)) };
        if want != have {
            ctx.raise(TrapCode::Shape, have, want);
            return null_mut();
        }
        part(ctx, desc, array, old_rank as usize, &sizes, 0)
    }
}

/// The stable permutation that sorts a rank-1 array of numbers ascending, NaN last.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_sort_permutation(ctx: &mut Context, desc: u32, array: Object, scalar: u32) -> Object {
    unsafe {
        let n = dim(array, 0);
        let Some(result) = ctx.new_array(desc, &[n as i64]) else { return null_mut() };
        let order = elements::<i64>(result, 1);
        order.iter_mut().enumerate().for_each(|(i, slot)| *slot = i as i64);
        match Scalar::ALL[scalar as usize] {
            Scalar::F64 => sort_by(order, elements::<f64>(array, 1), |x| x.is_nan()),
            Scalar::F32 => sort_by(order, elements::<f32>(array, 1), |x| x.is_nan()),
            Scalar::I64 => sort_by(order, elements::<i64>(array, 1), |_| false),
            Scalar::I32 => sort_by(order, elements::<i32>(array, 1), |_| false),
            Scalar::U8 | Scalar::Bool => sort_by(order, elements::<u8>(array, 1), |_| false),
        }
        result
    }
}

fn sort_by<T: Copy + PartialOrd>(order: &mut [i64], keys: &[T], is_nan: impl Fn(T) -> bool) {
    order.sort_by(|a, b| {
        let (x, y) = (keys[*a as usize], keys[*b as usize]);
        x.partial_cmp(&y).unwrap_or_else(|| is_nan(x).cmp(&is_nan(y)))
    });
}

/// Checks that `b` has the sizes of `a`, both of rank `rank`.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_same_shape(ctx: &mut Context, a: Object, b: Object, rank: u64) -> i32 {
    unsafe {
        let (x, y) = (dims(a, rank as usize), dims(b, rank as usize));
        match x.iter().zip(y).find(|(x, y)| x != y) {
            None => 0,
            Some((x, y)) => {
                ctx.raise(TrapCode::Shape, *y, *x);
                1
            }
        }
    }
}

/// Whether elements of this type are added as floats; the others by [`crate::tangent`].
pub(crate) fn float_element(ctx: &Context, element: DescId) -> Option<Scalar> {
    match ctx.types().get(element).shape {
        Shape::Scalar(s) => Some(s),
        Shape::Text | Shape::Array { .. } | Shape::Node { .. } => None,
    }
}

pub(crate) unsafe fn add_scalars(scalar: Scalar, to: *mut u8, from: *const u8, count: usize) {
    unsafe {
        match scalar {
            Scalar::F64 => add_floats::<f64>(to.cast(), from.cast(), count),
            Scalar::F32 => add_floats::<f32>(to.cast(), from.cast(), count),
            Scalar::I64 | Scalar::I32 | Scalar::U8 | Scalar::Bool => unreachable!("tangents are floats"),
        }
    }
}
