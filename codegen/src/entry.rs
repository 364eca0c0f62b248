//! The functions that C calls: arguments in, the compiled function, results out.
//!
//! What is passed is described by [`crate::c_abi`]. A bare function has its context on the stack of the entry, and arrays that it only
//! reads stay where the caller has them. A hosted one gets a context from the runtime, with objects made of its arguments; it
//! runs on the runtime's stack. Arguments are checked in every build: null pointers and negative sizes are a status.

use crate::abi::{PTR, runtime_signature};
use crate::bare::{self, Bare, Support, layout};
use crate::c_abi::{
    CFunction, CParam, CScalar, CType, Elements, HandleElement, HandleType, Input, Interface, Output, Role, Size,
    SizeOp, Status, Stride,
};
use crate::jit::Error;
use crate::lower::Program;
use crate::types::{element_bytes, register};
use cranelift_codegen::Context as ClifContext;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I8, I32, I64};
use cranelift_codegen::ir::{
    self, AbiParam, Block, BlockArg, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Value as V,
};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{DataId, FuncId as ClifFuncId, Linkage, Module as ClifModule};
use dprog_ir::{Function, TrapCode, Type};
use dprog_runtime::layout::{CAPACITY, COUNT, DIMS, IMMORTAL, META, data_offset};

/// What an entry leads to.
pub(crate) enum Target {
    /// A function that runs with nothing behind it; `takes` tells of each parameter whether its reference goes over.
    Bare { func: ClifFuncId, borrowed: Vec<bool>, heap: bool },
    /// An entry `(context, arguments, results)` of the runtime's kind, and the block that describes the program.
    Hosted { entry: ClifFuncId, block: DataId },
}

/// A function to be emitted.
pub(crate) struct Entry<'a> {
    pub function: &'a CFunction,
    pub interface: &'a Interface,
    pub func: &'a Function,
    pub takes: Vec<bool>,
    pub target: Target,
    /// Whether it gets a workspace: `NAME_in`.
    pub workspace: bool,
}

/// Whether an object is made of an argument.
fn is_copied(input: &Input, borrowed: bool) -> bool {
    match input {
        Input::Value { .. } | Input::Load { .. } => false,
        Input::Array { stride, element, .. } => !(borrowed && is_dense(*stride, element.bytes())),
        Input::Text { .. } => true,
    }
}

fn is_dense(stride: Stride, element: u32) -> bool {
    stride.bytes == element && stride.offset == 0
}

/// The signature of a function in C.
fn signature(function: &CFunction, workspace: bool, c: CallConv) -> Signature {
    let mut sig = Signature::new(c);
    if workspace {
        sig.params.extend([AbiParam::new(PTR), AbiParam::new(I64)]);
    }
    sig.params.extend(function.params.iter().map(|p| match p.ty {
        CType::Value(scalar) => AbiParam::new(register(Type::scalar(scalar.scalar))),
        CType::Pointer(_) | CType::Text | CType::Struct(_) | CType::Handle(_) => AbiParam::new(PTR),
    }));
    sig.returns.push(AbiParam::new(I32).sext());
    sig
}

/// Emits an entry under its name in C.
pub(crate) fn emit<M: ClifModule>(
    clif: &mut M,
    bare: &mut Bare,
    program: &mut Program,
    entry: &Entry,
) -> Result<ClifFuncId, Error> {
    let signature = signature(entry.function, entry.workspace, clif.isa().default_call_conv());
    let name = if entry.workspace { format!("{}_in", entry.function.name) } else { entry.function.name.clone() };
    let id = clif.declare_function(&name, Linkage::Export, &signature).map_err(|e| Error(e.to_string()))?;
    let mut context = clif.make_context();
    context.func.signature = signature;
    context.func.name = ir::UserFuncName::user(0, id.as_u32());
    let mut builder = FunctionBuilderContext::new();
    let b = FunctionBuilder::new(&mut context.func, &mut builder);
    let mut code =
        Code { b, clif, bare, program, entry, params: Vec::new(), ctx: V::from_u32(0), pointers: Vec::new() };
    code.body();
    code.close();
    define(clif, id, context, &name)?;
    Ok(id)
}

pub(crate) fn define<M: ClifModule>(
    clif: &mut M,
    id: ClifFuncId,
    mut context: ClifContext,
    name: &str,
) -> Result<(), Error> {
    clif.define_function(id, &mut context).map_err(|e| Error(format!("{name}: {e:?}")))
}

/// An entry under construction.
struct Code<'c, 'f, 'a, 'p, M: ClifModule> {
    b: FunctionBuilder<'f>,
    clif: &'c mut M,
    bare: &'c mut Bare<'a>,
    program: &'c mut Program<'p>,
    entry: &'c Entry<'c>,
    params: Vec<V>,
    ctx: V,
    /// Pointers in structs, loaded and found not to be null.
    pointers: Vec<(Elements, V)>,
}

