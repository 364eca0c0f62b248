//! The allocator: free lists by size over chunks from the system, and large blocks in a list.
//!
//! A program's values live in one heap per context. Freed blocks go to the free list of their size class and are used
//! again, so memory stays flat however often a function is called. Chunks are not given back until [`Heap::trim`] or the end of
//! the heap.
//!
//! Large blocks that are freed are kept too, for the next of about their size: pages fresh from the system cost more than what
//! most loops do with them. Before a new one is taken, as much is given back of those that are kept, so no more is ever
//! taken than the program needed at once.
//!
//! After a trap nobody releases what the program still held: [`Heap::reset`] takes everything back at once, which is possible
//! because every chunk and every large block is known here.
//!
//! The limit of `--max-memory` counts what was taken from the system.

use crate::kept::{Kept, KeptBlock};
use crate::layout::{CLASSES, LARGE, MAX_SMALL, class_bytes, class_of, small_meta};
use crate::system::{self, rounded_for_list};
use std::ptr::null_mut;
use std::sync::LazyLock;

/// A block on a free list.
#[repr(C)]
pub struct FreeBlock {
    next: *mut FreeBlock,
}

/// In front of every large object.
#[repr(C)]
struct LargeBlock {
    prev: *mut LargeBlock,
    next: *mut LargeBlock,
    bytes: usize,
    /// As in [`KeptBlock`].
    grown: u64,
}

struct Chunk {
    start: *mut u8,
    bytes: usize,
}

const ALIGN: usize = 64;
const FIRST_CHUNK: usize = 64 << 10;
const GREATEST_CHUNK: usize = 4 << 20;
/// Kept blocks of twice this size are given back in parts.
const LONG: usize = 6 << 20;

/// See the module's description. The heads of the free lists come first, where compiled code finds them.
#[repr(C)]
pub struct Heap {
    pub free: [*mut FreeBlock; CLASSES],
    bump: *mut u8,
    bump_end: *mut u8,
    chunks: Vec<Chunk>,
    /// Chunks before this one are used up; those behind are empty (after a reset).
    next_chunk: usize,
    large: *mut LargeBlock,
    /// Large blocks to be used again.
    kept: Kept,
    /// How many lists have grown large.
    grown: u64,
    /// Bytes taken from the system.
    pub taken: usize,
    pub limit: usize,
    pub counters: Counters,
}

/// What tests and `--stats` count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Blocks handed out by the runtime (not by inline allocation in compiled code).
    pub allocations: u64,
    /// Arrays that were copied because an old version was still needed.
    pub copies: u64,
}

impl Heap {
    pub fn new(limit: usize) -> Heap {
        Heap {
            free: [null_mut(); CLASSES],
            bump: null_mut(),
            bump_end: null_mut(),
            chunks: Vec::new(),
            next_chunk: 0,
            large: null_mut(),
            kept: Kept::default(),
            grown: 0,
            taken: 0,
            limit,
            counters: Counters::default(),
        }
    }

    /// A block of at least `bytes`, and the `meta` word for it with descriptor `desc`. In a large block the byte at
    /// `data` is aligned to 64. `None` at the limit.
    pub fn allocate(&mut self, bytes: usize, data: usize, desc: u32) -> Option<(*mut u8, u64)> {
        self.counters.allocations += 1;
        if bytes > MAX_SMALL {
            return self.allocate_large(bytes, data, desc);
        }
        let class = class_of(bytes);
        let head = self.free[class];
        if head.is_null() {
            let block = self.carve(class_bytes(class))?;
            return Some((block, small_meta(desc, class)));
        }
        // SAFETY: blocks on a free list are ours, unused, and hold a link.
        self.free[class] = unsafe { (*head).next };
        Some((head.cast(), small_meta(desc, class)))
    }

    /// # Safety
    /// `block` came from `allocate` with this `meta`, and nobody uses it any more.
    pub unsafe fn release(&mut self, block: *mut u8, meta: u64) {
        let class = (meta >> 32) as u16;
        if class == LARGE {
            let start = unsafe { block.sub((meta >> 48) as usize) }.cast::<LargeBlock>();
            return unsafe { self.release_large(start) };
        }
        let block = block.cast::<FreeBlock>();
        // SAFETY: the block has at least 16 bytes and is ours again.
        unsafe { (*block).next = self.free[class as usize] };
        self.free[class as usize] = block;
    }

    /// Usable bytes of a block: at least what was asked for.
    pub fn usable(bytes: usize) -> usize {
        if bytes > MAX_SMALL { bytes } else { class_bytes(class_of(bytes)) }
    }

