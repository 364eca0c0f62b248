//! A line of a gradient test, and the program that asks every mode about it.
//!
//! ```text
//! // grad: power(x = 1.5, n = 4) wrt x   value: 5.0625   adjoint: 13.5   second: 27
//! // grad: dot3(a = [1.0, 2.0], s = 0.5) wrt a, s   value: 3   adjoint: ([0.5, 1.0], 6.0)
//! ```
//!
//! Arguments are expressions of the language with every number written out. Keys: `value`, `adjoint`, `second` and `third`
//! (derivatives by a scalar), `tolerance` (relative, else 1e-13), `differences: no` where the function has a kink. The
//! numbers of `adjoint` are compared in order, so any notation for a struct will do.

use crate::numbers;
use dprog::gradcheck::parse_point;
use std::fmt::Write;

/// See the module's description.
#[derive(Clone, Debug, Default)]
pub struct GradCase {
    pub function: String,
    /// Names and expressions.
    pub arguments: Vec<(String, String)>,
    pub wrt: Vec<String>,
    pub value: Option<f64>,
    pub adjoint: Option<String>,
    pub second: Option<f64>,
    pub third: Option<f64>,
    pub tolerance: f64,
    pub differences: bool,
}

const KEYS: [&str; 6] = ["value:", "adjoint:", "second:", "third:", "tolerance:", "differences:"];

/// Step of the differences.
pub const STEP: f64 = 1e-5;

impl GradCase {
    /// Reads what stands behind `grad:`.
    pub fn parse(line: &str) -> Result<GradCase, String> {
        let mut case = GradCase { tolerance: 1e-13, differences: true, ..GradCase::default() };
        let keys_from = KEYS.iter().filter_map(|key| line.find(key)).min().unwrap_or(line.len());
        let (call, mut rest) = line.split_at(keys_from);
        case.parse_call(call)?;
        while let Some(key) = KEYS.iter().find(|key| rest.starts_with(**key)) {
            let body = &rest[key.len()..];
            let end = KEYS.iter().filter_map(|key| body.find(key)).min().unwrap_or(body.len());
            case.set(key, body[..end].trim())?;
            rest = &body[end..];
        }
        Ok(case)
    }

    fn parse_call(&mut self, call: &str) -> Result<(), String> {
        let (call, wrt) = call.split_once(" wrt ").ok_or("`wrt` is missing")?;
        let (function, arguments) = call.trim().split_once('(').ok_or("the arguments are missing")?;
        let arguments = arguments.trim_end().strip_suffix(')').ok_or("`)` is missing")?;
        self.function = function.trim().to_string();
        self.wrt = wrt.split(',').map(|name| name.trim().to_string()).collect();
        self.arguments = parse_point(arguments)?;
        match self.wrt.iter().find(|name| self.argument(name).is_none()) {
            Some(name) => Err(format!("no argument `{name}`")),
            None => Ok(()),
        }
    }

    fn set(&mut self, key: &str, text: &str) -> Result<(), String> {
        let number = || text.parse::<f64>().map_err(|_| format!("`{text}` is no number"));
        match key {
            "value:" => self.value = Some(number()?),
            "adjoint:" => self.adjoint = Some(text.to_string()),
            "second:" => self.second = Some(number()?),
            "third:" => self.third = Some(number()?),
            "tolerance:" => self.tolerance = number()?,
            _ => self.differences = text != "no",
        }
        Ok(())
    }

    fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The arguments of a call, some of them replaced.
    fn call(&self, replace: impl Fn(&str, &str) -> String) -> String {
        let parts: Vec<String> = self.arguments.iter().map(|(name, value)| replace(name, value)).collect();
        parts.join(", ")
    }

    fn here(&self) -> String {
        self.call(|_, value| value.to_string())
    }

    /// How many numbers the point has that are differentiated by.
    pub fn dimensions(&self) -> usize {
        self.wrt.iter().filter_map(|name| self.argument(name)).map(|value| numbers::places(value).len()).sum()
    }

    /// The wrt arguments with number `axis` replaced by 1 and the others by 0.
    fn direction(&self, axis: usize) -> String {
        let mut seen = 0;
        let mut parts = Vec::new();
        for value in self.wrt.iter().filter_map(|name| self.argument(name)) {
            parts.push(numbers::replaced(value, |i, _| f64::from(u8::from(seen + i == axis))));
            seen += numbers::places(value).len();
        }
        parts.join(", ")
    }

    /// The call with number `axis` of the wrt arguments moved.
    fn moved(&self, axis: usize, step: f64) -> String {
        let mut offsets = Vec::new();
        let mut seen = 0;
        for name in &self.wrt {
            offsets.push((name, seen));
            seen += self.argument(name).map_or(0, |value| numbers::places(value).len());
        }
        self.call(|name, value| match offsets.iter().find(|(known, _)| *known == name) {
            Some((_, first)) => numbers::replaced(value, |i, x| if first + i == axis { x + step } else { x }),
            None => value.to_string(),
        })
    }

    fn wrt_text(&self) -> String {
        if self.wrt.len() == 1 { self.wrt[0].clone() } else { format!("({})", self.wrt.join(", ")) }
    }

