//! Calls of functions that the compiler knows: the typing rule of each.

use super::body::FnCx;
use super::known::{self, Known};
use super::pending::LeafKind;
use super::place::Use;
use super::tangent;
use crate::ast;
use crate::errors::{calls, types};
use crate::source::Span;
use crate::typed::{Builtin, CallArg, Expr, ExprKind, FnParamTy, FnRef, Literal, Size, Ty};
use dprog_ir::{BinaryOp, HostFn, Leaf, Type, UnaryOp};

/// The arguments of a call of a built-in function.
struct Call<'a> {
    builtin: Builtin,
    name: &'static str,
    args: &'a [ast::Arg],
    span: Span,
}

impl<'a> FnCx<'_, 'a> {
    pub fn call_known(
        &mut self,
        known: Known,
        path: &'a ast::Path,
        args: &'a [ast::Arg],
        want: Option<&Ty>,
        span: Span,
    ) -> Expr {
        match known {
            Known::Diff(op) => self.differential(op, args, span),
            Known::Later(name) => {
                self.report(crate::errors::unsupported::fixed_point(path.span, name));
                self.args_anyway(args, span)
            }
            Known::Float(_) => {
                self.report(calls::not_a_function(path.span, "f64"));
                self.args_anyway(args, span)
            }
            Known::MinMax { reduce, binary } => {
                let two = args.iter().filter(|a| a.name.is_none()).count() >= 2;
                let builtin = if two { Builtin::Binary(binary) } else { reduce };
                self.call_builtin(builtin, args, want, span)
            }
            Known::Fn(builtin) => self.call_builtin(builtin, args, want, span),
        }
    }

    /// Long because it is exhaustive.
    pub fn call_builtin(&mut self, builtin: Builtin, args: &'a [ast::Arg], want: Option<&Ty>, span: Span) -> Expr {
        let name = static_name(builtin);
        let call = Call { builtin, name, args, span };
        if let Some(bad) = args.iter().find(|a| a.inout.is_some())
            && builtin != Builtin::LoadLeaves
        {
            self.report(calls::unwanted_ampersand(bad.span, bad.value.span, None));
            return self.args_anyway(args, span);
        }
        match builtin {
            Builtin::Unary(op) => {
                let kind = if matches!(op, UnaryOp::Abs | UnaryOp::Sign) { LeafKind::Number } else { LeafKind::Float };
                self.elementwise(call, kind, want)
            }
            Builtin::Relu => self.elementwise(call, LeafKind::Number, want),
            Builtin::Sigmoid | Builtin::Softplus => self.elementwise(call, LeafKind::Float, want),
            Builtin::Binary(op) => self.elementwise_pair(call, op, want),
            Builtin::Clamp => self.clamp(call, want),
            Builtin::Sum | Builtin::Prod | Builtin::Max | Builtin::Min => self.reduction(call, LeafKind::Number),
            Builtin::Mean | Builtin::LogSumExp => self.reduction(call, LeafKind::Float),
            Builtin::Norm => self.norm(call),
            Builtin::ArgMax | Builtin::ArgMin => self.arg_extreme(call),
            Builtin::Softmax => self.same_shape(call, LeafKind::Float, true),
            Builtin::Cumsum => self.same_shape(call, LeafKind::Number, true),
            Builtin::Sort => self.same_shape(call, LeafKind::Number, false),
            Builtin::ArgSort => self.arg_sort(call),
            Builtin::Dot => self.dot(call),
            Builtin::Concat => self.concat(call),
            Builtin::Gather => self.gather(call),
            Builtin::Transpose => self.transpose(call),
            Builtin::Reshape => self.reshape(call),
            Builtin::Len => self.len(call),
            Builtin::StopGrad => self.one_to_one(call, want, |_, ty| ty.clone()),
            Builtin::ZerosLike => self.one_to_one(call, None, |cx, ty| cx.tangent(ty)),
            Builtin::Moved => self.moved(call),
            Builtin::MapLeaves => self.map_leaves(call),
            Builtin::VisitLeaves => self.visit_leaves(call),
            Builtin::LoadLeaves => self.load_leaves(call),
            Builtin::Assert => self.assert(call),
            Builtin::Trap => self.text_call(call, Ty::Never),
            Builtin::Print | Builtin::Write | Builtin::Eprint => self.text_call(call, Ty::UNIT),
            Builtin::Host(host) => self.host_call(call, host),
            Builtin::ListNew | Builtin::ListFrom | Builtin::ListPush | Builtin::ListPop | Builtin::ListClear => {
                // These have no name of their own: methods and associated functions lead to them.
                self.args_anyway(args, span)
            }
        }
    }

    fn built(&self, call: &Call<'a>, args: Vec<Expr>, ty: Ty) -> Expr {
        let args = args.into_iter().map(CallArg::Value).collect();
        self.make(ExprKind::Call { callee: FnRef::Builtin(call.builtin), args }, ty, call.span)
    }

    /// The arguments by position; reports another number or names.
    fn positional(&mut self, call: &Call<'a>, count: usize) -> Option<Vec<&'a ast::Expr>> {
        let (args, name) = (call.args, call.name);
        if let Some(named) = args.iter().find_map(|a| a.name.as_ref()) {
            self.report(calls::builtin_named(named, name));
            return None;
        }
        if args.len() != count {
            self.report(calls::builtin_count(call.span, name, &count.to_string(), args.len()));
            return None;
        }
        Some(args.iter().map(|a| &a.value).collect())
    }

    /// Arguments by position, checked without expectations; an error in one silences the call.
    fn values(&mut self, call: &Call<'a>, count: usize) -> Option<Vec<Expr>> {
        let Some(args) = self.positional(call, count) else {
            self.args_anyway(call.args, call.span);
            return None;
        };
        let values: Vec<Expr> = args.into_iter().map(|e| self.expr(e, None)).collect();
        (!values.iter().any(|v| self.infer.shallow(&v.ty) == Ty::Error)).then_some(values)
    }

    fn elementwise(&mut self, call: Call<'a>, kind: LeafKind, want: Option<&Ty>) -> Expr {
        let Some(args) = self.positional(&call, 1) else { return self.args_anyway(call.args, call.span) };
        let value = self.expr(args[0], want);
        if value.ty == Ty::Error || value.ty == Ty::Never {
            return value;
        }
        if let (LeafKind::Float, ExprKind::Literal(Literal::Int(n))) = (kind, &value.kind) {
            self.report(types::int_for_float(value.span, "f64", *n));
            return self.error(call.span);
        }
        if !self.require_leaf(&value.ty, kind, call.name, value.span) {
            return self.error(call.span);
        }
        let ty = value.ty.clone();
        self.built(&call, vec![value], ty)
    }

    fn elementwise_pair(&mut self, call: Call<'a>, op: BinaryOp, want: Option<&Ty>) -> Expr {
        let Some(args) = self.positional(&call, 2) else { return self.args_anyway(call.args, call.span) };
        let hint = want.filter(|t| self.infer.shallow(t).as_scalar().is_some()).cloned();
        let left = self.expr(args[0], hint.as_ref());
        let hint = hint.or_else(|| self.scalar(&left.ty).map(Ty::Scalar));
        let right = self.expr(args[1], hint.as_ref());
        let (ok, ty) = self.broadcast(None, call.name, &left, &right, call.span);
        if !ok {
            return self.error(call.span);
        }
        let kind = match op {
            BinaryOp::Atan2 | BinaryOp::Hypot | BinaryOp::CopySign | BinaryOp::Polygamma => LeafKind::Float,
            _ => LeafKind::Number,
        };
        if !self.require_leaf(&left.ty, kind, call.name, left.span) {
            return self.error(call.span);
        }
        self.built(&call, vec![left, right], ty)
    }

    fn clamp(&mut self, call: Call<'a>, want: Option<&Ty>) -> Expr {
        let Some(args) = self.positional(&call, 3) else { return self.args_anyway(call.args, call.span) };
        let value = self.expr(args[0], want);
        let hint = self.scalar(&value.ty).map(Ty::Scalar);
        let low = self.expr(args[1], hint.as_ref());
        let high = self.expr(args[2], hint.as_ref());
        let (ok, ty) = self.broadcast(None, call.name, &value, &low, call.span);
        if !ok {
            return self.error(call.span);
        }
        let half = Expr { ty, ..value.clone() };
        let (ok, ty) = self.broadcast(None, call.name, &half, &high, call.span);
        if !ok {
            return self.error(call.span);
        }
        if !self.require_leaf(&value.ty, LeafKind::Number, call.name, value.span) {
            return self.error(call.span);
        }
        self.built(&call, vec![value, low, high], ty)
    }

    /// The array of a reduction, its parts, and the `axis`, if one is given.
    fn array_and_axis(&mut self, call: &Call<'a>) -> Option<(Expr, Ty, Vec<Size>, Option<Axis>)> {
        let axis = call.args.iter().find(|a| a.name.as_ref().is_some_and(|n| n.as_str() == "axis"));
        let rest: Vec<&ast::Arg> = call.args.iter().filter(|a| !axis.is_some_and(|x| std::ptr::eq(x, *a))).collect();
        if let Some(named) = rest.iter().find_map(|a| a.name.as_ref()) {
            self.report(calls::builtin_named(named, call.name));
            return None;
        }
        let [array] = rest.as_slice() else {
            self.args_anyway(call.args, call.span);
            self.report(calls::builtin_count(call.span, call.name, "1", rest.len()));
            return None;
        };
        let value = self.expr(&array.value, None);
        let (element, sizes) = self.array_parts(&value, call.name)?;
        let axis = match axis {
            None => None,
            Some(arg) => Some(self.axis(&arg.value, sizes.len())?),
        };
        Some((value, element, sizes, axis))
    }

    /// The element type and sizes of an array.
    fn array_parts(&mut self, value: &Expr, name: &str) -> Option<(Ty, Vec<Size>)> {
        match self.structure(&value.ty) {
            Ty::Array(element, sizes) => Some((*element, sizes)),
            Ty::Error => None,
            Ty::Infer(v) if matches!(self.infer.var(v), super::infer::TyVar::Free) => {
                self.report(types::must_be_known(value.span));
                None
            }
            other => {
                let shown = self.show(&other);
                let is_list = matches!(other, Ty::List(_));
                self.report(calls::needs_array(value.span, name, &shown, is_list));
                None
            }
        }
    }

    /// A constant number of an axis.
    fn axis(&mut self, e: &'a ast::Expr, rank: usize) -> Option<Axis> {
        let value = self.check(e, &Ty::I64, None);
        let number = self.size_form(&value).and_then(|s| s.as_constant());
        match number {
            Some(k) if k >= 0 && (k as usize) < rank => {
                let literal = self.make(ExprKind::Literal(Literal::Int(k)), Ty::I64, value.span);
                Some(Axis { index: k as usize, literal })
            }
            _ => {
                if value.ty != Ty::Error {
                    self.report(calls::bad_axis(e.span, number, rank));
                }
                None
            }
        }
    }

    fn reduction(&mut self, call: Call<'a>, kind: LeafKind) -> Expr {
        let Some((value, element, sizes, axis)) = self.array_and_axis(&call) else { return self.error(call.span) };
        if !self.require_leaf(&element, kind, call.name, value.span) {
            return self.error(call.span);
        }
        match axis {
            None => self.built(&call, vec![value], element),
            Some(axis) => {
                let ty = without_axis(element, &sizes, axis.index);
                self.built(&call, vec![value, axis.literal], ty)
            }
        }
    }

    /// Of an array with or without axis, or of any tangent.
    fn norm(&mut self, call: Call<'a>) -> Expr {
        if let [ast::Arg { name: None, value, .. }] = call.args {
            let value = self.expr(value, None);
            let ty = self.structure(&value.ty);
            if ty == Ty::Error {
                return self.error(call.span);
            }
            let is_array = matches!(&ty, Ty::Array(element, _) if matches!(**element, Ty::Scalar(_) | Ty::Infer(_)));
            let is_tangent = self.is_tangent(&ty);
            if !is_array && !is_tangent {
                let shown = self.show(&ty);
                self.report(calls::needs_array(value.span, call.name, &shown, matches!(ty, Ty::List(_))));
                return self.error(call.span);
            }
            let result = match &ty {
                Ty::Array(element, _) if is_array => {
                    if !self.require_leaf(element, LeafKind::Float, call.name, value.span) {
                        return self.error(call.span);
                    }
                    (**element).clone()
                }
                _ => Ty::F64,
            };
            return self.built(&call, vec![value], result);
        }
        self.reduction(call, LeafKind::Float)
    }

    /// Whether a type is the tangent type of something; open literals are what they are without context.
    fn is_tangent(&mut self, ty: &Ty) -> bool {
        let ty = self.open_literal(ty);
        !ty.is_unit() && self.tangent(&ty) == ty
    }

    fn arg_extreme(&mut self, call: Call<'a>) -> Expr {
        let Some((value, element, sizes, axis)) = self.array_and_axis(&call) else { return self.error(call.span) };
        if !self.require_leaf(&element, LeafKind::Number, call.name, value.span) {
            return self.error(call.span);
        }
        match axis {
            None => self.built(&call, vec![value], Ty::I64),
            Some(axis) => {
                let ty = without_axis(Ty::I64, &sizes, axis.index);
                self.built(&call, vec![value, axis.literal], ty)
            }
        }
    }

    fn same_shape(&mut self, call: Call<'a>, kind: LeafKind, any_rank: bool) -> Expr {
        let Some((value, element, sizes, axis)) = self.array_and_axis(&call) else { return self.error(call.span) };
        if !self.require_leaf(&element, kind, call.name, value.span) {
            return self.error(call.span);
        }
        if !any_rank && (sizes.len() != 1 || axis.is_some()) {
            let shown = self.show(&value.ty);
            self.report(calls::needs_vector(value.span, call.name, &shown));
            return self.error(call.span);
        }
        let ty = Ty::Array(Box::new(element), sizes);
        let args = std::iter::once(value).chain(axis.map(|a| a.literal)).collect();
        self.built(&call, args, ty)
    }

    fn arg_sort(&mut self, call: Call<'a>) -> Expr {
        let sorted = self.same_shape(call, LeafKind::Number, false);
        match self.resolve(&sorted.ty) {
            Ty::Array(_, sizes) => Expr { ty: Ty::Array(Box::new(Ty::I64), sizes), ..sorted },
            _ => sorted,
        }
    }

    fn dot(&mut self, call: Call<'a>) -> Expr {
        let Some(mut values) = self.values(&call, 2) else { return self.error(call.span) };
        let (b, a) = (values.pop(), values.pop());
        let (Some(a), Some(b)) = (a, b) else { return self.error(call.span) };
        let ty = self.structure(&a.ty);
        self.at = call.span;
        if self.unify(&a.ty, &b.ty).is_err() {
            let (l, r) = (self.show(&a.ty), self.show(&b.ty));
            let shapes = self.compare_shapes(&a.ty, &b.ty);
            self.report(types::operand_shapes(call.span, "dot", (a.span, &l), (b.span, &r), shapes));
            return self.error(call.span);
        }
        let result = match &ty {
            Ty::Array(element, _) if matches!(**element, Ty::Scalar(_) | Ty::Infer(_)) => {
                if !self.require_leaf(element, LeafKind::Number, "dot", call.span) {
                    return self.error(call.span);
                }
                (**element).clone()
            }
            other if self.is_tangent(other) => Ty::F64,
            other => {
                let shown = self.show(other);
                self.report(calls::needs_array(a.span, "dot", &shown, matches!(other, Ty::List(_))));
                return self.error(call.span);
            }
        };
        self.built(&call, vec![a, b], result)
    }

    fn concat(&mut self, call: Call<'a>) -> Expr {
        let Some(values) = self.values(&call, 2) else { return self.error(call.span) };
        let (Some((x, xs)), Some((y, ys))) =
            (self.array_parts(&values[0], "concat"), self.array_parts(&values[1], "concat"))
        else {
            return self.error(call.span);
        };
        self.at = call.span;
        let same = xs.len() == ys.len()
            && self.unify(&x, &y).is_ok()
            && xs[1..].iter().zip(&ys[1..]).try_for_each(|(a, b)| self.unify_sizes(a, b)).is_ok();
        if !same {
            let (l, r) = (self.show(&values[0].ty), self.show(&values[1].ty));
            let shapes = self.compare_shapes(&values[0].ty, &values[1].ty);
            self.report(types::operand_shapes(call.span, "concat", (values[0].span, &l), (values[1].span, &r), shapes));
            return self.error(call.span);
        }
        let mut sizes = vec![xs[0].add(&ys[0])];
        sizes.extend_from_slice(&xs[1..]);
        self.built(&call, values, Ty::Array(Box::new(x), sizes))
    }

    fn gather(&mut self, call: Call<'a>) -> Expr {
        let Some(values) = self.values(&call, 2) else { return self.error(call.span) };
        let (Some((x, xs)), Some((ids, shape))) =
            (self.array_parts(&values[0], "gather"), self.array_parts(&values[1], "gather"))
        else {
            return self.error(call.span);
        };
        if self.unify(&ids, &Ty::I64).is_err() {
            let shown = self.show(&values[1].ty);
            self.report(types::mismatch(values[1].span, "[i64; _]", &shown));
            return self.error(call.span);
        }
        let sizes = [&shape[..], &xs[1..]].concat();
        self.built(&call, values, Ty::Array(Box::new(x), sizes))
    }

    fn transpose(&mut self, call: Call<'a>) -> Expr {
        let Some(values) = self.values(&call, 1) else { return self.error(call.span) };
        let Some((x, mut sizes)) = self.array_parts(&values[0], "transpose") else { return self.error(call.span) };
        sizes.reverse();
        self.built(&call, values, Ty::Array(Box::new(x), sizes))
    }

    /// `reshape(x, [2, 3])`: the product of the sizes is compared when it runs, and before if it can be.
    fn reshape(&mut self, call: Call<'a>) -> Expr {
        let Some(args) = self.positional(&call, 2) else { return self.args_anyway(call.args, call.span) };
        let value = self.expr(args[0], None);
        let Some((element, have)) = self.array_parts(&value, "reshape") else { return self.error(call.span) };
        let ast::ExprKind::Array(parts) = &args[1].kind else {
            self.expr(args[1], None);
            self.report(calls::reshape_shape(args[1].span));
            return self.error(call.span);
        };
        let mut before = Vec::new();
        let mut sizes = Vec::new();
        let mut values = Vec::new();
        for part in parts {
            let size = self.check(part, &Ty::I64, Some((part.span, "a size is an `i64`")));
            if size.ty == Ty::Error {
                return self.error(call.span);
            }
            let (size, form) = self.force_size(size, &mut before);
            sizes.push(form);
            values.push(size);
        }
        let product = |sizes: &[Size]| sizes.iter().fold(Size::constant(1), |all, s| all.mul(s));
        let have: Vec<Size> = have.iter().map(|s| self.infer.size_of(s)).collect();
        if let (Some(a), Some(b)) = (product(&have).as_constant(), product(&sizes).as_constant())
            && a != b
        {
            let (from, to) = (self.show(&value.ty), self.shower().sizes(&sizes));
            self.report(calls::reshape_count(args[1].span, &from, a, &to, b));
            return self.error(call.span);
        }
        let count = Size::constant(values.len() as i64);
        let shape = self.make(ExprKind::ArrayLiteral(values), Ty::Array(Box::new(Ty::I64), vec![count]), args[1].span);
        let ty = if sizes.is_empty() { element } else { Ty::Array(Box::new(element), sizes) };
        let made = self.built(&call, vec![value, shape], ty);
        self.after(before, made)
    }

    fn len(&mut self, call: Call<'a>) -> Expr {
        let Some(values) = self.values(&call, 1) else { return self.error(call.span) };
        match self.structure(&values[0].ty) {
            Ty::Array(..) | Ty::List(_) | Ty::Str => self.built(&call, values, Ty::I64),
            other => {
                let shown = self.show(&other);
                self.report(calls::needs_array(values[0].span, "len", &shown, false));
                self.error(call.span)
            }
        }
    }

    fn one_to_one(&mut self, call: Call<'a>, want: Option<&Ty>, result: impl Fn(&Self, &Ty) -> Ty) -> Expr {
        let Some(args) = self.positional(&call, 1) else { return self.args_anyway(call.args, call.span) };
        let value = self.expr(args[0], want);
        let ty = if call.builtin == Builtin::ZerosLike { self.structure(&value.ty) } else { value.ty.clone() };
        if ty == Ty::Error {
            return self.error(call.span);
        }
        let ty = result(self, &ty);
        self.built(&call, vec![value], ty)
    }

    /// `moved(x, delta)`
    fn moved(&mut self, call: Call<'a>) -> Expr {
        let Some(args) = self.positional(&call, 2) else { return self.args_anyway(call.args, call.span) };
        let value = self.expr(args[0], None);
        let ty = self.structure(&value.ty);
        let tangent = self.tangent(&ty);
        let delta = self.check(args[1], &tangent, Some((value.span, "the tangent type of this is wanted")));
        self.built(&call, vec![value, delta], ty)
    }

    /// `map_leaves(f, t, …)`
    fn map_leaves(&mut self, call: Call<'a>) -> Expr {
        let count = call.args.len().max(2);
        let Some(args) = self.positional(&call, count) else { return self.args_anyway(call.args, call.span) };
        let param = FnParamTy { inout: false, ty: Ty::F64 };
        let f = self.check(args[0], &Ty::Fn(vec![param; count - 1], Box::new(Ty::F64)), None);
        let first = self.expr(args[1], None);
        let ty = self.structure(&first.ty);
        if !matches!(ty, Ty::Error) && tangent::tangent(&self.cx.program, &ty) != ty {
            let shown = self.show(&ty);
            self.report(calls::needs_tangent(first.span, call.name, &shown));
            return self.error(call.span);
        }
        let mut values = vec![f, first];
        for e in &args[2..] {
            values.push(self.check(e, &ty, None));
        }
        self.built(&call, values, ty)
    }

    fn leaf_types() -> (Ty, Ty, Ty) {
        (Ty::Str, Ty::List(Box::new(Ty::I64)), Ty::List(Box::new(Ty::F64)))
    }

    /// `visit_leaves(x, f)`
    fn visit_leaves(&mut self, call: Call<'a>) -> Expr {
        let Some(args) = self.positional(&call, 2) else { return self.args_anyway(call.args, call.span) };
        let value = self.expr(args[0], None);
        let (text, shape, data) = Self::leaf_types();
        let params = [text, shape, data].map(|ty| FnParamTy { inout: false, ty });
        let f = self.check(args[1], &Ty::Fn(params.to_vec(), Box::new(Ty::UNIT)), None);
        self.built(&call, vec![value, f], Ty::UNIT)
    }

    /// `load_leaves(&x, f)`
    fn load_leaves(&mut self, call: Call<'a>) -> Expr {
        let [target, f] = call.args else {
            self.report(calls::builtin_count(call.span, call.name, "2", call.args.len()));
            return self.args_anyway(call.args, call.span);
        };
        if target.inout.is_none() {
            self.report(calls::needs_ampersand(target.span, None));
            return self.args_anyway(call.args, call.span);
        }
        let Some(place) = self.place(&target.value, Use::Lend) else { return self.error(call.span) };
        let (text, shape, data) = Self::leaf_types();
        let params = [text, shape].map(|ty| FnParamTy { inout: false, ty });
        let f = self.check(&f.value, &Ty::Fn(params.to_vec(), Box::new(data)), None);
        let args = vec![CallArg::Inout(place), CallArg::Value(f)];
        self.make(ExprKind::Call { callee: FnRef::Builtin(call.builtin), args }, Ty::UNIT, call.span)
    }

    fn assert(&mut self, call: Call<'a>) -> Expr {
        let count = if call.args.len() == 2 { 2 } else { 1 };
        let Some(args) = self.positional(&call, count) else { return self.args_anyway(call.args, call.span) };
        let mut values = vec![self.check(args[0], &Ty::BOOL, None)];
        if let Some(text) = args.get(1) {
            values.push(self.check(text, &Ty::Str, None));
        }
        self.built(&call, values, Ty::UNIT)
    }

    /// `print(s)`, `trap(s)`: of a string.
    fn text_call(&mut self, call: Call<'a>, ty: Ty) -> Expr {
        let Some(args) = self.positional(&call, 1) else { return self.args_anyway(call.args, call.span) };
        let value = self.expr(args[0], Some(&Ty::Str));
        if value.ty != Ty::Never && self.unify(&Ty::Str, &value.ty).is_err() {
            let shown = self.show(&value.ty);
            self.report(calls::needs_text(value.span, call.name, &shown));
            return self.make(ExprKind::Error, ty, call.span);
        }
        self.built(&call, vec![value], ty)
    }

    /// A function of the host: types as in its signature.
    fn host_call(&mut self, call: Call<'a>, host: HostFn) -> Expr {
        let (params, results) = host.signature();
        let Some(args) = self.positional(&call, params.len()) else { return self.args_anyway(call.args, call.span) };
        let values = args.iter().zip(&params).map(|(e, ty)| {
            let ty = self.host_type(*ty);
            self.check(e, &ty, None)
        });
        let values: Vec<Expr> = values.collect();
        let mut results: Vec<Ty> = results.into_iter().map(|ty| self.host_type(ty)).collect();
        let ty = match (host, results.len()) {
            (HostFn::Exit, _) => Ty::Never,
            (_, 1) => results.remove(0),
            _ => Ty::Tuple(results),
        };
        self.built(&call, values, ty)
    }

    /// Arrays of the host are lists, but for matrices, whose sizes nobody knows.
    fn host_type(&mut self, ty: Type) -> Ty {
        let leaf = match ty.leaf {
            Leaf::Scalar(s) => Ty::Scalar(s),
            Leaf::Str | Leaf::Node(_) => Ty::Str,
        };
        match ty.rank() {
            0 => leaf,
            1 => Ty::List(Box::new(leaf)),
            rank => Ty::Array(Box::new(leaf), (0..rank).map(|_| self.infer.size()).collect()),
        }
    }

    /// `List<T>::new()`
    pub fn list_new(&mut self, element: Ty, args: &'a [ast::Arg], want: Option<&Ty>, span: Span) -> Expr {
        let call = Call { builtin: Builtin::ListNew, name: "List::new", args, span };
        if self.positional(&call, 0).is_none() {
            return self.args_anyway(args, span);
        }
        let ty = Ty::List(Box::new(element));
        if let Some(want) = want {
            let want = self.resolve(want);
            if matches!(want, Ty::List(_)) {
                let _ = self.unify(&ty, &want);
            }
        }
        self.built(&call, vec![], ty)
    }

    /// `List::from(array)`
    pub fn list_from(&mut self, element: Ty, args: &'a [ast::Arg], span: Span) -> Expr {
        let call = Call { builtin: Builtin::ListFrom, name: "List::from", args, span };
        let Some(values) = self.values(&call, 1) else { return self.error(span) };
        let Some((x, sizes)) = self.array_parts(&values[0], "List::from") else { return self.error(span) };
        let row = if sizes.len() > 1 { Ty::Array(Box::new(x), sizes[1..].to_vec()) } else { x };
        if self.unify(&element, &row).is_err() {
            let (want, have) = (self.show(&element), self.show(&row));
            self.report(types::mismatch(values[0].span, &want, &have));
            return self.error(span);
        }
        self.built(&call, values, Ty::List(Box::new(row)))
    }
}

/// A constant axis.
struct Axis {
    index: usize,
    literal: Expr,
}

fn without_axis(element: Ty, sizes: &[Size], axis: usize) -> Ty {
    let left: Vec<Size> = sizes.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, s)| s.clone()).collect();
    if left.is_empty() { element } else { Ty::Array(Box::new(element), left) }
}

/// The name for messages that must live as long as the program.
fn static_name(builtin: Builtin) -> &'static str {
    let name = known::builtin_name(builtin);
    known::NAMES.iter().find(|n| **n == name).copied().unwrap_or("this function")
}
