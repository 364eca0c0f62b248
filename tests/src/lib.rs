//! What the test targets under `harness/` share: the generators of random programs and of random IR.

pub mod generate;
<<<<<<< HEAD
pub mod gradcheck;
=======
pub mod randir;
>>>>>>> e0dfc82 (Constants are folded; random IR keeps its meaning in every pass)
