//! What an operation says about its integer result. A sum is compared with its terms only if it cannot wrap.

use super::Walk;
use super::facts::{Node, Term};
use crate::function::{InstData, Value};
use crate::host::HostFn;
use crate::opcode::{BinaryOp, Op, ReduceOp};
use crate::types::Scalar;

impl Walk<'_> {
    /// Learns about the results of an instruction without regions.
    pub(super) fn define_arithmetic(&mut self, data: &InstData) {
        let Some(&result) = data.results.first() else { return };
        if !self.int_type(result) {
            return self.define_shape(data, result);
        }
        let v = self.term(result);
        let args = &data.args;
        match data.op {
            Op::Binary(op) => self.binary(op, v, args[0], args[1]),
            Op::Select => self.choose(v, args[0], [args[1], args[2]]),
            Op::Convert(_) => self.converted(v, args[0]),
            Op::Dim(_) => self.learn(Term::constant(0), v),
            Op::NodeTag | Op::Host(HostFn::StrLen) => self.learn(Term::constant(0), v),
            Op::Reduce(ReduceOp::ArgMax | ReduceOp::ArgMin) => self.position(v, args[0]),
            Op::Get(_) => self.element(v, args[0]),
            _ => {}
        }
    }

    /// Sizes of new arrays: of a slice, and of a list that grew or shrank.
    fn define_shape(&mut self, data: &InstData, result: Value) {
        let args = &data.args;
        if let Op::Slice(_) = data.op {
            let (lo, hi) = (self.term(args[1]), self.term(args[2]));
            let size = self.size(result, 0);
            if lo.node == Node::Zero {
                self.facts.learn_equal(size, hi.plus(-lo.plus));
            } else {
                self.learn(size, hi);
            }
        } else if matches!(data.op, Op::Push | Op::Pop) {
            let by = if data.op == Op::Push { 1 } else { -1 };
            let (old, new) = (self.size(args[0], 0), self.size(result, 0));
            self.facts.learn_equal(new, old.plus(by));
        }
    }

    fn binary(&mut self, op: BinaryOp, v: Term, x: Value, y: Value) {
        let (x_term, y_term) = (self.term(x), self.term(y));
        match op {
            BinaryOp::Add => self.sum(v, x, y),
            BinaryOp::Sub => self.difference(v, x_term, y_term),
            BinaryOp::Mul => self.product(v, x_term, y_term),
            BinaryOp::Min => {
                self.learn(v, x_term);
                self.learn(v, y_term);
                self.join_constants(v, &[x_term, y_term]);
            }
            BinaryOp::Max => {
                self.learn(x_term, v);
                self.learn(y_term, v);
                self.join_constants(v, &[x_term, y_term]);
            }
            BinaryOp::Div | BinaryOp::Rem => self.quotient(op, v, x_term, y_term),
            BinaryOp::And => self.masked(v, x_term, y_term),
            BinaryOp::Shr if self.is_natural(x_term) => {
                self.learn(Term::constant(0), v);
                self.learn(v, x_term);
            }
            BinaryOp::Pow | BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::CopySign | BinaryOp::Polygamma => {}
            BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr => {}
        }
    }

    fn is_natural(&self, t: Term) -> bool {
        self.facts.least(t) >= 0
    }

    fn fits(&self, least: i128, greatest: i128) -> bool {
        least >= i64::MIN.into() && greatest <= i64::MAX.into()
    }

    fn range(&self, t: Term) -> (i128, i128) {
        (self.facts.least(t), self.facts.greatest(t))
    }

    fn sum(&mut self, v: Term, x: Value, y: Value) {
        let (x_term, y_term) = (self.term(x), self.term(y));
        self.offset_in_slice(v, x, y);
        self.offset_in_slice(v, y, x);
        let (rx, ry) = (self.range(x_term), self.range(y_term));
        if !self.fits(rx.0 + ry.0, rx.1 + ry.1) {
            return;
        }
        for (t, other, (least, greatest)) in [(x_term, y_term, ry), (y_term, x_term, rx)] {
            if other.node == Node::Zero {
                return self.facts.learn_equal(v, t.plus(other.plus));
            }
            self.learn(t.plus(least), v);
            self.learn(v, t.plus(greatest));
        }
    }

    /// `v = lo + i` where `i < hi - lo`: then `v < hi`.
    fn offset_in_slice(&mut self, v: Term, lo: Value, i: Value) {
        let (lo, i) = (self.term(lo), self.term(i));
        if !self.is_natural(i) || !self.is_natural(lo) {
            return;
        }
        for above in self.facts.above(i) {
            let Node::Value(difference) = above.node else { continue };
            let Some(data) = self.definitions.inst(self.func, difference) else { continue };
            if data.op != Op::Binary(BinaryOp::Sub) || self.term(data.args[1]) != lo || above.plus > 0 {
                continue;
            }
            let hi = self.term(data.args[0]);
            if self.is_natural(hi) {
                self.learn(v, hi.plus(above.plus));
                self.learn(lo, v);
            }
        }
    }

    fn difference(&mut self, v: Term, x: Term, y: Term) {
        let (rx, ry) = (self.range(x), self.range(y));
        if !self.fits(rx.0 - ry.1, rx.1 - ry.0) {
            return;
        }
        if y.node == Node::Zero {
            return self.facts.learn_equal(v, x.plus(-y.plus));
        }
        self.learn(v, x.plus(-ry.0));
        self.learn(x.plus(-ry.1), v);
        for gap in [1, 0] {
            if self.facts.proves(y.plus(gap), x) {
                return self.learn(Term::constant(gap as i64), v);
            }
        }
    }

    fn product(&mut self, v: Term, x: Term, y: Term) {
        let (rx, ry) = (self.range(x), self.range(y));
        let corners = [(rx.0, ry.0), (rx.0, ry.1), (rx.1, ry.0), (rx.1, ry.1)].map(|(a, b)| a.saturating_mul(b));
        let (least, greatest) = (corners.into_iter().min().unwrap_or(0), corners.into_iter().max().unwrap_or(0));
        if self.fits(least, greatest) {
            self.learn(Term { node: Node::Zero, plus: least }, v);
            self.learn(v, Term { node: Node::Zero, plus: greatest });
        }
    }

    fn quotient(&mut self, op: BinaryOp, v: Term, x: Term, y: Term) {
        let positive = self.facts.least(y) >= 1;
        if positive && op == BinaryOp::Rem {
            self.learn(v, y.plus(-1));
        }
        if positive && self.is_natural(x) {
            self.learn(Term::constant(0), v);
            self.learn(v, x);
        }
    }

    fn masked(&mut self, v: Term, x: Term, y: Term) {
        for mask in [x, y] {
            if self.is_natural(mask) {
                self.learn(Term::constant(0), v);
                self.learn(v, mask);
            }
        }
    }

    fn converted(&mut self, v: Term, from: Value) {
        let (least, greatest) = match self.func.value_type(from).as_scalar() {
            Some(Scalar::Bool) => (0, 1),
            Some(Scalar::U8) => (0, 255),
            Some(Scalar::I32) => (i32::MIN.into(), i32::MAX.into()),
            Some(Scalar::F64 | Scalar::F32 | Scalar::I64) | None => return,
        };
        self.learn(Term::constant(least), v);
        self.learn(v, Term::constant(greatest));
    }

    /// The position of an element in a rank-1 array that has one.
    fn position(&mut self, v: Term, x: Value) {
        self.learn(Term::constant(0), v);
        if self.func.value_type(x).rank() == 1 {
            self.learn(v, self.size(x, 0).plus(-1));
        }
    }

    /// An element of a permutation.
    fn element(&mut self, v: Term, x: Value) {
        let sorted = self.definitions.inst(self.func, x).is_some_and(|data| data.op == Op::SortPermutation);
        if sorted {
            self.position(v, x);
        }
    }

    // ---- one of several values ----

    /// `v` is one of these: what all are known not to exceed, `v` does not exceed.
    pub(super) fn join(&mut self, v: Term, options: &[Value]) {
        let options: Vec<Term> = options.iter().map(|x| self.term(*x)).collect();
        self.join_constants(v, &options);
        let Some((first, rest)) = options.split_first() else { return };
        for limit in self.facts.above(*first).into_iter().chain(options.iter().copied()) {
            if limit.node != Node::Zero && rest.iter().chain([first]).all(|x| self.facts.proves(*x, limit)) {
                self.learn(v, limit);
            }
        }
    }

    /// `v` is the first if `cond` holds, else the second: what each is known not to exceed where it is chosen.
    fn choose(&mut self, v: Term, cond: Value, options: [Value; 2]) {
        let options = options.map(|x| self.term(x));
        let mut limits: Vec<Term> = options.iter().flat_map(|x| self.facts.above(*x)).chain(options).collect();
        limits.retain(|limit| limit.node != Node::Zero);
        let (mut least, mut greatest) = (i128::MAX, i128::MIN);
        for (x, holds) in options.into_iter().zip([true, false]) {
            let mark = self.facts.mark();
            self.assume(cond, holds);
            limits.retain(|limit| self.facts.proves(x, *limit));
            let (low, high) = self.range(x);
            (least, greatest) = (least.min(low), greatest.max(high));
            self.facts.forget(mark);
        }
        limits.into_iter().for_each(|limit| self.learn(v, limit));
        self.learn(Term { node: Node::Zero, plus: least }, v);
        self.learn(v, Term { node: Node::Zero, plus: greatest });
    }

    fn join_constants(&mut self, v: Term, options: &[Term]) {
        let least = options.iter().map(|x| self.facts.least(*x)).min();
        let greatest = options.iter().map(|x| self.facts.greatest(*x)).max();
        if let (Some(least), Some(greatest)) = (least, greatest) {
            self.learn(Term { node: Node::Zero, plus: least }, v);
            self.learn(v, Term { node: Node::Zero, plus: greatest });
        }
    }

    /// The results of `if` and `switch`, by what is known of the yields outside of the branches.
    pub(super) fn join_results(&mut self, data: &InstData) {
        for (k, result) in data.results.iter().enumerate() {
            if self.int_type(*result) {
                let yields: Vec<Value> =
                    data.regions.iter().map(|region| self.func.regions[*region].yields[k]).collect();
                let v = self.term(*result);
                self.join(v, &yields);
            }
        }
    }
}
