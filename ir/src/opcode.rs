//! The operations of the IR: one table, read by everyone.
//!
//! Adding an operation stops the build at each place that must decide something about it: the text form, the typing
//! rule of the verifier, the interpreter, the derivative rule, the ownership pass and the lowering. So nobody writes
//! `_ =>` in a match on [`Op`], [`UnaryOp`] or [`BinaryOp`].
//!
//! Notation below: `x` an array, `i…` as many i64 as are needed, `v` a value. Arrays are values: an operation that
//! "changes" one gives a new one.

use crate::host::HostFn;
use crate::module::{FuncId, NodeId};
use crate::trap::TrapCode;
use crate::types::Scalar;
use std::sync::Arc;

/// A constant. Floats are kept as bits, so that constants compare and hash as what they are.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Const {
    F64(u64),
    F32(u32),
    I64(i64),
    I32(i32),
    U8(u8),
    Bool(bool),
    Str(Arc<str>),
}

impl Const {
    pub fn f64(x: f64) -> Const {
        Const::F64(x.to_bits())
    }

    pub fn f32(x: f32) -> Const {
        Const::F32(x.to_bits())
    }
}

/// Scalar functions of one argument. Result type is that of the argument. `Neg` and `Abs` are for floats and integers
/// (integers wrap), `Not` for bool and integers (bitwise), all others for floats. All functions of floats are
/// computed by the algorithms of [`crate::fmath::elementary`]; for f32 in f64, and rounded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum UnaryOp {
    Neg,
    Not,
    Abs,
    /// -1, 0 (either sign, kept) or 1; NaN for NaN.
    Sign,
    Sqrt,
    Cbrt,
    Exp,
    Exp2,
    Expm1,
    Log,
    Log2,
    Log10,
    Log1p,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Acosh,
    Atanh,
    Erf,
    /// One minus `Erf`.
    Erfc,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `log(1 + exp(x))`.
    Softplus,
    /// Logarithm of the absolute value of the gamma function.
    Lgamma,
    /// Derivative of `Lgamma`.
    Digamma,
    /// Derivative of `Digamma`. Of it and those that follow, [`BinaryOp::Polygamma`].
    Trigamma,
    Floor,
    Ceil,
    /// Half away from zero.
    Round,
    Trunc,
}

impl UnaryOp {
    /// Every operation with its name in the text form.
    pub const TABLE: &[(UnaryOp, &str)] = &[
        (UnaryOp::Neg, "neg"),
        (UnaryOp::Not, "not"),
        (UnaryOp::Abs, "abs"),
        (UnaryOp::Sign, "sign"),
        (UnaryOp::Sqrt, "sqrt"),
        (UnaryOp::Cbrt, "cbrt"),
        (UnaryOp::Exp, "exp"),
        (UnaryOp::Exp2, "exp2"),
        (UnaryOp::Expm1, "expm1"),
        (UnaryOp::Log, "log"),
        (UnaryOp::Log2, "log2"),
        (UnaryOp::Log10, "log10"),
        (UnaryOp::Log1p, "log1p"),
        (UnaryOp::Sin, "sin"),
        (UnaryOp::Cos, "cos"),
        (UnaryOp::Tan, "tan"),
        (UnaryOp::Asin, "asin"),
        (UnaryOp::Acos, "acos"),
        (UnaryOp::Atan, "atan"),
        (UnaryOp::Sinh, "sinh"),
        (UnaryOp::Cosh, "cosh"),
        (UnaryOp::Tanh, "tanh"),
        (UnaryOp::Asinh, "asinh"),
        (UnaryOp::Acosh, "acosh"),
        (UnaryOp::Atanh, "atanh"),
        (UnaryOp::Erf, "erf"),
        (UnaryOp::Erfc, "erfc"),
        (UnaryOp::Sigmoid, "sigmoid"),
        (UnaryOp::Softplus, "softplus"),
        (UnaryOp::Lgamma, "lgamma"),
        (UnaryOp::Digamma, "digamma"),
        (UnaryOp::Trigamma, "trigamma"),
        (UnaryOp::Floor, "floor"),
        (UnaryOp::Ceil, "ceil"),
        (UnaryOp::Round, "round"),
        (UnaryOp::Trunc, "trunc"),
    ];

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(op, _)| *op == self).expect("every operation is in its table").1
    }
}

