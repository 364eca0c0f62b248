//! One function: IR regions to Cranelift blocks.
//!
//! Values of the IR become Cranelift values one to one; carried values of loops and results of branches become block
//! parameters, so no variables are needed. Heap values are pointers to objects; see `dprog_runtime::layout`. After each call
//! and each runtime function that may trap, a test leads to a cold block that notes the place and returns.
//!
//! The files: [`flat`] (arrays without the runtime), [`control`] (branches, loops), [`call`] (calls, traps, the runtime), [`scalar`], [`array`], [`bulk`]
//! (operations over whole arrays), [`memory`] (reference counts, nodes), [`guard`] (products of adjoints),
//! [`nest`] (recursive functions), [`fresh`] and [`sizes`] (registers of loops), [`room`] (pushes in a row), [`kernel`] (loops in vectors),
//! [`fold`] (reductions without an array), [`place`] (results where the caller wants them).

mod array;
mod bulk;
mod call;
pub(crate) mod contract;
mod control;
mod flat;
mod fold;
mod fresh;
mod guard;
mod kernel;
mod memory;
pub mod nest;
mod place;
mod room;
mod scalar;
mod sizes;

pub use kernel::{Outlined, Target, Widest};

use crate::abi::PTR;
use crate::bare::{self, Bare, Support};
use crate::borrow::Borrowed;
use crate::place::{Placed, Places};
use crate::types::{Types, element_bytes, register};
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, Block, BlockArg, FuncRef, InstBuilder, MemFlagsData, SourceLoc, Type as ClifType,
    Value as V, types,
};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{DataId, FuncId as ClifFuncId, Module as ClifModule};
use dprog_ir::analysis::{Definitions, Shapes};
use dprog_ir::entity::Entity;
use dprog_ir::kernel::Fold;
use dprog_ir::{FuncId, Function, Inst, InstData, Module, Op, ReduceOp, Region, SrcLoc, TrapCode, Type, Value};
use rustc_hash::{FxHashMap, FxHashSet};
use std::mem::offset_of;
use std::sync::Arc;

use self::nest::Cycles;
use self::room::Next;
use dprog_runtime::Context;

/// What the functions of a module share while they are lowered.
pub struct Program<'a> {
    pub module: &'a Module,
    pub types: Types<'a>,
    /// Functions that have been declared, by `FuncId`.
    pub functions: FxHashMap<FuncId, ClifFuncId>,
    /// What each function has to do with recursion.
    pub depths: Vec<Depth>,
    pub cycles: Cycles,
    pub runtime: FxHashMap<&'static str, ClifFuncId>,
    /// Detours that have been declared, by the function of the runtime that they lead to.
    pub detours: FxHashMap<&'static str, ClifFuncId>,
    pub texts: FxHashMap<Arc<str>, DataId>,
    /// Of functions that run without the runtime: what they share.
    pub bare: Option<Bare<'a>>,
    /// Parameters that are passed as header and place of the elements.
    pub borrowed: Borrowed,
    /// Results that are made where the caller wants them.
    pub placed: Placed,
    /// Functions that a program around calls.
    pub outside: Vec<FuncId>,
    /// Loops become kernels where they can.
    pub simd: bool,
    /// And in vectors so wide.
    pub widest: Option<Widest>,
    /// Whether products are added with one rounding.
    pub contract: bool,
    /// Whether sums that a loop carries may be added up in any order.
    pub any_order: bool,
    /// Kernels that are functions of their own and still to be compiled.
    pub outlined: Vec<Outlined>,
}

impl Program<'_> {
    /// Words that a function takes for places of its results.
    pub fn words_of_places(&self, id: FuncId) -> usize {
        self.placed.get(&id).map_or(0, Places::words)
    }
}

/// What a function does with the number of nested activations that are still allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Depth {
    /// No recursion can be reached from here.
    Ignored,
    /// It calls functions that count.
    Passed,
    /// It is recursive: its activation counts.
    Counted,
}

