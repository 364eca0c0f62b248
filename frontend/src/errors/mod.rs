//! How each error is worded: one function for each code, in one place.
//!
//! | codes | stage | file |
//! |---|---|---|
//! | E0001–E0099 | lexer | `lex.rs` |
//! | E0100–E0199 | parser | `syntax.rs` |
//!
//! Each code has a page in `docs/errors/`, which `dprogc explain` prints and a test runs.

pub mod lex;
pub mod syntax;
