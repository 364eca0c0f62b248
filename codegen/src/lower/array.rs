//! Single elements and parts of arrays, sizes, push and pop.

use super::*;
use crate::types::element_bytes;
use cranelift_codegen::ir::{InstructionData, Opcode};
use dprog_ir::Access;
use dprog_ir::analysis::definitions::Promised;
use dprog_runtime::layout::{CAPACITY, DIMS, data_offset};

/// A list that is full grows by room for at least so many elements.
pub(super) const MOST_AT_ONCE: usize = 8;

/// What a callee, or a loop in a loop, is thought to push to a list that it is given: as much as trips of a loop that push so many elements each.
const PUSHES_OF_CALLEE: usize = 4;

/// For each list with which a loop begins how many elements the body pushes to it; calls and loops in loops likewise.
pub(super) fn pushes_per_trip(func: &Function) -> FxHashMap<Value, usize> {
    let calls = func.insts.values().filter(|data| matches!(data.op, Op::Call(_)));
    let mut counts: FxHashMap<Value, usize> =
        calls.flat_map(|data| &data.args).map(|v| (*v, PUSHES_OF_CALLEE)).collect();
    for data in func.insts.values().filter(|data| matches!(data.op, Op::While | Op::For)) {
        // The first parameters of a counted loop's body and of its operands are not carried.
        let (counter, bounds) = if data.op == Op::For { (1, 2) } else { (0, 0) };
        let body = &func.regions[data.regions[data.regions.len() - 1]];
        let params = body.params[counter.min(body.params.len())..].iter().copied();
        let mut inits: FxHashMap<Value, Value> = params.zip(data.args[bounds..].iter().copied()).collect();
        for inner in body.insts.iter().map(|inst| &func.insts[*inst]) {
            if matches!(inner.op, Op::While | Op::For) {
                let lists = inner.args.iter().filter_map(|v| inits.get(v));
                lists.for_each(|init| *counts.entry(*init).or_default() += PUSHES_OF_CALLEE);
            } else if inner.op == Op::Push
                && let Some(init) = inits.get(&inner.args[0]).copied()
            {
                inits.insert(inner.results[0], init);
                *counts.entry(init).or_default() += 1;
            }
        }
    }
    counts
}

impl<M: ClifModule> Lower<'_, '_, M> {
    pub(super) fn dim(&mut self, array: V, axis: usize) -> V {
        self.load(types::I64, Memory::Sizes, array, DIMS + 8 * axis as i32)
    }

    /// The size of an axis of `x`: what an array of its shape was made with, where that is in sight, so that it stays in a register.
    fn axis_size(&mut self, x: Value, axis: usize) -> V {
        let origin = self.shapes.origin(x);
        let known = self.promised_size(origin, axis).or_else(|| {
            let data = self.facts.inst(self.func, origin)?;
            let made = match data.op {
                Op::Fill | Op::Reshape => data.args[axis + 1],
                Op::Build => data.args[axis],
                _ => return None,
            };
            Some(self.get(made))
        });
        known.unwrap_or_else(|| self.dim(self.get(x), axis))
    }

    fn promised_size(&mut self, x: Value, axis: usize) -> Option<V> {
        match self.facts.promised(self.func, x, axis as u8)? {
            Promised::Number(n) => Some(self.word(n)),
            Promised::Param(size) => Some(self.get(size)),
        }
    }

    /// The row-major number of the element, or of the first element of the part, that the indices mean.
    fn element_number(&mut self, access: Access, x: Value, indices: &[Value]) -> V {
        let rank = self.ty(x).rank();
        let mut number = None;
        for (axis, index) in indices.iter().enumerate() {
            let index = self.get(*index);
            if access == Access::Checked {
                let size = self.axis_size(x, axis);
                let inside = self.b.ins().icmp(IntCC::UnsignedLessThan, index, size);
                self.trap_unless(inside, TrapCode::Bounds, index, size);
            }
            number = Some(match number {
                None => index,
                Some(outer) => self.inner(x, axis, outer, index),
            });
        }
        let mut number = number.expect("at least one index");
        for axis in indices.len()..rank {
            let size = self.axis_size(x, axis);
            number = self.b.ins().imul(number, size);
        }
        number
    }

    fn inner(&mut self, x: Value, axis: usize, outer: V, index: V) -> V {
        let size = self.axis_size(x, axis);
        let rows = self.b.ins().imul(outer, size);
        self.b.ins().iadd(rows, index)
    }

    /// Address of an element, less the constant that goes into the instruction.
    pub(super) fn element_base(&mut self, array: V, element: Type, number: V) -> V {
        let bytes = element_bytes(element);
        let offset = match bytes {
            1 => number,
            _ => self.b.ins().ishl_imm_u(number, bytes.trailing_zeros() as i64),
        };
        self.b.ins().iadd(array, offset)
    }

    /// The same for an element of an array of type `ty`, with that constant: a number `x + k` needs no addition.
    fn element_place(&mut self, array: V, ty: Type, number: V) -> (V, i32) {
        let (number, more) = self.apart(number).unwrap_or((number, 0));
        let base = self.element_base(array, ty.element(), number);
        (base, data_offset(ty.rank()) + more * element_bytes(ty.element()) as i32)
    }

