//! The command as its users meet it: exit statuses, streams, signals, hostile input.

mod desk;

use desk::{Desk, Done};
use std::io::{Read, Write};
use std::process::Command;

/// The example of the language's description, with lines as there.
const PICK: &str = "// 1\n// 2\n// 3\n// 4\n// 5\n// 6\n// 7\n// 8\n// 9\n\nfn pick(xs: [f64; 4], i: i64) -> f64 {\n    2.0 * xs[i]\n}\n";

fn pick(main: &str) -> String {
    format!("{PICK}\n{main}\n")
}

#[test]
fn a_program_prints_and_ends_with_status_zero() {
    let desk = Desk::new(&[("a.dp", "fn main() { print(\"{1.5 + 2.0}\"); }\n")]);
    for level in ["-O0", "-O1", "-O2"] {
        assert_eq!(*desk.run(&["run", level, "a.dp"]).is(0), Done { status: 0, out: "3.5\n".into(), err: "".into() });
    }
}

#[test]
fn a_trap_tells_its_place_and_the_calls() {
    let main = "fn main() {\n    print(\"first\");\n    print(\"{pick([1.0, 2.0, 3.0, 4.0], 4)}\");\n}";
    let desk = Desk::new(&[("pick.dp", &pick(main))]);
    for level in ["-O0", "-O2"] {
        let done = desk.run(&["run", level, "pick.dp"]);
        assert_eq!(done.is(3).out, "first\n");
        let expected = "trap: index 4 is out of bounds for size 4\n  --> pick.dp:12:11 in pick\n  called from pick.dp:17:13 in main\n";
        assert_eq!(done.err, expected);
    }
}

#[test]
fn a_trap_under_a_gradient_has_the_place_of_the_primal() {
    let main = "fn main() {\n    let g = grad(pick)([1.0, 2.0, 3.0, 4.0], 9);\n    print(\"{g}\");\n}";
    let desk = Desk::new(&[("pick.dp", &pick(main))]);
    for level in ["-O0", "-O2"] {
        desk.run(&["run", level, "pick.dp"])
            .is(3)
            .says("index 9 is out of bounds for size 4\n  --> pick.dp:12:11 in pick");
    }
}

#[test]
fn mistakes_in_the_source_are_status_one() {
    let desk = Desk::new(&[("type.dp", "fn main() {\n    let x: f64 = true;\n}\n"), ("none.dp", "fn f() {}\n")]);
    desk.put("bytes.dp", b"fn main() {}\n\xff\xfe");
    desk.put("import.dp", b"use nowhere::f;\nfn main() {}\n");
    for command in ["run", "check"] {
        desk.run(&[command, "type.dp"]).is(1).says("  --> type.dp:2:");
        desk.run(&[command, "bytes.dp"]).is(1).says("error[E0001]");
        desk.run(&[command, "import.dp"]).is(1).says("  --> import.dp:1:");
    }
    desk.run(&["run", "none.dp"]).is(1).says("`main`");
    desk.run(&["check", "none.dp"]).is(0);
}

#[test]
fn wrong_usage_is_status_two() {
    let desk = Desk::new(&[("a.dp", "fn main() {}\n")]);
    for args in [
        &["run"][..],
        &["frobnicate"],
        &["check", "--no-such-option", "a.dp"],
        &["run", "-O7", "a.dp"],
        &["check", "--max-memory", "much", "a.dp"],
        &["fmt", "a.dp"],
        &["lsp"],
        &["build", "--emit", "library", "a.dp"],
        &["build", "--emit", "exe", "--target", "z80", "a.dp"],
        &["build", "--emit", "exe", "-C", "target-cpu=fast", "a.dp"],
        &["explain", "E9999"],
        &["check", "--target", "riscv64", "a.dp"],
    ] {
        desk.run(args).is(2);
    }
}

#[test]
fn a_missing_file_is_status_four() {
    let desk = Desk::new(&[("a.dp", "fn main() {}\n")]);
    for command in ["run", "check", "test", "gradcheck", "bench"] {
        desk.run(&[command, "none.dp"]).is(4).says("cannot read none.dp: no such file");
    }
    desk.run(&["build", "--emit", "ir", "-o", "no/such/folder", "a.dp"]).is(4);
}

