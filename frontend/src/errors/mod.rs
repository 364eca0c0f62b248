//! How each error is worded: one function for each code, in one place.
//!
//! | codes | stage | file |
//! |---|---|---|
//! | E0001–E0099 | lexer | `lex.rs` |
//! | E0100–E0199 | parser | `syntax.rs` |
//! | E0200–E0229 | names and modules | `names.rs` |
//! | E0300–E0349 | types and sizes | `types.rs` |
//! | E0400–E0449 | calls and control | `calls.rs` |
//! | E0450–E0469 | assignments | `places.rs` |
//! | E0500–E0549 | declarations | `items.rs` |
//! | E0550–E0569 | models | `models.rs` |
//! | E0570–E0579 | patterns | `patterns.rs` |
//! | E0580–E0589 | exports | `exports.rs` |
//! | E0610–E0629 | differential operators | `differential.rs` |
//! | E0690–E0699 | not supported yet | `unsupported.rs` |
//!
//! Each code has a page in `docs/errors/`, which `dprogc explain` prints and a test runs.

pub mod calls;
pub mod differential;
pub mod elsewhere;
pub mod exports;
pub mod items;
pub mod lex;
pub mod models;
pub mod names;
pub mod patterns;
pub mod places;
pub mod syntax;
pub mod types;
pub mod unsupported;
