//! Sizes of lists that grow, in registers.
//!
//! A push reads the size of its list and writes it back, greater: from push to push a chain through memory, longer than what is
//! computed between them; a pop likewise. So whoever pushes or pops remembers the size of what comes out, and where results of branches and values carried
//! by loops are such lists, their sizes go along. The size in the list is written as ever, but hardly read any more.

use super::*;

/// The lists of a function whose sizes are in registers: what pushes and pops give, and what these become by branches and loops.
pub(super) fn growing(func: &Function) -> FxHashSet<Value> {
    let mut found = FxHashSet::default();
    if let Some(entry) = func.entry() {
        find(func, entry, &mut found);
    }
    found
}

fn find(func: &Function, region: Region, found: &mut FxHashSet<Value>) {
    for inst in &func.regions[region].insts {
        let data = &func.insts[*inst];
        data.regions.iter().for_each(|inner| find(func, *inner, found));
        let is_loop = matches!(data.op, Op::For | Op::While);
        if matches!(data.op, Op::Push | Op::Pop) {
            found.insert(data.results[0]);
        } else if is_loop || matches!(data.op, Op::If | Op::Switch) {
            let sides = if is_loop { &data.regions[data.regions.len() - 1..] } else { &data.regions[..] };
            for (k, result) in data.results.iter().enumerate() {
                if sides.iter().any(|side| found.contains(&func.regions[*side].yields[k])) {
                    found.insert(*result);
                }
            }
        }
    }
}

impl<M: ClifModule> Lower<'_, '_, M> {
    pub(super) fn size_of(&mut self, list: Value) -> V {
        match self.sizes.get(&list) {
            Some(size) => *size,
            None => self.dim(self.get(list), 0),
        }
    }

    /// Which of these have their sizes in registers.
    pub(super) fn with_size(&self, values: &[Value]) -> Vec<usize> {
        (0..values.len()).filter(|k| self.growing.contains(&values[*k])).collect()
    }

    /// The registers of values, and of their sizes behind them.
    pub(super) fn kinds(&self, values: &[Value]) -> Vec<ClifType> {
        let own = values.iter().map(|v| register(self.ty(*v)));
        own.chain(self.with_size(values).iter().map(|_| types::I64)).collect()
    }

    /// What goes to a block for `results`: `values`, and the sizes of those that have them there.
    pub(super) fn sized(&mut self, results: &[Value], values: &[Value]) -> Vec<V> {
        let mut all: Vec<V> = values.iter().map(|v| self.get(*v)).collect();
        let sizes = self.with_size(results);
        all.extend(sizes.into_iter().map(|k| self.size_of(values[k])));
        all
    }

    /// [`Self::region`] for `results`, with sizes.
    pub(super) fn sized_region(&mut self, results: &[Value], region: Region) -> Vec<V> {
        let data = &self.func.regions[region];
        self.insts(&data.insts);
        self.sized(results, &data.yields)
    }

    /// The values that stand for `results`, one to one, are these, with sizes behind them.
    pub(super) fn set_sized(&mut self, results: &[Value], values: &[Value], to: &[V]) {
        self.set_all(values, to);
        for (k, size) in self.with_size(results).into_iter().zip(&to[values.len()..]) {
            self.sizes.insert(values[k], *size);
        }
    }
}
