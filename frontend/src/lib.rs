//! Text to typed tree to IR. Pure: no files, no printing; every stage gives a result and a list of problems.

pub mod ast;
pub mod check;
pub mod diagnostic;
pub mod errors;
pub mod lexer;
pub mod lower;
pub mod parser;
pub mod resolve;
pub mod source;
pub mod stdlib;
pub mod typed;