#[test]
fn files_of_odd_kinds_are_read_or_refused() {
    let desk = Desk::new(&[("empty.dp", ""), ("noend.dp", "fn main() { print(\"x\"); }")]);
    std::fs::create_dir(desk.path("folder.dp")).expect("a folder");
    std::os::unix::fs::symlink("two.dp", desk.path("one.dp")).expect("a link");
    std::os::unix::fs::symlink("one.dp", desk.path("two.dp")).expect("a link");
    desk.run(&["check", "folder.dp"]).is(4).says("cannot read folder.dp: is a directory");
    desk.run(&["check", "one.dp"]).is(4).says("cannot read one.dp: ");
    desk.run(&["check", "empty.dp"]).is(0);
    desk.run(&["run", "empty.dp"]).is(1).says("`main`");
    assert_eq!(desk.run(&["run", "noend.dp"]).is(0).out, "x\n");
    // Where a module is looked for, a folder of its name is no file.
    desk.put("user.dp", b"use folder::f;\nfn main() {}\n");
    desk.run(&["check", "user.dp"]).is(1).says("  --> user.dp:1:");
    desk.run(&["build", "--emit", "ir", "-o", "folder.dp", "noend.dp"]).is(4).says("cannot write folder.dp");
}

#[test]
fn text_kinds_go_to_standard_output() {
    let desk =
        Desk::new(&[("a.dp", "fn square(x: f64) -> f64 { x * x }\nfn main() { print(\"{grad(square)(3.0)}\"); }\n")]);
    for level in ["-O0", "-O1", "-O2"] {
        for (kind, part) in [("ir", "func @main"), ("adjoint", "adj"), ("clif", "function"), ("asm", "ret")] {
            let done = desk.run(&["build", level, "--emit", kind, "-o", "-", "a.dp"]);
            assert!(done.is(0).out.contains(part), "{kind} {level}\n{}", done.out);
        }
    }
    let mut child = desk.start(&["build", "--emit", "ir,adjoint,clif,asm", "-o", "-", "a.dp"]);
    drop(child.stdout.take());
    let done = Done::new(child.wait_with_output().expect("the command ends"));
    assert!(!done.err.contains("panick") && done.status != 101, "{done:#?}");
}

#[test]
fn colour_may_be_turned_off_in_two_ways() {
    let desk = Desk::new(&[("a.dp", "fn main() { let x: f64 = true; }\n")]);
    for args in [&["check", "--color", "never", "a.dp"][..], &["check", "--color=never", "a.dp"]] {
        assert!(!desk.run(args).is(1).err.contains('\u{1b}'));
    }
    assert!(desk.run(&["check", "--color", "always", "a.dp"]).is(1).err.contains("\u{1b}["));
}

#[test]
fn wrong_usage_says_where_help_is() {
    let desk = Desk::new(&[("a.dp", "fn main() {}\n")]);
    for args in
        [&["chek", "a.dp"][..], &["check"], &["run", "--bogus", "a.dp"], &["check", "a.dp", "b.dp"], &["explain"]]
    {
        desk.run(args).is(2).says("--help");
    }
    desk.run(&["chek", "a.dp"]).is(2).says("'check'");
    desk.run(&["explain", "E9999"]).is(2).says("E9999");
}

#[test]
fn a_whole_number_is_a_point_too() {
    let desk = Desk::new(&[("a.dp", "fn square(x: f64) -> f64 { x * x }\n")]);
    let done = desk.run(&["gradcheck", "a.dp", "square", "--at", "x = 3"]);
    assert!(done.is(0).out.contains("square(x = 3.0)\n    value 9.0"), "{done:#?}");
}

#[test]
fn tests_take_no_arguments() {
    let desk = Desk::new(&[("a.dp", "@test fn t(x: f64) { assert(x > 0.0); }\n"), ("b.dp", "@bench fn b<n>() {}\n")]);
    desk.run(&["test", "a.dp"]).is(1).says("E0514");
    desk.run(&["bench", "b.dp"]).is(1).says("E0514");
}

