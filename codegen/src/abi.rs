//! Calling conventions: compiled functions among themselves, the runtime, and the entries for the world outside.
//!
//! A compiled function takes the context and its parameters and returns a status (0: well; else a trap is on its way in the
//! context) and its results, in Cranelift's own convention `tail`, which has eight registers each for results of
//! both kinds. Functions that can reach a recursion also take, behind the context, how many nested activations of recursive
//! functions are still allowed. The runtime has the C convention of the platform. An *entry* has the C convention too:
//! `(context, arguments, results) -> status` with eight bytes for each argument and result, sixteen for an array that is passed as
//! two values. A *direct* entry takes its arguments, all numbers, in registers. A function that gives one number at most, and is called from
//! outside only for numbers, has the C convention itself, where that returns a status and a number in registers as a C struct of
//! the two: it is its own direct entry.

use crate::types::register;
use cranelift_codegen::ir::types::{F32, F64, I8, I32, I64};
use cranelift_codegen::ir::{AbiParam, Signature, Type as ClifType};
use cranelift_codegen::isa::CallConv;
use dprog_ir::Function;

/// Pointers.
pub const PTR: ClifType = I64;

/// The signature of a compiled function; parameters marked in `borrowed` are two values, behind the parameters come `more` words for
/// places of results, and `counts` says whether it takes the depth that is left.
pub fn function_signature(func: &Function, borrowed: &[bool], more: usize, counts: bool, c: CallConv) -> Signature {
    let mut sig = Signature::new(c);
    sig.params.push(AbiParam::new(PTR));
    sig.params.extend(counts.then(|| AbiParam::new(I64)));
    for (i, ty) in func.params.iter().enumerate() {
        let count = if borrowed.get(i) == Some(&true) { 2 } else { 1 };
        sig.params.extend(std::iter::repeat_n(AbiParam::new(register(*ty)), count));
    }
    sig.params.extend(std::iter::repeat_n(AbiParam::new(PTR), more));
    sig.returns.push(AbiParam::new(I32));
    sig.returns.extend(func.results.iter().map(|ty| AbiParam::new(register(*ty))));
    sig
}

/// The convention of a function: `outside` says whether a program around calls it for a number.
pub fn convention(func: &Function, outside: bool, counts: bool, c: CallConv) -> CallConv {
    let numbers = func.params.iter().chain(&func.results).all(|ty| ty.as_scalar().is_some());
    let in_registers = cfg!(target_arch = "x86_64") && func.results.len() <= 1;
    if outside && numbers && in_registers && !counts { c } else { CallConv::Tail }
}

/// The signature of an entry.
pub fn entry_signature(c: CallConv) -> Signature {
    let mut sig = Signature::new(c);
    sig.params.extend([AbiParam::new(PTR); 3]);
    sig.returns.push(AbiParam::new(I32));
    sig
}

/// The signature of a *direct* entry, for functions of numbers: `(context, results, arguments…) -> status`.
pub fn direct_signature(func: &Function, c: CallConv) -> Signature {
    let mut sig = Signature::new(c);
    sig.params.extend([AbiParam::new(PTR); 2]);
    sig.params.extend(func.params.iter().map(|ty| AbiParam::new(register(*ty))));
    sig.returns.push(AbiParam::new(I32));
    sig
}

/// The signature of a function of the runtime.
pub fn runtime_signature(name: &str, c: CallConv) -> Signature {
    let mut sig = Signature::new(c);
    let (params, result) = runtime_types(name);
    sig.params.extend(params.iter().map(|ty| AbiParam::new(*ty)));
    sig.returns.extend(result.map(AbiParam::new));
    sig
}

/// The signature of a *detour*: a call of that function of the runtime that keeps every register, so that a path seldom
/// taken costs the values around it no place on the stack. Its result is left in the context.
pub fn detour_signature(name: &str) -> Signature {
    let mut sig = runtime_signature(name, CallConv::PreserveAll);
    sig.returns.clear();
    sig
}

