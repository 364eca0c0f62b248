//! A module as an object file: the same lowering as for memory, with relocations instead of addresses.
//!
//! Exported functions that can do without the runtime are compiled bare, with what they need beside them; the others, and what they
//! call, are compiled for the runtime's contexts. A function that both call is there twice. The bytes depend on the module, its
//! interface, its source's names and the options, and on nothing else.

mod thread_local;

use crate::Options;
use crate::bare::{self, Bare};
use crate::c_abi::{CFunction, CType, Interface};
use crate::companion;
use crate::define::{Kind, Workshop, declare};
use crate::entry::{self, Entry, Target};
use crate::executable::Source;
use crate::jit::Error;
use crate::lower::Program;
use crate::target::target;
use crate::workspace::is_bare;
use cranelift_module::{DataDescription, DataId, Linkage, Module as ClifModule};
use cranelift_object::{ObjectBuilder, ObjectModule};
use dprog_ir::analysis::CallGraph;
use dprog_ir::transform::ownership::Ownership;
use dprog_ir::{FuncId, Module, SrcLoc};
use dprog_runtime::program::{Place, encode};

/// What goes into an object.
pub struct Unit<'a> {
    /// As the ownership pass left it.
    pub module: &'a Module,
    pub ownership: &'a Ownership,
    pub interface: &'a Interface,
    pub source: Source<'a>,
}

/// An object file with the functions of the interface, and what they reach.
pub fn emit(unit: &Unit, options: &Options) -> Result<Vec<u8>, Error> {
    let debug = unit.source.debug.is_some();
    let mut clif = new_module(&unit.interface.name, debug, options)?;
    let mut workshop = Workshop::new(debug);
    let calls = CallGraph::of_module(unit.module);
    let needs_nothing = |f: &&CFunction| is_bare(unit.module, &calls, f);
    let (bare_functions, hosted_functions): (Vec<&CFunction>, Vec<&CFunction>) =
        unit.interface.functions.iter().partition(needs_nothing);
    let place_text = |loc: SrcLoc| place_text(unit.source.places, loc);
    let bare = Bare::new(&place_text);
    let mut program = declare(&mut clif, unit.module, &ids(&bare_functions), &calls, "dp.", Kind::Bare(bare))?;
    workshop.all_functions(&mut clif, &mut program, options)?;
    let mut bare = program.bare.take().expect("it was given");
    for function in &bare_functions {
        emit_bare(unit, &mut clif, &mut bare, &mut program, function)?;
    }
    if !hosted_functions.is_empty() {
        let mut program = declare(&mut clif, unit.module, &ids(&hosted_functions), &calls, "dp.rt.", Kind::Plain)?;
        workshop.all_functions(&mut clif, &mut program, options)?;
        emit_hosted(unit, &mut clif, &mut workshop, &mut bare, program, &hosted_functions)?;
    }
    for function in &unit.interface.functions {
        if function.params.iter().any(|p| matches!(p.ty, CType::Handle(_))) {
            companion::emit_free(&mut clif, &mut bare, function)?;
        }
    }
    define_abi_symbol(&mut clif, unit.interface)?;
    // Whoever links an object may ask for the last error.
    bare.function(&mut clif, bare::Support::SetLastError);
    bare.function(&mut clif, bare::Support::LastError);
    bare::define_all(&mut clif, &mut bare)?;
    finish(clif, workshop, &unit.source)
}

fn ids(functions: &[&CFunction]) -> Vec<FuncId> {
    functions.iter().map(|f| f.func).collect()
}

