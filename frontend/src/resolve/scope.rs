//! Names of items: what a name in a module or a block stands for.

use crate::ast::Symbol;
use crate::source::Span;
use crate::typed::{AdtId, ConstId, FnId, TraitId};
use rustc_hash::FxHashMap;

/// What a name of an item means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Def {
    Fn(FnId),
    Adt(AdtId),
    /// A case of an enum, where it may be used bare.
    Case(AdtId, u32),
    Trait(TraitId),
    Const(ConstId),
    /// A `type`: its number in the checker's table.
    Alias(usize),
    /// A module: its number in the graph.
    Module(usize),
    /// Something whose definition is wrong: reported there.
    Error,
}

/// An entry of a scope.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub def: Def,
    pub span: Span,
    pub public: bool,
}

/// Number of a [`Scope`] in [`Scopes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ScopeId(pub usize);

/// The names of a module, or those of the items in a block.
#[derive(Debug, Default)]
pub struct Scope {
    pub parent: Option<ScopeId>,
    pub names: FxHashMap<Symbol, Entry>,
    pub is_std: bool,
}

/// All scopes of a program.
#[derive(Debug, Default)]
pub struct Scopes {
    list: Vec<Scope>,
}

impl Scopes {
    /// Adds an empty scope.
    pub fn push(&mut self, parent: Option<ScopeId>, is_std: bool) -> ScopeId {
        self.list.push(Scope { parent, names: FxHashMap::default(), is_std });
        ScopeId(self.list.len() - 1)
    }

    pub fn get(&self, id: ScopeId) -> &Scope {
        &self.list[id.0]
    }

    /// Enters a name. The entry that is there already, if there is one, stays and is given back.
    pub fn define(&mut self, scope: ScopeId, name: &Symbol, entry: Entry) -> Option<Entry> {
        let names = &mut self.list[scope.0].names;
        if let Some(old) = names.get(name) {
            return Some(*old);
        }
        names.insert(name.clone(), entry);
        None
    }

    /// The entry of a name, searched outwards.
    pub fn lookup(&self, scope: ScopeId, name: &str) -> Option<Entry> {
        let mut next = Some(scope);
        while let Some(id) = next {
            let scope = self.get(id);
            if let Some(entry) = scope.names.get(name) {
                return Some(*entry);
            }
            next = scope.parent;
        }
        None
    }

    /// All names that can be seen from a scope.
    pub fn visible(&self, scope: ScopeId) -> impl Iterator<Item = &str> {
        let chain = std::iter::successors(Some(scope), |id| self.get(*id).parent);
        chain.flat_map(|id| self.get(id).names.keys().map(Symbol::as_str))
    }
}
