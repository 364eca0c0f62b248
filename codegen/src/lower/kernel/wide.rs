//! Kernels in vectors of more than 128 bits: the call of the function that `crate::wide` makes.
//!
//! What the function needs is put into words of the frame, and what it leaves is read there. It runs as many trips as it can and
//! says where it came to; the loop behind goes on from there.

use super::outline::Outlined;
use super::*;
use crate::wide::{self, How, Level, Reach, Words};
use cranelift_codegen::ir::{AbiParam, Signature, StackSlotData, StackSlotKind};
use cranelift_module::DataDescription;
use dprog_runtime::layout::data_offset;

/// Which wide code functions may have.
#[derive(Clone, Debug)]
pub struct Widest {
    /// The widest first.
    pub levels: SmallVec<[Level; 2]>,
    pub reach: Reach,
    pub machine: Target,
}

/// Where the code will run.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// On a machine that has the levels.
    Known,
    /// Who knows: a byte, once it is needed, says what the machine has, and a function finds it out.
    Any(Option<(DataId, ClifFuncId)>),
}

/// A kernel as a wide function.
pub(super) struct Wide {
    function: ClifFuncId,
    /// It runs a multiple of so many trips.
    width: i64,
    /// So many at once.
    pub block: usize,
    level: Level,
}

/// Fewer trips are not worth the call: of heavy ones, where two lanes take nearly as long as eight, and of others. By measurement.
const LEAST_HEAVY: i64 = 3;
const LEAST: i64 = 16;
/// Those with a part that goes lane by lane leave less to do in vectors. By measurement of a short recurrence.
const LEAST_ORDERED: i64 = 128;

impl<M: ClifModule> Lower<'_, '_, M> {
    /// The wide forms of a kernel, if there may be enough trips; the widest first.
    pub(super) fn wide_forms(&mut self, kernel: &Kernel, trips: V) -> Vec<Wide> {
        let Some(widest) = self.program.widest.clone() else { return Vec::new() };
        if self.known(trips).is_some_and(|trips| trips < least(kernel)) {
            return Vec::new();
        }
        widest.levels.iter().filter_map(|level| self.wide_form(kernel, *level, widest.reach)).collect()
    }

    fn wide_form(&mut self, kernel: &Kernel, level: Level, reach: Reach) -> Option<Wide> {
        let how = How { polls: !self.is_bare(), contract: self.program.contract };
        let offsets: Vec<i32> = kernel.arrays.values().map(|a| data_offset(self.ty(a.value).rank())).collect();
        let bytes = wide::compile(kernel, &offsets, level, how, reach)?;
        let (width, block) = (bytes.width as i64, bytes.block);
        Some(Wide { function: self.wide_function(bytes, level, reach), width, block, level })
    }

    fn wide_function(&mut self, bytes: wide::Bytes, level: Level, reach: Reach) -> ClifFuncId {
        let mut signature = Signature::new(self.clif.isa().default_call_conv());
        signature.params.push(AbiParam::new(PTR));
        signature.returns.push(AbiParam::new(types::I32));
        let id = self.clif.declare_anonymous_function(&signature).expect("a function can be declared");
        let helpers = bytes.missing.iter().map(|m| (m.offset, self.rare_function(m.helper))).collect();
        self.program.outlined.push(Outlined::Wide { id, bytes, loc: self.loc, helpers, level, reach });
        id
    }

    pub(super) fn knows_machine(&self) -> bool {
        matches!(&self.program.widest, Some(Widest { machine: Target::Known, .. }))
    }

