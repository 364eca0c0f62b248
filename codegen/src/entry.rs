//! The functions that C calls: arguments in, the compiled function, results out.
//!
//! What is passed is described by [`crate::c_abi`]. A bare function has its context on the stack of the entry, and arrays that it only
//! reads stay where the caller has them. A hosted one gets a context from the runtime, with objects made of its arguments; it
//! runs on the runtime's stack. Arguments are checked in every build: null pointers and negative sizes are a status.

mod arguments;
mod checks;
mod offers;
mod results;

use crate::abi::{PTR, runtime_signature};
use crate::bare::{self, Bare, Support, layout};
use crate::c_abi::{
    CFunction, CParam, CScalar, CType, Elements, HandleElement, HandleType, Input, Interface, Output, Role, Size,
    SizeOp, Status, Stride,
};
use crate::jit::Error;
use crate::lower::Program;
use crate::types::{element_bytes, register};
use crate::writing::Writing;
use cranelift_codegen::Context as ClifContext;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I32, I64};
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, Signature, Value as V};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{DataId, FuncId as ClifFuncId, Linkage, Module as ClifModule};
use dprog_ir::{Function, TrapCode, Type};
use dprog_runtime::layout::{CAPACITY, COUNT, DIMS, IMMORTAL, META, data_offset};

/// What an entry leads to.
pub(crate) enum Target {
    /// A function that runs with nothing behind it; `takes` tells of each parameter whether its reference goes over.
    /// `places` of each result whether it takes a place for it.
    Bare { func: ClifFuncId, borrowed: Vec<bool>, places: Vec<bool>, heap: bool },
    /// An entry `(context, arguments, results)` of the runtime's kind, and the block that describes the program.
    Hosted { entry: ClifFuncId, block: DataId },
}

/// A function to be emitted.
pub(crate) struct Entry<'a> {
    pub function: &'a CFunction,
    pub interface: &'a Interface,
    pub func: &'a Function,
    pub takes: Vec<bool>,
    pub target: Target,
    /// Whether it gets a workspace: `NAME_in`.
    pub workspace: bool,
}

/// Whether an object is made of an argument.
fn is_copied(input: &Input, borrowed: bool) -> bool {
    match input {
        Input::Value { .. } | Input::Load { .. } => false,
        Input::Array { stride, element, .. } => !(borrowed && is_dense(*stride, element.bytes())),
        Input::Text { .. } => true,
    }
}

fn is_dense(stride: Stride, element: u32) -> bool {
    stride.bytes == element && stride.offset == 0
}

/// The signature of a function in C.
fn signature(function: &CFunction, workspace: bool, c: CallConv) -> Signature {
    let mut sig = Signature::new(c);
    if workspace {
        sig.params.extend([AbiParam::new(PTR), AbiParam::new(I64)]);
    }
    sig.params.extend(function.params.iter().map(|p| match p.ty {
        CType::Value(scalar) => AbiParam::new(register(Type::scalar(scalar.scalar))),
        CType::Pointer(_) | CType::Text | CType::Struct(_) | CType::Handle(_) => AbiParam::new(PTR),
    }));
    sig.returns.push(AbiParam::new(I32).sext());
    sig
}

/// Emits an entry under its name in C.
pub(crate) fn emit<M: ClifModule>(
    clif: &mut M,
    bare: &mut Bare,
    program: &mut Program,
    entry: &Entry,
) -> Result<ClifFuncId, Error> {
    let signature = signature(entry.function, entry.workspace, clif.isa().default_call_conv());
    let name = if entry.workspace { format!("{}_in", entry.function.name) } else { entry.function.name.clone() };
    let id = clif.declare_function(&name, Linkage::Export, &signature).map_err(|e| Error(e.to_string()))?;
    let mut context = clif.make_context();
    context.func.signature = signature;
    context.func.name = ir::UserFuncName::user(0, id.as_u32());
    let mut builder = FunctionBuilderContext::new();
    let b = FunctionBuilder::new(&mut context.func, &mut builder);
    let mut code =
        Code { b, clif, bare, program, entry, params: Vec::new(), ctx: V::from_u32(0), pointers: Vec::new() };
    code.body();
    code.close();
    define(clif, id, context, &name)?;
    Ok(id)
}

pub(crate) fn define<M: ClifModule>(
    clif: &mut M,
    id: ClifFuncId,
    mut context: ClifContext,
    name: &str,
) -> Result<(), Error> {
    clif.define_function(id, &mut context).map_err(|e| Error(format!("{name}: {e:?}")))
}

/// An entry under construction.
struct Code<'c, 'f, 'a, 'p, M: ClifModule> {
    b: FunctionBuilder<'f>,
    clif: &'c mut M,
    bare: &'c mut Bare<'a>,
    program: &'c mut Program<'p>,
    entry: &'c Entry<'c>,
    params: Vec<V>,
    ctx: V,
    /// Pointers in structs, loaded and found not to be null.
    pointers: Vec<(Elements, V)>,
}

