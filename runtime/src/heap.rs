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
use std::alloc::Layout;
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
}

struct Chunk {
    start: *mut u8,
    bytes: usize,
}

const ALIGN: usize = 64;
const FIRST_CHUNK: usize = 64 << 10;
const GREATEST_CHUNK: usize = 4 << 20;

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
        let most = self.limit.min(machine_memory());
        if bytes > most.saturating_sub(self.taken) {
            self.give_back(usize::MAX);
        }
        if bytes > most.saturating_sub(self.taken) {
            return None;
        }
        let layout = Layout::from_size_align(bytes, ALIGN).ok()?;
        // SAFETY: the size is not zero.
        let start = unsafe { std::alloc::alloc(layout) };
        if start.is_null() {
            return None;
        }
        self.taken += bytes;
        Some(start)
    }

    fn allocate_large(&mut self, bytes: usize, data: usize, desc: u32) -> Option<(*mut u8, u64)> {
        let mut shift = ALIGN - data % ALIGN;
        if shift < size_of::<LargeBlock>() {
            shift += ALIGN;
        }
        let total = bytes.checked_add(shift)?;
        let KeptBlock { start, bytes } = match self.kept.find(total) {
            Some(kept) => kept,
            None => {
                self.give_back(total);
                KeptBlock { start: self.take(total)?, bytes: total }
            }
        };
        let start = start.cast::<LargeBlock>();
        // SAFETY: nobody uses the block, and it starts with room for its links; the old first block is alive.
        unsafe {
            *start = LargeBlock { prev: null_mut(), next: self.large, bytes };
            if !self.large.is_null() {
                (*self.large).prev = start;
            }
        }
        self.large = start;
        let meta = desc as u64 | (LARGE as u64) << 32 | (shift as u64) << 48;
        Some((start.cast::<u8>().wrapping_add(shift), meta))
    }

    unsafe fn release_large(&mut self, block: *mut LargeBlock) {
        // SAFETY: `block` is in the list of large blocks, so its neighbours are alive.
        unsafe {
            let LargeBlock { prev, next, bytes } = block.read();
            if prev.is_null() {
                self.large = next;
            } else {
                (*prev).next = next;
            }
            if !next.is_null() {
                (*next).prev = prev;
            }
            self.kept.put(KeptBlock { start: block.cast(), bytes });
        }
    }

    /// Gives at least so many bytes in kept blocks to the system again, the oldest first, or all of them.
    fn give_back(&mut self, bytes: usize) {
        let mut given = 0;
        while given < bytes
            && let Some(KeptBlock { start, bytes }) = self.kept.oldest()
        {
            given += bytes;
            self.taken -= bytes;
            // SAFETY: taken with this layout in `take`, and nobody uses it.
            unsafe { std::alloc::dealloc(start, Layout::from_size_align_unchecked(bytes, ALIGN)) };
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
            // SAFETY: taken with this layout in `take`; no object is left.
            unsafe { std::alloc::dealloc(chunk.start, Layout::from_size_align_unchecked(chunk.bytes, ALIGN)) };
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

/// Bytes of memory that the machine has: a program that wants more traps, rather than be killed by the system.
pub(crate) fn machine_memory() -> usize {
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
            // SAFETY: taken with this layout in `take`.
            unsafe { std::alloc::dealloc(chunk.start, Layout::from_size_align_unchecked(chunk.bytes, ALIGN)) };
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
            assert!(heap.taken <= bytes * 3 / 2 + 1000, "{bytes}: {}", heap.taken);
        }
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
