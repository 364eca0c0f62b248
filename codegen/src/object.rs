//! A module as an object file: the same lowering as for memory, with relocations instead of addresses.
//!
//! The bytes depend on the module, the names of the entries and the options, and on nothing else.

use crate::Options;
use crate::define::{Workshop, declare};
use crate::jit::Error;
use crate::target::target;
use cranelift_object::{ObjectBuilder, ObjectModule};
use dprog_ir::{FuncId, Module};

/// An object file with the entries under the names given, and what they reach.
pub fn emit(module: &Module, entries: &[(FuncId, String)], options: &Options) -> Result<Vec<u8>, Error> {
    let mut clif = new_module("dprog", options)?;
    let ids: Vec<FuncId> = entries.iter().map(|(id, _)| *id).collect();
    let mut program = declare(&mut clif, module, &ids)?;
    let mut workshop = Workshop::default();
    workshop.all_functions(&mut clif, &mut program, options)?;
    for (id, name) in entries {
        workshop.entry(&mut clif, &program, *id, name)?;
    }
    clif.finish().emit().map_err(|e| Error(e.to_string()))
}

fn new_module(name: &str, options: &Options) -> Result<ObjectModule, Error> {
    let isa = target(options, false)?;
    let libcalls = Box::new(|call| panic!("no library call {call:?} is allowed"));
    let builder = ObjectBuilder::new(isa, name, libcalls).map_err(|e| Error(e.to_string()))?;
    Ok(ObjectModule::new(builder))
}
