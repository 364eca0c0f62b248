//! `dprogc`: arguments, files, the terminal. A thin user of the library `dprog`.

mod args;
pub mod report;

pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
