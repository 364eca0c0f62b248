//! What `-g` adds to an object: DWARF, from which debuggers and profilers know lines and names.
//!
//! Every function is noted while it is compiled: where its code came from, instruction by instruction. When the object is
//! complete, [`Notes::write`] makes of that a compile unit with a subprogram for each function, and the table of lines. Code of a derivative
//! carries the place of the primal instruction, so a breakpoint at a line of the source stops in the adjoint too. Code
//! that was inlined is shown at the line that it came from, as an inlined call in the function that it came to.
//!
//! How to unwind the stack stands in `.debug_frame`: that of `.eh_frame` as Cranelift writes it needs relocations of the text when it
//! is loaded. *Absent on purpose:* variables: their values live in
//! registers and in derivatives that have no name in the source.

use crate::jit::Error;
use crate::wide::{Bytes, Frame};
use cranelift_codegen::CompiledCode;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::isa::unwind::UnwindInfo;
use cranelift_module::FuncId as ClifFuncId;
use cranelift_object::ObjectProduct;
use cranelift_object::object::write::{Relocation as ObjectRelocation, StandardSegment, SymbolId};
use cranelift_object::object::{RelocationEncoding, RelocationFlags, RelocationKind, SectionKind};
use dprog_ir::SrcLoc;
use dprog_runtime::program::Place;
use gimli::write::{
    Address, AttributeValue, CallFrameInstruction, CieId, Dwarf, EndianVec, Expression, FileId, FrameDescriptionEntry,
    FrameTable, LineProgram, LineString, Range, RangeList, RelocateWriter, Relocation, RelocationTarget, Sections,
    UnitEntryId, UnitId,
};
use gimli::{Encoding, Format, LineEncoding, LittleEndian, Register, SectionId, X86_64};
use rustc_hash::FxHashMap;

/// The file that was compiled, for a debugger that looks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebugFile {
    /// As it was named on the command line.
    pub name: String,
    /// The folder in which the compiler ran, from where the names of files go.
    pub folder: String,
}

/// What has been compiled so far.
#[derive(Default)]
pub(crate) struct Notes {
    functions: Vec<Code>,
    frames: FrameTable,
    cie: Option<CieId>,
}

/// The code of a function.
struct Code {
    id: ClifFuncId,
    name: String,
    /// Where the function stands in the source.
    head: SrcLoc,
    size: u32,
    /// From each of these offsets on the code belongs to this place.
    rows: Vec<(u32, SrcLoc)>,
}

impl Notes {
    /// Notes a function that has just been compiled.
    pub fn add(&mut self, id: ClifFuncId, name: &str, head: SrcLoc, code: &CompiledCode, isa: &dyn TargetIsa) {
        self.add_frame(code, isa);
        let mut rows = vec![(0, head)];
        for range in code.buffer.get_srclocs_sorted() {
            let loc = if range.loc.is_default() { SrcLoc::NONE } else { SrcLoc(range.loc.bits()) };
            // Code that belongs to no place is shown with what stands before it.
            if loc != SrcLoc::NONE && rows.last().is_none_or(|(_, last)| *last != loc) {
                rows.push((range.start, loc));
            }
        }
        self.functions.push(Code { id, name: name.to_string(), head, size: code.code_buffer().len() as u32, rows });
    }

    /// The same of a kernel whose bytes are ours. All of it is shown at the line of its loop.
    pub fn add_wide(&mut self, id: ClifFuncId, name: &str, head: SrcLoc, code: &Bytes, isa: &dyn TargetIsa) {
        let size = code.code as u32;
        if let Some(cie) = self.cie_of(isa) {
            let address = Address::Symbol { symbol: self.functions.len(), addend: 0 };
            self.frames.add_fde(cie, wide_frame(&code.frame, address, size));
        }
        // A second row of the same line is where debuggers think that the body begins.
        let rows = vec![(0, head), (code.frame.body, head)];
        self.functions.push(Code { id, name: name.to_string(), head, size, rows });
    }

    fn cie_of(&mut self, isa: &dyn TargetIsa) -> Option<CieId> {
        self.cie = self.cie.or_else(|| Some(self.frames.add_cie(isa.create_systemv_cie()?)));
        self.cie
    }

