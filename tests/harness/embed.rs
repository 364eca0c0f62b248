//! The compiler inside other programs: typed calls, derivatives by name, what goes wrong and what is right after it.

use dprog::{
    CancelToken, Compiler, Error, ErrorKind, Fp, Function, HostDerivative, HostFunction, Module, OptLevel, TrapCode,
    Value,
};
use std::time::{Duration, Instant};

fn compile(text: &str) -> Module {
    Compiler::new().compile("test.dp", text).unwrap_or_else(|error| panic!("{error}"))
}

fn trap(error: &Error) -> TrapCode {
    error.trap().unwrap_or_else(|| panic!("{error}")).code
}

// ---- how exact ----

#[test]
fn a_product_that_is_added_is_rounded_once_where_that_is_allowed() {
    let text = "fn f(a: f64, b: f64, c: f64) -> f64 { a * b + c } fn g(a: f64, b: f64, c: f64) -> f64 { c - a * b }";
    type Three = fn(f64, f64, f64) -> f64;
    let run = |fp: Fp, name: &str, c: f64| {
        let module = Compiler::new().fp(fp).compile("test.dp", text).unwrap();
        let (a, b) = (1.0 + 2f64.powi(-30), 1.0 - 2f64.powi(-30));
        module.function::<Three>(name).unwrap().call((a, b, c)).unwrap()
    };
    assert_eq!((run(Fp::Exact, "f", -1.0), run(Fp::Exact, "g", 1.0)), (0.0, 0.0));
    let once = if cfg!(target_arch = "x86_64") && !fma_is_there() { 0.0 } else { 2f64.powi(-60) };
    for fp in [Fp::Contract, Fp::Fast] {
        assert_eq!((run(fp, "f", -1.0), run(fp, "g", 1.0)), (-once, once), "{fp:?}");
    }
}

fn fma_is_there() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    true
}

/// Also with its gradient, for numbers of trips around those of a block, and beside an extreme that may have to be sought again.
#[test]
fn a_sum_in_a_loop_is_added_up_in_another_order_where_that_is_allowed() {
    let text = "fn f<n>(x: [f64; n]) -> (f64, f64, f64) {
        var s = 1.0; var t = 0.5; var m = -INF;
        for v in x { s += v * v; t -= v; m = max(m, v); }
        (s, t, m)
    }
    fn g<n>(x: [f64; n]) -> [f64; n] { grad(|x: [f64; n]| { let r = f(x); r.0 * r.1 })(x) }";
    let exact = Compiler::new().compile("test.dp", text).unwrap();
    let fast = Compiler::new().fp(Fp::Fast).compile("test.dp", text).unwrap();
    type Sums = fn(&[f64]) -> (f64, f64, f64);
    type Gradient = fn(&[f64]) -> Vec<f64>;
    let mut differ = 0;
    for n in (0..40).chain([1000]) {
        let x: Vec<f64> = (0..n).map(|i| 1.0 / (1.0 + i as f64)).collect();
        let a = exact.function::<Sums>("f").unwrap().call(&x).unwrap();
        let b = fast.function::<Sums>("f").unwrap().call(&x).unwrap();
        assert!((a.0 - b.0).abs() < 1e-13 && (a.1 - b.1).abs() < 1e-13 && a.2 == b.2, "{n}: {a:?} {b:?}");
        differ += (a != b) as usize;
        let a = exact.function::<Gradient>("g").unwrap().call(&x).unwrap();
        let b = fast.function::<Gradient>("g").unwrap().call(&x).unwrap();
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-13 * a.abs().max(1.0)), "{n}: {a:?} {b:?}");
    }
    assert!(differ > 5, "the order is another one");
}

// ---- typed calls ----

#[test]
fn numbers_go_in_and_out() {
    let module = compile(
        "fn all(a: f64, b: f32, c: i64, d: i32, e: u8, f: bool) -> (f64, f32, i64, i32, u8, bool) {
            (a + 1.0, b * 2.0, c - 1, -d, e + 1, !f)
        }",
    );
    type All = fn(f64, f32, i64, i32, u8, bool) -> (f64, f32, i64, i32, u8, bool);
    let all = module.function::<All>("all").unwrap();
    let given = all.call((1.5, 2.5, -7, 9, 255, true)).unwrap();
    assert_eq!(given, (2.5, 5.0, -8, -9, 0, false));
}

