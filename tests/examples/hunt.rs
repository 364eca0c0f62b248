//! Runs random programs and lists the seeds that fail, a line each:
//! `cargo run --release -p dprog-tests --example hunt -- engines|derivatives FIRST COUNT`.

use dprog_tests::generate::{gradient_program, program};
use dprog_tests::judge::{disagreement, wrong_derivative};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default| args.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (first, count): (u64, u64) = (number(1, 0), number(2, 100));
    let derivatives = args.first().is_some_and(|kind| kind.starts_with('d'));
    let mut failures = 0;
    for seed in first..first + count {
        let problem = if derivatives {
            let made = gradient_program(seed);
            wrong_derivative(&made.program.text(), made.second)
        } else {
            disagreement(&program(seed).text())
        };
        if let Some(problem) = problem {
            failures += 1;
            println!("{seed}: {}", problem.lines().take(2).collect::<Vec<_>>().join(" | "));
        }
    }
    println!("{failures} of {count} fail");
}
