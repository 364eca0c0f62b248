//! Powers of integers by squaring, as `dprog_ir::fmath` defines them. Narrower integers are extended: their bits are the lowest of these.

use super::*;

/// `(x, y)`
pub(super) fn power<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [x, y] = params[..] else { unreachable!("two parameters") };
    let negative = code.b.ins().icmp_imm_s(IntCC::SignedLessThan, y, 0);
    code.leave_if(negative, |code| vec![reciprocal(code, x, y)]);
    let (one, top) = (code.word(1), code.block(&[I64, I64, I64]));
    let (round, done) = (code.b.create_block(), code.b.create_block());
    code.go(top, &[one, x, y]);
    let carried = code.at(top);
    let [result, base, rest] = carried[..] else { unreachable!("three values") };
    code.branch(rest, round, &[], done, &[]);
    code.at(round);
    let (odd, product) = (code.b.ins().band_imm_s(rest, 1), code.b.ins().imul(result, base));
    let result_after = code.b.ins().select(odd, product, result);
    let (square, half) = (code.b.ins().imul(base, base), code.b.ins().ushr_imm_u(rest, 1));
    code.go(top, &[result_after, square, half]);
    code.at(done);
    code.b.ins().return_(&[result]);
}

/// The power for a negative exponent, truncated: of 1 and -1 one of these, else 0.
fn reciprocal<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, x: V, y: V) -> V {
    let (zero, one) = (code.word(0), code.word(1));
    let odd = code.b.ins().band_imm_s(y, 1);
    let of_minus_one = code.b.ins().select(odd, x, one);
    let is_minus_one = code.b.ins().icmp_imm_s(IntCC::Equal, x, -1);
    let is_one = code.b.ins().icmp_imm_s(IntCC::Equal, x, 1);
    let other = code.b.ins().select(is_minus_one, of_minus_one, zero);
    code.b.ins().select(is_one, one, other)
}
