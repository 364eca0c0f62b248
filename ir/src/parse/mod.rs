//! The text form of the IR, read. See [`crate::print`] for how it looks.
//!
//! The parser checks the form only: a type that does not fit is the verifier's affair, so that its tests can be
//! written as text. Beyond what is printed it accepts, for people who write IR by hand: a literal in the place of an
//! operand (`mul %x, 2.0`), a location that no table declares, derivatives without a signature, `0x…` and `_`.
//!
//! It stops at the first mistake, which it reports with line and column, and never panics; regions nest at most
//! [`MAX_NESTING`] deep.

mod body;
mod inst;
mod item;
mod lexer;

use crate::entity::Entity;
use crate::function::Inst;
use crate::module::{FuncId, Module, NodeId};
use lexer::{Placed, Token};
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;

/// How deep regions may nest. Chosen so that the parser fits into the stack of a test thread with much room.
pub const MAX_NESTING: usize = 200;

/// A mistake in the text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Both from 1; the column in characters.
    pub line: u32,
    pub col: u32,
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.col, self.message)
    }
}

impl std::error::Error for ParseError {}

/// In which line of the text things stand.
#[derive(Clone, Default, Debug)]
pub struct TextLines {
    pub functions: FxHashMap<FuncId, u32>,
    pub instructions: FxHashMap<(FuncId, Inst), u32>,
}

/// Reads a module.
pub fn parse(text: &str) -> Result<Module, ParseError> {
    parse_with_lines(text).map(|(module, _)| module)
}

/// Reads a module, and tells in which line each of its instructions stands.
pub fn parse_with_lines(text: &str) -> Result<(Module, TextLines), ParseError> {
    let mut parser = Parser::new(lexer::tokens(text)?)?;
    while parser.peek() != &Token::End {
        parser.item()?;
    }
    parser.finish()
}

type Result<T, E = ParseError> = std::result::Result<T, E>;

struct Parser<'t> {
    tokens: Vec<Placed<'t>>,
    at: usize,
    module: Module,
    /// What the whole text declares: functions and node types may be used before their definition.
    funcs: FxHashMap<Arc<str>, FuncId>,
    nodes: FxHashMap<Arc<str>, NodeId>,
    lines: TextLines,
    /// Derivatives written without a signature, with the place of each.
    unsigned: Vec<(FuncId, usize)>,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> &Token<'t> {
        &self.tokens[self.at].token
    }

    /// The token after the next one.
    fn peek_second(&self) -> &Token<'t> {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)].token
    }

    fn next(&mut self) -> Token<'t> {
        let token = self.peek().clone();
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        token
    }

    /// An error at the next token.
    fn error<T>(&self, message: impl Into<String>) -> Result<T> {
        self.error_at(self.at, message)
    }

    fn error_at<T>(&self, at: usize, message: impl Into<String>) -> Result<T> {
        let place = &self.tokens[at];
        Err(ParseError { line: place.line, col: place.col, message: message.into() })
    }

    fn expected<T>(&self, what: &str) -> Result<T> {
        self.error(format!("expected {what}, found {}", self.peek().describe()))
    }

    /// Takes the punctuation `p` if it is next.
    fn eat(&mut self, p: &'static str) -> bool {
        let found = *self.peek() == Token::Punct(p);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, p: &'static str) -> Result<()> {
        if self.eat(p) { Ok(()) } else { self.expected(&format!("`{p}`")) }
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let found = *self.peek() == Token::Word(word);
        if found {
            self.next();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { self.expected(&format!("`{word}`")) }
    }

    /// Any bare word.
    fn word(&mut self, what: &str) -> Result<&'t str> {
        match *self.peek() {
            Token::Word(word) => {
                self.next();
                Ok(word)
            }
            _ => self.expected(what),
        }
    }

    /// A name that stands bare or in quotes.
    fn name(&mut self, what: &str) -> Result<Arc<str>> {
        match self.next() {
            Token::Word(word) => Ok(word.into()),
            Token::Text(text) => Ok(text.into()),
            _ => {
                self.at -= 1;
                self.expected(what)
            }
        }
    }

    fn number<N: std::str::FromStr>(&mut self, what: &str) -> Result<N> {
        match self.peek() {
            Token::Word(word) => match word.parse() {
                Ok(number) => {
                    self.next();
                    Ok(number)
                }
                Err(_) => self.expected(what),
            },
            _ => self.expected(what),
        }
    }

    /// `item, item, …` up to the closing punctuation, which is taken too.
    fn list<T>(&mut self, close: &'static str, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        if self.eat(close) {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if self.eat(close) {
                return Ok(items);
            }
            if !self.eat(",") {
                return self.expected(&format!("`,` or `{close}`"));
            }
        }
    }

    fn function_name(&mut self) -> Result<FuncId> {
        match self.peek() {
            Token::Func(name) => match self.funcs.get(&**name) {
                Some(id) => {
                    let id = *id;
                    self.next();
                    Ok(id)
                }
                None => self.error(format!("there is no function `@{name}`")),
            },
            _ => self.expected("a function, `@name`"),
        }
    }

    fn node_name(&mut self) -> Result<NodeId> {
        match self.peek() {
            Token::Value(name) => match self.nodes.get(&**name) {
                Some(id) => {
                    let id = *id;
                    self.next();
                    Ok(id)
                }
                None => self.error(format!("there is no node type `%{name}`")),
            },
            _ => self.expected("a node type, `%Name`"),
        }
    }

    fn finish(mut self) -> Result<(Module, TextLines)> {
        self.sign_derivatives()?;
        Ok((self.module, self.lines))
    }
}

