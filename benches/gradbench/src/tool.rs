//! One answer to each message of the protocol.
//!
//! A message that cannot be served is answered with `success: false` and the reason; only one that is no message at all has
//! nothing to be answered with but the reason.

use crate::evaluation::{self, Evaluation};
use crate::input::Input;
use crate::runs::Timed;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Instant;

/// What went wrong, in words.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// The state of the tool: the evaluations that were defined.
#[derive(Default)]
pub struct Tool {
    defined: HashMap<String, Box<dyn Evaluation>>,
}

impl Tool {
    /// The answer to a line, as a line.
    pub fn answer(&mut self, line: &str) -> String {
        let message: Value = match serde_json::from_str(line) {
            Ok(message) => message,
            Err(error) => return json!({ "success": false, "error": error.to_string() }).to_string(),
        };
        let mut answer = match message["kind"].as_str() {
            Some("start") => json!({ "tool": "dprog" }),
            Some("define") => self.define(&message).unwrap_or_else(failed),
            Some("evaluate") => self.evaluate(&message).unwrap_or_else(failed),
            _ => json!({}),
        };
        answer["id"] = message["id"].clone();
        answer.to_string()
    }

    /// Compiles the program of an evaluation.
    fn define(&mut self, message: &Value) -> Result<Value, Failure> {
        let name = text(message, "module")?;
        let start = Instant::now();
        let evaluation = evaluation::compile(name)?;
        let nanoseconds = start.elapsed().as_nanos() as u64;
        self.defined.insert(name.to_string(), evaluation);
        Ok(json!({ "success": true, "timings": [{ "name": "compile", "nanoseconds": nanoseconds }] }))
    }

    fn evaluate(&self, message: &Value) -> Result<Value, Failure> {
        let (module, function) = (text(message, "module")?, text(message, "function")?);
        let evaluation = self.defined.get(module).ok_or_else(|| format!("`{module}` is not defined"))?;
        let Timed { output, nanoseconds } = evaluation.evaluate(function, &Input(&message["input"]))?;
        let timings: Vec<Value> =
            nanoseconds.iter().map(|ns| json!({ "name": "evaluate", "nanoseconds": ns })).collect();
        Ok(json!({ "success": true, "output": output, "timings": timings }))
    }
}

fn failed(failure: Failure) -> Value {
    json!({ "success": false, "error": failure.to_string() })
}

fn text<'a>(message: &'a Value, field: &str) -> Result<&'a str, Failure> {
    message[field].as_str().ok_or_else(|| format!("the message has no `{field}`").into())
}
