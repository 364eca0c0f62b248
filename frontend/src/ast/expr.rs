//! Expressions, statements and blocks.

use super::{GenericArgs, Item, Name, NodeId, Path, Pattern, Symbol, TypeExpr};
use crate::source::Span;

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    pub id: NodeId,
    pub span: Span,
    pub kind: ExprKind,
}

/// The forms of an expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number or a `bool`. Strings are `Str`.
    Literal(Literal),
    /// A string literal in its parts; an empty one has none.
    Str(Vec<StrPart>),
    /// A name, `self`, `Shape::Circle`, `S::zero`, `score<Log>`.
    Path(Path),
    /// `-x`, `!x`
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    /// Arithmetic, comparison, `&&` and `||`.
    Binary {
        op: BinaryOp,
        op_span: Span,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `a..b`. One end may be missing only in an index, where it is an [`IndexArg::Range`] instead.
    Range {
        start: Box<Expr>,
        end: Box<Expr>,
    },
    /// `x as T`
    Cast {
        value: Box<Expr>,
        ty: TypeExpr,
    },
    /// `f(x, &y, tol: 1e-9)`; differential operators too, `wrt:` being a named argument.
    Call {
        callee: Box<Expr>,
        args: Vec<Arg>,
    },
    /// `x.f(y)`, `x.f<n>(y)`
    MethodCall {
        receiver: Box<Expr>,
        method: Name,
        generics: Option<GenericArgs>,
        args: Vec<Arg>,
    },
    /// `x.name`
    Field {
        base: Box<Expr>,
        name: Name,
    },
    /// `x.0`
    TupleField {
        base: Box<Expr>,
        index: u32,
        index_span: Span,
    },
    /// `x[i, :, a..b]`
    Index {
        base: Box<Expr>,
        args: Vec<IndexArg>,
    },
    /// `x?`
    Try(Box<Expr>),
    /// `(a, b)`; `()` is the empty one, `(a,)` has one.
    Tuple(Vec<Expr>),
    /// `[a, b]`
    Array(Vec<Expr>),
    /// `[x; n, m]`: at least one size.
    Fill {
        value: Box<Expr>,
        sizes: Vec<Expr>,
    },
    /// `[e for i in 0..n, j in 0..m]`: at least one clause.
    Comprehension {
        body: Box<Expr>,
        clauses: Vec<Clause>,
    },
    /// `Point { x: 1.0, y }`
    Struct {
        path: Path,
        fields: Vec<FieldInit>,
    },
    /// `|x, y: f64| -> f64 { … }`
    Closure {
        params: Vec<ClosureParam>,
        result: Option<TypeExpr>,
        body: Box<Expr>,
    },
    /// `{ … }`
    Block(Block),
    /// `if c { … } else { … }`; the `otherwise` is a `Block`, an `If` or the `Match` of an `if let`.
    If {
        cond: Box<Expr>,
        then: Block,
        otherwise: Option<Box<Expr>>,
    },
    /// `match x { … }`
    Match {
        scrutinee: Box<Expr>,
        arms: Vec<Arm>,
        source: MatchSource,
    },
    /// `for`, with everything that may stand around it.
    For(Box<ForLoop>),
    /// `while c { … }`
    While {
        cond: Box<Expr>,
        body: Block,
        attrs: Vec<Attr>,
    },
    /// `loop { … }`
    Loop {
        body: Block,
        attrs: Vec<Attr>,
    },
    Break,
    Continue,
    Return(Option<Box<Expr>>),
    /// `place = value`, `place += value`. Its value is `()`. Only as a statement, an arm or the body of a closure.
    Assign {
        op: Option<BinaryOp>,
        op_span: Span,
        place: Box<Expr>,
        value: Box<Expr>,
    },
    /// Reported already.
    Error,
}

impl ExprKind {
    /// Whether it needs no `;` as a statement.
    pub fn is_block_like(&self) -> bool {
        use ExprKind::*;
        matches!(self, Block(_) | If { .. } | Match { .. } | For(_) | While { .. } | Loop { .. })
    }
}

/// A literal other than a string with interpolation.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// Without its sign, so that `-9223372036854775808` can be written. The context gives the type.
    Int(u64),
    /// Rounded once to each width, since rounding twice may differ.
    Float {
        f64: f64,
        f32: f32,
    },
    Bool(bool),
    /// Only in patterns.
    Str(Symbol),
}

/// A part of a string literal.
#[derive(Clone, Debug)]
pub enum StrPart {
    /// Text with its escapes resolved.
    Text(Symbol),
    /// `{value:format}`
    Expr { value: Box<Expr>, format: Option<FormatSpec> },
}

/// `[[fill]<^>][+][0][width][.precision][e]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatSpec {
    /// A blank unless given.
    pub fill: char,
    pub align: Option<Align>,
    /// Write a plus sign too.
    pub plus: bool,
    /// Fill with zeros after the sign.
    pub zero: bool,
    pub width: Option<u32>,
    pub precision: Option<u32>,
    /// Scientific notation.
    pub exponent: bool,
    pub span: Span,
}

