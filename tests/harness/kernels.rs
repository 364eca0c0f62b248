//! Kernels have the bits of their loops: random loops over arrays, run by the interpreter and by machine code with vectors
//! and without, for every number of trips from 0 to 40, with numbers that are not a number, infinite, or zeros of either sign among
//! the elements, and with arrays that are too short, so that an access in the middle of the loop traps. `KERNEL_SEEDS=1000`
//! tries more than usual. The files of `tests/ir/kernel/` say what becomes of their loops.

use dprog_codegen::{Compiled, Context, Fp, Jit, Limits, Options, Output, Simd, Stop};
use dprog_ir::analysis::definitions::Definitions;
use dprog_ir::interp::{CapturedHost, Interp, Limits as InterpLimits, Val, literal};
use dprog_ir::kernel::{Loop, explain_loops, recognise};
use dprog_ir::transform::ownership;
use dprog_ir::{FuncId, Module, Op, SrcLoc, TrapCode, Value, walk};
use dprog_tests::corpus;
use dprog_tests::generate::random::Random;
use libtest_mimic::{Arguments, Failed, Trial};
use std::fmt::Write;
use std::path::Path;

#[path = "kernels/contracted.rs"]
mod contracted;

use contracted::{added, contracted};

fn main() {
    let args = Arguments::from_args();
    let seeds: u64 = std::env::var("KERNEL_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let chunk = |first: u64| {
        Trial::test(format!("random/{first}"), move || {
            let mut kernels = 0;
            for seed in first..first + 10 {
                kernels += check(seed).map_err(|e| format!("seed {seed}: {e}"))?;
            }
            if kernels < 4 { Err(format!("only {kernels} of ten loops are kernels").into()) } else { Ok(()) }
        })
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ir/kernel");
    let files = corpus::files(&root, "ir");
    assert!(!files.is_empty(), "no tests in tests/ir/kernel");
    let explained = files.into_iter().map(|path| {
        let name = path.file_stem().expect("a file").to_string_lossy().to_string();
        Trial::test(format!("explained/{name}"), move || explained(&std::fs::read_to_string(&path)?))
    });
    let random = (0..seeds.div_ceil(10)).map(|n| chunk(10 * n));
    let stopped = WIDTHS.into_iter().map(|(simd, name)| Trial::test(format!("stopped/{name}"), move || stopped(simd)));
    let vectors = WIDTHS.into_iter().filter(|(simd, _)| *simd != Simd::Off);
    let added = vectors.clone().map(|(simd, name)| Trial::test(format!("added/{name}"), move || added(simd)));
    let contracted = vectors.flat_map(|(simd, name)| {
        [("f64", false), ("f32", true)]
            .map(|(float, single)| Trial::test(format!("contracted/{float}/{name}"), move || contracted(simd, single)))
    });
    libtest_mimic::run(&args, explained.chain(random).chain(stopped).chain(added).chain(contracted).collect()).exit();
}

/// A kernel that would run for days.
const LONG: &str = "func @f(%n: i64, %x: [f64]) -> ([f64]) {
%zero = const 0 : i64
%r = map (%p = %x) {
%s = for %h in %zero..%n carry (%t = %p) {
%u = mul %t, 0.5
%v = add %u, 1.0
yield %v
}
yield %s
}
yield %r
}
";

/// Another thread stops it.
fn stopped(simd: Simd) -> Result<(), Failed> {
    let mut module = dprog_ir::parse::parse(LONG)?;
    let func = module.find_function("f").expect("it is there");
    let ownership = ownership::run(&mut module, &[func]);
    if !has_kernel_of(&module, func, |op| *op == Op::Map) {
        return Err("the loop is no kernel".into());
    }
    let compiled = Jit::compile(&module, &ownership, &[func], &Options { simd, ..Options::default() })?;
    let mut ctx = Context::new(Limits { depth: 1000, memory: MEMORY });
    let cancel = ctx.cancel_handle();
    let other = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        cancel.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let args = [Val::I64(1 << 50), Val::list(vec![Val::F64(1.0); 64])];
    let result = compiled.call(&mut ctx, func, &args);
    other.join().expect("it ends");
    match result {
        Err(Stop::Trap(trap)) if trap.code == TrapCode::Cancelled && ctx.heap.live_bytes() == 0 => Ok(()),
        _ => Err("it was not stopped".into()),
    }
}

/// The file says of each innermost loop, `; loop: 4 trips at once`, or the reason why it has none.
fn explained(text: &str) -> Result<(), Failed> {
    let mut module = dprog_ir::parse::parse(text)?;
    let entries: Vec<FuncId> = module.funcs.keys().collect();
    ownership::run(&mut module, &entries);
    let reports = entries.iter().flat_map(|id| explain_loops(&module, *id));
    let found: Vec<String> = reports
        .map(|report| match report.verdict {
            Ok(kernel) if kernel.tiles.is_empty() => format!("{} trips at once", kernel.cost.lanes()),
            Ok(kernel) => format!("{} trips at once, {} packed", kernel.cost.lanes(), kernel.tiles.len()),
            Err(refusal) => refusal.reason.to_string(),
        })
        .collect();
    let wanted: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("; loop: ")).collect();
    if found == wanted { Ok(()) } else { Err(format!("found {found:?}").into()) }
}

