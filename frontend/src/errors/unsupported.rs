//! What the language has and this compiler does not have yet: E0690–E0699. Each is refused by name, never ignored.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &["E0690", "E0691", "E0692", "E0693", "E0694"];

/// `@checkpoint`
pub fn checkpoint(at: Span) -> Diagnostic {
    Diagnostic::error("E0690", at, "`@checkpoint` is not supported yet")
        .help("remove it: the result is the same, with more memory")
}

/// `fixed_point`, `root`
pub fn fixed_point(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0691", at, format!("`{name}` is not supported yet"))
        .help("write the iteration as a loop: it is differentiated as it runs")
}

/// `extern fn`
pub fn extern_fn(at: Span) -> Diagnostic {
    Diagnostic::error("E0692", at, "`extern fn` is not supported yet").help("write the function in dProg")
}

/// `derivative f { … }`
pub fn derivative(at: Span) -> Diagnostic {
    Diagnostic::error("E0693", at, "`derivative` blocks are not supported yet")
        .help("the derivative of the function itself is used without it; `stop_grad` hides a part")
}

/// `par for`
pub fn par_for(at: Span) -> Diagnostic {
    Diagnostic::error("E0694", at, "`par for` is not supported yet").help("write `for`: the result is the same")
}
