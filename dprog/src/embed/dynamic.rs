//! Calls with values, for who learns the types at run time: scripts, services, tests.
//!
//! A struct is its fields, an array of structs is a struct of arrays, as in the machine.

use super::code::{Code, Settings, new_number};
use super::error::{Error, ErrorKind};
use super::interface::{Leaf, has_node, without_form};
use super::native::Extent;
use super::sizes::{SizePlan, Sizes, Values, first_mismatch};
use super::thread::InUse;
use dprog_ir::interp::Val;
use dprog_ir::{Scalar, Type};
use smallvec::SmallVec;

/// A value of dProg.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// An `f64`.
    F64(f64),
    /// An `f32`.
    F32(f32),
    /// An `i64`; also an enum without payloads, by the number of its case.
    I64(i64),
    /// An `i32`.
    I32(i32),
    /// A `u8`.
    U8(u8),
    /// A `bool`.
    Bool(bool),
    /// A `str`.
    Str(String),
    /// An array of `f64`, in rows; a `List<f64>` too.
    Array {
        /// Its sizes.
        dims: Vec<usize>,
        /// As many numbers as these mean.
        data: Vec<f64>,
    },
    /// Any other array or list: of a matrix its rows.
    List(Vec<Value>),
    /// A tuple; `()` is the empty one.
    Tuple(Vec<Value>),
    /// A struct, a model, or a tangent of one, by the names of its fields.
    Fields(Vec<(String, Value)>),
}

impl Value {
    /// An array of rank 1.
    pub fn floats(data: impl Into<Vec<f64>>) -> Value {
        let data = data.into();
        Value::Array { dims: vec![data.len()], data }
    }

    /// A struct.
    pub fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
        Value::Fields(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
    }

    /// The number, if it is an `f64`.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::F64(x) => Some(*x),
            _ => None,
        }
    }

    /// The numbers, if it is an array of `f64`.
    pub fn as_floats(&self) -> Option<&[f64]> {
        match self {
            Value::Array { data, .. } => Some(data),
            _ => None,
        }
    }

    /// The field of this name, or the part of a tuple with this number.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Value::Fields(fields) => fields.iter().find(|(n, _)| n == name).map(|(_, v)| v),
            Value::Tuple(parts) => parts.get(name.parse::<usize>().ok()?),
            _ => None,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Value::F64(_) => "an f64",
            Value::F32(_) => "an f32",
            Value::I64(_) => "an i64",
            Value::I32(_) => "an i32",
            Value::U8(_) => "a u8",
            Value::Bool(_) => "a bool",
            Value::Str(_) => "a str",
            Value::Array { .. } => "an array of f64",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Fields(_) => "a struct",
        }
    }
}

/// Calls a function with a value for each parameter, the sizes in front if they cannot be told otherwise.
pub(crate) fn call(code: &Code, settings: &Settings, args: &[Value]) -> Result<Value, Error> {
    let interface = &code.interface;
    if let Some(leaf) = interface.params.iter().chain(&interface.results).find(|leaf| has_node(leaf.ty)) {
        let (function, asked) = (interface.signature.to_string(), "values".to_string());
        let reason = format!("`{}` is {}", leaf.name, without_form(leaf.ty));
        return Err(ErrorKind::Signature { function, asked, reason }.into());
    }
    let (count, names) = (interface.signature.sizes.len(), &interface.signature.params);
    let (front, own) = match args.len().checked_sub(names.len()) {
        Some(extra) if extra == count && count > 0 => args.split_at(count),
        Some(0) => args.split_at(0),
        _ => {
            let reason = format!("it has {} parameters, {} values were given", names.len(), args.len());
            return Err(code.arguments_error(reason));
        }
    };
    let mut vals = Vec::new();
    let mut extents: SmallVec<[Extent; 8]> = SmallVec::new();
    for leaf in &interface.params {
        let value = at(&own[leaf.param], &leaf.path).ok_or_else(|| missing(code, leaf, &own[leaf.param]))?;
        let (val, extent) = to_val(value, leaf.ty).map_err(|found| wrong(code, leaf, found))?;
        vals.push(val);
        extents.push(extent);
    }
    let sizes = sizes(code, front, &extents)?;
    let mut words: Vec<Val> = sizes.iter().map(|size| Val::I64(*size)).collect();
    words.append(&mut vals);
    let mut context = InUse::take();
    let ctx = context.get();
    code.prepare(ctx, settings, new_number());
    let results = code.call_values(ctx, settings, &words)?;
    Ok(from_results(code, &results))
}

