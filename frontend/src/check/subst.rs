//! Generic parameters replaced by arguments.

use super::infer::operation;
use super::tangent;
use crate::typed::{Arg, FnParamTy, Generic, GenericId, GenericKind, LocalId, Program, Size, SizeAtom, Ty};
use rustc_hash::FxHashMap;

/// What stands for what. Parameters that are not in it stay.
#[derive(Clone, Debug, Default)]
pub(crate) struct Subst {
    args: FxHashMap<GenericId, Arg>,
    /// For sizes in a signature that are earlier parameters.
    locals: FxHashMap<LocalId, Size>,
}

impl Subst {
    /// `generics` become `args`, one by one.
    pub fn new(generics: &[Generic], args: &[Arg]) -> Subst {
        Subst { args: generics.iter().map(|g| g.id).zip(args.iter().cloned()).collect(), locals: FxHashMap::default() }
    }

    pub fn insert(&mut self, id: GenericId, arg: Arg) {
        self.args.insert(id, arg);
    }

    pub fn insert_local(&mut self, local: LocalId, size: Size) {
        self.locals.insert(local, size);
    }

    pub fn is_empty(&self) -> bool {
        self.args.is_empty() && self.locals.is_empty()
    }

    /// The type with everything replaced.
    pub fn ty(&self, program: &Program, ty: &Ty) -> Ty {
        if self.is_empty() {
            return ty.clone();
        }
        let each = |parts: &[Ty]| parts.iter().map(|t| self.ty(program, t)).collect();
        match ty {
            Ty::Scalar(_) | Ty::Str | Ty::Never | Ty::Infer(_) | Ty::Error => ty.clone(),
            Ty::Tuple(parts) => Ty::Tuple(each(parts)),
            Ty::Array(element, sizes) => {
                Ty::array(self.ty(program, element), sizes.iter().map(|s| self.size(s)).collect())
            }
            Ty::List(element) => Ty::List(Box::new(self.ty(program, element))),
            Ty::Adt(id, args) => Ty::Adt(*id, args.iter().map(|a| self.arg(program, a)).collect()),
            Ty::Fn(params, result) => {
                let params = params.iter().map(|p| FnParamTy { inout: p.inout, ty: self.ty(program, &p.ty) });
                Ty::Fn(params.collect(), Box::new(self.ty(program, result)))
            }
            Ty::Param(id) => match self.args.get(id) {
                Some(Arg::Ty(ty)) => ty.clone(),
                _ => ty.clone(),
            },
            Ty::Tangent(of) => tangent::tangent(program, &self.ty(program, of)),
        }
    }

    pub fn arg(&self, program: &Program, arg: &Arg) -> Arg {
        match arg {
            Arg::Ty(ty) => Arg::Ty(self.ty(program, ty)),
            Arg::Size(size) => Arg::Size(self.size(size)),
        }
    }

    pub fn size(&self, size: &Size) -> Size {
        let mut sum = Size::constant(size.constant);
        for (atom, factor) in &size.terms {
            sum = sum.add(&self.atom(atom).scale(*factor));
        }
        sum
    }

    fn atom(&self, atom: &SizeAtom) -> Size {
        match atom {
            SizeAtom::Param(id) => match self.args.get(id) {
                Some(Arg::Size(size)) => size.clone(),
                _ => Size::atom(atom.clone()),
            },
            SizeAtom::Local(id) => self.locals.get(id).cloned().unwrap_or_else(|| Size::atom(atom.clone())),
            SizeAtom::Op(op, a, b) => operation(*op, &self.size(a), &self.size(b)),
            SizeAtom::Infer(_) => Size::atom(atom.clone()),
        }
    }
}

/// Each parameter as the argument for itself.
pub(super) fn identity(generics: &[Generic]) -> Vec<Arg> {
    generics
        .iter()
        .map(|g| match g.kind {
            GenericKind::Size => Arg::Size(Size::atom(SizeAtom::Param(g.id))),
            GenericKind::Type(_) => Arg::Ty(Ty::Param(g.id)),
        })
        .collect()
}
