//! Expressions, places, patterns and statements, with types.

use super::builtin::Builtin;
use super::item::{AdtId, ConstId, FnId, TraitId};
use super::size::Size;
use super::ty::{Arg, GenericId, Ty};
use crate::ast::Symbol;
use crate::source::Span;
use dprog_ir::{Arena, CompareOp, FormatSpec, entity};

entity!(
    /// A local of one body: parameter, `let`, `var`, loop variable, pattern binding, size bound by `as`. Closures share the table of
    /// the function around them.
    LocalId, "local"
);

/// What stands behind a local.
#[derive(Clone, Debug)]
pub struct Local {
    pub name: Symbol,
    pub ty: Ty,
    /// `var`, or an `inout` parameter.
    pub mutable: bool,
    pub span: Span,
}

/// The body of a function, constant default, ….
#[derive(Clone, Debug)]
pub struct Body {
    pub locals: Arena<LocalId, Local>,
    pub value: Expr,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    pub kind: ExprKind,
    pub ty: Ty,
    pub span: Span,
}

/// Literals, with the type that context gave them in [`Expr::ty`].
#[derive(Clone, PartialEq, Debug)]
pub enum Literal {
    /// i64, i32, u8; in range.
    Int(i64),
    /// f64 or f32 (already rounded to f32 then).
    Float(f64),
    Bool(bool),
    Str(Symbol),
}

/// A function that is named, with all generic arguments (in the order of [`super::FnDef::generics`]).
#[derive(Clone, Debug)]
pub enum FnRef {
    /// A function or inherent method.
    Fn(FnId, Vec<Arg>),
    /// Method number `method` of a trait on a type that is or contains a type parameter: found when lowering knows the type.
    /// `args`: the trait's generics (`Self` first), then the method's own.
    Trait {
        of_trait: TraitId,
        method: u32,
        args: Vec<Arg>,
    },
    Builtin(Builtin),
    /// A case of an enum used as a function: `Shape::Circle`.
    Case {
        adt: AdtId,
        args: Vec<Arg>,
        case: u32,
    },
}

/// The differential operators.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DiffOp {
    Grad,
    ValueAndGrad,
    Vjp,
    Jvp,
    Pullback,
    GradInto,
    Hvp,
    Jacobian,
    Hessian,
    HessianDiag,
}

impl DiffOp {
    /// The operator as it is written.
    pub fn name(self) -> &'static str {
        match self {
            DiffOp::Grad => "grad",
            DiffOp::ValueAndGrad => "value_and_grad",
            DiffOp::Vjp => "vjp",
            DiffOp::Jvp => "jvp",
            DiffOp::Pullback => "pullback",
            DiffOp::GradInto => "grad_into",
            DiffOp::Hvp => "hvp",
            DiffOp::Jacobian => "jacobian",
            DiffOp::Hessian => "hessian",
            DiffOp::HessianDiag => "hessian_diag",
        }
    }
}

/// `grad(f, wrt: …)`: an expression of function type; its type says what it takes and gives.
///
/// With `P…` the parameters of `of` (`inout` ones become parameters by value), `R` its *value*, `D` the gradient: the tangent
/// of the one parameter in `wrt`, or the tuple of those tangents if `wrt_tuple`. The value `R` is the result of `of`; if `of` has `inout`
/// parameters, their final values follow: `(result, ends…)`, where a tuple result is spliced and a `()` result left out,
/// and a single component stands alone.
///
/// | operator | type |
/// |---|---|
/// | grad | `fn(P…) -> D`; with `aux` `(D, rest of R…)`, spliced |
/// | value_and_grad | `fn(P…) -> (R, D)`: with `aux` R is a tuple that begins with the objective |
/// | vjp | `fn(P…, Tangent<R>) -> (R, D)` |
/// | jvp | `fn(P…, tangent of each wrt…) -> (R, Tangent<R>)` |
/// | pullback | `fn(P…) -> (R, fn(Tangent<R>) -> D)` |
/// | grad_into | `fn(P…, inout D) -> R` |
/// | hvp | `fn(P…, tangent of each wrt…) -> D` |
/// | jacobian | `fn(P…) -> [f64; out…, in…]` (a tuple of them if `wrt_tuple`) |
/// | hessian | `fn(P…) -> [f64; in…, in…]`, one parameter |
/// | hessian_diag | `fn(P…) -> D` |
#[derive(Clone, Debug)]
pub struct Differential {
    pub op: DiffOp,
    /// A function value: any expression of function type; often [`ExprKind::FnRef`] or [`ExprKind::Closure`].
    pub of: Box<Expr>,
    /// Numbers of the parameters of `of`, in the order written.
    pub wrt: Vec<usize>,
    /// `wrt: (x, y)` with parentheses: gradients come as a tuple, of one too.
    pub wrt_tuple: bool,
    /// `of` returns a tuple whose first component is the scalar objective; the others are passed on.
    pub aux: bool,
}

