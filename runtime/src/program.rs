//! What an object file says about itself: its types, the places in the source that traps name, and its limits.
//!
//! One block of data that refers to nothing, so that it needs no relocations and lies in read-only memory. The code generator
//! writes it with [`encode`]; the runtime reads the types once per process, and places only when something traps. Words
//! have 32 bits in the byte order of the machine, which is little-endian on all that we compile for:
//!
//! ```text
//! version, number of types, number of places, offset of the places, offset of the texts      offsets in bytes
//! greatest depth, greatest memory                                                            64 bits each
//! types      each: kind, tangent row + 1; then what its kind needs
//! places     each: file, line, column, function, place of the call that it was inlined to
//! texts      each: length in bytes, then the bytes, then zeros up to a whole word
//! ```

use crate::context::{Limits, TrapInfo};
use crate::report::{Frame, Trap};
use crate::types::{DescId, Shape, TypeDesc, TypeTable};
use dprog_ir::{Scalar, SrcLoc};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A place in the source; what `SrcLoc` numbers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    /// Empty: nowhere.
    pub file: Arc<str>,
    pub line: u32,
    pub column: u32,
    pub function: Arc<str>,
    /// Where the code was inlined to.
    pub inlined_at: SrcLoc,
}

/// Changes with the form of the block.
const VERSION: u32 = 1;
const HEADER: usize = 9;
const PLACE_WORDS: usize = 5;

const SCALAR: u32 = 0;
const TEXT: u32 = 1;
const ARRAY: u32 = 2;
const NODE: u32 = 3;

// ---- writing ----

/// The block of a program. Row `i` of `places` is `SrcLoc(i)`.
pub fn encode(types: &TypeTable, places: &[Place], limits: &Limits) -> Vec<u8> {
    let mut type_words = Vec::new();
    types.descs.iter().for_each(|desc| encode_type(desc, &mut type_words));
    let mut texts = Texts::default();
    let place_words: Vec<u32> = places
        .iter()
        .flat_map(|p| [texts.offset(&p.file), p.line, p.column, texts.offset(&p.function), p.inlined_at.0])
        .collect();
    let places_at = 4 * (HEADER + type_words.len()) as u32;
    let texts_at = places_at + 4 * place_words.len() as u32;
    let (depth, memory) = (limits.depth as u64, limits.memory as u64);
    let halves = |x: u64| [x as u32, (x >> 32) as u32];
    let mut words = vec![VERSION, types.descs.len() as u32, places.len() as u32, places_at, texts_at];
    words.extend(halves(depth).into_iter().chain(halves(memory)));
    words.extend(type_words.into_iter().chain(place_words));
    let mut bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    bytes.extend(texts.bytes);
    bytes
}

fn encode_type(desc: &TypeDesc, words: &mut Vec<u32>) {
    let kind = match desc.shape {
        Shape::Scalar(_) => SCALAR,
        Shape::Text => TEXT,
        Shape::Array { .. } => ARRAY,
        Shape::Node { .. } => NODE,
    };
    words.extend([kind, desc.tangent.map_or(0, |row| row + 1)]);
    match &desc.shape {
        Shape::Scalar(scalar) => words.push(*scalar as u32),
        Shape::Text => {}
        Shape::Array { rank, element } => words.extend([*rank as u32, *element]),
        Shape::Node { cases } => {
            words.push(cases.len() as u32);
            for (fields, active) in cases.iter().zip(&desc.active) {
                words.push(fields.len() as u32);
                words.extend(fields.iter().zip(active).flat_map(|(row, active)| [*row, *active as u32]));
            }
        }
    }
}

/// Texts that have been written, each once.
#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    known: HashMap<Arc<str>, u32>,
}

impl Texts {
    fn offset(&mut self, text: &Arc<str>) -> u32 {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let offset = self.bytes.len() as u32;
        self.bytes.extend((text.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.known.insert(text.clone(), offset);
        offset
    }
}

// ---- reading ----

/// A block in the memory of the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Program {
    block: *const u8,
}

impl Program {
    /// # Safety
    /// `block` was written by [`encode`], is aligned to four bytes and stays where it is.
    pub unsafe fn new(block: *const u8) -> Program {
        let program = Program { block };
        assert_eq!(program.word(0), VERSION, "the object was made for another version of the runtime");
        program
    }

    fn word(self, index: usize) -> u32 {
        // SAFETY: `new` has promised a block; its own numbers say how long it is.
        unsafe { self.block.cast::<u32>().add(index).read() }
    }

    fn wide(self, index: usize) -> u64 {
        self.word(index) as u64 | (self.word(index + 1) as u64) << 32
    }

    /// What the program may use.
    pub fn limits(self) -> Limits {
        Limits { depth: self.wide(5) as i64, memory: self.wide(7) as usize }
    }

