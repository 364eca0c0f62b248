//! Types of values: scalars, strings, nodes, and arrays of these.
//!
//! A [`Type`] is a leaf under zero or more levels of arrays, each level with a rank. `f64` has no level; a matrix has
//! one level of rank 2; a list of vectors has two levels, `[1, 1]`: an array whose elements are arrays, each with a
//! length of its own. A list of the language is an array of rank 1; `push` and `pop` change its length.
//!
//! The type does not name sizes. The front end has compared shapes before anything reaches the IR, and `dim` reads a
//! size back; docs/decisions says why. Structs, tuples and closures do not occur: the front end has flattened them.

use crate::module::NodeId;

/// A machine scalar.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Scalar {
    F64,
    F32,
    I64,
    I32,
    U8,
    Bool,
}

impl Scalar {
    pub const ALL: [Scalar; 6] = [Scalar::F64, Scalar::F32, Scalar::I64, Scalar::I32, Scalar::U8, Scalar::Bool];

    pub fn is_float(self) -> bool {
        matches!(self, Scalar::F64 | Scalar::F32)
    }

    pub fn is_int(self) -> bool {
        matches!(self, Scalar::I64 | Scalar::I32 | Scalar::U8)
    }

    /// Size of one in memory, in bytes.
    pub fn bytes(self) -> u32 {
        match self {
            Scalar::F64 | Scalar::I64 => 8,
            Scalar::F32 | Scalar::I32 => 4,
            Scalar::U8 | Scalar::Bool => 1,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Scalar::F64 => "f64",
            Scalar::F32 => "f32",
            Scalar::I64 => "i64",
            Scalar::I32 => "i32",
            Scalar::U8 => "u8",
            Scalar::Bool => "bool",
        }
    }
}

/// What stands at the bottom of a type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Leaf {
    Scalar(Scalar),
    /// An immutable text.
    Str,
    /// A reference-counted record with a case tag: an enum with payloads, a closure, …; see [`crate::NodeDef`].
    Node(NodeId),
}

/// The type of a value: a leaf under at most [`Type::MAX_LEVELS`] array levels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Type {
    pub leaf: Leaf,
    /// Ranks of the array levels, four bits each, the outermost in the lowest bits; 0 ends the list.
    levels: u64,
}

impl Type {
    pub const F64: Type = Type::scalar(Scalar::F64);
    pub const F32: Type = Type::scalar(Scalar::F32);
    pub const I64: Type = Type::scalar(Scalar::I64);
    pub const I32: Type = Type::scalar(Scalar::I32);
    pub const U8: Type = Type::scalar(Scalar::U8);
    pub const BOOL: Type = Type::scalar(Scalar::Bool);
    pub const STR: Type = Type { leaf: Leaf::Str, levels: 0 };

    /// Greatest number of array levels, and of axes in one level.
    pub const MAX_LEVELS: usize = 16;
    pub const MAX_RANK: usize = 15;

    pub const fn scalar(s: Scalar) -> Type {
        Type { leaf: Leaf::Scalar(s), levels: 0 }
    }

    pub const fn node(id: NodeId) -> Type {
        Type { leaf: Leaf::Node(id), levels: 0 }
    }

    /// The type of arrays of `rank` axes with elements of type `self`; `None` beyond the limits above.
    pub fn try_array(self, rank: usize) -> Option<Type> {
        let fits = (1..=Type::MAX_RANK).contains(&rank) && self.level_count() < Type::MAX_LEVELS;
        fits.then(|| Type { leaf: self.leaf, levels: self.levels << 4 | rank as u64 })
    }

    /// Like [`Type::try_array`]; panics beyond the limits. The front end checks them first.
    pub fn array(self, rank: usize) -> Type {
        self.try_array(rank).expect("array type within the limits of the IR")
    }

    /// Number of array levels above the leaf.
    pub fn level_count(self) -> usize {
        (64 - self.levels.leading_zeros() as usize).div_ceil(4)
    }

    pub fn is_array(self) -> bool {
        self.levels != 0
    }

    /// Axes of the outermost array level; 0 for what is no array.
    pub fn rank(self) -> usize {
        (self.levels & 15) as usize
    }

    /// The type of the elements of the outermost level. Meaningful for arrays only; a non-array gives itself.
    pub fn element(self) -> Type {
        Type { leaf: self.leaf, levels: self.levels >> 4 }
    }

    /// The same outermost rank and deeper levels with another leaf.
    pub fn with_leaf(self, leaf: Leaf) -> Type {
        Type { leaf, levels: self.levels }
    }

    pub fn as_scalar(self) -> Option<Scalar> {
        match self {
            Type { leaf: Leaf::Scalar(s), levels: 0 } => Some(s),
            _ => None,
        }
    }

    pub fn as_node(self) -> Option<NodeId> {
        match self {
            Type { leaf: Leaf::Node(id), levels: 0 } => Some(id),
            _ => None,
        }
    }

    /// A scalar `f64` or `f32`.
    pub fn is_float(self) -> bool {
        self.as_scalar().is_some_and(Scalar::is_float)
    }

    /// Held by reference count rather than in a register: arrays, strings, nodes.
    pub fn is_heap(self) -> bool {
        self.as_scalar().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_nest_from_the_outside() {
        let lists_of_matrices = Type::F64.array(2).array(1);
        assert_eq!(lists_of_matrices.level_count(), 2);
        assert_eq!(lists_of_matrices.rank(), 1);
        assert_eq!(lists_of_matrices.element(), Type::F64.array(2));
        assert_eq!(lists_of_matrices.element().element(), Type::F64);
        assert_eq!(Type::F64.rank(), 0);
    }

    #[test]
    fn limits_are_checked() {
        assert!(Type::F64.try_array(16).is_none());
        let mut t = Type::I64;
        for _ in 0..Type::MAX_LEVELS {
            t = t.array(1);
        }
        assert!(t.try_array(1).is_none());
    }
}
