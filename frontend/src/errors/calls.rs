//! What can be wrong with calls and with the flow of control: E0400–E0449.

use crate::ast::{Name, Symbol};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &[
    "E0400", "E0401", "E0402", "E0403", "E0404", "E0405", "E0406", "E0407", "E0408", "E0409", "E0410", "E0411",
    "E0412", "E0413", "E0414", "E0415", "E0416", "E0417", "E0418",
];

fn arguments(count: usize) -> String {
    if count == 1 { "1 argument".into() } else { format!("{count} arguments") }
}

/// More arguments than parameters.
pub fn too_many(at: Span, name: &str, want: usize, have: usize, declared: Span) -> Diagnostic {
    Diagnostic::error("E0400", at, format!("`{name}` takes {}, found {have}", arguments(want)))
        .label("this one is too many")
        .also(declared, "declared here")
        .help("remove it")
}

/// Parameters without argument.
pub fn missing(at: Span, name: &str, names: &[&str], want: usize, have: usize, declared: Span) -> Diagnostic {
    let list: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
    Diagnostic::error("E0400", at, format!("`{name}` takes {}, found {have}", arguments(want)))
        .label(format!("missing: {}", list.join(", ")))
        .also(declared, "declared here")
        .help("give every parameter that has no default")
}

/// A built-in function with another number of arguments.
pub fn builtin_count(at: Span, name: &str, want: &str, have: usize) -> Diagnostic {
    let noun = if want == "1" { "argument" } else { "arguments" };
    let diagnostic = Diagnostic::error("E0400", at, format!("`{name}` takes {want} {noun}, found {have}"));
    if matches!(name, "print" | "write" | "eprint" | "trap") && have > 1 {
        return diagnostic.help(format!("put everything into one text: `{name}(\"x = {{x}}, y = {{y:.3}}\")`"));
    }
    diagnostic.help(format!("`{name}` is built in; docs/language.md describes it"))
}

/// A function value with another number of arguments.
pub fn count_of_value(at: Span, want: usize, have: usize, shown: &str, of_operator: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0400", at, format!("this function takes {}, found {have}", arguments(want)))
        .label(format!("its type is `{shown}`"));
    match of_operator {
        Some(help) => diagnostic.help(help),
        None => diagnostic.help("give one argument for each parameter"),
    }
}

/// A named argument for which there is no parameter.
pub fn no_such_parameter(name: &Name, of: &str, near: Option<&str>, declared: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0401", name.span, format!("`{of}` has no parameter `{name}`"))
        .also(declared, "declared here");
    match near {
        Some(near) => diagnostic.suggest(name.span, near, format!("did you mean `{near}`?")),
        None => diagnostic.help("the names are those of the declaration"),
    }
}

/// A named argument of a built-in function.
pub fn builtin_named(name: &Name, of: &str) -> Diagnostic {
    Diagnostic::error("E0401", name.span, format!("`{of}` has no parameter `{name}`"))
        .help("arguments of built-in functions have no names, but for `axis:` of reductions")
}

/// A named argument of a function value.
pub fn named_of_value(name: &Name) -> Diagnostic {
    Diagnostic::error("E0401", name.span, "arguments of a function value have no names")
        .help("write the argument alone")
}

/// Two arguments for one parameter.
pub fn given_twice(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0402", at, format!("the parameter `{name}` is given twice")).help("remove one of the arguments")
}

/// A call of something else.
pub fn not_a_function(at: Span, have: &str) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("E0403", at, format!("`{have}` cannot be called")).label("this is not a function");
    if have == "f64" || have == "f32" || have.starts_with('[') {
        return diagnostic.help("for a product write `*`, for an element `x[i]`");
    }
    if have.starts_with('(') && have.contains("fn(") {
        return diagnostic.help("it is a pair: `let (value, back) = …;`, then `back(seed)`");
    }
    diagnostic.help("only functions can be called")
}

/// `x` for an `inout` parameter.
pub fn needs_ampersand(at: Span, param: Option<(Span, &str)>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0404", at, "this argument may be changed by the function")
        .label("`&` is missing")
        .suggest(at.start(), "&", "write `&` in front of it");
    match param {
        Some((span, text)) => diagnostic.also(span, text),
        None => diagnostic,
    }
}

/// `&x` for a parameter that is not `inout`.
pub fn unwanted_ampersand(at: Span, value: Span, param: Option<(Span, &str)>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0405", at.to(value), "the function does not change this argument")
        .label("`&` is for `inout` parameters")
        .suggest(at, "", "remove the `&`");
    match param {
        Some((span, text)) => diagnostic.also(span, text),
        None => diagnostic,
    }
}

/// Two arguments that may be changed and share something.
pub fn overlap(at: Span, first: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0406", at, format!("two arguments of one call change the same part of `{name}`"))
        .label("lent again here")
        .also(first, "lent here")
        .help("copy one of them first: `var copy = …;`")
}

