//! A sweep that ends by calling itself becomes a loop.
//!
//! Where a recursion first calls itself and then goes on, its sweep ends with the call of the inner sweep, since scalars have
//! accumulators there ([`super::accumulated`]). Before:
//!
//! ```text
//! func @f.rev(%t, %h, %s, %a) {                 func @f.rev(%t, %h0, %s0, %a0) {
//!   %c = …                                        %h, %s, %a = while (%h1 = %h0, %s1 = %s0, %a1 = %a0) {
//!   %r = if %c { …; yield %base } else {            %c1 = …; yield not %c1
//!     …                                           } do (%h2, %s2, %a2) {
//!     %q = call @f.rev(%t, %h1, %s1, %a1)           …; yield %h3, %s3, %a3
//!     yield %q                            →       }
//!   }                                             …; yield %base
//!   yield %r                                    }
//! }
//! ```
//!
//! The side that calls again may end with further branches, if all their sides do.
//!
//! So the sweep needs no stack of calls. It is done here and not in the optimizer because there a call
//! of the user's would no longer count for the limit on depth, which must not depend on the level of optimization.

use crate::copy::{Copies, copy_inst};
use dprog_ir::{Access, BinaryOp, Builder, FuncId, Function, Inst, Op, Region, Type, UnaryOp, Value};

/// Above this many instructions in front of the branch, which are written three times, it is left. Chosen by feeling.
const MOST_IN_FRONT: usize = 24;

/// What makes `func` such a function.
struct Tail {
    /// The instructions in front of the branch.
    front: Vec<Inst>,
    cond: Value,
    /// The side of the branch that calls again, the one for `true` being 0.
    again: usize,
    branches: [Region; 2],
    /// The calls at its end, more than one if that is a branch.
    calls: Vec<Inst>,
    /// The parameters that change from call to call.
    carried: Vec<usize>,
}

/// `func`, which is known as `id`, as a loop; `None` if it does not end by calling itself.
pub fn as_loop(func: &Function, id: FuncId) -> Option<Function> {
    let tail = find(func, id)?;
    let types: Vec<Type> = tail.carried.iter().map(|k| func.params[*k]).collect();
    let mut looping = Function::new(func.name.clone(), func.params.clone(), func.results.clone(), func.loc);
    let mut b = Builder::new(&mut looping);
    let mut copies = Copies::of(func);
    let params: Vec<Value> = (0..func.params.len()).map(|k| b.param(k)).collect();
    func.regions[func.entry()?].params.iter().zip(&params).for_each(|(param, v)| copies.set(*param, *v));
    let start: Vec<Value> = tail.carried.iter().map(|k| params[*k]).collect();

    b.open_region(&types);
    front(&mut b, func, &tail, &mut copies);
    let cond = copies.get(tail.cond);
    let go_on = if tail.again == 0 { cond } else { b.unary(UnaryOp::Not, cond) };
    let condition = b.close_region(&[go_on]);

    b.open_region(&types);
    front(&mut b, func, &tail, &mut copies);
    let next = next_trip(&mut b, func, tail.branches[tail.again], &tail, &mut copies);
    let body = b.close_region(&next);

    b.loc = func.insts[tail.calls[0]].loc;
    let inst = b.inst(Op::While, &start, &[condition, body], &types);
    let end = b.results(inst);
    bind_carried(func, &tail, &end, &mut copies);
    tail.front.iter().for_each(|inst| copy_inst(&mut b, func, *inst, &mut copies));
    let base = &func.regions[tail.branches[1 - tail.again]];
    base.insts.iter().for_each(|inst| copy_inst(&mut b, func, *inst, &mut copies));
    let results = copies.all(&base.yields);
    b.finish(&results);
    Some(looping)
}

/// Writes a region that ends with calls, but for these. Gives what the next activation begins with.
fn next_trip(b: &mut Builder, func: &Function, region: Region, tail: &Tail, copies: &mut Copies) -> Vec<Value> {
    let (last, before) = func.regions[region].insts.split_last().expect("it ends with a call");
    before.iter().for_each(|inst| copy_inst(b, func, *inst, copies));
    let data = &func.insts[*last];
    if data.op != Op::If {
        return tail.carried.iter().map(|k| copies.get(data.args[*k])).collect();
    }
    let mut sides = Vec::new();
    for side in &data.regions {
        b.open_region(&[]);
        let next = next_trip(b, func, *side, tail, copies);
        sides.push(b.close_region(&next));
    }
    b.loc = data.loc;
    let types: Vec<Type> = tail.carried.iter().map(|k| func.params[*k]).collect();
    let inst = b.inst(Op::If, &[copies.get(data.args[0])], &sides, &types);
    b.results(inst)
}