fn sizes(code: &Code, front: &[Value], extents: &[Extent]) -> Result<Sizes, Error> {
    let interface = &code.interface;
    let count = interface.signature.sizes.len();
    let sizes: Sizes = if front.is_empty() {
        let plan = SizePlan::new(count, &interface.params, &vec![true; extents.len()]).map_err(|_| {
            let all = interface.signature.sizes.join(", ");
            code.arguments_error(format!("its sizes ({all}) are not told by the arguments; give them in front"))
        })?;
        plan.solve(count, &interface.params, extents)
    } else {
        let number = |value: &Value| match value {
            Value::I64(n) => Ok(*n),
            other => Err(code.arguments_error(format!("a size is an i64, not {}", other.kind()))),
        };
        front.iter().map(number).collect::<Result<_, Error>>()?
    };
    let values = Values { sizes: &sizes, extents };
    match first_mismatch(&interface.params, &values) {
        Some(reason) => Err(code.arguments_error(reason)),
        None => Ok(sizes),
    }
}

fn missing(code: &Code, leaf: &Leaf, value: &Value) -> Error {
    code.arguments_error(format!("there is no `{}` in {}", leaf.name, value.kind()))
}

fn wrong(code: &Code, leaf: &Leaf, found: &str) -> Error {
    let parameter = &code.interface.signature.params[leaf.param];
    code.arguments_error(format!("`{}: {}` cannot be {found}", parameter.name, parameter.ty))
}

/// The part of a value at the end of a way.
fn at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

// ---- in ----

/// The value as one of the machine, and its sizes; what it is instead, if it does not fit.
fn to_val(value: &Value, ty: Type) -> Result<(Val, Extent), &'static str> {
    if ty.is_array() {
        return array(value, ty);
    }
    let val = match (value, ty.as_scalar()) {
        (Value::F64(x), Some(Scalar::F64)) => Val::F64(*x),
        (Value::F32(x), Some(Scalar::F32)) => Val::F32(*x),
        (Value::I64(x), Some(Scalar::I64)) => Val::I64(*x),
        (Value::I32(x), Some(Scalar::I32)) => Val::I32(*x),
        (Value::U8(x), Some(Scalar::U8)) => Val::U8(*x),
        (Value::Bool(x), Some(Scalar::Bool)) => Val::Bool(*x),
        (Value::Str(text), None) if ty == Type::STR => Val::str(text),
        (other, _) => return Err(other.kind()),
    };
    let word = if let Val::I64(x) = val { x as u64 } else { 0 };
    Ok((val, Extent { total: 1, word, ..Extent::default() }))
}

fn array(value: &Value, ty: Type) -> Result<(Val, Extent), &'static str> {
    let (mut dims, mut items) = (Vec::new(), Vec::new());
    match value {
        Value::Array { dims: own, data } if ty.element() == Type::F64 && own.len() == ty.rank() => {
            if Some(data.len()) != own.iter().try_fold(1usize, |n, d| n.checked_mul(*d)) {
                return Err("an array with other sizes than it has elements");
            }
            dims.extend(own);
            items.extend(data.iter().map(|x| Val::F64(*x)));
        }
        Value::List(_) => rows(value, ty.rank(), ty.element(), &mut dims, &mut items)?,
        other => return Err(other.kind()),
    }
    dims.resize(ty.rank(), 0);
    let extent = Extent { total: items.len(), dims: dims.iter().copied().collect(), word: 0 };
    Ok((Val::array(&dims, items), extent))
}

