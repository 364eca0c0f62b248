//! Tests of the AD pass: the files under `tests/ad/`, one test each, IR text with a header.
//!
//! ```text
//! ; ad: @f(1.5, [1.0, 2.0]) wrt (0, 1) outs (0)   four opinions agree on the derivative of @f there, in both orders
//! ; adjoint: 2.0, [0.0, 1.0]                      and it is this, for seeds of one
//! ; ad: @f(0.0) kink                              differences say nothing there
//! ; ad: @f(1.0) first                             first order only
//! ; ad: @f(0.0) own                               dual numbers have another convention there
//! ; steps: 6                                      reverse mode takes at most so many times the primal's instructions
//! ; plan: @f                                      the sweep gets what it needs as the lines `; = keep %s` say
//! ; error: TEXT                                   a request in the file is refused, and says so
//! ; warning: floor                                a request in the file is served with this warning
//! ; check: TEXT, ; check-not: TEXT                occur in this order, do not occur in the module with derivatives
//! ```
//!
//! Without `wrt` and `outs` everything that has a tangent is marked.

use dprog_ad::differentiate;
use dprog_ad::rules::flow::{passes, without_derivative};
use dprog_ir::interp::{Val, literal};
use dprog_ir::parse::parse;
use dprog_ir::verify::verify_or_panic;
use dprog_ir::{BinaryOp, Function, Module, Op, Type, UnaryOp};
use dprog_tests::gradcheck::{self, Options, Outcome, close};
use dprog_tests::{corpus, smooth_ir};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fn main() {
    let args = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ad");
    let files = corpus::files(&root, "ir");
    assert!(!files.is_empty(), "no tests in tests/ad");
    let trial = |path: PathBuf| {
        let name = path.strip_prefix(&root).expect("a file of the folder").display().to_string();
        Trial::test(name, move || check(&path))
    };
    let random = (0..*RANDOM_MODULES / 50).map(|block| {
        Trial::test(format!("random/{:04}", block * 50), move || check_random(block * 50..(block + 1) * 50))
    });
    let table = Trial::test("every operation has a test of its rule", every_operation_has_a_test);
    libtest_mimic::run(&args, files.into_iter().map(trial).chain(random).chain([table]).collect()).exit();
}

/// A rule without a test of its own is a rule that nobody has looked at: each operation through which a derivative
/// passes has a file under `rules/` with its name, or occurs in one under `arrays/` or `nodes/`.
fn every_operation_has_a_test() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ad");
    let unary = UnaryOp::TABLE.iter().map(|(op, name)| (Op::Unary(*op), *name));
    let binary = BinaryOp::TABLE.iter().map(|(op, name)| (Op::Binary(*op), *name));
    let scalars = unary.chain(binary).filter(|(op, _)| passes(op, 0, 2) && without_derivative(op).is_none());
    for (_, name) in scalars.chain([(Op::Select, "select"), (Op::StopGrad, "stop_grad")]) {
        if !root.join("rules").join(format!("{name}.ir")).exists() {
            return Err(format!("`{name}` has no file under tests/ad/rules").into());
        }
    }
    let texts: Vec<String> =
        corpus::files(&root, "ir").into_iter().map(std::fs::read_to_string).collect::<Result<_, _>>()?;
    for name in STRUCTURED {
        let head = format!("= {name}");
        if !texts.iter().any(|text| text.contains("; ad: ") && text.contains(&head)) {
            return Err(format!("`{name}` is in no test under tests/ad").into());
        }
    }
    Ok(())
}

/// Operations on arrays, nodes and control through which a derivative passes, as they are written.
const STRUCTURED: &[&str] = &[
    "fill",
    "elements",
    "get",
    "set",
    "add_at",
    "slice",
    "set_slice",
    "add_slice",
    "push",
    "pop",
    "reshape",
    "map",
    "build",
    "reduce sum",
    "reduce max",
    "reduce min",
    "dot",
    "matmul",
    "matvec",
    "outer",
    "node_new",
    "node_get",
    "if",
    "switch",
    "for",
    "while",
    "call",
    "convert",
    "zeros_like",
    "add_tangent",
];

/// How many random modules are checked; `AD_RANDOM` asks for more.
static RANDOM_MODULES: LazyLock<u64> =
    LazyLock::new(|| std::env::var("AD_RANDOM").ok().and_then(|n| n.parse().ok()).unwrap_or(150));

fn check_random(seeds: std::ops::Range<u64>) -> Result<(), Failed> {
    for seed in seeds {
        let (module, func) = smooth_ir::module(seed);
        verify_or_panic(&module, "the generator");
        let array = Val::list([0.3, -0.7, 0.9].map(Val::F64).to_vec());
        let args = [Val::F64(0.4), Val::F64(-0.8), array, Val::I64(2)];
        let options = Options { smooth: false, tolerance: 1e-9, ..Options::default() };
        gradcheck::check(&module, func, &args, &options).map_err(|e| format!("seed {seed}: {e}\n{module}"))?;
    }
    Ok(())
}

fn check(path: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let module = parse(&text)?;
    let (mut checks, mut last): (u32, Option<Outcome>) = (0, None);
    for line in text.lines().filter_map(|line| line.strip_prefix("; ")) {
        if let Some(ad) = line.strip_prefix("ad: ") {
            last = Some(check_gradient(&module, ad).map_err(|e| format!("{ad}\n  {e}"))?);
            checks += 1;
        } else if let Some(wanted) = line.strip_prefix("adjoint: ") {
            check_adjoint(&module, last.as_ref().ok_or("`adjoint` before `ad`")?, wanted)?;
        } else if let Some(name) = line.strip_prefix("plan: @") {
            check_plan(&text, &module, name.trim())?;
            checks += 1;
        } else if let Some(factor) = line.strip_prefix("steps: ") {
            check_steps(last.as_ref().ok_or("`steps` before `ad`")?, factor)?;
        }
    }
    let said = check_said(&text, &module)?;
    if checks == 0 && !said { Err("the file checks nothing".into()) } else { Ok(()) }
}

