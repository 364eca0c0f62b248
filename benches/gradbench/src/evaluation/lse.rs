//! The logarithm of a sum of exponentials.

use super::{Evaluation, unknown};
use crate::input::Input;
use crate::runs::{Timed, timed};
use crate::tool::Failure;
use dprog::{Error, Function, Module};
use serde_json::{Value, json};

pub(super) struct Lse {
    primal: Function<fn(&[f64]) -> f64>,
    gradient: Function<fn(&[f64], &mut [f64])>,
}

impl Lse {
    pub fn new(module: &Module) -> Result<Lse, Error> {
        Ok(Lse { primal: module.function("primal")?, gradient: module.function("gradient")? })
    }
}

impl Evaluation for Lse {
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure> {
        let x = input.vector("x")?;
        match function {
            "primal" => Ok(timed(input, || self.primal.call(&x))?.map(Value::from)),
            "gradient" => {
                let mut gradient = vec![0.0; x.len()];
                Ok(timed(input, || self.gradient.call((&x, &mut gradient)))?.map(|()| json!(gradient)))
            }
            _ => Err(unknown(function)),
        }
    }
}
