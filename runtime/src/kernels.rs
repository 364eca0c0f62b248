//! Reductions and matrix-vector products, in the orders that `opcode.rs` lays down; products of matrices are in [`crate::matmul`].
//!
//! The order is part of the language, so that every build, every processor and the interpreter give the same bits. It is
//! chosen so that the loops vectorize: eight lanes for sums, and for products the sum over the inner index in order for every
//! element, many elements at a time. Nothing here may be contracted to fused multiply-add.
//!
//! Each kernel is compiled for the baseline and for AVX2; which runs is decided once per call.

use std::ops::{Add, Mul};

/// A float: what the kernels need.
pub trait Float: Copy + Add<Output = Self> + Mul<Output = Self> + PartialOrd {
    const ZERO: Self;
}

impl Float for f64 {
    const ZERO: f64 = 0.0;
}

impl Float for f32 {
    const ZERO: f32 = 0.0;
}

/// Compiles a kernel twice and picks one.
macro_rules! kernel {
    ($(#[$doc:meta])* $name:ident, $wide:ident, $body:ident, ($($arg:ident: $ty:ty),*) $(-> $ret:ty)?) => {
        $(#[$doc])*
        pub fn $name<T: Float>($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn $wide<T: Float>($($arg: $ty),*) $(-> $ret)? {
                    $body($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has the feature.
                    return unsafe { $wide($($arg),*) };
                }
            }
            $body($($arg),*)
        }
    };
}

kernel!(
    /// The sum in lane order; see `ReduceOp::Sum`.
    sum, sum_wide, sum_lanes, (x: &[T]) -> T
);
kernel!(
    /// The sum of products in lane order. The slices have equal lengths.
    dot, dot_wide, dot_lanes, (x: &[T], y: &[T]) -> T
);
kernel!(
    /// `y = a x` for row-major `a` with `y.len()` rows: for each row the sum of products in lane order.
    matvec, matvec_wide, dot_rows, (y: &mut [T], a: &[T], x: &[T])
);
kernel!(
    /// `y = aᵀ x` for row-major `a` with `x.len()` rows: sums over the rows in order.
    matvec_transposed, matvec_transposed_wide, add_rows, (y: &mut [T], a: &[T], x: &[T])
);

#[inline(always)]
fn combine<T: Float>(l: [T; 8]) -> T {
    ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

#[inline(always)]
fn sum_lanes<T: Float>(x: &[T]) -> T {
    let mut lanes = [T::ZERO; 8];
    let (blocks, rest) = x.as_chunks::<8>();
    for block in blocks {
        for k in 0..8 {
            lanes[k] = lanes[k] + block[k];
        }
    }
    for (k, x) in rest.iter().enumerate() {
        lanes[k] = lanes[k] + *x;
    }
    combine(lanes)
}

#[inline(always)]
fn dot_lanes<T: Float>(x: &[T], y: &[T]) -> T {
    let mut lanes = [T::ZERO; 8];
    let ((bx, rx), (by, ry)) = (x.as_chunks::<8>(), y.as_chunks::<8>());
    for (p, q) in bx.iter().zip(by) {
        for k in 0..8 {
            lanes[k] = lanes[k] + p[k] * q[k];
        }
    }
    for (k, (p, q)) in rx.iter().zip(ry).enumerate() {
        lanes[k] = lanes[k] + *p * *q;
    }
    combine(lanes)
}

#[inline(always)]
fn dot_rows<T: Float>(y: &mut [T], a: &[T], x: &[T]) {
    for (i, y) in y.iter_mut().enumerate() {
        *y = dot_lanes(&a[i * x.len()..(i + 1) * x.len()], x);
    }
}

#[inline(always)]
fn add_rows<T: Float>(y: &mut [T], a: &[T], x: &[T]) {
    y.fill(T::ZERO);
    let width = y.len();
    for (i, x) in x.iter().enumerate() {
        let row = &a[i * width..(i + 1) * width];
        for (y, a) in y.iter_mut().zip(row) {
            *y = *y + *a * *x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize) -> Vec<f64> {
        (0..n).map(|i| ((i * 7919 + 13) % 1009) as f64 / 97.0 - 5.0).collect()
    }

    #[test]
    fn sums_are_in_lane_order() {
        for n in 0..40 {
            let x = numbers(n);
            let mut lanes = [0.0; 8];
            x.iter().enumerate().for_each(|(k, x)| lanes[k % 8] += x);
            assert_eq!(sum(&x).to_bits(), combine(lanes).to_bits());
            let products: Vec<f64> = x.iter().map(|x| x * x).collect();
            assert_eq!(dot(&x, &x).to_bits(), sum(&products).to_bits());
        }
    }
}
