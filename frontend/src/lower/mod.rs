//! Typed tree to IR: instances of what is reachable from the roots.
//!
//! ```text
//! instance.rs   a function for each list of type arguments, its signature, traits
//! layout.rs     a value of the language is a list of IR values, its leaves
//! body.rs       what is known while one function is written: locals, sizes, location
//! control.rs    branches and loops: which locals they change, where they may leave
//! expr.rs …     one file for each family of expressions
//! callable.rs   function values whose code is known
//! variant.rs    instances for the known functions among the arguments
//! closure.rs    the other function values: a node for each signature, called by `apply`
//! differential.rs  `grad` and the like: wrappers around requests to the AD pass
//! ```
//!
//! Functions wait in a queue until their signature is known and their body is wanted; nothing recurses from one body
//! into another, but for functions that give functions (`variant.rs`). Sizes are `i64` parameters in front of the others, so one instance serves all of them.

mod array;
mod axis;
mod body;
mod builtin;
mod call;
mod callable;
mod closure;
mod control;
mod differential;
mod equality;
mod expr;
mod form;
mod indexing;
mod instance;
mod jacobian;
mod layout;
mod loops;
mod model;
mod pattern;
mod place;
mod prune;
mod reduce;
mod regions;
mod scan;
mod tangent;
mod text;
mod variant;
mod visit;

use crate::ast::Symbol;
use crate::check::Asked;
use crate::diagnostic::Diagnostic;
use crate::source::{FileId, Span};
use crate::typed::{AdtId, Arg, FnId, Program, Size, Ty};
use body::BodyJob;
use callable::{Code, CodeData, CodeId};
use closure::Signature;
use dprog_ir::entity::Entity;
use dprog_ir::{Arena, FuncId, Function, Module, NodeId, SrcLoc, Type};
pub use form::{Form, FormField, FormSize};
use layout::Layout;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use variant::{Variant, VariantKey};

/// What is to be lowered, with everything that it needs. Functions without type parameters only.
#[derive(Clone, Debug, Default)]
pub struct Roots {
    pub fns: Vec<FnId>,
    /// Derivatives, asked for from outside.
    pub asked: Vec<Asked>,
}

/// A module and where the roots are in it.
#[derive(Debug)]
pub struct Lowered {
    pub module: Module,
    /// In the order of [`Roots::fns`], then of [`Roots::asked`].
    pub roots: Vec<Root>,
}

/// A root function. Parameters of `func` are the sizes, then the leaves of the parameters; its results are the leaves of
/// the result, then those of the `inout` parameters.
#[derive(Debug)]
pub struct Root {
    pub of: FnId,
    pub func: FuncId,
    /// Names of the size parameters.
    pub sizes: Vec<Symbol>,
    pub params: Vec<RootParam>,
    pub result: Ty,
    pub results: Vec<LeafLayout>,
    pub result_form: Form,
}

/// A parameter of a root.
#[derive(Debug)]
pub struct RootParam {
    pub name: Symbol,
    pub ty: Ty,
    pub inout: bool,
    pub leaves: Vec<LeafLayout>,
    pub form: Form,
    /// The type as text.
    pub shown: String,
}

/// One of the IR values that a value of the language consists of.
#[derive(Clone, Debug)]
pub struct LeafLayout {
    /// The way to it: `x`, `net.w1`, `p.0`.
    pub name: String,
    pub ty: Type,
    /// Whether it has a tangent, as a part of the whole: a `state` of a model has none.
    pub active: bool,
    /// The sizes of each level of arrays, the outermost first; of a list there are none.
    pub levels: Vec<Option<Vec<Size>>>,
}

/// Lowers the roots and all that they reach. Errors are types beyond the limits of the IR; the first one ends it.
pub fn lower(program: &Program, roots: &Roots) -> Result<Lowered, Vec<Diagnostic>> {
    match catch_unwind(AssertUnwindSafe(|| lower_all(program, roots))) {
        Ok(done) => done,
        Err(payload) => match payload.downcast::<Diagnostic>() {
            Ok(problem) => Err(vec![*problem]),
            Err(defect) => resume_unwind(defect),
        },
    }
}

/// Ends lowering with an error. Nothing sensible can be made of a type that has no layout, and whoever asks for one is deep
/// inside: so this unwinds to [`lower`], without the message of a panic.
fn give_up(problem: Diagnostic) -> ! {
    resume_unwind(Box::new(problem))
}