/// Scalar functions of two arguments of one type, which is the type of the result.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum BinaryOp {
    /// Integers wrap.
    Add,
    Sub,
    Mul,
    /// Integers truncate toward zero, trap on a zero divisor, and `MIN / -1` wraps.
    Div,
    /// The sign of the dividend, floats too (C's `fmod`); integers trap on zero, `MIN % -1` is 0.
    Rem,
    /// Floats: `x` to the `y`. Integers: exponentiation with wrapping; a negative exponent gives 0, 1 or -1.
    Pow,
    /// Floats: the angle of the point (x = second, y = first).
    Atan2,
    /// Floats: square root of the sum of squares, without overflow in between.
    Hypot,
    /// The first if it is not greater than the second, or is NaN; else the second. So a tie gives the first, and a NaN
    /// on either side wins (`min(x, NaN)` is NaN).
    Min,
    /// Likewise with "not less".
    Max,
    /// The magnitude of the first with the sign of the second. Floats.
    CopySign,
    /// The derivative of `Digamma` at the second whose order is the first, a whole number; NaN for others. Floats. By the
    /// order it has no derivative.
    Polygamma,
    /// bool and integers.
    And,
    Or,
    Xor,
    /// Integers; the shift count is taken modulo the width.
    Shl,
    /// Arithmetic for i64 and i32, logical for u8.
    Shr,
}

impl BinaryOp {
    /// Every operation with its name in the text form.
    pub const TABLE: &[(BinaryOp, &str)] = &[
        (BinaryOp::Add, "add"),
        (BinaryOp::Sub, "sub"),
        (BinaryOp::Mul, "mul"),
        (BinaryOp::Div, "div"),
        (BinaryOp::Rem, "rem"),
        (BinaryOp::Pow, "pow"),
        (BinaryOp::Atan2, "atan2"),
        (BinaryOp::Hypot, "hypot"),
        (BinaryOp::Min, "min"),
        (BinaryOp::Max, "max"),
        (BinaryOp::CopySign, "copysign"),
        (BinaryOp::Polygamma, "polygamma"),
        (BinaryOp::And, "and"),
        (BinaryOp::Or, "or"),
        (BinaryOp::Xor, "xor"),
        (BinaryOp::Shl, "shl"),
        (BinaryOp::Shr, "shr"),
    ];

    /// The name in the text form.
    pub fn name(self) -> &'static str {
        Self::TABLE.iter().find(|(op, _)| *op == self).expect("every operation is in its table").1
    }
}

/// Comparisons: two scalars or two strings of one type give a bool. IEEE on floats; `false < true`.
/// Strings and bools compare too; u8 is unsigned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl CompareOp {
    pub const TABLE: &[(CompareOp, &str)] = &[
        (CompareOp::Eq, "eq"),
        (CompareOp::Ne, "ne"),
        (CompareOp::Lt, "lt"),
        (CompareOp::Le, "le"),
        (CompareOp::Gt, "gt"),
        (CompareOp::Ge, "ge"),
    ];
}

/// Reductions of all elements of an array of scalars, in row-major order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum ReduceOp {
    /// Floats and integers. Floats in *lane order*: element `k` of the flattened array goes to lane `k % 8`, each lane
    /// adds its elements in order starting from 0.0, and the lanes combine as
    /// `((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))`. The sum of nothing is 0.
    Sum,
    /// First winner; the first NaN wins. Traps on nothing. So does `Min`, `ArgMax`, `ArgMin`.
    Max,
    Min,
    /// Flat row-major index of what `Max` gives, an i64.
    ArgMax,
    ArgMin,
}

impl ReduceOp {
    pub const TABLE: &[(ReduceOp, &str)] = &[
        (ReduceOp::Sum, "sum"),
        (ReduceOp::Max, "max"),
        (ReduceOp::Min, "min"),
        (ReduceOp::ArgMax, "argmax"),
        (ReduceOp::ArgMin, "argmin"),
    ];
}

/// Whether an access to an array tests its indices.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Access {
    /// Traps with [`TrapCode::Bounds`] when an index is outside.
    Checked,
    /// The indices are known to be inside: proved by an analysis, or by construction in derivative code.
    InBounds,
}

/// How a value is written in a string: `[[fill]<^>][+][0][width][.precision][e]`, as in Rust.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FormatSpec {
    /// Fill character with its alignment, one of `<`, `^`, `>`.
    pub fill: Option<char>,
    pub align: Option<char>,
    pub plus: bool,
    pub zero: bool,
    pub width: Option<u16>,
    pub precision: Option<u16>,
    pub exponent: bool,
}

