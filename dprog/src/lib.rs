//! The compiler as a library: the one place where the stages meet.

pub use dprog_frontend::diagnostic;
pub use dprog_frontend::source;
