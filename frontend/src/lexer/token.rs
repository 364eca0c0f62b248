//! What a token is.

/// The kinds of tokens. `model`, `derivative`, `export`, `par` and the other words that are ordinary names in most
/// places are `Ident`s: the parser knows where they mean something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    Ident,
    Int,
    Float,
    /// The opening `"`; then follow texts and interpolations until `StrClose`.
    StrOpen,
    StrText,
    /// `{` in a string.
    InterpOpen,
    /// What stands between `:` and `}`.
    StrFormat,
    /// `}` in a string.
    InterpClose,
    StrClose,

    As,
    Break,
    Const,
    Continue,
    Else,
    Enum,
    Extern,
    False,
    Fn,
    For,
    If,
    Impl,
    In,
    Inout,
    Let,
    Loop,
    Match,
    Pub,
    Return,
    Struct,
    Trait,
    True,
    Type,
    Use,
    Var,
    While,

    LParen,
    RParen,
    LBracket,
    RBracket,
    LBrace,
    RBrace,
    Comma,
    Semi,
    Colon,
    ColonColon,
    Dot,
    DotDot,
    /// Not in the language; known so that the message can be good.
    DotDotEq,
    Arrow,
    FatArrow,
    Eq,
    EqEq,
    Ne,
    Lt,
    Le,
    Shl,
    ShlEq,
    Gt,
    Ge,
    Shr,
    ShrEq,
    Plus,
    PlusEq,
    Minus,
    MinusEq,
    Star,
    StarEq,
    Slash,
    SlashEq,
    Percent,
    PercentEq,
    At,
    AtEq,
    Question,
    Not,
    Amp,
    AmpAmp,
    AmpEq,
    Pipe,
    PipePipe,
    PipeEq,
    Caret,
    CaretEq,
    Eof,
}

/// Words that cannot be names.
const KEYWORDS: &[(&str, TokenKind)] = &[
    ("as", TokenKind::As),
    ("break", TokenKind::Break),
    ("const", TokenKind::Const),
    ("continue", TokenKind::Continue),
    ("else", TokenKind::Else),
    ("enum", TokenKind::Enum),
    ("extern", TokenKind::Extern),
    ("false", TokenKind::False),
    ("fn", TokenKind::Fn),
    ("for", TokenKind::For),
    ("if", TokenKind::If),
    ("impl", TokenKind::Impl),
    ("in", TokenKind::In),
    ("inout", TokenKind::Inout),
    ("let", TokenKind::Let),
    ("loop", TokenKind::Loop),
    ("match", TokenKind::Match),
    ("pub", TokenKind::Pub),
    ("return", TokenKind::Return),
    ("struct", TokenKind::Struct),
    ("trait", TokenKind::Trait),
    ("true", TokenKind::True),
    ("type", TokenKind::Type),
    ("use", TokenKind::Use),
    ("var", TokenKind::Var),
    ("while", TokenKind::While),
];

/// Operators and punctuation, the longer before their prefixes.
pub(super) const PUNCTUATION: &[(&str, TokenKind)] = &[
    ("...", TokenKind::DotDotEq),
    ("..=", TokenKind::DotDotEq),
    ("<<=", TokenKind::ShlEq),
    (">>=", TokenKind::ShrEq),
    ("::", TokenKind::ColonColon),
    ("..", TokenKind::DotDot),
    ("->", TokenKind::Arrow),
    ("=>", TokenKind::FatArrow),
    ("==", TokenKind::EqEq),
    ("!=", TokenKind::Ne),
    ("<=", TokenKind::Le),
    ("<<", TokenKind::Shl),
    (">=", TokenKind::Ge),
    (">>", TokenKind::Shr),
    ("+=", TokenKind::PlusEq),
    ("-=", TokenKind::MinusEq),
    ("*=", TokenKind::StarEq),
    ("/=", TokenKind::SlashEq),
    ("%=", TokenKind::PercentEq),
    ("@=", TokenKind::AtEq),
    ("&&", TokenKind::AmpAmp),
    ("&=", TokenKind::AmpEq),
    ("||", TokenKind::PipePipe),
    ("|=", TokenKind::PipeEq),
    ("^=", TokenKind::CaretEq),
    ("(", TokenKind::LParen),
    (")", TokenKind::RParen),
    ("[", TokenKind::LBracket),
    ("]", TokenKind::RBracket),
    ("{", TokenKind::LBrace),
    ("}", TokenKind::RBrace),
    (",", TokenKind::Comma),
    (";", TokenKind::Semi),
    (":", TokenKind::Colon),
    (".", TokenKind::Dot),
    ("=", TokenKind::Eq),
    ("<", TokenKind::Lt),
    (">", TokenKind::Gt),
    ("+", TokenKind::Plus),
    ("-", TokenKind::Minus),
    ("*", TokenKind::Star),
    ("/", TokenKind::Slash),
    ("%", TokenKind::Percent),
    ("@", TokenKind::At),
    ("?", TokenKind::Question),
    ("!", TokenKind::Not),
    ("&", TokenKind::Amp),
    ("|", TokenKind::Pipe),
    ("^", TokenKind::Caret),
];

impl TokenKind {
    /// The keyword with this text.
    pub fn keyword(text: &str) -> Option<TokenKind> {
        KEYWORDS.binary_search_by(|(word, _)| (*word).cmp(text)).ok().map(|i| KEYWORDS[i].1)
    }

    /// Whether it is a keyword.
    pub fn is_keyword(self) -> bool {
        KEYWORDS.iter().any(|(_, kind)| *kind == self)
    }

    /// As it is written, if it is always written the same.
    pub fn text(self) -> Option<&'static str> {
        let table = |list: &'static [(&str, TokenKind)]| list.iter().rev().find(|(_, k)| *k == self).map(|(t, _)| *t);
        table(KEYWORDS).or_else(|| table(PUNCTUATION))
    }

    /// The bracket that closes this one.
    pub fn closer(self) -> Option<TokenKind> {
        match self {
            TokenKind::LParen => Some(TokenKind::RParen),
            TokenKind::LBracket => Some(TokenKind::RBracket),
            TokenKind::LBrace => Some(TokenKind::RBrace),
            TokenKind::InterpOpen => Some(TokenKind::InterpClose),
            _ => None,
        }
    }

    /// Whether it closes a bracket.
    pub fn is_closer(self) -> bool {
        matches!(self, TokenKind::RParen | TokenKind::RBracket | TokenKind::RBrace | TokenKind::InterpClose)
    }
}

/// A token: what, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    /// Whether it is the first of its line.
    pub first: bool,
    /// Whether it was put there or cut short while repairing: an error next to it has been reported already.
    /// Of an opening bracket: whether its closing one was put in.
    pub repaired: bool,
    pub lo: u32,
    pub hi: u32,
}

/// A comment; documentation and the formatter want them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    /// `///` rather than `//`.
    pub doc: bool,
    pub lo: u32,
    pub hi: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_sorted_and_no_operator_hides_a_longer_one() {
        assert!(KEYWORDS.is_sorted_by_key(|(word, _)| *word));
        for (i, (text, _)) in PUNCTUATION.iter().enumerate() {
            assert!(PUNCTUATION[i + 1..].iter().all(|(later, _)| !later.starts_with(text)), "{text}");
        }
    }
}
