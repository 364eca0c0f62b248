//! Branches and loops.

use super::kernel::Bounds;
use super::*;
use cranelift_codegen::ir::{InstructionData, Opcode};
use cranelift_frontend::Switch;

/// Iterations of a loop without loops and calls in it after which it looks whether it is to stop. A guess: each takes less than
/// a microsecond, so that is well below a tenth of a second, and the look costs nothing.
const CHUNK: i64 = 1 << 16;

/// How many trips a loop has, and how long they take: that says how often it looks whether it is to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Trips {
    /// Each may take long.
    Long,
    /// They are short, but there may be many.
    Many,
    /// Few short ones.
    Short,
}

impl<M: ClifModule> Lower<'_, '_, M> {
    pub(super) fn branch(&mut self, data: &InstData) {
        let (then, otherwise) = (self.b.create_block(), self.b.create_block());
        let join = self.block(&self.kinds(&data.results));
        self.brif(self.get(data.args[0]), then, &[], otherwise, &[]);
        for (block, region) in [then, otherwise].into_iter().zip(&data.regions) {
            self.b.switch_to_block(block);
            let yields = self.sized_region(&data.results, *region);
            self.jump(join, &yields);
        }
        self.join(join, &data.results, &data.results);
    }

    pub(super) fn branch_and_return(&mut self, data: &InstData) {
        let (then, otherwise) = (self.b.create_block(), self.b.create_block());
        self.brif(self.get(data.args[0]), then, &[], otherwise, &[]);
        for (block, region) in [then, otherwise].into_iter().zip(&data.regions) {
            self.b.switch_to_block(block);
            self.region_and_return(*region);
        }
    }

    /// Goes on in `block`, whose parameters are these values, which stand for `results`.
    fn join(&mut self, block: Block, results: &[Value], values: &[Value]) {
        self.b.switch_to_block(block);
        let params = self.params(block);
        self.set_sized(results, values, &params);
    }

    pub(super) fn switch(&mut self, data: &InstData) {
        let blocks: Vec<Block> = data.regions.iter().map(|_| self.b.create_block()).collect();
        let join = self.block(&self.kinds(&data.results));
        let mut switch = Switch::new();
        let (default, cases) = blocks.split_last().expect("a switch has a default");
        cases.iter().enumerate().for_each(|(k, block)| switch.set_entry(k as u128, *block));
        switch.emit(&mut self.b, self.values[data.args[0].index()].expect("defined"), *default);
        for (block, region) in blocks.iter().zip(&data.regions) {
            self.b.switch_to_block(*block);
            let yields = self.sized_region(&data.results, *region);
            self.jump(join, &yields);
        }
        self.join(join, &data.results, &data.results);
    }

    pub(super) fn for_loop(&mut self, inst: Inst) {
        let func = self.func;
        let data = &func.insts[inst];
        let body = data.regions[0];
        let (lo, hi) = (self.get(data.args[0]), self.get(data.args[1]));
        let carried = self.sized(&data.results, &data.args[2..]);
        let bounds = Bounds { lo, hi, carried: &carried, first: None, lanes: None, tiles: &[] };
        let kernel = self.kernel(inst);
        let results = self.loop_with_kernel(kernel.as_ref(), &bounds, self.is_long(body), |this, i, carried| {
            let params = &func.regions[body].params;
            this.set_all(&params[..1], &[i]);
            this.set_sized(&data.results, &params[1..], carried);
            this.sized_region(&data.results, body)
        });
        self.set_sized(&data.results, &data.results, &results);
    }

    /// A loop from `range.0` up to `range.1`, with the test at the bottom and one in front. `body` gets the counter and the carried
    /// values. It stops when another thread wants it: if iterations are `long` each looks, else one in [`CHUNK`].
    pub(super) fn counted(
        &mut self,
        (lo, hi): (V, V),
        carried: &[V],
        long: bool,
        body: impl FnOnce(&mut Self, V, &[V]) -> Vec<V>,
    ) -> Vec<V> {
        let trips = self.trips(lo, hi, long);
        self.counted_by(1, (lo, hi), carried, trips, body)
    }

    pub(super) fn trips(&self, lo: V, hi: V, long: bool) -> Trips {
        match (long, self.is_short_range(lo, hi)) {
            (true, _) => Trips::Long,
            (false, true) => Trips::Short,
            (false, false) => Trips::Many,
        }
    }