    /// How to unwind the stack in the function that is added next.
    fn add_frame(&mut self, code: &CompiledCode, isa: &dyn TargetIsa) {
        let Ok(Some(UnwindInfo::SystemV(info))) = code.create_unwind_info(isa) else { return };
        let Some(cie) = self.cie_of(isa) else { return };
        let address = Address::Symbol { symbol: self.functions.len(), addend: 0 };
        self.frames.add_fde(cie, info.to_fde(address));
    }

    /// Adds the sections to the object.
    pub fn write(self, product: &mut ObjectProduct, places: &[Place], file: &DebugFile) -> Result<(), Error> {
        let symbols: Vec<SymbolId> = self.functions.iter().map(|code| product.function_symbol(code.id)).collect();
        let mut unit = UnitWriter::new(places, file);
        unit.root(&self.functions, file);
        for (symbol, code) in self.functions.iter().enumerate() {
            unit.lines(symbol, code);
            unit.subprogram(symbol, code);
        }
        let mut sections = Sections::new(Section::default());
        unit.dwarf.write(&mut sections).map_err(|e| Error(e.to_string()))?;
        self.frames.write_debug_frame(&mut sections.debug_frame).map_err(|e| Error(e.to_string()))?;
        add_sections(product, &sections, &symbols)
    }
}

/// How to unwind the stack in a wide kernel: the rule of the body holds everywhere but at the beginning and at the ends.
fn wide_frame(frame: &Frame, address: Address, size: u32) -> FrameDescriptionEntry {
    const WORD: i32 = 8;
    let (rbp, rsp) = (X86_64::RBP, X86_64::RSP);
    let mut entry = FrameDescriptionEntry::new(address, size);
    entry.add_instruction(frame.pushed, CallFrameInstruction::CfaOffset(2 * WORD));
    entry.add_instruction(frame.pushed, CallFrameInstruction::Offset(rbp, -2 * WORD));
    entry.add_instruction(frame.body, CallFrameInstruction::CfaRegister(rbp));
    for (k, register) in frame.kept.iter().enumerate() {
        // The numbers are those of the machine.
        let offset = -(3 + k as i32) * WORD;
        entry.add_instruction(frame.body, CallFrameInstruction::Offset(Register(*register as u16), offset));
    }
    for (popped, left) in &frame.ends {
        entry.add_instruction(*popped, CallFrameInstruction::RememberState);
        entry.add_instruction(*popped, CallFrameInstruction::Cfa(rsp, WORD));
        entry.add_instruction(*popped, CallFrameInstruction::Restore(rbp));
        if *left < size {
            entry.add_instruction(*left, CallFrameInstruction::RestoreState);
        }
    }
    entry
}

/// A call that is no call any more.
struct InlinedCall<'a> {
    /// The inlined call around it.
    parent: Option<usize>,
    /// Where it stands.
    call: SrcLoc,
    /// The function that is called.
    name: &'a str,
    /// The code that came of it, in order.
    ranges: Vec<(u32, u32)>,
}

impl InlinedCall<'_> {
    fn cover(&mut self, start: u32, end: u32) {
        match self.ranges.last_mut().filter(|(_, last)| *last == start) {
            Some(last) => last.1 = end,
            None => self.ranges.push((start, end)),
        }
    }
}

// ---- the compile unit ----

struct UnitWriter<'a> {
    dwarf: Dwarf,
    unit: UnitId,
    places: &'a [Place],
    files: FxHashMap<&'a str, FileId>,
}

