//! A mixture of Gaussians: the logarithm of the posterior density, and its gradient by all parameters.

use super::{Evaluation, rows, unknown};
use crate::input::Input;
use crate::runs::{Timed, timed};
use crate::tool::Failure;
use dprog::{Error, Function, Module};
use ndarray::Array2;
use serde_json::{Value, json};

type Objective = fn(f64, i64, &[f64], &Array2<f64>, &Array2<f64>, &Array2<f64>, &Array2<f64>) -> f64;
type Gradient = fn(
    f64,
    i64,
    &[f64],
    &Array2<f64>,
    &Array2<f64>,
    &Array2<f64>,
    &Array2<f64>,
) -> (Vec<f64>, Array2<f64>, Array2<f64>, Array2<f64>);

pub(super) struct Gmm {
    objective: Function<Objective>,
    gradient: Function<Gradient>,
}

impl Gmm {
    pub fn new(module: &Module) -> Result<Gmm, Error> {
        Ok(Gmm { objective: module.function("objective")?, gradient: module.function("gradient")? })
    }
}

impl Evaluation for Gmm {
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure> {
        let alpha = input.vector("alpha")?;
        let [mu, q, x] = [input.matrix("mu")?, input.matrix("q")?, input.matrix("x")?];
        // Of one dimension, a matrix has nothing below its diagonal.
        let l = input.matrix("l")?;
        let (gamma, m) = (input.number("gamma")?, input.integer("m")?);
        let (mu, q, l, x) = (mu.view(), q.view(), l.view(), x.view());
        match function {
            "objective" => Ok(timed(input, || self.objective.call((gamma, m, &alpha, mu, q, l, x)))?.map(Value::from)),
            "jacobian" => {
                let timed = timed(input, || self.gradient.call((gamma, m, &alpha, mu, q, l, x)))?;
                Ok(timed
                    .map(|(alpha, mu, q, l)| json!({ "alpha": alpha, "mu": rows(&mu), "q": rows(&q), "l": rows(&l) })))
            }
            _ => Err(unknown(function)),
        }
    }
}
