//! One file for each command. A command gives a status; what it has to say it prints itself.

mod bench;
mod build;
mod check;
mod explain;
mod gradcheck;
mod run;
mod test;

use crate::args::{Cli, Command, Program};
use crate::session::Session;
use crate::status::{Failure, Status};

/// Does what the command line says.
pub fn execute(cli: Cli) -> Result<Status, Failure> {
    let session = &Session::new(&cli.global)?;
    if cli.global.target.is_some() && !matches!(cli.command, Command::Build { .. }) {
        return Err(Failure::usage("`--target` is for `dprogc build`"));
    }
    match cli.command {
        Command::Run { program: Program::FileAndArgs(program) } => run::run(session, program),
        Command::Check { file, explain_copies, explain_loops } => {
            check::check(session, &file, explain_copies, explain_loops)
        }
        Command::Build { files, output, emit, dependencies } => {
            let (output, dependencies) = (output.as_deref(), dependencies.is_some());
            build::build(session, &build::Order { files: &files, output, kinds: &emit, dependencies })
        }
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
