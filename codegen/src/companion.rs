//! What stands beside an export: `NAME_free` for its handles, and `NAME_workspace` for the bytes that `NAME_in` takes.

use crate::abi::PTR;
use crate::bare::{Bare, Support};
use crate::c_abi::{CFunction, CType};
use crate::entry::define;
use crate::jit::Error;
use crate::workspace::{Bound, GREATEST, Step};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, Signature, Value as V};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{Linkage, Module as ClifModule};

/// Emits `NAME_free`: gives back what the handles of a function hold, and empties them.
pub(crate) fn emit_free<M: ClifModule>(clif: &mut M, bare: &mut Bare, function: &CFunction) -> Result<(), Error> {
    let handles = function.params.iter().filter(|p| matches!(p.ty, CType::Handle(_))).count();
    let mut signature = Signature::new(clif.isa().default_call_conv());
    signature.params.extend(vec![AbiParam::new(PTR); handles]);
    emit(clif, format!("{}_free", function.name), signature, |clif, b, handles| {
        let free = bare.function(clif, Support::Free);
        let free = clif.declare_func_in_func(free, b.func);
        for handle in handles {
            let (some, next) = (b.create_block(), b.create_block());
            b.ins().brif(*handle, some, &[], next, &[]);
            b.switch_to_block(some);
            let data = b.ins().load(PTR, MemFlagsData::trusted(), *handle, 0);
            b.ins().call(free, &[data]);
            let zero = b.ins().iconst(PTR, 0);
            b.ins().store(MemFlagsData::trusted(), zero, *handle, 0);
            b.ins().store(MemFlagsData::trusted(), zero, *handle, 8);
            b.ins().jump(next, &[]);
            b.switch_to_block(next);
        }
        b.ins().return_(&[]);
    })
}

/// Emits `NAME_workspace`: the bytes that a call takes at most, or -1 if nobody knows.
pub(crate) fn emit_workspace<M: ClifModule>(clif: &mut M, function: &CFunction, bound: &Bound) -> Result<(), Error> {
    let mut signature = Signature::new(clif.isa().default_call_conv());
    signature.params.extend(vec![AbiParam::new(I64); bound.params.len()]);
    signature.returns.push(AbiParam::new(I64));
    emit(clif, format!("{}_workspace", function.name), signature, |_, b, params| {
        let unknown = b.ins().iconst(I64, -1);
        let mut values: Vec<V> = Vec::new();
        for step in bound.steps.iter().flatten() {
            let v = workspace_step(b, *step, &values, |param| {
                params[bound.params.iter().position(|p| *p == param).expect("a parameter of the bound")]
            });
            values.push(v);
        }
        let bytes = match values.last() {
            Some(total) => {
                let too_many = b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, *total, GREATEST);
                b.ins().select(too_many, unknown, *total)
            }
            None => unknown,
        };
        b.ins().return_(&[bytes]);
    })
}

fn workspace_step(b: &mut FunctionBuilder, step: Step, values: &[V], param: impl Fn(usize) -> V) -> V {
    let of = |term: usize| values[term];
    match step {
        Step::Constant(x) => b.ins().iconst(I64, x),
        Step::Param(number) => param(number),
        Step::Add(x, y) => b.ins().iadd(of(x), of(y)),
        Step::Sub(x, y) => b.ins().isub(of(x), of(y)),
        Step::Max(x, y) => b.ins().smax(of(x), of(y)),
        Step::Min(x, y) => b.ins().smin(of(x), of(y)),
        Step::Plus(x, y) => {
            let (greatest, sum) = (b.ins().iconst(I64, GREATEST), b.ins().iadd(of(x), of(y)));
            b.ins().umin(sum, greatest)
        }
        Step::Times(x, y) => {
            let (high, low) = (b.ins().umulhi(of(x), of(y)), b.ins().imul(of(x), of(y)));
            let greatest = b.ins().iconst(I64, GREATEST);
            let low = b.ins().umin(low, greatest);
            b.ins().select(high, greatest, low)
        }
    }
}

/// An exported function whose body `write` writes, from its parameters.
fn emit<M: ClifModule>(
    clif: &mut M,
    name: String,
    signature: Signature,
    write: impl FnOnce(&mut M, &mut FunctionBuilder, &[V]),
) -> Result<(), Error> {
    let id = clif.declare_function(&name, Linkage::Export, &signature).map_err(|e| Error(e.to_string()))?;
    let mut context = clif.make_context();
    context.func.signature = signature;
    context.func.name = ir::UserFuncName::user(0, id.as_u32());
    let mut builder = FunctionBuilderContext::new();
    let mut b = FunctionBuilder::new(&mut context.func, &mut builder);
    let block = b.create_block();
    b.append_block_params_for_function_params(block);
    b.switch_to_block(block);
    let params = b.block_params(block).to_vec();
    write(clif, &mut b, &params);
    b.seal_all_blocks();
    let config = clif.target_config();
    b.finalize(config);
    define(clif, id, context, &name)
}
