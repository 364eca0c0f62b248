//! Branches and loops.

use super::*;
use cranelift_frontend::Switch;
use dprog_ir::InstData;

impl<M: ClifModule> Lower<'_, '_, M> {
    fn registers(&self, values: &[Value]) -> Vec<ClifType> {
        values.iter().map(|v| register(self.ty(*v))).collect()
    }

    pub(super) fn branch(&mut self, data: &InstData) {
        let (then, otherwise) = (self.b.create_block(), self.b.create_block());
        let join = self.block(&self.registers(&data.results));
        self.brif(self.get(data.args[0]), then, &[], otherwise, &[]);
        for (block, region) in [then, otherwise].into_iter().zip(&data.regions) {
            self.b.switch_to_block(block);
            let yields = self.region(*region);
            self.jump(join, &yields);
        }
        self.join(join, &data.results);
    }

    pub(super) fn branch_and_return(&mut self, data: &InstData) {
        let (then, otherwise) = (self.b.create_block(), self.b.create_block());
        self.brif(self.get(data.args[0]), then, &[], otherwise, &[]);
        for (block, region) in [then, otherwise].into_iter().zip(&data.regions) {
            self.b.switch_to_block(block);
            self.region_and_return(*region);
        }
    }

    /// Goes on in `block`, whose parameters are these values.
    fn join(&mut self, block: Block, values: &[Value]) {
        self.b.switch_to_block(block);
        let params = self.params(block);
        self.set_all(values, &params);
    }

    pub(super) fn switch(&mut self, data: &InstData) {
        let blocks: Vec<Block> = data.regions.iter().map(|_| self.b.create_block()).collect();
        let join = self.block(&self.registers(&data.results));
        let mut switch = Switch::new();
        let (default, cases) = blocks.split_last().expect("a switch has a default");
        cases.iter().enumerate().for_each(|(k, block)| switch.set_entry(k as u128, *block));
        switch.emit(&mut self.b, self.values[data.args[0].index()].expect("defined"), *default);
        for (block, region) in blocks.iter().zip(&data.regions) {
            self.b.switch_to_block(*block);
            let yields = self.region(*region);
            self.jump(join, &yields);
        }
        self.join(join, &data.results);
    }

    /// The test is at the bottom, with one in front of the loop.
    pub(super) fn for_loop(&mut self, data: &InstData) {
        let func = self.func;
        let body = data.regions[0];
        let (lo, hi) = (self.get(data.args[0]), self.get(data.args[1]));
        let carried: Vec<V> = data.args[2..].iter().map(|v| self.get(*v)).collect();
        let loop_block = self.block(&self.registers(&func.regions[body].params));
        let exit = self.block(&self.registers(&data.results));
        let some = self.b.ins().icmp(IntCC::SignedLessThan, lo, hi);
        let first = [&[lo][..], &carried].concat();
        self.brif(some, loop_block, &first, exit, &carried);
        self.join(loop_block, &func.regions[body].params);
        if self.is_long(body) {
            self.poll();
        }
        let i = self.get(func.regions[body].params[0]);
        let yields = self.region(body);
        let next = self.b.ins().iadd_imm_s(i, 1);
        let more = self.b.ins().icmp(IntCC::SignedLessThan, next, hi);
        let again = [&[next][..], &yields].concat();
        self.brif(more, loop_block, &again, exit, &yields);
        self.join(exit, &data.results);
    }

    /// Whether an iteration may take long: it has a loop or a call in it. Others are not worth a poll.
    fn is_long(&self, region: Region) -> bool {
        self.func.regions[region].insts.iter().any(|inst| {
            let data = &self.func.insts[*inst];
            matches!(data.op, Op::For | Op::While | Op::Call(_) | Op::Build | Op::Map)
                || data.regions.iter().any(|r| self.is_long(*r))
        })
    }

    /// A short condition is lowered twice, in front of the loop and at its bottom; a long one stands at the top.
    pub(super) fn while_loop(&mut self, data: &InstData) {
        let func = self.func;
        let (condition, body) = (data.regions[0], data.regions[1]);
        let carried: Vec<V> = data.args.iter().map(|v| self.get(*v)).collect();
        let types = self.registers(&data.results);
        let (loop_block, exit) = (self.block(&types), self.block(&types));
        if self.is_short(condition) {
            self.test(condition, &carried, loop_block, exit);
            self.join(loop_block, &func.regions[body].params);
            self.poll();
            let yields = self.region(body);
            self.test(condition, &yields, loop_block, exit);
        } else {
            let top = self.block(&types);
            self.jump(top, &carried);
            self.b.switch_to_block(top);
            let carried = self.params(top);
            self.test(condition, &carried, loop_block, exit);
            self.join(loop_block, &func.regions[body].params);
            self.poll();
            let yields = self.region(body);
            self.jump(top, &yields);
        }
        self.join(exit, &data.results);
    }

    fn is_short(&self, region: Region) -> bool {
        let insts = &self.func.regions[region].insts;
        // Ten by gut feeling: what a hand-written condition has.
        insts.len() <= 10 && insts.iter().all(|i| self.func.insts[*i].regions.is_empty())
    }

    /// Evaluates the condition on the carried values and goes where it says.
    fn test(&mut self, condition: Region, carried: &[V], body: Block, exit: Block) {
        let func = self.func;
        self.set_all(&func.regions[condition].params, carried);
        let go = self.region(condition)[0];
        self.brif(go, body, carried, exit, carried);
    }
}