    fn carve(&mut self, bytes: usize) -> Option<*mut u8> {
        if (self.bump_end as usize) - (self.bump as usize) < bytes {
            self.open_chunk()?;
        }
        let block = self.bump;
        self.bump = block.wrapping_add(bytes);
        Some(block)
    }

    /// Goes on in the next chunk. What is left of the last one goes to a free list: a block of the greatest class that fits.
    fn open_chunk(&mut self) -> Option<()> {
        self.give_rest_to_free_lists();
        if self.next_chunk == self.chunks.len() {
            let bytes = (FIRST_CHUNK << self.chunks.len().min(16)).min(GREATEST_CHUNK);
            let bytes = if self.taken + bytes > self.limit { FIRST_CHUNK } else { bytes };
            let start = self.take(bytes)?;
            self.chunks.push(Chunk { start, bytes });
        }
        let chunk = &self.chunks[self.next_chunk];
        self.next_chunk += 1;
        (self.bump, self.bump_end) = (chunk.start, chunk.start.wrapping_add(chunk.bytes));
        Some(())
    }

    fn give_rest_to_free_lists(&mut self) {
        loop {
            let rest = self.bump_end as usize - self.bump as usize;
            if rest < 16 {
                return;
            }
            let fits = class_of(rest);
            let class = if class_bytes(fits) > rest { fits - 1 } else { fits };
            let block = self.bump;
            self.bump = block.wrapping_add(class_bytes(class));
            // SAFETY: the bytes between bump and bump_end are ours and unused.
            unsafe { self.release(block, small_meta(0, class)) };
        }
    }

    fn take(&mut self, bytes: usize) -> Option<*mut u8> {
        self.take_by(system::take, bytes)
    }

    fn take_mapping(&mut self, bytes: usize) -> Option<*mut u8> {
        self.take_by(system::map, bytes)
    }

    fn take_by(&mut self, take: fn(usize) -> *mut u8, bytes: usize) -> Option<*mut u8> {
        if !self.is_within_limit(bytes) {
            return None;
        }
        let start = take(bytes);
        if start.is_null() {
            return None;
        }
        self.taken += bytes;
        Some(start)
    }

    /// Whether so many bytes more may be taken, if need be after everything that is kept has been given back.
    fn is_within_limit(&mut self, bytes: usize) -> bool {
        let most = self.limit.min(machine_memory());
        if bytes > most.saturating_sub(self.taken) {
            self.give_back(usize::MAX);
        }
        bytes <= most.saturating_sub(self.taken)
    }

    fn allocate_large(&mut self, bytes: usize, data: usize, desc: u32) -> Option<(*mut u8, u64)> {
        let shift = shift(data);
        let total = bytes.checked_add(shift)?;
        let kept = match self.kept.find(total) {
            Some(kept) => kept,
            None => {
                self.give_back(total);
                KeptBlock { start: self.take(total)?, bytes: total, grown: 0 }
            }
        };
        Some((self.link(kept, shift), large_meta(desc, shift)))
    }

    /// Puts a block into the list of large ones. Gives where its object begins.
    fn link(&mut self, block: KeptBlock, shift: usize) -> *mut u8 {
        let KeptBlock { start, bytes, grown } = block;
        let start = start.cast::<LargeBlock>();
        // SAFETY: nobody uses the block, and it starts with room for its links; the old first block is alive.
        unsafe {
            *start = LargeBlock { prev: null_mut(), next: self.large, bytes, grown };
            if !self.large.is_null() {
                (*self.large).prev = start;
            }
        }
        self.large = start;
        start.cast::<u8>().wrapping_add(shift)
    }

    /// Takes a block out of the list of large ones.
    unsafe fn unlink(&mut self, block: *mut LargeBlock) -> KeptBlock {
        // SAFETY: `block` is in the list of large blocks, so its neighbours are alive.
        unsafe {
            let LargeBlock { prev, next, bytes, grown } = block.read();
            if prev.is_null() {
                self.large = next;
            } else {
                (*prev).next = next;
            }
            if !next.is_null() {
                (*next).prev = prev;
            }
            KeptBlock { start: block.cast(), bytes, grown }
        }
    }

    /// Makes the block of a list longer, without copying what is in it. Gives where it is then, and its usable bytes. `None` if the list is not
    /// large, or the system cannot.
    ///
    /// # Safety
    /// `block` came from the heap with this `meta`, and nobody keeps addresses in it.
    pub unsafe fn lengthen(&mut self, block: *mut u8, meta: u64, bytes: usize) -> Option<(*mut u8, usize)> {
        if (meta >> 32) as u16 != LARGE {
            return None;
        }
        let shift = (meta >> 48) as usize;
        let more = rounded_for_list(bytes.checked_add(shift)?);
        // SAFETY: a large object has its block in front of it.
        unsafe {
            let start = block.sub(shift).cast::<LargeBlock>();
            let have = (*start).bytes;
            if have >= more {
                return Some((block, have - shift));
            }
            if (*start).grown == 0 || !self.is_within_limit(more - have) {
                return None;
            }
            self.give_back(more - have);
            let mut block = self.unlink(start);
            match system::lengthen(block.start, have, more) {
                Some(moved) => {
                    (block.start, block.bytes) = (moved, more);
                    self.taken += more - have;
                    Some((self.link(block, shift), more - shift))
                }
                None => {
                    self.link(block, shift);
                    None
                }
            }
        }
    }

