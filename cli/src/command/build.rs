//! `dprogc build FILE… --emit KIND`: what the compiler makes of a program, as text.

use crate::args::Emit;
use crate::input;
use crate::session::Session;
use crate::status::{Failure, Status};
use std::fmt::Write;
use std::path::Path;

/// Writes each kind that is wanted, one behind the other.
pub fn build(
    session: &Session,
    files: &[std::path::PathBuf],
    output: Option<&Path>,
    emit: &[Emit],
) -> Result<Status, Failure> {
    let kinds: Vec<dprog::Listing> = emit.iter().map(|kind| listing(*kind)).collect::<Result<_, _>>()?;
    let mut text = String::new();
    for file in files {
        let mut observation = session.observation();
        let checked = session.check(file, &mut observation)?;
        match dprog::listings(&checked, &kinds, &session.options, &mut observation) {
            Ok((warnings, parts)) => {
                session.report(&warnings, &checked.sources);
                parts.iter().for_each(|part| {
                    let _ = writeln!(text, "{}", part.trim_end());
                });
            }
            Err(diagnostics) => {
                session.report(&diagnostics, &checked.sources);
                return Ok(Status::Failed);
            }
        }
        observation.finish();
    }
    write(output, &text)?;
    Ok(Status::Done)
}

fn listing(emit: Emit) -> Result<dprog::Listing, Failure> {
    match emit {
        Emit::Ir => Ok(dprog::Listing::Ir),
        Emit::Adjoint => Ok(dprog::Listing::Adjoint),
        Emit::Clif => Ok(dprog::Listing::Clif),
        Emit::Asm => Ok(dprog::Listing::Asm),
        Emit::Obj | Emit::Header | Emit::Staticlib | Emit::Sharedlib | Emit::Exe => {
            let name = format!("{emit:?}").to_lowercase();
            let available = "`--emit ir,adjoint,clif,asm` is available";
            Err(Failure::usage(format!(
                "`--emit {name}` comes with object files, which are not written yet; {available}"
            )))
        }
    }
}

/// Text goes to standard output unless a file is named.
fn write(output: Option<&Path>, text: &str) -> Result<(), Failure> {
    match output {
        None => crate::output::print(text),
        Some(path) if path == Path::new("-") => crate::output::print(text),
        Some(path) => std::fs::write(path, text).map_err(|error| {
            Failure::environment(format!("cannot write {}: {}", path.display(), input::reason(&error)))
        })?,
    }
    Ok(())
}