#[test]
fn help_and_version_succeed() {
    let desk = Desk::new(&[]);
    assert!(desk.run(&["--help"]).is(0).out.contains("gradcheck"));
    assert!(desk.run(&["--version"]).is(0).out.starts_with("dprogc "));
    assert!(desk.run(&["explain", "e101"]).is(0).out.starts_with("# E0101"));
}

#[test]
fn diagnostics_have_four_forms() {
    let desk = Desk::new(&[("a.dp", "fn main() {\n    let x: f64 = true;\n}\n")]);
    let with = |form| desk.run(&["check", "--diagnostics", form, "a.dp"]).is(1).err.clone();
    let short = with("short");
    assert!(short.starts_with("a.dp:2:18: error[E"), "{short}");
    let line: serde_json::Value = serde_json::from_str(with("json").trim()).expect("one object");
    assert_eq!((&line["severity"], &line["primary"]["line"]), (&"error".into(), &2.into()));
    let sarif: serde_json::Value = serde_json::from_str(&with("sarif")).expect("a document");
    assert_eq!(sarif["version"], "2.1.0");
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!((&place["artifactLocation"]["uri"], &place["region"]["startLine"]), (&"a.dp".into(), &2.into()));
    assert!(desk.run(&["check", "--color", "a.dp"]).is(1).err.contains("\u{1b}["));
    assert!(!with("human").contains('\u{1b}'));
}

#[test]
fn a_program_may_come_from_standard_input() {
    let desk = Desk::new(&[("lib.dp", "pub fn twice(x: f64) -> f64 { 2.0 * x }\n")]);
    let mut child = desk.start(&["run", "-"]);
    let text = "use lib::twice;\nfn main() { print(\"{twice(4.0)}\"); }\n";
    child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("the command reads");
    let done = Done::new(child.wait_with_output().expect("the command ends"));
    assert_eq!(done.is(0).out, "8.0\n");
}

#[test]
fn modules_are_found_on_search_paths() {
    let desk = Desk::new(&[("a.dp", "use inner::lib::f;\nfn main() { print(\"{f()}\"); }\n")]);
    std::fs::create_dir_all(desk.path("more/inner")).expect("a folder");
    desk.put("more/inner/lib.dp", b"pub fn f() -> i64 { 7 }\n");
    desk.run(&["run", "a.dp"]).is(1);
    assert_eq!(desk.run(&["run", "-I", "more", "a.dp"]).is(0).out, "7\n");
}

#[test]
fn limits_trap() {
    let deep = "fn down(n: i64) -> i64 { if n == 0 { 0 } else { 1 + down(n - 1) } }\nfn main() { print(\"{down(100000)}\"); }\n";
    let large = "fn main() {\n    let n = 100_000_000;\n    let xs = [1.0; n];\n    print(\"{sum(xs)}\");\n}\n";
    let desk = Desk::new(&[("deep.dp", deep), ("large.dp", large)]);
    for level in ["-O0", "-O2"] {
        assert_eq!(desk.run(&["run", level, "deep.dp"]).is(0).out, "100000\n");
        desk.run(&["run", level, "--max-depth", "1000", "deep.dp"])
            .is(3)
            .says("trap: recursion deeper than 1000 calls");
        desk.run(&["run", level, "--max-memory", "64M", "large.dp"]).is(3).says("trap: more memory needed");
    }
}

#[test]
fn the_chain_of_a_deep_recursion_is_short() {
    let text = "fn down(n: i64) -> i64 { if n == 0 { trap(\"bottom\") } else { 1 + down(n - 1) } }\nfn main() { print(\"{down(90000)}\"); }\n";
    let desk = Desk::new(&[("deep.dp", text)]);
    let done = desk.run(&["run", "deep.dp"]);
    done.is(3).says("trap: bottom\n  --> deep.dp:1:").says("in main\n");
    assert!(done.err.lines().count() < 60, "{}", done.err.lines().count());
}

