//! The elementary functions against values with 50 digits, which `ir/math/reference.py` has written.

use dprog_ir::fmath::elementary::{binary_of_one, unary};
use dprog_ir::{BinaryOp, UnaryOp};

/// The greatest error that is allowed, in units in the last place.
fn allowed(name: &str) -> f64 {
    match name {
        "exp" | "log" | "sin" | "cos" => 1.0,
        "floor" | "ceil" | "trunc" | "round" | "rem" => 0.0,
        _ => 2.5,
    }
}

#[test]
fn functions_of_one_argument() {
    for (op, name) in UnaryOp::TABLE.iter().filter(|(op, _)| unary(*op, 0.5).is_some()) {
        check(name, 1, |args| unary(*op, args[0]).unwrap());
    }
}

#[test]
fn functions_of_two_arguments() {
    for (op, name) in BinaryOp::TABLE.iter().filter(|(op, _)| binary_of_one(*op, 0.5, 0.5).is_some()) {
        check(name, 2, |args| binary_of_one(*op, args[0], args[1]).unwrap());
    }
}

fn check(name: &str, count: usize, f: impl Fn(&[f64]) -> f64) {
    let path = format!("{}/tests/elementary/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    for line in text.lines() {
        let number = |word| f64::from_bits(u64::from_str_radix(word, 16).unwrap());
        let words: Vec<f64> = line.split(' ').map(number).collect();
        let (args, value) = words.split_at(count);
        let y = f(args);
        let good = match *value {
            [exact] => y.to_bits() == exact.to_bits() || y.is_nan() && exact.is_nan(),
            [nearest, rest] => (((y - nearest) - rest) / unit(nearest)).abs() <= allowed(name),
            _ => panic!("{path}: {line}"),
        };
        assert!(good, "{name}{args:?} is {y:e}, exactly {value:?}");
    }
}

/// A unit in the last place of a number.
fn unit(x: f64) -> f64 {
    let exponent = (x.abs().to_bits() >> 52).max(1);
    // 2 to the exponent − 1075, which may be subnormal.
    if exponent > 52 { f64::from_bits((exponent - 52) << 52) } else { f64::from_bits(1 << (exponent - 1)) }
}
