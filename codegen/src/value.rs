//! Calling with the interpreter's values: for tests, tools and `gradcheck`; the fast way is [`Compiled::call_raw`].
//!
//! Values are copied into objects of the context before the call and out of them after it. Neither walk recurses, since a
//! list may have a million nodes.

use crate::jit::Compiled;
use dprog_ir::interp::Val;
use dprog_ir::{FuncId, NodeId, Scalar};
use dprog_runtime::layout::{CASE, FIELDS};
use dprog_runtime::object::{count_elements, data, dims, set_word, word};
use dprog_runtime::text::element_bits;
use dprog_runtime::{Context, DescId, Object, Shape, Stop};
use rustc_hash::FxHashMap;

impl Compiled {
    /// Calls an entry with values of its parameter types.
    pub fn call(&self, ctx: &mut Context, id: FuncId, args: &[Val]) -> Result<Vec<Val>, Stop> {
        let (params, results) = self.signature(id);
        ctx.types = self.types();
        let (mut words, mut passed) = (Vec::new(), Vec::new());
        for (i, (v, ty)) in args.iter().zip(params).enumerate() {
            let desc = self.type_id(*ty);
            // SAFETY: the types of the module stand in the context.
            let Some(word) = (unsafe { write(ctx, self, desc, v) }) else { return Err(ctx.finish_stop()) };
            words.push(word);
            // An object is its own header and its own place.
            passed.extend(std::iter::repeat_n(word, if self.borrows(id, i) { 2 } else { 1 }));
        }
        let mut returned = vec![0; results.len()];
        // SAFETY: arguments and results are those of the entry.
        unsafe { self.call_raw(ctx, id, &passed, &mut returned)? };
        let mut reader = Reader::new(self, ctx);
        // SAFETY: the function gave objects of its result types, one reference to each.
        let values = returned.iter().zip(results).map(|(word, ty)| unsafe { reader.read(*word, self.type_id(*ty)) });
        let values = values.collect();
        for (i, (word, ty)) in words.iter().zip(params).enumerate() {
            if ty.is_heap() && !self.takes(id, i) {
                // SAFETY: the reference that `write` made is still ours.
                unsafe { ctx.release(*word as Object) };
            }
        }
        for (word, _) in returned.iter().zip(results).filter(|(_, ty)| ty.is_heap()) {
            // SAFETY: as above.
            unsafe { ctx.release(*word as Object) };
        }
        Ok(values)
    }
}

// ---- in ----

/// A value on its way into a slot of eight bytes, or of the element's size.
struct Task<'v> {
    to: *mut u8,
    bytes: usize,
    desc: DescId,
    v: &'v Val,
}

/// The word for a value; objects are new, with one reference. `None`: out of memory.
unsafe fn write(ctx: &mut Context, code: &Compiled, desc: DescId, v: &Val) -> Option<u64> {
    let mut word = 0u64;
    let mut work = vec![Task { to: (&raw mut word).cast(), bytes: 8, desc, v }];
    while let Some(task) = work.pop() {
        // SAFETY: slots lie in objects just made, or are `word`.
        unsafe { put(ctx, code, &task, &mut work)? };
    }
    Some(word)
}

unsafe fn put<'v>(ctx: &mut Context, code: &Compiled, task: &Task<'v>, work: &mut Vec<Task<'v>>) -> Option<()> {
    let table = code.types();
    let bits = match task.v {
        Val::Null => ctx.empty() as u64,
        Val::Str(text) => ctx.new_text(text)? as u64,
        Val::Array(array) => {
            let sizes: Vec<i64> = array.dims.iter().map(|d| *d as i64).collect();
            let object = ctx.new_array(task.desc, &sizes)?;
            let element = table.array(task.desc).0.expect("an array");
            let bytes = table.element_bytes(element);
            let first = unsafe { data(object, sizes.len()) };
            let slots = array.items().iter().enumerate();
            work.extend(slots.map(|(i, v)| Task { to: first.wrapping_add(i * bytes), bytes, desc: element, v }));
            object as u64
        }
        Val::Node(node) => {
            let Shape::Node { cases } = &table.get(task.desc).shape else { unreachable!("a node of a node type") };
            let fields = &cases[node.case as usize];
            let object = ctx.new_node(task.desc, node.case as usize, fields.len())?;
            for (i, (v, desc)) in node.fields().iter().zip(fields).enumerate() {
                let slot = FIELDS + 8 * i as i32;
                unsafe { set_word(object, slot, 0) };
                work.push(Task { to: object.wrapping_offset(slot as isize), bytes: 8, desc: *desc, v });
            }
            object as u64
        }
        scalar => scalar_bits(scalar),
    };
    unsafe {
        match task.bytes {
            1 => task.to.write(bits as u8),
            4 => task.to.cast::<u32>().write(bits as u32),
            _ => task.to.cast::<u64>().write(bits),
        }
    }
    Some(())
}

