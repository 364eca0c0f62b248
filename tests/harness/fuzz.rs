//! Random programs. Interpreter, -O0 and -O2 agree to the bit on values, output and traps; reverse mode agrees with forward
//! mode, with dual numbers and with differences.
//!
//! The number of programs is fixed for the daily run; `DPROG_FUZZ=100000` makes a campaign of it, `DPROG_SEED=17` begins there.
//! A failure prints the seed and the program, cut down.

use dprog_tests::generate::code::text;
use dprog_tests::generate::{Code, Coverage, Feature, gradient_program, program, reduce};
use dprog_tests::judge::{Problem, disagreement, wrong_derivative};
use libtest_mimic::{Arguments, Failed, Trial};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Programs that are compared on all engines, and programs whose derivatives are.
const AGREEMENT: u64 = 3_000;
const GRADIENTS: u64 = 1_500;
/// Tests in which they come: enough for a few threads to share the work evenly.
const PARTS: u64 = 20;
/// Attempts to make a failing program smaller.
const ATTEMPTS: usize = 2_000;

fn main() {
    let setting = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let campaign = setting("DPROG_FUZZ");
    let first = setting("DPROG_SEED").unwrap_or(0);
    let coverage = Arc::new(Mutex::new(vec![0_u64; Feature::ALL.len()]));
    let done = Arc::new(AtomicU64::new(0));
    let (agreement, gradients) = (campaign.unwrap_or(AGREEMENT), campaign.map_or(GRADIENTS, |n| n / 2));
    let mut trials = Vec::new();
    for part in 0..PARTS {
        let (coverage, done) = (coverage.clone(), done.clone());
        trials.push(Trial::test(format!("engines agree, part {part}"), move || {
            for seed in seeds(first, agreement, part) {
                let seen = compare_engines(seed)?;
                count(&mut coverage.lock().expect("no other part panicked"), &seen);
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }));
        trials.push(Trial::test(format!("derivatives agree, part {part}"), move || {
            seeds(first, gradients, part).try_for_each(compare_derivatives)
        }));
    }
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    if done.load(Ordering::Relaxed) >= AGREEMENT {
        assert_nothing_is_rare(&coverage.lock().expect("all parts have ended"), done.load(Ordering::Relaxed));
    }
    conclusion.exit();
}

fn seeds(first: u64, count: u64, part: u64) -> impl Iterator<Item = u64> {
    (first..first + count).filter(move |seed| seed % PARTS == part)
}

fn count(counts: &mut [u64], seen: &Coverage) {
    for (count, feature) in counts.iter_mut().zip(Feature::ALL) {
        *count += u64::from(seen.has(*feature));
    }
}

/// A generator that no longer makes something would test nothing.
fn assert_nothing_is_rare(counts: &[u64], programs: u64) {
    let rare: Vec<_> = Feature::ALL.iter().zip(counts).filter(|(_, count)| **count * 100 < programs).collect();
    assert!(rare.is_empty(), "in less than one program of a hundred: {rare:?}");
}

fn compare_engines(seed: u64) -> Result<Coverage, Failed> {
    let program = program(seed);
    match disagreement(&program.text()) {
        None => Ok(program.coverage),
        Some(problem) => Err(report(seed, &program.code, problem, disagreement)),
    }
}

fn compare_derivatives(seed: u64) -> Result<(), Failed> {
    let made = gradient_program(seed);
    let judge = |text: &str| wrong_derivative(text, made.second);
    match judge(&made.program.text()) {
        None => Ok(()),
        Some(problem) => Err(report(seed, &made.program.code, problem, judge)),
    }
}

/// Cuts the program down to what still fails in the same way, and words the failure.
fn report(seed: u64, code: &[Code], problem: Problem, judge: impl Fn(&str) -> Option<Problem>) -> Failed {
    let kind = |problem: &str| problem.lines().next().map(str::to_string);
    let wanted = kind(&problem);
    let small = reduce(code, ATTEMPTS, |code| judge(&text(code)).is_some_and(|problem| kind(&problem) == wanted));
    let program = text(&small);
    let problem = judge(&program).unwrap_or(problem);
    Failed::from(format!("seed {seed}: {problem}\n--- the program, cut down:\n{program}"))
}
