//! What each operation without regions computes, on values.
//!
//! Operands come by value: one that is the only reference to its array is changed in place.

use super::number::{self, Num, Width};
use super::structure;
use super::value::{Dims, Val};
use super::{Fault, array, text};
use crate::fmath;
use crate::module::Module;
use crate::opcode::{BinaryOp, CompareOp, Const, Op, UnaryOp};
use crate::trap::TrapCode;
use crate::types::{Leaf, Scalar, Type};
use smallvec::{SmallVec, smallvec};
use std::rc::Rc;

pub type Args = SmallVec<[Val; 4]>;
pub type Results = SmallVec<[Val; 2]>;

/// Computes `op`. `types` are those of the results.
pub fn compute(op: &Op, mut args: Args, types: &[Type], module: &Module) -> Result<Results, Fault> {
    let one = |v: Val| Ok(smallvec![v]);
    match op {
        Op::Const(c) => one(constant(c)),
        Op::Undef => one(undefined(types[0])),
        Op::Unary(op) => one(unary(*op, &args[0])),
        Op::Binary(op) => one(binary(*op, &args[0], &args[1])?),
        Op::Compare(op) => one(Val::Bool(compare(*op, &args[0], &args[1]))),
        Op::Select => one(args.swap_remove(if args[0].as_bool() { 1 } else { 2 })),
        Op::Convert(to) => one(convert(&args[0], *to)),
        Op::StopGrad => one(without_derivatives(args.swap_remove(0))),
        Op::Fill => one(array::fill(&args[0], &args[1..])?),
        Op::Elements => one(array::elements(args)?),
        Op::Dim(axis) => one(Val::I64(args[0].as_array().dims[*axis as usize] as i64)),
        Op::Get(_) => one(array::get(&args[0], &args[1..])?),
        Op::Set(_) => one(array::set(args)?),
        Op::Take(_) => array::take(args, undefined(types[1])),
        Op::Put => one(array::set(args)?),
        Op::AddAt(_) => one(array::add_at(args)?),
        Op::Slice(_) => one(array::slice(&args[0], args[1].as_i64(), args[2].as_i64())?),
        Op::SetSlice(_) => one(array::set_slice(args)?),
        Op::AddSlice(_) => one(array::add_slice(args)?),
        Op::Push => one(array::push(args)?),
        Op::Pop => array::pop(args),
        Op::Reshape => one(array::reshape(args)?),
        Op::Reduce(op) => one(array::reduce(*op, &args[0], types[0])?),
        Op::Dot => one(array::dot(&args[0], &args[1], types[0])?),
        Op::MatMul { transpose_a, transpose_b } => {
            one(array::matmul(&args[0], *transpose_a, &args[1], *transpose_b, types[0].element())?)
        }
        Op::MatVec { transpose } => one(array::matvec(&args[0], *transpose, &args[1], types[0].element())?),
        Op::Outer => one(array::outer(&args[0], &args[1])?),
        Op::SortPermutation => one(array::sort_permutation(&args[0])?),
        Op::NodeNew { node, case } => {
            super::admit(args.len() + 2)?;
            one(Val::node(*node, *case, args.into_vec()))
        }
        Op::NodeTag => one(Val::I64(node(&args[0])?.case as i64)),
        Op::NodeGet { case, field } => {
            let node = node(&args[0])?;
            if node.case != *case {
                return Err(Fault::defect(format!("field of case {case} of a node of case {}", node.case)));
            }
            one(node.fields()[*field as usize].clone())
        }
        Op::ZerosLike => one(structure::zeros_like(&args[0], module)),
        Op::AddTangent => {
            let b = args.swap_remove(1);
            one(structure::add_tangents(args.swap_remove(0), &b, add_floats)?)
        }
        Op::Concat => one(Val::Str(Rc::new(args.iter().map(Val::as_str).collect()))),
        Op::Format(spec) => one(Val::Str(Rc::new(text::formatted(&args[0], spec)))),
        Op::Check(_) if args[0].as_bool() => Ok(smallvec![]),
        Op::Check(code) => Err(Fault::new(*code, args[1].as_i64(), args[2].as_i64())),
        Op::Trap => Err(Fault::message(args[0].as_str())),
        Op::Retain | Op::Release => Ok(smallvec![]),
        Op::Unshare => one(args.swap_remove(0)),
        Op::Map | Op::Build | Op::If | Op::Switch | Op::For | Op::While | Op::Call(_) | Op::Host(_) => {
            unreachable!("the machine runs these itself")
        }
    }
}

fn node(v: &Val) -> Result<&super::value::Node, Fault> {
    match v {
        Val::Node(node) => Ok(node),
        Val::Null => Err(Fault::defect("an undefined node is looked at".to_string())),
        other => panic!("expected a node, found {other:?}"),
    }
}

/// The value of a constant.
pub fn constant(c: &Const) -> Val {
    match c {
        Const::F64(bits) => Val::F64(f64::from_bits(*bits)),
        Const::F32(bits) => Val::F32(f32::from_bits(*bits)),
        Const::I64(n) => Val::I64(*n),
        Const::I32(n) => Val::I32(*n),
        Const::U8(n) => Val::U8(*n),
        Const::Bool(b) => Val::Bool(*b),
        Const::Str(text) => Val::str(text),
    }
}

