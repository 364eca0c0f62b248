//! What a program offers: its functions by name, and their derivatives, each compiled when it is asked for.

use super::code::{Code, Settings, Wanted};
use super::diagnostic::Diagnostic;
use super::dynamic::Value;
use super::error::{Error, ErrorKind};
use super::function::Function;
use super::interface::Signature;
use super::signature::FnType;
use super::watch::CancelToken;
use crate::check::Checked;
use crate::pipeline::{Options, Silent};
use dprog_frontend::check::ask;
use dprog_frontend::typed::{DiffOp, FnId};
use dprog_runtime::ForeignFn;
use rustc_hash::FxHashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

/// A checked program. Clones are the same module; any number of threads may use it at once.
///
/// Functions become machine code when they are asked for, each with what it calls. They are found by name among the functions
/// of the file that was compiled.
#[derive(Clone)]
pub struct Module {
    inner: Arc<Inner>,
}

struct Inner {
    checked: Arc<Checked>,
    hosts: Arc<Vec<ForeignFn>>,
    options: Options,
    settings: Settings,
    warnings: Vec<Diagnostic>,
    /// What has been compiled.
    codes: Mutex<FxHashMap<Key, Arc<Code>>>,
}

/// A function, or a derivative of one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    name: String,
    op: Option<DiffOp>,
    wrt: Vec<String>,
}

impl Module {
    pub(crate) fn new(checked: Checked, options: Options, settings: Settings, hosts: Vec<ForeignFn>) -> Module {
        let warnings = Diagnostic::all(&checked.diagnostics, &checked.sources);
        let (checked, hosts, codes) = (Arc::new(checked), Arc::new(hosts), Mutex::default());
        Module { inner: Arc::new(Inner { checked, hosts, options, settings, warnings, codes }) }
    }

