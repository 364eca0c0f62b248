//! Arrays of `ndarray`: `&Array2<f64>` in the type of a function stands for an array of that rank and takes a view; results come
//! as arrays. Views need not be contiguous.

use super::native::{Elements, Extent, NativeLeaf, NativeShape, Number, Output, Returned, sealed};
use ndarray::{Array, ArrayView, ArrayViewMut, Dim, Dimension, Ix};

macro_rules! ranks {
    ($($rank:literal)*) => {
        $(
            // SAFETY: a view has as many elements as its shape says; they are visited in rows.
            unsafe impl<T: Number> Elements for Array<T, Dim<[Ix; $rank]>> {
                type Item = T;
                type View<'a> = ArrayView<'a, T, Dim<[Ix; $rank]>>;
                type ViewMut<'a> = ArrayViewMut<'a, T, Dim<[Ix; $rank]>>;
                fn leaf(mutable: bool) -> NativeLeaf {
                    NativeLeaf { scalar: T::SCALAR, shape: NativeShape::Rank($rank), mutable }
                }
                fn text() -> String {
                    format!("Array{}<{}>", $rank, T::NAME)
                }
                fn extent(view: &Self::View<'_>) -> Extent {
                    Extent { total: view.len(), dims: view.shape().into(), word: 0 }
                }
                fn extent_mut(view: &Self::ViewMut<'_>) -> Extent {
                    Extent { total: view.len(), dims: view.shape().into(), word: 0 }
                }
                fn place(view: &Self::View<'_>) -> Option<*const u8> {
                    view.as_slice().map(|elements| elements.as_ptr().cast())
                }
                fn room(view: &mut Self::ViewMut<'_>) -> Option<*mut u8> {
                    view.as_slice_mut().map(|elements| elements.as_mut_ptr().cast())
                }
                unsafe fn read(view: &Self::View<'_>, to: *mut T) {
                    // SAFETY: the caller has room for the extent.
                    view.iter().enumerate().for_each(|(i, x)| unsafe { to.add(i).write(*x) });
                }
                unsafe fn read_mut(view: &Self::ViewMut<'_>, to: *mut T) {
                    // SAFETY: as above.
                    view.iter().enumerate().for_each(|(i, x)| unsafe { to.add(i).write(*x) });
                }
                unsafe fn write(view: &mut Self::ViewMut<'_>, from: *const T) {
                    // SAFETY: the caller has as many elements as the extent.
                    view.iter_mut().enumerate().for_each(|(i, x)| *x = unsafe { from.add(i).read() });
                }
            }

            impl<T: Number> sealed::Output for Array<T, Dim<[Ix; $rank]>> {}
            impl<T: Number> Output for Array<T, Dim<[Ix; $rank]>> {
                const NUMBERS: bool = false;
                fn leaves(all: &mut Vec<NativeLeaf>) {
                    all.push(NativeLeaf { scalar: T::SCALAR, shape: NativeShape::Rank($rank), mutable: false });
                }
                fn text() -> String {
                    format!("Array{}<{}>", $rank, T::NAME)
                }
                fn take(next: &mut impl FnMut() -> Returned) -> Self {
                    array(next())
                }
                fn take_words(_: &mut impl FnMut() -> u64) -> Self {
                    unreachable!("an array is no number")
                }
            }
        )*
    };
}

ranks!(1 2 3 4);

fn array<T: Number, D: Dimension>(returned: Returned) -> Array<T, D> {
    let count = returned.dims.iter().product();
    // SAFETY: the types were compared at look-up: so many elements of this type are there.
    let elements = unsafe { std::slice::from_raw_parts(returned.elements.cast::<T>(), count) }.to_vec();
    let array = Array::from_shape_vec(returned.dims.to_vec(), elements).expect("as many elements as the sizes mean");
    array.into_dimensionality().expect("the rank was compared at look-up")
}

#[cfg(test)]
mod tests {
    use crate::Compiler;
    use ndarray::{Array1, Array2, arr1, arr2};

    #[test]
    fn views_of_any_layout_go_in_and_out() {
        let text = "fn mul<n, k>(a: [f64; n, k], x: [f64; k]) -> [f64; n] { a @ x }
            fn outer<n, k>(x: [f64; n], y: [f64; k]) -> [f64; n, k] { [x[i] * y[j] for i in 0..n, j in 0..k] }";
        let module = Compiler::new().compile("views.dp", text).unwrap();
        let mul = module.function::<fn(&Array2<f64>, &Array1<f64>) -> Array1<f64>>("mul").unwrap();
        let a = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(mul.call((a.view(), arr1(&[1.0, 0.0, 1.0]).view())).unwrap(), arr1(&[4.0, 10.0]));
        assert_eq!(mul.call((a.t(), arr1(&[1.0, 1.0]).view())).unwrap(), arr1(&[5.0, 7.0, 9.0]));
        let error = mul.call((a.view(), arr1(&[1.0]).view())).unwrap_err().to_string();
        assert!(error.contains("`x` has the sizes [1], where [3] are needed"), "{error}");
        let outer = module.function::<fn(&Array1<f64>, &[f64], &mut Array2<f64>)>("outer").unwrap();
        let mut product = Array2::zeros((3, 2));
        outer.call((arr1(&[1.0, 2.0]).view(), &[1.0, 10.0, 100.0], product.view_mut().reversed_axes())).unwrap();
        assert_eq!(product, arr2(&[[1.0, 2.0], [10.0, 20.0], [100.0, 200.0]]));
    }
}
