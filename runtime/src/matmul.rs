//! Matrix products: one function, blocked for caches and registers after [GG08], with vectors as wide as the processor has.
//!
//! ```text
//! for each block of ROWS rows of a and DEPTH of the inner index      it stays in the second-level cache
//!   for each sliver of b in it, as wide as a tile                    it is packed, and stays in the first-level cache
//!     for each tile of c: sums in registers, product by product
//! ```
//!
//! *The order* of each element's sum is that of the inner index, starting from 0.0, whatever the blocks: a tile takes its sums
//! from `c`, adds its part, and puts them back. No product is fused with an addition. So every processor gives the bits of three
//! plain loops; `docs/decisions/0013` says what that costs.
//!
//! `a` is read where it stands. `b` is packed, unless so few rows of `a` come that it would not pay; the last, narrow sliver
//! always, filled up with zeros.
//!
//! [GG08] Goto, van de Geijn: Anatomy of high-performance matrix multiplication. ACM TOMS 34(3), 2008.

use crate::kernels::Float;
use std::cell::Cell;

#[cfg(target_arch = "x86_64")]
mod wide;

/// Inner indices in a block: a sliver of `b` is 16 to 64 KiB.
const DEPTH: usize = 256;
/// Rows in a block: with a depth as above less than a megabyte.
const ROWS: usize = 384;
/// Elements of the largest tile.
const MOST_IN_TILE: usize = 6 * 16;
/// With fewer tiles than these in a column, `b` is read where it stands.
const TILES_TO_PACK: usize = 4;

/// A matrix in memory: element `(i, j)` is `elements[i * row + j * column]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    pub elements: &'a [T],
    pub row: usize,
    pub column: usize,
}

impl<'a, T: Copy> Matrix<'a, T> {
    /// The row-major matrix with so many columns, or its transpose.
    pub fn new(elements: &'a [T], columns: usize, transposed: bool) -> Self {
        let (row, column) = if transposed { (1, columns) } else { (columns, 1) };
        Matrix { elements, row, column }
    }

    /// The matrix without its first rows.
    pub fn rows_from(self, first: usize) -> Self {
        Matrix { elements: self.elements.get(first * self.row..).unwrap_or(&[]), ..self }
    }

    /// The elements from `(i, j)` on.
    fn from(&self, i: usize, j: usize) -> &'a [T] {
        &self.elements[i * self.row + j * self.column..]
    }
}

/// The sizes of a product: (`n` × `k`) (`k` × `m`).
#[derive(Clone, Copy)]
pub struct Sizes {
    pub n: usize,
    pub k: usize,
    pub m: usize,
}

/// A float with products for this processor and a place for packed matrices.
pub trait Element: Float + 'static {
    /// `c = a b`, row-major.
    fn multiply(c: &mut [Self], a: Matrix<Self>, b: Matrix<Self>, sizes: Sizes);
    /// Where matrices are packed, kept from one product to the next.
    fn packed() -> &'static std::thread::LocalKey<Cell<Vec<Self>>>;
}

macro_rules! element {
    ($float:ty, $lanes:literal, $wide:ident) => {
        impl Element for $float {
            fn multiply(c: &mut [Self], a: Matrix<Self>, b: Matrix<Self>, sizes: Sizes) {
                #[cfg(target_arch = "x86_64")]
                if let Some(multiply) = wide::$wide() {
                    // SAFETY: the processor has what this function was compiled for.
                    return unsafe { multiply(c, a, b, sizes) };
                }
                blocked::<$float, [$float; $lanes], 4, 1>(c, a, b, sizes);
            }

            fn packed() -> &'static std::thread::LocalKey<Cell<Vec<Self>>> {
                thread_local!(static PACKED: Cell<Vec<$float>> = const { Cell::new(Vec::new()) });
                &PACKED
            }
        }
    };
}

element!(f64, 4, widest_f64);
element!(f32, 8, widest_f32);

/// What a tile's rows are made of.
trait Vector<T>: Copy {
    const LANES: usize;
    fn zero() -> Self;
    /// # Safety
    /// `from` points at [`Self::LANES`] elements.
    unsafe fn load(from: *const T) -> Self;
    /// # Safety
    /// `to` points at [`Self::LANES`] elements.
    unsafe fn store(self, to: *mut T);
    /// `self + a * b`, rounded twice.
    fn add_product(self, a: T, b: Self) -> Self;
}

/// Registers of the baseline, which the compiler makes of arrays.
impl<T: Float, const N: usize> Vector<T> for [T; N] {
    const LANES: usize = N;

