//! Compiling, running and dropping leaves nothing behind. A process of its own, so that nothing else takes memory meanwhile.

use dprog::{Compiler, Module};

fn compile() -> Module {
    let text = "fn rosenbrock<n>(x: [f64; n]) -> f64 {
        var s = 0.0;
        for i in 0..n - 1 {
            let a = x[i + 1] - x[i] * x[i];
            let b = 1.0 - x[i];
            s += 100.0 * a * a + b * b;
        }
        s
    }";
    Compiler::new().compile("test.dp", text).unwrap()
}

/// Memory that the process has, in bytes.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: usize = statm.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
    pages * 4096
}

/// `EMBED_CYCLES=100000` makes as many as the promise says.
#[test]
fn compile_run_drop_leaves_nothing_behind() {
    let cycles: usize = std::env::var("EMBED_CYCLES").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let cycle = || {
        let module = compile();
        let gradient = module.gradient("rosenbrock", &[]).unwrap().typed::<fn(&[f64]) -> Vec<f64>>().unwrap();
        assert_eq!(gradient.call(&[1.0, 1.0, 1.0]).unwrap(), [0.0, 0.0, 0.0]);
        assert!(Compiler::new().compile("bad.dp", "fn f() -> f64 { x }").is_err());
    };
    (0..cycles / 10).for_each(|_| cycle());
    let (before, maps) = (resident(), mappings());
    (0..cycles).for_each(|_| cycle());
    let growth = resident().saturating_sub(before);
    println!("{cycles} cycles: {growth} bytes more");
    assert!(growth <= 1 << 20, "{growth} bytes more after {cycles} cycles");
    assert!(mappings() <= maps + 20, "{} mappings more", mappings() - maps);
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("Linux").lines().count()
}
