//! A compiled function as the world outside sees it: its parameters and results as leaves, with their sizes.

use super::sizes::SizeExpr;
use dprog_frontend::check::{Asked, type_text};
use dprog_frontend::lower::{LeafLayout, Root};
use dprog_frontend::typed::{FnDef, GenericId, GenericKind, LocalId, Program};
use dprog_ir::{Scalar, Type};
use std::fmt;

/// The head of a function, as it is written in dProg. `Display` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// As the program names it; for a derivative also the operator, `grad(loss)`.
    pub name: String,
    /// Names of the size parameters, `n` and `m` of `fn f<n, m>(…)`.
    pub sizes: Vec<String>,
    /// Names of the type parameters. A function that has any cannot be called from outside.
    pub types: Vec<String>,
    /// In order.
    pub params: Vec<Parameter>,
    /// The type of the result; `()` if there is none.
    pub result: String,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type as it is written.
    pub ty: String,
    /// Whether the function may change it.
    pub inout: bool,
}

impl Signature {
    pub(crate) fn of_function(program: &Program, def: &FnDef) -> Signature {
        let params = def.params.iter().map(|p| Parameter {
            name: p.name.to_string(),
            ty: type_text(program, def, &p.ty),
            inout: p.inout,
        });
        let result = type_text(program, def, &def.result);
        Signature { params: params.collect(), result, ..Signature::head(def.display.as_str().to_string(), def) }
    }

    pub(crate) fn of_derivative(program: &Program, asked: &Asked, name: String) -> Signature {
        let def = &program.fns[asked.of];
        let params = asked.params.iter().zip(&asked.names).map(|(p, name)| Parameter {
            name: name.clone(),
            ty: type_text(program, def, &p.ty),
            inout: p.inout,
        });
        let result = type_text(program, def, &asked.result);
        Signature { params: params.collect(), result, ..Signature::head(name, def) }
    }

    fn head(name: String, def: &FnDef) -> Signature {
        let names = |sizes: bool| {
            let wanted = def.generics.iter().filter(move |g| matches!(g.kind, GenericKind::Size) == sizes);
            wanted.map(|g| g.name.to_string()).collect()
        };
        Signature { name, sizes: names(true), types: names(false), params: Vec::new(), result: String::new() }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let generics: Vec<&str> = self.sizes.iter().chain(&self.types).map(String::as_str).collect();
        let generics = if generics.is_empty() { String::new() } else { format!("<{}>", generics.join(", ")) };
        let param = |p: &Parameter| format!("{}: {}{}", p.name, if p.inout { "inout " } else { "" }, p.ty);
        let params: Vec<String> = self.params.iter().map(param).collect();
        write!(f, "fn {}{generics}({})", self.name, params.join(", "))?;
        if self.result == "()" { Ok(()) } else { write!(f, " -> {}", self.result) }
    }
}

/// One IR value of a parameter or result.
#[derive(Clone, Debug)]
pub(crate) struct Leaf {
    /// The way to it: `x`, `net.w1`; of a result what it is called in messages.
    pub name: String,
    pub ty: Type,
    /// A number, or the element of an array of numbers; `None` if it is something else.
    pub scalar: Option<Scalar>,
    /// Axes; 0 of a number.
    pub rank: usize,
    /// The sizes of the axes; `None` of a list.
    pub dims: Option<Vec<SizeExpr>>,
    pub inout: bool,
    /// Number of the parameter that it is a part of, and the fields on the way to it.
    pub param: usize,
    pub path: Vec<String>,
}

/// See the module's description.
pub(crate) struct Interface {
    pub signature: Signature,
    pub params: Vec<Leaf>,
    /// Leaves of the result, then of the `inout` parameters.
    pub results: Vec<Leaf>,
    /// For each of the last results the parameter leaf that it is the end of.
    pub ends: Vec<usize>,
}

impl Interface {
    pub fn new(program: &Program, root: &Root, signature: Signature) -> Interface {
        let def = &program.fns[root.of];
        let mut names = SizeNames::new(def);
        let mut params = Vec::new();
        for (index, param) in root.params.iter().enumerate() {
            // What a derivative adds has no local of its own in the function.
            let local = def.params.get(index).map(|p| p.local);
            if let (Some(local), [_]) = (local, &param.leaves[..]) {
                names.locals.push((local, params.len()));
            }
            params.extend(param.leaves.iter().map(|leaf| Leaf { param: index, ..names.leaf(leaf, param.inout) }));
        }
        let mut results: Vec<Leaf> = root.results.iter().map(|leaf| names.leaf(leaf, false)).collect();
        let ends: Vec<usize> = (0..params.len()).filter(|i| params[*i].inout).collect();
        results.extend(ends.iter().map(|i| params[*i].clone()));
        Interface { signature, params, results, ends }
    }
}

/// What a type is that neither Rust nor C has, in words.
pub(crate) fn without_form(ty: Type) -> &'static str {
    if ty == Type::STR {
        "a text, which has no form here"
    } else if has_node(ty) {
        "an enum that carries values or a function, which have no form outside of dProg: pass the numbers it is made of"
    } else if ty.is_array() {
        "an array of arrays, which has no form here"
    } else {
        "a value that has no form outside of dProg"
    }
}

/// Whether it is an enum that carries values or a function, or an array of such.
pub(crate) fn has_node(ty: Type) -> bool {
    if ty.is_array() { has_node(ty.element()) } else { ty.as_node().is_some() }
}

/// What the names in sizes mean.
struct SizeNames {
    generics: Vec<GenericId>,
    locals: Vec<(LocalId, usize)>,
}

impl SizeNames {
    fn new(def: &FnDef) -> SizeNames {
        let sizes = def.generics.iter().filter(|g| matches!(g.kind, GenericKind::Size));
        SizeNames { generics: sizes.map(|g| g.id).collect(), locals: Vec::new() }
    }

    fn leaf(&self, leaf: &LeafLayout, inout: bool) -> Leaf {
        let flat = leaf.ty.level_count() <= 1;
        let dims = match &leaf.levels[..] {
            [] => Some(Vec::new()),
            [Some(sizes), ..] => {
                sizes.iter().map(|size| SizeExpr::new(size, &self.generics, &self.locals)).collect::<Option<_>>()
            }
            [None, ..] => None,
        };
        let scalar = if leaf.ty.is_array() { leaf.ty.element().as_scalar() } else { leaf.ty.as_scalar() };
        let name = if leaf.name.is_empty() { "the result".to_string() } else { leaf.name.clone() };
        let (ty, rank) = (leaf.ty, leaf.ty.rank());
        let path = leaf.name.split('.').skip(1).map(str::to_string).collect();
        Leaf { name, ty, scalar: scalar.filter(|_| flat), rank, dims, inout, param: 0, path }
    }
}
