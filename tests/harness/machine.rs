//! Interpreter and machine agree: every call of `tests/ir/run/` goes through the interpreter and through compiled code at
//! -O0 and -O2. Results are equal to the bit, traps have the same text and places, the same is written, and when all is
//! released no memory is left. So do random modules, and gradients of random modules; `MACHINE_SEEDS=10000` tries more than
//! usual.

use dprog_codegen::{Compiled, Context, Jit, Limits, OptLevel, Options, Output, Stop};
use dprog_ir::interp::{CapturedHost, Interp, Limits as InterpLimits, Val, literal};
use dprog_ir::transform::{ownership, pipeline};
use dprog_ir::{Derivative, DerivativeMode, FuncId, Module, SrcLoc, TrapCode};
use dprog_tests::generate::random::Random;
use dprog_tests::{arguments, randir, smooth_ir};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;

const MEMORY: usize = 256 << 20;
const LIMITS: InterpLimits = InterpLimits { depth: 200_000, memory: MEMORY, steps: 5_000_000, nesting: 20 };

fn main() {
    let args = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ir/run");
    let mut paths: Vec<_> = std::fs::read_dir(root).expect("the folder exists").flatten().map(|e| e.path()).collect();
    paths.sort();
    let trial = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("a file").to_string_lossy().to_string();
        Trial::test(name, move || check(&std::fs::read_to_string(&path)?))
    };
    let seeds: u64 = std::env::var("MACHINE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(100);
    let random = (0..seeds.div_ceil(25)).map(|chunk| {
        Trial::test(format!("random/{}", chunk * 25), move || {
            (chunk * 25..(chunk + 1) * 25).try_for_each(|seed| {
                check_random(seed).and_then(|()| check_gradient(seed)).map_err(|e| format!("seed {seed}: {e}").into())
            })
        })
    });
    libtest_mimic::run(&args, paths.into_iter().map(trial).chain(random).collect()).exit();
}

/// A module as the tests of the optimizer have them: values of all kinds, branches and loops, traps, output.
fn check_random(seed: u64) -> Result<(), String> {
    let (module, entry) = randir::module(seed);
    let mut random = Random::new(seed);
    let calls: Vec<(FuncId, Vec<Val>)> =
        (0..4).map(|_| (entry, arguments::arguments(&module, entry, &mut random))).collect();
    agree(&module, &calls)
}

/// A module as the tests of the AD pass have them, with its gradient and the gradient's own.
fn check_gradient(seed: u64) -> Result<(), String> {
    let (mut module, primal) = smooth_ir::module(seed);
    let (wrt, outs) = (vec![true, true, true, false], vec![true, true]);
    let request = Derivative { mode: DerivativeMode::Vjp, primal, wrt, outs };
    let gradient = module.add_derivative("gradient", request);
    dprog_ad::differentiate(&mut module).map_err(|errors| format!("{errors:?}"))?;
    let array = |x: f64| Val::list(vec![Val::F64(x), Val::F64(-0.4), Val::F64(1.25)]);
    let args = vec![Val::F64(0.4), Val::F64(-0.8), array(0.7), Val::I64(2)];
    let seeds = vec![Val::F64(1.0), array(0.3)];
    agree(&module, &[(primal, args.clone()), (gradient, [args, seeds].concat())])
}

fn agree(module: &Module, calls: &[(FuncId, Vec<Val>)]) -> Result<(), String> {
    let wanted: Vec<Outcome> = calls.iter().map(|(f, args)| interpret(module, *f, args)).collect();
    for level in [pipeline::OptLevel::O0, pipeline::OptLevel::O2] {
        let program = Program::new(module.clone(), level)?;
        for ((f, args), wanted) in calls.iter().zip(&wanted) {
            if matches!(&wanted.result, Err((TrapCode::Cancelled, ..))) {
                continue;
            }
            let text = |e: String| format!("{level:?} {args:?}\n  {e}\nbefore:\n{module}\nafter:\n{}", program.module);
            let found = program.run(*f, args, false).map_err(text)?;
            compare(module, wanted, &found).map_err(text)?;
        }
    }
    Ok(())
}

/// A position, and the function in which it stands.
type Place = (u64, String);

/// What a call came to, in a form that can be compared.
#[derive(Debug)]
struct Outcome {
    result: Result<Vec<Val>, (TrapCode, String, Vec<Place>)>,
    written: String,
}

