//! Four opinions on a gradient: reverse mode, forward mode, the interpreter on dual numbers over the primal (which shares
//! no code with the AD pass), and differences along a random direction; in first and in second order.
//!
//! [`check`] is one function over a module, a function in it and its arguments, so that IR filetests and programs in the
//! language are checked by the same code. Directions and seeds are pseudo-random but fixed.

use dprog_ad::differentiate;
use dprog_ir::interp::{CapturedHost, Interp, Limits, Val, literal};
use dprog_ir::verify::{VerifyError, verify};
use dprog_ir::{Builder, Derivative, DerivativeMode, FuncId, Function, Module, SrcLoc, Type};

/// What is checked, and how much.
#[derive(Clone, Debug)]
pub struct Options {
    /// Marked parameters; all that have a tangent type if `None`.
    pub wrt: Option<Vec<bool>>,
    /// Marked results; all that have a tangent type if `None`.
    pub outs: Option<Vec<bool>>,
    /// 1 or 2.
    pub order: u32,
    /// Whether differences say anything: not at a kink.
    pub smooth: bool,
    /// Whether dual numbers have the same conventions: a tangent is not 0 where an adjoint is.
    pub duals: bool,
    /// Greatest relative distance between exact opinions.
    pub tolerance: f64,
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Options {
        let limits = Limits { depth: 200_000, memory: 1 << 30, steps: 100_000_000, nesting: 8 };
        Options { wrt: None, outs: None, order: 2, smooth: true, duals: true, tolerance: 1e-11, limits }
    }
}

/// What a check has computed, for further comparison.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub results: Vec<Val>,
    /// The adjoint of each marked parameter, for seeds of one everywhere.
    pub adjoint: Vec<Val>,
    /// The module with the derivatives written out.
    pub module: Module,
    pub vjp: FuncId,
    /// Instructions that the interpreter executed for the primal, and for the reverse mode.
    pub steps: (u64, u64),
}

/// Compares all opinions on the derivative of `func` at `args`; the error says who disagrees.
pub fn check(module: &Module, func: FuncId, args: &[Val], options: &Options) -> Result<Outcome, String> {
    let bench = Bench::new(module, func, args, options)?;
    bench.first_order()?;
    if options.smooth {
        bench.differences()?;
    }
    if options.order >= 2 {
        bench.second_order()?;
    }
    bench.outcome()
}

/// Everything at hand for one check.
struct Bench<'a> {
    options: &'a Options,
    func: FuncId,
    args: &'a [Val],
    /// With requests, for the interpreter on dual numbers.
    asked: Module,
    /// With the requests served.
    served: Module,
    requests: Requests,
    results: Vec<Val>,
    tangents: Vec<Val>,
    seeds: Vec<Val>,
}

/// The derivatives that are compared.
#[derive(Clone, Copy, Debug)]
struct Requests {
    jvp: FuncId,
    vjp: FuncId,
    into: FuncId,
    forward_over_reverse: Option<FuncId>,
    reverse_over_reverse: Option<FuncId>,
    reverse_over_forward: Option<FuncId>,
}

