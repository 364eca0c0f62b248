//! `--time-passes` and `--print-after`: a look at the compiler at work, on standard error.

use dprog::{Event, Observer};
use std::time::Duration;

/// Collects times and prints modules as they pass.
#[derive(Debug, Default)]
pub struct Observation {
    print_after: Vec<String>,
    times: Option<Vec<(String, Duration, Option<usize>)>>,
}

impl Observation {
    /// What the options ask for.
    pub fn new(time_passes: bool, print_after: &[String]) -> Observation {
        Observation { print_after: print_after.to_vec(), times: time_passes.then(Vec::new) }
    }

    /// Shows the times, if they were asked for.
    pub fn finish(self) {
        let Some(times) = self.times else { return };
        let total: Duration = times.iter().map(|(_, duration, _)| *duration).sum();
        for (stage, duration, changes) in &times {
            let changes = changes.map_or_else(String::new, |n| format!("{n:>8} changes"));
            eprintln!("{:>10} {stage:<24}{changes}", milliseconds(*duration));
        }
        eprintln!("{:>10} total", milliseconds(total));
    }
}

impl Observer for Observation {
    fn after(&mut self, event: &Event<'_>) {
        if let Some(times) = &mut self.times {
            times.push((event.stage.to_string(), event.duration, event.changes));
        }
        let wanted = self.print_after.iter().any(|stage| stage == event.stage || stage == "all");
        if let (true, Some(module)) = (wanted, event.module) {
            eprintln!("; after {}\n{module}", event.stage);
        }
    }
}

/// A duration as it is shown in tables.
pub fn milliseconds(duration: Duration) -> String {
    format!("{:.3} ms", duration.as_secs_f64() * 1e3)
}
