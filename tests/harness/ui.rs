//! Programs with mistakes: the files under `tests/ui/`, one test each.
//!
//! `//~ E0412` stands on the guilty line, `//~^ E0412` below it; several codes mean several messages. The drawing is in `NAME.stderr`
//! (`BLESS=1` writes it); that the codes stand in the source as well keeps a careless blessing from hiding an error that moved.
//! Warnings are marked like errors. The files of `ui/parse` are the parser's own: its crate tests them.

use dprog::diagnostic::Diagnostic;
use dprog::{Checked, FileLoader, Options, Silent};
use dprog_tests::corpus::{self, Case};
use dprogc::report::{Form, render};

fn main() {
    corpus::run("ui", check);
}

fn check(case: &Case) -> Result<(), String> {
    // What lies in a folder `modules` is imported by the tests beside it.
    if case.name.starts_with("parse/") || case.name.contains("/modules/") {
        return Ok(());
    }
    let loader = FileLoader::default();
    let path = case.path.display().to_string();
    let checked = dprog::check(&path, case.text.as_bytes(), &loader, &mut Silent);
    let (diagnostics, _) = dprog::check_fully(&checked, &Options::default(), false, &mut Silent);
    let shown = render(Form::Human, &diagnostics, &checked.sources, false).replace(&folder(&path), "");
    let (found, wanted) = (found(&checked, &diagnostics), wanted(&case.text));
    if found != wanted {
        return Err(format!("marked {wanted:?}, found {found:?}\n{shown}"));
    }
    let blessed = case.beside("stderr");
    if std::env::var_os("BLESS").is_some() && !shown.is_empty() {
        return std::fs::write(blessed, shown).map_err(|e| e.to_string());
    }
    let expected = std::fs::read_to_string(&blessed).unwrap_or_default();
    if shown == expected { Ok(()) } else { Err(format!("expected\n{expected}--- but\n{shown}")) }
}

/// The folder of a file as it begins the names of the modules beside it: not the same on every machine.
fn folder(path: &str) -> String {
    path.rfind('/').map_or(String::new(), |at| path[..=at].to_string())
}

/// Lines and codes of what was reported about the file itself.
fn found(checked: &Checked, diagnostics: &[Diagnostic]) -> Vec<(u32, String)> {
    let mut list: Vec<(u32, String)> = diagnostics
        .iter()
        .filter(|d| d.primary.span.file == checked.root())
        .map(|d| (checked.sources.line_col(d.primary.span).line, d.code.to_string()))
        .collect();
    list.sort();
    list
}

/// Lines and codes of the markers.
fn wanted(text: &str) -> Vec<(u32, String)> {
    let mut list = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((_, marker)) = line.split_once("//~") else { continue };
        let above = marker.bytes().take_while(|b| *b == b'^').count();
        list.extend(marker[above..].split_whitespace().map(|code| (number - above as u32, code.to_string())));
    }
    list.sort();
    list
}
