//! A program with its output, run on every engine.
//!
//! ```text
//! // args: a b              arguments of the program
//! // exit: 3                the status, else 0
//! // stderr: some text      must occur in standard error; may be repeated
//! // memory: 1000000        the limits
//! // depth: 1000
//! // expect:                standard output: the rest of the file, as comments
//! // 2.5
//! ```
//!
//! A file `NAME.out` beside `NAME.dp` may hold the output instead. `// engines: exact` leaves out dual numbers, whose last bits
//! may differ where derivatives are printed in full.

use crate::corpus::Case;
use crate::engines::{ENGINES, EXACT, Subject, agreed};
use dprog::FileLoader;

/// Whether the program of a file does what the file says.
pub fn check(case: &Case) -> Result<(), String> {
    let loader = FileLoader::default();
    let path = case.path.display().to_string();
    let mut subject = Subject { loader: &loader, ..Subject::new(&path, &case.text) };
    subject.args = case.header("args").map_or(Vec::new(), |args| args.split_whitespace().map(str::to_string).collect());
    if let Some(memory) = case.header("memory") {
        subject.limits.memory = memory.parse().map_err(|_| "`memory` wants a number")?;
    }
    if let Some(depth) = case.header("depth") {
        subject.limits.depth = depth.parse().map_err(|_| "`depth` wants a number")?;
    }
    let engines = if case.header("engines") == Some("exact") { EXACT } else { &ENGINES[..] };
    let outcome = agreed(&subject, engines)?;
    let status: i32 = case.header("exit").unwrap_or("0").parse().map_err(|_| "`exit` wants a number")?;
    if outcome.status != status {
        return Err(format!("ended with another status than {status}\n{outcome}"));
    }
    if let Some(missing) = case.headers("stderr").find(|part| !outcome.err.contains(part)) {
        return Err(format!("standard error lacks `{missing}`\n{outcome}"));
    }
    let expected = expected(case)?;
    if outcome.out == expected { Ok(()) } else { Err(format!("expected\n{expected}--- but\n{outcome}")) }
}

fn expected(case: &Case) -> Result<String, String> {
    if let Ok(text) = std::fs::read_to_string(case.beside("out")) {
        return Ok(text);
    }
    let (_, rest) = case.text.split_once("// expect:\n").ok_or("the file expects nothing")?;
    let lines = rest.lines().filter_map(|line| line.strip_prefix("//"));
    Ok(lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect())
}
