//! What each operation takes: operands, regions, results.

use super::function::Verifier;
use crate::function::{Inst, InstData};
use crate::host::HostFn;
use crate::module::{FuncId, NodeId};
use crate::opcode::{BinaryOp, Op, ReduceOp, UnaryOp};
use crate::types::{Leaf, Scalar, Type};
use crate::typing;

/// V020 to V032 for one instruction, all of whose values exist.
pub(super) fn check(verifier: &mut Verifier<'_>, inst: Inst, data: &InstData) {
    let args = verifier.types(&data.args);
    let results = verifier.types(&data.results);
    let check = Check { verifier, inst, data, args, results };
    if let Err((rule, message)) = check.all() {
        check.verifier.error(rule, Some(inst), message);
    }
}

type Outcome = Result<(), (u16, String)>;

fn broken<T>(rule: u16, message: impl Into<String>) -> Result<T, (u16, String)> {
    Err((rule, message.into()))
}

fn ensure(rule: u16, holds: bool, message: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { broken(rule, message) }
}

struct Check<'v, 'a> {
    verifier: &'v mut Verifier<'a>,
    inst: Inst,
    data: &'v InstData,
    args: Vec<Type>,
    results: Vec<Type>,
}

impl Check<'_, '_> {
    /// The first rule that is broken.
    fn all(&self) -> Outcome {
        self.operands()?;
        self.regions()?;
        self.results()
    }

    /// The rules for operands: an arm for each operation, in the order of the table, and nothing else.
    fn operands(&self) -> Outcome {
        match &self.data.op {
            Op::Const(_) | Op::Undef => self.count(0),
            Op::Unary(op) => self.unary(*op),
            Op::Binary(op) => self.binary(*op),
            Op::Compare(_) => {
                self.alike(2)?;
                self.operand(0, "a scalar or a text", |ty| ty.as_scalar().is_some() || ty == Type::STR)
            }
            Op::Select => {
                self.count(3)?;
                self.exactly(0, Type::BOOL)?;
                self.operand(1, "a scalar", |ty| ty.as_scalar().is_some())?;
                self.exactly(2, self.args[1])
            }
            Op::Convert(_) => {
                self.count(1)?;
                self.operand(0, "a scalar", |ty| ty.as_scalar().is_some())
            }
            Op::StopGrad => self.count(1),
            Op::Fill => {
                self.at_least(2)?;
                self.ints(1..self.args.len())
            }
            Op::Elements => self.elements(),
            Op::Dim(axis) => {
                self.count(1)?;
                self.operand(0, "an array with that axis", |ty| (*axis as usize) < ty.rank())
            }
            Op::Get(_) => self.indices(self.args.len()).map(|_| ()),
            Op::Set(_) | Op::AddAt(_) => self.set(),
            Op::Take(_) => self.moves(self.args.len()),
            Op::Put => {
                self.at_least(3)?;
                self.moves(self.args.len() - 1)?;
                self.exactly(self.args.len() - 1, self.args[0].element())
            }
            Op::Slice(_) => {
                self.count(3)?;
                self.array(0)?;
                self.ints(1..3)
            }
            Op::SetSlice(_) | Op::AddSlice(_) => {
                self.count(3)?;
                self.array(0)?;
                self.ints(1..2)?;
                self.exactly(2, self.args[0])?;
                if matches!(self.data.op, Op::AddSlice(_)) { self.tangent(0) } else { Ok(()) }
            }
            Op::Push => {
                self.count(2)?;
                self.of_rank(0, 1)?;
                self.exactly(1, self.args[0].element())
            }
            Op::Pop => {
                self.count(1)?;
                self.of_rank(0, 1)
            }
            Op::Reshape => {
                self.at_least(2)?;
                self.array(0)?;
                self.ints(1..self.args.len())
            }
            Op::Map => {
                self.at_least(1)?;
                let rank = self.args[0].rank();
                (0..self.args.len()).try_for_each(|k| self.of_rank(k, rank.max(1)))
            }
            Op::Build => {
                self.at_least(1)?;
                self.ints(0..self.args.len())
            }
            Op::Reduce(op) => self.reduce(*op),
            Op::Dot => {
                self.alike(2)?;
                self.operand(0, "an array of floats", |ty| ty.element().is_float() && ty.is_array())
            }
            Op::MatMul { .. } => {
                self.alike(2)?;
                self.operand(0, "a matrix of floats", |ty| ty.rank() == 2 && ty.element().is_float())
            }
            Op::MatVec { .. } => {
                self.count(2)?;
                self.operand(0, "a matrix of floats", |ty| ty.rank() == 2 && ty.element().is_float())?;
                self.exactly(1, self.args[0].element().array(1))
            }
            Op::Outer => {
                self.alike(2)?;
                self.operand(0, "a vector of numbers", |ty| ty.rank() == 1 && is_number(ty.element()))
            }
            Op::SortPermutation => {
                self.count(1)?;
                self.operand(0, "a vector of numbers", |ty| ty.rank() == 1 && is_number(ty.element()))
            }
            Op::NodeNew { node, case } => self.node_new(*node, *case),
            Op::NodeTag => {
                self.count(1)?;
                self.operand(0, "a node", |ty| ty.as_node().is_some())
            }
            Op::NodeGet { case, field } => self.node_get(*case, *field),
            Op::ZerosLike => {
                self.count(1)?;
                let tangent = self.verifier.module.known_tangent(self.args[0]);
                let fits = tangent.is_some() && self.results == Vec::from_iter(tangent);
                ensure(32, fits, "the result is not of the tangent type of the operand")
            }
            Op::AddTangent => {
                self.alike(2)?;
                self.tangent(0)
            }
            Op::Concat => (0..self.args.len()).try_for_each(|k| self.exactly(k, Type::STR)),
            Op::Format(_) => {
                self.count(1)?;
                self.operand(0, "without nodes", |ty| !matches!(ty.leaf, Leaf::Node(_)))
            }
            Op::If => self.signature(&[Type::BOOL]),
            Op::Switch => self.signature(&[Type::I64]),
            Op::For => {
                self.at_least(2)?;
                self.ints(0..2)
            }
            Op::While => Ok(()),
            Op::Call(callee) => self.call(*callee),
            Op::Check(_) => self.signature(&[Type::BOOL, Type::I64, Type::I64]),
            Op::Trap => self.signature(&[Type::STR]),
            Op::Host(f) => self.host(*f),
            Op::Retain | Op::Release | Op::Unshare => {
                self.count(1)?;
                self.operand(0, "held by reference count", Type::is_heap)
            }
        }
    }

