//! The program that is put behind the user's: it prints the derivative along one direction, in every way.

use super::point;
use dprog_frontend::typed::{FnDef, Ty};
use dprog_ir::Scalar;
use std::fmt::Write;

/// The function that asks. A name that no one writes.
pub const NAME: &str = "dprog_gradcheck_question";

/// Locals of it.
const VALUE: &str = "dprog_gradcheck_value";
const FORWARD: &str = "dprog_gradcheck_forward";

/// Steps of the central differences, doubles and single precision.
pub const STEPS: [f64; 2] = [1e-5, 1e-6];
pub const STEPS_SINGLE: [f64; 2] = [1e-2, 3e-3];

/// What one engine answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub value: f64,
    /// The derivative along the direction.
    pub reverse: f64,
    pub forward: f64,
    pub differences: [f64; 2],
    /// All components of the gradient as text, for comparison to the bit.
    pub gradient: String,
}

/// See the module's description.
pub struct Question {
    function: String,
    names: Vec<String>,
    arguments: Vec<String>,
    /// Positions of the parameters that are differentiated by.
    active: Vec<usize>,
    /// Some float is an f32.
    pub single_precision: bool,
}

impl Question {
    pub fn new(def: &FnDef, arguments: &[String]) -> Question {
        let active = point::active(def);
        let positions = (0..def.params.len()).filter(|i| active.iter().any(|p| p.name == def.params[*i].name));
        Question {
            function: def.display.as_str().to_string(),
            names: def.params.iter().map(|p| p.name.as_str().to_string()).collect(),
            arguments: arguments.to_vec(),
            active: positions.collect(),
            single_precision: def.result.as_scalar() == Some(Scalar::F32) || active.iter().any(|p| is_single(&p.ty)),
        }
    }

    fn steps(&self) -> [f64; 2] {
        if self.single_precision { STEPS_SINGLE } else { STEPS }
    }

    /// `(a0, a1)`, or without parentheses if there is only one.
    fn tuple(&self, part: impl Fn(usize) -> String) -> String {
        let parts: Vec<String> = self.active.iter().map(|i| part(*i)).collect();
        if parts.len() == 1 { parts[0].clone() } else { format!("({})", parts.join(", ")) }
    }

    /// The source text of the function that asks. Points are locals; a direction is made of the gradient, so that it has
    /// its type whatever that is. Locals are called what no one writes, for they would hide the user's functions; and what
    /// is built in is called by names that the user's functions do not hide.
    pub fn text(&self) -> String {
        let mut body = String::new();
        let mut line = |text: String| {
            let _ = writeln!(body, "    {text}");
        };
        for (i, value) in self.arguments.iter().enumerate() {
            line(format!("let {} = {value};", point(i)));
        }
        let f = &self.function;
        let wrt = self.tuple(|i| self.names[i].clone());
        let here = self.call(point);
        line(format!("let ({VALUE}, {}) = __builtin_value_and_grad({f}, wrt: {wrt})({here});", self.tuple(gradient)));
        for i in &self.active {
            line(format!(
                "let {} = __builtin_map_leaves(|t| 0.75 + 0.5 * __builtin_cos(3.0 * t), {});",
                direction(*i),
                gradient(*i)
            ));
        }
        let directions = self.active.iter().map(|i| direction(*i)).collect::<Vec<_>>().join(", ");
        line(format!("let (_, {FORWARD}) = __builtin_jvp({f}, wrt: {wrt})({here}, {directions});"));
        let dot = |i: &usize| format!("(__builtin_dot({}, {}) as f64)", gradient(*i), direction(*i));
        let dots = self.active.iter().map(dot).collect::<Vec<_>>().join(" + ");
        line(format!("__builtin_print(\"{{{VALUE} as f64}}\");"));
        line(format!("__builtin_print(\"{{{dots}}}\");"));
        line(format!("__builtin_print(\"{{{FORWARD} as f64}}\");"));
        for step in self.steps() {
            let moved = |sign: f64| self.moved(sign * step);
            line(format!(
                "__builtin_print(\"{{(({f}({}) as f64) - ({f}({}) as f64)) / {:?}}}\");",
                moved(1.0),
                moved(-1.0),
                2.0 * step
            ));
        }
        for i in &self.active {
            line(format!(
                "__builtin_visit_leaves({}, |name, shape, data| __builtin_print(\"{{data}}\"));",
                gradient(*i)
            ));
        }
        format!("fn {NAME}() {{\n{body}}}\n")
    }

    fn call(&self, part: impl Fn(usize) -> String) -> String {
        (0..self.arguments.len()).map(part).collect::<Vec<_>>().join(", ")
    }

    fn moved(&self, step: f64) -> String {
        self.call(|i| {
            if self.active.contains(&i) {
                format!("__builtin_moved({}, __builtin_map_leaves(|t| {step:?} * t, {}))", point(i), direction(i))
            } else {
                point(i)
            }
        })
    }

    /// Reads what the program printed.
    pub fn read(&self, printed: &str) -> Answer {
        let mut lines = printed.lines();
        let mut number = || lines.next().and_then(|line| line.parse().ok()).unwrap_or(f64::NAN);
        let (value, reverse, forward) = (number(), number(), number());
        let differences = [number(), number()];
        Answer { value, reverse, forward, differences, gradient: lines.collect::<Vec<_>>().join(" ") }
    }
}

/// The local with the argument of parameter `i`; so the others.
fn point(i: usize) -> String {
    format!("{NAME}_point{i}")
}

fn gradient(i: usize) -> String {
    format!("{NAME}_gradient{i}")
}

fn direction(i: usize) -> String {
    format!("{NAME}_direction{i}")
}

fn is_single(ty: &Ty) -> bool {
    match ty {
        Ty::Scalar(scalar) => *scalar == Scalar::F32,
        Ty::Array(element, _) | Ty::List(element) => is_single(element),
        Ty::Tuple(parts) => parts.iter().any(is_single),
        // Models are made of f32 as a rule.
        Ty::Adt(..) => true,
        Ty::Str | Ty::Fn(..) | Ty::Param(_) | Ty::Tangent(_) | Ty::Never | Ty::Infer(_) | Ty::Error => false,
    }
}
