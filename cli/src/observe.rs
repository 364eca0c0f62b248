//! `--time-passes` and `--print-after`: a look at the compiler at work, on standard error.

use dprog::{Event, Observer};
use std::time::Duration;

/// Collects times and prints modules as they pass.
#[derive(Debug, Default)]
pub struct Observation {
    print_after: Vec<String>,
    times: Option<Vec<Time>>,
    /// Passes whose stage has not ended.
    passes: Vec<Time>,
}

/// A line of the table.
#[derive(Debug)]
struct Time {
    name: String,
    /// Part of the stage above.
    pass: bool,
    duration: Duration,
    changes: Option<usize>,
}

impl Observation {
    /// What the options ask for.
    pub fn new(time_passes: bool, print_after: &[String]) -> Observation {
        let times = time_passes.then(Vec::new);
        Observation { print_after: print_after.to_vec(), times, passes: Vec::new() }
    }

    /// Shows the times, if they were asked for.
    pub fn finish(self) {
        let Some(times) = self.times else { return };
        for Time { name, pass, duration, changes } in &times {
            let name = format!("{}{name}", if *pass { "  " } else { "" });
            let changes = changes.map_or_else(String::new, |n| format!("{n:>8} changes"));
            eprintln!("{}", format!("{:>10} {name:<24}{changes}", milliseconds(*duration)).trim_end());
        }
        let total: Duration = times.iter().filter(|time| !time.pass).map(|time| time.duration).sum();
        eprintln!("{:>10} total", milliseconds(total));
    }

    /// A stage stands above its passes, though it ends after them.
    fn note(&mut self, event: &Event<'_>) {
        let Some(times) = &mut self.times else { return };
        let (name, pass) = (event.stage.to_string(), event.within.is_some());
        let time = Time { name, pass, duration: event.duration, changes: event.changes };
        if pass {
            self.passes.push(time);
        } else {
            times.push(time);
            times.append(&mut self.passes);
        }
    }
}

impl Observer for Observation {
    fn after(&mut self, event: &Event<'_>) {
        self.note(event);
        let wanted = self.print_after.iter().any(|stage| stage == event.stage || stage == "all");
        if let (true, Some(module)) = (wanted, event.module) {
            let within = event.within.map_or_else(String::new, |stage| format!(", in {stage}"));
            eprintln!("; after {}{within}\n{module}", event.stage);
        }
    }
}

/// A duration as it is shown in tables.
pub fn milliseconds(duration: Duration) -> String {
    format!("{:.3} ms", duration.as_secs_f64() * 1e3)
}
