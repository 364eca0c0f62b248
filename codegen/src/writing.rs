//! The words in which small functions are written for which there is no IR: entries, and what bare functions need beside them.
//!
//! Memory is read and written without alias regions: none of this is hot.

use crate::abi::PTR;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{Block, BlockArg, InstBuilder, MemFlagsData, StackSlotData, StackSlotKind, Value as V};
use cranelift_frontend::FunctionBuilder;
use cranelift_module::{DataId, FuncId as ClifFuncId, Module as ClifModule};

/// A function under construction.
pub(crate) trait Writing<'f> {
    type Module: ClifModule;

    /// Where instructions go, and the module that the function is in.
    fn at_hand(&mut self) -> (&mut FunctionBuilder<'f>, &mut Self::Module);

    fn call_function(&mut self, id: ClifFuncId, args: &[V]) -> Option<V> {
        let (b, clif) = self.at_hand();
        let callee = clif.declare_func_in_func(id, b.func);
        let call = b.ins().call(callee, args);
        b.inst_results(call).first().copied()
    }

    fn address(&mut self, data: DataId) -> V {
        let (b, clif) = self.at_hand();
        let global = clif.declare_data_in_func(data, b.func);
        b.ins().symbol_value(PTR, global)
    }

    fn word(&mut self, x: i64) -> V {
        self.at_hand().0.ins().iconst(I64, x)
    }

    /// A word of memory.
    fn load(&mut self, base: V, offset: i32) -> V {
        self.at_hand().0.ins().load(I64, MemFlagsData::trusted(), base, offset)
    }

    fn store(&mut self, v: V, base: V, offset: i32) {
        self.at_hand().0.ins().store(MemFlagsData::trusted(), v, base, offset);
    }

    /// So many bytes on the stack.
    fn slot(&mut self, bytes: u32) -> V {
        let b = self.at_hand().0;
        let slot = b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4));
        b.ins().stack_addr(PTR, slot, 0)
    }

    fn go(&mut self, block: Block, args: &[V]) {
        self.at_hand().0.ins().jump(block, &block_args(args));
    }

    fn branch(&mut self, cond: V, then: Block, then_args: &[V], otherwise: Block, args: &[V]) {
        self.at_hand().0.ins().brif(cond, then, &block_args(then_args), otherwise, &block_args(args));
    }
}

fn block_args(args: &[V]) -> Vec<BlockArg> {
    args.iter().map(|v| BlockArg::Value(*v)).collect()
}