fn bind_carried(func: &Function, tail: &Tail, to: &[Value], copies: &mut Copies) {
    let params = &func.regions[func.entry().expect("a function just written")].params;
    tail.carried.iter().zip(to).for_each(|(k, v)| copies.set(params[*k], *v));
}

/// The instructions in front of the branch, at the start of a region with what the loop carries.
fn front(b: &mut Builder, func: &Function, tail: &Tail, copies: &mut Copies) {
    let params: Vec<Value> = (0..tail.carried.len()).map(|k| b.region_param(k)).collect();
    bind_carried(func, tail, &params, copies);
    tail.front.iter().for_each(|inst| copy_inst(b, func, *inst, copies));
}

fn find(func: &Function, id: FuncId) -> Option<Tail> {
    let entry = &func.regions[func.entry()?];
    let (branch, front) = entry.insts.split_last()?;
    let data = &func.insts[*branch];
    let may_repeat = front.len() <= MOST_IN_FRONT && front.iter().all(|inst| is_cheap(func, *inst));
    if data.op != Op::If || data.results[..] != entry.yields[..] || !may_repeat {
        return None;
    }
    let (again, calls) =
        data.regions.iter().enumerate().find_map(|(k, region)| Some((k, calls_at_end(func, *region, id)?)))?;
    let branches = [data.regions[0], data.regions[1]];
    let changes = |k: &usize| calls.iter().any(|call| func.insts[*call].args[*k] != entry.params[*k]);
    let carried: Vec<usize> = (0..func.params.len()).filter(changes).collect();
    Some(Tail { front: front.to_vec(), cond: data.args[0], again, branches, calls, carried })
}

/// The calls of `id` with which a region ends, if it ends with such on all ways.
fn calls_at_end(func: &Function, region: Region, id: FuncId) -> Option<Vec<Inst>> {
    let region = &func.regions[region];
    let last = *region.insts.last()?;
    let data = &func.insts[last];
    if data.results[..] != region.yields[..] {
        return None;
    }
    if data.op == Op::Call(id) {
        return Some(vec![last]);
    }
    if data.op != Op::If {
        return None;
    }
    let sides = data.regions.iter().map(|side| calls_at_end(func, *side, id));
    Some(sides.collect::<Option<Vec<_>>>()?.concat())
}

/// Whether an instruction may be done three times for once.
fn is_cheap(func: &Function, inst: Inst) -> bool {
    let data = &func.insts[inst];
    match &data.op {
        Op::Const(_) | Op::Undef | Op::Compare(_) | Op::Select | Op::Convert(_) | Op::StopGrad => true,
        Op::NodeGet { .. } | Op::NodeTag | Op::Dim(_) => true,
        Op::Unary(op) => matches!(op, UnaryOp::Neg | UnaryOp::Not | UnaryOp::Abs | UnaryOp::Sign),
        Op::Binary(op) => {
            let costly =
                [BinaryOp::Div, BinaryOp::Rem, BinaryOp::Pow, BinaryOp::Atan2, BinaryOp::Hypot, BinaryOp::Polygamma];
            !costly.contains(op)
        }
        Op::Get(access) => *access == Access::InBounds,
        Op::Fill | Op::Elements | Op::Set(_) | Op::AddAt(_) | Op::Slice(_) | Op::SetSlice(_) => false,
        Op::AddSlice(_) | Op::Push | Op::Pop | Op::Reshape | Op::Map | Op::Build | Op::Reduce(_) | Op::Dot => false,
        Op::Take(_) | Op::Put => false,
        Op::MatMul { .. } | Op::MatVec { .. } | Op::Outer | Op::SortPermutation | Op::NodeNew { .. } => false,
        Op::ZerosLike | Op::AddTangent | Op::Concat | Op::Format(_) | Op::If | Op::Switch | Op::For => false,
        Op::While | Op::Call(_) | Op::Check(_) | Op::Trap | Op::Host(_) => false,
        Op::Retain | Op::Release | Op::Unshare => false,
    }
}
