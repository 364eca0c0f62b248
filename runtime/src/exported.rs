//! Calls from C: a context for every thread, and errors as values.
//!
//! An exported function is a small C function in the object. One that needs the runtime asks for a context with
//! [`dprog_rt_begin`], makes objects of its arguments, runs the compiled function with [`dprog_rt_run`], copies what came out,
//! and gives the context back with [`dprog_rt_end`]. A thread keeps its context and with it memory for the next call; it goes when the
//! thread ends. While it is in use, a call from inside (a C function that dProg called calls back) gets another.
//!
//! After a trap the heap is empty again and the report is the thread's last error; the status is the trap's code.

use crate::context::{Context, Stop};
use crate::program::Program;
use crate::stack::Entry;
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_char;

/// The status of a program that ended itself inside of an exported function.
const EXITED: i32 = 127;

/// Room for a report, with the zero behind it.
const ERROR_BYTES: usize = 8192;
/// What there is room for in objects without the runtime.
const LEAST_ERROR_BYTES: usize = 1000;

thread_local! {
    /// The context that a thread keeps between calls.
    static IDLE: Cell<Option<Box<Context>>> = const { Cell::new(None) };
    static ERROR: UnsafeCell<[u8; ERROR_BYTES]> = const { UnsafeCell::new([0; ERROR_BYTES]) };
}

/// A context for a call of a function of the program whose block is at `program`; see [`crate::program`].
///
/// # Safety
/// The block is one that the code generator wrote.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_begin(program: *const u8) -> *mut Context {
    // SAFETY: the caller's promise.
    let program = unsafe { Program::new(program) };
    // A thread that is ending has no context to keep any more.
    let idle = IDLE.try_with(Cell::take).ok().flatten();
    let mut ctx = idle.unwrap_or_else(|| Context::new(program.limits()));
    if ctx.program != Some(program) {
        ctx.limits = program.limits();
        ctx.heap.limit = ctx.limits.memory;
        ctx.types = program.types();
        ctx.program = Some(program);
    }
    Box::into_raw(ctx)
}

/// Runs an entry on the context's stack; 0, or the trap's code, with the report as the thread's last error.
///
/// # Safety
/// The context is from [`dprog_rt_begin`] with the entry's program; arguments and results are what the entry expects.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_run(ctx: &mut Context, entry: Entry, args: *const u64, results: *mut u64) -> i32 {
    // SAFETY: the caller's promise.
    let status = unsafe { ctx.enter(entry, args, results) };
    ctx.host.out.flush();
    if status == 0 { 0 } else { dprog_rt_failed(ctx) }
}

/// Takes back what a call that trapped has left: the status to return, with the report as the thread's last error. Also for
/// a trap outside of [`dprog_rt_run`], as when there is no memory for the arguments.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub extern "C" fn dprog_rt_failed(ctx: &mut Context) -> i32 {
    match ctx.finish_stop() {
        Stop::Trap(trap) => {
            let report = ctx.program.map(|program| program.report(&trap).to_string());
            report_error(&report.unwrap_or_else(|| trap.describe()));
            trap.code as i32
        }
        Stop::Exit(status) => {
            report_error(&format!("the program ended itself with status {status}"));
            EXITED
        }
    }
}

/// Gives a context back.
///
/// # Safety
/// It is from [`dprog_rt_begin`], and is not used any more.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_end(ctx: *mut Context) {
    // SAFETY: the caller's promise.
    let ctx = unsafe { Box::from_raw(ctx) };
    // A thread that is ending keeps nothing.
    let _ = IDLE.try_with(|idle| {
        let kept = idle.take();
        idle.set(kept.or(Some(ctx)));
    });
}

/// Makes a text the thread's last error. In a program with several libraries of dProg all write into the buffer of that one whose
/// `dprog_last_error` the linker has chosen, so that one is asked where it is, like a stranger's.
///
/// # Safety
/// `length` bytes of UTF-8 lie at `text`.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_set_last_error(text: *const u8, length: usize) {
    let getter: extern "C" fn() -> *const c_char = dprog_last_error;
    let buffer = std::hint::black_box(getter)().cast_mut().cast::<u8>();
    let room = if ERROR.with(|own| own.get().cast()) == buffer { ERROR_BYTES } else { LEAST_ERROR_BYTES };
    let length = length.min(room - 1);
    // SAFETY: the caller's promise; every `dprog_last_error` gives a buffer of at least so many bytes.
    unsafe {
        std::ptr::copy(text, buffer, length);
        buffer.add(length).write(0);
    }
}

fn report_error(text: &str) {
    let text = text.replace('\0', " ");
    // SAFETY: so much text lies there.
    unsafe { dprog_rt_set_last_error(text.as_ptr(), text.len()) };
}

/// The report of the last call in this thread that did not return 0; empty if there was none. Valid until the next one.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub extern "C" fn dprog_last_error() -> *const c_char {
    ERROR.with(|own| own.get().cast())
}
