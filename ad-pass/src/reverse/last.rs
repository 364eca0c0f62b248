//! Loops whose trips see nothing active of earlier ones: what is active is computed anew in each trip.
//!
//! ```text
//! %e, %h = while (%e1 = …, %h1 = …) { … } do (%e2, %h2) {          a step is halved until the error is small enough:
//!   %h3 = mul %h2, 0.5                                               h is not active, and e is computed from y each time
//!   %e3 = add %y, (mul %h3, %d)
//!   yield %e3, %h3
//! }
//! ```
//!
//! The adjoints of what a trip is given are zero, so all trips but the last one are swept with nothing. Only the last one is: the
//! augmented primal carries the slots of a trip from trip to trip instead of keeping all, and the sweep is a branch instead of a loop.
//!
//! The sweep on paper tells: after it the adjoints of what is carried have no entries. *Not here:* loops with loops in them,
//! which would leave behind more than the last trip's, and loops that carry active arrays, whose zeros take sizes.

use crate::reverse::control::body_of;
use crate::reverse::item::Item;
use crate::reverse::sweep::{Stage, Sweep};
use dprog_ir::{CompareOp, Inst, InstData, Op, Region, Type, Value, walk};

impl Sweep<'_, '_, '_> {
    pub(super) fn is_last_only(&self, inst: Inst) -> bool {
        match &self.stage {
            Stage::Emit(_) => self.plan().last.contains(&inst),
            Stage::Record(_) => false,
        }
    }

    /// On paper, after the sweep of a trip: notes that what it begins with has no adjoint.
    pub(super) fn note_if_last_only(&mut self, inst: Inst, body: Region) {
        let func = self.active.func();
        let results = &func.insts[inst].results;
        let has_none = func.regions[body].params.iter().all(|v| self.adjoint(*v).is_none());
        let mut simple = results.iter().all(|v| func.value_type(*v).is_float() || !self.is_active(*v));
        walk::for_each_inst(func, body, &mut |inner| {
            simple &= !matches!(func.insts[inner].op, Op::For | Op::While | Op::Call(_));
        });
        if let Some(recorder) = self.recorder().filter(|_| has_none && simple) {
            recorder.last.insert(inst);
        }
    }

    /// The sweep of the last trip, if there is one.
    ///   primal:  z… = loop carry c… = u… { … yield d… }, d… without derivative by c…
    ///   adjoint: ū…, x̄… = if there are trips { d̄… += z̄…; reverse of the body; 0…, x̄… } else { z̄…, x̄… }
    ///   needs:   the number of trips
    pub(super) fn last_trip(&mut self, data: &InstData, trips: Value, slots: &[Value], lo: Option<Value>) {
        let active = self.active.clone();
        let body = body_of(data);
        let (region, free) = (&active.func().regions[body], self.free_values(&[body]));
        let inits = &data.args[data.args.len() - data.results.len()..];
        let seeds: Vec<Option<Value>> = data.results.iter().map(|r| self.take(*r)).collect();
        let handed_on = |k: &usize| seeds[*k].is_some() && active.is_active(inits[*k]);
        let handed_on: Vec<usize> = (0..inits.len()).filter(handed_on).collect();
        let before: Vec<Value> = free.iter().map(|v| self.materialize(*v)).collect();
        let zero = self.b.i64(0);
        let some = self.b.compare(CompareOp::Gt, trips, zero);

        self.b.open_region(&[]);
        self.begin_last_trip(data, trips, slots, lo);
        free.iter().zip(&before).for_each(|(v, adjoint)| self.replace(*v, *adjoint));
        region.params.iter().for_each(|v| self.put(*v, None));
        for (v, seed) in region.yields.iter().zip(&seeds) {
            seed.iter().for_each(|seed| self.contribute(*v, *seed));
        }
        self.region(body);
        self.b.loc = data.loc;
        let mut yields: Vec<Value> = free.iter().map(|v| self.materialize(*v)).collect();
        yields.extend(handed_on.iter().map(|k| self.zeros(inits[*k])).collect::<Vec<_>>());
        let swept = self.b.close_region(&yields);

        self.b.open_region(&[]);
        let mut yields = before;
        yields.extend(handed_on.iter().filter_map(|k| seeds[*k]));
        let types: Vec<Type> = yields.iter().map(|v| self.b.ty(*v)).collect();
        let skipped = self.b.close_region(&yields);
        let reverse = self.b.inst(Op::If, &[some], &[swept, skipped], &types);
        let results = self.b.results(reverse);
        free.iter().zip(&results).for_each(|(v, adjoint)| self.replace(*v, *adjoint));
        for (k, adjoint) in handed_on.iter().zip(&results[free.len()..]) {
            self.contribute(inits[*k], *adjoint);
        }
    }

    /// Has what the sweep of the last trip needs.
    fn begin_last_trip(&mut self, data: &InstData, trips: Value, slots: &[Value], lo: Option<Value>) {
        let active = self.active.clone();
        let body = body_of(data);
        let params = &active.func().regions[body].params;
        if let Some(lo) = lo {
            let one = self.b.i64(1);
            let last = self.b.sub(trips, one);
            let counter = self.b.add(lo, last);
            self.bind(Item::Value(params[0]), counter);
        }
        for (k, step) in self.steps_of(body) {
            let after = self.value(data.results[k]);
            let before = self.before_step(after, step);
            self.bind(Item::Value(params[params.len() - data.results.len() + k]), before);
        }
        self.forget_bundles(body);
        self.enter(body, slots.to_vec());
    }
}
