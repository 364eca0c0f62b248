//! A diagnostic is a value: what is wrong, where, what else explains it, and what to do. Wording is in `errors/`,
//! drawing is in the command; this file only says what every message consists of.

use crate::source::{FileId, Span};
use rustc_hash::FxHashMap;

/// How bad it is. Only an error stops a compilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Error,
    Warning,
}

/// A place, and what is to be said about it. The text may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// An edit that would repair the program: `span` becomes `replacement`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub message: String,
    pub span: Span,
    pub replacement: String,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Such as `E0101`; `docs/errors/E0101.md` is its page.
    pub code: &'static str,
    /// What is wrong, in one line, without a full stop.
    pub message: String,
    /// The place that is to blame.
    pub primary: Label,
    /// The places that explain why.
    pub secondary: Vec<Label>,
    /// Facts worth knowing.
    pub notes: Vec<String>,
    /// What to do about it.
    pub helps: Vec<String>,
    pub suggestion: Option<Suggestion>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            code,
            message: message.into(),
            primary: Label { span, text: String::new() },
            secondary: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
            suggestion: None,
        }
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// The text under the primary place.
    pub fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.primary.text = text.into();
        self
    }

    /// Another place, and what it has to do with it.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// A fact.
    pub fn note(mut self, text: impl Into<String>) -> Diagnostic {
        self.notes.push(text.into());
        self
    }

    /// Advice.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.helps.push(text.into());
        self
    }

    /// Advice as an edit.
    pub fn suggest(mut self, span: Span, replacement: impl Into<String>, message: impl Into<String>) -> Diagnostic {
        self.suggestion = Some(Suggestion { message: message.into(), span, replacement: replacement.into() });
        self
    }

    /// Whether it stops the compilation.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// Collects diagnostics of one stage or of all.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None yet.
    pub fn new() -> Diagnostics {
        Diagnostics::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Adds many.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Diagnostic>) {
        self.list.extend(more);
    }

    /// Takes a warning back, where an error says more about the same place.
    pub fn retract(&mut self, code: &str, at: Span) {
        self.list.retain(|d| d.code != code || d.primary.span != at);
    }

    /// Whether there is an error among them.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(Diagnostic::is_error)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many, before repetitions are removed.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// As they were reported.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// In the order of the text, each once: the same code and message at the same place is one diagnostic.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by(|a, b| order(a).cmp(&order(b)));
        self.list.dedup_by(|a, b| order(a) == order(b));
        once_for_each_name(self.list)
    }
}

/// Those that say that nothing has a name.
const UNKNOWN: [&str; 3] = ["E0105", "E0200", "E0201"];

/// A name that is unknown is so wherever it stands: the first place is reported, the others are counted.
fn once_for_each_name(list: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut first: FxHashMap<(FileId, String), (usize, u32)> = FxHashMap::default();
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(list.len());
    for diagnostic in list {
        if UNKNOWN.contains(&diagnostic.code) {
            let key = (diagnostic.primary.span.file, diagnostic.message.clone());
            let seen = first.entry(key).or_insert((kept.len(), 0));
            if seen.0 < kept.len() {
                seen.1 += 1;
                continue;
            }
        }
        kept.push(diagnostic);
    }
    for (at, more) in first.into_values().filter(|(_, more)| *more > 0) {
        let places = if more == 1 { "one more place".to_string() } else { format!("{more} more places") };
        kept[at].notes.push(format!("it stands in {places}"));
    }
    kept
}

/// What makes two diagnostics the same, and which one comes first.
fn order(d: &Diagnostic) -> (Span, Severity, &'static str, &str) {
    (d.primary.span, d.severity, d.code, &d.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_reported_once_in_the_order_of_the_text() {
        let at = |lo| Span::new(FileId(0), lo, lo + 1);
        let mut all = Diagnostics::new();
        all.push(Diagnostic::error("E0101", at(9), "b"));
        all.push(Diagnostic::warning("E0102", at(2), "a"));
        all.push(Diagnostic::error("E0101", at(9), "b"));
        assert!(all.has_errors());
        let sorted = all.into_sorted();
        assert_eq!(sorted.iter().map(|d| d.message.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
