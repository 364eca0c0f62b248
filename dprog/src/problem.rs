//! What later stages found, worded as diagnostics: E0700–E0799. The front end words its own.

use dprog_ad::{AdError, Reason, Report};
use dprog_frontend::diagnostic::Diagnostic;
use dprog_frontend::lower::decode_position;
use dprog_frontend::source::{FileId, SourceMap, Span};
use dprog_frontend::stdlib::is_std;
use dprog_ir::module::NodeKind;
use dprog_ir::transform::ownership::{self, CopyReason, CopyReport};
use dprog_ir::{Body, FuncId, Module, Op, SrcLoc};
use rustc_hash::FxHashMap;
use std::fmt;

/// The program has no `main`.
pub(crate) fn no_main(root: FileId) -> Diagnostic {
    Diagnostic::error("E0700", Span::new(root, 0, 0), "this program has no `main`")
        .help("a run begins with `fn main() { … }` of the file that is named on the command line")
}

/// `main` is not what can be run.
pub(crate) fn wrong_main(head: Span) -> Diagnostic {
    Diagnostic::error("E0701", head, "`main` has parameters or a result")
        .label("nobody could give it arguments, or take its result")
        .help("write `fn main() { … }`")
}

/// Where requests for derivatives are called: functions that lowering made around them have no place, their callers have.
pub(crate) fn request_sites(module: &Module) -> FxHashMap<FuncId, SrcLoc> {
    let mut calls = FxHashMap::default();
    for (caller, func) in module.funcs.iter() {
        for inst in func.insts.values() {
            if let Op::Call(callee) = inst.op {
                calls.entry(callee).or_insert((caller, inst.loc));
            }
        }
    }
    calls.keys().map(|callee| (*callee, first_place(&calls, *callee))).collect()
}

fn first_place(calls: &FxHashMap<FuncId, (FuncId, SrcLoc)>, callee: FuncId) -> SrcLoc {
    let mut at = callee;
    for _ in 0..MAX_WRAPPERS {
        match calls.get(&at) {
            Some((caller, SrcLoc::NONE)) => at = *caller,
            Some((_, loc)) => return *loc,
            None => break,
        }
    }
    SrcLoc::NONE
}

/// Generated functions around one request; there are three at most.
const MAX_WRAPPERS: usize = 8;

/// Errors of differentiation.
pub(crate) fn errors(
    errors: &[AdError],
    module: &Module,
    sites: &FxHashMap<FuncId, SrcLoc>,
    sources: &SourceMap,
) -> Vec<Diagnostic> {
    let place = Places { module, sites, sources };
    errors.iter().map(|error| place.error(error)).collect()
}

/// Warnings of differentiation: something in an active path has the derivative zero.
pub(crate) fn warnings(
    report: &Report,
    module: &Module,
    sites: &FxHashMap<FuncId, SrcLoc>,
    sources: &SourceMap,
) -> Vec<Diagnostic> {
    let place = Places { module, sites, sources };
    let mut all = Vec::new();
    for warning in &report.warnings {
        let message = match warning.operation {
            name if name.contains(' ') => format!("the derivative of a {name} is zero everywhere"),
            name => format!("the derivative of `{name}` is zero everywhere"),
        };
        let diagnostic = Diagnostic::warning("E0713", place.span(warning.loc), message)
            .label("its argument depends on what is differentiated by")
            .help("write `stop_grad(…)` around the argument if that is meant");
        let diagnostic = place.path(diagnostic, warning.request, &warning.calls);
        if !all.contains(&diagnostic) {
            all.push(diagnostic);
        }
    }
    all
}

struct Places<'a> {
    module: &'a Module,
    sites: &'a FxHashMap<FuncId, SrcLoc>,
    sources: &'a SourceMap,
}