/// Where the text stands in its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Center,
    Right,
}

/// A prefix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Neg,
    Not,
}

impl UnaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            UnaryOp::Neg => "-",
            UnaryOp::Not => "!",
        }
    }
}

/// An infix operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Mul,
    Div,
    Rem,
    /// `@`
    MatMul,
    Add,
    Sub,
    Shl,
    Shr,
    BitAnd,
    BitXor,
    BitOr,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    /// `&&`
    And,
    /// `||`
    Or,
}

impl BinaryOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Rem => "%",
            BinaryOp::MatMul => "@",
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Shl => "<<",
            BinaryOp::Shr => ">>",
            BinaryOp::BitAnd => "&",
            BinaryOp::BitXor => "^",
            BinaryOp::BitOr => "|",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::And => "&&",
            BinaryOp::Or => "||",
        }
    }

    /// How tightly it binds: the greater, the tighter. `as` and unary operators are tighter, `..` is looser.
    pub fn precedence(self) -> u8 {
        match self {
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem | BinaryOp::MatMul => 9,
            BinaryOp::Add | BinaryOp::Sub => 8,
            BinaryOp::Shl | BinaryOp::Shr => 7,
            BinaryOp::BitAnd => 6,
            BinaryOp::BitXor => 5,
            BinaryOp::BitOr => 4,
            _ if self.is_comparison() => 3,
            BinaryOp::And => 2,
            _ => 1,
        }
    }

    /// `==`, `<` and so on.
    pub fn is_comparison(self) -> bool {
        use BinaryOp::*;
        matches!(self, Eq | Ne | Lt | Le | Gt | Ge)
    }
}

/// An argument of a call.
#[derive(Clone, Debug)]
pub struct Arg {
    /// `tol: 1e-9`, `wrt: (x, y)`
    pub name: Option<Name>,
    /// The `&` of `&x`, if there is one: the argument of an `inout` parameter.
    pub inout: Option<Span>,
    pub value: Expr,
    pub span: Span,
}

/// What stands between the brackets of an index, one for each axis.
#[derive(Clone, Debug)]
pub enum IndexArg {
    /// `i`
    At(Expr),
    /// `:`
    All(Span),
    /// `a..b`, `a..`, `..b`, `..`
    Range { start: Option<Expr>, end: Option<Expr>, span: Span },
}

/// `i in 0..n` of a comprehension.
#[derive(Clone, Debug)]
pub struct Clause {
    pub pattern: Pattern,
    pub iter: Expr,
    pub span: Span,
}

/// `x: 1.0` or `x` of a struct literal.
#[derive(Clone, Debug)]
pub struct FieldInit {
    pub name: Name,
    /// For the short form a path of that name.
    pub value: Expr,
    pub span: Span,
}

/// A parameter of a closure.
#[derive(Clone, Debug)]
pub struct ClosureParam {
    pub pattern: Pattern,
    pub inout: bool,
    pub ty: Option<TypeExpr>,
    pub span: Span,
}

/// `{ statements value }`
#[derive(Clone, Debug)]
pub struct Block {
    pub id: NodeId,
    pub span: Span,
    pub stmts: Vec<Stmt>,
    /// The last expression without `;`. A block-like last statement is the value too.
    pub value: Option<Box<Expr>>,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    pub id: NodeId,
    pub span: Span,
    pub kind: StmtKind,
}

/// The forms of a statement.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `let pattern: T = init;`, and `var` where `mutable`.
    Let { mutable: bool, pattern: Pattern, ty: Option<TypeExpr>, init: Option<Expr> },
    /// An expression whose value is dropped.
    Expr(Expr),
    /// A definition inside a block; it sees no variables of the block.
    Item(Box<Item>),
}

/// What a `Match` was in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchSource {
    Match,
    /// `if let P = x { a } else { b }`: the arms `P => a` and `_ => b`.
    IfLet,
    /// `while let P = x { a }`: a `Loop` around the arms `P => a` and `_ => break`.
    WhileLet,
}

/// `pattern if guard => body`
#[derive(Clone, Debug)]
pub struct Arm {
    pub id: NodeId,
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Expr,
    pub span: Span,
}

/// `par for pattern in iter reduce(+: s) { … }`
#[derive(Clone, Debug)]
pub struct ForLoop {
    /// The `par`, if it is there.
    pub par: Option<Span>,
    pub pattern: Pattern,
    /// A range, `(a..b).step(k).rev()` as method calls, a list or an array.
    pub iter: Expr,
    pub reductions: Vec<Reduction>,
    pub body: Block,
    pub attrs: Vec<Attr>,
}

/// `+: s` in `reduce(+: s, max: m)`
#[derive(Clone, Debug)]
pub struct Reduction {
    pub op: ReductionOp,
    pub op_span: Span,
    pub variable: Name,
    pub id: NodeId,
}

/// The operators of `reduce`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReductionOp {
    Add,
    Mul,
    Max,
    Min,
}

/// `@name(args)` before a function or a loop.
#[derive(Clone, Debug)]
pub struct Attr {
    pub name: Name,
    pub args: Vec<Arg>,
    pub span: Span,
}
