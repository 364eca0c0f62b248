//! The evaluations: for each its program, its functions with their Rust types, and what they take and give in JSON.

mod ba;
mod det;
mod gmm;
mod hello;
mod kmeans;
mod llsq;
mod lse;
mod lstm;
mod ode;

use crate::input::Input;
use crate::runs::Timed;
use crate::tool::Failure;
use dprog::{Compiler, Error, Module};
use ndarray::Array2;
use serde_json::Value;

/// An evaluation whose program is compiled.
pub(crate) trait Evaluation {
    /// Runs a function of the evaluation on an input.
    fn evaluate(&self, function: &str, input: &Input<'_>) -> Result<Timed<Value>, Failure>;
}

/// Compiles the program of an evaluation, and all functions of it that are called.
pub(crate) fn compile(name: &str) -> Result<Box<dyn Evaluation>, Failure> {
    Ok(match name {
        "hello" => Box::new(hello::Hello::new(&program(name, include_str!("../../programs/hello.dp"))?)?),
        "gmm" => Box::new(gmm::Gmm::new(&program(name, include_str!("../../programs/gmm.dp"))?)?),
        "ba" => Box::new(ba::Ba::new(&program(name, include_str!("../../programs/ba.dp"))?)?),
        "lstm" => Box::new(lstm::Lstm::new(&program(name, include_str!("../../programs/lstm.dp"))?)?),
        "kmeans" => Box::new(kmeans::Kmeans::new(&program(name, include_str!("../../programs/kmeans.dp"))?)?),
        "lse" => Box::new(lse::Lse::new(&program(name, include_str!("../../programs/lse.dp"))?)?),
        "ode" => Box::new(ode::Ode::new(&program(name, include_str!("../../programs/ode.dp"))?)?),
        "llsq" => Box::new(llsq::Llsq::new(&program(name, include_str!("../../programs/llsq.dp"))?)?),
        "det" => Box::new(det::Det::new(&program(name, include_str!("../../programs/det.dp"))?)?),
        _ => return Err(format!("there is no program for `{name}`").into()),
    })
}

fn program(name: &str, text: &str) -> Result<Module, Error> {
    Compiler::new().compile(&format!("{name}.dp"), text)
}

fn unknown(function: &str) -> Failure {
    format!("there is no function `{function}`").into()
}

/// A matrix as a list of rows.
fn rows(matrix: &Array2<f64>) -> Value {
    matrix.rows().into_iter().map(|row| row.iter().copied().collect::<Value>()).collect()
}
