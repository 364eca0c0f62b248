//! The machine that code is made for: instruction set and settings.

use crate::jit::Error;
use crate::{OptLevel, Options};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};
use std::str::FromStr;
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
    /// In an object for any processor of that architecture.
    Other(Architecture),
}

/// A processor architecture; the system is Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    X86_64,
    Aarch64,
    Riscv64,
}

impl Architecture {
    pub const ALL: [Architecture; 3] = [Architecture::X86_64, Architecture::Aarch64, Architecture::Riscv64];

    /// The target triple of a compiler.
    pub fn triple(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64-unknown-linux-gnu",
            Architecture::Aarch64 => "aarch64-unknown-linux-gnu",
            Architecture::Riscv64 => "riscv64-unknown-linux-gnu",
        }
    }

    /// That of this process, if it is among them.
    pub fn host() -> Option<Architecture> {
        Architecture::ALL.into_iter().find(|arch| arch.triple().starts_with(std::env::consts::ARCH))
    }
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
        ("unwind_info", if options.unwind { "true" } else { "false" }),
    ];
    for (name, value) in pairs {
        flags.set(name, value).map_err(|e| Error(e.to_string()))?;
    }
    let flags = settings::Flags::new(flags);
    let isa = match options.machine {
        Machine::Here | Machine::Native => cranelift_native::builder().map_err(|e| Error(e.to_string()))?.finish(flags),
        Machine::Baseline => isa::lookup(Triple::host()).map_err(|e| Error(e.to_string()))?.finish(flags),
        Machine::Other(arch) => {
            let triple = Triple::from_str(arch.triple()).expect("a triple");
            isa::lookup(triple).map_err(|e| Error(e.to_string()))?.finish(flags)
        }
    };
    isa.map_err(|e| Error(e.to_string()))
}
