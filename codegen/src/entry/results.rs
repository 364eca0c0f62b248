//! Results of the compiled function, written where C wants them: through pointers, and into handles.

use super::*;

impl<M: ClifModule> Code<'_, '_, '_, '_, M> {
    pub(super) fn results(&mut self, results: &[V], offers: &[Option<Offer>]) {
        let buffers = self.buffers(results);
        for (i, output) in self.entry.function.outputs.iter().enumerate() {
            let (v, ty) = (results[i], self.entry.func.results[i]);
            let next = self.b.create_block();
            if let Some(offer) = offers[i] {
                // What was made in its place is there.
                let made_there = self.b.ins().icmp(IntCC::Equal, v, offer.header);
                let otherwise = self.b.create_block();
                self.branch(made_there, next, &[], otherwise, &[]);
                self.b.switch_to_block(otherwise);
            }
            match output {
                Output::Store { param, offset } => self.store(v, self.params[*param], *offset as i32),
                Output::Array { elements, stride, ty, .. } => {
                    let data = self.elements(*elements);
                    self.copy_out(v, *ty, data, *stride);
                }
                Output::Handle { param, handle, stride, first, ty } => {
                    let buffer = buffers[i].expect("memory for a handle");
                    self.copy_out(v, *ty, buffer, *stride);
                    if *first {
                        self.fill_handle(*param, *handle, buffer, v);
                    }
                }
                Output::Text { param } => {
                    let buffer = buffers[i].expect("memory for a text");
                    self.copy_out(v, Type::U8.array(1), buffer, Stride { bytes: 1, offset: 0 });
                    let length = self.b.ins().load(I64, MemFlagsData::trusted(), v, DIMS);
                    let (end, zero) = (self.b.ins().iadd(buffer, length), self.b.ins().iconst(I8, 0));
                    self.store(zero, end, 0);
                    let handle = HandleType { element: HandleElement::Character, rank: 1 };
                    self.fill_handle(*param, handle, buffer, v);
                }
                Output::Drop => {}
            }
            if ty.is_heap() {
                self.release(v);
            }
            self.go(next, &[]);
            self.b.switch_to_block(next);
        }
    }

    fn copy_out(&mut self, array: V, ty: Type, to: V, stride: Stride) {
        let flags = MemFlagsData::trusted();
        let sizes: Vec<V> =
            (0..ty.rank() as i32).map(|axis| self.b.ins().load(I64, flags, array, DIMS + 8 * axis)).collect();
        let count = self.product(&sizes);
        let inside = self.b.ins().iadd_imm_s(array, data_offset(ty.rank()) as i64);
        let own = Stride { bytes: element_bytes(ty.element()), offset: 0 };
        self.copy(ty.element(), count, (to, stride), (inside, own));
    }

    fn fill_handle(&mut self, param: usize, handle: HandleType, buffer: V, array: V) {
        let out = self.params[param];
        self.store(buffer, out, 0);
        for axis in 0..handle.rank as i32 {
            let size = self.b.ins().load(I64, MemFlagsData::trusted(), array, DIMS + 8 * axis);
            self.store(size, out, 8 + 8 * axis);
        }
    }

    /// Fresh memory for each handle; those behind the first of a shared one have the same.
    fn buffers(&mut self, results: &[V]) -> Vec<Option<V>> {
        let entry = self.entry;
        let mut buffers: Vec<Option<V>> = Vec::new();
        let mut own: Vec<V> = Vec::new();
        for (i, output) in entry.function.outputs.iter().enumerate() {
            let (rank, bytes, more) = match output {
                Output::Handle { first: false, .. } => {
                    buffers.push(own.last().copied());
                    continue;
                }
                Output::Handle { handle, stride, .. } => (handle.rank, stride.bytes, 1),
                Output::Text { .. } => (1, 1, 1),
                Output::Store { .. } | Output::Array { .. } | Output::Drop => {
                    buffers.push(None);
                    continue;
                }
            };
            let flags = MemFlagsData::trusted();
            let sizes: Vec<V> =
                (0..rank as i32).map(|axis| self.b.ins().load(I64, flags, results[i], DIMS + 8 * axis)).collect();
            let count = self.product(&sizes);
            let length = self.b.ins().imul_imm_s(count, bytes as i64);
            let length = self.b.ins().iadd_imm_s(length, more);
            let buffer = self.support(Support::Malloc, &[length]).expect("an address");
            let (failed, next) = (self.b.create_block(), self.b.create_block());
            self.b.set_cold_block(failed);
            self.branch(buffer, next, &[], failed, &[]);
            self.b.switch_to_block(failed);
            self.out_of_memory(results, &own);
            self.b.switch_to_block(next);
            own.push(buffer);
            buffers.push(Some(buffer));
        }
        buffers
    }

    fn out_of_memory(&mut self, results: &[V], buffers: &[V]) {
        for buffer in buffers {
            self.support(Support::Free, &[*buffer]);
        }
        for (v, ty) in results.iter().zip(&self.entry.func.results) {
            if ty.is_heap() {
                self.release(*v);
            }
        }
        self.say("no memory for a result");
        self.end_context();
        self.return_status(TrapCode::Memory as i64);
    }
}
