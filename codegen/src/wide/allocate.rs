//! Registers for wide code, in one walk from the first instruction to the last.
//!
//! When all registers of a file are taken, the one is given up whose number is used again last [Belady: A study of replacement
//! algorithms, IBM Systems Journal 5(2) 1966; for registers, Guo, Garzarán, Padua: The power of Belady's algorithm in register
//! allocation, LCPC 2003]. A number that is ever given up has a *home* in the frame, which is written wherever the number is defined; so giving
//! up costs nothing, and taking again a load, or nothing where an instruction can read memory.
//!
//! Around loops: what is used in one counts as used at its end. What had a register where the loop begins, and is used in it, is
//! put back there at its end. Behind the loop only those are in registers that are in the same ones whether or not it was entered.

use super::code::{Class, Code, Inst, Op, Operand, V};
use super::encode::Reg;
use super::machine::{File, KEPT, Level};
use smallvec::SmallVec;

/// The operand is in its home.
pub const HOME: Reg = 0xFF;

/// Puts a number into a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    Reload(V, Reg),
    Move(V, Reg, Reg),
}

/// The registers of an instruction.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// Before the instruction; of the end of a loop, between comparison and jump, from `late` on.
    pub fixes: SmallVec<[Fix; 2]>,
    pub late: usize,
    pub def: Reg,
    pub a: Reg,
    pub mask: Reg,
    /// Those of the operand: itself, or base and index.
    pub rm: [Reg; 2],
}

pub struct Allocation {
    pub placed: Vec<Placed>,
    /// Where homes are, from the bottom of the frame; `None` for what never left its register.
    pub homes: Vec<Option<u32>>,
    pub frame: u32,
    /// What the function has to save for its caller.
    pub kept: SmallVec<[Reg; 5]>,
}

/// `first` is in `register` when the function begins.
pub fn allocate(code: &Code, level: Level, first: V, register: Reg) -> Allocation {
    let events = Events::of(code);
    let count = code.classes.len();
    let mut state = Allocator {
        code,
        level,
        events,
        cursor: vec![0; count],
        files: [[None; 32]; 3],
        at: vec![None; count],
        last: vec![None; count],
        given_up: vec![false; count],
        hints: hints(code),
        loops: Vec::new(),
        used: 0,
        placed: Vec::with_capacity(code.insts.len()),
    };
    state.put(first, register);
    for pos in 0..code.insts.len() {
        let placed = state.inst(pos as u32);
        state.placed.push(placed);
    }
    state.finish()
}

/// Which register a number will be moved to at the end of a loop.
fn hints(code: &Code) -> Vec<Option<V>> {
    let mut hints = vec![None; code.classes.len()];
    for inst in code.insts.iter().filter(|i| i.op == Op::Move) {
        if let (Some(to), Some(from)) = (inst.def, inst.a) {
            hints[from.0 as usize] = Some(to);
        }
    }
    hints
}

/// Where each number is used and defined, in order: twice the instruction's number, plus one for a definition.
struct Events(Vec<SmallVec<[u32; 4]>>);

impl Events {
    fn of(code: &Code) -> Events {
        let mut events: Vec<SmallVec<[u32; 4]>> = vec![SmallVec::new(); code.classes.len()];
        // For each open loop: where it began, and what it has used from outside.
        let mut open: Vec<(u32, Vec<V>)> = Vec::new();
        let mut first = vec![u32::MAX; code.classes.len()];
        first[0] = 0;
        let changed = changed_in_loops(code);
        for (pos, inst) in code.insts.iter().enumerate() {
            let pos = pos as u32;
            for v in inst.uses() {
                add(&mut events[v.0 as usize], 2 * pos);
                note(&mut open, &first, v);
            }
            if let Some(v) = inst.def {
                events[v.0 as usize].push(2 * pos + 1);
                first[v.0 as usize] = first[v.0 as usize].min(pos);
                note(&mut open, &first, v);
            }
            match inst.op {
                Op::Enter(id) => {
                    for v in changed[id as usize].iter().filter(|v| first[v.0 as usize] < pos) {
                        add(&mut events[v.0 as usize], 2 * pos);
                        note(&mut open, &first, *v);
                    }
                    open.push((pos, Vec::new()));
                }
                Op::Back(_) => {
                    let (_, used) = open.pop().expect("a loop is open");
                    for v in used {
                        add(&mut events[v.0 as usize], 2 * pos);
                        note(&mut open, &first, v);
                    }
                }
                _ => {}
            }
        }
        Events(events)
    }
}

