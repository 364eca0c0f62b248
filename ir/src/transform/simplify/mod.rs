//! Instructions that can be seen to give a constant, an operand, or what a cheaper instruction gives.
//!
//! One walk in order of execution. Operands are resolved when the walk reaches an instruction, so a simplification
//! is seen by everything after it; regions of a branch that is certainly taken are spliced into their place.
//!
//! ```text
//! %c = lt 1, 2                                     %s = mul %x, %x
//! %r = if %c { %s = mul %x, %x; yield %s }   ->    yield %s
//!      else { yield %x }
//! yield %r
//! ```
//!
//! The rules are in [`fold`] (constants), [`scalar`], [`array`], [`node`] and [`control`]. All are exact: `x + 0.0` stays,
//! for it turns -0.0 into 0.0, unless `x` cannot be -0.0; `x * 0.0` stays for the sake of infinity and NaN.
//!
//! `dim` of an array that was derived from another one of the same shape reads the *first* of these, right where that is
//! defined: reading an old version of an array at a later place would keep it alive, and cost a copy at its next update.
//!
//! *Before the derivative* ([`Stage::Primal`]) no `if` becomes a `select`: the adjoint of the side not taken would be
//! computed with a zero seed, which gives NaN where that side has an infinite slope. `stop_grad` stays as well.
//! *Not here:* sharing of equal instructions (`gvn`), removal of dead ones (`dce`). *Cost:* linear.

mod array;
mod control;
mod fold;
mod node;
mod scalar;

use crate::analysis::{Definitions, Shapes, Table, definitions};
use crate::function::{Function, Inst, InstData, Region, Value};
use crate::location::SrcLoc;
use crate::opcode::{Const, Op};
use crate::transform::Stage;
use crate::transform::replacement::Replacements;
use crate::types::Type;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

type Args = SmallVec<[Value; 4]>;

/// Simplifies a function once over. Gives the number of changes.
pub fn run(func: &mut Function, stage: Stage) -> usize {
    let Some(entry) = func.entry() else { return 0 };
    let definitions = Definitions::of_function(func);
    let shapes = Shapes::of_function(func);
    let uses = definitions::count_uses(func);
    let only_read = definitions::only_read(func);
    let mut simplifier = Simplifier {
        func,
        stage,
        definitions,
        shapes,
        uses,
        only_read,
        replaced: Replacements::default(),
        out: Vec::new(),
        sizes: FxHashMap::default(),
        loc: SrcLoc::NONE,
        changes: 0,
    };
    simplifier.region(entry);
    let Simplifier { sizes, changes, .. } = simplifier;
    if !sizes.is_empty() {
        place_sizes(func, entry, &sizes);
    }
    changes
}

/// What an instruction with one result can be replaced by.
enum Simpler {
    Value(Value),
    Const(Const),
    Op(Op, Args),
}

struct Simplifier<'f> {
    func: &'f mut Function,
    stage: Stage,
    definitions: Definitions,
    shapes: Shapes,
    /// Uses of each value before the walk.
    uses: Table<Value, u32>,
    /// Arrays that nothing updates or hands on, so that reading them longer costs nothing.
    only_read: Table<Value, bool>,
    replaced: Replacements,
    /// The instructions of the region that is being walked, as far as they are done.
    out: Vec<Inst>,
    /// `dim` instructions to be placed behind the definitions of arrays.
    sizes: FxHashMap<Value, Vec<(u8, Inst)>>,
    loc: SrcLoc,
    changes: usize,
}

