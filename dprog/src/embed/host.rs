//! Functions of the embedding program, which dProg code calls by name.
//!
//! Each becomes a small dProg function behind the prelude, which hands its arguments on in one row of numbers; derivatives are
//! functions of the same kind, found by the AD pass through their numbers.

use super::error::{Error, ErrorKind};
use dprog_ir::Foreign;
use dprog_runtime::host::foreign::{ForeignCall, ForeignFn, Parts};
use std::fmt;
use std::sync::Arc;

/// A function of the embedding program with the head that dProg code sees, registered by
/// [`Compiler::host_fn`](crate::Compiler::host_fn).
///
/// Arguments come as one row of numbers, those of arrays in their place; so do the results. A function that fails or panics
/// makes the call trap, with its text. Without a derivative it is an error to differentiate through it.
///
/// ```
/// use dprog::{Compiler, HostDerivative, HostFunction};
/// let cube = HostFunction::new("cube", "fn(x: f64) -> f64", |x| Ok(vec![x[0] * x[0] * x[0]]))
///     .vjp(HostDerivative::new(|x, _, seed| Ok(vec![3.0 * x[0] * x[0] * seed[0]])));
/// let module = Compiler::new().host_fn(cube).compile("f.dp", "fn f(x: f64) -> f64 { 2.0 * cube(x) }")?;
/// let f = module.value_and_grad("f", &[])?.typed::<fn(f64) -> (f64, f64)>()?;
/// assert_eq!(f.call(2.0)?, (16.0, 24.0));
/// # Ok::<(), dprog::Error>(())
/// ```
#[derive(Clone)]
pub struct HostFunction {
    name: String,
    head: String,
    call: ForeignCall,
    vjp: Option<HostDerivative>,
    jvp: Option<HostDerivative>,
}

/// A derivative of a host function, or of another derivative; that one's arguments are all the parts of this one's, one behind the
/// other.
#[derive(Clone)]
pub struct HostDerivative {
    call: ForeignCall,
    vjp: Option<Box<HostDerivative>>,
    jvp: Option<Box<HostDerivative>>,
}

impl HostFunction {
    /// `head` is its type with names of the parameters: `fn(x: f64) -> f64`, `fn<n>(x: [f64; n], k: i64) -> [f64; n]`. Parameters
    /// are `f64`, `i64` or arrays of `f64`; the result is an `f64`, an array of them, or a tuple of `f64`.
    pub fn new(
        name: &str,
        head: &str,
        function: impl Fn(&[f64]) -> Result<Vec<f64>, String> + Send + Sync + 'static,
    ) -> HostFunction {
        let call: ForeignCall = Arc::new(move |parts: Parts<'_>| function(parts.args));
        HostFunction { name: name.to_string(), head: head.to_string(), call, vjp: None, jvp: None }
    }

    /// From arguments, results and an adjoint of each result to an adjoint of each argument: for reverse mode. Forward mode makes do
    /// with it, calling it for each result.
    pub fn vjp(mut self, derivative: HostDerivative) -> HostFunction {
        self.vjp = Some(derivative);
        self
    }

    /// From arguments, results and a tangent of each argument to a tangent of each result: for forward mode. Reverse mode makes do
    /// with it, calling it for each argument.
    pub fn jvp(mut self, derivative: HostDerivative) -> HostFunction {
        self.jvp = Some(derivative);
        self
    }
}

impl HostDerivative {
    /// A function of arguments, results, and adjoints or tangents.
    pub fn new(
        function: impl Fn(&[f64], &[f64], &[f64]) -> Result<Vec<f64>, String> + Send + Sync + 'static,
    ) -> HostDerivative {
        let call: ForeignCall = Arc::new(move |parts: Parts<'_>| function(parts.args, parts.results, parts.along));
        HostDerivative { call, vjp: None, jvp: None }
    }

    /// Its own derivative for reverse mode: for second derivatives.
    pub fn vjp(mut self, derivative: HostDerivative) -> HostDerivative {
        self.vjp = Some(Box::new(derivative));
        self
    }

    /// Its own derivative for forward mode.
    pub fn jvp(mut self, derivative: HostDerivative) -> HostDerivative {
        self.jvp = Some(Box::new(derivative));
        self
    }
}

impl fmt::Debug for HostFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.head)
    }
}

/// What a program is compiled with: the text behind the prelude, and the functions by their numbers.
#[derive(Default)]
pub(crate) struct Hosts {
    pub prelude: String,
    pub foreign: Vec<Foreign>,
    pub functions: Vec<ForeignFn>,
}

impl Hosts {
    pub fn new(all: &[HostFunction]) -> Result<Hosts, Error> {
        let mut hosts = Hosts::default();
        for function in all {
            let (vjp, jvp) = (function.vjp.as_ref(), function.jvp.as_ref());
            let number = hosts.add(&function.name, function.call.clone(), vjp, jvp);
            hosts.prelude += &wrapper(function, number).map_err(|reason| ErrorKind::Signature {
                function: format!("{}: {}", function.name, function.head),
                asked: "a host function".to_string(),
                reason,
            })?;
        }
        Ok(hosts)
    }