    /// The same in steps, of which a whole number leads to the end.
    pub(super) fn counted_by(
        &mut self,
        step: i64,
        (lo, hi): (V, V),
        carried: &[V],
        trips: Trips,
        body: impl FnOnce(&mut Self, V, &[V]) -> Vec<V>,
    ) -> Vec<V> {
        let loc = self.loc;
        let kinds: Vec<ClifType> = carried.iter().map(|v| self.b.func.dfg.value_type(*v)).collect();
        let (loop_block, exit) = (self.block(&[&[types::I64][..], &kinds].concat()), self.block(&kinds));
        let chunked = trips == Trips::Many;
        let top = if chunked { self.block(&[&[types::I64][..], &kinds].concat()) } else { loop_block };
        let some = self.b.ins().icmp(IntCC::SignedLessThan, lo, hi);
        self.brif(some, top, &[&[lo][..], carried].concat(), exit, carried);
        let mut end = hi;
        if chunked {
            self.b.switch_to_block(top);
            let params = self.params(top);
            end = self.end_of_chunk(params[0], hi);
            self.jump(loop_block, &params);
        }
        self.b.switch_to_block(loop_block);
        let params = self.params(loop_block);
        if trips == Trips::Long {
            self.poll();
        }
        let yields = body(self, params[0], &params[1..]);
        self.loc = loc;
        let next = self.b.ins().iadd_imm_s(params[0], step);
        let again = [&[next][..], &yields].concat();
        let more = self.b.ins().icmp(IntCC::SignedLessThan, next, end);
        if chunked {
            let (last, further) = (self.b.create_block(), self.cold_block());
            self.brif(more, loop_block, &again, last, &[]);
            self.b.switch_to_block(last);
            let more = self.b.ins().icmp(IntCC::SignedLessThan, next, hi);
            self.brif(more, further, &[], exit, &yields);
            self.b.switch_to_block(further);
            self.poll();
            self.jump(top, &again);
        } else {
            self.brif(more, loop_block, &again, exit, &yields);
        }
        self.b.switch_to_block(exit);
        self.params(exit)
    }

    /// Where a chunk that begins at `i` ends: at `hi`, which is greater, or earlier.
    fn end_of_chunk(&mut self, i: V, hi: V) -> V {
        let rest = self.b.ins().isub(hi, i);
        let long = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThan, rest, CHUNK);
        let end = self.b.ins().iadd_imm_s(i, CHUNK);
        self.b.ins().select(long, end, hi)
    }

    /// Whether a range is known to be no longer than a chunk.
    fn is_short_range(&self, lo: V, hi: V) -> bool {
        self.known(lo).zip(self.known(hi)).is_some_and(|(lo, hi)| hi.saturating_sub(lo) <= CHUNK)
    }

    pub(super) fn known(&self, v: V) -> Option<i64> {
        let inst = self.b.func.dfg.value_def(v).inst()?;
        match self.b.func.dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
            _ => None,
        }
    }

    /// Whether an iteration may take long: it has a loop or a call in it. Others are not worth a poll.
    pub(super) fn is_long(&self, region: Region) -> bool {
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
        let carried = self.sized(&data.results, &data.args);
        let types = self.kinds(&data.results);
        let (loop_block, exit) = (self.block(&types), self.block(&types));
        if self.is_short(condition) {
            self.test(condition, &carried, loop_block, exit);
            self.join(loop_block, &data.results, &func.regions[body].params);
            self.poll();
            let mut yields = self.sized_region(&data.results, body);
            for _ in 1..self.copies(body) {
                let next = self.block(&types);
                self.test(condition, &yields, next, exit);
                self.join(next, &data.results, &func.regions[body].params);
                yields = self.sized_region(&data.results, body);
            }
            self.test(condition, &yields, loop_block, exit);
        } else {
            let top = self.block(&types);
            self.jump(top, &carried);
            self.b.switch_to_block(top);
            let carried = self.params(top);
            self.test(condition, &carried, loop_block, exit);
            self.join(loop_block, &data.results, &func.regions[body].params);
            self.poll();
            let yields = self.sized_region(&data.results, body);
            self.jump(top, &yields);
        }
        self.join(exit, &data.results, &data.results);
    }

    /// How often the body of an uncounted loop stands in the code: if it is short, moves from trip to trip and looks at whether to stop are
    /// a good part of it. Both numbers found by trying, on sweeps of recursions.
    fn copies(&self, body: Region) -> usize {
        let insts = &self.func.regions[body].insts;
        let is_plain = |inst: &Inst| {
            let data = &self.func.insts[*inst];
            data.regions.is_empty() && !matches!(data.op, Op::Call(_) | Op::Host(_))
        };
        if insts.len() <= 12 && insts.iter().all(is_plain) { 4 } else { 1 }
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
