//! Which Rust types stand for which types of dProg.
//!
//! | dProg | parameter | result |
//! |---|---|---|
//! | `f64` `f32` `i64` `i32` `u8` `bool` | the same | the same |
//! | `i64` | `usize`, too | |
//! | `(f64, i64)`, a struct of numbers | a tuple of its numbers, or one parameter for each | a tuple |
//! | `[f64; n]`, `List<f64>` | `&[f64]`, `&[f64; 3]` | `Vec<f64>`, or `&mut [f64]` behind the parameters |
//! | `[f64; n, m]` | `&[f64]` in rows, with the sizes in front | `Vec<f64>` in rows |
//! | `inout [f64; n]` | `&mut [f64]` | |
//! | `inout f64` | `&mut f64` | |
//!
//! With the feature `ndarray`, `&Array2<f64>` and `&mut Array2<f64>` stand for arrays of their rank and take views.

use dprog_ir::Scalar;

/// A number that both sides know.
pub trait Number: Copy + Default + Send + Sync + 'static + sealed::Sealed {
    #[doc(hidden)]
    const SCALAR: Scalar;
    #[doc(hidden)]
    const NAME: &'static str;
    #[doc(hidden)]
    fn to_word(self) -> u64;
    #[doc(hidden)]
    fn from_word(word: u64) -> Self;
}

pub(crate) mod sealed {
    pub trait Sealed {}
    pub trait Output {}
}

macro_rules! number {
    ($($ty:ident $scalar:ident $to:expr, $from:expr;)*) => {
        $(
            impl sealed::Sealed for $ty {}
            impl Number for $ty {
                const SCALAR: Scalar = Scalar::$scalar;
                const NAME: &'static str = stringify!($ty);
                #[inline]
                fn to_word(self) -> u64 {
                    let to: fn($ty) -> u64 = $to;
                    to(self)
                }
                #[inline]
                fn from_word(word: u64) -> $ty {
                    let from: fn(u64) -> $ty = $from;
                    from(word)
                }
            }
        )*
    };
}

number! {
    f64 F64 |x| x.to_bits(), f64::from_bits;
    f32 F32 |x| x.to_bits() as u64, |w| f32::from_bits(w as u32);
    i64 I64 |x| x as u64, |w| w as i64;
    i32 I32 |x| x as u32 as u64, |w| w as i32;
    u8 U8 |x| x as u64, |w| w as u8;
    bool Bool |x| x as u64, |w| w as u8 != 0;
    usize I64 |x| x as u64, |w| w as usize;
}

/// What a native parameter or result is made of, for comparing it with a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeLeaf {
    pub(crate) scalar: Scalar,
    pub(crate) shape: NativeShape,
    /// `&mut`.
    pub(crate) mutable: bool,
}

/// See [`NativeLeaf`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NativeShape {
    /// By value.
    Number,
    /// Elements in a row, of an array of any rank.
    Flat,
    /// An array of this rank; 0 is a number behind a reference.
    Rank(usize),
}

/// The sizes of an argument, as it comes.
#[derive(Clone, Debug, Default)]
pub struct Extent {
    pub(crate) total: usize,
    /// Empty if only the total is known.
    pub(crate) dims: smallvec::SmallVec<[usize; 4]>,
    /// A number passed by value.
    pub(crate) word: u64,
}

// ---- by value ----

/// A parameter by value: a number, or a tuple of numbers that stands for a struct or a tuple of them.
pub trait ByValue: sealed::Sealed + Copy + 'static {
    #[doc(hidden)]
    const COUNT: usize;
    /// What it is in a C function, if it is one number.
    #[doc(hidden)]
    type InC: Copy + 'static;
    #[doc(hidden)]
    fn in_c(self) -> Self::InC;
    #[doc(hidden)]
    fn leaves(all: &mut Vec<NativeLeaf>);
    #[doc(hidden)]
    fn text() -> String;
    #[doc(hidden)]
    fn write(self, words: &mut impl FnMut(u64));
}

