//! Memory over many calls, after traps, and in loops that do not end.

use dprog::{Checked, Compiled, Ending, Engine, Limits, Memory, OptLevel, Options, Silent, World};
use dprog_ir::TrapCode;
use dprog_tests::engines::{ENGINES, Subject};
use std::sync::atomic::Ordering;
use std::time::Duration;

const LEVELS: [OptLevel; 2] = [OptLevel::O0, OptLevel::O2];

fn checked(text: &str) -> Checked {
    Subject::new("memory.dp", text).check()
}

fn compiled(checked: &Checked, engine: Engine, limits: Limits) -> Compiled {
    let main = checked.main().unwrap_or_else(|problems| panic!("{problems:?}"));
    let options = Options { limits, ..Options::default() };
    dprog::compile_for(engine, checked, &[main], &options, &mut Silent)
        .unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn memory_after(text: &str, level: OptLevel) -> Memory {
    let checked = checked(text);
    let mut world = World::captured(Vec::new(), Limits::default());
    let ending = compiled(&checked, Engine::Native(level), Limits::default()).run(0, &mut world);
    assert_eq!(ending, Ending::Returned, "{text}");
    world.memory()
}

/// Memory after few and many rounds of `body`, with `items` in front.
fn is_flat(items: &str, body: &str) {
    for level in LEVELS {
        let program = |rounds: usize| {
            format!("{items}\nfn main() {{ var s = 0.0; for i in 0..{rounds} {{ {body} }} print(\"{{s}}\"); }}")
        };
        let (few, many) = (memory_after(&program(300), level), memory_after(&program(30_000), level));
        assert_eq!((few.live, many.live), (0, 0), "{body}");
        assert_eq!(few.taken, many.taken, "{body}");
    }
}

#[test]
fn lists() {
    is_flat(
        "fn f(x: f64, n: i64) -> f64 {
            var xs = List<f64>::new();
            for i in 0..n { xs.push(x * (i as f64)); }
            var s = 0.0;
            while xs.len() > 2 { s += xs.pop() * x; }
            s + xs[0]
        }",
        "s += grad(f)(0.5, 3 + i % 4);",
    );
}

#[test]
fn lists_in_lists() {
    is_flat(
        "fn f(xs: List<List<f64>>, a: f64) -> f64 {
            var ys = xs;
            ys[1].push(a);
            for i in 0..ys.len() { for j in 0..ys[i].len() { ys[i][j] = ys[i][j] * a; } }
            var s = 0.0;
            for row in ys { for y in row { s += y * y; } }
            s
        }",
        "let xs = List::from([List::from([1.0, 2.0]), List<f64>::new(), List::from([s])]);
        s += grad(f, wrt: a)(xs, 0.1) + grad(f)(xs, 0.1)[0][1]; s = s / (1.0 + abs(s));",
    );
}

#[test]
fn recursion() {
    is_flat(
        "fn f(x: f64, n: i64) -> f64 { if n == 0 { x } else { sin(f(x, n - 1)) * x } }
        enum Tree { Leaf(f64), Node(Tree, Tree) }
        fn grow(x: f64, n: i64) -> Tree {
            if n == 0 { Tree::Leaf(x) } else { Tree::Node(grow(x * 0.5, n - 1), grow(x, n - 1)) }
        }
        fn total(t: Tree) -> f64 { match t { Leaf(x) => x * x, Node(l, r) => total(l) + total(r) } }
        fn g(x: f64, n: i64) -> f64 { total(grow(x, n)) }",
        "s += grad(f)(0.5, i % 6) + grad(g)(0.5, i % 4);",
    );
}

#[test]
fn closures_and_pullbacks() {
    is_flat(
        "fn f(x: [f64; 3], k: f64) -> f64 { let h = |y: f64| sin(y * k) + x[0]; h(x[1]) * h(x[2]) }
        fn pick(n: i64, a: f64) -> fn(f64) -> f64 { if n == 0 { |x| x * a } else { |x| x + a } }",
        "let x = [s, 0.5, 1.0];
        let (y, back) = pullback(f)(x, 2.0);
        let (_, dropped) = pullback(f)(x, 3.0);
        s = 0.1 * y + 0.1 * back(1.0)[0] + 0.01 * back(2.0)[1] + 0.001 * pick(i % 2, s)(0.5);",
    );
}

