//! The C face of the compiler: its header in every dialect, hostile calls, the example, and the programs of the chapter
//! "Embedding the compiler".

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// The folder with `libdprog.so` of the profile that this test was built with.
static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let here = std::env::current_exe().expect("a test runs from a file");
    let folder = here.ancestors().nth(2).expect("target/PROFILE/deps/TEST").to_path_buf();
    let release = !cfg!(debug_assertions);
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(root()).args(["build", "--quiet", "-p", "dprog-c"]);
    if release {
        cargo.arg("--release");
    }
    done(cargo.output().expect("cargo starts"), "cargo build -p dprog-c");
    assert!(folder.join("libdprog.so").exists(), "{}", folder.display());
    folder
});

fn done(output: Output, what: &str) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{what}: {}\n{}{}", output.status, text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Compiles a C program against the library, and runs it.
fn run(source: &Path, name: &str, args: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join(name);
    let mut compiler = Command::new("cc");
    compiler.args(["-std=gnu11", "-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"]);
    compiler.arg("-I").arg(root().join("dprog/c/include")).arg("-o").arg(&program).arg(source);
    compiler.arg("-L").arg(&*LIBRARY).arg(format!("-Wl,-rpath,{}", LIBRARY.display())).args(["-ldprog", "-lm"]);
    done(compiler.output().expect("a C compiler"), "cc");
    done(Command::new(&program).args(args).output().expect("it was built"), name)
}

#[test]
fn the_header_is_clean_in_every_dialect() {
    let header = root().join("dprog/c/include/dprog.h");
    let dialects = [("c", "c99"), ("c", "c11"), ("c++", "c++17")];
    for compiler in ["gcc", "clang"] {
        if Command::new(compiler).arg("--version").output().is_err() {
            continue;
        }
        for (language, standard) in dialects {
            let mut check = Command::new(compiler);
            check.args(["-x", language, &format!("-std={standard}"), "-fsyntax-only"]);
            check.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror"]);
            // Not the main file, of which a compiler says that it has a guard.
            check.args(["-include"]).arg(&header).arg("/dev/null");
            done(check.output().expect("it has a version"), &format!("{compiler} {standard}"));
        }
    }
}

#[test]
fn every_function_of_the_header_is_there() {
    let header = std::fs::read_to_string(root().join("dprog/c/include/dprog.h")).expect("the header");
    let code: String = header.split("*/").map(|part| part.split("/*").next().unwrap_or("")).collect();
    let declared: Vec<&str> =
        code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.starts_with("dprog_")).collect();
    let symbols = done(
        Command::new("nm").args(["-D", "--defined-only"]).arg(LIBRARY.join("libdprog.so")).output().expect("nm"),
        "nm",
    );
    let types = [
        "dprog_compiler",
        "dprog_module",
        "dprog_function",
        "dprog_cancel",
        "dprog_diagnostic",
        "dprog_any_function",
        "dprog_host_function",
        "dprog_host_vjp",
        "dprog_host_rows",
        "dprog_host_derivative",
        "dprog_results",
        "dprog_text",
    ];
    let is_type =
        |name: &str| name.starts_with("dprog_list_") || name.starts_with("dprog_array") || types.contains(&name);
    let functions = declared.into_iter().filter(|name| !is_type(name));
    for function in functions {
        assert!(symbols.lines().any(|line| line.ends_with(&format!(" T {function}"))), "{function}");
    }
}

#[test]
fn hostile_calls_are_statuses_and_the_next_call_is_right() {
    assert_eq!(run(&root().join("tests/embed/hostile.c"), "hostile", &[]), "ok\n");
}

#[test]
fn threads_call_at_once() {
    let said = run(&root().join("tests/embed/threads.c"), "threads", &["5000"]);
    assert_eq!(said, "4 threads by 5000: 0 failures\n");
}

#[test]
fn the_c_example_is_built_and_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["main.c", "Makefile"] {
        std::fs::copy(root().join("examples/embed-c").join(file), folder.path().join(file)).expect("a copy");
    }
    let mut make = Command::new("make");
    make.current_dir(folder.path()).arg(format!("ROOT={}", root().display())).arg(format!("LIB={}", LIBRARY.display()));
    done(make.output().expect("make"), "make");
    let solve = |expression: &str, start: &str| {
        Command::new(folder.path().join("solve")).args([expression, start]).output().expect("it was built")
    };
    assert_eq!(done(solve("x * x - 2.0", "1.0"), "solve"), "x = 1.41421356237\n");
    assert_eq!(done(solve("cos(x) - x", "1.0"), "solve"), "x = 0.739085133215\n");
    let wrong = solve("x * y", "1.0");
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("--> equation:1:"), "{wrong:?}");
}

#[test]
fn the_rust_example_finds_the_known_answer() {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.current_dir(root()).args(["run", "--quiet", "-p", "embed-rust"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let printed = done(cargo.output().expect("cargo starts"), "embed-rust");
    assert!(printed.starts_with("p = [212.683743, 0.0641212817] after "), "{printed}");
}

/// The C programs of the chapter, each with what it prints.
#[test]
fn the_c_programs_of_the_chapter_print_what_it_says() {
    let page = std::fs::read_to_string(root().join("docs/embedding.md")).expect("the chapter");
    let folder = tempfile::tempdir().expect("a folder");
    let mut programs = 0;
    for part in page.split("```c\n").skip(1) {
        let (program, rest) = part.split_once("```\n").expect("a block ends");
        let (_, output) = rest.split_once("```text\n").expect("what it prints");
        let (output, _) = output.split_once("```").expect("a block ends");
        let source = folder.path().join("page.c");
        std::fs::write(&source, program).expect("a file");
        assert_eq!(run(&source, "page", &[]), output);
        programs += 1;
    }
    assert!(programs > 0);
}
