//! Programs that nobody wrote: cut off, with letters and words changed, of noise. Whatever comes in, the compiler gives a list
//! of problems that lie in the file, and each form of report can draw them; nothing panics.
//!
//! The programs that are spoiled are those of `examples/`, `tests/run/` and `tests/tour/`. Changes are drawn with a fixed seed.

use dprog::diagnostic::Diagnostic;
use dprog::{Checked, Options, Silent};
use dprog_frontend::ast::NodeIds;
use dprog_frontend::lexer::lex;
use dprog_frontend::parser::parse_file;
use dprog_frontend::resolve::NoModules;
use dprog_frontend::source::FileId;
use dprog_tests::corpus::{Case, cases, folder};
use dprogc::report::{Form, render};

/// All programs to spoil.
fn programs() -> Vec<Case> {
    let examples = cases(&folder("../examples"), "dp");
    let all: Vec<Case> =
        examples.into_iter().chain(cases(&folder("run"), "dp")).chain(cases(&folder("tour"), "dp")).collect();
    assert!(all.len() > 50, "the corpora have moved");
    all
}

/// Every `n`th of a corpus.
fn sample(n: usize) -> impl Iterator<Item = Case> {
    programs().into_iter().step_by(n)
}

/// A small generator, so that failures can be repeated.
struct Random(u64);

impl Random {
    /// `HOSTILE_SEED=7` draws others.
    fn seeded(seed: u64) -> Random {
        let other: u64 = std::env::var("HOSTILE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        Random(seed ^ other.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// Parses only: for texts of which there are very many.
fn parses(text: &str) {
    let problems = parse_file(FileId(0), text, &mut NodeIds::new()).1;
    for d in &problems {
        let (lo, hi) = (d.primary.span.lo as usize, d.primary.span.hi as usize);
        assert!(
            lo <= hi && hi <= text.len() && text.is_char_boundary(lo) && text.is_char_boundary(hi),
            "{d:?}\n{text}"
        );
    }
}

/// Shows the program over which a test has panicked.
struct Shown<'a>(&'a [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the program:\n{}", String::from_utf8_lossy(self.0));
        }
    }
}

/// Goes through everything that `dprogc check` does, and draws what is said.
fn checks(bytes: &[u8]) -> Vec<Diagnostic> {
    let _shown = Shown(bytes);
    let checked: Checked = dprog::check("spoiled.dp", bytes, &NoModules, &mut Silent);
    let (diagnostics, _) = dprog::check_fully(&checked, &Options::default(), false, &mut Silent);
    for form in [Form::Human, Form::Short, Form::Json, Form::Sarif] {
        let drawn = render(form, &diagnostics, &checked.sources, false);
        assert!(drawn.len() < 2_000_000, "{} bytes of messages", drawn.len());
    }
    for d in &diagnostics {
        assert!(!d.message.is_empty() && !d.helps.iter().any(String::is_empty), "{d:?}");
    }
    diagnostics
}

#[test]
fn every_prefix_is_parsed() {
    for case in sample(3) {
        for (end, _) in case.text.char_indices().step_by(if case.text.len() > 4000 { 7 } else { 1 }) {
            parses(&case.text[..end]);
        }
    }
}

#[test]
fn prefixes_are_checked() {
    let mut random = Random::seeded(0x9e37_79b9_7f4a_7c15);
    for case in sample(2) {
        for _ in 0..20 {
            let end = case.text.floor_char_boundary(random.below(case.text.len()));
            checks(&case.text.as_bytes()[..end]);
        }
    }
}

/// Letters that are put in or take the place of others: those that mean something.
const LETTERS: &[u8] = b"(){}[]<>\"'\\/&|!=+-*%@^~#$?:;,. \n\r\t\0_0123456789abcdefxyzABCXYZ\xc3\xff\x80";

/// A change of one to three bytes.
fn spoiled(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(3) {
            0 if !bytes.is_empty() => drop(bytes.remove(at)),
            1 => bytes.insert(at, LETTERS[random.below(LETTERS.len())]),
            _ if !bytes.is_empty() => bytes[at] = LETTERS[random.below(LETTERS.len())],
            _ => {}
        }
    }
    bytes
}

#[test]
fn bytes_that_are_changed_are_checked() {
    let mut random = Random::seeded(0x2545_f491_4f6c_dd1d);
    for case in sample(2) {
        for _ in 0..40 {
            let bytes = spoiled(case.text.as_bytes(), &mut random);
            parses(&String::from_utf8_lossy(&bytes));
            checks(&bytes);
        }
    }
}

/// The text with some of its tokens exchanged, left out or repeated.
fn shuffled(text: &str, random: &mut Random) -> String {
    let tokens = lex(FileId(0), text).tokens;
    let mut words: Vec<&str> = tokens.iter().map(|t| &text[t.lo as usize..t.hi as usize]).collect();
    for _ in 0..=random.below(4) {
        let (a, b) = (random.below(words.len()), random.below(words.len()));
        match random.below(4) {
            0 => words.swap(a, b),
            1 => drop(words.remove(a)),
            2 => words.insert(a, words[b]),
            _ => words[a] = words[b],
        }
        if words.is_empty() {
            break;
        }
    }
    words.join(" ")
}

