//! Functions with C types, for the C face: `int32_t f(int64_t n, const double *x, double *result)`.
//!
//! The sizes come first, each once; then the leaves of the parameters, numbers by value and arrays as pointers to rows (`const`
//! unless `inout`, which makes a number a pointer, too); then a pointer for each result. The status is 0, or what the
//! `report` that was given at look-up makes of the error.

use super::code::{Code, Settings, Transfer};
use super::error::{Error, ErrorKind};
use super::interface::Leaf;
use super::module::Callable;
use super::native::Extent;
use super::sizes::{Values, dims_of};
use dprog_codegen::thunk::Thunk;
use dprog_ir::Scalar;
use dprog_runtime::Object;
use dprog_runtime::object::{count_elements, data};
use smallvec::SmallVec;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A function that C can call. The address stays good until it is dropped.
pub struct RawFunction {
    code: Arc<Code>,
    settings: Settings,
    report: Report,
    c_type: String,
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
    name: String,
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
        let mut raw = Box::new(RawFunction { code, settings, report, c_type, fast, thunk: None });
        let words: Vec<Option<Scalar>> =
            params.iter().map(|p| if p.pointer.is_some() { None } else { Some(p.scalar) }).collect();
        let address = (&raw const *raw).cast();
        let thunk = Thunk::new(&words, dispatch, address).unwrap_or_else(|error| panic!("code generation: {error}"));
        raw.thunk = Some(thunk);
        Ok(raw)
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
        self.no_null(outputs.iter().zip(&interface.results))?;
        let mut results = [0u64; FAST_RESULTS];
        let mut context = super::thread::InUse::take();
        let ctx = context.get();
        self.code.prepare(ctx, &self.settings);
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
        let interface = &self.code.interface;
        let (sizes, params) = (interface.signature.sizes.len(), interface.params.len());
        let outputs = interface.results.len() - interface.ends.len();
        // SAFETY: as many words as the C type has parameters.
        let words = unsafe { std::slice::from_raw_parts(words, sizes + params + outputs) };
        let (sizes, rest) = words.split_at(sizes);
        let (params, outputs) = rest.split_at(params);
        let sizes: SmallVec<[i64; 8]> = sizes.iter().map(|word| *word as i64).collect();
        if let Some((size, name)) = sizes.iter().zip(&interface.signature.sizes).find(|(size, _)| **size < 0) {
            return Err(self.code.arguments_error(format!("the size `{name}` is {size}")));
        }
        let pointers = params.iter().zip(&interface.params).filter(|(_, leaf)| leaf.rank > 0 || leaf.inout);
        self.no_null(pointers.chain(outputs.iter().zip(&interface.results)))?;
        // SAFETY: pointers to numbers are not null.
        let mut extents: SmallVec<[Extent; 8]> =
            params.iter().zip(&interface.params).map(|(word, leaf)| unsafe { number(leaf, *word) }).collect();
        for index in 0..extents.len() {
            let leaf = &interface.params[index];
            if leaf.rank > 0 {
                let dims = dims_of(leaf, &Values { sizes: &sizes, extents: &extents }, &extents[index]);
                extents[index].total = self.total(leaf, &dims)?;
            }
        }
        let mut transfer = Pointers { code: &self.code, params, outputs, sizes: &sizes, extents: &extents };
        // SAFETY: the extents are what the sizes mean.
        unsafe { self.code.call_arrays(&self.settings, &sizes, &extents, &mut transfer) }
    }

    fn total(&self, leaf: &Leaf, dims: &[i64]) -> Result<usize, Error> {
        let total = dims.iter().try_fold(1i64, |n, d| n.checked_mul(*d).filter(|_| *d >= 0));
        total
            .map(|n| n as usize)
            .ok_or_else(|| self.code.arguments_error(format!("`{}` would have the sizes {dims:?}", leaf.name)))
    }

    fn no_null<'w>(&self, mut pointers: impl Iterator<Item = (&'w u64, &'w Leaf)>) -> Result<(), Error> {
        match pointers.find(|(word, _)| **word == 0) {
            Some((_, leaf)) => Err(self.code.arguments_error(format!("the pointer for `{}` is null", leaf.name))),
            None => Ok(()),
        }
    }
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