    /// A `main` that prints `LABEL NUMBERS` for everything that is asked.
    pub fn main(&self) -> String {
        let (f, wrt, here) = (&self.function, self.wrt_text(), self.here());
        let mut helper = String::new();
        let mut body = String::new();
        let _ = writeln!(body, "    let (v, g) = value_and_grad({f}, wrt: {wrt})({here});");
        let _ = writeln!(body, "    print(\"value {{v}}\");\n    print(\"reverse {{g}}\");");
        for axis in 0..self.dimensions() {
            let _ = writeln!(body, "    let (_, d{axis}) = jvp({f}, wrt: {wrt})({here}, {});", self.direction(axis));
            let _ = writeln!(body, "    print(\"forward {{d{axis}}}\");");
            if self.differences {
                let (up, down) = (self.moved(axis, STEP), self.moved(axis, -STEP));
                let _ = writeln!(body, "    print(\"difference {{({f}({up}) - {f}({down})) / {:?}}}\");", 2.0 * STEP);
            }
        }
        if self.second.is_some() || self.third.is_some() {
            let name = &self.wrt[0];
            let call = self.call(|known, value| if known == name { "u".into() } else { value.to_string() });
            let at = self.argument(name).unwrap_or_default();
            let _ = writeln!(helper, "fn grad_case_line(u: f64) -> f64 {{ {f}({call}) }}");
            helper += "fn grad_case_slope(u: f64) -> f64 { let (_, d) = jvp(grad_case_line)(u, 1.0); d }\n";
            let mut ask = |label: &str, value: &str| {
                let _ = writeln!(body, "    print(\"{label} {{{value}}}\");");
            };
            ask("second", &format!("grad(grad(grad_case_line))({at})"));
            ask("second", &format!("grad(grad_case_slope)({at})"));
            ask("second", &format!("jvp(grad(grad_case_line))({at}, 1.0).1"));
            ask("second", &format!("jvp(grad_case_slope)({at}, 1.0).1"));
            if self.third.is_some() {
                ask("third", &format!("grad(grad(grad(grad_case_line)))({at})"));
                ask("third", &format!("grad(grad(grad_case_slope))({at})"));
                ask("third", &format!("jvp(grad(grad_case_slope))({at}, 1.0).1"));
            }
        }
        format!("\n{helper}fn main() {{\n{body}}}\n")
    }

    /// What is wrong with the lines that the program printed.
    pub fn judge(&self, printed: &str) -> Result<(), String> {
        let lines = |label: &str| -> Vec<f64> {
            let of_label = printed.lines().filter_map(|line| line.strip_prefix(label)?.strip_prefix(' '));
            of_label.flat_map(numbers::all).collect()
        };
        let reverse = lines("reverse");
        if let Some(value) = self.value {
            compare("value", &lines("value"), &[value], self.tolerance)?;
        }
        if let Some(adjoint) = &self.adjoint {
            compare("the adjoint in reverse mode", &reverse, &numbers::all(adjoint), self.tolerance)?;
        }
        compare("forward mode against reverse mode", &lines("forward"), &reverse, self.tolerance)?;
        if self.differences {
            compare("differences against reverse mode", &lines("difference"), &reverse, 1e-5)?;
        }
        for (label, expected) in [("second", self.second), ("third", self.third)] {
            if let Some(expected) = expected {
                let found = lines(label);
                compare(label, &found, &vec![expected; found.len().max(1)], self.tolerance)?;
            }
        }
        Ok(())
    }
}

fn compare(what: &str, found: &[f64], expected: &[f64], tolerance: f64) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("{what}: {found:?} where {expected:?} is expected"));
    }
    match found.iter().zip(expected).position(|(a, b)| !numbers::agree(*a, *b, tolerance)) {
        Some(i) => Err(format!("{what}: number {i} is {:?} where {:?} is expected", found[i], expected[i])),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_program_and_its_output_is_judged() {
        let case = GradCase::parse("power(x = 1.5, n = 4) wrt x    value: 5.0625   adjoint: 13.5").unwrap();
        assert_eq!((case.function.as_str(), case.dimensions(), case.value), ("power", 1, Some(5.0625)));
        assert!(case.main().contains("value_and_grad(power, wrt: x)(1.5, 4)"));
        let good = "value 5.0625\nreverse 13.5\nforward 13.5\ndifference 13.50000001\n";
        assert_eq!(case.judge(good), Ok(()));
        for (old, new) in [("5.0625", "5.06"), ("reverse 13.5", "reverse 13.6"), ("forward 13.5", "forward 1")] {
            assert!(case.judge(&good.replace(old, new)).is_err());
        }
    }

    #[test]
    fn directions_have_the_shape_of_the_arguments() {
        let case = GradCase::parse("f(a = [1.0, 2.0], s = P { x: 0.5 }, k = 3) wrt a, s adjoint: ([1, 2], 3)").unwrap();
        assert_eq!(case.dimensions(), 3);
        assert_eq!(case.direction(2), "[0.0, 0.0], P { x: 1.0 }");
        assert_eq!(case.moved(1, 1.0), "[1.0, 3.0], P { x: 0.5 }, 3");
        assert!(GradCase::parse("f(a = 1.0) wrt b").is_err());
    }
}
