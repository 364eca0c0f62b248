//! What can be wrong with the order of tokens: E0100–E0199.
//!
//! Most of these recognise how something is written in another language, and say how it is written here.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &[
    "E0100", "E0101", "E0102", "E0103", "E0104", "E0105", "E0106", "E0107", "E0108", "E0109", "E0110", "E0111",
    "E0112", "E0113", "E0114", "E0115", "E0116", "E0117", "E0118", "E0119", "E0120", "E0121", "E0122", "E0123",
    "E0124", "E0125", "E0126", "E0127", "E0128", "E0129", "E0130", "E0131", "E0132", "E0133", "E0134", "E0135",
    "E0136", "E0137", "E0138", "E0139", "E0140", "E0141", "E0142", "E0143", "E0144",
];

/// Something else than what had to come.
pub fn expected(at: Span, what: &str, found: &str) -> Diagnostic {
    Diagnostic::error("E0100", at, format!("expected {what}, found {found}"))
}

/// A statement or an item that must end with `;`.
pub fn missing_semicolon(at: Span, after: &str) -> Diagnostic {
    Diagnostic::error("E0101", at, format!("`;` is missing after {after}")).suggest(at, ";", "put `;` here")
}

/// Brackets, operators or blocks in one another beyond the limit.
pub fn nested_too_deeply(at: Span, limit: u32) -> Diagnostic {
    Diagnostic::error("E0102", at, "this is nested too deeply")
        .label(format!("more than {limit} levels"))
        .help("give inner parts names with `let`, or move them into functions")
}

/// A chain of operators or calls that is higher than the tree may be.
pub fn too_high(at: Span, limit: u32) -> Diagnostic {
    Diagnostic::error("E0102", at, "this expression is too long")
        .label(format!("a chain of more than {limit} operations"))
        .help("divide it with `let`, or put the values into an array and `sum` them")
}

/// `a < b < c`
pub fn chained_comparison(at: Span, first: Span) -> Diagnostic {
    Diagnostic::error("E0103", at, "comparisons do not chain")
        .also(first, "this comparison is a `bool` already")
        .help("write both, joined by `&&`: `a < b && b < c`")
}

/// `let mut x`
pub fn let_mut(at: Span) -> Diagnostic {
    Diagnostic::error("E0104", at, "there is no `mut`: a variable that may change is declared with `var`").suggest(
        at,
        "var",
        "write `var`",
    )
}

/// `mut` elsewhere.
pub fn stray_mut(at: Span, word: &str) -> Diagnostic {
    Diagnostic::error("E0104", at, format!("there is no `{word}`"))
        .help("a variable that may change is declared with `var`, a parameter that is changed with `x: inout T`")
}

/// `int`, `float`, `double`
pub fn foreign_type(at: Span, found: &str, right: &str) -> Diagnostic {
    Diagnostic::error("E0105", at, format!("there is no type `{found}`")).suggest(at, right, format!("write `{right}`"))
}

/// `f64[3]`, `[f64]`, `Vec` and other forms of types from elsewhere.
pub fn foreign_type_form(at: Span, message: &str, help: &str) -> Diagnostic {
    Diagnostic::error("E0105", at, message).help(help)
}

/// `elif`
pub fn elif(at: Span, found: &str) -> Diagnostic {
    Diagnostic::error("E0106", at, format!("`{found}` is written `else if`")).suggest(at, "else if", "write `else if`")
}

/// `and`, `or`, `not`
pub fn word_operator(at: Span, found: &str, right: &str) -> Diagnostic {
    Diagnostic::error("E0107", at, format!("`{found}` is written `{right}`")).suggest(
        at,
        right,
        format!("write `{right}`"),
    )
}

/// `i++`, `i--`
pub fn increment(at: Span, op: &str) -> Diagnostic {
    Diagnostic::error("E0108", at, format!("there is no `{op}{op}`")).suggest(
        at,
        format!(" {op}= 1"),
        format!("write `{op}= 1`"),
    )
}

