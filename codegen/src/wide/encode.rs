//! Instructions of x86-64 as bytes: the general ones, and vectors with the prefixes VEX and EVEX.
//!
//! Vector instructions are alike: a [`Row`] of the manual's tables says map, mandatory prefix, W and opcode, and the prefix carries the
//! registers. EVEX has 32 registers of up to 512 bits, masks, and numbers in memory that go to all lanes; VEX has 16 of up to 256.
//! [Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, §2.3 and §2.7].
//!
//! Constants lie behind the code, in the *pool*: vectors first, so that they are aligned.

/// A place in the code that jumps name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(pub u32);

/// Where a vector instruction stands in the tables of the manual.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Row {
    /// 1 is 0F, 2 is 0F38, 3 is 0F3A.
    pub map: u8,
    /// 1 is 66, 2 is F3, 3 is F2.
    pub prefix: u8,
    /// W in EVEX; in VEX it is [`Row::short_w`].
    pub wide: bool,
    pub opcode: u8,
}

impl Row {
    pub const fn new(map: u8, prefix: u8, opcode: u8) -> Row {
        Row { map, prefix, wide: true, opcode }
    }

    pub const fn narrow(self) -> Row {
        Row { wide: false, ..self }
    }

    /// The row of the same instruction for numbers of 32 bits.
    pub fn single(self) -> Row {
        use rows::*;
        let Row { map, prefix, opcode, .. } = match self {
            ADD | MUL | SUB | DIV | SQRT | COMPARE | LOAD | STORE | MOVE => Row { prefix: 0, ..self },
            MASK_AND | MASK_OR | MASK_XOR | MASK_NOT => Row { prefix: 0, ..self },
            INT_ADD => Row { opcode: 0xFE, ..self },
            INT_SUB => Row { opcode: 0xFA, ..self },
            INT_EQUAL => Row { map: 1, opcode: 0x76, ..self },
            INT_GREATER => Row { map: 1, opcode: 0x66, ..self },
            ROUND => Row { opcode: 0x08, ..self },
            BROADCAST => Row { opcode: 0x18, ..self },
            BLEND_BY_SIGN => Row { opcode: 0x4A, ..self },
            LOAD_ONE => Row { prefix: 2, ..self },
            STORE_LOW => Row { prefix: 2, opcode: 0x11, ..self },
            // W says it.
            AND | OR | XOR | INT_COMPARE | BLEND | PERMUTE | ALIGN | GATHER | SCATTER => self,
            FUSED | FUSED_MINUS | FUSED_FROM => self,
            _ => unreachable!("no row for 32 bits beside {self:?}"),
        };
        Row { map, prefix, wide: false, opcode }
    }
}

/// Registers, by their numbers.
pub type Reg = u8;
pub const RAX: Reg = 0;
pub const RSP: Reg = 4;
pub const RBP: Reg = 5;
pub const RDI: Reg = 7;

/// An operand that may be in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rm {
    Reg(Reg),
    Mem(Mem),
    /// Bytes of the pool from here on.
    Pool(u32),
}

/// An address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mem {
    pub base: Reg,
    /// Index and the power of two by which it is multiplied. Of a gather, a vector.
    pub index: Option<(Reg, u8)>,
    pub disp: i32,
}

/// What a vector instruction has besides its operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Form {
    /// Bits of the vector: 128, 256, 512.
    pub bits: u16,
    /// EVEX, or VEX with this W.
    pub evex: bool,
    /// Eight bytes of memory go to all lanes.
    pub broadcast: bool,
    /// How many bytes of memory are touched; displacements are multiples of it in EVEX.
    pub bytes: u8,
    pub mask: Reg,
    /// What the mask leaves out becomes zero.
    pub zeroing: bool,
}

impl Form {
    pub fn new(bits: u16, evex: bool) -> Form {
        Form { bits, evex, broadcast: false, bytes: (bits / 8) as u8, mask: 0, zeroing: false }
    }
}

/// Conditions of jumps and moves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Condition {
    NotZero = 5,
    Less = 12,
    GreaterOrEqual = 13,
}

/// Code that is being written.
#[derive(Default)]
pub struct Assembler {
    pub bytes: Vec<u8>,
    labels: Vec<Option<u32>>,
    jumps: Vec<(u32, Label)>,
    /// Where a distance to the pool stands, how many bytes of the instruction follow, and the offset in the pool.
    pool_uses: Vec<(u32, u8, u32)>,
}

