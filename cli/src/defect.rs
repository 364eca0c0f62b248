//! A panic is a defect of the compiler: the user reads an apology and how to report it, not a stack of frames.

use crate::status::Status;
use std::panic::PanicHookInfo;

/// Replaces the message of panics.
pub fn install() {
    std::panic::set_hook(Box::new(|info| eprintln!("{}", apology(info))));
}

fn apology(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
    format!(
        "dprogc {} has a defect, sorry: {}{place}\n\
         Your program is not to blame, and a workaround may be to write this part of it differently.\n\
         Please report this line together with the program, or the part of it that still shows the problem.",
        env!("CARGO_PKG_VERSION"),
        text.unwrap_or("no message").lines().next().unwrap_or_default(),
    )
}

/// Runs something on a thread with a stack for deeply nested programs; a panic there becomes a status.
pub fn guarded(work: impl FnOnce() -> Status + Send) -> Status {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("dprogc".into()).stack_size(STACK).spawn_scoped(scope, work);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(status)) => status,
            Ok(Err(_)) => Status::Defect,
            Err(error) => {
                eprintln!("error: no thread can be started: {error}");
                Status::Environment
            }
        }
    })
}

/// Address space, of which only what is used becomes memory.
const STACK: usize = 1 << 28;