    /// `x` and `k`, if `number` is `x + k` for a small constant `k`.
    fn apart(&self, number: V) -> Option<(V, i32)> {
        let dfg = &self.b.func.dfg;
        let instruction = |v: V| Some(dfg.insts[dfg.value_def(v).inst()?]);
        let InstructionData::Binary { opcode: Opcode::Iadd, args: [x, k] } = instruction(number)? else { return None };
        let InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } = instruction(k)? else { return None };
        i16::try_from(imm.bits()).ok().map(|k| (x, k as i32))
    }

    pub(super) fn load_element(&mut self, array: V, ty: Type, number: V) -> V {
        let (base, offset) = self.element_place(array, ty, number);
        self.load(register(ty.element()), element_memory(ty.element()), base, offset)
    }

    pub(super) fn store_element(&mut self, array: V, ty: Type, number: V, v: V) {
        let (base, offset) = self.element_place(array, ty, number);
        self.store(element_memory(ty.element()), v, base, offset);
    }

    pub(super) fn array_get(&mut self, access: Access, result: Value, args: &[Value]) -> V {
        let (array, ty, indices) = (self.get(args[0]), self.ty(args[0]), &args[1..]);
        let number = self.element_number(access, args[0], indices);
        if indices.len() == ty.rank() {
            return self.load_element(self.base(args[0]), ty, number);
        }
        if self.is_bare() || self.lies_apart(args[0]) {
            return self.bare_part(self.ty(result), args[0], number);
        }
        let (desc, rank) = (self.desc(self.ty(result)), self.word(ty.rank() as i64));
        self.runtime_object("dprog_rt_get_part", &[self.ctx, desc, array, rank, number])
    }

    pub(super) fn array_set(&mut self, access: Access, args: &[Value]) -> V {
        let (array, ty, indices) = (self.get(args[0]), self.ty(args[0]), &args[1..args.len() - 1]);
        let v = self.get(args[args.len() - 1]);
        let number = self.element_number(access, args[0], indices);
        if indices.len() < ty.rank() {
            self.put_part(args, number, false);
        } else if ty.element().is_heap() {
            let old = self.load_element(array, ty, number);
            self.store_element(array, ty, number, v);
            self.runtime("dprog_rt_release", &[self.ctx, old]);
        } else {
            self.store_element(self.base(args[0]), ty, number, v);
        }
        array
    }

    /// The element moves out; an undefined value takes its place.
    pub(super) fn take_element(&mut self, access: Access, data: &InstData) {
        let (array, ty) = (self.get(data.args[0]), self.ty(data.args[0]));
        let number = self.element_number(access, data.args[0], &data.args[1..]);
        let element = self.load_element(array, ty, number);
        let hole = self.undefined(ty.element());
        self.store_element(array, ty, number, hole);
        self.set_all(&data.results, &[array, element]);
    }

    /// What stands there is undefined: nothing is freed.
    pub(super) fn put_element(&mut self, args: &[Value]) -> V {
        let (array, ty, last) = (self.get(args[0]), self.ty(args[0]), args.len() - 1);
        let number = self.element_number(Access::InBounds, args[0], &args[1..last]);
        self.store_element(array, ty, number, self.get(args[last]));
        array
    }

    pub(super) fn array_add(&mut self, access: Access, args: &[Value]) -> V {
        let (array, ty, indices) = (self.get(args[0]), self.ty(args[0]), &args[1..args.len() - 1]);
        let v = self.get(args[args.len() - 1]);
        let number = self.element_number(access, args[0], indices);
        if indices.len() < ty.rank() {
            self.put_part(args, number, true);
        } else if ty.element().is_heap() {
            let base = self.element_base(array, ty.element(), number);
            let slot = self.b.ins().iadd_imm_s(base, data_offset(ty.rank()) as i64);
            let desc = self.desc(ty.element());
            self.runtime_status("dprog_rt_add_element", &[self.ctx, desc, slot, v]);
        } else {
            let base = self.base(args[0]);
            let old = self.load_element(base, ty, number);
            let sum = self.b.ins().fadd(old, v);
            self.store_element(base, ty, number, sum);
        }
        array
    }

    /// Puts or adds the last operand, an array, into the first.
    fn put_part(&mut self, args: &[Value], number: V, add: bool) {
        let (array, part) = (args[0], args[args.len() - 1]);
        if self.is_bare() || self.lies_apart(part) || self.lies_apart(array) {
            return self.bare_put_part(array, number, part, add);
        }
        let (desc, rank) = (self.desc(self.ty(part)), self.word(self.ty(array).rank() as i64));
        let add = self.int(types::I32, add as i64);
        let (array, part) = (self.get(array), self.get(part));
        self.runtime_status("dprog_rt_put_part", &[self.ctx, desc, array, rank, number, part, add]);
    }

    pub(super) fn slice(&mut self, access: Access, args: &[Value]) -> V {
        let (array, lo, hi) = (self.get(args[0]), self.get(args[1]), self.get(args[2]));
        if access == Access::Checked {
            let size = self.dim(array, 0);
            let (ordered, inside) = (
                self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, lo, hi),
                self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, hi, size),
            );
            let ok = self.b.ins().band(ordered, inside);
            self.trap_unless(ok, TrapCode::SliceBounds, lo, hi);
        }
        if self.is_bare() || self.lies_apart(args[0]) {
            return self.bare_slice(args[0], lo, hi);
        }
        let desc = self.desc(self.ty(args[0]));
        self.runtime_object("dprog_rt_slice", &[self.ctx, desc, array, lo, hi])
    }

    pub(super) fn put_slice(&mut self, args: &[Value], add: bool) -> V {
        let (array, lo, rows) = (self.get(args[0]), self.get(args[1]), self.get(args[2]));
        if self.is_bare() || self.lies_apart(args[0]) || self.lies_apart(args[2]) {
            self.bare_put_slice(args[0], lo, args[2], add);
            return array;
        }
        let (desc, add) = (self.desc(self.ty(args[0])), self.int(types::I32, add as i64));
        self.runtime_status("dprog_rt_put_slice", &[self.ctx, desc, array, lo, rows, add]);
        array
    }

    pub(super) fn push(&mut self, result: Value, args: &[Value]) -> V {
        let v = self.get(args[1]);
        self.append(args[0], &[v], result)
    }

    /// How many instructions at the beginning are pushes of which each goes on with what the one before it gave.
    pub(super) fn pushes_in_a_row(&self, insts: &[Inst]) -> usize {
        let is_push = |inst: &&Inst| self.func.insts[**inst].op == Op::Push;
        let pushes = insts.iter().take(MOST_AT_ONCE).take_while(is_push).count();
        let goes_on = |pair: &&[Inst]| self.func.insts[pair[1]].args[0] == self.func.insts[pair[0]].results[0];
        match pushes {
            0 => 0,
            _ => 1 + insts[..pushes].windows(2).take_while(goes_on).count(),
        }
    }

    /// Pushes in a row, with one look at the room for all.
    pub(super) fn push_all(&mut self, row: &[Inst]) {
        let func = self.func;
        let (first, last) = (&func.insts[row[0]], &func.insts[row[row.len() - 1]]);
        self.loc = last.loc;
        self.b.set_srcloc(SourceLoc::new(last.loc.0));
        let elements: Vec<V> = row.iter().map(|inst| self.get(func.insts[*inst].args[1])).collect();
        let array = self.append(first.args[0], &elements, last.results[0]);
        self.set_all(&last.results, &[array]);
    }

    /// The list with these elements behind its own, which is `result`.
    fn append(&mut self, list: Value, elements: &[V], result: Value) -> V {
        let (mut array, ty, size) = (self.get(list), self.ty(list), self.size_of(list));
        let further = self.pushes_after(result);
        let mut room = self.room.get(&list).copied().unwrap_or(0);
        if room < elements.len() {
            room = (elements.len() + further).min(MOST_AT_ONCE);
            array = self.make_room(array, ty, size, room);
        }
        let more = self.b.ins().iadd_imm_s(size, elements.len() as i64);
        let base = self.element_base(array, ty.element(), size);
        for (k, v) in elements.iter().enumerate() {
            let offset = data_offset(1) + k as i32 * element_bytes(ty.element()) as i32;
            self.store(element_memory(ty.element()), *v, base, offset);
        }
        // The last one of pushes in a row writes the size for all.
        if further == 0 || self.is_bare() {
            self.store(Memory::Sizes, more, array, DIMS);
        }
        self.sizes.insert(result, more);
        self.room.insert(result, room - elements.len());
        array
    }

    /// The list, perhaps elsewhere, with room for so many elements more, at most [`MOST_AT_ONCE`].
    pub(super) fn make_room(&mut self, array: V, ty: Type, size: V, count: usize) -> V {
        let room = self.load(types::I64, Memory::Sizes, array, CAPACITY);
        let (full, next) = (self.cold_block(), self.block(&[PTR]));
        let more = self.b.ins().iadd_imm_s(size, count as i64);
        let fits = self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, more, room);
        self.brif(fits, next, &[array], full, &[]);
        self.b.switch_to_block(full);
        self.store(Memory::Sizes, size, array, DIMS);
        let grown = if self.is_bare() {
            self.bare_grow(array, ty)
        } else {
            let desc = self.desc(ty);
            self.detour_object("dprog_rt_grow", &[self.ctx, desc, array])
        };
        self.jump(next, &[grown]);
        self.b.switch_to_block(next);
        self.params(next)[0]
    }

    pub(super) fn pop(&mut self, data: &InstData) {
        let (array, ty) = (self.get(data.args[0]), self.ty(data.args[0]));
        let size = self.size_of(data.args[0]);
        let zero = self.word(0);
        self.trap_unless(size, TrapCode::EmptyPop, zero, zero);
        let less = self.b.ins().iadd_imm_s(size, -1);
        let last = self.load_element(array, ty, less);
        self.store(Memory::Sizes, less, array, DIMS);
        self.set_all(&data.results, &[array, last]);
        self.sizes.insert(data.results[0], less);
    }
}
