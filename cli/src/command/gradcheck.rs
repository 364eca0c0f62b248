//! `dprogc gradcheck FILE [FN]`: every way to differentiate against the others, and against differences.
//!
//! Checked are the functions with a float as their result and something to differentiate by. The point comes from
//! `--at 'x = 1.5, n = 3'`; what it does not name is drawn from a fixed sequence, and sizes and integers are 3.

use crate::input::{self, Input};
use crate::session::Session;
use crate::status::{Failure, Status};
use dprog::gradcheck::{self, Finding, Outcome, Request, Verdict};
use std::path::Path;

/// Checks one function, or all of the file.
pub fn gradcheck(session: &Session, file: &Path, function: Option<&str>, at: Option<&str>) -> Result<Status, Failure> {
    let at = at.map_or(Ok(Vec::new()), gradcheck::parse_point).map_err(Failure::usage)?;
    let mut observation = session.observation();
    let Input { name, bytes } = input::read(file)?;
    let checked = dprog::check(&name, &bytes, &session.loader, &mut observation);
    session.report(&checked.diagnostics, &checked.sources);
    if checked.has_errors() {
        return Ok(Status::Failed);
    }
    let text = String::from_utf8_lossy(&bytes);
    let request = Request { name: &name, text: &text, loader: &session.loader, options: &session.options, at: &at };
    let candidates = gradcheck::candidates(&checked, function);
    if candidates.is_empty() {
        let what = function.map_or("no function".to_string(), |name| format!("no function `{name}`"));
        let needed = "takes something that has a derivative and gives a float";
        return Err(Failure::usage(format!("{what} of {name} {needed}")));
    }
    let findings: Vec<Finding> =
        candidates.into_iter().map(|id| gradcheck::gradcheck(&request, &checked, id)).collect();
    let ok = findings.iter().map(|finding| show(session, finding)).fold(true, |all, ok| all && ok);
    observation.finish();
    Ok(if ok { Status::Done } else { Status::Failed })
}

/// Prints a finding; whether all is well.
fn show(session: &Session, finding: &Finding) -> bool {
    let Finding { function, point, outcome } = finding;
    match outcome {
        Outcome::Judged(verdict) => {
            println!("{function}({point})");
            show_verdict(verdict);
            verdict.ok()
        }
        Outcome::Skipped(reason) => {
            println!("{function}: skipped, {reason}");
            true
        }
        Outcome::Refused(diagnostics, sources) => {
            println!("{function}({point}): not differentiated");
            session.report(diagnostics, sources);
            false
        }
        Outcome::Trapped(trap) => {
            println!("{function}({point}): trapped; another point may be given by `--at`");
            eprintln!("{trap}");
            false
        }
    }
}

fn show_verdict(verdict: &Verdict) {
    println!("    value {:?}, derivative along a direction {:?}", verdict.value, verdict.derivative);
    for row in &verdict.rows {
        let mark = if row.ok() { "ok" } else { "DISAGREE" };
        println!("    {:<34} {:>9.1e}  (at most {:.0e})  {mark}", row.what, row.deviation, row.tolerance);
    }
}
