//! From instructions and their registers to bytes.
//!
//! The frame, from the stack pointer up: scratch vectors, homes, and what a call of a helper needs. The frame pointer stands where C
//! functions have it, so whoever walks the stack finds the caller.

use super::allocate::{Allocation, Fix, HOME, Placed};
use super::code::{Class, Code, Inst, Kind, Op, Operand, V};
use super::encode::{Assembler, Condition, Form, Label, Mem, POOL_ALIGNMENT, RAX, RBP, RSP, Reg, Rm, Row, rows};
use super::machine::Level;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// How a helper is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// By its address, in the pool.
    Address,
    /// By the distance to it.
    Distance,
}

/// Where something is to be filled in: the address of, or the distance to, the helper with this number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missing {
    pub offset: u32,
    pub helper: u8,
}

/// A function as bytes, to be put where addresses are multiples of [`POOL_ALIGNMENT`].
pub struct Bytes {
    pub bytes: Vec<u8>,
    /// How many of them are instructions.
    pub code: usize,
    pub missing: Vec<Missing>,
    /// It runs a multiple of so many trips.
    pub width: usize,
    /// So many at once.
    pub block: usize,
    pub frame: Frame,
}

/// What somebody who walks the stack needs to know of a function: from the body on the frame pointer says where the caller's frame is.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// The registers that are saved below the frame pointer, from there down.
    pub kept: SmallVec<[Reg; 5]>,
    /// Behind `push rbp`, and where the body begins.
    pub pushed: u32,
    pub body: u32,
    /// The ends: where the frame pointer is the caller's again, and where the function is left.
    pub ends: SmallVec<[(u32, u32); 2]>,
}

pub fn emit(code: &Code, allocation: &Allocation, level: Level, reach: Reach, (width, block): (usize, usize)) -> Bytes {
    let mut asm = Assembler::default();
    let labels = (0..code.loops).map(|_| (asm.label(), asm.label())).collect();
    let cancelled = asm.label();
    let mut emitter = Emitter {
        code,
        allocation,
        level,
        reach,
        asm,
        labels,
        cancelled,
        polls: false,
        pool: Pool::new(code, level),
        cold: Vec::new(),
        helpers: [None; 3],
        missing: Vec::new(),
        frame: Frame { kept: allocation.kept.clone(), ..Frame::default() },
    };
    emitter.function();
    emitter.finish((width, block))
}

/// Constants behind the code.
struct Pool {
    bytes: Vec<u8>,
    known: FxHashMap<u64, u32>,
    level: Level,
}

impl Pool {
    fn new(code: &Code, level: Level) -> Pool {
        let lanes = code.tables.iter().flat_map(|table| &table[..level.lanes()]);
        Pool { bytes: lanes.flat_map(|lane| lane.to_le_bytes()).collect(), known: FxHashMap::default(), level }
    }

    /// Where a number is that all lanes are to have: once for AVX-512, which spreads it, else as often as there are lanes.
    fn constant(&mut self, bits: u64) -> u32 {
        let times = if self.level.has_masks() { 1 } else { self.level.lanes() };
        *self.known.entry(bits).or_insert_with(|| {
            let at = self.bytes.len() as u32;
            (0..times).for_each(|_| self.bytes.extend(bits.to_le_bytes()));
            at
        })
    }
}

/// A way that is hardly ever taken.
struct Cold {
    begin: Label,
    back: Label,
    helper: u8,
    def: Reg,
    x: Reg,
    mask: Reg,
    narrow: bool,
}

struct Emitter<'c> {
    code: &'c Code,
    allocation: &'c Allocation,
    level: Level,
    reach: Reach,
    asm: Assembler,
    /// Of each loop, beginning and end.
    labels: Vec<(Label, Label)>,
    cancelled: Label,
    polls: bool,
    pool: Pool,
    cold: Vec<Cold>,
    helpers: [Option<Label>; 3],
    missing: Vec<Missing>,
    frame: Frame,
}

