//! Standard output that may be a closed pipe: what nobody reads is not an error.

use std::io::Write;

/// Writes a text and flushes.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
