//! Operations on arrays.

use super::eval::{Args, Results, add_floats, mul_floats, zero_of};
use super::structure::add_tangents;
use super::value::{Array, Dims, Val};
use super::{Fault, admit};
use crate::fmath;
use crate::opcode::ReduceOp;
use crate::trap::TrapCode;
use crate::types::Type;
use smallvec::smallvec;
use std::rc::Rc;

/// Sizes given as i64 values; a negative one traps. Together with their product, which must fit into memory.
pub fn sizes(dims: &[Val]) -> Result<(Dims, usize), Fault> {
    let mut count = 1usize;
    let mut sizes = Dims::new();
    for dim in dims {
        let n = dim.as_i64();
        let size = usize::try_from(n).map_err(|_| Fault::new(TrapCode::NegativeSize, n, 0))?;
        sizes.push(size);
        count = count.saturating_mul(size);
    }
    // A zero after sizes whose product saturated still makes the array empty.
    Ok((sizes.clone(), if sizes.contains(&0) { 0 } else { count }))
}

fn array_of(v: Val) -> Rc<Array> {
    match v {
        Val::Array(array) => array,
        other => panic!("expected an array, found {other:?}"),
    }
}

/// The array, to be changed: in place if this is the only reference.
fn owned(array: &mut Rc<Array>) -> Result<&mut Array, Fault> {
    if Rc::get_mut(array).is_none() {
        admit(array.items().len())?;
    }
    Ok(Rc::make_mut(array))
}

fn new(dims: Dims, items: Vec<Val>) -> Val {
    Val::Array(Rc::new(Array::new(dims, items)))
}

fn shape_fault(found: usize, needed: usize) -> Fault {
    Fault::new(TrapCode::Shape, found as i64, needed as i64)
}

/// Traps at the first size that differs.
fn same_sizes(found: &[usize], needed: &[usize]) -> Result<(), Fault> {
    match found.iter().zip(needed).find(|(f, n)| f != n) {
        Some((found, needed)) => Err(shape_fault(*found, *needed)),
        None => Ok(()),
    }
}

pub fn fill(v: &Val, dims: &[Val]) -> Result<Val, Fault> {
    let (dims, count) = sizes(dims)?;
    admit(count)?;
    Ok(new(dims, vec![v.clone(); count]))
}

pub fn elements(items: Args) -> Result<Val, Fault> {
    admit(items.len())?;
    Ok(Val::list(items.into_vec()))
}

/// Where the part that `indices` select begins, and how many items it has.
fn locate(array: &Array, indices: &[Val]) -> Result<(usize, usize), Fault> {
    let (mut offset, mut size) = (0, array.items().len());
    for (index, dim) in indices.iter().zip(&array.dims) {
        let i = index.as_i64();
        let inside = usize::try_from(i).ok().filter(|i| i < dim);
        let i = inside.ok_or_else(|| Fault::new(TrapCode::Bounds, i, *dim as i64))?;
        size /= dim;
        offset += i * size;
    }
    Ok((offset, size))
}

pub fn get(array: &Val, indices: &[Val]) -> Result<Val, Fault> {
    let array = array.as_array();
    let (offset, size) = locate(array, indices)?;
    if indices.len() == array.dims.len() {
        return Ok(array.items()[offset].clone());
    }
    admit(size)?;
    Ok(new(Dims::from_slice(&array.dims[indices.len()..]), array.items()[offset..offset + size].to_vec()))
}

/// args `x, i…, v`
pub fn set(mut args: Args) -> Result<Val, Fault> {
    let v = args.pop().expect("set has a value");
    let mut array = array_of(args.remove(0));
    let (offset, size) = locate(&array, &args)?;
    if args.len() == array.dims.len() {
        owned(&mut array)?.items_mut()[offset] = v;
        return Ok(Val::Array(array));
    }
    let part = v.as_array();
    same_sizes(&part.dims, &array.dims[args.len()..])?;
    owned(&mut array)?.items_mut()[offset..offset + size].clone_from_slice(part.items());
    Ok(Val::Array(array))
}

/// args `x, i…`: the array with `hole` there, and what was there.
pub fn take(mut args: Args, hole: Val) -> Result<Results, Fault> {
    let mut array = array_of(args.remove(0));
    let (offset, _) = locate(&array, &args)?;
    let element = std::mem::replace(&mut owned(&mut array)?.items_mut()[offset], hole);
    Ok(smallvec![Val::Array(array), element])
}

/// args `x, i…, v`
pub fn add_at(mut args: Args) -> Result<Val, Fault> {
    let v = args.pop().expect("add_at has a value");
    let mut array = array_of(args.remove(0));
    let (offset, size) = locate(&array, &args)?;
    let single = args.len() == array.dims.len();
    if !single {
        same_sizes(&v.as_array().dims, &array.dims[args.len()..])?;
    }
    let addends = if single { std::slice::from_ref(&v) } else { v.as_array().items() };
    add_items(&mut owned(&mut array)?.items_mut()[offset..offset + size], addends)?;
    Ok(Val::Array(array))
}

