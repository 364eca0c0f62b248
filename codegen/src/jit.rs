//! A module in memory: compile, call, free.
//!
//! Only what can be reached from the requested entries is compiled. The code owns its memory and frees it when it is
//! dropped; a mapping is writable or executable, never both. Symbols come from the runtime's table and from nowhere else: the
//! process is not searched.

use crate::abi::{PTR, entry_signature, function_signature};
use crate::lower::{Program, lower};
use crate::types::{Types, register};
use crate::{OptLevel, Options};
use cranelift_codegen::Context as ClifContext;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, types};
use cranelift_codegen::isa::{OwnedTargetIsa, TargetFrontendConfig};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{
    DataDescription, DataId, FuncId as ClifFuncId, Linkage, Module as ClifModule, ModuleReloc, ModuleResult,
};
use dprog_ir::analysis::CallGraph;
use dprog_ir::entity::Entity;
use dprog_ir::transform::ownership::Ownership;
use dprog_ir::{FuncId, Function, Module, Type};
use dprog_runtime::layout::{IMMORTAL, small_meta};
use dprog_runtime::stack::Entry;
use dprog_runtime::{Context, DescId, Stop, TypeTable};
use rustc_hash::FxHashMap;
use std::fmt;

/// Code generation failed: a defect, or a limit of the machine.
#[derive(Debug)]
pub struct Error(pub String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Address space for code; pages are committed as they are needed.
const CODE_SPACE: usize = 1 << 30;
/// Above this many instructions the single-pass register allocator is used: the other is superlinear, and was measured to
/// take more than a second for ten thousand.
const LARGE_FUNCTION: usize = 3000;

/// The compiler to memory.
pub struct Jit;

/// A function that can be called from outside.
#[derive(Clone, Debug)]
struct EntryPoint {
    address: Entry,
    params: Vec<Type>,
    results: Vec<Type>,
    /// Parameters whose reference the function takes over.
    takes: Vec<bool>,
}

/// A compiled module.
pub struct Compiled {
    clif: Option<JITModule>,
    types: Box<TypeTable>,
    type_ids: FxHashMap<Type, DescId>,
    entries: FxHashMap<FuncId, EntryPoint>,
}

// SAFETY: after compilation nothing changes but reference counts of constants, which start so high that lost updates do
// not matter; running state is in the context.
unsafe impl Send for Compiled {}
// SAFETY: as above.
unsafe impl Sync for Compiled {}

impl Drop for Compiled {
    fn drop(&mut self) {
        if let Some(clif) = self.clif.take() {
            // SAFETY: entries are called only through `&self`, so none is running.
            unsafe { clif.free_memory() };
        }
    }
}

impl Jit {
    /// Compiles the entries and what they reach. The module is as the ownership pass left it.
    pub fn compile(
        module: &Module,
        ownership: &Ownership,
        entries: &[FuncId],
        options: &Options,
    ) -> Result<Compiled, Error> {
        let mut clif = new_module(options)?;
        let mut program = declare(&mut clif, module, entries)?;
        let mut workshop = Workshop::default();
        let mut ids: Vec<FuncId> = program.functions.keys().copied().collect();
        ids.sort_unstable();
        for id in ids {
            workshop.function(&mut clif, &mut program, id, options)?;
        }
        let mut addresses = Vec::new();
        for id in entries {
            addresses.push((*id, workshop.entry(&mut clif, &program, *id)?));
        }
        clif.finalize_definitions().map_err(|e| Error(e.to_string()))?;
        let entries = addresses.into_iter().map(|(id, clif_id)| {
            let code = clif.get_finalized_function(clif_id);
            // SAFETY: the function was defined with this signature.
            let address = unsafe { std::mem::transmute::<*const u8, Entry>(code) };
            let func = &module.funcs[id];
            let takes = (0..func.params.len()).map(|i| ownership.takes(id, i)).collect();
            (id, EntryPoint { address, params: func.params.clone(), results: func.results.clone(), takes })
        });
        let entries = entries.collect();
        let (table, type_ids) = program.types.finish();
        Ok(Compiled { clif: Some(clif), types: Box::new(table), type_ids, entries })
    }
}

impl Compiled {
    fn entry(&self, id: FuncId) -> &EntryPoint {
        self.entries.get(&id).expect("the function was requested as an entry")
    }

    /// Whether an entry takes the reference over that is passed for a parameter of heap type; otherwise it stays the caller's.
    pub fn takes(&self, id: FuncId, param: usize) -> bool {
        self.entry(id).takes[param]
    }

    /// The types of the objects that the code makes; [`Compiled::type_id`] gives the row of one.
    pub fn types(&self) -> &TypeTable {
        &self.types
    }

    /// The row of a type that occurs in the module.
    pub fn type_id(&self, ty: Type) -> Option<DescId> {
        self.type_ids.get(&ty).copied()
    }

    /// Calls an entry with raw words: scalars in the low bytes, heap values as pointers.
    ///
    /// # Safety
    /// As many arguments and results as the entry has, of its types; objects belong to `ctx`.
    pub unsafe fn call_raw(
        &self,
        ctx: &mut Context,
        id: FuncId,
        args: &[u64],
        results: &mut [u64],
    ) -> Result<(), Stop> {
        let entry = self.entry(id);
        assert_eq!((args.len(), results.len()), (entry.params.len(), entry.results.len()));
        ctx.types = &*self.types;
        // SAFETY: the caller's promise.
        let status = unsafe { ctx.enter(entry.address, args.as_ptr(), results.as_mut_ptr()) };
        if status != 0 {
            return Err(ctx.finish_stop());
        }
        ctx.host.out.flush();
        Ok(())
    }
}

// ---- setting up ----

/// Cranelift's settings for an instruction set.
pub(crate) fn target(options: &Options, large: bool) -> Result<OwnedTargetIsa, Error> {
    let mut flags = settings::builder();
    let level = if options.opt_level == OptLevel::None { "none" } else { "speed" };
    let allocator = if large { "single_pass" } else { "backtracking" };
    let pairs = [
        ("opt_level", level),
        ("regalloc_algorithm", allocator),
        ("enable_verifier", if options.verify { "true" } else { "false" }),
        ("is_pic", "false"),
        ("use_colocated_libcalls", "false"),
        ("enable_multi_ret_implicit_sret", "true"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
        ("unwind_info", "false"),
    ];
    for (name, value) in pairs {
        flags.set(name, value).map_err(|e| Error(e.to_string()))?;
    }
    let isa = cranelift_native::builder().map_err(|e| Error(e.to_string()))?;
    isa.finish(settings::Flags::new(flags)).map_err(|e| Error(e.to_string()))
}

fn new_module(options: &Options) -> Result<JITModule, Error> {
    let isa = target(options, false)?;
    let mut builder = JITBuilder::with_isa(isa, Box::new(|call| panic!("no library call {call:?} is allowed")));
    builder.symbols(dprog_runtime::symbols::table());
    builder.symbol_lookup_fn(Box::new(|name| panic!("symbol {name} is not on the list of the runtime")));
    let memory = ArenaMemoryProvider::new_with_size(CODE_SPACE).map_err(|e| Error(e.to_string()))?;
    builder.memory_provider(Box::new(memory));
    Ok(JITModule::new(builder))
}

fn declare<'a>(clif: &mut impl ClifModule, module: &'a Module, entries: &[FuncId]) -> Result<Program<'a>, Error> {
    let calls = CallGraph::of_module(module);
    let reachable = calls.reachable(entries);
    let mut functions = FxHashMap::default();
    for (id, func) in module.funcs.iter().filter(|(id, _)| reachable[*id]) {
        // Names of the program may collide with those of the runtime.
        let name = format!("{}:{}", id.index(), func.name);
        let declared = clif.declare_function(&name, Linkage::Local, &function_signature(func));
        functions.insert(id, declared.map_err(|e| Error(e.to_string()))?);
    }
    let recursive = module.funcs.keys().map(|id| calls.recursive[id]).collect();
    let (runtime, texts) = (FxHashMap::default(), FxHashMap::default());
    Ok(Program { module, types: Types::new(module), functions, recursive, runtime, texts })
}

