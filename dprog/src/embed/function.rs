//! Typed calls.
//!
//! At look-up the Rust type is compared with the function, leaf by leaf; after that a call checks nothing but sizes. Where all
//! leaves are numbers and the caller's stack is enough, a call stores the words of the arguments, calls the machine code, and
//! reads the words of the results.

use super::code::{Code, Prepared, Settings, Transfer, new_number};
use super::error::{Error, ErrorKind};
use super::interface::{Interface, Leaf, without_form};
use super::native::{Extent, NativeLeaf, NativeShape, Output, Returned};
use super::signature::{FnType, Slots, text};
use super::sizes::{SizeExpr, SizePlan, Sizes, Values, dims_of, first_mismatch, mismatch};
use super::thread::{InUse, Last, idle, trim};
use super::watch::CancelToken;
use dprog_codegen::Numbers;
use dprog_runtime::object::{count_elements, data, dims};
use dprog_runtime::{Context, Object};
use smallvec::SmallVec;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::time::Duration;

/// A function of a module with a Rust type; see [`Module::function`](crate::Module::function).
///
/// Calls may come from any number of threads at once. It keeps its code alive, also when the module is gone.
///
/// ```
/// let module = dprog::Compiler::new().compile("norm.dp", "fn norm2<n>(x: [f64; n]) -> f64 { dot(x, x) }")?;
/// let norm2 = module.function::<fn(&[f64]) -> f64>("norm2")?;
/// assert_eq!(norm2.call(&[3.0, 4.0])?, 25.0);
/// # Ok::<(), dprog::Error>(())
/// ```
pub struct Function<F> {
    code: Arc<Code>,
    settings: Settings,
    plan: Arc<Plan>,
    /// Of this code with these settings; see [`new_number`].
    number: u64,
    /// Nothing but numbers, on the caller's stack, without a clock.
    fast: bool,
    /// The same as a C function, if no number is in a tuple.
    plain: Option<Numbers>,
    of_type: PhantomData<fn() -> F>,
}

/// How the leaves of the Rust type go to those of the function.
struct Plan {
    sizes: SizePlan,
    /// Native leaves in front that are the sizes.
    skipped: usize,
    /// Whether numbers behind them are sizes, too.
    by_value: bool,
    /// Where each result goes.
    results: Vec<Target>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The next part of what the call gives.
    Output,
    /// This native leaf, which is `&mut`.
    Leaf(usize),
}

/// A status and a float, as C returns them: the status in the lower half of its word, a narrow float in that of the other.
#[repr(C)]
struct WithFloat {
    status: i64,
    result: f64,
}

/// The same for a result that is no float, or none.
#[repr(C)]
struct WithWord {
    status: i64,
    result: u64,
}

/// Numbers that the fast way takes and gives at most.
const FAST_WORDS: usize = 64;

// SAFETY: the address that makes it none by itself is that of code that `code` keeps, and that does not change.
unsafe impl<F> Send for Function<F> {}
// SAFETY: as above.
unsafe impl<F> Sync for Function<F> {}

impl<F> Clone for Function<F> {
    fn clone(&self) -> Self {
        let (code, settings, plan) = (self.code.clone(), self.settings.clone(), self.plan.clone());
        Function { code, settings, plan, number: self.number, fast: self.fast, plain: self.plain, of_type: PhantomData }
    }
}

impl<F> fmt::Debug for Function<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.code.interface.signature)
    }
}

impl<F: FnType> Function<F> {
    pub(crate) fn new(code: Arc<Code>, settings: Settings) -> Result<Function<F>, Error> {
        let plan = Plan::new::<F>(&code.interface).map_err(|reason| ErrorKind::Signature {
            function: code.interface.signature.to_string(),
            asked: text::<F>(),
            reason,
        })?;
        let (plan, number) = (Arc::new(plan), new_number());
        let mut function = Function { code, settings, plan, number, fast: false, plain: None, of_type: PhantomData };
        function.fast = function.is_fast();
        function.plain = function.code.numbers.filter(|_| F::Slots::PLAIN && function.fast);
        Ok(function)
    }

