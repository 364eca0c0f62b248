//! Adjoints of array operations. Tangents are these operations themselves, on tangents: all of them are linear in each
//! array operand.
//!
//! Indices need no test in a sweep: the primal has passed it, and adjoints have the shapes of primals.

use crate::analysis::structure::Def;
use crate::reverse::item::Item;
use crate::reverse::sweep::Sweep;
use dprog_ir::{Access, BinaryOp, Inst, InstData, Op, ReduceOp, Region, Value};

impl Sweep<'_, '_, '_> {
    /// Fill.
    ///   primal:  z = fill v, dim…
    ///   tangent: ż = fill v̇, dim…
    ///   adjoint: v̄ += Σ z̄
    ///   needs:   nothing (where v is an array or node: the shape of v)
    pub(super) fn fill(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let v = data.args[0];
        if self.b.ty(z_adj).element().is_float() {
            let sum = self.b.reduce(ReduceOp::Sum, z_adj);
            return self.contribute(v, sum);
        }
        let start = self.materialize(v);
        let rank = self.b.ty(z_adj).rank();
        let zero = self.b.i64(0);
        let mut count = self.b.i64(1);
        for axis in 0..rank {
            let dim = self.b.dim(z_adj, axis);
            count = self.b.mul(count, dim);
        }
        let flat = self.b.reshape(z_adj, &[count]);
        let sums = self.b.for_loop(zero, count, &[start], |b, i, sum| {
            let part = b.get(Access::InBounds, flat, &[i]);
            vec![b.add_tangent(sum[0], part)]
        });
        self.replace_active(v, sums[0]);
    }

    /// Elements.
    ///   primal:  z = [v…]
    ///   tangent: ż = [v̇…]
    ///   adjoint: v̄ₖ += z̄[k]
    ///   needs:   nothing
    pub(super) fn elements(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        for (k, v) in data.args.iter().enumerate() {
            if self.is_active(*v) {
                let index = self.b.i64(k as i64);
                let part = self.b.get(Access::InBounds, z_adj, &[index]);
                self.contribute(*v, part);
            }
        }
    }

    /// Get.
    ///   primal:  z = x[i…]
    ///   tangent: ż = ẋ[i…]
    ///   adjoint: x̄[i…] += z̄
    ///   needs:   i…
    pub(super) fn get(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        if self.is_active(data.args[0]) {
            let indices = self.values(&data.args[1..]);
            self.change(data, &mut |s, x_adj| s.b.add_at(Access::InBounds, x_adj, &indices, z_adj));
        }
    }

    /// Changes the adjoint of the array that an instruction reads: within the adjoint of the array from which that has itself been
    /// read just before, if so. Then a sum of elements of lists in a list costs as much as the elements.
    fn change(&mut self, data: &InstData, how: &mut dyn FnMut(&mut Self, Value) -> Value) {
        let home = self.active.primal.structure.home(data.results[0]);
        self.change_in(home, data.args[0], how);
    }

    fn change_in(&mut self, home: Region, x: Value, how: &mut dyn FnMut(&mut Self, Value) -> Value) {
        if let (None, Some((outer, indices))) = (self.adjoint(x), self.element_of(home, x)) {
            let indices = self.values(&indices);
            return self.change_in(home, outer, &mut |s, outer_adj| {
                let (rest, x_adj) = s.b.take(Access::InBounds, outer_adj, &indices);
                let x_adj = how(s, x_adj);
                s.b.put(rest, &indices, x_adj)
            });
        }
        let x_adj = self.materialize(x);
        let changed = how(self, x_adj);
        self.replace(x, changed);
    }

    /// If `x` is an array that has been read from another one in this region: that, and the indices.
    fn element_of(&self, home: Region, x: Value) -> Option<(Value, Vec<Value>)> {
        let primal = &self.active.primal;
        let Def::Result { inst, .. } = primal.structure.def(x) else { return None };
        let data = &primal.func.insts[inst];
        let outer = *data.args.first()?;
        let element = matches!(data.op, Op::Get(_)) && data.args.len() == primal.func.value_type(outer).rank() + 1;
        let here = element && primal.structure.home(x) == home && primal.func.value_type(x).is_array();
        here.then(|| (outer, data.args[1..].to_vec()))
    }

    /// Taking an element out.
    ///   primal:  (y, v) = x without x[i…], x[i…]
    ///   tangent: (ẏ, v̇) = ẋ without ẋ[i…], ẋ[i…]
    ///   adjoint: x̄ += ȳ with v̄ in the hole at i…
    ///   needs:   i… (the shape of y or v where its adjoint is zero)
    pub(super) fn take_out(&mut self, data: &InstData) {
        let (rest, element) = (data.results[0], data.results[1]);
        let (rest_adj, element_adj) = (self.materialize(rest), self.materialize(element));
        self.take(rest);
        self.take(element);
        let indices = self.values(&data.args[1..]);
        let whole = self.b.put(rest_adj, &indices, element_adj);
        self.contribute(data.args[0], whole);
    }

    /// Putting an element into a hole.
    ///   primal:  z = x with v in the hole at i…
    ///   tangent: ż = ẋ with v̇ in the hole at i…
    ///   adjoint: (x̄, v̄) += z̄ without z̄[i…], z̄[i…]
    ///   needs:   i…
    pub(super) fn put_back(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let last = data.args.len() - 1;
        let indices = self.values(&data.args[1..last]);
        let (rest, element) = self.b.take(Access::InBounds, z_adj, &indices);
        self.contribute(data.args[0], rest);
        self.contribute(data.args[last], element);
    }

    /// Set.
    ///   primal:  z = x with x[i…] = v
    ///   tangent: ż = ẋ with ẋ[i…] = v̇
    ///   adjoint: v̄ += z̄[i…];  x̄ += z̄ with z̄[i…] = 0
    ///   needs:   i…; the shape of the old element, if elements have shapes of their own
    pub(super) fn set(&mut self, inst: Inst, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let (x, v) = (data.args[0], data.args[data.args.len() - 1]);
        let indices = self.values(&data.args[1..data.args.len() - 1]);
        if self.is_active(v) {
            let part = self.b.get(Access::InBounds, z_adj, &indices);
            self.contribute(v, part);
        }
        if self.is_active(x) {
            let zero = self.zero_of_replaced(inst, v);
            let rest = self.b.set(Access::InBounds, z_adj, &indices, zero);
            self.contribute(x, rest);
        }
    }

    /// Addition to a part.
    ///   primal:  z = x with x[i…] += v
    ///   tangent: ż = ẋ with ẋ[i…] += v̇
    ///   adjoint: v̄ += z̄[i…];  x̄ += z̄
    ///   needs:   i…
    pub(super) fn add_at(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let (x, v) = (data.args[0], data.args[data.args.len() - 1]);
        if self.is_active(v) {
            let indices = self.values(&data.args[1..data.args.len() - 1]);
            let part = self.b.get(Access::InBounds, z_adj, &indices);
            self.contribute(v, part);
        }
        self.contribute(x, z_adj);
    }

    /// Slice.
    ///   primal:  z = x[lo..hi]
    ///   tangent: ż = ẋ[lo..hi]
    ///   adjoint: x̄[lo..] += z̄
    ///   needs:   lo
    pub(super) fn slice(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        if self.is_active(data.args[0]) {
            let lo = self.value(data.args[1]);
            self.change(data, &mut |s, x_adj| s.b.add_slice(Access::InBounds, x_adj, lo, z_adj));
        }
    }

    /// Replacement of rows.
    ///   primal:  z = x with x[lo..] = v
    ///   tangent: ż = ẋ with ẋ[lo..] = v̇
    ///   adjoint: v̄ += z̄[lo..lo + len v];  x̄ += z̄ with z̄[lo..] = 0
    ///   needs:   lo, len v; the shapes of the old elements, if they have their own
    pub(super) fn set_slice(&mut self, inst: Inst, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let (x, v) = (data.args[0], data.args[2]);
        let (lo, part) = self.rows_of(z_adj, data.args[1], v);
        self.contribute(v, part);
        if self.is_active(x) {
            let zero = match self.b.ty(part).element().is_float() {
                true => self.zero_tangent(part),
                false => self.zero_of_replaced(inst, v),
            };
            let rest = self.b.set_slice(Access::InBounds, z_adj, lo, zero);
            self.contribute(x, rest);
        }
    }

    /// Addition to rows.
    ///   primal:  z = x with x[lo..] += v
    ///   tangent: ż = ẋ with ẋ[lo..] += v̇
    ///   adjoint: v̄ += z̄[lo..lo + len v];  x̄ += z̄
    ///   needs:   lo, len v
    pub(super) fn add_slice(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        if self.is_active(data.args[2]) {
            let (_, part) = self.rows_of(z_adj, data.args[1], data.args[2]);
            self.contribute(data.args[2], part);
        }
        self.contribute(data.args[0], z_adj);
    }

    /// The rows of `z_adj` where `v` went.
    fn rows_of(&mut self, z_adj: Value, lo: Value, v: Value) -> (Value, Value) {
        let lo = self.value(lo);
        let len = self.dim(v, 0);
        let hi = self.b.add(lo, len);
        (lo, self.b.slice(Access::InBounds, z_adj, lo, hi))
    }

    /// Push.
    ///   primal:  z = x with v behind
    ///   tangent: ż = ẋ with v̇ behind
    ///   adjoint: (x̄, v̄) += pop z̄
    ///   needs:   nothing
    pub(super) fn push(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let (rest, last) = self.b.pop(z_adj);
        self.contribute(data.args[0], rest);
        self.contribute(data.args[1], last);
    }

    /// Pop.
    ///   primal:  (y, v) = pop x
    ///   tangent: (ẏ, v̇) = pop ẋ
    ///   adjoint: x̄ += push ȳ, v̄
    ///   needs:   nothing (the shape of y or v where its adjoint is zero)
    pub(super) fn pop(&mut self, data: &InstData) {
        let (rest, last) = (data.results[0], data.results[1]);
        let rest_adj = self.materialize(rest);
        let last_adj = self.materialize(last);
        self.take(rest);
        self.take(last);
        let whole = self.b.push(rest_adj, last_adj);
        self.contribute(data.args[0], whole);
    }

    /// Reshape.
    ///   primal:  z = reshape x, dim…
    ///   tangent: ż = reshape ẋ, dim…
    ///   adjoint: x̄ += reshape z̄, the dims of x
    ///   needs:   the dims of x
    pub(super) fn reshape(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let dims = self.dims(data.args[0]);
        let back = self.b.reshape(z_adj, &dims);
        self.contribute(data.args[0], back);
    }

    /// Reductions.
    ///   primal:  z = Σ x;  z = max x
    ///   tangent: ż = Σ ẋ;  ż = ẋ[winner]
    ///   adjoint: x̄ += z̄ everywhere;  x̄[winner] += z̄
    ///   needs:   the dims of x;  the winner
    ///   kink:    all to the first winner
    pub(super) fn reduce(&mut self, inst: Inst, op: ReduceOp, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let x = data.args[0];
        match op {
            ReduceOp::Sum => {
                let dims = self.dims(x);
                let spread = self.b.fill(z_adj, &dims);
                self.contribute(x, spread);
            }
            ReduceOp::Max | ReduceOp::Min => {
                let winner = self.item(Item::Winner(inst));
                let indices = self.unravel(winner, x);
                if self.is_made_for(inst, x) {
                    self.single.insert(x, (indices, z_adj));
                    return;
                }
                self.change(data, &mut |s, x_adj| s.b.add_at(Access::InBounds, x_adj, &indices, z_adj));
            }
            ReduceOp::ArgMax | ReduceOp::ArgMin => {}
        }
    }

    /// Whether `x` is an array of floats made by a `map` or `build` in the same region, of which only this reduction has an
    /// adjoint to give.
    fn is_made_for(&self, reduction: Inst, x: Value) -> bool {
        let primal = &self.active.primal;
        let Def::Result { inst, .. } = primal.structure.def(x) else { return false };
        let data = &primal.func.insts[inst];
        let home = primal.structure.home(x);
        let here = primal.structure.home(primal.func.insts[reduction].results[0]) == home;
        here && matches!(data.op, Op::Map | Op::Build) && data.results.len() == 1 && primal.active_uses(x) == 1
    }

    /// The indices of the flat index `flat` in an array of the shape of `x`.
    fn unravel(&mut self, flat: Value, x: Value) -> Vec<Value> {
        let rank = self.active.func().value_type(x).rank();
        let (mut rest, mut indices) = (flat, Vec::new());
        for axis in (1..rank).rev() {
            let dim = self.dim(x, axis);
            indices.push(self.b.binary(BinaryOp::Rem, rest, dim));
            rest = self.b.div(rest, dim);
        }
        indices.push(rest);
        indices.reverse();
        indices
    }

    /// Scalar product.
    ///   primal:  z = x · y
    ///   tangent: ż = ẋ · y + x · ẏ
    ///   adjoint: x̄ += z̄ y;  ȳ += z̄ x
    ///   needs:   x, y, each if the other is active
    pub(super) fn dot(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        for k in 0..2 {
            if self.is_active(data.args[k]) {
                let other = self.value(data.args[1 - k]);
                let scaled = self.b.map(&[other], |b, e| vec![b.mul(z_adj, e[0])]);
                self.contribute(data.args[k], scaled[0]);
            }
        }
    }

    /// Matrix product, A and B stored as they are or transposed: X' is op(X).
    ///   primal:  Z = A' B'
    ///   tangent: Ż = Ȧ' B' + A' Ḃ'
    ///   adjoint: Ā' += Z̄ B'ᵀ;  B̄' += A'ᵀ Z̄, the transposed equation where the operand is stored transposed
    ///   needs:   A, B, each if the other is active
    pub(super) fn matmul(&mut self, transpose_a: bool, transpose_b: bool, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let (a, b) = (data.args[0], data.args[1]);
        if self.is_active(a) {
            let b = self.value(b);
            let c = match transpose_a {
                false => self.b.matmul(z_adj, false, b, !transpose_b),
                true => self.b.matmul(b, transpose_b, z_adj, true),
            };
            self.contribute(a, c);
        }
        if self.is_active(b) {
            let a = self.value(a);
            let c = match transpose_b {
                false => self.b.matmul(a, !transpose_a, z_adj, false),
                true => self.b.matmul(z_adj, true, a, transpose_a),
            };
            self.contribute(b, c);
        }
    }

    /// Matrix times vector, A' being A or its transpose.
    ///   primal:  z = A' x
    ///   tangent: ż = Ȧ' x + A' ẋ
    ///   adjoint: Ā' += z̄ xᵀ;  x̄ += A'ᵀ z̄
    ///   needs:   A, x, each if the other is active
    pub(super) fn matvec(&mut self, transpose: bool, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        let (a, x) = (data.args[0], data.args[1]);
        if self.is_active(a) {
            let x = self.value(x);
            let (left, right) = if transpose { (x, z_adj) } else { (z_adj, x) };
            match self.adjoint(a) {
                Some(sum) => {
                    let sum = self.add_outer(sum, left, right);
                    self.replace(a, sum);
                }
                None => {
                    let c = self.b.outer(left, right);
                    self.contribute(a, c);
                }
            }
        }
        if self.is_active(x) {
            let a = self.value(a);
            let c = self.b.matvec(a, !transpose, z_adj);
            self.contribute(x, c);
        }
    }

    /// x yᵀ added to a matrix where that stands, with no matrix made for it.
    fn add_outer(&mut self, sum: Value, x: Value, y: Value) -> Value {
        let (zero, rows, columns) = (self.b.i64(0), self.b.dim(x, 0), self.b.dim(y, 0));
        let added = self.b.for_loop(zero, rows, &[sum], |b, i, sum| {
            let left = b.get(Access::InBounds, x, &[i]);
            b.for_loop(zero, columns, sum, |b, j, sum| {
                let right = b.get(Access::InBounds, y, &[j]);
                let product = b.mul(left, right);
                vec![b.add_at(Access::InBounds, sum[0], &[i, j], product)]
            })
        });
        added[0]
    }

    /// Outer product.
    ///   primal:  Z = x yᵀ
    ///   tangent: Ż = ẋ yᵀ + x ẏᵀ
    ///   adjoint: x̄ += Z̄ y;  ȳ += Z̄ᵀ x
    ///   needs:   x, y, each if the other is active
    pub(super) fn outer(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        for k in 0..2 {
            if self.is_active(data.args[k]) {
                let other = self.value(data.args[1 - k]);
                let c = self.b.matvec(z_adj, k == 1, other);
                self.contribute(data.args[k], c);
            }
        }
    }

    /// Addition of tangents.
    ///   primal:  z = x + y
    ///   tangent: ż = ẋ + ẏ
    ///   adjoint: x̄ += z̄;  ȳ += z̄
    ///   needs:   nothing
    pub(super) fn add_tangent(&mut self, data: &InstData) {
        let Some(z_adj) = self.take(data.results[0]) else { return };
        self.contribute(data.args[0], z_adj);
        self.contribute(data.args[1], z_adj);
    }

    /// A zero of the shape of what `inst` replaces by `v`, whose shape may be another where elements have their own.
    fn zero_of_replaced(&mut self, inst: Inst, v: Value) -> Value {
        let active = self.active.clone();
        let (ty, tangent) = (active.func().value_type(v), self.tangent_type(v));
        if ty.is_float() {
            return self.b.float(0.0, ty);
        }
        if ty.is_array() && ty.element().is_float() {
            let zero = self.b.float(0.0, ty.element());
            let whole = active.func().value_type(active.func().insts[inst].args[0]);
            let dims: Vec<Value> = match whole.element().is_float() {
                true => self.dims(v),
                false => (0..ty.rank()).map(|axis| self.item(Item::ReplacedDim(inst, axis as u8))).collect(),
            };
            return self.b.fill(zero, &dims);
        }
        let old = self.item(Item::Replaced(inst));
        self.b.zeros_like(old, tangent)
    }

    /// The zero of the shape of a tangent at hand.
    pub(super) fn zero_tangent(&mut self, t: Value) -> Value {
        let ty = self.b.ty(t);
        if ty.is_float() { self.b.float(0.0, ty) } else { self.b.zeros_like(t, ty) }
    }

    fn replace_active(&mut self, v: Value, adjoint: Value) {
        if self.is_active(v) {
            self.replace(v, adjoint);
        }
    }
}
