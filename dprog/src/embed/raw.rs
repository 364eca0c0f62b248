//! Functions with C types, for the C face: `int32_t f(int64_t n, const double *x, double *result)`.
//!
//! The sizes come first, each once; then the leaves of the parameters, numbers by value and arrays as pointers to rows (`const`
//! unless `inout`, which makes a number a pointer, too), lists with their length behind them; then a pointer for each result, to a
//! *handle* if nobody knows its size before: a struct with elements from `malloc` and their sizes. The status is 0, or what the
//! `report` that was given at look-up makes of the error.

use super::code::{Code, Settings, Transfer, new_number};
use super::error::{Error, ErrorKind};
use super::interface::{Interface, Leaf, without_form};
use super::module::Callable;
use super::native::Extent;
use super::sizes::{Values, dims_of};
use super::thread::{InUse, KEEP, idle};
use dprog_codegen::thunk::{Shortcut, Thunk};
use dprog_ir::{Scalar, Type};
use dprog_runtime::object::{count_elements, data, dims};
use dprog_runtime::{Context, Object};
use smallvec::SmallVec;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A function that C can call. The address stays good until it is dropped.
pub struct RawFunction {
    code: Arc<Code>,
    settings: Settings,
    /// Of this code with these settings; see [`new_number`].
    number: u64,
    report: Report,
    c_type: String,
    places: Places,
    /// Nothing but numbers, on the caller's stack, without a clock.
    fast: bool,
    thunk: Option<Thunk>,
}

/// Keeps an error for who asks later, and gives its status. `None` is a defect of ours.
pub type Report = fn(Option<Error>) -> i32;

/// A word of a C call.
struct CParam {
    scalar: Scalar,
    /// Behind a pointer, and written to.
    pointer: Option<bool>,
    /// The type of the struct, if it is a result in memory of its own.
    handle: Option<String>,
    name: String,
}

/// Which words of a C call are what.
struct Places {
    /// The first word of each parameter leaf.
    params: Vec<usize>,
    /// The first of the results.
    results: usize,
    /// How many there are.
    all: usize,
}

/// Results that the fast way gives at most.
const FAST_RESULTS: usize = 16;

impl RawFunction {
    /// The C function for a callable; `asked` is the C type that the caller will use, if it says.
    pub fn new(callable: &Callable, asked: Option<&str>, report: Report) -> Result<Box<RawFunction>, Error> {
        let (code, settings) = callable.parts();
        let interface = &code.interface;
        let mismatch = |asked: &str, reason: String| -> Error {
            let function = interface.signature.to_string();
            ErrorKind::Signature { function, asked: asked.to_string(), reason }.into()
        };
        let params = c_params(&code).map_err(|reason| mismatch(asked.unwrap_or("a C function"), reason))?;
        let c_type = c_text(&params);
        if let Some(asked) = asked.filter(|asked| normal(asked) != normal(&c_type)) {
            return Err(mismatch(asked, format!("the C type is {c_type}")));
        }
        let numbers = interface.params.iter().chain(&interface.results).all(|leaf| leaf.rank == 0);
        let few = interface.results.len() <= FAST_RESULTS && interface.ends.is_empty();
        let fast = numbers && few && code.direct && settings.time.is_none();
        let (number, places) = (new_number(), Places::new(interface));
        let mut raw = Box::new(RawFunction { code, settings, number, report, c_type, places, fast, thunk: None });
        let words: Vec<Option<Scalar>> =
            params.iter().map(|p| if p.pointer.is_some() { None } else { Some(p.scalar) }).collect();
        let address = (&raw const *raw).cast();
        let shortcut = raw.shortcut();
        let thunk = Thunk::new(&words, dispatch, address, shortcut.as_ref());
        let thunk = thunk.unwrap_or_else(|error| panic!("code generation: {error}"));
        raw.thunk = Some(thunk);
        Ok(raw)
    }

