//! A loop that keeps the least (or greatest) of what it computes becomes a reduction.
//!
//! ```text
//! %r = for %i in 0..%n carry (%best = %init) {          %v = build (%i < %n) { …; yield %x }
//!   …                                                    %b = reduce min %v
//!   %m = min %best, %x                            ->     %r = min %init, %b
//!   yield %m
//! }                                                      ; all of it in an `if` where the loop may not run
//! ```
//!
//! The derivative of a reduction knows the winner, and is that of one element; that of the loop would go through all candidates,
//! and keep each. So it runs before the derivative is taken.
//!
//! The bits are the same: the first of equals wins in both, and the first NaN. The loop must carry nothing else, and may not talk
//! to the world. *Not here:* loops that keep the place of the winner as well. *Cost:* linear.

use crate::analysis::definitions::count_uses;
use crate::analysis::effects::EffectContext;
use crate::analysis::{Def, Definitions, FunctionEffects, Shapes, Table};
use crate::function::{Function, Inst, InstData, Region, RegionData, Value};
use crate::opcode::{BinaryOp, CompareOp, Const, Effect, Op, ReduceOp};
use crate::types::Type;
use smallvec::SmallVec;

/// Rewrites the loops of a function. Gives their number.
pub fn run(func: &mut Function, effects: &FunctionEffects) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let (definitions, shapes, uses) = (Definitions::of_function(func), Shapes::of_function(func), count_uses(func));
    let mut search = Search { func, definitions, shapes, effects, uses, found: 0 };
    search.region(entry);
    search.found
}

struct Search<'f> {
    func: &'f mut Function,
    definitions: Definitions,
    shapes: Shapes,
    effects: &'f FunctionEffects,
    uses: Table<Value, u32>,
    found: usize,
}

/// What a loop keeps.
struct Kept {
    op: BinaryOp,
    /// The instruction that chooses.
    choice: Inst,
    candidate: Value,
}

