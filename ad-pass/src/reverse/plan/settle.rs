//! How the sweep has each item: the decisions, in the order of the primal.
//!
//! What the caller must hand over anyway comes first, since other things are had from it. Then each item is taken as cheaply as it can be:
//! from the scope, forwards or backwards with a loop, by computing it again ([`super::cost`]), and kept if nothing else is left.

use crate::analysis::accumulated::is_forward;
use crate::analysis::structure::Def;
use crate::reverse::item::Item;
use crate::reverse::plan::cost::BUDGET;
use crate::reverse::plan::{Again, Decider, Fetch, Given, Ordered, Setting, Step, sort_key};
use dprog_ir::{BinaryOp, Inst, Op, Region, Type, Value};

impl Decider<'_> {
    pub(super) fn settle(&mut self, needs: Ordered<Item>) {
        let mut items: Vec<Item> = needs.into_iter().collect();
        items.sort_by_key(|item| sort_key(self.active, *item));
        // What the caller must hand over anyway is there for recomputing other things from.
        let given: Vec<Item> = items.iter().copied().filter(|item| self.is_given(*item)).collect();
        given.into_iter().for_each(|item| self.fetch(item, Fetch::Given));
        for item in items {
            self.settle_one(item);
        }
    }

    pub(super) fn settle_one(&mut self, item: Item) {
        let active = self.active;
        let primal = &active.primal;
        let v = item.base(primal);
        let home = primal.structure.home(v);
        if self.plan.fetch.contains_key(&item) || (item == Item::Value(v) && self.goes_forwards(v)) {
            return;
        }
        if !primal.structure.inside(v, self.plan.root) {
            self.plan.outside.insert(item);
            return;
        }
        if self.plan.has_direct(home) {
            self.fetch(item, Fetch::Direct);
            return self.note(item, v);
        }
        if item == Item::Value(v) && self.is_restorable(v) {
            return self.restore(v);
        }
        let fetch = match item {
            Item::Winner(_) | Item::Replaced(_) | Item::ReplacedDim(..) => Fetch::Keep,
            Item::Dim(v, _) => match self.plan.fetch.get(&Item::Value(v)) {
                // A restored version is not there yet when the sweep of its region begins.
                None | Some(Fetch::Restored) => Fetch::Keep,
                Some(_) => Fetch::Recompute,
            },
            Item::Value(v) => match self.cost(v, BUDGET) {
                Some(_) => return self.use_freely(v),
                None => Fetch::Keep,
            },
        };
        self.fetch(item, fetch);
        if fetch == Fetch::Keep {
            self.note(item, v);
            self.kept.entry(home).or_default().push(item);
        }
    }

    fn fetch(&mut self, item: Item, fetch: Fetch) {
        self.plan.fetch.insert(item, fetch);
    }

    fn note(&mut self, item: Item, v: Value) {
        if !matches!(item, Item::Value(_)) {
            self.plan.notes.entry(v).or_default().push(item);
        }
    }

    /// Whether the item is a parameter of the primal that the caller hands over.
    pub(super) fn is_given(&self, item: Item) -> bool {
        let Item::Value(v) = item else { return false };
        let Def::Param { index, .. } = self.active.primal.structure.def(v) else { return false };
        if self.active.primal.structure.home(v) != self.plan.root {
            return false;
        }
        let ty = self.active.func().value_type(v);
        let is_held_node = || ty.as_node().is_some() && self.is_held(v, index) && self.active.primal.is_stable(v);
        match self.plan.setting {
            Setting::Direct | Setting::Trip | Setting::Joint | Setting::Apart { given: Given::None } => false,
            Setting::Apart { given: Given::Scalars } => !ty.is_heap() || self.is_passed_on(v, index),
            Setting::Apart { given: Given::ScalarsAndNodes } => {
                !ty.is_heap() || is_held_node() || self.is_passed_on(v, index)
            }
            Setting::Apart { given: Given::All } => true,
        }
    }

    /// Whether `v` is an array parameter of a recursion that every activation gets from the one before, and nobody updates.
    fn is_passed_on(&self, v: Value, index: usize) -> bool {
        let (active, func) = (self.active, self.active.func());
        let is_kept_up = |(inst, _): (&Inst, &_)| match func.insts[*inst].op {
            Op::Call(callee) if callee == active.instance.primal => func.insts[*inst].args[index] == v,
            _ => true,
        };
        let is_array = func.value_type(v).is_array();
        let is_of_function = Some(self.plan.root) == func.entry();
        is_array
            && is_of_function
            && self.is_held(v, index)
            && active.primal.is_stable(v)
            && self.plan.calls.iter().all(is_kept_up)
    }

    /// What each trip of a counted loop does to the integer `v` that it carries, if that is always the same.
    pub(super) fn step(&self, v: Value) -> Option<Step> {
        let primal = &self.active.primal;
        let (structure, func) = (&primal.structure, &primal.func);
        let Def::Param { region, index } = structure.def(v) else { return None };
        let counted = structure.owner(region).is_some_and(|inst| func.insts[inst].op == Op::For);
        let forward = || structure.owner(region).is_some_and(|inst| is_forward(self.active, inst));
        if !counted || index == 0 || func.value_type(v) != Type::I64 || forward() {
            return None;
        }
        let Def::Result { inst, .. } = structure.def(func.regions[region].yields[index - 1]) else { return None };
        let data = &func.insts[inst];
        let step = match (&data.op, &data.args[..]) {
            (Op::Binary(BinaryOp::Add), [x, by]) | (Op::Binary(BinaryOp::Add), [by, x]) if *x == v => {
                Step { by: *by, down: false }
            }
            (Op::Binary(BinaryOp::Sub), [x, by]) if *x == v => Step { by: *by, down: true },
            _ => return None,
        };
        (primal.is_integer_constant(step.by) || !structure.inside(step.by, region)).then_some(step)
    }

    /// Plans that the sweep carries `v` as the primal does, if it is carried by a loop that is swept forwards, and what the next
    /// trip is given is cheap. Gives whether it is so.
    fn goes_forwards(&mut self, v: Value) -> bool {
        let active = self.active;
        let primal = &active.primal;
        let (structure, func) = (&primal.structure, &primal.func);
        let Def::Param { region, index } = structure.def(v) else { return false };
        let Some(owner) = structure.owner(region).filter(|_| index > 0) else { return false };
        let carried = func.value_type(v).as_scalar().is_some() && !active.is_active(v);
        if !carried
            || !structure.inside(v, self.plan.root)
            || !self.swept.contains(&owner)
            || !is_forward(active, owner)
        {
            return false;
        }
        // What it is recomputed from may be itself.
        self.fetch(Item::Value(v), Fetch::Forwards);
        let next = func.regions[region].yields[index - 1];
        let again = match self.cost(next, BUDGET) {
            Some(_) => {
                self.use_freely(next);
                Again::Computed
            }
            None if self.ends_inner_loop(v, next) => Again::Inner,
            None => {
                self.plan.fetch.remove(&Item::Value(v));
                return false;
            }
        };
        self.plan.forwards.entry(region).or_default().push((index - 1, again));
        self.settle_one(Item::Value(func.insts[owner].args[index + 1]));
        true
    }

    /// Whether `next` is what an inner loop, which is swept forwards too, makes of `v`, and nobody else wants it.
    fn ends_inner_loop(&mut self, v: Value, next: Value) -> bool {
        let active = self.active;
        let primal = &active.primal;
        let Def::Result { inst, index } = primal.structure.def(next) else { return false };
        let data = &primal.func.insts[inst];
        let begins = data.op == Op::For && data.args[2 + index] == v && self.swept.contains(&inst);
        if !begins || self.needed.contains(&Item::Value(next)) {
            return false;
        }
        let inner = primal.func.regions[data.regions[0]].params[1 + index];
        match self.plan.fetch.get(&Item::Value(inner)) {
            Some(fetch) => *fetch == Fetch::Forwards,
            None => self.goes_forwards(inner),
        }
    }

    /// Marks `v` and what it is recomputed from.
    fn use_freely(&mut self, v: Value) {
        let primal = self.active.primal.clone();
        let item = Item::Value(v);
        if self.plan.fetch.contains_key(&item) {
            return;
        }
        if !primal.structure.inside(v, self.plan.root) {
            self.plan.outside.insert(item);
            return;
        }
        if self.plan.has_direct(primal.structure.home(v)) {
            return self.fetch(item, Fetch::Direct);
        }
        if self.is_restorable(v) {
            return self.restore(v);
        }
        // An array that is read, or a number of an outer loop.
        let may_be_kept = primal.func.value_type(v).is_array() || matches!(primal.structure.def(v), Def::Result { .. });
        if may_be_kept && self.cost(v, BUDGET).is_none() {
            return self.settle_one(item);
        }
        match primal.structure.def(v) {
            Def::Param { .. } if self.is_given(item) => self.fetch(item, Fetch::Given),
            Def::Param { region, index } => match self.step(v) {
                Some(step) => {
                    self.fetch(item, Fetch::Backwards);
                    self.count_backwards(region, index - 1, step);
                }
                None => self.fetch(item, Fetch::Counter),
            },
            Def::Result { inst, .. } => {
                primal.func.insts[inst].args.iter().for_each(|arg| self.use_freely(*arg));
                self.fetch(item, Fetch::Recompute);
            }
        }
    }

    /// The sweep needs what the loop ends with.
    fn count_backwards(&mut self, body: Region, result: usize, step: Step) {
        let primal = self.active.primal.clone();
        let owner = primal.structure.owner(body).expect("a loop has this body");
        self.plan.backwards.entry(body).or_default().push((result, step));
        self.settle_one(Item::Value(primal.func.insts[owner].results[result]));
        if !primal.is_integer_constant(step.by) {
            self.settle_one(Item::Value(step.by));
        }
    }

    pub(super) fn list_recomputed(&mut self) {
        let active = self.active;
        let recomputed = self.plan.fetch.iter().filter(|(_, fetch)| **fetch == Fetch::Recompute);
        let mut items: Vec<Item> = recomputed.map(|(item, _)| *item).collect();
        items.sort_by_key(|item| sort_key(active, *item));
        for item in items {
            let home = active.primal.structure.home(item.base(&active.primal));
            self.plan.recompute.entry(home).or_default().push(item);
        }
    }
}