impl Depth {
    pub fn of(recursive: bool, above_recursion: bool) -> Depth {
        match (recursive, above_recursion) {
            (true, _) => Depth::Counted,
            (false, true) => Depth::Passed,
            (false, false) => Depth::Ignored,
        }
    }

    /// Whether the number is a parameter.
    pub fn is_passed(self) -> bool {
        self != Depth::Ignored
    }
}

/// Kinds of memory that never overlap; each is an alias region of Cranelift.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
enum Memory {
    /// Fields of the context.
    Context,
    /// Counts and meta words.
    Count,
    /// Sizes and capacities.
    Sizes,
    /// Cases and fields of nodes.
    Node,
    /// Elements of arrays, by their register type.
    F64,
    F32,
    I64,
    I32,
    I8,
    Pointer,
    /// Stack slots.
    Stack,
    /// Constants of kernels.
    Table,
    /// What the machine has.
    Level,
}

/// Lowers the body of one function, with inner activations in it if it is `nested`.
pub fn lower<M: ClifModule>(b: FunctionBuilder, clif: &mut M, program: &mut Program, id: FuncId, nested: bool) {
    let func = &program.module.funcs[id];
    let Some(entry) = func.entry() else { unreachable!("function {} has no body", func.name) };
    let depth = program.depths[id.index()];
    let values = vec![None; func.values.len()];
    let definitions = vec![None; func.values.len()];
    let (runtime_refs, function_refs) = (FxHashMap::default(), FxHashMap::default());
    let detour_refs = FxHashMap::default();
    let (regions, ctx, loc) = (Vec::new(), V::from_u32(0), func.loc);
    let mut lower = Lower {
        b,
        clif,
        func,
        values,
        definitions,
        facts: Definitions::of_function(func),
        shapes: Shapes::of_function(func),
        pushes: array::pushes_per_trip(func),
        growing: sizes::growing(func),
        sizes: FxHashMap::default(),
        next_uses: room::next_uses(func),
        room: FxHashMap::default(),
        pushes_around: Vec::new(),
        ctx,
        regions,
        runtime_refs,
        detour_refs,
        function_refs,
        support_refs: FxHashMap::default(),
        bases: FxHashMap::default(),
        table: None,
        folds: fold::foldable(func),
        folded: FxHashMap::default(),
        borrowed: program.borrowed.get(&id).cloned().unwrap_or_default(),
        places: program.placed.get(&id).cloned().unwrap_or_default(),
        offers: Vec::new(),
        failed: None,
        exit: None,
        id,
        nested: 0,
        depth,
        left: None,
        values_at_call: 0,
        loc,
        program,
    };
    if nested {
        lower.nested = lower.activations_in(id);
    }
    lower.function(entry);
}

