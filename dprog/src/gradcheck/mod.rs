//! Every way to differentiate a function, against the others.
//!
//! A function is checked at a point: floats are drawn from a fixed sequence, integers and sizes are 3, unless the caller says
//! otherwise. A small program is put behind the user's, which asks for the derivative along one direction in reverse
//! mode, in forward mode, and by central differences of two steps. It runs with dual numbers, with what `ad-pass` made
//! interpreted, and as machine code at -O0 and -O2.
//!
//! ```text
//! point     a value for each parameter      question   the program that is put behind
//! verdict   what the answers say
//! ```

mod point;
mod question;
mod verdict;

use crate::check::{Checked, FunctionInfo, check};
use crate::engine::{Ending, Engine, World, compile_for};
use crate::pipeline::{Options, Silent};
use dprog_frontend::diagnostic::Diagnostic;
use dprog_frontend::resolve::Loader;
use dprog_frontend::source::SourceMap;
use dprog_frontend::typed::{FnDef, FnId};
use dprog_ir::transform::pipeline::OptLevel;
use question::Question;

pub use point::parse_point;
pub use verdict::{Row, Verdict};

/// What is to be checked.
pub struct Request<'a> {
    pub name: &'a str,
    pub text: &'a str,
    pub loader: &'a dyn Loader,
    pub options: &'a Options,
    /// Names of parameters or sizes, and expressions for them.
    pub at: &'a [(String, String)],
}

/// What came out for one function.
pub struct Finding {
    pub function: String,
    /// The arguments, as in source.
    pub point: String,
    pub outcome: Outcome,
}

/// See [`Finding`].
pub enum Outcome {
    Judged(Verdict),
    /// The function cannot be checked as it is; why.
    Skipped(String),
    /// It cannot be differentiated.
    Refused(Vec<Diagnostic>, SourceMap),
    /// It trapped at the point.
    Trapped(String),
}

/// The engines and their names in the table.
const ENGINES: [(&str, Engine); 4] = [
    ("dual numbers", Engine::Duals),
    ("interpreter", Engine::Interpreter),
    ("-O0", Engine::Native(OptLevel::O0)),
    ("-O2", Engine::Native(OptLevel::O2)),
];

/// The functions of a program that can be asked about, or the one of this name if it can: they have a parameter with a
/// derivative, and a float as their result.
pub fn candidates(checked: &Checked, name: Option<&str>) -> Vec<FnId> {
    let wanted = |f: &FunctionInfo| !f.generic && name.is_none_or(|name| f.name == name);
    let all = checked.functions().filter(wanted).map(|f| f.id);
    all.filter(|id| is_candidate(&checked.program.fns[*id])).collect()
}

fn is_candidate(def: &FnDef) -> bool {
    !def.is_test && !def.is_bench && def.result.is_float() && !point::active(def).is_empty()
}

/// Checks one function of a program that has no errors.
pub fn gradcheck(request: &Request<'_>, checked: &Checked, id: FnId) -> Finding {
    let def = &checked.program.fns[id];
    let function = def.display.as_str().to_string();
    match point::arguments(def, &checked.program, request.at) {
        Ok(arguments) => {
            let point = point::shown(def, &arguments);
            let outcome = ask(request, &Question::new(def, &arguments));
            Finding { function, point, outcome }
        }
        Err(reason) => Finding { function, point: String::new(), outcome: Outcome::Skipped(reason) },
    }
}

fn ask(request: &Request<'_>, question: &Question) -> Outcome {
    let text = format!("{}\n{}", request.text, question.text());
    let checked = check(request.name, text.as_bytes(), request.loader, &mut Silent);
    let Some(asking) = checked.functions().find(|f| f.name == question::NAME) else {
        return Outcome::Refused(checked.diagnostics, checked.sources);
    };
    let mut answers = Vec::new();
    for (name, engine) in ENGINES {
        let compiled = match compile_for(engine, &checked, &[asking.id], request.options, &mut Silent) {
            Ok(compiled) => compiled,
            Err(diagnostics) => return Outcome::Refused(diagnostics, checked.sources),
        };
        let mut world = World::captured(Vec::new(), request.options.limits);
        match compiled.run(0, &mut world) {
            Ending::Returned => answers.push((name, question.read(&world.take_output().0))),
            Ending::Trapped(trap) => return Outcome::Trapped(trap.to_string()),
            Ending::Exited(status) => return Outcome::Trapped(format!("the function ends the program ({status})")),
        }
    }
    Outcome::Judged(Verdict::new(&answers, question.single_precision))
}
