//! Equations between types and between sizes.
//!
//! A size equation `a = b` is `a - b = 0` in linear normal form. If exactly one variable in it can be isolated (its
//! coefficient divides all others) it is solved; if several are open it waits ([`super::pending`]).

use super::body::FnCx;
use super::infer::{TyVar, mentions_infer};
use super::pending::Pending;
use super::tangent;
use crate::typed::{Arg, FnParamTy, Size, SizeAtom, Ty};
use dprog_ir::Scalar;

/// Two types or sizes cannot be equal.
#[derive(Debug)]
pub(super) struct Mismatch;

type Unified = Result<(), Mismatch>;

impl FnCx<'_, '_> {
    /// Makes two types equal, as far as variables in them allow. Nothing is reported.
    pub fn unify(&mut self, a: &Ty, b: &Ty) -> Unified {
        let (a, b) = (self.infer.shallow(a), self.infer.shallow(b));
        match (&a, &b) {
            (Ty::Error, _) | (_, Ty::Error) => Ok(()),
            (Ty::Infer(x), Ty::Infer(y)) if x == y => Ok(()),
            (Ty::Infer(x), Ty::Infer(y)) => self.join_variables(*x, *y),
            (Ty::Infer(x), _) => self.solve(*x, &b),
            (_, Ty::Infer(y)) => self.solve(*y, &a),
            (Ty::Tangent(x), Ty::Tangent(y)) if x == y => Ok(()),
            (Ty::Tangent(_), _) | (_, Ty::Tangent(_)) => self.unify_tangents(&a, &b),
            (Ty::Tuple(xs), Ty::Tuple(ys)) if xs.len() == ys.len() => {
                xs.iter().zip(ys).try_for_each(|(x, y)| self.unify(x, y))
            }
            (Ty::Array(x, xs), Ty::Array(y, ys)) => self.unify_arrays((x, xs), (y, ys)),
            (Ty::List(x), Ty::List(y)) => self.unify(x, y),
            (Ty::Adt(i, xs), Ty::Adt(j, ys)) if i == j => {
                xs.iter().zip(ys).try_for_each(|(x, y)| self.unify_args(x, y))
            }
            (Ty::Fn(ps, r), Ty::Fn(qs, s)) if ps.len() == qs.len() => {
                for (p, q) in ps.iter().zip(qs) {
                    if p.inout != q.inout {
                        return Err(Mismatch);
                    }
                    self.unify(&p.ty, &q.ty)?;
                }
                self.unify(r, s)
            }
            _ if a == b => Ok(()),
            _ => Err(Mismatch),
        }
    }

    pub fn unify_args(&mut self, a: &Arg, b: &Arg) -> Unified {
        match (a, b) {
            (Arg::Ty(x), Arg::Ty(y)) => self.unify(x, y),
            (Arg::Size(x), Arg::Size(y)) => self.unify_sizes(x, y),
            _ => Err(Mismatch),
        }
    }

    /// Makes two open variables one.
    fn join_variables(&mut self, x: u32, y: u32) -> Unified {
        let kind = match (self.infer.var(x), self.infer.var(y)) {
            (TyVar::Free, other) | (other, TyVar::Free) => other.clone(),
            (TyVar::Int, TyVar::Int) => TyVar::Int,
            (TyVar::Float, TyVar::Float) => TyVar::Float,
            (TyVar::Int | TyVar::Float | TyVar::Is(_), _) => return Err(Mismatch),
        };
        self.infer.join(x, y, kind);
        Ok(())
    }

    fn solve(&mut self, var: u32, ty: &Ty) -> Unified {
        let ty = self.resolve(ty);
        let fits = match (self.infer.var(var), &ty) {
            (TyVar::Free, _) => !occurs(var, &ty),
            (TyVar::Int, Ty::Scalar(s)) => s.is_int(),
            (TyVar::Float, Ty::Scalar(s)) => s.is_float(),
            _ => false,
        };
        if fits {
            self.infer.solve(var, ty);
        }
        fits.then_some(()).ok_or(Mismatch)
    }