struct Lower<'a, 'p, M: ClifModule> {
    b: FunctionBuilder<'a>,
    clif: &'a mut M,
    func: &'p Function,
    program: &'a mut Program<'p>,
    values: Vec<Option<V>>,
    /// The instructions lowered so far, by their first result.
    definitions: Vec<Option<Inst>>,
    /// Where values are defined, and which arrays have one shape.
    facts: Definitions,
    shapes: Shapes,
    /// For lists that a loop carries and pushes to: how often in a trip.
    pushes: FxHashMap<Value, usize>,
    /// Lists whose sizes are in registers, and these.
    growing: FxHashSet<Value>,
    sizes: FxHashMap<Value, V>,
    /// What happens next to lists, for how many pushes there is room in them for certain, and how many the activations around do with
    /// this one's results.
    next_uses: FxHashMap<Value, Next>,
    room: FxHashMap<Value, usize>,
    pushes_around: Vec<usize>,
    ctx: V,
    regions: Vec<AliasRegion>,
    runtime_refs: FxHashMap<&'static str, FuncRef>,
    detour_refs: FxHashMap<&'static str, FuncRef>,
    function_refs: FxHashMap<FuncId, FuncRef>,
    support_refs: FxHashMap<Support, FuncRef>,
    /// Where the elements of arrays are whose header is elsewhere.
    bases: FxHashMap<Value, V>,
    /// Constant vectors of the kernels, in the data of the module.
    table: Option<(DataId, Vec<u8>)>,
    /// What is reduced where it is made; and the reductions, with the number of elements.
    folds: FxHashMap<Inst, Fold>,
    folded: FxHashMap<Value, (ReduceOp, V, V)>,
    /// Parameters of this function that are passed as two values.
    borrowed: Vec<bool>,
    /// Results of this function that are made where the caller wants them; and of each result the header and the place that it offers.
    places: Places,
    offers: Vec<Option<(V, V)>>,
    /// The block that returns after a trap.
    failed: Option<Block>,
    /// In the body of a callee that stands in the place of its call: the block behind the call, and the callee's results.
    exit: Option<(Block, &'p [Value])>,
    /// The function at hand, and how many activations may stand in it from here on.
    id: FuncId,
    nested: u32,
    depth: Depth,
    /// The number of nested activations that are still allowed.
    left: Option<V>,
    /// How many values there were at the last call.
    values_at_call: usize,
    /// The place of the instruction at hand.
    loc: SrcLoc,
}

impl<M: ClifModule> Lower<'_, '_, M> {
    fn function(mut self, entry: Region) {
        let block = self.b.create_block();
        self.b.append_block_params_for_function_params(block);
        self.b.switch_to_block(block);
        let params = self.b.block_params(block).to_vec();
        self.ctx = params[0];
        self.bind(entry, &params);
        if let Some(careful) = self.count_depth() {
            self.region_and_return(entry);
            self.one_by_one(careful, &params);
        } else {
            self.region_and_return(entry);
        }
        self.return_block();
        self.finish_table();
        self.b.seal_all_blocks();
        let config = self.clif.target_config();
        self.b.finalize(config);
    }

    /// Binds the parameters of the function.
    fn bind(&mut self, entry: Region, params: &[V]) {
        self.left = self.depth.is_passed().then(|| params[1]);
        let mut rest = params[1 + self.depth.is_passed() as usize..].iter().copied();
        for (i, param) in self.func.regions[entry].params.iter().enumerate() {
            self.values[param.index()] = rest.next();
            if let (true, Some(base)) = (self.borrowed.get(i) == Some(&true), self.values[param.index()]) {
                self.bases.insert(*param, rest.next().unwrap_or(base));
            }
        }
        self.offers = self.places.results.iter().map(|placed| placed.then(|| rest.next().zip(rest.next()))?).collect();
    }

    /// Lowers a region of which the yields are the function's results. A branch at its end returns from each side: results that
    /// come together in one place would have to be in memory if one of them is a value that lives across a call.
    fn region_and_return(&mut self, region: Region) {
        let func = self.func;
        let data = &func.regions[region];
        if let Some((last, before)) = data.insts.split_last()
            && func.insts[*last].op == Op::If
            && func.insts[*last].results[..] == data.yields[..]
        {
            self.insts(before);
            return self.branch_and_return(&func.insts[*last]);
        }
        if let Some((exit, pattern)) = self.exit {
            let mut results = self.sized_region(pattern, region);
            self.with_room(region, &mut results);
            return self.jump(exit, &results);
        }
        let results = self.region(region);
        let ok = self.int(types::I32, 0);
        let returned: Vec<V> = std::iter::once(ok).chain(results).collect();
        self.b.ins().return_(&returned);
    }

    /// Lowers the instructions of a region whose parameters have values; gives its yields.
    fn region(&mut self, region: Region) -> Vec<V> {
        let func = self.func;
        self.insts(&func.regions[region].insts);
        func.regions[region].yields.iter().map(|v| self.get(*v)).collect()
    }

    fn insts(&mut self, insts: &[Inst]) {
        let mut rest = insts;
        while let [inst, after @ ..] = rest {
            rest = match after.first() {
                Some(_) if self.pushes_in_a_row(rest) > 1 => {
                    let (row, further) = rest.split_at(self.pushes_in_a_row(rest));
                    self.push_all(row);
                    further
                }
                Some(_) | None => {
                    self.inst(*inst);
                    after
                }
            };
        }
    }

