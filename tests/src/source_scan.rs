//! Looks into Rust source for rules that the compiler does not check. A scanner, not a parser: it knows comments, strings
//! and brackets.

/// The text with comments, strings and character literals blanked; lines stay where they are.
pub fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = skipped(rest);
        if length == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.extend(rest[..length].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[length..];
        }
    }
    out
}

/// The length of the comment or literal that a text begins with, else 0.
fn skipped(text: &str) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return text.find("*/").map_or(text.len(), |end| end + 2);
    }
    if text.starts_with("r\"") || text.starts_with("r#") {
        return raw_string(text).unwrap_or(0);
    }
    if text.starts_with('"') {
        return 1 + quoted(&text[1..], '"');
    }
    let mut chars = text.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), _) => 1 + quoted(&text[1..], '\''),
        (Some('\''), Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

fn raw_string(text: &str) -> Option<usize> {
    let hashes = text[1..].bytes().take_while(|b| *b == b'#').count();
    let body = text[1 + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&end).unwrap_or(body.len().saturating_sub(end.len()));
    Some(1 + hashes + 1 + length + end.len())
}

/// The length of a literal behind its opening quote.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

const OPERATIONS: [&str; 3] = ["Op::", "UnaryOp::", "BinaryOp::"];

/// A match with fewer arms about operations asks a question; one with more is a table, and decides.
const TABLE: usize = 4;

/// Lines with an arm `_ =>` in a `match` most of whose arms begin with an operation.
pub fn default_arms_on_operations(text: &str) -> Vec<usize> {
    let code = code_only(text);
    let mut found = Vec::new();
    for (at, _) in code.match_indices("match ") {
        let Some(open) = body_of_match(&code, at) else { continue };
        let arms = arms(&code, open);
        let operations = arms.iter().filter(|arm| OPERATIONS.iter().any(|op| code[**arm..].starts_with(op))).count();
        let default = arms.iter().find(|arm| code[**arm..].starts_with("_ =>"));
        if let (true, Some(default)) = (operations >= TABLE && 2 * operations > arms.len(), default) {
            found.push(1 + code[..*default].matches('\n').count());
        }
    }
    found
}

/// Where the body of the `match` at `at` opens.
fn body_of_match(code: &str, at: usize) -> Option<usize> {
    let mut depth = 0;
    for (offset, c) in code[at..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return Some(at + offset + 1),
            ';' | '}' if depth == 0 => return None,
            _ if depth < 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where the arms of a `match` begin, given where its body opens.
fn arms(code: &str, open: usize) -> Vec<usize> {
    let mut arms = Vec::new();
    let (mut depth, mut pattern_next) = (0, true);
    for (offset, c) in code[open..].char_indices() {
        if depth == 0 && pattern_next && !c.is_whitespace() && c != '}' && c != ',' {
            arms.push(open + offset);
            pattern_next = false;
        }
        match c {
            '(' | '[' | '{' => depth += 1,
            '}' if depth == 0 => break,
            ')' | ']' => depth -= 1,
            '}' => {
                depth -= 1;
                // The braces of a pattern end no arm; those of a body do.
                pattern_next |= depth == 0 && !code[open + offset + 1..].trim_start().starts_with(['=', '|', 'i', '.']);
            }
            ',' if depth == 0 => pattern_next = true,
            _ => {}
        }
    }
    arms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_are_blank() {
        let text = "a /* unsafe */ \"unsafe \\\" x\" '\"' b // unsafe\nc r#\"un\"safe\"# 'a: d";
        let words: Vec<String> = code_only(text).split_whitespace().map(str::to_string).collect();
        assert_eq!(words, ["a", "b", "c", "'a:", "d"]);
    }

    #[test]
    fn default_arms_are_found_where_they_matter() {
        let bad = "fn f() {\n match op {\n Op::A { x } => { 1 }\n Op::B(_) => 2,\n Op::C | Op::D => 3,\n Op::E => 4,\n _ => 3,\n }\n}";
        assert_eq!(default_arms_on_operations(bad), [7]);
        let good =
            "match (a, b) { (Op::A, 1) => 1, _ => 2 } match n { 0 => Op::A, _ => Op::B } match op { Op::A => 1 }";
        assert!(default_arms_on_operations(good).is_empty());
    }
}
