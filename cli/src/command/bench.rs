//! `dprogc bench FILE`: how long the functions marked `@bench` take.

use crate::interrupt;
use crate::session::Session;
use crate::status::{Failure, Status};
use dprog::{Compiled, Ending, FnId, Trap, World};
use std::path::Path;
use std::time::{Duration, Instant};

/// A function is called for so long, after a first call that does not count.
const PATIENCE: Duration = Duration::from_millis(500);
/// Most calls of one function.
const CALLS: usize = 100_000;

/// Measures each function, and prints a table.
pub fn bench(session: &Session, file: &Path) -> Result<Status, Failure> {
    let mut observation = session.observation();
    let checked = session.check(file, &mut observation)?;
    let benches: Vec<(FnId, String)> = checked.functions().filter(|f| f.is_bench).map(|f| (f.id, f.name)).collect();
    let ids: Vec<FnId> = benches.iter().map(|(id, _)| *id).collect();
    let compiled = match dprog::compile(&checked, &ids, &session.options, &mut observation) {
        Ok(compiled) => compiled,
        Err(diagnostics) => {
            session.report(&diagnostics, &checked.sources);
            return Ok(Status::Failed);
        }
    };
    println!("{:<32} {:>12} {:>12} {:>9}", "function", "fastest", "median", "calls");
    for (root, (_, name)) in benches.iter().enumerate() {
        match measure(session, &compiled, root) {
            Ok(times) => println!("{}", row(name, times)),
            Err(_) if interrupt::interrupted() => return Ok(Status::Interrupted),
            Err(trap) => {
                eprintln!("{trap}");
                return Ok(Status::Trapped);
            }
        }
    }
    observation.finish();
    Ok(Status::Done)
}

/// The duration of each call.
fn measure(session: &Session, compiled: &Compiled, root: usize) -> Result<Vec<Duration>, Trap> {
    let mut world = World::captured(Vec::new(), session.options.limits);
    interrupt::running(world.cancel());
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.is_empty() || (begin.elapsed() < PATIENCE && times.len() <= CALLS) {
        let start = Instant::now();
        if let Ending::Trapped(trap) = compiled.run(root, &mut world) {
            return Err(trap);
        }
        times.push(start.elapsed());
        world.take_output();
    }
    if times.len() > 1 {
        times.remove(0);
    }
    Ok(times)
}

fn row(name: &str, mut times: Vec<Duration>) -> String {
    times.sort();
    let (fastest, median) = (times[0], times[times.len() / 2]);
    format!("{name:<32} {:>12} {:>12} {:>9}", shown(fastest), shown(median), times.len())
}

fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match seconds {
        s if s < 1e-6 => format!("{:.1} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.2} µs", s * 1e6),
        s if s < 1.0 => format!("{:.3} ms", s * 1e3),
        s => format!("{s:.3} s"),
    }
}
