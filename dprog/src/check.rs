//! From text to a typed program, with everything that is wrong with it.

use crate::pipeline::{Event, Observer, Options, Stages, Until};
use crate::problem::{self, Copy};
use dprog_frontend::check::check_program;
use dprog_frontend::diagnostic::Diagnostic;
use dprog_frontend::resolve::Loader;
use dprog_frontend::source::{FileId, SourceMap};
use dprog_frontend::typed::{FnDef, FnId, GenericKind, Program, Ty};
use dprog_ir::analysis::CallGraph;
use dprog_ir::{Foreign, FuncId};
use rustc_hash::FxHashMap;
use std::time::Instant;

/// A program that has been checked.
pub struct Checked {
    pub sources: SourceMap,
    /// In the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// Complete only if no diagnostic is an error.
    pub program: Program,
    pub(crate) root: FileId,
    /// Functions of the embedding program, by their numbers.
    pub(crate) foreign: Vec<Foreign>,
}

/// A function of the root module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionInfo {
    pub id: FnId,
    /// As messages name it.
    pub name: String,
    pub is_test: bool,
    pub is_bench: bool,
    /// How many parameters it has.
    pub arity: usize,
    /// Generic over types, so that it cannot be compiled by itself.
    pub generic: bool,
}

/// Checks the program in a file that has been read already; `name` is the path under which its imports are looked for.
pub fn check(name: &str, bytes: &[u8], loader: &dyn Loader, observer: &mut dyn Observer) -> Checked {
    let start = Instant::now();
    let mut sources = SourceMap::new();
    let (root, encoding) = sources.add_bytes(name, bytes);
    if let Some(problem) = encoding {
        return Checked { sources, diagnostics: vec![problem], program: Program::default(), root, foreign: Vec::new() };
    }
    let (program, diagnostics) = check_program(root, &mut sources, loader);
    observer.after(&Event::of("check", start, None));
    Checked { sources, diagnostics, program, root, foreign: Vec::new() }
}

impl Checked {
    /// The file that was checked, among the others that it imports.
    pub fn root(&self) -> FileId {
        self.root
    }

    /// Whether the program cannot be compiled.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The functions of the root module, in the order of the text.
    pub fn functions(&self) -> impl Iterator<Item = FunctionInfo> {
        self.program.root_fns.iter().map(|id| info(*id, &self.program.fns[*id]))
    }

    /// The function where a run begins; or all that is wrong with the program.
    pub fn main(&self) -> Result<FnId, Vec<Diagnostic>> {
        if self.has_errors() {
            return Err(self.diagnostics.clone());
        }
        let Some(main) = self.functions().find(|f| f.name == "main") else {
            return Err(vec![problem::no_main(self.root)]);
        };
        let def = &self.program.fns[main.id];
        if main.arity > 0 || !def.generics.is_empty() || !def.result.is_unit() {
            return Err(vec![problem::wrong_main(def.span)]);
        }
        Ok(main.id)
    }

    /// The functions of the root module that can be compiled by themselves.
    pub fn compilable(&self) -> Vec<FnId> {
        self.functions().filter(|f| !f.generic).map(|f| f.id).collect()
    }

    /// Those of them that can be judged by themselves. What one that takes functions does, and what derivatives it needs,
    /// is known where it is called.
    fn judged_alone(&self) -> Vec<FnId> {
        let takes_function = |id: &FnId| self.program.fns[*id].params.iter().any(|p| matches!(p.ty, Ty::Fn(..)));
        self.compilable().into_iter().filter(|id| !takes_function(id)).collect()
    }
}

fn info(id: FnId, def: &FnDef) -> FunctionInfo {
    FunctionInfo {
        id,
        name: def.display.as_str().to_string(),
        is_test: def.is_test,
        is_bench: def.is_bench,
        arity: def.params.len(),
        generic: def.body.is_none() || def.generics.iter().any(|g| matches!(g.kind, GenericKind::Type(_))),
    }
}

/// All diagnostics, those of differentiation too; and if asked for, the copies that remain in the optimized program.
pub fn check_fully(
    checked: &Checked,
    options: &Options,
    explain_copies: bool,
    observer: &mut dyn Observer,
) -> (Vec<Diagnostic>, Vec<Copy>) {
    if checked.has_errors() {
        return (checked.diagnostics.clone(), Vec::new());
    }
    // Nothing is found out after differentiation but where copies remain.
    match Stages::until(Until::Differentiated, checked, &checked.judged_alone(), options, observer) {
        Ok(stages) => {
            let copies = if explain_copies { copies(checked, options, observer) } else { Vec::new() };
            (stages.warnings, copies)
        }
        Err(diagnostics) => (diagnostics, Vec::new()),
    }
}

/// The copies that remain when the functions are called from outside that nothing in the program calls.
fn copies(checked: &Checked, options: &Options, observer: &mut dyn Observer) -> Vec<Copy> {
    let outermost = outermost(checked, observer);
    let Ok(stages) = Stages::build(checked, &outermost, options, observer) else { return Vec::new() };
    let entries: Vec<FuncId> = stages.roots.iter().map(|root| root.func).collect();
    problem::copies(&stages.module, &entries, &checked.sources)
}

/// Functions from which all others are reached.
fn outermost(checked: &Checked, observer: &mut dyn Observer) -> Vec<FnId> {
    let Ok(stages) = Stages::until(Until::Lowered, checked, &checked.compilable(), &Options::default(), observer)
    else {
        return Vec::new();
    };
    let calls = CallGraph::of_module(&stages.module);
    let roots: FxHashMap<FuncId, FnId> = stages.roots.iter().map(|root| (root.func, root.of)).collect();
    let (mut chosen, mut funcs, mut reached) = (Vec::new(), Vec::new(), calls.reachable(&[]));
    for id in calls.bottom_up.iter().rev() {
        if let (Some(of), false) = (roots.get(id), reached[*id]) {
            chosen.push(*of);
            funcs.push(*id);
            reached = calls.reachable(&funcs);
        }
    }
    chosen
}
