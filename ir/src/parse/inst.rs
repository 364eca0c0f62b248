//! Instructions, read: the mirror image of `print/inst.rs`.

use super::body::BodyState;
use super::lexer::Token;
use super::{Parser, Result};
use crate::function::{InstData, Region, Value};
use crate::host::HostFn;
use crate::module::{CaseDef, NodeId};
use crate::opcode::{Access, BinaryOp, CompareOp, FormatSpec, Op, ReduceOp, UnaryOp};
use crate::trap::TrapCode;
use crate::types::{Scalar, Type};
use crate::typing;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// An instruction without its results: what is known when its head has been read.
struct Head {
    op: Op,
    args: SmallVec<[Value; 4]>,
    /// Parameters of the first region.
    params: Vec<Value>,
}

impl Head {
    fn new(op: Op, args: SmallVec<[Value; 4]>) -> Head {
        Head { op, args, params: Vec::new() }
    }
}

impl Parser<'_> {
    pub(super) fn inst(&mut self, state: &mut BodyState) -> Result<()> {
        let (start, line) = (self.at, self.tokens[self.at].line);
        let results = self.result_names(state)?;
        let mut head = self.head(state)?;
        let types = self.written_types(&mut head.op)?;
        let loc = self.location()?;
        let regions = self.regions(state, &head)?;
        let types = match types {
            Some(types) => types,
            None => self.types_that_follow(state, &head, &regions, start)?,
        };
        if types.len() != results.len() {
            let counts = (types.len(), results.len());
            return self.error_at(start, format!("this gives {} values, but {} are named", counts.0, counts.1));
        }
        results.iter().zip(types).for_each(|(v, ty)| state.set_type(*v, ty));
        let data = InstData { op: head.op, args: head.args, regions, results, loc };
        let inst = state.append(data);
        self.lines.instructions.insert((state.id, inst), line);
        Ok(())
    }

    /// `%a, %b =`, or nothing.
    fn result_names(&mut self, state: &mut BodyState) -> Result<SmallVec<[Value; 2]>> {
        let mut results = SmallVec::new();
        if !matches!(self.peek(), Token::Value(_)) {
            return Ok(results);
        }
        loop {
            results.push(self.define(state)?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect("=")?;
        Ok(results)
    }

    /// ` : f64, f64`, or nothing. The type of a constant decides what its literal means.
    fn written_types(&mut self, op: &mut Op) -> Result<Option<Vec<Type>>> {
        let literal_at = self.at - 1;
        if !self.eat(":") {
            return Ok(None);
        }
        if self.eat("(") {
            self.expect(")")?;
            return Ok(Some(Vec::new()));
        }
        let mut types = vec![self.ty()?];
        while self.eat(",") {
            types.push(self.ty()?);
        }
        if let Op::Const(constant) = op
            && constant.ty() != types[0]
            && let Token::Word(_) = self.tokens[literal_at].token
        {
            let after = std::mem::replace(&mut self.at, literal_at);
            *constant = self.constant(Some(types[0]))?;
            self.at = after;
        }
        Ok(Some(types))
    }

    fn types_that_follow(&self, state: &BodyState, head: &Head, regions: &[Region], start: usize) -> Result<Vec<Type>> {
        let yields: std::result::Result<Vec<Vec<Type>>, Value> =
            regions.iter().map(|r| state.types(&state.func.regions[*r].yields)).collect();
        let follows = state.types(&head.args).and_then(|args| Ok((args, yields?)));
        let follows = follows.ok().and_then(|(args, yields)| {
            let needs_types = matches!(head.op, Op::Call(_));
            if needs_types { None } else { typing::result_types(&self.module, &head.op, &args, &yields) }
        });
        match (follows, &head.op) {
            (Some(types), _) => Ok(types),
            (None, Op::Call(_)) if self.tokens[start].token == Token::Word("call") => Ok(Vec::new()),
            (None, _) => self.error_at(start, "the types of the results do not follow here: write `: type` behind"),
        }
    }

    fn head(&mut self, state: &mut BodyState) -> Result<Head> {
        let at = self.at;
        let word = self.word("an instruction")?;
        let (name, access) = match word.strip_suffix(".inbounds") {
            Some(name) => (name, Access::InBounds),
            None => (word, Access::Checked),
        };
        if let Some(op) = plain_op(word) {
            let args = if self.operand_or_literal_follows() { self.operands(state)? } else { smallvec![] };
            return Ok(Head::new(op, args));
        }
        match name {
            "const" => Ok(Head::new(Op::Const(self.constant(None)?), smallvec![])),
            "convert" => self.convert(state),
            "get" => Ok(Head::new(Op::Get(access), self.indexed(state)?)),
            "set" => Ok(Head::new(Op::Set(access), self.indexed_and_value(state)?)),
            "take" => Ok(Head::new(Op::Take(access), self.indexed(state)?)),
            "put" => Ok(Head::new(Op::Put, self.indexed_and_value(state)?)),
            "add_at" => Ok(Head::new(Op::AddAt(access), self.indexed_and_value(state)?)),
            "slice" => Ok(Head::new(Op::Slice(access), self.row_range(state)?)),
            "set_slice" => Ok(Head::new(Op::SetSlice(access), self.rows_from(state)?)),
            "add_slice" => Ok(Head::new(Op::AddSlice(access), self.rows_from(state)?)),
            "map" => self.map_head(state),
            "build" => self.build_head(state),
            "reduce" => {
                let op = self.table_entry(ReduceOp::TABLE, "a reduction")?;
                Ok(Head::new(Op::Reduce(op), self.operands(state)?))
            }
            "matmul" => self.matmul(state),
            "matvec" => self.matvec(state),
            "node_new" => self.node_new(state),
            "node_get" => self.node_get(state),
            "format" => self.format(state),
            "for" => self.for_head(state),
            "while" => self.while_head(state),
            "call" => {
                let callee = self.function_name()?;
                Ok(Head::new(Op::Call(callee), self.call_args(state)?))
            }
            "check" => {
                let code = self.trap_code()?;
                Ok(Head::new(Op::Check(code), self.operands(state)?))
            }
            "host" => {
                let f = self.table_entry(HostFn::TABLE, "a host function")?;
                Ok(Head::new(Op::Host(f), self.call_args(state)?))
            }
            _ => match word.strip_prefix("dim.").and_then(|axis| axis.parse().ok()) {
                Some(axis) => Ok(Head::new(Op::Dim(axis), self.operands(state)?)),
                None => self.error_at(at, format!("there is no instruction `{word}`")),
            },
        }
    }

    /// Whether operands follow an instruction that may have none: `undef`, `elements`, `concat`.
    fn operand_or_literal_follows(&self) -> bool {
        match self.peek() {
            Token::Text(_) => true,
            Token::Word(word) => {
                word.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                    || matches!(*word, "true" | "false" | "inf" | "nan")
            }
            _ => self.operand_follows(),
        }
    }

    fn table_entry<T: Copy>(&mut self, table: &[(T, &str)], what: &str) -> Result<T> {
        let found = match self.peek() {
            Token::Word(word) => table.iter().find(|(_, name)| name == word),
            _ => None,
        };
        match found {
            Some((entry, _)) => {
                self.next();
                Ok(*entry)
            }
            None => self.expected(what),
        }
    }

    fn trap_code(&mut self) -> Result<TrapCode> {
        let codes = TrapCode::ALL.map(|code| (code, code.name()));
        self.table_entry(&codes, "the name of a trap")
    }

    fn call_args(&mut self, state: &mut BodyState) -> Result<SmallVec<[Value; 4]>> {
        self.expect("(")?;
        self.list(")", |p| p.operand(state)).map(SmallVec::from_vec)
    }

    fn convert(&mut self, state: &mut BodyState) -> Result<Head> {
        let args = self.operands(state)?;
        self.expect_word("to")?;
        let scalars = Scalar::ALL.map(|s| (s, s.name()));
        Ok(Head::new(Op::Convert(self.table_entry(&scalars, "a scalar type")?), args))
    }

    // ---- arrays ----

    /// `%x[%i, %j]`
    fn indexed(&mut self, state: &mut BodyState) -> Result<SmallVec<[Value; 4]>> {
        let mut args = smallvec![self.operand(state)?];
        self.expect("[")?;
        args.extend(self.list("]", |p| p.operand(state))?);
        Ok(args)
    }

    /// `%x[%i, %j], %v`
    fn indexed_and_value(&mut self, state: &mut BodyState) -> Result<SmallVec<[Value; 4]>> {
        let mut args = self.indexed(state)?;
        self.expect(",")?;
        args.push(self.operand(state)?);
        Ok(args)
    }

    /// `%x[%lo..%hi]`
    fn row_range(&mut self, state: &mut BodyState) -> Result<SmallVec<[Value; 4]>> {
        let mut args = smallvec![self.operand(state)?];
        self.expect("[")?;
        args.push(self.operand(state)?);
        self.expect("..")?;
        args.push(self.operand(state)?);
        self.expect("]")?;
        Ok(args)
    }

    /// `%x[%lo..], %v`
    fn rows_from(&mut self, state: &mut BodyState) -> Result<SmallVec<[Value; 4]>> {
        let mut args = smallvec![self.operand(state)?];
        self.expect("[")?;
        args.push(self.operand(state)?);
        self.expect("..")?;
        self.expect("]")?;
        self.expect(",")?;
        args.push(self.operand(state)?);
        Ok(args)
    }

    fn transposed(&mut self, state: &mut BodyState) -> Result<(Value, bool)> {
        let v = self.operand(state)?;
        let flag = self.eat("^");
        if flag {
            self.expect_word("T")?;
        }
        Ok((v, flag))
    }

    fn matmul(&mut self, state: &mut BodyState) -> Result<Head> {
        let (a, transpose_a) = self.transposed(state)?;
        self.expect(",")?;
        let (b, transpose_b) = self.transposed(state)?;
        Ok(Head::new(Op::MatMul { transpose_a, transpose_b }, smallvec![a, b]))
    }

    fn matvec(&mut self, state: &mut BodyState) -> Result<Head> {
        let (a, transpose) = self.transposed(state)?;
        self.expect(",")?;
        let x = self.operand(state)?;
        Ok(Head::new(Op::MatVec { transpose }, smallvec![a, x]))
    }

    // ---- nodes and text ----

    /// `%Tree::Leaf(%x)`
    fn node_new(&mut self, state: &mut BodyState) -> Result<Head> {
        let node = self.node_name()?;
        self.expect("::")?;
        let case = self.case_of(Some(node))?;
        Ok(Head::new(Op::NodeNew { node, case }, self.call_args(state)?))
    }

    /// `%t as Leaf::0`
    fn node_get(&mut self, state: &mut BodyState) -> Result<Head> {
        let args = smallvec![self.operand(state)?];
        let node = state.types(&args).ok().and_then(|types| types[0].as_node());
        self.expect_word("as")?;
        let case = self.case_of(node)?;
        self.expect("::")?;
        let names = node.and_then(|id| self.module.nodes[id].cases.get(case as usize));
        let names: Vec<Arc<str>> = names.into_iter().flat_map(|c| &c.fields).map(|f| f.name.clone()).collect();
        let field = self.member(&names, "field")?;
        Ok(Head::new(Op::NodeGet { case, field }, args))
    }

    fn case_of(&mut self, node: Option<NodeId>) -> Result<u32> {
        let cases: &[CaseDef] = node.map_or(&[], |id| &self.module.nodes[id].cases);
        let names: Vec<Arc<str>> = cases.iter().map(|c| c.name.clone()).collect();
        self.member(&names, "case")
    }

    /// One of `names`, or `#` and a number.
    fn member(&mut self, names: &[Arc<str>], what: &str) -> Result<u32> {
        if self.eat("#") {
            return self.number("a number");
        }
        let at = self.at;
        let name = self.name(what)?;
        match names.iter().position(|n| *n == name) {
            Some(k) => Ok(k as u32),
            None => self.error_at(at, format!("there is no {what} `{name}` here")),
        }
    }

    /// `format ">8.3" %x`
    fn format(&mut self, state: &mut BodyState) -> Result<Head> {
        let at = self.at;
        let spec = match self.peek().clone() {
            Token::Text(text) => {
                self.next();
                let spec = FormatSpec::parse(&text);
                spec.map_or_else(|| self.error_at(at, "this is no format"), Ok)?
            }
            _ => FormatSpec::default(),
        };
        Ok(Head::new(Op::Format(spec), self.operands(state)?))
    }

    // ---- control ----

    /// `%s = %x, %t = %y)`: parameters of a region with what they start from; their types follow by `expected`.
    fn carried(&mut self, state: &mut BodyState, head: &mut Head, expected: fn(Type) -> Type) -> Result<()> {
        let items = self.list(")", |p| {
            let at = p.at;
            let param = p.define(state)?;
            let written = if p.eat(":") { Some(p.ty()?) } else { None };
            p.expect("=")?;
            Ok((at, param, written, p.operand(state)?))
        })?;
        for (at, param, written, init) in items {
            let ty = match (written, state.types(&[init])) {
                (Some(ty), _) => ty,
                (None, Ok(types)) => expected(types[0]),
                (None, Err(_)) => return self.error_at(at, "the type does not follow here: write `%name: type`"),
            };
            state.set_type(param, ty);
            head.params.push(param);
            head.args.push(init);
        }
        Ok(())
    }

    /// `%i` or `%i: i64`
    fn counter(&mut self, state: &mut BodyState) -> Result<Value> {
        let counter = self.define(state)?;
        let ty = if self.eat(":") { self.ty()? } else { Type::I64 };
        state.set_type(counter, ty);
        Ok(counter)
    }

    fn map_head(&mut self, state: &mut BodyState) -> Result<Head> {
        let mut head = Head::new(Op::Map, smallvec![]);
        self.expect("(")?;
        self.carried(state, &mut head, Type::element)?;
        Ok(head)
    }

    fn build_head(&mut self, state: &mut BodyState) -> Result<Head> {
        self.expect("(")?;
        let axes = self.list(")", |p| {
            let index = p.counter(state)?;
            p.expect("<")?;
            Ok((index, p.operand(state)?))
        })?;
        let (params, args): (Vec<Value>, Vec<Value>) = axes.into_iter().unzip();
        Ok(Head { op: Op::Build, args: args.into(), params })
    }

    fn for_head(&mut self, state: &mut BodyState) -> Result<Head> {
        let counter = self.counter(state)?;
        self.expect_word("in")?;
        let lo = self.operand(state)?;
        self.expect("..")?;
        let hi = self.operand(state)?;
        let mut head = Head { op: Op::For, args: smallvec![lo, hi], params: vec![counter] };
        if self.eat_word("carry") {
            self.expect("(")?;
            self.carried(state, &mut head, |ty| ty)?;
        }
        Ok(head)
    }

    fn while_head(&mut self, state: &mut BodyState) -> Result<Head> {
        let mut head = Head::new(Op::While, smallvec![]);
        self.expect("(")?;
        self.carried(state, &mut head, |ty| ty)?;
        Ok(head)
    }

    fn regions(&mut self, state: &mut BodyState, head: &Head) -> Result<SmallVec<[Region; 2]>> {
        if head.op == Op::If {
            self.if_regions(state)
        } else if head.op == Op::Switch {
            self.switch_regions(state)
        } else if head.op == Op::While {
            let condition = self.region(state, head.params.clone())?;
            self.expect_word("do")?;
            let params = self.body_params(state, head)?;
            Ok(smallvec![condition, self.region(state, params)?])
        } else if matches!(head.op, Op::For | Op::Map | Op::Build) {
            Ok(smallvec![self.region(state, head.params.clone())?])
        } else {
            Ok(smallvec![])
        }
    }

    /// `(%s, %t)` of the body of a `while`: of the types of what is carried.
    fn body_params(&mut self, state: &mut BodyState, head: &Head) -> Result<Vec<Value>> {
        self.expect("(")?;
        let mut next = 0;
        self.list(")", |p| {
            let param = p.define(state)?;
            let follows = head.params.get(next).and_then(|v| state.types(&[*v]).ok()).map(|types| types[0]);
            next += 1;
            let ty = if p.eat(":") { Some(p.ty()?) } else { follows };
            match ty {
                Some(ty) => state.set_type(param, ty),
                None => return p.error("the type does not follow here: write `%name: type`"),
            }
            Ok(param)
        })
    }

    /// `{…} else {…}`; a missing `else` is an empty region.
    fn if_regions(&mut self, state: &mut BodyState) -> Result<SmallVec<[Region; 2]>> {
        let then = self.region(state, Vec::new())?;
        let otherwise = if self.eat_word("else") {
            self.region(state, Vec::new())?
        } else {
            state.func.regions.push(Default::default())
        };
        Ok(smallvec![then, otherwise])
    }

    /// `case 0 {…} case 1 {…} default {…}`
    fn switch_regions(&mut self, state: &mut BodyState) -> Result<SmallVec<[Region; 2]>> {
        let mut regions = smallvec![];
        while self.eat_word("case") {
            let at = self.at;
            let number: usize = self.number("the number of a case")?;
            if number != regions.len() {
                return self.error_at(at, format!("case {} comes next", regions.len()));
            }
            regions.push(self.region(state, Vec::new())?);
        }
        self.expect_word("default")?;
        regions.push(self.region(state, Vec::new())?);
        Ok(regions)
    }
}

/// The operations that are written as their name and their operands.
fn plain_op(word: &str) -> Option<Op> {
    let unary = || UnaryOp::TABLE.iter().find(|(_, name)| *name == word).map(|(op, _)| Op::Unary(*op));
    let binary = || BinaryOp::TABLE.iter().find(|(_, name)| *name == word).map(|(op, _)| Op::Binary(*op));
    let compare = || CompareOp::TABLE.iter().find(|(_, name)| *name == word).map(|(op, _)| Op::Compare(*op));
    let others = [
        ("undef", Op::Undef),
        ("select", Op::Select),
        ("stop_grad", Op::StopGrad),
        ("fill", Op::Fill),
        ("elements", Op::Elements),
        ("push", Op::Push),
        ("pop", Op::Pop),
        ("reshape", Op::Reshape),
        ("dot", Op::Dot),
        ("outer", Op::Outer),
        ("sort_permutation", Op::SortPermutation),
        ("node_tag", Op::NodeTag),
        ("zeros_like", Op::ZerosLike),
        ("add_tangent", Op::AddTangent),
        ("concat", Op::Concat),
        ("if", Op::If),
        ("switch", Op::Switch),
        ("trap", Op::Trap),
        ("retain", Op::Retain),
        ("release", Op::Release),
        ("unshare", Op::Unshare),
    ];
    unary().or_else(binary).or_else(compare).or_else(|| others.into_iter().find(|(n, _)| *n == word).map(|(_, op)| op))
}