/// One result comes back in a register of its kind; arguments beyond the registers are on the stack.
#[test]
fn every_kind_of_number_comes_back_alone() {
    let module = compile(
        "fn a(x: f64) -> f64 { -x } fn b(x: f32) -> f32 { x * 2.0 } fn c(x: i64) -> i64 { x - 1 } fn d(x: i32) -> i32 { -x }
         fn e(x: u8) -> u8 { x + 200 } fn f(x: bool) -> bool { !x } fn g(x: i64) { assert(x > 0); } fn h() -> f64 { 0.5 }
         fn many(a: i64, b: i64, c: i64, d: i64, e: i64, f: i64, g: i64, h: i64) -> i64 { a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g - h }
         fn mixed(a: f64, b: i32, c: f32, d: bool, e: u8, f: i64, g: f64, h: i32) -> f64 {
             if d { a + b as f64 + c as f64 + e as f64 + f as f64 + g + h as f64 } else { trap(\"no\") }
         }
         fn twice(x: f64) -> f64 { a(a(x)) + a(x) }",
    );
    let twice = || {
        assert_eq!(module.function::<fn(f64) -> f64>("a").unwrap().call(1.5).unwrap(), -1.5);
        assert_eq!(module.function::<fn() -> f64>("h").unwrap().call(()).unwrap(), 0.5);
        assert_eq!(module.function::<fn(f64) -> f64>("twice").unwrap().call(1.5).unwrap(), 0.0);
    };
    twice();
    twice();
    let b = module.function::<fn(f32) -> f32>("b").unwrap();
    let (c, d) = (module.function::<fn(i64) -> i64>("c").unwrap(), module.function::<fn(i32) -> i32>("d").unwrap());
    let (e, f) = (module.function::<fn(u8) -> u8>("e").unwrap(), module.function::<fn(bool) -> bool>("f").unwrap());
    let (g, h) = (module.function::<fn(i64)>("g").unwrap(), module.function::<fn(usize) -> usize>("c").unwrap());
    type Many = fn(i64, i64, i64, i64, i64, i64, i64, i64) -> i64;
    type Mixed = fn(f64, i32, f32, bool, u8, i64, f64, i32) -> f64;
    let (many, mixed) = (module.function::<Many>("many").unwrap(), module.function::<Mixed>("mixed").unwrap());
    for _ in 0..3 {
        for _ in 0..2 {
            assert_eq!((b.call(-1.25).unwrap(), c.call(i64::MIN + 1).unwrap()), (-2.5, i64::MIN));
        }
        for _ in 0..2 {
            assert_eq!((d.call(i32::MAX).unwrap(), e.call(100).unwrap()), (-i32::MAX, 44));
        }
        assert_eq!((f.call(true).unwrap(), f.call(false).unwrap(), f.call(false).unwrap()), (false, true, true));
        assert_eq!(
            (g.call(1).unwrap(), trap(&g.call(0).unwrap_err()), g.call(2).unwrap()),
            ((), TrapCode::Message, ())
        );
        assert_eq!((h.call(8).unwrap(), h.call(9).unwrap()), (7, 8));
        for _ in 0..2 {
            assert_eq!(many.call((1, 2, 3, 4, 5, 6, 7, 8)).unwrap(), 1 + 4 + 9 + 16 + 25 + 36 + 49 - 8);
        }
        for _ in 0..2 {
            assert_eq!(mixed.call((0.5, -3, 2.25, true, 255, 10, -0.25, 7)).unwrap(), 271.5);
            assert_eq!(trap(&mixed.call((0.5, -3, 2.25, false, 255, 10, -0.25, 7)).unwrap_err()), TrapCode::Message);
        }
    }
}

#[test]
fn slices_bind_sizes_and_are_compared() {
    let module = compile("fn axpy<n>(a: f64, x: [f64; n], y: inout [f64; n]) { for i in 0..n { y[i] += a * x[i]; } }");
    let axpy = module.function::<fn(f64, &[f64], &mut [f64])>("axpy").unwrap();
    let mut y = [1.0, 1.0, 1.0];
    axpy.call((2.0, &[1.0, 2.0, 3.0], &mut y)).unwrap();
    assert_eq!(y, [3.0, 5.0, 7.0]);
    let error = axpy.call((2.0, &[1.0, 2.0], &mut y)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Arguments { .. }), "{error:?}");
    assert!(error.to_string().contains("`y` has 3 elements, where 2 are needed"), "{error}");
    axpy.call((-2.0, &[1.0, 2.0, 3.0], &mut y)).unwrap();
    assert_eq!(y, [1.0, 1.0, 1.0]);
    axpy.call((1.0, &[], &mut [])).unwrap();
}

#[test]
fn sizes_of_matrices_stand_in_front_or_follow_from_the_rest() {
    let module = compile(
        "fn matmul<n, k, m>(a: [f64; n, k], b: [f64; k, m]) -> [f64; n, m] { a @ b }
         fn rows<n>(a: [f64; n, 2]) -> [f64; n] { [a[i, 0] + a[i, 1] for i in 0..n] }
         fn windows<n>(x: [f64; n + 1], y: [f64; n]) -> f64 { x[n] + sum(y) }",
    );
    type MatMul = fn(usize, usize, usize, &[f64], &[f64], &mut [f64]);
    let matmul = module.function::<MatMul>("matmul").unwrap();
    let mut product = [0.0; 2];
    matmul.call((2, 2, 1, &[1.0, 2.0, 3.0, 4.0], &[1.0, 1.0], &mut product)).unwrap();
    assert_eq!(product, [3.0, 7.0]);
    let error = matmul.call((2, 3, 1, &[1.0, 2.0, 3.0, 4.0], &[1.0, 1.0], &mut product)).unwrap_err();
    assert!(error.to_string().contains("`a` has 4 elements, where [2, 3] in rows are needed"), "{error}");
    let error = module.function::<fn(&[f64], &[f64]) -> Vec<f64>>("matmul").unwrap_err();
    assert!(error.to_string().contains("put the sizes (n, k, m) in front"), "{error}");
    let rows = module.function::<fn(&[f64]) -> Vec<f64>>("rows").unwrap();
    assert_eq!(rows.call(&[1.0, 2.0, 3.0, 4.0]).unwrap(), [3.0, 7.0]);
    assert!(rows.call(&[1.0, 2.0, 3.0]).is_err());
    let windows = module.function::<fn(&[f64], &[f64]) -> f64>("windows").unwrap();
    assert_eq!(windows.call((&[0.0, 5.0], &[1.0])).unwrap(), 6.0);
    assert!(windows.call((&[0.0, 5.0], &[1.0, 2.0])).is_err());
}

#[test]
fn structs_are_tuples_or_one_parameter_for_each_field() {
    let module = compile(
        "struct Point { x: f64, y: f64 }
         fn moved(p: Point, by: f64) -> Point { Point { x: p.x + by, y: p.y - by } }
         fn bump(p: inout Point) { p.x += 1.0; }",
    );
    let tuples = module.function::<fn((f64, f64), f64) -> (f64, f64)>("moved").unwrap();
    assert_eq!(tuples.call(((1.0, 2.0), 0.5)).unwrap(), (1.5, 1.5));
    let flat = module.function::<fn(f64, f64, f64) -> (f64, f64)>("moved").unwrap();
    assert_eq!(flat.call((1.0, 2.0, 0.5)).unwrap(), (1.5, 1.5));
    let bump = module.function::<fn(&mut f64, &mut f64)>("bump").unwrap();
    let (mut x, mut y) = (1.0, 2.0);
    bump.call((&mut x, &mut y)).unwrap();
    assert_eq!((x, y), (2.0, 2.0));
}

#[test]
fn a_type_that_does_not_fit_is_an_error_with_both_signatures() {
    let module = compile("fn loss<n>(x: [f64; n], k: i64) -> f64 { sum(x) * k as f64 }");
    let wrong = [
        module.function::<fn(&[f64], f64) -> f64>("loss").unwrap_err(),
        module.function::<fn(&mut [f64], i64) -> f64>("loss").unwrap_err(),
        module.function::<fn(&[f64], i64)>("loss").unwrap_err(),
        module.function::<fn(&[f64], i64, i64) -> f64>("loss").unwrap_err(),
        module.function::<fn(&[f64]) -> f64>("loss").unwrap_err(),
        module.function::<fn(&[f64], i64) -> (f64, f64)>("loss").unwrap_err(),
    ];
    for error in wrong {
        let text = error.to_string();
        assert!(text.contains("in dProg:  fn loss<n>(x: [f64; n], k: i64) -> f64\n"), "{text}");
        assert!(text.contains("asked for: fn(&"), "{text}");
    }
    let error = module.function::<fn(f64) -> f64>("lost").unwrap_err();
    assert_eq!(error.to_string(), "there is no function `lost`; there are loss");
}

#[test]
fn a_type_names_what_it_cannot_stand_for() {
    let module = compile("enum Tree { Leaf(f64), Node(Tree, Tree) } fn f(t: Tree) -> f64 { 0.0 }");
    let error = module.function::<fn(f64) -> f64>("f").unwrap_err().to_string();
    assert!(error.contains("`t` is an enum that carries values"), "{error}");
}

/// Whatever reads an array reads it where the caller has it; what changes one has its own.
#[test]
fn arrays_stay_where_the_caller_has_them_and_as_they_were() {
    let module = compile(
        "fn sums<n>(x: [f64; n]) -> (f64, f64, f64, i64) { (sum(x), dot(x, x), max(x), argmax(x)) }
         fn parts<n, m>(a: [f64; n, m]) -> (f64, f64, f64) { (sum(a[1]), sum(a[0..2]), sum(reshape(a, [n * m]))) }
         fn changed<n>(x: [f64; n]) -> ([f64; n], f64) { var y = x; y[0] = 10.0; (y, x[0]) }
         fn inside<n>(x: [f64; n], k: i64) -> f64 { var a = [[0.0; n]; 2]; a[k] = x; a[k] += x; sum(a[1]) }
         fn tail<n>(x: [f64; n], y: [f64; n - 1]) -> f64 { var z = x; z[1..n] = y; z[1..n] += y; sum(z) }
         fn passed<n>(x: [f64; n], k: i64) -> f64 { if k == 0 { helper(x) } else { helper(x) + helper([0.5; n]) } }
         fn helper<n>(x: [f64; n]) -> f64 { var s = 0.0; for v in x { s += v * v; } s }
         fn same<n>(x: [f64; n]) -> [f64; n] { x }
         fn mapped<n>(x: [f64; n], y: [f64; n]) -> [f64; n] { x * 2.0 + y }
         fn down<n>(x: [f64; n], i: i64) -> f64 { if i == n { 0.0 } else { x[i] + down(x, i + 1) } }
         fn products<n>(a: [f64; n, n], x: [f64; n]) -> ([f64; n], [f64; n, n]) { (a @ x, a @ a) }
         fn square<n>(x: [f64; n]) -> f64 { dot(x, x) }
         fn bytes<n>(x: [u8; n]) -> i64 { var s = 0; for v in x { s += v as i64; } s }",
    );
    let x = [1.0, 3.0, -2.0, 0.5];
    let sums = module.function::<fn(&[f64]) -> (f64, f64, f64, i64)>("sums").unwrap();
    assert_eq!(sums.call(&x).unwrap(), (2.5, 14.25, 3.0, 1));
    let parts = module.function::<fn(usize, usize, &[f64]) -> (f64, f64, f64)>("parts").unwrap();
    assert_eq!(parts.call((2, 2, &x)).unwrap(), (-1.5, 2.5, 2.5));
    let changed = module.function::<fn(&[f64]) -> (Vec<f64>, f64)>("changed").unwrap();
    assert_eq!(changed.call(&x).unwrap(), (vec![10.0, 3.0, -2.0, 0.5], 1.0));
    let inside = module.function::<fn(&[f64], i64) -> f64>("inside").unwrap();
    assert_eq!((inside.call((&x, 1)).unwrap(), inside.call((&x, 0)).unwrap()), (5.0, 0.0));
    let tail = module.function::<fn(&[f64], &[f64]) -> f64>("tail").unwrap();
    assert_eq!(tail.call((&x, &[1.0, 2.0, 3.0])).unwrap(), 13.0);
    let passed = module.function::<fn(&[f64], i64) -> f64>("passed").unwrap();
    assert_eq!((passed.call((&x, 0)).unwrap(), passed.call((&x, 1)).unwrap()), (14.25, 15.25));
    assert_eq!(module.function::<fn(&[f64]) -> Vec<f64>>("same").unwrap().call(&x).unwrap(), x);
    let mapped = module.function::<fn(&[f64], &[f64], &mut [f64])>("mapped").unwrap();
    let mut z = [0.0; 4];
    mapped.call((&x, &x, &mut z)).unwrap();
    assert_eq!(z, [3.0, 9.0, -6.0, 1.5]);
    assert_eq!(module.function::<fn(&[f64], i64) -> f64>("down").unwrap().call((&x, 0)).unwrap(), 2.5);
    assert_eq!(module.function::<fn(&[u8]) -> i64>("bytes").unwrap().call(&[250, 7]).unwrap(), 257);
    type Products = fn(usize, &[f64], &[f64]) -> (Vec<f64>, Vec<f64>);
    let products = module.function::<Products>("products").unwrap();
    assert_eq!(products.call((2, &x, &x[1..3])).unwrap(), (vec![-3.0, -7.0], vec![-5.0, 4.5, -3.0, -5.75]));
    let square = module.value_and_grad("square", &[]).unwrap().typed::<fn(&[f64], &mut [f64]) -> f64>().unwrap();
    assert_eq!((square.call((&x, &mut z)).unwrap(), z), (14.25, [2.0, 6.0, -4.0, 1.0]));
    assert_eq!(sums.call(&[]).unwrap_err().trap().map(|trap| trap.code), Some(TrapCode::EmptyReduce));
    assert_eq!(sums.call(&x[..1]).unwrap(), (1.0, 1.0, 1.0, 0));
    assert_eq!(x, [1.0, 3.0, -2.0, 0.5]);
    for name in ["sums", "changed", "passed", "mapped", "same"] {
        let (callable, floats) = (module.get(name).unwrap(), Value::floats(x));
        let by_value = match name {
            "passed" => callable.call(&[floats, Value::I64(1)]),
            "mapped" => callable.call(&[floats.clone(), floats]),
            _ => callable.call(&[floats]),
        };
        let by_value = by_value.unwrap();
        match name {
            "sums" => assert_eq!(by_value.get("1"), Some(&Value::F64(14.25))),
            "changed" => assert_eq!(by_value.get("1"), Some(&Value::F64(1.0))),
            "passed" => assert_eq!(by_value, Value::F64(15.25)),
            "mapped" => assert_eq!(by_value, Value::floats([3.0, 9.0, -6.0, 1.5])),
            _ => assert_eq!(by_value, Value::floats(x)),
        }
    }
}

/// A thread's context is made ready for a function and its settings once, until another one is called.
#[test]
fn functions_with_other_settings_take_turns() {
    let module = compile(
        "fn half(x: f64) -> f64 { assert(x >= 0.0); 0.5 * x } fn spin(x: f64) -> f64 { var a = x; while a > 1.0 { a = 0.5 * a + 1.0; } a }",
    );
    let token = CancelToken::new();
    let half = module.function::<fn(f64) -> f64>("half").unwrap();
    let spin = module.function::<fn(f64) -> f64>("spin").unwrap();
    let tied = spin.clone().with_cancel(&token);
    let timed = spin.clone().with_max_time(Duration::from_millis(5));
    token.cancel();
    for _ in 0..3 {
        assert_eq!(half.call(3.0).unwrap(), 1.5);
        assert_eq!(spin.call(0.5).unwrap(), 0.5);
        assert_eq!(trap(&tied.call(3.0).unwrap_err()), TrapCode::Cancelled);
        assert_eq!(trap(&half.call(-1.0).unwrap_err()), TrapCode::Message);
        assert_eq!(half.call(3.0).unwrap(), 1.5);
        assert_eq!(trap(&timed.call(3.0).unwrap_err()), TrapCode::Time);
        assert_eq!(half.clone().call(5.0).unwrap(), 2.5);
    }
    token.reset();
    assert_eq!(tied.call(1.0).unwrap(), 1.0);
}

// ---- derivatives ----

const ROSENBROCK: &str = "fn rosenbrock<n>(x: [f64; n]) -> f64 {
    var s = 0.0;
    for i in 0..n - 1 {
        let a = x[i + 1] - x[i] * x[i];
        let b = 1.0 - x[i];
        s += 100.0 * a * a + b * b;
    }
    s
}
fn pair(x: f64, y: f64) -> f64 { x * x * y + sin(y) }
fn map<n>(x: [f64; n], k: i64) -> [f64; n] { [x[i] * x[i] * k as f64 for i in 0..n] }
";