    fn is_fast(&self) -> bool {
        let few = F::Slots::NUMBERS.is_some_and(|count| count <= FAST_WORDS);
        let interface = &self.code.interface;
        let results = interface.results.len() <= FAST_WORDS && interface.ends.is_empty();
        few && F::Output::NUMBERS && results && self.code.direct && self.settings.time.is_none()
    }

    /// Calls the function: with a tuple of arguments, or the argument itself if there is one.
    ///
    /// Slices take what they are given; sizes that do not fit are an error before anything runs. After a trap the next call
    /// is as good as the first; `inout` arguments are as they were, and results behind `&mut` may be written in part.
    ///
    /// What is inlined is the way of functions of numbers; it would be lost in the frame of the others.
    #[inline(always)]
    pub fn call(&self, args: <F::Slots as Slots>::Args<'_>) -> Result<F::Output, Error> {
        if F::Slots::PLAIN
            && F::Output::NUMBERS
            && let Some(plain) = self.plain
        {
            let ctx = idle();
            // SAFETY: the context of this thread, which nobody else has.
            if !ctx.is_null() && unsafe { (*ctx).prepared } == self.number {
                // SAFETY: it is ready for this code, which is of this type and calls nobody.
                return unsafe { self.call_plain(&args, plain, ctx) };
            }
        }
        self.call_otherwise(args)
    }

    #[inline(never)]
    fn call_otherwise(&self, args: <F::Slots as Slots>::Args<'_>) -> Result<F::Output, Error> {
        if self.fast { self.call_fast(&args) } else { self.call_any(args) }
    }

    #[cold]
    #[inline(never)]
    fn stopped(&self, ctx: &mut Context) -> Error {
        self.code.stopped(ctx, &self.settings, false)
    }

    #[inline(always)]
    unsafe fn call_plain(
        &self,
        args: &<F::Slots as Slots>::Args<'_>,
        plain: Numbers,
        ctx: *mut Context,
    ) -> Result<F::Output, Error> {
        let mut results = [MaybeUninit::<u64>::uninit(); FAST_WORDS];
        // SAFETY: the caller's promise; a float comes back as one, and anything else as a word.
        let status = unsafe {
            match plain {
                Numbers::Row(function) => F::Slots::call(args, function, ctx, results.as_mut_ptr().cast()),
                Numbers::Pair(function) if F::Output::FLOAT => {
                    let given: WithFloat = F::Slots::call_for(args, function, ctx);
                    results[0].write(given.result.to_bits());
                    given.status as i32
                }
                Numbers::Pair(function) => {
                    let given: WithWord = F::Slots::call_for(args, function, ctx);
                    results[0].write(given.result);
                    given.status as i32
                }
            }
        };
        // SAFETY: as above; the code has returned.
        let ctx = unsafe { &mut *ctx };
        if status != 0 {
            return Err(self.stopped(ctx));
        }
        trim(ctx);
        let mut next = results.iter();
        // SAFETY: machine code has written as many results as the type has.
        Ok(F::Output::take_words(&mut || unsafe { next.next().map_or(0, |word| word.assume_init()) }))
    }

    #[inline]
    fn call_fast(&self, args: &<F::Slots as Slots>::Args<'_>) -> Result<F::Output, Error> {
        let mut words = [MaybeUninit::<u64>::uninit(); FAST_WORDS];
        let mut results = [MaybeUninit::<u64>::uninit(); FAST_WORDS];
        let mut count = 0;
        F::Slots::words(args, &mut |word| {
            words[count].write(word);
            count += 1;
        });
        let mut context = InUse::take();
        let ctx = context.get();
        self.code.prepare(ctx, &self.settings, self.number);
        // SAFETY: the types were compared at look-up: the words are those of the parameters, and there is room for the results.
        let status = unsafe { self.code.enter(ctx, words.as_ptr().cast(), results.as_mut_ptr().cast()) };
        if status != 0 {
            return Err(self.code.stopped(ctx, &self.settings, false));
        }
        ctx.host.out.flush();
        let mut next = results.iter();
        // SAFETY: machine code has written as many results as the type has.
        Ok(F::Output::take_words(&mut || unsafe { next.next().map_or(0, |word| word.assume_init()) }))
    }

