//! Whole matrices of derivatives: a loop over unit tangents or unit seeds, whichever are fewer.

use super::body::{Flat, FnLower};
use super::differential::Objective;
use dprog_ir::{Access, CompareOp, Type, Value};

impl<'p> FnLower<'_, 'p> {
    /// For each parameter in `wrt` an array of the sizes of the result, then those of the parameter.
    pub fn jacobian(&mut self, of: &Objective, primal: &[Value]) -> Flat {
        (0..of.wrt_count()).map(|i| self.jacobian_by(&of.by_one(i), primal)).collect()
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
