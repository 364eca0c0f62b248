//! Inference variables of types and sizes, for one body.

use crate::typed::{Arg, Size, SizeAtom, SizeOp, Ty};

/// What is known about a type variable.
#[derive(Clone, Debug)]
pub(super) enum TyVar {
    Free,
    /// The type of an integer literal: an integer type, `i64` if nothing says more.
    Int,
    /// The type of a float literal: `f64` if nothing says more.
    Float,
    Is(Ty),
}

/// The variables of a body.
#[derive(Debug, Default)]
pub(super) struct Infer {
    types: Vec<TyVar>,
    /// How many variables were made equal to this one, itself included.
    weights: Vec<u32>,
    sizes: Vec<Option<Size>>,
    /// What was solved, in order, to be undone.
    trail: Vec<Solved>,
}

/// A variable as it was before it was solved.
#[derive(Clone, Debug)]
enum Solved {
    Type(u32, TyVar),
    Size(u32),
}

/// A moment to come back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    types: usize,
    sizes: usize,
    trail: usize,
}

impl Infer {
    /// A variable for any type.
    pub fn fresh(&mut self) -> Ty {
        self.push(TyVar::Free)
    }

    /// The type of an integer literal.
    pub fn int(&mut self) -> Ty {
        self.push(TyVar::Int)
    }

    /// The type of a float literal.
    pub fn float(&mut self) -> Ty {
        self.push(TyVar::Float)
    }

    fn push(&mut self, var: TyVar) -> Ty {
        self.types.push(var);
        self.weights.push(1);
        Ty::Infer(self.types.len() as u32 - 1)
    }

    /// A variable for a size.
    pub fn size(&mut self) -> Size {
        self.sizes.push(None);
        Size::atom(SizeAtom::Infer(self.sizes.len() as u32 - 1))
    }

    pub fn var(&self, var: u32) -> &TyVar {
        &self.types[var as usize]
    }

    pub fn solve(&mut self, var: u32, ty: Ty) {
        let old = std::mem::replace(&mut self.types[var as usize], TyVar::Is(ty));
        self.trail.push(Solved::Type(var, old));
    }

    /// Makes two different open variables one, which is `kind`. The lighter one points to the heavier, so that the way to
    /// the end stays logarithmic however many there are, as in an array of very many literals.
    pub fn join(&mut self, a: u32, b: u32, kind: TyVar) {
        let (root, leaf) = if self.weights[a as usize] >= self.weights[b as usize] { (a, b) } else { (b, a) };
        self.weights[root as usize] += self.weights[leaf as usize];
        self.types[leaf as usize] = TyVar::Is(Ty::Infer(root));
        self.types[root as usize] = kind;
    }

    pub fn solve_size(&mut self, var: u32, size: Size) {
        self.sizes[var as usize] = Some(size);
        self.trail.push(Solved::Size(var));
    }

    /// Literals that nothing else decides become `i64` and `f64`.
    pub fn default_literals(&mut self) {
        for var in &mut self.types {
            match var {
                TyVar::Int => *var = TyVar::Is(Ty::I64),
                TyVar::Float => *var = TyVar::Is(Ty::F64),
                TyVar::Free | TyVar::Is(_) => {}
            }
        }
    }