    // ---- kinds of operands ----

    fn count(&self, count: usize) -> Outcome {
        let found = self.args.len();
        ensure(20, found == count, format!("{found} operands where {count} are needed"))
    }

    fn at_least(&self, count: usize) -> Outcome {
        let found = self.args.len();
        ensure(20, found >= count, format!("{found} operands where at least {count} are needed"))
    }

    fn operand(&self, k: usize, what: &str, fits: impl Fn(Type) -> bool) -> Outcome {
        ensure(21, fits(self.args[k]), format!("operand {k} must be {what}"))
    }

    fn exactly(&self, k: usize, ty: Type) -> Outcome {
        let wanted = crate::print::type_text(self.verifier.module, ty);
        ensure(21, self.args[k] == ty, format!("operand {k} must be of type {wanted}"))
    }

    fn signature(&self, types: &[Type]) -> Outcome {
        self.count(types.len())?;
        (0..types.len()).try_for_each(|k| self.exactly(k, types[k]))
    }

    fn alike(&self, count: usize) -> Outcome {
        self.count(count)?;
        (1..count).try_for_each(|k| self.exactly(k, self.args[0]))
    }

    fn ints(&self, mut range: std::ops::Range<usize>) -> Outcome {
        range.try_for_each(|k| self.exactly(k, Type::I64))
    }

    fn array(&self, k: usize) -> Outcome {
        self.operand(k, "an array", Type::is_array)
    }

    fn of_rank(&self, k: usize, rank: usize) -> Outcome {
        self.operand(k, &format!("an array of rank {rank}"), |ty| ty.rank() == rank)
    }

    /// A type that is its own tangent type.
    fn tangent(&self, k: usize) -> Outcome {
        let ty = self.args[k];
        let fits = self.verifier.module.known_tangent(ty) == Some(ty);
        ensure(32, fits, format!("operand {k} must be a tangent"))
    }

    // ---- scalars ----

