//! A function of a module as machine code, with what is needed to call it and to say what went wrong.

use super::diagnostic::Diagnostic;
use super::error::{Error, ErrorKind};
use super::interface::{Interface, Leaf, Signature};
use super::native::Extent;
use super::sizes::{Sizes, Values, dims_of};
use super::thread::InUse;
use super::watch::{CancelToken, Watched};
use crate::check::Checked;
use crate::engine::{codegen_options, machine_code};
use crate::pipeline::{Observer, Options, Stages, Until};
use crate::trap;
use dprog_codegen as codegen;
use dprog_frontend::check::Asked;
use dprog_frontend::lower::Roots;
use dprog_frontend::typed::FnId;
use dprog_ir::interp::Val;
use dprog_ir::{FuncId, Locations, Module, Op, TrapCode};
use dprog_runtime::layout::{IMMORTAL, data_offset};
use dprog_runtime::object::data;
use dprog_runtime::stack::Entry;
use dprog_runtime::{Context, DescId, ForeignFn, Foreigns, Limits, Object, Stop};
use smallvec::SmallVec;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What is to be compiled.
pub(crate) enum Wanted {
    Function(FnId),
    Derivative(Asked, String),
}

/// What a call may use, and who may stop it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub limits: Limits,
    pub time: Option<Duration>,
    pub cancel: Option<CancelToken>,
}

/// A number that no other function with its settings has, by which a context knows what it was made ready for.
pub(crate) fn new_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// See the module's description.
pub(crate) struct Code {
    pub native: codegen::Compiled,
    pub func: FuncId,
    pub interface: Interface,
    pub warnings: Vec<Diagnostic>,
    entry: Entry,
    /// How each parameter leaf is passed.
    passing: Vec<Passing>,
    /// Results that can be made where the caller wants them.
    placed: Vec<bool>,
    /// The C function of numbers, of code that calls nobody outside.
    pub numbers: Option<codegen::Numbers>,
    /// The stack of the caller is enough.
    pub direct: bool,
    locations: Locations,
    checked: Arc<Checked>,
    hosts: Arc<Vec<ForeignFn>>,
}

// SAFETY: the address that makes it none by itself is that of machine code, which does not change.
unsafe impl Send for Code {}
// SAFETY: as above.
unsafe impl Sync for Code {}

/// Where the arrays of a call come from, and where its results go.
pub(crate) trait Transfer {
    type Output;

    /// Where the elements of a parameter leaf are, if they lie in rows.
    fn place(&self, leaf: usize) -> Option<*const u8>;

    /// Where the elements of a result leaf may be made: the caller has memory for as many as its sizes mean, in rows, and nothing that the
    /// function reads lies there.
    fn room(&mut self, result: usize) -> Option<*mut u8>;

    /// Copies the elements of a parameter leaf.
    ///
    /// # Safety
    /// There is room for as many as its extent says.
    unsafe fn read(&self, leaf: usize, to: *mut u8);

    /// Takes the results, which stay objects of the context; those that were made in their room are null.
    ///
    /// # Safety
    /// They are results of the function.
    unsafe fn give(&mut self, results: &[u64]) -> Result<Self::Output, Error>;
}

/// How a parameter leaf is passed, looked up once.
#[derive(Clone, Copy)]
struct Passing {
    /// An array stays where the caller has it.
    borrowed: bool,
    /// The function takes the reference over.
    taken: bool,
    /// The row of its type.
    desc: DescId,
}

impl Passing {
    fn of(native: &codegen::Compiled, func: FuncId, param: usize, leaf: &Leaf) -> Passing {
        let (borrowed, taken) = (native.borrows(func, param), native.takes(func, param));
        Passing { borrowed, taken, desc: native.type_id(leaf.ty) }
    }
}

/// What the sizes of a call mean for its words, worked out once for calls of one shape.
#[derive(Default)]
pub(crate) struct Prepared {
    sizes: Sizes,
    /// Headers of arrays that stay where the caller has them, and of those that are made there, one behind the other.
    headers: SmallVec<[i64; 32]>,
    items: SmallVec<[Item; 8]>,
}

