//! Which array parameters of functions that are called from outside need no object: those that are only read.
//!
//! The elements of an object follow its header. Those of an array of the caller lie wherever they lie; so a parameter that
//! is only read is passed as two values, a header with the sizes and the place where the elements are (less the bytes that
//! a header would have). An ordinary array is its own header and its own place. What a parameter is passed on to must be able to
//! take it apart in the same way, which is found out by starting with all parameters and taking away.

use dprog_ir::entity::Entity;
use dprog_ir::{FuncId, Function, Module, Op, Region, Type, Value};
use rustc_hash::FxHashMap;

/// For each function and parameter, whether it is passed as two values.
pub type Borrowed = FxHashMap<FuncId, Vec<bool>>;

/// What a parameter is used for.
#[derive(Default)]
struct Uses {
    /// For something that needs an object.
    object: bool,
    /// Passed on to these.
    passed: Vec<(FuncId, usize)>,
}

/// Decides for some functions, which call only each other, and of which `entries` are called from outside. Marks are where an array
/// from outside may come.
pub fn borrowed(module: &Module, functions: impl Iterator<Item = FuncId>, entries: &[FuncId]) -> Borrowed {
    let mut uses: Vec<(FuncId, usize, Uses)> = Vec::new();
    let mut result = Borrowed::default();
    for id in functions {
        let func = &module.funcs[id];
        let Some(entry) = func.entry() else { continue };
        let found = uses_of_params(func, entry);
        result.insert(id, found.iter().map(|u| u.as_ref().is_some_and(|u| !u.object)).collect());
        uses.extend(found.into_iter().enumerate().filter_map(|(i, u)| Some((id, i, u?))));
    }
    loop {
        let mut changed = false;
        for (id, index, uses) in &uses {
            let lost = |(callee, i): &(FuncId, usize)| !result.get(callee).is_some_and(|marks| marks[*i]);
            if result[id][*index] && uses.passed.iter().any(lost) {
                changed = true;
                if let Some(marks) = result.get_mut(id) {
                    marks[*index] = false;
                }
            }
        }
        if !changed {
            return reached(&result, &uses, entries);
        }
    }
}

/// The marks of the entries, and of what they pass such parameters on to. Elsewhere one value is less than two.
fn reached(marks: &Borrowed, uses: &[(FuncId, usize, Uses)], entries: &[FuncId]) -> Borrowed {
    let mut passed: FxHashMap<(FuncId, usize), &[(FuncId, usize)]> = FxHashMap::default();
    passed.extend(uses.iter().map(|(id, index, uses)| ((*id, *index), &uses.passed[..])));
    let mut result: Borrowed = marks.iter().map(|(id, marks)| (*id, vec![false; marks.len()])).collect();
    let all = |id: &FuncId| (0..marks.get(id).map_or(0, Vec::len)).map(|index| (*id, index)).collect::<Vec<_>>();
    let mut work: Vec<(FuncId, usize)> = entries.iter().flat_map(all).collect();
    while let Some((id, index)) = work.pop() {
        let Some(mark) = result.get_mut(&id).map(|marks| &mut marks[index]) else { continue };
        if marks[&id][index] && !*mark {
            *mark = true;
            work.extend(passed.get(&(id, index)).into_iter().flat_map(|to| to.iter()));
        }
    }
    result
}

fn is_candidate(ty: Type) -> bool {
    ty.is_array() && ty.element().as_scalar().is_some()
}

/// For each parameter that is an array of scalars, what is done with it.
fn uses_of_params(func: &Function, entry: Region) -> Vec<Option<Uses>> {
    let params = &func.regions[entry].params;
    let mut of_value: Vec<Option<usize>> = vec![None; func.values.len()];
    let mut found: Vec<Option<Uses>> = Vec::new();
    for (i, param) in params.iter().enumerate() {
        let candidate = is_candidate(func.value_type(*param));
        of_value[param.index()] = candidate.then_some(i);
        found.push(candidate.then(Uses::default));
    }
    let mut regions = vec![entry];
    while let Some(region) = regions.pop() {
        let data = &func.regions[region];
        for v in &data.yields {
            need_object(&of_value, &mut found, *v);
        }
        for inst in &data.insts {
            let inst = &func.insts[*inst];
            regions.extend(&inst.regions);
            for (position, arg) in inst.args.iter().enumerate() {
                let Some(param) = of_value[arg.index()] else { continue };
                match &inst.op {
                    Op::Call(callee) => {
                        if let Some(uses) = &mut found[param] {
                            uses.passed.push((*callee, position));
                        }
                    }
                    op if reads(op, position) => {}
                    _ => need_object(&of_value, &mut found, *arg),
                }
            }
        }
    }
    found
}

fn need_object(of_value: &[Option<usize>], found: &mut [Option<Uses>], v: Value) {
    if let Some(uses) = of_value[v.index()].and_then(|i| found[i].as_mut()) {
        uses.object = true;
    }
}

/// Whether an operation reads this operand without keeping it. A count is never looked at where it is that of a header that is
/// no object: it is so great that it neither falls to zero nor is one.
pub(crate) fn reads(op: &Op, position: usize) -> bool {
    match op {
        Op::Dim(_)
        | Op::Get(_)
        | Op::Slice(_)
        | Op::Reshape
        | Op::Map
        | Op::Reduce(_)
        | Op::Dot
        | Op::MatMul { .. }
        | Op::MatVec { .. }
        | Op::Outer
        | Op::Retain
        | Op::Release
        | Op::Unshare
        | Op::AddTangent
        | Op::ZerosLike => true,
        // The array that is changed is an object; what is put into it need not be.
        Op::Set(_) | Op::AddAt(_) | Op::SetSlice(_) | Op::AddSlice(_) => position > 0,
        Op::Const(_)
        | Op::Undef
        | Op::Unary(_)
        | Op::Binary(_)
        | Op::Compare(_)
        | Op::Select
        | Op::Convert(_)
        | Op::StopGrad
        | Op::Fill
        | Op::Elements
        | Op::Push
        | Op::Pop
        | Op::Build
        | Op::SortPermutation
        | Op::NodeNew { .. }
        | Op::NodeTag
        | Op::NodeGet { .. }
        | Op::Concat
        | Op::Take(_)
        | Op::Put
        | Op::Format(_)
        | Op::If
        | Op::Switch
        | Op::For
        | Op::While
        | Op::Call(_)
        | Op::Check(_)
        | Op::Trap
        | Op::Host(_) => false,
    }
}
