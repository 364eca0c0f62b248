//! An ordinary differential equation by the classical Runge-Kutta method.

use super::{Evaluation, unknown};
use crate::input::Input;
use crate::runs::{Timed, timed};
use crate::tool::Failure;
use dprog::{Error, Function, Module};
use serde_json::{Value, json};

pub(super) struct Ode {
    primal: Function<fn(&[f64], i64, &mut [f64])>,
    gradient: Function<fn(&[f64], i64, &mut [f64])>,
}

impl Ode {
    pub fn new(module: &Module) -> Result<Ode, Error> {
        Ok(Ode { primal: module.function("primal")?, gradient: module.function("gradient")? })
    }
}

impl Evaluation for Ode {
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure> {
        let (x, steps) = (input.vector("x")?, input.integer("s")?);
        let mut y = vec![0.0; x.len()];
        match function {
            "primal" => Ok(timed(input, || self.primal.call((&x, steps, &mut y)))?.map(|()| json!(y))),
            "gradient" => Ok(timed(input, || self.gradient.call((&x, steps, &mut y)))?.map(|()| json!(y))),
            _ => Err(unknown(function)),
        }
    }
}
