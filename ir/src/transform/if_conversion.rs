//! Branches that only compute a few cheap numbers become straight code with `select`.
//!
//! ```text
//! %r = if %c { %a = mul %x, 2.0; yield %a } else { yield %x }     ->     %a = mul %x, 2.0
//!                                                                       %r = select %c, %a, %x
//! ```
//!
//! Both sides are computed, so they must be pure and cheap: at most [`LIMIT`] instructions of a few cycles each. A jump that
//! is mispredicted costs more than these; and a loop body without jumps can be lowered to vectors. Accesses stay where they
//! are, for they are in bounds only on their side. *Before the derivative* only choices among discrete numbers are converted, since they
//! have no adjoints ([`super::Stage::Primal`]): a sweep computes an index again where it would keep what a branch gave. *Cost:* linear.

use super::Stage;
use super::replacement::Replacements;
use crate::function::{Function, Inst, InstData, Region};
use crate::opcode::{BinaryOp, Op, UnaryOp};
use crate::types::Scalar;
use smallvec::SmallVec;

/// Instructions on both sides together, without constants, and results (gut feeling: about half a misprediction).
const LIMIT: usize = 6;
const RESULTS: usize = 4;

/// Converts branches in a function. Gives their number.
pub fn run(func: &mut Function, stage: Stage) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let mut conversion = Conversion { func, stage, replaced: Replacements::default(), converted: 0 };
    conversion.region(entry);
    conversion.converted
}

struct Conversion<'f> {
    func: &'f mut Function,
    stage: Stage,
    replaced: Replacements,
    converted: usize,
}

impl Conversion<'_> {
    fn region(&mut self, region: Region) {
        let mut out = Vec::new();
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            self.replaced.resolve_args(self.func, inst);
            for inner in self.func.insts[inst].regions.clone() {
                self.region(inner);
            }
            if self.is_cheap_choice(inst) {
                self.convert(inst, &mut out);
            } else {
                out.push(inst);
            }
        }
        self.func.regions[region].insts = out;
        self.replaced.resolve_yields(self.func, region);
    }

    fn is_cheap_choice(&self, inst: Inst) -> bool {
        let data = &self.func.insts[inst];
        if data.op != Op::If || data.results.is_empty() || data.results.len() > RESULTS {
            return false;
        }
        let fits = |s: Scalar| self.stage == Stage::Full || !s.is_float();
        let scalars = data.results.iter().all(|v| self.func.value_type(*v).as_scalar().is_some_and(fits));
        let insts = || data.regions.iter().flat_map(|region| &self.func.regions[*region].insts);
        let cheap = |inst: &Inst| is_cheap(self.func, &self.func.insts[*inst]);
        let work = insts().filter(|inst| !matches!(self.func.insts[**inst].op, Op::Const(_))).count();
        scalars && work <= LIMIT && insts().all(cheap)
    }

    fn convert(&mut self, inst: Inst, out: &mut Vec<Inst>) {
        let data = self.func.insts[inst].clone();
        for region in &data.regions {
            out.append(&mut self.func.regions[*region].insts);
        }
        let [then, otherwise] = [0, 1].map(|k| self.func.regions[data.regions[k]].yields.clone());
        for (k, result) in data.results.iter().enumerate() {
            if then[k] == otherwise[k] {
                self.replaced.replace(*result, then[k]);
                continue;
            }
            let args = SmallVec::from_slice(&[data.args[0], then[k], otherwise[k]]);
            let results = SmallVec::from_slice(&[*result]);
            out.push(self.func.insts.push(InstData {
                op: Op::Select,
                args,
                regions: SmallVec::new(),
                results,
                loc: data.loc,
            }));
        }
        self.converted += 1;
    }
}

/// Pure, and a few cycles.
fn is_cheap(func: &Function, data: &InstData) -> bool {
    let Some(result) = data.results.first() else { return false };
    let float = func.value_type(*result).is_float();
    match &data.op {
        Op::Unary(op) => matches!(op, UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs),
        Op::Binary(BinaryOp::Div) => float,
        Op::Binary(BinaryOp::Min | BinaryOp::Max | BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul) => true,
        Op::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Xor | BinaryOp::Shl | BinaryOp::Shr) => true,
        op => matches!(op, Op::Const(_) | Op::Compare(_) | Op::Select | Op::Convert(_)) && data.results.len() == 1,
    }
}
