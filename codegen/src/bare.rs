//! What functions need that run with nothing behind them, emitted beside them: memory, sums, and the text of a trap.
//!
//! A *bare* function is called from C without a runtime: its context is a few words on the stack of the caller. Its arrays come
//! from `malloc`, or from the workspace that the caller gives; they are in a list, so that all can be freed after a trap. A trap
//! writes its report into a buffer of the thread. [`allows`] says which functions can do with that; the others are
//! *hosted*: they get a context from the runtime.
//!
//! Every function here is emitted only if it is called, so an object asks for `malloc` only if it makes arrays.

mod memory;
mod power;
mod report;
mod sums;

use crate::abi::PTR;
use crate::jit::Error;
use crate::math::Functions;
use crate::writing::Writing;
use cranelift_codegen::Context as ClifContext;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8, I32, I64};
use cranelift_codegen::ir::{
    self, AbiParam, Block, InstBuilder, MemFlagsData, Signature, Type as ClifType, Value as V,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{DataDescription, DataId, FuncId as ClifFuncId, Linkage, Module as ClifModule};
use dprog_ir::analysis::CallGraph;
use dprog_ir::{FuncId, Function, Module, Op, ReduceOp, Region, SrcLoc, TrapCode, Type};
use rustc_hash::FxHashMap;

/// The context of bare functions: offsets of its words.
pub mod layout {
    use dprog_runtime::layout::data_offset;

    /// The code of the trap.
    pub const STATUS: i32 = 0;
    /// The first of the blocks from `malloc`.
    pub const BLOCKS: i32 = 8;
    /// What is left of the workspace: from here to there. The end is null if there is none.
    pub const BUMP: i32 = 16;
    pub const BUMP_END: i32 = 24;
    /// What an undefined value points to.
    pub const EMPTY: i32 = 32;
    pub const BYTES: u32 = EMPTY as u32 + data_offset(15) as u32;
}

/// Functions that are emitted here, or that the C library has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Support {
    NewArray,
    NewList,
    Allocate,
    Drop,
    FreeAll,
    SumF64,
    SumF32,
    DotF64,
    DotF32,
    /// Powers of integers.
    Power,
    Trap,
    TrapText,
    Trace,
    Append,
    AppendInt,
    Begin,
    /// Makes a text the thread's last error.
    SetLastError,
    LastError,
    /// The thread's buffer.
    Buffer,
    Malloc,
    Free,
    Memcpy,
    Memset,
}

/// The text of a place of the source and the calls that it was inlined through; `None` is nowhere.
pub type PlaceText<'a> = &'a dyn Fn(SrcLoc) -> Option<String>;

/// What the bare functions of a module share.
pub struct Bare<'a> {
    ids: FxHashMap<Support, ClifFuncId>,
    /// Declared, and not defined yet.
    wanted: Vec<Support>,
    places: FxHashMap<SrcLoc, Option<DataId>>,
    texts: FxHashMap<String, DataId>,
    place_text: PlaceText<'a>,
    /// Elementary functions that have been asked for.
    pub math: Functions,
    /// What of the context is used.
    pub uses_heap: bool,
    pub uses_empty: bool,
}

/// Whether a function and all that it calls can run bare.
pub fn allows(module: &Module, calls: &CallGraph, entry: FuncId) -> bool {
    let reachable = calls.reachable(&[entry]);
    module.funcs.iter().filter(|(id, _)| reachable[*id]).all(|(id, func)| {
        !calls.recursive[id] && func.entry().is_some_and(|region| region_allows(module, func, region))
    })
}

fn region_allows(module: &Module, func: &Function, region: Region) -> bool {
    func.regions[region].insts.iter().all(|inst| {
        let data = &func.insts[*inst];
        let flat = data.args.iter().chain(&data.results).all(|v| is_flat(func.value_type(*v), &data.op));
        flat && op_allows(&data.op) && data.regions.iter().all(|r| region_allows(module, func, *r))
    })
}

/// Scalars and arrays of scalars; a text as the message of a trap.
fn is_flat(ty: Type, op: &Op) -> bool {
    match ty.as_scalar() {
        Some(_) => true,
        None if ty == Type::STR => matches!(op, Op::Const(_) | Op::Trap | Op::Undef | Op::Retain | Op::Release),
        None => ty.is_array() && ty.element().as_scalar().is_some(),
    }
}

