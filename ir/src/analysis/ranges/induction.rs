//! Loops: the counter is between its limits, and a carried integer that every pass leaves alone or moves one way by
//! a little stays on its side of where it began.
//!
//! That a step cannot wrap follows in a `for` from the number of passes, and in a `while` from the condition: where
//! `%k < %n` has just been seen, `%k + 1` does not wrap.

use super::Walk;
use super::facts::Term;
use crate::function::{InstData, Region, Value};
use crate::opcode::{BinaryOp, CompareOp, Op};

/// Which way a carried value moves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Up,
    Down,
}

/// How much a pass may change a carried value for `for` loops (gut feeling).
const GREATEST_STEP: i64 = 64;

impl Walk<'_> {
    /// The body of a `for`.
    pub(super) fn counted(&mut self, data: &InstData) {
        let region = data.regions[0];
        let (lo, hi) = (self.term(data.args[0]), self.term(data.args[1]));
        self.learn_inside(self.func.regions[region].params[0], lo, hi);
        for k in 0..data.results.len() {
            let param = self.func.regions[region].params[k + 1];
            if let Some(direction) = self.direction_in_for(data, k) {
                self.learn_side(direction, self.term(data.args[k + 2]), self.term(param));
            }
        }
        self.region(region);
    }

    /// Condition and body of a `while`: in the body, its parameters are those of the condition, which holds.
    pub(super) fn open(&mut self, data: &InstData) {
        let (condition, body) = (data.regions[0], data.regions[1]);
        let (in_condition, in_body) = (&self.func.regions[condition].params, &self.func.regions[body].params);
        for k in 0..data.results.len() {
            if !self.int_type(in_body[k]) {
                continue;
            }
            let (a, b) = (self.term(in_condition[k]), self.term(in_body[k]));
            self.facts.learn_equal(a, b);
            if let Some(direction) = self.direction_in_while(data, k) {
                self.learn_side(direction, self.term(data.args[k]), a);
            }
        }
        self.region(condition);
        self.assume(self.func.regions[condition].yields[0], true);
        self.region(body);
    }

    /// What holds of the results of a loop.
    pub(super) fn learn_after_loop(&mut self, data: &InstData) {
        for (k, result) in data.results.iter().enumerate() {
            let (direction, init) = if data.op == Op::For {
                (self.direction_in_for(data, k), data.args[k + 2])
            } else if data.op == Op::While {
                (self.direction_in_while(data, k), data.args[k])
            } else {
                continue;
            };
            if let Some(direction) = direction {
                self.learn_side(direction, self.term(init), self.term(*result));
            }
        }
    }

    fn learn_side(&mut self, direction: Direction, init: Term, v: Term) {
        match direction {
            Direction::Up => self.learn(init, v),
            Direction::Down => self.learn(v, init),
        }
    }

    fn direction_in_for(&self, data: &InstData, k: usize) -> Option<Direction> {
        let body = data.regions[0];
        let (param, next) = (self.func.regions[body].params[k + 1], self.func.regions[body].yields[k]);
        let direction = self.direction(param, next, GREATEST_STEP)?;
        let passes = self.facts.greatest(self.term(data.args[1])) - self.facts.least(self.term(data.args[0]));
        let init = self.term(data.args[k + 2]);
        let reach = passes.max(0) * i128::from(GREATEST_STEP);
        let fits = match direction {
            Direction::Up => self.facts.greatest(init) + reach <= i64::MAX.into(),
            Direction::Down => self.facts.least(init) - reach >= i64::MIN.into(),
        };
        fits.then_some(direction)
    }

    fn direction_in_while(&self, data: &InstData, k: usize) -> Option<Direction> {
        let (condition, body) = (data.regions[0], data.regions[1]);
        let (param, next) = (self.func.regions[body].params[k], self.func.regions[body].yields[k]);
        let direction = self.direction(param, next, 1)?;
        let seen = self.func.regions[condition].params[k];
        let cond = self.func.regions[condition].yields[0];
        self.is_limited(cond, seen, direction, condition).then_some(direction)
    }

    /// Whether a condition says that `v` is less (or greater) than something.
    fn is_limited(&self, cond: Value, v: Value, direction: Direction, region: Region) -> bool {
        let Some(data) = self.definitions.inst(self.func, cond) else { return false };
        if data.op == Op::Binary(BinaryOp::And) {
            return data.args.iter().any(|part| self.is_limited(*part, v, direction, region));
        }
        match (&data.op, direction) {
            (Op::Compare(CompareOp::Lt), Direction::Up) | (Op::Compare(CompareOp::Gt), Direction::Down) => {
                data.args[0] == v
            }
            (Op::Compare(CompareOp::Gt), Direction::Up) | (Op::Compare(CompareOp::Lt), Direction::Down) => {
                data.args[1] == v
            }
            _ => false,
        }
    }

    /// Which way `next` lies from `param`, if it is that, or that and a constant up to `step`, in every branch.
    fn direction(&self, param: Value, next: Value, step: i64) -> Option<Direction> {
        let goes = |direction| self.goes(direction, param, next, step);
        let up = self.int_type(param) && goes(Direction::Up);
        if up {
            return Some(Direction::Up);
        }
        (self.int_type(param) && goes(Direction::Down)).then_some(Direction::Down)
    }

    fn goes(&self, direction: Direction, param: Value, next: Value, step: i64) -> bool {
        if next == param {
            return true;
        }
        let crate::analysis::Def::Result(inst, k) = self.definitions.of(next) else { return false };
        let data = &self.func.insts[inst];
        let signed = |n: i64| if direction == Direction::Up { n } else { n.wrapping_neg() };
        let is_step = |v: Value, sign: i64| {
            self.definitions.int(self.func, v).is_some_and(|n| (0..=step).contains(&signed(n.wrapping_mul(sign))))
        };
        if data.op == Op::Binary(BinaryOp::Add) {
            (data.args[0] == param && is_step(data.args[1], 1)) || (data.args[1] == param && is_step(data.args[0], 1))
        } else if data.op == Op::Binary(BinaryOp::Sub) {
            data.args[0] == param && is_step(data.args[1], -1)
        } else if matches!(data.op, Op::If | Op::Switch) {
            let yielded = |region: &Region| self.func.regions[*region].yields[k as usize];
            data.regions.iter().all(|region| self.goes(direction, param, yielded(region), step))
        } else {
            data.op == Op::Select && data.args[1..].iter().all(|v| self.goes(direction, param, *v, step))
        }
    }
}
