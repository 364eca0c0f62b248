//! Branches that are decided, loops that run never or once, carried values that do not change.

use super::Simplifier;
use crate::function::{Inst, Region, Value};
use crate::opcode::{BinaryOp, Const, Op, UnaryOp};
use crate::transform::Stage;
use crate::types::Type;

impl Simplifier<'_> {
    /// Walks an instruction with regions into the current place.
    pub(super) fn control(&mut self, inst: Inst) {
        let op = &self.func.insts[inst].op;
        if *op == Op::If {
            self.branch_on_bool(inst);
        } else if *op == Op::Switch {
            self.branch_on_tag(inst);
        } else if *op == Op::For {
            self.counted_loop(inst);
        } else if *op == Op::While {
            self.open_loop(inst);
        } else if *op == Op::Map {
            self.elementwise(inst);
        } else {
            self.regions_of(inst);
        }
    }

    /// Keeps the instruction and walks its regions.
    fn regions_of(&mut self, inst: Inst) {
        for region in self.func.insts[inst].regions.clone() {
            self.region(region);
        }
        self.out.push(inst);
    }

    fn replace_results(&mut self, inst: Inst, by: &[Value]) {
        for (k, v) in by.iter().enumerate() {
            self.replaced.replace(self.func.insts[inst].results[k], *v);
        }
        self.changes += 1;
    }

    /// Puts a region in the place of its instruction.
    fn splice(&mut self, inst: Inst, region: Region) {
        self.insts_of(region);
        self.replaced.resolve_yields(self.func, region);
        let yields = self.func.regions[region].yields.clone();
        self.replace_results(inst, &yields);
    }

    // ---- branches ----

    fn branch_on_bool(&mut self, inst: Inst) {
        let cond = self.func.insts[inst].args[0];
        if let Some(taken) = self.known_bool(cond) {
            let region = self.func.insts[inst].regions[!taken as usize];
            return self.splice(inst, region);
        }
        if let Some((Op::Unary(UnaryOp::Not), &[inner])) = self.made_by(cond) {
            self.func.insts[inst].args[0] = inner;
            self.func.insts[inst].regions.swap(0, 1);
            self.changes += 1;
        }
        self.region_where(inst, 0, true);
        self.region_where(inst, 1, false);
        self.out.push(inst);
        self.merge_branches(inst);
    }

    /// Walks a region in which the condition of its `if` is known.
    fn region_where(&mut self, inst: Inst, k: usize, holds: bool) {
        let data = &self.func.insts[inst];
        let (cond, region) = (data.args[0], data.regions[k]);
        let facts = self.consequences(cond, holds);
        self.region_with_facts(region, &facts, Const::Bool(holds), Type::BOOL);
    }

    /// Values other than constants that are certainly `holds` if `cond` is, and are read elsewhere too.
    fn consequences(&self, cond: Value, holds: bool) -> Vec<Value> {
        let splitting = if holds { BinaryOp::And } else { BinaryOp::Or };
        let mut facts = vec![cond];
        if let Some((Op::Binary(op), &[a, b])) = self.made_by(cond)
            && *op == splitting
        {
            facts.extend([a, b]);
        }
        facts.retain(|v| self.uses[*v] > 1 && self.known(*v).is_none());
        facts
    }

    fn region_with_facts(&mut self, region: Region, facts: &[Value], c: Const, ty: Type) {
        if facts.is_empty() {
            return self.region(region);
        }
        let outer = std::mem::take(&mut self.out);
        let known = self.constant(c, ty);
        facts.iter().for_each(|v| self.replaced.replace(*v, known));
        self.insts_of(region);
        self.replaced.resolve_yields(self.func, region);
        facts.iter().for_each(|v| self.replaced.restore(*v));
        self.func.regions[region].insts = std::mem::replace(&mut self.out, outer);
    }

    fn branch_on_tag(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        let (tag, regions) = (data.args[0], data.regions.clone());
        let default = regions.len() - 1;
        if let Some(case) = self.known_int(tag) {
            let taken = usize::try_from(case).map_or(default, |case| case.min(default));
            return self.splice(inst, regions[taken]);
        }
        if default == 0 {
            return self.splice(inst, regions[0]);
        }
        let facts: &[Value] = if self.uses[tag] > 1 { &[tag] } else { &[] };
        for (case, region) in regions.iter().enumerate() {
            let facts = if case == default { &[] } else { facts };
            self.region_with_facts(*region, facts, Const::I64(case as i64), Type::I64);
        }
        self.out.push(inst);
        self.merge_branches(inst);
    }

    /// Results on which all branches agree; and for an `if` that only chooses between scalars, `select`.
    fn merge_branches(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        let (results, regions, cond) = (data.results.clone(), data.regions.clone(), data.args[0]);
        let chooses = data.op == Op::If && regions.iter().all(|region| self.func.regions[*region].insts.is_empty());
        for (k, result) in results.iter().enumerate() {
            let first = self.func.regions[regions[0]].yields[k];
            let ty = self.func.value_type(*result);
            if regions.iter().all(|region| self.func.regions[*region].yields[k] == first) {
                self.replace_used(*result, first);
            } else if chooses && self.uses[*result] > 0 && self.stage == Stage::Full && ty.as_scalar().is_some() {
                let second = self.func.regions[regions[1]].yields[k];
                let choice = self.emit(Op::Select, &[cond, first, second], ty);
                self.replace_used(*result, choice);
            }
        }
    }

    fn replace_used(&mut self, v: Value, by: Value) {
        if self.uses[v] > 0 {
            self.changes += 1;
        }
        self.replaced.replace(v, by);
    }

    // ---- loops ----

    fn counted_loop(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        let (lo, hi, inits, body) = (data.args[0], data.args[1], data.args[2..].to_vec(), data.regions[0]);
        if self.never_runs(lo, hi) {
            return self.replace_results(inst, &inits);
        }
        if self.runs_once(lo, hi) {
            let params = self.func.regions[body].params.clone();
            self.replaced.replace(params[0], lo);
            for (param, init) in params[1..].iter().zip(&inits) {
                self.replaced.replace(*param, *init);
            }
            return self.splice(inst, body);
        }
        self.drop_constant_carries(inst, &inits, 1, body, None);
        self.region(body);
        self.out.push(inst);
    }

    fn never_runs(&self, lo: Value, hi: Value) -> bool {
        lo == hi || matches!((self.known_int(lo), self.known_int(hi)), (Some(lo), Some(hi)) if lo >= hi)
    }

    fn runs_once(&self, lo: Value, hi: Value) -> bool {
        matches!((self.known_int(lo), self.known_int(hi)), (Some(lo), Some(hi)) if lo.checked_add(1) == Some(hi))
    }

    fn open_loop(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        let (inits, condition, body) = (data.args.to_vec(), data.regions[0], data.regions[1]);
        self.drop_constant_carries(inst, &inits, 0, body, Some(condition));
        self.region(condition);
        if self.only_says_no(condition) {
            return self.replace_results(inst, &inits);
        }
        self.region(body);
        self.out.push(inst);
    }

    /// A condition that is the constant `false` and does nothing.
    fn only_says_no(&self, condition: Region) -> bool {
        let region = &self.func.regions[condition];
        let idle = region.insts.iter().all(|inst| matches!(self.func.insts[*inst].op, Op::Const(_)));
        idle && self.known_bool(region.yields[0]) == Some(false)
    }

    /// A value that every pass through the body hands on unchanged is the initial one, inside and after the loop.
    fn drop_constant_carries(
        &mut self,
        inst: Inst,
        inits: &[Value],
        skip: usize,
        body: Region,
        condition: Option<Region>,
    ) {
        for (k, init) in inits.iter().enumerate() {
            let param = self.func.regions[body].params[skip + k];
            let next = self.replaced.resolve(self.func.regions[body].yields[k]);
            if next != param && next != *init {
                continue;
            }
            self.replace_used(param, *init);
            if let Some(condition) = condition {
                self.replace_used(self.func.regions[condition].params[k], *init);
            }
            self.replace_used(self.func.insts[inst].results[k], *init);
        }
    }

    // ---- arrays ----

    /// A result of `map` that is an element handed through is that array; of two that are the same, and only read, one is enough.
    fn elementwise(&mut self, inst: Inst) {
        self.read_fills(inst);
        self.regions_of(inst);
        let data = &self.func.insts[inst];
        let (results, arrays, body) = (data.results.clone(), data.args.clone(), data.regions[0]);
        for (k, result) in results.iter().enumerate() {
            let body = &self.func.regions[body];
            if let Some(position) = body.params.iter().position(|param| *param == body.yields[k]) {
                self.replace_used(*result, arrays[position]);
            } else if let Some(twin) = body.yields[..k].iter().position(|v| *v == body.yields[k])
                && self.only_read[*result]
                && self.only_read[results[twin]]
            {
                self.replace_used(*result, results[twin]);
            }
        }
    }

    /// The elements of a `fill` are its scalar. One operand stays, for the shape.
    fn read_fills(&mut self, map: Inst) {
        let (arrays, body) = (self.func.insts[map].args.clone(), self.func.insts[map].regions[0]);
        let params = self.func.regions[body].params.clone();
        let mut kept: Vec<(Value, Value)> = Vec::new();
        for (array, param) in arrays.iter().zip(params) {
            match self.scalar_of_fill(*array) {
                Some(v) => self.replaced.replace(param, v),
                None => kept.push((*array, param)),
            }
        }
        if kept.is_empty() {
            kept.push((arrays[0], self.func.regions[body].params[0]));
        }
        self.changes += arrays.len() - kept.len();
        self.func.insts[map].args = kept.iter().map(|(array, _)| *array).collect();
        self.func.regions[body].params = kept.into_iter().map(|(_, param)| param).collect();
    }

    fn scalar_of_fill(&self, array: Value) -> Option<Value> {
        let (Op::Fill, args) = self.made_by(array)? else { return None };
        self.func.value_type(args[0]).as_scalar().map(|_| args[0])
    }
}
