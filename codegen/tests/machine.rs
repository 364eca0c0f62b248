//! Compiled functions by hand-written IR: what the machine does with values, memory, depth and limits.

use dprog_codegen::{Compiled, Context, Jit, Limits, OptLevel, Options, Stop, TrapInfo};
use dprog_ir::transform::ownership;
use dprog_ir::{FuncId, Module, TrapCode};

struct Program {
    module: Module,
    compiled: Compiled,
}

fn compile(text: &str, opt_level: OptLevel) -> Program {
    let mut module = dprog_ir::parse::parse(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let entries: Vec<FuncId> = module.funcs.keys().collect();
    let ownership = ownership::run(&mut module, &entries);
    let options = Options { opt_level, verify: true, ..Options::default() };
    let compiled = Jit::compile(&module, &ownership, &entries, &options).unwrap();
    Program { module, compiled }
}

fn both(text: &str) -> [Program; 2] {
    [compile(text, OptLevel::None), compile(text, OptLevel::Speed)]
}

impl Program {
    /// Calls a function of scalars.
    fn call(&self, ctx: &mut Context, name: &str, args: &[u64]) -> Result<u64, TrapInfo> {
        let id = self.module.find_function(name).unwrap();
        let mut results = [0];
        // SAFETY: the tests pass scalars of the right types.
        match unsafe { self.compiled.call_raw(ctx, id, args, &mut results) } {
            Ok(()) => Ok(results[0]),
            Err(Stop::Trap(trap)) => Err(trap),
            Err(Stop::Exit(status)) => panic!("the program ended with {status}"),
        }
    }
}

const FILL_AND_SUM: &str = "
func @f(%n: i64) -> f64 {
  %a0 = fill 0.0, %n
  %a = for %i in 0..%n carry (%x = %a0) {
    %v = convert %i to f64
    %y = set %x[%i], %v
    yield %y
  }
  %r = reduce sum %a
  yield %r
}";

#[test]
fn an_array_is_filled_in_place() {
    for program in both(FILL_AND_SUM) {
        let mut ctx = Context::new(Limits::default());
        let result = program.call(&mut ctx, "f", &[1000]).unwrap();
        assert_eq!(f64::from_bits(result), 499500.0);
        assert_eq!((ctx.heap.counters.copies, ctx.heap.counters.allocations), (0, 1));
        assert_eq!(ctx.heap.live_bytes(), 0);
    }
}

#[test]
fn memory_is_flat() {
    let program = compile(FILL_AND_SUM, OptLevel::Speed);
    let mut ctx = Context::new(Limits::default());
    program.call(&mut ctx, "f", &[100]).unwrap();
    let taken = ctx.heap.taken;
    for _ in 0..100_000 {
        program.call(&mut ctx, "f", &[100]).unwrap();
    }
    assert_eq!((ctx.heap.taken, ctx.heap.live_bytes()), (taken, 0));
}

const RECURSION: &str = "
func @down(%n: i64) -> i64 {
  %more = gt %n, 0
  %r = if %more {
    %m = sub %n, 1
    %s = call @down(%m) : i64
    %t = add %s, 1
    yield %t
  } else {
    yield 0
  }
  yield %r
}";

#[test]
fn a_hundred_thousand_nested_calls_run_and_too_many_trap() {
    for program in both(RECURSION) {
        let mut ctx = Context::new(Limits::default());
        assert_eq!(program.call(&mut ctx, "down", &[900_000]).unwrap(), 900_000);
        let trap = program.call(&mut ctx, "down", &[1_000_001]).unwrap_err();
        assert_eq!((trap.code, trap.a), (TrapCode::Depth, 1_000_000));
        assert_eq!(program.call(&mut ctx, "down", &[10]).unwrap(), 10);
    }
}

#[test]
fn the_memory_limit_traps_and_everything_is_taken_back() {
    for program in both(FILL_AND_SUM) {
        let mut ctx = Context::new(Limits { memory: 1 << 20, ..Limits::default() });
        let trap = program.call(&mut ctx, "f", &[1_000_000]).unwrap_err();
        assert_eq!((trap.code, trap.a), (TrapCode::Memory, 1 << 20));
        assert_eq!(ctx.heap.live_bytes(), 0);
        assert!(program.call(&mut ctx, "f", &[1000]).is_ok());
    }
}

const PUSH_AND_POP: &str = "
func @f(%n: i64) -> i64 {
  %e = elements : [i64]
  %xs = for %i in 0..%n carry (%x = %e) {
    %y = push %x, %i
    yield %y
  }
  %ys, %s = for %k in 0..%n carry (%z = %xs, %sum = 0) {
    %w, %v = pop %z
    %t = add %sum, %v
    yield %w, %t
  }
  yield %s
}";

#[test]
fn lists_grow_and_shrink() {
    for program in both(PUSH_AND_POP) {
        let mut ctx = Context::new(Limits::default());
        assert_eq!(program.call(&mut ctx, "f", &[100_000]).unwrap(), 4_999_950_000);
        assert_eq!((ctx.heap.counters.copies, ctx.heap.live_bytes()), (0, 0));
    }
}

const LINKED_LIST: &str = "
node %List = enum { Nil, Cons(head: f64, tail: %List) }
func @f(%n: i64) -> f64 {
  %nil = node_new %List::Nil()
  %list = for %i in 0..%n carry (%l = %nil) {
    %x = convert %i to f64
    %m = node_new %List::Cons(%x, %l)
    yield %m
  }
  %s, %e = while (%sum = 0.0, %k = %list) {
    %tag = node_tag %k
    %more = eq %tag, 1
    yield %more
  } do (%sum1, %l1) {
    %y = node_get %l1 as Cons::head
    %t = node_get %l1 as Cons::tail
    %u = add %sum1, %y
    yield %u, %t
  }
  yield %s
}";

#[test]
fn a_list_of_a_million_nodes_goes_away() {
    for program in both(LINKED_LIST) {
        let mut ctx = Context::new(Limits::default());
        let result = program.call(&mut ctx, "f", &[1_000_000]).unwrap();
        assert_eq!(f64::from_bits(result), 499_999_500_000.0);
        assert_eq!(ctx.heap.live_bytes(), 0);
    }
}

const OLD_VERSION: &str = "
func @f(%n: i64) -> f64 {
  %a = fill 1.0, %n
  %b = set %a[0], 5.0
  %x = get %a[0]
  %y = get %b[0]
  %r = add %x, %y
  yield %r
}
func @param(%a: [f64], %i: i64) -> [f64] {
  %b = set %a[%i], 2.0
  yield %b
}";

#[test]
fn an_old_version_that_is_still_needed_is_copied_and_reported() {
    let module = dprog_ir::parse::parse(OLD_VERSION).unwrap();
    let reports = ownership::explain_copies(&module, &module.funcs.keys().collect::<Vec<_>>());
    let reasons: Vec<_> = reports.iter().map(|r| (&*r.function, r.value.as_deref(), r.reason)).collect();
    let (kept, param) = (ownership::CopyReason::StillNeeded, ownership::CopyReason::Parameter);
    assert_eq!(reasons, [("f", Some("a"), kept), ("param", Some("a"), param)]);
    for program in both(OLD_VERSION) {
        let mut ctx = Context::new(Limits::default());
        assert_eq!(f64::from_bits(program.call(&mut ctx, "f", &[3]).unwrap()), 6.0);
        assert_eq!((ctx.heap.counters.copies, ctx.heap.live_bytes()), (1, 0));
    }
}

#[test]
fn filling_in_place_reports_no_copy() {
    for text in [FILL_AND_SUM, PUSH_AND_POP] {
        let module = dprog_ir::parse::parse(text).unwrap();
        assert_eq!(ownership::explain_copies(&module, &module.funcs.keys().collect::<Vec<_>>()), []);
    }
}
