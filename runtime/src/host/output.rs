//! Standard output and standard error of a program.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Where output goes.
#[derive(Default)]
pub enum Sink {
    /// Standard output and standard error of the process.
    #[default]
    Process,
    /// Kept for the host program: what was printed, and what went to standard error.
    Captured { out: Vec<u8>, err: Vec<u8> },
}

/// Buffered output. What is in the buffer is sent on when there is much of it, when it has waited long, and when the
/// program ends or traps; on a terminal at once.
#[derive(Default)]
pub struct Output {
    pub sink: Sink,
    buffer: Vec<u8>,
    sent: Option<Instant>,
    terminal: Option<bool>,
}

const GREATEST_BUFFER: usize = 64 << 10;
/// So that who watches a file sees progress.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

impl Output {
    /// Output that is kept instead of written.
    pub fn captured() -> Output {
        Output { sink: Sink::Captured { out: Vec::new(), err: Vec::new() }, ..Output::default() }
    }

    pub fn is_stdout(&self) -> bool {
        matches!(self.sink, Sink::Process)
    }

    /// What has been printed to a captured output since the last call of this.
    pub fn take_captured(&mut self) -> (Vec<u8>, Vec<u8>) {
        self.flush();
        match &mut self.sink {
            Sink::Process => Default::default(),
            Sink::Captured { out, err } => (std::mem::take(out), std::mem::take(err)),
        }
    }

    pub(super) fn write(&mut self, text: &str, end: &str) {
        self.buffer.extend_from_slice(text.as_bytes());
        self.buffer.extend_from_slice(end.as_bytes());
        let terminal = *self.terminal.get_or_insert_with(|| std::io::stdout().is_terminal());
        let waited = self.sent.is_none_or(|sent| sent.elapsed() > LONGEST_WAIT);
        if self.is_stdout() && (terminal || waited || self.buffer.len() > GREATEST_BUFFER) {
            self.flush();
        }
    }

    /// Sends the buffer on.
    #[inline]
    pub fn flush(&mut self) {
        if !self.buffer.is_empty() {
            self.send();
        }
    }

    fn send(&mut self) {
        match &mut self.sink {
            Sink::Process => {
                let mut stdout = std::io::stdout();
                // An output that is gone (a closed pipe) is not the program's business.
                let _ = stdout.write_all(&self.buffer).and_then(|()| stdout.flush());
                self.sent = Some(Instant::now());
            }
            Sink::Captured { out, .. } => out.extend_from_slice(&self.buffer),
        }
        self.buffer.clear();
    }
}

impl Output {
    /// A line on standard error, after what has been printed.
    pub(super) fn error(&mut self, text: &str) {
        self.flush();
        match &mut self.sink {
            Sink::Process => {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
            Sink::Captured { err, .. } => {
                err.extend_from_slice(text.as_bytes());
                err.push(b'\n');
            }
        }
    }
}