    /// The way for functions of numbers, if this is one: it goes through the machine code and nothing of ours.
    fn shortcut(&self) -> Option<Shortcut> {
        let function = self.code.numbers.filter(|_| self.fast)?;
        let results = self.code.interface.results.iter().map(|leaf| leaf.scalar).collect::<Option<_>>()?;
        Some(Shortcut { begin, failed, function, results })
    }

    /// What to call.
    pub fn address(&self) -> *const u8 {
        self.thunk.as_ref().map_or(std::ptr::null(), Thunk::address)
    }

    /// Its C type, `int32_t (int64_t n, const double *x, double *result)`.
    pub fn c_type(&self) -> &str {
        &self.c_type
    }

    /// The function as dProg writes it.
    pub fn signature(&self) -> String {
        self.code.interface.signature.to_string()
    }

    unsafe fn call(&self, words: *const u64) -> Result<(), Error> {
        // SAFETY: the thunk passes a word for each parameter.
        unsafe { if self.fast { self.call_fast(words) } else { self.call_any(words) } }
    }

    unsafe fn call_fast(&self, words: *const u64) -> Result<(), Error> {
        let interface = &self.code.interface;
        let count = interface.signature.sizes.len() + interface.params.len();
        // SAFETY: as many words as the C type has parameters.
        let outputs = unsafe { std::slice::from_raw_parts(words.add(count), interface.results.len()) };
        self.no_null(outputs.iter().copied().zip(&interface.results))?;
        let mut results = [0u64; FAST_RESULTS];
        let mut context = InUse::take();
        let ctx = context.get();
        self.code.prepare(ctx, &self.settings, self.number);
        // SAFETY: the first words are those of the machine code's parameters.
        let status = unsafe { self.code.enter(ctx, words, results.as_mut_ptr()) };
        if status != 0 {
            return Err(self.code.stopped(ctx, &self.settings, false));
        }
        ctx.host.out.flush();
        for ((word, pointer), leaf) in results.iter().zip(outputs).zip(&interface.results) {
            // SAFETY: the caller's pointer is to a number of this type.
            unsafe { store(leaf, *word, *pointer) };
        }
        Ok(())
    }

    unsafe fn call_any(&self, words: *const u64) -> Result<(), Error> {
        let (interface, places) = (&self.code.interface, &self.places);
        // SAFETY: as many words as the C type has parameters.
        let words = unsafe { std::slice::from_raw_parts(words, places.all) };
        let (params, outputs) = (Params { words, places }, &words[places.results..]);
        let count = interface.signature.sizes.len();
        let mut sizes = SmallVec::<[i64; 8]>::new();
        words[..count].iter().for_each(|word| sizes.push(*word as i64));
        if let Some((size, name)) = sizes.iter().zip(&interface.signature.sizes).find(|(size, _)| **size < 0) {
            return Err(self.code.arguments_error(format!("the size `{name}` is {size}")));
        }
        let leaves = || interface.params.iter().enumerate();
        let pointers = leaves().filter(|(_, leaf)| leaf.rank > 0 || leaf.inout).map(|(i, leaf)| (params.word(i), leaf));
        self.no_null(pointers.chain(outputs.iter().copied().zip(&interface.results)))?;
        let mut extents = SmallVec::<[Extent; 8]>::new();
        // SAFETY: pointers to numbers are not null.
        leaves().for_each(|(i, leaf)| extents.push(unsafe { number(leaf, params.word(i)) }));
        for (index, leaf) in leaves().filter(|(_, leaf)| leaf.rank > 0) {
            if leaf.dims.is_none() {
                extents[index].total = self.total(leaf, &[params.length(index)])?;
                continue;
            }
            let dims = dims_of(leaf, &Values { sizes: &sizes, extents: &extents }, &extents[index]);
            extents[index].total = self.total(leaf, &dims)?;
        }
        let mut transfer = Pointers { code: &self.code, params, outputs, sizes: &sizes, extents: &extents };
        // SAFETY: the extents are what the sizes mean.
        unsafe { self.code.call_arrays((&self.settings, self.number), &sizes, &extents, &mut transfer) }
    }

