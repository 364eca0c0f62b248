//! Sums and inner products in the order that the language lays down: eight lanes, then a tree; see `ReduceOp::Sum`.

use super::*;

const LANES: i64 = 8;

/// `(elements, count)`
pub(super) fn sum<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V], ty: ClifType) {
    lanes(code, &params[..1], params[1], ty);
}

/// `(elements, elements, count)`
pub(super) fn dot<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V], ty: ClifType) {
    lanes(code, &params[..2], params[2], ty);
}

/// Sums of the products of elements of the arrays. Whole rounds of eight are done in vectors, where the machine has them.
fn lanes<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, arrays: &[V], count: V, ty: ClifType) {
    let vector = if code.clif.isa().name() == "riscv64" { ty } else { ty.by(16 / ty.bytes()).expect("a vector type") };
    let parts = LANES as u32 / vector.lane_count();
    let rounds = code.b.ins().ushr_imm_u(count, 3);
    let zero = zero(code, vector);
    let sums = code.count_up(rounds, &vec![zero; parts as usize], |code, round, sums| {
        let offset = code.b.ins().imul_imm_s(round, LANES * ty.bytes() as i64);
        let bases: Vec<V> = arrays.iter().map(|a| code.b.ins().iadd(*a, offset)).collect();
        let add = |(k, sum): (usize, &V)| {
            let term = product(code, &bases, vector, (k as u32 * vector.bytes()) as i32);
            code.b.ins().fadd(*sum, term)
        };
        sums.iter().enumerate().map(add).collect()
    });
    let slot = code.slot(LANES as u32 * ty.bytes());
    for (k, sum) in sums.iter().enumerate() {
        code.store(*sum, slot, (k as u32 * vector.bytes()) as i32);
    }
    add_rest(code, arrays, count, ty, slot);
    let mut lane: Vec<V> = Vec::new();
    for k in 0..LANES as i32 {
        lane.push(code.b.ins().load(ty, MemFlagsData::trusted(), slot, k * ty.bytes() as i32));
    }
    let total = combine(code, &lane);
    code.b.ins().return_(&[total]);
}

fn zero<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, ty: ClifType) -> V {
    let scalar = if ty.lane_type() == F32 { code.b.ins().f32const(0.0) } else { code.b.ins().f64const(0.0) };
    if ty.is_vector() { code.b.ins().splat(ty, scalar) } else { scalar }
}

fn product<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, bases: &[V], ty: ClifType, offset: i32) -> V {
    // Elements are aligned as elements, not as vectors.
    let flags = MemFlagsData::new().with_can_move();
    let first = code.b.ins().load(ty, flags, bases[0], offset);
    match bases.get(1) {
        Some(other) => {
            let second = code.b.ins().load(ty, flags, *other, offset);
            code.b.ins().fmul(first, second)
        }
        None => first,
    }
}

/// The elements behind the last whole round, each to its lane.
fn add_rest<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, arrays: &[V], count: V, ty: ClifType, slot: V) {
    let rest = code.b.ins().band_imm_u(count, LANES - 1);
    let done = code.b.ins().isub(count, rest);
    code.count_up(rest, &[], |code, i, _| {
        let number = code.b.ins().iadd(done, i);
        let offset = code.b.ins().imul_imm_s(number, ty.bytes() as i64);
        let bases: Vec<V> = arrays.iter().map(|a| code.b.ins().iadd(*a, offset)).collect();
        let term = product(code, &bases, ty, 0);
        let at = code.b.ins().imul_imm_s(i, ty.bytes() as i64);
        let at = code.b.ins().iadd(slot, at);
        let lane = code.b.ins().load(ty, MemFlagsData::trusted(), at, 0);
        let sum = code.b.ins().fadd(lane, term);
        code.store(sum, at, 0);
        Vec::new()
    });
}

/// `((l0 + l4) + (l2 + l6)) + ((l1 + l5) + (l3 + l7))`
fn combine<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, l: &[V]) -> V {
    let mut add = |a: V, b: V| code.b.ins().fadd(a, b);
    let (a, b, c, d) = (add(l[0], l[4]), add(l[2], l[6]), add(l[1], l[5]), add(l[3], l[7]));
    let (left, right) = (add(a, b), add(c, d));
    add(left, right)
}
