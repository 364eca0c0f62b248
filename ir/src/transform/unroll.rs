//! Loops over a few constant passes become straight code.
//!
//! ```text
//! %r = for %i in 0..3 carry (%s = %x) {               %0 = const 0 : i64
//!   %a = get.inbounds %v[%i]                           %a = get.inbounds %v[%0]
//!   %t = add %s, %a                            ->      %t = add %x, %a
//!   yield %t                                           …
//! }                                                    %t.2 = add %t.1, %a.2
//! ```
//!
//! What is gained is not the jumps but the constants: indices of small arrays become known, and `scalarize` can
//! take these apart. Loops are unrolled inside out, as long as the copies stay below [`LIMIT`] instructions; a `build` of one
//! axis with as few elements becomes `elements`.
//!
//! A loop that talks to the world stays: nothing would become faster, and who repeats a measurement, between two looks at the
//! clock, wants it to be made as often.
//!
//! *Not here:* partial unrolling, which belongs to code generation. *Cost:* linear in the code produced.

use super::replacement::Replacements;
use crate::analysis::Definitions;
use crate::function::{Function, Inst, InstData, Region, RegionData, Value};
use crate::opcode::{Const, Op};
use crate::rewrite::Copier;
use crate::types::Type;
use crate::walk;
use smallvec::SmallVec;

/// Passes of a loop, and instructions of all copies of its body together (gut feeling; a product of 3x3 matrices fits).
const PASSES: i64 = 8;
const LIMIT: usize = 160;
/// The same of bodies of a few instructions, as those that copy a row: the elements of a row are named then, and need be in no array.
const PASSES_OF_SHORT: i64 = 16;
const LIMIT_OF_SHORT: usize = 64;

/// Unrolls loops in a function. Gives their number.
pub fn run(func: &mut Function) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let definitions = Definitions::of_function(func);
    let mut unrolling = Unrolling { func, definitions, replaced: Replacements::default(), unrolled: 0 };
    unrolling.region(entry);
    unrolling.unrolled
}

struct Unrolling<'f> {
    func: &'f mut Function,
    definitions: Definitions,
    replaced: Replacements,
    unrolled: usize,
}

impl Unrolling<'_> {
    fn region(&mut self, region: Region) {
        let mut out = Vec::new();
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            self.replaced.resolve_args(self.func, inst);
            for inner in self.func.insts[inst].regions.clone() {
                self.region(inner);
            }
            match self.passes(inst) {
                Some((lo, hi)) if self.func.insts[inst].op == Op::For => self.unroll_loop(inst, lo, hi, &mut out),
                Some((_, count)) => self.unroll_build(inst, count, &mut out),
                None => out.push(inst),
            }
        }
        self.func.regions[region].insts = out;
        self.replaced.resolve_yields(self.func, region);
    }

    /// The limits of a loop that is worth being unrolled.
    fn passes(&self, inst: Inst) -> Option<(i64, i64)> {
        let data = &self.func.insts[inst];
        let int = |v: Value| self.definitions.int(self.func, v);
        let (lo, hi) = match data.op {
            Op::For => (int(data.args[0])?, int(data.args[1])?),
            Op::Build if data.args.len() == 1 => (0, int(data.args[0])?),
            _ => return None,
        };
        let passes = hi.checked_sub(lo)?;
        let (mut size, mut quiet) = (0, true);
        walk::for_each_inst(self.func, data.regions[0], &mut |inst| {
            size += 1;
            quiet &= !matches!(self.func.insts[inst].op, Op::Host(f) if !f.is_pure());
        });
        let fits = |most: i64, limit: usize| (1..=most).contains(&passes) && size * passes as usize <= limit;
        (quiet && (fits(PASSES, LIMIT) || fits(PASSES_OF_SHORT, LIMIT_OF_SHORT))).then_some((lo, hi))
    }

    fn unroll_loop(&mut self, inst: Inst, lo: i64, hi: i64, out: &mut Vec<Inst>) {
        let data = self.func.insts[inst].clone();
        let mut carried = data.args[2..].to_vec();
        for pass in lo..hi {
            carried = self.copy_body(&data, pass, &carried, out);
        }
        data.results.iter().zip(carried).for_each(|(result, v)| self.replaced.replace(*result, v));
        self.unrolled += 1;
    }

    fn unroll_build(&mut self, inst: Inst, count: i64, out: &mut Vec<Inst>) {
        let data = self.func.insts[inst].clone();
        let rows: Vec<Vec<Value>> = (0..count).map(|pass| self.copy_body(&data, pass, &[], out)).collect();
        for (k, result) in data.results.iter().enumerate() {
            let args = rows.iter().map(|row| row[k]).collect();
            self.push(Op::Elements, args, *result, &data, out);
        }
        self.unrolled += 1;
    }

    fn push(&mut self, op: Op, args: SmallVec<[Value; 4]>, result: Value, at: &InstData, out: &mut Vec<Inst>) {
        let results = SmallVec::from_slice(&[result]);
        out.push(self.func.insts.push(InstData { op, args, regions: SmallVec::new(), results, loc: at.loc }));
        self.definitions.record(self.func, out[out.len() - 1]);
    }

    /// A copy of the body for one pass; gives what it yields.
    fn copy_body(&mut self, data: &InstData, pass: i64, carried: &[Value], out: &mut Vec<Inst>) -> Vec<Value> {
        let counter = self.func.new_value(Type::I64, None);
        self.push(Op::Const(Const::I64(pass)), SmallVec::new(), counter, data, out);
        let body = data.regions[0];
        let params = self.func.regions[body].params.clone();
        let mut copier = Copier::within();
        copier.bind(params[0], counter);
        copier.bind_all(&params[1..], carried);
        let place = self.func.regions.push(RegionData::default());
        let yields = copier.append_insts(self.func, place, body);
        for inst in std::mem::take(&mut self.func.regions[place].insts) {
            self.definitions.record(self.func, inst);
            out.push(inst);
        }
        yields
    }
}
