//! Kernels with `-C fp=contract`.

use super::*;

/// Products that are added, in each of the ways there are.
const FUSED: &str = "func @f(%x: [f64], %y: [f64], %a: f64) -> ([f64], [f64], [f64]) {
%r, %s, %t = map (%p = %x, %q = %y) {
%m = mul %p, %a
%u = add %m, %q
%v = sub %m, %q
%w = sub %q, %m
yield %u, %v, %w
}
yield %r, %s, %t
}
";

/// With `-C fp=contract` all widths round such a sum once, in whole blocks and in what is left.
pub fn contracted(simd: Simd, single: bool) -> Result<(), Failed> {
    #[cfg(target_arch = "x86_64")]
    if !is_x86_feature_detected!("fma") {
        eprintln!("SKIPPED: this machine has no fused multiplication");
        return Ok(());
    }
    let mut module = dprog_ir::parse::parse(&if single { FUSED.replace("f64", "f32") } else { FUSED.to_string() })?;
    let func = module.find_function("f").expect("it is there");
    let ownership = ownership::run(&mut module, &[func]);
    if !has_kernel_of(&module, func, |op| *op == Op::Map) {
        return Err("the loop is no kernel".into());
    }
    let options = Options { simd, fp: Fp::Contract, ..Options::default() };
    let compiled = Jit::compile(&module, &ownership, &[func], &options)?;
    let value = |x: f64| if single { Val::F32(x as f32) } else { Val::F64(x) };
    let fused = |x: f64, a: f64, y: f64| match single {
        true => (x as f32).mul_add(a as f32, y as f32) as f64,
        false => x.mul_add(a, y),
    };
    let all = |f: &dyn Fn(f64) -> f64| Val::list((0..77).map(|i| value(f(i as f64))).collect());
    let (x, y, a) = (|i: f64| 1.0 / (i + 3.0), |i: f64| -0.1 / (i + 2.0), 0.1);
    let wanted = vec![all(&|i| fused(x(i), a, y(i))), all(&|i| fused(x(i), a, -y(i))), all(&|i| fused(-x(i), a, y(i)))];
    let found = run(&compiled, func, &[all(&x), all(&y), value(a)]);
    if same(&Ok(wanted), &found) { Ok(()) } else { Err("a sum is not rounded once".into()) }
}

/// Products that trips add to neighbouring elements.
const ADDED: &str = "func @f(%n: i64, %x: [f64], %y: [f64], %a: f64) -> [f64] {
%last = sub %n, 1
%r = for %i in 1..%last carry (%y0 = %y) {
%p = get %x[%i]
%m = mul %p, %a
%h = sub %i, 1
%y1 = add_at %y0[%h], %m
%j = add %i, 1
%y2 = add_at %y1[%j], %m
yield %y2
}
yield %r
}
";

/// With `-C fp=contract` what is added to an element is rounded before, in vectors and without.
pub fn added(simd: Simd) -> Result<(), Failed> {
    let mut module = dprog_ir::parse::parse(ADDED)?;
    let func = module.find_function("f").expect("it is there");
    let list = |f: &dyn Fn(f64) -> f64| Val::list((0..77).map(|i| Val::F64(f(i as f64))).collect());
    let args = [Val::I64(77), list(&|i| 1.0 / (i + 3.0)), list(&|i| -0.1 / (i + 2.0)), Val::F64(0.1)];
    let ownership = ownership::run(&mut module, &[func]);
    if !has_kernel(&module, func) {
        return Err("the loop is no kernel".into());
    }
    let compiled =
        |simd| Jit::compile(&module, &ownership, &[func], &Options { simd, fp: Fp::Contract, ..Options::default() });
    let (wanted, found) = (run(&compiled(Simd::Off)?, func, &args), run(&compiled(simd)?, func, &args));
    if wanted.is_ok() && same(&wanted, &found) { Ok(()) } else { Err("bits differ".into()) }
}