impl Assembler {
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() as u32 - 1)
    }

    pub fn bind(&mut self, label: Label) {
        self.labels[label.0 as usize] = Some(self.bytes.len() as u32);
    }

    /// Fills up with instructions that do nothing.
    pub fn align(&mut self, to: usize) {
        const NOPS: [&[u8]; 9] = [
            &[0x90],
            &[0x66, 0x90],
            &[0x0F, 0x1F, 0x00],
            &[0x0F, 0x1F, 0x40, 0x00],
            &[0x0F, 0x1F, 0x44, 0x00, 0x00],
            &[0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00],
            &[0x0F, 0x1F, 0x80, 0, 0, 0, 0],
            &[0x0F, 0x1F, 0x84, 0, 0, 0, 0, 0],
            &[0x66, 0x0F, 0x1F, 0x84, 0, 0, 0, 0, 0],
        ];
        let mut missing = self.bytes.len().next_multiple_of(to) - self.bytes.len();
        while missing > 0 {
            let nop = NOPS[missing.min(9) - 1];
            self.bytes.extend_from_slice(nop);
            missing -= nop.len();
        }
    }

    /// The code and the pool behind it. Jumps and uses of the pool get their distances.
    pub fn finish(mut self, pool: &[u8]) -> Vec<u8> {
        for (at, label) in &self.jumps {
            let target = self.labels[label.0 as usize].expect("every label is bound");
            let distance = target.wrapping_sub(at + 4);
            self.bytes[*at as usize..][..4].copy_from_slice(&distance.to_le_bytes());
        }
        let begin = self.bytes.len().next_multiple_of(POOL_ALIGNMENT);
        for (at, rest, offset) in &self.pool_uses {
            let distance = (begin as u32 + offset).wrapping_sub(at + 4 + *rest as u32);
            self.bytes[*at as usize..][..4].copy_from_slice(&distance.to_le_bytes());
        }
        self.bytes.resize(begin, 0xCC);
        self.bytes.extend_from_slice(pool);
        self.bytes
    }

    // ---- vectors ----

    /// `reg, vvvv, rm`, which each row uses in its way.
    pub fn vector(&mut self, row: Row, form: Form, reg: Reg, vvvv: Reg, rm: Rm) {
        self.vector_with(row, form, (reg, vvvv, rm), None);
    }

    /// The same with an immediate byte.
    pub fn vector_with(&mut self, row: Row, form: Form, (reg, vvvv, rm): (Reg, Reg, Rm), byte: Option<u8>) {
        let (index, base) = match rm {
            Rm::Reg(r) => (r >> 1 & 8, r),
            Rm::Mem(m) => (m.index.map_or(0, |(r, _)| r), m.base),
            Rm::Pool(_) => (0, 0),
        };
        if form.evex {
            // Of a gather, the fifth bit of the index is where that of vvvv would be.
            let high = vvvv | if let Rm::Mem(_) = rm { index & 16 } else { 0 };
            self.evex(row, form, (reg, vvvv, high), (index, base));
        } else {
            self.vex(row, form, reg, vvvv, (index, base));
        }
        self.bytes.push(row.opcode);
        let scale = if form.evex { form.bytes } else { 1 };
        self.operand(reg & 7, rm, scale, byte.is_some() as u8);
        self.bytes.extend(byte);
    }

    fn evex(&mut self, row: Row, form: Form, (reg, vvvv, high): (Reg, Reg, Reg), (index, base): (Reg, Reg)) {
        let not = |r: Reg, bit: Reg, at: u8| (r >> bit & 1 ^ 1) << at;
        let length = match form.bits {
            128 => 0,
            256 => 1,
            _ => 2,
        };
        let first = not(reg, 3, 7) | not(index, 3, 6) | not(base, 3, 5) | not(reg, 4, 4) | row.map;
        let second = (row.wide as u8) << 7 | (!vvvv & 15) << 3 | 4 | row.prefix;
        let (zero, all) = (form.zeroing as u8, form.broadcast as u8);
        let third = zero << 7 | length << 5 | all << 4 | not(high, 4, 3) | form.mask;
        self.bytes.extend([0x62, first, second, third]);
    }

    fn vex(&mut self, row: Row, form: Form, reg: Reg, vvvv: Reg, (index, base): (Reg, Reg)) {
        let not = |r: Reg| (r >> 3 & 1) ^ 1;
        let rest = (!vvvv & 15) << 3 | ((form.bits == 256) as u8) << 2 | row.prefix;
        if row.map == 1 && !row.wide && index & 8 == 0 && base & 8 == 0 {
            self.bytes.extend([0xC5, not(reg) << 7 | rest]);
        } else {
            let first = not(reg) << 7 | not(index) << 6 | not(base) << 5 | row.map;
            self.bytes.extend([0xC4, first, (row.wide as u8) << 7 | rest]);
        }
    }

    /// The byte that says what the operands are, and the address. `rest` bytes of the instruction follow.
    fn operand(&mut self, reg: u8, rm: Rm, scale: u8, rest: u8) {
        match rm {
            Rm::Reg(r) => self.bytes.push(0xC0 | reg << 3 | r & 7),
            Rm::Pool(offset) => {
                self.bytes.push(reg << 3 | 5);
                self.pool_uses.push((self.bytes.len() as u32, rest, offset));
                self.bytes.extend([0; 4]);
            }
            Rm::Mem(m) => self.address(reg, m, scale),
        }
    }

    fn address(&mut self, reg: u8, m: Mem, scale: u8) {
        let byte = if m.disp % scale as i32 == 0 { i8::try_from(m.disp / scale as i32).ok() } else { None };
        let mode = match byte {
            Some(0) if m.base & 7 != RBP => 0,
            Some(_) => 1,
            None => 2,
        };
        match m.index {
            None if m.base & 7 != RSP => self.bytes.push(mode << 6 | reg << 3 | m.base & 7),
            None => self.bytes.extend([mode << 6 | reg << 3 | 4, 0x20 | m.base & 7]),
            Some((index, power)) => {
                self.bytes.extend([mode << 6 | reg << 3 | 4, power << 6 | (index & 7) << 3 | m.base & 7])
            }
        }
        match mode {
            0 => {}
            1 => self.bytes.push(byte.expect("it fits") as u8),
            _ => self.bytes.extend(m.disp.to_le_bytes()),
        }
    }

    // ---- general ----

    /// An instruction of 64 bits, or of 32 if not `wide`, with opcode bytes behind the prefix.
    fn general(&mut self, opcode: &[u8], reg: Reg, rm: Rm, wide: bool, rest: u8) {
        let (index, base) = match rm {
            Rm::Reg(r) => (0, r),
            Rm::Mem(m) => (m.index.map_or(0, |(r, _)| r), m.base),
            Rm::Pool(_) => (0, 0),
        };
        let prefix = 0x40 | (wide as u8) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
        if prefix != 0x40 {
            self.bytes.push(prefix);
        }
        self.bytes.extend_from_slice(opcode);
        self.operand(reg & 7, rm, 1, rest);
    }

    pub fn mov(&mut self, to: Reg, from: Reg) {
        if to != from {
            self.general(&[0x8B], to, Rm::Reg(from), true, 0);
        }
    }

    pub fn load(&mut self, to: Reg, from: Mem) {
        self.general(&[0x8B], to, Rm::Mem(from), true, 0);
    }

    pub fn store(&mut self, from: Reg, to: Mem) {
        self.general(&[0x89], from, Rm::Mem(to), true, 0);
    }

    pub fn constant(&mut self, to: Reg, x: i64) {
        if let Ok(short) = i32::try_from(x) {
            self.general(&[0xC7], 0, Rm::Reg(to), true, 4);
            self.bytes.extend(short.to_le_bytes());
        } else {
            self.bytes.extend([0x48 | to >> 3, 0xB8 | to & 7]);
            self.bytes.extend(x.to_le_bytes());
        }
    }

    pub fn lea(&mut self, to: Reg, from: Mem) {
        self.general(&[0x8D], to, Rm::Mem(from), true, 0);
    }

    pub fn add(&mut self, to: Reg, from: Reg) {
        self.general(&[0x03], to, Rm::Reg(from), true, 0);
    }

    pub fn sub(&mut self, to: Reg, from: Reg) {
        self.general(&[0x2B], to, Rm::Reg(from), true, 0);
    }

    pub fn mul(&mut self, to: Reg, from: Reg) {
        self.general(&[0x0F, 0xAF], to, Rm::Reg(from), true, 0);
    }

    pub fn mul_by(&mut self, to: Reg, from: Reg, by: i32) {
        self.general(&[0x69], to, Rm::Reg(from), true, 4);
        self.bytes.extend(by.to_le_bytes());
    }

    pub fn neg(&mut self, x: Reg) {
        self.general(&[0xF7], 3, Rm::Reg(x), true, 0);
    }

    pub fn cmp(&mut self, a: Reg, b: Reg) {
        self.general(&[0x3B], a, Rm::Reg(b), true, 0);
    }

    /// `and`, `sub`: the row `which` of the immediate arithmetic.
    pub fn immediate(&mut self, which: u8, to: Reg, x: i32) {
        self.general(&[0x81], which, Rm::Reg(to), true, 4);
        self.bytes.extend(x.to_le_bytes());
    }

    /// Compares the byte in memory with zero.
    pub fn test_byte(&mut self, at: Mem) {
        self.general(&[0x80], 7, Rm::Mem(at), false, 1);
        self.bytes.push(0);
    }

    pub fn jump_if(&mut self, condition: Condition, to: Label) {
        self.bytes.extend([0x0F, 0x80 | condition as u8]);
        self.distance(to);
    }

    pub fn jump(&mut self, to: Label) {
        self.bytes.push(0xE9);
        self.distance(to);
    }

    pub fn call(&mut self, to: Label) {
        self.bytes.push(0xE8);
        self.distance(to);
    }

    fn distance(&mut self, to: Label) {
        self.jumps.push((self.bytes.len() as u32, to));
        self.bytes.extend([0; 4]);
    }

    /// Calls what the address in the pool leads to.
    pub fn call_pool(&mut self, offset: u32) {
        self.general(&[0xFF], 2, Rm::Pool(offset), false, 0);
    }

    /// A call whose distance the linker fills in; gives where that stands.
    pub fn call_outside(&mut self) -> u32 {
        self.bytes.extend([0xE8, 0, 0, 0, 0]);
        self.bytes.len() as u32 - 4
    }

    pub fn push(&mut self, x: Reg) {
        self.byte_with_register(0x50, x);
    }

    pub fn pop(&mut self, x: Reg) {
        self.byte_with_register(0x58, x);
    }

    fn byte_with_register(&mut self, opcode: u8, x: Reg) {
        if x >= 8 {
            self.bytes.push(0x41);
        }
        self.bytes.push(opcode | x & 7);
    }

    pub fn ret(&mut self) {
        self.bytes.push(0xC3);
    }

    /// `xor eax, eax` and the like.
    pub fn clear(&mut self, x: Reg) {
        self.general(&[0x33], x, Rm::Reg(x), false, 0);
    }
}

