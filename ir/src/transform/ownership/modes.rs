//! What each operation does with the references of its operands, and which parameters a function takes over.

use super::each_inst;
use crate::entity::Entity;
use crate::{FuncId, Function, Inst, Module, Op, Value};
use rustc_hash::FxHashMap;

/// What a use does with the reference of a heap value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    /// Looks at it.
    Borrow,
    /// Consumes the reference: stores it, passes it on.
    Take,
    /// Consumes the reference and changes the object in place: it must be the only one.
    Update,
}

/// How operand number `arg` of an instruction is used. Only meaningful for operands of heap type.
pub(super) fn use_of(func: &Function, owned_params: &[Vec<bool>], inst: Inst, arg: usize) -> Use {
    let data = &func.insts[inst];
    let last = arg + 1 == data.args.len();
    match &data.op {
        Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::Push | Op::Pop if arg == 0 => Use::Update,
        Op::Take(_) | Op::Put if arg == 0 => Use::Update,
        Op::Put if last => Use::Take,
        Op::Take(_) | Op::Put => Use::Borrow,
        // A whole element of heap type moves in; a sub-array is copied in.
        Op::Set(_) if last && data.args.len() - 2 == func.value_type(data.args[0]).rank() => Use::Take,
        Op::Push => Use::Take,
        Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) | Op::Pop => Use::Borrow,
        // The runtime looks at the count, at every level.
        Op::AddTangent if arg == 0 => Use::Take,
        Op::AddTangent => Use::Borrow,
        Op::Elements | Op::NodeNew { .. } | Op::StopGrad => Use::Take,
        Op::For | Op::While | Op::Release | Op::Unshare => Use::Take,
        Op::Call(callee) if owned_params[callee.index()][arg] => Use::Take,
        Op::Call(_) => Use::Borrow,
        Op::Const(_) | Op::Undef | Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select => Use::Borrow,
        Op::Convert(_) | Op::Fill | Op::Dim(_) | Op::Get(_) | Op::Slice(_) | Op::Reshape => Use::Borrow,
        Op::Map | Op::Build | Op::Reduce(_) | Op::Dot | Op::MatMul { .. } | Op::MatVec { .. } => Use::Borrow,
        Op::Outer | Op::SortPermutation | Op::NodeTag | Op::NodeGet { .. } | Op::ZerosLike => Use::Borrow,
        Op::Concat | Op::Format(_) | Op::If | Op::Switch | Op::Check(_) | Op::Trap | Op::Host(_) => Use::Borrow,
        Op::Retain => Use::Borrow,
    }
}

/// For each function and parameter, whether the function takes the reference over: it does if it consumes the
/// parameter anywhere, because then a caller that is done with the value gives its reference away without counting. The least
/// fixed point over calls that pass a parameter on.
pub(super) fn owned_params(module: &Module) -> Vec<Vec<bool>> {
    let mut owned: Vec<Vec<bool>> = module.funcs.values().map(|f| vec![false; f.params.len()]).collect();
    let mut passed_on: FxHashMap<(FuncId, usize), Vec<(FuncId, usize)>> = FxHashMap::default();
    let mut work = Vec::new();
    for (id, func) in module.funcs.iter() {
        for (param, use_) in param_uses(func, &owned) {
            match use_ {
                ParamUse::Taken => work.push((id, param)),
                ParamUse::Passed(callee, arg) => passed_on.entry((callee, arg)).or_default().push((id, param)),
            }
        }
    }
    while let Some((id, param)) = work.pop() {
        if !std::mem::replace(&mut owned[id.index()][param], true) {
            work.extend(passed_on.get(&(id, param)).into_iter().flatten().copied());
        }
    }
    owned
}

enum ParamUse {
    Taken,
    /// As this argument of this function.
    Passed(FuncId, usize),
}

/// Uses of heap parameters that consume, or may.
fn param_uses(func: &Function, none_owned: &[Vec<bool>]) -> Vec<(usize, ParamUse)> {
    let Some(entry) = func.entry() else { return Vec::new() };
    let params = func.regions[entry].params.iter().enumerate().filter(|(_, p)| func.value_type(**p).is_heap());
    let numbers: FxHashMap<Value, usize> = params.map(|(i, p)| (*p, i)).collect();
    if numbers.is_empty() {
        return Vec::new();
    }
    let mut uses = Vec::new();
    let taken = |values: &[Value], uses: &mut Vec<_>| {
        uses.extend(values.iter().filter_map(|v| numbers.get(v)).map(|p| (*p, ParamUse::Taken)));
    };
    taken(&func.regions[entry].yields, &mut uses);
    each_inst(func, entry, &mut |inst| {
        let data = &func.insts[inst];
        data.regions.iter().for_each(|r| taken(&func.regions[*r].yields, &mut uses));
        for (arg, value) in data.args.iter().enumerate() {
            let Some(param) = numbers.get(value) else { continue };
            match (&data.op, use_of(func, none_owned, inst, arg)) {
                (Op::Call(callee), _) => uses.push((*param, ParamUse::Passed(*callee, arg))),
                (_, Use::Take | Use::Update) => uses.push((*param, ParamUse::Taken)),
                (_, Use::Borrow) => {}
            }
        }
    });
    uses
}