/// A machine without the wider vectors takes the widest that it has, so what it lacks is another run of that.
const WIDTHS: [(Simd, &str); 4] =
    [(Simd::Off, "scalars"), (Simd::Bits128, "128 bits"), (Simd::Bits256, "256 bits"), (Simd::Bits512, "512 bits")];

/// Whether the loop is a kernel, if all agree.
fn check(seed: u64) -> Result<usize, String> {
    let floats = Floats::of(seed);
    let text = floats.rewritten(&Writer::program(seed));
    let mut module = dprog_ir::parse::parse(&text).map_err(|e| format!("{e}\n{text}"))?;
    dprog_ir::verify::verify_or_panic(&module, "a random kernel");
    let plain = module.clone();
    let func = module.find_function("f").expect("it is there");
    let ownership = ownership::run(&mut module, &[func]);
    let is_kernel = has_kernel(&module, func);
    let code = |simd: Simd| {
        let options = Options { simd, verify: true, ..Options::default() };
        Jit::compile(&module, &ownership, &[func], &options).map_err(|e| format!("{e}\n{text}"))
    };
    let forms = WIDTHS.map(|(simd, name)| code(simd).map(|compiled| (name, compiled)));
    let forms = forms.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut random = Random::new(seed ^ 0x5eed);
    for trips in 0..=40 {
        let args = arguments(trips, (floats, text.contains("%y: [f32]")), &mut random);
        let wanted = interpret(&plain, func, &args);
        for (kind, compiled) in &forms {
            let found = run(compiled, func, &args);
            if !same(&wanted, &found) {
                let show = |o: &Outcome| match o {
                    Ok(values) => values.iter().map(|v| literal::text(&module, v)).collect::<Vec<_>>().join(", "),
                    Err(trap) => format!("{trap:?}"),
                };
                return Err(format!("{trips} trips, {kind}: {}\ninstead of {}\n{text}", show(&found), show(&wanted)));
            }
        }
    }
    Ok(is_kernel as usize)
}

fn has_kernel(module: &Module, func: FuncId) -> bool {
    has_kernel_of(module, func, |op| matches!(op, Op::For | Op::Map | Op::Build))
}

fn has_kernel_of(module: &Module, func: FuncId, is_wanted: impl Fn(&Op) -> bool) -> bool {
    let f = &module.funcs[func];
    let definitions = Definitions::of_function(f);
    let definition = |v: Value| definitions.inst(f, v);
    let loops = walk::insts(f).into_iter().filter(|i| is_wanted(&f.insts[*i].op));
    loops.into_iter().any(|inst| {
        recognise(&Loop { func: f, inst, definition: &definition, fold: None, any_order: false, packs: true }).is_ok()
    })
}

// ---- running ----

type Outcome = Result<Vec<Val>, (TrapCode, String, Vec<u64>)>;

const MEMORY: usize = 64 << 20;

fn places(trace: &[SrcLoc]) -> Vec<u64> {
    trace.iter().map(|loc| loc.0 as u64).collect()
}

fn interpret(module: &Module, func: FuncId, args: &[Val]) -> Outcome {
    let mut host = CapturedHost::default();
    let limits = InterpLimits { depth: 1000, memory: MEMORY, steps: 5_000_000, nesting: 20 };
    let result = Interp::new(module, limits, &mut host).call(func, args);
    result.map_err(|trap| (trap.code, trap.describe(), places(&trap.chain)))
}

fn run(code: &Compiled, func: FuncId, args: &[Val]) -> Outcome {
    let mut ctx = Context::new(Limits { depth: 1000, memory: MEMORY });
    ctx.host.out = Output::captured();
    code.call(&mut ctx, func, args).map_err(|stop| match stop {
        Stop::Trap(trap) => (trap.code, trap.describe(), places(&trap.trace)),
        Stop::Exit(_) => unreachable!("nothing exits"),
    })
}

fn same(a: &Outcome, b: &Outcome) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => a.iter().zip(b).all(|(a, b)| a.same(b)),
        (Err(a), Err(b)) => a == b,
        _ => false,
    }
}

fn number(random: &mut Random) -> f64 {
    const SPECIAL: [f64; 8] = [0.0, -0.0, f64::NAN, f64::INFINITY, -1.0, 1.0, 1e-310, 3e5];
    if random.below(12) == 0 {
        return SPECIAL[random.below(SPECIAL.len())];
    }
    (random.below(4001) as f64 - 2000.0) / 512.0
}

fn floats(count: usize, single: bool, random: &mut Random) -> Val {
    Val::list((0..count).map(|_| float(single, random)).collect())
}

fn float(single: bool, random: &mut Random) -> Val {
    let x = number(random);
    if single { Val::F32(x as f32) } else { Val::F64(x) }
}

/// Which floats a program has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Floats {
    Double,
    Single,
    /// `x` and, where it is updated, `y` are arrays of f32, and some operations are done with f32.
    Mixed,
}

impl Floats {
    /// Each kind of loop with each.
    fn of(seed: u64) -> Floats {
        [Floats::Double, Floats::Single, Floats::Mixed][(seed / 10 % 3) as usize]
    }

