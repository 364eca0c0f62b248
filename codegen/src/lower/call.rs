//! Calls, traps, and the way to the runtime.

use super::*;
use crate::abi::{detour_signature, runtime_signature};
use cranelift_codegen::ir::{Signature, StackSlot, StackSlotData, StackSlotKind};
use cranelift_module::Linkage;
use dprog_ir::HostFn;

impl<M: ClifModule> Lower<'_, '_, M> {
    // ---- the runtime ----

    /// Calls a function of the runtime.
    pub(super) fn runtime(&mut self, name: &'static str, args: &[V]) -> Option<V> {
        if let (true, Some(which)) = (self.is_bare(), bare::support(name)) {
            return self.support(which, args);
        }
        let callee = match self.runtime_refs.get(name) {
            Some(known) => *known,
            None => self.declare_runtime(name),
        };
        let call = self.b.ins().call(callee, args);
        self.b.inst_results(call).first().copied()
    }

    fn declare_runtime(&mut self, name: &'static str) -> FuncRef {
        let convention = self.clif.isa().default_call_conv();
        let clif = &mut *self.clif;
        let id = *self.program.runtime.entry(name).or_insert_with(|| {
            let sig: Signature = runtime_signature(name, convention);
            clif.declare_function(name, Linkage::Import, &sig).expect("one signature per name")
        });
        let callee = self.clif.declare_func_in_func(id, self.b.func);
        self.runtime_refs.insert(name, callee);
        callee
    }

    /// Calls a function of the runtime, of which the first argument is the context, and keeps every register.
    pub(super) fn detour(&mut self, name: &'static str, args: &[V]) {
        if self.is_bare() {
            self.runtime(name, args);
            return;
        }
        let callee = match self.detour_refs.get(name) {
            Some(known) => *known,
            None => self.declare_detour(name),
        };
        self.b.ins().call(callee, args);
    }

    fn declare_detour(&mut self, name: &'static str) -> FuncRef {
        let clif = &mut *self.clif;
        let id = *self.program.detours.entry(name).or_insert_with(|| {
            let declared = clif.declare_function(&format!("detour:{name}"), Linkage::Local, &detour_signature(name));
            declared.expect("one signature per name")
        });
        let callee = self.clif.declare_func_in_func(id, self.b.func);
        self.detour_refs.insert(name, callee);
        callee
    }

    /// A detour that gives an object, or null for a trap.
    pub(super) fn detour_object(&mut self, name: &'static str, args: &[V]) -> V {
        if self.is_bare() {
            return self.runtime_object(name, args);
        }
        self.detour(name, args);
        let object = self.load(PTR, Memory::Context, self.ctx, offset_of!(Context, detour_result) as i32);
        self.fail_unless(object);
        object
    }

    /// Calls a function of the runtime that gives an object, or null for a trap.
    pub(super) fn runtime_object(&mut self, name: &'static str, args: &[V]) -> V {
        self.note_call();
        let object = self.runtime(name, args).expect("gives an object");
        self.fail_unless(object);
        object
    }

    /// Calls a function of the runtime that gives a status.
    pub(super) fn runtime_status(&mut self, name: &'static str, args: &[V]) {
        self.note_call();
        let status = self.runtime(name, args).expect("gives a status");
        self.fail_if(status);
    }

    /// Values in a row of stack slots of eight bytes; the address.
    pub(super) fn row(&mut self, values: &[V]) -> V {
        let slot = self.slot(values.len());
        let address = self.b.ins().stack_addr(PTR, slot, 0);
        for (i, v) in values.iter().enumerate() {
            self.store(Memory::Stack, *v, address, 8 * i as i32);
        }
        address
    }