impl FormatSpec {
    /// Reads a format as the user writes it after the colon; `None` if it is none.
    pub fn parse(text: &str) -> Option<FormatSpec> {
        let mut spec = FormatSpec::default();
        let mut rest = text;
        let mut chars = text.chars();
        let (first, second) = (chars.next(), chars.next());
        let is_align = |c: &char| matches!(c, '<' | '^' | '>');
        if let (Some(fill), Some(align)) = (first, second.filter(is_align)) {
            (spec.fill, spec.align) = (Some(fill), Some(align));
            rest = &rest[fill.len_utf8() + 1..];
        } else if let Some(align) = first.filter(is_align) {
            spec.align = Some(align);
            rest = &rest[1..];
        }
        let mut eat = |p: char| rest.strip_prefix(p).map(|r| rest = r).is_some();
        spec.plus = eat('+');
        spec.zero = eat('0');
        spec.width = leading_number(&mut rest)?;
        if let Some(r) = rest.strip_prefix('.') {
            rest = r;
            spec.precision = Some(leading_number(&mut rest)??);
        }
        spec.exponent = rest == "e";
        (rest.is_empty() || spec.exponent).then_some(spec)
    }
}

/// Takes the digits at the beginning of `rest`. Inside: whether there are any; `None`: a number that is too great.
fn leading_number(rest: &mut &str) -> Option<Option<u16>> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at(end);
    *rest = after;
    if digits.is_empty() { Some(None) } else { digits.parse().ok().map(Some) }
}

/// An operation. Operands and regions are in [`crate::InstData`]; below "args" are the operands.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    // ---- scalars ----
    Const(Const),
    /// A value of any type that nobody looks at: the other side of a branch, the result before an early return. Reads
    /// as zero, empty array, empty string, or a null node.
    Undef,
    Unary(UnaryOp),
    Binary(BinaryOp),
    Compare(CompareOp),
    /// args `cond, a, b`: one of two scalars, both computed.
    Select,
    /// Conversion of a scalar to another scalar type: float to integer truncates, saturates, NaN gives 0; integer to
    /// integer wraps; bool to integer 0 or 1; integer to bool is "not zero"; f64 to f32 rounds.
    Convert(Scalar),
    /// Any value: itself, with derivative zero at every order.
    StopGrad,

    // ---- arrays ----
    /// args `v, dim…`: an array of rank = number of dims, all elements `v`. Traps on a negative dim. `v` may be of any
    /// type that is an element (an array here makes a jagged array).
    Fill,
    /// args `v…`: a rank-1 array of these elements. The element type is the result type's.
    Elements,
    /// args `x`: the size of axis `k`, an i64.
    Dim(u8),
    /// args `x, i…`: with as many indices as axes the element; with fewer the sub-array of the trailing axes.
    Get(Access),
    /// args `x, i…, v`: `x` with that element, or that sub-array (of the same shape), replaced by `v`.
    Set(Access),
    /// args `x, i…`, an index for each axis; the elements are arrays, strings or nodes. Results: `x` with that element
    /// undefined, and the element, which has moved out. What changes an element in place begins so and ends with `Put`.
    Take(Access),
    /// args `x, i…, v`: `x` with the element that `Take` has left undefined replaced by `v`. The indices are inside.
    Put,
    /// args `x, i…, v`: `x` with `v` added to that element or sub-array (tangent types; for jagged elements and nodes as
    /// by `AddTangent`). The adjoint of `Get`.
    AddAt(Access),
    /// args `x, lo, hi`: rows `lo..hi` of the first axis. Traps unless `0 <= lo <= hi <= dim`.
    Slice(Access),
    /// args `x, lo, v`: `x` with the rows from `lo` on replaced by those of `v`. Traps if they do not fit.
    SetSlice(Access),
    /// args `x, lo, v`: `x` with `v` added to the rows from `lo` on. The adjoint of `Slice`.
    AddSlice(Access),
    /// args `x, v`: a rank-1 array one longer.
    Push,
    /// args `x`: results `x` one shorter, and its last element. Traps when empty.
    Pop,
    /// args `x, dim…`: the same elements in row-major order with other axes. Traps if the counts differ.
    Reshape,
    /// args `x…` of one shape; region (an element of each) -> k scalars (or strings, nodes). Results: k arrays of that shape.
    Map,
    /// args `dim…`; region (an index for each) -> k values. Results: k arrays of rank = number of dims with these as
    /// elements. Runs in row-major order. Traps on a negative dim.
    Build,
    /// args `x`, an array of scalars.
    Reduce(ReduceOp),
    /// args `x, y` of equal shape: sum of products, in the lane order of [`ReduceOp::Sum`]. Floats.
    Dot,
    /// args `a, b` of rank 2: the matrix product, of the transposed operand where the flag says so. Every element is a
    /// sum over the inner index in increasing order, starting from 0.0, no lanes. Traps if the inner sizes differ.
    MatMul {
        transpose_a: bool,
        transpose_b: bool,
    },
    /// args `a, x` of rank 2 and 1: `a x`, each element a `Dot` of a row with `x`; transposed `aᵀ x`, each element
    /// a sum over the rows in increasing order, no lanes. Traps if the inner sizes differ.
    MatVec {
        transpose: bool,
    },
    /// args `x, y` of rank 1: the matrix of `x[i] * y[j]`.
    Outer,
    /// args `x` rank 1 of floats or integers: the stable permutation (i64) that sorts ascending, NaN last.
    SortPermutation,

    // ---- nodes ----
    /// args: the fields of the case.
    NodeNew {
        node: NodeId,
        case: u32,
    },
    /// args `n`: the number of its case, an i64.
    NodeTag,
    /// args `n`, which must be of that case (code stands under a `switch` on the tag): the field.
    NodeGet {
        case: u32,
        field: u32,
    },

    // ---- tangents ----
    /// args `x` of any type with a tangent type: the zero tangent of its shape (cases, lengths).
    ZerosLike,
    /// args `a, b` of one tangent type: their sum. Traps with `TangentMismatch` where cases or shapes differ.
    AddTangent,

    // ---- text ----
    /// args: strings. Their concatenation.
    Concat,
    /// args: a scalar, string, or array of these: its text.
    Format(FormatSpec),

    // ---- control ----
    /// args `cond`; regions then, else, without parameters; results are what they yield.
    If,
    /// args `tag` (i64); regions for 0, 1, …, and last the default; results are what they yield.
    Switch,
    /// args `lo, hi, init…`; region (i, carried…) -> carried…; for `lo <= i < hi` in order. Results: carried.
    For,
    /// args `init…`; regions condition (carried…) -> bool, and body (carried…) -> carried…. Results: carried.
    While,
    /// args and results as the callee's signature.
    Call(FuncId),

    // ---- the world ----
    /// args `cond, a, b` (bool, i64, i64): traps with the code and these numbers if `cond` is false.
    Check(TrapCode),
    /// args `text`: traps with it.
    Trap,
    /// args and results as [`HostFn::signature`] says.
    Host(HostFn),

    // ---- ownership: inserted by the last pass before code generation; the identity for the interpreter ----
    /// args `x`: one more reference to it.
    Retain,
    /// args `x`: one reference less; freed at the last.
    Release,
    /// args `x`, consumed: `x` itself if this is its only reference, else a copy. The result is the only reference.
    Unshare,
}

