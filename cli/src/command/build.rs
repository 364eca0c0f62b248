//! `dprogc build FILE… --emit KIND`: what the compiler makes of a program, as text, objects, libraries and executables.

use crate::args::Emit;
use crate::link::{self, Link};
use crate::naming;
use crate::session::Session;
use crate::status::{Failure, Status};
use dprog::Checked;
use dprog::diagnostic::Diagnostic;
use dprog::emit::{self, Architecture, Machine, ObjectOptions};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// What is to be built.
pub struct Order<'a> {
    /// Sources, and for the linker objects and libraries.
    pub files: &'a [PathBuf],
    pub output: Option<&'a Path>,
    pub kinds: &'a [Emit],
    /// Write down which files were read, for make.
    pub dependencies: bool,
}

/// Writes each kind that is wanted.
pub fn build(session: &Session, order: &Order) -> Result<Status, Failure> {
    let is_text = |kind: &Emit| listing(*kind).is_some();
    if order.kinds.iter().all(is_text) {
        return texts(session, order);
    }
    if order.output == Some(Path::new("-")) {
        return Err(Failure::usage("`-o -` is for kinds that are text: `--emit ir,adjoint,clif,asm`"));
    }
    Build::new(session, order)?.run()
}

// ---- texts ----

fn listing(emit: Emit) -> Option<dprog::Listing> {
    match emit {
        Emit::Ir => Some(dprog::Listing::Ir),
        Emit::Adjoint => Some(dprog::Listing::Adjoint),
        Emit::Clif => Some(dprog::Listing::Clif),
        Emit::Asm => Some(dprog::Listing::Asm),
        Emit::Obj | Emit::Header | Emit::Staticlib | Emit::Sharedlib | Emit::Exe => None,
    }
}

/// Kinds that are all text go to one place, one behind the other: standard output, unless a file is named.
fn texts(session: &Session, order: &Order) -> Result<Status, Failure> {
    let kinds: Vec<dprog::Listing> = order.kinds.iter().filter_map(|kind| listing(*kind)).collect();
    let mut text = String::new();
    for file in order.files {
        let mut observation = session.observation();
        let checked = session.check(file, &mut observation)?;
        match dprog::listings(&checked, &kinds, &session.options, &mut observation) {
            Ok((warnings, parts)) => {
                session.report(&warnings, &checked.sources);
                parts.iter().for_each(|part| {
                    let _ = writeln!(text, "{}", part.trim_end());
                });
            }
            Err(diagnostics) => return Ok(failed(session, &checked, &diagnostics)),
        }
        observation.finish();
    }
    match order.output.filter(|path| *path != Path::new("-")) {
        None => crate::output::print(&text),
        Some(path) => link::write(path, text.as_bytes())?,
    }
    Ok(Status::Done)
}

fn failed(session: &Session, checked: &Checked, diagnostics: &[Diagnostic]) -> Status {
    session.report(diagnostics, &checked.sources);
    Status::Failed
}

// ---- files ----

/// Files with these extensions are for the linker.
const LINKED: [&str; 4] = ["o", "a", "so", "c"];

fn is_linked(kind: Emit) -> bool {
    matches!(kind, Emit::Staticlib | Emit::Sharedlib | Emit::Exe)
}

/// A build under way.
struct Build<'a> {
    session: &'a Session,
    order: &'a Order<'a>,
    sources: Vec<&'a PathBuf>,
    others: Vec<PathBuf>,
    objects: Vec<(String, Vec<u8>)>,
    options: ObjectOptions,
    architecture: Architecture,
}