fn check(text: &str) -> Result<(), Failed> {
    let mut module = dprog_ir::parse::parse(text)?;
    let calls: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("; run: ")).collect();
    dprog_ad::differentiate(&mut module).map_err(|errors| format!("{errors:?}"))?;
    let parsed: Vec<_> = calls.iter().map(|call| parts(&module, call)).collect::<Result<_, _>>()?;
    let wanted: Vec<Outcome> = parsed.iter().map(|(f, args)| interpret(&module, *f, args)).collect();
    for level in [pipeline::OptLevel::O0, pipeline::OptLevel::O2] {
        let program = Program::new(module.clone(), level)?;
        for (((func, args), call), wanted) in parsed.iter().zip(&calls).zip(&wanted) {
            let endless = matches!(&wanted.result, Err((TrapCode::Cancelled, ..)));
            let found = program.run(*func, args, endless)?;
            // The optimizer may remove a loop that has no effect, also one without end.
            if endless && found.result.is_ok() {
                continue;
            }
            compare(&program.module, wanted, &found).map_err(|e| format!("{level:?} {call}\n  {e}"))?;
        }
    }
    Ok(())
}

/// The function of a call, and its arguments as text.
fn parts<'t>(module: &Module, call: &'t str) -> Result<(FuncId, Vec<Val>), String> {
    let (callee, rest) = call.split_once('(').ok_or("expected a call")?;
    let name = callee.trim().trim_start_matches('@').trim_matches('"');
    let func = module.find_function(name).ok_or("no such function")?;
    let end = [") = ", ") ~ ", ") traps: "].iter().filter_map(|mark| rest.find(mark)).min().ok_or("expected `)`")?;
    Ok((func, literal::read_all(module, &module.funcs[func].params, &rest[..end])?))
}

/// With the calls that were inlined, so that it is the same at every level.
fn places(module: &Module, trace: &[SrcLoc]) -> Vec<Place> {
    let chain = trace.iter().flat_map(|loc| module.locations.chain(*loc));
    chain.map(|place| (place.position, place.function.to_string())).collect()
}

fn interpret(module: &Module, func: FuncId, args: &[Val]) -> Outcome {
    let mut host = CapturedHost::default();
    let result = Interp::new(module, LIMITS, &mut host).call(func, args);
    let result = result.map_err(|trap| (trap.code, trap.describe(), places(module, &trap.chain)));
    Outcome { result, written: host.out + &host.err }
}

struct Program {
    module: Module,
    compiled: Compiled,
}

impl Program {
    fn new(mut module: Module, level: pipeline::OptLevel) -> Result<Program, String> {
        let entries: Vec<FuncId> = module.funcs.keys().collect();
        pipeline::optimize(&mut module, level, &entries);
        let ownership = ownership::run(&mut module, &entries);
        let opt_level = if level == pipeline::OptLevel::O0 { OptLevel::None } else { OptLevel::Speed };
        let compiled =
            Jit::compile(&module, &ownership, &entries, &Options { opt_level, verify: true, ..Options::default() });
        let compiled = compiled.map_err(|e| format!("{e}\n{module}"))?;
        Ok(Program { module, compiled })
    }

    /// `endless`: the interpreter gave up; the machine is stopped from another thread.
    fn run(&self, func: FuncId, args: &[Val], endless: bool) -> Result<Outcome, String> {
        let mut ctx = Context::new(Limits { depth: LIMITS.depth as i64, memory: MEMORY });
        ctx.host.out = Output::captured();
        if endless {
            let cancel = ctx.cancel_handle();
            std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(20));
                cancel.store(true, std::sync::atomic::Ordering::Relaxed);
            });
        }
        let result = match self.compiled.call(&mut ctx, func, args) {
            Ok(values) => Ok(values),
            Err(Stop::Trap(trap)) => Err((trap.code, trap.describe(), places(&self.module, &trap.trace))),
            Err(Stop::Exit(_)) => Err((TrapCode::Cancelled, TrapCode::Cancelled.describe(0, 0, ""), Vec::new())),
        };
        let (out, err) = ctx.host.out.take_captured();
        match ctx.heap.live_bytes() {
            0 => Ok(Outcome { result, written: String::from_utf8_lossy(&[out, err].concat()).to_string() }),
            bytes => Err(format!("{bytes} bytes are left")),
        }
    }
}

fn compare(module: &Module, wanted: &Outcome, found: &Outcome) -> Result<(), String> {
    let text = |values: &[Val]| values.iter().map(|v| literal::text(module, v)).collect::<Vec<_>>().join(", ");
    match (&wanted.result, &found.result) {
        (Ok(a), Ok(b)) if a.iter().zip(b).all(|(a, b)| a.same(b)) => {}
        (Ok(a), Ok(b)) => return Err(format!("gives {} instead of {}", text(b), text(a))),
        (Err(a), Err(b)) if a == b => {}
        (Err(a), Err(b)) => return Err(format!("traps with {b:?} instead of {a:?}")),
        (Ok(a), Err(b)) => return Err(format!("traps with {b:?} instead of giving {}", text(a))),
        (Err(a), Ok(b)) => return Err(format!("gives {} instead of trapping with {a:?}", text(b))),
    }
    if wanted.written == found.written { Ok(()) } else { Err(format!("writes {:?}", found.written)) }
}
