//! The interpreter on the calls that a file asks for.
//!
//! ```text
//! ; run: @f(1.5, [1, 2]) = 2.25, true        results, to the bit
//! ; run: @f(1.5, [1, 2]) ~ 2.25, true        results, floats to 1e-13 relative
//! ; run: @f(7) traps: index 7 is out of bounds for size 3 at 12 4
//! ; writes: "text\n"                         what the call above wrote
//! ```
//!
//! `at` gives the numbers of the locations, innermost first. Before a call the module is verified.

use dprog_ir::interp::{CapturedHost, Interp, Limits, Trap, Val, literal};
use dprog_ir::parse::parse;
use dprog_ir::verify::verify;
use dprog_ir::{FuncId, Module};
use libtest_mimic::Failed;

/// Enough for every test, and few enough to end soon.
const LIMITS: Limits = Limits { depth: 200_000, memory: 256 << 20, steps: 5_000_000, nesting: 20 };

pub fn check(text: &str) -> Result<(), Failed> {
    let module = parse(text)?;
    verify(&module).map_err(|errors| errors.iter().map(|e| format!("{e}\n")).collect::<String>())?;
    let (mut runs, mut written) = (0, String::new());
    for line in text.lines() {
        if let Some(run) = line.strip_prefix("; run: ") {
            written = check_run(&module, run).map_err(|e| format!("{run}\n  {e}"))?;
            runs += 1;
        } else if let Some(wanted) = line.strip_prefix("; writes: ") {
            let wanted = literal::read_all(&module, &[dprog_ir::Type::STR], wanted)?;
            if wanted[0].as_str() != written {
                return Err(format!("wrote {written:?}").into());
            }
        }
    }
    if runs == 0 { Err("this file runs nothing".into()) } else { Ok(()) }
}

/// Runs one call and compares; gives what it wrote.
fn check_run(module: &Module, run: &str) -> Result<String, String> {
    let (callee, rest) = run.split_once('(').ok_or("expected `@f(arguments) = results`")?;
    let name = callee.trim().strip_prefix('@').ok_or("expected `@f`")?.trim_matches('"');
    let func = module.find_function(name).ok_or_else(|| format!("there is no function {name}"))?;
    let marks = [(") = ", false), (") ~ ", false), (") traps: ", true)];
    let found = marks.iter().filter_map(|(mark, traps)| rest.find(mark).map(|at| (at, *mark, *traps))).min();
    let (at, mark, traps) = found.ok_or("expected `=`, `~` or `traps:`")?;
    let (args, wanted) = (&rest[..at], rest[at + mark.len()..].trim());
    let mut host = CapturedHost::default();
    let args = literal::read_all(module, &module.funcs[func].params, args)?;
    let outcome = Interp::new(module, LIMITS, &mut host).call(func, &args);
    match outcome {
        Err(trap) if traps => compare_trap(&trap, wanted)?,
        Err(trap) => return Err(format!("it traps: {} at {:?}", trap.describe(), trap.chain)),
        Ok(results) if traps => return Err(format!("it gives {}", text(module, &results))),
        Ok(results) => compare(module, func, &results, wanted, mark.contains('~'))?,
    }
    Ok(host.out + &host.err)
}

fn text(module: &Module, values: &[Val]) -> String {
    values.iter().map(|v| literal::text(module, v)).collect::<Vec<_>>().join(", ")
}

fn compare_trap(trap: &Trap, wanted: &str) -> Result<(), String> {
    let places: Vec<String> = trap.chain.iter().map(|loc| loc.0.to_string()).collect();
    let found = format!("{} at {}", trap.describe(), places.join(" "));
    let matches = if wanted.contains(" at ") { found == wanted } else { trap.describe() == wanted };
    if matches { Ok(()) } else { Err(format!("it traps: {found}")) }
}

fn compare(module: &Module, func: FuncId, results: &[Val], wanted: &str, nearly: bool) -> Result<(), String> {
    let wanted = literal::read_all(module, &module.funcs[func].results, wanted)?;
    let same = results.iter().zip(&wanted).all(|(a, b)| if nearly { close(module, a, b) } else { a.same(b) });
    if same { Ok(()) } else { Err(format!("it gives {}", text(module, results))) }
}

/// Floats close, all else equal.
fn close(module: &Module, a: &Val, b: &Val) -> bool {
    match (a, b) {
        (Val::F64(a), Val::F64(b)) => near(*a, *b, 1e-13),
        (Val::F32(a), Val::F32(b)) => near(*a as f64, *b as f64, 1e-6),
        (Val::Array(a), Val::Array(b)) => {
            a.dims == b.dims && a.items().iter().zip(b.items()).all(|(a, b)| close(module, a, b))
        }
        (Val::Node(a), Val::Node(b)) => {
            a.case == b.case && a.fields().iter().zip(b.fields()).all(|(a, b)| close(module, a, b))
        }
        (a, b) => a.same(b),
    }
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * a.abs().max(b.abs())
}
