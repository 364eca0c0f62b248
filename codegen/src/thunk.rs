//! C functions made at run time: a *thunk* takes arguments in the C convention of the platform and hands them on as words,
//! with a pointer that it was made with, to one function that serves all types.
//!
//! For functions of numbers there is a [`Shortcut`]: the thunk asks for a context and calls the compiled function itself, so that no
//! argument goes through memory. Whatever is not as it should be goes the other way.

use crate::abi::PTR;
use crate::jit::{Error, Numbers, new_module};
use crate::types::register;
use crate::{OptLevel, Options};
use cranelift_codegen::ir::{
    AbiParam, Block, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Type as ClifType, Value as V,
    types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::JITModule;
use cranelift_module::{Linkage, Module as ClifModule};
use dprog_ir::{Scalar, Type};
use dprog_runtime::Context;

/// What a thunk calls: with its pointer, and with a word for each argument. The status is the thunk's result.
pub type Target = unsafe extern "C" fn(*const (), *const u64) -> i32;

/// The way past [`Target`], for a function of numbers.
pub struct Shortcut {
    /// Gives a context for the call, or null: then the call goes the other way.
    pub begin: unsafe extern "C" fn(*const ()) -> *mut Context,
    /// The status of a call that trapped.
    pub failed: unsafe extern "C" fn(*const (), *mut Context) -> i32,
    /// What it leads to.
    pub function: Numbers,
    /// Its results; a pointer for each is behind the arguments.
    pub results: Vec<Scalar>,
}

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
    pub fn new(
        params: &[Option<Scalar>],
        target: Target,
        data: *const (),
        shortcut: Option<&Shortcut>,
    ) -> Result<Thunk, Error> {
        let mut clif = new_module(&Options { opt_level: OptLevel::Speed, ..Options::default() })?;
        let mut context = clif.make_context();
        context.func.signature = signature(&clif, params);
        let id = clif.declare_function("thunk", Linkage::Local, &context.func.signature).map_err(error)?;
        let mut builder = FunctionBuilderContext::new();
        let mut code = Code { b: FunctionBuilder::new(&mut context.func, &mut builder), data, args: Vec::new() };
        code.open();
        if let Some(shortcut) = shortcut {
            code.shortcut(shortcut);
        }
        code.hand_on(target);
        code.b.seal_all_blocks();
        code.b.finalize(clif.target_config());
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

/// A thunk under construction.
struct Code<'f> {
    b: FunctionBuilder<'f>,
    data: *const (),
    args: Vec<V>,
}

impl Code<'_> {
    fn open(&mut self) {
        let block = self.b.create_block();
        self.b.append_block_params_for_function_params(block);
        self.b.switch_to_block(block);
        self.args = self.b.block_params(block).to_vec();
    }

    /// Returns if all goes well, or with the status of a trap; goes on where a pointer is null or there is no context.
    fn shortcut(&mut self, shortcut: &Shortcut) {
        let other = self.b.create_block();
        self.b.set_cold_block(other);
        let (args, pointers) = self.args.split_at(self.args.len() - shortcut.results.len());
        let (args, pointers) = (args.to_vec(), pointers.to_vec());
        for pointer in &pointers {
            self.go_on_if(*pointer, other);
        }
        let data = self.b.ins().iconst(PTR, self.data as i64);
        let ctx = self.call(shortcut.begin as usize, &[data], PTR);
        self.go_on_if(ctx, other);
        let status = match shortcut.function {
            Numbers::Pair(function) => self.pair(function, ctx, &args, &shortcut.results, &pointers),
            Numbers::Row(function) => self.row(function, ctx, &args, &shortcut.results, &pointers),
        };
        let (failed, done) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(failed);
        self.b.ins().brif(status, failed, &[], done, &[]);
        self.b.switch_to_block(failed);
        let status = self.call(shortcut.failed as usize, &[data, ctx], types::I32);
        self.b.ins().return_(&[status]);
        self.b.switch_to_block(done);
        let zero = self.b.ins().iconst(types::I32, 0);
        self.b.ins().return_(&[zero]);
        self.b.switch_to_block(other);
    }

    /// Calls a function that gives status and result in registers. After a trap the result is none, and is written all the same.
    fn pair(&mut self, function: *const u8, ctx: V, args: &[V], results: &[Scalar], pointers: &[V]) -> V {
        let kinds: Vec<ClifType> = results.iter().map(|scalar| register(Type::scalar(*scalar))).collect();
        let given =
            self.call_for(function as usize, &[&[ctx][..], args].concat(), &[&[types::I32][..], &kinds].concat());
        for (v, pointer) in given[1..].iter().zip(pointers) {
            self.b.ins().store(MemFlagsData::trusted(), *v, *pointer, 0);
        }
        given[0]
    }

    /// The same for one that puts its results in a row.
    fn row(&mut self, function: *const u8, ctx: V, args: &[V], results: &[Scalar], pointers: &[V]) -> V {
        let row = self.slot(results.len());
        let status = self.call(function as usize, &[&[ctx, row][..], args].concat(), types::I32);
        let flags = MemFlagsData::trusted();
        for (i, (scalar, pointer)) in results.iter().zip(pointers).enumerate() {
            let v = self.b.ins().load(register(Type::scalar(*scalar)), flags, row, 8 * i as i32);
            self.b.ins().store(flags, v, *pointer, 0);
        }
        status
    }

    /// Goes to `other` if `v` is zero.
    fn go_on_if(&mut self, v: V, other: Block) {
        let next = self.b.create_block();
        self.b.ins().brif(v, next, &[], other, &[]);
        self.b.switch_to_block(next);
    }

    fn slot(&mut self, words: usize) -> V {
        let bytes = 8 * words.max(1) as u32;
        let slot = self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 3));
        self.b.ins().stack_addr(PTR, slot, 0)
    }

    /// Calls a C function that gives one value.
    fn call(&mut self, address: usize, args: &[V], result: ClifType) -> V {
        self.call_for(address, args, &[result])[0]
    }

    fn call_for(&mut self, address: usize, args: &[V], results: &[ClifType]) -> Vec<V> {
        let mut signature = Signature::new(self.b.func.signature.call_conv);
        signature.params.extend(args.iter().map(|v| AbiParam::new(self.b.func.dfg.value_type(*v))));
        signature.returns.extend(results.iter().map(|ty| AbiParam::new(*ty)));
        let signature = self.b.import_signature(signature);
        let address = self.b.ins().iconst(PTR, address as i64);
        let call = self.b.ins().call_indirect(signature, address, args);
        self.b.inst_results(call).to_vec()
    }

    /// Hands the arguments on as words.
    fn hand_on(&mut self, target: Target) {
        let words = self.slot(self.args.len());
        for (i, arg) in self.args.clone().into_iter().enumerate() {
            let word = match self.b.func.dfg.value_type(arg) {
                types::F32 => {
                    let bits = self.b.ins().bitcast(types::I32, MemFlagsData::new(), arg);
                    self.b.ins().uextend(PTR, bits)
                }
                types::I8 | types::I32 => self.b.ins().uextend(PTR, arg),
                _ => arg,
            };
            self.b.ins().store(MemFlagsData::trusted(), word, words, 8 * i as i32);
        }
        let data = self.b.ins().iconst(PTR, self.data as i64);
        let status = self.call(target as usize, &[data, words], types::I32);
        self.b.ins().return_(&[status]);
    }
}