/// Puts a string into the data of the module; see `dprog_runtime::layout`.
pub(crate) fn define_text(clif: &mut impl ClifModule, text: &str) -> DataId {
    let words = [IMMORTAL as u64, small_meta(0, 0), text.len() as u64, text.len() as u64];
    let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_ne_bytes()).collect();
    bytes.extend_from_slice(text.as_bytes());
    let mut data = DataDescription::new();
    data.define(bytes.into_boxed_slice());
    data.set_align(16);
    // Its count is written.
    let id = clif.declare_anonymous_data(true, false).expect("data can be declared");
    clif.define_data(id, &data).expect("declared just now");
    id
}

/// What is used again from function to function.
#[derive(Default)]
struct Workshop {
    builder: FunctionBuilderContext,
    context: Option<ClifContext>,
    /// The target with the register allocator for large functions.
    large: Option<OwnedTargetIsa>,
}

impl Workshop {
    fn function(
        &mut self,
        clif: &mut JITModule,
        program: &mut Program,
        id: FuncId,
        options: &Options,
    ) -> Result<(), Error> {
        let func = &program.module.funcs[id];
        let clif_id = program.functions[&id];
        let mut context = self.open(clif, function_signature(func), clif_id);
        lower(FunctionBuilder::new(&mut context.func, &mut self.builder), clif, program, id);
        self.define(clif, context, clif_id, &func.name, options)
    }

