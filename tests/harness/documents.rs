//! The documentation is true: its programs compile and print what is said, and the pages of errors show these errors.
//!
//! ````text
//! ```dprog          a program or definitions that compile
//! ```output         what the program before it prints
//! ```dprog,fails    a program that does not compile; on a page `E0101.md` with that code
//! ```dprog,part     a part of a program that is not looked at
//! ````

use dprog::diagnostic::Diagnostic;
use dprog::{Checked, Options, Silent};
use dprog_tests::corpus;
use dprog_tests::engines::{EXACT, Subject, agreed};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};

fn main() {
    let root = corpus::folder("..");
    let mut pages = vec![root.join("README.md")];
    for folder in ["docs", "docs/errors", "docs/howto"] {
        pages.extend(markdown_in(&root.join(folder)));
    }
    let mut trials: Vec<Trial> = pages.into_iter().map(|page| trial(&root, page)).collect();
    trials.push(Trial::test("every code has a page", || Ok(every_code_has_a_page()?)));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn markdown_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut pages: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.sort();
    pages
}

fn trial(root: &Path, page: PathBuf) -> Trial {
    let name = page.strip_prefix(root).expect("a page of the repository").display().to_string();
    Trial::test(name, move || check_page(&page).map_err(Failed::from))
}

/// A fenced block: what stands behind the fence, the line of the fence, and the text.
struct Block {
    kind: String,
    line: usize,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (number, line) in (1..).zip(page.lines()) {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(kind)) => open = Some(Block { kind: kind.trim().into(), line: number, text: String::new() }),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.text += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    blocks
}

fn check_page(path: &Path) -> Result<(), String> {
    let page = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let code = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| is_code(stem));
    let blocks = blocks(&page);
    for (i, block) in blocks.iter().enumerate() {
        let output = blocks.get(i + 1).filter(|next| next.kind == "output");
        let result = match (&*block.kind, output) {
            ("dprog", Some(output)) => prints(&block.text, &output.text),
            ("dprog", None) => compiles(&block.text),
            ("dprog,fails", _) => fails(&block.text, code),
            _ => Ok(()),
        };
        result.map_err(|problem| format!("the block at line {}: {problem}", block.line))?;
    }
    let has = |kind: &str| blocks.iter().any(|block| block.kind == kind);
    match code {
        Some(code) if !WITHOUT_EXAMPLE.contains(&code) && !has("dprog,fails") => Err("the page has no example".into()),
        _ => Ok(()),
    }
}

/// What is wrong with bytes cannot be shown in a text, nor a circle of files in one; to lack `main` and to be generic are
/// errors only of who runs the program; and limits of 16 levels need more text than a page.
const WITHOUT_EXAMPLE: [&str; 7] = ["E0001", "E0204", "E0600", "E0601", "E0700", "E0701", "E0712"];

fn is_code(stem: &str) -> bool {
    stem.len() == 5 && stem.starts_with('E') && stem[1..].bytes().all(|b| b.is_ascii_digit())
}

fn diagnose(text: &str) -> (Checked, Vec<Diagnostic>) {
    let checked = Subject::new("page.dp", text).check();
    let (diagnostics, _) = dprog::check_fully(&checked, &Options::default(), false, &mut Silent);
    (checked, diagnostics)
}

fn shown(checked: &Checked, diagnostics: &[Diagnostic]) -> String {
    dprogc::report::render(dprogc::report::Form::Human, diagnostics, &checked.sources, false)
}

fn compiles(text: &str) -> Result<(), String> {
    let (checked, diagnostics) = diagnose(text);
    let failed = diagnostics.iter().any(Diagnostic::is_error);
    if failed { Err(shown(&checked, &diagnostics)) } else { Ok(()) }
}

/// A message has the code of the page, and there are few others: one mistake is one message as a rule, and some
/// examples make the same mistake twice.
fn fails(text: &str, code: Option<&str>) -> Result<(), String> {
    let (checked, diagnostics) = diagnose(text);
    let found = diagnostics.iter().any(|d| code.is_none_or(|code| d.code == code));
    if found && diagnostics.len() <= 3 {
        return Ok(());
    }
    Err(format!("this error is expected, but\n{}", shown(&checked, &diagnostics)))
}

fn prints(text: &str, expected: &str) -> Result<(), String> {
    let outcome = agreed(&Subject::new("page.dp", text), EXACT)?;
    if outcome.status == 0 && outcome.out == expected { Ok(()) } else { Err(outcome.to_string()) }
}

/// Every code that the sources name has its page, and every page a code.
fn every_code_has_a_page() -> Result<(), String> {
    let root = corpus::folder("..");
    let mut used = Vec::new();
    for folder in ["frontend/src", "dprog/src"] {
        codes_in(&root.join(folder), &mut used);
    }
    used.sort();
    used.dedup();
    let pages = markdown_in(&root.join("docs/errors"));
    let pages: Vec<String> = pages.iter().map(|p| p.file_stem().unwrap_or_default().to_string_lossy().into()).collect();
    let missing: Vec<&String> = used.iter().filter(|code| !pages.contains(code)).collect();
    let stale: Vec<&String> = pages.iter().filter(|page| !used.contains(page)).collect();
    if missing.is_empty() && stale.is_empty() {
        return Ok(());
    }
    Err(format!("codes without a page: {missing:?}; pages without a code: {stale:?}"))
}

fn codes_in(folder: &Path, used: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            codes_in(&path, used);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            let quoted = text.split('"').skip(1).step_by(2).filter(|word| is_code(word));
            used.extend(quoted.map(str::to_string));
        }
    }
}
