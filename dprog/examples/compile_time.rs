//! How long it takes from the text of a ten-line function to its gradient as machine code, stage by stage.

use dprog::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const SOURCE: &str = "fn loss(x: f64) -> f64 {
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
fn main() { print(\"{grad(loss)(1.5)}\"); }
";

#[derive(Default)]
struct Sum(BTreeMap<String, Duration>);
impl Observer for Sum {
    fn after(&mut self, event: &Event<'_>) {
        *self.0.entry(event.stage.to_string()).or_default() += event.duration;
    }
}

fn main() {
    for round in 0..4 {
        let mut sum = Sum::default();
        let start = Instant::now();
        let n = 200;
        for _ in 0..n {
            let checked = check("loss.dp", SOURCE.as_bytes(), &MemoryLoader::default(), &mut sum);
            let roots = [checked.main().unwrap()];
            compile(&checked, &roots, &Options::default(), &mut sum).unwrap();
        }
        let total = start.elapsed() / n;
        println!("round {round}: {total:?}");
        if round == 3 {
            for (stage, time) in sum.0 {
                println!("  {stage:20} {:?}", time / n);
            }
        }
    }
}
