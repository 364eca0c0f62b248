//! Elementary functions in code, in one and in two lanes, give the bits that they give in Rust.

use cranelift_codegen::ir::{self, AbiParam, BlockArg, InstBuilder, MemFlagsData, Type, types};
use cranelift_codegen::isa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module};
use cranelift_object::{ObjectBuilder, ObjectModule};
use dprog_codegen::math::{Formula, Functions};
use dprog_ir::fmath::elementary;
use dprog_ir::{BinaryOp, UnaryOp};

const POINTS: usize = 100_000;

const SPECIAL: [f64; 20] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2.0,
    -2.0,
    3.0,
    -3.0,
    1e22,
    1e300,
    -1e300,
    5e-324,
    -1e-310,
    710.0,
    -745.0,
    25000.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

#[test]
fn unary_functions() {
    let (xs, ys) = arguments();
    for (op, name) in UnaryOp::TABLE {
        if elementary::unary(*op, 0.5).is_none() {
            continue;
        }
        let expected: Vec<f64> = xs.iter().map(|x| elementary::unary(*op, *x).unwrap()).collect();
        for ty in [types::F64, types::F64X2] {
            compare(name, &expected, &run(Formula::Unary(*op), ty, &xs, &ys), &xs, &ys);
        }
    }
}

#[test]
fn binary_functions() {
    let (xs, ys) = arguments();
    for (op, name) in BinaryOp::TABLE {
        if elementary::binary_of_one(*op, 0.5, 0.5).is_none() {
            continue;
        }
        let value = |(x, y): (&f64, &f64)| elementary::binary_of_one(*op, *x, *y).unwrap();
        let expected: Vec<f64> = xs.iter().zip(&ys).map(value).collect();
        compare(name, &expected, &run(Formula::Binary(*op), types::F64, &xs, &ys), &xs, &ys);
        if elementary::binary(*op, 0.5, 0.5).is_some() {
            compare(name, &expected, &run(Formula::Binary(*op), types::F64X2, &xs, &ys), &xs, &ys);
        }
    }
}

/// On machines without vectors, without rounding instructions, without anything that is not in every processor of
/// the architecture.
#[test]
fn every_architecture() {
    for arch in ["x86_64", "aarch64", "riscv64"] {
        let isa = isa::lookup_by_name(arch).unwrap().finish(flags("true")).unwrap();
        let builder = ObjectBuilder::new(isa, "functions", cranelift_module::default_libcall_names()).unwrap();
        let (mut module, mut functions) = (ObjectModule::new(builder), Functions::default());
        let formulas = UnaryOp::TABLE.iter().map(|(op, _)| Formula::Unary(*op));
        let formulas: Vec<Formula> =
            formulas.chain(BinaryOp::TABLE.iter().map(|(op, _)| Formula::Binary(*op))).collect();
        for formula in formulas {
            for ty in [types::F64, types::F32, types::F64X2] {
                if arch != "riscv64" || ty != types::F64X2 {
                    functions.get(&mut module, formula, ty).unwrap();
                }
            }
        }
        assert!(module.declarations().get_functions().all(|(_, f)| f.linkage == Linkage::Local));
        assert!(!module.finish().emit().unwrap().is_empty());
    }
}

#[track_caller]
fn compare(name: &str, expected: &[f64], got: &[f64], xs: &[f64], ys: &[f64]) {
    for (i, (a, b)) in expected.iter().zip(got).enumerate() {
        // The payload of a NaN is the machine's.
        let equal = a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        assert!(equal, "{name}({:e}, {:e}) is {a:e} in Rust and {b:e} in code", xs[i], ys[i]);
    }
}

