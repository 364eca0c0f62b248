//! The text of a trap, in the thread's buffer. A text too long is cut.

use super::buffer::{LENGTH, PLACES, ROOM, TEXT};
use super::layout::STATUS;
use super::*;
use dprog_runtime::layout::{DIMS, data_offset};

/// `(context, code, a, b, wording, place)`
pub(super) fn trap<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [ctx, number, a, b, wording, place] = params[..] else { unreachable!("six parameters") };
    code.store(number, ctx, STATUS);
    code.call(Support::Begin, &[wording, a, b]);
    code.call(Support::Trace, &[place]);
    code.b.ins().return_(&[]);
}

/// `(context, text object, place)`: a trap with the program's own words.
pub(super) fn trap_text<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [ctx, text, place] = params[..] else { unreachable!("three parameters") };
    let number = code.word(TrapCode::Message as i64);
    code.store(number, ctx, STATUS);
    let empty = code.bare.text(code.clif, "trap: ");
    let (empty, zero) = (code.address(empty), code.word(0));
    code.call(Support::Begin, &[empty, zero, zero]);
    let length = code.load(text, DIMS);
    let bytes = code.b.ins().iadd_imm_s(text, data_offset(1) as i64);
    code.call(Support::Append, &[bytes, length]);
    code.call(Support::Trace, &[place]);
    code.b.ins().return_(&[]);
}

/// `(place)`: where it happened, or a call that led there. Null is nowhere.
pub(super) fn trace<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let place = params[0];
    let nowhere = code.b.ins().icmp_imm_s(IntCC::Equal, place, 0);
    code.leave_if(nowhere, |_| Vec::new());
    let buffer = code.call(Support::Buffer, &[]).expect("an address");
    let before = code.load(buffer, PLACES);
    let more = code.b.ins().iadd_imm_s(before, 1);
    code.store(more, buffer, PLACES);
    let (first, later) = (code.bare.text(code.clif, "\n  --> "), code.bare.text(code.clif, "\n  called from "));
    let (first, later) = (code.address(first), code.address(later));
    let word = code.b.ins().select(before, later, first);
    for text in [word, place] {
        let length = code.load(text, 0);
        let bytes = code.b.ins().iadd_imm_s(text, 8);
        code.call(Support::Append, &[bytes, length]);
    }
    code.b.ins().return_(&[]);
}

/// `(text, length)`: adds to the buffer as much as there is room for.
pub(super) fn append<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [text, length] = params[..] else { unreachable!("two parameters") };
    let buffer = code.call(Support::Buffer, &[]).expect("an address");
    let used = code.load(buffer, LENGTH);
    let all = code.word(ROOM);
    let room = code.b.ins().isub(all, used);
    let count = code.b.ins().umin(length, room);
    let at = code.b.ins().iadd(buffer, used);
    let at = code.b.ins().iadd_imm_s(at, TEXT as i64);
    code.call(Support::Memcpy, &[at, text, count]);
    let used = code.b.ins().iadd(used, count);
    code.store(used, buffer, LENGTH);
    let end = code.b.ins().iadd(at, count);
    let zero = code.b.ins().iconst(I8, 0);
    code.store(zero, end, 0);
    code.b.ins().return_(&[]);
}

const DIGITS: u32 = 32;

/// `(number)`
pub(super) fn append_int<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let number = params[0];
    let slot = code.slot(DIGITS);
    let end = code.b.ins().iadd_imm_s(slot, DIGITS as i64);
    let negated = code.b.ins().ineg(number);
    let negative = code.b.ins().icmp_imm_s(IntCC::SignedLessThan, number, 0);
    let magnitude = code.b.ins().select(negative, negated, number);
    let (top, done) = (code.block(&[I64, I64]), code.block(&[I64]));
    code.go(top, &[magnitude, end]);
    let [rest, at] = code.at(top)[..] else { unreachable!("two parameters") };
    let ten = code.word(10);
    let (digit, next) = (code.b.ins().urem(rest, ten), code.b.ins().udiv(rest, ten));
    let character = code.b.ins().iadd_imm_s(digit, b'0' as i64);
    let at = put_before(code, at, character);
    code.branch(next, top, &[next, at], done, &[at]);
    let at = code.at(done)[0];
    let (minus, write) = (code.b.create_block(), code.block(&[I64]));
    code.branch(negative, minus, &[], write, &[at]);
    code.at(minus);
    let sign = code.word(b'-' as i64);
    let before = put_before(code, at, sign);
    code.go(write, &[before]);
    let at = code.at(write)[0];
    let length = code.b.ins().isub(end, at);
    code.call(Support::Append, &[at, length]);
    code.b.ins().return_(&[]);
}

fn put_before<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, at: V, character: V) -> V {
    let at = code.b.ins().iadd_imm_s(at, -1);
    let byte = code.b.ins().ireduce(I8, character);
    code.store(byte, at, 0);
    at
}

/// `(wording, a, b)`: empties the buffer and writes the wording with its numbers.
pub(super) fn begin<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [wording, a, b] = params[..] else { unreachable!("three parameters") };
    let buffer = code.call(Support::Buffer, &[]).expect("an address");
    let zero = code.word(0);
    code.store(zero, buffer, LENGTH);
    code.store(zero, buffer, PLACES);
    let length = code.load(wording, 0);
    code.count_up(length, &[], |code, i, _| {
        let at = code.b.ins().iadd(wording, i);
        let at = code.b.ins().iadd_imm_s(at, 8);
        let byte = code.b.ins().load(I8, MemFlagsData::trusted(), at, 0);
        let (number, plain, next) = (code.block(&[I64]), code.b.create_block(), code.b.create_block());
        let second = code.b.create_block();
        let is_first = code.b.ins().icmp_imm_s(IntCC::Equal, byte, FIRST as i64);
        code.branch(is_first, number, &[a], second, &[]);
        code.at(second);
        let is_second = code.b.ins().icmp_imm_s(IntCC::Equal, byte, SECOND as i64);
        code.branch(is_second, number, &[b], plain, &[]);
        let value = code.at(number)[0];
        code.call(Support::AppendInt, &[value]);
        code.go(next, &[]);
        code.at(plain);
        let one = code.word(1);
        code.call(Support::Append, &[at, one]);
        code.go(next, &[]);
        code.at(next);
        Vec::new()
    });
    code.b.ins().return_(&[]);
}

/// `(text, length)`: into the buffer of the object that is asked for the last error. The text may be another object's, or lie
/// there already.
pub(super) fn set_last_error<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [text, length] = params[..] else { unreachable!("two parameters") };
    let buffer = code.call(Support::LastError, &[]).expect("an address");
    let same = code.b.ins().icmp(IntCC::Equal, buffer, text);
    code.leave_if(same, |_| Vec::new());
    let room = code.word(ROOM);
    let count = code.b.ins().umin(length, room);
    code.call(Support::Memcpy, &[buffer, text, count]);
    let end = code.b.ins().iadd(buffer, count);
    let zero = code.b.ins().iconst(I8, 0);
    code.store(zero, end, 0);
    code.b.ins().return_(&[]);
}

/// `()`: the text, empty if there was no error.
pub(super) fn last_error<M: ClifModule>(code: &mut Code<'_, '_, '_, M>) {
    let buffer = code.call(Support::Buffer, &[]).expect("an address");
    let text = code.b.ins().iadd_imm_s(buffer, TEXT as i64);
    code.b.ins().return_(&[text]);
}