    /// The function with the C convention through which `id` is called from outside.
    fn entry(&mut self, clif: &mut JITModule, program: &Program, id: FuncId) -> Result<ClifFuncId, Error> {
        let signature = entry_signature(clif.isa().default_call_conv());
        let name = format!("entry:{}", id.index());
        let clif_id = clif.declare_function(&name, Linkage::Export, &signature).map_err(|e| Error(e.to_string()))?;
        let mut context = self.open(clif, signature, clif_id);
        let callee = clif.declare_func_in_func(program.functions[&id], &mut context.func);
        let func = &program.module.funcs[id];
        lower_entry(FunctionBuilder::new(&mut context.func, &mut self.builder), callee, func, clif.target_config());
        self.define(clif, context, clif_id, &name, &Options::default())?;
        Ok(clif_id)
    }

    fn open(&mut self, clif: &JITModule, signature: ir::Signature, id: ClifFuncId) -> ClifContext {
        let mut context = self.context.take().unwrap_or_else(|| clif.make_context());
        context.func.signature = signature;
        context.func.name = ir::UserFuncName::user(0, id.as_u32());
        context
    }

    fn define(
        &mut self,
        clif: &mut JITModule,
        mut context: ClifContext,
        id: ClifFuncId,
        name: &str,
        options: &Options,
    ) -> Result<(), Error> {
        let defined = if context.func.dfg.num_insts() > LARGE_FUNCTION {
            self.define_large(clif, &mut context, id, options)
        } else {
            clif.define_function(id, &mut context)
        };
        defined.map_err(|e| Error(format!("{name}: {e:?}")))?;
        clif.clear_context(&mut context);
        self.context = Some(context);
        Ok(())
    }
}

impl Workshop {
    /// Like `define_function`, with the other register allocator.
    fn define_large(
        &mut self,
        clif: &mut JITModule,
        context: &mut ClifContext,
        id: ClifFuncId,
        options: &Options,
    ) -> ModuleResult<()> {
        let isa = self.large.get_or_insert_with(|| target(options, true).expect("the same target as the module's"));
        context.compile(&**isa, &mut ControlPlane::default())?;
        let code = context.compiled_code().expect("compiled just now");
        let alignment = code.buffer.alignment as u64;
        let relocs: Vec<ModuleReloc> =
            code.buffer.relocs().iter().map(|r| ModuleReloc::from_mach_reloc(r, &context.func, id)).collect();
        clif.define_function_bytes(id, alignment, code.code_buffer(), &relocs)
    }
}

/// `(context, arguments, results) -> status`: loads words, calls, stores words.
fn lower_entry(mut b: FunctionBuilder, callee: ir::FuncRef, func: &Function, config: TargetFrontendConfig) {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let [ctx, args, out] = b.block_params(block)[..] else { unreachable!("an entry has three parameters") };
    let flags = MemFlagsData::trusted();
    let mut values = vec![ctx];
    for (i, ty) in func.params.iter().enumerate() {
        values.push(b.ins().load(register(*ty), flags, args, 8 * i as i32));
    }
    let call = b.ins().call(callee, &values);
    let returned = b.inst_results(call).to_vec();
    for (i, (v, ty)) in returned[1..].iter().zip(&func.results).enumerate() {
        let word = match register(*ty) {
            types::I8 | types::I32 => b.ins().uextend(PTR, *v),
            _ => *v,
        };
        b.ins().store(flags, word, out, 8 * i as i32);
    }
    b.ins().return_(&returned[..1]);
    b.seal_all_blocks();
    b.finalize(config);
}
