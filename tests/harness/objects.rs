//! Programs for C: `tests/objects/*.dp` with the C program beside each that calls its exports.
//!
//! The C program prints what `main` of the program prints; the numbers must be the same to the bit on every engine and in objects
//! at every level. Headers are compiled as C99, C11 and C++17 with all warnings, by every compiler there is; the C
//! programs run under the address sanitizer. A program with `// needs: nothing` has no symbols but those of the C library's
//! memory functions.

use dprog::emit::{ForC, ObjectOptions, RUNTIME, elf, for_c};
use dprog::{Checked, OptLevel, Options, Silent};
use dprog_tests::corpus::{self, Case};
use dprog_tests::engines::{EXACT, Subject, agreed};
use std::path::Path;
use std::process::{Command, Output};

const MEMORY_FUNCTIONS: [&str; 5] = ["free", "malloc", "memcpy", "memmove", "memset"];
const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

fn main() {
    corpus::run("objects", check);
}

fn check(case: &Case) -> Result<(), String> {
    let subject = Subject::new(&case.name, &case.text);
    let outcome = agreed(&subject, EXACT)?;
    if outcome.status != 0 {
        return Err(outcome.to_string());
    }
    let checked = subject.check();
    for level in [OptLevel::O0, OptLevel::O1, OptLevel::O2] {
        let made = emit(case, &checked, level)?;
        if made.object != emit(case, &checked, level)?.object {
            return Err("the same program gave other bytes".to_string());
        }
        check_symbols(case, &made.object)?;
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        lay_out(case, &made, folder.path())?;
        if level == OptLevel::O2 {
            check_header(case, folder.path())?;
        }
        let said = run(case, folder.path())?;
        compare(&outcome.out, &said).map_err(|e| format!("{level:?}: {e}"))?;
    }
    Ok(())
}

fn stem(case: &Case) -> &str {
    case.name.trim_end_matches(".dp")
}

fn emit(case: &Case, checked: &Checked, opt_level: OptLevel) -> Result<ForC, String> {
    let options = Options { opt_level, ..Options::default() };
    let object = ObjectOptions { machine: dprog::emit::Machine::Baseline, ..ObjectOptions::default() };
    for_c(checked, stem(case), &options, &object, &mut Silent).map_err(|problems| format!("{problems:?}"))
}

fn check_symbols(case: &Case, object: &[u8]) -> Result<(), String> {
    if case.header("needs") != Some("nothing") {
        return Ok(());
    }
    let imports = elf::imports(object).map_err(|e| format!("{e:?}"))?;
    match imports.iter().find(|name| !MEMORY_FUNCTIONS.contains(&name.as_str())) {
        Some(name) => Err(format!("the object needs `{name}`")),
        None => Ok(()),
    }
}

fn lay_out(case: &Case, made: &ForC, folder: &Path) -> Result<(), String> {
    let source = std::fs::read(case.beside("c")).map_err(|e| format!("no C program: {e}"))?;
    let shared = std::fs::read(corpus::folder("objects").join("ok.h")).map_err(|e| e.to_string())?;
    let files: [(String, &[u8]); 5] = [
        (format!("{}.o", stem(case)), &made.object),
        (format!("{}.h", stem(case)), made.header.as_bytes()),
        (format!("{}.c", stem(case)), &source),
        ("ok.h".to_string(), &shared),
        ("libdprog_rt.a".to_string(), RUNTIME),
    ];
    files.into_iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes).map_err(|e| e.to_string()))
}

/// The header alone, twice, in each language.
fn check_header(case: &Case, folder: &Path) -> Result<(), String> {
    let include = format!("#include \"{0}.h\"\n#include \"{0}.h\"\nextern int unused;\n", stem(case));
    for (compiler, standards) in
        [("gcc", ["c99", "c11"]), ("clang", ["c99", "c11"]), ("g++", ["c++17"; 2]), ("clang++", ["c++17"; 2])]
    {
        for standard in standards {
            let name = if standard == "c++17" { "header.cpp" } else { "header.c" };
            std::fs::write(folder.join(name), &include).map_err(|e| e.to_string())?;
            let mut command = Command::new(compiler);
            command
                .current_dir(folder)
                .arg(format!("-std={standard}"))
                .args(WARNINGS)
                .args(["-c", "-o", "header.o", name]);
            match command.output() {
                Ok(output) => succeeded(&output, &format!("{compiler} -std={standard}"))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && compiler != "gcc" => {}
                Err(error) => return Err(format!("{compiler}: {error}")),
            }
        }
    }
    Ok(())
}

/// Compiles, links and runs the C program; what it prints.
fn run(case: &Case, folder: &Path) -> Result<String, String> {
    let mut compiler = Command::new("cc");
    compiler.current_dir(folder).args(["-std=c99", "-D_GNU_SOURCE", "-g", "-fsanitize=address"]).args(WARNINGS);
    compiler.args(["-o", "program", &format!("{}.c", stem(case)), &format!("{}.o", stem(case))]);
    compiler.args(["libdprog_rt.a", "-lm", "-lpthread"]);
    succeeded(&compiler.output().map_err(|e| format!("cc: {e}"))?, "cc")?;
    let output = Command::new(folder.join("program")).output().map_err(|e| e.to_string())?;
    succeeded(&output, "the C program")?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn succeeded(output: &Output, what: &str) -> Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    let said = [String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)].concat();
    Err(format!("{what}: {}\n{said}", output.status))
}

/// Word by word; numbers by their bits.
fn compare(wanted: &str, found: &str) -> Result<(), String> {
    let (a, b): (Vec<&str>, Vec<&str>) = (wanted.split_whitespace().collect(), found.split_whitespace().collect());
    let same = |(a, b): (&&str, &&str)| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x.to_bits() == y.to_bits(),
        _ => a == b,
    };
    if a.len() == b.len() && a.iter().zip(&b).all(same) {
        return Ok(());
    }
    Err(format!("C prints\n{found}where the program prints\n{wanted}"))
}