/// Parameters and result of each function of the runtime that compiled code calls.
fn runtime_types(name: &str) -> (&'static [ClifType], Option<ClifType>) {
    match name {
        "dprog_rt_fill" => (&[PTR, I32, PTR, I64, I64], Some(PTR)),
        "dprog_rt_grow" => (&[PTR, I32, PTR], Some(PTR)),
        "dprog_rt_slice" => (&[PTR, I32, PTR, I64, I64], Some(PTR)),
        "dprog_rt_get_part" => (&[PTR, I32, PTR, I64, I64], Some(PTR)),
        "dprog_rt_put_part" => (&[PTR, I32, PTR, I64, I64, PTR, I32], Some(I32)),
        "dprog_rt_put_slice" => (&[PTR, I32, PTR, I64, PTR, I32], Some(I32)),
        "dprog_rt_add_element" => (&[PTR, I32, PTR, PTR], Some(I32)),
        "dprog_rt_reshape" => (&[PTR, I32, PTR, I64, PTR, I64], Some(PTR)),
        "dprog_rt_sort_permutation" => (&[PTR, I32, PTR, I32], Some(PTR)),
        "dprog_rt_same_shape" => (&[PTR, PTR, PTR, I64], Some(I32)),
        "dprog_rt_trap" => (&[PTR, I32, I64, I64, I32], None),
        "dprog_rt_trace" => (&[PTR, I32], None),
        "dprog_rt_trap_text" => (&[PTR, PTR, I32], None),
        "dprog_rt_sum_f64" => (&[PTR, I64], Some(F64)),
        "dprog_rt_sum_f32" => (&[PTR, I64], Some(F32)),
        "dprog_rt_dot_f64" => (&[PTR, PTR, I64], Some(F64)),
        "dprog_rt_dot_f32" => (&[PTR, PTR, I64], Some(F32)),
        "dprog_rt_copy" => (&[PTR, PTR, I64], Some(PTR)),
        "dprog_rt_sum_apart_f64" => (&[PTR, I64], Some(F64)),
        "dprog_rt_sum_apart_f32" => (&[PTR, I64], Some(F32)),
        "dprog_rt_dot_apart_f64" => (&[PTR, PTR, I64], Some(F64)),
        "dprog_rt_dot_apart_f32" => (&[PTR, PTR, I64], Some(F32)),
        "dprog_rt_matmul_f64" | "dprog_rt_matmul_f32" => (&[PTR, I32, PTR, PTR, PTR, PTR, I32, PTR, PTR], Some(PTR)),
        "dprog_rt_matvec_f64" | "dprog_rt_matvec_f32" => (&[PTR, I32, PTR, PTR, PTR, PTR, I32, PTR, PTR], Some(PTR)),
        "dprog_rt_outer_f64" | "dprog_rt_outer_f32" => (&[PTR, I32, PTR, PTR, PTR, PTR, I32, PTR, PTR], Some(PTR)),
        "dprog_rt_set_apart" => (&[PTR, I64, I64, I64], None),
        "dprog_rt_release" | "dprog_rt_drop" => (&[PTR, PTR], None),
        "dprog_rt_new_array" => (&[PTR, I32, PTR, I64], Some(PTR)),
        "dprog_rt_new_list" => (&[PTR, I32, I64, I64], Some(PTR)),
        "dprog_rt_new_node" => (&[PTR, I32, I64, I64], Some(PTR)),
        "dprog_rt_unshare" => (&[PTR, I32, PTR], Some(PTR)),
        "dprog_rt_zeros_like" => (&[PTR, I32, PTR], Some(PTR)),
        "dprog_rt_add_tangent" => (&[PTR, I32, PTR, PTR], Some(PTR)),
        "dprog_rt_concat" => (&[PTR, PTR, I64], Some(PTR)),
        "dprog_rt_compare_text" => (&[PTR, PTR], Some(I64)),
        "dprog_rt_format" => (&[PTR, I32, I64, I64], Some(PTR)),
        "dprog_rt_host" => (&[PTR, I32, PTR, PTR], Some(I32)),
        "dprog_rt_begin" => (&[PTR], Some(PTR)),
        "dprog_rt_run" => (&[PTR, PTR, PTR, PTR], Some(I32)),
        "dprog_rt_failed" => (&[PTR], Some(I32)),
        "dprog_rt_end" => (&[PTR], None),
        "dprog_rt_new_text" => (&[PTR, PTR, I64], Some(PTR)),
        _ => math_types(name),
    }
}

/// Math functions: the kind of their arguments stands at the end of the name.
fn math_types(name: &str) -> (&'static [ClifType], Option<ClifType>) {
    let binary = ["rem", "pow", "atan2", "hypot", "polygamma"].iter().any(|op| name.contains(op));
    match (name.rsplit('_').next(), binary) {
        (Some("f64"), false) => (&[F64], Some(F64)),
        (Some("f64"), true) => (&[F64, F64], Some(F64)),
        (Some("f32"), false) => (&[F32], Some(F32)),
        (Some("f32"), true) => (&[F32, F32], Some(F32)),
        (Some("i64"), _) => (&[I64, I64], Some(I64)),
        (Some("i32"), _) => (&[I32, I32], Some(I32)),
        (Some("u8"), _) => (&[I8, I8], Some(I8)),
        _ => unreachable!("{name} is no function of the runtime"),
    }
}
