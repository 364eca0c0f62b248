//! Branches: what they change, and where they leave.
//!
//! `return`, `break` and `continue` make the point behind them *dead*: the rest of the region is written into a limbo that
//! is thrown away. Of a branch whose other arms are all dead, nothing needs to be joined yet: what follows in the source
//! is written on into the one live arm, and the join waits until the region around it ends.
//!
//! ```text
//! if c { return a; }                  %r = if %c { yield a }
//! rest                                     else { rest… yield b }
//! ```
//!
//! Only if several arms live and some are dead, or an arm may be left half-way, a flag says at run time whether the rest
//! is to run. Loops carry such flags (`loops.rs`). The idea of tests instead of jumps is that of "relooping" turned
//! around; that flags appear only at real joins keeps what a derivative has to look at as small as the source.

use super::body::{Flat, FnLower};
use crate::typed::LocalId;
use dprog_ir::{Op, Region, Type, UnaryOp, Value};
use rustc_hash::FxHashSet;

/// What chooses the arm.
#[derive(Clone, Copy)]
pub(super) enum Selector {
    If(Value),
    /// The last arm is the default.
    Switch(Value),
}

/// Why a point cannot be reached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Left the function: nothing but the results matters any more.
    Function,
    /// Left the loop or its turn: locals matter as they are.
    Loop,
}

/// A point that cannot be reached, and how things stood when it was left.
pub(super) struct Dead {
    leave: Leave,
    trail: usize,
    joins: usize,
}

/// How an arm ends.
#[derive(Clone, Copy)]
enum Status {
    Live,
    /// It has been left if the flag is true. No flag if nobody asks.
    Maybe(Option<Value>),
    Dead(Leave),
}

/// A written arm.
pub(super) struct End {
    region: Region,
    values: Flat,
    changes: Vec<(LocalId, Flat)>,
    status: Status,
}

/// A branch all of whose arms but one are dead; the live one is still being written.
pub(super) struct Join {
    selector: Selector,
    dead: Vec<End>,
    live: usize,
    trail: usize,
}

/// What the end of a region is to give besides its values.
#[derive(Clone, Copy)]
struct Asked {
    /// Whether it has been left.
    flag: bool,
    /// Locals that were bound inside, too.
    inner_locals: bool,
}

impl Asked {
    const NOTHING: Asked = Asked { flag: false, inner_locals: false };
}

/// What to restore at the end of a region.
pub(super) struct Scope {
    trail: usize,
    joins: usize,
    dead: Option<Dead>,
    exit: Option<Value>,
}

