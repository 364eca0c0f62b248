//! Modules: functions, node types, source locations; and the tangent types of everything.

use crate::entity;
use crate::entity::Arena;
use crate::function::{Body, Derivative, DerivativeMode, Function};
use crate::location::Locations;
use crate::types::{Leaf, Scalar, Type};
use rustc_hash::FxHashMap;
use std::sync::Arc;

entity!(
    /// A function of a module.
    FuncId, "f"
);
entity!(
    /// A node type of a module.
    NodeId, "n"
);

/// A field of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDef {
    pub name: Arc<str>,
    pub ty: Type,
}

/// A case of a node type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseDef {
    pub name: Arc<str>,
    pub fields: Vec<FieldDef>,
}

/// What a node type stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeKind {
    /// An enum of the program: all its cases are known when it is declared.
    Enum,
    /// All closures of one signature: a case for each closure expression, added as they are found. Its tangent type exists even
    /// if no capture has one.
    Closure,
    /// What an augmented primal leaves to its reverse sweep; the AD pass adds its one case.
    Tape,
    /// The tangent type of another node type: the same cases, of each the fields that have a tangent type.
    Tangent(NodeId),
}

/// A node type: a sum of cases, each with fields. Values are immutable and may be recursive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeDef {
    /// Unique in its module.
    pub name: Arc<str>,
    pub kind: NodeKind,
    pub cases: Vec<CaseDef>,
}

/// A function of the embedding program, called by its number with [`crate::HostFn::Foreign`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Foreign {
    pub name: Arc<str>,
    /// The numbers of its derivatives: from arguments, results and tangents of the arguments to tangents of the results; and
    /// from arguments, results and adjoints of the results to adjoints of the arguments.
    pub jvp: Option<u32>,
    pub vjp: Option<u32>,
}

/// A compilation unit.
#[derive(Clone, Debug, Default)]
pub struct Module {
    pub funcs: Arena<FuncId, Function>,
    pub nodes: Arena<NodeId, NodeDef>,
    pub locations: Locations,
    pub foreign: Vec<Foreign>,
    tangents: FxHashMap<NodeId, Option<NodeId>>,
}

impl Module {
    pub fn new() -> Module {
        Module::default()
    }

    pub fn add_function(&mut self, function: Function) -> FuncId {
        self.funcs.push(function)
    }

    /// Declares a node type. Cases may be added until [`Module::complete_tangents`].
    pub fn add_node(&mut self, name: impl Into<Arc<str>>, kind: NodeKind, cases: Vec<CaseDef>) -> NodeId {
        self.nodes.push(NodeDef { name: name.into(), kind, cases })
    }

    pub fn find_function(&self, name: &str) -> Option<FuncId> {
        self.funcs.iter().find(|(_, f)| &*f.name == name).map(|(id, _)| id)
    }

    /// Adds the request for a derivative of `primal` under a name of its own, with the signature that
    /// [`DerivativeMode`] describes.
    pub fn add_derivative(&mut self, name: impl Into<Arc<str>>, request: Derivative) -> FuncId {
        let (params, results) = self.derivative_signature(&request);
        let loc = self.funcs[request.primal].loc;
        let mut function = Function::new(name, params, results, loc);
        function.body = Body::Derivative(request);
        self.add_function(function)
    }

    /// Parameter and result types of a derivative.
    pub fn derivative_signature(&mut self, request: &Derivative) -> (Vec<Type>, Vec<Type>) {
        let primal = &self.funcs[request.primal];
        let (params, results) = (primal.params.clone(), primal.results.clone());
        let tangents_in = self.marked_tangents(&params, &request.wrt);
        let tangents_out = self.marked_tangents(&results, &request.outs);
        match request.mode {
            DerivativeMode::Jvp => ([params, tangents_in].concat(), [results, tangents_out].concat()),
            DerivativeMode::Vjp => ([params, tangents_out].concat(), [results, tangents_in].concat()),
            DerivativeMode::VjpInto => {
                ([params, tangents_out, tangents_in.clone()].concat(), [results, tangents_in].concat())
            }
            DerivativeMode::Augmented { tape } => (params, [results, vec![Type::node(tape)]].concat()),
            DerivativeMode::Reverse { tape } => ([vec![Type::node(tape)], tangents_out].concat(), tangents_in),
        }
    }

