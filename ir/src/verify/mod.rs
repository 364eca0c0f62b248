//! What makes a module legal. The rules:
//!
//! | rule | |
//! |---|---|
//! | V001 | names of functions are unique |
//! | V002 | names of node types are unique |
//! | V003 | types name node types that exist; a tangent type belongs to a node type that is no tangent type |
//! | V004 | every function has a body: none is pending |
//! | V010 | the parameters of a function's region are those of its signature |
//! | V011 | the yields of a function's region are the results of its signature |
//! | V012 | a value is used only below its definition, in the same region or in one nested there |
//! | V013 | every value has one definition, every instruction stands in one region, every region belongs to one owner |
//! | V020 | an operation has as many operands as it takes |
//! | V021 | operands are of types that the operation takes |
//! | V022 | results have the types that follow from operands and regions |
//! | V023 | an operation has as many regions as it takes |
//! | V024 | the parameters of a region are what its operation passes |
//! | V025 | the yields of a region are what its operation needs |
//! | V030 | a call fits the signature of its callee, which exists |
//! | V031 | cases and fields exist, and fields of a new node have their types |
//! | V032 | zero tangents and sums of tangents are of tangent types |
//! | V040 | a derivative marks as many parameters and results as its primal has, and only such as have a tangent type |
//! | V041 | a derivative has the signature that its mode says |
//! | V042 | the tape of a derivative is a tape |
//! | V043 | no derivative is, directly or not, that of itself |
//! | V044 | the fixed sizes of a parameter are of an array, one for each axis, and none is negative |
//!
//! The verifier reports all mistakes that it finds, though one may cause another. It never panics on a module that the
//! parser lets through. Cost: linear.

mod function;
mod op;
mod signature;

use crate::function::Inst;
use crate::module::{FuncId, Module};
use crate::print::{PrintOptions, function_text};
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::Arc;

/// A broken rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// The number of the rule, see the module's description.
    pub rule: u16,
    /// Where; a node type has no function.
    pub func: Option<FuncId>,
    pub func_name: Arc<str>,
    pub inst: Option<Inst>,
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V{:03}: {}", self.rule, self.message)?;
        if self.func.is_some() { write!(f, " (in @{})", self.func_name) } else { Ok(()) }
    }
}

impl std::error::Error for VerifyError {}

impl VerifyError {
    /// The error with the text of its function, marked at the guilty instruction.
    pub fn render(&self, module: &Module) -> String {
        let Some(func) = self.func else { return format!("{self}\n") };
        let mut notes = FxHashMap::default();
        if let Some(inst) = self.inst {
            notes.insert(inst, vec![format!("V{:03}: {}", self.rule, self.message)]);
        }
        let options = PrintOptions { notes: Some(&notes), ..PrintOptions::default() };
        format!("{self}\n{}", function_text(module, &module.funcs[func], options))
    }
}

/// Checks a whole module.
pub fn verify(module: &Module) -> Result<(), Vec<VerifyError>> {
    let mut errors = Vec::new();
    signature::nodes(module, &mut errors);
    signature::function_names(module, &mut errors);
    for id in module.funcs.keys() {
        signature::function(module, id, &mut errors);
    }
    // The rest looks types up, and relies on those that the signatures name.
    if errors.iter().all(|e| e.rule != 3) {
        for id in module.funcs.keys() {
            function::verify(module, id, &mut errors);
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// Like [`verify`]; panics with the marked text of all that is wrong. For use between passes: `after` names the pass.
pub fn verify_or_panic(module: &Module, after: &str) {
    if let Err(errors) = verify(module) {
        let text: Vec<String> = errors.iter().map(|e| e.render(module)).collect();
        panic!("illegal IR after {after}:\n{}", text.join("\n"));
    }
}
