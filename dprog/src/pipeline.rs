//! The stages in order, from a typed program to IR that is ready for code generation.
//!
//! ```text
//! lower -> verify -> clean-up -> [derivatives] -> optimize
//! ```
//!
//! The clean-up runs at every level: what it shares decides in which order adjoints are summed, and all levels have the
//! same bits.

use crate::check::Checked;
use crate::problem;
use dprog_ad::Tape;
use dprog_codegen::{Fp, Simd};
use dprog_frontend::diagnostic::Diagnostic;
use dprog_frontend::lower::{Lowered, Root, Roots, lower};
use dprog_frontend::typed::FnId;
use dprog_ir::transform::pipeline::{OptLevel, Pass, PassReport, clean_up_observed, optimize_observed};
use dprog_ir::{Body, FuncId, Module};
use dprog_runtime::Limits;
use std::time::{Duration, Instant};

/// How a program is compiled and run.
#[derive(Clone, Debug)]
pub struct Options {
    pub opt_level: OptLevel,
    pub limits: Limits,
    /// In how many bits loops compute at a time.
    pub simd: Simd,
    /// How exact floats are.
    pub fp: Fp,
}

impl Default for Options {
    fn default() -> Options {
        Options { opt_level: OptLevel::O2, limits: Limits::default(), simd: Simd::default(), fp: Fp::default() }
    }
}

/// The stages by their names in events, in order. `object` takes the place of `machine-code` where files are written.
const STAGES: &[&str] =
    &["check", "lower", "clean-up", "derivatives", "optimize", "ownership", "machine-code", "object"];

/// The names of everything that an [`Observer`] hears of and that has IR to show: stages, then passes. A pass runs in `clean-up`,
/// before there are derivatives, in `optimize`, where primals and adjoints are alike, or in both.
pub fn stage_names() -> Vec<&'static str> {
    let stages = STAGES.iter().copied().filter(|stage| *stage != "check");
    stages.chain(Pass::TABLE.iter().map(|(_, name)| *name)).collect()
}

/// A stage or pass has ended.
pub struct Event<'a> {
    pub stage: &'a str,
    /// The stage that a pass is part of; its event comes behind those of its passes, and its duration has theirs in it.
    pub within: Option<&'a str>,
    pub duration: Duration,
    /// How many changes an optimization made, in its own way of counting.
    pub changes: Option<usize>,
    /// The IR as it is now, once there is any.
    pub module: Option<&'a Module>,
}

impl<'a> Event<'a> {
    /// The end of a stage that began at `start`.
    pub(crate) fn of(stage: &'a str, start: Instant, module: Option<&'a Module>) -> Event<'a> {
        Event { stage, within: None, duration: start.elapsed(), changes: None, module }
    }

    fn of_pass(report: &PassReport, within: &'a str, module: &'a Module) -> Event<'a> {
        let PassReport { pass, duration, changes } = *report;
        Event { stage: pass.name(), within: Some(within), duration, changes: Some(changes), module: Some(module) }
    }
}

/// Looks on while a program is compiled.
pub trait Observer {
    fn after(&mut self, event: &Event<'_>);
}

/// Looks away.
pub struct Silent;

impl Observer for Silent {
    fn after(&mut self, _: &Event<'_>) {}
}

/// What the stages have made of a program.
pub struct Stages {
    pub module: Module,
    pub roots: Vec<Root>,
    /// Functions that were requests for derivatives.
    pub derivatives: Vec<FuncId>,
    /// Functions that differentiation has added, and the requests.
    pub made_by_ad: Vec<FuncId>,
    /// What their tapes hold, if nothing comes after differentiation.
    pub tapes: Vec<Tape>,
    /// Of all stages.
    pub warnings: Vec<Diagnostic>,
}

/// How far to go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Until {
    /// Derivatives are still requests, which the interpreter answers by dual numbers.
    Lowered,
    Differentiated,
    Optimized,
}

impl Stages {
    /// All stages, as far as the optimization level of the options wants.
    pub fn build(
        checked: &Checked,
        roots: &[FnId],
        options: &Options,
        observer: &mut dyn Observer,
    ) -> Result<Stages, Vec<Diagnostic>> {
        Stages::until(Until::Optimized, checked, roots, options, observer)
    }

