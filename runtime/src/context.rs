//! The context: everything that a running program has besides its code. The first argument of every compiled function.
//!
//! One context runs one program at a time; several contexts may run the same code on several threads.

use crate::heap::{Heap, machine_memory};
use crate::host::Host;
use crate::layout::{IMMORTAL, data_offset};
use crate::program::Program;
use crate::stack::Stack;
use crate::types::TypeTable;
use dprog_ir::{SrcLoc, TrapCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a program may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nested calls of functions that can call themselves.
    pub depth: i64,
    /// Bytes of memory for values.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: 1_000_000, memory: usize::MAX }
    }
}

/// A trap, and where it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrapInfo {
    pub code: TrapCode,
    pub a: i64,
    pub b: i64,
    pub text: String,
    /// The place of the trap, then the places of the calls that led to it, innermost first.
    pub trace: Vec<SrcLoc>,
}

impl TrapInfo {
    /// What the user reads after `trap: `.
    pub fn describe(&self) -> String {
        self.code.describe(self.a, self.b, &self.text)
    }
}

/// Why a run did not return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    Trap(TrapInfo),
    /// The program ended itself with this status.
    Exit(i64),
}

/// Words of the empty object: the longest array header.
const EMPTY_WORDS: usize = data_offset(15) as usize / 8;

/// See the module's description. Compiled code reads and writes the fields before `types`; the others are the
/// runtime's.
#[repr(C)]
pub struct Context {
    /// Stack pointers below this trap with [`TrapCode::Depth`].
    pub stack_limit: usize,
    /// Nested activations of recursive functions that are allowed.
    pub depth: i64,
    /// Set by another thread to stop the program.
    pub cancel: *const AtomicBool,
    /// What a function of the runtime gave that was called without touching a register.
    pub detour_result: u64,
    /// Its first field are the free lists.
    pub heap: Heap,
    /// What an undefined value points to; see [`crate::layout`].
    pub empty: [i64; EMPTY_WORDS],
    /// The types of the module that is running.
    pub types: *const TypeTable,
    /// Where the code is in an object: the object's account of itself.
    pub program: Option<Program>,
    pub limits: Limits,
    /// What the fields above were set for, in the numbers of whoever sets them; 0 is nothing.
    pub prepared: u64,
    /// The trap on its way to the entry.
    pub trap: Option<Box<TrapInfo>>,
    pub host: Host,
    pub(crate) stack: Option<Stack>,
    cancel_flag: Arc<AtomicBool>,
}

impl Context {
    /// Boxed, because compiled code and values keep its address.
    pub fn new(limits: Limits) -> Box<Context> {
        let cancel_flag = Arc::new(AtomicBool::new(false));
        let mut empty = [0; EMPTY_WORDS];
        empty[0] = IMMORTAL;
        Box::new(Context {
            stack_limit: 0,
            depth: limits.depth,
            cancel: Arc::as_ptr(&cancel_flag),
            detour_result: 0,
            heap: Heap::new(limits.memory),
            empty,
            types: std::ptr::null(),
            program: None,
            limits,
            prepared: 0,
            trap: None,
            host: Host::default(),
            stack: None,
            cancel_flag,
        })
    }

    /// Set it to make the running program trap with [`TrapCode::Cancelled`] soon.
    pub fn cancel_handle(&self) -> Arc<AtomicBool> {
        self.cancel_flag.clone()
    }

    /// Pointer to the empty object.
    pub fn empty(&self) -> *mut u8 {
        self.empty.as_ptr().cast_mut().cast()
    }

    pub(crate) fn types(&self) -> &'static TypeTable {
        // SAFETY: set at the entry to the table of the running module, which outlives the run.
        unsafe { &*self.types }
    }

    /// Begins a trap if another thread has asked the program to stop; whether it has.
    pub(crate) fn stops(&mut self) -> bool {
        // SAFETY: the flag of this context, or one that whoever set it keeps as long as the program runs.
        let stops = unsafe { &*self.cancel }.load(Ordering::Relaxed);
        if stops {
            self.raise(TrapCode::Cancelled, 0, 0);
        }
        stops
    }

    /// Begins a trap; the place is added by the code that called.
    pub fn raise(&mut self, code: TrapCode, a: i64, b: i64) {
        self.raise_text(code, a, b, String::new());
    }

    pub fn raise_text(&mut self, code: TrapCode, a: i64, b: i64, text: String) {
        self.trap = Some(Box::new(TrapInfo { code, a, b, text, trace: Vec::new() }));
    }

    pub(crate) fn raise_memory(&mut self) {
        let limit = self.limits.memory.min(machine_memory());
        self.raise(TrapCode::Memory, limit as i64, 0);
    }

    /// Ends a run that did not return: why, and everything that the program held is taken back.
    pub fn finish_stop(&mut self) -> Stop {
        self.heap.reset();
        self.host.out.flush();
        self.cancel_flag.store(false, Ordering::Relaxed);
        if let Some(status) = self.host.exit.take() {
            return Stop::Exit(status);
        }
        Stop::Trap(*self.trap.take().expect("a status other than 0 comes with a reason"))
    }
}

// ---- called by compiled code ----

/// Begins a trap at `loc`.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_trap(ctx: &mut Context, code: u32, a: i64, b: i64, loc: u32) {
    let code = TrapCode::from_u8(code as u8).expect("a trap code of the table");
    match code {
        TrapCode::Depth => ctx.raise(code, ctx.limits.depth, 0),
        _ => ctx.raise(code, a, b),
    }
    unsafe { dprog_rt_trace(ctx, loc) };
}

/// Adds a place to the trace of the trap that is on its way.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_trace(ctx: &mut Context, loc: u32) {
    if let Some(trap) = ctx.trap.as_mut().filter(|_| loc != SrcLoc::NONE.0) {
        trap.trace.push(SrcLoc(loc));
    }
}

/// Begins a trap with the program's own text.
#[cfg_attr(feature = "standalone", unsafe(no_mangle))]
pub unsafe extern "C" fn dprog_rt_trap_text(ctx: &mut Context, text: *mut u8, loc: u32) {
    let text = unsafe { crate::object::text(text) }.to_string();
    ctx.raise_text(TrapCode::Message, 0, 0, text);
    unsafe { dprog_rt_trace(ctx, loc) };
}
