//! Numbers in texts: found, compared, replaced.

use std::ops::Range;

/// Where numbers stand in a text. A digit inside a name is none, nor is the size in a type.
pub fn places(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let begins_name = |b: u8| b.is_ascii_alphabetic() || b == b'_';
        if let Some(length) = number_length(&text[at..]) {
            found.push(at..at + length);
            at += length;
        } else if begins_name(bytes[at]) {
            at += bytes[at..].iter().take_while(|b| begins_name(**b) || b.is_ascii_digit()).count();
        } else {
            at += 1;
        }
    }
    found
}

/// The length of the number that a text begins with.
fn number_length(text: &str) -> Option<usize> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let sign = text.len() - unsigned.len();
    for word in ["inf", "NaN"] {
        if unsigned.starts_with(word) && !unsigned[word.len()..].starts_with(|c: char| c.is_alphanumeric()) {
            return Some(sign + word.len());
        }
    }
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(unsigned);
    if whole == 0 {
        return None;
    }
    let mut end = whole;
    if unsigned[end..].starts_with('.') && digits(&unsigned[end + 1..]) > 0 {
        end += 1 + digits(&unsigned[end + 1..]);
    }
    if let Some(exponent) = unsigned[end..].strip_prefix(['e', 'E']) {
        let unsigned_exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if digits(unsigned_exponent) > 0 {
            end += 1 + (exponent.len() - unsigned_exponent.len()) + digits(unsigned_exponent);
        }
    }
    Some(sign + end)
}

/// The numbers of a text.
pub fn all(text: &str) -> Vec<f64> {
    places(text).into_iter().filter_map(|place| text[place].parse().ok()).collect()
}

/// The text with its numbers replaced, each by what `new` gives for its position and value.
pub fn replaced(text: &str, mut new: impl FnMut(usize, f64) -> f64) -> String {
    let mut out = String::new();
    let mut end = 0;
    for (i, place) in places(text).into_iter().enumerate() {
        let value = text[place.clone()].parse().expect("a number that was just found");
        out += &text[end..place.start];
        out += &format!("{:?}", new(i, value));
        end = place.end;
    }
    out + &text[end..]
}

/// Whether two numbers agree to a relative tolerance. Equal infinities do, and two NaN; near zero the tolerance is
/// that of the double nearest to it, scaled alike.
pub fn agree(a: f64, b: f64, tolerance: f64) -> bool {
    if a.is_infinite() || b.is_infinite() {
        return a == b;
    }
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1e-2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_between_names() {
        let text = "P2 { x1: -1.5, v: [2, 3e-4], n: 1..4 } inf -NaN info";
        let found: Vec<&str> = places(text).into_iter().map(|place| &text[place]).collect();
        assert_eq!(found, ["-1.5", "2", "3e-4", "1", "4", "inf", "-NaN"]);
        assert_eq!(replaced("(1, [2.5])", |i, x| x + i as f64), "(1.0, [3.5])");
    }

    #[test]
    fn agreement_is_relative() {
        assert!(agree(1e20, 1e20 * (1.0 + 1e-14), 1e-13));
        assert!(!agree(1.0, 1.0 + 1e-12, 1e-13));
        assert!(agree(f64::NAN, f64::NAN, 0.0) && !agree(f64::INFINITY, 1.0, 1e-3));
    }
}
