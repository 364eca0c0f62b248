//! Operations on numbers, by how they differ from lane to lane: not at all, by a stride, or in every way.

use super::code::{Class, Op, Operand, V};
use super::encode::rows;
use super::select::{Held, Refused, Select, Stride};
use dprog_ir::kernel::{Num, NumOp, Shape};
use dprog_ir::{BinaryOp, Scalar, UnaryOp};
use smallvec::SmallVec;

impl Select<'_> {
    pub(super) fn lane_op(&mut self, result: Num, op: NumOp, args: &[Num]) -> Result<Held, Refused> {
        match self.kernel.shape(result) {
            Shape::Uniform => self.uniform_op(op, args),
            Shape::Linear => self.line_op(op, args),
            Shape::Varying if self.single && op == NumOp::Convert(Scalar::F32) => self.line_as_float(args[0]),
            Shape::Varying => {
                let operands = args.iter().map(|a| self.operands(*a)).collect::<Result<SmallVec<[_; 3]>, _>>()?;
                let scalar = self.operand_type(op, args);
                let results = (0..self.count).map(|n| {
                    let of: SmallVec<[Operand; 3]> = operands.iter().map(|o| o[n]).collect();
                    self.operation(op, scalar, &of)
                });
                Ok(Held::Vectors(results.collect::<Result<_, _>>()?))
            }
            Shape::Ordered => Err(Refused),
        }
    }

    /// A float of 32 bits or a truth value, or a counter as such a float.
    fn line_as_float(&mut self, num: Num) -> Result<Held, Refused> {
        let Held::Line(base, stride) = self.held(num)?.clone() else {
            let operands = self.operands(num)?;
            let of = self.kernel.scalar(num);
            let results = operands.into_iter().map(|x| self.operation(NumOp::Convert(Scalar::F32), of, &[x]));
            return Ok(Held::Vectors(results.collect::<Result<_, _>>()?));
        };
        if !self.level.has_masks() {
            return Err(Refused);
        }
        let base = self.spread(base);
        let vectors = (0..self.count).map(|n| {
            let [low, high] = [2 * n, 2 * n + 1].map(|half| {
                let half = Operand::Reg(self.line_vector(base, stride, half));
                self.code.make(Class::Vector, Op::Unary(rows::SINGLE_OF_INT), None, half, None)
            });
            self.join(low, high)
        });
        Ok(Held::Vectors(vectors.collect()))
    }

    /// The type on whose numbers an operation works: of a choice, that of what is chosen.
    pub(super) fn operand_type(&self, op: NumOp, args: &[Num]) -> Scalar {
        self.kernel.scalar(args[if op == NumOp::Select { 1 } else { 0 }])
    }

    fn uniform_op(&mut self, op: NumOp, args: &[Num]) -> Result<Held, Refused> {
        let scalar = self.kernel.scalar(args[0]);
        let stays =
            matches!(op, NumOp::Binary(BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul) | NumOp::Unary(UnaryOp::Neg));
        if scalar == Scalar::I64 && stays {
            let held = self.line_op(op, args)?;
            return Ok(if let Held::Line(v, _) = held { Held::General(v) } else { held });
        }
        let firsts = args.iter().map(|a| self.operands(*a).map(|all| all[0]));
        let firsts = firsts.collect::<Result<SmallVec<[Operand; 3]>, _>>()?;
        let of = self.operand_type(op, args);
        let v = self.operation(op, of, &firsts)?;
        let is_wide = self.single && matches!(scalar, Scalar::F64 | Scalar::I64);
        if is_wide && self.is_mask(v) && self.level.has_masks() && op != NumOp::Select {
            return Ok(Held::Uniform(self.code.make(Class::Mask, Op::MaskJoin, Some(v), Operand::Reg(v), None)));
        }
        Ok(Held::Uniform(v))
    }

    fn line(&mut self, num: Num) -> Result<(V, Stride), Refused> {
        match self.held(num)?.clone() {
            Held::Line(base, stride) => Ok((base, stride)),
            Held::Const(_) | Held::General(_) | Held::Uniform(_) | Held::Vectors(_) | Held::Each(_) => {
                Ok((self.general(num)?, Stride::Known(0)))
            }
        }
    }

    fn known(&self, num: Num) -> Option<i64> {
        match self.held(num) {
            Ok(Held::Const(bits)) => Some(*bits as i64),
            _ => None,
        }
    }

    /// An index that grows by a stride, which may be zero.
    fn line_op(&mut self, op: NumOp, args: &[Num]) -> Result<Held, Refused> {
        match op {
            NumOp::Unary(UnaryOp::Neg) => {
                let (a, stride) = self.line(args[0])?;
                let minus = self.code.times_constant(a, -1);
                Ok(Held::Line(minus, self.stride_times(stride, -1)))
            }
            NumOp::Binary(BinaryOp::Mul) => self.line_product(args[0], args[1]),
            NumOp::Binary(BinaryOp::Add) => match (self.known(args[0]), self.known(args[1])) {
                (None, Some(x)) => {
                    let (a, stride) = self.line(args[0])?;
                    Ok(Held::Line(self.plus(a, x), stride))
                }
                (Some(x), None) => {
                    let (b, stride) = self.line(args[1])?;
                    Ok(Held::Line(self.plus(b, x), stride))
                }
                _ => {
                    let ((a, first), (b, second)) = (self.line(args[0])?, self.line(args[1])?);
                    let sum = self.code.plus(a, b);
                    Ok(Held::Line(sum, self.stride_sum(first, second)))
                }
            },
            NumOp::Binary(BinaryOp::Sub) => {
                let (a, first) = self.line(args[0])?;
                if let Some(x) = self.known(args[1]).and_then(i64::checked_neg) {
                    return Ok(Held::Line(self.plus(a, x), first));
                }
                let (b, second) = self.line(args[1])?;
                let minus = self.stride_times(second, -1);
                let difference = self.code.minus(a, b);
                Ok(Held::Line(difference, self.stride_sum(first, minus)))
            }
            NumOp::Convert(_) => self.line(args[0]).map(|(a, stride)| Held::Line(a, stride)),
            NumOp::Unary(_) | NumOp::Binary(_) | NumOp::Compare(_) => Err(Refused),
            NumOp::Select | NumOp::Guarded | NumOp::Added => Err(Refused),
        }
    }

    fn line_product(&mut self, a: Num, b: Num) -> Result<Held, Refused> {
        let (line, factor) = if let Stride::Known(0) = self.line(a)?.1 { (b, a) } else { (a, b) };
        let (base, stride) = self.line(line)?;
        if let Some(x) = self.known(factor) {
            let product = self.code.times_constant(base, x);
            return Ok(Held::Line(product, self.stride_times(stride, x)));
        }
        let by = self.general(factor)?;
        let product = self.code.times(base, by);
        let stride = match stride {
            Stride::Known(0) => Stride::Known(0),
            Stride::Known(s) => Stride::Value(self.code.times_constant(by, s)),
            Stride::Value(s) => Stride::Value(self.code.times(s, by)),
        };
        Ok(Held::Line(product, stride))
    }

    fn stride_times(&mut self, stride: Stride, factor: i64) -> Stride {
        match stride {
            Stride::Known(s) => Stride::Known(s.wrapping_mul(factor)),
            Stride::Value(s) => Stride::Value(self.code.times_constant(s, factor)),
        }
    }

    fn stride_sum(&mut self, a: Stride, b: Stride) -> Stride {
        match (a, b) {
            (Stride::Known(0), s) | (s, Stride::Known(0)) => s,
            (Stride::Known(a), Stride::Known(b)) => Stride::Known(a.wrapping_add(b)),
            (Stride::Value(a), Stride::Value(b)) => Stride::Value(self.code.plus(a, b)),
            (Stride::Value(a), Stride::Known(b)) | (Stride::Known(b), Stride::Value(a)) => {
                Stride::Value(self.code.plus_constant(a, b))
            }
        }
    }
}
