//! What compilation and gradients cost, by counters: no clock is read.

use dprog::{Compiled, Memory, OptLevel, Options, Silent, Stages, World};
use dprog_ir::Op;
use dprog_tests::engines::Subject;

/// Loops, branches, arrays, calls: a little of everything that is differentiated.
const BODY: &str = "
    for i in 0..n {
        if s > 1.0 { s = sin(s) * v[i % 3]; } else { s += part(s, v[(i + 1) % 3]); }
        v[i % 3] = 0.5 * s;
        var t = s;
        while abs(t) > 0.5 { t = 0.5 * t; s += 0.01 * t * t; }
    }
    s += sum(tanh(v * v)) + dot(v, [1.0, s, 2.0]);
";

fn pasted(times: usize) -> String {
    format!(
        "fn part(a: f64, b: f64) -> f64 {{ a * exp(-b * b) }}\n\
         fn f(x: f64, n: i64) -> f64 {{\n    var s = x;\n    var v = [x, x * x, 1.0];\n{}    s\n}}\n\
         fn main() {{ print(\"{{grad(f)(0.5, 4)}}\"); }}\n",
        BODY.repeat(times)
    )
}

/// Instructions that regions hold, over all functions.
fn instructions(text: &str, opt_level: OptLevel) -> usize {
    occurrences(text, opt_level, |_| true)
}

/// How many of them are of a kind.
fn occurrences(text: &str, opt_level: OptLevel, wanted: impl Fn(&dprog_ir::InstData) -> bool) -> usize {
    let checked = Subject::new("cost.dp", text).check();
    let main = checked.main().unwrap_or_else(|problems| panic!("{problems:?}"));
    let options = Options { opt_level, ..Options::default() };
    let stages =
        Stages::build(&checked, &[main], &options, &mut Silent).unwrap_or_else(|problems| panic!("{problems:?}"));
    let count = |f: &dprog_ir::Function| {
        let insts = f.regions.values().flat_map(|region| &region.insts);
        insts.filter(|inst| wanted(&f.insts[**inst])).count()
    };
    stages.module.funcs.values().map(count).sum()
}

/// The size of a derivative is a constant times that of the program, at every level.
#[test]
fn code_grows_linearly() {
    for level in [OptLevel::O0, OptLevel::O1, OptLevel::O2] {
        let sizes = [1, 2, 4, 8].map(|times| instructions(&pasted(times), level));
        // What the second half of a doubled program adds, against what it added before.
        let growth: Vec<usize> = sizes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for pair in growth.windows(2) {
            assert!(pair[1] as f64 <= 2.2 * pair[0] as f64, "{level:?}: {sizes:?}");
        }
    }
}

/// A gradient of a gradient is larger than a gradient by a factor, not by a power.
#[test]
fn higher_orders_stay_moderate() {
    let order = |grads: &str| {
        format!(
            "fn f(x: f64) -> f64 {{ var y = x; for i in 0..9 {{ y = sin(y) * x; }} y }}\nfn main() {{ print(\"{{{grads}(1.5)}}\"); }}\n"
        )
    };
    let sizes = ["f", "grad(f)", "grad(grad(f))", "grad(grad(grad(f)))"].map(|g| instructions(&order(g), OptLevel::O2));
    assert!(sizes[3] < 150 * sizes[0], "{sizes:?}");
}

fn compiled(text: &str) -> Compiled {
    let checked = Subject::new("cost.dp", text).check();
    let main = checked.main().unwrap_or_else(|problems| panic!("{problems:?}"));
    dprog::compile(&checked, &[main], &Options::default(), &mut Silent)
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn memory_after(text: &str) -> Memory {
    let subject = Subject::new("cost.dp", text);
    let mut world = World::captured(Vec::new(), subject.limits);
    let ending = compiled(text).run(0, &mut world);
    assert_eq!(ending, dprog::Ending::Returned);
    world.memory()
}

#[test]
fn memory_is_flat_over_a_million_gradients() {
    let calls = |count: usize| {
        format!(
            "fn f(x: f64, n: i64) -> f64 {{ var y = x; var k = n; while k > 0 {{ y = sin(y) + x; k -= 1; }} y }}\n\
             fn main() {{ var s = 0.0; for i in 0..{count} {{ s += grad(f)(0.5, i % 5); }} print(\"{{s}}\"); }}\n"
        )
    };
    let (few, many) = (memory_after(&calls(1_000)), memory_after(&calls(1_000_000)));
    assert_eq!((few.live, many.live), (0, 0));
    assert_eq!(few.taken, many.taken);
}

#[test]
fn filling_an_array_copies_nothing() {
    let fill = |n: usize| {
        format!(
            "fn main() {{\n    var a = [0.0; {n}];\n    for i in 0..{n} {{ a[i] = (i as f64) * 0.5; }}\n    var s = 0.0;\n    for x in a {{ s += x; }}\n    print(\"{{s}}\");\n}}\n"
        )
    };
    let (small, large) = (memory_after(&fill(100)), memory_after(&fill(100_000)));
    assert_eq!((small.copies, large.copies), (0, 0));
    assert_eq!(small.allocations, large.allocations);
}

#[test]
fn the_gradient_of_a_loop_over_an_array_copies_nothing() {
    let text = |n: usize| {
        format!(
            "fn f<n>(x: [f64; n]) -> f64 {{ var y = x; for i in 1..n {{ y[i] = y[i] * sin(y[i - 1]); }} sum(y) }}\n\
             fn main() {{ print(\"{{norm(grad(f)([0.5; {n}]))}}\"); }}\n"
        )
    };
    let (small, large) = (memory_after(&text(10)), memory_after(&text(50_000)));
    assert!(large.copies <= small.copies + 2, "{small:?} {large:?}");
    assert!(large.allocations <= small.allocations + 40, "{small:?} {large:?}");
}

/// The slots of a trip lie side by side, so one look at the room of one list serves for all of them.
#[test]
fn an_uncounted_loop_keeps_its_floats_in_one_list() {
    let text = "
        fn secant(a: f64) -> f64 {
            var x0 = 1.0;
            var x1 = 2.0;
            while abs(x1 * x1 - a) > 1e-9 {
                let x2 = x1 - (x1 * x1 - a) * (x1 - x0) / (x1 * x1 - x0 * x0);
                x0 = x1;
                x1 = x2;
            }
            x1
        }
        fn main() { print(\"{grad(secant)(2.0)}\"); }
    ";
    let lists = occurrences(text, OptLevel::O2, |data| data.op == Op::Elements);
    let pushes = occurrences(text, OptLevel::O2, |data| data.op == Op::Push);
    assert!(lists == 1 && pushes >= 2, "{lists} lists, {pushes} pushes");
}

/// The tape of a recursion grows like a list: activations allocate nothing of their own.
#[test]
fn the_gradient_of_a_recursion_allocates_no_more_where_it_is_deeper() {
    let text = |depth: usize| {
        format!(
            "fn f(x: f64, n: i64) -> f64 {{ if n == 0 {{ return x; }} sin(f(x, n - 1)) + x * f(x, n / 8) }}\n\
             fn main() {{ print(\"{{grad(|x| f(x, {depth}))(0.5)}}\"); }}\n"
        )
    };
    let (small, large) = (memory_after(&text(10)), memory_after(&text(200)));
    assert!(large.allocations <= small.allocations + 12, "{small:?} {large:?}");
    assert_eq!((small.copies, large.copies), (0, 0));
}
