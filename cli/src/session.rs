//! What all commands share: the options, and how problems are reported.

use crate::args::{Color, EngineKind, Global};
use crate::input::{self, Input};
use crate::observe::Observation;
use crate::report::{self, Form};
use crate::status::Failure;
use dprog::diagnostic::Diagnostic;
use dprog::emit::{Architecture, Machine, ObjectOptions};
use dprog::source::SourceMap;
use dprog::{Checked, Engine, FileLoader, Fp, Limits, OptLevel, Options, Simd};
use std::io::IsTerminal;
use std::path::Path;

/// See the module's description.
pub struct Session {
    pub options: Options,
    pub engine: Engine,
    pub loader: FileLoader,
    pub verbose: bool,
    machine: Machine,
    debug: bool,
    form: Form,
    color: bool,
    time_passes: bool,
    print_after: Vec<String>,
}

impl Session {
    /// What the options say.
    pub fn new(global: &Global) -> Result<Session, Failure> {
        let color = match global.color {
            Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
            Color::Always => true,
            Color::Never => false,
        };
        let options = options(global)?;
        let engine = match global.engine {
            EngineKind::Native => Engine::Native(options.opt_level),
            EngineKind::Interpreter => Engine::Interpreter,
            EngineKind::Duals => Engine::Duals,
        };
        Ok(Session {
            options,
            engine,
            loader: FileLoader { include: global.include.clone() },
            verbose: global.verbose,
            form: global.diagnostics,
            color,
            time_passes: global.time_passes,
            print_after: global.print_after.clone(),
            machine: machine(global)?,
            debug: global.debug,
        })
    }

    /// What `--time-passes` and `--print-after` ask for.
    pub fn observation(&self) -> Observation {
        Observation::new(self.time_passes, &self.print_after)
    }

    /// How objects are made.
    pub fn object_options(&self) -> Result<ObjectOptions, Failure> {
        let folder = self.debug.then(std::env::current_dir).transpose();
        let debug = folder.map_err(|e| Failure::environment(format!("no current folder: {}", input::reason(&e))))?;
        Ok(ObjectOptions { machine: self.machine, debug, full_paths: false })
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

fn options(global: &Global) -> Result<Options, Failure> {
    let opt_level = match global.opt_level {
        0 => OptLevel::O0,
        1 => OptLevel::O1,
        _ => OptLevel::O2,
    };
    let memory = global.max_memory.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX);
    let depth = i64::try_from(global.max_depth).unwrap_or(i64::MAX);
    Ok(Options { opt_level, limits: Limits { depth, memory }, simd: simd(global)?, fp: fp(global)? })
}

/// `-C simd=…`; the last one counts.
fn simd(global: &Global) -> Result<Simd, Failure> {
    let mut simd = Simd::default();
    for value in global.codegen.iter().filter_map(|option| option.strip_prefix("simd=")) {
        simd = match value {
            "128" => Simd::Bits128,
            "256" => Simd::Bits256,
            "512" => Simd::Bits512,
            "off" => Simd::Off,
            _ => {
                let known = "`-C simd=512`, `=256`, `=128` and `=off`";
                return Err(Failure::usage(format!("`-C simd={value}`: there is {known}")));
            }
        };
    }
    Ok(simd)
}

/// `-C fp=…`; the last one counts.
fn fp(global: &Global) -> Result<Fp, Failure> {
    let mut fp = Fp::default();
    for value in global.codegen.iter().filter_map(|option| option.strip_prefix("fp=")) {
        fp = match value {
            "exact" => Fp::Exact,
            "contract" => Fp::Contract,
            "fast" => Fp::Fast,
            _ => {
                return Err(Failure::usage(format!(
                    "`-C fp={value}`: there is `-C fp=exact`, `=contract` and `=fast`"
                )));
            }
        };
    }
    Ok(fp)
}

/// The processor that objects are for: any of this architecture, unless the options say otherwise.
fn machine(global: &Global) -> Result<Machine, Failure> {
    let mut machine = Machine::Baseline;
    for option in &global.codegen {
        machine = match option.as_str() {
            "target-cpu=native" => Machine::Native,
            "target-cpu=baseline" => Machine::Baseline,
            option if option.starts_with("simd=") || option.starts_with("fp=") => machine,
            _ => {
                let known = "`-C target-cpu=native`, `=baseline`, `-C simd=512`, `=256`, `=128`, `=off`, `-C fp=exact`, `=contract` and `=fast`";
                return Err(Failure::usage(format!("`-C {option}`: there is {known}")));
            }
        };
    }
    let Some(target) = &global.target else { return Ok(machine) };
    let known = Architecture::ALL.into_iter().find(|arch| names(*arch).contains(target));
    let Some(architecture) = known else {
        let triples = Architecture::ALL.map(Architecture::triple).join(", ");
        return Err(Failure::usage(format!("`--target {target}` is not known; there are {triples}")));
    };
    match (Some(architecture) == Architecture::host(), machine) {
        (true, machine) => Ok(machine),
        (false, Machine::Native) => Err(Failure::usage("`-C target-cpu=native` is this machine, `--target` another")),
        (false, _) => Ok(Machine::Other(architecture)),
    }
}

/// A target as compilers name it, as Debian does, and in short.
fn names(architecture: Architecture) -> [String; 3] {
    let triple = architecture.triple();
    let short = triple.split('-').next().unwrap_or(triple);
    [triple.to_string(), triple.replace("-unknown-", "-"), short.to_string()]
}