fn op_allows(op: &Op) -> bool {
    match op {
        Op::Const(_)
        | Op::Undef
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::Select
        | Op::Convert(_)
        | Op::StopGrad
        | Op::Fill
        | Op::Elements
        | Op::Dim(_)
        | Op::Get(_)
        | Op::Set(_)
        | Op::AddAt(_)
        | Op::Slice(_)
        | Op::SetSlice(_)
        | Op::AddSlice(_)
        | Op::Push
        | Op::Pop
        | Op::Reshape
        | Op::Map
        | Op::Build
        | Op::Reduce(_)
        | Op::Dot
        | Op::ZerosLike
        | Op::AddTangent
        | Op::If
        | Op::Switch
        | Op::For
        | Op::While
        | Op::Call(_)
        | Op::Check(_)
        | Op::Trap
        | Op::Retain
        | Op::Release
        | Op::Unshare => true,
        Op::MatMul { .. }
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
        | Op::Host(_) => false,
    }
}

/// How the kernel of the runtime is called that does the same.
pub fn support(name: &str) -> Option<Support> {
    Some(match name {
        "dprog_rt_new_array" => Support::NewArray,
        "dprog_rt_new_list" => Support::NewList,
        "dprog_rt_drop" => Support::Drop,
        _ => return None,
    })
}

/// What does the same in functions that are not bare.
pub fn of_runtime(which: Support) -> Option<&'static str> {
    Some(match which {
        Support::Memcpy => "dprog_rt_copy",
        Support::SumF64 => "dprog_rt_sum_apart_f64",
        Support::SumF32 => "dprog_rt_sum_apart_f32",
        Support::DotF64 => "dprog_rt_dot_apart_f64",
        Support::DotF32 => "dprog_rt_dot_apart_f32",
        _ => return None,
    })
}

