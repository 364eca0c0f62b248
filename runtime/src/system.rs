//! Memory from the system: from the process's allocator, and for lists that have become large as mappings of their own.
//!
//! A mapping can be made longer without copying what is in it, wherever it then lies (`mremap`): so a list that grows needs its pages once,
//! and not the old and the new copy besides each other. And it can be in large pages, of which a fresh one costs a tenth of what as
//! much memory costs in small ones. But each new mapping has new pages, where the allocator may still have those of a block that was freed:
//! so arrays, whose size stays, come from there.

use std::alloc::Layout;
use std::ptr::null_mut;

const ALIGN: usize = 64;
/// Lists from this size on are mappings.
pub(crate) const MAPPED: usize = 1 << 20;
/// Mappings from this size on lose whole large pages only.
const IN_LARGE_PAGES: usize = 16 << 20;
const PAGE: usize = 4 << 10;
const LARGE_PAGE: usize = 2 << 20;

/// What a mapping for a list of so many bytes takes: whole large pages, so that these move with it when it becomes longer.
pub(crate) fn rounded_for_list(bytes: usize) -> usize {
    bytes.checked_next_multiple_of(LARGE_PAGE).unwrap_or(bytes)
}

/// `bytes`, aligned to 64; null if there are none.
pub(crate) fn take(bytes: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(bytes, ALIGN) else { return null_mut() };
    // SAFETY: the size is not zero.
    unsafe { std::alloc::alloc(layout) }
}

/// # Safety
/// `start` and `bytes` are those of [`take`], or, if it is `mapped`, of [`map`], [`lengthen`] or [`shorten`], and nobody uses them.
pub(crate) unsafe fn give(start: *mut u8, bytes: usize, mapped: bool) {
    // SAFETY: as promised.
    unsafe {
        if mapped {
            libc::munmap(start.cast(), bytes);
        } else {
            std::alloc::dealloc(start, Layout::from_size_align_unchecked(bytes, ALIGN));
        }
    }
}

/// Makes a mapping longer, where the system can do that without copying. Gives where it lies then.
///
/// # Safety
/// `start` is a mapping of `bytes`, and nobody keeps addresses in it. `more` is rounded and greater.
#[cfg(target_os = "linux")]
pub(crate) unsafe fn lengthen(start: *mut u8, bytes: usize, more: usize) -> Option<*mut u8> {
    // SAFETY: as promised.
    let moved = unsafe { libc::mremap(start.cast(), bytes, more, libc::MREMAP_MAYMOVE) };
    (moved != libc::MAP_FAILED).then_some(moved.cast())
}

/// See above.
#[cfg(not(target_os = "linux"))]
pub(crate) unsafe fn lengthen(_: *mut u8, _: usize, _: usize) -> Option<*mut u8> {
    None
}

/// Gives the end of a mapping back, so that at least `less` bytes of it go. Gives how long it is then: still a mapping.
///
/// # Safety
/// As for [`give`]; the mapping is longer than `less` by more than two large pages.
pub(crate) unsafe fn shorten(start: *mut u8, bytes: usize, less: usize) -> usize {
    let unit = if bytes >= IN_LARGE_PAGES { LARGE_PAGE } else { PAGE };
    let left = (bytes - less) / unit * unit;
    // SAFETY: the end is within the mapping, and begins at a page.
    unsafe { libc::munmap(start.add(left).cast(), bytes - left) };
    left
}

/// A mapping of `bytes`, which are [`rounded_for_list`], at the beginning of a large page; null if there are none.
pub(crate) fn map(bytes: usize) -> *mut u8 {
    let spare = if bytes >= LARGE_PAGE { LARGE_PAGE - PAGE } else { 0 };
    let Some(length) = bytes.checked_add(spare) else { return null_mut() };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping at an address of the system's choice; what is cut off is in it.
    unsafe {
        let start = libc::mmap(null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return null_mut();
        }
        let start = start.cast::<u8>();
        if spare == 0 {
            return start;
        }
        let before = start.align_offset(LARGE_PAGE);
        if before > 0 {
            libc::munmap(start.cast(), before);
        }
        if spare > before {
            libc::munmap(start.add(before + bytes).cast(), spare - before);
        }
        let start = start.add(before);
        #[cfg(target_os = "linux")]
        libc::madvise(start.cast(), bytes, libc::MADV_HUGEPAGE);
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is in a mapping goes with it, and pages that are not aligned to large ones are cut off at both ends.
    #[test]
    fn mappings_get_longer_and_shorter_with_what_is_in_them() {
        for bytes in [1 << 20, 3 << 20, (5 << 20) + PAGE, 32 << 20] {
            let bytes = rounded_for_list(bytes);
            let start = map(bytes);
            assert!(!start.is_null() && start as usize % LARGE_PAGE == 0);
            unsafe {
                start.write(1);
                start.add(bytes - 1).write(2);
                let more = rounded_for_list(bytes + bytes / 8);
                let Some(start) = lengthen(start, bytes, more) else { return give(start, bytes, true) };
                assert_eq!((start.read(), start.add(bytes - 1).read(), start.add(more - 1).read()), (1, 2, 0));
                let mut left = more;
                if more > 6 << 20 {
                    left = shorten(start, more, 10_000);
                    assert!(left <= more - 10_000 && left + 10_000 + LARGE_PAGE >= more);
                    assert_eq!((start.read(), start.add(left - 1).read()), (1, if left == bytes { 2 } else { 0 }));
                }
                give(start, left, true);
            }
        }
    }

    #[test]
    fn more_than_there_is_gives_null() {
        assert!(map(1 << 60).is_null() && map(usize::MAX).is_null());
        assert_eq!(rounded_for_list(usize::MAX), usize::MAX);
    }
}
