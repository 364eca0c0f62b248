//! Arguments from C as values of the compiled function: numbers, headers of arrays that stay where they are, and objects.

use super::*;

impl<M: ClifModule> Code<'_, '_, '_, '_, M> {
    pub(super) fn arguments(&mut self) -> Vec<Argument> {
        let entry = self.entry;
        let mut args = Vec::new();
        for (i, input) in entry.function.inputs.iter().enumerate() {
            let plain = |v| Argument { v, base: None, object: false };
            args.push(match input {
                Input::Value { param } => plain(self.params[*param]),
                Input::Load { param, offset, scalar } => {
                    let ty = register(Type::scalar(scalar.scalar));
                    let v = self.b.ins().load(ty, MemFlagsData::trusted(), self.params[*param], *offset as i32);
                    plain(v)
                }
                Input::Array { elements, stride, element, sizes, ty } => {
                    let sizes: Vec<V> = sizes.iter().map(|size| self.checked_size(size)).collect();
                    let data = self.elements(*elements);
                    match &entry.target {
                        Target::Bare { borrowed, .. } if borrowed[i] => {
                            if is_dense(*stride, element.bytes()) {
                                self.header(&sizes, data)
                            } else {
                                let v = self.object(*ty, &sizes, data, *stride);
                                Argument { v, base: Some(v), object: true }
                            }
                        }
                        _ => Argument { v: self.object(*ty, &sizes, data, *stride), base: None, object: true },
                    }
                }
                Input::Text { data, length } => {
                    let (data, length) = (self.params[*data], self.params[*length]);
                    let v = self.runtime("dprog_rt_new_text", &[self.ctx, data, length]).expect("an object");
                    self.fail_unless(v);
                    Argument { v, base: None, object: true }
                }
            });
        }
        args
    }

    pub(super) fn elements(&mut self, elements: Elements) -> V {
        match elements {
            Elements::Param(param) => self.params[param],
            Elements::Field { .. } => {
                let known = self.pointers.iter().find(|(e, _)| *e == elements);
                known.map(|(_, pointer)| *pointer).expect("loaded at the start")
            }
        }
    }

