//! Functions that the compiler knows: their types are rules of the checker, their meaning is in lowering.
//!
//! Everything that can be written in dProg is in `std/` instead (`std/prelude.dp` is in scope everywhere).

use dprog_ir::{BinaryOp, UnaryOp};

/// A built-in function. "Elementwise" ones apply to scalars, and to arrays with broadcasting of scalars and of leading
/// dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Builtin {
    /// Elementwise function of one argument, `sin(x)`; `abs` and `sign` take integers too.
    Unary(UnaryOp),
    /// Elementwise function of two: `pow`, `atan2`, `hypot`, `copysign`, `min(a, b)`, `max(a, b)`.
    Binary(BinaryOp),
    /// Elementwise `max(0.0, x)`.
    Relu,
    /// Elementwise `1 / (1 + exp(-x))`, without overflow.
    Sigmoid,
    /// Elementwise `log(1 + exp(x))`, without overflow.
    Softplus,
    /// Elementwise `clamp(x, lo, hi)` = `min(max(x, lo), hi)`.
    Clamp,
    /// Over all axes, or one with `axis: k`: then a second argument, an `i64` literal in range. `Norm` is Euclidean, also
    /// of any tangent type. So for the following ones with an axis.
    Sum,
    Prod,
    Mean,
    Max,
    Min,
    Norm,
    LogSumExp,
    /// Index of the first greatest (smallest) element: flat, or along `axis: k`.
    ArgMax,
    ArgMin,
    /// Along the last axis, or `axis: k`.
    Softmax,
    /// `dot(x, y)` of vectors, and of any two tangents of one type.
    Dot,
    /// Rank 1.
    Sort,
    /// Permutation that sorts: `[i64; n]`.
    ArgSort,
    Cumsum,
    /// `concat(x, y)` along the first axis: sizes add.
    Concat,
    /// `gather(x, ids)` on the first axis.
    Gather,
    /// Reverses the axes.
    Transpose,
    /// `reshape(x, [2, 3])`: the second argument is an array literal of `i64`; the sizes are in the type too.
    Reshape,
    /// Length of a list or of the first axis of an array; bytes of a string.
    Len,
    ListNew,
    /// `List::from(array)`.
    ListFrom,
    /// Methods of lists; the receiver is the first argument, `inout` for `push`, `pop`, `clear`.
    ListPush,
    ListPop,
    ListClear,
    /// `stop_grad(x)` of any type.
    StopGrad,
    /// `zeros_like(x)`: `Tangent<T>` of zeros.
    ZerosLike,
    /// `moved(x, delta)`: the value of type `T` that lies at `x + delta`, `delta: Tangent<T>`.
    Moved,
    /// `map_leaves(f, t, …)`: a tangent like the first one, with `f: fn(f64, …) -> f64` applied to the corresponding scalars
    /// of all (f32 is converted).
    MapLeaves,
    /// `visit_leaves(x, f)`: calls `f(name: str, shape: List<i64>, data: List<f64>)` for each array or scalar leaf of a value or tangent.
    VisitLeaves,
    /// `load_leaves(x: inout T, f)`: each leaf becomes what `f(name, shape) -> List<f64>` gives for it.
    LoadLeaves,
    Assert,
    Trap,
    Print,
    Write,
    Eprint,
    /// A function of the host, reachable only from `std` (name as in [`dprog_ir::HostFn::TABLE`]).
    Host(dprog_ir::HostFn),
}

/// How a `param` of a model starts: `he_normal()` and so on, where a field's default is expected. The shape is the field's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Initializer {
    Zeros,
    Ones,
    /// Normal with variance 2 / fan-in.
    HeNormal,
    /// Uniform in ± sqrt(6 / (fan-in + fan-out)).
    Glorot,
    /// `normal(deviation)`: one argument.
    Normal,
    /// `uniform(lo, hi)`: two arguments.
    Uniform,
}
