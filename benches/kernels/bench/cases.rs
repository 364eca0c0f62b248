//! The kernels: inputs, sizes, and how dProg is called. A case has the name of a function in kernels.dp and of one in kernels.c.

use dprog::{Error, Function, Module};
use ndarray::{Array2, ArrayView2};

/// One kernel at one size.
pub struct Case {
    pub name: &'static str,
    /// Tells apart cases of one kernel.
    pub size: usize,
    /// As the C side takes them.
    pub sizes: Vec<i64>,
    pub inputs: Vec<Vec<f64>>,
    /// The lengths of the outputs.
    pub outputs: Vec<usize>,
    pub run: Run,
}

type Run = Box<dyn Fn(&[Vec<f64>], &mut [Vec<f64>])>;

impl Case {
    /// `kernel_size`.
    pub fn title(&self) -> String {
        format!("{}_{}", self.name, self.size)
    }
}

/// All cases.
pub fn all(module: &Module) -> Result<Vec<Case>, Error> {
    let mut cases = Vec::new();
    for n in [1000, 100_000] {
        cases.push(to_number(module, "total", n, 1.0)?);
        cases.push(inner(module, n)?);
        cases.push(to_number(module, "squares", n, 1.0)?);
        cases.push(to_array(module, "squares_gradient", n, 1.0)?);
        cases.push(to_array(module, "chain", n, 1.0)?);
        cases.push(to_array(module, "chain_gradient", n, 1.0)?);
        cases.push(to_array(module, "exponentials", n, 5.0)?);
        cases.push(to_number(module, "logistic", n, 5.0)?);
        cases.push(to_array(module, "logistic_gradient", n, 5.0)?);
    }
    for name in ["heat", "heat_gradient"] {
        cases.push(in_steps(module, name, 1000, 100)?);
    }
    cases.extend(filters(module, 10_000)?);
    cases.push(to_number(module, "walk", 10_000, 0.7)?);
    cases.push(to_array(module, "walk_gradient", 10_000, 0.7)?);
    for n in [16, 256] {
        cases.extend(matvec(module, n)?);
    }
    for n in [4, 16, 64, 256] {
        cases.extend(matmul(module, n)?);
    }
    cases.extend(network(module)?);
    cases.extend(bodies(module)?);
    for (name, from, step, count) in
        [("newton_gradient", 2.0, 1e-2, 2000), ("rk4_gradient", 0.5, 1e-2, 20), ("recursion_gradient", 0.5, 1e-4, 500)]
    {
        cases.push(over_arguments(module, name, from, step, count)?);
    }
    Ok(cases)
}

/// Numbers between -1 and 1, times `scale`.
fn noise(count: usize, scale: f64) -> Vec<f64> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        scale * ((state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0)
    };
    (0..count).map(|_| next()).collect()
}

fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

fn to_number(module: &Module, name: &'static str, n: usize, scale: f64) -> Result<Case, Error> {
    let f: Function<fn(&[f64]) -> f64> = module.function(name)?;
    let run: Run = Box::new(move |x, y| y[0][0] = done(f.call(&x[0])));
    Ok(Case { name, size: n, sizes: vec![n as i64], inputs: vec![noise(n, scale)], outputs: vec![1], run })
}

fn to_array(module: &Module, name: &'static str, n: usize, scale: f64) -> Result<Case, Error> {
    let f: Function<fn(&[f64], &mut [f64])> = module.function(name)?;
    let run: Run = Box::new(move |x, y| done(f.call((&x[0], &mut y[0]))));
    Ok(Case { name, size: n, sizes: vec![n as i64], inputs: vec![noise(n, scale)], outputs: vec![n], run })
}

fn inner(module: &Module, n: usize) -> Result<Case, Error> {
    let f: Function<fn(&[f64], &[f64]) -> f64> = module.function("inner")?;
    let run: Run = Box::new(move |x, y| y[0][0] = done(f.call((&x[0], &x[1]))));
    let inputs = vec![noise(n, 1.0), noise(n, 3.0)];
    Ok(Case { name: "inner", size: n, sizes: vec![n as i64], inputs, outputs: vec![1], run })
}

fn in_steps(module: &Module, name: &'static str, n: usize, steps: i64) -> Result<Case, Error> {
    let f: Function<fn(&[f64], i64, &mut [f64])> = module.function(name)?;
    let run: Run = Box::new(move |x, y| done(f.call((&x[0], steps, &mut y[0]))));
    Ok(Case { name, size: n, sizes: vec![n as i64, steps], inputs: vec![noise(n, 1.0)], outputs: vec![n], run })
}

fn filters(module: &Module, n: usize) -> Result<[Case; 2], Error> {
    let f: Function<fn(&[f64], f64) -> f64> = module.function("filter")?;
    let g: Function<fn(&[f64], f64, &mut [f64], &mut f64)> = module.function("filter_gradient")?;
    let (sizes, inputs) = (vec![n as i64], vec![noise(n, 1.0), vec![0.9]]);
    let primal: Run = Box::new(move |x, y| y[0][0] = done(f.call((&x[0], x[1][0]))));
    let gradient: Run = Box::new(move |x, y| {
        let [by_x, by_a] = y else { panic!("two outputs") };
        done(g.call((&x[0], x[1][0], by_x, &mut by_a[0])));
    });
    Ok([
        Case { name: "filter", size: n, sizes: sizes.clone(), inputs: inputs.clone(), outputs: vec![1], run: primal },
        Case { name: "filter_gradient", size: n, sizes, inputs, outputs: vec![n, 1], run: gradient },
    ])
}

