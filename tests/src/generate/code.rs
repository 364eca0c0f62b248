//! Program text as a tree of lines, so that a failing program can be cut down without knowing its grammar.

use std::fmt;

/// A line, or lines with a head and a foot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    Line(String),
    Block { open: String, body: Vec<Code>, close: String },
}

impl Code {
    pub fn line(text: impl Into<String>) -> Code {
        Code::Line(text.into())
    }

    /// `open … }`
    pub fn block(open: impl Into<String>, body: Vec<Code>) -> Code {
        Code::Block { open: open.into(), body, close: "}".into() }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        let indent = 4 * depth;
        match self {
            Code::Line(text) => writeln!(f, "{:indent$}{text}", ""),
            Code::Block { open, body, close } => {
                writeln!(f, "{:indent$}{open}", "")?;
                body.iter().try_for_each(|code| code.write(f, depth + 1))?;
                writeln!(f, "{:indent$}{close}", "")
            }
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// The whole text.
pub fn text(code: &[Code]) -> String {
    code.iter().map(Code::to_string).collect()
}
