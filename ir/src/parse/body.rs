//! The bodies of functions: values by name, regions, operands.
//!
//! Names of values are unique in a function, also between regions that do not see each other. A value may be used
//! before the text defines it (the verifier will say what it thinks of that) as long as nobody asks for its type.

use super::item::NamedParam;
use super::lexer::Token;
use super::{MAX_NESTING, Parser, Result};
use crate::entity::Entity;
use crate::function::{Body, Function, Inst, InstData, Region, RegionData, Value};
use crate::module::FuncId;
use crate::opcode::{Const, Op};
use crate::print::base_name;
use crate::types::{Scalar, Type};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

/// The function that is being read. It stands beside the parser, so that both can be borrowed.
pub(super) struct BodyState {
    pub id: FuncId,
    pub func: Function,
    /// The value of each name, and where the name stands first.
    names: FxHashMap<String, (Value, usize)>,
    /// For each value, whether its type is known and whether it is defined yet.
    known: Vec<bool>,
    defined: Vec<bool>,
    open: Vec<Region>,
}

impl BodyState {
    fn new_value(&mut self, name: Option<&str>) -> Value {
        let name = name.map(base_name).filter(|n| !n.is_empty()).map(Into::into);
        self.known.push(false);
        self.defined.push(false);
        self.func.new_value(Type::F64, name)
    }

    pub(super) fn set_type(&mut self, v: Value, ty: Type) {
        self.func.values[v].ty = ty;
        self.known[v.index()] = true;
    }

    fn open_region(&mut self, params: Vec<Value>) -> Region {
        let region = self.func.regions.push(RegionData { params, ..RegionData::default() });
        self.open.push(region);
        region
    }

    /// Appends an instruction to the innermost region.
    pub(super) fn append(&mut self, data: InstData) -> Inst {
        let inst = self.func.insts.push(data);
        let region = *self.open.last().expect("instructions are read inside a region");
        self.func.regions[region].insts.push(inst);
        inst
    }

    /// The types of `values`, or the first one whose type is not known yet.
    pub(super) fn types(&self, values: &[Value]) -> Result<Vec<Type>, Value> {
        values.iter().map(|v| if self.known[v.index()] { Ok(self.func.value_type(*v)) } else { Err(*v) }).collect()
    }
}

