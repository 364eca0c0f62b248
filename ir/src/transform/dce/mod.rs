//! What nobody needs is removed, across functions.
//!
//! Needed are the results of the entry points and what has an effect; and what these need, and so on. Everything starts as
//! not needed, so a carried value that only feeds itself goes, and a parameter that a recursive function only hands on:
//!
//! ```text
//! %s, %t = for %i in 0..%n carry (%a = %x, %b = %x) {        %s = for %i in 0..%n carry (%a = %x) {
//!   %a1 = mul %a, %x                                   ->       %a1 = mul %a, %x
//!   %b1 = add %b, %a                                            yield %a1
//!   yield %a1, %b1                                            }
//! }                                                           yield %s
//! yield %s
//! ```
//!
//! Removed are instructions, results and carried values of instructions with regions, and, for functions that are no entry
//! points and of which no derivative is asked, parameters and results at the definition and at every call: a tape entry
//! that the sweep does not read is not recorded. Functions that no entry point reaches keep their name and number, but
//! become `() -> ()` with nothing in them, so that a [`FuncId`] stays what it is.
//!
//! An instruction that may trap is needed, and so are branches and loops around it. An endless loop without effect whose
//! results nobody reads is removed. *Cost:* linear in the module. Deciding is in `mark`, changing in `sweep`.

mod mark;
mod sweep;

use crate::analysis::FunctionEffects;
use crate::module::{FuncId, Module};

/// Removes what is not needed for `entries`. Gives the number of instructions and functions removed.
pub fn run(module: &mut Module, effects: &FunctionEffects, entries: &[FuncId]) -> usize {
    let needs = mark::needs(module, effects, entries);
    sweep::sweep(module, &needs)
}
