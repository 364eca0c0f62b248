//! Function values that are known when the program is compiled.
//!
//! A function value whose code is known is not there at run time: it is its *code*, which is a number of the module, and
//! what it has captured, which are IR values of the function being written (a captured function that is known is its
//! captures in turn). It stands in the environment as a value like any other, by an instruction without effect; whoever
//! calls it or hands it on looks into [`FnLower::known`]. If in the end some instruction does use it (the branches of an
//! `if` that give different functions, an array of functions, …), that instruction becomes the node; otherwise it is
//! left out. So what is *static* is found by writing the function, without an analysis.
//!
//! ```text
//! let f = |t: f64| t * x;           f is |t| with x
//! let g = |t: f64| f(t) + y;        g is |t|[f is |t|] with x, y
//! if c { f } else { g }             nodes, a case each
//! ```

use super::Cx;
use super::body::{Flat, FnLower};
use crate::ast::Symbol;
use crate::check::Subst;
use crate::source::Span;
use crate::typed::{Arg, Closure, ConstId, DiffOp, FnId, FnParamTy, GenericId, Local, LocalId, Ty};
use dprog_ir::{Arena, FuncId, Op, Region, Type, Value, entity};
use rustc_hash::FxHashSet;
use smallvec::SmallVec;
use std::rc::Rc;

entity!(
    /// A code of a module.
    CodeId, "code"
);

/// For each leaf of something the code behind it, if it is a function whose code is known.
pub(super) type Shape = Vec<Option<CodeId>>;

/// Codes within codes; deeper ones are behind a node. So a recursion that wraps its function in another one ends.
const MAX_DEPTH: usize = 8;

/// What tells codes apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Code {
    /// What goes in front of the arguments: sizes.
    Fn(FnId, Vec<Arg>),
    /// Address of the tree, type arguments around it, shape of the captures. In front: captures, sizes.
    Closure(usize, Rc<[Arg]>, Shape),
    /// Operator, what it is applied to, parameters. In front: what goes in front of the latter.
    Derivative(DiffOp, CodeId, Vec<usize>),
    /// The default of a parameter, without parameters.
    Default(FnId, Vec<Arg>, usize),
    Const(ConstId),
    /// A function of the IR that stands for no text.
    Made(FuncId),
}

/// A code and its surroundings.
pub(super) struct CodeData<'p> {
    pub code: Code,
    /// Types of what goes in front of the arguments.
    pub prefix: Vec<Type>,
    pub params: Vec<FnParamTy>,
    pub result: Ty,
    pub depth: usize,
    pub closure: Option<Rc<ClosureText<'p>>>,
    /// Instances so far.
    pub variants: usize,
}

/// A closure in the function around it.
pub(super) struct ClosureText<'p> {
    pub closure: &'p Closure,
    pub span: Span,
    pub captures: Vec<(LocalId, Ty)>,
    pub sizes: Vec<GenericId>,
    pub subst: Rc<Subst>,
    pub args: Rc<[Arg]>,
    pub locals: Option<&'p Arena<LocalId, Local>>,
    pub display: Symbol,
}

/// A function that can be called: code, and what goes in front of the arguments.
#[derive(Clone, Debug)]
pub(super) struct Callable {
    pub code: CodeId,
    pub prefix: Flat,
}

impl<'p> CodeData<'p> {
    pub fn new(code: Code, prefix: Vec<Type>, params: Vec<FnParamTy>, result: Ty) -> CodeData<'p> {
        CodeData { code, prefix, params, result, depth: 0, closure: None, variants: 0 }
    }
}

impl<'p> Cx<'p> {
    /// The number of a code; `data` is asked for the first time.
    pub fn code(&mut self, code: Code, data: impl FnOnce(&mut Self, Code) -> CodeData<'p>) -> CodeId {
        if let Some(id) = self.code_ids.get(&code) {
            return *id;
        }
        let data = data(self, code.clone());
        let id = self.codes.push(data);
        self.code_ids.insert(code, id);
        id
    }

    /// A function of the IR as code; its first `prefix` parameters are not those of the language.
    pub fn made(&mut self, func: FuncId, prefix: usize, params: &[FnParamTy], result: &Ty) -> CodeId {
        self.code(Code::Made(func), |cx, code| {
            let prefix = cx.module.funcs[func].params[..prefix].to_vec();
            CodeData::new(code, prefix, params.to_vec(), result.clone())
        })
    }

    /// How deep the codes in a shape nest.
    pub fn depth(&self, shape: &Shape) -> usize {
        shape.iter().flatten().map(|code| self.codes[*code].depth).max().unwrap_or(0)
    }

    /// Types of leaves, a known function being what it has captured.
    pub fn shaped(&self, leaves: &[Type], shape: &Shape) -> Vec<Type> {
        let mut types = Vec::new();
        for (i, ty) in leaves.iter().enumerate() {
            match shape.get(i).copied().flatten() {
                Some(code) => types.extend(&self.codes[code].prefix),
                None => types.push(*ty),
            }
        }
        types
    }

