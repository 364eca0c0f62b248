//! What only the archive has that programs are linked with: an unwinder that does nothing.
//!
//! Rust's standard library refers to the unwinder of the C compiler, to print backtraces of its own panics and to clean up
//! after them. A linked program never unwinds, since the archive is compiled to abort; and it is to depend on nothing
//! but libc. The symbols are local to the archive.

macro_rules! nothing {
    ($($name:ident)*) => {
        $(#[unsafe(no_mangle)]
        extern "C" fn $name() -> usize {
            END_OF_STACK
        })*
    };
}

/// `_URC_END_OF_STACK`: there is nothing to walk over. Who asks for an address gets one that is in no function.
const END_OF_STACK: usize = 5;

nothing! {
    _Unwind_Backtrace _Unwind_RaiseException _Unwind_DeleteException _Unwind_Resume _Unwind_FindEnclosingFunction
    _Unwind_GetCFA _Unwind_GetDataRelBase _Unwind_GetIP _Unwind_GetIPInfo _Unwind_GetLanguageSpecificData
    _Unwind_GetRegionStart _Unwind_GetTextRelBase _Unwind_SetGR _Unwind_SetIP
}
