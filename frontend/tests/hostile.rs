//! Texts that nobody would write. The parser must come back, soon, with few messages and a tree of bounded depth.

use dprog_frontend::ast::{NodeIds, dump_module};
use dprog_frontend::diagnostic::Diagnostic;
use dprog_frontend::parser::parse_file;
use dprog_frontend::source::FileId;

/// Parses on a small stack, walks the tree, drops it.
fn parse(text: String) -> Vec<Diagnostic> {
    let work = move || {
        let (module, problems) = parse_file(FileId(0), &text, &mut NodeIds::new());
        dump_module(&module);
        problems
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread");
    thread.join().expect("no overflow, no panic")
}

fn body(text: String) -> Vec<Diagnostic> {
    parse(format!("fn f() {{ {text} }}"))
}

fn codes(problems: &[Diagnostic]) -> Vec<&'static str> {
    problems.iter().map(|d| d.code).collect()
}

#[test]
fn deep_nesting_is_one_message() {
    let n = 100_000;
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("f(", ")"), ("x[", "]"), ("if a {", "}"), ("\"{", "}\"")]
    {
        let problems = body(format!("{}1{}", open.repeat(n), close.repeat(n)));
        assert_eq!(codes(&problems), ["E0102"], "{open}");
    }
    for prefix in ["-", "!", "|x| ", "return ", "if a {} else ", "x as fn() -> ", "(x, (", "match x { _ => "] {
        let problems = body(prefix.repeat(n));
        assert!(codes(&problems).contains(if prefix.starts_with('(') { &"E0013" } else { &"E0102" }), "{prefix}");
        assert!(problems.len() <= 6, "{prefix}: {:?}", codes(&problems));
    }
}

#[test]
fn moderate_nesting_is_fine() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("-", ""), ("if a {", "}")] {
        assert_eq!(codes(&body(format!("{}1{}", open.repeat(200), close.repeat(200)))), [""; 0], "{open}");
    }
}

#[test]
fn chains_are_bounded_in_height_but_not_in_time() {
    for link in [" + 1", ".f()", "[0]", " as f64", "(1)", "?", ".0", " * 2 + 3 ^ 4"] {
        assert_eq!(codes(&body(format!("x{}", link.repeat(150)))), [""; 0], "{link}");
        assert_eq!(codes(&body(format!("x{}", link.repeat(100_000)))), ["E0102"], "{link}");
    }
}

#[test]
fn brackets_that_are_never_closed_are_few_messages() {
    for text in ["(", "[", "{", "f(", "\"{", "<", "((((({{{{{[[[[["] {
        for n in [1, 100, 50_000] {
            let problems = body(text.repeat(n));
            assert!((1..=5).contains(&problems.len()), "{text} {n}: {:?}", &codes(&problems));
        }
    }
    assert!(parse(")".repeat(100)).len() <= 100);
}

#[test]
fn long_lines_and_many_items() {
    assert_eq!(codes(&body("f(x, \"y = {y:.3}\"); ".repeat(100_000))), [""; 0]);
    assert_eq!(codes(&parse("fn f() { let x = 1; }\n".repeat(40_000))), [""; 0]);
    assert_eq!(codes(&body(format!("[{}]", "1.0, ".repeat(50_000)))), [""; 0]);
    assert_eq!(codes(&body(format!("\"{}\"", "a".repeat(10_000_000)))), [""; 0]);
}

#[test]
fn generic_look_ahead_is_bounded() {
    body("a < ".repeat(50_000));
    body("a<b, ".repeat(50_000));
    body("List<".repeat(50_000));
    body("List<List<".repeat(20) + &" + 1>".repeat(40));
}

/// A small generator, so that failures can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

