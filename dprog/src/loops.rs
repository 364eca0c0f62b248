//! What became of the loops of a program, for people.

use crate::check::Checked;
use crate::pipeline::{Observer, Options, Stages, Until};
use dprog_codegen::Simd;
use dprog_frontend::lower::decode_position;
use dprog_frontend::source::{SourceMap, Span};
use dprog_ir::kernel::{self, LoopReport};
use dprog_ir::transform::ownership;
use dprog_ir::{FuncId, Module, SrcLoc};
use std::fmt;

pub use dprog_codegen::Width;

/// A loop, and whether it computes several numbers at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoopNote {
    pub file: String,
    pub line: u32,
    pub column: u32,
    /// The function in which the loop is now, as the compiler names it.
    pub function: String,
    /// It is part of a derivative.
    pub adjoint: bool,
    /// How many trips run at once, or why one at a time, with the line that is the reason.
    pub verdict: Result<Width, (String, Option<u32>)>,
    /// The loops in it are part of it.
    pub outer: bool,
}

impl fmt::Display for LoopNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.adjoint { "adjoint" } else { "primal" };
        write!(f, "{}:{}:{}: {kind} loop in `{}`: ", self.file, self.line, self.column, self.function)?;
        match &self.verdict {
            Ok(width) if self.outer => write!(f, "vectorized, {width}, with the loops in it"),
            Ok(width) => write!(f, "vectorized, {width}"),
            Err((reason, Some(line))) if *line != self.line => write!(f, "not vectorized: {reason} (line {line})"),
            Err((reason, _)) => write!(f, "not vectorized: {reason}"),
        }
    }
}

/// The innermost loops of all functions that can be compiled by themselves and of their derivatives, in the order of the text.
pub fn explain_loops(checked: &Checked, options: &Options, observer: &mut dyn Observer) -> Vec<LoopNote> {
    if checked.has_errors() {
        return Vec::new();
    }
    let stages = Stages::until(Until::Differentiated, checked, &checked.compilable(), options, observer);
    let Ok(mut stages) = stages else { return Vec::new() };
    let made_by_ad = stages.made_by_ad.clone();
    stages.optimize(options.opt_level, &made_by_ad, observer);
    let roots = stages.roots.iter().map(|root| root.func);
    let entries: Vec<FuncId> = roots.chain(made_by_ad.iter().copied()).collect();
    let module = &mut stages.module;
    ownership::run(module, &entries);
    let reports = module.funcs.keys().flat_map(|id| kernel::explain_loops(module, id)).collect::<Vec<_>>();
    let note = |report: &LoopReport| note(report, module, &made_by_ad, (&checked.sources, options.simd));
    let mut notes: Vec<(Span, LoopNote)> = reports.iter().filter_map(note).collect();
    notes.sort_by_key(|(span, note)| (*span, note.adjoint));
    notes.dedup();
    notes.into_iter().map(|(_, note)| note).collect()
}

fn note(
    report: &LoopReport,
    module: &Module,
    made_by_ad: &[FuncId],
    (sources, simd): (&SourceMap, Simd),
) -> Option<(Span, LoopNote)> {
    let span_of = |loc: SrcLoc| decode_position(module.locations.get(loc).position);
    let span = span_of(report.loc)?;
    let at = sources.line_col(span);
    let reason_line = |loc: SrcLoc| span_of(loc).filter(|s| s.file == span.file).map(|s| sources.line_col(s).line);
    let verdict = match &report.verdict {
        Ok(kernel) => Ok(dprog_codegen::width_here(kernel, simd)),
        Err(refusal) => Err((refusal.reason.to_string(), reason_line(refusal.loc))),
    };
    let note = LoopNote {
        file: sources.file(span.file).name.to_string(),
        line: at.line,
        column: at.col,
        function: module.funcs[report.func].name.to_string(),
        adjoint: made_by_ad.contains(&report.func),
        verdict,
        outer: report.outer,
    };
    Some((span, note))
}
