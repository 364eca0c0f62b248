//! Text to tokens, in one pass over the bytes.
//!
//! A string literal becomes several tokens, `StrOpen (StrText | InterpOpen … StrFormat? InterpClose)* StrClose`, so that
//! the parser reads the expressions in it like any other; the lexer keeps a stack of the strings it is inside of.
//! After a mistake the lexer produces what was probably meant, and marks it as repaired, so that the parser does not
//! complain a second time. Brackets are balanced at the end (`balance.rs`): the parser only sees pairs.

mod balance;
pub mod number;
pub mod text;
mod token;

pub use token::{Comment, Token, TokenKind};

use crate::diagnostic::Diagnostic;
use crate::errors::lex;
use crate::source::{FileId, Span};
use number::NumberError;
use text::EscapeErrorKind;

/// What a file consists of.
#[derive(Clone, Debug, Default)]
pub struct Lexed {
    /// Ends with an `Eof`. Brackets are balanced.
    pub tokens: Vec<Token>,
    pub comments: Vec<Comment>,
    pub diagnostics: Vec<Diagnostic>,
}

/// The largest file, in bytes: offsets must fit 32 bits with room to spare.
pub const MAX_BYTES: usize = 1 << 30;

/// Cuts a file into tokens.
pub fn lex(file: FileId, text: &str) -> Lexed {
    if text.len() > MAX_BYTES {
        let eof = Token { kind: TokenKind::Eof, first: true, repaired: true, lo: 0, hi: 0 };
        let problem = lex::too_large(Span::new(file, 0, 0), text.len());
        return Lexed { tokens: vec![eof], comments: Vec::new(), diagnostics: vec![problem] };
    }
    let mut lexer =
        Lexer { file, text, pos: 0, first: true, repaired: false, strings: Vec::new(), out: Lexed::default() };
    lexer.run();
    balance::balance(file, text, &mut lexer.out);
    lexer.out
}

/// An interpolation that we are inside of.
struct Interpolation {
    /// Where its `{` is, and where the string began.
    brace: usize,
    quote: usize,
    /// The number of the token of the brace.
    token: usize,
    /// Open braces, and open parentheses and brackets, since.
    braces: u32,
    others: u32,
}

struct Lexer<'a> {
    file: FileId,
    text: &'a str,
    pos: usize,
    first: bool,
    /// Whether the next token is one that was repaired.
    repaired: bool,
    strings: Vec<Interpolation>,
    out: Lexed,
}

