//! Reference counts, nodes, strings.

use super::*;
use dprog_ir::{FormatSpec, NodeId};
use dprog_runtime::layout::{CASE, COUNT, FIELDS, LARGE, MAX_SMALL, META, class_of, node_bytes, small_meta};
use dprog_runtime::text::pack;

/// Offset in the context of the head of the free list of a class.
fn free_list(class: usize) -> i32 {
    offset_of!(Context, heap) as i32 + 8 * class as i32
}

impl<M: ClifModule> Lower<'_, '_, M> {
    // ---- counts ----

    pub(super) fn retain(&mut self, x: Value) {
        if self.is_bare() && self.ty(x) == Type::STR {
            return;
        }
        let object = self.get(x);
        let count = self.load(types::I64, Memory::Count, object, COUNT);
        let count = self.b.ins().iadd_imm_s(count, 1);
        self.store(Memory::Count, count, object, COUNT);
    }

    /// One reference less. What frees the object stands here for objects with no other objects in them.
    pub(super) fn release(&mut self, x: Value) {
        let (object, ty) = (self.get(x), self.ty(x));
        // In a bare function texts are constants, which nobody counts.
        if self.is_bare() && ty == Type::STR {
            return;
        }
        let count = self.less(object);
        let (last, next) = (self.b.create_block(), self.b.create_block());
        self.brif(count, next, &[], last, &[]);
        self.b.switch_to_block(last);
        if self.is_flat(ty) {
            self.free(object, next);
        } else {
            self.runtime("dprog_rt_drop", &[self.ctx, object]);
        }
        self.jump(next, &[]);
        self.b.switch_to_block(next);
    }

    fn less(&mut self, object: V) -> V {
        let count = self.load(types::I64, Memory::Count, object, COUNT);
        let count = self.b.ins().iadd_imm_s(count, -1);
        self.store(Memory::Count, count, object, COUNT);
        count
    }

    /// Whether objects of this type have no other objects in them.
    fn is_flat(&self, ty: Type) -> bool {
        match ty.as_node() {
            Some(node) => {
                let cases = &self.program.module.nodes[node].cases;
                cases.iter().all(|case| case.fields.iter().all(|field| !field.ty.is_heap()))
            }
            None => !ty.is_array() || !ty.element().is_heap(),
        }
    }

    /// Gives the block of an object back to the heap, in whose free list it goes unless it is large.
    pub(super) fn free(&mut self, object: V, next: Block) {
        if self.is_bare() {
            self.runtime("dprog_rt_drop", &[self.ctx, object]);
            return;
        }
        let meta = self.load(types::I64, Memory::Count, object, META);
        let class = self.b.ins().ushr_imm_u(meta, 32);
        let class = self.b.ins().band_imm_u(class, LARGE as i64);
        let (small, large) = (self.b.create_block(), self.cold_block());
        let is_large = self.b.ins().icmp_imm_s(IntCC::Equal, class, LARGE as i64);
        self.brif(is_large, large, &[], small, &[]);
        self.b.switch_to_block(large);
        self.detour("dprog_rt_drop", &[self.ctx, object]);
        self.jump(next, &[]);
        self.b.switch_to_block(small);
        let offset = self.b.ins().ishl_imm_u(class, 3);
        let lists = self.b.ins().iadd(self.ctx, offset);
        let list = self.b.ins().iadd_imm_s(lists, free_list(0) as i64);
        self.put_on_list(object, list);
    }

    fn put_on_list(&mut self, object: V, list: V) {
        let head = self.load(PTR, Memory::Context, list, 0);
        self.store(Memory::Count, head, object, 0);
        self.store(Memory::Context, object, list, 0);
    }

    pub(super) fn unshare(&mut self, x: Value) -> V {
        let object = self.get(x);
        // The caller has no other reference to what it offers a place for.
        if self.is_placed(x) {
            return object;
        }
        let count = self.load(types::I64, Memory::Count, object, COUNT);
        let (shared, next) = (self.cold_block(), self.block(&[PTR]));
        let only = self.b.ins().icmp_imm_s(IntCC::Equal, count, 1);
        self.brif(only, next, &[object], shared, &[]);
        self.b.switch_to_block(shared);
        let copy = if self.is_bare() || self.lies_apart(x) {
            self.bare_copy(x)
        } else {
            let desc = self.desc(self.ty(x));
            self.runtime_object("dprog_rt_unshare", &[self.ctx, desc, object])
        };
        self.jump(next, &[copy]);
        self.b.switch_to_block(next);
        self.params(next)[0]
    }

    // ---- nodes ----

    pub(super) fn node_new(&mut self, node: NodeId, case: u32, args: &[Value]) -> V {
        let bytes = node_bytes(args.len());
        let desc = self.program.types.id(Type::node(node));
        let (case, fields) = (self.word(case as i64), self.word(args.len() as i64));
        let slow = ("dprog_rt_new_node", [case, fields]);
        let object = if bytes <= MAX_SMALL {
            self.small_block(desc, case, class_of(bytes), slow)
        } else {
            let desc = self.int(types::I32, desc as i64);
            self.runtime_object(slow.0, &[self.ctx, desc, case, fields])
        };
        for (i, arg) in args.iter().enumerate() {
            let v = self.get(*arg);
            self.store(Memory::Node, v, object, FIELDS + 8 * i as i32);
        }
        object
    }

    /// A rank-1 array of `count` unset elements; its size is still to be stored.
    pub(super) fn small_list(&mut self, ty: Type, count: V, room: usize, class: usize) -> V {
        if self.is_bare() {
            let (desc, room) = (self.desc(ty), self.word(room as i64));
            return self.runtime_object("dprog_rt_new_list", &[self.ctx, desc, count, room]);
        }
        let (desc, room) = (self.program.types.id(ty), self.word(room as i64));
        self.small_block(desc, room, class, ("dprog_rt_new_list", [count, room]))
    }

    /// A block from the free list of its class, or from the runtime if the list is empty; with a header, of which `third`
    /// is the third word.
    fn small_block(&mut self, desc: u32, third: V, class: usize, slow: (&'static str, [V; 2])) -> V {
        let first = self.load(PTR, Memory::Context, self.ctx, free_list(class));
        let (take, empty, next) = (self.b.create_block(), self.cold_block(), self.block(&[PTR]));
        self.brif(first, take, &[], empty, &[]);
        self.b.switch_to_block(take);
        let second = self.load(PTR, Memory::Count, first, 0);
        self.store(Memory::Context, second, self.ctx, free_list(class));
        let (one, meta) = (self.word(1), self.word(small_meta(desc, class) as i64));
        self.store(Memory::Count, one, first, COUNT);
        self.store(Memory::Count, meta, first, META);
        let memory = if slow.0 == "dprog_rt_new_node" { Memory::Node } else { Memory::Sizes };
        self.store(memory, third, first, CASE);
        self.jump(next, &[first]);
        self.b.switch_to_block(empty);
        let (name, [a, b]) = slow;
        let desc = self.int(types::I32, desc as i64);
        let fresh = self.detour_object(name, &[self.ctx, desc, a, b]);
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
        if self.is_bare() || self.offer(result).is_some() {
            return self.bare_zeros_like(result, x);
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
        if self.is_bare() || self.lies_apart(args[0]) || self.lies_apart(args[1]) {
            return self.bare_add_tangent(args[0], args[1]);
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