    fn marked_tangents(&mut self, types: &[Type], marks: &[bool]) -> Vec<Type> {
        let marked = types.iter().zip(marks).filter(|(_, marked)| **marked).map(|(ty, _)| *ty);
        marked
            .collect::<Vec<_>>()
            .into_iter()
            .map(|ty| self.tangent(ty).expect("a marked type has a tangent"))
            .collect()
    }

    /// The tangent type of `ty`; `None` if it is discrete. Arrays of floats are their own tangent type, and so is every
    /// tangent type.
    pub fn tangent(&mut self, ty: Type) -> Option<Type> {
        match ty.leaf {
            Leaf::Scalar(Scalar::F64 | Scalar::F32) => Some(ty),
            Leaf::Scalar(Scalar::I64 | Scalar::I32 | Scalar::U8 | Scalar::Bool) | Leaf::Str => None,
            Leaf::Node(id) => self.tangent_node(id).map(|tangent| ty.with_leaf(Leaf::Node(tangent))),
        }
    }

    /// Like [`Module::tangent`], without declaring anything: `None` also for a node type whose tangent nobody has asked for.
    pub fn known_tangent(&self, ty: Type) -> Option<Type> {
        match ty.leaf {
            Leaf::Scalar(s) => s.is_float().then_some(ty),
            Leaf::Str => None,
            Leaf::Node(id) => match self.nodes[id].kind {
                NodeKind::Tangent(_) => Some(ty),
                NodeKind::Enum | NodeKind::Closure | NodeKind::Tape => {
                    let tangent = self.tangents.get(&id).copied().flatten();
                    tangent.map(|tangent| ty.with_leaf(Leaf::Node(tangent)))
                }
            },
        }
    }

    /// The tangent type of a node type; `None` if no field of it is active, itself if all of it is floats. Declared at the first call; its cases are
    /// filled in by [`Module::complete_tangents`] for kinds that may still grow.
    pub fn tangent_node(&mut self, id: NodeId) -> Option<NodeId> {
        if let Some(known) = self.tangents.get(&id) {
            return *known;
        }
        let tangent = match self.nodes[id].kind {
            NodeKind::Tangent(_) => Some(id),
            NodeKind::Enum if self.is_all_float(id) => Some(id),
            NodeKind::Enum if !self.is_active(id) => None,
            NodeKind::Enum | NodeKind::Closure | NodeKind::Tape => {
                let name = format!("{}.tan", self.nodes[id].name);
                Some(self.add_node(name, NodeKind::Tangent(id), Vec::new()))
            }
        };
        self.tangents.insert(id, tangent);
        if self.nodes[id].kind == NodeKind::Enum {
            self.fill_tangent_cases(id);
        }
        tangent
    }

    /// Makes `tangent`, which has been declared by hand, the tangent type of `of`: for readers of the text form. False if
    /// another one is known.
    pub fn link_tangent(&mut self, of: NodeId, tangent: NodeId) -> bool {
        *self.tangents.entry(of).or_insert(Some(tangent)) == Some(tangent)
    }

    /// Whether a float can be reached from a node of this type: the least fixed point over recursive types.
    fn is_active(&self, id: NodeId) -> bool {
        let (mut seen, mut work) = (vec![id], vec![id]);
        while let Some(id) = work.pop() {
            if self.nodes[id].kind != NodeKind::Enum {
                return true;
            }
            for field in self.nodes[id].cases.iter().flat_map(|c| &c.fields) {
                match field.ty.leaf {
                    Leaf::Scalar(s) if s.is_float() => return true,
                    Leaf::Node(inner) if !seen.contains(&inner) => {
                        seen.push(inner);
                        work.push(inner);
                    }
                    Leaf::Scalar(_) | Leaf::Str | Leaf::Node(_) => {}
                }
            }
        }
        false
    }

