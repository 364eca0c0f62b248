//! What can be wrong with models: E0550–E0569.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &["E0550", "E0551", "E0552", "E0553"];

/// `Net::init()` without a generator.
pub fn needs_rng(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0550", at, format!("`{name}::init` draws random numbers"))
        .help(format!("give it a generator: `var rng = Rng::seed(7); {name}::init(&rng)`"))
}

/// No generator can exist in this program.
pub fn rng_not_imported(at: Span) -> Diagnostic {
    Diagnostic::error("E0550", at, "`init` needs a generator of random numbers")
        .help("write `use std::random::Rng;` at the top of the file, then `var rng = Rng::seed(7);`")
}

/// Fields that have no default and are not given.
pub fn init_missing(at: Span, name: &str, fields: &[&str], declared: Span) -> Diagnostic {
    let list: Vec<String> = fields.iter().map(|f| format!("`{f}`")).collect();
    Diagnostic::error("E0551", at, format!("`{name}::init` must be given {}", list.join(", ")))
        .also(declared, "declared here")
        .help("give plain fields by name, `rate: 0.1`, and `param`s a default such as `= glorot()`")
}

/// A field of `init` without name.
pub fn init_positional(at: Span) -> Diagnostic {
    Diagnostic::error("E0552", at, "fields are given to `init` by name").help("write `name: value`")
}

/// An initialiser for something that is not made of floats.
pub fn initializer_of(at: Span, ty: &str, declared: Span) -> Diagnostic {
    Diagnostic::error("E0553", at, format!("this initialiser is for floats and arrays of floats, found `{ty}`"))
        .also(declared, "the type of the field")
        .help("write the value itself")
}
