//! A program with a `main` as an object file: the functions, what the runtime must know of them, and C's `main`.

use crate::Options;
use crate::abi::PTR;
use crate::debug::DebugFile;
use crate::define::{Kind, Workshop, declare};
use crate::jit::Error;
use crate::object::{finish, new_module};
use cranelift_codegen::ir::{AbiParam, InstBuilder, Signature, types::I32};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{DataDescription, DataId, FuncId as ClifFuncId, Linkage, Module as ClifModule};
use dprog_ir::analysis::CallGraph;
use dprog_ir::{FuncId, Module};
use dprog_runtime::program::{Place, encode};
use dprog_runtime::{Limits, TypeTable};

/// What an object says about the source that it was made of.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The places of the module's locations, by their numbers.
    pub places: &'a [Place],
    pub limits: Limits,
    /// With what a debugger needs.
    pub debug: Option<&'a DebugFile>,
}

/// An object that becomes an executable when it is linked with the runtime.
pub fn emit(module: &Module, main: FuncId, source: &Source, options: &Options) -> Result<Vec<u8>, Error> {
    let mut clif = new_module("dprog", source.debug.is_some(), options)?;
    let mut program = declare(&mut clif, module, &[main], &CallGraph::of_module(module), "dp.", Kind::Plain)?;
    let mut workshop = Workshop::new(source.debug.is_some());
    workshop.all_functions(&mut clif, &mut program, options)?;
    let entry = workshop.entry(&mut clif, &program, main, "dprog_entry", Linkage::Export)?;
    let (types, _) = program.types.finish();
    let block = define_block(&mut clif, &types, source)?;
    define_main(&mut clif, &mut workshop, block, entry)?;
    finish(clif, workshop, source)
}

/// The data that the runtime reads; see [`dprog_runtime::program`].
pub(crate) fn define_block(clif: &mut impl ClifModule, types: &TypeTable, source: &Source) -> Result<DataId, Error> {
    let mut data = DataDescription::new();
    data.define(encode(types, source.places, &source.limits).into_boxed_slice());
    data.set_align(8);
    let id = clif.declare_data("dprog_program", Linkage::Local, false, false).map_err(|e| Error(e.to_string()))?;
    clif.define_data(id, &data).map_err(|e| Error(e.to_string()))?;
    Ok(id)
}

/// `int main(int argc, char **argv)` calls the runtime with the program and its entry.
fn define_main(
    clif: &mut impl ClifModule,
    workshop: &mut Workshop,
    block: DataId,
    entry: ClifFuncId,
) -> Result<(), Error> {
    let convention = clif.isa().default_call_conv();
    let signature = |params: &[_]| {
        let mut signature = Signature::new(convention);
        signature.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
        signature.returns.push(AbiParam::new(I32));
        signature
    };
    let (of_main, of_start) = (signature(&[I32, PTR]), signature(&[PTR, PTR, I32, PTR]));
    let defect = |e: cranelift_module::ModuleError| Error(e.to_string());
    let main = clif.declare_function("main", Linkage::Export, &of_main).map_err(defect)?;
    let start = clif.declare_function("dprog_rt_main", Linkage::Import, &of_start).map_err(defect)?;
    let mut context = workshop.open(clif, of_main, main);
    let start = clif.declare_func_in_func(start, &mut context.func);
    let entry = clif.declare_func_in_func(entry, &mut context.func);
    let block = clif.declare_data_in_func(block, &mut context.func);
    let mut b = FunctionBuilder::new(&mut context.func, &mut workshop.builder);
    let body = b.create_block();
    b.append_block_params_for_function_params(body);
    b.switch_to_block(body);
    let (block, entry) = (b.ins().symbol_value(PTR, block), b.ins().func_addr(PTR, entry));
    let [argc, argv] = b.block_params(body)[..] else { unreachable!("main has two parameters") };
    let call = b.ins().call(start, &[block, entry, argc, argv]);
    let status = b.inst_results(call)[0];
    b.ins().return_(&[status]);
    b.seal_all_blocks();
    b.finalize(clif.target_config());
    workshop.define(clif, context, main, "main", &Options::default())
}
