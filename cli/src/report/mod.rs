//! Draws diagnostics. Four forms: for people, one line each, JSON, and SARIF.
//!
//! The wording of a diagnostic comes with it; here is only layout. Everything gives text, nothing prints.

mod human;
mod json;
mod sarif;
mod short;

use dprog::diagnostic::Diagnostic;
use dprog::source::SourceMap;

/// How diagnostics are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Form {
    /// With the source drawn around it.
    #[default]
    Human,
    /// `FILE:LINE:COL: error[E0412]: text`.
    Short,
    /// One object a line.
    Json,
    /// One SARIF 2.1.0 document.
    Sarif,
}

/// All diagnostics as one text, empty if there are none (but for SARIF, which always has a document).
pub fn render(form: Form, diagnostics: &[Diagnostic], sources: &SourceMap, color: bool) -> String {
    match form {
        Form::Human => human::render(diagnostics, sources, color),
        Form::Short => short::render(diagnostics, sources),
        Form::Json => json::render(diagnostics, sources),
        Form::Sarif => sarif::render(diagnostics, sources),
    }
}

/// `error` or `warning`.
fn severity_name(diagnostic: &Diagnostic) -> &'static str {
    if diagnostic.is_error() { "error" } else { "warning" }
}