    fn checked_size(&mut self, size: &Size) -> V {
        let v = self.size(size);
        let is_checked = match size {
            Size::Constant(n) => *n >= 0,
            Size::Param(param) => self.entry.function.params[*param].role == Role::Size,
            Size::Binary(..) => false,
        };
        if !is_checked {
            let negative = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, v, 0);
            let (refuse, next) = (self.b.create_block(), self.b.create_block());
            self.b.set_cold_block(refuse);
            self.branch(negative, refuse, &[], next, &[]);
            self.b.switch_to_block(refuse);
            self.say("a size is negative");
            if let Target::Bare { heap: true, .. } = self.entry.target
                && !self.entry.workspace
            {
                self.support(Support::FreeAll, &[self.ctx]);
            }
            self.end_context();
            self.return_status(TrapCode::NegativeSize as i64);
            self.b.switch_to_block(next);
        }
        v
    }

    pub(super) fn size(&mut self, size: &Size) -> V {
        match size {
            Size::Constant(n) => self.word(*n),
            Size::Param(param) => {
                let v = self.params[*param];
                if self.b.func.dfg.value_type(v) == I64 { v } else { self.b.ins().sextend(I64, v) }
            }
            Size::Binary(op, a, b) => {
                let (a, b) = (self.size(a), self.size(b));
                self.size_op(*op, a, b)
            }
        }
    }

    fn size_op(&mut self, op: SizeOp, a: V, b: V) -> V {
        match op {
            SizeOp::Add => self.b.ins().iadd(a, b),
            SizeOp::Mul => self.b.ins().imul(a, b),
            SizeOp::Min => self.b.ins().smin(a, b),
            SizeOp::Max => self.b.ins().smax(a, b),
            SizeOp::Shl => self.b.ins().ishl(a, b),
            SizeOp::Shr => self.b.ins().sshr(a, b),
            SizeOp::Div | SizeOp::Rem => {
                // Neither zero nor -1 may reach the machine's instruction. By zero the function itself traps; -1 negates.
                let zero = self.b.ins().icmp_imm_s(IntCC::Equal, b, 0);
                let minus = self.b.ins().icmp_imm_s(IntCC::Equal, b, -1);
                let odd = self.b.ins().bor(zero, minus);
                let one = self.word(1);
                let safe = self.b.ins().select(odd, one, b);
                let (quotient, remainder) = (self.b.ins().sdiv(a, safe), self.b.ins().srem(a, safe));
                let negated = self.b.ins().ineg(a);
                let divided = self.b.ins().select(minus, negated, quotient);
                if op == SizeOp::Div { divided } else { remainder }
            }
        }
    }

    /// A header for elements that stay where they are.
    pub(super) fn header(&mut self, sizes: &[V], data: V) -> Argument {
        let offset = data_offset(sizes.len());
        let header = self.slot(offset as u32);
        let (count, zero) = (self.word(IMMORTAL), self.word(0));
        self.store(count, header, COUNT);
        self.store(zero, header, META);
        self.store(zero, header, CAPACITY);
        for (axis, size) in sizes.iter().enumerate() {
            self.store(*size, header, DIMS + 8 * axis as i32);
        }
        let base = self.b.ins().iadd_imm_s(data, -(offset as i64));
        Argument { v: header, base: Some(base), object: false }
    }

    /// A new object with these elements.
    fn object(&mut self, ty: Type, sizes: &[V], data: V, stride: Stride) -> V {
        let row = self.slot(8 * sizes.len().max(1) as u32);
        for (axis, size) in sizes.iter().enumerate() {
            self.store(*size, row, 8 * axis as i32);
        }
        let rank = self.word(sizes.len() as i64);
        let array = match self.entry.target {
            Target::Bare { .. } => {
                let desc = self.b.ins().iconst(I32, bare::descriptor(element_bytes(ty.element()), ty.rank()));
                self.support(Support::NewArray, &[self.ctx, desc, row, rank])
            }
            Target::Hosted { .. } => {
                let id = self.program.types.id(ty);
                let desc = self.b.ins().iconst(I32, id as i64);
                self.runtime("dprog_rt_new_array", &[self.ctx, desc, row, rank])
            }
        };
        let array = array.expect("an object");
        self.fail_unless(array);
        let count = self.product(sizes);
        let inside = self.b.ins().iadd_imm_s(array, data_offset(ty.rank()) as i64);
        let own = Stride { bytes: element_bytes(ty.element()), offset: 0 };
        self.copy(ty.element(), count, (inside, own), (data, stride));
        array
    }

    pub(super) fn product(&mut self, sizes: &[V]) -> V {
        let mut product = sizes[0];
        for size in &sizes[1..] {
            product = self.b.ins().imul(product, *size);
        }
        product
    }

    /// Copies elements from one place to another.
    pub(super) fn copy(&mut self, element: Type, count: V, to: (V, Stride), from: (V, Stride)) {
        let bytes = element_bytes(element);
        if is_dense(to.1, bytes) && is_dense(from.1, bytes) {
            let length = self.b.ins().imul_imm_s(count, bytes as i64);
            self.support(Support::Memcpy, &[to.0, from.0, length]);
            return;
        }
        let (round, exit) = (self.b.create_block(), self.b.create_block());
        self.b.append_block_param(round, I64);
        let zero = self.word(0);
        let some = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThan, count, 0);
        self.branch(some, round, &[zero], exit, &[]);
        self.b.switch_to_block(round);
        let i = self.b.block_params(round)[0];
        let (source, target) =
            (self.b.ins().imul_imm_s(i, from.1.bytes as i64), self.b.ins().imul_imm_s(i, to.1.bytes as i64));
        let (source, target) = (self.b.ins().iadd(from.0, source), self.b.ins().iadd(to.0, target));
        let flags = MemFlagsData::trusted();
        let v = self.b.ins().load(register(element), flags, source, from.1.offset as i32);
        self.b.ins().store(flags, v, target, to.1.offset as i32);
        let next = self.b.ins().iadd_imm_s(i, 1);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, next, count);
        self.branch(more, round, &[next], exit, &[]);
        self.b.switch_to_block(exit);
    }
}