    fn inst(&mut self, inst: Inst) {
        let func = self.func;
        let data = &func.insts[inst];
        self.loc = data.loc;
        self.b.set_srcloc(SourceLoc::new(data.loc.0));
        let args = &data.args[..];
        let result = match &data.op {
            Op::Const(c) => self.constant(c),
            Op::Undef => self.undefined(func.value_type(data.results[0])),
            Op::Unary(op) => self.unary(*op, args[0]),
            Op::Binary(op) => self.binary(*op, args[0], args[1]),
            Op::Compare(op) => self.compare(*op, args[0], args[1]),
            Op::Select => self.select(args),
            Op::Convert(to) => self.convert(args[0], *to),
            Op::StopGrad => self.get(args[0]),
            Op::Fill => self.fill(data.results[0], args),
            Op::Elements => self.elements(data.results[0], args),
            Op::Dim(0) => self.size_of(args[0]),
            Op::Dim(axis) => self.dim(self.get(args[0]), *axis as usize),
            Op::Get(access) => self.array_get(*access, data.results[0], args),
            Op::Set(access) => self.array_set(*access, args),
            Op::Take(access) => return self.take_element(*access, data),
            Op::Put => self.put_element(args),
            Op::AddAt(access) => self.array_add(*access, args),
            Op::Slice(access) => self.slice(*access, args),
            Op::SetSlice(_) => self.put_slice(args, false),
            Op::AddSlice(_) => self.put_slice(args, true),
            Op::Push => self.push(data.results[0], args),
            Op::Pop => return self.pop(data),
            Op::Reshape => self.reshape(data.results[0], args),
            Op::Map => return self.map(inst),
            Op::Build => return self.build(inst),
            Op::Reduce(op) => self.reduce(inst, *op, args[0]),
            Op::Dot => self.dot(args),
            Op::MatMul { transpose_a, transpose_b } => {
                self.product("matmul", data.results[0], args, *transpose_a as i64 | (*transpose_b as i64) << 1)
            }
            Op::MatVec { transpose } => self.product("matvec", data.results[0], args, *transpose as i64),
            Op::Outer => self.outer(data.results[0], args),
            Op::SortPermutation => self.sort_permutation(data.results[0], args[0]),
            Op::NodeNew { node, case } => self.node_new(*node, *case, args),
            Op::NodeTag => self.node_tag(args[0]),
            Op::NodeGet { field, .. } => self.node_get(data.results[0], args[0], *field),
            Op::ZerosLike => self.zeros_like(data.results[0], args[0]),
            Op::AddTangent => self.add_tangent(args),
            Op::Concat => self.concat(args),
            Op::Format(spec) => self.format(spec, args[0]),
            Op::If => return self.branch(data),
            Op::Switch => return self.switch(data),
            Op::For => return self.fresh_in_loop(data, |this| this.for_loop(inst)),
            Op::While => return self.fresh_in_loop(data, |this| this.while_loop(data)),
            Op::Call(callee) => return self.call(*callee, data),
            Op::Check(code) => return self.check(*code, args),
            Op::Trap => return self.trap(args[0]),
            Op::Host(f) => return self.host(*f, data),
            Op::Retain => return self.retain(args[0]),
            Op::Release if self.is_only_folded(args[0]) => return,
            Op::Release => return self.release(args[0]),
            Op::Unshare => self.unshare(args[0]),
        };
        self.values[data.results[0].index()] = Some(result);
        self.definitions[data.results[0].index()] = Some(inst);
    }

    /// The instruction that gives `v`, if that is all it gives.
    fn definition(&self, v: Value) -> Option<&InstData> {
        let inst = self.definitions[v.index()]?;
        Some(&self.func.insts[inst])
    }

    // ---- values ----