impl<'a> Bench<'a> {
    fn new(module: &Module, func: FuncId, args: &'a [Val], options: &'a Options) -> Result<Bench<'a>, String> {
        let mut asked = module.clone();
        let (params, outs) = (asked.funcs[func].params.clone(), asked.funcs[func].results.clone());
        let wrt = options.wrt.clone().unwrap_or_else(|| with_tangent(&mut asked, &params));
        let marks = options.outs.clone().unwrap_or_else(|| with_tangent(&mut asked, &outs));
        let requests = Requests::add(&mut asked, func, &wrt, &marks, options.order);
        let zero_params = zeros_function(&mut asked, "check.zero_params", &params, &wrt);
        let zero_results = zeros_function(&mut asked, "check.zero_results", &outs, &marks);
        let mut served = asked.clone();
        differentiate(&mut served).map_err(|errors| format!("{errors:?}"))?;
        verify(&served).map_err(|errors| legal_or(&served, &errors))?;
        let results = run(&asked, options, func, args)?;
        let tangents = run(&asked, options, zero_params, args)?;
        let tangents = scatter(&tangents, 1);
        let seeds = scatter(&run(&asked, options, zero_results, &results)?, 2);
        Ok(Bench { options, func, args, asked, served, requests, results, tangents, seeds })
    }

    fn with(&self, more: &[&[Val]]) -> Vec<Val> {
        [&[self.args], more].concat().concat()
    }

    /// Both answers to one request, compared.
    fn compare(&self, what: &str, request: FuncId, args: &[Val]) -> Result<Vec<Val>, String> {
        let duals = run(&self.asked, self.options, request, args).map_err(|e| format!("{what}, dual numbers: {e}"))?;
        let ours = run(&self.served, self.options, request, args).map_err(|e| format!("{what}: {e}"))?;
        for (k, (dual, our)) in duals.iter().zip(&ours).enumerate() {
            if self.options.duals && !close(dual, our, self.options.tolerance) {
                let (dual, our) = (literal::text(&self.asked, dual), literal::text(&self.served, our));
                return Err(format!("{what}: result {k} is {our}, by dual numbers {dual}"));
            }
        }
        Ok(ours)
    }

    fn first_order(&self) -> Result<(), String> {
        let forward = self.compare("forward", self.requests.jvp, &self.with(&[&self.tangents]))?;
        let reverse = self.compare("reverse", self.requests.vjp, &self.with(&[&self.seeds]))?;
        self.compare("reverse into", self.requests.into, &self.with(&[&self.seeds, &self.tangents]))?;
        self.written()?;
        let n = self.results.len();
        let (along, against) = (dot(&forward[n..], &self.seeds), dot(&reverse[n..], &self.tangents));
        let primal = run(&self.served, self.options, self.func, self.args)?;
        let same_primal = forward[..n].iter().chain(&reverse[..n]).zip(primal.iter().cycle());
        if let Some((ours, wanted)) = same_primal.into_iter().find(|(ours, wanted)| !ours.same(wanted)) {
            return Err(format!("the primal gives {wanted:?}, in a derivative {ours:?}"));
        }
        if near(along, against, 1e-9) || !self.options.duals {
            Ok(())
        } else {
            Err(format!("⟨seed, J tangent⟩ is {along}, ⟨Jᵀ seed, tangent⟩ is {against}"))
        }
    }

    /// A derivative prints what the primal prints, once.
    fn written(&self) -> Result<(), String> {
        let (_, _, wanted) = run_watched(&self.served, self.options, self.func, self.args)?;
        for (request, more) in [(self.requests.jvp, &self.tangents), (self.requests.vjp, &self.seeds)] {
            let (_, _, written) = run_watched(&self.served, self.options, request, &self.with(&[more]))?;
            if written != wanted {
                return Err(format!("the primal writes {wanted:?}, a derivative {written:?}"));
            }
        }
        Ok(())
    }

    /// A smoke alarm with a loose tolerance.
    fn differences(&self) -> Result<(), String> {
        let step = 1e-5;
        let at = |h: f64| -> Result<f64, String> {
            let moved = self.moved(h);
            let results = run(&self.served, self.options, self.func, &moved)?;
            Ok(dot(&self.marked_results(&results), &self.seeds))
        };
        let slope = (at(step)? - at(-step)?) / (2.0 * step);
        let forward = run(&self.served, self.options, self.requests.jvp, &self.with(&[&self.tangents]))?;
        let exact = dot(&forward[self.results.len()..], &self.seeds);
        let scale = 1.0 + exact.abs().max(at(0.0)?.abs());
        if (slope - exact).abs() <= 1e-5 * scale || !exact.is_finite() {
            Ok(())
        } else {
            Err(format!("differences give {slope}, forward mode {exact}"))
        }
    }

    /// The arguments, moved along the tangents.
    fn moved(&self, h: f64) -> Vec<Val> {
        let mut tangents = self.tangents.iter();
        let wrt = self.wrt();
        let moved = self.args.iter().zip(wrt).map(|(arg, marked)| {
            let tangent = marked.then(|| tangents.next().expect("a tangent for each marked parameter"));
            match tangent {
                None => arg.clone(),
                Some(tangent) => {
                    let along = floats(tangent);
                    let mut k = 0;
                    with_floats(arg, &mut |x| {
                        k += 1;
                        x + h * along[k - 1]
                    })
                }
            }
        });
        moved.collect()
    }

    fn wrt(&self) -> Vec<bool> {
        let dprog_ir::Body::Derivative(request) = &self.asked.funcs[self.requests.jvp].body else { return vec![] };
        request.wrt.clone()
    }

    fn marked_results(&self, results: &[Val]) -> Vec<Val> {
        let dprog_ir::Body::Derivative(request) = &self.asked.funcs[self.requests.jvp].body else { return vec![] };
        results.iter().zip(&request.outs).filter(|(_, out)| **out).map(|(v, _)| v.clone()).collect()
    }

    fn second_order(&self) -> Result<(), String> {
        let seconds = |like: &[Val], salt| scatter(like, salt);
        let reverse_args = self.with(&[&self.seeds]);
        if let Some(request) = self.requests.forward_over_reverse {
            let tangents = seconds(&self.tangents, 3);
            self.compare("forward over reverse", request, &[reverse_args.clone(), tangents].concat())?;
        }
        if let Some(request) = self.requests.reverse_over_reverse {
            let seeds = seconds(&self.tangents, 4);
            self.compare("reverse over reverse", request, &[reverse_args, seeds].concat())?;
        }
        if let Some(request) = self.requests.reverse_over_forward {
            let seeds = seconds(&self.seeds, 5);
            self.compare("reverse over forward", request, &[self.with(&[&self.tangents]), seeds].concat())?;
        }
        Ok(())
    }

    fn outcome(self) -> Result<Outcome, String> {
        let ones: Vec<Val> = self.seeds.iter().map(|seed| with_floats(seed, &mut |_| 1.0)).collect();
        let (_, primal) = run_counted(&self.served, self.options, self.func, self.args)?;
        let (all, reverse) = run_counted(&self.served, self.options, self.requests.vjp, &self.with(&[&ones]))?;
        let adjoint = all[self.results.len()..].to_vec();
        let vjp = self.requests.vjp;
        Ok(Outcome { results: self.results, adjoint, module: self.served, vjp, steps: (primal, reverse) })
    }
}

