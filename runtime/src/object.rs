//! Objects: making, copying and dropping them. [`crate::layout`] says how they look.
//!
//! Dropping never recurses: objects whose count has come to zero wait in a chain through their own count words, so a
//! list of a million links needs no stack and no memory to go away.

use crate::context::Context;
use crate::heap::Heap;
use crate::layout::{CAPACITY, CASE, COUNT, DIMS, FIELDS, META, data_offset, node_bytes};
use crate::system::MAPPED;
use crate::types::{DescId, Shape, TEXT, TypeTable};
use dprog_ir::TrapCode;
use std::ptr::null_mut;

/// A pointer to an object.
pub type Object = *mut u8;

// ---- reading and writing headers ----

/// # Safety
/// The offset lies inside the object; so for all functions of this section.
pub unsafe fn word(object: Object, offset: i32) -> i64 {
    unsafe { object.offset(offset as isize).cast::<i64>().read() }
}

pub unsafe fn set_word(object: Object, offset: i32, value: i64) {
    unsafe { object.offset(offset as isize).cast::<i64>().write(value) }
}

pub unsafe fn desc_of(object: Object) -> DescId {
    unsafe { word(object, META) as u32 }
}

pub unsafe fn dim(object: Object, axis: usize) -> usize {
    unsafe { word(object, DIMS + 8 * axis as i32) as usize }
}

/// All sizes.
pub unsafe fn dims<'a>(object: Object, rank: usize) -> &'a [i64] {
    unsafe { std::slice::from_raw_parts(object.offset(DIMS as isize).cast(), rank) }
}

/// Number of elements.
pub unsafe fn count_elements(object: Object, rank: usize) -> usize {
    unsafe { dims(object, rank) }.iter().product::<i64>() as usize
}

pub unsafe fn data(object: Object, rank: usize) -> *mut u8 {
    unsafe { object.offset(data_offset(rank) as isize) }
}

/// The elements of an array as a slice.
pub unsafe fn elements<'a, T>(object: Object, rank: usize) -> &'a mut [T] {
    unsafe { std::slice::from_raw_parts_mut(data(object, rank).cast(), count_elements(object, rank)) }
}

/// The text of a string.
pub unsafe fn text<'a>(object: Object) -> &'a str {
    // SAFETY: strings come from Rust strings only.
    unsafe { std::str::from_utf8_unchecked(elements::<u8>(object, 1)) }
}

pub unsafe fn retain(object: Object) {
    unsafe { set_word(object, COUNT, word(object, COUNT) + 1) }
}

// ---- making ----

/// The number of elements that these sizes mean, and their bytes; `None` if there cannot be so many.
fn measure(dims: &[i64], element: usize) -> Option<(usize, usize)> {
    if dims.contains(&0) {
        return Some((0, 0));
    }
    let count = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d as usize))?;
    let bytes = count.checked_mul(element).filter(|b| *b < isize::MAX as usize / 2)?;
    Some((count, bytes))
}

impl Context {
    /// An array of type `desc` with these sizes (none negative), its elements not yet set. `None`: trapped.
    pub fn new_array(&mut self, desc: DescId, dims: &[i64]) -> Option<Object> {
        self.new_array_with_room(desc, dims, 0)
    }

    /// The same with room for at least `room` elements.
    pub fn new_array_with_room(&mut self, desc: DescId, dims: &[i64], room: usize) -> Option<Object> {
        let (element, rank) = self.types().array(desc);
        let size = element.map_or(1, |e| self.types().element_bytes(e));
        let head = data_offset(rank) as usize;
        let block = measure(dims, size).and_then(|(count, bytes)| {
            let bytes = bytes.max(room.checked_mul(size)?);
            let usable = Heap::usable(bytes.checked_add(head)?);
            let (block, meta) = self.heap.allocate(usable, head, desc)?;
            Some((block, meta, ((usable - head) / size).max(count)))
        });
        self.with_header(block, dims)
    }