#[test]
fn derivatives_are_named_at_run_time() {
    let module = compile(ROSENBROCK);
    let x = [-1.2, 1.0, 0.5];
    let both = module.value_and_grad("rosenbrock", &["x"]).unwrap();
    assert_eq!(both.signature().to_string(), "fn value_and_grad(rosenbrock)<n>(x: [f64; n]) -> (f64, [f64; n])");
    let both = both.typed::<fn(&[f64], &mut [f64]) -> f64>().unwrap();
    let mut gradient = [0.0; 3];
    let value = both.call((&x, &mut gradient)).unwrap();
    let plain = module.function::<fn(&[f64]) -> f64>("rosenbrock").unwrap();
    assert_eq!(plain.call(&x).unwrap(), value);
    let alone = module.gradient("rosenbrock", &[]).unwrap().typed::<fn(&[f64]) -> Vec<f64>>().unwrap();
    assert_eq!(alone.call(&x).unwrap(), gradient);
    let v = [1.0, -0.5, 0.25];
    let jvp = module.jvp("rosenbrock", &[]).unwrap().typed::<fn(&[f64], &[f64]) -> (f64, f64)>().unwrap();
    let along: f64 = gradient.iter().zip(v).map(|(g, v)| g * v).sum();
    let (also, tangent) = jvp.call((&x, &v)).unwrap();
    assert!(also == value && (tangent - along).abs() < 1e-9 * along.abs());
    let hvp = module.hvp("rosenbrock", &[]).unwrap().typed::<fn(&[f64], &[f64]) -> Vec<f64>>().unwrap();
    let hessian = module.hessian("rosenbrock", &[]).unwrap().typed::<fn(&[f64]) -> Vec<f64>>().unwrap();
    let (hv, h) = (hvp.call((&x, &v)).unwrap(), hessian.call(&x).unwrap());
    for row in 0..3 {
        let product: f64 = (0..3).map(|column| h[3 * row + column] * v[column]).sum();
        assert!((product - hv[row]).abs() <= 1e-9 * product.abs().max(1.0), "{product} {}", hv[row]);
    }
}

