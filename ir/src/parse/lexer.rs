//! Tokens of the text form.
//!
//! A word is anything that may stand bare: names, numbers (`-1.5e-3`), keywords (`get.inbounds`). Two dots end a word,
//! so `0..%n` is three tokens. Comments run from `;` to the end of the line.

use super::ParseError;
use std::borrow::Cow;

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token<'t> {
    Word(&'t str),
    /// `%name`
    Value(Cow<'t, str>),
    /// `@name`
    Func(Cow<'t, str>),
    /// `"text"`
    Text(String),
    Punct(&'static str),
    End,
}

impl Token<'_> {
    /// How an error message calls it.
    pub(super) fn describe(&self) -> String {
        match self {
            Token::Word(w) => format!("`{w}`"),
            Token::Value(name) => format!("`%{name}`"),
            Token::Func(name) => format!("`@{name}`"),
            Token::Text(_) => "a text".to_string(),
            Token::Punct(p) => format!("`{p}`"),
            Token::End => "the end".to_string(),
        }
    }
}

/// A token and where it begins: line and column, both from 1, the column in characters.
pub(super) struct Placed<'t> {
    pub token: Token<'t>,
    pub line: u32,
    pub col: u32,
}

const PUNCTUATION: [&str; 17] =
    ["->", "::", "..", "(", ")", "{", "}", "[", "]", ",", ":", "=", "<", "^", "#", "!", "*"];

/// All tokens of `text`, the last one [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed<'_>>, ParseError> {
    let mut lexer = Lexer { rest: text, line: 1, col: 1 };
    let mut all = Vec::new();
    loop {
        lexer.skip_blank();
        let (line, col) = (lexer.line, lexer.col);
        let token = lexer.token().map_err(|message| ParseError { line, col, message })?;
        let end = token == Token::End;
        all.push(Placed { token, line, col });
        if end {
            return Ok(all);
        }
    }
}

struct Lexer<'t> {
    rest: &'t str,
    line: u32,
    col: u32,
}

impl<'t> Lexer<'t> {
    fn advance(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        for c in taken.chars() {
            (self.line, self.col) = if c == '\n' { (self.line + 1, 1) } else { (self.line, self.col + 1) };
        }
        self.rest = rest;
        taken
    }

    fn skip_blank(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.advance(blank);
            if !self.rest.starts_with(';') {
                return;
            }
            self.advance(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    fn token(&mut self) -> Result<Token<'t>, String> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        match first {
            '%' => self.name().map(Token::Value),
            '@' => self.name().map(Token::Func),
            '"' => self.text().map(Token::Text),
            _ => {
                if let Some(p) = PUNCTUATION.iter().find(|p| self.rest.starts_with(**p)) {
                    self.advance(p.len());
                    return Ok(Token::Punct(p));
                }
                match word_length(self.rest) {
                    0 => Err(format!("unexpected character `{}`", first.escape_debug())),
                    n => Ok(Token::Word(self.advance(n))),
                }
            }
        }
    }

    fn name(&mut self) -> Result<Cow<'t, str>, String> {
        self.advance(1);
        if self.rest.starts_with('"') {
            return self.text().map(Cow::Owned);
        }
        match word_length(self.rest) {
            0 => Err("a name must follow".to_string()),
            n => Ok(Cow::Borrowed(self.advance(n))),
        }
    }

    fn text(&mut self) -> Result<String, String> {
        self.advance(1);
        let mut text = String::new();
        loop {
            let c = self.rest.chars().next().filter(|c| *c != '\n').ok_or("this text does not end on its line")?;
            self.advance(c.len_utf8());
            match c {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                c => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let c = self.rest.chars().next().ok_or("this text does not end")?;
        self.advance(c.len_utf8());
        match c {
            'n' => Ok('\n'),
            't' => Ok('\t'),
            'r' => Ok('\r'),
            '0' => Ok('\0'),
            '"' | '\\' => Ok(c),
            'u' => {
                let end = self.rest.find('}').ok_or("`\\u{` without `}`")?;
                let digits = self.advance(end + 1);
                let digits = digits.strip_prefix('{').and_then(|d| d.strip_suffix('}')).unwrap_or("");
                let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                code.ok_or_else(|| "no such character".to_string())
            }
            c => Err(format!("unknown escape `\\{}`", c.escape_debug())),
        }
    }
}

/// How many bytes of `text` form a word. A minus is part of it at the beginning and inside (`1e-5`, `empty-pop`); a dot
/// inside.
fn word_length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut length = 0;
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let part_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let joins = match c {
            '-' => next.is_some_and(part_of_name),
            '.' => at > 0 && next.is_some_and(part_of_name),
            c => part_of_name(c),
        };
        if !joins {
            break;
        }
        length = at + c.len_utf8();
    }
    length
}
