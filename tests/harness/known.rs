//! Programs whose values and derivatives are known to fifty digits: `tests/known/*.dp` with their `.expected`.
//!
//! Each line of output is a label and numbers; they must agree to 1e-13 relative on every engine, and to the bit between those that
//! run what `ad-pass` made.

use dprog_tests::corpus::{self, Case};
use dprog_tests::engines::{ENGINES, EXACT, Outcome, Subject, agreed};
use dprog_tests::numbers;

const TOLERANCE: f64 = 1e-13;

fn main() {
    corpus::run("known", check);
}

fn check(case: &Case) -> Result<(), String> {
    let subject = Subject::new(&case.name, &case.text);
    let expected = std::fs::read_to_string(case.beside("expected")).map_err(|e| format!("no expectation: {e}"))?;
    let duals = agreed(&subject, &ENGINES[..1])?;
    compare("duals", &duals, &expected)?;
    compare("ad-pass", &agreed(&subject, EXACT)?, &expected)
}

fn compare(engine: &str, outcome: &Outcome, expected: &str) -> Result<(), String> {
    if outcome.status != 0 {
        return Err(format!("{engine}: {outcome}"));
    }
    let (found, wanted): (Vec<&str>, Vec<&str>) = (outcome.out.lines().collect(), expected.lines().collect());
    if found.len() != wanted.len() {
        return Err(format!("{engine}: {} lines where {} are expected\n{outcome}", found.len(), wanted.len()));
    }
    match found.iter().zip(&wanted).find(|(a, b)| !same_line(a, b)) {
        Some((a, b)) => Err(format!("{engine}: {a}\nexpected {b}")),
        None => Ok(()),
    }
}

fn same_line(found: &str, wanted: &str) -> bool {
    let (a, b) = (numbers::all(found), numbers::all(wanted));
    let label = |line: &str| line.split_whitespace().next().map(str::to_string);
    label(found) == label(wanted)
        && a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| numbers::agree(*a, *b, TOLERANCE))
}