    fn call_any(&self, args: <F::Slots as Slots>::Args<'_>) -> Result<F::Output, Error> {
        let mut extents: SmallVec<[Extent; 8]> = SmallVec::new();
        F::Slots::extents(&args, &mut |extent| extents.push(extent));
        let mut last = Last::take();
        if !(last.number == self.number && self.plan.is_same(&last.extents, &extents)) {
            let sizes = self.sizes(&extents)?;
            last.prepared = Prepared::new(&self.code, &sizes, &extents[self.plan.skipped..]);
            (last.number, last.extents) = (self.number, extents.clone());
        }
        let mut transfer = Typed { function: self, args, extents: &extents };
        let own = &extents[self.plan.skipped..];
        // SAFETY: the sizes were compared with the extents, now or for a call with the same.
        let given =
            unsafe { self.code.call_prepared((&self.settings, self.number), &mut last.prepared, own, &mut transfer) };
        last.keep();
        given
    }

    /// The sizes of a call, if everything fits.
    fn sizes(&self, extents: &[Extent]) -> Result<Sizes, Error> {
        let interface = &self.code.interface;
        let count = interface.signature.sizes.len();
        let own = &extents[self.plan.skipped..];
        let sizes = match self.plan.sizes.explicit {
            true => {
                let mut sizes = Sizes::new();
                extents[..count].iter().for_each(|extent| sizes.push(extent.word as i64));
                sizes
            }
            false => self.plan.sizes.solve(count, &interface.params, own),
        };
        let values = Values { sizes: &sizes, extents: own };
        if let Some((size, name)) = sizes.iter().zip(&interface.signature.sizes).find(|(size, _)| **size < 0) {
            return Err(self.code.arguments_error(format!("the size `{name}` is {size}")));
        }
        if let Some(reason) = first_mismatch(&interface.params, &values) {
            return Err(self.code.arguments_error(reason));
        }
        for (target, leaf) in self.plan.results.iter().zip(&interface.results) {
            if let (Target::Leaf(at), Some(_), true) = (target, &leaf.dims, leaf.rank > 0)
                && let Some(reason) = mismatch(leaf, &dims_of(leaf, &values, &extents[*at]), &extents[*at])
            {
                return Err(self.code.arguments_error(reason));
            }
        }
        Ok(sizes)
    }
}

/// The arguments of a call, and where its results go.
struct Typed<'c, 'a, F: FnType> {
    function: &'c Function<F>,
    args: <F::Slots as Slots>::Args<'a>,
    extents: &'c [Extent],
}

impl<F: FnType> Transfer for Typed<'_, '_, F> {
    type Output = F::Output;

    fn place(&self, leaf: usize) -> Option<*const u8> {
        F::Slots::place(&self.args, self.function.plan.skipped + leaf)
    }

    fn room(&mut self, result: usize) -> Option<*mut u8> {
        let ends = &self.function.code.interface.ends;
        match self.function.plan.results[result] {
            // What is `inout` is as it was if the function traps.
            Target::Leaf(at) if !ends.contains(&at.wrapping_sub(self.function.plan.skipped)) => {
                F::Slots::room(&mut self.args, at)
            }
            Target::Leaf(_) | Target::Output => None,
        }
    }

    unsafe fn read(&self, leaf: usize, to: *mut u8) {
        // SAFETY: the caller's promise.
        unsafe { F::Slots::read(&self.args, self.function.plan.skipped + leaf, to) }
    }