    /// The state, to come back to.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot { types: self.types.len(), sizes: self.sizes.len(), trail: self.trail.len() }
    }

    /// Forgets what was learnt since a snapshot.
    pub fn restore(&mut self, snapshot: Snapshot) {
        for solved in self.trail.drain(snapshot.trail..).rev() {
            match solved {
                Solved::Type(var, old) => self.types[var as usize] = old,
                Solved::Size(var) => self.sizes[var as usize] = None,
            }
        }
        self.types.truncate(snapshot.types);
        self.sizes.truncate(snapshot.sizes);
    }

    /// The type with its outermost constructor known, if it is.
    pub fn shallow(&self, ty: &Ty) -> Ty {
        let mut ty = ty;
        while let Ty::Infer(var) = ty {
            match self.var(*var) {
                TyVar::Is(next) => ty = next,
                TyVar::Free | TyVar::Int | TyVar::Float => break,
            }
        }
        ty.clone()
    }

    /// Whether a type has at most `left` parts; those that were seen are taken off.
    pub fn fits(&self, ty: &Ty, left: &mut usize) -> bool {
        if *left == 0 {
            return false;
        }
        *left -= 1;
        match ty {
            Ty::Tuple(parts) => parts.iter().all(|t| self.fits(t, left)),
            Ty::Array(of, _) | Ty::List(of) | Ty::Tangent(of) => self.fits(of, left),
            Ty::Adt(_, args) => {
                args.iter().all(|a| matches!(a, Arg::Size(_)) || matches!(a, Arg::Ty(t) if self.fits(t, left)))
            }
            Ty::Fn(params, result) => params.iter().all(|p| self.fits(&p.ty, left)) && self.fits(result, left),
            Ty::Infer(var) => match self.var(*var) {
                TyVar::Is(known) => self.fits(known, left),
                TyVar::Free | TyVar::Int | TyVar::Float => true,
            },
            Ty::Scalar(_) | Ty::Str | Ty::Param(_) | Ty::Never | Ty::Error => true,
        }
    }

    /// The size with everything put in that is known.
    pub fn size_of(&self, size: &Size) -> Size {
        if !mentions_infer(size) {
            return size.clone();
        }
        let mut sum = Size::constant(size.constant);
        for (atom, factor) in &size.terms {
            let value = match atom {
                SizeAtom::Infer(var) => match &self.sizes[*var as usize] {
                    Some(known) => self.size_of(known),
                    None => Size::atom(atom.clone()),
                },
                SizeAtom::Op(op, a, b) => operation(*op, &self.size_of(a), &self.size_of(b)),
                SizeAtom::Param(_) | SizeAtom::Local(_) => Size::atom(atom.clone()),
            };
            sum = sum.add(&value.scale(*factor));
        }
        sum
    }
}

/// Whether a variable occurs in a size.
pub(super) fn mentions_infer(size: &Size) -> bool {
    size.terms.keys().any(|atom| match atom {
        SizeAtom::Infer(_) => true,
        SizeAtom::Op(_, a, b) => mentions_infer(a) || mentions_infer(b),
        SizeAtom::Param(_) | SizeAtom::Local(_) => false,
    })
}

/// `a op b` in normal form: folded if both are numbers.
pub(super) fn operation(op: SizeOp, a: &Size, b: &Size) -> Size {
    if op == SizeOp::Mul {
        return a.mul(b);
    }
    if let (Some(x), Some(y)) = (a.as_constant(), b.as_constant())
        && let Some(value) = fold(op, x, y)
    {
        return Size::constant(value);
    }
    match (op, b.as_constant()) {
        (SizeOp::Div, Some(1)) => a.clone(),
        (SizeOp::Min | SizeOp::Max, _) if a == b => a.clone(),
        _ => Size::atom(SizeAtom::Op(op, Box::new(a.clone()), Box::new(b.clone()))),
    }
}

/// As `i64` does it; `None` for a division by zero, which traps where it runs.
fn fold(op: SizeOp, x: i64, y: i64) -> Option<i64> {
    match op {
        SizeOp::Mul => Some(x.wrapping_mul(y)),
        SizeOp::Div => (y != 0).then(|| x.wrapping_div(y)),
        SizeOp::Rem => (y != 0).then(|| x.wrapping_rem(y)),
        SizeOp::Min => Some(x.min(y)),
        SizeOp::Max => Some(x.max(y)),
        SizeOp::Shl => Some(x.wrapping_shl(y as u32)),
        SizeOp::Shr => Some(x.wrapping_shr(y as u32)),
    }
}