impl Places<'_> {
    fn error(&self, error: &AdError) -> Diagnostic {
        let at = self.span(error.loc);
        let message = error.reason.describe();
        let diagnostic = match &error.reason {
            Reason::NoRule(_) => Diagnostic::error("E0710", at, message)
                .label("its contribution to the derivative is unknown")
                .help("write `stop_grad(…)` around it if a constant is meant"),
            Reason::Foreign(_) => Diagnostic::error("E0710", self.call_of(error).unwrap_or(at), message)
                .label("its contribution to the derivative is unknown")
                .help("give it a derivative where it is registered, or write `stop_grad(…)` around it if a constant is meant"),
            Reason::OwnDerivative => {
                let help = if self.of_function_value(error.request) {
                    "any function of this type that is stored may be meant here, also the one that asks; make it known \
                     at compile time: pass the closure itself, or differentiate before storing it"
                } else {
                    "give each level of derivative a function of its own"
                };
                // Where it is asked for says more than the head of the function.
                let asked = self.sites.get(&error.request).filter(|site| **site != SrcLoc::NONE);
                let at = asked.map_or(at, |site| self.span(*site));
                let diagnostic = Diagnostic::error("E0711", at, message);
                return diagnostic.label("the derivative is asked for here, of the function that asks").help(help);
            }
            Reason::TooDeep => {
                Diagnostic::error("E0712", at, message).help("move inner loops into a function of their own")
            }
        };
        self.path(diagnostic, error.request, &error.calls)
    }

    /// Whether the derivative is one of whatever function a value happens to be.
    fn of_function_value(&self, request: FuncId) -> bool {
        let Body::Derivative(derivative) = &self.module.funcs[request].body else { return false };
        let first = self.module.funcs[derivative.primal].params.first().and_then(|ty| ty.as_node());
        first.is_some_and(|node| self.module.nodes[node].kind == NodeKind::Closure)
    }

    /// Adds the way from the place of the derivative, through the calls.
    fn path(&self, mut diagnostic: Diagnostic, request: FuncId, calls: &[SrcLoc]) -> Diagnostic {
        if let Some(site) = self.sites.get(&request).filter(|site| **site != SrcLoc::NONE) {
            diagnostic = diagnostic.also(self.span(*site), "active because of the derivative that is taken here");
        }
        for call in calls {
            diagnostic = diagnostic.also(self.span(*call), "reached by this call");
        }
        diagnostic
    }

    /// The innermost place that is not in the library.
    fn call_of(&self, error: &AdError) -> Option<Span> {
        let inside_out = std::iter::once(&error.loc).chain(error.calls.iter().rev());
        let places = inside_out.flat_map(|loc| self.module.locations.chain(*loc));
        let places = places.filter_map(|place| decode_position(place.position));
        let mut own = places.filter(|span| !is_std(&self.sources.file(span.file).name));
        own.next().map(|start| word_at(start, self.sources))
    }

    /// The place of a location. Locations keep where an expression begins; its first word is what is shown.
    fn span(&self, loc: SrcLoc) -> Span {
        span_of(loc, self.module, self.sources)
    }
}

fn span_of(loc: SrcLoc, module: &Module, sources: &SourceMap) -> Span {
    word_at(decode_position(module.locations.get(loc).position).unwrap_or(Span::new(FileId(0), 0, 0)), sources)
}

fn word_at(start: Span, sources: &SourceMap) -> Span {
    let text = sources.file(start.file).text.get(start.lo as usize..).unwrap_or("");
    let word = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    Span { hi: start.lo + word.max(usize::from(!text.is_empty())) as u32, ..start }
}

/// A copy that remains in the optimized program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    pub file: String,
    pub line: u32,
    pub column: u32,
    pub value: Option<String>,
    pub reason: CopyReason,
}

impl fmt::Display for Copy {
    /// `FILE:LINE:COL: copy of `x`: reason`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        match &self.value {
            Some(name) => write!(f, "copy of `{name}`: ")?,
            None => write!(f, "copy of a value without a name: ")?,
        }
        f.write_str(match self.reason {
            CopyReason::StillNeeded => "the old version is used again after this update",
            CopyReason::Parameter => "it is a parameter, and copied if the caller still has it",
            CopyReason::MaybeShared => "another value may hold the same array, and it is copied if so",
        })
    }
}

/// The copies that the updates of an optimized module may make, in the order of the text. Those in code of the library
/// or without a place are left out.
pub(crate) fn copies(module: &Module, entries: &[FuncId], sources: &SourceMap) -> Vec<Copy> {
    let mut found: Vec<(Span, Copy)> =
        ownership::explain_copies(module, entries).iter().filter_map(|report| copy(report, module, sources)).collect();
    found.sort_by_key(|(span, _)| *span);
    found.dedup();
    found.into_iter().map(|(_, copy)| copy).collect()
}

fn copy(report: &CopyReport, module: &Module, sources: &SourceMap) -> Option<(Span, Copy)> {
    let span = decode_position(module.locations.get(report.loc).position)?;
    let at = sources.line_col(span);
    let file = sources.file(span.file).name.to_string();
    let value = report.value.as_ref().map(|name| name.to_string());
    Some((span, Copy { file, line: at.line, column: at.col, value, reason: report.reason }))
}
