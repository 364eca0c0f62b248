//! The start of an executable: what `dprogc run` does around a program, for one that has been linked.
//!
//! Arguments, a stack of its own, Ctrl-C, the report of a trap, and the exit status: 0, or the program's own, 3 after a trap, 130
//! after Ctrl-C.

use crate::context::{Context, Stop};
use crate::program::Program;
use crate::stack::Entry;
use std::ffi::{CStr, c_char, c_int};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

const TRAPPED: c_int = 3;
const INTERRUPTED: c_int = 130;
/// How long the program may take to stop by itself after Ctrl-C, in microseconds.
const PATIENCE: libc::suseconds_t = 60_000;

/// Runs the program; gives the exit status of the process.
///
/// # Safety
/// Called by C's `main` with its arguments, `program` is a block of the code generator, and `entry` is of that program
/// and has no parameters and no results.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_main(
    program: *const u8,
    entry: Entry,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: the caller's promise.
    let program = unsafe { Program::new(program) };
    let mut ctx = Context::new(program.limits());
    ctx.types = program.types();
    // SAFETY: C gives as many arguments as it says.
    ctx.host.args = (1..argc.max(1) as usize).map(|i| unsafe { argument(*argv.add(i)) }).collect();
    watch_signals(&ctx);
    // SAFETY: as promised, there is nothing to pass and nothing to get.
    let status = unsafe { ctx.enter(entry, null_mut(), null_mut()) };
    ctx.host.out.flush();
    let stop = (status != 0).then(|| ctx.finish_stop());
    if interrupted() {
        return INTERRUPTED;
    }
    match stop {
        None => 0,
        Some(Stop::Exit(status)) => (status as u8).into(),
        Some(Stop::Trap(trap)) => {
            eprintln!("{}", program.report(&trap));
            TRAPPED
        }
    }
}

unsafe fn argument(text: *const c_char) -> String {
    // SAFETY: arguments of a process end with a zero.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

// ---- Ctrl-C ----

/// The flag that stops the program that runs.
static CANCEL: AtomicPtr<AtomicBool> = AtomicPtr::new(null_mut());
static CAUGHT: AtomicBool = AtomicBool::new(false);

fn interrupted() -> bool {
    CAUGHT.load(Ordering::Relaxed)
}

/// Ctrl-C asks the program to stop and ends the process if that takes too long. A closed pipe is no reason to end.
fn watch_signals(ctx: &Context) {
    CANCEL.store(ctx.cancel.cast_mut(), Ordering::Relaxed);
    // SAFETY: the handlers store to atomics and call what a handler may call.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        libc::signal(libc::SIGALRM, give_up as *const () as libc::sighandler_t);
        libc::signal(libc::SIGINT, on_interrupt as *const () as libc::sighandler_t);
    }
}

extern "C" fn on_interrupt(_: c_int) {
    CAUGHT.store(true, Ordering::Relaxed);
    let cancel = CANCEL.load(Ordering::Relaxed);
    // SAFETY: the context of the program lives until the process ends; a timer is a system call.
    unsafe {
        if !cancel.is_null() {
            (*cancel).store(true, Ordering::Relaxed);
        }
        let once = libc::timeval { tv_sec: 0, tv_usec: PATIENCE };
        let timer = libc::itimerval { it_value: once, it_interval: libc::timeval { tv_sec: 0, tv_usec: 0 } };
        libc::setitimer(libc::ITIMER_REAL, &timer, null_mut());
    }
}

extern "C" fn give_up(_: c_int) {
    // SAFETY: ends the process.
    unsafe { libc::_exit(INTERRUPTED) };
}
