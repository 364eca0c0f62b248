//! Functions as C sees them: what is passed, and how the arguments and results of a compiled function lie in it.
//!
//! This is the description; deciding it from the types of the language is the business of `dprog`, [`header`] writes it down for
//! C, and [`crate::entry`] emits the functions. The rules:
//!
//! - size parameters first, each once, `int64_t`; scalars by value; arrays as row-major pointers, `const` unless `inout`;
//! - a struct or model is a C struct, passed by pointer; its arrays are pointers in it;
//! - a list is a pointer and a length, a text too; an array of structs is a pointer to C structs;
//! - results are written through pointers at the end of the parameters; a result whose size is known only at run time is a
//!   *handle*, a struct that owns its memory until `NAME_free`;
//! - the function returns 0 or a [`Status`].

pub mod header;

pub use crate::workspace::Bound;

use crate::workspace;
use dprog_ir::analysis::CallGraph;
use dprog_ir::{FuncId, Module, Scalar, Type};

/// All exported functions of a module, and the types that they use.
#[derive(Clone, Debug, Default)]
pub struct Interface {
    /// Of the file, for the header's guard.
    pub name: String,
    pub structs: Vec<CStruct>,
    pub enums: Vec<CEnum>,
    pub functions: Vec<CFunction>,
}

/// A struct in C. Fields lie as C lays them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CStruct {
    pub name: String,
    pub docs: Option<String>,
    pub fields: Vec<CField>,
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CField {
    pub name: String,
    pub ty: CFieldType,
    pub docs: Option<String>,
    /// The type in the language, for the reader.
    pub note: String,
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CFieldType {
    Scalar(CScalar),
    /// To the elements of an array.
    Pointer(CScalar),
    /// Another struct, inside of this one.
    Struct(usize),
}

/// An enum without payload: its cases are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CEnum {
    pub name: String,
    pub docs: Option<String>,
    pub cases: Vec<String>,
}

/// A scalar; `cases` limits an `i64` that is a case of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CScalar {
    pub scalar: Scalar,
    pub cases: Option<u32>,
}

/// A function in C.
#[derive(Clone, Debug)]
pub struct CFunction {
    pub name: String,
    pub docs: Option<String>,
    /// The compiled function.
    pub func: FuncId,
    /// In the order of C.
    pub params: Vec<CParam>,
    /// How each parameter of the compiled function is made, in its order.
    pub inputs: Vec<Input>,
    /// Where each result of the compiled function goes, in its order.
    pub outputs: Vec<Output>,
    /// For one that makes arrays and needs no runtime: the memory that it takes at most. It has a variant `NAME_in` then, which
    /// takes a workspace.
    pub workspace: Option<Bound>,
}

/// A parameter in C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CParam {
    pub name: String,
    pub ty: CType,
    pub role: Role,
    /// What it is in the language, with its shape: `[f64; n, 3]`.
    pub note: String,
}

/// What a parameter is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A size: not negative.
    Size,
    In,
    InOut,
    Out,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CType {
    Value(CScalar),
    /// To elements, or to one scalar that is a result.
    Pointer(CScalar),
    /// To characters.
    Text,
    /// To a struct, or the elements of an array of structs.
    Struct(usize),
    /// To a handle of so many axes.
    Handle(HandleType),
}

/// What a handle holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandleType {
    pub element: HandleElement,
    pub rank: usize,
}

/// What the elements of a handle are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandleElement {
    Scalar(CScalar),
    /// A text; with a zero behind it.
    Character,
    Struct(usize),
}

/// Where the elements of an array are in C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elements {
    /// A parameter points to them.
    Param(usize),
    /// A pointer in the struct that the parameter points to, at this offset.
    Field { param: usize, offset: u32 },
}

/// How the elements of an array lie there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stride {
    /// From one element to the next, in bytes.
    pub bytes: u32,
    /// From the start of an element to the part that is meant.
    pub offset: u32,
}