impl Requests {
    fn add(module: &mut Module, func: FuncId, wrt: &[bool], outs: &[bool], order: u32) -> Requests {
        let mut add = |name: &str, mode, primal, wrt: Vec<bool>, outs: Vec<bool>| {
            module.add_derivative(format!("check.{name}"), Derivative { mode, primal, wrt, outs })
        };
        let jvp = add("jvp", DerivativeMode::Jvp, func, wrt.to_vec(), outs.to_vec());
        let vjp = add("vjp", DerivativeMode::Vjp, func, wrt.to_vec(), outs.to_vec());
        let into = add("into", DerivativeMode::VjpInto, func, wrt.to_vec(), outs.to_vec());
        let mut requests = Requests {
            jvp,
            vjp,
            into,
            forward_over_reverse: None,
            reverse_over_reverse: None,
            reverse_over_forward: None,
        };
        if order >= 2 {
            let marked = |mask: &[bool]| mask.iter().filter(|m| **m).count();
            let by_params = |more: usize| [wrt.to_vec(), vec![false; more]].concat();
            let behind = |n: usize| [vec![false; outs.len()], vec![true; n]].concat();
            let (inputs, outputs) = (marked(wrt), marked(outs));
            let (of_vjp, of_jvp) = (by_params(outputs), by_params(inputs));
            let mode = DerivativeMode::Jvp;
            requests.forward_over_reverse = Some(add("jvp_vjp", mode, vjp, of_vjp.clone(), behind(inputs)));
            let mode = DerivativeMode::Vjp;
            requests.reverse_over_reverse = Some(add("vjp_vjp", mode, vjp, of_vjp, behind(inputs)));
            requests.reverse_over_forward = Some(add("vjp_jvp", mode, jvp, of_jvp, behind(outputs)));
        }
        requests
    }
}

/// The text of what the verifier says, with the module.
fn legal_or(module: &Module, errors: &[VerifyError]) -> String {
    let rendered: Vec<String> = errors.iter().take(5).map(|e| e.render(module)).collect();
    format!("illegal derivative:\n{}\n{module}", rendered.join("\n"))
}