/// `++i`
pub fn prefix_increment(at: Span, op: &str) -> Diagnostic {
    Diagnostic::error("E0108", at, format!("there is no `{op}{op}`")).help(format!("write `i {op}= 1;`"))
}

/// `.5`
pub fn leading_point(at: Span, right: &str) -> Diagnostic {
    Diagnostic::error("E0100", at, "a number begins with a digit").suggest(at, right, format!("write `{right}`"))
}

/// `x ** 2`
pub fn power(at: Span) -> Diagnostic {
    Diagnostic::error("E0109", at, "there is no operator for powers").help("write `pow(x, 2.0)`; a square is `x * x`")
}

/// `===`, `!==`, `<>`
pub fn foreign_comparison(at: Span, found: &str, right: &str) -> Diagnostic {
    Diagnostic::error("E0109", at, format!("there is no operator `{found}`")).suggest(
        at,
        right,
        format!("write `{right}`"),
    )
}

/// `fn f() => f64`, `fn f(): f64`
pub fn result_arrow(at: Span) -> Diagnostic {
    Diagnostic::error("E0110", at, "the result type of a function follows `->`").suggest(at, "->", "write `->`")
}

/// `fn f() f64`
pub fn missing_arrow(at: Span) -> Diagnostic {
    Diagnostic::error("E0110", at, "`->` is missing before the result type").suggest(at, " ->", "put `->` here")
}

/// `pattern -> expression` in a `match`
pub fn arm_arrow(at: Span) -> Diagnostic {
    Diagnostic::error("E0110", at, "the expression of an arm follows `=>`").suggest(at, "=>", "write `=>`")
}

/// `struct P { … };`
pub fn semicolon_after_item(at: Span) -> Diagnostic {
    Diagnostic::error("E0111", at, "no `;` follows this").suggest(at, "", "remove it")
}

/// `if a = b`
pub fn assignment_in_condition(at: Span) -> Diagnostic {
    Diagnostic::error("E0112", at, "`=` assigns and has no value").suggest(at, "==", "to compare, write `==`")
}

/// `a..=b`
pub fn inclusive_range(at: Span) -> Diagnostic {
    Diagnostic::error("E0113", at, "a range has no `..=`: it never includes its end")
        .help("write `a..b + 1` for the numbers from `a` to `b`")
}

/// `break value`
pub fn break_value(at: Span) -> Diagnostic {
    Diagnostic::error("E0114", at, "`break` takes no value: a loop has none")
        .help("assign to a `var` before `break`, or put the loop into a function and `return` the value")
}

/// `fn f() expression`, `fn f();`, `fn f() = …`
pub fn missing_body(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0115", at, format!("the body of `{name}` is missing"))
        .help("a body stands between braces: `{ … }`; its last expression is the result")
}

/// `extern fn f() { … }`
pub fn extern_body(at: Span) -> Diagnostic {
    Diagnostic::error("E0115", at, "an `extern fn` has no body: it is a C function")
        .help("end it with `;`; a function that C may call is `export fn`")
}

/// `if p == Point { x: 1.0 } { … }`
pub fn struct_in_head(at: Span) -> Diagnostic {
    Diagnostic::error("E0116", at, "a struct literal needs parentheses here")
        .label("`{` would begin the body")
        .help("write `(Point { … })`")
}

/// `def`, `class`, `import`
pub fn foreign_keyword(at: Span, found: &str, right: &str) -> Diagnostic {
    Diagnostic::error("E0117", at, format!("there is no `{found}`")).help(right.to_string())
}

/// `println!(…)`, `vec![…]`
pub fn macro_call(at: Span, name: &str) -> Diagnostic {
    let help = match name {
        "println" | "print" => "write `print(\"x = {x}\")`",
        "eprintln" | "eprint" => "write `eprint(\"x = {x}\")`",
        "vec" => "write `[a, b]` for an array, `List::from([a, b])` for a list",
        "assert_eq" => "write `assert(a == b)`",
        "panic" | "unreachable" | "todo" | "unimplemented" => "write `trap(\"text\")`",
        "format" => "a string literal does that: `\"x = {x}\"`",
        _ => "write a call without `!`",
    };
    Diagnostic::error("E0118", at, "there are no macros").help(help)
}

