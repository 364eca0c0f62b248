//! Automatic differentiation: IR in, IR out.
//!
//! [`differentiate`] replaces every request for a derivative ([`dprog_ir::Body::Derivative`]) by a body, adding functions
//! `f.aug`, `f.rev` and `f.tan` where calls need them. What comes out is ordinary IR and can be differentiated again; that
//! is how derivatives of any order arise. This crate knows calculus; it knows neither source text nor machines.
//!
//! Reading order: [`request`] (which derivative when), [`rules`] (the table), [`tangent`] (forward mode), [`reverse`] (plan,
//! augmented primal, sweep), [`analysis`] (activity). docs/ad.md tells the whole story with an example.

pub mod analysis;
pub mod context;
pub mod copy;
pub mod error;
pub mod request;
pub mod reverse;
pub mod rules;
pub mod sequence;
pub mod tangent;
pub mod unfold;

pub use error::{AdError, Reason, Report, Warning};
pub use reverse::told::{Line, Tape};

use crate::reverse::told::tell;
use dprog_ir::{FuncId, Module};

/// Replaces every request for a derivative in the module by a verified body.
pub fn differentiate(module: &mut Module) -> Result<Report, Vec<AdError>> {
    request::serve(module).map(|(report, _)| report)
}

/// The same, and tells of each function that was made what it keeps for its sweep.
pub fn differentiate_and_tell(module: &mut Module) -> Result<(Report, Vec<Tape>), Vec<AdError>> {
    let (report, planned) = request::serve(module)?;
    let tapes = planned.iter().map(|planned| tell(module, planned)).collect();
    Ok((report, tapes))
}

/// What the sweep of `primal` needs of it and how it gets each thing, a line for each, in the order of the primal: for
/// tests and for people. The primal must be free of requests. `wrt` and `outs` as in a request.
pub fn plan_text(module: &mut Module, primal: FuncId, wrt: &[bool], outs: &[bool]) -> String {
    reverse::plan_text(module, primal, wrt, outs)
}
