//! Derivatives by dual numbers over the primal: what a request means, worked out in the simplest way that can be right.
//!
//! Forward mode is one run with an ε attached to each marked parameter. Reverse mode is built from forward runs too:
//! one per float of the marked parameters, with a tangent of one there and zero elsewhere; the derivative of all results
//! in that direction, weighted by the seeds, is one entry of the adjoint. That takes time in proportion to the number
//! of inputs, which is what `ad-pass` is there to avoid.
//!
//! The tape of an augmented primal is its arguments: the reverse sweep runs the primal again. Only the first run of a
//! primal writes to the world.

use super::Fault;
use super::eval::{Args, add_floats};
use super::machine::Machine;
use super::number::{Num, add, contribution};
use super::structure::{add_tangents, leaves, tangent_with, with_leaves};
use super::value::Val;
use crate::function::{Derivative, DerivativeMode};
use crate::trap::TrapCode;

impl Machine<'_> {
    /// Answers a request.
    pub(super) fn derivative(&mut self, request: &Derivative, args: Args) -> Result<Vec<Val>, Fault> {
        if self.nesting >= self.limits.nesting {
            return Err(Fault::new(TrapCode::Depth, self.limits.nesting as i64, 0));
        }
        self.nesting += 1;
        let mut args = args.into_iter();
        let params = request.wrt.len();
        let seeds = count(&request.outs);
        let mut take = |n: usize| args.by_ref().take(n).collect::<Vec<Val>>();
        let results = match request.mode {
            DerivativeMode::Jvp => {
                let (primals, tangents) = (take(params), take(count(&request.wrt)));
                self.jvp(request, &primals, &tangents)?
            }
            DerivativeMode::Vjp => {
                let (primals, seeds) = (take(params), take(seeds));
                let (results, adjoints) = self.vjp(request, &primals, &seeds)?;
                [results, adjoints].concat()
            }
            DerivativeMode::VjpInto => {
                let (primals, seeds) = (take(params), take(seeds));
                let accumulators: Vec<Val> = args.collect();
                let (results, adjoints) = self.vjp(request, &primals, &seeds)?;
                let sums = accumulators.into_iter().zip(&adjoints).map(|(acc, adj)| add_tangents(acc, adj, add_floats));
                [results, sums.collect::<Result<_, _>>()?].concat()
            }
            DerivativeMode::Augmented { tape } => {
                let primals = take(params);
                let mut results = self.run(request.primal, primals.iter().cloned().collect())?;
                results.push(Val::node(tape, 0, primals));
                results
            }
            DerivativeMode::Reverse { .. } => {
                let tape = take(1).pop();
                let Some(Val::Node(tape)) = tape else { return Err(Fault::defect("this is no tape".to_string())) };
                let seeds: Vec<Val> = args.collect();
                let was_silent = std::mem::replace(&mut self.silent, true);
                let (_, adjoints) = self.vjp(request, tape.fields(), &seeds)?;
                self.silent = was_silent;
                adjoints
            }
        };
        self.nesting -= 1;
        Ok(results)
    }

    fn new_level(&mut self) -> u32 {
        self.level += 1;
        self.level
    }

    /// Results and their tangents.
    fn jvp(&mut self, request: &Derivative, primals: &[Val], tangents: &[Val]) -> Result<Vec<Val>, Fault> {
        let level = self.new_level();
        let mut tangents = tangents.iter();
        let mut args = Args::new();
        for (primal, marked) in primals.iter().zip(&request.wrt) {
            let tangent = if *marked { tangents.next() } else { None };
            args.push(match tangent {
                Some(tangent) => with_tangent(primal, tangent, level)?,
                None => primal.clone(),
            });
        }
        let results = self.run(request.primal, args)?;
        let mut all: Vec<Val> = results.iter().map(|r| part(r, |leaf| leaf.split(level).0)).collect();
        for (result, _) in results.iter().zip(&request.outs).filter(|(_, marked)| **marked) {
            all.push(tangent_with(result, self.module, |leaf| map_number(leaf, |num| num.split(level).1)));
        }
        Ok(all)
    }

    /// Results, and the adjoints of the marked parameters.
    fn vjp(&mut self, request: &Derivative, primals: &[Val], seeds: &[Val]) -> Result<(Vec<Val>, Vec<Val>), Fault> {
        let results = self.run(request.primal, primals.iter().cloned().collect())?;
        let seeds: Vec<Num> = seeds.iter().flat_map(leaves).map(number).collect();
        let was_silent = std::mem::replace(&mut self.silent, true);
        let mut adjoints = Vec::new();
        for (k, primal) in primals.iter().enumerate().filter(|(k, _)| request.wrt[*k]) {
            let mut entries = Vec::new();
            for direction in 0..leaves(primal).len() {
                entries.push(self.adjoint_entry(request, primals, k, direction, &seeds)?);
            }
            let mut entries = entries.into_iter();
            let adjoint = |leaf: &Val| map_number(leaf, |_| entries.next().expect("an entry for each leaf"));
            adjoints.push(tangent_with(primal, self.module, adjoint));
        }
        self.silent = was_silent;
        Ok((results, adjoints))
    }

    /// The derivative of the marked results, weighted by the seeds, by one float: leaf `direction` of parameter `param`.
    fn adjoint_entry(
        &mut self,
        request: &Derivative,
        primals: &[Val],
        param: usize,
        direction: usize,
        seeds: &[Num],
    ) -> Result<Num, Fault> {
        let level = self.new_level();
        let mut args: Args = primals.iter().cloned().collect();
        let mut at = 0;
        args[param] = with_leaves(&primals[param], |leaf| {
            at += 1;
            let chosen = at - 1 == direction;
            map_number(leaf, |num| if chosen { Num::dual(level, num, Num::Plain(1.0)) } else { num })
        });
        let results = self.run(request.primal, args)?;
        let marked = results.iter().zip(&request.outs).filter(|(_, marked)| **marked);
        let derivatives: Vec<Num> =
            marked.flat_map(|(r, _)| leaves(r)).map(|leaf| number(leaf).split(level).1).collect();
        if derivatives.len() != seeds.len() {
            return Err(Fault::new(TrapCode::TangentMismatch, 0, 0));
        }
        let weighted = derivatives.iter().zip(seeds).map(|(derivative, seed)| contribution(derivative, seed));
        Ok(weighted.fold(Num::Plain(0.0), |sum, term| add(&sum, &term)))
    }
}

fn count(marks: &[bool]) -> usize {
    marks.iter().filter(|marked| **marked).count()
}

fn number(leaf: &Val) -> Num {
    leaf.number().expect("leaves are floats").0
}

/// A float with its number replaced, of the same width.
fn map_number(leaf: &Val, f: impl FnOnce(Num) -> Num) -> Val {
    let (num, width) = leaf.number().expect("leaves are floats");
    f(num).into_val(width)
}

fn part(v: &Val, f: impl Fn(Num) -> Num) -> Val {
    if leaves(v).is_empty() { v.clone() } else { with_leaves(v, |leaf| map_number(leaf, &f)) }
}

/// `primal` with the floats of `tangent` as ε-parts.
fn with_tangent(primal: &Val, tangent: &Val, level: u32) -> Result<Val, Fault> {
    let tangents = leaves(tangent);
    if tangents.len() != leaves(primal).len() {
        return Err(Fault::new(TrapCode::TangentMismatch, 0, 0));
    }
    let mut tangents = tangents.into_iter();
    Ok(with_leaves(primal, |leaf| {
        let tangent = number(tangents.next().expect("as many tangents as leaves"));
        map_number(leaf, |num| Num::dual(level, num, tangent))
    }))
}