    /// A list of `len` elements, not yet set, that has become so long that it needs `room`.
    pub fn new_list(&mut self, desc: DescId, len: i64, room: usize) -> Option<Object> {
        let (element, _) = self.types().array(desc);
        let size = element.map_or(1, |e| self.types().element_bytes(e));
        let head = data_offset(1) as usize;
        let bytes = room.saturating_mul(size).saturating_add(head);
        if bytes < MAPPED {
            return self.new_array_with_room(desc, &[len], room);
        }
        let block = self.heap.allocate_for_list(bytes, head, desc);
        let block = block.map(|(block, meta, usable)| (block, meta, (usable - head) / size));
        self.with_header(block, &[len])
    }

    /// Writes the header of a new array: block, `meta` and capacity, or nothing if there is no memory.
    fn with_header(&mut self, block: Option<(*mut u8, u64, usize)>, dims: &[i64]) -> Option<Object> {
        let Some((block, meta, capacity)) = block else {
            self.raise_memory();
            return None;
        };
        // SAFETY: the block is fresh and has room for the header.
        unsafe {
            set_word(block, COUNT, 1);
            set_word(block, META, meta as i64);
            set_word(block, CAPACITY, capacity as i64);
            for (axis, d) in dims.iter().enumerate() {
                set_word(block, DIMS + 8 * axis as i32, *d);
            }
        }
        Some(block)
    }

    /// An array of these elements.
    pub fn new_array_of<T: Copy>(&mut self, desc: DescId, dims: &[i64], items: &[T]) -> Option<Object> {
        let array = self.new_array(desc, dims)?;
        // SAFETY: the array has room for as many elements as its sizes say.
        unsafe { elements::<T>(array, dims.len()).copy_from_slice(items) };
        Some(array)
    }

    pub fn new_text(&mut self, text: &str) -> Option<Object> {
        self.new_array_of(TEXT, &[text.len() as i64], text.as_bytes())
    }

    /// A node with its fields not yet set.
    pub fn new_node(&mut self, desc: DescId, case: usize, fields: usize) -> Option<Object> {
        let Some((block, meta)) = self.heap.allocate(node_bytes(fields), 0, desc) else {
            self.raise_memory();
            return None;
        };
        // SAFETY: the block is fresh and has room for the header.
        unsafe {
            set_word(block, COUNT, 1);
            set_word(block, META, meta as i64);
            set_word(block, CASE, case as i64);
        }
        Some(block)
    }

    /// One more reference to each element of heap type.
    ///
    /// # Safety
    /// `first` points to `count` elements of the type.
    pub unsafe fn retain_elements(&self, element: Option<DescId>, first: *mut u8, count: usize) {
        if element.is_some_and(|e| self.types().get(e).is_heap()) {
            for i in 0..count {
                unsafe { retain(first.cast::<Object>().add(i).read()) };
            }
        }
    }

    /// A copy of an array (of its elements; deeper levels are shared). `room` as above.
    ///
    /// # Safety
    /// `array` is an array of type `desc`.
    pub unsafe fn copy_array(&mut self, desc: DescId, array: Object, room: usize) -> Option<Object> {
        let (element, rank) = self.types().array(desc);
        let size = element.map_or(1, |e| self.types().element_bytes(e));
        unsafe {
            let count = count_elements(array, rank);
            let copy = self.new_array_with_room(desc, dims(array, rank), room)?;
            data(copy, rank).copy_from_nonoverlapping(data(array, rank), count * size);
            self.retain_elements(element, data(copy, rank), count);
            Some(copy)
        }
    }

    // ---- dropping ----

    /// One reference less; the last one drops the object.
    ///
    /// # Safety
    /// The caller owned a reference.
    pub unsafe fn release(&mut self, object: Object) {
        unsafe {
            if object.is_null() {
                return;
            }
            let count = word(object, COUNT) - 1;
            set_word(object, COUNT, count);
            if count == 0 {
                self.drop_object(object);
            }
        }
    }

