//! A module in memory: compile, call, free.
//!
//! Only what can be reached from the requested entries is compiled. The code owns its memory and frees it when it is
//! dropped; a mapping is writable or executable, never both. Symbols come from the runtime's table and from nowhere else: the
//! process is not searched.

use crate::define::{Kind, Workshop, declare};
use crate::stack::StackNeeds;
use crate::target::{Machine, target};
use crate::{Listing, OptLevel, Options};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::Linkage;
use dprog_ir::analysis::CallGraph;
use dprog_ir::entity::Entity;
use dprog_ir::transform::ownership::Ownership;
use dprog_ir::{FuncId, Function, Module, NodeId, Type};
use dprog_runtime::layout::IMMORTAL;
use dprog_runtime::stack::Entry;
use dprog_runtime::{Context, DescId, Stop, TypeTable};
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::{LazyLock, OnceLock};

/// Code generation failed: a defect, or a limit of the machine.
#[derive(Debug)]
pub struct Error(pub String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Address space for code; pages are committed as they are needed.
const CODE_SPACE: usize = 1 << 30;
/// The compiler to memory.
pub struct Jit;

/// The C function of an entry that takes and gives nothing but numbers, and needs no stack of its own.
#[derive(Clone, Copy, Debug)]
pub enum Numbers {
    /// `(context, arguments…) -> {status, result}`, all in registers; there is one result at most.
    Pair(*const u8),
    /// `(context, results, arguments…) -> status`, the results as words.
    Row(*const u8),
}

/// A function that can be called from outside.
#[derive(Clone, Debug)]
struct EntryPoint {
    address: Entry,
    params: Vec<Type>,
    results: Vec<Type>,
    /// Parameters whose reference the function takes over.
    takes: Vec<bool>,
    /// Parameters that are passed as header and place of the elements.
    borrows: Vec<bool>,
    /// Results for which the caller passes a place.
    places: Vec<bool>,
    /// The stack of whoever calls is enough for it.
    direct: bool,
    numbers: Option<Numbers>,
}

/// The header of a caller who has no place for a result.
pub static NO_PLACE: [i64; 18] = {
    let mut header = [-1; 18];
    (header[0], header[1], header[2]) = (IMMORTAL, 0, 0);
    header
};

/// A compiled module.
pub struct Compiled {
    clif: Option<JITModule>,
    types: Box<TypeTable>,
    type_ids: FxHashMap<Type, DescId>,
    entries: FxHashMap<FuncId, EntryPoint>,
}

// SAFETY: after compilation nothing changes but reference counts of constants, which start so high that lost updates do
// not matter; running state is in the context.
unsafe impl Send for Compiled {}
// SAFETY: as above.
unsafe impl Sync for Compiled {}

impl Drop for Compiled {
    fn drop(&mut self) {
        if let Some(clif) = self.clif.take() {
            // SAFETY: entries are called only through `&self`, so none is running.
            unsafe { clif.free_memory() };
        }
    }
}

impl Jit {
    /// Compiles the entries and what they reach. The module is as the ownership pass left it.
    pub fn compile(
        module: &Module,
        ownership: &Ownership,
        entries: &[FuncId],
        options: &Options,
    ) -> Result<Compiled, Error> {
        let mut clif = new_module(options)?;
        let calls = CallGraph::of_module(module);
        let kind = if options.embedded { Kind::Embedded } else { Kind::Plain };
        let mut program = declare(&mut clif, module, entries, &calls, "dp.", kind)?;
        let mut workshop = Workshop::default();
        workshop.all_functions(&mut clif, &mut program, options)?;
        let stack = StackNeeds::new(module, &calls);
        let mut addresses = Vec::new();
        for id in entries {
            let index = id.index();
            let entry = workshop.entry(&mut clif, &program, *id, &format!("entry:{index}"), Linkage::Export)?;
            let numbers = match options.embedded && stack.is_small(*id) && is_of_numbers(&module.funcs[*id]) {
                true if workshop.is_in_c(&clif, &program, *id) => Some((true, program.functions[id])),
                true => Some((false, workshop.direct_entry(&mut clif, &program, *id, &format!("direct:{index}"))?)),
                false => None,
            };
            addresses.push((*id, entry, numbers));
        }
        clif.finalize_definitions().map_err(|e| Error(e.to_string()))?;
        let mut points = FxHashMap::default();
        for (id, clif_id, numbers) in addresses {
            let code = clif.get_finalized_function(clif_id);
            // SAFETY: the function was defined with this signature.
            let address = unsafe { std::mem::transmute::<*const u8, Entry>(code) };
            let func = &module.funcs[id];
            func.params.iter().chain(&func.results).for_each(|ty| {
                program.types.id(*ty);
            });
            let takes = (0..func.params.len()).map(|i| ownership.takes(id, i)).collect();
            let (params, results) = (func.params.clone(), func.results.clone());
            let places = program.placed.get(&id).map(|places| places.results.clone());
            let places = places.unwrap_or_else(|| vec![false; results.len()]);
            let borrows = program.borrowed.get(&id).cloned().unwrap_or_else(|| vec![false; params.len()]);
            let direct = stack.is_small(id);
            let numbers = numbers.map(|(pair, id)| match pair {
                true => Numbers::Pair(clif.get_finalized_function(id)),
                false => Numbers::Row(clif.get_finalized_function(id)),
            });
            points.insert(id, EntryPoint { address, params, results, takes, borrows, places, direct, numbers });
        }
        let (table, type_ids) = program.types.finish();
        Ok(Compiled { clif: Some(clif), types: Box::new(table), type_ids, entries: points })
    }
}

/// What Cranelift makes of the entries and what they reach, as text for people.
pub fn listing(module: &Module, entries: &[FuncId], options: &Options, listing: Listing) -> Result<String, Error> {
    let mut clif = new_module(options)?;
    let mut program = declare(&mut clif, module, entries, &CallGraph::of_module(module), "dp.", Kind::Plain)?;
    let mut workshop = Workshop::default();
    workshop.listing = Some((listing, String::new()));
    let done = workshop.all_functions(&mut clif, &mut program, options);
    // SAFETY: no address of it was given out.
    unsafe { clif.free_memory() };
    done.map(|()| workshop.listing.map(|(_, text)| text).unwrap_or_default())
}

impl Compiled {
    fn entry(&self, id: FuncId) -> &EntryPoint {
        self.entries.get(&id).expect("the function was requested as an entry")
    }

    /// The address of an entry, for whoever keeps to the rules of [`Compiled::call_raw`] alone; and whether the stack of any
    /// thread is enough for it: it is not recursive, and its frames are small.
    pub fn address(&self, id: FuncId) -> (Entry, bool) {
        let entry = self.entry(id);
        (entry.address, entry.direct)
    }

    /// The C function of an entry, if it is one of numbers.
    pub fn numbers(&self, id: FuncId) -> Option<Numbers> {
        self.entry(id).numbers
    }

    /// Whether an entry takes two words for a parameter: a header with the sizes, and where the elements are, less the bytes that a
    /// header would have in front of them. Nobody changes them.
    pub fn borrows(&self, id: FuncId, param: usize) -> bool {
        self.entry(id).borrows[param]
    }

    /// Whether an entry takes two words more for a result, behind those of its parameters: a header with the sizes that the caller
    /// expects, and where the elements may be made, less the bytes that a header would have in front of them. If it gives that header, they
    /// are there. A header with a negative size is no offer; see [`NO_PLACE`].
    pub fn places(&self, id: FuncId, result: usize) -> bool {
        self.entry(id).places[result]
    }

    /// Whether an entry takes the reference over that is passed for a parameter of heap type; otherwise it stays the caller's.
    pub fn takes(&self, id: FuncId, param: usize) -> bool {
        self.entry(id).takes[param]
    }

    /// The types of the objects that the code makes; [`Compiled::type_id`] gives the row of one.
    pub fn types(&self) -> &TypeTable {
        &self.types
    }

    /// The row of a type that occurs in the signature of an entry, or in one that does.
    pub fn type_id(&self, ty: Type) -> DescId {
        self.type_ids[&ty]
    }

    /// Types of parameters and results of an entry.
    pub fn signature(&self, id: FuncId) -> (&[Type], &[Type]) {
        let entry = self.entry(id);
        (&entry.params, &entry.results)
    }

    /// The node types, by their rows.
    pub(crate) fn node_ids(&self) -> FxHashMap<DescId, NodeId> {
        self.type_ids.iter().filter_map(|(ty, id)| Some((*id, ty.as_node()?))).collect()
    }

    /// Calls an entry with raw words: scalars in the low bytes, heap values as pointers.
    ///
    /// # Safety
    /// As many arguments and results as the entry has, of its types; objects belong to `ctx`.
    pub unsafe fn call_raw(
        &self,
        ctx: &mut Context,
        id: FuncId,
        args: &[u64],
        results: &mut [u64],
    ) -> Result<(), Stop> {
        let entry = self.entry(id);
        let words = entry.params.len() + entry.borrows.iter().filter(|borrowed| **borrowed).count();
        assert_eq!((args.len(), results.len()), (words, entry.results.len()));
        let offers = 2 * entry.places.iter().filter(|placed| **placed).count();
        let args: Vec<u64> = args.iter().copied().chain(vec![NO_PLACE.as_ptr() as u64; offers]).collect();
        ctx.types = &*self.types;
        // SAFETY: the caller's promise.
        let status = unsafe { ctx.enter(entry.address, args.as_ptr(), results.as_mut_ptr()) };
        if status != 0 {
            return Err(ctx.finish_stop());
        }
        ctx.host.out.flush();
        Ok(())
    }
}

/// Whether nothing but numbers goes in and out.
fn is_of_numbers(func: &Function) -> bool {
    func.params.iter().chain(&func.results).all(|ty| ty.as_scalar().is_some())
}

// ---- setting up ----

/// The instruction set of this machine. Looking it up takes longer than compiling a small function, so each is kept.
fn native(options: &Options) -> Result<OwnedTargetIsa, Error> {
    static KNOWN: [OnceLock<OwnedTargetIsa>; 4] = [const { OnceLock::new() }; 4];
    let known = &KNOWN[(options.opt_level == OptLevel::None) as usize + 2 * options.verify as usize];
    if let Some(isa) = known.get() {
        return Ok(isa.clone());
    }
    let isa = target(&Options { machine: Machine::Here, ..*options }, false)?;
    Ok(known.get_or_init(|| isa).clone())
}

/// The address of a function of the runtime. Nothing else has a name that compiled code could reach.
fn symbol(name: &str) -> Option<*const u8> {
    // In order of the names. (A map would do, but leak checkers take what a static one holds for lost.)
    static TABLE: LazyLock<Vec<(&'static str, usize)>> = LazyLock::new(|| {
        let mut table: Vec<(&str, usize)> =
            dprog_runtime::symbols::table().into_iter().map(|(name, at)| (name, at as usize)).collect();
        table.sort_unstable();
        table
    });
    match TABLE.binary_search_by(|(known, _)| (*known).cmp(name)).ok().map(|at| TABLE[at].1) {
        Some(address) => Some(address as *const u8),
        None => panic!("symbol {name} is not on the list of the runtime"),
    }
}

pub(crate) fn new_module(options: &Options) -> Result<JITModule, Error> {
    let isa = native(options)?;
    let mut builder = JITBuilder::with_isa(isa, Box::new(|call| panic!("no library call {call:?} is allowed")));
    builder.symbol_lookup_fn(Box::new(symbol));
    let memory = ArenaMemoryProvider::new_with_size(CODE_SPACE).map_err(|e| Error(e.to_string()))?;
    builder.memory_provider(Box::new(memory));
    Ok(JITModule::new(builder))
}
