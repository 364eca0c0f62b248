//! How expressions are written in other languages: recognised so that the message can say how it is written here.
//! Where the meaning is plain the tree is made as if it had been written right, so that only one message comes of it.

use super::{Parsed, Parser};
use crate::ast::*;
use crate::errors::syntax;
use crate::lexer::TokenKind;
use crate::resolve::suggest::nearest;
use crate::source::Span;

impl Parser<'_> {
    /// Whether here stands `not` as a prefix operator.
    pub(super) fn at_word_not(&self) -> bool {
        self.at_word("not")
            && !self.ahead(1).first
            && matches!(self.ahead(1).kind, TokenKind::Ident | TokenKind::True | TokenKind::False)
    }

    /// How many tokens the infix operator here has: more than one only if it is not one of ours.
    pub(super) fn foreign_op_length(&self) -> usize {
        use TokenKind::*;
        let doubled = matches!((self.kind(), self.ahead(1).kind), (Star, Star) | (EqEq | Ne, Eq) | (Lt, Gt));
        1 + (doubled && self.adjacent(0)) as usize
    }

    /// Reports an infix operator that is not one of ours.
    pub(super) fn foreign_infix_op(&mut self, op: BinaryOp) -> Parsed<()> {
        let at = self.here();
        let both = at.to(self.span_of(self.ahead(1)));
        match self.kind() {
            TokenKind::Ident => self.report(syntax::word_operator(at, self.text_of(self.token()), op.symbol())),
            TokenKind::Plus | TokenKind::Minus if self.at_increment() => return self.increment(op, both),
            _ if self.foreign_op_length() == 1 => {}
            TokenKind::Star => self.report(syntax::power(both)),
            TokenKind::EqEq => self.report(syntax::foreign_comparison(both, "===", "==")),
            TokenKind::Ne => self.report(syntax::foreign_comparison(both, "!==", "!=")),
            _ => self.report(syntax::foreign_comparison(both, "<>", "!=")),
        }
        Ok(())
    }

    /// `i++` and `i--`: nothing follows that could be an operand.
    fn at_increment(&self) -> bool {
        let after = self.ahead(2);
        let ends = after.first
            || after.kind.is_closer()
            || matches!(after.kind, TokenKind::Semi | TokenKind::Comma | TokenKind::Eof);
        self.ahead(1).kind == self.kind() && self.adjacent(0) && ends
    }

    fn increment<T>(&mut self, op: BinaryOp, at: Span) -> Parsed<T> {
        self.fail(syntax::increment(at, op.symbol()))
    }

    /// `&x`, `*x` before an operand.
    pub(super) fn foreign_prefix(&mut self) -> Parsed<Expr> {
        let at = self.here();
        let (what, help) = match self.kind() {
            TokenKind::Star => ("*x", "a value is used as it is, without `*`"),
            _ => ("&x", "`&` stands only before an argument whose parameter is `inout`: `f(&x)`"),
        };
        self.report(syntax::reference(at, what, help));
        self.bump();
        self.eat_word_mut();
        self.nested(|p| p.measured(Self::cast)).map(|(expr, _)| expr)
    }

    /// The `mut` of `&mut x`.
    pub(super) fn eat_word_mut(&mut self) -> bool {
        let found = self.at_word("mut") && self.next_is(TokenKind::Ident);
        if found {
            self.bump();
        }
        found
    }

    /// `name!(…)`, `name![…]`
    pub(super) fn at_macro(&self) -> bool {
        let open = matches!(self.ahead(1).kind, TokenKind::LParen | TokenKind::LBracket | TokenKind::LBrace);
        let tight = self.previous().is_some_and(|t| t.hi == self.lo()) && self.adjacent(0);
        self.at(TokenKind::Not) && open && tight
    }

    pub(super) fn macro_call(&mut self, lo: u32, name: &str) -> Expr {
        let at = self.since(lo).to(self.here());
        self.report(syntax::macro_call(at, name));
        self.bump();
        self.bump();
        self.skip_until(|_| false);
        self.bump();
        self.expr_node(lo, ExprKind::Error)
    }

    /// `a ? b : c`, seen behind the `?`.
    pub(super) fn at_ternary(&self) -> bool {
        use TokenKind::*;
        !self.token().first && matches!(self.kind(), Ident | Int | Float | StrOpen | True | False)
    }

    pub(super) fn ternary<T>(&mut self) -> Parsed<T> {
        let at = self.previous().map_or(self.here(), |t| self.span_of(t));
        self.fail(syntax::ternary(at))
    }

    /// A condition with `=` in it: reported, and read as `==`.
    pub(super) fn condition_assignment(&mut self, lo: u32, left: Expr) -> Parsed<Expr> {
        if !self.at(TokenKind::Eq) {
            return Ok(left);
        }
        let op_span = self.here();
        self.report(syntax::assignment_in_condition(op_span));
        self.bump();
        let right = Box::new(self.expr()?);
        Ok(self.expr_node(lo, ExprKind::Binary { op: BinaryOp::Eq, op_span, left: Box::new(left), right }))
    }

    /// Whether a `for` begins as in C.
    pub(super) fn at_c_style_for(&self) -> bool {
        use TokenKind::*;
        let c_like = |n: usize| match self.ahead(n).kind {
            Let | Var | Semi => true,
            Ident => matches!(self.ahead(n + 1).kind, Eq | Ident),
            _ => false,
        };
        self.at(LParen) && c_like(1)
    }

    /// `int x = 5;`, `x := 5`, `x: f64 = 5.0` at the beginning of a statement: the name that is declared, and where.
    pub(super) fn foreign_declaration(&self) -> Option<usize> {
        use TokenKind::*;
        if !self.at(Ident) || self.ahead(1).first {
            return None;
        }
        let declares = |n: usize| matches!(self.ahead(n).kind, Eq | Semi);
        match self.ahead(1).kind {
            Ident if declares(2) => Some(1),
            Colon if matches!(self.ahead(2).kind, Eq | Ident | LBracket | LParen) => Some(0),
            _ => None,
        }
    }

    /// Something that begins no expression, where one must be.
    #[inline(never)]
    pub(super) fn no_expression<T>(&mut self) -> Parsed<T> {
        use TokenKind::*;
        let (kind, next) = (self.kind(), self.ahead(1));
        let both = self.here().to(self.span_of(next));
        if matches!(kind, Plus | Minus) && next.kind == kind && self.adjacent(0) {
            return self.fail(syntax::prefix_increment(both, if kind == Plus { "+" } else { "-" }));
        }
        if kind == Dot && next.kind == Int && self.adjacent(0) {
            let right = format!("0.{}", self.text_of(next));
            return self.fail(syntax::leading_point(both, &right));
        }
        let help = match kind {
            Plus => "a number has no `+` in front: remove it",
            Dot | Question | Colon => return self.expected("an expression"),
            RBrace | RParen | RBracket | Semi | Comma | Eof => "something is missing in front of this",
            Let | Var => "`let` and `var` begin a statement: put it on a line of its own, and a `;` in front",
            _ => return self.expected("an expression"),
        };
        let diagnostic = syntax::expected(self.blame(), "an expression", &self.found()).help(help);
        self.fail(diagnostic)
    }

    /// What follows a complete expression and does not go on with it: perhaps a statement of another language.
    #[inline(never)]
    pub(super) fn foreign_statement<T>(&mut self, after: &str) -> Parsed<T> {
        use TokenKind::*;
        let word = self.previous().filter(|t| t.kind == Ident);
        if let Some(word) = word {
            let (at, text) = (self.span_of(word), self.text_of(word));
            if let Some(right) = misspelt(text) {
                return self.fail(syntax::misspelt_keyword(at, text, right));
            }
            if let Some((_, help)) = STATEMENTS.iter().find(|(found, _)| *found == text) {
                return self.fail(syntax::foreign_keyword(at, text, help));
            }
            if self.at(StrOpen) && matches!(text, "f" | "r" | "b") {
                return self.fail(syntax::foreign_keyword(at, text, "a string has no prefix: write `\"x = {x}\"`"));
            }
        }
        let (at, text) = (self.here(), self.text_of(self.token()));
        let help = match self.kind() {
            Ident if text == "is" => "write `==`",
            Ident if text == "then" => "write `if c { a } else { b }`",
            In => "to test whether a number lies in a range, write `a <= x && x < b`",
            If => "a condition stands in front: `if c { a } else { b }` is an expression",
            For => "a comprehension stands between brackets: `[f(x) for x in xs]`",
            FatArrow => "a closure is written `|x| x * 2.0`",
            Comma => "a decimal point is written `.`; several values are a tuple: `(a, b)`",
            Colon => "a type is written where a name is declared: `let x: f64 = …`",
            _ => return self.expected(&format!("`;` after {after}")),
        };
        self.fail(syntax::expected(at, &format!("`;` after {after}"), &format!("`{text}`")).help(help))
    }
}

