//! Least squares: a polynomial that approximates the sign function.

use super::{Evaluation, unknown};
use crate::input::Input;
use crate::runs::{Timed, timed};
use crate::tool::Failure;
use dprog::{Error, Function, Module};
use serde_json::{Value, json};

pub(super) struct Llsq {
    primal: Function<fn(&[f64], i64) -> f64>,
    gradient: Function<fn(&[f64], i64, &mut [f64])>,
}

impl Llsq {
    pub fn new(module: &Module) -> Result<Llsq, Error> {
        Ok(Llsq { primal: module.function("primal")?, gradient: module.function("gradient")? })
    }
}

impl Evaluation for Llsq {
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure> {
        let (x, n) = (input.vector("x")?, input.integer("n")?);
        match function {
            "primal" => Ok(timed(input, || self.primal.call((&x, n)))?.map(Value::from)),
            "gradient" => {
                let mut gradient = vec![0.0; x.len()];
                Ok(timed(input, || self.gradient.call((&x, n, &mut gradient)))?.map(|()| json!(gradient)))
            }
            _ => Err(unknown(function)),
        }
    }
}
