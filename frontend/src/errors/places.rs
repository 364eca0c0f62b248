//! What can be wrong with what is assigned: E0450–E0469.

use crate::check::{Origin, PlaceUse};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &["E0450", "E0451", "E0452", "E0453", "E0454", "E0455"];

/// An assignment to something that may not change.
pub fn immutable(at: Span, name: &str, declared: Span, origin: Origin, what: PlaceUse) -> Diagnostic {
    let does = match what {
        PlaceUse::Assign => "assigned",
        PlaceUse::Lend => "lent with `&`",
        PlaceUse::Receive => "changed by this method",
    };
    let (label, help) = match origin {
        Origin::Let | Origin::LateLet => ("declared with `let` here", format!("declare it with `var {name}`")),
        Origin::Param => {
            ("a parameter without `inout`", format!("write `{name}: inout …`, or copy it: `var copy = {name};`"))
        }
        Origin::Receiver => ("`self` without `inout`", "write `inout self`".to_string()),
        Origin::Pattern => ("bound by a pattern here", format!("copy it: `var copy = {name};`")),
        Origin::Loop => ("the variable of a loop", format!("copy it: `var copy = {name};`")),
    };
    Diagnostic::error("E0450", at, format!("`{name}` cannot be {does}")).also(declared, label).help(help)
}

/// A closure that changes what it captured.
pub fn captured(at: Span, name: &str, declared: Span, _what: PlaceUse) -> Diagnostic {
    Diagnostic::error("E0451", at, format!("a closure cannot change `{name}`, which it captures"))
        .label("the closure has a copy")
        .also(declared, "declared outside of the closure")
        .help("return the new value, or take it as an `inout` parameter of the closure")
}

/// Something that is no place.
pub fn not_a_place(at: Span, what: PlaceUse) -> Diagnostic {
    let message = match what {
        PlaceUse::Assign => "this cannot be assigned",
        PlaceUse::Lend => "this cannot be lent with `&`",
        PlaceUse::Receive => "the receiver of a method that changes it must be a variable",
    };
    Diagnostic::error("E0452", at, message)
        .help("a place is a variable, a field of one, or an element: put the value into a `var` first")
}

/// A constant, a function or a size on the left of `=`.
pub fn not_a_variable(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0452", at, format!("`{name}` is not a variable"))
        .help("only what is declared with `var` or `inout` may change")
}

/// `x += …` whose result does not fit `x`.
pub fn does_not_fit(at: Span, _op: Span, want: &str, have: &str) -> Diagnostic {
    Diagnostic::error("E0453", at, format!("the result is `{have}`, which does not fit `{want}`"))
        .help("the value must have the shape of the place, or one that is broadcast to it")
}

/// A `let` without value that is read too early.
pub fn read_before_assigned(at: Span, name: &str, declared: Span) -> Diagnostic {
    Diagnostic::error("E0454", at, format!("`{name}` may have no value here"))
        .also(declared, "declared without a value here")
        .help("assign it on every way that leads here")
}

/// A `let` without value that may be assigned twice.
pub fn assigned_twice(at: Span, name: &str, declared: Span) -> Diagnostic {
    Diagnostic::error("E0455", at, format!("`{name}` may have been assigned already"))
        .also(declared, "declared with `let` here")
        .help(format!("declare it with `var {name}`"))
}