/// The keyword of a statement that a word is nearly.
pub(super) fn misspelt(word: &str) -> Option<&'static str> {
    const KEYWORDS: [&str; 10] =
        ["let", "var", "while", "loop", "match", "return", "break", "continue", "struct", "else"];
    nearest(word, KEYWORDS).filter(|_| word.len() > 2)
}

/// Statements of other languages.
const STATEMENTS: &[(&str, &str)] = &[
    ("switch", "write `match x { 1 => …, _ => … }`"),
    ("case", "write `match x { 1 => …, _ => … }`"),
    ("do", "write `loop { …; if !condition { break; } }`"),
    ("repeat", "write `for i in 0..n { … }`"),
    ("foreach", "write `for x in xs { … }`"),
    ("until", "write `while !condition { … }`"),
    ("unless", "write `if !condition { … }`"),
    ("try", "errors are values of type `Result<T, E>`: use `match` or `?`"),
    ("throw", "a program stops itself by `trap(\"text\")`; a function that can fail returns a `Result`"),
    ("raise", "a program stops itself by `trap(\"text\")`; a function that can fail returns a `Result`"),
    ("print", "write `print(\"x = {x}\")`"),
    ("lambda", "a closure is written `|x| x * 2.0`"),
    ("move", "closures always have a copy of what they use: remove it"),
    ("yield", "put the values into a `List`"),
    ("await", "there is no `async`: remove it"),
    ("del", "a value ends with its block: remove this"),
    ("delete", "a value ends with its block: remove this"),
    ("new", "write the literal itself: `Point { x: 1.0 }`"),
    ("pass", "write an empty block: `{}`"),
];