#[test]
fn several_parameters_give_a_tuple_in_their_order() {
    let module = compile(ROSENBROCK);
    let (x, y) = (1.5f64, 0.3f64);
    let xy = module.gradient("pair", &["x", "y"]).unwrap().typed::<fn(f64, f64) -> (f64, f64)>().unwrap();
    assert_eq!(xy.call((x, y)).unwrap(), (2.0 * x * y, x * x + y.cos()));
    let yx = module.gradient("pair", &["y", "x"]).unwrap().typed::<fn(f64, f64) -> (f64, f64)>().unwrap();
    assert_eq!(yx.call((x, y)).unwrap(), (x * x + y.cos(), 2.0 * x * y));
    let vjp = module.vjp("map", &["x"]).unwrap().typed::<fn(&[f64], i64, &[f64]) -> (Vec<f64>, Vec<f64>)>().unwrap();
    assert_eq!(vjp.call((&[2.0, 3.0], 2, &[1.0, 10.0])).unwrap(), (vec![8.0, 18.0], vec![8.0, 120.0]));
    let error = vjp.call((&[2.0, 3.0], 2, &[1.0])).unwrap_err();
    assert!(error.to_string().contains("`seed` has 1 elements, where 2 are needed"), "{error}");
    let jacobian = module.jacobian("map", &[]).unwrap().typed::<fn(&[f64], i64) -> Vec<f64>>().unwrap();
    assert_eq!(jacobian.call((&[2.0, 3.0], 1)).unwrap(), [4.0, 0.0, 0.0, 6.0]);
}

#[test]
fn what_has_no_derivative_is_a_diagnostic() {
    let module = compile("fn f(k: i64, x: f64) -> f64 { x * k as f64 } fn g(x: f64) -> i64 { x as i64 }");
    let error = module.gradient("f", &["k"]).unwrap_err();
    assert!(error.to_string().contains("the parameter `k` of type `i64` has no derivative"), "{error}");
    let error = module.gradient("f", &["z"]).unwrap_err();
    assert!(error.to_string().contains("the function has no parameter `z`"), "{error}");
    let error = module.gradient("g", &[]).unwrap_err();
    assert_eq!(error.diagnostics()[0].code, "E0614");
}

// ---- values ----