fn matvec(module: &Module, n: usize) -> Result<[Case; 2], Error> {
    let f: Function<fn(usize, usize, &[f64], &[f64], &mut [f64])> = module.function("matvec")?;
    let g: Function<fn(&Array2<f64>, &[f64], &mut [f64], &mut [f64])> = module.function("matvec_gradient")?;
    let (sizes, inputs) = (vec![n as i64; 2], vec![noise(n * n, 1.0), noise(n, 3.0)]);
    let primal: Run = Box::new(move |x, y| done(f.call((n, n, &x[0], &x[1], &mut y[0]))));
    let gradient: Run = Box::new(move |x, y| {
        let [by_a, by_x] = y else { panic!("two outputs") };
        done(g.call((square(&x[0], n), &x[1], by_a, by_x)));
    });
    Ok([
        Case { name: "matvec", size: n, sizes: sizes.clone(), inputs: inputs.clone(), outputs: vec![n], run: primal },
        Case { name: "matvec_gradient", size: n, sizes, inputs, outputs: vec![n * n, n], run: gradient },
    ])
}

fn square(a: &[f64], n: usize) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape((n, n), a).expect("n rows of n")
}

fn matmul(module: &Module, n: usize) -> Result<[Case; 3], Error> {
    type Product = fn(&Array2<f64>, &Array2<f64>, &mut [f64]);
    let g: Function<fn(&Array2<f64>, &Array2<f64>, &mut [f64], &mut [f64])> = module.function("matmul_gradient")?;
    let gradient: Run = Box::new(move |x, y| {
        let [by_a, by_b] = y else { panic!("two outputs") };
        done(g.call((square(&x[0], n), square(&x[1], n), by_a, by_b)));
    });
    let case = |name, outputs, run| {
        let inputs = vec![noise(n * n, 1.0), noise(n * n, 3.0)];
        Case { name, size: n, sizes: vec![n as i64], inputs, outputs, run }
    };
    let product = |name| -> Result<Case, Error> {
        let f: Function<Product> = module.function(name)?;
        let run: Run = Box::new(move |x, y| done(f.call((square(&x[0], n), square(&x[1], n), &mut y[0]))));
        Ok(case(name, vec![n * n], run))
    };
    Ok([product("matmul")?, product("product_by_loops")?, case("matmul_gradient", vec![n * n; 2], gradient)])
}

/// 64 samples through 16, 32 and 8 neurons.
fn network(module: &Module) -> Result<[Case; 2], Error> {
    const B: usize = 64;
    const I: usize = 16;
    const H: usize = 32;
    const O: usize = 8;
    type Loss = fn(&Array2<f64>, &Array2<f64>, &Array2<f64>, &Array2<f64>) -> f64;
    type Gradient = fn(&Array2<f64>, &Array2<f64>, &Array2<f64>, &Array2<f64>, &mut [f64], &mut [f64]);
    fn views(x: &[Vec<f64>]) -> [ArrayView2<'_, f64>; 4] {
        let shapes = [(H, I), (O, H), (B, I), (B, O)];
        std::array::from_fn(|i| ArrayView2::from_shape(shapes[i], &x[i]).expect("a matrix"))
    }
    let f: Function<Loss> = module.function("network")?;
    let g: Function<Gradient> = module.function("network_gradient")?;
    let primal: Run = Box::new(move |x, y| {
        let [w1, w2, x, target] = views(x);
        y[0][0] = done(f.call((w1, w2, x, target)));
    });
    let gradient: Run = Box::new(move |x, y| {
        let ([w1, w2, x, target], [by_w1, by_w2]) = (views(x), y) else { panic!("two outputs") };
        done(g.call((w1, w2, x, target, by_w1, by_w2)));
    });
    let sizes: Vec<i64> = [B, I, H, O].map(|n| n as i64).to_vec();
    let inputs = vec![noise(H * I, 0.3), noise(O * H, 0.4), noise(B * I, 1.0), noise(B * O, 0.9)];
    Ok([
        Case { name: "network", size: B, sizes: sizes.clone(), inputs: inputs.clone(), outputs: vec![1], run: primal },
        Case { name: "network_gradient", size: B, sizes, inputs, outputs: vec![H * I, O * H], run: gradient },
    ])
}

/// Eight bodies, a hundred steps.
fn bodies(module: &Module) -> Result<[Case; 2], Error> {
    const N: usize = 8;
    const STEPS: i64 = 100;
    let f: Function<fn(&Array2<f64>, i64) -> f64> = module.function("bodies")?;
    let g: Function<fn(&Array2<f64>, i64, &mut [f64])> = module.function("bodies_gradient")?;
    fn view(x: &[f64]) -> ArrayView2<'_, f64> {
        ArrayView2::from_shape((N, 3), x).expect("three coordinates each")
    }
    let primal: Run = Box::new(move |x, y| y[0][0] = done(f.call((view(&x[0]), STEPS))));
    let gradient: Run = Box::new(move |x, y| done(g.call((view(&x[0]), STEPS, &mut y[0]))));
    let (sizes, inputs) = (vec![N as i64, STEPS], vec![noise(3 * N, 1.0)]);
    Ok([
        Case { name: "bodies", size: N, sizes: sizes.clone(), inputs: inputs.clone(), outputs: vec![1], run: primal },
        Case { name: "bodies_gradient", size: N, sizes, inputs, outputs: vec![3 * N], run: gradient },
    ])
}

fn over_arguments(module: &Module, name: &'static str, from: f64, step: f64, count: usize) -> Result<Case, Error> {
    let f: Function<fn(f64, f64, i64) -> f64> = module.function(name)?;
    let run: Run = Box::new(move |x, y| y[0][0] = done(f.call((x[0][0], x[0][1], count as i64))));
    Ok(Case { name, size: count, sizes: vec![count as i64], inputs: vec![vec![from, step]], outputs: vec![1], run })
}
