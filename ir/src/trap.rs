//! Traps: the run-time errors of the language, and their wording.
//!
//! Compiled code and the interpreter raise a [`TrapCode`] with up to two integers or a text; this file is the only
//! place that words them.

/// Why a program trapped. The numbers are part of the ABI between compiled code and the runtime.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum TrapCode {
    /// `assert` failed or `trap` was called; the text is the program's.
    Message = 1,
    /// Index `a` outside `0..b`.
    Bounds = 2,
    /// Integer division or remainder by zero.
    DivisionByZero = 3,
    /// Size `a` where size `b` is needed.
    Shape = 4,
    /// Size `a` is negative.
    NegativeSize = 5,
    /// `pop` of an empty list.
    EmptyPop = 6,
    /// `max`, `min`, `argmax`, `argmin` or `mean` of nothing.
    EmptyReduce = 7,
    /// A range with step zero.
    ZeroStep = 8,
    /// Two `&` arguments of a call are the same element: index `a`.
    Aliased = 9,
    /// More nested calls than allowed: `a`.
    Depth = 10,
    /// More memory than allowed: limit `a` bytes.
    Memory = 11,
    /// Slice `a..b` outside the axis.
    SliceBounds = 12,
    /// Tangents of different enum cases, or of lists of different lengths, were added.
    TangentMismatch = 13,
    /// Another thread asked the program to stop.
    Cancelled = 14,
    /// More time than allowed: `a` milliseconds.
    Time = 15,
    /// A function of the embedding program failed or panicked; the text names it.
    Host = 16,
}

impl TrapCode {
    pub const ALL: [TrapCode; 16] = [
        TrapCode::Message,
        TrapCode::Bounds,
        TrapCode::DivisionByZero,
        TrapCode::Shape,
        TrapCode::NegativeSize,
        TrapCode::EmptyPop,
        TrapCode::EmptyReduce,
        TrapCode::ZeroStep,
        TrapCode::Aliased,
        TrapCode::Depth,
        TrapCode::Memory,
        TrapCode::SliceBounds,
        TrapCode::TangentMismatch,
        TrapCode::Cancelled,
        TrapCode::Time,
        TrapCode::Host,
    ];

    pub fn from_u8(code: u8) -> Option<TrapCode> {
        TrapCode::ALL.into_iter().find(|c| *c as u8 == code)
    }

    /// The name in the text form of the IR.
    pub fn name(self) -> &'static str {
        match self {
            TrapCode::Message => "message",
            TrapCode::Bounds => "bounds",
            TrapCode::DivisionByZero => "division",
            TrapCode::Shape => "shape",
            TrapCode::NegativeSize => "negative-size",
            TrapCode::EmptyPop => "empty-pop",
            TrapCode::EmptyReduce => "empty-reduce",
            TrapCode::ZeroStep => "zero-step",
            TrapCode::Aliased => "aliased",
            TrapCode::Depth => "depth",
            TrapCode::Memory => "memory",
            TrapCode::SliceBounds => "slice-bounds",
            TrapCode::TangentMismatch => "tangent-mismatch",
            TrapCode::Cancelled => "cancelled",
            TrapCode::Time => "time",
            TrapCode::Host => "host",
        }
    }

    /// What the user reads after `trap: `. `text` is the program's own message for [`TrapCode::Message`].
    pub fn describe(self, a: i64, b: i64, text: &str) -> String {
        match self {
            TrapCode::Message => text.to_string(),
            TrapCode::Bounds => format!("index {a} is out of bounds for size {b}"),
            TrapCode::DivisionByZero => "integer division by zero".to_string(),
            TrapCode::Shape => format!("size {a} where size {b} is needed"),
            TrapCode::NegativeSize => format!("size {a} is negative"),
            TrapCode::EmptyPop => "pop from an empty list".to_string(),
            TrapCode::EmptyReduce => "reduction of an empty array has no value".to_string(),
            TrapCode::ZeroStep => "the step of a range is zero".to_string(),
            TrapCode::Aliased => format!("two `&` arguments are the same element, index {a}"),
            TrapCode::Depth => format!("recursion deeper than {a} calls"),
            TrapCode::Memory => format!("more memory needed than the limit of {a} bytes"),
            TrapCode::SliceBounds => format!("slice {a}..{b} is out of bounds"),
            TrapCode::TangentMismatch => "tangents of different cases or lengths were added".to_string(),
            TrapCode::Cancelled => "cancelled".to_string(),
            TrapCode::Time => format!("more time needed than the limit of {a} ms"),
            TrapCode::Host => text.to_string(),
        }
    }
}