/// A parameter leaf, or a result with its place.
#[derive(Clone, Copy)]
enum Item {
    Number {
        leaf: usize,
    },
    Array {
        leaf: usize,
        header: usize,
    },
    Room {
        result: usize,
        header: usize,
    },
    /// A result for which the caller has no place.
    NoRoom,
}

/// Words in front of the sizes in a header.
const HEAD: usize = 3;

impl Prepared {
    /// The sizes fit the extents; see [`Code::call_arrays`].
    pub fn new(code: &Code, sizes: &[i64], extents: &[Extent]) -> Prepared {
        let mut prepared = Prepared { sizes: Sizes::from_slice(sizes), ..Prepared::default() };
        let values = Values { sizes, extents };
        for (leaf, param) in code.interface.params.iter().enumerate() {
            prepared.items.push(match param.rank {
                0 => Item::Number { leaf },
                _ => Item::Array { leaf, header: prepared.headers.len() },
            });
            if param.rank > 0 {
                prepared.add_header(&dims_of(param, &values, &extents[leaf]));
            }
        }
        for (result, leaf) in code.interface.results.iter().enumerate().filter(|(result, _)| code.placed[*result]) {
            if leaf.dims.is_none() {
                prepared.items.push(Item::NoRoom);
                continue;
            }
            prepared.items.push(Item::Room { result, header: prepared.headers.len() });
            prepared.add_header(&dims_of(leaf, &values, &Extent::default()));
        }
        prepared
    }

    fn add_header(&mut self, dims: &[i64]) {
        // The count, which never falls to zero; no type; no room.
        self.headers.extend_from_slice(&[IMMORTAL, 0, 0]);
        self.headers.extend_from_slice(dims);
    }
}

/// Results that need no memory for their words.
const FEW_RESULTS: usize = 16;

/// What calls without a token are told to stop by: never.
static NEVER: AtomicBool = AtomicBool::new(false);

impl Code {
    pub fn compile(
        checked: &Arc<Checked>,
        hosts: &Arc<Vec<ForeignFn>>,
        wanted: &Wanted,
        options: &Options,
        observer: &mut dyn Observer,
    ) -> Result<Code, Error> {
        let (roots, signature) = match wanted {
            Wanted::Function(id) => {
                let signature = Signature::of_function(&checked.program, &checked.program.fns[*id]);
                (Roots { fns: vec![*id], ..Roots::default() }, signature)
            }
            Wanted::Derivative(asked, name) => {
                let signature = Signature::of_derivative(&checked.program, asked, name.clone());
                (Roots { asked: vec![asked.clone()], ..Roots::default() }, signature)
            }
        };
        let stages = Stages::of(Until::Optimized, checked, &roots, options, observer);
        let mut stages = stages.map_err(|all| ErrorKind::Compile(Diagnostic::all(&all, &checked.sources)))?;
        let func = stages.roots[0].func;
        let codegen = codegen::Options { embedded: true, ..codegen_options(options) };
        let native = machine_code(&mut stages.module, &[func], &codegen, observer);
        let interface = Interface::new(&checked.program, &stages.roots[0], signature);
        let (entry, direct) = native.address(func);
        let numbers = native.numbers(func).filter(|_| calls_nobody(&stages.module));
        let sizes = interface.signature.sizes.len();
        let passing = interface.params.iter().enumerate();
        let passing = passing.map(|(i, leaf)| Passing::of(&native, func, sizes + i, leaf)).collect();
        let results = 0..interface.results.len();
        let placed = results.map(|result| native.places(func, result)).collect();
        let warnings = Diagnostic::all(&stages.warnings, &checked.sources);
        let (locations, checked, hosts) = (stages.module.locations, checked.clone(), hosts.clone());
        Ok(Code {
            native,
            func,
            interface,
            warnings,
            entry,
            passing,
            placed,
            numbers,
            direct,
            locations,
            checked,
            hosts,
        })
    }

    /// The function's name in messages.
    pub fn name(&self) -> &str {
        &self.interface.signature.name
    }

    pub fn arguments_error(&self, reason: String) -> Error {
        ErrorKind::Arguments { function: self.name().to_string(), reason }.into()
    }

    /// Makes a context ready for a call of this code with these settings, which `number` stands for.
    #[inline]
    pub fn prepare(&self, ctx: &mut Context, settings: &Settings, number: u64) {
        if ctx.prepared != number {
            self.prepare_anew(ctx, settings);
            ctx.prepared = number;
        }
    }

