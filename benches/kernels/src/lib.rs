//! The C side of the benchmark: kernels.c becomes a shared library while the benchmark runs, and is loaded.
//!
//! Calls go through pointers into another library, so no compiler can see that a result is not used.

use std::ffi::CString;
use std::path::Path;
use std::process::Command;

/// Sizes, inputs, outputs.
type Entry = unsafe extern "C" fn(*const i64, *const *const f64, *const *mut f64);

/// The kernels as one set of flags has made them. Stays loaded.
pub struct Library {
    handle: *mut libc::c_void,
}

/// A kernel of a library.
#[derive(Clone, Copy)]
pub struct Kernel {
    entry: Entry,
}

impl Library {
    /// Compiles with `CC` (gcc) and the flags. The error is what the compiler said.
    pub fn compile(flags: &[&str]) -> Result<Library, String> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels.c");
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let library = folder.path().join("kernels.so");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "gcc".to_string());
        let mut command = Command::new(&compiler);
        command.args(flags).args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).arg("-lm");
        let done = command.output().map_err(|e| format!("{compiler}: {e}"))?;
        if !done.status.success() {
            return Err(String::from_utf8_lossy(&done.stderr).into_owned());
        }
        let name = CString::new(library.to_string_lossy().as_bytes()).map_err(|e| e.to_string())?;
        // SAFETY: our own library, which has no initializers.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if handle.is_null() { Err(format!("{} cannot be loaded", library.display())) } else { Ok(Library { handle }) }
    }

    /// The kernel of a name.
    pub fn kernel(&self, name: &str) -> Option<Kernel> {
        let name = CString::new(name).ok()?;
        // SAFETY: the handle is open.
        let symbol = unsafe { libc::dlsym(self.handle, name.as_ptr()) };
        // SAFETY: everything that kernels.c exports by KERNEL has this type.
        (!symbol.is_null())
            .then(|| Kernel { entry: unsafe { std::mem::transmute::<*mut libc::c_void, Entry>(symbol) } })
    }
}

impl Kernel {
    /// Runs it. Sizes, inputs and outputs must be as many and as long as the kernel in C expects.
    pub fn run(self, sizes: &[i64], inputs: &[Vec<f64>], outputs: &mut [Vec<f64>]) {
        let mut from = [std::ptr::null(); 4];
        inputs.iter().zip(&mut from).for_each(|(input, pointer)| *pointer = input.as_ptr());
        let mut to = [std::ptr::null_mut(); 4];
        outputs.iter_mut().zip(&mut to).for_each(|(output, pointer)| *pointer = output.as_mut_ptr());
        // SAFETY: what the caller promises; the pointers outlive the call.
        unsafe { (self.entry)(sizes.as_ptr(), from.as_ptr(), to.as_ptr()) }
    }
}
