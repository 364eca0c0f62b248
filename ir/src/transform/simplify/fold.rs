//! Operations on constants, by the functions that the interpreter uses.

use super::Simplifier;
use crate::fmath::{fold_binary, fold_compare, fold_convert, fold_unary};
use crate::function::Value;
use crate::opcode::{Const, Op};

impl Simplifier<'_> {
    /// The constant that an operation on constants gives; nothing if it traps.
    pub(super) fn folded(&self, op: &Op, args: &[Value]) -> Option<Const> {
        let first = self.known(*args.first()?)?;
        let second = args.get(1).and_then(|v| self.known(*v));
        if let Op::Unary(op) = op {
            fold_unary(*op, first)
        } else if let Op::Binary(op) = op {
            fold_binary(*op, first, second?)
        } else if let Op::Compare(op) = op {
            fold_compare(*op, first, second?).map(Const::Bool)
        } else if let Op::Convert(to) = op {
            fold_convert(first, *to)
        } else {
            None
        }
    }
}
