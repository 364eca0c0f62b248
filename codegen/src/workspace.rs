//! How much memory a bare function takes at most, in terms of its sizes.
//!
//! The function is walked once with what is known about its values: integers that follow from the sizes, and the sizes of arrays,
//! each exact or an upper bound. Every array that is made is counted, in a loop as often as the loop runs, as if nothing
//! were ever given back: so the sum is enough for a workspace from which memory is only taken. There is no bound where a
//! list grows, or a `while` makes arrays, or a size comes from data.

use crate::bare;
use crate::c_abi::{CFunction, CType, Input, Role};
use crate::types::element_bytes;
use dprog_ir::analysis::CallGraph;
use dprog_ir::entity::Entity;
use dprog_ir::{BinaryOp, Const, FuncId, Function, InstData, Module, Op, Region, Type, Value};
use dprog_runtime::layout::data_offset;
use rustc_hash::FxHashMap;

/// An expression of the sizes, by its number.
pub type Term = usize;

/// A step of the computation. Products and sums are of numbers that are not negative, and stop at [`GREATEST`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Step {
    Constant(i64),
    /// A parameter of the function in C, by its number.
    Param(usize),
    /// May be negative.
    Add(Term, Term),
    Sub(Term, Term),
    Max(Term, Term),
    Min(Term, Term),
    /// Of numbers that are not negative.
    Times(Term, Term),
    /// Of numbers that are not negative.
    Plus(Term, Term),
}

/// Where [`Step::Times`] and [`Step::Plus`] stop.
pub const GREATEST: i64 = 1 << 60;

/// The bound of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The parameters in C on which it depends: its sizes, or these and its integers.
    pub params: Vec<usize>,
    /// Each step refers to earlier ones; the last is the number of bytes. `None`: there is no bound.
    pub steps: Option<Vec<Step>>,
}

/// The bound of a function; `None` if it makes no arrays.
pub fn bound(module: &Module, function: &CFunction) -> Option<Bound> {
    let of_role = |p: &crate::c_abi::CParam| p.role == Role::Size;
    let integer = |p: &crate::c_abi::CParam| matches!(p.ty, CType::Value(s) if s.scalar == dprog_ir::Scalar::I64);
    let sizes: Vec<usize> = (0..function.params.len()).filter(|i| of_role(&function.params[*i])).collect();
    let integers: Vec<usize> = (0..function.params.len()).filter(|i| integer(&function.params[*i])).collect();
    for params in [&sizes, &integers] {
        match Walk::new(module, params).bytes(function) {
            Ok(walk) if walk.terms.is_empty() => return None,
            Ok(walk) => return Some(Bound { params: params.clone(), steps: Some(walk.terms) }),
            Err(Unbounded) => {}
        }
    }
    Some(Bound { params: sizes, steps: None })
}

/// Whether an interface's function may have a workspace.
pub(crate) fn is_bare(module: &Module, calls: &CallGraph, function: &CFunction) -> bool {
    let text = function.params.iter().any(|p| p.ty == CType::Text);
    let texts = function.outputs.iter().any(|o| matches!(o, crate::c_abi::Output::Text { .. }));
    !text && !texts && bare::allows(module, calls, function.func)
}

struct Unbounded;

/// What is known of a value.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Known {
    Nothing,
    Int(Limit),
    Array(Vec<Option<Limit>>),
}

/// A number that a value is, or that it does not exceed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Limit {
    term: Term,
    exact: bool,
}

/// Instructions that are looked at before it is not worth while any more.
const BUDGET: usize = 50_000;

struct Walk<'m> {
    module: &'m Module,
    terms: Vec<Step>,
    index: FxHashMap<Step, Term>,
    /// Parameters in C that may occur.
    params: &'m [usize],
    left: usize,
}