impl<'a> UnitWriter<'a> {
    fn new(places: &'a [Place], file: &DebugFile) -> UnitWriter<'a> {
        let encoding = Encoding { format: Format::Dwarf32, version: 4, address_size: 8 };
        let folder = LineString::String(file.folder.clone().into_bytes());
        let name = LineString::String(file.name.clone().into_bytes());
        let program = LineProgram::new(encoding, LineEncoding::default(), folder, None, name, None);
        let mut dwarf = Dwarf::new();
        let unit = dwarf.units.add(gimli::write::Unit::new(encoding, program));
        UnitWriter { dwarf, unit, places, files: FxHashMap::default() }
    }

    fn root(&mut self, functions: &[Code], file: &DebugFile) {
        let address = |symbol| Address::Symbol { symbol, addend: 0 };
        let ranges = functions.iter().enumerate();
        let ranges = ranges.map(|(i, code)| Range::StartLength { begin: address(i), length: code.size as u64 });
        let ranges = self.dwarf.units.get_mut(self.unit).ranges.add(RangeList(ranges.collect()));
        let texts = [
            (gimli::DW_AT_producer, concat!("dprogc ", env!("CARGO_PKG_VERSION"))),
            (gimli::DW_AT_name, &file.name),
            (gimli::DW_AT_comp_dir, &file.folder),
        ];
        let texts = texts.map(|(attribute, text)| (attribute, self.dwarf.strings.add(text)));
        let unit = self.dwarf.units.get_mut(self.unit);
        let root = unit.get_mut(unit.root());
        for (attribute, text) in texts {
            root.set(attribute, AttributeValue::StringRef(text));
        }
        // Debuggers know no dProg; expressions are written and numbers shown as in C.
        root.set(gimli::DW_AT_language, AttributeValue::Language(gimli::DW_LANG_C99));
        root.set(gimli::DW_AT_low_pc, AttributeValue::Address(Address::Constant(0)));
        root.set(gimli::DW_AT_ranges, AttributeValue::RangeListRef(ranges));
    }

    /// The place with this number, if it is in a file.
    fn place(&self, loc: SrcLoc) -> Option<&'a Place> {
        self.places.get(loc.0 as usize).filter(|place| !place.file.is_empty())
    }

    fn file(&mut self, place: &'a Place) -> FileId {
        let program = &mut self.dwarf.units.get_mut(self.unit).line_program;
        *self.files.entry(&place.file).or_insert_with(|| {
            let folder = program.default_directory();
            program.add_file(LineString::String(place.file.as_bytes().to_vec()), folder, None)
        })
    }

    /// The rows of a function in the table of lines.
    fn lines(&mut self, symbol: usize, code: &Code) {
        self.program().begin_sequence(Some(Address::Symbol { symbol, addend: 0 }));
        for (offset, loc) in &code.rows {
            let Some(place) = self.place(*loc) else { continue };
            let file = self.file(place);
            let row = self.program().row();
            row.address_offset = *offset as u64;
            (row.file, row.line, row.column) = (file, place.line as u64, place.column as u64);
            self.program().generate_row();
        }
        self.program().end_sequence(code.size as u64);
    }

    fn program(&mut self) -> &mut LineProgram {
        &mut self.dwarf.units.get_mut(self.unit).line_program
    }

    fn subprogram(&mut self, symbol: usize, code: &Code) {
        let head = self.place(code.head).map(|place| (self.file(place), place.line));
        let name = self.dwarf.strings.add(code.name.as_str());
        let unit = self.dwarf.units.get_mut(self.unit);
        let entry = unit.add(unit.root(), gimli::DW_TAG_subprogram);
        let mut frame = Expression::new();
        frame.op(gimli::DW_OP_call_frame_cfa);
        let values = [
            (gimli::DW_AT_name, AttributeValue::StringRef(name)),
            (gimli::DW_AT_low_pc, AttributeValue::Address(Address::Symbol { symbol, addend: 0 })),
            (gimli::DW_AT_high_pc, AttributeValue::Udata(code.size as u64)),
            (gimli::DW_AT_frame_base, AttributeValue::Exprloc(frame)),
            (gimli::DW_AT_prototyped, AttributeValue::Flag(true)),
        ];
        self.set(entry, values);
        if let Some((file, line)) = head {
            let place = [
                (gimli::DW_AT_decl_file, AttributeValue::FileIndex(Some(file))),
                (gimli::DW_AT_decl_line, AttributeValue::Udata(line as u64)),
            ];
            self.set(entry, place);
        }
        self.inlined_calls(symbol, entry, code);
    }

    /// The calls that were inlined into a function, inside of each other as they were called.
    fn inlined_calls(&mut self, symbol: usize, function: UnitEntryId, code: &Code) {
        let mut calls: Vec<InlinedCall> = Vec::new();
        let mut known: FxHashMap<(Option<usize>, SrcLoc), usize> = FxHashMap::default();
        let ends = code.rows.iter().skip(1).map(|(start, _)| *start).chain([code.size]);
        for ((start, loc), end) in code.rows.iter().zip(ends) {
            let mut parent = None;
            for (call, name) in self.calls_to(*loc) {
                let index = *known.entry((parent, call)).or_insert(calls.len());
                if index == calls.len() {
                    calls.push(InlinedCall { parent, call, name, ranges: Vec::new() });
                }
                calls[index].cover(*start, end);
                parent = Some(index);
            }
        }
        let mut entries: Vec<UnitEntryId> = Vec::new();
        for call in &calls {
            let parent = call.parent.map_or(function, |parent| entries[parent]);
            entries.push(self.inlined_call(symbol, parent, call));
        }
    }

