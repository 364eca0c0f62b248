//! Functions and derivatives as C functions.

use crate::state::{ARGUMENT, fail, guarded, keep};
use crate::text::{c_string, optional_text, text};
use crate::{CModule, free, give, object};
use embedded::raw::RawFunction;
use embedded::{Callable, Error, Module};
use std::ffi::{CString, c_char, c_void};

/// `dprog_function`
pub struct CFunction {
    raw: Box<RawFunction>,
    c_type: CString,
    head: CString,
}

impl CFunction {
    fn new(callable: &Callable, c_type: Option<&str>) -> Result<CFunction, i32> {
        let raw = RawFunction::new(callable, c_type, fail).map_err(|error| fail(Some(error)))?;
        let (c_type, head) = (c_string(raw.c_type()), c_string(&raw.signature()));
        Ok(CFunction { raw, c_type, head })
    }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_lookup(
    module: *const CModule,
    name: *const c_char,
    c_type: *const c_char,
    function: *mut *mut CFunction,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header says.
        let (module, name, c_type) =
            unsafe { (object(module, "module")?, text(name, "name")?, optional_text(c_type, "type")?) };
        let callable = module.module.get(name).map_err(|error| fail(Some(error)))?;
        // SAFETY: as the header says.
        unsafe { give(function, CFunction::new(&callable, c_type)?) }
    })
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_derivative(
    module: *const CModule,
    op: *const c_char,
    name: *const c_char,
    wrt: *const c_char,
    c_type: *const c_char,
    function: *mut *mut CFunction,
) -> i32 {
    guarded(|| {
        // SAFETY: as the header says.
        let (module, op, name) = unsafe { (object(module, "module")?, text(op, "operator")?, text(name, "name")?) };
        // SAFETY: as the header says.
        let (wrt, c_type) = unsafe { (optional_text(wrt, "parameters")?, optional_text(c_type, "type")?) };
        let wrt: Vec<&str> =
            wrt.unwrap_or("").split(',').map(str::trim).filter(|parameter| !parameter.is_empty()).collect();
        let callable = derivative(&module.module, op, name, &wrt)?.map_err(|error| fail(Some(error)))?;
        // SAFETY: as the header says.
        unsafe { give(function, CFunction::new(&callable, c_type)?) }
    })
}

fn derivative(module: &Module, op: &str, name: &str, wrt: &[&str]) -> Result<Result<Callable, Error>, i32> {
    Ok(match op {
        "grad" => module.gradient(name, wrt),
        "value_and_grad" => module.value_and_grad(name, wrt),
        "jvp" => module.jvp(name, wrt),
        "vjp" => module.vjp(name, wrt),
        "hvp" => module.hvp(name, wrt),
        "jacobian" => module.jacobian(name, wrt),
        "hessian" => module.hessian(name, wrt),
        "hessian_diag" => module.hessian_diag(name, wrt),
        _ => return Err(keep(ARGUMENT, &format!("there is no operator `{op}`"))),
    })
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_function_pointer(function: *const CFunction) -> *const u8 {
    // SAFETY: as the header says.
    unsafe { object(function, "function") }.map_or(std::ptr::null(), |function| function.raw.address())
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_function_c_type(function: *const CFunction) -> *const c_char {
    // SAFETY: as the header says.
    unsafe { object(function, "function") }.map_or(std::ptr::null(), |function| function.c_type.as_ptr())
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_function_head(function: *const CFunction) -> *const c_char {
    // SAFETY: as the header says.
    unsafe { object(function, "function") }.map_or(std::ptr::null(), |function| function.head.as_ptr())
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_free(elements: *mut c_void) {
    // SAFETY: as the header says; such memory is from `malloc`.
    unsafe { libc::free(elements) }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_function_free(function: *mut CFunction) {
    // SAFETY: as the header says.
    unsafe { free(function) }
}