/// The forms of expressions.
#[derive(Clone, Debug)]
pub enum ExprKind {
    Literal(Literal),
    /// Text with interpolations.
    Text(Vec<TextPart>),
    Local(LocalId),
    /// A size used as an `i64`.
    Size(Size),
    Const(ConstId),
    /// A function as a value.
    FnRef(FnRef),
    Differential(Differential),
    Closure(Closure),
    /// A call of a function that is named.
    Call {
        callee: FnRef,
        args: Vec<CallArg>,
    },
    /// A call of a function value.
    CallValue {
        callee: Box<Expr>,
        args: Vec<CallArg>,
    },
    /// `Net::init(&rng, plain: …)`: fields in order of the model; `None` is drawn or its default.
    ModelInit {
        adt: AdtId,
        args: Vec<Arg>,
        rng: Place,
        fields: Vec<Option<Expr>>,
    },
    Tuple(Vec<Expr>),
    /// Fields in the order of the declaration; evaluated in `order` (numbers of fields).
    Struct {
        adt: AdtId,
        args: Vec<Arg>,
        fields: Vec<Expr>,
        order: Vec<u32>,
    },
    /// A value of an enum, likewise.
    Case {
        adt: AdtId,
        args: Vec<Arg>,
        case: u32,
        fields: Vec<Expr>,
        order: Vec<u32>,
    },
    /// `[a, b, c]`: the elements may be arrays of one shape.
    ArrayLiteral(Vec<Expr>),
    /// `[x; n, m]`: the sizes are in the type; `x` may be an array.
    Fill(Box<Expr>),
    /// `[f(i, j) for i in a, j in b]`: an axis for each clause, sizes in the type. Later clauses do not see earlier variables.
    Comprehension {
        body: Box<Expr>,
        clauses: Vec<(Pattern, Iterable)>,
    },
    Neg(Box<Expr>),
    /// `!` of bool and integers.
    Not(Box<Expr>),
    /// Arithmetic and bit operations: of scalars, of arrays with broadcasting, of tangents (`+`, `-`, `*` and `/` with a number).
    Binary(Arithmetic, Box<Expr>, Box<Expr>),
    /// `a @ b`: matrix-vector, vector-matrix, matrix-matrix.
    MatMul(Box<Expr>, Box<Expr>),
    /// `==` and `!=` of anything comparable; orders of numbers and strings.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    /// `as` to a scalar type; elementwise on arrays.
    Convert(Box<Expr>),
    /// `x as [T; n, 64]`, of arrays and lists: checks at run time each axis whose size differs in normal form, after binding the
    /// axes in `binds` (axis, local) to the sizes found.
    Reshaped {
        value: Box<Expr>,
        binds: Vec<(usize, LocalId)>,
    },
    /// `base[…]` of arrays and lists.
    Index {
        base: Box<Expr>,
        args: Vec<IndexArg>,
    },
    /// Of a tuple, struct, model, or tangent of these: number of the field in the declaration.
    Field {
        base: Box<Expr>,
        field: u32,
    },
    /// `e?`: of `Option` or `Result` (the function returns the same).
    Try(Box<Expr>),
    If {
        cond: Box<Expr>,
        then: Box<Expr>,
        otherwise: Option<Box<Expr>>,
    },
    Match {
        scrutinee: Box<Expr>,
        arms: Vec<Arm>,
    },
    Block {
        stmts: Vec<Stmt>,
        value: Option<Box<Expr>>,
    },
    /// Of type `()`.
    For {
        pattern: Pattern,
        iter: Box<Iterable>,
        body: Box<Expr>,
    },
    While {
        cond: Box<Expr>,
        body: Box<Expr>,
    },
    Loop {
        body: Box<Expr>,
    },
    /// `Never`.
    Break,
    Continue,
    Return(Option<Box<Expr>>),
    /// `place = value`, `place op= value`; the value is computed first, then the indices of the place.
    Assign {
        op: Option<Arithmetic>,
        place: Place,
        value: Box<Expr>,
    },
    /// Reported already; only while checking.
    Error,
}

