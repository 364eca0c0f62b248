//! What can be wrong with `grad` and its relatives: E0610–E0629.

use crate::ast::Name;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &["E0610", "E0611", "E0612", "E0613", "E0614", "E0615", "E0616"];

/// Something else than a function.
pub fn not_a_function(at: Span, op: &str, have: &str) -> Diagnostic {
    Diagnostic::error("E0610", at, format!("`{op}` takes a function, found `{have}`"))
        .label("this is not a function")
        .help(format!("write `{op}(f)(x)`, not `{op}(f(x))`"))
}

/// A function without parameters.
pub fn no_parameters(at: Span, op: &str) -> Diagnostic {
    Diagnostic::error("E0610", at, format!("`{op}` of a function without parameters"))
        .help("there is nothing to differentiate by")
}

/// Another argument than `wrt:`.
pub fn only_wrt(at: Span, op: &str, named: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0611", at, format!("`{op}` takes a function and `wrt:`"));
    if named {
        return diagnostic.help(format!("name the parameters to differentiate by: `{op}(f, wrt: x)`, `wrt: (x, y)`"));
    }
    diagnostic.help(format!("the arguments of the function go into a second pair of parentheses: `{op}(f, wrt: x)(…)`"))
}

/// `wrt:` with something else than names.
pub fn wrt_is_names(at: Span) -> Diagnostic {
    Diagnostic::error("E0611", at, "`wrt` takes names of parameters").help("write `wrt: x` or `wrt: (x, y)`")
}

/// `wrt:` with a name that the function does not have.
pub fn unknown_wrt(name: &Name, known: &[&str], of: Span) -> Diagnostic {
    let list: Vec<String> = known.iter().map(|n| format!("`{n}`")).collect();
    let diagnostic = Diagnostic::error("E0612", name.span, format!("the function has no parameter `{name}`"))
        .also(of, "of this function");
    if let Some(near) = crate::resolve::suggest::nearest(name.as_str(), known.iter().copied()) {
        return diagnostic.suggest(name.span, near, format!("did you mean `{near}`?"));
    }
    if list.is_empty() {
        return diagnostic.help("the names of its parameters are not known here; name the function itself");
    }
    diagnostic.help(format!("its parameters are {}", list.join(", ")))
}

/// A parameter that is named twice.
pub fn wrt_twice(name: &Name) -> Diagnostic {
    Diagnostic::error("E0612", name.span, format!("`{name}` is named twice")).help("name each parameter once")
}

/// A parameter without tangent.
pub fn no_tangent(at: Span, name: Option<&str>, ty: &str, others: &[&str], implicit: bool) -> Diagnostic {
    let which = match name {
        Some(name) => format!("the parameter `{name}`"),
        None => "this parameter".to_string(),
    };
    let mut diagnostic = Diagnostic::error("E0613", at, format!("{which} of type `{ty}` has no derivative"))
        .label("nothing in it is a float");
    if implicit {
        diagnostic = diagnostic.note("without `wrt:` the first parameter is meant");
    }
    match others.first() {
        Some(other) => diagnostic.help(format!("differentiate by another parameter: `wrt: {other}`")),
        None => diagnostic.help("no parameter of this function has a derivative"),
    }
}

/// A function whose value is not a scalar.
pub fn objective(at: Span, op: &str, have: &str, is_array: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "E0614",
        at,
        format!("`{op}` needs a function that returns a float, this one returns `{have}`"),
    );
    if matches!(have, "i64" | "i32" | "u8" | "bool" | "str" | "()") {
        return diagnostic.help("nothing in this can be differentiated: return the float that you mean");
    }
    if is_array {
        return diagnostic.help("use `jacobian(f)` for all derivatives, `vjp(f)` with a seed, or `sum` the result");
    }
    diagnostic.help("use `vjp(f)` with a seed, or return a float first: `(loss, rest)`")
}

/// A function whose value is an integer.
pub fn objective_not_float(at: Span, op: &str, have: &str) -> Diagnostic {
    Diagnostic::error("E0614", at, format!("`{op}` needs a function that returns a float, this one returns `{have}`"))
        .help("an integer has no derivative; write the numbers with a point")
}

/// A field of a tangent that does not exist.
pub fn field_without_tangent(name: &Name, ty: &str, declared: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0615", name.span, format!("the field `{name}` has no tangent"))
        .label("a gradient has only the fields that can be trained");
    let diagnostic = if declared.file == name.span.file {
        diagnostic.also(declared, format!("declared here, of type `{ty}`"))
    } else {
        diagnostic
    };
    diagnostic.help("discrete fields have no tangent; of a model only `param`s and nested models have one")
}

/// A matrix of derivatives of something that is not an array.
pub fn not_dense(at: Span, have: &str) -> Diagnostic {
    Diagnostic::error("E0616", at, format!("a matrix of derivatives needs floats or arrays of floats, found `{have}`"))
        .help("use `vjp` or `jvp`, which work on any type")
}
