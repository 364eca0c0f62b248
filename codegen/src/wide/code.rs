//! What a wide kernel is before it has registers: a list of instructions over *registers without end*, with loops as brackets.
//!
//! Each register is defined once, but for those that a loop carries, which are moved to at its end. Pure instructions are numbered by
//! value: what has been computed, and what is loaded from the pool, is there until the loop around it ends. So the sine and cosine of an angle share its
//! reduction.

use super::encode::{Row, rows};
use rustc_hash::FxHashMap;

/// A register without a number yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct V(pub u32);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    Vector,
    General,
    /// The answer of a comparison: a mask register, or with AVX2 a vector.
    Mask,
}

/// The last operand of a vector instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operand {
    Reg(V),
    /// These bits in all lanes.
    Const(u64),
    /// A vector of the pool, by its number.
    Table(u32),
    Mem(Address),
    /// Part of the frame: the number of a scratch vector, and bytes in it.
    Scratch(u32, i32),
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Address {
    pub base: V,
    /// With the power of two that it is multiplied by.
    pub index: Option<(V, u8)>,
    pub disp: i32,
}

/// Loops by their numbers.
pub type LoopId = u32;

/// What an instruction does with `a`, `rm`, and `mask`, if it has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    // Vectors.
    /// `a, rm`
    Binary(Row),
    /// `rm`
    Unary(Row),
    /// `rm` and an immediate.
    UnaryImm(Row, u8),
    /// A mask, by the predicate.
    Compare(Row, u8),
    /// Two vectors in VEX: equal or greater.
    CompareVex(Row),
    /// To the left or right by a constant.
    Shift {
        left: bool,
        count: u8,
    },
    /// `rm` where the mask is set, else `a`.
    Blend,
    Zero,
    /// A vector of memory; with a mask zeros where it is not set.
    Load,
    Store,
    /// One number of memory in all lanes.
    Broadcast,
    /// From memory into the first lane, the others zero.
    LoadOne,
    /// `a` with the second lane from memory.
    LoadHigh,
    /// The first or second lane of `a` to memory.
    StoreLow,
    StoreHigh,
    /// The lanes of `rm` the other way round, with AVX2.
    Reverse,
    /// The lanes of `a` one further; the first is the last of `rm`.
    Behind,
    /// Two lanes of `rm`, as the first ones.
    Extract(u8),
    /// The half with the last lanes of `rm`.
    High,
    /// The f32 of `rm`, which are half a vector, as f64; and back.
    Promote,
    Demote,
    /// The first lane of `rm` in all lanes.
    Spread,
    /// `a` with a number of memory in the lane of 32 bits; and such a lane to memory.
    InsertOne(u8),
    ExtractOne(u8),
    /// `a` and the product of `mask` and `rm`, rounded once.
    Fused(Row),
    /// `a` with the lanes of `rm` at place `n` of pairs, or of halves.
    Insert(u8),
    InsertHalf,
    /// All lanes from a general register `a`; and the first lane to one.
    FromGeneral,
    ToGeneral,
    Gather,
    Scatter,
    // Masks.
    MaskBinary(Row),
    MaskNot,
    /// The lanes of `rm`, behind them those of `a`.
    MaskJoin,
    // General registers.
    Integer(i64),
    LoadWord,
    Lea,
    Subtract,
    Multiply,
    MultiplyBy(i32),
    Negate,
    // All.
    /// `a`, for registers that loops carry.
    Move,
    // Control.
    /// Past the loop if `a` is not less than the register of `rm`; else into it.
    Enter(LoopId),
    /// To the beginning if `a` is less than the register of `rm`.
    Back(LoopId),
    /// Leaves the function if the byte at `rm` is set.
    Poll,
    /// `a`, but in lanes of the mask what the helper gives for `rm`.
    Rare(u8),
    /// The end, with status 0.
    Return,
}

impl Op {
    /// Gives the same wherever it stands, and does nothing else.
    fn is_pure(self) -> bool {
        match self {
            Op::Binary(_) | Op::Unary(_) | Op::UnaryImm(..) | Op::Compare(..) => true,
            Op::CompareVex(_) | Op::Shift { .. } | Op::Blend | Op::Zero | Op::Reverse | Op::Behind | Op::Extract(_) => {
                true
            }
            Op::High | Op::Demote | Op::Spread | Op::Fused(_) | Op::MaskJoin => true,
            Op::Insert(_) | Op::InsertHalf | Op::FromGeneral | Op::ToGeneral | Op::MaskBinary(_) => true,
            Op::MaskNot | Op::Lea | Op::Subtract | Op::Multiply | Op::MultiplyBy(_) | Op::Negate => true,
            Op::Integer(_) | Op::Rare(_) => true,
            // A constant is; other memory changes.
            Op::InsertOne(_) | Op::ExtractOne(_) | Op::Promote => false,
            Op::Broadcast | Op::Load => false,
            Op::Store | Op::LoadOne | Op::LoadHigh | Op::StoreLow | Op::StoreHigh | Op::Gather => false,
            Op::Scatter | Op::LoadWord | Op::Move | Op::Enter(_) | Op::Back(_) => false,
            Op::Poll | Op::Return => false,
        }
    }
}

