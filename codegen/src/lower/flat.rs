//! Operations on arrays of scalars in bare functions, and everywhere on arrays that lie apart from their header: what the runtime's
//! kernels do, written out.

use super::array::MOST_AT_ONCE;
use super::*;
use crate::bare::Support;
use crate::types::element_bytes;
use cranelift_codegen::ir::InstructionData;
use dprog_runtime::layout::{CAPACITY, COUNT, DIMS, data_offset};

impl<M: ClifModule> Lower<'_, '_, M> {
    pub(super) fn is_bare(&self) -> bool {
        self.program.bare.is_some()
    }

    /// Calls a function that is emitted beside the program's, or the runtime's in its place.
    pub(super) fn support(&mut self, which: Support, args: &[V]) -> Option<V> {
        if let (false, Some(name)) = (self.is_bare(), bare::of_runtime(which)) {
            return self.runtime(name, args);
        }
        let callee = match self.support_refs.get(&which) {
            Some(known) => *known,
            None => {
                let bare = self.program.bare.as_mut().expect("a bare function");
                let id = bare.function(self.clif, which);
                let callee = self.clif.declare_func_in_func(id, self.b.func);
                self.support_refs.insert(which, callee);
                callee
            }
        };
        let call = self.b.ins().call(callee, args);
        self.b.inst_results(call).first().copied()
    }

    fn bare_data(&mut self, data: DataId) -> V {
        let global = self.clif.declare_data_in_func(data, self.b.func);
        self.b.ins().symbol_value(PTR, global)
    }

    /// The place of the instruction at hand as data; null is nowhere.
    pub(super) fn bare_place(&mut self) -> V {
        let loc = self.loc;
        let bare = self.program.bare.as_mut().expect("a bare function");
        match bare.place(self.clif, loc) {
            Some(data) => self.bare_data(data),
            None => self.word(0),
        }
    }

    pub(super) fn bare_raise(&mut self, code: TrapCode, a: V, b: V) {
        let bare = self.program.bare.as_mut().expect("a bare function");
        let wording = bare.template(self.clif, code);
        let (wording, place, code) = (self.bare_data(wording), self.bare_place(), self.word(code as i64));
        self.support(Support::Trap, &[self.ctx, code, a, b, wording, place]);
    }

    // ---- parts of arrays ----

    /// The address of the elements of an array whose place is `base`.
    fn data(&mut self, base: V, rank: usize) -> V {
        self.b.ins().iadd_imm_s(base, data_offset(rank) as i64)
    }

    fn bytes_of(&mut self, count: V, element: Type) -> V {
        self.b.ins().imul_imm_s(count, element_bytes(element) as i64)
    }

    fn copy(&mut self, to: V, from: V, bytes: V) {
        self.support(Support::Memcpy, &[to, from, bytes]);
    }

    /// A new array with the elements from `from` on.
    fn copied(&mut self, ty: Type, sizes: &[V], from: V) -> V {
        let array = self.new_array(ty, sizes);
        let count = self.product_of(sizes);
        let bytes = self.bytes_of(count, ty.element());
        let to = self.data(array, ty.rank());
        self.copy(to, from, bytes);
        array
    }

    fn all_sizes(&mut self, array: V, rank: usize) -> Vec<V> {
        (0..rank).map(|axis| self.dim(array, axis)).collect()
    }

    pub(super) fn bare_part(&mut self, result: Type, array: Value, number: V) -> V {
        let (header, base, ty) = (self.get(array), self.base(array), self.ty(array));
        let sizes = self.all_sizes(header, ty.rank());
        let bytes = self.bytes_of(number, ty.element());
        let data = self.data(base, ty.rank());
        let from = self.b.ins().iadd(data, bytes);
        self.copied(result, &sizes[ty.rank() - result.rank()..], from)
    }

    pub(super) fn bare_slice(&mut self, array: Value, lo: V, hi: V) -> V {
        let (header, base, ty) = (self.get(array), self.base(array), self.ty(array));
        let mut sizes = self.all_sizes(header, ty.rank());
        sizes[0] = lo;
        let number = self.product_of(&sizes);
        sizes[0] = self.b.ins().isub(hi, lo);
        let bytes = self.bytes_of(number, ty.element());
        let data = self.data(base, ty.rank());
        let from = self.b.ins().iadd(data, bytes);
        self.copied(ty, &sizes, from)
    }

