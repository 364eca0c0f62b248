//! Number literals: `12`, `1_000`, `0xff`, `0b1010`, `2.5`, `1.`, `1e-6`.

use crate::ast::Literal;

/// What is wrong with a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Letters behind it, as in `1f64` or `2px`.
    Suffix(String),
    /// `0x` or `0b` without digits.
    NoDigits,
    /// A digit that the base does not have.
    BadDigit(char),
    /// `0o17`
    Octal,
    /// An exponent without digits.
    NoExponent,
    /// More than any integer type holds.
    IntTooLarge,
    /// More than `f64` holds.
    FloatTooLarge,
}

/// How many bytes of `text`, which begins with a digit, belong to the number, and whether it is a float. Letters behind
/// it belong to it too: they are a mistake that is best reported with the number.
pub fn extent(text: &str, only_digits: bool) -> (usize, bool) {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + count(&bytes[from..], |b| b.is_ascii_digit() || b == b'_');
    let mut end = digits(0);
    if only_digits {
        return (end, false);
    }
    if end == 1 && bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'b' | b'o')) {
        return (word_end(text, 2), false);
    }
    let mut float = false;
    if bytes.get(end) == Some(&b'.') && !starts_name_or_dot(&text[end + 1..]) {
        float = true;
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = matches!(bytes.get(end + 1), Some(b'+' | b'-')) as usize;
        if sign == 1 || bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            float = true;
            end = digits(end + 1 + sign);
        }
    }
    (word_end(text, end), float)
}

fn count(bytes: &[u8], keep: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|b| keep(**b)).count()
}

fn word_end(text: &str, from: usize) -> usize {
    let word = |c: &char| c.is_alphanumeric() || *c == '_';
    from + text[from..].chars().take_while(word).map(char::len_utf8).sum::<usize>()
}

/// Whether `1` followed by `.` and this is not a float: `1..2`, `1.max(2)`.
fn starts_name_or_dot(rest: &str) -> bool {
    rest.chars().next().is_some_and(|c| c == '.' || c == '_' || c.is_alphabetic())
}

/// The value of a number as `extent` cut it out.
pub fn value(text: &str, float: bool) -> Result<Literal, NumberError> {
    match text.get(..2) {
        Some("0o") => Err(NumberError::Octal),
        Some("0x") => radix(&text[2..], 16),
        Some("0b") => radix(&text[2..], 2),
        _ if float => float_value(text),
        _ => decimal(text),
    }
}

fn radix(digits: &str, base: u32) -> Result<Literal, NumberError> {
    let digits = digits.replace('_', "");
    if let Some(bad) = digits.chars().find(|c| !c.is_digit(base)) {
        return Err(NumberError::BadDigit(bad));
    }
    if digits.is_empty() {
        return Err(NumberError::NoDigits);
    }
    u64::from_str_radix(&digits, base).map(Literal::Int).map_err(|_| NumberError::IntTooLarge)
}

fn decimal(text: &str) -> Result<Literal, NumberError> {
    let (digits, suffix) = text.split_at(count(text.as_bytes(), |b| b.is_ascii_digit() || b == b'_'));
    if !suffix.is_empty() {
        return Err(NumberError::Suffix(suffix.to_string()));
    }
    digits.replace('_', "").parse().map(Literal::Int).map_err(|_| NumberError::IntTooLarge)
}

fn float_value(text: &str) -> Result<Literal, NumberError> {
    let is_part = |b: u8| b.is_ascii_digit() || b"_.".contains(&b);
    let mantissa = count(text.as_bytes(), is_part);
    let mut end = mantissa;
    if let Some(exponent) = text[mantissa..].strip_prefix(['e', 'E']) {
        let sign = exponent.starts_with(['+', '-']) as usize;
        let digits = count(&exponent.as_bytes()[sign..], |b| b.is_ascii_digit() || b == b'_');
        if digits == 0 {
            return Err(NumberError::NoExponent);
        }
        end = mantissa + 1 + sign + digits;
    }
    if end < text.len() {
        return Err(NumberError::Suffix(text[end..].to_string()));
    }
    let plain = text.replace('_', "");
    match (plain.parse::<f64>(), plain.parse::<f32>()) {
        (Ok(f64), Ok(f32)) if f64.is_finite() => Ok(Literal::Float { f64, f32 }),
        (Ok(_), Ok(_)) => Err(NumberError::FloatTooLarge),
        _ => Err(NumberError::NoExponent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (usize, Result<Literal, NumberError>) {
        let (end, float) = extent(text, false);
        (end, value(&text[..end], float))
    }

    fn float(f64: f64) -> Result<Literal, NumberError> {
        Ok(Literal::Float { f64, f32: f64 as f32 })
    }

    #[test]
    fn integers() {
        assert_eq!(read("1_000+"), (5, Ok(Literal::Int(1000))));
        assert_eq!(read("0xFf"), (4, Ok(Literal::Int(255))));
        assert_eq!(read("0b1010"), (6, Ok(Literal::Int(10))));
        assert_eq!(read("1..2"), (1, Ok(Literal::Int(1))));
        assert_eq!(read("1.max(2)"), (1, Ok(Literal::Int(1))));
        assert_eq!(read("18446744073709551615"), (20, Ok(Literal::Int(u64::MAX))));
    }

    #[test]
    fn floats() {
        assert_eq!(read("2.5)"), (3, float(2.5)));
        assert_eq!(read("1e6"), (3, float(1e6)));
        assert_eq!(read("1.)"), (2, float(1.0)));
        assert_eq!(read("1_0.5e-3;"), (8, float(10.5e-3)));
    }

    #[test]
    fn mistakes() {
        assert_eq!(read("18446744073709551616").1, Err(NumberError::IntTooLarge));
        assert_eq!(read("1f64").1, Err(NumberError::Suffix("f64".into())));
        assert_eq!(read("2.0f32").1, Err(NumberError::Suffix("f32".into())));
        assert_eq!(read("0o17").1, Err(NumberError::Octal));
        assert_eq!(read("0b12").1, Err(NumberError::BadDigit('2')));
        assert_eq!(read("0x").1, Err(NumberError::NoDigits));
        assert_eq!(read("1e+").1, Err(NumberError::NoExponent));
        assert_eq!(read("1e999").1, Err(NumberError::FloatTooLarge));
        assert_eq!(read("1é").1, Err(NumberError::Suffix("é".into())));
    }
}
