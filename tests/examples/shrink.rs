//! Cuts a random program down by running the command, for defects that end the process:
//! `cargo run -p dprog-tests --example shrink -- engines|derivatives SEED TEXT COMMAND…`; the program is appended to the
//! command, and has the defect if the output contains the text.

use dprog_tests::generate::code::text;
use dprog_tests::generate::{gradient_program, program, reduce};
use std::process::Command;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [kind, seed, needle, command @ ..] = &args[..] else { panic!("three arguments and a command are needed") };
    let seed: u64 = seed.parse().expect("a number");
    let code = if kind.starts_with('d') { gradient_program(seed).program.code } else { program(seed).code };
    let file = std::env::temp_dir().join(format!("shrink-{}.dp", std::process::id()));
    let shows = |code: &[_]| {
        std::fs::write(&file, text(code)).expect("a file can be written");
        let done = Command::new(&command[0]).args(&command[1..]).arg(&file).output().expect("the command starts");
        [done.stdout, done.stderr].iter().any(|bytes| String::from_utf8_lossy(bytes).contains(needle))
    };
    assert!(shows(&code), "the whole program does not show the defect");
    print!("{}", text(&reduce(&code, 3_000, shows)));
}
