//! Arrays: elementwise operations with broadcasting, literals, products, and functions that rearrange.

use super::body::{Flat, FnLower};
use crate::typed::{Arithmetic, Expr, ExprKind, LocalId, Ty};
use dprog_ir::{Access, BinaryOp, CompareOp, Scalar, TrapCode, Type, UnaryOp, Value};

impl<'p> FnLower<'_, 'p> {
    // ---- elementwise ----

    /// Applies a scalar operation to a scalar, or to each element of an array.
    pub fn elementwise(&mut self, x: Value, f: impl FnOnce(&mut Self, Value) -> Value) -> Value {
        if self.b.ty(x).is_array() { self.map(&[x], |s, e| vec![f(s, e[0])])[0] } else { f(self, x) }
    }

    /// Of two: scalars go with any array, and the smaller of two arrays with the trailing axes of the larger.
    pub fn elementwise2(&mut self, x: Value, y: Value, f: impl FnOnce(&mut Self, Value, Value) -> Value) -> Value {
        match (self.b.ty(x).rank(), self.b.ty(y).rank()) {
            (0, 0) => f(self, x, y),
            (_, 0) => self.map(&[x], |s, e| vec![f(s, e[0], y)])[0],
            (0, _) => self.map(&[y], |s, e| vec![f(s, x, e[0])])[0],
            (a, b) if a == b => self.map(&[x, y], |s, e| vec![f(s, e[0], e[1])])[0],
            (a, b) => {
                let larger = if a > b { x } else { y };
                let dims = self.b.dims(larger);
                self.build(&dims, |s, i| {
                    let (x, y) = (s.at_index(x, &i[i.len() - a..]), s.at_index(y, &i[i.len() - b..]));
                    vec![f(s, x, y)]
                })[0]
            }
        }
    }

    /// Arithmetic of numbers, arrays of numbers, and tangents.
    pub fn arithmetic(&mut self, op: Arithmetic, a: (&[Value], &Ty), b: (&[Value], &Ty)) -> Flat {
        if is_numeric(a.1) && is_numeric(b.1) {
            let op = binary_op(op);
            return vec![self.elementwise2(a.0[0], b.0[0], |s, x, y| s.b.binary(op, x, y))];
        }
        self.tangent_arithmetic(op, a, b)
    }

    pub fn negated(&mut self, x: &'p Expr) -> Flat {
        let flat = self.expr(x);
        let ty = self.ty(&x.ty).into_owned();
        if is_numeric(&ty) {
            return vec![self.elementwise(flat[0], |s, x| s.b.unary(UnaryOp::Neg, x))];
        }
        let minus_one = self.b.f64(-1.0);
        self.scaled(&flat, minus_one)
    }

    /// `as` of a scalar or of each element.
    pub fn converted(&mut self, x: Value, to: Type) -> Value {
        let ty = self.b.ty(x);
        let Some(scalar) = scalar_of(to) else { return x };
        if ty == to { x } else { self.elementwise(x, |s, x| s.b.convert(x, scalar)) }
    }

    // ---- literals ----

    pub fn array_literal(&mut self, items: &'p [Expr], ty: &Ty) -> Flat {
        let ty = self.ty(ty).into_owned();
        let Ty::Array(element, sizes) = &ty else { panic!("an array literal has type {ty:?}") };
        let mut scalars = Vec::new();
        let lengths = nested_items(items, sizes.len(), &mut scalars);
        if let Some(lengths) = lengths {
            return self.literal_of_elements(&scalars, element, &lengths);
        }
        let rows: Vec<Flat> = items.iter().map(|e| self.expr(e)).collect();
        self.stacked(&rows)
    }

    /// A literal whose rows are literals down to the elements: all elements in order, then the shape.
    fn literal_of_elements(&mut self, elements: &[&'p Expr], element: &Ty, lengths: &[usize]) -> Flat {
        let flats: Vec<Flat> = elements.iter().map(|e| self.expr_as(e, element)).collect();
        let slots = self.cx.types(element);
        let mut leaves: Flat = (0..slots.len())
            .map(|leaf| {
                let items: Flat = flats.iter().map(|f| f[leaf]).collect();
                self.b.elements(&items, slots[leaf])
            })
            .collect();
        if slots.is_empty() {
            let mark = self.scalar_constant(Scalar::U8, 0);
            leaves.push(self.b.elements(&vec![mark; elements.len()], Type::U8));
        }
        if lengths.len() == 1 {
            return leaves;
        }
        let dims: Flat = lengths.iter().map(|n| self.b.i64(*n as i64)).collect();
        leaves.iter().map(|x| self.b.reshape(*x, &dims)).collect()
    }

    /// Arrays of one shape as the rows of one more axis.
    fn stacked(&mut self, rows: &[Flat]) -> Flat {
        let count = self.b.i64(rows.len() as i64);
        (0..rows[0].len())
            .map(|leaf| {
                let first = rows[0][leaf];
                let dims = [vec![count], self.b.dims(first)].concat();
                let blank = self.blank(self.b.ty(first).element(), &dims);
                rows.iter().enumerate().fold(blank, |all, (i, row)| {
                    let i = self.b.i64(i as i64);
                    self.b.set(Access::InBounds, all, &[i], row[leaf])
                })
            })
            .collect()
    }

    /// `[x; n, m]`.
    pub fn fill(&mut self, value: &'p Expr, ty: &Ty) -> Flat {
        let ty = self.ty(ty).into_owned();
        let inner = self.ty(&value.ty).into_owned();
        let Ty::Array(element, sizes) = &ty else { panic!("a fill has type {ty:?}") };
        let flat = self.expr_as(value, element);
        let inner_rank = if let Ty::Array(_, inner) = &inner { inner.len() } else { 0 };
        let dims: Flat = sizes[..sizes.len() - inner_rank].iter().map(|s| self.size(s)).collect();
        let flat = self.or_mark(flat);
        if inner_rank == 0 {
            return flat.iter().map(|x| self.b.fill(*x, &dims)).collect();
        }
        flat.iter().map(|x| self.repeated(*x, &dims)).collect()
    }

    /// An array again and again along new leading axes.
    fn repeated(&mut self, x: Value, dims: &[Value]) -> Value {
        let all = [dims, &self.b.dims(x)].concat();
        self.build(&all, |s, i| vec![s.at_index(x, &i[dims.len()..])])[0]
    }

    // ---- products ----

    pub fn matmul(&mut self, a: Value, b: Value) -> Value {
        match (self.b.ty(a).rank(), self.b.ty(b).rank()) {
            (2, 2) => self.b.matmul(a, false, b, false),
            (2, 1) => self.b.matvec(a, false, b),
            (1, 2) => self.b.matvec(b, true, a),
            _ => self.b.dot(a, b),
        }
    }

    // ---- shapes ----

    /// `value as [T; n, 64]`.
    pub fn reshaped(&mut self, value: &'p Expr, binds: &'p [(usize, LocalId)], ty: &Ty) -> Flat {
        let flat = self.expr(value);
        let from = self.ty(&value.ty).into_owned();
        let to = self.ty(ty).into_owned();
        let Ty::Array(_, sizes) = &to else { panic!("a checked shape has type {to:?}") };
        let found = self.dims_in(flat[0], &from, sizes.len());
        for (axis, local) in binds {
            self.bind_local(*local, &Ty::I64, vec![found[*axis]]);
        }
        let known = if let Ty::Array(_, known) = &from { &known[..] } else { &[] };
        for (axis, size) in sizes.iter().enumerate() {
            if binds.iter().any(|(bound, _)| *bound == axis) || known.get(axis) == Some(size) {
                continue;
            }
            let wanted = self.size(size);
            let equal = self.b.compare(CompareOp::Eq, found[axis], wanted);
            self.b.check(TrapCode::Shape, equal, found[axis], wanted);
        }
        flat.iter().map(|x| self.merged_levels(*x, &found)).collect()
    }

    /// The sizes of the first `axes` axes, through lists of arrays; of an inner one, that of the first element.
    fn dims_in(&mut self, x: Value, ty: &Ty, axes: usize) -> Flat {
        let mut dims = self.b.dims(x);
        if dims.len() >= axes {
            dims.truncate(axes);
            return dims;
        }
        let element = match ty {
            Ty::List(element) | Ty::Array(element, _) => (**element).clone(),
            _ => panic!("{ty:?} has too few axes"),
        };
        // Of nothing, the inner sizes are zero.
        let (zero, rest) = (self.b.i64(0), axes - dims.len());
        let total = self.product(&dims);
        let some = self.b.compare(CompareOp::Gt, total, zero);
        let origin = vec![zero; dims.len()];
        let inner = self.if_else(
            some,
            |s| {
                let first = s.at_index(x, &origin);
                s.dims_in(first, &element, rest)
            },
            |_| vec![zero; rest],
        );
        [dims, inner].concat()
    }

    /// Arrays of arrays as one array of the given sizes; every element is checked.
    fn merged_levels(&mut self, x: Value, dims: &[Value]) -> Value {
        let ty = self.b.ty(x);
        if ty.rank() >= dims.len() {
            return x;
        }
        let outer = ty.rank();
        let mut inner = ty.element();
        let mut rank = ty.rank();
        while rank < dims.len() {
            rank += inner.rank();
            inner = inner.element();
        }
        let blank = self.blank(inner, dims);
        let count = self.product(&dims[..outer]);
        let flat = self.b.reshape(x, &[count]);
        let rows_shape = [&[count][..], &dims[outer..]].concat();
        let rows = self.b.reshape(blank, &rows_shape);
        let filled = self.repeat(count, &[rows], |s, k, carried| {
            let row = s.at_index(flat, &[k]);
            for (axis, wanted) in dims[outer..].iter().take(s.b.ty(row).rank()).enumerate() {
                let found = s.b.dim(row, axis);
                let equal = s.b.compare(CompareOp::Eq, found, *wanted);
                s.b.check(TrapCode::Shape, equal, found, *wanted);
            }
            let row = s.merged_levels(row, &dims[outer..]);
            vec![s.b.set(Access::InBounds, carried[0], &[k], row)]
        });
        self.b.reshape(filled[0], dims)
    }

    // ---- rearranging ----

    pub fn transposed(&mut self, x: Value) -> Value {
        let mut dims = self.b.dims(x);
        if dims.len() < 2 {
            return x;
        }
        dims.reverse();
        self.build(&dims, |s, i| {
            let back: Flat = i.iter().rev().copied().collect();
            vec![s.at_index(x, &back)]
        })[0]
    }

    /// One after the other along the first axis.
    pub fn concatenated(&mut self, pieces: &[Value]) -> Value {
        let lengths: Flat = pieces.iter().map(|x| self.b.dim(*x, 0)).collect();
        let total = lengths[1..].iter().fold(lengths[0], |sum, n| self.b.add(sum, *n));
        let mut dims = self.b.dims(pieces[0]);
        dims[0] = total;
        let mut all = self.blank(self.b.ty(pieces[0]).element(), &dims);
        let mut at = self.b.i64(0);
        for (piece, length) in pieces.iter().zip(&lengths) {
            all = self.b.set_slice(Access::InBounds, all, at, *piece);
            at = self.b.add(at, *length);
        }
        all
    }

    /// `x[ids[k]]` for each `k`, on the first axis.
    pub fn gathered(&mut self, x: Value, ids: Value) -> Value {
        let own = self.b.dims(ids);
        let rest: Flat = (1..self.b.ty(x).rank()).map(|axis| self.b.dim(x, axis)).collect();
        let dims = [&own[..], &rest].concat();
        self.build(&dims, |s, i| {
            let id = s.at_index(ids, &i[..own.len()]);
            let at = [&[id][..], &i[own.len()..]].concat();
            vec![s.b.get(Access::Checked, x, &at)]
        })[0]
    }

    pub fn sorted(&mut self, x: Value) -> Value {
        let order = self.sort_permutation(x);
        let count = self.b.dim(x, 0);
        self.build(&[count], |s, i| {
            let from = s.at_index(order, i);
            vec![s.at_index(x, &[from])]
        })[0]
    }

    pub fn sort_permutation(&mut self, x: Value) -> Value {
        self.b.value(dprog_ir::Op::SortPermutation, &[x], Type::I64.array(1))
    }

    /// Sums of the elements up to each.
    pub fn cumulated(&mut self, x: Value) -> Value {
        let (count, element) = (self.b.dim(x, 0), self.b.ty(x).element());
        let (blank, zero) = (self.blank(element, &[count]), self.zero_of(element));
        let sums = self.repeat(count, &[blank, zero], |s, k, carried| {
            let value = s.at_index(x, &[k]);
            let sum = s.b.add(carried[1], value);
            vec![s.b.set(Access::InBounds, carried[0], &[k], sum), sum]
        });
        sums[0]
    }

    /// A list of arrays from an array of higher rank.
    pub fn list_from(&mut self, x: Value) -> Value {
        if self.b.ty(x).rank() == 1 {
            return x;
        }
        let count = self.b.dim(x, 0);
        self.build(&[count], |s, i| vec![s.at_index(x, i)])[0]
    }
}

