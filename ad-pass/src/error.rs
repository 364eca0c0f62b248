//! What the pass has to say: errors and warnings, as data. The driver words and draws them.

use dprog_ir::{FuncId, SrcLoc};
use std::sync::Arc;

/// A value through which a derivative would have to pass, and cannot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdError {
    /// The function that holds the request, [`dprog_ir::Body::Derivative`].
    pub request: FuncId,
    /// The calls that lead from the primal of the request to the place, outermost first.
    pub calls: Vec<SrcLoc>,
    pub loc: SrcLoc,
    pub reason: Reason,
}

/// Why there is no derivative.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The function of that name has none.
    NoRule(&'static str),
    /// The function of the embedding program was given none.
    Foreign(Arc<str>),
    /// The primal calls the derivative of itself: the derivatives needed would never end.
    OwnDerivative,
    /// The tape of so many nested loops does not fit the array types of the IR.
    TooDeep,
}

impl Reason {
    /// The reason in one line, for the label at the place.
    pub fn describe(&self) -> String {
        match self {
            Reason::NoRule(name) => format!("`{name}` has no derivative rule, and its result is active"),
            Reason::Foreign(name) => format!("`{name}` has no derivative, and its result is active"),
            Reason::OwnDerivative => "this function needs the derivative of itself, without end".to_string(),
            Reason::TooDeep => "too many nested loops with values to be recorded".to_string(),
        }
    }
}

/// An operation with derivative zero by convention stands in an active path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Warning {
    pub request: FuncId,
    pub calls: Vec<SrcLoc>,
    pub loc: SrcLoc,
    /// `floor`, `as i64`, …
    pub operation: &'static str,
}

/// What differentiating a module has found besides success.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    pub warnings: Vec<Warning>,
}
