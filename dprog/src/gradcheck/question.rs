//! The program that is put behind the user's: it prints the derivative along one direction, in every way.

use super::point;
use dprog_frontend::typed::{FnDef, Ty};
use dprog_ir::Scalar;
use std::fmt::Write;

/// The function that asks. A name that no one writes.
pub const NAME: &str = "dprog_gradcheck_question";

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
    /// its type whatever that is.
    pub fn text(&self) -> String {
        let mut body = String::new();
        let mut line = |text: String| {
            let _ = writeln!(body, "    {text}");
        };
        for (i, value) in self.arguments.iter().enumerate() {
            line(format!("let a{i} = {value};"));
        }
        let f = &self.function;
        let wrt = self.tuple(|i| self.names[i].clone());
        let here = self.call(|i| format!("a{i}"));
        line(format!("let (v, {}) = value_and_grad({f}, wrt: {wrt})({here});", self.tuple(|i| format!("g{i}"))));
        for i in &self.active {
            line(format!("let d{i} = map_leaves(|t| 0.75 + 0.5 * cos(3.0 * t), g{i});"));
        }
        let directions = self.active.iter().map(|i| format!("d{i}")).collect::<Vec<_>>().join(", ");
        line(format!("let (_, forward) = jvp({f}, wrt: {wrt})({here}, {directions});"));
        let dots = self.active.iter().map(|i| format!("(dot(g{i}, d{i}) as f64)")).collect::<Vec<_>>().join(" + ");
        line("print(\"{v as f64}\");".into());
        line(format!("print(\"{{{dots}}}\");"));
        line("print(\"{forward as f64}\");".into());
        for step in self.steps() {
            let moved = |sign: f64| self.moved(sign * step);
            line(format!(
                "print(\"{{(({f}({}) as f64) - ({f}({}) as f64)) / {:?}}}\");",
                moved(1.0),
                moved(-1.0),
                2.0 * step
            ));
        }
        for i in &self.active {
            line(format!("visit_leaves(g{i}, |name, shape, data| print(\"{{data}}\"));"));
        }
        format!("fn {NAME}() {{\n{body}}}\n")
    }

    fn call(&self, part: impl Fn(usize) -> String) -> String {
        (0..self.arguments.len()).map(part).collect::<Vec<_>>().join(", ")
    }

    fn moved(&self, step: f64) -> String {
        self.call(|i| {
            if self.active.contains(&i) {
                format!("moved(a{i}, map_leaves(|t| {step:?} * t, d{i}))")
            } else {
                format!("a{i}")
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