    /// What the checker had to say that is no error.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.inner.warnings
    }

    /// The heads of all functions, in the order of the text.
    ///
    /// ```
    /// let module = dprog::Compiler::new().compile("a.dp", "fn scale<n>(a: f64, x: [f64; n]) -> [f64; n] { a * x }")?;
    /// assert_eq!(module.functions()[0].to_string(), "fn scale<n>(a: f64, x: [f64; n]) -> [f64; n]");
    /// # Ok::<(), dprog::Error>(())
    /// ```
    pub fn functions(&self) -> Vec<Signature> {
        let program = &self.inner.checked.program;
        program.root_fns.iter().map(|id| Signature::of_function(program, &program.fns[*id])).collect()
    }

    /// A function with a Rust type. The type is compared with the function's; if it does not fit, the error shows both.
    ///
    /// Numbers are numbers, arrays are slices, of which the lengths say the sizes; what a function gives comes back, arrays as
    /// `Vec`, or goes into slices behind the parameters. The table is in the chapter "Embedding the compiler".
    ///
    /// ```
    /// let module = dprog::Compiler::new().compile("a.dp", "fn scale<n>(a: f64, x: [f64; n]) -> [f64; n] { a * x }")?;
    /// let scale = module.function::<fn(f64, &[f64], &mut [f64])>("scale")?;
    /// let mut scaled = [0.0; 2];
    /// scale.call((3.0, &[1.0, 2.0], &mut scaled))?;
    /// assert_eq!(scaled, [3.0, 6.0]);
    ///
    /// let error = module.function::<fn(f64, &[f32]) -> Vec<f64>>("scale").unwrap_err().to_string();
    /// assert!(error.contains("fn scale<n>(a: f64, x: [f64; n]) -> [f64; n]"));
    /// assert!(error.contains("fn(f64, &[f32]) -> Vec<f64>"));
    /// # Ok::<(), dprog::Error>(())
    /// ```
    pub fn function<F: FnType>(&self, name: &str) -> Result<Function<F>, Error> {
        self.get(name)?.typed()
    }

    /// A function without a Rust type yet.
    pub fn get(&self, name: &str) -> Result<Callable, Error> {
        self.callable(name, None, &[])
    }

    /// `grad`: the gradient of a function that gives a number, by the parameters that are named; by the first if none is.
    ///
    /// ```
    /// let module = dprog::Compiler::new().compile("f.dp", "fn f<n>(x: [f64; n], p: f64) -> f64 { p * dot(x, x) }")?;
    /// let gradient = module.gradient("f", &["x"])?.typed::<fn(&[f64], f64, &mut [f64])>()?;
    /// let mut g = [0.0; 2];
    /// gradient.call((&[1.0, 2.0], 0.5, &mut g))?;
    /// assert_eq!(g, [1.0, 2.0]);
    /// # Ok::<(), dprog::Error>(())
    /// ```
    pub fn gradient(&self, name: &str, wrt: &[&str]) -> Result<Callable, Error> {
        self.callable(name, Some(DiffOp::Grad), wrt)
    }

    /// `value_and_grad`: the value, then the gradient.
    ///
    /// ```
    /// let module = dprog::Compiler::new().compile("f.dp", "fn f(x: f64, y: f64) -> f64 { x * x * y }")?;
    /// let f = module.value_and_grad("f", &["x", "y"])?.typed::<fn(f64, f64) -> (f64, (f64, f64))>()?;
    /// assert_eq!(f.call((3.0, 2.0))?, (18.0, (12.0, 9.0)));
    /// # Ok::<(), dprog::Error>(())
    /// ```
    pub fn value_and_grad(&self, name: &str, wrt: &[&str]) -> Result<Callable, Error> {
        self.callable(name, Some(DiffOp::ValueAndGrad), wrt)
    }

    /// `jvp`: takes a tangent for each parameter in `wrt` behind the arguments; gives the value and its tangent.
    pub fn jvp(&self, name: &str, wrt: &[&str]) -> Result<Callable, Error> {
        self.callable(name, Some(DiffOp::Jvp), wrt)
    }

    /// `vjp`: takes a seed behind the arguments; gives the value and the seed applied to the Jacobian from the left.
    pub fn vjp(&self, name: &str, wrt: &[&str]) -> Result<Callable, Error> {
        self.callable(name, Some(DiffOp::Vjp), wrt)
    }

    /// `hvp`: takes a vector behind the arguments; gives the product of the Hessian with it.
    pub fn hvp(&self, name: &str, wrt: &[&str]) -> Result<Callable, Error> {
        self.callable(name, Some(DiffOp::Hvp), wrt)
    }

    /// `jacobian`: all derivatives of an array by an array.
    ///
    /// ```
    /// let module = dprog::Compiler::new().compile("f.dp", "fn f(x: [f64; 2]) -> [f64; 2] { [x[0] * x[1], x[1]] }")?;
    /// let jacobian = module.jacobian("f", &[])?.typed::<fn(&[f64]) -> Vec<f64>>()?;
    /// assert_eq!(jacobian.call(&[2.0, 3.0])?, [3.0, 2.0, 0.0, 1.0]);
    /// # Ok::<(), dprog::Error>(())
    /// ```
    pub fn jacobian(&self, name: &str, wrt: &[&str]) -> Result<Callable, Error> {
        self.callable(name, Some(DiffOp::Jacobian), wrt)
    }

    /// `hessian`: all second derivatives of a number by one parameter.
    pub fn hessian(&self, name: &str, wrt: &[&str]) -> Result<Callable, Error> {
        self.callable(name, Some(DiffOp::Hessian), wrt)
    }

    /// `hessian_diag`: the second derivatives by each number twice.
    pub fn hessian_diag(&self, name: &str, wrt: &[&str]) -> Result<Callable, Error> {
        self.callable(name, Some(DiffOp::HessianDiag), wrt)
    }

    fn callable(&self, name: &str, op: Option<DiffOp>, wrt: &[&str]) -> Result<Callable, Error> {
        let key = Key { name: name.to_string(), op, wrt: wrt.iter().map(|n| n.to_string()).collect() };
        let settings = self.inner.settings.clone();
        if let Some(code) = self.codes().get(&key) {
            return Ok(Callable { code: code.clone(), settings });
        }
        // Not under the lock: other threads compile meanwhile.
        let checked = &self.inner.checked;
        let wanted = self.wanted(name, op, wrt)?;
        let code = Arc::new(Code::compile(checked, &self.inner.hosts, &wanted, &self.inner.options, &mut Silent)?);
        let code = self.codes().entry(key).or_insert(code).clone();
        Ok(Callable { code, settings })
    }

    fn codes(&self) -> std::sync::MutexGuard<'_, FxHashMap<Key, Arc<Code>>> {
        self.inner.codes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn wanted(&self, name: &str, op: Option<DiffOp>, wrt: &[&str]) -> Result<Wanted, Error> {
        let checked = &self.inner.checked;
        let id = self.find(name)?;
        let Some(op) = op else { return Ok(Wanted::Function(id)) };
        let asked = ask(&checked.program, id, op, wrt)
            .map_err(|all| ErrorKind::Compile(Diagnostic::all(&all, &checked.sources)))?;
        Ok(Wanted::Derivative(asked, format!("{}({name})", op.name())))
    }

    fn find(&self, name: &str) -> Result<FnId, Error> {
        let program = &self.inner.checked.program;
        let found = program.root_fns.iter().copied().find(|id| program.fns[*id].display == *name);
        found.ok_or_else(|| {
            let known = program.root_fns.iter().map(|id| program.fns[*id].display.to_string()).collect();
            ErrorKind::NotFound { name: name.to_string(), known }.into()
        })
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.functions().iter().map(Signature::to_string)).finish()
    }
}

/// A compiled function or derivative: give it a Rust type once, or call it with values.
#[derive(Clone)]
pub struct Callable {
    code: Arc<Code>,
    settings: Settings,
}

impl Callable {
    /// The function with a Rust type; see [`Module::function`].
    pub fn typed<F: FnType>(&self) -> Result<Function<F>, Error> {
        Function::new(self.code.clone(), self.settings.clone())
    }

    /// Calls with a value for each parameter. The `inout` ones come back behind the result, as a tuple.
    ///
    /// ```
    /// use dprog::Value;
    /// let module = dprog::Compiler::new().compile("f.dp", "struct P { x: f64, n: i64 } fn f(p: P) -> f64 { p.x * p.n as f64 }")?;
    /// let p = Value::fields([("x", Value::F64(1.5)), ("n", Value::I64(4))]);
    /// assert_eq!(module.get("f")?.call(&[p])?, Value::F64(6.0));
    /// # Ok::<(), dprog::Error>(())
    /// ```
    pub fn call(&self, args: &[Value]) -> Result<Value, Error> {
        super::dynamic::call(&self.code, &self.settings, args)
    }

    pub(crate) fn parts(&self) -> (Arc<Code>, Settings) {
        (self.code.clone(), self.settings.clone())
    }

    /// The same, stopped by a token.
    pub fn with_cancel(mut self, token: &CancelToken) -> Callable {
        self.settings.cancel = Some(token.clone());
        self
    }

    /// The function as dProg writes it.
    pub fn signature(&self) -> &Signature {
        &self.code.interface.signature
    }

    /// What the compiler had to say about it that is no error: where a derivative is zero although the function depends on it.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.code.warnings
    }
}

impl fmt::Debug for Callable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callable({})", self.signature())
    }
}
