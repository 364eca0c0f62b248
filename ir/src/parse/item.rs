//! What stands at the top level: locations, node types, functions, requests for derivatives; and types.

use super::lexer::{Placed, Token};
use super::{Parser, Result};
use crate::function::{AxisSize, Body, Derivative, DerivativeMode, Function};
use crate::location::{LocData, SrcLoc};
use crate::module::{CaseDef, FieldDef, FuncId, Module, NodeDef, NodeKind};
use crate::types::{Scalar, Type};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// Greatest location number that may be used without a declaration; a guard against typing errors.
const MAX_UNDECLARED_LOCATION: u32 = 100_000;

/// A parameter of a function, with the token of its name.
pub(super) struct NamedParam {
    pub at: usize,
    pub ty: Type,
    pub sizes: Option<Arc<[AxisSize]>>,
}

impl<'t> Parser<'t> {
    /// Declares everything that the text defines, so that the order of definitions does not matter.
    pub(super) fn new(tokens: Vec<Placed<'t>>) -> Result<Parser<'t>> {
        let mut parser = Parser {
            tokens,
            at: 0,
            module: Module::new(),
            funcs: FxHashMap::default(),
            nodes: FxHashMap::default(),
            lines: Default::default(),
            unsigned: Vec::new(),
        };
        for at in 1..parser.tokens.len() {
            let [before, name] = &parser.tokens[at - 1..=at] else { continue };
            match (&before.token, &name.token) {
                (Token::Word("func"), Token::Func(name)) => parser.declare_function(at, name.as_ref().into())?,
                (Token::Word("node"), Token::Value(name)) => parser.declare_node(at, name.as_ref().into())?,
                _ => {}
            }
        }
        Ok(parser)
    }

    fn declare_function(&mut self, at: usize, name: Arc<str>) -> Result<()> {
        let id = self.module.add_function(Function::new(name.clone(), vec![], vec![], SrcLoc::NONE));
        match self.funcs.insert(name.clone(), id) {
            None => Ok(()),
            Some(_) => self.error_at(at, format!("there are two functions `@{name}`")),
        }
    }

    fn declare_node(&mut self, at: usize, name: Arc<str>) -> Result<()> {
        let id = self.module.nodes.push(NodeDef { name: name.clone(), kind: NodeKind::Enum, cases: vec![] });
        match self.nodes.insert(name.clone(), id) {
            None => Ok(()),
            Some(_) => self.error_at(at, format!("there are two node types `%{name}`")),
        }
    }

    pub(super) fn item(&mut self) -> Result<()> {
        match self.peek() {
            Token::Word("location") => self.location_entry(),
            Token::Word("node") => self.node(),
            Token::Word("func") => self.function(),
            _ => self.expected("`func`, `node` or `location`"),
        }
    }

    /// `location 3 = 170 in "main" inlined 2`
    fn location_entry(&mut self) -> Result<()> {
        self.next();
        let at = self.at;
        let number: u32 = self.number("the number of a location")?;
        self.expect("=")?;
        let position = self.number("a position")?;
        self.expect_word("in")?;
        let function = self.name("the name of a function")?;
        let inlined_at =
            if self.eat_word("inlined") { SrcLoc(self.number("the number of a location")?) } else { SrcLoc::NONE };
        if inlined_at.0 >= number {
            return self.error_at(at, "a location is inlined at an earlier one");
        }
        let given = self.module.locations.intern(LocData { position, function, inlined_at });
        let in_order = given.0 == number;
        if in_order { Ok(()) } else { self.error_at(at, "locations are numbered from 1 in order, each entry once") }
    }

    /// ` !loc 12`, or nothing. A location that no entry declares gets one with its number as position.
    pub(super) fn location(&mut self) -> Result<SrcLoc> {
        if !self.eat("!") {
            return Ok(SrcLoc::NONE);
        }
        self.expect_word("loc")?;
        let at = self.at;
        let number: u32 = self.number("the number of a location")?;
        if number as usize >= self.module.locations.len() && number > MAX_UNDECLARED_LOCATION {
            return self.error_at(at, "no such location");
        }
        for next in self.module.locations.len() as u32..=number {
            let entry = LocData { position: next as u64, function: "".into(), inlined_at: SrcLoc::NONE };
            if self.module.locations.intern(entry).0 != next {
                return self.error_at(at, "no such location");
            }
        }
        Ok(SrcLoc(number))
    }

    /// `node %Tree = enum { Leaf(0: f64), Node(0: %Tree, 1: %Tree) }`
    fn node(&mut self) -> Result<()> {
        self.next();
        let id = self.node_name()?;
        self.expect("=")?;
        let at = self.at;
        let kind = match self.word("the kind of node")? {
            "enum" => NodeKind::Enum,
            "closure" => NodeKind::Closure,
            "tape" => NodeKind::Tape,
            "tangent" => NodeKind::Tangent(self.node_name()?),
            _ => return self.error_at(at, "a node type is `enum`, `closure`, `tape` or `tangent %Node`"),
        };
        self.expect("{")?;
        let cases = self.list("}", Parser::case)?;
        self.module.nodes[id].kind = kind;
        self.module.nodes[id].cases = cases;
        if let NodeKind::Tangent(of) = kind
            && !self.module.link_tangent(of, id)
        {
            return self.error_at(at, "this node type has a tangent type already");
        }
        Ok(())
    }

    fn case(&mut self) -> Result<CaseDef> {
        let name = self.name("a case")?;
        let fields = if self.eat("(") { self.list(")", Parser::field)? } else { Vec::new() };
        Ok(CaseDef { name, fields })
    }

    fn field(&mut self) -> Result<FieldDef> {
        let name = self.name("a field")?;
        self.expect(":")?;
        Ok(FieldDef { name, ty: self.ty()? })
    }

    /// `func @f(…) -> … {…}`, or `func @f = vjp @g …` with or without a signature.
    fn function(&mut self) -> Result<()> {
        self.lines.functions.insert(self.entity_of_next_function(), self.tokens[self.at].line);
        self.next();
        let id = self.function_name()?;
        let has_names = matches!(self.peek_second(), Token::Value(_)) && self.is_parameter_list();
        if has_names || (*self.peek() == Token::Punct("(") && *self.peek_second() == Token::Punct(")")) {
            let params = self.named_params()?;
            self.module.funcs[id].results = self.results()?;
            self.module.funcs[id].loc = self.location()?;
            if *self.peek() == Token::Punct("{") {
                return self.body(id, params);
            }
            self.module.funcs[id].params = params.iter().map(|param| param.ty).collect();
            return self.bodiless(id);
        }
        if self.eat("(") {
            self.module.funcs[id].params = self.list(")", Parser::ty)?;
            self.module.funcs[id].results = self.results()?;
        } else {
            self.unsigned.push((id, self.at));
        }
        self.module.funcs[id].loc = self.location()?;
        self.bodiless(id)
    }

    fn entity_of_next_function(&self) -> FuncId {
        match self.peek_second() {
            Token::Func(name) => self.funcs[&**name],
            _ => super::entity_in(0, 1).expect("0 is below 1"),
        }
    }

    /// Whether `(%x` begins named parameters, `(%x: f64`, rather than types, `(%Tree, f64)`.
    fn is_parameter_list(&self) -> bool {
        self.tokens.get(self.at + 2).is_some_and(|t| t.token == Token::Punct(":"))
    }

    /// `(%x: f64, %a: [f64^2](_, 3))`
    fn named_params(&mut self) -> Result<Vec<NamedParam>> {
        self.expect("(")?;
        self.list(")", |p| {
            let at = p.at;
            match p.next() {
                Token::Value(_) => p.expect(":")?,
                _ => return p.error_at(at, "a parameter is written `%name: type`"),
            }
            let ty = p.ty()?;
            let sizes = if p.eat("(") { Some(p.list(")", Parser::fixed_size)?.into()) } else { None };
            Ok(NamedParam { at, ty, sizes })
        })
    }

    /// A size that the program fixes, `#0` for that which parameter 0 is, or `_`.
    fn fixed_size(&mut self) -> Result<AxisSize> {
        if self.eat_word("_") {
            return Ok(AxisSize::Open);
        }
        if self.eat("#") {
            self.number("a parameter").map(AxisSize::Param)
        } else {
            self.number("a size").map(AxisSize::Number)
        }
    }

    fn results(&mut self) -> Result<Vec<Type>> {
        if !self.eat("->") {
            return Ok(Vec::new());
        }
        if self.eat("(") { self.list(")", Parser::ty) } else { Ok(vec![self.ty()?]) }
    }

    /// What follows the `=` of a function that has no region.
    fn bodiless(&mut self, id: FuncId) -> Result<()> {
        if !self.eat("=") {
            return self.expected("`{` or `=`");
        }
        if self.eat_word("pending") {
            self.unsigned.retain(|(unsigned, _)| *unsigned != id);
            return Ok(());
        }
        let at = self.at;
        let mode = self.word("a kind of derivative")?;
        let primal = self.function_name()?;
        self.expect_word("wrt")?;
        let wrt = self.marks()?;
        self.expect_word("outs")?;
        let outs = self.marks()?;
        let tape = if self.eat_word("tape") { Some(self.node_name()?) } else { None };
        let mode = match (mode, tape) {
            ("jvp", None) => DerivativeMode::Jvp,
            ("vjp", None) => DerivativeMode::Vjp,
            ("vjp_into", None) => DerivativeMode::VjpInto,
            ("augmented", Some(tape)) => DerivativeMode::Augmented { tape },
            ("reverse", Some(tape)) => DerivativeMode::Reverse { tape },
            ("augmented" | "reverse", None) => return self.expected("`tape %Name`"),
            _ => return self.error_at(at, "a derivative is `jvp`, `vjp`, `vjp_into`, `augmented` or `reverse`"),
        };
        self.module.funcs[id].body = Body::Derivative(Derivative { mode, primal, wrt, outs });
        Ok(())
    }

    /// `(x, _)`: a word for what is marked, `_` for the rest.
    fn marks(&mut self) -> Result<Vec<bool>> {
        self.expect("(")?;
        self.list(")", |p| match p.next() {
            Token::Word(word) => Ok(word != "_"),
            Token::Punct("*") => Ok(true),
            _ => {
                p.at -= 1;
                p.expected("a word, `*` or `_`")
            }
        })
    }

    /// Works out the signatures that were left out, those of primals first.
    pub(super) fn sign_derivatives(&mut self) -> Result<()> {
        while !self.unsigned.is_empty() {
            let waiting: Vec<FuncId> = self.unsigned.iter().map(|(id, _)| *id).collect();
            let ready = |p: &Self, id: FuncId| match &p.module.funcs[id].body {
                Body::Derivative(request) => !waiting.contains(&request.primal),
                Body::Defined(_) | Body::Pending => true,
            };
            let Some(k) = (0..self.unsigned.len()).find(|k| ready(self, self.unsigned[*k].0)) else {
                return self.error_at(self.unsigned[0].1, "this derivative is asked of itself");
            };
            let (id, at) = self.unsigned.remove(k);
            self.sign_derivative(id, at)?;
        }
        Ok(())
    }

    fn sign_derivative(&mut self, id: FuncId, at: usize) -> Result<()> {
        let Body::Derivative(request) = self.module.funcs[id].body.clone() else { return Ok(()) };
        let primal = &self.module.funcs[request.primal];
        if primal.params.len() != request.wrt.len() || primal.results.len() != request.outs.len() {
            return self.error_at(at, "`wrt` and `outs` have as many words as the primal has parameters and results");
        }
        let types = primal.params.iter().zip(&request.wrt).chain(primal.results.iter().zip(&request.outs));
        let marked: Vec<Type> = types.filter(|(_, marked)| **marked).map(|(ty, _)| *ty).collect();
        if marked.into_iter().any(|ty| self.module.tangent(ty).is_none()) {
            return self.error_at(at, "a marked parameter or result has no tangent type");
        }
        let (params, results) = self.module.derivative_signature(&request);
        let func = &mut self.module.funcs[id];
        (func.params, func.results) = (params, results);
        Ok(())
    }

    /// `f64`, `[f64]`, `[f64^2]`, `%Tree`, `str`
    pub(super) fn ty(&mut self) -> Result<Type> {
        let mut open = 0;
        while self.eat("[") {
            open += 1;
        }
        let mut ty = match self.peek() {
            Token::Value(_) => Type::node(self.node_name()?),
            Token::Word("str") => {
                self.next();
                Type::STR
            }
            Token::Word(name) => match Scalar::ALL.into_iter().find(|s| s.name() == *name) {
                Some(scalar) => {
                    self.next();
                    Type::scalar(scalar)
                }
                None => return self.expected("a type"),
            },
            _ => return self.expected("a type"),
        };
        for _ in 0..open {
            let rank = self.axes()?;
            ty = match ty.try_array(rank) {
                Some(ty) => ty,
                None => return self.error("an array type has at most 16 levels of at most 15 axes"),
            };
        }
        Ok(ty)
    }

    /// What stands between the element type and the closing bracket: nothing for one axis, `^2` for two.
    fn axes(&mut self) -> Result<usize> {
        let rank = if self.eat("^") { self.number("the number of axes")? } else { 1 };
        self.expect("]")?;
        Ok(rank)
    }
}
