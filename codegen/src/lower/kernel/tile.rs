//! Memory for packed elements: see `dprog_ir::kernel::packing`.
//!
//! ```text
//! tile ──> lanes of row lo │ lanes of row lo + 1 │ … │ lanes of row hi - 1        a row has as many lanes as a block of the form that runs
//! ```
//!
//! An array that the caller makes in front of the kernel and drops behind it, used again for each block of trips.

use super::*;
use dprog_ir::kernel::{Tile, TileId};

/// So many rows are no tile any more, and the loop runs as it stands.
pub(super) const MOST_ROWS: i64 = 1 << 24;

impl<M: ClifModule> Lower<'_, '_, M> {
    /// Arrays for tiles whose rows have up to so many lanes.
    pub(super) fn make_tiles(&mut self, k: &Lanes, lanes: usize) -> Vec<V> {
        let words = (lanes * lane_bytes(k.kernel)).div_ceil(8);
        let make = |this: &mut Self, tile: &Tile| {
            let rows = this.rows(k, tile);
            let size = this.b.ins().imul_imm_s(rows, words as i64);
            this.new_array(Type::F64.array(1), &[size])
        };
        k.kernel.tiles.values().map(|tile| make(self, tile)).collect()
    }

    pub(super) fn drop_tiles(&mut self, arrays: &[V]) {
        for array in arrays {
            let next = self.b.create_block();
            self.free(*array, next);
            self.jump(next, &[]);
            self.b.switch_to_block(next);
        }
    }

    pub(super) fn rows(&mut self, k: &Lanes, tile: &Tile) -> V {
        let (lo, hi) = (self.affine(k, &tile.lo), self.affine(k, &tile.hi));
        self.b.ins().isub(hi, lo)
    }

    /// Where row 0 of each tile would be, if its rows have so many lanes.
    pub(super) fn place_tiles(&mut self, k: &mut Lanes, at: &Bounds, lanes: usize) {
        let kernel = k.kernel;
        for (tile, data) in kernel.tiles.values().zip(at.tiles) {
            let lo = self.affine(k, &tile.lo);
            let before = self.b.ins().imul_imm_s(lo, (lanes * lane_bytes(kernel)) as i64);
            let base = self.b.ins().isub(*data, before);
            k.bases.push(base);
        }
    }

    fn row_place(&mut self, k: &Lanes, tile: TileId, row: Num) -> V {
        let bytes = k.width * lane_bytes(k.kernel);
        let offset = self.b.ins().imul_imm_s(k.scalar(row), bytes as i64);
        self.b.ins().iadd(k.bases[k.kernel.arrays.len() + tile.index()], offset)
    }

    pub(super) fn pack(&mut self, k: &mut Lanes, tile: TileId, row: Num, value: Num) {
        let at = self.row_place(k, tile, row);
        let flags = self.tile_flags();
        for (n, v) in self.vectors(k, value).into_iter().enumerate() {
            self.b.ins().store(flags, v, at, 16 * n as i32);
        }
    }

    pub(super) fn packed(&mut self, k: &Lanes, result: Num, tile: TileId, row: Num) -> Held {
        let at = self.row_place(k, tile, row);
        let (flags, ty) = (self.tile_flags(), k.vector_type(k.kernel.scalar(result)));
        Held::Vectors((0..k.count()).map(|n| self.b.ins().load(ty, flags, at, 16 * n as i32)).collect())
    }

    fn tile_flags(&mut self) -> MemFlagsData {
        let region = self.flags(Memory::F64).alias_region();
        MemFlagsData::new().with_notrap().with_alias_region(region)
    }
}

/// Bytes of a lane of a vector.
pub(super) fn lane_bytes(kernel: &Kernel) -> usize {
    if kernel.cost.single { 4 } else { 8 }
}