impl<'a> Bare<'a> {
    pub fn new(place_text: PlaceText<'a>) -> Bare<'a> {
        Bare {
            ids: FxHashMap::default(),
            wanted: Vec::new(),
            places: FxHashMap::default(),
            texts: FxHashMap::default(),
            place_text,
            math: Functions::default(),
            uses_heap: false,
            uses_empty: false,
        }
    }

    /// The function, declared; it will be defined if it is ours.
    pub fn function(&mut self, clif: &mut impl ClifModule, which: Support) -> ClifFuncId {
        if let Some(id) = self.ids.get(&which) {
            return *id;
        }
        if matches!(which, Support::NewArray | Support::NewList) {
            self.uses_heap = true;
        }
        let (name, linkage) = self.symbol(which);
        let signature = signature(which, clif.isa().default_call_conv());
        let id = clif.declare_function(name, linkage, &signature).expect("one signature per name");
        self.ids.insert(which, id);
        if linkage != Linkage::Import {
            self.wanted.push(which);
        }
        id
    }

    fn symbol(&self, which: Support) -> (&'static str, Linkage) {
        let ours = Linkage::Local;
        match which {
            Support::NewArray => ("dprog.new_array", ours),
            Support::NewList => ("dprog.new_list", ours),
            Support::Allocate => ("dprog.allocate", ours),
            Support::Drop => ("dprog.drop", ours),
            Support::FreeAll => ("dprog.free_all", ours),
            Support::SumF64 => ("dprog.sum_f64", ours),
            Support::SumF32 => ("dprog.sum_f32", ours),
            Support::DotF64 => ("dprog.dot_f64", ours),
            Support::DotF32 => ("dprog.dot_f32", ours),
            Support::Power => ("dprog.power", ours),
            Support::Trap => ("dprog.trap", ours),
            Support::TrapText => ("dprog.trap_text", ours),
            Support::Trace => ("dprog.trace", ours),
            Support::Append => ("dprog.append", ours),
            Support::AppendInt => ("dprog.append_int", ours),
            Support::Begin => ("dprog.begin", ours),
            // The runtime's take their place where an object is linked with it.
            Support::SetLastError => ("dprog_rt_set_last_error", Linkage::Preemptible),
            Support::LastError => ("dprog_last_error", Linkage::Preemptible),
            // Defined when the object is finished, since Cranelift has no way to read this kind of thread-local data.
            Support::Buffer => (BUFFER_FUNCTION, Linkage::Import),
            Support::Malloc => ("malloc", Linkage::Import),
            Support::Free => ("free", Linkage::Import),
            Support::Memcpy => ("memcpy", Linkage::Import),
            Support::Memset => ("memset", Linkage::Import),
        }
    }

    /// Data: the length of a text, and the text.
    pub fn text(&mut self, clif: &mut impl ClifModule, text: &str) -> DataId {
        if let Some(known) = self.texts.get(text) {
            return *known;
        }
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        let mut data = DataDescription::new();
        data.define(bytes.into_boxed_slice());
        data.set_align(8);
        let id = clif.declare_anonymous_data(false, false).expect("data can be declared");
        clif.define_data(id, &data).expect("declared just now");
        self.texts.insert(text.to_string(), id);
        id
    }

    /// Data with the text of a place.
    pub fn place(&mut self, clif: &mut impl ClifModule, loc: SrcLoc) -> Option<DataId> {
        if let Some(known) = self.places.get(&loc) {
            return *known;
        }
        let text = (self.place_text)(loc);
        let id = text.map(|text| self.text(clif, &text));
        self.places.insert(loc, id);
        id
    }

    /// The wording of a trap, with marks where its numbers go.
    pub fn template(&mut self, clif: &mut impl ClifModule, code: TrapCode) -> DataId {
        self.text(clif, &template(code))
    }
}

/// Marks in a template: the trap's first and second number.
const FIRST: char = '\u{1}';
const SECOND: char = '\u{2}';
/// Numbers that occur in no wording.
const MARKS: [(i64, char); 2] = [(7_310_958_204_611, FIRST), (5_802_417_309_266, SECOND)];

fn template(code: TrapCode) -> String {
    let mut text = format!("trap: {}", code.describe(MARKS[0].0, MARKS[1].0, ""));
    for (number, mark) in MARKS {
        text = text.replace(&number.to_string(), &mark.to_string());
    }
    text
}

/// The function that gives the thread's buffer, in objects; see [`crate::object`].
pub const BUFFER_FUNCTION: &str = "dprog.buffer";

/// The thread's buffer: bytes of text in it, places in it, the text.
pub mod buffer {
    pub const LENGTH: i32 = 0;
    pub const PLACES: i32 = 8;
    pub const TEXT: i32 = 16;
    pub const BYTES: i64 = 1024;
    /// Characters that there is room for, one less for the zero.
    pub const ROOM: i64 = BYTES - TEXT as i64 - 1;
}

fn signature(which: Support, c: CallConv) -> Signature {
    let (params, result): (&[ClifType], Option<ClifType>) = match which {
        Support::NewArray => (&[PTR, I32, PTR, I64], Some(PTR)),
        Support::NewList => (&[PTR, I32, I64, I64], Some(PTR)),
        Support::Allocate => (&[PTR, I64], Some(PTR)),
        Support::Drop => (&[PTR, PTR], None),
        Support::FreeAll => (&[PTR], None),
        Support::SumF64 => (&[PTR, I64], Some(F64)),
        Support::SumF32 => (&[PTR, I64], Some(F32)),
        Support::DotF64 => (&[PTR, PTR, I64], Some(F64)),
        Support::DotF32 => (&[PTR, PTR, I64], Some(F32)),
        Support::Power => (&[I64, I64], Some(I64)),
        // Context, code, two numbers, wording, place.
        Support::Trap => (&[PTR, I64, I64, I64, PTR, PTR], None),
        Support::TrapText => (&[PTR, PTR, PTR], None),
        Support::Trace => (&[PTR], None),
        Support::Append => (&[PTR, I64], None),
        Support::AppendInt => (&[I64], None),
        Support::Begin => (&[PTR, I64, I64], None),
        Support::SetLastError => (&[PTR, I64], None),
        Support::LastError | Support::Buffer => (&[], Some(PTR)),
        Support::Malloc => (&[I64], Some(PTR)),
        Support::Free => (&[PTR], None),
        Support::Memcpy => (&[PTR, PTR, I64], Some(PTR)),
        Support::Memset => (&[PTR, I32, I64], Some(PTR)),
    };
    let mut signature = Signature::new(c);
    signature.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
    signature.returns.extend(result.map(AbiParam::new));
    signature
}

/// Defines all that has been asked for, and what that asks for.
pub fn define_all<M: ClifModule>(clif: &mut M, bare: &mut Bare) -> Result<(), Error> {
    let mut builder = FunctionBuilderContext::new();
    let mut context = clif.make_context();
    while let Some(which) = bare.wanted.pop() {
        define(clif, bare, which, &mut builder, &mut context)?;
    }
    Ok(())
}

fn define<M: ClifModule>(
    clif: &mut M,
    bare: &mut Bare,
    which: Support,
    builder: &mut FunctionBuilderContext,
    context: &mut ClifContext,
) -> Result<(), Error> {
    let id = bare.ids[&which];
    context.func.signature = signature(which, clif.isa().default_call_conv());
    context.func.name = ir::UserFuncName::user(0, id.as_u32());
    let mut code = Code { b: FunctionBuilder::new(&mut context.func, builder), clif, bare };
    let params = code.open();
    match which {
        Support::NewArray => memory::new_array(&mut code, &params),
        Support::NewList => memory::new_list(&mut code, &params),
        Support::Allocate => memory::allocate(&mut code, &params),
        Support::Drop => memory::drop_block(&mut code, &params),
        Support::FreeAll => memory::free_all(&mut code, &params),
        Support::SumF64 => sums::sum(&mut code, &params, F64),
        Support::SumF32 => sums::sum(&mut code, &params, F32),
        Support::DotF64 => sums::dot(&mut code, &params, F64),
        Support::DotF32 => sums::dot(&mut code, &params, F32),
        Support::Power => power::power(&mut code, &params),
        Support::Trap => report::trap(&mut code, &params),
        Support::TrapText => report::trap_text(&mut code, &params),
        Support::Trace => report::trace(&mut code, &params),
        Support::Append => report::append(&mut code, &params),
        Support::AppendInt => report::append_int(&mut code, &params),
        Support::Begin => report::begin(&mut code, &params),
        Support::SetLastError => report::set_last_error(&mut code, &params),
        Support::LastError => report::last_error(&mut code),
        Support::Buffer | Support::Malloc | Support::Free | Support::Memcpy | Support::Memset => {
            unreachable!("{which:?} is not ours")
        }
    }
    code.close();
    let defined = clif.define_function(id, context);
    defined.map_err(|e| Error(format!("{which:?}: {e:?}")))?;
    clif.clear_context(context);
    Ok(())
}

/// A function of this file under construction.
struct Code<'c, 'f, 'a, M: ClifModule> {
    b: FunctionBuilder<'f>,
    clif: &'c mut M,
    bare: &'c mut Bare<'a>,
}