/// The elements of nested lists; `dims` grows by the sizes as they are met first.
fn rows(
    value: &Value,
    rank: usize,
    element: Type,
    dims: &mut Vec<usize>,
    items: &mut Vec<Val>,
) -> Result<(), &'static str> {
    fn walk(
        value: &Value,
        depth: usize,
        rank: usize,
        element: Type,
        dims: &mut Vec<usize>,
        items: &mut Vec<Val>,
    ) -> Result<(), &'static str> {
        if depth == rank {
            items.push(to_val(value, element)?.0);
            return Ok(());
        }
        let parts: Vec<Value> = match value {
            Value::List(parts) => parts.clone(),
            Value::Array { dims, data } if dims.len() == 1 => data.iter().map(|x| Value::F64(*x)).collect(),
            other => return Err(other.kind()),
        };
        match dims.get(depth) {
            None => dims.push(parts.len()),
            Some(size) if *size == parts.len() => {}
            Some(_) => return Err("a list of rows of different lengths"),
        }
        parts.iter().try_for_each(|part| walk(part, depth + 1, rank, element, dims, items))
    }
    walk(value, 0, rank, element, dims, items)
}

// ---- out ----

/// What a value is made of, on the way to it.
enum Tree {
    Leaf(Value),
    Branch(Vec<(String, Tree)>),
}

impl Tree {
    fn put(&mut self, path: &[String], value: Value) {
        let Some((first, rest)) = path.split_first() else {
            *self = Tree::Leaf(value);
            return;
        };
        let Tree::Branch(parts) = self else { return };
        if parts.last().is_none_or(|(name, _)| name != first) {
            parts.push((first.clone(), Tree::Branch(Vec::new())));
        }
        if let Some((_, last)) = parts.last_mut() {
            last.put(rest, value);
        }
    }

    fn value(self) -> Value {
        match self {
            Tree::Leaf(value) => value,
            Tree::Branch(parts) if parts.iter().all(|(name, _)| name.parse::<usize>().is_ok()) => {
                Value::Tuple(parts.into_iter().map(|(_, part)| part.value()).collect())
            }
            Tree::Branch(parts) => Value::Fields(parts.into_iter().map(|(name, part)| (name, part.value())).collect()),
        }
    }
}

fn from_results(code: &Code, results: &[Val]) -> Value {
    let interface = &code.interface;
    let first_end = interface.results.len() - interface.ends.len();
    let mut result = Tree::Branch(Vec::new());
    let mut ends: Vec<(usize, Tree)> = Vec::new();
    for (i, (leaf, val)) in interface.results.iter().zip(results).enumerate() {
        let value = from_val(val, leaf.ty);
        if i < first_end {
            result.put(&leaf.path, value);
            continue;
        }
        if ends.last().is_none_or(|(param, _)| *param != leaf.param) {
            ends.push((leaf.param, Tree::Branch(Vec::new())));
        }
        if let Some((_, end)) = ends.last_mut() {
            end.put(&leaf.path, value);
        }
    }
    let result = result.value();
    if ends.is_empty() {
        return result;
    }
    let unit = result == Value::Tuple(Vec::new());
    let parts: Vec<Value> =
        Some(result).filter(|_| !unit).into_iter().chain(ends.into_iter().map(|(_, end)| end.value())).collect();
    if let [_] = parts[..] { parts.into_iter().next().expect("one part") } else { Value::Tuple(parts) }
}

fn from_val(val: &Val, ty: Type) -> Value {
    match val {
        Val::F64(x) => Value::F64(*x),
        Val::F32(x) => Value::F32(*x),
        Val::I64(x) => Value::I64(*x),
        Val::I32(x) => Value::I32(*x),
        Val::U8(x) => Value::U8(*x),
        Val::Bool(x) => Value::Bool(*x),
        Val::Str(text) => Value::Str(text.to_string()),
        Val::Array(array) if ty.element() == Type::F64 => {
            let number = |v: &Val| if let Val::F64(x) = v { *x } else { 0.0 };
            Value::Array { dims: array.dims.to_vec(), data: array.items().iter().map(number).collect() }
        }
        Val::Array(array) => nested(array.items(), &array.dims, ty.element()),
        Val::Node(_) | Val::Null | Val::Dual64(_) | Val::Dual32(_) => Value::Str(format!("{val:?}")),
    }
}

fn nested(items: &[Val], dims: &[usize], element: Type) -> Value {
    match dims {
        [] | [_] => Value::List(items.iter().map(|v| from_val(v, element)).collect()),
        [first, rest @ ..] => {
            let row = rest.iter().product::<usize>();
            Value::List((0..*first).map(|i| nested(&items[i * row..(i + 1) * row], rest, element)).collect())
        }
    }
}