    /// A block for a list that has become large, with its `meta` and its usable bytes: perhaps one in which an earlier list has grown.
    pub fn allocate_for_list(&mut self, bytes: usize, data: usize, desc: u32) -> Option<(*mut u8, u64, usize)> {
        self.counters.allocations += 1;
        let shift = shift(data);
        let total = rounded_for_list(bytes.checked_add(shift)?);
        let mut block = match self.kept.grown(total) {
            Some(kept) => kept,
            None => {
                self.give_back(total);
                KeptBlock { start: self.take_mapping(total)?, bytes: total, grown: 0 }
            }
        };
        self.grown += 1;
        block.grown = self.grown;
        Some((self.link(block, shift), large_meta(desc, shift), block.bytes - shift))
    }

    unsafe fn release_large(&mut self, block: *mut LargeBlock) {
        // SAFETY: as promised by the caller.
        let block = unsafe { self.unlink(block) };
        self.kept.put(block);
    }

    /// Gives at least so many bytes in kept blocks to the system again, the oldest first, or all of them. Of a block that is much
    /// longer its end.
    fn give_back(&mut self, bytes: usize) {
        let mut given = 0;
        while given < bytes
            && let Some(block) = self.kept.oldest()
        {
            let less = bytes - given;
            if block.is_mapped() && block.bytes / 2 > less.max(LONG) {
                // SAFETY: such a block is a mapping, and nobody uses it.
                let left = unsafe { system::shorten(block.start, block.bytes, less) };
                self.taken -= block.bytes - left;
                return self.kept.put_oldest(KeptBlock { bytes: left, ..block });
            }
            given += block.bytes;
            self.taken -= block.bytes;
            // SAFETY: taken in `take`, and nobody uses it.
            unsafe { system::give(block.start, block.bytes, block.is_mapped()) };
        }
    }

    /// Takes everything back: every object of the heap is gone. Chunks and large blocks are kept for use.
    pub fn reset(&mut self) {
        while !self.large.is_null() {
            // SAFETY: the head of the list is a block of the list.
            unsafe { self.release_large(self.large) };
        }
        self.free = [null_mut(); CLASSES];
        (self.bump, self.bump_end, self.next_chunk) = (null_mut(), null_mut(), 0);
    }

    /// Takes everything back as [`Heap::reset`] does, and gives all but the first chunk to the system again.
    pub fn trim(&mut self) {
        self.reset();
        self.give_back(usize::MAX);
        for chunk in self.chunks.drain(1.min(self.chunks.len())..) {
            self.taken -= chunk.bytes;
            // SAFETY: taken in `take`; no object is left.
            unsafe { system::give(chunk.start, chunk.bytes, false) };
        }
    }

    /// Bytes in blocks that are in use. Walks the free lists: for tests.
    pub fn live_bytes(&self) -> usize {
        let opened: usize = self.chunks[..self.next_chunk].iter().map(|c| c.bytes).sum();
        let large: usize = self.taken - self.chunks.iter().map(|c| c.bytes).sum::<usize>();
        let free: usize = (0..CLASSES).map(|class| class_bytes(class) * self.free_blocks(class)).sum();
        opened - (self.bump_end as usize - self.bump as usize) - free + large - self.kept.bytes
    }

    fn free_blocks(&self, class: usize) -> usize {
        let mut block = self.free[class];
        std::iter::from_fn(|| {
            let here = (!block.is_null()).then_some(block)?;
            // SAFETY: blocks on a free list hold a link.
            block = unsafe { (*here).next };
            Some(())
        })
        .count()
    }
}

/// How far from the beginning of its block a large object begins whose elements are `data` bytes behind that.
fn shift(data: usize) -> usize {
    let shift = ALIGN - data % ALIGN;
    if shift < size_of::<LargeBlock>() { shift + ALIGN } else { shift }
}

fn large_meta(desc: u32, shift: usize) -> u64 {
    desc as u64 | (LARGE as u64) << 32 | (shift as u64) << 48
}

