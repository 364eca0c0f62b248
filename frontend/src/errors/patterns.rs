//! What can be wrong with patterns: E0570–E0589.

use crate::ast::{Name, Symbol};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &["E0570", "E0571", "E0572", "E0573", "E0574", "E0575", "E0576", "E0577", "E0578", "E0579"];

/// A `match` that does not cover everything.
pub fn not_exhaustive(scrutinee: Span, at: Span, missing: &[String]) -> Diagnostic {
    let list: Vec<String> = missing.iter().map(|m| format!("`{m}`")).collect();
    let head = Span { hi: scrutinee.hi, ..at };
    Diagnostic::error("E0570", head, format!("this `match` does not cover {}", list.join(", ")))
        .label("not all values have an arm")
        .help(format!("add an arm for {}, or `_ => …`", list.join(", ")))
}

/// An arm that nothing reaches.
pub fn unreachable_arm(at: Span, catch_all: Option<(Span, &str)>) -> Diagnostic {
    let diagnostic = Diagnostic::warning("E0571", at, "this arm is never reached");
    match catch_all {
        Some((span, name)) => diagnostic
            .also(span, format!("`{name}` is a new name here, and matches everything"))
            .help("a case is written as it is declared, with a capital letter; remove what is never reached"),
        None => diagnostic.label("the arms before it match everything").help("remove it, or move it up"),
    }
}

/// A pattern that may fail where nothing else can happen.
pub fn refutable(at: Span, missing: &str) -> Diagnostic {
    Diagnostic::error("E0572", at, format!("this pattern does not match `{missing}`")).help("use `match`, or `if let`")
}

/// A capitalised name that is no case.
pub fn unknown_case(name: &Name, of: Option<(&Symbol, Span)>, near: Option<&str>) -> Diagnostic {
    let message = match of {
        Some((of, _)) => format!("`{of}` has no case `{name}`"),
        None => format!("unknown case `{name}`"),
    };
    let mut diagnostic = Diagnostic::error("E0573", name.span, message);
    if let Some((_, at)) = of.filter(|(_, at)| at.file == name.span.file) {
        diagnostic = diagnostic.also(at, "declared here");
    }
    match near {
        Some(near) => diagnostic.suggest(name.span, near, format!("did you mean `{near}`?")),
        None => diagnostic.help("a capitalised name in a pattern is a case; names that bind begin in lower case"),
    }
}

/// A case in a pattern for something that is not of its type.
pub fn case_of_other(name: &Name, ty: &str) -> Diagnostic {
    Diagnostic::error("E0573", name.span, format!("`{name}` is no case of `{ty}`"))
        .help("a capitalised name in a pattern is a case of the value's type")
}

/// A literal of another type.
pub fn wrong_type(at: Span, have: &str, want: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0574", at, format!("this pattern is `{have}`, the value is `{want}`"));
    if have == "i64" && want.starts_with('f') {
        return diagnostic.help("write the number with a point: `2.0`");
    }
    if have == "f64" && want.starts_with('i') {
        return diagnostic.help("write the number without a point: `2`");
    }
    diagnostic.help("the pattern must have the type of the value")
}

/// A tuple pattern for something else.
pub fn tuple_mismatch(at: Span, count: usize, ty: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0574", at, format!("this pattern is a tuple of {count}, the value is `{ty}`"));
    if ty.starts_with('(') {
        return diagnostic.help("write one name for each component; `_` for one that is not needed");
    }
    diagnostic.help("the value is no tuple: write one name")
}

/// Another number of fields than the case has.
pub fn payload_count(at: Span, name: &str, want: usize, have: usize, declared: Span) -> Diagnostic {
    let noun = if want == 1 { "value" } else { "values" };
    let diagnostic = Diagnostic::error("E0575", at, format!("`{name}` carries {want} {noun}, found {have}"));
    let diagnostic = if declared.file == at.file { diagnostic.also(declared, "declared here") } else { diagnostic };
    if want == 0 {
        return diagnostic.help(format!("write `{name}` alone, without parentheses"));
    }
    diagnostic.help("write one for each; `_` in a pattern matches any")
}

/// A case with a payload, without it.
pub fn payload_missing(at: Span, name: &str, named: bool, declared: Span) -> Diagnostic {
    let help = if named { format!("write `{name} {{ .. }}`") } else { format!("write `{name}(_)`") };
    let diagnostic = Diagnostic::error("E0575", at, format!("`{name}` carries values"));
    let diagnostic = if declared.file == at.file { diagnostic.also(declared, "declared here") } else { diagnostic };
    diagnostic.help(help)
}

/// Fields that a pattern does not mention.
pub fn fields_missing(at: Span, name: &str, fields: &[&str], declared: Span) -> Diagnostic {
    let list: Vec<String> = fields.iter().map(|f| format!("`{f}`")).collect();
    Diagnostic::error("E0576", at, format!("the pattern of `{name}` lacks {}", list.join(", ")))
        .also(declared, "declared here")
        .help("mention them, or write `..` at the end")
}

/// A name that is bound twice.
pub fn bound_twice(at: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("E0577", at, format!("`{name}` is bound twice in one pattern"))
        .also(first, "first bound here")
        .help("give it another name, or use `_` and compare in a guard")
}

/// Alternatives that bind different names.
pub fn or_names(at: Span, name: &str, bound: Span) -> Diagnostic {
    Diagnostic::error("E0578", at, format!("not all alternatives bind `{name}`"))
        .also(bound, "bound here")
        .help("all alternatives of `|` bind the same names")
}

/// Alternatives that bind a name with different types.
pub fn or_types(at: Span, name: &str, have: &str, want: &str, first: Span) -> Diagnostic {
    Diagnostic::error("E0578", at, format!("`{name}` is `{have}` here and `{want}` in another alternative"))
        .also(first, format!("here it is `{want}`"))
        .help("all alternatives of `|` bind the same names with the same types")
}

/// A method of a range that does not exist.
pub fn range_method(name: &Name) -> Diagnostic {
    Diagnostic::error("E0579", name.span, format!("a range has no `{name}`"))
        .help("ranges have `.step(k)` and `.rev()`")
}