impl Simplifier<'_> {
    fn region(&mut self, region: Region) {
        let outer = std::mem::take(&mut self.out);
        self.insts_of(region);
        self.replaced.resolve_yields(self.func, region);
        self.func.regions[region].insts = std::mem::replace(&mut self.out, outer);
    }

    /// Walks the instructions of a region into the current place.
    fn insts_of(&mut self, region: Region) {
        for inst in std::mem::take(&mut self.func.regions[region].insts) {
            self.inst(inst);
        }
    }

    fn inst(&mut self, inst: Inst) {
        self.replaced.resolve_args(self.func, inst);
        self.loc = self.func.insts[inst].loc;
        if !self.func.insts[inst].regions.is_empty() {
            return self.control(inst);
        }
        match self.func.insts[inst].results.len() {
            0 if self.is_idle(inst) => self.changes += 1,
            1 => self.plain(inst),
            2 if self.cancels(inst) => self.changes += 1,
            _ => self.out.push(inst),
        }
    }

    fn plain(&mut self, inst: Inst) {
        let data = &self.func.insts[inst];
        let (op, args, result) = (data.op.clone(), data.args.clone(), data.results[0]);
        match self.simpler(&op, &args, self.func.value_type(result)) {
            None => return self.out.push(inst),
            Some(Simpler::Value(v)) => self.replaced.replace(result, v),
            Some(Simpler::Const(c)) => {
                self.rewrite(inst, Op::Const(c), SmallVec::new());
                self.out.push(inst);
            }
            Some(Simpler::Op(op, args)) => {
                self.rewrite(inst, op, args);
                self.plain(inst);
            }
        }
        self.changes += 1;
    }

    fn rewrite(&mut self, inst: Inst, op: Op, args: Args) {
        let data = &mut self.func.insts[inst];
        (data.op, data.args) = (op, args);
    }

    fn simpler(&mut self, op: &Op, args: &[Value], ty: Type) -> Option<Simpler> {
        self.folded(op, args).map(Simpler::Const).or_else(|| match op {
            Op::Unary(op) => self.unary(*op, args[0], ty),
            Op::Binary(op) => self.binary(*op, args[0], args[1], ty),
            Op::Compare(op) => self.compare(*op, args[0], args[1]),
            Op::Select => self.select(args[0], args[1], args[2]),
            Op::Convert(_) => self.convert(args[0], ty),
            Op::StopGrad if self.stage == Stage::Full => Some(Simpler::Value(args[0])),
            Op::Dim(axis) => self.dim_of(args[0], *axis),
            Op::Get(access) => self.get(*access, args[0], &args[1..]),
            Op::Set(access) => self.set(*access, args),
            Op::Slice(_) => self.slice(args[0], args[1], args[2]),
            Op::Reshape => self.reshape(args[0], &args[1..]),
            Op::NodeTag => self.node_tag(args[0]),
            Op::NodeGet { case, field } => self.node_get(args[0], *case, *field),
            Op::ZerosLike => self.zeros_like(args[0], ty),
            Op::AddTangent => self.add_tangent(args[0], args[1], ty),
            Op::Concat if args.len() == 1 => Some(Simpler::Value(args[0])),
            Op::Const(_) | Op::Undef | Op::StopGrad | Op::Fill | Op::Elements | Op::AddAt(_) | Op::SetSlice(_) => None,
            Op::Put => self.put(args),
            Op::Take(_) | Op::AddSlice(_) | Op::Push | Op::Pop | Op::Map | Op::Build | Op::Reduce(_) | Op::Dot => None,
            Op::MatMul { .. } | Op::MatVec { .. } | Op::Outer | Op::SortPermutation | Op::NodeNew { .. } => None,
            Op::Concat | Op::Format(_) | Op::If | Op::Switch | Op::For | Op::While | Op::Call(_) => None,
            Op::Check(_) | Op::Trap | Op::Host(_) | Op::Retain | Op::Release | Op::Unshare => None,
        })
    }

    /// The value of an instruction that is to stand here, as simple as can be.
    fn emit(&mut self, op: Op, args: &[Value], ty: Type) -> Value {
        match self.simpler(&op, args, ty) {
            None => self.append(op, args, ty),
            Some(Simpler::Value(v)) => v,
            Some(Simpler::Const(c)) => self.append(Op::Const(c), &[], ty),
            Some(Simpler::Op(op, args)) => self.emit(op, &args, ty),
        }
    }

    fn append(&mut self, op: Op, args: &[Value], ty: Type) -> Value {
        let inst = self.create(op, args, ty);
        self.out.push(inst);
        self.func.insts[inst].results[0]
    }

    fn create(&mut self, op: Op, args: &[Value], ty: Type) -> Inst {
        let results = SmallVec::from_slice(&[self.func.new_value(ty, None)]);
        let data = InstData { op, args: args.into(), regions: SmallVec::new(), results, loc: self.loc };
        let inst = self.func.insts.push(data);
        self.definitions.record(self.func, inst);
        inst
    }

    fn constant(&mut self, c: Const, ty: Type) -> Value {
        self.append(Op::Const(c), &[], ty)
    }

    /// A check that holds, or an instruction without results that does nothing.
    fn is_idle(&self, inst: Inst) -> bool {
        let data = &self.func.insts[inst];
        matches!(data.op, Op::Check(_)) && self.known_bool(data.args[0]) == Some(true)
    }

    fn known(&self, v: Value) -> Option<&Const> {
        self.definitions.constant(self.func, v)
    }

    fn known_int(&self, v: Value) -> Option<i64> {
        self.definitions.int(self.func, v)
    }

    fn known_bool(&self, v: Value) -> Option<bool> {
        match self.known(v) {
            Some(Const::Bool(b)) => Some(*b),
            Some(_) | None => None,
        }
    }

    /// The operation and operands that give `v`.
    fn made_by(&self, v: Value) -> Option<(&Op, &[Value])> {
        self.definitions.inst(self.func, v).map(|data| (&data.op, &data.args[..]))
    }

    /// `dim` of `x`, placed right behind the definition of `x`.
    fn size_at_definition(&mut self, x: Value, axis: u8) -> Value {
        let known = self.sizes.get(&x).and_then(|sizes| sizes.iter().find(|(k, _)| *k == axis));
        let inst = match known {
            Some((_, inst)) => *inst,
            None => {
                let inst = self.create(Op::Dim(axis), &[x], Type::I64);
                self.sizes.entry(x).or_default().push((axis, inst));
                inst
            }
        };
        self.func.insts[inst].results[0]
    }
}

/// Inserts the sizes that were asked for behind the definitions of their arrays.
fn place_sizes(func: &mut Function, region: Region, sizes: &FxHashMap<Value, Vec<(u8, Inst)>>) {
    let sizes_of = |values: &[Value]| -> Vec<Inst> {
        values.iter().filter_map(|v| sizes.get(v)).flatten().map(|(_, inst)| *inst).collect()
    };
    let mut placed = sizes_of(&func.regions[region].params);
    for inst in std::mem::take(&mut func.regions[region].insts) {
        for inner in func.insts[inst].regions.clone() {
            place_sizes(func, inner, sizes);
        }
        placed.push(inst);
        placed.extend(sizes_of(&func.insts[inst].results));
    }
    func.regions[region].insts = placed;
}
