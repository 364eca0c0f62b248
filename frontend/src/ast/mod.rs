//! The tree that the parser makes of a file, before any name is resolved.
//!
//! ```text
//! Module
//!   Item        use const type struct enum model trait impl fn derivative export      item.rs
//!     Block     statements and a last value                                           expr.rs
//!       Stmt    let/var, expression, nested item                                      expr.rs
//!         Expr  everything else: assignment, control flow and closures too            expr.rs
//!     Pattern   left of `=>`, of `=` in a `let`, of `in`, parameters of closures      pattern.rs
//!     TypeExpr  a type as written; sizes in it are expressions                        types.rs
//!       Path    `a::b<T, n + 1>::c`                                                   types.rs
//! ```
//!
//! Every node has a [`Span`]; items, expressions, statements, blocks, patterns, types and whatever declares a name
//! also have a [`NodeId`], unique in the program, so that later stages keep their findings in side tables and the tree
//! itself is never changed. Where the parser could not understand something it leaves an `Error` node: a diagnostic
//! has been reported, and later stages say nothing more about it.
//!
//! What the tree does not keep: parentheses (a call of a field, `(s.act)(x)`, is a `Call` of a `Field`, whereas
//! `s.act(x)` is a `MethodCall`), comments other than `///`, and `if let`, which is a `Match` that remembers it.
//!
//! Depth is bounded: the parser refuses nesting beyond [`MAX_HEIGHT`], so recursion over the tree is safe.

mod dump;
mod expr;
mod item;
mod pattern;
mod types;

pub use dump::{dump_expr, dump_item, dump_module};
pub use expr::*;
pub use item::*;
pub use pattern::*;
pub use types::*;

use crate::source::{FileId, Span};
use std::borrow::Borrow;
use std::sync::Arc;

/// No expression of a tree is higher than this. A chain `1 + 1 + …` has the height of its number of terms. A thousand
/// is more than people and most generators write, and a recursive pass gets through it in a few megabytes of stack.
pub const MAX_HEIGHT: u32 = 1000;

/// Identifies a node of any tree of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Hands out [`NodeId`]s. One is shared by all files of a program.
#[derive(Clone, Debug, Default)]
pub struct NodeIds {
    next: u32,
}

impl NodeIds {
    /// Starts from zero.
    pub fn new() -> NodeIds {
        NodeIds::default()
    }

    /// Goes on behind the first `count`.
    pub fn after(count: usize) -> NodeIds {
        NodeIds { next: count as u32 }
    }

    /// An identity that no other node has.
    pub fn fresh(&mut self) -> NodeId {
        let id = NodeId(self.next);
        self.next += 1;
        id
    }

    /// How many there are: the size of a dense side table.
    pub fn count(&self) -> usize {
        self.next as usize
    }
}

/// The text of a name. Cheap to clone, compares as text, and a map keyed by it can be asked with a `&str`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// The symbol with this text.
    pub fn new(text: &str) -> Symbol {
        Symbol(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Symbol {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Symbol {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Symbol {
    fn from(text: &str) -> Symbol {
        Symbol::new(text)
    }
}

impl PartialEq<str> for Symbol {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Symbol {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl std::fmt::Display for Symbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::fmt::Debug for Symbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`", self.0)
    }
}

/// A name where it is written.
#[derive(Clone, Debug)]
pub struct Name {
    pub text: Symbol,
    pub span: Span,
}

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it begins with a capital letter: in a pattern such a name is a case, as a generic parameter a type.
    pub fn is_capitalised(&self) -> bool {
        self.text.chars().next().is_some_and(char::is_uppercase)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A file.
#[derive(Clone, Debug)]
pub struct Module {
    pub file: FileId,
    pub items: Vec<Item>,
    /// The whole file.
    pub span: Span,
}
