//! What every pass must keep: results to the bit, output, traps with their places.
//!
//! Random modules ([`dprog_tests::randir`]) and all programs under `tests/ir/pass/` are interpreted before and after each
//! single pass and each pipeline, on a few arguments. What comes out of a pass must verify, and print and parse again.
//! `PASS_SEEDS=10000` tries more seeds than usual, `PASS_SEED=17` one of them and prints what it did.

use dprog_ir::interp::{CapturedHost, Interp, Limits, Val};
use dprog_ir::parse::parse;
use dprog_ir::transform::Stage;
use dprog_ir::transform::pipeline::{OptLevel, Pass, clean_up, optimize, run_pass};
use dprog_ir::verify::verify;
use dprog_ir::{FuncId, Module, TrapCode};
use dprog_tests::generate::random::Random;
use dprog_tests::{arguments, corpus, randir};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::PathBuf;

fn main() {
    let args = Arguments::from_args();
    let mut trials: Vec<Trial> = seeds().chunks(25).map(|chunk| trial_of_seeds(chunk.to_vec())).collect();
    trials.extend(corpus::files(&corpus::folder("ir/pass"), "ir").into_iter().map(trial_of_file));
    libtest_mimic::run(&args, trials).exit();
}

fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("PASS_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("PASS_SEEDS").unwrap_or(150)).collect(),
    }
}

fn trial_of_seeds(seeds: Vec<u64>) -> Trial {
    let name = format!("random/{}..={}", seeds[0], seeds[seeds.len() - 1]);
    Trial::test(name, move || {
        seeds.iter().try_for_each(|seed| {
            let (module, entry) = randir::module(*seed);
            check(&module, &[entry], *seed).map_err(|e| Failed::from(format!("seed {seed}: {e}")))
        })
    })
}

fn trial_of_file(path: PathBuf) -> Trial {
    let name = format!("files/{}", path.file_stem().unwrap_or_default().display());
    Trial::test(name, move || {
        let module = parse(&std::fs::read_to_string(&path)?)?;
        let entries: Vec<FuncId> = module.funcs.keys().collect();
        Ok(check(&module, &entries, 1)?)
    })
}

/// What can be seen of a call: results or trap, and output.
struct Outcome {
    results: Result<Vec<Val>, String>,
    output: String,
}

fn check(module: &Module, entries: &[FuncId], seed: u64) -> Result<(), String> {
    valid(module, "nothing")?;
    let mut random = Random::new(seed);
    let calls: Vec<(FuncId, Vec<Val>)> = (0..4)
        .flat_map(|_| {
            entries.iter().copied().map(|f| (f, arguments::arguments(module, f, &mut random))).collect::<Vec<_>>()
        })
        .collect();
    let before: Vec<Option<Outcome>> = calls.iter().map(|(f, args)| run(module, *f, args, 200_000)).collect();
    for (name, change) in changes() {
        let mut changed = module.clone();
        change(&mut changed, entries);
        valid(&changed, &name)?;
        for ((f, args), wanted) in calls.iter().zip(&before) {
            let Some(wanted) = wanted else { continue };
            let got = run(&changed, *f, args, 4_000_000).ok_or("does not end any more")?;
            compare(wanted, &got)
                .map_err(|what| format!("{name}: {what}\nargs {args:?}\nbefore:\n{module}\nafter:\n{changed}"))?;
        }
    }
    Ok(())
}

type Change = Box<dyn Fn(&mut Module, &[FuncId])>;

/// Each pass, alone and behind a simplification; and the pipelines.
fn changes() -> Vec<(String, Change)> {
    let mut changes: Vec<(String, Change)> = Vec::new();
    for (pass, name) in Pass::TABLE.iter().copied() {
        changes.push((
            name.into(),
            Box::new(move |m, entries| {
                run_pass(m, pass, entries, Stage::Full);
            }),
        ));
        changes.push((
            format!("{name} after others"),
            Box::new(move |m, entries| {
                for pass in [Pass::Simplify, Pass::Gvn, Pass::Dce, Pass::Bounds, Pass::Simplify, pass] {
                    run_pass(m, pass, entries, Stage::Full);
                }
            }),
        ));
    }
    changes.push(("clean-up".into(), Box::new(|m, _| clean_up(m))));
    changes.push(("O1".into(), Box::new(|m, entries| optimize(m, OptLevel::O1, entries))));
    changes.push(("O2".into(), Box::new(|m, entries| optimize(m, OptLevel::O2, entries))));
    changes.push((
        "clean-up and O2 twice".into(),
        Box::new(|m, entries| {
            clean_up(m);
            optimize(m, OptLevel::O2, entries);
            optimize(m, OptLevel::O2, entries);
        }),
    ));
    changes
}

fn valid(module: &Module, after: &str) -> Result<(), String> {
    verify(module).map_err(|errors| {
        let texts: Vec<String> = errors.iter().map(|e| e.render(module)).collect();
        format!("after {after}:\n{}\n{module}", texts.join("\n"))
    })?;
    let text = module.to_string();
    let again = parse(&text).map_err(|e| format!("after {after}, not to be read: {e}\n{text}"))?;
    if again.to_string() == text {
        Ok(())
    } else {
        Err(format!("after {after}: does not print as it was read\n{text}"))
    }
}

/// `None` if it takes too long.
fn run(module: &Module, f: FuncId, args: &[Val], steps: u64) -> Option<Outcome> {
    let mut host = CapturedHost::default();
    let limits = Limits { steps, depth: 1000, ..Limits::default() };
    let outcome = Interp::new(module, limits, &mut host).call(f, args);
    let results = match outcome {
        Err(trap) if trap.code == TrapCode::Cancelled => return None,
        Err(trap) => {
            let places: Vec<String> =
                trap.places(&module.locations).map(|place| format!("{}:{}", place.function, place.position)).collect();
            Err(format!("{} at {}", trap.describe(), places.join(" < ")))
        }
        Ok(results) => Ok(results),
    };
    Some(Outcome { results, output: host.out })
}

fn compare(wanted: &Outcome, got: &Outcome) -> Result<(), String> {
    let same = match (&wanted.results, &got.results) {
        (Ok(wanted), Ok(got)) => wanted.len() == got.len() && wanted.iter().zip(got).all(|(a, b)| a.same(b)),
        (Err(wanted), Err(got)) => wanted == got,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    };
    if !same {
        return Err(format!("wanted {:?}\ngot    {:?}", wanted.results, got.results));
    }
    let same = wanted.output == got.output;
    if same { Ok(()) } else { Err(format!("wanted output {:?}\ngot {:?}", wanted.output, got.output)) }
}
