//! C functions made at run time: a *thunk* takes arguments in the C convention of the platform and hands them on as words,
//! with a pointer that it was made with, to one function that serves all types.

use crate::abi::PTR;
use crate::jit::{Error, new_module};
use crate::types::register;
use crate::{OptLevel, Options};
use cranelift_codegen::ir::{AbiParam, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::JITModule;
use cranelift_module::{Linkage, Module as ClifModule};
use dprog_ir::{Scalar, Type};

/// What a thunk calls: with its pointer, and with a word for each argument. The status is the thunk's result.
pub type Target = unsafe extern "C" fn(*const (), *const u64) -> i32;

/// A C function in memory, freed when it is dropped.
pub struct Thunk {
    clif: Option<JITModule>,
    address: *const u8,
}

// SAFETY: the code does not change once it is made.
unsafe impl Send for Thunk {}
// SAFETY: as above.
unsafe impl Sync for Thunk {}

impl Drop for Thunk {
    fn drop(&mut self) {
        if let Some(clif) = self.clif.take() {
            // SAFETY: who called `address` has promised not to use it longer than the thunk lives.
            unsafe { clif.free_memory() };
        }
    }
}

impl Thunk {
    /// `int32_t (params…)`, each a scalar or (`None`) a pointer. It may be called as long as the thunk and `data` live.
    pub fn new(params: &[Option<Scalar>], target: Target, data: *const ()) -> Result<Thunk, Error> {
        let mut clif = new_module(&Options { opt_level: OptLevel::Speed, ..Options::default() })?;
        let mut context = clif.make_context();
        context.func.signature = signature(&clif, params);
        let id = clif.declare_function("thunk", Linkage::Local, &context.func.signature).map_err(error)?;
        let mut builder = FunctionBuilderContext::new();
        emit(&clif, FunctionBuilder::new(&mut context.func, &mut builder), params.len(), target, data);
        clif.define_function(id, &mut context).map_err(error)?;
        clif.finalize_definitions().map_err(error)?;
        let address = clif.get_finalized_function(id);
        Ok(Thunk { clif: Some(clif), address })
    }

    /// The C function.
    pub fn address(&self) -> *const u8 {
        self.address
    }
}

fn error(error: cranelift_module::ModuleError) -> Error {
    Error(error.to_string())
}

fn signature(clif: &JITModule, params: &[Option<Scalar>]) -> Signature {
    let mut signature = Signature::new(clif.isa().default_call_conv());
    let types = params.iter().map(|scalar| scalar.map_or(PTR, |scalar| register(Type::scalar(scalar))));
    signature.params.extend(types.map(AbiParam::new));
    signature.returns.push(AbiParam::new(types::I32));
    signature
}

fn emit(clif: &JITModule, mut b: FunctionBuilder, count: usize, target: Target, data: *const ()) {
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let args = b.block_params(block).to_vec();
    let bytes = 8 * count.max(1) as u32;
    let slot = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3));
    let words = b.ins().stack_addr(PTR, slot, 0);
    for (i, arg) in args.iter().enumerate() {
        let word = match b.func.dfg.value_type(*arg) {
            types::F32 => {
                let bits = b.ins().bitcast(types::I32, MemFlagsData::new(), *arg);
                b.ins().uextend(PTR, bits)
            }
            types::I8 | types::I32 => b.ins().uextend(PTR, *arg),
            _ => *arg,
        };
        b.ins().store(MemFlagsData::trusted(), word, words, 8 * i as i32);
    }
    let mut callee = Signature::new(clif.isa().default_call_conv());
    callee.params.extend([AbiParam::new(PTR); 2]);
    callee.returns.push(AbiParam::new(types::I32));
    let callee = b.import_signature(callee);
    let (target, data) = (b.ins().iconst(PTR, target as usize as i64), b.ins().iconst(PTR, data as i64));
    let call = b.ins().call_indirect(callee, target, &[data, words]);
    let status = b.inst_results(call).to_vec();
    b.ins().return_(&status);
    b.seal_all_blocks();
    b.finalize(clif.target_config());
}