    fn unary(&self, op: UnaryOp) -> Outcome {
        self.count(1)?;
        match op {
            UnaryOp::Neg | UnaryOp::Abs => self.operand(0, "a number", is_number),
            UnaryOp::Not => self.operand(0, "a bool or an integer", is_bits),
            UnaryOp::Sign | UnaryOp::Sqrt | UnaryOp::Cbrt | UnaryOp::Exp | UnaryOp::Exp2 | UnaryOp::Expm1 => {
                self.float()
            }
            UnaryOp::Log | UnaryOp::Log2 | UnaryOp::Log10 | UnaryOp::Log1p | UnaryOp::Sin | UnaryOp::Cos => {
                self.float()
            }
            UnaryOp::Tan | UnaryOp::Asin | UnaryOp::Acos | UnaryOp::Atan | UnaryOp::Sinh | UnaryOp::Cosh => {
                self.float()
            }
            UnaryOp::Tanh | UnaryOp::Asinh | UnaryOp::Acosh | UnaryOp::Atanh | UnaryOp::Erf => self.float(),
            UnaryOp::Erfc | UnaryOp::Sigmoid | UnaryOp::Softplus => self.float(),
            UnaryOp::Lgamma | UnaryOp::Digamma | UnaryOp::Trigamma => self.float(),
            UnaryOp::Floor | UnaryOp::Ceil | UnaryOp::Round | UnaryOp::Trunc => self.float(),
        }
    }

    fn float(&self) -> Outcome {
        self.operand(0, "a float", Type::is_float)
    }

    fn binary(&self, op: BinaryOp) -> Outcome {
        self.alike(2)?;
        match op {
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem | BinaryOp::Pow => {
                self.operand(0, "a number", is_number)
            }
            BinaryOp::Min | BinaryOp::Max => self.operand(0, "a number", is_number),
            BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::CopySign | BinaryOp::Polygamma => self.float(),
            BinaryOp::And | BinaryOp::Or | BinaryOp::Xor => self.operand(0, "a bool or an integer", is_bits),
            BinaryOp::Shl | BinaryOp::Shr => self.operand(0, "an integer", is_int),
        }
    }

    // ---- arrays ----

    fn elements(&self) -> Outcome {
        let [result] = self.results.as_slice() else { return broken(22, "there is one result") };
        ensure(22, result.rank() == 1, "the result must be an array of rank 1")?;
        (0..self.args.len()).try_for_each(|k| self.exactly(k, result.element()))
    }

    /// An array and its indices, the operands before `end`; gives the type of what they select.
    fn indices(&self, end: usize) -> Result<Type, (u16, String)> {
        ensure(20, end >= 2, "an array and at least one index are needed")?;
        self.array(0)?;
        ensure(20, end - 1 <= self.args[0].rank(), "there are more indices than axes")?;
        self.ints(1..end)?;
        typing::part(self.args[0], end - 1).ok_or((20, "there are more indices than axes".to_string()))
    }

    fn set(&self) -> Outcome {
        self.at_least(3)?;
        let last = self.args.len() - 1;
        let part = self.indices(last)?;
        self.exactly(last, part)?;
        if matches!(self.data.op, Op::AddAt(_)) { self.tangent(0) } else { Ok(()) }
    }

    /// An array whose elements are objects, and an index for each of its axes.
    fn moves(&self, end: usize) -> Outcome {
        let element = self.indices(end)?;
        ensure(20, end - 1 == self.args[0].rank(), "an index for each axis is needed")?;
        self.operand(0, "an array of arrays, strings or nodes", |_| element.is_heap())
    }

    fn reduce(&self, op: ReduceOp) -> Outcome {
        self.count(1)?;
        match op {
            ReduceOp::Sum | ReduceOp::Max | ReduceOp::Min | ReduceOp::ArgMax | ReduceOp::ArgMin => {
                self.operand(0, "an array of numbers", |ty| ty.is_array() && is_number(ty.element()))
            }
        }
    }

    // ---- nodes ----

    fn node_new(&self, node: NodeId, case: u32) -> Outcome {
        let def = self.verifier.module.nodes.get(node).and_then(|def| def.cases.get(case as usize));
        let Some(def) = def else { return broken(31, format!("there is no case {case}")) };
        let fields: Vec<Type> = def.fields.iter().map(|f| f.ty).collect();
        ensure(31, fields == self.args, format!("these are not the fields of {}", def.name))
    }

