//! The C face of the compiler: `include/dprog.h` says what each function does.
//!
//! Objects are boxes behind opaque pointers. Each function looks at its pointers first, and nothing unwinds into C: a panic is
//! a defect, and the status says so. What an error was stays with the thread, until the next one.

mod calls;
mod host;
mod state;
mod text;

use embedded::{CancelToken, Compiler, Module, OptLevel};
use state::{ARGUMENT, guarded, keep};
use std::ffi::{CString, c_char};
use std::time::Duration;
use text::{c_string, text};

/// `dprog_compiler`
pub struct CCompiler(Compiler);

/// `dprog_module`
pub struct CModule {
    module: Module,
    heads: Vec<CString>,
}

/// `dprog_cancel`
pub struct CCancel(CancelToken);

/// A reference to what an opaque pointer points to, or an error that names it.
///
/// # Safety
/// The pointer is null, or from this library and not freed.
pub(crate) unsafe fn object<'a, T>(pointer: *const T, what: &str) -> Result<&'a T, i32> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or_else(|| keep(ARGUMENT, &format!("the {what} is null")))
}

/// # Safety
/// As of [`object`]; nobody else uses it meanwhile.
unsafe fn object_mut<'a, T>(pointer: *mut T, what: &str) -> Result<&'a mut T, i32> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_mut() }.ok_or_else(|| keep(ARGUMENT, &format!("the {what} is null")))
}

/// Gives an object to C.
///
/// # Safety
/// `to` is null or may be written to.
pub(crate) unsafe fn give<T>(to: *mut *mut T, object: T) -> Result<(), i32> {
    // SAFETY: the caller's promise.
    match unsafe { to.as_mut() } {
        Some(place) => *place = Box::into_raw(Box::new(object)),
        None => return Err(keep(ARGUMENT, "the place for the result is null")),
    }
    Ok(())
}

/// # Safety
/// The pointer is null, or from [`give`] or a `new` here and not freed.
pub(crate) unsafe fn free<T>(pointer: *mut T) {
    if !pointer.is_null() {
        // SAFETY: the caller's promise. A panic while it is dropped would be a defect, and stops here.
        guarded(|| {
            drop(unsafe { Box::from_raw(pointer) });
            Ok(())
        });
    }
}

// ---- compilers ----

#[unsafe(no_mangle)]
pub extern "C" fn dprog_compiler_new() -> *mut CCompiler {
    Box::into_raw(Box::new(CCompiler(Compiler::new())))
}

/// # Safety
/// Here and below: pointers are as the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_free(compiler: *mut CCompiler) {
    // SAFETY: as the header says.
    unsafe { free(compiler) }
}

/// Changes the settings of a compiler.
///
/// # Safety
/// As of [`object_mut`].
pub(crate) unsafe fn set(compiler: *mut CCompiler, change: impl FnOnce(Compiler) -> Result<Compiler, i32>) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promise.
        let compiler = unsafe { object_mut(compiler, "compiler")? };
        compiler.0 = change(compiler.0.clone())?;
        Ok(())
    })
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_set_opt_level(compiler: *mut CCompiler, level: i32) -> i32 {
    let level = match level {
        0 => Ok(OptLevel::O0),
        1 => Ok(OptLevel::O1),
        2 => Ok(OptLevel::O2),
        other => Err(keep(ARGUMENT, &format!("there is no optimization level {other}"))),
    };
    // SAFETY: as the header says.
    unsafe { set(compiler, |c| Ok(c.opt_level(level?))) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_set_max_memory(compiler: *mut CCompiler, bytes: u64) -> i32 {
    // SAFETY: as the header says.
    unsafe { set(compiler, |c| Ok(c.max_memory(usize::try_from(bytes).unwrap_or(usize::MAX)))) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_set_max_depth(compiler: *mut CCompiler, calls: u32) -> i32 {
    // SAFETY: as the header says.
    unsafe { set(compiler, |c| Ok(c.max_depth(calls))) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_set_max_time(compiler: *mut CCompiler, milliseconds: u64) -> i32 {
    // SAFETY: as the header says.
    unsafe { set(compiler, |c| Ok(c.max_time(Duration::from_millis(milliseconds)))) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_set_cancel(compiler: *mut CCompiler, token: *const CCancel) -> i32 {
    // SAFETY: as the header says.
    unsafe { set(compiler, |c| Ok(c.cancel(&object(token, "token")?.0))) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_add_source(
    compiler: *mut CCompiler,
    name: *const c_char,
    source: *const c_char,
) -> i32 {
    // SAFETY: as the header says.
    unsafe { set(compiler, |c| Ok(c.source(text(name, "name")?, text(source, "text")?))) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_add_include(compiler: *mut CCompiler, folder: *const c_char) -> i32 {
    // SAFETY: as the header says.
    unsafe { set(compiler, |c| Ok(c.include(text(folder, "folder")?))) }
}

// ---- modules ----

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compile(
    compiler: *const CCompiler,
    name: *const c_char,
    source: *const c_char,
    module: *mut *mut CModule,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header says.
        let (compiler, name, source) =
            unsafe { (object(compiler, "compiler")?, text(name, "name")?, text(source, "text")?) };
        let compiled = compiler.0.compile(name, source).map_err(|error| state::fail(Some(error)))?;
        // SAFETY: as the header says.
        unsafe { give(module, CModule::new(compiled)) }
    })
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compile_file(
    compiler: *const CCompiler,
    path: *const c_char,
    module: *mut *mut CModule,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header says.
        let (compiler, path) = unsafe { (object(compiler, "compiler")?, text(path, "path")?) };
        let compiled = compiler.0.compile_file(path).map_err(|error| state::fail(Some(error)))?;
        // SAFETY: as the header says.
        unsafe { give(module, CModule::new(compiled)) }
    })
}

impl CModule {
    fn new(module: Module) -> CModule {
        state::set_diagnostics(module.warnings());
        let heads = module.functions().iter().map(|head| c_string(&head.to_string())).collect();
        CModule { module, heads }
    }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_module_free(module: *mut CModule) {
    // SAFETY: as the header says.
    unsafe { free(module) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_module_function_count(module: *const CModule) -> usize {
    // SAFETY: as the header says.
    unsafe { object(module, "module") }.map_or(0, |module| module.heads.len())
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_module_function_head(module: *const CModule, index: usize) -> *const c_char {
    // SAFETY: as the header says.
    let head = unsafe { object(module, "module") }.ok().and_then(|module| module.heads.get(index));
    head.map_or(std::ptr::null(), |head| head.as_ptr())
}

// ---- tokens ----

#[unsafe(no_mangle)]
pub extern "C" fn dprog_cancel_new() -> *mut CCancel {
    Box::into_raw(Box::new(CCancel(CancelToken::new())))
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_cancel_set(token: *const CCancel) -> i32 {
    guarded(|| {
        // SAFETY: as the header says.
        unsafe { object(token, "token")? }.0.cancel();
        Ok(())
    })
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_cancel_reset(token: *const CCancel) -> i32 {
    guarded(|| {
        // SAFETY: as the header says.
        unsafe { object(token, "token")? }.0.reset();
        Ok(())
    })
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_cancel_free(token: *mut CCancel) {
    // SAFETY: as the header says.
    unsafe { free(token) }
}