/// What vectors an instruction works on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Kind {
    /// In 128 bits: of numbers of which there is one.
    pub narrow: bool,
    /// In half of the bits.
    pub half: bool,
    /// Of numbers of 32 bits, and of masks for them.
    pub single: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Inst {
    pub op: Op,
    pub kind: Kind,
    pub def: Option<V>,
    pub a: Option<V>,
    pub rm: Operand,
    pub mask: Option<V>,
}

impl Inst {
    /// The registers that it reads.
    pub fn uses(&self) -> impl Iterator<Item = V> {
        let (first, second) = match self.rm {
            Operand::Reg(v) => (Some(v), None),
            Operand::Mem(m) => (Some(m.base), m.index.map(|(v, _)| v)),
            Operand::Const(_) | Operand::Table(_) | Operand::Scratch(..) | Operand::None => (None, None),
        };
        [self.a, self.mask, first, second].into_iter().flatten()
    }
}

/// See the module's description.
pub struct Code {
    pub insts: Vec<Inst>,
    pub classes: Vec<Class>,
    pub tables: Vec<[u64; 8]>,
    pub loops: u32,
    /// How many vectors of the frame are scratch.
    pub scratch: u32,
    /// Of what is written now.
    pub kind: Kind,
    known: FxHashMap<Inst, V>,
    /// In the order in which they came to be known.
    order: Vec<Inst>,
    marks: Vec<usize>,
}

impl Code {
    pub fn new() -> Code {
        Code {
            insts: Vec::new(),
            classes: Vec::new(),
            tables: Vec::new(),
            loops: 0,
            scratch: 0,
            kind: Kind::default(),
            known: FxHashMap::default(),
            order: Vec::new(),
            marks: Vec::new(),
        }
    }

    pub fn register(&mut self, class: Class) -> V {
        self.classes.push(class);
        V(self.classes.len() as u32 - 1)
    }

    pub fn table(&mut self, lanes: [u64; 8]) -> Operand {
        let known = self.tables.iter().position(|t| *t == lanes);
        let at = known.unwrap_or_else(|| {
            self.tables.push(lanes);
            self.tables.len() - 1
        });
        Operand::Table(at as u32)
    }

    pub fn scratch(&mut self) -> u32 {
        self.scratch += 1;
        self.scratch - 1
    }

    /// An instruction that gives a register.
    pub fn make(&mut self, class: Class, op: Op, a: Option<V>, rm: Operand, mask: Option<V>) -> V {
        // A zero is one of all lengths.
        let kind = if op == Op::Zero { Kind::default() } else { self.kind };
        let inst = Inst { op, kind, def: None, a, rm, mask };
        let pure = op.is_pure()
            || matches!((op, rm), (Op::Broadcast | Op::Load, Operand::Const(_) | Operand::Table(_)))
            || matches!((op, rm), (Op::Promote, Operand::Reg(_)));
        if let (true, Some(known)) = (pure, self.known.get(&inst)) {
            return *known;
        }
        let def = self.register(class);
        if pure {
            self.known.insert(inst, def);
            self.order.push(inst);
        }
        self.insts.push(Inst { def: Some(def), ..inst });
        def
    }

    /// One that does not.
    pub fn act(&mut self, op: Op, a: Option<V>, rm: Operand, mask: Option<V>) {
        self.insts.push(Inst { op, kind: self.kind, def: None, a, rm, mask });
    }

    /// A register that a loop will carry, with its value before the loop.
    pub fn carried(&mut self, class: Class, from: V) -> V {
        let to = self.register(class);
        self.assign(to, from);
        to
    }

    pub fn assign(&mut self, to: V, from: V) {
        self.insts.push(Inst {
            op: Op::Move,
            kind: Kind::default(),
            def: Some(to),
            a: Some(from),
            rm: Operand::None,
            mask: None,
        });
    }

    /// All at once.
    pub fn assign_all(&mut self, pairs: &[(V, V)]) {
        let mut pairs = pairs.to_vec();
        for at in 0..pairs.len() {
            let (to, _) = pairs[at];
            // What is overwritten and still wanted goes elsewhere first.
            if pairs[at + 1..].iter().any(|(_, from)| *from == to) {
                let saved = self.carried(self.classes[to.0 as usize], to);
                pairs[at + 1..].iter_mut().filter(|(_, from)| *from == to).for_each(|(_, from)| *from = saved);
            }
            let (to, from) = pairs[at];
            if to != from {
                self.assign(to, from);
            }
        }
    }

