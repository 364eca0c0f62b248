//! What the test targets under `harness/` share: corpora of files, engines to run them on, the generators of random programs and
//! of random IR, and the opinions on a gradient.

pub mod arguments;
pub mod corpus;
pub mod engines;
pub mod generate;
pub mod grad_case;
pub mod gradcheck;
pub mod gradient_answers;
pub mod judge;
pub mod numbers;
pub mod program_case;
pub mod randir;
pub mod smooth_ir;
pub mod source_scan;