    /// `Tangent<T>` is computed as soon as `T` is known; until then the equation waits.
    fn unify_tangents(&mut self, a: &Ty, b: &Ty) -> Unified {
        let (a, b) = (self.resolve(a), self.resolve(b));
        match (&a, &b) {
            (Ty::Tangent(x), Ty::Tangent(y)) if !has_free(x) && !has_free(y) => self.unify(x, y),
            (Ty::Tangent(x), _) | (_, Ty::Tangent(x)) if has_free(x) => {
                self.pending.push(Pending::Equal(a.clone(), b.clone(), self.at));
                Ok(())
            }
            (Ty::Tangent(_), _) | (_, Ty::Tangent(_)) => (a == b).then_some(()).ok_or(Mismatch),
            _ => self.unify(&a, &b),
        }
    }

    /// An element type that is not known yet may be an array itself and take the axes that are left.
    fn unify_arrays(&mut self, a: (&Ty, &[Size]), b: (&Ty, &[Size])) -> Unified {
        let (a, b) = match (self.resolve_array(a), self.resolve_array(b)) {
            (Ty::Array(x, xs), Ty::Array(y, ys)) => ((x, xs), (y, ys)),
            _ => return Err(Mismatch),
        };
        let (long, short) = if a.1.len() >= b.1.len() { (a, b) } else { (b, a) };
        let common = short.1.len();
        for (x, y) in long.1[..common].iter().zip(&short.1) {
            self.unify_sizes(x, y)?;
        }
        if long.1.len() == common {
            return self.unify(&long.0, &short.0);
        }
        match &*short.0 {
            Ty::Infer(_) | Ty::Error => self.unify(&short.0, &Ty::Array(long.0.clone(), long.1[common..].to_vec())),
            _ => Err(Mismatch),
        }
    }

    fn resolve_array(&self, (element, sizes): (&Ty, &[Size])) -> Ty {
        Ty::array(self.infer.shallow(element), sizes.to_vec())
    }

    /// Makes two sizes equal.
    pub fn unify_sizes(&mut self, a: &Size, b: &Size) -> Unified {
        let difference = self.infer.size_of(a).sub(&self.infer.size_of(b));
        if difference == Size::default() {
            return Ok(());
        }
        if !mentions_infer(&difference) {
            return Err(Mismatch);
        }
        if let Some((var, value)) = isolate(&difference) {
            self.infer.solve_size(var, value);
        } else {
            self.pending.push(Pending::SameSize(a.clone(), b.clone(), self.at));
        }
        Ok(())
    }

    /// A type with everything put in that is known.
    pub fn resolve(&self, ty: &Ty) -> Ty {
        match ty {
            Ty::Scalar(_) | Ty::Str | Ty::Param(_) | Ty::Never | Ty::Error => ty.clone(),
            Ty::Infer(_) => match self.infer.shallow(ty) {
                open @ Ty::Infer(_) => open,
                known => self.resolve(&known),
            },
            Ty::Tuple(parts) => Ty::Tuple(parts.iter().map(|t| self.resolve(t)).collect()),
            Ty::Array(element, sizes) => {
                Ty::array(self.resolve(element), sizes.iter().map(|s| self.infer.size_of(s)).collect())
            }
            Ty::List(of) => Ty::List(Box::new(self.resolve(of))),
            Ty::Adt(id, args) => Ty::Adt(*id, args.iter().map(|a| self.resolve_arg(a)).collect()),
            Ty::Fn(params, result) => {
                let params = params.iter().map(|p| FnParamTy { inout: p.inout, ty: self.resolve(&p.ty) }).collect();
                Ty::Fn(params, Box::new(self.resolve(result)))
            }
            Ty::Tangent(of) => self.tangent(of),
        }
    }

    pub fn resolve_arg(&self, arg: &Arg) -> Arg {
        match arg {
            Arg::Ty(ty) => Arg::Ty(self.resolve(ty)),
            Arg::Size(size) => Arg::Size(self.infer.size_of(size)),
        }
    }

