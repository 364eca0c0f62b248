//! How often a function runs, and how long each run takes.

use crate::input::Input;
use crate::tool::Failure;
use std::time::{Duration, Instant};

/// What the last run gave, and the time that each took.
pub(crate) struct Timed<T> {
    pub output: T,
    pub nanoseconds: Vec<u64>,
}

impl<T> Timed<T> {
    /// With the output encoded.
    pub fn map<U>(self, encode: impl FnOnce(T) -> U) -> Timed<U> {
        Timed { output: encode(self.output), nanoseconds: self.nanoseconds }
    }
}

/// Runs a function as often and as long as the input wants.
pub(crate) fn timed<T, E: Into<Failure>>(
    input: &Input<'_>,
    mut run: impl FnMut() -> Result<T, E>,
) -> Result<Timed<T>, Failure> {
    let (min_runs, min_time) = (input.min_runs().max(1), Duration::try_from_secs_f64(input.min_seconds())?);
    let (mut nanoseconds, mut elapsed) = (Vec::new(), Duration::ZERO);
    loop {
        let start = Instant::now();
        let result = run();
        let time = start.elapsed();
        let output = result.map_err(Into::into)?;
        nanoseconds.push(time.as_nanos() as u64);
        elapsed += time;
        if nanoseconds.len() as u64 >= min_runs && elapsed >= min_time {
            return Ok(Timed { output, nanoseconds });
        }
    }
}