impl<'m> Walk<'m> {
    fn new(module: &'m Module, params: &'m [usize]) -> Walk<'m> {
        Walk { module, terms: Vec::new(), index: FxHashMap::default(), params, left: BUDGET }
    }

    /// The walk with the number of bytes as its last term; without any if there are none.
    fn bytes(mut self, function: &CFunction) -> Result<Walk<'m>, Unbounded> {
        let mut args = Vec::new();
        let mut copies = None;
        for input in &function.inputs {
            args.push(match input {
                Input::Value { param } if self.params.contains(param) => Known::Int(self.exact(Step::Param(*param))),
                Input::Value { .. } | Input::Load { .. } | Input::Text { .. } => Known::Nothing,
                Input::Array { sizes, ty, .. } => {
                    let sizes: Vec<Option<Limit>> = sizes.iter().map(|size| self.size(size)).collect();
                    // It may be copied, by the entry or by the first update.
                    let bytes = self.array(*ty, &sizes)?;
                    copies = Some(self.plus(copies, bytes));
                    Known::Array(sizes)
                }
            });
        }
        let (made, _) = self.function(function.func, args)?;
        let Some(made) = made else { return Ok(Walk { terms: Vec::new(), ..self }) };
        let total = self.plus(copies, made);
        let slack = self.constant(64);
        let end = self.term(Step::Plus(total, slack));
        // The last one is the result, also if it was there before.
        if end + 1 != self.terms.len() {
            let zero = self.constant(0);
            self.terms.push(Step::Plus(end, zero));
        }
        Ok(self)
    }

    // ---- terms ----

    fn term(&mut self, step: Step) -> Term {
        if let Some(known) = self.index.get(&step) {
            return *known;
        }
        self.terms.push(step);
        self.index.insert(step, self.terms.len() - 1);
        self.terms.len() - 1
    }

    fn constant(&mut self, x: i64) -> Term {
        self.term(Step::Constant(x))
    }

    fn exact(&mut self, step: Step) -> Limit {
        Limit { term: self.term(step), exact: true }
    }

    fn plus(&mut self, a: Option<Term>, b: Term) -> Term {
        match a {
            Some(a) => self.term(Step::Plus(a, b)),
            None => b,
        }
    }

    fn sum(&mut self, a: Option<Term>, b: Option<Term>) -> Option<Term> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.term(Step::Plus(a, b))),
            (a, b) => a.or(b),
        }
    }

    fn not_negative(&mut self, term: Term) -> Term {
        let zero = self.constant(0);
        self.term(Step::Max(term, zero))
    }

    fn size(&mut self, size: &crate::c_abi::Size) -> Option<Limit> {
        use crate::c_abi::{Size, SizeOp};
        Some(match size {
            Size::Constant(n) => self.exact(Step::Constant(*n)),
            Size::Param(param) if self.params.contains(param) => self.exact(Step::Param(*param)),
            Size::Param(_) => return None,
            Size::Binary(op, a, b) => {
                let (a, b) = (self.size(a)?.term, self.size(b)?.term);
                match op {
                    SizeOp::Add => self.exact(Step::Add(a, b)),
                    SizeOp::Min => self.exact(Step::Min(a, b)),
                    SizeOp::Max => self.exact(Step::Max(a, b)),
                    SizeOp::Mul => self.product(a, b)?,
                    SizeOp::Div | SizeOp::Rem | SizeOp::Shl | SizeOp::Shr => return None,
                }
            }
        })
    }

    /// The product, if one side is a constant or both are sizes.
    fn product(&mut self, a: Term, b: Term) -> Option<Limit> {
        let plain =
            |walk: &Self, t: Term| matches!(walk.terms[t], Step::Param(_) | Step::Constant(0..) | Step::Times(..));
        if plain(self, a) && plain(self, b) {
            return Some(self.exact(Step::Times(a, b)));
        }
        match (self.terms[a], self.terms[b]) {
            (Step::Constant(-1), _) => {
                let zero = self.constant(0);
                Some(self.exact(Step::Sub(zero, b)))
            }
            // So many trips, each with so many places on the tape: as a bound, none where there would be less than none.
            (Step::Constant(0..), _) | (_, Step::Constant(0..)) => {
                let (a, b) = (self.not_negative(a), self.not_negative(b));
                Some(Limit { term: self.term(Step::Times(a, b)), exact: false })
            }
            _ => None,
        }
    }

    /// The bytes of an array of the workspace.
    fn array(&mut self, ty: Type, sizes: &[Option<Limit>]) -> Result<Term, Unbounded> {
        let mut count = self.constant(1);
        for size in sizes {
            let size = self.not_negative(size.ok_or(Unbounded)?.term);
            count = self.term(Step::Times(count, size));
        }
        let element = self.constant(element_bytes(ty.element()) as i64);
        let elements = self.term(Step::Times(count, element));
        let head = self.constant(data_offset(ty.rank()) as i64 + 48);
        Ok(self.term(Step::Plus(elements, head)))
    }

    // ---- walking ----

    fn function(&mut self, id: FuncId, args: Vec<Known>) -> Result<(Option<Term>, Vec<Known>), Unbounded> {
        let func = &self.module.funcs[id];
        let Some(entry) = func.entry() else { return Err(Unbounded) };
        let mut env = vec![Known::Nothing; func.values.len()];
        for (param, known) in func.regions[entry].params.iter().zip(args) {
            env[param.index()] = known;
        }
        let bytes = self.region(func, entry, &mut env)?;
        Ok((bytes, func.regions[entry].yields.iter().map(|v| env[v.index()].clone()).collect()))
    }

    fn region(&mut self, func: &Function, region: Region, env: &mut Vec<Known>) -> Result<Option<Term>, Unbounded> {
        let mut total = None;
        for inst in &func.regions[region].insts {
            self.left = self.left.checked_sub(1).ok_or(Unbounded)?;
            let bytes = self.inst(func, &func.insts[*inst], env)?;
            total = self.sum(total, bytes);
        }
        Ok(total)
    }

    fn inst(&mut self, func: &Function, data: &InstData, env: &mut Vec<Known>) -> Result<Option<Term>, Unbounded> {
        let of = |env: &Vec<Known>, i: usize| env[data.args[i].index()].clone();
        match &data.op {
            Op::Const(Const::I64(x)) => {
                env[data.results[0].index()] = Known::Int(self.exact(Step::Constant(*x)));
                Ok(None)
            }
            Op::Binary(op) => {
                env[data.results[0].index()] = self.binary(*op, &of(env, 0), &of(env, 1));
                Ok(None)
            }
            Op::Dim(axis) => {
                if let Known::Array(sizes) = of(env, 0)
                    && let Some(size) = sizes[*axis as usize]
                {
                    env[data.results[0].index()] = Known::Int(size);
                }
                Ok(None)
            }
            Op::Fill | Op::Reshape => {
                self.makes(func, data, env, data.args[1..].iter().map(|v| limit(env, *v)).collect())
            }
            Op::Build => self.makes(func, data, env, data.args.iter().map(|v| limit(env, *v)).collect()),
            Op::Elements => {
                let count = self.exact(Step::Constant(data.args.len().max(12) as i64));
                let bytes = self.makes(func, data, env, vec![Some(count)])?;
                let exact = self.exact(Step::Constant(data.args.len() as i64));
                env[data.results[0].index()] = Known::Array(vec![Some(exact)]);
                Ok(bytes)
            }
            Op::Map | Op::ZerosLike => {
                let sizes = sizes(env, data.args[0]).ok_or(Unbounded)?;
                let own = self.makes(func, data, env, sizes)?;
                let inside = data.regions.iter().try_fold(None, |sum, region| {
                    let bytes = self.region(func, *region, env)?;
                    Ok(self.sum(sum, bytes))
                })?;
                if inside.is_some() { Err(Unbounded) } else { Ok(own) }
            }
            Op::Slice(_) => {
                let mut sizes = sizes(env, data.args[0]).ok_or(Unbounded)?;
                let (lo, hi) = (limit(env, data.args[1]), limit(env, data.args[2]));
                sizes[0] = match (lo, hi) {
                    (Some(lo), Some(hi)) if lo.exact && hi.exact => Some(self.exact(Step::Sub(hi.term, lo.term))),
                    _ => sizes[0].map(|s| Limit { exact: false, ..s }),
                };
                self.makes(func, data, env, sizes)
            }
            Op::Get(_) => {
                let ty = func.value_type(data.results[0]);
                if !ty.is_array() {
                    return Ok(None);
                }
                let sizes = sizes(env, data.args[0]).ok_or(Unbounded)?;
                self.makes(func, data, env, sizes[sizes.len() - ty.rank()..].to_vec())
            }
            // In place, or after a copy that is counted at the `unshare`.
            Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) => {
                env[data.results[0].index()] = of(env, 0);
                Ok(None)
            }
            Op::Unshare | Op::AddTangent => {
                let sizes = sizes(env, data.args[0]).ok_or(Unbounded)?;
                self.makes(func, data, env, sizes)
            }
            Op::StopGrad => {
                env[data.results[0].index()] = of(env, 0);
                Ok(None)
            }
            Op::If | Op::Switch => self.branches(func, data, env),
            Op::For => self.for_loop(func, data, env),
            Op::While => self.while_loop(func, data, env),
            Op::Call(callee) => {
                let args = data.args.iter().map(|v| env[v.index()].clone()).collect();
                let (bytes, results) = self.function(*callee, args)?;
                for (result, known) in data.results.iter().zip(results) {
                    env[result.index()] = known;
                }
                Ok(bytes)
            }
            Op::Const(_)
            | Op::Undef
            | Op::Unary(_)
            | Op::Compare(_)
            | Op::Select
            | Op::Convert(_)
            | Op::Reduce(_)
            | Op::Dot
            | Op::Check(_)
            | Op::Trap
            | Op::Retain
            | Op::Release => Ok(None),
            Op::Push
            | Op::Pop
            | Op::MatMul { .. }
            | Op::MatVec { .. }
            | Op::Outer
            | Op::SortPermutation
            | Op::NodeNew { .. }
            | Op::NodeTag
            | Op::NodeGet { .. }
            | Op::Concat
            | Op::Take(_)
            | Op::Put
            | Op::Format(_)
            | Op::Host(_) => Err(Unbounded),
        }
    }

    /// The results of an instruction that makes arrays of these sizes; a body that makes some is beyond us.
    fn makes(
        &mut self,
        func: &Function,
        data: &InstData,
        env: &mut Vec<Known>,
        sizes: Vec<Option<Limit>>,
    ) -> Result<Option<Term>, Unbounded> {
        if data.op == Op::Build {
            for region in &data.regions {
                if self.region(func, *region, env)?.is_some() {
                    return Err(Unbounded);
                }
            }
        }
        let mut total = None;
        for result in &data.results {
            let bytes = self.array(func.value_type(*result), &sizes)?;
            total = self.sum(total, Some(bytes));
            env[result.index()] = Known::Array(sizes.clone());
        }
        Ok(total)
    }

    fn binary(&mut self, op: BinaryOp, a: &Known, b: &Known) -> Known {
        let (Known::Int(a), Known::Int(b)) = (a, b) else { return Known::Nothing };
        let both = a.exact && b.exact;
        let limit = match op {
            BinaryOp::Add => Some(Limit { term: self.term(Step::Add(a.term, b.term)), exact: both }),
            BinaryOp::Sub if b.exact => Some(Limit { term: self.term(Step::Sub(a.term, b.term)), exact: both }),
            BinaryOp::Max => Some(Limit { term: self.term(Step::Max(a.term, b.term)), exact: both }),
            BinaryOp::Min => Some(Limit { term: self.term(Step::Min(a.term, b.term)), exact: both }),
            BinaryOp::Mul if both => self.product(a.term, b.term),
            _ => None,
        };
        limit.map_or(Known::Nothing, Known::Int)
    }

    // ---- control ----

    fn branches(&mut self, func: &Function, data: &InstData, env: &mut Vec<Known>) -> Result<Option<Term>, Unbounded> {
        let mut total = None;
        let mut joined: Option<Vec<Known>> = None;
        for region in &data.regions {
            let bytes = self.region(func, *region, env)?;
            total = self.sum(total, bytes);
            let yields: Vec<Known> = func.regions[*region].yields.iter().map(|v| env[v.index()].clone()).collect();
            joined = Some(match joined {
                None => yields,
                Some(before) => before.into_iter().zip(yields).map(|(a, b)| self.join(a, b)).collect(),
            });
        }
        for (result, known) in data.results.iter().zip(joined.unwrap_or_default()) {
            env[result.index()] = known;
        }
        Ok(total)
    }

    /// What holds of a value that is one or the other.
    fn join(&mut self, a: Known, b: Known) -> Known {
        match (a, b) {
            (a, b) if a == b => a,
            (Known::Int(a), Known::Int(b)) => Known::Int(self.greater(a, b)),
            (Known::Array(a), Known::Array(b)) => {
                let axes = a.into_iter().zip(b);
                Known::Array(axes.map(|(a, b)| Some(if a == b { a? } else { self.greater(a?, b?) })).collect())
            }
            _ => Known::Nothing,
        }
    }

    fn greater(&mut self, a: Limit, b: Limit) -> Limit {
        Limit { term: self.term(Step::Max(a.term, b.term)), exact: false }
    }

    fn for_loop(&mut self, func: &Function, data: &InstData, env: &mut Vec<Known>) -> Result<Option<Term>, Unbounded> {
        let (lo, hi) = (limit(env, data.args[0]), limit(env, data.args[1]));
        let body = data.regions[0];
        let index = func.regions[body].params[0];
        env[index.index()] = match hi {
            Some(hi) => {
                let one = self.constant(1);
                Known::Int(Limit { term: self.term(Step::Sub(hi.term, one)), exact: false })
            }
            None => Known::Nothing,
        };
        let bytes = self.rounds(func, data, &data.args[2..], &[body], &func.regions[body].params[1..], env)?;
        let Some(bytes) = bytes else { return Ok(None) };
        let (Some(lo), Some(hi)) = (lo, hi) else { return Err(Unbounded) };
        if !lo.exact {
            return Err(Unbounded);
        }
        let rounds = self.term(Step::Sub(hi.term, lo.term));
        let rounds = self.not_negative(rounds);
        Ok(Some(self.term(Step::Times(rounds, bytes))))
    }

    fn while_loop(
        &mut self,
        func: &Function,
        data: &InstData,
        env: &mut Vec<Known>,
    ) -> Result<Option<Term>, Unbounded> {
        let (condition, body) = (data.regions[0], data.regions[1]);
        for (param, init) in func.regions[condition].params.iter().zip(&data.args) {
            env[param.index()] = carried(&env[init.index()]);
        }
        let tested = self.region(func, condition, env)?;
        let made = self.rounds(func, data, &data.args, &[body], &func.regions[body].params, env)?;
        if tested.is_some() || made.is_some() { Err(Unbounded) } else { Ok(None) }
    }

    /// One round of a loop: its bytes. Carried arrays keep their sizes, or there is no bound.
    fn rounds(
        &mut self,
        func: &Function,
        data: &InstData,
        init: &[Value],
        body: &[Region],
        params: &[Value],
        env: &mut Vec<Known>,
    ) -> Result<Option<Term>, Unbounded> {
        for (param, init) in params.iter().zip(init) {
            env[param.index()] = carried(&env[init.index()]);
        }
        let bytes = self.region(func, body[0], env)?;
        for ((param, after), result) in params.iter().zip(&func.regions[body[0]].yields).zip(&data.results) {
            let (before, after) = (&env[param.index()], &env[after.index()]);
            if matches!(before, Known::Array(_)) && before != after {
                return Err(Unbounded);
            }
            env[result.index()] = before.clone();
        }
        Ok(bytes)
    }
}

/// What holds of a carried value in every round: the sizes of an array, and nothing of a number.
fn carried(init: &Known) -> Known {
    match init {
        Known::Array(sizes) => Known::Array(sizes.clone()),
        Known::Int(_) | Known::Nothing => Known::Nothing,
    }
}

fn limit(env: &[Known], v: Value) -> Option<Limit> {
    match &env[v.index()] {
        Known::Int(limit) => Some(*limit),
        Known::Array(_) | Known::Nothing => None,
    }
}

fn sizes(env: &[Known], v: Value) -> Option<Vec<Option<Limit>>> {
    match &env[v.index()] {
        Known::Array(sizes) => Some(sizes.clone()),
        Known::Int(_) | Known::Nothing => None,
    }
}