    /// The function whose defaults a code has.
    pub fn origin(&self, code: CodeId) -> Option<(FnId, Vec<Arg>)> {
        match &self.codes[code].code {
            Code::Fn(id, args) => Some((*id, args.clone())),
            Code::Derivative(_, inner, _) => self.origin(*inner),
            Code::Closure(..) | Code::Default(..) | Code::Const(_) | Code::Made(_) => None,
        }
    }
}

impl<'p> FnLower<'_, 'p> {
    /// A function as a value.
    pub fn value_of(&mut self, callable: Callable) -> Value {
        let data = &self.cx.codes[callable.code];
        let (params, result) = (data.params.clone(), data.result.clone());
        let ty = self.cx.closure_type(&params, &result);
        if let [value] = callable.prefix[..]
            && self.cx.applies(callable.code, ty)
        {
            return value;
        }
        let value = self.b.undef(ty);
        self.known.insert(value, Rc::new(callable));
        value
    }

    /// What is known about leaves, as far as it may be built upon.
    pub fn shape(&self, flat: &[Value]) -> Shape {
        flat.iter().map(|v| self.known_code(*v)).collect()
    }

    fn known_code(&self, value: Value) -> Option<CodeId> {
        let code = self.known.get(&value)?.code;
        (self.cx.codes[code].depth < MAX_DEPTH).then_some(code)
    }

    /// The leaves with what stands for them in this shape.
    pub fn take_apart(&self, flat: &[Value], shape: &Shape) -> Flat {
        let mut all = Flat::new();
        for (i, value) in flat.iter().enumerate() {
            match shape.get(i).copied().flatten() {
                Some(_) => all.extend(&self.known[value].prefix),
                None => all.push(*value),
            }
        }
        all
    }

    /// The leaves again: `count` of them from the front of `values`. Gives the rest.
    pub fn put_together<'v>(&mut self, count: usize, shape: &Shape, values: &'v [Value]) -> (Flat, &'v [Value]) {
        let mut rest = values;
        let mut flat = Flat::new();
        for i in 0..count {
            match shape.get(i).copied().flatten() {
                Some(code) => {
                    let (prefix, others) = rest.split_at(self.cx.codes[code].prefix.len());
                    flat.push(self.value_of(Callable { code, prefix: prefix.to_vec() }));
                    rest = others;
                }
                None => {
                    flat.push(rest[0]);
                    rest = &rest[1..];
                }
            }
        }
        (flat, rest)
    }

    /// A function on which a derivative or the like may be put: not too deep already.
    pub fn shallow(&mut self, callable: Callable) -> Callable {
        let data = &self.cx.codes[callable.code];
        if data.depth < MAX_DEPTH {
            return callable;
        }
        let (params, result) = (data.params.clone(), data.result.clone());
        let value = self.value_of(callable);
        self.dynamic(value, &params, &result)
    }

    // ---- the end of a function ----

    /// Closes the body. Known functions that are used as values become nodes, the others go.
    pub fn close_body(&mut self, results: &[Value]) {
        let entry = self.b.close_region(results);
        if self.known.is_empty() {
            return;
        }
        let mut regions = Vec::new();
        let used = self.used_functions(entry, &mut regions);
        for region in regions {
            let insts = std::mem::take(&mut self.b.func.regions[region].insts);
            let kept = insts.into_iter().filter(|inst| {
                let made = self.b.func.insts[*inst].results.first().copied();
                let Some(callable) = made.and_then(|v| self.known.get(&v).cloned()) else { return true };
                let value = made.expect("it has a result");
                if used.contains(&value) {
                    let (node, case) = self.cx.node_case(&callable);
                    let inst = &mut self.b.func.insts[*inst];
                    (inst.op, inst.args) = (Op::NodeNew { node, case }, SmallVec::from_slice(&callable.prefix));
                }
                used.contains(&value)
            });
            let kept = kept.collect();
            self.b.func.regions[region].insts = kept;
        }
    }

    /// Known functions that instructions use, also as captures of used ones. Lists all regions, outer ones first.
    fn used_functions(&self, entry: Region, regions: &mut Vec<Region>) -> FxHashSet<Value> {
        let func = &*self.b.func;
        let mut found = Vec::new();
        regions.push(entry);
        let mut next = 0;
        while let Some(region) = regions.get(next).copied() {
            next += 1;
            let data = &func.regions[region];
            found.extend(&data.yields);
            for inst in &data.insts {
                found.extend(&func.insts[*inst].args);
                regions.extend(&func.insts[*inst].regions);
            }
        }
        let mut used = FxHashSet::default();
        while let Some(value) = found.pop() {
            if let Some(callable) = self.known.get(&value)
                && used.insert(value)
            {
                found.extend(&callable.prefix);
            }
        }
        used
    }
}
