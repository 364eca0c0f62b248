//! Function types of Rust, taken apart: `fn(f64, &[f64], &mut [f64]) -> f64` is a number, something to read, something to
//! write, and what comes back.
//!
//! A type with references is one for all lifetimes, so each way to mix values and references is an implementation of its
//! own: all mixes of up to five parameters, and of six to eight those with values first, then `&`, then `&mut`.

// A value is never a reference, since `ByValue` has no implementation for one; but the compiler cannot know that nobody will
// ever write one, and tells the implementations apart by their lifetimes. It warns that this might change.
#![allow(coherence_leak_check)]

use super::native::{ByValue, Elements, Extent, NativeLeaf, Output, sealed};
use dprog_runtime::Context;
use std::marker::PhantomData;

/// A type that a function of a module can be looked up with; [`native`](crate::Module::function) lists what it is made of.
///
/// Up to five parameters by value, `&` or `&mut` in any order; up to eight if values come first, then `&`, then `&mut`.
pub trait FnType: sealed::Sealed + 'static {
    /// The parameters.
    #[doc(hidden)]
    type Slots: Slots;
    /// What a call gives.
    type Output: Output;
}

/// The parameters of a function type.
#[doc(hidden)]
pub trait Slots: 'static {
    /// What a call takes: a tuple, or for one parameter the argument itself.
    type Args<'a>;
    /// Nothing but numbers by value; how many.
    const NUMBERS: Option<usize>;
    /// Nothing but numbers by value, none of them in a tuple.
    const PLAIN: bool;
    /// Calls a C function `(context, results, arguments…) -> status`.
    ///
    /// # Safety
    /// The types are plain, and the function's; there is room for its results.
    unsafe fn call(args: &Self::Args<'_>, function: *const u8, ctx: *mut Context, results: *mut u64) -> i32;
    /// Calls a C function `(context, arguments…) -> R`.
    ///
    /// # Safety
    /// The types are plain, and the function's; `R` is what it gives.
    unsafe fn call_for<R>(args: &Self::Args<'_>, function: *const u8, ctx: *mut Context) -> R;
    fn leaves(all: &mut Vec<NativeLeaf>);
    fn text() -> Vec<String>;
    fn words(args: &Self::Args<'_>, words: &mut impl FnMut(u64));
    /// An extent for each leaf.
    fn extents(args: &Self::Args<'_>, each: &mut impl FnMut(Extent));
    /// Where the elements of leaf `leaf` are, if they lie in rows.
    fn place(args: &Self::Args<'_>, leaf: usize) -> Option<*const u8>;
    /// Where elements may be written of leaf `leaf`, which is `&mut`, if they lie in rows.
    fn room(args: &mut Self::Args<'_>, leaf: usize) -> Option<*mut u8>;
    /// Copies the elements of leaf `leaf` in rows.
    ///
    /// # Safety
    /// There is room for as many as its extent says.
    unsafe fn read(args: &Self::Args<'_>, leaf: usize, to: *mut u8);
    /// Copies elements into leaf `leaf`, which is `&mut`.
    ///
    /// # Safety
    /// There are as many as its extent says.
    unsafe fn write(args: &mut Self::Args<'_>, leaf: usize, from: *const u8);
}

/// One parameter.
#[doc(hidden)]
pub trait Slot: 'static {
    type Arg<'a>;
    const NUMBERS: bool;
    const COUNT: usize;
    /// What it is in a C function, if it is one number.
    type InC: Copy;
    fn in_c(arg: &Self::Arg<'_>) -> Self::InC;
    fn leaves(all: &mut Vec<NativeLeaf>);
    fn text() -> String;
    fn words(arg: &Self::Arg<'_>, words: &mut impl FnMut(u64));
    fn extents(arg: &Self::Arg<'_>, each: &mut impl FnMut(Extent));
    fn place(arg: &Self::Arg<'_>) -> Option<*const u8>;
    fn room(_: &mut Self::Arg<'_>) -> Option<*mut u8> {
        None
    }
    /// # Safety
    /// As of [`Slots::read`].
    unsafe fn read(arg: &Self::Arg<'_>, to: *mut u8);
    /// # Safety
    /// As of [`Slots::write`].
    unsafe fn write(arg: &mut Self::Arg<'_>, from: *const u8);
}

/// By value.
#[doc(hidden)]
pub struct Val<A>(PhantomData<fn() -> A>);
/// `&T`.
#[doc(hidden)]
pub struct Ref<T: ?Sized>(PhantomData<fn() -> Box<T>>);
/// `&mut T`.
#[doc(hidden)]
pub struct Mut<T: ?Sized>(PhantomData<fn() -> Box<T>>);

impl<A: ByValue> Slot for Val<A> {
    type Arg<'a> = A;
    const NUMBERS: bool = true;
    const COUNT: usize = A::COUNT;
    type InC = A::InC;
    #[inline]
    fn in_c(arg: &A) -> A::InC {
        arg.in_c()
    }
    fn leaves(all: &mut Vec<NativeLeaf>) {
        A::leaves(all);
    }
    fn text() -> String {
        A::text()
    }
    #[inline]
    fn words(arg: &A, words: &mut impl FnMut(u64)) {
        arg.write(words);
    }
    #[inline]
    fn extents(arg: &A, each: &mut impl FnMut(Extent)) {
        arg.write(&mut |word| each(Extent { total: 1, word, ..Extent::default() }));
    }
    fn place(_: &A) -> Option<*const u8> {
        None
    }
    unsafe fn read(_: &A, _: *mut u8) {}
    unsafe fn write(_: &mut A, _: *const u8) {}
}

impl<T: ?Sized + Elements> Slot for Ref<T> {
    type Arg<'a> = T::View<'a>;
    const NUMBERS: bool = false;
    const COUNT: usize = 1;
    type InC = usize;
    fn in_c(_: &T::View<'_>) -> usize {
        unreachable!("a reference is no number")
    }
    fn leaves(all: &mut Vec<NativeLeaf>) {
        all.push(T::leaf(false));
    }
    fn text() -> String {
        format!("&{}", T::text())
    }
    fn words(_: &T::View<'_>, _: &mut impl FnMut(u64)) {}
    #[inline]
    fn extents(arg: &T::View<'_>, each: &mut impl FnMut(Extent)) {
        each(T::extent(arg));
    }
    #[inline]
    fn place(arg: &T::View<'_>) -> Option<*const u8> {
        T::place(arg)
    }
    unsafe fn read(arg: &T::View<'_>, to: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe { T::read(arg, to.cast()) }
    }
    unsafe fn write(_: &mut T::View<'_>, _: *const u8) {}
}

impl<T: ?Sized + Elements> Slot for Mut<T> {
    type Arg<'a> = T::ViewMut<'a>;
    const NUMBERS: bool = false;
    const COUNT: usize = 1;
    type InC = usize;
    fn in_c(_: &T::ViewMut<'_>) -> usize {
        unreachable!("a reference is no number")
    }
    fn leaves(all: &mut Vec<NativeLeaf>) {
        all.push(T::leaf(true));
    }
    fn text() -> String {
        format!("&mut {}", T::text())
    }
    fn words(_: &T::ViewMut<'_>, _: &mut impl FnMut(u64)) {}
    #[inline]
    fn extents(arg: &T::ViewMut<'_>, each: &mut impl FnMut(Extent)) {
        each(T::extent_mut(arg));
    }
    fn place(_: &T::ViewMut<'_>) -> Option<*const u8> {
        None
    }
    #[inline]
    fn room(arg: &mut T::ViewMut<'_>) -> Option<*mut u8> {
        T::room(arg)
    }
    unsafe fn read(arg: &T::ViewMut<'_>, to: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe { T::read_mut(arg, to.cast()) }
    }
    unsafe fn write(arg: &mut T::ViewMut<'_>, from: *const u8) {
        // SAFETY: the caller's promise.
        unsafe { T::write(arg, from.cast()) }
    }
}

impl Slots for () {
    type Args<'a> = ();
    const NUMBERS: Option<usize> = Some(0);
    const PLAIN: bool = true;
    #[inline]
    unsafe fn call(_: &(), function: *const u8, ctx: *mut Context, results: *mut u64) -> i32 {
        // SAFETY: the caller's promise.
        unsafe {
            let function: unsafe extern "C" fn(*mut Context, *mut u64) -> i32 = std::mem::transmute(function);
            function(ctx, results)
        }
    }
    #[inline]
    unsafe fn call_for<R>(_: &(), function: *const u8, ctx: *mut Context) -> R {
        // SAFETY: the caller's promise.
        unsafe {
            let function: unsafe extern "C" fn(*mut Context) -> R = std::mem::transmute(function);
            function(ctx)
        }
    }
    fn leaves(_: &mut Vec<NativeLeaf>) {}
    fn text() -> Vec<String> {
        Vec::new()
    }
    #[inline]
    fn words(_: &(), _: &mut impl FnMut(u64)) {}
    fn extents(_: &(), _: &mut impl FnMut(Extent)) {}
    fn place(_: &(), _: usize) -> Option<*const u8> {
        None
    }
    fn room(_: &mut (), _: usize) -> Option<*mut u8> {
        None
    }
    unsafe fn read(_: &(), _: usize, _: *mut u8) {}
    unsafe fn write(_: &mut (), _: usize, _: *const u8) {}
}

macro_rules! slots {
    ($args:ty, $($name:ident $arg:ident),* => |$bound:pat_param|) => {
        impl<$($name: Slot),*> Slots for ($($name,)*) {
            type Args<'a> = $args;
            const NUMBERS: Option<usize> = if true $(&& $name::NUMBERS)* { Some(0 $(+ $name::COUNT)*) } else { None };
            const PLAIN: bool = true $(&& $name::NUMBERS && $name::COUNT == 1)*;
            #[inline]
            unsafe fn call(
                $bound: &Self::Args<'_>,
                function: *const u8,
                ctx: *mut Context,
                results: *mut u64,
            ) -> i32 {
                // SAFETY: the caller's promise.
                unsafe {
                    let function: unsafe extern "C" fn(*mut Context, *mut u64 $(, $name::InC)*) -> i32 =
                        std::mem::transmute(function);
                    function(ctx, results $(, $name::in_c($arg))*)
                }
            }
            #[inline(always)]
            unsafe fn call_for<R>($bound: &Self::Args<'_>, function: *const u8, ctx: *mut Context) -> R {
                // SAFETY: the caller's promise.
                unsafe {
                    let function: unsafe extern "C" fn(*mut Context $(, $name::InC)*) -> R =
                        std::mem::transmute(function);
                    function(ctx $(, $name::in_c($arg))*)
                }
            }
            fn leaves(all: &mut Vec<NativeLeaf>) {
                $($name::leaves(all);)*
            }
            fn text() -> Vec<String> {
                vec![$($name::text()),*]
            }
            #[inline]
            fn words($bound: &Self::Args<'_>, words: &mut impl FnMut(u64)) {
                $($name::words($arg, words);)*
            }
            #[inline]
            fn extents($bound: &Self::Args<'_>, each: &mut impl FnMut(Extent)) {
                $($name::extents($arg, each);)*
            }
            #[inline]
            fn place($bound: &Self::Args<'_>, leaf: usize) -> Option<*const u8> {
                let mut first = 0;
                $(
                    if leaf >= first && leaf < first + $name::COUNT {
                        return $name::place($arg);
                    }
                    first += $name::COUNT;
                )*
                let _ = first;
                None
            }
            #[inline]
            fn room($bound: &mut Self::Args<'_>, leaf: usize) -> Option<*mut u8> {
                let mut first = 0;
                $(
                    if leaf >= first && leaf < first + $name::COUNT {
                        return $name::room($arg);
                    }
                    first += $name::COUNT;
                )*
                let _ = first;
                None
            }
            unsafe fn read($bound: &Self::Args<'_>, leaf: usize, to: *mut u8) {
                let mut first = 0;
                $(
                    if leaf >= first && leaf < first + $name::COUNT {
                        // SAFETY: the caller's promise.
                        unsafe { $name::read($arg, to) };
                    }
                    first += $name::COUNT;
                )*
                let _ = first;
            }
            unsafe fn write($bound: &mut Self::Args<'_>, leaf: usize, from: *const u8) {
                let mut first = 0;
                $(
                    if leaf >= first && leaf < first + $name::COUNT {
                        // SAFETY: the caller's promise.
                        unsafe { $name::write($arg, from) };
                    }
                    first += $name::COUNT;
                )*
                let _ = first;
            }
        }
    };
}

slots!(A::Arg<'a>, A a => |a|);
slots!((A::Arg<'a>, B::Arg<'a>), A a, B b => |(a, b)|);
slots!((A::Arg<'a>, B::Arg<'a>, C::Arg<'a>), A a, B b, C c => |(a, b, c)|);
slots!((A::Arg<'a>, B::Arg<'a>, C::Arg<'a>, D::Arg<'a>), A a, B b, C c, D d => |(a, b, c, d)|);
slots!((A::Arg<'a>, B::Arg<'a>, C::Arg<'a>, D::Arg<'a>, E::Arg<'a>), A a, B b, C c, D d, E e => |(a, b, c, d, e)|);
slots!((A::Arg<'a>, B::Arg<'a>, C::Arg<'a>, D::Arg<'a>, E::Arg<'a>, F::Arg<'a>), A a, B b, C c, D d, E e, F f => |(a, b, c, d, e, f)|);
slots!((A::Arg<'a>, B::Arg<'a>, C::Arg<'a>, D::Arg<'a>, E::Arg<'a>, F::Arg<'a>, G::Arg<'a>), A a, B b, C c, D d, E e, F f, G g => |(a, b, c, d, e, f, g)|);
slots!((A::Arg<'a>, B::Arg<'a>, C::Arg<'a>, D::Arg<'a>, E::Arg<'a>, F::Arg<'a>, G::Arg<'a>, H::Arg<'a>), A a, B b, C c, D d, E e, F f, G g, H h => |(a, b, c, d, e, f, g, h)|);

macro_rules! fn_types {
    // All parameters are known: `(names and bounds) (types) (slots)`.
    (@done ($($bounds:tt)*) ($($types:tt)*) ($($slots:tt)*)) => {
        impl<$($bounds)* R: Output + 'static> sealed::Sealed for fn($($types)*) -> R {}
        impl<$($bounds)* R: Output + 'static> FnType for fn($($types)*) -> R {
            type Slots = ($($slots)*);
            type Output = R;
        }
    };
    // Any mix for the names that are left.
    (@any $done:tt $types:tt $slots:tt) => { fn_types!(@done $done $types $slots); };
    (@any ($($b:tt)*) ($($t:tt)*) ($($s:tt)*) $name:ident $($rest:ident)*) => {
        fn_types!(@any ($($b)* $name: ByValue,) ($($t)* $name,) ($($s)* Val<$name>,) $($rest)*);
        fn_types!(@any ($($b)* $name: ?Sized + Elements,) ($($t)* &$name,) ($($s)* Ref<$name>,) $($rest)*);
        fn_types!(@any ($($b)* $name: ?Sized + Elements,) ($($t)* &mut $name,) ($($s)* Mut<$name>,) $($rest)*);
    };
    // Values, then `&`, then `&mut`.
    (@value $done:tt $types:tt $slots:tt) => { fn_types!(@done $done $types $slots); };
    (@value ($($b:tt)*) ($($t:tt)*) ($($s:tt)*) $name:ident $($rest:ident)*) => {
        fn_types!(@value ($($b)* $name: ByValue,) ($($t)* $name,) ($($s)* Val<$name>,) $($rest)*);
        fn_types!(@ref ($($b)* $name: ?Sized + Elements,) ($($t)* &$name,) ($($s)* Ref<$name>,) $($rest)*);
        fn_types!(@mut ($($b)* $name: ?Sized + Elements,) ($($t)* &mut $name,) ($($s)* Mut<$name>,) $($rest)*);
    };
    (@ref $done:tt $types:tt $slots:tt) => { fn_types!(@done $done $types $slots); };
    (@ref ($($b:tt)*) ($($t:tt)*) ($($s:tt)*) $name:ident $($rest:ident)*) => {
        fn_types!(@ref ($($b)* $name: ?Sized + Elements,) ($($t)* &$name,) ($($s)* Ref<$name>,) $($rest)*);
        fn_types!(@mut ($($b)* $name: ?Sized + Elements,) ($($t)* &mut $name,) ($($s)* Mut<$name>,) $($rest)*);
    };
    (@mut $done:tt $types:tt $slots:tt) => { fn_types!(@done $done $types $slots); };
    (@mut ($($b:tt)*) ($($t:tt)*) ($($s:tt)*) $name:ident $($rest:ident)*) => {
        fn_types!(@mut ($($b)* $name: ?Sized + Elements,) ($($t)* &mut $name,) ($($s)* Mut<$name>,) $($rest)*);
    };
}

fn_types!(@any () () ());
fn_types!(@any () () () A);
fn_types!(@any () () () A B);
fn_types!(@any () () () A B C);
fn_types!(@any () () () A B C D);
fn_types!(@any () () () A B C D E);
fn_types!(@value () () () A B C D E F);
fn_types!(@value () () () A B C D E F G);
fn_types!(@value () () () A B C D E F G H);

/// The type as it is written.
pub(crate) fn text<F: FnType>() -> String {
    let params = F::Slots::text().join(", ");
    match F::Output::text().as_str() {
        "()" => format!("fn({params})"),
        output => format!("fn({params}) -> {output}"),
    }
}
