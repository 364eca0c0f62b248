//! A long short-term memory with diagonal matrices: its loss on a text, and the gradient by its parameters.

use super::{Evaluation, unknown};
use crate::input::Input;
use crate::runs::{Timed, timed};
use crate::tool::Failure;
use dprog::{Error, Function, Module};
use ndarray::{Array2, Array3, Array4};
use serde_json::{Value, json};

type Gradient = fn(&Array4<f64>, &Array2<f64>, &Array3<f64>, &Array2<f64>, &mut [f64], &mut [f64]);

pub(super) struct Lstm {
    objective: Function<fn(&Array4<f64>, &Array2<f64>, &Array3<f64>, &Array2<f64>) -> f64>,
    gradient: Function<Gradient>,
}

impl Lstm {
    pub fn new(module: &Module) -> Result<Lstm, Error> {
        Ok(Lstm { objective: module.function("objective")?, gradient: module.function("gradient")? })
    }
}

impl Evaluation for Lstm {
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure> {
        let [main, extra, state, sequence] = [
            input.matrix("main_params")?,
            input.matrix("extra_params")?,
            input.matrix("state")?,
            input.matrix("sequence")?,
        ];
        let (layers, bits) = (main.nrows() / 2, extra.ncols());
        let main = main.into_shape_with_order((layers, 2, 4, bits))?;
        let start = state.into_shape_with_order((layers, 2, bits))?;
        let (main, extra, start, sequence) = (main.view(), extra.view(), start.view(), sequence.view());
        match function {
            "objective" => Ok(timed(input, || self.objective.call((main, extra, start, sequence)))?.map(Value::from)),
            "jacobian" => {
                let (mut by_main, mut by_extra) = (vec![0.0; main.len()], vec![0.0; extra.len()]);
                let run = || self.gradient.call((main, extra, start, sequence, &mut by_main, &mut by_extra));
                Ok(timed(input, run)?.map(|()| json!([by_main, by_extra].concat())))
            }
            _ => Err(unknown(function)),
        }
    }
}
