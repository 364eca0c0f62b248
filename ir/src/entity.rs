//! Typed indices into arenas.
//!
//! An entity is a small number that names a value, an instruction, … inside one owner. Entities are `Copy`, so passes
//! keep facts about them in side tables instead of in the things themselves (Cranelift's `entity` crate gives the
//! reasons at length).

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A typed index. Implemented by [`entity!`](crate::entity).
pub trait Entity: Copy + Eq {
    fn from_index(index: usize) -> Self;
    fn index(self) -> usize;
}

/// Declares an entity type with the prefix under which it is printed.
#[macro_export]
macro_rules! entity {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u32);

        impl $crate::entity::Entity for $name {
            fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("an arena holds fewer than 2^32 entities"))
            }
            fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

/// A growable table from an entity to its data. Entries are never removed, so an entity stays valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arena<K, V> {
    items: Vec<V>,
    key: PhantomData<K>,
}

impl<K, V> Default for Arena<K, V> {
    fn default() -> Self {
        Arena { items: Vec::new(), key: PhantomData }
    }
}

impl<K: Entity, V> Arena<K, V> {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry and returns its name.
    pub fn push(&mut self, item: V) -> K {
        let key = self.next_key();
        self.items.push(item);
        key
    }

    /// The name that the next `push` will give.
    pub fn next_key(&self) -> K {
        K::from_index(self.items.len())
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn get(&self, key: K) -> Option<&V> {
        self.items.get(key.index())
    }

    pub fn keys(&self) -> impl DoubleEndedIterator<Item = K> + use<K, V> {
        (0..self.items.len()).map(K::from_index)
    }

    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.items.iter()
    }

    /// The entries themselves, in order of their names.
    pub fn into_values(self) -> impl Iterator<Item = V> {
        self.items.into_iter()
    }

    pub fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.items.iter().enumerate().map(|(i, v)| (K::from_index(i), v))
    }
}

impl<K: Entity, V> Index<K> for Arena<K, V> {
    type Output = V;
    fn index(&self, key: K) -> &V {
        &self.items[key.index()]
    }
}

impl<K: Entity, V> IndexMut<K> for Arena<K, V> {
    fn index_mut(&mut self, key: K) -> &mut V {
        &mut self.items[key.index()]
    }
}
