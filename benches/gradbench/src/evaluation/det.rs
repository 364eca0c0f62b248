//! The determinant of a matrix by expansion by minors.

use super::{Evaluation, unknown};
use crate::input::Input;
use crate::runs::{Timed, timed};
use crate::tool::Failure;
use dprog::{Error, Function, Module};
use ndarray::Array2;
use serde_json::{Value, json};

pub(super) struct Det {
    primal: Function<fn(&Array2<f64>) -> f64>,
    gradient: Function<fn(&Array2<f64>, &mut [f64])>,
}

impl Det {
    pub fn new(module: &Module) -> Result<Det, Error> {
        Ok(Det { primal: module.function("primal")?, gradient: module.function("gradient")? })
    }
}

impl Evaluation for Det {
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure> {
        let (a, n) = (input.vector("A")?, input.size("ell")?);
        let a = Array2::from_shape_vec((n, n), a)?;
        match function {
            "primal" => Ok(timed(input, || self.primal.call(a.view()))?.map(Value::from)),
            "gradient" => {
                let mut gradient = vec![0.0; n * n];
                Ok(timed(input, || self.gradient.call((a.view(), &mut gradient)))?.map(|()| json!(gradient)))
            }
            _ => Err(unknown(function)),
        }
    }
}
