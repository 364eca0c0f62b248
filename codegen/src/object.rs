//! A module as an object file: the same lowering as for memory, with relocations instead of addresses.
//!
//! The bytes depend on the module, the names of the entries and the options, and on nothing else.

use crate::Options;
use crate::define::{Workshop, declare};
use crate::executable::Source;
use crate::jit::Error;
use crate::target::target;
use cranelift_object::{ObjectBuilder, ObjectModule};
use dprog_ir::{FuncId, Module};

/// An object file with the entries under the names given, and what they reach.
pub fn emit(module: &Module, entries: &[(FuncId, String)], options: &Options) -> Result<Vec<u8>, Error> {
    let mut clif = new_module("dprog", false, options)?;
    let ids: Vec<FuncId> = entries.iter().map(|(id, _)| *id).collect();
    let mut program = declare(&mut clif, module, &ids)?;
    let mut workshop = Workshop::default();
    workshop.all_functions(&mut clif, &mut program, options)?;
    for (id, name) in entries {
        workshop.entry(&mut clif, &program, *id, name)?;
    }
    clif.finish().emit().map_err(|e| Error(e.to_string()))
}

/// An empty object. With `debug` it says how to unwind the stack.
pub(crate) fn new_module(name: &str, debug: bool, options: &Options) -> Result<ObjectModule, Error> {
    let isa = target(&Options { unwind: debug, ..*options }, false)?;
    let libcalls = Box::new(|call| panic!("no library call {call:?} is allowed"));
    let mut builder = ObjectBuilder::new(isa, name, libcalls).map_err(|e| Error(e.to_string()))?;
    builder.unwind_info(debug);
    Ok(ObjectModule::new(builder))
}

/// The bytes of a complete object, with what the workshop has noted for a debugger.
pub(crate) fn finish(clif: ObjectModule, workshop: Workshop, source: &Source) -> Result<Vec<u8>, Error> {
    let mut product = clif.finish();
    if let (Some(notes), Some(file)) = (workshop.debug, source.debug) {
        notes.write(&mut product, source.places, file)?;
    }
    product.emit().map_err(|e| Error(e.to_string()))
}
