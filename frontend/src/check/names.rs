//! Names of locals in scope, the innermost last. A table finds a name at once, however long the body is.

use crate::ast::Symbol;
use crate::typed::LocalId;
use rustc_hash::FxHashMap;

/// A stack of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    stack: Vec<(Symbol, LocalId)>,
    /// The locals of each name, the innermost last.
    found: FxHashMap<Symbol, Vec<LocalId>>,
}

impl Names {
    pub fn push(&mut self, entry: (Symbol, LocalId)) {
        self.found.entry(entry.0.clone()).or_default().push(entry.1);
        self.stack.push(entry);
    }

    pub fn len(&self) -> usize {
        self.stack.len()
    }

    /// Forgets all names beyond the first `len`.
    pub fn truncate(&mut self, len: usize) {
        while self.stack.len() > len {
            let Some((name, _)) = self.stack.pop() else { return };
            if let Some(locals) = self.found.get_mut(&name) {
                locals.pop();
            }
        }
    }

    /// The innermost local of this name.
    pub fn lookup(&self, name: &str) -> Option<LocalId> {
        self.found.get(name)?.last().copied()
    }

    /// The names from number `first` on.
    pub fn since(&self, first: usize) -> &[(Symbol, LocalId)] {
        &self.stack[first..]
    }

    /// All names, outer ones first.
    pub fn iter(&self) -> impl Iterator<Item = &(Symbol, LocalId)> {
        self.stack.iter()
    }
}