    /// # Safety
    /// The count of `object` is zero.
    pub unsafe fn drop_object(&mut self, object: Object) {
        let types = self.types();
        let mut chain = Chain { first: null_mut() };
        unsafe {
            chain.add(object);
            while let Some(object) = chain.take() {
                chain.release_parts(types, object);
                self.heap.release(object, word(object, META) as u64);
            }
        }
    }
}

/// Objects that are to be dropped, linked through their count words.
struct Chain {
    first: Object,
}

impl Chain {
    unsafe fn add(&mut self, object: Object) {
        unsafe { set_word(object, COUNT, self.first as i64) };
        self.first = object;
    }

    unsafe fn take(&mut self) -> Option<Object> {
        let object = self.first;
        if object.is_null() {
            return None;
        }
        self.first = unsafe { word(object, COUNT) } as Object;
        Some(object)
    }

    unsafe fn release(&mut self, object: Object) {
        unsafe {
            if object.is_null() {
                return;
            }
            let count = word(object, COUNT) - 1;
            set_word(object, COUNT, count);
            if count == 0 {
                self.add(object);
            }
        }
    }

    unsafe fn release_parts(&mut self, types: &TypeTable, object: Object) {
        unsafe {
            match &types.get(desc_of(object)).shape {
                Shape::Scalar(_) | Shape::Text => {}
                Shape::Array { rank, element } if types.get(*element).is_heap() => {
                    for part in elements::<Object>(object, *rank) {
                        self.release(*part);
                    }
                }
                Shape::Array { .. } => {}
                Shape::Node { cases } => {
                    for (i, field) in cases[word(object, CASE) as usize].iter().enumerate() {
                        if types.get(*field).is_heap() {
                            self.release(word(object, FIELDS + 8 * i as i32) as Object);
                        }
                    }
                }
            }
        }
    }
}

// ---- called by compiled code ----

/// The count of `object` has come to zero.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_drop(ctx: &mut Context, object: Object) {
    unsafe { ctx.drop_object(object) }
}

/// An array of unset elements, sizes at `dims`; null: trapped.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_new_array(ctx: &mut Context, desc: u32, dims: *const i64, rank: u64) -> Object {
    let dims = unsafe { std::slice::from_raw_parts(dims, rank as usize) };
    if let Some(negative) = dims.iter().find(|d| **d < 0) {
        ctx.raise(TrapCode::NegativeSize, *negative, 0);
        return null_mut();
    }
    ctx.new_array(desc, dims).unwrap_or(null_mut())
}

/// A rank-1 array of `len` unset elements with room for `room`; null: trapped.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_new_list(ctx: &mut Context, desc: u32, len: i64, room: u64) -> Object {
    ctx.new_array_with_room(desc, &[len], room as usize).unwrap_or(null_mut())
}

/// A text of `length` bytes; what is no UTF-8 in it is replaced. Null: trapped.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_new_text(ctx: &mut Context, bytes: *const u8, length: u64) -> Object {
    let bytes = unsafe { std::slice::from_raw_parts(bytes, length as usize) };
    ctx.new_text(&String::from_utf8_lossy(bytes)).unwrap_or(null_mut())
}

/// A node of unset fields, where the free list is empty.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_new_node(ctx: &mut Context, desc: u32, case: u64, fields: u64) -> Object {
    ctx.new_node(desc, case as usize, fields as usize).unwrap_or(null_mut())
}

/// Compiled code has seen that `array` has other references: a copy, and one reference less to it.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_unshare(ctx: &mut Context, desc: u32, array: Object) -> Object {
    ctx.heap.counters.copies += 1;
    unsafe {
        let copy = ctx.copy_array(desc, array, 0).unwrap_or(null_mut());
        ctx.release(array);
        copy
    }
}

/// One reference less to `object`, which may be null.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_release(ctx: &mut Context, object: Object) {
    unsafe { ctx.release(object) }
}
