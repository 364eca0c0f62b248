//! One file for each command. A command gives a status; what it has to say it prints itself.

mod bench;
mod build;
mod check;
mod explain;
mod gradcheck;
mod run;
mod test;

use crate::args::{Cli, Command, Global, Program};
use crate::session::Session;
use crate::status::{Failure, Status};

/// Does what the command line says.
pub fn execute(cli: Cli) -> Result<Status, Failure> {
    refuse_unavailable(&cli.global)?;
    let session = &Session::new(&cli.global);
    match cli.command {
        Command::Run { program: Program::FileAndArgs(program) } => run::run(session, program),
        Command::Check { file, explain_copies } => check::check(session, &file, explain_copies),
        Command::Build { files, output, emit } => build::build(session, &files, output.as_deref(), &emit),
        Command::Test { path, filter } => test::test(session, &path, filter.as_deref()),
        Command::Gradcheck { file, function, at } => {
            gradcheck::gradcheck(session, &file, function.as_deref(), at.as_deref())
        }
        Command::Bench { file } => bench::bench(session, &file),
        Command::Explain { code } => explain::explain(&code),
        Command::Fmt { .. } => Err(Failure::usage("`dprogc fmt` is not available yet")),
        Command::Lsp { .. } => Err(Failure::usage("`dprogc lsp` is not available yet")),
    }
}

/// Refuses options that have no effect yet, rather than ignoring them.
fn refuse_unavailable(global: &Global) -> Result<(), Failure> {
    if let Some(target) = &global.target {
        return Err(Failure::usage(format!("`--target {target}` comes with object files, and is not available yet")));
    }
    match global.codegen.iter().find(|option| *option != "target-cpu=native") {
        Some(option) => Err(Failure::usage(format!("`-C {option}` is not available yet"))),
        None => Ok(()),
    }
}
