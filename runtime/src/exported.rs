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
use dprog_ir::TrapCode;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

/// The status of a program that ended itself inside of an exported function.
const EXITED: i32 = 127;

/// What a thread keeps between calls.
#[derive(Default)]
struct Thread {
    idle: Option<Box<Context>>,
    error: CString,
}

thread_local! {
    static THREAD: RefCell<Thread> = RefCell::default();
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
    let idle = THREAD.try_with(|thread| thread.borrow_mut().idle.take()).ok().flatten();
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
    let _ = THREAD.try_with(|thread| {
        thread.borrow_mut().idle.get_or_insert(ctx);
    });
}

/// Makes a text the thread's last error.
///
/// # Safety
/// `length` bytes of UTF-8 lie at `text`.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_set_last_error(text: *const u8, length: usize) {
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(text, length) };
    let text = String::from_utf8_lossy(bytes).replace('\0', " ");
    let text = CString::new(text).unwrap_or_default();
    let _ = THREAD.try_with(|thread| thread.borrow_mut().error = text);
}

/// Leaves a text where the program's `dprog_last_error` finds it. In a program with several libraries of dProg that is the one that the
/// linker has chosen, with the setter beside it; so it is called like a stranger's.
fn report_error(text: &str) {
    let setter: unsafe extern "C" fn(*const u8, usize) = dprog_rt_set_last_error;
    // SAFETY: so much text lies there.
    unsafe { std::hint::black_box(setter)(text.as_ptr(), text.len()) };
}

/// The report of the last call in this thread that did not return 0; empty if there was none. Valid until the next one.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub extern "C" fn dprog_last_error() -> *const c_char {
    static NOTHING: &CStr = c"";
    THREAD.try_with(|thread| thread.borrow().error.as_ptr()).unwrap_or(NOTHING.as_ptr())
}

/// What the status of an exported function says, in C's words; for the header.
pub fn status_name(code: TrapCode) -> String {
    format!("DPROG_{}", code.name().replace('-', "_").to_uppercase())
}