/// How a parameter of the compiled function is made.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A parameter as it is.
    Value {
        param: usize,
    },
    /// What a parameter points to, at an offset.
    Load {
        param: usize,
        offset: u32,
        scalar: CScalar,
    },
    Array {
        elements: Elements,
        stride: Stride,
        element: CScalar,
        sizes: Vec<Size>,
        ty: Type,
    },
    Text {
        data: usize,
        length: usize,
    },
}

/// Where a result of the compiled function goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    Store {
        param: usize,
        offset: u32,
    },
    Array {
        elements: Elements,
        stride: Stride,
        /// `None` if the function computes them.
        sizes: Option<Vec<Size>>,
        ty: Type,
    },
    /// Into fresh memory; `first` is the first of the outputs that share the handle.
    Handle {
        param: usize,
        handle: HandleType,
        stride: Stride,
        first: bool,
        ty: Type,
    },
    Text {
        param: usize,
    },
    /// Nothing: an array without contents.
    Drop,
}

/// A size in terms of parameters in C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Size {
    Constant(i64),
    /// A parameter by value.
    Param(usize),
    Binary(SizeOp, Box<Size>, Box<Size>),
}

/// Arithmetic of sizes, as that of `i64` in the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizeOp {
    Add,
    Mul,
    Div,
    Rem,
    Min,
    Max,
    Shl,
    Shr,
}

/// What a call returns besides the codes of traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    NullPointer = 64,
    Workspace = 65,
    /// The program ended itself.
    Exited = 127,
}

impl Interface {
    /// Finds out which functions may have a workspace, and how great it is at most. The module is as it will be compiled.
    pub fn plan_workspaces(&mut self, module: &Module) {
        let calls = CallGraph::of_module(module);
        for function in &mut self.functions {
            let bare = workspace::is_bare(module, &calls, function);
            function.workspace = if bare { workspace::bound(module, function) } else { None };
        }
    }
}

impl CScalar {
    pub const fn plain(scalar: Scalar) -> CScalar {
        CScalar { scalar, cases: None }
    }

    pub fn bytes(self) -> u32 {
        self.scalar.bytes()
    }
}

impl CStruct {
    /// The offset of each field, then the size and the alignment of the whole.
    pub fn layout(&self, structs: &[CStruct]) -> (Vec<u32>, u32, u32) {
        let (mut offsets, mut end, mut greatest) = (Vec::new(), 0u32, 1);
        for field in &self.fields {
            let (size, align) = field.ty.measure(structs);
            let at = end.next_multiple_of(align);
            offsets.push(at);
            end = at + size;
            greatest = greatest.max(align);
        }
        (offsets, end.next_multiple_of(greatest), greatest)
    }
}

impl CFieldType {
    /// Size and alignment.
    fn measure(&self, structs: &[CStruct]) -> (u32, u32) {
        match self {
            CFieldType::Scalar(s) => (s.bytes(), s.bytes()),
            CFieldType::Pointer(_) => (8, 8),
            CFieldType::Struct(id) => {
                let (_, size, align) = structs[*id].layout(structs);
                (size, align)
            }
        }
    }
}

impl CFunction {
    /// The parameters that are pointers, by their numbers.
    pub fn pointers(&self) -> impl Iterator<Item = usize> {
        let is_pointer = |p: &CParam| !matches!(p.ty, CType::Value(_));
        self.params.iter().enumerate().filter(move |(_, p)| is_pointer(p)).map(|(i, _)| i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_as_c_lays_them_out() {
        let field = |ty| CField { name: "f".into(), ty, docs: None, note: String::new() };
        let scalar = |s| field(CFieldType::Scalar(CScalar::plain(s)));
        let named = |fields| CStruct { name: "S".into(), docs: None, fields };
        let inner = named(vec![scalar(Scalar::I32), scalar(Scalar::Bool)]);
        let outer =
            named(vec![scalar(Scalar::U8), field(CFieldType::Struct(0)), scalar(Scalar::F64), scalar(Scalar::U8)]);
        let structs = [inner, outer];
        assert_eq!(structs[0].layout(&structs), (vec![0, 4], 8, 4));
        assert_eq!(structs[1].layout(&structs), (vec![0, 4, 16, 24], 32, 8));
    }
}
