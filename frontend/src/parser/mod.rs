//! Tokens to tree, by recursive descent.
//!
//! A parsing function returns what it read, or [`Reported`]: then it has said why, and whoever can go on does:
//! a list at its next comma, a block at its next statement, a file at its next item. Brackets are balanced (the lexer
//! saw to that), so skipping to the end of one always works, and mistakes do not spread beyond the brackets around
//! them. At one token at most one mistake is reported.
//!
//! Time is linear: nothing is read twice, apart from a bounded look ahead where `<` may open generic arguments.
//! Recursion is counted ([`MAX_NESTING`]), and so is the height of the tree ([`MAX_HEIGHT`]).

mod control;
mod decl;
mod expr;
mod generics;
mod item;
mod pattern;
mod postfix;
mod primary;
mod slips;
mod stmt;
mod string;
mod types;

use crate::ast::*;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::errors::syntax;
use crate::lexer::{Comment, Lexed, Token, TokenKind, lex};
use crate::source::{FileId, Span};
use generics::Known;
use rustc_hash::FxHashMap;

/// How many brackets, blocks, prefix operators or types may stand in one another. People stay below twenty; the
/// number is what fits a thread's stack of two megabytes, measured in a build with few optimizations: up to six
/// kilobytes a level. `#[inline(never)]` in this folder keeps what is rare out of the frames that recur.
pub const MAX_NESTING: u32 = 256;

/// Reads a file. There always is a tree; where the text could not be understood it has `Error` nodes or lacks items,
/// and a diagnostic says so. The diagnostics are in the order of the text.
pub fn parse_file(file: FileId, text: &str, ids: &mut NodeIds) -> (Module, Vec<Diagnostic>) {
    let Lexed { tokens, comments, diagnostics } = lex(file, text);
    let mut parser = Parser::new(file, text, tokens, comments, ids);
    let items = parser.items();
    let mut all = Diagnostics::new();
    all.extend(diagnostics);
    all.extend(parser.diagnostics);
    (Module { file, items, span: Span::new(file, 0, text.len() as u32) }, all.into_sorted())
}

/// A mistake has been reported; the reader of this goes on elsewhere.
#[derive(Clone, Copy, Debug)]
struct Reported;

type Parsed<T> = Result<T, Reported>;

struct Parser<'a> {
    file: FileId,
    text: &'a str,
    tokens: Vec<Token>,
    pos: usize,
    comments: Vec<Comment>,
    ids: &'a mut NodeIds,
    symbols: FxHashMap<&'a str, Symbol>,
    /// What the declarations of the file say about names.
    known: Known<'a>,
    /// Type parameters that stood for functions, as in Rust. A mistake that is reported where they are declared.
    of_functions: Vec<Symbol>,
    diagnostics: Vec<Diagnostic>,
    /// The token at which something was reported last.
    last_error: Option<usize>,
    /// Whether a construct failed, and what follows on its line is probably part of it.
    lost: bool,
    /// Whether we are in the head of `if`, `while`, `match` or `for`, where `{` begins the body.
    in_head: bool,
    /// Whether a type is read that follows `as`, where `<` may compare.
    after_as: bool,
    depth: u32,
    /// The height of the tallest expression that was finished since the current one began.
    height: u32,
    height_reported: bool,
}

impl<'a> Parser<'a> {
    fn new(file: FileId, text: &'a str, tokens: Vec<Token>, comments: Vec<Comment>, ids: &'a mut NodeIds) -> Self {
        let known = Known::of(text, &tokens);
        Parser {
            file,
            text,
            tokens,
            pos: 0,
            comments,
            ids,
            symbols: FxHashMap::default(),
            known,
            of_functions: Vec::new(),
            diagnostics: Vec::new(),
            last_error: None,
            lost: false,
            in_head: false,
            after_as: false,
            depth: 0,
            height: 0,
            height_reported: false,
        }
    }

    // Looking at tokens.

    fn token(&self) -> Token {
        self.tokens[self.pos]
    }

    fn ahead(&self, n: usize) -> Token {
        self.tokens[(self.pos + n).min(self.tokens.len() - 1)]
    }

    fn kind(&self) -> TokenKind {
        self.token().kind
    }

    fn at(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    fn next_is(&self, kind: TokenKind) -> bool {
        self.ahead(1).kind == kind
    }

    fn text_of(&self, token: Token) -> &'a str {
        &self.text[token.lo as usize..token.hi as usize]
    }

    /// Whether here stands the name `word`, which is a keyword only in some places.
    fn at_word(&self, word: &str) -> bool {
        self.at(TokenKind::Ident) && self.text_of(self.token()) == word
    }

