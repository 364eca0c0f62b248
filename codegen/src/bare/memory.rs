//! Arrays of bare functions: blocks from `malloc` in a doubly linked list, or from the workspace.
//!
//! A block begins with four words: the one before, the one after, its bytes, nothing. The object follows. In a workspace
//! only the last block is given back when it is dropped, which is what most temporaries are.

use super::layout::{BLOCKS, BUMP, BUMP_END};
use super::*;
use crate::c_abi::Status;
use dprog_runtime::layout::{CAPACITY, COUNT, DIMS, META};

const PREVIOUS: i32 = 0;
const NEXT: i32 = 8;
const SIZE: i32 = 16;
/// In front of the object.
pub const BLOCK_HEADER: i64 = 32;

/// More bytes than this nobody has, and the address sanitizer does not even ask for; sums of sizes below it do not overflow.
const GREATEST: i64 = (1 << 40) - (1 << 12);

/// `(context, descriptor, sizes, rank)`: an array with unset elements, or null after a trap.
pub(super) fn new_array<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [ctx, desc, sizes, rank] = params[..] else { unreachable!("four parameters") };
    let one = code.word(1);
    let zero = code.word(0);
    // The product, and whether it is too great, which no factor of zero excuses from being checked for signs.
    let totals = code.count_up(rank, &[one, zero], |code, axis, carried| {
        let offset = code.b.ins().ishl_imm_u(axis, 3);
        let at = code.b.ins().iadd(sizes, offset);
        let size = code.load(at, 0);
        let negative = code.b.ins().icmp_imm_s(IntCC::SignedLessThan, size, 0);
        code.leave_if(negative, |code| {
            let zero = code.word(0);
            raise(code, ctx, TrapCode::NegativeSize, size, zero);
            vec![zero]
        });
        let high = code.b.ins().umulhi(carried[0], size);
        let product = code.b.ins().imul(carried[0], size);
        vec![product, code.b.ins().bor(carried[1], high)]
    });
    let array = sized(code, ctx, desc, totals[0], totals[0], totals[1], rank);
    code.count_up(rank, &[], |code, axis, _| {
        let offset = code.b.ins().ishl_imm_u(axis, 3);
        let from = code.b.ins().iadd(sizes, offset);
        let size = code.load(from, 0);
        let to = code.b.ins().iadd(array, offset);
        code.store(size, to, DIMS);
        Vec::new()
    });
    code.b.ins().return_(&[array]);
}

/// `(context, descriptor, length, room)`: an array of rank 1 with unset elements, or null after a trap.
pub(super) fn new_list<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [ctx, desc, length, room] = params[..] else { unreachable!("four parameters") };
    let (zero, one) = (code.word(0), code.word(1));
    let array = sized(code, ctx, desc, room, room, zero, one);
    code.store(length, array, DIMS);
    code.b.ins().return_(&[array]);
}

/// An object with a header, its sizes still to be set. `excess` is not zero if there are too many elements.
fn sized<M: ClifModule>(
    code: &mut Code<'_, '_, '_, M>,
    ctx: V,
    desc: V,
    count: V,
    capacity: V,
    excess: V,
    rank: V,
) -> V {
    let wide = code.b.ins().uextend(I64, desc);
    let element = code.b.ins().band_imm_u(wide, 0xff);
    let high = code.b.ins().umulhi(count, element);
    let bytes = code.b.ins().imul(count, element);
    let beyond = code.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThan, bytes, GREATEST);
    let beyond = code.b.ins().uextend(I64, beyond);
    let excess = code.b.ins().bor(excess, high);
    let excess = code.b.ins().bor(excess, beyond);
    code.leave_if(excess, |code| {
        let zero = code.word(0);
        raise(code, ctx, TrapCode::Memory, bytes, zero);
        vec![zero]
    });
    let sizes = code.b.ins().ishl_imm_u(rank, 3);
    let head = code.b.ins().iadd_imm_s(sizes, DIMS as i64 + 15);
    let head = code.b.ins().band_imm_s(head, !15);
    let total = code.b.ins().iadd(head, bytes);
    let array = code.call(Support::Allocate, &[ctx, total]).expect("an address");
    let none = code.b.ins().icmp_imm_s(IntCC::Equal, array, 0);
    code.leave_if(none, |code| vec![code.word(0)]);
    let (one, zero) = (code.word(1), code.word(0));
    code.store(one, array, COUNT);
    code.store(zero, array, META);
    code.store(capacity, array, CAPACITY);
    array
}

fn raise<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, ctx: V, trap: TrapCode, a: V, b: V) {
    let wording = code.bare.template(code.clif, trap);
    let wording = code.address(wording);
    let (number, place) = (code.word(trap as i64), code.word(0));
    code.call(Support::Trap, &[ctx, number, a, b, wording, place]);
}

