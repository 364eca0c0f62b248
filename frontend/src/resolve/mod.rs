//! From a root file to all modules of a program, in an order in which nobody imports what comes later.
//!
//! A module is a file; `use a::b::name;` means `name` in `a/b.dp`, or `b::name` in `a.dp`, first beside the importing file,
//! then on the paths that the [`Loader`] knows. `std::…` is inside the compiler. A cycle is an error that shows it.

pub mod scope;
pub mod suggest;

use crate::ast::{Import, ItemKind, Module, Name, NodeIds};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::errors::names;
use crate::parser;
use crate::source::{FileId, SourceMap, Span};
use crate::stdlib;
use rustc_hash::FxHashMap;
use std::sync::{Arc, OnceLock};

/// A module is in at most so many folders: each length of a path is a file to look for.
const MAX_FOLDERS: usize = 32;

/// Where the text of imported modules comes from. This crate reads no files.
pub trait Loader {
    /// The file `relative` (such as `a/b.dp`) beside the file named `importing`, or else on the search paths.
    fn find(&self, importing: &str, relative: &str) -> Option<Found>;

    /// Text behind the prelude: declarations of the functions that an embedding program offers.
    fn prelude(&self) -> &str {
        ""
    }
}

/// A file that a [`Loader`] has found.
pub struct Found {
    /// As it is shown in messages; the same file always has the same name.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// A loader that knows nothing: for programs of one file.
pub struct NoModules;

impl Loader for NoModules {
    fn find(&self, _: &str, _: &str) -> Option<Found> {
        None
    }
}

/// A module with its imports resolved to modules.
pub struct Loaded {
    pub ast: Arc<Module>,
    /// Part of the library that comes with the compiler: may use functions of the host.
    pub is_std: bool,
    pub imports: Vec<ResolvedImport>,
}

/// An import: the module (index into the list of modules), and what of it: the names behind the module's path, none for
/// the module itself. No module if there is none: that has been reported, and what the import names is not again.
pub struct ResolvedImport {
    pub module: Option<usize>,
    pub rest: Vec<Name>,
    pub local: Name,
    pub public: bool,
    pub span: Span,
}

/// The modules of a program: the prelude first, the root last.
pub struct Graph {
    pub modules: Vec<Loaded>,
}

/// Parses the root and everything that it imports.
pub fn load(root: FileId, sources: &mut SourceMap, loader: &dyn Loader, diagnostics: &mut Diagnostics) -> Graph {
    let mut graph = GraphBuilder {
        sources,
        loader,
        diagnostics,
        ids: NodeIds::new(),
        modules: Vec::new(),
        state: FxHashMap::default(),
        stack: Vec::new(),
    };
    let prelude = match loader.prelude() {
        "" => graph.sources.add(stdlib::PRELUDE.0, stdlib::PRELUDE.1),
        more => graph.sources.add(stdlib::PRELUDE.0, &format!("{}\n{more}", stdlib::PRELUDE.1)),
    };
    graph.visit(prelude, true);
    let is_std = stdlib::is_std(&graph.sources.file(root).name);
    graph.visit(root, is_std);
    Graph { modules: graph.modules }
}

enum State {
    /// Being loaded: importing it now is a cycle.
    Open,
    Done(usize),
}

struct GraphBuilder<'a> {
    sources: &'a mut SourceMap,
    loader: &'a dyn Loader,
    diagnostics: &'a mut Diagnostics,
    ids: NodeIds,
    modules: Vec<Loaded>,
    state: FxHashMap<String, State>,
    /// Names of the open modules, and where each imports the next.
    stack: Vec<(String, Span)>,
}

impl GraphBuilder<'_> {
    /// Parses a file and its imports; gives its index.
    fn visit(&mut self, file: FileId, is_std: bool) -> usize {
        let name = self.sources.file(file).name.to_string();
        self.state.insert(name.clone(), State::Open);
        let ast = self.parse(file);
        let mut imports = Vec::new();
        for item in &ast.items {
            let ItemKind::Use(u) = &item.kind else { continue };
            for import in &u.imports {
                self.stack.push((name.clone(), import.span));
                let found = self.import(&name, import);
                let rest = found.map_or(Vec::new(), |(_, used)| import.path[used..].to_vec());
                let module = found.map(|(module, _)| module);
                let local = import.local_name().clone();
                imports.push(ResolvedImport { module, rest, local, public: item.public, span: import.span });
                self.stack.pop();
            }
        }
        let index = self.modules.len();
        self.modules.push(Loaded { ast, is_std, imports });
        self.state.insert(name, State::Done(index));
        index
    }

    fn parse(&mut self, file: FileId) -> Arc<Module> {
        let text = self.sources.file(file).text.clone();
        // The prelude is the first to be parsed, in every program; so its tree is the same in all of them.
        static PRELUDE: OnceLock<(Arc<Module>, usize)> = OnceLock::new();
        let is_prelude = self.ids.count() == 0 && *text == *stdlib::PRELUDE.1;
        if let (true, Some((ast, count))) = (is_prelude, PRELUDE.get())
            && ast.file == file
        {
            self.ids = NodeIds::after(*count);
            return ast.clone();
        }
        let (ast, problems) = parser::parse_file(file, &text, &mut self.ids);
        let (ast, sound) = (Arc::new(ast), problems.is_empty());
        self.diagnostics.extend(problems);
        if is_prelude && sound {
            // Another thread may have been first.
            let _ = PRELUDE.set((ast.clone(), self.ids.count()));
        }
        ast
    }

    /// The module that an import means, and how many names of its path lead to it.
    fn import(&mut self, importing: &str, import: &Import) -> Option<(usize, usize)> {
        let path = &import.path;
        if path[0].as_str() == "std" {
            return self.import_std(import);
        }
        // The shortest path may be the module itself (`use a::b;` with a file `a/b.dp`), tried last.
        let lengths = (1..path.len()).rev().chain([path.len()]).filter(|length| *length <= MAX_FOLDERS);
        for used in lengths {
            let relative = path[..used].iter().map(Name::as_str).collect::<Vec<_>>().join("/") + ".dp";
            if let Some(found) = self.loader.find(importing, &relative) {
                return self.open(&found.name, Some(&found.bytes), import.span).map(|module| (module, used));
            }
        }
        self.diagnostics.push(names::module_not_found(import));
        None
    }

    fn import_std(&mut self, import: &Import) -> Option<(usize, usize)> {
        let module = import.path.get(1).map_or("", Name::as_str);
        let Some((name, text)) = stdlib::find(module) else {
            let near = suggest::nearest(module, stdlib::names());
            self.diagnostics.push(names::no_std_module(import, near, stdlib::names()));
            return None;
        };
        let open = self.open(name, Some(text.as_bytes()), import.span);
        open.map(|index| (index, 2))
    }

    fn open(&mut self, name: &str, bytes: Option<&[u8]>, at: Span) -> Option<usize> {
        match self.state.get(name) {
            Some(State::Done(index)) => return Some(*index),
            Some(State::Open) => {
                self.diagnostics.push(self.cycle(name, at));
                return None;
            }
            None => {}
        }
        let (file, problem) = self.sources.add_bytes(name, bytes.unwrap_or_default());
        self.diagnostics.extend(problem);
        Some(self.visit(file, stdlib::is_std(name)))
    }

    fn cycle(&self, name: &str, at: Span) -> Diagnostic {
        let from = self.stack.iter().position(|(n, _)| n == name).unwrap_or(0);
        names::import_cycle(at, name, &self.stack[from..])
    }
}
