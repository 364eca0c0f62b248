//! A kernel as a function of its own.
//!
//! A hot loop in a leaf function has all registers: calls around it spill nothing of it, and the function that it stands in stays
//! small, for the time that register allocation takes grows faster than functions do. What the loop leaves goes through memory of the
//! caller; the status says whether it was stopped.
//!
//! ```text
//! (context, first trip, end, place for what it leaves, carried…, elements of arrays…, inputs…) -> status
//! ```

use super::*;
use crate::wide;
use cranelift_codegen::ir::{AbiParam, Signature, StackSlotData, StackSlotKind, UserFuncName};
use cranelift_codegen::isa::CallConv;
use cranelift_frontend::FunctionBuilderContext;

/// In a function with more instructions every kernel gets a function of its own. By gut feeling: half of what one is split at.
const SMALL: usize = 1000;

/// A kernel that is still to be compiled, or put into the module.
pub enum Outlined {
    Clif {
        id: ClifFuncId,
        context: cranelift_codegen::Context,
        loc: SrcLoc,
        /// Its operations are to stay in their order. Cranelift would move arithmetic behind all loads: then constants are in registers, of
        /// which an elementary function has not enough, and not operands in memory.
        as_written: bool,
    },
    Wide {
        id: ClifFuncId,
        bytes: wide::Bytes,
        loc: SrcLoc,
        /// Where functions are to be filled in.
        helpers: Vec<(u32, ClifFuncId)>,
        level: wide::Level,
        reach: wide::Reach,
    },
}

impl<M: ClifModule> Lower<'_, '_, M> {
    /// Whether a kernel is to stand apart.
    pub(super) fn stands_apart(&self, kernel: &Kernel) -> bool {
        kernel.cost.heavy || self.b.func.dfg.num_insts() > SMALL
    }