/// Pairs of arguments: all pairs of special numbers, random bits, and what functions usually see.
fn arguments() -> (Vec<f64>, Vec<f64>) {
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        state >> 11
    };
    let mut one = |i: usize| {
        let (bits, unit) = (random(), random() as f64 / (1u64 << 53) as f64 - 0.5);
        match i % 4 {
            0 => f64::from_bits(bits << 11 ^ random()),
            1 => 4.0 * unit,
            2 => 1500.0 * unit,
            _ => 100_000.0 * unit,
        }
    };
    let mut pairs: Vec<(f64, f64)> = SPECIAL.iter().flat_map(|x| SPECIAL.iter().map(|y| (*x, *y))).collect();
    pairs.extend((pairs.len()..POINTS).map(|i| (one(i), one(i / 4))));
    pairs.into_iter().unzip()
}

/// The formula of all arguments, computed by code in a loop.
fn run(formula: Formula, ty: Type, xs: &[f64], ys: &[f64]) -> Vec<f64> {
    let mut module = new_module();
    let mut functions = Functions::default();
    let callee = functions.get(&mut module, formula, ty).unwrap().unwrap();
    let id = define_loop(&mut module, formula, ty, callee);
    module.finalize_definitions().unwrap();
    // SAFETY: defined with this signature just now.
    let code: extern "C" fn(*const f64, *const f64, *mut f64, i64) =
        unsafe { std::mem::transmute(module.get_finalized_function(id)) };
    let mut out = vec![0.0; xs.len()];
    code(xs.as_ptr(), ys.as_ptr(), out.as_mut_ptr(), xs.len() as i64);
    // SAFETY: the code is not called any more.
    unsafe { module.free_memory() };
    out
}

fn flags(pic: &str) -> settings::Flags {
    let mut flags = settings::builder();
    for (name, value) in [("opt_level", "speed"), ("enable_verifier", "true"), ("is_pic", pic)] {
        flags.set(name, value).unwrap();
    }
    settings::Flags::new(flags)
}

fn new_module() -> JITModule {
    let isa = cranelift_native::builder().unwrap().finish(flags("false")).unwrap();
    JITModule::new(JITBuilder::with_isa(isa, cranelift_module::default_libcall_names()))
}

/// `fn(xs, ys, out, n)` that calls the function for each step.
fn define_loop(module: &mut JITModule, formula: Formula, ty: Type, callee: FuncId) -> FuncId {
    let mut context = module.make_context();
    context.func.signature = module.make_signature();
    context.func.signature.params.resize(4, AbiParam::new(types::I64));
    let id = module.declare_function("points", Linkage::Export, &context.func.signature).unwrap();
    let mut builder_context = FunctionBuilderContext::new();
    let mut b = FunctionBuilder::new(&mut context.func, &mut builder_context);
    let [entry, head, body, end] = [0; 4].map(|_| b.create_block());
    b.append_block_params_for_function_params(entry);
    b.append_block_param(head, types::I64);
    b.switch_to_block(entry);
    let params = b.block_params(entry).to_vec();
    let zero = b.ins().iconst(types::I64, 0);
    b.ins().jump(head, &[BlockArg::Value(zero)]);
    b.switch_to_block(head);
    let i = b.block_params(head)[0];
    let more = b.ins().icmp(ir::condcodes::IntCC::SignedLessThan, i, params[3]);
    b.ins().brif(more, body, &[], end, &[]);
    b.switch_to_block(body);
    let offset = b.ins().ishl_imm_u(i, 3);
    let [x, y, out] = [0, 1, 2].map(|k| b.ins().iadd(params[k], offset));
    let [x, y] = [x, y].map(|address| b.ins().load(ty, MemFlagsData::trusted(), address, 0));
    let args = if matches!(formula, Formula::Binary(_)) { vec![x, y] } else { vec![x] };
    let function = module.declare_func_in_func(callee, b.func);
    let call = b.ins().call(function, &args);
    let result = b.inst_results(call)[0];
    b.ins().store(MemFlagsData::trusted(), result, out, 0);
    let next = b.ins().iadd_imm_s(i, ty.lane_count() as i64);
    b.ins().jump(head, &[BlockArg::Value(next)]);
    b.switch_to_block(end);
    b.ins().return_(&[]);
    b.seal_all_blocks();
    b.finalize(module.target_config());
    module.define_function(id, &mut context).unwrap();
    id
}
