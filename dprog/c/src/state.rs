//! What stays with a thread: its last error, and what was wrong with the last program that it compiled.

use crate::text::c_string;
use embedded::{Diagnostic, Error, ErrorKind};
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

pub(crate) const ARGUMENT: i32 = 64;
const COMPILE: i32 = 65;
const NOT_FOUND: i32 = 66;
const TYPE: i32 = 67;
const FILE: i32 = 68;
const INTERNAL: i32 = 101;
const EXITED: i32 = 127;

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
    static DIAGNOSTICS: RefCell<Vec<Kept>> = RefCell::default();
}

/// A diagnostic with its texts for C.
struct Kept {
    code: CString,
    message: CString,
    file: CString,
    place: [u32; 4],
    label: CString,
    help: CString,
    rendered: CString,
    is_error: bool,
}

/// `dprog_diagnostic`
#[repr(C)]
pub struct CDiagnostic {
    code: *const c_char,
    message: *const c_char,
    file: *const c_char,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    label: *const c_char,
    help: *const c_char,
    rendered: *const c_char,
    is_error: bool,
}

/// Keeps the text of an error; gives its status.
pub(crate) fn keep(status: i32, text: &str) -> i32 {
    LAST_ERROR.with(|last| *last.borrow_mut() = c_string(text));
    status
}

/// Keeps an error; gives its status. `None` is a defect.
pub(crate) fn fail(error: Option<Error>) -> i32 {
    let Some(error) = error else { return keep(INTERNAL, "a defect of the compiler: it panicked") };
    let status = match error.kind() {
        ErrorKind::Trap(trap) => trap.code as i32,
        ErrorKind::Arguments { .. } => ARGUMENT,
        ErrorKind::Compile(all) => {
            set_diagnostics(all);
            COMPILE
        }
        ErrorKind::NotFound { .. } => NOT_FOUND,
        ErrorKind::Signature { .. } => TYPE,
        ErrorKind::File { .. } => FILE,
        ErrorKind::Exit(_) => EXITED,
        _ => INTERNAL,
    };
    keep(status, &error.to_string())
}

/// Runs what C has called: 0 or the status of the error. Nothing unwinds into C.
pub(crate) fn guarded(run: impl FnOnce() -> Result<(), i32>) -> i32 {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(())) => 0,
        Ok(Err(status)) => status,
        Err(_) => fail(None),
    }
}

/// What [`dprog_diagnostic_get`] gives from now on.
pub(crate) fn set_diagnostics(all: &[Diagnostic]) {
    let kept = |d: &Diagnostic| Kept {
        code: c_string(d.code),
        message: c_string(&d.message),
        file: c_string(&d.range.file),
        place: [d.range.start.line, d.range.start.column, d.range.end.line, d.range.end.column],
        label: c_string(&d.label),
        help: c_string(&d.help.join("\n")),
        rendered: c_string(&d.to_string()),
        is_error: d.is_error(),
    };
    DIAGNOSTICS.with(|list| *list.borrow_mut() = all.iter().map(kept).collect());
}

#[unsafe(no_mangle)]
pub extern "C" fn dprog_last_error() -> *const c_char {
    LAST_ERROR.with(|last| last.borrow().as_ptr())
}

#[unsafe(no_mangle)]
pub extern "C" fn dprog_diagnostic_count() -> usize {
    DIAGNOSTICS.with(|list| list.borrow().len())
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_diagnostic_get(index: usize, diagnostic: *mut CDiagnostic) -> i32 {
    guarded(|| {
        if diagnostic.is_null() {
            return Err(keep(ARGUMENT, "the place for the diagnostic is null"));
        }
        DIAGNOSTICS.with(|list| {
            let list = list.borrow();
            let Some(kept) = list.get(index) else {
                return Err(keep(ARGUMENT, &format!("there is no diagnostic number {index}")));
            };
            // SAFETY: not null, and so room for one.
            unsafe { diagnostic.write(kept.borrowed()) };
            Ok(())
        })
    })
}

impl Kept {
    fn borrowed(&self) -> CDiagnostic {
        let [line, column, end_line, end_column] = self.place;
        CDiagnostic {
            code: self.code.as_ptr(),
            message: self.message.as_ptr(),
            file: self.file.as_ptr(),
            line,
            column,
            end_line,
            end_column,
            label: self.label.as_ptr(),
            help: self.help.as_ptr(),
            rendered: self.rendered.as_ptr(),
            is_error: self.is_error,
        }
    }
}