impl Parser<'_> {
    /// `{ … }` of a function with these parameters.
    pub(super) fn body(&mut self, id: FuncId, params: Vec<NamedParam>) -> Result<()> {
        let placeholder = Function::new("", vec![], vec![], Default::default());
        let func = std::mem::replace(&mut self.module.funcs[id], placeholder);
        let (names, open) = (FxHashMap::default(), Vec::new());
        let mut state = BodyState { id, func, names, known: Vec::new(), defined: Vec::new(), open };
        let mut values = Vec::new();
        for param in &params {
            let v = self.define_at(&mut state, param.at)?;
            state.set_type(v, param.ty);
            state.func.values[v].sizes = param.sizes.clone();
            values.push(v);
        }
        let entry = self.region(&mut state, values)?;
        self.all_defined(&state)?;
        state.func.params = params.into_iter().map(|param| param.ty).collect();
        state.func.body = Body::Defined(entry);
        self.module.funcs[id] = state.func;
        Ok(())
    }

    fn all_defined(&self, state: &BodyState) -> Result<()> {
        let undefined = state.names.iter().filter(|(_, (v, _))| !state.defined[v.index()]);
        match undefined.min_by_key(|(_, (_, at))| *at) {
            Some((name, (_, at))) => self.error_at(*at, format!("`%{name}` is not defined in this function")),
            None => Ok(()),
        }
    }

    /// `{ instructions… yield … }` with these parameters.
    pub(super) fn region(&mut self, state: &mut BodyState, params: Vec<Value>) -> Result<Region> {
        if state.open.len() >= MAX_NESTING {
            return self.error(format!("regions nest more than {MAX_NESTING} deep"));
        }
        self.expect("{")?;
        let region = state.open_region(params);
        while !matches!(self.peek(), Token::Punct("}") | Token::Word("yield")) {
            self.inst(state)?;
        }
        if self.eat_word("yield") {
            state.func.regions[region].yields = self.operands(state)?.to_vec();
        }
        self.expect("}")?;
        state.open.pop();
        Ok(region)
    }

    /// Defines the value whose name is the token at `at`.
    pub(super) fn define_at(&mut self, state: &mut BodyState, at: usize) -> Result<Value> {
        let Token::Value(name) = self.tokens[at].token.clone() else {
            return self.error_at(at, "expected a value, `%name`");
        };
        let v = self.lookup(state, &name, at);
        if std::mem::replace(&mut state.defined[v.index()], true) {
            return self.error_at(at, format!("`%{name}` is defined twice"));
        }
        Ok(v)
    }

    /// Defines the value whose name is next.
    pub(super) fn define(&mut self, state: &mut BodyState) -> Result<Value> {
        self.next();
        self.define_at(state, self.at - 1)
    }

    fn lookup(&mut self, state: &mut BodyState, name: &str, at: usize) -> Value {
        if let Some((v, _)) = state.names.get(name) {
            return *v;
        }
        let v = state.new_value(Some(name));
        state.names.insert(name.to_string(), (v, at));
        v
    }

    /// A value, or a literal, which becomes a constant before the instruction.
    pub(super) fn operand(&mut self, state: &mut BodyState) -> Result<Value> {
        let at = self.at;
        match self.peek().clone() {
            Token::Value(name) => {
                self.next();
                Ok(self.lookup(state, &name, at))
            }
            Token::Word(_) | Token::Text(_) => {
                let constant = self.constant(None)?;
                let ty = constant.ty();
                let v = state.new_value(None);
                state.defined[v.index()] = true;
                state.set_type(v, ty);
                let (args, regions) = (SmallVec::new(), SmallVec::new());
                let loc = Default::default();
                state.append(InstData { op: Op::Const(constant), args, regions, results: smallvec![v], loc });
                Ok(v)
            }
            _ => self.expected("an operand"),
        }
    }

    /// One or more operands.
    pub(super) fn operands(&mut self, state: &mut BodyState) -> Result<SmallVec<[Value; 4]>> {
        let mut args = smallvec![self.operand(state)?];
        while self.eat(",") {
            args.push(self.operand(state)?);
        }
        Ok(args)
    }

    /// Whether an operand is next: instructions without any end before `:`, `!`, `}` or the next instruction, of which
    /// only those with results begin like an operand.
    pub(super) fn operand_follows(&self) -> bool {
        match self.peek() {
            Token::Value(_) => !matches!(self.peek_second(), Token::Punct("=")),
            _ => false,
        }
    }

    /// A literal of type `ty`, or of the type that it looks like.
    pub(super) fn constant(&mut self, ty: Option<Type>) -> Result<Const> {
        let at = self.at;
        match self.next() {
            Token::Text(text) => Ok(Const::Str(text.into())),
            Token::Word("true") => Ok(Const::Bool(true)),
            Token::Word("false") => Ok(Const::Bool(false)),
            Token::Word("nan") if self.eat("(") => {
                let bits = self.word("the bits of a NaN")?;
                self.expect(")")?;
                nan(bits).map_or_else(|| self.error_at(at, "these are not the bits of a NaN"), Ok)
            }
            Token::Word(word) => match literal(word, ty) {
                Some(constant) => Ok(constant),
                None => self.error_at(at, format!("`{word}` is no literal of this type")),
            },
            _ => {
                self.at = at;
                self.expected("a literal")
            }
        }
    }
}

/// A number of type `ty`; without it `f64` or `i64` by its look, or what a suffix says (`2.0f32`, `3u8`).
fn literal(word: &str, ty: Option<Type>) -> Option<Const> {
    let scalar = ty.and_then(Type::as_scalar);
    let (digits, scalar) = match scalar {
        Some(scalar) => (word, Some(scalar)),
        None => Scalar::ALL
            .into_iter()
            .find_map(|s| word.strip_suffix(s.name()).map(|digits| (digits, Some(s))))
            .unwrap_or((word, None)),
    };
    let digits = digits.replace('_', "");
    match scalar {
        Some(Scalar::F64) => float(&digits).map(Const::f64),
        Some(Scalar::F32) => digits.parse::<f32>().ok().filter(|_| float(&digits).is_some()).map(Const::f32),
        Some(Scalar::I64) => integer(&digits).map(Const::I64),
        Some(Scalar::I32) => integer(&digits)?.try_into().ok().map(Const::I32),
        Some(Scalar::U8) => integer(&digits)?.try_into().ok().map(Const::U8),
        Some(Scalar::Bool) => None,
        None => integer(&digits).map(Const::I64).or_else(|| float(&digits).map(Const::f64)),
    }
}

fn integer(digits: &str) -> Option<i64> {
    match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(|bits| bits as i64),
        None => digits.parse().ok(),
    }
}

/// A decimal, `inf`, `-inf` or `nan`.
fn float(digits: &str) -> Option<f64> {
    match digits {
        "nan" => Some(f64::NAN),
        "inf" => Some(f64::INFINITY),
        "-inf" => Some(f64::NEG_INFINITY),
        _ if digits.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    }
}

/// `0x7ff8…` of 16 digits for an f64, of 8 for an f32.
fn nan(bits: &str) -> Option<Const> {
    let hex = bits.strip_prefix("0x")?;
    let number = u64::from_str_radix(hex, 16).ok()?;
    match hex.len() {
        16 => f64::from_bits(number).is_nan().then_some(Const::F64(number)),
        8 => f32::from_bits(number as u32).is_nan().then_some(Const::F32(number as u32)),
        _ => None,
    }
}