fn add_items(items: &mut [Val], addends: &[Val]) -> Result<(), Fault> {
    for (item, addend) in items.iter_mut().zip(addends) {
        *item = add_tangents(std::mem::replace(item, Val::Null), addend, add_floats)?;
    }
    Ok(())
}

pub fn slice(x: &Val, lo: i64, hi: i64) -> Result<Val, Fault> {
    let array = x.as_array();
    let rows = array.dims[0];
    if !(0 <= lo && lo <= hi && hi as u64 <= rows as u64) {
        return Err(Fault::new(TrapCode::SliceBounds, lo, hi));
    }
    let (lo, hi, row) = (lo as usize, hi as usize, row_size(array));
    let mut dims = array.dims.clone();
    dims[0] = hi - lo;
    admit((hi - lo) * row)?;
    Ok(new(dims, array.items()[lo * row..hi * row].to_vec()))
}

fn row_size(array: &Array) -> usize {
    array.dims[1..].iter().product()
}

/// The items of `x` from row `lo` on that the rows of `part` cover.
fn rows_covered(x: &Array, lo: i64, part: &Array) -> Result<std::ops::Range<usize>, Fault> {
    let hi = lo.saturating_add(part.dims[0] as i64);
    if lo < 0 || hi as u64 > x.dims[0] as u64 {
        return Err(Fault::new(TrapCode::SliceBounds, lo, hi));
    }
    same_sizes(&part.dims[1..], &x.dims[1..])?;
    Ok(lo as usize * row_size(x)..hi as usize * row_size(x))
}

/// args `x, lo, v`
pub fn set_slice(mut args: Args) -> Result<Val, Fault> {
    let mut array = array_of(args.remove(0));
    let (lo, part) = (args[0].as_i64(), args[1].as_array());
    let range = rows_covered(&array, lo, part)?;
    owned(&mut array)?.items_mut()[range].clone_from_slice(part.items());
    Ok(Val::Array(array))
}

/// args `x, lo, v`
pub fn add_slice(mut args: Args) -> Result<Val, Fault> {
    let mut array = array_of(args.remove(0));
    let (lo, part) = (args[0].as_i64(), args[1].as_array());
    let range = rows_covered(&array, lo, part)?;
    add_items(&mut owned(&mut array)?.items_mut()[range], part.items())?;
    Ok(Val::Array(array))
}

/// args `x, v`
pub fn push(mut args: Args) -> Result<Val, Fault> {
    let v = args.pop().expect("push has a value");
    let mut array = array_of(args.swap_remove(0));
    admit(1)?;
    owned(&mut array)?.push(v);
    Ok(Val::Array(array))
}

pub fn pop(mut args: Args) -> Result<Results, Fault> {
    let mut array = array_of(args.swap_remove(0));
    match owned(&mut array)?.pop() {
        Some(last) => Ok(smallvec![Val::Array(array), last]),
        None => Err(Fault::new(TrapCode::EmptyPop, 0, 0)),
    }
}

/// args `x, dim…`
pub fn reshape(mut args: Args) -> Result<Val, Fault> {
    let mut array = array_of(args.remove(0));
    let (dims, count) = sizes(&args)?;
    if count != array.items().len() {
        return Err(shape_fault(array.items().len(), count));
    }
    owned(&mut array)?.dims = dims;
    Ok(Val::Array(array))
}

fn scalar_zero(ty: Type) -> Val {
    zero_of(ty.as_scalar().expect("reductions are of scalars"))
}

/// `ty` is the type of the result.
pub fn reduce(op: ReduceOp, x: &Val, ty: Type) -> Result<Val, Fault> {
    let items = x.as_array().items();
    match op {
        ReduceOp::Sum => Ok(fmath::lane_sum(items.iter().cloned(), scalar_zero(ty), add_floats)),
        ReduceOp::Max | ReduceOp::Min => winner(op, items).map(|k| items[k].clone()),
        ReduceOp::ArgMax | ReduceOp::ArgMin => winner(op, items).map(|k| Val::I64(k as i64)),
    }
}

fn winner(op: ReduceOp, items: &[Val]) -> Result<usize, Fault> {
    let beats = |x: &Val, winner: &Val| match (x, winner) {
        (Val::I64(x), Val::I64(w)) => fmath::wins(op, x, w),
        (Val::I32(x), Val::I32(w)) => fmath::wins(op, x, w),
        (Val::U8(x), Val::U8(w)) => fmath::wins(op, x, w),
        (Val::Bool(x), Val::Bool(w)) => fmath::wins(op, x, w),
        _ => fmath::wins(op, &x.as_float(), &winner.as_float()),
    };
    let first = if items.is_empty() { Err(Fault::new(TrapCode::EmptyReduce, 0, 0)) } else { Ok(0) };
    first.map(|first| (1..items.len()).fold(first, |best, k| if beats(&items[k], &items[best]) { k } else { best }))
}