/// `@f(ARGS) wrt (0) outs (0) first kink`
fn check_gradient(module: &Module, line: &str) -> Result<Outcome, String> {
    let (callee, rest) = line.split_once('(').ok_or("expected `@f(arguments)`")?;
    let name = callee.trim().trim_start_matches('@');
    let func = module.find_function(name).ok_or_else(|| format!("there is no function {name}"))?;
    let end = matching_paren(rest).ok_or("a parenthesis is not closed")?;
    let (args, words) = (&rest[..end], &rest[end + 1..]);
    let function: &Function = &module.funcs[func];
    let args = literal::read_all(module, &function.params, args)?;
    let options = Options {
        wrt: mask(words, "wrt", function.params.len())?,
        outs: mask(words, "outs", function.results.len())?,
        order: if words.contains("first") { 1 } else { 2 },
        duals: !words.contains("own"),
        smooth: !words.contains("kink"),
        ..Options::default()
    };
    gradcheck::check(module, func, &args, &options)
}

fn matching_paren(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
        None
    })
}

fn mask(words: &str, key: &str, count: usize) -> Result<Option<Vec<bool>>, String> {
    let Some((_, rest)) = words.split_once(key) else { return Ok(None) };
    let inner = rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or("expected `(0, 1)`")?.0;
    let mut mask = vec![false; count];
    for number in inner.split(',') {
        let k: usize = number.trim().parse().map_err(|_| format!("{number} is no number"))?;
        *mask.get_mut(k).ok_or("a number beyond the last")? = true;
    }
    Ok(Some(mask))
}

fn check_adjoint(module: &Module, outcome: &Outcome, wanted: &str) -> Result<(), Failed> {
    let func = &outcome.module.funcs[outcome.vjp];
    let types: Vec<Type> = func.results[func.results.len() - outcome.adjoint.len()..].to_vec();
    let wanted: Vec<Val> = literal::read_all(&outcome.module, &types, wanted)?;
    let same = outcome.adjoint.iter().zip(&wanted).all(|(a, b)| close(a, b, 1e-13));
    let text = |v: &Val| literal::text(module, v);
    if same {
        Ok(())
    } else {
        Err(format!("the adjoint is {:?}", outcome.adjoint.iter().map(text).collect::<Vec<_>>()).into())
    }
}

/// The lines `; = …` are the plan, but for what is in scope anyway.
fn check_plan(text: &str, module: &Module, name: &str) -> Result<(), Failed> {
    let mut module = module.clone();
    let func = module.find_function(name).ok_or_else(|| format!("there is no function {name}"))?;
    let has_tangent = |module: &mut Module, types: &[Type]| -> Vec<bool> {
        types.iter().map(|ty| module.tangent(*ty).is_some()).collect()
    };
    let Function { params, results, .. } = module.funcs[func].clone();
    let (wrt, outs) = (has_tangent(&mut module, &params), has_tangent(&mut module, &results));
    let plan = dprog_ad::plan_text(&mut module, func, &wrt, &outs);
    let planned: Vec<&str> = plan.lines().filter(|line| !line.starts_with("direct")).collect();
    let wanted: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("; = ")).collect();
    if planned == wanted { Ok(()) } else { Err(format!("the plan is {planned:#?}").into()) }
}

fn check_steps(outcome: &Outcome, factor: &str) -> Result<(), Failed> {
    let factor: u64 = factor.trim().parse()?;
    let (primal, reverse) = outcome.steps;
    if reverse <= factor * primal { Ok(()) } else { Err(format!("primal {primal} steps, reverse {reverse}").into()) }
}

/// What the file's own requests are answered with; whether the file asks anything.
fn check_said(text: &str, module: &Module) -> Result<bool, Failed> {
    let mut served = module.clone();
    let outcome = differentiate(&mut served);
    let said: Vec<String> = match &outcome {
        Ok(report) => report.warnings.iter().map(|w| format!("warning: {} at {}", w.operation, w.loc.0)).collect(),
        Err(errors) => errors
            .iter()
            .map(|e| {
                let calls: String = e.calls.iter().map(|loc| format!(" from {}", loc.0)).collect();
                format!("error: {} at {}{calls}", e.reason.describe(), e.loc.0)
            })
            .collect(),
    };
    let wanted: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("; "))
        .filter(|line| line.starts_with("error: ") || line.starts_with("warning: "))
        .collect();
    if said != wanted {
        return Err(format!("said: {said:?}\nwanted: {wanted:?}").into());
    }
    check_lines(text, &served.to_string())?;
    Ok(!wanted.is_empty() || text.contains("; check"))
}

fn check_lines(text: &str, printed: &str) -> Result<(), Failed> {
    let mut rest = printed;
    for line in text.lines() {
        if let Some(wanted) = line.strip_prefix("; check: ") {
            let at = rest.find(wanted).ok_or_else(|| format!("`{wanted}` does not follow in:\n{printed}"))?;
            rest = &rest[at + wanted.len()..];
        } else if let Some(unwanted) = line.strip_prefix("; check-not: ")
            && printed.contains(unwanted)
        {
            return Err(format!("`{unwanted}` occurs in:\n{printed}").into());
        }
    }
    Ok(())
}