impl Lexer<'_> {
    fn run(&mut self) {
        if self.text.starts_with('\u{feff}') {
            self.pos = '\u{feff}'.len_utf8();
        }
        if self.rest().starts_with("#!") && !self.rest().starts_with("#![") {
            self.pos = self.line_end();
        }
        while self.pos < self.text.len() {
            self.step();
        }
        self.report_turned_writing();
        self.end_of_line();
        self.token(TokenKind::Eof, self.pos);
    }

    /// Characters that turn the direction of writing make a program look like another one, in comments and strings too.
    fn report_turned_writing(&mut self) {
        for (at, c) in self.text.match_indices(turns_writing).map(|(at, c)| (at, c.chars().next())) {
            let Some(c) = c else { continue };
            self.out.diagnostics.push(lex::turned_writing(self.span(at, at + c.len_utf8()), c));
        }
    }

    fn rest(&self) -> &str {
        &self.text[self.pos..]
    }

    fn span(&self, lo: usize, hi: usize) -> Span {
        Span::new(self.file, lo as u32, hi as u32)
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.out.diagnostics.push(diagnostic);
    }

    /// Adds a token that goes from the current position to `hi`, and moves there.
    fn token(&mut self, kind: TokenKind, hi: usize) {
        let (first, repaired) = (self.first, self.repaired);
        self.out.tokens.push(Token { kind, first, repaired, lo: self.pos as u32, hi: hi as u32 });
        self.first = false;
        self.repaired = false;
        self.pos = hi;
    }

    /// Adds an empty token that should have been here.
    fn missing(&mut self, kind: TokenKind) {
        self.repaired = true;
        self.token(kind, self.pos);
    }

    /// The end of the current line, before its newline.
    fn line_end(&self) -> usize {
        let length = self.rest().bytes().position(|b| b == b'\n').unwrap_or(self.rest().len());
        self.pos + length
    }

    /// One token, comment or blank.
    fn step(&mut self) {
        let c = self.rest().chars().next().expect("not at the end");
        match c {
            '\n' => {
                self.end_of_line();
                self.pos += 1;
                self.first = true;
            }
            ' ' | '\t' | '\r' => self.pos += 1,
            '"' => self.open_string(),
            '0'..='9' => self.number(),
            '/' if self.rest().starts_with("//") => self.line_comment(),
            '/' if self.rest().starts_with("/*") => self.block_comment(),
            '#' => self.hash(),
            '\'' => self.single_quote(),
            '“' | '„' | '”' | '`' => self.foreign_quote(c),
            _ if c == '_' || c.is_alphabetic() => self.word(),
            _ => self.punctuation(c),
        }
    }

    fn word(&mut self) {
        let word = |c: &char| *c == '_' || c.is_alphanumeric();
        let length: usize = self.rest().chars().take_while(word).map(char::len_utf8).sum();
        let kind = TokenKind::keyword(&self.rest()[..length]).unwrap_or(TokenKind::Ident);
        self.token(kind, self.pos + length);
    }

    fn number(&mut self) {
        // After a dot it is the position in a tuple: `t.0.1` has no float in it.
        let after_dot = self.out.tokens.last().is_some_and(|t| t.kind == TokenKind::Dot && t.hi as usize == self.pos);
        let (length, float) = number::extent(self.rest(), after_dot);
        if let Err(error) = number::value(&self.rest()[..length], float) {
            self.report_number(length, error);
            self.repaired = true;
        }
        self.token(if float { TokenKind::Float } else { TokenKind::Int }, self.pos + length);
    }

    fn report_number(&mut self, length: usize, error: NumberError) {
        let at = self.span(self.pos, self.pos + length);
        let text = &self.rest()[..length];
        let diagnostic = match error {
            NumberError::IntTooLarge => lex::int_too_large(at),
            NumberError::FloatTooLarge => lex::float_too_large(at),
            NumberError::Suffix(suffix) => lex::number_suffix(at, text, &suffix),
            NumberError::Octal => lex::octal(at),
            NumberError::NoDigits => lex::malformed_number(at, "digits are missing after the base"),
            NumberError::NoExponent => lex::malformed_number(at, "digits are missing in the exponent"),
            NumberError::BadDigit(c) => lex::malformed_number(at, &format!("`{c}` is not a digit of this base")),
        };
        self.report(diagnostic);
    }

    fn line_comment(&mut self) {
        let end = self.line_end();
        let text = &self.text[self.pos..end];
        // As in Rust, a line of slashes is a rule, not documentation.
        let doc = text.starts_with("///") && !text.starts_with("////");
        self.out.comments.push(Comment { doc, lo: self.pos as u32, hi: end as u32 });
        self.pos = end;
    }

    fn block_comment(&mut self) {
        self.report(lex::block_comment(self.span(self.pos, self.pos + 2)));
        let length = self.rest().find("*/").map_or(self.rest().len(), |end| end + 2);
        self.first |= self.rest()[..length].contains('\n');
        self.pos += length;
    }

    fn hash(&mut self) {
        let attribute = self.rest().starts_with("#[") || self.rest().starts_with("#![");
        let word = self.rest()[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let text = &self.rest()[1..=word];
        let directive =
            matches!(text, "include" | "import" | "define" | "if" | "ifdef" | "ifndef" | "endif" | "pragma");
        let at = self.span(self.pos, self.pos + 1);
        self.report(match attribute {
            true => lex::hash_attribute(at),
            false if directive => lex::hash_directive(self.span(self.pos, self.pos + 1 + word), text),
            false => lex::hash_comment(at),
        });
        self.pos = self.line_end();
    }

    /// `'c'`, `'text'` or `'label`: none is in the language.
    fn single_quote(&mut self) {
        let line = &self.text[self.pos + 1..self.line_end_near()];
        match line.find('\'') {
            // `'outer: loop { break 'outer; }` is no text.
            Some(length) if !line[..length].contains(['{', ';']) => {
                let at = self.span(self.pos, self.pos + length + 2);
                self.report(lex::single_quotes(at, &line[..length]));
                self.token(TokenKind::StrOpen, self.pos + 1);
                self.repaired = true;
                self.token(TokenKind::StrText, self.pos + length);
                self.token(TokenKind::StrClose, self.pos + 1);
            }
            Some(_) | None => self.label(),
        }
    }

    /// `“text”` and `` `text` ``: one mistake, read as a string.
    fn foreign_quote(&mut self, open: char) {
        let inside = self.pos + open.len_utf8();
        let line = &self.text[inside..];
        let line = &line[..line.find('\n').unwrap_or(line.len()).min(floor(line, 500))];
        let close = |c: char| if open == '`' { c == '`' } else { matches!(c, '“' | '„' | '”' | '"') };
        let Some(length) = line.find(close) else {
            let at = self.span(self.pos, inside);
            self.report(lex::unknown_character(at, open, Some("\"").filter(|_| open != '`')));
            self.pos += rest_run(self.rest(), open);
            return;
        };
        let end = inside + length + line[length..].chars().next().map_or(0, char::len_utf8);
        self.report(lex::single_quotes(self.span(self.pos, end), &line[..length]));
        self.token(TokenKind::StrOpen, inside);
        self.repaired = true;
        self.token(TokenKind::StrText, inside + length);
        self.token(TokenKind::StrClose, end);
    }

    /// The end of the line or the next quote, whichever comes first: quotes on one long line stay linear.
    fn line_end_near(&self) -> usize {
        let start = self.pos + 1;
        let bytes = &self.text.as_bytes()[start..];
        let stop = bytes.iter().position(|b| *b == b'\n' || *b == b'\'');
        start + stop.map_or(bytes.len(), |i| if bytes[i] == b'\'' { i + 1 } else { i })
    }

    /// `'outer:` before a loop, or `break 'outer`: reported and left out.
    fn label(&mut self) {
        let word = |c: &char| *c == '_' || c.is_alphanumeric();
        let length: usize = self.rest()[1..].chars().take_while(word).map(char::len_utf8).sum();
        let mut end = self.pos + 1 + length;
        self.report(if length == 0 {
            lex::lone_quote(self.span(self.pos, end))
        } else {
            match self.out.tokens.last().map(|t| t.kind) {
                Some(TokenKind::Lt) => lex::lifetime(self.span(self.pos, end)),
                _ => lex::label(self.span(self.pos, end)),
            }
        });
        if self.text[end..].starts_with(':') && !self.text[end..].starts_with("::") {
            end += 1;
        }
        self.pos = end;
    }

    fn punctuation(&mut self, c: char) {
        if self.begins_format() {
            return self.format();
        }
        let rest = self.rest();
        if let Some((text, kind)) = token::PUNCTUATION.iter().find(|(text, _)| rest.starts_with(text)) {
            return self.bracket_or_operator(*kind, text.len());
        }
        let at = self.span(self.pos, self.pos + c.len_utf8());
        let meant = look_alike(c);
        if !turns_writing(c) && (!c.is_whitespace() || meant.is_some()) {
            self.report(lex::unknown_character(at, c, meant));
        }
        match meant.and_then(|text| token::PUNCTUATION.iter().find(|(t, _)| *t == text)) {
            Some((_, kind)) => self.token(*kind, self.pos + c.len_utf8()),
            // A run of the same nonsense is one mistake.
            None => self.pos += rest_run(self.rest(), c),
        }
    }

    fn bracket_or_operator(&mut self, kind: TokenKind, length: usize) {
        if let Some(inside) = self.strings.last_mut() {
            match kind {
                TokenKind::LBrace => inside.braces += 1,
                TokenKind::RBrace if inside.braces > 0 => inside.braces -= 1,
                TokenKind::RBrace => return self.close_interpolation(),
                TokenKind::LParen | TokenKind::LBracket => inside.others += 1,
                TokenKind::RParen | TokenKind::RBracket => inside.others = inside.others.saturating_sub(1),
                _ => {}
            }
        }
        self.token(kind, self.pos + length);
    }

    /// Whether here, in an interpolation and outside of brackets, stands the `:` before a format. `::` is one too where
    /// an alignment follows, since then the second `:` is what to fill with.
    fn begins_format(&self) -> bool {
        let Some(inside) = self.strings.last() else { return false };
        if inside.braces + inside.others > 0 || !self.rest().starts_with(':') {
            return false;
        }
        match self.rest().as_bytes().get(1) {
            Some(b':') => matches!(self.rest().as_bytes().get(2), Some(b'<' | b'>' | b'^')),
            _ => true,
        }
    }

    fn format(&mut self) {
        self.pos += 1;
        let stop = self.rest().find(['}', '"', '\n']).unwrap_or(self.rest().len());
        self.token(TokenKind::StrFormat, self.pos + stop);
    }

    fn open_string(&mut self) {
        let quote = self.pos;
        self.token(TokenKind::StrOpen, quote + 1);
        self.string_text(quote);
    }

    fn close_interpolation(&mut self) {
        let Some(inside) = self.strings.pop() else { return };
        self.token(TokenKind::InterpClose, self.pos + 1);
        self.string_text(inside.quote);
    }

    /// The text of a string from here to its end or to the next interpolation.
    fn string_text(&mut self, quote: usize) {
        let bytes = self.text.as_bytes();
        let mut end = self.pos;
        let mut lines = 0;
        loop {
            match bytes.get(end) {
                Some(b'\n') if self.strings.is_empty() && (lines > 0 || self.goes_on(end)) => {
                    self.report_unclosed(quote);
                    lines += 1;
                    end += 1;
                }
                None | Some(b'\n') => return self.unclosed_string(quote, end),
                Some(b'"') => {
                    self.string_segment(end);
                    return self.token(TokenKind::StrClose, end + 1);
                }
                Some(b'\\') => end += text::escape_extent(&bytes[end..]),
                Some(b'{') if bytes.get(end + 1) == Some(&b'{') => end += 2,
                Some(b'}') if bytes.get(end + 1) == Some(&b'}') => end += 2,
                Some(b'{') => return self.open_interpolation(quote, end),
                Some(b'}') => {
                    self.report(lex::lone_brace(self.span(end, end + 1)));
                    end += 1;
                }
                Some(_) => end += 1,
            }
        }
    }

    fn open_interpolation(&mut self, quote: usize, brace: usize) {
        self.string_segment(brace);
        self.token(TokenKind::InterpOpen, brace + 1);
        let token = self.out.tokens.len() - 1;
        self.strings.push(Interpolation { brace, quote, token, braces: 0, others: 0 });
    }

    /// A piece of text up to `end`, whose escapes are looked at.
    fn string_segment(&mut self, end: usize) {
        if end == self.pos {
            return;
        }
        let start = self.pos;
        for error in text::resolve(&self.text[start..end]).1 {
            let at = self.span(start + error.lo, start + error.hi);
            self.report(match error.kind {
                EscapeErrorKind::Unknown(c) => lex::unknown_escape(at, c),
                EscapeErrorKind::Unicode => lex::unicode_escape(at),
            });
        }
        self.token(TokenKind::StrText, end);
    }

    /// Whether a string was meant to span the end of its line: what stands there is no end of a statement, and the next
    /// line with quotes has an odd number of them.
    fn goes_on(&self, end: usize) -> bool {
        let begun = &self.text[self.pos..end];
        let quotes = |line: &str| line.bytes().filter(|b| *b == b'"').count();
        let next = self.text[end + 1..].lines().map(quotes).find(|n| *n > 0);
        probable_string(begun) == begun.trim_end().len() && next.is_some_and(|n| n % 2 == 1)
    }

    /// The line ended in the text of a string.
    fn unclosed_string(&mut self, quote: usize, end: usize) {
        // `print("{");` opens an expression, and then a string that is never closed: the brace is to blame.
        match self.strings.first() {
            Some(outer) => self.report(lex::unclosed_interpolation(self.span(outer.brace, outer.brace + 1))),
            None => self.report_unclosed(quote),
        }
        let end = self.pos + probable_string(&self.text[self.pos..end]);
        self.string_segment(end);
        self.missing(TokenKind::StrClose);
        self.abandon_strings();
    }

    /// Once for each string, over however many lines it goes.
    fn report_unclosed(&mut self, quote: usize) {
        let problem = lex::unclosed_string(self.span(quote, quote + 1));
        if self.out.diagnostics.last().is_none_or(|last| last.primary.span != problem.primary.span) {
            self.report(problem);
        }
    }

    /// A line ends: so do all interpolations, and the strings that they are in.
    fn end_of_line(&mut self) {
        if let Some(outer) = self.strings.first() {
            self.report(lex::unclosed_interpolation(self.span(outer.brace, outer.brace + 1)));
            self.abandon_strings();
        }
    }

    fn abandon_strings(&mut self) {
        while let Some(inside) = self.strings.pop() {
            self.out.tokens[inside.token].repaired = true;
            self.missing(TokenKind::InterpClose);
            self.missing(TokenKind::StrClose);
        }
    }
}

