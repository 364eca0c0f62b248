//! Tests of single passes: the files under `tests/ir/pass/`, one test each.
//!
//! The header says what runs: `; pass: gvn`, several in order (`; pass: inline simplify`), or a pipeline
//! (`; pass: clean-up`, `O1`, `O2`). `; stage: primal` runs a pass as before the derivative. `; entries: @f` names the
//! functions that are called from outside; without it all are.
//!
//! What is expected stands behind the program: the whole module under `; expect:` (`BLESS=1` writes it), or lines
//! `; check: TEXT` that must occur in this order, and `; check-not: TEXT` that must not occur. Every program must also compute
//! the same before and after, which the properties test looks at; and what comes out must verify.

use dprog_ir::parse::parse;
use dprog_ir::transform::Stage;
use dprog_ir::transform::pipeline::{OptLevel, Pass, clean_up, optimize, run_pass};
use dprog_ir::{FuncId, Module};
use dprog_tests::corpus;
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};

fn main() {
    let args = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ir/pass");
    let files = corpus::files(&root, "ir");
    assert!(!files.is_empty(), "no tests in tests/ir/pass");
    let trial = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("a file of the folder").display().to_string();
        Trial::test(name, move || check(&path))
    };
    libtest_mimic::run(&args, files.into_iter().map(trial).collect()).exit();
}

fn check(path: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let mut module = parse(&text)?;
    run(&text, &mut module)?;
    let printed = module.to_string();
    parse(&printed).map_err(|e| format!("what came out cannot be read: {e}\n{printed}"))?;
    check_lines(&text, &printed)?;
    let Some((before, wanted)) = text.split_once("; expect:\n") else {
        return if text.contains("; check") { Ok(()) } else { Err("the file expects nothing".into()) };
    };
    let commented: String = printed.lines().map(|line| format!("; {line}").trim_end().to_string() + "\n").collect();
    if commented == wanted {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        return Ok(std::fs::write(path, format!("{before}; expect:\n{commented}"))?);
    }
    Err(format!("got:\n{commented}\nwanted:\n{wanted}").into())
}

fn run(text: &str, module: &mut Module) -> Result<(), Failed> {
    let entries = entries(text, module)?;
    let stage = if header(text, "stage") == Some("primal") { Stage::Primal } else { Stage::Full };
    for name in header(text, "pass").ok_or("no `; pass:` line")?.split_whitespace() {
        match name {
            "clean-up" => clean_up(module),
            "O1" => optimize(module, OptLevel::O1, &entries),
            "O2" => optimize(module, OptLevel::O2, &entries),
            _ => {
                let pass = Pass::from_name(name).ok_or_else(|| format!("no pass `{name}`"))?;
                run_pass(module, pass, &entries, stage);
            }
        }
    }
    Ok(())
}

fn entries(text: &str, module: &Module) -> Result<Vec<FuncId>, Failed> {
    let Some(names) = header(text, "entries") else { return Ok(module.funcs.keys().collect()) };
    let find =
        |name: &str| module.find_function(name.trim_start_matches('@')).ok_or_else(|| format!("no `{name}`").into());
    names.split_whitespace().map(find).collect()
}

fn header<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix("; ")?.strip_prefix(key)?.strip_prefix(": ")).map(str::trim)
}

/// The sparse expectations, apart from their own comments.
fn check_lines(text: &str, printed: &str) -> Result<(), Failed> {
    let mut rest = printed;
    for line in text.lines() {
        if let Some(wanted) = line.trim().strip_prefix("; check: ") {
            let at = rest.find(wanted).ok_or_else(|| format!("`{wanted}` does not follow in:\n{printed}"))?;
            rest = &rest[at + wanted.len()..];
        } else if let Some(unwanted) = line.trim().strip_prefix("; check-not: ")
            && printed.contains(unwanted)
        {
            return Err(format!("`{unwanted}` occurs in:\n{printed}").into());
        }
    }
    Ok(())
}
