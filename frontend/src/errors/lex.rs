//! What can be wrong with the characters of a file: E0001–E0099.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The codes of this file.
pub const CODES: &[&str] = &[
    "E0001", "E0002", "E0003", "E0004", "E0005", "E0006", "E0007", "E0008", "E0009", "E0010", "E0011", "E0012",
    "E0013", "E0014", "E0015", "E0016",
];

/// Those that say that brackets do not match.
pub const BRACKETS: [&str; 2] = ["E0013", "E0014"];

/// The bytes of a file are not UTF-8.
pub fn not_utf8(at: Span, byte: u8) -> Diagnostic {
    Diagnostic::error("E0001", at, format!("this file is not UTF-8: unexpected byte 0x{byte:02x}"))
        .label("the text before this is fine")
        .help("save the file as UTF-8")
}

/// More bytes than positions can count.
pub fn too_large(at: Span, bytes: usize) -> Diagnostic {
    Diagnostic::error("E0001", at, format!("this file is too large: {bytes} bytes")).help("split it into modules")
}

/// A character that no token begins with.
pub fn unknown_character(at: Span, c: char, meant: Option<&str>) -> Diagnostic {
    let unseen =
        matches!(c, '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let hidden = unseen || c.is_control() || c.is_whitespace();
    let shown = if hidden { format!("U+{:04X}", c as u32) } else { format!("`{c}`") };
    let diagnostic = Diagnostic::error("E0002", at, format!("{shown} means nothing here"));
    match meant {
        Some(text) => diagnostic.suggest(at, text, format!("write `{text}`")),
        None if ('\u{300}'..='\u{36f}').contains(&c) => {
            diagnostic.help("it is an accent of its own: write the letter and its accent as one character")
        }
        None if hidden => diagnostic.help("it cannot be seen: remove it"),
        None => diagnostic.help("remove it; letters, digits and `_` make names"),
    }
}

/// A character that turns the direction of writing, wherever it stands.
pub fn turned_writing(at: Span, c: char) -> Diagnostic {
    Diagnostic::error("E0002", at, format!("U+{:04X} turns the direction of writing", c as u32))
        .label("it cannot be seen, and makes the program look like another one")
        .help(format!("remove it; in a string write `\\u{{{:x}}}`", c as u32))
}

/// A string literal whose line ends before it does.
pub fn unclosed_string(quote: Span) -> Diagnostic {
    Diagnostic::error("E0003", quote, "this string is not closed")
        .label("opened here; a string does not span lines")
        .help("close it with `\"` on the same line; a line break in the text is `\\n`")
}

/// `\q`
pub fn unknown_escape(at: Span, c: char) -> Diagnostic {
    Diagnostic::error("E0004", at, format!("unknown escape `\\{c}`"))
        .help("the escapes are \\n \\t \\r \\\\ \\\" \\0 \\u{…}; for a backslash write `\\\\`")
}

/// `\u` and no character.
pub fn unicode_escape(at: Span) -> Diagnostic {
    Diagnostic::error("E0005", at, "this is not the code of a character")
        .help("the code stands in hexadecimal between braces: `\\u{e9}` is é, `\\u{3c0}` is π")
}

/// More than 64 bits.
pub fn int_too_large(at: Span) -> Diagnostic {
    Diagnostic::error("E0006", at, "this integer is too large for any type")
        .help("the largest `i64` is 9223372036854775807; a float is written with a dot or an exponent")
}

/// More than `f64` holds.
pub fn float_too_large(at: Span) -> Diagnostic {
    Diagnostic::error("E0006", at, "this number is too large for `f64`")
        .help("the largest is about 1.797e308; infinity is `INF`")
}

/// `1f64`, `2.0f`, `1u8`
pub fn number_suffix(at: Span, text: &str, suffix: &str) -> Diagnostic {
    let number = &text[..text.len() - suffix.len()];
    let diagnostic = Diagnostic::error("E0007", at, format!("a number has no suffix, `{suffix}`"));
    match suffix {
        "f" | "f64" | "d" if !number.contains('.') => diagnostic.suggest(at, format!("{number}.0"), "write a float"),
        "f" | "f64" | "d" => diagnostic.suggest(at, number, "literals are `f64` by themselves"),
        "f32" | "i32" | "u8" | "i64" => {
            diagnostic.suggest(at, format!("{number} as {suffix}"), "its context says its type; or convert it")
        }
        _ => diagnostic.help("a name cannot begin with a digit; a product is written with `*`"),
    }
}

/// `0o17`
pub fn octal(at: Span) -> Diagnostic {
    Diagnostic::error("E0007", at, "there are no octal numbers").help("write it in decimal, or with `0x` or `0b`")
}

/// Any other mistake in a number.
pub fn malformed_number(at: Span, reason: &str) -> Diagnostic {
    Diagnostic::error("E0007", at, format!("malformed number: {reason}"))
        .help("numbers are written `1_000`, `0xff`, `0b1010`, `2.5`, `1e-9`")
}

/// `'c'`, `'text'`
pub fn single_quotes(at: Span, text: &str) -> Diagnostic {
    Diagnostic::error("E0008", at, "text stands between double quotes; there is no type of characters").suggest(
        at,
        format!("\"{}\"", text.replace('"', "\\\"")),
        "write a string",
    )
}

/// `<'a>`
pub fn lifetime(at: Span) -> Diagnostic {
    Diagnostic::error("E0016", at, "there are no lifetimes").help("remove it: there are no references either")
}

/// A quote alone.
pub fn lone_quote(at: Span) -> Diagnostic {
    Diagnostic::error("E0008", at, "`'` means nothing here").help("text stands between double quotes, `\"`")
}

/// `# comment`
pub fn hash_comment(at: Span) -> Diagnostic {
    Diagnostic::error("E0009", at, "`#` does not begin a comment").suggest(at, "//", "comments begin with `//`")
}

/// `#include`, `#define`, `#if`
pub fn hash_directive(at: Span, word: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0009", at, format!("there is no `#{word}`"));
    match word {
        "include" | "import" => diagnostic.help("write `use path::name;`"),
        "define" => diagnostic.help("write `const NAME: T = value;`, or a function"),
        _ => diagnostic.help("there is no preprocessor: every item is always compiled"),
    }
}

/// `#[test]`
pub fn hash_attribute(at: Span) -> Diagnostic {
    Diagnostic::error("E0009", at, "attributes are not written with `#`")
        .help("write `@test`, `@bench` or `@checkpoint`")
}

/// `/* comment */`
pub fn block_comment(at: Span) -> Diagnostic {
    Diagnostic::error("E0010", at, "there are no `/* … */` comments").help("begin each line of the comment with `//`")
}

/// `{` in a string, and no `}` on its line.
pub fn unclosed_interpolation(brace: Span) -> Diagnostic {
    Diagnostic::error("E0011", brace, "the expression in this string is not closed")
        .label("`{` in a string begins an expression")
        .help("close it with `}`; for a brace in the text write `{{`")
}

/// `}` in a string, and no `{`.
pub fn lone_brace(brace: Span) -> Diagnostic {
    Diagnostic::error("E0012", brace, "`}` in a string closes nothing").suggest(
        brace,
        "}}",
        "for a brace in the text write `}}`",
    )
}

/// A bracket that is opened and not closed.
pub fn unclosed_bracket(open: Span, bracket: &str, end: Span) -> Diagnostic {
    Diagnostic::error("E0013", open, format!("this `{bracket}` is not closed"))
        .also(end, "it should be closed before this")
        .help(format!(
            "close it with `{}`",
            if bracket == "(" {
                ")"
            } else if bracket == "[" {
                "]"
            } else {
                "}"
            }
        ))
}

/// A bracket that is closed by one of another kind.
pub fn wrong_closer(open: Span, bracket: &str, at: Span, closer: &str, right: &str) -> Diagnostic {
    Diagnostic::error("E0013", open, format!("this `{bracket}` is not closed"))
        .also(at, format!("this is `{closer}`"))
        .suggest(at, right, format!("close it with `{right}`"))
}

/// A bracket that closes nothing.
pub fn unopened_bracket(at: Span, bracket: &str) -> Diagnostic {
    Diagnostic::error("E0014", at, format!("this `{bracket}` closes nothing")).help("remove it, or open it before")
}

/// Something else than a format behind the `:` of an interpolation.
pub fn bad_format(at: Span, reason: &str) -> Diagnostic {
    Diagnostic::error("E0015", at, format!("this is not a format: {reason}"))
        .help("a format is `[[fill]<^>][+][0][width][.precision][e]`, such as `.3`, `>8`, `08.2` or `.2e`")
}

/// `'outer: for`, `break 'outer`
pub fn label(at: Span) -> Diagnostic {
    Diagnostic::error("E0016", at, "loops have no labels")
        .help("put the loops into a function and `return` from it, or keep a `bool` that the outer loop tests")
}
