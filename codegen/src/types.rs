//! What the types of the IR are to the machine: registers, and rows of the runtime's type table.

use cranelift_codegen::ir::types as clif;
use dprog_ir::{Leaf, Module, Scalar, Type};
use dprog_runtime::{DescId, Shape, TypeDesc, TypeTable};
use rustc_hash::FxHashMap;

/// The register type of a value. Heap values are pointers; bool and u8 are bytes.
pub fn register(ty: Type) -> clif::Type {
    match ty.as_scalar() {
        Some(Scalar::F64) => clif::F64,
        Some(Scalar::F32) => clif::F32,
        Some(Scalar::I64) | None => clif::I64,
        Some(Scalar::I32) => clif::I32,
        Some(Scalar::U8 | Scalar::Bool) => clif::I8,
    }
}

/// Bytes of an element of this type in an array.
pub fn element_bytes(ty: Type) -> u32 {
    ty.as_scalar().map_or(8, Scalar::bytes)
}

/// The type table of a module under construction.
pub struct Types<'a> {
    module: &'a Module,
    ids: FxHashMap<Type, DescId>,
    pub table: TypeTable,
}

impl<'a> Types<'a> {
    /// A table with the types that the runtime itself needs, at the numbers that it knows.
    pub fn new(module: &'a Module) -> Types<'a> {
        let mut types = Types { module, ids: FxHashMap::default(), table: TypeTable::default() };
        let (ints, floats) = (Type::I64.array(1), Type::F64.array(1));
        for ty in [Type::STR, Type::I64, Type::F64, Type::STR.array(1), ints, floats, Type::F64.array(2)] {
            types.id(ty);
        }
        types
    }

    /// The row of a type, made if it is new, with the rows of everything in it.
    pub fn id(&mut self, ty: Type) -> DescId {
        if let Some(id) = self.ids.get(&ty) {
            return *id;
        }
        let id = self.table.descs.len() as DescId;
        self.ids.insert(ty, id);
        // Recursive types refer to the row before it is filled.
        self.table.descs.push(TypeDesc { shape: Shape::Text, tangent: None, active: Vec::new() });
        let desc = self.describe(ty);
        self.table.descs[id as usize] = desc;
        id
    }

    /// The table, and the row of each type.
    pub fn finish(self) -> (TypeTable, FxHashMap<Type, DescId>) {
        (self.table, self.ids)
    }

    fn describe(&mut self, ty: Type) -> TypeDesc {
        let tangent = self.tangent(ty).map(|t| self.id(t));
        let mut active = Vec::new();
        let shape = match (ty.is_array(), ty.leaf) {
            (true, _) => Shape::Array { rank: ty.rank(), element: self.id(ty.element()) },
            (false, Leaf::Scalar(s)) => Shape::Scalar(s),
            (false, Leaf::Str) => Shape::Text,
            (false, Leaf::Node(node)) => {
                let def = &self.module.nodes[node];
                let fields = |c: &dprog_ir::CaseDef| c.fields.iter().map(|f| f.ty).collect::<Vec<Type>>();
                let cases: Vec<Vec<Type>> = def.cases.iter().map(fields).collect();
                active = cases.iter().map(|c| c.iter().map(|t| self.tangent(*t).is_some()).collect()).collect();
                Shape::Node { cases: cases.iter().map(|c| c.iter().map(|t| self.id(*t)).collect()).collect() }
            }
        };
        TypeDesc { shape, tangent, active }
    }

    fn tangent(&self, ty: Type) -> Option<Type> {
        self.module.known_tangent(ty)
    }
}