    fn get(&self, v: Value) -> V {
        self.values[v.index()].expect("values are defined before they are used")
    }

    /// Where the elements of an array are, less the bytes that a header has in front of them.
    fn base(&self, v: Value) -> V {
        self.bases.get(&v).copied().unwrap_or_else(|| self.get(v))
    }

    /// Whether the elements of an array do not follow its header; see [`crate::borrow`].
    fn lies_apart(&self, v: Value) -> bool {
        self.bases.contains_key(&v)
    }

    fn set_all(&mut self, values: &[Value], to: &[V]) {
        for (v, to) in values.iter().zip(to) {
            self.values[v.index()] = Some(*to);
        }
    }

    fn ty(&self, v: Value) -> Type {
        self.func.value_type(v)
    }

    fn int(&mut self, ty: ClifType, x: i64) -> V {
        self.b.ins().iconst(ty, x)
    }

    fn word(&mut self, x: i64) -> V {
        self.int(types::I64, x)
    }

    fn undefined(&mut self, ty: Type) -> V {
        if ty.is_heap() {
            let offset = match &mut self.program.bare {
                Some(bare) => {
                    bare.uses_empty = true;
                    bare::layout::EMPTY as i64
                }
                None => offset_of!(Context, empty) as i64,
            };
            return self.b.ins().iadd_imm_s(self.ctx, offset);
        }
        self.zero(register(ty))
    }

    fn zero(&mut self, ty: ClifType) -> V {
        match ty {
            types::F64 => self.b.ins().f64const(0.0),
            types::F32 => self.b.ins().f32const(0.0),
            _ => self.int(ty, 0),
        }
    }

    /// The row of a type in the runtime's table, as an operand.
    fn desc(&mut self, ty: Type) -> V {
        if self.is_bare() {
            return self.int(types::I32, bare::descriptor(element_bytes(ty.element()), ty.rank()));
        }
        let id = self.program.types.id(ty);
        self.int(types::I32, id as i64)
    }

    // ---- memory ----

    fn flags(&mut self, memory: Memory) -> MemFlagsData {
        if self.regions.is_empty() {
            for user_id in 0..=Memory::Level as u32 {
                let data = AliasRegionData { user_id, description: "".into() };
                self.regions.push(self.b.func.dfg.alias_regions.insert(data));
            }
        }
        MemFlagsData::trusted().with_alias_region(Some(self.regions[memory as usize]))
    }

    fn load(&mut self, ty: ClifType, memory: Memory, base: V, offset: i32) -> V {
        let flags = self.flags(memory);
        self.b.ins().load(ty, flags, base, offset)
    }

    fn store(&mut self, memory: Memory, v: V, base: V, offset: i32) {
        let flags = self.flags(memory);
        self.b.ins().store(flags, v, base, offset);
    }

    // ---- blocks ----

    /// Goes on in a new block with these parameters.
    fn block(&mut self, params: &[ClifType]) -> Block {
        let block = self.b.create_block();
        for ty in params {
            self.b.append_block_param(block, *ty);
        }
        block
    }

    fn jump(&mut self, block: Block, args: &[V]) {
        self.b.ins().jump(block, &block_args(args));
    }

    fn brif(&mut self, cond: V, then: Block, then_args: &[V], otherwise: Block, args: &[V]) {
        self.b.ins().brif(cond, then, &block_args(then_args), otherwise, &block_args(args));
    }

    fn params(&self, block: Block) -> Vec<V> {
        self.b.block_params(block).to_vec()
    }
}

fn block_args(args: &[V]) -> Vec<BlockArg> {
    args.iter().map(|v| BlockArg::Value(*v)).collect()
}

/// The memory in which elements of this type lie.
fn element_memory(ty: Type) -> Memory {
    match register(ty) {
        _ if ty.is_heap() => Memory::Pointer,
        types::F64 => Memory::F64,
        types::F32 => Memory::F32,
        types::I64 => Memory::I64,
        types::I32 => Memory::I32,
        _ => Memory::I8,
    }
}
