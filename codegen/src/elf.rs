//! Small surgery on objects and archives, so that nothing but a linker is needed to make a library.
//!
//! Only relocatable objects for 64-bit little-endian machines occur here: ours, and those that a linker has made of them.
//! [ELF] is the System V ABI, chapter 4 (object files); archives are those of System V with GNU's long names.

use std::collections::BTreeSet;

const SYMTAB: u32 = 2;
const RELA: u32 = 4;
const GROUP: u32 = 17;
const SYMBOL_BYTES: usize = 24;
const RELA_BYTES: usize = 24;
const SECTION_BYTES: usize = 64;
/// Binding in the upper half of a symbol's `info`.
const LOCAL: u8 = 0;
const WEAK: u8 = 2;

/// An object that is not as an object must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A section of the section table.
#[derive(Clone, Copy)]
struct Section {
    /// Where its header stands.
    header: usize,
    kind: u32,
    offset: usize,
    size: usize,
    link: u32,
}

/// A symbol of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    pub defined: bool,
    pub local: bool,
    pub weak: bool,
}

/// The symbols of an object, in its order.
pub fn symbols(object: &[u8]) -> Result<Vec<Symbol>, Malformed> {
    let sections = sections(object)?;
    let Some(table) = sections.iter().find(|s| s.kind == SYMTAB) else { return Ok(Vec::new()) };
    let names = sections.get(table.link as usize).ok_or(Malformed)?;
    let entries = bytes(object, table.offset, table.size)?.chunks_exact(SYMBOL_BYTES);
    entries
        .map(|entry| {
            let name = text(object, names.offset + word(entry, 0)? as usize)?;
            let binding = entry[4] >> 4;
            let defined = half(entry, 6)? != 0;
            Ok(Symbol { name, defined, local: binding == LOCAL, weak: binding == WEAK })
        })
        .collect()
}

/// The names that an object defines for others, sorted.
pub fn exports(object: &[u8]) -> Result<BTreeSet<String>, Malformed> {
    Ok(symbols(object)?.into_iter().filter(|s| s.defined && !s.local).map(|s| s.name).collect())
}

/// The names that an object needs from others, sorted.
pub fn imports(object: &[u8]) -> Result<BTreeSet<String>, Malformed> {
    let undefined = symbols(object)?.into_iter().filter(|s| !s.defined && !s.name.is_empty());
    Ok(undefined.map(|s| s.name).collect())
}

/// Makes all defined symbols local but those that are to be kept, and of these some weak. Local symbols must stand first in the
/// table, so the symbols get new numbers.
pub fn localize(
    mut object: Vec<u8>,
    keep: impl Fn(&str) -> bool,
    weaken: impl Fn(&str) -> bool,
) -> Result<Vec<u8>, Malformed> {
    let sections = sections(&object)?;
    let Some(number) = sections.iter().position(|s| s.kind == SYMTAB) else { return Ok(object) };
    let table = sections[number];
    let symbols = symbols(&object)?;
    let hidden: Vec<bool> = symbols.iter().map(|s| s.local || (s.defined && !keep(&s.name))).collect();
    let old = bytes(&object, table.offset, table.size)?.to_vec();
    let mut order: Vec<usize> = (0..hidden.len()).collect();
    order.sort_by_key(|i| !hidden[*i]);
    let mut new_number = vec![0u32; order.len()];
    for (to, from) in order.iter().enumerate() {
        new_number[*from] = to as u32;
        let entry = &mut object[table.offset + to * SYMBOL_BYTES..][..SYMBOL_BYTES];
        entry.copy_from_slice(&old[from * SYMBOL_BYTES..][..SYMBOL_BYTES]);
        if hidden[*from] {
            entry[4] &= 0xf;
            // Visibility is for symbols that others could see.
            entry[5] = 0;
        } else if symbols[*from].defined && weaken(&symbols[*from].name) {
            entry[4] = WEAK << 4 | entry[4] & 0xf;
        }
    }
    let locals = hidden.iter().filter(|hidden| **hidden).count() as u32;
    put(&mut object, table.header + 44, locals);
    for section in sections.iter().filter(|s| s.link as usize == number) {
        renumber(&mut object, section, &new_number)?;
    }
    Ok(object)
}

/// Replaces the numbers of symbols in what refers to them: relocations, and the names of groups.
fn renumber(object: &mut [u8], section: &Section, new_number: &[u32]) -> Result<(), Malformed> {
    let slots: Vec<usize> = match section.kind {
        RELA => (0..section.size / RELA_BYTES).map(|i| section.offset + i * RELA_BYTES + 12).collect(),
        GROUP => vec![section.header + 44],
        _ => Vec::new(),
    };
    for slot in slots {
        let old = word(object, slot)? as usize;
        put(object, slot, *new_number.get(old).ok_or(Malformed)?);
    }
    Ok(())
}

// ---- reading ----

fn sections(object: &[u8]) -> Result<Vec<Section>, Malformed> {
    if object.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Err(Malformed);
    }
    let (first, count) = (long(object, 40)? as usize, half(object, 60)? as usize);
    // Very many sections: the number stands in the first one.
    let count = if count == 0 { long(object, first + 32)? as usize } else { count };
    (0..count).map(|i| section(object, first + i * SECTION_BYTES)).collect()
}

fn section(object: &[u8], header: usize) -> Result<Section, Malformed> {
    let (offset, size) = (long(object, header + 24)? as usize, long(object, header + 32)? as usize);
    Ok(Section { header, kind: word(object, header + 4)?, offset, size, link: word(object, header + 40)? })
}

fn bytes(object: &[u8], at: usize, count: usize) -> Result<&[u8], Malformed> {
    object.get(at..).and_then(|rest| rest.get(..count)).ok_or(Malformed)
}

