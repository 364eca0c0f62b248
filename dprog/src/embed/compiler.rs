//! Options of the compiler, and where modules come from.

use super::code::Settings;
use super::diagnostic::Diagnostic;
use super::error::{Error, ErrorKind};
use super::host::{HostFunction, Hosts};
use super::module::Module;
use super::watch::CancelToken;
use crate::check::check;
use crate::loader::{FileLoader, MemoryLoader};
use crate::pipeline::{Options, Silent};
use dprog_codegen::{Fp, Simd};
use dprog_frontend::resolve::{Found, Loader};
use dprog_ir::transform::pipeline::OptLevel;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The compiler: set what differs from the defaults, then compile.
///
/// A compiler holds only its settings; one serves any number of threads, and modules do not refer to it.
///
/// ```
/// let compiler = dprog::Compiler::new().max_memory(64 << 20);
/// let module = compiler.compile("square.dp", "fn square(x: f64) -> f64 { x * x }")?;
/// let slope = module.gradient("square", &[])?.typed::<fn(f64) -> f64>()?;
/// assert_eq!(slope.call(3.0)?, 6.0);
/// # Ok::<(), dprog::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Compiler {
    options: Options,
    settings: Settings,
    memory: MemoryLoader,
    include: Vec<PathBuf>,
    hosts: Vec<HostFunction>,
}

impl Compiler {
    /// Full optimization, no limits but a million nested calls, no modules but those of `std`.
    pub fn new() -> Compiler {
        Compiler::default()
    }

    /// How much is optimized. The results are the same to the bit.
    pub fn opt_level(mut self, level: OptLevel) -> Compiler {
        self.options.opt_level = level;
        self
    }

    /// Whether loops compute several numbers at a time. The results are the same to the bit.
    pub fn simd(mut self, simd: Simd) -> Compiler {
        self.options.simd = simd;
        self
    }

    /// Whether last bits may differ from the interpreter's, to have results sooner.
    pub fn fp(mut self, fp: Fp) -> Compiler {
        self.options.fp = fp;
        self
    }

    /// A module that programs may import: `use a::b::name;` finds `a/b.dp`.
    ///
    /// ```
    /// let compiler = dprog::Compiler::new().source("shapes.dp", "pub fn area(r: f64) -> f64 { PI * r * r }");
    /// let module = compiler.compile("main.dp", "use shapes::area; fn ring(a: f64, b: f64) -> f64 { area(b) - area(a) }")?;
    /// # Ok::<(), dprog::Error>(())
    /// ```
    pub fn source(mut self, name: &str, text: &str) -> Compiler {
        self.memory.files.insert(name.to_string(), text.to_string());
        self
    }

    /// A folder whose files programs may import. Without one, [`Compiler::compile`] reads no files.
    pub fn include(mut self, folder: impl Into<PathBuf>) -> Compiler {
        self.include.push(folder.into());
        self
    }

    /// Bytes that the values of a call may take; beyond it the call traps.
    pub fn max_memory(mut self, bytes: usize) -> Compiler {
        self.settings.limits.memory = bytes;
        self
    }

    /// Nested calls of recursive functions; deeper ones trap.
    pub fn max_depth(mut self, calls: u32) -> Compiler {
        self.settings.limits.depth = i64::from(calls);
        self
    }

    /// How long a call may take; then it traps.
    pub fn max_time(mut self, time: Duration) -> Compiler {
        self.settings.time = Some(time);
        self
    }

    /// Ties all calls to a token.
    pub fn cancel(mut self, token: &CancelToken) -> Compiler {
        self.settings.cancel = Some(token.clone());
        self
    }

    /// A function of this program, which dProg code may call by its name; see [`HostFunction`].
    pub fn host_fn(mut self, function: HostFunction) -> Compiler {
        self.hosts.push(function);
        self
    }

    /// Checks a program. `name` is what messages call it; its functions become machine code when they are looked up.
    ///
    /// The error has all diagnostics of the program, as data and drawn for people.
    pub fn compile(&self, name: &str, text: &str) -> Result<Module, Error> {
        self.compile_bytes(name, text.as_bytes(), false)
    }

    /// The same for a file. What it imports may lie beside it.
    pub fn compile_file(&self, path: impl AsRef<Path>) -> Result<Module, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let bytes =
            std::fs::read(path).map_err(|error| ErrorKind::File { path: name.clone(), reason: error.to_string() })?;
        self.compile_bytes(&name, &bytes, true)
    }

    fn compile_bytes(&self, name: &str, bytes: &[u8], beside: bool) -> Result<Module, Error> {
        let hosts = Hosts::new(&self.hosts)?;
        let loader = Imports { compiler: self, beside, prelude: &hosts.prelude };
        let mut checked = check(name, bytes, &loader, &mut Silent);
        checked.foreign = hosts.foreign;
        if checked.has_errors() {
            return Err(ErrorKind::Compile(Diagnostic::all(&checked.diagnostics, &checked.sources)).into());
        }
        Ok(Module::new(checked, self.options.clone(), self.settings.clone(), hosts.functions))
    }
}

/// Memory first, then the folders that were named.
struct Imports<'a> {
    compiler: &'a Compiler,
    /// The folder of the importing file counts too.
    beside: bool,
    prelude: &'a str,
}

impl Loader for Imports<'_> {
    fn find(&self, importing: &str, relative: &str) -> Option<Found> {
        let in_memory = self.compiler.memory.find(importing, relative);
        let files = FileLoader { include: self.compiler.include.clone() };
        in_memory.or_else(|| match self.beside {
            true => files.find(importing, relative),
            false => files.find_included(relative),
        })
    }

    fn prelude(&self) -> &str {
        self.prelude
    }
}