#[test]
fn values_do_for_types_that_are_known_at_run_time() {
    let module = compile(
        "struct Line { a: f64, b: [f64; 2] }
         fn at<n>(line: Line, x: [f64; n], name: str) -> (Line, [f64; n], str) {
             (Line { a: line.a + 1.0, b: line.b }, [line.a * t + line.b[0] for t in x], \"{name}!\")
         }",
    );
    let line = Value::fields([("a", Value::F64(2.0)), ("b", Value::floats([1.0, 5.0]))]);
    let at = module.get("at").unwrap();
    let result = at.call(&[line, Value::floats([1.0, 2.0, 3.0]), Value::Str("fit".into())]).unwrap();
    assert_eq!(result.get("0").and_then(|line| line.get("a")), Some(&Value::F64(3.0)));
    assert_eq!(result.get("1"), Some(&Value::floats([3.0, 5.0, 7.0])));
    assert_eq!(result.get("2"), Some(&Value::Str("fit!".into())));
    let error = at.call(&[Value::F64(1.0)]).unwrap_err();
    assert!(error.to_string().contains("it has 3 parameters, 1 values were given"), "{error}");
    let error = at.call(&[Value::F64(1.0), Value::floats(Vec::new()), Value::Str(String::new())]).unwrap_err();
    assert!(error.to_string().contains("there is no `line.a` in an f64"), "{error}");
}

#[test]
fn what_has_no_value_outside_is_an_error() {
    let module = compile(
        "enum Tree { Leaf(f64), Node(Tree, Tree) } fn f(x: f64) -> Tree { Tree::Leaf(x) } fn g(t: Tree) -> f64 { 0.0 }",
    );
    for (name, arg) in [("f", Value::F64(1.0)), ("g", Value::Str("Leaf(1.0)".into()))] {
        let error = module.get(name).unwrap().call(&[arg]).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Signature { .. }), "{error:?}");
        assert!(error.to_string().contains("an enum that carries values"), "{error}");
    }
}

// ---- what goes wrong, and what is right after it ----

#[test]
fn diagnostics_are_data() {
    let error =
        Compiler::new().compile("fit.dp", "fn f(x: f64) -> f64 {\n    let é = 1.0; x + missing\n}").unwrap_err();
    let [problem] = error.diagnostics() else { panic!("{error}") };
    assert!(problem.is_error() && problem.code.starts_with('E'));
    assert_eq!(&*problem.range.file, "fit.dp");
    assert_eq!((problem.range.start.line, problem.range.start.column), (2, 22));
    assert_eq!((problem.range.end.line, problem.range.end.column), (2, 29));
    assert!(problem.to_string().contains("--> fit.dp:2:22"), "{problem}");
}

#[test]
fn a_trap_in_a_gradient_has_message_position_and_chain_and_the_next_call_is_right() {
    let module = compile(
        "fn pick(x: [f64; 4], i: i64) -> f64 {\n    x[i] * x[0]\n}\nfn outer(x: [f64; 4], i: i64) -> f64 {\n    pick(x, i) * 2.0\n}",
    );
    let gradient = module.gradient("outer", &["x"]).unwrap().typed::<fn(&[f64], i64) -> Vec<f64>>().unwrap();
    for _ in 0..1000 {
        let error = gradient.call((&[1.0, 2.0, 3.0, 4.0], 4)).unwrap_err();
        assert_eq!(trap(&error), TrapCode::Bounds);
        let text = error.to_string();
        assert!(text.starts_with("trap: index 4 is out of bounds for size 4\n  --> test.dp:2:"), "{text}");
        assert!(text.contains("called from test.dp:5:"), "{text}");
        assert_eq!(gradient.call((&[1.0, 2.0, 3.0, 4.0], 1)).unwrap(), [4.0, 2.0, 0.0, 0.0]);
    }
}

const DEEP: &str = "fn down(x: f64, n: i64) -> f64 { if n == 0 { x } else { sin(down(x, n - 1)) } }";

#[test]
fn deep_recursion_needs_no_stack_of_the_thread() {
    let module = compile(DEEP);
    let run = move || {
        let down = module.function::<fn(f64, i64) -> f64>("down").unwrap();
        let slope = module.gradient("down", &["x"]).unwrap().typed::<fn(f64, i64) -> f64>().unwrap();
        assert!(down.call((0.5, 100_000)).unwrap() > 0.0);
        assert!(slope.call((0.5, 100_000)).unwrap() >= 0.0);
        let shallow = slope.with_max_depth(1000);
        let error = shallow.call((0.5, 100_000)).unwrap_err();
        assert_eq!(trap(&error), TrapCode::Depth);
        assert!(error.to_string().contains("recursion deeper than 1000 calls"), "{error}");
        assert!((shallow.call((0.5, 1)).unwrap() - 0.5f64.cos()).abs() < 1e-15);
    };
    let small = std::thread::Builder::new().stack_size(256 << 10).spawn(run).unwrap();
    small.join().unwrap();
}

const TAPE: &str = "fn long(x: f64, n: i64) -> f64 {
    var a = x; var i = 0;
    while i < n { a = sin(a) + 0.1 * a * a; i += 1; }
    a
}";

#[test]
fn a_tape_beyond_the_limit_is_a_trap() {
    let module = Compiler::new().max_memory(1 << 20).compile("tape.dp", TAPE).unwrap();
    let slope = module.gradient("long", &["x"]).unwrap().typed::<fn(f64, i64) -> f64>().unwrap();
    let right = slope.call((0.5, 10)).unwrap();
    for _ in 0..20 {
        assert_eq!(trap(&slope.call((0.5, 10_000_000)).unwrap_err()), TrapCode::Memory);
        assert_eq!(slope.call((0.5, 10)).unwrap(), right);
    }
    let free = slope.clone().with_max_memory(usize::MAX);
    free.call((0.5, 1_000_000)).unwrap();
    assert_eq!(trap(&slope.call((0.5, 1_000_000)).unwrap_err()), TrapCode::Memory);
}

const SPIN: &str = "fn spin(x: f64) -> f64 { var a = x; while a > 0.0 { a = a * 0.5 + 1.0; } a }";

