//! What can be wrong with names and modules: E0200–E0229.

use super::elsewhere;
use crate::ast::{Import, Name};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &[
    "E0200", "E0201", "E0202", "E0203", "E0204", "E0205", "E0206", "E0207", "E0208", "E0209", "E0210", "E0211",
    "E0212", "E0213",
];

fn did_you_mean(diagnostic: Diagnostic, at: Span, near: Option<&str>) -> Diagnostic {
    match near {
        Some(near) => diagnostic.suggest(at, near, format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// A name that nothing in scope has.
pub fn unknown_name(name: &Name, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0200", name.span, format!("unknown name `{name}`")).label("not in scope");
    if let Some(help) = elsewhere::value(name.as_str()) {
        return diagnostic.help(help);
    }
    match near {
        Some(_) => did_you_mean(diagnostic, name.span, near),
        None => match library_module(name.as_str()) {
            Some(module) => diagnostic.help(format!("write `use std::{module}::{name};` at the top of the file")),
            None => diagnostic.help("declare it with `let` or `var`, define it, or import it with `use`"),
        },
    }
}

/// A field or method of the type that a method belongs to, without `self`.
pub fn member_without_self(name: &Name, what: &str, of: &str) -> Diagnostic {
    let call = if what == "method" { "(…)" } else { "" };
    Diagnostic::error("E0200", name.span, format!("unknown name `{name}`"))
        .label("not in scope")
        .help(format!("`{name}` is a {what} of `{of}`: write `self.{name}{call}`"))
}

/// A method that is called like a function.
pub fn method_as_function(name: &Name, of: &str) -> Diagnostic {
    Diagnostic::error("E0200", name.span, format!("unknown name `{name}`"))
        .label("not in scope")
        .help(format!("`{name}` is a method of `{of}`: write `x.{name}(…)`"))
}

/// A size that nobody has named.
pub fn unknown_size(name: &Name, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0200", name.span, format!("unknown size `{name}`")).label("not in scope");
    did_you_mean(diagnostic, name.span, near)
        .help(format!("to let the caller choose it, declare it behind the function's name: `fn f<{name}>(…)`"))
}

/// Where the library has a well-known name.
fn library_module(name: &str) -> Option<&'static str> {
    Some(match name {
        "Rng" => "random",
        "Adam" | "Sgd" => "optim",
        "read_csv" => "data",
        "args" | "read_text" | "write_text" | "clock" | "is_terminal" => "io",
        "cross_entropy" => "loss",
        _ => return None,
    })
}

/// A type that nobody has declared.
pub fn unknown_type(name: &Name, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0201", name.span, format!("unknown type `{name}`")).label("not in scope");
    if let Some(help) = elsewhere::ty(name.as_str()) {
        return diagnostic.help(help);
    }
    match (near, library_module(name.as_str())) {
        (_, Some(module)) => diagnostic.help(format!("write `use std::{module}::{name};` at the top of the file")),
        (None, None) => diagnostic.help("declare it with `struct`, `enum`, `model` or `type`, or import it with `use`"),
        (near, _) => did_you_mean(diagnostic, name.span, near),
    }
}

/// A trait that nobody has declared.
pub fn unknown_trait(name: &Name, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0201", name.span, format!("unknown trait `{name}`")).label("not in scope");
    match near {
        None => diagnostic.help("declare it with `trait`, or import it with `use`"),
        near => did_you_mean(diagnostic, name.span, near),
    }
}

/// Two definitions of one name.
pub fn duplicate(name: &Name, first: Span) -> Diagnostic {
    Diagnostic::error("E0202", name.span, format!("`{name}` is defined twice"))
        .label("defined again here")
        .also(first, "first defined here")
        .help("give one of them another name")
}

/// A module whose file is nowhere.
pub fn module_not_found(import: &Import) -> Diagnostic {
    let path: Vec<&str> = import.path.iter().map(Name::as_str).collect();
    let files: Vec<String> =
        (1..path.len()).rev().filter(|n| *n <= 4).map(|n| format!("`{}.dp`", path[..n].join("/"))).collect();
    let files = if files.is_empty() { vec![format!("`{}.dp`", path.join("/"))] } else { files };
    Diagnostic::error("E0203", import.span, format!("module `{}` is not found", path.join("::")))
        .label(format!("looked for {}", files.join(" and ")))
        .help("the file is searched beside the importing one, then on the paths given by `-I`")
}

/// A part of the library that does not exist.
pub fn no_std_module(import: &Import, near: Option<&str>, known: impl Iterator<Item = &'static str>) -> Diagnostic {
    let known: Vec<String> = known.map(|m| format!("`std::{m}`")).collect();
    let name = import.path.get(1).map_or("std", Name::as_str);
    let diagnostic = Diagnostic::error("E0203", import.span, format!("there is no `std::{name}`"));
    if let (Some(near), Some(at)) = (near, import.path.get(1)) {
        return diagnostic.suggest(at.span, near, format!("did you mean `std::{near}`?"));
    }
    diagnostic.help(format!("the library has {}", known.join(", ")))
}

/// Modules that import one another in a circle.
pub fn import_cycle(at: Span, name: &str, path: &[(String, Span)]) -> Diagnostic {
    let mut names: Vec<&str> = path.iter().map(|(n, _)| n.as_str()).collect();
    names.push(name);
    let mut diagnostic = Diagnostic::error("E0204", at, format!("modules import each other: {}", names.join(" -> ")));
    for (importing, span) in path.iter().filter(|(_, span)| *span != at) {
        diagnostic = diagnostic.also(*span, format!("`{importing}` imports here"));
    }
    diagnostic.label("this closes the circle").help("move what both need into a module that imports neither")
}

/// An item without `pub`, from outside.
pub fn private(name: &Name, at: Span) -> Diagnostic {
    Diagnostic::error("E0205", name.span, format!("`{name}` is private"))
        .also(at, "defined here without `pub`")
        .help("write `pub` in front of its definition")
}

/// A name that a module does not have.
pub fn not_in_module(name: &Name, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0206", name.span, format!("the module has no `{name}`"));
    match near {
        Some(_) => did_you_mean(diagnostic, name.span, near),
        None => match library_module(name.as_str()) {
            Some(module) => diagnostic.help(format!("write `use std::{module}::{name};`")),
            None => diagnostic.help("look at what the module declares with `pub`"),
        },
    }
}

/// Something else where a type must stand.
pub fn not_a_type(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0207", at, format!("`{name}` is not a type")).help("types are scalars, `str`, arrays, tuples, `List<T>`, functions, and what `struct`, `enum`, `model` or `type` declares")
}

/// A trait where a type must stand.
pub fn trait_as_type(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0207", at, format!("`{name}` is a trait, not a type"))
        .help(format!("take any type that implements it: `fn f<T: {name}>(x: T)`"))
}

/// A size parameter as a type.
pub fn size_as_type(name: &Name, at: Span) -> Diagnostic {
    Diagnostic::error("E0207", name.span, format!("`{name}` is a size, not a type"))
        .also(at, "a parameter in lower case is a size")
        .help("give type parameters a name in upper case")
}

/// Something else where a trait must stand.
pub fn not_a_trait(name: &Name) -> Diagnostic {
    Diagnostic::error("E0207", name.span, format!("`{name}` is not a trait")).help("a bound is a trait")
}

/// `Self` where there is none.
pub fn self_outside(at: Span) -> Diagnostic {
    Diagnostic::error("E0208", at, "there is no `Self` here")
        .help("`Self` and `self` belong to `impl`, `trait` and `model`")
}

/// A type or module as a value.
pub fn not_a_value(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0209", at, format!("`{name}` is not a value"))
        .help("write a literal of the type, `Name { … }`, or a name inside it, `Name::…`")
}

/// A type parameter where a size must stand.
pub fn type_as_size(at: Span, name: &str) -> Diagnostic {
    let lower = name.to_lowercase();
    Diagnostic::error("E0209", at, format!("`{name}` is a type, not a size"))
        .help(format!("names of sizes begin in lower case: `<{lower}>` and `[f64; {lower}]`"))
}

/// `Type.f(…)`, `module.f(…)`
pub fn path_with_dot(at: Span, of: &str, member: &Name) -> Diagnostic {
    let dot = Span { lo: at.hi, hi: member.span.lo, ..at };
    Diagnostic::error("E0209", at, format!("`{of}` is not a value")).suggest(
        dot,
        "::",
        format!("what is inside of a type or module is named with `::`: `{of}::{member}`"),
    )
}

/// `Point(1.0, 2.0)`
pub fn struct_called(at: Span, of: &str, fields: &[String], is_model: bool) -> Diagnostic {
    let list: Vec<String> = fields.iter().map(|f| format!("{f}: …")).collect();
    let diagnostic = Diagnostic::error("E0209", at, format!("`{of}` is a type and cannot be called"));
    if is_model {
        return diagnostic.help(format!("write `{of}::init(&rng)`, which draws its parameters"));
    }
    diagnostic.help(format!("write its fields by name: `{of} {{ {} }}`", list.join(", ")))
}

/// `f::x` of a function.
pub fn nothing_inside(name: &Name, of: &str) -> Diagnostic {
    Diagnostic::error("E0209", name.span, format!("`{of}` has nothing named `{name}` inside"))
        .help("only modules, types and traits have names inside")
}

/// Not a struct, model or case with named fields.
pub fn not_a_struct(at: Span) -> Diagnostic {
    Diagnostic::error("E0209", at, "this has no named fields")
        .help("`Name { field: value }` is for structs, models and cases with named fields")
}

/// An unknown case of a known enum.
pub fn no_such_case(name: &Name, of: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0210", name.span, format!("`{of}` has no case `{name}`"));
    match near {
        Some(_) => did_you_mean(diagnostic, name.span, near),
        None => diagnostic.help("look at the declaration of the enum"),
    }
}

/// An unknown function inside a type.
pub fn no_associated(name: &Name, of: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0210", name.span, format!("`{of}` has no function `{name}`"));
    match near {
        Some(_) => did_you_mean(diagnostic, name.span, near),
        None => diagnostic.help("declare it in an `impl` of the type, or of a trait for it"),
    }
}

/// `Point::new(…)`, which nobody has declared.
pub fn no_constructor(name: &Name, of: &str, fields: &[String], is_model: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0210", name.span, format!("`{of}` has no function `{name}`"));
    if is_model {
        return diagnostic.help(format!("a model is made by `{of}::init(&rng)`, which draws its parameters"));
    }
    let list: Vec<String> = fields.iter().map(|f| format!("{f}: …")).collect();
    diagnostic.help(format!("write a literal, `{of} {{ {} }}`, or declare `{name}` in an `impl`", list.join(", ")))
}

/// A case without its enum in an expression.
pub fn bare_case(name: &Name, of: &str) -> Diagnostic {
    Diagnostic::error("E0210", name.span, format!("`{name}` is a case of `{of}`")).suggest(
        name.span,
        format!("{of}::{name}"),
        format!("in an expression write `{of}::{name}`"),
    )
}

/// A function of the host outside of the library.
pub fn host_outside_std(at: Span) -> Diagnostic {
    Diagnostic::error("E0211", at, "functions of the host are for the library only")
        .help("use what `std::io` and `std::data` offer")
}

/// An unknown field.
pub fn no_field(name: &Name, of: &str, near: Option<&str>, at: Option<Span>, known: &[String]) -> Diagnostic {
    let mut diagnostic = Diagnostic::error("E0212", name.span, format!("`{of}` has no field `{name}`"));
    if let Some(at) = at.filter(|at| at.file == name.span.file) {
        diagnostic = diagnostic.also(at, "declared here");
    }
    match near {
        Some(_) => did_you_mean(diagnostic, name.span, near),
        None if known.is_empty() => diagnostic.help("it has no fields"),
        None => diagnostic.help(format!("its fields are {}", known.join(", "))),
    }
}

/// A field of something that has none.
pub fn no_field_in(name: &Name, of: &str, is_unit: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0212", name.span, format!("`{of}` has no field `{name}`"));
    if is_unit {
        return diagnostic.help("`()` has nothing in it; the tangent of a type without floats is `()`");
    }
    if let Some(help) = elsewhere::method(name.as_str()) {
        return diagnostic.help(help);
    }
    diagnostic.help("only structs and models have named fields; the components of a tuple are `.0`, `.1`, …")
}

/// An unknown method.
pub fn no_method(name: &Name, of: &str, near: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0213", name.span, format!("`{of}` has no method `{name}`"));
    match near {
        Some(_) => did_you_mean(diagnostic, name.span, near),
        None if of.starts_with('[') && matches!(name.as_str(), "push" | "pop" | "append") => {
            diagnostic.help("an array has a fixed size; make a list of it: `var xs = List::from(a);`")
        }
        None if elsewhere::method(name.as_str()).is_some() => {
            diagnostic.help(elsewhere::method(name.as_str()).unwrap_or_default())
        }
        None => diagnostic.help("methods are declared in an `impl` of the type, of a trait for it, or in the `model`"),
    }
}