/// `(context, bytes)`: memory for an object, or null after a trap.
pub(super) fn allocate<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [ctx, bytes] = params[..] else { unreachable!("two parameters") };
    let padded = code.b.ins().iadd_imm_s(bytes, BLOCK_HEADER + 15);
    let total = code.b.ins().band_imm_s(padded, !15);
    let end = code.load(ctx, BUMP_END);
    let (workspace, system) = (code.b.create_block(), code.b.create_block());
    code.branch(end, workspace, &[], system, &[]);
    code.at(workspace);
    let start = code.load(ctx, BUMP);
    let room = code.b.ins().isub(end, start);
    let full = code.b.ins().icmp(IntCC::UnsignedGreaterThan, total, room);
    code.leave_if(full, |code| {
        let text = code.bare.text(code.clif, "trap: the workspace is too small");
        let text = code.address(text);
        let (number, zero) = (code.word(Status::Workspace as i64), code.word(0));
        code.call(Support::Trap, &[ctx, number, zero, zero, text, zero]);
        vec![zero]
    });
    let after = code.b.ins().iadd(start, total);
    code.store(after, ctx, BUMP);
    code.store(total, start, SIZE);
    let object = code.b.ins().iadd_imm_s(start, BLOCK_HEADER);
    code.b.ins().return_(&[object]);
    code.at(system);
    let block = code.call(Support::Malloc, &[total]).expect("an address");
    let none = code.b.ins().icmp_imm_s(IntCC::Equal, block, 0);
    code.leave_if(none, |code| {
        let zero = code.word(0);
        raise(code, ctx, TrapCode::Memory, total, zero);
        vec![zero]
    });
    link(code, ctx, block);
    let object = code.b.ins().iadd_imm_s(block, BLOCK_HEADER);
    code.b.ins().return_(&[object]);
}

/// Puts a block in front of the list.
fn link<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, ctx: V, block: V) {
    let zero = code.word(0);
    let first = code.load(ctx, BLOCKS);
    code.store(zero, block, PREVIOUS);
    code.store(first, block, NEXT);
    code.store(block, ctx, BLOCKS);
    let (some, next) = (code.b.create_block(), code.b.create_block());
    code.branch(first, some, &[], next, &[]);
    code.at(some);
    code.store(block, first, PREVIOUS);
    code.go(next, &[]);
    code.at(next);
}

/// `(context, object)`: gives its memory back.
pub(super) fn drop_block<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let [ctx, object] = params[..] else { unreachable!("two parameters") };
    let block = code.b.ins().iadd_imm_s(object, -BLOCK_HEADER);
    let end = code.load(ctx, BUMP_END);
    let (workspace, system) = (code.b.create_block(), code.b.create_block());
    code.branch(end, workspace, &[], system, &[]);
    code.at(workspace);
    let bytes = code.load(block, SIZE);
    let behind = code.b.ins().iadd(block, bytes);
    let bump = code.load(ctx, BUMP);
    let last = code.b.ins().icmp(IntCC::Equal, behind, bump);
    let bump = code.b.ins().select(last, block, bump);
    code.store(bump, ctx, BUMP);
    code.b.ins().return_(&[]);
    code.at(system);
    let (previous, next) = (code.load(block, PREVIOUS), code.load(block, NEXT));
    let head = code.b.ins().iadd_imm_s(ctx, BLOCKS as i64);
    let before = code.b.ins().iadd_imm_s(previous, NEXT as i64);
    let slot = code.b.ins().select(previous, before, head);
    code.store(next, slot, 0);
    let (some, done) = (code.b.create_block(), code.b.create_block());
    code.branch(next, some, &[], done, &[]);
    code.at(some);
    code.store(previous, next, PREVIOUS);
    code.go(done, &[]);
    code.at(done);
    code.call(Support::Free, &[block]);
    code.b.ins().return_(&[]);
}

/// `(context)`: gives all blocks back.
pub(super) fn free_all<M: ClifModule>(code: &mut Code<'_, '_, '_, M>, params: &[V]) {
    let ctx = params[0];
    let (top, some, done) = (code.block(&[I64]), code.b.create_block(), code.b.create_block());
    let first = code.load(ctx, BLOCKS);
    code.go(top, &[first]);
    let block = code.at(top)[0];
    code.branch(block, some, &[], done, &[]);
    code.at(some);
    let next = code.load(block, NEXT);
    code.call(Support::Free, &[block]);
    code.go(top, &[next]);
    code.at(done);
    code.b.ins().return_(&[]);
}