/// The pool begins at a multiple of this.
pub const POOL_ALIGNMENT: usize = 64;

/// Rows of vector instructions; floats and integers of 64 bits.
pub mod rows {
    use super::Row;
    pub const ADD: Row = Row::new(1, 1, 0x58);
    pub const MUL: Row = Row::new(1, 1, 0x59);
    pub const SUB: Row = Row::new(1, 1, 0x5C);
    pub const DIV: Row = Row::new(1, 1, 0x5E);
    pub const SQRT: Row = Row::new(1, 1, 0x51);
    /// The second lanes of both.
    pub const HIGH: Row = Row::new(1, 1, 0x15);
    pub const AND: Row = Row::new(1, 1, 0xDB);
    pub const OR: Row = Row::new(1, 1, 0xEB);
    pub const XOR: Row = Row::new(1, 1, 0xEF);
    pub const INT_ADD: Row = Row::new(1, 1, 0xD4);
    pub const INT_SUB: Row = Row::new(1, 1, 0xFB);
    /// EVEX only.
    pub const INT_MUL: Row = Row::new(2, 1, 0x40);
    /// Unsigned product of the lower halves.
    pub const HALF_MUL: Row = Row::new(1, 1, 0xF4);
    pub const SHIFT: Row = Row::new(1, 1, 0x73);
    pub const COMPARE: Row = Row::new(1, 1, 0xC2);
    /// EVEX only.
    pub const INT_COMPARE: Row = Row::new(3, 1, 0x1F);
    /// VEX: a vector.
    pub const INT_EQUAL: Row = Row::new(2, 1, 0x29);
    pub const INT_GREATER: Row = Row::new(2, 1, 0x37);
    /// EVEX: by a mask register.
    pub const BLEND: Row = Row::new(2, 1, 0x65);
    /// VEX: by the sign in a vector, whose number is in the immediate.
    pub const BLEND_BY_SIGN: Row = Row::new(3, 1, 0x4B).narrow();
    pub const ROUND: Row = Row::new(3, 1, 0x09);
    pub const LOAD: Row = Row::new(1, 1, 0x10);
    pub const STORE: Row = Row::new(1, 1, 0x11);
    pub const MOVE: Row = Row::new(1, 1, 0x28);
    pub const BROADCAST: Row = Row::new(2, 1, 0x19);
    /// Two equal lanes, in VEX.
    pub const DOUBLE: Row = Row::new(1, 3, 0x12);
    pub const BROADCAST_GENERAL: Row = Row::new(2, 1, 0x7C);
    pub const BROADCAST_INT: Row = Row::new(2, 1, 0x59);
    pub const FROM_GENERAL: Row = Row::new(1, 1, 0x6E);
    pub const TO_GENERAL: Row = Row::new(1, 1, 0x7E);
    pub const FLOAT_OF_INT: Row = Row::new(1, 2, 0xE6);
    pub const INT_OF_FLOAT: Row = Row::new(1, 1, 0x7A);
    pub const EXTRACT: Row = Row::new(3, 1, 0x19);
    pub const INSERT: Row = Row::new(3, 1, 0x18);
    pub const INSERT_HALF: Row = Row::new(3, 1, 0x1A);
    /// One number of memory, the others zero.
    pub const LOAD_ONE: Row = Row::new(1, 3, 0x10);
    pub const LOAD_HIGH: Row = Row::new(1, 1, 0x16);
    pub const STORE_LOW: Row = Row::new(1, 1, 0x13);
    pub const STORE_HIGH: Row = Row::new(1, 1, 0x17);
    /// EVEX: lanes of the operand by the places in `vvvv`. VEX: by the immediate.
    pub const PERMUTE: Row = Row::new(2, 1, 0x16);
    pub const PERMUTE_BY: Row = Row::new(3, 1, 0x01);
    /// EVEX only: of `vvvv` above the operand, the numbers from the one with this place on.
    pub const ALIGN: Row = Row::new(3, 1, 0x03);
    /// VEX only: halves of `vvvv` and of the operand; and the same as `ALIGN` in each half, in bytes.
    pub const PERMUTE_HALVES: Row = Row::new(3, 1, 0x06).narrow();
    pub const ALIGN_BYTES: Row = Row::new(3, 1, 0x0F).narrow();
    pub const GATHER: Row = Row::new(2, 1, 0x93);
    pub const SCATTER: Row = Row::new(2, 1, 0xA3);
    /// From f32 to f64, and back.
    pub const PROMOTE: Row = Row::new(1, 0, 0x5A).narrow();
    pub const DEMOTE: Row = Row::new(1, 1, 0x5A);
    /// EVEX only: f32.
    pub const SINGLE_OF_INT: Row = Row::new(1, 0, 0x5B);
    pub const EXTRACT_HALF: Row = Row::new(3, 1, 0x1B);
    pub const INSERT_ONE: Row = Row::new(3, 1, 0x21).narrow();
    pub const EXTRACT_ONE: Row = Row::new(3, 1, 0x17).narrow();
    /// `reg + vvvv * rm`, `vvvv * rm - reg`, `reg - vvvv * rm`. W says how long numbers are in VEX, too.
    pub const FUSED: Row = Row::new(2, 1, 0xB8);
    pub const FUSED_MINUS: Row = Row::new(2, 1, 0xBA);
    pub const FUSED_FROM: Row = Row::new(2, 1, 0xBC);
    /// Whether any bit is set.
    pub const TEST: Row = Row::new(2, 1, 0x17);
    /// Of mask registers, which are VEX.
    pub const MASK_AND: Row = Row::new(1, 1, 0x41).narrow();
    pub const MASK_NOT: Row = Row::new(1, 1, 0x44).narrow();
    pub const MASK_OR: Row = Row::new(1, 1, 0x45).narrow();
    pub const MASK_XOR: Row = Row::new(1, 1, 0x47).narrow();
    /// Of 16 bits, whatever is in them.
    pub const MASK_MOVE: Row = Row::new(1, 0, 0x90).narrow();
    pub const MASK_STORE: Row = Row::new(1, 0, 0x91).narrow();
    pub const MASK_JOIN: Row = Row::new(1, 1, 0x4B).narrow();
    pub const MASK_LEFT: Row = Row::new(3, 1, 0x32).narrow();
    pub const MASK_RIGHT: Row = Row::new(3, 1, 0x30).narrow();
    pub const MASK_TEST: Row = Row::new(1, 1, 0x98).narrow();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// What binutils read in the bytes; `None` where there is no `objdump`.
    fn disassembled(bytes: &[u8], name: &str) -> Option<Vec<String>> {
        let file = std::env::temp_dir().join(format!("dprog-encode-{name}-{}", std::process::id()));
        std::fs::write(&file, bytes).expect("a file");
        let args = ["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn"];
        let done = Command::new("objdump").args(args).arg(&file).output();
        std::fs::remove_file(&file).expect("it is there");
        let Ok(done) = done else {
            eprintln!("SKIPPED: there is no `objdump` on this machine");
            return None;
        };
        let text = String::from_utf8(done.stdout).expect("a text");
        let lines = text.lines().filter_map(|line| line.split_once(":\t")).map(|(_, code)| code.trim().to_string());
        // Releases differ in how they write that a number goes to all lanes; `QWORD` says it, too.
        let plain = |line: String| line.replace("BCST", "PTR").replace("{1to8}", "").replace("{1to16}", "");
        Some(lines.map(plain).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
    }

    fn expect(name: &str, cases: Vec<(&str, Box<dyn Fn(&mut Assembler)>)>) {
        let mut asm = Assembler::default();
        cases.iter().for_each(|(_, write)| write(&mut asm));
        let Some(found) = disassembled(&asm.bytes, name) else { return };
        let wanted: Vec<&str> = cases.iter().map(|(text, _)| *text).collect();
        assert_eq!(found, wanted);
    }

    fn mem(base: Reg, index: Option<(Reg, u8)>, disp: i32) -> Rm {
        Rm::Mem(Mem { base, index, disp })
    }

    macro_rules! cases {
        ($($text:literal: $asm:ident => $code:expr;)*) => {
            vec![$(($text, Box::new(move |$asm: &mut Assembler| { $code; }) as Box<dyn Fn(&mut Assembler)>)),*]
        };
    }

    #[test]
    fn with_evex_prefix() {
        let full = Form::new(512, true);
        let one = Form { broadcast: true, bytes: 8, ..full };
        let masked = Form { mask: 3, zeroing: true, ..full };
        let narrow = Form { bytes: 8, ..Form::new(128, true) };
        expect(
            "evex",
            cases! {
                "vaddpd zmm1,zmm2,zmm3": a => a.vector(rows::ADD, full, 1, 2, Rm::Reg(3));
                "vmulpd zmm31,zmm9,zmm20": a => a.vector(rows::MUL, full, 31, 9, Rm::Reg(20));
                "vsubpd zmm8,zmm17,ZMMWORD PTR [r13+0x40]": a => a.vector(rows::SUB, full, 8, 17, mem(13, None, 64));
                "vdivpd zmm8,zmm17,QWORD PTR [rsp+0x8]": a => a.vector(rows::DIV, one, 8, 17, mem(4, None, 8));
                "vpandq zmm16,zmm1,ZMMWORD PTR [r12+r9*8+0x21]": a => a.vector(rows::AND, full, 16, 1, mem(12, Some((9, 3)), 33));
                "vmovupd zmm5{k3}{z},ZMMWORD PTR [rdi+rsi*8-0x80]": a => a.vector(rows::LOAD, masked, 5, 0, mem(7, Some((6, 3)), -128));
                "vmovupd ZMMWORD PTR [rbp+0x0]{k3},zmm21": a => a.vector(rows::STORE, Form { zeroing: false, ..masked }, 21, 0, mem(5, None, 0));
                "vcmplepd k5,zmm3,zmm30": a => a.vector_with(rows::COMPARE, full, (5, 3, Rm::Reg(30)), Some(2));
                "vpcmpltq k1,zmm3,zmm30": a => a.vector_with(rows::INT_COMPARE, full, (1, 3, Rm::Reg(30)), Some(1));
                "vblendmpd zmm1{k3},zmm2,zmm3": a => a.vector(rows::BLEND, Form { zeroing: false, ..masked }, 1, 2, Rm::Reg(3));
                "vpsllq zmm19,zmm4,0x34": a => a.vector_with(rows::SHIFT, full, (6, 19, Rm::Reg(4)), Some(52));
                "vpsrlq zmm2,zmm28,0x1": a => a.vector_with(rows::SHIFT, full, (2, 2, Rm::Reg(28)), Some(1));
                "vsqrtpd zmm2,zmm28": a => a.vector(rows::SQRT, full, 2, 0, Rm::Reg(28));
                "vrndscalepd zmm2,zmm28,0xb": a => a.vector_with(rows::ROUND, full, (2, 0, Rm::Reg(28)), Some(11));
                "vpmullq zmm2,zmm3,zmm4": a => a.vector(rows::INT_MUL, full, 2, 3, Rm::Reg(4));
                "vpermpd zmm2,zmm3,zmm4": a => a.vector(rows::PERMUTE, full, 2, 3, Rm::Reg(4));
            "vcvtqq2pd zmm2,zmm3": a => a.vector(rows::FLOAT_OF_INT, full, 2, 0, Rm::Reg(3));
                "vcvttpd2qq zmm2,zmm3": a => a.vector(rows::INT_OF_FLOAT, full, 2, 0, Rm::Reg(3));
                "vpbroadcastq zmm2,r11": a => a.vector(rows::BROADCAST_GENERAL, full, 2, 0, Rm::Reg(11));
                "vbroadcastsd zmm2,QWORD PTR [r11+0x10]": a => a.vector(rows::BROADCAST, Form { bytes: 8, ..full }, 2, 0, mem(11, None, 16));
                "vextractf64x2 xmm20,zmm3,0x2": a => a.vector_with(rows::EXTRACT, full, (3, 0, Rm::Reg(20)), Some(2));
                "vinsertf64x2 zmm20,zmm3,xmm9,0x1": a => a.vector_with(rows::INSERT, full, (20, 3, Rm::Reg(9)), Some(1));
                "vinsertf64x4 zmm20,zmm3,ymm9,0x1": a => a.vector_with(rows::INSERT_HALF, full, (20, 3, Rm::Reg(9)), Some(1));
                "vmovsd xmm20,QWORD PTR [rax+rcx*8+0x8]": a => a.vector(rows::LOAD_ONE, narrow, 20, 0, mem(0, Some((1, 3)), 8));
                "vmovhpd xmm20,xmm2,QWORD PTR [rax]": a => a.vector(rows::LOAD_HIGH, narrow, 20, 2, mem(0, None, 0));
                "vmovlpd QWORD PTR [rax],xmm20": a => a.vector(rows::STORE_LOW, narrow, 20, 0, mem(0, None, 0));
                "vmovhpd QWORD PTR [rax],xmm20": a => a.vector(rows::STORE_HIGH, narrow, 20, 0, mem(0, None, 0));
                "vmovddup xmm20,QWORD PTR [rax+0x8]": a => a.vector(rows::DOUBLE, narrow, 20, 0, mem(0, None, 8));
                "vmovq rdx,xmm20": a => a.vector(rows::TO_GENERAL, Form::new(128, true), 20, 0, Rm::Reg(2));
                "vgatherqpd zmm1{k7},QWORD PTR [rdi+zmm30*8+0x20]": a => a.vector(rows::GATHER, Form { mask: 7, bytes: 8, ..full }, 1, 0, mem(7, Some((30, 3)), 32));
                "vscatterqpd QWORD PTR [rdi+zmm3*8+0x20]{k7},zmm1": a => a.vector(rows::SCATTER, Form { mask: 7, bytes: 8, ..full }, 1, 0, mem(7, Some((3, 3)), 32));
                "kandb k1,k2,k3": a => a.vector(rows::MASK_AND, Form::new(256, false), 1, 2, Rm::Reg(3));
                "knotb k1,k3": a => a.vector(rows::MASK_NOT, Form::new(128, false), 1, 0, Rm::Reg(3));
                "kortestb k4,k4": a => a.vector(rows::MASK_TEST, Form::new(128, false), 4, 0, Rm::Reg(4));
                "kmovw k4,WORD PTR [rsp+0x140]": a => a.vector(rows::MASK_MOVE, Form::new(128, false), 4, 0, mem(4, None, 320));
                "kmovw WORD PTR [rsp+0x140],k4": a => a.vector(rows::MASK_STORE, Form::new(128, false), 4, 0, mem(4, None, 320));
                "kunpckbw k1,k2,k3": a => a.vector(rows::MASK_JOIN, Form::new(256, false), 1, 2, Rm::Reg(3));
                "knotw k1,k3": a => a.vector(rows::MASK_NOT.single(), Form::new(128, false), 1, 0, Rm::Reg(3));
                "kandw k1,k2,k3": a => a.vector(rows::MASK_AND.single(), Form::new(256, false), 1, 2, Rm::Reg(3));
                "vaddps zmm1,zmm2,zmm3": a => a.vector(rows::ADD.single(), full, 1, 2, Rm::Reg(3));
                "vmulps zmm8,zmm17,DWORD PTR [rsp+0x8]": a => a.vector(rows::MUL.single(), Form { broadcast: true, bytes: 4, ..full }, 8, 17, mem(4, None, 8));
                "vpandd zmm8,zmm17,zmm3": a => a.vector(rows::AND.single(), full, 8, 17, Rm::Reg(3));
                "vmovups zmm5{k3}{z},ZMMWORD PTR [rdi+rsi*4-0x80]": a => a.vector(rows::LOAD.single(), masked, 5, 0, mem(7, Some((6, 2)), -128));
                "vcmpltps k5,zmm3,zmm30": a => a.vector_with(rows::COMPARE.single(), full, (5, 3, Rm::Reg(30)), Some(1));
                "vpcmpltd k1,zmm3,zmm30": a => a.vector_with(rows::INT_COMPARE.single(), full, (1, 3, Rm::Reg(30)), Some(1));
                "vblendmps zmm1{k3},zmm2,zmm3": a => a.vector(rows::BLEND.single(), Form { zeroing: false, ..masked }, 1, 2, Rm::Reg(3));
                "vrndscaleps zmm2,zmm28,0xb": a => a.vector_with(rows::ROUND.single(), full, (2, 0, Rm::Reg(28)), Some(11));
                "vbroadcastss zmm2,DWORD PTR [r11+0x10]": a => a.vector(rows::BROADCAST.single(), Form { bytes: 4, ..full }, 2, 0, mem(11, None, 16));
                "vbroadcastss zmm2,xmm3": a => a.vector(rows::BROADCAST.single(), full, 2, 0, Rm::Reg(3));
                "vpermps zmm2,zmm3,zmm4": a => a.vector(rows::PERMUTE.single(), full, 2, 3, Rm::Reg(4));
                "vbroadcastsd zmm2,xmm3": a => a.vector(rows::BROADCAST, full, 2, 0, Rm::Reg(3));
                "valignq zmm2,zmm3,zmm4,0x7": a => a.vector_with(rows::ALIGN, full, (2, 3, Rm::Reg(4)), Some(7));
                "valignd zmm2,zmm3,zmm4,0xf": a => a.vector_with(rows::ALIGN.single(), full, (2, 3, Rm::Reg(4)), Some(15));
                "vcvtps2pd zmm2,ymm3": a => a.vector(rows::PROMOTE, full, 2, 0, Rm::Reg(3));
                "vcvtpd2ps ymm2,zmm3": a => a.vector(rows::DEMOTE, full, 2, 0, Rm::Reg(3));
                "vcvtqq2ps ymm2,zmm3": a => a.vector(rows::SINGLE_OF_INT, full, 2, 0, Rm::Reg(3));
                "vextractf64x4 ymm20,zmm3,0x1": a => a.vector_with(rows::EXTRACT_HALF, full, (3, 0, Rm::Reg(20)), Some(1));
                "vmovss xmm20,DWORD PTR [rax+0x8]": a => a.vector(rows::LOAD_ONE.single(), Form { bytes: 4, ..narrow }, 20, 0, mem(0, None, 8));
                "vmovss DWORD PTR [rax+0x8],xmm20": a => a.vector(rows::STORE_LOW.single(), Form { bytes: 4, ..narrow }, 20, 0, mem(0, None, 8));
                "vinsertps xmm20,xmm2,DWORD PTR [rax+0x8],0x30": a => a.vector_with(rows::INSERT_ONE, Form { bytes: 4, ..narrow }, (20, 2, mem(0, None, 8)), Some(0x30));
                "vextractps DWORD PTR [rax+0x8],xmm20,0x3": a => a.vector_with(rows::EXTRACT_ONE, Form { bytes: 4, ..narrow }, (20, 0, mem(0, None, 8)), Some(3));
                "vgatherqps ymm1{k7},DWORD PTR [rdi+zmm30*4+0x20]": a => a.vector(rows::GATHER.single(), Form { mask: 7, bytes: 4, ..full }, 1, 0, mem(7, Some((30, 2)), 32));
                "vscatterqps DWORD PTR [rdi+zmm3*4+0x20]{k7},ymm1": a => a.vector(rows::SCATTER.single(), Form { mask: 7, bytes: 4, ..full }, 1, 0, mem(7, Some((3, 2)), 32));
                "vfmadd231pd zmm1,zmm2,zmm3": a => a.vector(rows::FUSED, full, 1, 2, Rm::Reg(3));
                "vfmsub231ps zmm1,zmm2,zmm3": a => a.vector(rows::FUSED_MINUS.single(), full, 1, 2, Rm::Reg(3));
                "vfnmadd231pd zmm1,zmm2,zmm3": a => a.vector(rows::FUSED_FROM, full, 1, 2, Rm::Reg(3));
                "kshiftlb k4,k4,0x6": a => a.vector_with(rows::MASK_LEFT, Form::new(128, false), (4, 0, Rm::Reg(4)), Some(6));
            },
        );
    }

    #[test]
    fn with_vex_prefix() {
        let full = Form::new(256, false);
        expect(
            "vex",
            cases! {
                "vaddpd ymm1,ymm2,ymm3": a => a.vector(rows::ADD.narrow(), full, 1, 2, Rm::Reg(3));
                "vmulpd ymm15,ymm9,ymm12": a => a.vector(rows::MUL.narrow(), full, 15, 9, Rm::Reg(12));
                "vsubpd ymm8,ymm1,YMMWORD PTR [r13+0x40]": a => a.vector(rows::SUB.narrow(), full, 8, 1, mem(13, None, 64));
                "vpmuludq ymm8,ymm1,ymm2": a => a.vector(rows::HALF_MUL.narrow(), full, 8, 1, Rm::Reg(2));
                "vblendvpd ymm1,ymm2,ymm3,ymm4": a => a.vector_with(rows::BLEND_BY_SIGN, full, (1, 2, Rm::Reg(3)), Some(0x40));
                "vpcmpgtq ymm1,ymm2,ymm3": a => a.vector(rows::INT_GREATER.narrow(), full, 1, 2, Rm::Reg(3));
                "vroundpd ymm1,ymm12,0x9": a => a.vector_with(rows::ROUND.narrow(), full, (1, 0, Rm::Reg(12)), Some(9));
                "vmovq xmm9,r10": a => a.vector(rows::FROM_GENERAL, Form::new(128, false), 9, 0, Rm::Reg(10));
                "vpbroadcastq ymm9,xmm9": a => a.vector(rows::BROADCAST_INT.narrow(), full, 9, 0, Rm::Reg(9));
                "vextractf128 xmm9,ymm3,0x1": a => a.vector_with(rows::EXTRACT.narrow(), full, (3, 0, Rm::Reg(9)), Some(1));
                "vinsertf128 ymm9,ymm3,xmm1,0x1": a => a.vector_with(rows::INSERT.narrow(), full, (9, 3, Rm::Reg(1)), Some(1));
                "vpermpd ymm9,ymm3,0x1b": a => a.vector_with(rows::PERMUTE_BY, full, (9, 0, Rm::Reg(3)), Some(0x1B));
                "vaddps ymm1,ymm2,ymm3": a => a.vector(rows::ADD.single(), full, 1, 2, Rm::Reg(3));
                "vpcmpgtd ymm1,ymm2,ymm3": a => a.vector(rows::INT_GREATER.single(), full, 1, 2, Rm::Reg(3));
                "vpcmpeqd ymm1,ymm2,ymm3": a => a.vector(rows::INT_EQUAL.single(), full, 1, 2, Rm::Reg(3));
                "vblendvps ymm1,ymm2,ymm3,ymm4": a => a.vector_with(rows::BLEND_BY_SIGN.single(), full, (1, 2, Rm::Reg(3)), Some(0x40));
                "vroundps ymm1,ymm12,0x9": a => a.vector_with(rows::ROUND.single(), full, (1, 0, Rm::Reg(12)), Some(9));
                "vcvtps2pd ymm1,xmm12": a => a.vector(rows::PROMOTE, full, 1, 0, Rm::Reg(12));
                "vcvtpd2ps xmm1,ymm12": a => a.vector(rows::DEMOTE.narrow(), full, 1, 0, Rm::Reg(12));
                "vpermps ymm1,ymm2,ymm3": a => a.vector(rows::PERMUTE.single(), full, 1, 2, Rm::Reg(3));
                "vbroadcastsd ymm1,xmm2": a => a.vector(rows::BROADCAST.narrow(), full, 1, 0, Rm::Reg(2));
                "vperm2f128 ymm1,ymm2,ymm3,0x3": a => a.vector_with(rows::PERMUTE_HALVES, full, (1, 2, Rm::Reg(3)), Some(3));
                "vpalignr ymm1,ymm2,ymm3,0x8": a => a.vector_with(rows::ALIGN_BYTES, full, (1, 2, Rm::Reg(3)), Some(8));
                "vbroadcastss ymm1,xmm2": a => a.vector(rows::BROADCAST.single(), full, 1, 0, Rm::Reg(2));
                "vfmadd231pd ymm1,ymm2,ymm3": a => a.vector(rows::FUSED, full, 1, 2, Rm::Reg(3));
                "vfmadd231ps ymm1,ymm2,ymm3": a => a.vector(rows::FUSED.single(), full, 1, 2, Rm::Reg(3));
            "vptest ymm9,ymm9": a => a.vector(rows::TEST.narrow(), full, 9, 0, Rm::Reg(9));
            },
        );
    }

    #[test]
    fn general_ones() {
        let place = Mem { base: 12, index: Some((15, 3)), disp: 4096 };
        expect(
            "general",
            cases! {
                "mov r9,rax": a => a.mov(9, 0);
                "mov rax,QWORD PTR [r12+r15*8+0x1000]": a => a.load(0, place);
                "mov QWORD PTR [rsp+0x10],r14": a => a.store(14, Mem { base: 4, index: None, disp: 16 });
                "lea rdx,[r12+r15*8+0x1000]": a => a.lea(2, place);
                "mov rdx,0xffffffffffffffff": a => a.constant(2, -1);
                "movabs r10,0x123456789abcdef": a => a.constant(10, 0x0123_4567_89AB_CDEF);
                "add rdx,r8": a => a.add(2, 8);
                "sub rdx,r8": a => a.sub(2, 8);
                "imul rdx,r8": a => a.mul(2, 8);
                "imul rdx,r8,0x28": a => a.mul_by(2, 8, 40);
                "neg r8": a => a.neg(8);
                "cmp rdx,r8": a => a.cmp(2, 8);
                "and rsp,0xffffffffffffffc0": a => a.immediate(4, 4, -64);
                "cmp BYTE PTR [r8],0x0": a => a.test_byte(Mem { base: 8, index: None, disp: 0 });
                "push r12": a => a.push(12);
                "pop rbp": a => a.pop(5);
                "xor eax,eax": a => a.clear(0);
                "ret": a => a.ret();
            },
        );
    }
}
