//! Values and speed of the elementary functions, for `ir/math/campaign.py`.
//!
//!     elementary points exp < arguments > values      (f64 in machine order; two arguments for functions of two)
//!     elementary speed [NAME…]                        (nanoseconds a call: ours, and std's, which is the system's libm)

use dprog_ir::fmath::{binary_f64, elementary, unary_f64};
use dprog_ir::{BinaryOp, UnaryOp};
use std::hint::black_box;
use std::io::{Read, Write};
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["points", name] => points(name),
        ["speed", ref names @ ..] => speed(names),
        _ => eprintln!("elementary points NAME | speed [NAME...]"),
    }
}

fn points(name: &str) {
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes).expect("arguments");
    let args: Vec<f64> = bytes.chunks_exact(8).map(|b| f64::from_ne_bytes(b.try_into().unwrap())).collect();
    let values: Vec<f64> = match (unary(name), binary(name)) {
        (Some(op), _) => args.iter().map(|x| unary_f64(op, *x)).collect(),
        (None, Some(op)) => args.chunks_exact(2).map(|p| binary_f64(op, p[0], p[1])).collect(),
        (None, None) => panic!("no function {name}"),
    };
    let out: Vec<u8> = values.iter().flat_map(|y| y.to_ne_bytes()).collect();
    std::io::stdout().write_all(&out).expect("values");
}

fn unary(name: &str) -> Option<UnaryOp> {
    UnaryOp::TABLE.iter().find(|(_, n)| *n == name).map(|(op, _)| *op)
}

fn binary(name: &str) -> Option<BinaryOp> {
    BinaryOp::TABLE.iter().find(|(_, n)| *n == name).map(|(op, _)| *op)
}

/// Name, range of arguments, ours, the system's.
type Case = (&'static str, f64, f64, fn(f64) -> f64, fn(f64) -> f64);

macro_rules! cases {
    ([$($name:ident: $low:expr, $high:expr, $system:expr;)*] [$($two:ident: $system_two:expr;)*]) => {
        &[
            $((stringify!($name), $low, $high, |x| elementary::$name(x), $system),)*
            $((stringify!($two), 0.1, 10.0, |x| elementary::$two(x, 5.0 - x), |x| $system_two(x, 5.0 - x)),)*
        ]
    };
}

const CASES: &[Case] = cases! { [
    exp: -10.0, 10.0, f64::exp;
    exp2: -10.0, 10.0, f64::exp2;
    expm1: -2.0, 2.0, f64::exp_m1;
    log: 0.1, 100.0, f64::ln;
    log2: 0.1, 100.0, f64::log2;
    log10: 0.1, 100.0, f64::log10;
    log1p: -0.9, 3.0, f64::ln_1p;
    sin: -10.0, 10.0, f64::sin;
    cos: -10.0, 10.0, f64::cos;
    tan: -10.0, 10.0, f64::tan;
    asin: -1.0, 1.0, f64::asin;
    acos: -1.0, 1.0, f64::acos;
    atan: -3.0, 3.0, f64::atan;
    sinh: -3.0, 3.0, f64::sinh;
    cosh: -3.0, 3.0, f64::cosh;
    tanh: -3.0, 3.0, f64::tanh;
    cbrt: -10.0, 10.0, f64::cbrt;
] [
    pow: f64::powf;
    atan2: f64::atan2;
    hypot: f64::hypot;
] };

fn speed(names: &[&str]) {
    println!("{:8} {:>8} {:>8}   ns a call", "", "ours", "system");
    for (name, low, high, ours, system) in CASES {
        if names.is_empty() || names.contains(name) {
            println!("{name:8} {:8.2} {:8.2}", time(*ours, *low, *high), time(*system, *low, *high));
        }
    }
}

/// Independent calls on random arguments; the best of several runs.
fn time(f: fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let mut state = 1u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let args: Vec<f64> = (0..4096).map(|_| low + (high - low) * random()).collect();
    let f = black_box(f);
    (0..200)
        .map(|_| {
            let start = Instant::now();
            let mut sum = 0.0;
            for x in &args {
                sum += f(*x);
            }
            black_box(sum);
            start.elapsed().as_nanos() as f64 / args.len() as f64
        })
        .fold(f64::INFINITY, f64::min)
}
