//! A side table: a fact for every entity, with a default for those that nobody has written.

use crate::entity::Entity;
use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A map from all entities of a kind to facts. Reading beyond what was written gives the default.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    facts: Vec<V>,
    default: V,
    key: PhantomData<K>,
}

impl<K: Entity, V: Clone + Default> Default for Table<K, V> {
    fn default() -> Self {
        Table::with_default(V::default())
    }
}

impl<K: Entity, V: Clone> Table<K, V> {
    pub fn with_default(default: V) -> Table<K, V> {
        Table { facts: Vec::new(), default, key: PhantomData }
    }
}

impl<K: Entity, V: Clone + Default> Table<K, V> {
    pub fn new() -> Table<K, V> {
        Table::default()
    }
}

impl<K: Entity, V> Index<K> for Table<K, V> {
    type Output = V;
    fn index(&self, key: K) -> &V {
        self.facts.get(key.index()).unwrap_or(&self.default)
    }
}

impl<K: Entity, V: Clone> IndexMut<K> for Table<K, V> {
    fn index_mut(&mut self, key: K) -> &mut V {
        if key.index() >= self.facts.len() {
            self.facts.resize((key.index() + 1).max(self.facts.len() * 2), self.default.clone());
        }
        &mut self.facts[key.index()]
    }
}
