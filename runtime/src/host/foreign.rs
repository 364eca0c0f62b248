//! Functions of the embedding program. They are ordinary Rust: they may fail, and they may panic, which ends the run with a
//! trap and never unwinds through compiled code.

use super::Call;
use crate::types::FLOATS;
use dprog_ir::TrapCode;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a call passes: arguments; of a derivative also results, and tangents or adjoints.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    pub args: &'a [f64],
    pub results: &'a [f64],
    pub along: &'a [f64],
}

/// A function: numbers, or why it failed.
pub struct ForeignFn {
    pub name: String,
    pub call: ForeignCall,
}

/// What it does.
pub type ForeignCall = Arc<dyn Fn(Parts<'_>) -> Result<Vec<f64>, String> + Send + Sync>;

/// The functions that numbers mean. Whoever sets it keeps the list alive while code runs.
#[derive(Clone, Copy)]
pub struct Foreigns(*const Vec<ForeignFn>);

impl Default for Foreigns {
    fn default() -> Foreigns {
        Foreigns(std::ptr::null())
    }
}

impl Foreigns {
    pub fn new(list: &Vec<ForeignFn>) -> Foreigns {
        Foreigns(list)
    }
}

impl Call<'_> {
    pub(super) fn foreign(&mut self) -> Option<()> {
        let [number, n, m] = [self.args[0] as usize, self.args[1] as usize, self.args[2] as usize];
        let parts = self.items::<f64>(3);
        // SAFETY: set at the entry to the list of the running code, which outlives the run.
        let Some(function) = unsafe { self.ctx.host.foreign.0.as_ref() }.and_then(|list| list.get(number)) else {
            self.ctx.raise_text(TrapCode::Host, 0, 0, format!("there is no host function number {number} here"));
            return None;
        };
        let (args, rest) = parts.split_at(n.min(parts.len()));
        let (results, along) = rest.split_at(m.min(rest.len()));
        let run = || (function.call)(Parts { args, results, along });
        let failure = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(numbers)) => return self.give_array(FLOATS, &[numbers.len() as i64], &numbers),
            Ok(Err(text)) => text,
            Err(payload) => format!("panicked: {}", panic_text(&*payload)),
        };
        let text = format!("host function `{}`: {failure}", function.name);
        self.ctx.raise_text(TrapCode::Host, 0, 0, text);
        None
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}
