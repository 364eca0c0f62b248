//! `dprogc`: arguments, files, the terminal. A thin user of the library `dprog`.
//!
//! ```text
//! args       what may be written            session   what all commands share: options, reporting
//! command/   one file for each command      report/   drawing of diagnostics
//! naming     where outputs go                link      libraries and programs, by the system's linker
//! input, output, interrupt, status, defect  the process: files, streams, signals, statuses, panics
//! ```

mod args;
mod command;
mod defect;
mod input;
mod interrupt;
mod link;
mod naming;
mod observe;
mod output;
mod pages;
pub mod report;
mod session;
mod status;

use clap::Parser;
use status::{Failure, Status};
use std::process::ExitCode;

/// The whole command.
pub fn main() -> ExitCode {
    let cli = match args::Cli::try_parse_from(args::with_color_joined(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, as successes.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Status::Usage } else { Status::Done });
        }
    };
    defect::install();
    defect::guarded(|| command::execute(cli).unwrap_or_else(report_failure)).into()
}

fn report_failure(failure: Failure) -> Status {
    eprintln!("error: {}", failure.message);
    failure.status
}