    fn at_any_word(&self, words: &[&str]) -> bool {
        self.at(TokenKind::Ident) && words.contains(&self.text_of(self.token()))
    }

    /// Whether nothing stands between the token `n` ahead and the one after it.
    fn adjacent(&self, n: usize) -> bool {
        self.ahead(n).hi == self.ahead(n + 1).lo
    }

    fn previous(&self) -> Option<Token> {
        self.pos.checked_sub(1).map(|i| self.tokens[i])
    }

    // Positions.

    fn lo(&self) -> u32 {
        self.token().lo
    }

    fn span_of(&self, token: Token) -> Span {
        Span::new(self.file, token.lo, token.hi)
    }

    fn here(&self) -> Span {
        self.span_of(self.token())
    }

    /// From `lo` to the end of the token before this one.
    fn since(&self, lo: u32) -> Span {
        Span::new(self.file, lo, self.previous().map_or(lo, |t| t.hi.max(lo)))
    }

    /// Just behind the token before this one.
    fn behind(&self) -> Span {
        self.previous().map_or(self.here(), |t| self.span_of(t).end())
    }

    /// Where to say that something else was expected: here, or at the end of the line before if that is where it is
    /// missing.
    fn blame(&self) -> Span {
        use TokenKind::*;
        match self.previous() {
            Some(last) if self.token().first && !matches!(last.kind, Semi | LBrace | RBrace) => self.behind(),
            None | Some(_) => self.here(),
        }
    }

    // Moving on.

    fn bump(&mut self) -> Token {
        let token = self.token();
        if token.kind != TokenKind::Eof {
            self.pos += 1;
        }
        if token.first || token.kind == TokenKind::Semi {
            self.lost = false;
        }
        token
    }

