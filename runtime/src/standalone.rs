//! What only the archive has that programs are linked with.
//!
//! Rust's standard library can print a backtrace of its own panics, and for that refers to the unwinder of the C compiler. A
//! linked program never unwinds (the archive is compiled to abort), and is to depend on nothing but libc: so here is an
//! unwinder that sees no frames. Its symbols are local to the archive.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

/// `_URC_END_OF_STACK`: there is nothing to walk over.
const END_OF_STACK: c_int = 5;

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Backtrace(_: *mut c_void, _: *mut c_void) -> c_int {
    END_OF_STACK
}