    /// Puts `part` where `number` is the first element, or adds it there; its shape is that of the trailing axes.
    pub(super) fn bare_put_part(&mut self, array: Value, number: V, part: Value, add: bool) {
        let (into, ty, part_ty) = (self.get(array), self.ty(array), self.ty(part));
        let outer = ty.rank() - part_ty.rank();
        let header = self.get(part);
        for axis in 0..part_ty.rank() {
            let (have, want) = (self.dim(header, axis), self.dim(into, outer + axis));
            let same = self.b.ins().icmp(IntCC::Equal, have, want);
            self.trap_unless(same, TrapCode::Shape, have, want);
        }
        self.put(array, number, part, add);
    }

    pub(super) fn bare_put_slice(&mut self, array: Value, lo: V, part: Value, add: bool) {
        let (into, ty) = (self.get(array), self.ty(array));
        let header = self.get(part);
        let (size, rows) = (self.dim(into, 0), self.dim(header, 0));
        let room = self.b.ins().isub(size, lo);
        let (inside, fits) = (
            self.b.ins().icmp(IntCC::UnsignedLessThanOrEqual, lo, size),
            self.b.ins().icmp(IntCC::SignedLessThanOrEqual, rows, room),
        );
        let ok = self.b.ins().band(inside, fits);
        let end = self.b.ins().iadd(lo, rows);
        self.trap_unless(ok, TrapCode::SliceBounds, lo, end);
        for axis in 1..ty.rank() {
            let (have, want) = (self.dim(header, axis), self.dim(into, axis));
            let same = self.b.ins().icmp(IntCC::Equal, have, want);
            self.trap_unless(same, TrapCode::Shape, have, want);
        }
        let mut sizes = self.all_sizes(into, ty.rank());
        sizes[0] = lo;
        let number = self.product_of(&sizes);
        self.put(array, number, part, add);
    }

    fn put(&mut self, array: Value, number: V, part: Value, add: bool) {
        let (into, ty) = (self.base(array), self.ty(array));
        let (header, base, part_ty) = (self.get(part), self.base(part), self.ty(part));
        let sizes = self.all_sizes(header, part_ty.rank());
        let count = self.product_of(&sizes);
        if !add {
            let (offset, bytes) = (self.bytes_of(number, ty.element()), self.bytes_of(count, ty.element()));
            let data = self.data(into, ty.rank());
            let (to, from) = (self.b.ins().iadd(data, offset), self.data(base, part_ty.rank()));
            return self.copy(to, from, bytes);
        }
        self.count_up(count, &[], false, |this, i, _| {
            let at = this.b.ins().iadd(number, i);
            let (old, more) = (this.load_element(into, ty, at), this.load_element(base, part_ty, i));
            let sum = this.b.ins().fadd(old, more);
            this.store_element(into, ty, at, sum);
            Vec::new()
        });
    }