    /// Whether nothing but floats can be reached from a node of this type: the greatest fixed point over recursive types.
    fn is_all_float(&self, id: NodeId) -> bool {
        let (mut seen, mut work) = (vec![id], vec![id]);
        let mut floats = false;
        while let Some(id) = work.pop() {
            if self.nodes[id].kind != NodeKind::Enum {
                return false;
            }
            for field in self.nodes[id].cases.iter().flat_map(|c| &c.fields) {
                match field.ty.leaf {
                    Leaf::Scalar(s) if s.is_float() => floats = true,
                    Leaf::Scalar(_) | Leaf::Str => return false,
                    Leaf::Node(inner) if !seen.contains(&inner) => {
                        seen.push(inner);
                        work.push(inner);
                    }
                    Leaf::Node(_) => {}
                }
            }
        }
        floats
    }

    /// Gives every declared tangent type of a closure or tape the cases that its primal type has by now. Call it when
    /// the cases of these are final, and again after adding to them.
    pub fn complete_tangents(&mut self) {
        let mut next = 0;
        while next < self.nodes.len() {
            let ids: Vec<NodeId> = self.nodes.keys().skip(next).collect();
            next = self.nodes.len();
            ids.into_iter().for_each(|id| self.fill_tangent_cases(id));
        }
    }

    fn fill_tangent_cases(&mut self, id: NodeId) {
        let Some(&Some(tangent)) = self.tangents.get(&id) else { return };
        if tangent == id || self.nodes[tangent].cases.len() == self.nodes[id].cases.len() {
            return;
        }
        let cases = self.nodes[id].cases.clone();
        let filled =
            cases.into_iter().map(|case| CaseDef { name: case.name, fields: self.tangent_fields(&case.fields) });
        self.nodes[tangent].cases = filled.collect();
    }

    fn tangent_fields(&mut self, fields: &[FieldDef]) -> Vec<FieldDef> {
        let tangent = |f: &FieldDef| self.tangent(f.ty).map(|ty| FieldDef { name: f.name.clone(), ty });
        fields.iter().filter_map(tangent).collect()
    }

    /// The number in the tangent type's case of field `field` of `case`; `None` if that field is discrete.
    pub fn tangent_field(&mut self, id: NodeId, case: u32, field: u32) -> Option<u32> {
        let fields = self.nodes[id].cases[case as usize].fields.clone();
        self.tangent(fields[field as usize].ty)?;
        Some(fields[..field as usize].iter().filter(|f| self.tangent(f.ty).is_some()).count() as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, ty: Type) -> FieldDef {
        FieldDef { name: name.into(), ty }
    }

    #[test]
    fn tangent_of_a_recursive_enum_keeps_cases_and_drops_discrete_fields() {
        let mut m = Module::new();
        let tree = m.add_node("Tree", NodeKind::Enum, vec![]);
        let (t, f) = (Type::node(tree), Type::F64);
        m.nodes[tree].cases = vec![
            CaseDef { name: "Leaf".into(), fields: vec![field("0", Type::I64), field("1", f)] },
            CaseDef { name: "Node".into(), fields: vec![field("0", t), field("1", t)] },
        ];
        let tan = m.tangent_node(tree).unwrap();
        assert_eq!(m.nodes[tan].cases[0].fields.len(), 1);
        assert_eq!(m.nodes[tan].cases[1].fields[0].ty, Type::node(tan));
        assert_eq!(m.tangent_node(tan), Some(tan));
        assert_eq!((m.tangent_field(tree, 0, 0), m.tangent_field(tree, 0, 1)), (None, Some(0)));
    }

    #[test]
    fn an_enum_of_floats_is_its_own_tangent_type() {
        let mut m = Module::new();
        let id = m.add_node("Shape", NodeKind::Enum, vec![]);
        m.nodes[id].cases = vec![
            CaseDef { name: "Circle".into(), fields: vec![field("0", Type::F64)] },
            CaseDef { name: "Both".into(), fields: vec![field("0", Type::node(id)), field("1", Type::node(id))] },
            CaseDef { name: "Empty".into(), fields: vec![] },
        ];
        assert_eq!(m.tangent_node(id), Some(id));
        assert_eq!(m.tangent_field(id, 1, 1), Some(1));
    }

    #[test]
    fn an_enum_of_integers_is_discrete() {
        let mut m = Module::new();
        let id = m.add_node("E", NodeKind::Enum, vec![]);
        m.nodes[id].cases =
            vec![CaseDef { name: "A".into(), fields: vec![field("0", Type::I64), field("1", Type::node(id))] }];
        assert_eq!(m.tangent(Type::node(id).array(1)), None);
    }
}
