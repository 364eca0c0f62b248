//! Large blocks that nobody uses, kept for the next of their size.
//!
//! They lie in bins by size, eight to a doubling, so that the block for a size is in one of three bins however many are kept: a gradient may
//! leave thousands of one size.

use std::collections::{BTreeMap, VecDeque};

/// A large block that nobody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeptBlock {
    pub start: *mut u8,
    pub bytes: usize,
    /// Of a block that a list grew in: its number among these; else 0.
    pub grown: u64,
}

impl KeptBlock {
    /// Whether it is a mapping of its own: those of lists are.
    pub fn is_mapped(&self) -> bool {
        self.grown > 0
    }
}

/// See the module's description.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// In each bin what was freed last is at the end; with the time of freeing.
    bins: BTreeMap<usize, VecDeque<(u64, KeptBlock)>>,
    frees: u64,
    /// Of all blocks.
    pub bytes: usize,
}

/// How many blocks of a bin are looked at: they differ by an eighth in size at most, and mostly not at all.
const LOOKED_AT: usize = 8;

impl Kept {
    pub fn put(&mut self, block: KeptBlock) {
        self.frees += 1;
        self.bytes += block.bytes;
        self.bins.entry(bin(block.bytes)).or_default().push_back((self.frees, block));
    }

    /// A block of so many bytes, or up to an eighth more.
    pub fn find(&mut self, bytes: usize) -> Option<KeptBlock> {
        let fits = |kept: &(u64, KeptBlock)| (bytes..=bytes.saturating_add(bytes / 8)).contains(&kept.1.bytes);
        let first = bin(bytes);
        let (bin, at) = self.bins.range(first..=first + 2).find_map(|(bin, blocks)| {
            let from_end = blocks.iter().rev().take(LOOKED_AT).position(fits)?;
            Some((*bin, blocks.len() - 1 - from_end))
        })?;
        self.remove(bin, at)
    }

    /// A block of at least so many bytes in which a list grew: that which did so first. A program that does again what it has done lets
    /// its lists grow in the same order, and so finds for each what it comes to need.
    pub fn grown(&mut self, bytes: usize) -> Option<KeptBlock> {
        let fitting = self.bins.range(bin(bytes)..).flat_map(|(bin, blocks)| {
            let grown = |(_, (_, block)): &(usize, &(u64, KeptBlock))| block.grown > 0 && block.bytes >= bytes;
            blocks.iter().enumerate().filter(grown).map(move |(at, (_, block))| (block.grown, *bin, at))
        });
        let (_, bin, at) = fitting.min()?;
        self.remove(bin, at)
    }

    /// Takes what is left of the block that was freed first back.
    pub fn put_oldest(&mut self, block: KeptBlock) {
        self.bytes += block.bytes;
        self.bins.entry(bin(block.bytes)).or_default().push_front((0, block));
    }

    /// The block that was freed first.
    pub fn oldest(&mut self) -> Option<KeptBlock> {
        let bin = *self.bins.iter().min_by_key(|(_, blocks)| blocks[0].0)?.0;
        self.remove(bin, 0)
    }

    fn remove(&mut self, bin: usize, at: usize) -> Option<KeptBlock> {
        let blocks = self.bins.get_mut(&bin)?;
        let (_, block) = blocks.remove(at)?;
        if blocks.is_empty() {
            self.bins.remove(&bin);
        }
        self.bytes -= block.bytes;
        Some(block)
    }
}

/// The number of the bin: the power of two, and the three bits below it.
fn bin(bytes: usize) -> usize {
    let power = bytes.max(8).ilog2() as usize;
    8 * power + ((bytes.max(8) >> (power - 3)) & 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(at: usize, bytes: usize) -> KeptBlock {
        KeptBlock { start: std::ptr::without_provenance_mut(at), bytes, grown: 0 }
    }

    #[test]
    fn a_block_serves_sizes_up_to_an_eighth_below_its_own() {
        for bytes in [100_000usize, 131_071, 131_072, 131_073, 1 << 30, (1 << 40) + 12345] {
            for wanted in [bytes, bytes - 1, bytes - bytes / 10] {
                let mut kept = Kept::default();
                kept.put(block(64, bytes));
                assert_eq!(kept.find(wanted), Some(block(64, bytes)), "{bytes} for {wanted}");
            }
            let mut kept = Kept::default();
            kept.put(block(64, bytes));
            assert_eq!((kept.find(bytes + 1), kept.find(bytes - bytes / 8)), (None, None), "{bytes}");
        }
    }

    #[test]
    fn the_newest_is_used_again_and_the_oldest_given_back() {
        let mut kept = Kept::default();
        for at in 1..=1000 {
            kept.put(block(at * 64, 80_000 + (at % 3) * 100_000));
        }
        assert_eq!(kept.find(80_000), Some(block(999 * 64, 80_000)));
        assert_eq!(kept.oldest(), Some(block(64, 180_000)));
        assert_eq!(kept.oldest(), Some(block(128, 280_000)));
        let mut left = 0;
        while let Some(block) = kept.oldest() {
            left += block.bytes;
        }
        assert_eq!((kept.bytes, left), (0, (1..=1000).map(|at| 80_000 + (at % 3) * 100_000).sum::<usize>() - 540_000));
    }

    #[test]
    fn lists_find_the_blocks_that_earlier_ones_have_grown_in_the_order_of_these() {
        let mut kept = Kept::default();
        for (grown, bytes) in [(2, 9_000_000), (1, 3_000_000), (0, 5_000_000), (3, 1_500_000)] {
            kept.put(KeptBlock { grown, ..block(64 * bytes, bytes) });
        }
        let found: Vec<_> = (0..3).map(|_| kept.grown(2_000_000).map(|block| block.bytes)).collect();
        assert_eq!(found, [Some(3_000_000), Some(9_000_000), None]);
        let oldest = kept.oldest().unwrap();
        assert_eq!(oldest.bytes, 5_000_000);
        kept.put_oldest(KeptBlock { bytes: 2_000_000, ..oldest });
        assert_eq!((kept.bytes, kept.oldest().unwrap().bytes), (3_500_000, 2_000_000));
    }
}