/// A sum of products in lane order; `ty` is that of an element.
fn lane_dot<'v>(x: impl Iterator<Item = &'v Val>, y: impl Iterator<Item = &'v Val>, ty: Type) -> Val {
    fmath::lane_sum(x.zip(y).map(|(x, y)| mul_floats(x, y)), scalar_zero(ty), add_floats)
}

/// A sum of products in increasing order; `ty` is that of an element.
fn ordered_dot<'v>(x: impl Iterator<Item = &'v Val>, y: impl Iterator<Item = &'v Val>, ty: Type) -> Val {
    x.zip(y).fold(scalar_zero(ty), |sum, (x, y)| add_floats(&sum, &mul_floats(x, y)))
}

pub fn dot(x: &Val, y: &Val, ty: Type) -> Result<Val, Fault> {
    let (x, y) = (x.as_array(), y.as_array());
    same_sizes(&y.dims, &x.dims)?;
    Ok(lane_dot(x.items().iter(), y.items().iter(), ty))
}

/// A matrix with its axes as they are to be read.
struct Matrix<'v> {
    items: &'v [Val],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'v> Matrix<'v> {
    fn new(v: &'v Val, transpose: bool) -> Matrix<'v> {
        let array = v.as_array();
        let (rows, cols) = (array.dims[0], array.dims[1]);
        let items = array.items();
        if transpose {
            Matrix { items, rows: cols, cols: rows, row_stride: 1, col_stride: cols }
        } else {
            Matrix { items, rows, cols, row_stride: cols, col_stride: 1 }
        }
    }

    fn row(&self, i: usize) -> impl Iterator<Item = &'v Val> {
        let (items, row_stride, col_stride) = (self.items, self.row_stride, self.col_stride);
        (0..self.cols).map(move |j| &items[i * row_stride + j * col_stride])
    }

    fn col(&self, j: usize) -> impl Iterator<Item = &'v Val> {
        let (items, row_stride, col_stride) = (self.items, self.row_stride, self.col_stride);
        (0..self.rows).map(move |i| &items[i * row_stride + j * col_stride])
    }
}

pub fn matmul(a: &Val, transpose_a: bool, b: &Val, transpose_b: bool, ty: Type) -> Result<Val, Fault> {
    let (a, b) = (Matrix::new(a, transpose_a), Matrix::new(b, transpose_b));
    if a.cols != b.rows {
        return Err(shape_fault(b.rows, a.cols));
    }
    admit(a.rows.saturating_mul(b.cols))?;
    let element = |k: usize| ordered_dot(a.row(k / b.cols), b.col(k % b.cols), ty);
    Ok(new(smallvec![a.rows, b.cols], (0..a.rows * b.cols).map(element).collect()))
}

pub fn matvec(a: &Val, transpose: bool, x: &Val, ty: Type) -> Result<Val, Fault> {
    let (a, x) = (Matrix::new(a, transpose), x.as_array());
    if a.cols != x.dims[0] {
        return Err(shape_fault(x.dims[0], a.cols));
    }
    admit(a.rows)?;
    let element = |i: usize| match transpose {
        true => ordered_dot(a.row(i), x.items().iter(), ty),
        false => lane_dot(a.row(i), x.items().iter(), ty),
    };
    Ok(Val::list((0..a.rows).map(element).collect()))
}

pub fn outer(x: &Val, y: &Val) -> Result<Val, Fault> {
    let (x, y) = (x.as_array(), y.as_array());
    admit(x.items().len().saturating_mul(y.items().len()))?;
    let products = x.items().iter().flat_map(|x| y.items().iter().map(move |y| mul_floats(x, y)));
    Ok(new(smallvec![x.dims[0], y.dims[0]], products.collect()))
}

/// The stable permutation that sorts ascending, NaN last.
pub fn sort_permutation(x: &Val) -> Result<Val, Fault> {
    let items = x.as_array().items();
    admit(items.len())?;
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by(|a, b| match (&items[*a], &items[*b]) {
        (Val::I64(a), Val::I64(b)) => a.cmp(b),
        (Val::I32(a), Val::I32(b)) => a.cmp(b),
        (Val::U8(a), Val::U8(b)) => a.cmp(b),
        (a, b) => ascending(a.as_float(), b.as_float()),
    });
    Ok(Val::list(order.into_iter().map(|k| Val::I64(k as i64)).collect()))
}

fn ascending(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}
