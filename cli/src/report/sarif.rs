//! SARIF 2.1.0, as code hosts read it: one document with one run, a rule for each code that occurs.

use super::severity_name;
use dprog::diagnostic::{Diagnostic, Label};
use dprog::source::{SourceMap, Span};
use serde_json::{Value, json};

/// The document, with a newline at the end.
pub fn render(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let mut codes: Vec<&str> = diagnostics.iter().map(|d| d.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "dprogc",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| json!({"id": code})).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": diagnostics.iter().map(|d| result(d, sources)).collect::<Vec<_>>(),
        }],
    });
    format!("{document:#}\n")
}

fn result(d: &Diagnostic, sources: &SourceMap) -> Value {
    let more = d.notes.iter().chain(&d.helps).map(|text| format!("\n{text}"));
    json!({
        "ruleId": d.code,
        "level": severity_name(d),
        "message": {"text": std::iter::once(d.message.clone()).chain(more).collect::<String>()},
        "locations": [location(&d.primary, sources)],
        "relatedLocations": d.secondary.iter().map(|l| location(l, sources)).collect::<Vec<_>>(),
    })
}

fn location(label: &Label, sources: &SourceMap) -> Value {
    let mut value = json!({"physicalLocation": {
        "artifactLocation": {"uri": &*sources.file(label.span.file).name},
        "region": region(label.span, sources),
    }});
    if !label.text.is_empty() {
        value["message"] = json!({"text": label.text});
    }
    value
}

fn region(span: Span, sources: &SourceMap) -> Value {
    let (start, end) = (sources.line_col(span), sources.line_col(span.end()));
    json!({"startLine": start.line, "startColumn": start.col, "endLine": end.line, "endColumn": end.col})
}