    fn prepare_anew(&self, ctx: &mut Context, settings: &Settings) {
        ctx.types = self.native.types();
        ctx.cancel = settings.cancel.as_ref().map_or(&raw const NEVER, CancelToken::flag);
        ctx.host.foreign = Foreigns::new(&self.hosts);
        ctx.limits = settings.limits;
        if ctx.heap.limit != settings.limits.memory {
            // What earlier calls left would not be counted.
            ctx.heap.trim();
            ctx.heap.limit = settings.limits.memory;
        }
    }

    /// Runs on the stack of the caller.
    ///
    /// # Safety
    /// The context is prepared; the arguments are the words of the function's parameters, and there is room for those of its
    /// results. The code is [`Code::direct`].
    #[inline]
    pub unsafe fn enter(&self, ctx: &mut Context, args: *const u64, results: *mut u64) -> i32 {
        // SAFETY: the caller's promise.
        unsafe { (self.entry)(ctx, args, results) }
    }

    /// Runs, on a stack of the context's own if that is needed, and under the clock if there is one.
    ///
    /// # Safety
    /// The context is prepared; the arguments and results are as of [`Code::enter`].
    pub unsafe fn run(
        &self,
        ctx: &mut Context,
        settings: &Settings,
        args: &[u64],
        results: &mut [u64],
    ) -> Result<(), Error> {
        let watched = watch(ctx, settings);
        let (args, results) = (args.as_ptr(), results.as_mut_ptr());
        // SAFETY: the caller's promise.
        let status =
            unsafe { if self.direct { self.enter(ctx, args, results) } else { ctx.enter(self.entry, args, results) } };
        if status == 0 {
            ctx.host.out.flush();
            return Ok(());
        }
        let over = watched.is_some_and(|watched| watched.is_over());
        Err(self.stopped(ctx, settings, over))
    }

    /// Makes objects of the arrays among the arguments, runs, hands the results over, and releases everything.
    ///
    /// # Safety
    /// The sizes fit the extents: there is one for each parameter leaf, and an array has as many elements as its sizes mean.
    pub unsafe fn call_arrays<T: Transfer>(
        &self,
        settings: (&Settings, u64),
        sizes: &[i64],
        extents: &[Extent],
        transfer: &mut T,
    ) -> Result<T::Output, Error> {
        // SAFETY: the caller's promise.
        unsafe { self.call_prepared(settings, &mut Prepared::new(self, sizes, extents), extents, transfer) }
    }

    /// The same, with sizes that have been worked out.
    ///
    /// # Safety
    /// It was prepared for extents like these, but for numbers that are no sizes.
    pub unsafe fn call_prepared<T: Transfer>(
        &self,
        (settings, number): (&Settings, u64),
        prepared: &mut Prepared,
        extents: &[Extent],
        transfer: &mut T,
    ) -> Result<T::Output, Error> {
        let interface = &self.interface;
        let mut context = InUse::take();
        let ctx = context.get();
        self.prepare(ctx, settings, number);
        // Pushed one by one: so the compiler sees through it, which it does not with `collect`.
        let mut words = SmallVec::<[u64; 24]>::new();
        prepared.sizes.iter().for_each(|size| words.push(*size as u64));
        let mut lent = SmallVec::<[Object; 8]>::new();
        let mut made_there = SmallVec::<[(usize, u64); 8]>::new();
        for item in &prepared.items {
            match *item {
                Item::Number { leaf } => words.push(extents[leaf].word),
                Item::Array { leaf, header } => {
                    let (rank, passing) = (interface.params[leaf].rank, self.passing[leaf]);
                    if let (true, Some(elements)) = (passing.borrowed, transfer.place(leaf)) {
                        words.push((&raw mut prepared.headers[header]) as u64);
                        words.push((elements as u64).wrapping_sub(data_offset(rank) as u64));
                        continue;
                    }
                    let dims = &prepared.headers[header + HEAD..][..rank];
                    let Some(object) = ctx.new_array(passing.desc, dims) else {
                        return Err(self.stopped(ctx, settings, false));
                    };
                    // SAFETY: the object has as many elements as the sizes mean, and these fit the extent.
                    unsafe { transfer.read(leaf, data(object, rank)) };
                    words.push(object as u64);
                    if passing.borrowed {
                        words.push(object as u64);
                    }
                    if !passing.taken {
                        lent.push(object);
                    }
                }
                Item::Room { result, header } => {
                    let Some(room) = transfer.room(result) else {
                        words.push(codegen::NO_PLACE.as_ptr() as u64);
                        words.push(codegen::NO_PLACE.as_ptr() as u64);
                        continue;
                    };
                    let address = (&raw mut prepared.headers[header]) as u64;
                    made_there.push((result, address));
                    words.push(address);
                    words.push((room as u64).wrapping_sub(data_offset(interface.results[result].rank) as u64));
                }
                Item::NoRoom => {
                    words.push(codegen::NO_PLACE.as_ptr() as u64);
                    words.push(codegen::NO_PLACE.as_ptr() as u64);
                }
            }
        }
        let (mut few, mut many) = ([0; FEW_RESULTS], Vec::new());
        let results = match interface.results.len() {
            count @ 0..=FEW_RESULTS => &mut few[..count],
            count => {
                many.resize(count, 0);
                &mut many[..]
            }
        };
        // SAFETY: words and objects of the function's types; it gives objects of its result types, and what is left to us is
        // released once.
        unsafe {
            self.run(ctx, settings, &words, results)?;
            for (result, header) in made_there {
                if results[result] == header {
                    results[result] = 0;
                }
            }
            let output = transfer.give(results);
            self.release(ctx, &lent, results);
            output
        }
    }