impl Emitter<'_> {
    fn function(&mut self) {
        self.prologue();
        let first = V(0);
        if let Some(home) = self.allocation.homes[first.0 as usize] {
            self.asm.store(super::encode::RDI, in_frame(home));
        }
        for (inst, placed) in self.code.insts.iter().zip(&self.allocation.placed) {
            for fix in &placed.fixes[..if matches!(inst.op, Op::Back(_)) { placed.late } else { placed.fixes.len() }] {
                self.fix(*fix);
            }
            self.inst(inst, placed);
            if let Some(v) = inst.def
                && let Some(home) = self.allocation.homes[v.0 as usize]
            {
                self.to_home(self.code.classes[v.0 as usize], placed.def, home);
            }
        }
        for cold in std::mem::take(&mut self.cold) {
            self.cold_way(&cold);
        }
        for helper in 0..self.helpers.len() {
            if let Some(label) = self.helpers[helper] {
                self.helper(helper as u8, label);
            }
        }
        if self.polls {
            self.asm.bind(self.cancelled);
            self.asm.constant(RAX, 1);
            self.epilogue();
        }
    }

    fn finish(self, (width, block): (usize, usize)) -> Bytes {
        let code = self.asm.bytes.len();
        let begin = code.next_multiple_of(POOL_ALIGNMENT) as u32;
        let in_pool = self.reach == Reach::Address;
        let missing = self.missing.into_iter();
        let missing = missing.map(|m| if in_pool { Missing { offset: begin + m.offset, ..m } } else { m }).collect();
        Bytes { bytes: self.asm.finish(&self.pool.bytes), code, missing, width, block, frame: self.frame }
    }

    // ---- frame ----

    fn prologue(&mut self) {
        self.asm.push(RBP);
        self.frame.pushed = self.here();
        self.asm.mov(RBP, RSP);
        self.frame.body = self.here();
        self.allocation.kept.iter().for_each(|r| self.asm.push(*r));
        // -64, and room.
        self.asm.immediate(4, RSP, -64);
        let bytes = self.frame_bytes();
        if bytes > 0 {
            self.asm.immediate(5, RSP, bytes as i32);
        }
    }

    fn epilogue(&mut self) {
        let kept = &self.allocation.kept;
        self.asm.lea(RSP, Mem { base: RBP, index: None, disp: -8 * kept.len() as i32 });
        kept.iter().rev().for_each(|r| self.asm.pop(*r));
        self.asm.pop(RBP);
        let popped = self.here();
        self.zero_upper();
        self.asm.ret();
        let left = self.here();
        self.frame.ends.push((popped, left));
    }

    fn here(&self) -> u32 {
        self.asm.bytes.len() as u32
    }

    fn zero_upper(&mut self) {
        self.asm.bytes.extend([0xC5, 0xF8, 0x77]);
    }

    fn frame_bytes(&self) -> u32 {
        let has_helpers = self.code.insts.iter().any(|i| matches!(i.op, Op::Rare(_)));
        let saved = if has_helpers { self.saved_at(VECTORS_AND_MORE) } else { self.allocation.frame };
        saved.next_multiple_of(64)
    }

    /// Where a call of a helper has its argument, its result, and behind them the registers that it saves.
    fn saved_at(&self, n: u32) -> u32 {
        self.allocation.frame + n * self.level.bytes()
    }

    // ---- instructions ----

    fn form(&self, inst: &Inst) -> Form {
        let bits = match inst.kind {
            Kind { narrow: true, .. } => 128,
            Kind { half: true, .. } => self.level.bits() / 2,
            Kind { .. } => self.level.bits(),
        };
        Form::new(bits, self.level.has_masks())
    }

    /// The whole register.
    fn full(&self) -> Form {
        Form::new(self.level.bits(), self.level.has_masks())
    }

    /// One number, or two.
    fn narrow(&self, bytes: u8) -> Form {
        Form { bytes, ..Form::new(128, self.level.has_masks()) }
    }

    fn row(&self, row: Row) -> Row {
        if self.level.has_masks() { row } else { row.narrow() }
    }

    /// The row for numbers as long as the instruction's.
    fn row_of(&self, inst: &Inst, row: Row) -> Row {
        if inst.kind.single { row.single() } else { self.row(row) }
    }

    fn operand(&mut self, inst: &Inst, placed: &Placed, form: &mut Form) -> Rm {
        match inst.rm {
            Operand::Reg(v) if placed.rm[0] == HOME => {
                Rm::Mem(in_frame(self.allocation.homes[v.0 as usize].expect("it has a home")))
            }
            Operand::Reg(_) => Rm::Reg(placed.rm[0]),
            Operand::Const(bits) => {
                if form.evex {
                    (form.broadcast, form.bytes) = (true, number_bytes(inst));
                }
                Rm::Pool(self.pool.constant(bits))
            }
            Operand::Table(n) => Rm::Pool(n * self.level.bytes()),
            Operand::Mem(m) => Rm::Mem(Mem {
                base: placed.rm[0],
                index: m.index.map(|(_, power)| (placed.rm[1], power)),
                disp: m.disp,
            }),
            Operand::Scratch(n, offset) => Rm::Mem(in_frame((n * self.level.bytes()) + offset as u32)),
            Operand::None => Rm::Reg(0),
        }
    }

    fn inst(&mut self, inst: &Inst, p: &Placed) {
        let mut form = self.form(inst);
        let rm = self.operand(inst, p, &mut form);
        match inst.op {
            Op::Binary(row) => self.asm.vector(self.row_of(inst, row), form, p.def, p.a, rm),
            Op::Unary(row) => self.asm.vector(self.row_of(inst, row), form, p.def, 0, rm),
            Op::UnaryImm(row, x) => self.asm.vector_with(self.row_of(inst, row), form, (p.def, 0, rm), Some(x)),
            Op::Compare(row, x) => self.asm.vector_with(self.row_of(inst, row), form, (p.def, p.a, rm), Some(x)),
            Op::CompareVex(row) => self.asm.vector(self.row_of(inst, row), form, p.def, p.a, rm),
            Op::Fused(row) => {
                self.asm.vector(self.row(rows::MOVE), self.full(), p.def, 0, Rm::Reg(p.a));
                let row = if inst.kind.single { row.single() } else { row };
                self.asm.vector(row, form, p.def, p.mask, rm);
            }
            Op::Shift { left, count } => {
                let which = if left { 6 } else { 2 };
                self.asm.vector_with(self.row(rows::SHIFT), form, (which, p.def, rm), Some(count));
            }
            Op::Blend if form.evex => {
                self.asm.vector(self.row_of(inst, rows::BLEND), Form { mask: p.mask, ..form }, p.def, p.a, rm)
            }
            Op::Blend => {
                let row = self.row_of(inst, rows::BLEND_BY_SIGN);
                self.asm.vector_with(row, form, (p.def, p.a, rm), Some(p.mask << 4));
            }
            Op::Zero => self.asm.vector(self.row(rows::XOR), form, p.def, p.def, Rm::Reg(p.def)),
            Op::Load => {
                let form = Form { mask: p.mask, zeroing: inst.mask.is_some(), ..form };
                self.asm.vector(self.row_of(inst, rows::LOAD), form, p.def, 0, rm);
            }
            Op::Store => self.asm.vector(self.row_of(inst, rows::STORE), Form { mask: p.mask, ..form }, p.a, 0, rm),
            Op::Broadcast => self.broadcast(inst, p.def, form, rm),
            Op::Reverse => self.asm.vector_with(rows::PERMUTE_BY, form, (p.def, 0, rm), Some(0b00_01_10_11)),
            Op::Behind => self.behind(inst, p, form, rm),
            Op::LoadOne => {
                self.asm.vector(self.row_of(inst, rows::LOAD_ONE), self.narrow(number_bytes(inst)), p.def, 0, rm);
            }
            Op::LoadHigh => self.asm.vector(self.row(rows::LOAD_HIGH), self.narrow(8), p.def, p.a, rm),
            Op::StoreLow => {
                self.asm.vector(self.row_of(inst, rows::STORE_LOW), self.narrow(number_bytes(inst)), p.a, 0, rm);
            }
            Op::StoreHigh => self.asm.vector(self.row(rows::STORE_HIGH), self.narrow(8), p.a, 0, rm),
            Op::Extract(n) => {
                self.asm.vector_with(self.row(rows::EXTRACT), self.full(), (p.rm[0], 0, Rm::Reg(p.def)), Some(n));
            }
            Op::Insert(n) => {
                self.asm.vector_with(self.row(rows::INSERT), self.full(), (p.def, p.a, rm), Some(n));
            }
            Op::InsertHalf => {
                self.asm.vector_with(rows::INSERT_HALF, self.full(), (p.def, p.a, rm), Some(1));
            }
            Op::High => {
                let row = if form.evex { rows::EXTRACT_HALF } else { rows::EXTRACT.narrow() };
                self.asm.vector_with(row, self.full(), (p.rm[0], 0, Rm::Reg(p.def)), Some(1));
            }
            Op::Promote => self.asm.vector(rows::PROMOTE, Form { bytes: form.bytes / 2, ..form }, p.def, 0, rm),
            Op::Demote => self.asm.vector(self.row(rows::DEMOTE), form, p.def, 0, rm),
            Op::Spread => self.asm.vector(self.row_of(inst, rows::BROADCAST), form, p.def, 0, rm),
            Op::InsertOne(n) => {
                self.asm.vector_with(rows::INSERT_ONE, self.narrow(4), (p.def, p.a, rm), Some(n << 4));
            }
            Op::ExtractOne(n) => {
                self.asm.vector_with(rows::EXTRACT_ONE, self.narrow(4), (p.a, 0, rm), Some(n));
            }
            Op::FromGeneral => self.from_general(inst, p, form),
            Op::ToGeneral => {
                let form = Form::new(128, form.evex);
                self.asm.vector(rows::TO_GENERAL, form, p.rm[0], 0, Rm::Reg(p.def));
            }
            Op::Gather => {
                self.asm.vector(self.row(rows::XOR), form, p.def, p.def, Rm::Reg(p.def));
                self.copy_mask(SPARE_MASK, p.mask);
                let form = Form { mask: SPARE_MASK, bytes: number_bytes(inst), ..form };
                self.asm.vector(self.row_of(inst, rows::GATHER), form, p.def, 0, rm);
            }
            Op::Scatter => {
                self.copy_mask(SPARE_MASK, p.mask);
                let form = Form { mask: SPARE_MASK, bytes: number_bytes(inst), ..form };
                self.asm.vector(self.row_of(inst, rows::SCATTER), form, p.a, 0, rm);
            }
            Op::MaskBinary(row) if form.evex => {
                self.asm.vector(self.mask_row(inst, row), Form::new(256, false), p.def, p.a, rm);
            }
            Op::MaskJoin => self.asm.vector(rows::MASK_JOIN, Form::new(256, false), p.def, p.a, rm),
            Op::MaskBinary(row) => self.asm.vector(of_vectors(row), form, p.def, p.a, rm),
            Op::MaskNot if form.evex => {
                self.asm.vector(self.mask_row(inst, rows::MASK_NOT), Form::new(128, false), p.def, 0, Rm::Reg(p.a));
                if inst.kind.narrow && !inst.kind.single {
                    self.first_of_mask(p.def);
                }
            }
            Op::MaskNot => {
                let ones = SPARE_VECTOR;
                self.asm.vector(rows::INT_EQUAL.narrow(), form, ones, ones, Rm::Reg(ones));
                self.asm.vector(rows::XOR.narrow(), form, p.def, p.a, Rm::Reg(ones));
            }
            Op::Move => {
                let class = self.code.classes[inst.def.expect("it gives one").0 as usize];
                self.copy(class, p.def, p.a);
            }
            Op::Rare(helper) => self.rare(inst, p, helper),
            Op::Integer(_) | Op::LoadWord | Op::Lea | Op::Subtract | Op::Multiply => {
                self.general(inst, p, rm);
            }
            Op::MultiplyBy(_) | Op::Negate => self.general(inst, p, rm),
            Op::Enter(_) | Op::Back(_) | Op::Poll | Op::Return => self.control(inst, p, rm),
        }
    }

    fn behind(&mut self, inst: &Inst, p: &Placed, form: Form, rm: Rm) {
        if form.evex {
            let last = if inst.kind.single { 15 } else { 7 };
            return self.asm.vector_with(self.row_of(inst, rows::ALIGN), form, (p.def, p.a, rm), Some(last));
        }
        // The upper half of the one and the lower of the other; then within halves.
        let between = SPARE_VECTOR;
        self.asm.vector_with(rows::PERMUTE_HALVES, form, (between, p.a, rm), Some(0x03));
        let bytes = if inst.kind.single { 12 } else { 8 };
        self.asm.vector_with(rows::ALIGN_BYTES, form, (p.def, p.a, Rm::Reg(between)), Some(bytes));
    }

    fn mask_row(&self, inst: &Inst, row: Row) -> Row {
        if inst.kind.single { row.single() } else { row }
    }

    /// Leaves two bits, those of a narrow vector.
    fn first_of_mask(&mut self, mask: Reg) {
        for row in [rows::MASK_LEFT, rows::MASK_RIGHT] {
            self.asm.vector_with(row, Form::new(128, false), (mask, 0, Rm::Reg(mask)), Some(6));
        }
    }

    fn broadcast(&mut self, inst: &Inst, to: Reg, form: Form, rm: Rm) {
        let one = Form { broadcast: false, bytes: number_bytes(inst), ..form };
        match inst.rm {
            // The pool has it in all lanes.
            Operand::Const(_) if !form.evex => self.asm.vector(self.row(rows::LOAD), form, to, 0, rm),
            _ if inst.kind.narrow && !inst.kind.single => self.asm.vector(self.row(rows::DOUBLE), one, to, 0, rm),
            _ => self.asm.vector(self.row_of(inst, rows::BROADCAST), one, to, 0, rm),
        }
    }

    fn from_general(&mut self, inst: &Inst, p: &Placed, form: Form) {
        if form.evex {
            return self.asm.vector(rows::BROADCAST_GENERAL, form, p.def, 0, Rm::Reg(p.a));
        }
        self.asm.vector(rows::FROM_GENERAL, Form::new(128, false), p.def, 0, Rm::Reg(p.a));
        if !inst.kind.narrow {
            self.asm.vector(rows::BROADCAST_INT.narrow(), form, p.def, 0, Rm::Reg(p.def));
        }
    }

    fn general(&mut self, inst: &Inst, p: &Placed, rm: Rm) {
        let (asm, b) = (&mut self.asm, p.rm[0]);
        match (inst.op, rm) {
            (Op::Integer(x), _) => asm.constant(p.def, x),
            (Op::LoadWord, Rm::Mem(m)) => asm.load(p.def, m),
            (Op::Lea, Rm::Mem(m)) => asm.lea(p.def, m),
            (Op::MultiplyBy(x), _) => asm.mul_by(p.def, p.a, x),
            (Op::Negate, _) => {
                asm.mov(p.def, p.a);
                asm.neg(p.def);
            }
            (Op::Subtract, _) if p.def == b && p.def != p.a => {
                asm.neg(p.def);
                asm.add(p.def, p.a);
            }
            (Op::Subtract, _) => {
                asm.mov(p.def, p.a);
                asm.sub(p.def, b);
            }
            (Op::Multiply, _) if p.def == b => asm.mul(p.def, p.a),
            (Op::Multiply, _) => {
                asm.mov(p.def, p.a);
                asm.mul(p.def, b);
            }
            (op, rm) => unreachable!("{op:?} of {rm:?}"),
        }
    }

    fn control(&mut self, inst: &Inst, p: &Placed, rm: Rm) {
        match (inst.op, rm) {
            (Op::Enter(id), _) => {
                let (begin, end) = self.labels[id as usize];
                self.asm.cmp(p.a, p.rm[0]);
                self.asm.jump_if(Condition::GreaterOrEqual, end);
                self.asm.align(32);
                self.asm.bind(begin);
            }
            (Op::Back(id), _) => {
                let (begin, end) = self.labels[id as usize];
                self.asm.cmp(p.a, p.rm[0]);
                for fix in &p.fixes[p.late..] {
                    self.fix(*fix);
                }
                self.asm.jump_if(Condition::Less, begin);
                self.asm.bind(end);
            }
            (Op::Poll, Rm::Mem(m)) => {
                self.polls = true;
                self.asm.test_byte(m);
                self.asm.jump_if(Condition::NotZero, self.cancelled);
            }
            (Op::Return, _) => {
                self.asm.clear(RAX);
                self.epilogue();
            }
            (op, rm) => unreachable!("{op:?} of {rm:?}"),
        }
    }

    // ---- moving ----

    fn copy(&mut self, class: Class, to: Reg, from: Reg) {
        match class {
            _ if to == from => {}
            Class::General => self.asm.mov(to, from),
            Class::Mask if self.level.has_masks() => self.copy_mask(to, from),
            Class::Vector | Class::Mask => {
                self.asm.vector(self.row(rows::MOVE), self.full(), to, 0, Rm::Reg(from));
            }
        }
    }

    fn copy_mask(&mut self, to: Reg, from: Reg) {
        self.asm.vector(rows::MASK_MOVE, Form::new(128, false), to, 0, Rm::Reg(from));
    }

    fn fix(&mut self, fix: Fix) {
        match fix {
            Fix::Move(v, from, to) => self.copy(self.code.classes[v.0 as usize], to, from),
            Fix::Reload(v, to) => {
                let home = self.allocation.homes[v.0 as usize].expect("it has a home");
                self.from_home(self.code.classes[v.0 as usize], to, home);
            }
        }
    }

    fn to_home(&mut self, class: Class, from: Reg, home: u32) {
        match class {
            Class::General => self.asm.store(from, in_frame(home)),
            Class::Mask if self.level.has_masks() => {
                self.asm.vector(rows::MASK_STORE, Form::new(128, false), from, 0, Rm::Mem(in_frame(home)));
            }
            Class::Vector | Class::Mask => {
                self.asm.vector(self.row(rows::STORE), self.full(), from, 0, Rm::Mem(in_frame(home)));
            }
        }
    }

    fn from_home(&mut self, class: Class, to: Reg, home: u32) {
        match class {
            Class::General => self.asm.load(to, in_frame(home)),
            Class::Mask if self.level.has_masks() => {
                self.asm.vector(rows::MASK_MOVE, Form::new(128, false), to, 0, Rm::Mem(in_frame(home)));
            }
            Class::Vector | Class::Mask => {
                self.asm.vector(self.row(rows::LOAD), self.full(), to, 0, Rm::Mem(in_frame(home)));
            }
        }
    }

    // ---- what is rare ----

    /// To the cold way if the mask is set anywhere.
    fn rare(&mut self, inst: &Inst, p: &Placed, helper: u8) {
        let (begin, back) = (self.asm.label(), self.asm.label());
        self.copy(Class::Vector, p.def, p.a);
        if self.level.has_masks() {
            self.asm.vector(rows::MASK_TEST, Form::new(128, false), p.mask, 0, Rm::Reg(p.mask));
        } else {
            let bits = if inst.kind.narrow { 128 } else { 256 };
            self.asm.vector(rows::TEST.narrow(), Form::new(bits, false), p.mask, 0, Rm::Reg(p.mask));
        }
        self.asm.jump_if(Condition::NotZero, begin);
        self.asm.bind(back);
        let narrow = inst.kind.narrow;
        self.cold.push(Cold { begin, back, helper, def: p.def, x: p.rm[0], mask: p.mask, narrow });
    }

    fn cold_way(&mut self, cold: &Cold) {
        let helper = match self.helpers[cold.helper as usize] {
            Some(label) => label,
            None => *self.helpers[cold.helper as usize].insert(self.asm.label()),
        };
        self.asm.bind(cold.begin);
        self.to_home(Class::Vector, cold.x, self.saved_at(0));
        self.asm.call(helper);
        let bits = if cold.narrow { 128 } else { self.level.bits() };
        let form = Form::new(bits, self.level.has_masks());
        let result = Rm::Mem(in_frame(self.saved_at(1)));
        if form.evex {
            self.asm.vector(rows::BLEND, Form { mask: cold.mask, ..form }, cold.def, cold.def, result);
        } else {
            let operands = (cold.def, cold.def, result);
            self.asm.vector_with(rows::BLEND_BY_SIGN, form, operands, Some(cold.mask << 4));
        }
        self.asm.jump(cold.back);
    }

    /// Calls the helper for each lane. It keeps all registers.
    fn helper(&mut self, which: u8, label: Label) {
        // The return address, and what keeps the stack aligned.
        const MORE: u32 = 16;
        self.asm.bind(label);
        self.asm.immediate(5, RSP, 8);
        self.all_registers(MORE, true);
        self.zero_upper();
        for lane in 0..self.level.lanes() as u32 {
            let (x, y) = (self.saved_at(0) + MORE + 8 * lane, self.saved_at(1) + MORE + 8 * lane);
            self.asm.vector(rows::LOAD_ONE.narrow(), Form::new(128, false), 0, 0, Rm::Mem(in_frame(x)));
            match self.reach {
                Reach::Address => {
                    let at = self.address_of(which);
                    self.asm.call_pool(at);
                }
                Reach::Distance => {
                    let offset = self.asm.call_outside();
                    self.missing.push(Missing { offset, helper: which });
                }
            }
            self.asm.vector(rows::STORE_LOW.narrow(), Form::new(128, false), 0, 0, Rm::Mem(in_frame(y)));
        }
        self.all_registers(MORE, false);
        self.asm.immediate(0, RSP, 8);
        self.asm.ret();
    }

    /// The place in the pool where the address of a helper will be.
    fn address_of(&mut self, helper: u8) -> u32 {
        if let Some(known) = self.missing.iter().find(|m| m.helper == helper) {
            return known.offset;
        }
        let offset = self.pool.bytes.len() as u32;
        self.pool.bytes.extend([0; 8]);
        self.missing.push(Missing { offset, helper });
        offset
    }

    /// Saves what a C function may change, or puts it back.
    fn all_registers(&mut self, more: u32, save: bool) {
        let count = if self.level.has_masks() { 32 } else { 16 };
        let mut at = self.saved_at(2) + more;
        let one = |this: &mut Self, class: Class, r: Reg, at: u32| {
            if save { this.to_home(class, r, at) } else { this.from_home(class, r, at) }
        };
        for r in 0..count {
            one(self, Class::Vector, r, at);
            at += self.level.bytes();
        }
        for r in [0, 1, 2, 6, 7, 8, 9, 10, 11] {
            one(self, Class::General, r, at);
            at += 8;
        }
        if self.level.has_masks() {
            for r in 1..8 {
                one(self, Class::Mask, r, at);
                at += 8;
            }
        }
    }
}

/// Argument, result, and as many vectors as the registers that are saved fill.
const VECTORS_AND_MORE: u32 = 2 + 32 + 4;
/// Registers that are never given to a number: see [`Level::registers`].
const SPARE_MASK: Reg = 7;
const SPARE_VECTOR: Reg = 15;

/// Bytes of a number.
fn number_bytes(inst: &Inst) -> u8 {
    if inst.kind.single { 4 } else { 8 }
}

fn in_frame(offset: u32) -> Mem {
    Mem { base: RSP, index: None, disp: offset as i32 }
}

/// The operation on vectors that does what one on mask registers does.
fn of_vectors(row: Row) -> Row {
    match row.opcode {
        0x41 => rows::AND.narrow(),
        0x45 => rows::OR.narrow(),
        _ => rows::XOR.narrow(),
    }
}
