//! C functions that dProg code calls.

use crate::state::{ARGUMENT, guarded, keep};
use crate::text::text;
use crate::{CCompiler, set};
use embedded::{HostDerivative, HostFunction};
use std::ffi::{c_char, c_void};

/// `dprog_host_function`
type CFunction = unsafe extern "C" fn(*mut c_void, usize, *const f64, *mut f64) -> i32;
/// `dprog_host_vjp`
type CVjp = unsafe extern "C" fn(*mut c_void, usize, *const f64, f64, f64, *mut f64) -> i32;

/// `dprog_host_rows`
type CRows = unsafe extern "C" fn(*mut c_void, usize, *const f64, *mut CResults) -> i32;
/// `dprog_host_derivative`
type CDerivative = unsafe extern "C" fn(*mut c_void, usize, *const f64, usize, *const f64, *const f64, *mut f64) -> i32;

/// `dprog_results`: what a function has given so far.
pub struct CResults(Vec<f64>);

/// The pointer that C wants back.
#[derive(Clone, Copy)]
struct Data(*mut c_void);

// SAFETY: the header says that the functions are called from whatever thread, so what it points to is made for that.
unsafe impl Send for Data {}
// SAFETY: as above.
unsafe impl Sync for Data {}

impl Data {
    fn pointer(self) -> *mut c_void {
        self.0
    }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_add_host(
    compiler: *mut CCompiler,
    name: *const c_char,
    head: *const c_char,
    function: Option<CFunction>,
    vjp: Option<CVjp>,
    data: *mut c_void,
) -> i32 {
    let data = Data(data);
    // SAFETY: as the header says.
    unsafe {
        add(compiler, (name, head), function, |name, head, function| {
            let host = HostFunction::new(name, head, move |args| call(function, data, args));
            let Some(vjp) = vjp else { return host };
            let derivative =
                move |args: &[f64], results: &[f64], along: &[f64]| transpose(vjp, data, args, results, along);
            host.vjp(HostDerivative::new(derivative))
        })
    }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_compiler_add_host_rows(
    compiler: *mut CCompiler,
    name: *const c_char,
    head: *const c_char,
    function: Option<CRows>,
    vjp: Option<CDerivative>,
    jvp: Option<CDerivative>,
    data: *mut c_void,
) -> i32 {
    let data = Data(data);
    // SAFETY: as the header says.
    unsafe {
        add(compiler, (name, head), function, |name, head, function| {
            let mut host = HostFunction::new(name, head, move |args| rows(function, data, args));
            if let Some(vjp) = vjp {
                host = host.vjp(HostDerivative::new(move |args, results, along| {
                    derivative(vjp, data, (args, results, along), args.len())
                }));
            }
            if let Some(jvp) = jvp {
                host = host.jvp(HostDerivative::new(move |args, results, along| {
                    derivative(jvp, data, (args, results, along), results.len())
                }));
            }
            host
        })
    }
}

/// Registers what `make` makes of name, head and function.
///
/// # Safety
/// As the header says.
unsafe fn add<F>(
    compiler: *mut CCompiler,
    (name, head): (*const c_char, *const c_char),
    function: Option<F>,
    make: impl FnOnce(&str, &str, F) -> HostFunction,
) -> i32 {
    // SAFETY: as the header says.
    unsafe {
        set(compiler, |compiler| {
            let (name, head) = (text(name, "name")?, text(head, "head")?);
            let function = function.ok_or_else(|| keep(ARGUMENT, "the function is null"))?;
            Ok(compiler.host_fn(make(name, head, function)))
        })
    }
}

/// # Safety
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn dprog_give(results: *mut CResults, n: usize, values: *const f64) -> i32 {
    guarded(|| {
        // SAFETY: as the header says.
        let results = unsafe { results.as_mut() }.ok_or_else(|| keep(ARGUMENT, "the place for results is null"))?;
        if values.is_null() && n > 0 {
            return Err(keep(ARGUMENT, "the values are null"));
        }
        // SAFETY: as the header says: so many numbers are there.
        results.0.extend((0..n).map(|i| unsafe { *values.add(i) }));
        Ok(())
    })
}

fn rows(function: CRows, data: Data, args: &[f64]) -> Result<Vec<f64>, String> {
    let mut results = CResults(Vec::new());
    // SAFETY: the function is what the header says.
    match unsafe { function(data.pointer(), args.len(), args.as_ptr(), &mut results) } {
        0 => Ok(results.0),
        status => Err(format!("it returned {status}")),
    }
}

/// `count` numbers of a derivative, from arguments, results, and adjoints or tangents.
fn derivative(
    function: CDerivative,
    data: Data,
    (args, results, along): (&[f64], &[f64], &[f64]),
    count: usize,
) -> Result<Vec<f64>, String> {
    let mut out = vec![0.0; count];
    let (n, m) = (args.len(), results.len());
    let (args, results, along) = (args.as_ptr(), results.as_ptr(), along.as_ptr());
    // SAFETY: the function is what the header says.
    match unsafe { function(data.pointer(), n, args, m, results, along, out.as_mut_ptr()) } {
        0 => Ok(out),
        status => Err(format!("its derivative returned {status}")),
    }
}

fn call(function: CFunction, data: Data, args: &[f64]) -> Result<Vec<f64>, String> {
    let mut result = 0.0;
    // SAFETY: the function is what the header says.
    match unsafe { function(data.pointer(), args.len(), args.as_ptr(), &mut result) } {
        0 => Ok(vec![result]),
        status => Err(format!("it returned {status}")),
    }
}

fn transpose(vjp: CVjp, data: Data, args: &[f64], results: &[f64], along: &[f64]) -> Result<Vec<f64>, String> {
    let ([result], [adjoint]) = (results, along) else { return Err("it has one result".to_string()) };
    let mut adjoints = vec![0.0; args.len()];
    // SAFETY: the function is what the header says.
    match unsafe { vjp(data.pointer(), args.len(), args.as_ptr(), *result, *adjoint, adjoints.as_mut_ptr()) } {
        0 => Ok(adjoints),
        status => Err(format!("its derivative returned {status}")),
    }
}
