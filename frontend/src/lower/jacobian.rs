//! Whole matrices of derivatives: a loop over unit tangents or unit seeds, whichever are fewer.
//!
//! Where the program fixes a result of a few elements, the matrix is the gradient of each by all parameters at once: no seed of zeros
//! and a one, so that what does not reach the element is not there, and what all of them need is one computation.

use super::Generated;
use super::body::{Flat, FnLower};
use super::differential::Objective;
use crate::typed::{Size, Ty};
use dprog_ir::{Access, CompareOp, SrcLoc, Type, Value};

/// So many elements are few (gut feeling: the code of their gradients stays small).
const FEW: i64 = 8;

impl<'p> FnLower<'_, 'p> {
    /// For each parameter in `wrt` an array of the sizes of the result, then those of the parameter.
    pub fn jacobian(&mut self, of: &Objective, primal: &[Value], result: &Ty) -> Flat {
        if let Some(sizes) = self.few_elements(of, primal, result) {
            return self.jacobian_by_elements(of, primal, &sizes);
        }
        (0..of.wrt_count()).map(|i| self.jacobian_by(&of.by_one(i), primal)).collect()
    }

    /// The sizes of the first result of the function, if they are known, and the elements are few, but no more than the numbers to
    /// differentiate by.
    fn few_elements(&mut self, of: &Objective, primal: &[Value], result: &Ty) -> Option<Vec<i64>> {
        let rank = self.cx.result_types(of.func)[0].rank();
        let parts = if let (Ty::Tuple(parts), true) = (result, of.wrt_count() > 1) {
            &parts[..]
        } else {
            std::slice::from_ref(result)
        };
        let sizes_of = |part: &Ty| if let Ty::Array(_, sizes) = part { sizes.clone() } else { Vec::new() };
        let constants = |sizes: &[Size]| -> Option<Vec<i64>> { sizes.iter().map(Size::as_constant).collect() };
        let sizes = constants(sizes_of(parts.first()?).get(..rank)?)?;
        let product = |sizes: &[i64]| sizes.iter().try_fold(1i64, |n, size| n.checked_mul(*size));
        let rows = product(&sizes).filter(|rows| rank > 0 && (1..=FEW).contains(rows))?;
        let columns = parts.iter().map(|part| constants(sizes_of(part).get(rank..)?).and_then(|sizes| product(&sizes)));
        let columns = columns.sum::<Option<i64>>();
        let arrays = of.positions().iter().any(|at| self.b.ty(primal[*at]).is_array());
        (arrays && columns.is_none_or(|columns| columns >= rows)).then_some(sizes)
    }

    fn jacobian_by_elements(&mut self, of: &Objective, primal: &[Value], sizes: &[i64]) -> Flat {
        let rows: i64 = sizes.iter().product();
        let gradients: Vec<Flat> = (0..rows)
            .map(|k| {
                let element = self.element_objective(of, sizes, k);
                self.gradient(&element, primal).1
            })
            .collect();
        let leaves: Flat = of.positions().iter().map(|at| primal[*at]).collect();
        let parts = leaves.iter().enumerate().map(|(i, x)| {
            let column: Flat = gradients.iter().map(|gradient| gradient[i]).collect();
            self.blocks_of(&column, *x, sizes)
        });
        parts.collect()
    }

    /// The function that gives element `k` of the first result, in row-major order.
    fn element_objective(&mut self, of: &Objective, sizes: &[i64], k: i64) -> Objective {
        let (params, result) = (self.cx.param_types(of.func), self.cx.result_types(of.func)[0]);
        let key = Generated::Wrapper(format!("element {k} of {:?}", of.func));
        if let Some(func) = self.cx.generated.get(&key) {
            return of.element(*func);
        }
        let func = self.cx.declare(&format!("{}.{k}", of.name), params, vec![result.element()], SrcLoc::NONE);
        self.cx.generated.insert(key, func);
        let (callee, sizes) = (of.func, sizes.to_vec());
        self.generate(func, |s, values| {
            let whole = s.call_func(callee, values)[0];
            let mut rest = k;
            let mut indices: Flat = sizes
                .iter()
                .rev()
                .map(|size| {
                    let index = s.b.i64(rest % size);
                    rest /= size;
                    index
                })
                .collect();
            indices.reverse();
            vec![s.b.get(Access::InBounds, whole, &indices)]
        });
        of.element(func)
    }

    /// Derivatives of the elements of a result of these sizes by `x`, as an array of these sizes and those of `x`.
    fn blocks_of(&mut self, rows: &[Value], x: Value, sizes: &[i64]) -> Value {
        let dims: Flat = sizes.iter().map(|n| self.b.i64(*n)).collect();
        let ty = self.b.ty(x);
        if !ty.is_array() {
            let flat = self.b.elements(rows, ty);
            return if dims.len() == 1 { flat } else { self.b.reshape(flat, &dims) };
        }
        let own = self.b.dims(x);
        let (count, columns) = (self.b.i64(rows.len() as i64), self.product(&own));
        let mut matrix = self.blank(ty.element(), &[count, columns]);
        for (k, row) in rows.iter().enumerate() {
            let flat = if own.len() == 1 { *row } else { self.b.reshape(*row, &[columns]) };
            let k = self.b.i64(k as i64);
            matrix = self.b.set(Access::InBounds, matrix, &[k], flat);
        }
        if dims.len() == 1 && own.len() == 1 { matrix } else { self.b.reshape(matrix, &[dims, own].concat()) }
    }

    fn jacobian_by(&mut self, of: &Objective, primal: &[Value]) -> Value {
        let x = primal[of.positions()[0]];
        let result = self.cx.result_types(of.func)[0];
        let outs = of.first_results(1);
        if !self.b.ty(x).is_array() {
            let one = self.b.float(1.0, self.b.ty(x));
            return self.jvp(of, primal, &[one], &outs).1[0];
        }
        if !result.is_array() {
            return self.gradient(of, primal).1[0];
        }
        let value = self.call_func(of.func, primal)[0];
        let (out_dims, in_dims) = (self.b.dims(value), self.b.dims(x));
        let (rows, columns) = (self.product(&out_dims), self.product(&in_dims));
        let forward = self.b.compare(CompareOp::Le, columns, rows);
        let matrix = self.if_else(
            forward,
            |s| {
                let by_column = s.rows_of(columns, rows, result.element(), |s, k| {
                    let tangent = s.unit(k, x);
                    s.jvp(of, primal, &[tangent], &outs).1[0]
                });
                vec![s.transposed(by_column)]
            },
            |s| {
                vec![s.rows_of(rows, columns, s.b.ty(x).element(), |s, k| {
                    let seed = s.unit(k, value);
                    s.vjp(of, primal, &[seed], &outs).1[0]
                })]
            },
        );
        self.b.reshape(matrix[0], &[out_dims, in_dims].concat())
    }

    /// The derivatives of the gradient along each unit tangent of each parameter in `wrt`: for each of these a row of blocks,
    /// by the same parameters again.
    pub fn hessian(&mut self, of: &Objective, primal: &[Value]) -> Flat {
        let gradient = self.gradient_objective(of);
        (0..of.wrt_count()).flat_map(|i| self.hessian_row(of, &gradient.by_one(i), primal)).collect()
    }

    fn hessian_row(&mut self, of: &Objective, gradient: &Objective, primal: &[Value]) -> Flat {
        let inner: Flat = of.positions().iter().map(|at| primal[*at]).collect();
        let x = primal[gradient.positions()[0]];
        let outs = gradient.first_results(inner.len());
        if !self.b.ty(x).is_array() {
            let one = self.b.float(1.0, self.b.ty(x));
            return self.jvp(gradient, primal, &[one], &outs).1;
        }
        let dims = self.b.dims(x);
        let count = self.product(&dims);
        let inner_dims: Vec<Flat> =
            inner.iter().map(|y| if self.b.ty(*y).is_array() { self.b.dims(*y) } else { Vec::new() }).collect();
        let sizes: Flat = inner_dims.iter().map(|dims| self.product(dims)).collect();
        let elements: Vec<Type> = inner.iter().map(|y| self.element_type(*y)).collect();
        let blanks: Flat = sizes.iter().zip(&elements).map(|(size, ty)| self.blank(*ty, &[count, *size])).collect();
        let blocks = self.repeat(count, &blanks, |s, k, carried| {
            let tangent = s.unit(k, x);
            let along = s.jvp(gradient, primal, &[tangent], &outs).1;
            let rows = along.iter().zip(&sizes).map(|(row, size)| s.as_row(*row, *size)).collect::<Flat>();
            carried.iter().zip(rows).map(|(block, row)| s.b.set(Access::InBounds, *block, &[k], row)).collect()
        });
        blocks
            .iter()
            .zip(&inner_dims)
            .map(|(block, inner)| self.b.reshape(*block, &[&dims[..], inner].concat()))
            .collect()
    }

    /// The type of the elements of an array, or of a scalar itself.
    fn element_type(&self, x: Value) -> Type {
        let ty = self.b.ty(x);
        if ty.is_array() { ty.element() } else { ty }
    }

    /// A scalar, or an array of any shape with `size` elements, as an array with one axis.
    fn as_row(&mut self, x: Value, size: Value) -> Value {
        if self.b.ty(x).is_array() { self.b.reshape(x, &[size]) } else { self.b.fill(x, &[size]) }
    }

    /// Of each leaf the own second derivatives.
    pub fn hessian_diag(&mut self, of: &Objective, primal: &[Value]) -> Flat {
        let gradient = self.gradient_objective(of);
        let leaves: Flat = of.positions().iter().map(|at| primal[*at]).collect();
        (0..leaves.len()).map(|leaf| self.diagonal(&gradient, primal, &leaves, leaf)).collect()
    }

    fn diagonal(&mut self, gradient: &Objective, primal: &[Value], leaves: &[Value], leaf: usize) -> Value {
        let outs: Vec<bool> = (0..leaves.len()).map(|i| i == leaf).collect();
        let x = leaves[leaf];
        let ty = self.b.ty(x);
        let mut zeros: Flat = leaves
            .iter()
            .map(|x| {
                let ty = self.b.ty(*x);
                let tangent = self.cx.module.tangent(ty).expect("a leaf with a tangent");
                self.b.zeros_like(*x, tangent)
            })
            .collect();
        if !ty.is_array() {
            zeros[leaf] = self.b.float(1.0, ty);
            return self.jvp(gradient, primal, &zeros, &outs).1[0];
        }
        let dims = self.b.dims(x);
        let count = self.product(&dims);
        let blank = self.blank(ty.element(), &[count]);
        let diagonal = self.repeat(count, &[blank], |s, k, carried| {
            let mut tangents = zeros.clone();
            tangents[leaf] = s.unit(k, x);
            let along = s.jvp(gradient, primal, &tangents, &outs).1[0];
            let along = s.b.reshape(along, &[count]);
            let own = s.at_index(along, &[k]);
            vec![s.b.set(Access::InBounds, carried[0], &[k], own)]
        });
        self.b.reshape(diagonal[0], &dims)
    }

    /// A matrix whose row `k` is `row(k)`, of any shape with `columns` elements.
    fn rows_of(
        &mut self,
        rows: Value,
        columns: Value,
        element: Type,
        row: impl FnOnce(&mut Self, Value) -> Value,
    ) -> Value {
        let blank = self.blank(element, &[rows, columns]);
        self.repeat(rows, &[blank], |s, k, carried| {
            let row = row(s, k);
            let flat = s.b.reshape(row, &[columns]);
            vec![s.b.set(Access::InBounds, carried[0], &[k], flat)]
        })[0]
    }

    /// Zeros in the shape of `x`, and a one at flat position `k`.
    fn unit(&mut self, k: Value, x: Value) -> Value {
        let dims = self.b.dims(x);
        let count = self.product(&dims);
        let element = self.b.ty(x).element();
        let (zero, one) = (self.b.float(0.0, element), self.b.float(1.0, element));
        let zeros = self.b.fill(zero, &[count]);
        let flat = self.b.set(Access::InBounds, zeros, &[k], one);
        self.b.reshape(flat, &dims)
    }
}
