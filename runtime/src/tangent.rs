//! Zero tangents and sums of tangents of any type, by its descriptor.
//!
//! Both walk the value with a list of their own instead of recursion, since a value may be a million nodes deep.

use crate::array::{add_scalars, float_element};
use crate::context::Context;
use crate::layout::{CASE, COUNT, FIELDS};
use crate::object::{Object, count_elements, data, dims, elements, retain, set_word, word};
use crate::types::{DescId, Shape};
use dprog_ir::TrapCode;
use std::ops::AddAssign;
use std::ptr::null_mut;

/// Work: the slot at `to` gets what belongs to the object `from`.
struct Task {
    desc: DescId,
    to: *mut Object,
    from: Object,
}

/// The zero tangent of `x`, a heap value of type `desc`.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_zeros_like(ctx: &mut Context, desc: u32, x: Object) -> Object {
    let mut result = null_mut();
    let mut work = vec![Task { desc, to: &mut result, from: x }];
    while let Some(task) = work.pop() {
        if unsafe { zero_one(ctx, &task, &mut work) }.is_none() {
            return null_mut();
        }
    }
    result
}

/// Makes one object of zeros; what is below it goes on the list.
unsafe fn zero_one(ctx: &mut Context, task: &Task, work: &mut Vec<Task>) -> Option<()> {
    let types = ctx.types();
    let desc = types.get(task.desc);
    let tangent = desc.tangent.expect("a type with a tangent type");
    unsafe {
        match &desc.shape {
            Shape::Array { rank, element } => {
                let zeros = ctx.new_array(tangent, dims(task.from, *rank))?;
                let count = count_elements(zeros, *rank);
                data(zeros, *rank).write_bytes(0, count * types.element_bytes(types.array(tangent).0?));
                task.to.write(zeros);
                if types.get(*element).is_heap() {
                    let (to, from) = (elements::<Object>(zeros, *rank), elements::<Object>(task.from, *rank));
                    let pairs = to.iter_mut().zip(from);
                    work.extend(pairs.map(|(to, from)| Task { desc: *element, to, from: *from }));
                }
            }
            Shape::Node { cases } => zero_node(ctx, task, tangent, cases, &desc.active, work)?,
            Shape::Scalar(_) | Shape::Text => unreachable!("a heap type with a tangent type"),
        }
    }
    Some(())
}

unsafe fn zero_node(
    ctx: &mut Context,
    task: &Task,
    tangent: DescId,
    cases: &[Vec<DescId>],
    active: &[Vec<bool>],
    work: &mut Vec<Task>,
) -> Option<()> {
    unsafe {
        if task.from == ctx.empty() {
            task.to.write(task.from);
            retain(task.from);
            return Some(());
        }
        let case = word(task.from, CASE) as usize;
        let count = active[case].iter().filter(|a| **a).count();
        let zeros = ctx.new_node(tangent, case, count)?;
        task.to.write(zeros);
        let kept = (0..cases[case].len()).filter(|f| active[case][*f]);
        for (k, f) in kept.enumerate() {
            let slot = FIELDS + 8 * k as i32;
            set_word(zeros, slot, 0);
            if ctx.types().get(cases[case][f]).is_heap() {
                let to = zeros.offset(slot as isize).cast();
                work.push(Task { desc: cases[case][f], to, from: word(task.from, FIELDS + 8 * f as i32) as Object });
            }
        }
    }
    Some(())
}

/// `a + b` for a heap tangent type; `a` is consumed, `b` borrowed. In place where `a` is the only reference.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_add_tangent(ctx: &mut Context, desc: u32, a: Object, b: Object) -> Object {
    let mut result = a;
    let mut work = vec![Task { desc, to: &mut result, from: b }];
    while let Some(task) = work.pop() {
        if unsafe { add_one(ctx, &task, &mut work) }.is_none() {
            return null_mut();
        }
    }
    result
}

/// Adds one object to that in the slot, after making it the only reference.
unsafe fn add_one(ctx: &mut Context, task: &Task, work: &mut Vec<Task>) -> Option<()> {
    let types = ctx.types();
    unsafe {
        match &types.get(task.desc).shape {
            Shape::Array { rank, element } => {
                if dims(task.to.read(), *rank) != dims(task.from, *rank) {
                    ctx.raise(TrapCode::TangentMismatch, 0, 0);
                    return None;
                }
                let sum = own(ctx, task)?;
                let count = count_elements(sum, *rank);
                if let Some(scalar) = float_element(ctx, *element) {
                    add_scalars(scalar, data(sum, *rank), data(task.from, *rank), count);
                } else {
                    let (to, from) = (elements::<Object>(sum, *rank), elements::<Object>(task.from, *rank));
                    let pairs = to.iter_mut().zip(from);
                    work.extend(pairs.map(|(to, from)| Task { desc: *element, to, from: *from }));
                }
            }
            Shape::Node { cases } => add_node(ctx, task, cases, work)?,
            Shape::Scalar(_) | Shape::Text => unreachable!("a heap tangent type"),
        }
    }
    Some(())
}

