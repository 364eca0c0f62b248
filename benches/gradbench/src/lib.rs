//! dProg as a tool of [GradBench](https://github.com/gradbench/gradbench).
//!
//! ```text
//! tool         one answer to each message of the protocol
//! input        what a message brings, as arrays
//! runs         how often a function runs, and how long each run takes
//! evaluation   each evaluation: its program, its functions, and what they take and give
//! ```
//!
//! The mathematics of the evaluations stands in `programs/*.dp`; what is here hands arrays over. `define` compiles a program;
//! decoding and encoding are outside of what is timed.

mod evaluation;
mod input;
mod runs;
mod tool;

pub use tool::Tool;