    /// The elements of an argument; an error if no memory could hold them.
    fn total(&self, leaf: &Leaf, dims: &[i64]) -> Result<usize, Error> {
        let total = dims.iter().try_fold(1i64, |n, d| n.checked_mul(*d).filter(|_| *d >= 0));
        let fits = |n: &i64| n.checked_mul(element_bytes(leaf) as i64).is_some();
        total
            .filter(fits)
            .map(|n| n as usize)
            .ok_or_else(|| self.code.arguments_error(format!("`{}` would have the sizes {dims:?}", leaf.name)))
    }

    fn no_null<'w>(&self, mut pointers: impl Iterator<Item = (u64, &'w Leaf)>) -> Result<(), Error> {
        match pointers.find(|(word, _)| *word == 0) {
            Some((_, leaf)) => Err(self.code.arguments_error(format!("the pointer for `{}` is null", leaf.name))),
            None => Ok(()),
        }
    }
}

/// A context for a function that calls nobody back, so that it stays where it is. Null if the thread's is in use.
unsafe extern "C" fn begin(function: *const ()) -> *mut Context {
    // SAFETY: the thunk lives in the function that it was made with.
    let function = unsafe { &*function.cast::<RawFunction>() };
    let ctx = idle();
    // SAFETY: the context of this thread, which nobody else has.
    if !ctx.is_null() && unsafe { (*ctx).prepared == function.number && (*ctx).heap.taken <= KEEP } {
        return ctx;
    }
    begin_anew(function)
}

#[cold]
fn begin_anew(function: &RawFunction) -> *mut Context {
    let mut context = InUse::take();
    function.code.prepare(context.get(), &function.settings, function.number);
    drop(context);
    idle()
}

/// The status of a call that trapped.
unsafe extern "C" fn failed(function: *const (), ctx: *mut Context) -> i32 {
    // SAFETY: as above; the context is the one that the call ran with.
    let (function, ctx) = unsafe { (&*function.cast::<RawFunction>(), &mut *ctx) };
    let error = catch_unwind(AssertUnwindSafe(|| function.code.stopped(ctx, &function.settings, false)));
    (function.report)(error.ok())
}

/// What a thunk calls. Nothing unwinds from here into compiled code or C.
unsafe extern "C" fn dispatch(function: *const (), words: *const u64) -> i32 {
    // SAFETY: the thunk lives in the function that it was made with.
    let function = unsafe { &*function.cast::<RawFunction>() };
    // SAFETY: the words of a call of this function.
    match catch_unwind(AssertUnwindSafe(|| unsafe { function.call(words) })) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => (function.report)(Some(error)),
        Err(_) => (function.report)(None),
    }
}

impl Places {
    fn new(interface: &Interface) -> Places {
        let mut next = interface.signature.sizes.len();
        let mut params = Vec::new();
        for leaf in &interface.params {
            params.push(next);
            next += 1 + is_list(leaf) as usize;
        }
        Places { params, results: next, all: next + interface.results.len() - interface.ends.len() }
    }
}

/// An array with its length behind it.
fn is_list(leaf: &Leaf) -> bool {
    leaf.rank > 0 && leaf.dims.is_none()
}

/// The words of the parameter leaves.
#[derive(Clone, Copy)]
struct Params<'c> {
    words: &'c [u64],
    places: &'c Places,
}

impl Params<'_> {
    fn word(&self, leaf: usize) -> u64 {
        self.words[self.places.params[leaf]]
    }

    fn length(&self, leaf: usize) -> i64 {
        self.words[self.places.params[leaf] + 1] as i64
    }
}

/// The arrays of a C call.
struct Pointers<'c> {
    code: &'c Code,
    params: Params<'c>,
    outputs: &'c [u64],
    sizes: &'c [i64],
    extents: &'c [Extent],
}

