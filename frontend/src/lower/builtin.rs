//! Calls of built-in functions.

use super::body::{Flat, FnLower};
use super::tangent::LeafOp;
use crate::typed::{Builtin, CallArg, Expr, ExprKind, Literal, Place, Ty};
use dprog_ir::{BinaryOp, HostFn, Type, UnaryOp, Value};

impl<'p> FnLower<'_, 'p> {
    pub fn builtin_call(&mut self, which: Builtin, args: &'p [CallArg], ty: &Ty) -> Flat {
        match (which, args) {
            (Builtin::Assert, [CallArg::Value(cond), rest @ ..]) => self.assert(cond, rest),
            (Builtin::ListPush, [CallArg::Inout(list), CallArg::Value(item)]) => self.push(list, item),
            (Builtin::ListPop, [CallArg::Inout(list)]) => self.pop(list),
            (Builtin::ListClear, [CallArg::Inout(list)]) => self.clear(list),
            (Builtin::MapLeaves, [CallArg::Value(f), rest @ ..]) => self.map_leaves(f, rest),
            (Builtin::VisitLeaves, [CallArg::Value(x), CallArg::Value(f)]) => {
                let flat = self.expr(x);
                let f = self.callable(f);
                let ty = self.ty(&x.ty).into_owned();
                self.refuse_payloads(&ty, x.span);
                self.visit_leaves(&flat, &ty, &f);
                Vec::new()
            }
            (Builtin::LoadLeaves, [CallArg::Inout(place), CallArg::Value(f)]) => {
                let f = self.callable(f);
                let spot = self.spot(place);
                let flat = self.take_out(&spot);
                let ty = self.ty(&place.ty).into_owned();
                self.refuse_payloads(&ty, place.span);
                let loaded = self.load_leaves(&flat, &ty, &f);
                self.put_back(&spot, loaded);
                Vec::new()
            }
            _ => {
                let axis = axis_of(which, args);
                let given: Vec<(Flat, Ty)> = values(args)
                    .map(|e| {
                        let flat = self.expr(e);
                        (flat, self.ty(&e.ty).into_owned())
                    })
                    .collect();
                let ty = self.ty(ty).into_owned();
                self.builtin(which, &given, axis, &ty)
            }
        }
    }

    /// A built-in function of values; `ty` is the type of the result.
    pub fn builtin(&mut self, which: Builtin, args: &[(Flat, Ty)], axis: Option<usize>, ty: &Ty) -> Flat {
        let first = args.first().and_then(|(flat, _)| flat.first()).copied();
        let x = || first.expect("an argument with a leaf");
        let arg = |i: usize| args[i].0[0];
        match which {
            Builtin::Unary(op) => vec![self.elementwise(x(), |s, x| s.b.unary(op, x))],
            Builtin::Binary(op) => vec![self.elementwise2(x(), arg(1), |s, x, y| s.b.binary(op, x, y))],
            Builtin::Relu => vec![self.elementwise(x(), |s, x| {
                let zero = s.zero_of(s.b.ty(x));
                s.b.binary(BinaryOp::Max, zero, x)
            })],
            Builtin::Sigmoid => vec![self.elementwise(x(), |s, x| s.b.unary(UnaryOp::Sigmoid, x))],
            Builtin::Softplus => vec![self.elementwise(x(), |s, x| s.b.unary(UnaryOp::Softplus, x))],
            Builtin::Clamp => {
                let low = self.elementwise2(x(), arg(1), |s, x, lo| s.b.binary(BinaryOp::Max, x, lo));
                vec![self.elementwise2(low, arg(2), |s, x, hi| s.b.binary(BinaryOp::Min, x, hi))]
            }
            Builtin::Norm if !is_float_array(self.b.ty(x())) => {
                let to = self.cx.types(ty)[0];
                vec![self.tangent_norm(&args[0].0, to)]
            }
            Builtin::Sum | Builtin::Prod | Builtin::Mean | Builtin::Max | Builtin::Min | Builtin::Norm => {
                vec![self.reduced(which, x(), axis)]
            }
            Builtin::LogSumExp | Builtin::ArgMax | Builtin::ArgMin => vec![self.reduced(which, x(), axis)],
            Builtin::Softmax => vec![self.softmax(x(), axis)],
            Builtin::Dot => vec![self.dot(args, ty)],
            Builtin::Sort => vec![self.sorted(x())],
            Builtin::ArgSort => vec![self.sort_permutation(x())],
            Builtin::Cumsum => vec![self.cumulated(x())],
            Builtin::Concat => (0..args[0].0.len())
                .map(|leaf| {
                    let pieces: Flat = args.iter().map(|(flat, _)| flat[leaf]).collect();
                    self.concatenated(&pieces)
                })
                .collect(),
            Builtin::Gather => args[0].0.iter().map(|x| self.gathered(*x, arg(1))).collect(),
            Builtin::Transpose => args[0].0.iter().map(|x| self.transposed(*x)).collect(),
            Builtin::Reshape => {
                let Ty::Array(_, sizes) = ty else { panic!("a reshape has type {ty:?}") };
                let dims: Flat = sizes.iter().map(|s| self.size(s)).collect();
                args[0].0.iter().map(|x| self.b.reshape(*x, &dims)).collect()
            }
            Builtin::Len if args[0].1 == Ty::Str => self.b.host(HostFn::StrLen, &[x()]),
            Builtin::Len => vec![self.b.dim(x(), 0)],
            Builtin::ListNew => {
                let types = self.cx.types(ty);
                types.iter().map(|t| self.b.elements(&[], t.element())).collect()
            }
            Builtin::ListFrom => args[0].0.iter().map(|x| self.list_from(*x)).collect(),
            Builtin::StopGrad => args[0].0.iter().map(|x| self.b.stop_grad(*x)).collect(),
            Builtin::ZerosLike => self.zero_tangent(&args[0].0, &args[0].1),
            Builtin::Moved => self.moved(&args[0].0, &args[0].1, &args[1].0),
            Builtin::Trap => {
                self.b.trap(x());
                self.undefined(ty)
            }
            Builtin::Assert => {
                let message = args.get(1).map(|(flat, _)| flat[0]);
                self.assert_that(x(), |s| message.unwrap_or_else(|| s.b.str("assertion failed")));
                Vec::new()
            }
            Builtin::Print => self.b.host(HostFn::Print, &[x()]),
            Builtin::Write => self.b.host(HostFn::Write, &[x()]),
            Builtin::Eprint => self.b.host(HostFn::Eprint, &[x()]),
            Builtin::Host(f) => {
                let flat: Flat = args.iter().flat_map(|(flat, _)| flat.clone()).collect();
                self.b.host(f, &flat)
            }
            Builtin::ListPush | Builtin::ListPop | Builtin::ListClear => panic!("{which:?} needs a place"),
            Builtin::MapLeaves | Builtin::VisitLeaves | Builtin::LoadLeaves => panic!("{which:?} needs a function"),
        }
    }

    fn dot(&mut self, args: &[(Flat, Ty)], ty: &Ty) -> Value {
        let (x, y) = (&args[0].0, &args[1].0);
        if let [x] = x[..]
            && is_float_array(self.b.ty(x))
        {
            return self.b.dot(x, y[0]);
        }
        if let [x] = x[..]
            && self.b.ty(x).is_array()
            && self.b.ty(x).element().as_scalar().is_some()
        {
            let products = self.map(&[x, y[0]], |s, e| vec![s.b.mul(e[0], e[1])])[0];
            return self.b.reduce(dprog_ir::ReduceOp::Sum, products);
        }
        let to = self.cx.types(ty)[0];
        self.tangent_dot(x, y, to)
    }

    // ---- assertions ----

    /// The message is put together only if it is needed.
    fn assert(&mut self, cond: &'p Expr, message: &'p [CallArg]) -> Flat {
        let cond = self.scalar(cond);
        self.assert_that(cond, |s| match values(message).next() {
            Some(e) => s.scalar(e),
            None => s.b.str("assertion failed"),
        });
        Vec::new()
    }

    fn assert_that(&mut self, cond: Value, message: impl FnOnce(&mut Self) -> Value) {
        self.if_else(
            cond,
            |_| Vec::new(),
            |s| {
                let text = message(s);
                s.b.trap(text);
                Vec::new()
            },
        );
    }

    // ---- lists ----

    fn push(&mut self, list: &'p Place, item: &'p Expr) -> Flat {
        let spot = self.spot(list);
        let item = self.expr(item);
        let item = self.or_mark(item);
        let flat = self.take_out(&spot);
        let longer = flat.iter().zip(item).map(|(x, v)| self.b.push(*x, v)).collect();
        self.put_back(&spot, longer);
        Vec::new()
    }

    fn pop(&mut self, list: &'p Place) -> Flat {
        let spot = self.spot(list);
        let flat = self.take_out(&spot);
        let (shorter, items): (Flat, Flat) = flat.iter().map(|x| self.b.pop(*x)).unzip();
        self.put_back(&spot, shorter);
        let ty = self.ty(&list.ty).into_owned();
        let Ty::List(element) = &ty else { panic!("`pop` of {ty:?}") };
        if self.cx.leaf_count(element) == 0 { Vec::new() } else { items }
    }

    fn clear(&mut self, list: &'p Place) -> Flat {
        let spot = self.spot(list);
        let flat = self.take_out(&spot);
        let empty = flat.iter().map(|x| self.b.elements(&[], self.b.ty(*x).element())).collect();
        self.put_back(&spot, empty);
        Vec::new()
    }

    // ---- tangents ----

    fn map_leaves(&mut self, f: &'p Expr, args: &'p [CallArg]) -> Flat {
        let f = self.callable(f);
        let func = self.cx.general(f.code);
        let flats: Vec<Flat> = values(args).map(|e| self.expr(e)).collect();
        (0..flats[0].len())
            .map(|leaf| {
                let corresponding: Flat = flats.iter().map(|flat| flat[leaf]).collect();
                self.leafwise(LeafOp::Apply(func), &corresponding, &f.prefix)
            })
            .collect()
    }
}

/// The arguments of a function that takes values only.
fn values(args: &[CallArg]) -> impl Iterator<Item = &Expr> {
    args.iter().filter_map(|arg| match arg {
        CallArg::Value(e) => Some(e),
        CallArg::Inout(_) | CallArg::Default => None,
    })
}

/// The axis that a reduction was given: its second argument.
fn axis_of(which: Builtin, args: &[CallArg]) -> Option<usize> {
    let takes_axis = matches!(
        which,
        Builtin::Sum
            | Builtin::Prod
            | Builtin::Mean
            | Builtin::Max
            | Builtin::Min
            | Builtin::Norm
            | Builtin::LogSumExp
            | Builtin::ArgMax
            | Builtin::ArgMin
            | Builtin::Softmax
    );
    match args.get(1) {
        Some(CallArg::Value(Expr { kind: ExprKind::Literal(Literal::Int(axis)), .. })) if takes_axis => {
            Some(*axis as usize)
        }
        _ => None,
    }
}

/// One level of floats.
fn is_float_array(ty: Type) -> bool {
    ty.is_array() && ty.element().is_float()
}