    #[inline(always)]
    fn zero() -> Self {
        [T::ZERO; N]
    }

    #[inline(always)]
    unsafe fn load(from: *const T) -> Self {
        unsafe { from.cast::<[T; N]>().read() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T) {
        unsafe { to.cast::<[T; N]>().write(self) }
    }

    #[inline(always)]
    fn add_product(self, a: T, b: Self) -> Self {
        let mut sums = self;
        for (s, b) in sums.iter_mut().zip(b) {
            *s = *s + a * b;
        }
        sums
    }
}

/// `TALL` rows and `ACROSS` vectors make a tile, so many that it fits into the registers beside a row of `b` and a product.
#[inline(always)]
fn blocked<T: Element, V: Vector<T>, const TALL: usize, const ACROSS: usize>(
    c: &mut [T],
    a: Matrix<T>,
    b: Matrix<T>,
    sizes: Sizes,
) {
    let Sizes { n, k, m } = sizes;
    if k == 0 {
        c.fill(T::ZERO);
    }
    let width = ACROSS * V::LANES;
    let pack_all = b.column != 1 || n >= TILES_TO_PACK * TALL;
    // Taken away while it is used, so that no closure, which would be compiled for the baseline, stands around the loops.
    let mut packed = T::packed().take();
    for i in (0..n).step_by(ROWS) {
        for p in (0..k).step_by(DEPTH) {
            let block = Block { rows: ROWS.min(n - i), depth: DEPTH.min(k - p), first: p == 0, m };
            for j in (0..m).step_by(width) {
                let columns = width.min(m - j);
                let width = if columns <= V::LANES { V::LANES } else { width };
                let sliver = if pack_all || columns < width {
                    pack(&mut packed, b, (p, j), (block.depth, columns), width);
                    Matrix { elements: &packed, row: width, column: 1 }
                } else {
                    Matrix { elements: b.from(p, j), ..b }
                };
                let a = Matrix { elements: a.from(i, p), ..a };
                let c = &mut c[i * m + j..];
                match columns <= V::LANES {
                    true => tiles::<T, V, TALL, 1>(c, columns, a, sliver, block),
                    false => tiles::<T, V, TALL, ACROSS>(c, columns, a, sliver, block),
                }
            }
        }
    }
    T::packed().set(packed);
}

/// Rows of `b` from `(p, j)` on, one behind the other, each filled up to `width`.
#[inline(always)]
fn pack<T: Float>(
    packed: &mut Vec<T>,
    b: Matrix<T>,
    (p, j): (usize, usize),
    (depth, columns): (usize, usize),
    width: usize,
) {
    packed.clear();
    packed.resize(depth * width, T::ZERO);
    if b.row == 1 {
        // In the order in which they stand in memory: neighbours in a row may be as far apart as the lines of one set of the cache.
        for column in 0..columns {
            let from = &b.from(p, j + column)[..depth];
            packed[column..].iter_mut().step_by(width).zip(from).for_each(|(to, from)| *to = *from);
        }
        return;
    }
    for (k, row) in packed.chunks_exact_mut(width).enumerate() {
        let from = b.from(p + k, j);
        if b.column == 1 {
            row[..columns].copy_from_slice(&from[..columns]);
        } else {
            row[..columns].iter_mut().zip(from.iter().step_by(b.column)).for_each(|(to, from)| *to = *from);
        }
    }
}

/// A part of the product: so many rows of `c`, which has `m` columns, and so many inner indices.
#[derive(Clone, Copy)]
struct Block {
    rows: usize,
    depth: usize,
    /// Whether the sums begin here.
    first: bool,
    m: usize,
}

/// The tiles of `c` below each other that belong to one sliver of `b`; the first begins where `c` and `a` do.
#[inline(always)]
fn tiles<T: Element, V: Vector<T>, const TALL: usize, const ACROSS: usize>(
    c: &mut [T],
    columns: usize,
    a: Matrix<T>,
    sliver: Matrix<T>,
    block: Block,
) {
    let mut i = 0;
    while i + TALL <= block.rows {
        tile::<T, V, TALL, ACROSS>(&mut c[i * block.m..], columns, a.from(i, 0), a, sliver, block);
        i += TALL;
    }
    while i + 4 <= block.rows {
        tile::<T, V, 4, ACROSS>(&mut c[i * block.m..], columns, a.from(i, 0), a, sliver, block);
        i += 4;
    }
    while i + 2 <= block.rows {
        tile::<T, V, 2, ACROSS>(&mut c[i * block.m..], columns, a.from(i, 0), a, sliver, block);
        i += 2;
    }
    if i < block.rows {
        tile::<T, V, 1, ACROSS>(&mut c[i * block.m..], columns, a.from(i, 0), a, sliver, block);
    }
}

/// One tile, in a copy of its own where `c` is too narrow.
#[inline(always)]
fn tile<T: Element, V: Vector<T>, const TALL: usize, const ACROSS: usize>(
    c: &mut [T],
    columns: usize,
    rows: &[T],
    a: Matrix<T>,
    sliver: Matrix<T>,
    block: Block,
) {
    let width = ACROSS * V::LANES;
    if columns == width {
        return add_products::<T, V, TALL, ACROSS>(c, block.m, rows, a, sliver, block);
    }
    let mut copy = [T::ZERO; MOST_IN_TILE];
    for r in 0..TALL {
        copy[r * width..][..columns].copy_from_slice(&c[r * block.m..][..columns]);
    }
    add_products::<T, V, TALL, ACROSS>(&mut copy, width, rows, a, sliver, block);
    for r in 0..TALL {
        c[r * block.m..][..columns].copy_from_slice(&copy[r * width..][..columns]);
    }
}

/// The innermost loop: `c += a b` for a whole tile; the rows of `c` are `stride` apart.
#[inline(always)]
fn add_products<T: Element, V: Vector<T>, const TALL: usize, const ACROSS: usize>(
    c: &mut [T],
    stride: usize,
    rows: &[T],
    a: Matrix<T>,
    sliver: Matrix<T>,
    block: Block,
) {
    let (depth, width) = (block.depth, ACROSS * V::LANES);
    assert!(c.len() >= (TALL - 1) * stride + width);
    assert!(rows.len() > (TALL - 1) * a.row + (depth - 1) * a.column);
    assert!(sliver.elements.len() >= (depth - 1) * sliver.row + width);
    let mut sums = [[V::zero(); ACROSS]; TALL];
    // SAFETY: every place below is inside, by the three assertions.
    unsafe {
        for r in 0..TALL * usize::from(!block.first) {
            for v in 0..ACROSS {
                sums[r][v] = V::load(c.as_ptr().add(r * stride + v * V::LANES));
            }
        }
        for p in 0..depth {
            let mut b = [V::zero(); ACROSS];
            for v in 0..ACROSS {
                b[v] = V::load(sliver.elements.as_ptr().add(p * sliver.row + v * V::LANES));
            }
            for r in 0..TALL {
                let x = *rows.get_unchecked(r * a.row + p * a.column);
                for v in 0..ACROSS {
                    sums[r][v] = sums[r][v].add_product(x, b[v]);
                }
            }
        }
        for r in 0..TALL {
            for v in 0..ACROSS {
                sums[r][v].store(c.as_mut_ptr().add(r * stride + v * V::LANES));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7919 + 13) % 1009) as f64 / 97.0 - 5.0).collect()
    }