impl Transfer for Pointers<'_> {
    type Output = ();

    fn place(&self, leaf: usize) -> Option<*const u8> {
        Some(self.params.word(leaf) as *const u8)
    }

    fn room(&mut self, result: usize) -> Option<*mut u8> {
        let leaf = &self.code.interface.results[result];
        let pointer = *self.outputs.get(result).filter(|_| !is_handle(leaf))?;
        let bytes = |leaf: &Leaf, total: u64| total.saturating_mul(element_bytes(leaf) as u64);
        let mine = (pointer, bytes(leaf, self.wanted(leaf)? as u64));
        // A result may lie where an argument lies, or another result.
        let params = self.code.interface.params.iter().enumerate().filter(|(_, leaf)| leaf.rank > 0 || leaf.inout);
        let mut params = params.map(|(i, leaf)| (self.params.word(i), bytes(leaf, self.extents[i].total as u64)));
        let others = self.outputs.iter().zip(&self.code.interface.results).enumerate().filter(|(i, _)| *i != result);
        let mut others = others.map(|(_, (pointer, leaf))| {
            let handle = 8 + 8 * axes(leaf) as u64;
            (*pointer, if is_handle(leaf) { handle } else { bytes(leaf, self.wanted(leaf).unwrap_or(0) as u64) })
        });
        let end = |(start, bytes): (u64, u64)| start.saturating_add(bytes);
        let overlaps = |other: (u64, u64)| mine.0 < end(other) && other.0 < end(mine);
        (!params.any(overlaps) && !others.any(overlaps)).then_some(pointer as *mut u8)
    }

    unsafe fn read(&self, leaf: usize, to: *mut u8) {
        let bytes = self.extents[leaf].total * element_bytes(&self.code.interface.params[leaf]);
        // SAFETY: the caller's pointer is to as many elements as the sizes mean, and there is room for them.
        unsafe { to.copy_from_nonoverlapping(self.params.word(leaf) as *const u8, bytes) };
    }

    unsafe fn give(&mut self, results: &[u64]) -> Result<(), Error> {
        let leaves = &self.code.interface.results;
        // SAFETY: objects of the types of the results.
        unsafe { self.fits(results)? };
        let mut memory: SmallVec<[*mut u8; 4]> = SmallVec::new();
        for (word, leaf) in results.iter().zip(leaves).filter(|(_, leaf)| is_handle(leaf)) {
            // SAFETY: as above.
            match unsafe { copied(leaf, *word as Object) } {
                Some(elements) => memory.push(elements),
                None => {
                    // SAFETY: from `malloc`, and given to nobody.
                    memory.iter().for_each(|elements| unsafe { libc::free(elements.cast()) });
                    return Err(self.code.arguments_error("there is no memory for its results".to_string()));
                }
            }
        }
        let mut memory = memory.iter();
        for (i, (word, leaf)) in results.iter().zip(leaves).enumerate() {
            let pointer = self.pointer(i);
            // SAFETY: the caller's pointers are to numbers of these types, handles, or as many elements as the sizes mean.
            unsafe {
                match is_handle(leaf).then(|| memory.next()).flatten() {
                    Some(elements) => fill_handle(pointer as *mut i64, *elements, leaf, *word as Object),
                    None if leaf.rank == 0 => store(leaf, *word, pointer),
                    None if *word == 0 => {}
                    None => {
                        let (object, rank) = (*word as Object, leaf.rank);
                        let bytes = count_elements(object, rank) * element_bytes(leaf);
                        (pointer as *mut u8).copy_from_nonoverlapping(data(object, rank), bytes);
                    }
                }
            }
        }
        Ok(())
    }
}