/// Binary operations that give the type of their operands. On bool: `BitAnd`, `BitOr`, `BitXor`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    BitAnd,
    BitOr,
    BitXor,
    Shl,
    Shr,
}

/// A piece of a text.
#[derive(Clone, Debug)]
pub enum TextPart {
    Text(Symbol),
    /// Any type; the format applies to its numbers.
    Value(Expr, FormatSpec),
}

/// An argument.
#[derive(Clone, Debug)]
pub enum CallArg {
    Value(Expr),
    /// `&place`, or the receiver of an `inout self` method.
    Inout(Place),
    /// Left out: the default of that parameter of the callee.
    Default,
}

/// Something that can be assigned: a local and a way into it.
#[derive(Clone, Debug)]
pub struct Place {
    pub local: LocalId,
    pub path: Vec<Projection>,
    /// Of what is at the end of the path.
    pub ty: Ty,
    pub span: Span,
}

/// A step of a place.
#[derive(Clone, Debug)]
pub enum Projection {
    Field(u32),
    /// Elements, rows, slices of arrays; elements of lists.
    Index(Vec<IndexArg>, Span),
}

/// An index.
#[derive(Clone, Debug)]
pub enum IndexArg {
    /// Drops the axis.
    At(Expr),
    /// `:`
    All,
    /// `a..b`; a missing bound is the axis's.
    Range(Option<Expr>, Option<Expr>),
}

/// What a loop or a comprehension runs over.
#[derive(Clone, Debug)]
pub enum Iterable {
    /// `a..b`, then `.step(k)` and `.rev()` in the order written.
    Range { start: Expr, end: Expr, adapters: Vec<RangeAdapter> },
    /// An array (rows, if its rank is over 1) or a list, as it is at the start.
    Values(Expr),
}

/// What is applied to a range.
#[derive(Clone, Debug)]
pub enum RangeAdapter {
    Step(Expr),
    Rev,
}

/// A closure. It sees the locals of the body around it, by value at the moment of its creation.
#[derive(Clone, Debug)]
pub struct Closure {
    pub params: Vec<ClosureParam>,
    pub body: Box<Expr>,
    /// Locals of the surrounding body (of closures around it too) that occur in `body`, each once, in order of occurrence.
    pub captures: Vec<LocalId>,
    /// Generic size parameters that occur in the body or in types in it.
    pub size_params: Vec<GenericId>,
}

/// A parameter of a closure.
#[derive(Clone, Debug)]
pub struct ClosureParam {
    pub pattern: Pattern,
    pub inout: bool,
    pub ty: Ty,
}

/// An arm of a `match`.
#[derive(Clone, Debug)]
pub struct Arm {
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Expr,
}

/// A pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub kind: PatternKind,
    pub ty: Ty,
    pub span: Span,
}

/// The forms of patterns.
#[derive(Clone, Debug)]
pub enum PatternKind {
    Wildcard,
    Binding(LocalId),
    Literal(Literal),
    Tuple(Vec<Pattern>),
    /// Field number and its pattern; fields left out match anything.
    Struct(Vec<(u32, Pattern)>),
    Case {
        adt: AdtId,
        case: u32,
        fields: Vec<(u32, Pattern)>,
    },
    /// All alternatives bind the same locals.
    Or(Vec<Pattern>),
}

/// A statement.
#[derive(Clone, Debug)]
pub enum Stmt {
    /// `let` or `var`; the pattern always matches. Without initialiser the local is assigned before it is read.
    Let {
        pattern: Pattern,
        init: Option<Expr>,
    },
    Expr(Expr),
}
