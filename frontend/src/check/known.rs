//! Names that mean something without a definition in dProg: built-in functions, operators, constants.

use crate::typed::{Builtin, DiffOp, Initializer};
use dprog_ir::{BinaryOp, HostFn, UnaryOp};

/// A built-in name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Known {
    Fn(Builtin),
    /// `max`, `min`: of one argument a reduction, of two elementwise.
    MinMax {
        reduce: Builtin,
        binary: BinaryOp,
    },
    Diff(DiffOp),
    /// `fixed_point`, `root`.
    Later(&'static str),
    Float(f64),
}

/// In front of a built-in name: what the program defines under that name does not hide it. For text that the compiler
/// itself puts behind a program.
const UNHIDDEN: &str = "__builtin_";

/// What a built-in name means.
pub(super) fn known(name: &str) -> Option<Known> {
    let name = name.strip_prefix(UNHIDDEN).unwrap_or(name);
    if let Some(builtin) = elementwise(name).or_else(|| of_arrays(name)) {
        return Some(Known::Fn(builtin));
    }
    Some(match name {
        "max" => Known::MinMax { reduce: Builtin::Max, binary: BinaryOp::Max },
        "min" => Known::MinMax { reduce: Builtin::Min, binary: BinaryOp::Min },
        "fixed_point" => Known::Later("fixed_point"),
        "root" => Known::Later("root"),
        "PI" => Known::Float(std::f64::consts::PI),
        "E" => Known::Float(std::f64::consts::E),
        "INF" => Known::Float(f64::INFINITY),
        "NAN" => Known::Float(f64::NAN),
        "EPSILON" => Known::Float(f64::EPSILON),
        _ => Known::Diff(operator(name)?),
    })
}

fn operator(name: &str) -> Option<DiffOp> {
    Some(match name {
        "grad" => DiffOp::Grad,
        "value_and_grad" => DiffOp::ValueAndGrad,
        "vjp" => DiffOp::Vjp,
        "jvp" => DiffOp::Jvp,
        "pullback" => DiffOp::Pullback,
        "grad_into" => DiffOp::GradInto,
        "hvp" => DiffOp::Hvp,
        "jacobian" => DiffOp::Jacobian,
        "hessian" => DiffOp::Hessian,
        "hessian_diag" => DiffOp::HessianDiag,
        _ => return None,
    })
}

/// The operator as it is written.
pub(super) fn operator_name(op: DiffOp) -> &'static str {
    op.name()
}

fn elementwise(name: &str) -> Option<Builtin> {
    let unary = match name {
        "abs" => UnaryOp::Abs,
        "sign" => UnaryOp::Sign,
        "sqrt" => UnaryOp::Sqrt,
        "cbrt" => UnaryOp::Cbrt,
        "exp" => UnaryOp::Exp,
        "exp2" => UnaryOp::Exp2,
        "expm1" => UnaryOp::Expm1,
        "log" => UnaryOp::Log,
        "log2" => UnaryOp::Log2,
        "log10" => UnaryOp::Log10,
        "log1p" => UnaryOp::Log1p,
        "sin" => UnaryOp::Sin,
        "cos" => UnaryOp::Cos,
        "tan" => UnaryOp::Tan,
        "asin" => UnaryOp::Asin,
        "acos" => UnaryOp::Acos,
        "atan" => UnaryOp::Atan,
        "sinh" => UnaryOp::Sinh,
        "cosh" => UnaryOp::Cosh,
        "tanh" => UnaryOp::Tanh,
        "asinh" => UnaryOp::Asinh,
        "acosh" => UnaryOp::Acosh,
        "atanh" => UnaryOp::Atanh,
        "erf" => UnaryOp::Erf,
        "erfc" => UnaryOp::Erfc,
        "lgamma" => UnaryOp::Lgamma,
        "digamma" => UnaryOp::Digamma,
        "trigamma" => UnaryOp::Trigamma,
        "floor" => UnaryOp::Floor,
        "ceil" => UnaryOp::Ceil,
        "round" => UnaryOp::Round,
        "trunc" => UnaryOp::Trunc,
        _ => return elementwise_of_more(name),
    };
    Some(Builtin::Unary(unary))
}

fn elementwise_of_more(name: &str) -> Option<Builtin> {
    Some(match name {
        "pow" => Builtin::Binary(BinaryOp::Pow),
        "atan2" => Builtin::Binary(BinaryOp::Atan2),
        "hypot" => Builtin::Binary(BinaryOp::Hypot),
        "copysign" => Builtin::Binary(BinaryOp::CopySign),
        "polygamma" => Builtin::Binary(BinaryOp::Polygamma),
        "relu" => Builtin::Relu,
        "sigmoid" => Builtin::Sigmoid,
        "softplus" => Builtin::Softplus,
        "clamp" => Builtin::Clamp,
        _ => return None,
    })
}