fn lower_all(program: &Program, roots: &Roots) -> Result<Lowered, Vec<Diagnostic>> {
    let mut cx = Cx::new(program);
    let fns: Vec<Root> = roots.fns.iter().map(|f| cx.root(*f)).collect();
    let mut roots: Vec<Root> = fns.into_iter().chain(roots.asked.iter().map(|a| cx.asked_root(a))).collect();
    cx.work_off();
    cx.write_applies();
    cx.module.complete_tangents();
    cx.write_later();
    cx.module.complete_tangents();
    let entries: Vec<FuncId> = roots.iter().map(|r| r.func).collect();
    let names = prune::prune(&mut cx.module, &entries);
    for root in &mut roots {
        root.func = names[root.func.index()].expect("roots are kept");
    }
    if cx.errors.is_empty() { Ok(Lowered { module: cx.module, roots }) } else { Err(cx.errors) }
}

/// A span as the opaque position of a [`dprog_ir::LocData`].
pub fn encode_position(span: Span) -> u64 {
    (span.file.0 as u64) << 32 | span.lo as u64
}

/// The place that [`encode_position`] encoded; `None` for "nowhere".
pub fn decode_position(position: u64) -> Option<Span> {
    let (file, lo) = ((position >> 32) as u32, position as u32);
    (position != u64::MAX).then(|| Span::new(FileId(file), lo, lo))
}

/// Functions that lowering makes by itself, each once.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Generated {
    /// Equality of two nodes.
    Equal(NodeId),
    /// The text of an enum's value.
    Text(Ty, dprog_ir::FormatSpec),
    /// An operation on all scalars of some nodes; types of the extra operands.
    Leafwise(tangent::LeafOp, Type, usize, Vec<Type>),
    /// The inner product of two tangents.
    Dot(Type),
    /// A value moved along a tangent.
    Moved(Type),
    /// A function that stands for what is no function in the tree, by a description of it.
    Wrapper(String),
}

/// Everything about the module that is being made.
struct Cx<'p> {
    program: &'p Program,
    module: Module,
    errors: Vec<Diagnostic>,
    layouts: FxHashMap<Ty, Layout>,
    /// Types whose layout is being computed, for the error about a type that contains itself.
    open_layouts: usize,
    enums: FxHashMap<(AdtId, Vec<Arg>), NodeId>,
    codes: Arena<CodeId, CodeData<'p>>,
    code_ids: FxHashMap<Code, CodeId>,
    variants: FxHashMap<VariantKey, Variant>,
    /// Bodies that are being written to learn what they give.
    open_bodies: usize,
    /// Defaults of fields by the address of their tree and the type arguments around them.
    bodies: FxHashMap<(usize, Vec<Arg>), FuncId>,
    generated: FxHashMap<Generated, FuncId>,
    signatures: FxHashMap<Signature, closure::SignatureId>,
    closures: Vec<closure::SignatureData>,
    queue: VecDeque<BodyJob<'p>>,
    /// Bodies that wait for all cases of closures.
    later: Vec<(FuncId, tangent::Later)>,
    names: FxHashMap<String, u32>,
    /// For errors about types: what is being lowered.
    span: Span,
}

impl<'p> Cx<'p> {
    fn new(program: &'p Program) -> Cx<'p> {
        Cx {
            program,
            module: Module::new(),
            errors: Vec::new(),
            layouts: FxHashMap::default(),
            open_layouts: 0,
            enums: FxHashMap::default(),
            codes: Arena::new(),
            code_ids: FxHashMap::default(),
            variants: FxHashMap::default(),
            open_bodies: 0,
            bodies: FxHashMap::default(),
            generated: FxHashMap::default(),
            signatures: FxHashMap::default(),
            closures: Vec::new(),
            queue: VecDeque::new(),
            later: Vec::new(),
            names: FxHashMap::default(),
            span: Span::new(FileId(0), 0, 0),
        }
    }

    fn work_off(&mut self) {
        while let Some(job) = self.queue.pop_front() {
            body::lower_body(self, job, None);
        }
    }

    /// Bodies that needed to know all cases. They may ask for more of their kind.
    fn write_later(&mut self) {
        while let Some((func, later)) = self.later.pop() {
            body::generate(self, func, |s, params| later.write(s, params));
        }
    }

    /// `name`, or with a number behind it if that is taken.
    fn unique_name(&mut self, name: &str) -> String {
        match self.names.get_mut(name) {
            None => {
                self.names.insert(name.to_string(), 0);
                name.to_string()
            }
            Some(count) => {
                *count += 1;
                let next = format!("{name}.{count}");
                self.unique_name(&next)
            }
        }
    }

    /// A function whose body follows.
    fn declare(&mut self, name: &str, params: Vec<Type>, results: Vec<Type>, loc: SrcLoc) -> FuncId {
        let name = self.unique_name(name);
        self.module.add_function(Function::new(name, params, results, loc))
    }

    fn param_types(&self, func: FuncId) -> Vec<Type> {
        self.module.funcs[func].params.clone()
    }

    fn result_types(&self, func: FuncId) -> Vec<Type> {
        self.module.funcs[func].results.clone()
    }
}
