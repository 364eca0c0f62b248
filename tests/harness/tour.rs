//! A walk through docs/language.md: the files under `tests/tour/`, one for each of its sections. Every sentence of "Precisely"
//! has a line in one of them.

use dprog_tests::{corpus, program_case};

fn main() {
    corpus::run("tour", program_case::check);
}
