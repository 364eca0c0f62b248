//! What a generated gradient program printed, and whether the answers fit together.

use crate::generate::program::STEPS;
use crate::numbers;

/// Derivatives along one direction, in every way. See [`crate::generate::GradientProgram`].
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    pub value: f64,
    pub reverse: f64,
    pub forward: f64,
    /// Reverse over forward, forward over reverse.
    pub second: Option<(f64, f64)>,
    /// The values at the point moved forth and back, for each step.
    pub moved: Vec<(f64, f64)>,
}

/// Relative difference that rounding may explain: the generated functions are tame, but they may amplify.
const TOLERANCE: f64 = 1e-7;
/// Two differences with different steps that agree to this, relative, say something about the derivative.
const SMOOTH: f64 = 1e-3;

impl Answers {
    /// Reads the lines of the program.
    pub fn read(printed: &str, second: bool) -> Result<Answers, String> {
        let numbers = numbers::all(printed);
        let head = if second { 5 } else { 3 };
        if numbers.len() != head + 2 * STEPS.len() {
            return Err(format!("{} numbers were printed\n{printed}", numbers.len()));
        }
        let moved = numbers[head..].chunks(2).map(|pair| (pair[0], pair[1])).collect();
        let second = second.then(|| (numbers[3], numbers[4]));
        Ok(Answers { value: numbers[0], reverse: numbers[1], forward: numbers[2], second, moved })
    }

    /// Whether reverse mode agrees with forward mode, the two mixed orders with each other, and all with differences.
    pub fn consistent(&self) -> Result<(), String> {
        close("reverse mode and forward mode", self.reverse, self.forward)?;
        if let Some((a, b)) = self.second {
            close("reverse over forward and forward over reverse", a, b)?;
        }
        self.differences()
    }

    /// Differences count only where two of them with different steps agree: elsewhere there is a kink nearby, or the
    /// function is too steep.
    fn differences(&self) -> Result<(), String> {
        let slopes: Vec<f64> =
            self.moved.iter().zip(STEPS).map(|((up, down), step)| (up - down) / (2.0 * step)).collect();
        let agreeing = slopes.windows(2).find(|pair| (pair[0] - pair[1]).abs() <= SMOOTH * (1e-2 + pair[1].abs()));
        match agreeing {
            Some(pair) if (pair[1] - self.reverse).abs() > 10.0 * SMOOTH * (1.0 + pair[1].abs()) => {
                Err(format!("reverse mode and differences disagree\n{} and {slopes:?}", self.reverse))
            }
            _ => Ok(()),
        }
    }

    /// Whether two engines computed the same, up to the order of summation.
    pub fn same_as(&self, duals: &Answers) -> Result<(), String> {
        // A value may be made of derivatives.
        close("values", self.value, duals.value)?;
        close("ad-pass and dual numbers", self.reverse, duals.reverse)?;
        match (self.second, duals.second) {
            (Some((a, _)), Some((b, _))) => close("second derivatives of ad-pass and of dual numbers", a, b),
            _ => Ok(()),
        }
    }
}

fn close(what: &str, a: f64, b: f64) -> Result<(), String> {
    let scale = 1.0 + a.abs().max(b.abs());
    let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * scale;
    if same { Ok(()) } else { Err(format!("{what} disagree\n{a:?} and {b:?}")) }
}
