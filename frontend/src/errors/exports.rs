//! What C cannot call: E0580–E0589.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &["E0580", "E0581", "E0582", "E0583", "E0584", "E0585"];

/// `export name = 3.0;`
pub fn not_a_function(at: Span, shown: &str) -> Diagnostic {
    Diagnostic::error("E0580", at, format!("only functions can be exported, this is `{shown}`"))
        .help("write a function here, or an expression that gives one: `grad(f)`, `value_and_grad(f, wrt: x)`")
}

/// A type that has no form in C.
pub fn no_c_type(at: Span, what: &str, shown: &str, why: &str, help: &str) -> Diagnostic {
    Diagnostic::error("E0581", at, format!("{what} has type `{shown}`, which C has no type for: {why}")).help(help)
}

/// A function that is generic over types.
pub fn generic(at: Span, name: &str, params: &[&str]) -> Diagnostic {
    let list: Vec<String> = params.iter().map(|p| format!("`{p}`")).collect();
    Diagnostic::error(
        "E0582",
        at,
        format!("`{name}` is generic over {}, so there is no one function to export", list.join(", ")),
    )
    .help("name the types: `export name_f64 = f<f64>;`. Sizes may stay open: they become parameters")
}

/// Two exports of one name.
pub fn twice(at: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("E0583", at, format!("`{name}` is exported twice"))
        .also(first, "first exported here")
        .help("a C program knows functions by their names alone: give one of them another")
}

/// A name that C or C++ does not allow.
pub fn reserved(at: Span, name: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0584", at, format!("a function of C cannot be called `{name}`: {why}"))
        .help("export it under another name: `export other = f;`")
}

/// `export` in a block.
pub fn inside(at: Span) -> Diagnostic {
    Diagnostic::error("E0585", at, "`export` inside a function")
        .help("exports stand at the top of a file, where a C program could see them")
}
