//! Brackets, balanced before anything is parsed.
//!
//! The parser relies on pairs: it can skip what a bracket encloses, and no mistake inside spreads to the outside. So a
//! file whose brackets do not match is repaired here: a closing one that closes nothing is dropped, and where one is
//! missing it is put in. Where that was is a guess from the layout; the message is at the opening one in any case.
//!
//! The guesses, in this order: no `;` and no `let` stands directly in `(…)`; `}` is stronger than `)` and `]`; an item
//! that begins left of or at the line that opened a brace is outside of it; a `}` that begins a line closes a brace
//! whose line begins as far to the left, and if it had to close one further to the right, that one is to blame.
//! A file whose brackets match is not touched, however it is laid out.

use super::{Lexed, Token, TokenKind};
use crate::errors::lex;
use crate::source::{FileId, Span};

/// Repairs the brackets of a file and reports what was wrong.
pub(super) fn balance(file: FileId, text: &str, lexed: &mut Lexed) {
    if is_balanced(&lexed.tokens) {
        return;
    }
    let tokens = std::mem::take(&mut lexed.tokens);
    let mut repair =
        Repair { file, text, stack: Vec::new(), suspect: None, open: [0; 4], indent: 0, line: 0, out: lexed };
    for (i, token) in tokens.iter().enumerate() {
        repair.token(*token, tokens.get(i + 1));
    }
}

fn is_balanced(tokens: &[Token]) -> bool {
    let mut stack = Vec::new();
    for token in tokens {
        if let Some(closer) = token.kind.closer() {
            stack.push(closer);
        } else if token.kind.is_closer() && stack.pop() != Some(token.kind) {
            return false;
        }
    }
    stack.is_empty()
}

/// An open bracket.
#[derive(Clone, Copy)]
struct Open {
    token: Token,
    /// Where the first token of its line begins.
    indent: usize,
    line: u32,
    /// Where it is in the new list of tokens.
    index: usize,
}

struct Repair<'a> {
    file: FileId,
    text: &'a str,
    stack: Vec<Open>,
    /// A brace that was closed by one further to the left: probably it was meant for the brace around it.
    suspect: Option<Open>,
    /// How many of each kind are open.
    open: [usize; 4],
    indent: usize,
    line: u32,
    out: &'a mut Lexed,
}

impl Repair<'_> {
    fn token(&mut self, token: Token, next: Option<&Token>) {
        if token.first {
            self.indent = self.column(token);
            self.line += 1;
        }
        match token.kind {
            TokenKind::Eof => self.close_down_to(0, token),
            TokenKind::Semi => self.close_parens(token, &[TokenKind::LParen]),
            TokenKind::Let | TokenKind::Var if token.first => {
                self.close_parens(token, &[TokenKind::LParen, TokenKind::LBracket]);
            }
            _ if token.first && begins_item(token, next, self.text) => self.close_around_item(token),
            _ => {}
        }
        if token.kind.closer().is_some() {
            self.push(token);
        } else if token.kind.is_closer() && !self.close(token) {
            return;
        }
        self.out.tokens.push(token);
    }

    fn span(&self, token: Token) -> Span {
        Span::new(self.file, token.lo, token.hi)
    }

    /// How many bytes of its line stand before a token that is the first.
    fn column(&self, token: Token) -> usize {
        let before = &self.text[..token.lo as usize];
        before.len() - before.rfind('\n').map_or(0, |i| i + 1)
    }

    fn push(&mut self, token: Token) {
        self.open[kind_index(token.kind)] += 1;
        self.stack.push(Open { token, indent: self.indent, line: self.line, index: self.out.tokens.len() });
    }

    fn pop(&mut self) -> Option<Open> {
        let open = self.stack.pop()?;
        self.open[kind_index(open.token.kind)] -= 1;
        Some(open)
    }

    /// Puts in what closes everything above `depth`, before `end`, and reports each.
    fn close_down_to(&mut self, depth: usize, end: Token) {
        while self.stack.len() > depth {
            let Some(open) = self.pop() else { return };
            // Where very many are open, two say enough.
            if self.stack.len() < depth + 2 {
                self.report_unclosed(open, end);
            }
            let kind = open.token.kind.closer().unwrap_or(TokenKind::RBrace);
            // It stands just behind the last token, where the mistake is.
            let at = self.out.tokens.last().map_or(end.lo, |last| last.hi);
            self.out.tokens.push(Token { kind, first: false, repaired: true, lo: at, hi: at });
        }
    }

    fn report_unclosed(&mut self, open: Open, end: Token) {
        if open.token.kind == TokenKind::InterpOpen {
            return;
        }
        let open = match self.suspect.take() {
            Some(suspect) if open.token.kind == TokenKind::LBrace && suspect.token.lo > open.token.lo => suspect,
            _ => open,
        };
        let bracket = open.token.kind.text().unwrap_or("{");
        self.out.tokens[open.index].repaired = true;
        self.out.diagnostics.push(lex::unclosed_bracket(self.span(open.token), bracket, self.span(end)));
    }

    /// Closes the parentheses on top, in which `token` cannot stand.
    fn close_parens(&mut self, token: Token, kinds: &[TokenKind]) {
        let inside = self.stack.iter().rev().take_while(|open| kinds.contains(&open.token.kind)).count();
        self.close_down_to(self.stack.len() - inside, token);
    }

    /// An item begins a line: brackets whose line begins no further to the left were meant to be closed.
    fn close_around_item(&mut self, token: Token) {
        let column = self.indent;
        let depth = self.stack.iter().rposition(|open| open.indent < column).map_or(0, |i| i + 1);
        self.close_down_to(depth, token);
    }

    /// Matches a closing bracket. False if it closes nothing and is to be dropped.
    fn close(&mut self, token: Token) -> bool {
        let matches = |open: &Open| open.token.kind.closer() == Some(token.kind);
        if !self.stack.last().is_some_and(matches) {
            let Some(depth) = self.partner(token) else {
                if !self.wrong_closer(token) {
                    self.drop_closer(token);
                }
                return false;
            };
            self.close_down_to(depth + 1, token);
        }
        if let Some(open) = self.pop()
            && token.first
            && token.kind == TokenKind::RBrace
            && open.indent > self.indent
            && self.suspect.is_none()
        {
            self.suspect = Some(open);
        }
        true
    }

    /// Where on the stack the bracket is that `token` closes, if others that are still open may be given up for it.
    fn partner(&self, token: Token) -> Option<usize> {
        if (0..4).all(|kind| self.open[kind] == 0 || CLOSERS[kind] != token.kind) {
            return None;
        }
        // A brace that closes takes everything in it along; the search for a parenthesis is short, so that it stays linear.
        let weak = matches!(token.kind, TokenKind::RParen | TokenKind::RBracket);
        for (depth, open) in self.stack.iter().enumerate().rev().take(if weak { 64 } else { usize::MAX }) {
            match open.token.kind {
                kind if kind.closer() == Some(token.kind) => return Some(depth),
                TokenKind::InterpOpen => return None,
                // A parenthesis closes over a brace only on the same line; further away it is the one too many.
                TokenKind::LBrace if weak && open.line != self.line => return None,
                _ => {}
            }
        }
        None
    }

    /// `(a]`: one mistake. The closing bracket is taken for the right one if a bracket of another kind was opened on its
    /// line and nothing else waits for it.
    fn wrong_closer(&mut self, token: Token) -> bool {
        let Some(open) = self.stack.last().copied() else { return false };
        let weak = |kind| matches!(kind, TokenKind::LParen | TokenKind::LBracket);
        let Some(right) = open.token.kind.closer() else { return false };
        if !weak(open.token.kind) || open.line != self.line || token.kind == TokenKind::InterpClose || token.first {
            return false;
        }
        let line_end = self.text[token.hi as usize..].find('\n').unwrap_or(self.text.len() - token.hi as usize);
        let rest = &self.text[token.hi as usize..token.hi as usize + line_end.min(200)];
        // If the right one follows as well, this one is too many.
        if rest.contains(right.text().unwrap_or(")")) || token.kind == TokenKind::RBrace {
            return false;
        }
        self.pop();
        let (bracket, closer) = (open.token.kind.text().unwrap_or("("), token.kind.text().unwrap_or(")"));
        let (at, right_text) = (self.span(token), right.text().unwrap_or(")"));
        self.out.diagnostics.push(lex::wrong_closer(self.span(open.token), bracket, at, closer, right_text));
        self.out.tokens.push(Token { kind: right, repaired: true, ..token });
        true
    }

    fn drop_closer(&mut self, token: Token) {
        let bracket = token.kind.text().unwrap_or("}");
        self.out.diagnostics.push(lex::unopened_bracket(self.span(token), bracket));
    }
}