fn array<const N: usize>(object: &[u8], at: usize) -> Result<[u8; N], Malformed> {
    Ok(bytes(object, at, N)?.try_into().expect("as long as asked for"))
}

fn half(object: &[u8], at: usize) -> Result<u16, Malformed> {
    array(object, at).map(u16::from_le_bytes)
}

fn word(object: &[u8], at: usize) -> Result<u32, Malformed> {
    array(object, at).map(u32::from_le_bytes)
}

fn long(object: &[u8], at: usize) -> Result<u64, Malformed> {
    array(object, at).map(u64::from_le_bytes)
}

fn text(object: &[u8], at: usize) -> Result<String, Malformed> {
    let rest = object.get(at..).ok_or(Malformed)?;
    let end = rest.iter().position(|b| *b == 0).ok_or(Malformed)?;
    Ok(String::from_utf8_lossy(&rest[..end]).into_owned())
}

fn put(object: &mut [u8], at: usize, value: u32) {
    object[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

// ---- archives ----

/// A static library of objects. Times, owners and modes are not written, so the bytes depend on the members only.
pub fn archive(members: &[(String, Vec<u8>)]) -> Result<Vec<u8>, Malformed> {
    let long_names: String = members.iter().map(|(name, _)| format!("{name}/\n")).collect();
    let exported: Vec<BTreeSet<String>> =
        members.iter().map(|(_, object)| exports(object)).collect::<Result<_, _>>()?;
    let names: String = exported.iter().flatten().map(|name| format!("{name}\0")).collect();
    let count = exported.iter().map(BTreeSet::len).sum::<usize>();
    let index_size = 4 + 4 * count + names.len();
    let mut at = 8 + member_size(index_size) + member_size(long_names.len());
    let mut index = (count as u32).to_be_bytes().to_vec();
    for ((_, object), exported) in members.iter().zip(&exported) {
        index.extend(exported.iter().flat_map(|_| (at as u32).to_be_bytes()));
        at += member_size(object.len());
    }
    index.extend(names.as_bytes());
    let mut out = b"!<arch>\n".to_vec();
    add_member(&mut out, "/", &index);
    add_member(&mut out, "//", long_names.as_bytes());
    let mut name_at = 0;
    for (name, object) in members {
        add_member(&mut out, &format!("/{name_at}"), object);
        name_at += name.len() + 2;
    }
    Ok(out)
}

/// A header, the contents, and an even end.
fn member_size(contents: usize) -> usize {
    60 + contents.next_multiple_of(2)
}

fn add_member(out: &mut Vec<u8>, name: &str, contents: &[u8]) {
    let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, contents.len());
    out.extend(header.as_bytes());
    out.extend(contents);
    if contents.len() % 2 == 1 {
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_object::object::write::{Object, Relocation, StandardSection, Symbol as NewSymbol, SymbolSection};
    use cranelift_object::object::{
        Architecture, BinaryFormat, Endianness, RelocationEncoding, RelocationFlags, RelocationKind, SymbolFlags,
        SymbolKind, SymbolScope,
    };

    /// Three functions and an undefined one, each called once.
    fn sample() -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let text = object.section_id(StandardSection::Text);
        for (i, name) in ["kept", "hidden", "malloc", "dprog_last_error"].into_iter().enumerate() {
            let symbol = object.add_symbol(NewSymbol {
                name: name.into(),
                value: 0,
                size: 0,
                kind: SymbolKind::Text,
                scope: SymbolScope::Dynamic,
                weak: false,
                section: SymbolSection::Undefined,
                flags: SymbolFlags::None,
            });
            if name != "malloc" {
                object.add_symbol_data(symbol, text, &[0; 8], 8);
            }
            let (kind, encoding) = (RelocationKind::Absolute, RelocationEncoding::Generic);
            let flags = RelocationFlags::Generic { kind, encoding, size: 64 };
            let data = object.section_id(StandardSection::Data);
            object.append_section_data(data, &[0; 8], 8);
            object
                .add_relocation(data, Relocation { offset: 8 * i as u64, symbol, addend: 0, flags })
                .expect("it fits");
        }
        object.write().expect("an object")
    }

    /// The names that the relocations refer to, in their order.
    fn targets(object: &[u8]) -> Vec<String> {
        let names = symbols(object).unwrap();
        let sections = sections(object).unwrap();
        let table = sections.iter().find(|s| s.kind == RELA).expect("relocations");
        let slots = (0..table.size / RELA_BYTES).map(|i| table.offset + i * RELA_BYTES + 12);
        slots.map(|slot| names[word(object, slot).unwrap() as usize].name.clone()).collect()
    }

    #[test]
    fn hidden_symbols_are_local_and_references_still_mean_the_same() {
        let before = sample();
        let after = localize(before.clone(), |name| name != "hidden", |name| name == "dprog_last_error").unwrap();
        let binding = |name: &str| symbols(&after).unwrap().into_iter().find(|s| s.name == name).unwrap();
        assert!(binding("hidden").local && !binding("kept").local && !binding("kept").weak);
        assert!(binding("dprog_last_error").weak && !binding("malloc").defined);
        let locals: Vec<bool> = symbols(&after).unwrap().iter().map(|s| s.local).collect();
        assert!(locals.is_sorted_by_key(|local| !local), "{locals:?}");
        assert_eq!(targets(&before), ["kept", "hidden", "malloc", "dprog_last_error"]);
        assert_eq!(targets(&after), targets(&before));
        assert_eq!(exports(&after).unwrap(), ["dprog_last_error", "kept"].map(String::from).into());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(exports(b"!<arch>\n"), Err(Malformed));
        let half = &sample()[..100];
        assert_eq!(symbols(half), Err(Malformed));
    }
}