    /// Calls the kernel for the trips from `lo` to `end`; gives what the loop leaves.
    pub(super) fn call_kernel(&mut self, k: &Lanes, (lo, end): (V, V), ordered: &[V], trips: Trips) -> Vec<V> {
        let mut kinds: Vec<ClifType> = ordered.iter().map(|v| self.b.func.dfg.value_type(*v)).collect();
        kinds.extend(accumulator_types(k));
        let bytes = 16 * kinds.len().max(1) as u32;
        let slot = self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4));
        let out = self.b.ins().stack_addr(PTR, slot, 0);
        let inputs = k.kernel.inputs.iter().filter(|(_, input)| !matches!(input, Input::Const(_)));
        let inputs = inputs.map(|(num, _)| k.scalar(*num));
        let args: Vec<V> =
            [self.ctx, lo, end, out].iter().chain(ordered).chain(&k.bases).copied().chain(inputs).collect();

        let mut signature = Signature::new(CallConv::Tail);
        signature.params.extend(args.iter().map(|v| AbiParam::new(self.b.func.dfg.value_type(*v))));
        signature.returns.push(AbiParam::new(types::I32));
        let id = self.clif.declare_anonymous_function(&signature).expect("a function can be declared");
        self.outline(k, id, signature, ordered.len(), trips);

        let callee = self.clif.declare_func_in_func(id, self.b.func);
        let call = self.b.ins().call(callee, &args);
        let status = self.b.inst_results(call)[0];
        self.note_call();
        let (stopped, next) = (self.cold_block(), self.b.create_block());
        self.brif(status, stopped, &[], next, &[]);
        self.b.switch_to_block(stopped);
        self.leave();
        self.b.switch_to_block(next);
        kinds.iter().enumerate().map(|(i, ty)| self.load(*ty, Memory::Stack, out, 16 * i as i32)).collect()
    }

    fn outline(&mut self, k: &Lanes, id: ClifFuncId, signature: Signature, carried: usize, trips: Trips) {
        let mut context = self.clif.make_context();
        context.func.signature = signature;
        context.func.name = UserFuncName::user(0, id.as_u32());
        let mut builder = FunctionBuilderContext::new();
        let inner = Lower {
            b: FunctionBuilder::new(&mut context.func, &mut builder),
            clif: &mut *self.clif,
            func: self.func,
            values: Vec::new(),
            definitions: Vec::new(),
            facts: Definitions::default(),
            shapes: Shapes::default(),
            pushes: FxHashMap::default(),
            growing: FxHashSet::default(),
            sizes: FxHashMap::default(),
            next_uses: FxHashMap::default(),
            room: FxHashMap::default(),
            pushes_around: Vec::new(),
            ctx: self.ctx,
            regions: Vec::new(),
            runtime_refs: FxHashMap::default(),
            detour_refs: FxHashMap::default(),
            function_refs: FxHashMap::default(),
            support_refs: FxHashMap::default(),
            bases: FxHashMap::default(),
            places: Places::default(),
            offers: Vec::new(),
            table: None,
            folds: FxHashMap::default(),
            folded: FxHashMap::default(),
            borrowed: Vec::new(),
            failed: None,
            exit: None,
            id: self.id,
            nested: 0,
            depth: Depth::Ignored,
            left: None,
            values_at_call: 0,
            loc: self.loc,
            program: &mut *self.program,
        };
        inner.kernel_function(k.kernel, k.width, carried, trips);
        self.program.outlined.push(Outlined::Clif { id, context, loc: self.loc, as_written: k.kernel.cost.heavy });
    }

    fn kernel_function(mut self, kernel: &Kernel, width: usize, carried: usize, trips: Trips) {
        let block = self.b.create_block();
        self.b.append_block_params_for_function_params(block);
        self.b.switch_to_block(block);
        let params = self.params(block);
        self.ctx = params[0];
        self.b.set_srcloc(SourceLoc::new(self.loc.0));
        let (lo, end, out) = (params[1], params[2], params[3]);
        let (ordered, rest) = params[4..].split_at(carried);
        let (bases, inputs) = rest.split_at(kernel.arrays.len() + kernel.tiles.len());
        let mut k = Lanes::new(kernel, width);
        k.bases = bases.to_vec();
        // It is compiled as it is written: what is the same in each trip stands in front of the loop.
        k.table = kernel.cost.heavy.then(|| self.table_base());
        let mut inputs = inputs.iter();
        for (num, input) in &kernel.inputs {
            let v = match input {
                Input::Const(c) => self.constant(c),
                Input::Value(_) | Input::Dim(..) | Input::First => *inputs.next().expect("one for each"),
            };
            k.hold(*num, Held::Scalar(v));
        }
        let inits = [ordered, &self.accumulators(&k)].concat();
        let finals = self.counted_by(width as i64, (lo, end), &inits, trips, |this, i, carried| {
            this.kernel_block(&mut k, i, carried)
        });
        for (i, v) in finals.iter().enumerate() {
            self.store(Memory::Stack, *v, out, 16 * i as i32);
        }
        let ok = self.int(types::I32, 0);
        self.b.ins().return_(&[ok]);
        if let Some(failed) = self.failed {
            self.b.switch_to_block(failed);
            let status = self.int(types::I32, 1);
            self.b.ins().return_(&[status]);
        }
        self.finish_table();
        self.b.seal_all_blocks();
        let config = self.clif.target_config();
        self.b.finalize(config);
    }
}

/// The vectors of the folds of a kernel.
fn accumulator_types(k: &Lanes) -> Vec<ClifType> {
    let of = |num: Num| k.vector_type(k.kernel.scalar(num));
    let folded = k.kernel.carried.iter().filter_map(|c| match c {
        Carried::Extreme { value, .. } | Carried::Sum { value, .. } => Some(of(*value)),
        Carried::Array(_) | Carried::Same(_) | Carried::Steady { .. } | Carried::Ordered { .. } => None,
    });
    let folded = folded.flat_map(|ty| std::iter::repeat_n(ty, k.count()));
    let sums = k.kernel.sum.into_iter().flat_map(|num| std::iter::repeat_n(of(num), 8 / k.per_vector()));
    folded.chain(sums).collect()
}
