//! Which values, instructions, parameters and results are needed: the greatest amount that is not.

use crate::analysis::effects::EffectContext;
use crate::analysis::{Def, Definitions, FunctionEffects, Shapes, Table};
use crate::function::{Body, Function, Inst, Region, Value};
use crate::module::{FuncId, Module};
use crate::opcode::{Effect, Op};

/// What is needed of one function.
#[derive(Clone, Debug, Default)]
pub(super) struct FunctionNeeds {
    pub reached: bool,
    /// The signature stays as it is.
    pub pinned: bool,
    pub values: Table<Value, bool>,
    pub insts: Table<Inst, bool>,
    pub params: Vec<bool>,
    pub results: Vec<bool>,
}

pub(super) type Needs = Table<FuncId, FunctionNeeds>;

/// Finds what is needed for `entries`.
pub(super) fn needs(module: &Module, effects: &FunctionEffects, entries: &[FuncId]) -> Needs {
    let mut marking = Marking {
        module,
        effects,
        needs: Table::new(),
        definitions: Table::new(),
        calls: Table::new(),
        work: Vec::new(),
    };
    entries.iter().for_each(|entry| marking.pin(*entry));
    while let Some((id, v)) = marking.work.pop() {
        marking.follow(id, v);
    }
    marking.needs
}

struct Marking<'m> {
    module: &'m Module,
    effects: &'m FunctionEffects,
    needs: Needs,
    definitions: Table<FuncId, Definitions>,
    /// Needed calls of each function.
    calls: Table<FuncId, Vec<(FuncId, Inst)>>,
    /// Values that are needed and not yet followed.
    work: Vec<(FuncId, Value)>,
}

