//! Tiles in the wide registers of x86-64, which the baseline does not have.
//!
//! AVX-512 is not here: without fused operations it was no faster where it was measured.

use super::{Matrix, Sizes, Vector, blocked};
use std::arch::x86_64::*;

macro_rules! vector {
    ($name:ident, $float:ty, $lanes:literal, $zero:ident, $load:ident, $store:ident, $splat:ident, $add:ident, $mul:ident) => {
        impl Vector<$float> for $name {
            const LANES: usize = $lanes;

            // SAFETY of all four: only functions compiled for these registers use this type, and the places are the caller's.
            #[inline(always)]
            fn zero() -> Self {
                unsafe { $zero() }
            }

            #[inline(always)]
            unsafe fn load(from: *const $float) -> Self {
                unsafe { $load(from) }
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut $float) {
                unsafe { $store(to, self) }
            }

            #[inline(always)]
            fn add_product(self, a: $float, b: Self) -> Self {
                unsafe { $add(self, $mul($splat(a), b)) }
            }
        }
    };
}

vector!(
    __m256d,
    f64,
    4,
    _mm256_setzero_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_set1_pd,
    _mm256_add_pd,
    _mm256_mul_pd
);
vector!(
    __m256,
    f32,
    8,
    _mm256_setzero_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_add_ps,
    _mm256_mul_ps
);

macro_rules! compiled {
    ($name:ident, $feature:literal, $float:ty, $vector:ty, $tall:literal, $across:literal) => {
        #[target_feature(enable = $feature)]
        fn $name(c: &mut [$float], a: Matrix<$float>, b: Matrix<$float>, sizes: Sizes) {
            blocked::<$float, $vector, $tall, $across>(c, a, b, sizes);
        }
    };
}

compiled!(avx2_f64, "avx2", f64, __m256d, 6, 2);
compiled!(avx2_f32, "avx2", f32, __m256, 6, 2);

type Multiply<T> = unsafe fn(&mut [T], Matrix<T>, Matrix<T>, Sizes);

/// The product in wide registers, if this processor has them.
pub(super) fn widest_f64() -> Option<Multiply<f64>> {
    std::arch::is_x86_feature_detected!("avx2").then_some(avx2_f64)
}

/// Likewise for f32.
pub(super) fn widest_f32() -> Option<Multiply<f32>> {
    std::arch::is_x86_feature_detected!("avx2").then_some(avx2_f32)
}