/// How much of an unclosed string's line was probably meant as text: not the `);` that closes the call
/// around it, nor a comment behind it.
fn probable_string(line: &str) -> usize {
    let line = line.rfind(" //").map_or(line, |comment| &line[..comment]);
    let mut text = line.trim_end().trim_end_matches([';', ',']);
    let opened = text.bytes().filter(|b| *b == b'(').count();
    let mut closed = text.bytes().filter(|b| *b == b')').count();
    while closed > opened && text.ends_with(')') {
        text = &text[..text.len() - 1];
        closed -= 1;
    }
    text.len()
}

/// Whether a character turns the direction of what follows.
fn turns_writing(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The nearest beginning of a character at or before a byte offset.
fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset)
}

/// How many bytes of `rest` are a run of `c`.
fn rest_run(rest: &str, c: char) -> usize {
    rest.chars().take_while(|d| *d == c).count() * c.len_utf8()
}

/// What a character that is not in the language was probably meant to be.
fn look_alike(c: char) -> Option<&'static str> {
    Some(match c {
        '−' | '–' | '—' => "-",
        '×' | '·' | '⋅' => "*",
        '÷' => "/",
        '≤' => "<=",
        '≥' => ">=",
        '≠' => "!=",
        '→' => "->",
        '⇒' => "=>",
        '；' => ";",
        '，' => ",",
        '（' => "(",
        '）' => ")",
        '：' => ":",
        '¬' | '~' => "!",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use TokenKind::*;

    fn kinds(text: &str) -> Vec<TokenKind> {
        let lexed = lex(FileId(0), text);
        assert_eq!(lexed.diagnostics, [], "{text}");
        lexed.tokens.iter().map(|t| t.kind).collect()
    }

    fn codes(text: &str) -> Vec<&'static str> {
        lex(FileId(0), text).diagnostics.iter().map(|d| d.code).collect()
    }

    #[test]
    fn operators_take_the_longest_match() {
        assert_eq!(kinds("a <<= b..c"), [Ident, ShlEq, Ident, DotDot, Ident, Eof]);
        assert_eq!(kinds("x.0.1"), [Ident, Dot, Int, Dot, Int, Eof]);
        assert_eq!(kinds("1..2"), [Int, DotDot, Int, Eof]);
        assert_eq!(kinds("α_1 // c\n fn"), [Ident, Fn, Eof]);
    }

    #[test]
    fn strings_with_expressions() {
        assert_eq!(kinds(r#""a{{b}}""#), [StrOpen, StrText, StrClose, Eof]);
        assert_eq!(
            kinds(r#""v = {v:.6}!""#),
            [StrOpen, StrText, InterpOpen, Ident, StrFormat, InterpClose, StrText, StrClose, Eof]
        );
        assert_eq!(
            kinds(r#""{f("x{y}", axis: 0)}""#),
            [
                StrOpen,
                InterpOpen,
                Ident,
                LParen,
                StrOpen,
                StrText,
                InterpOpen,
                Ident,
                InterpClose,
                StrClose,
                Comma,
                Ident,
                Colon,
                Int,
                RParen,
                InterpClose,
                StrClose,
                Eof
            ]
        );
        assert_eq!(kinds(r#""{x::>8}""#), [StrOpen, InterpOpen, Ident, StrFormat, InterpClose, StrClose, Eof]);
    }

    #[test]
    fn mistakes_are_reported_once() {
        assert_eq!(codes("let s = \"abc;\nlet t = 1;"), ["E0003"]);
        assert_eq!(codes("print(\"abc);\nf(1);"), ["E0003"]);
        assert_eq!(codes("print(\"abc\ndef {x}\n ghi\");\nf(\"1\");"), ["E0003"]);
        assert_eq!(codes("print(\"{\");"), ["E0011"]);
        assert_eq!(codes(r#""a } b""#), ["E0012"]);
        assert_eq!(codes(r#""\q""#), ["E0004"]);
        assert_eq!(codes(r#""\u{e9} {x}""#), [""; 0]);
        assert_eq!(codes("/* a\n b */ fn"), ["E0010"]);
        assert_eq!(codes("# a comment"), ["E0009"]);
        assert_eq!(codes("'c' 'text'"), ["E0008", "E0008"]);
        assert_eq!(codes("'outer: for"), ["E0016"]);
        assert_eq!(codes("a $$$ b"), ["E0002"]);
        assert_eq!(codes("a − b"), ["E0002"]);
    }

    #[test]
    fn documentation_is_told_from_comments() {
        let docs: Vec<bool> = lex(FileId(0), "/// a\n// b\n//// c").comments.iter().map(|c| c.doc).collect();
        assert_eq!(docs, [true, false, false]);
    }
}
