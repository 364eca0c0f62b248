//! The text of string literals: escapes and doubled braces resolved.

/// What is wrong with an escape, which spans the given bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EscapeError {
    pub lo: usize,
    pub hi: usize,
    pub kind: EscapeErrorKind,
}

/// The ways in which an escape can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EscapeErrorKind {
    /// `\q`
    Unknown(char),
    /// `\u` without `{…}`, or no code of a character inside.
    Unicode,
}

/// The text that a segment of a string literal stands for, and the escapes that are wrong (left out of the text).
pub fn resolve(raw: &str) -> (String, Vec<EscapeError>) {
    let mut text = String::with_capacity(raw.len());
    let mut errors = Vec::new();
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        let at = raw.len() - rest.len();
        let (length, result) = match c {
            '\\' => escape(rest),
            // A lone one has been reported; it stands for itself.
            '{' | '}' => (1 + rest[1..].starts_with(c) as usize, Ok(c)),
            _ => (c.len_utf8(), Ok(c)),
        };
        match result {
            Ok(c) => text.push(c),
            Err(kind) => errors.push(EscapeError { lo: at, hi: at + length, kind }),
        }
        rest = &rest[length..];
    }
    (text, errors)
}

/// How many bytes the escape at the beginning of `rest` has: what the lexer steps over. Its braces are no expression.
pub fn escape_extent(rest: &[u8]) -> usize {
    if rest.starts_with(b"\\u{") {
        // Also where there are no digits inside: the braces were meant for the escape.
        let inside = rest[3..].iter().take(16).take_while(|b| !b"}\"\n\\".contains(b)).count();
        let closed = rest.get(3 + inside) == Some(&b'}');
        return if closed { 4 + inside } else { 3 };
    }
    1 + rest.get(1).is_some_and(|b| *b != b'\n') as usize
}

/// The escape at the beginning of `rest`: how long it is, and what it stands for.
fn escape(rest: &str) -> (usize, Result<char, EscapeErrorKind>) {
    let Some(c) = rest[1..].chars().next() else { return (1, Err(EscapeErrorKind::Unknown(' '))) };
    let simple = match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '0' => '\0',
        '\\' | '"' => c,
        'u' => return unicode(rest),
        _ => return (1 + c.len_utf8(), Err(EscapeErrorKind::Unknown(c))),
    };
    (2, Ok(simple))
}

/// `\u{1f600}`: one to six hexadecimal digits.
fn unicode(rest: &str) -> (usize, Result<char, EscapeErrorKind>) {
    let length = escape_extent(rest.as_bytes());
    let digits = rest[..length].strip_prefix("\\u{").and_then(|inside| inside.strip_suffix('}')).unwrap_or("");
    let plain = (1..=6).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let code = plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten();
    (length, code.and_then(char::from_u32).ok_or(EscapeErrorKind::Unicode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_doubled_braces() {
        let (text, errors) = resolve(r#"a\n\t\r\\\"\0\u{e9}{{x}}é"#);
        assert_eq!((text.as_str(), errors.len()), ("a\n\t\r\\\"\0é{x}é", 0));
    }

    #[test]
    fn wrong_escapes() {
        let kinds = |raw: &str| resolve(raw).1.into_iter().map(|e| (e.lo, e.hi, e.kind)).collect::<Vec<_>>();
        assert_eq!(kinds(r"a\q"), [(1, 3, EscapeErrorKind::Unknown('q'))]);
        assert_eq!(kinds(r"\u{d800}"), [(0, 8, EscapeErrorKind::Unicode)]);
        assert_eq!(kinds(r"\u41"), [(0, 2, EscapeErrorKind::Unicode)]);
        assert_eq!(kinds(r"\u{1234567}x"), [(0, 11, EscapeErrorKind::Unicode)]);
    }
}