#[test]
fn words_that_are_shuffled_are_checked() {
    let mut random = Random::seeded(88_172_645_463_325_252);
    for case in sample(2) {
        for _ in 0..40 {
            checks(shuffled(&case.text, &mut random).as_bytes());
        }
    }
}

#[test]
fn noise_is_checked() {
    let mut random = Random::seeded(0xdead_beef_cafe_f00d);
    for length in [0, 1, 2, 3, 10, 100, 1_000, 50_000] {
        for _ in 0..4 {
            let noise: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            checks(&noise);
            let ascii: Vec<u8> = (0..length).map(|_| 32 + random.below(95) as u8).collect();
            checks(&ascii);
            let wide: String = (0..length).filter_map(|_| char::from_u32(random.below(0x11_0000) as u32)).collect();
            checks(wide.as_bytes());
        }
    }
}

/// Codes with lines and columns.
fn places(bytes: &[u8]) -> Vec<(&'static str, u32, u32)> {
    let checked = dprog::check("odd.dp", bytes, &NoModules, &mut Silent);
    let (diagnostics, _) = dprog::check_fully(&checked, &Options::default(), false, &mut Silent);
    let place = |d: &Diagnostic| checked.sources.line_col(d.primary.span);
    diagnostics.iter().map(|d| (d.code, place(d).line, place(d).col)).collect()
}

#[test]
fn columns_count_letters() {
    let wrong = |before: &str| places(format!("fn main() {{\n{before}let x: f64 = true;\n}}").as_bytes());
    assert_eq!(wrong(""), [("E0300", 2, 14)]);
    assert_eq!(wrong("\t"), [("E0300", 2, 15)]);
    assert_eq!(wrong("let s = \"é😀\"; "), [("E0300", 2, 28)]);
    // A mark at the beginning of a file is no letter; lines end with \n, also behind \r.
    assert_eq!(places("\u{feff}fn f() -> f64 { true }".as_bytes()), [("E0300", 1, 17)]);
    assert_eq!(places(b"fn f() -> f64 {\r\n    true\r\n}\r\n"), [("E0300", 2, 5)]);
    assert_eq!(places(b""), []);
    assert_eq!(places(b"fn main() {}"), []);
}

#[test]
fn letters_that_cannot_be_seen_are_refused() {
    // What turns the direction of writing hides code from its readers, in comments and strings too.
    for text in
        ["// \u{202e} x\nfn main() {}", "fn main() { print(\"\u{2066}\"); }", "fn main() { let x\u{200b} = 1; }"]
    {
        assert_eq!(places(text.as_bytes()).iter().map(|p| p.0).collect::<Vec<_>>(), ["E0002"], "{text:?}");
    }
    assert_eq!(places("fn main() { let e\u{301} = 1.0; }".as_bytes())[0].0, "E0002");
    assert_eq!(places(b"fn main() { let x\0 = 1; }")[0].0, "E0002");
    assert_eq!(places(b"fn main() {}\n\xff")[0], ("E0001", 2, 1));
}

#[test]
fn mistakes_without_number_are_a_bounded_list() {
    let unknown: String = (0..20_000).map(|i| format!("fn g{i}() -> f64 {{ nobody{i} }}\n")).collect();
    assert!((500..2_000).contains(&checks(unknown.as_bytes()).len()));
    checks("fn f( {\n".repeat(20_000).as_bytes());
    checks(format!("fn main() {{ {} }}", "x;\n".repeat(50_000)).as_bytes());
}

/// As much stack as the command has: threads of tests have less.
#[test]
fn large_and_honest_programs_are_checked() {
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(check_large_programs).expect("a thread");
    thread.join().expect("no panic");
}

fn check_large_programs() {
    let sum = |n| format!("fn f(x: f64) -> f64 {{ x{} }}", " + x".repeat(n));
    assert!(checks(sum(900).as_bytes()).is_empty());
    let locals: String = (1..2500).map(|i| format!("let x{i} = x{} * 1.0001;\n", i - 1)).collect();
    assert!(checks(format!("fn f(x0: f64) -> f64 {{ {locals} x2499 }}").as_bytes()).is_empty());
    assert!(checks(format!("fn f(x: f64) -> f64 {{ sum([{}]) }}", "x, ".repeat(10_000)).as_bytes()).is_empty());
    let functions: String = (0..5000).map(|i| format!("fn g{i}(x: f64) -> f64 {{ x + {i}.0 }}\n")).collect();
    assert!(checks(functions.as_bytes()).is_empty());
    let assignments = "y = y * 1.5;\n".repeat(3000);
    assert!(checks(format!("fn f(x: f64) -> f64 {{ var y = x; {assignments} y }}").as_bytes()).is_empty());
    let arms: String = (0..3000).map(|i| format!("{i} => x, ")).collect();
    assert!(checks(format!("fn f(n: i64, x: f64) -> f64 {{ match n {{ {arms} _ => 0.0 }} }}").as_bytes()).is_empty());
    let ifs = format!("{}y = x;{}", "if x > 0.0 { ".repeat(200), " }".repeat(200));
    assert!(checks(format!("fn f(x: f64) -> f64 {{ var y = 0.0; {ifs} y }}").as_bytes()).is_empty());
}
