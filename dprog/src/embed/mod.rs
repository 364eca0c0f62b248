//! The compiler inside other programs: text in, functions to call out.
//!
//! ```text
//! compiler   options, and where modules come from    module     what a program offers, by name; derivatives too
//! interface  a function as the world sees it         sizes      sizes of arrays, from the lengths of slices
//! native     which Rust types stand for what         signature  Rust's function types, taken apart
//! views      arrays of `ndarray`
//! function   typed calls                             dynamic    calls with values
//! thread     the context of each thread              watch      cancellation, and limits of time
//! raw        functions with C types, for the C face        host  functions of the embedding program
//! error      everything that can go wrong            diagnostic what is wrong with a text, as data
//! ```
//!
//! A typed call resolves to the address of the machine code: where the arguments are numbers, it calls a C function and reads
//! the results. Arrays that are only read stay where they are; others are copied into objects of the context of the thread.

pub(crate) mod code;
pub(crate) mod compiler;
pub(crate) mod diagnostic;
pub(crate) mod dynamic;
pub(crate) mod error;
pub(crate) mod function;
pub(crate) mod host;
pub(crate) mod interface;
pub(crate) mod module;
pub(crate) mod native;
#[doc(hidden)]
pub mod raw;
pub(crate) mod signature;
pub(crate) mod sizes;
pub(crate) mod thread;
#[cfg(feature = "ndarray")]
mod views;
pub(crate) mod watch;
