//! For programs: one JSON object a line.
//!
//! ```json
//! {"severity":"error","code":"E0412","message":"…",
//!  "primary":{"file":"a.dp","line":8,"column":11,"end_line":8,"end_column":32,"start":120,"end":141,"label":"…"},
//!  "secondary":[{…}],"notes":["…"],"helps":["…"],
//!  "suggestion":{"message":"…","place":{…},"replacement":"…"}}
//! ```
//!
//! Lines and columns count from 1, columns in characters; `start` and `end` are byte offsets. `label` may be empty and
//! `suggestion` null; `end` is the first place behind.

use super::severity_name;
use dprog::diagnostic::{Diagnostic, Label};
use dprog::source::{SourceMap, Span};
use serde_json::{Value, json};

/// A line for each diagnostic.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    diagnostics.iter().map(|d| format!("{}\n", object(d, sources))).collect()
}

fn object(d: &Diagnostic, sources: &SourceMap) -> Value {
    json!({
        "severity": severity_name(d),
        "code": d.code,
        "message": d.message,
        "primary": label(&d.primary, sources),
        "secondary": d.secondary.iter().map(|l| label(l, sources)).collect::<Vec<_>>(),
        "notes": d.notes,
        "helps": d.helps,
        "suggestion": d.suggestion.as_ref().map(|s| json!({
            "message": s.message,
            "place": place(s.span, sources),
            "replacement": s.replacement,
        })),
    })
}

fn label(label: &Label, sources: &SourceMap) -> Value {
    let mut value = place(label.span, sources);
    value["label"] = json!(label.text);
    value
}

fn place(span: Span, sources: &SourceMap) -> Value {
    let (start, end) = (sources.line_col(span), sources.line_col(span.end()));
    json!({
        "file": &*sources.file(span.file).name,
        "line": start.line,
        "column": start.col,
        "end_line": end.line,
        "end_column": end.col,
        "start": span.lo,
        "end": span.hi,
    })
}