/// The entity number `index` of an arena of `len` entries.
fn entity_in<K: Entity>(index: usize, len: usize) -> Option<K> {
    (index < len).then(|| K::from_index(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::verify;

    const EVERYTHING: &str = include_str!("../../../tests/ir/roundtrip/everything.ir");
    const LEGAL: &str = include_str!("../../../tests/ir/run/derivatives.ir");

    fn message(text: &str) -> String {
        parse(text).map(|_| String::new()).unwrap_or_else(|e| e.to_string())
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        assert_eq!(message("func @f() {\n  %x = frob %y\n}"), "2:8: there is no instruction `frob`");
        assert_eq!(message("func @f() {\n  yield %y\n}"), "2:9: `%y` is not defined in this function");
        assert_eq!(message("func @f() {\n  %x = call @g() : f64\n}"), "2:13: there is no function `@g`");
        assert_eq!(message("func @f(%x: f64, %x: f64) {}"), "1:18: `%x` is defined twice");
        assert_eq!(message("func @f() {} func @f() {}"), "1:19: there are two functions `@f`");
        assert_eq!(message("func @f() { %x = const 300 : u8 }"), "1:24: `300` is no literal of this type");
        assert_eq!(
            message("func @f() { %x = undef }"),
            "1:13: the types of the results do not follow here: write `: type` behind"
        );
        assert_eq!(message("func @f() { trap \"a"), "1:18: this text does not end on its line");
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = format!("func @f(%c: bool) {{ {} {} }}", "if %c {".repeat(1000), "}".repeat(1000));
        assert!(message(&deep).ends_with("regions nest more than 200 deep"));
        let fine = format!("func @f(%c: bool) {{ {} {} }}", "if %c {".repeat(150), "}".repeat(150));
        assert!(verify(&parse(&fine).unwrap()).is_ok());
        assert!(message(&"[".repeat(100_000)).contains("expected"));
        assert!(message(&format!("func @f({}", "[".repeat(100_000))).contains("expected a type"));
    }

    /// Texts made from a good one by cutting, doubling and swapping pieces. Neither parser nor verifier may panic, and
    /// what is legal must print as it was read.
    #[test]
    fn damaged_texts_do_no_harm() {
        let mut state = 42u64;
        let mut random = |below: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as usize % below
        };
        let pieces = |text: &'static str| text.split_inclusive([' ', '\n', ',', '(']).collect::<Vec<&str>>();
        let sources = [pieces(EVERYTHING), pieces(LEGAL)];
        let (mut parsed, mut legal) = (0, 0);
        for round in 0..3000 {
            let pieces = &sources[round % 2];
            let mut damaged = pieces.clone();
            for _ in 0..=random(2) {
                let (a, b) = (random(damaged.len()), random(damaged.len()));
                match random(3) {
                    0 => drop(damaged.remove(a)),
                    1 => damaged.insert(a, pieces[b.min(pieces.len() - 1)]),
                    _ => damaged.swap(a, b),
                }
            }
            let Ok(module) = parse(&damaged.concat()) else { continue };
            parsed += 1;
            if verify(&module).is_ok() {
                legal += 1;
                let text = module.to_string();
                assert_eq!(parse(&text).expect("legal IR prints as text that reads").to_string(), text);
            }
        }
        assert!(parsed > 50 && legal > 20, "{parsed} of the damaged texts still parse, {legal} are legal");
    }
}
