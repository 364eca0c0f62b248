//! What can be wrong with the characters of a file: E0001–E0099.

use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// The bytes of a file are not UTF-8.
pub fn not_utf8(at: Span, byte: u8) -> Diagnostic {
    Diagnostic::error("E0001", at, format!("this file is not UTF-8: unexpected byte 0x{byte:02x}"))
        .label("the text before this is fine")
        .help("save the file as UTF-8")
}