fn scalar_bits(v: &Val) -> u64 {
    match v {
        Val::F64(x) => x.to_bits(),
        Val::F32(x) => x.to_bits() as u64,
        Val::I64(x) => *x as u64,
        Val::I32(x) => *x as u32 as u64,
        Val::U8(x) => *x as u64,
        Val::Bool(x) => *x as u64,
        other => panic!("{other:?} is no value of compiled code"),
    }
}

// ---- out ----

enum Step {
    Visit(u64, DescId),
    /// The last so many values become an array, or a node.
    Array(Vec<usize>, usize),
    Node(NodeId, u32, usize),
}

struct Reader<'a> {
    code: &'a Compiled,
    empty: Object,
    nodes: FxHashMap<DescId, NodeId>,
}

impl<'a> Reader<'a> {
    fn new(code: &'a Compiled, ctx: &Context) -> Reader<'a> {
        Reader { code, empty: ctx.empty(), nodes: code.node_ids() }
    }

    unsafe fn read(&mut self, word: u64, desc: DescId) -> Val {
        let (mut steps, mut done) = (vec![Step::Visit(word, desc)], Vec::new());
        while let Some(step) = steps.pop() {
            match step {
                // SAFETY: the caller's promise, and that of the layout for what lies inside.
                Step::Visit(word, desc) => unsafe { self.visit(word, desc, &mut steps, &mut done) },
                Step::Array(sizes, count) => {
                    let items = done.split_off(done.len() - count);
                    done.push(Val::array(&sizes, items));
                }
                Step::Node(id, case, count) => {
                    let fields = done.split_off(done.len() - count);
                    done.push(Val::node(id, case, fields));
                }
            }
        }
        done.pop().expect("the value itself")
    }

    unsafe fn visit(&self, bits: u64, desc: DescId, steps: &mut Vec<Step>, done: &mut Vec<Val>) {
        let object = bits as Object;
        let table = self.code.types();
        unsafe {
            match &table.get(desc).shape {
                Shape::Scalar(scalar) => done.push(scalar_value(*scalar, bits)),
                Shape::Text => done.push(Val::str(dprog_runtime::object::text(object))),
                Shape::Array { rank, element } => {
                    let sizes: Vec<usize> = dims(object, *rank).iter().map(|d| *d as usize).collect();
                    let (count, bytes) = (count_elements(object, *rank), table.element_bytes(*element));
                    let first = data(object, *rank);
                    steps.push(Step::Array(sizes, count));
                    let items = (0..count).rev().map(|i| element_bits(first.wrapping_add(i * bytes), bytes));
                    steps.extend(items.map(|bits| Step::Visit(bits, *element)));
                }
                Shape::Node { .. } if object == self.empty => done.push(Val::Null),
                Shape::Node { cases } => {
                    let (id, case) = (self.nodes[&desc], word(object, CASE));
                    let fields = &cases[case as usize];
                    steps.push(Step::Node(id, case as u32, fields.len()));
                    for (i, field) in fields.iter().enumerate().rev() {
                        steps.push(Step::Visit(word(object, FIELDS + 8 * i as i32) as u64, *field));
                    }
                }
            }
        }
    }
}

fn scalar_value(scalar: Scalar, bits: u64) -> Val {
    match scalar {
        Scalar::F64 => Val::F64(f64::from_bits(bits)),
        Scalar::F32 => Val::F32(f32::from_bits(bits as u32)),
        Scalar::I64 => Val::I64(bits as i64),
        Scalar::I32 => Val::I32(bits as i32),
        Scalar::U8 => Val::U8(bits as u8),
        Scalar::Bool => Val::Bool(bits as u8 != 0),
    }
}
