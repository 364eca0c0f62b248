//! One program, four engines, what each of them makes of it.

use dprog::{Checked, Compiled, Ending, Engine, Limits, Loader, MemoryLoader, OptLevel, Options, Silent, Trap, World};
use dprog_ir::TrapCode;
use std::fmt;

/// The engines by name: derivatives as dual numbers, what `ad-pass` made interpreted, and as machine code.
pub const ENGINES: [(&str, Engine); 4] = [
    ("duals", Engine::Duals),
    ("interpreter", Engine::Interpreter),
    ("-O0", Engine::Native(OptLevel::O0)),
    ("-O2", Engine::Native(OptLevel::O2)),
];

/// The engines that must agree to the bit, derivatives too.
pub const EXACT: &[(&str, Engine)] = ENGINES.split_at(1).1;

/// What a run has shown to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub out: String,
    /// Standard error; the text of a trap at its end.
    pub err: String,
    /// As the command would end.
    pub status: i32,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}\n--- standard output\n{}--- standard error\n{}", self.status, self.out, self.err)
    }
}

/// A program that is to be run.
pub struct Subject<'a> {
    pub name: &'a str,
    pub text: &'a str,
    pub loader: &'a dyn Loader,
    pub args: Vec<String>,
    pub limits: Limits,
}

impl<'a> Subject<'a> {
    /// A program of one file, without arguments.
    pub fn new(name: &'a str, text: &'a str) -> Subject<'a> {
        // Programs of tests stop rather than fill the machine.
        let limits = Limits { memory: 1 << 30, ..Limits::default() };
        Subject { name, text, loader: NO_MODULES, args: Vec::new(), limits }
    }

    /// Checks the program once, for all engines.
    pub fn check(&self) -> Checked {
        dprog::check(self.name, self.text.as_bytes(), self.loader, &mut Silent)
    }

    /// Compiles and runs it.
    pub fn run(&self, checked: &Checked, engine: Engine) -> Outcome {
        match self.compile(checked, engine) {
            Ok(compiled) => self.execute(&compiled),
            Err(err) => Outcome { out: String::new(), err, status: 1 },
        }
    }

    fn compile(&self, checked: &Checked, engine: Engine) -> Result<Compiled, String> {
        let options = Options { limits: self.limits, ..Options::default() };
        let compiled =
            checked.main().and_then(|main| dprog::compile_for(engine, checked, &[main], &options, &mut Silent));
        compiled
            .map_err(|problems| dprogc::report::render(dprogc::report::Form::Human, &problems, &checked.sources, false))
    }

    fn execute(&self, compiled: &Compiled) -> Outcome {
        let mut world = World::captured(self.args.clone(), self.limits);
        let ending = compiled.run(0, &mut world);
        let (out, mut err) = world.take_output();
        let status = match ending {
            Ending::Returned => 0,
            Ending::Exited(status) => status,
            Ending::Trapped(trap) => {
                err += &told(&trap);
                3
            }
        };
        Outcome { out, err, status }
    }
}

/// The text of a trap. Where a limit is hit differs between engines: each counts its own frames and bytes.
fn told(trap: &Trap) -> String {
    match trap.code {
        TrapCode::Depth | TrapCode::Memory => format!("trap: {}\n", trap.message),
        _ => format!("{trap}\n"),
    }
}

const NO_MODULES: &MemoryLoader = &MemoryLoader { files: std::collections::BTreeMap::new() };

/// Runs a program on the given engines, and says where the outcomes differ from the first; else gives the first.
pub fn agreed(subject: &Subject, engines: &[(&str, Engine)]) -> Result<Outcome, String> {
    let checked = subject.check();
    let mut first: Option<(&str, Outcome)> = None;
    for (name, engine) in engines {
        let outcome = subject.run(&checked, *engine);
        match &first {
            None => first = Some((name, outcome)),
            Some((other, expected)) if *expected != outcome => {
                return Err(format!("{other} and {name} differ\n--- {other}: {expected}--- {name}: {outcome}"));
            }
            Some(_) => {}
        }
    }
    first.map(|(_, outcome)| outcome).ok_or_else(|| "no engines".into())
}