fn add(events: &mut SmallVec<[u32; 4]>, event: u32) {
    if events.last() != Some(&event) {
        events.push(event);
    }
}

fn note(open: &mut [(u32, Vec<V>)], first: &[u32], v: V) {
    if let Some((begin, used)) = open.last_mut()
        && first[v.0 as usize] < *begin
        && used.last() != Some(&v)
    {
        used.push(v);
    }
}

/// For each loop, the numbers that it defines and that were defined before.
fn changed_in_loops(code: &Code) -> Vec<Vec<V>> {
    let mut changed = vec![Vec::new(); code.loops as usize];
    let mut open: SmallVec<[u32; 4]> = SmallVec::new();
    for inst in &code.insts {
        match inst.op {
            Op::Enter(id) => open.push(id),
            Op::Back(_) => {
                open.pop();
            }
            Op::Move => {
                for id in &open {
                    changed[*id as usize].extend(inst.def);
                }
            }
            _ => {}
        }
    }
    changed
}

/// The registers at the beginning of a loop.
struct Begin {
    /// Of what the loop uses.
    header: SmallVec<[(V, Reg); 16]>,
    /// Of everything, for who does not enter.
    around: SmallVec<[(V, Reg); 16]>,
}

struct Allocator<'c> {
    code: &'c Code,
    level: Level,
    events: Events,
    cursor: Vec<u32>,
    files: [[Option<V>; 32]; 3],
    at: Vec<Option<Reg>>,
    /// The register that a number had last.
    last: Vec<Option<Reg>>,
    given_up: Vec<bool>,
    hints: Vec<Option<V>>,
    loops: Vec<Begin>,
    /// General registers that were ever taken, as bits.
    used: u32,
    placed: Vec<Placed>,
}

