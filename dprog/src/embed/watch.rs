//! Stopping calls: at another thread's wish, or when their time is over.
//!
//! Compiled code reads one byte in its loops. Without a limit of time that byte is the token's. With one, each call has a
//! byte of its own, which a thread of this file sets at the deadline; the thread starts with the first such call, and sleeps
//! while there is none.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard};
use std::time::Instant;

/// Stops calls from another thread. Clones are the same token.
///
/// Functions are tied to a token by [`Function::with_cancel`](crate::Function::with_cancel). From [`CancelToken::cancel`] on,
/// their calls end with a trap of code `Cancelled`, those under way and those that begin, until [`CancelToken::reset`].
///
/// ```
/// let module = dprog::Compiler::new().compile("spin.dp", "fn spin() { loop { } }").unwrap();
/// let token = dprog::CancelToken::new();
/// let spin = module.function::<fn()>("spin").unwrap().with_cancel(&token);
/// let other = token.clone();
/// std::thread::spawn(move || other.cancel());
/// let error = spin.call(()).unwrap_err();
/// assert_eq!(error.trap().unwrap().message, "cancelled");
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
}

impl CancelToken {
    /// A token that has not been cancelled.
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// Stops the calls that are tied to this token.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
        let registry = registry();
        for call in registry.calls.iter().filter(|call| call.token.as_ref().is_some_and(|t| t.is(self))) {
            call.flag.store(true, Ordering::Relaxed);
        }
    }

    /// Lets calls run again.
    pub fn reset(&self) {
        self.flag.store(false, Ordering::Relaxed);
    }

    /// Whether it has been cancelled, and not been reset.
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    pub(crate) fn flag(&self) -> *const AtomicBool {
        Arc::as_ptr(&self.flag)
    }

    fn is(&self, other: &CancelToken) -> bool {
        Arc::ptr_eq(&self.flag, &other.flag)
    }
}

/// A call with a deadline.
struct Call {
    number: u64,
    deadline: Instant,
    flag: Arc<AtomicBool>,
    token: Option<CancelToken>,
}

#[derive(Default)]
struct Registry {
    calls: Vec<Call>,
    next: u64,
    running: bool,
}

static REGISTRY: LazyLock<(Mutex<Registry>, Condvar)> = LazyLock::new(Default::default);

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// A call under the eyes of the clock, until it is dropped.
pub(crate) struct Watched {
    number: u64,
    flag: Arc<AtomicBool>,
    deadline: Instant,
}

impl Watched {
    /// Sets `flag` at the deadline, or when the token is cancelled.
    pub fn new(deadline: Instant, flag: Arc<AtomicBool>, token: Option<CancelToken>) -> Watched {
        let mut registry = registry();
        let number = registry.next;
        registry.next += 1;
        flag.store(token.as_ref().is_some_and(CancelToken::is_cancelled), Ordering::Relaxed);
        registry.calls.push(Call { number, deadline, flag: flag.clone(), token });
        if !registry.running {
            registry.running = true;
            let spawned = std::thread::Builder::new().name("dprog-watch".to_string()).spawn(watch);
            registry.running = spawned.is_ok();
        }
        REGISTRY.1.notify_one();
        Watched { number, flag, deadline }
    }

    /// Whether the time is over.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        registry().calls.retain(|call| call.number != self.number);
        self.flag.store(false, Ordering::Relaxed);
    }
}

fn watch() {
    let mut registry = registry();
    loop {
        let now = Instant::now();
        for call in registry.calls.iter().filter(|call| call.deadline <= now) {
            call.flag.store(true, Ordering::Relaxed);
        }
        let next = registry.calls.iter().map(|call| call.deadline).filter(|deadline| *deadline > now).min();
        registry = match next {
            Some(deadline) => match REGISTRY.1.wait_timeout(registry, deadline - now) {
                Ok((registry, _)) => registry,
                Err(_) => return,
            },
            None => match REGISTRY.1.wait(registry) {
                Ok(registry) => registry,
                Err(_) => return,
            },
        };
    }
}