    fn node_get(&self, case: u32, field: u32) -> Outcome {
        self.count(1)?;
        self.operand(0, "a node", |ty| ty.as_node().is_some())?;
        let def = self.args[0].as_node().and_then(|id| self.verifier.module.nodes.get(id));
        let found = def.and_then(|def| def.cases.get(case as usize)?.fields.get(field as usize));
        ensure(31, found.is_some(), format!("there is no field {field} in case {case}"))
    }

    // ---- calls ----

    fn call(&self, callee: FuncId) -> Outcome {
        let Some(callee) = self.verifier.module.funcs.get(callee) else {
            return broken(30, "the callee does not exist");
        };
        ensure(30, callee.params == self.args, format!("the operands are not the parameters of @{}", callee.name))?;
        ensure(30, callee.results == self.results, format!("the results are not those of @{}", callee.name))
    }

    fn host(&self, f: HostFn) -> Outcome {
        let (params, results) = f.signature();
        ensure(30, params == self.args, "the operands are not the parameters of the host function")?;
        ensure(30, results == self.results, "the results are not those of the host function")
    }

    // ---- regions and results ----

    fn regions(&self) -> Outcome {
        let op = &self.data.op;
        match op {
            _ if !owns_regions(op) => self.region_count(0),
            Op::If => {
                self.region_count(2)?;
                self.branches()
            }
            Op::Switch => {
                ensure(23, !self.data.regions.is_empty(), "a default region is needed")?;
                self.branches()
            }
            Op::For => {
                self.region_count(1)?;
                let carried = &self.args[2..];
                self.region(0, &[&[Type::I64], carried].concat(), Some(carried))
            }
            Op::While => {
                self.region_count(2)?;
                self.region(0, &self.args, Some(&[Type::BOOL]))?;
                self.region(1, &self.args, Some(&self.args))
            }
            Op::Map => {
                self.region_count(1)?;
                let elements: Vec<Type> = self.args.iter().map(|ty| ty.element()).collect();
                self.region(0, &elements, None)?;
                let flat = self.yields(0).iter().all(|ty| !ty.is_array());
                ensure(25, flat, "the region of a map yields no arrays")
            }
            Op::Build => {
                self.region_count(1)?;
                self.region(0, &self.args, None)
            }
            op => unreachable!("{op:?} owns no regions"),
        }
    }

    fn region_count(&self, count: usize) -> Outcome {
        let found = self.data.regions.len();
        ensure(23, found == count, format!("{found} regions where {count} are needed"))
    }

    fn branches(&self) -> Outcome {
        (0..self.data.regions.len()).try_for_each(|k| self.region(k, &[], Some(&self.results)))
    }

    fn region(&self, k: usize, params: &[Type], yields: Option<&[Type]>) -> Outcome {
        let region = &self.verifier.func.regions[self.data.regions[k]];
        let found = self.verifier.types(&region.params);
        ensure(24, found == params, format!("the parameters of region {k} are not what is passed to it"))?;
        let fits = yields.is_none_or(|yields| self.yields(k) == yields);
        ensure(25, fits, format!("region {k} yields other types than are needed"))
    }

    fn yields(&self, k: usize) -> Vec<Type> {
        self.verifier.types(&self.verifier.func.regions[self.data.regions[k]].yields)
    }

    fn results(&self) -> Outcome {
        if matches!(self.data.op, Op::Undef) {
            return ensure(22, self.results.len() == 1, "there is one result");
        }
        let yields: Vec<Vec<Type>> = (0..self.data.regions.len()).map(|k| self.yields(k)).collect();
        let follows = typing::result_types(self.verifier.module, &self.data.op, &self.args, &yields);
        let shown_only = matches!(self.data.op, Op::ZerosLike | Op::Elements | Op::Call(_));
        match follows {
            Some(types) => ensure(22, types == self.results, "the results have other types than follow"),
            None if shown_only => Ok(()),
            None => broken(22, format!("no type follows for the results of {:?}", self.inst)),
        }
    }
}

fn owns_regions(op: &Op) -> bool {
    matches!(op, Op::If | Op::Switch | Op::For | Op::While | Op::Map | Op::Build)
}

fn is_number(ty: Type) -> bool {
    ty.is_float() || is_int(ty)
}

fn is_int(ty: Type) -> bool {
    ty.as_scalar().is_some_and(Scalar::is_int)
}

fn is_bits(ty: Type) -> bool {
    ty == Type::BOOL || is_int(ty)
}
