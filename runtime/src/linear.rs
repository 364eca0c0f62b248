//! The entries of compiled code to [`crate::kernels`].

use crate::context::Context;
use crate::kernels::{self, Float};
use crate::layout::data_offset;
use crate::matmul::{Element, Matrix, Sizes};
use crate::object::{Object, count_elements, data, dim, dims};
use dprog_ir::TrapCode;
use std::ptr::null_mut;

/// Products and sums of a matrix product between two looks at whether it is to stop: some ten milliseconds.
const CHUNK: usize = 1 << 26;

/// Elements of any rank as one slice.
unsafe fn flat<'a, T>(array: Object, rank: usize) -> &'a [T] {
    unsafe { std::slice::from_raw_parts(data(array, rank).cast(), count_elements(array, rank)) }
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_sum_f64(x: Object, rank: u64) -> f64 {
    kernels::sum(unsafe { flat::<f64>(x, rank as usize) })
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_sum_f32(x: Object, rank: u64) -> f32 {
    kernels::sum(unsafe { flat::<f32>(x, rank as usize) })
}

/// The shapes have been compared.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_dot_f64(x: Object, y: Object, rank: u64) -> f64 {
    unsafe { kernels::dot(flat::<f64>(x, rank as usize), flat::<f64>(y, rank as usize)) }
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_dot_f32(x: Object, y: Object, rank: u64) -> f32 {
    unsafe { kernels::dot(flat::<f32>(x, rank as usize), flat::<f32>(y, rank as usize)) }
}

/// Sums of elements that lie apart from their header.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_sum_apart_f64(x: *const f64, count: usize) -> f64 {
    kernels::sum(unsafe { std::slice::from_raw_parts(x, count) })
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_sum_apart_f32(x: *const f32, count: usize) -> f32 {
    kernels::sum(unsafe { std::slice::from_raw_parts(x, count) })
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_dot_apart_f64(x: *const f64, y: *const f64, count: usize) -> f64 {
    unsafe { kernels::dot(std::slice::from_raw_parts(x, count), std::slice::from_raw_parts(y, count)) }
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_dot_apart_f32(x: *const f32, y: *const f32, count: usize) -> f32 {
    unsafe { kernels::dot(std::slice::from_raw_parts(x, count), std::slice::from_raw_parts(y, count)) }
}

/// An operand of a product, or the place of its result: its header, and the object that its elements would be in if they followed one.
#[derive(Clone, Copy)]
struct Operand {
    header: Object,
    at: Object,
}

impl Operand {
    unsafe fn dim(self, axis: usize) -> usize {
        unsafe { dim(self.header, axis) }
    }

    /// No object is there, and no memory where there are no elements.
    fn data<T>(self, rank: usize) -> *mut T {
        self.at.wrapping_offset(data_offset(rank) as isize).cast()
    }

    unsafe fn flat<'a, T>(self, rank: usize) -> &'a [T] {
        unsafe { std::slice::from_raw_parts(self.data(rank), count_elements(self.header, rank)) }
    }

    unsafe fn elements<'a, T>(self, rank: usize) -> &'a mut [T] {
        unsafe { std::slice::from_raw_parts_mut(self.data(rank), count_elements(self.header, rank)) }
    }

    /// This place for a result, if there is one and it has these sizes; else a new array. `None`: trapped.
    unsafe fn or_new(self, ctx: &mut Context, desc: u32, sizes: &[i64]) -> Option<Operand> {
        if !self.header.is_null() && unsafe { dims(self.header, sizes.len()) } == sizes {
            return Some(self);
        }
        ctx.new_array(desc, sizes).map(|array| Operand { header: array, at: array })
    }
}

/// Of each operand the header and the place, and the same at the end for the result, null if it has none. Bit 0 of `flags`: `a` transposed; bit 1: `b` transposed.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_matmul_f64(
    ctx: &mut Context,
    desc: u32,
    a: Object,
    a_at: Object,
    b: Object,
    b_at: Object,
    flags: u32,
    into: Object,
    into_at: Object,
) -> Object {
    let (a, b) = (Operand { header: a, at: a_at }, Operand { header: b, at: b_at });
    let into = Operand { header: into, at: into_at };
    unsafe { matmul::<f64>(ctx, desc, a, b, flags, into) }
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_matmul_f32(
    ctx: &mut Context,
    desc: u32,
    a: Object,
    a_at: Object,
    b: Object,
    b_at: Object,
    flags: u32,
    into: Object,
    into_at: Object,
) -> Object {
    let (a, b) = (Operand { header: a, at: a_at }, Operand { header: b, at: b_at });
    let into = Operand { header: into, at: into_at };
    unsafe { matmul::<f32>(ctx, desc, a, b, flags, into) }
}

unsafe fn matmul<T: Element>(
    ctx: &mut Context,
    desc: u32,
    a: Operand,
    b: Operand,
    flags: u32,
    into: Operand,
) -> Object {
    let (ta, tb) = (flags & 1 != 0, flags & 2 != 0);
    unsafe {
        let (a0, a1, b0, b1) = (a.dim(0), a.dim(1), b.dim(0), b.dim(1));
        let ((n, k), (k2, m)) = (if ta { (a1, a0) } else { (a0, a1) }, if tb { (b1, b0) } else { (b0, b1) });
        if k != k2 {
            ctx.raise(TrapCode::Shape, k2 as i64, k as i64);
            return null_mut();
        }
        let Some(c) = into.or_new(ctx, desc, &[n as i64, m as i64]) else { return null_mut() };
        let (a, b) = (Matrix::new(a.flat::<T>(2), a1, ta), Matrix::new(b.flat::<T>(2), b1, tb));
        let result = c.elements::<T>(2);
        // Whole rows at a time, so that a large product stops when it is told to.
        let rows = (CHUNK / (k * m).max(1)).clamp(16, n.max(16));
        for first in (0..n).step_by(rows) {
            let last = n.min(first + rows);
            let sizes = Sizes { n: last - first, k, m };
            T::multiply(&mut result[first * m..last * m], a.rows_from(first), b, sizes);
            if ctx.stops() {
                return null_mut();
            }
        }
        c.header
    }
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_matvec_f64(
    ctx: &mut Context,
    desc: u32,
    a: Object,
    a_at: Object,
    x: Object,
    x_at: Object,
    turned: u32,
    into: Object,
    into_at: Object,
) -> Object {
    let (a, x) = (Operand { header: a, at: a_at }, Operand { header: x, at: x_at });
    let into = Operand { header: into, at: into_at };
    unsafe { matvec::<f64>(ctx, desc, a, x, turned != 0, into) }
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_matvec_f32(
    ctx: &mut Context,
    desc: u32,
    a: Object,
    a_at: Object,
    x: Object,
    x_at: Object,
    turned: u32,
    into: Object,
    into_at: Object,
) -> Object {
    let (a, x) = (Operand { header: a, at: a_at }, Operand { header: x, at: x_at });
    let into = Operand { header: into, at: into_at };
    unsafe { matvec::<f32>(ctx, desc, a, x, turned != 0, into) }
}

unsafe fn matvec<T: Float>(
    ctx: &mut Context,
    desc: u32,
    a: Operand,
    x: Operand,
    turned: bool,
    into: Operand,
) -> Object {
    unsafe {
        let (rows, columns, have) = (a.dim(0), a.dim(1), x.dim(0));
        let (inner, outer) = if turned { (rows, columns) } else { (columns, rows) };
        if inner != have {
            ctx.raise(TrapCode::Shape, have as i64, inner as i64);
            return null_mut();
        }
        let Some(y) = into.or_new(ctx, desc, &[outer as i64]) else { return null_mut() };
        let (a, x, result) = (a.flat::<T>(2), x.flat::<T>(1), y.elements::<T>(1));
        if turned {
            kernels::matvec_transposed(result, a, x);
        } else {
            kernels::matvec(result, a, x);
        }
        y.header
    }
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_outer_f64(
    ctx: &mut Context,
    desc: u32,
    x: Object,
    x_at: Object,
    y: Object,
    y_at: Object,
    _: u32,
    into: Object,
    into_at: Object,
) -> Object {
    let (x, y) = (Operand { header: x, at: x_at }, Operand { header: y, at: y_at });
    let into = Operand { header: into, at: into_at };
    unsafe { outer::<f64>(ctx, desc, x, y, into) }
}

#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_outer_f32(
    ctx: &mut Context,
    desc: u32,
    x: Object,
    x_at: Object,
    y: Object,
    y_at: Object,
    _: u32,
    into: Object,
    into_at: Object,
) -> Object {
    let (x, y) = (Operand { header: x, at: x_at }, Operand { header: y, at: y_at });
    let into = Operand { header: into, at: into_at };
    unsafe { outer::<f32>(ctx, desc, x, y, into) }
}

unsafe fn outer<T: Float>(ctx: &mut Context, desc: u32, x: Operand, y: Operand, into: Operand) -> Object {
    unsafe {
        let (n, m) = (x.dim(0), y.dim(0));
        let Some(c) = into.or_new(ctx, desc, &[n as i64, m as i64]) else { return null_mut() };
        let (x, y, result) = (x.flat::<T>(1), y.flat::<T>(1), c.elements::<T>(2));
        for (i, x) in x.iter().enumerate() {
            let row = &mut result[i * m..(i + 1) * m];
            row.iter_mut().zip(y).for_each(|(c, y)| *c = *x * *y);
        }
        c.header
    }
}