    fn slot(&mut self, words: usize) -> StackSlot {
        self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, 8 * words.max(1) as u32, 3))
    }

    // ---- traps ----

    /// Returns with a status if `status` is not zero, after noting the place.
    fn fail_if(&mut self, status: V) {
        let (failed, next) = (self.cold_block(), self.b.create_block());
        self.brif(status, failed, &[], next, &[]);
        self.note_place(failed);
        self.b.switch_to_block(next);
    }

    fn fail_unless(&mut self, ok: V) {
        let (failed, next) = (self.cold_block(), self.b.create_block());
        self.brif(ok, next, &[], failed, &[]);
        self.note_place(failed);
        self.b.switch_to_block(next);
    }

    pub(super) fn note_place(&mut self, block: Block) {
        self.b.switch_to_block(block);
        if self.is_bare() {
            let place = self.bare_place();
            self.support(Support::Trace, &[place]);
        } else {
            let loc = self.int(types::I32, self.loc.0 as i64);
            self.runtime("dprog_rt_trace", &[self.ctx, loc]);
        }
        self.leave();
    }

    /// Traps with `code` and two numbers if `bad` holds.
    pub(super) fn trap_if(&mut self, bad: V, code: TrapCode, a: V, b: V) {
        let (failed, next) = (self.cold_block(), self.b.create_block());
        self.brif(bad, failed, &[], next, &[]);
        self.raise(failed, code, a, b);
        self.b.switch_to_block(next);
    }

    pub(super) fn trap_unless(&mut self, ok: V, code: TrapCode, a: V, b: V) {
        let (failed, next) = (self.cold_block(), self.b.create_block());
        self.brif(ok, next, &[], failed, &[]);
        self.raise(failed, code, a, b);
        self.b.switch_to_block(next);
    }

    fn raise(&mut self, block: Block, code: TrapCode, a: V, b: V) {
        self.b.switch_to_block(block);
        if self.is_bare() {
            self.bare_raise(code, a, b);
        } else {
            let (code, loc) = (self.int(types::I32, code as i64), self.int(types::I32, self.loc.0 as i64));
            self.runtime("dprog_rt_trap", &[self.ctx, code, a, b, loc]);
        }
        self.leave();
    }

    pub(super) fn cold_block(&mut self) -> Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        block
    }

    /// Ends a cold block: to the one that returns.
    pub(super) fn leave(&mut self) {
        let failed = match self.failed {
            Some(block) => block,
            None => self.cold_block(),
        };
        self.failed = Some(failed);
        self.jump(failed, &[]);
    }

    pub(super) fn return_block(&mut self) {
        let Some(block) = self.failed else { return };
        self.b.switch_to_block(block);
        let mut results = vec![self.int(types::I32, 1)];
        let func = self.func;
        results.extend(func.results.iter().map(|ty| self.zero(register(*ty))));
        self.b.ins().return_(&results);
    }

    pub(super) fn check(&mut self, code: TrapCode, args: &[Value]) {
        let (ok, a, b) = (self.get(args[0]), self.get(args[1]), self.get(args[2]));
        self.trap_unless(ok, code, a, b);
    }

    /// The code behind a `trap` is never reached; it goes on in a block of its own.
    pub(super) fn trap(&mut self, text: Value) {
        if self.is_bare() {
            let place = self.bare_place();
            self.support(Support::TrapText, &[self.ctx, self.get(text), place]);
        } else {
            let loc = self.int(types::I32, self.loc.0 as i64);
            self.runtime("dprog_rt_trap_text", &[self.ctx, self.get(text), loc]);
        }
        self.leave();
        let next = self.cold_block();
        self.b.switch_to_block(next);
    }

    // ---- calls ----

    pub(super) fn call(&mut self, callee: FuncId, data: &InstData) {
        if self.nests(callee) {
            return self.nest(callee, data);
        }
        let target = match self.function_refs.get(&callee) {
            Some(known) => *known,
            None => {
                let target = self.clif.declare_func_in_func(self.program.functions[&callee], self.b.func);
                self.function_refs.insert(callee, target);
                target
            }
        };
        let borrowed = self.program.borrowed.get(&callee).cloned().unwrap_or_default();
        let left = self.left.filter(|_| self.program.depths[callee.index()].is_passed());
        let mut args: Vec<V> = std::iter::once(self.ctx).chain(left).collect();
        for (i, arg) in data.args.iter().enumerate() {
            args.push(self.get(*arg));
            if borrowed.get(i) == Some(&true) {
                args.push(self.base(*arg));
            }
        }
        self.note_call();
        let call = self.b.ins().call(target, &args);
        let results = self.b.inst_results(call).to_vec();
        self.fail_if(results[0]);
        self.set_all(&data.results, &results[1..]);
    }

    pub(super) fn host(&mut self, f: HostFn, data: &InstData) {
        let args: Vec<V> = data.args.iter().map(|v| self.get(*v)).collect();
        let args = self.row(&args);
        let slot = self.slot(data.results.len());
        let results = self.b.ins().stack_addr(PTR, slot, 0);
        let number = HostFn::TABLE.iter().position(|(g, _)| *g == f).expect("the table is complete");
        let number = self.int(types::I32, number as i64);
        self.runtime_status("dprog_rt_host", &[self.ctx, number, args, results]);
        for (i, result) in data.results.iter().enumerate() {
            let v = self.load(register(self.ty(*result)), Memory::Stack, results, 8 * i as i32);
            self.values[result.index()] = Some(v);
        }
    }

    // ---- depth ----

    /// A function that may call itself takes one from the number of activations that are left, and looks whether there is
    /// stack left. The number is an argument and not a field of the context: so it is in a register, and nobody has to
    /// count back.
    ///
    /// A function with inner activations looks once for all. Gives the block to which it goes if there might not be enough.
    pub(super) fn count_depth(&mut self) -> Option<Block> {
        if self.depth != Depth::Counted {
            return None;
        }
        let left = self.left.expect("a function that counts is given the number");
        if self.nested == 0 {
            let failed = self.count_activation(left);
            self.look_at_stack(failed);
            return None;
        }
        let (careful, next) = (self.cold_block(), self.b.create_block());
        let enough = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, left, self.nested as i64);
        self.brif(enough, next, &[], careful, &[]);
        self.b.switch_to_block(next);
        self.left = Some(self.b.ins().iadd_imm_s(left, -1));
        self.look_at_stack(careful);
        Some(careful)
    }

    /// Goes to `low` if there is no stack left.
    fn look_at_stack(&mut self, low: Block) {
        let next = self.b.create_block();
        let limit = self.load(PTR, Memory::Context, self.ctx, offset_of!(Context, stack_limit) as i32);
        let here = self.b.ins().get_stack_pointer(PTR);
        let is_low = self.b.ins().icmp(IntCC::UnsignedLessThan, here, limit);
        self.brif(is_low, low, &[], next, &[]);
        self.b.switch_to_block(next);
    }

    /// Takes one from the number of activations that are left. Gives the block that traps.
    fn count_activation(&mut self, left: V) -> Block {
        let (failed, shallow) = (self.cold_block(), self.b.create_block());
        let zero = self.word(0);
        self.brif(left, shallow, &[], failed, &[]);
        // The place is the call's, which the caller notes.
        let loc = std::mem::replace(&mut self.loc, SrcLoc::NONE);
        self.raise(failed, TrapCode::Depth, zero, zero);
        self.loc = loc;
        self.b.switch_to_block(shallow);
        self.left = Some(self.b.ins().iadd_imm_s(left, -1));
        failed
    }

    /// Traps if another thread has asked the program to stop.
    pub(super) fn poll(&mut self) {
        // Nobody can ask a bare function to stop.
        if self.is_bare() {
            return;
        }
        // Another thread writes it, so a load in a loop is not what a load in front of the loop has given: no plain one will do.
        let (flag, flags) = (self.cancel_flag(), MemFlagsData::trusted());
        let stop = self.b.ins().atomic_load(types::I8, flags, flag);
        let zero = self.word(0);
        self.trap_if(stop, TrapCode::Cancelled, zero, zero);
    }

    /// Where the flag is that says whether to stop. That does not change during a call from outside, so it can be looked up in front of a loop.
    pub(super) fn cancel_flag(&mut self) -> V {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.b.ins().load(PTR, flags, self.ctx, offset_of!(Context, cancel) as i32)
    }
}