impl<'f, M: ClifModule> Writing<'f> for Code<'_, 'f, '_, M> {
    type Module = M;
    fn at_hand(&mut self) -> (&mut FunctionBuilder<'f>, &mut M) {
        (&mut self.b, self.clif)
    }
}

impl<M: ClifModule> Code<'_, '_, '_, M> {
    fn open(&mut self) -> Vec<V> {
        let block = self.b.create_block();
        self.b.append_block_params_for_function_params(block);
        self.b.switch_to_block(block);
        self.b.block_params(block).to_vec()
    }

    fn close(mut self) {
        self.b.seal_all_blocks();
        let config = self.clif.target_config();
        self.b.finalize(config);
    }

    fn call(&mut self, which: Support, args: &[V]) -> Option<V> {
        let id = self.bare.function(self.clif, which);
        self.call_function(id, args)
    }

    // ---- control ----

    fn block(&mut self, params: &[ClifType]) -> Block {
        let block = self.b.create_block();
        for ty in params {
            self.b.append_block_param(block, *ty);
        }
        block
    }

    /// Goes on in `block`; gives its parameters.
    fn at(&mut self, block: Block) -> Vec<V> {
        self.b.switch_to_block(block);
        self.b.block_params(block).to_vec()
    }

    /// Leaves with `result` if the condition holds, after `first`.
    fn leave_if(&mut self, cond: V, first: impl FnOnce(&mut Self) -> Vec<V>) {
        let (out, next) = (self.b.create_block(), self.b.create_block());
        self.branch(cond, out, &[], next, &[]);
        self.at(out);
        let results = first(self);
        self.b.ins().return_(&results);
        self.at(next);
    }

    /// A loop over `0..count` with carried values; the results are those after the last round.
    fn count_up(&mut self, count: V, carried: &[V], body: impl FnOnce(&mut Self, V, &[V]) -> Vec<V>) -> Vec<V> {
        let kinds: Vec<ClifType> = carried.iter().map(|v| self.b.func.dfg.value_type(*v)).collect();
        let (round, exit) = (self.block(&[&[I64][..], &kinds].concat()), self.block(&kinds));
        let zero = self.word(0);
        let some = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, count, 0);
        self.branch(some, round, &[&[zero][..], carried].concat(), exit, carried);
        let params = self.at(round);
        let after = body(self, params[0], &params[1..]);
        let next = self.b.ins().iadd_imm_s(params[0], 1);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, next, count);
        self.branch(more, round, &[&[next][..], &after].concat(), exit, &after);
        self.at(exit)
    }
}

/// A descriptor of a flat array, in place of a row of the runtime's table: bytes of an element, and the rank.
pub fn descriptor(element_bytes: u32, rank: usize) -> i64 {
    (element_bytes as usize | rank << 8) as i64
}

/// Whether this reduction has a function here.
pub fn sum_of(op: ReduceOp, narrow: bool) -> Option<Support> {
    (op == ReduceOp::Sum).then_some(if narrow { Support::SumF32 } else { Support::SumF64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_have_the_wording_of_traps() {
        assert_eq!(template(TrapCode::Bounds), "trap: index \u{1} is out of bounds for size \u{2}");
        assert_eq!(template(TrapCode::DivisionByZero), "trap: integer division by zero");
    }
}