impl Pointers<'_> {
    /// Where a result goes: those behind the last output are the ends of `inout` parameters.
    fn pointer(&self, result: usize) -> u64 {
        match self.outputs.get(result) {
            Some(pointer) => *pointer,
            None => self.params.word(self.code.interface.ends[result - self.outputs.len()]),
        }
    }

    /// How many elements there is room for in a result.
    fn wanted(&self, leaf: &Leaf) -> Option<i64> {
        let values = Values { sizes: self.sizes, extents: self.extents };
        let dims = dims_of(leaf, &values, &Extent::default());
        dims.iter().try_fold(1i64, |n, d| n.checked_mul(*d).filter(|_| *d >= 0))
    }

    /// Whether each array has as many elements as the sizes mean.
    ///
    /// # Safety
    /// The words are objects, of the types of their leaves.
    unsafe fn fits(&self, results: &[u64]) -> Result<(), Error> {
        let values = Values { sizes: self.sizes, extents: self.extents };
        let leaves = results.iter().zip(&self.code.interface.results);
        for (word, leaf) in leaves.filter(|(word, leaf)| leaf.rank > 0 && !is_handle(leaf) && **word != 0) {
            let wanted: i64 = dims_of(leaf, &values, &Extent::default()).iter().product();
            // SAFETY: an array of this rank.
            let count = unsafe { count_elements(*word as Object, leaf.rank) };
            if count as i64 != wanted {
                let reason = format!("{} has {count} elements, and there is room for {wanted}", leaf.name);
                return Err(self.code.arguments_error(reason));
            }
        }
        Ok(())
    }
}

// ---- results in memory of their own ----

/// A result whose size nobody knows before: a list, `some k` elements, a text.
fn is_handle(leaf: &Leaf) -> bool {
    is_list(leaf) || leaf.ty == Type::STR
}

/// Axes of the object; a text is laid out like bytes.
fn axes(leaf: &Leaf) -> usize {
    leaf.rank.max(1)
}

/// The elements of an object in memory from `malloc`, with a zero behind them.
unsafe fn copied(leaf: &Leaf, object: Object) -> Option<*mut u8> {
    let element = if leaf.ty == Type::STR { 1 } else { element_bytes(leaf) };
    // SAFETY: an object of this many axes; the memory is of this many bytes and one more.
    unsafe {
        let bytes = count_elements(object, axes(leaf)) * element;
        let memory = libc::malloc(bytes + 1).cast::<u8>();
        if memory.is_null() {
            return None;
        }
        memory.copy_from_nonoverlapping(data(object, axes(leaf)), bytes);
        memory.add(bytes).write(0);
        Some(memory)
    }
}

/// `{data, sizes…}`
unsafe fn fill_handle(handle: *mut i64, elements: *mut u8, leaf: &Leaf, object: Object) {
    // SAFETY: the caller's pointer is to a struct of a pointer and a size for each axis.
    unsafe {
        handle.write(elements as i64);
        for (axis, size) in dims(object, axes(leaf)).iter().enumerate() {
            handle.add(1 + axis).write(*size);
        }
    }
}

/// The word of a number, from behind its pointer if it is `inout`.
unsafe fn number(leaf: &Leaf, word: u64) -> Extent {
    if leaf.rank > 0 {
        return Extent::default();
    }
    let mut value = word;
    if leaf.inout {
        value = 0;
        // SAFETY: the caller's pointer is to a number of this type.
        unsafe { (&raw mut value).cast::<u8>().copy_from_nonoverlapping(word as *const u8, element_bytes(leaf)) };
    }
    Extent { total: 1, word: value, ..Extent::default() }
}

unsafe fn store(leaf: &Leaf, word: u64, pointer: u64) {
    // SAFETY: the caller's pointer is to a number of this type, which lies in the low bytes of the word.
    unsafe { (pointer as *mut u8).copy_from_nonoverlapping((&raw const word).cast(), element_bytes(leaf)) };
}

fn element_bytes(leaf: &Leaf) -> usize {
    leaf.scalar.map_or(8, |scalar| scalar.bytes() as usize)
}

// ---- C types ----