    pub(super) fn bare_reshape(&mut self, result: Type, array: Value, sizes: &[V]) -> V {
        let zero = self.word(0);
        for size in sizes {
            let fine = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, *size, 0);
            self.trap_unless(fine, TrapCode::NegativeSize, *size, zero);
        }
        let (header, base, ty) = (self.get(array), self.base(array), self.ty(array));
        let old = self.all_sizes(header, ty.rank());
        let (have, want) = (self.product_of(&old), self.product_of(sizes));
        let same = self.b.ins().icmp(IntCC::Equal, have, want);
        self.trap_unless(same, TrapCode::Shape, have, want);
        let from = self.data(base, ty.rank());
        self.copied(result, sizes, from)
    }

    // ---- whole arrays ----

    pub(super) fn bare_fill(&mut self, result: Value, v: V, sizes: &[V]) -> V {
        let ty = self.ty(result);
        let array = self.make(result, sizes);
        let base = self.bases.get(&result).copied().unwrap_or(array);
        let count = self.product_of(sizes);
        if self.is_zero(v) {
            let (to, bytes) = (self.data(base, ty.rank()), self.bytes_of(count, ty.element()));
            let byte = self.int(types::I32, 0);
            self.support(Support::Memset, &[to, byte, bytes]);
            return array;
        }
        self.count_up(count, &[], false, |this, i, _| {
            this.store_element(base, ty, i, v);
            Vec::new()
        });
        array
    }

    /// Whether a value is a constant all of whose bits are zero.
    fn is_zero(&self, v: V) -> bool {
        let Some(inst) = self.b.func.dfg.value_def(v).inst() else { return false };
        match self.b.func.dfg.insts[inst] {
            InstructionData::UnaryImm { imm, .. } => imm.bits() == 0,
            InstructionData::UnaryIeee64 { imm, .. } => imm.bits() == 0,
            InstructionData::UnaryIeee32 { imm, .. } => imm.bits() == 0,
            _ => false,
        }
    }

    pub(super) fn bare_zeros_like(&mut self, result: Value, array: Value) -> V {
        let (header, ty) = (self.get(array), self.ty(array));
        let sizes = self.all_sizes(header, ty.rank());
        let zero = self.zero(register(ty.element()));
        self.bare_fill(result, zero, &sizes)
    }

    pub(super) fn bare_add_tangent(&mut self, a: Value, b: Value) -> V {
        let (header, base, ty) = (self.get(b), self.base(b), self.ty(a));
        let (left, zero) = (self.get(a), self.word(0));
        for axis in 0..ty.rank() {
            let (x, y) = (self.dim(left, axis), self.dim(header, axis));
            let same = self.b.ins().icmp(IntCC::Equal, x, y);
            self.trap_unless(same, TrapCode::TangentMismatch, zero, zero);
        }
        let sum = self.unshare(a);
        let sizes = self.all_sizes(header, ty.rank());
        let count = self.product_of(&sizes);
        self.count_up(count, &[], false, |this, i, _| {
            let (old, more) = (this.load_element(sum, ty, i), this.load_element(base, ty, i));
            let total = this.b.ins().fadd(old, more);
            this.store_element(sum, ty, i, total);
            Vec::new()
        });
        sum
    }

    /// A copy of an array that has other references, and one reference less to it.
    pub(super) fn bare_copy(&mut self, array: Value) -> V {
        let (header, base, ty) = (self.get(array), self.base(array), self.ty(array));
        let sizes = self.all_sizes(header, ty.rank());
        let from = self.data(base, ty.rank());
        let copy = self.copied(ty, &sizes, from);
        let count = self.load(types::I64, Memory::Count, header, COUNT);
        let count = self.b.ins().iadd_imm_s(count, -1);
        self.store(Memory::Count, count, header, COUNT);
        copy
    }

    /// A full array of rank 1, with room for more.
    pub(super) fn bare_grow(&mut self, array: V, ty: Type) -> V {
        let (length, capacity) =
            (self.load(types::I64, Memory::Sizes, array, DIMS), self.load(types::I64, Memory::Sizes, array, CAPACITY));
        let double = self.b.ins().ishl_imm_u(capacity, 1);
        // Pushes in a row look once for the room for all of them.
        let least = self.b.ins().iadd_imm_s(capacity, MOST_AT_ONCE as i64);
        let room = self.b.ins().umax(double, least);
        let desc = self.desc(ty);
        let grown = self.runtime_object("dprog_rt_new_list", &[self.ctx, desc, length, room]);
        let (to, from) = (self.data(grown, 1), self.data(array, 1));
        let bytes = self.bytes_of(length, ty.element());
        self.copy(to, from, bytes);
        self.runtime("dprog_rt_drop", &[self.ctx, array]);
        grown
    }

    // ---- reductions ----

    pub(super) fn bare_sum(&mut self, which: Support, array: Value) -> V {
        let (header, base, rank) = (self.get(array), self.base(array), self.ty(array).rank());
        let sizes = self.all_sizes(header, rank);
        let (data, count) = (self.data(base, rank), self.product_of(&sizes));
        self.support(which, &[data, count]).expect("gives a float")
    }

    pub(super) fn bare_dot(&mut self, which: Support, a: Value, b: Value) -> V {
        let (header, rank) = (self.get(a), self.ty(a).rank());
        let sizes = self.all_sizes(header, rank);
        let (x, y) = (self.base(a), self.base(b));
        let (x, y, count) = (self.data(x, rank), self.data(y, rank), self.product_of(&sizes));
        self.support(which, &[x, y, count]).expect("gives a float")
    }
}
