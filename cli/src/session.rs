//! What all commands share: the options, and how problems are reported.

use crate::args::{Color, EngineKind, Global};
use crate::input::{self, Input};
use crate::observe::Observation;
use crate::report::{self, Form};
use crate::status::Failure;
use dprog::diagnostic::Diagnostic;
use dprog::source::SourceMap;
use dprog::{Checked, Engine, FileLoader, Limits, OptLevel, Options};
use std::io::IsTerminal;
use std::path::Path;

/// See the module's description.
pub struct Session {
    pub options: Options,
    pub engine: Engine,
    pub loader: FileLoader,
    pub verbose: bool,
    form: Form,
    color: bool,
    time_passes: bool,
    print_after: Vec<String>,
}

impl Session {
    /// What the options say.
    pub fn new(global: &Global) -> Session {
        let color = match global.color {
            Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            Color::Always => true,
            Color::Never => false,
        };
        let options = options(global);
        let engine = match global.engine {
            EngineKind::Native => Engine::Native(options.opt_level),
            EngineKind::Interpreter => Engine::Interpreter,
            EngineKind::Duals => Engine::Duals,
        };
        Session {
            options,
            engine,
            loader: FileLoader { include: global.include.clone() },
            verbose: global.verbose,
            form: global.diagnostics,
            color,
            time_passes: global.time_passes,
            print_after: global.print_after.clone(),
        }
    }

    /// What `--time-passes` and `--print-after` ask for.
    pub fn observation(&self) -> Observation {
        Observation::new(self.time_passes, &self.print_after)
    }

    /// Reads and checks a file. Problems are not yet reported.
    pub fn check(&self, path: &Path, observation: &mut Observation) -> Result<Checked, Failure> {
        let Input { name, bytes } = input::read(path)?;
        Ok(dprog::check(&name, &bytes, &self.loader, observation))
    }

    /// Writes diagnostics to standard error, in the form that was asked for.
    pub fn report(&self, diagnostics: &[Diagnostic], sources: &SourceMap) {
        eprint!("{}", report::render(self.form, diagnostics, sources, self.color));
        if self.form == Form::Human {
            self.summarize(diagnostics);
        }
    }

    fn summarize(&self, diagnostics: &[Diagnostic]) {
        let errors = diagnostics.iter().filter(|d| d.is_error()).count();
        let most = report::most(self.form);
        if diagnostics.len() > most {
            eprintln!("{errors} errors; the first {most} messages are shown");
        } else if errors > 1 {
            eprintln!("{errors} errors");
        }
        if self.verbose && errors == 0 && !diagnostics.is_empty() {
            eprintln!("{} warnings", diagnostics.len());
        }
    }
}

fn options(global: &Global) -> Options {
    let opt_level = match global.opt_level {
        0 => OptLevel::O0,
        1 => OptLevel::O1,
        _ => OptLevel::O2,
    };
    let memory = global.max_memory.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
    let depth = i64::try_from(global.max_depth).unwrap_or(i64::MAX);
    Options { opt_level, limits: Limits { depth, memory } }
}
