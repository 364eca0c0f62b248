//! What embedding costs: the time from the text of a ten-line function to its gradient, stage by stage, and of a call beside
//! that of a C function.
//!
//!     cargo run --release -p dprog --example embedding_cost

use dprog::{Compiler, Event, FnId, MemoryLoader, Observer, Options, check, compile};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

const LOSS: &str = "fn loss(x: f64) -> f64 {
    var a = x * x + 1.0;
    for i in 0..10 {
        if a > 3.0 {
            a = a / x + sin(a);
        } else {
            a = a * x + exp(-a);
        }
    }
    a
}
";
/// The gradient as text, for the stages one by one.
const SLOPE: &str = "fn slope(x: f64) -> f64 { grad(loss)(x) }\n";
const ROUNDS: u32 = 300;

fn main() {
    let compiler = Compiler::new();
    for warm in [false, true] {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            let module = compiler.compile("loss.dp", LOSS).expect("a program");
            let slope = module.gradient("loss", &[]).expect("a gradient").typed::<fn(f64) -> f64>().expect("its type");
            black_box(slope.call(1.5).expect("a number"));
        }
        if warm {
            println!("text to called gradient: {:?}", start.elapsed() / ROUNDS);
        }
    }
    stages();
    calls();
}

// ---- compiling ----

#[derive(Default)]
struct Sum(BTreeMap<String, Duration>);

impl Observer for Sum {
    fn after(&mut self, event: &Event<'_>) {
        *self.0.entry(event.stage.to_string()).or_default() += event.duration;
    }
}

fn stages() {
    let text = format!("{LOSS}{SLOPE}");
    let mut sum = Sum::default();
    for _ in 0..ROUNDS {
        let checked = check("loss.dp", text.as_bytes(), &MemoryLoader::default(), &mut sum);
        let slope: Vec<FnId> = checked.functions().filter(|f| f.name == "slope").map(|f| f.id).collect();
        compile(&checked, &slope, &Options::default(), &mut sum).ok().expect("a program");
    }
    let mut stages: Vec<(String, Duration)> = sum.0.into_iter().collect();
    stages.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    stages.iter().for_each(|(stage, time)| println!("  {stage:14} {:>9.1?}", *time / ROUNDS));
}

// ---- calling ----

#[inline(never)]
extern "C" fn by_hand(x: f64) -> f64 {
    3.0 * x * x + 2.0 * x
}

fn calls() {
    let module =
        Compiler::new().compile("cubic.dp", "fn cubic(x: f64) -> f64 { x * x * x + x * x }").expect("a program");
    let slope = module.gradient("cubic", &[]).expect("a gradient").typed::<fn(f64) -> f64>().expect("its type");
    let native: extern "C" fn(f64) -> f64 = black_box(by_hand);
    let ours = nanoseconds(|x| slope.call(x).unwrap_or(f64::NAN));
    let theirs = nanoseconds(|x| native(x));
    println!("a call: {ours:.2} ns, of a C function {theirs:.2} ns, {:.2} ns more", ours - theirs);
    let module =
        Compiler::new().compile("norm.dp", "fn norm2<n>(x: [f64; n]) -> f64 { dot(x, x) }").expect("a program");
    let gradient = module.value_and_grad("norm2", &[]).expect("a gradient");
    let gradient = gradient.typed::<fn(&[f64], &mut [f64]) -> f64>().expect("its type");
    let mut g = [0.0; 8];
    let arrays = nanoseconds(|x| gradient.call((&[x; 8], &mut g)).unwrap_or(f64::NAN));
    println!("a call with arrays of 8: {arrays:.1} ns");
}

/// The least time of a call in many short runs, each call waiting for the one before: others may be at work on the machine.
fn nanoseconds(mut f: impl FnMut(f64) -> f64) -> f64 {
    let calls = 20_000;
    let run = |_| {
        let start = Instant::now();
        let mut x = 0.5;
        for _ in 0..calls {
            x = 0.5 + 1e-9 * f(black_box(x));
        }
        black_box(x);
        start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    };
    (0..1000).map(run).fold(f64::INFINITY, f64::min)
}
