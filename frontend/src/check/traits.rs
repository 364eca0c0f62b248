//! Methods that a type has through traits.

use super::body::FnCx;
use super::subst::Subst;
use crate::typed::{Arg, TraitId, Ty};

impl FnCx<'_, '_> {
    /// The trait method of this name on a type: the trait, the method's number, the trait's arguments after `Self`.
    pub fn find_trait_method(&mut self, ty: &Ty, name: &str) -> Option<(TraitId, u32, Vec<Arg>)> {
        let candidates = self.cx.trait_methods.get(name)?.clone();
        if let Ty::Param(id) = ty {
            let bounds = self.bounds_of(*id);
            return candidates.iter().find_map(|(of_trait, number)| {
                let bound = bounds.iter().find(|b| b.of_trait == *of_trait)?;
                Some((*of_trait, *number, bound.args.clone()))
            });
        }
        if self.is_free(ty) {
            return None;
        }
        for (of_trait, number) in candidates {
            if let Some((id, args)) = self.find_impl(ty, of_trait, None) {
                let def = &self.cx.program.impls[id];
                let subst = Subst::new(&def.generics, &args);
                let (_, given) = def.of_trait.as_ref()?;
                let given = given.iter().map(|a| subst.arg(&self.cx.program, a)).collect();
                return Some((of_trait, number, given));
            }
        }
        None
    }
}
