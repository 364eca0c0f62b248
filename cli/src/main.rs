//! `dprogc`. Everything is in the library beside it; see there.

fn main() -> std::process::ExitCode {
    dprogc::main()
}
