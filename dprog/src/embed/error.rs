//! Everything that can go wrong for who embeds the compiler.

use super::diagnostic::Diagnostic;
use crate::trap::Trap;
use std::fmt;

/// Why something could not be done. One pointer wide, so that results of calls stay in registers.
pub struct Error(Box<ErrorKind>);

/// What an [`Error`] is about.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The program has errors. Warnings are among them.
    Compile(Vec<Diagnostic>),
    /// A file could not be read.
    File {
        /// Its path.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// The module has no function of this name.
    NotFound {
        /// The name that was asked for.
        name: String,
        /// The functions that there are.
        known: Vec<String>,
    },
    /// A function was looked up with a type that does not fit.
    Signature {
        /// The function as it is written in dProg.
        function: String,
        /// The Rust or C type that was asked for.
        asked: String,
        /// What does not fit, and what would.
        reason: String,
    },
    /// The arguments of a call do not fit: sizes that differ, values of another type. Nothing was run.
    Arguments {
        /// The function.
        function: String,
        /// What is wrong.
        reason: String,
    },
    /// The program trapped. The next call is not affected.
    Trap(Trap),
    /// The program asked to end with this status.
    Exit(i32),
}

impl Error {
    /// What it is about.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// The diagnostics, if the program has errors; else nothing.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        match &*self.0 {
            ErrorKind::Compile(all) => all,
            _ => &[],
        }
    }

    /// The trap, if it is one.
    pub fn trap(&self) -> Option<&Trap> {
        match &*self.0 {
            ErrorKind::Trap(trap) => Some(trap),
            _ => None,
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Error {
        Error(Box::new(kind))
    }
}

impl fmt::Display for Error {
    /// For people; diagnostics are drawn with the source around them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            ErrorKind::Compile(all) => {
                let drawn: Vec<String> = all.iter().map(Diagnostic::to_string).collect();
                f.write_str(&drawn.join("\n\n"))
            }
            ErrorKind::File { path, reason } => write!(f, "{path}: {reason}"),
            ErrorKind::NotFound { name, known } if known.is_empty() => {
                write!(f, "there is no function `{name}`: the module has none")
            }
            ErrorKind::NotFound { name, known } => {
                write!(f, "there is no function `{name}`; there are {}", known.join(", "))
            }
            ErrorKind::Signature { function, asked, reason } => {
                write!(f, "types do not fit: {reason}\n  in dProg:  {function}\n  asked for: {asked}")
            }
            ErrorKind::Arguments { function, reason } => write!(f, "`{function}` cannot be called so: {reason}"),
            ErrorKind::Trap(trap) => write!(f, "{trap}"),
            ErrorKind::Exit(status) => write!(f, "the program ended itself with status {status}"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {}