#[test]
fn an_interrupt_keeps_what_was_printed() {
    let endless = "fn main() {\n    print(\"begun\");\n    var x = 1;\n    while x != 0 { x = (x * 5 + 1) | 1; }\n    print(\"{x}\");\n}\n";
    let desk = Desk::new(&[("a.dp", endless)]);
    for level in ["-O0", "-O2"] {
        let mut child = desk.start(&["run", level, "a.dp"]);
        let mut begun = [0; 6];
        let mut out = child.stdout.take().expect("a pipe");
        out.read_exact(&mut begun).expect("the program prints");
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
        assert!(killed.success());
        assert_eq!((child.wait().expect("it ends").code(), &begun), (Some(130), b"begun\n"));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let chatty = "fn main() { for i in 0..200000 { print(\"line {i}\"); } }\n";
    let desk = Desk::new(&[("a.dp", chatty)]);
    let mut child = desk.start(&["run", "a.dp"]);
    drop(child.stdout.take());
    let done = Done::new(child.wait_with_output().expect("the command ends"));
    assert_eq!(done.is(0).err, "");
}

#[test]
fn tests_of_a_program_are_run() {
    let good = "@test fn adds() { assert(1 + 1 == 2); }\n";
    let bad = "fn f(x: f64) -> f64 { x }\n@test fn one() { assert(f(1.0) == 1.0); }\n@test fn two() { assert(f(1.0) == 2.0, \"not two\"); }\n";
    let desk = Desk::new(&[("good.dp", good), ("bad.dp", bad)]);
    let done = desk.run(&["test", "good.dp"]);
    assert_eq!(done.is(0).out, "test adds ... ok\n\n1 passed, 0 failed\n");
    let done = desk.run(&["test", "."]);
    for part in ["test adds ... ok\n", "test one ... ok\n", "test two ... FAILED\n", "not two", "2 passed, 1 failed"] {
        assert!(done.is(1).out.contains(part), "{done:#?}");
    }
    assert!(desk.run(&["test", "bad.dp", "one"]).is(0).out.contains("1 passed, 0 failed"));
}

#[test]
fn gradcheck_compares_all_modes() {
    let text = "struct P { a: f64, b: f64 }\n\
        fn power(x: f64, n: i64) -> f64 { var y = 1.0; for i in 0..n { y *= x; } y }\n\
        fn energy<n>(x: [f64; n], p: P) -> f64 { p.a * dot(x, x) + sin(p.b * sum(x)) }\n\
        fn note(n: i64) -> i64 { n }\n";
    let desk = Desk::new(&[("a.dp", text)]);
    let done = desk.run(&["gradcheck", "a.dp"]);
    for part in ["power(x = ", "energy(x = [", "reverse and forward mode", "ok"] {
        assert!(done.is(0).out.contains(part), "{done:#?}");
    }
    let done = desk.run(&["gradcheck", "a.dp", "power", "--at", "x = 1.5, n = 4"]);
    assert!(done.is(0).out.contains("power(x = 1.5, n = 4)\n    value 5.0625"), "{done:#?}");
    desk.run(&["gradcheck", "a.dp", "note"]).is(2);
}

/// Whatever functions and arguments are called, the program that asks means them.
#[test]
fn gradcheck_hides_no_function_of_the_program() {
    let text = "fn forward(x: f64) -> f64 { x * x }\nfn v(a0: f64) -> f64 { forward(a0) * a0 }\n\
        fn a0(g0: f64, d0: f64) -> f64 { v(g0) + d0 }\nfn d0(f: f64) -> f64 { a0(f, f) }\n\
        fn moved(x: f64) -> f64 { v(x) }\nfn dot(x: f64) -> f64 { moved(x) }\nfn cos(x: f64) -> f64 { dot(x) }\n\
        fn map_leaves(print: f64) -> f64 { cos(print) }\n";
    let desk = Desk::new(&[("a.dp", text)]);
    for name in ["forward", "v", "a0", "d0", "moved", "dot", "cos", "map_leaves"] {
        let done = desk.run(&["gradcheck", "a.dp", name]);
        assert!(done.is(0).out.contains("reverse mode and differences"), "{done:#?}");
    }
}

#[test]
fn every_stage_can_be_seen() {
    let text = "fn square(x: f64) -> f64 { x * x }\nfn main() { print(\"{grad(square)(3.0)}\"); }\n";
    let desk = Desk::new(&[("a.dp", text)]);
    for level in ["-O0", "-O2"] {
        let show = |kind| desk.run(&["build", level, "--emit", kind, "-o", "-", "a.dp"]).is(0).out.clone();
        assert!(show("ir").contains("func @main"), "{}", show("ir"));
        assert!(show("adjoint").contains("%x"), "{}", show("adjoint"));
        assert!(show("clif").contains("function"), "{}", show("clif"));
        assert!(!show("asm").is_empty());
    }
}

#[test]
fn passes_can_be_seen_at_work() {
    let text = "fn cube(x: f64) -> f64 { x * x * x }\nfn main() { print(\"{grad(cube)(3.0)}\"); }\n";
    let desk = Desk::new(&[("a.dp", text)]);
    // A pass before and after differentiation; what the stages made; a stage stands above its passes.
    let done = desk.run(&["run", "--print-after", "gvn", "a.dp"]);
    done.is(0).says("; after gvn, in clean-up").says("; after gvn, in optimize").says("func @cube");
    assert!(!done.err.contains("; after dce"), "{}", done.err);
    for stage in ["lower", "clean-up", "derivatives", "optimize", "ownership", "machine-code"] {
        desk.run(&["run", "--print-after", stage, "a.dp"]).is(0).says(&format!("; after {stage}\n"));
    }
    desk.run(&["build", "--emit", "asm", "-o", "-", "--print-after=ownership", "a.dp"])
        .is(0)
        .says("; after ownership\n");
    let done = desk.run(&["run", "--print-after=all", "a.dp"]);
    done.is(0).says("; after lower").says("; after inline, in optimize").says("; after ownership");
    let done = desk.run(&["run", "--time-passes", "a.dp"]);
    let names: Vec<&str> = done.is(0).err.lines().filter_map(|line| line.split_whitespace().nth(2)).collect();
    let at =
        |name: &str| names.iter().position(|other| *other == name).unwrap_or_else(|| panic!("{name}: {}", done.err));
    assert!(at("lower") < at("clean-up") && at("clean-up") < at("simplify") && at("simplify") < at("derivatives"));
    assert!(at("derivatives") < at("optimize") && at("optimize") < at("promote") && at("promote") < at("ownership"));
    assert!(done.err.contains(" changes\n") && done.err.ends_with(" total\n"), "{}", done.err);
}

#[test]
fn a_pass_that_is_not_there_is_an_error_that_lists_them() {
    let desk = Desk::new(&[("a.dp", "fn main() { print(\"ran\"); }\n")]);
    for command in ["run", "check"] {
        let done = desk.run(&[command, "--print-after", "inlin", "a.dp"]);
        done.is(2).says("'inlin'").says("lower").says("derivatives").says("inline").says("small-arrays").says("all");
        assert!(done.out.is_empty());
    }
}

#[test]
fn copies_that_remain_are_listed() {
    let text = "fn main() {\n    var a = [1.0, 2.0];\n    var b = a;\n    b[0] = 5.0;\n    a[1] = b[0] + a[0];\n    print(\"{a} {b}\");\n}\n";
    let desk = Desk::new(&[("a.dp", text)]);
    assert!(desk.run(&["check", "--explain-copies", "a.dp"]).is(0).err.is_empty());
}

#[test]
fn hostile_input_gives_a_clean_error() {
    let desk = Desk::new(&[]);
    let noise: Vec<u8> = (0..20_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    desk.put("noise.dp", &noise);
    desk.put("zeros.dp", &[0; 1000]);
    for (name, open) in
        [("round.dp", "("), ("square.dp", "["), ("curly.dp", "{"), ("minus.dp", "-"), ("if.dp", "if true {")]
    {
        desk.put(name, format!("fn main() {{ let x = {}1; }}", open.repeat(100_000)).as_bytes());
    }
    desk.put("line.dp", format!("fn main() {{ let x = {}1; }}", "1 + ".repeat(2_500_000)).as_bytes());
    desk.put("name.dp", "x".repeat(10_000_000).as_bytes());
    for name in ["noise.dp", "zeros.dp", "round.dp", "square.dp", "curly.dp", "minus.dp", "if.dp", "line.dp", "name.dp"]
    {
        let done = desk.run(&["check", name]);
        assert!(done.status == 1 && done.err.contains("error[E"), "{name}: {}", done.status);
        assert!(done.err.len() < 200_000, "{name}: {} bytes of errors", done.err.len());
    }
}