impl<'a> Build<'a> {
    fn new(session: &'a Session, order: &'a Order<'a>) -> Result<Build<'a>, Failure> {
        let is_source = |file: &&PathBuf| !LINKED.iter().any(|e| file.extension().is_some_and(|f| f == *e));
        let (sources, others): (Vec<_>, Vec<_>) = order.files.iter().partition(is_source);
        if sources.is_empty() {
            return Err(Failure::usage("there is no source among the files"));
        }
        let several = sources.len() > 1 && order.kinds.iter().any(|kind| !is_linked(*kind));
        if several && order.output.is_some_and(|output| !naming::is_folder(output)) {
            return Err(Failure::usage("with several sources `-o` names a folder, as in `-o build/`"));
        }
        let options = session.object_options()?;
        let host = Architecture::host();
        let architecture = match options.machine {
            Machine::Other(architecture) => Some(architecture),
            Machine::Here | Machine::Baseline | Machine::Native => host,
        };
        let architecture = architecture.ok_or_else(|| Failure::environment("there are no objects for this machine"))?;
        let others = others.into_iter().cloned().collect();
        Ok(Build { session, order, sources, others, objects: Vec::new(), options, architecture })
    }

    fn run(mut self) -> Result<Status, Failure> {
        for source in self.sources.clone() {
            let mut observation = self.session.observation();
            let checked = self.session.check(source, &mut observation)?;
            let stem = naming::stem(source);
            if let Err(diagnostics) = self.source(&checked, &stem, &mut observation)? {
                return Ok(failed(self.session, &checked, &diagnostics));
            }
            self.note_dependencies(&checked, &stem)?;
            observation.finish();
        }
        Ok(Status::Done)
    }

    /// Writes what is made of one source.
    fn source(
        &mut self,
        checked: &Checked,
        stem: &str,
        observation: &mut dyn dprog::Observer,
    ) -> Result<Result<(), Vec<Diagnostic>>, Failure> {
        if self.order.kinds.contains(&Emit::Exe) {
            let options = ObjectOptions { full_paths: true, ..self.options.clone() };
            let object = checked
                .main()
                .and_then(|main| emit::executable_object(checked, main, &self.session.options, &options, observation));
            match object {
                Ok((warnings, object)) => {
                    self.session.report(&warnings, &checked.sources);
                    self.link(&[(format!("{stem}.o"), object)]).executable(&self.path(Emit::Exe, stem))?;
                }
                Err(diagnostics) => return Ok(Err(diagnostics)),
            }
        }
        let wants = |kind| self.order.kinds.contains(&kind);
        if wants(Emit::Obj) || wants(Emit::Header) {
            let made = emit::for_c(checked, stem, &self.session.options, &self.options, observation);
            match made {
                Ok(made) => {
                    self.session.report(&made.warnings, &checked.sources);
                    for (kind, bytes) in [(Emit::Obj, &made.object[..]), (Emit::Header, made.header.as_bytes())] {
                        if wants(kind) {
                            link::write(&self.path(kind, stem), bytes)?;
                        }
                    }
                }
                Err(diagnostics) => return Ok(Err(diagnostics)),
            }
        }
        Ok(Ok(()))
    }

    fn link<'l>(&'l self, objects: &'l [(String, Vec<u8>)]) -> Link<'l> {
        let debug = self.options.debug.is_some();
        Link { objects, others: &self.others, architecture: self.architecture, debug }
    }

    fn path(&self, kind: Emit, stem: &str) -> PathBuf {
        naming::path(kind, self.order.kinds, stem, self.order.output)
    }

    /// For make: the outputs depend on the files that were read.
    fn note_dependencies(&self, checked: &Checked, stem: &str) -> Result<(), Failure> {
        if !self.order.dependencies {
            return Ok(());
        }
        let outputs: Vec<PathBuf> = self.order.kinds.iter().map(|kind| self.path(*kind, stem)).collect();
        let files = emit::dependencies(checked);
        let escaped = |path: &PathBuf| path.display().to_string().replace(' ', "\\ ").replace('$', "$$");
        let list = |paths: &[PathBuf]| paths.iter().map(escaped).collect::<Vec<_>>().join(" ");
        // A module that is gone is no error: each has a rule without a recipe.
        let gone: String = files.iter().skip(1).map(|file| format!("{}:\n", escaped(file))).collect();
        let text = format!("{}: {}\n{gone}", list(&outputs), list(&files));
        let path = outputs[0].with_file_name(format!("{stem}.d"));
        link::write(&path, text.as_bytes())
    }
}
