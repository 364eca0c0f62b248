//! The square of a number, and its derivative.

use super::{Evaluation, unknown};
use crate::input::Input;
use crate::runs::{Timed, timed};
use crate::tool::Failure;
use dprog::{Error, Function, Module};
use serde_json::Value;

pub(super) struct Hello {
    square: Function<fn(f64) -> f64>,
    double: Function<fn(f64) -> f64>,
}

impl Hello {
    pub fn new(module: &Module) -> Result<Hello, Error> {
        Ok(Hello { square: module.function("square")?, double: module.function("double")? })
    }
}

impl Evaluation for Hello {
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure> {
        let x = input.as_number()?;
        let called = match function {
            "square" => &self.square,
            "double" => &self.double,
            _ => return Err(unknown(function)),
        };
        Ok(timed(input, || called.call(x))?.map(Value::from))
    }
}
