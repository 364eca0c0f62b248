//! What can be wrong with types and sizes: E0300–E0349.

use crate::ast::Name;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &[
    "E0300", "E0301", "E0302", "E0303", "E0304", "E0305", "E0306", "E0307", "E0308", "E0309", "E0310", "E0311",
    "E0312", "E0313", "E0314", "E0315", "E0316", "E0317", "E0318", "E0319", "E0320", "E0321", "E0322", "E0323",
];

/// An operand for a message: where it is, and its type.
type Operand<'a> = (Span, &'a str);

/// A value of another type than is wanted.
pub fn mismatch(at: Span, want: &str, have: &str) -> Diagnostic {
    let diagnostic =
        Diagnostic::error("E0300", at, format!("expected `{want}`, found `{have}`")).label(format!("this is `{have}`"));
    match conversion(want, have) {
        Some(help) => diagnostic.help(help),
        None => diagnostic.help(format!("give a value of type `{want}`, or change the type that is written")),
    }
}

/// What to do about numbers of another type.
fn conversion(want: &str, have: &str) -> Option<String> {
    let numbers = ["f64", "f32", "i64", "i32", "u8"];
    let element = |ty: &str| ty.strip_prefix('[').and_then(|t| t.split(';').next()).map(str::to_string);
    if let (Some(want), Some(have)) = (element(want), element(have))
        && want != have
        && numbers.contains(&want.as_str())
        && numbers.contains(&have.as_str())
    {
        return Some(format!("convert the elements: `… as {want}`"));
    }
    if numbers.contains(&want) && (numbers.contains(&have) || have == "bool") {
        return Some(format!("there are no implicit conversions: write `… as {want}`"));
    }
    if want == "bool" {
        return Some("compare it with something, for example `x != 0`".into());
    }
    if want == "str" {
        return Some("write it into a text: `\"{x}\"`".into());
    }
    if want == "()" {
        return Some("end the expression with `;`, or give the function a result type with `->`".into());
    }
    None
}

/// Types that differ only in sizes.
pub fn shapes_differ(at: Span, want: &str, have: &str) -> Diagnostic {
    Diagnostic::error("E0301", at, format!("expected the shape `{want}`, found `{have}`"))
        .label(format!("this is `{have}`"))
        .help(format!("if they are equal when it runs, say so: `… as {want}` checks it there"))
}

/// Two sizes that are not equal.
pub fn sizes_differ(at: Span, want: &str, have: &str) -> Diagnostic {
    Diagnostic::error("E0301", at, format!("the sizes `{want}` and `{have}` are not equal"))
        .help("if they are equal when it runs, say so with `as`, which checks it there")
}

/// Operands whose shapes do not fit.
pub fn operand_shapes(at: Span, op: &str, left: Operand<'_>, right: Operand<'_>) -> Diagnostic {
    Diagnostic::error("E0301", at, format!("the shapes of `{op}` do not fit: `{}` and `{}`", left.1, right.1))
        .also(left.0, format!("this is `{}`", left.1))
        .also(right.0, format!("this is `{}`", right.1))
        .help(format!("if they fit when it runs, name the sizes with `as`, for example `… as {}`", left.1))
}

/// An integer literal where a float must stand.
pub fn int_for_float(at: Span, want: &str, digits: i64) -> Diagnostic {
    Diagnostic::error("E0302", at, format!("expected `{want}`, found the integer `{digits}`"))
        .label("an integer literal is never a float")
        .suggest(at, format!("{digits}.0"), format!("write `{digits}.0`"))
}

/// `2 * x` with a float `x`.
pub fn int_beside_float(at: Span, digits: i64, op: &str, other: Span, shown: &str) -> Diagnostic {
    Diagnostic::error("E0302", at, format!("the integer `{digits}` and a float do not go together in `{op}`"))
        .label("an integer literal is never a float")
        .also(other, format!("this is `{shown}`"))
        .suggest(at, format!("{digits}.0"), format!("write `{digits}.0`"))
}

/// A literal that its type cannot hold.
pub fn literal_range(at: Span, value: i128, ty: &str, low: i128, high: i128) -> Diagnostic {
    Diagnostic::error("E0303", at, format!("the literal `{value}` does not fit `{ty}`"))
        .label(format!("`{ty}` is from {low} to {high}"))
        .help("use a wider type")
}

/// Nothing says what a type is.
pub fn cannot_infer(at: Span) -> Diagnostic {
    Diagnostic::error("E0304", at, "the type of this cannot be inferred")
        .help("write it, for example `let x: f64 = …`, `|x: f64| …` or `List<f64>::new()`")
}

