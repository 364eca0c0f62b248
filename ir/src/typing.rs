//! What types the results of an instruction have, as far as its operands and regions say so.
//!
//! The text form writes a type only where it does not follow; the parser fills in what was left out; the verifier
//! compares. All three read the rule here.

use crate::module::Module;
use crate::opcode::{Const, Op, ReduceOp};
use crate::types::{Leaf, Type};

impl Const {
    /// The type of the constant.
    pub fn ty(&self) -> Type {
        match self {
            Const::F64(_) => Type::F64,
            Const::F32(_) => Type::F32,
            Const::I64(_) => Type::I64,
            Const::I32(_) => Type::I32,
            Const::U8(_) => Type::U8,
            Const::Bool(_) => Type::BOOL,
            Const::Str(_) => Type::STR,
        }
    }
}

/// Whether the text form always shows the result types of `op`: they do not follow from the operands, or only by
/// looking far away.
pub fn shows_types(op: &Op) -> bool {
    let number = matches!(op, Op::Const(c) if !matches!(c, Const::Bool(_) | Const::Str(_)));
    number || matches!(op, Op::Undef | Op::NodeGet { .. } | Op::ZerosLike | Op::Call(_))
}

/// The result types of `op` on operands of types `args`, its regions yielding values of types `yields`. `None` if they
/// do not follow, or if the operands do not fit so badly that there is nothing to say (the verifier says what).
pub fn result_types(module: &Module, op: &Op, args: &[Type], yields: &[Vec<Type>]) -> Option<Vec<Type>> {
    let first = args.first().copied();
    let one = |ty: Option<Type>| ty.map(|ty| vec![ty]);
    match op {
        Op::Const(c) => Some(vec![c.ty()]),
        Op::Undef => None,
        Op::Unary(_) | Op::Binary(_) | Op::StopGrad | Op::MatMul { .. } | Op::AddTangent | Op::Unshare => one(first),
        Op::Set(_) | Op::AddAt(_) | Op::Slice(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::Push | Op::Put => one(first),
        Op::Compare(_) => Some(vec![Type::BOOL]),
        Op::Select | Op::MatVec { .. } => one(args.get(1).copied()),
        Op::Convert(to) => Some(vec![Type::scalar(*to)]),
        Op::Fill => one(first?.try_array(args.len() - 1)),
        Op::Elements => one(first?.try_array(1)),
        Op::Dim(_) | Op::NodeTag => Some(vec![Type::I64]),
        Op::Get(_) => one(part(first?, args.len() - 1)),
        Op::Pop | Op::Take(_) => Some(vec![first?, first?.element()]),
        Op::Reshape => one(first?.element().try_array(args.len() - 1)),
        Op::Map => arrays_of(yields.first()?, first?.rank()),
        Op::Build => arrays_of(yields.first()?, args.len()),
        Op::Reduce(ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min) | Op::Dot => one(first.map(Type::element)),
        Op::Reduce(ReduceOp::ArgMax | ReduceOp::ArgMin) => Some(vec![Type::I64]),
        Op::Outer => one(first?.element().try_array(2)),
        Op::SortPermutation => Some(vec![Type::I64.array(1)]),
        Op::NodeNew { node, .. } => Some(vec![Type::node(*node)]),
        Op::NodeGet { case, field } => {
            let case = module.nodes.get(first?.as_node()?)?.cases.get(*case as usize)?;
            one(case.fields.get(*field as usize).map(|f| f.ty))
        }
        Op::ZerosLike => one(first.filter(|ty| matches!(ty.leaf, Leaf::Scalar(s) if s.is_float()))),
        Op::Concat | Op::Format(_) => Some(vec![Type::STR]),
        Op::If | Op::Switch => yields.first().cloned(),
        Op::For => args.get(2..).map(<[Type]>::to_vec),
        Op::While => Some(args.to_vec()),
        Op::Call(callee) => module.funcs.get(*callee).map(|f| f.results.clone()),
        Op::Check(_) | Op::Trap | Op::Retain | Op::Release => Some(vec![]),
        Op::Host(f) => Some(f.signature().1),
    }
}

/// The type of what `count` indices select of an array.
pub fn part(array: Type, count: usize) -> Option<Type> {
    match array.rank().checked_sub(count)? {
        0 => Some(array.element()),
        rest => array.element().try_array(rest),
    }
}

fn arrays_of(elements: &[Type], rank: usize) -> Option<Vec<Type>> {
    elements.iter().map(|ty| ty.try_array(rank)).collect()
}
