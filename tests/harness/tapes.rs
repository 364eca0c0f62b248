//! What `--emit adjoint` tells of tapes: `tests/tape/NAME.dp` and, beside it, `NAME.tape`. `UPDATE_TAPES=1` writes what is told now.
//!
//! And that it is true: what the heap takes for a gradient is what the tape takes by its layout.

use dprog::{Ending, Listing, Options, Silent, World};
use dprog_tests::engines::Subject;
use std::path::Path;

/// The tapes of a program, one line each.
fn told(name: &str, text: &str) -> String {
    let checked = Subject::new(name, text).check();
    let listed = dprog::listings(&checked, &[Listing::Adjoint], &Options::default(), &mut Silent);
    let (_, texts) = listed.unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
    let lines = texts[0].lines().filter_map(|line| line.strip_prefix(';'));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

#[test]
fn layouts_are_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tape");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("tests/tape").map(|e| e.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "dp"));
    files.sort();
    assert!(files.len() >= 3);
    for file in files {
        let name = file.file_name().expect("a name").to_string_lossy().to_string();
        let text = std::fs::read_to_string(&file).expect("a file");
        let (now, beside) = (told(&name, &text), file.with_extension("tape"));
        if std::env::var_os("UPDATE_TAPES").is_some() {
            std::fs::write(&beside, &now).expect("a file");
        }
        let then = std::fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(now, then, "{name}; UPDATE_TAPES=1 writes what is told now");
    }
}

/// The number behind `what` in what is told.
fn number(told: &str, what: &str) -> usize {
    let (_, behind) = told.split_once(what).unwrap_or_else(|| panic!("no `{what}` in\n{told}"));
    let digits: String = behind.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("no number behind `{what}` in\n{told}"))
}

/// Bytes that a run has taken from the system.
fn taken(text: &str) -> usize {
    let subject = Subject::new("tape.dp", text);
    let checked = subject.check();
    let main = checked.main().unwrap_or_else(|problems| panic!("{problems:?}"));
    let compiled = dprog::compile(&checked, &[main], &Options::default(), &mut Silent).expect("it compiles");
    let mut world = World::captured(Vec::new(), subject.limits);
    assert_eq!(compiled.run(0, &mut world), Ending::Returned, "{text}");
    world.memory().taken
}

#[test]
fn the_heap_takes_what_is_told() {
    let bodies = [
        "for i in 0..n { s = s * (1.5 - s * x); }",
        "for i in 0..n { let u = s * (1.5 - s * t * x); t = t * (1.0 - 0.2 * u * t); s = u; }",
        "for i in 0..n { s = sin(s) * exp(-s * x); }",
        "var i = 0; while i < n && s > -9.0 { s = s * (1.5 - s * x); i += 1; }",
        "var i = 0; while i < n && s > -9.0 { s = sin(s) * exp(-s * x); if s > 0.1 { t = t * cos(s); } i += 1; }",
    ];
    for body in bodies {
        let trips = 2_000_000;
        let text = format!(
            "fn f(x: f64, n: i64) -> f64 {{ var s = x; var t = 0.1; {body} s + t }}
            fn main() {{ print(\"{{grad(f, wrt: x)(0.3, {trips})}}\"); }}"
        );
        let told = told("tape.dp", &text);
        let (by_layout, taken) = (number(&told, "a trip: ") * trips, taken(&text));
        assert!((by_layout..by_layout * 6 / 5).contains(&taken), "{taken} for {by_layout}:\n{told}");
    }
}

#[test]
fn the_heap_takes_what_is_told_of_a_recursion() {
    let text = "fn f(x: f64, n: i64) -> f64 {
            if n == 0 { return x; }
            let z = f(x * (1.5 - x), n - 1);
            z * sin(z)
        }
        fn main() { print(\"{grad(f, wrt: x)(0.3, 990_000)}\"); }";
    let told = told("tape.dp", text);
    let (by_layout, taken) = (number(&told, "stacks of the recursion: ") * 990_000, taken(text));
    assert!((by_layout..by_layout * 6 / 5).contains(&taken), "{taken} for {by_layout}:\n{told}");
}

#[test]
fn the_heap_takes_what_is_told_of_whole_arrays() {
    let text = "fn f(x: [f64; 1000]) -> f64 {
            var y = x;
            for s in 0..2000 { y = [ y[i] * (1.5 - y[i] * x[i]) for i in 0..1000 ]; }
            sum(y)
        }
        fn main() { let x = [ 0.3 + 0.001 * (i as f64) for i in 0..1000 ]; print(\"{grad(f)(x)[3]}\"); }";
    let told = told("tape.dp", text);
    let (by_layout, taken) = (number(&told, "all 2000 trips: "), taken(text));
    assert!((by_layout..by_layout * 6 / 5).contains(&taken), "{taken} for {by_layout}:\n{told}");
}

/// An update replaces one number, and beside it a hundred are read: what is read is no part of the tape.
#[test]
fn the_heap_does_not_take_what_is_read_of_arrays_that_are_restored() {
    let text = "fn f(w: [f64; 100, 100]) -> f64 {
            var h = [0.1; 500, 100];
            for s in 1..500 {
                for i in 0..100 {
                    var a = 0.5;
                    for j in 0..100 { a += w[i, j] * h[s - 1, j]; }
                    h[s, i] = tanh(a);
                }
            }
            sum(h[499])
        }
        fn main() { let w = [ 0.01 * sin((i + 3 * j) as f64) for i in 0..100, j in 0..100 ]; print(\"{grad(f)(w)[3, 5]}\"); }";
    let told = told("tape.dp", text);
    let updates = 499 * 100;
    let (a_trip, taken) =
        (number(&told, "keeps a, f64: ") + number(&told, "keeps what is replaced in h, f64: "), taken(text));
    // The array and its adjoint are as large as the numbers of one kind that the updates keep; the weights and what they are added up in are small.
    let arrays = 2 * 8 * 500 * 100 + 2 * 8 * 100 * 100;
    assert_eq!(a_trip, 16, "{told}");
    assert!(taken < (a_trip * updates + arrays) * 3 / 2, "{taken} for {} and {arrays}:\n{told}", a_trip * updates);
}