    /// Gives a function and its derivatives numbers.
    fn add(
        &mut self,
        name: &str,
        call: ForeignCall,
        vjp: Option<&HostDerivative>,
        jvp: Option<&HostDerivative>,
    ) -> u32 {
        let number = self.functions.len();
        self.functions.push(ForeignFn { name: name.to_string(), call });
        self.foreign.push(Foreign { name: name.into(), jvp: None, vjp: None });
        let (by_vjp, by_jvp);
        let vjp = match (vjp, jvp) {
            (Some(vjp), _) => Some(vjp),
            (None, Some(jvp)) => {
                by_vjp = transposed(jvp, |parts| parts.args.len());
                Some(&by_vjp)
            }
            (None, None) => None,
        };
        let jvp = match (jvp, vjp) {
            (Some(jvp), _) => Some(jvp),
            (None, Some(vjp)) => {
                by_jvp = transposed(vjp, |parts| parts.results.len());
                Some(&by_jvp)
            }
            (None, None) => None,
        };
        self.foreign[number].vjp = vjp.map(|d| self.add_derivative(&format!("{name}.vjp"), d));
        self.foreign[number].jvp = jvp.map(|d| self.add_derivative(&format!("{name}.jvp"), d));
        number as u32
    }

    fn add_derivative(&mut self, name: &str, derivative: &HostDerivative) -> u32 {
        let call = derivative.call.clone();
        // Its arguments are all its parts.
        let whole: ForeignCall = Arc::new(move |parts: Parts<'_>| call(parts));
        self.add(name, whole, derivative.vjp.as_deref(), derivative.jvp.as_deref())
    }
}

/// The derivative of the other kind, row by row: along each of `count` unit vectors, times what is given.
fn transposed(of: &HostDerivative, count: impl Fn(&Parts<'_>) -> usize + Send + Sync + 'static) -> HostDerivative {
    let of = of.call.clone();
    let call: ForeignCall = Arc::new(move |parts: Parts<'_>| {
        let mut unit = vec![0.0; count(&parts)];
        let mut products = Vec::new();
        for k in 0..unit.len() {
            unit[k] = 1.0;
            let row = of(Parts { along: &unit, ..parts })?;
            products.push(row.iter().zip(parts.along).map(|(a, b)| a * b).sum());
            unit[k] = 0.0;
        }
        Ok(products)
    });
    HostDerivative { call, vjp: None, jvp: None }
}

// ---- the dProg side ----

/// The function that dProg code calls.
fn wrapper(function: &HostFunction, number: u32) -> Result<String, String> {
    let head = Head::parse(&function.head)?;
    let mut body = String::from("    var __parts = List<f64>::new();\n");
    for (name, ty) in &head.params {
        body += &match ty.as_str() {
            "f64" => format!("    __parts.push({name});\n"),
            "i64" => format!("    __parts.push({name} as f64);\n"),
            array if array.starts_with("[f64;") && !array.contains(',') => {
                format!("    for __part in {name} {{ __parts.push(__part); }}\n")
            }
            other => return Err(format!("a parameter is an f64, an i64 or a [f64; n], not `{other}`")),
        };
    }
    body += &format!("    let __found = __host_foreign({number}, __parts.len(), 0, __parts);\n");
    body += &match head.result.as_str() {
        "f64" => "    __found[0]\n".to_string(),
        array if array.starts_with("[f64;") && !array.contains(',') => format!("    __found as {array}\n"),
        tuple if tuple.starts_with('(') && tuple.split(',').all(|part| part.trim_matches(['(', ')', ' ']) == "f64") => {
            let parts: Vec<String> = (0..tuple.split(',').count()).map(|k| format!("__found[{k}]")).collect();
            format!("    ({})\n", parts.join(", "))
        }
        other => return Err(format!("a result is an f64, a [f64; n] or a tuple of f64, not `{other}`")),
    };
    let rest = function.head.trim().strip_prefix("fn").unwrap_or_default();
    Ok(format!("fn {}{rest} {{\n{body}}}\n", function.name))
}

/// The parts of a head.
struct Head {
    params: Vec<(String, String)>,
    result: String,
}

impl Head {
    fn parse(text: &str) -> Result<Head, String> {
        let shape = || "the head is written like `fn(x: f64) -> f64`".to_string();
        let rest = text.trim().strip_prefix("fn").ok_or_else(shape)?;
        let (_, rest) = rest.split_once('(').ok_or_else(shape)?;
        let (params, result) = rest.split_once(')').ok_or_else(shape)?;
        let result = result.trim().strip_prefix("->").ok_or_else(shape)?.trim().to_string();
        let param = |text: &str| -> Result<(String, String), String> {
            let (name, ty) = text.split_once(':').ok_or_else(shape)?;
            Ok((name.trim().to_string(), ty.trim().to_string()))
        };
        let params = params.split(',').filter(|param| !param.trim().is_empty()).map(param);
        Ok(Head { params: params.collect::<Result<_, String>>()?, result })
    }
}
