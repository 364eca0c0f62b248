//! `grad(f, wrt: …)` and its relatives: which parameters, and the type of the function that comes out.
//!
//! The table of types is at [`Differential`].

mod ask;

pub use ask::{Asked, ask};

use super::body::FnCx;
use super::known::{Known, known, operator_name};
use super::unify::has_free;
use crate::ast::{self, Symbol};
use crate::errors::{calls, differential};
use crate::source::Span;
use crate::typed::{Builtin, DiffOp, Differential, Expr, ExprKind, FnParamTy, Size, Ty};

/// The function that is differentiated.
struct Subject {
    params: Vec<FnParamTy>,
    result: Ty,
    names: Vec<Option<Symbol>>,
}

/// A parameter of a function whose type its use may say.
struct OpenParam {
    inout: bool,
    typed: bool,
}

impl<'a> FnCx<'_, 'a> {
    /// `op(f, wrt: …)`
    pub fn differential(&mut self, op: DiffOp, args: &'a [ast::Arg], span: Span) -> Expr {
        let Some((f, wrt)) = self.operator_args(op, args, span) else { return self.args_anyway(args, span) };
        let of = self.expr(&f.value, None);
        self.differentiate(op, of, wrt, span)
    }

    /// `grad(|x| …)(2.0)`, `grad(norm)(x)`: the arguments say what the parameters of the function are.
    pub fn closure_of_differential(&mut self, callee: &'a ast::Expr, args: &'a [ast::Arg]) -> Option<Expr> {
        let ast::ExprKind::Call { callee: operator, args: inner } = &callee.kind else { return None };
        let ast::ExprKind::Path(path) = &operator.kind else { return None };
        let first = inner.first().filter(|a| a.name.is_none())?;
        let open = self.open_params(&first.value, args.len())?;
        let Some(Known::Diff(op)) = self.of_prelude(path) else { return None };
        let (f, wrt) = self.operator_args(op, inner, callee.span)?;
        // Arguments are looked at once for their types; the call checks them again.
        let literals = self.literals.len();
        let reported = self.cx.diagnostics.clone();
        let mut wanted = Vec::new();
        for (param, arg) in open.iter().zip(args) {
            let ty = if param.typed { self.infer.fresh() } else { self.expr(&arg.value, None).ty };
            wanted.push(FnParamTy { inout: param.inout, ty: self.open_literal(&ty) });
        }
        self.literals.truncate(literals);
        self.cx.diagnostics = reported;
        let is_closure = matches!(first.value.kind, ast::ExprKind::Closure { .. });
        if !is_closure && !matches!(wanted[0].ty, Ty::Array(..)) {
            return None;
        }
        let result = self.infer.fresh();
        let of = self.expr(&f.value, Some(&Ty::Fn(wanted, Box::new(result))));
        Some(self.differentiate(op, of, wrt, callee.span))
    }

    /// The parameters of a closure some of which have no type, or of a function of arrays.
    fn open_params(&self, f: &'a ast::Expr, args: usize) -> Option<Vec<OpenParam>> {
        let open = |count| (0..count).map(|_| OpenParam { inout: false, typed: false }).collect();
        let params: Vec<OpenParam> = match &f.kind {
            ast::ExprKind::Closure { params, .. } => {
                params.iter().map(|p| OpenParam { inout: p.inout, typed: p.ty.is_some() }).collect()
            }
            ast::ExprKind::Path(path) => match self.of_prelude(path)? {
                Known::Fn(Builtin::Dot) => open(2),
                Known::Fn(_) => open(1),
                // Of two arguments they are elementwise.
                Known::MinMax { .. } if args == 1 => open(1),
                Known::MinMax { .. } | Known::Diff(_) | Known::Later(_) | Known::Float(_) => return None,
            },
            _ => return None,
        };
        (params.iter().any(|p| !p.typed) && params.len() <= args).then_some(params)
    }

    /// What a name of the prelude means, where nothing hides it.
    fn of_prelude(&self, path: &ast::Path) -> Option<Known> {
        let name = &path.as_name()?.text;
        let hidden = self.lookup(name).is_some() || self.cx.scopes.lookup(self.scope, name).is_some();
        known(name).filter(|_| !hidden)
    }

    /// The type of a literal that was looked at only once: the one it has without context.
    pub fn open_literal(&mut self, ty: &Ty) -> Ty {
        let ty = self.resolve(ty);
        match &ty {
            Ty::Infer(v) => match self.infer.var(*v) {
                super::infer::TyVar::Int => Ty::I64,
                super::infer::TyVar::Float => Ty::F64,
                super::infer::TyVar::Free | super::infer::TyVar::Is(_) => ty,
            },
            Ty::Array(element, sizes) => Ty::Array(Box::new(self.open_literal(element)), sizes.clone()),
            Ty::List(element) => Ty::List(Box::new(self.open_literal(element))),
            Ty::Tuple(parts) => Ty::Tuple(parts.iter().map(|t| self.open_literal(t)).collect()),
            _ => ty,
        }
    }

    fn operator_args(
        &mut self,
        op: DiffOp,
        args: &'a [ast::Arg],
        span: Span,
    ) -> Option<(&'a ast::Arg, Option<&'a ast::Expr>)> {
        let name = operator_name(op);
        let (f, rest) = match args.split_first() {
            Some((f, rest)) if f.name.is_none() && f.inout.is_none() => (f, rest),
            _ => {
                self.report(calls::operator_needs_function(span, name));
                return None;
            }
        };
        match rest {
            [] => Some((f, None)),
            [arg] if arg.name.as_ref().is_some_and(|n| n.as_str() == "wrt") => Some((f, Some(&arg.value))),
            [arg, ..] => {
                self.report(differential::only_wrt(arg.span, name, arg.name.is_some()));
                None
            }
        }
    }

    fn differentiate(&mut self, op: DiffOp, of: Expr, wrt: Option<&'a ast::Expr>, span: Span) -> Expr {
        let Some(subject) = self.subject(&of, op) else { return self.error(span) };
        let Some((wrt, wrt_tuple)) = self.wrt(op, &subject, wrt, &of, span) else { return self.error(span) };
        let Some(aux) = self.check_objective(op, &subject, &of) else { return self.error(span) };
        let Some(ty) = self.differential_type(op, &subject, &wrt, wrt_tuple, aux, of.span) else {
            return self.error(span);
        };
        let kind = ExprKind::Differential(Differential { op, of: Box::new(of), wrt, wrt_tuple, aux });
        self.make(kind, ty, span)
    }

    fn subject(&mut self, of: &Expr, op: DiffOp) -> Option<Subject> {
        match self.structure(&of.ty) {
            Ty::Fn(params, result) => {
                let mut names = self.param_names(of).unwrap_or_default();
                names.resize(params.len(), None);
                Some(Subject { params, result: *result, names })
            }
            Ty::Error => None,
            other => {
                let shown = self.show(&other);
                self.report(differential::not_a_function(of.span, operator_name(op), &shown));
                None
            }
        }
    }

    /// The numbers of the parameters, and whether they were written as a tuple.
    fn wrt(
        &mut self,
        op: DiffOp,
        subject: &Subject,
        wrt: Option<&'a ast::Expr>,
        of: &Expr,
        span: Span,
    ) -> Option<(Vec<usize>, bool)> {
        let Some(wrt) = wrt else {
            if subject.params.is_empty() {
                self.report(differential::no_parameters(of.span, operator_name(op)));
                return None;
            }
            self.check_active(subject, 0, of.span, true)?;
            return Some((vec![0], false));
        };
        let (names, tuple): (Vec<&'a ast::Expr>, bool) = match &wrt.kind {
            ast::ExprKind::Tuple(parts) => (parts.iter().collect(), true),
            _ => (vec![wrt], false),
        };
        let mut found: Vec<usize> = Vec::new();
        for e in names {
            let name = match &e.kind {
                ast::ExprKind::Path(path) => path.as_name(),
                _ => None,
            };
            let Some(name) = name else {
                self.report(differential::wrt_is_names(e.span));
                return None;
            };
            let Some(index) = subject.names.iter().position(|n| n.as_ref() == Some(&name.text)) else {
                let known: Vec<&str> = subject.names.iter().flatten().map(Symbol::as_str).collect();
                self.report(differential::unknown_wrt(name, &known, of.span));
                return None;
            };
            if found.contains(&index) {
                self.report(differential::wrt_twice(name));
                return None;
            }
            self.check_active(subject, index, name.span, false)?;
            found.push(index);
        }
        if found.is_empty() {
            self.report(differential::wrt_is_names(span));
            return None;
        }
        Some((found, tuple))
    }

    /// A parameter without tangent cannot be differentiated by; another may be.
    fn check_active(&mut self, subject: &Subject, index: usize, span: Span, implicit: bool) -> Option<()> {
        let ty = self.resolve(&subject.params[index].ty);
        if has_free(&ty) || !self.tangent(&ty).is_unit() {
            return Some(());
        }
        let others: Vec<&str> = subject
            .params
            .iter()
            .zip(&subject.names)
            .filter(|(p, _)| !self.tangent(&p.ty).is_unit())
            .filter_map(|(_, n)| n.as_ref().map(Symbol::as_str))
            .collect();
        let shown = self.show(&ty);
        let name = subject.names[index].as_ref().map(|n| n.to_string());
        self.report(differential::no_tangent(span, name.as_deref(), &shown, &others, implicit));
        None
    }

    /// What may be differentiated by the operator; whether there are further results that are passed on.
    fn check_objective(&mut self, op: DiffOp, subject: &Subject, of: &Expr) -> Option<bool> {
        let value = self.value_type(subject);
        if matches!(op, DiffOp::Vjp | DiffOp::Jvp | DiffOp::Pullback | DiffOp::Jacobian) {
            return Some(false);
        }
        let (objective, aux) = match &value {
            Ty::Tuple(parts) if !parts.is_empty() => (self.structure(&parts[0]), true),
            other => (self.structure(other), false),
        };
        match &objective {
            Ty::Scalar(s) if s.is_float() => Some(aux),
            Ty::Error => None,
            Ty::Tangent(of) if self.is_free(of) => {
                // The gradient by something that is not known yet is a float, so that is one too.
                let float = self.infer.float();
                let _ = self.unify(of, &float);
                Some(aux)
            }
            Ty::Infer(v) => {
                // Open: the objective of a gradient is a float.
                if matches!(self.infer.var(*v), super::infer::TyVar::Free) {
                    let float = self.infer.float();
                    let _ = self.unify(&objective, &float);
                }
                if matches!(self.infer.shallow(&objective), Ty::Infer(v) if matches!(self.infer.var(v), super::infer::TyVar::Int))
                {
                    self.report(differential::objective_not_float(of.span, operator_name(op), "i64"));
                    return None;
                }
                Some(aux)
            }
            other => {
                let shown = self.show(&value);
                let is_array = matches!(other, Ty::Array(..));
                self.report(differential::objective(of.span, operator_name(op), &shown, is_array));
                None
            }
        }
    }

    /// The result, then the final values of `inout` parameters.
    fn value_type(&mut self, subject: &Subject) -> Ty {
        let ends: Vec<Ty> = subject.params.iter().filter(|p| p.inout).map(|p| p.ty.clone()).collect();
        let result = self.structure(&subject.result);
        if ends.is_empty() {
            return result;
        }
        let mut parts = match result {
            Ty::Tuple(parts) => parts,
            other => vec![other],
        };
        parts.extend(ends);
        if parts.len() == 1 { parts.remove(0) } else { Ty::Tuple(parts) }
    }

    fn differential_type(
        &mut self,
        op: DiffOp,
        subject: &Subject,
        wrt: &[usize],
        wrt_tuple: bool,
        aux: bool,
        span: Span,
    ) -> Option<Ty> {
        let plain = |ty: Ty| FnParamTy { inout: false, ty };
        let value = self.value_type(subject);
        let tangents: Vec<Ty> = wrt.iter().map(|i| self.tangent(&subject.params[*i].ty)).collect();
        let gradient = if wrt_tuple { Ty::Tuple(tangents.clone()) } else { tangents[0].clone() };
        let mut params: Vec<FnParamTy> = subject.params.iter().map(|p| plain(p.ty.clone())).collect();
        let pair = |a: Ty, b: Ty| Ty::Tuple(vec![a, b]);
        let result = match op {
            DiffOp::Grad if aux => {
                let rest = match &value {
                    Ty::Tuple(parts) => parts[1..].to_vec(),
                    _ => Vec::new(),
                };
                Ty::Tuple(std::iter::once(gradient).chain(rest).collect())
            }
            DiffOp::Grad | DiffOp::HessianDiag => gradient,
            DiffOp::ValueAndGrad => pair(value, gradient),
            DiffOp::Vjp => {
                params.push(plain(self.tangent(&value)));
                pair(value, gradient)
            }
            DiffOp::Jvp => {
                params.extend(tangents.into_iter().map(plain));
                let tangent = self.tangent(&value);
                pair(value, tangent)
            }
            DiffOp::Pullback => {
                let seed = plain(self.tangent(&value));
                pair(value, Ty::Fn(vec![seed], Box::new(gradient)))
            }
            DiffOp::GradInto => {
                params.push(FnParamTy { inout: true, ty: gradient });
                value
            }
            DiffOp::Hvp => {
                params.extend(tangents.into_iter().map(plain));
                gradient
            }
            DiffOp::Jacobian => self.jacobian_type(subject, wrt, wrt_tuple, &value, span)?,
            DiffOp::Hessian => self.hessian_type(subject, wrt, wrt_tuple, span)?,
        };
        Some(Ty::Fn(params, Box::new(result)))
    }

    fn jacobian_type(&mut self, subject: &Subject, wrt: &[usize], tuple: bool, value: &Ty, span: Span) -> Option<Ty> {
        let (leaf, out) = self.dense(value, span)?;
        let mut parts = Vec::new();
        for index in wrt {
            let (_, inputs) = self.dense(&subject.params[*index].ty, span)?;
            parts.push(shaped(leaf.clone(), [out.clone(), inputs].concat()));
        }
        Some(if tuple { Ty::Tuple(parts) } else { parts.remove(0) })
    }

    /// Of several parameters a tuple of rows, each a tuple of blocks: the block of x and y has the sizes of x, then of y.
    fn hessian_type(&mut self, subject: &Subject, wrt: &[usize], tuple: bool, span: Span) -> Option<Ty> {
        let mut by = Vec::new();
        for index in wrt {
            by.push(self.dense(&subject.params[*index].ty, span)?);
        }
        let block = |sizes: &[Size], (leaf, inner): &(Ty, Vec<Size>)| shaped(leaf.clone(), [sizes, inner].concat());
        let row = |(_, sizes): &(Ty, Vec<Size>)| by.iter().map(|inner| block(sizes, inner)).collect::<Vec<Ty>>();
        if !tuple {
            return Some(row(&by[0]).remove(0));
        }
        Some(Ty::Tuple(by.iter().map(|outer| Ty::Tuple(row(outer))).collect()))
    }

    /// The element and sizes of a float or an array of floats: what a matrix of derivatives is made of.
    fn dense(&mut self, ty: &Ty, span: Span) -> Option<(Ty, Vec<Size>)> {
        let ty = self.structure(ty);
        let (leaf, sizes) = match &ty {
            Ty::Array(element, sizes) => ((**element).clone(), sizes.clone()),
            other => (other.clone(), Vec::new()),
        };
        if self.is_free(&leaf) {
            let float = self.infer.float();
            let _ = self.unify(&leaf, &float);
        }
        if self.is_floating(&leaf) {
            return Some((leaf, sizes));
        }
        if ty != Ty::Error {
            let shown = self.show(&ty);
            self.report(differential::not_dense(span, &shown));
        }
        None
    }
}

fn shaped(leaf: Ty, sizes: Vec<Size>) -> Ty {
    if sizes.is_empty() { leaf } else { Ty::Array(Box::new(leaf), sizes) }
}

/// What the function that an operator gives takes beside the arguments of the function itself.
pub(super) fn wanted_arguments(callee: &Expr) -> Option<&'static str> {
    let ExprKind::Differential(d) = &callee.kind else { return None };
    Some(match d.op {
        DiffOp::Vjp => {
            "behind the arguments of the function stands the seed, of the type of its result: `vjp(f)(x, seed)`"
        }
        DiffOp::Jvp => {
            "behind the arguments of the function stand the tangents, one for each of `wrt`: `jvp(f)(x, dx)`"
        }
        DiffOp::Hvp => {
            "behind the arguments of the function stands the vector, of the shape of the parameter: `hvp(f)(x, v)`"
        }
        DiffOp::GradInto => "behind the arguments of the function stands the gradient to add to: `grad_into(f)(x, &g)`",
        _ => return None,
    })
}