/// A value for the compiled function.
struct Argument {
    v: V,
    /// Where its elements are, if it is passed as two values.
    base: Option<V>,
    /// An object that the entry has made, and still has after the call.
    object: bool,
}

/// A place for a result: see [`crate::place`].
#[derive(Clone, Copy)]
struct Offer {
    header: V,
    place: V,
}

impl<'f, M: ClifModule> Writing<'f> for Code<'_, 'f, '_, '_, M> {
    type Module = M;
    fn at_hand(&mut self) -> (&mut FunctionBuilder<'f>, &mut M) {
        (&mut self.b, self.clif)
    }
}

impl<M: ClifModule> Code<'_, '_, '_, '_, M> {
    fn body(&mut self) {
        let block = self.b.create_block();
        self.b.append_block_params_for_function_params(block);
        self.b.switch_to_block(block);
        self.params = self.b.block_params(block).to_vec();
        let workspace = self.entry.workspace.then(|| (self.params.remove(0), self.params.remove(0)));
        if let Some((start, _)) = workspace {
            let null = self.b.ins().icmp_imm_s(IntCC::Equal, start, 0);
            self.refuse_if(null, Status::NullPointer as i64, "`workspace` is a null pointer");
        }
        self.check_params();
        self.check_pointers();
        self.open_context(workspace);
        let args = self.arguments();
        let offers = self.offers();
        let results = self.call(&args, &offers);
        self.drop_arguments(&args);
        self.results(&results, &offers);
        self.end_context();
        self.return_status(0);
    }

    fn close(mut self) {
        self.b.seal_all_blocks();
        let config = self.clif.target_config();
        self.b.finalize(config);
    }

    // ---- ending with a status ----

