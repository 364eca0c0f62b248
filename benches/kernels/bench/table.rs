//! The ratios, from the files in which criterion keeps what it has measured.

use serde_json::Value;
use std::path::{Path, PathBuf};

/// Prints a table of all groups that have been measured, in this run or, where a filter left some out, before.
pub fn print() {
    let folder = folder();
    let mut groups: Vec<String> = names(&folder).into_iter().filter(|name| name != "report").collect();
    groups.sort();
    println!("\n| | dProg | C | C fast-math | dProg / C | dProg / fast-math |\n|---|--:|--:|--:|--:|--:|");
    for group in groups {
        let median = |side: &str| median(&folder.join(&group).join(side));
        let Some((ours, c, fast)) =
            median("dprog").zip(median("c")).zip(median("c-fast-math")).map(|((a, b), c)| (a, b, c))
        else {
            continue;
        };
        let (ours_text, c_text, fast_text) = (time(ours), time(c), time(fast));
        println!("| {group} | {ours_text} | {c_text} | {fast_text} | {:.2} | {:.2} |", ours / c, ours / fast);
    }
    println!("\n| text to gradient | |\n|---|--:|");
    let mut programs = names(&folder.join("compile"));
    programs.sort();
    for program in programs {
        if let Some(ours) = median(&folder.join("compile").join(&program)) {
            println!("| {program} | {} |", time(ours));
        }
    }
}

/// Where criterion keeps its files.
pub fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")).join("criterion")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Nanoseconds.
fn median(bench: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(bench.join("new/estimates.json")).ok()?;
    serde_json::from_str::<Value>(&text).ok()?["median"]["point_estimate"].as_f64()
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        t if t < 1e3 => format!("{t:.0} ns"),
        t if t < 1e6 => format!("{:.2} µs", t / 1e3),
        t => format!("{:.2} ms", t / 1e6),
    }
}
