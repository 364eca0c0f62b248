//! What a stage made, as text for people.

use crate::check::Checked;
use crate::engine::codegen_options;
use crate::pipeline::{Event, Observer, Options, Stages, Until};
use crate::tape;
use dprog_codegen as codegen;
use dprog_frontend::diagnostic::Diagnostic;
use dprog_ir::print::{PrintOptions, function_text};
use dprog_ir::transform::ownership;
use dprog_ir::{FuncId, Module};
use std::time::Instant;

/// A kind of text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listing {
    /// The whole module, as far as the optimization level goes.
    Ir,
    /// What is on their tapes, and the functions that differentiation made.
    Adjoint,
    /// The code generator's IR.
    Clif,
    /// Machine code.
    Asm,
}

/// A text for each kind, of all functions that can be compiled by themselves; and the warnings.
pub fn listings(
    checked: &Checked,
    kinds: &[Listing],
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<(Vec<Diagnostic>, Vec<String>), Vec<Diagnostic>> {
    let mut stages = Stages::until(Until::Differentiated, checked, &checked.compilable(), options, observer)?;
    // What differentiation made is kept for the reader, even where every call of it is inlined.
    let kept = if kinds.contains(&Listing::Adjoint) { stages.made_by_ad.clone() } else { Vec::new() };
    stages.optimize(options.opt_level, &kept, observer);
    let mut texts: Vec<String> = kinds.iter().filter_map(|kind| ir_text(&stages, checked, *kind)).collect();
    let machine: Vec<&Listing> = kinds.iter().filter(|kind| matches!(kind, Listing::Clif | Listing::Asm)).collect();
    if !machine.is_empty() {
        let roots: Vec<FuncId> = stages.roots.iter().map(|root| root.func).collect();
        let start = Instant::now();
        ownership::run(&mut stages.module, &roots);
        observer.after(&Event::of("ownership", start, Some(&stages.module)));
        texts.extend(machine.into_iter().map(|kind| machine_text(&stages.module, &roots, *kind, options)));
    }
    Ok((stages.warnings, texts))
}

/// The texts of IR come before those of machine code, whatever the order of the kinds.
fn ir_text(stages: &Stages, checked: &Checked, kind: Listing) -> Option<String> {
    match kind {
        Listing::Ir => Some(stages.module.to_string()),
        Listing::Adjoint => {
            let tapes = tape::texts(&stages.tapes, &stages.module, &checked.sources);
            Some(tapes + &functions(&stages.module, &stages.made_by_ad))
        }
        Listing::Clif | Listing::Asm => None,
    }
}

fn machine_text(module: &Module, roots: &[FuncId], kind: Listing, options: &Options) -> String {
    let kind = if kind == Listing::Asm { codegen::Listing::Asm } else { codegen::Listing::Clif };
    let text = codegen::listing(module, roots, &codegen_options(options), kind);
    text.unwrap_or_else(|error| panic!("code generation: {error}"))
}

fn functions(module: &Module, wanted: &[FuncId]) -> String {
    let texts = wanted.iter().map(|id| function_text(module, &module.funcs[*id], PrintOptions::default()));
    texts.collect::<Vec<_>>().join("\n")
}
