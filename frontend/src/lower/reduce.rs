//! Reductions: of all elements, or along one axis.
//!
//! Of all elements the operations of the IR are used, which fix the order. Along the last axis each row is reduced like
//! a vector. Along another axis sums run through the axis in order, and so do the reductions of `axis`; the others gather the
//! elements along it first.

use super::axis::Columns;
use super::body::FnLower;
use crate::typed::Builtin;
use dprog_ir::{Access, BinaryOp, CompareOp, ReduceOp, Scalar, TrapCode, Type, UnaryOp, Value};

/// Rows of no more elements lose a digit at most in `logsumexp` and `softmax`, see [`FnLower::powers_by_greatest`].
pub(super) const FEW: i64 = 8;

/// What `logsumexp` and `softmax` are made of.
struct Pivot {
    /// What is subtracted from all elements.
    shift: Value,
    /// The powers, and 0 at the place of the greatest element.
    others: Value,
    /// The power of the greatest element, less 1.
    own: Value,
}

impl<'p> FnLower<'_, 'p> {
    /// A reduction of all elements, or along an axis.
    pub fn reduced(&mut self, which: Builtin, x: Value, axis: Option<usize>) -> Value {
        match axis {
            Some(axis) if self.b.ty(x).rank() > 1 => self.reduced_along(which, x, axis),
            _ => self.reduced_whole(which, x),
        }
    }

    fn reduced_whole(&mut self, which: Builtin, x: Value) -> Value {
        match which {
            Builtin::Sum => self.b.reduce(ReduceOp::Sum, x),
            Builtin::Max => self.b.reduce(ReduceOp::Max, x),
            Builtin::Min => self.b.reduce(ReduceOp::Min, x),
            Builtin::ArgMax => self.b.reduce(ReduceOp::ArgMax, x),
            Builtin::ArgMin => self.b.reduce(ReduceOp::ArgMin, x),
            Builtin::Prod => self.multiplied(x),
            Builtin::Mean => {
                let dims = self.b.dims(x);
                let count = self.product(&dims);
                let sum = self.b.reduce(ReduceOp::Sum, x);
                self.quotient(sum, count)
            }
            Builtin::Norm => {
                let squares = self.b.dot(x, x);
                self.root_of_squares(squares)
            }
            Builtin::LogSumExp => self.log_sum_exp(x),
            _ => panic!("{which:?} is no reduction"),
        }
    }

    fn reduced_along(&mut self, which: Builtin, x: Value, axis: usize) -> Value {
        let dims = self.b.dims(x);
        let last = axis + 1 == dims.len();
        let columns = Columns { x, axis, dims: &dims };
        if !last && which == Builtin::LogSumExp {
            return self.log_sum_exp_of_columns(&columns);
        }
        if !last && matches!(which, Builtin::Max | Builtin::Min | Builtin::ArgMax | Builtin::ArgMin) {
            return self.extremes_of_columns(which, &columns);
        }
        let others: Vec<Value> = dims.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, d)| *d).collect();
        let built = self.build(&others, |s, i| {
            if last {
                let row = s.at_index(x, i);
                return vec![s.reduced_whole(which, row)];
            }
            let at = |k: Value| [&i[..axis], &[k], &i[axis..]].concat();
            if matches!(which, Builtin::Sum | Builtin::Mean) {
                return vec![s.sum_in_order(which, x, dims[axis], at)];
            }
            let column = s.build(&dims[axis..=axis], |s, k| vec![s.at_index(x, &at(k[0]))])[0];
            vec![s.reduced_whole(which, column)]
        });
        built[0]
    }

    fn sum_in_order(&mut self, which: Builtin, x: Value, count: Value, at: impl Fn(Value) -> Vec<Value>) -> Value {
        let zero = self.zero_of(self.b.ty(x).element());
        let sum = self.repeat(count, &[zero], |s, k, carried| {
            let value = s.at_index(x, &at(k));
            vec![s.b.add(carried[0], value)]
        });
        if which == Builtin::Mean { self.quotient(sum[0], count) } else { sum[0] }
    }

    /// A sum divided by how many there were, which must not be none.
    fn quotient(&mut self, sum: Value, count: Value) -> Value {
        let zero = self.b.i64(0);
        let some = self.b.compare(CompareOp::Gt, count, zero);
        self.b.check(TrapCode::EmptyReduce, some, zero, zero);
        let scalar = self.b.ty(sum).as_scalar().expect("a sum of scalars");
        let count = self.b.convert(count, scalar);
        self.b.div(sum, count)
    }

    fn multiplied(&mut self, x: Value) -> Value {
        let dims = self.b.dims(x);
        let count = self.product(&dims);
        let flat = if dims.len() == 1 { x } else { self.b.reshape(x, &[count]) };
        let one = self.scalar_constant(self.b.ty(x).element().as_scalar().expect("a product of scalars"), 1);
        let product = self.repeat(count, &[one], |s, k, carried| {
            let value = s.at_index(flat, &[k]);
            vec![s.b.mul(carried[0], value)]
        });
        product[0]
    }

    /// The square root of a sum of squares, with derivative zero at zero: there it is a constant.
    pub fn root_of_squares(&mut self, squares: Value) -> Value {
        let ty = self.b.ty(squares);
        let zero = self.b.float(0.0, ty);
        let is_zero = self.b.compare(CompareOp::Eq, squares, zero);
        self.if_else(is_zero, |_| vec![zero], |s| vec![s.b.unary(UnaryOp::Sqrt, squares)])[0]
    }

    /// `m + log1p(Σ exp(x - m))` with the greatest element `m`, and the sum over the others; without elements, or all of them
    /// -inf, a constant -inf.
    fn log_sum_exp(&mut self, x: Value) -> Value {
        let ty = self.b.ty(x).element();
        let dims = self.b.dims(x);
        let count = self.product(&dims);
        let flat = if dims.len() == 1 { x } else { self.b.reshape(x, &[count]) };
        let zero = self.b.i64(0);
        let some = self.b.compare(CompareOp::Gt, count, zero);
        let minus_inf = self.b.float(f64::NEG_INFINITY, ty);
        let greatest = self.if_else(some, |s| vec![s.b.reduce(ReduceOp::Max, flat)], |_| vec![minus_inf])[0];
        let greatest = self.b.stop_grad(greatest);
        let nothing = self.b.compare(CompareOp::Eq, greatest, minus_inf);
        let result = self.if_else(
            nothing,
            |_| vec![minus_inf],
            |s| {
                let Pivot { shift, others, own } = s.powers_by_greatest(flat, greatest);
                let sum = s.b.reduce(ReduceOp::Sum, others);
                let sum = s.b.add(sum, own);
                let log = s.b.unary(UnaryOp::Log1p, sum);
                vec![s.b.add(log, shift)]
            },
        );
        result[0]
    }

    /// Powers of e of the differences to the greatest element, for `logsumexp` and `softmax`, of a row with elements.
    ///
    /// The result does not depend on what is subtracted, so the subtracted number may be a constant or the element
    /// itself. As a constant, derivatives by that element are differences of numbers near 1 where it outweighs all
    /// others together; as the element, where the others outweigh it. So it is the element where no other comes near it,
    /// or where there are few: then no digits are lost to speak of.
    fn powers_by_greatest(&mut self, x: Value, greatest: Value) -> Pivot {
        let ty = self.b.ty(greatest);
        let (zero, infinity) = (self.b.float(0.0, ty), self.b.float(f64::INFINITY, ty));
        let winner = self.b.reduce(ReduceOp::ArgMax, x);
        let element = self.at_index(x, &[winner]);
        let is_inf = self.b.compare(CompareOp::Eq, greatest, infinity);
        let is_finite = self.b.unary(UnaryOp::Not, is_inf);
        let outweighs = self.outweighs(x, greatest);
        let outweighs = self.b.binary(BinaryOp::And, outweighs, is_finite);
        let shift = self.b.select(outweighs, element, greatest);
        let shift = self.b.select(is_inf, zero, shift);
        let count = self.b.dim(x, 0);
        let others = self.build(&[count], |s, j| {
            let is_winner = s.b.compare(CompareOp::Eq, j[0], winner);
            let e = s.at_index(x, j);
            let shifted = s.b.sub(e, shift);
            let power = s.b.unary(UnaryOp::Exp, shifted);
            vec![s.b.select(is_winner, zero, power)]
        })[0];
        let own = self.b.sub(element, shift);
        let own = self.b.unary(UnaryOp::Expm1, own);
        let own = self.b.select(outweighs, zero, own);
        Pivot { shift, others, own }
    }

    /// Whether there are few elements, or none but the greatest is within log n of it.
    fn outweighs(&mut self, x: Value, greatest: Value) -> Value {
        let ty = self.b.ty(greatest);
        let scalar = ty.as_scalar().expect("a float");
        let (count, few, one) = (self.b.dim(x, 0), self.b.i64(FEW), self.b.i64(1));
        let is_short = self.b.compare(CompareOp::Le, count, few);
        let number = self.b.convert(count, scalar);
        let margin = self.b.unary(UnaryOp::Log, number);
        let bound = self.b.sub(greatest, margin);
        let near = self.map(&[x], |s, e| {
            let e = s.b.stop_grad(e[0]);
            let near = s.b.compare(CompareOp::Ge, e, bound);
            vec![s.b.convert(near, Scalar::I64)]
        })[0];
        let near = self.b.reduce(ReduceOp::Sum, near);
        let alone = self.b.compare(CompareOp::Le, near, one);
        self.b.binary(BinaryOp::Or, is_short, alone)
    }

    /// Along the last axis, or another.
    pub fn softmax(&mut self, x: Value, axis: Option<usize>) -> Value {
        let rank = self.b.ty(x).rank();
        let axis = axis.unwrap_or(rank - 1);
        if rank == 1 {
            return self.softmax_row(x);
        }
        let order: Vec<usize> = (0..rank).filter(|i| *i != axis).chain([axis]).collect();
        let moved = if axis + 1 == rank { x } else { self.permuted(x, &order) };
        let dims = self.b.dims(moved);
        let rows = self.product(&dims[..rank - 1]);
        let matrix = self.b.reshape(moved, &[rows, dims[rank - 1]]);
        let result = self.repeat(rows, &[matrix], |s, k, carried| {
            let row = s.at_index(matrix, &[k]);
            let row = s.softmax_row(row);
            vec![s.b.set(Access::InBounds, carried[0], &[k], row)]
        });
        let result = self.b.reshape(result[0], &dims);
        let back: Vec<usize> = (0..rank).map(|i| order.iter().position(|o| *o == i).expect("a permutation")).collect();
        if axis + 1 == rank { result } else { self.permuted(result, &back) }
    }

    fn softmax_row(&mut self, x: Value) -> Value {
        let count = self.b.dim(x, 0);
        let zero = self.b.i64(0);
        let some = self.b.compare(CompareOp::Gt, count, zero);
        self.if_else(some, |s| vec![s.softmax_of_some(x)], |_| vec![x])[0]
    }

    fn softmax_of_some(&mut self, x: Value) -> Value {
        let greatest = self.b.reduce(ReduceOp::Max, x);
        let greatest = self.b.stop_grad(greatest);
        let Pivot { others, own, .. } = self.powers_by_greatest(x, greatest);
        let one = self.b.float(1.0, self.b.ty(own));
        let winner = self.b.reduce(ReduceOp::ArgMax, x);
        let own = self.b.add(one, own);
        let sum = self.b.reduce(ReduceOp::Sum, others);
        let sum = self.b.add(sum, own);
        let powers = self.b.set(Access::InBounds, others, &[winner], own);
        self.map(&[powers], |s, e| vec![s.b.div(e[0], sum)])[0]
    }

    /// Axis `k` of the result is axis `order[k]` of `x`.
    fn permuted(&mut self, x: Value, order: &[usize]) -> Value {
        let dims = self.b.dims(x);
        let new: Vec<Value> = order.iter().map(|axis| dims[*axis]).collect();
        self.build(&new, |s, i| {
            let mut at = vec![i[0]; i.len()];
            order.iter().zip(i).for_each(|(axis, index)| at[*axis] = *index);
            vec![s.at_index(x, &at)]
        })[0]
    }

    /// Whether all elements of a rank-1 array of bools are true.
    pub fn all_of(&mut self, count: Value, mut test: impl FnMut(&mut Self, Value) -> Value) -> Value {
        let (yes, zero) = (self.b.bool(true), self.b.i64(0));
        let region = self.b.open_region(&[Type::I64, Type::BOOL]);
        let params = self.b.func.regions[region].params.clone();
        let inside = self.b.compare(CompareOp::Lt, params[0], count);
        let go_on = self.b.binary(BinaryOp::And, inside, params[1]);
        let condition = self.b.close_region(&[go_on]);
        let body = self.b.open_region(&[Type::I64, Type::BOOL]);
        let params = self.b.func.regions[body].params.clone();
        let equal = test(self, params[0]);
        let one = self.b.i64(1);
        let next = self.b.add(params[0], one);
        let body = self.b.close_region(&[next, equal]);
        let inst = self.b.inst(dprog_ir::Op::While, &[zero, yes], &[condition, body], &[Type::I64, Type::BOOL]);
        self.b.results(inst)[1]
    }
}