/// A value for the compiled function.
struct Argument {
    v: V,
    /// Where its elements are, if it is passed as two values.
    base: Option<V>,
    /// An object that the entry has made, and still has after the call.
    object: bool,
}

impl<M: ClifModule> Code<'_, '_, '_, '_, M> {
    fn body(&mut self) {
        let block = self.b.create_block();
        self.b.append_block_params_for_function_params(block);
        self.b.switch_to_block(block);
        self.params = self.b.block_params(block).to_vec();
        let workspace = self.entry.workspace.then(|| (self.params.remove(0), self.params.remove(0)));
        if let Some((start, _)) = workspace {
            let null = self.b.ins().icmp_imm_s(IntCC::Equal, start, 0);
            self.refuse_if(null, Status::NullPointer as i64, "`workspace` is a null pointer");
        }
        self.check_params();
        self.check_pointers();
        self.open_context(workspace);
        let args = self.arguments();
        let results = self.call(&args);
        self.drop_arguments(&args);
        self.results(&results);
        self.end_context();
        self.return_status(0);
    }

    fn close(mut self) {
        self.b.seal_all_blocks();
        let config = self.clif.target_config();
        self.b.finalize(config);
    }

    // ---- what is wrong with the arguments ----

    fn check_params(&mut self) {
        for (i, param) in self.entry.function.params.iter().enumerate() {
            let v = self.params[i];
            if param.role == Role::Size {
                let negative = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, v, 0);
                self.refuse_if(negative, TrapCode::NegativeSize as i64, &format!("`{}` is negative", param.name));
            }
            if let CType::Value(scalar) = param.ty {
                self.check_case(scalar, v, param);
            }
        }
        for i in self.entry.function.pointers().collect::<Vec<_>>() {
            let null = self.b.ins().icmp_imm_s(IntCC::Equal, self.params[i], 0);
            let name = &self.entry.function.params[i].name;
            self.refuse_if(null, Status::NullPointer as i64, &format!("`{name}` is a null pointer"));
        }
    }

    /// A number from outside that is to be a case of an enum is one.
    fn check_case(&mut self, scalar: CScalar, v: V, param: &CParam) {
        let Some(id) = scalar.cases else { return };
        let def = &self.entry.interface.enums[id as usize];
        let (count, name) = (def.cases.len() as i64, def.name.clone());
        let bad = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, v, count);
        self.refuse_if(bad, TrapCode::Bounds as i64, &format!("`{}` is no case of `{name}`", param.name));
    }

    /// Loads the pointers in structs.
    fn check_pointers(&mut self) {
        let function = self.entry.function;
        let inputs = function.inputs.iter().filter_map(|input| match input {
            Input::Array { elements, .. } => Some(*elements),
            Input::Value { .. } | Input::Load { .. } | Input::Text { .. } => None,
        });
        let outputs = function.outputs.iter().filter_map(|output| match output {
            Output::Array { elements, .. } => Some(*elements),
            Output::Store { .. } | Output::Handle { .. } | Output::Text { .. } | Output::Drop => None,
        });
        for elements in inputs.chain(outputs).collect::<Vec<_>>() {
            let Elements::Field { param, offset } = elements else { continue };
            if self.pointers.iter().any(|(known, _)| *known == elements) {
                continue;
            }
            let pointer = self.b.ins().load(PTR, MemFlagsData::trusted(), self.params[param], offset as i32);
            let null = self.b.ins().icmp_imm_s(IntCC::Equal, pointer, 0);
            let text = format!("a pointer in `{}` is null", function.params[param].name);
            self.refuse_if(null, Status::NullPointer as i64, &text);
            self.pointers.push((elements, pointer));
        }
    }

    /// Returns `status` if the condition holds. Before a context is open.
    fn refuse_if(&mut self, bad: V, status: i64, what: &str) {
        let (refuse, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(refuse);
        self.branch(bad, refuse, &[], next, &[]);
        self.b.switch_to_block(refuse);
        self.say(what);
        self.return_status(status);
        self.b.switch_to_block(next);
    }

    /// Makes a text the thread's last error.
    fn say(&mut self, what: &str) {
        let text = format!("{}: {what}", self.entry.function.name);
        let data = self.bare.text(self.clif, &text);
        let address = self.address(data);
        let (address, length) = (self.b.ins().iadd_imm_s(address, 8), self.word(text.len() as i64));
        self.support(Support::SetLastError, &[address, length]);
    }

    fn return_status(&mut self, status: i64) {
        let status = self.b.ins().iconst(I32, status);
        self.b.ins().return_(&[status]);
    }

    // ---- the context ----

    fn open_context(&mut self, workspace: Option<(V, V)>) {
        match &self.entry.target {
            Target::Hosted { block, .. } => {
                let block = self.address(*block);
                self.ctx = self.runtime("dprog_rt_begin", &[block]).expect("a context");
            }
            Target::Bare { heap, .. } => {
                let heap = *heap;
                let bytes = if self.bare.uses_empty { layout::BYTES } else { layout::EMPTY as u32 };
                self.ctx = self.slot(bytes);
                let zero = self.word(0);
                if heap {
                    self.store(zero, self.ctx, layout::BLOCKS);
                    self.open_workspace(workspace);
                }
                if self.bare.uses_empty {
                    let immortal = self.word(IMMORTAL);
                    self.store(immortal, self.ctx, layout::EMPTY);
                    for offset in (8..data_offset(15)).step_by(8) {
                        self.store(zero, self.ctx, layout::EMPTY + offset);
                    }
                }
            }
        }
    }

    fn open_workspace(&mut self, workspace: Option<(V, V)>) {
        let Some((start, bytes)) = workspace else {
            let zero = self.word(0);
            return self.store(zero, self.ctx, layout::BUMP_END);
        };
        // Aligned inside, so that any memory will do; a workspace of less than nothing is empty.
        let up = self.b.ins().iadd_imm_s(start, 15);
        let up = self.b.ins().band_imm_s(up, !15);
        let (zero, lost) = (self.word(0), self.b.ins().isub(up, start));
        let room = self.b.ins().isub(bytes, lost);
        let room = self.b.ins().smax(room, zero);
        let end = self.b.ins().iadd(up, room);
        self.store(up, self.ctx, layout::BUMP);
        self.store(end, self.ctx, layout::BUMP_END);
    }

    fn end_context(&mut self) {
        if let Target::Hosted { .. } = self.entry.target {
            self.runtime("dprog_rt_end", &[self.ctx]);
        }
    }

    /// Returns because of a trap, after taking everything back. Hosted, the status is that of the runtime.
    fn fail(&mut self, status: Option<V>) {
        let status = match (&self.entry.target, status) {
            (Target::Hosted { .. }, Some(status)) => {
                self.end_context();
                status
            }
            (Target::Hosted { .. }, None) => {
                let status = self.runtime("dprog_rt_failed", &[self.ctx]).expect("a status");
                self.end_context();
                status
            }
            (Target::Bare { heap, .. }, _) => {
                if *heap && !self.entry.workspace {
                    self.support(Support::FreeAll, &[self.ctx]);
                }
                self.publish();
                self.b.ins().load(I32, MemFlagsData::trusted(), self.ctx, layout::STATUS)
            }
        };
        self.b.ins().return_(&[status]);
    }

    /// Makes the text in the thread's buffer the thread's last error.
    fn publish(&mut self) {
        let buffer = self.support(Support::Buffer, &[]).expect("an address");
        let length = self.b.ins().load(I64, MemFlagsData::trusted(), buffer, bare::buffer::LENGTH);
        let text = self.b.ins().iadd_imm_s(buffer, bare::buffer::TEXT as i64);
        self.support(Support::SetLastError, &[text, length]);
    }

    fn fail_unless(&mut self, ok: V) {
        let (failed, next) = (self.b.create_block(), self.b.create_block());
        self.b.set_cold_block(failed);
        self.branch(ok, next, &[], failed, &[]);
        self.b.switch_to_block(failed);
        self.fail(None);
        self.b.switch_to_block(next);
    }

    // ---- arguments ----

    fn arguments(&mut self) -> Vec<Argument> {
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

    fn elements(&mut self, elements: Elements) -> V {
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

    fn size(&mut self, size: &Size) -> V {
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
    fn header(&mut self, sizes: &[V], data: V) -> Argument {
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

    fn product(&mut self, sizes: &[V]) -> V {
        let mut product = sizes[0];
        for size in &sizes[1..] {
            product = self.b.ins().imul(product, *size);
        }
        product
    }

    /// Copies elements from one place to another.
    fn copy(&mut self, element: Type, count: V, to: (V, Stride), from: (V, Stride)) {
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

    // ---- the call ----

    /// Calls the function; gives its results.
    fn call(&mut self, args: &[Argument]) -> Vec<V> {
        let entry = self.entry;
        match &entry.target {
            Target::Bare { func, .. } => {
                let callee = self.clif.declare_func_in_func(*func, self.b.func);
                let mut values = vec![self.ctx];
                for arg in args {
                    values.push(arg.v);
                    values.extend(arg.base);
                }
                let call = self.b.ins().call(callee, &values);
                let results = self.b.inst_results(call).to_vec();
                let ok = self.b.ins().icmp_imm_s(IntCC::Equal, results[0], 0);
                self.fail_unless(ok);
                results[1..].to_vec()
            }
            Target::Hosted { entry: hosted, .. } => {
                let row = self.slot(8 * args.len().max(1) as u32);
                for (i, arg) in args.iter().enumerate() {
                    self.store(arg.v, row, 8 * i as i32);
                }
                let out = self.slot(8 * entry.func.results.len().max(1) as u32);
                let callee = self.clif.declare_func_in_func(*hosted, self.b.func);
                let address = self.b.ins().func_addr(PTR, callee);
                let status = self.runtime("dprog_rt_run", &[self.ctx, address, row, out]).expect("a status");
                let (failed, next) = (self.b.create_block(), self.b.create_block());
                self.b.set_cold_block(failed);
                self.branch(status, failed, &[], next, &[]);
                self.b.switch_to_block(failed);
                self.fail(Some(status));
                self.b.switch_to_block(next);
                let types = entry.func.results.iter().enumerate();
                let flags = MemFlagsData::trusted();
                types.map(|(i, ty)| self.b.ins().load(register(*ty), flags, out, 8 * i as i32)).collect()
            }
        }
    }

    /// Objects that the function has only borrowed go.
    fn drop_arguments(&mut self, args: &[Argument]) {
        for (i, arg) in args.iter().enumerate() {
            if arg.object && !self.entry.takes[i] {
                self.release(arg.v);
            }
        }
    }

    fn release(&mut self, object: V) {
        if let Target::Hosted { .. } = self.entry.target {
            self.runtime("dprog_rt_release", &[self.ctx, object]);
            return;
        }
        let count = self.b.ins().load(I64, MemFlagsData::trusted(), object, COUNT);
        let count = self.b.ins().iadd_imm_s(count, -1);
        self.store(count, object, COUNT);
        let (last, next) = (self.b.create_block(), self.b.create_block());
        self.branch(count, next, &[], last, &[]);
        self.b.switch_to_block(last);
        self.support(Support::Drop, &[self.ctx, object]);
        self.go(next, &[]);
        self.b.switch_to_block(next);
    }

    // ---- results ----

    fn results(&mut self, results: &[V]) {
        let buffers = self.buffers(results);
        for (i, output) in self.entry.function.outputs.iter().enumerate() {
            let (v, ty) = (results[i], self.entry.func.results[i]);
            match output {
                Output::Store { param, offset } => self.store(v, self.params[*param], *offset as i32),
                Output::Array { elements, stride, ty } => {
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

    // ---- writing ----

    fn support(&mut self, which: Support, args: &[V]) -> Option<V> {
        let id = self.bare.function(self.clif, which);
        self.call_function(id, args)
    }

    fn runtime(&mut self, name: &'static str, args: &[V]) -> Option<V> {
        let signature = runtime_signature(name, self.clif.isa().default_call_conv());
        let id = self.clif.declare_function(name, Linkage::Import, &signature).expect("one signature per name");
        self.call_function(id, args)
    }

    fn call_function(&mut self, id: ClifFuncId, args: &[V]) -> Option<V> {
        let callee = self.clif.declare_func_in_func(id, self.b.func);
        let call = self.b.ins().call(callee, args);
        self.b.inst_results(call).first().copied()
    }

    fn address(&mut self, data: DataId) -> V {
        let global = self.clif.declare_data_in_func(data, self.b.func);
        self.b.ins().symbol_value(PTR, global)
    }

    fn word(&mut self, x: i64) -> V {
        self.b.ins().iconst(I64, x)
    }

    fn store(&mut self, v: V, base: V, offset: i32) {
        self.b.ins().store(MemFlagsData::trusted(), v, base, offset);
    }

    fn slot(&mut self, bytes: u32) -> V {
        let slot = self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4));
        self.b.ins().stack_addr(PTR, slot, 0)
    }

    fn go(&mut self, block: Block, args: &[V]) {
        self.b.ins().jump(block, &block_args(args));
    }

    fn branch(&mut self, cond: V, then: Block, then_args: &[V], otherwise: Block, args: &[V]) {
        self.b.ins().brif(cond, then, &block_args(then_args), otherwise, &block_args(args));
    }
}

fn block_args(args: &[V]) -> Vec<BlockArg> {
    args.iter().map(|v| BlockArg::Value(*v)).collect()
}

/// Whether an entry with this target makes arrays: then it sets up what they come from.
pub(crate) fn needs_heap(function: &CFunction, borrowed: &[bool], program_does: bool) -> bool {
    program_does
        || function.inputs.iter().enumerate().any(|(i, input)| is_copied(input, borrowed.get(i) == Some(&true)))
}