    /// The inlined calls that lead to a place, outermost first: where each stands, and which function it calls.
    fn calls_to(&self, loc: SrcLoc) -> Vec<(SrcLoc, &'a str)> {
        let (mut calls, mut next) = (Vec::new(), self.places.get(loc.0 as usize));
        while let Some(place) = next.filter(|place| place.inlined_at != SrcLoc::NONE) {
            calls.push((place.inlined_at, &*place.function));
            next = self.places.get(place.inlined_at.0 as usize);
        }
        calls.reverse();
        calls
    }

    fn inlined_call(&mut self, symbol: usize, parent: UnitEntryId, call: &InlinedCall) -> UnitEntryId {
        let site = self.place(call.call).map(|place| (self.file(place), place.line));
        let name = self.dwarf.strings.add(call.name);
        let unit = self.dwarf.units.get_mut(self.unit);
        let ranges = call.ranges.iter().map(|(start, end)| Range::StartLength {
            begin: Address::Symbol { symbol, addend: *start as i64 },
            length: (end - start) as u64,
        });
        let ranges = unit.ranges.add(RangeList(ranges.collect()));
        let entry = unit.add(parent, gimli::DW_TAG_inlined_subroutine);
        let values = [
            (gimli::DW_AT_name, AttributeValue::StringRef(name)),
            (gimli::DW_AT_ranges, AttributeValue::RangeListRef(ranges)),
        ];
        self.set(entry, values);
        if let Some((file, line)) = site {
            let place = [
                (gimli::DW_AT_call_file, AttributeValue::FileIndex(Some(file))),
                (gimli::DW_AT_call_line, AttributeValue::Udata(line as u64)),
            ];
            self.set(entry, place);
        }
        entry
    }

    fn set<const N: usize>(&mut self, entry: UnitEntryId, values: [(gimli::DwAt, AttributeValue); N]) {
        let unit = self.dwarf.units.get_mut(self.unit);
        for (attribute, value) in values {
            unit.get_mut(entry).set(attribute, value);
        }
    }
}

// ---- into the object ----

/// The bytes of a section, and what the linker fills in.
#[derive(Clone)]
struct Section {
    writer: EndianVec<LittleEndian>,
    relocations: Vec<Relocation>,
}

impl Default for Section {
    fn default() -> Section {
        Section { writer: EndianVec::new(LittleEndian), relocations: Vec::new() }
    }
}

impl RelocateWriter for Section {
    type Writer = EndianVec<LittleEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.writer
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.writer
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.relocations.push(relocation);
    }
}

fn add_sections(product: &mut ObjectProduct, sections: &Sections<Section>, symbols: &[SymbolId]) -> Result<(), Error> {
    let object = &mut product.object;
    let mut added: FxHashMap<SectionId, _> = FxHashMap::default();
    let _ = sections.for_each(|id, section| {
        if !section.writer.slice().is_empty() {
            let segment = object.segment_name(StandardSegment::Debug).to_vec();
            let section_id = object.add_section(segment, id.name().into(), SectionKind::Debug);
            object.append_section_data(section_id, section.writer.slice(), 1);
            added.insert(id, section_id);
        }
        Ok::<(), ()>(())
    });
    let mut failed = None;
    let _ = sections.for_each(|id, section| {
        for relocation in &section.relocations {
            let symbol = match relocation.target {
                RelocationTarget::Symbol(index) => symbols[index],
                RelocationTarget::Section(target) => object.section_symbol(added[&target]),
            };
            let (kind, encoding) = (RelocationKind::Absolute, RelocationEncoding::Generic);
            let flags = RelocationFlags::Generic { kind, encoding, size: relocation.size * 8 };
            let offset = relocation.offset as u64;
            let relocation = ObjectRelocation { offset, symbol, addend: relocation.addend, flags };
            failed = object.add_relocation(added[&id], relocation).err().or(failed.take());
        }
        Ok::<(), ()>(())
    });
    failed.map_or(Ok(()), |e| Err(Error(e.to_string())))
}