    /// The program with these floats instead of f64.
    fn rewritten(self, text: &str) -> String {
        match self {
            Floats::Double => text.to_string(),
            Floats::Single => text.replace("f64", "f32"),
            Floats::Mixed => text.lines().map(mixed).collect(),
        }
    }

    fn are_single(self, updated: bool) -> [bool; 3] {
        [self != Floats::Double, self == Floats::Single || (self == Floats::Mixed && updated), self == Floats::Single]
    }
}

/// The lines that do the same with some floats as f32.
fn mixed(line: &str) -> String {
    let Some((name, rest)) = line.split_once(" = ") else { return format!("{}\n", mixed_head(line)) };
    let (op, args) = rest.split_once(' ').unwrap_or((rest, ""));
    let is = |prefixes: &[&str]| prefixes.iter().any(|p| rest.starts_with(p));
    if is(&["get %x[", "get %y"]) {
        return format!("{name}.s = {rest}\n{name} = convert {name}.s to f64\n");
    }
    let in_matrix = args.split(']').next().is_some_and(|place| place.contains(','));
    if is(&["set %y", "add_at %y"]) || (op == "add_at" && args.starts_with("%v") && !in_matrix) {
        let (to, value) = rest.split_once("], ").expect("an element and a value");
        let (value, place) = value.split_once(' ').unwrap_or((value, ""));
        return format!("{name}.s = convert {value} to f32\n{name} = {to}], {name}.s {place}\n");
    }
    if is(&["map ("]) {
        let head = line.replace("(%p = %x, %q = %x)", "(%p.s = %x, %q.s = %x)");
        return format!("{head}\n%p = convert %p.s to f64\n%q = convert %q.s to f64\n");
    }
    let number: usize = name.strip_prefix("%v").and_then(|n| n.parse().ok()).unwrap_or(1);
    let of_floats = UNARY.contains(&op) || (BINARY.contains(&op) && !INTEGER.contains(&op)) || op == "select";
    if number % 3 != 0 || !of_floats {
        return format!("{}\n", mixed_head(line));
    }
    let args = args.split(" !loc").next().expect("operands");
    let (mut lines, mut operands) = (String::new(), Vec::new());
    for (k, arg) in args.split(", ").enumerate() {
        if op == "select" && k == 0 {
            operands.push(arg.to_string());
            continue;
        }
        let _ = writeln!(lines, "{name}.{k} = convert {arg} to f32");
        operands.push(format!("{name}.{k}"));
    }
    format!("{lines}{name}.r = {op} {}\n{name} = convert {name}.r to f64\n", operands.join(", "))
}

fn mixed_head(line: &str) -> String {
    let line = line.replace("%x: [f64]", "%x: [f32]");
    if line.contains("-> ([f64], f64, [f64") || line.contains("-> ([f64], [f64^2])") {
        return line.replace("%y: [f64]", "%y: [f32]").replace("-> ([f64]", "-> ([f32]");
    }
    line
}

/// Integers: mostly indices of `x`, all or all but a few; else any.
fn indices(trips: usize, random: &mut Random) -> Val {
    let kind = random.below(4);
    let one = |random: &mut Random| match kind {
        0 => random.below(100) as i64 - 50,
        1 if random.below(30) == 0 => -1,
        _ => random.below(trips.max(1)) as i64,
    };
    Val::list((0..trips + 3).map(|_| Val::I64(one(random))).collect())
}

/// `(n, x, y, m, w, a, b)`; now and then an array is too short.
fn arguments(trips: usize, (kind, updated): (Floats, bool), random: &mut Random) -> Vec<Val> {
    let [of_x, of_y, others] = kind.are_single(updated);
    let mut length = || if random.below(8) == 0 { trips } else { trips + 3 };
    let (x, y, rows) = (length(), length(), length());
    let matrix = (0..rows * 5).map(|_| float(others, random)).collect();
    vec![
        Val::I64(trips as i64),
        floats(x, of_x, random),
        floats(y, of_y, random),
        Val::array(&[rows, 5], matrix),
        indices(trips, random),
        float(others, random),
        float(others, random),
    ]
}

// ---- writing ----

/// Writes a random loop, and what its trips know: names of floats, integers and bools.
struct Writer {
    random: Random,
    text: String,
    next: usize,
    floats: Vec<String>,
    ints: Vec<String>,
    bools: Vec<String>,
}

const UNARY: [&str; 14] =
    ["neg", "abs", "sqrt", "sign", "exp", "log", "sin", "tanh", "sigmoid", "floor", "round", "expm1", "log1p", "erf"];
const BINARY: [&str; 9] = ["add", "sub", "mul", "div", "min", "max", "copysign", "hypot", "pow"];
const INTEGER: [&str; 7] = ["add", "sub", "mul", "min", "max", "and", "xor"];
const COMPARE: [&str; 6] = ["eq", "ne", "lt", "le", "gt", "ge"];

impl Writer {
    fn program(seed: u64) -> String {
        let mut w = Writer {
            random: Random::new(seed),
            text: String::new(),
            next: 0,
            floats: vec!["%a".into(), "%b".into()],
            ints: Vec::new(),
            bools: Vec::new(),
        };
        for k in 1..80 {
            let _ = writeln!(w.text, "location {k} = {k} in \"f\"");
        }
        match seed % 13 {
            0 => w.map(),
            1 => w.build(),
            2 => w.folds(),
            3 => w.extremes(),
            4 => w.stencil(),
            5 => w.shifted(),
            6 => w.branches(),
            7 => w.gathered(),
            8 => w.parts(),
            9 => w.packed(),
            10 => w.pairs(),
            11 => w.handed_on(),
            _ => w.counted(),
        }
        w.text
    }

