//! The program's own stack.
//!
//! 100 000 nested calls must always be possible, and a million by default, in reverse sweeps with large frames too. So
//! compiled code runs on a stack of its own: address space for tens of gigabytes, of which the system commits only the
//! pages that are touched. Entering switches the stack pointer, which costs a few instructions.
//!
//! Below [`Context::stack_limit`] there is room for the runtime and for functions that are not recursive (these do not
//! compare); below that, a guard page.

use crate::context::Context;
use std::ptr::null_mut;

/// Sizes to try, greatest first: systems differ in how much address space they give.
const SIZES: [usize; 4] = [64 << 30, 16 << 30, 4 << 30, 512 << 20];
/// Room below the limit. Frames of compiled code are at most some hundred kilobytes; this is generous.
const RED_ZONE: usize = 16 << 20;
/// A used-up stack deeper than this gives its pages back after the run.
const KEEP: usize = 4 << 20;

/// A mapped stack.
pub(crate) struct Stack {
    base: *mut u8,
    bytes: usize,
}

impl Stack {
    fn new() -> Option<Stack> {
        SIZES.iter().find_map(|bytes| Stack::with_size(*bytes))
    }

    fn with_size(bytes: usize) -> Option<Stack> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the system's choice; its lowest page becomes the guard.
        unsafe {
            let base = libc::mmap(null_mut(), bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if base == libc::MAP_FAILED {
                return None;
            }
            libc::mprotect(base, 4096, libc::PROT_NONE);
            Some(Stack { base: base.cast(), bytes })
        }
    }

    fn top(&self) -> *mut u8 {
        self.base.wrapping_add(self.bytes)
    }

    /// Gives the pages below the uppermost few megabytes back.
    fn trim(&self) {
        // SAFETY: nothing runs on the stack; its contents are not needed.
        unsafe { libc::madvise(self.base.add(4096).cast(), self.bytes - KEEP - 4096, libc::MADV_DONTNEED) };
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped in `with_size`; nothing runs on it.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}

/// A compiled entry: `(context, arguments, results) -> status`.
pub type Entry = unsafe extern "C" fn(*mut Context, *const u64, *mut u64) -> i32;

impl Context {
    /// Runs `entry` on the program's stack; gives its status.
    ///
    /// # Safety
    /// The arguments are what the entry expects, and `types` is the table of its module.
    pub unsafe fn enter(&mut self, entry: Entry, args: *const u64, results: *mut u64) -> i32 {
        let Some(stack) = self.stack.take().or_else(Stack::new) else {
            self.raise_memory();
            return 1;
        };
        self.stack_limit = stack.base as usize + RED_ZONE.min(stack.bytes / 4);
        self.depth = self.limits.depth;
        let context: *mut Context = self;
        // SAFETY: the stack is fresh memory of sufficient size, aligned to a page.
        let status = unsafe { switch(stack.top(), entry, context, args, results) };
        if self.trap.as_ref().is_some_and(|t| t.trace.len() > 10_000) {
            stack.trim();
        }
        self.stack = Some(stack);
        status
    }
}

/// Calls `entry` with the stack pointer at `top`.
#[cfg(target_arch = "x86_64")]
unsafe fn switch(top: *mut u8, entry: Entry, ctx: *mut Context, args: *const u64, results: *mut u64) -> i32 {
    let status: i32;
    // SAFETY: r12 keeps the old stack pointer over the call, because the C convention preserves it; what a C function
    // may change is declared.
    unsafe {
        std::arch::asm!(
            "xchg rsp, r12",
            "call {entry}",
            "mov rsp, r12",
            entry = in(reg) entry,
            inout("r12") top => _,
            in("rdi") ctx, in("rsi") args, in("rdx") results,
            lateout("rax") status,
            clobber_abi("C"),
        );
    }
    status
}

/// Calls `entry` with the stack pointer at `top`.
#[cfg(target_arch = "aarch64")]
unsafe fn switch(top: *mut u8, entry: Entry, ctx: *mut Context, args: *const u64, results: *mut u64) -> i32 {
    let status: i32;
    // SAFETY: as above, with x21 for the old stack pointer.
    unsafe {
        std::arch::asm!(
            "mov x21, sp",
            "mov sp, x20",
            "blr {entry}",
            "mov sp, x21",
            entry = in(reg) entry,
            inout("x20") top => _, out("x21") _,
            inlateout("x0") ctx as usize => status, in("x1") args, in("x2") results,
            clobber_abi("C"),
        );
    }
    status
}
