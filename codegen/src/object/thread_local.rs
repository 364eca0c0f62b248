//! The thread's buffer for the text of a trap: thread-local data, and the function that gives its address.
//!
//! Cranelift knows the general model of thread-local data only, which calls `__tls_get_addr`. An object is to need nothing, so
//! the function is written here in machine code, with the *initial-exec* model: the distance from the thread pointer stands in
//! the global offset table. [Drepper, ELF Handling For Thread-Local Storage, §4]

use crate::bare::{BUFFER_FUNCTION, buffer};
use crate::jit::Error;
use cranelift_object::object::write::{Object, Relocation, StandardSection, Symbol, SymbolId, SymbolSection};
use cranelift_object::object::{Architecture, RelocationFlags, SymbolFlags, SymbolKind, SymbolScope, elf};

/// A piece of machine code and what the linker puts into it.
struct Accessor {
    code: Vec<u8>,
    /// Offset, kind, addend; those that are `local` refer to the first instruction instead of the data.
    relocations: Vec<(u64, u32, i64, bool)>,
}

/// Defines the function if something calls it.
pub fn define(object: &mut Object<'_>) -> Result<(), Error> {
    let Some(function) = object.symbol_id(BUFFER_FUNCTION.as_bytes()) else { return Ok(()) };
    let accessor = accessor(object.architecture())?;
    let data = object.add_symbol(local(b"dprog.thread", SymbolKind::Tls));
    let section = object.section_id(StandardSection::UninitializedTls);
    object.add_symbol_bss(data, section, buffer::BYTES as u64, 16);
    let text = object.section_id(StandardSection::Text);
    let symbol = object.symbol_mut(function);
    (symbol.scope, symbol.kind) = (SymbolScope::Compilation, SymbolKind::Text);
    let start = object.add_symbol_data(function, text, &accessor.code, 16);
    let label = if accessor.relocations.iter().any(|r| r.3) { Some(label(object, text, start)) } else { None };
    for (offset, r_type, addend, is_local) in accessor.relocations {
        let symbol = if is_local { label.unwrap_or(data) } else { data };
        let flags = RelocationFlags::Elf { r_type };
        let relocation = Relocation { offset: start + offset, symbol, addend, flags };
        object.add_relocation(text, relocation).map_err(|e| Error(e.to_string()))?;
    }
    Ok(())
}

fn local(name: &[u8], kind: SymbolKind) -> Symbol {
    Symbol {
        name: name.to_vec(),
        value: 0,
        size: 0,
        kind,
        scope: SymbolScope::Compilation,
        weak: false,
        section: SymbolSection::Undefined,
        flags: SymbolFlags::None,
    }
}

/// A name for the first instruction, to which the second half of an address refers on RISC-V.
fn label(object: &mut Object<'_>, text: cranelift_object::object::write::SectionId, at: u64) -> SymbolId {
    let section = SymbolSection::Section(text);
    object.add_symbol(Symbol { value: at, section, ..local(b".Ldprog.buffer", SymbolKind::Label) })
}

fn accessor(architecture: Architecture) -> Result<Accessor, Error> {
    let words = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect();
    Ok(match architecture {
        // mov rax, [rip + offset]; add rax, fs:0; ret
        Architecture::X86_64 => Accessor {
            code: vec![0x48, 0x8b, 0x05, 0, 0, 0, 0, 0x64, 0x48, 0x03, 0x04, 0x25, 0, 0, 0, 0, 0xc3],
            relocations: vec![(3, elf::R_X86_64_GOTTPOFF, -4, false)],
        },
        // mrs x0, tpidr_el0; adrp x1, page; ldr x1, [x1, offset]; add x0, x0, x1; ret
        Architecture::Aarch64 => Accessor {
            code: words(&[0xd53b_d040, 0x9000_0001, 0xf940_0021, 0x8b01_0000, 0xd65f_03c0]),
            relocations: vec![
                (4, elf::R_AARCH64_TLSIE_ADR_GOTTPREL_PAGE21, 0, false),
                (8, elf::R_AARCH64_TLSIE_LD64_GOTTPREL_LO12_NC, 0, false),
            ],
        },
        // auipc a0, high; ld a0, low(a0); add a0, a0, tp; ret
        Architecture::Riscv64 => Accessor {
            code: words(&[0x0000_0517, 0x0005_3503, 0x0045_0533, 0x0000_8067]),
            relocations: vec![(0, elf::R_RISCV_TLS_GOT_HI20, 0, false), (4, elf::R_RISCV_PCREL_LO12_I, 0, true)],
        },
        other => return Err(Error(format!("no thread-local data on {other:?}"))),
    })
}
