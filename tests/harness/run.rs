//! Programs with their output: the files under `tests/run/`, one test each, on every engine.

use dprog_tests::{corpus, program_case};

fn main() {
    corpus::run("run", program_case::check);
}
