//! Running what has been compiled: as machine code, or by the interpreter.

use crate::check::Checked;
use crate::pipeline::{Event, Observer, Options, Stages, Until};
use crate::trap::{self, Trap};
use dprog_codegen as codegen;
use dprog_frontend::diagnostic::Diagnostic;
use dprog_frontend::source::SourceMap;
use dprog_frontend::typed::FnId;
use dprog_ir::interp::{self, Interp};
use dprog_ir::transform::ownership;
use dprog_ir::transform::pipeline::OptLevel;
use dprog_ir::{FuncId, Module, TrapCode};
use dprog_runtime::{Context, Limits, Output, Stop};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Who runs a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// The interpreter, on IR as it was lowered: derivatives are dual numbers, and `ad-pass` has no part in it.
    Duals,
    /// The interpreter, after differentiation.
    Interpreter,
    Native(OptLevel),
}

/// A program that can be run.
pub struct Compiled {
    runner: Runner,
    /// As it is run, or as it was before machine code was made of it.
    pub module: Module,
    pub warnings: Vec<Diagnostic>,
    roots: Vec<FuncId>,
    sources: SourceMap,
    limits: Limits,
}

enum Runner {
    Interpreter,
    Native(codegen::Compiled),
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Returned,
    Trapped(Trap),
    /// The program ended itself with this status.
    Exited(i32),
}

/// Compiles functions to machine code; they are numbered in this order.
pub fn compile(
    checked: &Checked,
    roots: &[FnId],
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Compiled, Vec<Diagnostic>> {
    compile_for(Engine::Native(options.opt_level), checked, roots, options, observer)
}

/// Compiles functions as far as an engine needs them.
pub fn compile_for(
    engine: Engine,
    checked: &Checked,
    roots: &[FnId],
    options: &Options,
    observer: &mut dyn Observer,
) -> Result<Compiled, Vec<Diagnostic>> {
    let (until, opt_level) = match engine {
        Engine::Duals => (Until::Lowered, options.opt_level),
        Engine::Interpreter => (Until::Differentiated, options.opt_level),
        Engine::Native(level) => (Until::Optimized, level),
    };
    let options = Options { opt_level, ..options.clone() };
    let mut stages = Stages::until(until, checked, roots, &options, observer)?;
    let roots: Vec<FuncId> = stages.roots.iter().map(|root| root.func).collect();
    let runner = match engine {
        Engine::Native(_) => {
            Runner::Native(machine_code(&mut stages.module, &roots, &codegen_options(&options), observer))
        }
        Engine::Duals | Engine::Interpreter => Runner::Interpreter,
    };
    let (sources, limits) = (checked.sources.clone(), options.limits);
    Ok(Compiled { runner, module: stages.module, warnings: stages.warnings, roots, sources, limits })
}

/// Inserts the counting of references, and compiles.
pub(crate) fn machine_code(
    module: &mut Module,
    roots: &[FuncId],
    options: &codegen::Options,
    observer: &mut dyn Observer,
) -> codegen::Compiled {
    let start = Instant::now();
    let ownership = ownership::run(module, roots);
    observer.after(&Event::of("ownership", start, Some(module)));
    let start = Instant::now();
    let compiled = codegen::Jit::compile(module, &ownership, roots, options);
    let compiled = compiled.unwrap_or_else(|error| panic!("code generation: {error}"));
    observer.after(&Event::of("machine-code", start, Some(module)));
    compiled
}

pub(crate) fn codegen_options(options: &Options) -> codegen::Options {
    let opt_level = match options.opt_level {
        OptLevel::O0 => codegen::OptLevel::None,
        OptLevel::O1 | OptLevel::O2 => codegen::OptLevel::Speed,
    };
    codegen::Options {
        opt_level,
        verify: cfg!(debug_assertions),
        simd: options.simd,
        fp: options.fp,
        ..codegen::Options::default()
    }
}

/// Memory that compiled code has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes taken from the system.
    pub taken: usize,
    /// Bytes of values that are alive.
    pub live: usize,
    /// Values that were made, and copies of arrays for an update.
    pub allocations: u64,
    pub copies: u64,
}

/// What a program sees besides its code: streams and arguments.
pub struct World {
    context: Box<Context>,
}

impl World {
    /// The streams of the process.
    pub fn process(args: Vec<String>, limits: Limits) -> World {
        let mut context = Context::new(limits);
        context.host.args = args;
        World { context }
    }

    /// Streams that are kept; see [`World::take_output`].
    pub fn captured(args: Vec<String>, limits: Limits) -> World {
        let mut world = World::process(args, limits);
        world.context.host.out = Output::captured();
        world
    }

    /// Set it from another thread to make the program trap soon.
    pub fn cancel(&self) -> Arc<AtomicBool> {
        self.context.cancel_handle()
    }

    /// Memory that compiled code has used in this world.
    pub fn memory(&self) -> Memory {
        let heap = &self.context.heap;
        let (live, counters) = (heap.live_bytes(), &heap.counters);
        Memory { taken: heap.taken, live, allocations: counters.allocations as u64, copies: counters.copies as u64 }
    }

    /// Standard output and standard error so far, of a world that keeps them.
    pub fn take_output(&mut self) -> (String, String) {
        let (out, err) = self.context.host.out.take_captured();
        (String::from_utf8_lossy(&out).into_owned(), String::from_utf8_lossy(&err).into_owned())
    }
}

impl Compiled {
    /// Runs a function without parameters, by its number. Its results are dropped.
    pub fn run(&self, root: usize, world: &mut World) -> Ending {
        match &self.runner {
            Runner::Native(code) => self.run_native(code, root, world),
            Runner::Interpreter => self.interpret(root, world),
        }
    }

    fn run_native(&self, code: &codegen::Compiled, root: usize, world: &mut World) -> Ending {
        match code.call(&mut world.context, self.roots[root], &[]) {
            Ok(_) => Ending::Returned,
            Err(Stop::Exit(status)) => Ending::Exited(status as i32),
            Err(Stop::Trap(trap)) => self.trapped(trap.code, trap.describe(), &trap.trace),
        }
    }

    fn interpret(&self, root: usize, world: &mut World) -> Ending {
        let depth = usize::try_from(self.limits.depth).unwrap_or(usize::MAX);
        let defaults = interp::Limits::default();
        let limits = interp::Limits { depth, memory: self.limits.memory.min(defaults.memory), ..defaults };
        let cancel = world.cancel();
        let host = &mut world.context.host;
        let mut interpreter = Interp::new(&self.module, limits, host);
        interpreter.stop_on(cancel.clone());
        let outcome = interpreter.call(self.roots[root], &[]);
        host.out.flush();
        match (host.exit.take(), outcome) {
            (Some(status), _) => Ending::Exited(status as i32),
            (None, Ok(_)) => Ending::Returned,
            (None, Err(trap)) => {
                cancel.store(false, Ordering::Relaxed);
                self.trapped(trap.code, trap.describe(), &trap.chain)
            }
        }
    }

    fn trapped(&self, code: TrapCode, message: String, trace: &[dprog_ir::SrcLoc]) -> Ending {
        Ending::Trapped(trap::trap(code, message, trace, &self.module.locations, &self.sources))
    }
}
