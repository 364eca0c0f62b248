//! Where values move away or change, so that what was read from them cannot be borrowed any longer.
//!
//! A part may be borrowed from its holder if the holder stays as it is while the part is in use: always if it never moves, and
//! also if all uses of the part stand in the region where it was read, before the first instruction that moves the
//! holder. So `y = xs[i][j]` counts no reference, even in a loop that updates `xs` further down.
//!
//! Cost: linear in the function, times the nesting depth of regions.

use super::each_inst;
use super::modes::{Use, use_of};
use crate::{Function, Inst, Op, Region, Value};
use rustc_hash::{FxHashMap, FxHashSet};

/// A place in a region: the number of an instruction there, which may hold the true place in a region of its own.
type Place = (Region, usize);

/// See the module's description.
pub(super) struct Moves {
    /// Where each value moves, for those that do: in every region around, in increasing order.
    of: FxHashMap<Value, Vec<Place>>,
    /// Where each part was read, and the last use of it in the same region.
    spans: FxHashMap<Value, (Place, usize)>,
    /// Parts that are used in inner regions.
    wander: FxHashSet<Value>,
}

impl Moves {
    pub fn of(func: &Function, owned_params: &[Vec<bool>], entry: Region) -> Moves {
        let mut parts = FxHashSet::default();
        each_inst(func, entry, &mut |inst| {
            if super::reads_part(func, inst).is_some() {
                parts.insert(func.insts[inst].results[0]);
            }
        });
        let moves = Moves { of: FxHashMap::default(), spans: FxHashMap::default(), wander: FxHashSet::default() };
        let mut finder = Finder { func, owned_params, parts, around: Vec::new(), moves };
        finder.region(entry);
        finder.moves
    }

    /// Whether `part`, read from what `root` holds, may still be in use when `root` moves.
    pub fn outlived(&self, part: Value, root: Value) -> bool {
        let Some(places) = self.of.get(&root) else { return false };
        let Some(((region, read), last)) = self.spans.get(&part).filter(|_| !self.wander.contains(&part)) else {
            return true;
        };
        places.iter().any(|(r, at)| r == region && (read..=last).contains(&at))
    }
}

struct Finder<'a> {
    func: &'a Function,
    owned_params: &'a [Vec<bool>],
    parts: FxHashSet<Value>,
    around: Vec<Place>,
    moves: Moves,
}

impl Finder<'_> {
    fn region(&mut self, region: Region) {
        let func = self.func;
        for (at, inst) in func.regions[region].insts.iter().enumerate() {
            self.around.push((region, at));
            self.inst(*inst, (region, at));
            self.around.pop();
        }
        let end = (region, func.regions[region].insts.len());
        self.around.push(end);
        for v in &func.regions[region].yields {
            self.used(*v, end);
            self.moved(*v);
        }
        self.around.pop();
    }

    fn inst(&mut self, inst: Inst, place: Place) {
        let func = self.func;
        let data = &func.insts[inst];
        // A value that moves into a node goes on to hold its parts.
        let moves = !matches!(data.op, Op::NodeNew { .. });
        for (arg, v) in data.args.iter().enumerate() {
            self.used(*v, place);
            let heap = func.value_type(*v).is_heap();
            if heap && moves && use_of(func, self.owned_params, inst, arg) != Use::Borrow {
                self.moved(*v);
            }
        }
        for result in data.results.iter().filter(|r| self.parts.contains(r)) {
            self.moves.spans.insert(*result, (place, place.1));
        }
        data.regions.iter().for_each(|inner| self.region(*inner));
    }

    fn used(&mut self, v: Value, (region, at): Place) {
        if !self.parts.contains(&v) {
            return;
        }
        match self.moves.spans.get_mut(&v) {
            Some(((home, _), last)) if *home == region => *last = at,
            Some(_) | None => drop(self.moves.wander.insert(v)),
        }
    }

    fn moved(&mut self, v: Value) {
        self.moves.of.entry(v).or_default().extend(&self.around);
    }
}