/// The arrays of a C call.
struct Pointers<'c> {
    code: &'c Code,
    params: &'c [u64],
    outputs: &'c [u64],
    sizes: &'c [i64],
    extents: &'c [Extent],
}

impl Transfer for Pointers<'_> {
    type Output = ();

    unsafe fn read(&self, leaf: usize, to: *mut u8) {
        let bytes = self.extents[leaf].total * element_bytes(&self.code.interface.params[leaf]);
        // SAFETY: the caller's pointer is to as many elements as the sizes mean, and there is room for them.
        unsafe { to.copy_from_nonoverlapping(self.params[leaf] as *const u8, bytes) };
    }

    unsafe fn give(&mut self, results: &[u64]) -> Result<(), Error> {
        let interface = &self.code.interface;
        let outputs = self.outputs.iter().copied();
        let pointers = outputs.chain(interface.ends.iter().map(|at| self.params[*at]));
        for ((word, pointer), leaf) in results.iter().zip(pointers).zip(&interface.results) {
            if leaf.rank == 0 {
                // SAFETY: the caller's pointer is to a number of this type.
                unsafe { store(leaf, *word, pointer) };
                continue;
            }
            let object = *word as Object;
            let values = Values { sizes: self.sizes, extents: self.extents };
            let wanted: i64 = dims_of(leaf, &values, &Extent::default()).iter().product();
            // SAFETY: an array of this rank.
            let (count, from) = unsafe { (count_elements(object, leaf.rank), data(object, leaf.rank)) };
            if count as i64 != wanted {
                let reason = format!("{} has {count} elements, and there is room for {wanted}", leaf.name);
                return Err(self.code.arguments_error(reason));
            }
            // SAFETY: there is room for as many elements as the sizes mean.
            unsafe { (pointer as *mut u8).copy_from_nonoverlapping(from, count * element_bytes(leaf)) };
        }
        Ok(())
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
    let size = |name: &String| CParam { scalar: Scalar::I64, pointer: None, name: name.clone() };
    let mut params: Vec<CParam> = interface.signature.sizes.iter().map(size).collect();
    for leaf in &interface.params {
        let array = (leaf.rank > 0).then_some(false);
        params.push(c_param(leaf, if leaf.inout { Some(true) } else { array })?);
    }
    let outputs = interface.results.len() - interface.ends.len();
    for (index, leaf) in interface.results[..outputs].iter().enumerate() {
        let name = if outputs == 1 { "result".to_string() } else { format!("result{index}") };
        params.push(CParam { name, ..c_param(leaf, Some(true))? });
    }
    Ok(params)
}

fn c_param(leaf: &Leaf, pointer: Option<bool>) -> Result<CParam, String> {
    let Some(scalar) = leaf.scalar else { return Err(format!("`{}` has no C type here", leaf.name)) };
    if leaf.rank > 0 && leaf.dims.is_none() {
        return Err(format!("the size of `{}` is known only when the function has run", leaf.name));
    }
    Ok(CParam { scalar, pointer, name: leaf.name.replace('.', "_") })
}

fn c_text(params: &[CParam]) -> String {
    let one = |p: &CParam| match p.pointer {
        None => format!("{} {}", c_scalar(p.scalar), p.name),
        Some(false) => format!("const {} *{}", c_scalar(p.scalar), p.name),
        Some(true) => format!("{} *{}", c_scalar(p.scalar), p.name),
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
        matches!(*word, "const" | "*" | "double" | "float" | "bool" | "_Bool" | "void") || word.ends_with("_t")
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
