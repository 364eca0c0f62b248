//! Gradient tests: the files under `tests/grad/`, one test each; `dprog_tests::grad_case` describes their headers.
//!
//! Each header becomes a program that asks for the derivative in every mode and prints the answers. It runs with dual
//! numbers and with what `ad-pass` made, the latter on three engines that must agree to the bit.

use dprog_tests::corpus::{self, Case};
use dprog_tests::engines::{ENGINES, EXACT, Subject, agreed};
use dprog_tests::grad_case::GradCase;

fn main() {
    corpus::run("grad", check);
}

fn check(case: &Case) -> Result<(), String> {
    let headers: Vec<&str> = case.headers("grad").collect();
    if headers.is_empty() {
        return Err("the file has no header `// grad: …`".into());
    }
    headers.iter().try_for_each(|header| check_header(case, header).map_err(|problem| format!("{header}\n{problem}")))
}

fn check_header(case: &Case, header: &str) -> Result<(), String> {
    let grad = GradCase::parse(header)?;
    let text = format!("{}{}", case.text, grad.main());
    let subject = Subject::new(&case.name, &text);
    for (who, engines) in [("dual numbers", &ENGINES[..1]), ("ad-pass", EXACT)] {
        let outcome = agreed(&subject, engines)?;
        if outcome.status != 0 {
            return Err(format!("{who}: {outcome}"));
        }
        grad.judge(&outcome.out).map_err(|problem| format!("{who}: {problem}\n{}", outcome.out))?;
    }
    Ok(())
}
