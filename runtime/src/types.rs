//! Type descriptors: what the runtime must know to drop, copy, print, add and convert values of any type.
//!
//! The code generator builds one table per compiled module. A descriptor's number stands in the header of every object.

use dprog_ir::Scalar;

/// A row of the table.
pub type DescId = u32;

/// Rows that every table has: str, arrays of rank 1 of str, i64 and f64, and the matrix of f64.
pub const TEXT: DescId = 0;
pub const TEXTS: DescId = 3;
pub const INTS: DescId = 4;
pub const FLOATS: DescId = 5;
pub const MATRIX: DescId = 6;

/// What values of a type look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    Scalar(Scalar),
    Text,
    Array {
        rank: usize,
        element: DescId,
    },
    /// The types of the fields of each case.
    Node {
        cases: Vec<Vec<DescId>>,
    },
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDesc {
    pub shape: Shape,
    /// Its tangent type; a tangent type is its own.
    pub tangent: Option<DescId>,
    /// For nodes: for each case and field, whether the field has a tangent.
    pub active: Vec<Vec<bool>>,
}

impl TypeDesc {
    pub fn is_heap(&self) -> bool {
        !matches!(self.shape, Shape::Scalar(_))
    }
}

/// All types of a compiled module.
#[derive(Clone, Debug, Default)]
pub struct TypeTable {
    pub descs: Vec<TypeDesc>,
}

impl TypeTable {
    pub fn get(&self, id: DescId) -> &TypeDesc {
        &self.descs[id as usize]
    }

    /// Size of an element of this type in an array.
    pub fn element_bytes(&self, id: DescId) -> usize {
        match self.get(id).shape {
            Shape::Scalar(s) => s.bytes() as usize,
            Shape::Text | Shape::Array { .. } | Shape::Node { .. } => 8,
        }
    }

    /// Element type and rank of an array type; a string is an array of u8, its element type `None`.
    pub fn array(&self, id: DescId) -> (Option<DescId>, usize) {
        match self.get(id).shape {
            Shape::Array { rank, element } => (Some(element), rank),
            Shape::Text => (None, 1),
            Shape::Scalar(_) | Shape::Node { .. } => unreachable!("an array or a string"),
        }
    }
}