#[test]
fn calls_are_cancelled_from_another_thread() {
    let module = compile(SPIN);
    let token = CancelToken::new();
    let plain = module.function::<fn(f64) -> f64>("spin").unwrap().with_cancel(&token);
    let slope = module.gradient("spin", &[]).unwrap().typed::<fn(f64) -> f64>().unwrap().with_cancel(&token);
    let timed = plain.clone().with_max_time(Duration::from_secs(600));
    for spin in [plain, slope.with_max_memory(1 << 34), timed] {
        let other = token.clone();
        let stopper = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            other.cancel();
        });
        assert_eq!(trap(&spin.call(1.0).unwrap_err()), TrapCode::Cancelled);
        stopper.join().unwrap();
        assert_eq!(trap(&spin.call(1.0).unwrap_err()), TrapCode::Cancelled);
        token.reset();
        assert_eq!(spin.call(0.0).unwrap() as i64, if spin.signature().name == "spin" { 0 } else { 1 });
    }
}

#[test]
fn calls_end_with_their_time() {
    let module = Compiler::new().max_time(Duration::from_millis(30)).compile("spin.dp", SPIN).unwrap();
    let spin = module.function::<fn(f64) -> f64>("spin").unwrap();
    let start = Instant::now();
    let error = spin.call(1.0).unwrap_err();
    assert_eq!(trap(&error), TrapCode::Time);
    assert!(error.to_string().contains("more time needed than the limit of 30 ms"), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert_eq!(spin.call(0.0).unwrap(), 0.0);
}

#[test]
fn many_threads_compile_and_call() {
    let shared = compile(ROSENBROCK);
    let gradient = shared.gradient("rosenbrock", &[]).unwrap().typed::<fn(&[f64], &mut [f64])>().unwrap();
    let mut wanted = [0.0; 8];
    gradient.call((&[0.5; 8], &mut wanted)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let own = compile(ROSENBROCK).gradient("rosenbrock", &[]).unwrap();
                let own = own.typed::<fn(&[f64], &mut [f64])>().unwrap();
                let same = shared.gradient("rosenbrock", &["x"]).unwrap().typed::<fn(&[f64], &mut [f64])>().unwrap();
                let mut found = [0.0; 8];
                for _ in 0..200 {
                    for f in [&gradient, &own, &same] {
                        f.call((&[0.5; 8], &mut found)).unwrap();
                        assert_eq!(found, wanted);
                    }
                }
            });
        }
    });
}

#[test]
fn functions_outlive_their_module() {
    let square: Function<fn(f64) -> f64> = compile("fn square(x: f64) -> f64 { x * x }").function("square").unwrap();
    assert_eq!(square.call(3.0).unwrap(), 9.0);
}

#[test]
fn a_program_that_ends_itself_does_not_end_the_process() {
    let module = compile("use std::io::exit; fn stop(x: f64) -> f64 { if x > 1.0 { exit(3); } x }");
    let stop = module.function::<fn(f64) -> f64>("stop").unwrap();
    assert!(matches!(stop.call(2.0).unwrap_err().kind(), ErrorKind::Exit(3)));
    assert_eq!(stop.call(0.5).unwrap(), 0.5);
}

#[test]
fn programs_read_no_files_unless_a_folder_is_named() {
    let error = Compiler::new().compile("a.dp", "use repository::x; fn f() {}").unwrap_err();
    assert!(error.to_string().contains("repository"), "{error}");
    let missing = Compiler::new().compile_file("/nonexistent/a.dp").unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::File { .. }), "{missing:?}");
}

// ---- functions of this program ----

fn gamma_like() -> HostFunction {
    // f(x, y) = x² y; its vjp gives (2xy s, x² s); that one's jvp is along (x, y, f, s).
    let second = HostDerivative::new(|all, _, along| {
        let [x, y, _, s] = all[..] else { return Err("four parts".to_string()) };
        let [dx, dy, _, ds] = along[..] else { return Err("four tangents".to_string()) };
        Ok(vec![2.0 * (dx * y * s + x * dy * s + x * y * ds), 2.0 * x * dx * s + x * x * ds])
    });
    HostFunction::new("area", "fn(x: f64, y: f64) -> f64", |x| Ok(vec![x[0] * x[0] * x[1]]))
        .vjp(HostDerivative::new(|x, _, seed| Ok(vec![2.0 * x[0] * x[1] * seed[0], x[0] * x[0] * seed[0]])).jvp(second))
}

#[test]
fn host_functions_are_called_and_differentiated() {
    let norm = HostFunction::new("scaled", "fn<n>(x: [f64; n], k: i64) -> [f64; n]", |all| {
        let (k, x) = all.split_last().ok_or("no arguments")?;
        Ok(x.iter().map(|x| x * x * k).collect())
    })
    .jvp(HostDerivative::new(|all, _, along| {
        let (k, x) = all.split_last().ok_or("no arguments")?;
        Ok(x.iter().zip(along).map(|(x, t)| 2.0 * x * k * t).collect())
    }));
    let text = "fn f(x: f64, y: f64) -> f64 { sin(area(x, y)) }
        fn g<n>(x: [f64; n]) -> f64 { sum(scaled(x, 3)) }";
    let module = Compiler::new().host_fn(gamma_like()).host_fn(norm).compile("host.dp", text).unwrap();
    let (x, y) = (1.5f64, 0.7f64);
    let f = module.value_and_grad("f", &["x", "y"]).unwrap().typed::<fn(f64, f64) -> (f64, (f64, f64))>().unwrap();
    let area = x * x * y;
    let (value, (by_x, by_y)) = f.call((x, y)).unwrap();
    assert!((value - area.sin()).abs() < 1e-15);
    assert!((by_x - area.cos() * 2.0 * x * y).abs() < 1e-14 && (by_y - area.cos() * x * x).abs() < 1e-14);
    let jvp = module.jvp("f", &["x"]).unwrap().typed::<fn(f64, f64, f64) -> (f64, f64)>().unwrap();
    assert!((jvp.call((x, y, 1.0)).unwrap().1 - by_x).abs() < 1e-14);
    let hvp = module.hvp("f", &["x"]).unwrap().typed::<fn(f64, f64, f64) -> f64>().unwrap();
    let second = 2.0 * y * area.cos() - (2.0 * x * y).powi(2) * area.sin();
    assert!((hvp.call((x, y, 1.0)).unwrap() - second).abs() < 1e-13);
    let g = module.gradient("g", &[]).unwrap().typed::<fn(&[f64]) -> Vec<f64>>().unwrap();
    assert_eq!(g.call(&[1.0, -2.0]).unwrap(), [6.0, -12.0]);
}

