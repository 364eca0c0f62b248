//! Whole programs: the definitions, and a `main` that prints what they give.

use super::code::{Code, text};
use super::expr::BOUND;
use super::feature::{Coverage, Feature};
use super::model::{Style, Ty};
use super::state::Generator;

/// What every program begins with: what makes indices and lists safe, and a few higher-order functions.
const PRELUDE: &[&str] = &[
    "fn wrap(i: i64, n: i64) -> i64 { ((i % n) + n) % n }",
    "fn at(xs: List<f64>, i: i64) -> f64 { if xs.len() == 0 { 0.25 } else { xs[wrap(i, xs.len())] } }",
    "fn cell(rows: List<List<f64>>, i: i64, j: i64) -> f64 { if rows.len() == 0 { 0.5 } else { at(rows[wrap(i, rows.len())], j) } }",
    "fn first_few(xs: List<f64>) -> List<f64> { var few = xs; while few.len() > 8 { few.pop(); } few }",
    "fn two_rows(a: List<f64>, b: List<f64>) -> List<List<f64>> { var rows = List<List<f64>>::new(); rows.push(a); rows.push(b); rows }",
    "fn if_some(c: bool, x: f64) -> Option<f64> { if c { Some(x) } else { None } }",
    "fn scaled(a: f64) -> fn(f64) -> f64 { |x| sin(a * x) }",
    "trait Weigh { fn weigh(self, x: f64) -> f64; }",
    "fn weight_of<T: Weigh>(thing: T, x: f64) -> f64 { thing.weigh(x) }",
    "fn apply(f: fn(f64) -> f64, x: f64) -> f64 { 10.0 * sin(f(x) * 0.1) }",
    "fn slope_of(f: fn(f64) -> f64, x: f64) -> f64 { let (_, slope) = jvp(f)(x, 1.0); slope }",
];

/// A program with a `main`.
#[derive(Clone, Debug)]
pub struct Program {
    pub code: Vec<Code>,
    pub coverage: Coverage,
}

impl Program {
    pub fn text(&self) -> String {
        text(&self.code)
    }
}

/// Any program: one in three is wild, one in six may trap.
pub fn program(seed: u64) -> Program {
    let style = Style { tame: seed % 3 != 0, risky: seed % 6 == 1, prints: true, gradients: seed % 2 == 0 };
    let mut g = Generator::new(seed, style);
    if !style.tame {
        g.mark(Feature::Wild);
    }
    let mut code = definitions(&mut g);
    let mut main = Vec::new();
    for call in 0..3 {
        main.extend(call_and_print(&mut g, call));
    }
    if style.gradients {
        let params = vec![(Ty::F64, false), (Ty::Vector(3), false), (Ty::I64, false)];
        code.push(g.define_function_with("objective", params, Ty::F64));
        main.extend(print_gradient(&mut g));
    }
    code.push(Code::block("fn main() {", main));
    Program { code, coverage: g.coverage }
}

fn definitions(g: &mut Generator) -> Vec<Code> {
    let mut code: Vec<Code> = PRELUDE.iter().map(|line| Code::line(*line)).collect();
    code.extend(g.define_structs());
    code.extend(g.define_enums());
    if g.random.percent(35) {
        code.extend(g.define_tree());
    }
    code.extend(g.define_generic());
    generic_signatures(g);
    g.note_differentiation(&code);
    let count = 2 + g.random.below(3);
    for i in 0..count {
        let name = format!("f{i}");
        match g.random.below(8) {
            0 => code.push(g.define_recursion(&name)),
            1 => code.extend(g.define_mutual(&name)),
            2 => code.push(g.define_function(&name, Ty::F64, true)),
            3 => {
                let result = g.some_type();
                code.push(g.define_function(&name, result, false));
            }
            _ => code.push(g.define_function(&name, Ty::F64, false)),
        }
        g.note_differentiation(&code);
    }
    code
}

/// Lets the functions of `define_generic` and of the prelude be called like any other.
fn generic_signatures(g: &mut Generator) {
    use super::model::Signature;
    let mut add = |name: &str, params: &[Ty], result: Ty, cost| {
        let params = params.iter().map(|ty| (ty.clone(), false)).collect();
        g.functions.push(Signature { name: name.into(), params, result, cost, fuel: false, differentiates: false });
    };
    for n in 2..5 {
        add("blend", &[Ty::F64, Ty::Vector(n)], Ty::F64, 40);
        add("choose", &[Ty::Bool, Ty::Vector(n), Ty::Vector(n)], Ty::Vector(n), 5);
    }
    add("choose", &[Ty::Bool, Ty::F64, Ty::F64], Ty::F64, 5);
    add("apply", &[Ty::Function, Ty::F64], Ty::F64, 60);
    g.mark(Feature::GenericSize);
    g.mark(Feature::GenericType);
    g.mark(Feature::ClosureArgument);
}

/// A call of some function of the program, and a `print` of its result if that can be printed.
fn call_and_print(g: &mut Generator, call: usize) -> Vec<Code> {
    let own: Vec<_> = g.functions.iter().filter(|f| f.name.starts_with('f')).cloned().collect();
    let callee = g.random.pick(&own).clone();
    g.work = 0;
    if callee.params.iter().any(|(_, inout)| *inout) {
        let (changed, _) = callee.params.last().expect("an inout parameter").clone();
        let start = g.value(&changed, 1);
        let others = super::model::Signature { params: callee.params[..callee.params.len() - 1].to_vec(), ..callee };
        let arguments = g.arguments(&others, 1);
        return vec![
            Code::line(format!("var r{call} = {start};")),
            Code::line(format!("{}({arguments}, &r{call});", others.name)),
            Code::line(format!("print(\"{{r{call}}}\");")),
        ];
    }
    let arguments = g.arguments(&callee, 1);
    let value = format!("{}({arguments})", callee.name);
    let shown = match callee.result {
        Ty::Function => format!("{value}(0.5)"),
        Ty::Functions(_) => format!("{value}[0](0.5)"),
        Ty::Struct(_) => format!("{value}.a"),
        Ty::Tree => format!("value_of({value}, 0.5)"),
        _ => value,
    };
    vec![Code::line(format!("let r{call} = {shown};")), Code::line(format!("print(\"{{r{call}}}\");"))]
}