impl<'p> FnLower<'_, 'p> {
    /// Writes the arms of a branch. Arms that do not return give values of `types`; so does the branch.
    pub fn branch(
        &mut self,
        selector: Selector,
        arms: usize,
        types: &[Type],
        mut body: impl FnMut(&mut Self, usize) -> Flat,
    ) -> Flat {
        let mut ends: Vec<End> = (0..arms).map(|k| self.arm(types, |s| body(s, k))).collect();
        let mut live = ends.iter().enumerate().filter(|(_, e)| !matches!(e.status, Status::Dead(_)));
        if let (Some((index, End { status: Status::Live, .. })), None) = (live.next(), live.next())
            && ends.len() > 1
        {
            let end = ends.remove(index);
            return self.go_on_in(Join { selector, dead: ends, live: index, trail: self.trail.len() }, end);
        }
        let (values, status) = self.join(selector, ends, types, true);
        match status {
            Status::Live => {}
            Status::Maybe(flag) => self.exit = flag,
            Status::Dead(leave) => self.die(leave),
        }
        values
    }

    /// `if` without values.
    pub fn branch_if(&mut self, cond: Value, mut then: impl FnMut(&mut Self), mut otherwise: impl FnMut(&mut Self)) {
        self.branch(Selector::If(cond), 2, &[], |s, k| {
            if k == 0 {
                then(s)
            } else {
                otherwise(s)
            }
            Vec::new()
        });
    }

    fn arm(&mut self, types: &[Type], body: impl FnOnce(&mut Self) -> Flat) -> End {
        let scope = self.enter(&[]);
        let values = body(self);
        self.leave(scope, values, types, true)
    }

    fn go_on_in(&mut self, join: Join, end: End) -> Flat {
        self.joins.push(join);
        self.b.reopen_region(end.region);
        for (local, flat) in end.changes {
            self.set(local, flat);
        }
        end.values
    }

    /// What is written from now on cannot be reached.
    pub fn die(&mut self, leave: Leave) {
        if self.dead.is_none() {
            self.dead = Some(Dead { leave, trail: self.trail.len(), joins: self.joins.len() });
            self.b.open_region(&[]);
        }
    }

    /// If the point may have been left already, goes on in the arm of a branch that is taken if not.
    pub fn settle(&mut self) {
        let Some(flag) = self.exit.take() else { return };
        self.b.open_region(&[]);
        let region = self.b.close_region(&[]);
        let gone = End { region, values: Vec::new(), changes: Vec::new(), status: Status::Dead(Leave::Loop) };
        self.joins.push(Join { selector: Selector::If(flag), dead: vec![gone], live: 1, trail: self.trail.len() });
        self.b.open_region(&[]);
    }

    /// Writes joins that wait, down to `mark` of them, so that a long list of early returns does not nest as deep as it is
    /// long. Locals bound since then are handed out of the regions that end.
    pub fn flatten_to(&mut self, mark: usize) {
        let asked = Asked { flag: true, inner_locals: true };
        if let Status::Maybe(flag) = self.unwind(mark, &mut Vec::new(), Status::Live, &[], asked) {
            self.exit = flag;
        }
        self.settle();
    }

    // ---- regions of the user ----

    /// Opens a region with parameters.
    pub fn enter(&mut self, params: &[Type]) -> Scope {
        let scope = self.enter_here();
        self.b.open_region(params);
        scope
    }

    /// Begins a scope in the region that is open.
    pub fn enter_here(&mut self) -> Scope {
        Scope { trail: self.trail.len(), joins: self.joins.len(), dead: self.dead.take(), exit: self.exit.take() }
    }

    /// Ends the scope of a whole function: the environment stays as it is at the end.
    pub fn finish_scope(&mut self, scope: Scope) {
        let status = self.end_of_path();
        self.unwind(scope.joins, &mut Vec::new(), status, &[], Asked::NOTHING);
    }

    /// Closes the region, restores the environment, and says what the region has done.
    pub fn leave(&mut self, scope: Scope, values: Flat, types: &[Type], want_flag: bool) -> End {
        let mut values = values;
        let status = self.end_of_path();
        if matches!(status, Status::Dead(_)) {
            // What was made of them went with the limbo.
            values.clear();
        } else if values.len() != types.len() {
            values = self.undefs(types);
        }
        let asked = Asked { flag: want_flag, inner_locals: false };
        let status = self.unwind(scope.joins, &mut values, status, types, asked);
        let changes = self.take_changes(scope.trail, status, false);
        let region = self.b.close_region(&[]);
        (self.dead, self.exit) = (scope.dead, scope.exit);
        End { region, values, changes, status }
    }

    /// How the point that was written last can be reached; throws away what cannot.
    fn end_of_path(&mut self) -> Status {
        let exit = self.exit.take();
        match self.dead.take() {
            Some(dead) => {
                self.unwind(dead.joins, &mut Vec::new(), Status::Live, &[], Asked::NOTHING);
                self.b.close_region(&[]);
                self.undo_to(dead.trail);
                Status::Dead(dead.leave)
            }
            None if exit.is_some() => Status::Maybe(exit),
            None => Status::Live,
        }
    }

    /// Writes the joins that have waited for the end of this region.
    fn unwind(&mut self, joins: usize, values: &mut Flat, status: Status, types: &[Type], asked: Asked) -> Status {
        let mut status = status;
        while self.joins.len() > joins {
            let join = self.joins.pop().expect("there is a join");
            let changes = self.take_changes(join.trail, status, asked.inner_locals);
            let region = self.b.close_region(&[]);
            let mut ends = join.dead;
            ends.insert(join.live, End { region, values: std::mem::take(values), changes, status });
            (*values, status) = self.join(join.selector, ends, types, asked.flag);
        }
        status
    }

    /// The locals that have changed since `mark`, with their values; they are restored.
    fn take_changes(&mut self, mark: usize, status: Status, inner_locals: bool) -> Vec<(LocalId, Flat)> {
        let mut seen = FxHashSet::default();
        let mut changes = Vec::new();
        for (local, old) in &self.trail[mark..] {
            let outer = inner_locals || old.is_some() || *local == self.returned;
            if seen.insert(*local) && outer && self.lookup(*local) != old.as_ref() {
                changes.push((*local, self.local(*local)));
            }
        }
        self.undo_to(mark);
        if matches!(status, Status::Dead(Leave::Function)) {
            changes.retain(|(local, _)| *local == self.returned || *local == self.has_returned);
        }
        changes
    }

    // ---- joins ----

    /// Writes the branch over closed arms, with what they give and what they have changed.
    fn join(&mut self, selector: Selector, ends: Vec<End>, types: &[Type], want_flag: bool) -> (Flat, Status) {
        let (status, flags) = self.joined_status(selector, &ends, want_flag);
        let undefs = if ends.iter().any(|e| e.values.len() != types.len()) { self.undefs(types) } else { Vec::new() };
        let locals = changed_locals(&ends);
        let befores: Vec<Flat> = locals.iter().map(|(l, flat)| self.before(*l, flat)).collect();
        for (k, end) in ends.iter().enumerate() {
            let mut yields = if end.values.len() == types.len() { end.values.clone() } else { undefs.clone() };
            for ((local, _), before) in locals.iter().zip(&befores) {
                yields.extend(end.change(*local).unwrap_or(before));
            }
            yields.extend(flags.get(k));
            self.b.func.regions[end.region].yields = yields;
        }
        let mut all_types = types.to_vec();
        all_types.extend(befores.iter().flatten().map(|v| self.b.ty(*v)));
        all_types.extend(flags.first().map(|_| Type::BOOL));
        let regions: Vec<Region> = ends.iter().map(|e| e.region).collect();
        let mut results = self.select(selector, &regions, &all_types).into_iter();
        let values = results.by_ref().take(types.len()).collect();
        for ((local, _), before) in locals.iter().zip(&befores) {
            let flat = results.by_ref().take(before.len()).collect();
            self.set(*local, flat);
        }
        (values, if flags.is_empty() { status } else { Status::Maybe(results.next()) })
    }

    fn select(&mut self, selector: Selector, regions: &[Region], types: &[Type]) -> Flat {
        let (op, value) = match selector {
            Selector::If(cond) => (Op::If, cond),
            Selector::Switch(tag) => (Op::Switch, tag),
        };
        let inst = self.b.inst(op, &[value], regions, types);
        self.b.results(inst)
    }

    /// The entry of a changed local before the branch; undefined if it had none.
    fn before(&mut self, local: LocalId, changed: &[Value]) -> Flat {
        match self.lookup(local) {
            Some(flat) => flat.clone(),
            None => {
                let types: Vec<Type> = changed.iter().map(|v| self.b.ty(*v)).collect();
                self.undefs(&types)
            }
        }
    }

    /// Whether the branch has been left behind it, and if only the arms can tell, what each of them has to say.
    fn joined_status(&mut self, selector: Selector, ends: &[End], want_flag: bool) -> (Status, Vec<Value>) {
        let is_dead = |leave: Leave| ends.iter().all(|e| matches!(e.status, Status::Dead(l) if l == leave));
        if ends.iter().all(|e| matches!(e.status, Status::Dead(_))) {
            return (Status::Dead(if is_dead(Leave::Function) { Leave::Function } else { Leave::Loop }), Vec::new());
        }
        if ends.iter().all(|e| matches!(e.status, Status::Live)) {
            return (Status::Live, Vec::new());
        }
        let flag = match (selector, ends) {
            _ if !want_flag => None,
            (Selector::If(cond), [End { status: Status::Dead(_), .. }, End { status: Status::Live, .. }]) => Some(cond),
            (Selector::If(cond), [End { status: Status::Live, .. }, End { status: Status::Dead(_), .. }]) => {
                Some(self.b.unary(UnaryOp::Not, cond))
            }
            _ => return (Status::Maybe(None), self.flags(ends)),
        };
        (Status::Maybe(flag), Vec::new())
    }

    fn flags(&mut self, ends: &[End]) -> Vec<Value> {
        let (yes, no) = (self.b.bool(true), self.b.bool(false));
        let flag = |end: &End| match end.status {
            Status::Dead(_) => yes,
            Status::Live => no,
            Status::Maybe(flag) => flag.expect("an arm has a flag if its branch wants one"),
        };
        ends.iter().map(flag).collect()
    }
}

impl End {
    /// The closed region, whose yields are still to be set.
    pub fn region(&self) -> Region {
        self.region
    }

    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value of a local at the end, if it has changed.
    pub fn change(&self, local: LocalId) -> Option<&Flat> {
        self.changes.iter().find(|(l, _)| *l == local).map(|(_, flat)| flat)
    }
}

/// Every local that some arm has changed, once, with one of its new values.
fn changed_locals(ends: &[End]) -> Vec<(LocalId, Flat)> {
    let mut seen = FxHashSet::default();
    let all = ends.iter().flat_map(|e| &e.changes);
    all.filter(|(local, _)| seen.insert(*local)).cloned().collect()
}