#[test]
fn a_host_function_without_derivative_in_an_active_path_is_an_error() {
    let lookup = HostFunction::new("lookup", "fn(x: f64) -> f64", |x| Ok(vec![x[0].floor()]));
    let text = "fn inner(w: f64) -> f64 {\n    2.0 * lookup(w)\n}\nfn f(w: f64) -> f64 { inner(w * w) }\nfn g(w: f64) -> f64 { w * stop_grad(lookup(w)) }";
    let module = Compiler::new().host_fn(lookup).compile("host.dp", text).unwrap();
    assert_eq!(module.function::<fn(f64) -> f64>("f").unwrap().call(1.5).unwrap(), 4.0);
    let error = module.gradient("f", &[]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`lookup` has no derivative, and its result is active\n  --> host.dp:2:"), "{text}");
    assert_eq!(module.gradient("g", &[]).unwrap().typed::<fn(f64) -> f64>().unwrap().call(2.5).unwrap(), 2.0);
}

#[test]
fn a_host_function_that_fails_or_panics_is_a_trap() {
    let picky = HostFunction::new("picky", "fn(x: f64) -> f64", |x| match x[0] {
        x if x < 0.0 => Err(format!("{x} is negative")),
        x if x > 9.0 => panic!("{x} is large"),
        x => Ok(vec![x]),
    });
    let module = Compiler::new().host_fn(picky).compile("host.dp", "fn f(x: f64) -> f64 { picky(x) + 1.0 }").unwrap();
    let f = module.function::<fn(f64) -> f64>("f").unwrap();
    for (x, text) in [(-1.0, "-1 is negative"), (10.0, "panicked: 10 is large")] {
        let error = f.call(x).unwrap_err();
        assert_eq!(trap(&error), TrapCode::Host);
        assert!(error.to_string().contains(&format!("host function `picky`: {text}\n  --> ")), "{error}");
        assert!(error.to_string().contains("host.dp:1:"), "{error}");
        assert_eq!(f.call(2.0).unwrap(), 3.0);
    }
    let wrong = HostFunction::new("wrong", "fn(x: str) -> f64", |_| Ok(vec![0.0]));
    let error = Compiler::new().host_fn(wrong).compile("host.dp", "").unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Signature { .. }), "{error}");
}

#[test]
fn a_host_function_may_call_compiled_code() {
    let inner = compile("fn square(x: f64) -> f64 { x * x }").function::<fn(f64) -> f64>("square").unwrap();
    let square = HostFunction::new("square", "fn(x: f64) -> f64", move |x| {
        inner.call(x[0]).map(|y| vec![y]).map_err(|error| error.to_string())
    });
    let module =
        Compiler::new().host_fn(square).compile("host.dp", "fn f(x: f64) -> f64 { square(square(x)) }").unwrap();
    assert_eq!(module.function::<fn(f64) -> f64>("f").unwrap().call(2.0).unwrap(), 16.0);
}

// ---- nothing is left behind ----

#[test]
fn no_page_is_writable_and_executable() {
    let module = compile(ROSENBROCK);
    let held = module.gradient("rosenbrock", &[]).unwrap().typed::<fn(&[f64]) -> Vec<f64>>().unwrap();
    held.call(&[1.0, 2.0]).unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
    let both = maps.lines().find(|line| line.split_whitespace().nth(1).is_some_and(|flags| flags.contains("wx")));
    assert_eq!(both, None);
}

#[test]
fn signal_handlers_are_as_they_were() {
    let caught = || {
        let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
        let line = |name: &str| status.lines().find(|line| line.starts_with(name)).map(str::to_string);
        (line("SigCgt"), line("SigIgn"), line("SigBlk"))
    };
    let before = caught();
    let module = compile(DEEP);
    let down = module.function::<fn(f64, i64) -> f64>("down").unwrap().with_max_depth(10);
    down.call((0.5, 100)).unwrap_err();
    assert_eq!(caught(), before);
}

// ---- results where the caller wants them ----

/// Every way to make an array that is given; each twice, into a `Vec` and behind `&mut`, for all opt levels and sizes around those of blocks.
#[test]
fn results_behind_mut_are_those_of_a_vec() {
    let text = "
    fn chain<n>(x: [f64; n]) -> [f64; n] { let y = 2.0 * x - 0.5; y / (1.0 + y * y) }
    fn double<n>(x: [f64; n]) -> [f64; n] { grad(|x: [f64; n]| sum(x * x))(x) }
    fn scattered<n>(x: [f64; n]) -> [f64; n] { grad(|x: [f64; n]| { var s = 0.0; for i in 1..n { s += x[i] * sin(x[i - 1]); } s })(x) }
    fn same<n>(x: [f64; n]) -> [f64; n] { x }
    fn sides<n>(x: [f64; n]) -> [f64; n] { if sum(x) > 0.5 { exp(x) } else { [1.5; n] } }
    fn one_side<n>(x: [f64; n]) -> [f64; n] { if sum(x) > 0.5 { x } else { x * x } }
    fn changed<n>(x: [f64; n]) -> [f64; n] {
        var y = [0.25; n];
        for i in 0..n { if x[i] > 0.0 { y[i] += x[i]; } else { y[n - 1 - i] -= 1.0; } }
        var k = 0;
        while k < n { y[k] = y[k] * 2.0; k += 2; }
        y
    }
    fn last_kept<n>(x: [f64; n]) -> [f64; n] {
        var y = x + 1.0;
        let z = y;
        for i in 0..n { y[i] = y[i] * z[n - 1 - i]; }
        y
    }
    fn read_too<n>(x: [f64; n]) -> [f64; n] {
        var y = x * 3.0;
        let s = sum(y) + dot(y, x);
        for i in 0..n { y[i] += s; }
        y
    }
    fn steps<n>(x: [f64; n]) -> [f64; n] { var u = x; for t in 0..3 { u = [u[n - 1 - i] * 0.5 for i in 0..n]; } u }
    fn product<n>(x: [f64; n]) -> [f64; n] { [x[i] * x[j] for i in 0..n, j in 0..n] @ x }
    fn turned<n>(x: [f64; n]) -> [f64; n] { transpose([x[i] - x[j] for i in 0..n, j in 0..n]) @ x }
    fn in_calls<n>(x: [f64; n]) -> [f64; n] { if n > 3 { chain(x) } else { in_calls(x + 1.0) } }
    ";
    let text = text.replace("in_calls(x + 1.0)", "double(x)");
    for level in [OptLevel::O0, OptLevel::O2] {
        let module = Compiler::new().opt_level(level).compile("test.dp", &text).unwrap();
        for name in [
            "chain",
            "double",
            "scattered",
            "same",
            "sides",
            "one_side",
            "changed",
            "last_kept",
            "read_too",
            "steps",
            "product",
            "turned",
            "in_calls",
        ] {
            let copied = module.function::<fn(&[f64]) -> Vec<f64>>(name).unwrap();
            let placed = module.function::<fn(&[f64], &mut [f64])>(name).unwrap();
            for n in 0..37 {
                let x: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
                let wanted = copied.call(&x).unwrap();
                // At any address that a float may have.
                let mut found = vec![f64::NAN; n + 3];
                placed.call((&x, &mut found[1 + n % 2..][..n])).unwrap();
                let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&found[1 + n % 2..][..n]), bits(&wanted), "{name} {n} {level:?}");
                assert!(found[0].is_nan() && found[n + 2].is_nan(), "{name} {n}: beyond the result");
            }
        }
    }
}

