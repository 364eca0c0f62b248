//! The checker on files: `tests/ui/check/**/*.dp` mark each guilty line with `//~ E0300`, one code for each message; a file
//! without marks must be free of errors. What is not marked must not be reported.

use dprog_frontend::check::check_program;
use dprog_frontend::diagnostic::Diagnostic;
use dprog_frontend::resolve::{Found, Loader};
use dprog_frontend::source::SourceMap;
use std::path::{Path, PathBuf};

/// Modules beside the importing file.
struct Beside;

impl Loader for Beside {
    fn find(&self, importing: &str, relative: &str) -> Option<Found> {
        let path = Path::new(importing).parent()?.join(relative);
        let bytes = std::fs::read(&path).ok()?;
        Some(Found { name: path.display().to_string(), bytes })
    }
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ui/check")
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir).expect("the corpus").flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        match path.extension().and_then(|e| e.to_str()) {
            _ if path.is_dir() => files(&path, found),
            Some("dp") => found.push(path),
            _ => {}
        }
    }
}

/// (file, line, code) of each mark or message.
type Mark = (String, u32, String);

fn marks(name: &str, text: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some((_, codes)) = line.split_once("//~") else { continue };
        marks.extend(codes.split_whitespace().map(|code| (name.to_string(), index as u32 + 1, code.to_string())));
    }
    marks
}

fn reported(sources: &SourceMap, problems: &[Diagnostic]) -> Vec<Mark> {
    let mark = |d: &Diagnostic| {
        let file = sources.file(d.primary.span.file).name.to_string();
        (file, sources.line_col(d.primary.span).line, d.code.to_string())
    };
    let mut marks: Vec<Mark> = problems.iter().map(mark).collect();
    marks.sort();
    marks
}

#[test]
fn files_have_the_errors_that_are_marked_in_them() {
    let mut all = Vec::new();
    files(&corpus(), &mut all);
    assert!(all.len() > 10, "the corpus is there");
    let mut wrong = String::new();
    for path in all {
        // What stands in a folder `modules` is only imported.
        if path.components().any(|c| c.as_os_str() == "modules") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let name = path.display().to_string();
        let mut sources = SourceMap::new();
        let root = sources.add(&name, &text);
        let (_, problems) = check_program(root, &mut sources, &Beside);
        let mut want: Vec<Mark> = sources.files().flat_map(|(_, f)| marks(&f.name, &f.text)).collect();
        want.sort();
        let have = reported(&sources, &problems);
        if want != have {
            let missing: Vec<&Mark> = want.iter().filter(|m| !have.contains(m)).collect();
            let extra: Vec<&Mark> = have.iter().filter(|m| !want.contains(m)).collect();
            wrong += &format!("{name}\n  not reported: {missing:?}\n  not marked: {extra:?}\n");
            for d in &problems {
                let at = sources.line_col(d.primary.span);
                wrong += &format!("    {}:{}: {}: {}\n", at.line, at.col, d.code, d.message);
            }
        }
        for d in problems.iter().filter(|d| d.is_error()) {
            let helped = !d.helps.is_empty() || d.suggestion.is_some() || d.code < "E0200";
            if !helped {
                wrong += &format!("{}: `{}` does not say what to do\n", d.code, d.message);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_library_has_no_errors() {
    let names = std::iter::once("prelude").chain(dprog_frontend::stdlib::names());
    for module in names {
        let (name, text) = dprog_frontend::stdlib::find(module).unwrap_or(dprog_frontend::stdlib::PRELUDE);
        let mut sources = SourceMap::new();
        let root = sources.add(name, text);
        let (_, problems) = check_program(root, &mut sources, &Beside);
        let shown: Vec<String> = problems
            .iter()
            .map(|d| format!("{name}:{}: {} {}", sources.line_col(d.primary.span).line, d.code, d.message))
            .collect();
        assert!(shown.is_empty(), "{}", shown.join("\n"));
    }
}
