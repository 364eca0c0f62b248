//! Programs as object files: what code generation is told about the source, and what it gives back.

use crate::check::Checked;
use crate::engine::codegen_options;
use crate::export::interface;
use crate::pipeline::{Event, Observer, Options, Stages};
use dprog_codegen as codegen;
use dprog_codegen::c_abi::Interface;
use dprog_codegen::debug::DebugFile;
use dprog_codegen::executable::{self, Source};
use dprog_codegen::object::Unit;
use dprog_frontend::diagnostic::Diagnostic;
use dprog_frontend::lower::decode_position;
use dprog_frontend::source::SourceMap;
use dprog_frontend::stdlib;
use dprog_frontend::typed::FnId;
use dprog_ir::transform::ownership;
use dprog_ir::{Module, SrcLoc};
use dprog_runtime::program::Place;
use std::path::{Path, PathBuf};
use std::time::Instant;

pub use dprog_codegen::{Architecture, Machine, elf};

/// The runtime for programs that are linked: `libdprog_rt.a`.
pub static RUNTIME: &[u8] = dprog_runtime_archive::ARCHIVE;

/// How an object is made, besides the options of every compilation.
#[derive(Clone, Debug, Default)]
pub struct ObjectOptions {
    pub machine: Machine,
    /// With lines and names for a debugger; the folder is that from which names of files go.
    pub debug: Option<PathBuf>,
    /// Name files as the command line does, where a path from the root is otherwise cut down to what stands behind the
    /// folder of the program.
    pub full_paths: bool,
}

/// The object of a program with `main`, and the warnings.
pub fn executable_object(
    checked: &Checked,
    main: FnId,
    options: &Options,
    object: &ObjectOptions,
    observer: &mut dyn Observer,
) -> Result<(Vec<Diagnostic>, Vec<u8>), Vec<Diagnostic>> {
    let mut stages = Stages::build(checked, &[main], options, observer)?;
    let start = Instant::now();
    ownership::run(&mut stages.module, &[stages.roots[0].func]);
    observer.after(&Event::of("ownership", start, Some(&stages.module)));
    let start = Instant::now();
    let account = Account::new(checked, &stages.module, options, object);
    let options = codegen::Options { machine: object.machine, ..codegen_options(options) };
    let bytes = executable::emit(&stages.module, stages.roots[0].func, &account.source(), &options);
    let bytes = bytes.unwrap_or_else(|error| panic!("code generation: {error}"));
    observer.after(&Event::of("object", start, Some(&stages.module)));
    Ok((stages.warnings, bytes))
}

/// A program compiled for C.
pub struct ForC {
    /// The bytes of the object file.
    pub object: Vec<u8>,
    pub header: String,
    pub interface: Interface,
    pub warnings: Vec<Diagnostic>,
}

/// Compiles the exports of the root module. `name` is that of the file, without its ending.
pub fn for_c(
    checked: &Checked,
    name: &str,
    options: &Options,
    object: &ObjectOptions,
    observer: &mut dyn Observer,
) -> Result<ForC, Vec<Diagnostic>> {
    let exports = &checked.program.exports;
    let roots: Vec<FnId> = exports.iter().map(|export| export.func).collect();
    let mut stages = Stages::build(checked, &roots, options, observer)?;
    let start = Instant::now();
    let mut interface = interface(name, exports, &stages.roots, &stages.module);
    let entries: Vec<_> = stages.roots.iter().map(|root| root.func).collect();
    let ownership = ownership::run(&mut stages.module, &entries);
    observer.after(&Event::of("ownership", start, Some(&stages.module)));
    let start = Instant::now();
    interface.plan_workspaces(&stages.module);
    let account = Account::new(checked, &stages.module, options, object);
    let unit = Unit { module: &stages.module, ownership: &ownership, interface: &interface, source: account.source() };
    let options = codegen::Options { machine: object.machine, ..codegen_options(options) };
    let bytes = codegen::object::emit(&unit, &options);
    let bytes = bytes.unwrap_or_else(|error| panic!("code generation: {error}"));
    observer.after(&Event::of("object", start, Some(&stages.module)));
    Ok(ForC { object: bytes, header: interface.header(), interface, warnings: stages.warnings })
}

/// What an object says about its source.
pub(crate) struct Account {
    places: Vec<Place>,
    debug: Option<DebugFile>,
    limits: dprog_runtime::Limits,
}

impl Account {
    pub fn new(checked: &Checked, module: &Module, options: &Options, object: &ObjectOptions) -> Account {
        let name = checked.sources.file(checked.root()).name.to_string();
        let full = object.full_paths || object.debug.is_some();
        let folder = Path::new(&name).parent().filter(|folder| folder.is_absolute() && !full);
        let places = places(module, &checked.sources, folder);
        let debug = object.debug.as_ref().map(|folder| DebugFile { name, folder: folder.display().to_string() });
        Account { places, debug, limits: options.limits }
    }

    pub fn source(&self) -> Source<'_> {
        Source { places: &self.places, limits: self.limits, debug: self.debug.as_ref() }
    }
}

/// The places of a module's locations, by their numbers. Paths inside of `folder` are written from there.
fn places(module: &Module, sources: &SourceMap, folder: Option<&Path>) -> Vec<Place> {
    let locations = (0..module.locations.len() as u32).map(|i| module.locations.get(SrcLoc(i)));
    let place = |data: &dprog_ir::LocData| {
        let Some(span) = decode_position(data.position) else {
            return Place { inlined_at: data.inlined_at, ..Place::default() };
        };
        let (file, at) = (&sources.file(span.file).name, sources.line_col(span));
        let inside = folder.and_then(|folder| Path::new(&**file).strip_prefix(folder).ok());
        let file = inside.map_or(file.clone(), |inside| inside.display().to_string().into());
        let function = data.function.clone();
        Place { file, line: at.line, column: at.col, function, inlined_at: data.inlined_at }
    };
    locations.map(place).collect()
}

/// The files that a program was read from, without those of the standard library.
pub fn dependencies(checked: &Checked) -> Vec<PathBuf> {
    let names = checked.sources.files().map(|(_, file)| &file.name);
    names.filter(|name| !stdlib::is_std(name)).map(|name| PathBuf::from(&**name)).collect()
}