fn of_arrays(name: &str) -> Option<Builtin> {
    Some(match name {
        "sum" => Builtin::Sum,
        "prod" => Builtin::Prod,
        "mean" => Builtin::Mean,
        "norm" => Builtin::Norm,
        "logsumexp" => Builtin::LogSumExp,
        "argmax" => Builtin::ArgMax,
        "argmin" => Builtin::ArgMin,
        "softmax" => Builtin::Softmax,
        "dot" => Builtin::Dot,
        "sort" => Builtin::Sort,
        "argsort" => Builtin::ArgSort,
        "cumsum" => Builtin::Cumsum,
        "concat" => Builtin::Concat,
        "gather" => Builtin::Gather,
        "transpose" => Builtin::Transpose,
        "reshape" => Builtin::Reshape,
        "len" => Builtin::Len,
        "stop_grad" => Builtin::StopGrad,
        "zeros_like" => Builtin::ZerosLike,
        "moved" => Builtin::Moved,
        "map_leaves" => Builtin::MapLeaves,
        "visit_leaves" => Builtin::VisitLeaves,
        "load_leaves" => Builtin::LoadLeaves,
        "assert" => Builtin::Assert,
        "trap" => Builtin::Trap,
        "print" => Builtin::Print,
        "write" => Builtin::Write,
        "eprint" => Builtin::Eprint,
        _ => return None,
    })
}

/// `__host_NAME`: a function of the host, for `std` only.
pub(super) fn host(name: &str) -> Option<HostFn> {
    let name = name.strip_prefix("__host_")?;
    HostFn::TABLE.iter().find(|(_, n)| *n == name).map(|(f, _)| *f)
}

/// How a `param` of a model may start.
pub(super) fn initializer(name: &str) -> Option<(Initializer, usize)> {
    Some(match name {
        "zeros" => (Initializer::Zeros, 0),
        "ones" => (Initializer::Ones, 0),
        "he_normal" => (Initializer::HeNormal, 0),
        "glorot" => (Initializer::Glorot, 0),
        "normal" => (Initializer::Normal, 1),
        "uniform" => (Initializer::Uniform, 2),
        _ => return None,
    })
}

/// The name of a built-in function in messages.
pub(super) fn builtin_name(builtin: Builtin) -> String {
    let of_list = |name: &str| format!("List::{name}");
    match builtin {
        Builtin::ListNew => of_list("new"),
        Builtin::ListFrom => of_list("from"),
        Builtin::ListPush => "push".into(),
        Builtin::ListPop => "pop".into(),
        Builtin::ListClear => "clear".into(),
        Builtin::Max | Builtin::Binary(BinaryOp::Max) => "max".into(),
        Builtin::Min | Builtin::Binary(BinaryOp::Min) => "min".into(),
        Builtin::Host(f) => HostFn::TABLE.iter().find(|(g, _)| *g == f).map_or("host", |(_, n)| n).into(),
        _ => NAMES.iter().find(|n| elementwise(n).or_else(|| of_arrays(n)) == Some(builtin)).map_or("", |n| n).into(),
    }
}

/// All names of built-in functions, for suggestions.
pub(super) const NAMES: &[&str] = &[
    "abs",
    "sign",
    "sqrt",
    "cbrt",
    "exp",
    "exp2",
    "expm1",
    "log",
    "log2",
    "log10",
    "log1p",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "erf",
    "erfc",
    "lgamma",
    "digamma",
    "trigamma",
    "floor",
    "ceil",
    "round",
    "trunc",
    "pow",
    "atan2",
    "hypot",
    "copysign",
    "polygamma",
    "relu",
    "sigmoid",
    "softplus",
    "clamp",
    "sum",
    "prod",
    "mean",
    "norm",
    "logsumexp",
    "argmax",
    "argmin",
    "softmax",
    "dot",
    "sort",
    "argsort",
    "cumsum",
    "concat",
    "gather",
    "transpose",
    "reshape",
    "len",
    "stop_grad",
    "zeros_like",
    "moved",
    "map_leaves",
    "visit_leaves",
    "load_leaves",
    "assert",
    "trap",
    "print",
    "write",
    "eprint",
    "max",
    "min",
    "grad",
    "value_and_grad",
    "vjp",
    "jvp",
    "pullback",
    "grad_into",
    "hvp",
    "jacobian",
    "hessian",
    "hessian_diag",
    "PI",
    "E",
    "INF",
    "NAN",
    "EPSILON",
];