/// A scalar, or an array of scalars.
pub(super) fn is_numeric(ty: &Ty) -> bool {
    match ty {
        Ty::Scalar(_) => true,
        Ty::Array(element, _) => matches!(**element, Ty::Scalar(_)),
        _ => false,
    }
}

fn scalar_of(ty: Type) -> Option<Scalar> {
    match ty.leaf {
        dprog_ir::Leaf::Scalar(s) => Some(s),
        dprog_ir::Leaf::Str | dprog_ir::Leaf::Node(_) => None,
    }
}

fn binary_op(op: Arithmetic) -> BinaryOp {
    match op {
        Arithmetic::Add => BinaryOp::Add,
        Arithmetic::Sub => BinaryOp::Sub,
        Arithmetic::Mul => BinaryOp::Mul,
        Arithmetic::Div => BinaryOp::Div,
        Arithmetic::Rem => BinaryOp::Rem,
        Arithmetic::BitAnd => BinaryOp::And,
        Arithmetic::BitOr => BinaryOp::Or,
        Arithmetic::BitXor => BinaryOp::Xor,
        Arithmetic::Shl => BinaryOp::Shl,
        Arithmetic::Shr => BinaryOp::Shr,
    }
}

/// The elements of a literal of `rank` axes written out as nested literals, and its sizes.
fn nested_items<'p>(items: &'p [Expr], rank: usize, elements: &mut Vec<&'p Expr>) -> Option<Vec<usize>> {
    if rank == 1 {
        elements.extend(items);
        return Some(vec![items.len()]);
    }
    let mut lengths: Option<Vec<usize>> = None;
    for item in items {
        let ExprKind::ArrayLiteral(inner) = &item.kind else { return None };
        let inner = nested_items(inner, rank - 1, elements)?;
        if lengths.get_or_insert_with(|| inner.clone()) != &inner {
            return None;
        }
    }
    let inner = lengths.unwrap_or_else(|| vec![0; rank - 1]);
    Some([vec![items.len()], inner].concat())
}
