//! One line each, for editors and `grep`: `FILE:LINE:COL: error[E0412]: text`.

use super::severity_name;
use dprog::diagnostic::Diagnostic;
use dprog::source::SourceMap;
use std::fmt::Write;

/// A line for each diagnostic.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let mut out = String::new();
    for d in diagnostics {
        let file = &sources.file(d.primary.span.file).name;
        let at = sources.line_col(d.primary.span);
        let (severity, code, message) = (severity_name(d), d.code, &d.message);
        let _ = writeln!(out, "{file}:{}:{}: {severity}[{code}]: {message}", at.line, at.col);
    }
    out
}
