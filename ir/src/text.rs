//! Text services that programs are offered as host functions, as pure functions: interpreter and runtime share them.

/// The bytes `from..to` of `text`, cut to the text and to whole characters.
pub fn slice(text: &str, from: i64, to: i64) -> &str {
    let start = ceil_boundary(text, from);
    let end = floor_boundary(text, to);
    text.get(start..end).unwrap_or("")
}

fn ceil_boundary(text: &str, at: i64) -> usize {
    let at = usize::try_from(at).unwrap_or(0).min(text.len());
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

fn floor_boundary(text: &str, at: i64) -> usize {
    let at = usize::try_from(at).unwrap_or(0).min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// A float, with white space around it allowed; `None` if it is none.
pub fn parse_f64(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// An integer in decimal, with white space around it allowed.
pub fn parse_i64(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

/// The pieces between separators; an empty separator leaves the text whole.
pub fn split<'t>(text: &'t str, separator: &str) -> Vec<&'t str> {
    if separator.is_empty() { vec![text] } else { text.split(separator).collect() }
}

/// The text as a literal of the language, in quotes.
pub fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => literal += "\\\"",
            '\\' => literal += "\\\\",
            '\n' => literal += "\\n",
            '\t' => literal += "\\t",
            '\r' => literal += "\\r",
            '\0' => literal += "\\0",
            '{' => literal += "{{",
            '}' => literal += "}}",
            c if c.is_control() => literal += &format!("\\u{{{:x}}}", c as u32),
            c => literal.push(c),
        }
    }
    literal + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_texts_are_as_in_source() {
        assert_eq!(quoted("a\"b\\c\n{x}\u{1}é"), r#""a\"b\\c\n{{x}}\u{1}é""#);
    }

    #[test]
    fn slices_are_cut_to_whole_characters() {
        assert_eq!(slice("aéb", 0, 2), "a");
        assert_eq!(slice("aéb", 1, 3), "é");
        assert_eq!(slice("aéb", 2, 99), "b");
        assert_eq!(slice("abc", 2, 1), "");
        assert_eq!(slice("abc", -5, 2), "ab");
    }

    #[test]
    fn numbers_and_pieces() {
        assert_eq!((parse_f64(" 1.5e3 "), parse_f64("x"), parse_i64("-7")), (Some(1500.0), None, Some(-7)));
        assert_eq!(split("a,,b", ","), ["a", "", "b"]);
        assert_eq!(split("ab", ""), ["ab"]);
    }
}
