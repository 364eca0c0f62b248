//! Random well-typed programs, as source text.
//!
//! A program is a function of its seed alone. It is *total* by construction: loops and recursion carry fuel, indices
//! are wrapped into range, divisors are bounded away from zero, and the estimated work of a program is limited, so a
//! program that hangs or traps is a defect of the compiler (but for the few whose style says that they may trap). In the
//! *tame* styles every float variable stays within ±[`expr::BOUND`]: an expression that may leave it is folded back by
//! `sin`, `tanh` or `clamp` before it is assigned, so derivatives stay of moderate size and differences mean something.
//!
//! ```text
//! random     numbers from a seed            code       text that can be cut down
//! model      types, variables, functions    feature    what a program uses, counted
//! expr, array, aggregate                    an expression of a given type
//! stmt, control                             statements, loops
//! item       functions, structs, enums      program    all of it together, and `main`
//! reduce     a smaller program that still fails
//! ```

pub mod aggregate;
pub mod array;
pub mod code;
pub mod control;
pub mod expr;
pub mod feature;
pub mod item;
pub mod model;
pub mod program;
pub mod random;
pub mod reduce;
pub mod state;
pub mod stmt;

pub use code::Code;
pub use feature::{Coverage, Feature};
pub use program::{GradientProgram, Program, gradient_program, program};
pub use random::Random;
pub use reduce::reduce;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_a_function_of_its_seed() {
        for seed in 0..50 {
            assert_eq!(program(seed).text(), program(seed).text());
        }
        assert_ne!(program(1).text(), program(2).text());
    }

    /// Each feature is in at least one program of a hundred.
    #[test]
    fn nothing_is_rare() {
        let mut counts = vec![0; Feature::ALL.len()];
        for seed in 0..1000 {
            let coverage = program(seed).coverage;
            for (count, feature) in counts.iter_mut().zip(Feature::ALL) {
                *count += usize::from(coverage.has(*feature));
            }
        }
        let rare: Vec<_> = Feature::ALL.iter().zip(&counts).filter(|(_, count)| **count < 10).collect();
        assert!(rare.is_empty(), "{rare:?}");
    }
}
