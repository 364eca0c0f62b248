//! Facts about primals, as tables: structure, what depends on what, what is active, which arrays stay as they are.

pub mod accumulated;
pub mod activity;
pub mod depends;
pub mod stable;
pub mod structure;
