//! Declaring and compiling the functions of a program, into memory or elsewhere.

use crate::abi::{
    PTR, convention, detour_signature, direct_signature, entry_signature, function_signature, runtime_signature,
};
use crate::bare::Bare;
use crate::borrow::{self, Borrowed};
use crate::debug::Notes;
use crate::jit::Error;
use crate::lower::nest::Cycles;
use crate::lower::{Depth, Outlined, Program, Target, Widest, lower};
use crate::place::{Placed, placed};
use crate::target::{Architecture, Machine, target};
use crate::types::{Types, register};
use crate::wide::{Bytes, Level, POOL_ALIGNMENT, Reach};
use crate::{Listing, OptLevel, Options};
use cranelift_codegen::Context as ClifContext;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value as V, types};
use cranelift_codegen::isa::{OwnedTargetIsa, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{
    DataDescription, DataId, FuncId as ClifFuncId, Linkage, Module as ClifModule, ModuleReloc, ModuleResult,
};
use dprog_ir::analysis::CallGraph;
use dprog_ir::entity::Entity;
use dprog_ir::{FuncId, Function, Module, SrcLoc};
use dprog_runtime::Context;
use dprog_runtime::layout::{IMMORTAL, small_meta};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};
use std::mem::offset_of;

/// Above so many instructions, of the function or of one of its blocks, the single-pass register allocator is used, whose code is up
/// to three times slower. The other takes 3 us for an instruction where there is control flow, but 35 us in one block of 5000 whose
/// values live long, and from about 15 000 on it is superlinear everywhere.
const LARGE_FUNCTION: usize = 12_000;
const LARGE_BLOCK: usize = 3000;

/// What functions are compiled for.
pub(crate) enum Kind<'a> {
    /// The runtime's contexts.
    Plain,
    /// The same, with entries for a program around that calls often.
    Embedded,
    /// Nothing behind them.
    Bare(Bare<'a>),
}

/// Declares every function that the entries reach. The names in the object begin with `prefix`.
pub(crate) fn declare<'a>(
    clif: &mut impl ClifModule,
    module: &'a Module,
    entries: &[FuncId],
    calls: &CallGraph,
    prefix: &str,
    kind: Kind<'a>,
) -> Result<Program<'a>, Error> {
    let reachable = calls.reachable(entries);
    let ids = || module.funcs.keys().filter(|id| reachable[*id]);
    let borrowed = match kind {
        Kind::Plain => Borrowed::default(),
        Kind::Embedded | Kind::Bare(_) => borrow::borrowed(module, ids(), entries),
    };
    let placed = match kind {
        Kind::Plain => Placed::default(),
        Kind::Embedded | Kind::Bare(_) => placed(module, calls, entries),
    };
    let outside = if let Kind::Embedded = kind { entries.to_vec() } else { Vec::new() };
    let bare = if let Kind::Bare(bare) = kind { Some(bare) } else { None };
    let mut functions = FxHashMap::default();
    let above_recursion = calls.above_recursion();
    let depths: Vec<Depth> =
        module.funcs.keys().map(|id| Depth::of(calls.recursive[id], above_recursion[id])).collect();
    for (id, func) in module.funcs.iter().filter(|(id, _)| reachable[*id]) {
        // Names of the program may collide with those of the runtime.
        let name = format!("{prefix}{}", func.name);
        let marks = borrowed.get(&id).map_or(&[][..], |marks| marks);
        let more = placed.get(&id).map_or(0, |places| places.words());
        let counts = depths[id.index()].is_passed();
        let c = convention(func, outside.contains(&id), counts, clif.isa().default_call_conv());
        let signature = function_signature(func, marks, more, counts, c);
        let declared = clif.declare_function(&name, Linkage::Local, &signature);
        functions.insert(id, declared.map_err(|e| Error(e.to_string()))?);
    }
    let (runtime, detours, texts) = (FxHashMap::default(), FxHashMap::default(), FxHashMap::default());
    let cycles = Cycles::of(module, calls, |id| reachable[id]);
    Ok(Program {
        module,
        types: Types::new(module),
        functions,
        depths,
        cycles,
        runtime,
        detours,
        texts,
        bare,
        borrowed,
        placed,
        outside,
        simd: false,
        widest: None,
        contract: false,
        any_order: false,
        outlined: Vec::new(),
    })
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
pub(crate) struct Workshop {
    /// What is to be written down of each function, and the text so far.
    pub listing: Option<(Listing, String)>,
    /// What a debugger is to know, if that is wanted.
    pub debug: Option<Notes>,
    pub(crate) builder: FunctionBuilderContext,
    context: Option<ClifContext>,
    /// The target with the register allocator for large functions.
    large: Option<OwnedTargetIsa>,
    /// The next function is compiled without optimization; and the target for that.
    as_written: bool,
    plain: Option<OwnedTargetIsa>,
    /// Where the function at hand stands in the source.
    head: SrcLoc,
}

