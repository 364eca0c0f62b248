//! The context that compiled code runs with: each thread has one, and keeps it from call to call.
//!
//! So a call allocates nothing, locks nothing, and any number of threads may call one function. A call from within a call (a
//! host function that calls compiled code) finds the context taken and gets another.

use super::code::Prepared;
use super::native::Extent;
use dprog_runtime::{Context, Limits};
use smallvec::SmallVec;
use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::LazyLock;
use std::thread::available_parallelism;

/// What a context may keep from call to call on any machine. On most it may keep more: see [`give_back`].
pub(crate) const KEEP: usize = 64 << 20;
/// The part of the machine's memory that may be kept by as many threads as there are processors.
const SHARE: usize = 4;

thread_local! {
    /// The context of this thread; null while it is in use, and before there is one.
    static FREE: Cell<*mut Context> = const { Cell::new(null_mut()) };
    /// What the last call with arrays was prepared for; nothing while it is in use.
    static LAST: Cell<Option<Box<Last>>> = const { Cell::new(None) };
    /// Frees the context with the thread.
    static OWNER: Owner = const { Owner };
}

/// A call of a function, of which the next call with the same sizes need not work them out again.
#[derive(Default)]
pub(crate) struct Last {
    /// Of the function with its settings; see [`super::code::new_number`].
    pub number: u64,
    pub extents: SmallVec<[Extent; 8]>,
    pub prepared: Prepared,
}

impl Last {
    /// What this thread has remembered; it goes back by [`Last::keep`].
    pub fn take() -> Box<Last> {
        LAST.try_with(Cell::take).ok().flatten().unwrap_or_default()
    }

    /// Remembers it for the next call.
    pub fn keep(self: Box<Last>) {
        // At the end of the thread nobody calls any more.
        let _ = LAST.try_with(|last| last.set(Some(self)));
    }
}

struct Owner;

impl Drop for Owner {
    fn drop(&mut self) {
        let context = FREE.replace(null_mut());
        if !context.is_null() {
            // SAFETY: a free context is owned by nobody else; it came from `Box::into_raw` in `new_context`.
            drop(unsafe { Box::from_raw(context) });
        }
    }
}

/// The context of this thread, left where it is: for code that calls nobody back, as long as it runs. Null while it is in use, and
/// before there is one.
#[inline]
pub(crate) fn idle() -> *mut Context {
    FREE.get()
}

/// A context in use; it goes back to the thread when it is dropped.
pub(crate) struct InUse(*mut Context);

impl InUse {
    /// The context of this thread.
    #[inline]
    pub fn take() -> InUse {
        let context = FREE.replace(null_mut());
        InUse(if context.is_null() { new_context() } else { context })
    }

    #[inline]
    pub fn get(&mut self) -> &mut Context {
        // SAFETY: taken out of the cell, so this is the only pointer to it.
        unsafe { &mut *self.0 }
    }
}

impl Drop for InUse {
    #[inline]
    fn drop(&mut self) {
        trim(self.get());
        let other = FREE.replace(self.0);
        if !other.is_null() {
            // SAFETY: a call within this call left its context; it is free.
            drop(unsafe { Box::from_raw(other) });
        }
    }
}

/// Gives everything back if it is more than a context may keep. Nothing in it is in use.
#[inline]
pub(crate) fn trim(ctx: &mut Context) {
    if ctx.heap.taken > KEEP {
        give_back(ctx);
    }
}

/// Fresh pages cost as much as the work of several passes over them, so a gradient that is computed again and again is to find the tape of
/// the one before.
#[cold]
#[inline(never)]
fn give_back(ctx: &mut Context) {
    if ctx.heap.taken > share() {
        ctx.heap.trim();
    }
}

/// What the context of one thread may keep, if that is more than [`KEEP`].
fn share() -> usize {
    static BYTES: LazyLock<usize> = LazyLock::new(|| {
        let processors = available_parallelism().map_or(1, |n| n.get());
        dprog_runtime::heap::machine_memory() / (SHARE * processors)
    });
    *BYTES
}

#[cold]
fn new_context() -> *mut Context {
    OWNER.with(|_| ());
    Box::into_raw(Context::new(Limits::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a context has after a call that took so many bytes in one block.
    fn taken_after(bytes: usize) -> usize {
        let mut context = InUse::take();
        let heap = &mut context.get().heap;
        let (block, meta) = heap.allocate(bytes, 32, 0).expect("memory that nobody touches");
        // SAFETY: allocated above, and not used.
        unsafe { heap.release(block, meta) };
        drop(context);
        InUse::take().get().heap.taken
    }

    #[test]
    fn a_context_keeps_its_pages_up_to_a_part_of_the_machine() {
        let share = share().max(KEEP);
        assert!(taken_after(share / 2) >= share / 2);
        assert!(taken_after(share + (1 << 20)) < KEEP / 2);
    }
}
