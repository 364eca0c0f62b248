//! Bundle adjustment: the errors of all observations, and their sparse Jacobian.
//!
//! The suite describes one camera, one point and one observation, which are repeated; the program knows nothing of that.

use super::{Evaluation, unknown};
use crate::input::Input;
use crate::runs::{Timed, timed};
use crate::tool::Failure;
use dprog::{Error, Function, Module};
use ndarray::Array2;
use serde_json::{Value, json};

/// Cameras, points, weights, who sees what, and where.
type Objective = fn(&Array2<f64>, &Array2<f64>, &[f64], &Array2<i64>, &Array2<f64>, &mut [f64], &mut [f64]);
/// The same, and rows, columns and values of the Jacobian.
type Jacobian = fn(&Array2<f64>, &Array2<f64>, &[f64], &Array2<i64>, &Array2<f64>, &mut [i32], &mut [i32], &mut [f64]);

pub(super) struct Ba {
    objective: Function<Objective>,
    jacobian: Function<Jacobian>,
}

/// How many numbers of the Jacobian an observation has, and how many of them are shown.
const PER_OBSERVATION: usize = 31;
const SHOWN: usize = 30;

impl Ba {
    pub fn new(module: &Module) -> Result<Ba, Error> {
        Ok(Ba { objective: module.function("objective")?, jacobian: module.function("sparse_jacobian")? })
    }
}

impl Evaluation for Ba {
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure> {
        let (n, m, p) = (input.size("n")?, input.size("m")?, input.size("p")?);
        let (camera, point, seen) = (input.vector("cam")?, input.vector("x")?, input.vector("feat")?);
        let cameras = repeated(&camera, n)?;
        let points = repeated(&point, m)?;
        let seen = repeated(&seen, p)?;
        let weights = vec![input.number("w")?; p];
        let of = Array2::from_shape_fn((p, 2), |(i, j)| (i % [n, m][j]) as i64);
        let (cameras, points, of, seen) = (cameras.view(), points.view(), of.view(), seen.view());
        match function {
            "objective" => {
                let (mut reprojection, mut weight) = (vec![0.0; 2 * p], vec![0.0; p]);
                let run = || self.objective.call((cameras, points, &weights, of, seen, &mut reprojection, &mut weight));
                Ok(timed(input, run)?.map(|()| {
                    json!({
                        "reproj_error": { "elements": reprojection[..2], "repeated": p },
                        "w_err": { "element": weight[0], "repeated": p },
                    })
                }))
            }
            "jacobian" => {
                let (mut rows, mut cols) = (vec![0; 3 * p + 1], vec![0; PER_OBSERVATION * p]);
                let mut vals = vec![0.0; PER_OBSERVATION * p];
                let run = || self.jacobian.call((cameras, points, &weights, of, seen, &mut rows, &mut cols, &mut vals));
                let timed = timed(input, run)?;
                Ok(timed.map(|()| json!({ "rows": shown(&rows), "cols": shown(&cols), "vals": shown(&vals) })))
            }
            _ => Err(unknown(function)),
        }
    }
}

/// As many equal rows.
fn repeated(row: &[f64], count: usize) -> Result<Array2<f64>, Failure> {
    Ok(Array2::from_shape_vec((count, row.len()), row.repeat(count))?)
}

/// What the suite compares: the first and the last elements.
fn shown<T: Copy>(all: &[T]) -> Vec<T> {
    all.iter().take(SHOWN).chain(all.last()).copied().collect()
}