    /// Its types, decoded at the first call.
    pub fn types(self) -> &'static TypeTable {
        static DECODED: Mutex<Vec<(usize, &'static TypeTable)>> = Mutex::new(Vec::new());
        let mut decoded = DECODED.lock().unwrap_or_else(PoisonError::into_inner);
        let key = self.block as usize;
        if let Some((_, known)) = decoded.iter().find(|(block, _)| *block == key) {
            return known;
        }
        // Lives as long as the code, of which nobody tells when it goes.
        let table = Box::leak(Box::new(self.decode_types()));
        decoded.push((key, table));
        table
    }

    fn decode_types(self) -> TypeTable {
        let mut at = HEADER;
        let mut next = || {
            at += 1;
            self.word(at - 1)
        };
        TypeTable { descs: (0..self.word(1)).map(|_| decode_type(&mut next)).collect() }
    }

    /// The report of a trap.
    pub fn report(self, trap: &TrapInfo) -> Trap {
        let frames = trap.trace.iter().flat_map(|loc| self.frames(*loc)).collect();
        Trap { code: trap.code, message: trap.describe(), frames }
    }

    /// A place and the calls that it was inlined through, innermost first.
    fn frames(self, loc: SrcLoc) -> impl Iterator<Item = Frame> {
        let mut next = loc;
        let places = std::iter::from_fn(move || {
            let here = (next != SrcLoc::NONE && next.0 < self.word(2)).then(|| self.place(next))?;
            next = here.inlined_at;
            Some(here)
        });
        places.filter(|place| !place.file.is_empty()).map(|place| Frame {
            file: place.file.to_string(),
            line: place.line,
            column: place.column,
            function: place.function.to_string(),
        })
    }

    fn place(self, loc: SrcLoc) -> Place {
        let at = self.word(3) as usize / 4 + loc.0 as usize * PLACE_WORDS;
        let [file, line, column, function, call] = std::array::from_fn(|i| self.word(at + i));
        Place { file: self.text(file), line, column, function: self.text(function), inlined_at: SrcLoc(call) }
    }

    fn text(self, offset: u32) -> Arc<str> {
        let at = (self.word(4) + offset) as usize;
        let length = self.word(at / 4) as usize;
        // SAFETY: as in `word`.
        let bytes = unsafe { std::slice::from_raw_parts(self.block.add(at + 4), length) };
        String::from_utf8_lossy(bytes).into()
    }
}

fn decode_type(next: &mut impl FnMut() -> u32) -> TypeDesc {
    let (kind, tangent) = (next(), next().checked_sub(1));
    let mut active = Vec::new();
    let shape = match kind {
        SCALAR => Shape::Scalar(Scalar::ALL[next() as usize]),
        TEXT => Shape::Text,
        ARRAY => Shape::Array { rank: next() as usize, element: next() },
        _ => {
            let mut cases = Vec::new();
            for _ in 0..next() {
                let fields: Vec<(DescId, bool)> = (0..next()).map(|_| (next(), next() != 0)).collect();
                cases.push(fields.iter().map(|(row, _)| *row).collect());
                active.push(fields.iter().map(|(_, active)| *active).collect());
            }
            Shape::Node { cases }
        }
    };
    TypeDesc { shape, tangent, active }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dprog_ir::TrapCode;

    fn table() -> TypeTable {
        let plain = |shape| TypeDesc { shape, tangent: None, active: Vec::new() };
        let node = Shape::Node { cases: vec![vec![], vec![1, 2]] };
        let descs = vec![
            plain(Shape::Text),
            TypeDesc { shape: Shape::Scalar(Scalar::F32), tangent: Some(1), active: Vec::new() },
            TypeDesc { shape: node, tangent: Some(2), active: vec![vec![], vec![true, false]] },
            plain(Shape::Array { rank: 3, element: 2 }),
        ];
        TypeTable { descs }
    }

    fn place(line: u32, function: &str, inlined_at: u32) -> Place {
        Place { file: "ä.dp".into(), line, column: 7, function: function.into(), inlined_at: SrcLoc(inlined_at) }
    }

    #[test]
    fn a_program_reads_back() {
        let places = [Place::default(), place(1, "main", 0), place(2, "f", 1)];
        let limits = Limits { depth: 5_000_000_000, memory: 64 << 20 };
        let bytes = encode(&table(), &places, &limits);
        let aligned: Vec<u64> = bytes.chunks(8).map(|c| c.iter().rev().fold(0, |w, b| w << 8 | *b as u64)).collect();
        // SAFETY: just encoded.
        let program = unsafe { Program::new(aligned.as_ptr().cast()) };
        assert_eq!(program.types().descs, table().descs);
        assert_eq!(program.limits(), limits);
        let trace = vec![SrcLoc(2), SrcLoc(0)];
        let trap = TrapInfo { code: TrapCode::Bounds, a: 4, b: 4, text: String::new(), trace };
        let text = program.report(&trap).to_string();
        let expected = "trap: index 4 is out of bounds for size 4\n  --> ä.dp:2:7 in f\n  called from ä.dp:1:7 in main";
        assert_eq!(text, expected);
    }
}
