//! `dprogc build FILE… --emit KIND`: what the compiler makes of a program, as text, objects, libraries and executables.

use crate::args::Emit;
use crate::input::reason;
use crate::link::{self, Link};
use crate::naming;
use crate::session::Session;
use crate::status::{Failure, Status};
use dprog::Checked;
use dprog::diagnostic::Diagnostic;
use dprog::emit::{self, Architecture, ForC, Machine, ObjectOptions};
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
    if order.kinds.contains(&Emit::Runtime) {
        return runtime(session, order);
    }
    let is_text = |kind: &Emit| listing(*kind).is_some();
    if order.kinds.iter().all(is_text) {
        return texts(session, order);
    }
    if order.output == Some(Path::new("-")) && order.kinds.iter().any(|kind| *kind != Emit::Header) {
        return Err(Failure::usage("`-o -` is for `--emit header`, and for `--emit ir,adjoint,clif,asm`"));
    }
    make_folder(order)?;
    Build::new(session, order)?.run()
}

fn make_folder(order: &Order) -> Result<(), Failure> {
    let Some(folder) = order.output.filter(|output| naming::is_folder(output)) else { return Ok(()) };
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::environment(format!("cannot make {}: {}", folder.display(), reason(&error))))
}

/// Writes the runtime, then the other kinds. It needs no source.
fn runtime(session: &Session, order: &Order) -> Result<Status, Failure> {
    if let Machine::Other(architecture) = session.object_options()?.machine
        && Some(architecture) != Architecture::host()
    {
        let text = format!("there is no runtime for {} in this compiler", architecture.triple());
        return Err(Failure::environment(text));
    }
    make_folder(order)?;
    let rest: Vec<Emit> = order.kinds.iter().copied().filter(|kind| *kind != Emit::Runtime).collect();
    link::write(&naming::runtime(rest.is_empty(), order.output), emit::RUNTIME)?;
    if rest.is_empty() {
        return Ok(Status::Done);
    }
    build(session, &Order { kinds: &rest, ..*order })
}

// ---- texts ----

fn listing(emit: Emit) -> Option<dprog::Listing> {
    match emit {
        Emit::Ir => Some(dprog::Listing::Ir),
        Emit::Adjoint => Some(dprog::Listing::Adjoint),
        Emit::Clif => Some(dprog::Listing::Clif),
        Emit::Asm => Some(dprog::Listing::Asm),
        Emit::Obj | Emit::Header | Emit::Staticlib | Emit::Sharedlib | Emit::Exe | Emit::Runtime => None,
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

/// A name and the bytes.
type Object = (String, Vec<u8>);

/// A build under way.
struct Build<'a> {
    session: &'a Session,
    order: &'a Order<'a>,
    sources: Vec<&'a PathBuf>,
    others: Vec<PathBuf>,
    /// What the sources export.
    objects: Vec<Object>,
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
        let (mut main, mut first) = (None, None);
        for source in self.sources.clone() {
            let mut observation = self.session.observation();
            let checked = self.session.check(source, &mut observation)?;
            let stem = naming::stem(source);
            let made = self.source(&checked, &stem, main.is_none(), &mut observation)?;
            match made {
                Ok(object) => main = main.or(object),
                Err(diagnostics) => return Ok(failed(self.session, &checked, &diagnostics)),
            }
            self.note_dependencies(&checked, &stem)?;
            first.get_or_insert(stem);
            observation.finish();
        }
        self.linked(&first.unwrap_or_default(), main)?;
        Ok(Status::Done)
    }

    fn wants(&self, kinds: &[Emit]) -> bool {
        self.order.kinds.iter().any(|kind| kinds.contains(kind))
    }

    /// Writes what is made of one source alone. Gives the object with `main`, which is that of the first source.
    fn source(
        &mut self,
        checked: &Checked,
        stem: &str,
        is_first: bool,
        observation: &mut dyn dprog::Observer,
    ) -> Result<Result<Option<Object>, Vec<Diagnostic>>, Failure> {
        let mut main = None;
        if self.wants(&[Emit::Exe]) && is_first {
            match self.executable_object(checked, observation) {
                Ok(object) => main = Some((format!("{stem}.main.o"), object)),
                Err(diagnostics) => return Ok(Err(diagnostics)),
            }
        }
        // Other sources of an executable are there for what they export.
        let for_c = [Emit::Obj, Emit::Header, Emit::Staticlib, Emit::Sharedlib];
        if self.wants(&for_c) || (main.is_none() && self.wants(&[Emit::Exe])) {
            match emit::for_c(checked, stem, &self.session.options, &self.options, observation) {
                Ok(made) => self.for_c(checked, stem, made)?,
                Err(diagnostics) => return Ok(Err(diagnostics)),
            }
        }
        for (kind, listing) in self.order.kinds.iter().filter_map(|kind| Some((*kind, listing(*kind)?))) {
            match dprog::listings(checked, &[listing], &self.session.options, observation) {
                Ok((_, texts)) => link::write(&self.path(kind, stem), texts.join("\n").as_bytes())?,
                Err(diagnostics) => return Ok(Err(diagnostics)),
            }
        }
        Ok(Ok(main))
    }

    fn executable_object(
        &self,
        checked: &Checked,
        observation: &mut dyn dprog::Observer,
    ) -> Result<Vec<u8>, Vec<Diagnostic>> {
        // What it reports is to be what `dprogc run` reports.
        let options = ObjectOptions { full_paths: true, ..self.options.clone() };
        let (warnings, object) =
            emit::executable_object(checked, checked.main()?, &self.session.options, &options, observation)?;
        self.session.report(&warnings, &checked.sources);
        Ok(object)
    }

    fn for_c(&mut self, checked: &Checked, stem: &str, made: ForC) -> Result<(), Failure> {
        self.session.report(&made.warnings, &checked.sources);
        if made.interface.functions.is_empty() {
            eprintln!(
                "warning: {} exports nothing; C sees what is marked with `export`",
                checked.sources.file(checked.root()).name
            );
        }
        if self.wants(&[Emit::Obj]) {
            link::write(&self.path(Emit::Obj, stem), &made.object)?;
        }
        if self.wants(&[Emit::Header]) && self.order.output == Some(Path::new("-")) {
            crate::output::print(&made.header);
        } else if self.wants(&[Emit::Header]) {
            link::write(&self.path(Emit::Header, stem), made.header.as_bytes())?;
        }
        self.objects.push((format!("{stem}.o"), made.object));
        Ok(())
    }

    /// Links what all sources have given; the output is named after the first one.
    fn linked(&self, stem: &str, main: Option<Object>) -> Result<(), Failure> {
        if self.wants(&[Emit::Staticlib]) {
            self.link(&self.objects).library(&self.path(Emit::Staticlib, stem))?;
        }
        if self.wants(&[Emit::Sharedlib]) {
            self.link(&self.objects).shared(&self.path(Emit::Sharedlib, stem))?;
        }
        if let Some(main) = main {
            let objects: Vec<Object> = std::iter::once(main).chain(self.objects.iter().cloned()).collect();
            self.link(&objects).executable(&self.path(Emit::Exe, stem))?;
        }
        Ok(())
    }

    fn link<'l>(&'l self, objects: &'l [Object]) -> Link<'l> {
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
