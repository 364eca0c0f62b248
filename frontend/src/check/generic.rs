//! Bounds of generic parameters: do the arguments keep them?

use super::body::FnCx;
use super::subst::Subst;
use crate::source::Span;
use crate::typed::{Arg, Bound, Generic, GenericId, GenericKind, ImplId, TraitId, Ty};

impl FnCx<'_, '_> {
    /// Demands that arguments meet the bounds of their parameters.
    pub fn require_bounds(&mut self, generics: &[Generic], args: &[Arg], span: Span) {
        let subst = Subst::new(generics, args);
        for (generic, arg) in generics.iter().zip(args) {
            let (GenericKind::Type(bounds), Arg::Ty(ty)) = (&generic.kind, arg) else { continue };
            for bound in bounds {
                let args = bound.args.iter().map(|a| subst.arg(&self.cx.program, a)).collect();
                self.require_bound(ty, Bound { of_trait: bound.of_trait, args }, span);
            }
        }
    }

    /// Whether a type implements a trait; trait arguments may be inferred from the `impl`.
    pub fn implements(&mut self, ty: &Ty, bound: &Bound) -> bool {
        match ty {
            Ty::Param(id) => {
                let known = self.bounds_of(*id);
                known.into_iter().any(|b| {
                    b.of_trait == bound.of_trait
                        && b.args.iter().zip(&bound.args).try_for_each(|(x, y)| self.unify_args(x, y)).is_ok()
                })
            }
            _ => self.find_impl(ty, bound.of_trait, Some(&bound.args)).is_some(),
        }
    }

    /// The bounds of a type parameter, those that follow from a trait's own bounds too.
    pub fn bounds_of(&self, id: GenericId) -> Vec<Bound> {
        let Some(generic) = self.env.generics.iter().find(|g| g.id == id) else { return Vec::new() };
        let GenericKind::Type(bounds) = &generic.kind else { return Vec::new() };
        let mut all: Vec<Bound> = bounds.clone();
        let mut next = 0;
        while next < all.len() && all.len() < 64 {
            let bound = all[next].clone();
            next += 1;
            let def = &self.cx.program.traits[bound.of_trait];
            let GenericKind::Type(above) = &def.generics[0].kind else { continue };
            let args: Vec<Arg> = std::iter::once(Arg::Ty(Ty::Param(id))).chain(bound.args.iter().cloned()).collect();
            let subst = Subst::new(&def.generics, &args);
            for b in above {
                let args = b.args.iter().map(|a| subst.arg(&self.cx.program, a)).collect();
                let b = Bound { of_trait: b.of_trait, args };
                if !all.contains(&b) {
                    all.push(b);
                }
            }
        }
        all
    }

    /// The `impl` of a trait for a type, with the arguments of its generics. With `trait_args`, these must fit too.
    pub fn find_impl(&mut self, ty: &Ty, of_trait: TraitId, trait_args: Option<&[Arg]>) -> Option<(ImplId, Vec<Arg>)> {
        let candidates = self.cx.trait_impls.get(&of_trait)?.clone();
        let mut found = None;
        for id in candidates {
            if !heads_agree(&self.cx.program.impls[id].target, ty) {
                continue;
            }
            let generics = self.cx.program.impls[id].generics.clone();
            let args: Vec<Arg> = generics.iter().map(|g| self.fresh_arg(g)).collect();
            let subst = Subst::new(&generics, &args);
            let target = subst.ty(&self.cx.program, &self.cx.program.impls[id].target);
            let given: Vec<Arg> = match &self.cx.program.impls[id].of_trait {
                Some((_, list)) => list.iter().map(|a| subst.arg(&self.cx.program, a)).collect(),
                None => continue,
            };
            if !self.could_unify(&target, ty) {
                continue;
            }
            if let Some(wanted) = trait_args
                && !self.could_unify_args(&given, wanted)
            {
                continue;
            }
            found = Some((id, args, target, given));
            break;
        }
        let (id, args, target, given) = found?;
        self.unify(&target, ty).ok()?;
        if let Some(wanted) = trait_args {
            given.iter().zip(wanted).try_for_each(|(a, b)| self.unify_args(a, b)).ok()?;
        }
        Some((id, args))
    }

    fn could_unify_args(&mut self, a: &[Arg], b: &[Arg]) -> bool {
        let (infer, pending) = (self.infer.snapshot(), self.pending.len());
        let fits = a.iter().zip(b).try_for_each(|(x, y)| self.unify_args(x, y)).is_ok();
        self.infer.restore(infer);
        self.pending.truncate(pending);
        fits
    }
}

/// Whether two types may be one, by a look at what is outermost: many types may implement one trait.
pub(super) fn heads_agree(a: &Ty, b: &Ty) -> bool {
    match (a, b) {
        (Ty::Adt(a, _), Ty::Adt(b, _)) => a == b,
        (Ty::Scalar(a), Ty::Scalar(b)) => a == b,
        (Ty::Adt(..), Ty::Scalar(_)) | (Ty::Scalar(_), Ty::Adt(..)) => false,
        _ => true,
    }
}
