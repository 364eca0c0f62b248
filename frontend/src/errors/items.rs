//! What can be wrong with declarations: E0500–E0549.

use crate::ast::{ConstItem, FnItem, Name, Symbol, TypeItem};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &[
    "E0500", "E0501", "E0502", "E0503", "E0504", "E0505", "E0506", "E0507", "E0508", "E0509", "E0511", "E0512",
    "E0513", "E0514",
];

/// A struct that contains itself.
pub fn recursive_struct(at: Span, name: &str, steps: &[(Symbol, Symbol, Span)]) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("E0500", at, format!("`{name}` contains itself, so it has no size"));
    for (of, field, span) in steps.iter().take(4).filter(|(.., span)| span.file == at.file) {
        diagnostic = diagnostic.also(*span, format!("by the field `{field}` of `{of}`"));
    }
    diagnostic.help("use an `enum`, which may be recursive, or a `List`")
}

/// A constant that needs its own value.
pub fn cyclic_const(item: &ConstItem, at: Span) -> Diagnostic {
    Diagnostic::error("E0501", item.name.span, format!("the value of `{}` depends on itself", item.name))
        .also(at, "needed here")
        .help("give one of the constants a value of its own")
}

/// A type that is its own definition.
pub fn cyclic_alias(item: &TypeItem, at: Span) -> Diagnostic {
    Diagnostic::error("E0501", item.name.span, format!("the type `{}` is defined by itself", item.name))
        .also(at, "needed here")
        .help("use an `enum` for a recursive type")
}

/// An `impl` without methods that the trait demands.
pub fn missing_methods(at: Span, of_trait: &str, ty: &str, names: &[String], declared: Span) -> Diagnostic {
    let list: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    Diagnostic::error("E0502", at, format!("`{of_trait}` for `{ty}` lacks {}", list.join(", ")))
        .also(declared, "the trait is declared here")
        .help("write every method of the trait that has no default")
}

/// A method that its trait does not have.
pub fn not_in_trait(name: &Name, of_trait: &str, near: Option<&str>, declared: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0503", name.span, format!("`{of_trait}` has no method `{name}`"))
        .also(declared, "the trait is declared here");
    match near {
        Some(near) => diagnostic.suggest(name.span, near, format!("did you mean `{near}`?")),
        None => diagnostic.help("put other methods into an `impl` of the type itself"),
    }
}

/// A method with another head than its trait says.
pub fn other_head(at: Span, name: &str, wanted: &str, declared: Span) -> Diagnostic {
    Diagnostic::error("E0504", at, format!("the head of `{name}` differs from the trait's"))
        .also(declared, "the trait says it here")
        .help(format!("write `{wanted}`"))
}

/// A type argument that does not implement what it must.
pub fn bound_not_met(at: Span, ty: &str, of_trait: &str, declared: Span) -> Diagnostic {
    Diagnostic::error("E0505", at, format!("`{ty}` does not implement `{of_trait}`"))
        .also(declared, "the trait is declared here")
        .help(format!("write `impl {of_trait} for {ty} {{ … }}`, or give a type parameter the bound"))
}

/// Two `impl`s for one type.
pub fn conflicting_impls(at: Span, of_trait: &str, ty: &str, first: Span) -> Diagnostic {
    Diagnostic::error("E0506", at, format!("`{of_trait}` is implemented twice for `{ty}`"))
        .also(first, "first implemented here")
        .help("remove one of them")
}

/// A literal that leaves fields out.
pub fn missing_fields(at: Span, name: &str, fields: &[&str], declared: Span) -> Diagnostic {
    let list: Vec<String> = fields.iter().map(|f| format!("`{f}`")).collect();
    let diagnostic = Diagnostic::error("E0507", at, format!("`{name}` lacks {}", list.join(", ")));
    let diagnostic = if declared.file == at.file { diagnostic.also(declared, "declared here") } else { diagnostic };
    diagnostic.help("a literal sets every field")
}

/// A field that is set twice.
pub fn field_twice(name: &Name) -> Diagnostic {
    Diagnostic::error("E0508", name.span, format!("the field `{name}` is set twice")).help("remove one of them")
}

/// Another number of generic arguments.
pub fn generic_count(at: Span, name: &str, want: usize, have: usize, declared: Option<Span>) -> Diagnostic {
    let noun = if want == 1 { "argument" } else { "arguments" };
    let diagnostic = Diagnostic::error("E0509", at, format!("`{name}` takes {want} generic {noun}, found {have}"));
    match declared.filter(|d| d.file == at.file) {
        Some(declared) => diagnostic.also(declared, "declared here"),
        None => diagnostic,
    }
    .help("outside of bodies all must be written; inside, trailing ones are inferred")
}

/// `impl` of a type that is not declared here.
pub fn inherent_impl_of(at: Span, ty: &str) -> Diagnostic {
    Diagnostic::error("E0511", at, format!("`{ty}` cannot have methods of its own"))
        .help("write a function, or a trait and `impl Trait for …`")
}

/// `fn main(x: …)`
pub fn main_with_parameters(f: &FnItem) -> Diagnostic {
    Diagnostic::error("E0512", f.head, "`main` takes no parameters")
        .help("the arguments of the program are `std::io::args()`")
}

/// `@test fn t(x: f64)`
pub fn attributed_with_parameters(f: &FnItem, attribute: &str) -> Diagnostic {
    Diagnostic::error("E0514", f.head, format!("a function marked `{attribute}` has no parameters and no result"))
        .label("nobody gives it arguments")
        .help("call the function that you mean from one without parameters; a test fails by `assert`")
}

/// A `param` of a model that cannot be trained.
pub fn param_without_tangent(at: Span, name: &str, ty: &str) -> Diagnostic {
    Diagnostic::error("E0513", at, format!("`{name}` cannot be a `param`: `{ty}` has no tangent"))
        .help("make it `state`, which is saved but not trained, or a plain field")
}