impl<T: Number> ByValue for T {
    const COUNT: usize = 1;
    type InC = T;
    #[inline]
    fn in_c(self) -> T {
        self
    }
    fn leaves(all: &mut Vec<NativeLeaf>) {
        all.push(NativeLeaf { scalar: T::SCALAR, shape: NativeShape::Number, mutable: false });
    }
    fn text() -> String {
        T::NAME.to_string()
    }
    #[inline]
    fn write(self, words: &mut impl FnMut(u64)) {
        words(self.to_word());
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),*))*) => {
        $(
            impl<$($name: Number),*> sealed::Sealed for ($($name,)*) {}
            impl<$($name: Number),*> ByValue for ($($name,)*) {
                const COUNT: usize = [$($index),*].len();
                type InC = usize;
                fn in_c(self) -> usize {
                    unreachable!("several numbers are not one")
                }
                fn leaves(all: &mut Vec<NativeLeaf>) {
                    $($name::leaves(all);)*
                }
                fn text() -> String {
                    format!("({})", [$($name::NAME),*].join(", "))
                }
                #[inline]
                fn write(self, words: &mut impl FnMut(u64)) {
                    $(words(self.$index.to_word());)*
                }
            }
        )*
    };
}

tuples! {
    (A 0, B 1) (A 0, B 1, C 2) (A 0, B 1, C 2, D 3) (A 0, B 1, C 2, D 3, E 4) (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6) (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

// ---- by reference ----

/// What stands behind `&` or `&mut` in the type of a function: a slice, an array, a number; with the feature `ndarray` its
/// arrays.
///
/// # Safety
/// `read` writes, and `write` reads, as many elements as the extent says, and no more.
pub unsafe trait Elements: 'static {
    #[doc(hidden)]
    type Item: Number;
    /// What a call takes for `&Self`.
    type View<'a>;
    /// What a call takes for `&mut Self`.
    type ViewMut<'a>;
    #[doc(hidden)]
    fn leaf(mutable: bool) -> NativeLeaf;
    #[doc(hidden)]
    fn text() -> String;
    #[doc(hidden)]
    fn extent(view: &Self::View<'_>) -> Extent;
    #[doc(hidden)]
    fn extent_mut(view: &Self::ViewMut<'_>) -> Extent;
    /// Where the elements are, if they lie in rows.
    #[doc(hidden)]
    fn place(view: &Self::View<'_>) -> Option<*const u8>;
    /// Where elements may be written, if they lie in rows.
    #[doc(hidden)]
    fn room(_: &mut Self::ViewMut<'_>) -> Option<*mut u8> {
        None
    }
    /// Copies the elements in rows.
    #[doc(hidden)]
    unsafe fn read(view: &Self::View<'_>, to: *mut Self::Item);
    #[doc(hidden)]
    unsafe fn read_mut(view: &Self::ViewMut<'_>, to: *mut Self::Item);
    #[doc(hidden)]
    unsafe fn write(view: &mut Self::ViewMut<'_>, from: *const Self::Item);
}

// SAFETY: a slice has as many elements as its length says.
unsafe impl<T: Number> Elements for [T] {
    type Item = T;
    type View<'a> = &'a [T];
    type ViewMut<'a> = &'a mut [T];
    fn leaf(mutable: bool) -> NativeLeaf {
        NativeLeaf { scalar: T::SCALAR, shape: NativeShape::Flat, mutable }
    }
    fn text() -> String {
        format!("[{}]", T::NAME)
    }
    fn extent(view: &&[T]) -> Extent {
        Extent { total: view.len(), ..Extent::default() }
    }
    fn extent_mut(view: &&mut [T]) -> Extent {
        Extent { total: view.len(), ..Extent::default() }
    }
    fn place(view: &&[T]) -> Option<*const u8> {
        Some(view.as_ptr().cast())
    }
    fn room(view: &mut &mut [T]) -> Option<*mut u8> {
        Some(view.as_mut_ptr().cast())
    }
    unsafe fn read(view: &&[T], to: *mut T) {
        // SAFETY: the caller has room for the extent.
        unsafe { to.copy_from_nonoverlapping(view.as_ptr(), view.len()) }
    }
    unsafe fn read_mut(view: &&mut [T], to: *mut T) {
        // SAFETY: as above.
        unsafe { to.copy_from_nonoverlapping(view.as_ptr(), view.len()) }
    }
    unsafe fn write(view: &mut &mut [T], from: *const T) {
        // SAFETY: the caller has as many elements as the extent.
        unsafe { view.as_mut_ptr().copy_from_nonoverlapping(from, view.len()) }
    }
}

// SAFETY: an array has `N` elements.
unsafe impl<T: Number, const N: usize> Elements for [T; N] {
    type Item = T;
    type View<'a> = &'a [T; N];
    type ViewMut<'a> = &'a mut [T; N];
    fn leaf(mutable: bool) -> NativeLeaf {
        NativeLeaf { scalar: T::SCALAR, shape: NativeShape::Flat, mutable }
    }
    fn text() -> String {
        format!("[{}; {N}]", T::NAME)
    }
    fn extent(_: &&[T; N]) -> Extent {
        Extent { total: N, ..Extent::default() }
    }
    fn extent_mut(_: &&mut [T; N]) -> Extent {
        Extent { total: N, ..Extent::default() }
    }
    fn place(view: &&[T; N]) -> Option<*const u8> {
        Some(view.as_ptr().cast())
    }
    fn room(view: &mut &mut [T; N]) -> Option<*mut u8> {
        Some(view.as_mut_ptr().cast())
    }
    unsafe fn read(view: &&[T; N], to: *mut T) {
        // SAFETY: the caller has room for the extent.
        unsafe { to.copy_from_nonoverlapping(view.as_ptr(), N) }
    }
    unsafe fn read_mut(view: &&mut [T; N], to: *mut T) {
        // SAFETY: as above.
        unsafe { to.copy_from_nonoverlapping(view.as_ptr(), N) }
    }
    unsafe fn write(view: &mut &mut [T; N], from: *const T) {
        // SAFETY: the caller has as many elements as the extent.
        unsafe { view.as_mut_ptr().copy_from_nonoverlapping(from, N) }
    }
}

// SAFETY: one element.
unsafe impl<T: Number> Elements for T {
    type Item = T;
    type View<'a> = &'a T;
    type ViewMut<'a> = &'a mut T;
    fn leaf(mutable: bool) -> NativeLeaf {
        NativeLeaf { scalar: T::SCALAR, shape: NativeShape::Rank(0), mutable }
    }
    fn text() -> String {
        T::NAME.to_string()
    }
    fn extent(view: &&T) -> Extent {
        Extent { total: 1, word: view.to_word(), ..Extent::default() }
    }
    fn extent_mut(view: &&mut T) -> Extent {
        Extent { total: 1, word: view.to_word(), ..Extent::default() }
    }
    fn place(view: &&T) -> Option<*const u8> {
        Some(std::ptr::from_ref::<T>(view).cast())
    }
    unsafe fn read(view: &&T, to: *mut T) {
        // SAFETY: the caller has room for one.
        unsafe { to.write(**view) }
    }
    unsafe fn read_mut(view: &&mut T, to: *mut T) {
        // SAFETY: as above.
        unsafe { to.write(**view) }
    }
    unsafe fn write(view: &mut &mut T, from: *const T) {
        // SAFETY: the caller has one.
        **view = unsafe { from.read() }
    }
}

// ---- results ----

/// What a call gives: a number, `Vec` of numbers, a tuple of these, or nothing.
pub trait Output: sealed::Output + Sized {
    /// Nothing but numbers.
    #[doc(hidden)]
    const NUMBERS: bool;
    /// One float, which C returns in a register of another kind than an integer.
    #[doc(hidden)]
    const FLOAT: bool = false;
    #[doc(hidden)]
    fn leaves(all: &mut Vec<NativeLeaf>);
    #[doc(hidden)]
    fn text() -> String;
    /// Takes its results in order.
    #[doc(hidden)]
    fn take(next: &mut impl FnMut() -> Returned) -> Self;
    /// The same, of numbers.
    #[doc(hidden)]
    fn take_words(next: &mut impl FnMut() -> u64) -> Self;
}

/// A result as machine code gave it: a word, or the elements and sizes of an array.
pub struct Returned {
    pub(crate) word: u64,
    pub(crate) elements: *const u8,
    pub(crate) dims: smallvec::SmallVec<[usize; 4]>,
}

macro_rules! number_output {
    ($($ty:ident)*) => {
        $(
            impl sealed::Output for $ty {}
            impl Output for $ty {
                const NUMBERS: bool = true;
                const FLOAT: bool = matches!(<$ty as Number>::SCALAR, Scalar::F64 | Scalar::F32);
                fn leaves(all: &mut Vec<NativeLeaf>) {
                    <$ty as ByValue>::leaves(all);
                }
                fn text() -> String {
                    stringify!($ty).to_string()
                }
                #[inline]
                fn take(next: &mut impl FnMut() -> Returned) -> $ty {
                    <$ty>::from_word(next().word)
                }
                #[inline]
                fn take_words(next: &mut impl FnMut() -> u64) -> $ty {
                    <$ty>::from_word(next())
                }
            }
        )*
    };
}

number_output!(f64 f32 i64 i32 u8 bool usize);

impl<T: Number> sealed::Output for Vec<T> {}
impl<T: Number> Output for Vec<T> {
    const NUMBERS: bool = false;
    fn leaves(all: &mut Vec<NativeLeaf>) {
        all.push(NativeLeaf { scalar: T::SCALAR, shape: NativeShape::Flat, mutable: false });
    }
    fn text() -> String {
        format!("Vec<{}>", T::NAME)
    }
    fn take(next: &mut impl FnMut() -> Returned) -> Vec<T> {
        let returned = next();
        let count = returned.dims.iter().product();
        // SAFETY: the types were compared at look-up: so many elements of this type are there. A `bool` is 0 or 1.
        unsafe { std::slice::from_raw_parts(returned.elements.cast::<T>(), count) }.to_vec()
    }
    fn take_words(_: &mut impl FnMut() -> u64) -> Vec<T> {
        unreachable!("an array is no number")
    }
}

impl sealed::Output for () {}
impl Output for () {
    const NUMBERS: bool = true;
    fn leaves(_: &mut Vec<NativeLeaf>) {}
    fn text() -> String {
        "()".to_string()
    }
    #[inline]
    fn take(_: &mut impl FnMut() -> Returned) {}
    #[inline]
    fn take_words(_: &mut impl FnMut() -> u64) {}
}

macro_rules! tuple_outputs {
    ($(($($name:ident)*))*) => {
        $(
            impl<$($name: Output),*> sealed::Output for ($($name,)*) {}
            impl<$($name: Output),*> Output for ($($name,)*) {
                const NUMBERS: bool = $($name::NUMBERS)&&*;
                fn leaves(all: &mut Vec<NativeLeaf>) {
                    $($name::leaves(all);)*
                }
                fn text() -> String {
                    format!("({})", [$($name::text()),*].join(", "))
                }
                #[inline]
                fn take(next: &mut impl FnMut() -> Returned) -> Self {
                    ($($name::take(next),)*)
                }
                #[inline]
                fn take_words(next: &mut impl FnMut() -> u64) -> Self {
                    ($($name::take_words(next),)*)
                }
            }
        )*
    };
}

tuple_outputs!((A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H));