    /// Drops what gives a register that nobody reads.
    pub fn drop_unused(&mut self) {
        let mut uses = vec![0u32; self.classes.len()];
        self.insts.iter().flat_map(Inst::uses).for_each(|v| uses[v.0 as usize] += 1);
        let mut kept = vec![true; self.insts.len()];
        for (at, inst) in self.insts.iter().enumerate().rev() {
            let drops = inst.op.is_pure() || matches!(inst.op, Op::Promote | Op::Load | Op::Broadcast);
            if drops && inst.def.is_some_and(|v| uses[v.0 as usize] == 0) {
                kept[at] = false;
                inst.uses().for_each(|v| uses[v.0 as usize] -= 1);
            }
        }
        let mut kept = kept.into_iter();
        self.insts.retain(|_| kept.next().expect("one for each"));
    }

    // ---- loops ----

    /// Begins a loop for a counter below `end`.
    pub fn enter(&mut self, counter: V, end: V) -> LoopId {
        let id = self.loops;
        self.loops += 1;
        self.act(Op::Enter(id), Some(counter), Operand::Reg(end), None);
        self.marks.push(self.order.len());
        id
    }

    /// What became known in the loop is forgotten.
    pub fn back(&mut self, id: LoopId, counter: V, end: V) {
        self.act(Op::Back(id), Some(counter), Operand::Reg(end), None);
        let mark = self.marks.pop().expect("a loop is open");
        for inst in self.order.drain(mark..) {
            self.known.remove(&inst);
        }
    }

    // ---- vectors ----

    pub fn binary(&mut self, row: Row, a: V, rm: Operand) -> V {
        self.make(Class::Vector, Op::Binary(row), Some(a), rm, None)
    }

    pub fn zero(&mut self) -> V {
        self.make(Class::Vector, Op::Zero, None, Operand::None, None)
    }

    /// A constant in all lanes.
    pub fn constant(&mut self, bits: u64) -> V {
        if bits == 0 {
            return self.zero();
        }
        self.make(Class::Vector, Op::Broadcast, None, Operand::Const(bits), None)
    }

    /// The operand as a register.
    pub fn in_register(&mut self, operand: Operand) -> V {
        match operand {
            Operand::Reg(v) => v,
            Operand::Const(bits) => self.constant(bits),
            Operand::Table(_) | Operand::Mem(_) | Operand::Scratch(..) => {
                self.make(Class::Vector, Op::Load, None, operand, None)
            }
            Operand::None => unreachable!("there is an operand"),
        }
    }

    // ---- general registers ----

    pub fn integer(&mut self, x: i64) -> V {
        self.make(Class::General, Op::Integer(x), None, Operand::None, None)
    }

    /// `base + (index << power) + disp`
    pub fn lea(&mut self, base: V, index: Option<(V, u8)>, disp: i32) -> V {
        self.make(Class::General, Op::Lea, None, Operand::Mem(Address { base, index, disp }), None)
    }

    pub fn plus(&mut self, a: V, b: V) -> V {
        self.lea(a, Some((b, 0)), 0)
    }

    pub fn plus_constant(&mut self, a: V, x: i64) -> V {
        match i32::try_from(x) {
            Ok(0) => a,
            Ok(x) => self.lea(a, None, x),
            Err(_) => {
                let x = self.integer(x);
                self.plus(a, x)
            }
        }
    }

    pub fn minus(&mut self, a: V, b: V) -> V {
        self.make(Class::General, Op::Subtract, Some(a), Operand::Reg(b), None)
    }

    pub fn times(&mut self, a: V, b: V) -> V {
        self.make(Class::General, Op::Multiply, Some(a), Operand::Reg(b), None)
    }

    pub fn times_constant(&mut self, a: V, x: i64) -> V {
        match i32::try_from(x) {
            Ok(0) => self.integer(0),
            Ok(1) => a,
            Ok(-1) => self.make(Class::General, Op::Negate, Some(a), Operand::None, None),
            Ok(x) => self.make(Class::General, Op::MultiplyBy(x), Some(a), Operand::None, None),
            Err(_) => {
                let x = self.integer(x);
                self.times(a, x)
            }
        }
    }
}

/// The row of a bitwise operation that commutes, or of an addition or product: the operands may change places.
pub fn commutes(row: Row) -> bool {
    [rows::ADD, rows::MUL, rows::AND, rows::OR, rows::XOR, rows::INT_ADD, rows::INT_MUL].contains(&row)
}
