//! What a message brings: numbers and rows of numbers by name, as arrays.

use crate::tool::Failure;
use ndarray::Array2;
use serde_json::Value;

/// The `input` of a message.
pub(crate) struct Input<'a>(pub &'a Value);

impl Input<'_> {
    /// The input itself, if it is a number.
    pub fn as_number(&self) -> Result<f64, Failure> {
        self.0.as_f64().ok_or_else(|| "the input is no number".into())
    }

    pub fn number(&self, name: &str) -> Result<f64, Failure> {
        self.0[name].as_f64().ok_or_else(|| wrong(name, "a number"))
    }

    pub fn integer(&self, name: &str) -> Result<i64, Failure> {
        self.0[name].as_i64().ok_or_else(|| wrong(name, "an integer"))
    }

    /// A size: at least 0.
    pub fn size(&self, name: &str) -> Result<usize, Failure> {
        usize::try_from(self.integer(name)?).map_err(|_| wrong(name, "a size"))
    }

    pub fn vector(&self, name: &str) -> Result<Vec<f64>, Failure> {
        numbers(&self.0[name]).ok_or_else(|| wrong(name, "a list of numbers"))
    }

    /// A list of rows that are equally long.
    pub fn matrix(&self, name: &str) -> Result<Array2<f64>, Failure> {
        let not_a_matrix = || wrong(name, "a list of equally long rows");
        let rows = self.0[name].as_array().ok_or_else(not_a_matrix)?;
        let width = rows.first().map_or(Some(0), |row| row.as_array().map(Vec::len)).ok_or_else(not_a_matrix)?;
        let mut all = Vec::with_capacity(rows.len() * width);
        for row in rows {
            all.extend(numbers(row).filter(|row| row.len() == width).ok_or_else(not_a_matrix)?);
        }
        Ok(Array2::from_shape_vec((rows.len(), width), all)?)
    }

    /// How often a function is to run at least; once, if nothing is said.
    pub fn min_runs(&self) -> u64 {
        self.0["min_runs"].as_u64().unwrap_or(1)
    }

    /// How many seconds all runs are to take at least.
    pub fn min_seconds(&self) -> f64 {
        self.0["min_seconds"].as_f64().unwrap_or(0.0)
    }
}

fn numbers(list: &Value) -> Option<Vec<f64>> {
    list.as_array()?.iter().map(Value::as_f64).collect()
}

fn wrong(name: &str, expected: &str) -> Failure {
    format!("`{name}` of the input is not {expected}").into()
}
