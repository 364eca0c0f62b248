//! Clustering by k-means: the cost, and a step of Newton's method.

use super::{Evaluation, rows, unknown};
use crate::input::Input;
use crate::runs::{Timed, timed};
use crate::tool::Failure;
use dprog::{Error, Function, Module};
use ndarray::Array2;
use serde_json::Value;

pub(super) struct Kmeans {
    cost: Function<fn(&Array2<f64>, &Array2<f64>) -> f64>,
    dir: Function<fn(&Array2<f64>, &Array2<f64>, &mut Array2<f64>)>,
}

impl Kmeans {
    pub fn new(module: &Module) -> Result<Kmeans, Error> {
        Ok(Kmeans { cost: module.function("cost")?, dir: module.function("dir")? })
    }
}

impl Evaluation for Kmeans {
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure> {
        let (points, centroids) = (input.matrix("points")?, input.matrix("centroids")?);
        match function {
            "cost" => Ok(timed(input, || self.cost.call((points.view(), centroids.view())))?.map(Value::from)),
            "dir" => {
                let mut dir = Array2::zeros(centroids.raw_dim());
                let run = || self.dir.call((points.view(), centroids.view(), dir.view_mut()));
                Ok(timed(input, run)?.map(|()| rows(&dir)))
            }
            _ => Err(unknown(function)),
        }
    }
}
