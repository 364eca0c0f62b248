//! Draws diagnostics. Four forms: for people, one line each, JSON, and SARIF.
//!
//! The wording of a diagnostic comes with it; here is only layout. Everything gives text, nothing prints.

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
    let diagnostics: Vec<Diagnostic> = diagnostics.iter().take(most(form)).cloned().map(clipped).collect();
    match form {
        Form::Human => dprog::draw(&diagnostics, sources, color),
        Form::Short => short::render(&diagnostics, sources),
        Form::Json => json::render(&diagnostics, sources),
        Form::Sarif => sarif::render(&diagnostics, sources),
    }
}

/// So many diagnostics are written: nobody reads more, and a file of noise has one for each byte.
pub fn most(form: Form) -> usize {
    match form {
        Form::Human => 100,
        Form::Short | Form::Json | Form::Sarif => 1_000,
    }
}

/// Texts quote the program, where a name may have a million letters.
const LONGEST_TEXT: usize = 2_000;

fn clipped(mut diagnostic: Diagnostic) -> Diagnostic {
    let labels = std::iter::once(&mut diagnostic.primary).chain(&mut diagnostic.secondary).map(|label| &mut label.text);
    labels.chain(&mut diagnostic.notes).chain(&mut diagnostic.helps).chain([&mut diagnostic.message]).for_each(clip);
    // An edit that is cut would be a wrong one.
    diagnostic.suggestion.take_if(|s| s.message.len() + s.replacement.len() > LONGEST_TEXT);
    diagnostic
}

fn clip(text: &mut String) {
    if text.len() > LONGEST_TEXT {
        text.truncate(text.floor_char_boundary(LONGEST_TEXT));
        text.push('…');
    }
}

/// `error` or `warning`.
fn severity_name(diagnostic: &Diagnostic) -> &'static str {
    if diagnostic.is_error() { "error" } else { "warning" }
}
