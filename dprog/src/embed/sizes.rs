//! Sizes of arrays, from the lengths of slices: `[f64; n]` binds `n`, and whatever else has `n` is compared with it.
//!
//! Which size is found where is decided once, at look-up ([`SizePlan::new`]); a call only computes ([`SizePlan::solve`]). A
//! size is found where it is the only unknown of an axis, or of the product of all axes of a slice in rows. A size that is
//! found nowhere must stand in front of the parameters.

use super::interface::Leaf;
use super::native::Extent;
use dprog_frontend::typed::{GenericId, LocalId, Size, SizeAtom, SizeOp};
use smallvec::SmallVec;

/// A size as an expression of the function's size parameters and of earlier integer parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SizeExpr {
    constant: i64,
    terms: Vec<(Atom, i64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Atom {
    /// A size parameter, by number.
    Size(usize),
    /// A parameter leaf that is an integer.
    Leaf(usize),
    Op(SizeOp, Box<SizeExpr>, Box<SizeExpr>),
}

/// What the names in sizes are in a call.
pub(crate) struct Values<'a> {
    pub sizes: &'a [i64],
    pub extents: &'a [Extent],
}

impl SizeExpr {
    /// `None` for a size that only the function knows.
    pub fn new(size: &Size, generics: &[GenericId], locals: &[(LocalId, usize)]) -> Option<SizeExpr> {
        let atom = |atom: &SizeAtom| match atom {
            SizeAtom::Param(id) => generics.iter().position(|g| g == id).map(Atom::Size),
            SizeAtom::Local(id) => locals.iter().find(|(local, _)| local == id).map(|(_, leaf)| Atom::Leaf(*leaf)),
            SizeAtom::Op(op, a, b) => {
                let (a, b) = (SizeExpr::new(a, generics, locals)?, SizeExpr::new(b, generics, locals)?);
                Some(Atom::Op(*op, Box::new(a), Box::new(b)))
            }
            SizeAtom::Infer(_) => None,
        };
        let terms = size.terms.iter().map(|(a, factor)| Some((atom(a)?, *factor)));
        Some(SizeExpr { constant: size.constant, terms: terms.collect::<Option<_>>()? })
    }

    #[inline]
    fn evaluate(&self, values: &Values<'_>) -> i64 {
        // What nearly every size is.
        match (&self.terms[..], self.constant) {
            ([(Atom::Size(index), 1)], 0) => values.sizes[*index],
            ([], constant) => constant,
            _ => self.evaluate_sum(values),
        }
    }

    fn evaluate_sum(&self, values: &Values<'_>) -> i64 {
        let term = |(atom, factor): &(Atom, i64)| atom.evaluate(values).wrapping_mul(*factor);
        self.terms.iter().map(term).fold(self.constant, i64::wrapping_add)
    }

    /// Whether an argument by value occurs.
    pub fn is_by_value(&self) -> bool {
        self.terms.iter().any(|(atom, _)| match atom {
            Atom::Size(_) => false,
            Atom::Leaf(_) => true,
            Atom::Op(_, a, b) => a.is_by_value() || b.is_by_value(),
        })
    }

    /// Adds the size parameters that occur.
    fn mentions(&self, all: &mut Vec<usize>) {
        for (atom, _) in &self.terms {
            match atom {
                Atom::Size(index) => all.push(*index),
                Atom::Leaf(_) => {}
                Atom::Op(_, a, b) => {
                    a.mentions(all);
                    b.mentions(all);
                }
            }
        }
    }

    /// If `unknown` occurs as a term of its own and nowhere else: its factor.
    fn factor_of(&self, unknown: usize) -> Option<i64> {
        let mut mentioned = Vec::new();
        self.mentions(&mut mentioned);
        let once = mentioned.iter().filter(|index| **index == unknown).count() == 1;
        let found = self.terms.iter().find(|(atom, _)| *atom == Atom::Size(unknown));
        found.filter(|_| once).map(|(_, factor)| *factor)
    }
}

impl Atom {
    fn evaluate(&self, values: &Values<'_>) -> i64 {
        match self {
            Atom::Size(index) => values.sizes[*index],
            Atom::Leaf(leaf) => values.extents[*leaf].word as i64,
            Atom::Op(op, a, b) => {
                let (a, b) = (a.evaluate(values), b.evaluate(values));
                match op {
                    SizeOp::Mul => a.wrapping_mul(b),
                    SizeOp::Div => a.checked_div(b).unwrap_or(0),
                    SizeOp::Rem => a.checked_rem(b).unwrap_or(0),
                    SizeOp::Min => a.min(b),
                    SizeOp::Max => a.max(b),
                    SizeOp::Shl => a.wrapping_shl(b as u32),
                    SizeOp::Shr => a.wrapping_shr(b as u32),
                }
            }
        }
    }
}

/// Where a size is found: at an axis of an argument, or (with a slice in rows) in its length.
#[derive(Clone, Debug)]
struct Source {
    size: usize,
    leaf: usize,
    axis: usize,
    /// The argument says its sizes one by one.
    exact: bool,
    /// How often the axis has the size in it.
    factor: i64,
}

/// How the sizes of a call are found.
#[derive(Clone, Debug, Default)]
pub(crate) struct SizePlan {
    sources: Vec<Source>,
    /// The sizes come in front of the arguments.
    pub explicit: bool,
}

/// Sizes that were found, in the order of the function's size parameters.
pub(crate) type Sizes = SmallVec<[i64; 8]>;

