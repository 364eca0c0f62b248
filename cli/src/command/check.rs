//! `dprogc check FILE`: diagnostics only; with `--explain-copies` the copies that remain, with
//! `--explain-loops` what became of the loops.

use crate::session::Session;
use crate::status::{Failure, Status};
use std::path::Path;

/// Checks a file as far as the compiler can refuse it: differentiation is part of that.
pub fn check(session: &Session, file: &Path, explain_copies: bool, explain_loops: bool) -> Result<Status, Failure> {
    let mut observation = session.observation();
    let checked = session.check(file, &mut observation)?;
    let (diagnostics, copies) = dprog::check_fully(&checked, &session.options, explain_copies, &mut observation);
    session.report(&diagnostics, &checked.sources);
    for copy in copies {
        crate::output::print(&format!("{copy}\n"));
    }
    if explain_loops {
        for note in dprog::explain_loops(&checked, &session.options, &mut observation) {
            crate::output::print(&format!("{note}\n"));
        }
    }
    observation.finish();
    let failed = diagnostics.iter().any(|d| d.is_error());
    Ok(if failed { Status::Failed } else { Status::Done })
}