/// What an undefined value reads as.
fn undefined(ty: Type) -> Val {
    if ty.is_array() {
        return Val::array(&Dims::from_elem(0, ty.rank()), Vec::new());
    }
    match ty.leaf {
        Leaf::Scalar(s) => zero_of(s),
        Leaf::Str => Val::str(""),
        Leaf::Node(_) => Val::Null,
    }
}

/// Zero of a scalar type.
pub fn zero_of(s: Scalar) -> Val {
    match s {
        Scalar::F64 => Val::F64(0.0),
        Scalar::F32 => Val::F32(0.0),
        Scalar::I64 => Val::I64(0),
        Scalar::I32 => Val::I32(0),
        Scalar::U8 => Val::U8(0),
        Scalar::Bool => Val::Bool(false),
    }
}

fn number_of(v: &Val) -> (Num, Width) {
    v.number().unwrap_or_else(|| panic!("expected a number, found {v:?}"))
}

fn unary(op: UnaryOp, x: &Val) -> Val {
    match x {
        Val::F64(x) => Val::F64(fmath::unary_f64(op, *x)),
        Val::F32(x) => Val::F32(fmath::unary_f32(op, *x)),
        Val::I64(x) => Val::I64(fmath::unary_i64(op, *x)),
        Val::I32(x) => Val::I32(fmath::unary_i32(op, *x)),
        Val::U8(x) => Val::U8(fmath::unary_u8(op, *x)),
        Val::Bool(x) => Val::Bool(!x),
        other => {
            let (x, width) = number_of(other);
            number::unary(op, &x, width).into_val(width)
        }
    }
}

fn binary(op: BinaryOp, x: &Val, y: &Val) -> Result<Val, Fault> {
    let trap = |code| Fault::new(code, 0, 0);
    Ok(match (x, y) {
        (Val::F64(x), Val::F64(y)) => Val::F64(fmath::binary_f64(op, *x, *y)),
        (Val::F32(x), Val::F32(y)) => Val::F32(fmath::binary_f32(op, *x, *y)),
        (Val::I64(x), Val::I64(y)) => Val::I64(fmath::binary_i64(op, *x, *y).map_err(trap)?),
        (Val::I32(x), Val::I32(y)) => Val::I32(fmath::binary_i32(op, *x, *y).map_err(trap)?),
        (Val::U8(x), Val::U8(y)) => Val::U8(fmath::binary_u8(op, *x, *y).map_err(trap)?),
        (Val::Bool(x), Val::Bool(y)) => Val::Bool(fmath::binary_bool(op, *x, *y)),
        _ => {
            let ((x, width), (y, _)) = (number_of(x), number_of(y));
            number::binary(op, &x, &y, width).into_val(width)
        }
    })
}

/// `x + y` of two floats or integers of one type.
pub fn add_floats(x: &Val, y: &Val) -> Val {
    match (x, y) {
        (Val::F64(x), Val::F64(y)) => Val::F64(x + y),
        _ => binary(BinaryOp::Add, x, y).expect("a sum does not trap"),
    }
}

/// `x * y` of two floats of one type.
pub fn mul_floats(x: &Val, y: &Val) -> Val {
    match (x, y) {
        (Val::F64(x), Val::F64(y)) => Val::F64(x * y),
        _ => binary(BinaryOp::Mul, x, y).expect("a product does not trap"),
    }
}

fn compare(op: CompareOp, x: &Val, y: &Val) -> bool {
    match (x, y) {
        (Val::I64(x), Val::I64(y)) => fmath::compare(op, x, y),
        (Val::I32(x), Val::I32(y)) => fmath::compare(op, x, y),
        (Val::U8(x), Val::U8(y)) => fmath::compare(op, x, y),
        (Val::Bool(x), Val::Bool(y)) => fmath::compare(op, x, y),
        (Val::Str(x), Val::Str(y)) => fmath::compare(op, x.as_str(), y.as_str()),
        _ => fmath::compare(op, &x.as_float(), &y.as_float()),
    }
}

fn convert(x: &Val, to: Scalar) -> Val {
    if let (Val::Dual64(_) | Val::Dual32(_), Scalar::F64 | Scalar::F32) = (x, to) {
        let width = if to == Scalar::F32 { Width::F32 } else { Width::F64 };
        return number_of(x).0.into_val(width);
    }
    let plain = match x {
        Val::F64(x) => Const::f64(*x),
        Val::F32(x) => Const::f32(*x),
        Val::I64(x) => Const::I64(*x),
        Val::I32(x) => Const::I32(*x),
        Val::U8(x) => Const::U8(*x),
        Val::Bool(x) => Const::Bool(*x),
        other => Const::f64(other.as_float()),
    };
    constant(&fmath::fold_convert(&plain, to).expect("scalars convert to scalars"))
}

/// `v` without derivatives of any level.
fn without_derivatives(v: Val) -> Val {
    let carries = |leaf: &&Val| matches!(leaf, Val::Dual64(_) | Val::Dual32(_));
    if !structure::leaves(&v).iter().any(carries) {
        return v;
    }
    structure::with_leaves(&v, |leaf| match leaf.number() {
        Some((num, width)) => Num::Plain(num.primal()).into_val(width),
        None => leaf.clone(),
    })
}

impl Fault {
    /// The program's own message.
    pub fn message(text: &str) -> Fault {
        Fault { code: TrapCode::Message, a: 0, b: 0, text: text.to_string() }
    }

    /// Something that a correct compiler cannot let happen.
    pub fn defect(what: String) -> Fault {
        Fault::message(&format!("defect of the compiler: {what}"))
    }
}
