//! Through which operands of an operation a derivative passes at all. Read by the activity analysis; the operations
//! that own regions and calls are followed into these instead.
//!
//! Operations through which nothing passes stand here too: those whose derivative is *zero by convention*, and those that
//! *have none*, where an active path is an error.

use dprog_ir::{BinaryOp, HostFn, Op, ReduceOp, Scalar, UnaryOp};

/// Derivative zero by convention: piecewise constant functions. A warning is given where the argument is active.
pub const ZERO_BY_CONVENTION: &[(UnaryOp, &str)] = &[
    (UnaryOp::Floor, "floor"),
    (UnaryOp::Ceil, "ceil"),
    (UnaryOp::Round, "round"),
    (UnaryOp::Trunc, "trunc"),
    (UnaryOp::Sign, "sign"),
];

/// Whether operand `k` of `n` passes a derivative on to the results.
///
/// Zero by convention besides [`ZERO_BY_CONVENTION`]: comparisons, conversion to integers, sizes and tags, the index of
/// a maximum, the sorting permutation, `stop_grad`. Results of host functions are constants, but for those of the embedding
/// program.
pub fn passes(op: &Op, k: usize, n: usize) -> bool {
    match op {
        Op::Const(_) | Op::Undef | Op::Compare(_) | Op::StopGrad | Op::Dim(_) | Op::SortPermutation => false,
        Op::Unary(op) => unary_passes(*op),
        Op::Binary(op) => binary_passes(*op, k),
        Op::Select => k > 0,
        Op::Convert(to) => to.is_float(),
        Op::Fill | Op::Get(_) | Op::Take(_) | Op::Slice(_) | Op::Reshape => k == 0,
        Op::Put | Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) => k == 0 || k + 1 == n,
        Op::Elements | Op::Push | Op::Pop | Op::Dot | Op::MatMul { .. } | Op::MatVec { .. } | Op::Outer => true,
        Op::Reduce(ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min) => true,
        Op::Reduce(ReduceOp::ArgMax | ReduceOp::ArgMin) => false,
        Op::NodeNew { .. } | Op::NodeGet { .. } | Op::AddTangent => true,
        Op::NodeTag | Op::ZerosLike | Op::Concat | Op::Format(_) => false,
        Op::Map | Op::While | Op::Call(_) => true,
        Op::For => k >= 2,
        Op::Host(HostFn::Foreign) => k + 1 == n,
        Op::Build | Op::If | Op::Switch | Op::Check(_) | Op::Trap | Op::Host(_) => false,
        Op::Retain | Op::Release | Op::Unshare => true,
    }
}

fn unary_passes(op: UnaryOp) -> bool {
    op != UnaryOp::Not && !ZERO_BY_CONVENTION.iter().any(|(zero, _)| *zero == op)
}

fn binary_passes(op: BinaryOp, k: usize) -> bool {
    match op {
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem | BinaryOp::Pow => true,
        BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::Min | BinaryOp::Max => true,
        BinaryOp::Polygamma => true,
        BinaryOp::CopySign => k == 0,
        BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => false,
    }
}

/// The name by which a warning calls the operation, if its derivative is zero by convention on floats and the program
/// may have meant otherwise. Comparisons are not named: every data-dependent loop has one. It is where one becomes a number that
/// something may have been meant, see [`is_logic`].
pub fn silent_zero(op: &Op, from: Option<Scalar>) -> Option<&'static str> {
    match op {
        Op::Unary(op) => ZERO_BY_CONVENTION.iter().find(|(zero, _)| zero == op).map(|(_, name)| *name),
        Op::Convert(to) if to.is_int() && from.is_some_and(Scalar::is_float) => Some("conversion to an integer"),
        _ => None,
    }
}

/// Whether the result may be the outcome of a comparison, if an operand is one.
pub fn is_logic(op: &Op) -> bool {
    matches!(
        op,
        Op::Unary(UnaryOp::Not)
            | Op::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Xor)
            | Op::Select
            | Op::Convert(_)
    )
}

/// The name of a function that has no derivative by its first operand, if `op` is one.
pub fn without_derivative(op: &Op) -> Option<&'static str> {
    matches!(op, Op::Binary(BinaryOp::Polygamma)).then_some("polygamma")
}