impl SizePlan {
    /// The plan for arguments of which `exact` says whether they tell all their sizes; or the sizes that are found nowhere.
    pub fn new(count: usize, params: &[Leaf], exact: &[bool]) -> Result<SizePlan, Vec<usize>> {
        let mut known = vec![false; count];
        let mut sources: Vec<Source> = Vec::new();
        while let Some(source) = (0..params.len()).find_map(|leaf| find(params, leaf, exact[leaf], &known)) {
            known[source.size] = true;
            sources.push(source);
        }
        let missing: Vec<usize> = (0..count).filter(|size| !known[*size]).collect();
        if missing.is_empty() { Ok(SizePlan { sources, explicit: false }) } else { Err(missing) }
    }

    /// The plan for sizes that come in front.
    pub fn explicit() -> SizePlan {
        SizePlan { sources: Vec::new(), explicit: true }
    }

    /// The sizes of a call. Whether they fit is for [`check`] to see.
    pub fn solve(&self, count: usize, params: &[Leaf], extents: &[Extent]) -> Sizes {
        let mut sizes = Sizes::from_elem(0, count);
        for source in &self.sources {
            let dims = params[source.leaf].dims.as_ref().expect("an array with sizes");
            let extent = &extents[source.leaf];
            let values = Values { sizes: &sizes, extents };
            let length = if source.exact {
                extent.dims[source.axis] as i64
            } else {
                let others = dims.iter().enumerate().filter(|(axis, _)| *axis != source.axis);
                let others: i64 = others.map(|(_, dim)| dim.evaluate(&values)).product();
                match others {
                    0 => 0,
                    1 => extent.total as i64,
                    others => extent.total as i64 / others,
                }
            };
            let dim = &dims[source.axis];
            let rest = dim.evaluate(&values);
            let length = length.wrapping_sub(rest);
            sizes[source.size] =
                if source.factor == 1 { length } else { length.checked_div(source.factor).unwrap_or(0) };
        }
        sizes
    }
}

/// A size that is not known yet, and can be told from this argument.
fn find(params: &[Leaf], leaf: usize, exact: bool, known: &[bool]) -> Option<Source> {
    let dims = params[leaf].dims.as_ref()?;
    let unknown_of = |dim: &SizeExpr| {
        let mut all = Vec::new();
        dim.mentions(&mut all);
        all.retain(|size| !known[*size]);
        all.sort_unstable();
        all.dedup();
        all
    };
    let unknown: Vec<Vec<usize>> = dims.iter().map(unknown_of).collect();
    let open = unknown.iter().filter(|u| !u.is_empty()).count();
    dims.iter().enumerate().zip(&unknown).find_map(|((axis, dim), unknown)| {
        let [size] = unknown[..] else { return None };
        let told = exact || open == 1;
        let factor = dim.factor_of(size).filter(|_| told)?;
        Some(Source { size, leaf, axis, exact, factor })
    })
}

/// The sizes that an argument must have.
#[inline]
pub(crate) fn dims_of(leaf: &Leaf, values: &Values<'_>, extent: &Extent) -> SmallVec<[i64; 4]> {
    let mut sizes = SmallVec::new();
    match &leaf.dims {
        Some(dims) => dims.iter().for_each(|dim| sizes.push(dim.evaluate(values))),
        None if extent.dims.is_empty() => sizes.push(extent.total as i64),
        None => extent.dims.iter().for_each(|d| sizes.push(*d as i64)),
    }
    sizes
}

/// What is wrong with the sizes of an argument, if anything is.
#[inline]
pub(crate) fn mismatch(leaf: &Leaf, wanted: &[i64], extent: &Extent) -> Option<String> {
    let total = wanted.iter().try_fold(1i64, |n, d| n.checked_mul(*d).filter(|_| *d >= 0));
    let same = |(have, wanted): (&usize, &i64)| *have as i64 == *wanted;
    let exact = extent.dims.is_empty() || extent.dims.len() == wanted.len() && extent.dims.iter().zip(wanted).all(same);
    if exact && total == Some(extent.total as i64) { None } else { describe(leaf, wanted, extent) }
}

#[cold]
fn describe(leaf: &Leaf, wanted: &[i64], extent: &Extent) -> Option<String> {
    let list = |dims: &[i64]| format!("{dims:?}");
    if let Some(negative) = wanted.iter().find(|d| **d < 0) {
        return Some(format!("`{}` would have the size {negative}", leaf.name));
    }
    let total = wanted.iter().try_fold(1i64, |n, d| n.checked_mul(*d));
    let same = |(have, wanted): (&usize, &i64)| *have as i64 == *wanted;
    if !extent.dims.is_empty() && !(extent.dims.len() == wanted.len() && extent.dims.iter().zip(wanted).all(same)) {
        let exact = &extent.dims;
        return Some(format!("`{}` has the sizes {exact:?}, where {} are needed", leaf.name, list(wanted)));
    }
    if total != Some(extent.total as i64) {
        let of = if wanted.len() == 1 { wanted[0].to_string() } else { format!("{} in rows", list(wanted)) };
        return Some(format!("`{}` has {} elements, where {of} are needed", leaf.name, extent.total));
    }
    None
}

/// What is wrong with the sizes of the arguments, if anything is.
pub(crate) fn first_mismatch(params: &[Leaf], values: &Values<'_>) -> Option<String> {
    let arrays = params.iter().zip(values.extents).filter(|(leaf, _)| leaf.rank > 0);
    let mut wrong = arrays.filter_map(|(leaf, extent)| mismatch(leaf, &dims_of(leaf, values, extent), extent));
    wrong.next()
}