    /// Returns `status` if the condition holds. Before a context is open.
    fn refuse_if(&mut self, bad: V, status: i64, what: &str) {
        let (refuse, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(refuse);
        self.branch(bad, refuse, &[], next, &[]);
        self.b.switch_to_block(refuse);
        self.say(what);
        self.return_status(status);
        self.b.switch_to_block(next);
    }

    /// Makes a text the thread's last error.
    fn say(&mut self, what: &str) {
        let text = format!("{}: {what}", self.entry.function.name);
        let data = self.bare.text(self.clif, &text);
        let address = self.address(data);
        let (address, length) = (self.b.ins().iadd_imm_s(address, 8), self.word(text.len() as i64));
        self.support(Support::SetLastError, &[address, length]);
    }

    fn return_status(&mut self, status: i64) {
        let status = self.b.ins().iconst(I32, status);
        self.b.ins().return_(&[status]);
    }

    // ---- the context ----

    fn open_context(&mut self, workspace: Option<(V, V)>) {
        match &self.entry.target {
            Target::Hosted { block, .. } => {
                let block = self.address(*block);
                self.ctx = self.runtime("dprog_rt_begin", &[block]).expect("a context");
            }
            Target::Bare { heap, .. } => {
                let heap = *heap;
                let bytes = if self.bare.uses_empty { layout::BYTES } else { layout::EMPTY as u32 };
                self.ctx = self.slot(bytes);
                let zero = self.word(0);
                if heap {
                    self.store(zero, self.ctx, layout::BLOCKS);
                    self.open_workspace(workspace);
                }
                if self.bare.uses_empty {
                    let immortal = self.word(IMMORTAL);
                    self.store(immortal, self.ctx, layout::EMPTY);
                    for offset in (8..data_offset(15)).step_by(8) {
                        self.store(zero, self.ctx, layout::EMPTY + offset);
                    }
                }
            }
        }
    }

    fn open_workspace(&mut self, workspace: Option<(V, V)>) {
        let Some((start, bytes)) = workspace else {
            let zero = self.word(0);
            return self.store(zero, self.ctx, layout::BUMP_END);
        };
        // Aligned inside, so that any memory will do; a workspace of less than nothing is empty.
        let up = self.b.ins().iadd_imm_s(start, 15);
        let up = self.b.ins().band_imm_s(up, !15);
        let (zero, lost) = (self.word(0), self.b.ins().isub(up, start));
        let room = self.b.ins().isub(bytes, lost);
        let room = self.b.ins().smax(room, zero);
        let end = self.b.ins().iadd(up, room);
        self.store(up, self.ctx, layout::BUMP);
        self.store(end, self.ctx, layout::BUMP_END);
    }

    fn end_context(&mut self) {
        if let Target::Hosted { .. } = self.entry.target {
            self.runtime("dprog_rt_end", &[self.ctx]);
        }
    }

    /// Returns because of a trap, after taking everything back. Hosted, the status is that of the runtime.
    fn fail(&mut self, status: Option<V>) {
        let status = match (&self.entry.target, status) {
            (Target::Hosted { .. }, Some(status)) => {
                self.end_context();
                status
            }
            (Target::Hosted { .. }, None) => {
                let status = self.runtime("dprog_rt_failed", &[self.ctx]).expect("a status");
                self.end_context();
                status
            }
            (Target::Bare { heap, .. }, _) => {
                if *heap && !self.entry.workspace {
                    self.support(Support::FreeAll, &[self.ctx]);
                }
                self.publish();
                self.b.ins().load(I32, MemFlagsData::trusted(), self.ctx, layout::STATUS)
            }
        };
        self.b.ins().return_(&[status]);
    }

    /// Makes the text in the thread's buffer the thread's last error.
    fn publish(&mut self) {
        let buffer = self.support(Support::Buffer, &[]).expect("an address");
        let length = self.b.ins().load(I64, MemFlagsData::trusted(), buffer, bare::buffer::LENGTH);
        let text = self.b.ins().iadd_imm_s(buffer, bare::buffer::TEXT as i64);
        self.support(Support::SetLastError, &[text, length]);
    }

    fn fail_unless(&mut self, ok: V) {
        let (failed, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(failed);
        self.branch(ok, next, &[], failed, &[]);
        self.b.switch_to_block(failed);
        self.fail(None);
        self.b.switch_to_block(next);
    }

    // ---- the call ----

    /// Calls the function; gives its results.
    fn call(&mut self, args: &[Argument], offers: &[Option<Offer>]) -> Vec<V> {
        let entry = self.entry;
        match &entry.target {
            Target::Bare { func, .. } => {
                let callee = self.clif.declare_func_in_func(*func, self.b.func);
                let mut values = vec![self.ctx];
                for arg in args {
                    values.push(arg.v);
                    values.extend(arg.base);
                }
                values.extend(offers.iter().flatten().flat_map(|offer| [offer.header, offer.place]));
                let call = self.b.ins().call(callee, &values);
                let results = self.b.inst_results(call).to_vec();
                let ok = self.b.ins().icmp_imm_s(IntCC::Equal, results[0], 0);
                self.fail_unless(ok);
                results[1..].to_vec()
            }
            Target::Hosted { entry: hosted, .. } => {
                let row = self.slot(8 * args.len().max(1) as u32);
                for (i, arg) in args.iter().enumerate() {
                    self.store(arg.v, row, 8 * i as i32);
                }
                let out = self.slot(8 * entry.func.results.len().max(1) as u32);
                let callee = self.clif.declare_func_in_func(*hosted, self.b.func);
                let address = self.b.ins().func_addr(PTR, callee);
                let status = self.runtime("dprog_rt_run", &[self.ctx, address, row, out]).expect("a status");
                let (failed, next) = (self.b.create_block(), self.b.create_block());
                self.b.set_cold_block(failed);
                self.branch(status, failed, &[], next, &[]);
                self.b.switch_to_block(failed);
                self.fail(Some(status));
                self.b.switch_to_block(next);
                let types = entry.func.results.iter().enumerate();
                let flags = MemFlagsData::trusted();
                types.map(|(i, ty)| self.b.ins().load(register(*ty), flags, out, 8 * i as i32)).collect()
            }
        }
    }

    /// Objects that the function has only borrowed go.
    fn drop_arguments(&mut self, args: &[Argument]) {
        for (i, arg) in args.iter().enumerate() {
            if arg.object && !self.entry.takes[i] {
                self.release(arg.v);
            }
        }
    }

    fn release(&mut self, object: V) {
        if let Target::Hosted { .. } = self.entry.target {
            self.runtime("dprog_rt_release", &[self.ctx, object]);
            return;
        }
        let count = self.b.ins().load(I64, MemFlagsData::trusted(), object, COUNT);
        let count = self.b.ins().iadd_imm_s(count, -1);
        self.store(count, object, COUNT);
        let (last, next) = (self.b.create_block(), self.b.create_block());
        self.branch(count, next, &[], last, &[]);
        self.b.switch_to_block(last);
        self.support(Support::Drop, &[self.ctx, object]);
        self.go(next, &[]);
        self.b.switch_to_block(next);
    }

    // ---- writing ----

    fn support(&mut self, which: Support, args: &[V]) -> Option<V> {
        let id = self.bare.function(self.clif, which);
        self.call_function(id, args)
    }

    fn runtime(&mut self, name: &'static str, args: &[V]) -> Option<V> {
        let signature = runtime_signature(name, self.clif.isa().default_call_conv());
        let id = self.clif.declare_function(name, Linkage::Import, &signature).expect("one signature per name");
        self.call_function(id, args)
    }
}

/// Whether an entry with this target makes arrays: then it sets up what they come from.
pub(crate) fn needs_heap(function: &CFunction, borrowed: &[bool], program_does: bool) -> bool {
    program_does
        || function.inputs.iter().enumerate().any(|(i, input)| is_copied(input, borrowed.get(i) == Some(&true)))
}