    fn name(&mut self) -> String {
        self.next += 1;
        format!("%v{}", self.next)
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.random.below(from.len())]
    }

    fn float(&mut self) -> String {
        self.floats[self.random.below(self.floats.len())].clone()
    }

    fn int(&mut self) -> String {
        self.ints[self.random.below(self.ints.len())].clone()
    }

    /// An instruction with a place of its own.
    fn line(&mut self, rest: &str) -> String {
        let name = self.name();
        let _ = writeln!(self.text, "{name} = {rest} !loc {}", self.next.min(79));
        name
    }

    fn float_line(&mut self, rest: &str) {
        let name = self.line(rest);
        self.floats.push(name);
    }

    fn map(&mut self) {
        self.text +=
            "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64], [f64]) {\n";
        self.text += "%r, %s = map (%p = %x, %q = %x) {\n";
        self.floats.extend(["%p".into(), "%q".into()]);
        let (u, v) = (self.body(6, false), self.float());
        let _ = writeln!(self.text, "yield {u}, {v}\n}}\nyield %r, %s\n}}");
    }

    fn build(&mut self) {
        self.text +=
            "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64^2]) {\n";
        self.text += "%three = const 3 : i64\n%r = build (%j < %three, %i < %n) {\n";
        self.ints.extend(["%i".into(), "%j".into()]);
        let u = self.body(8, true);
        let _ = writeln!(self.text, "yield {u}\n}}\nyield %r\n}}");
    }

    /// Reductions of what is made for them, and of an array that stands.
    fn folds(&mut self) {
        self.text +=
            "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> (f64, f64, f64) {\n";
        self.text += "%r = map (%p = %x, %q = %x) {\n";
        self.floats.extend(["%p".into(), "%q".into()]);
        let first = self.body(3, false);
        let kinds = [(); 3].map(|()| self.pick(&["sum", "max", "min"]));
        let _ = writeln!(self.text, "yield {first}\n}}\n%s = reduce {} %r !loc 71\n%t = build (%i < %n) {{", kinds[0]);
        self.floats = vec!["%a".into(), "%b".into()];
        self.bools.clear();
        self.ints.push("%i".into());
        let second = self.body(4, true);
        let _ = writeln!(self.text, "yield {second}\n}}\n%u = reduce {} %t !loc 72", kinds[1]);
        let _ = writeln!(self.text, "%z = reduce {} %y !loc 73\nyield %s, %u, %z\n}}", kinds[2]);
    }

    /// Elements at indices from memory, and what is known on one side of two branches.
    fn gathered(&mut self) {
        self.text +=
            "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64], [f64^2]) {\n";
        self.text += "%zero = const 0 : i64\n%r, %t = for %i in %zero..%n carry (%y1 = %y, %m1 = %m) {\n";
        self.text += "%gk = get %w[%i] !loc 70\n%ge = get %x[%gk] !loc 71\n";
        self.ints.push("%i".into());
        self.floats.push("%ge".into());
        if self.random.below(2) == 0 {
            self.text += "%gi = add %i, 1\n%gl = get %w[%gi] !loc 72\n%gf = get %x[%gl] !loc 73\n";
            self.floats.push("%gf".into());
        }
        let (v, w) = (self.body(4, true), self.float());
        let (op, known, ints) = (self.pick(&COMPARE), self.floats.len(), self.ints.len());
        let cond = self.line(&format!("{op} {v}, %ge"));
        let _ = writeln!(self.text, "%pp, %qq = if {cond} {{");
        (0..2).for_each(|_| self.instruction(true));
        let u = self.floats.last().cloned().expect("there are floats");
        let _ =
            writeln!(self.text, "%sn = sin {w}\nyield {u}, %sn\n}} else {{\n%none = undef : f64\nyield {v}, %none\n}}");
        self.floats.truncate(known);
        self.ints.truncate(ints);
        self.bools.clear();
        let _ = writeln!(self.text, "%hh = if {cond} {{\n%hm = mul %qq, %pp\nyield %hm\n}} else {{\nyield {w}\n}}");
        let kind = if self.random.below(2) == 0 { "set" } else { "add_at" };
        let _ = writeln!(self.text, "%y2 = set %y1[%i], %hh !loc 74\n%m2 = {kind} %m1[%i, 3], %pp !loc 75");
        self.text += "yield %y2, %m2\n}\nyield %r, %t\n}";
    }

    /// A loop that carries extremes and nothing else.
    fn extremes(&mut self) {
        self.text +=
            "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> (f64, f64) {\n";
        self.text += "%zero = const 0 : i64\n%r, %s = for %i in %zero..%n carry (%r1 = %a, %s1 = %b) {\n%xi = get %x[%i] !loc 70\n";
        self.floats.push("%xi".into());
        self.ints.push("%i".into());
        let (u, v) = (self.body(3, true), self.float());
        let kinds = [(); 2].map(|()| self.pick(&["max", "min"]));
        let _ = writeln!(
            self.text,
            "%r2 = {} %r1, {u}\n%s2 = {} {v}, %s1\nyield %r2, %s2\n}}\nyield %r, %s\n}}",
            kinds[0], kinds[1]
        );
    }

    fn counted(&mut self) {
        self.text += "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64], f64, [f64^2], [i64], f64, i64) {\n";
        self.text += "%zero = const 0 : i64\n%ten = const 10 : i64\n";
        self.text += "%r, %s, %t, %u, %z, %c = for %i in %zero..%n carry (%y1 = %y, %s1 = %a, %m1 = %m, %w1 = %w, %z1 = %b, %c1 = %ten) {\n";
        self.ints.push("%i".into());
        if self.random.below(2) == 0 {
            self.ints.push("%c1".into());
        }
        self.text += "%old = get %y1[%i] !loc 70\n%e = get %w1[%i] !loc 71\n%mi = get %m1[%i, 1] !loc 72\n";
        self.floats.extend(["%old".into(), "%mi".into()]);
        self.ints.push("%e".into());
        let (v, w) = (self.body(9, true), self.float());
        let int = self.int();
        let _ = writeln!(self.text, "%y2 = set %y1[%i], {v} !loc 73");
        let kind = if self.random.below(2) == 0 { "set" } else { "add_at" };
        let _ = writeln!(self.text, "%m2 = {kind} %m1[%i, 1], {w} !loc 74\n%w2 = set %w1[%i], {int} !loc 75");
        let fold = self.pick(&["add %s1", "sub %s1", "max %s1", "min %s1", "mul %s1"]);
        let more = self.float();
        let _ = writeln!(self.text, "%s2 = {fold}, {more}");
        let last = if self.random.below(3) == 0 { "%s1" } else { "%z1" };
        let _ = writeln!(
            self.text,
            "%c2 = add %c1, 3\nyield %y2, %s2, %m2, %w2, {last}, %c2\n}}\nyield %r, %s, %t, %u, %z, %c\n}}"
        );
    }

    /// A condition on the counter, or on numbers.
    fn condition(&mut self) -> String {
        if self.random.below(4) == 0 {
            let (op, a, b) = (self.pick(&COMPARE), self.float(), self.float());
            return self.line(&format!("{op} {a}, {b}"));
        }
        let (op, k, first) = (self.pick(&COMPARE), self.random.below(4), self.random.below(3));
        match first {
            0 => self.line(&format!("{op} %i, {k}")),
            1 => {
                let last = self.name();
                let _ = writeln!(self.text, "{last} = sub %n, {k}");
                self.line(&format!("{op} {last}, %i"))
            }
            _ => {
                let next = self.name();
                let _ = writeln!(self.text, "{next} = add %i, {k}");
                self.line(&format!("{op} {next}, %n"))
            }
        }
    }

    /// A number that is another one on either side of a branch.
    fn choice(&mut self, depth: usize) -> String {
        let (cond, result, known) = (self.condition(), self.name(), self.floats.len());
        let _ = writeln!(self.text, "{result} = if {cond} {{");
        for side in 0..2 {
            if depth > 0 && self.random.below(3) == 0 {
                self.choice(depth - 1);
            }
            let offset = self.random.below(3);
            let at = self.name();
            let _ = writeln!(self.text, "{at} = {} %i, {offset}", if side == 0 { "sub" } else { "add" });
            self.float_line(&format!("get %x[{at}]"));
            (0..2).for_each(|_| self.instruction(true));
            let y = self.floats.last().cloned().expect("there are floats");
            let _ = writeln!(self.text, "yield {y}\n}}{}", if side == 0 { " else {" } else { "" });
            // What has been made on a side is known there only.
            self.floats.truncate(known);
            self.bools.clear();
            self.ints.truncate(1);
        }
        self.floats.push(result.clone());
        result
    }

    /// Other rules at the ends, indices that turn round, and branches on data.
    fn stencil(&mut self) {
        self.text += "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64]) {\n";
        self.text += "%zero = const 0 : i64\n%one = const 1 : i64\n%last = sub %n, %one\n%r = build (%i < %n) {\n";
        self.ints.push("%i".into());
        self.text += "%at0 = eq %i, %zero\n%im = sub %i, %one\n%left = select %at0, %last, %im\n";
        self.text += "%at1 = eq %i, %last\n%ip = add %i, %one\n%right = select %at1, %zero, %ip\n";
        self.float_line("get %x[%left]");
        self.float_line("get %x[%right]");
        self.choice(1);
        let u = self.choice(1);
        let _ = writeln!(self.text, "yield {u}\n}}\nyield %r\n}}");
    }

    /// Additions to elements at which trips meet, some of them on one side of a branch, or in a column that is another one only if there is an even number of trips.
    fn shifted(&mut self) {
        self.text +=
            "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64], [f64^2]) {\n";
        self.text += "%one = const 1 : i64\n%last = sub %n, %one\n%odd = and %n, %one\n%r, %s = for %i in %one..%last carry (%y0 = %y, %m0 = %m) {\n";
        self.ints.push("%i".into());
        self.float_line("get %x[%i]");
        let (mut y, mut m) = ("%y0".to_string(), "%m0".to_string());
        self.text += "%back = sub %last, %i\n";
        let along = self.pick(&["%i", "%i", "%back"]);
        for _ in 0..2 + self.random.below(3) {
            (0..2).for_each(|_| self.instruction(true));
            let (offset, at, v) = (self.random.below(4), self.name(), self.float());
            let _ = writeln!(self.text, "{at}.0 = add {along}, {offset}\n{at} = sub {at}.0, 1");
            let next = self.name();
            let place = format!("!loc {}", self.next.min(79));
            match self.random.below(3) {
                0 => {
                    let _ = writeln!(self.text, "{next} = add_at {y}[{at}], {v} {place}");
                    y = next;
                }
                1 => {
                    let column = self.pick(&["1", "1", "2", "%odd"]);
                    let _ = writeln!(self.text, "{next} = add_at {m}[{at}, {column}], {v} {place}");
                    m = next;
                }
                _ => {
                    let cond = self.condition();
                    let _ = writeln!(self.text, "{next} = if {cond} {{\n{next}.t = add_at {y}[{at}], {v} {place}");
                    let _ = writeln!(self.text, "yield {next}.t\n}} else {{\nyield {y}\n}}");
                    y = next;
                }
            }
        }
        let _ = writeln!(self.text, "yield {y}, {m}\n}}\nyield %r, %s\n}}");
    }

    /// Elements of several parts of an array, each as long as there are trips, or nearly; in a part now and then more than is a trip's own.
    fn parts(&mut self) {
        self.text += "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64]) {\n";
        let (stride, lo) = (1 + self.random.below(3), self.random.below(2));
        let _ = writeln!(self.text, "%lo = const {lo} : i64\n%trips = sub %n, %lo\n%nearly = sub %trips, 1");
        let part = self.pick(&["%trips", "%trips", "%trips", "%n", "%nearly"]);
        for k in 0..4 {
            let _ = writeln!(self.text, "%p{k} = mul {part}, {}", k * stride);
        }
        let _ = writeln!(self.text, "%long = mul %n, {}\n%size = add %long, 8\n%t0 = fill %a, %size", 4 * stride);
        let _ = writeln!(self.text, "%r = for %i in %lo..%n carry (%t1 = %t0) {{\n%at = mul %i, {stride}");
        self.ints.push("%i".into());
        self.float_line("get %x[%i]");
        let count = 2 + self.random.below(4);
        for k in 1..=count {
            (0..2).for_each(|_| self.instruction(true));
            let width = stride + (self.random.below(8) == 0) as usize;
            let (m, c, v) = (self.random.below(4), self.random.below(width), self.float());
            let _ = writeln!(self.text, "%p{k}.at = add %at, %p{m}\n%q{k} = add %p{k}.at, {c}");
            let access = self.pick(&["set", "add_at", "set.inbounds"]);
            let _ = writeln!(self.text, "%t{} = {access} %t{k}[%q{k}], {v} !loc {k}", k + 1);
            if self.random.below(3) == 0 {
                self.float_line(&format!("get %t{}[%q{k}]", k + 1));
            }
        }
        let _ = writeln!(self.text, "yield %t{}\n}}\nyield %r\n}}", count + 1);
    }

    /// Numbers that a trip takes over from the one before, some of which come from others, and perhaps a sum in order.
    fn handed_on(&mut self) {
        self.text += "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64], f64, [f64]) {\n";
        self.text += "%zero = const 0 : i64\n%four = const 4 : i64\n%t0 = fill %a, %four\n";
        self.text +=
            "%r, %p, %q, %u, %s = for %i in %zero..%n carry (%y1 = %y, %p1 = %a, %q1 = %b, %u1 = %a, %s1 = %b) {\n";
        self.text += "%e = get %x[%i] !loc 70\n%f = get %y1[%i] !loc 71\n";
        self.ints.push("%i".into());
        let known = [self.floats.clone(), vec!["%e".into(), "%f".into()]].concat();
        // What the second and the third become needs what the one before them is, mostly.
        let mut stages = [(0, "%e"), (1, "%p1"), (2, "%q1")];
        let turn = self.random.below(3);
        stages.rotate_left(turn);
        let mut nexts = vec![String::new(); 3];
        for (k, from) in stages {
            self.floats = [&known[..], &[from.to_string(), from.to_string()]].concat();
            if self.random.below(12) == 0 {
                self.floats.push("%u1".into());
            }
            (0..2).for_each(|_| self.instruction(true));
            nexts[k] = if self.random.below(4) == 0 { from.to_string() } else { self.float() };
            self.bools.clear();
        }
        self.floats = [&known[..], &["%p1".into(), "%q1".into(), "%u1".into()]].concat();
        let (v, w) = (self.body(3, true), self.float());
        let kind = self.pick(&["set", "add_at"]);
        let _ = writeln!(self.text, "%y2 = {kind} %y1[%i], {v} !loc 72");
        let sum = if self.random.below(2) == 0 { "add %s1," } else { "neg" };
        let _ = writeln!(self.text, "%s2 = {sum} {w}");
        let _ = writeln!(self.text, "yield %y2, {}, %s2\n}}", nexts.join(", "));
        self.text += "%t1 = set.inbounds %t0[0], %p\n%t2 = set.inbounds %t1[1], %q\n%t3 = set.inbounds %t2[2], %u\n";
        self.text += "yield %r, %s, %t3\n}";
    }

    /// Stores and sums on one side of a branch, and several elements of one array for each trip.
    fn branches(&mut self) {
        self.text += "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64], f64, [f64]) {\n";
        self.text += "%zero = const 0 : i64\n%three = const 3 : i64\n%size = mul %n, %three\n%t0 = fill %a, %size\n";
        self.text += "%r, %s, %t = for %i in %zero..%n carry (%y1 = %y, %s1 = %a, %t1 = %t0) {\n";
        self.ints.push("%i".into());
        self.choice(1);
        let (v, cond) = (self.body(4, true), self.condition());
        let _ = writeln!(self.text, "%y2 = if {cond} {{\n%y3 = set %y1[%i], {v} !loc 60\nyield %y3\n}} else {{");
        match self.random.below(3) {
            0 => self.text += "yield %y1\n}\n",
            1 => self.text += "%y4 = add_at %y1[%i], %b !loc 61\nyield %y4\n}\n",
            _ => self.text += "%y4 = set %y1[%i], %a !loc 62\nyield %y4\n}\n",
        }
        let (op, w) = (self.pick(&["add", "sub", "mul"]), self.float());
        let cond = self.condition();
        let _ = writeln!(self.text, "%s2 = if {cond} {{\n%s3 = {op} %s1, {w}\nyield %s3\n}} else {{\nyield %s1\n}}");
        let (first, last) = (self.float(), self.float());
        let _ = writeln!(self.text, "%u0 = mul %i, %three\n%u1 = add %u0, 2\n%t2 = set.inbounds %t1[%u0], {first}");
        let _ =
            writeln!(self.text, "%t3 = set.inbounds %t2[%u1], {last}\nyield %y2, %s2, %t3\n}}\nyield %r, %s, %t\n}}");
    }

    /// Elements of a row and a column, of which the loop goes through a part: beyond them, with them, or from one of them on.
    fn pairs(&mut self) {
        self.text +=
            "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64], [f64^2]) {\n";
        let (h, more, last) = (self.random.below(4), self.random.below(3), self.random.below(3));
        let _ = writeln!(self.text, "%zero = const 0 : i64\n%size = add %n, 3\n%c0 = const {h} : i64");
        let middle = self.pick(&["%c0", "%c0", "%c1"]);
        let _ = writeln!(self.text, "%c1 = sub %n, {last}\n%h = add {middle}, 0");
        self.text += "%t0 = fill %a, %size, %size\n";
        let from = ["%h", "%zero"][(self.random.below(4) == 0) as usize];
        let _ = writeln!(self.text, "%lo = add {from}, {more}\n%hi = sub %n, {}", self.random.below(3));
        if self.random.below(3) == 0 {
            // Backwards, as the sweep of such a loop.
            self.text += "%trips = sub %hi, %lo\n%last = sub %trips, 1\n";
            self.text += "%r, %s = for %it in %zero..%trips carry (%y1 = %y, %t1 = %t0) {\n";
            self.text += "%back = sub %last, %it\n%i = add %lo, %back\n";
        } else {
            self.text += "%r, %s = for %i in %lo..%hi carry (%y1 = %y, %t1 = %t0) {\n";
        }
        self.ints.push("%i".into());
        self.float_line("get %y1[%i]");
        let (mut y, mut t) = ("%y1".to_string(), "%t1".to_string());
        if self.random.below(3) != 0 {
            self.float_line("get %y1[%h]");
        }
        if self.random.below(2) == 0 {
            self.text += "%in = for %k in %zero..%h carry (%acc = %b) {\n";
            let (u, v) = (self.line("get %t1[%i, %k]"), self.line("get %t1[%h, %k]"));
            let _ = writeln!(self.text, "%pr = mul {u}, {v}\n%su = sub %acc, %pr\nyield %su\n}}");
            self.floats.push("%in".into());
        }
        for _ in 0..2 + self.random.below(3) {
            (0..2).for_each(|_| self.instruction(true));
            let v = self.float();
            let (array, place) = [("y", "%i"), ("y", "%h"), ("t", "%i, %h"), ("t", "%h, %i")][self.random.below(4)];
            let old = if array == "y" { &mut y } else { &mut t };
            let kind = if place == "%h" || self.random.below(3) == 0 { "add_at" } else { "set" };
            self.next += 1;
            let next = format!("%{array}{}", self.next + 1);
            let _ = writeln!(self.text, "{next} = {kind} {old}[{place}], {v} !loc {}", self.next.min(79));
            *old = next;
        }
        let _ = writeln!(self.text, "yield {y}, {t}\n}}\nyield %r, %s\n}}");
    }

    /// The nearest of several points to each row of a matrix: its elements are read at a stride, and once more for each of the points.
    fn packed(&mut self) {
        self.text +=
            "func @f(%n: i64, %x: [f64], %y: [f64], %m: [f64^2], %w: [i64], %a: f64, %b: f64) -> ([f64], [i64]) {\n";
        let (lo, hi) = (self.random.below(2), 3 + self.random.below(4));
        let points = self.pick(&["%n", "%n", "%few"]);
        let _ = writeln!(self.text, "%zero = const 0 : i64\n%few = const 4 : i64\n%lo = const {lo} : i64");
        let _ = writeln!(self.text, "%dims = const {hi} : i64\n%four = const 4 : i64\n%r, %s = build (%i < %n) {{");
        let _ = writeln!(self.text, "%i1 = add %i, {}", self.random.below(3));
        let reduces = self.random.below(2) == 0;
        if reduces {
            // The condition is the same in all trips; sometimes the arrays that are reduced have no elements, which traps.
            let compare = self.pick(&["le", "ne", "eq"]);
            let _ = writeln!(self.text, "%some = {compare} %a, %b");
            let _ = writeln!(self.text, "%best, %won = if %some {{\n%all = build (%c < {points}) {{");
        } else {
            let _ = writeln!(self.text, "%best, %won = for %c in %zero..{points} carry (%least = %a, %who = %zero) {{");
        }
        self.text += "%d = for %j in %lo..%dims carry (%t = %b) {\n%back = sub %four, %j\n";
        self.floats.extend(["%t".into()]);
        let row = self.pick(&["%i", "%i1"]);
        let column = self.pick(&["%j", "%j", "%j", "%back", "%c"]);
        self.float_line(&format!("get %m[{row}, {column}]"));
        if self.random.below(3) == 0 {
            self.float_line("get %m[%i, %j]");
        }
        self.float_line("get %x[%c]");
        (0..3).for_each(|_| self.instruction(false));
        let u = self.floats.last().cloned().expect("there are floats");
        let _ = writeln!(self.text, "%u = add %t, {u}\nyield %u\n}}");
        if reduces {
            let kinds = [["min", "argmin"], ["max", "argmax"], ["min", "argmax"]][self.random.below(3)];
            let _ = writeln!(self.text, "yield %d\n}}\n%b0 = reduce {} %all !loc 71", kinds[0]);
            let _ = writeln!(self.text, "%w0 = reduce {} %all !loc 72\nyield %b0, %w0\n}} else {{", kinds[1]);
            self.text += "yield %a, %zero\n}\nyield %best, %won\n}\nyield %r, %s\n}";
            return;
        }
        self.text += "%nearer = lt %d, %least\n%who1 = select %nearer, %c, %who\n%least1 = min %least, %d\n";
        self.text += "yield %least1, %who1\n}\nyield %best, %won\n}\nyield %r, %s\n}";
    }

    /// Some instructions; gives the last float. With `indexed` there is a counter `%i`.
    fn body(&mut self, count: usize, indexed: bool) -> String {
        for _ in 0..count {
            self.instruction(indexed);
        }
        if indexed && self.random.below(3) == 0 {
            self.inner();
        }
        self.floats.last().cloned().expect("there are floats")
    }

    fn instruction(&mut self, indexed: bool) {
        let (a, b) = (self.float(), self.float());
        match self.random.below(if indexed { 12 } else { 6 }) {
            0 | 1 => {
                let op = self.pick(&UNARY);
                self.float_line(&format!("{op} {a}"));
            }
            2 | 3 => {
                let op = self.pick(&BINARY);
                self.float_line(&format!("{op} {a}, {b}"));
            }
            4 => {
                let op = self.pick(&COMPARE);
                let name = self.line(&format!("{op} {a}, {b}"));
                self.bools.push(name);
            }
            5 => {
                let Some(c) = self.bools.last().cloned() else { return };
                self.float_line(&format!("select {c}, {a}, {b}"));
            }
            6 => {
                let (op, i, j) = (self.pick(&INTEGER), self.int(), self.int());
                let name = self.line(&format!("{op} {i}, {j}"));
                self.ints.push(name);
            }
            7 => {
                let i = self.int();
                self.float_line(&format!("convert {i} to f64"));
            }
            8 => self.float_line("get %x[%i]"),
            9 => {
                let (k, name) = (self.random.below(3), self.name());
                let _ = writeln!(self.text, "{name} = add %i, {k}");
                self.float_line(&format!("get %x[{name}]"));
            }
            10 => {
                let (m, k) = (self.name(), self.name());
                let _ = writeln!(self.text, "{m} = sub %n, 1\n{k} = sub {m}, %i");
                self.float_line(&format!("get %x[{k}]"));
            }
            _ => {
                let (op, i, j) = (self.pick(&COMPARE), self.int(), self.int());
                let name = self.line(&format!("{op} {i}, {j}"));
                self.bools.push(name);
            }
        }
    }

    /// A loop of five trips over the elements of x and its own number.
    fn inner(&mut self) {
        let start = self.float();
        let _ = writeln!(self.text, "%lo = const 0 : i64\n%hi = const 3 : i64");
        let _ = writeln!(self.text, "%in, %k3 = for %h in %lo..%hi carry (%acc = {start}, %k1 = %lo) {{");
        self.text += "%xe = get %x[%h] !loc 76\n%ih = add %i, %h\n%xo = get %x[%ih] !loc 77\n";
        let other = self.float();
        let _ = writeln!(
            self.text,
            "%pr = mul %xe, {other}\n%su = add %acc, %pr\n%sx = sub %su, %xo\n%k2 = add %k1, 2\nyield %sx, %k2\n}}"
        );
        self.floats.push("%in".into());
        self.float_line("convert %k3 to f64");
        self.floats.swap_remove(self.floats.len() - 2);
        self.floats.push("%in".into());
    }
}
