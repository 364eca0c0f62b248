//! What is wrong with a program, as data: places are files, lines and columns, and the drawing for people comes with it.

use crate::draw::draw;
use dprog_frontend::diagnostic as raw;
use dprog_frontend::source::{FileId, SourceMap, Span};
use std::fmt;
use std::sync::Arc;

pub use dprog_frontend::diagnostic::Severity;

/// A place in a line: both count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

/// A piece of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Range {
    /// The name that the file was compiled under.
    pub file: Arc<str>,
    /// Its first character.
    pub start: Position,
    /// Behind its last character.
    pub end: Position,
}

/// A place, and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// The place.
    pub range: Range,
    /// May be empty.
    pub text: String,
}

/// An edit that would repair the program.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Suggestion {
    /// What the edit does.
    pub message: String,
    /// What is replaced.
    pub range: Range,
    /// What comes there.
    pub replacement: String,
}

/// One message about a program. `Display` draws it with the source around it, as `dprogc` does.
///
/// ```
/// let error = dprog::Compiler::new().compile("fit.dp", "fn f(x: f64) -> f64 { y }").unwrap_err();
/// let problem = &error.diagnostics()[0];
/// assert_eq!((problem.range.start.line, problem.range.start.column), (1, 23));
/// assert!(problem.to_string().starts_with("error[E02"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// An error or a warning.
    pub severity: Severity,
    /// Such as `E0101`; `dprogc explain` has a page about each.
    pub code: &'static str,
    /// What is wrong, in one line.
    pub message: String,
    /// The place that is to blame.
    pub range: Range,
    /// What is to be said about that place; may be empty.
    pub label: String,
    /// The places that explain why.
    pub labels: Vec<Label>,
    /// Facts worth knowing.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Vec<String>,
    /// The same as an edit.
    pub suggestion: Option<Suggestion>,
    drawing: String,
}

impl Diagnostic {
    pub(crate) fn new(of: &raw::Diagnostic, sources: &SourceMap) -> Diagnostic {
        let range = |span: Span| range(span, sources);
        let label = |l: &raw::Label| Label { range: range(l.span), text: l.text.clone() };
        let suggestion = of.suggestion.as_ref().map(|s| Suggestion {
            message: s.message.clone(),
            range: range(s.span),
            replacement: s.replacement.clone(),
        });
        Diagnostic {
            severity: of.severity,
            code: of.code,
            message: of.message.clone(),
            range: range(of.primary.span),
            label: of.primary.text.clone(),
            labels: of.secondary.iter().map(label).collect(),
            notes: of.notes.clone(),
            help: of.helps.clone(),
            suggestion,
            drawing: draw(std::slice::from_ref(of), sources, false).trim_end().to_string(),
        }
    }

    pub(crate) fn all(of: &[raw::Diagnostic], sources: &SourceMap) -> Vec<Diagnostic> {
        of.iter().map(|d| Diagnostic::new(d, sources)).collect()
    }

    /// Whether it stops the compilation.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.drawing)
    }
}

fn range(span: Span, sources: &SourceMap) -> Range {
    let at = |file: FileId, offset: u32| {
        let found = sources.file(file).line_col(offset);
        Position { line: found.line, column: found.col }
    };
    Range {
        file: sources.file(span.file).name.clone(),
        start: at(span.file, span.lo),
        end: at(span.file, span.hi.max(span.lo)),
    }
}
