//! How long the optimizer takes for a body pasted 1, 2, 4, 8, … times: `cargo run --release --example optimize_time`.
//!
//! Prints instructions, microseconds, and microseconds for each thousand instructions, which should stay flat.

use dprog_ir::transform::pipeline::{OptLevel, optimize_observed};
use dprog_ir::{Module, walk};
use dprog_tests::randir;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

fn main() {
    println!("{:>12} {:>10} {:>14}", "instructions", "µs", "µs per 1000");
    for doubling in 0..6 {
        let (module, entry) = randir::module_of_size(7, 60 << doubling);
        let size = instructions(&module);
        let mut passes: BTreeMap<&str, Duration> = BTreeMap::new();
        let start = Instant::now();
        let mut optimized = module.clone();
        optimize_observed(&mut optimized, OptLevel::O2, &[entry], &mut |report, _| {
            *passes.entry(report.pass.name()).or_default() += report.duration;
        });
        let micros = start.elapsed().as_micros();
        println!("{size:>12} {micros:>10} {:>14}", micros * 1000 / size as u128);
        let parts: Vec<String> = passes.iter().map(|(name, time)| format!("{name} {}", time.as_micros())).collect();
        println!("             {}", parts.join(", "));
    }
}

fn instructions(module: &Module) -> usize {
    module.funcs.values().map(|func| walk::insts(func).len()).sum()
}
