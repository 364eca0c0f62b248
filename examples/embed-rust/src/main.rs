//! Fits a model that is read when the program runs.
//!
//!     cargo run --release -p embed-rust -- [MODEL.dp]
//!
//! The model is a dProg file with a function `misfit<n>(p: [f64; 2], c: [f64; n], v: [f64; n]) -> f64`. The program compiles it,
//! takes its gradient and Hessian, and minimises it with Newton's method. The data are rates of an enzyme (Treloar 1974,
//! Puromycin); the answer for the model beside this file is known: 212.683743 and 0.0641212817.

use dprog::{Compiler, Error, Function};

/// Concentrations in ppm, and rates.
const C: [f64; 12] = [0.02, 0.02, 0.06, 0.06, 0.11, 0.11, 0.22, 0.22, 0.56, 0.56, 1.1, 1.1];
const V: [f64; 12] = [76.0, 47.0, 97.0, 107.0, 123.0, 139.0, 159.0, 152.0, 191.0, 201.0, 207.0, 200.0];

/// The value, and the gradient by `p` behind it.
type Gradient = fn(&[f64], &[f64], &[f64], &mut [f64]) -> f64;
/// The matrix in rows.
type Hessian = fn(&[f64], &[f64], &[f64], &mut [f64]);

struct Model {
    gradient: Function<Gradient>,
    hessian: Function<Hessian>,
}

impl Model {
    fn compile(name: &str, text: &str) -> Result<Model, Error> {
        let module = Compiler::new().compile(name, text)?;
        Ok(Model {
            gradient: module.value_and_grad("misfit", &["p"])?.typed()?,
            hessian: module.hessian("misfit", &["p"])?.typed()?,
        })
    }

    /// Newton's method: a step that does not lead down is made shorter.
    fn minimise(&self, mut p: [f64; 2]) -> Result<([f64; 2], usize), Error> {
        let (mut g, mut h) = ([0.0; 2], [0.0; 4]);
        for step in 0..100 {
            let value = self.gradient.call((&p, &C, &V, &mut g))?;
            self.hessian.call((&p, &C, &V, &mut h))?;
            let det = h[0] * h[3] - h[1] * h[2];
            let newton = [(g[0] * h[3] - g[1] * h[1]) / det, (g[1] * h[0] - g[0] * h[2]) / det];
            // Where the Hessian bends the wrong way, downhill is better.
            let uphill = newton[0] * g[0] + newton[1] * g[1] <= 0.0;
            let direction = if uphill { [g[0] * 1e-3, g[1] * 1e-9] } else { newton };
            let mut length = 1.0;
            let mut next = [p[0] - direction[0], p[1] - direction[1]];
            while self.gradient.call((&next, &C, &V, &mut g))? > value && length > 1e-12 {
                length *= 0.5;
                next = [p[0] - length * direction[0], p[1] - length * direction[1]];
            }
            let moved = (next[0] - p[0]).abs() / p[0].abs() + (next[1] - p[1]).abs() / p[1].abs();
            p = next;
            if moved < 1e-13 {
                return Ok((p, step + 1));
            }
        }
        Ok((p, 100))
    }
}

fn main() {
    let path = std::env::args().nth(1);
    let (name, text) = match &path {
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => (path.as_str(), text),
            Err(error) => return fail(&format!("{path}: {error}")),
        },
        None => ("michaelis.dp", include_str!("../michaelis.dp").to_string()),
    };
    match Model::compile(name, &text).and_then(|model| model.minimise([200.0, 0.1])) {
        Ok((p, steps)) => println!("p = [{:.6}, {:.10}] after {steps} steps", p[0], p[1]),
        Err(error) => fail(&error.to_string()),
    }
}

fn fail(message: &str) {
    eprintln!("{message}");
    std::process::exit(1);
}