/// A type must be known before something can be done with it.
pub fn must_be_known(at: Span) -> Diagnostic {
    Diagnostic::error("E0304", at, "the type of this must be known here")
        .help("write it where the name is bound, for example `|x: f64| …`")
}

/// Nothing says what a size is.
pub fn cannot_infer_size(at: Span) -> Diagnostic {
    Diagnostic::error("E0304", at, "a size of this cannot be inferred")
        .help("write the generic arguments, or the type with an annotation")
}

/// Operands of types that an operator is not for.
pub fn no_operator(at: Span, op: &str, left: Operand<'_>, right: Operand<'_>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0305", at, format!("`{op}` is not for `{}` and `{}`", left.1, right.1))
        .also(left.0, format!("this is `{}`", left.1))
        .also(right.0, format!("this is `{}`", right.1));
    match (op, left.1) {
        ("+", "str") => diagnostic.help("join texts in a literal: `\"{a}{b}\"`"),
        _ => diagnostic.help("operators are for numbers, arrays of numbers and tangents; own types have methods"),
    }
}

/// Operands of different types.
pub fn operands_differ(at: Span, op: &str, left: Operand<'_>, right: Operand<'_>) -> Diagnostic {
    Diagnostic::error("E0305", at, format!("`{op}` needs operands of one type, found `{}` and `{}`", left.1, right.1))
        .also(left.0, format!("this is `{}`", left.1))
        .also(right.0, format!("this is `{}`", right.1))
        .help("there are no implicit conversions: write `… as T`")
}

/// An operator or a function on scalars that it is not for.
pub fn wrong_leaf(at: Span, what: &str, kind: &str, have: &str, int_literal: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0305", at, format!("`{what}` is for {kind}, found `{have}`"))
        .label(format!("this is `{have}`"));
    if int_literal {
        return diagnostic.help("write the number with a point: `2.0`");
    }
    match kind {
        "floats" => diagnostic.help("`as f64` converts"),
        _ => diagnostic.help(format!("give it {kind}, or arrays of these")),
    }
}

/// `as` between types without a conversion.
pub fn cannot_cast(at: Span, have: &str, want: &str) -> Diagnostic {
    Diagnostic::error("E0306", at, format!("`as` does not convert `{have}` to `{want}`"))
        .help("`as` converts numbers and `bool`, names sizes of arrays, and makes an array of a list")
}

/// Rows of different lengths.
pub fn ragged_literal(at: Span, have: &str, first: Span, want: &str) -> Diagnostic {
    Diagnostic::error("E0307", at, format!("rows of an array have one shape, found `{want}` and `{have}`"))
        .label(format!("this is `{have}`"))
        .also(first, format!("the first row is `{want}`"))
        .help("for rows of different lengths use `List<List<T>>`")
}

/// Something that has no elements.
pub fn cannot_index(at: Span, have: &str) -> Diagnostic {
    Diagnostic::error("E0308", at, format!("`{have}` cannot be indexed")).help("arrays and lists can be indexed")
}

/// More indices than axes.
pub fn too_many_indices(at: Span, given: usize, rank: usize, have: &str) -> Diagnostic {
    let axes = if rank == 1 { "1 axis".to_string() } else { format!("{rank} axes") };
    Diagnostic::error("E0308", at, format!("{given} indices for `{have}`, which has {axes}"))
        .help("write at most one index for each axis; elements that are lists have indices of their own, `x[i][j]`")
}

/// `xs[a..b]` of a list.
pub fn list_slice(at: Span) -> Diagnostic {
    Diagnostic::error("E0308", at, "a list has no slices")
        .help("make it an array first: `let a = xs as [T; n];`, then `a[i..j]`")
}

/// A size that is negative whatever runs.
pub fn negative_size(at: Span, size: i64) -> Diagnostic {
    Diagnostic::error("E0309", at, format!("a size cannot be negative, this is {size}")).help("sizes are 0 or more")
}

/// An expression that is not made of immutable `i64`.
pub fn not_a_size(at: Span, variable: Option<(crate::ast::Symbol, Span)>) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0310", at, "this is not a size");
    match variable {
        Some((name, declared)) => diagnostic
            .label(format!("`{name}` may change"))
            .also(declared, "declared with `var` here")
            .help("bind its value of the moment: `let n = …;`, then use `n`"),
        None => diagnostic
            .help("sizes are literals, constants, immutable `i64` and arithmetic of these; name it with `let` first"),
    }
}

/// `some k` where no result is declared.
pub fn some_outside_result(name: &Name) -> Diagnostic {
    Diagnostic::error("E0311", name.span, format!("`some {name}` is for result types"))
        .help("only a function that computes a size says `some`; elsewhere write the name alone")
}

