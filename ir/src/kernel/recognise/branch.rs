//! Branches. A condition on the counter holds in all trips but a few, so the kernel leaves these out; of any other branch both sides
//! are computed, and one is chosen.
//!
//! ```text
//! for %i in 0..%n { %c = eq %i, 0; %r = if %c { … } else { get %x[%i - 1] } … }
//!    except trip 0:  %c is false, %r = load x[i - 1]
//!
//! %r = if gt %a, 0.0 { %b = get %x[%i]; yield %b } else { yield %a }
//!    %b = load x[i], where i is inside in all trips or the kernel does not run;  %r = select (gt %a, 0.0), %b, %a
//! ```
//!
//! Nothing traps on the other side: what is known to be inside on one side only is tested for both, before the kernel. A store on one
//! side stores what stands there on the other; an addition adds -0.0, which changes no float.

use super::*;

/// A kernel leaves out at most so many trips at either end (by gut feeling), and has at most so many limits.
const MOST_LEFT_OUT: i64 = 64;
const MOST_LIMITS: usize = 6;
/// What a branch costs in a loop: now and then the processor guesses wrong.
const BRANCH: f32 = 4.0;

impl Recogniser<'_> {
    /// What an operation gives that need not be done in a kernel.
    pub(super) fn simpler(&mut self, op: NumOp, args: &[Num]) -> Step1<Option<Num>> {
        let truth = |this: &Self, k: usize| match this.kernel.constant(args[k]) {
            Some(Const::Bool(x)) => Some(*x),
            _ => None,
        };
        let of_bools = self.kernel.scalar(args[0]) == Scalar::Bool;
        let known = match op {
            NumOp::Compare(op) if !of_bools => self.assumed(op, args[0], args[1]),
            NumOp::Select => match truth(self, 0) {
                Some(cond) => return Ok(Some(args[if cond { 1 } else { 2 }])),
                None => return self.sum_of_choice(args),
            },
            NumOp::Unary(UnaryOp::Not) if of_bools => truth(self, 0).map(|x| !x),
            NumOp::Binary(op @ (BinaryOp::And | BinaryOp::Or)) if of_bools => {
                let decides = op == BinaryOp::Or;
                match (truth(self, 0), truth(self, 1)) {
                    (Some(x), _) | (_, Some(x)) if x == decides => Some(decides),
                    (Some(_), _) => return Ok(Some(args[1])),
                    (_, Some(_)) => return Ok(Some(args[0])),
                    (None, None) => None,
                }
            }
            NumOp::Unary(_) | NumOp::Binary(_) | NumOp::Compare(_) | NumOp::Convert(_) => None,
            NumOp::Guarded | NumOp::Added => None,
        };
        Ok(known.map(|x| self.constant(Const::Bool(x))))
    }

    /// `select c, s + x, s` as `s + (select c, x, -0.0)`, where only `s` is in order: so there is less to do in order.
    fn sum_of_choice(&mut self, args: &[Num]) -> Step1<Option<Num>> {
        let (cond, s) = (args[0], args[2]);
        let is_free = |n: Num| self.kernel.shape(n) != Shape::Ordered;
        let Some((op @ NumOp::Binary(BinaryOp::Add | BinaryOp::Sub), of)) = self.made.get(&args[1]) else {
            return Ok(None);
        };
        let (op, of) = (*op, of.clone());
        let adds = op == NumOp::Binary(BinaryOp::Add);
        let x = if of[0] == s { of[1] } else { of[0] };
        let fits = of[0] == s || (adds && of[1] == s);
        let scalar = self.kernel.scalar(s);
        if !fits || is_free(s) || !is_free(x) || !is_free(cond) || !scalar.is_float() {
            return Ok(None);
        }
        let nothing = self.constant(float(scalar, if adds { -0.0 } else { 0.0 }));
        let chosen = self.op(NumOp::Select, &[cond, x, nothing], scalar)?;
        self.op(op, &[s, chosen], scalar).map(Some)
    }

    // ---- conditions on the counter ----

    /// What a comparison of the counter with a number that is there before the loop gives, in all trips but those that the kernel
    /// leaves to the loop.
    fn assumed(&mut self, op: CompareOp, a: Num, b: Num) -> Option<bool> {
        let of = |n: Num| self.kernel.numbers[n].affine.clone();
        let (a, b) = (of(a)?, of(b)?);
        let difference = a.plus(&b, -1)?;
        let of_inputs = difference.terms.iter().all(|(n, _)| self.is_input(*n));
        if difference.axis.abs() != 1 || !of_inputs || self.kernel.limits.len() == MOST_LIMITS {
            return None;
        }
        let point = Affine { axis: 0, ..difference.times(-difference.axis)? };
        let op = if difference.axis == 1 { op } else { swapped(op) };
        let behind = point.plus(&Affine::constant(1), 1)?;
        match op {
            CompareOp::Eq | CompareOp::Ne => {
                self.limit(Limit::Except(point));
                Some(op == CompareOp::Ne)
            }
            CompareOp::Lt => self.is_before(point, [a, b]),
            CompareOp::Le => self.is_before(behind, [a, b]),
            CompareOp::Gt => self.is_before(behind, [a, b]).map(|x| !x),
            CompareOp::Ge => self.is_before(point, [a, b]).map(|x| !x),
        }
    }

    /// Whether most trips are before `point`, which must be near one of the ends. `sides` are what the loop compares.
    fn is_before(&mut self, point: Affine, sides: [Affine; 2]) -> Option<bool> {
        let (lo, hi) = self.ends()?;
        let gap = |a: &Affine, b: &Affine| a.plus(b, -1).filter(Affine::is_constant).map(|d| d.constant);
        let near = |gap: Option<i64>| gap.filter(|gap| *gap <= MOST_LEFT_OUT);
        let (first, last) = (near(gap(&point, &lo)), near(gap(&hi, &point)));
        let is_late = match (first, last) {
            (Some(first), Some(last)) => last < first,
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (None, None) => return None,
        };
        for side in sides {
            let fixed = Affine { axis: 0, ..side };
            if !fixed.is_constant() && !self.kernel.small.contains(&fixed) {
                self.kernel.small.push(fixed);
            }
        }
        self.limit(if is_late { Limit::Until(point) } else { Limit::From(point) });
        Some(is_late)
    }

    fn limit(&mut self, limit: Limit) {
        if !self.kernel.limits.contains(&limit) {
            self.kernel.limits.push(limit);
        }
    }

    /// The bounds of the loop.
    fn ends(&mut self) -> Option<(Affine, Affine)> {
        let data = &self.func.insts[self.at.inst];
        let mut bound = |v: Value| {
            let num = self.num(v).ok()?;
            self.kernel.numbers[num].affine.clone()
        };
        if data.op == Op::For {
            return Some((bound(data.args[0])?, bound(data.args[1])?));
        }
        (data.op == Op::Build).then_some((Affine::constant(0), bound(*data.args.last()?)?))
    }

    // ---- other branches ----

    pub(super) fn branch(&mut self, inst: Inst) -> Step1<()> {
        let func = self.func;
        let data = &func.insts[inst];
        let cond = self.num(data.args[0])?;
        let known = match self.kernel.constant(cond) {
            Some(Const::Bool(taken)) => Some(*taken),
            Some(_) | None => self.expected(inst, cond),
        };
        let Some(taken) = known else { return self.choice(inst, cond) };
        let region = data.regions[if taken { 0 } else { 1 }];
        self.region(region)?;
        for (result, y) in data.results.iter().zip(&func.regions[region].yields) {
            if func.value_type(*y).as_scalar().is_some() {
                self.define(*result, |this| this.num(*y))?;
            } else {
                let array = self.array(*y)?;
                self.versions.insert(*result, array);
            }
        }
        Ok(())
    }

    /// The side with loops in it, if a condition is the same in all trips. The other side is left to the loop as it stands, for both would be
    /// done in each trip.
    fn expected(&mut self, inst: Inst, cond: Num) -> Option<bool> {
        let data = &self.func.insts[inst];
        let is_loop = |inst: &Inst| matches!(self.func.insts[*inst].op, Op::For | Op::Build);
        let loops = |k: usize| self.func.regions[data.regions[k]].insts.iter().any(is_loop);
        let taken = match (loops(0), loops(1)) {
            (true, false) => true,
            (false, true) => false,
            _ => return None,
        };
        if !self.is_input(cond) {
            return None;
        }
        self.kernel.conditions.push((cond, taken));
        Some(taken)
    }

    fn choice(&mut self, inst: Inst, cond: Num) -> Step1<()> {
        let func = self.func;
        let data = &func.insts[inst];
        let mut work = [0.0; 2];
        for (k, region) in data.regions.iter().enumerate() {
            let before = self.steps.len();
            self.masks.push((cond, k == 0));
            self.region(*region)?;
            self.masks.pop();
            work[k] = Cost::of_loop(&self.kernel, &self.steps[before..]);
        }
        self.loc = data.loc;
        self.skipped += self.times
            * match self.mostly(cond) {
                Some(taken) => work[taken as usize],
                None => 0.5 * (work[0] + work[1]) - BRANCH,
            };
        let [then, otherwise] = [0, 1].map(|k| &func.regions[data.regions[k]].yields);
        for ((result, a), b) in data.results.iter().zip(then).zip(otherwise) {
            if let Some(scalar) = func.value_type(*result).as_scalar() {
                let (a, b) = (self.num(*a)?, self.num(*b)?);
                let is_any = |n: Num| self.undefined.contains(&n);
                match (is_any(a), is_any(b)) {
                    (true, _) => self.nums.insert(*result, b),
                    (_, true) => self.nums.insert(*result, a),
                    (false, false) => {
                        self.define(*result, |this| this.op(NumOp::Select, &[cond, a, b], scalar))?;
                        None
                    }
                };
            } else {
                let array = self.array(*a)?;
                if self.array(*b)? != array {
                    return self.refuse(Reason::MakesArray);
                }
                self.versions.insert(*result, array);
            }
        }
        Ok(())
    }

    /// The side that is mostly taken: numbers are mostly different.
    fn mostly(&self, cond: Num) -> Option<bool> {
        let (NumOp::Compare(op @ (CompareOp::Eq | CompareOp::Ne)), args) = self.made.get(&cond)? else { return None };
        (self.kernel.scalar(args[0]) != Scalar::Bool).then_some(*op == CompareOp::Ne)
    }

    /// Whether the side that is being walked over is taken.
    pub(super) fn mask(&mut self) -> Step1<Num> {
        let mut all = None;
        for (cond, side) in self.masks.clone() {
            let mut cond = cond;
            if !side {
                cond = self.op(NumOp::Unary(UnaryOp::Not), &[cond], Scalar::Bool)?;
            }
            all = Some(match all {
                None => cond,
                Some(other) => self.op(NumOp::Binary(BinaryOp::And), &[other, cond], Scalar::Bool)?,
            });
        }
        Ok(all.expect("it is in a branch"))
    }

    /// What is to be stored or added, if the side is not taken too.
    pub(super) fn if_taken(&mut self, value: Num, adds: bool, old: impl FnOnce(&mut Self) -> Num) -> Step1<Num> {
        if self.masks.is_empty() {
            return Ok(value);
        }
        let mask = self.mask()?;
        if self.kernel.shape(mask) == Shape::Ordered {
            return self.refuse(Reason::Branch);
        }
        let scalar = self.kernel.scalar(value);
        let other = if adds { self.constant(float(scalar, -0.0)) } else { old(self) };
        self.op(NumOp::Select, &[mask, value, other], scalar)
    }
}

/// A constant of a type of floats.
pub(super) fn float(scalar: Scalar, x: f64) -> Const {
    if scalar == Scalar::F32 { Const::f32(x as f32) } else { Const::f64(x) }
}

/// The comparison of `b` with `a` that says the same as this one of `a` with `b`.
fn swapped(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Eq | CompareOp::Ne => op,
        CompareOp::Lt => CompareOp::Gt,
        CompareOp::Le => CompareOp::Ge,
        CompareOp::Gt => CompareOp::Lt,
        CompareOp::Ge => CompareOp::Le,
    }
}