    fn bump_many(&mut self, count: usize) {
        for _ in 0..count {
            self.bump();
        }
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    fn expect(&mut self, kind: TokenKind) -> Parsed<Token> {
        if self.at(kind) {
            return Ok(self.bump());
        }
        let what = format!("`{}`", kind.text().unwrap_or("?"));
        self.expected(&what)
    }

    /// Skips tokens, and brackets as a whole, up to one that `stop` knows or to the end of the bracket around us.
    fn skip_until(&mut self, stop: impl Fn(&Self) -> bool) {
        let mut depth = 0u32;
        while !self.at(TokenKind::Eof) {
            let kind = self.kind();
            if depth == 0 && (kind.is_closer() || stop(self)) {
                return;
            }
            match kind {
                _ if kind.closer().is_some() => depth += 1,
                _ if kind.is_closer() => depth -= 1,
                _ => {}
            }
            self.bump();
        }
    }

    // Reporting.

    /// Reports a mistake at the current token, unless one was reported here or the token is the product of a repair.
    fn report(&mut self, diagnostic: Diagnostic) {
        let repaired = self.token().repaired || self.previous().is_some_and(|t| t.repaired);
        if self.last_error != Some(self.pos) && !repaired {
            self.report_at(diagnostic);
        }
        self.last_error = Some(self.pos);
    }

    /// Reports a mistake in what has been read, unless we are lost.
    fn report_at(&mut self, diagnostic: Diagnostic) {
        let new_line = self.token().first && diagnostic.primary.span.lo >= self.lo();
        if !self.lost || new_line {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reports a mistake after which nothing is known: up to the next line or statement no more is said.
    fn fail<T>(&mut self, diagnostic: Diagnostic) -> Parsed<T> {
        self.report(diagnostic);
        self.lost = true;
        Err(Reported)
    }

    fn expected<T>(&mut self, what: &str) -> Parsed<T> {
        let diagnostic = syntax::expected(self.blame(), what, &self.found());
        self.fail(diagnostic)
    }

    /// The current token in words.
    fn found(&self) -> String {
        match self.kind() {
            TokenKind::Eof => "the end of the file".into(),
            TokenKind::StrOpen | TokenKind::StrText | TokenKind::StrClose => "a string".into(),
            TokenKind::InterpClose => "the end of the expression".into(),
            TokenKind::StrFormat => "a format".into(),
            _ => format!("`{}`", self.text_of(self.token())),
        }
    }

    // Building.

    fn id(&mut self) -> NodeId {
        self.ids.fresh()
    }

    fn symbol(&mut self, text: &'a str) -> Symbol {
        self.symbols.entry(text).or_insert_with(|| Symbol::new(text)).clone()
    }

    fn name_of(&mut self, token: Token) -> Name {
        Name { text: self.symbol(self.text_of(token)), span: self.span_of(token) }
    }

    /// A name. A keyword in its place is taken for one, and reported.
    fn name(&mut self, what: &str) -> Parsed<Name> {
        if self.kind().is_keyword() && !self.token().first {
            let diagnostic = syntax::keyword_as_name(self.here(), self.text_of(self.token()));
            self.report(diagnostic);
        } else if !self.at(TokenKind::Ident) {
            return self.expected(what);
        }
        let token = self.bump();
        Ok(self.name_of(token))
    }

    /// An expression that begins at `lo`, ends before the current token, and is one higher than its parts.
    fn expr_node(&mut self, lo: u32, kind: ExprKind) -> Expr {
        let span = self.since(lo);
        let id = self.id();
        self.height += 1;
        if self.height <= MAX_HEIGHT {
            return Expr { id, span, kind };
        }
        if !self.height_reported {
            self.height_reported = true;
            self.report(syntax::too_high(span, MAX_HEIGHT));
        }
        self.height = 1;
        Expr { id, span, kind: ExprKind::Error }
    }

    /// Runs `parse` one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_NESTING {
            let diagnostic = syntax::nested_too_deeply(self.here(), MAX_NESTING);
            return self.fail(diagnostic);
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// Runs `parse` and says how high the expression is that it read.
    fn measured<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<(T, u32)> {
        let outer = std::mem::take(&mut self.height);
        let result = parse(self);
        let height = std::mem::replace(&mut self.height, outer);
        self.height = outer.max(height);
        result.map(|value| (value, height))
    }

    /// Runs `parse` inside of brackets, or (`head`) in the head of a statement.
    fn with_head<T>(&mut self, head: bool, parse: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.in_head, head);
        let result = parse(self);
        self.in_head = outer;
        result
    }

    /// `open a, b, c close`, the last comma optional. Elements that fail are left out.
    fn list<T>(&mut self, what: &str, each: impl FnMut(&mut Self) -> Parsed<T>) -> Vec<T> {
        let open = self.bump();
        let Some(close) = open.kind.closer() else { return Vec::new() };
        let reported = self.diagnostics.len();
        let items = self.with_head(false, |p| p.list_until(close, what, each));
        self.forgive(open, reported);
        self.eat(close);
        items
    }

    /// Takes back what was said since `reported` about the inside of a bracket, if that was never closed: this was
    /// reported, and so it holds what does not belong to it.
    fn forgive(&mut self, open: Token, reported: usize) {
        if open.repaired {
            self.diagnostics.truncate(reported);
        }
    }

    /// The inside of a list, up to `close`, which is left there.
    fn list_until<T>(&mut self, close: TokenKind, what: &str, mut each: impl FnMut(&mut Self) -> Parsed<T>) -> Vec<T> {
        let mut items = Vec::new();
        while !self.at(close) && !self.at(TokenKind::Eof) {
            let start = self.pos;
            match each(self) {
                Ok(item) => items.push(item),
                Err(Reported) => self.skip_until(|p| p.at(TokenKind::Comma)),
            }
            if self.eat(TokenKind::Comma) || self.at(close) {
                continue;
            }
            self.missing_comma(close, what);
            // An element that begins a line is one; anything else is skipped.
            if self.pos == start || !self.token().first || self.kind().is_closer() {
                self.skip_until(|p| p.at(TokenKind::Comma));
                if !self.eat(TokenKind::Comma) {
                    return items;
                }
            }
        }
        items
    }

    fn missing_comma(&mut self, close: TokenKind, what: &str) {
        let close = close.text().unwrap_or("}");
        if self.at(TokenKind::Semi) && close == "}" {
            let at = self.here();
            self.report(syntax::field(at, &format!("{what} are separated by `,`"), "write `,` instead of `;`"));
            return;
        }
        let diagnostic = match self.kind() {
            TokenKind::Fn if close == "}" => {
                let at = self.here();
                syntax::field(at, "a function does not stand among the fields", "write it into an `impl` of the type")
            }
            TokenKind::StrOpen => syntax::expected(
                self.blame(),
                &format!("`,` or `{close}` after one of the {what}"),
                &self.found(),
            )
            .help("a string is one literal between `\"`; expressions stand in it between braces, without a prefix"),
            _ => syntax::expected(self.blame(), &format!("`,` or `{close}` after one of the {what}"), &self.found())
                .help(format!("{what} are separated by `,`")),
        };
        let _: Parsed<()> = self.fail(diagnostic);
    }

    /// The documentation before the current token.
    fn docs(&self) -> Option<String> {
        let from = self.previous().map_or(0, |t| t.hi);
        let first = self.comments.partition_point(|c| c.lo < from);
        let lines: Vec<&str> = self.comments[first..]
            .iter()
            .take_while(|c| c.hi <= self.lo())
            .filter(|c| c.doc)
            .map(|c| &self.text[c.lo as usize + 3..c.hi as usize])
            .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end())
            .collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}