impl Search<'_> {
    fn region(&mut self, region: Region) {
        let mut out = Vec::new();
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            for inner in self.func.insts[inst].regions.clone() {
                self.region(inner);
            }
            match self.kept(inst) {
                Some(kept) => self.reduce(inst, &kept, &mut out),
                None => out.push(inst),
            }
        }
        self.func.regions[region].insts = out;
    }

    fn kept(&self, inst: Inst) -> Option<Kept> {
        let data = &self.func.insts[inst];
        if data.op != Op::For || data.results.len() != 1 || !self.func.value_type(data.results[0]).is_float() {
            return None;
        }
        let body = &self.func.regions[data.regions[0]];
        let best = body.params[1];
        let Def::Result(choice, 0) = self.definitions.of(body.yields[0]) else { return None };
        let chosen = &self.func.insts[choice];
        let Op::Binary(op @ (BinaryOp::Min | BinaryOp::Max)) = chosen.op else { return None };
        let here = self.definitions.home(choice) == Some(data.regions[0]);
        let only = self.uses[best] == 1 && self.uses[body.yields[0]] == 1;
        let candidate = chosen.args[1];
        (here && only && chosen.args[0] == best && self.is_quiet(data.regions[0])).then_some(Kept {
            op,
            choice,
            candidate,
        })
    }

    fn is_quiet(&self, body: Region) -> bool {
        let (func, definitions, shapes) = (&*self.func, &self.definitions, &self.shapes);
        EffectContext { func, definitions, shapes, functions: self.effects }.of_region(body) != Effect::World
    }

    // ---- writing ----

    fn reduce(&mut self, inst: Inst, kept: &Kept, out: &mut Vec<Inst>) {
        let data = self.func.insts[inst].clone();
        let (lo, hi, init) = (data.args[0], data.args[1], data.args[2]);
        self.found += 1;
        let (some, first) = self.instruction(&data, Op::Compare(CompareOp::Lt), &[lo, hi], Type::BOOL);
        let mut insts = Vec::new();
        let values = self.values(&data, kept, &mut insts);
        let ty = self.func.value_type(init);
        let op = if kept.op == BinaryOp::Min { ReduceOp::Min } else { ReduceOp::Max };
        let (best, reduction) = self.instruction(&data, Op::Reduce(op), &[values], ty);
        let (winner, choice) = self.instruction(&data, Op::Binary(kept.op), &[init, best], ty);
        insts.extend([reduction, choice]);
        let then = self.func.regions.push(RegionData { params: Vec::new(), insts, yields: vec![winner] });
        let otherwise =
            self.func.regions.push(RegionData { params: Vec::new(), insts: Vec::new(), yields: vec![init] });
        let changed = &mut self.func.insts[inst];
        changed.op = Op::If;
        changed.args = SmallVec::from_slice(&[some]);
        changed.regions = SmallVec::from_slice(&[then, otherwise]);
        out.extend([first, inst]);
    }

    /// The array of all candidates.
    fn values(&mut self, data: &InstData, kept: &Kept, insts: &mut Vec<Inst>) -> Value {
        if let Some(x) = self.is_whole(data, kept) {
            return x;
        }
        let (lo, hi, body) = (data.args[0], data.args[1], data.regions[0]);
        let counter = self.func.regions[body].params[0];
        let from_zero = self.definitions.int(self.func, lo) == Some(0);
        let (count, index) = if from_zero {
            (hi, counter)
        } else {
            let (count, distance) = self.instruction(data, Op::Binary(BinaryOp::Sub), &[hi, lo], Type::I64);
            insts.push(distance);
            let index = self.func.new_value(Type::I64, None);
            let op = Op::Binary(BinaryOp::Add);
            let args = SmallVec::from_slice(&[lo, index]);
            let results = SmallVec::from_slice(&[counter]);
            let place = self.func.insts.push(InstData { op, args, regions: SmallVec::new(), results, loc: data.loc });
            self.func.regions[body].insts.insert(0, place);
            (count, index)
        };
        let region = &mut self.func.regions[body];
        region.insts.retain(|inst| *inst != kept.choice);
        (region.params, region.yields) = (vec![index], vec![kept.candidate]);
        let ty = self.func.value_type(kept.candidate).array(1);
        let (values, build) = self.instruction(data, Op::Build, &[count], ty);
        self.func.insts[build].regions = SmallVec::from_slice(&[body]);
        insts.push(build);
        values
    }

    /// The array of which the loop looks at all elements, if it does nothing else.
    fn is_whole(&self, data: &InstData, kept: &Kept) -> Option<Value> {
        let read = self.definitions.inst(self.func, kept.candidate)?;
        let body = &self.func.regions[data.regions[0]];
        let counts = |inst: &&Inst| !matches!(self.func.insts[**inst].op, Op::Const(_));
        let element = matches!(read.op, Op::Get(_)) && read.args.len() == 2 && read.args[1] == body.params[0];
        let nothing_else = body.insts.iter().filter(counts).count() == 2;
        let (x, from_zero) = (read.args[0], self.definitions.int(self.func, data.args[0]) == Some(0));
        (element && nothing_else && from_zero && self.is_size_of(data.args[1], x)).then_some(x)
    }

    fn is_size_of(&self, size: Value, x: Value) -> bool {
        let x = self.shapes.origin(x);
        let promised =
            self.definitions.promised(self.func, x, 0) == Some(crate::analysis::definitions::Promised::Param(size));
        promised
            || match self.definitions.inst(self.func, size) {
                Some(InstData { op: Op::Dim(0), args, .. }) => self.shapes.origin(args[0]) == x,
                Some(InstData { op: Op::Const(Const::I64(_)), .. }) | Some(_) | None => self.is_made_with(x, size),
            }
    }

    fn is_made_with(&self, x: Value, size: Value) -> bool {
        let Some(data) = self.definitions.inst(self.func, x) else { return false };
        (data.op == Op::Build && data.args[0] == size) || (data.op == Op::Fill && data.args[1] == size)
    }

    fn instruction(&mut self, at: &InstData, op: Op, args: &[Value], ty: Type) -> (Value, Inst) {
        let result = self.func.new_value(ty, None);
        let (args, results) = (SmallVec::from_slice(args), SmallVec::from_slice(&[result]));
        let inst = self.func.insts.push(InstData { op, args, regions: SmallVec::new(), results, loc: at.loc });
        self.definitions.record(self.func, inst);
        (result, inst)
    }
}
