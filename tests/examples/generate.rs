//! Prints the program of a seed: `cargo run -p dprog-tests --example generate -- [gradient] SEED`.

use dprog_tests::generate::{gradient_program, program};

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let seed = args.pop().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let gradient = args.first().is_some_and(|kind| kind == "gradient");
    print!("{}", if gradient { gradient_program(seed).program.text() } else { program(seed).text() });
}
