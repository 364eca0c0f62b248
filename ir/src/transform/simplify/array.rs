//! Sizes and elements of arrays whose construction is in sight.

use super::{Args, Simpler, Simplifier};
use crate::analysis::Def;
use crate::function::{AxisSize, Value};
use crate::opcode::{Access, BinaryOp, Const, Op};
use crate::types::Type;
use smallvec::smallvec;

/// How many updates `get` looks back through (a guess; the small fixed arrays of vector geometry have 2 to 9 elements).
const UPDATES: usize = 12;

impl Simplifier<'_> {
    // ---- sizes ----

    /// The size of axis `axis` of `x`: what its array was made with, else the size of the first array of its shape.
    pub(super) fn dim_of(&mut self, x: Value, axis: u8) -> Option<Simpler> {
        let origin = self.origin(x);
        if let Some(size) =
            self.size_of_origin(origin, axis as usize).or_else(|| self.fixed_size(origin, axis as usize))
        {
            return Some(size);
        }
        (origin != x).then(|| Simpler::Value(self.size_at_definition(origin, axis)))
    }

    /// The first array of the same shape, among the values that are still there.
    fn origin(&self, x: Value) -> Value {
        let mut x = x;
        loop {
            let origin = self.shapes.origin(x);
            x = self.replaced.resolve(origin);
            if x == origin {
                return x;
            }
        }
    }

    fn size_of_origin(&mut self, origin: Value, axis: usize) -> Option<Simpler> {
        let Def::Result(inst, result) = self.definitions.of(origin) else { return None };
        let (op, args) = (self.func.insts[inst].op.clone(), self.func.insts[inst].args.clone());
        if matches!(op, Op::Fill | Op::Reshape) {
            Some(Simpler::Value(args[axis + 1]))
        } else if op == Op::Build {
            Some(Simpler::Value(args[axis]))
        } else if op == Op::Elements {
            Some(Simpler::Const(Const::I64(args.len() as i64)))
        } else if op == Op::Undef {
            Some(Simpler::Const(Const::I64(0)))
        } else if matches!(op, Op::Slice(_)) && axis == 0 {
            Some(Simpler::Op(Op::Binary(BinaryOp::Sub), smallvec![args[2], args[1]]))
        } else if op == Op::Push {
            Some(self.size_changed(args[0], 1))
        } else if op == Op::Pop && result == 0 {
            Some(self.size_changed(args[0], -1))
        } else {
            let (x, axis) = self.inherited_axis(&op, &args, axis)?;
            Some(Simpler::Value(self.size(x, axis)))
        }
    }

    /// The size of a parameter that the program fixes.
    fn fixed_size(&self, param: Value, axis: usize) -> Option<Simpler> {
        match *self.func.values[param].sizes.as_ref()?.get(axis)? {
            AxisSize::Open => None,
            AxisSize::Number(n) => Some(Simpler::Const(Const::I64(n))),
            AxisSize::Param(k) => {
                let entry = self.func.entry()?;
                Some(Simpler::Value(self.replaced.resolve(self.func.regions[entry].params[k as usize])))
            }
        }
    }

    /// The axis of an operand that has the size of this axis of the result.
    fn inherited_axis(&self, op: &Op, args: &[Value], axis: usize) -> Option<(Value, usize)> {
        if *op == Op::Outer {
            Some((args[axis], 0))
        } else if let Op::MatMul { transpose_a, transpose_b } = op {
            Some(if axis == 0 { (args[0], *transpose_a as usize) } else { (args[1], !transpose_b as usize) })
        } else if let Op::MatVec { transpose } = op {
            Some((args[0], *transpose as usize))
        } else if let Op::Slice(_) = op {
            Some((args[0], axis))
        } else {
            (matches!(op, Op::Get(_)) && self.is_part(args)).then(|| (args[0], axis + args.len() - 1))
        }
    }

    /// A size, read where the array is defined.
    fn size(&mut self, x: Value, axis: usize) -> Value {
        match self.dim_of(x, axis as u8) {
            None => self.size_at_definition(x, axis as u8),
            Some(Simpler::Value(v)) => v,
            Some(Simpler::Const(c)) => self.constant(c, Type::I64),
            Some(Simpler::Op(op, args)) => self.emit(op, &args, Type::I64),
        }
    }

    fn size_changed(&mut self, x: Value, by: i64) -> Simpler {
        let size = self.size(x, 0);
        let by = self.constant(Const::I64(by), Type::I64);
        Simpler::Op(Op::Binary(BinaryOp::Add), smallvec![size, by])
    }

    // ---- elements ----

    pub(super) fn get(&mut self, access: Access, x: Value, indices: &[Value]) -> Option<Simpler> {
        if matches!(self.made_by(x)?.0, Op::Set(_) | Op::AddAt(_)) {
            return self.get_updated(access, x, indices).map(Simpler::Value);
        }
        if let Some(v) = self.get_made(access, x, indices) {
            return Some(Simpler::Value(v));
        }
        let (op, args) = self.definitions.inst(self.func, x).map(|data| (data.op.clone(), data.args.clone()))?;
        if access == Access::Checked || !self.only_read[args.first().copied()?] {
            return None;
        }
        if op == Op::Get(Access::InBounds) && self.is_part(&args) {
            let args = args.iter().chain(indices).copied().collect();
            return Some(Simpler::Op(Op::Get(Access::InBounds), args));
        }
        matches!(op, Op::Slice(_)).then(|| self.get_sliced(args, indices))
    }

    /// An element of a `fill`, or of a list of elements.
    fn get_made(&self, access: Access, x: Value, indices: &[Value]) -> Option<Value> {
        let (op, args) = self.made_by(x)?;
        let whole = indices.len() == self.func.value_type(x).rank();
        if *op == Op::Elements {
            return self.element(args, indices[0]);
        }
        (*op == Op::Fill && whole && self.is_inside(access, indices, &args[1..])).then(|| args[0])
    }

    /// Whether these indices are known to be inside these sizes.
    fn is_inside(&self, access: Access, indices: &[Value], sizes: &[Value]) -> bool {
        let inside = |(i, n): (&Value, &Value)| match (self.known_int(*i), self.known_int(*n)) {
            (Some(i), Some(n)) => (0..n).contains(&i),
            _ => false,
        };
        access == Access::InBounds || indices.iter().zip(sizes).all(inside)
    }

    fn element(&self, elements: &[Value], index: Value) -> Option<Value> {
        let index = usize::try_from(self.known_int(index)?).ok()?;
        elements.get(index).copied()
    }

    /// Whether a `get` with these operands gives a sub-array of the same level.
    fn is_part(&self, args: &[Value]) -> bool {
        self.func.value_type(args[0]).rank() >= args.len()
    }

    /// Looks back through updates: the one of this element gives its value; those of certainly other elements do not
    /// matter. An index that was inside at an update is inside now. A `get` from an older version would not do: it
    /// would keep that version alive.
    fn get_updated(&self, access: Access, x: Value, indices: &[Value]) -> Option<Value> {
        let mut array = x;
        for _ in 0..UPDATES {
            let Some((op @ (Op::Set(_) | Op::AddAt(_)), args)) = self.made_by(array) else { break };
            let at = &args[1..args.len() - 1];
            if self.same_indices(at, indices) && matches!(op, Op::Set(_)) {
                return Some(args[args.len() - 1]);
            }
            if !self.certainly_different(at, indices) {
                return None;
            }
            array = args[0];
        }
        self.get_made(access, array, indices)
    }

    fn same_indices(&self, a: &[Value], b: &[Value]) -> bool {
        let same =
            |(a, b): (&Value, &Value)| a == b || self.known_int(*a).is_some_and(|n| self.known_int(*b) == Some(n));
        a.len() == b.len() && a.iter().zip(b).all(same)
    }

    fn certainly_different(&self, a: &[Value], b: &[Value]) -> bool {
        a.iter().zip(b).any(|(a, b)| matches!((self.known_int(*a), self.known_int(*b)), (Some(a), Some(b)) if a != b))
    }

    fn get_sliced(&mut self, slice: Args, indices: &[Value]) -> Simpler {
        let first = self.emit(Op::Binary(BinaryOp::Add), &[slice[1], indices[0]], Type::I64);
        let args = [slice[0], first].into_iter().chain(indices[1..].iter().copied()).collect();
        Simpler::Op(Op::Get(Access::InBounds), args)
    }

    // ---- updates ----

    /// An element replaced by itself, or twice.
    pub(super) fn set(&self, access: Access, args: &[Value]) -> Option<Simpler> {
        let (x, indices, v) = (args[0], &args[1..args.len() - 1], args[args.len() - 1]);
        if let Some((Op::Get(_), read)) = self.made_by(v)
            && read[0] == x
            && self.same_indices(&read[1..], indices)
        {
            return Some(Simpler::Value(x));
        }
        if let Some(more) = self.added(x, indices, v) {
            return Some(Simpler::Op(
                Op::AddAt(access),
                args[..args.len() - 1].iter().copied().chain([more]).collect(),
            ));
        }
        let (Op::Set(Access::InBounds), earlier) = self.made_by(x)? else { return None };
        let again = self.same_indices(&earlier[1..earlier.len() - 1], indices);
        again.then(|| {
            Simpler::Op(Op::Set(access), std::iter::once(earlier[0]).chain(args[1..].iter().copied()).collect())
        })
    }

    /// What is added, if `v` is the float `x[indices]` and something more. The adjoint of an addition in place changes nothing.
    fn added(&self, x: Value, indices: &[Value], v: Value) -> Option<Value> {
        let (Op::Binary(BinaryOp::Add), sum) = self.made_by(v)? else { return None };
        let (Op::Get(_), read) = self.made_by(sum[0])? else { return None };
        let same = self.same_indices(&read[1..], indices) && self.is_unchanged_since(read[0], x, indices);
        (same && self.func.value_type(v).is_float() && self.uses[v] == 1).then_some(sum[1])
    }

    /// Whether only other elements than this one were updated between an earlier version of an array and `x`: the coordinates of a point are
    /// often read together before they are replaced one by one.
    fn is_unchanged_since(&self, earlier: Value, x: Value, indices: &[Value]) -> bool {
        let mut array = x;
        for _ in 0..UPDATES {
            if array == earlier {
                return true;
            }
            let Some((Op::Set(_) | Op::AddAt(_), args)) = self.made_by(array) else { return false };
            if !self.certainly_different(&args[1..args.len() - 1], indices) {
                return false;
            }
            array = args[0];
        }
        false
    }

    /// What has been taken goes back as it was.
    pub(super) fn put(&self, args: &[Value]) -> Option<Simpler> {
        let (x, indices, v) = (args[0], &args[1..args.len() - 1], args[args.len() - 1]);
        let (Def::Result(first, 0), Def::Result(second, 1)) = (self.definitions.of(x), self.definitions.of(v)) else {
            return None;
        };
        let data = &self.func.insts[first];
        let same = first == second && matches!(data.op, Op::Take(_)) && self.same_indices(&data.args[1..], indices);
        same.then(|| Simpler::Value(data.args[0]))
    }

    /// All rows.
    pub(super) fn slice(&self, x: Value, lo: Value, hi: Value) -> Option<Simpler> {
        let (Op::Dim(0), args) = self.made_by(hi)? else { return None };
        let all = self.known_int(lo) == Some(0) && self.origin(args[0]) == self.origin(x);
        all.then_some(Simpler::Value(x))
    }

    /// To the shape that the array has.
    pub(super) fn reshape(&self, x: Value, sizes: &[Value]) -> Option<Simpler> {
        let same_size = |(axis, size): (usize, &Value)| match self.made_by(*size) {
            Some((Op::Dim(k), args)) => *k as usize == axis && self.origin(args[0]) == self.origin(x),
            _ => false,
        };
        let same = self.func.value_type(x).rank() == sizes.len() && sizes.iter().enumerate().all(same_size);
        same.then_some(Simpler::Value(x))
    }

    /// Whether an instruction with two results is a `pop` of what was just pushed; its results are then replaced.
    pub(super) fn cancels(&mut self, inst: crate::function::Inst) -> bool {
        let data = &self.func.insts[inst];
        if data.op != Op::Pop {
            return false;
        }
        let Some((Op::Push, &[x, v])) = self.made_by(data.args[0]) else { return false };
        let results = data.results.clone();
        self.replaced.replace(results[0], x);
        self.replaced.replace(results[1], v);
        true
    }
}