/// What an operation does besides giving its results.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing: may be removed, duplicated, moved.
    Pure,
    /// May trap: keeps its order among others that may trap or have effects; not removed.
    MayTrap,
    /// Talks to the world.
    World,
    /// What its regions or its callee do.
    Nested,
}

impl Op {
    /// The effect of the operation on operands of scalar type `first` (of the first operand, if it is a scalar).
    pub fn effect(&self, first: Option<Scalar>) -> Effect {
        match self {
            Op::Binary(BinaryOp::Div | BinaryOp::Rem) if first.is_some_and(Scalar::is_int) => Effect::MayTrap,
            Op::Const(_) | Op::Undef | Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select => Effect::Pure,
            Op::Convert(_) | Op::StopGrad | Op::Elements | Op::Dim(_) | Op::Push | Op::Put | Op::Outer => Effect::Pure,
            Op::Get(a) | Op::Set(a) | Op::Take(a) | Op::AddAt(a) | Op::Slice(a) | Op::SetSlice(a) | Op::AddSlice(a) => {
                match a {
                    Access::Checked => Effect::MayTrap,
                    Access::InBounds => Effect::Pure,
                }
            }
            Op::Reduce(ReduceOp::Sum) | Op::Dot | Op::SortPermutation => Effect::Pure,
            Op::Reduce(_) | Op::Fill | Op::Pop | Op::Reshape | Op::MatMul { .. } | Op::MatVec { .. } => Effect::MayTrap,
            Op::NodeNew { .. } | Op::NodeTag | Op::NodeGet { .. } | Op::ZerosLike | Op::Concat => Effect::Pure,
            Op::AddTangent => Effect::MayTrap,
            Op::Format(_) => Effect::Pure,
            Op::Build | Op::Map | Op::If | Op::Switch | Op::For | Op::While | Op::Call(_) => Effect::Nested,
            Op::Check(_) | Op::Trap => Effect::MayTrap,
            Op::Host(f) if f.is_pure() => Effect::Pure,
            Op::Host(_) | Op::Retain | Op::Release | Op::Unshare => Effect::World,
        }
    }
}