fn print_gradient(g: &mut Generator) -> Vec<Code> {
    let (x, v, k) = (g.random.float(2.0), vector_text(g), g.random.between(0, 5));
    let at = format!("{x:?}, {v}, {k}");
    [
        format!("let (value, (dx, dv)) = value_and_grad(objective, wrt: (a0, a1))({at});"),
        "print(\"{value} {dx} {dv}\");".to_string(),
        format!("let (_, along) = jvp(objective, wrt: (a0, a1))({at}, 0.5, [1.0, -0.25, 0.75]);"),
        "print(\"{along}\");".to_string(),
    ]
    .map(Code::line)
    .to_vec()
}

fn vector_text(g: &mut Generator) -> String {
    let v: Vec<String> = (0..3).map(|_| format!("{:?}", g.random.float(2.0))).collect();
    format!("[{}]", v.join(", "))
}

/// A program whose function `objective(a0: f64, a1: [f64; 3], a2: i64)` is differentiated by `a0` and `a1` in every
/// way. `main` prints, one a line: the value; the gradient along the direction, reverse mode; the same in forward mode;
/// if `second`, the second derivative along the direction by reverse over forward and by forward over reverse; and the
/// values at the point moved by each of [`STEPS`] along the direction and back.
#[derive(Clone, Debug)]
pub struct GradientProgram {
    pub program: Program,
    pub second: bool,
}

/// Steps of the differences, in the order of `main`.
pub const STEPS: [f64; 3] = [1e-4, 1e-5, 1e-6];

/// See [`GradientProgram`].
pub fn gradient_program(seed: u64) -> GradientProgram {
    let style = Style { tame: true, risky: false, prints: false, gradients: seed % 4 == 0 };
    let mut g = Generator::new(seed ^ 0x6772_6164, style);
    let second = seed % 3 == 0;
    let mut code = definitions(&mut g);
    let params = vec![(Ty::F64, false), (Ty::Vector(3), false), (Ty::I64, false)];
    code.push(g.define_function_with("objective", params, Ty::F64));
    let point = Point::random(&mut g);
    code.extend(derivative_functions(&point));
    code.push(Code::block("fn main() {", gradient_main(&point, second)));
    GradientProgram { program: Program { code, coverage: g.coverage }, second }
}

/// Where the objective is differentiated, and along which direction.
struct Point {
    x: f64,
    v: [f64; 3],
    k: i64,
    dx: f64,
    dv: [f64; 3],
}

impl Point {
    fn random(g: &mut Generator) -> Point {
        let mut vector = |limit| [0; 3].map(|_| g.random.float(limit));
        let (v, dv) = (vector(BOUND / 4.0), vector(1.0));
        Point { x: g.random.float(2.0), v, k: g.random.between(0, 5), dx: g.random.float(1.0), dv }
    }

    /// The arguments at the point moved by `step`.
    fn moved(&self, step: f64) -> String {
        let v: Vec<f64> = self.v.iter().zip(self.dv).map(|(v, d)| v + step * d).collect();
        format!("{:?}, {v:?}, {}", self.x + step * self.dx, self.k)
    }
}

fn derivative_functions(point: &Point) -> Vec<Code> {
    let (dx, dv) = (point.dx, point.dv);
    [
        format!("fn along(x: f64, v: [f64; 3], g: (f64, [f64; 3])) -> f64 {{ x * g.0 + dot(v, g.1) }}"),
        format!(
            "fn forward(x: f64, v: [f64; 3], k: i64) -> f64 {{ let (_, d) = jvp(objective, wrt: (a0, a1))(x, v, k, {dx:?}, {dv:?}); d }}"
        ),
        format!(
            "fn reverse(x: f64, v: [f64; 3], k: i64) -> f64 {{ along({dx:?}, {dv:?}, grad(objective, wrt: (a0, a1))(x, v, k)) }}"
        ),
    ]
    .map(Code::line)
    .to_vec()
}

fn gradient_main(point: &Point, second: bool) -> Vec<Code> {
    let (here, dx, dv) = (point.moved(0.0), point.dx, point.dv);
    let mut lines = vec![
        format!("print(\"{{objective({here})}}\");"),
        format!("print(\"{{reverse({here})}}\");"),
        format!("print(\"{{forward({here})}}\");"),
    ];
    if second {
        lines.push(format!("print(\"{{along({dx:?}, {dv:?}, grad(forward, wrt: (x, v))({here}))}}\");"));
        lines.push(format!("let (_, twice) = jvp(reverse, wrt: (x, v))({here}, {dx:?}, {dv:?});"));
        lines.push("print(\"{twice}\");".into());
    }
    for step in STEPS {
        lines.push(format!("print(\"{{objective({})}}\");", point.moved(step)));
        lines.push(format!("print(\"{{objective({})}}\");", point.moved(-step)));
    }
    lines.into_iter().map(Code::line).collect()
}
