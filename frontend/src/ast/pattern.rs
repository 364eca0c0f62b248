//! Patterns.

use super::{Literal, Name, NodeId, Path};
use crate::source::Span;

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub id: NodeId,
    pub span: Span,
    pub kind: PatternKind,
}

/// The forms of a pattern. A guard is part of the arm, not of the pattern.
#[derive(Clone, Debug)]
pub enum PatternKind {
    /// `_`
    Wildcard,
    /// A name in lower case: binds.
    Binding(Name),
    /// `1`, `-1`, `2.5`, `true`, `"text"`. The string has no interpolation.
    Literal { negative: bool, literal: Literal },
    /// `(a, b)`; `()` is the empty one.
    Tuple(Vec<Pattern>),
    /// A case without payload, or a constant-like name: `Empty`, `Shape::Empty`. Always capitalised at the end.
    Case(Path),
    /// `Circle(r)`
    TupleCase { path: Path, args: Vec<Pattern> },
    /// `Rect { w, h: 1.0, .. }`; also a struct.
    StructCase { path: Path, fields: Vec<FieldPattern>, rest: bool },
    /// `a | b`: at least two.
    Or(Vec<Pattern>),
    /// Reported already.
    Error,
}

/// `w` or `w: pattern` between braces.
#[derive(Clone, Debug)]
pub struct FieldPattern {
    pub name: Name,
    /// For the short form a binding of that name.
    pub pattern: Pattern,
    pub span: Span,
}