impl Workshop {
    /// With or without notes for a debugger.
    pub fn new(debug: bool) -> Workshop {
        Workshop { debug: debug.then(Notes::default), ..Workshop::default() }
    }

    /// Compiles all functions that have been declared, in their order.
    pub fn all_functions(
        &mut self,
        clif: &mut impl ClifModule,
        program: &mut Program,
        options: &Options,
    ) -> Result<(), Error> {
        program.simd = options.has_vectors(clif.isa().name());
        program.widest = self.widest(options);
        program.contract = options.contracts(clif.isa());
        program.any_order = options.fp == crate::Fp::Fast;
        let mut ids: Vec<FuncId> = program.functions.keys().copied().collect();
        ids.sort_unstable();
        ids.into_iter().try_for_each(|id| self.function(clif, program, id, options))?;
        let mut detours: Vec<(&'static str, ClifFuncId)> =
            program.detours.iter().map(|(name, id)| (*name, *id)).collect();
        detours.sort_unstable();
        detours.into_iter().try_for_each(|(name, id)| self.detour(clif, program, name, id, options))
    }

    fn detour(
        &mut self,
        clif: &mut impl ClifModule,
        program: &mut Program,
        name: &'static str,
        id: ClifFuncId,
        options: &Options,
    ) -> Result<(), Error> {
        let signature = runtime_signature(name, clif.isa().default_call_conv());
        let target = match program.runtime.get(name) {
            Some(known) => *known,
            None => clif.declare_function(name, Linkage::Import, &signature).map_err(|e| Error(e.to_string()))?,
        };
        program.runtime.insert(name, target);
        let mut context = self.open(clif, detour_signature(name), id);
        let callee = clif.declare_func_in_func(target, &mut context.func);
        lower_detour(FunctionBuilder::new(&mut context.func, &mut self.builder), callee, clif.target_config());
        self.define(clif, context, id, name, options)
    }

    fn function(
        &mut self,
        clif: &mut impl ClifModule,
        program: &mut Program,
        id: FuncId,
        options: &Options,
    ) -> Result<(), Error> {
        let func = &program.module.funcs[id];
        let clif_id = program.functions[&id];
        // A debugger is to see every activation.
        let nested = options.opt_level == OptLevel::Speed && self.debug.is_none();
        self.head = func.loc;
        let marks = program.borrowed.get(&id).map_or(&[][..], |marks| marks);
        let counts = program.depths[id.index()].is_passed();
        let c = convention(func, program.outside.contains(&id), counts, clif.isa().default_call_conv());
        let signature = function_signature(func, marks, program.words_of_places(id), counts, c);
        let mut context = self.open(clif, signature, clif_id);
        lower(FunctionBuilder::new(&mut context.func, &mut self.builder), clif, program, id, nested);
        self.define(clif, context, clif_id, &func.name, options)?;
        for kernel in std::mem::take(&mut program.outlined) {
            match kernel {
                Outlined::Clif { id, context, loc, as_written } => {
                    self.head = loc;
                    self.as_written = as_written;
                    self.define(clif, context, id, &format!("{}.kernel", func.name), options)?;
                }
                Outlined::Wide { id, bytes, loc, helpers, level, reach } => {
                    let defined = define_wide(clif, id, &bytes, &helpers, reach);
                    defined.map_err(|e| Error(format!("{}: {e:?}", func.name)))?;
                    self.list_wide(&func.name, &bytes, level);
                    if let Some(notes) = &mut self.debug {
                        notes.add_wide(id, &format!("{}.kernel", func.name), loc, &bytes, clif.isa());
                    }
                }
            }
        }
        Ok(())
    }

    /// The widest code that kernels may have.
    fn widest(&self, options: &Options) -> Option<Widest> {
        if options.opt_level == OptLevel::None {
            return None;
        }
        let known = |level, reach| Widest { levels: smallvec![level], reach, machine: Target::Known };
        match options.machine {
            Machine::Here => options.widest_here().map(|level| known(level, Reach::Address)),
            Machine::Native => options.widest_here().map(|level| known(level, Reach::Distance)),
            Machine::Baseline if Architecture::host() != Some(Architecture::X86_64) => None,
            Machine::Other(Architecture::Aarch64 | Architecture::Riscv64) => None,
            Machine::Baseline | Machine::Other(Architecture::X86_64) => {
                let levels: SmallVec<[Level; 2]> =
                    Level::ALL.into_iter().filter(|level| options.allows(*level)).collect();
                let machine = Target::Any(None);
                (!levels.is_empty()).then_some(Widest { levels, reach: Reach::Distance, machine })
            }
        }
    }

    fn list_wide(&mut self, name: &str, bytes: &Bytes, level: Level) {
        let Some((Listing::Asm, text)) = &mut self.listing else { return };
        let code = bytes.code;
        *text += &format!("; {name}.kernel, {} bits: {code} bytes of code\n", level.bits());
    }

    /// The function with the C convention through which `id` is called from outside.
    pub fn entry(
        &mut self,
        clif: &mut impl ClifModule,
        program: &Program,
        id: FuncId,
        name: &str,
        linkage: Linkage,
    ) -> Result<ClifFuncId, Error> {
        let signature = entry_signature(clif.isa().default_call_conv());
        let clif_id = clif.declare_function(name, linkage, &signature).map_err(|e| Error(e.to_string()))?;
        let mut context = self.open(clif, signature, clif_id);
        let callee = clif.declare_func_in_func(program.functions[&id], &mut context.func);
        let func = &program.module.funcs[id];
        let counts = program.depths[id.index()].is_passed();
        let marks = program.borrowed.get(&id).map_or(&[][..], |marks| marks);
        let builder = FunctionBuilder::new(&mut context.func, &mut self.builder);
        let words = (marks, program.words_of_places(id));
        lower_entry(builder, callee, (func, words), counts, clif.target_config());
        self.define(clif, context, clif_id, name, &Options::default())?;
        Ok(clif_id)
    }

    /// Whether the function is a C function of its own accord; see [`crate::abi`].
    pub fn is_in_c(&self, clif: &impl ClifModule, program: &Program, id: FuncId) -> bool {
        let c = clif.isa().default_call_conv();
        let counts = program.depths[id.index()].is_passed();
        convention(&program.module.funcs[id], program.outside.contains(&id), counts, c) == c
    }

    /// The C function of numbers that calls `id`, which is not recursive.
    pub fn direct_entry(
        &mut self,
        clif: &mut impl ClifModule,
        program: &Program,
        id: FuncId,
        name: &str,
    ) -> Result<ClifFuncId, Error> {
        let func = &program.module.funcs[id];
        let signature = direct_signature(func, clif.isa().default_call_conv());
        let clif_id = clif.declare_function(name, Linkage::Export, &signature).map_err(|e| Error(e.to_string()))?;
        let mut context = self.open(clif, signature, clif_id);
        let callee = clif.declare_func_in_func(program.functions[&id], &mut context.func);
        let builder = FunctionBuilder::new(&mut context.func, &mut self.builder);
        lower_direct_entry(builder, callee, func, clif.target_config());
        self.define(clif, context, clif_id, name, &Options::default())?;
        Ok(clif_id)
    }

    pub(crate) fn open(&mut self, clif: &impl ClifModule, signature: ir::Signature, id: ClifFuncId) -> ClifContext {
        let mut context = self.context.take().unwrap_or_else(|| clif.make_context());
        context.func.signature = signature;
        context.func.name = ir::UserFuncName::user(0, id.as_u32());
        context
    }

    pub(crate) fn define(
        &mut self,
        clif: &mut impl ClifModule,
        mut context: ClifContext,
        id: ClifFuncId,
        name: &str,
        options: &Options,
    ) -> Result<(), Error> {
        if let Some((listing, text)) = &mut self.listing {
            match listing {
                Listing::Clif => *text += &format!("; {name}\n{}\n", context.func.display()),
                Listing::Asm => context.set_disasm(true),
            }
        }
        let as_written = std::mem::take(&mut self.as_written);
        let defined = if is_large(&context.func) {
            self.define_large(clif, &mut context, id, options)
        } else if as_written {
            self.define_as_written(clif, &mut context, id, options)
        } else {
            clif.define_function(id, &mut context)
        };
        defined.map_err(|e| Error(format!("{name}: {e:?}")))?;
        if let Some((Listing::Asm, text)) = &mut self.listing {
            let code = context.compiled_code().and_then(|c| c.vcode.as_deref());
            *text += &format!("; {name}\n{}\n", code.unwrap_or_default());
        }
        if let (Some(notes), Some(code)) = (&mut self.debug, context.compiled_code()) {
            notes.add(id, name, self.head, code, clif.isa());
        }
        self.head = SrcLoc::NONE;
        clif.clear_context(&mut context);
        self.context = Some(context);
        Ok(())
    }
}

/// Whether the better register allocator would take too long.
fn is_large(func: &ir::Function) -> bool {
    let block_insts = |block| func.layout.block_insts(block).count();
    func.dfg.num_insts() > LARGE_FUNCTION
        || (func.dfg.num_insts() > LARGE_BLOCK && func.layout.blocks().any(|block| block_insts(block) > LARGE_BLOCK))
}

impl Workshop {
    /// The options with the unwinding that the module has: with notes for a debugger it says how.
    fn unwinding(&self, options: &Options) -> Options {
        Options { unwind: options.unwind || self.debug.is_some(), ..*options }
    }