    type Multiply = fn(&mut [f64], Matrix<f64>, Matrix<f64>, Sizes);

    /// Against three plain loops, to the bit; `a` and `b` as they are and transposed.
    fn sums_in_order(multiply: Multiply) {
        let odd = [(1, 1, 1), (3, 5, 7), (4, 8, 16), (9, 10, 17), (0, 3, 2), (2, 0, 2), (5, 1, 0), (30, 40, 50)];
        let large = [(ROWS + 5, 3, 18), (7, 2 * DEPTH + 1, 9), (25, DEPTH + 1, 33)];
        for (n, k, m) in odd.into_iter().chain(large) {
            for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
                let (x, y) = (numbers(n * k), numbers(k * m));
                let a = Matrix::new(&x, if ta { n } else { k }, ta);
                let b = Matrix::new(&y, if tb { k } else { m }, tb);
                let mut c = vec![f64::NAN; n * m];
                multiply(&mut c, a, b, Sizes { n, k, m });
                for (i, j) in (0..n).flat_map(|i| (0..m).map(move |j| (i, j))) {
                    let want = (0..k).fold(0.0, |s, p| s + a.from(i, p)[0] * b.from(p, j)[0]);
                    assert_eq!(c[i * m + j].to_bits(), f64::to_bits(want), "{n} {k} {m} {ta} {tb} at {i} {j}");
                }
            }
        }
    }

    #[test]
    fn the_baseline_sums_in_order() {
        sums_in_order(blocked::<f64, [f64; 4], 4, 1>);
    }

    #[test]
    fn the_widest_sums_in_order() {
        sums_in_order(f64::multiply);
    }
}
