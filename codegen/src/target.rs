//! The machine that code is made for: instruction set and settings.

use crate::jit::Error;
use crate::{OptLevel, Options};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use target_lexicon::Triple;

/// Where the code will run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Machine {
    /// In this process, with everything that the processor has.
    #[default]
    Here,
    /// In an object for any processor of this architecture.
    Baseline,
    /// In an object for processors like this one.
    Native,
}

/// Cranelift's settings for an instruction set; `large` chooses the register allocator for large functions.
pub(crate) fn target(options: &Options, large: bool) -> Result<OwnedTargetIsa, Error> {
    let mut flags = settings::builder();
    let level = if options.opt_level == OptLevel::None { "none" } else { "speed" };
    let allocator = if large { "single_pass" } else { "backtracking" };
    let pairs = [
        ("opt_level", level),
        ("regalloc_algorithm", allocator),
        ("enable_verifier", if options.verify { "true" } else { "false" }),
        ("is_pic", if options.machine == Machine::Here { "false" } else { "true" }),
        ("use_colocated_libcalls", "false"),
        ("enable_multi_ret_implicit_sret", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("unwind_info", "false"),
    ];
    for (name, value) in pairs {
        flags.set(name, value).map_err(|e| Error(e.to_string()))?;
    }
    let flags = settings::Flags::new(flags);
    let isa = match options.machine {
        Machine::Here | Machine::Native => cranelift_native::builder().map_err(|e| Error(e.to_string()))?.finish(flags),
        Machine::Baseline => isa::lookup(Triple::host()).map_err(|e| Error(e.to_string()))?.finish(flags),
    };
    isa.map_err(|e| Error(e.to_string()))
}
