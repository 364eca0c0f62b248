//! Texts to and from C.

use crate::state::{ARGUMENT, keep};
use std::ffi::{CStr, CString, c_char};

/// A text from C, or an error that names it.
///
/// # Safety
/// The pointer is null, or to a text with a zero at its end.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Result<&'a str, i32> {
    if pointer.is_null() {
        return Err(keep(ARGUMENT, &format!("the {what} is null")));
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    bytes.to_str().map_err(|_| keep(ARGUMENT, &format!("the {what} is not UTF-8")))
}

/// The same; null is nothing.
///
/// # Safety
/// As of [`text`].
pub(crate) unsafe fn optional_text<'a>(pointer: *const c_char, what: &str) -> Result<Option<&'a str>, i32> {
    // SAFETY: the caller's promise.
    if pointer.is_null() { Ok(None) } else { unsafe { text(pointer, what) }.map(Some) }
}

/// A text for C. It ends where it has a zero.
pub(crate) fn c_string(text: &str) -> CString {
    let end = text.find('\0').unwrap_or(text.len());
    CString::new(&text[..end]).unwrap_or_default()
}
