//! Ctrl-C: a running program is asked to stop, what it printed is kept, and the status is 130.
//!
//! The signal wakes a thread. That thread asks the program to stop, which it does at its next loop or call, and the main
//! thread flushes and ends as always. If that takes too long (a write that blocks, a large matrix product), or if no
//! program is running, the process ends at once.

use crate::status::Status;
use signal_hook::consts::SIGINT;
use signal_hook::iterator::Signals;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a program may take to stop by itself.
const PATIENCE: Duration = Duration::from_millis(60);

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static CANCEL: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

/// Whether Ctrl-C was pressed.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// The flag that stops the program that runs now.
pub fn running(cancel: Arc<AtomicBool>) {
    *CANCEL.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(cancel);
    watch();
}

/// Starts the thread that waits for the signal. Without it the system's own way of ending the process is kept.
fn watch() {
    let Ok(mut signals) = Signals::new([SIGINT]) else { return };
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            INTERRUPTED.store(true, Ordering::Relaxed);
            if let Some(cancel) = &*CANCEL.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
                cancel.store(true, Ordering::Relaxed);
            }
            std::thread::sleep(PATIENCE);
            std::process::exit(Status::Interrupted.code().into());
        }
    });
}
