//! `dprogc test PATH`: runs the functions marked `@test`. A test passes if it returns.

use crate::interrupt;
use crate::session::Session;
use crate::status::{Failure, Status};
use dprog::{Ending, FnId, World};
use std::path::Path;

/// Runs the tests of a file, or of all files of a folder; `filter` is a part of the names that are wanted.
pub fn test(session: &Session, path: &Path, filter: Option<&str>) -> Result<Status, Failure> {
    let mut tally = Tally::default();
    for file in crate::input::files(path)? {
        test_file(session, &file, filter, &mut tally)?;
        if interrupt::interrupted() {
            return Ok(Status::Interrupted);
        }
    }
    println!("\n{} passed, {} failed", tally.passed, tally.failed);
    Ok(if tally.failed > 0 || tally.broken { Status::Failed } else { Status::Done })
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    /// Some file does not compile.
    broken: bool,
}

fn test_file(session: &Session, file: &Path, filter: Option<&str>, tally: &mut Tally) -> Result<(), Failure> {
    let mut observation = session.observation();
    let checked = session.check(file, &mut observation)?;
    let tests: Vec<(FnId, String)> = checked
        .functions()
        .filter(|f| f.is_test && filter.is_none_or(|part| f.name.contains(part)))
        .map(|f| (f.id, f.name))
        .collect();
    let ids: Vec<FnId> = tests.iter().map(|(id, _)| *id).collect();
    let compiled = match dprog::compile(&checked, &ids, &session.options, &mut observation) {
        Ok(compiled) => compiled,
        Err(diagnostics) => {
            session.report(&diagnostics, &checked.sources);
            tally.broken = true;
            return Ok(());
        }
    };
    session.report(&compiled.warnings, &checked.sources);
    for (root, (_, name)) in tests.iter().enumerate() {
        let mut world = World::captured(Vec::new(), session.options.limits);
        interrupt::running(world.cancel());
        let ending = compiled.run(root, &mut world);
        if interrupt::interrupted() {
            return Ok(());
        }
        let (out, err) = world.take_output();
        show(name, &ending, &format!("{out}{err}"), tally);
    }
    observation.finish();
    Ok(())
}

/// A line for the test; what a failed one printed, and its trap, below.
fn show(name: &str, ending: &Ending, printed: &str, tally: &mut Tally) {
    let problem = match ending {
        Ending::Returned => None,
        Ending::Exited(0) => None,
        Ending::Exited(status) => Some(format!("it ended the program with status {status}")),
        Ending::Trapped(trap) => Some(trap.to_string()),
    };
    match problem {
        None => {
            tally.passed += 1;
            println!("test {name} ... ok");
        }
        Some(problem) => {
            tally.failed += 1;
            println!("test {name} ... FAILED");
            let lines = printed.lines().chain(problem.lines());
            lines.for_each(|line| println!("    {line}"));
        }
    }
}