impl Allocator<'_> {
    fn file(&self, v: V) -> (File, &'static [Reg]) {
        self.level.registers(self.code.classes[v.0 as usize])
    }

    fn put(&mut self, v: V, r: Reg) {
        let (file, _) = self.file(v);
        debug_assert!(self.files[file as usize][r as usize].is_none());
        self.files[file as usize][r as usize] = Some(v);
        self.at[v.0 as usize] = Some(r);
        self.last[v.0 as usize] = Some(r);
        if file == File::General {
            self.used |= 1 << r;
        }
    }

    fn free(&mut self, v: V) {
        let (file, _) = self.file(v);
        if let Some(r) = self.at[v.0 as usize].take() {
            self.files[file as usize][r as usize] = None;
        }
    }

    /// What happens to a number next, behind an instruction.
    fn next(&mut self, v: V, pos: u32) -> Option<u32> {
        let (events, cursor) = (&self.events.0[v.0 as usize], &mut self.cursor[v.0 as usize]);
        while events.get(*cursor as usize).is_some_and(|e| e / 2 <= pos) {
            *cursor += 1;
        }
        events.get(*cursor as usize).copied()
    }

    /// Where it is used next, if it is before it is defined anew.
    fn next_use(&mut self, v: V, pos: u32) -> Option<u32> {
        self.next(v, pos).filter(|e| e % 2 == 0)
    }

    fn give_up(&mut self, v: V, pos: u32) {
        if self.next_use(v, pos).is_some() {
            self.given_up[v.0 as usize] = true;
        }
        self.free(v);
    }

    /// A free register, at the cost of the number that is used last; not one of the locked ones.
    fn take(&mut self, class: Class, locked: &[V], prefer: Option<Reg>, pos: u32) -> Reg {
        let (file, all) = self.level.registers(class);
        let taken = &self.files[file as usize];
        if let Some(r) = prefer.filter(|r| taken[*r as usize].is_none()) {
            return r;
        }
        if let Some(r) = all.iter().find(|r| taken[**r as usize].is_none()) {
            return *r;
        }
        let mut worst: Option<(u32, Reg, V)> = None;
        for r in all {
            let v = self.files[file as usize][*r as usize].expect("all are taken");
            if locked.contains(&v) {
                continue;
            }
            // What is used at this instruction is not behind it.
            let next = self.next(v, pos.saturating_sub(1)).unwrap_or(u32::MAX);
            if worst.is_none_or(|(far, ..)| next > far) {
                worst = Some((next, *r, v));
            }
        }
        let (_, r, v) = worst.expect("an instruction has fewer operands than there are registers");
        self.give_up(v, pos.saturating_sub(1));
        r
    }

    fn inst(&mut self, pos: u32) -> Placed {
        let inst = self.code.insts[pos as usize];
        let mut placed = Placed::default();
        let locked: SmallVec<[V; 4]> = inst.uses().collect();
        placed.a = inst.a.map_or(0, |v| self.fetch(v, &locked, pos, &mut placed.fixes));
        placed.mask = inst.mask.map_or(0, |v| self.fetch(v, &locked, pos, &mut placed.fixes));
        match inst.rm {
            Operand::Reg(v) if self.stays_home(&inst, v) => placed.rm[0] = HOME,
            Operand::Reg(v) => placed.rm[0] = self.fetch(v, &locked, pos, &mut placed.fixes),
            Operand::Mem(m) => {
                placed.rm[0] = self.fetch(m.base, &locked, pos, &mut placed.fixes);
                placed.rm[1] = m.index.map_or(0, |(v, _)| self.fetch(v, &locked, pos, &mut placed.fixes));
            }
            Operand::Const(_) | Operand::Table(_) | Operand::Scratch(..) | Operand::None => {}
        }
        match inst.op {
            Op::Enter(_) => self.enter(pos),
            Op::Back(_) => {
                placed.late = placed.fixes.len();
                self.back(pos, &mut placed.fixes);
            }
            _ => {}
        }
        let is_early = matches!(inst.op, Op::Rare(_) | Op::Gather | Op::Fused(_));
        if !is_early {
            self.free_dead(&locked, pos);
        }
        if let Some(v) = inst.def {
            placed.def = self.define(v, if is_early { &locked } else { &[] }, pos);
        }
        self.free_dead(&locked, pos);
        placed
    }

    /// The register of a number, which may have to come from its home.
    fn fetch(&mut self, v: V, locked: &[V], pos: u32, fixes: &mut SmallVec<[Fix; 2]>) -> Reg {
        if let Some(r) = self.at[v.0 as usize] {
            return r;
        }
        let r = self.take(self.code.classes[v.0 as usize], locked, self.last[v.0 as usize], pos);
        self.put(v, r);
        self.given_up[v.0 as usize] = true;
        fixes.push(Fix::Reload(v, r));
        r
    }

    /// Whether an operand is better read from memory: it is there, and no register is free for it.
    fn stays_home(&mut self, inst: &Inst, v: V) -> bool {
        let reads_memory = match inst.op {
            Op::Binary(_) | Op::Unary(_) | Op::UnaryImm(..) | Op::Compare(..) | Op::CompareVex(_) => true,
            Op::Blend | Op::Fused(_) => true,
            _ => false,
        };
        if !reads_memory || self.at[v.0 as usize].is_some() || inst.a == Some(v) {
            return false;
        }
        let (file, all) = self.file(v);
        let is_full = all.iter().all(|r| self.files[file as usize][*r as usize].is_some());
        if is_full {
            self.given_up[v.0 as usize] = true;
        }
        is_full
    }

    fn free_dead(&mut self, used: &[V], pos: u32) {
        for v in used {
            if self.next_use(*v, pos).is_none() {
                self.free(*v);
            }
        }
    }

    fn define(&mut self, v: V, locked: &[V], pos: u32) -> Reg {
        // A number that a loop carries goes where it was; one that will be moved there, there.
        self.free(v);
        let hint = self.hints[v.0 as usize].and_then(|to| self.last[to.0 as usize]);
        let prefer = self.last[v.0 as usize].or(hint);
        let r = self.take(self.code.classes[v.0 as usize], locked, prefer, pos + 1);
        self.put(v, r);
        if self.next_use(v, pos).is_none() {
            self.free(v);
        }
        r
    }

    // ---- loops ----

    fn residents(&self) -> SmallVec<[(V, Reg); 16]> {
        let files = self.files.iter().flat_map(|file| file.iter().enumerate());
        files.filter_map(|(r, v)| v.map(|v| (v, r as Reg))).collect()
    }

    fn enter(&mut self, pos: u32) {
        let around = self.residents();
        // What is used here and not in the loop is freed by the instruction.
        let mut header: SmallVec<[(V, Reg); 16]> = SmallVec::new();
        let end = self.end_of_loop(pos);
        for (v, r) in &around {
            match self.next(*v, pos) {
                // Carried, and defined before it is used.
                Some(e) if e % 2 == 1 => self.free(*v),
                Some(e) if e / 2 <= end => header.push((*v, *r)),
                _ => {}
            }
        }
        self.loops.push(Begin { header, around });
    }

    fn end_of_loop(&self, pos: u32) -> u32 {
        let Op::Enter(id) = self.code.insts[pos as usize].op else { unreachable!("a loop begins") };
        let rest = &self.code.insts[pos as usize..];
        let is_end = |i: &Inst| i.op == Op::Back(id);
        pos + rest.iter().position(is_end).expect("it ends") as u32
    }

    fn back(&mut self, pos: u32, fixes: &mut SmallVec<[Fix; 2]>) {
        let Begin { header, around } = self.loops.pop().expect("a loop is open");
        for (v, r) in &header {
            if self.at[v.0 as usize] == Some(*r) {
                continue;
            }
            let (file, _) = self.file(*v);
            match (self.files[file as usize][*r as usize], self.at[v.0 as usize]) {
                (None, Some(from)) => {
                    fixes.push(Fix::Move(*v, from, *r));
                    self.free(*v);
                }
                (occupant, _) => {
                    if let Some(other) = occupant {
                        self.given_up[other.0 as usize] = true;
                        self.free(other);
                    }
                    self.free(*v);
                    self.given_up[v.0 as usize] = true;
                    fixes.push(Fix::Reload(*v, *r));
                }
            }
            self.put(*v, *r);
        }
        for (v, r) in self.residents() {
            if !around.contains(&(v, r)) {
                self.give_up(v, pos);
            }
        }
    }

    // ---- homes ----

    fn finish(self) -> Allocation {
        let mut homes = vec![None; self.code.classes.len()];
        let bytes = self.level.bytes();
        let mut frame = self.code.scratch * bytes;
        let mut ends: Vec<(u32, u32, bool)> = Vec::new();
        let (mut vectors, mut words): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
        for (pos, inst) in self.code.insts.iter().enumerate() {
            let pos = pos as u32;
            ends.retain(|(end, at, is_word)| {
                if *end >= pos {
                    return true;
                }
                if *is_word {
                    words.push(*at)
                } else {
                    vectors.push(*at)
                }
                false
            });
            let begins = if pos == 0 { Some(V(0)) } else { None };
            for v in inst.def.into_iter().chain(begins) {
                if !self.given_up[v.0 as usize] || homes[v.0 as usize].is_some() {
                    continue;
                }
                let is_word = self.level.registers(self.code.classes[v.0 as usize]).0 != File::Vector;
                let free = if is_word { words.pop() } else { vectors.pop() };
                let at = free.unwrap_or_else(|| {
                    frame += bytes;
                    if is_word {
                        words.extend((1..bytes / 8).map(|i| frame - bytes + 8 * i));
                    }
                    frame - bytes
                });
                homes[v.0 as usize] = Some(at);
                let end = self.events.0[v.0 as usize].last().map_or(pos, |e| e / 2);
                ends.push((end, at, is_word));
            }
        }
        let kept = KEPT.into_iter().filter(|r| self.used >> r & 1 == 1).collect();
        Allocation { placed: self.placed, homes, frame, kept }
    }
}
