//! What the answers of the engines say.

use super::question::Answer;

/// A comparison: what with what, how far apart they are, and how far they may be.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub what: String,
    /// Relative, but for numbers below one, where it is absolute.
    pub deviation: f64,
    pub tolerance: f64,
}

impl Row {
    fn new(what: impl Into<String>, a: f64, b: f64, tolerance: f64) -> Row {
        Row { what: what.into(), deviation: deviation(a, b), tolerance }
    }

    /// Whether the two agree.
    pub fn ok(&self) -> bool {
        self.deviation <= self.tolerance
    }
}

/// All comparisons of one function.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub value: f64,
    /// The derivative along the direction.
    pub derivative: f64,
    pub rows: Vec<Row>,
}

impl Verdict {
    /// Compares the answers of the engines; those of dual numbers come first.
    pub fn new(answers: &[(&str, Answer)], single_precision: bool) -> Verdict {
        let (exact, loose) = if single_precision { (1e-4, 2e-2) } else { (1e-10, 1e-5) };
        let (_, duals) = &answers[0];
        let (name, made) = &answers[answers.len() - 1];
        let mut rows = vec![
            Row::new("reverse and forward mode", made.reverse, made.forward, exact),
            Row::new("reverse mode and dual numbers", made.reverse, duals.reverse, exact),
            Row::new("forward mode and dual numbers", made.forward, duals.forward, exact),
        ];
        // The better of two steps: one may be too long, the other too short.
        let differences = made.differences.map(|d| Row::new("reverse mode and differences", made.reverse, d, loose));
        rows.extend(differences.into_iter().min_by(|a, b| a.deviation.total_cmp(&b.deviation)));
        for (other, answer) in &answers[1..answers.len() - 1] {
            let same = same_bits(answer, made);
            let deviation = if same { 0.0 } else { deviation(answer.reverse, made.reverse).max(f64::MIN_POSITIVE) };
            rows.push(Row { what: format!("{other} and {name}, to the bit"), deviation, tolerance: 0.0 });
        }
        Verdict { value: made.value, derivative: made.reverse, rows }
    }

    /// Whether everything agrees.
    pub fn ok(&self) -> bool {
        self.rows.iter().all(Row::ok)
    }
}

fn same_bits(a: &Answer, b: &Answer) -> bool {
    let bits = |x: &Answer| [x.value, x.reverse, x.forward].map(f64::to_bits);
    bits(a) == bits(b) && a.gradient == b.gradient
}

fn deviation(a: f64, b: f64) -> f64 {
    match (a == b || (a.is_nan() && b.is_nan()), a.is_finite() && b.is_finite()) {
        (true, _) => 0.0,
        (_, true) => (a - b).abs() / a.abs().max(b.abs()).max(1.0),
        _ => f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(reverse: f64, forward: f64) -> Answer {
        Answer { value: 1.0, reverse, forward, differences: [reverse; 2], gradient: format!("[{reverse}]") }
    }

    #[test]
    fn a_wrong_mode_is_found() {
        let good = [("duals", answer(2.0, 2.0)), ("-O0", answer(2.0, 2.0)), ("-O2", answer(2.0, 2.0))];
        assert!(Verdict::new(&good, false).ok());
        let mut wrong = good.clone();
        wrong[2].1.forward = 2.1;
        let verdict = Verdict::new(&wrong, false);
        let failed: Vec<&str> = verdict.rows.iter().filter(|row| !row.ok()).map(|row| &*row.what).collect();
        assert_eq!(failed, ["reverse and forward mode", "forward mode and dual numbers", "-O0 and -O2, to the bit"]);
    }
}