unsafe fn add_node(ctx: &mut Context, task: &Task, cases: &[Vec<DescId>], work: &mut Vec<Task>) -> Option<()> {
    unsafe {
        let (a, b) = (task.to.read(), task.from);
        if a == ctx.empty() || b == ctx.empty() || word(a, CASE) != word(b, CASE) {
            if a == b {
                return Some(());
            }
            ctx.raise(TrapCode::TangentMismatch, 0, 0);
            return None;
        }
        let fields = &cases[word(a, CASE) as usize];
        if fields.is_empty() {
            return Some(());
        }
        let sum = own(ctx, task)?;
        for (i, field) in fields.iter().enumerate() {
            let slot = FIELDS + 8 * i as i32;
            let (to, from) = (sum.offset(slot as isize), b.offset(slot as isize));
            match float_element(ctx, *field) {
                Some(scalar) => add_scalars(scalar, to, from, 1),
                None => work.push(Task { desc: *field, to: to.cast(), from: from.cast::<Object>().read() }),
            }
        }
    }
    Some(())
}

/// The object in the slot, made the only reference by a shallow copy if it is not.
unsafe fn own(ctx: &mut Context, task: &Task) -> Option<Object> {
    unsafe {
        let old = task.to.read();
        if word(old, COUNT) == 1 {
            return Some(old);
        }
        let copy = match &ctx.types().get(task.desc).shape {
            Shape::Array { .. } => ctx.copy_array(task.desc, old, 0)?,
            Shape::Node { cases } => copy_node(ctx, task.desc, old, cases)?,
            Shape::Scalar(_) | Shape::Text => unreachable!("a heap tangent type"),
        };
        ctx.release(old);
        task.to.write(copy);
        Some(copy)
    }
}

unsafe fn copy_node(ctx: &mut Context, desc: DescId, old: Object, cases: &[Vec<DescId>]) -> Option<Object> {
    unsafe {
        let case = word(old, CASE) as usize;
        let copy = ctx.new_node(desc, case, cases[case].len())?;
        for (i, field) in cases[case].iter().enumerate() {
            let value = word(old, FIELDS + 8 * i as i32);
            set_word(copy, FIELDS + 8 * i as i32, value);
            if ctx.types().get(*field).is_heap() {
                retain(value as Object);
            }
        }
        Some(copy)
    }
}

/// Adds `v`, a heap tangent of type `desc`, to the element at `slot`.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_add_element(ctx: &mut Context, desc: u32, slot: *mut Object, v: Object) -> i32 {
    let mut v = v;
    unsafe { add_elements(ctx, desc, slot.cast(), (&raw mut v).cast(), 1) }
}

/// Adds `count` elements at `from` to those at `to`.
pub(crate) unsafe fn add_elements(ctx: &mut Context, element: DescId, to: *mut u8, from: *mut u8, count: usize) -> i32 {
    unsafe {
        if let Some(scalar) = float_element(ctx, element) {
            add_scalars(scalar, to, from, count);
            return 0;
        }
        let (to, from) = (to.cast::<Object>(), from.cast::<Object>());
        for i in 0..count {
            let sum = dprog_rt_add_tangent(ctx, element, to.add(i).read(), from.add(i).read());
            if sum.is_null() {
                return 1;
            }
            to.add(i).write(sum);
        }
        0
    }
}

/// Elementwise `to += from`. The two may be the same array.
pub(crate) unsafe fn add_floats<T: AddAssign + Copy>(to: *mut T, from: *const T, count: usize) {
    unsafe {
        if std::ptr::eq(to, from) {
            for i in 0..count {
                let x = from.add(i).read();
                *to.add(i) += x;
            }
            return;
        }
        let (to, from) = (std::slice::from_raw_parts_mut(to, count), std::slice::from_raw_parts(from, count));
        to.iter_mut().zip(from).for_each(|(t, f)| *t += *f);
    }
}