/// `&x` outside of arguments, `*x`, `&mut x`, `&T`
pub fn reference(at: Span, what: &str, help: &str) -> Diagnostic {
    Diagnostic::error("E0119", at, format!("there are no references: `{what}` means nothing here")).help(help)
}

/// `a ? b : c`
pub fn ternary(at: Span) -> Diagnostic {
    Diagnostic::error("E0120", at, "there is no `? :`").help("write `if a { b } else { c }`, which is an expression")
}

/// `f::<T>(x)`
pub fn turbofish(at: Span) -> Diagnostic {
    Diagnostic::error("E0121", at, "no `::` stands before generic arguments").suggest(at, "", "remove the `::`")
}

/// `=` where a value is wanted.
pub fn assignment_as_value(at: Span) -> Diagnostic {
    Diagnostic::error("E0122", at, "an assignment is a statement and has no value")
        .help("to compare, write `==`; an assignment stands on its own")
}

/// `f(x = 1)`, `P { x = 1 }`
pub fn equals_for_colon(at: Span) -> Diagnostic {
    Diagnostic::error("E0122", at, "a name and its value are separated by `:`").suggest(at, ":", "write `:`")
}

/// `if x return;`, `while x: …`
pub fn missing_braces(at: Span, what: &str, found: &str) -> Diagnostic {
    Diagnostic::error("E0123", at, format!("expected `{{` and the body of {what}, found {found}"))
        .help("a body always stands between braces, also if it is one statement")
}

/// `int x = 5;`, `x := 5`, `x: f64 = 5.0`
pub fn foreign_declaration(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0124", at, "a variable is declared with `let` or `var`")
        .help(format!("write `let {name} = …;`, or `var {name} = …;` if it changes later"))
}

/// An attribute that does not exist, or not here.
pub fn unknown_attribute(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0125", at, format!("there is no attribute `@{name}`"))
        .help("the attributes are `@test`, `@bench` and `@checkpoint`")
}

/// `@test` before something that is not a function, `@checkpoint` before neither function nor loop.
pub fn misplaced_attribute(at: Span) -> Diagnostic {
    Diagnostic::error("E0125", at, "an attribute stands before a function, `@checkpoint` also before a loop")
}

/// Mistakes in fields and cases.
pub fn field(at: Span, message: &str, help: &str) -> Diagnostic {
    Diagnostic::error("E0126", at, message).help(help)
}

/// Mistakes in generic parameters.
pub fn generic_parameter(at: Span, message: &str, help: &str) -> Diagnostic {
    Diagnostic::error("E0127", at, message).help(help)
}

/// `use a::*`, `use a.b`
pub fn use_form(at: Span, message: &str, help: &str) -> Diagnostic {
    Diagnostic::error("E0128", at, message).help(help)
}

/// `fn f(x)`
pub fn parameter_type(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0129", at, format!("the parameter `{name}` has no type"))
        .help(format!("write `{name}: f64`; only the parameters of closures may go without"))
}

/// `f64 x`, `inout x: T` and other orders.
pub fn parameter_form(at: Span, right: &str) -> Diagnostic {
    Diagnostic::error("E0129", at, format!("a parameter is written `{right}`"))
        .help("first the name, then `:`, then `inout` if the function changes it, then the type")
}

/// `const N = 3;`
pub fn constant_type(at: Span, name: &str) -> Diagnostic {
    Diagnostic::error("E0130", at, format!("the constant `{name}` has no type"))
        .help(format!("write `const {name}: f64 = …;`"))
}