#[test]
fn enums_and_texts() {
    is_flat(
        "enum Shape { Circle(f64), Many(List<f64>), Named { name: str, r: f64 }, Empty }
        fn area(s: Shape, k: f64) -> f64 {
            match s {
                Circle(r) => k * r * r,
                Many(xs) => { var t = 0.0; for x in xs { t += x * k; } t }
                Named { name, r } => r * k + (name.len() as f64),
                Empty => 0.0,
            }
        }",
        "let text = \"round {i % 10}\";
        let shape = if i % 4 == 0 { Shape::Circle(1.0) } else if i % 4 == 1 { Shape::Many(List::from([1.0, 2.0])) }
            else if i % 4 == 2 { Shape::Named { name: text + \"!\", r: 2.0 } } else { Shape::Empty };
        s += grad(area, wrt: k)(shape, 0.5);"
            .replace("text + \"!\"", "\"{text}!\"")
            .as_str(),
    );
}

#[test]
fn early_returns() {
    is_flat(
        "fn f(x: f64, n: i64) -> f64 {
            var xs = List<List<f64>>::new();
            for i in 0..10 {
                xs.push(List::from([x, x * x]));
                if i == n { return xs[i][1] * x; }
                xs[i][0] += 1.0;
            }
            xs[0][0]
        }",
        "s += grad(f)(0.5, i % 12);",
    );
}

/// Gradients of long loops, and what each trip keeps: the heap takes hardly more from the system.
#[test]
fn tapes_take_what_is_on_them() {
    let step = "s = s * (1.5 - s * x);";
    let two = "let u = s * (1.5 - s * t * x); t = t * (1.0 - 0.2 * u * t); s = u;";
    let three = "s = sin(s) * exp(-s * x);";
    let programs = [
        (format!("for i in 0..n {{ {step} }}"), 8),
        (format!("for i in 0..n {{ {two} }}"), 16),
        (format!("for i in 0..n {{ {three} }}"), 24),
        (format!("var i = 0; while i < n && s > -9.0 {{ {step} i += 1; }}"), 8),
        (format!("var i = 0; while i < n && s > -9.0 {{ {two} i += 1; }}"), 16),
        (format!("var i = 0; while i < n && s > -9.0 {{ {three} i += 1; }}"), 24),
        (format!("for i in 0..n / 8 {{ var k = 0; while k < 8 && s > -9.0 {{ {step} k += 1; }} }}"), 9),
    ];
    for (body, bytes) in programs {
        let trips = 4_000_000;
        let text = format!(
            "fn f(x: f64, n: i64) -> f64 {{ var s = x; var t = 0.1; {body} s + t }}
            fn main() {{ for k in 0..2 {{ print(\"{{grad(f, wrt: x)(0.3, {trips})}}\"); }} }}"
        );
        let taken = memory_after(&text, OptLevel::O2).taken;
        assert!(taken >= bytes * trips && taken <= bytes * trips * 6 / 5, "{body}: {taken} for {bytes} a trip");
    }
}

#[test]
fn the_tape_of_a_deep_recursion_takes_what_is_on_it() {
    let text = "fn f(x: f64, y: f64, n: i64) -> f64 {
            if n == 0 { return y; }
            let z = f(x, y * (1.5 - y * x), n - 1);
            z * sin(z)
        }
        fn main() { print(\"{grad(f, wrt: x)(0.3, 0.2, 900_000)}\"); }";
    let taken = memory_after(text, OptLevel::O2).taken;
    assert!((16 * 900_000..16 * 900_000 * 6 / 5).contains(&taken), "{taken}");
}

/// Programs that trap while they hold something of every kind.
const TRAPPING: [&str; 3] = [
    "fn f(xs: List<List<f64>>, n: i64) -> f64 {
        var ys = xs;
        ys[0].push(1.0);
        if n == 0 { ys[0][99] = 1.0; }
        f(ys, n - 1) * ys[0][0]
    }
    fn main() { print(\"{f(List::from([List::from([1.0])]), 5)}\"); }",
    "enum Tree { Leaf(str), Node(Tree, Tree) }
    fn grow(n: i64) -> Tree { if n == 0 { trap(\"leaf {n}\") } else { Tree::Node(Tree::Leaf(\"a{n}\"), grow(n - 1)) } }
    fn main() { let t = grow(20); print(\"{t}\"); }",
    "fn f(x: f64, n: i64) -> f64 { let xs = [x; 100]; if n == 0 { xs[n + 100] } else { f(x, n - 1) * xs[3] } }
    fn main() { let (y, back) = pullback(f)(0.5, 30); print(\"{back(1.0)}\"); }",
];

#[test]
fn a_trap_frees_everything_and_the_world_goes_on() {
    for text in TRAPPING {
        for level in LEVELS {
            let checked = checked(text);
            let program = compiled(&checked, Engine::Native(level), Limits::default());
            let mut world = World::captured(Vec::new(), Limits::default());
            let mut taken = None;
            for _ in 0..100 {
                assert!(matches!(program.run(0, &mut world), Ending::Trapped(_)), "{text}");
                let memory = world.memory();
                assert_eq!(memory.live, 0, "{text}");
                assert_eq!(*taken.get_or_insert(memory.taken), memory.taken, "{text}");
            }
        }
    }
}

/// Ends by the memory limit, though nobody reads what grows.
#[test]
fn what_grows_for_ever_meets_the_limit() {
    let limits = Limits { memory: 20_000_000, ..Limits::default() };
    for body in ["var xs = List<f64>::new(); loop { xs.push(1.0); }", "var t = \"x\"; while true { t = \"{t}{t}\"; }"] {
        let checked = checked(&format!("fn main() {{ {body} }}"));
        for (name, engine) in ENGINES {
            // Texts of the interpreter are not counted.
            if body.contains("{t}") && matches!(engine, Engine::Duals | Engine::Interpreter) {
                continue;
            }
            let ending = compiled(&checked, engine, limits).run(0, &mut World::captured(Vec::new(), limits));
            let Ending::Trapped(trap) = ending else { panic!("{name}: {ending:?}") };
            assert_eq!((trap.code, trap.frames.len()), (TrapCode::Memory, 1), "{name}: {trap}");
        }
    }
}

#[test]
fn one_huge_array_traps_at_once_with_its_place() {
    let checked = checked(
        "fn f(n: i64) -> f64 { var a = [0.0; n]; a[n / 2] = 1.0; sum(a) }\nfn main() { print(\"{f(1_000_000_000_000_000)}\"); }",
    );
    for (name, engine) in ENGINES {
        let limits = Limits::default();
        let ending = compiled(&checked, engine, limits).run(0, &mut World::captured(Vec::new(), limits));
        let Ending::Trapped(trap) = ending else { panic!("{name}: {ending:?}") };
        assert_eq!(trap.code, TrapCode::Memory, "{name}");
        let places: Vec<(u32, &str)> = trap.frames.iter().map(|f| (f.line, f.function.as_str())).collect();
        assert_eq!(places, [(1, "f"), (2, "main")], "{name}");
    }
}

/// Programs that run until they are stopped.
const ENDLESS: [&str; 5] = [
    "fn main() { while true {} }",
    "fn main() { loop {} }",
    "fn main() { var s = 0.0; for i in 0..9_000_000_000_000 { s = s * 0.5 + (i as f64); } print(\"{s}\"); }",
    "fn main() { let s = sum([sin(i as f64) for i in 0..1_000_000, j in 0..1_000_000_000]); print(\"{s}\"); }",
    "fn main() { var n = 1; while n != 0 { n = 3 * n + 2 * (n % 2) + 2; if n == 5 { n = 0; } } print(\"{n}\"); }",
];

#[test]
fn endless_programs_stop_when_they_are_told_to() {
    for text in [ENDLESS[0], ENDLESS[1], ENDLESS[2], ENDLESS[4]] {
        for (name, engine) in ENGINES {
            let limits = Limits::default();
            let program = compiled(&checked(text), engine, limits);
            let mut world = World::captured(Vec::new(), limits);
            let flag = world.cancel();
            let stopper = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(5));
                flag.store(true, Ordering::Relaxed);
            });
            let ending = program.run(0, &mut world);
            stopper.join().expect("the thread that stops");
            let Ending::Trapped(trap) = ending else { panic!("{name}: {ending:?} of {text}") };
            assert_eq!(trap.code, TrapCode::Cancelled, "{name}: {text}");
        }
    }
}
