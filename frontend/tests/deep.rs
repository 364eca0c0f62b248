//! Programs as deep as the parser lets them be: the checker comes back on the stack of a main thread.

use dprog_frontend::check::check_program;
use dprog_frontend::resolve::NoModules;
use dprog_frontend::source::SourceMap;

/// Codes of what is reported, checked on a stack of eight megabytes.
fn codes(text: String) -> Vec<&'static str> {
    let work = move || {
        let mut sources = SourceMap::new();
        let root = sources.add("deep.dp", &text);
        check_program(root, &mut sources, &NoModules).1.iter().map(|d| d.code).collect()
    };
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(work).expect("a thread");
    thread.join().expect("no overflow, no panic")
}

fn function(body: String) -> Vec<&'static str> {
    codes(format!("fn f(x: f64) -> f64 {{ {body} }}"))
}

#[test]
fn nesting_up_to_the_limit_is_checked() {
    let n = 100;
    let around = |open: &str, close: &str| format!("{}x{}", open.repeat(n), close.repeat(n));
    for (open, close) in
        [("(1.0 + ", ")"), ("sin(", ")"), ("{ ", " }"), ("if x > 0.0 { ", " } else { x }"), ("-(", ")")]
    {
        assert!(function(around(open, close)).is_empty(), "{open}");
    }
    assert!(function(format!("x{}", " + x".repeat(900))).is_empty());
    assert!(function(format!("x{}", " * x + 1.0".repeat(400))).is_empty());
}

#[test]
fn what_is_too_deep_is_few_messages() {
    for text in ["sin(".repeat(100_000), "{ ".repeat(100_000), "x + ".repeat(100_000), "|y| ".repeat(100_000)] {
        let found = function(text);
        assert!((1..=3).contains(&found.len()), "{found:?}");
    }
}

#[test]
fn long_lists_take_linear_time() {
    let items: String =
        (0..2000).map(|i| format!("fn g{i}(x: f64) -> f64 {{ g{}(x) + 1.0 }}\n", (i + 1) % 2000)).collect();
    assert!(codes(items).is_empty());
    let lines: String = (0..4000).map(|i| format!("let y{i} = x * {i}.0;\n")).collect();
    assert!(function(format!("{lines} y3999")).is_empty());
    assert!(function(format!("var y = x;\n{} y", "y = y * 1.5;\n".repeat(4000))).is_empty());
    assert!(function(format!("var y = [x];\n{} y[0]", "y[0] += sin(y[0]);\n".repeat(4000))).is_empty());
    let elements = "1.0, ".repeat(20_000);
    assert!(codes(format!("fn f() -> f64 {{ sum([{elements}]) }}")).is_empty());
}
