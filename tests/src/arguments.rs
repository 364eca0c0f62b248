//! Arguments for functions of IR: values of any type, ordinary ones and extreme ones.

use crate::generate::random::Random;
use dprog_ir::interp::Val;
use dprog_ir::{AxisSize, FuncId, Leaf, Module, NodeId, Scalar, Type};
use std::collections::BTreeMap;

/// Arguments for a function. Arrays have one size along each axis, if the function does not fix it: that those of one
/// `map` have one shape is for the front end to see to.
pub fn arguments(module: &Module, f: FuncId, random: &mut Random) -> Vec<Val> {
    let sizes: Vec<usize> = (0..Type::MAX_RANK).map(|_| random.below(5)).collect();
    let func = &module.funcs[f];
    let params = func.entry().map_or(&[][..], |entry| &func.regions[entry].params);
    let fixed = |k: usize| params.get(k).and_then(|v| func.values[*v].sizes.clone());
    let mut promised: BTreeMap<u32, usize> = BTreeMap::new();
    let mut argument = |(k, ty): (usize, &Type)| {
        let mut sizes = sizes.clone();
        for (size, fixed) in sizes.iter_mut().zip(fixed(k).iter().flat_map(|fixed| fixed.iter())) {
            *size = match fixed {
                AxisSize::Open => *size,
                AxisSize::Number(n) => *n as usize,
                AxisSize::Param(k) => *promised.entry(*k).or_insert(*size),
            };
        }
        value(module, *ty, random, &sizes, 0)
    };
    let mut arguments: Vec<Val> = func.params.iter().enumerate().map(&mut argument).collect();
    for (k, size) in promised {
        arguments[k as usize] = Val::I64(size as i64);
    }
    arguments
}

fn value(module: &Module, ty: Type, random: &mut Random, sizes: &[usize], depth: usize) -> Val {
    if ty.is_array() {
        let dims = &sizes[..ty.rank()];
        let items = (0..dims.iter().product()).map(|_| value(module, ty.element(), random, sizes, depth + 1)).collect();
        return Val::array(dims, items);
    }
    match ty.leaf {
        Leaf::Scalar(scalar) => number(scalar, random),
        Leaf::Str => Val::str("text"),
        Leaf::Node(id) => node(module, id, random, sizes, depth),
    }
}

fn number(scalar: Scalar, random: &mut Random) -> Val {
    match scalar {
        Scalar::F64 => Val::F64(*random.pick(&[0.0, -0.0, 1.0, -1.5, 2.0, 0.25, 3.0, f64::NAN, f64::INFINITY])),
        Scalar::F32 => Val::F32(random.float(3.0) as f32),
        Scalar::I64 => Val::I64(*random.pick(&[0, 1, 2, 3, 5, -1, i64::MAX, i64::MIN])),
        Scalar::I32 => Val::I32(random.between(-3, 3) as i32),
        Scalar::U8 => Val::U8(random.between(0, 9) as u8),
        Scalar::Bool => Val::Bool(random.percent(50)),
    }
}

/// A node of any case near the surface, of the first one deep below.
fn node(module: &Module, id: NodeId, random: &mut Random, sizes: &[usize], depth: usize) -> Val {
    let cases = &module.nodes[id].cases;
    let case = if depth > 3 { 0 } else { random.below(cases.len()) };
    let fields = cases[case].fields.iter().map(|field| value(module, field.ty, random, sizes, depth + 1)).collect();
    Val::node(id, case as u32, fields)
}
