//! Scalars: their shapes, and what is known of indices.

use super::*;

impl Recogniser<'_> {
    /// The number of a scalar; new ones come from outside.
    pub(super) fn num(&mut self, v: Value) -> Step1<Num> {
        if let Some(num) = self.nums.get(&v) {
            return Ok(*num);
        }
        let Some(scalar) = self.func.value_type(v).as_scalar() else { return self.refuse(Reason::MakesArray) };
        let num = match self.at.constant(v) {
            Some(c) => self.constant(c.clone()),
            None => self.input(Input::Value(v), scalar),
        };
        self.nums.insert(v, num);
        Ok(num)
    }

    /// A number that nobody looks at, on one side of a branch.
    pub(super) fn undefined(&mut self, v: Value) -> Step1<()> {
        let zero = match self.func.value_type(v).as_scalar() {
            Some(Scalar::F64) => Const::f64(0.0),
            Some(Scalar::F32) => Const::F32(0.0f32.to_bits()),
            Some(Scalar::I64) => Const::I64(0),
            Some(Scalar::Bool) => Const::Bool(false),
            Some(Scalar::I32 | Scalar::U8) | None => return self.refuse(Reason::MakesArray),
        };
        let scalar = self.func.value_type(v).as_scalar().expect("it has a zero");
        let num = self.input(Input::Const(zero), scalar);
        self.undefined.push(num);
        self.nums.insert(v, num);
        Ok(())
    }

    pub(super) fn constant(&mut self, c: Const) -> Num {
        if let Some(known) = self.consts.get(&c) {
            return *known;
        }
        let scalar = match &c {
            Const::F64(_) => Scalar::F64,
            Const::F32(_) => Scalar::F32,
            Const::I64(_) => Scalar::I64,
            Const::I32(_) => Scalar::I32,
            Const::U8(_) => Scalar::U8,
            Const::Bool(_) | Const::Str(_) => Scalar::Bool,
        };
        let num = self.input(Input::Const(c.clone()), scalar);
        self.consts.insert(c, num);
        num
    }

    pub(super) fn input(&mut self, input: Input, scalar: Scalar) -> Num {
        let next: Num = self.kernel.numbers.next_key();
        let affine = match &input {
            Input::Const(Const::I64(x)) => Some(Affine::constant(*x)),
            _ => (scalar == Scalar::I64).then(|| Affine::number(next)),
        };
        let num = self.kernel.numbers.push(NumData { scalar, shape: Shape::Uniform, affine });
        self.kernel.inputs.push((num, input));
        num
    }

    pub(super) fn is_input(&self, num: Num) -> bool {
        self.kernel.inputs.binary_search_by_key(&num, |(n, _)| *n).is_ok()
    }

    /// The number that an operation gives.
    pub(super) fn op(&mut self, op: NumOp, args: &[Num], scalar: Scalar) -> Step1<Num> {
        if op == NumOp::Binary(BinaryOp::Mul) && scalar.is_float() {
            for (t, q) in [(args[0], args[1]), (args[1], args[0])] {
                if let Some(p) = guarded::partial(&self.kernel, &self.made, t, q) {
                    return self.op(NumOp::Guarded, &[t, p], scalar);
                }
            }
        }
        if let Some(known) = self.simpler(op, args)? {
            return Ok(known);
        }
        let shape = self.shape_of(op, args, scalar);
        let affine = if scalar == Scalar::I64 { self.affine_of(op, args) } else { None };
        if let Some(constant) = affine.as_ref().filter(|a| a.is_constant()) {
            return Ok(self.constant(Const::I64(constant.constant)));
        }
        self.allow(op, args, shape)?;
        let result = self.kernel.numbers.push(NumData { scalar, shape, affine });
        self.made.insert(result, (op, SmallVec::from_slice(args)));
        let step = Step::Op { result, op, args: SmallVec::from_slice(args), loc: self.loc };
        if shape != Shape::Ordered {
            self.steps.push(step);
        } else if self.open.is_empty() {
            self.kernel.ordered.push(step);
        } else {
            return self.refuse(Reason::OrderedInner);
        }
        Ok(result)
    }

    pub(super) fn shape_of(&self, op: NumOp, args: &[Num], scalar: Scalar) -> Shape {
        let shapes = || args.iter().map(|a| self.kernel.shape(*a));
        let greatest = shapes().max().unwrap_or(Shape::Uniform);
        if greatest != Shape::Linear {
            return greatest;
        }
        let lines = shapes().filter(|s| *s == Shape::Linear).count();
        match op {
            NumOp::Binary(BinaryOp::Add | BinaryOp::Sub) => Shape::Linear,
            NumOp::Binary(BinaryOp::Mul) if lines == 1 => Shape::Linear,
            NumOp::Unary(UnaryOp::Neg) => Shape::Linear,
            NumOp::Convert(Scalar::I64) if scalar == Scalar::I64 => Shape::Linear,
            NumOp::Unary(_) | NumOp::Binary(_) | NumOp::Compare(_) => Shape::Varying,
            NumOp::Select | NumOp::Convert(_) | NumOp::Guarded | NumOp::Added => Shape::Varying,
        }
    }

    pub(super) fn affine_of(&self, op: NumOp, args: &[Num]) -> Option<Affine> {
        let of = |k: usize| self.kernel.numbers[args[k]].affine.as_ref();
        match op {
            NumOp::Binary(BinaryOp::Add) => of(0)?.plus(of(1)?, 1),
            NumOp::Binary(BinaryOp::Sub) => of(0)?.plus(of(1)?, -1),
            NumOp::Binary(BinaryOp::Mul) if of(1)?.is_constant() => of(0)?.times(of(1)?.constant),
            NumOp::Binary(BinaryOp::Mul) if of(0)?.is_constant() => of(1)?.times(of(0)?.constant),
            NumOp::Unary(UnaryOp::Neg) => of(0)?.times(-1),
            NumOp::Convert(Scalar::I64) if self.kernel.scalar(args[0]) == Scalar::I64 => of(0).cloned(),
            NumOp::Unary(_) | NumOp::Binary(_) | NumOp::Compare(_) => None,
            NumOp::Select | NumOp::Convert(_) | NumOp::Guarded | NumOp::Added => None,
        }
    }

    /// Refuses what cannot be done, or not in vectors.
    pub(super) fn allow(&self, op: NumOp, args: &[Num], shape: Shape) -> Step1<()> {
        let scalar = self.kernel.scalar(args[0]);
        if scalar.is_int() && matches!(op, NumOp::Binary(BinaryOp::Div | BinaryOp::Rem)) {
            return self.refuse(Reason::Division);
        }
        if scalar.is_int() && op == NumOp::Binary(BinaryOp::Pow) {
            return self.refuse(Reason::Operation("pow"));
        }
        if shape != Shape::Varying {
            return Ok(());
        }
        for arg in args {
            self.vector_number(self.kernel.scalar(*arg))?;
        }
        match op {
            NumOp::Unary(f @ (UnaryOp::Lgamma | UnaryOp::Digamma | UnaryOp::Trigamma)) => {
                self.refuse(Reason::Operation(f.name()))
            }
            NumOp::Unary(UnaryOp::Abs) if scalar.is_int() => self.refuse(Reason::Operation("abs")),
            NumOp::Unary(_) => Ok(()),
            NumOp::Binary(f @ (BinaryOp::Rem | BinaryOp::Polygamma | BinaryOp::Shl | BinaryOp::Shr)) => {
                self.refuse(Reason::Operation(f.name()))
            }
            NumOp::Binary(_) | NumOp::Compare(_) | NumOp::Select | NumOp::Guarded | NumOp::Added => Ok(()),
            NumOp::Convert(to) => self.vector_number(to),
        }
    }

    /// Numbers that vectors can hold.
    pub(super) fn vector_number(&self, scalar: Scalar) -> Step1<()> {
        match scalar {
            Scalar::F64 | Scalar::F32 | Scalar::I64 | Scalar::Bool => Ok(()),
            Scalar::I32 | Scalar::U8 => self.refuse(Reason::Elements),
        }
    }

    /// Elements that can be read into vectors, and written from them.
    pub(super) fn vector_element(&self, scalar: Scalar) -> Step1<()> {
        match scalar {
            Scalar::F64 | Scalar::F32 | Scalar::I64 => Ok(()),
            Scalar::I32 | Scalar::U8 | Scalar::Bool => self.refuse(Reason::Elements),
        }
    }
}