#[test]
fn results_of_every_type_and_several_at_once_are_made_behind_mut() {
    let text = "
    fn twice<n>(x: [f64; n]) -> ([f64; n], [f64; n]) { let y = x * 2.0; (y, y) }
    fn parts<n, m>(a: [f32; n, m], k: i64) -> ([f32; m, n], [bool; n], f64, [i64; 3]) {
        var t = [0.0 as f32; m, n];
        for i in 0..n { for j in 0..m { t[j, i] = a[i, j] * (2.0 as f32); } }
        (t, [a[i, 0] > (1.0 as f32) for i in 0..n], k as f64, [k, k + 1, k + 2])
    }
    fn rows<n>(x: [f64; n]) -> [f64; 3, n] {
        var m = [1.0; 3, n];
        m[1] = x;
        m[2] += x * x;
        m
    }
    fn product<n>(a: [f64; n, n]) -> ([f64; n, n], [f64; n, n]) { grad(|a: [f64; n, n], b: [f64; n, n]| sum(a @ b @ a), wrt: (a, b))(a, a) }
    ";
    let module = compile(text);
    let (mut y, mut z) = ([0.0; 3], [0.0; 3]);
    module
        .function::<fn(&[f64], &mut [f64], &mut [f64])>("twice")
        .unwrap()
        .call((&[1.0, 2.0, 3.0], &mut y, &mut z))
        .unwrap();
    assert_eq!((y, z), ([2.0, 4.0, 6.0], [2.0, 4.0, 6.0]));
    type Parts = fn(usize, usize, &[f32], i64, &mut [f32]) -> (Vec<bool>, f64, Vec<i64>);
    let mut t = [0.0f32; 6];
    let rest =
        module.function::<Parts>("parts").unwrap().call((2, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 7, &mut t)).unwrap();
    assert_eq!((t, rest), ([2.0, 8.0, 4.0, 10.0, 6.0, 12.0], (vec![false, true], 7.0, vec![7, 8, 9])));
    let mut m = [0.0; 6];
    module.function::<fn(&[f64], &mut [f64])>("rows").unwrap().call((&[2.0, 3.0], &mut m)).unwrap();
    assert_eq!(m, [1.0, 1.0, 2.0, 3.0, 5.0, 10.0]);
    let a: Vec<f64> = (0..400).map(|i| (i as f64).cos()).collect();
    let (mut by_a, mut by_b) = (vec![0.0; 400], vec![0.0; 400]);
    module
        .function::<fn(usize, &[f64], &mut [f64], &mut [f64])>("product")
        .unwrap()
        .call((20, &a, &mut by_a, &mut by_b))
        .unwrap();
    let both = module.function::<fn(usize, &[f64]) -> (Vec<f64>, Vec<f64>)>("product").unwrap().call((20, &a)).unwrap();
    assert_eq!((by_a, by_b), both);
}

#[test]
fn after_a_trap_in_the_middle_of_a_result_the_next_call_is_right() {
    let text = "fn roots<n>(x: [f64; n]) -> [f64; n] {
        var y = [0.0; n];
        for i in 0..n { assert(x[i] >= 0.0); y[i] = sqrt(x[i]); }
        y
    }";
    let roots = compile(text).function::<fn(&[f64], &mut [f64])>("roots").unwrap();
    let mut y = [0.0; 3];
    for _ in 0..3 {
        assert_eq!(trap(&roots.call((&[1.0, 4.0, -1.0], &mut y)).unwrap_err()), TrapCode::Message);
        roots.call((&[1.0, 4.0, 9.0], &mut y)).unwrap();
        assert_eq!(y, [1.0, 2.0, 3.0]);
    }
}

/// What the sizes of a call mean is remembered for the next call: only if it has the same.
#[test]
fn sizes_are_found_anew_where_a_call_has_others() {
    let text = "
    fn up(k: i64, by: f64) -> [f64; k] { [by * i as f64 for i in 0..k] }
    fn double<n>(x: [f64; n]) -> [f64; n] { x + x }
    fn turned<n, m>(a: [f64; n, m]) -> [f64; m, n] { transpose(a) }
    ";
    let module = compile(text);
    let up = module.function::<fn(i64, f64, &mut [f64])>("up").unwrap();
    let double = module.function::<fn(&[f64], &mut [f64])>("double").unwrap();
    let turned = module.function::<fn(usize, usize, &[f64], &mut [f64])>("turned").unwrap();
    let mut y = [0.0; 6];
    for by in [1.0, 2.0] {
        up.call((3, by, &mut y[..3])).unwrap();
        up.call((4, 2.0 * by, &mut y[2..])).unwrap();
        assert_eq!(y, [0.0, by, 0.0, 2.0 * by, 4.0 * by, 6.0 * by]);
        assert!(up.call((3, by, &mut y[2..])).is_err() && up.call((-1, by, &mut y[2..])).is_err());
        double.call((&[by, 2.0], &mut y[..2])).unwrap();
        double.call((&[by, 3.0], &mut y[2..4])).unwrap();
        double.call((&[by], &mut y[4..5])).unwrap();
        assert_eq!(y[..5], [2.0 * by, 4.0, 2.0 * by, 6.0, 2.0 * by]);
        assert!(double.call((&[by], &mut y[..2])).is_err());
        assert!(double.call((&[], &mut [])).is_ok());
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        turned.call((2, 3, &a, &mut y)).unwrap();
        assert_eq!(y, [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        turned.call((3, 2, &a, &mut y)).unwrap();
        assert_eq!(y, [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        assert!(turned.call((3, 3, &a, &mut y)).is_err());
    }
}
