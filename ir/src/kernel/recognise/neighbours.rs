//! What a trip takes over from the trip before, where it does not go on from trip to trip: then the lane before has it.
//!
//! ```text
//! for i carry (%p = %p0) {                 k1: load x[i]
//!   %e = get %x[%i]                  ->    k2: before k1              the lanes of k1, one further; in the first what came before
//!   %d = sub %e, %p                        k3: sub k1, k2
//!   … yield %e
//! ```
//!
//! These are the fixed-order recurrences of vectorizing compilers. What is carried may come from something carried that is such itself (`q = p; p = x[i]`,
//! the stages of a Runge-Kutta method in one walk), so there are rounds: each knows some more. What needs itself in the end stays in order.
//!
//! In lanes the next number has to be there before the carried one is looked at. So what the next number is made of is taken first: operations,
//! and elements of arrays as they are when the trip begins, which nothing stands in the way of.

use super::*;
use rustc_hash::FxHashSet;

/// How many rounds there are at most, so that a loop that carries much takes no longer to look at.
const ROUNDS: usize = 8;

impl Recogniser<'_> {
    /// Takes what the carried floats become first, where the lane before may have it.
    pub(super) fn neighbours(&mut self, body: Region) -> Step1<()> {
        let region = &self.func.regions[body];
        for _ in 0..ROUNDS {
            let late = self.late_values(body);
            let is_free = |k: &usize| self.is_waiting(*k) && !late.contains(&region.yields[*k]);
            let found: Vec<usize> = (0..region.yields.len()).filter(is_free).collect();
            if found.is_empty() {
                break;
            }
            let wanted: Vec<Value> = found.iter().map(|k| region.yields[*k]).collect();
            self.take_first(body, &wanted)?;
            for k in found {
                self.take_over(k, region.yields[k])?;
            }
        }
        Ok(())
    }

    /// Whether the float that is carried in this place is still one of the ordered part.
    fn is_waiting(&self, k: usize) -> bool {
        match self.kernel.carried[k] {
            Carried::Ordered { param, .. } => {
                self.kernel.scalar(param).is_float() && self.kernel.shape(param) == Shape::Ordered
            }
            Carried::Array(_)
            | Carried::Same(_)
            | Carried::Steady { .. }
            | Carried::Extreme { .. }
            | Carried::Sum { .. } => false,
        }
    }

    /// The values of the body that need what is carried in order, or more than operations on what is there when the trip begins.
    fn late_values(&self, body: Region) -> FxHashSet<Value> {
        let region = &self.func.regions[body];
        let is_early = |carried: &Carried| match carried {
            Carried::Ordered { param, .. } => self.kernel.shape(*param) != Shape::Ordered,
            Carried::Array(_) | Carried::Same(_) | Carried::Steady { .. } => true,
            Carried::Extreme { .. } | Carried::Sum { .. } => false,
        };
        let params = region.params[1..].iter().zip(&self.kernel.carried);
        let mut late: FxHashSet<Value> = params.filter(|(_, c)| !is_early(c)).map(|(p, _)| *p).collect();
        for inst in &region.insts {
            let data = &self.func.insts[*inst];
            let is_simple = matches!(
                data.op,
                Op::Const(_)
                    | Op::StopGrad
                    | Op::Unary(_)
                    | Op::Binary(_)
                    | Op::Compare(_)
                    | Op::Select
                    | Op::Convert(_)
                    | Op::Dim(_)
                    | Op::Get(_)
            );
            if !is_simple || data.args.iter().any(|a| late.contains(a)) {
                late.extend(&data.results);
            }
        }
        late
    }

    /// Goes over the instructions that these values come from.
    fn take_first(&mut self, body: Region, wanted: &[Value]) -> Step1<()> {
        let func = self.func;
        let mut wanted: FxHashSet<Value> = wanted.iter().copied().collect();
        let mut first: Vec<Inst> = Vec::new();
        for inst in func.regions[body].insts.iter().rev() {
            let data = &func.insts[*inst];
            if data.results.iter().any(|r| wanted.contains(r)) {
                wanted.extend(&data.args);
                first.push(*inst);
            }
        }
        for inst in first.into_iter().rev() {
            self.inst(inst)?;
            self.taken.insert(inst);
        }
        Ok(())
    }

    /// Makes the number carried in this place what the lane before has.
    fn take_over(&mut self, k: usize, next: Value) -> Step1<()> {
        let value = self.num(next)?;
        let Carried::Ordered { param, .. } = self.kernel.carried[k] else { return Ok(()) };
        self.kernel.numbers[param].shape = Shape::Varying;
        self.steps.push(Step::Before { result: param, value });
        Ok(())
    }
}
