//! What the process ends with. Scripts are written against these numbers.

use std::process::ExitCode;

/// The exit statuses of `dprogc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Done,
    /// Errors in the source, or a failed test.
    Failed,
    /// The command was used wrongly.
    Usage,
    /// The program trapped.
    Trapped,
    /// A file is missing or malformed, or cannot be written.
    Environment,
    /// A defect of the compiler.
    Defect,
    /// Ctrl-C.
    Interrupted,
    /// The program ended itself with this status.
    Program(u8),
}

impl Status {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Status::Done => 0,
            Status::Failed => 1,
            Status::Usage => 2,
            Status::Trapped => 3,
            Status::Environment => 4,
            Status::Defect => 101,
            Status::Interrupted => 130,
            Status::Program(code) => code,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.code())
    }
}

/// Why a command could not do its work, when that is not a matter of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub status: Status,
    pub message: String,
}

impl Failure {
    /// The command was used wrongly.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { status: Status::Usage, message: message.into() }
    }

    /// Something outside is not as it should be.
    pub fn environment(message: impl Into<String>) -> Failure {
        Failure { status: Status::Environment, message: message.into() }
    }
}