    /// `Tangent<T>` with what is known of `T`.
    pub fn tangent(&self, of: &Ty) -> Ty {
        let of = self.resolve(of);
        if let Ty::Infer(var) = of {
            match self.infer.var(var) {
                TyVar::Float => return of,
                TyVar::Int => return Ty::UNIT,
                TyVar::Free | TyVar::Is(_) => {}
            }
        }
        tangent::tangent(&self.cx.program, &of)
    }

    /// The scalar at the bottom of an array, or the type itself.
    pub fn leaf(&self, ty: &Ty) -> Ty {
        match self.infer.shallow(ty) {
            Ty::Array(element, _) => self.leaf(&element),
            other => other,
        }
    }

    /// Whether a type is nothing but a variable about which nothing is known.
    pub fn is_free(&self, ty: &Ty) -> bool {
        matches!(self.infer.shallow(ty), Ty::Infer(v) if matches!(self.infer.var(v), TyVar::Free))
    }

    /// The scalar type, if the type is one and known.
    pub fn scalar(&self, ty: &Ty) -> Option<Scalar> {
        self.infer.shallow(ty).as_scalar()
    }
}

/// The variable that `form = 0` determines, with its value.
fn isolate(form: &Size) -> Option<(u32, Size)> {
    let alone = |var: u32| {
        form.terms.keys().all(|atom| match atom {
            SizeAtom::Op(_, a, b) => !size_mentions(a, var) && !size_mentions(b, var),
            SizeAtom::Param(_) | SizeAtom::Local(_) | SizeAtom::Infer(_) => true,
        })
    };
    let open = form.terms.keys().filter(|a| matches!(a, SizeAtom::Infer(_))).count();
    form.terms.iter().find_map(|(atom, factor)| {
        let SizeAtom::Infer(var) = atom else { return None };
        let unit = factor.unsigned_abs() == 1;
        let mut rest = form.clone();
        rest.terms.remove(atom);
        let divides =
            rest.constant.wrapping_rem(*factor) == 0 && rest.terms.values().all(|c| c.wrapping_rem(*factor) == 0);
        if !alone(*var) || !divides || (!unit && open > 1) {
            return None;
        }
        let divisor = factor.wrapping_neg();
        rest.constant = rest.constant.wrapping_div(divisor);
        rest.terms.values_mut().for_each(|c| *c = c.wrapping_div(divisor));
        Some((*var, rest))
    })
}

fn size_mentions(size: &Size, var: u32) -> bool {
    let mut found = false;
    super::size::each_atom(size, &mut |atom| found |= *atom == SizeAtom::Infer(var));
    found
}

fn occurs(var: u32, ty: &Ty) -> bool {
    match ty {
        Ty::Infer(other) => *other == var,
        Ty::Tuple(parts) => parts.iter().any(|t| occurs(var, t)),
        Ty::Array(of, _) | Ty::List(of) | Ty::Tangent(of) => occurs(var, of),
        Ty::Adt(_, args) => args.iter().any(|a| matches!(a, Arg::Ty(t) if occurs(var, t))),
        Ty::Fn(params, result) => params.iter().any(|p| occurs(var, &p.ty)) || occurs(var, result),
        Ty::Scalar(_) | Ty::Str | Ty::Param(_) | Ty::Never | Ty::Error => false,
    }
}

/// Whether a type contains a variable (a size variable does not count).
pub(super) fn has_free(ty: &Ty) -> bool {
    match ty {
        Ty::Infer(_) => true,
        Ty::Tuple(parts) => parts.iter().any(has_free),
        Ty::Array(of, _) | Ty::List(of) | Ty::Tangent(of) => has_free(of),
        Ty::Adt(_, args) => args.iter().any(|a| matches!(a, Arg::Ty(t) if has_free(t))),
        Ty::Fn(params, result) => params.iter().any(|p| has_free(&p.ty)) || has_free(result),
        Ty::Scalar(_) | Ty::Str | Ty::Param(_) | Ty::Never | Ty::Error => false,
    }
}
