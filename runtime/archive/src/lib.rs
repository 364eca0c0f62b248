//! `libdprog_rt.a` as bytes: the runtime that linked programs have, inside the compiler.
//!
//! The build script compiles the crate `dprog-runtime` once more, as a static library for this machine, and makes of it one
//! object in which nothing is visible but `dprog_rt_*` and `dprog_last_error`. Every function has a section of its own, so that a
//! linker leaves out what a program does not need.

/// The archive; empty where the compiler was built for a system without ELF.
pub static ARCHIVE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libdprog_rt.a"));
