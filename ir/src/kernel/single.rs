//! Kernels of f32: where all that differs between lanes is a float of 32 bits or a truth value, so may be the lanes, and a vector holds twice as
//! many of them.
//!
//! What is the same in all lanes may be anything, and so may counters and indices, which are known by their first lane. One number of 64
//! bits in each lane, and all lanes are as wide; who lowers the kernel then computes with f32 in the lanes of f64, and rounds.

use super::{Carried, Kernel, Num, NumOp, Shape, Step};
use crate::types::Scalar;

pub(super) fn is_single(kernel: &Kernel) -> bool {
    let ordered = kernel.carried.iter().all(|c| match c {
        Carried::Ordered { param, .. } => is_narrow(kernel, *param),
        Carried::Extreme { value, .. } | Carried::Sum { value, .. } => kernel.scalar(*value) == Scalar::F32,
        Carried::Array(_) | Carried::Same(_) | Carried::Steady { .. } => true,
    });
    let sum = kernel.sum.is_none_or(|num| kernel.scalar(num) == Scalar::F32);
    let late = kernel.late.iter().all(|s| kernel.arrays[s.array].element == Scalar::F32);
    let some = kernel.numbers.iter().any(|(_, n)| n.scalar == Scalar::F32 && n.shape != Shape::Uniform);
    some && ordered && sum && late && steps(kernel, &kernel.body) && steps(kernel, &kernel.ordered)
}

fn is_narrow(kernel: &Kernel, num: Num) -> bool {
    matches!(kernel.scalar(num), Scalar::F32 | Scalar::Bool)
}

fn steps(kernel: &Kernel, all: &[Step]) -> bool {
    let differs = |num: Num| matches!(kernel.shape(num), Shape::Varying | Shape::Ordered);
    all.iter().all(|step| match step {
        Step::Op { result, .. } if !differs(*result) => true,
        Step::Op { result, op, args, .. } => {
            let counts = |num: Num| *op == NumOp::Convert(Scalar::F32) && kernel.shape(num) == Shape::Linear;
            is_narrow(kernel, *result) && args.iter().all(|a| is_narrow(kernel, *a) || counts(*a))
        }
        Step::Load { result, .. } => !differs(*result) || kernel.scalar(*result) == Scalar::F32,
        Step::Store(store) => kernel.arrays[store.array].element == Scalar::F32,
        Step::Pack { .. } | Step::Packed { .. } => true,
        Step::Before { result, .. } => is_narrow(kernel, *result),
        Step::Inner(inner) => {
            let fine = |num: Num| !differs(num) || is_narrow(kernel, num);
            inner.carried.iter().all(|c| fine(c.param)) && steps(kernel, &inner.body)
        }
    })
}
