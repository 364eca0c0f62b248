//! What the generator knows about the program that it is writing: types, variables, functions.

/// A type of generated programs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ty {
    F64,
    I64,
    Bool,
    Str,
    /// `[f64; n]`
    Vector(usize),
    /// `[i64; n]`
    Integers(usize),
    /// `[f64; n, m]`
    Matrix(usize, usize),
    /// `List<f64>`
    List,
    /// `List<List<f64>>`
    Ragged,
    /// `(f64, i64)`
    Pair,
    /// `Option<f64>`
    Maybe,
    /// Structs and enums by their number in the program.
    Struct(usize),
    Enum(usize),
    /// The recursive enum, if there is one.
    Tree,
    /// `fn(f64) -> f64`
    Function,
    /// `[fn(f64) -> f64; n]`
    Functions(usize),
}

impl Ty {
    /// As it is written.
    pub fn text(&self) -> String {
        match self {
            Ty::F64 => "f64".into(),
            Ty::I64 => "i64".into(),
            Ty::Bool => "bool".into(),
            Ty::Str => "str".into(),
            Ty::Vector(n) => format!("[f64; {n}]"),
            Ty::Integers(n) => format!("[i64; {n}]"),
            Ty::Matrix(n, m) => format!("[f64; {n}, {m}]"),
            Ty::List => "List<f64>".into(),
            Ty::Ragged => "List<List<f64>>".into(),
            Ty::Pair => "(f64, i64)".into(),
            Ty::Maybe => "Option<f64>".into(),
            Ty::Struct(k) => format!("S{k}"),
            Ty::Enum(k) => format!("E{k}"),
            Ty::Tree => "Tree".into(),
            Ty::Function => "fn(f64) -> f64".into(),
            Ty::Functions(n) => format!("[fn(f64) -> f64; {n}]"),
        }
    }
}

/// A variable in scope.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: String,
    pub ty: Ty,
    /// May be assigned.
    pub mutable: bool,
    /// An integer that is known to be in `0..below`.
    pub below: Option<usize>,
}

/// A function that may be called.
#[derive(Clone, Debug)]
pub struct Signature {
    pub name: String,
    pub params: Vec<(Ty, bool)>,
    pub result: Ty,
    /// An upper estimate of the work of a call.
    pub cost: u64,
    /// The first parameter is fuel; a call gives a small literal.
    pub fuel: bool,
    /// Differentiates function values, so function values may not call it: they would need their own derivative.
    pub differentiates: bool,
}

/// A struct: its fields, and whether it has methods `level(self, x: f64) -> f64` and `bump(inout self, x: f64)`.
#[derive(Clone, Debug)]
pub struct Struct {
    pub fields: Vec<(String, Ty)>,
    pub methods: bool,
    /// Implements the trait `Weigh`.
    pub weighs: bool,
}

/// An enum: for each case the types of its payload, and the names of the fields if they have any.
#[derive(Clone, Debug)]
pub struct Enum {
    pub cases: Vec<(Vec<Ty>, bool)>,
}

/// What kind of program is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Floats stay within bounds.
    pub tame: bool,
    /// Some indices and divisors are not made safe, so the program may trap.
    pub risky: bool,
    /// Functions print.
    pub prints: bool,
    /// Functions may differentiate others.
    pub gradients: bool,
}