    /// Like `define_function`, with the other register allocator.
    fn define_large(
        &mut self,
        clif: &mut impl ClifModule,
        context: &mut ClifContext,
        id: ClifFuncId,
        options: &Options,
    ) -> ModuleResult<()> {
        let options = self.unwinding(options);
        let isa = self.large.get_or_insert_with(|| target(&options, true).expect("the same target as the module's"));
        let isa = isa.clone();
        define_with(clif, context, id, &isa)
    }

    /// Like `define_function`, without optimization.
    fn define_as_written(
        &mut self,
        clif: &mut impl ClifModule,
        context: &mut ClifContext,
        id: ClifFuncId,
        options: &Options,
    ) -> ModuleResult<()> {
        let plain = Options { opt_level: OptLevel::None, ..self.unwinding(options) };
        let isa = self.plain.get_or_insert_with(|| target(&plain, false).expect("the same target as the module's"));
        let isa = isa.clone();
        define_with(clif, context, id, &isa)
    }
}

/// Compiles for a target that differs from the module's in how, not in what.
fn define_with(
    clif: &mut impl ClifModule,
    context: &mut ClifContext,
    id: ClifFuncId,
    isa: &OwnedTargetIsa,
) -> ModuleResult<()> {
    context.compile(&**isa, &mut ControlPlane::default())?;
    let code = context.compiled_code().expect("compiled just now");
    let alignment = code.buffer.alignment as u64;
    let relocs: Vec<ModuleReloc> =
        code.buffer.relocs().iter().map(|r| ModuleReloc::from_mach_reloc(r, &context.func, id)).collect();
    clif.define_function_bytes(id, alignment, code.code_buffer(), &relocs)
}

/// Puts a wide kernel into the module.
fn define_wide(
    clif: &mut impl ClifModule,
    id: ClifFuncId,
    code: &Bytes,
    helpers: &[(u32, ClifFuncId)],
    reach: Reach,
) -> ModuleResult<()> {
    let (kind, addend) = match reach {
        Reach::Address => (Reloc::Abs8, 0),
        // From the end of the distance.
        Reach::Distance => (Reloc::X86CallPLTRel4, -4),
    };
    let relocs = helpers.iter().map(|(offset, id)| ModuleReloc { offset: *offset, kind, name: (*id).into(), addend });
    clif.define_function_bytes(id, POOL_ALIGNMENT as u64, &code.bytes, &relocs.collect::<Vec<_>>())
}

/// Calls `callee` and leaves its result in the context.
fn lower_detour(mut b: FunctionBuilder, callee: ir::FuncRef, config: TargetFrontendConfig) {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let args = b.block_params(block).to_vec();
    let call = b.ins().call(callee, &args);
    if let Some(result) = b.inst_results(call).first().copied() {
        b.ins().store(MemFlagsData::trusted(), result, args[0], offset_of!(Context, detour_result) as i32);
    }
    b.ins().return_(&[]);
    b.seal_all_blocks();
    b.finalize(config);
}

/// `(context, arguments, results) -> status`: loads words, calls, stores words.
fn lower_entry(
    mut b: FunctionBuilder,
    callee: ir::FuncRef,
    (func, (borrowed, more)): (&Function, (&[bool], usize)),
    counts: bool,
    config: TargetFrontendConfig,
) {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let [ctx, args, out] = b.block_params(block)[..] else { unreachable!("an entry has three parameters") };
    let flags = MemFlagsData::trusted();
    let mut values = vec![ctx];
    if counts {
        values.push(b.ins().load(types::I64, flags, ctx, offset_of!(Context, depth) as i32));
    }
    let mut offset = 0;
    for (i, ty) in func.params.iter().enumerate() {
        for _ in 0..words_of(borrowed, i) {
            values.push(b.ins().load(register(*ty), flags, args, offset));
            offset += 8;
        }
    }
    for _ in 0..more {
        values.push(b.ins().load(PTR, flags, args, offset));
        offset += 8;
    }
    finish_entry(b, callee, &values, func, out, config);
}

/// Words that an entry takes for a parameter.
fn words_of(borrowed: &[bool], param: usize) -> usize {
    if borrowed.get(param) == Some(&true) { 2 } else { 1 }
}

/// `(context, results, arguments…) -> status`
fn lower_direct_entry(mut b: FunctionBuilder, callee: ir::FuncRef, func: &Function, config: TargetFrontendConfig) {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let [ctx, out, ref args @ ..] = b.block_params(block)[..] else { unreachable!("it has two parameters and more") };
    let values: Vec<V> = std::iter::once(ctx).chain(args.iter().copied()).collect();
    finish_entry(b, callee, &values, func, out, config);
}

/// Calls, stores the results as words, and returns the status. After a trap the words mean nothing.
fn finish_entry(
    mut b: FunctionBuilder,
    callee: ir::FuncRef,
    values: &[V],
    func: &Function,
    out: V,
    config: TargetFrontendConfig,
) {
    let call = b.ins().call(callee, values);
    let returned = b.inst_results(call).to_vec();
    for (i, (v, ty)) in returned[1..].iter().zip(&func.results).enumerate() {
        let word = match register(*ty) {
            types::I8 | types::I32 => b.ins().uextend(PTR, *v),
            _ => *v,
        };
        b.ins().store(MemFlagsData::trusted(), word, out, 8 * i as i32);
    }
    b.ins().return_(&returned[..1]);
    b.seal_all_blocks();
    b.finalize(config);
}
