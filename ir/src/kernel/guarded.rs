//! Products with a guard, as the rules of differentiation write them: `p · t`, but 0 where `t` is 0 and `p` is not finite.
//!
//! ```text
//! finite = lt (abs p), inf
//! moving = ne t, 0.0
//! keep = or finite, moving          →    c = guarded t, p
//! q = select keep, p, 0.0
//! c = mul t, q
//! ```
//!
//! Where `t` is 0 and `p` is not finite, the plain product is NaN, and the product by the zero in the place of `p` has the sign of
//! `t`: so a product, two comparisons and a choice do.

use super::{Carried, Input, Kernel, Num, NumOp, Step};
use crate::opcode::{BinaryOp, CompareOp, Const, UnaryOp};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The operations of a kernel by what they give.
pub(super) type Made = FxHashMap<Num, (NumOp, SmallVec<[Num; 3]>)>;

/// The number `p`, if the product of `t` and `guarded` is as above.
pub(super) fn partial(kernel: &Kernel, made: &Made, t: Num, guarded: Num) -> Option<Num> {
    let [keep, p, zero] = made_by(made, guarded, NumOp::Select)? else { return None };
    let [a, b] = made_by(made, *keep, NumOp::Binary(BinaryOp::Or))? else { return None };
    let ordered = |a, b| is_finite(kernel, made, a, *p) && is_moving(kernel, made, b, t);
    ((ordered(*a, *b) || ordered(*b, *a)) && is_float(kernel, *zero, 0.0)).then_some(*p)
}

fn is_finite(kernel: &Kernel, made: &Made, cond: Num, p: Num) -> bool {
    let Some([magnitude, bound]) = made_by(made, cond, NumOp::Compare(CompareOp::Lt)) else { return false };
    let Some([inner]) = made_by(made, *magnitude, NumOp::Unary(UnaryOp::Abs)) else { return false };
    let is_negated = |x: Num, y: Num| made_by(made, x, NumOp::Unary(UnaryOp::Neg)) == Some(&[y][..]);
    let same = *inner == p || is_negated(p, *inner) || is_negated(*inner, p);
    same && is_float(kernel, *bound, f64::INFINITY)
}

fn is_moving(kernel: &Kernel, made: &Made, cond: Num, t: Num) -> bool {
    let Some([x, zero]) = made_by(made, cond, NumOp::Compare(CompareOp::Ne)) else { return false };
    *x == t && is_float(kernel, *zero, 0.0)
}

fn is_float(kernel: &Kernel, num: Num, x: f64) -> bool {
    let found = kernel.constant(num);
    found == Some(&Const::f64(x)) || found == Some(&Const::f32(x as f32))
}

fn made_by(made: &Made, num: Num, op: NumOp) -> Option<&[Num]> {
    let (by, args) = made.get(&num)?;
    (*by == op).then_some(&args[..])
}

/// Removes operations whose results nobody uses.
pub(super) fn remove_unused(kernel: &mut Kernel) {
    let mut used = vec![false; kernel.numbers.len()];
    let mut mark = |num: Num| used[crate::entity::Entity::index(num)] = true;
    for carried in &kernel.carried {
        match carried {
            Carried::Ordered { next: used, .. }
            | Carried::Extreme { value: used, .. }
            | Carried::Sum { value: used, .. } => {
                mark(*used);
            }
            Carried::Array(_) | Carried::Same(_) | Carried::Steady { .. } => {}
        }
    }
    kernel.sum.iter().for_each(|num| mark(*num));
    kernel.cells.iter().for_each(|cell| mark(cell.next));
    for store in &kernel.late {
        mark(store.value);
        mark(store.place.number);
    }
    sweep(&mut kernel.ordered, &mut used);
    sweep(&mut kernel.body, &mut used);
    let is_used =
        |(num, input): &(Num, Input)| used[crate::entity::Entity::index(*num)] || !matches!(input, Input::Const(_));
    kernel.inputs.retain(is_used);
}

/// From the end to the beginning; an inner loop stays, with what it carries.
fn sweep(steps: &mut Vec<Step>, used: &mut [bool]) {
    use crate::entity::Entity;
    let mut kept = Vec::new();
    for mut step in std::mem::take(steps).into_iter().rev() {
        match &mut step {
            Step::Op { result, args, .. } => {
                if !used[result.index()] {
                    continue;
                }
                args.iter().for_each(|a| used[a.index()] = true);
            }
            Step::Load { result, place, .. } => {
                if !used[result.index()] {
                    continue;
                }
                used[place.number.index()] = true;
            }
            Step::Store(store) => {
                used[store.value.index()] = true;
                used[store.place.number.index()] = true;
            }
            Step::Pack { row, value, .. } => {
                used[row.index()] = true;
                used[value.index()] = true;
            }
            Step::Packed { result, row, .. } => {
                if !used[result.index()] {
                    continue;
                }
                used[row.index()] = true;
            }
            Step::Before { result, value } => {
                if !used[result.index()] {
                    continue;
                }
                used[value.index()] = true;
            }
            Step::Inner(inner) => {
                for carried in &inner.carried {
                    used[carried.next.index()] = true;
                    used[carried.init.index()] = true;
                }
                used[inner.lo.index()] = true;
                used[inner.hi.index()] = true;
                sweep(&mut inner.body, used);
            }
        }
        kept.push(step);
    }
    kept.reverse();
    *steps = kept;
}