    /// The stages up to some point.
    pub fn until(
        until: Until,
        checked: &Checked,
        roots: &[FnId],
        options: &Options,
        observer: &mut dyn Observer,
    ) -> Result<Stages, Vec<Diagnostic>> {
        Stages::of(until, checked, &Roots { fns: roots.to_vec(), ..Roots::default() }, options, observer)
    }

    /// The same for derivatives that are asked for, too.
    pub(crate) fn of(
        until: Until,
        checked: &Checked,
        roots: &Roots,
        options: &Options,
        observer: &mut dyn Observer,
    ) -> Result<Stages, Vec<Diagnostic>> {
        let mut stages = Stages::lowered(checked, roots, observer)?;
        if until >= Until::Differentiated {
            clean_up(&mut stages.module, observer);
            stages.differentiate(checked, until == Until::Differentiated, observer)?;
        }
        if until >= Until::Optimized {
            stages.optimize(options.opt_level, &[], observer);
        }
        Ok(stages)
    }

    fn lowered(checked: &Checked, roots: &Roots, observer: &mut dyn Observer) -> Result<Stages, Vec<Diagnostic>> {
        if checked.has_errors() {
            return Err(checked.diagnostics.clone());
        }
        let start = Instant::now();
        let Lowered { mut module, roots } = lower(&checked.program, roots)?;
        module.foreign = checked.foreign.clone();
        verify(&module, "lower");
        observer.after(&Event::of("lower", start, Some(&module)));
        let warnings = checked.diagnostics.clone();
        Ok(Stages { module, roots, derivatives: Vec::new(), made_by_ad: Vec::new(), tapes: Vec::new(), warnings })
    }

    fn differentiate(
        &mut self,
        checked: &Checked,
        wants_tapes: bool,
        observer: &mut dyn Observer,
    ) -> Result<(), Vec<Diagnostic>> {
        let start = Instant::now();
        let module = &mut self.module;
        let is_request = |id: &FuncId| matches!(module.funcs[*id].body, Body::Derivative(_));
        self.derivatives = module.funcs.keys().filter(is_request).collect();
        let before = module.funcs.len();
        let callers = problem::request_sites(module);
        let made = match wants_tapes {
            true => dprog_ad::differentiate_and_tell(module),
            false => dprog_ad::differentiate(module).map(|report| (report, Vec::new())),
        };
        match made {
            Ok((report, tapes)) => {
                self.warnings.extend(problem::warnings(&report, module, &callers, &checked.sources));
                self.tapes = tapes;
            }
            Err(errors) => {
                let errors = problem::errors(&errors, module, &callers, &checked.sources);
                return Err(checked.diagnostics.iter().cloned().chain(errors).collect());
            }
        }
        verify(module, "derivatives");
        self.made_by_ad = self.derivatives.iter().copied().chain(module.funcs.keys().skip(before)).collect();
        observer.after(&Event::of("derivatives", start, Some(module)));
        Ok(())
    }

    /// The passes of a level. Besides the roots, the functions of `kept` stay.
    pub(crate) fn optimize(&mut self, level: OptLevel, kept: &[FuncId], observer: &mut dyn Observer) {
        let entries: Vec<FuncId> = self.roots.iter().map(|root| root.func).chain(kept.iter().copied()).collect();
        let start = Instant::now();
        optimize_observed(&mut self.module, level, &entries, &mut |report, module| {
            observer.after(&Event::of_pass(report, "optimize", module));
        });
        observer.after(&Event::of("optimize", start, Some(&self.module)));
    }
}

fn clean_up(module: &mut Module, observer: &mut dyn Observer) {
    let start = Instant::now();
    clean_up_observed(module, &mut |report, module| observer.after(&Event::of_pass(report, "clean-up", module)));
    observer.after(&Event::of("clean-up", start, Some(module)));
}

/// In debug builds, between any two stages.
fn verify(module: &Module, stage: &str) {
    if cfg!(debug_assertions) {
        dprog_ir::verify::verify_or_panic(module, stage);
    }
}