fn with_tangent(module: &mut Module, types: &[Type]) -> Vec<bool> {
    types.iter().map(|ty| module.tangent(*ty).is_some()).collect()
}

/// A function that gives the zero tangent of each marked parameter.
fn zeros_function(module: &mut Module, name: &str, types: &[Type], marks: &[bool]) -> FuncId {
    let marked: Vec<usize> = (0..types.len()).filter(|k| marks[*k]).collect();
    let tangents: Vec<Type> =
        marked.iter().map(|k| module.tangent(types[*k]).expect("a marked type has a tangent")).collect();
    let mut function = Function::new(name, types.to_vec(), tangents.clone(), SrcLoc::NONE);
    let mut b = Builder::new(&mut function);
    let zeros: Vec<_> = marked
        .iter()
        .zip(tangents)
        .map(|(k, tangent)| {
            let param = b.param(*k);
            b.zeros_like(param, tangent)
        })
        .collect();
    b.finish(&zeros);
    module.add_function(function)
}

fn run(module: &Module, options: &Options, func: FuncId, args: &[Val]) -> Result<Vec<Val>, String> {
    run_counted(module, options, func, args).map(|(results, _)| results)
}

fn run_counted(module: &Module, options: &Options, func: FuncId, args: &[Val]) -> Result<(Vec<Val>, u64), String> {
    run_watched(module, options, func, args).map(|(results, steps, _)| (results, steps))
}

/// Results, executed instructions, and what was written.
fn run_watched(
    module: &Module,
    options: &Options,
    func: FuncId,
    args: &[Val],
) -> Result<(Vec<Val>, u64, String), String> {
    let mut host = CapturedHost::default();
    let mut interp = Interp::new(module, options.limits, &mut host);
    let results = interp.call(func, args).map_err(|trap| format!("traps: {}", trap.describe()))?;
    let steps = interp.steps();
    Ok((results, steps, host.out + &host.err))
}

// ---- values as vectors ----

/// The floats of a value, in order.
pub fn floats(v: &Val) -> Vec<f64> {
    let mut found = Vec::new();
    with_floats(v, &mut |x| {
        found.push(x);
        x
    });
    found
}

/// The value with each float replaced, in order.
pub fn with_floats(v: &Val, f: &mut impl FnMut(f64) -> f64) -> Val {
    match v {
        Val::F64(x) => Val::F64(f(*x)),
        Val::F32(x) => Val::F32(f(*x as f64) as f32),
        Val::Array(array) => Val::array(&array.dims, array.items().iter().map(|item| with_floats(item, f)).collect()),
        Val::Node(node) => {
            Val::node(node.node, node.case, node.fields().iter().map(|field| with_floats(field, f)).collect())
        }
        other => other.clone(),
    }
}

/// Values of these shapes with floats between -1 and 1 that look random.
fn scatter(like: &[Val], salt: u64) -> Vec<Val> {
    let mut state = salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let x = (state >> 33) as f64 / (1u64 << 30) as f64 - 1.0;
        // Exact in f32 too.
        (x * 64.0).round() / 64.0
    };
    like.iter().map(|v| with_floats(v, &mut next)).collect()
}

fn dot(a: &[Val], b: &[Val]) -> f64 {
    let (a, b): (Vec<f64>, Vec<f64>) = (a.iter().flat_map(floats).collect(), b.iter().flat_map(floats).collect());
    a.iter().zip(&b).map(|(x, y)| x * y).sum()
}

/// Floats close, all else equal.
pub fn close(a: &Val, b: &Val, tolerance: f64) -> bool {
    match (a, b) {
        (Val::F64(a), Val::F64(b)) => near(*a, *b, tolerance),
        (Val::F32(a), Val::F32(b)) => near(*a as f64, *b as f64, 1e-5),
        (Val::Array(a), Val::Array(b)) => {
            a.dims == b.dims && a.items().iter().zip(b.items()).all(|(a, b)| close(a, b, tolerance))
        }
        (Val::Node(a), Val::Node(b)) => {
            let fields = a.fields().len() == b.fields().len();
            a.case == b.case && fields && a.fields().iter().zip(b.fields()).all(|(a, b)| close(a, b, tolerance))
        }
        (a, b) => a.same(b),
    }
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}
