//! Reductions along an axis that is not the last: for each column, in loops along the axis.
//!
//! The elements of neighbouring columns are next to each other, so the columns, not the rows of a column, can be computed several at a
//! time: no column is gathered, and no condition in the loops depends on more than a choice between two numbers.

use super::body::FnLower;
use super::reduce::FEW;
use crate::typed::Builtin;
use dprog_ir::{BinaryOp, CompareOp, TrapCode, UnaryOp, Value};

/// The columns of an array.
pub(super) struct Columns<'a> {
    pub x: Value,
    pub axis: usize,
    /// The sizes of `x`.
    pub dims: &'a [Value],
}

impl Columns<'_> {
    /// How many elements each has.
    fn count(&self) -> Value {
        self.dims[self.axis]
    }

    fn others(&self) -> Vec<Value> {
        let (before, after) = (&self.dims[..self.axis], &self.dims[self.axis + 1..]);
        [before, after].concat()
    }

    /// Where element `k` of column `i` is.
    fn at(&self, i: &[Value], k: Value) -> Vec<Value> {
        [&i[..self.axis], &[k], &i[self.axis..]].concat()
    }
}

impl FnLower<'_, '_> {
    /// `max`, `min`, `argmax` or `argmin` of each column.
    pub(super) fn extremes_of_columns(&mut self, which: Builtin, columns: &Columns) -> Value {
        self.check_not_empty(columns);
        self.build(&columns.others(), |s, i| {
            let beaten = if matches!(which, Builtin::Max | Builtin::ArgMax) { CompareOp::Le } else { CompareOp::Ge };
            let (winner, _) = s.winner_of_column(columns, i, beaten);
            let wants_index = matches!(which, Builtin::ArgMax | Builtin::ArgMin);
            vec![if wants_index { winner } else { s.at_index(columns.x, &columns.at(i, winner)) }]
        })[0]
    }

    /// Columns without elements have no extreme; an array without columns has none to ask for.
    fn check_not_empty(&mut self, columns: &Columns) {
        let zero = self.b.i64(0);
        let others = self.product(&columns.others());
        let some = self.b.compare(CompareOp::Gt, columns.count(), zero);
        let nobody_asks = self.b.compare(CompareOp::Eq, others, zero);
        let fine = self.b.binary(BinaryOp::Or, some, nobody_asks);
        self.b.check(TrapCode::EmptyReduce, fine, zero, zero);
    }

    /// The index of the first element that no other beats, and the element as a constant; where something is not a number, the first of
    /// these. An element is beaten by `best` if the comparison holds.
    fn winner_of_column(&mut self, columns: &Columns, i: &[Value], beaten: CompareOp) -> (Value, Value) {
        let (zero, one) = (self.b.i64(0), self.b.i64(1));
        let first = self.at_index(columns.x, &columns.at(i, zero));
        let first = if self.b.ty(first).is_float() { self.b.stop_grad(first) } else { first };
        let found = self.for_range(one, columns.count(), &[zero, first], |s, k, carried| {
            let (winner, best) = (carried[0], carried[1]);
            let e = s.at_index(columns.x, &columns.at(i, k));
            let e = if s.b.ty(e).is_float() { s.b.stop_grad(e) } else { e };
            let stays = s.b.compare(beaten, e, best);
            let wins = s.b.unary(UnaryOp::Not, stays);
            let is_number = s.b.compare(CompareOp::Eq, best, best);
            let wins = s.b.binary(BinaryOp::And, wins, is_number);
            vec![s.b.select(wins, k, winner), s.b.select(wins, e, best)]
        });
        (found[0], found[1])
    }

    /// `logsumexp` of each column; see `log_sum_exp` for the formula, and `powers_by_greatest` for what is subtracted.
    pub(super) fn log_sum_exp_of_columns(&mut self, columns: &Columns) -> Value {
        let ty = self.b.ty(columns.x).element();
        let zero = self.b.i64(0);
        let some = self.b.compare(CompareOp::Gt, columns.count(), zero);
        self.if_else(
            some,
            |s| {
                let (few, count) = (s.b.i64(FEW), columns.count());
                let is_short = s.b.compare(CompareOp::Le, count, few);
                let compared = s.b.select(is_short, zero, count);
                let number = s.b.convert(count, ty.as_scalar().expect("a float"));
                let margin = s.b.unary(UnaryOp::Log, number);
                s.build(&columns.others(), |s, i| vec![s.log_sum_exp_of_column(columns, i, (compared, margin))])
            },
            |s| {
                let nothing = s.b.float(f64::NEG_INFINITY, ty);
                s.build(&columns.others(), |_, _| vec![nothing])
            },
        )[0]
    }

    /// Of the first `compared` elements it is counted how many are within `margin` of the greatest.
    fn log_sum_exp_of_column(&mut self, columns: &Columns, i: &[Value], (compared, margin): (Value, Value)) -> Value {
        let (winner, greatest) = self.winner_of_column(columns, i, CompareOp::Le);
        let element = self.at_index(columns.x, &columns.at(i, winner));
        let ty = self.b.ty(greatest);
        let (none, nothing, infinity) =
            (self.b.float(0.0, ty), self.b.float(f64::NEG_INFINITY, ty), self.b.float(f64::INFINITY, ty));
        let magnitude = self.b.unary(UnaryOp::Abs, greatest);
        let is_inf = self.b.compare(CompareOp::Eq, magnitude, infinity);
        let outweighs = self.outweighs_in_column(columns, i, greatest, (compared, margin));
        let shift = self.b.select(outweighs, element, greatest);
        let shift = self.b.select(is_inf, none, shift);

        let sum = self.repeat(columns.count(), &[none], |s, k, carried| {
            let is_winner = s.b.compare(CompareOp::Eq, k, winner);
            let e = s.at_index(columns.x, &columns.at(i, k));
            let e = s.b.sub(e, shift);
            let power = s.b.unary(UnaryOp::Exp, e);
            let power = s.b.select(is_winner, none, power);
            vec![s.b.add(carried[0], power)]
        })[0];
        let own = self.b.sub(element, shift);
        let own = self.b.unary(UnaryOp::Expm1, own);
        let is_finite = self.b.unary(UnaryOp::Not, is_inf);
        let vanishes = self.b.binary(BinaryOp::And, outweighs, is_finite);
        let own = self.b.select(vanishes, none, own);
        let sum = self.b.add(sum, own);
        let log = self.b.unary(UnaryOp::Log1p, sum);
        let result = self.b.add(log, shift);
        let is_nothing = self.b.compare(CompareOp::Eq, greatest, nothing);
        self.b.select(is_nothing, nothing, result)
    }

    /// Whether no other of the compared elements comes near the greatest.
    fn outweighs_in_column(
        &mut self,
        columns: &Columns,
        i: &[Value],
        greatest: Value,
        (compared, margin): (Value, Value),
    ) -> Value {
        let (zero, one) = (self.b.i64(0), self.b.i64(1));
        let bound = self.b.sub(greatest, margin);
        let near = self.repeat(compared, &[zero], |s, k, carried| {
            let e = s.at_index(columns.x, &columns.at(i, k));
            let e = s.b.stop_grad(e);
            let is_near = s.b.compare(CompareOp::Ge, e, bound);
            let more = s.b.add(carried[0], one);
            vec![s.b.select(is_near, more, carried[0])]
        })[0];
        self.b.compare(CompareOp::Le, near, one)
    }
}