    unsafe fn give(&mut self, results: &[u64]) -> Result<F::Output, Error> {
        let (code, targets) = (&self.function.code, &self.function.plan.results);
        let leaves = &code.interface.results;
        for ((target, leaf), word) in targets.iter().zip(leaves).zip(results) {
            let Target::Leaf(at) = *target else { continue };
            if leaf.rank == 0 {
                // SAFETY: the number lies in the low bytes of the word.
                unsafe { F::Slots::write(&mut self.args, at, (&raw const *word).cast()) };
                continue;
            }
            let object = *word as Object;
            if object.is_null() {
                continue;
            }
            // SAFETY: an array of this rank.
            let (count, elements) = unsafe { (count_elements(object, leaf.rank), data(object, leaf.rank)) };
            if count != self.extents[at].total {
                let (name, room) = (&leaf.name, self.extents[at].total);
                let reason = format!("{name} has {count} elements, and there is room for {room}");
                return Err(code.arguments_error(reason));
            }
            // SAFETY: as many elements as the extent says.
            unsafe { F::Slots::write(&mut self.args, at, elements) };
        }
        let mut outputs = targets.iter().zip(leaves).zip(results).filter(|((t, _), _)| **t == Target::Output);
        Ok(F::Output::take(&mut || {
            let ((_, leaf), word) = outputs.next().expect("as many results as were compared at look-up");
            // SAFETY: an object of this rank, if it is an array.
            unsafe { returned(leaf, *word) }
        }))
    }
}

impl<F> Function<F> {
    /// The same function, stopped by a token.
    pub fn with_cancel(mut self, token: &CancelToken) -> Function<F> {
        self.settings.cancel = Some(token.clone());
        self.renumbered()
    }

    /// The same function, each call of which may take so long.
    pub fn with_max_time(mut self, time: Duration) -> Function<F> {
        self.settings.time = Some(time);
        (self.fast, self.plain) = (false, None);
        self.renumbered()
    }

    /// The same function, each call of which may use so many bytes for its values.
    pub fn with_max_memory(mut self, bytes: usize) -> Function<F> {
        self.settings.limits.memory = bytes;
        self.renumbered()
    }

    /// The same function, with at most so many nested calls.
    pub fn with_max_depth(mut self, calls: u32) -> Function<F> {
        self.settings.limits.depth = i64::from(calls);
        self.renumbered()
    }

    /// With other settings than before.
    fn renumbered(mut self) -> Function<F> {
        self.number = new_number();
        self
    }

    /// The function as dProg writes it.
    pub fn signature(&self) -> &crate::Signature {
        &self.code.interface.signature
    }

    /// What the compiler had to say about it that is no error.
    pub fn warnings(&self) -> &[crate::Diagnostic] {
        &self.code.warnings
    }
}

unsafe fn returned(leaf: &Leaf, word: u64) -> Returned {
    if leaf.rank == 0 {
        return Returned { word, elements: std::ptr::null(), dims: SmallVec::new() };
    }
    let object = word as Object;
    // SAFETY: the caller's promise.
    unsafe {
        let dims = dims(object, leaf.rank).iter().map(|d| *d as usize).collect();
        Returned { word, elements: data(object, leaf.rank), dims }
    }
}

// ---- look-up ----

impl Plan {
    /// Whether two calls have the same sizes.
    fn is_same(&self, before: &[Extent], now: &[Extent]) -> bool {
        let words = if self.by_value { now.len() } else { self.skipped };
        before.len() == now.len()
            && before.iter().zip(now).all(|(a, b)| a.total == b.total && same_dims(&a.dims, &b.dims))
            && before[..words].iter().zip(&now[..words]).all(|(a, b)| a.word == b.word)
    }

    /// Compares; what does not fit, in words, if it does not.
    fn new<F: FnType>(interface: &Interface) -> Result<Plan, String> {
        let mut native = Vec::new();
        F::Slots::leaves(&mut native);
        let mut outputs = Vec::new();
        F::Output::leaves(&mut outputs);
        let sizes = interface.signature.sizes.len();
        let leaves = || interface.params.iter().chain(&interface.results);
        let by_value = leaves().flat_map(|leaf| leaf.dims.iter().flatten()).any(SizeExpr::is_by_value);
        let explicit = sizes > 0 && native.len() >= sizes && native[..sizes].iter().all(is_size);
        if explicit && let Ok(results) = routes(interface, &native, sizes, &outputs) {
            return Ok(Plan { sizes: SizePlan::explicit(), skipped: sizes, by_value, results });
        }
        let results = routes(interface, &native, 0, &outputs)?;
        let exact: Vec<bool> =
            native.iter().map(|leaf| matches!(leaf.shape, NativeShape::Rank(rank) if rank > 0)).collect();
        let plan = SizePlan::new(sizes, &interface.params, &exact).map_err(|missing| {
            let names: Vec<String> =
                missing.iter().map(|size| format!("`{}`", interface.signature.sizes[*size])).collect();
            let all = interface.signature.sizes.join(", ");
            let (names, verb) = (names.join(" and "), if missing.len() == 1 { "is" } else { "are" });
            format!("{names} {verb} not told by the length of any slice; put the sizes ({all}) in front, as `usize`")
        })?;
        Ok(Plan { sizes: plan, skipped: 0, by_value, results })
    }
}

