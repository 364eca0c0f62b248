//! What can be wrong with types and sizes: E0300–E0349.

use crate::ast::Name;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &[
    "E0300", "E0301", "E0302", "E0303", "E0304", "E0305", "E0306", "E0307", "E0308", "E0309", "E0310", "E0311",
    "E0312", "E0313", "E0314", "E0315", "E0316", "E0317", "E0318", "E0319", "E0320", "E0321", "E0322", "E0323",
    "E0326",
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
    if want.starts_with('[') && have.starts_with("List<") {
        return Some("make the list an array first: `let a = xs as [T; n];`, which names its length".into());
    }
    if want.starts_with("List<") && have.starts_with('[') {
        return Some("make the array a list: `List::from(…)`".into());
    }
    if let Some(result) = have.strip_prefix("fn(") {
        let result = result.rsplit_once("-> ").map_or("", |(_, r)| r);
        if result == want {
            return Some(format!("this is the function itself: call it with `(…)` to get its `{want}`"));
        }
    }
    if want.starts_with("fn(") && have.starts_with("fn(") {
        return Some("the function must have these parameters and this result".into());
    }
    if have.starts_with("Option<") || have.starts_with("Result<") {
        return Some("take the value out of it: `match`, `if let`, or `?`".into());
    }
    if have == "str" && numbers.contains(&want) {
        return Some("a text is not a number: write it without quotes".into());
    }
    if want == "()" {
        return Some("end the expression with `;`, or give the function a result type with `->`".into());
    }
    None
}

/// Whether two shapes can turn out to be equal when the program runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shapes {
    /// The sizes are different expressions.
    MayAgree,
    /// A size of one differs from that of the other by a constant.
    NeverAgree,
    /// They have another number of axes.
    OtherRank,
}

/// Types that differ only in sizes.
pub fn shapes_differ(at: Span, want: &str, have: &str, shapes: Shapes) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0301", at, format!("expected the shape `{want}`, found `{have}`"))
        .label(format!("this is `{have}`"));
    match shapes {
        Shapes::MayAgree => {
            diagnostic.help(format!("if they are equal when it runs, say so: `… as {want}` checks it there"))
        }
        Shapes::NeverAgree => diagnostic.help("these sizes are never equal: change one of them"),
        Shapes::OtherRank => diagnostic.help(
            "the number of axes differs: `x[i]` is a row, `sum(x, axis: k)` has one axis less, `reshape` changes them",
        ),
    }
}

/// Two sizes that are not equal.
pub fn sizes_differ(at: Span, want: &str, have: &str) -> Diagnostic {
    Diagnostic::error("E0301", at, format!("the sizes `{want}` and `{have}` are not equal"))
        .help("if they are equal when it runs, say so with `as`, which checks it there")
}

/// Operands whose shapes do not fit.
pub fn operand_shapes(at: Span, op: &str, left: Operand<'_>, right: Operand<'_>, shapes: Shapes) -> Diagnostic {
    let diagnostic = operands(at, op, left, right);
    match shapes {
        Shapes::MayAgree => diagnostic
            .help(format!("if they fit when it runs, name the sizes with `as`, for example `… as {}`", left.1)),
        Shapes::NeverAgree => diagnostic.help("these sizes are never equal: change one of them"),
        Shapes::OtherRank => diagnostic.help(
            "axes are matched from the last one on: `[f64; n, m]` goes with `[f64; m]`; `transpose` exchanges the axes of a matrix",
        ),
    }
}

/// A matrix product whose inner sizes differ; `transposed` says which operand would fit if it were transposed.
pub fn inner_sizes(
    at: Span,
    left: Operand<'_>,
    right: Operand<'_>,
    inner: (&str, &str),
    transposed: Option<&str>,
) -> Diagnostic {
    let diagnostic = operands(at, "@", left, right).note(format!(
        "the last size of the first and the first size of the second must be equal: here `{}` and `{}`",
        inner.0, inner.1
    ));
    match transposed {
        Some(which) => diagnostic.help(format!("it fits with the {which} operand transposed: `transpose(…)`")),
        None => diagnostic.help("if they are equal when it runs, name the sizes with `as`"),
    }
}