const CLOSERS: [TokenKind; 4] = [TokenKind::RParen, TokenKind::RBracket, TokenKind::RBrace, TokenKind::InterpClose];

fn kind_index(opener: TokenKind) -> usize {
    match opener {
        TokenKind::LParen => 0,
        TokenKind::LBracket => 1,
        TokenKind::LBrace => 2,
        _ => 3,
    }
}

/// Whether a token that is the first of its line begins an item: a keyword, and then a name.
fn begins_item(token: Token, next: Option<&Token>, text: &str) -> bool {
    let named = next.is_some_and(|t| t.kind == TokenKind::Ident);
    match token.kind {
        TokenKind::Fn | TokenKind::Struct | TokenKind::Enum | TokenKind::Trait | TokenKind::Const => named,
        TokenKind::Type | TokenKind::Use | TokenKind::Extern | TokenKind::Pub | TokenKind::Impl => true,
        TokenKind::Ident => {
            named && matches!(&text[token.lo as usize..token.hi as usize], "model" | "derivative" | "export")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::lexer::lex;
    use crate::source::{FileId, SourceMap};

    /// The codes with the lines they are at.
    fn problems(text: &str) -> Vec<(&'static str, u32)> {
        let mut map = SourceMap::new();
        map.add("a.dp", text);
        lex(FileId(0), text).diagnostics.iter().map(|d| (d.code, map.line_col(d.primary.span).line)).collect()
    }

    #[test]
    fn an_unclosed_bracket_is_reported_where_it_is_opened() {
        assert_eq!(problems("fn main() {\n    f();\n"), [("E0013", 1)]);
        assert_eq!(problems("fn f() {\n    if x {\n        g();\n}\n\nfn g() {\n}\n"), [("E0013", 2)]);
        assert_eq!(problems("fn f() {\n    g(1;\n    h();\n}\n"), [("E0013", 2)]);
        assert_eq!(problems("fn f() {\n    let x = [1, 2\n    let y = 1;\n}\n"), [("E0013", 2)]);
        assert_eq!(problems("fn f() {\n    g(1\n}\n"), [("E0013", 2)]);
    }

    #[test]
    fn a_closing_bracket_too_many_is_reported_where_it_is() {
        assert_eq!(problems("fn f() {\n    g(1));\n}\n"), [("E0014", 2)]);
        assert_eq!(problems("fn f() {\n}\n}\nfn g() {}\n"), [("E0014", 3)]);
    }

    #[test]
    fn a_file_whose_brackets_match_is_not_judged_by_its_layout() {
        assert_eq!(problems("impl A {\nfn f() {\nif x {\n}\n  }\n}"), []);
    }
}