    /// Goes to one of several blocks, for the forms and for that in 128 bits.
    pub(super) fn choose_form<'w>(
        &mut self,
        kernel: &Kernel,
        wide: &'w [Wide],
        trips: V,
    ) -> Vec<(Block, Option<&'w Wide>)> {
        let narrowly = self.b.create_block();
        let mut blocks = Vec::new();
        if !wide.is_empty() {
            let enough = self.b.ins().icmp_imm_s(IntCC::SignedGreaterThanOrEqual, trips, least(kernel));
            let many = self.b.create_block();
            self.brif(enough, many, &[], narrowly, &[]);
            self.b.switch_to_block(many);
            let here = if self.knows_machine() { None } else { Some(self.level_of_machine()) };
            for form in wide {
                let (block, next) = (self.b.create_block(), self.b.create_block());
                match here {
                    None => self.jump(block, &[]),
                    Some(here) => {
                        let number = form.level.number() as i64;
                        let has = self.b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, here, number);
                        self.brif(has, block, &[], next, &[]);
                    }
                }
                blocks.push((block, Some(form)));
                self.b.switch_to_block(next);
            }
        }
        self.jump(narrowly, &[]);
        blocks.push((narrowly, None));
        blocks
    }

    /// What the machine has that runs the code: a byte, found out when it is first asked for. Threads may do that at once; they find the same.
    fn level_of_machine(&mut self) -> V {
        let (byte, detect) = self.detection();
        let global = self.clif.declare_data_in_func(byte, self.b.func);
        let at = self.b.ins().symbol_value(PTR, global);
        let known = self.load(types::I8, Memory::Level, at, 0);
        let (unknown, next) = (self.cold_block(), self.block(&[types::I8]));
        self.brif(known, next, &[known], unknown, &[]);
        self.b.switch_to_block(unknown);
        let callee = self.clif.declare_func_in_func(detect, self.b.func);
        let call = self.b.ins().call(callee, &[]);
        let found = self.b.inst_results(call)[0];
        let found = self.b.ins().ireduce(types::I8, found);
        self.store(Memory::Level, found, at, 0);
        self.jump(next, &[found]);
        self.b.switch_to_block(next);
        self.params(next)[0]
    }

    /// The byte, and the function.
    fn detection(&mut self) -> (DataId, ClifFuncId) {
        let widest = self.program.widest.as_mut().expect("there are wide forms");
        if let Target::Any(Some(known)) = widest.machine {
            return known;
        }
        let byte = self.clif.declare_anonymous_data(true, false).expect("data can be declared");
        let mut data = DataDescription::new();
        data.define_zeroinit(1);
        self.clif.define_data(byte, &data).expect("declared just now");
        let mut signature = Signature::new(self.clif.isa().default_call_conv());
        signature.returns.push(AbiParam::new(types::I32));
        let detect = self.clif.declare_anonymous_function(&signature).expect("a function can be declared");
        self.clif.define_function_bytes(detect, 16, &wide::DETECT, &[]).expect("declared just now");
        widest.machine = Target::Any(Some((byte, detect)));
        (byte, detect)
    }

    /// Runs the wide form; gives the counter and what is carried, with which the loop goes on.
    pub(super) fn run_wide(&mut self, kernel: &Kernel, wide: &Wide, at: &Bounds, trips: V) -> Vec<V> {
        let whole = if wide.width == 1 { trips } else { self.b.ins().band_imm_s(trips, -wide.width) };
        let end = self.b.ins().iadd(at.lo, whole);
        let words = Words::of(kernel);
        let bytes = 8 * words.count as u32;
        let slot = self.b.create_sized_stack_slot(StackSlotData::new(StackSlotKind::ExplicitSlot, bytes, 4));
        let block = self.b.ins().stack_addr(PTR, slot, 0);
        let mut k = Lanes::new(kernel, kernel.cost.lanes());
        self.kernel_inputs(&mut k, at);
        self.place_tiles(&mut k, at, wide.block);
        let before = self.before_trips(&k, at);
        self.call_wide(&k, wide.function, block, &Bounds { hi: end, carried: &before, ..*at });
        let kinds: Vec<ClifType> = before.iter().map(|v| self.b.func.dfg.value_type(*v)).collect();
        let read = |this: &mut Self, ty, n: usize| this.load(ty, Memory::Stack, block, 8 * n as i32);
        let handed_on: Vec<V> = kinds.iter().enumerate().map(|(n, ty)| read(self, *ty, words.ordered + n)).collect();
        let ordered = self.store_cells(&k, end, &handed_on);
        let folds: Vec<V> = (words.folds..words.count).step_by(2).map(|n| read(self, types::F64X2, n)).collect();
        // The lanes of a sum are in their places, as if the next trip were that of the first.
        let folds = Accumulated { vectors: &folds, each: 4, next: self.word(0) };
        self.carried_after(kernel, at, (whole, end), ordered, folds)
    }

    /// Calls the function for the trips; what is carried here is what the first of them takes over.
    fn call_wide(&mut self, k: &Lanes, id: ClifFuncId, block: V, at: &Bounds) {
        if !self.is_bare() {
            let flag = self.cancel_flag();
            self.put_word(block, Words::FLAG, flag);
        }
        self.put_word(block, Words::COUNTER, at.lo);
        self.put_word(block, Words::END, at.hi);
        let inputs = k.kernel.inputs.iter().filter(|(_, input)| !matches!(input, Input::Const(_)));
        let inputs: Vec<V> = inputs.map(|(num, _)| k.scalar(*num)).collect();
        let rest = at.carried.iter().chain(&k.bases).chain(&inputs);
        for (n, v) in rest.enumerate() {
            self.put_word(block, Words::FIRST + n, *v);
        }
        let callee = self.clif.declare_func_in_func(id, self.b.func);
        let call = self.b.ins().call(callee, &[block]);
        let status = self.b.inst_results(call)[0];
        self.note_call();
        if !self.is_bare() {
            let zero = self.word(0);
            self.trap_if(status, TrapCode::Cancelled, zero, zero);
        }
    }

    fn put_word(&mut self, block: V, at: usize, v: V) {
        let word = match self.b.func.dfg.value_type(v) {
            types::I8 | types::I32 => self.b.ins().uextend(types::I64, v),
            _ => v,
        };
        self.store(Memory::Stack, word, block, 8 * at as i32);
    }
}

/// How many trips the wide form is worth.
pub(super) fn least(kernel: &Kernel) -> i64 {
    if kernel.cost.heavy {
        LEAST_HEAVY
    } else if kernel.cost.ordered > 0.0 {
        LEAST_ORDERED
    } else {
        LEAST
    }
}
