//! `dprogc run FILE [ARGS…]`: compiles in memory and runs `main`.

use crate::interrupt;
use crate::session::Session;
use crate::status::{Failure, Status};
use dprog::{Compiled, Ending, World};
use std::io::Write;
use std::path::Path;

/// `program` is the file, then the arguments of the program.
pub fn run(session: &Session, mut program: Vec<String>) -> Result<Status, Failure> {
    let file = program.remove(0);
    let mut observation = session.observation();
    let checked = session.check(Path::new(&file), &mut observation)?;
    let compiled = checked
        .main()
        .and_then(|main| dprog::compile_for(session.engine, &checked, &[main], &session.options, &mut observation));
    match compiled {
        Ok(compiled) => {
            session.report(&compiled.warnings, &checked.sources);
            observation.finish();
            Ok(run_main(session, &compiled, program))
        }
        Err(diagnostics) => {
            session.report(&diagnostics, &checked.sources);
            Ok(Status::Failed)
        }
    }
}

fn run_main(session: &Session, compiled: &Compiled, args: Vec<String>) -> Status {
    let mut world = World::process(args, session.options.limits);
    interrupt::running(world.cancel());
    let ending = compiled.run(0, &mut world);
    // The interpreter keeps what it writes; compiled programs have written it.
    let (out, err) = world.take_output();
    let _ = std::io::stdout().write_all(out.as_bytes());
    eprint!("{err}");
    if interrupt::interrupted() {
        return Status::Interrupted;
    }
    match ending {
        Ending::Returned => Status::Done,
        Ending::Exited(status) => Status::Program(status as u8),
        Ending::Trapped(trap) => {
            eprintln!("{trap}");
            Status::Trapped
        }
    }
}