fn operands(at: Span, op: &str, left: Operand<'_>, right: Operand<'_>) -> Diagnostic {
    Diagnostic::error("E0301", at, format!("the shapes of `{op}` do not fit: `{}` and `{}`", left.1, right.1))
        .also(left.0, format!("this is `{}`", left.1))
        .also(right.0, format!("this is `{}`", right.1))
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
    let diagnostic = Diagnostic::error("E0303", at, format!("the literal `{value}` does not fit `{ty}`"))
        .label(format!("`{ty}` is from {low} to {high}"));
    match ty {
        "u8" if value < 0 => diagnostic.help("`u8` has no negative numbers: use `i32` or `i64`"),
        "i64" => diagnostic.help("there is no wider integer; a float is written with a point, such as `1e19`"),
        _ => diagnostic.help("use `i64`"),
    }
}

/// Nothing says what a type is. `shown` is what is known of it.
pub fn cannot_infer(at: Span, shown: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0304", at, "the type of this cannot be inferred");
    if shown.starts_with("List<") {
        return diagnostic.help("write what it is a list of: `List<f64>::new()`, or `let xs: List<f64> = …`");
    }
    if shown.starts_with("Option<") {
        return diagnostic.help("write what it would contain: `let x: Option<f64> = None;`");
    }
    if shown.starts_with("[_; 0") {
        return diagnostic.help("write the type: `let xs: [f64; 0] = [];`; what grows is a list, `List<f64>::new()`");
    }
    if shown.starts_with("fn(") {
        return diagnostic.help("write the types of the parameters: `|x: f64| …`");
    }
    diagnostic.help("write it, for example `let x: f64 = …`")
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

/// Operands of types that an operator is not for; `generic` if one is a type parameter.
pub fn no_operator(at: Span, op: &str, left: Operand<'_>, right: Operand<'_>, generic: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0305", at, format!("`{op}` is not for `{}` and `{}`", left.1, right.1))
        .also(left.0, format!("this is `{}`", left.1))
        .also(right.0, format!("this is `{}`", right.1));
    let either = |test: &dyn Fn(&str) -> bool| test(left.1) || test(right.1);
    match op {
        "+" if left.1 == "str" => diagnostic.help("join texts in a literal: `\"{a}{b}\"`"),
        "@" if left.1.starts_with('[') && right.1.starts_with('[') => {
            diagnostic.help("`@` is for a matrix and a vector or two matrices; `dot(x, y)` is for two vectors")
        }
        "@" => diagnostic.help("`@` is the product of matrices; a number times an array is `*`"),
        _ if either(&|t| t == "()") => diagnostic.help("`()` is no value: the function returns nothing"),
        _ if either(&|t| t.starts_with("fn(")) => {
            diagnostic.help("a function is called with `(…)`, also without arguments: `f()`")
        }
        _ if either(&|t| t.starts_with("List<")) => {
            diagnostic.help("lists have no arithmetic; make the list an array first: `let a = xs as [T; n];`")
        }
        _ if generic => {
            diagnostic.help("a type parameter may be any type: give it methods by a trait, `fn f<T: Trait>(…)`")
        }
        _ => diagnostic.help("operators are for numbers, arrays of numbers and tangents; own types have methods"),
    }
}

/// Operands of different types.
pub fn operands_differ(at: Span, op: &str, left: Operand<'_>, right: Operand<'_>) -> Diagnostic {
    Diagnostic::error("E0305", at, format!("`{op}` needs operands of one type, found `{}` and `{}`", left.1, right.1))
        .also(left.0, format!("this is `{}`", left.1))
        .also(right.0, format!("this is `{}`", right.1))
        .help(common_type(left.1, right.1))
}

/// What to do about operands of two types.
fn common_type(left: &str, right: &str) -> String {
    let scalar = |t: &str| t.trim_start_matches('[').split(';').next().unwrap_or_default().to_string();
    let (l, r) = (scalar(left), scalar(right));
    let rank = |t: &str| ["u8", "i32", "i64", "f32", "f64"].iter().position(|n| *n == t);
    match (rank(&l), rank(&r)) {
        (Some(a), Some(b)) => {
            let (narrow, wide) = if a < b { (l, r) } else { (r, l) };
            format!("there are no implicit conversions: convert the `{narrow}` with `… as {wide}`")
        }
        _ => "both sides must have one type".to_string(),
    }
}

/// An operator or a function on scalars that it is not for.
pub fn wrong_leaf(at: Span, what: &str, kind: &str, have: &str, int_literal: bool) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0305", at, format!("`{what}` is for {kind}, found `{have}`"))
        .label(format!("this is `{have}`"));
    if int_literal {
        return diagnostic.help("write the number with a point: `2.0`");
    }
    match kind {
        _ if what == "^" => diagnostic.help("a power is written `pow(x, 2.0)`, a square `x * x`"),
        "floats" if matches!(have, "i64" | "i32" | "u8") => diagnostic.help("convert it: `… as f64`"),
        "numbers" if have == "bool" => diagnostic.help("convert it: `… as i64`"),
        "floats" => diagnostic.help("`as f64` converts integers"),
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
    let diagnostic = Diagnostic::error("E0308", at, format!("`{have}` cannot be indexed"));
    match have {
        "str" => diagnostic.help("a `str` is a text to be written; it has no elements"),
        _ if have.starts_with('(') => diagnostic.help("the components of a tuple are `.0`, `.1`, …"),
        _ => diagnostic.help("arrays and lists can be indexed"),
    }
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

/// The name of a type where a size must stand.
pub fn type_as_size(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0312", at, format!("expected a size, found the type `{name}`"))
        .help("parameters in lower case take sizes, such as `3` or `n`")
}

/// A size that the code which computes it does not outlive.
pub fn size_escapes(at: Span, shown: &str, name: &str, declared: Span) -> Diagnostic {
    let named = if name == "_" { "a size computed".to_string() } else { format!("`{name}`, which exists only") };
    Diagnostic::error("E0313", at, format!("the type `{shown}` depends on {named} in this branch, loop or closure"))
        .also(declared, "the size is computed here")
        .help("compute the size before, and give it a name there; data of different lengths are a `List`")
}

/// Types without equality or order.
pub fn not_comparable(at: Span, have: &str, ordered: bool, generic: bool) -> Diagnostic {
    let what = if ordered { "ordered" } else { "compared" };
    let diagnostic = Diagnostic::error("E0314", at, format!("values of type `{have}` cannot be {what}"));
    if generic {
        return diagnostic.help("a type parameter may be any type: give it a method by a trait, `fn f<T: Trait>(…)`");
    }
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
    let branches = if what == "if" { "branches of an" } else { "arms of a" };
    Diagnostic::error("E0316", at, format!("the {branches} `{what}` have one type, found `{want}` and `{have}`"))
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
pub fn case_needs_braces(at: Span, name: &str, declared: Span, inside: &str) -> Diagnostic {
    Diagnostic::error("E0320", at, format!("the fields of `{name}` have names"))
        .also(declared, "declared here")
        .help(format!("write `{name} {{ {inside} }}`"))
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

/// A constant index that no element has.
pub fn out_of_bounds(at: Span, index: i64, size: Option<i64>) -> Diagnostic {
    let message = match size {
        Some(size) => format!("the index {index} is out of bounds for size {size}"),
        None => format!("the index {index} is out of bounds"),
    };
    let diagnostic = Diagnostic::warning("E0326", at, message).label("the program will trap here");
    match size {
        _ if index < 0 => diagnostic.help("indices begin at 0; the last element is `x[x.len() - 1]`"),
        Some(0) => diagnostic.help("there are no elements"),
        Some(size) => diagnostic.help(format!("the elements have the indices 0 to {}", size - 1)),
        None => diagnostic,
    }
}