/// A function without a value at its end.
pub fn missing_return(at: Span, shown: &str, body: Span) -> Diagnostic {
    Diagnostic::error(
        "E0407",
        at,
        format!("the function must return `{shown}`, but its end can be reached without a value"),
    )
    .label("a value of this type is promised")
    .also(body.end(), "here nothing is returned")
    .help("end the body with an expression without `;`, or with `return`")
}

/// A function whose last expression is ended with `;`.
pub fn value_dropped(at: Span, shown: &str, dropped: Span) -> Diagnostic {
    Diagnostic::error(
        "E0407",
        at,
        format!("the function must return `{shown}`, but its end can be reached without a value"),
    )
    .label("a value of this type is promised")
    .also(dropped, "the `;` behind this drops its value")
    .help("remove the `;`: the last expression of a body is its result")
}

/// `return` without a value.
pub fn return_without_value(at: Span, shown: &str, result: Span) -> Diagnostic {
    Diagnostic::error("E0408", at, format!("`return` needs a value of type `{shown}`"))
        .also(result, "the result type is here")
        .help("write `return value`")
}

/// `break` or `continue` without a loop.
pub fn outside_loop(at: Span, word: &str) -> Diagnostic {
    Diagnostic::error("E0409", at, format!("`{word}` outside of a loop"))
        .help("a closure in a loop cannot leave the loop; use `return` to leave a function")
}

/// `x.f()` of a function without `self`.
pub fn not_a_method(name: &Name, of: &str, declared: Span) -> Diagnostic {
    Diagnostic::error("E0410", name.span, format!("`{name}` has no `self`"))
        .also(declared, "declared here")
        .help(format!("call it as `{of}::{name}(…)`"))
}

/// `List::new` without parentheses.
pub fn must_be_called(at: Span) -> Diagnostic {
    Diagnostic::error("E0411", at, "this must be called").help("write `(…)` behind it, or put the call into a closure")
}

/// A built-in function as a value whose type is not clear.
pub fn builtin_as_value(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0411", at, format!("the type of `{name}` as a value is not clear here"))
        .help(format!("write a closure: `|x| {name}(x)`"))
}

/// An operator such as `grad` without a function.
pub fn operator_needs_function(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0413", at, format!("`{name}` needs a function as its first argument"))
        .help(format!("write `{name}(f)`, then call the result: `{name}(f)(x)`"))
}

/// A function whose types depend on the value of a parameter, as a value.
pub fn dependent_value(at: Span, name: &Symbol, declared: Span) -> Diagnostic {
    Diagnostic::error("E0414", at, format!("`{name}` cannot be a value: sizes in its types are parameters"))
        .also(declared, "declared here")
        .help("make the size a generic parameter: `fn f<n>(…)`")
}

/// Something else than an array, for an array function.
pub fn needs_array(at: Span, name: &str, have: &str, is_list: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0412", at, format!("`{name}` is for arrays, found `{have}`"));
    if is_list {
        return diagnostic.help("make the list an array first: `let a = xs as [T; n];`");
    }
    diagnostic.help("give it an array")
}

/// An array of another rank than 1.
pub fn needs_vector(at: Span, name: &str, have: &str) -> Diagnostic {
    Diagnostic::error("E0412", at, format!("`{name}` is for arrays of rank 1, found `{have}`"))
        .help("apply it to each row: `[… for row in x]`")
}

/// Something else than a tangent.
pub fn needs_tangent(at: Span, name: &str, have: &str) -> Diagnostic {
    Diagnostic::error("E0412", at, format!("`{name}` is for tangents, found `{have}`"))
        .help("`zeros_like(x)` is a tangent; `grad` gives one")
}

/// Something else than a text.
pub fn needs_text(at: Span, name: &str, have: &str) -> Diagnostic {
    Diagnostic::error("E0415", at, format!("`{name}` takes a text, found `{have}`"))
        .help(format!("put it into a string: `{name}(\"{{x}}\")`"))
}

/// An axis that the array does not have.
pub fn bad_axis(at: Span, number: Option<i64>, rank: usize) -> Diagnostic {
    let message = match number {
        Some(k) => format!("there is no axis {k} in an array of rank {rank}"),
        None => "an axis must be a constant".to_string(),
    };
    Diagnostic::error("E0416", at, message).help(format!("axes are 0 to {}", rank.saturating_sub(1)))
}

/// A shape that is not written out.
pub fn reshape_shape(at: Span) -> Diagnostic {
    Diagnostic::error("E0417", at, "the shape of `reshape` must be written out")
        .help("write the sizes between brackets: `reshape(x, [2, 3])`")
}

/// A shape with another number of elements.
pub fn reshape_count(at: Span, from: &str, have: i64, to: &str, want: i64) -> Diagnostic {
    Diagnostic::error("E0417", at, format!("`{from}` has {have} elements, the shape `[{to}]` has {want}"))
        .help("the number of elements must stay")
}

/// A statement that only computes a value.
pub fn unused_value(at: Span, help: &str) -> Diagnostic {
    Diagnostic::warning("E0418", at, "the value of this is not used").help(help)
}
