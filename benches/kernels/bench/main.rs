//! Measures each kernel three times in one run: by dProg, by C with `gcc -O3 -march=native`, and with `-ffast-math` added. Before
//! that, all three must give the same numbers. The ratios stand in a table at the end; `cargo bench -- matmul` measures some.

mod cases;
mod table;

use cases::Case;
use criterion::{BenchmarkId, Criterion, SamplingMode};
use dprog::Compiler;
use dprog_kernels::Library;
use std::time::Duration;

const SCALAR: &str = include_str!("../../scalar/scalar.dp");
const KERNELS: &str = include_str!("../kernels.dp");

/// Programs whose compilation is measured, from text to the machine code of their gradient: those of GradBench.
const PROGRAMS: [(&str, &str, &str); 8] = [
    ("gmm", "gradient", include_str!("../../gradbench/programs/gmm.dp")),
    ("ba", "sparse_jacobian", include_str!("../../gradbench/programs/ba.dp")),
    ("lstm", "gradient", include_str!("../../gradbench/programs/lstm.dp")),
    ("kmeans", "dir", include_str!("../../gradbench/programs/kmeans.dp")),
    ("lse", "gradient", include_str!("../../gradbench/programs/lse.dp")),
    ("ode", "gradient", include_str!("../../gradbench/programs/ode.dp")),
    ("llsq", "gradient", include_str!("../../gradbench/programs/llsq.dp")),
    ("det", "gradient", include_str!("../../gradbench/programs/det.dp")),
];

fn main() {
    let mut criterion = Criterion::default()
        .without_plots()
        .output_directory(&table::folder())
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .sample_size(20)
        .nresamples(2000)
        .configure_from_args();
    let strict = Library::compile(&["-O3", "-march=native"]).unwrap_or_else(|error| panic!("{error}"));
    let fast = Library::compile(&["-O3", "-march=native", "-ffast-math"]).unwrap_or_else(|error| panic!("{error}"));
    let module = Compiler::new().compile("kernels.dp", &format!("{SCALAR}\n{KERNELS}"));
    let cases = cases::all(&module.unwrap_or_else(|error| panic!("{error}")));
    for case in cases.unwrap_or_else(|error| panic!("{error}")) {
        measure(&mut criterion, &case, &strict, &fast);
    }
    let mut group = criterion.benchmark_group("compile");
    for (name, function, text) in PROGRAMS {
        group.bench_function(name, |bencher| {
            bencher.iter(|| Compiler::new().compile(name, text).and_then(|module| module.get(function)).map(drop));
        });
    }
    group.finish();
    criterion.final_summary();
    table::print();
}

/// Compares what the three sides give, then measures them.
fn measure(criterion: &mut Criterion, case: &Case, strict: &Library, fast: &Library) {
    let kernel =
        |library: &Library| library.kernel(case.name).unwrap_or_else(|| panic!("kernels.c has no {}", case.name));
    let (strict, fast) = (kernel(strict), kernel(fast));
    let room = || -> Vec<Vec<f64>> { case.outputs.iter().map(|length| vec![f64::NAN; *length]).collect() };
    let (mut ours, mut theirs) = (room(), room());
    (case.run)(&case.inputs, &mut ours);
    strict.run(&case.sizes, &case.inputs, &mut theirs);
    same(&case.title(), &ours, &theirs, 1e-9);
    let mut out = room();
    fast.run(&case.sizes, &case.inputs, &mut out);
    same(&case.title(), &out, &theirs, 1e-6);

    let mut group = criterion.benchmark_group(case.title());
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(BenchmarkId::from_parameter("dprog"), |b| b.iter(|| (case.run)(&case.inputs, &mut out)));
    group.bench_function(BenchmarkId::from_parameter("c"), |b| {
        b.iter(|| strict.run(&case.sizes, &case.inputs, &mut out))
    });
    group.bench_function(BenchmarkId::from_parameter("c-fast-math"), |b| {
        b.iter(|| fast.run(&case.sizes, &case.inputs, &mut out));
    });
    group.finish();
}

/// Numbers that differ by more than their greatest times `tolerance` are a defect of one side: then nothing is measured.
fn same(title: &str, ours: &[Vec<f64>], theirs: &[Vec<f64>], tolerance: f64) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        let greatest = theirs.iter().fold(1e-300, |most: f64, x| most.max(x.abs()));
        for (i, (x, y)) in ours.iter().zip(theirs).enumerate() {
            assert!((x - y).abs() <= tolerance * greatest, "{title}: element {i} is {x} and {y}");
        }
    }
}
