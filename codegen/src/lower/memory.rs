//! Reference counts, nodes, strings.

use super::*;
use dprog_ir::{FormatSpec, NodeId};
use dprog_runtime::layout::{CASE, COUNT, FIELDS, MAX_SMALL, META, class_of, node_bytes, small_meta};
use dprog_runtime::text::pack;

impl<M: ClifModule> Lower<'_, '_, M> {
    // ---- counts ----

    pub(super) fn retain(&mut self, object: V) {
        let count = self.load(types::I64, Memory::Count, object, COUNT);
        let count = self.b.ins().iadd_imm_s(count, 1);
        self.store(Memory::Count, count, object, COUNT);
    }

    pub(super) fn release(&mut self, object: V) {
        let count = self.load(types::I64, Memory::Count, object, COUNT);
        let count = self.b.ins().iadd_imm_s(count, -1);
        self.store(Memory::Count, count, object, COUNT);
        let (last, next) = (self.b.create_block(), self.b.create_block());
        self.brif(count, next, &[], last, &[]);
        self.b.switch_to_block(last);
        self.runtime("dprog_rt_drop", &[self.ctx, object]);
        self.jump(next, &[]);
        self.b.switch_to_block(next);
    }

    pub(super) fn unshare(&mut self, x: Value) -> V {
        let object = self.get(x);
        let count = self.load(types::I64, Memory::Count, object, COUNT);
        let (shared, next) = (self.cold_block(), self.block(&[PTR]));
        let only = self.b.ins().icmp_imm_s(IntCC::Equal, count, 1);
        self.brif(only, next, &[object], shared, &[]);
        self.b.switch_to_block(shared);
        let desc = self.desc(self.ty(x));
        let copy = self.runtime_object("dprog_rt_unshare", &[self.ctx, desc, object]);
        self.jump(next, &[copy]);
        self.b.switch_to_block(next);
        self.params(next)[0]
    }

    // ---- nodes ----

    pub(super) fn node_new(&mut self, node: NodeId, case: u32, args: &[Value]) -> V {
        let bytes = node_bytes(args.len());
        let desc = self.program.types.id(Type::node(node));
        let object = if bytes <= MAX_SMALL {
            self.small_block(desc, case, args.len(), class_of(bytes))
        } else {
            self.new_node_slowly(desc, case, args.len())
        };
        for (i, arg) in args.iter().enumerate() {
            let v = self.get(*arg);
            self.store(Memory::Node, v, object, FIELDS + 8 * i as i32);
        }
        object
    }

    fn new_node_slowly(&mut self, desc: u32, case: u32, fields: usize) -> V {
        let (desc, case, fields) =
            (self.int(types::I32, desc as i64), self.word(case as i64), self.word(fields as i64));
        self.runtime_object("dprog_rt_new_node", &[self.ctx, desc, case, fields])
    }

    /// A block from the free list of its class, or from the runtime if the list is empty; with a node's header.
    fn small_block(&mut self, desc: u32, case: u32, fields: usize, class: usize) -> V {
        let head = offset_of!(Context, heap) as i32 + 8 * class as i32;
        let first = self.load(PTR, Memory::Context, self.ctx, head);
        let (take, empty, next) = (self.b.create_block(), self.cold_block(), self.block(&[PTR]));
        self.brif(first, take, &[], empty, &[]);
        self.b.switch_to_block(take);
        let second = self.load(PTR, Memory::Count, first, 0);
        self.store(Memory::Context, second, self.ctx, head);
        let (one, meta, tag) = (self.word(1), self.word(small_meta(desc, class) as i64), self.word(case as i64));
        self.store(Memory::Count, one, first, COUNT);
        self.store(Memory::Count, meta, first, META);
        self.store(Memory::Node, tag, first, CASE);
        self.jump(next, &[first]);
        self.b.switch_to_block(empty);
        let fresh = self.new_node_slowly(desc, case, fields);
        self.jump(next, &[fresh]);
        self.b.switch_to_block(next);
        self.params(next)[0]
    }

    pub(super) fn node_tag(&mut self, n: Value) -> V {
        let object = self.get(n);
        self.load(types::I64, Memory::Node, object, CASE)
    }

    pub(super) fn node_get(&mut self, result: Value, n: Value, field: u32) -> V {
        let object = self.get(n);
        self.load(register(self.ty(result)), Memory::Node, object, FIELDS + 8 * field as i32)
    }

    // ---- tangents ----

    pub(super) fn zeros_like(&mut self, result: Value, x: Value) -> V {
        let ty = self.ty(x);
        if !ty.is_heap() {
            return self.zero(register(self.ty(result)));
        }
        let desc = self.desc(ty);
        self.runtime_object("dprog_rt_zeros_like", &[self.ctx, desc, self.get(x)])
    }

    pub(super) fn add_tangent(&mut self, args: &[Value]) -> V {
        let (a, b) = (self.get(args[0]), self.get(args[1]));
        let ty = self.ty(args[0]);
        if !ty.is_heap() {
            return self.b.ins().fadd(a, b);
        }
        let desc = self.desc(ty);
        self.runtime_object("dprog_rt_add_tangent", &[self.ctx, desc, a, b])
    }

    // ---- text ----

    pub(super) fn concat(&mut self, args: &[Value]) -> V {
        let pieces: Vec<V> = args.iter().map(|v| self.get(*v)).collect();
        let (row, count) = (self.row(&pieces), self.word(args.len() as i64));
        self.runtime_object("dprog_rt_concat", &[self.ctx, row, count])
    }

    pub(super) fn format(&mut self, spec: &FormatSpec, x: Value) -> V {
        let (desc, spec) = (self.desc(self.ty(x)), self.word(pack(spec) as i64));
        let bits = self.bits(x);
        self.runtime_object("dprog_rt_format", &[self.ctx, desc, bits, spec])
    }

    /// A value as eight bytes.
    pub(super) fn bits(&mut self, x: Value) -> V {
        let v = self.get(x);
        match register(self.ty(x)) {
            types::F64 => self.b.ins().bitcast(types::I64, MemFlagsData::new(), v),
            types::F32 => {
                let narrow = self.b.ins().bitcast(types::I32, MemFlagsData::new(), v);
                self.b.ins().uextend(types::I64, narrow)
            }
            types::I32 | types::I8 => self.b.ins().uextend(types::I64, v),
            _ => v,
        }
    }

    /// A string that is part of the program: an object in the data of the module.
    pub(super) fn text_constant(&mut self, text: &Arc<str>) -> V {
        let clif = &mut *self.clif;
        let data = *self.program.texts.entry(text.clone()).or_insert_with(|| crate::define::define_text(clif, text));
        let global = self.clif.declare_data_in_func(data, self.b.func);
        self.b.ins().symbol_value(PTR, global)
    }
}