/// A number where a type argument must stand.
pub fn size_for_type(at: Span) -> Diagnostic {
    Diagnostic::error("E0312", at, "expected a type, found a size").help("parameters in upper case take types")
}

/// A type where a size argument must stand.
pub fn type_for_size(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0312", at, format!("expected a size for `{name}`, found a type"))
        .help("parameters in lower case take sizes")
}

/// A size that the code which computes it does not outlive.
pub fn size_escapes(at: Span, shown: &str, name: &str, declared: Span) -> Diagnostic {
    let named = if name == "_" { "a size computed".to_string() } else { format!("`{name}`, which exists only") };
    Diagnostic::error("E0313", at, format!("the type `{shown}` depends on {named} in this branch, loop or closure"))
        .also(declared, "the size is computed here")
        .help("compute the size before, and give it a name there; data of different lengths are a `List`")
}

/// Types without equality or order.
pub fn not_comparable(at: Span, have: &str, ordered: bool) -> Diagnostic {
    let what = if ordered { "ordered" } else { "compared" };
    let diagnostic = Diagnostic::error("E0314", at, format!("values of type `{have}` cannot be {what}"));
    if ordered {
        return diagnostic.help("`<` and the like are for numbers and strings");
    }
    diagnostic.help("`==` is for numbers, bools, strings, and arrays, tuples, structs and enums of these")
}

/// `if` without `else` whose block has a value.
pub fn if_without_else(at: Span, have: &str) -> Diagnostic {
    Diagnostic::error("E0315", at, format!("an `if` without `else` has no value, found `{have}`"))
        .help("add an `else`, or end the value with `;`")
}

/// Branches of different types.
pub fn branches_differ(at: Span, have: &str, first: Span, want: &str, what: &str) -> Diagnostic {
    let branches = if what == "if" { "branches" } else { "arms" };
    Diagnostic::error("E0316", at, format!("the {branches} of an `{what}` have one type, found `{want}` and `{have}`"))
        .label(format!("this is `{have}`"))
        .also(first, format!("this is `{want}`"))
        .help("make them agree, or end each with `;` if the value is not needed")
}

/// The body of a loop has a value.
pub fn loop_value(at: Span, have: &str) -> Diagnostic {
    Diagnostic::error("E0317", at, format!("the body of a loop has no value, found `{have}`")).help("end it with `;`")
}

/// Something that a loop cannot run over.
pub fn cannot_iterate(at: Span, have: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0318", at, format!("a loop cannot run over `{have}`"));
    if have == "i64" {
        return diagnostic.help("write a range: `0..n`");
    }
    diagnostic.help("loops run over ranges, arrays and lists")
}

/// `a..b` outside of loops and indices.
pub fn range_as_value(at: Span) -> Diagnostic {
    Diagnostic::error("E0319", at, "a range is not a value")
        .help("ranges stand in `for`, in comprehensions and in indices; `[i for i in a..b]` is an array")
}

/// A case with fields between braces, used like one with a list.
pub fn case_needs_braces(at: Span, name: &str, declared: Span) -> Diagnostic {
    Diagnostic::error("E0320", at, format!("the fields of `{name}` have names"))
        .also(declared, "declared here")
        .help(format!("write `{name} {{ field: value }}`"))
}

/// `.3` of something else, or beyond the end.
pub fn no_component(at: Span, index: u32, have: &str) -> Diagnostic {
    Diagnostic::error("E0321", at, format!("`{have}` has no component `.{index}`"))
        .help("the components of a tuple are `.0`, `.1`, …")
}

/// `?` of something else.
pub fn try_of(at: Span, have: &str) -> Diagnostic {
    Diagnostic::error("E0322", at, format!("`?` is for `Option` and `Result`, found `{have}`")).help("remove the `?`")
}

/// `?` in a function that returns something else.
pub fn try_in(at: Span, have: &str, result: Span, shown: &str) -> Diagnostic {
    Diagnostic::error("E0322", at, format!("`?` on `{have}` in a function that returns `{shown}`"))
        .also(result, "the result type is here")
        .help("let the function return the same `Option` or `Result`, or use `match`")
}

/// A function in a text.
pub fn cannot_print(at: Span, have: &str) -> Diagnostic {
    Diagnostic::error("E0323", at, format!("a function has no text, found `{have}`")).help("call it: `{f(x)}`")
}

/// A type whose text would be endless.
pub fn too_large(at: Span, most: usize) -> Diagnostic {
    Diagnostic::error("E0325", at, format!("the type of this has more than {most} parts"))
        .help("give the parts names: a `struct` is one part wherever it occurs")
}