const WORDS: &[&str] = &[
    "fn ",
    "let ",
    "var ",
    "if ",
    "else ",
    "match ",
    "for ",
    "in ",
    "while ",
    "loop ",
    "struct ",
    "enum ",
    "model ",
    "impl ",
    "trait ",
    "use ",
    "const ",
    "type ",
    "return ",
    "break ",
    "extern ",
    "export ",
    "derivative ",
    "par ",
    "reduce",
    "pub ",
    "self",
    "inout ",
    "x",
    "Foo",
    "List",
    "1",
    "2.5",
    "1e",
    "\"",
    "\"a{",
    "}\"",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "<",
    ">",
    ">>",
    ">=",
    "=",
    "==",
    "=>",
    "->",
    "::",
    ":",
    ";",
    ",",
    ".",
    "..",
    "..=",
    "+",
    "-",
    "*",
    "**",
    "++",
    "@",
    "?",
    "!",
    "&",
    "&&",
    "|",
    "||",
    "^",
    "'",
    "'a",
    "#",
    "/*",
    "//",
    "\n",
    "\\",
    "é",
    "→",
    "some ",
    "as ",
    "param ",
    "state ",
    "\u{0}",
];

#[test]
fn random_tokens_never_panic() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for _ in 0..20_000 {
        let length = 1 + random.below(60);
        let text: String = (0..length).map(|_| WORDS[random.below(WORDS.len())]).collect();
        let problems = parse_file(FileId(0), &text, &mut NodeIds::new()).1;
        assert!(problems.len() <= 2 * length + 2, "{text}");
        assert!(
            problems
                .iter()
                .all(|d| d.primary.span.hi as usize <= text.len() && text.is_char_boundary(d.primary.span.lo as usize))
        );
    }
}

#[test]
fn a_program_with_any_part_removed_or_repeated_never_panics() {
    let program = include_str!("tour.dp");
    let mut random = Random(88_172_645_463_325_252);
    let bounds: Vec<usize> = program.char_indices().map(|(i, _)| i).collect();
    for _ in 0..2_000 {
        let (a, b) = (bounds[random.below(bounds.len())], bounds[random.below(bounds.len())]);
        let (lo, hi) = (a.min(b), a.max(b));
        let hi = if random.below(2) == 0 {
            bounds[bounds.partition_point(|i| *i < lo + 3).min(bounds.len() - 1)].max(lo)
        } else {
            hi
        };
        parse_file(FileId(0), &format!("{}{}", &program[..lo], &program[hi..]), &mut NodeIds::new());
        parse_file(FileId(0), &program[lo..hi], &mut NodeIds::new());
    }
}

#[test]
fn a_truncated_program_has_few_messages() {
    let program = include_str!("tour.dp");
    let mut worst = 0;
    for (end, _) in program.char_indices() {
        let problems = parse_file(FileId(0), &program[..end], &mut NodeIds::new()).1;
        worst = worst.max(problems.len());
        assert!(problems.len() <= 4, "{}\n{problems:#?}", &program[..end]);
    }
    assert!(worst >= 1);
}

#[test]
fn one_token_missing_or_doubled_is_at_most_three_messages_near_it() {
    let program = include_str!("tour.dp");
    let tokens = dprog_frontend::lexer::lex(FileId(0), program).tokens;
    let line = |at: u32| program[..(at as usize).min(program.len())].matches('\n').count() as i64;
    let mut wrong = Vec::new();
    for token in tokens {
        let (lo, hi) = (token.lo as usize, token.hi as usize);
        let (before, text, after) = (&program[..lo], &program[lo..hi], &program[hi..]);
        for changed in [format!("{before} {after}"), format!("{before}{text} {text}{after}")] {
            let problems = parse_file(FileId(0), &changed, &mut NodeIds::new()).1;
            let far = problems.first().is_some_and(|d| (line(d.primary.span.lo) - line(token.lo)).abs() > 1);
            let bracket = matches!(text, "{" | "}" | "(" | ")" | "match");
            if problems.len() > 3 || far && !bracket {
                let place = before.lines().last().unwrap_or("");
                let all: Vec<_> = problems.iter().map(|d| (line(d.primary.span.lo) + 1, d.code, &d.message)).collect();
                wrong.push(format!("line {} {place:?} {text:?}: {all:?}", line(token.lo) + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
