//! Operations on constants.

use super::Simplifier;
use crate::function::Value;
use crate::opcode::{Const, Op};

impl Simplifier<'_> {
    /// The constant that an operation on constants gives.
    pub(super) fn folded(&self, _op: &Op, _args: &[Value]) -> Option<Const> {
        None
    }
}