fn c_params(code: &Code) -> Result<Vec<CParam>, String> {
    let interface = &code.interface;
    let size = |name: String| CParam { scalar: Scalar::I64, pointer: None, handle: None, name };
    let mut params: Vec<CParam> = interface.signature.sizes.iter().cloned().map(size).collect();
    for leaf in &interface.params {
        if is_list(leaf) && leaf.inout {
            return Err(format!("`{}` may have another length when the function has run", leaf.name));
        }
        let array = (leaf.rank > 0).then_some(false);
        let param = c_param(leaf, if leaf.inout { Some(true) } else { array })?;
        let length = is_list(leaf).then(|| size(format!("{}_len", param.name)));
        params.push(param);
        params.extend(length);
    }
    let outputs = interface.results.len() - interface.ends.len();
    for (index, leaf) in interface.results[..outputs].iter().enumerate() {
        let name = if outputs == 1 { "result".to_string() } else { format!("result{index}") };
        let handle = is_handle(leaf).then(|| handle_type(leaf)).flatten();
        let param = match &handle {
            Some(_) => CParam { scalar: Scalar::U8, pointer: Some(true), handle, name },
            None => CParam { name, ..c_param(leaf, Some(true))? },
        };
        params.push(param);
    }
    Ok(params)
}

fn c_param(leaf: &Leaf, pointer: Option<bool>) -> Result<CParam, String> {
    let Some(scalar) = leaf.scalar else { return Err(format!("`{}` is {}", leaf.name, without_form(leaf.ty))) };
    Ok(CParam { scalar, pointer, handle: None, name: leaf.name.replace('.', "_") })
}

/// The struct of a result in memory of its own, as headers of objects call it.
fn handle_type(leaf: &Leaf) -> Option<String> {
    if leaf.ty == Type::STR {
        return Some("dprog_text".to_string());
    }
    let element = leaf.scalar?.name();
    Some(if leaf.rank == 1 { format!("dprog_list_{element}") } else { format!("dprog_array{}_{element}", leaf.rank) })
}

fn c_text(params: &[CParam]) -> String {
    let one = |p: &CParam| match (&p.handle, p.pointer) {
        (Some(handle), _) => format!("{handle} *{}", p.name),
        (None, None) => format!("{} {}", c_scalar(p.scalar), p.name),
        (None, Some(false)) => format!("const {} *{}", c_scalar(p.scalar), p.name),
        (None, Some(true)) => format!("{} *{}", c_scalar(p.scalar), p.name),
    };
    let all: Vec<String> = params.iter().map(one).collect();
    format!("int32_t ({})", if all.is_empty() { "void".to_string() } else { all.join(", ") })
}

fn c_scalar(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::F64 => "double",
        Scalar::F32 => "float",
        Scalar::I64 => "int64_t",
        Scalar::I32 => "int32_t",
        Scalar::U8 => "uint8_t",
        Scalar::Bool => "bool",
    }
}

/// A C type without names and needless spaces, for comparing.
fn normal(text: &str) -> Vec<String> {
    let inside = text.split_once('(').map_or("", |(_, rest)| rest.rsplit_once(')').map_or(rest, |(inside, _)| inside));
    let types = inside.split(',').map(normal_param);
    types.filter(|ty| !ty.is_empty() && ty != "void").collect()
}

fn normal_param(param: &str) -> String {
    let spaced = param.replace('*', " * ");
    let known = |word: &&str| {
        matches!(*word, "const" | "*" | "double" | "float" | "bool" | "_Bool" | "void")
            || word.ends_with("_t")
            || word.starts_with("dprog_")
    };
    let mut words: Vec<&str> = spaced.split_whitespace().filter(known).collect();
    words.iter_mut().filter(|word| **word == "_Bool").for_each(|word| *word = "bool");
    // `double const *` is `const double *`.
    if let [first, "const", ..] = words[..] {
        (words[0], words[1]) = ("const", first);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn c_types_are_compared_without_names() {
        let wanted = normal("int32_t (int64_t n, const double *x, double *result)");
        assert_eq!(normal("int32_t(int64_t,double const*,double*out)"), wanted);
        assert_ne!(normal("int32_t (int64_t, double *, double *)"), wanted);
        assert_eq!(normal("int32_t (void)"), normal("int32_t ()"));
    }
}