/// Written out, because they are few or none.
fn same_dims(a: &[usize], b: &[usize]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b)
}

fn is_size(leaf: &NativeLeaf) -> bool {
    leaf.scalar == dprog_ir::Scalar::I64 && leaf.shape == NativeShape::Number
}

/// Compares the parameters behind the first `skipped`, and finds where each result goes.
fn routes(
    interface: &Interface,
    native: &[NativeLeaf],
    skipped: usize,
    outputs: &[NativeLeaf],
) -> Result<Vec<Target>, String> {
    let (params, own) = (&interface.params, &native[skipped..]);
    if own.len() < params.len() {
        let leaf = &params[own.len()];
        return Err(format!("there is no parameter for `{}`, which is {}", leaf.name, described(leaf)));
    }
    for (leaf, native) in params.iter().zip(own) {
        fits(leaf, native)?;
    }
    let mut free: Vec<usize> = (skipped + params.len()..native.len()).collect();
    if let Some(extra) = free.iter().find(|at| !native[**at].mutable) {
        return Err(format!("the function has no parameter number {}; results are behind `&mut`", extra + 1));
    }
    let mut outputs = outputs.iter();
    let (results, ends) = interface.results.split_at(interface.results.len() - interface.ends.len());
    let mut targets = Vec::new();
    for leaf in results {
        if let Some(at) = free.first().copied().filter(|at| same_shape(leaf, &native[*at])) {
            free.remove(0);
            targets.push(Target::Leaf(at));
        } else if let Some(output) = outputs.next().filter(|output| same_shape(leaf, output)) {
            let _ = output;
            targets.push(Target::Output);
        } else {
            return Err(format!("{} is {}, and nothing in the type takes it", leaf.name, described(leaf)));
        }
    }
    if let Some(at) = free.first() {
        return Err(format!("the function gives nothing for parameter number {}", at + 1));
    }
    if outputs.next().is_some() {
        return Err("the function gives fewer results".to_string());
    }
    targets.extend(ends.iter().zip(&interface.ends).map(|(_, at)| Target::Leaf(skipped + at)));
    Ok(targets)
}

fn fits(leaf: &Leaf, native: &NativeLeaf) -> Result<(), String> {
    if same_shape(leaf, native) && native.mutable == leaf.inout {
        return Ok(());
    }
    let inout = if leaf.inout { "`inout`, so it needs `&mut`: it is " } else { "" };
    let not = if !leaf.inout && native.mutable { ", and not `inout`" } else { "" };
    Err(format!("`{}` is {inout}{}{not}", leaf.name, described(leaf)))
}

fn same_shape(leaf: &Leaf, native: &NativeLeaf) -> bool {
    let shape = match native.shape {
        NativeShape::Number => leaf.rank == 0,
        NativeShape::Flat => leaf.rank > 0,
        NativeShape::Rank(rank) => leaf.rank == rank,
    };
    shape && leaf.scalar == Some(native.scalar)
}

/// A leaf in words.
fn described(leaf: &Leaf) -> String {
    match leaf.scalar {
        None => without_form(leaf.ty).to_string(),
        Some(scalar) if leaf.rank == 0 => format!("one `{}`", scalar.name()),
        Some(scalar) if leaf.rank == 1 => format!("an array of `{}`", scalar.name()),
        Some(scalar) => format!("an array of `{}` with {} axes", scalar.name(), leaf.rank),
    }
}