    /// Releases the arguments that are still ours, and the results.
    ///
    /// # Safety
    /// Nobody uses them any more.
    unsafe fn release(&self, ctx: &mut Context, lent: &[Object], results: &[u64]) {
        for object in lent {
            // SAFETY: made for the call, and lent.
            unsafe { ctx.release(*object) };
        }
        for (word, _) in results.iter().zip(&self.interface.results).filter(|(_, leaf)| leaf.ty.is_heap()) {
            // SAFETY: the function gave one reference.
            unsafe { ctx.release(*word as Object) };
        }
    }

    /// Calls with values of the interpreter, one for each parameter of the machine code. The context is prepared.
    pub fn call_values(&self, ctx: &mut Context, settings: &Settings, args: &[Val]) -> Result<Vec<Val>, Error> {
        let watched = watch(ctx, settings);
        self.native.call(ctx, self.func, args).map_err(|stop| {
            let over = watched.is_some_and(|watched| watched.is_over());
            self.error(stop, settings, over)
        })
    }

    /// The error of a call whose status was not 0. What the program held is taken back.
    #[cold]
    pub fn stopped(&self, ctx: &mut Context, settings: &Settings, over: bool) -> Error {
        self.error(ctx.finish_stop(), settings, over)
    }

    fn error(&self, stop: Stop, settings: &Settings, over: bool) -> Error {
        let mut stopped = match stop {
            Stop::Exit(status) => return ErrorKind::Exit(status as i32).into(),
            Stop::Trap(stopped) => stopped,
        };
        let cancelled = settings.cancel.as_ref().is_some_and(CancelToken::is_cancelled);
        if stopped.code == TrapCode::Cancelled && over && !cancelled {
            stopped.code = TrapCode::Time;
            stopped.a = settings.time.map_or(0, |time| time.as_millis() as i64);
        }
        let text = stopped.describe();
        ErrorKind::Trap(trap::trap(stopped.code, text, &stopped.trace, &self.locations, &self.checked.sources)).into()
    }
}

/// Whether compiled code calls no function of the world outside, which might call compiled code again.
fn calls_nobody(module: &Module) -> bool {
    module.funcs.values().all(|func| func.insts.values().all(|data| !matches!(data.op, Op::Host(_))))
}

/// Puts the clock on a call that has a limit of time.
fn watch(ctx: &mut Context, settings: &Settings) -> Option<Watched> {
    let time = settings.time?;
    let flag = ctx.cancel_handle();
    ctx.prepared = 0;
    ctx.cancel = Arc::as_ptr(&flag);
    Some(Watched::new(Instant::now() + time, flag, settings.cancel.clone()))
}