impl<'m> Marking<'m> {
    fn func(&self, id: FuncId) -> &'m Function {
        &self.module.funcs[id]
    }

    /// A function whose signature stays: all its parameters and results are needed.
    fn pin(&mut self, id: FuncId) {
        self.reach(id);
        if std::mem::replace(&mut self.needs[id].pinned, true) {
            return;
        }
        let func = self.func(id);
        (0..func.params.len()).for_each(|k| self.need_param(id, k));
        (0..func.results.len()).for_each(|k| self.need_result(id, k));
    }

    /// A function that may run: what has an effect in it is needed.
    fn reach(&mut self, id: FuncId) {
        if std::mem::replace(&mut self.needs[id].reached, true) {
            return;
        }
        let func = self.func(id);
        self.needs[id].params = vec![false; func.params.len()];
        self.needs[id].results = vec![false; func.results.len()];
        match &func.body {
            Body::Defined(entry) => self.reach_body(id, func, *entry),
            Body::Derivative(request) => {
                self.pin(id);
                self.pin(request.primal);
            }
            Body::Pending => self.pin(id),
        }
    }

    fn reach_body(&mut self, id: FuncId, func: &Function, entry: Region) {
        let definitions = Definitions::of_function(func);
        let shapes = Shapes::of_function(func);
        let context = EffectContext { func, definitions: &definitions, shapes: &shapes, functions: self.effects };
        let mut effectful = Vec::new();
        collect_effectful(&context, entry, &mut effectful);
        let growing: Vec<Value> = effectful.iter().flat_map(|inst| growing(func, &shapes, *inst)).collect();
        self.definitions[id] = definitions;
        effectful.into_iter().for_each(|inst| self.need_inst(id, inst));
        growing.into_iter().for_each(|v| self.need(id, v));
    }

    fn need(&mut self, id: FuncId, v: Value) {
        if !std::mem::replace(&mut self.needs[id].values[v], true) {
            self.work.push((id, v));
        }
    }

    fn need_param(&mut self, id: FuncId, k: usize) {
        if std::mem::replace(&mut self.needs[id].params[k], true) {
            return;
        }
        for (caller, call) in self.calls[id].clone() {
            self.need(caller, self.func(caller).insts[call].args[k]);
        }
    }

    fn need_result(&mut self, id: FuncId, k: usize) {
        if std::mem::replace(&mut self.needs[id].results[k], true) {
            return;
        }
        if let Some(entry) = self.func(id).entry() {
            self.need(id, self.func(id).regions[entry].yields[k]);
        }
    }

    /// An instruction that has to run; so do those around it.
    fn need_inst(&mut self, id: FuncId, inst: Inst) {
        let mut next = Some(inst);
        while let Some(inst) = next {
            if std::mem::replace(&mut self.needs[id].insts[inst], true) {
                return;
            }
            self.need_operands(id, inst);
            next = self.definitions[id].home(inst).and_then(|home| self.definitions[id].owner(home));
        }
    }

    /// The operands that an instruction needs whichever of its results are needed.
    fn need_operands(&mut self, id: FuncId, inst: Inst) {
        let func = self.func(id);
        let data = &func.insts[inst];
        let always = match data.op {
            Op::If | Op::Switch | Op::Map => &data.args[..1],
            Op::For => &data.args[..2],
            Op::While => &func.regions[data.regions[0]].yields,
            Op::Call(callee) => return self.need_call(id, inst, callee),
            _ => &data.args,
        };
        always.iter().for_each(|v| self.need(id, *v));
    }

    fn need_call(&mut self, id: FuncId, inst: Inst, callee: FuncId) {
        self.calls[callee].push((id, inst));
        self.reach(callee);
        for (k, arg) in self.func(id).insts[inst].args.iter().enumerate() {
            if self.needs[callee].params[k] {
                self.need(id, *arg);
            }
        }
    }

    /// Needs what a needed value depends on.
    fn follow(&mut self, id: FuncId, v: Value) {
        match self.definitions[id].of(v) {
            Def::Nowhere => {}
            Def::Result(inst, k) => {
                self.need_inst(id, inst);
                self.follow_result(id, inst, k as usize);
            }
            Def::Param(region, k) => match self.definitions[id].owner(region) {
                None => self.need_param(id, k as usize),
                Some(owner) => self.follow_param(id, owner, k as usize),
            },
        }
    }

    fn follow_result(&mut self, id: FuncId, inst: Inst, k: usize) {
        let data = &self.func(id).insts[inst];
        if let Op::Call(callee) = data.op {
            self.need_result(callee, k);
        } else if matches!(data.op, Op::For | Op::While) {
            self.need_carried(id, inst, k);
        } else {
            for region in &data.regions {
                self.need(id, self.func(id).regions[*region].yields[k]);
            }
        }
    }

    fn follow_param(&mut self, id: FuncId, owner: Inst, k: usize) {
        let data = &self.func(id).insts[owner];
        if data.op == Op::While {
            self.need_carried(id, owner, k);
        } else if data.op == Op::For && k > 0 {
            self.need_carried(id, owner, k - 1);
        } else if data.op == Op::Map {
            self.need(id, data.args[k]);
        }
    }

    /// Carried value number `k` of a loop: where it starts and what the body makes of it.
    fn need_carried(&mut self, id: FuncId, inst: Inst, k: usize) {
        let data = &self.func(id).insts[inst];
        let inits = if data.op == Op::For { &data.args[2..] } else { &data.args[..] };
        let body = *data.regions.last().expect("a loop has a body");
        self.need(id, inits[k]);
        self.need(id, self.func(id).regions[body].yields[k]);
    }
}

fn collect_effectful(context: &EffectContext, region: Region, effectful: &mut Vec<Inst>) {
    for inst in &context.func.regions[region].insts {
        let data = &context.func.insts[*inst];
        if context.of_operation(data) != Effect::Pure {
            effectful.push(*inst);
        }
        data.regions.iter().for_each(|inner| collect_effectful(context, *inner, effectful));
    }
}

/// What a loop that may not end makes greater and greater: it is to trap at the memory limit.
fn growing<'f>(func: &'f Function, shapes: &'f Shapes, inst: Inst) -> impl Iterator<Item = Value> + use<'f> {
    let data = &func.insts[inst];
    let results = if data.op == Op::While { &data.results[..] } else { &[] };
    let grows = |(result, init): (&Value, &Value)| {
        func.value_type(*result).is_heap() && shapes.origin(*result) != shapes.origin(*init)
    };
    results.iter().zip(&data.args).filter(move |pair| grows(*pair)).map(|(result, _)| *result)
}