/// `"{}"`
pub fn empty_interpolation(at: Span) -> Diagnostic {
    Diagnostic::error("E0131", at, "an expression is missing between the braces")
        .help("write the expression itself, `{x}` or `{x:.3}`; for braces in the text write `{{}}`")
}

/// `&self`, `mut self`, or `self` not first.
pub fn receiver(at: Span) -> Diagnostic {
    Diagnostic::error("E0132", at, "the receiver is `self` or `inout self`, and stands first")
}

/// Patterns that do not exist.
pub fn pattern(at: Span, message: &str, help: &str) -> Diagnostic {
    Diagnostic::error("E0133", at, message).help(help)
}

/// `x[1:3]`
pub fn colon_slice(at: Span) -> Diagnostic {
    Diagnostic::error("E0134", at, "a slice is written with `..`").help("`x[a..b]` is a part, `x[:]` all of an axis")
}

/// Something that is not a method in an `impl`, a `trait` or a `model`.
pub fn only_methods(at: Span, place: &str) -> Diagnostic {
    Diagnostic::error("E0135", at, format!("only functions stand in {place}"))
}

/// `f(x: 1, 2)`
pub fn positional_after_named(at: Span, named: Span) -> Diagnostic {
    Diagnostic::error("E0136", at, "an argument without a name follows one with a name")
        .also(named, "this one is named")
        .help("put it before the named ones")
}

/// `let type = 1;`
pub fn keyword_as_name(at: Span, word: &str) -> Diagnostic {
    Diagnostic::error("E0137", at, format!("`{word}` is a keyword and cannot be a name"))
        .help(format!("choose another name, such as `{word}_`"))
}

/// `else` without `if`.
pub fn stray_else(at: Span) -> Diagnostic {
    Diagnostic::error("E0138", at, "this `else` belongs to no `if`")
        .help("`else` follows the closing brace of the `if`, without `;`")
}

/// `for (i = 0; i < n; i++)`
pub fn c_style_for(at: Span) -> Diagnostic {
    Diagnostic::error("E0139", at, "a `for` runs over a range, a list or an array")
        .help("write `for i in 0..n { … }`, `(0..n).step(2)` for steps, `.rev()` backwards")
}

/// A `reduce` that is not one.
pub fn reduce_clause(at: Span, message: &str) -> Diagnostic {
    Diagnostic::error("E0140", at, message).help("write `par for i in a..b reduce(+: s, max: m) { … }`")
}

/// A rule that is none of the three, or twice.
pub fn derivative_rule(at: Span, message: &str) -> Diagnostic {
    Diagnostic::error("E0141", at, message).help(
        "a `derivative` has rules `primal(x) { … }`, `jvp(x, y, dx) { … }`, `vjp(x, y, seed) { … }`, each at most once",
    )
}

/// `a..` or `..b` outside of an index.
pub fn open_range(at: Span) -> Diagnostic {
    Diagnostic::error("E0142", at, "a range needs both ends here")
        .help("only in an index one may be left out: `x[a..]`")
}

/// `for (i in 0..n)`
pub fn for_parentheses(at: Span) -> Diagnostic {
    Diagnostic::error("E0139", at, "the head of a `for` has no parentheses").help("write `for i in 0..n { … }`")
}

/// `whlie x`, `retrun x`, `stuct P`
pub fn misspelt_keyword(at: Span, found: &str, right: &str) -> Diagnostic {
    Diagnostic::error("E0144", at, format!("there is no `{found}`")).suggest(
        at,
        right,
        format!("did you mean `{right}`?"),
    )
}

/// Two things beside each other with nothing between them.
pub fn missing_between(at: Span, what: &str, found: &str, help: &str) -> Diagnostic {
    expected(at, what, found).help(help)
}

/// `let` and other statements outside of functions.
pub fn statement_outside(at: Span, found: &str) -> Diagnostic {
    Diagnostic::error("E0143", at, format!("expected a definition, found {found}")).help(
        "statements stand in functions; a program begins in `fn main() { … }`, and a constant is `const N: i64 = 3;`",
    )
}