fn emit_bare(
    unit: &Unit,
    clif: &mut ObjectModule,
    bare: &mut Bare,
    program: &mut Program,
    function: &CFunction,
) -> Result<(), Error> {
    let borrowed = program.borrowed.get(&function.func).cloned().unwrap_or_default();
    let places = program.placed.get(&function.func).map(|places| places.results.clone());
    let places = places.unwrap_or_else(|| vec![false; function.outputs.len()]);
    let heap = entry::needs_heap(function, &borrowed, bare.uses_heap);
    let func = program.functions[&function.func];
    let target = |heap| Target::Bare { func, borrowed: borrowed.clone(), places: places.clone(), heap };
    entry::emit(clif, bare, program, &new_entry(unit, function, target(heap)))?;
    if let Some(bound) = &function.workspace {
        let entry = Entry { workspace: true, ..new_entry(unit, function, target(true)) };
        entry::emit(clif, bare, program, &entry)?;
        companion::emit_workspace(clif, function, bound)?;
    }
    Ok(())
}

fn new_entry<'a>(unit: &Unit<'a>, function: &'a CFunction, target: Target) -> Entry<'a> {
    let func = &unit.module.funcs[function.func];
    let takes = (0..func.params.len()).map(|i| unit.ownership.takes(function.func, i)).collect();
    Entry { function, interface: unit.interface, func, takes, target, workspace: false }
}

fn emit_hosted(
    unit: &Unit,
    clif: &mut ObjectModule,
    workshop: &mut Workshop,
    bare: &mut Bare,
    mut program: Program,
    functions: &[&CFunction],
) -> Result<(), Error> {
    let block = clif.declare_data("dprog_program", Linkage::Local, false, false).map_err(|e| Error(e.to_string()))?;
    for function in functions {
        let name = format!("dp.entry.{}", function.name);
        let inner = workshop.entry(clif, &program, function.func, &name, Linkage::Local)?;
        let entry = new_entry(unit, function, Target::Hosted { entry: inner, block });
        entry::emit(clif, bare, &mut program, &entry)?;
    }
    // The rows of types are known when everything has been lowered.
    let (types, _) = program.types.finish();
    define_bytes(clif, block, encode(&types, unit.source.places, &unit.source.limits), 8)
}

fn define_bytes(clif: &mut ObjectModule, id: DataId, bytes: Vec<u8>, align: u64) -> Result<(), Error> {
    let mut data = DataDescription::new();
    data.define(bytes.into_boxed_slice());
    data.set_align(align);
    clif.define_data(id, &data).map_err(|e| Error(e.to_string()))
}

/// The symbol that the header refers to: a header of another interface does not link.
fn define_abi_symbol(clif: &mut ObjectModule, interface: &Interface) -> Result<(), Error> {
    let name = interface.abi_symbol();
    let id = clif.declare_data(&name, Linkage::Export, false, false).map_err(|e| Error(e.to_string()))?;
    define_bytes(clif, id, vec![0], 1)
}

/// A place and the calls that it was inlined through, as they stand in a report.
fn place_text(places: &[Place], loc: SrcLoc) -> Option<String> {
    let mut lines = Vec::new();
    let mut next = loc;
    while next != SrcLoc::NONE {
        let place = places.get(next.0 as usize)?;
        if !place.file.is_empty() {
            lines.push(format!("{}:{}:{} in {}", place.file, place.line, place.column, place.function));
        }
        next = place.inlined_at;
    }
    (!lines.is_empty()).then(|| lines.join("\n  called from "))
}

/// An empty object. With `debug` it says how to unwind the stack.
pub(crate) fn new_module(name: &str, debug: bool, options: &Options) -> Result<ObjectModule, Error> {
    let isa = target(&Options { unwind: debug, ..*options }, false)?;
    let libcalls = Box::new(|call| panic!("no library call {call:?} is allowed"));
    let builder = ObjectBuilder::new(isa, name, libcalls).map_err(|e| Error(e.to_string()))?;
    Ok(ObjectModule::new(builder))
}

/// The bytes of a complete object, with what the workshop has noted for a debugger.
pub(crate) fn finish(clif: ObjectModule, workshop: Workshop, source: &Source) -> Result<Vec<u8>, Error> {
    let mut product = clif.finish();
    if let (Some(notes), Some(file)) = (workshop.debug, source.debug) {
        notes.write(&mut product, source.places, file)?;
    }
    thread_local::define(&mut product.object)?;
    product.emit().map_err(|e| Error(e.to_string()))
}