/// Bytes of memory that the machine has: a program that wants more traps, rather than be killed by the system.
pub fn machine_memory() -> usize {
    static BYTES: LazyLock<usize> = LazyLock::new(|| {
        // SAFETY: asks for two numbers; a system that does not know them says -1.
        let (pages, bytes) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
        let known = usize::try_from(pages).ok().zip(usize::try_from(bytes).ok());
        known.map_or(isize::MAX as usize, |(pages, bytes)| pages.saturating_mul(bytes))
    });
    *BYTES
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.reset();
        self.give_back(usize::MAX);
        for chunk in &self.chunks {
            // SAFETY: taken in `take`.
            unsafe { system::give(chunk.start, chunk.bytes, false) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_used_again_and_counted() {
        let mut heap = Heap::new(usize::MAX);
        let (a, meta) = heap.allocate(100, 32, 7).unwrap();
        assert_eq!((meta as u32, heap.live_bytes()), (7, 112));
        unsafe { heap.release(a, meta) };
        assert_eq!(heap.live_bytes(), 0);
        assert_eq!(heap.allocate(112, 32, 7).unwrap().0, a);
    }

    #[test]
    fn large_blocks_align_their_data_and_stop_at_the_limit() {
        let mut heap = Heap::new(1 << 20);
        for data in [32, 48, 64, 80] {
            let (a, meta) = heap.allocate(100_000, data, 0).unwrap();
            assert_eq!((a as usize + data) % 64, 0);
            unsafe { heap.release(a, meta) };
        }
        assert_eq!(heap.live_bytes(), 0);
        assert!(heap.allocate(2 << 20, 32, 0).is_none());
    }

    #[test]
    fn large_blocks_are_used_again_and_never_more_is_taken_than_was_in_use() {
        let mut heap = Heap::new(usize::MAX);
        let (a, meta) = heap.allocate(1_000_000, 32, 0).unwrap();
        unsafe { heap.release(a, meta) };
        assert_eq!(heap.allocate(990_000, 32, 0).unwrap().0, a);
        let mut grown = (a, meta);
        for bytes in (0..6).map(|doubled| 2_000_000 << doubled) {
            let next = heap.allocate(bytes, 32, 0).unwrap();
            unsafe { heap.release(grown.0, grown.1) };
            grown = next;
            let (new, old) = (bytes + 64, bytes / 2 + 64);
            assert!(heap.taken <= new + old, "{bytes}: {}", heap.taken);
        }
    }

    #[test]
    fn lists_grow_where_they_are_and_later_ones_find_their_blocks() {
        let mut heap = Heap::new(usize::MAX);
        for round in 0..3 {
            let mut lists = [40_000_000, 9_000_000].map(|most| {
                let (block, meta, bytes) = heap.allocate_for_list(2_000_000, 32, 0).unwrap();
                unsafe { block.write(round) };
                (block, meta, bytes, most)
            });
            for (block, meta, bytes, most) in &mut lists {
                while bytes < most {
                    let before = heap.taken;
                    (*block, *bytes) = unsafe { heap.lengthen(*block, *meta, *bytes + *bytes / 8) }.unwrap();
                    assert!(round == 0 || heap.taken == before);
                }
                assert_eq!((unsafe { block.read() }, (*block as usize + 32) % 64), (round, 0));
            }
            assert!(heap.taken < 49_000_000 * 6 / 5, "{}", heap.taken);
            lists.into_iter().for_each(|(block, meta, ..)| unsafe { heap.release(block, meta) });
            assert_eq!(heap.live_bytes(), 0);
        }
        let (before, _) = (heap.taken, heap.allocate(5_000_000, 32, 0).unwrap());
        assert!((before - 3_000_000..=before + 4096).contains(&heap.taken), "{before} {}", heap.taken);
        assert_eq!(heap.live_bytes(), 5_000_032);
    }

    #[test]
    fn what_is_kept_does_not_stand_against_the_limit() {
        let mut heap = Heap::new(1 << 20);
        for bytes in [900_000, 100_000, 500_000, 1_000_000] {
            let (a, meta) = heap.allocate(bytes, 32, 0).unwrap();
            unsafe { heap.release(a, meta) };
        }
    }

    #[test]
    fn reset_takes_everything_back() {
        let mut heap = Heap::new(usize::MAX);
        for i in 0..10_000 {
            heap.allocate(16 + i % 70_000, 32, 0).unwrap();
        }
        heap.reset();
        assert_eq!(heap.live_bytes(), 0);
        assert!(heap.taken > FIRST_CHUNK);
        heap.trim();
        assert_eq!(heap.taken, FIRST_CHUNK);
        heap.allocate(100, 32, 0).unwrap();
        assert_eq!(heap.taken, FIRST_CHUNK);
    }
}
